"""Worker threads for jobs that release the lock of the interpreter.

They need no start-up, and they share the dictionary; no partial is pickled.
"""

import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any, Generic

from kxcli.errors import KxcliError
from kxcli.mapreduce.job import AnyCall, Done, PartialT, Task
from kxcli.signals import block_signals
from kxcli.wording import format_traceback

_MAX_END_SECONDS = 2.0  # after a signal, to wait for threads: each ends at its next record


class WorkerThreads(ABC, Generic[PartialT]):
    """Threads that work on tasks; the main thread takes and reports them.

    Args:
        call: The job, set up for this process, and what to do with a finished task.
        n_threads: How many there may be.

    Attributes:
        limit: How many there may be, fewer if the system cannot start as many.
        threads: Those that were started.
        n_running: Tasks that are given and not ended.
        failures: The errors of tasks by number.
    """

    def __init__(self, call: AnyCall[PartialT], n_threads: int) -> None:
        self._call, self.limit = call, n_threads
        self.threads: list[threading.Thread] = []
        self.n_running = 0
        self.failures: dict[int, BaseException] = {}
        self._given: SimpleQueue[Done[Any] | None] = SimpleQueue()  # None is the end of a thread
        self._answers: SimpleQueue[tuple[Done[Any] | None, Any]] = SimpleQueue()
        self._is_closed = False

    @abstractmethod
    def work(self) -> None:
        """Work on the tasks of `iter_given`, in a thread."""

    def give_next(self, numbered: Iterator[tuple[int, Task]]) -> bool:
        """Give the next task to the threads; return whether there is one."""
        try:
            number, task = next(numbered)
        except StopIteration:
            return False
        except KxcliError as error:
            self.failures[sys.maxsize] = error  # every task given out precedes it
            return False
        if len(self.threads) < self.limit:
            self._start_thread()
        self._given.put(Done(task, number, [], []))
        self.n_running += 1
        return True

    def wait_for_task(self) -> tuple[Done[Any], Any] | None:
        """Wait until a task ends; return it and its result, or None if it failed."""
        done, result = self._answers.get()
        assert done is not None, "threads end after their tasks"
        self.n_running -= 1
        if isinstance(result, BaseException):
            self.failures[done.number] = result
            return None
        done.task.release()
        self._call.on_done(done)
        return done, result

    def raise_first(self) -> None:
        """Raise the error of the first failed task, if any."""
        if self.failures:
            raise self.failures[min(self.failures)]

    def end_threads(self) -> None:
        """Let the threads end after their tasks, and wait for the last answer of each."""
        for _ in self.threads:
            self._given.put(None)
        for number, _ in enumerate(self.threads):
            _, result = self._answers.get()
            if isinstance(result, BaseException):
                self.failures[number] = result
        self.raise_first()

    def close(self) -> None:
        """Let the threads end.

        A thread that does not, such as one that waits for a disk, ends with the process, and writes nothing then.
        """
        self._is_closed = True
        for _ in self.threads:
            self._given.put(None)
        end = time.monotonic() + _MAX_END_SECONDS
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))

    def iter_given(self) -> Iterator[Done[Any] | None]:
        """Yield the tasks in a thread, and None at the end of all."""
        while True:
            done = self._given.get()
            if self._is_closed:
                return
            yield done
            if done is None:
                return

    def answer(self, done: Done[Any] | None, compute: Callable[[], object]) -> None:
        """Compute the result of a task, or of the end of a thread, for the main thread."""
        try:
            self._answers.put((done, compute()))
        except BaseException as error:  # noqa: BLE001 -- raised in the main thread
            error.add_note("in a worker:\n" + "\n".join(format_traceback(error)))
            self._answers.put((done, error))

    def read(self, done: Done[Any]) -> Iterator[Any]:
        """Yield the records of a task until the threads are closed."""
        for record in self._call.read(done.task, done.diagnostics, done.spooled):
            self.check_open()
            yield record

    def check_open(self) -> None:
        """Raise `KxcliError` if the run has ended."""
        if self._is_closed:
            raise KxcliError("the run has ended")

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self.work, name=f"kxcli-{len(self.threads)}", daemon=True)
        try:
            with block_signals():  # they have to interrupt the main thread
                thread.start()
                self.threads.append(thread)
        except RuntimeError as error:
            if not self.threads:
                raise KxcliError(f"no thread could be started ({error}); use -j 1") from None
            self.limit = len(self.threads)
