"""Sorted runs of integer keys with counts, in memory and in mapped files."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from kxcli.arrays import IntArray, UInt64Array
from kxcli.errors import DamagedPartialError
from kxcli.storage.temp_files import advise_dontneed, count_resident_bytes

KeyRun = tuple[UInt64Array, IntArray]  # keys, ascending and distinct, and the count of each

_PAIR = 16  # bytes of a key and its count
_COPIES = 4  # of the pairs, in memory during a merge and its sort
_MIN_MERGE_PAIRS = 1 << 17  # pairs in several runs
_SAMPLE = 1 << 16  # keys of all runs, for the distribution of the keys


def merge_key_runs(parts: Iterable[tuple[UInt64Array, IntArray]], combine: np.ufunc = np.add) -> KeyRun:
    """Return the distinct keys, ascending, and the combined counts of each.

    The sort is a merge sort, which uses the order of sorted parts and takes little more time than a copy.
    """
    pairs = list(parts)
    if len(pairs) == 1 and _is_run(pairs[0][0]):
        return pairs[0]
    keys = np.concatenate([keys for keys, _ in pairs])
    counts = np.concatenate([counts for _, counts in pairs])
    if not len(keys):
        return keys, counts
    order = keys.argsort(kind="stable")
    keys = keys[order]
    firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    return keys[firsts], combine.reduceat(counts[order], firsts)


def _is_run(keys: UInt64Array) -> bool:
    return bool((keys[1:] > keys[:-1]).all())


class KeyRuns:
    """Runs in memory and views of dumped ones; merge is associative, commutative."""

    def __init__(self, combine: np.ufunc = np.add) -> None:
        self._combine = combine
        self._runs: list[KeyRun] = []
        self._merged_size = 0  # pairs of the first run, if it is a merge of others
        self._views: list[_RunView] = []

    def __len__(self) -> int:
        """Pairs in memory."""
        return sum(len(keys) for keys, _ in self._runs)

    @property
    def weight(self) -> int:
        """Approximate bytes of memory during a merge."""
        return _COPIES * _PAIR * len(self) + sum(count_resident_bytes(view.data) for view in self._views)

    def add(self, run: KeyRun) -> None:
        """Add a run."""
        if len(run[0]):
            self._runs.append(run)
        self._merge(_MIN_MERGE_PAIRS)

    def merge(self, other: "KeyRuns") -> None:
        """Add the runs of another object."""
        self._views += other._views
        for run in other._runs:
            self.add(run)

    def dump(self) -> bytes:
        """Return the bytes of all keys, then those of all counts."""
        (run,) = self.parts()
        return _encode_run(run)

    @classmethod
    def load(cls, data: bytes | memoryview, combine: np.ufunc = np.add) -> "KeyRuns":
        """Return a view of dumped runs."""
        runs = cls(combine)
        if len(data):
            n, rest = divmod(len(data), _PAIR)
            if rest:
                raise DamagedPartialError("the keys and counts differ in number")
            keys = np.frombuffer(data, dtype="<u8", count=n)
            counts = np.frombuffer(data, dtype="<i8", count=n, offset=8 * n)
            runs._views.append(_RunView((keys, counts), memoryview(data)))
        return runs

    def parts(self, room: int | None = None) -> Iterator[KeyRun]:
        """Yield all pairs by ascending keys: as one run, or in parts if there are views.

        Args:
            room: Approximate bytes of memory for merging a part.
        """
        self._merge(0)
        if not self._views:
            yield self._in_memory()
            return
        limit = None if room is None else max(1, room // (_COPIES * _PAIR))
        views = [*self._views, *(_RunView(run) for run in self._runs)]
        first = 0
        for stop in [*_split_keys(views, limit), None]:
            yield merge_key_runs([view.copy_part(first, stop) for view in views], self._combine)
            first = stop or 0

    def _in_memory(self) -> KeyRun:
        return self._runs[0] if self._runs else (np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64))

    def _merge(self, limit: int) -> None:
        """Merge the runs in memory into one if they have more than `limit` pairs.

        The limit grows with the merged run, so that each pair is merged a few times only.
        """
        if len(self._runs) > 1 and (not limit or len(self) > max(limit, 2 * self._merged_size)):
            self._runs = [merge_key_runs(self._runs, self._combine)]
            self._merged_size = len(self._runs[0][0])


def _encode_run(run: KeyRun) -> bytes:
    return run[0].astype("<u8", copy=False).tobytes() + run[1].astype("<i8", copy=False).tobytes()


class _RunView:
    """A run, maybe of a mapped file, with its memory freed after each use."""

    def __init__(self, run: KeyRun, data: memoryview | None = None) -> None:
        self._keys, self._counts = run
        self.data = data

    def __len__(self) -> int:
        return len(self._keys)

    def sample_keys(self, step: int) -> UInt64Array:
        """Return every `step`-th key."""
        keys = self._keys[::step].astype(np.uint64)
        advise_dontneed(self.data)
        return keys

    def copy_part(self, first: int, stop: int | None) -> KeyRun:
        """Return a copy of the pairs with `first <= key < stop`; None is no limit."""
        begin = bisect_left(self._keys, first, key=int)  # numpy's search copies an unaligned array
        end = len(self) if stop is None else bisect_left(self._keys, stop, begin, key=int)
        part = self._keys[begin:end].astype(np.uint64), self._counts[begin:end].astype(np.int64)
        advise_dontneed(self.data)
        return part


def _split_keys(views: Sequence[_RunView], room: int | None) -> list[int]:
    """Return keys that split all runs into ranges of at most about `room` pairs."""
    n = sum(map(len, views))
    if room is None or n <= room:
        return []
    step = max(1, n // _SAMPLE)
    keys = np.sort(np.concatenate([view.sample_keys(step) for view in views]))
    return [int(key) for key in np.unique(keys[:: max(1, room // step)])[1:]]
