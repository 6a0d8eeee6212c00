"""Gives the batches of one job to the workers, and fetches the results."""

import sys
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import reduce
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, Generic

from kxcli.errors import KxcliError, WorkerDiedError
from kxcli.mapreduce.cluster import work
from kxcli.mapreduce.cluster.batches import TaskBatch, TaskBatches
from kxcli.mapreduce.cluster.connection import ClusterConnection
from kxcli.mapreduce.cluster.tree import URGENT, MergeTree
from kxcli.mapreduce.job import AnyCall, Done, Job, PartialT, RecordT
from kxcli.mapreduce.spilling import merge_dumped

if TYPE_CHECKING:
    from distributed import Future

    from kxcli.mapreduce.cluster.tree import PartFutures

_N_AHEAD = 3  # batches for each thread that are given out ahead
_MAX_PICKLED_BYTES = 1 << 28  # of batches in flight
_MERGING = "the merging of partials"


class ReturnedParts(Generic[PartialT]):
    """The parts of the partial in this process, merged."""

    def __init__(self, job: Job[RecordT, PartialT, object], shared: object) -> None:
        self._job, self._shared = job, shared
        self._is_ready = False
        self._parts: dict[int, PartialT] = {}

    @property
    def job(self) -> Job[Any, PartialT, object]:
        """The job, set up in this process when it is needed."""
        if not self._is_ready:
            self._job.setup(self._shared)
            self._is_ready = True
        return self._job

    def add(self, number: int, data: bytes | memoryview) -> None:
        """Merge a dumped part."""
        part = merge_dumped(self.job, [data], self._parts.get(number))
        assert part is not None
        self._parts[number] = part

    def dump(self) -> list[bytes]:
        """Return the dumped parts by number, none if nothing came back."""
        return [self.job.dump(self._parts[number]) for number in sorted(self._parts)]

    def drain(self) -> PartialT | None:
        """Return the sum of all parts, None if there is none, and start over."""
        parts, self._parts = self._parts, {}
        return reduce(self.job.merge, parts.values()) if parts else None


class BatchScheduler(Generic[PartialT]):
    """Gives the batches of one job to a cluster.

    The scheduler of Dask keeps the inputs of every partial, to compute it again if its worker dies. So that it does
    not have to keep a whole stream, partials are fetched into this process when their inputs are large.

    Args:
        connection: The cluster.
        call: The job and its tasks.
        n_parts: How many parts a partial is split into.
        is_single: Whether each task is a batch.
        max_remembered_bytes: Of pickled batches whose partials are on workers; at more, partials are fetched.

    Attributes:
        has_ended: Whether all batches were given out.
        returned: The parts that were fetched.
    """

    def __init__(
        self,
        connection: ClusterConnection,
        call: AnyCall[PartialT],
        *,
        n_parts: int,
        is_single: bool,
        max_remembered_bytes: int,
    ) -> None:
        self._connection, self._client, self._on_done = connection, connection.client, call.on_done
        self._run = uuid.uuid4().hex
        payload = work.pickle_job(call.read, call.job, call.shared)
        self._payload = self._client.submit(work.JobPayload, *payload, key=f"kxcli-job-{self._run}", pure=False)
        self._queue: SimpleQueue[Future[Any]] = SimpleQueue()
        self._in_flight: dict[Any, tuple[TaskBatch, Future[Any]]] = {}  # by the key of the future
        self._fetching: dict[Any, tuple[int, Future[Any]]] = {}  # numbers of parts, by the key
        self._failures: dict[int, BaseException] = {}  # by number of batch
        self._tree = MergeTree(self._client, self._payload, self._run, n_parts)
        self._n_remembered, self._max_remembered = 0, max_remembered_bytes
        self._batches = TaskBatches(call.tasks, connection.n_threads, is_single=is_single)
        self._ahead = iter(self._batches)
        self._upcoming: TaskBatch | None = None
        self.has_ended = False
        self.returned = ReturnedParts(call.job, call.shared)

    def reduce(self, should_snapshot: Callable[[], bool] = lambda: False) -> "PartFutures":
        """Map batches until a snapshot is due, or all are mapped.

        Waits for the batches that were given out.

        Returns:
            The futures of the parts of their sum, without the parts in `returned`.
        """
        is_paused = False

        def get_limit() -> int:
            return 0 if is_paused else sys.maxsize

        for batch, summary in self._iter_ended(self._give_to_tree, get_limit):
            self._batches.adapt(batch, summary.n_bytes)
            self._report(batch, summary.reports)
            is_paused = is_paused or should_snapshot()
        while self._fetching and not self._failures:
            self._take(self._connection.wait_finished(self._queue))
        self._raise_first()
        self._n_remembered = 0
        return self._tree.drain()

    def stream(self) -> Iterator[bytes]:
        """Yield the dumped partial of each task in input order."""
        waiting: dict[int, bytes] = {}
        n_yielded = 0

        def get_limit() -> int:
            return n_yielded + _N_AHEAD * self._connection.n_threads

        for batch, mapped in self._iter_ended(self._map, get_limit):
            self._report(batch, mapped.reports)
            waiting[batch.number] = mapped.data
            while n_yielded in waiting:
                n_yielded += 1
                yield waiting.pop(n_yielded - 1)

    def write(self, parts: "PartFutures", write: Callable[[int, PartialT], object]) -> "PartFutures":
        """Call `write` for each part on its worker.

        The parts in `returned` are merged into these first.
        """
        returned = self.returned.dump()
        numbers = range(len(parts))
        written: PartFutures = self._client.map(
            work.write_part,
            numbers,
            parts,
            *([returned] if returned else []),
            payload=self._payload,
            write=work.pickle_value(write),
            key=[f"kxcli-write-{self._run}-{number}" for number in numbers],
            pure=False,
        )
        return written

    def fetch_each(self, parts: "PartFutures") -> Iterator[Any]:
        """Wait for all parts, then yield and release each."""
        self._watch(parts)
        waiting = {future.key for future in parts}
        while waiting:
            waiting -= {future.key for future in self._connection.wait_finished(self._queue)}
        while parts:
            yield self._fetch(parts.pop(0), _MERGING)

    def close(self) -> None:
        """Release all futures: running tasks end, and waiting tasks are not started.

        Nothing is cancelled: a scheduler that cancels the input of a task that no one needs breaks off with its client
        (an assertion in `stimulus_cancel` of distributed 2026.8).
        """
        given = [future for _, future in (*self._in_flight.values(), *self._fetching.values())]
        with suppress(Exception):  # the scheduler may be gone
            for future in (*given, *self._tree.iter_futures(), self._payload):
                future.release()

    def _report(self, batch: TaskBatch, reports: list[work.TaskReport]) -> None:
        for number, (task, report) in enumerate(zip(batch.tasks, reports, strict=True), batch.first):
            self._on_done(Done(task, number, *report))

    def _iter_ended(
        self, give: "Callable[[TaskBatch], Future[Any]]", get_limit: Callable[[], int]
    ) -> Iterator[tuple[TaskBatch, Any]]:
        """Give out the batches below the limit, and yield the finished ones.

        Each comes with its result. If batches fail, those before them are waited for, and the first error is raised.
        """
        if self._upcoming is None:
            self._look_ahead()
        while True:
            while (batch := self._upcoming) is not None and batch.number < get_limit() and self._has_room(batch):
                future = give(batch)
                self._in_flight[future.key] = batch, future
                self._watch([future])
                self._look_ahead()
            if min((batch.number for batch, _ in self._in_flight.values()), default=sys.maxsize) >= self._first_failure:
                break
            ended = self._take(self._connection.wait_finished(self._queue))
            results = self._fetch_finished([future for _, future in ended])
            for batch, future in ended:
                try:
                    result = results[future.key] if future.key in results else self._fetch(future, batch.name)
                except Exception as error:  # noqa: BLE001 -- raised when it is known to be the first
                    self._failures[batch.number] = error
                else:
                    yield batch, result
            if self._failures:
                self._upcoming = None
        self._raise_first()

    def _raise_first(self) -> None:
        if self._failures:
            raise self._failures[self._first_failure]

    @property
    def _first_failure(self) -> int:
        """The number of the first batch that failed, larger than any if none did."""
        return min(self._failures, default=sys.maxsize)

    def _has_room(self, batch: TaskBatch) -> bool:
        if not self._in_flight:
            return True
        n_bytes = len(batch.data) + sum(len(other.data) for other, _ in self._in_flight.values())
        return len(self._in_flight) < _N_AHEAD * self._connection.n_threads and n_bytes <= _MAX_PICKLED_BYTES

    def _look_ahead(self) -> None:
        self._upcoming = None
        try:
            self._upcoming = None if self._failures else next(self._ahead, None)
        except KxcliError as error:
            self._failures[sys.maxsize] = error  # every task given out precedes it
        self.has_ended = self._upcoming is None

    def _map(self, batch: TaskBatch) -> "Future[Any]":
        key = f"kxcli-map-{self._run}-{batch.number}"
        future: Future[Any] = self._client.submit(work.map_batch, self._payload, batch.data, key=key, pure=False)
        return future

    def _give_to_tree(self, batch: TaskBatch) -> "Future[Any]":
        if self._n_remembered > self._max_remembered:
            self._fetch_parts()
        self._n_remembered += len(batch.data)
        mapped = self._map(batch)
        self._watch(self._tree.add(mapped))
        key = f"kxcli-summary-{self._run}-{batch.number}"
        summary: Future[Any] = self._client.submit(work.summarize_batch, mapped, key=key, priority=URGENT, pure=False)
        self._tree.hold([summary], [mapped])
        return summary

    def _fetch_parts(self) -> None:
        parts = self._tree.drain()
        self._watch(parts)
        self._fetching.update((future.key, (number, future)) for number, future in enumerate(parts))
        self._n_remembered = 0

    def _watch(self, futures: "Iterable[Future[Any]]") -> None:
        for future in futures:
            future.add_done_callback(self._queue.put)

    def _take(self, finished: "list[Future[Any]]") -> "list[tuple[TaskBatch, Future[Any]]]":
        """Return the batches among finished futures.

        Fetched parts go to `returned`, errors of other futures to the failures.
        """
        ended = []
        for future in finished:
            self._tree.release(future.key)
            if future.key in self._in_flight:
                ended.append(self._in_flight.pop(future.key))
                continue
            try:
                if future.key in self._fetching:
                    number, _ = self._fetching.pop(future.key)
                    self.returned.add(number, self._fetch(future, _MERGING))
                elif future.status != "finished":
                    self._fetch(future, _MERGING)
            except Exception as error:  # noqa: BLE001 -- a batch may raise the same error, and comes first
                self._failures.setdefault(sys.maxsize, error)
        return ended

    def _fetch_finished(self, futures: "list[Future[Any]]") -> dict[Any, Any]:
        """Return by key the results fetched in one round trip."""
        good = [future for future in futures if future.status == "finished"]
        try:
            return dict(zip([future.key for future in good], self._connection.fetch(good), strict=True))
        except Exception:  # noqa: BLE001 -- each is then fetched by itself
            return {}

    def _fetch(self, future: "Future[Any]", name: str) -> Any:
        """Return a result, or raise its error in words for a user."""
        from distributed.scheduler import KilledWorker

        if future.status == "cancelled":
            raise self._connection.make_gone_error()
        try:
            return self._connection.fetch([future])[0]
        except KxcliError:
            raise
        except Exception as error:
            with suppress(OSError):
                self._connection.check_workers()  # a worker that joined late with another kxcli fails like this
            if isinstance(error, KilledWorker):
                raise WorkerDiedError(name, None) from None
            raise
