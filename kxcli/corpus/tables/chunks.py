"""What the readers of tables hand on: one source's part of the table, in chunks of rows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Protocol

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.corpus.tables.cells import MissingCodes, to_numbers


class RowChunk(Protocol):
    """Some rows of a source, whole in the columns that were asked for."""

    @property
    def lines(self) -> IntArray:
        """The line on which each row begins."""
        ...

    @property
    def is_numeric(self) -> bool:
        """Whether all cells are numbers or missing, whatever their texts look like."""
        ...

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray | None:
        """Return columns as numbers, a row each, NaN for missing; None where a cell is neither."""
        ...

    def cells(self, columns: Sequence[int]) -> Sequence[Sequence[str | None]]:
        """Return the cells of each column."""
        ...


@dataclass(frozen=True)
class CellChunk:
    """Rows that were parsed one by one: the cells of each column that was asked for."""

    is_numeric: ClassVar[bool] = False

    lines: IntArray
    columns: Mapping[int, Sequence[str | None]]

    @classmethod
    def of(cls, lines: Sequence[int], rows: Sequence[Sequence[str | None]], columns: Sequence[int]) -> "CellChunk":
        """Make a chunk of rows that have a cell for each of the columns, in their order."""
        return cls(np.array(lines, np.int64), {column: [row[at] for row in rows] for at, column in enumerate(columns)})

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray | None:
        """Return columns as numbers, or None."""
        return stack_numbers(self.cells(columns), len(self.lines), missing)

    def cells(self, columns: Sequence[int]) -> Sequence[Sequence[str | None]]:
        """Return the cells of each column."""
        return [self.columns[column] for column in columns]


@dataclass(frozen=True)
class TablePart:
    """One source of a table.

    names: its header, () without one.  width: None where it has blank lines alone, which fit a table of one column.
    has_header: None where there is none to be had.  chunks: reads the rest of it, the columns that are named.
    is_header_guessed: whether the first row decided `has_header`.
    """

    path: str
    names: tuple[str, ...]
    width: int | None
    has_header: bool | None
    chunks: Callable[[Sequence[int]], Iterator[RowChunk]]
    is_header_guessed: bool = False


def stack_numbers(columns: Sequence[Sequence[str | None]], rows: int, missing: MissingCodes) -> FloatArray | None:
    """Return columns of cells as a matrix of numbers; None where a cell is neither number nor missing."""
    matrix = np.empty((rows, len(columns)))
    for at, cells in enumerate(columns):
        column = to_numbers(cells, missing)
        if column is None:
            return None
        matrix[:, at] = column
    return matrix
