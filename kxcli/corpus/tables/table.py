"""Sources -> one table -> blocks of rows of numbers or texts."""

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import chain, groupby
from typing import NamedTuple, NoReturn, cast

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.corpus.diagnostics import Notice
from kxcli.corpus.sources import Source
from kxcli.corpus.tables.cells import (
    GroupCells,
    MissingCodes,
    TextColumns,
    is_like_number,
    is_number,
    to_number,
    to_numbers,
    to_texts,
)
from kxcli.corpus.tables.chunks import RowChunk, TablePart
from kxcli.corpus.tables.parts import TableReading, open_parts
from kxcli.errors import InputError, UsageError
from kxcli.wording import shorten

N_SURVEYED_CELLS = 1_000  # cells with a value that decide whether a column is numbers
_FEW_LABELS = 10  # distinct cells such as 5% that are labels if they recur, like the doses of a trial


@dataclass(frozen=True)
class ColumnGroup:
    """Columns that make one vector.

    Attributes:
        columns: Their numbers, from 0.
        is_number: Whether their cells must be numbers or texts; None to decide by the first cells with a value.
        labels_option: The option that makes the columns texts, for messages about mixed columns.
    """

    columns: tuple[int, ...]
    is_number: bool | None
    labels_option: str = ""


class TableBlock(NamedTuple):
    """Rows of one source.

    Attributes:
        groups: For each group a matrix of numbers, NaN if missing, or a list for each column of texts, None if missing.
        path: The source.
        lines: The first line of each row, from 1; for an array, the row's number.
    """

    groups: list[GroupCells]
    path: str
    lines: IntArray


class Table:
    """Sources as one open table; `path` is the first source with rows or a header."""

    def __init__(
        self, parts: Iterator[TablePart], first: TablePart, blank: Sequence[TablePart], reading: TableReading
    ) -> None:
        self.names, self.width, self.path = first.names, first.width or 1, first.path
        self.missing = reading.missing
        self._parts = chain(blank, [first], parts)
        self._reading, self._is_header_guessed = reading, first.is_header_guessed
        self._note_doubtful_header(next(filter(is_number, self.names), None), "is a number")

    def iter_blocks(self, groups: Sequence[ColumnGroup]) -> Iterator[TableBlock]:
        """Yield the rows in order; this works once.

        There is at least one block, and all have the same types. A block has rows of one source. The first has the
        rows of its source that decided the types.

        Raises:
            InputError: For a cell of another type than its group, or a group of columns of different types.
        """
        columns = list(dict.fromkeys(column for group in groups for column in group.columns))
        chunks = (
            (part, chunk)
            for part in self._parts
            if part.width == self.width or self.width == 1
            for chunk in part.read_chunks(columns)
            if len(chunk.lines)
        )
        first_chunks, kinds = self._decide_types(chunks, groups)
        builder = _BlockBuilder(self, groups, kinds)
        if not first_chunks:
            yield builder.build_empty()
        for _, same in groupby(first_chunks, lambda one: id(one[0])):
            yield _join_blocks([builder.build_block(part.path, chunk) for part, chunk in same])
        first_chunks.clear()
        for part, chunk in chunks:
            yield builder.build_block(part.path, chunk)

    def describe_column(self, column: int) -> str:
        """Return the name of a column for messages."""
        return f"the column {self.names[column]!r}" if self.names else f"the column {column + 1}"

    def note(self, message: str) -> None:
        """Report a decision about the table."""
        self._reading.report(Notice(self.path, message))

    def _decide_types(
        self, chunks: Iterator[tuple[TablePart, RowChunk]], groups: Sequence[ColumnGroup]
    ) -> tuple[list[tuple[TablePart, RowChunk]], list[bool]]:
        """Return the chunks used to decide the types, and the type of each group."""
        first_chunks: list[tuple[TablePart, RowChunk]] = []
        surveys = {
            column: _ColumnSurvey(self.missing)
            for group in groups
            if group.is_number is None
            for column in group.columns
        }
        for part, chunk in chunks:
            first_chunks.append((part, chunk))
            open_columns = [column for column, survey in surveys.items() if survey.n < N_SURVEYED_CELLS]
            if chunk.is_numeric and (numbers := chunk.numbers(open_columns, self.missing)) is not None:
                for column, count in zip(open_columns, (~np.isnan(numbers)).sum(axis=0).tolist(), strict=True):
                    surveys[column].n_numeric += count
            else:
                for column, cells in zip(open_columns, chunk.cells(open_columns), strict=True):
                    surveys[column].add(cells)
            if all(survey.n >= N_SURVEYED_CELLS for survey in surveys.values()):
                break
        if self.names:
            names = (self.names[column] for column, survey in surveys.items() if self.names[column] in survey.cells)
            self._note_doubtful_header(next(names, None), "occurs again below it")
        return first_chunks, [
            self._is_number(group, surveys) if group.is_number is None else group.is_number for group in groups
        ]

    def _is_number(self, group: ColumnGroup, surveys: "dict[int, _ColumnSurvey]") -> bool:
        kinds = {column: surveys[column].is_number() for column in group.columns if surveys[column].n}
        if len(set(kinds.values())) > 1:
            first = {kind: column for column, kind in reversed(kinds.items())}
            numbers, labels = self.describe_column(first[True]), self.describe_column(first[False])
            what = f"{numbers} has numbers and {labels} has labels, so they cannot be one vector"
            hint = f"name columns of one kind, or use {group.labels_option} delta for labels"
            raise InputError(self.path, what, hint)
        return False not in kinds.values()

    def _note_doubtful_header(self, cell: str | None, what: str) -> None:
        if cell is not None and self._is_header_guessed:
            message = (
                f"the first row is read as the columns' names, although {shorten(cell)!r} in it {what}; "
                "use --no-header-in if it is data, or --header-in"
            )
            self._reading.report(Notice(self.path, message, is_warning=True))
            self._is_header_guessed = False  # one note is enough


@contextmanager
def open_table(sources: Sequence[Source], reading: TableReading) -> Iterator[Table]:
    """Open sources as one table; each is open only while it is read.

    Raises:
        InputError: If there is no row, or later, if a source has other columns than the first.
    """
    if not sources:
        raise UsageError("there is no input.")
    with closing(open_parts(sources, reading)) as parts:
        try:
            blank: list[TablePart] = []
            for part in parts:
                if part.width is not None:
                    yield Table(parts, part, blank, reading)
                    return
                blank.append(part)
            if not blank:
                n = reading.layout.skip_rows
                what = f"has no line after the first {n} (--skip-rows)" if n else "is empty"
                raise InputError(sources[0].path, what, "give a table with rows")
            yield Table(iter(()), blank[0], blank[1:], reading)
        except InputError as error:
            parts.throw(error)  # the open source checks whether it was changed meanwhile
            raise


class _ColumnSurvey:
    """The first present cells of a column."""

    def __init__(self, missing: MissingCodes) -> None:
        self._missing = missing
        self.cells: Counter[str] = Counter()
        self.n_numeric = 0  # of arrays of numbers

    @property
    def n(self) -> int:
        """Cells."""
        return self.n_numeric + self.cells.total()

    def add(self, cells: Sequence[str | None]) -> None:
        """Count cells until enough are counted."""
        for start in range(0, len(cells), N_SURVEYED_CELLS):
            room = N_SURVEYED_CELLS - self.n
            if room <= 0:
                return
            some = [
                cell for cell in to_texts(cells[start : start + N_SURVEYED_CELLS], self._missing) if cell is not None
            ]
            self.cells.update(some[:room])

    def is_number(self) -> bool:
        """Return whether most cells, or most distinct ones, are (formatted) numbers.

        A column of formatted numbers alone is labels if it has few distinct ones.
        """
        if to_numbers(list(self.cells), self._missing) is not None:
            return True
        numbers = {cell for cell in self.cells if is_number(cell)}
        like = {cell for cell in self.cells if is_like_number(cell)}
        n = self.n_numeric + sum(self.cells[cell] for cell in numbers | like)
        if 2 * n <= self.n and 2 * len(numbers | like) <= len(self.cells):
            return False
        return bool(numbers or self.n_numeric) or len(self.cells) > _FEW_LABELS or 2 * len(self.cells) > self.n


def join_cells(blocks: Sequence[GroupCells]) -> GroupCells:
    """Return the cells of a group in several blocks as one."""
    first = blocks[0]
    if isinstance(first, np.ndarray):
        return np.concatenate(cast(Sequence[FloatArray], blocks)) if len(blocks) > 1 else first
    columns = zip(*cast(Sequence[TextColumns], blocks), strict=True)
    return [list(chain(*column)) for column in columns]


def _join_blocks(blocks: Sequence[TableBlock]) -> TableBlock:
    if len(blocks) == 1:
        return blocks[0]
    groups = [join_cells(same) for same in zip(*(block.groups for block in blocks), strict=True)]
    return TableBlock(groups, blocks[0].path, np.concatenate([block.lines for block in blocks]))


class _BlockBuilder:
    """Makes blocks from chunks; `kinds` has for each group whether it is numbers."""

    def __init__(self, table: Table, groups: Sequence[ColumnGroup], kinds: Sequence[bool]) -> None:
        self._table, self._groups, self._kinds = table, groups, kinds
        self._numbers, self._texts = (
            list(dict.fromkeys(c for g, is_ in zip(groups, kinds, strict=True) if is_ is kind for c in g.columns))
            for kind in (True, False)
        )
        place = {column: at for at, column in enumerate(self._numbers)}
        self._at = [
            [place[column] for column in group.columns] if is_numbers else []
            for group, is_numbers in zip(groups, kinds, strict=True)
        ]

    def build_block(self, path: str, chunk: RowChunk) -> TableBlock:
        matrix = np.empty((len(chunk.lines), 0))
        if self._numbers:
            found = chunk.numbers(self._numbers, self._table.missing)
            if found is None or np.isinf(found).any():
                self._raise_bad_cell(path, chunk)
            matrix = found
        columns = {
            column: to_texts(cells, self._table.missing)
            for column, cells in zip(self._texts, chunk.cells(self._texts) if self._texts else [], strict=True)
        }
        groups: list[GroupCells] = []
        whole = [*range(matrix.shape[1])]
        for group, is_numbers, at in zip(self._groups, self._kinds, self._at, strict=True):
            if is_numbers:
                groups.append(matrix if at == whole else np.ascontiguousarray(matrix[:, at]))
            else:
                groups.append([columns[column] for column in group.columns])
        return TableBlock(groups, path, chunk.lines)

    def build_empty(self) -> TableBlock:
        groups: list[GroupCells] = [
            np.empty((0, len(group.columns))) if is_numbers else [[] for _ in group.columns]
            for group, is_numbers in zip(self._groups, self._kinds, strict=True)
        ]
        return TableBlock(groups, self._table.path, np.empty(0, np.int64))

    def _raise_bad_cell(self, path: str, chunk: RowChunk) -> NoReturn:
        """Raise `InputError` for the first cell that is not a finite number."""
        options = {
            column: group.labels_option
            for group, is_numbers in zip(reversed(self._groups), reversed(self._kinds), strict=True)
            if is_numbers
            for column in group.columns
        }
        for line, *row in zip(chunk.lines.tolist(), *chunk.cells(self._numbers), strict=True):
            for column, cell in zip(self._numbers, row, strict=True):
                if self._table.missing.has(cell):
                    continue
                where = f"in {self._table.describe_column(column)}"
                code = f"use --na-values {shlex.quote(shorten(cell))} for a missing value"
                if not is_number(cell):
                    fix = "write it as 1234.5" if is_like_number(cell) else "correct it"
                    labels = f", or {options[column]} delta for labels" * bool(options[column])
                    raise InputError(path, f"{shorten(cell)!r} {where} is not a number", f"{fix}, {code}{labels}", line)
                if np.isinf(to_number(cell, self._table.missing)):
                    what = f"{shorten(cell.strip())} {where} is not a finite number"
                    raise InputError(path, what, f"correct it, or {code}", line=line)
        raise AssertionError("all cells of a chunk without numbers are numbers")
