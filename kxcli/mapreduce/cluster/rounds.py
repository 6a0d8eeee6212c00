"""One job on a cluster: its batches on their way to the workers, and what comes back."""

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import reduce
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.cluster import work
from kxcli.mapreduce.cluster.batches import Batch, Batches
from kxcli.mapreduce.cluster.connection import Connection
from kxcli.mapreduce.cluster.tree import URGENT, Tree
from kxcli.mapreduce.job import Job, OnDone, Task
from kxcli.mapreduce.spilling import merged

if TYPE_CHECKING:
    from distributed import Future

    from kxcli.mapreduce.cluster.tree import Row

_AHEAD = 3  # batches for each thread that are given out before they are wanted
_CARRIED = 1 << 28  # bytes of batches, as they are sent, in flight at most
_REMEMBERED = 1 << 29  # bytes of batches, as they were sent, that the scheduler has to keep to do them again
_MERGING = "the merging of partials"


class Home:
    """What came back from the cluster, by part, merged in this process."""

    def __init__(self, job: Job[Any, Any], shared: object) -> None:
        self._job, self._shared = job, shared
        self._is_ready = False
        self._parts: dict[int, Any] = {}

    @property
    def job(self) -> Job[Any, Any]:
        """The job, set up in this process when it is first wanted."""
        if not self._is_ready:
            self._job.setup(self._shared)
            self._is_ready = True
        return self._job

    def take(self, number: int, data: bytes | memoryview) -> None:
        """Take more of a part."""
        self._parts[number] = merged(self.job, [data], self._parts.get(number))

    def dumped(self) -> list[bytes]:
        """Return the parts by number, none where nothing came back."""
        return [self.job.dump(self._parts[number]) for number in sorted(self._parts)]

    def taken(self) -> Any:
        """Return what all parts give together, None where there is none; what follows begins anew."""
        parts, self._parts = self._parts, {}
        return reduce(self.job.merge, parts.values()) if parts else None


class Round:
    """The batches of one job: `has_ended` tells whether all were given out.

    parts: how many a partial is split into.  is_single: each task is a batch.

    The scheduler remembers how every partial came to be, to have it computed again where a worker dies with it.  So
    that this does not hold a whole stream, the partials come home when what went out for them is much: the scheduler
    may then forget, and the next partials begin anew.
    """

    def __init__(
        self,
        connection: Connection,
        read: Any,
        tasks: Iterable[Task],
        job: Job[Any, Any],
        shared: object,
        *,
        parts: int = 1,
        is_single: bool = False,
    ) -> None:
        self._connection, self._client = connection, connection.client
        self._run = uuid.uuid4().hex
        payload = work.payload((read, job, shared))
        self._sent = self._client.submit(work.Payload, *payload, key=f"kxcli-job-{self._run}", pure=False)
        self._queue: SimpleQueue[Future[Any]] = SimpleQueue()
        self._in_flight: dict[Any, tuple[Batch, Future[Any]]] = {}  # by the key of what is waited for
        self._coming_home: dict[Any, tuple[int, Future[Any]]] = {}  # numbers of parts, by the key
        self._failures: dict[int, BaseException] = {}  # by number of batch
        self._tree = Tree(self._client, self._sent, self._run, parts)
        self._remembered = 0
        self._batches = Batches(tasks, connection.workers, is_single=is_single)
        self._ahead = iter(self._batches)
        self._upcoming: Batch | None = None
        self.has_ended = False
        self.home = Home(job, shared)

    def reduced(self, on_done: OnDone, is_over: Callable[[], bool] = lambda: False) -> "Row":
        """Map batches until it is over, all if it never is, and wait for those that were given out.

        Returns the futures of the parts of what they give together, beside what is at home.
        """
        is_paused = False

        def limit() -> int:
            return 0 if is_paused else sys.maxsize

        for batch, (told, weight) in self._done(self._give_to_tree, limit):
            self._batches.weigh(batch, weight)
            _tell(batch, told, on_done)
            is_paused = is_paused or is_over()
        while self._coming_home and not self._failures:
            self._take(self._connection.finished(self._queue))
        self._raise_first()
        self._remembered = 0
        return self._tree.top()

    def streamed(self, on_done: OnDone) -> Iterator[bytes]:
        """Yield the dumped partial of each task in input order."""
        held: dict[int, bytes] = {}
        n_yielded = 0

        def limit() -> int:
            return n_yielded + _AHEAD * self._connection.workers

        for batch, (told, data) in self._done(self._map, limit):
            _tell(batch, told, on_done)
            held[batch.number] = data
            while n_yielded in held:
                n_yielded += 1
                yield held.pop(n_yielded - 1)

    def written(self, row: "Row", write: work.Write) -> "Row":
        """Have each part written where it is, along with what came home of it."""
        home = self.home.dumped()
        numbers = range(len(row))
        made: Row = self._client.map(
            work.written,
            numbers,
            row,
            *([home] if home else []),
            sent=self._sent,
            write=work.dumped(write),
            key=[f"kxcli-write-{self._run}-{number}" for number in numbers],
            pure=False,
        )
        return made

    def results(self, row: "Row") -> Iterator[Any]:
        """Yield results one after the other, as soon as all are there, and hold none of them."""
        self._watch(row)
        waiting = {future.key for future in row}
        while waiting:
            waiting -= {future.key for future in self._connection.finished(self._queue)}
        while row:
            yield self._result(row.pop(0), _MERGING)

    def close(self) -> None:
        """Let the scheduler forget everything: what is at work ends, what waits is not begun.

        Nothing is cancelled: a scheduler that is told to cancel what something needs that nobody asks for any more
        breaks off with its client (an assertion in `stimulus_cancel` of distributed 2026.8).
        """
        given = [future for _, future in (*self._in_flight.values(), *self._coming_home.values())]
        with suppress(Exception):  # a scheduler that is gone has forgotten
            for future in (*given, *self._tree.futures(), self._sent):
                future.release()

    def _done(self, give: "Callable[[Batch], Future[Any]]", limit: Callable[[], int]) -> Iterator[tuple[Batch, Any]]:
        """Give out batches whose number is below the limit, some at a time; yield those that ended with their answers.

        Where batches fail, those before them are waited for, and the first error is raised.
        """
        if self._upcoming is None:
            self._look_ahead()
        while True:
            while (batch := self._upcoming) is not None and batch.number < limit() and self._has_room(batch):
                future = give(batch)
                self._in_flight[future.key] = batch, future
                self._watch([future])
                self._look_ahead()
            if min((batch.number for batch, _ in self._in_flight.values()), default=sys.maxsize) >= self._first_failure:
                break
            ended = self._take(self._connection.finished(self._queue))
            answers = self._answers([future for _, future in ended])
            for batch, future in ended:
                try:
                    answer = answers[future.key] if future.key in answers else self._result(future, batch.name)
                except Exception as error:  # noqa: BLE001 -- raised when it is known to be the first
                    self._failures[batch.number] = error
                else:
                    yield batch, answer
            if self._failures:
                self._upcoming = None
        self._raise_first()

    def _raise_first(self) -> None:
        if self._failures:
            raise self._failures[self._first_failure]

    @property
    def _first_failure(self) -> int:
        """The number of the first batch that failed; one that no batch has, where none did."""
        return min(self._failures, default=sys.maxsize)

    def _has_room(self, batch: Batch) -> bool:
        if not self._in_flight:
            return True
        held = sum(len(other.data) for other, _ in self._in_flight.values())
        return len(self._in_flight) < _AHEAD * self._connection.workers and held + len(batch.data) <= _CARRIED

    def _look_ahead(self) -> None:
        self._upcoming = None
        try:
            self._upcoming = None if self._failures else next(self._ahead, None)
        except KxcliError as error:
            self._failures[sys.maxsize] = error  # every task given out comes before it
        self.has_ended = self._upcoming is None

    def _map(self, batch: Batch) -> "Future[Any]":
        key = f"kxcli-map-{self._run}-{batch.number}"
        future: Future[Any] = self._client.submit(work.mapped, self._sent, batch.data, key=key, pure=False)
        return future

    def _give_to_tree(self, batch: Batch) -> "Future[Any]":
        if self._remembered > _REMEMBERED:
            self._call_home()
        self._remembered += len(batch.data)
        mapped = self._map(batch)
        self._watch(self._tree.add(mapped))
        key = f"kxcli-told-{self._run}-{batch.number}"
        told: Future[Any] = self._client.submit(work.told, mapped, key=key, priority=URGENT, pure=False)
        self._tree.hold([told], [mapped])
        return told

    def _call_home(self) -> None:
        row = self._tree.top()
        self._watch(row)
        self._coming_home.update((future.key, (number, future)) for number, future in enumerate(row))
        self._remembered = 0

    def _watch(self, futures: "Iterable[Future[Any]]") -> None:
        for future in futures:
            future.add_done_callback(self._queue.put)

    def _take(self, finished: "list[Future[Any]]") -> "list[tuple[Batch, Future[Any]]]":
        """Return the batches among what has ended; take home what was to come, and note the trouble of the rest."""
        ended = []
        for future in finished:
            self._tree.let_go(future.key)
            if future.key in self._in_flight:
                ended.append(self._in_flight.pop(future.key))
                continue
            try:
                if future.key in self._coming_home:
                    number, _ = self._coming_home.pop(future.key)
                    self.home.take(number, self._result(future, _MERGING))
                elif future.status != "finished":
                    self._result(future, _MERGING)
            except Exception as error:  # noqa: BLE001 -- the batch whose error it may be tells it, too
                self._failures.setdefault(sys.maxsize, error)
        return ended

    def _answers(self, futures: "list[Future[Any]]") -> dict[Any, Any]:
        """Return, by key, the results that can be had in one go: each costs a round trip."""
        good = [future for future in futures if future.status == "finished"]
        try:
            return dict(zip([future.key for future in good], self._connection.gathered(good), strict=True))
        except Exception:  # noqa: BLE001 -- whose error it was is found out one by one
            return {}

    def _result(self, future: "Future[Any]", name: str) -> Any:
        """Return a result, or raise what became of it, in words for a user."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._connection.gone()
        try:
            return self._connection.gathered([future])[0]
        except KxcliError:
            raise
        except Exception as error:
            with suppress(OSError):
                self._connection.check_workers()  # one that came late, without kxcli or with another, fails like this
            if isinstance(error, KilledWorker):
                raise WorkerDiedError(name, None) from None
            raise


def _tell(batch: Batch, told: work.Told, on_done: OnDone) -> None:
    for task, news in zip(batch.tasks, told, strict=True):
        on_done(task, news)
