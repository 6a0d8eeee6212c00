"""Worker processes that each hold at most one task, and what goes between them and the parent.

The pool is our own because of what it has to know: which tasks a worker had when it died (the out-of-memory
killer), so that the run can say so, give them to another, and never waits for an answer that cannot come.
"""

import multiprocessing
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from kxcli.errors import KxcliError, WorkerDiedError, reason
from kxcli.mapreduce.job import Job, OnDone, Read, Task
from kxcli.mapreduce.rounds import Numbered, Round
from kxcli.mapreduce.spawning import hold_back_signals, isolate_workers, silence_workers
from kxcli.mapreduce.spilling import SpillPolicy, gathered
from kxcli.mapreduce.worker import Begin, Do, work
from kxcli.storage.shared_arrays import SharedValue, share

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

_AHEAD = 3  # tasks for each worker that a stream is ahead of whoever takes its results
_LONGEST_FOLDER = 64  # the server's socket has a name of some 40 bytes in TMPDIR, and all of it may have 107


class Worker:
    """A worker process seen from the parent.

    at_hand: the task that it has.  merged: those that are in its partial, or the last of them where a death is the end.
    n_bytes: of them all, as they went through the pipe.  is_new: whether it has not answered yet.
    """

    def __init__(self, context: Any) -> None:
        self.at_hand: Numbered | None = None
        self.merged: list[Numbered] = []
        self.n_bytes = 0
        self.is_new = True
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=work, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()  # so that the end of the process ends the pipe

    def give(self, numbered: Numbered, *, is_to_put_away: bool) -> None:
        """Send a task; `WorkerDiedError` where nobody takes it, and then it is at hand only if the worker is new."""
        if self.is_new:
            self.at_hand = numbered
        message = ForkingPickler.dumps(Do(numbered[1], is_to_put_away))
        self._guarded(lambda: self.connection.send_bytes(message))
        self.at_hand = numbered
        self.n_bytes += len(message)

    def send(self, message: object) -> None:
        """Send anything else; `WorkerDiedError` where nobody takes it."""
        self._guarded(lambda: self.connection.send(message))

    def receive(self) -> Any:
        """Wait for an answer; `WorkerDiedError` where none can come."""
        return self._guarded(self.connection.recv)

    def merges(self, *, is_put_away: bool, is_held: bool) -> None:
        """Note that the task at hand is done."""
        assert self.at_hand is not None
        if not is_held:  # all the same, its death is the end of the run, and the last one is to be named
            self.forgets()
        self.merged.append(self.at_hand)
        self.at_hand = None
        if is_put_away:
            self.forgets()

    def forgets(self) -> None:
        """Note that nothing would be lost with it."""
        for _, task in self.merged:
            task.release()
        self.merged, self.n_bytes = [], 0

    def lost(self) -> dict[int, Task]:
        """Return the tasks that are lost with it, by number."""
        return dict(self.merged if self.at_hand is None else [*self.merged, self.at_hand])

    def _guarded(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except (EOFError, OSError):
            self.process.join()
            last = self.at_hand or (self.merged[-1] if self.merged else None)
            raise WorkerDiedError(None if last is None else last[1].name, self.process.exitcode) from None


class Pool:
    """Worker processes that each hold at most one task.

    retries: how often a task is given out again whose worker died.  tell: is told of each.
    """

    def __init__(
        self,
        limit: int,
        preload: Iterable[str],
        folder: Callable[[], str],
        *,
        retries: int,
        tell: Callable[[str], None],
    ) -> None:
        self.limit, self._preload, self._folder = limit, preload, folder
        self._retries, self._tell = retries, tell
        self.workers: list[Worker] = []

    def start(self) -> Worker:
        """Start one more worker; `KxcliError` if that is impossible."""
        self._folder()  # is there before anything of multiprocessing's goes into it
        try:
            try:
                worker = self._start()
            except (OSError, EOFError):  # the server of multiprocessing was killed: it is started again
                worker = self._start()
        except (OSError, EOFError) as error:
            what = reason(error) if isinstance(error, OSError) else "its end came too early"
            raise KxcliError(f"no worker process could be started ({what}); use -j 1") from None
        self.workers.append(worker)
        return worker

    def _start(self) -> Worker:
        context: Any = multiprocessing.get_context(_start_method())
        with isolate_workers(), silence_workers(), hold_back_signals():
            if context.get_start_method() == "forkserver":
                context.set_forkserver_preload([work.__module__, *self._preload])
                forkserver.ensure_running()
            return Worker(context)

    def forget(self, worker: Worker) -> None:
        """Let go of a worker that died."""
        self.workers.remove(worker)
        worker.connection.close()
        worker.process.join()
        worker.process.close()

    def legs(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterator[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
        is_over: Callable[[], bool],
        keeping: SpillPolicy,
    ) -> Iterator[PartialT]:
        """Give every worker a task whenever it has none; merge and yield what they have when a leg is over.

        A worker merges what it computes, and its partial crosses to the parent when it has become heavy, and at the
        end of a leg, because partials of one task each would take longer to carry and merge than to compute.
        """
        handed: list[bytes] = []
        with self._sent(shared) as sent:
            round_ = Round(self, Begin(read, job, sent, keeping), tasks, self._retries, self._tell)
            is_ready = False
            while not round_.is_over:
                while round_.gives():
                    for task, _, told, _ in round_.answers():
                        on_done(task, told)
                    round_.is_paused = round_.is_paused or is_over()
                    if not is_ready:  # the parent makes ready while the workers are at work
                        job.setup(shared)
                        is_ready = True
                _raise_first(round_.failures)
                handed += round_.collected()
                if not round_.is_over:  # tasks of a worker that died
                    continue
                _raise_first(round_.failures)
                yield from gathered(job, None, handed, round_.spans)
                handed, round_.spans, round_.is_paused = [], [], False
            _raise_first(round_.failures)

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
            round_ = Round(self, Begin(read, job, sent, None), tasks, self._retries, self._tell)
            while round_.gives(before=n_yielded + _AHEAD * self.limit):
                for task, number, told, partial in round_.answers():
                    on_done(task, told)
                    held[number] = partial
                while n_yielded in held:
                    yield job.load(held.pop(n_yielded))
                    n_yielded += 1
            _raise_first(round_.failures)

    @contextmanager
    def _sent(self, shared: object) -> Iterator[SharedValue]:
        """Make a value ready for all workers; its file is gone when the job is done."""
        sent = share(shared, self._folder)
        try:
            yield sent
        except WorkerDiedError as died:
            if died.is_bus_error:
                sent.check()
            raise
        finally:
            sent.remove()

    def close(self) -> None:
        """End every worker, whatever it is at, and wait until it is gone."""
        for worker in self.workers:
            worker.connection.close()
            worker.process.kill()  # a worker has nothing of its own to clean up
        for worker in self.workers:
            worker.process.join()
            worker.process.close()


def _raise_first(failures: dict[int, BaseException]) -> None:
    if failures:
        raise failures[min(failures)]


def _start_method() -> str:
    """Return the way to start workers: from a small server, whose imports they share, where the platform has it.

    Plain fork would copy whatever threads and locks a library left in the parent.
    """
    has_room = len(os.fsencode(tempfile.gettempdir())) <= _LONGEST_FOLDER
    return "forkserver" if has_room and "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
