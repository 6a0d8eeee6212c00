"""Runs a job on this machine: in this process, or in a pool of worker processes."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from types import TracebackType
from typing import Any, TypeVar

from kxcli.errors import KxcliError
from kxcli.mapreduce.job import Job, Read, Task
from kxcli.mapreduce.pool import OnDone, Pool

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")


class Engine:
    """Runs jobs one after the other, in this process or in workers that stay for the next job.

    preload: modules that workers find imported already, where the platform can do that.
    folder: makes the run's private folder, for arrays that workers share.
    """

    def __init__(self, workers: int, preload: Iterable[str], folder: Callable[[], str]) -> None:
        self.workers = workers
        self._pool = Pool(workers, preload, folder)

    def __enter__(self) -> "Engine":
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
        """Map every task and merge the partials; None where there was no task.

        A single task, or one worker, runs in this process.  `on_done` is called in the order in which tasks end.
        Where tasks fail, the error of the first in input order is raised; `WorkerDiedError` where a worker was killed.
        """
        is_alone, ahead = self._looked_ahead(tasks)
        if not is_alone:
            return self._pool.run(read, ahead, job, shared, on_done)
        merged: PartialT | None = None
        for partial in _serial(read, ahead, job, shared, on_done):
            merged = partial if merged is None else job.merge(merged, partial)
        return merged

    def stream(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks; only some wait for one before them.

        As with `reduce`, but what comes before a task that fails is yielded first.
        """
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
        on_done(task, list(records.told))
        yield partial


def _failing(error: KxcliError) -> Iterator[Any]:
    yield from ()
    raise error
