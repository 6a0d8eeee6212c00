"""Ranked collocates: by a measure, then by code points."""

from collections.abc import Iterator
from dataclasses import dataclass

from kxcli.mining.arguments import check_choice, check_minimum
from kxcli.mining.collocations.array_ranking import rank_in_memory
from kxcli.mining.collocations.job import PairCounts
from kxcli.mining.collocations.measures import round_scores
from kxcli.mining.collocations.rows import SORTS, Columns, PairColumns, make_columns
from kxcli.mining.collocations.window import LAYOUT, WORD_END
from kxcli.tally.row_sorter import RowSorter
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import COUNT_MASK, DOCUMENT_SHIFT, Block

DEFAULT_MIN_COUNT = 5
_SHARES = 4  # of the memory for each of up to three sorts at a time
_RANK_DIGITS = 24
_MAX_RANK = 10**_RANK_DIGITS // 2  # more than any score


@dataclass(frozen=True)
class CollocateRanking:
    """The selection and order of collocates."""

    sort: str = "log_dice"
    top: int | None = None
    min_count: int = DEFAULT_MIN_COUNT

    def __post_init__(self) -> None:
        check_choice("sort", self.sort, SORTS)
        if self.top is not None:
            check_minimum("top", self.top, 0)
        check_minimum("min_count", self.min_count, 1)


_Pair = tuple[str, str, int, int, int, int]  # a row of `PairColumns`


def rank_collocates(
    finished: PairCounts, ranking: CollocateRanking, scratch: Scratch | None = None
) -> Iterator[Columns]:
    """Yield the rows in order, in blocks.

    Args:
        finished: The final counts.
        ranking: The selection and order of rows.
        scratch: Sorts rows that exceed its memory limit; if None, all are sorted in memory.
    """
    rows = rank_in_memory(finished, ranking.sort, ranking.top, ranking.min_count, scratch)
    yield from _rank_on_disk(finished, ranking, scratch) if rows is None else rows


def _rank_on_disk(finished: PairCounts, ranking: CollocateRanking, scratch: Scratch | None) -> Iterator[Columns]:
    """Yield the rows in order, in blocks and in bounded memory.

    Rows are strings: sorted by their second word to find its total, then by their values.
    """
    size = finished.window.size
    with (
        RowSorter(scratch, _SHARES) as words,
        RowSorter(scratch, _SHARES) as by_second,
        RowSorter(scratch, _SHARES, ranking.top) as ranked,
    ):
        n_words = _add_first_totals(finished, finished.blocks(ranking.min_count, scratch), words, by_second)
        for pairs in _iter_pairs(words, by_second, finished.is_symmetric):
            for key, number in _make_ranked_rows(pairs, _rank(pairs, ranking.sort, n_words, size)):
                ranked.add(key, number)
        for keys, numbers in ranked.blocks():
            yield make_columns(_parse_ranked_rows(keys, numbers), n_words, size)


def _add_first_totals(finished: PairCounts, blocks: Iterator[Block], words: RowSorter, by_second: RowSorter) -> int:
    """Add the totals of words to `words`, and pairs with one total to `by_second`.

    Returns:
        The number of all words.
    """
    n_words = total = 0
    word = ""
    for keys, numbers in blocks:
        for key, number in zip(keys, numbers, strict=True):
            if key.endswith(WORD_END):
                word, total = key, number & COUNT_MASK
                n_words += total
                words.add(word, total)
            elif finished.has_repetitions or key[len(word) :] != word[:-1]:
                by_second.add(f"{key[len(word) :]}{WORD_END}{word}{total}", number)
    return n_words


def _iter_pairs(words: RowSorter, by_second: RowSorter, is_symmetric: bool) -> Iterator[PairColumns]:
    """Yield the pairs with the totals of both words, in the order of the second."""
    totals = ((key, number) for keys, numbers in words.blocks() for key, number in zip(keys, numbers, strict=True))
    second, total = "", 0
    for keys, numbers in by_second.blocks():
        rows = list[_Pair]()
        for key, number in zip(keys, numbers, strict=True):
            end = key.index(WORD_END) + 1
            while second != key[:end]:
                second, total = next(totals)
            first, _, first_total = key[end:].partition(WORD_END)
            count, left = number & COUNT_MASK, number >> DOCUMENT_SHIFT
            row = (first, second[:-1], count, left, int(first_total), total)
            if is_symmetric and 2 * left > count:  # the second word comes first more often
                row = (second[:-1], first, count, count - left, total, int(first_total))
            rows.append(row)
        yield PairColumns(
            [row[0] for row in rows],
            [row[1] for row in rows],
            [row[2] for row in rows],
            [row[3] for row in rows],
            [row[4] for row in rows],
            [row[5] for row in rows],
        )


def _rank(pairs: PairColumns, sort: str, n_words: int, size: int) -> list[int]:
    """Return whole numbers that fall as the values of a column rise."""
    if sort == "count":
        return [_MAX_RANK - count for count in pairs.counts]
    return [_MAX_RANK - int(score) for score in round_scores(sort, pairs.tables(n_words, size)).tolist()]


def _make_ranked_rows(pairs: PairColumns, ranks: list[int]) -> Iterator[tuple[str, int]]:
    """Yield rows with all columns of the pairs, and keys in their order."""
    for rank, word, collocate, count, left, word_total, total in zip(ranks, *pairs, strict=True):
        key = f"{rank:0{_RANK_DIGITS}}{word}{WORD_END}{collocate}{WORD_END}{word_total},{total}"
        yield key, count | left << DOCUMENT_SHIFT


def _parse_ranked_rows(keys: list[str], numbers: list[int]) -> PairColumns:
    """Return the pairs of `_make_ranked_rows`."""
    parts = [key[_RANK_DIGITS:].split(WORD_END) for key in keys]
    both_totals = [totals.split(",") for _, _, totals in parts]
    return PairColumns(
        LAYOUT.words([word for word, _, _ in parts]),
        LAYOUT.words([collocate for _, collocate, _ in parts]),
        [number & COUNT_MASK for number in numbers],
        [number >> DOCUMENT_SHIFT for number in numbers],
        [int(word_total) for word_total, _ in both_totals],
        [int(total) for _, total in both_totals],
    )
