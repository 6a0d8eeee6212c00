"""The tasks of one job, while they go out to workers and come back, from those that die to others."""

import heapq
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from multiprocessing.connection import wait
from typing import TYPE_CHECKING, Any

from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.job import Task
from kxcli.mapreduce.spilling import Span
from kxcli.mapreduce.worker import Begin, CollectPartial

if TYPE_CHECKING:
    from kxcli.mapreduce.pool import Pool, Worker

_MOST_MERGED = 256  # tasks that a worker may lose when it dies: some 15 seconds of work

Numbered = tuple[int, Task]


class Round:
    """What is still to be given out, who has what, and what went wrong.

    begin: what a worker hears before its first task.
    failures: of tasks, by number.  Workers are started as tasks come, so that there are never more than tasks.

    A worker that dies takes along the task at hand and all that it has merged and not put away: these go to others.
    The task at hand is given out `retries` times more, because it may be what killed the worker.
    """

    def __init__(
        self,
        pool: "Pool",
        begin: Begin,
        tasks: Iterable[Task],
        retries: int,
        tell: Callable[[str], None],
    ) -> None:
        self._pool, self._begin, self._retries, self._tell = pool, begin, retries, tell
        self._waiting = pool.workers[:]  # has not heard of this job
        self._idle: list[Worker] = []
        self._busy: dict[Any, Worker] = {}
        self._numbered = enumerate(tasks)
        self._next: list[Numbered] = []  # the next task, once it has been looked at
        self._again: list[Numbered] = []  # a heap of those whose worker died
        self._deaths: Counter[int] = Counter()  # by the number of the task at hand
        self._known: set[int] = set()  # tasks given out again that were done, and told of, before
        self.failures: dict[int, BaseException] = {}
        self.spans: list[Span] = []  # of what was put away
        self.is_paused = False  # no new task is given

    def gives(self, before: int = sys.maxsize) -> bool:
        """Give a task, if its number is before that, to every worker that can have one; return whether any has one."""
        while (upcoming := self._upcoming()) is not None and upcoming[0] < before:
            worker = self._free(upcoming)
            if worker is None:
                break
            (heapq.heappop if self._again else list.pop)(self._again or self._next)
            self._busy[worker.connection] = worker
            try:
                worker.give(upcoming, is_to_put_away=self._is_full(worker))
            except WorkerDiedError as died:
                self._busy.pop(worker.connection)
                if worker.at_hand is None:  # it died before, of something else
                    heapq.heappush(self._again, upcoming)
                self._bury(worker, died)
        return bool(self._busy)

    def answers(self) -> Iterator[tuple[Task, int, list[Any], Any]]:
        """Wait for workers; yield of each that has ended a task the task, its number, what was told, and the partial.

        A task that is done for the second time, because its worker died after the first, is not told of again.
        """
        for connection in wait(list(self._busy)):
            worker = self._busy.pop(connection)
            assert worker.at_hand is not None
            number, task = worker.at_hand
            try:
                answer = worker.receive()
            except WorkerDiedError as died:
                self._bury(worker, died)
                continue
            worker.is_new = False
            self._idle.append(worker)
            if isinstance(answer, BaseException):
                worker.at_hand = None
                self.failures[number] = answer
                continue
            told, partial = answer
            is_put_away, spans = (True, []) if self._begin.keeping is None else partial
            self.spans += spans
            worker.merges(is_put_away=is_put_away, is_held=self._retries > 0)
            if number in self._known:
                self._known.discard(number)
            else:
                yield task, number, told, partial

    def collected(self) -> Iterator[bytes]:
        """Yield what each worker has left; where one has died, there are tasks to be given out again."""
        idle, self._idle = self._idle, []
        asked = []
        for worker in idle:
            try:
                worker.send(CollectPartial())
                asked.append(worker)
            except WorkerDiedError as died:
                self._bury(worker, died)
        for worker in asked:
            try:
                answer = worker.receive()
            except WorkerDiedError as died:
                self._bury(worker, died)
                continue
            if isinstance(answer, BaseException):
                raise answer
            left, spans = answer
            self.spans += spans
            worker.forgets()
            self._idle.append(worker)
            if left is not None:
                yield left

    @property
    def is_over(self) -> bool:
        """Whether there is no task any more."""
        return self._upcoming() is None

    def _upcoming(self) -> Numbered | None:
        """Return the next task; none after a failure: what was given out comes before it, and may still fail."""
        if self.failures:
            return None
        if self._again:
            return self._again[0]
        if not self._next and not self.is_paused:
            try:
                self._next += islice(self._numbered, 1)
            except KxcliError as error:
                self.failures[sys.maxsize] = error  # every task given out comes before it
        return self._next[0] if self._next and not self.is_paused else None

    def _free(self, upcoming: Numbered) -> "Worker | None":
        """Return a worker for a task, None where all have one; a new one where one has died or there may be more."""
        while True:
            if self._idle:
                return self._idle.pop()
            if not self._waiting and len(self._pool.workers) >= self._pool.limit:
                return None
            is_new = not self._waiting
            worker = self._pool.start() if is_new else self._waiting.pop()
            try:
                worker.send(self._begin)
            except WorkerDiedError as died:
                if is_new:  # else it died after the job before this one, for which it did all that it was to do
                    worker.at_hand = upcoming
                self._bury(worker, died)
                if self.failures:
                    return None
                continue
            return worker

    def _is_full(self, worker: "Worker") -> bool:
        """Return whether a worker is to put away what it has, so that its tasks need not be held any more."""
        keeping = self._begin.keeping
        if keeping is None or not self._retries:
            return False
        return len(worker.merged) >= _MOST_MERGED or worker.n_bytes > keeping.most_held

    def _bury(self, worker: "Worker", died: WorkerDiedError) -> None:
        """Let others have what a dead worker had, or take its death for the failure of the task that it had at hand."""
        self._pool.forget(worker)
        lost = worker.lost()
        if not lost:
            self._tell(f"{died.what_happened}; another one takes its place")
            return
        number = max(lost) if worker.at_hand is None else worker.at_hand[0]
        self._deaths[number] += 1
        if died.is_bus_error or self._deaths[number] > self._retries:
            self.failures[number] = died
            return
        self._tell(f"{died.what_happened}; that part is read again by another one")
        self._known.update(numbered[0] for numbered in worker.merged)
        waiting = {numbered[0] for numbered in (*self._again, *self._next)}
        for numbered in lost.items():
            if numbered[0] not in waiting:
                heapq.heappush(self._again, numbered)
