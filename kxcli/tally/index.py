"""Numbers for a fixed set of keys, looked up at the speed of arrays."""

import numpy as np
import numpy.typing as npt

from kxcli.tally.keys import MULTIPLIERS, slots_of
from kxcli.tally.runs import Keys

_ROOM = 8  # slots for each key: one lookup of eight finds the slot of another key, and has to go on
_FEWEST_BITS = 8
_PIECE = 1 << 15  # keys looked up at a time, so that all that is computed of them stays in a core's cache


class Index:
    """The numbers, from 1, of keys in the order in which they are given; no key is 0, none stands twice.

    keys: shape (n + 1,), 0 first.  Memory: 8 bytes a key and some 40 for its slots.
    Lookups take some 10 ns a key where the first keys are the most frequent ones: those find their slots free.
    """

    def __init__(self, keys: Keys) -> None:
        self.keys: Keys = np.concatenate((np.zeros(1, dtype=np.uint64), keys))
        self._tables: list[npt.NDArray[np.uint32]] = []
        numbers = np.arange(1, len(self.keys), dtype=np.uint32)
        for multiplier in MULTIPLIERS:
            bits = max(_FEWEST_BITS, (_ROOM * len(numbers)).bit_length())
            table = np.zeros(1 << bits, dtype=np.uint32)
            slots = slots_of(self.keys[numbers], multiplier, bits)
            table[slots[::-1]] = numbers[::-1]  # of several keys of a slot, the first has it
            self._tables.append(table)
            numbers = numbers[table[slots] != numbers]
            if not len(numbers):
                break
        self._others = numbers[np.argsort(self.keys[numbers])]

    def __len__(self) -> int:
        return len(self.keys) - 1

    def find(self, keys: Keys) -> npt.NDArray[np.uint32]:
        """Return the number of each key, 0 for those that have none."""
        numbers = np.empty(len(keys), dtype=np.uint32)
        for start in range(0, len(keys), _PIECE):
            numbers[start : start + _PIECE] = self._find(keys[start : start + _PIECE])
        return numbers

    def _find(self, keys: Keys) -> npt.NDArray[np.uint32]:
        numbers: npt.NDArray[np.uint32] | None = None
        places: npt.NDArray[np.intp] | None = None  # of the keys that are still looked for
        for table, multiplier in zip(self._tables, MULTIPLIERS, strict=False):
            found = table.take(slots_of(keys, multiplier, len(table).bit_length() - 1))
            wrong = np.flatnonzero(self.keys.take(found) != keys)
            missed = wrong[found.take(wrong) != 0]  # an empty slot says that the key has no number
            found[wrong] = 0
            if numbers is None or places is None:
                numbers, places = found, missed
            else:
                numbers[places] = found
                places = places[missed]
            keys = keys[missed]
            if not len(keys):
                return numbers
        assert numbers is not None
        assert places is not None
        if len(self._others):
            at = np.searchsorted(self.keys[self._others], keys).clip(max=len(self._others) - 1)
            candidates = self._others[at]
            numbers[places] = np.where(self.keys[candidates] == keys, candidates, 0)
        return numbers
