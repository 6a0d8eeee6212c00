"""Firm compounds of words, and words within longer ones that also occur alone."""

from collections.abc import Sequence

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt32Array
from kxcli.mining.newwords.cohesion import compute_cohesion_of, iter_cuts
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.grams import NgramLevel, Ngrams
from kxcli.mining.newwords.spelling import Spellings

# The limits for compounds of two characters, then for longer ones.
_MIN_ASSOCIATION = (0.4, 0.5)  # phrases of frequent words have less
_MIN_COMPOUND_PMI = (2.5, 4.0)
_MAX_SHARE = 0.8  # of the occurrences of a compound, within one longer n-gram

_MIN_ALONE = 0.2  # share of the occurrences of a nested word that are not within longer words
_MIN_ALONE_COUNT = 2  # one occurrence is chance
_MIN_NESTED_PMI = 4.0


class CutWords:
    """The words of the cut by their numbers as n-grams.

    Attributes:
        grams: The n-grams.
        numbers: The number of each word of the lexicon among the n-grams of its length, 0 for none, shape (n,).
        counts: For each length from 1, the counts of n-grams as words.
    """

    def __init__(self, lexicon: LexiconTable) -> None:
        self.grams = grams = lexicon.grams
        words = Spellings.from_words(lexicon.words, grams.alphabet)
        self._spellings = words
        is_word = np.array([word not in lexicon.phrases for word in lexicon.words], dtype=np.bool_)
        self.numbers = grams.find_numbers(words)
        self.counts = [np.zeros(len(counts), dtype=np.int64) for counts in grams.counts]
        for n, counts in enumerate(self.counts, 1):
            rows = np.flatnonzero((words.lengths == n) & (self.numbers != 0) & is_word)
            counts[self.numbers[rows]] = lexicon.counts[rows]

    def have_any(self, mask: BoolArray) -> BoolArray:
        """Return whether each word has a character in a mask by number."""
        return np.logical_or.reduceat(mask[self._spellings.characters], self._spellings.starts)

    def count_within(self) -> list[IntArray]:
        """Return for each length from 1 how often n-grams are within longer words."""
        found = [np.zeros(len(counts), dtype=np.int64) for counts in self.counts]
        for n, counts in enumerate(self.counts, 1):
            numbers = np.flatnonzero(counts)
            pieces: list[AnyArray] = [numbers]
            for level, sums in zip(reversed(self.grams.levels[: n - 1]), reversed(found[: n - 1]), strict=True):
                pieces = [*(level.prefixes[piece] for piece in pieces), level.suffixes[pieces[-1]]]
                for piece in pieces:
                    np.add.at(sums, piece, counts[numbers])
        return found


def find_compounds(words: CutWords, is_aligned: Sequence[BoolArray]) -> list[str]:
    """Return n-grams that are firm compounds of two words, but no words of the cut.

    The association of a compound g is its normalized pointwise mutual information as two words (Bouma 2009): the
    minimum, over g = ab with words a and b, of log(N c(g) / (c(a) c(b))) / log(N / c(g)), with the counts c of words
    and the number N of all words.

    Args:
        words: The words of the cut.
        is_aligned: For each length from 1, whether most occurrences of each n-gram are between two cuts.
    """
    grams = words.grams
    n_words = sum(int(counts.sum()) for counts in words.counts)
    found = []
    for n, (level, longer, aligned) in enumerate(zip(grams.levels, grams.levels[1:], is_aligned[1:], strict=False), 2):
        numbers = np.flatnonzero(aligned & (words.counts[n - 1] == 0) & ~_find_parts(level, longer)).astype(np.uint32)
        numbers = numbers[numbers != 0]
        counts = level.counts[numbers].astype(np.float64)
        products = np.zeros(len(numbers))
        for left, right in iter_cuts(numbers, n, grams, words.counts):
            np.maximum(products, left * right.astype(np.float64), out=products)
        is_long = n > 2
        min_association = (n_words / counts) ** _MIN_ASSOCIATION[is_long]
        numbers = numbers[(products > 0) & (n_words * counts >= min_association * products)]
        numbers = _select_cohesive(numbers, n, grams, _MIN_COMPOUND_PMI[is_long])
        found += grams.spell(n, numbers).to_texts(grams.alphabet)
    return found


def _find_parts(level: NgramLevel, longer: NgramLevel) -> BoolArray:
    """Return whether most occurrences of n-grams are within one longer n-gram."""
    largest = np.zeros(len(level.counts), dtype=np.int64)
    for parts in (longer.prefixes, longer.suffixes):
        np.maximum.at(largest, parts, longer.counts)
    return largest > _MAX_SHARE * level.counts


def _select_cohesive(numbers: UInt32Array, n: int, grams: Ngrams, min_pmi: float) -> UInt32Array:
    return numbers[compute_cohesion_of(numbers, n, grams) >= min_pmi]


def find_nested(words: CutWords, within: Sequence[IntArray]) -> dict[str, int]:
    """Return n-grams within words that also occur elsewhere, and how often.

    Args:
        words: The words of the cut.
        within: How often n-grams are within longer words: `CutWords.count_within`.
    """
    grams = words.grams
    found: dict[str, int] = {}
    for n, (level, inner, counts) in enumerate(zip(grams.levels, within[1:], words.counts[1:], strict=True), 2):
        alone = level.counts - inner
        is_nested = (inner > 0) & (counts == 0) & (alone >= np.maximum(_MIN_ALONE * level.counts, _MIN_ALONE_COUNT))
        numbers = _select_cohesive(np.flatnonzero(is_nested).astype(np.uint32), n, grams, _MIN_NESTED_PMI)
        texts = grams.spell(n, numbers).to_texts(grams.alphabet)
        found |= dict(zip(texts, alone[numbers].tolist(), strict=True))
    return found
