"""Where bytes go: stdout, or a file that appears only when it is whole."""

import os
import re
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress

from kxcli.errors import OutputError, reason
from kxcli.locking import HOST, is_left, locked_file

STDOUT = "<stdout>"

# Another machine that writes to the same folder may not see who holds a lock here.
_PREFIX, _SUFFIX = f".kxcli-{HOST}-", ".part"
_URL = re.compile(r"[a-z][a-z0-9+.:-]*://", re.IGNORECASE)


def write(blocks: Iterable[bytes], path: str | None, *, is_shared: bool = False) -> None:
    """Write to stdout, or to the file `path`; `OutputError` where that fails.

    is_shared: whether other machines write into the same folder; what a killed run left there then stays, because the
    lock of a file that another one is writing may not be seen here.

    A regular file is written beside its place and renamed when it is whole, so that a failed run leaves the old
    one; its mode is kept, and a symbolic link's target is written.  Anything else (a FIFO, `/dev/null`) is
    written straight.  A closed pipe raises `BrokenPipeError`.
    """
    if path is None:
        _to_stdout(blocks)
        return
    try:
        mode = _mode(path)
        if mode is not None and not stat.S_ISREG(mode):
            with open(path, "wb") as file:
                file.writelines(blocks)
        else:
            target = os.path.realpath(path)
            if not is_shared:
                _remove_left(os.path.dirname(target))
            _replace(target, blocks, mode)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(path, reason(error), "make room, or name another file with -o") from None


def check(path: str | None) -> None:
    """Raise `OutputError` at once where `write` could not but fail: before the work, not after it."""
    if path is None:
        if sys.stdout is None:
            raise OutputError(STDOUT, "is closed", "name a file with -o")
        return
    if _URL.match(path):
        shown = path.partition("://")[0] + "://..."  # what follows may have a password in it
        raise OutputError(shown, "is a URL, and output goes to files here", "name a file with -o, or pipe stdout on")
    try:
        mode = _mode(path)
    except OSError as error:
        raise OutputError(path, reason(error), "name another file with -o") from None
    folder = os.path.dirname(os.path.realpath(path))
    if not path or path.endswith("/") or (mode is not None and stat.S_ISDIR(mode)):
        raise OutputError(path, "is a folder, or no name at all", "name a file")
    if mode is None and not os.path.isdir(folder):
        raise OutputError(path, "its folder does not exist", "make it first")
    if (mode is None or stat.S_ISREG(mode)) and not os.access(folder, os.W_OK):
        raise OutputError(path, "its folder cannot be written", "name another file with -o")


def _mode(path: str) -> int | None:
    """Return the type and the mode of what a path leads to, None where there is nothing yet."""
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _to_stdout(blocks: Iterable[bytes]) -> None:
    try:
        sys.stdout.flush()
        for block in blocks:
            sys.stdout.buffer.write(block)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(STDOUT, reason(error), "make room where stdout goes") from None


def _replace(target: str, blocks: Iterable[bytes], mode: int | None) -> None:
    handle, beside = locked_file(os.path.dirname(target), _PREFIX, _SUFFIX)
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
            file.writelines(blocks)
            file.flush()
            os.replace(beside, target)  # while it is still locked: else another run might take it for left behind
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        raise


def _remove_left(folder: str) -> None:
    """Remove what runs of this user had begun to write there when they were killed."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith(_PREFIX) and entry.name.endswith(_SUFFIX) and is_left(entry.path):
                os.unlink(entry.path)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
