"""The format and the encoding of a source, by options, name and content."""

import csv
import re
import shlex
from collections.abc import Callable
from itertools import islice
from typing import Literal, cast

from kxcli.corpus import encodings
from kxcli.corpus.diagnostics import Diagnostic, Notice
from kxcli.corpus.dialects import find_sep_delimiter
from kxcli.corpus.encoding_guess import describe_encoding, guess_encoding
from kxcli.corpus.reader_spec import RecordKind, RequestedKind, SourceFormat
from kxcli.suffixes import RecordFormat, guess_record_format

_SNIFFED_BYTES = 1 << 12  # enough to contain something else than white space
_SPACE = r"[ \t\r\n]*"
# An object begins with a key, or is empty and alone on its line; an array begins with an object, or is empty and alone.
_OBJECT = rf"\{{{_SPACE}(?:\"|\}}[ \t\r]*(?:\n|\Z))"
_ARRAY = rf"\[{_SPACE}(?:\{{{_SPACE}(?:\"|\}}{_SPACE}[,\]])|\]{_SPACE}\Z)"
_JSON = re.compile(rf"\ufeff?{_SPACE}(?:(?P<jsonl>{_OBJECT})|(?P<array>{_ARRAY}))")
# Where more characters decide.
_OBJECT_BEGUN = rf"\{{{_SPACE}(?:\}}[ \t\r]*)?"
_ARRAY_BEGUN = rf"\[{_SPACE}(?:\{{{_SPACE}(?:\}}{_SPACE})?|\]{_SPACE})?"
_JSON_BEGUN = re.compile(rf"\ufeff?{_SPACE}(?:{_OBJECT_BEGUN}|{_ARRAY_BEGUN})?")

_MAGIC: dict[bytes, Literal["parquet", "arrow"]] = {
    b"PAR1\x15": "parquet",  # with the first byte of each header in it
    b"ARROW1\0\0": "arrow",
    b"\xff\xff\xff\xff": "arrow",  # of a stream
}
_TABLE_BYTES, _TABLE_ROWS = 1 << 14, 20  # at the start of a table, which show its columns
_DELIMITERS = {"csv": ",;\t|", "tsv": "\t"}
_MAX_NAME = 50  # characters of a column's name; longer cells are texts


def detect_format(
    kind: RequestedKind,
    encoding: str,
    path: str,
    peek: Callable[[int], bytes],
    report: Callable[[Diagnostic], None],
) -> SourceFormat:
    """Return the format of a source; report the encoding if it is `auto`.

    Args:
        kind: The requested format.
        encoding: A codec's name, or `auto`.
        path: The name of the source.
        peek: Returns the first bytes of its content, decompressed.
        report: Receives the decisions.
    """
    named = guess_record_format(path) if kind in ("auto", "sniffed") else None
    if kind == "parquet" or kind == "arrow" or named == "parquet" or named == "arrow":
        return SourceFormat(cast(RecordKind, named or kind), "utf-8")
    if (binary := _sniff_magic(peek)) is not None:
        if kind in ("auto", "sniffed"):
            return SourceFormat(binary, "utf-8")
        report(Notice(path, f"begins like {binary.capitalize()}, but is read as {kind}", is_warning=True))
    is_auto, doubt = encoding == encodings.AUTO, ""
    if is_auto:
        head = peek(encodings.AUTO_SAMPLE)
        encoding, confidence, doubt = guess_encoding(head, complete=len(head) < encodings.AUTO_SAMPLE)
        if not head:
            report(Notice(path, "is empty", is_empty=True))
        else:
            what = f"read as {describe_encoding(encoding)}" + (f", but {doubt}; give its --encoding" if doubt else "")
            report(Notice(path, what, bool(doubt), encoding, confidence))
    found = _decide_kind(kind, named, encoding, path, peek, report)
    is_sniffed = kind == "sniffed" and named is None and found != "text"
    return SourceFormat(found, encoding, is_auto, doubt, is_sniffed)


def _decide_kind(
    kind: RequestedKind,
    named: RecordFormat | None,
    encoding: str,
    path: str,
    peek: Callable[[int], bytes],
    report: Callable[[Diagnostic], None],
) -> RecordKind:
    if kind == "jsonl" or named == "jsonl":
        return _sniff_json(peek, encoding) or "jsonl"
    if kind == "sniffed" and named is None:
        return _sniff_json(peek, encoding) or "text"
    if named == "csv" or named == "tsv":
        advice = _find_text_column(peek(_TABLE_BYTES).decode(encoding, "ignore"), named)
        if advice:
            report(Notice(path, f"looks like {named.upper()} and is read as plain text; {advice}"))
        return "text"
    assert kind != "records", "the planner resolves it"
    return "text" if kind == "auto" or kind == "sniffed" else kind


def sniff_format(peek: Callable[[int], bytes], encoding: str) -> Literal["jsonl", "array", "parquet", "arrow"] | None:
    """Return the format by the first bytes; None unless it is JSON, Parquet or Arrow."""
    return _sniff_magic(peek) or _sniff_json(peek, encoding)


def _sniff_magic(peek: Callable[[int], bytes]) -> Literal["parquet", "arrow"] | None:
    """Return the format by the magic number, reading as little as possible."""
    for magic, kind in _MAGIC.items():
        size = 1
        while magic.startswith(head := peek(size)) and len(head) == size < len(magic):
            size += 1
        if head == magic:
            return kind
    return None


def _sniff_json(peek: Callable[[int], bytes], encoding: str) -> Literal["jsonl", "array"] | None:
    """Return whether JSON begins here, reading as little as possible."""
    for size in range(1, _SNIFFED_BYTES):
        head = peek(size)
        text = head.decode(encoding, "ignore")
        is_begun = _JSON_BEGUN.fullmatch(text) is not None
        if len(head) == size and is_begun:
            continue
        match = _JSON.match(text)
        return None if match is None else "jsonl" if match["jsonl"] else "array"
    return None


def _find_text_column(head: str, kind: Literal["csv", "tsv"]) -> str:
    """Return the options that read the longest texts; "" if there is no table."""
    lines = head.removeprefix("\ufeff").splitlines(keepends=True)
    named = find_sep_delimiter(lines[0].rstrip("\n")) if lines else None
    if named is not None:
        del lines[0]
    for delimiter in _DELIMITERS[kind] if named is None else (named,):
        quoting: Literal[0, 3] = csv.QUOTE_NONE if kind == "tsv" and named is None else csv.QUOTE_MINIMAL
        rows = [row for row in islice(csv.reader(lines, delimiter=delimiter, quoting=quoting), _TABLE_ROWS) if row]
        if len(rows) > 2:
            del rows[-1]  # which may be cut off
        if not rows or len(rows[0]) < 2 or {len(row) for row in rows} != {len(rows[0])}:
            continue
        sizes = [sum(map(len, column)) for column in zip(*(rows[1:] or rows), strict=True)]
        place = sizes.index(max(sizes))
        is_header = len({*rows[0]}) == len(rows[0]) and all(0 < len(name) <= _MAX_NAME for name in rows[0])
        is_header = is_header and not any(name.strip().isdecimal() for name in rows[0])
        name = shlex.quote(rows[0][place]) if is_header else f"{place + 1} --no-header-in"
        options = "" if delimiter in (named, _DELIMITERS[kind][0]) else f" --delimiter-in {shlex.quote(delimiter)}"
        return f"--field {name}{options} reads one column"
    return ""
