"""A stream's line that is too long for memory, kept on disk until it is read."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from kxcli.errors import OutputError, reason


class SpooledLine:
    """A file in `folder` that a line is written to, part by part."""

    def __init__(self, folder: str) -> None:
        self.size = 0
        self.path = folder
        with self._translate_os_errors():
            handle, self.path = tempfile.mkstemp(dir=folder, suffix=".line")
            self._file = os.fdopen(handle, "wb")

    def write(self, data: bytes) -> None:
        """Add to the line; `OutputError` where the disk is full."""
        with self._translate_os_errors():
            self._file.write(data)
            self._file.flush()
        self.size += len(data)

    def close(self) -> str:
        """End the line and return the file's path."""
        with self._translate_os_errors():
            self._file.close()
        return self.path

    @contextmanager
    def _translate_os_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(self.path, reason(error), "point TMPDIR at a disk with more room") from None
