"""The contract between what is computed (`mining/`) and how it is spread (`local.py`, `cluster/`).

An engine is given `(read, tasks, job)` and computes `job.map(read(task))` for every task.  Tasks depend on the
input alone, so that any engine, with any number of processes, computes the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

Record_co = TypeVar("Record_co", covariant=True)
Record_contra = TypeVar("Record_contra", contravariant=True)
Partial = TypeVar("Partial")
Partial_contra = TypeVar("Partial_contra", contravariant=True)
TaskT = TypeVar("TaskT", bound="Task")


class Task(Protocol):
    """A part of the input: how far it brings the progress bar, and what a message calls it."""

    @property
    def size(self) -> int:
        """Bytes of input."""
        ...

    @property
    def name(self) -> str:
        """The input that it is a part of."""
        ...

    @property
    def identity(self) -> tuple[str, int] | None:
        """What it is known by in another run: its source's stamp, and its number in that; None: by nothing."""
        ...

    def release(self) -> None:
        """Let go of what it would take to read it once more; called where what it gave can no longer be lost."""
        ...


class Records(Protocol[Record_co]):
    """The records of a task, and what their reading has to tell once they have been read; both picklable."""

    def __iter__(self) -> Iterator[Record_co]:
        """Read the records, one after the other."""
        ...

    @property
    def told(self) -> Sequence[Any]:
        """Messages for whoever started the run; the engine hands them on as they are."""
        ...


Read = Callable[[TaskT], Records[Record_co]]
OnDone = Callable[[Any, list[Any]], None]  # a finished task, and what the reading of it told


class Job(Protocol[Record_contra, Partial]):
    """What is computed; picklable before `setup`, and the same value in every process.

    `merge` is associative and commutative, and `map` of two record lists merged equals `map` of their
    concatenation, whatever the order; tests hold every job to these laws.
    """

    def setup(self, shared: Any) -> None:
        """Make ready in a process, once: dictionaries, arrays.

        It comes before `map`, `merge`, `load` and `finish`.  What is heavy waits for the first `map`: a process that
        only merges does without.
        """
        ...

    def map(self, records: Iterable[Record_contra]) -> Partial:
        """Return what some records give; does no input or output, and depends on nothing but them."""
        ...

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Return what both give together; may take either apart for it."""
        ...

    def finish(self, partial: Partial) -> Any:
        """Return the result that the merged partial stands for; called by whoever started the run."""
        ...

    def dump(self, partial: Partial) -> bytes:
        """Return the partial as bytes, for another process, machine or time."""
        ...

    def load(self, data: bytes | memoryview) -> Partial:
        """Return the partial that was dumped; never unpickles.

        May keep views of `data`, which is then a mapped file: only what is looked at is in memory.
        """
        ...


@runtime_checkable
class SpillableJob(Protocol[Partial_contra]):
    """What a job has, too, whose partials grow with the input: an engine that has little memory hands them on early.

    A partial that was merged from loaded ones holds their views, and `finish` goes through them part by part.
    """

    def weight(self, partial: Partial_contra) -> int:
        """Return about how many bytes of memory a partial takes, views of mapped files not among them."""
        ...


@runtime_checkable
class PartitionableJob(Protocol[Partial]):
    """What a job has, too, whose partials can be split by key: no process of a cluster has to hold all keys."""

    def split(self, partial: Partial, n: int) -> list[Partial]:
        """Return n partials that merge to the given one: which key goes where depends on the key and n alone."""
        ...


class Engine(Protocol):
    """Who runs jobs: `local.py`, `cluster/`, and `checkpoint.py`, which keeps what one of these computes.

    `on_done` is called, by whoever called the engine, in the order in which tasks end.
    Where tasks fail, the error of the first in input order is raised; `WorkerDiedError` where workers died again and
    again with the same task.
    """

    @property
    def workers(self) -> int:
        """How many processes work at once."""
        ...

    def reduce(
        self, read: Read[Any, Any], tasks: Iterable[Any], job: Job[Any, Partial], *, shared: object, on_done: OnDone
    ) -> Partial | None:
        """Map every task and merge the partials; None where there was no task."""
        ...

    def stream(
        self, read: Read[Any, Any], tasks: Iterable[Any], job: Job[Any, Partial], *, shared: object, on_done: OnDone
    ) -> Iterator[Partial]:
        """Map every task and yield the partials in the order of the tasks; only some wait for one before them.

        What comes before a task that fails is yielded first.
        """
        ...


class SnapshotEngine(Engine, Protocol):
    """An engine that can be asked for what it has so far."""

    @property
    def least_leg(self) -> float:
        """Seconds below which a leg would take longer to begin and end than it is."""
        ...

    def legs(
        self,
        read: Read[Any, Any],
        tasks: Iterable[Any],
        job: Job[Any, Partial],
        *,
        shared: object,
        on_done: OnDone,
        is_over: Callable[[], bool],
    ) -> Iterator[Partial]:
        """Map every task; yield what the tasks since the last time give together, each time that `is_over`, and last.

        `is_over` is asked after each task.  Every task of which `on_done` heard is in what is yielded next.
        """
        ...
