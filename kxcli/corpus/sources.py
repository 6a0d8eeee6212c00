"""Arguments -> sources: files, folders, globs, lists of files, stdin."""

import errno
import fnmatch
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from kxcli.errors import InputError, UsageError, reason

STDIN = "<stdin>"


@dataclass(frozen=True)
class Source:
    """One input: a path, or stdin; `size` in bytes where it is a regular file, else None (a pipe, a device)."""

    path: str
    size: int | None = None
    is_stdin: bool = False

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading bytes; `InputError` where that, or reading in the block, cannot be."""
        try:
            if self.is_stdin:
                yield sys.stdin.buffer
            else:
                with open(self.path, "rb", buffering=0) as file:
                    yield file
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from None
            raise InputError(self.path, reason(error), "check the name, the rights and the disk") from None


def find(
    arguments: Sequence[str],
    *,
    recursive: bool = False,
    glob: str | None = None,
    files_from: str | None = None,
    null: bool = False,
) -> list[Source]:
    """Return the sources that the arguments name, in their order; a folder's files by name.

    A file that is named twice is two sources.  A folder reached twice in one walk, by links, is read once.
    `glob` chooses among the files of walked folders, by name, or by path below the folder where it has a slash.
    Raises `InputError` for what is missing or is a folder without `recursive`.
    """
    names = list(arguments)
    if files_from is not None:
        names.extend(_listed(files_from, null))
        if files_from == "-" and "-" in names:
            raise UsageError("stdin cannot be both the list of files (--files-from -) and an input (-).")
    elif not names:
        names = ["-"]
    if names.count("-") > 1:
        raise UsageError("stdin (-) can be read only once.")
    found: list[Source] = []
    for name in names:
        if name == "-":
            found.append(_stdin())
        elif stat.S_ISDIR(_status(name).st_mode):
            if not recursive:
                raise InputError(name, "is a folder", "use -r to read the files in it")
            found.extend(_walk(name, glob))
        else:
            found.append(_file(name))
    return found


def _stdin() -> Source:
    if sys.stdin is None:
        raise InputError(STDIN, "is closed", "name a file")
    return Source(STDIN, is_stdin=True)


def _file(path: str) -> Source:
    status = _status(path)
    return Source(path, status.st_size if stat.S_ISREG(status.st_mode) else None)


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(path, what, "check the name and the rights") from None


def _listed(path: str, null: bool) -> Iterator[str]:
    """Yield the names in a list of files, a line each, or parted by NUL bytes."""
    try:
        data = sys.stdin.buffer.read() if path == "-" else _read(path)
    except OSError as error:
        raise InputError(path, reason(error), "check the name and the rights") from None
    for name in data.split(b"\0" if null else b"\n"):
        if name:
            yield os.fsdecode(name if null else name.removesuffix(b"\r"))


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _walk(folder: str, glob: str | None) -> Iterator[Source]:
    seen: set[tuple[int, int]] = set()

    def fail(error: OSError) -> None:
        raise InputError(str(error.filename), reason(error), "check the rights")

    for where, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        status = _status(where)
        if (status.st_dev, status.st_ino) in seen:  # a link back to a folder that was walked already
            folders.clear()
            continue
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        for name in _chosen(files, where, folder, glob):
            source = _file(os.path.join(where, name))
            if source.size is not None:  # pipes, sockets and devices are not the text that a folder holds
                yield source


def _chosen(files: Iterable[str], where: str, folder: str, glob: str | None) -> list[str]:
    if glob is None:
        return sorted(files)
    if "/" not in glob:
        return sorted(name for name in files if fnmatch.fnmatchcase(name, glob))
    below = os.path.relpath(where, folder)
    return sorted(name for name in files if fnmatch.fnmatchcase(os.path.normpath(os.path.join(below, name)), glob))
