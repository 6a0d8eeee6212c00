"""The run's private temporary folder."""

import os
import shutil
import tempfile
from types import TracebackType

from kxcli.errors import OutputError, reason


class Workspace:
    """A folder of mode 0700 below TMPDIR, made when it is first asked for and gone when the block ends."""

    def __init__(self) -> None:
        self._path: str | None = None

    def folder(self) -> str:
        """Return the folder's path."""
        if self._path is None:
            try:
                self._path = tempfile.mkdtemp(prefix="kxcli-")
            except OSError as error:
                where = os.environ.get("TMPDIR", "/tmp")  # noqa: S108 -- told to the user, not written to
                raise OutputError(where, reason(error), "point TMPDIR at a folder that can be written") from None
        return self._path

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is not None:
            shutil.rmtree(self._path, ignore_errors=True)
            self._path = None
