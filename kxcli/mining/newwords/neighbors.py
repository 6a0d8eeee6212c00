"""Branching entropies of words: the variety of characters next to them."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray, UInt32Array, UInt64Array
from kxcli.mining.newwords.alphabet import Alphabet, Codes
from kxcli.mining.newwords.trie import LAST, SHIFT, PythonTrie, make_trie
from kxcli.tally.jobs import TallyJob
from kxcli.tally.key_runs import KeyRun
from kxcli.tally.keys import KeyTally


@dataclass(frozen=True)
class WordSearch:
    """The words to search for.

    Attributes:
        alphabet: The characters.
        keys: The keys of a trie of the words.
        words: The number of the word that ends at each node.
    """

    alphabet: Alphabet
    keys: UInt64Array
    words: UInt32Array


class NeighborCounts(NamedTuple):
    """Counts of pairs of a word and the character before, or after; 0 is an edge."""

    left: KeyTally
    right: KeyTally


class CountNeighbors(TallyJob[Codes, NeighborCounts]):
    """The job that counts the neighbors of all occurrences of words."""

    def setup(self, shared: WordSearch) -> None:
        """Keep the words."""
        self._search = shared

    @cached_property
    def _trie(self) -> PythonTrie:
        return make_trie(len(self._search.alphabet.codes) - 1, self._search.keys, self._search.words)

    def make_partial(self) -> NeighborCounts:
        """Return a partial without counts."""
        return NeighborCounts(KeyTally(), KeyTally())

    def count(self, record: Codes, partial: NeighborCounts) -> None:
        """Count the neighbors in a record."""
        left, right = partial
        self._trie.count_neighbors(self._search.alphabet.number(record), left.counter, right.counter)
        left.limit_counter()
        right.limit_counter()

    def finish(self, partial: NeighborCounts) -> NeighborCounts:
        """Return the counts."""
        return partial

    def weight(self, partial: NeighborCounts) -> int:
        """Return the approximate bytes of memory of the counts."""
        return partial.left.weight + partial.right.weight


class BranchingEntropies:
    """Branching entropies of words in nats, from neighbors added by word.

    Each occurrence at the edge of a block is a distinct neighbor with count 1. The entropy of counts c with the sum n
    is log n - sum(c log c) / n, so a neighbor with count 1 adds only to n.
    """

    def __init__(self, n_words: int) -> None:
        self._n = np.zeros(n_words + 1, dtype=np.int64)
        self._sum: FloatArray = np.zeros(n_words + 1)

    def add(self, words: IntArray, neighbors: IntArray, counts: IntArray) -> None:
        """Add the counts of distinct pairs of a word and a neighbor; 0 is an edge."""
        np.add.at(self._n, words, counts)
        np.add.at(self._sum, words, np.where(neighbors != 0, counts * np.log(counts), 0.0))

    def values(self) -> FloatArray:
        """Return the entropies by number, shape (n + 1,)."""
        n = np.maximum(self._n, 1)
        return np.maximum(np.log(n) - self._sum / n, 0.0)


def compute_entropies(pairs: Iterable[KeyRun], n_words: int) -> FloatArray:
    """Return the entropies of words by number, given the counts of neighbors."""
    found = BranchingEntropies(n_words)
    for keys, counts in pairs:
        found.add((keys >> SHIFT).astype(np.int64), (keys & LAST).astype(np.int64), counts)
    return found.values()
