"""Private files of the program, safe from other users."""

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

from kxcli.signals import delay_signals

_OPEN = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK  # follows no link, waits for no FIFO
_BY_OTHERS = 0o022  # write permission of the group and of all others


class UnsafeError(Exception):
    """A folder or a file with write access for other users.

    Args:
        what: The cause.
        fix: A command that helps, or "".
    """

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what, fix)
        self.what, self.fix = what, fix

    def __str__(self) -> str:
        return self.what

    def hint(self, other: str) -> str:
        """Return the fix, if there is one, or another advice."""
        return f"run `{self.fix}`, or {other}" if self.fix else other


def get_cache_folder(name: str) -> str:
    """Return the path of a folder of this user for files that can be made again."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(home if os.path.isabs(home) else os.path.expanduser("~/.cache"), "kxcli", name)


def make_private_folder(path: str) -> None:
    """Create a folder for this user, if it is missing, and check who can write to it.

    A symbolic link to a folder is followed if this user or root made it.

    Raises:
        UnsafeError: If other users can write to it.
        OSError: If it cannot be created.
    """
    path = path.rstrip("/") or path  # "link/" is the folder, "link" the link
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        os.makedirs(path, mode=0o700, exist_ok=True)
        status = os.lstat(path)
    if stat.S_ISLNK(status.st_mode):
        if status.st_uid not in (0, os.geteuid()):
            raise UnsafeError("is a symbolic link of another user")
        status = os.stat(path)
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafeError("is not a folder")
    if status.st_uid != os.geteuid():
        raise UnsafeError("belongs to another user")
    if status.st_mode & _BY_OTHERS:
        is_shared = status.st_mode & stat.S_ISVTX  # like /tmp, which must stay writable
        raise UnsafeError("other users can write to it", "" if is_shared else _format_chmod(path))


def open_private(path: str, flags: int = 0) -> int:
    """Open a file of a private folder for reading; return its descriptor.

    Args:
        path: The file.
        flags: More flags of `os.open`.

    Raises:
        UnsafeError: If it is not a regular file, has a second name, or other users can write to it.
        OSError: If it cannot be opened.
    """
    try:
        handle = os.open(path, _OPEN | flags, 0o600)
    except OSError:
        with suppress(OSError):
            mode = os.lstat(path).st_mode
            if not stat.S_ISREG(mode):  # a link, a socket or a folder
                raise UnsafeError(_describe_kind(mode)) from None
        raise
    try:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            raise UnsafeError(_describe_kind(status.st_mode))
        if status.st_uid != os.geteuid():
            raise UnsafeError("belongs to another user")
        if status.st_mode & _BY_OTHERS:
            raise UnsafeError("other users can write to it", _format_chmod(path))
        if status.st_nlink > 1:
            raise UnsafeError("is a hard link of another file")
    except BaseException:
        os.close(handle)
        raise
    return handle


@contextmanager
def create_file(folder: str, suffix: str, prefix: str = "tmp") -> Iterator[tuple[BinaryIO, str]]:
    """Create a file of mode 0600; yield it with its path.

    It is removed at the end of the block, unless the block renames it.
    """
    import tempfile

    with ExitStack() as stack:
        with delay_signals():
            handle, path = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=suffix)
            stack.callback(_remove, path)
            file = stack.enter_context(os.fdopen(handle, "wb"))
        yield file, path


def _remove(path: str) -> None:
    with delay_signals(), suppress(OSError):
        os.unlink(path)


def _describe_kind(mode: int) -> str:
    return "is a symbolic link" if stat.S_ISLNK(mode) else "is not a regular file"


def _format_chmod(path: str) -> str:
    import shlex

    return f"chmod go-w {shlex.quote(path)}"
