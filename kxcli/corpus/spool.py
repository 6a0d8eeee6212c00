"""Texts as arrays in temporary files, for methods that read them several times.

Cost, if the arrays are code points: 2 bytes of disk for most characters, two thirds of Chinese text in UTF-8.
"""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter

import numpy as np

from kxcli.arrays import UInt64Array
from kxcli.batching import iter_batches
from kxcli.corpus.diagnostics import Diagnostic
from kxcli.corpus.shards import ShardTask, TaskReader
from kxcli.storage.array_spool import ArraySpool, CodeArray, SpooledArray

# Texts, each with whether the next one continues it and whether each LF ends a document -> records.
Convert = Callable[[Iterable[tuple[str, bool, bool]]], Iterable[CodeArray]]

_LF = 10
_TEXT_PART = attrgetter("text", "has_continuation", "is_lines")
_RECORD_BITS = 32  # of a place, for a line's number in its record


@dataclass(frozen=True)
class SpoolTask:
    """Some spooled records, read together.

    `first` is the number of the first of them.
    """

    records: tuple[SpooledArray, ...]
    first: int
    identity: None = None  # the files are removed with the run

    @property
    def size(self) -> int:
        """Bytes."""
        return sum(record.size for record in self.records)

    @property
    def name(self) -> str:
        """The name in messages."""
        return "the text as it was kept"

    def release(self) -> None:
        """Do nothing: another job reads the records again."""


@dataclass(frozen=True)
class ConvertingReader:
    """Reads documents as arrays, and writes these to a spool if there is one."""

    reader: TaskReader
    convert: Convert
    spool: ArraySpool | None = None

    def __call__(
        self, task: ShardTask, diagnostics: list[Diagnostic], spooled: list[SpooledArray]
    ) -> Iterator[CodeArray]:
        """Yield the arrays of a task; `OutputError` if the disk is full."""
        for array in self.convert(map(_TEXT_PART, self.reader(task, diagnostics))):
            if self.spool is not None:
                spooled.append(self.spool.write(array))
            yield array


def read_spooled(task: SpoolTask, _diagnostics: object = None, _spooled: object = None) -> Iterator[CodeArray]:
    """Yield the records of a task."""
    return (record.load() for record in task.records)


def read_numbered(
    task: SpoolTask, _diagnostics: object = None, _spooled: object = None
) -> Iterator[tuple[int, CodeArray]]:
    """Yield the records of a task with their numbers."""
    return enumerate(read_spooled(task), task.first)


def iter_tasks(records: Iterable[SpooledArray], shard_size: int) -> Iterator[SpoolTask]:
    """Yield the tasks of a second reading.

    Each has at least `shard_size` bytes, except the last.
    """
    first = 0
    for batch in iter_batches(records, lambda record: record.size, shard_size):
        yield SpoolTask(tuple(batch), first)
        first += len(batch)


def select_lines(records: Sequence[SpooledArray], places: Iterable[UInt64Array], folder: str) -> list[SpooledArray]:
    """Write the selected lines of spooled texts to a new file; remove the others.

    Args:
        records: The texts.
        places: Of the lines, ascending: the record's number times 2^32, plus the line's number in the record.
        folder: Where the new file is made.
    """
    spool = ArraySpool(folder)
    blocks = iter(places)
    ahead = np.empty(0, dtype=np.uint64)
    selected = []
    for number, record in enumerate(records):
        stop = np.uint64((number + 1) << _RECORD_BITS)
        while not len(ahead) or ahead[-1] < stop:
            block = next(blocks, None)
            if block is None:
                break
            ahead = np.concatenate((ahead, block))
        end = int(np.searchsorted(ahead, stop))
        lines, ahead = ahead[:end] & np.uint64((1 << _RECORD_BITS) - 1), ahead[end:]
        if len(lines):
            codes = record.load()
            line = np.cumsum(codes == _LF)
            line -= codes == _LF
            is_selected = np.zeros(int(line[-1]) + 1, dtype=np.bool_)
            is_selected[lines.astype(np.int64)] = True
            selected.append(spool.write(codes[is_selected.take(line)]))
    spool.close()
    for path in {record.path for record in records}:
        os.unlink(path)
    return selected
