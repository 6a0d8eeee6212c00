"""Sums of partials by worker threads."""

from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from typing import NamedTuple

from kxcli.mapreduce.job import AnyCall, PartialT, Task
from kxcli.mapreduce.spilling import FileSpan, SpillingAccumulator, merge_spilled
from kxcli.mapreduce.worker_threads import WorkerThreads

_N_AHEAD = 1  # tasks that wait for a free thread


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

    At a snapshot, all threads end, and new ones are started.
    """
    call.job.setup(call.shared)
    numbered = enumerate(call.tasks)
    is_over = False
    while not is_over:
        with closing(_MergingThreads(call, limits)) as threads:
            is_over = threads.map(numbered, should_snapshot)
            yield from threads.collect()


class _MergingThreads(WorkerThreads[PartialT]):
    """Threads that map tasks until the next snapshot, each with a partial of its own.

    Args:
        call: The job, set up for this process, and what to do with a finished task.
        limits: How many threads there may be, and how much memory each may use.
    """

    def __init__(self, call: AnyCall[PartialT], limits: ThreadLimits) -> None:
        super().__init__(call, limits.n_threads)
        self._limits = limits
        self._spans: list[FileSpan] = []
        self._partials: list[PartialT] = []

    def map(self, numbered: Iterator[tuple[int, Task]], should_snapshot: Callable[[], bool]) -> bool:
        """Map tasks until a snapshot is due; return whether none is left.

        If tasks fail, the error of the first of them is raised when the tasks before it have ended.
        """
        is_over = is_paused = False
        while True:
            while not (is_over or is_paused) and self.n_running < self.limit + _N_AHEAD:
                is_over = not self.give_next(numbered)
            if not self.n_running:
                break
            if self.wait_for_task() is None:
                is_over = True
            else:
                is_paused = is_paused or should_snapshot()
        self.raise_first()
        return is_over

    def collect(self) -> Iterator[PartialT]:
        """End the threads, and yield the sum of their partials, if there are any."""
        self.end_threads()
        total: PartialT | None = None
        for own in self._partials:
            total = own if total is None else self._call.job.merge(total, own)
        yield from merge_spilled(self._call.job, (), self._spans, total)

    def work(self) -> None:
        """Add the given tasks to a partial, then hand it over."""
        with closing(
            SpillingAccumulator(self._call.job, self._limits.max_partial_bytes, self._make_folder)
        ) as accumulator:
            for done in self.iter_given():
                if done is None:
                    self.answer(done, partial(self._hand_over, accumulator))
                else:
                    self.answer(done, partial(accumulator.add, self.read(done)))

    def _make_folder(self) -> str:
        self.check_open()
        return self._limits.make_folder()

    def _hand_over(self, accumulator: SpillingAccumulator[PartialT]) -> None:
        """Dump the partial here, because all threads can do that at once."""
        if accumulator.has_spilled:  # it is large: there is no room for the rest of all threads
            accumulator.spill()
        self._spans += accumulator.drain_spans()
        own = accumulator.drain()
        if own is not None:
            self._partials.append(self._call.job.load(self._call.job.dump(own)))
