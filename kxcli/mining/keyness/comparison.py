"""Comparison of two corpora word by word, and the order of the words.

Words with equal counts on both sides have equal values. So the distinct pairs of counts are tested, which are few, and
the words are read a second time.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.arguments import check_choice, check_minimum, check_type
from kxcli.mining.keyness.measures import COLUMNS, PairTests, Sizes, compute_tests
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.tally.row_sorter import RowSorter
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import COUNT_MASK, DOCUMENT_SHIFT, Block, strip_documents

MAX_TOTAL = 1 << sys.float_info.mant_dig  # of the counts of a corpus: a double represents larger numbers inexactly
Measure = Literal["log_likelihood", "log_ratio", "percent_diff", "odds_ratio", "log_odds_z", "count", "count_ref"]
MEASURES: tuple[Measure, ...] = get_args(Measure)
_UNSIGNED = ("log_likelihood", "count", "count_ref")  # measures without a direction
_ORDER_SHIFT = 2 * DOCUMENT_SHIFT  # bits of a pair below the order: the counts of both sides
_RANK_DIGITS = 12  # more than any rank has


# Why no word is selected, in the order of the steps: no count is large enough, all rates are equal, none is higher (or
# lower) in the target, no q-value is small enough.
Absence = Literal["count", "equal_rates", "rate", "q_value"]
ABSENCES: tuple[Absence, ...] = get_args(Absence)


class KeynessRow(NamedTuple):
    """A word, its counts and rates, and measures of their difference."""

    word: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    count_ref: int
    per_million: float
    per_million_ref: float
    log_likelihood: float
    log_ratio: float
    percent_diff: float
    odds_ratio: float
    log_odds_z: float
    p_value: float
    q_value: float


@dataclass(frozen=True)
class Comparison:
    """The tested words, and the selection and order of the returned ones.

    Attributes:
        sort: The column to sort by, the strongest word first.
        negative: Whether to return the words with a lower rate in the target instead of those with a higher one.
        top: Number of words; None for all.
        min_count: Words with a smaller count in both corpora are not tested.
        max_q: The largest q-value of a returned word.
        prior: The size of the prior of the weighted log-odds in words; by default that of the smaller corpus.
    """

    sort: Measure = "log_likelihood"
    negative: bool = False
    top: int | None = None
    min_count: int = 1
    max_q: float = 1.0
    prior: int | None = None

    def __post_init__(self) -> None:
        check_choice("sort", self.sort, MEASURES)
        check_type("negative", self.negative, bool)
        if self.top is not None:
            check_minimum("top", self.top, 0)
        check_minimum("min_count", self.min_count, 1)
        check_type("max_q", self.max_q, (int, float), "a number")
        if self.prior is not None:
            check_minimum("prior", self.prior, 1)
            if self.prior > MAX_TOTAL:
                raise ValueError(f"prior must be 2**53 or less, not {self.prior}")


def shift_counts(blocks: Iterable[Block]) -> Iterator[Block]:
    """Move the counts of rows to the upper half of their numbers.

    The sum with the number of another corpus has both counts.
    """
    for keys, numbers in blocks:
        yield keys, [number << DOCUMENT_SHIFT for number in strip_documents(numbers)]


def compare_blocks(
    open_blocks: Callable[[], Iterable[Block]],
    layout: KeyLayout,
    sizes: Mapping[int, Sizes],
    comparison: Comparison,
    scratch: Scratch | None = None,
    *,
    is_total: bool = False,
    report_absence: Callable[[Absence], object] = lambda _: None,
) -> Iterator[KeynessRow]:
    """Yield the selected words of two corpora.

    N-grams of each order are compared with those of the same order. An order that one corpus does not have is omitted.
    The q-values are over all tested words. Words with equal values are ordered by code points.

    Cost: reads the rows twice. Memory grows with the distinct pairs of counts.

    Args:
        open_blocks: Returns the rows, ascending, with the count in the target, and above it that in the reference.
        layout: The keys of the rows, without groups.
        sizes: The number of words of each order.
        comparison: The tested and the returned words.
        scratch: Sorts rows that exceed its memory limit; if None, all rows are sorted in memory.
        is_total: Whether the upper count is that in both corpora.
        report_absence: Called if no word of two corpora with words is selected, with the reason.
    """
    n_words = Counter[int]()
    for keys, numbers in open_blocks():
        n_words.update(_pack_pairs(keys, numbers, layout))
    pairs = list(n_words)
    counts = np.array([pair & COUNT_MASK for pair in pairs], np.int64)
    references = np.array([pair >> DOCUMENT_SHIFT & COUNT_MASK for pair in pairs], np.int64)
    if is_total:
        references -= counts
    orders = np.array([pair >> _ORDER_SHIFT or layout.orders[0] for pair in pairs], np.int64)
    is_tested = np.maximum(counts, references) >= comparison.min_count
    is_comparable = np.isin(orders, [order for order, size in sizes.items() if min(size)])
    tested = np.flatnonzero(is_tested & is_comparable)
    if not len(tested):
        if is_comparable.any():
            report_absence("count")
        return
    weights = np.array([n_words[pairs[at]] for at in tested.tolist()], np.int64)
    del n_words
    tests = compute_tests(orders[tested], counts[tested], references[tested], weights, sizes, comparison.prior)
    selection = _select_pairs(tests, weights, comparison)
    if not selection.ranks:
        report_absence(_find_absence(tests, comparison))
    positions = {pairs[tested[at]]: at for at in selection.ranks}
    with RowSorter(scratch) as sorter:
        for key, at in _select_rows(open_blocks(), layout, positions, selection):
            sorter.add(f"{selection.ranks[at]:0{_RANK_DIGITS}}{key}", at)
        for keys, numbers in sorter.blocks():
            words = layout.words([key[_RANK_DIGITS:] for key in keys])
            columns = [tests.columns[name][numbers].tolist() for name in COLUMNS[1:]]
            yield from map(KeynessRow._make, zip(words, *columns, strict=True))


class _Selection(NamedTuple):
    """The selected pairs.

    Attributes:
        ranks: The rank of each selected pair by its number among the tested ones; equally strong pairs have one rank.
        n_last: The number of words that are selected of the last rank.
        last: The last rank.
    """

    ranks: dict[int, int]
    n_last: int
    last: int


def _select_pairs(tests: PairTests, n_words: IntArray, comparison: Comparison) -> _Selection:
    """Return the pairs of the strongest words."""
    strength = tests.columns[comparison.sort]
    if comparison.sort in _UNSIGNED or not comparison.negative:
        strength = -strength
    is_selected = tests.is_lower if comparison.negative else tests.is_higher
    at = np.flatnonzero(is_selected & (tests.columns["q_value"] <= comparison.max_q))
    _, ranks = np.unique(strength[at], return_inverse=True)
    totals = np.zeros(len(at), np.int64)  # of words up to each rank
    np.add.at(totals, ranks, n_words[at])
    totals = np.cumsum(totals)
    if comparison.top is None or not len(at) or totals[-1] <= comparison.top:
        return _Selection(dict(zip(at.tolist(), ranks.tolist(), strict=True)), sys.maxsize, -1)
    last = int(np.searchsorted(totals, comparison.top))
    n_before = int(totals[last - 1]) if last else 0
    is_kept = ranks <= last
    chosen = dict(zip(at[is_kept].tolist(), ranks[is_kept].tolist(), strict=True))
    return _Selection(chosen, comparison.top - n_before, last)


def _find_absence(tests: PairTests, comparison: Comparison) -> Absence:
    """Return why no tested word is selected."""
    if not (tests.is_lower | tests.is_higher).any():
        return "equal_rates"
    is_on_side = tests.is_lower if comparison.negative else tests.is_higher
    return "q_value" if is_on_side.any() else "rate"


def _pack_pairs(keys: list[str], numbers: list[int], layout: KeyLayout) -> list[int]:
    """Return the counts of rows with their orders, if there are several."""
    if not layout.has_orders:
        return numbers
    return [n | order << _ORDER_SHIFT for n, order in zip(numbers, layout.parse_orders(keys), strict=True)]


def _select_rows(
    blocks: Iterable[Block], layout: KeyLayout, positions: Mapping[int, int], selection: _Selection
) -> Iterator[tuple[str, int]]:
    """Yield the selected rows with the numbers of their pairs, ascending."""
    n_last = selection.n_last
    for keys, numbers in blocks:
        for key, pair in zip(keys, _pack_pairs(keys, numbers, layout), strict=True):
            at = positions.get(pair)
            if at is None:
                continue
            if selection.ranks[at] == selection.last:
                if n_last <= 0:
                    continue
                n_last -= 1
            yield key, at
