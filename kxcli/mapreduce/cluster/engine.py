"""The engine of a cluster: the same jobs on the workers of Dask."""

from collections.abc import Callable, Iterator
from contextlib import closing

from kxcli.mapreduce.cluster.batch_scheduler import BatchScheduler
from kxcli.mapreduce.cluster.connection import ClusterConnection, Timeouts
from kxcli.mapreduce.job import AnyCall, PartialT, PartitionableJob, ResultT, SnapshotEngine
from kxcli.storage.partial_store import spill

_MIN_MAPPED_BYTES = 1 << 20  # of a part that goes to a file: all parts together may need more than the memory
_MIN_PARTS, _MAX_PARTS = 4, 64  # of a partial that can be split; between these, one for each thread


class ClusterEngine(SnapshotEngine):
    """Runs jobs one after the other on a cluster.

    Args:
        address: `tcp://host:port`, `tls://host:port`, or `local:N`.
        make_folder: Returns the private folder of the run.
        log: Receives a message if the engine waits for workers.
        timeouts: How long it waits; by default as `Timeouts` says.
        max_remembered_bytes: Of pickled batches that the scheduler keeps to repeat them.
    """

    min_interval = 10.0  # at a snapshot, workers wait for the last batches

    def __init__(
        self,
        address: str,
        make_folder: Callable[[], str],
        log: Callable[[str], None],
        *,
        timeouts: Timeouts | None = None,
        max_remembered_bytes: int = 1 << 29,
    ) -> None:
        self._make_folder, self._max_remembered_bytes = make_folder, max_remembered_bytes
        self._connection = ClusterConnection(address, make_folder, log, timeouts or Timeouts())

    def __enter__(self) -> "ClusterEngine":
        self.n_workers = self._connection.__enter__().n_threads
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.__exit__()

    def iter_snapshots(self, call: AnyCall[PartialT], should_snapshot: Callable[[], bool]) -> Iterator[PartialT]:
        """Map every task and yield snapshots.

        At each, workers wait until their last batches have ended.
        """
        is_partitionable = isinstance(call.job, PartitionableJob)
        n_parts = min(max(self.n_workers, _MIN_PARTS), _MAX_PARTS) if is_partitionable else 1
        with closing(self._schedule(call, n_parts)) as scheduler:
            while not scheduler.has_ended:
                parts = scheduler.reduce(should_snapshot)
                for number, data in enumerate(scheduler.fetch_each(parts)):
                    is_small = len(data) < _MIN_MAPPED_BYTES
                    scheduler.returned.add(number, data if is_small else spill(data, self._make_folder()))
                partial = scheduler.returned.drain()
                if partial is not None:
                    yield partial

    def reduce_into(
        self, call: AnyCall[PartialT], write: Callable[[int, PartialT], ResultT], n_parts: int
    ) -> list[ResultT]:
        """Map every task, and call `write(number, part)` on the worker of each part.

        If a worker dies after it wrote, another writes the part again: `write` has to replace what exists.
        """
        with closing(self._schedule(call, n_parts)) as scheduler:
            return list(scheduler.fetch_each(scheduler.write(scheduler.reduce(), write)))

    def stream(self, call: AnyCall[PartialT]) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks."""
        with closing(self._schedule(call, is_single=True)) as scheduler:
            for data in scheduler.stream():
                yield scheduler.returned.job.load(data)

    def _schedule(
        self, call: AnyCall[PartialT], n_parts: int = 1, *, is_single: bool = False
    ) -> BatchScheduler[PartialT]:
        return BatchScheduler(
            self._connection,
            call,
            n_parts=n_parts,
            is_single=is_single,
            max_remembered_bytes=self._max_remembered_bytes,
        )
