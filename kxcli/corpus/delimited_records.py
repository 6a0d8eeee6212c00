"""Rows of CSV and TSV -> documents."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Literal

from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.dialects import WHITE, Dialect, TableLayout
from kxcli.corpus.documents import Document
from kxcli.corpus.fields import find_column
from kxcli.corpus.groups import GroupMaker
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import (
    BLANK_ROWS,
    OR_SKIP,
    DelimitedRows,
    NumberedLine,
    NumberedRow,
    explain_width,
    open_object,
)
from kxcli.errors import InputError
from kxcli.wording import format_count, format_names

_SEPARATORS = {
    ";": "semicolons; use --delimiter-in ';'",
    "\t": "tabs; use --input-format tsv",
    ",": "commas; use --input-format csv",
    "|": "bars; use --delimiter-in '|'",
}


def read_rows(
    lines: Iterable[NumberedLine],
    kind: Literal["csv", "tsv"],
    spec: ReaderSpec,
    groups: GroupMaker,
    diagnostics: ReadDiagnostics,
) -> Iterator[tuple[int, Document]]:
    """Yield the documents of the rows, with the numbers of their first lines."""
    rows = _split_rows(iter(lines), kind, spec)
    first = next((row for row in rows if row[1] not in BLANK_ROWS), None)
    if first is None:
        return
    number, cells = first
    if isinstance(cells, BadRecord):
        what = f"the {'header' if spec.has_header else 'first row'} {cells.what}"
        raise InputError(diagnostics.path, what, cells.hint.removesuffix(OR_SKIP), line=number)
    names = cells if spec.has_header else [str(column) for column in range(1, len(cells) + 1)]
    if not spec.has_header:
        rows = chain([first], rows)
    columns = _Columns(names, spec, groups, diagnostics.path, number)
    width, model = len(names), "header" if spec.has_header else "first row"
    for number, row in rows:
        if isinstance(row, BadRecord):
            diagnostics.reject(kind, row, number)
        elif len(row) == width:
            try:
                document = columns.make_document(row)
            except BadRecord as bad:
                diagnostics.reject(kind, bad, number)
            else:
                yield number, document
        elif row not in BLANK_ROWS:
            diagnostics.reject(kind, explain_width(len(row), width, model), number)


def _split_rows(lines: Iterator[NumberedLine], kind: Literal["csv", "tsv"], spec: ReaderSpec) -> Iterator[NumberedRow]:
    first = next(lines, None)
    if first is None:
        return iter(())
    dialect = Dialect.choose(kind, TableLayout(spec.delimiter))
    found = dialect.follow_sep_line(first[1])
    if found is None:
        lines = chain([first], lines)
    if spec.delimiter is None:
        dialect = found or dialect
    if dialect.delimiter == WHITE:
        return ((number, dialect.split_line(line)) for number, line in lines)
    return iter(DelimitedRows(lines, dialect.kind, dialect.delimiter))


class _Columns:
    """The columns that make a document.

    Args:
        names: All columns.
        spec: The names of those requested.
        groups: Makes the group.
        path: The input.
        line: The line of the header.
    """

    def __init__(self, names: list[str], spec: ReaderSpec, groups: GroupMaker, path: str, line: int) -> None:
        self._names, self._is_passed, self._make_group = names, bool(spec.added_fields), groups.make
        self._text = _require_column(names, spec.field, "--field", spec, path, line)
        self._groups = [_require_column(names, name, "--by", spec, path, line) for name in groups.fields]
        self._key = names.index(spec.key) if spec.key in names else None
        if spec.added_fields:
            check_names(names, spec.added_fields, path, line)

    def make_document(self, row: Sequence[str]) -> Document:
        """Return the document of a row; raise `BadFieldError` if it has no valid group."""
        return Document(
            row[self._text],
            self._make_group([row[at] for at in self._groups]),
            key=None if self._key is None else row[self._key],
            record=open_object(dict(zip(self._names, row, strict=True))) if self._is_passed else "",
        )


def check_names(header: Sequence[str], added_fields: Iterable[str], path: str, line: int | None) -> None:
    """Raise `InputError` if two columns, or one and an added field, are equal."""
    for added in added_fields:
        if added in header:
            hint = f"rename it, because the output adds {added!r}"
            raise InputError(path, f"already has a column {added!r}", hint, line=line)
    for at, name in enumerate(header):
        if name in header[:at]:
            raise InputError(path, f"has two columns {name!r}", "rename one, because the output has objects", line=line)


def _require_column(names: list[str], name: str, option: str, spec: ReaderSpec, path: str, line: int) -> int:
    found = find_column(names, name)
    if found is None:
        hint = f"it has {format_names(names)}; name one with {option}"
        if not spec.has_header:
            columns = format_count(len(names), "columns")
            hint = f"it has no header (--no-header-in) and {columns}; give the number of one with {option}"
        only = names[0] if len(names) == 1 else ""
        advice = next((advice for separator, advice in _SEPARATORS.items() if separator in only), None)
        if advice is not None and spec.has_header and spec.delimiter is None:
            hint = f"it has one column, {only!r}, which seems to be separated by {advice}"
        raise InputError(path, f"has no column {name!r}", hint, line=line)
    return found
