"""The partial that a process has while it works: merged task by task, and put on a shelf before it is too heavy."""

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kxcli.mapreduce.job import Growing, Job
from kxcli.mapreduce.shelf import Shelf, taken

PartialT = TypeVar("PartialT")

_MOST_HELD = 1 << 27


@dataclass(frozen=True)
class Keeping:
    """How much a process may hold, in bytes, and where it puts what is more."""

    room: int
    shelf: Shelf

    @property
    def most_held(self) -> int:
        """Bytes of tasks that the parent may hold for one worker, in case it dies."""
        return min(self.room // 2, _MOST_HELD)


class Holder(Generic[PartialT]):
    """What one process has mapped, merged."""

    def __init__(self, job: Job[Any, PartialT], room: int, shelf: Callable[[], Shelf]) -> None:
        self._job, self._room, self._shelf = job, room, shelf
        self._new: list[str] = []
        self.partial: PartialT | None = None
        self.has_put_away = False

    def add(self, partial: PartialT) -> None:
        """Merge a partial, and put all away where that makes it too heavy."""
        self.partial = _merged(self._job, self.partial, partial)
        if isinstance(self._job, Growing) and self._job.weight(self.partial) > self._room:
            self.put_away()

    def put_away(self) -> None:
        """Write what is held to a file."""
        if (partial := self.taken()) is not None:
            self._new.append(self._shelf().put(self._job.dump(partial)))
            self.has_put_away = True

    def taken(self) -> PartialT | None:
        """Return what is held, and hold nothing any more."""
        partial, self.partial = self.partial, None
        return partial

    def gathered(self) -> Iterator[PartialT]:
        """Yield all that was merged since the last time, if there was anything."""
        return gathered(self._job, self.taken(), (), self.new_paths())

    def new_paths(self) -> list[str]:
        """Return the files since the last time."""
        new, self._new = self._new, []
        return new


def gathered(
    job: Job[Any, PartialT], held: PartialT | None, handed: Iterable[bytes], paths: Iterable[str]
) -> Iterator[PartialT]:
    """Yield what a partial, dumped ones, and those in files give together, if there are any.

    Files are mapped, and gone with the last look at them.
    """
    for data in handed:
        held = _merged(job, held, job.load(data))
    for path in paths:
        _, view = taken(path, is_checked=False)
        os.unlink(path)
        held = _merged(job, held, job.load(view))
    if held is not None:
        yield held


def _merged(job: Job[Any, PartialT], left: PartialT | None, right: PartialT) -> PartialT:
    return right if left is None else job.merge(left, right)
