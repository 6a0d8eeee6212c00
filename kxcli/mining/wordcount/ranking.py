"""Finished counts -> rows in a total order: by value, and where values are equal by the word's code points."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import compress, repeat
from typing import Literal

from kxcli.mining.arguments import check_choice, check_minimum, check_type
from kxcli.mining.wordcount.counts import Counts
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import BLOCK_ROWS, DOCUMENT_SHIFT, Block, encode_run, strip_documents

MILLION = 1_000_000
_ROW = 400  # bytes of a row that is sorted: its word, number and place; half of them are held while others come
_CHARACTER = 4  # bytes of a character of its word, more
_MIN_SORTED = 1 << 10  # rows that are sorted in memory however little there is
_MAX_DIGITS = 100  # more than any count has
_INVERTED = str.maketrans("0123456789", "9876543210")


# Group, word, count, documents, rate per million; the last two are 0 where they were not asked for.  A plain tuple:
# there are as many as distinct words, and naming the cells of each would take longer than sorting them.
Row = tuple[str, str, int, int, float]
COLUMNS = ("group", "word", "count", "df", "per_million")


@dataclass(frozen=True)
class Ranking:
    """Which rows are given, and in what order; `top` is per group."""

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
    """Yield the rows, group after group; the orders of n-grams in a group are ranked together.

    The rate is per million of all words counted of that order in that group, before rows are cut.
    scratch: where rows are sorted that memory has no room for; None: in memory, whatever it takes.
    accepts: told a word, says whether it is given at all.
    """
    layout, totals = finished.layout, finished.totals
    for group, blocks in finished.groups(scratch):
        if accepts is not None:
            blocks = (_filter_block(block, map(accepts, layout.words(block[0]))) for block in blocks)
        for keys, numbers in _select_rows(blocks, ranking, scratch):
            of_block = strip_documents(numbers)
            documents: Iterable[int] = repeat(0) if of_block is numbers else [n >> DOCUMENT_SHIFT for n in numbers]
            rates: Iterable[float] = repeat(0.0)
            if ranking.per_million:
                rates = (
                    round(count * MILLION / totals[group, order], 3)
                    for count, order in zip(of_block, layout.parse_orders(keys), strict=True)
                )
            yield from zip(repeat(group), layout.words(keys), of_block, documents, rates, strict=False)


def _select_rows(blocks: Iterable[Block], ranking: Ranking, scratch: Scratch | None) -> Iterator[Block]:
    """Yield the rows of a group that are given, in order; they come in the order of their keys."""
    if ranking.min_count > 1:
        blocks = (_filter_block(block, map(ranking.min_count.__le__, strip_documents(block[1]))) for block in blocks)
    if ranking.sort == "word" and ranking.top is None:
        yield from blocks
        return
    most = sys.maxsize if scratch is None else max(_MIN_SORTED * _ROW, scratch.room)
    chunks = _iter_chunks(blocks, ranking.top, most)
    chunk, following = next(chunks), next(chunks, None)
    if scratch is None or following is None:
        places = _order_by_count(chunk[1])[: ranking.top]
        if ranking.sort == "word":
            places.sort()
        yield from _iter_rows_at(chunk, places)
        return
    with scratch.open_run_file() as spool:
        spool.add(_sort_by_falling_count(chunk))
        while following is not None:
            chunk, following = following, next(chunks, None)
            spool.add(_sort_by_falling_count(chunk))
        del chunk
        blocks = _limit(_strip_prefixes(scratch.merge_runs(spool.views())), ranking.top)
        if ranking.sort == "count":
            yield from blocks
            return
    with scratch.open_run_file() as spool:
        for some in _iter_chunks(blocks, None, most):
            spool.add(encode_run(_iter_rows_at(some, sorted(range(len(some[0])), key=some[0].__getitem__))))
        del some
        yield from scratch.merge_runs(spool.views())


def _iter_chunks(blocks: Iterable[Block], top: int | None, most: int) -> Iterator[Block]:
    """Yield the rows in chunks that take about `most` bytes, at least one; without what is not in a chunk's `top`."""
    limit = sys.maxsize if top is None else 2 * top + _MIN_SORTED
    keys, numbers, size = list[str](), list[int](), 0
    for some, theirs in blocks:
        keys += some
        numbers += theirs
        size += _size(some)
        if len(keys) < limit and size < most:
            continue
        if top is not None:
            places = sorted(_order_by_count(numbers)[:top])
            keys, numbers = list(map(keys.__getitem__, places)), list(map(numbers.__getitem__, places))
            size = _size(keys)
        if size > most // 2:
            yield keys, numbers
            keys, numbers, size = [], [], 0
    yield keys, numbers


def _size(keys: list[str]) -> int:
    return _ROW * len(keys) + _CHARACTER * sum(map(len, keys))


def _filter_block(block: Block, is_kept: Iterable[bool]) -> Block:
    chosen = list(is_kept)
    return list(compress(block[0], chosen)), list(compress(block[1], chosen))


def _order_by_count(numbers: list[int]) -> list[int]:
    """Return the places of numbers, the greatest count first; equal ones stay in their order."""
    return sorted(range(len(numbers)), key=strip_documents(numbers).__getitem__, reverse=True)


def _iter_rows_at(chunk: Block, places: list[int]) -> Iterator[Block]:
    """Yield the rows at some places, in blocks."""
    for start in range(0, len(places), BLOCK_ROWS):
        some = places[start : start + BLOCK_ROWS]
        yield list(map(chunk[0].__getitem__, some)), list(map(chunk[1].__getitem__, some))


class _Prefixes(dict[int, str]):
    """Count -> what makes keys come in the order of falling counts: how many digits it has, and these, all inverted."""

    def __missing__(self, count: int) -> str:
        digits = str(count)
        prefix = self[count] = chr(_MAX_DIGITS - len(digits)) + digits.translate(_INVERTED)
        return prefix


def _sort_by_falling_count(chunk: Block) -> Iterator[bytes]:
    """Yield rows as a run that is in the order of falling counts, which its keys begin with."""
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
    """Yield so many rows."""
    left = sys.maxsize if top is None else top
    for keys, numbers in blocks:
        yield keys[:left], numbers[:left]
        left -= len(keys)
        if left <= 0:
            return
