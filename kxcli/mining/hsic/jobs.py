"""The contract between the jobs of HSIC and their runners."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, Protocol, TypeVar


class SizedTask(Protocol):
    """A task of a job."""

    @property
    def size(self) -> int:
        """The work of the task, for the progress bar."""
        ...


class RangeTask(NamedTuple):
    """A range of numbers, of blocks or permutations, each of some size."""

    start: int
    stop: int
    item_size: int = 1

    @property
    def size(self) -> int:
        """The work of the task."""
        return (self.stop - self.start) * self.item_size


def iter_ranges(n: int, step: int, item_size: int = 1) -> Iterator[RangeTask]:
    """Yield the numbers to n in ranges of at most `step`."""
    for start in range(0, n, step):
        yield RangeTask(start, min(start + step, n), item_size)


Task = TypeVar("Task", bound=SizedTask)
Shared = TypeVar("Shared")
Partial = TypeVar("Partial")
Result = TypeVar("Result")
Task_contra = TypeVar("Task_contra", bound=SizedTask, contravariant=True)
Shared_contra = TypeVar("Shared_contra", contravariant=True)
Result_co = TypeVar("Result_co", covariant=True)


class HsicJob(Protocol[Task_contra, Shared_contra, Partial, Result_co]):
    """A job over tasks that hold their own data.

    `merge` is associative and commutative.
    """

    def setup(self, shared: Shared_contra) -> None:
        """Receive the data of all tasks, once per process."""
        ...

    def map(self, records: Iterable[Task_contra]) -> Partial:
        """Return the partial of some tasks."""
        ...

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Combine two partials; may reuse `left`."""
        ...

    def finish(self, partial: Partial) -> Result_co:
        """Return the result of the merged partial."""
        ...

    def dump(self, partial: Partial) -> bytes:
        """Return a partial as bytes."""
        ...

    def load(self, data: bytes | memoryview) -> Partial:
        """Return a dumped partial."""
        ...


class RunJob(Protocol):
    """Runs a job over at least one task, in this process or in others."""

    def __call__(
        self, job: HsicJob[Task, Shared, Any, Result], tasks: Iterable[Task], shared: Shared, what: str, /
    ) -> Result:
        """Return the result of a job.

        `what` is the name of the job in reports.
        """
        ...


def run_inline(
    job: HsicJob[Task, Shared, Partial, Result], tasks: Iterable[Task], shared: Shared, what: str = ""
) -> Result:
    """Run a job in this process."""
    job.setup(shared)
    remaining = iter(tasks)
    partial = job.map([next(remaining)])
    for task in remaining:
        partial = job.merge(partial, job.map([task]))
    return job.finish(partial)
