"""The engine: jobs of the one contract on the workers of a cluster."""

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from queue import SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

import kxcli
from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.cluster import work
from kxcli.mapreduce.cluster.batches import Batch, batches
from kxcli.mapreduce.cluster.connection import Connection
from kxcli.mapreduce.cluster.tree import URGENT, Tree
from kxcli.mapreduce.job import Job, Read, Splitting, Task

if TYPE_CHECKING:
    from distributed import Future

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

OnDone = Callable[[Task, list[Any]], None]

_AHEAD = 3  # batches for each thread that are given out before they are wanted
_CARRIED = 1 << 28  # bytes of batches, as they are sent, in flight at most; they wait at the scheduler
_FEWEST_PARTS, _MOST_PARTS = 4, 64  # of a partial that can be split; between, as many as there are threads


class Engine:
    """Runs jobs one after the other on a cluster.

    address: `tcp://host:port`, `tls://host:port`, or `local:N`.  folder: makes the run's private folder.
    tell: is told what is waited for.  workers: threads of all workers, when they were asked.
    """

    def __init__(self, address: str, folder: Callable[[], str], tell: Callable[[str], None]) -> None:
        self._connection = Connection(address, folder, tell)

    def __enter__(self) -> "Engine":
        self._connection.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.__exit__()

    @property
    def workers(self) -> int:
        """How many tasks can be at work at the same time."""
        return self._connection.workers

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

        `on_done` is called in the order in which batches of tasks end.  Where tasks fail, the error of the first in
        input order is raised; `WorkerDiedError` where one ends every worker that has it.
        """
        with self._round(read, job, shared, self._parts(job)) as round_:
            row = round_.reduced(tasks, on_done)
            job.setup(shared)
            partial: PartialT | None = None
            for data in round_.results(row):
                more = job.load(data)
                partial = more if partial is None else job.merge(partial, more)
            return partial

    def reduce_into(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        write: work.Write,
        *,
        shared: object,
        on_done: OnDone,
        parts: int,
    ) -> list[Any]:
        """As `reduce`, but hand each part to `write` where it is, and return what it returned, by number.

        A worker that dies may have written: another writes the part again, so `write` has to replace what is there.
        """
        with self._round(read, job, shared, parts) as round_:
            return list(round_.results(round_.written(round_.reduced(tasks, on_done), write)))

    def stream(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks; only some wait for one before them.

        As with `reduce`, but what comes before a task that fails is yielded first.
        """
        with self._round(read, job, shared, 1) as round_:
            for number, data in enumerate(round_.streamed(tasks, on_done)):
                if not number:
                    job.setup(shared)
                yield job.load(data)

    def _parts(self, job: Job[Any, Any]) -> int:
        return min(max(self.workers, _FEWEST_PARTS), _MOST_PARTS) if isinstance(job, Splitting) else 1

    @contextmanager
    def _round(
        self, read: Read[TaskT, RecordT], job: Job[RecordT, PartialT], shared: object, parts: int
    ) -> "Iterator[_Round]":
        round_ = _Round(self._connection, work.payload((read, job, shared)), parts)
        try:
            yield round_
        finally:
            round_.release()


class _Round:
    """The batches of one job, while they go out to the scheduler and come back."""

    def __init__(self, connection: Connection, payload: tuple[bytes, list[Any]], parts: int) -> None:
        self._connection, self._client, self._parts = connection, connection.client, parts
        self._name = f"kxcli-{uuid.uuid4().hex}"
        self._sent = self._client.submit(work.Payload, *payload, key=f"{self._name}-job", pure=False)
        self._queue: SimpleQueue[Future[Any]] = SimpleQueue()
        self._in_flight: dict[str, tuple[Batch, Future[Any]]] = {}  # by the key of what is waited for
        self._failures: dict[int, BaseException] = {}  # by number of batch
        self._tree = Tree(self._client, self._sent, self._name)

    def reduced(self, tasks: Iterable[Task], on_done: OnDone) -> "list[Future[Any]]":
        """Map all batches, and return the futures of the parts of what they give together."""
        for batch, told in self._done(batches(tasks, self._connection.workers), self._give_to_tree, lambda: sys.maxsize):
            _tell(batch, told, on_done)
        return self._tree.top()

    def streamed(self, tasks: Iterable[Task], on_done: OnDone) -> Iterator[bytes]:
        """Yield the dumped partial of each task in input order."""
        held: dict[int, bytes] = {}
        n_yielded = 0

        def limit() -> int:
            return n_yielded + _AHEAD * self._connection.workers

        single = batches(tasks, self._connection.workers, is_single=True)
        for batch, (told, (data,)) in self._done(single, self._map, limit):
            _tell(batch, told, on_done)
            held[batch.number] = data
            while n_yielded in held:
                n_yielded += 1
                yield held.pop(n_yielded - 1)

    def written(self, row: "list[Future[Any]]", write: work.Write) -> "list[Future[Any]]":
        """Have each part written where it is."""
        keys = [f"{self._name}-write-{number}" for number in range(len(row))]
        made: list[Future[Any]] = self._client.map(
            work.written, range(len(row)), row, sent=self._sent, write=work.dumped(write), key=keys, pure=False
        )
        return made

    def results(self, futures: "list[Future[Any]]") -> Iterator[Any]:
        """Yield results one after the other, as soon as they are there, and hold none of them."""
        for future in futures:
            self._watch([future])
        waiting = {future.key for future in futures}
        while waiting:
            waiting -= {future.key for future in self._connection.finished(self._queue)}
        while futures:
            yield self._result(futures.pop(0), "the merging of partials")

    def release(self) -> None:
        """Let the scheduler forget everything: what is at work ends, what waits is not begun."""
        futures = [self._sent, *(future for _, future in self._in_flight.values())]
        with suppress(Exception):  # a scheduler that is gone has forgotten
            self._client.cancel(futures, force=True)

    def _done(
        self,
        ahead: Iterator[Batch],
        give: "Callable[[Batch], Future[Any]]",
        limit: Callable[[], int],
    ) -> Iterator[tuple[Batch, Any]]:
        """Give out batches whose number is below the limit, some at a time; yield those that ended with their answers.

        Where batches fail, those before them are waited for, and the first error is raised.
        """
        upcoming = self._next(ahead)
        while True:
            while upcoming is not None and upcoming.number < limit() and self._has_room(upcoming):
                future = give(upcoming)
                self._in_flight[future.key] = upcoming, future
                self._watch([future])
                upcoming = self._next(ahead)
            if not self._in_flight or min(batch.number for batch, _ in self._in_flight.values()) > self._first_failure:
                break
            for key in [future.key for future in self._connection.finished(self._queue)]:
                if key in self._in_flight:
                    batch, future = self._in_flight.pop(key)
                    try:
                        answer = self._result(future, batch.name)
                    except Exception as error:  # noqa: BLE001 -- raised when it is known to be the first
                        self._failures[batch.number] = error
                        upcoming = None
                    else:
                        yield batch, answer
        if self._failures:
            raise self._failures[self._first_failure]

    @property
    def _first_failure(self) -> int:
        return min(self._failures, default=sys.maxsize)

    def _has_room(self, batch: Batch) -> bool:
        if not self._in_flight:
            return True
        held = sum(len(other.data) for other, _ in self._in_flight.values())
        return len(self._in_flight) < _AHEAD * self._connection.workers and held + len(batch.data) <= _CARRIED

    def _next(self, ahead: Iterator[Batch]) -> Batch | None:
        if self._failures:
            return None
        try:
            return next(ahead, None)
        except KxcliError as error:
            self._failures[sys.maxsize] = error  # every task given out comes before it
            return None

    def _map(self, batch: Batch) -> "Future[Any]":
        key = f"{self._name}-map-{batch.number}"
        future: Future[Any] = self._client.submit(
            work.mapped, kxcli.__version__, self._sent, batch.data, self._parts, key=key, pure=False
        )
        return future

    def _give_to_tree(self, batch: Batch) -> "Future[Any]":
        mapped = self._map(batch)
        keys = [f"{self._name}-part-{batch.number}-{part}" for part in range(self._parts)]
        numbers = range(self._parts)
        row = self._client.map(work.part, [mapped] * self._parts, numbers, key=keys, priority=URGENT, pure=False)
        self._tree.add(row)
        key = f"{self._name}-told-{batch.number}"
        told: Future[Any] = self._client.submit(work.told, mapped, key=key, priority=URGENT, pure=False)
        return told

    def _watch(self, futures: "Iterable[Future[Any]]") -> None:
        for future in futures:
            future.add_done_callback(self._queue.put)

    def _result(self, future: "Future[Any]", name: str) -> Any:
        """Return a result, or raise what became of it, in words for a user."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._connection.gone()
        try:
            return self._connection.gathered([future])[0]
        except KxcliError:
            raise
        except KilledWorker:
            raise WorkerDiedError(name, None) from None
        except Exception:
            with suppress(OSError):
                self._connection.check_workers()  # one that came late, without kxcli or with another, fails like this
            raise


def _tell(batch: Batch, told: work.Told, on_done: OnDone) -> None:
    for task, news in zip(batch.tasks, told, strict=True):
        on_done(task, news)
