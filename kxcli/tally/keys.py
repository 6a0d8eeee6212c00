"""Counts of 64-bit keys, at the speed of arrays.

A hash table takes running keys, most of which it has seen before, much faster than sorting does.  When the table is
full, it becomes a sorted run, and sorted runs merge nearly for nothing.
"""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import IntArray, UInt64Array
from kxcli.arrays.hashing import DEGSKI, GOLDEN, XXHASH, hash_to_slots
from kxcli.tally.key_runs import KeyRun, KeyRuns, merge_key_runs

_HELD = 1 << 20  # keys held uncounted: counting many at a time spares the table's growth and the calls
_SAMPLE = 1 << 17  # keys that are sorted to begin with, so that the frequent ones find their slots free
_SLOTS_LEAST, _SLOTS_MOST = 1 << 10, 1 << 21  # of the table, 16 bytes each
_PIECE = 1 << 15  # keys looked up at a time, so that all that is computed of them stays in a core's cache
_MULTIPLIERS = (GOLDEN, XXHASH, DEGSKI)  # a key has one slot by each
_FULL = 0.5  # share of filled slots from which keys would often find theirs taken


class KeyTally:
    """How often each key was seen; merging is associative and commutative.  No key is 0."""

    def __init__(self) -> None:
        self._held: list[UInt64Array] = []
        self._size = 0
        self._table: _Table | None = None
        self._runs = KeyRuns()

    def add(self, keys: UInt64Array) -> None:
        """Count each key once more; keeps the array, which may not change any more."""
        self._held.append(keys)
        self._size += len(keys)
        if self._size >= _HELD:
            self._count_held()

    def merge(self, other: "KeyTally") -> "KeyTally":
        """Add the other's counts to this one's, and return this one."""
        if other._table is not None:
            self._runs.add(other._table.drained())
            other._table = None
        self._runs.merge(other._runs)
        for keys in other._held:
            self.add(keys)
        return self

    @property
    def n_distinct(self) -> int:
        """How many distinct keys are in memory, at most, those that are not counted yet left aside."""
        return len(self._runs) + (0 if self._table is None else self._table.filled)

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes, about."""
        return 8 * self._size + 16 * (0 if self._table is None else len(self._table)) + self._runs.weight

    def parts(self, room: int | None = None) -> Iterator[KeyRun]:
        """Yield keys, ascending, and their counts; with loaded ones, in parts that so many bytes have room for."""
        self._settle()
        return self._runs.parts(room)

    def frequent(self, least: int, room: int | None = None) -> KeyRun:
        """Return the keys counted at least so often, ascending, and their counts; in between, parts have some room."""
        keys, counts = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
        for some, theirs in self.parts(room):
            kept = theirs >= least
            keys.append(some[kept])
            counts.append(theirs[kept])
        return np.concatenate(keys), np.concatenate(counts)

    def dump(self) -> bytes:
        """Return the tally as bytes."""
        self._settle()
        return self._runs.dump()

    @classmethod
    def load(cls, data: bytes | memoryview) -> "KeyTally":
        """Return the tally that was dumped; it stays where it is."""
        tally = cls()
        tally._runs = KeyRuns.load(data)
        return tally

    def _count_held(self) -> None:
        keys = self._held[0] if len(self._held) == 1 else np.concatenate(self._held)
        self._held, self._size = [], 0
        left = []
        if self._table is None:
            first = merge_key_runs([_ones(keys[:_SAMPLE])])
            self._table = _Table(min(_room_for(len(first[0])), _SLOTS_MOST))
            left.append(self._table.add(first))
            keys = keys[_SAMPLE:]
        left.append(self._table.count(keys))
        while self._table.is_full:
            drained = self._table.drained()
            if len(self._table) < _SLOTS_MOST:
                self._table = _Table(min(4 * len(self._table), _SLOTS_MOST))
                left = [self._table.add(pairs) for pairs in (drained, *left)]
            else:
                self._runs.add(drained)
        self._runs.add(merge_key_runs(left))

    def _settle(self) -> None:
        if self._held:
            self._count_held()
        if self._table is not None:
            self._runs.add(self._table.drained())
            self._table = None


class _Table:
    """Slots for keys and their counts; a key that finds all of its slots taken by others is handed back."""

    def __init__(self, size: int) -> None:
        self._bits = size.bit_length() - 1
        self._keys: UInt64Array = np.zeros(size, dtype=np.uint64)
        self._counts: IntArray = np.zeros(size, dtype=np.int64)
        self.filled = 0

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def is_full(self) -> bool:
        return self.filled > _FULL * len(self._keys)

    def count(self, keys: UInt64Array) -> KeyRun:
        """Count each key once more; return those that found no slot, in no order, with a count of 1 for each."""
        unknown = [keys[:0]]
        for start in range(0, len(keys), _PIECE):
            some = keys[start : start + _PIECE]
            for multiplier in _MULTIPLIERS:
                slots = hash_to_slots(some, multiplier, self._bits)
                others = np.flatnonzero(self._keys.take(slots) != some)
                np.add.at(self._counts, slots, 1)  # most are known by their first slot: the others are taken back
                np.subtract.at(self._counts, slots.take(others), 1)
                some = some.take(others)
            unknown.append(some)
        return self.add(_ones(np.concatenate(unknown)))

    def add(self, pairs: KeyRun) -> KeyRun:
        """Add to the counts of keys, in any order; return what found no slot.

        Of keys that want the same slot the one with the greatest count gets it, for it will be asked for most often.
        """
        if not len(pairs[0]):
            return pairs
        order = pairs[1].argsort(kind="stable")
        keys, counts = pairs[0][order], pairs[1][order]
        for multiplier in _MULTIPLIERS:
            slots = hash_to_slots(keys, multiplier, self._bits)
            is_free = self._keys.take(slots) == 0
            self._keys[slots[is_free]] = keys[is_free]  # the last one stays
            is_known = self._keys.take(slots) == keys
            np.add.at(self._counts, slots[is_known], counts[is_known])
            keys, counts = keys[~is_known], counts[~is_known]
        self.filled = int(np.count_nonzero(self._keys))
        return keys, counts

    def drained(self) -> KeyRun:
        """Return the keys, ascending, and their counts, and forget them."""
        filled = np.flatnonzero(self._keys)
        keys, counts = self._keys[filled], self._counts[filled]
        self._keys[filled], self._counts[filled], self.filled = 0, 0, 0
        order = keys.argsort()
        return keys[order], counts[order]


def _ones(keys: UInt64Array) -> KeyRun:
    """Return keys, in any order and perhaps more than once, with a count of 1 for each."""
    return keys, np.ones(len(keys), dtype=np.int64)


def _room_for(n_keys: int) -> int:
    """Return the slots for so many keys, and as many again."""
    return max(_SLOTS_LEAST, 1 << (4 * n_keys).bit_length())
