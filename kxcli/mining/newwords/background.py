"""Words compared with another corpus, the background.

A word that is as frequent there is less new.

A raw corpus is searched for all occurrences of the words; a table has counts already.

Cost: a pass over the background; memory grows with the words, not with the background.
"""

import sys
from collections.abc import Callable, Sequence
from functools import cache, cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.mining.association import compute_log_likelihood
from kxcli.mining.keyness.measures import Sizes, compute_log_ratio
from kxcli.mining.newwords.alphabet import Alphabet, Codes
from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.spelling import Reduce
from kxcli.mining.newwords.trie import PythonTrie
from kxcli.mining.newwords.word_search import WordSearch, iter_occurrences
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob


class BackgroundCounts(NamedTuple):
    """Counts of words in the background.

    Attributes:
        counts: The count of each word, shape (n,).
        total: The number of characters of the text, or in all counted words.
        are_occurrences: Whether all occurrences are counted, or those as a word of a cut, as tables have them.
    """

    counts: IntArray
    total: int
    are_occurrences: bool


CountBackground = Callable[[Sequence[str]], BackgroundCounts]


class Keyness(NamedTuple):
    """Comparison of words with the background; arrays have one element per word.

    Attributes:
        count_ref: Counts in the background.
        log_likelihood: G² of the difference of the rates.
        log_ratio: The binary logarithm of the ratio of the rates.
        share: The probability that an occurrence is not from the background, if both corpora had the same size.
    """

    count_ref: IntArray
    log_likelihood: FloatArray
    log_ratio: FloatArray
    share: FloatArray


def compute_keyness(counts: IntArray, total: int, background: BackgroundCounts) -> Keyness:
    """Return the comparison of words with the background.

    The rates are per character. A count of zero in the background is replaced by 0.5. A background without text, or a
    corpus without words, has no rates, so all words have the same values.
    """
    count_ref, total_ref = background.counts, background.total
    if not (total and total_ref):
        zeros = np.zeros(len(counts))
        return Keyness(count_ref, zeros, zeros, zeros + 0.5)
    log_ratio = compute_log_ratio(counts, count_ref, Sizes(total, total_ref))
    log_likelihood = compute_log_likelihood(counts, total - counts, count_ref, total_ref - count_ref)
    return Keyness(count_ref, log_likelihood, log_ratio, 1.0 / (1.0 + np.exp2(-log_ratio)))


def compare_with_background(lexicon: LexiconTable, n_in_words: int, background: BackgroundCounts) -> Keyness:
    """Return the comparison of words with the background.

    Occurrences are compared with occurrences, and words of the cut with words of a table.

    Args:
        lexicon: The words.
        n_in_words: The number of characters in all words of the cut.
        background: The counts in the background.
    """
    if background.are_occurrences:
        return compute_keyness(lexicon.occurrences, lexicon.alphabet.n_characters, background)
    return compute_keyness(lexicon.counts, n_in_words, background)


@cache
def _find_text_characters() -> BoolArray:
    """Return for each code point whether it is a letter or digit."""
    return np.fromiter(map(str.isalnum, map(chr, range(sys.maxunicode + 1))), dtype=np.bool_)


class OccurrenceTally(NamedTuple):
    """The occurrences of words by number, and the number of characters."""

    words: DenseTally
    characters: DenseTally


class CountOccurrences(TallyJob[Codes, OccurrenceTally]):
    """The job that counts all occurrences of words, also within longer words."""

    def setup(self, shared: WordSearch) -> None:
        """Keep the words."""
        self._search = shared

    @cached_property
    def _trie(self) -> PythonTrie:
        return self._search.make_trie()

    def make_partial(self) -> OccurrenceTally:
        """Return a partial without counts."""
        return OccurrenceTally(DenseTally(1 + int(self._search.words.max(initial=0))), DenseTally(1))

    def count(self, record: Codes, partial: OccurrenceTally) -> None:
        """Count the occurrences in a record."""
        partial.characters.counts()[0] += np.count_nonzero(_find_text_characters().take(record))
        for _, _, words in iter_occurrences(self._search, self._trie, self._search.alphabet.number(record)):
            partial.words.add(words)

    def finish(self, partial: OccurrenceTally) -> BackgroundCounts:
        """Return the counts."""
        return BackgroundCounts(partial.words.counts()[1:], int(partial.characters.counts()[0]), are_occurrences=True)


def count_background(words: Sequence[str], alphabet: Alphabet, reduce: Reduce) -> BackgroundCounts:
    """Return the occurrences of words in the background, by a pass over it.

    Args:
        words: Distinct words.
        alphabet: Their characters.
        reduce: Runs a job over all records of the background; returns None if there are none.
    """
    counts: BackgroundCounts | None = reduce(CountOccurrences(), WordSearch.from_words(words, alphabet), "background")
    if counts is None:
        return BackgroundCounts(np.zeros(len(words), dtype=np.int64), 0, are_occurrences=True)
    return counts
