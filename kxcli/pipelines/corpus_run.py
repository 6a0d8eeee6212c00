"""The inputs of a run, from the options to merged partials."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from kxcli.corpus import encodings, shards, sources
from kxcli.corpus.compression import LiveInput
from kxcli.corpus.diagnostics import Diagnostic, locate_error
from kxcli.corpus.documents import TextRecord
from kxcli.corpus.groups import list_fields
from kxcli.corpus.numbering import check_sources
from kxcli.corpus.reader_spec import ReaderSpec, RequestedKind
from kxcli.corpus.shards import ShardTask, TaskPlanner, TaskReader
from kxcli.errors import InputError, UsageError
from kxcli.mapreduce import available
from kxcli.mapreduce.job import Call, Done, Engine, Job, PartialT, Reader, RecordT, ResultT
from kxcli.pipelines.engines import get_memory_limit, start_engine
from kxcli.pipelines.input_messages import report_diagnostics, summarize_inputs
from kxcli.pipelines.inputs import choose_format, find_sources, make_reader_spec
from kxcli.pipelines.session import Session
from kxcli.storage.workspace import Workspace
from kxcli.suffixes import guess_record_format
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.storage.array_spool import SpooledArray
    from kxcli.tally.scratch import Scratch


class Corpus:
    """The inputs of a run, and its engine.

    Args:
        session: The options and the report of the run.
        engine: Does the work.
        workspace: The private folder of the run.
        spec: How documents are read.
        kind: The requested format of all inputs.
        inputs: The inputs.
        uses_threads: Whether the engine has threads.

    Attributes:
        reader: Reads the documents.
        is_reread: Whether every job reads the inputs again, on other machines or in a run that may be resumed.
        shard_size: Bytes of a task.
        spooled: Where the reader keeps the records for the next job, in input order.
    """

    def __init__(
        self,
        session: Session,
        engine: Engine,
        workspace: Workspace,
        spec: ReaderSpec,
        kind: RequestedKind,
        inputs: list[sources.Source],
        *,
        uses_threads: bool,
    ) -> None:
        run = session.run
        self.report, self.engine, self.workspace = session.report, engine, workspace
        self.sources = inputs
        if run.checkpoint is None:
            min_size = run.shard_size + 1 if run.cluster is None else 0  # a small file may change until it is read
            self.sources = [one.allow_append() if (one.size or 0) >= min_size else one for one in self.sources]
        self._given_paths: dict[str, str] = {}
        if run.cluster is not None:  # workers have other current folders
            absolute = [source.make_absolute() for source in self.sources]
            self._given_paths = {one.path: given.path for one, given in zip(absolute, self.sources, strict=True)}
            self.sources = absolute
            if spec.by != list_fields(spec.by) or spec.joins_documents:
                spec = replace(spec, given_paths=self._given_paths)
        if spec.numbering is not None:
            check_sources(len(self.sources))
            self.sources = [replace(source, number=number) for number, source in enumerate(self.sources)]
        self.reader = TaskReader(spec, encodings.resolve_encoding(session.source.encoding))
        if not self.sources:
            self.report.warning("there is no input: no file is named, or none in the folders matches")
        self.is_reread = run.checkpoint is not None or run.cluster is not None
        self._allows_threads = uses_threads
        self._shows_output = session.sink.is_terminal
        self.shard_size, self._memory = run.shard_size, get_memory_limit(run)
        self.spooled: list[SpooledArray] = []
        self._diagnostics: list[Diagnostic] = []
        self._is_reported = False
        self._live = LiveInput()
        self._has_pipe = any(source.is_pipe for source in self.sources)
        self._planner = TaskPlanner(
            spec,
            kind,
            self.reader.encoding,
            run.shard_size,
            None if run.cluster is not None else workspace.make_folder,
            self._diagnostics.append,
            run.checkpoint is not None,
            self.is_reread,
            self._live,
        )
        self._expected: tuple[list[str], tuple[object, ...]] | None = None  # by a checkpoint
        if run.checkpoint is not None:
            _check_outside(run.checkpoint, self.sources)
            stamps = shards.compute_stamps(self.sources)
            order = () if spec.numbering is None else tuple(stamps)
            self._expected = (stamps, (run.shard_size, kind, *order))

    def get_given_path(self, path: str) -> str:
        """Return the path of a source as the user named it."""
        return self._given_paths.get(path, path)

    def open_scratch(self) -> "Scratch":
        """Return the files for results beyond their share of memory."""
        from kxcli.tally.scratch import Scratch

        n_processes = 1 if self._allows_threads else self.engine.n_workers  # threads have ended
        return Scratch(self.workspace.make_folder, available.get_partial_limit(self._memory, n_processes))

    @contextmanager
    def open_call(
        self,
        read: Reader[ShardTask, RecordT, Diagnostic],
        job: Job[RecordT, PartialT, object],
        shared: object,
        what: str,
        *,
        is_stream: bool = False,
    ) -> "Iterator[Call[ShardTask, RecordT, PartialT, Diagnostic]]":
        """Make the call of a job over the inputs.

        At the end of the first block, the diagnostics are reported.

        Args:
            read: Reads a task.
            job: What is computed.
            shared: Given to the job.
            what: The name of the job in the progress bar.
            is_stream: Whether the partial of each task is written when it is made. Then, unless the inputs are read
                again, a task from a pipe ends where the pipe pauses.
        """
        if self._expected is not None:
            self.engine.expect(*self._expected)
        self._live.is_followed = is_stream and not self.is_reread
        sizes = [source.size for source in self.sources]
        total = sum(size or 0 for size in sizes) if None not in sizes else None
        size = "a stream" if total is None else format_count(total, "bytes")
        self.report.detail(f"{format_count(len(sizes), 'inputs')}, {size}")
        spooled: dict[int, Iterable[SpooledArray]] = {}  # by number of the task

        def on_done(done: Done[Diagnostic]) -> None:
            self._diagnostics += done.diagnostics
            spooled[done.number] = done.spooled
            progress.advance(done.task.size)

        try:
            with (
                self.report.progress(total, what, is_shown=not (is_stream and self._shows_output)) as progress,
                closing(self._planner.iter_tasks(self.sources)) as tasks,
            ):
                is_idle = self._live.is_idle if self._live.is_followed and self._has_pipe else None
                yield Call(read, tasks, job, shared, on_done, self._allows_threads, is_idle)
        except InputError as error:
            raise locate_error(error) from None
        finally:
            if not self._is_reported and self.report.summary is not None:
                summarize_inputs(self._diagnostics, self.report.summary, self.sources, self._given_paths)
        self.spooled = [record for number in sorted(spooled) for record in spooled[number]]
        if not self._is_reported:
            report_diagnostics(self._diagnostics, self.report, self.sources)
        self._is_reported = True

    def run(self, job: Job[TextRecord, PartialT, ResultT], shared: object, what: str = "") -> ResultT | None:
        """Run a job over the inputs and return its result; None if there is no input.

        `what` is the name of the inputs in the progress bar.
        """
        self.report.detail(f"reading {what}".rstrip())
        with self.open_call(self.reader, job, shared, what) as call:
            partial = self.engine.reduce(call)
        return None if partial is None else job.finish(partial)

    def run_partitioned(
        self,
        job: Job[TextRecord, PartialT, object],
        shared: object,
        write: Callable[[int, PartialT], object],
        n_parts: int,
    ) -> None:
        """Run a job on a cluster, and call `write` on the worker of each part."""
        self.report.detail("reading")
        with self.open_call(self.reader, job, shared, "") as call:
            self.engine.reduce_into(call, write, n_parts)
        self.report.check_skips()

    def stream(
        self, job: Job[TextRecord, PartialT, object], shared: object, *, is_written: bool = True
    ) -> Iterator[PartialT]:
        """Run a job over the inputs and yield the partial of each task in input order.

        If each partial is written at once, what has come from a pipe is in a partial when the pipe pauses, and there is
        no progress bar between lines on a terminal.
        """
        with self.open_call(self.reader, job, shared, "", is_stream=is_written) as call:
            yield from self.engine.stream(call)


def _allows_threads(spec: ReaderSpec, kind: RequestedKind, inputs: Iterable[sources.Source]) -> bool:
    """Return whether most of the work is done outside Python.

    Compiled code takes blocks of bytes and releases the lock of the interpreter; the parsers of records hold it.
    """
    return spec.unit == "bytes" and (kind == "text" or (kind == "auto" and all(map(_is_named_text, inputs))))


def _is_named_text(source: sources.Source) -> bool:
    return source.is_stdin or guess_record_format(source.path) in (None, "csv", "tsv")


@contextmanager
def open_corpus(
    session: Session, preload: Iterable[str], spec: ReaderSpec | None = None, kind: RequestedKind | None = None
) -> Iterator[Corpus]:
    """Open the inputs named by the options.

    At the end of the block, no worker and no temporary file is left.

    Args:
        session: The options and the report of the run.
        preload: Modules that each worker imports.
        spec: How to read the inputs; by default several lines at a time.
        kind: The format of the inputs; by default the one of the options.
    """
    spec = spec or make_reader_spec(session.source)
    inputs = find_sources(session)
    with open_corpora(session, preload, spec, inputs, kind) as open_inputs:
        yield open_inputs(inputs)


class OpenInputs(Protocol):
    """Opens some of the inputs of a run as a corpus."""

    def __call__(self, own: list[sources.Source], kind: RequestedKind = ..., /) -> Corpus:
        """Return the corpus of inputs, given their format if it is another one."""


@contextmanager
def open_corpora(
    session: Session,
    preload: Iterable[str],
    spec: ReaderSpec,
    inputs: Iterable[sources.Source],
    kind: RequestedKind | None = None,
) -> Iterator[OpenInputs]:
    """Start one engine for several corpora; yield a function that opens some inputs.

    `inputs` are those of all corpora; the other arguments
    are those of `open_corpus`.
    """
    requested = kind or choose_format(session.source, by=spec.by)
    uses_threads = _allows_threads(spec, requested, inputs)
    # A checkpoint has the counts for any later run, so that --summary and --max-skipped find its tasks.
    counts_documents = session.report.summary is not None or session.run.checkpoint is not None
    spec = replace(spec, counts_documents=counts_documents)
    with (
        Workspace() as workspace,
        start_engine(session.run, session.report, preload, workspace, uses_threads=uses_threads) as engine,
    ):

        def open_inputs(own: list[sources.Source], kind: RequestedKind = requested) -> Corpus:
            return Corpus(session, engine, workspace, spec, kind, own, uses_threads=uses_threads)

        yield open_inputs


def _check_outside(folder: str, inputs: Iterable[sources.Source]) -> None:
    """Refuse inputs in the folder of --checkpoint."""
    inside = os.path.join(os.path.realpath(folder), "")
    for source in inputs:
        if not source.is_remote and os.path.realpath(source.path).startswith(inside):
            raise UsageError(f"{source.path}: is in the folder of --checkpoint; move that folder out of the inputs.")
