"""Concordances: inputs -> hits -> rows in an order and a format."""

import os
import shutil
from collections.abc import Iterable, Iterator
from itertools import chain, islice, repeat
from operator import itemgetter
from typing import TYPE_CHECKING

from kxcli.errors import MissingExtraError
from kxcli.mining.kwic.job import BLOCK_ROWS, FindHits, HitRow, iter_row_blocks
from kxcli.mining.kwic.query import DEFAULT_WIDTH, Query
from kxcli.mining.segment import load_tokenizer, prepare
from kxcli.output import rows
from kxcli.output.table import TableColumn, TableEncoder
from kxcli.pipelines.absent_words import explain_absence
from kxcli.pipelines.corpus_run import Corpus
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.mining.kwic.arrangement import Side

COLUMNS = ("source", "left", "match", "right")
_TABLE_ORDER = (1, 2, 3, 0)  # the source at the end, so that its length moves nothing

RowBlocks = Iterable[list[HitRow]]


def check_library(query: Query) -> None:
    """Raise `MissingExtraError` if the query needs a missing library."""
    if len(query.patterns) > 1:
        try:
            import ahocorasick  # noqa: F401
        except ImportError:
            raise MissingExtraError("--patterns-from", "patterns") from None


def choose_width(session: Session, width: int | None) -> int:
    """Return the characters of each context.

    Args:
        session: The options of the run.
        width: That of the user; if None, a table on a terminal has all that may fit.
    """
    if width is not None:
        return width
    n_columns = _count_columns(session)
    return DEFAULT_WIDTH if n_columns is None else max(DEFAULT_WIDTH, n_columns // 2)


def _count_columns(session: Session) -> int | None:
    """Return the columns of the terminal; None if the output is no table on one."""
    return shutil.get_terminal_size().columns if session.sink.format == "table" and session.sink.is_terminal else None


def find_rows(corpus: Corpus, query: Query, *, is_written: bool) -> RowBlocks:
    """Return the rows of all hits, block by block, in the order of the input.

    Args:
        corpus: The inputs.
        query: The patterns.
        is_written: Whether each block is written at once.
    """
    shared = prepare(query.segmentation, corpus.report.warning) if query.mode == "tokens" else None

    def show_path(path: str) -> str:
        """Return a path as text; bytes that are not UTF-8 become U+FFFD."""
        return os.fsencode(corpus.get_given_path(path)).decode("utf-8", "replace")

    partials = corpus.stream(FindHits(query), shared, is_written=is_written)
    return iter_row_blocks(partials, query.width, show_path)


def arrange_rows(corpus: Corpus, blocks: RowBlocks, side: "Side | None", sample: int | None, seed: int) -> RowBlocks:
    """Yield blocks of sampled rows, or of rows in the order of a context."""
    from kxcli.mining.kwic.arrangement import choose_sample, sort_rows  # hashlib loads OpenSSL

    found: Iterable[HitRow] = chain.from_iterable(blocks)
    if sample is not None:
        found = choose_sample(found, sample, seed)
    if side is not None:
        found = sort_rows(found, side, corpus.open_scratch())
    rest = iter(found)
    while block := list(islice(rest, BLOCK_ROWS)):
        yield block


def encode_blocks(session: Session, blocks: RowBlocks, query: Query, width: int | None, hint: str) -> Iterator[bytes]:
    """Yield the lines of each block of rows; report if there is no row.

    Args:
        session: The options and the report of the run.
        blocks: The rows.
        query: The patterns.
        width: Columns of each context in a table; None for the default.
        hint: The end of the message if there is no row.
    """
    is_empty = True

    def watch() -> Iterator[list[HitRow]]:
        nonlocal is_empty
        for block in blocks:
            is_empty = False
            yield block
        if is_empty:
            yield []

    yield from _encode(session, watch(), width)
    if is_empty:
        _explain_no_rows(session, query, hint)


def _explain_no_rows(session: Session, query: Query, hint: str) -> None:
    """Report that there is no match, and why."""
    if query.mode == "tokens":
        (pattern,), segmentation = query.patterns, query.segmentation
        tokens = load_tokenizer(segmentation, prepare(segmentation))(pattern)
        if len(tokens) > 1:
            session.report.warning(f"{pattern} {explain_absence(tokens)}")
            return
    session.report.note(f"no match was found{hint}")


def _encode(session: Session, blocks: RowBlocks, width: int | None) -> Iterable[bytes]:
    """Return encoded blocks of rows, the first with the header."""
    row_format, header = session.sink.format, session.has_header
    if row_format == "parquet":
        return rows.encode_rows(chain.from_iterable(blocks), COLUMNS, row_format, header=header)
    if row_format == "table":
        n_columns = None if width is not None else _count_columns(session)
        width = choose_width(session, width)
        left, right = TableColumn(width, is_right=True), TableColumn(width)
        layout = (left, TableColumn(is_emphasized=True), right, TableColumn())
        pick, has_colors = itemgetter(*_TABLE_ORDER), _has_colors(session)
        table = TableEncoder(pick(COLUMNS), layout, header=header, has_colors=has_colors, n_columns=n_columns)
        return (table.encode([*map(pick, block)]) for block in blocks)
    headers = chain([header], repeat(False))
    return chain.from_iterable(rows.encode_rows(block, COLUMNS, row_format, header=next(headers)) for block in blocks)


def _has_colors(session: Session) -> bool:
    """Return whether the output has colors, by https://no-color.org."""
    return session.sink.is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM", "dumb") != "dumb"
