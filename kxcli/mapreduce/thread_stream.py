"""Streams of partials by worker threads.

For jobs that release the lock of the interpreter most of the time.
"""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from queue import SimpleQueue
from typing import Any, Generic

from kxcli.errors import KxcliError
from kxcli.mapreduce.job import AnyCall, Done, PartialT, Task
from kxcli.signals import block_signals
from kxcli.wording import format_traceback

_N_AHEAD = 3  # tasks for each thread that a stream computes ahead
_MAX_END_SECONDS = 2.0  # after a signal, to wait for threads: each ends at its next record


def stream(call: AnyCall[PartialT], n_threads: int) -> Iterator[PartialT]:
    """Map every task in threads, and yield the partials in the order of the tasks.

    Tasks are taken and reported in this thread.
    """
    call.job.setup(call.shared)
    with closing(_StreamThreads(call, n_threads)) as threads:
        yield from threads.iter_partials()


class _StreamThreads(Generic[PartialT]):
    """Threads that map one task after the other.

    Args:
        call: The job, set up for this process, and what to do with a finished task.
        n_threads: How many there may be.
    """

    def __init__(self, call: AnyCall[PartialT], n_threads: int) -> None:
        self._call, self._limit = call, n_threads
        self._numbered: Iterator[tuple[int, Task]] = enumerate(call.tasks)
        self._threads: list[threading.Thread] = []
        self._given: SimpleQueue[Done[Any] | None] = SimpleQueue()  # None is the end of a thread
        self._ended: SimpleQueue[tuple[Done[Any], PartialT | BaseException]] = SimpleQueue()
        self._n_given = self._n_running = 0
        self._failures: dict[int, BaseException] = {}  # by number of the task
        self._is_closed = False

    def iter_partials(self) -> Iterator[PartialT]:
        """Yield the partials in order; raise the error of the first task that fails."""
        waiting: dict[int, PartialT] = {}
        n_yielded = 0
        is_over = False
        while True:
            while not is_over and self._n_given < n_yielded + _N_AHEAD * self._limit and not self._must_wait():
                is_over = not self._give_next()
            if not self._n_running:
                break
            done, result = self._ended.get()
            self._n_running -= 1
            if isinstance(result, BaseException):
                self._failures[done.number] = result
                is_over = True
                continue
            done.task.release()
            self._call.on_done(done)
            waiting[done.number] = result
            while n_yielded in waiting:
                yield waiting.pop(n_yielded)
                n_yielded += 1
        if self._failures:
            raise self._failures[min(self._failures)]

    def close(self) -> None:
        """Let the threads end.

        A thread that does not, such as one that waits for a disk, ends with the process.
        """
        self._is_closed = True
        for _ in self._threads:
            self._given.put(None)
        end = time.monotonic() + _MAX_END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _give_next(self) -> bool:
        """Give the next task to the threads; return whether there is one."""
        try:
            number, task = next(self._numbered)
        except StopIteration:
            return False
        except KxcliError as error:
            self._failures[sys.maxsize] = error  # every task given out precedes it
            return False
        if len(self._threads) < self._limit:
            self._start_thread()
        self._given.put(Done(task, number, [], []))
        self._n_given += 1
        self._n_running += 1
        return True

    def _must_wait(self) -> bool:
        """Return whether the next task has to wait for input, and a thread is busy."""
        return self._n_running > 0 and self._call.is_idle is not None and self._call.is_idle()

    def _start_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=f"kxcli-{len(self._threads)}", daemon=True)
        try:
            with block_signals():  # they have to interrupt the main thread
                thread.start()
                self._threads.append(thread)
        except RuntimeError as error:
            if not self._threads:
                raise KxcliError(f"no thread could be started ({error}); use -j 1") from None
            self._limit = len(self._threads)

    def _work(self) -> None:
        """Map tasks until there are none."""
        while (done := self._given.get()) is not None and not self._is_closed:
            try:
                self._ended.put((done, self._call.job.map(self._read(done))))
            except BaseException as error:  # noqa: BLE001 -- raised in the main thread
                error.add_note("in a worker:\n" + "\n".join(format_traceback(error)))
                self._ended.put((done, error))

    def _read(self, done: Done[Any]) -> Iterator[Any]:
        for record in self._call.read(done.task, done.diagnostics, done.spooled):
            if self._is_closed:
                raise KxcliError("the run has ended")
            yield record
