"""Bytes -> documents: a line, a field of JSONL, a column of CSV or TSV."""

from collections.abc import Iterable, Iterator
from functools import partial
from operator import itemgetter

from kxcli.corpus.arrow_records import read_arrow_rows
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.delimited_records import read_rows
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.documents import Document, TextBlock, TextRecord
from kxcli.corpus.groups import GroupMaker
from kxcli.corpus.joining import join_documents
from kxcli.corpus.json_records import parse_document, read_elements
from kxcli.corpus.lines import Readable
from kxcli.corpus.numbering import number_documents
from kxcli.corpus.reader_spec import ReaderSpec, SourceFormat
from kxcli.corpus.row_reader import number_lines, parse_lines
from kxcli.corpus.text_lines import make_documents, read_text_lines


def read_documents(
    stream: Readable,
    source_format: SourceFormat,
    spec: ReaderSpec,
    diagnostics: ReadDiagnostics,
    source_number: int = 0,
    row_groups: range | None = None,
) -> Iterator[TextRecord]:
    """Yield the documents of a stream in order.

    Memory is bounded by a chunk and the longest line. A bad record raises `InputError` with its line if
    `spec.on_error` is "stop", else `diagnostics` counts it.

    Args:
        stream: The bytes; a file with positions if `row_groups` is given.
        source_format: The format of the records.
        spec: How they become documents.
        diagnostics: Has the number of the first line.
        source_number: The number of the source.
        row_groups: The groups of rows of a Parquet or Arrow file to read; None for all.
    """
    if spec.names_sources and diagnostics.is_at_start:
        yield Document("", has_continuation=True, source=diagnostics.path)
    if source_format.is_sniffed:
        diagnostics.alternative = ", or read plain text with --input-format text"
    kind, groups = source_format.kind, GroupMaker(spec.by, spec.given_paths.get(diagnostics.path, diagnostics.path))
    numbered: Iterator[tuple[int, TextRecord]]
    if kind == "parquet" or kind == "arrow":
        numbered = read_arrow_rows(stream, kind, row_groups, spec, groups, diagnostics)
    else:
        numbered = _read_numbered(stream, source_format, spec, groups, diagnostics)
    documents = _count_gaps(numbered, diagnostics) if spec.counts_lines else map(itemgetter(1), numbered)
    if spec.counts_documents and source_format.kind != "text":  # lines are counted anyway
        documents = _count_records(documents, diagnostics)
    if spec.numbering is not None:
        documents = number_documents(documents, spec.numbering, diagnostics, source_number)
    yield from join_documents(documents, spec, diagnostics) if spec.joins_documents else documents


def _count_records(records: Iterable[TextRecord], diagnostics: ReadDiagnostics) -> Iterator[TextRecord]:
    """Yield the records, and count them."""
    for record in records:
        diagnostics.n_records += not record.has_continuation
        yield record


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


def _set_group(document: TextRecord, group: str) -> TextRecord:
    """Return a document in a group."""
    if isinstance(document, Document):
        return document._replace(group=group)
    document.group = group
    return document


def _read_numbered(
    stream: Readable,
    source_format: SourceFormat,
    spec: ReaderSpec,
    groups: GroupMaker,
    diagnostics: ReadDiagnostics,
) -> Iterator[tuple[int, TextRecord]]:
    """Yield the documents with the numbers of their first lines."""
    decoder = Decoder(
        source_format.encoding,
        diagnostics,
        is_guessed=source_format.is_guessed,
        doubt=source_format.doubt,
        max_line=spec.max_line,
    )
    if source_format.kind == "text":
        is_splittable = source_format.is_splittable
        group = groups.make(())
        for document in (
            read_text_lines(stream, decoder, spec, diagnostics)
            if is_splittable
            else make_documents(decoder.read_text(stream), spec)
        ):
            yield diagnostics.line, _set_group(document, group) if group else document
    elif source_format.kind == "jsonl":
        lines = number_lines(decoder.read_lines(stream), diagnostics)
        yield from parse_lines(lines, partial(parse_document, spec=spec, groups=groups), diagnostics)
    elif source_format.kind == "array":
        yield from read_elements(stream, decoder, spec, groups, diagnostics)
    elif source_format.kind == "csv" or source_format.kind == "tsv":
        lines = number_lines(decoder.read_text(stream, keeps_cr=True), diagnostics)
        yield from read_rows(lines, source_format.kind, spec, groups, diagnostics)
