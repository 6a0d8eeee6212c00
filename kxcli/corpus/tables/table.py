"""Sources -> one table -> blocks of rows of numbers or texts."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from itertools import chain, groupby

import numpy as np

from kxcli.corpus.diagnostics import Notice
from kxcli.corpus.sources import Source
from kxcli.corpus.tables.blocks import BlockBuilder, ColumnGroup, ColumnSplit, TableBlock, join_blocks
from kxcli.corpus.tables.chunks import RowChunk, TablePart
from kxcli.corpus.tables.column_types import (
    MAX_EXACT_INTEGER,
    N_SURVEYED_CELLS,
    ColumnSurvey,
    NumberType,
    NumericType,
)
from kxcli.corpus.tables.number_formats import is_number_or_date
from kxcli.corpus.tables.parts import TableReading, open_parts
from kxcli.errors import InputError, UsageError
from kxcli.wording import format_examples, shorten


class Table:
    """Sources as one open table; `path` is the first source with rows or a header."""

    def __init__(
        self, parts: Iterator[TablePart], first: TablePart, blank: Sequence[TablePart], reading: TableReading
    ) -> None:
        self.names, self.width, self.path = first.names, first.width or 1, first.path
        self.delimiter = reading.layout.delimiter  # of the option
        self.missing, self.row_below = reading.missing, first.row_below
        self._has_row_names = first.has_row_names
        self._parts = chain(blank, [first], parts)
        self._reading, self._is_header_guessed = reading, first.is_header_guessed
        numbers = (name for name in self.names if is_number_or_date(name, reading.number_format))
        self._note_doubtful_header(next(numbers, None), "is a number")

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
        first_chunks, splits, types = self._decide_types(chunks, groups)
        builder = BlockBuilder(groups, types, splits, self.missing, self.describe_column)
        if self.row_below is not None:
            builder.line_below_header = self.path, self.row_below[0]
        if not first_chunks:
            yield builder.build_empty(self.path)
        for _, same in groupby(first_chunks, lambda one: id(one[0])):
            yield join_blocks([builder.build_block(part.path, chunk) for part, chunk in same])
        first_chunks.clear()
        self._note_types(types)
        for part, chunk in chunks:
            yield builder.build_block(part.path, chunk)
        self._note_rounded(builder.rounded)

    def list_columns(self) -> tuple[int, ...]:
        """Return all columns but row names."""
        if self._has_row_names:
            self.note(f"{self.describe_column(0)} has row names and is excluded; -x 1 selects it")
        return tuple(range(self._has_row_names, self.width))

    def describe_column(self, column: int) -> str:
        """Return the name of a column for messages."""
        return f"the column {self.name_column(column)}"

    def name_column(self, column: int) -> str:
        """Return the quoted name of a column, or its number from 1."""
        return repr(self.names[column]) if self.names else str(column + 1)

    def note(self, message: str) -> None:
        """Report a decision about the table."""
        self._reading.report(Notice(self.path, message))

    def _decide_types(
        self, chunks: Iterator[tuple[TablePart, RowChunk]], groups: Sequence[ColumnGroup]
    ) -> tuple[list[tuple[TablePart, RowChunk]], list[ColumnSplit], dict[int, NumericType]]:
        """Decide the types of columns by their first cells.

        Return the chunks that have these cells, the columns of each group that are numbers, and their types.
        """
        first_chunks: list[tuple[TablePart, RowChunk]] = []
        surveys = {
            column: ColumnSurvey(self.missing, self._reading.number_format)
            for group in groups
            if group.is_number is not False
            for column in group.columns
        }
        for part, chunk in chunks:
            first_chunks.append((part, chunk))
            columns = [column for column, survey in surveys.items() if survey.n < N_SURVEYED_CELLS]
            if chunk.is_numeric and (numbers := chunk.numbers(columns, self.missing)) is not None:
                is_large = np.any(np.abs(numbers) >= MAX_EXACT_INTEGER, axis=0)
                for column, count in zip(columns, (~np.isnan(numbers)).sum(axis=0).tolist(), strict=True):
                    surveys[column].n_numeric += count
                columns = [column for at, column in enumerate(columns) if is_large[at]]
                for column in columns:
                    surveys[column].n_numeric = 0
            for column, cells in zip(columns, chunk.cells(columns) if columns else (), strict=True):
                surveys[column].add(cells)
            if all(survey.n >= N_SURVEYED_CELLS for survey in surveys.values()):
                break
        if self.names:
            names = (self.names[column] for column, survey in surveys.items() if self.names[column] in survey.cells)
            self._note_doubtful_header(next(names, None), "occurs again below it")
        types = {column: survey.decide() for column, survey in surveys.items()}
        self._warn_of_dates({column: types[column] for column, survey in surveys.items() if survey.has_other_dates})
        labels = [column for group in groups if group.is_number is None for column in group.columns]
        self._warn_of_units({column: surveys[column].unit for column in labels if types[column] is None})
        self._warn_of_thousands({column: survey for column, survey in surveys.items() if types[column] is not None})
        splits = [self._split_group(group, types, surveys) for group in groups]
        numeric = {column for split in splits for column in split.numbers}
        plain = NumberType(self._reading.number_format, is_plain=self._reading.number_format.is_plain)
        return first_chunks, splits, {column: types[column] or plain for column in types if column in numeric}

    def _split_group(
        self,
        group: ColumnGroup,
        types: Mapping[int, NumericType | None],
        surveys: Mapping[int, ColumnSurvey],
    ) -> ColumnSplit:
        """Split the columns of a group by type; a column without values fits any type."""
        if group.is_number is not None:
            return ColumnSplit(group.columns, ()) if group.is_number else ColumnSplit((), group.columns)
        kinds = {column: types[column] is not None for column in group.columns if surveys[column].n}
        if len(set(kinds.values())) > 1:
            if group.is_mixable:
                texts = tuple(column for column, is_number in kinds.items() if not is_number)
                return ColumnSplit(tuple(column for column in group.columns if column not in texts), texts)
            first = {kind: column for column, kind in reversed(kinds.items())}
            numbers, labels = self.describe_column(first[True]), self.describe_column(first[False])
            what = f"{numbers} has numbers and {labels} has labels, so they cannot be one vector"
            hint = f"name columns of one kind, or use {group.labels_option} delta for labels"
            raise InputError(self.path, what, hint)
        return ColumnSplit((), group.columns) if False in kinds.values() else ColumnSplit(group.columns, ())

    def _warn_of_dates(self, types: Mapping[int, NumericType | None]) -> None:
        """Report columns that look like dates but are read as numbers or labels."""
        for kind in dict.fromkeys("labels" if one is None else "numbers" for one in types.values()):
            columns = [column for column, one in types.items() if (one is None) == (kind == "labels")]
            message = f"{self.describe_columns(columns)} read as {kind}; if these are dates, write them as 2024-01-31"
            self._reading.report(Notice(self.path, message, is_warning=True))

    def _warn_of_thousands(self, surveys: Mapping[int, ColumnSurvey]) -> None:
        """Report columns of numbers with decimal marks that may separate thousands."""
        found = {column: one for column, survey in surveys.items() if (one := survey.find_thousands())}
        if found:
            cell, other = next(iter(found.values()))
            given = self._reading.number_format
            written = other.parse(cell)
            message = (
                f"{self.describe_columns(list(found))} read with a decimal mark, as {cell}; "
                f"if it is {written.text if written else ''}, use {given.describe_change(other)}"
            )
            self._reading.report(Notice(self.path, message, is_warning=True))

    def _warn_of_units(self, units: Mapping[int, str]) -> None:
        """Report columns of labels that are numbers with a unit."""
        for unit in dict.fromkeys(filter(None, units.values())):
            columns = [column for column, one in units.items() if one == unit]
            why = f"because the numbers have the unit {shorten(unit)!r}; remove it to compare numbers"
            message = f"{self.describe_columns(columns)} read as labels, {why}"
            self._reading.report(Notice(self.path, message, is_warning=True))

    def _note_types(self, types: Mapping[int, NumericType]) -> None:
        """Report columns that are not read as plain numbers."""
        columns_by_way: dict[str, list[int]] = {}
        for column, kind in types.items():
            if way := kind.describe():
                columns_by_way.setdefault(way, []).append(column)
        for way, columns in columns_by_way.items():
            self.note(f"{self.describe_columns(columns)} read as {way}")

    def _note_rounded(self, rounded: Mapping[int, int]) -> None:
        """Report integers that are not exact as double-precision numbers."""
        if rounded:
            subject, line = self.describe_columns(list(rounded)), min(rounded.values())
            message = f"{subject} rounded from line {line:,} on, where integers are beyond 2^53"
            self._reading.report(Notice(self.path, message, is_warning=True))

    def describe_columns(self, columns: Sequence[int]) -> str:
        """Return the columns with the verb, as in "the columns 'a', 'b' are"."""
        if len(columns) == 1:
            return f"{self.describe_column(columns[0])} is"
        return f"the columns {format_examples([self.name_column(column) for column in columns])} are"

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
