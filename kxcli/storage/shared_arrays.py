"""A value for every worker, whose large arrays go to a file once and are mapped by all, instead of copied to each.

What describes the value goes through the pipe between two processes of this run; the file holds plain numbers.
"""

import mmap
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from io import BytesIO
from multiprocessing.reduction import ForkingPickler
from typing import Any

from kxcli.errors import InputError, OutputError, reason

_PICKLE = 5  # the protocol that hands arrays over apart from what describes them
_LEAVE_ALONE = "leave TMPDIR alone while kxcli runs"
_ALIGNMENT = 64  # bytes, where each array begins
_MIN_SHARED_BYTES = 1 << 20  # bytes of arrays that are worth a file


@dataclass(frozen=True)
class SharedValue:
    """A value on its way: what describes it, and its arrays, small ones along with it.

    spans: where great arrays stand in the file `path`, from and to a byte.
    """

    description: bytes
    arrays: tuple[bytes, ...]
    path: str = ""
    spans: tuple[tuple[int, int], ...] = ()

    def check(self) -> None:
        """Raise `InputError` if the file is not as long any more as it was written."""
        if self.path and os.stat(self.path).st_size < self.spans[-1][1]:
            raise InputError(self.path, "was truncated while it was used", _LEAVE_ALONE)

    def remove(self) -> None:
        """Remove the file, once everybody who wants it has opened it."""
        if self.path:
            with suppress(FileNotFoundError):
                os.unlink(self.path)


def share(value: Any, folder: Callable[[], str]) -> SharedValue:
    """Write a value's arrays, if they are great, to a new file in the folder; `OutputError` where the disk is full."""
    buffers: list[Any] = []
    description = BytesIO()
    ForkingPickler(description, _PICKLE, True, buffers.append).dump(value)
    arrays = [buffer.raw() for buffer in buffers]
    if sum(array.nbytes for array in arrays) < _MIN_SHARED_BYTES:
        return SharedValue(description.getvalue(), tuple(map(bytes, arrays)))
    where = folder()
    spans = []
    try:
        handle, path = tempfile.mkstemp(dir=where, suffix=".shared")
        with os.fdopen(handle, "wb") as file:
            for array in arrays:
                file.write(bytes(-file.tell() % _ALIGNMENT))
                spans.append((file.tell(), file.tell() + array.nbytes))
                file.write(array)
    except OSError as error:
        raise OutputError(where, reason(error), "point TMPDIR at a disk with more room") from None
    return SharedValue(description.getvalue(), (), path, tuple(spans))


def load_shared(sent: SharedValue) -> Any:
    """Return the value; great arrays are read-only, and in memory only as far as they are looked at."""
    if not sent.path:
        return ForkingPickler.loads(sent.description, buffers=sent.arrays)
    try:
        with open(sent.path, "rb") as file:
            mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    except (OSError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(sent.path, what, _LEAVE_ALONE) from None
    return ForkingPickler.loads(sent.description, buffers=[mapped[start:stop] for start, stop in sent.spans])
