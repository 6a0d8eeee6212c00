"""What runs on the workers, and what is sent to them; nothing here needs Dask to be imported but within a worker."""

import threading
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np

from kxcli.arrays import UInt8Array
from kxcli.errors import ClusterError
from kxcli.mapreduce import available, spilling
from kxcli.mapreduce.job import Job, PartitionableJob, Task
from kxcli.mapreduce.versions import OF_PYTHON, versions

_PICKLE = 5  # the protocol that hands arrays over apart from what describes them

Write = Callable[[int, Any], Any]  # the number of a part, and its partial
Told = list[list[Any]]  # by task
Mapped = tuple[Told, bytes]  # of a batch: what was told, and the dumped partial


class _Pickler(ForkingPickler):
    """Sends what is mapped from a file of this machine as what it holds."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type) or not hasattr(value, "unmapped"):
            return NotImplemented
        return _itself, (value.to_arrays(),)


def _itself(value: Any) -> Any:
    return value


def dumped(value: Any) -> bytes:
    """Return a value as bytes, for a worker."""
    return _described(value, None)


def _described(value: Any, take: Callable[[Any], object] | None) -> bytes:
    description = BytesIO()
    _Pickler(description, _PICKLE, True, take).dump(value)
    return description.getvalue()


class BatchPickle:
    """Values that go out together, as bytes in which what several have in common is there once."""

    def __init__(self) -> None:
        self._values: list[Any] = []
        self._size = 0

    def add(self, value: Any) -> None:
        """Add a value."""
        self._values.append(value)
        self._size += len(dumped(value))

    def __len__(self) -> int:
        """Return no fewer bytes than they will be."""
        return self._size

    def data(self) -> bytes:
        """Return the bytes, for a worker."""
        return dumped(self._values)


def unpacked(data: bytes) -> list[Any]:
    """Return the values of a parcel."""
    values: list[Any] = ForkingPickler.loads(data)
    return values


def payload(value: Any) -> tuple[dict[str, str], bytes, list[UInt8Array]]:
    """Return what a `Payload` of a value is made of on a worker; the arrays are views of the value's."""
    buffers: list[Any] = []
    description = _described(value, buffers.append)
    return versions(), description, [np.frombuffer(buffer.raw(), dtype=np.uint8) for buffer in buffers]


class Payload:
    """What all tasks of a job have in common, made ready once in each thread: jobs may not be shared by threads.

    Lives on a worker as long as the scheduler holds the job's key, and what was made ready lives in it.
    wanted: the versions of whoever sent it.
    """

    def __init__(self, wanted: Mapping[str, str], description: bytes, arrays: Sequence[UInt8Array]) -> None:
        self._sent = wanted, description, arrays
        self._mine = threading.local()

    def __reduce__(self) -> Any:
        return Payload, self._sent

    def __sizeof__(self) -> int:
        _, description, arrays = self._sent
        return len(description) + sum(array.nbytes for array in arrays)

    def ready(self) -> tuple[Callable[[Task], Any], Job[Any, Any]]:
        """Return how tasks are read, and the job, set up for this thread; threads share the arrays.

        `ClusterError` where the job would give something else here: a worker may have come after all were asked.
        Nothing is set for the process as a whole, which is not ours.
        """
        if not hasattr(self._mine, "ready"):
            wanted, description, arrays = self._sent
            if (wrong := difference(versions(), wanted)) is not None:
                raise ClusterError(_address(), *wrong)
            read, job, shared = ForkingPickler.loads(description, buffers=arrays)
            job.setup(shared)
            self._mine.ready = read, job
        ready: tuple[Callable[[Task], Any], Job[Any, Any]] = self._mine.ready
        return ready


def mapped(sent: Payload, batch: bytes) -> Mapped:
    """Return what the reading of a batch's tasks told, and its partial, dumped."""
    done: Mapped = _noted(_mapped, sent, batch)
    return done


def _mapped(sent: Payload, batch: bytes) -> Mapped:
    read, job = sent.ready()
    told: Told = []
    merged: Any = None
    for number, task in enumerate(unpacked(batch)):
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
    partial = spilling.merged(job, (data for _, data in done))
    if parts > 1 and isinstance(job, PartitionableJob):
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
    return job.dump(spilling.merged(job, parts))


def written(number: int, *parts: bytes, sent: Payload, write: bytes) -> Any:
    """Hand a part of the result to `write`, on the worker that holds it, and return what that returns."""
    return _noted(_written, number, parts, sent, write)


def _written(number: int, parts: Iterable[bytes], sent: Payload, write: bytes) -> Any:
    return ForkingPickler.loads(write)(number, spilling.merged(sent.ready()[1], parts))


def _noted(work: Callable[..., Any], *given: Any) -> Any:
    """Do some work, and let an error tell where in the worker it came up: of its traceback, Dask brings a part."""
    try:
        return work(*given)
    except Exception as error:
        error.add_note(f"in the worker {_address()}:\n" + "".join(traceback.format_exception(error)))
        raise


def difference(found: Mapping[str, str], wanted: Mapping[str, str]) -> tuple[str, str] | None:
    """Return what is wrong with a worker that has some versions, and what to do; None where it has what is wanted."""
    for name, version in wanted.items():
        if found.get(name) != version:
            what = f"this worker has {name} {found[name]}" if name in found else f"this worker has no {name}"
            hint = f"install {name} {version} for all workers, and start them again"
            if name in OF_PYTHON:
                hint = "start all workers with the same Python as this run's"
            return f"{what}, while {version} is asked for", hint
    return None


def get_partial_limit(memory: int | None) -> int:
    """Return how many bytes one thread of this worker may hold of a partial.

    memory: bytes that this process may take; None: half of what is free, which as many threads share as there are
    CPUs, in one process or in several.
    """
    from distributed import get_worker

    threads = int(get_worker().state.nthreads)
    if memory is not None:
        return available.get_partial_limit(memory, threads)
    return available.get_partial_limit(available.get_default_memory(), max(threads, available.count_cpus()))


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
