"""Gives the tasks of one job to workers, and repeats those of dead workers."""

import heapq
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from multiprocessing.connection import wait
from typing import Any

from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.job import Done, Task
from kxcli.mapreduce.spilling import FileSpan
from kxcli.mapreduce.worker import CollectPartial, StartJob
from kxcli.mapreduce.worker_handle import NumberedTask, WorkerHandle

_MAX_MERGED = 256  # tasks that are lost with a worker: some 15 seconds of work


@dataclass(frozen=True)
class WorkerSupply:
    """The worker processes of a pool, for one scheduler.

    Attributes:
        present: Workers that run and have no task.
        start: Starts another one; returns None if there are enough.
        remove: Drops a worker that died.
    """

    present: list[WorkerHandle]
    start: Callable[[], WorkerHandle | None]
    remove: Callable[[WorkerHandle], None]


class TaskScheduler:
    """Gives tasks to workers, and repeats the tasks of dead workers.

    A dead worker loses its current task and all tasks that it has merged and not spilled: others repeat them. The
    current task is repeated at most `retries` times, because it may be what killed the worker.

    Workers are started as tasks come, so there are never more workers than tasks.

    Args:
        supply: Starts and removes workers.
        start_job: The first message to each worker.
        tasks: The tasks, taken as they are needed.
        retries: How often a task is repeated.
        warn: Receives a message about each death.
        is_idle: Whether the next task has to wait for input; then it is not waited for while a worker is busy.

    Attributes:
        failures: The errors of tasks by number.
        spans: What the workers spilled.
        is_paused: Whether no new task is given out.
    """

    def __init__(
        self,
        supply: WorkerSupply,
        start_job: StartJob,
        tasks: Iterable[Task],
        retries: int,
        warn: Callable[[str], None],
        is_idle: Callable[[], bool] | None = None,
    ) -> None:
        self._supply, self._start_job, self._retries, self._warn = supply, start_job, retries, warn
        self._is_idle = is_idle
        self._waiting = supply.present[:]  # have not received this job
        self._idle: list[WorkerHandle] = []
        self._busy: dict[Any, WorkerHandle] = {}  # by connection
        self._numbered = enumerate(tasks)
        self._next: list[NumberedTask] = []  # the next task, once it has been looked at
        self._repeated: list[NumberedTask] = []  # a heap of tasks whose worker died
        self._n_deaths = Counter[int]()  # by the number of the current task
        self._reported: set[int] = set()  # repeated tasks that were done before
        self.failures: dict[int, BaseException] = {}
        self.spans: list[FileSpan] = []
        self.is_paused = False

    def give(self, before: int = sys.maxsize) -> bool:
        """Give a task to each free worker; return whether any worker has one.

        Args:
            before: The number of the first task that has to wait.
        """
        while (upcoming := self._peek()) is not None and upcoming[0] < before:
            worker = self._find_free(upcoming)
            if worker is None:
                break
            (heapq.heappop if self._repeated else list.pop)(self._repeated or self._next)
            self._busy[worker.connection] = worker
            try:
                worker.send_task(upcoming, should_spill=self._should_spill(worker))
            except WorkerDiedError as died:
                self._busy.pop(worker.connection)
                if worker.current is None:  # it died before, of something else
                    heapq.heappush(self._repeated, upcoming)
                self._replace(worker, died)
        return bool(self._busy)

    def iter_done(self) -> Iterator[tuple[Done[Any], bytes]]:
        """Wait for workers; yield each finished task with its dumped partial.

        The partial is empty if workers merge.

        A task that is done for the second time, because its worker died after the first, is not yielded again.
        """
        for connection in wait(list(self._busy)):
            worker = self._busy.pop(connection)
            assert worker.current is not None
            number, task = worker.current
            try:
                answer = worker.receive()
            except WorkerDiedError as died:
                self._replace(worker, died)
                continue
            worker.is_new = False
            self._idle.append(worker)
            if isinstance(answer, BaseException):
                worker.current = None
                self.failures[number] = answer
                continue
            self.spans += answer.spans
            worker.mark_done(is_safe=answer.is_safe, may_repeat=self._retries > 0)
            if number in self._reported:
                self._reported.discard(number)
            else:
                yield Done(task, number, answer.diagnostics, answer.spooled), answer.partial

    def collect(self) -> Iterator[bytes]:
        """Yield the dumped partial of each worker.

        If a worker died, there are tasks to repeat afterwards.
        """
        idle, self._idle = self._idle, []
        notified = []
        for worker in idle:
            try:
                worker.send(CollectPartial())
                notified.append(worker)
            except WorkerDiedError as died:
                self._replace(worker, died)
        for worker in notified:
            try:
                answer = worker.receive()
            except WorkerDiedError as died:
                self._replace(worker, died)
                continue
            if isinstance(answer, BaseException):
                raise answer
            self.spans += answer.spans
            worker.clear_history()
            self._idle.append(worker)
            if answer.data is not None:
                yield answer.data

    @property
    def is_over(self) -> bool:
        """Whether no task is left to give out."""
        return self._peek() is None

    def raise_first(self) -> None:
        """Raise the error of the first failed task, if any."""
        if self.failures:
            raise self.failures[min(self.failures)]

    def _peek(self) -> NumberedTask | None:
        """Return the next task; None after a failure, or if it is not waited for now.

        Only the tasks before the one that failed matter then.
        """
        if self.failures:
            return None
        if self._repeated:
            return self._repeated[0]
        must_wait = self._is_idle is not None and bool(self._busy) and self._is_idle()
        if not self._next and not self.is_paused and not must_wait:
            try:
                self._next += islice(self._numbered, 1)
            except KxcliError as error:
                self.failures[sys.maxsize] = error  # every task given out precedes it
        return self._next[0] if self._next and not self.is_paused else None

    def _find_free(self, upcoming: NumberedTask) -> WorkerHandle | None:
        """Return a worker with the job and without a task; None if all are busy."""
        while True:
            if self._idle:
                return self._idle.pop()
            is_new = not self._waiting
            worker = self._supply.start() if is_new else self._waiting.pop()
            if worker is None:
                return None
            try:
                worker.send(self._start_job)
            except WorkerDiedError as died:
                if is_new:  # an older worker died after its last job, of something else
                    worker.current = upcoming
                self._replace(worker, died)
                if self.failures:
                    return None
                continue
            return worker

    def _should_spill(self, worker: WorkerHandle) -> bool:
        """Return whether a worker should spill, to release its merged tasks."""
        policy = self._start_job.policy
        if policy is None or not self._retries:
            return False
        return len(worker.merged) >= _MAX_MERGED or worker.n_bytes > policy.max_replay_bytes

    def _replace(self, worker: WorkerHandle, died: WorkerDiedError) -> None:
        """Requeue the tasks of a dead worker, or fail its current task.

        It fails if its retries are used up.
        """
        self._supply.remove(worker)
        lost = worker.get_lost_tasks()
        if not lost:
            self._warn(f"{died.summary}; starting another one")
            return
        number = max(lost) if worker.current is None else worker.current[0]
        self._n_deaths[number] += 1
        if died.is_bus_error or self._n_deaths[number] > self._retries:
            self.failures[number] = died
            return
        self._warn(f"{died.summary}; repeating the task")
        self._reported.update(number for number, _ in worker.merged)
        queued = {number for number, _ in (*self._repeated, *self._next)}
        for numbered in lost.items():
            if numbered[0] not in queued:
                heapq.heappush(self._repeated, numbered)
