"""The characters next to words, and the documents with them."""

from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, UInt32Array
from kxcli.mining.newwords.alphabet import LF, Alphabet, Codes
from kxcli.mining.newwords.entries import Sides
from kxcli.mining.newwords.spelling import Reduce, Spellings
from kxcli.mining.newwords.trie import LAST, SHIFT, PythonTrie, make_word_keys
from kxcli.mining.newwords.word_search import WordSearch
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob
from kxcli.tally.key_runs import KeyRun
from kxcli.tally.keys import KeyTally

_MAX_PAIRS = 1 << 18  # that are added at a time


class DocumentTally(DenseTally):
    """The number of documents with each node of a trie.

    No document is in two records.
    """

    def __init__(self, n_nodes: int) -> None:
        super().__init__(n_nodes)
        self._n_nodes = n_nodes
        self._last: UInt32Array | None = None
        self._n_documents = 0

    @property
    def last(self) -> UInt32Array:
        """The last document with each node, 0 for none."""
        if self._last is None:
            self._last = np.zeros(self._n_nodes, dtype=np.uint32)
        return self._last

    def number(self, record: Codes) -> UInt32Array:
        """Return the number of the document at each position.

        The record has a border before and after it.
        """
        is_end = record == LF
        numbers = np.full(len(record) + 2, self._n_documents + 1, dtype=np.uint32)
        numbers[2:] += np.cumsum(is_end, dtype=np.uint32)
        self._n_documents += int(np.count_nonzero(is_end))
        return numbers


class NeighborCounts(NamedTuple):
    """Counts of pairs of a word and a neighbor, and of documents.

    Attributes:
        left: Pairs with the character before the word, 0 for an edge.
        right: Pairs with the character after it.
        docs: Documents with each node.
    """

    left: KeyTally
    right: KeyTally
    docs: DocumentTally


class CountNeighbors(TallyJob[Codes, NeighborCounts]):
    """The job that counts the neighbors of words, and the documents with them."""

    def setup(self, shared: WordSearch) -> None:
        """Keep the words."""
        self._search = shared

    @cached_property
    def _trie(self) -> PythonTrie:
        return self._search.make_trie()

    def make_partial(self) -> NeighborCounts:
        """Return a partial without counts."""
        return NeighborCounts(KeyTally(), KeyTally(), DocumentTally(len(self._search.words)))

    def count(self, record: Codes, partial: NeighborCounts) -> None:
        """Count the neighbors in a record."""
        left, right, docs = partial
        ids, positions = self._search.alphabet.number_and_locate(record)
        numbers = docs.number(record).take(positions)
        self._trie.count_neighbors(ids, numbers, docs.last, docs.counts(), left.counter, right.counter)
        left.limit_counter()
        right.limit_counter()

    def finish(self, partial: NeighborCounts) -> NeighborCounts:
        """Return the counts."""
        return partial

    def weight(self, partial: NeighborCounts) -> int:
        """Return the approximate bytes of the pairs; documents have a constant size."""
        return partial.left.weight + partial.right.weight


class SideCounts:
    """Sums over the neighbors on one side of words.

    The entropy of counts c with the sum n is log n - sum(c log c) / n. If each edge of a block is a distinct neighbor
    with count 1, edges add only to n.

    Args:
        n_words: Words are numbered from 1 to this.
        first_digits: Neighbors from this number on are runs of digits. If edges are one neighbor, these are edges, too.
    """

    def __init__(self, n_words: int, first_digits: int) -> None:
        self._first_digits = first_digits
        self.occurrences = np.zeros(n_words + 1, dtype=np.int64)
        self._sum: FloatArray = np.zeros(n_words + 1)  # of c log c, without edges
        self._edges = np.zeros(n_words + 1, dtype=np.int64)  # with runs of digits
        self._digits: FloatArray = np.zeros(n_words + 1)  # the part of `_sum` for runs of digits
        self._top = np.zeros(n_words + 1, dtype=np.uint32)
        self._top_count = np.zeros(n_words + 1, dtype=np.int64)

    def add(self, words: IntArray, neighbors: IntArray, counts: IntArray) -> None:
        """Add the counts of distinct pairs of a word and a neighbor; 0 is an edge."""
        is_digits = neighbors >= self._first_digits
        is_edge = (neighbors == 0) | is_digits
        products = np.where(neighbors == 0, 0.0, counts * np.log(counts))
        np.add.at(self.occurrences, words, counts)
        np.add.at(self._edges, words[is_edge], counts[is_edge])
        np.add.at(self._sum, words, products)
        np.add.at(self._digits, words[is_digits], products[is_digits])
        words, neighbors, counts = words[~is_digits], neighbors[~is_digits], counts[~is_digits]
        before = self._top_count.take(words)
        np.maximum.at(self._top_count, words, counts)
        is_top = (counts == self._top_count.take(words)) & (counts > before)
        tops, at = words[is_top], neighbors[is_top]
        order = np.lexsort((-at, tops))  # of equal counts, the lowest neighbor is the last one written
        self._top[tops[order]] = at[order]

    def to_sides(self, words: AnyArray) -> Sides:
        """Return the values of words, given their numbers."""
        n = np.maximum(self.occurrences[words], 1)
        total, edges = self._sum[words], self._edges[words]
        merged = total - self._digits[words] + np.where(edges > 0, edges * np.log(np.maximum(edges, 1)), 0.0)
        return Sides(
            np.maximum(np.log(n) - total / n, 0.0),
            np.maximum(np.log(n) - merged / n, 0.0),
            edges / n,
            self._top[words],
            self._top_count[words] / n,
        )


class WordContexts(NamedTuple):
    """Where words occur.

    Attributes:
        occurrences: All occurrences of each word within blocks, shape (n,).
        docs: Documents with each word, shape (n,).
        character_docs: Documents with each character, by its number in the alphabet.
        left: What precedes each word.
        right: What follows each word.
    """

    occurrences: IntArray
    docs: IntArray
    character_docs: IntArray
    left: Sides
    right: Sides


def measure_contexts(
    words: Spellings, weights: IntArray, alphabet: Alphabet, reduce: Reduce, room: int | None = None
) -> WordContexts:
    """Return where words occur, by a pass over the corpus.

    Args:
        words: Distinct words of two or more characters.
        weights: Expected number of occurrences of each, for speed.
        alphabet: The characters.
        reduce: Runs the job over all records.
        room: Bytes of memory for merging counts; unlimited if None.
    """
    n_characters, n_words = len(alphabet.codes) - 1, len(weights)
    keys, numbers = make_word_keys(words, weights, n_characters)
    left, right, found = reduce(CountNeighbors(), WordSearch(alphabet, keys, numbers), "neighbors")
    left = _sum_sides(left.parts(room), n_words, alphabet.first_digits)  # the pairs themselves are freed
    right = _sum_sides(right.parts(room), n_words, alphabet.first_digits)
    docs, nodes = found.counts(), np.zeros(n_words + 1, dtype=np.int64)
    nodes[numbers] = np.arange(len(numbers))
    rows = np.arange(1, n_words + 1)
    return WordContexts(
        left.occurrences[1:], docs[nodes[1:]], docs[: n_characters + 1], left.to_sides(rows), right.to_sides(rows)
    )


def _sum_sides(pairs: Iterable[KeyRun], n_words: int, first_digits: int) -> SideCounts:
    """Return the sums for words, given the counts of neighbors."""
    found = SideCounts(n_words, first_digits)
    for all_keys, all_counts in pairs:
        for first in range(0, len(all_keys), _MAX_PAIRS):
            keys, counts = all_keys[first : first + _MAX_PAIRS], all_counts[first : first + _MAX_PAIRS]
            found.add((keys >> SHIFT).astype(np.int64), (keys & LAST).astype(np.int64), counts)
    return found
