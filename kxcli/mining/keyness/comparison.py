"""Comparison of two corpora word by word, and the order of the words."""

import sys
from array import array
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import compress
from typing import Literal, NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.mining.arguments import check_choice, check_minimum, check_type
from kxcli.mining.association import compute_chi2_p, compute_log_likelihood
from kxcli.mining.keyness.measures import (
    MILLION,
    Sizes,
    compute_log_odds_z,
    compute_log_ratio,
    compute_odds_ratio,
    compute_percent_difference,
)
from kxcli.mining.multiple_tests import compute_adjusted
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.tally.string_runs import BLOCK_ROWS, COUNT_MASK, DOCUMENT_SHIFT, Block

MAX_TOTAL = 1 << sys.float_info.mant_dig  # of the counts of a corpus: a double represents larger numbers inexactly
Measure = Literal["log_likelihood", "log_ratio", "log_odds"]
MEASURES: tuple[Measure, ...] = ("log_likelihood", "log_ratio", "log_odds")
COLUMNS = (
    "word",
    "count",
    "count_ref",
    "per_million",
    "per_million_ref",
    "log_likelihood",
    "log_ratio",
    "percent_diff",
    "odds_ratio",
    "log_odds_z",
    "p_value",
    "q_value",
)


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
        sort: The measure to sort by, the strongest word first.
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


class PairedCounts:
    """Words with their counts in two corpora.

    Memory: the bytes of a word and 25 more.

    Args:
        layout: The keys of words, without groups.
        min_count: Words with a smaller count in both corpora are dropped.
    """

    def __init__(self, layout: KeyLayout, min_count: int) -> None:
        self._layout, self._min_count = layout, min_count
        self._counts, self._references, self._orders = array("q"), array("q"), array("B")
        self._text, self._ends = bytearray(), array("q", [0])

    def add(self, keys: list[str], counts: list[int], references: list[int]) -> None:
        """Add words by their keys, in ascending order."""
        pair = np.array((counts, references), np.int64)
        is_frequent: BoolArray = pair.max(axis=0) >= self._min_count
        if not is_frequent.all():
            keys, pair = list(compress(keys, is_frequent)), pair[:, is_frequent]
        if not keys:
            return
        self._counts.frombytes(pair[0].tobytes())
        self._references.frombytes(pair[1].tobytes())
        self._orders.extend(self._layout.parse_orders(keys))
        data = "\0".join([*keys, ""]).encode("utf-8", "surrogatepass")  # keys have no NUL
        ends = np.flatnonzero(np.frombuffer(data, np.uint8) == 0) + (len(self._text) + 1)
        self._ends.frombytes(ends.astype(np.int64).tobytes())
        self._text += data

    def read_columns(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return the orders, the counts, and the counts in the reference."""
        orders = np.frombuffer(self._orders, np.uint8).astype(np.int64)
        return orders, np.frombuffer(self._counts, np.int64), np.frombuffer(self._references, np.int64)

    def read_words(self, positions: IntArray) -> list[str]:
        """Return the words at some positions."""
        ends, text = self._ends, self._text
        pieces = [text[ends[at] : ends[at + 1] - 1] for at in positions.tolist()]
        return self._layout.words([str(piece, "utf-8", "surrogatepass") for piece in pieces])


def add_pairs(pairs: PairedCounts, blocks: Iterable[Block], *, is_total: bool = False) -> None:
    """Add rows with the count of the target, and above it that of the reference.

    Args:
        pairs: Receives the rows.
        blocks: The rows, ascending.
        is_total: Whether the upper count is that of both corpora.
    """
    for keys, numbers in blocks:
        counts, references = [number & COUNT_MASK for number in numbers], [n >> DOCUMENT_SHIFT for n in numbers]
        if is_total:
            references = [total - count for total, count in zip(references, counts, strict=True)]
        pairs.add(keys, counts, references)


def shift_counts(blocks: Iterable[Block]) -> Iterator[Block]:
    """Move the counts of rows to the upper half of their numbers.

    The sum with the number of another corpus has both counts.
    """
    for keys, numbers in blocks:
        yield keys, [(number & COUNT_MASK) << DOCUMENT_SHIFT for number in numbers]


class _Tests(NamedTuple):
    """The tests of the distinct pairs of counts; equal pairs have equal values.

    Attributes:
        columns: Those of `KeynessRow` without the word.
        is_higher: Whether the rate is higher in the target.
        is_lower: Whether the rate is lower in the target.
    """

    columns: dict[str, IntArray | FloatArray]
    is_higher: BoolArray
    is_lower: BoolArray


def compare_pairs(pairs: PairedCounts, sizes: Mapping[int, Sizes], comparison: Comparison) -> Iterator[KeynessRow]:
    """Yield the selected words of two corpora.

    N-grams of each order are compared with those of the same order. An order that one corpus does not have is omitted.
    The q-values are over all tested words. Words with equal values are ordered by code points.

    Args:
        pairs: The counts of the words.
        sizes: The number of words of each order.
        comparison: The tested and the returned words.
    """
    orders, counts, references = pairs.read_columns()
    if not len(counts):
        return
    by_pair = np.lexsort((references, counts, orders))
    is_first = np.ones(len(by_pair), bool)
    is_first[1:] = False
    for column in (orders, counts, references):
        is_first[1:] |= np.diff(column[by_pair]) != 0
    firsts, numbers = by_pair[is_first], np.empty(len(by_pair), np.int64)
    numbers[by_pair] = np.cumsum(is_first) - 1  # the pair of each word
    n_words = np.diff(np.flatnonzero(np.append(is_first, True)))
    del by_pair, is_first
    tests = _test_pairs((orders[firsts], counts[firsts], references[firsts]), n_words, sizes, comparison.prior)
    is_selected = tests.is_lower if comparison.negative else tests.is_higher
    is_selected = is_selected & (tests.columns["q_value"] <= comparison.max_q)
    positions = np.flatnonzero(is_selected[numbers])
    strength = tests.columns["log_odds_z" if comparison.sort == "log_odds" else comparison.sort]
    if comparison.sort == "log_likelihood" or not comparison.negative:
        strength = -strength
    positions = positions[np.argsort(strength[numbers[positions]], kind="stable")][: comparison.top]
    for start in range(0, len(positions), BLOCK_ROWS):
        some = positions[start : start + BLOCK_ROWS]
        columns = [tests.columns[name][numbers[some]].tolist() for name in COLUMNS[1:]]
        yield from map(KeynessRow._make, zip(pairs.read_words(some), *columns, strict=True))


def _test_pairs(
    pairs: tuple[IntArray, IntArray, IntArray], n_words: IntArray, sizes: Mapping[int, Sizes], prior: int | None
) -> _Tests:
    """Return the tests of distinct pairs.

    Args:
        pairs: The orders, counts and counts in the reference.
        n_words: The number of words with each pair.
        sizes: The number of words of each order.
        prior: See `Comparison`.
    """
    orders, counts, references = pairs
    columns: dict[str, IntArray | FloatArray] = {name: np.zeros(len(counts)) for name in COLUMNS[1:]}
    columns |= {"count": counts, "count_ref": references}
    is_tested, rates = np.zeros(len(counts), bool), np.zeros((2, len(counts)))
    for order in np.unique(orders).tolist():
        size = sizes.get(order, Sizes(0, 0))
        if not min(size):
            continue
        at = np.flatnonzero(orders == order)
        count, reference = counts[at], references[at]
        is_tested[at] = True
        rates[:, at] = count / size.target, reference / size.reference
        weight = min(size) if prior is None else prior
        statistic = compute_log_likelihood(count, size.target - count, reference, size.reference - reference)
        columns["log_likelihood"][at] = statistic
        columns["log_ratio"][at] = compute_log_ratio(count, reference, size)
        columns["percent_diff"][at] = compute_percent_difference(count, reference, size)
        columns["odds_ratio"][at] = compute_odds_ratio(count, reference, size)
        columns["log_odds_z"][at] = compute_log_odds_z(count, reference, size, weight)
        columns["p_value"][at] = compute_chi2_p(statistic)
    columns["per_million"], columns["per_million_ref"] = rates * MILLION
    tested: FloatArray = np.repeat(columns["p_value"][is_tested], n_words[is_tested])
    starts = np.cumsum(n_words[is_tested]) - n_words[is_tested]
    columns["q_value"][is_tested] = compute_adjusted(tested, "bh")[starts]
    return _Tests(columns, rates[0] > rates[1], rates[0] < rates[1])
