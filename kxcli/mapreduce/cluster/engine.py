"""The engine: jobs of the one contract on the workers of a cluster."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from types import TracebackType
from typing import Any, TypeVar

from kxcli.mapreduce.cluster import work
from kxcli.mapreduce.cluster.connection import Connection
from kxcli.mapreduce.cluster.rounds import Round
from kxcli.mapreduce.job import Job, OnDone, PartitionableJob, Read, Task
from kxcli.storage.partial_store import spill

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

_MAPPED_FROM = 1 << 20  # bytes of a part that goes to a file: all parts together may be more than memory has room for
_FEWEST_PARTS, _MOST_PARTS = 4, 64  # of a partial that can be split; between, as many as there are threads


class ClusterEngine:
    """Runs jobs one after the other on a cluster.

    address: `tcp://host:port`, `tls://host:port`, or `local:N`.  folder: makes the run's private folder.
    tell: is told what is waited for.  workers: threads of all workers, when they were asked.
    least_leg: seconds that a leg should last, as each ends with workers that have nothing to do.
    """

    least_leg = 10.0

    def __init__(self, address: str, folder: Callable[[], str], tell: Callable[[str], None]) -> None:
        self._folder, self.least_leg = folder, 10.0
        self._connection = Connection(address, folder, tell)

    def __enter__(self) -> "ClusterEngine":
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
        """Map every task and merge the partials, as `Engine.reduce` says."""
        [*whole] = self.legs(read, tasks, job, shared=shared, on_done=on_done, is_over=lambda: False)
        return whole[0] if whole else None

    def legs(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
        is_over: Callable[[], bool],
    ) -> Iterator[PartialT]:
        """Map every task and yield what they give, leg by leg, as `SnapshotEngine.legs` says.

        At the end of a leg, the workers have nothing to do until their last batches have ended.
        """
        parts = min(max(self.workers, _FEWEST_PARTS), _MOST_PARTS) if isinstance(job, PartitionableJob) else 1
        with closing(Round(self._connection, read, tasks, job, shared, parts=parts)) as round_:
            while not round_.has_ended:
                for number, data in enumerate(round_.results(round_.reduced(on_done, is_over))):
                    is_small = len(data) < _MAPPED_FROM
                    round_.home.take(number, data if is_small else spill(data, self._folder()))
                partial: PartialT | None = round_.home.taken()
                if partial is not None:
                    yield partial

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
        with closing(Round(self._connection, read, tasks, job, shared, parts=parts)) as round_:
            row = round_.reduced(on_done)
            return list(round_.results(round_.written(row, write)))

    def stream(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks, as `Engine.stream` says."""
        with closing(Round(self._connection, read, tasks, job, shared, is_single=True)) as round_:
            for data in round_.streamed(on_done):
                yield round_.home.job.load(data)
