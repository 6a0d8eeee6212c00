"""Files that are locked for as long as the process that made them lives: so others can tell what was left behind."""

import fcntl
import os
import stat
import tempfile


def locked_file(folder: str, prefix: str, suffix: str) -> tuple[int, str]:
    """Make a new file of mode 0600 and lock it; return the open file and its path.

    It never stands under its name without its lock.
    """
    handle, path = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix + ".new")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.rename(path, path.removesuffix(".new"))
    except BaseException:
        os.close(handle)
        os.unlink(path)
        raise
    return handle, path.removesuffix(".new")


def is_left(path: str) -> bool:
    """Return whether a file was made by `locked_file` for this user, by a process that is no more."""
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
