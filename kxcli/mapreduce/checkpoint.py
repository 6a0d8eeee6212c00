"""Finished tasks kept in a folder, so that the same run, killed or with more input, does only what is missing.

The folder has a lock, and a folder for each job: its name is the fingerprint of all that its partials depend on but
the input: how records are read, what is computed of them, what that goes by, and the program's version.  In it are
files (`shelf`), each with the tasks that it is about: the merged partial of some tasks, or the results of some, one
after the other.  A task is known by its source's stamp, which tells a changed file, and its number in the source.

Cost: a file every two seconds, later one for every twentieth of the time so far; a killed run loses no more than that.
"""

import fcntl
import os
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar

from kxcli.errors import KxcliError, OutputError, reason
from kxcli.mapreduce.fingerprint import fingerprint
from kxcli.mapreduce.job import Job, OnDone, Pausing, Read, Task
from kxcli.mapreduce.shelf import DamagedError, Shelf, taken

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

Identity = tuple[str, int]

_LOCK = "lock"
_LEAST, _SHARE = 2.0, 0.05  # seconds, and share of the time so far, after which what is finished is kept
_MOST_WAITING = 1 << 25  # bytes of results that wait for that
_KEPT_FOR = 30 * 24 * 60 * 60  # seconds that a file stays which no run asks for
_HINT = "make room in the folder of --checkpoint, or name another one"


class Codec(Protocol):
    """How what the reading of a task told is written as JSON, and read back."""

    def to_json(self, told: Any, /) -> Any:
        """Return a plain value."""
        ...

    def from_json(self, value: Any, /) -> Any:
        """Return what it was made of."""
        ...


class Checkpoint:
    """An engine that keeps what another one computes, and computes only what is not kept.

    folder: is made where it is missing; one run at a time has it.  codec: for what tasks told.
    about: what else partials depend on.  tell: is told of damaged files, and in the end of how much was kept.
    stamps: of all sources of a run; whoever plans its tasks sets them first.

    Every task has an identity, and no two tasks of a run have the same.
    Raises `OutputError` where the folder cannot be written, `KxcliError` where another run has it.
    """

    def __init__(self, engine: Pausing, folder: str, codec: Codec, about: Any, tell: Callable[[str], None]) -> None:
        self._engine, self._folder, self._codec, self._about, self._tell = engine, folder, codec, about, tell
        self.stamps: Collection[str] = frozenset()
        self._n_tasks = self._n_kept = 0
        try:
            os.makedirs(folder, exist_ok=True)
            self._is_new = not os.listdir(folder)
            self._lock = os.open(os.path.join(folder, _LOCK), os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise OutputError(folder, reason(error), "name a folder that can be written with --checkpoint") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise KxcliError(f"{folder}: another run is using it; wait for its end, or name another folder") from None

    def __enter__(self) -> "Checkpoint":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            others = "; the others are new, or their input or the options changed" * (
                self._n_kept < self._n_tasks and not self._is_new
            )
            self._tell(f"{self._folder}: {self._n_kept:,} of {self._n_tasks:,} tasks were kept{others}")
            _remove_unused(self._folder)
        os.close(self._lock)

    @property
    def workers(self) -> int:
        """How many processes work at once."""
        return self._engine.workers

    def reduce(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> PartialT | None:
        """Map every task that is not kept, and merge what all give; None where there was no task."""
        kept = self._opened(read, job, shared)
        clock = _Clock()
        done: list[_Done] = []

        def note(task: Task, told: list[Any]) -> None:
            done.append(_Done(_identity(task), told))
            on_done(task, told)

        def missing() -> Iterator[TaskT]:
            for task in tasks:
                if not self._is_kept(task, kept, on_done):
                    yield task

        for partial in self._engine.legs(
            read, missing(), job, shared=shared, on_done=note, is_over=lambda: clock.is_over
        ):
            kept.put(done, [job.dump(partial)])
            done = []
            clock.begin()
        job.setup(shared)
        merged: PartialT | None = None
        for view in kept.partials:
            merged = job.load(view) if merged is None else job.merge(merged, job.load(view))
        return merged

    def stream(
        self,
        read: Read[TaskT, RecordT],
        tasks: Iterable[TaskT],
        job: Job[RecordT, PartialT],
        *,
        shared: object,
        on_done: OnDone,
    ) -> Iterator[PartialT]:
        """Map every task that is not kept, and yield what each gives, in the order of the tasks."""
        kept = self._opened(read, job, shared)
        order: deque[Identity] = deque()  # of the tasks before the next one that the other engine yields
        news: dict[Identity, list[Any]] = {}

        def note(task: Task, told: list[Any]) -> None:
            news[_identity(task)] = told
            on_done(task, told)

        def missing() -> Iterator[TaskT]:
            for task in tasks:
                order.append(_identity(task))
                if not self._is_kept(task, kept, on_done):
                    yield task

        def known() -> Iterator[PartialT]:
            while order and order[0] in kept.told:
                yield job.load(kept.results[order.popleft()])

        clock = _Clock()
        done: list[_Done] = []
        results: list[bytes] = []
        try:
            for partial in self._engine.stream(read, missing(), job, shared=shared, on_done=note):
                yield from known()
                identity = order.popleft()
                done.append(_Done(identity, news.pop(identity)))
                results.append(job.dump(partial))
                if clock.is_over or sum(map(len, results)) > _MOST_WAITING:
                    kept.put(done, results)
                    done, results = [], []
                    clock.begin()
                yield partial
            yield from known()
        finally:  # also where whoever takes the results has enough, or a signal came
            if done:
                kept.put(done, results)

    def _opened(self, read: object, job: object, shared: object) -> "_Kept":
        name = fingerprint((self._about, read, job, shared))[:32]
        return _Kept(os.path.join(self._folder, name), self.stamps, self._codec, self._tell)

    def _is_kept(self, task: Task, kept: "_Kept", on_done: OnDone) -> bool:
        """Tell whether a task is kept; if it is, it is done."""
        self._n_tasks += 1
        told = kept.told.get(_identity(task))
        if told is None:
            return False
        self._n_kept += 1
        on_done(task, [self._codec.from_json(value) for value in told])
        return True


class _Done(NamedTuple):
    """A finished task, and what its reading told."""

    identity: Identity
    told: list[Any]


class _Clock:
    """Tells when it is time to keep what was done since the last time."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()

    def begin(self) -> None:
        """Note that it was kept."""
        self._last = time.monotonic()

    @property
    def is_over(self) -> bool:
        now = time.monotonic()
        return now - self._last > max(_LEAST, _SHARE * (now - self._start))


class _Kept:
    """What is kept of one job, as far as it is about the sources of this run.

    told: what was told of each task, as JSON.  partials: merged, or results that stand alone in `results`.
    """

    def __init__(self, folder: str, stamps: Collection[str], codec: Codec, tell: Callable[[str], None]) -> None:
        self._shelf, self._codec = Shelf(folder, _HINT), codec
        self.told: dict[Identity, list[Any]] = {}
        self.partials: list[memoryview] = []
        self.results: dict[Identity, memoryview] = {}
        try:
            os.makedirs(folder, exist_ok=True)
            found = list(_sound(self._shelf.paths(), tell))
        except OSError as error:
            raise OutputError(folder, reason(error), "name a folder that can be written with --checkpoint") from None
        # Two files may be about one task where another choice of inputs was counted between: the fuller one serves.
        for path, head, view in sorted(found, key=lambda one: (-len(one[1]["tasks"]), one[0])):
            tasks = {(stamp, number): told for stamp, number, told in head["tasks"]}
            if all(stamp in stamps for stamp, _ in tasks) and self.told.keys().isdisjoint(tasks):
                self._take(tasks, head["sizes"], view)
                with suppress(OSError):
                    os.utime(path)

    def put(self, done: list[_Done], parts: list[bytes]) -> None:
        """Keep what some tasks gave: one part for all of them, or one for each."""
        tasks = {identity: [self._codec.to_json(one) for one in told] for identity, told in done}
        sizes = [*map(len, parts)]
        head = {"tasks": [[*identity, told] for identity, told in tasks.items()], "sizes": sizes}
        path = self._shelf.put(b"".join(parts), head)
        self._take(tasks, sizes, taken(path, is_checked=False)[1])

    def _take(self, tasks: dict[Identity, list[Any]], sizes: list[int], view: memoryview) -> None:
        self.told.update(tasks)
        if len(sizes) == 1:
            self.partials.append(view)
        if len(sizes) == len(tasks):
            start = 0
            for identity, size in zip(tasks, sizes, strict=True):
                self.results[identity] = view[start : start + size]
                start += size


def _sound(paths: Iterable[str], tell: Callable[[str], None]) -> Iterator[tuple[str, Any, memoryview]]:
    """Yield the files that are as they were written; others are removed, and their tasks are done again."""
    for path in paths:
        try:
            yield path, *taken(path, is_checked=True)
        except DamagedError:
            tell(f"{path}: is damaged; what was in it is computed again")
            os.unlink(path)


def _identity(task: Task) -> Identity:
    assert task.identity is not None, "a task that cannot be known again is never planned for a checkpoint"
    return task.identity


def _remove_unused(folder: str) -> None:
    """Remove files that no run has asked for in a long time, and folders without any."""
    oldest = time.time() - _KEPT_FOR
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False) and len(entry.name) == 32:
                for file in os.scandir(entry.path):
                    if file.name.endswith((".partial", ".part")) and file.stat(follow_symlinks=False).st_mtime < oldest:
                        os.unlink(file.path)
                with suppress(OSError):
                    os.rmdir(entry.path)  # refused where it has files
