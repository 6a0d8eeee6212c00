"""Counts of small numbers in one array."""

import numpy as np

from kxcli.arrays import AnyArray, IntArray
from kxcli.errors import DamagedPartialError
from kxcli.storage.temp_files import advise_dontneed

_WIDTHS = (1, 2, 4, 8)  # bytes of a dumped count


class DenseTally:
    """The counts of numbers below `size`; merging is associative and commutative."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._counts: IntArray | None = None
        self._view: memoryview | None = None  # dumped counts that are not added yet

    def add(self, numbers: AnyArray) -> None:
        """Count numbers."""
        np.add.at(self.counts(), numbers.astype(np.int64, copy=False), 1)

    def merge(self, other: "DenseTally") -> "DenseTally":
        """Add the counts of another tally, and return this one."""
        if self._counts is None and self._view is None:
            self._counts, self._view = other._counts, other._view
            return self
        self._add_view(other._view)
        if other._counts is not None:
            np.add(self.counts(), other._counts, out=self._counts)
        return self

    def counts(self) -> IntArray:
        """Return the counts, shape (size,); they may be increased in place."""
        if self._counts is None:
            self._counts = np.zeros(self._size, dtype=np.int64)
        view, self._view = self._view, None
        self._add_view(view)
        return self._counts

    def dump(self) -> bytes:
        """Return the counts as bytes."""
        counts = self.counts()
        return counts.astype(np.min_scalar_type(int(counts.max(initial=0))).newbyteorder("<")).tobytes()

    def restore(self, data: bytes | memoryview) -> "DenseTally":
        """Take dumped counts, as a view until they are needed, and return this tally."""
        self._view = memoryview(data)
        if len(self._view) not in [width * self._size for width in _WIDTHS]:
            raise DamagedPartialError("there are more or fewer counts than numbers")
        return self

    def _add_view(self, view: memoryview | None) -> None:
        if view is None or not self._size:
            return
        more = np.frombuffer(view, dtype=f"<u{len(view) // self._size}")
        np.add(self.counts(), more, out=self._counts, casting="unsafe")
        advise_dontneed(view)
