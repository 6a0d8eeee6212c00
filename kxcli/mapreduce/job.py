"""The contract between what is computed (`mining/`) and how it is spread (`local.py`, and other engines to come).

An engine is given `(read, tasks, job)` and computes `job.map(read(task))` for every task.  Tasks depend on the
input alone, so that any engine, with any number of processes, computes the same.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeVar

Record_co = TypeVar("Record_co", covariant=True)
Record_contra = TypeVar("Record_contra", contravariant=True)
Partial = TypeVar("Partial")
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


class Job(Protocol[Record_contra, Partial]):
    """What is computed; picklable before `setup`, and the same value in every process.

    `merge` is associative and commutative, and `map` of two record lists merged equals `map` of their
    concatenation, whatever the order; tests hold every job to these laws.
    """

    def setup(self, shared: Any) -> None:
        """Make ready in a process, once, before its first task: dictionaries, arrays."""
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

    def load(self, data: bytes) -> Partial:
        """Return the partial that was dumped; never unpickles."""
        ...
