"""The merged partial of a process, spilled to a file when it is too heavy."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any, Generic, NamedTuple

from kxcli.errors import OutputError
from kxcli.mapreduce.job import Job, PartialT, RecordT, SpillableJob, fold_records
from kxcli.storage.temp_files import ALIGNMENT, TempFile

_MAX_REPLAY_BYTES = 1 << 27  # of pickled tasks in the parent, however large the partials may be


class SpillPolicy(NamedTuple):
    """How much a process may hold.

    Attributes:
        max_partial_bytes: Memory of a partial; a heavier one is spilled.
        folder: Where files of partials are made.
    """

    max_partial_bytes: int
    folder: str

    @property
    def max_replay_bytes(self) -> int:
        """Bytes of pickled tasks held in the parent for repetition."""
        return min(self.max_partial_bytes, _MAX_REPLAY_BYTES)


class FileSpan(NamedTuple):
    """Where a dumped partial is: from byte `start` to byte `stop` of a file."""

    path: str
    start: int
    stop: int


class SpillingAccumulator(Generic[PartialT]):
    """Adds up the partials of tasks, and spills the sum when it is too heavy.

    Args:
        job: Makes, merges and dumps the partials.
        max_bytes: Weight of a partial that stays in memory.
        make_folder: Returns the folder for the file; called when it is needed.
    """

    def __init__(self, job: Job[RecordT, PartialT, object], max_bytes: int, make_folder: Callable[[], str]) -> None:
        self._job, self._max_bytes, self._make_folder = job, max_bytes, make_folder
        self._file: TempFile | None = None
        self._spans: list[FileSpan] = []
        self.partial: PartialT | None = None

    def add(self, records: Iterable[Any]) -> None:
        """Add all records of a task, and spill the sum if it is too heavy.

        After an error, the sum is lost: it may have a part of the task.
        """
        partial, self.partial = self.partial, None
        self.partial = fold_records(self._job, partial, records)
        if isinstance(self._job, SpillableJob) and self._job.weight(self.partial) > self._max_bytes:
            self.spill()

    @property
    def has_spilled(self) -> bool:
        """Whether anything was spilled since the last drain."""
        return self._file is not None

    def spill(self) -> None:
        """Move the partial to the file; `OutputError` if the disk is full.

        There is one file for all: each mapped file takes a descriptor, and a process has few of them.
        """
        if self.partial is None:
            return
        data, self.partial = self._job.dump(self.partial), None
        self._file = self._file or TempFile(self._make_folder(), ".partials")
        start = self._file.write(data, ALIGNMENT)
        self._spans.append(FileSpan(self._file.path, start, start + len(data)))

    def drain_spans(self) -> list[FileSpan]:
        """Return the spans spilled since the last call."""
        spans, self._spans = self._spans, []
        return spans

    def drain(self) -> PartialT | None:
        """Return the partial in memory, and start over with none and with a new file."""
        partial, self.partial = self.partial, None
        self.close()
        return partial

    def drain_merged(self) -> Iterator[PartialT]:
        """Yield the sum of dumped, spilled and held partials, if there are any."""
        return merge_spilled(self._job, (), self.drain_spans(), self.drain())

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            with suppress(OutputError):  # reported when it was written
                self._file.close()
            self._file = None


def merge_spilled(
    job: Job[RecordT, PartialT, object],
    dumped: Iterable[bytes],
    spans: Collection[FileSpan],
    partial: PartialT | None = None,
) -> Iterator[PartialT]:
    """Yield the sum of dumped, spilled and held partials, if there is any.

    The files are mapped and unlinked: they vanish with their last view.
    """
    views: dict[str, memoryview] = {}
    partial = merge_dumped(job, dumped, partial)
    if spans:
        from kxcli.storage.partial_store import map_and_remove
    for path, start, stop in spans:
        if path not in views:
            views[path] = map_and_remove(path)
        partial = merge_dumped(job, [views[path][start:stop]], partial)
    if partial is not None:
        yield partial


def merge_dumped(
    job: Job[RecordT, PartialT, object], dumped: Iterable[bytes | memoryview], partial: PartialT | None = None
) -> PartialT | None:
    """Return the sum of dumped partials and one in memory; None if there is none."""
    for data in dumped:
        loaded = job.load(data)
        partial = loaded if partial is None else job.merge(partial, loaded)
    return partial
