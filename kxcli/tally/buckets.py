"""Which keys cannot be frequent: told by counts of buckets that many keys share (Park, Chen and Yu 1995).

A bucket's count is at least that of each key in it, so a key whose bucket is rare is rare.  What this lets out may be
rare as well; leaving it in costs time and never changes a result.
"""

import numpy as np
import numpy.typing as npt

from kxcli.tally.keys import MULTIPLIERS, slots_of
from kxcli.tally.runs import Keys

_HELD = 1 << 20  # keys held uncounted


class Buckets:
    """Counts of 2^bits buckets, of which only matters whether they reach `least`."""

    def __init__(self, bits: int, least: int) -> None:
        self._bits, self._least = bits, least
        self._counts: npt.NDArray[np.uint32] | None = None
        self._held: list[npt.NDArray[np.int64]] = []
        self._size = 0

    def add(self, keys: Keys) -> None:
        """Count the buckets of some keys."""
        self._hold(slots_of(keys, MULTIPLIERS[-1], self._bits))

    def merge(self, other: "Buckets") -> "Buckets":
        """Add the other's counts to this one's, and return this one."""
        for slots in other._held:
            self._hold(slots)
        if other._counts is not None:
            self._counts = other._counts if self._counts is None else self._counts + other._counts
        return self

    def frequent(self) -> npt.NDArray[np.bool_]:
        """Return for each bucket whether a key in it may be frequent."""
        self._count_held()
        assert self._counts is not None
        return self._counts >= self._least

    def dump(self) -> bytes:
        """Return the counts as bytes, each in one if it can be."""
        self._count_held()
        assert self._counts is not None
        kind = "<u1" if self._least <= 0xFF else "<u4"
        return np.minimum(self._counts, self._least).astype(kind).tobytes()

    @classmethod
    def load(cls, data: bytes, bits: int, least: int) -> "Buckets":
        """Return the buckets that were dumped."""
        buckets = cls(bits, least)
        buckets._counts = np.frombuffer(data, dtype="<u1" if least <= 0xFF else "<u4").astype(np.uint32)
        return buckets

    def _hold(self, slots: npt.NDArray[np.int64]) -> None:
        """Hold slots uncounted, so that the partial of one task needs no counts of its own."""
        self._held.append(slots)
        self._size += len(slots)
        if self._size > _HELD:
            self._count_held()

    def _count_held(self) -> None:
        if self._counts is None:
            self._counts = np.zeros(1 << self._bits, dtype=np.uint32)
        for slots in self._held:
            np.add.at(self._counts, slots, np.uint32(1))
        self._held, self._size = [], 0


def may_be_frequent(keys: Keys, frequent: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return for each key whether its bucket is frequent."""
    return frequent.take(slots_of(keys, MULTIPLIERS[-1], len(frequent).bit_length() - 1))
