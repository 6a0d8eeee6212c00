"""Files that are written to a temporary file, and renamed when they are complete."""

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import BinaryIO

from kxcli.errors import OutputError, format_reason
from kxcli.signals import delay_signals
from kxcli.storage.stale_files import HOST, create_locked_file, remove_stale
from kxcli.storage.temp_files import get_temporary_folder, open_nameless

# Another machine that writes to the same folder may not see the locks of this one.
PREFIX, _SUFFIX = f".kxcli-{HOST}-", ".part"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def get_status(path: str) -> os.stat_result | None:
    """Return the status of the file at the end of links; None if it does not exist."""
    try:
        return os.stat(path)
    except FileNotFoundError:
        return None


def remove_unfinished(target: str) -> None:
    """Remove the temporary files of killed runs next to a file."""
    remove_stale(os.path.dirname(target), PREFIX, _SUFFIX)


@contextmanager
def write_temporary(target: str, blocks: Iterable[bytes]) -> Iterator[Callable[[], None]]:
    """Write blocks to a temporary file; yield the function that makes it the target."""
    old = get_status(target)
    with open_temporary(target, is_new=old is None) as (file, path):
        try:
            file.writelines(blocks)
            file.flush()
        except OSError as error:
            raise error if path is not None else _make_temporary_error(error) from None
        can_rename = path is not None and _keep_attributes(file.fileno(), target, old)
        if can_rename:
            os.fsync(file.fileno())

        def replace() -> None:
            if path is not None and can_rename:
                try:
                    os.replace(path, target)  # while it is locked: else another run may remove it as stale
                except OSError as error:
                    if old is None or error.errno in _FULL:
                        raise
                else:
                    _sync_folder(os.path.dirname(target))
                    return
            _overwrite(target, file)

        yield replace


@contextmanager
def open_temporary(target: str, *, is_new: bool) -> Iterator[tuple[BinaryIO, str | None]]:
    """Open a temporary file next to `target`, or a nameless one in TMPDIR."""
    with ExitStack() as stack:
        path: str | None = None
        with delay_signals():
            try:
                handle, path = create_locked_file(os.path.dirname(target), PREFIX, _SUFFIX)
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
