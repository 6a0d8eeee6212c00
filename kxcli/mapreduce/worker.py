"""The loop of a worker process: one job after the other, task after task."""

import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from kxcli.mapreduce.job import Job, Reader, Task
from kxcli.mapreduce.spilling import FileSpan, SpillingAccumulator, SpillPolicy
from kxcli.signals import ENDING_SIGNALS
from kxcli.storage.shared_arrays import SharedValue, load_shared
from kxcli.tuning import configure_process, keep_heap
from kxcli.wording import format_traceback

if TYPE_CHECKING:
    from kxcli.storage.array_spool import SpooledArray

AnswerT = TypeVar("AnswerT")


@dataclass(frozen=True)
class StartJob:
    """Message to a worker: the reader, the job and its shared values.

    Without a policy each partial goes to the parent; with one the worker merges them.
    """

    read: Reader[Any, Any, Any]
    job: Job[Any, Any, object]
    shared: SharedValue
    policy: SpillPolicy | None


@dataclass(frozen=True)
class RunTask:
    """Message to a worker: a task, and whether to spill afterwards."""

    task: Task
    should_spill: bool


class CollectPartial:
    """Message to a worker: send the merged partial."""


class MappedTask(NamedTuple):
    """Answer to `RunTask`.

    Attributes:
        diagnostics: Messages of the reader.
        spooled: Where the reader keeps records.
        partial: The dumped partial, if the worker does not merge.
        spans: What was spilled since the last answer.
        is_safe: Whether no merged partial would be lost with the worker.
    """

    diagnostics: list[Any]
    spooled: "list[SpooledArray]"
    partial: bytes
    spans: list[FileSpan]
    is_safe: bool


class MergedPartial(NamedTuple):
    """Answer to `CollectPartial`: the dumped partial, if there is one.

    `spans` is what was spilled since the last answer.
    """

    data: bytes | None
    spans: list[FileSpan]


def run_worker(connection: Connection) -> None:
    """Answer messages until the parent is gone."""
    _end_with_parent()
    configure_process()
    keep_heap()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent receives it, too, and ends this process
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING_SIGNALS)
    context: _JobContext | None = None
    try:
        while True:
            message = connection.recv()
            if isinstance(message, StartJob):
                context = None  # frees the memory of the last job first
                context = _JobContext(message)
            elif context is not None:
                connection.send(context.answer(message))
    except (EOFError, OSError):
        return  # the parent is gone


def _end_with_parent() -> None:
    """Let the kernel end this process when the parent ends.

    The parent holds the other end of a pipe as long as it lives. The kernel sends SIGIO when that end is closed, which
    ends a process by default. PR_SET_PDEATHSIG does not help: the parent of this process is multiprocessing's server.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    with suppress(OSError):  # without it, the worker ends after its task
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, fcntl.fcntl(parent.sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    if wait([parent.sentinel], 0):
        os._exit(1)


class _JobContext:
    """The state of a worker for one job."""

    def __init__(self, start: StartJob) -> None:
        self._read, self._job = start.read, start.job
        self._accumulator: SpillingAccumulator[Any] | None = None
        if (policy := start.policy) is not None:
            folder = policy.folder
            self._accumulator = SpillingAccumulator(start.job, policy.max_partial_bytes, lambda: folder)
        setup = _call_safely(lambda: start.job.setup(load_shared(start.shared)))
        self._setup_error = setup if isinstance(setup, Exception) else None

    def answer(self, message: RunTask | CollectPartial) -> MappedTask | MergedPartial | Exception:
        """Return the answer to a message, or the error to be raised in the parent."""
        if self._setup_error is not None:
            return self._setup_error
        return _call_safely(lambda: self._map(message) if isinstance(message, RunTask) else self._collect())

    def _map(self, message: RunTask) -> MappedTask:
        diagnostics: list[Any] = []
        spooled: list[SpooledArray] = []
        records = self._read(message.task, diagnostics, spooled)
        accumulator = self._accumulator
        if accumulator is None:
            return MappedTask(diagnostics, spooled, self._job.dump(self._job.map(records)), [], is_safe=True)
        accumulator.add(records)
        if message.should_spill:
            accumulator.spill()
        return MappedTask(diagnostics, spooled, b"", accumulator.drain_spans(), is_safe=accumulator.partial is None)

    def _collect(self) -> MergedPartial:
        accumulator = self._accumulator
        assert accumulator is not None, "nothing is merged without a policy"
        if accumulator.has_spilled:  # it is large: the parent has no room for the rest of all workers
            accumulator.spill()
        partial = accumulator.drain()
        return MergedPartial(None if partial is None else self._job.dump(partial), accumulator.drain_spans())


def _call_safely(work: Callable[[], AnswerT]) -> AnswerT | Exception:
    """Return the result of a function, or its error with the traceback as a note."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- raised in the parent
        error.add_note("in a worker:\n" + "\n".join(format_traceback(error)))
        return error
