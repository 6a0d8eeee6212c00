"""Numbers for a fixed set of keys, looked up at the speed of arrays."""

import numpy as np

from kxcli.arrays import UInt32Array, UInt64Array
from kxcli.arrays.hashing import MULTIPLIERS

_ROOM = 4  # slots for each key: one lookup of four or more finds the slot of another key, and has to go on
_FEWEST_BITS = 8
_PIECE = 1 << 15  # keys looked up at a time, so that all that is computed of them stays in a core's cache


class Index:
    """The numbers, from 1, of keys in the order in which they are given; no key is 0, none stands twice.

    keys: shape (n + 1,), 0 first.  Memory: 8 bytes a key and some 50 for its slots.
    Lookups are fast where the first keys are the most frequent ones: those find their slots free.

    A key times an odd number has its slot in the upper bits, and all else that tells it from other keys in the lower
    ones; a slot holds these, moved up, and the key's number below them.  So one look into memory finds a number and
    shows that it is the right one.
    """

    def __init__(self, keys: UInt64Array) -> None:
        self.keys: UInt64Array = np.concatenate((np.zeros(1, dtype=np.uint64), keys))
        self._tables: list[UInt64Array] = []
        numbers = np.arange(1, len(self.keys), dtype=np.uint64)
        for multiplier in MULTIPLIERS:
            bits = max(_FEWEST_BITS, len(self.keys).bit_length(), (_ROOM * len(numbers)).bit_length())
            mixed = self.keys[numbers] * multiplier
            slots = (mixed >> np.uint64(64 - bits)).astype(np.int64)
            entries = (mixed << np.uint64(bits)) | numbers
            table = np.zeros(1 << bits, dtype=np.uint64)
            table[slots[::-1]] = entries[::-1]  # of several keys of a slot, the first has it
            self._tables.append(table)
            numbers = numbers[table[slots] != entries]
            if not len(numbers):
                break
        self._others = numbers[np.argsort(self.keys[numbers])].astype(np.uint32)

    def __reduce__(self) -> "tuple[type[Index], tuple[UInt64Array]]":
        return Index, (self.keys[1:],)  # to make the slots anew takes no longer than to carry them

    def find(self, keys: UInt64Array) -> UInt32Array:
        """Return the number of each key, 0 for those that have none."""
        numbers = np.empty(len(keys), dtype=np.uint32)
        for start in range(0, len(keys), _PIECE):
            numbers[start : start + _PIECE] = self._find(keys[start : start + _PIECE], 0)
        return numbers

    def _find(self, keys: UInt64Array, number: int) -> UInt32Array:
        """Return the numbers of keys that are in no table before the one of that number."""
        if number == len(self._tables):
            if not len(self._others):
                return np.zeros(len(keys), dtype=np.uint32)
            at = np.searchsorted(self.keys[self._others], keys).clip(max=len(self._others) - 1)
            candidates = self._others[at]
            return np.where(self.keys[candidates] == keys, candidates, np.uint32(0))
        table = self._tables[number]
        bits = len(table).bit_length() - 1
        mixed = keys * MULTIPLIERS[number]
        entries = table.take((mixed >> np.uint64(64 - bits)).view(np.int64))
        mixed <<= np.uint64(bits)
        mixed ^= entries  # a number alone is left, where the slot is the key's; 0 where it is free
        is_other = mixed >= np.uint64(1 << bits)
        found = mixed.astype(np.uint32)
        if is_other.any():
            others = np.flatnonzero(is_other)
            found[others] = 0
            others = others[entries.take(others) != 0]
            if len(others):
                found[others] = self._find(keys.take(others), number + 1)
        return found
