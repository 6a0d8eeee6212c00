"""Bytes -> blocks of whole lines, from a stream or from a byte range of a file.

Only LF ends a line. A line belongs to the range that contains its first byte. So ranges that cover a file cover each
of its lines once, wherever they begin.
"""

import io
from abc import abstractmethod
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple, Protocol

CHUNK = 1 << 18  # bytes read, decoded and split at a time: small enough to stay in a core's cache
LONG_LINE = 1 << 22  # bytes of one line; a longer one is read in parts if the job allows that


class Readable(Protocol):
    """A stream of bytes; `read` gives fewer than requested only at the end."""

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, or the rest."""
        ...


class RawReader(io.RawIOBase):
    """A raw file with the method `read_some` for reading."""

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """Read up to the size of the buffer."""
        data = self.read_some(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    @abstractmethod
    def read_some(self, size: int) -> bytes | memoryview:
        """Return up to `size` bytes, none only at the end."""


class LineBlock(NamedTuple):
    """Some whole lines, or a part of a long one.

    Attributes:
        data: The bytes.
        is_part: Whether they are a part of a long line.
        has_continuation: Whether the line continues in the next block.
    """

    data: bytes
    is_part: bool = False
    has_continuation: bool = False


def read_line_blocks(
    stream: Readable, *, keep_lines_whole: bool, max_line: int | None = None, shows_pauses: bool = False
) -> Iterator[LineBlock]:
    """Yield blocks of whole lines, and the parts of long ones.

    Args:
        stream: The bytes.
        keep_lines_whole: Whether a line over `LONG_LINE` bytes comes as one, not in parts.
        max_line: Bytes of a whole line after which the reader rejects it, at least `CHUNK`. Only the first line of a
            block can be longer, and it lacks bytes then.
        shows_pauses: Whether an empty block comes when a live pipe pauses within a line.
    """
    rest: list[bytes] = []
    size = 0
    in_long_line = False
    while data := stream.read(CHUNK):
        end = data.rfind(b"\n") + 1
        if end:
            yield from _end_block(b"".join((*rest, data[:end])), in_long_line)
            rest, size, in_long_line = [data[end:]], len(data) - end, False
            continue
        if max_line is None or size <= max_line:
            rest.append(data)
        size += len(data)
        if shows_pauses and len(data) < CHUNK:
            yield LineBlock(b"")
        if size >= LONG_LINE and not keep_lines_whole:
            yield LineBlock(b"".join(rest), is_part=True, has_continuation=True)
            rest, size, in_long_line = [], 0, True
    yield from _end_block(b"".join(rest), in_long_line)


def _end_block(data: bytes, in_long_line: bool) -> Iterator[LineBlock]:
    """Yield the end of a long line, if there is one, and the lines after it."""
    if in_long_line:
        end = data.find(b"\n") + 1 or len(data)
        yield LineBlock(data[:end], is_part=True)
        data = data[end:]
    if data:
        yield LineBlock(data)


class RangeStream:
    """The lines of a file that begin in `start <= position < stop`, as a stream.

    Attributes:
        begin: The position of the first of them.
    """

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file, self._stop = file, stop
        self._done = False
        self.begin = self._position = self._find_first_line(start)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes, none after the last line that begins before `stop`."""
        if self._done:
            return b""
        data = self._file.read(size)
        last = self._stop - 1  # a line end here or later ends the last line of the range
        if self._position + len(data) > last:
            end = data.find(b"\n", max(0, last - self._position)) + 1
            if end:
                data, self._done = data[:end], True
        self._position += len(data)
        return data

    def _find_first_line(self, start: int) -> int:
        if start == 0:
            return 0
        position = start - 1  # if the byte before the range is a line end, a line begins with the range
        self._file.seek(position)
        while position < self._stop - 1 and (data := self._file.read(min(CHUNK, self._stop - 1 - position))):
            end = data.find(b"\n") + 1
            if end:
                self._file.seek(position + end)
                return position + end
            position += len(data)
        self._done = True  # the whole range is within a line that began before it
        return position


def count_lines(file: BinaryIO, stop: int) -> int:
    """Return the number of line ends before the byte `stop`."""
    count = position = 0
    while position < stop and (data := file.read(min(CHUNK, stop - position))):
        count += data.count(b"\n")
        position += len(data)
    return count
