"""Checksummed files of a JSON head and a body of bytes.

Layout: a mark of the kind and version, the SHA-256 of all that follows, the length of the head in 8 bytes (little
endian), the head as JSON with spaces up to the alignment, the body.
"""

import json
import os
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from kxcli import schema
from kxcli.storage.private_files import UnsafeError, create_file, open_private
from kxcli.storage.temp_files import ALIGNMENT, advise_dontneed, map_file

UNFINISHED_PATTERN = r"(?:\.\w+\.part)?"  # what a name ends in while `replace_file` writes the file

_LENGTH_BYTES = 8
_DIGEST_BYTES = 32
_MAX_HEAD_BYTES = 1 << 26  # parsed, a head takes ten times as much memory


class DamagedError(Exception):
    """A changed or foreign file, with its path and the cause."""

    def __init__(self, path: str, what: str = "is damaged") -> None:
        super().__init__(path, what)
        self.path, self.what = path, what

    def __str__(self) -> str:
        return self.what


class Container(NamedTuple):
    """The content of a file: its head, its mapped body, and the body's first byte."""

    head: Any
    data: memoryview
    start: int


def write_container(path: str, mark: bytes, head: Any, body: Sequence[bytes | memoryview]) -> None:
    """Write a file of mode 0600; it appears under its name when it is complete.

    Raises:
        OSError: If the file cannot be written.
    """
    import hashlib

    text = json.dumps(head, ensure_ascii=False).encode("utf-8", "surrogatepass")
    text += b" " * (-(len(mark) + _DIGEST_BYTES + _LENGTH_BYTES + len(text)) % ALIGNMENT)
    length = len(text).to_bytes(_LENGTH_BYTES, "little")
    digest = hashlib.sha256(length + text)
    for part in body:
        digest.update(part)
    replace_file(path, [mark, digest.digest(), length, text, *body])


def read_container(path: str, mark: bytes, head: schema.Field, *, is_checked: bool) -> Container:
    """Map a file and parse its head.

    Args:
        path: The file.
        mark: The mark that the file must start with.
        head: The declared form of the head.
        is_checked: Whether to verify the checksum, which reads the whole file once.

    Raises:
        DamagedError: If the file was not written by `write_container`, or other users can write to it.
        OSError: If the file cannot be read.
    """
    view = map_private_file(path)
    at_length = len(mark) + _DIGEST_BYTES
    at_head = at_length + _LENGTH_BYTES
    start = at_head + int.from_bytes(view[at_length:at_head], "little")
    if bytes(view[: len(mark)]) != mark:
        raise DamagedError(path, "is damaged, or of another version of kxcli")
    if is_checked:
        import hashlib

        is_whole = hashlib.sha256(view[at_length:]).digest() == bytes(view[len(mark) : at_length])
        advise_dontneed(view)
        if not is_whole:
            raise DamagedError(path)
    if len(view) < at_head or not start - at_head <= min(_MAX_HEAD_BYTES, len(view) - at_head):
        raise DamagedError(path)
    try:
        return Container(schema.parse(view[at_head:start], head), view[start:], start)
    except schema.SchemaError as error:
        raise DamagedError(path, f"is damaged ({error})") from None


def map_private_file(path: str) -> memoryview:
    """Map a file with write access for this user only.

    Raises:
        DamagedError: For another file.
        OSError: If the file cannot be read.
    """
    try:
        handle = open_private(path)
    except UnsafeError as error:
        raise DamagedError(path, error.what) from None
    try:
        return map_file(handle)
    finally:
        os.close(handle)


def replace_file(path: str, parts: Iterable[bytes | memoryview]) -> None:
    """Write a file, sync it to disk, and rename it.

    After a power failure, the path leads to the old file or to the complete new one.
    """
    with create_file(os.path.dirname(path), ".part", os.path.basename(path) + ".") as (file, temporary):
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())
        os.replace(temporary, path)
