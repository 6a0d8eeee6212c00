"""Runs a job on this machine: in this process, or in a pool of worker processes."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from itertools import chain, islice
from types import TracebackType
from typing import Any, TypeVar

from kxcli.errors import KxcliError
from kxcli.mapreduce.job import Job, OnDone, Read, Task
from kxcli.mapreduce.pool import Pool
from kxcli.mapreduce.spilling import SpillingAccumulator, SpillPolicy

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")


class LocalEngine:
    """Runs jobs one after the other, in this process or in workers that stay for the next job.

    preload: modules that workers find imported already, where the platform can do that.
    folder: makes the run's private folder, for arrays that workers share, and partials that memory has no room for.
    room: bytes that a process may hold of a partial.
    retries: how often a task is given to another worker when one dies that has it; `tell` is told of that.
    """

    def __init__(
        self,
        workers: int,
        preload: Iterable[str],
        folder: Callable[[], str],
        *,
        room: int = sys.maxsize,
        retries: int = 0,
        tell: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.workers, self.least_leg = workers if _has_current_folder() else 1, 2.0
        self._folder, self._room = folder, room
        self._pool = Pool(self.workers, preload, folder, retries=retries, tell=tell)

    def __enter__(self) -> "LocalEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.close()

    def reduce(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> PartialT | None:
        """Map every task and merge the partials, as `Engine.reduce` says; in this process, if there is but one."""
        [*whole] = self.legs(read, tasks, job, shared=shared, on_done=on_done, is_over=lambda: False)
        return whole[0] if whole else None

    def legs(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
        is_over: Callable[[], bool],
    ) -> Iterator[PartialT]:
        """Map every task and yield what they give, leg by leg, as `SnapshotEngine.legs` says."""
        is_alone, ahead = self._looked_ahead(tasks)
        if not is_alone:
            keeping = SpillPolicy(self._room, self._folder())
            yield from self._pool.legs(
                read, ahead, job, shared=shared, on_done=on_done, is_over=is_over, keeping=keeping
            )
            return
        holder = SpillingAccumulator(job, self._room, self._folder)
        with closing(holder):
            for partial in _serial(read, ahead, job, shared, on_done):
                holder.add(partial)
                if is_over():
                    yield from holder.gathered()
            yield from holder.gathered()

    def stream(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks, as `Engine.stream` says."""
        is_alone, ahead = self._looked_ahead(tasks)
        yield from (_serial if is_alone else self._pool.stream)(read, ahead, job, shared, on_done)

    def _looked_ahead(self, tasks: Iterable[TaskT]) -> tuple[bool, Iterator[TaskT]]:
        """Return whether one process is enough, and all tasks."""
        ahead = iter(tasks)
        first = list(islice(ahead, 1))
        if self.workers > 1 and first:
            try:
                first += islice(ahead, 1)
            except KxcliError as error:  # what comes before it in the input may fail, too
                ahead = _failing(error)
        return len(first) < 2, chain(first, ahead)


def _has_current_folder() -> bool:
    """Return whether the current folder still exists, as multiprocessing requires."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _serial(
    read: Read[TaskT, RecordT],
    tasks: Iterable[TaskT],
    job: Job[RecordT, PartialT],
    shared: object,
    on_done: OnDone,
) -> Iterator[PartialT]:
    for number, task in enumerate(tasks):
        if not number:
            job.setup(shared)
        records = read(task)
        partial = job.map(records)
        task.release()
        on_done(task, list(records.told))
        yield partial


def _failing(error: KxcliError) -> Iterator[Any]:
    yield from ()
    raise error
