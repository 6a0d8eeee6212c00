"""Worker processes that each hold at most one task, and what goes between them and the parent.

The pool is our own because of what it has to know: which task a worker had when it died (the out-of-memory
killer), so that the run can say so and never waits for an answer that cannot come.
"""

import multiprocessing
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver, resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar, cast

from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.job import Job, Read, Task
from kxcli.mapreduce.sharing import Shipped, received, shipped
from kxcli.mapreduce.spawning import main_kept_from_workers
from kxcli.tuning import settle_in

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

OnDone = Callable[[Task, list[Any]], None]  # a finished task, and what the reading of it told

_AHEAD = 3  # tasks for each worker that a stream is ahead of whoever takes its results
_LONGEST_FOLDER = 64  # the server's socket has a name of some 40 bytes in TMPDIR, and all of it may have 107

_HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


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


class Pool:
    """Worker processes that each hold at most one task."""

    def __init__(self, limit: int, preload: Iterable[str], folder: Callable[[], str]) -> None:
        self.limit, self._preload, self._folder = limit, preload, folder
        self.workers: list[_Worker] = []

    def start(self) -> _Worker:
        """Start one more worker."""
        context: Any = multiprocessing.get_context(_start_method())
        with main_kept_from_workers(), _signals_held_back():
            if context.get_start_method() == "forkserver":
                context.set_forkserver_preload([__name__, *self._preload])
                forkserver.ensure_running()
            self.workers.append(_Worker(context))
        return self.workers[-1]

    def run(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterator[TaskT],
        job: Job[RecordT, PartialT],
        shared: object,
        on_done: OnDone,
    ) -> PartialT | None:
        """Give every worker a task whenever it has none, and merge what they have in the end.

        A worker merges what it computes, and its partial crosses to the parent once, because partials of one task each
        would take longer to carry and merge than to compute.  So a dead worker takes all its tasks with it: who wants
        to run them again has to keep their numbers beside the worker.
        """
        with self._sent(shared) as sent:
            round_ = _Round(self, (read, job, sent, False), tasks)
            is_ready = False
            while round_.gives():
                if not is_ready:  # the parent makes ready for `finish` while the workers are at their first tasks
                    job.setup(shared)
                    is_ready = True
                for task, _, (told, _) in round_.answers():
                    on_done(task, told)
            if round_.failures:
                raise round_.failures[min(round_.failures)]
            return self._collect(round_.idle, job)

    def stream(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterator[TaskT],
        job: Job[RecordT, PartialT],
        shared: object,
        on_done: OnDone,
    ) -> Iterator[PartialT]:
        """Yield the partial of each task, in the order of the tasks, of which only some are ahead."""
        held: dict[int, bytes] = {}
        n_yielded = 0
        with self._sent(shared) as sent:
            round_ = _Round(self, (read, job, sent, True), tasks)
            while round_.gives(before=n_yielded + _AHEAD * self.limit):
                for task, number, (told, partial) in round_.answers():
                    on_done(task, told)
                    held[number] = partial
                while n_yielded in held:
                    yield job.load(held.pop(n_yielded))
                    n_yielded += 1
            if round_.failures:
                raise round_.failures[min(round_.failures)]
            for worker in round_.idle:
                worker.send(None)

    @contextmanager
    def _sent(self, shared: object) -> Iterator[Shipped]:
        """Make a value ready for all workers; its file is gone when the job is done."""
        sent = shipped(shared, self._folder)
        try:
            yield sent
        finally:
            sent.remove()

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
        for worker in self.workers:
            worker.connection.close()
            worker.process.kill()  # a worker has nothing of its own to clean up
        for worker in self.workers:
            worker.process.join()
            worker.process.close()


class _Round:
    """The tasks of one job, while they go out to workers and come back.

    job: what a worker hears before its first task.  idle: workers that have heard it, and have no task.
    failures: of tasks, by number.  Workers are started as tasks come, so that there are never more than tasks.
    """

    def __init__(self, pool: Pool, job: tuple[Any, ...], tasks: Iterable[Task]) -> None:
        self._pool, self._job = pool, job
        self._waiting = pool.workers[:]  # has not heard of this job
        self._busy: dict[Connection, _Worker] = {}
        self._numbered = enumerate(tasks)
        self.idle: list[_Worker] = []
        self.failures: dict[int, BaseException] = {}
        self._upcoming = self._next()

    def gives(self, before: int = sys.maxsize) -> bool:
        """Give a task, if its number is before that, to every worker that can have one; return whether any has one."""
        while self._upcoming is not None and self._upcoming[0] < before and (worker := self._free()) is not None:
            worker.give(*self._upcoming)
            self._busy[worker.connection] = worker
            self._upcoming = self._next()
        return bool(self._busy)

    def _free(self) -> _Worker | None:
        if self.idle:
            return self.idle.pop()
        if not self._waiting and len(self._pool.workers) >= self._pool.limit:
            return None
        worker = self._waiting.pop() if self._waiting else self._pool.start()
        worker.send(self._job)
        return worker

    def _next(self) -> tuple[int, Task] | None:
        """Return the next task; none after a failure: what was given out comes before it, and may still fail."""
        if self.failures:
            return None
        try:
            return next(self._numbered, None)
        except KxcliError as error:
            self.failures[sys.maxsize] = error  # every task given out comes before it
            return None

    def answers(self) -> Iterator[tuple[Task, int, Any]]:
        """Wait for workers; yield the task, its number and the answer of each that has ended one without failing."""
        for connection in wait(list(self._busy)):
            worker = self._busy.pop(cast("Connection", connection))
            answer = worker.receive()
            self.idle.append(worker)
            if isinstance(answer, BaseException):
                self.failures[worker.number] = answer
                self._upcoming = None
            else:
                assert worker.task is not None
                yield worker.task, worker.number, answer


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


def _work_on(
    connection: Connection, read: Read[Any, Any], job: Job[Any, Any], shared: Shipped, is_streamed: bool
) -> None:
    """Map the tasks that come, answering each with what was told, or the error, and if streamed with the partial.

    At None, which comes if not streamed, send the merged partial; a stream ends with the next job.
    """
    merged = None

    def mapped(task: Task) -> tuple[list[Any], bytes]:
        nonlocal merged
        records = read(task)
        partial = job.map(records)
        if is_streamed:
            return list(records.told), job.dump(partial)
        merged = partial if merged is None else job.merge(merged, partial)
        return list(records.told), b""

    trouble = _answer(lambda sent: job.setup(received(sent)), shared)
    while (task := connection.recv()) is not None:
        connection.send(_answer(mapped, task) if trouble is None else trouble)
    if is_streamed:
        return
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
