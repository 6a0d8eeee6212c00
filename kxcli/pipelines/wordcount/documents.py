"""Output of counts by document: rows with dispersion, and matrices."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from kxcli.mining.documents.counts import DocumentCounts
from kxcli.mining.documents.matrix import CountMatrix
from kxcli.mining.documents.rows import rank_dispersion, sum_documents
from kxcli.mining.wordcount.ranking import DISPERSION_COLUMNS
from kxcli.output import sink
from kxcli.output.rows import encode_rows
from kxcli.pipelines.session import Session
from kxcli.pipelines.wordcount.group_columns import split_groups
from kxcli.pipelines.wordcount.listing import Listing
from kxcli.pipelines.wordcount.summing import summarize_counts

if TYPE_CHECKING:
    from kxcli.corpus.numbering import Numbering
    from kxcli.output.rows import Cell
    from kxcli.pipelines.corpus_run import Corpus

_LABEL_COLUMNS = ("word", "count", "df")


def write_document_counts(
    finished: DocumentCounts, listing: Listing, session: Session, corpus: "Corpus", numbering: "Numbering"
) -> None:
    """Write counts by document as rows of n-grams, or as a matrix.

    Args:
        finished: The counts.
        listing: How they become lines.
        session: The output.
        corpus: The inputs.
        numbering: Whether documents are lines or files.
    """
    session.report.check_skips()  # before the labels are written
    scratch = corpus.open_scratch()
    if session.report.summary is not None:
        summarize_counts(session, sum_documents(finished, scratch), scratch)
    if session.sink.label_paths:
        matrix = CountMatrix(finished, listing.ranking, scratch)
        if listing.groups:
            _write_matrix(
                matrix, split_groups(((name,) for name in matrix.groups), len(listing.groups)), listing.groups, session
            )
        else:
            columns = ("file",) if numbering == "file" else ("file", "document")
            rows = (row[: len(columns)] for row in _label_documents(matrix, corpus))
            _write_matrix(matrix, rows, columns, session)
    elif set(DISPERSION_COLUMNS) <= set(listing.columns):
        session.write(listing.encode(rank_dispersion(finished, listing.ranking, scratch)))
    else:
        session.write(listing.blocks(sum_documents(finished, scratch), scratch))


def _write_matrix(
    matrix: CountMatrix, rows: "Iterable[tuple[Cell, ...]]", columns: tuple[str, ...], session: Session
) -> None:
    """Write a matrix in the form of Matrix Market, after the files with its labels.

    Args:
        matrix: The counts.
        rows: The labels of its rows.
        columns: The names of the columns of these labels.
        session: The output.
    """
    row_path, column_path = session.sink.label_paths
    sink.write(encode_rows(rows, columns, "tsv", header=True), row_path)
    sink.write(encode_rows(matrix.columns(), _LABEL_COLUMNS, "tsv", header=True), column_path)
    session.write(_encode_matrix(matrix))


def _encode_matrix(matrix: CountMatrix) -> Iterator[bytes]:
    """Yield the bytes of a matrix: coordinates from 1, column by column."""
    yield b"%%MatrixMarket matrix coordinate integer general\n"
    yield b"%d %d %d\n" % (matrix.n_rows, matrix.n_columns, matrix.n_entries)
    for rows, columns, counts in matrix.entries():
        lines = zip((rows + 1).tolist(), (columns + 1).tolist(), counts.tolist(), strict=True)
        yield "".join(map("%d %d %d\n".__mod__, lines)).encode("ascii")


def _label_documents(matrix: CountMatrix, corpus: "Corpus") -> Iterator[tuple[str, int]]:
    """Yield the file of each document, and its number there from 1 on."""
    from kxcli.corpus.numbering import get_source_number

    before, n = -1, 0
    for number in matrix.numbers.tolist():
        source = get_source_number(number)
        n = n + 1 if source == before else 1
        before = source
        yield corpus.get_given_path(corpus.sources[source].path), n
