"""Arrays in a file of our own, with a checksum: written once, and mapped by every process that wants them."""

import hashlib
import json
import mmap
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from kxcli.errors import InputError, reason

_MAGIC = b"kxcli arrays 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size
_ALIGNED = 64  # bytes, where each array begins


class DamagedError(Exception):
    """A file that is not what was written."""


class ArrayFile(Mapping[str, npt.NDArray[Any]]):
    """The arrays of a file by name, read-only and mapped; `about` is what was said of them.

    Pickled, it is the file's name: another process maps the file, too.
    """

    def __init__(self, path: str, *, is_checked: bool) -> None:
        """Map a file; `DamagedError` where it is not whole.

        is_checked: whether the checksum is computed, which reads the file once.
        """
        self.path = path
        with open(path, "rb") as file:
            start = file.read(_HEAD)
            if len(start) != _HEAD or not start.startswith(_MAGIC):
                raise DamagedError(path)
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            line = file.readline()
        if is_checked and hashlib.sha256(mapped[_HEAD:]).digest() != start[len(_MAGIC) :]:
            raise DamagedError(path)
        try:
            header = json.loads(line)
            body = mapped[_HEAD + len(line) :]
            if header["size"] != len(body):
                raise DamagedError(path)
            self.about: Any = header["about"]
            self._arrays: dict[str, npt.NDArray[Any]] = {
                name: np.frombuffer(body, dtype=kind, count=count, offset=offset) if count else np.empty(0, dtype=kind)
                for name, (kind, count, offset) in header["arrays"].items()
            }
        except (ValueError, KeyError, TypeError, AttributeError):
            raise DamagedError(path) from None

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> Any:
        return _mapped_again, (self.path,)

    def unmapped(self) -> dict[str, npt.NDArray[Any]]:
        """Return the arrays without the file, for a machine that does not have it."""
        return self._arrays


def _mapped_again(path: str) -> ArrayFile:
    try:
        return ArrayFile(path, is_checked=False)
    except (OSError, DamagedError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else "was changed while it was used"
        raise InputError(path, what, "leave the folder of --kb-cache alone while kxcli runs") from None


def save(arrays: Mapping[str, npt.NDArray[Any]], about: Any, path: str) -> None:
    """Write one-dimensional arrays: a line that tells what this is, the SHA-256 of all that follows, JSON, the arrays.

    The file appears when it is whole, with mode 0600.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    places: dict[str, Any] = {}
    size = 0
    for name, array in plain.items():
        size += -size % _ALIGNED
        places[name] = [array.dtype.str, len(array), size]
        size += array.nbytes
    head = json.dumps({"size": size, "arrays": places, "about": about}).encode("utf-8")
    head += b" " * (-(_HEAD + len(head) + 1) % _ALIGNED) + b"\n"
    digest = hashlib.sha256(head)
    for part in _parts(plain):
        digest.update(part)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(_MAGIC + digest.digest() + head)
            for part in _parts(plain):
                file.write(part)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def _parts(arrays: Mapping[str, npt.NDArray[Any]]) -> Iterator[Any]:
    at = 0
    for array in arrays.values():
        yield bytes(-at % _ALIGNED)
        yield array.data.cast("B") if array.nbytes else b""
        at += -at % _ALIGNED + array.nbytes


def private_folder(path: str) -> bool:
    """Make a folder for this user alone, where it is missing, and tell whether nobody else can write to it."""
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.stat(path)
    except OSError:
        return False
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022
