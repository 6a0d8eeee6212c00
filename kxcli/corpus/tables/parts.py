"""Sources -> the parts of a table, each in the format of its name or its content."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field

from kxcli.corpus.compression import reject_archive
from kxcli.corpus.diagnostics import Diagnostic, Notice, OnError, ReadDiagnostics, SourceFacts
from kxcli.corpus.dialects import DEFAULT_LAYOUT, Dialect, TableLayout
from kxcli.corpus.encoding_guess import is_binary
from kxcli.corpus.source_formats import detect_format
from kxcli.corpus.sources import Source
from kxcli.corpus.tables import arrays, arrow_files, delimited, named_arrays, objects
from kxcli.corpus.tables.cells import MissingCodes
from kxcli.corpus.tables.chunks import TablePart
from kxcli.corpus.tables.number_formats import NumberFormat
from kxcli.corpus.tables.source_bytes import BINARY_FORMATS, SourceBytes, detect_table_format
from kxcli.errors import InputError, UsageError
from kxcli.suffixes import InputFormat, guess_table_format
from kxcli.wording import format_count, format_names


@dataclass(frozen=True)
class TableReading:
    """How tables are read.

    Attributes:
        kind: The format of all sources; None for the format that each name indicates, or TSV.
        encoding: The name of a codec, or `auto`.
        header: Whether the first row of TSV and CSV is a header; None if it is unless all of its cells are numbers,
            dates or missing.
        on_error: What is done with a bad row.
        report: Called with the facts and each decision about a source, and with the skipped rows at its end.
        missing: The cells without a value.
        layout: The form of TSV and CSV.
        number_format: The marks in their numbers.
    """

    kind: InputFormat | None
    encoding: str
    header: bool | None
    on_error: OnError
    report: Callable[[Diagnostic], None]
    missing: MissingCodes = field(default_factory=MissingCodes)
    layout: TableLayout = DEFAULT_LAYOUT
    number_format: NumberFormat = field(default_factory=NumberFormat)


def open_parts(sources: Iterable[Source], reading: TableReading) -> Generator[TablePart]:
    """Yield the nonempty sources, each open until the next."""
    first: TablePart | None = None
    headed: TablePart | None = None  # the first one that may have a header
    for source in sources:
        diagnostics = ReadDiagnostics(source.path, reading.on_error)
        with source.open() as file:
            data = SourceBytes(source, file)
            part = _open_part(source, data, reading, first.names if first else (), diagnostics)
            if part is not None:
                if part.width is not None:
                    first = first or part
                    headed = headed or (part if part.has_header is not None else None)
                    _check_columns(part, first, headed, reading)
                yield part
            reading.report(SourceFacts(source.path, n_bytes=data.n_bytes))
        for skipped in diagnostics.skipped_records:
            reading.report(skipped)


def _open_part(
    source: Source, data: SourceBytes, reading: TableReading, names: tuple[str, ...], diagnostics: ReadDiagnostics
) -> TablePart | None:
    if not data.head:
        return None
    kind = choose_format(source, data.head, reading)
    if kind not in ("tsv", "csv") and not reading.number_format.is_plain:
        raise UsageError(f"--decimal and --thousands are for TSV and CSV, and {source.path} is {kind}.")
    if kind in BINARY_FORMATS:
        reading.report(SourceFacts(source.path, kind=kind or ""))
    if kind == "npy":
        return arrays.read(data, diagnostics)
    if kind == "npz":
        return named_arrays.read(data, diagnostics)
    if kind == "parquet" or kind == "arrow":
        return arrow_files.read(data, kind)
    reject_archive(data.head, source.path)
    source_format = detect_format(kind, reading.encoding, source.path, data.stream.peek, reading.report)
    reading.report(SourceFacts(source.path, source_format.encoding, kind))
    if is_binary(data.head, source_format.encoding, is_doubtful=bool(source_format.doubt)):
        raise InputError(source.path, "looks like a binary file", "give a table, or name the right --encoding")
    if kind == "jsonl":
        return objects.read(data.stream, source_format, names, diagnostics)
    return delimited.read(
        data.stream,
        source_format,
        Dialect.choose(kind, reading.layout),
        reading.layout,
        reading.header,
        reading.missing,
        reading.number_format,
        diagnostics,
        lambda message: reading.report(Notice(source.path, message)),
    )


def choose_format(source: Source, head: bytes, reading: TableReading) -> InputFormat:
    """Return the format by the option, the content or the name."""
    found = detect_table_format(head)
    if reading.kind is not None:
        if found in BINARY_FORMATS and found != reading.kind:
            raise InputError(source.path, f"is in the format {found}", f"use --input-format {found}")
        return reading.kind
    named = None if source.is_stdin else guess_table_format(source.path)
    if found in BINARY_FORMATS or named is None:
        kind = found or "tsv"
        if found is not None and found != named and not (source.is_stdin and found in BINARY_FORMATS):
            reading.report(Notice(source.path, f"read as {found} by its content; --input-format overrides this"))
        return kind
    return named


def _check_columns(part: TablePart, first: TablePart, headed: TablePart | None, reading: TableReading) -> None:
    """Raise `InputError` if a source has other columns than the first."""
    if reading.header is None and headed and part.has_header is not None and part.has_header != headed.has_header:
        has, had = ("a header", "none") if part.has_header else ("no header", "one")
        what = f"seems to have {has}, where {headed.path} has {had}"
        raise InputError(part.path, what, "use --header-in or --no-header-in", line=1)
    if part.width != first.width:
        what = f"has {format_count(part.width or 0, 'columns')} where {first.path} has {first.width}"
        raise InputError(part.path, what, "give tables with the same columns", line=1)
    if first.names and part.names and part.names != first.names:
        what = f"has the columns {format_names(part.names)} where {first.path} has {format_names(first.names)}"
        raise InputError(part.path, what, "give tables with the same columns", line=1)
