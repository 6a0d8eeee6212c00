"""Measures of the difference between the rates of a word in two corpora.

Arrays have one element per word: its count in the target, and its count in the reference.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.mining.association import compute_chi2_p, compute_log_likelihood
from kxcli.mining.multiple_tests import compute_adjusted
from kxcli.mining.wordcount.ranking import MILLION

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
TYPES: dict[str, type] = dict.fromkeys(COLUMNS[1:3], int) | dict.fromkeys(COLUMNS[3:], float)
_ZERO = 0.5  # in place of a count of zero


class Sizes(NamedTuple):
    """The number of counted words of both corpora."""

    target: int
    reference: int


def compute_log_ratio(count: IntArray, count_ref: IntArray, sizes: Sizes) -> FloatArray:
    """Return the binary logarithm of the ratio of the rates.

    A count of zero is replaced by 0.5 (Hardie 2014).
    """
    target, reference = np.where(count == 0, _ZERO, count), np.where(count_ref == 0, _ZERO, count_ref)
    ratios: FloatArray = np.log2(target / reference) + np.log2(sizes.reference / sizes.target)
    return ratios


def compute_percent_difference(count: IntArray, count_ref: IntArray, sizes: Sizes) -> FloatArray:
    """Return %DIFF: the difference of the rates in percent of that of the reference.

    A count of zero in the reference is replaced by 0.5; Gabrielatos and Marchi (2011) use 1e-18.
    """
    target, reference = count / sizes.target, np.where(count_ref == 0, _ZERO, count_ref) / sizes.reference
    differences: FloatArray = 100.0 * (target - reference) / reference
    return differences


def compute_odds_ratio(count: IntArray, count_ref: IntArray, sizes: Sizes) -> FloatArray:
    """Return the odds of the word in the target, divided by those in the reference.

    If one of the four cells is zero, 0.5 is added to all of them (Haldane 1940, Anscombe 1956).
    """
    cells = [count, sizes.target - count, count_ref, sizes.reference - count_ref]
    is_zero = (cells[0] == 0) | (cells[1] == 0) | (cells[2] == 0) | (cells[3] == 0)
    o11, o12, o21, o22 = (np.where(is_zero, cell + _ZERO, cell) for cell in cells)
    ratios: FloatArray = (o11 / o12) * (o22 / o21)
    return ratios


def compute_log_odds_z(count: IntArray, count_ref: IntArray, sizes: Sizes, prior: float) -> FloatArray:
    """Return the weighted log-odds with an informative Dirichlet prior.

    They are z-scores by Monroe, Colaresi and Quinn (2008): equation 22, of the log-odds ratio of equation 16 and its
    variance of equation 20. The prior of a word is in proportion to its rate in both corpora together.

    Args:
        count: Counts in the target.
        count_ref: Counts in the reference.
        sizes: Number of words of both.
        prior: The sum of the prior over all words.
    """
    total, together = sizes.target + sizes.reference, count + count_ref
    alpha, rest = prior * (together / total), prior * ((total - together) / total)
    with np.errstate(divide="ignore", invalid="ignore"):
        target = np.log((count + alpha) / (sizes.target - count + rest))
        reference = np.log((count_ref + alpha) / (sizes.reference - count_ref + rest))
        scores = (target - reference) / np.sqrt(1.0 / (count + alpha) + 1.0 / (count_ref + alpha))
    finite: FloatArray = np.where(together == total, 0.0, scores)  # the only word of both
    return finite


class PairTests(NamedTuple):
    """The tests of pairs of counts.

    Attributes:
        columns: The values by `COLUMNS`, without the words.
        is_higher: Whether the rate is higher in the target.
        is_lower: Whether the rate is lower in the target.
    """

    columns: dict[str, IntArray | FloatArray]
    is_higher: BoolArray
    is_lower: BoolArray


def compute_tests(
    orders: IntArray,
    counts: IntArray,
    references: IntArray,
    n_words: IntArray,
    sizes: Mapping[int, Sizes],
    prior: int | None,
) -> PairTests:
    """Return the tests of pairs of counts.

    Args:
        orders: The length of the n-grams.
        counts: Counts in the target.
        references: Counts in the reference.
        n_words: The number of words with each pair, for the q-values.
        sizes: The number of words of each order.
        prior: The size of the prior in words; if None, that of the smaller corpus.
    """
    columns: dict[str, FloatArray] = {name: np.zeros(len(counts)) for name in COLUMNS[3:]}
    for order in np.unique(orders).tolist():
        at, size = np.flatnonzero(orders == order), sizes[order]
        count, reference = counts[at], references[at]
        statistic = compute_log_likelihood(count, size.target - count, reference, size.reference - reference)
        columns["per_million"][at] = count / size.target * MILLION
        columns["per_million_ref"][at] = reference / size.reference * MILLION
        columns["log_likelihood"][at] = statistic
        columns["log_ratio"][at] = compute_log_ratio(count, reference, size)
        columns["percent_diff"][at] = compute_percent_difference(count, reference, size)
        columns["odds_ratio"][at] = compute_odds_ratio(count, reference, size)
        columns["log_odds_z"][at] = compute_log_odds_z(count, reference, size, min(size) if prior is None else prior)
        columns["p_value"][at] = compute_chi2_p(statistic)
    columns["q_value"] = compute_adjusted(columns["p_value"], "bh", n_words)
    higher = columns["per_million"] > columns["per_million_ref"]
    lower = columns["per_million"] < columns["per_million_ref"]
    return PairTests({"count": counts, "count_ref": references, **columns}, higher, lower)
