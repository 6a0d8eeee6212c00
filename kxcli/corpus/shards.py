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
from kxcli.corpus.compression import Stream, kind_of, read_up_to
from kxcli.corpus.diagnostics import Choice, Ledger, Told
from kxcli.corpus.lines import RangeStream, Readable, runs
from kxcli.corpus.longline import SpooledLine
from kxcli.corpus.places import with_line
from kxcli.corpus.records import Asked, Document, Format, Kind, Wanted, documents
from kxcli.corpus.remote import TAIL, bare
from kxcli.corpus.sources import Source
from kxcli.errors import InputError, UsageError

_SUFFIXES: dict[str, Kind] = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv"}
_RECORD = 64  # bytes that a parsed document takes beside its text, so that empty ones fill a shard, too
_SNIFFED = 1 << 12  # bytes in which there is something but white space
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


@dataclass(frozen=True)
class Whole:
    """A small file, or what a file holds compressed: everything about it is found out where it is read."""

    source: Source
    kind: Asked


@dataclass(frozen=True)
class Range:
    """The lines of a file that begin in `start <= position < stop`; `shown` is the input they came from."""

    source: Source
    start: int
    stop: int
    form: Format
    shown: str
    line: int = 1  # the number of the file's first line
    is_spooled: bool = False  # a line of a stream, kept on disk until it has been read


@dataclass(frozen=True)
class Bytes:
    """Whole lines of a stream, plain, with the number of the first."""

    path: str
    data: bytes
    form: Format
    line: int


@dataclass(frozen=True)
class Parsed:
    """Documents that could only be read in order."""

    documents: tuple[Document, ...]


Shard = Whole | Range | Bytes | Parsed


@dataclass(frozen=True)
class Task:
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
            if isinstance(shard, Range) and shard.is_spooled:
                with suppress(FileNotFoundError):
                    os.unlink(shard.source.path)


def kind_by_name(path: str) -> Kind | None:
    """Return the record format that a file's suffix tells, looking through a compression's suffix."""
    stem, suffix = os.path.splitext(bare(path).lower())
    if suffix in _COMPRESSED:
        suffix = os.path.splitext(stem)[1]
    return _SUFFIXES.get(suffix)


def stamps(sources: Iterable[Source]) -> list[str]:
    """Return what each source is known by in another run; one that is named twice has two stamps."""
    seen = Counter[str]()
    found = []
    for stamp in (source.stamp() for source in sources):
        seen[stamp] += 1
        found.append(stamp if seen[stamp] == 1 else f"{stamp}-{seen[stamp]}")
    return found


@dataclass(frozen=True)
class Planner:
    """Cuts sources into tasks.

    kind: the record format of every source; None: each by its name, an error where that tells none.
    encoding: a codec's name or `auto`.  folder: makes the private folder where an endless line of a stream is kept;
    None: it is carried in memory, to whom has no such folder.
    tell: is told at once what reading in order leaves out.  is_resumable: each task is known by its source and its
    number in that, so it is of one source alone, and no source may change while it is read.
    is_reread: the sources are read several times, so that none may change in between.
    """

    wanted: Wanted
    kind: Asked | None
    encoding: str
    shard_size: int
    folder: Callable[[], str] | None
    tell: Callable[[Told], None]
    is_resumable: bool = False
    is_reread: bool = False

    def tasks(self, sources: Iterable[Source]) -> Generator[Task]:
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
                    yield Task(tuple(small), size, first)
                    small, size = [], 0
                first = first if small else source.path
                small.append(Whole(source if self.is_reread else source.may_change(), kind))
                size += source.size
                continue
            if small:
                yield Task(tuple(small), size, first)
                small, size = [], 0
            yield from self._large(source, kind)
        if small:
            yield Task(tuple(small), size, first)

    def _resumable(self, sources: Sequence[Source]) -> Iterator[Task]:
        for source, stamp in zip(sources, stamps(sources), strict=True):
            for number, task in enumerate(self._alone(source, self._kind(source))):
                yield replace(task, identity=(stamp, number))

    def _alone(self, source: Source, kind: Asked) -> Iterator[Task]:
        if source.size is not None and source.size <= self.shard_size:
            yield Task((Whole(source, kind),), source.size, source.path)
        else:
            yield from self._large(source, kind)

    def _kind(self, source: Source) -> Asked:
        kind = self.kind or (None if source.is_stdin else kind_by_name(source.path))
        if kind is None:
            raise UsageError(
                f"{source.path}: the name does not tell how records are written; add --input-format jsonl, csv or tsv."
            )
        return kind

    def _large(self, source: Source, kind: Asked) -> Iterator[Task]:
        with source.open() as file:
            if source.size is not None:
                head = read_up_to(file, archives.HEAD_BYTES)
                if kind_of(head) is None:
                    archives.refuse(head, source.path)
                    file.seek(0)
                    peek = partial(read_up_to, file)
                    form = found_format(kind, self.encoding, source.path, peek, self.tell)
                    if form.is_cuttable:
                        yield from self._ranges(source, source.size, form)
                        return
                file.seek(0)
            yield from self._in_order(source, file, kind)

    def _ranges(self, source: Source, size: int, form: Format) -> Iterator[Task]:
        for start in range(0, size, self.shard_size):
            stop = min(start + self.shard_size, size)
            yield Task((Range(source, start, stop, form, source.path),), stop - start, source.path)

    def _in_order(self, source: Source, file: BinaryIO, kind: Asked) -> Iterator[Task]:
        path = source.path
        stream = Stream(file, path)
        form = found_format(kind, self.encoding, path, stream.peek, self.tell)
        position = _Position(file)
        for shard in self._lines(path, stream, form) if form.is_cuttable else self._parsed(path, stream, form):
            source.check()
            yield Task((shard,), position.step() or _length(shard), path)

    def _lines(self, path: str, stream: Stream, form: Format) -> Iterator[Shard]:
        """Yield whole lines as they come; a line without end goes to disk and is read from there."""
        line, held, size = 1, list[bytes](), 0
        spooled: SpooledLine | None = None
        folder = self.folder
        is_needed_whole = form.kind != "text" or self.wanted.keeps_lines_whole
        max_line = self.wanted.max_line if is_needed_whole else None
        for data, is_open in runs(stream, keep_lines_whole=is_needed_whole or folder is None, max_line=max_line):
            rest = data
            if is_open or spooled is not None:
                if held:
                    yield Bytes(path, b"".join(held), form, line)
                    line += sum(part.count(b"\n") for part in held)
                    held, size = [], 0
                assert folder is not None, "lines that are kept whole are not open"
                spooled = spooled or SpooledLine(folder())
                end = len(data) if is_open else data.find(b"\n") + 1 or len(data)
                spooled.write(data[:end])
                if is_open:
                    continue
                yield Range(Source(spooled.close()), 0, spooled.size, form, path, line, is_spooled=True)
                line += 1
                spooled, rest = None, data[end:]
            held.append(rest)
            size += len(rest)
            if size >= self.shard_size:
                yield Bytes(path, b"".join(held), form, line)
                line += sum(part.count(b"\n") for part in held)
                held, size = [], 0
        if size:
            yield Bytes(path, b"".join(held), form, line)

    def _parsed(self, path: str, stream: Stream, form: Format) -> Iterator[Shard]:
        ledger = Ledger(path, self.wanted.on_error)
        held, size = list[Document](), 0
        for document in documents(stream, form, self.wanted, ledger):
            held.append(document)
            size += 2 * len(document.text) + _RECORD
            if size >= self.shard_size:
                yield Parsed(tuple(held))
                held, size = [], 0
        if held:
            yield Parsed(tuple(held))
        for loss in ledger.losses:
            self.tell(loss)


@dataclass(frozen=True)
class TaskReader:
    """Reads a task where it is needed: `reader(task)` is an iterable of documents that has things to tell."""

    wanted: Wanted
    encoding: str

    def __call__(self, task: Task) -> "Records":
        """Return the task's documents, not yet read."""
        return Records(self, task)


class Records:
    """The documents of a task; `told`, complete when they have been read, is what was decided and left out."""

    def __init__(self, reader: TaskReader, task: Task) -> None:
        self._reader, self._task = reader, task
        self.told: list[Told] = []

    def __iter__(self) -> Iterator[Document]:
        for shard in self._task.shards:
            if isinstance(shard, Parsed):
                yield from shard.documents
            elif isinstance(shard, Bytes):
                yield from self._read(BytesIO(shard.data), shard.form, shard.path, line=shard.line)
            else:
                first = (shard.source.size or 0) if isinstance(shard, Whole) else 1 + shard.stop - shard.start + TAIL
                try:
                    with shard.source.open(first) as file:
                        yield from (self._whole(file, shard) if isinstance(shard, Whole) else self._range(file, shard))
                except InputError as error:
                    if not shard.source.is_remote:
                        raise
                    # Only here is known by what URL, and in what state, it can be looked at again.
                    raise with_line(error, shard.source) from None

    def _whole(self, file: BinaryIO, shard: Whole) -> Iterator[Document]:
        path = shard.source.path
        stream = Stream(file, path)
        form = found_format(shard.kind, self._reader.encoding, path, stream.peek, self.told.append)
        yield from self._read(stream, form, path)

    def _range(self, file: BinaryIO, shard: Range) -> Iterator[Document]:
        stream = RangeStream(file, shard.start, shard.stop)
        yield from self._read(stream, shard.form, shard.shown, line=shard.line, offset=stream.begin)

    def _read(self, stream: Readable, form: Format, path: str, *, line: int = 1, offset: int = 0) -> Iterator[Document]:
        ledger = Ledger(path, self._reader.wanted.on_error, line=line, offset=offset)
        yield from documents(stream, form, self._reader.wanted, ledger)
        self.told.extend(ledger.losses)


def found_format(
    kind: Asked, encoding: str, path: str, peek: Callable[[int], bytes], tell: Callable[[Told], None]
) -> Format:
    """Return the format of a source, its encoding found by its first bytes where it is `auto`; the choice is told."""
    is_auto = encoding == encodings.AUTO
    if not is_auto and kind != "sniffed":
        return Format(kind, encoding)
    size = encodings.AUTO_SAMPLE if is_auto else _SNIFFED
    head = peek(size)
    if is_auto:
        encoding, doubt = encodings.guess(head, complete=len(head) < size)
        if doubt:
            tell(Choice(path, f"read as {encoding}, but {doubt}; give its --encoding", is_warning=True))
        elif head:
            tell(Choice(path, f"read as {encoding}"))
    if kind == "sniffed":
        kind = "jsonl" if head.decode(encoding, "ignore").lstrip("\ufeff \t\r\n").startswith("{") else "text"
    return Format(kind, encoding, is_guessed=is_auto)


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
    return len(shard.data) if isinstance(shard, Bytes) else 0
