"""Frequent n-grams, counted order by order.

The key of an n-gram packs the number of its first n-1 characters and its last character into 64 bits, for any order
and any alphabet. An n-gram is frequent only if both its (n-1)-grams are (Agrawal and Srikant 1994) and if its bucket
is (Park, Chen and Yu 1995), so nearly all rare n-grams are never counted, and no frequent one is missed.

Cost: a pass over the corpus for each order, linear in the text; memory grows with the frequent n-grams.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt32Array, UInt64Array
from kxcli.arrays.hashing import DEGSKI
from kxcli.arrays.key_index import KeyIndex
from kxcli.mining.newwords.alphabet import BITS, Alphabet, Codes
from kxcli.mining.newwords.spelling import Spellings
from kxcli.tally.buckets import Buckets, may_be_frequent
from kxcli.tally.jobs import TallyJob
from kxcli.tally.keys import KeyTally

SHIFT = np.uint64(BITS)
LAST = np.uint64((1 << BITS) - 1)


def pack_pair(first: AnyArray, last: AnyArray) -> UInt64Array:
    """Return a key for each pair of a number below 2^43 and a character."""
    keys = first.astype(np.uint64)
    keys <<= SHIFT
    keys |= last
    return keys


@dataclass(frozen=True)
class NgramLevel:
    """The frequent n-grams of one order, numbered from 1, the most frequent first.

    Attributes:
        keys: `pack_pair` of prefix and last character, shape (n + 1,), 0 for no n-gram.
        index: Number by key.
        counts: Count by number, shape (n + 1,).
        suffixes: Number of the last n-1 characters at the level below, shape (n + 1,).
    """

    keys: UInt64Array
    index: KeyIndex
    counts: IntArray
    suffixes: UInt32Array

    @classmethod
    def from_counts(cls, keys: UInt64Array, counts: IntArray, below: "NgramLevel | None") -> "NgramLevel":
        """Return the level of n-grams, given the level below if n > 2."""
        order = np.argsort(-counts, kind="stable")
        counts = np.concatenate((np.zeros(1, dtype=np.int64), counts[order]))
        index = KeyIndex.from_keys(keys[order])
        keys = np.concatenate((np.zeros(1, dtype=np.uint64), keys[order]))
        last = keys & LAST
        if below is None:
            suffixes = last.astype(np.uint32)
        else:
            suffixes = below.index.find(pack_pair(below.suffixes.take((keys >> SHIFT).astype(np.int64)), last))
        return cls(keys, index, counts, suffixes)

    @property
    def prefixes(self) -> UInt32Array:
        """Number of the first n-1 characters at the level below, shape (n + 1,)."""
        return (self.keys >> SHIFT).astype(np.uint32)

    @property
    def last(self) -> UInt32Array:
        """Last character, shape (n + 1,)."""
        return (self.keys & LAST).astype(np.uint32)


@dataclass(frozen=True)
class Ngrams:
    """The characters and frequent n-grams of a corpus; the first level has n = 2."""

    alphabet: Alphabet
    levels: tuple[NgramLevel, ...]

    def iter_numbers(self, ids: UInt32Array) -> Iterator[UInt32Array]:
        """Yield for each level the number of the n-gram at each position, 0 for none.

        Args:
            ids: Characters, ending in as many borders as the longest n-grams have characters.
        """
        characters = self.alphabet.mask_rare(ids)
        shorter = characters
        for n, level in enumerate(self.levels, 2):
            shorter = _extend(shorter, characters, n, level)
            yield shorter

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
        grams: The n-grams of lower orders.
        may_be: Whether each bucket may have frequent n-grams; None for pairs, which are all counted.
        bits: Bits of the buckets for the next order, 0 without one.
    """

    grams: Ngrams
    may_be: BoolArray | None
    bits: int


class NgramCounts(NamedTuple):
    """The counts of a pass: its n-grams, and buckets for the next order."""

    grams: KeyTally
    buckets: Buckets


class CountNgrams(TallyJob[NgramCounts]):
    """The job that counts the n-grams of the next order.

    It counts all pairs, including those with rare characters and borders, because these are neighbors, and those longer
    n-grams that may be frequent.
    """

    def setup(self, shared: NgramPass) -> None:
        """Keep the input of the pass."""
        self._pass = shared

    def map(self, records: Iterable[Codes]) -> NgramCounts:
        """Count the n-grams of records."""
        found = self.make_partial()
        for codes in records:
            grams = self._pass.grams
            self._count(grams.alphabet.number(codes, len(grams.levels) + 3), found)
        return found

    def finish(self, partial: NgramCounts) -> NgramCounts:
        """Return the counts."""
        return partial

    def weight(self, partial: NgramCounts) -> int:
        """Return the approximate bytes of the n-grams; buckets have a constant size."""
        return partial.grams.weight

    def make_partial(self) -> NgramCounts:
        """Return a partial without counts."""
        shared = self._pass
        return NgramCounts(KeyTally(), Buckets(shared.bits, shared.grams.alphabet.min_count))

    def _count(self, ids: UInt32Array, found: NgramCounts) -> None:
        shared = self._pass
        characters = shared.grams.alphabet.mask_rare(ids)
        n = len(shared.grams.levels) + 2
        if shared.may_be is None:
            keys = pack_pair(ids[:-1], ids[1:])
            found.grams.add(keys[keys != 0])
            starts = np.flatnonzero((characters[:-1] != 0) & (characters[1:] != 0))
            shorter = characters
        else:
            *_, before, shorter = (characters, *shared.grams.iter_numbers(ids))
            starts = _find_frequent_starts(shorter)
            starts = starts[may_be_frequent(_make_bucket_keys(before, characters, n, starts), shared.may_be)]
            found.grams.add(pack_pair(shorter.take(starts), characters.take(starts + (n - 1))))
        if shared.bits:
            starts = starts[np.flatnonzero(starts[1:] == starts[:-1] + 1)]
            found.buckets.add(_make_bucket_keys(shorter, characters, n + 1, starts))


def _find_frequent_starts(shorter: UInt32Array) -> IntArray:
    """Return the starts of n-grams, given the numbers of (n-1)-grams by position."""
    return np.flatnonzero((shorter[:-1] != 0) & (shorter[1:] != 0))


def _extend(shorter: UInt32Array, characters: UInt32Array, n: int, level: NgramLevel) -> UInt32Array:
    """Return the numbers of n-grams by position, 0 for rare ones."""
    longer = np.zeros_like(shorter)
    if n == 2:  # nearly all characters are frequent, so selecting them costs more than it saves
        longer[:-1] = level.index.find(pack_pair(shorter[:-1], shorter[1:]))
    else:
        starts = _find_frequent_starts(shorter)
        longer[starts] = level.index.find(pack_pair(shorter.take(starts), characters.take(starts + (n - 1))))
    return longer


def _make_bucket_keys(before: UInt32Array, characters: UInt32Array, n: int, starts: IntArray) -> UInt64Array:
    """Return the bucket keys of n-grams, the same in two consecutive passes."""
    keys = pack_pair(before.take(starts), characters.take(starts + (n - 2)))
    keys *= DEGSKI
    keys ^= keys >> np.uint64(32)
    keys += characters.take(starts + (n - 1))
    return keys
