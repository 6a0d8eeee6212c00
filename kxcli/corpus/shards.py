"""Sources -> tasks: parts of the input that are read where they are needed, or carried along.

Tasks depend on the input and the shard size alone, never on the number of workers or on memory.
"""

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from typing import BinaryIO

from kxcli.corpus import archives, encodings
from kxcli.corpus.compression import Stream, detect_compression, read_up_to
from kxcli.corpus.diagnostics import Diagnostic, Notice, ReadDiagnostics, locate_error
from kxcli.corpus.lines import RangeStream, Readable, read_line_blocks
from kxcli.corpus.records import Document, ReaderSpec, RecordKind, RequestedKind, SourceFormat, read_documents
from kxcli.corpus.remote.readers import RANGE_OVERLAP
from kxcli.corpus.sources import Source
from kxcli.errors import InputError, UsageError
from kxcli.storage.temp_files import TempFile
from kxcli.urls import strip_query

_SUFFIXES: dict[str, RecordKind] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_RECORD = 64  # bytes that a parsed document takes beside its text, so that empty ones fill a shard, too
_SNIFFED = 1 << 12  # bytes in which there is something but white space
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True)
class FileShard:
    """A small file, or what a file holds compressed: everything about it is found out where it is read."""

    source: Source
    kind: RequestedKind


@dataclass(frozen=True)
class ByteRange:
    """The lines of a file that begin in `start <= position < stop`; `shown` is the input they came from."""

    source: Source
    start: int
    stop: int
    source_format: SourceFormat
    shown: str
    line: int = 1  # the number of the file's first line
    is_spooled: bool = False  # a line of a stream, kept on disk until it has been read


@dataclass(frozen=True)
class BufferShard:
    """FileShard lines of a stream, plain, with the number of the first."""

    path: str
    data: bytes
    source_format: SourceFormat
    line: int


@dataclass(frozen=True)
class DocumentShard:
    """Documents that could only be read in order."""

    documents: tuple[Document, ...]


Shard = FileShard | ByteRange | BufferShard | DocumentShard


@dataclass(frozen=True)
class ShardTask:
    """Some shards that are read together; `size` in bytes of the input as it is stored.

    identity: the stamp of the source and the task's number in it, where a run may be resumed.
    """

    shards: tuple[Shard, ...]
    size: int
    name: str
    identity: tuple[str, int] | None = None

    def release(self) -> None:
        """Remove the lines of a stream that were kept on disk for it."""
        for shard in self.shards:
            if isinstance(shard, ByteRange) and shard.is_spooled:
                with suppress(FileNotFoundError):
                    os.unlink(shard.source.path)


def guess_kind(path: str) -> RecordKind | None:
    """Return the record format that a file's suffix tells, looking through a compression's suffix."""
    stem, suffix = os.path.splitext(strip_query(path).lower())
    if suffix in _COMPRESSED:
        suffix = os.path.splitext(stem)[1]
    return _SUFFIXES.get(suffix)


def compute_stamps(sources: Iterable[Source]) -> list[str]:
    """Return what each source is known by in another run; one that is named twice has two stamps."""
    seen = Counter[str]()
    found = []
    for stamp in (source.stamp for source in sources):
        seen[stamp] += 1
        found.append(stamp if seen[stamp] == 1 else f"{stamp}-{seen[stamp]}")
    return found


@dataclass(frozen=True)
class TaskPlanner:
    """Cuts sources into tasks.

    kind: the record format of every source; None: each by its name, an error where that tells none.
    encoding: a codec's name or `auto`.  folder: makes the private folder where an endless line of a stream is kept;
    None: it is carried in memory, to whom has no such folder.
    tell: is told at once what reading in order leaves out.  is_resumable: each task is known by its source and its
    number in that, so it is of one source alone, and no source may change while it is read.
    is_reread: the sources are read several times, so that none may change in between.
    """

    spec: ReaderSpec
    kind: RequestedKind | None
    encoding: str
    shard_size: int
    folder: Callable[[], str] | None
    report: Callable[[Diagnostic], None]
    is_resumable: bool = False
    is_reread: bool = False

    def tasks(self, sources: Iterable[Source]) -> Generator[ShardTask]:
        """Yield the tasks in input order; small files share one, unless the run may be resumed."""
        if self.is_resumable:
            yield from self._resumable(list(sources))
            return
        small: list[Shard] = []
        size = 0
        first = ""
        for source in sources:
            kind = self._kind(source)
            if source.size is not None and source.size <= self.shard_size:
                if small and size + source.size > self.shard_size:
                    yield ShardTask(tuple(small), size, first)
                    small, size = [], 0
                first = first if small else source.path
                small.append(FileShard(source if self.is_reread else source.allow_change(), kind))
                size += source.size
                continue
            if small:
                yield ShardTask(tuple(small), size, first)
                small, size = [], 0
            yield from self._large(source, kind)
        if small:
            yield ShardTask(tuple(small), size, first)

    def _resumable(self, sources: Sequence[Source]) -> Iterator[ShardTask]:
        for source, stamp in zip(sources, compute_stamps(sources), strict=True):
            for number, task in enumerate(self._alone(source, self._kind(source))):
                yield replace(task, identity=(stamp, number))

    def _alone(self, source: Source, kind: RequestedKind) -> Iterator[ShardTask]:
        if source.size is not None and source.size <= self.shard_size:
            yield ShardTask((FileShard(source, kind),), source.size, source.path)
        else:
            yield from self._large(source, kind)

    def _kind(self, source: Source) -> RequestedKind:
        kind = self.kind or (None if source.is_stdin else guess_kind(source.path))
        if kind is None:
            raise UsageError(
                f"{source.path}: the name does not tell how records are written; add --input-format jsonl, csv or tsv."
            )
        return kind

    def _large(self, source: Source, kind: RequestedKind) -> Iterator[ShardTask]:
        with source.open() as file:
            if source.size is not None:
                head = read_up_to(file, archives.HEAD_BYTES)
                if detect_compression(head) is None:
                    archives.reject_archive(head, source.path)
                    file.seek(0)
                    peek = partial(read_up_to, file)
                    source_format = detect_format(kind, self.encoding, source.path, peek, self.report)
                    if source_format.is_cuttable:
                        yield from self._ranges(source, source.size, source_format)
                        return
                file.seek(0)
            yield from self._in_order(source, file, kind)

    def _ranges(self, source: Source, size: int, source_format: SourceFormat) -> Iterator[ShardTask]:
        for start in range(0, size, self.shard_size):
            stop = min(start + self.shard_size, size)
            yield ShardTask((ByteRange(source, start, stop, source_format, source.path),), stop - start, source.path)

    def _in_order(self, source: Source, file: BinaryIO, kind: RequestedKind) -> Iterator[ShardTask]:
        path = source.path
        stream = Stream(file, path)
        source_format = detect_format(kind, self.encoding, path, stream.peek, self.report)
        position = _Position(file)
        for shard in (
            self._lines(path, stream, source_format)
            if source_format.is_cuttable
            else self._plan_documents(path, stream, source_format)
        ):
            source.check()
            yield ShardTask((shard,), position.step() or _length(shard), path)

    def _lines(self, path: str, stream: Stream, source_format: SourceFormat) -> Iterator[Shard]:
        """Yield whole lines as they come; a line without end goes to disk and is read from there."""
        line, held, size = 1, list[bytes](), 0
        spooled: TempFile | None = None
        folder = self.folder
        is_needed_whole = source_format.kind != "text" or self.spec.keeps_lines_whole
        max_line = self.spec.max_line if is_needed_whole else None
        for data, has_continuation in read_line_blocks(
            stream, keep_lines_whole=is_needed_whole or folder is None, max_line=max_line
        ):
            rest = data
            if has_continuation or spooled is not None:
                if held:
                    yield BufferShard(path, b"".join(held), source_format, line)
                    line += sum(part.count(b"\n") for part in held)
                    held, size = [], 0
                assert folder is not None, "lines that are kept whole are not open"
                spooled = spooled or TempFile(folder(), ".line")
                end = len(data) if has_continuation else data.find(b"\n") + 1 or len(data)
                spooled.write(data[:end])
                if has_continuation:
                    continue
                spooled.close()
                yield ByteRange(Source(spooled.path), 0, spooled.size, source_format, path, line, is_spooled=True)
                line += 1
                spooled, rest = None, data[end:]
            held.append(rest)
            size += len(rest)
            if size >= self.shard_size:
                yield BufferShard(path, b"".join(held), source_format, line)
                line += sum(part.count(b"\n") for part in held)
                held, size = [], 0
        if size:
            yield BufferShard(path, b"".join(held), source_format, line)

    def _plan_documents(self, path: str, stream: Stream, source_format: SourceFormat) -> Iterator[Shard]:
        diagnostics = ReadDiagnostics(path, self.spec.on_error)
        held, size = list[Document](), 0
        for document in read_documents(stream, source_format, self.spec, diagnostics):
            held.append(document)
            size += 2 * len(document.text) + _RECORD
            if size >= self.shard_size:
                yield DocumentShard(tuple(held))
                held, size = [], 0
        if held:
            yield DocumentShard(tuple(held))
        for skipped in diagnostics.skipped_records:
            self.report(skipped)


@dataclass(frozen=True)
class TaskReader:
    """Reads a task where it is needed: `reader(task)` is an iterable of documents that has things to tell."""

    spec: ReaderSpec
    encoding: str

    def __call__(self, task: ShardTask) -> "Records":
        """Return the task's documents, not yet read."""
        return Records(self, task)


class Records:
    """The documents of a task; `told`, complete when they have been read, is what was decided and left out."""

    def __init__(self, reader: TaskReader, task: ShardTask) -> None:
        self._reader, self._task = reader, task
        self.told: list[Diagnostic] = []

    def __iter__(self) -> Iterator[Document]:
        for shard in self._task.shards:
            if isinstance(shard, DocumentShard):
                yield from shard.documents
            elif isinstance(shard, BufferShard):
                yield from self._read(BytesIO(shard.data), shard.source_format, shard.path, line=shard.line)
            else:
                first = (
                    (shard.source.size or 0)
                    if isinstance(shard, FileShard)
                    else 1 + shard.stop - shard.start + RANGE_OVERLAP
                )
                try:
                    with shard.source.open(first) as file:
                        yield from (
                            self._whole(file, shard) if isinstance(shard, FileShard) else self._range(file, shard)
                        )
                except InputError as error:
                    if not shard.source.is_remote:
                        raise
                    # Only here is known by what URL, and in what state, it can be looked at again.
                    raise locate_error(error, shard.source) from None

    def _whole(self, file: BinaryIO, shard: FileShard) -> Iterator[Document]:
        path = shard.source.path
        stream = Stream(file, path)
        source_format = detect_format(shard.kind, self._reader.encoding, path, stream.peek, self.told.append)
        yield from self._read(stream, source_format, path)

    def _range(self, file: BinaryIO, shard: ByteRange) -> Iterator[Document]:
        stream = RangeStream(file, shard.start, shard.stop)
        yield from self._read(stream, shard.source_format, shard.shown, line=shard.line, offset=stream.begin)

    def _read(
        self, stream: Readable, source_format: SourceFormat, path: str, *, line: int = 1, offset: int = 0
    ) -> Iterator[Document]:
        diagnostics = ReadDiagnostics(path, self._reader.spec.on_error, line=line, offset=offset)
        yield from read_documents(stream, source_format, self._reader.spec, diagnostics)
        self.told.extend(diagnostics.skipped_records)


def detect_format(
    kind: RequestedKind, encoding: str, path: str, peek: Callable[[int], bytes], report: Callable[[Diagnostic], None]
) -> SourceFormat:
    """Return the format of a source, its encoding found by its first bytes where it is `auto`; the choice is told."""
    is_auto = encoding == encodings.AUTO
    if not is_auto and kind != "sniffed":
        return SourceFormat(kind, encoding)
    size = encodings.AUTO_SAMPLE if is_auto else _SNIFFED
    head = peek(size)
    if is_auto:
        encoding, doubt = encodings.guess_encoding(head, complete=len(head) < size)
        if doubt:
            report(Notice(path, f"read as {encoding}, but {doubt}; give its --encoding", is_warning=True))
        elif head:
            report(Notice(path, f"read as {encoding}"))
    if kind == "sniffed":
        kind = "jsonl" if head.decode(encoding, "ignore").lstrip("\ufeff \t\r\n").startswith("{") else "text"
    return SourceFormat(kind, encoding, is_guessed=is_auto)


class _Position:
    """How far a file has been read since the last time, 0 where it has no position."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._last = file, 0

    def step(self) -> int:
        try:
            at = self._file.tell()
        except OSError:
            return 0
        step, self._last = at - self._last, at
        return step


def _length(shard: Shard) -> int:
    return len(shard.data) if isinstance(shard, BufferShard) else 0
