"""Cohesion of n-grams: pointwise mutual information."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray, UInt32Array
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Spellings

_TIE = 1e-9  # distance to a threshold; closer values are compared by integer arithmetic


def compute_cohesion(grams: Ngrams) -> list[FloatArray]:
    """Return for each level the cohesion of its n-grams in nats, shape (n + 1,).

    The cohesion of an n-gram g is its pointwise mutual information at its weakest inner cut: the minimum, over g = ab,
    of log(T c(g) / (c(a) c(b))), with counts c and the number T of all characters. Number 0, no n-gram, has -inf.
    """
    found = []
    for n, level in enumerate(grams.levels, 2):
        products = np.zeros(len(level.counts))  # the largest c(a) c(b)
        for prefixes, suffixes in _iter_cuts(np.arange(len(products), dtype=np.uint32), n, grams):
            np.maximum(products, prefixes * suffixes.astype(np.float64), out=products)
        values = np.full(len(level.counts), -np.inf)
        values[1:] = np.log(grams.alphabet.total * level.counts[1:].astype(np.float64) / products[1:])
        found.append(values)
    return found


def find_cohesive(values: Sequence[FloatArray], thresholds: Sequence[float], grams: Ngrams) -> list[BoolArray]:
    """Return for each level whether n-grams reach the threshold of cohesion."""
    cohesive = []
    for n, (value, threshold) in enumerate(zip(values, thresholds, strict=True), 2):
        kept = value >= threshold
        kept[0] = False  # no n-gram
        for gram in (1 + np.flatnonzero(np.abs(value[1:] - threshold) < _TIE)).tolist():
            count = grams.alphabet.total * int(grams.levels[n - 2].counts[gram])
            parts = _iter_cuts(np.array([gram], dtype=np.uint32), n, grams)
            kept[gram] = min(math.log(count / (int(a[0]) * int(b[0]))) for a, b in parts) >= threshold
        cohesive.append(kept)
    return cohesive


def compute_word_cohesion(words: Spellings, values: Sequence[FloatArray], grams: Ngrams) -> FloatArray:
    """Return the cohesion of words of two or more characters.

    All n-grams in the words are frequent. The cohesion of a word longer than the longest n-grams is the minimum of
    theirs.
    """
    order = len(grams.levels) + 1
    ids, starts = words.with_borders(order)
    found = np.full(len(starts), np.inf)
    for n, (numbers, value) in enumerate(zip(grams.iter_numbers(ids), values, strict=True), 2):
        n_within = np.where(words.lengths == n, 1, 0)
        if n == order:
            n_within = np.maximum(words.lengths - n + 1, 0)
        word = np.repeat(np.arange(len(starts)), n_within)
        np.minimum.at(found, word, value.take(numbers.take(expand_ranges(starts, n_within))))
    return found


def _iter_cuts(numbers: UInt32Array, n: int, grams: Ngrams) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield the counts of both parts at each inner cut, the longest suffix first."""
    counts = [grams.alphabet.counts, *[level.counts for level in grams.levels]]  # by length, from 1
    prefixes, suffixes = [numbers], [numbers]  # by length, the longest first
    for level in reversed(grams.levels[: n - 1]):
        prefixes.append(level.prefixes.take(prefixes[-1]))
        suffixes.append(level.suffixes.take(suffixes[-1]))
    for cut in range(1, n):
        yield counts[cut - 1].take(prefixes[n - cut]), counts[n - cut - 1].take(suffixes[cut])
