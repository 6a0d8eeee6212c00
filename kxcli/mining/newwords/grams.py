"""Frequent n-grams, counted order by order.

An n-gram is the number of its first n-1 characters and its last character, packed into one 64-bit key, so keys stay
short for any order and any alphabet.  An n-gram is frequent only if both its (n-1)-grams are (Agrawal and Srikant
1994) and if its bucket is (Park, Chen and Yu 1995), so nearly all rare ones are never counted, and none is missed.

Cost: a pass over the corpus for each order, linear in the text; memory grows with the frequent n-grams.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt32Array, UInt64Array
from kxcli.arrays.hashing import DEGSKI
from kxcli.arrays.key_index import KeyIndex
from kxcli.mining.newwords.alphabet import BITS, Alphabet, Codes
from kxcli.mining.newwords.spelling import Spellings
from kxcli.tally.buckets import Buckets, may_be_frequent
from kxcli.tally.frames import join_parts, split_parts
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
    """The frequent n-grams of one order, numbered from 1, the most frequent first; all arrays have shape (n + 1,).

    keys: `pack_pair` of the number of the first n-1 characters and the last character.  index: number by key.
    suffixes: the number of the last n-1 characters, at the level below.
    """

    keys: UInt64Array
    index: KeyIndex
    counts: IntArray
    suffixes: UInt32Array

    @classmethod
    def from_counts(cls, keys: UInt64Array, counts: IntArray, below: "NgramLevel | None") -> "NgramLevel":
        """Return the level of the n-grams with these keys; `below`: that of n-1, None for single characters."""
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
        """The number of the first n-1 characters, at the level below."""
        return (self.keys >> SHIFT).astype(np.uint32)

    @property
    def last(self) -> UInt32Array:
        """The last character."""
        return (self.keys & LAST).astype(np.uint32)


@dataclass(frozen=True)
class Ngrams:
    """The characters and the frequent n-grams of a corpus, by levels from 2 on."""

    alphabet: Alphabet
    levels: tuple[NgramLevel, ...]

    def iter_numbers(self, ids: UInt32Array) -> Iterator[UInt32Array]:
        """Yield for each level the number of the n-gram that starts at each place of running characters, 0 for none.

        `ids` ends in as many borders as the longest n-grams have characters.
        """
        characters = self.alphabet.mask_rare(ids)
        shorter = characters
        for n, level in enumerate(self.levels, 2):
            shorter = _extend(shorter, characters, n, level)
            yield shorter

    def columns(self, n: int, numbers: AnyArray) -> list[UInt32Array]:
        """Return the first, the second and so on characters of n-grams, by their numbers."""
        columns = []
        for level in reversed(self.levels[: n - 1]):
            columns.append(level.last.take(numbers))
            numbers = level.prefixes.take(numbers)
        return [numbers.astype(np.uint32), *reversed(columns)]

    def spell(self, n: int, numbers: AnyArray) -> Spellings:
        """Return how n-grams are spelt, by their numbers."""
        characters = np.stack(self.columns(n, numbers), axis=1)
        return Spellings(characters.ravel(), np.full(len(characters), n, dtype=np.int64))


@dataclass(frozen=True)
class NgramPass:
    """What counting an order builds on: the n-grams so far, and which buckets may hold the frequent ones.

    may_be: None for pairs, all of which are counted.  bits: of the buckets for the next order; 0: there is none.
    """

    grams: Ngrams
    may_be: BoolArray | None
    bits: int


class NgramCounts(NamedTuple):
    """What counting an order gives: its n-grams, and the buckets of the next order's."""

    grams: KeyTally
    buckets: Buckets


class CountNgrams:
    """The job that counts the n-grams of the order after the known levels.

    Of pairs it counts all, with rare characters and borders, too: they are neighbours.  Of longer ones it counts
    those that may be frequent.
    """

    def setup(self, shared: NgramPass) -> None:
        """Take what is known."""
        self._known = shared

    def map(self, records: Iterable[Codes]) -> NgramCounts:
        """Count the n-grams of some records."""
        found = self._none()
        for codes in records:
            grams = self._known.grams
            self._count(grams.alphabet.number(codes, len(grams.levels) + 3), found)
        return found

    def merge(self, left: NgramCounts, right: NgramCounts) -> NgramCounts:
        """Add up, into `left`."""
        left.grams.merge(right.grams)
        left.buckets.merge(right.buckets)
        return left

    def finish(self, partial: NgramCounts) -> NgramCounts:
        """Return the counts."""
        return partial

    def dump(self, partial: NgramCounts) -> bytes:
        """Return the counts as bytes."""
        return join_parts((partial.grams.dump(), partial.buckets.dump()))

    def load(self, data: bytes | memoryview) -> NgramCounts:
        """Return the counts that were dumped."""
        grams, buckets = split_parts(data)
        known = self._known
        return NgramCounts(KeyTally.load(grams), Buckets.load(buckets, known.bits, known.grams.alphabet.min_count))

    def weight(self, partial: NgramCounts) -> int:
        """Return about how many bytes of memory the n-grams take; the buckets take the same however many there are."""
        return partial.grams.weight

    def _none(self) -> NgramCounts:
        known = self._known
        return NgramCounts(KeyTally(), Buckets(known.bits, known.grams.alphabet.min_count))

    def _count(self, ids: UInt32Array, found: NgramCounts) -> None:
        known = self._known
        characters = known.grams.alphabet.mask_rare(ids)
        n = len(known.grams.levels) + 2
        if known.may_be is None:
            keys = pack_pair(ids[:-1], ids[1:])
            found.grams.add(keys[keys != 0])
            starts = np.flatnonzero((characters[:-1] != 0) & (characters[1:] != 0))
            shorter = characters
        else:
            *_, before, shorter = (characters, *known.grams.iter_numbers(ids))
            starts = _both_frequent(shorter)
            starts = starts[may_be_frequent(_bucket_keys(before, characters, n, starts), known.may_be)]
            found.grams.add(pack_pair(shorter.take(starts), characters.take(starts + (n - 1))))
        if known.bits:
            starts = starts[np.flatnonzero(starts[1:] == starts[:-1] + 1)]
            found.buckets.add(_bucket_keys(shorter, characters, n + 1, starts))


def _both_frequent(shorter: UInt32Array) -> npt.NDArray[np.intp]:
    """Return where an n-gram starts whose two (n-1)-grams are frequent, given the numbers of these."""
    return np.flatnonzero((shorter[:-1] != 0) & (shorter[1:] != 0))


def _extend(shorter: UInt32Array, characters: UInt32Array, n: int, level: NgramLevel) -> UInt32Array:
    """Return the number of the n-gram that starts at each place, 0 where it is rare, given those of n-1."""
    longer = np.zeros_like(shorter)
    if n == 2:  # nearly every place has a frequent character: choosing them would cost more than it spares
        longer[:-1] = level.index.find(pack_pair(shorter[:-1], shorter[1:]))
    else:
        starts = _both_frequent(shorter)
        longer[starts] = level.index.find(pack_pair(shorter.take(starts), characters.take(starts + (n - 1))))
    return longer


def _bucket_keys(before: UInt32Array, characters: UInt32Array, n: int, starts: npt.NDArray[np.intp]) -> UInt64Array:
    """Return what tells the bucket of n-grams, by the numbers of their first n-2 characters: those two passes know."""
    keys = pack_pair(before.take(starts), characters.take(starts + (n - 2)))
    keys *= DEGSKI
    keys ^= keys >> np.uint64(32)
    keys += characters.take(starts + (n - 1))
    return keys
