"""Runs a job on this machine: in this process, or in a pool of worker processes.

The pool is our own because of what it has to know: which task a worker had when it died (the out-of-memory
killer), so that the run can say so and never waits for an answer that cannot come.  A worker holds one task at a
time and merges what it computes; its partial crosses to the parent once, at the end, because partials of one task
each would take longer to carry and merge than to compute.  So a dead worker takes all its tasks with it: who wants to
run them again has to keep their numbers beside the worker.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain, islice
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from types import TracebackType
from typing import Any, TypeVar, cast

from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.job import Job, Read, Task
from kxcli.mapreduce.sharing import Shipped, received, shipped
from kxcli.tuning import settle_in

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

_LONGEST_FOLDER = 64  # the server's socket has a name of some 40 bytes in TMPDIR, and all of it may have 107

_HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

OnDone = Callable[[Task, list[Any]], None]  # a finished task, and what the reading of it told


def available_cpus() -> int:
    """Return the number of CPUs that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class Engine:
    """Runs jobs one after the other, in this process or in workers that stay for the next job.

    preload: modules that workers find imported already, where the platform can do that.
    folder: makes the run's private folder, for arrays that workers share.
    """

    def __init__(self, workers: int, preload: Iterable[str], folder: Callable[[], str]) -> None:
        self.workers = workers
        self._pool = _Pool(workers, preload, folder)

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
        ahead = iter(tasks)
        first = list(islice(ahead, 1))
        if self.workers == 1 or not first:
            return _serial(read, chain(first, ahead), job, shared, on_done)
        try:
            first += islice(ahead, 1)
        except KxcliError as error:  # what comes before it in the input may fail, too
            ahead = _failing(error)
        if len(first) == 1:
            return _serial(read, chain(first, ahead), job, shared, on_done)
        return self._pool.run(read, chain(first, ahead), job, shared, on_done)


def _serial(
    read: Read[TaskT, RecordT],
    tasks: Iterable[TaskT],
    job: Job[RecordT, PartialT],
    shared: object,
    on_done: OnDone,
) -> PartialT | None:
    merged: PartialT | None = None
    for number, task in enumerate(tasks):
        if not number:
            job.setup(shared)
        records = read(task)
        partial = job.map(records)
        merged = partial if merged is None else job.merge(merged, partial)
        on_done(task, list(records.told))
    return merged


def _failing(error: KxcliError) -> Iterator[Any]:
    yield from ()
    raise error


class _Worker:
    """A worker process seen from the parent, with the task that it has."""

    def __init__(self, context: Any) -> None:
        self.number, self.task = -1, None  # type: tuple[int, Task | None]
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(theirs,), daemon=True)
        try:
            self.process.start()
        except (OSError, EOFError) as error:
            raise KxcliError(f"no worker process could be started ({error}); use -j 1") from None
        theirs.close()  # so that the end of the process ends the pipe

    def give(self, number: int, task: Task | None) -> None:
        """Send a task; None: no more will come of this job, and what was merged is wanted."""
        self.number, self.task = number, task or self.task  # in the end, the last task is the one to name
        self.send(task)

    def send(self, message: object) -> None:
        """Send anything; `WorkerDiedError` where nobody takes it."""
        try:
            self.connection.send(message)
        except OSError:
            raise self.died() from None

    def receive(self) -> Any:
        """Wait for an answer; `WorkerDiedError` where none can come."""
        try:
            return self.connection.recv()
        except (EOFError, OSError):
            raise self.died() from None

    def died(self) -> WorkerDiedError:
        """Return the error that tells how it ended."""
        self.process.join()
        return WorkerDiedError("a worker" if self.task is None else self.task.name, self.process.exitcode)


class _Pool:
    """Worker processes that each hold at most one task."""

    def __init__(self, limit: int, preload: Iterable[str], folder: Callable[[], str]) -> None:
        self._limit, self._preload, self._folder = limit, preload, folder
        self._workers: list[_Worker] = []

    def _start(self) -> _Worker:
        """Start one more worker."""
        context: Any = multiprocessing.get_context(_start_method())
        with _main_kept_from_workers(), _signals_held_back():
            if context.get_start_method() == "forkserver":
                context.set_forkserver_preload([__name__, *self._preload])
                forkserver.ensure_running()
            self._workers.append(_Worker(context))
        return self._workers[-1]

    def run(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterator[TaskT],
        job: Job[RecordT, PartialT],
        shared: object,
        on_done: OnDone,
    ) -> PartialT | None:
        """Give every worker a task whenever it has none, and merge what they have in the end.

        Workers are started as tasks come, so that there are never more than tasks.
        """
        failures: dict[int, BaseException] = {}
        waiting = self._workers[:]  # has not heard of this job
        idle, busy = list[_Worker](), dict[Connection, _Worker]()
        numbered = enumerate(tasks)
        upcoming = self._next(numbered, failures)
        is_ready = False
        sent = shipped(shared, self._folder)
        while upcoming is not None or busy:
            while upcoming is not None and (idle or waiting or len(self._workers) < self._limit):
                if idle:
                    worker = idle.pop()
                else:
                    worker = waiting.pop() if waiting else self._start()
                    worker.send((read, job, sent))
                worker.give(*upcoming)
                busy[worker.connection] = worker
                upcoming = None if failures else self._next(numbered, failures)
            if not is_ready:  # the parent makes ready for `finish` while the workers are at their first tasks
                job.setup(shared)
                is_ready = True
            for connection in wait(list(busy)):
                worker = busy.pop(cast("Connection", connection))
                answer = worker.receive()
                if isinstance(answer, BaseException):
                    failures[worker.number] = answer
                else:
                    assert worker.task is not None
                    on_done(worker.task, answer)
                idle.append(worker)
            if failures:
                upcoming = None  # what was given out comes before it, and may still fail earlier in the input
        if failures:
            raise failures[min(failures)]
        return self._collect(idle, job)

    @staticmethod
    def _next(numbered: Iterator[tuple[int, TaskT]], failures: dict[int, BaseException]) -> tuple[int, TaskT] | None:
        try:
            return next(numbered, None)
        except KxcliError as error:
            failures[sys.maxsize] = error  # every task given out comes before it
            return None

    @staticmethod
    def _collect(workers: list[_Worker], job: Job[RecordT, PartialT]) -> PartialT | None:
        merged: PartialT | None = None
        for worker in workers:
            worker.give(-1, None)
        for worker in workers:
            answer = worker.receive()
            if isinstance(answer, BaseException):
                raise answer
            if answer is not None:
                partial = job.load(answer)
                merged = partial if merged is None else job.merge(merged, partial)
        return merged

    def close(self) -> None:
        """End every worker, whatever it is at, and wait until it is gone."""
        for worker in self._workers:
            worker.connection.close()
            worker.process.kill()  # a worker has nothing of its own to clean up
        for worker in self._workers:
            worker.process.join()
            worker.process.close()


@contextmanager
def _main_kept_from_workers() -> Iterator[None]:
    """Keep multiprocessing from importing the parent's main script in every worker: a task needs none of it."""
    main = sys.modules["__main__"].__dict__
    hidden: dict[str, Any] = {name: main.pop(name) for name in ("__file__", "__spec__") if name in main}
    main["__spec__"] = None
    try:
        yield
    finally:
        main.update(hidden)


@contextmanager
def _signals_held_back() -> Iterator[None]:
    """Let a signal wait while workers are started: until they ignore Ctrl-C themselves, it would be told by each."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})  # the tracker is not to die of it
    resource_tracker.ensure_running()  # now, because it lets SIGINT through when it is done
    signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_BACK)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_method() -> str:
    """Return the way to start workers: from a small server, whose imports they share, where the platform has it.

    Plain fork would copy whatever threads and locks a library left in the parent.
    """
    has_room = len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER
    return "forkserver" if has_room and "forkserver" in multiprocessing.get_all_start_methods() else "spawn"


def _work(connection: Connection) -> None:
    """Do one job after the other, as the parent sends them, until it is gone."""
    settle_in()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it too, and ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _HELD_BACK)
    try:
        while True:
            _work_on(connection, *connection.recv())
    except (EOFError, OSError):
        return  # the parent is gone, and so is all need for an answer


def _work_on(connection: Connection, read: Read[Any, Any], job: Job[Any, Any], shared: Shipped) -> None:
    """Map the tasks that come, answering each with what was told or the error; at None, send the merged partial."""
    merged = None

    def mapped(task: Task) -> list[Any]:
        nonlocal merged
        records = read(task)
        partial = job.map(records)
        merged = partial if merged is None else job.merge(merged, partial)
        return list(records.told)

    trouble = _answer(lambda sent: job.setup(received(sent)), shared)
    while (task := connection.recv()) is not None:
        connection.send(_answer(mapped, task) if trouble is None else trouble)
    if merged is not None:
        merged = _answer(job.dump, merged)
    connection.send(merged)


def _answer(work: Callable[[Any], Any], given: Any) -> Any:
    """Return what some work gives, or the error that ended it, for the parent to raise."""
    try:
        return work(given)
    except Exception as error:  # noqa: BLE001 -- carried to the parent
        error.add_note("in a worker:\n" + "".join(traceback.format_exception(error)))
        return error
