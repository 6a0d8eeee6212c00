"""Sources -> tasks: byte ranges that workers read, or data that the task carries.

Tasks depend only on the input and the shard size, never on the number of workers or on memory.
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from typing import BinaryIO, NamedTuple

from kxcli.batching import iter_batches
from kxcli.corpus import encodings
from kxcli.corpus.arrow_groups import split_groups
from kxcli.corpus.compression import HEAD_BYTES, LiveInput, Stream, detect_compression, read_up_to, reject_archive
from kxcli.corpus.diagnostics import Diagnostic, Notice, ReadDiagnostics, SourceFacts, locate_error
from kxcli.corpus.documents import TextRecord
from kxcli.corpus.fetch_sizes import RANGE_OVERLAP
from kxcli.corpus.lines import RangeStream, Readable, read_line_blocks
from kxcli.corpus.reader_spec import ReaderSpec, RecordKind, RequestedKind, SourceFormat
from kxcli.corpus.records import read_documents
from kxcli.corpus.source_formats import detect_format, sniff_format
from kxcli.corpus.sources import Source
from kxcli.errors import InputError, UsageError
from kxcli.storage.temp_files import TempFile
from kxcli.suffixes import guess_record_format

_DOCUMENT_BYTES = 64  # of a parsed document without its text, so that empty ones fill a shard, too


class FileShard(NamedTuple):
    """A small or a compressed file; its format is detected where it is read."""

    source: Source
    kind: RequestedKind


class ByteRange(NamedTuple):
    """The lines of a file that begin in `start <= position < stop`.

    Attributes:
        shown: The input that messages name.
        line: The number of the file's first line.
        is_spooled: Whether the file is a line of a stream, kept on disk until it has been read.
    """

    source: Source
    start: int
    stop: int
    source_format: SourceFormat
    shown: str
    line: int = 1
    is_spooled: bool = False


class RowGroupShard(NamedTuple):
    """Groups of rows of a Parquet or Arrow file, and their first row."""

    source: Source
    groups: range
    source_format: SourceFormat
    first_row: int


class BufferShard(NamedTuple):
    """Whole lines of a stream, decompressed, with the number of the first."""

    path: str
    data: bytes
    source_format: SourceFormat
    line: int
    number: int = 0  # of the source


class DocumentShard(NamedTuple):
    """Documents of a format without independent parts, read in order."""

    documents: tuple[TextRecord, ...]


Shard = FileShard | ByteRange | RowGroupShard | BufferShard | DocumentShard


class ShardTask(NamedTuple):
    """Some shards to read together.

    Attributes:
        size: Bytes of the input as it is stored.
        name: The path of the first input, for messages.
        identity: The stamp of the source and the number of the task in it, if the run can be resumed.
    """

    shards: tuple[Shard, ...]
    size: int
    name: str
    identity: tuple[str, int] | None = None

    def release(self) -> None:
        """Remove the lines of a stream kept on disk for this task."""
        for shard in self.shards:
            if isinstance(shard, ByteRange) and shard.is_spooled:
                with suppress(FileNotFoundError):
                    os.unlink(shard.source.path)


def compute_stamps(sources: Iterable[Source]) -> list[str]:
    """Return the stamps of sources, numbered if a source is named more than once."""
    n_seen = Counter[str]()
    stamps = []
    for stamp in (source.stamp for source in sources):
        n_seen[stamp] += 1
        stamps.append(stamp if n_seen[stamp] == 1 else f"{stamp}-{n_seen[stamp]}")
    return stamps


class TaskPlanner(NamedTuple):
    """Splits sources into tasks.

    Attributes:
        spec: How records are read.
        kind: The requested format of every source.
        encoding: A codec's name or `auto`.
        shard_size: Bytes of a shard, at least.
        make_folder: Returns the private folder for long lines of a stream; if None, they are kept in memory.
        report: Receives the diagnostics of sources that are read while they are planned.
        is_resumable: Whether each task has an identity; then it contains one source only, and no source may change
            while it is read.
        is_reread: Whether the sources are read several times; then none of them may change in between.
        live: Follows a pipe, if a task should end where the pipe pauses.
    """

    spec: ReaderSpec
    kind: RequestedKind
    encoding: str
    shard_size: int
    make_folder: Callable[[], str] | None
    report: Callable[[Diagnostic], None]
    is_resumable: bool = False
    is_reread: bool = False
    live: LiveInput | None = None

    def iter_tasks(self, sources: Iterable[Source]) -> Generator[ShardTask]:
        """Yield the tasks in input order.

        Small files share a task, unless the run can be resumed.
        """
        if self.is_resumable:
            sources = list(sources)
            for source, stamp in zip(sources, compute_stamps(sources), strict=True):
                for number, task in enumerate(self._plan(source)):
                    yield task._replace(identity=(stamp, number))
            return
        small, size = list[ShardTask](), 0
        for source in sources:
            size += source.size or 0
            if not self._is_small(source) or size > self.shard_size:
                yield from _join(small)
                small, size = [], source.size or 0
            if self._is_small(source):
                small += self._plan(source)
            else:
                yield from self._plan(source)
        yield from _join(small)

    def _is_small(self, source: Source) -> bool:
        return source.size is not None and source.size <= self.shard_size

    def _plan(self, source: Source) -> Iterator[ShardTask]:
        """Yield the tasks of one source."""
        kind = self._choose_kind(source)
        if self._is_small(source) or (self.spec.joins_documents and source.size is not None):
            is_fixed = self.is_resumable or self.is_reread
            shard = FileShard(source if is_fixed else source.allow_change(), kind)
            yield ShardTask((shard,), source.size or 0, source.path)
            return
        with source.open() as file:
            if source.size is not None:
                head = read_up_to(file, HEAD_BYTES)
                if detect_compression(head) is None:
                    reject_archive(head, source.path, reads_parquet=True)
                    source_format = detect_format(kind, self.encoding, source.path, partial(_peek, file), self.report)
                    if source_format.is_splittable:
                        yield from self._plan_ranges(source, source.size, source_format)
                        return
                    tasks = [*self._plan_groups(source, file, source_format)]
                    if tasks:
                        yield from tasks
                        return
                file.seek(0)
            yield from self._plan_in_order(source, file, kind)

    def _choose_kind(self, source: Source) -> RequestedKind:
        """Return the requested format; the content of a pipe may decide."""
        if self.kind not in ("auto", "records"):
            return self.kind
        named = None if source.is_stdin else guess_record_format(source.path)
        if named is None and self.spec.delimiter is not None:
            return "csv"
        if named is None and source.is_pipe:
            return "sniffed"
        if self.kind == "auto":
            return "auto"
        return named or self._sniff_records(source)

    def _sniff_records(self, source: Source) -> RecordKind:
        """Return the format of the records in a file with any name."""
        encoding = "utf-8" if self.encoding == encodings.AUTO else self.encoding
        with source.allow_change().open(HEAD_BYTES) as file:
            kind = sniff_format(Stream(file, source.path, reads_parquet=True).peek, encoding)
        if kind is None:
            raise _make_unknown_error(source.path)
        return kind

    def _plan_ranges(self, source: Source, size: int, source_format: SourceFormat) -> Iterator[ShardTask]:
        for start in range(0, size, self.shard_size):
            stop = min(start + self.shard_size, size)
            yield ShardTask((ByteRange(source, start, stop, source_format, source.path),), stop - start, source.path)

    def _plan_groups(self, source: Source, file: BinaryIO, source_format: SourceFormat) -> Iterator[ShardTask]:
        """Yield the tasks of a Parquet or Arrow file; none of other formats."""
        kind, size = source_format.kind, source.size or 0
        if kind == "parquet" or kind == "arrow":
            file.seek(0)
            for part in split_groups(file, kind, source.path, size, self.shard_size):
                shard = RowGroupShard(source, part.groups, source_format, part.first_row)
                yield ShardTask((shard,), round(part.share * size), source.path)

    def _plan_in_order(self, source: Source, file: BinaryIO, kind: RequestedKind) -> Iterator[ShardTask]:
        is_live = self.live is not None and self.live.is_followed and source.is_pipe
        stream = Stream(file, source.path, reads_parquet=True, is_live=is_live)
        source_format = detect_format(kind, self.encoding, source.path, stream.peek, self.report)
        if self.kind == "records" and source_format.kind == "text":
            raise _make_unknown_error(source.path)
        if self.kind != "auto":
            source_format = source_format._replace(is_sniffed=False)
        elif source_format.is_sniffed:
            kinds = {"jsonl": "JSON lines", "array": "a JSON array"}
            what = f"read as {kinds[source_format.kind]}; --input-format text reads plain text"
            self.report(Notice(source.path, what))
        is_split = source_format.is_splittable and not self.spec.joins_documents
        split = self._split_lines if is_split else self._split_documents
        last = 0
        try:
            with nullcontext() if self.live is None else self.live.follow(stream):
                for shard in split(source, stream, source_format):
                    source.check()
                    try:
                        position = file.tell()
                    except OSError:  # a pipe
                        position = last
                    size = position - last or (len(shard.data) if isinstance(shard, BufferShard) else 0)
                    last = position
                    yield ShardTask((shard,), size, source.path)
        finally:
            if self.spec.counts_documents and source.size is None:
                facts = SourceFacts(source.path, source_format.encoding, source_format.kind, n_bytes=stream.n_bytes)
                self.report(facts)

    def _split_lines(self, source: Source, stream: Stream, source_format: SourceFormat) -> Iterator[Shard]:
        """Yield whole lines; a long one goes to disk first, part by part."""
        line, held = 1, list[bytes]()
        spooled: TempFile | None = None
        make_folder = self.make_folder
        needs_whole_lines = source_format.kind != "text" or self.spec.keeps_lines_whole
        max_line = self.spec.max_line if needs_whole_lines else None

        was_empty = True  # the last shard

        def flush() -> Iterator[Shard]:
            nonlocal line, was_empty
            data = b"".join(held)
            # An empty shard returns control to the engine, which has the partials of the shards before.
            if data or not was_empty:
                yield BufferShard(source.path, data, source_format, line, source.number)
                line += data.count(b"\n")
                was_empty = not data
            held.clear()

        keep_lines_whole = needs_whole_lines or make_folder is None
        for data, is_part, has_continuation in read_line_blocks(
            stream, keep_lines_whole=keep_lines_whole, max_line=max_line, shows_pauses=True
        ):
            if not is_part:
                held.append(data)
                if sum(map(len, held)) >= self.shard_size or stream.is_idle:
                    yield from flush()
                continue
            if held:
                yield from flush()
            assert make_folder is not None, "whole lines have no parts"
            spooled = spooled or TempFile(make_folder(), ".line")
            spooled.write(data)
            if not has_continuation:
                spooled.close()
                own = Source(spooled.path, number=source.number)
                yield ByteRange(own, 0, spooled.size, source_format, source.path, line, is_spooled=True)
                line += 1
                spooled = None
        if held:
            yield from flush()

    def _split_documents(self, source: Source, stream: Stream, source_format: SourceFormat) -> Iterator[Shard]:
        diagnostics = ReadDiagnostics(source.path, self.spec.on_error)
        documents = read_documents(stream, source_format, self.spec, diagnostics, source.number)
        for batch in iter_batches(documents, lambda one: 2 * len(one.text) + _DOCUMENT_BYTES, self.shard_size):
            yield DocumentShard(tuple(batch))
        for skipped in diagnostics.skipped_records:
            self.report(skipped)
        if self.spec.counts_documents:
            self.report(diagnostics.get_facts(source_format.encoding, source_format.kind))


def _make_unknown_error(path: str) -> UsageError:
    what = "neither its name nor its content shows the record format"
    return UsageError(f"{path}: {what}; add --input-format jsonl, csv or tsv.")


def _join(tasks: Sequence[ShardTask]) -> Iterator[ShardTask]:
    """Yield one task with the shards of several, if there are any."""
    if tasks:
        shards = tuple(shard for task in tasks for shard in task.shards)
        yield ShardTask(shards, sum(task.size for task in tasks), tasks[0].name)


@dataclass(frozen=True)
class TaskReader:
    """Reads the documents of a task where they are needed."""

    spec: ReaderSpec
    encoding: str

    def __call__(self, task: ShardTask, diagnostics: list[Diagnostic], _spooled: object = None) -> Iterator[TextRecord]:
        """Yield the documents of a task; append its messages to `diagnostics`."""
        for shard in task.shards:
            if isinstance(shard, DocumentShard):
                yield from shard.documents
            elif isinstance(shard, BufferShard):
                position = ReadDiagnostics(shard.path, self.spec.on_error, line=shard.line)
                yield from self._read(BytesIO(shard.data), shard.source_format, position, diagnostics, shard.number)
            else:
                n_bytes = 1 + shard.stop - shard.start + RANGE_OVERLAP if isinstance(shard, ByteRange) else None
                try:
                    with shard.source.open(n_bytes or shard.source.size or 0) as file:
                        yield from self._read_file(file, shard, diagnostics)
                except InputError as error:
                    if not shard.source.is_remote:
                        raise
                    # Only the source has the URL and the state to read the file again.
                    raise locate_error(error, shard.source) from None

    def _read_file(
        self, file: BinaryIO, shard: FileShard | ByteRange | RowGroupShard, diagnostics: list[Diagnostic]
    ) -> Iterator[TextRecord]:
        if isinstance(shard, RowGroupShard):
            position = ReadDiagnostics(shard.source.path, self.spec.on_error, line=shard.first_row)
            return self._read(file, shard.source_format, position, diagnostics, shard.source.number, shard.groups)
        if isinstance(shard, FileShard):
            path = shard.source.path
            stream = Stream(file, path, reads_parquet=True)
            source_format = detect_format(shard.kind, self.encoding, path, stream.peek, diagnostics.append)
            position = ReadDiagnostics(path, self.spec.on_error)
            return self._read(stream, source_format, position, diagnostics, shard.source.number)
        part = RangeStream(file, shard.start, shard.stop)
        position = ReadDiagnostics(shard.shown, self.spec.on_error, line=shard.line, offset=part.begin)
        return self._read(part, shard.source_format, position, diagnostics, shard.source.number)

    def _read(
        self,
        stream: Readable | BinaryIO,
        source_format: SourceFormat,
        position: ReadDiagnostics,
        diagnostics: list[Diagnostic],
        source_number: int,
        row_groups: range | None = None,
    ) -> Iterator[TextRecord]:
        yield from read_documents(stream, source_format, self.spec, position, source_number, row_groups)
        diagnostics.extend(position.skipped_records)
        if self.spec.counts_documents:
            diagnostics.append(position.get_facts(source_format.encoding, source_format.kind))


def _peek(file: BinaryIO, size: int) -> bytes:
    """Return the first bytes of a file."""
    file.seek(0)
    return read_up_to(file, size)
