"""Bytes -> documents: a line, a field of JSONL, a column of CSV or TSV."""

import dataclasses
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, partial
from operator import itemgetter
from typing import Literal, NamedTuple

from kxcli.corpus import encodings
from kxcli.corpus.decoding import Decoder, LongLineDecoder
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
RequestedKind = RecordKind | Literal["sniffed"]  # JSONL if the first character except white space is {, else text

Unit = Literal["document", "lines", "blocks", "bytes"]

DEFAULT_FIELD = "text"
_SEPARATORS = {";": "semicolons", "\t": "tabs (--input-format tsv)", ",": "commas (--input-format csv)", "|": "bars"}
_NEVER = r"(?!)"  # a pattern without a match


class Document(NamedTuple):
    """A text and its group.

    Attributes:
        text: The text, or a part of a very long line.
        group: The group that it is counted in; "" if there are no groups.
        has_continuation: Whether the next document continues this one.
        key: The identifier of the record, if the spec names a field for it.
        n_before: The number of lines without a document before it, if the spec counts them.
        source: The path of the input that begins with it, if the spec names sources; such a record has no text, and a
            continuation.
        record: Its fields as a JSON object without the last brace, if the spec adds a field.
    """

    text: str
    group: str = ""
    has_continuation: bool = False
    key: str | int | None = None
    n_before: int = 0
    source: str | None = None
    record: str = ""

    @property
    def data(self) -> str:
        """The text, as in `TextBlock`."""
        return self.text

    @property
    def is_lines(self) -> bool:
        """Whether each LF ends a document, as in `TextBlock`."""
        return False

    @property
    def n_lines(self) -> int:
        """One, for the first line of the record; see `TextBlock`."""
        return 1


class TextBlock:
    """Whole lines, each a document, for jobs that take bytes.

    Args:
        data: UTF-8 that may be invalid, or text.
        decode: Returns the text of the bytes.

    Attributes:
        error: The error of a bad byte in `text`.
    """

    group = ""
    has_continuation = False
    key: str | int | None = None
    n_before = 0
    source: str | None = None
    record = ""
    is_lines = True

    def __init__(self, data: bytes | str, decode: Callable[[], str] = str) -> None:
        self.data, self._decode = data, decode
        self.error: InputError | None = None

    @cached_property
    def n_lines(self) -> int:
        """The number of lines of text."""
        assert isinstance(self.data, str), "lines of bytes may be skipped"
        return self.data.count("\n") + (not self.data.endswith("\n"))

    @cached_property
    def text(self) -> str:
        """The valid text; available until the next record is read.

        The line of a bad byte is skipped or repaired, and counted. If the byte is an error instead, there is no text,
        and the error is raised when the next record is read: the reader knows the place.
        """
        try:
            return self.data if isinstance(self.data, str) else self._decode()
        except InputError as error:
            self.error = error
            return ""


TextRecord = Document | TextBlock


class SourceFormat(NamedTuple):
    """The record format and the encoding of a source.

    Attributes:
        encoding: A codec's name.
        is_guessed: Whether the encoding was guessed by the start of the source.
    """

    kind: RecordKind
    encoding: str
    is_guessed: bool = False

    @property
    def is_splittable(self) -> bool:
        """Whether its bytes may be split after any LF.

        CSV has LFs within quotes, UTF-16 has LF bytes within characters.
        """
        return self.kind in ("text", "jsonl") and encodings.is_line_safe(self.encoding)


@dataclass(frozen=True)
class ReaderSpec:
    """How the shards of every source become documents.

    Attributes:
        field: The field or column of the text.
        by: The field or column of the group; None without groups.
        on_error: What to do with a bad record.
        unit: "document" for a document per record; "lines" if several lines of text may come as one document, for jobs
            that treat a line end like any other separator; "blocks" for the lines of text as `TextBlock`s of valid
            text; "bytes" for `TextBlock`s that may be bytes.
        split_pattern: Matches at the places where a long line may be split; None to keep documents whole.
        max_part: Characters without such a place after which a long line is split anyway; None for never.
        key: The field of a JSONL record's identifier.
        counts_lines: Whether documents have the number of lines without a document before them, such as further lines
            of a CSV record; those at the end come with an empty document that has a continuation.
        names_sources: Whether each input begins with an empty document that has its name and a continuation.
        added_fields: The fields that the output adds to each record; then documents have their record, and one with
            such a field is rejected.
        max_line: Bytes of a line after which it is rejected, unless it is read in parts; None for no limit.
    """

    field: str = DEFAULT_FIELD
    by: str | None = None
    on_error: OnError = "stop"
    unit: Unit = "document"
    split_pattern: str | None = None
    max_part: int | None = None
    key: str | None = None
    counts_lines: bool = False
    names_sources: bool = False
    added_fields: tuple[str, ...] = ()
    max_line: int | None = dataclasses.field(default=None, compare=False)  # a run can be resumed with other memory

    @property
    def keeps_lines_whole(self) -> bool:
        """Whether long lines are read as one.

        A bad line can be skipped or repaired only as a whole.
        """
        return self.split_pattern is None or self.on_error != "stop"


def read_documents(
    stream: Readable, source_format: SourceFormat, spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[TextRecord]:
    """Yield the documents of a stream in order.

    Memory is bounded by a chunk and the longest line. A bad record raises `InputError` with its line if
    `spec.on_error` is "stop", else `diagnostics` counts it.
    """
    if spec.names_sources and diagnostics.is_at_start:
        yield Document("", has_continuation=True, source=diagnostics.path)
    numbered = _read_numbered(stream, source_format, spec, diagnostics)
    yield from _count_gaps(numbered, diagnostics) if spec.counts_lines else map(itemgetter(1), numbered)


def _count_gaps(numbered: Iterable[tuple[int, TextRecord]], diagnostics: ReadDiagnostics) -> Iterator[TextRecord]:
    """Yield the documents with the number of lines before them that gave none."""
    expected = diagnostics.line
    for line, document in numbered:
        if isinstance(document, TextBlock):
            document.n_before = line - expected
            yield document
        else:
            yield document if line == expected else document._replace(n_before=line - expected)
        expected = line + document.n_lines
    if diagnostics.line > expected:
        yield Document("", has_continuation=True, n_before=diagnostics.line - expected)


def _read_numbered(
    stream: Readable, source_format: SourceFormat, spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[tuple[int, TextRecord]]:
    """Yield the documents with the numbers of their first lines."""
    decoder = Decoder(source_format.encoding, diagnostics, is_guessed=source_format.is_guessed, max_line=spec.max_line)
    if source_format.kind == "text":
        is_splittable = source_format.is_splittable
        for document in (
            _read_text_lines(stream, decoder, spec, diagnostics)
            if is_splittable
            else _make_documents(decoder.read_text(stream), spec)
        ):
            yield diagnostics.line, document
    elif source_format.kind == "jsonl":
        lines = number_lines(decoder.read_lines(stream), diagnostics)
        yield from parse_lines(lines, partial(_parse_document, spec=spec), diagnostics)
    else:
        lines = number_lines(decoder.read_text(stream, keeps_cr=True), diagnostics)
        yield from _read_rows(lines, source_format.kind, spec, diagnostics)


def _make_documents(texts: Iterable[str], spec: ReaderSpec) -> Iterator[Document]:
    """Yield lines of text as documents."""
    if not spec.added_fields:
        return map(Document, texts)
    return (Document(text, record=_open_object({DEFAULT_FIELD: text})) for text in texts)


def _open_object(fields: dict[str, str]) -> str:
    """Return a JSON object without its last brace."""
    return json.dumps(fields, ensure_ascii=False).removesuffix("}")


def _read_text_lines(
    stream: Readable, decoder: Decoder, spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[TextRecord]:
    long: LongLineDecoder | None = None
    is_whole = spec.keeps_lines_whole
    max_line = spec.max_line if is_whole else None
    for data, is_part, has_continuation in read_line_blocks(stream, keep_lines_whole=is_whole, max_line=max_line):
        if is_part:
            long = long or LongLineDecoder(decoder, spec.split_pattern or _NEVER, spec.max_part)
            if has_continuation:
                yield Document(long.feed(data), has_continuation=True)
            else:
                yield Document(long.finish(data))
                diagnostics.line += 1
                long = None
            continue
        rest = decoder.drop_long_line(data) if is_whole else data
        if spec.unit == "bytes" and decoder.encoding == "utf-8":
            first = diagnostics.line
            if unmarked := decoder.drop_mark(rest):
                block = TextBlock(unmarked, partial(decoder.decode_block, rest))
                yield block
                if block.error is not None:
                    raise block.error
            decoder.is_at_start = False
            diagnostics.line = first + rest.count(b"\n")  # decoding the block counts its lines, too
            continue
        text = None if spec.unit == "document" else decoder.decode_text(rest)
        if text is None:
            yield from _make_documents(decoder.decode_lines(rest), spec)
        elif text:
            block = TextBlock(text)
            yield Document(text) if spec.unit == "lines" else block
            diagnostics.line += block.n_lines


def _parse_document(line: str, spec: ReaderSpec) -> Document:
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
    if not spec.added_fields:
        return Document(text, group, key=key)
    for added in spec.added_fields:
        if added in value:
            raise BadFieldError(f"already has a field {added!r}", f"rename it, because the output adds {added!r}")
    return Document(text, group, key=key, record=line.rstrip().removesuffix("}").rstrip())


def _read_rows(
    lines: Iterable[NumberedLine], kind: Literal["csv", "tsv"], spec: ReaderSpec, diagnostics: ReadDiagnostics
) -> Iterator[tuple[int, Document]]:
    rows = iter(DelimitedRows(lines, kind))
    number, header = next((row for row in rows if row[1] not in BLANK_ROWS), (1, None))
    if header is None:
        return
    if isinstance(header, BadRecord):
        what = f"the header {header.what}"
        raise InputError(diagnostics.path, what, header.hint.removesuffix(OR_SKIP), line=number)
    text_at = _find_column(header, spec.field, "--field", diagnostics)
    group_at = None if spec.by is None else _find_column(header, spec.by, "--by", diagnostics)
    if spec.added_fields:
        _check_names(header, spec.added_fields, diagnostics.path, number)
    width = len(header)
    for number, row in rows:
        if isinstance(row, BadRecord):
            diagnostics.reject(kind, row, number)
        elif len(row) == width:
            record = _open_object(dict(zip(header, row, strict=True))) if spec.added_fields else ""
            yield number, Document(row[text_at], "" if group_at is None else row[group_at], record=record)
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


def _find_column(header: list[str], name: str, option: str, diagnostics: ReadDiagnostics) -> int:
    if name not in header:
        hint = f"it has {format_names(header)}; name one with {option}"
        others = [called for separator, called in _SEPARATORS.items() if len(header) == 1 and separator in header[0]]
        if others:
            hint = f"it has one column, {header[0]!r}, which seems to be separated by {others[0]}; use commas or tabs"
        raise InputError(diagnostics.path, f"has no column {name!r}", hint, line=1)
    return header.index(name)
