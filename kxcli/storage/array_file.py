"""Arrays in a file of our own, with a checksum: written once, and mapped by every process that wants them."""

import hashlib
import json
import mmap
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from kxcli import schema
from kxcli.arrays import AnyArray
from kxcli.errors import InputError, reason
from kxcli.storage.private_files import UnsafeError, create_file, open_private

_MAGIC = b"kxcli arrays 1\n"
_HEAD = len(_MAGIC) + hashlib.sha256().digest_size
_ALIGNMENT = 64  # bytes, where each array begins
_MAX_HEADER = 1 << 20  # bytes
_DTYPE = schema.TextField(r"\|[bu]1|[<>](?:[iu][248]|f[48])")
# Of an array: dtype, number of values, offset.
_PLACE = schema.RowField((_DTYPE, schema.IntegerField(), schema.IntegerField()))
_ANYTHING = schema.AnyField()


class DamagedError(Exception):
    """A file that is not what was written; the message is the cause."""


class ArrayFile(Mapping[str, AnyArray]):
    """The arrays of a file by name, read-only and mapped; `about` is what was said of them.

    Pickled, it is the file's name: another process maps the file, too.
    """

    def __init__(self, path: str, about: schema.Field = _ANYTHING, *, is_checked: bool) -> None:
        """Map a file; raises `DamagedError`, or `UnsafeError` if others can write it.

        about: what was said of the arrays, as declared.  is_checked: whether the checksum is computed, which reads the
        file once.
        """
        self.path = path
        with open(path, "rb", opener=lambda path, _: open_private(path)) as file:
            start = file.read(_HEAD)
            if len(start) != _HEAD or not start.startswith(_MAGIC):
                raise DamagedError("is not a file of this program")
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            line = file.readline(_MAX_HEADER)
        if is_checked and hashlib.sha256(mapped[_HEAD:]).digest() != start[len(_MAGIC) :]:
            raise DamagedError("is damaged")
        body = mapped[_HEAD + len(line) :]
        header = schema.RecordField(
            {"size": schema.ConstantField(len(body)), "arrays": schema.TableField(_PLACE), "about": about}
        )
        try:
            found = schema.parse(line, header)
            self._arrays = {name: _array(body, name, *place) for name, place in found["arrays"].items()}
        except schema.SchemaError as error:
            raise DamagedError(f"is damaged ({error})") from None
        self.about: Any = found["about"]

    def __getitem__(self, name: str) -> AnyArray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> Any:
        return _map_again, (self.path,)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the arrays without the file, for a machine that does not have it."""
        return self._arrays


def _array(body: memoryview, name: str, kind: str, count: int, offset: int) -> AnyArray:
    dtype = np.dtype(kind)
    if offset + count * dtype.itemsize > len(body):
        raise schema.SchemaError(f"the array {name!a} ends after the end of the file")
    return np.frombuffer(body, dtype, count, offset) if count else np.empty(0, dtype)


def _map_again(path: str) -> ArrayFile:
    try:
        return ArrayFile(path, is_checked=False)
    except (OSError, DamagedError, UnsafeError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else "was changed while it was used"
        raise InputError(path, what, "leave the folder of --kb-cache alone while kxcli runs") from None


def save_arrays(arrays: Mapping[str, AnyArray], about: Any, path: str) -> None:
    """Write one-dimensional arrays: a line that tells what this is, the SHA-256 of all that follows, JSON, the arrays.

    The file appears when it is whole, with mode 0600.
    """
    plain = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
    places: dict[str, Any] = {}
    size = 0
    for name, array in plain.items():
        size += -size % _ALIGNMENT
        places[name] = [array.dtype.str, len(array), size]
        size += array.nbytes
    head = json.dumps({"size": size, "arrays": places, "about": about}).encode("utf-8")
    head += b" " * (-(_HEAD + len(head) + 1) % _ALIGNMENT) + b"\n"
    digest = hashlib.sha256(head)
    for part in _parts(plain):
        digest.update(part)
    with create_file(os.path.dirname(path), ".part") as (file, temporary):
        file.write(_MAGIC + digest.digest() + head)
        for part in _parts(plain):
            file.write(part)
        file.flush()
        os.fsync(file.fileno())  # a machine that is switched off has all of it, or nothing under its name
        os.replace(temporary, path)


def _parts(arrays: Mapping[str, AnyArray]) -> Iterator[Any]:
    at = 0
    for array in arrays.values():
        yield bytes(-at % _ALIGNMENT)
        yield array.data.cast("B") if array.nbytes else b""
        at += -at % _ALIGNMENT + array.nbytes
