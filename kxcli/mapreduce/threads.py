"""Worker threads for jobs that release the lock of the interpreter.

They need no start-up, and they share the dictionary; no partial is pickled.
"""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from queue import SimpleQueue
from typing import Any, Generic, NamedTuple

from kxcli.errors import KxcliError
from kxcli.mapreduce.job import AnyCall, Done, PartialT, Task
from kxcli.mapreduce.spilling import FileSpan, SpillingAccumulator, merge_spilled
from kxcli.signals import block_signals
from kxcli.wording import format_traceback

_N_AHEAD = 1  # tasks that wait for a free thread
_MAX_END_SECONDS = 2.0  # after a signal, to wait for threads: each ends at its next record


class ThreadLimits(NamedTuple):
    """The limits of all threads.

    Attributes:
        n_threads: How many there may be.
        max_partial_bytes: Memory of a partial of a thread; a heavier one is spilled.
        make_folder: Returns the private folder of the run, for spilled partials.
    """

    n_threads: int
    max_partial_bytes: int
    make_folder: Callable[[], str]


def iter_snapshots(
    call: AnyCall[PartialT], limits: ThreadLimits, should_snapshot: Callable[[], bool]
) -> Iterator[PartialT]:
    """Map every task in threads, and yield snapshots.

    Tasks are taken and reported in this thread. At a snapshot, all threads end, and new ones are started.
    """
    call.job.setup(call.shared)
    numbered = enumerate(call.tasks)
    is_over = False
    while not is_over:
        with closing(_WorkerThreads(call, limits)) as threads:
            is_over = threads.map(numbered, should_snapshot)
            yield from threads.collect()


class _WorkerThreads(Generic[PartialT]):
    """Threads that map tasks until the next snapshot, each with a partial of its own.

    Args:
        call: The job, set up for this process, and what to do with a finished task.
        limits: How many threads there may be, and how much memory each may use.
    """

    def __init__(self, call: AnyCall[PartialT], limits: ThreadLimits) -> None:
        self._call, self._limits, self._limit = call, limits, limits.n_threads
        self._threads: list[threading.Thread] = []
        # None instead of a task is the end of a thread.
        self._given: SimpleQueue[Done[Any] | None] = SimpleQueue()
        self._ended: SimpleQueue[tuple[Done[Any] | None, BaseException | None]] = SimpleQueue()
        self._n_running = 0  # tasks that are given and not ended
        self._failures: dict[int, BaseException] = {}  # by number of the task
        self._spans: list[FileSpan] = []
        self._partials: list[PartialT] = []
        self._is_closed = False

    def map(self, numbered: Iterator[tuple[int, Task]], should_snapshot: Callable[[], bool]) -> bool:
        """Map tasks until a snapshot is due; return whether none is left.

        If tasks fail, the error of the first of them is raised when the tasks before it have ended.
        """
        is_over = is_paused = False
        while True:
            while not (is_over or is_paused) and self._n_running < self._limit + _N_AHEAD:
                is_over = not self._give_next(numbered)
            if not self._n_running:
                break
            done, error = self._ended.get()
            self._n_running -= 1
            assert done is not None, "threads end after their tasks"
            if error is not None:
                self._failures[done.number] = error
                is_over = True
                continue
            done.task.release()
            self._call.on_done(done)
            is_paused = is_paused or should_snapshot()
        self._raise_first()
        return is_over

    def collect(self) -> Iterator[PartialT]:
        """End the threads, and yield the sum of their partials, if there are any."""
        for _ in self._threads:
            self._given.put(None)
        for number, _ in enumerate(self._threads):
            _, error = self._ended.get()
            if error is not None:
                self._failures[number] = error
        self._raise_first()
        partial: PartialT | None = None
        for own in self._partials:
            partial = own if partial is None else self._call.job.merge(partial, own)
        yield from merge_spilled(self._call.job, (), self._spans, partial)

    def close(self) -> None:
        """Let the threads end.

        A thread that does not, such as one that waits for a disk, ends with the process, and writes no more files.
        """
        self._is_closed = True
        for _ in self._threads:
            self._given.put(None)
        end = time.monotonic() + _MAX_END_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, end - time.monotonic()))

    def _give_next(self, numbered: Iterator[tuple[int, Task]]) -> bool:
        """Give the next task to the threads; return whether there is one."""
        try:
            number, task = next(numbered)
        except StopIteration:
            return False
        except KxcliError as error:
            self._failures[sys.maxsize] = error  # every task given out precedes it
            return False
        if len(self._threads) < self._limit:
            self._start_thread()
        self._given.put(Done(task, number, [], []))
        self._n_running += 1
        return True

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
        """Map tasks until there are none, then hand over the partial."""
        with closing(
            SpillingAccumulator(self._call.job, self._limits.max_partial_bytes, self._make_folder)
        ) as accumulator:
            while True:
                done = self._given.get()
                if self._is_closed:
                    break
                self._answer(done, accumulator)
                if done is None:
                    break

    def _answer(self, done: Done[Any] | None, accumulator: SpillingAccumulator[PartialT]) -> None:
        try:
            if done is None:
                self._hand_over(accumulator)
            else:
                accumulator.add(self._read(done))
        except BaseException as error:  # noqa: BLE001 -- raised in the main thread
            error.add_note("in a worker:\n" + "\n".join(format_traceback(error)))
            self._ended.put((done, error))
        else:
            self._ended.put((done, None))

    def _read(self, done: Done[Any]) -> Iterator[Any]:
        for record in self._call.read(done.task, done.diagnostics, done.spooled):
            self._check_open()
            yield record

    def _make_folder(self) -> str:
        self._check_open()
        return self._limits.make_folder()

    def _check_open(self) -> None:
        if self._is_closed:
            raise KxcliError("the run has ended")

    def _hand_over(self, accumulator: SpillingAccumulator[PartialT]) -> None:
        """Dump the partial here, because all threads can do that at once."""
        if accumulator.has_spilled:  # it is large: there is no room for the rest of all threads
            accumulator.spill()
        self._spans += accumulator.drain_spans()
        partial = accumulator.drain()
        if partial is not None:
            self._partials.append(self._call.job.load(self._call.job.dump(partial)))

    def _raise_first(self) -> None:
        if self._failures:
            raise self._failures[min(self._failures)]
