"""What was read, kept compactly as arrays, so that a method can pass over it again and the input is read once.

Cost, where the arrays are code points: 2 bytes of disk for most characters, two thirds of Chinese text in UTF-8.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np

from kxcli.arrays import UInt16Array, UInt32Array, UInt64Array
from kxcli.corpus.diagnostics import Diagnostic
from kxcli.corpus.shards import Records, ShardTask, TaskReader
from kxcli.errors import InputError, OutputError, reason
from kxcli.storage.temp_files import TempFile

Array = UInt16Array | UInt32Array
Convert = Callable[[Iterable[str]], Iterable[Array]]  # texts -> records

_LF = 10
_RECORD_BITS = 32  # of a place, for a line's number in its record


@dataclass(frozen=True)
class Kept:
    """Where a record stands: `count` integers of `width` bytes from the byte `start` of a file."""

    path: str
    start: int
    count: int
    width: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.width


@dataclass(frozen=True)
class KeptTask:
    """Some kept records that are read again together; `first` is the number of the first of them."""

    records: tuple[Kept, ...]
    first: int
    identity: None = None  # what is kept is gone with the run

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(record.size for record in self.records)

    @property
    def name(self) -> str:
        """What a message calls it."""
        return "the text as it was kept"

    def release(self) -> None:
        """Keep what is kept: another job passes over it."""


class KeepingReader:
    """Reads tasks as another reader does, as arrays, and keeps these in a file of this process in `folder`.

    What is told of a task has a `Kept` for each record.
    """

    def __init__(self, reader: TaskReader, convert: Convert, folder: str) -> None:
        self.reader, self.convert, self.folder = reader, convert, folder
        self._file = _File(folder)

    def __reduce__(self) -> "tuple[type[KeepingReader], tuple[TaskReader, Convert, str]]":
        return KeepingReader, (self.reader, self.convert, self.folder)  # each process has a file of its own

    def __call__(self, task: ShardTask) -> "KeptRecords":
        """Return the task's records, not yet read."""
        return KeptRecords(self, self.reader(task))

    def keep(self, record: Array) -> Kept:
        """Write a record; `OutputError` where the disk is full."""
        return self._file.keep(record)


class ConvertingReader:
    """Reads tasks as another reader does, as arrays, and keeps nothing: what is wanted again is read again."""

    def __init__(self, reader: TaskReader, convert: Convert) -> None:
        self.reader, self.convert = reader, convert

    def __call__(self, task: ShardTask) -> "ConvertedRecords":
        """Return the task's records, not yet read."""
        return ConvertedRecords(self.reader(task), self.convert)


class ConvertedRecords:
    """The records of a task as arrays."""

    def __init__(self, records: Records, convert: Convert) -> None:
        self._records, self._convert = records, convert

    @property
    def told(self) -> list[Diagnostic]:
        """What the reading told."""
        return self._records.told

    def __iter__(self) -> Iterator[Array]:
        yield from self._convert(document.text for document in self._records)


class _File:
    """A file of kept records, made with the first of them."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._file: TempFile | None = None

    def keep(self, record: Array) -> Kept:
        self._file = self._file or TempFile(self._folder, ".records")
        start = self._file.write(record.data)
        return Kept(self._file.path, start, len(record), record.itemsize)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            with suppress(OutputError):  # of a record that did not go to a full disk, which was reported
                self._file.close()

    def __del__(self) -> None:
        self.close()


class KeptRecords:
    """The records of a task while they are kept."""

    def __init__(self, reader: KeepingReader, records: Records) -> None:
        self._reader, self._records = reader, records
        self._kept: list[Kept] = []

    @property
    def told(self) -> "list[Diagnostic | Kept]":
        """What the reading told, and where the records are kept."""
        return [*self._records.told, *self._kept]

    def __iter__(self) -> Iterator[Array]:
        for record in self._reader.convert(document.text for document in self._records):
            self._kept.append(self._reader.keep(record))
            yield record


class SpoolReader:
    """Reads kept records again; with their numbers, where these are asked for."""

    def __init__(self, *, with_numbers: bool = False) -> None:
        self.with_numbers = with_numbers

    def __call__(self, task: KeptTask) -> "SpooledRecords":
        """Return the task's records, not yet read."""
        return SpooledRecords(task, self.with_numbers)


class SpooledRecords:
    """Kept records; there is nothing to tell of them any more."""

    told: tuple[()] = ()

    def __init__(self, task: KeptTask, with_numbers: bool) -> None:
        self._task, self._with_numbers = task, with_numbers

    def __iter__(self) -> Iterator[Any]:
        for number, record in enumerate(self._task.records, self._task.first):
            yield (number, read(record)) if self._with_numbers else read(record)


def read(record: Kept) -> Array:
    """Return a record."""
    array = np.empty(record.count, dtype=f"u{record.width}")
    try:
        with open(record.path, "rb") as file:  # a signal within numpy's own `fromfile` would come out as another error
            file.seek(record.start)
            if file.readinto(array.data) != record.size:
                raise InputError(record.path, "is shorter than it was", "leave TMPDIR alone while kxcli runs")
    except OSError as error:
        raise InputError(record.path, reason(error), "check the disk that TMPDIR is on") from None
    return array


def tasks(kept: Iterable[Kept], shard_size: int) -> Iterator[KeptTask]:
    """Yield the tasks of reading kept records again, each of at least so many bytes but the last."""
    held, size, first = list[Kept](), 0, 0
    for record in kept:
        held.append(record)
        size += record.size
        if size >= shard_size:
            yield KeptTask(tuple(held), first)
            first += len(held)
            held, size = [], 0
    if held:
        yield KeptTask(tuple(held), first)


def with_lines(kept: Sequence[Kept], places: Iterable[UInt64Array], folder: str) -> list[Kept]:
    """Keep only some lines of kept text; what was kept before is removed.

    places: of the lines, ascending: the record's number times 2^32, and the line's number in the record.
    """
    keeper = _File(folder)
    coming = iter(places)
    ahead = np.empty(0, dtype=np.uint64)
    left = []
    for number, record in enumerate(kept):
        stop = np.uint64((number + 1) << _RECORD_BITS)
        while not len(ahead) or ahead[-1] < stop:
            more = next(coming, None)
            if more is None:
                break
            ahead = np.concatenate((ahead, more))
        end = int(np.searchsorted(ahead, stop))
        lines, ahead = ahead[:end] & np.uint64((1 << _RECORD_BITS) - 1), ahead[end:]
        if len(lines):
            codes = read(record)
            line = np.cumsum(codes == _LF)
            line -= codes == _LF
            is_kept = np.zeros(int(line[-1]) + 1, dtype=np.bool_)
            is_kept[lines.astype(np.int64)] = True
            left.append(keeper.keep(codes[is_kept.take(line)]))
    keeper.close()
    for path in {record.path for record in kept}:
        os.unlink(path)
    return left
