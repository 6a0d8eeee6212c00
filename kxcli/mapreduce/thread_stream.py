"""Streams of partials by worker threads."""

from collections.abc import Iterator
from contextlib import closing
from functools import partial

from kxcli.mapreduce.job import AnyCall, PartialT
from kxcli.mapreduce.worker_threads import WorkerThreads

_N_AHEAD = 3  # tasks for each thread that a stream computes ahead


def stream(call: AnyCall[PartialT], n_threads: int) -> Iterator[PartialT]:
    """Map every task in threads, and yield the partials in the order of the tasks.

    No task is waited for while there are partials to come.
    """
    call.job.setup(call.shared)
    with closing(_StreamThreads(call, n_threads)) as threads:
        yield from threads.iter_partials()


class _StreamThreads(WorkerThreads[PartialT]):
    """Threads that map one task after the other."""

    def iter_partials(self) -> Iterator[PartialT]:
        """Yield the partials before the first task that fails, then raise its error."""
        numbered = enumerate(self._call.tasks)
        waiting: dict[int, PartialT] = {}
        n_given = n_yielded = 0
        is_over = False
        while True:
            while not is_over and n_given < n_yielded + _N_AHEAD * self.limit and not self._must_wait():
                is_over = not self.give_next(numbered)
                n_given += 1
            if not self.n_running:
                break
            ended = self.wait_for_task()
            if ended is None:
                is_over = True
                continue
            done, mapped = ended
            waiting[done.number] = mapped
            while n_yielded in waiting:
                yield waiting.pop(n_yielded)
                n_yielded += 1
        self.raise_first()

    def work(self) -> None:
        """Map the given tasks."""
        for done in self.iter_given():
            if done is not None:
                self.answer(done, partial(self._call.job.map, self.read(done)))

    def _must_wait(self) -> bool:
        """Return whether the next task has to wait for input, and a thread is busy."""
        return self.n_running > 0 and self._call.is_idle is not None and self._call.is_idle()
