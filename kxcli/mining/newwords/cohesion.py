"""Cohesion of n-grams: pointwise mutual information."""

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray, UInt32Array
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Spellings

_TIE = 1e-9  # distance to a threshold; closer values are compared by integer arithmetic


def compute_cohesion(grams: Ngrams) -> list[FloatArray]:
    """Return for each level the cohesion of its n-grams in nats, shape (n + 1,).

    The cohesion of an n-gram g is its pointwise mutual information at its weakest inner cut: the minimum, over g = ab,
    of log(T c(g) / (c(a) c(b))), with counts c and the number T of all
    characters that are in no run. Number 0, no n-gram, has -inf.
    """
    found = []
    for n, level in enumerate(grams.levels, 2):
        values = np.full(len(level.counts), -np.inf)
        values[1:] = compute_cohesion_of(np.arange(1, len(values), dtype=np.uint32), n, grams)
        found.append(values)
    return found


def compute_cohesion_of(numbers: UInt32Array, n: int, grams: Ngrams) -> FloatArray:
    """Return the cohesion of some n-grams in nats, given their nonzero numbers."""
    products = np.zeros(len(numbers))  # the largest c(a) c(b)
    for prefixes, suffixes in iter_cuts(numbers, n, grams, grams.counts):
        np.maximum(products, prefixes * suffixes.astype(np.float64), out=products)
    values: FloatArray = np.log(grams.alphabet.total * grams.counts[n - 1][numbers].astype(np.float64) / products)
    return values


def find_cohesive(values: Sequence[FloatArray], thresholds: Sequence[float], grams: Ngrams) -> list[BoolArray]:
    """Return for each level whether n-grams reach the threshold of cohesion."""
    cohesive = []
    for n, (value, threshold) in enumerate(zip(values, thresholds, strict=True), 2):
        kept = value >= threshold
        kept[0] = False  # no n-gram
        for gram in (1 + np.flatnonzero(np.abs(value[1:] - threshold) < _TIE)).tolist():
            count = grams.alphabet.total * int(grams.counts[n - 1][gram])
            parts = iter_cuts(np.array([gram], dtype=np.uint32), n, grams, grams.counts)
            kept[gram] = min(math.log(count / (int(a[0]) * int(b[0]))) for a, b in parts) >= threshold
        cohesive.append(kept)
    return cohesive


def compute_word_cohesion(words: Spellings, values: Sequence[FloatArray], grams: Ngrams) -> FloatArray:
    """Return the cohesion of words of two or more characters.

    All n-grams in the words are frequent. The cohesion of a word longer than the longest n-grams is the minimum of
    theirs.
    """
    return _find_lowest(words, grams, lambda numbers, n: values[n - 2].take(numbers))


def measure_cohesion(words: Spellings, grams: Ngrams) -> FloatArray:
    """Return the cohesion of a few words, like `compute_word_cohesion`."""
    return _find_lowest(words, grams, lambda numbers, n: compute_cohesion_of(numbers, n, grams))


def _find_lowest(words: Spellings, grams: Ngrams, measure: Callable[[UInt32Array, int], FloatArray]) -> FloatArray:
    """Return for each word the lowest value of its n-grams.

    `measure` returns that of n-grams, given their numbers and length.
    """
    order = len(grams.levels) + 1
    ids, starts = words.with_borders(order)
    found = np.full(len(starts), np.inf)
    for n, numbers in enumerate(grams.iter_numbers(ids), 2):
        word, at = _locate_ngrams(words, starts, n, order)
        np.minimum.at(found, word, measure(numbers.take(at), n))
    return found


def _locate_ngrams(words: Spellings, starts: IntArray, n: int, order: int) -> tuple[IntArray, IntArray]:
    """Return the word and the position of each n-gram that decides on its cohesion."""
    n_within = np.where(words.lengths == n, 1, 0)
    if n == order:
        n_within = np.maximum(words.lengths - n + 1, 0)
    return np.repeat(np.arange(len(starts)), n_within), expand_ranges(starts, n_within)


def iter_cuts(
    numbers: UInt32Array, n: int, grams: Ngrams, counts: Sequence[IntArray]
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the counts of both parts at each inner cut, the longest suffix first.

    Args:
        numbers: The n-grams.
        n: Their length.
        grams: All n-grams.
        counts: For each length from 1, the count by number.
    """
    prefixes, suffixes = [numbers], [numbers]  # by length, the longest first
    for level in reversed(grams.levels[: n - 1]):
        prefixes.append(level.prefixes.take(prefixes[-1]))
        suffixes.append(level.suffixes.take(suffixes[-1]))
    for cut in range(1, n):
        yield counts[cut - 1].take(prefixes[n - cut]), counts[n - cut - 1].take(suffixes[cut])
