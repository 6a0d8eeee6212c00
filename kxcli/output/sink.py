"""Outputs: stdout, an open descriptor, a special file, or a complete file."""

import errno
import fcntl
import io
import os
import stat
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

from kxcli.errors import OutputError, format_reason
from kxcli.output.compressors import check_compressor, compress_by_suffix
from kxcli.output.descriptors import CompleteWriter, open_descriptor
from kxcli.signals import delay_signals
from kxcli.storage.paths import find_descriptor_path
from kxcli.storage.stale_files import HOST, create_locked_file, remove_stale
from kxcli.storage.temp_files import get_temporary_folder, open_nameless
from kxcli.urls import is_url

STDOUT = "<stdout>"

# Another machine that writes to the same folder may not see the locks of this one.
_PREFIX, _SUFFIX = f".kxcli-{HOST}-", ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
    try:
        marked = _mark_errors(blocks)
        _write(marked if path is None else compress_by_suffix(marked, path), path, is_shared)
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
        remove_stale(os.path.dirname(target), _PREFIX, _SUFFIX)
    _write_regular(target, blocks)


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
    status = _get_status(path)
    target = os.path.realpath(path)
    if status is None and not os.path.isdir(os.path.dirname(target)):
        raise OutputError(path, "its folder does not exist", "create it first")
    if status is None or stat.S_ISREG(status.st_mode):
        if status is not None:
            # Opening changes nothing; `os.access` does not detect append-only files.
            os.close(os.open(target, os.O_WRONLY))
        with _open_temporary(target, is_new=status is None):
            pass
    elif stat.S_ISSOCK(status.st_mode):
        raise OutputError(path, "is a socket", "name a file")
    elif not os.access(target, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


def _get_status(path: str) -> os.stat_result | None:
    """Return the status of the file at the end of links; None if it does not exist."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def _open_special(path: str) -> int | None:
    """Open a special file for writing; None for a regular or a new file."""
    descriptor = find_descriptor_path(path)
    if descriptor is not None:
        return open_descriptor(descriptor)
    status = _get_status(path)
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


def _write_regular(target: str, blocks: Iterable[bytes]) -> None:
    old = _get_status(target)
    with _open_temporary(target, is_new=old is None) as (file, path):
        try:
            file.writelines(blocks)
            file.flush()
        except OSError as error:
            raise error if path is not None else _make_temporary_error(error) from None
        if path is not None and _keep_attributes(file.fileno(), target, old):
            os.fsync(file.fileno())
            try:
                os.replace(path, target)  # while it is locked: else another run may remove it as stale
            except OSError as error:
                if old is None or error.errno in _FULL:
                    raise
            else:
                _sync_folder(os.path.dirname(target))
                return
        _overwrite(target, file)


@contextmanager
def _open_temporary(target: str, *, is_new: bool) -> Iterator[tuple[BinaryIO, str | None]]:
    """Open a temporary file next to `target`, or a nameless one in TMPDIR."""
    with ExitStack() as stack:
        path: str | None = None
        with delay_signals():
            try:
                handle, path = create_locked_file(os.path.dirname(target), _PREFIX, _SUFFIX)
            except OSError as error:
                if is_new or error.errno in _FULL:
                    raise
                try:
                    file = open_nameless(get_temporary_folder())
                except OSError as failure:
                    raise _make_temporary_error(failure) from None
            else:
                stack.callback(_remove, path)
                file = os.fdopen(handle, "w+b")
            stack.enter_context(file)
        yield file, path


def _remove(path: str) -> None:
    with delay_signals(), suppress(FileNotFoundError):  # it was renamed
        os.unlink(path)


def _make_temporary_error(error: OSError) -> OutputError:
    return OutputError(get_temporary_folder(), format_reason(error), "point TMPDIR at a folder that can be written")


def _keep_attributes(handle: int, target: str, old: os.stat_result | None) -> bool:
    """Copy the attributes of the old file, except set-id bits; return success."""
    if old is None:
        os.fchmod(handle, 0o666 & ~_get_umask())
        return True
    if old.st_nlink > 1:
        return False
    new = os.fstat(handle)
    try:
        if (new.st_uid, new.st_gid) != (old.st_uid, old.st_gid):
            os.fchown(handle, old.st_uid, old.st_gid)
        if sys.platform == "linux":
            # The system sets the name space security: labels, and capabilities similar to set-id.
            for name in os.listxattr(target):
                if not name.startswith("security."):
                    os.setxattr(handle, name, os.getxattr(target, name))
        os.fchmod(handle, stat.S_IMODE(old.st_mode) & 0o777)
    except OSError:
        return False
    return True


def _overwrite(target: str, source: BinaryIO) -> None:
    """Overwrite a file with the content of another, if the disk has room."""
    import shutil

    size = source.tell()
    source.seek(0)
    with os.fdopen(os.open(target, os.O_WRONLY), "wb") as file:
        old = os.fstat(file.fileno())
        if size > old.st_size:
            _reserve(file.fileno(), size, old.st_size)
        shutil.copyfileobj(source, file)
        file.flush()
        if size < old.st_size:
            os.ftruncate(file.fileno(), size)
        if old.st_mode & (stat.S_ISUID | stat.S_ISGID):
            with suppress(PermissionError):  # only the owner may set them
                os.fchmod(file.fileno(), stat.S_IMODE(old.st_mode) & 0o777)
        with suppress(OSError):  # files in /proc and /sys are on no disk
            os.fsync(file.fileno())


def _reserve(handle: int, size: int, old_size: int) -> None:
    """Allocate the room of a file; its content stays if there is not enough."""
    try:
        os.posix_fallocate(handle, 0, size)
    except OSError as error:
        if error.errno in _FULL:
            os.ftruncate(handle, old_size)
            raise
        # The file system cannot allocate; the copy is written anyway.


def _sync_folder(folder: str) -> None:
    """Flush a rename to disk, if the file system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _get_umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
