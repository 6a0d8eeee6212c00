"""A worker process as the parent sees it."""

from collections.abc import Callable
from multiprocessing.context import BaseContext
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from kxcli.errors import WorkerDiedError
from kxcli.mapreduce.job import Task
from kxcli.mapreduce.worker import CollectPartial, RunTask, StartJob, run_worker

NumberedTask = tuple[int, Task]
ResultT = TypeVar("ResultT")


class WorkerHandle:
    """A worker process, the pipe to it, and its unsaved tasks.

    Attributes:
        current: The task that it has.
        merged: The tasks in its partial; only the last one if no task is repeated.
        n_bytes: Of all these, as sent through the pipe.
        is_new: Whether it has not answered yet.
    """

    def __init__(self, context: BaseContext) -> None:
        self.current: NumberedTask | None = None
        self.merged: list[NumberedTask] = []
        self.n_bytes = 0
        self.is_new = True
        self.connection, theirs = context.Pipe()
        self.process: Any = context.Process(target=run_worker, args=(theirs,), daemon=True)  # type: ignore[attr-defined]
        self.process.start()
        theirs.close()  # so that the end of the process ends the pipe

    def send_task(self, numbered: NumberedTask, *, should_spill: bool) -> None:
        """Send a task; `WorkerDiedError` if the worker is dead.

        Then the task is the current one only if the worker is new: an older worker died of something else.
        """
        if self.is_new:
            self.current = numbered
        message = ForkingPickler.dumps(RunTask(numbered[1], should_spill))
        self._call(lambda: self.connection.send_bytes(message))
        self.current = numbered
        self.n_bytes += len(message)

    def send(self, message: StartJob | CollectPartial) -> None:
        """Send a message; `WorkerDiedError` if the worker is dead."""
        self._call(lambda: self.connection.send(message))

    def receive(self) -> Any:
        """Wait for an answer; `WorkerDiedError` if the worker is dead."""
        return self._call(self.connection.recv)

    def mark_done(self, *, is_safe: bool, may_repeat: bool) -> None:
        """Note that the current task is merged.

        Args:
            is_safe: Whether the partial is out of the worker.
            may_repeat: Whether tasks are repeated after a death. If not, only the last one is kept, for the message.
        """
        assert self.current is not None
        if not may_repeat:
            self.clear_history()
        self.merged.append(self.current)
        self.current = None
        if is_safe:
            self.clear_history()

    def clear_history(self) -> None:
        """Release the merged tasks: nothing would be lost with the worker."""
        for _, task in self.merged:
            task.release()
        self.merged, self.n_bytes = [], 0

    def get_lost_tasks(self) -> dict[int, Task]:
        """Return the unsaved tasks of the worker, by number."""
        return dict(self.merged if self.current is None else [*self.merged, self.current])

    def close(self) -> None:
        """Wait for the end of a dead or killed process, and free its resources."""
        self.connection.close()
        self.process.join()
        self.process.close()

    def _call(self, work: Callable[[], ResultT]) -> ResultT:
        try:
            return work()
        except (EOFError, OSError):
            self.process.join()
            last = self.current or (self.merged[-1] if self.merged else None)
            raise WorkerDiedError(None if last is None else last[1].name, self.process.exitcode) from None
