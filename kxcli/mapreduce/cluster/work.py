"""What runs on the workers, and what is sent to them; nothing here needs Dask to be imported but within a worker."""

import threading
import traceback
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import numpy.typing as npt

import kxcli
from kxcli.errors import ClusterError
from kxcli.mapreduce.job import Job, Splitting, Task
from kxcli.tuning import settle_in

_PICKLE = 5  # the protocol that hands arrays over apart from what describes them

Write = Callable[[int, Any], Any]  # the number of a part, and its partial
Told = list[list[Any]]  # by task
Mapped = tuple[Told, bytes]  # of a batch: what was told, and the dumped partial


class _Pickler(ForkingPickler):
    """Sends what is mapped from a file of this machine as what it holds."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type) or not hasattr(value, "unmapped"):
            return NotImplemented
        return _itself, (value.unmapped(),)


def _itself(value: Any) -> Any:
    return value


def dumped(value: Any) -> bytes:
    """Return a value as bytes, for a worker."""
    return _described(value, None)


def _described(value: Any, take: Callable[[Any], object] | None) -> bytes:
    description = BytesIO()
    _Pickler(description, _PICKLE, True, take).dump(value)
    return description.getvalue()


def payload(value: Any) -> tuple[bytes, list[npt.NDArray[np.uint8]]]:
    """Return what a `Payload` of a value is made of on a worker; the arrays are views of the value's."""
    buffers: list[Any] = []
    description = _described(value, buffers.append)
    return description, [np.frombuffer(buffer.raw(), dtype=np.uint8) for buffer in buffers]


class Payload:
    """What all tasks of a job have in common, made ready once in each thread: jobs may not be shared by threads.

    Lives on a worker as long as the scheduler holds the job's key, and what was made ready lives in it.
    """

    def __init__(self, description: bytes, arrays: Sequence[npt.NDArray[np.uint8]]) -> None:
        self._sent = description, arrays
        self._mine = threading.local()

    def __reduce__(self) -> Any:
        return Payload, self._sent

    def __sizeof__(self) -> int:
        return len(self._sent[0]) + sum(array.nbytes for array in self._sent[1])

    def ready(self) -> tuple[Callable[[Task], Any], Job[Any, Any]]:
        """Return how tasks are read, and the job, set up for this thread; threads share the arrays."""
        if not hasattr(self._mine, "ready"):
            settle_in()
            description, arrays = self._sent
            read, job, shared = ForkingPickler.loads(description, buffers=arrays)
            job.setup(shared)
            self._mine.ready = read, job
        ready: tuple[Callable[[Task], Any], Job[Any, Any]] = self._mine.ready
        return ready


def mapped(version: str, sent: Payload, batch: bytes) -> Mapped:
    """Return what the reading of a batch's tasks told, and its partial, dumped."""
    done: Mapped = _noted(_mapped, version, sent, batch)
    return done


def _mapped(version: str, sent: Payload, batch: bytes) -> Mapped:
    if version != kxcli.__version__:  # a worker that came after all were asked
        raise ClusterError(_address(), *other_version(kxcli.__version__, version))
    read, job = sent.ready()
    told: Told = []
    merged: Any = None
    for number, task in enumerate(ForkingPickler.loads(batch)):
        if number:
            _stop_if_unwanted()
        records = read(task)
        partial = job.map(records)
        told.append(list(records.told))
        merged = partial if merged is None else job.merge(merged, partial)
    return told, job.dump(merged)


def told(done: Mapped) -> tuple[Told, int]:
    """Return what was told of a batch, and the size of its dumped partial."""
    return done[0], len(done[1])


def split(*done: Mapped, sent: Payload, parts: int) -> list[bytes]:
    """Return the parts of what some batches give together, dumped; a job that cannot split has one."""
    made: list[bytes] = _noted(_split, done, sent, parts)
    return made


def _split(done: Iterable[Mapped], sent: Payload, parts: int) -> list[bytes]:
    job = sent.ready()[1]
    partial = loaded(job, (data for _, data in done))
    if parts > 1 and isinstance(job, Splitting):
        return [job.dump(part) for part in job.split(partial, parts)]
    return [job.dump(partial)]


def part(made: list[bytes], number: int) -> bytes:
    """Return one of some parts, which is then held, moved and let go of by itself."""
    return made[number]


def merged(*parts: bytes, sent: Payload) -> bytes:
    """Return what some dumped partials give together, dumped."""
    together: bytes = _noted(_merged, parts, sent)
    return together


def _merged(parts: Iterable[bytes], sent: Payload) -> bytes:
    job = sent.ready()[1]
    return job.dump(loaded(job, parts))


def loaded(job: Job[Any, Any], parts: Iterable[bytes]) -> Any:
    """Return what some dumped partials give together."""
    partial: Any = None
    for data in parts:
        more = job.load(data)
        partial = more if partial is None else job.merge(partial, more)
    return partial


def written(number: int, *parts: bytes, sent: Payload, write: bytes) -> Any:
    """Hand a part of the result to `write`, on the worker that holds it, and return what that returns."""
    return _noted(_written, number, parts, sent, write)


def _written(number: int, parts: Iterable[bytes], sent: Payload, write: bytes) -> Any:
    return ForkingPickler.loads(write)(number, loaded(sent.ready()[1], parts))


def _noted(work: Callable[..., Any], *given: Any) -> Any:
    """Do some work, and let an error tell where in the worker it came up: of its traceback, Dask brings a part."""
    try:
        return work(*given)
    except Exception as error:
        error.add_note(f"in the worker {_address()}:\n" + "".join(traceback.format_exception(error)))
        raise


def other_version(found: str | None, version: str) -> tuple[str, str]:
    """Return what is wrong with a worker, and what to do."""
    hint = f"install kxcli {version} for all workers, and start them again"
    if found is None:
        return f"this worker has no kxcli, while {version} is asked for", hint
    return f"this worker has kxcli {found}, while {version} is asked for", hint


def _address() -> str:
    from distributed import get_worker

    return str(get_worker().address)


def _stop_if_unwanted() -> None:
    """End a batch whose result nobody waits for, as after Ctrl-C; nothing else can end a thread."""
    from distributed import Reschedule, get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    if task is None or task.state == "cancelled":
        raise Reschedule
