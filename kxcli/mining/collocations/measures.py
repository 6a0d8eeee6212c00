"""Measures of the association between a word and its collocate.

A pair of positions has two words with the second one in the window of the first. With `size` positions in each window,
all N words have N * size such pairs; the word at the first position is x in f_x * size of them, and the word at the
second one is y in f_y * size. So f_x * f_y * size / N pairs of x and y are expected if the words are independent
(Evert 2008, surface cooccurrence).
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.association import compute_log_likelihood

_DECIMALS = 10_000  # scores have 4 decimals


class PairTables(NamedTuple):
    """Tables of two by two counts, one for each pair.

    Attributes:
        joint: Pairs of positions with both words.
        word: Occurrences of the first word.
        collocate: Occurrences of the second word.
        n_words: All words.
        size: Positions in a window.
    """

    joint: FloatArray
    word: FloatArray
    collocate: FloatArray
    n_words: int
    size: int

    @property
    def expected_joint(self) -> FloatArray:
        """The expected counts."""
        return self.word * self.collocate * (self.size / self.n_words)


def make_tables(
    counts: IntArray | list[int], words: IntArray | list[int], collocates: IntArray | list[int], n_words: int, size: int
) -> PairTables:
    """Return the tables of pairs by their counts."""
    joint, word, collocate = (np.asarray(numbers, np.float64) for numbers in (counts, words, collocates))
    return PairTables(joint, word, collocate, n_words, size)


def compute_log_dice(tables: PairTables) -> FloatArray:
    """Return 14 + log2(2 f_xy / (f_x + f_y)).

    logDice (Rychlý 2008) is independent of the size of the corpus.
    """
    return 14.0 + np.log2(2.0 * tables.joint / (tables.word + tables.collocate))


def compute_mi(tables: PairTables) -> FloatArray:
    """Return log2(O / E), the pointwise mutual information in bits.

    Church and Hanks (1990) use it for words within a window.
    """
    return np.log2(tables.joint / tables.expected_joint)


def compute_mi3(tables: PairTables) -> FloatArray:
    """Return log2(O^3 / E), higher for frequent pairs (Daille 1994)."""
    return compute_mi(tables) + 2.0 * np.log2(tables.joint)


def compute_t_score(tables: PairTables) -> FloatArray:
    """Return (O - E) / sqrt(O) (Church et al. 1991)."""
    return (tables.joint - tables.expected_joint) / np.sqrt(tables.joint)


def compute_z_score(tables: PairTables) -> FloatArray:
    """Return (O - E) / sqrt(E) (Dennis 1965; Berry-Rogghe 1973)."""
    return (tables.joint - tables.expected_joint) / np.sqrt(tables.expected_joint)


def compute_g2(tables: PairTables) -> FloatArray:
    """Return G² of the table of pairs of positions (Dunning 1993)."""
    first, second = tables.word * tables.size, tables.collocate * tables.size
    rest = np.maximum(tables.n_words * tables.size - first - second + tables.joint, 0.0)  # near borders, x = y
    return compute_log_likelihood(tables.joint, first - tables.joint, second - tables.joint, rest)


MEASURES: dict[str, Callable[[PairTables], FloatArray]] = {
    "log_dice": compute_log_dice,
    "mi": compute_mi,
    "mi3": compute_mi3,
    "t_score": compute_t_score,
    "z_score": compute_z_score,
    "log_likelihood": compute_g2,
}


def round_scores(name: str, tables: PairTables) -> FloatArray:
    """Return the scores of a measure as whole numbers of the last decimal; no -0."""
    return np.rint(MEASURES[name](tables) * _DECIMALS) + 0.0


def scale_scores(scores: FloatArray) -> FloatArray:
    """Return rounded scores as decimal numbers."""
    return scores / _DECIMALS
