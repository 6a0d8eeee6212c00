"""The inputs of a run as arrays, for several jobs over the same texts."""

from collections.abc import Iterable
from typing import TypeVar

from kxcli.arrays import UInt64Array
from kxcli.corpus import spool
from kxcli.errors import UsageError
from kxcli.mapreduce.job import Call, Done, Job, PartialT, Reader, RecordT, ResultT
from kxcli.pipelines.corpus_run import Corpus
from kxcli.storage.array_spool import ArraySpool, CodeArray, SpooledArray

FirstT = TypeVar("FirstT")


class ArrayCorpus:
    """The texts of a run as arrays.

    The first job reads the inputs and spools the arrays, the others read the spool. On a cluster and with a checkpoint,
    every job reads the inputs.

    Args:
        corpus: The inputs.
        convert: Makes arrays of texts.
    """

    def __init__(self, corpus: Corpus, convert: spool.Convert) -> None:
        self._corpus, self._convert = corpus, convert
        self._spooled: list[SpooledArray] | None = None
        if corpus.is_reread:
            for source in (source for source in corpus.sources if source.size is None):
                raise UsageError(f"{source.path}: is a stream, and newwords reads its inputs again; give files.")

    def run(self, job: Job[CodeArray, PartialT, ResultT], shared: object, what: str = "") -> ResultT | None:
        """Run a job and return its result, None if there is no input.

        Args:
            job: What is computed.
            shared: Given to the job.
            what: The name of the job in the progress bar.
        """
        corpus = self._corpus
        corpus.report.detail(what or "reading")
        if self._spooled is not None:
            partial = self._reduce_spooled(self._spooled, spool.read_spooled, job, shared, what)
        else:
            files = None if corpus.is_reread else ArraySpool(corpus.workspace.make_folder())
            reader = spool.ConvertingReader(corpus.reader, self._convert, files)
            with corpus.open_call(reader, job, shared, what) as call:
                partial = corpus.engine.reduce(call)
            self._spooled = None if corpus.is_reread else corpus.spooled
        return None if partial is None else job.finish(partial)

    def drop_repeated_lines(
        self, first: Job[CodeArray, FirstT, object], job: Job[tuple[int, CodeArray], PartialT, Iterable[UInt64Array]]
    ) -> None:
        """Drop all lines except those at the places returned by a job.

        This comes before any other job.

        Args:
            first: The job that reads the inputs.
            job: Returns the places of the lines to keep.
        """
        if self._corpus.is_reread:
            what = "--checkpoint or --cluster; it drops lines from a copy of the inputs in TMPDIR"
            raise UsageError(f"--unique-lines cannot be combined with {what}.")
        self.run(first, None)
        records = self._spooled or []
        partial = self._reduce_spooled(records, spool.read_numbered, job, None, "equal lines")
        if partial is not None:
            self._spooled = spool.select_lines(records, job.finish(partial), self._corpus.workspace.make_folder())
            share = 1 - sum(record.size for record in self._spooled) / sum(record.size for record in records)
            self._corpus.report.detail(f"{share:.1%} of the text is repeated lines")

    def _reduce_spooled(
        self,
        records: list[SpooledArray],
        read: Reader[spool.SpoolTask, RecordT, object],
        job: Job[RecordT, PartialT, object],
        shared: object,
        what: str,
    ) -> PartialT | None:
        with self._corpus.report.progress(sum(record.size for record in records), what) as progress:

            def on_done(done: Done[object]) -> None:
                progress.advance(done.task.size)

            tasks = spool.iter_tasks(records, self._corpus.shard_size)
            return self._corpus.engine.reduce(Call(read, tasks, job, shared, on_done))
