"""What was read, kept compactly as arrays, so that a method can pass over it again and the input is read once.

Cost, where the arrays are code points: 2 bytes of disk for most characters, two thirds of Chinese text in UTF-8.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from kxcli.corpus.ledger import Told
from kxcli.corpus.shards import Records, Task, TaskReader
from kxcli.errors import OutputError, reason

Array = npt.NDArray[np.uint16] | npt.NDArray[np.uint32]
Convert = Callable[[Iterable[str]], Iterable[Array]]  # texts -> records

_TASK = 1 << 20  # bytes of records that are read in one go


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
    """Some kept records that are read again together."""

    records: tuple[Kept, ...]

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(record.size for record in self.records)

    @property
    def name(self) -> str:
        """What a message calls it."""
        return self.records[0].path


class KeepingReader:
    """Reads tasks as another reader does, as arrays, and keeps these in a file of this process in `folder`.

    What is told of a task has a `Kept` for each record.
    """

    def __init__(self, reader: TaskReader, convert: Convert, folder: str) -> None:
        self.reader, self.convert, self.folder = reader, convert, folder
        self._path = ""
        self._file: BinaryIO | None = None

    def __reduce__(self) -> "tuple[type[KeepingReader], tuple[TaskReader, Convert, str]]":
        return KeepingReader, (self.reader, self.convert, self.folder)  # each process has a file of its own

    def __call__(self, task: Task) -> "KeptRecords":
        """Return the task's records, not yet read."""
        return KeptRecords(self, self.reader(task))

    def keep(self, record: Array) -> Kept:
        """Write a record; `OutputError` where the disk is full."""
        try:
            if self._file is None:
                handle, self._path = tempfile.mkstemp(dir=self.folder, suffix=".records")
                self._file = os.fdopen(handle, "wb")
            start = self._file.tell()
            self._file.write(record.data)
            self._file.flush()
        except OSError as error:
            raise OutputError(self.folder, reason(error), "point TMPDIR at a disk with more room") from None
        return Kept(self._path, start, len(record), record.itemsize)


class KeptRecords:
    """The records of a task while they are kept."""

    def __init__(self, reader: KeepingReader, records: Records) -> None:
        self._reader, self._records = reader, records
        self._kept: list[Kept] = []

    @property
    def told(self) -> "list[Told | Kept]":
        """What the reading told, and where the records are kept."""
        return [*self._records.told, *self._kept]

    def __iter__(self) -> Iterator[Array]:
        for record in self._reader.convert(document.text for document in self._records):
            self._kept.append(self._reader.keep(record))
            yield record


class SpoolReader:
    """Reads kept records again."""

    def __call__(self, task: KeptTask) -> "SpooledRecords":
        """Return the task's records, not yet read."""
        return SpooledRecords(task)


class SpooledRecords:
    """Kept records; there is nothing to tell of them any more."""

    told: tuple[()] = ()

    def __init__(self, task: KeptTask) -> None:
        self._task = task

    def __iter__(self) -> Iterator[Array]:
        for record in self._task.records:
            yield np.fromfile(record.path, dtype=f"u{record.width}", count=record.count, offset=record.start)


def tasks(kept: Iterable[Kept]) -> Iterator[KeptTask]:
    """Yield the tasks of reading kept records again."""
    held, size = list[Kept](), 0
    for record in kept:
        held.append(record)
        size += record.size
        if size >= _TASK:
            yield KeptTask(tuple(held))
            held, size = [], 0
    if held:
        yield KeptTask(tuple(held))
