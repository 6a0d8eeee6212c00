"""Compressed input and archives, recognized by their first bytes only."""

import io
import re
import select
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Protocol, cast

from kxcli.corpus.lines import RawReader, Readable
from kxcli.errors import InputError, format_reason
from kxcli.storage.zstd_library import load_zstd

_MAGIC = {
    "gz": re.compile(rb"\x1f\x8b"),
    "xz": re.compile(rb"\xfd7zXZ\x00"),
    "zst": re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18"),  # the latter: a skippable frame, of pzstd
}
_BZ2 = re.compile(rb"BZh[1-9](.+)", re.DOTALL)
_BZ2_NEXT = (b"1AY&SY", b"\x17rE8P\x90")  # of a block, and of the end of an empty file: "BZh9" alone may be text
MAGIC_LENGTH = 10  # bytes: those of bz2 and of its first block
_PADDING = {"gz": 1, "xz": 4}  # NUL bytes may follow a member, in multiples of this
_BUFFER = 1 << 20  # bytes read at a time
_MEMBER_BUFFER = 1 << 16  # small, because the bytes after the end of a member are copied

HEAD_BYTES = 512  # that show the format: a tar header

_SIZES_OF_LZMA = rb"(?:\x00[\x01-\x04]|[\x01\x02\x03\x04\x06\x08\x0c\x10\x18\x20\x30\x40\x60\x80\xc0]\x00)"
_PARQUET = "a Parquet file"
_ARCHIVES = (  # a pattern of the first bytes, the name of the format, and a command that reads it
    (rb"PK\x03\x04.{26}(?:\[Content_Types\]|_rels/)|\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document", ""),
    (rb"PK(?:\x03\x04|\x05\x06|\x07\x08)", "a zip archive", "unzip -p"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive", "7z x -so"),
    (rb"Rar!\x1a\x07", "a rar archive", "unrar p -inul"),
    (rb"\x04\x22\x4d\x18|\x02\x21\x4c\x18", "compressed by lz4", "lz4 -dc"),
    (rb"\x1f[\x9d\xa0\x1e]", "compressed by compress or pack", "gzip -dc"),
    # The sizes that xz accepts for lzma: of the dictionary, and of the data, known (below 256 GiB) or not.
    (rb"\x5d\x00\x00" + _SIZES_OF_LZMA + rb"(?:\xff{8}|.{4}.\x00\x00\x00)", "compressed by lzma", "xz -dc"),
    (rb"LZIP\x01", "compressed by lzip", "lzip -dc"),
    (rb"\x89LZO\x00\r\n\x1a\n", "compressed by lzop", "lzop -dc"),
    (rb"PAR1\x15", _PARQUET, ""),
    (rb"%PDF-\d", "a PDF document", ""),
)
_ARCHIVE_PATTERNS = [(re.compile(magic, re.DOTALL), what, command) for magic, what, command in _ARCHIVES]
_CONVERT = "convert it to text, CSV or JSONL"


def detect_compression(head: bytes) -> str | None:
    """Return gz, bz2, xz or zst by the first bytes, or None for plain data."""
    bz2 = _BZ2.match(head)
    if bz2 and any(magic.startswith(bz2[1][: len(magic)]) for magic in _BZ2_NEXT):
        return "bz2"
    return next((kind for kind, magic in _MAGIC.items() if magic.match(head)), None)


def reject_archive(head: bytes, path: str, *, reads_parquet: bool = False) -> None:
    """Raise `InputError` if the first `HEAD_BYTES` show an unsupported format.

    Parquet is one of them unless `reads_parquet`.
    """
    what, command = "a tar archive", "tar -xOf"
    if not _is_tar(head):
        found = next(((what, command) for magic, what, command in _ARCHIVE_PATTERNS if magic.match(head)), None)
        if found is None:
            return
        what, command = found
        if what == _PARQUET and reads_parquet:
            return
    raise InputError(path, f"is {what}", f"use: {command} FILE | kxcli ..." if command else _CONVERT)


def _is_tar(head: bytes) -> bool:
    """Return whether these are the first bytes of a tar archive.

    The oldest archives have no magic number, but the sum of the header's bytes as an octal number.
    """
    if head[257:262] == b"ustar" and b"\0" in head[:257]:
        return True
    stored = re.fullmatch(rb" *([0-7]{4,7})[\0 ]*", head[148:156])
    return stored is not None and len(head) == HEAD_BYTES and int(stored[1], 8) == sum(head) - sum(head[148:156]) + 256


class LiveInput:
    """The stream that is read now, and whether it pauses.

    Attributes:
        is_followed: Whether streams give what has arrived, without waiting for more.
    """

    def __init__(self) -> None:
        self.is_followed = False
        self._stream: Stream | None = None

    @contextmanager
    def follow(self, stream: "Stream") -> Iterator[None]:
        """Remember the stream until the end of the block."""
        self._stream = stream
        try:
            yield
        finally:
            self._stream = None

    def is_idle(self) -> bool:
        """Return whether reading would wait."""
        return self._stream is not None and self._stream.is_idle


class Stream:
    """The decompressed bytes of a file or pipe, in order.

    Errors of the disk, damaged data and unsupported formats raise `InputError`; if not `refuses_archives`, the caller
    checks the format.

    Args:
        raw: The bytes.
        path: The name of the input, for messages.
        refuses_archives: Whether archives raise an error.
        reads_parquet: Whether Parquet does not.
        is_live: Whether `read` gives what has arrived in an uncompressed pipe, without waiting for more.
    """

    def __init__(
        self,
        raw: BinaryIO,
        path: str,
        *,
        refuses_archives: bool = True,
        reads_parquet: bool = False,
        is_live: bool = False,
    ) -> None:
        self._path = path
        self._ahead = b""
        self._rejoined = _Rejoined(raw)
        head = self._guard(lambda: self._read_head(is_live))
        self._rejoined.unread(head)
        kind = detect_compression(head)
        self._descriptor = _find_descriptor(raw) if is_live and kind is None else None
        self._file = cast(BinaryIO, io.BufferedReader(self._rejoined, _BUFFER))
        if kind is not None:
            self._file = cast(BinaryIO, io.BufferedReader(_Members(self._file, kind, path), _BUFFER))
            head = self.peek(HEAD_BYTES)
        if refuses_archives:
            reject_archive(head, path, reads_parquet=reads_parquet)

    @property
    def n_bytes(self) -> int:
        """The number of bytes of the raw file that have been read."""
        return self._rejoined.n_bytes

    @property
    def is_idle(self) -> bool:
        """Whether it is a live pipe that pauses."""
        if self._descriptor is None or self._ahead or self._rejoined.has_ahead:
            return False
        poll = select.poll()  # `select.select` refuses descriptors from 1,024 on
        poll.register(self._descriptor, select.POLLIN)
        return not poll.poll(0)

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end or at a pause of a live pipe."""
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(ahead) == size or (ahead and self._descriptor is not None):
            return ahead
        if self._descriptor is not None:
            return self._guard(lambda: self._rejoined.read_some(size))
        return ahead + self._guard(lambda: read_up_to(self._file, size - len(ahead)))

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, without reading past them."""
        missing = size - len(self._ahead)
        if missing > 0:
            source = self._file if self._descriptor is None else self._rejoined
            self._ahead += self._guard(lambda: read_up_to(cast(BinaryIO, source), missing))
        return self._ahead[:size]

    def _read_head(self, is_live: bool) -> bytes:
        """Return the first `HEAD_BYTES`; of a live pipe, up to its first line end."""
        head = b""
        while len(head) < HEAD_BYTES and not (is_live and b"\n" in head):
            data = self._rejoined.read_some(HEAD_BYTES - len(head))
            if not data:
                break
            head += data
        return head

    def _guard(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except EOFError:
            what = "the compressed data ends too early"
        except (OSError, zlib.error, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise InputError(self._path, format_reason(error), "check the file and the disk") from None
            what = f"the compressed data is damaged ({error})"
        except Exception as error:
            # lzma.LZMAError and ZstdError derive from Exception only, and their modules are imported on demand.
            if type(error).__name__ not in ("LZMAError", "ZstdError"):
                raise
            what = f"the compressed data is damaged ({error})"
        raise InputError(self._path, what, "fetch or compress the file again")


def open_decompressed(raw: BinaryIO, path: str) -> io.BufferedReader:
    """Return the decompressed bytes of a file or pipe as a file."""
    return io.BufferedReader(_StreamReader(Stream(raw, path, refuses_archives=False)))


class _StreamReader(RawReader):
    """A raw file with the bytes of a stream."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    def read_some(self, size: int) -> bytes:
        return self._stream.read(size)


def _find_descriptor(file: BinaryIO) -> int | None:
    """Return the descriptor of a file, if the system has one."""
    try:
        return file.fileno()
    except OSError:
        return None


class _Rejoined(RawReader):
    """Data that was read ahead, then the rest, up to the first end of a terminal.

    Attributes:
        n_bytes: The number of bytes that have been read.
    """

    def __init__(self, rest: BinaryIO) -> None:
        self.n_bytes = 0
        self._ahead = b""
        self._is_at_end = False
        # `read` of a buffered reader may wait for more in a loop that handles no signal before more arrives.
        self._read = getattr(rest, "read1", rest.read)

    @property
    def has_ahead(self) -> bool:
        """Whether there is data that was put back."""
        return bool(self._ahead)

    def unread(self, data: bytes) -> None:
        """Put back data."""
        self._ahead = data + self._ahead

    def read_some(self, size: int) -> bytes:
        data = self._ahead[:size]
        if data:
            self._ahead = self._ahead[len(data) :]
        elif not self._is_at_end:
            data = self._read(size)
            self.n_bytes += len(data)
            self._is_at_end = not data
        return data


class _Decompressor(Protocol):
    """The decompressor of one member, as in the modules bz2, lzma and zstd."""

    @property
    def eof(self) -> bool: ...

    @property
    def needs_input(self) -> bool: ...

    @property
    def unused_data(self) -> bytes: ...

    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


class _Members(RawReader):
    """The data of compressed members, one after the other.

    Nothing else may follow them. The file classes of the standard library treat other bytes as the end of the file.
    """

    def __init__(self, file: BinaryIO, kind: str, path: str) -> None:
        self._file, self._kind, self._path = cast(io.BufferedReader, file), kind, path
        self._start = _choose_decompressor(kind)
        self._member = self._start()
        self._ahead = b""
        self._is_at_end = False

    def read_some(self, size: int) -> bytes:
        data = b""
        while not data and not self._is_at_end:
            if self._member.eof:
                self._is_at_end = not self._begin_next()
                continue
            ahead, self._ahead = self._ahead, b""
            if self._member.needs_input and not ahead:
                ahead = self._file.read1(_MEMBER_BUFFER)
                if not ahead:
                    raise EOFError
            data = self._member.decompress(ahead, size)
        return data

    def _begin_next(self) -> bool:
        """Begin the next member; return whether there is one."""
        rest = self._member.unused_data
        if self._kind in _PADDING:
            rest = self._skip_padding(rest)
        rest += read_up_to(cast(BinaryIO, self._file), max(0, MAGIC_LENGTH - len(rest)))
        if not rest:
            return False
        if detect_compression(rest) != self._kind:
            what = f"the compressed data is damaged, or followed by data that is not {self._kind}"
            raise InputError(self._path, what, "fetch the file again, or decompress each part by itself")
        self._member, self._ahead = self._start(), rest
        return True

    def _skip_padding(self, rest: bytes) -> bytes:
        size = 0
        while True:
            data = rest.lstrip(b"\0")
            size += len(rest) - len(data)
            if data:
                break
            rest = self._file.read1(_MEMBER_BUFFER)
            if not rest:
                break
        if size % _PADDING[self._kind]:
            raise ValueError(f"{size} bytes of padding, which is not a multiple of {_PADDING[self._kind]}")
        return data


class _GzipMember:
    """One member of a gzip file, with the methods of the other decompressors."""

    def __init__(self) -> None:
        self._decompressor = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        self.needs_input = True

    @property
    def eof(self) -> bool:
        return self._decompressor.eof

    @property
    def unused_data(self) -> bytes:
        return self._decompressor.unused_data

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        found = self._decompressor.decompress(self._decompressor.unconsumed_tail + data, max_length)
        self.needs_input = not self._decompressor.unconsumed_tail and len(found) < max_length
        return found


def read_up_to(file: Readable, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end.

    A pipe or an unbuffered file may give them in parts. Memory is allocated as they arrive.
    """
    parts, missing = [], size
    while missing and (data := file.read(min(missing, _BUFFER))):
        parts.append(data)
        missing -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _choose_decompressor(kind: str) -> Callable[[], _Decompressor]:
    """Return a function that makes the decompressor of one member."""
    if kind == "gz":
        return _GzipMember
    if kind == "bz2":
        import bz2

        return bz2.BZ2Decompressor
    if kind == "xz":
        import lzma

        return lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ)
    zstd = load_zstd("reading zstd-compressed input")
    window = zstd.DecompressionParameter.window_log_max
    options = {window: window.bounds()[1]}  # `zstd --long=31` writes windows of 2 GiB
    return lambda: zstd.ZstdDecompressor(options=options)
