"""The private temporary folder of a run."""

import os
from _thread import allocate_lock
from types import TracebackType
from typing import Any

from kxcli.errors import KxcliError
from kxcli.signals import delay_signals
from kxcli.storage.stale_files import HOST, create_locked_file, remove_stale
from kxcli.storage.temp_files import get_temporary_folder, translate_os_errors

_PREFIX = f"kxcli-{HOST}-"  # a machine that shares TMPDIR may not see the locks of this one
_LOCK = "lock-"


class Workspace:
    """A folder of mode 0700 in TMPDIR, created on first use and removed at the end.

    The process holds a lock in the folder. If it is killed, the next run of the same user that needs such a folder
    finds this one without its lock and removes it.
    """

    def __init__(self) -> None:
        self._path: str | None = None
        self._lock = -1
        self._guard = allocate_lock()  # importing threading would take longer than a short run has
        self._is_closed = False
        self._config: dict[str, Any] = {}  # of multiprocessing

    def make_folder(self) -> str:
        """Return the folder's path; create the folder on the first call, of any thread."""
        with self._guard:
            if self._is_closed:
                raise KxcliError("the run has ended")
            if self._path is None:
                self._create()
            assert self._path is not None
            return self._path

    def _create(self) -> None:
        import multiprocessing

        where = get_temporary_folder()
        remove_stale(where, _PREFIX, "", _LOCK)
        # The sockets of multiprocessing would otherwise be in a separate folder that no later run removes.
        self._config = multiprocessing.current_process()._config  # type: ignore[attr-defined]
        self._before = self._config.get("tempdir")
        with delay_signals():
            with translate_os_errors(where, "point TMPDIR at a folder that can be written"):
                self._path, self._lock = _create_locked_folder(where)
            self._config["tempdir"] = self._path

    def __enter__(self) -> "Workspace":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._guard:
            self._is_closed = True
        if self._path is None:
            return
        import shutil

        with delay_signals():
            if self._config["tempdir"] == self._path:  # else another workspace, made later, is still open
                is_there = self._before is not None and os.path.isdir(self._before)
                self._config["tempdir"] = self._before if is_there else None
            shutil.rmtree(self._path, ignore_errors=True)
            os.close(self._lock)
            self._path = None


def _create_locked_folder(where: str) -> tuple[str, int]:
    """Create a folder and lock a file in it; return the path and the descriptor."""
    import shutil
    import tempfile

    path = tempfile.mkdtemp(prefix=_PREFIX, dir=where)
    try:
        return path, create_locked_file(path, _LOCK, "")[0]
    except BaseException:
        shutil.rmtree(path, ignore_errors=True)
        raise
