"""Sorted runs of keys with their counts: merged in memory, and by key range from disk."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from kxcli.errors import InputError, OutputError, reason
from kxcli.tally.frames import joined, parted

Keys = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Run = tuple[Keys, Counts]  # keys, ascending and distinct, and the count of each

_PAIR = 16  # bytes of a key and its count
_MERGE_FROM = 1 << 17  # pairs held in several runs
_HAND_OVER = 1 << 18  # pairs that cross to another process in memory; more go by way of the disk
_SAMPLE = 1 << 16  # keys, of all runs together, that tell how keys are spread


@dataclass(frozen=True)
class Scratch:
    """A private folder for runs that memory has no room for, and the bytes of memory that one tally may take."""

    folder: str
    room: int

    @property
    def pairs(self) -> int:
        """Pairs that may be held in runs: merging makes a copy, and sorting another."""
        return max(1, self.room // (4 * _PAIR))

    def slots(self, most: int) -> int:
        """Return the slots that a table may have, a power of two."""
        return min(most, 1 << max(10, (self.room // (4 * _PAIR)).bit_length() - 1))


def merged(parts: Iterable[tuple[Keys, Counts]], combine: np.ufunc = np.add) -> Run:
    """Return the distinct keys, ascending, and the sum of the counts of each, or what else combines them.

    The sort is a merge sort, which finds sorted parts and takes little more than a copy of them.
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


def _is_run(keys: Keys) -> bool:
    return bool((keys[1:] > keys[:-1]).all())


class Runs:
    """Some runs, in memory and in files; merging is associative and commutative, as `combine` is.

    scratch: where runs go that memory has no room for; None: all stay in memory.
    """

    def __init__(self, scratch: Scratch | None, combine: np.ufunc = np.add) -> None:
        self._scratch, self._combine = scratch, combine
        self._runs: list[Run] = []
        self._merged_size = 0  # of the first run, once it is the merge of others
        self._files: list[str] = []

    def add(self, run: Run) -> None:
        """Add a run."""
        if len(run[0]):
            self._runs.append(run)
        self._merge(_MERGE_FROM)
        if self._scratch is not None and self._pairs > self._scratch.pairs:
            self._spill(self._scratch)

    def merge(self, other: "Runs") -> None:
        """Take the runs of another."""
        self._files += other._files
        for run in other._runs:
            self.add(run)

    def dump(self) -> bytes:
        """Return all of it as bytes: the names of files as JSON, and keys and counts that are in memory."""
        self._merge(0)
        if self._scratch is not None and self._pairs > _HAND_OVER:
            self._spill(self._scratch)
        keys, counts = self._in_memory()
        names = json.dumps(self._files).encode("utf-8")
        return joined((names, keys.astype("<u8").tobytes(), counts.astype("<i8").tobytes()))

    @classmethod
    def load(cls, data: bytes, scratch: Scratch | None, combine: np.ufunc = np.add) -> "Runs":
        """Return the runs that were dumped."""
        names, keys, counts = parted(data)
        runs = cls(scratch, combine)
        runs._files = json.loads(names.decode("utf-8"))
        runs.add(
            (np.frombuffer(keys, dtype="<u8").astype(np.uint64), np.frombuffer(counts, dtype="<i8").astype(np.int64))
        )
        return runs

    def parts(self) -> Iterator[Run]:
        """Yield all of it as one run, in parts by key range; the files are removed in the end."""
        self._merge(0)
        if not self._files or self._scratch is None:
            yield self._in_memory()
            return
        if self._runs:
            self._spill(self._scratch)
        files = [_File(path) for path in self._files]
        first = 0
        for stop in [*_borders(files, self._scratch.pairs), None]:
            yield merged([file.part(first, stop) for file in files], self._combine)
            first = stop or 0
        for path in self._files:
            os.unlink(path)
        self._files = []

    @property
    def _pairs(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    def _in_memory(self) -> Run:
        return self._runs[0] if self._runs else (np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64))

    def _merge(self, limit: int) -> None:
        """Merge the runs in memory into one if they hold more than `limit` pairs.

        The limit grows with what was merged, so that each pair is merged a few times only, however many runs come.
        """
        if len(self._runs) > 1 and (not limit or self._pairs > max(limit, 2 * self._merged_size)):
            self._runs = [merged(self._runs, self._combine)]
            self._merged_size = len(self._runs[0][0])

    def _spill(self, scratch: Scratch) -> None:
        self._merge(0)
        ((keys, counts),) = self._runs
        with _told(scratch.folder):
            handle, path = tempfile.mkstemp(dir=scratch.folder, suffix=".run")
            with os.fdopen(handle, "wb") as file:
                file.write(keys.data)
                file.write(counts.data)
        self._files.append(path)
        self._runs, self._merged_size = [], 0


class _File:
    """A run in a file: all keys, then all counts."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._n = os.path.getsize(path) // _PAIR

    def __len__(self) -> int:
        return self._n

    def sample(self, step: int) -> Keys:
        """Return one key in `step`."""
        return self._keys()[::step].copy()

    def part(self, first: int, stop: int | None) -> Run:
        """Return the pairs with `first <= key < stop`; None: to the end."""
        keys = self._keys()
        begin = int(np.searchsorted(keys, np.uint64(first)))
        end = self._n if stop is None else int(np.searchsorted(keys, np.uint64(stop)))
        part = np.empty(end - begin, dtype=np.uint64), np.empty(end - begin, dtype=np.int64)
        with open(self._path, "rb") as file:  # a signal within numpy's own `fromfile` would come out as another error
            for array, start in zip(part, (begin, self._n + begin), strict=True):
                file.seek(8 * start)
                if file.readinto(array.data) != array.nbytes:
                    raise InputError(self._path, "is shorter than it was", "leave TMPDIR alone while kxcli runs")
        return part

    def _keys(self) -> Keys:
        return np.memmap(self._path, dtype=np.uint64, mode="r", shape=(self._n,))


def _borders(files: Sequence[_File], room: int) -> list[int]:
    """Return keys that part all runs into ranges of about `room` pairs at most."""
    step = max(1, sum(map(len, files)) // _SAMPLE)
    keys = np.sort(np.concatenate([file.sample(step) for file in files]))
    return [int(key) for key in np.unique(keys[:: max(1, room // step)])[1:]]


@contextmanager
def _told(folder: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(folder, reason(error), "point TMPDIR at a disk with more room") from None
