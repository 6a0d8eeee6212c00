"""Counts of 64-bit keys in arrays.

For running text, where most keys are known, a hash table is much faster than sorting. A full table becomes a sorted
run, and sorted runs are cheap to merge.
"""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import IntArray, UInt64Array
from kxcli.arrays.hashing import DEGSKI, GOLDEN, XXHASH, hash_to_slots
from kxcli.tally.key_runs import KeyRun, KeyRuns, merge_key_runs

_MAX_PENDING = 1 << 20  # keys; to count many at a time saves calls and growth of the table
_SAMPLE = 1 << 17  # first keys, sorted by count so that frequent ones get their slots
_MIN_SLOTS, _MAX_SLOTS = 1 << 10, 1 << 21  # of 16 bytes
_PIECE = 1 << 15  # keys looked up at a time, so that intermediate arrays stay in a core's cache
_MULTIPLIERS = (GOLDEN, XXHASH, DEGSKI)  # a key has one slot by each
_FULL = 0.5  # share of filled slots; beyond it, collisions become frequent


class KeyTally:
    """The counts of nonzero keys; merging is associative and commutative."""

    def __init__(self) -> None:
        self._pending: list[UInt64Array] = []
        self._size = 0
        self._table: _Table | None = None
        self._runs = KeyRuns()

    def add(self, keys: UInt64Array) -> None:
        """Count keys; the array is kept and must not change."""
        self._pending.append(keys)
        self._size += len(keys)
        if self._size >= _MAX_PENDING:
            self._count_pending()

    def merge(self, other: "KeyTally") -> "KeyTally":
        """Add the counts of another tally, and return this one."""
        if other._table is not None:
            self._runs.add(other._table.drain())
            other._table = None
        self._runs.merge(other._runs)
        for keys in other._pending:
            self.add(keys)
        return self

    @property
    def n_distinct(self) -> int:
        """Upper bound of the distinct counted keys in memory."""
        return len(self._runs) + (0 if self._table is None else self._table.filled)

    @property
    def weight(self) -> int:
        """Approximate bytes of memory."""
        return 8 * self._size + 16 * (0 if self._table is None else len(self._table)) + self._runs.weight

    def parts(self, room: int | None = None) -> Iterator[KeyRun]:
        """Yield ascending keys and their counts, in parts of about `room` bytes."""
        self._flush()
        return self._runs.parts(room)

    def select_frequent(self, min_count: int, room: int | None = None) -> KeyRun:
        """Return the keys counted `min_count` times or more, ascending, and their counts."""
        keys, counts = [np.empty(0, dtype=np.uint64)], [np.empty(0, dtype=np.int64)]
        for some, theirs in self.parts(room):
            kept = theirs >= min_count
            keys.append(some[kept])
            counts.append(theirs[kept])
        return np.concatenate(keys), np.concatenate(counts)

    def dump(self) -> bytes:
        """Return the tally as bytes."""
        self._flush()
        return self._runs.dump()

    def restore(self, data: bytes | memoryview) -> "KeyTally":
        """Take dumped counts, as a view of the data, and return this tally."""
        self._runs = KeyRuns.load(data)
        return self

    def _count_pending(self) -> None:
        keys = self._pending[0] if len(self._pending) == 1 else np.concatenate(self._pending)
        self._pending, self._size = [], 0
        left = []
        if self._table is None:
            first = merge_key_runs([_count_once(keys[:_SAMPLE])])
            self._table = _Table(min(_choose_n_slots(len(first[0])), _MAX_SLOTS))
            left.append(self._table.add(first))
            keys = keys[_SAMPLE:]
        left.append(self._table.count(keys))
        while self._table.is_full:
            drained = self._table.drain()
            if len(self._table) < _MAX_SLOTS:
                self._table = _Table(min(4 * len(self._table), _MAX_SLOTS))
                left = [self._table.add(pairs) for pairs in (drained, *left)]
            else:
                self._runs.add(drained)
        self._runs.add(merge_key_runs(left))

    def _flush(self) -> None:
        if self._pending:
            self._count_pending()
        if self._table is not None:
            self._runs.add(self._table.drain())
            self._table = None


class _Table:
    """A hash table of keys and counts; keys without a free slot are returned."""

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
        """Count keys; return those without a slot, with a count of 1 for each."""
        unknown = [keys[:0]]
        for start in range(0, len(keys), _PIECE):
            some = keys[start : start + _PIECE]
            for multiplier in _MULTIPLIERS:
                slots = hash_to_slots(some, multiplier, self._bits)
                others = np.flatnonzero(self._keys.take(slots) != some)
                np.add.at(self._counts, slots, 1)  # most keys are in their first slot; undo the others
                np.subtract.at(self._counts, slots.take(others), 1)
                some = some.take(others)
            unknown.append(some)
        return self.add(_count_once(np.concatenate(unknown)))

    def add(self, pairs: KeyRun) -> KeyRun:
        """Add counts of keys, in any order; return those without a slot.

        Of keys with the same free slot, the one with the highest count gets it, because it will recur most often.
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

    def drain(self) -> KeyRun:
        """Empty the table, and return its keys, ascending, with their counts."""
        filled = np.flatnonzero(self._keys)
        keys, counts = self._keys[filled], self._counts[filled]
        self._keys[filled], self._counts[filled], self.filled = 0, 0, 0
        order = keys.argsort()
        return keys[order], counts[order]


def _count_once(keys: UInt64Array) -> KeyRun:
    """Return keys with a count of 1 for each."""
    return keys, np.ones(len(keys), dtype=np.int64)


def _choose_n_slots(n_keys: int) -> int:
    """Return the number of slots for a number of keys, with room for as many more."""
    return max(_MIN_SLOTS, 1 << (4 * n_keys).bit_length())
