"""Rows of CSV and TSV -> documents."""

from collections.abc import Iterable, Iterator
from typing import Literal

from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.documents import Document
from kxcli.corpus.fields import find_column
from kxcli.corpus.groups import GroupMaker
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import BLANK_ROWS, OR_SKIP, DelimitedRows, NumberedLine, explain_width, open_object
from kxcli.errors import InputError
from kxcli.wording import format_names

_SEPARATORS = {";": "semicolons", "\t": "tabs (--input-format tsv)", ",": "commas (--input-format csv)", "|": "bars"}


def read_rows(
    lines: Iterable[NumberedLine],
    kind: Literal["csv", "tsv"],
    spec: ReaderSpec,
    groups: GroupMaker,
    diagnostics: ReadDiagnostics,
) -> Iterator[tuple[int, Document]]:
    """Yield the documents of the rows under a header, with their line numbers."""
    rows = iter(DelimitedRows(lines, kind))
    number, header = next((row for row in rows if row[1] not in BLANK_ROWS), (1, None))
    if header is None:
        return
    if isinstance(header, BadRecord):
        what = f"the header {header.what}"
        raise InputError(diagnostics.path, what, header.hint.removesuffix(OR_SKIP), line=number)
    text_at = _require_column(header, spec.field, "--field", diagnostics)
    groups_at = [_require_column(header, name, "--by", diagnostics) for name in groups.fields]
    if spec.added_fields:
        _check_names(header, spec.added_fields, diagnostics.path, number)
    width = len(header)
    for number, row in rows:
        if isinstance(row, BadRecord):
            diagnostics.reject(kind, row, number)
        elif len(row) == width:
            record = open_object(dict(zip(header, row, strict=True))) if spec.added_fields else ""
            try:
                group = groups.make([row[at] for at in groups_at])
            except BadRecord as bad:
                diagnostics.reject(kind, bad, number)
            else:
                yield number, Document(row[text_at], group, record=record)
        elif row not in BLANK_ROWS:
            diagnostics.reject(kind, explain_width(len(row), width), number)


def _check_names(header: list[str], added_fields: Iterable[str], path: str, line: int) -> None:
    """Raise `InputError` if two columns, or one and an added field, are equal."""
    for added in added_fields:
        if added in header:
            hint = f"rename it, because the output adds {added!r}"
            raise InputError(path, f"already has a column {added!r}", hint, line=line)
    for at, name in enumerate(header):
        if name in header[:at]:
            raise InputError(path, f"has two columns {name!r}", "rename one, because the output has objects", line=line)


def _require_column(header: list[str], name: str, option: str, diagnostics: ReadDiagnostics) -> int:
    found = find_column(header, name)
    if found is None:
        hint = f"it has {format_names(header)}; name one with {option}"
        others = [called for separator, called in _SEPARATORS.items() if len(header) == 1 and separator in header[0]]
        if others:
            hint = f"it has one column, {header[0]!r}, which seems to be separated by {others[0]}; use commas or tabs"
        raise InputError(diagnostics.path, f"has no column {name!r}", hint, line=1)
    return found
