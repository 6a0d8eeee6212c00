"""Files that are locked for as long as the process that made them lives: so others can tell what was left behind."""

import errno
import fcntl
import os
import stat
import tempfile
from contextlib import suppress
from zlib import crc32

HOST = f"{crc32(os.uname().nodename.encode()):08x}"  # tells this machine's files from others', for their names

_NEW = ".new"
_WITHOUT_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


def create_locked_file(folder: str, prefix: str, suffix: str) -> tuple[int, str]:
    """Make a new file of mode 0600 and lock it; return the open file and its path.

    It never stands under its name without its lock, but where the file system has no locks: there nobody takes it
    for left behind either.  Call it, and register the file for removal, within `delay_signals`.
    """
    handle, new = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix + _NEW)
    path = new.removesuffix(_NEW)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError as error:
            if error.errno not in _WITHOUT_LOCKS:
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
    """Return whether a file was made by `create_locked_file` for this user, by a process that is no more."""
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
