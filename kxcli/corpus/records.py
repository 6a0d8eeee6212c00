"""Streams of bytes -> documents: a line, a field of JSONL, a column of CSV or TSV."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from kxcli.corpus import encodings
from kxcli.corpus.decoding import Decoder, LongLine
from kxcli.corpus.diagnostics import FIX, BadFieldError, BadRecord, Ledger, OnError
from kxcli.corpus.lines import Readable, runs
from kxcli.corpus.quoting import CsvRows
from kxcli.errors import InputError
from kxcli.wording import format_count

Kind = Literal["text", "jsonl", "csv", "tsv"]
Asked = Kind | Literal["sniffed"]  # JSONL where the first character that is no white space is {, else text

DEFAULT_FIELD = "text"
_BLANK: tuple[list[str], ...] = ([], [""])  # the rows of an empty line
_SEPARATORS = {";": "semicolons", "\t": "tabs (--input-format tsv)", ",": "commas (--input-format csv)", "|": "bars"}
_NEVER = re.compile(r"(?!)")


class Document(NamedTuple):
    """A text, and the group it is counted in ("" without one).

    is_open: the document goes on in the next record; only very long lines come in such parts.
    key: what the record calls itself, where that was wanted and it does.
    n_before: lines before it that gave no document, where these are counted.
    """

    text: str
    group: str = ""
    is_open: bool = False
    key: str | int | None = None
    n_before: int = 0


@dataclass(frozen=True)
class Format:
    """How a source's bytes become documents; `encoding` is a codec's name, found by looking where `is_guessed`."""

    kind: Kind
    encoding: str
    is_guessed: bool = False

    @property
    def is_cuttable(self) -> bool:
        """Whether its bytes may be cut after any LF; CSV has line ends within quotes, UTF-16 has other ones."""
        return self.kind in ("text", "jsonl") and encodings.is_line_safe(self.encoding)


@dataclass(frozen=True)
class Wanted:
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


def reject(ledger: Ledger, kind: str, bad: BadRecord, hint: str = FIX) -> None:
    """Leave out a bad record, or stop at it."""
    what, hint = bad.args if bad.args[1:] else (*bad.args, hint)
    ledger.reject(kind, what, hint, is_read=isinstance(bad, BadFieldError))


def documents(stream: Readable, form: Format, wanted: Wanted, ledger: Ledger) -> Iterator[Document]:
    """Yield the documents of a stream, in order; memory is bounded by a chunk and the longest line.

    Raises `InputError`, at the line in question, where `wanted.on_error` is "stop"; else the ledger counts.
    """
    found = _documents(stream, form, wanted, ledger)
    return _with_gaps(found, ledger) if wanted.counts_lines else found


def _with_gaps(found: Iterable[Document], ledger: Ledger) -> Iterator[Document]:
    expected = ledger.line
    for document in found:
        yield document if ledger.line == expected else document._replace(n_before=ledger.line - expected)
        expected = ledger.line + 1
    if ledger.line > expected:
        yield Document("", is_open=True, n_before=ledger.line - expected)


def _documents(stream: Readable, form: Format, wanted: Wanted, ledger: Ledger) -> Iterator[Document]:
    decoder = Decoder(form.encoding, ledger, is_guessed=form.is_guessed, max_line=wanted.max_line)
    if form.kind == "text" and form.is_cuttable:
        yield from _texts(stream, decoder, wanted, ledger)
    elif form.kind == "text":
        yield from map(Document, decoder.lines_in_order(stream))
    elif form.kind == "jsonl":
        for line in _lines(stream, form, decoder, wanted.max_line):
            if line and not line.isspace():
                try:
                    yield _from_json(line, wanted)
                except BadRecord as bad:
                    reject(ledger, "jsonl", bad)
    else:
        lines = decoder.lines_in_order(stream, keeps_cr=form.kind == "csv")  # a cell may hold a CR before a line end
        yield from _from_rows(lines, form.kind, wanted, ledger)


def _lines(stream: Readable, form: Format, decoder: Decoder, max_line: int | None) -> Iterator[str]:
    if not form.is_cuttable:
        yield from decoder.lines_in_order(stream)
        return
    for run in runs(stream, keep_lines_whole=True, max_line=max_line):
        yield from decoder.lines(decoder.drop_long_line(run.data))


def _texts(stream: Readable, decoder: Decoder, wanted: Wanted, ledger: Ledger) -> Iterator[Document]:
    cut = re.compile(wanted.cut) if wanted.cut is not None else _NEVER
    long: LongLine | None = None
    is_whole = wanted.keeps_lines_whole
    for data, is_open in runs(stream, keep_lines_whole=is_whole, max_line=wanted.max_line if is_whole else None):
        if is_open:
            long = long or LongLine(decoder, cut, wanted.longest)
            yield Document(long.feed(data), is_open=True)
            continue
        rest = decoder.drop_long_line(data) if is_whole else data
        if long is not None:
            end = data.find(b"\n") + 1 or len(data)
            yield Document(long.finish(data[:end]))
            ledger.line += 1
            long, rest = None, data[end:]
        text = decoder.text(rest) if wanted.unit == "lines" else None
        if text is None:
            yield from map(Document, decoder.lines(rest))
        elif text:
            yield Document(text)
            ledger.line += rest.count(b"\n")


class LongInteger(str):
    """The digits of an integer beyond Python's limit for conversion."""

    __slots__ = ()


def _integer(digits: str) -> int | LongInteger:
    try:
        return int(digits)
    except ValueError:
        return LongInteger(digits)


_decode_long_integers = json.JSONDecoder(parse_int=_integer).decode


def object_of(line: str) -> dict[str, Any]:
    """Return the JSON object of a line; raises `BadRecord` for anything else.

    An integer of more digits than Python converts is a `LongInteger`.
    """
    try:
        try:
            value = json.loads(line)
        except json.JSONDecodeError:
            raise
        except ValueError:
            value = _decode_long_integers(line)
    except (ValueError, RecursionError) as error:
        what = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise BadRecord(f"is not JSON ({what})") from None
    if not isinstance(value, dict):
        raise BadRecord(f"is {_json_type(value)}, not a JSON object")
    return value


def _from_json(line: str, wanted: Wanted) -> Document:
    value = object_of(line)
    for name in (wanted.field, wanted.by):
        if name is not None and name not in value:
            hint = f"it has {shown(value)}; name one with {'--field' if name == wanted.field else '--by'}"
            raise BadFieldError(f"has no field {name!r}", hint)
    text, group = value[wanted.field], value[wanted.by] if wanted.by is not None else ""
    key = value.get(wanted.key) if wanted.key is not None else None
    if key is not None and type(key) not in (str, int):
        raise BadFieldError(f"has {_json_type(key)} in the field {wanted.key!r}, not a string or a whole number")
    if type(text) is not str:
        raise BadFieldError(f"has {_json_type(text)} in the field {wanted.field!r}, not a string")
    if isinstance(group, (list, dict)) or group is None:
        raise BadFieldError(f"has {_json_type(group)} in the field {wanted.by!r}, nothing to group by")
    if not isinstance(group, str):
        group = json.dumps(group)
    if "\\u" in line and not (is_unicode(text) and is_unicode(group) and is_unicode(str(key))):
        raise BadRecord("has half a surrogate pair in a string, which is no character")
    return Document(text, group, key=key)


def _from_rows(lines: Iterable[str], kind: str, wanted: Wanted, ledger: Ledger) -> Iterator[Document]:
    rows: Iterator[tuple[int, list[str] | BadRecord]]
    if kind == "csv":
        rows = iter(CsvRows((ledger.line, line + "\n") for line in lines))
    else:
        rows = ((ledger.line, line.split("\t")) for line in lines)
    number, header = next((row for row in rows if row[1] not in _BLANK), (1, None))
    if header is None:
        return
    if isinstance(header, BadRecord):
        what, hint = header.args
        raise InputError(ledger.path, f"the header {what}", hint, line=number)
    text_at = _column(header, wanted.field, "--field", ledger)
    group_at = None if wanted.by is None else _column(header, wanted.by, "--by", ledger)
    for number, row in rows:
        if isinstance(row, BadRecord):
            what, hint = row.args
            bad = BadRecord(what, f"{hint}, or use --on-error skip")
        elif len(row) == len(header):
            yield Document(row[text_at], "" if group_at is None else row[group_at])
            continue
        elif row in _BLANK:
            continue
        else:
            bad = BadRecord(f"has {format_count(len(row), 'cells')} where the header has {len(header)}")
        at, ledger.line = ledger.line, number
        reject(ledger, kind, bad)
        ledger.line = at


def _column(header: list[str], name: str, option: str, ledger: Ledger) -> int:
    if name not in header:
        hint = f"it has {shown(header)}; name one with {option}"
        others = [called for separator, called in _SEPARATORS.items() if len(header) == 1 and separator in header[0]]
        if others:
            hint = f"it has one column, {header[0]!r}, which seems to be separated by {others[0]}; use commas or tabs"
        raise InputError(ledger.path, f"has no column {name!r}", hint, line=1)
    return header.index(name)


def _json_type(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, LongInteger):
        return f"an integer of {len(value.lstrip('-')):,} digits"
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def shown(names: Iterable[str]) -> str:
    """Return some names for a message: the first few, quoted."""
    first, *others = [*map(repr, names)] or ["none"]
    return ", ".join([first, *others[:7]]) + (", ..." if len(others) > 7 else "")


def is_unicode(text: str) -> bool:
    """Whether a string is all characters: half a surrogate pair is none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
