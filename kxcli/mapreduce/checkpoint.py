"""Finished tasks kept in a folder, so that the same run, killed or with more input, does only what is missing.

The folder has a lock, and a folder for each job: its name is the fingerprint of all that its partials depend on but
the input: how records are read, what is computed of them, what that goes by, and the program's version.  In it are
files (`shelf`), each with the tasks that it is about: the merged partial of some tasks, or the results of some, one
after the other.  A task is known by its source's stamp, which tells a changed file, and its number in the source.

Cost: a file every two seconds, later one for every twentieth of the time so far, or before it has more than 32 MiB.
A run that is killed, or ends in an error, loses what came since the last one.
"""

import errno
import fcntl
import math
import os
import re
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar

from kxcli import schema
from kxcli.errors import DamagedPartialError, InputError, KxcliError, OutputError, reason
from kxcli.mapreduce.fingerprint import fingerprint
from kxcli.mapreduce.job import Job, OnDone, Read, SnapshotEngine, Task
from kxcli.mapreduce.spilling import merged
from kxcli.mapreduce.versions import versions
from kxcli.storage.container import DamagedError
from kxcli.storage.partial_store import NAMES, PartialStore, StoredPartial, load_partial
from kxcli.storage.private_files import UnsafeError, make_private_folder, open_private
from kxcli.storage.stale_files import remove_unused
from kxcli.wording import format_count

TaskT = TypeVar("TaskT", bound=Task)
RecordT = TypeVar("RecordT")
PartialT = TypeVar("PartialT")

Identity = tuple[str, int]

_LOCK = "lock"
_SHARE = 0.05  # of the time so far, after which what is finished is kept
_NAME = 32  # characters of a job's folder
_NAMES = re.compile(r"[0-9a-f]{32}")
_LARGEST = 1 << 25  # bytes of a file, about: they are in memory while it is written
_MAX_TASKS = 1 << 16  # of a file: its head is parsed as a whole
_HINT = "make room in the folder of --checkpoint, or name another one"
_ALONE = "leave the folder of --checkpoint alone while kxcli runs"
_OTHER = "name a folder of your own with --checkpoint"
_OF_DAMAGE = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)  # what jobs raise for it
_HEAD = schema.RecordField(
    {
        "tasks": schema.ListField(
            schema.RowField((schema.TextField(), schema.IntegerField(), schema.ListField(schema.AnyField()))), minimum=1
        ),
        "sizes": schema.ListField(schema.IntegerField(), minimum=1),
    }
)


class Codec(Protocol):
    """How what the reading of a task told is written as JSON, and read back."""

    def to_json(self, told: Any, /) -> Any:
        """Return a plain value."""
        ...

    def from_json(self, value: Any, /) -> Any:
        """Invert `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        ...


class CheckpointEngine:
    """An engine that keeps what another one computes, and computes only what is not kept.

    folder: is made if it is missing, and only this user can write to it; one run at a time has it.  codec: for what
    tasks told.
    tell: is told of damaged files, and in the end of how much was kept.

    Every task has an identity, and no two tasks of a run have the same.
    Raises `OutputError` if the folder cannot be written or others can write to it, `KxcliError` if another run has it.
    """

    def __init__(self, engine: SnapshotEngine, folder: str, codec: Codec, tell: Callable[[str], None]) -> None:
        self._engine, self._folder, self._codec, self._tell = engine, folder, codec, tell
        self._stamps: Collection[str] = frozenset()
        self._about: Any = None
        self._n_tasks = self._n_kept = 0
        _check_private(folder)
        path = os.path.join(folder, _LOCK)
        try:
            self._is_new = not os.listdir(folder)
            self._lock = open_private(path, os.O_CREAT | os.O_RDWR)
        except UnsafeError as error:
            raise OutputError(path, error.what, error.hint("remove it")) from None
        except OSError as error:
            raise OutputError(folder, reason(error), "name a folder that can be written with --checkpoint") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise OutputError(
                    path, f"cannot be locked ({reason(error)})", "name a folder on another disk"
                ) from None
            raise KxcliError(f"{folder}: another run is using it; wait for its end, or name another folder") from None

    def __enter__(self) -> "CheckpointEngine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            others = "; the others are new, or their input or the options changed" * (
                self._n_kept < self._n_tasks and not self._is_new
            )
            self._tell(f"{self._folder}: found {self._n_kept:,} of {format_count(self._n_tasks, 'tasks')} done{others}")
            _remove_unused(self._folder)
        os.close(self._lock)

    @property
    def workers(self) -> int:
        """How many processes work at once."""
        return self._engine.workers

    def expect(self, stamps: Collection[str], about: Any = None) -> None:
        """Tell the stamps of all sources of the tasks to come, and how these are cut, as far as tasks do not tell."""
        self._stamps, self._about = frozenset(stamps), about

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
        kept = self._open_kept(read, job, shared, is_merged=True)
        clock = _Clock(self._engine.least_leg)
        done: list[_Done] = []

        def note(task: Task, told: list[Any]) -> None:
            done.append(_Done(_identity(task), told))
            on_done(task, told)

        def missing() -> Iterator[TaskT]:
            for task in tasks:
                if not self._is_kept(task, kept, on_done):
                    yield task

        def is_over() -> bool:
            return clock.is_over or len(done) >= _MAX_TASKS

        for partial in self._engine.legs(read, missing(), job, shared=shared, on_done=note, is_over=is_over):
            clock.begin(kept.put(done, [job.dump(partial)]))
            done = []
        job.setup(shared)
        found: PartialT | None = None
        for path, data in kept.partials():
            found = _loaded(job, path, data, found)
        return found

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
        kept = self._open_kept(read, job, shared, is_merged=False)
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
                yield _loaded(job, *kept.result(order.popleft()))

        clock = _Clock(self._engine.least_leg)
        done: list[_Done] = []
        results: list[bytes] = []
        try:
            for partial in self._engine.stream(read, missing(), job, shared=shared, on_done=note):
                yield from known()
                identity = order.popleft()
                done.append(_Done(identity, news.pop(identity)))
                results.append(job.dump(partial))
                if clock.is_over or len(done) >= _MAX_TASKS or sum(map(len, results)) > _LARGEST:
                    clock.begin(kept.put(done, results))
                    done, results = [], []
                yield partial
            yield from known()
        finally:  # also where whoever takes the results has enough, or a signal came
            if done:
                kept.put(done, results)

    def _open_kept(self, read: object, job: object, shared: object, *, is_merged: bool) -> "_Kept":
        name = fingerprint((versions(), self._about, read, job, shared))[:_NAME]
        return _Kept(os.path.join(self._folder, name), self._stamps, self._codec, self._tell, is_merged=is_merged)

    def _is_kept(self, task: Task, kept: "_Kept", on_done: OnDone) -> bool:
        """Tell whether a task is kept; if it is, it is done."""
        self._n_tasks += 1
        told = kept.told.get(_identity(task))
        if told is None:
            return False
        self._n_kept += 1
        task.release()
        on_done(task, [self._codec.from_json(value) for value in told])
        return True


class _Done(NamedTuple):
    """A finished task, and what its reading told."""

    identity: Identity
    told: list[Any]


class _Clock:
    """Tells when it is time to keep what was done since the last time."""

    def __init__(self, least: float) -> None:
        self._least = least
        self._start = self._last = time.monotonic()
        self._longest = math.inf  # seconds in which as much comes as a file may have

    def begin(self, n_bytes: int) -> None:
        """Note that so many bytes were kept."""
        now = time.monotonic()
        self._longest = (now - self._last) * _LARGEST / max(n_bytes, 1)
        self._last = now

    @property
    def is_over(self) -> bool:
        now = time.monotonic()
        return now - self._last > min(max(self._least, _SHARE * (now - self._start)), self._longest)


class _Kept:
    """What is kept of one job, as far as it is about the sources of this run.

    told: what was told of each task, as JSON.
    is_merged: whether a file has one partial of all its tasks, or the result of each.
    """

    def __init__(
        self,
        folder: str,
        stamps: Collection[str],
        codec: Codec,
        tell: Callable[[str], None],
        *,
        is_merged: bool,
    ) -> None:
        self._store, self._codec, self._is_merged = PartialStore(folder, _HINT), codec, is_merged
        self.told: dict[Identity, list[Any]] = {}
        self._paths: list[str] = []
        self._places: dict[Identity, tuple[str, int, int]] = {}  # of results that stand alone: the file, from and to
        _check_private(folder)
        try:
            found = list(self._iter_intact(tell))
        except OSError as error:
            raise OutputError(folder, reason(error), "name a folder that can be written with --checkpoint") from None
        # Two files may be about one task where another choice of inputs was counted between: the fuller one serves.
        for path, tasks, sizes, start in sorted(found, key=lambda one: (-len(one[1]), one[0])):
            if all(stamp in stamps for stamp, _ in tasks) and self.told.keys().isdisjoint(tasks):
                self._take(tasks, sizes, path, start)
                with suppress(OSError):
                    os.utime(path)

    def _iter_intact(
        self, tell: Callable[[str], None]
    ) -> Iterator[tuple[str, dict[Identity, list[Any]], list[int], int]]:
        """Yield intact files: path, tasks, sizes of results, and their start; remove others."""
        for path in self._store.paths():
            try:
                found = load_partial(path, _HEAD, is_checked=True)
                tasks, sizes = self._check_head(path, found)
            except DamagedError as error:
                tell(f"{path}: {error.what}; what was in it is computed again")
                with suppress(OSError):  # a folder stays, and is reported again
                    os.unlink(path)
            else:
                yield path, tasks, sizes, found.start

    def _check_head(self, path: str, found: StoredPartial) -> tuple[dict[Identity, list[Any]], list[int]]:
        """Return the tasks and sizes of a head; `DamagedError` if they do not fit."""
        tasks = {(stamp, number): told for stamp, number, told in found.head["tasks"]}
        sizes = found.head["sizes"]
        n_parts = 1 if self._is_merged else len(tasks)
        if len(tasks) != len(found.head["tasks"]) or len(sizes) != n_parts or sum(sizes) != len(found.data):
            raise DamagedError(path, "is damaged (its tasks and sizes do not fit)")
        try:
            for told in tasks.values():
                for one in told:
                    self._codec.from_json(one)
        except (KeyError, TypeError, ValueError):
            raise DamagedError(path, "is damaged (its messages are not as they were written)") from None
        return tasks, sizes

    def put(self, done: list[_Done], parts: list[bytes]) -> int:
        """Keep what some tasks gave: one part for all of them, or one for each; return how many bytes that is."""
        tasks = {identity: [self._codec.to_json(one) for one in told] for identity, told in done}
        sizes = [*map(len, parts)]
        head = {"tasks": [[*identity, told] for identity, told in tasks.items()], "sizes": sizes}
        path = self._store.save(b"".join(parts), head)
        self._take(tasks, sizes, path, os.path.getsize(path) - sum(sizes))
        return sum(sizes)

    def partials(self) -> Iterator[tuple[str, memoryview]]:
        """Yield the files and their merged partials, mapped one after the other."""
        for path in self._paths:
            try:
                yield path, load_partial(path, _HEAD, is_checked=False).data
            except DamagedError as error:
                raise InputError(path, error.what, _ALONE) from None

    def result(self, identity: Identity) -> tuple[str, bytes]:
        """Return the file that has what one task gave, and that."""
        path, start, stop = self._places[identity]
        try:
            with open(path, "rb", opener=lambda path, _: open_private(path)) as file:
                file.seek(start)
                return path, file.read(stop - start)
        except UnsafeError as error:
            raise InputError(path, error.what, _ALONE) from None
        except OSError as error:
            raise InputError(path, reason(error), _ALONE) from None

    def _take(self, tasks: dict[Identity, list[Any]], sizes: list[int], path: str, start: int) -> None:
        self.told.update(tasks)
        self._paths.append(path)
        if not self._is_merged:
            for identity, size in zip(tasks, sizes, strict=True):
                self._places[identity] = path, start, start + size
                start += size


def _check_private(folder: str) -> None:
    """Make a missing folder; `OutputError` if other users can write to it."""
    try:
        make_private_folder(folder)
    except UnsafeError as error:
        raise OutputError(folder, error.what, error.hint(_OTHER)) from None
    except OSError as error:
        raise OutputError(folder, reason(error), "name a folder that can be written with --checkpoint") from None


def _loaded(job: Job[Any, PartialT], path: str, data: bytes | memoryview, held: PartialT | None = None) -> PartialT:
    """Return what a dumped partial of a file is, merged with what is held."""
    try:
        found: PartialT | None = merged(job, [data], held)
    except (DamagedPartialError, *_OF_DAMAGE) as error:
        with suppress(OSError):
            os.unlink(path)
        raise InputError(path, "is damaged, and is removed", "run again to compute what was in it") from error
    assert found is not None
    return found


def _identity(task: Task) -> Identity:
    assert task.identity is not None, "a task that cannot be known again is never planned for a checkpoint"
    return task.identity


def _remove_unused(folder: str) -> None:
    """Remove what runs that were killed had begun to write, files of ours that no run asks for, and empty folders."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False) and _NAMES.fullmatch(entry.name):
                remove_unused(entry.path, NAMES, is_locked=True)
                with suppress(OSError):
                    os.rmdir(entry.path)  # refused where it has files
