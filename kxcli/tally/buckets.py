"""A filter for infrequent keys: counts of buckets of many keys.

After Park, Chen and Yu (1995). The count of a bucket is at least that of each key in it, so all keys of a rare bucket
are rare. Some keys of frequent buckets are rare, too; counting them costs time and changes no result.
"""

import numpy as np

from kxcli.arrays import BoolArray, UInt64Array
from kxcli.arrays.hashing import PI, hash_to_slots
from kxcli.tally.dense import DenseTally

_MAX_COUNT = (1 << 32) - 1  # of a bucket


class Buckets:
    """Counts of 2^bits buckets, exact up to `min_count`."""

    def __init__(self, bits: int, min_count: int) -> None:
        self._bits, self._min_count = bits, min(min_count, _MAX_COUNT)
        self._tally = DenseTally(1 << bits, np.uint32)

    def add(self, keys: UInt64Array) -> None:
        """Count the buckets of keys."""
        self._tally.add(hash_to_slots(keys, PI, self._bits))

    def merge(self, other: "Buckets") -> "Buckets":
        """Add the counts of other buckets, and return these."""
        self._tally.merge(other._tally)
        return self

    def find_frequent(self) -> BoolArray:
        """Return for each bucket whether its keys may be frequent."""
        return np.asarray(self._tally.counts() >= self._min_count)

    def dump(self) -> bytes:
        """Return the counts as bytes."""
        return self._tally.dump(max_count=self._min_count)

    def restore(self, data: bytes | memoryview) -> "Buckets":
        """Take dumped counts, and return these buckets."""
        self._tally.restore(data)
        return self


def may_be_frequent(keys: UInt64Array, frequent: BoolArray) -> BoolArray:
    """Return for each key whether its bucket is frequent."""
    return frequent.take(hash_to_slots(keys, PI, len(frequent).bit_length() - 1))
