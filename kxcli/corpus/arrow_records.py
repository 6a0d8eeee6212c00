"""Rows of Parquet and Arrow files -> documents."""

import datetime
import json
import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from itertools import repeat
from typing import Any, BinaryIO, NoReturn, cast

from kxcli.corpus.arrow_groups import (
    ArrowKind,
    hold_stream,
    name_arrow_errors,
    open_groups,
    require_pyarrow,
    shorten_message,
)
from kxcli.corpus.delimited_records import check_names
from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.documents import Document
from kxcli.corpus.fields import find_column
from kxcli.corpus.groups import GroupMaker
from kxcli.corpus.lines import Readable
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.row_reader import open_object
from kxcli.errors import InputError
from kxcli.wording import format_names

_BAD_BYTES = "not valid utf-8"
_HINT = "write the column as valid UTF-8, or use --on-error skip or replace"


def read_arrow_rows(
    stream: Readable | BinaryIO,
    kind: ArrowKind,
    row_groups: range | None,
    spec: ReaderSpec,
    groups: GroupMaker,
    diagnostics: ReadDiagnostics,
) -> Iterator[tuple[int, Document]]:
    """Yield the documents of rows with their numbers.

    Args:
        stream: The bytes; a file with positions if `row_groups` is given.
        kind: The format.
        row_groups: The numbers of the groups of rows to read; None for all.
        spec: The names of the columns.
        groups: Makes the groups of documents.
        diagnostics: Has the number of the first row.
    """
    require_pyarrow(kind)
    is_file = row_groups is not None
    with (
        name_arrow_errors(diagnostics.path, kind),
        nullcontext(cast(BinaryIO, stream)) if is_file else hold_stream(stream) as file,
    ):
        reader = open_groups(file, kind)
        columns = _RowColumns(reader.schema, kind, spec, groups, diagnostics)
        for batch in reader.iter_batches(columns.read_names, row_groups):
            yield from columns.iter_documents(batch)


class _RowColumns:
    """The columns that make a document.

    Attributes:
        read_names: The columns to read.
    """

    def __init__(
        self, schema: Any, kind: ArrowKind, spec: ReaderSpec, groups: GroupMaker, diagnostics: ReadDiagnostics
    ) -> None:
        self._schema, self._kind, self._spec, self._diagnostics = schema, kind, spec, diagnostics
        names = schema.names
        self._text = self._find(spec.field, "--field")
        self._make_group, self._groups = groups.make, [self._find(name, "--by") for name in groups.fields]
        self._key = (spec.key,) if spec.key is not None and spec.key in names else None
        used = [self._text, *self._groups, *([] if self._key is None else [self._key])]
        self.read_names = list(names) if spec.added_fields else [".".join(path) for path in used]
        if spec.added_fields:
            check_names(names, spec.added_fields, diagnostics.path, None)

    def iter_documents(self, batch: Any) -> Iterator[tuple[int, Document]]:
        """Yield the documents of a batch with the numbers of their rows."""
        texts = self._read_texts(batch)
        values = [self._read_group(batch, path) for path in self._groups]
        groups = zip(*values, strict=True) if values else repeat((), len(texts))
        keys = self._read_keys(batch, self._key) if self._key is not None else repeat(None, len(texts))
        records = _list_records(batch) if self._spec.added_fields else repeat("", len(texts))
        for text, group, key, record in zip(texts, groups, keys, records, strict=True):
            number = self._diagnostics.line
            if record is None:
                self._diagnostics.reject(self._kind, BadRecord(f"has bytes that are {_BAD_BYTES}"))
            else:
                cells = [self._decode(cell) for cell in (text, *group)]
                if None not in cells and (document := self._make_document(cast(list[str], cells))) is not None:
                    yield number, document._replace(key=key, record=record)
            self._diagnostics.line = number + 1

    def _find(self, name: str, option: str) -> tuple[str, ...]:
        """Return the path of a column in the schema: its names from the outermost on."""
        names = self._schema.names
        if names.count(name) > 1:
            self._fail(f"has {names.count(name)} columns {name!r}", "give them different names")
        if name in names:
            return (name,)
        path, rest, fields = list[str](), name, self._schema
        while rest:
            key, _, after = rest.partition(".")
            if _list_names(fields).count(key if after else rest) != 1:
                break
            path.append(key)
            fields, rest = fields.field(key), after
            fields = fields.type if hasattr(fields, "type") else fields
        if path and not rest:
            return tuple(path)
        place = find_column(names, name)
        if place is None:
            columns = format_names(_list_paths(self._schema))
            self._fail(f"has no column {name!r}", f"it has {columns}; name one with {option}")
        return (names[place],)

    def _read_texts(self, batch: Any) -> Sequence[str | bytes | None]:
        column = _get_column(batch, self._text)
        types, kind = require_pyarrow(self._kind).types, column.type
        if not (_is_text(types, kind) or types.is_null(kind)):
            name = self._spec.field
            self._fail(f"has {kind} in the column {name!r}, not text", "name a column of strings with --field")
        return _list_texts(column)

    def _make_document(self, cells: list[str]) -> Document | None:
        """Return the document of a text and its group; None to skip it."""
        try:
            return Document(cells[0], self._make_group(cells[1:]))
        except BadRecord as bad:
            self._diagnostics.reject(self._kind, bad)
            return None

    def _read_group(self, batch: Any, path: tuple[str, ...]) -> Sequence[str | bytes | None]:
        """Return the cells of a field of the group as text.

        Numbers are written as in JSON, dates and times as pyarrow writes them.
        """
        column = _get_column(batch, path)
        pyarrow = require_pyarrow(self._kind)
        types, kind = pyarrow.types, column.type
        if types.is_nested(kind):
            self._fail(f"has {kind} in the column {'.'.join(path)!r}, nothing to group by", "name another with --by")
        if _is_text(types, kind):
            return _list_texts(column)
        if types.is_boolean(kind) or types.is_integer(kind) or types.is_floating(kind):
            return ["" if value is None else json.dumps(value) for value in column.to_pylist()]
        try:
            return list(column.cast("string").to_pylist())
        except pyarrow.ArrowException as error:
            what = f"has {kind} in the column {'.'.join(path)!r}, which cannot be read as text"
            self._fail(f"{what} ({shorten_message(error)})", "write it as numbers or strings")

    def _read_keys(self, batch: Any, path: tuple[str, ...]) -> list[str | int | None]:
        keys = list(_get_column(batch, path).to_pylist())
        for key in keys:
            if key is not None and type(key) not in (str, int):
                what = f"has {_get_column(batch, path).type} in the column {path[0]!r}"
                self._fail(f"{what}, not strings or whole numbers", "write it as strings")
        return keys

    def _decode(self, cell: str | bytes | None) -> str | None:
        """Return the text of a cell, "" for null; None to skip the row."""
        limit, text = self._spec.max_line, cell
        if isinstance(text, bytes):
            try:
                text = text.decode()
            except UnicodeDecodeError as error:
                if self._diagnostics.on_error == "stop":
                    self._diagnostics.fail(f"byte 0x{error.object[error.start]:02x} is {_BAD_BYTES}", _HINT)
                if self._diagnostics.on_error == "skip":
                    self._diagnostics.skip(f"records skipped: bytes that are {_BAD_BYTES}")
                    return None
                self._diagnostics.skip(f"records with replaced bytes that are {_BAD_BYTES}", is_repair=True)
                text = error.object.decode(errors="replace")
        if text is None:
            return ""
        if limit is None or len(text) <= limit // 4 or len(text.encode()) <= limit:
            return text
        what = f"more than {limit / 1e6:,.1f} MB, too much for --memory"
        if self._diagnostics.on_error == "stop":
            self._diagnostics.fail(f"the record has {what}", "raise --memory, split the record, or use --on-error skip")
        self._diagnostics.skip(f"records skipped: {what}")
        return None

    def _fail(self, what: str, hint: str) -> NoReturn:
        raise InputError(self._diagnostics.path, what, hint)


def _is_text(types: Any, kind: Any) -> bool:
    names = ("string", "large_string", "string_view", "binary", "large_binary", "binary_view", "fixed_size_binary")
    return any(getattr(types, f"is_{name}")(kind) for name in names)


def _get_column(batch: Any, path: tuple[str, ...]) -> Any:
    """Return a column, or a part of a nested one, without a dictionary."""
    from pyarrow import compute, types

    column = batch.column(path[0])
    for name in path[1:]:
        column = compute.struct_field(column, name)
    return column.dictionary_decode() if types.is_dictionary(column.type) else column


def _list_texts(column: Any) -> list[str | bytes | None]:
    """Return texts, or their bytes if one of them is invalid UTF-8."""
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        return list(column.cast("large_binary").to_pylist())


def _list_records(batch: Any) -> Iterator[str | None]:
    """Return rows as JSON without the last brace; None for invalid UTF-8."""
    try:
        rows: list[dict[str, Any] | None] = batch.to_pylist()
    except UnicodeDecodeError:
        rows = [_find_row(batch.slice(at, 1)) for at in range(batch.num_rows)]
    return (None if row is None else open_object(_as_json(row)) for row in rows)


def _find_row(batch: Any) -> dict[str, Any] | None:
    try:
        return dict(batch.to_pylist()[0])
    except UnicodeDecodeError:
        return None


def _as_json(value: Any) -> Any:
    """Return a value for JSON.

    A number that is not finite becomes null; other types become strings.
    """
    if isinstance(value, dict):
        return {str(key): _as_json(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_as_json(one) for one in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, (datetime.date, datetime.time)):
        return value.isoformat()
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _list_names(fields: Any) -> list[str]:
    """Return the names of the fields of a schema or a struct; none of another type."""
    if hasattr(fields, "names"):
        return list(fields.names)
    return [fields.field(at).name for at in range(fields.num_fields)] if hasattr(fields, "num_fields") else []


def _list_paths(fields: Any) -> Iterator[str]:
    for name in _list_names(fields):
        kind = fields.field(name).type
        inner = list(_list_paths(kind)) if str(kind).startswith("struct") else []
        yield from (f"{name}.{one}" for one in inner) if inner else (name,)
