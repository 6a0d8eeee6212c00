"""Frequent n-grams, counted order by order.

An n-gram is frequent only if both its (n-1)-grams are (Agrawal and Srikant 1994) and if its bucket is (Park, Chen and
Yu 1995), so nearly all rare n-grams are never counted, and no frequent one is missed.

Cost: a pass over the corpus for each order, linear in the text; memory grows with the frequent n-grams.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.mining.newwords.alphabet import Alphabet, Codes
from kxcli.mining.newwords.spelling import Spellings
from kxcli.mining.newwords.trie import LAST, SHIFT, PythonTrie, make_trie, pack_pair
from kxcli.tally.buckets import Buckets
from kxcli.tally.jobs import TallyJob
from kxcli.tally.keys import KeyTally


@dataclass(frozen=True)
class NgramLevel:
    """The frequent n-grams of one order, numbered from 1, the most frequent first.

    Number 0 is no n-gram.

    Attributes:
        counts: Count by number, shape (n + 1,).
        prefixes: Number of the first n-1 characters at the level below, shape (n + 1,).
        suffixes: Number of the last n-1 characters at the level below, shape (n + 1,).
        last: Last character, shape (n + 1,).
    """

    counts: IntArray
    prefixes: UInt32Array
    suffixes: UInt32Array
    last: UInt32Array


@dataclass(frozen=True)
class Ngrams:
    """The characters and frequent n-grams of a corpus; the first level has n = 2."""

    alphabet: Alphabet
    levels: tuple[NgramLevel, ...]

    @property
    def counts(self) -> list[IntArray]:
        """For each length from 1, the count by number."""
        return [self.alphabet.counts, *(level.counts for level in self.levels)]

    @property
    def offsets(self) -> list[int]:
        """For each order from 1, the last node of a trie before those of the order."""
        sizes = [len(self.alphabet.codes), *(len(level.counts) for level in self.levels)]
        return list(accumulate((size - 1 for size in sizes), initial=0))[:-1]

    def count(self, n: int) -> IntArray:
        """Return the counts of n-grams of one order by number."""
        return self.alphabet.counts if n == 1 else self.levels[n - 2].counts

    def make_keys(self, numbers: Sequence[AnyArray] | None = None) -> UInt64Array:
        """Return the keys of a trie.

        Args:
            numbers: For each level, the n-grams of the trie by number, with all their beginnings; None for all.
        """
        numbers = [np.arange(1, len(level.counts)) for level in self.levels] if numbers is None else numbers
        parts = [np.empty(0, dtype=np.uint64)]
        nodes = np.arange(len(self.alphabet.codes))
        first = len(nodes)
        for level, selected in zip(self.levels, numbers, strict=True):
            parts.append(pack_pair(nodes.take(level.prefixes.take(selected)), level.last.take(selected)))
            nodes = np.zeros(len(level.counts), dtype=np.int64)
            nodes[selected] = np.arange(first, first + len(selected))
            first += len(selected)
        return np.concatenate(parts)

    def with_level(self, keys: UInt64Array, counts: IntArray) -> "Ngrams":
        """Add the n-grams of the next order, given the keys of a trie and their counts."""
        order = np.argsort(-counts, kind="stable")
        counts, keys = counts[order], keys[order]
        offsets = self.offsets
        last = (keys & LAST).astype(np.uint32)
        nodes = (keys >> SHIFT).astype(np.uint32)
        prefixes = nodes - np.uint32(offsets[-1])
        if self.levels:
            level, n_characters = self.levels[-1], len(self.alphabet.codes) - 1
            keys = pack_pair(level.prefixes + np.uint32(offsets[-2]), level.last)[1:]
            inner = level.suffixes.take(prefixes) + np.uint32(offsets[-2])
            found = make_trie(n_characters, keys).find_children(inner, last)
            suffixes = np.frombuffer(found, dtype=np.uint32) - np.uint32(n_characters)
        else:
            suffixes = last
        columns = (np.concatenate((np.zeros(1, dtype=np.uint32), column)) for column in (prefixes, suffixes, last))
        return Ngrams(
            self.alphabet, (*self.levels, NgramLevel(np.concatenate((np.zeros(1, dtype=np.int64), counts)), *columns))
        )

    def iter_numbers(self, ids: UInt32Array) -> Iterator[UInt32Array]:
        """Yield for each level the number of the n-gram at each position, 0 for none.

        Args:
            ids: Characters, ending in as many borders as the longest n-grams have characters.
        """
        trie = make_trie(len(self.alphabet.codes) - 1, self.make_keys())
        nodes = ids
        for n, offset in enumerate(self.offsets[1:], 1):
            following = np.concatenate((ids[n:], np.zeros(n, dtype=np.uint32)))
            nodes = np.frombuffer(trie.find_children(nodes, following), dtype=np.uint32)
            yield np.where(nodes != 0, nodes - np.uint32(offset), np.uint32(0))

    def find_numbers(self, words: Spellings) -> IntArray:
        """Return the number of each word among the n-grams of its length, 0 for none.

        A character has its own number.
        """
        ids, starts = words.with_borders(len(self.levels) + 1)
        found = np.where(words.lengths == 1, ids.take(starts), 0).astype(np.int64)
        for n, numbers in enumerate(self.iter_numbers(ids), 2):
            at = words.lengths == n
            found[at] = numbers.take(starts[at])
        return found

    def columns(self, n: int, numbers: AnyArray) -> list[UInt32Array]:
        """Return the characters of n-grams by position: first, second, and so on."""
        columns = []
        for level in reversed(self.levels[: n - 1]):
            columns.append(level.last.take(numbers))
            numbers = level.prefixes.take(numbers)
        return [numbers.astype(np.uint32), *reversed(columns)]

    def spell(self, n: int, numbers: AnyArray) -> Spellings:
        """Return the spellings of n-grams, given their numbers."""
        characters = np.stack(self.columns(n, numbers), axis=1)
        return Spellings(characters.ravel(), np.full(len(characters), n, dtype=np.int64))


@dataclass(frozen=True)
class NgramPass:
    """The input of a pass over the n-grams of one order.

    Attributes:
        alphabet: The characters.
        keys: The keys of a trie of the n-grams of lower orders.
        order: The order.
        may_be: A bit for each bucket, whether its n-grams may be frequent; None for pairs, which are all counted.
        bits: Bits of the buckets for the next order, 0 without one.
    """

    alphabet: Alphabet
    keys: UInt64Array
    order: int
    may_be: UInt8Array | None
    bits: int


class NgramCounts(NamedTuple):
    """The counts of a pass: its n-grams, and buckets for the next order."""

    grams: KeyTally
    buckets: Buckets


class CountNgrams(TallyJob[Codes, NgramCounts]):
    """The job that counts the n-grams of the next order.

    It counts all pairs, including those with rare characters and borders, because these are neighbors, and those longer
    n-grams that may be frequent.
    """

    def setup(self, shared: NgramPass) -> None:
        """Keep the input of the pass."""
        self._pass = shared

    @cached_property
    def _trie(self) -> PythonTrie:
        return make_trie(len(self._pass.alphabet.codes) - 1, self._pass.keys)

    def make_partial(self) -> NgramCounts:
        """Return a partial without counts."""
        return NgramCounts(KeyTally(), Buckets(self._pass.bits))

    def count(self, record: Codes, partial: NgramCounts) -> None:
        """Count the n-grams of a record."""
        shared, (grams, buckets) = self._pass, partial
        ids, n_frequent = shared.alphabet.number(record), shared.alphabet.n_frequent
        self._trie.count_ngrams(ids, shared.order, n_frequent, shared.may_be, buckets.counts(), grams.counter)
        grams.limit_counter()

    def finish(self, partial: NgramCounts) -> NgramCounts:
        """Return the counts."""
        return partial

    def weight(self, partial: NgramCounts) -> int:
        """Return the approximate bytes of the n-grams; buckets have a constant size."""
        return partial.grams.weight
