"""A filter for infrequent keys: counts of buckets of many keys.

After Park, Chen and Yu (1995). The count of a bucket is at least that of each key in it, so all keys of a rare bucket
are rare. Some keys of frequent buckets are rare, too; counting them costs time and changes no result.
"""

import numpy as np

from kxcli.arrays import BoolArray, IntArray, UInt8Array, UInt64Array
from kxcli.arrays.hashing import PI, hash_to_slots
from kxcli.errors import DamagedPartialError
from kxcli.storage.temp_files import advise_dontneed

_MAX_COUNT = 255  # of a bucket: no min_count by default is higher, and a bucket takes one byte


class Buckets:
    """Counts of 2^bits buckets, exact up to 255; none if there are no bits."""

    def __init__(self, bits: int) -> None:
        self._bits = bits
        self._counts: UInt8Array | None = None

    def counts(self) -> UInt8Array:
        """Return the counts; they may be increased in place, up to 255."""
        if self._counts is None:
            self._counts = np.zeros(1 << self._bits if self._bits else 0, dtype=np.uint8)
        return self._counts

    def merge(self, other: "Buckets") -> "Buckets":
        """Add the counts of other buckets, and return these."""
        if other._counts is not None:
            self._add(other._counts)
        return self

    def find_frequent(self, min_count: int) -> UInt8Array:
        """Return a bit for each bucket: whether its keys may have a count."""
        return np.packbits(self.counts() >= min(min_count, _MAX_COUNT), bitorder="little")

    def dump(self) -> bytes:
        """Return the counts as bytes."""
        return self.counts().tobytes()

    def restore(self, data: bytes | memoryview) -> "Buckets":
        """Take dumped counts, and return these buckets."""
        if len(data) != len(self.counts()):
            raise DamagedPartialError("there are more or fewer counts than buckets")
        self._add(np.frombuffer(data, dtype=np.uint8))
        advise_dontneed(memoryview(data))
        return self

    def _add(self, more: UInt8Array) -> None:
        counts = self.counts()
        np.add(counts, np.minimum(more, _MAX_COUNT - counts), out=counts)


def count_buckets(counts: UInt8Array, keys: UInt64Array) -> None:
    """Count the buckets of keys, up to 255."""
    numbers, n = np.unique(hash_to_slots(keys, PI, len(counts).bit_length() - 1), return_counts=True)
    counts[numbers] = np.minimum(counts[numbers] + n, _MAX_COUNT)


def may_be_frequent(keys: UInt64Array, frequent: UInt8Array) -> BoolArray:
    """Return for each key whether its bucket is frequent, given a bit for each."""
    numbers: IntArray = hash_to_slots(keys, PI, len(frequent).bit_length() + 2)
    return (frequent.take(numbers >> 3) >> (numbers & 7).astype(np.uint8) & np.uint8(1)).astype(np.bool_)
