"""Locked files of running processes, and the removal of stale files.

A process holds a lock on its unfinished files. A file without its lock belongs to a process that was killed.
"""

import errno
import fcntl
import os
import re
import stat
import time
from collections.abc import Callable
from contextlib import suppress
from zlib import crc32

HOST = f"{crc32(os.uname().nodename.encode()):08x}"  # a part of file names: other machines may not see our locks

_NEW = ".new"
_NO_LOCK_ERRORS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)
MAX_UNUSED_DAYS = 30
_UNFINISHED = ".part"


def create_locked_file(folder: str, prefix: str, suffix: str) -> tuple[int, str]:
    """Create a file of mode 0600 and lock it; return its descriptor and its path.

    The file gets its name after its lock. On a file system without locks it has none, and is never stale.
    Call this function, and register the file for removal, within `delay_signals`.
    """
    import tempfile

    handle, new = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix + _NEW)
    path = new.removesuffix(_NEW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _NO_LOCK_ERRORS:
                raise
        os.rename(new, path)
    except BaseException:
        os.close(handle)
        for name in (new, path):
            with suppress(FileNotFoundError):
                os.unlink(name)
        raise
    return handle, path


def is_stale(path: str) -> bool:
    """Return whether a locked file of this user belongs to an ended process."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return False
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def remove_stale(folder: str, prefix: str, suffix: str, lock: str = "") -> None:
    """Remove files of ended processes of this user.

    Args:
        folder: The folder that has the files.
        prefix: The start of their names.
        suffix: The end of their names.
        lock: If given, folders are removed instead; the start of the names of the locked files in them.
    """
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not (entry.name.startswith(prefix) and entry.name.endswith(suffix)):
                continue
            if lock and _is_stale_folder(entry, lock):
                import shutil

                shutil.rmtree(entry.path, ignore_errors=True)
            elif not lock and is_stale(entry.path):
                os.unlink(entry.path)


def _is_stale_folder(entry: os.DirEntry[str], lock: str) -> bool:
    """Return whether nobody holds the locks of a private folder.

    A folder without a lock may belong to a process that has just created it.
    """
    try:
        status = entry.stat(follow_symlinks=False)
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o077:
            return False
        locks = [name for name in os.listdir(entry.path) if name.startswith(lock) and not name.endswith(_NEW)]
    except OSError:
        return False
    return bool(locks) and all(is_stale(os.path.join(entry.path, name)) for name in locks)


def remove_unused(
    folder: str, names: re.Pattern[str], report: Callable[[str], None] = lambda path: None, *, is_locked: bool = False
) -> None:
    """Remove this user's files that no run has used for `MAX_UNUSED_DAYS`.

    Args:
        folder: The folder that has the files.
        names: Matches the names of files that kxcli writes there; other files stay.
        report: Called with the path of each removed file.
        is_locked: Whether no other run uses the folder; unfinished files are removed at once then.
    """
    oldest = time.time() - MAX_UNUSED_DAYS * 24 * 60 * 60
    with suppress(OSError), os.scandir(folder) as files:
        for file in files:
            if names.fullmatch(file.name):
                with suppress(OSError):
                    status = file.stat(follow_symlinks=False)
                    is_old = status.st_mtime < oldest or (is_locked and file.name.endswith(_UNFINISHED))
                    if is_old and stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid():
                        os.unlink(file.path)
                        report(file.path)
