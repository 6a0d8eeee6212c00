"""The beginning of inputs, read before a run, of streams too."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from typing import BinaryIO, NamedTuple, cast

from kxcli.corpus.arrow_groups import ArrowKind, hold_stream, name_arrow_errors, open_groups
from kxcli.corpus.compression import Stream
from kxcli.corpus.lines import RawReader
from kxcli.corpus.reader_spec import RecordKind
from kxcli.corpus.source_formats import detect_format
from kxcli.corpus.sources import Source

_PEEKED_BYTES = 1 << 14  # of the text, decompressed


class RewindableReader(RawReader):
    """A stream that can be read from its beginning a second time.

    Args:
        file: The stream.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._read = getattr(file, "read1", file.read)
        self._data, self._position = bytearray(), 0
        self._is_first = True

    def rewind(self) -> None:
        """Go back to the beginning, for the last reading."""
        self._position, self._is_first = 0, False

    def read_some(self, size: int) -> bytes:
        """Return up to `size` bytes, none only at the end."""
        if self._position < len(self._data):
            data = bytes(self._data[self._position : self._position + size])
            self._position += len(data)
            return data
        data = self._read(size)
        if self._is_first:
            self._data += data
            self._position += len(data)
        else:
            self._data, self._position = bytearray(), 0
        return data


@dataclass(frozen=True)
class HeldSource(Source):
    """A stream that is open already, and is read once more from its beginning.

    Attributes:
        file: The open stream.
    """

    file: RewindableReader | None = None

    @contextmanager
    def open(self, first: int = 0) -> Iterator[BinaryIO]:
        """Return the stream at its beginning."""
        assert self.file is not None, "the stream is open"
        self.file.rewind()
        yield cast(BinaryIO, self.file)


class PeekedSource(NamedTuple):
    """An input that can still be read.

    Attributes:
        source: The input.
        head: The whole lines at its beginning; of a Parquet or Arrow file, the names of its columns as a line of TSV.
        kind: The format by its name or its content.
    """

    source: Source
    head: str
    kind: RecordKind


def peek_source(source: Source, encoding: str, stack: ExitStack) -> PeekedSource:
    """Return an input with its beginning.

    Args:
        source: The input.
        encoding: A codec's name, or `auto`.
        stack: Closes a stream.
    """
    with _peek(source, stack) as (held, stream):
        found = detect_format("sniffed", encoding, source.path, stream.peek, lambda diagnostic: None)
        if found.kind == "parquet" or found.kind == "arrow":
            return PeekedSource(
                held, "" if source.size is None else _join_names(stream, found.kind, source), found.kind
            )
        head = stream.peek(_PEEKED_BYTES)
    text = head.decode(found.encoding, "replace")
    text = text if len(head) < _PEEKED_BYTES else text[: text.rfind("\n") + 1]
    return PeekedSource(held, text, found.kind)


def peek_bytes(source: Source, size: int, stack: ExitStack) -> tuple[Source, bytes]:
    """Return an input that can still be read, and its first bytes, decompressed.

    Args:
        source: The input.
        size: Bytes to return at most.
        stack: Closes a stream.
    """
    with _peek(source, stack, refuses_archives=False) as (held, stream):
        return held, stream.peek(size)


def _join_names(stream: Stream, kind: ArrowKind, source: Source) -> str:
    with name_arrow_errors(source.path, kind), hold_stream(stream) as file:
        return "\t".join(open_groups(file, kind).schema.names) + "\n"


@contextmanager
def _peek(source: Source, stack: ExitStack, *, refuses_archives: bool = True) -> Iterator[tuple[Source, Stream]]:
    """Yield an input that can be read again later, and its decompressed beginning."""

    def open_stream(file: BinaryIO) -> Stream:
        return Stream(file, source.path, refuses_archives=refuses_archives, reads_parquet=True)

    if source.size is None:
        file = RewindableReader(stack.enter_context(source.open()))
        attributes = {field.name: getattr(source, field.name) for field in fields(source)}
        yield HeldSource(**attributes, file=file), open_stream(cast(BinaryIO, file))
        return
    with source.allow_change().open(_PEEKED_BYTES) as regular:
        yield source, open_stream(regular)
