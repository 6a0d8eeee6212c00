"""Which keys cannot be frequent: told by counts of buckets that many keys share (Park, Chen and Yu 1995).

A bucket's count is at least that of each key in it, so a key whose bucket is rare is rare.  What this lets out may be
rare as well; leaving it in costs time and never changes a result.
"""

import numpy as np

from kxcli.arrays import BoolArray, UInt64Array
from kxcli.arrays.hashing import PI, hash_to_slots
from kxcli.tally.dense import DenseTally

_MOST = (1 << 32) - 1  # that a bucket's count can tell


class Buckets:
    """Counts of 2^bits buckets, of which only matters whether they reach `least`."""

    def __init__(self, bits: int, least: int) -> None:
        self._bits, self._least = bits, min(least, _MOST)
        self._tally = DenseTally(1 << bits, np.uint32)

    def add(self, keys: UInt64Array) -> None:
        """Count the buckets of some keys."""
        self._tally.add(hash_to_slots(keys, PI, self._bits))

    def merge(self, other: "Buckets") -> "Buckets":
        """Add the other's counts to this one's, and return this one."""
        self._tally.merge(other._tally)
        return self

    def frequent(self) -> BoolArray:
        """Return for each bucket whether a key in it may be frequent."""
        return np.asarray(self._tally.counts() >= self._least)

    def dump(self) -> bytes:
        """Return the counts as bytes."""
        return self._tally.dump(most=self._least)

    @classmethod
    def load(cls, data: bytes | memoryview, bits: int, least: int) -> "Buckets":
        """Return the buckets that were dumped."""
        buckets = cls(bits, least)
        buckets._tally = DenseTally.load(data, 1 << bits, np.uint32)
        return buckets


def may_be_frequent(keys: UInt64Array, frequent: BoolArray) -> BoolArray:
    """Return for each key whether its bucket is frequent."""
    return frequent.take(hash_to_slots(keys, PI, len(frequent).bit_length() - 1))
