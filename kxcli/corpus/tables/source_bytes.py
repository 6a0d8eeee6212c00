"""The bytes of a source, in order or by position, and the format that they show."""

import io
import os
import re
import sys
from functools import cached_property
from typing import BinaryIO

from kxcli.corpus.compression import HEAD_BYTES, Stream, detect_compression, read_up_to
from kxcli.corpus.sources import Source
from kxcli.suffixes import InputFormat

BINARY_FORMATS: frozenset[InputFormat | None] = frozenset({"npy", "npz", "parquet", "arrow"})

_JSON_ARRAY = re.compile(rb"(?:\xef\xbb\xbf)?\s*\[\s*\{")


class SourceBytes:
    """The decompressed bytes of an open source.

    Attributes:
        path: The source, for messages.
        head: The first `HEAD_BYTES`.
        has_positions: Whether any part can be read without those before it: the source is a local file, not compressed.
    """

    def __init__(self, source: Source, file: BinaryIO) -> None:
        self.path, self._file, self._size = source.path, file, source.size
        self.has_positions = False
        if source.size is not None and not source.is_remote:
            self.head = read_up_to(file, HEAD_BYTES)
            file.seek(0)
            self.has_positions = detect_compression(self.head) is None
        if not self.has_positions:
            self.head = self.stream.peek(HEAD_BYTES)

    @cached_property
    def stream(self) -> Stream:
        """The bytes in order."""
        return Stream(self._file, self.path, refuses_archives=False)

    @property
    def n_bytes(self) -> int:
        """The size of the source; of a stream, the bytes that have been read."""
        return self.stream.n_bytes if self._size is None else self._size

    def open_file(self) -> BinaryIO:
        """Return a file that can be read at any position.

        If the source has no positions, all bytes are held in memory.
        """
        return self._file if self.has_positions else io.BytesIO(self.stream.read(sys.maxsize))


def detect_table_format(head: bytes) -> InputFormat | None:
    """Return the format by the first bytes of a source, or None for a text.

    Arrays in a zip archive are an .npz file. Of texts, only an array of JSON objects is recognized.
    """
    if head.startswith(b"\x93NUMPY"):
        return "npy"
    if head.startswith(b"PAR1\x15"):
        return "parquet"
    if head.startswith(b"ARROW1\0\0"):
        return "arrow"
    if head.startswith(b"PK\x03\x04"):
        name = head[30 : 30 + int.from_bytes(head[26:28], "little")]
        return "npz" if name.endswith(b".npy") else None
    return "jsonl" if _JSON_ARRAY.match(head) else None


def get_size(file: BinaryIO) -> int:
    """Return the number of bytes of a file that can be read at any position."""
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    return size
