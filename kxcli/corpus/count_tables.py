"""Outputs of wordcount, read back as rows of named cells."""

import csv
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import chain, groupby, pairwise
from typing import Any, Literal, NamedTuple

from kxcli.corpus.arrow_groups import ArrowGroups, ArrowKind, ParquetGroups, hold_stream, name_arrow_errors, open_groups
from kxcli.corpus.compression import Stream
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import BadRecord, Diagnostic, ReadDiagnostics, SourceFacts
from kxcli.corpus.reader_spec import RecordKind
from kxcli.corpus.row_reader import DelimitedRows, is_unicode, number_lines, parse_object
from kxcli.corpus.source_formats import detect_format
from kxcli.corpus.sources import Source
from kxcli.suffixes import guess_record_format
from kxcli.wording import format_count

_SNIFFED_LINES = 10
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?", re.ASCII)
_SIGNED = re.compile(r"-?[0-9]+\.[0-9]+", re.ASCII)

# The columns of newwords, as many as it writes without a header.
LEXICON_COLUMNS = ("word", "count", "pmi", "left_entropy", "right_entropy", "docs", "probability", "part_of")
_N_SCORED = 5  # of them, as every row has them


class CountRow(NamedTuple):
    """A row: its cells by column, and the reader with its line."""

    cells: dict[str, str | int | float]
    diagnostics: ReadDiagnostics


def read_count_rows(
    source: Source,
    kind: str | None,
    encoding: str,
    *,
    default_columns: tuple[str, ...],
    known: str,
    report: Callable[[Diagnostic], None],
) -> Iterator[CountRow]:
    """Yield the rows of a TSV, CSV, JSONL, Parquet or Arrow file.

    Args:
        source: The file.
        kind: Its format; None to detect it by the name and the first line.
        encoding: A codec's name, or `auto`.
        default_columns: The columns of a TSV or CSV file without a header; it may have only the first of them, at
            least two.
        known: A column that every header has.
        report: Called with the encoding that was detected, and with facts at the end.

    Raises:
        InputError: For a line that is no such row.
    """
    kind = kind or guess_record_format(source.path)
    if kind == "parquet" or kind == "arrow":
        yield from _read_columns(source, "parquet" if kind == "parquet" else "arrow", report)
        return
    with source.open() as file:
        diagnostics = ReadDiagnostics(source.path, "stop")
        stream = Stream(file, source.path)
        source_format = detect_format("text", encoding, source.path, stream.peek, report)
        lines = Decoder(source_format.encoding, diagnostics).read_text(stream, keeps_cr=True)
        first = next(lines, None)
        if first is None:
            return
        kind = kind or _guess_kind_by_line(first)
        if kind == "jsonl":
            rows = _parse_objects(chain([first], lines), diagnostics)
        else:
            table_kind: Literal["csv", "tsv"] = "csv" if kind == "csv" else "tsv"
            rows = _parse_rows(chain([first], lines), diagnostics, table_kind, default_columns, known)
        n_rows = 0
        for row in rows:
            n_rows += 1
            yield row
        n_bytes = stream.n_bytes if source.size is None else source.size
        report(SourceFacts(source.path, source_format.encoding, kind, n_rows, n_bytes))


def _read_columns(source: Source, kind: ArrowKind, report: Callable[[Diagnostic], None]) -> Iterator[CountRow]:
    """Yield the rows of a Parquet or Arrow file."""
    diagnostics = ReadDiagnostics(source.path, "stop")
    with source.open() as file, name_arrow_errors(source.path, kind):
        stream = Stream(file, source.path, refuses_archives=False)
        with hold_stream(stream) as held:
            yield from _read_batches(open_groups(held, kind), diagnostics)
        n_bytes = stream.n_bytes if source.size is None else source.size
        report(SourceFacts(source.path, "", kind, diagnostics.line - 1, n_bytes))


def _read_batches(reader: ParquetGroups | ArrowGroups, diagnostics: ReadDiagnostics) -> Iterator[CountRow]:
    for batch in reader.iter_batches(reader.schema.names):
        for cells in batch.to_pylist():
            if type(cells.get("word", "")) is not str:
                diagnostics.fail("has a word that is not a string", "give an output of -f parquet as it was written")
            yield CountRow(cells, diagnostics)
            diagnostics.line += 1


def looks_like_counts(head: str, fields: Collection[str]) -> bool:
    """Return whether a text begins like an output of wordcount.

    Its first line is a header with `word` and `count`, or a JSON object with them; or the first lines are rows of
    cells, separated by tabs, as wordcount writes them: the same number of them, the last one a positive number, in
    the order of wordcount. Texts with numeric labels are in another order.

    Args:
        head: The beginning of the text, of whole lines.
        fields: Names of fields that make it records of texts instead.
    """
    lines = [line.removesuffix("\r") for line in head.removeprefix("\ufeff").split("\n")[:_SNIFFED_LINES]]
    lines = [line for line in lines if line]
    if not lines:
        return False
    with suppress(BadRecord):
        cells = parse_object(lines[0])
        is_row = type(cells.get("word")) is str and type(cells.get("count")) is int
        return is_row and cells.keys().isdisjoint(fields)
    with suppress(csv.Error):
        for header in (lines[0].split("\t"), *csv.reader(lines[:1], strict=True)):
            if {"word", "count"} <= set(header) and not _NUMBER.fullmatch(header[-1]):
                return set(header).isdisjoint(fields)
    rows = [line.split("\t") for line in lines]
    has_equal_rows = len(rows[0]) > 1 and {len(row) for row in rows} == {len(rows[0])}
    return has_equal_rows and all(_NUMBER.fullmatch(row[-1]) for row in rows) and _are_sorted_counts(rows)


def looks_like_lexicon(head: str) -> bool:
    """Return whether a text begins like an output of newwords without a header.

    The first lines are rows of a word, its count, its pmi, empty for a character, and its entropies.

    Args:
        head: The beginning of the text, of whole lines.
    """
    lines = [line.removesuffix("\r") for line in head.removeprefix("\ufeff").split("\n")[:_SNIFFED_LINES]]
    rows = [line.split("\t") for line in lines if line]
    return bool(rows) and all(
        len(row) >= _N_SCORED
        and row[1].isdigit()
        and (not row[2] or _SIGNED.fullmatch(row[2]))
        and all(map(_SIGNED.fullmatch, row[3:_N_SCORED]))
        for row in rows
    )


def looks_like_userdict(head: str) -> bool:
    """Return whether a text begins like a user dictionary by newwords.

    Each of the first lines is a word, a space and a count.

    Args:
        head: The beginning of the text, of whole lines.
    """
    lines = head.removeprefix("\ufeff").split("\n")[:_SNIFFED_LINES]
    rows = [line.split() for line in lines if line.strip()]
    return bool(rows) and all(len(row) == 2 and row[1].isdecimal() for row in rows)


def _are_sorted_counts(rows: Sequence[list[str]]) -> bool:
    """Return whether rows are words with counts in an order of wordcount.

    Counts are positive. In each group, they fall, and words with equal counts ascend by code points; or all words
    ascend. The cells before a word are its group; rows of a word, its count and a rate are groups of one row.
    """
    groups = [[(-float(row[-1]), row[-2]) for row in group] for _, group in groupby(rows, key=lambda row: row[:-2])]
    if len(groups) == len(rows) > 1 and not all(_NUMBER.fullmatch(row[-2]) for row in rows):
        return False
    return all(
        all(negative < 0 for negative, _ in words) and (_ascend(words) or _ascend([word for _, word in words]))
        for words in groups
    )


def _ascend(values: Sequence[Any]) -> bool:
    return all(value < following for value, following in pairwise(values))


def _guess_kind_by_line(line: str) -> RecordKind:
    with suppress(BadRecord):
        if "word" in parse_object(line):
            return "jsonl"
    return "csv" if "," in line and "\t" not in line else "tsv"


def _parse_objects(lines: Iterable[str], diagnostics: ReadDiagnostics) -> Iterator[CountRow]:
    for line in lines:
        try:
            cells = parse_object(line)
        except BadRecord as bad:
            diagnostics.fail(bad.what, "give an output of -f jsonl as it was written")
        if not (type(word := cells.get("word", "")) is str and is_unicode(word)):
            diagnostics.fail("has a word that is not a string of characters", "give an output of -f jsonl")
        yield CountRow(cells, diagnostics)


def _parse_rows(
    lines: Iterable[str],
    diagnostics: ReadDiagnostics,
    kind: Literal["tsv", "csv"],
    default_columns: tuple[str, ...],
    known: str,
) -> Iterator[CountRow]:
    columns: list[str] | None = None
    # The latter is faster than `DelimitedRows`, for tables of millions of words.
    rows = _iter_csv(lines, diagnostics) if kind == "csv" else (line.removesuffix("\r").split("\t") for line in lines)
    for row in rows:
        if columns is None:
            if known in row and not row[-1].isdigit():
                columns = row
                continue
            columns = list(default_columns[: max(2, len(row))])
        if len(row) != len(columns):
            what = f"has {format_count(len(row), 'cells')}, not {len(columns)} ({', '.join(columns)})"
            diagnostics.fail(what, "more columns than a word and its count need --header when they are written")
        yield CountRow(dict(zip(columns, row, strict=True)), diagnostics)


def _iter_csv(lines: Iterable[str], diagnostics: ReadDiagnostics) -> Iterator[list[str]]:
    for number, row in DelimitedRows(number_lines(lines, diagnostics), "csv"):
        if isinstance(row, BadRecord):
            diagnostics.line = number
            diagnostics.fail(row.what, "give an output of -f csv as it was written")
        yield row
