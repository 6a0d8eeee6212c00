"""Earlier outputs, read back as rows of named cells."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import NamedTuple

from kxcli.corpus.compression import Stream
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import BadRecord, Diagnostic, ReadDiagnostics
from kxcli.corpus.quoting import CsvRows
from kxcli.corpus.records import RecordKind, is_unicode, parse_object
from kxcli.corpus.shards import detect_format, guess_kind
from kxcli.corpus.sources import Source
from kxcli.wording import format_count

_WORDS = ("word", "group")


class CountRow(NamedTuple):
    """A row: its cells by column, and where it stands."""

    cells: dict[str, str | int | float]
    diagnostics: ReadDiagnostics


def read_count_rows(
    source: Source,
    kind: RecordKind | None,
    encoding: str,
    *,
    bare: tuple[str, ...],
    known: str,
    report: Callable[[Diagnostic], None],
) -> Iterator[CountRow]:
    """Yield the rows of a TSV, CSV or JSONL file, whose format is found by its name and its first line.

    bare: the columns of a TSV or CSV without header.  known: a column that every header has.
    tell: is called with the encoding that was found.
    Raises `InputError` for what is no table.
    """
    with source.open() as file:
        diagnostics = ReadDiagnostics(source.path, "stop")
        stream = Stream(file, source.path)
        source_format = detect_format("text", encoding, source.path, stream.peek, report)
        lines = Decoder(source_format.encoding, diagnostics).lines_in_order(stream, keeps_cr=True)
        first = next(lines, None)
        if first is None:
            return
        kind = kind or guess_kind(source.path) or _looks_like(first)
        if kind == "jsonl":
            yield from _objects(first, lines, diagnostics)
        else:
            yield from _cells(first, lines, diagnostics, kind, bare, known)


def _looks_like(line: str) -> RecordKind:
    with suppress(BadRecord):
        if "word" in parse_object(line):
            return "jsonl"
    return "csv" if "," in line and "\t" not in line else "tsv"


def _objects(first: str, lines: Iterable[str], diagnostics: ReadDiagnostics) -> Iterator[CountRow]:
    for line in _chained(first, lines):
        try:
            cells = parse_object(line)
        except BadRecord as bad:
            diagnostics.fail(bad.args[0], "give an output of -f jsonl as it was written")
        if not all(type(word := cells.get(name, "")) is str and is_unicode(word) for name in _WORDS):
            diagnostics.fail("has a word or a group that is not a string of characters", "give an output of -f jsonl")
        yield CountRow(cells, diagnostics)


def _cells(
    first: str, lines: Iterable[str], diagnostics: ReadDiagnostics, kind: RecordKind, bare: tuple[str, ...], known: str
) -> Iterator[CountRow]:
    numbered = ((diagnostics.line, line) for line in _chained(first, lines))
    rows: Iterator[tuple[int, list[str] | BadRecord]]
    if kind == "csv":
        rows = iter(CsvRows((number, line + "\n") for number, line in numbered))
    else:
        rows = ((number, line.removesuffix("\r").split("\t")) for number, line in numbered)
    columns: list[str] | None = None
    for number, row in rows:
        if isinstance(row, BadRecord):
            diagnostics.line = number
            diagnostics.fail(row.args[0], "give an output of -f csv as it was written")
        if columns is None:
            if known in row and not row[-1].isdigit():
                columns = row
                continue
            columns = list(bare)
        if len(row) != len(columns):
            what = f"has {format_count(len(row), 'cells')}, not {len(columns)} ({', '.join(columns)})"
            diagnostics.fail(what, "more columns than a word and its count need --header when they are written")
        yield CountRow(dict(zip(columns, row, strict=True)), diagnostics)


def _chained(first: str, lines: Iterable[str]) -> Iterator[str]:
    yield first
    yield from lines
