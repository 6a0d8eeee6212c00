"""The run's private temporary folder."""

import multiprocessing
import os
import shutil
import tempfile
from types import TracebackType
from typing import Any

from kxcli.signals import delay_signals
from kxcli.storage.stale_files import HOST, create_locked_file, remove_stale
from kxcli.storage.temp_files import temporary_folder, translate_os_errors

_PREFIX = f"kxcli-{HOST}-"  # another machine that has the same TMPDIR may not see who holds a lock here
_LOCK = "lock-"


class Workspace:
    """A folder of mode 0700 below TMPDIR, made when it is first asked for and gone when the block ends.

    While the process lives, it holds a lock in the folder.  So the next run of the same user can tell, and remove,
    what a process left that was killed before it could clean up.
    """

    def __init__(self) -> None:
        self._path: str | None = None
        self._lock = -1
        self._config: dict[str, Any] = {}  # of multiprocessing

    def folder(self) -> str:
        """Return the folder's path."""
        if self._path is None:
            where = temporary_folder()
            # Sockets of multiprocessing would otherwise have a folder of their own, that nobody could tell is ours.
            self._config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
            self._before = self._config.get("tempdir")
            with delay_signals():
                with translate_os_errors(where, "point TMPDIR at a folder that can be written"):
                    self._path, self._lock = _create_locked_folder(where)
                self._config["tempdir"] = self._path
        return self._path

    def __enter__(self) -> "Workspace":
        remove_stale(temporary_folder(), _PREFIX, "", _LOCK)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._path is None:
            return
        with delay_signals():
            self._config["tempdir"] = self._before
            shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._lock)
            self._path = None


def _create_locked_folder(where: str) -> tuple[str, int]:
    """Make a folder and lock a file in it; remove the folder on failure."""
    path = tempfile.mkdtemp(prefix=_PREFIX, dir=where)
    try:
        return path, create_locked_file(path, _LOCK, "")[0]
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
