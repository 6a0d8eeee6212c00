"""The contract between jobs (`mining/`) and engines.

An engine executes a `Call`: it computes `job.map(read(task))` for every task and merges the partials. Tasks depend on
the input alone, so the result is the same for any engine and any number of processes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

if TYPE_CHECKING:
    from kxcli.storage.array_spool import SpooledArray

TaskT = TypeVar("TaskT", bound="Task")
TaskT_contra = TypeVar("TaskT_contra", bound="Task", contravariant=True)
RecordT = TypeVar("RecordT")
RecordT_co = TypeVar("RecordT_co", covariant=True)
RecordT_contra = TypeVar("RecordT_contra", contravariant=True)
PartialT = TypeVar("PartialT")
PartialT_contra = TypeVar("PartialT_contra", contravariant=True)
ResultT = TypeVar("ResultT")
ResultT_co = TypeVar("ResultT_co", covariant=True)
DiagnosticT = TypeVar("DiagnosticT")


class Task(Protocol):
    """A part of the input."""

    @property
    def size(self) -> int:
        """Bytes of input, for the progress bar."""
        ...

    @property
    def name(self) -> str:
        """The name of its input, for messages."""
        ...

    @property
    def identity(self) -> tuple[str, int] | None:
        """The stamp of its source and its number there.

        They are equal in every run. None if there is no checkpoint.
        """
        ...

    def release(self) -> None:
        """Free the resources of a second reading.

        The engine calls this when the partial is safe.
        """
        ...


class Reader(Protocol[TaskT_contra, RecordT_co, DiagnosticT]):
    """Reads the records of a task; picklable."""

    def __call__(
        self, task: TaskT_contra, diagnostics: list[DiagnosticT], spooled: "list[SpooledArray]", /
    ) -> Iterable[RecordT_co]:
        """Yield the records.

        Args:
            task: What to read.
            diagnostics: The reader appends its messages here; complete when the last record is read.
            spooled: The reader appends here where it keeps records for the next job.
        """
        ...


class Job(Protocol[RecordT_contra, PartialT, ResultT_co]):
    """A computation over records.

    It is picklable before `setup`, and the same value in every process.

    `merge` is associative and commutative. `map` of two record lists, merged, equals `map` of their concatenation in
    any order. Tests hold every job to these laws.
    """

    def setup(self, shared: Any) -> None:
        """Prepare the job in a process: dictionaries, arrays.

        Called once, before any other method. Expensive preparation waits for the first `map`, because a process that
        only merges does not need it.
        """
        ...

    def map(self, records: Iterable[RecordT_contra]) -> PartialT:
        """Return the partial of some records.

        Does no input or output, and depends on the records alone.
        """
        ...

    def merge(self, left: PartialT, right: PartialT) -> PartialT:
        """Return the sum of two partials; may reuse either."""
        ...

    def finish(self, partial: PartialT) -> ResultT_co:
        """Return the result; the caller of the engine calls this on the merged partial."""
        ...

    def dump(self, partial: PartialT) -> bytes:
        """Return the partial as bytes for another process, machine or run."""
        ...

    def load(self, data: bytes | memoryview) -> PartialT:
        """Return the partial of dumped bytes; never unpickles.

        The partial may keep views of `data`. If that is a mapped file, only the pages in use are in memory.
        """
        ...


@runtime_checkable
class FoldingJob(Protocol[RecordT_contra, PartialT]):
    """Trait of a job that adds records to a partial faster than by `map` and `merge`."""

    def fold(self, partial: PartialT | None, records: Iterable[RecordT_contra]) -> PartialT:
        """Return the sum of a partial and the partial of some records.

        May reuse the given partial, which is not usable after an error. `map(records)` equals `fold(None, records)`.
        """
        ...


def fold_records(job: Job[RecordT, PartialT, object], partial: PartialT | None, records: Iterable[RecordT]) -> PartialT:
    """Return the sum of a partial, if any, and the partial of some records."""
    if isinstance(job, FoldingJob):
        folded: PartialT = job.fold(partial, records)
        return folded
    mapped = job.map(records)
    return mapped if partial is None else job.merge(partial, mapped)


@runtime_checkable
class SpillableJob(Protocol[PartialT_contra]):
    """Trait of a job with partials of unlimited size.

    Engines spill its heavy partials to disk.

    A partial that is merged from loaded ones holds their views, and `finish` reads them part by part.
    """

    def weight(self, partial: PartialT_contra) -> int:
        """Return the approximate bytes of memory of a partial.

        Views of mapped files do not count.
        """
        ...


@runtime_checkable
class PartitionableJob(Protocol[PartialT]):
    """Trait of a job with partials divisible by key.

    No process of a cluster holds all keys.
    """

    def split(self, partial: PartialT, n: int) -> list[PartialT]:
        """Return n partials that merge to the given one.

        The part of a key depends on the key and n alone.
        """
        ...


class Done(NamedTuple, Generic[DiagnosticT]):
    """A finished task.

    Attributes:
        task: The task.
        number: Its position among the tasks of the call.
        diagnostics: Messages of its reader.
        spooled: Where its reader keeps records for the next job.
    """

    task: Task
    number: int
    diagnostics: list[DiagnosticT]
    spooled: "list[SpooledArray]"


class Call(NamedTuple, Generic[TaskT, RecordT, PartialT, DiagnosticT]):
    """A job, its reader and its tasks.

    Attributes:
        read: Reads the records of a task.
        tasks: The tasks in input order, taken as they are needed.
        job: What is computed.
        shared: Given to `job.setup`; its large arrays are mapped, not copied, by the workers of this machine.
        on_done: Called in this process for every task that ends, at once.
        allows_threads: Whether threads may share the job, because each changes only its own partial, and work at the
            same time, because most of the work releases the lock of the interpreter.
        is_idle: Whether the next task has to wait for input, for streams that must not hold back partials meanwhile;
            None if tasks never wait for long.
    """

    read: Reader[TaskT, RecordT, DiagnosticT]
    tasks: Iterable[TaskT]
    job: Job[RecordT, PartialT, object]
    shared: object
    on_done: Callable[[Done[DiagnosticT]], None]
    allows_threads: bool = False
    is_idle: Callable[[], bool] | None = None


AnyCall = Call[Any, Any, PartialT, Any]  # engines pass on tasks, records and diagnostics unseen


class Engine(ABC):
    """Runs jobs.

    If tasks fail, the error of the first in input order is raised: `WorkerDiedError` if a task killed every worker
    that had it.

    Attributes:
        n_workers: How many tasks run at once.
    """

    n_workers: int

    @abstractmethod
    def reduce(self, call: AnyCall[PartialT]) -> PartialT | None:
        """Map every task and merge the partials; None if there is no task."""

    @abstractmethod
    def stream(self, call: AnyCall[PartialT]) -> Iterator[PartialT]:
        """Map every task and yield the partials in the order of the tasks.

        Only a few tasks are computed ahead.

        The partials before a failing task are yielded first.
        """

    def reduce_into(
        self, call: AnyCall[PartialT], write: Callable[[int, PartialT], ResultT], n_parts: int
    ) -> list[ResultT]:
        """Map every task, and call `write(number, part)` on the worker of each part.

        Returns:
            The results of `write` by number; empty if there is no task.
        """
        raise NotImplementedError("only a cluster writes parts")

    def expect(self, stamps: Iterable[str], about: object = None) -> None:
        """Announce the sources of the tasks to come; only a checkpoint needs this.

        Args:
            stamps: Of all sources; only a checkpoint evaluates them.
            about: Whatever else determines the tasks, such as the shard size.
        """
        return


class SnapshotEngine(Engine):
    """An engine with snapshots of the result.

    Attributes:
        min_interval: Seconds between snapshots below which a snapshot costs more than the work between two of them.
    """

    min_interval: float

    @abstractmethod
    def iter_snapshots(self, call: AnyCall[PartialT], should_snapshot: Callable[[], bool]) -> Iterator[PartialT]:
        """Map every task, and yield the sum of the partials since the last snapshot.

        Each task that `call.on_done` has received is in the next partial.

        Args:
            call: What to compute.
            should_snapshot: Called after each task; the last snapshot comes in any case.
        """

    def reduce(self, call: AnyCall[PartialT]) -> PartialT | None:
        """Map every task and merge the partials; None if there is no task."""
        partials = list(self.iter_snapshots(call, lambda: False))
        return partials[0] if partials else None
