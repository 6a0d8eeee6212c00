"""Pointwise mutual information of n-grams, and those that hold together."""

import math
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from kxcli.mining.newwords.alphabet import Alphabet, Counts, Ids
from kxcli.mining.newwords.grams import Level

Values = npt.NDArray[np.float64]

_TIE = 1e-9  # nearer to a threshold than this, rounding might decide: integers do


def cohesion(alphabet: Alphabet, levels: Sequence[Level]) -> list[Values]:
    """Return for each level the cohesion of its n-grams, shape (n + 1,), in nats; that of no n-gram (0) is -inf.

    The cohesion of an n-gram g is its pointwise mutual information at its weakest inner cut: the least, over g = ab,
    of log(T c(g) / (c(a) c(b))), c being counts and T all characters.
    """
    found = []
    for level, parts in zip(levels, _strongest_parts(alphabet, levels), strict=True):
        values = np.full(len(level.counts), -np.inf)
        values[1:] = np.log(alphabet.total * level.counts[1:].astype(np.float64) / parts[1:])
        found.append(values)
    return found


def is_solid(
    values: Sequence[Values], thresholds: Sequence[float], alphabet: Alphabet, levels: Sequence[Level]
) -> list[npt.NDArray[np.bool_]]:
    """Return for each level which n-grams have a cohesion of at least the level's threshold."""
    solid = []
    for n, (value, threshold) in enumerate(zip(values, thresholds, strict=True)):
        kept = value >= threshold
        for gram in np.flatnonzero(np.abs(value - threshold) < _TIE).tolist():
            count = alphabet.total * int(levels[n].counts[gram])
            exact = min(math.log(count / (a * b)) for a, b in _parts(gram, n, alphabet, levels))
            kept[gram] = exact >= threshold
        solid.append(kept)
    return solid


def _strongest_parts(alphabet: Alphabet, levels: Sequence[Level]) -> Iterator[Values]:
    """Yield for each level the greatest product c(a) c(b) over the inner cuts of its n-grams."""
    for n in range(len(levels)):
        products = np.zeros(len(levels[n].counts))
        for prefixes, suffixes in _cuts(np.arange(len(products), dtype=np.uint32), n, alphabet, levels):
            np.maximum(products, prefixes * suffixes.astype(np.float64), out=products)
        yield products


def _parts(gram: int, n: int, alphabet: Alphabet, levels: Sequence[Level]) -> Iterator[tuple[int, int]]:
    """Yield the counts of both parts at each inner cut of one n-gram of `levels[n]`."""
    for prefixes, suffixes in _cuts(np.array([gram], dtype=np.uint32), n, alphabet, levels):
        yield int(prefixes[0]), int(suffixes[0])


def _cuts(grams: Ids, n: int, alphabet: Alphabet, levels: Sequence[Level]) -> Iterator[tuple[Counts, Counts]]:
    """Yield the counts of the parts of n-grams of `levels[n]` at each inner cut, the longest suffix first."""
    counts = [alphabet.counts, *[level.counts for level in levels]]  # by length, from 1 character
    prefixes = [grams]  # of each length below, longest first
    for level in levels[n::-1]:
        prefixes.append(level.prefixes.take(prefixes[-1]))
    suffixes = [grams]
    for level in levels[n::-1]:
        suffixes.append(level.suffixes.take(suffixes[-1]))
    length = n + 2
    for cut in range(1, length):
        yield counts[cut - 1].take(prefixes[length - cut]), counts[length - cut - 1].take(suffixes[cut])
