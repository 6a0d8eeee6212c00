"""Chunks of rows -> blocks of numbers and texts by group of columns."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple, NoReturn, cast

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.corpus.tables.cells import GroupCells, MissingCodes, MixedCells, TextColumns, to_texts
from kxcli.corpus.tables.chunks import RowChunk
from kxcli.corpus.tables.column_types import (
    MAX_EXACT_INTEGER,
    N_SURVEYED_CELLS,
    DateType,
    NumberType,
    NumericType,
    convert_cells,
    is_rounded_integer,
)
from kxcli.corpus.tables.number_formats import find_formats, is_like_number
from kxcli.errors import InputError
from kxcli.wording import MAX_EXAMPLES, shorten


@dataclass(frozen=True)
class ColumnGroup:
    """Columns that make one vector.

    Attributes:
        columns: Their numbers, from 0.
        is_number: Whether their cells must be numbers or texts; None to decide by the first cells with a value.
        labels_option: The option that makes the columns texts, for messages about mixed columns.
        is_mixable: Whether some of them may be numbers and some texts, if their cells decide.
    """

    columns: tuple[int, ...]
    is_number: bool | None
    labels_option: str = ""
    is_mixable: bool = False


class ColumnSplit(NamedTuple):
    """The columns of a group that are numbers, and those that are texts."""

    numbers: tuple[int, ...]
    texts: tuple[int, ...]


class TableBlock(NamedTuple):
    """Rows of one source.

    Attributes:
        groups: For each group a matrix of numbers, NaN if missing, or a list for each column of texts, None if missing;
            or both.
        path: The source.
        lines: The first line of each row, from 1; for an array, the row's number.
    """

    groups: list[GroupCells]
    path: str
    lines: IntArray


def join_cells(blocks: Sequence[GroupCells]) -> GroupCells:
    """Return the cells of a group in several blocks as one."""
    first = blocks[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(cast(Sequence[FloatArray], blocks)) if len(blocks) > 1 else first
    if isinstance(first, MixedCells):
        numbers, texts, _ = zip(*cast(Sequence[MixedCells], blocks), strict=True)
        return MixedCells(cast(FloatArray, join_cells(numbers)), cast(TextColumns, join_cells(texts)), first.places)
    columns = zip(*cast(Sequence[TextColumns], blocks), strict=True)
    return [list(chain(*column)) for column in columns]


def join_blocks(blocks: Sequence[TableBlock]) -> TableBlock:
    """Return blocks of one source as one."""
    if len(blocks) == 1:
        return blocks[0]
    groups = [join_cells(same) for same in zip(*(block.groups for block in blocks), strict=True)]
    return TableBlock(groups, blocks[0].path, np.concatenate([block.lines for block in blocks]))


class BlockBuilder:
    """Makes blocks from chunks.

    Args:
        groups: The groups of columns.
        types: The type of each column that is numbers in a group.
        splits: The columns of each group that are numbers and texts.
        missing: The cells without a value.
        describe_column: Returns the name of a column for messages.
    """

    def __init__(
        self,
        groups: Sequence[ColumnGroup],
        types: Mapping[int, NumericType],
        splits: Sequence[ColumnSplit],
        missing: MissingCodes,
        describe_column: Callable[[int], str],
    ) -> None:
        self._groups, self._types, self._splits = groups, types, splits
        self._missing, self._describe_column = missing, describe_column
        self._numbers, self._texts = (list(dict.fromkeys(chain(*columns))) for columns in zip(*splits, strict=True))
        self._plain = [column for column in self._numbers if types[column].is_plain]
        place = {column: at for at, column in enumerate(self._numbers)}
        self._at = [[place[column] for column in split.numbers] for split in splits]
        self.rounded: dict[int, int] = {}  # the first line with a rounded integer of each such column
        self.line_below_header: tuple[str, int] | None = None  # of the first source with a header

    def build_block(self, path: str, chunk: RowChunk) -> TableBlock:
        """Return the block of a chunk.

        Raises:
            InputError: For a cell that is not of its column's type.
        """
        matrix = self._build_matrix(path, chunk)
        columns = {
            column: to_texts(cells, self._missing)
            for column, cells in zip(self._texts, chunk.cells(self._texts) if self._texts else [], strict=True)
        }
        groups: list[GroupCells] = []
        whole = [*range(matrix.shape[1])]
        for group, split, at in zip(self._groups, self._splits, self._at, strict=True):
            numbers = matrix if at == whole else np.ascontiguousarray(matrix[:, at])
            groups.append(_make_cells(group, split, numbers, [columns[column] for column in split.texts]))
        return TableBlock(groups, path, chunk.lines)

    def build_empty(self, path: str) -> TableBlock:
        """Return a block without rows."""
        groups = [
            _make_cells(group, split, np.empty((0, len(split.numbers))), [[] for _ in split.texts])
            for group, split in zip(self._groups, self._splits, strict=True)
        ]
        return TableBlock(groups, path, np.empty(0, np.int64))

    def _build_matrix(self, path: str, chunk: RowChunk) -> FloatArray:
        """Return the columns of numbers, those that numpy parses in one call."""
        found = chunk.numbers(self._plain, self._missing) if self._plain else None
        if found is None or len(self._plain) < len(self._numbers):
            matrix = np.empty((len(chunk.lines), len(self._numbers)))
            slow = [*range(len(self._numbers))]
            if found is not None:
                slow = [at for at, column in enumerate(self._numbers) if not self._types[column].is_plain]
                matrix[:, [at for at in range(len(self._numbers)) if at not in slow]] = found
            for at, cells in zip(slow, chunk.cells([self._numbers[at] for at in slow]) if slow else (), strict=True):
                values = convert_cells(cells, self._types[self._numbers[at]], self._missing)
                if values is None:
                    self._raise_bad_cell(path, chunk)
                matrix[:, at] = values
            found = matrix
        is_large: BoolArray = np.abs(found) >= MAX_EXACT_INTEGER
        if is_large.any():
            if np.isinf(found).any():
                self._raise_bad_cell(path, chunk)
            self._find_rounded(chunk, is_large)
        return found

    def _find_rounded(self, chunk: RowChunk, is_large: BoolArray) -> None:
        """Find integers of plain columns that have been rounded."""
        columns = [
            column
            for at, column in enumerate(self._numbers)
            if is_large[:, at].any() and isinstance(self._types[column], NumberType) and column not in self.rounded
        ]
        for column, cells in zip(columns, chunk.cells(columns) if columns else (), strict=True):
            rows = np.flatnonzero(is_large[:, self._numbers.index(column)]).tolist()
            line = next((int(chunk.lines[row]) for row in rows if is_rounded_integer(cells[row] or "")), 0)
            if line:
                self.rounded[column] = line

    def _raise_bad_cell(self, path: str, chunk: RowChunk) -> NoReturn:
        """Raise `InputError` for the first cell that is not a finite number.

        The message names up to two other such cells of the column.
        """
        line, column, cell = next(self._iter_bad_cells(chunk, self._numbers))
        kind, where = self._types[column], f"in {self._describe_column(column)}"
        option = next(
            (
                group.labels_option
                for group, split in zip(self._groups, self._splits, strict=True)
                if column in split.numbers
            ),
            "",
        )
        code = f"use --na-values {shlex.quote(shorten(cell))} for a missing value"
        if kind.parse(cell) is not None:
            what = f"{shorten(cell.strip())} {where} is not a finite number"
            raise InputError(path, what, f"correct it, or {code}", line=line)
        others: dict[str, int] = {}
        for other_line, _, other in self._iter_bad_cells(chunk, [column]):
            if other != cell and kind.parse(other) is None:
                others.setdefault(other, other_line)
            if len(others) == MAX_EXAMPLES - 1:
                break
        also = " or ".join(f"{shorten(other)!r} (line {number:,})" for other, number in others.items())
        what = (
            f"{shorten(cell)!r} {where} is not {_ARTICLES[kind.noun]} {kind.noun}{f', nor is {also}' if also else ''}"
        )
        labels = f", or {option} delta for labels" if option else ""
        (cells,) = chunk.cells([column])
        present = [one for one in cells[:N_SURVEYED_CELLS] if one is not None and not self._missing.has(one)]
        hint = f"{_suggest_fix(kind, cell, {cell, *present})}, {code}{labels}"
        n_bad = sum(number == line for number, _, _ in self._iter_bad_cells(chunk, self._numbers))
        if (path, line) == self.line_below_header and not others and n_bad == len(self._numbers) > 1:
            hint = f"if it is a row of units, delete it; if it has the columns' names, use --skip-rows {line - 1}"
        raise InputError(path, what, hint, line)

    def _iter_bad_cells(self, chunk: RowChunk, columns: Sequence[int]) -> Iterator[tuple[int, int, str]]:
        """Yield the line, the column and the text of cells that are not finite numbers."""
        for line, *row in zip(chunk.lines.tolist(), *chunk.cells(columns), strict=True):
            for column, cell in zip(columns, row, strict=True):
                if cell is None or self._missing.has(cell):
                    continue
                number = self._types[column].parse(cell)
                if number is None or (np.isinf(number) and number not in self._missing.numbers):
                    yield line, column, cell


def _make_cells(group: ColumnGroup, split: ColumnSplit, numbers: FloatArray, texts: TextColumns) -> GroupCells:
    if not split.texts:
        return numbers
    if not split.numbers:
        return texts
    return MixedCells(numbers, texts, tuple(map(group.columns.index, split.numbers)))


_ARTICLES = {"number": "a", "integer": "an", "date": "a"}


def _suggest_fix(kind: NumericType, cell: str, cells: Iterable[str]) -> str:
    """Return how to make a cell a number, given the cells of its column."""
    if not isinstance(kind, NumberType):
        return "write it as 2024-01-31" if isinstance(kind, DateType) else "correct it"
    formats = find_formats(cells, kind.format)
    if kind.format in formats:
        written = kind.format.parse(cell)
        unit = kind.unit or (written.unit if written is not None else "")
        return f"write all cells of the column with {unit}, or none" if unit else "write it as -5"
    if not formats:
        return f"write it as 1234{kind.format.decimal}5" if is_like_number(cell) else "correct it"
    ways = [(kind.format.describe_change(one), one.parse(cell)) for one in formats]
    if len(ways) == 1:
        return f"use {ways[0][0]}"
    return "use " + ", or ".join(f"{options} if it is {written.text}" for options, written in ways if written)
