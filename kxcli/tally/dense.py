"""Counts of small numbers in one array."""

from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, IntArray
from kxcli.errors import DamagedPartialError
from kxcli.storage.temp_files import advise_dontneed

_WIDTHS = (1, 2, 4, 8)  # bytes of a dumped count
_MAX_PENDING = 1 << 20  # numbers


class DenseTally:
    """The counts of numbers below `size`; merging is associative and commutative.

    Numbers are collected before they are counted, so that the tally of a small task needs no array of its own.

    Args:
        size: The limit of the numbers.
        kind: The dtype of counts.
    """

    def __init__(self, size: int, kind: type[Any] = np.int64) -> None:
        self._size, self._kind = size, kind
        self._counts: AnyArray | None = None
        self._view: memoryview | None = None  # dumped counts that are not added yet
        self._pending: list[IntArray] = []
        self._n_pending = 0

    def add(self, numbers: AnyArray) -> None:
        """Count numbers; the array is kept and must not change."""
        self._pending.append(numbers)
        self._n_pending += len(numbers)
        if self._n_pending > _MAX_PENDING:
            self._count_pending()

    def merge(self, other: "DenseTally") -> "DenseTally":
        """Add the counts of another tally, and return this one."""
        self._add_view(other._view)
        if other._counts is not None:
            self._counts = (
                other._counts if self._counts is None else np.add(self._counts, other._counts, out=self._counts)
            )
        for numbers in other._pending:
            self.add(numbers)
        return self

    def counts(self) -> AnyArray:
        """Return the counts, shape (size,)."""
        self._add_view(self._view)
        self._view = None
        self._count_pending()
        assert self._counts is not None
        return self._counts

    def dump(self, max_count: int | None = None) -> bytes:
        """Return the counts as bytes, none greater than `max_count` if that is given."""
        counts = self.counts() if max_count is None else np.minimum(self.counts(), max_count)
        return counts.astype(np.min_scalar_type(int(counts.max(initial=0)))).tobytes()

    def restore(self, data: bytes | memoryview) -> "DenseTally":
        """Take dumped counts, as a view until they are needed, and return this tally."""
        self._view = memoryview(data)
        return self

    def _add_view(self, view: memoryview | None) -> None:
        if view is None or not self._size:
            return
        if self._counts is None:
            self._counts = np.zeros(self._size, dtype=self._kind)
        width, rest = divmod(len(view), self._size)
        if rest or width not in _WIDTHS:
            raise DamagedPartialError("there are more or fewer counts than numbers")
        more = np.frombuffer(view, dtype=f"<u{width}")
        np.add(self._counts, more, out=self._counts, casting="unsafe")
        advise_dontneed(view)

    def _count_pending(self) -> None:
        if self._counts is None:
            self._counts = np.zeros(self._size, dtype=self._kind)
        for numbers in self._pending:
            np.add.at(self._counts, numbers.astype(np.int64, copy=False), self._kind(1))
        self._pending, self._n_pending = [], 0
