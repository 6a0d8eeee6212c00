"""Runs a job on this machine: in this process, its threads, or a pool of workers."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from copy import copy
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from kxcli.errors import KxcliError
from kxcli.mapreduce.job import AnyCall, Done, PartialT, SnapshotEngine, Task, TaskT
from kxcli.mapreduce.spilling import SpillingAccumulator, SpillPolicy
from kxcli.mapreduce.usage import Usage
from kxcli.tuning import keep_heap

if TYPE_CHECKING:
    from kxcli.mapreduce.pool import Pool

_MIN_POOLED_BYTES = 1 << 14  # of a task; to send a smaller one to a worker takes longer than the work


class LocalEngine(SnapshotEngine):
    """Runs jobs in this process, or in workers reused by the next job.

    Args:
        n_workers: How many processes or threads work at once.
        preload: Modules that workers import before the first task, if the platform supports that.
        make_folder: Returns the private folder of the run, for shared arrays and spilled partials.
        max_partial_bytes: Memory that a process or thread may use for a partial.
        retries: How often a task is repeated if its worker dies.
        warn: Receives a message about each such death.
    """

    min_interval = 2.0

    def __init__(
        self,
        n_workers: int,
        preload: Iterable[str],
        make_folder: Callable[[], str],
        *,
        max_partial_bytes: int = sys.maxsize,
        retries: int = 0,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.n_workers = n_workers
        self._n_processes = n_workers if _has_current_folder() else 1
        self._make_folder, self._max_partial_bytes = make_folder, max_partial_bytes
        self._preload, self._retries, self._warn = preload, retries, warn
        self._pool: Pool | None = None

    def __enter__(self) -> "LocalEngine":
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.close()

    @property
    def worker_usage(self) -> Usage:
        """What the worker processes used, when the engine is closed."""
        return Usage() if self._pool is None else self._pool.usage

    def iter_snapshots(self, call: AnyCall[PartialT], should_snapshot: Callable[[], bool]) -> Iterator[PartialT]:
        """Map every task and yield snapshots; a single task runs in this process."""
        is_alone, call = _look_ahead(call, self.n_workers if call.allows_threads else self._n_processes)
        if not call.allows_threads:  # its arrays are numpy's
            keep_heap()
        if not is_alone:
            if call.allows_threads:
                from kxcli.mapreduce import threads

                limits = threads.ThreadLimits(self.n_workers, self._max_partial_bytes, self._make_folder)
                yield from threads.iter_snapshots(call, limits, should_snapshot)
            else:
                policy = SpillPolicy(self._max_partial_bytes, self._make_folder())
                yield from self._make_pool().iter_snapshots(call, policy, should_snapshot)
            return
        with closing(SpillingAccumulator(call.job, self._max_partial_bytes, self._make_folder)) as accumulator:
            for done, records in _read_serially(call):
                accumulator.add(records)
                _finish(call, done)
                if should_snapshot():
                    yield from accumulator.drain_merged()
            yield from accumulator.drain_merged()

    def stream(self, call: AnyCall[PartialT]) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks.

        While little comes at a time from a slow input, it needs no workers.
        """
        if not call.allows_threads:  # its arrays are numpy's
            keep_heap()
        tasks, rest = iter(call.tasks), list[Task]()
        serial = call
        if (self.n_workers if call.allows_threads else self._n_processes) > 1:
            # The job is a copy: one that has been set up cannot be sent to workers.
            serial = call._replace(tasks=_take_serial(tasks, call.is_idle, rest), job=copy(call.job))
        for done, records in _read_serially(serial):
            partial = serial.job.map(records)
            _finish(call, done)
            yield partial
        if rest:
            yield from self._stream_by_workers(call._replace(tasks=chain(rest, tasks)))

    def _stream_by_workers(self, call: AnyCall[PartialT]) -> Iterator[PartialT]:
        if call.allows_threads:
            from kxcli.mapreduce import thread_stream

            return thread_stream.stream(call, self.n_workers)
        return self._make_pool().stream(call)

    def _make_pool(self) -> "Pool":
        """Return the pool; create it on the first call."""
        if self._pool is None:
            from kxcli.mapreduce.pool import Pool  # imports multiprocessing

            self._pool = Pool(
                self._n_processes, self._preload, self._make_folder, retries=self._retries, warn=self._warn
            )
        return self._pool


def _look_ahead(call: AnyCall[PartialT], n_workers: int) -> tuple[bool, AnyCall[PartialT]]:
    """Return whether one worker is enough, and the call with all tasks."""
    tasks = iter(call.tasks)
    first = list(islice(tasks, 1))
    if n_workers > 1 and first:
        try:
            first += islice(tasks, 1)
        except KxcliError as error:  # the first task precedes it in the input and may fail, too
            tasks = _fail(error)
    return len(first) < 2, call._replace(tasks=chain(first, tasks))


def _take_serial(tasks: Iterator[Task], is_idle: Callable[[], bool] | None, rest: list[Task]) -> Iterator[Task]:
    """Yield the tasks before the first two that workers can do at the same time.

    Args:
        tasks: All tasks.
        is_idle: Whether the next task has to wait for input; None if tasks never do.
        rest: Receives those two.
    """
    task = next(tasks, None)
    while task is not None:
        if is_idle is not None and (task.size < _MIN_POOLED_BYTES or is_idle()):
            yield task
            task = next(tasks, None)
            continue
        try:
            following = next(tasks, None)
        except KxcliError:  # the first task precedes it in the input and may fail, too
            yield task
            raise
        if following is not None and (is_idle is None or following.size >= _MIN_POOLED_BYTES):
            rest += (task, following)
            return
        yield task
        task = following


def _has_current_folder() -> bool:
    """Return whether the current folder still exists, as multiprocessing requires."""
    try:
        os.getcwd()
    except FileNotFoundError:
        return False
    return True


def _read_serially(call: AnyCall[PartialT]) -> Iterator[tuple[Done[Any], Iterable[Any]]]:
    """Yield each task with its records."""
    for number, task in enumerate(call.tasks):
        if not number:
            call.job.setup(call.shared)
        done = Done[Any](task, number, [], [])
        yield done, call.read(task, done.diagnostics, done.spooled)


def _finish(call: AnyCall[PartialT], done: Done[Any]) -> None:
    done.task.release()
    call.on_done(done)


def _fail(error: KxcliError) -> Iterator[TaskT]:
    yield from ()
    raise error
