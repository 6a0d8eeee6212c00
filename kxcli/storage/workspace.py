"""The run's private temporary folder."""

import multiprocessing
import os
import shutil
import stat
import tempfile
from contextlib import suppress
from types import TracebackType
from typing import Any

from kxcli.errors import OutputError, reason
from kxcli.signals import delay_signals
from kxcli.storage.locking import HOST, create_locked_file, is_stale
from kxcli.storage.temporary import temporary_folder

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
                try:
                    self._path, self._lock = _create_locked_folder(where)
                except OSError as error:
                    raise OutputError(where, reason(error), "point TMPDIR at a folder that can be written") from None
                self._config["tempdir"] = self._path
        return self._path

    def __enter__(self) -> "Workspace":
        _remove_stale()
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


def _remove_stale() -> None:
    """Remove the folders of runs of this user that are no more."""
    with suppress(OSError), os.scandir(temporary_folder()) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and _is_stale_folder(entry):
                shutil.rmtree(entry.path, ignore_errors=True)


def _is_stale_folder(entry: os.DirEntry[str]) -> bool:
    """Return whether it is a folder of ours whose lock nobody holds; without one it may be just being made."""
    try:
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return False
        locks = [name for name in os.listdir(entry.path) if name.startswith(_LOCK) and not name.endswith(".new")]
    except OSError:
        return False
    return bool(locks) and all(is_stale(os.path.join(entry.path, name)) for name in locks)
