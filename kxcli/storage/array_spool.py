"""Arrays of integers in a temporary file, to be read again in the same run."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import UInt16Array, UInt32Array
from kxcli.errors import InputError, OutputError, format_reason
from kxcli.storage.temp_files import TempFile

CodeArray = UInt16Array | UInt32Array


@dataclass(frozen=True)
class SpooledArray:
    """An array in a file: `count` integers of `width` bytes from byte `start`."""

    path: str
    start: int
    count: int
    width: int

    @property
    def size(self) -> int:
        """Bytes."""
        return self.count * self.width

    def load(self) -> CodeArray:
        """Read the array; `InputError` if the disk fails or the file is truncated."""
        array = np.empty(self.count, dtype=f"u{self.width}")
        try:
            with open(self.path, "rb") as file:  # a signal within numpy's `fromfile` would become another error
                file.seek(self.start)
                if file.readinto(array.data) != self.size:
                    raise InputError(self.path, "is shorter than it was", "leave TMPDIR alone while kxcli runs")
        except OSError as error:
            raise InputError(self.path, format_reason(error), "check the disk that TMPDIR is on") from None
        return array


class ArraySpool:
    """A file of arrays, created with the first one; each process has its own."""

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self._file: TempFile | None = None

    def __reduce__(self) -> "tuple[type[ArraySpool], tuple[str]]":
        return ArraySpool, (self.folder,)

    def __del__(self) -> None:
        self.close()

    def write(self, array: CodeArray) -> SpooledArray:
        """Append an array; `OutputError` if the disk is full."""
        self._file = self._file or TempFile(self.folder, ".records")
        start = self._file.write(array.data)
        return SpooledArray(self._file.path, start, len(array), array.itemsize)

    def close(self) -> None:
        """Close the file, if there is one."""
        if self._file is not None:
            with suppress(OutputError):  # reported when it was written
                self._file.close()
