"""Streams of bytes -> documents: a line, a field of JSONL, a column of CSV or TSV."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

from kxcli.corpus import encodings
from kxcli.corpus.decoding import Decoder, LongLine
from kxcli.corpus.diagnostics import BadFieldError, BadRecord, OnError, ReadDiagnostics
from kxcli.corpus.lines import Readable, read_line_blocks
from kxcli.corpus.row_reader import (
    BLANK_ROWS,
    OR_SKIP,
    DelimitedRows,
    NumberedLine,
    check_unicode,
    explain_width,
    name_json_type,
    number_lines,
    parse_lines,
    parse_object,
)
from kxcli.errors import InputError
from kxcli.wording import format_names

RecordKind = Literal["text", "jsonl", "csv", "tsv"]
RequestedKind = (
    RecordKind | Literal["sniffed"]
)  # JSONL where the first character that is no white space is {, else text

DEFAULT_FIELD = "text"
_SEPARATORS = {";": "semicolons", "\t": "tabs (--input-format tsv)", ",": "commas (--input-format csv)", "|": "bars"}
_NEVER = re.compile(r"(?!)")


class Document(NamedTuple):
    """A text, and the group it is counted in ("" without one).

    has_continuation: the document goes on in the next record; only very long lines come in such parts.
    key: what the record calls itself, where that was wanted and it does.
    n_before: lines before it that gave no document, where these are counted.
    """

    text: str
    group: str = ""
    has_continuation: bool = False
    key: str | int | None = None
    n_before: int = 0


@dataclass(frozen=True)
class SourceFormat:
    """How a source's bytes become documents; `encoding` is a codec's name, found by looking where `is_guessed`."""

    kind: RecordKind
    encoding: str
    is_guessed: bool = False

    @property
    def is_cuttable(self) -> bool:
        """Whether its bytes may be cut after any LF; CSV has line ends within quotes, UTF-16 has other ones."""
        return self.kind in ("text", "jsonl") and encodings.is_line_safe(self.encoding)


@dataclass(frozen=True)
class ReaderSpec:
    """What a job wants of every source.

    field, by: the field or column that holds the text, and the one that holds the group.
    unit: "document" gives a record a document; "lines" may give several lines of text as one record, for jobs to
    which a line end is a border like any other.
    cut: a pattern that matches at the places where a long line may be parted; None: documents stay whole.
    longest: characters without such a place after which a long line is parted, every so many; None: never.
    max_line: bytes of a line after which it is rejected, unless it is read in parts; None: no limit.
    key: the field that holds what a JSONL record calls itself, if it does.
    counts_lines: whether documents tell of lines that gave none; those at the end come as an empty open document.
    """

    field: str = DEFAULT_FIELD
    by: str | None = None
    on_error: OnError = "stop"
    unit: Literal["document", "lines"] = "document"
    cut: str | None = None
    longest: int | None = None
    key: str | None = None
    counts_lines: bool = False
    max_line: int | None = dataclasses.field(default=None, compare=False)  # a run may be resumed with other memory

    @property
    def keeps_lines_whole(self) -> bool:
        """Whether long lines are read as one; a bad line can only be left out or mended as a whole."""
        return self.cut is None or self.on_error != "stop"


def read_documents(
    stream: Readable, source_format: SourceFormat, spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[Document]:
    """Yield the documents of a stream, in order; memory is bounded by a chunk and the longest line.

    Raises `InputError`, at the line in question, where `spec.on_error` is "stop"; else the reader counts.
    """
    found = _documents(stream, source_format, spec, diagnostics)
    return _with_gaps(found, diagnostics) if spec.counts_lines else found


def _with_gaps(found: Iterable[Document], diagnostics: ReadDiagnostics) -> Iterator[Document]:
    expected = diagnostics.line
    for document in found:
        yield document if diagnostics.line == expected else document._replace(n_before=diagnostics.line - expected)
        expected = diagnostics.line + 1
    if diagnostics.line > expected:
        yield Document("", has_continuation=True, n_before=diagnostics.line - expected)


def _documents(
    stream: Readable, source_format: SourceFormat, spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[Document]:
    decoder = Decoder(source_format.encoding, diagnostics, is_guessed=source_format.is_guessed, max_line=spec.max_line)
    if source_format.kind == "text" and source_format.is_cuttable:
        yield from _texts(stream, decoder, spec, diagnostics)
    elif source_format.kind == "text":
        yield from map(Document, decoder.lines_in_order(stream))
    elif source_format.kind == "jsonl":
        lines = number_lines(decoder.read_lines(stream), diagnostics)
        for _, document in parse_lines(lines, partial(_from_json, spec=spec), diagnostics):
            yield document
    else:
        lines = number_lines(decoder.lines_in_order(stream, keeps_cr=True), diagnostics)
        yield from _from_rows(lines, source_format.kind, spec, diagnostics)


def _texts(stream: Readable, decoder: Decoder, spec: ReaderSpec, diagnostics: ReadDiagnostics) -> Iterator[Document]:
    cut = re.compile(spec.cut) if spec.cut is not None else _NEVER
    long: LongLine | None = None
    is_whole = spec.keeps_lines_whole
    for data, has_continuation in read_line_blocks(
        stream, keep_lines_whole=is_whole, max_line=spec.max_line if is_whole else None
    ):
        if has_continuation:
            long = long or LongLine(decoder, cut, spec.longest)
            yield Document(long.feed(data), has_continuation=True)
            continue
        rest = decoder.drop_long_line(data) if is_whole else data
        if long is not None:
            end = data.find(b"\n") + 1 or len(data)
            yield Document(long.finish(data[:end]))
            diagnostics.line += 1
            long, rest = None, data[end:]
        text = decoder.text(rest) if spec.unit == "lines" else None
        if text is None:
            yield from map(Document, decoder.lines(rest))
        elif text:
            yield Document(text)
            diagnostics.line += rest.count(b"\n")


def _from_json(line: str, spec: ReaderSpec) -> Document:
    value = parse_object(line)
    for name in (spec.field, spec.by):
        if name is not None and name not in value:
            hint = f"it has {format_names(value)}; name one with {'--field' if name == spec.field else '--by'}"
            raise BadFieldError(f"has no field {name!r}", hint)
    text, group = value[spec.field], value[spec.by] if spec.by is not None else ""
    key = value.get(spec.key) if spec.key is not None else None
    if key is not None and type(key) not in (str, int):
        raise BadFieldError(f"has {name_json_type(key)} in the field {spec.key!r}, not a string or a whole number")
    if type(text) is not str:
        raise BadFieldError(f"has {name_json_type(text)} in the field {spec.field!r}, not a string")
    if isinstance(group, (list, dict)) or group is None:
        raise BadFieldError(f"has {name_json_type(group)} in the field {spec.by!r}, nothing to group by")
    if not isinstance(group, str):
        group = json.dumps(group)
    if "\\u" in line:
        check_unicode(text, group, str(key))
    return Document(text, group, key=key)


def _from_rows(
    lines: Iterable[NumberedLine], kind: Literal["csv", "tsv"], spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[Document]:
    rows = iter(DelimitedRows(lines, kind))
    number, header = next((row for row in rows if row[1] not in BLANK_ROWS), (1, None))
    if header is None:
        return
    if isinstance(header, BadRecord):
        what = f"the header {header.what}"
        raise InputError(diagnostics.path, what, header.hint.removesuffix(OR_SKIP), line=number)
    text_at = _column(header, spec.field, "--field", diagnostics)
    group_at = None if spec.by is None else _column(header, spec.by, "--by", diagnostics)
    width = len(header)
    for number, row in rows:
        if isinstance(row, BadRecord):
            diagnostics.reject(kind, row, number)
        elif len(row) == width:
            yield Document(row[text_at], "" if group_at is None else row[group_at])
        elif row not in BLANK_ROWS:
            diagnostics.reject(kind, explain_width(len(row), width), number)


def _column(header: list[str], name: str, option: str, diagnostics: ReadDiagnostics) -> int:
    if name not in header:
        hint = f"it has {format_names(header)}; name one with {option}"
        others = [called for separator, called in _SEPARATORS.items() if len(header) == 1 and separator in header[0]]
        if others:
            hint = f"it has one column, {header[0]!r}, which seems to be separated by {others[0]}; use commas or tabs"
        raise InputError(diagnostics.path, f"has no column {name!r}", hint, line=1)
    return header.index(name)
