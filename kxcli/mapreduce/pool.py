"""Worker processes with at most one task each.

`concurrent.futures` and `loky` break the whole pool if one worker dies, for example by the out-of-memory killer. This
pool knows which tasks the dead worker had, so the run can name them or give them to another worker.
"""

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext, ForkServerContext

from kxcli.errors import KxcliError, WorkerDiedError, format_reason
from kxcli.mapreduce.job import AnyCall, PartialT
from kxcli.mapreduce.scheduler import TaskScheduler, WorkerSupply
from kxcli.mapreduce.spawning import block_signals_of_children, isolate_workers, silence_workers
from kxcli.mapreduce.spilling import SpillPolicy, merge_spilled
from kxcli.mapreduce.usage import Usage, measure_process
from kxcli.mapreduce.worker import StartJob, run_worker
from kxcli.mapreduce.worker_handle import WorkerHandle
from kxcli.storage.shared_arrays import share
from kxcli.storage.temp_files import get_temporary_folder

_N_AHEAD = 3  # tasks for each worker that a stream computes ahead
_MAX_FOLDER_NAME = 64  # bytes: a socket's name has at most 107, and the server adds some 40 to that of TMPDIR


class Pool:
    """Worker processes, reused by the next job.

    Args:
        limit: How many processes there may be.
        preload: Modules that workers import before the first task, if the platform supports that.
        make_folder: Returns the private folder of the run.
        retries: How often a task is repeated if its worker dies.
        warn: Receives a message about each such death.

    Attributes:
        usage: What ended workers used, except those that died.
    """

    def __init__(
        self,
        limit: int,
        preload: Iterable[str],
        make_folder: Callable[[], str],
        *,
        retries: int,
        warn: Callable[[str], None],
    ) -> None:
        self._limit, self._preload, self._make_folder = limit, preload, make_folder
        self._retries, self._warn = retries, warn
        self.workers: list[WorkerHandle] = []
        self.usage = Usage()

    def iter_snapshots(
        self, call: AnyCall[PartialT], policy: SpillPolicy, should_snapshot: Callable[[], bool]
    ) -> Iterator[PartialT]:
        """Give every free worker a task, and yield the sum of the partials.

        A worker merges its partials. They cross to the parent when they are heavy and at a snapshot, because to
        transfer and merge the partial of each task would take longer than to compute it.
        """
        dumped: list[bytes] = []
        with self._schedule(call, policy) as scheduler:
            is_ready = False
            while not scheduler.is_over:
                while scheduler.give():
                    for done, _ in scheduler.iter_done():
                        call.on_done(done)
                    scheduler.is_paused = scheduler.is_paused or should_snapshot()
                    if not is_ready:  # while the workers are busy
                        call.job.setup(call.shared)
                        is_ready = True
                scheduler.raise_first()
                dumped += scheduler.collect()
                if not scheduler.is_over:  # tasks of a worker that died
                    continue
                scheduler.raise_first()
                yield from merge_spilled(call.job, dumped, scheduler.spans)
                dumped, scheduler.spans, scheduler.is_paused = [], [], False
            scheduler.raise_first()

    def stream(self, call: AnyCall[PartialT]) -> Iterator[PartialT]:
        """Yield the partial of each task in the order of the tasks.

        Only a few tasks are computed ahead, and none is waited for while there are partials to come.
        """
        waiting: dict[int, bytes] = {}
        n_yielded = 0
        with self._schedule(call, None) as scheduler:
            while scheduler.give(before=n_yielded + _N_AHEAD * self._limit):
                for done, partial in scheduler.iter_done():
                    call.on_done(done)
                    waiting[done.number] = partial
                while n_yielded in waiting:
                    yield call.job.load(waiting.pop(n_yielded))
                    n_yielded += 1
            scheduler.raise_first()

    def close(self) -> None:
        """Kill every worker, and wait until it is gone."""
        for worker in self.workers:
            self.usage = self.usage.add(measure_process(worker.process.pid))
            worker.process.kill()  # a worker has nothing of its own to clean up
        for worker in self.workers:
            worker.close()
        self.workers.clear()

    @contextmanager
    def _schedule(self, call: AnyCall[PartialT], policy: SpillPolicy | None) -> Iterator[TaskScheduler]:
        """Share the arrays of a job with all workers; their file is removed at the end."""
        shared = share(call.shared, self._make_folder)
        supply = WorkerSupply(self.workers, self._start_worker, self._remove_worker)
        try:
            start_job = StartJob(call.read, call.job, shared, policy)
            yield TaskScheduler(supply, start_job, call.tasks, self._retries, self._warn, call.is_idle)
        except BaseException as error:
            self.close()  # a busy worker would give its answer to the next job
            if isinstance(error, WorkerDiedError) and error.is_bus_error:
                shared.check()
            raise
        finally:
            shared.remove()

    def _start_worker(self) -> WorkerHandle | None:
        """Start one more worker; None if there are enough.

        Raises `KxcliError` if that is impossible.
        """
        if len(self.workers) >= self._limit:
            return None
        self._make_folder()  # before multiprocessing puts anything there
        try:
            try:
                worker = self._start_process()
            except (OSError, EOFError):  # the server of multiprocessing was killed: it is started again
                worker = self._start_process()
        except (OSError, EOFError) as error:
            what = format_reason(error) if isinstance(error, OSError) else "its end came too early"
            raise KxcliError(f"no worker process could be started ({what}); use -j 1") from None
        self.workers.append(worker)
        return worker

    def _start_process(self) -> WorkerHandle:
        context = _choose_context()
        with isolate_workers(), silence_workers(), block_signals_of_children():
            if isinstance(context, ForkServerContext):
                context.set_forkserver_preload([run_worker.__module__, *self._preload])
                forkserver.ensure_running()
            return WorkerHandle(context)

    def _remove_worker(self, worker: WorkerHandle) -> None:
        self.workers.remove(worker)
        worker.close()


def _choose_context() -> BaseContext:
    """Return the way to start workers.

    If the platform has it, this is a small server, and workers share its imports.

    Plain fork would copy whatever threads and locks a library left in the parent.
    """
    has_room = len(os.fsencode(get_temporary_folder())) <= _MAX_FOLDER_NAME
    has_server = has_room and "forkserver" in multiprocessing.get_all_start_methods()
    return multiprocessing.get_context("forkserver" if has_server else "spawn")
