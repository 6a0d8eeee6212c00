"""What a worker process does: one job after the other, task after task, as the parent sends them."""

import fcntl
import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any

from kxcli.mapreduce.job import Job, Read, Task
from kxcli.mapreduce.spilling import Span, SpillingAccumulator, SpillPolicy
from kxcli.signals import ENDING
from kxcli.storage.shared_arrays import SharedValue, load_shared
from kxcli.tuning import configure_process
from kxcli.wording import format_traceback


@dataclass(frozen=True)
class Begin:
    """What a job's tasks need; without `keeping` each of its partials goes to the parent, with it they are merged."""

    read: Read[Any, Any]
    job: Job[Any, Any]
    shared: SharedValue
    keeping: SpillPolicy | None


@dataclass(frozen=True)
class Do:
    """A task; is_to_put_away: what is merged then goes to a file."""

    task: Task
    is_to_put_away: bool


class CollectPartial:
    """Nothing more comes for now, and what was merged is wanted."""


def work(connection: Connection) -> None:
    """Do what comes until the parent is gone."""
    _end_with_parent()
    configure_process()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent has it too, and ends us
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ENDING)
    desk: _Desk | None = None
    try:
        while True:
            message = connection.recv()
            if isinstance(message, Begin):
                desk = None  # lets go of what the last job had, before the next one's is made
                desk = _Desk(message)
            elif desk is not None:
                connection.send(desk.answer(message))
    except (EOFError, OSError):
        return  # the parent is gone, and so is all need for an answer


def _end_with_parent() -> None:
    """Let the kernel end this process when the parent ends.

    The parent has the other end of a pipe, as long as it lives. The kernel sends SIGIO when that end is closed, which
    ends a process by default. The parent of this process is multiprocessing's server, so PR_SET_PDEATHSIG does not do.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None
    signal.signal(signal.SIGIO, signal.SIG_DFL)
    with suppress(OSError):  # without it, the worker ends when its task has ended
        fcntl.fcntl(parent.sentinel, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(parent.sentinel, fcntl.F_SETFL, fcntl.fcntl(parent.sentinel, fcntl.F_GETFL) | os.O_ASYNC)
    if wait([parent.sentinel], 0):
        os._exit(1)


class _Desk:
    """What a worker has of one job."""

    def __init__(self, given: Begin) -> None:
        self._read, self._job = given.read, given.job
        keeping = given.keeping
        self._holder = None if keeping is None else SpillingAccumulator(given.job, keeping.room, lambda: keeping.folder)
        self._trouble = _answer(lambda: given.job.setup(load_shared(given.shared)))

    def answer(self, message: Do | CollectPartial) -> Any:
        """Return what the parent is to hear: of a task what was told and its partial, or of what was merged; an error.

        Of what was merged it hears whether all of that is in files now, and where what is new there.
        """
        if self._trouble is not None:
            return self._trouble
        return _answer(lambda: self._mapped(message) if isinstance(message, Do) else self._left())

    def _mapped(self, given: Do) -> tuple[list[Any], Any]:
        records = self._read(given.task)
        partial = self._job.map(records)
        holder = self._holder
        if holder is None:
            return list(records.told), self._job.dump(partial)
        holder.add(partial)
        if given.is_to_put_away:
            holder.put_away()
        return list(records.told), (holder.partial is None, holder.new_spans())

    def _left(self) -> tuple[bytes | None, list[Span]]:
        holder = self._holder
        assert holder is not None, "nothing was merged"
        if holder.has_put_away:  # there is much of it: the parent is not to hold what is left of all workers
            holder.put_away()
        partial = holder.taken()
        return None if partial is None else self._job.dump(partial), holder.new_spans()


def _answer(work: Callable[[], Any]) -> Any:
    """Return what some work gives, or the error that ended it, for the parent to raise."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 -- carried to the parent
        error.add_note("in a worker:\n" + "\n".join(format_traceback(error)))
        return error
