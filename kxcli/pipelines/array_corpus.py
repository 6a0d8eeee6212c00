"""The inputs of a run as arrays, for several jobs that read the same texts."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from kxcli.arrays import UInt64Array
from kxcli.corpus.records import ReaderSpec
from kxcli.corpus.spool import (
    Convert,
    ConvertingReader,
    SpoolTask,
    iter_tasks,
    read_numbered,
    read_spooled,
    select_lines,
)
from kxcli.errors import UsageError
from kxcli.mapreduce.job import Call, Done, Engine, Job, PartialT, Reader, RecordT, ResultT
from kxcli.pipelines.corpus_run import CorpusInputs, choose_format
from kxcli.pipelines.engines import start_engine
from kxcli.pipelines.session import Session
from kxcli.storage.array_spool import ArraySpool, CodeArray
from kxcli.storage.workspace import Workspace

FirstT = TypeVar("FirstT")


class ArrayCorpus(CorpusInputs):
    """The texts of a run as arrays.

    The first job reads the inputs and spools them, the others read the spool.

    On a cluster and with a checkpoint, every job reads the inputs.
    """

    def __init__(
        self,
        session: Session,
        engine: Engine,
        workspace: Workspace,
        spec: ReaderSpec,
        convert: Convert,
    ) -> None:
        super().__init__(session, engine, workspace, spec, choose_format(session.source, by=None))
        self._convert, self._is_spooled = convert, False
        if self.is_reread:
            for source in (source for source in self.sources if source.size is None):
                raise UsageError(f"{source.path}: it is read several times, which a stream cannot be; give files.")

    def run(self, job: Job[CodeArray, PartialT, ResultT], shared: object, what: str = "") -> ResultT | None:
        """Run a job and return its result, None if there is no input.

        Args:
            job: what is computed.
            shared: given to the job.
            what: the name of the job in the progress bar.
        """
        self.report.detail(what or "reading")
        if self._is_spooled:
            partial = self._reduce_spooled(read_spooled, job, shared, what)
        else:
            spool = None if self.is_reread else ArraySpool(self.workspace.folder())
            with self.open_call(ConvertingReader(self.reader, self._convert, spool), job, shared, what) as call:
                partial = self.engine.reduce(call)
            self._is_spooled = not self.is_reread
        return None if partial is None else job.finish(partial)

    def drop_repeated_lines(
        self,
        first: Job[CodeArray, FirstT, object],
        job: Job[tuple[int, CodeArray], PartialT, Iterable[UInt64Array]],
    ) -> None:
        """Drop all lines except those at the places that a job returns.

        This comes before any other job.

        Args:
            first: the job that reads the inputs.
            job: returns the places of the lines to keep.
        """
        if self.is_reread:
            what = "a run with --checkpoint or --cluster, which reads its inputs again"
            raise UsageError(f"--unique-lines drops equal lines from a copy in TMPDIR, and cannot go with {what}.")
        self.run(first, None)
        total = sum(record.size for record in self.spooled)
        partial = self._reduce_spooled(read_numbered, job, None, "equal lines")
        if partial is not None:
            self.spooled = select_lines(self.spooled, job.finish(partial), self.workspace.folder())
            n_left = sum(record.size for record in self.spooled)
            self.report.detail(f"{1 - n_left / total:.1%} of the text is repeated lines")

    def _reduce_spooled(
        self,
        read: Reader[SpoolTask, RecordT, object],
        job: Job[RecordT, PartialT, object],
        shared: object,
        what: str,
    ) -> PartialT | None:
        total = sum(record.size for record in self.spooled)
        with self.report.progress(total, what) as progress:

            def on_done(done: Done[object]) -> None:
                progress.advance(done.task.size)

            tasks = iter_tasks(self.spooled, self.shard_size)
            return self.engine.reduce(Call(read, tasks, job, shared, on_done))


@contextmanager
def open_array_corpus(
    session: Session, preload: Iterable[str], spec: ReaderSpec, convert: Convert
) -> Iterator[ArrayCorpus]:
    """Open the inputs that the options name.

    At the end of the block, no worker and no temporary file is left.
    """
    with Workspace() as workspace, start_engine(session.run, session.report, preload, workspace) as engine:
        yield ArrayCorpus(session, engine, workspace, spec, convert)
