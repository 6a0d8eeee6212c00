"""Compressed input, known by its magic number and never by its name."""

import io
import re
import zlib
from collections.abc import Callable
from typing import BinaryIO, cast

from kxcli.errors import InputError, MissingExtraError, reason

_MAGIC = {b"\x1f\x8b": "gz", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst"}
_BZ2 = re.compile(rb"BZh[1-9](.+)", re.DOTALL)
_BZ2_NEXT = (b"1AY&SY", b"\x17rE8P\x90")  # of a block, and of the end of an empty file: "BZh9" alone may be text
MAGIC_LENGTH = 10
_BUFFER = 1 << 20


def kind_of(head: bytes) -> str | None:
    """Return gz, bz2, xz or zst by the first bytes, or None for plain data."""
    bz2 = _BZ2.match(head)
    if bz2 and any(magic.startswith(bz2[1][: len(magic)]) for magic in _BZ2_NEXT):
        return "bz2"
    return next((kind for magic, kind in _MAGIC.items() if head.startswith(magic)), None)


class Stream:
    """Bytes in order from a file or pipe, decompressed where they are compressed.

    Errors of the disk and of the compressed format come out as `InputError`.
    """

    def __init__(self, raw: BinaryIO, path: str) -> None:
        self._path = path
        self._ahead = b""
        head = self._guard(lambda: read_up_to(raw, MAGIC_LENGTH))
        kind = kind_of(head)
        joined = cast(BinaryIO, io.BufferedReader(_Rejoined(head, raw), _BUFFER))
        self._file = joined if kind is None else _decompressed(joined, kind)

    def read(self, size: int, /) -> bytes:
        """Return `size` bytes, fewer only at the end."""
        ahead, self._ahead = self._ahead[:size], self._ahead[size:]
        if len(ahead) == size:
            return ahead
        return ahead + self._guard(lambda: read_up_to(self._file, size - len(ahead)))

    def peek(self, size: int) -> bytes:
        """Return the next `size` bytes, fewer only at the end, and leave them to be read."""
        self._ahead = self.read(size) + self._ahead
        return self._ahead

    def _guard(self, read: Callable[[], bytes]) -> bytes:
        try:
            return read()
        except EOFError:
            what = "the compressed data ends too early"
        except (OSError, zlib.error, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise InputError(self._path, reason(error), "check the file and the disk") from None
            what = f"the compressed data is damaged ({error})"
        except Exception as error:
            # lzma.LZMAError and ZstdError derive from Exception alone, and their modules are imported on need.
            if type(error).__name__ not in ("LZMAError", "ZstdError"):
                raise
            what = f"the compressed data is damaged ({error})"
        raise InputError(self._path, what, "fetch or compress the file again")


class _Rejoined(io.RawIOBase):
    """What was read ahead, and then the rest."""

    def __init__(self, head: bytes, rest: BinaryIO) -> None:
        self._head = head
        # A buffered reader's `read` may wait for more in a loop in which a signal goes unheard until more comes.
        self._read = getattr(rest, "read1", rest.read)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        data = self._head[: len(buffer)] or self._read(len(buffer)) or b""
        self._head = self._head[len(data) :] if self._head else b""
        buffer[: len(data)] = data
        return len(data)


def read_up_to(file: BinaryIO, size: int) -> bytes:
    """Read `size` bytes, fewer only at the end: a pipe or an unbuffered file may give them in parts."""
    parts, missing = [], size
    while missing and (data := file.read(missing)):
        parts.append(data)
        missing -= len(data)
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _decompressed(file: BinaryIO, kind: str) -> BinaryIO:
    if kind == "gz":
        import gzip

        return cast(BinaryIO, gzip.GzipFile(fileobj=file, mode="rb"))
    if kind == "bz2":
        import bz2

        return cast(BinaryIO, bz2.BZ2File(file))
    if kind == "xz":
        import lzma

        return cast(BinaryIO, lzma.LZMAFile(file))
    try:
        from compression import zstd  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        try:
            from backports import zstd
        except ImportError:
            raise MissingExtraError("reading zstd-compressed input", "zstd") from None
    return cast(BinaryIO, zstd.ZstdFile(file))
