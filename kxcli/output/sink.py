"""Where bytes go: stdout, or a file that appears only when it is whole."""

import os
import stat
import sys
import tempfile
from collections.abc import Iterable

from kxcli.errors import OutputError, reason

STDOUT = "<stdout>"


def write(blocks: Iterable[bytes], path: str | None) -> None:
    """Write to stdout, or to the file `path`; `OutputError` where that fails.

    A regular file is written beside its place and renamed when it is whole, so that a failed run leaves the old
    one; its mode is kept, and a symbolic link's target is written.  Anything else (a FIFO, `/dev/null`) is
    written straight.  A closed pipe raises `BrokenPipeError`.
    """
    if path is None:
        _to_stdout(blocks)
        return
    try:
        target = os.path.realpath(path)
        mode = os.stat(target).st_mode if os.path.exists(target) else None
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(path, "is a folder", "name a file")
        if mode is not None and not stat.S_ISREG(mode):
            with open(target, "wb") as file:
                file.writelines(blocks)
        else:
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
    folder = os.path.dirname(os.path.realpath(path))
    if os.path.isdir(path):
        raise OutputError(path, "is a folder", "name a file")
    if not os.path.isdir(folder):
        raise OutputError(path, "its folder does not exist", "make it first")
    if not os.path.exists(path) and not os.access(folder, os.W_OK):
        raise OutputError(path, "its folder cannot be written", "name another file with -o")


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
    folder, name = os.path.split(target)
    handle, beside = tempfile.mkstemp(dir=folder, prefix=f".{name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            os.fchmod(file.fileno(), stat.S_IMODE(mode) if mode is not None else 0o666 & ~_umask())
            file.writelines(blocks)
        os.replace(beside, target)
    except BaseException:
        os.unlink(beside)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
