"""Sources: local files, stdin and URLs, opened and checked for changes."""

import errno
import io
import os
import select
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, BinaryIO, cast

from kxcli.corpus.compression import read_up_to
from kxcli.corpus.fetch_sizes import INITIAL_FETCH
from kxcli.corpus.lines import RawReader, count_lines
from kxcli.errors import InputError, UsageError, format_reason, make_changed_error
from kxcli.storage.paths import FileId, find_descriptor_path, get_file_id
from kxcli.urls import is_url

STDIN = "<stdin>"
MAX_COUNTED_BYTES = 64 << 20  # of a remote file that are fetched to count the lines in them

_END_BYTES = 1 << 16  # at either end of a file that identify its content


@dataclass(frozen=True)
class Source:
    """One input: a path, a URL, or stdin.

    Attributes:
        path: The path, or the URL without its secrets.
        size: Bytes, if any part can be read: of a regular file, or of a remote file read by ranges; None for others,
            such as a pipe or a device.
        is_stdin: Whether it is standard input.
        version: What distinguishes this state from another of the same size; None if the file may change before it
            is opened.
        url: The URL that opens a remote file.
        inode: The device and the inode of a regular file, if this machine found it.
        ends: The checksum of both ends of a file that may be appended to; None if it may not.
        number: Its position among the inputs, if documents have numbers.
    """

    path: str
    size: int | None = None
    is_stdin: bool = False
    version: str | None = None
    url: str = field(default="", repr=False)
    inode: FileId | None = None
    ends: int | None = None
    number: int = 0

    @property
    def is_pipe(self) -> bool:
        """Whether it is read in order on this machine: stdin, a pipe, or a device."""
        return self.size is None and not self.is_remote

    @property
    def is_remote(self) -> bool:
        """Whether it is read by its URL."""
        return not self.is_stdin and is_url(self.path)

    def allow_change(self) -> "Source":
        """Return the same input for one reading; a local file may change before that."""
        return self if self.is_remote or self.version is None else replace(self, version=None)

    def allow_append(self) -> "Source":
        """Return the same input; a local file may grow, but not change otherwise.

        Both its ends are read now: size and time alone do not show whether it was rewritten or appended to.
        """
        if self.is_remote or self.version is None or self.size is None:
            return self
        with self.allow_change().open() as file:
            return replace(self, ends=_checksum_ends(file.fileno(), self.size))

    def make_absolute(self) -> "Source":
        """Return the same input for other machines, without device and inode."""
        is_path = not (self.is_stdin or self.is_remote)
        return replace(self, path=os.path.abspath(self.path), inode=None) if is_path else self

    def check(self) -> None:
        """Raise `InputError` if a local file has changed."""
        if self.version is not None and not self.is_remote and not self._matches(get_file_status(self.path)):
            raise make_changed_error(self.path)

    def _matches(self, status: os.stat_result) -> bool:
        if self.inode not in (None, get_file_id(status)):
            return False
        if (status.st_size, _get_version(status)) == (self.size, self.version):
            return True
        if self.ends is None or self.size is None or status.st_size <= self.size:
            return False
        with open(self.path, "rb", buffering=0) as file:
            return self.ends == _checksum_ends(file.fileno(), self.size)

    @cached_property
    def stamp(self) -> str:
        """The hex digest of path, size, version and both ends.

        It is equal in another run if the input is the same.

        Raises:
            UsageError: If the input cannot be read again.
        """
        if self.size is None:
            raise UsageError(f"{self.path}: a checkpoint needs inputs that can be read again and in parts; give files.")
        import hashlib

        digest = hashlib.sha256()
        path = os.fsencode(self.url or self.path)
        for value in (path, str(self.size).encode(), (self.version or "").encode("utf-8", "replace")):
            digest.update(len(value).to_bytes(8, "little") + value)
        with self.open(_END_BYTES) as file:
            digest.update(read_up_to(file, _END_BYTES))
            if self.size > _END_BYTES:
                file.seek(max(_END_BYTES, self.size - _END_BYTES))
                digest.update(read_up_to(file, _END_BYTES))
        return digest.hexdigest()

    def find_line(self, line: int, offset: int) -> int | None:
        """Return the number in the file of a line counted from the byte `offset`.

        Reads the bytes before that. None for a remote file with more than `MAX_COUNTED_BYTES` before it.
        """
        if self.is_remote and offset > MAX_COUNTED_BYTES:
            return None
        with self.open() as file:
            return line + count_lines(file, offset)

    def find_byte(self, line: int, offset: int) -> int:
        """Return the first byte of a line counted from the byte `offset`."""
        with self.open() as file:
            file.seek(offset)
            while line > 1 and (data := file.read(_END_BYTES)):
                *before, rest = data.split(b"\n", line - 1)
                line -= len(before)
                offset += len(data) - (len(rest) if line == 1 else 0)
            return offset

    @contextmanager
    def open(self, first: int = INITIAL_FETCH) -> Iterator[BinaryIO]:
        """Open for reading bytes; an `OSError` in the block becomes an `InputError`.

        A local file may be appended to while it is open. If it changes otherwise, the end of the block raises
        `InputError`.

        Args:
            first: Bytes that are likely to be read first, requested from a server together.
        """
        try:
            if self.is_remote:
                from kxcli.corpus import remote
                from kxcli.corpus.remote.base import RemoteState

                expected = None if self.version is None else RemoteState(self.size, self.version)
                with remote.open_url(self.url or self.path, expected, first) as file:
                    yield file
            elif self.is_stdin:
                with _watch(sys.stdin.buffer, self):
                    yield cast(BinaryIO, WaitingInput())
            else:
                with open(self.path, "rb", buffering=0) as file, _watch(file, self):
                    yield file
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from None
            raise InputError(self.path, format_reason(error), "check the path, its permissions and the disk") from None


class WaitingInput(RawReader):
    """Standard input that waits for more if it is non-blocking.

    `sys.stdin.buffer` takes a moment without input for the end.
    """

    def __init__(self) -> None:
        self._raw: Any = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)

    def fileno(self) -> int:
        """Return the descriptor."""
        return int(self._raw.fileno())

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Set the position."""
        return int(self._raw.seek(offset, whence))

    def read_some(self, size: int) -> bytes:
        """Wait for input and return it."""
        while (data := self._raw.read(size)) is None:
            select.select([self._raw], [], [])
        return bytes(data)


def open_stdin() -> Source:
    """Return standard input; raise `InputError` if it is closed."""
    if sys.stdin is None:
        raise InputError(STDIN, "is closed", "name a file")
    return Source(STDIN, is_stdin=True)


def find_local(path: str) -> Source:
    """Return the local file at a path, even one named `-`, in its current state."""
    return make_local_source(path, get_file_status(path))


def make_local_source(path: str, status: os.stat_result) -> Source:
    """Return the local file at a path by its status."""
    if not stat.S_ISREG(status.st_mode) or find_descriptor_path(path) is not None:
        return Source(path)
    return Source(path, status.st_size, version=_get_version(status), inode=get_file_id(status))


def get_file_status(path: str) -> os.stat_result:
    """Return the status of a file; raise `InputError` if there is none."""
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        what = format_reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(path, what, "check the path and its permissions") from None


def index_by_path(sources: Iterable[Source]) -> dict[str, Source | None]:
    """Return the source of each path in messages.

    None for URLs that differ only in their secrets.
    """
    found = dict[str, Source | None]()
    for source in sources:
        known = found.setdefault(source.path, source)
        if known is not None and known.url != source.url:
            found[source.path] = None
    return found


def _get_version(status: os.stat_result) -> str:
    return str(status.st_mtime_ns)


def _checksum_ends(descriptor: int, size: int) -> int:
    """Return a checksum of both ends of the first `size` bytes of a file."""
    checksum = zlib.crc32(os.pread(descriptor, min(_END_BYTES, size), 0))
    if size <= _END_BYTES:
        return checksum
    start = max(_END_BYTES, size - _END_BYTES)
    return zlib.crc32(os.pread(descriptor, size - start, start), checksum)


@contextmanager
def _watch(file: BinaryIO, source: Source) -> Iterator[None]:
    """Raise `InputError` after the block if a file changed, except by appends."""
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):  # a stdin without a descriptor, in a program that calls this one
        yield
        return
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode) or not (before.st_size or source.size):  # /proc has neither sizes nor times
        yield
        return
    if source.version is not None and source.inode not in (None, get_file_id(before)):
        raise make_changed_error(source.path)
    ends = _checksum_ends(descriptor, before.st_size)

    def check() -> None:
        now = os.fstat(descriptor)
        is_same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        has_grown = now.st_size > before.st_size
        if not is_same and not (has_grown and ends == _checksum_ends(descriptor, before.st_size)):
            raise make_changed_error(source.path)
        if not source.is_stdin and get_file_id(get_file_status(source.path)) != get_file_id(before):
            raise make_changed_error(source.path)
        source.check()

    try:
        yield
    except InputError:
        check()  # changed data may look damaged
        raise
    check()
