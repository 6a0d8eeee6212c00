"""Outputs: stdout, an open descriptor, a special file, or a complete file."""

import errno
import fcntl
import io
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import BinaryIO

from kxcli.errors import OutputError, format_reason
from kxcli.output.complete_files import get_status, open_temporary, remove_unfinished, write_temporary
from kxcli.output.compressors import check_compressor, compress_by_suffix
from kxcli.output.descriptors import CompleteWriter, open_descriptor
from kxcli.signals import delay_signals
from kxcli.storage.paths import find_descriptor_path
from kxcli.urls import is_url

STDOUT = "<stdout>"


def write(blocks: Iterable[bytes], path: str | None, *, is_shared: bool = False, option: str = "-o") -> None:
    """Write blocks to stdout, an open descriptor, a special file, or a complete file.

    A regular file is written to a temporary file next to it, flushed to disk, and renamed, so that a failed run keeps
    the old file. The new file has the owner, group, permissions, ACL and extended attributes of the old one. If it
    cannot have these, has other names (hard links), or cannot be renamed, the old file is overwritten from the
    temporary file. A symbolic link is followed. A path of an open descriptor (/dev/stdout) is written at its current
    offset, and a special file (a FIFO, /dev/null) in place. A name that ends in .gz, .bz2, .xz or .zst compresses.

    Args:
        blocks: The content.
        path: The output; None or `-` is stdout.
        is_shared: Whether other machines write to the same folder. Stale files there are kept, because the lock of a
            file that another machine writes may be invisible here.
        option: The option that names `path`, for messages.

    Raises:
        OutputError: The output cannot be written.
        MissingExtraError: Without the library for .zst.
        BrokenPipeError: The reader of a pipe ended.
    """
    path = None if path == "-" else path
    with _report_errors(path, option):
        marked = _mark_errors(blocks)
        _write(marked if path is None else compress_by_suffix(marked, path), path, is_shared)


def write_together(files: Sequence[tuple[Iterable[bytes], str]]) -> None:
    """Write several files, and replace the old ones when all are complete.

    Args:
        files: The content and the path of each, a regular or a new file.

    Raises:
        OutputError: One of them cannot be written.
    """
    with ExitStack() as stack:
        for _, path in files:
            remove_unfinished(os.path.realpath(path))
        complete = list[tuple[str, Callable[[], None]]]()
        for blocks, path in files:
            with _report_errors(path, "-o"):
                marked = compress_by_suffix(_mark_errors(blocks), path)
                complete.append((path, stack.enter_context(write_temporary(os.path.realpath(path), marked))))
        with delay_signals():
            for path, replace in complete:
                with _report_errors(path, "-o"):
                    replace()


@contextmanager
def _report_errors(path: str | None, option: str) -> Iterator[None]:
    """Turn errors of writing an output into `OutputError`."""
    try:
        yield
    except _BlocksError as error:
        raise error.error from None
    except BrokenPipeError:
        raise
    except OSError as error:
        if path is None:
            raise OutputError(STDOUT, format_reason(error), "make room where stdout goes") from None
        raise OutputError(path, format_reason(error), f"make room, or name another file with {option}") from None


class _BlocksError(Exception):
    """An `OSError` from the iterator of the blocks, not from the output."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error)
        self.error = error


def _mark_errors(blocks: Iterable[bytes]) -> Iterator[bytes]:
    try:
        yield from blocks
    except OSError as error:
        raise _BlocksError(error) from error


def _write(blocks: Iterable[bytes], path: str | None, is_shared: bool) -> None:
    if path is None:
        _write_stdout(blocks)
        return
    special = _open_special(path)
    if special is not None:
        _write_descriptor(special, blocks, path)
        return
    target = os.path.realpath(path)
    if not is_shared:
        remove_unfinished(target)
    with write_temporary(target, blocks) as replace:
        replace()


def check_regular(path: str) -> None:
    """Raise the error of `write_together` before the work if it is certain to fail."""
    check(path)
    status = get_status(path)
    if find_descriptor_path(path) is not None or not (status is None or stat.S_ISREG(status.st_mode)):
        raise OutputError(path, "is not a regular file", "name one with -o, because others are written next to it")


def check(path: str | None, *, option: str = "-o") -> None:
    """Raise the error of `write` before the work if it is certain to fail.

    Args:
        path: The output; None or `-` is stdout.
        option: The option that names `path`, for messages.
    """
    if path is None or path == "-":
        if sys.stdout is None:
            raise OutputError(STDOUT, "is closed", f"name a file with {option}")
        return
    if is_url(path):
        shown = path.partition("://")[0] + "://..."  # the rest may contain a password
        raise OutputError(
            shown, "is a URL, and output goes to local files", f"name a file with {option}, or pipe stdout"
        )
    if not path or path.endswith("/") or os.path.isdir(path):
        raise OutputError(path, "is a folder" if path else "is an empty name", "name a file")
    check_compressor(path)
    try:
        _check(path, option)
    except OSError as error:
        raise OutputError(path, format_reason(error), f"name another file with {option}") from None


def _check(path: str, option: str) -> None:
    descriptor = find_descriptor_path(path)
    if descriptor is not None:
        handle = open_descriptor(descriptor)
        try:
            if fcntl.fcntl(handle, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
                raise OutputError(path, "is open for reading only", f"name another file with {option}")
        finally:
            os.close(handle)
        return
    status = get_status(path)
    target = os.path.realpath(path)
    if status is None and not os.path.isdir(os.path.dirname(target)):
        raise OutputError(path, "its folder does not exist", "create it first")
    if status is None or stat.S_ISREG(status.st_mode):
        if status is not None:
            # Opening changes nothing; `os.access` does not detect append-only files.
            os.close(os.open(target, os.O_WRONLY))
        with open_temporary(target, is_new=status is None):
            pass
    elif stat.S_ISSOCK(status.st_mode):
        raise OutputError(path, "is a socket", "name a file")
    elif not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _open_special(path: str) -> int | None:
    """Open a special file for writing; None for a regular or a new file."""
    descriptor = find_descriptor_path(path)
    if descriptor is not None:
        return open_descriptor(descriptor)
    status = get_status(path)
    if status is None or stat.S_ISREG(status.st_mode):
        return None
    return os.open(path, os.O_WRONLY | os.O_NOCTTY)


def _write_descriptor(descriptor: int, blocks: Iterable[bytes], name: str) -> None:
    raw = CompleteWriter(descriptor, name)
    try:
        _write_live(io.BufferedWriter(raw), blocks)
    finally:
        raw.close()  # the file flushes nothing when it is collected
        os.close(descriptor)


def _write_stdout(blocks: Iterable[bytes]) -> None:
    if sys.stdout is None:
        raise OutputError(STDOUT, "is closed", "name a file with -o")
    sys.stdout.flush()
    _write_live(sys.stdout.buffer, blocks)


def _write_live(file: BinaryIO | io.BufferedWriter, blocks: Iterable[bytes]) -> None:
    """Write blocks, each when it is made, for a reader that waits for it."""
    for block in blocks:
        file.write(block)
        file.flush()
