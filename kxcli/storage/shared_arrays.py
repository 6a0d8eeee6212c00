"""Values with large arrays for all workers, without a copy for each.

The arrays go to one file that each worker maps. The rest of the value goes through the pipe between two processes of
this run; the file has plain numbers alone.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any

from kxcli.errors import InputError, format_reason
from kxcli.storage.temp_files import ALIGNMENT, TempFile, map_file

_PICKLE_PROTOCOL = 5  # passes arrays separately from the rest of the value
_LEAVE_ALONE = "leave TMPDIR alone while kxcli runs"
_MIN_SHARED_BYTES = 1 << 20  # smaller arrays are copied faster than a file is made


@dataclass(frozen=True)
class SharedValue:
    """A value for workers.

    Attributes:
        description: The value's pickle without its arrays.
        arrays: The arrays, if they are small.
        path: The file of the arrays, if they are large.
        spans: The first byte of each array in the file, and the byte after its last.
    """

    description: bytes
    arrays: tuple[bytes, ...]
    path: str = ""
    spans: tuple[tuple[int, int], ...] = ()

    def check(self) -> None:
        """Raise `InputError` if the file was truncated."""
        if self.path and os.stat(self.path).st_size < self.spans[-1][1]:
            raise InputError(self.path, "was truncated while it was used", _LEAVE_ALONE)

    def remove(self) -> None:
        """Remove the file after all workers have mapped it."""
        if self.path:
            with suppress(FileNotFoundError):
                os.unlink(self.path)


def share(value: object, make_folder: Callable[[], str]) -> SharedValue:
    """Write the arrays of a value, if they are large, to a new file in the folder."""
    buffers: list[Any] = []
    description = BytesIO()
    ForkingPickler(description, _PICKLE_PROTOCOL, True, buffers.append).dump(value)
    arrays = [buffer.raw() for buffer in buffers]
    if sum(array.nbytes for array in arrays) < _MIN_SHARED_BYTES:
        return SharedValue(description.getvalue(), tuple(map(bytes, arrays)))
    with TempFile(make_folder(), ".shared") as file:
        starts = [file.write(array, ALIGNMENT) for array in arrays]
    spans = tuple((start, start + array.nbytes) for start, array in zip(starts, arrays, strict=True))
    return SharedValue(description.getvalue(), (), file.path, spans)


def load_shared(sent: SharedValue) -> Any:
    """Return the value; its large arrays are read-only and mapped."""
    if not sent.path:
        return ForkingPickler.loads(sent.description, buffers=sent.arrays)
    try:
        with open(sent.path, "rb") as file:
            view = map_file(file.fileno())
    except OSError as error:
        raise InputError(sent.path, format_reason(error), _LEAVE_ALONE) from None
    return ForkingPickler.loads(sent.description, buffers=[view[start:stop] for start, stop in sent.spans])
