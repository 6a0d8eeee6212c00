"""Tasks -> batches: consecutive tasks for one worker."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kxcli.errors import KxcliError
from kxcli.mapreduce.cluster.work import pickle_value
from kxcli.mapreduce.job import Task

_MAX_INPUT_BYTES = 1 << 28  # of a batch: some 10 s of counting, which a dead worker loses
_MAX_PICKLED_BYTES = 1 << 22  # of a batch
_MAX_PARTIAL_BYTES = 1 << 26  # of a batch, dumped: a worker holds eight of them at a time
_N_PER_THREAD = 4  # batches that the input so far would make for each thread: no thread waits long for the last one


@dataclass(frozen=True)
class TaskBatch:
    """Some consecutive tasks, and their pickle.

    `first` is the number of the first task.
    """

    number: int
    first: int
    tasks: tuple[Task, ...]
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of input."""
        return sum(task.size for task in self.tasks)

    @property
    def name(self) -> str:
        """The name in messages."""
        first, last = self.tasks[0].name, self.tasks[-1].name
        return first if first == last else f"{first} ... {last}"


class TaskBatches:
    """Iterates over all tasks in batches, larger for a larger input.

    So a small input is spread over all threads, and a large one makes few batches. A `KxcliError` of the tasks
    themselves is raised after the batch that it cuts off.

    Args:
        tasks: Taken as they are needed.
        n_threads: Of the cluster.
        is_single: Whether each task is a batch.
    """

    def __init__(self, tasks: Iterable[Task], n_threads: int, *, is_single: bool = False) -> None:
        self._tasks, self._n_threads, self._is_single = iter(tasks), n_threads, is_single
        self._max_size = _MAX_INPUT_BYTES
        self._error: KxcliError | None = None

    def adapt(self, batch: TaskBatch, n_bytes: int) -> None:
        """Make the next batches smaller if the partial of this one is large.

        `n_bytes` is its size.
        """
        if n_bytes > _MAX_PARTIAL_BYTES:
            self._max_size = min(self._max_size, batch.size // 2)

    def __iter__(self) -> Iterator[TaskBatch]:
        seen, number, first = 0, 0, 0
        while tasks := self._take(min(self._max_size, seen // (_N_PER_THREAD * self._n_threads))):
            batch = TaskBatch(number, first, tuple(tasks), pickle_value(tasks))
            yield batch
            seen, number, first = seen + batch.size, number + 1, first + len(tasks)
        if self._error is not None:
            raise self._error

    def _take(self, max_size: int) -> list[Task]:
        """Return the tasks of a batch: at least one, none at the end."""
        tasks: list[Task] = []
        size = n_pickled = 0
        while self._error is None and (task := self._next()) is not None:
            tasks.append(task)
            size += task.size
            n_pickled += len(pickle_value(task))  # together they need less: shared values are pickled once
            if self._is_single or size >= max_size or n_pickled >= _MAX_PICKLED_BYTES:
                break
        return tasks

    def _next(self) -> Task | None:
        try:
            return next(self._tasks, None)
        except KxcliError as error:
            self._error = error
            return None
