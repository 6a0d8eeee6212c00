"""From shared options to merged partials: what every command does between its options and its rows."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Literal, TypeVar, cast

from kxcli.corpus import diagnostics, encodings, shards, sources
from kxcli.corpus.diagnostics import Diagnostic, Notice, SkippedRecords, format_place, locate_error
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.records import DEFAULT_FIELD, ReaderSpec, RecordKind, RequestedKind
from kxcli.corpus.shards import TaskPlanner, TaskReader
from kxcli.corpus.walking import FileFilter, SkippedFiles
from kxcli.errors import InputError, UsageError
from kxcli.mapreduce import available, inline_tasks, local
from kxcli.mapreduce.checkpoint import CheckpointEngine
from kxcli.mapreduce.job import Engine, Job, SnapshotEngine, Task
from kxcli.output.conflicts import refuse_overwriting
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report
from kxcli.storage.paths import file_ids
from kxcli.storage.workspace import Workspace
from kxcli.wording import MAX_EXAMPLES, format_count, format_examples

if TYPE_CHECKING:
    from kxcli.corpus.spool import Convert, Kept
    from kxcli.tally.scratch import Scratch

PartialT = TypeVar("PartialT")
_MIN_MAX_LINE = 1 << 20  # bytes: text is mapped in pieces of that size, however little memory there is
Reduce = Callable[..., Any]  # `Engine.reduce`, or what else takes what it takes


def find_sources(given: InputSettings, report: Report, output: OutputSettings) -> list[sources.Source]:
    """Return the inputs by the options; report skipped files of folders.

    Raises `UsageError` if the output is one of the inputs.
    """
    skips = SkippedFiles()
    found = resolve_sources(
        given.inputs,
        recursive=given.recursive,
        file_filter=FileFilter(given.glob, given.hidden, file_ids(output.written)),
        files_from=given.files_from,
        null=given.null,
        skips=skips,
    )
    refuse_overwriting("-o", output.output, ("-" if source.is_stdin else source.path for source in found))
    if skips.hidden:
        report.note(f"skipped hidden and backup files: {format_examples(skips.hidden)}; add --hidden to read them")
    if skips.unfinished:
        report.note(f"skipped unfinished outputs: {format_examples(skips.unfinished)}")
    if skips.written:
        report.note(f"skipped outputs of this run: {format_examples(skips.written)}")
    if skips.unreadable:
        report.warning(f"skipped unreadable files: {format_examples(skips.unreadable)}")
    return found


def make_reader_spec(
    given: InputSettings,
    *,
    by: str | None,
    unit: Literal["document", "lines"],
    cut: str | None,
    longest: int | None = None,
    max_line: int | None = None,
) -> ReaderSpec:
    """Return what is wanted of every input."""
    on_error = given.on_error
    return ReaderSpec(given.field or DEFAULT_FIELD, by, on_error, unit, cut, longest, max_line=max_line)


def make_named_text_spec(given: InputSettings, max_line: int | None) -> ReaderSpec:
    """Return what is wanted of inputs whose texts are told apart by what they call themselves, or their lines."""
    on_error = given.on_error
    return ReaderSpec(given.field or DEFAULT_FIELD, None, on_error, key="text_id", counts_lines=True, max_line=max_line)


def choose_format(given: InputSettings, *, by: str | None) -> RecordKind | None:
    """Return the format that was named; text where no field was asked for; None: what each file's name tells."""
    if given.input_format is None and given.field is None and by is None:
        return "text"
    return cast(RecordKind | None, given.input_format)


class Corpus:
    """The inputs of a run, and who works on them.

    convert: makes a job's records of texts.  These are then kept, for another job to run over them; or read anew for
    it, where they would not be when they are wanted: in a run that is resumed, and on other machines.
    """

    def __init__(
        self,
        given: InputSettings,
        run: RunSettings,
        report: Report,
        engine: Engine,
        workspace: Workspace,
        *,
        what: ReaderSpec,
        kind: RequestedKind | None,
        convert: "Convert | None",
        output: OutputSettings,
    ) -> None:
        self._encoding = encodings.resolve_encoding(given.encoding)
        self._sources = find_sources(given, report, output)
        if run.checkpoint is None:
            least = run.shard_size + 1 if run.cluster is None else 0  # a file that is read once may change until then
            self._sources = [one.allow_append() if (one.size or 0) >= least else one for one in self._sources]
        if run.cluster is not None:  # workers stand elsewhere
            self._sources = [source.make_absolute() for source in self._sources]
        if not self._sources:
            report.warning("there is no input: no file is named, or none in the folders matches")
        self._what, self._report, self._engine, self._workspace = what, report, engine, workspace
        self._told: list[Diagnostic] = []
        self._is_reread = run.checkpoint is not None or run.cluster is not None
        self._planner = TaskPlanner(
            what,
            kind,
            self._encoding,
            run.shard_size,
            None if run.cluster is not None else workspace.folder,
            self._told.append,
            run.checkpoint is not None,
            self._is_reread,
        )
        if isinstance(engine, CheckpointEngine):
            _check_outside(run.checkpoint or "", self._sources)
            engine.expect(shards.compute_stamps(self._sources), (run.shard_size, kind))
        self._convert, self._shard_size, self._memory = convert, run.shard_size, get_memory_limit(run)
        if convert is not None and self._is_reread:
            for source in (source for source in self._sources if source.size is None):
                raise UsageError(f"{source.path}: it is read several times, which a stream cannot be; give files.")
        self._is_read = False
        self._kept: list[Kept] = []

    def run(self, job: Job[Any, Any], shared: object, what: str = "") -> Any:
        """Run a job and return what it finishes with; None where there is nothing to run it over.

        The first job reads the inputs, the others what was kept of them.  `what` is looked for is shown while it is.
        """
        self._report.detail(what or "reading")
        is_over_kept = self._is_read and not self._is_reread
        found = (self._over_kept if is_over_kept else self._over_inputs)(job, shared, what)
        return None if found is None else job.finish(found)

    def run_partitioned(
        self, job: Job[Any, PartialT], shared: object, write: Callable[[int, PartialT], Any], n: int
    ) -> None:
        """Run a job on a cluster over the inputs, and call `write` for each of n parts of its partial where that is."""
        from kxcli.mapreduce import cluster

        assert isinstance(self._engine, cluster.ClusterEngine)
        self._report.detail("reading")
        self._over_inputs(job, shared, "", partial(self._engine.reduce_into, write=write, parts=n))

    def stream(self, job: Job[Any, PartialT], shared: object) -> Iterator[PartialT]:
        """Run a job over the inputs and yield what each task gives, in input order."""
        total = self._total()

        def on_done(task: Task, news: list[Any]) -> None:
            self._told += news
            progress.advance(task.size)

        try:
            with self._report.progress(total) as progress, closing(self._planner.tasks(self._sources)) as tasks:
                reader = TaskReader(self._what, self._encoding)
                yield from self._engine.stream(reader, tasks, job, shared=shared, on_done=on_done)
        except InputError as error:
            raise locate_error(error) from None
        self._tell()

    def drop_repeated_lines(self, job: Job[Any, Any], shared: object, *, first: Job[Any, Any]) -> None:
        """Leave only those lines of the inputs, which no job has been run over yet, whose places `job` finishes with.

        first: a job to read them with.
        """
        from kxcli.corpus.spool import SpoolReader, tasks, with_lines

        if self._is_reread:
            what = "a run with --checkpoint or --cluster, which reads its inputs anew"
            raise UsageError(f"--unique-lines drops equal lines from a copy in TMPDIR, and cannot go with {what}.")
        self.run(first, None)
        reader = SpoolReader(with_numbers=True)
        total = sum(kept.size for kept in self._kept)
        partial = self._reduced(reader, tasks(self._kept, self._shard_size), job, shared, total, "equal lines")
        if partial is not None:
            self._kept = with_lines(self._kept, job.finish(partial), self._workspace.folder())
            n_left = sum(kept.size for kept in self._kept)
            self._report.detail(f"{1 - n_left / total:.1%} of the text is lines that were seen before")

    def scratch(self) -> "Scratch":
        """Return where what is finished may go when it takes more than its share of the memory to put in order."""
        from kxcli.tally.scratch import Scratch

        return Scratch(self._workspace.folder, available.get_partial_limit(self._memory, self._engine.workers))

    def _over_inputs(self, job: Job[Any, Any], shared: object, what: str, reduce: "Reduce | None" = None) -> Any:
        """Read the inputs; tells what was decided and left out, in input order, when all has been read once."""
        total = self._total()
        numbers: dict[int, int] = {}  # of tasks, by identity
        kept: list[tuple[int, list[Kept]]] = []

        def numbered(tasks: Iterable[shards.ShardTask]) -> Iterator[shards.ShardTask]:
            for number, task in enumerate(tasks):
                numbers[id(task)] = number
                yield task

        def take(task: Task, news: "list[Diagnostic | Kept]") -> None:
            told = [one for one in news if isinstance(one, (Notice, SkippedRecords))]
            self._told += told
            kept.append((numbers.pop(id(task)), [one for one in news if not isinstance(one, (Notice, SkippedRecords))]))

        try:
            with closing(self._planner.tasks(self._sources)) as tasks:
                found = self._reduced(self._reader(), numbered(tasks), job, shared, total, what, take, reduce)
        except InputError as error:
            raise locate_error(error) from None
        self._kept = [record for _, records in sorted(kept, key=itemgetter(0)) for record in records]
        if not self._is_read:
            self._tell()
        self._is_read = True
        return found

    def _reader(self) -> Any:
        reader = TaskReader(self._what, self._encoding)
        if self._convert is None:
            return reader
        from kxcli.corpus.spool import ConvertingReader, KeepingReader

        if self._is_reread:
            return ConvertingReader(reader, self._convert)
        return KeepingReader(reader, self._convert, self._workspace.folder())

    def _total(self) -> int | None:
        """Return the bytes of all inputs, None where that is not known."""
        sizes = [source.size for source in self._sources]
        total = sum(size or 0 for size in sizes) if None not in sizes else None
        self._report.detail(
            f"{format_count(len(sizes), 'inputs')}, {'a stream' if total is None else format_count(total, 'bytes')}"
        )
        return total

    def _tell(self) -> None:
        _tell(self._told, self._report, self._sources)

    def _over_kept(self, job: Job[Any, Any], shared: object, what: str) -> Any:
        from kxcli.corpus.spool import SpoolReader, tasks

        total = sum(kept.size for kept in self._kept)
        return self._reduced(SpoolReader(), tasks(self._kept, self._shard_size), job, shared, total, what)

    def _reduced(
        self,
        read: Any,
        tasks: Iterable[Any],
        job: Job[Any, PartialT],
        shared: object,
        total: int | None,
        what: str,
        take: Callable[[Task, list[Any]], None] = lambda task, news: None,
        reduce: "Reduce | None" = None,
    ) -> Any:
        with self._report.progress(total, what) as progress:

            def on_done(task: Task, news: list[Any]) -> None:
                take(task, news)
                progress.advance(task.size)

            return (reduce or self._engine.reduce)(read, tasks, job, shared=shared, on_done=on_done)


@contextmanager
def start_engine(run: RunSettings, report: Report, preload: Iterable[str], workspace: Workspace) -> Iterator[Engine]:
    """Make ready whoever does the work; at the end, no worker is left."""
    with _workers(run, report, preload, workspace) as started:
        if run.checkpoint is None:
            yield started
            return
        with CheckpointEngine(started, run.checkpoint, diagnostics, report.note) as kept:
            yield kept


@contextmanager
def _workers(
    run: RunSettings, report: Report, preload: Iterable[str], workspace: Workspace
) -> Iterator[SnapshotEngine]:
    if run.cluster is not None:
        from kxcli.mapreduce import cluster  # numpy comes with it

        with cluster.ClusterEngine(run.cluster, workspace.folder, report.note) as started:
            report.detail(f"{format_count(started.workers, 'threads')} of workers at {run.cluster}")
            yield started
        return
    memory = get_memory_limit(run)
    workers = available.choose_n_workers(run.jobs, memory)
    room = available.get_partial_limit(memory, workers)
    if run.memory is not None and run.memory < available.PROCESS_BYTES:
        report.warning(f"--memory is less than the {available.PROCESS_BYTES >> 20} MiB that a process takes by itself")
    elif workers < run.jobs:
        report.warning(f"there is memory for {workers} of {format_count(run.jobs, 'workers')}: raise --memory for more")
    report.detail(
        f"{format_count(workers, 'workers')} at most; {memory >> 20:,} MiB for all, {room >> 20:,} for what each counts"
    )
    tell = report.warning
    with local.LocalEngine(workers, preload, workspace.folder, room=room, retries=run.retries, tell=tell) as engine:
        yield engine


def _check_outside(folder: str, found: Iterable[sources.Source]) -> None:
    """Refuse inputs that are what an earlier run kept."""
    inside = os.path.join(os.path.realpath(folder), "")
    for source in found:
        if not source.is_remote and os.path.realpath(source.path).startswith(inside):
            raise UsageError(f"{source.path}: is in the folder of --checkpoint; have that outside of what is read.")


def get_memory_limit(run: RunSettings) -> int:
    """Return the bytes that all processes may take."""
    return available.get_default_memory() if run.memory is None else run.memory


def get_max_line_bytes(run: RunSettings, cost: int) -> int | None:
    """Return the bytes of a line that --memory has room for, whatever the number of workers; None without --memory.

    A limit by the memory that is free would make the output depend on the moment.

    cost: bytes of memory for a byte of the line.
    """
    return None if run.memory is None else max(_MIN_MAX_LINE, (run.memory - available.PROCESS_BYTES) // cost)


class TaskRunner:
    """Runs jobs whose tasks carry what they are about: no input is read for them."""

    def __init__(self, engine: Engine, report: Report) -> None:
        self._engine, self._report = engine, report

    def __call__(self, job: Job[Any, Any], tasks: Iterable[Any], shared: Any, what: str) -> Any:
        """Run a job over at least one task, and return what it finishes with; `what` it is at is shown."""
        self._report.detail(what)
        pieces = [inline_tasks.InlineTask(task, task.size, what, number) for number, task in enumerate(tasks)]
        if isinstance(self._engine, CheckpointEngine):
            self._engine.expect([piece.identity[0] for piece in pieces])
        with self._report.progress(sum(piece.size for piece in pieces), what, unit="") as progress:
            partial = self._engine.reduce(
                inline_tasks.read, pieces, job, shared=shared, on_done=lambda piece, told: progress.advance(piece.size)
            )
        return job.finish(partial)


@contextmanager
def open_corpus(
    given: InputSettings,
    run: RunSettings,
    report: Report,
    *,
    what: ReaderSpec,
    kind: RequestedKind | None,
    preload: Iterable[str],
    output: OutputSettings,
    convert: "Convert | None" = None,
) -> Iterator[Corpus]:
    """Open the inputs that the options name; at the end, no worker and no temporary file is left."""
    with Workspace() as workspace, start_engine(run, report, preload, workspace) as workers:
        yield Corpus(given, run, report, workers, workspace, what=what, kind=kind, convert=convert, output=output)


def report_notice(choice: Notice, report: Report) -> None:
    """Report a choice, as a warning if it may be wrong."""
    (report.warning if choice.is_warning else report.note)(f"{choice.path}: {choice.message}")


def _tell(told: list[Diagnostic], report: Report, inputs: list[sources.Source]) -> None:
    """Tell choices and losses, in the order of the inputs and of their lines, whoever came upon them first."""
    order = {source.path: number for number, source in enumerate(inputs)}
    known = sources.index_by_path(inputs)
    told = [one for one in told if _paths(one) <= order.keys()]  # a checkpoint's could name any file
    for choice in sorted({t for t in told if isinstance(t, Notice)}, key=lambda choice: order[choice.path]):
        report_notice(choice, report)
    losses = [t for t in told if isinstance(t, SkippedRecords)]
    for kind in sorted({loss.kind for loss in losses}):
        of_kind = [loss for loss in losses if loss.kind == kind]
        places = sorted(
            {place for loss in of_kind for place in loss.places},
            key=lambda place: (order[place.path], place.offset, place.line),
        )
        shown = [format_place(place, known[place.path]) for place in places[:MAX_EXAMPLES]]
        report.record_skips(kind, sum(loss.count for loss in of_kind), shown)


def _paths(told: Diagnostic) -> set[str]:
    return {told.path} if isinstance(told, Notice) else {place.path for place in told.places}
