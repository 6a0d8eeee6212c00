"""The functions for workers, and their arguments.

Dask is imported only within a worker.
"""

import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, NamedTuple, ParamSpec, TypeVar

import numpy as np

from kxcli.arrays import UInt8Array
from kxcli.errors import ClusterError
from kxcli.mapreduce import available
from kxcli.mapreduce.job import Job, PartitionableJob, Reader, fold_records
from kxcli.mapreduce.spilling import merge_dumped
from kxcli.mapreduce.versions import PYTHON_NAMES, versions

if TYPE_CHECKING:
    from kxcli.storage.array_spool import SpooledArray

_PICKLE_PROTOCOL = 5  # which separates arrays from what describes them

Arguments = ParamSpec("Arguments")
ResultT = TypeVar("ResultT")


class TaskReport(NamedTuple):
    """The diagnostics and the spooled records of a task."""

    diagnostics: list[Any]
    spooled: "list[SpooledArray]"


class MappedBatch(NamedTuple):
    """The reports of a batch by task, and its dumped partial."""

    reports: list[TaskReport]
    data: bytes


class BatchSummary(NamedTuple):
    """The reports of a batch by task, and the size of its dumped partial."""

    reports: list[TaskReport]
    n_bytes: int


class _Pickler(ForkingPickler):
    """Pickles the content of values mapped from a file of this machine."""

    def reducer_override(self, value: Any) -> Any:
        if isinstance(value, type) or not hasattr(value, "to_arrays"):
            return NotImplemented
        return _return_value, (value.to_arrays(),)


def _return_value(value: Any) -> Any:
    return value


def pickle_value(value: object) -> bytes:
    """Return a value as bytes, for a worker."""
    return _pickle(value, None)


def _pickle(value: object, take_buffer: Callable[[Any], object] | None) -> bytes:
    data = BytesIO()
    _Pickler(data, _PICKLE_PROTOCOL, True, take_buffer).dump(value)
    return data.getvalue()


def pickle_job(read: object, job: object, shared: object) -> tuple[dict[str, str], bytes, list[UInt8Array]]:
    """Return the arguments of the `JobPayload` of a job.

    The arrays are views of those in `shared`.
    """
    buffers: list[Any] = []
    pickled = _pickle((read, job, shared), buffers.append)
    return versions(), pickled, [np.frombuffer(buffer.raw(), dtype=np.uint8) for buffer in buffers]


class JobPayload:
    """A job and its shared values, set up once in each thread of a worker.

    Threads may not share a job.

    It lives on a worker as long as the scheduler holds the key of the job.

    Args:
        expected: The versions of the sender.
        pickled: The reader, the job and what is shared, without the arrays.
        arrays: The arrays, which threads share.
    """

    def __init__(self, expected: Mapping[str, str], pickled: bytes, arrays: Sequence[UInt8Array]) -> None:
        self._arguments = expected, pickled, arrays
        self._local = threading.local()

    def __reduce__(self) -> Any:
        return JobPayload, self._arguments

    def __sizeof__(self) -> int:
        _, pickled, arrays = self._arguments
        return len(pickled) + sum(array.nbytes for array in arrays)

    def setup(self) -> tuple[Reader[Any, Any, Any], Job[Any, Any, object]]:
        """Return the reader, and the job, set up for this thread.

        Settings of the process are not changed: it belongs to the cluster.

        Raises:
            ClusterError: The job would give another result here; workers may join after all were checked.
        """
        if not hasattr(self._local, "ready"):
            expected, pickled, arrays = self._arguments
            if (mismatch := find_version_mismatch(versions(), expected)) is not None:
                raise ClusterError(_get_address(), *mismatch)
            read, job, shared = ForkingPickler.loads(pickled, buffers=arrays)
            job.setup(shared)
            self._local.ready = read, job
        ready: tuple[Reader[Any, Any, Any], Job[Any, Any, object]] = self._local.ready
        return ready


def _with_traceback(work: Callable[Arguments, ResultT]) -> Callable[Arguments, ResultT]:
    """Add the worker's traceback to the errors of a function.

    Dask transfers only a part of the traceback.
    """

    @wraps(work)
    def call(*arguments: Arguments.args, **options: Arguments.kwargs) -> ResultT:
        try:
            return work(*arguments, **options)
        except Exception as error:
            error.add_note(f"in the worker {_get_address()}:\n" + "".join(traceback.format_exception(error)))
            raise

    return call


@_with_traceback
def map_batch(payload: JobPayload, batch: bytes) -> MappedBatch:
    """Return the reports of a batch's tasks, and its partial."""
    read, job = payload.setup()
    reports: list[TaskReport] = []
    merged: Any = None
    for number, task in enumerate(ForkingPickler.loads(batch)):
        if number:
            _stop_if_cancelled()
        report = TaskReport([], [])
        merged = fold_records(job, merged, read(task, *report))
        reports.append(report)
    return MappedBatch(reports, job.dump(merged))


def summarize_batch(batch: MappedBatch) -> BatchSummary:
    """Return a batch without its partial."""
    return BatchSummary(batch.reports, len(batch.data))


@_with_traceback
def split_batches(*batches: MappedBatch, payload: JobPayload, n_parts: int) -> list[bytes]:
    """Return the dumped parts of the sum of some batches.

    There is one part if the job cannot split.
    """
    job = payload.setup()[1]
    partial = merge_dumped(job, (batch.data for batch in batches))
    if n_parts > 1 and isinstance(job, PartitionableJob):
        return [job.dump(part) for part in job.split(partial, n_parts)]
    return [job.dump(partial)]


def get_part(parts: list[bytes], number: int) -> bytes:
    """Return one of some parts: Dask then holds and releases each on its own."""
    return parts[number]


@_with_traceback
def merge_parts(*parts: bytes, payload: JobPayload) -> bytes:
    """Return the merged partial of some dumped ones, dumped."""
    job = payload.setup()[1]
    return job.dump(merge_dumped(job, parts))


@_with_traceback
def write_part(number: int, *parts: bytes, payload: JobPayload, write: bytes) -> Any:
    """Call the pickled function `write` with a part of the result.

    This runs on the worker that holds the part. Returns the result of `write`.
    """
    return ForkingPickler.loads(write)(number, merge_dumped(payload.setup()[1], parts))


def find_version_mismatch(found: Mapping[str, str], expected: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the fault of a worker with other versions, and how to fix it.

    None if it has the expected versions.
    """
    for name, version in expected.items():
        if found.get(name) != version:
            what = f"this worker has {name} {found[name]}" if name in found else f"this worker has no {name}"
            hint = f"install {name} {version} for all workers, and restart them"
            if name in PYTHON_NAMES:
                hint = "start all workers with the same Python as this run's"
            return f"{what}, but this run needs {version}", hint
    return None


def get_partial_limit(memory: int | None) -> int:
    """Return the bytes that one thread of this worker may use for a partial.

    Args:
        memory: Bytes that this process may use. If None, half of the free memory, shared by as many threads as there
            are CPUs, in one process or in several.
    """
    from distributed import get_worker

    n_threads = int(get_worker().state.nthreads)
    if memory is not None:
        return available.get_partial_limit(memory, n_threads)
    return available.get_partial_limit(available.get_default_memory(), max(n_threads, available.count_cpus()))


def _get_address() -> str:
    from distributed import get_worker

    return str(get_worker().address)


def _stop_if_cancelled() -> None:
    """End a batch if nobody waits for it, for example after Ctrl-C.

    A thread cannot be ended from outside.
    """
    from distributed import Reschedule, get_worker

    worker = get_worker()
    task = worker.state.tasks.get(worker.get_current_task())
    if task is None or task.state == "cancelled":
        raise Reschedule
