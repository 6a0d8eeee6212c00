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
_BLOCK_ENTRIES = 1 << 16  # of a matrix, encoded together


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
    scratch = corpus.open_scratch()
    is_ranked = DISPERSION_COLUMNS[0] in listing.columns
    sums = None
    if session.report.summary is not None or not (session.sink.matrix_paths or is_ranked):
        sums = sum_documents(finished, scratch)
        summarize_counts(session, sums, scratch)
    if session.sink.matrix_paths:
        _write_matrix(CountMatrix(finished, listing.ranking, scratch), listing.groups, session, corpus, numbering)
    elif is_ranked or sums is None:
        session.write(listing.encode(rank_dispersion(finished, listing.ranking, scratch)))
    else:
        session.write(listing.blocks(sums, scratch))


def _write_matrix(
    matrix: CountMatrix, groups: tuple[str, ...], session: Session, corpus: "Corpus", numbering: "Numbering"
) -> None:
    """Write a matrix in the form of Matrix Market, and the files with its labels.

    Args:
        matrix: The counts.
        groups: The columns of groups, if its rows are groups.
        session: The output.
        corpus: The inputs.
        numbering: Whether documents are lines or files.
    """
    columns = groups or (("file",) if numbering == "file" else ("file", "document"))
    rows: Iterable[tuple[Cell, ...]]
    if groups:
        rows = split_groups(((name,) for name in matrix.groups), len(groups))
    else:
        rows = (row[: len(columns)] for row in _label_documents(matrix, corpus))
    contents = (
        encode_rows(rows, columns, "tsv", header=True),
        encode_rows(matrix.columns(), _LABEL_COLUMNS, "tsv", header=True),
        _encode_matrix(matrix),
    )
    session.report.check_skips()
    sink.write_together(list(zip(contents, session.sink.matrix_paths, strict=True)))


def _encode_matrix(matrix: CountMatrix) -> Iterator[bytes]:
    """Yield the bytes of a matrix: coordinates from 1, column by column."""
    yield b"%%MatrixMarket matrix coordinate integer general\n"
    yield b"%d %d %d\n" % (matrix.n_rows, matrix.n_columns, matrix.n_entries)
    for entries in matrix.entries():
        for start in range(0, len(entries.rows), _BLOCK_ENTRIES):
            rows, columns, counts = (values[start : start + _BLOCK_ENTRIES] for values in entries)
            lines = zip((rows + 1).tolist(), (columns + 1).tolist(), counts.tolist(), strict=True)
            yield "".join(map("%d %d %d\n".__mod__, lines)).encode("ascii")


def _label_documents(matrix: CountMatrix, corpus: "Corpus") -> Iterator[tuple[str, int]]:
    """Yield the file of each document, and its number there from 1 on."""
    from kxcli.corpus.numbering import get_source_number

    before, n = -1, 0
    for number in matrix.numbers:
        source = get_source_number(int(number))
        n = n + 1 if source == before else 1
        before = source
        yield corpus.get_given_path(corpus.sources[source].path), n
