"""Tasks -> batches: consecutive tasks that a worker does in one go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from kxcli.errors import KxcliError
from kxcli.mapreduce.cluster.work import dumped
from kxcli.mapreduce.job import Task

TaskT = TypeVar("TaskT", bound=Task)

_LARGEST = 1 << 28  # bytes of input in a batch: some 10 s of counting, which is what a worker that dies takes with it
_HEAVIEST = 1 << 22  # bytes of what tasks carry in a batch
_SHARE = 8  # batches for each thread in which the input seen so far would come: none waits long for the last one


@dataclass(frozen=True)
class Batch:
    """Some consecutive tasks, and what is sent of them."""

    number: int
    tasks: tuple[Task, ...]
    data: bytes

    @property
    def name(self) -> str:
        """What a message calls it."""
        first, last = self.tasks[0].name, self.tasks[-1].name
        return first if first == last else f"{first} ... {last}"


def batches(tasks: Iterable[Task], threads: int, *, is_single: bool = False) -> Iterator[Batch]:
    """Yield all tasks in batches, taken when they are asked for.

    Batches grow with the input, so that a small one is spread over all threads, and a great one makes few of them.
    is_single: one task is a batch.  A `KxcliError` of the tasks themselves comes after the batch that they broke off.
    """
    seen, number = 0, 0
    held: list[Task] = []
    size = weight = 0
    trouble: KxcliError | None = None
    ahead = iter(tasks)
    while True:
        try:
            task = next(ahead, None)
        except KxcliError as error:
            trouble, task = error, None
        if task is not None:
            held.append(task)
            size += task.size
            weight += 0 if is_single else len(dumped(task))
            largest = min(_LARGEST, seen // (_SHARE * threads))
            if not is_single and size < largest and weight < _HEAVIEST:
                continue
        if held:
            yield Batch(number, tuple(held), dumped(held))
            seen, number = seen + size, number + 1
            held, size, weight = [], 0, 0
        if task is None:
            break
    if trouble is not None:
        raise trouble
