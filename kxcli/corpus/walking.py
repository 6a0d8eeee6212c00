"""The files of a folder: filtered by pattern, hidden ones and outputs skipped."""

import errno
import fnmatch
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from kxcli.corpus.sources import Source, make_local_source
from kxcli.errors import InputError, format_reason
from kxcli.storage.paths import FileId, get_file_id
from kxcli.urls import get_display_name

if TYPE_CHECKING:
    from kxcli.corpus.remote.base import RemoteFile, RemoteState

_UNFINISHED = ".kxcli-*.part"  # output that is not finished


class SkippedFiles:
    """The skipped files of a walk, by path.

    Attributes:
        hidden: Hidden and backup files.
        unfinished: Outputs that are not finished.
        written: Files that this run writes.
        unreadable: Files that cannot be read, each with the reason.
    """

    def __init__(self) -> None:
        self.hidden: list[str] = []
        self.unfinished: list[str] = []
        self.written: list[str] = []
        self.unreadable: list[str] = []


class FileFilter(NamedTuple):
    """Which files of folders to read.

    Attributes:
        glob: Patterns of the files to read, by name, or by path below the folder if the pattern has a slash. A file is
            read if any of them matches, or if there is none.
        hidden: Whether to read hidden and backup files and folders, too.
        written: Files and folders that this run writes, which are never read.
    """

    glob: Sequence[str] = ()
    hidden: bool = False
    written: frozenset[FileId] = frozenset()

    def check_file(self, path: str, below: str, skips: SkippedFiles) -> bool:
        """Return whether to read a file by its path below the folder.

        A hidden one that matches the patterns is added to `skips`.
        """
        names = below.split("/")
        if self.glob and not any(fnmatch.fnmatchcase(below if "/" in glob else names[-1], glob) for glob in self.glob):
            return False
        return self.check_names(path, names, skips)

    def check_names(self, path: str, names: Iterable[str], skips: SkippedFiles) -> bool:
        """Return whether to read a path by the names in it; add a hidden one to `skips`."""
        for name in names:
            if fnmatch.fnmatchcase(name, _UNFINISHED):
                skips.unfinished.append(path)
                return False
            is_backup = name.endswith("~") or (len(name) > 1 and name.startswith("#") and name.endswith("#"))
            if not self.hidden and (name.startswith(".") or is_backup):
                skips.hidden.append(path)
                return False
        return True


def walk_folder(folder: str, file_filter: FileFilter, skips: SkippedFiles) -> Iterator[Source]:
    """Yield the files of a local folder by name.

    A folder that links lead to twice is read once.
    """
    seen: set[FileId] = set()

    def fail(error: OSError) -> None:
        if error.filename == folder:
            raise InputError(folder, format_reason(error), "check its permissions")
        skips.unreadable.append(f"{error.filename} ({format_reason(error)})")

    for where, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        try:
            inode = get_file_id(os.stat(where))
        except OSError as error:
            skips.unreadable.append(f"{where} ({format_reason(error)})")
            folders.clear()
            continue
        if inode in file_filter.written:
            skips.written.append(where)
        if inode in seen or inode in file_filter.written:
            folders.clear()
            continue
        seen.add(inode)
        below = os.path.relpath(where, folder)
        folders[:] = [
            name for name in sorted(folders) if file_filter.check_names(os.path.join(where, name), [name], skips)
        ]
        for name in sorted(files):
            path = os.path.join(where, name)
            if not file_filter.check_file(path, os.path.normpath(os.path.join(below, name)), skips):
                continue
            if (source := _find_file(path, file_filter, skips)) is not None:
                yield source


def walk_url(folder: "RemoteFile", file_filter: FileFilter, skips: SkippedFiles) -> Iterator[Source]:
    """Yield the files of a remote folder in the order of `walk_folder`."""
    from kxcli.corpus.remote.retries import with_retries

    for url, below, state in with_retries(folder.url, lambda: list(folder.walk())):
        if file_filter.check_file(get_display_name(url), below, skips):
            yield make_remote_source(url, state)


def make_remote_source(url: str, state: "RemoteState") -> Source:
    """Return the remote file of a URL."""
    return Source(get_display_name(url), state.size, version=state.version, url=url)


def _find_file(path: str, file_filter: FileFilter, skips: SkippedFiles) -> Source | None:
    """Return a file of a walked folder, or None to skip it."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None  # pipes, sockets and devices are not the text that a folder holds
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        skips.unreadable.append(f"{path} ({format_reason(error)})")
        return None
    if get_file_id(status) in file_filter.written:
        skips.written.append(path)
        return None
    source = make_local_source(path, status)
    return None if source.size is None else source
