"""Engines by the options of a run, and jobs without input files."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Generic, NamedTuple, Protocol, TypeVar

from kxcli.mapreduce import available
from kxcli.mapreduce.job import Call, Done, Engine, Job, PartialT, ResultT, SnapshotEngine
from kxcli.mapreduce.local import LocalEngine
from kxcli.pipelines.session import Session
from kxcli.pipelines.settings import RunSettings
from kxcli.report import Report
from kxcli.storage.workspace import Workspace
from kxcli.wording import format_count

_MIN_MAX_LINE = 1 << 20  # bytes: text is mapped in pieces of that size, however little memory there is


@contextmanager
def start_engine(
    run: RunSettings, report: Report, preload: Iterable[str], workspace: Workspace, *, uses_threads: bool = False
) -> Iterator[Engine]:
    """Start the engine of a run; at the end of the block, no worker is left.

    Args:
        run: The options.
        report: Gets warnings.
        preload: Modules that each worker process imports.
        workspace: The private folder of the run.
        uses_threads: Whether all calls allow threads, so that there are no worker processes.
    """
    with _start_workers(run, report, preload, workspace, uses_threads) as engine:
        if run.checkpoint is None:
            yield engine
            return
        from kxcli.corpus import diagnostic_codec
        from kxcli.mapreduce.checkpoint import CheckpointEngine

        with CheckpointEngine(engine, run.checkpoint, diagnostic_codec, report.note) as checkpoint:
            yield checkpoint


@contextmanager
def _start_workers(
    run: RunSettings, report: Report, preload: Iterable[str], workspace: Workspace, uses_threads: bool
) -> Iterator[SnapshotEngine]:
    if run.cluster is not None:
        from kxcli.mapreduce.cluster import ClusterEngine  # imports numpy

        with ClusterEngine(run.cluster, workspace.make_folder, report.note) as engine:
            report.detail(f"{format_count(engine.n_workers, 'threads')} of workers at {run.cluster}")
            yield engine
        return
    memory = get_memory_limit(run)
    n_workers = available.choose_n_workers(run.jobs, memory, are_threads=uses_threads)
    n_bytes = available.get_partial_limit(memory, n_workers, are_threads=uses_threads)
    if run.memory is not None and run.memory < available.PROCESS_BYTES:
        report.warning(f"--memory is less than the {available.PROCESS_BYTES >> 20} MiB that a process takes by itself")
    elif n_workers < run.jobs:
        report.warning(
            f"there is memory for {n_workers} of {format_count(run.jobs, 'workers')}: raise --memory for more"
        )
    limits = f"{memory >> 20:,} MiB for all, {n_bytes >> 20:,} for what each counts"
    report.detail(f"{format_count(n_workers, 'workers')} at most; {limits}")
    local = LocalEngine(
        n_workers, preload, workspace.make_folder, max_partial_bytes=n_bytes, retries=run.retries, warn=report.warning
    )
    try:
        with local:
            yield local
    finally:
        if report.summary is not None:
            report.summary.add_usage(*local.worker_usage)


@contextmanager
def start_tasks(session: Session, preload: Iterable[str]) -> "Iterator[TaskRunner]":
    """Start the engine until the end of the block, for jobs without input files."""
    with Workspace() as workspace, start_engine(session.run, session.report, preload, workspace) as engine:
        yield TaskRunner(engine, session.report)


def get_memory_limit(run: RunSettings) -> int:
    """Return the bytes available to all processes."""
    return available.get_default_memory() if run.memory is None else run.memory


def get_max_line_bytes(run: RunSettings, cost: int) -> int | None:
    """Return the longest line that --memory has room for; None without --memory.

    A limit by the free memory would make the output depend on the moment.

    Args:
        run: The options.
        cost: Bytes of memory for a byte of the line.
    """
    return None if run.memory is None else max(_MIN_MAX_LINE, (run.memory - available.PROCESS_BYTES) // cost)


class SizedRecord(Protocol):
    """A record with its share of the work."""

    @property
    def size(self) -> int:
        """Some unit of work, the same for all records of a job."""
        ...


SizedRecordT = TypeVar("SizedRecordT", bound=SizedRecord)


class InlineTask(NamedTuple, Generic[SizedRecordT]):
    """A task with its record: rows, pairs of blocks, numbers of permutations."""

    record: SizedRecordT
    name: str
    number: int

    @property
    def size(self) -> int:
        """Its share of the work."""
        return self.record.size

    @property
    def identity(self) -> tuple[str, int]:
        """The fingerprint of the record, and the task's number among equal ones."""
        from kxcli.mapreduce.fingerprint import fingerprint

        return fingerprint(self.record), self.number

    def release(self) -> None:
        """Do nothing: there is nothing to free."""


def _read_inline(
    task: InlineTask[SizedRecordT], _diagnostics: list[object], _spooled: object
) -> tuple[SizedRecordT, ...]:
    return (task.record,)


class TaskRunner:
    """Runs jobs over computed records, without input files."""

    def __init__(self, engine: Engine, report: Report) -> None:
        self._engine, self._report = engine, report

    def __call__(
        self, job: Job[SizedRecordT, PartialT, ResultT], records: Iterable[SizedRecordT], shared: object, what: str
    ) -> ResultT:
        """Run a job over at least one record and return its result.

        `what` is its name in the progress bar.
        """
        self._report.detail(what)
        tasks = [InlineTask(record, what, number) for number, record in enumerate(records)]
        self._engine.expect(task.identity[0] for task in tasks)
        with self._report.progress(sum(task.size for task in tasks), what, unit="") as progress:

            def on_done(done: Done[object]) -> None:
                progress.advance(done.task.size)

            partial = self._engine.reduce(Call(_read_inline, tasks, job, shared, on_done))
        assert partial is not None, "there is no record"
        return job.finish(partial)
