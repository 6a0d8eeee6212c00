"""Finished tasks in a folder: a run that is repeated computes the missing ones.

The folder has a lock, and a folder for each job. The name of that is the fingerprint of everything that the partials
depend on except the input: the reader, the job, what they share, and the versions of the program and its libraries.
Each of its files (`storage/partial_store`) lists some tasks and holds their merged partial, or the partial of each in
turn. A task is known by the stamp of its source, which differs if the file changes, and by its number there.

Cost: one file every two seconds; later one for each twentieth of the time so far, or before it exceeds some 32 MiB.
A run that is killed or fails loses what it computed since the last file.
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
from typing import Any, NamedTuple, Protocol, TypeVar

from kxcli import schema
from kxcli.errors import DamagedPartialError, InputError, KxcliError, OutputError, format_reason
from kxcli.mapreduce.fingerprint import fingerprint
from kxcli.mapreduce.job import AnyCall, Done, Engine, Job, PartialT, RecordT, SnapshotEngine, Task
from kxcli.mapreduce.spilling import merge_dumped
from kxcli.mapreduce.versions import versions
from kxcli.storage.container import Container, DamagedError
from kxcli.storage.partial_store import NAMES, PartialStore, load_partial
from kxcli.storage.private_files import UnsafeError, make_private_folder, open_private
from kxcli.storage.stale_files import remove_unused
from kxcli.wording import format_count

CodedT = TypeVar("CodedT")

Identity = tuple[str, int]
JsonValue = Any  # what `json` reads and writes

_LOCK = "lock"
_MAX_SHARE = 0.05  # of the time so far, lost at most if the run is killed
_N_NAME = 32  # characters of a job's folder
_NAMES = re.compile(r"[0-9a-f]{32}")
_MAX_FILE_BYTES = 1 << 25  # about: they are in memory while the file is written
_MAX_TASKS = 1 << 16  # of a file: its head is parsed as a whole
_NO_ROOM_HINT = "make room in the folder of --checkpoint, or name another one"
_CHANGED_HINT = "leave the folder of --checkpoint alone while kxcli runs"
_UNSAFE_HINT = "name a folder of your own with --checkpoint"
_UNWRITABLE_HINT = "name a folder that can be written with --checkpoint"
_LOAD_ERRORS = (ValueError, KeyError, TypeError, IndexError, OverflowError, RecursionError)  # of damaged partials
_HEAD = schema.RecordField(
    {
        "tasks": schema.ListField(
            schema.RowField((schema.TextField(), schema.IntegerField(), schema.ListField(schema.AnyField()))), minimum=1
        ),
        "sizes": schema.ListField(schema.IntegerField(), minimum=1),
    }
)


class Codec(Protocol[CodedT]):
    """How diagnostics are written as JSON and read back."""

    def to_json(self, diagnostic: CodedT, /) -> JsonValue:
        """Return a plain value."""
        ...

    def from_json(self, value: JsonValue, /) -> CodedT:
        """Invert `to_json`; raises `KeyError`, `TypeError` or `ValueError`."""
        ...


class CheckpointEngine(Engine):
    """Stores the partials of another engine, and computes the missing ones.

    Every task has an identity, and the tasks of a run have different ones.

    Args:
        engine: Computes the missing tasks.
        folder: Created if it is missing; one run at a time uses it, and only this user may write to it.
        codec: For the diagnostics of tasks.
        log: Receives a message about each damaged file, and at the end how many tasks were found.
        min_interval: Seconds between files; by default that of the engine.
        max_share: The longest time between files, as a share of the time so far.

    Raises:
        OutputError: The folder cannot be written, or others can write to it.
        KxcliError: Another run uses it.
    """

    def __init__(
        self,
        engine: SnapshotEngine,
        folder: str,
        codec: Codec[Any],
        log: Callable[[str], None],
        *,
        min_interval: float | None = None,
        max_share: float = _MAX_SHARE,
    ) -> None:
        self._engine, self._folder, self._codec, self._log = engine, folder, codec, log
        self._min_interval, self._max_share = min_interval, max_share
        self._stamps: Collection[str] = frozenset()
        self._about: object = None
        self._n_tasks = self._n_stored = 0
        self.n_workers = engine.n_workers
        self._is_new = _prepare_folder(folder)
        self._lock = _lock_folder(folder)

    def __enter__(self) -> "CheckpointEngine":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            message = f"{self._folder}: found {self._n_stored:,} of {format_count(self._n_tasks, 'tasks')} done"
            if self._n_stored < self._n_tasks and not self._is_new:
                message += "; the others are new, or their input, the options or the version of kxcli changed"
            self._log(message)
            _remove_unused(self._folder)
        os.close(self._lock)

    def expect(self, stamps: Iterable[str], about: object = None) -> None:
        """Announce the sources of the tasks, and the other settings of the tasks."""
        self._stamps, self._about = frozenset(stamps), about

    def reduce(self, call: AnyCall[PartialT]) -> PartialT | None:
        """Map the missing tasks and merge all partials; None if there is no task."""
        job_store = self._open_job(call, is_merged=True)
        timer = self._start_timer()
        finished: list[_StoredTask] = []
        missing = self._skip_stored(call, job_store, finished.append)
        for partial in self._engine.iter_snapshots(missing, lambda: timer.is_over or len(finished) >= _MAX_TASKS):
            timer.restart(job_store.put(finished, [call.job.dump(partial)]))
            finished.clear()
        call.job.setup(call.shared)
        total: PartialT | None = None
        for path, data in job_store.iter_partials():
            total = _load(call.job, path, data, total)
        return total

    def stream(self, call: AnyCall[PartialT]) -> Iterator[PartialT]:
        """Map the missing tasks, and yield all partials in the order of the tasks."""
        job_store = self._open_job(call, is_merged=False)
        order: deque[Identity] = deque()  # of the tasks before the next one that the inner engine yields
        new: dict[Identity, _StoredTask] = {}

        def note(task: _StoredTask) -> None:
            new[task.identity] = task

        def iter_stored() -> Iterator[PartialT]:
            while order and order[0] in job_store.diagnostics:
                yield _load(call.job, *job_store.read_partial(order.popleft()))

        timer = self._start_timer()
        finished: list[_StoredTask] = []
        results: list[bytes] = []
        try:
            for partial in self._engine.stream(self._skip_stored(call, job_store, note, order.append)):
                yield from iter_stored()
                finished.append(new.pop(order.popleft()))
                results.append(call.job.dump(partial))
                if timer.is_over or len(finished) >= _MAX_TASKS or sum(map(len, results)) > _MAX_FILE_BYTES:
                    timer.restart(job_store.put(finished, results))
                    finished, results = [], []
                yield partial
            yield from iter_stored()
        finally:  # also if the caller stops early, or a signal arrives
            if finished:
                job_store.put(finished, results)

    def _start_timer(self) -> "_SnapshotTimer":
        min_interval = self._engine.min_interval if self._min_interval is None else self._min_interval
        return _SnapshotTimer(min_interval, self._max_share)

    def _open_job(self, call: AnyCall[PartialT], *, is_merged: bool) -> "_JobStore":
        name = fingerprint((versions(), self._about, call.read, call.job, call.shared))[:_N_NAME]
        return _JobStore(os.path.join(self._folder, name), self._stamps, self._codec, self._log, is_merged=is_merged)

    def _skip_stored(
        self,
        call: AnyCall[PartialT],
        job_store: "_JobStore",
        note: Callable[["_StoredTask"], None],
        observe: Callable[[Identity], None] = lambda identity: None,
    ) -> AnyCall[PartialT]:
        """Return the call without the stored tasks.

        A stored task is done when the inner engine takes the next one.

        Args:
            call: The call with all tasks.
            job_store: Where tasks are stored.
            note: Called for each task that the inner engine finishes.
            observe: Called for each task in input order.
        """
        numbers: dict[Identity, int] = {}  # of the tasks that the inner engine has

        def iter_missing() -> Iterator[Task]:
            for number, task in enumerate(call.tasks):
                identity = _get_identity(task)
                observe(identity)
                self._n_tasks += 1
                stored = job_store.diagnostics.get(identity)
                if stored is None:
                    numbers[identity] = number
                    yield task
                else:
                    self._n_stored += 1
                    task.release()
                    call.on_done(Done(task, number, [self._codec.from_json(value) for value in stored], []))

        def on_done(done: Done[Any]) -> None:
            identity = _get_identity(done.task)
            note(_StoredTask(identity, [self._codec.to_json(one) for one in done.diagnostics]))
            call.on_done(done._replace(number=numbers.pop(identity)))

        return call._replace(tasks=iter_missing(), on_done=on_done)


class _StoredTask(NamedTuple):
    """A finished task, and the diagnostics of its reader as JSON."""

    identity: Identity
    diagnostics: list[Any]


class _SnapshotTimer:
    """Decides when to write the next file.

    Args:
        min_interval: Seconds between files.
        max_share: The longest time between files, as a share of the time so far.
    """

    def __init__(self, min_interval: float, max_share: float) -> None:
        self._min_interval, self._max_share = min_interval, max_share
        self._start = self._last = time.monotonic()
        self._max_interval = math.inf  # seconds until a file reaches its largest size

    def restart(self, n_bytes: int) -> None:
        """Note the writing of a file of `n_bytes`."""
        now = time.monotonic()
        self._max_interval = (now - self._last) * _MAX_FILE_BYTES / max(n_bytes, 1)
        self._last = now

    @property
    def is_over(self) -> bool:
        now = time.monotonic()
        interval = max(self._min_interval, self._max_share * (now - self._start))
        return now - self._last >= min(interval, self._max_interval)


class _JobStore:
    """The stored tasks of one job that belong to the sources of this run.

    Args:
        folder: Of the job.
        stamps: Of all sources of this run.
        codec: For diagnostics.
        log: Receives a message about each damaged file.
        is_merged: Whether a file has one partial of all its tasks, or the partial of each.

    Attributes:
        diagnostics: Of each task, as JSON.
    """

    def __init__(
        self, folder: str, stamps: Collection[str], codec: Codec[Any], log: Callable[[str], None], *, is_merged: bool
    ) -> None:
        self._store, self._codec, self._is_merged = PartialStore(folder, _NO_ROOM_HINT), codec, is_merged
        self.diagnostics: dict[Identity, list[JsonValue]] = {}
        self._paths: list[str] = []
        self._spans: dict[Identity, tuple[str, int, int]] = {}  # of single partials: the file, from and to a byte
        _prepare_folder(folder)
        try:
            files = list(self._iter_intact(log))
        except OSError as error:
            raise OutputError(folder, format_reason(error), _UNWRITABLE_HINT) from None
        # Runs over overlapping inputs may leave two files with a task in common: use the one with more tasks.
        for path, tasks, sizes, start in sorted(files, key=lambda file: (-len(file[1]), file[0])):
            if all(stamp in stamps for stamp, _ in tasks) and self.diagnostics.keys().isdisjoint(tasks):
                self._add(tasks, sizes, path, start)
                with suppress(OSError):
                    os.utime(path)

    def put(self, done: list[_StoredTask], partials: list[bytes]) -> int:
        """Write the merged partial of some tasks, or the partial of each.

        Returns the bytes of the partials.
        """
        tasks = dict(done)
        sizes = [*map(len, partials)]
        head = {"tasks": [[*identity, diagnostics] for identity, diagnostics in tasks.items()], "sizes": sizes}
        path = self._store.save(b"".join(partials), head)
        self._add(tasks, sizes, path, os.path.getsize(path) - sum(sizes))
        return sum(sizes)

    def iter_partials(self) -> Iterator[tuple[str, memoryview]]:
        """Yield the files and their merged partials, mapped one after the other."""
        for path in self._paths:
            try:
                yield path, load_partial(path, _HEAD, is_checked=False).data
            except DamagedError as error:
                raise InputError(path, error.what, _CHANGED_HINT) from None

    def read_partial(self, identity: Identity) -> tuple[str, bytes]:
        """Return the path of the file with the partial of one task, and the partial."""
        path, start, stop = self._spans[identity]
        try:
            with open(path, "rb", opener=lambda path, _: open_private(path)) as file:
                file.seek(start)
                return path, file.read(stop - start)
        except UnsafeError as error:
            raise InputError(path, error.what, _CHANGED_HINT) from None
        except OSError as error:
            raise InputError(path, format_reason(error), _CHANGED_HINT) from None

    def _iter_intact(
        self, log: Callable[[str], None]
    ) -> Iterator[tuple[str, dict[Identity, list[JsonValue]], list[int], int]]:
        """Yield the intact files, and remove the others.

        Of each file come the path, the tasks, the sizes of the partials, and where they start.
        """
        for path in self._store.list_paths():
            try:
                file = load_partial(path, _HEAD, is_checked=True)
                tasks, sizes = self._check_head(path, file)
            except DamagedError as error:
                log(f"{path}: {error.what}; what was in it is computed again")
                with suppress(OSError):  # a folder stays, and is reported again
                    os.unlink(path)
            else:
                yield path, tasks, sizes, file.start

    def _check_head(self, path: str, file: Container) -> tuple[dict[Identity, list[JsonValue]], list[int]]:
        """Return the tasks and sizes of a head; `DamagedError` if they do not fit."""
        tasks = {(stamp, number): diagnostics for stamp, number, diagnostics in file.head["tasks"]}
        sizes = file.head["sizes"]
        n_partials = 1 if self._is_merged else len(tasks)
        if len(tasks) != len(file.head["tasks"]) or len(sizes) != n_partials or sum(sizes) != len(file.data):
            raise DamagedError(path, "is damaged (its tasks and sizes do not fit)")
        try:
            for diagnostics in tasks.values():
                for value in diagnostics:
                    self._codec.from_json(value)
        except (KeyError, TypeError, ValueError):
            raise DamagedError(path, "is damaged (its messages are not as they were written)") from None
        return tasks, sizes

    def _add(self, tasks: dict[Identity, list[JsonValue]], sizes: list[int], path: str, start: int) -> None:
        self.diagnostics.update(tasks)
        self._paths.append(path)
        if not self._is_merged:
            for identity, size in zip(tasks, sizes, strict=True):
                self._spans[identity] = path, start, start + size
                start += size


def _lock_folder(folder: str) -> int:
    """Lock a folder for this run; `KxcliError` if another run has it."""
    path = os.path.join(folder, _LOCK)
    try:
        lock = open_private(path, os.O_CREAT | os.O_RDWR)
    except UnsafeError as error:
        raise OutputError(path, error.what, error.hint("remove it")) from None
    except OSError as error:
        raise OutputError(folder, format_reason(error), _UNWRITABLE_HINT) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            what = f"cannot be locked ({format_reason(error)})"
            raise OutputError(path, what, "name a folder on another disk") from None
        raise KxcliError(f"{folder}: another run is using it; wait for its end, or name another folder") from None
    return lock


def _prepare_folder(folder: str) -> bool:
    """Create a missing folder, and return whether it is empty.

    Raises `OutputError` if other users can write to it.
    """
    try:
        make_private_folder(folder)
        return not os.listdir(folder)
    except UnsafeError as error:
        raise OutputError(folder, error.what, error.hint(_UNSAFE_HINT)) from None
    except OSError as error:
        raise OutputError(folder, format_reason(error), _UNWRITABLE_HINT) from None


def _load(
    job: Job[RecordT, PartialT, object], path: str, data: bytes | memoryview, partial: PartialT | None = None
) -> PartialT:
    """Return the dumped partial of a file, merged with another one."""
    try:
        total = merge_dumped(job, [data], partial)
    except (DamagedPartialError, *_LOAD_ERRORS) as error:
        with suppress(OSError):
            os.unlink(path)
        raise InputError(path, "is damaged, and is removed", "run again to compute what was in it") from error
    assert total is not None
    return total


def _get_identity(task: Task) -> Identity:
    assert task.identity is not None, "tasks without an identity are never planned for a checkpoint"
    return task.identity


def _remove_unused(folder: str) -> None:
    """Remove unused and unfinished files, and empty folders."""
    with suppress(OSError):
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False) and _NAMES.fullmatch(entry.name):
                remove_unused(entry.path, NAMES, is_locked=True)
                with suppress(OSError):
                    os.rmdir(entry.path)  # refused if it has files
