"""The partial that a process has while it works: merged task by task, and put into a file before it is too heavy."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, NamedTuple, TypeVar

from kxcli.errors import OutputError
from kxcli.mapreduce.job import Job, SpillableJob
from kxcli.storage.partial_store import map_and_remove
from kxcli.storage.temp_files import ALIGNMENT, TempFile

PartialT = TypeVar("PartialT")

_MOST_HELD = 1 << 27


@dataclass(frozen=True)
class SpillPolicy:
    """How much a process may hold, in bytes, and the folder where it puts what is more."""

    room: int
    folder: str

    @property
    def most_held(self) -> int:
        """Bytes of tasks that the parent may hold for one worker, in case it dies."""
        return min(self.room, _MOST_HELD)


class Span(NamedTuple):
    """Where a dumped partial is: from and to a byte of a file."""

    path: str
    start: int
    stop: int


class SpillingAccumulator(Generic[PartialT]):
    """What one process has mapped, merged, and how much of it went to a file.

    folder: makes the folder for that, when it is first wanted.
    """

    def __init__(self, job: Job[Any, PartialT], room: int, folder: Callable[[], str]) -> None:
        self._job, self._room, self._folder = job, room, folder
        self._file: TempFile | None = None
        self._new: list[Span] = []
        self.partial: PartialT | None = None

    def add(self, partial: PartialT) -> None:
        """Merge a partial, and put all away where that makes it too heavy."""
        self.partial = _merged(self._job, self.partial, partial)
        if isinstance(self._job, SpillableJob) and self._job.weight(self.partial) > self._room:
            self.put_away()

    @property
    def has_put_away(self) -> bool:
        """Whether something is in a file since the last time that all was handed over."""
        return self._file is not None

    def put_away(self) -> None:
        """Write what is held to a file; `OutputError` where the disk is full.

        All goes to one file: each that is mapped takes a descriptor, of which a process has not very many.
        """
        if self.partial is None:
            return
        data, self.partial = self._job.dump(self.partial), None
        self._file = self._file or TempFile(self._folder(), ".partials")
        start = self._file.write(data, ALIGNMENT)
        self._new.append(Span(self._file.path, start, start + len(data)))

    def new_spans(self) -> list[Span]:
        """Return where what was put away since the last time is."""
        new, self._new = self._new, []
        return new

    def taken(self) -> PartialT | None:
        """Return what is held; what follows begins anew, in memory and on disk."""
        partial, self.partial = self.partial, None
        self.close()
        return partial

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            with suppress(OutputError):  # what it could not take is told where that was written
                self._file.close()
            self._file = None

    def gathered(self) -> Iterator[PartialT]:
        """Yield all that was merged since the last time, if there was anything."""
        return gathered(self._job, self.taken(), (), self.new_spans())


def gathered(
    job: Job[Any, PartialT], held: PartialT | None, handed: Iterable[bytes], spans: Iterable[Span]
) -> Iterator[PartialT]:
    """Yield what a partial, dumped ones, and those in files give together, if there are any.

    Files are mapped, and gone with the last look at them.
    """
    together = merged(job, chain(handed, _looked_at(spans)), held)
    if together is not None:
        yield together


def merged(
    job: Job[Any, PartialT], datas: Iterable[bytes | memoryview], held: PartialT | None = None
) -> PartialT | None:
    """Return what dumped partials, and one that is held, give together; None where there is none."""
    for data in datas:
        held = _merged(job, held, job.load(data))
    return held


def _looked_at(spans: Iterable[Span]) -> Iterator[memoryview]:
    views: dict[str, memoryview] = {}
    for path, start, stop in spans:
        if path not in views:
            views[path] = map_and_remove(path)
        yield views[path][start:stop]


def _merged(job: Job[Any, PartialT], left: PartialT | None, right: PartialT) -> PartialT:
    return right if left is None else job.merge(left, right)
