"""Partials in files: where a process puts what it has no room for, and a run what it wants to find again.

A file has a mark, the SHA-256 of all that follows, the length of a head, the head as JSON, and a dumped partial.  It
appears under its name when it is whole.
"""

import hashlib
import json
import mmap
import os
import re
import tempfile
from dataclasses import dataclass
from typing import Any, NamedTuple

from kxcli import schema
from kxcli.errors import InputError, OutputError, reason
from kxcli.storage.private_files import UnsafeError, create_file, open_private

_MAGIC = b"kxcli partial 1\n"
_LENGTH = 8  # bytes of the head's length
_MAX_HEAD = 1 << 26  # bytes of a head: parsed, it takes ten times as much
_START = len(_MAGIC) + hashlib.sha256().digest_size
NAMES = re.compile(r"kept-\w+\.(?:partial|part)", re.ASCII)  # of files that are ours
_PREFIX, _SUFFIX, _UNFINISHED = "kept-", ".partial", ".part"


class DamagedError(Exception):
    """A file that is not what was put on the shelf; `what` is the cause."""

    def __init__(self, path: str, what: str = "is damaged") -> None:
        super().__init__(path, what)
        self.path, self.what = path, what


@dataclass(frozen=True)
class PartialStore:
    """A folder for partials; `hint` is what to do where it has no room."""

    folder: str
    hint: str

    def put(self, data: bytes, head: Any = None) -> str:
        """Write a dumped partial, and what is to be known of it; return the file's path."""
        start = json.dumps(head, ensure_ascii=False).encode("utf-8", "surrogatepass")
        length = len(start).to_bytes(_LENGTH, "little")
        digest = hashlib.sha256(length + start)
        digest.update(data)
        try:
            with create_file(self.folder, _UNFINISHED, _PREFIX) as (file, temporary):
                file.write(_MAGIC + digest.digest() + length + start)
                file.write(data)
                file.flush()
                os.fsync(file.fileno())  # a machine that is switched off has all of it, or nothing under its name
                path = temporary.removesuffix(_UNFINISHED) + _SUFFIX
                os.rename(temporary, path)
        except OSError as error:
            raise OutputError(self.folder, reason(error), self.hint) from None
        return path

    def paths(self) -> list[str]:
        """Return the files, in the order of their names."""
        with os.scandir(self.folder) as files:
            return sorted(file.path for file in files if NAMES.fullmatch(file.name) and file.name.endswith(_SUFFIX))


class StoredPartial(NamedTuple):
    """What a file of a shelf has: what is to be known of it, the dumped partial, and the byte where that starts."""

    head: Any
    data: memoryview
    start: int


def load_partial(path: str, head: schema.Field, *, is_checked: bool) -> StoredPartial:
    """Return what a file has; it is mapped: its pages are read as they are looked at.

    head: what is to be known of the partial, as declared.  is_checked: whether the checksum is computed, which reads
    the file once.  Raises `DamagedError`, or `InputError` if the disk fails.
    """
    view = _map_private(path)
    if is_checked:
        is_whole = hashlib.sha256(view[_START:]).digest() == bytes(view[len(_MAGIC) : _START])
        view.obj.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]  # it takes no memory until it is wanted
        if not is_whole:
            raise DamagedError(path)
    body = _START + _LENGTH
    stop = body + int.from_bytes(view[_START:body], "little")
    if bytes(view[: len(_MAGIC)]) != _MAGIC or len(view) < body or not stop - body <= min(_MAX_HEAD, len(view) - body):
        raise DamagedError(path)
    try:
        return StoredPartial(schema.parse(view[body:stop], head), view[stop:], stop)
    except schema.SchemaError as error:
        raise DamagedError(path, f"is damaged ({error})") from None


def spill(data: bytes, folder: str) -> memoryview:
    """Return the same bytes, of which there are some, from a file without a name: in memory as far as wanted."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(data)
            file.flush()
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except OSError as error:
        raise OutputError(folder, reason(error), "point TMPDIR at a disk with more room") from None


def map_and_remove(path: str) -> memoryview:
    """Return the bytes of a file, mapped; the file is gone with the last look at them."""
    view = _map_private(path)
    os.unlink(path)
    return view


def _map_private(path: str) -> memoryview:
    try:
        with open(path, "rb", opener=lambda path, _: open_private(path)) as file:
            return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except ValueError:  # it is empty
        raise DamagedError(path) from None
    except UnsafeError as error:
        raise DamagedError(path, error.what) from None
    except PermissionError as error:
        raise DamagedError(path, f"cannot be read ({reason(error)})") from None
    except OSError as error:
        raise InputError(path, reason(error), "check the disk that it is on") from None
