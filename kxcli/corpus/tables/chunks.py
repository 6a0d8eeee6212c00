"""The parts of a table, one for each source, in chunks of rows."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray
from kxcli.corpus.tables.cells import MissingCodes, to_numbers

NumberedCells = tuple[int, Sequence[str | None]]  # the first line of a row, and its cells


@dataclass(frozen=True)
class RowChunk(ABC):
    """Some rows of a source, with the cells of the requested columns.

    Attributes:
        lines: The first line of each row.
        is_numeric: Whether the source has numbers instead of texts.
    """

    is_numeric: ClassVar[bool] = False

    lines: IntArray

    @abstractmethod
    def cells(self, columns: Sequence[int]) -> Sequence[Sequence[str | None]]:
        """Return the cells of each column."""

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray | None:
        """Return columns as a matrix of numbers, with NaN for missing cells.

        Return None if a cell is neither a number nor missing.
        """
        matrix = np.empty((len(self.lines), len(columns)))
        for at, cells in enumerate(self.cells(columns)):
            column = to_numbers(cells, missing)
            if column is None:
                return None
            matrix[:, at] = column
        return matrix


@dataclass(frozen=True)
class CellChunk(RowChunk):
    """Rows parsed one by one: the cells of each requested column."""

    columns: Mapping[int, Sequence[str | None]]

    @classmethod
    def from_rows(cls, rows: Sequence[NumberedCells], columns: Sequence[int], *, is_whole: bool = False) -> "CellChunk":
        """Make a chunk of numbered rows.

        Args:
            rows: The rows, with the cells of the requested columns in their order.
            columns: The requested columns.
            is_whole: Whether the rows have the cells of all columns instead.
        """
        places = zip(columns, columns if is_whole else range(len(columns)), strict=True)
        cells = {column: [row[at] for _, row in rows] for column, at in places}
        return cls(np.array([number for number, _ in rows], np.int64), cells)

    def cells(self, columns: Sequence[int]) -> Sequence[Sequence[str | None]]:
        """Return the cells of each column."""
        return [self.columns[column] for column in columns]


@dataclass(frozen=True)
class ArrayChunk(RowChunk):
    """Rows of a format with types: numbers or texts for each requested column."""

    columns: Mapping[int, AnyArray | Sequence[str | None]]

    def cells(self, columns: Sequence[int]) -> Sequence[Sequence[str | None]]:
        """Return the cells of each column, numbers as texts."""
        return [
            [str(value) for value in column.tolist()] if isinstance(column, np.ndarray) else column
            for column in map(self.columns.__getitem__, columns)
        ]

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray | None:
        """Return columns as a matrix of numbers, or None.

        Numbers beyond the range of float64 are infinite.
        """
        matrix = np.empty((len(self.lines), len(columns)))
        for at, column in enumerate(map(self.columns.__getitem__, columns)):
            if isinstance(column, np.ndarray):
                with np.errstate(all="ignore"):
                    matrix[:, at] = missing.erase(column.astype(np.float64))
            elif (numbers := to_numbers(column, missing)) is not None:
                matrix[:, at] = numbers
            else:
                return None
        return matrix


@dataclass(frozen=True)
class TablePart:
    """One source of a table.

    Attributes:
        path: The source.
        names: The cells of its header, or () without one.
        width: The number of its columns, or None if it has blank lines alone, which fit a table of any one column.
        has_header: Whether it has a header, or None if its format has none.
        read_chunks: Reads the rows of the given columns.
        is_header_guessed: Whether the first row decided `has_header`.
        row_below: The row below the header, if it has been read.
        has_row_names: Whether the first column has names of rows.
    """

    path: str
    names: tuple[str, ...]
    width: int | None
    has_header: bool | None
    read_chunks: Callable[[Sequence[int]], Iterator[RowChunk]]
    is_header_guessed: bool = False
    row_below: NumberedCells | None = None
    has_row_names: bool = False
