"""Tasks -> batches: consecutive tasks that a worker does in one go."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kxcli.errors import KxcliError
from kxcli.mapreduce.cluster.work import BatchPickle
from kxcli.mapreduce.job import Task

_LARGEST = 1 << 28  # bytes of input in a batch: some 10 s of counting, which is what a worker that dies takes with it
_HEAVIEST = 1 << 22  # bytes of what tasks carry in a batch
_WEIGHTIEST = 1 << 26  # bytes of the dumped partial of a batch: eight of them are in one worker's memory at a time
_SHARE = 4  # batches for each thread in which the input seen so far would come: none waits long for the last one


@dataclass(frozen=True)
class Batch:
    """Some consecutive tasks, and what is sent of them."""

    number: int
    tasks: tuple[Task, ...]
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of input."""
        return sum(task.size for task in self.tasks)

    @property
    def name(self) -> str:
        """What a message calls it."""
        first, last = self.tasks[0].name, self.tasks[-1].name
        return first if first == last else f"{first} ... {last}"


class Batches:
    """All tasks in batches, taken when they are asked for.

    Batches grow with the input, so that a small one is spread over all threads, and a great one makes few of them.
    is_single: one task is a batch.  A `KxcliError` of the tasks themselves comes after the batch that they broke off.
    """

    def __init__(self, tasks: Iterable[Task], threads: int, *, is_single: bool = False) -> None:
        self._tasks, self._threads, self._is_single = iter(tasks), threads, is_single
        self._largest = _LARGEST
        self._trouble: KxcliError | None = None

    def weigh(self, batch: Batch, weight: int) -> None:
        """Hear how many bytes the partial of a batch takes; where these are many, the next ones will be smaller."""
        if weight > _WEIGHTIEST:
            self._largest = min(self._largest, batch.size // 2)

    def __iter__(self) -> Iterator[Batch]:
        seen, number = 0, 0
        while (batch := self._together(number, min(self._largest, seen // (_SHARE * self._threads)))) is not None:
            yield batch
            seen, number = seen + batch.size, number + 1
        if self._trouble is not None:
            raise self._trouble

    def _together(self, number: int, largest: int) -> Batch | None:
        """Return a batch, None at the end: of one task at least, and no more when they are large or heavy."""
        held: list[Task] = []
        parcel = BatchPickle()
        size = 0
        while self._trouble is None and (task := self._next()) is not None:
            held.append(task)
            parcel.add(task)
            size += task.size
            if self._is_single or size >= largest or len(parcel) >= _HEAVIEST:
                break
        return Batch(number, tuple(held), parcel.data()) if held else None

    def _next(self) -> Task | None:
        try:
            return next(self._tasks, None)
        except KxcliError as error:
            self._trouble = error
            return None
