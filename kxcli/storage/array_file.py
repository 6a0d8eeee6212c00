"""Named arrays in a checksummed file, mapped by every process."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from kxcli import schema
from kxcli.arrays import AnyArray
from kxcli.errors import InputError, format_reason
from kxcli.storage.container import DamagedError, read_container, write_container
from kxcli.storage.temp_files import ALIGNMENT

_MARK = b"kxcli arrays 2\n"
_DTYPE = schema.TextField(r"\|[bu]1|[<>](?:[iu][248]|f[48])")
_PLACE = schema.RowField((_DTYPE, schema.IntegerField(), schema.IntegerField()))  # dtype, number of values, offset
_ANYTHING = schema.AnyField()


class ArrayFile(Mapping[str, AnyArray]):
    """The arrays of a file by name, read-only and mapped.

    `about` is their description. The pickle is the path: another process maps the file, too.
    """

    def __init__(self, path: str, about: schema.Field = _ANYTHING, *, is_checked: bool) -> None:
        """Map a file.

        Args:
            path: The file.
            about: The declared form of the description.
            is_checked: Whether to verify the checksum, which reads the file once.

        Raises:
            DamagedError: If the file differs from what was written, or other users can write to it.
            OSError: If the file cannot be read.
        """
        self.path = path
        head = schema.RecordField({"arrays": schema.TableField(_PLACE), "about": about})
        found, body, _ = read_container(path, _MARK, head, is_checked=is_checked)
        try:
            self._arrays = {name: _view_array(body, name, *place) for name, place in found["arrays"].items()}
        except schema.SchemaError as error:
            raise DamagedError(path, f"is damaged ({error})") from None
        self.about: Any = found["about"]

    def __getitem__(self, name: str) -> AnyArray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def __reduce__(self) -> tuple[Callable[[str], "ArrayFile"], tuple[str]]:
        return _map_again, (self.path,)

    def to_arrays(self) -> dict[str, AnyArray]:
        """Return the arrays as a plain dict, for a machine without the file."""
        return self._arrays


def _view_array(body: memoryview, name: str, kind: str, count: int, offset: int) -> AnyArray:
    dtype = np.dtype(kind)
    if offset + count * dtype.itemsize > len(body):
        raise schema.SchemaError(f"the array {name!a} ends after the end of the file")
    return np.frombuffer(body, dtype, count, offset) if count else np.empty(0, dtype)


def _map_again(path: str) -> ArrayFile:
    try:
        return ArrayFile(path, is_checked=False)
    except (OSError, DamagedError, ValueError) as error:
        what = format_reason(error) if isinstance(error, OSError) else "was changed while it was used"
        raise InputError(path, what, "leave the folder of --kb-cache alone while kxcli runs") from None


def save_arrays(arrays: Mapping[str, AnyArray], about: Any, path: str) -> None:
    """Write one-dimensional arrays with a description; raises `OSError`.

    The file has mode 0600, and appears under its name when it is complete.
    """
    places: dict[str, tuple[str, int, int]] = {}
    parts: list[bytes | memoryview] = []
    size = 0
    for name, array in arrays.items():
        padding = -size % ALIGNMENT
        places[name] = (array.dtype.str, len(array), size + padding)
        parts += [bytes(padding), np.ascontiguousarray(array).view(np.uint8).data if array.nbytes else b""]
        size += padding + array.nbytes
    write_container(path, _MARK, {"arrays": places, "about": about}, parts)
