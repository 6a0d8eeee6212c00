"""Counts of 64-bit keys."""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import IntArray, UInt64Array
from kxcli.kernel import find_kernel
from kxcli.tally.key_runs import KeyRun, KeyRuns, merge_key_runs

_MAX_KEYS = 900_000  # of a counter; with those of another record, it keeps its 2^21 slots of 16 bytes
_MAX_PENDING = 1 << 20  # keys that numpy sorts at a time
_PAIR = 16  # bytes of a key and its count


def make_key_counter() -> "PythonKeyCounter":
    """Return a counter without keys: of the kernel, or its slow twin."""
    kernel = find_kernel()
    counter: PythonKeyCounter = PythonKeyCounter() if kernel is None else kernel.KeyCounter()
    return counter


class PythonKeyCounter:
    """The slow twin of `kxcli._kernel.KeyCounter`: see there."""

    def __init__(self) -> None:
        self._pending: list[KeyRun] = []
        self._n_pending = 0
        self._runs = KeyRuns()

    def add(self, keys: UInt64Array, counts: IntArray | None = None, /) -> None:
        """Add counts of keys, or 1 for each; skip keys that are 0."""
        counts = np.ones(len(keys), dtype=np.int64) if counts is None else counts
        self._pending.append((keys[keys != 0], counts[keys != 0]))
        self._n_pending += len(keys)
        if self._n_pending >= _MAX_PENDING:
            self._count_pending()

    def drain(self) -> tuple[bytes, bytes]:
        """Return the keys, ascending, and their counts; forget them."""
        self._count_pending()
        ((keys, counts),) = self._runs.parts()
        self._runs = KeyRuns()
        return keys.tobytes(), counts.tobytes()

    def __len__(self) -> int:
        return self._n_pending + len(self._runs)

    @property
    def n_bytes(self) -> int:
        """Bytes of memory."""
        return _PAIR * self._n_pending + self._runs.weight

    def _count_pending(self) -> None:
        if self._pending:
            self._runs.add(merge_key_runs(self._pending))
        self._pending, self._n_pending = [], 0


class KeyTally:
    """The counts of nonzero keys; merging is associative and commutative.

    Attributes:
        counter: Counts keys; call `limit_counter` after it.
    """

    def __init__(self) -> None:
        self.counter = make_key_counter()
        self._runs = KeyRuns()

    def limit_counter(self) -> None:
        """Move the keys of the counter to a sorted run if there are many."""
        if len(self.counter) > _MAX_KEYS:
            self._runs.add(self._drain())

    def merge(self, other: "KeyTally") -> "KeyTally":
        """Add the counts of another tally, and return this one."""
        self._runs.merge(other._runs)
        self.counter.add(*other._drain())
        self.limit_counter()
        return self

    @property
    def weight(self) -> int:
        """Approximate bytes of memory."""
        return self.counter.n_bytes + self._runs.weight

    def parts(self, room: int | None = None) -> Iterator[KeyRun]:
        """Yield ascending keys and their counts, in parts of about `room` bytes."""
        self._runs.add(self._drain())
        self.counter = make_key_counter()  # the drained one keeps its memory
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
        self._runs.add(self._drain())
        return self._runs.dump()

    def restore(self, data: bytes | memoryview) -> "KeyTally":
        """Take dumped counts, as a view of the data, and return this tally."""
        self._runs = KeyRuns.load(data)
        return self

    def _drain(self) -> KeyRun:
        """Empty the counter, and return its keys, ascending, with their counts."""
        keys, counts = (np.frombuffer(data, dtype=np.int64) for data in self.counter.drain())
        order = keys.view(np.uint64).argsort()
        return keys.view(np.uint64)[order], counts[order]
