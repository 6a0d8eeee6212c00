"""Counts of small numbers, at the speed of arrays."""

from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, IntArray
from kxcli.errors import DamagedPartialError
from kxcli.storage.temp_files import advise_dontneed

_WIDTHS = (1, 2, 4, 8)  # bytes of a count
_HELD = 1 << 20  # numbers held uncounted


class DenseTally:
    """How often each number below `size` was seen; merging is associative and commutative.

    kind: of the counts, which have to fit it.  Numbers are held for a while, so that the tally of a part of the work
    needs no array of its own.
    """

    def __init__(self, size: int, kind: type[Any] = np.int64) -> None:
        self._size, self._kind = size, kind
        self._counts: AnyArray | None = None
        self._view: memoryview | None = None  # what was dumped, of `_size` counts
        self._held: list[IntArray] = []
        self._n_held = 0

    def add(self, numbers: AnyArray) -> None:
        """Count each number once more; keeps the array, which may not change any more."""
        self._held.append(numbers)
        self._n_held += len(numbers)
        if self._n_held > _HELD:
            self._count_held()

    def merge(self, other: "DenseTally") -> "DenseTally":
        """Add the other's counts to this one's, and return this one."""
        self._add_view(other._view)
        if other._counts is not None:
            self._counts = (
                other._counts if self._counts is None else np.add(self._counts, other._counts, out=self._counts)
            )
        for numbers in other._held:
            self.add(numbers)
        return self

    def counts(self) -> AnyArray:
        """Return the counts, shape (size,)."""
        self._add_view(self._view)
        self._view = None
        self._count_held()
        assert self._counts is not None
        return self._counts

    def dump(self, most: int | None = None) -> bytes:
        """Return the counts as bytes; those over `most` as `most`, if it is given."""
        counts = self.counts() if most is None else np.minimum(self.counts(), most)
        return counts.astype(np.min_scalar_type(int(counts.max(initial=0)))).tobytes()

    @classmethod
    def load(cls, data: bytes | memoryview, size: int, kind: type[Any] = np.int64) -> "DenseTally":
        """Return the tally that was dumped; it stays where it is until it is merged, or asked for."""
        tally = cls(size, kind)
        tally._view = memoryview(data)
        return tally

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

    def _count_held(self) -> None:
        if self._counts is None:
            self._counts = np.zeros(self._size, dtype=self._kind)
        for numbers in self._held:
            np.add.at(self._counts, numbers.astype(np.int64, copy=False), self._kind(1))
        self._held, self._n_held = [], 0
