"""Ranked rows of final counts: by value, then by the code points of the word."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress, repeat
from typing import Literal

from kxcli.kernel import find_kernel
from kxcli.mining.arguments import check_choice, check_minimum, check_type
from kxcli.mining.wordcount.counts import Counts
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import BLOCK_ROWS, DOCUMENT_SHIFT, MAX_NUMBER, Block, encode_run, strip_documents

MILLION = 1_000_000
_ROW_BYTES = 400  # of a row in a sort: its word, number and position; a chunk has half of the memory
_CHARACTER_BYTES = 4  # additional, per character of the word
_MIN_SORTED = 1 << 10  # rows sorted in memory even if the limit is lower
_MAX_DIGITS = 100  # more than any count has
_INVERTED = str.maketrans("0123456789", "9876543210")


# Group, word, count, documents, rate per million; the last two are 0 unless requested. A plain tuple, because creating
# a named one for each distinct word takes longer than sorting them.
Row = tuple[str, str, int, int, float]
DISPERSION_COLUMNS = ("range", "dp", "dp_norm", "juilland_d")  # of `kxcli.mining.documents.rows`
COLUMNS = ("word", "count", "df", "per_million", *DISPERSION_COLUMNS)  # of a row, after its group
TYPES: dict[str, type] = {  # of columns of numbers
    **dict.fromkeys(COLUMNS[1:], float),
    "count": int,
    "df": int,
    "range": int,
}


@dataclass(frozen=True)
class Ranking:
    """The selection and order of rows; `top` is per group."""

    sort: Literal["count", "word"] = "count"
    top: int | None = None
    min_count: int = 1
    per_million: bool = False

    def __post_init__(self) -> None:
        check_choice("sort", self.sort, ("count", "word"))
        if self.top is not None:
            check_minimum("top", self.top, 0)
        check_minimum("min_count", self.min_count, 1)
        check_type("per_million", self.per_million, bool)


def rank_rows(
    finished: Counts,
    ranking: Ranking,
    scratch: Scratch | None = None,
    accepts: Callable[[str], bool] | None = None,
) -> Iterator[Row]:
    """Yield the rows, group by group.

    All orders of n-grams in a group are ranked together. The rate is per million of all counted words of that order in
    that group, before rows are excluded.

    Args:
        finished: The final counts.
        ranking: The selection and order of rows.
        scratch: Sorts rows that exceed its memory limit; if None, all rows are sorted in memory.
        accepts: Returns whether a word is included; by default all are.
    """
    layout, totals = finished.layout, finished.totals
    for group, blocks in finished.groups(scratch):
        if accepts is not None:
            blocks = (_filter_block(block, map(accepts, layout.words(block[0]))) for block in blocks)
        for keys, numbers in select_rows(blocks, ranking, scratch):
            word_counts = strip_documents(numbers)
            documents: Iterable[int] = repeat(0) if word_counts is numbers else [n >> DOCUMENT_SHIFT for n in numbers]
            rates: Iterable[float] = repeat(0.0)
            if ranking.per_million:
                rates = (
                    compute_rate(count, totals[group, order])
                    for count, order in zip(word_counts, layout.parse_orders(keys), strict=True)
                )
            yield from zip(repeat(group), layout.words(keys), word_counts, documents, rates, strict=False)


def encode_tsv(finished: Counts, ranking: Ranking, columns: Sequence[str], room: int) -> bytes | None:
    """Return the rows of `rank_rows` as TSV, made by the kernel in memory.

    Args:
        finished: The final counts.
        ranking: The selection and order of rows.
        columns: The names of the columns after those of the group.
        room: Bytes of memory.

    Returns:
        None if there is no kernel, if it cannot write these columns or read these rows, or if they exceed the memory.
    """
    kernel, layout = find_kernel(), finished.layout
    has_documents = "df" in columns
    is_possible = tuple(columns) == ("word", "count") + ("df",) * has_documents
    if kernel is None or not is_possible or not finished.fits_ranking(room):
        return None
    top = -1 if ranking.top is None else min(ranking.top, MAX_NUMBER)
    try:
        run = finished.runs[0] if len(finished.runs) == 1 else kernel.merge_runs(finished.runs)
        min_count = min(ranking.min_count, MAX_NUMBER)
        ranked = kernel.rank_run(run, layout.is_grouped, ranking.sort == "word", top, min_count)
        del run
        lines: bytes = kernel.format_tsv(ranked, layout.is_grouped, layout.has_orders, has_documents)
    except (ValueError, OverflowError):
        return None
    return lines


def compute_rate(count: int, total: int) -> float:
    """Return the rate per million of a count."""
    return round(count * MILLION / total, 3)


def select_rows(blocks: Iterable[Block], ranking: Ranking, scratch: Scratch | None) -> Iterator[Block]:
    """Yield the selected rows of a group, in order; `blocks` are ordered by key."""
    if ranking.min_count > 1:
        blocks = (_filter_block(block, map(ranking.min_count.__le__, strip_documents(block[1]))) for block in blocks)
    if ranking.sort == "word" and ranking.top is None:
        yield from blocks
        return
    max_bytes = sys.maxsize if scratch is None else max(_MIN_SORTED * _ROW_BYTES, scratch.room)
    chunks = _iter_chunks(blocks, ranking.top, max_bytes)
    chunk, following = next(chunks), next(chunks, None)
    if scratch is None or following is None:
        positions = _order_by_count(chunk[1])[: ranking.top]
        if ranking.sort == "word":
            positions.sort()
        yield from _iter_rows_at(chunk, positions)
        return
    with scratch.open_run_file() as spool:
        spool.add(_sort_by_falling_count(chunk))
        while following is not None:
            chunk, following = following, next(chunks, None)
            spool.add(_sort_by_falling_count(chunk))
        del chunk
        blocks = _limit(_strip_prefixes(scratch.merge_runs(spool.map_runs())), ranking.top)
        if ranking.sort == "count":
            yield from blocks
            return
    with scratch.open_run_file() as spool:
        for some in _iter_chunks(blocks, None, max_bytes):
            spool.add(encode_run(_iter_rows_at(some, sorted(range(len(some[0])), key=some[0].__getitem__))))
        del some
        yield from scratch.merge_runs(spool.map_runs())


def _iter_chunks(blocks: Iterable[Block], top: int | None, max_bytes: int) -> Iterator[Block]:
    """Yield chunks of about `max_bytes`, at least one, each cut to its `top` rows."""
    limit = sys.maxsize if top is None else 2 * top + _MIN_SORTED
    keys, numbers, size = list[str](), list[int](), 0
    for some, theirs in blocks:
        keys += some
        numbers += theirs
        size += _estimate_size(some)
        if len(keys) < limit and size < max_bytes:
            continue
        if top is not None:
            positions = sorted(_order_by_count(numbers)[:top])
            keys, numbers = list(map(keys.__getitem__, positions)), list(map(numbers.__getitem__, positions))
            size = _estimate_size(keys)
        if size > max_bytes // 2:
            yield keys, numbers
            keys, numbers, size = [], [], 0
    yield keys, numbers


def _estimate_size(keys: list[str]) -> int:
    return _ROW_BYTES * len(keys) + _CHARACTER_BYTES * sum(map(len, keys))


def _filter_block(block: Block, is_kept: Iterable[bool]) -> Block:
    selected = list(is_kept)
    return list(compress(block[0], selected)), list(compress(block[1], selected))


def _order_by_count(numbers: list[int]) -> list[int]:
    """Return the positions of numbers by falling count; the sort is stable."""
    return sorted(range(len(numbers)), key=strip_documents(numbers).__getitem__, reverse=True)


def _iter_rows_at(chunk: Block, positions: list[int]) -> Iterator[Block]:
    """Yield the rows at some positions, in blocks."""
    for start in range(0, len(positions), BLOCK_ROWS):
        some = positions[start : start + BLOCK_ROWS]
        yield list(map(chunk[0].__getitem__, some)), list(map(chunk[1].__getitem__, some))


class _Prefixes(dict[int, str]):
    """Count -> its length and digits, inverted, to order keys by falling count."""

    def __missing__(self, count: int) -> str:
        digits = str(count)
        prefix = self[count] = chr(_MAX_DIGITS - len(digits)) + digits.translate(_INVERTED)
        return prefix


def _sort_by_falling_count(chunk: Block) -> Iterator[bytes]:
    """Return rows as a run by falling count; keys begin with the count."""
    prefixes = _Prefixes()
    blocks = _iter_rows_at(chunk, _order_by_count(chunk[1]))
    return encode_run(
        ([prefixes[count] + key for count, key in zip(strip_documents(numbers), keys, strict=True)], numbers)
        for keys, numbers in blocks
    )


def _strip_prefixes(blocks: Iterable[Block]) -> Iterator[Block]:
    for keys, numbers in blocks:
        yield [key[len(str(count)) + 1 :] for count, key in zip(strip_documents(numbers), keys, strict=True)], numbers


def _limit(blocks: Iterable[Block], top: int | None) -> Iterator[Block]:
    """Yield the first `top` rows."""
    left = sys.maxsize if top is None else top
    for keys, numbers in blocks:
        yield keys[:left], numbers[:left]
        left -= len(keys)
        if left <= 0:
            return
