"""Arguments -> sources: files, folders, globs, lists of files, stdin, URLs."""

import errno
import fnmatch
import io
import os
import re
import select
import stat
import sys
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, BinaryIO, cast

from kxcli.corpus import remote
from kxcli.corpus.lines import count_lines
from kxcli.errors import InputError, UsageError, reason

STDIN = "<stdin>"

_ENDS = 1 << 16  # bytes at either end of a file that its stamp looks at
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/\d+(/task/\d+)?/fd")
_MAX_LINKS = 40  # that lead from one to the next, as in Linux
_LEFTOVER = ".kxcli-*.part"  # output that is not finished
_MAX_FETCHED_LIST = 64 << 20  # bytes: about a million names, with all of which a run begins
_COUNTED = 64 << 20  # bytes of a remote file, at most, that are fetched to count the lines in them


@dataclass(frozen=True)
class Source:
    """One input: a path, a URL, or stdin.

    size: in bytes, where any part of it can be read: of a regular file, or of a remote one whose store knows parts;
    else None (a pipe, a device).  version: what else tells its state from another one; None: it may change before it is
    opened.  inode: the device and the inode of a regular file, if this machine found it.
    ends: the checksum of both ends of a file that may be appended to; None: it may not.
    url: what a remote one is opened by, where `path` is what may be shown of it.
    """

    path: str
    size: int | None = None
    is_stdin: bool = False
    version: str | None = None
    url: str = field(default="", repr=False)
    inode: tuple[int, int] | None = None
    ends: int | None = None

    @property
    def is_remote(self) -> bool:
        """Whether it is read by its URL."""
        return not self.is_stdin and remote.is_url(self.path)

    def allow_change(self) -> "Source":
        """Return the same input for one reading; a local one may change before that."""
        return self if self.is_remote or self.version is None else replace(self, version=None)

    def allow_append(self) -> "Source":
        """Return the same input; a local one may grow, but not change otherwise.

        Its ends are read now, because its size and time alone do not show whether it was rewritten or appended to.
        """
        if self.is_remote or self.version is None or self.size is None:
            return self
        with self.allow_change().open() as file:
            return replace(self, ends=_checksum_ends(file.fileno(), self.size))

    def make_absolute(self) -> "Source":
        """Return the same input for other machines, without device and inode."""
        is_path = not (self.is_stdin or self.is_remote)
        return replace(self, path=os.path.abspath(self.path), inode=None) if is_path else self

    def check(self) -> None:
        """Raise `InputError` if a local file has changed."""
        if self.version is not None and not self.is_remote and not self._is_as_found(_status(self.path)):
            raise remote.changed_error(self.path)

    def _is_as_found(self, status: os.stat_result) -> bool:
        if self.inode not in (None, _inode(status)):
            return False
        if (status.st_size, _version(status)) == (self.size, self.version):
            return True
        if self.ends is None or self.size is None or status.st_size <= self.size:
            return False
        with open(self.path, "rb", buffering=0) as file:
            return self.ends == _checksum_ends(file.fileno(), self.size)

    def stamp(self) -> str:
        """Return what it is known by in another run, as hex digits: of its path, size and time, and of its ends.

        Raises `UsageError` for what cannot be read again.
        """
        return self._stamp

    @cached_property
    def _stamp(self) -> str:
        if self.size is None:
            raise UsageError(f"{self.path}: a checkpoint needs inputs that can be read again and in parts; give files.")
        import hashlib

        digest = hashlib.sha256()
        path = os.fsencode(self.url or self.path)
        for value in (path, str(self.size).encode(), (self.version or "").encode("utf-8", "replace")):
            digest.update(len(value).to_bytes(8, "little") + value)
        with self.open(_ENDS) as file:
            digest.update(_exactly(file, _ENDS))
            if self.size > _ENDS:
                file.seek(max(_ENDS, self.size - _ENDS))
                digest.update(_exactly(file, _ENDS))
        return digest.hexdigest()

    def find_line(self, line: int, offset: int) -> int | None:
        """Return the number of a line that was counted from the byte `offset`; reads what lies before that.

        None: it is remote, and to fetch that costs too much.
        """
        if self.is_remote and offset > _COUNTED:
            return None
        with self.open() as file:
            return line + count_lines(file, offset)

    def find_byte(self, line: int, offset: int) -> int:
        """Return where a line begins that was counted from the byte `offset`; reads what lies between."""
        with self.open() as file:
            file.seek(offset)
            while line > 1 and (data := file.read(_ENDS)):
                *before, rest = data.split(b"\n", line - 1)
                line -= len(before)
                offset += len(data) - (len(rest) if line == 1 else 0)
            return offset

    @contextmanager
    def open(self, first: int = remote.INITIAL_FETCH) -> Iterator[BinaryIO]:
        """Open for reading bytes; `InputError` where that, or reading in the block, cannot be.

        A local file may be appended to while it is open; if it is changed otherwise, the end of the block raises
        `InputError`.
        first: bytes that are likely to be wanted in one go, which a store is asked for together.
        """
        try:
            if self.is_remote:
                planned = None if self.version is None else remote.RemoteState(self.size, self.version)
                with remote.open_url(self.url or self.path, planned, first) as file:
                    yield file
            elif self.is_stdin:
                with _watch(sys.stdin.buffer, self):
                    yield cast(BinaryIO, _WaitingInput())
            else:
                with open(self.path, "rb", buffering=0) as file, _watch(file, self):
                    yield file
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from None
            raise InputError(self.path, reason(error), "check the path, its permissions and the disk") from None


class _WaitingInput(io.RawIOBase):
    """Standard input, with a wait if it is non-blocking.

    `sys.stdin.buffer` takes it for the end of the input if there is nothing to read yet.
    """

    def __init__(self) -> None:
        self._raw: Any = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)

    def readable(self) -> bool:
        return True

    def fileno(self) -> int:
        return int(self._raw.fileno())

    def tell(self) -> int:
        return int(self._raw.tell())

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while (count := self._raw.readinto(buffer)) is None:
            select.select([self._raw], [], [])
        return int(count)


@contextmanager
def _watch(file: BinaryIO, source: Source) -> Iterator[None]:
    """Raise `InputError` after the block if a regular file changed by more than appends."""
    try:
        descriptor = file.fileno()
    except (OSError, ValueError):  # a stdin without a descriptor, in a program that calls this one
        yield
        return
    before = os.fstat(descriptor)
    if not stat.S_ISREG(before.st_mode) or not (before.st_size or source.size):  # /proc has neither sizes nor times
        yield
        return
    if source.version is not None and source.inode not in (None, _inode(before)):
        raise remote.changed_error(source.path)
    ends = _checksum_ends(descriptor, before.st_size)

    def check() -> None:
        now = os.fstat(descriptor)
        is_same = (now.st_size, now.st_mtime_ns) == (before.st_size, before.st_mtime_ns)
        has_grown = now.st_size > before.st_size
        if not is_same and not (has_grown and ends == _checksum_ends(descriptor, before.st_size)):
            raise remote.changed_error(source.path)
        if not source.is_stdin and _inode(_status(source.path)) != _inode(before):
            raise remote.changed_error(source.path)
        source.check()

    try:
        yield
    except InputError:
        check()  # what changed may look damaged
        raise
    check()


def index_by_path(sources: Iterable[Source]) -> dict[str, Source | None]:
    """Return which source is meant by a path that is shown; None: URLs that differ in what is not shown of them."""
    found = dict[str, Source | None]()
    for source in sources:
        known = found.setdefault(source.path, source)
        if known is not None and known.url != source.url:
            found[source.path] = None
    return found


@dataclass
class SkippedFiles:
    """What a walk skips, by path.

    hidden: hidden and backup files.  unfinished: outputs.  written: what this run writes.
    """

    hidden: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)  # each with the reason


@dataclass(frozen=True)
class FileFilter:
    """How folders are walked.

    glob: patterns of the files to read, by name, or by path below the folder if the pattern has a slash; a file is read
    if any of them matches, or if there is none.
    hidden: whether to read hidden and backup files and folders, too.
    written: files and folders that this run writes, by device and inode; they are never read.
    """

    glob: Sequence[str] = ()
    hidden: bool = False
    written: frozenset[tuple[int, int]] = frozenset()

    def selects(self, below: str, name: str) -> bool:
        """Return whether to read a file by its path below the folder, and by its name."""
        return not self.glob or any(fnmatch.fnmatchcase(below if "/" in one else name, one) for one in self.glob)

    def check(self, path: str, names: Iterable[str], skips: SkippedFiles) -> bool:
        """Return whether to read what is at a path, by names in it; if one is hidden, add the path to `skips`."""
        for name in names:
            if fnmatch.fnmatchcase(name, _LEFTOVER):
                skips.unfinished.append(path)
                return False
            is_backup = name.endswith("~") or (len(name) > 1 and name.startswith("#") and name.endswith("#"))
            if not self.hidden and (name.startswith(".") or is_backup):
                skips.hidden.append(path)
                return False
        return True

    def check_file(self, path: str, below: str, skips: SkippedFiles) -> bool:
        """Return whether to read a file by its path below the folder; a hidden one that matches is added to `skips`."""
        names = below.split("/")
        return self.selects(below, names[-1]) and self.check(path, names, skips)


def resolve_sources(
    arguments: Sequence[str],
    *,
    recursive: bool = False,
    file_filter: FileFilter | None = None,
    files_from: Sequence[str] = (),
    null: bool = False,
    skips: SkippedFiles | None = None,
) -> list[Source]:
    """Return the sources that the arguments name, in their order; a folder's files by name.

    A file that is named twice is two sources.  A folder reached twice in one walk, by links, is read once.
    What cannot be read in a walked folder is added to `skips`.
    Raises `InputError` for what is missing or is a folder without `recursive`; a URL is asked for what it leads to.
    """
    names = list(arguments)
    for list_name in files_from:
        names.extend(_read_list(list_name, null))
    if "-" in files_from and "-" in names:
        raise UsageError("stdin cannot be both the list of files (--files-from -) and an input (-).")
    if not files_from and not names:
        names = ["-"]
    if names.count("-") > 1 or files_from.count("-") > 1:
        raise UsageError("stdin (-) can be read only once.")
    file_filter, skips = file_filter or FileFilter(), skips or SkippedFiles()
    found: list[Source] = []
    for name in names:
        if name == "-":
            found.append(_stdin())
        elif remote.is_url(name):
            found.extend(_remote(name, recursive, file_filter, skips))
        elif stat.S_ISDIR(_status(name).st_mode):
            _refuse_folder(name, recursive)
            found.extend(_walk(name, file_filter, skips))
        else:
            found.append(find_local(name))
    return found


def find_local(path: str) -> Source:
    """Return the local file at a path, even one that is named `-`, as it is now."""
    return _file(path, _status(path))


def list_inodes(paths: Iterable[str | int]) -> frozenset[tuple[int, int]]:
    """Return the devices and inodes of existing files, by path or descriptor."""
    found = set()
    for path in paths:
        with suppress(OSError, ValueError):
            found.add(_inode(os.stat(path)))
    return frozenset(found)


def _stdin() -> Source:
    if sys.stdin is None:
        raise InputError(STDIN, "is closed", "name a file")
    return Source(STDIN, is_stdin=True)


def _file(path: str, status: os.stat_result) -> Source:
    if not stat.S_ISREG(status.st_mode) or _is_descriptor(path):
        return Source(path)
    return Source(path, status.st_size, version=_version(status), inode=_inode(status))


def _is_descriptor(path: str) -> bool:
    """Return whether a path leads to an open file of this process (/dev/fd/3)."""
    for _ in range(_MAX_LINKS):
        if not os.path.islink(path):
            return False
        folder = os.path.realpath(os.path.dirname(path))
        if _DESCRIPTORS.fullmatch(folder):
            return True
        path = os.path.join(folder, os.readlink(path))
    return False


def _remote(url: str, recursive: bool, file_filter: FileFilter, skips: SkippedFiles) -> Iterator[Source]:
    resolve_url = remote.resolve_url(url)
    state = remote.with_retries(url, resolve_url.state)
    if state is not None:
        yield _at(url, state)
        return
    _refuse_folder(url, recursive)
    for path, below, state in remote.with_retries(url, lambda: list(resolve_url.walk())):
        if file_filter.check_file(remote.display_name(path), below, skips):
            yield _at(path, state)


def _at(url: str, state: remote.RemoteState) -> Source:
    return Source(remote.display_name(url), state.size, version=state.version, url=url)


def _refuse_folder(name: str, recursive: bool) -> None:
    if not recursive:
        raise InputError(remote.display_name(name), "is a folder", "use -r to read the files in it")


def _version(status: os.stat_result) -> str:
    return str(status.st_mtime_ns)


def _inode(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        what = reason(error) if isinstance(error, OSError) else str(error)
        raise InputError(path, what, "check the path and its permissions") from None


def _read_list(path: str, null: bool) -> Iterator[str]:
    """Yield the names in a list of files, a line each, or separated by NUL bytes."""
    if path == "-":
        _stdin()
    try:
        data = _WaitingInput().readall() if path == "-" else _read(path)
    except OSError as error:
        raise InputError(path, reason(error), "check the path and its permissions") from None
    for number, line in enumerate(data.split(b"\0" if null else b"\n"), 1):
        if b"\0" in line:
            what, hint = "contains a NUL byte", "give a list in plain text; for NUL-separated names use -0"
            raise InputError(STDIN if path == "-" else remote.display_name(path), what, hint, number)
        if line:
            name = os.fsdecode(line if null else line.removesuffix(b"\r"))
            remote.check_listed(name, path)
            yield name


def _read(path: str) -> bytes:
    if remote.is_url(path):
        with Source(path).open() as file:
            data = _exactly(file, _MAX_FETCHED_LIST + 1)
        if len(data) > _MAX_FETCHED_LIST:
            what = f"is a list of more than {_MAX_FETCHED_LIST >> 20} MiB"
            raise InputError(remote.display_name(path), what, "fetch it, then give the local copy")
        return data
    with open(path, "rb") as file:
        return file.read()


def _exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, fewer at the end."""
    data = bytearray()
    while len(data) < size and (more := file.read(min(size - len(data), remote.INITIAL_FETCH))):
        data += more
    return bytes(data)


def _checksum_ends(descriptor: int, size: int) -> int:
    """Return a checksum of both ends of the first `size` bytes of a file."""
    checksum = zlib.crc32(os.pread(descriptor, min(_ENDS, size), 0))
    if size <= _ENDS:
        return checksum
    start = max(_ENDS, size - _ENDS)
    return zlib.crc32(os.pread(descriptor, size - start, start), checksum)


def _walk(folder: str, file_filter: FileFilter, skips: SkippedFiles) -> Iterator[Source]:
    seen: set[tuple[int, int]] = set()

    def fail(error: OSError) -> None:
        if error.filename == folder:
            raise InputError(folder, reason(error), "check its permissions")
        skips.unreadable.append(f"{error.filename} ({reason(error)})")

    for where, folders, files in os.walk(folder, onerror=fail, followlinks=True):
        try:
            inode = _inode(os.stat(where))
        except OSError as error:
            skips.unreadable.append(f"{where} ({reason(error)})")
            folders.clear()
            continue
        if inode in file_filter.written:
            skips.written.append(where)
        if inode in seen or inode in file_filter.written:  # seen: a link back to a folder that was walked already
            folders.clear()
            continue
        seen.add(inode)
        below = os.path.relpath(where, folder)
        folders[:] = [name for name in sorted(folders) if file_filter.check(os.path.join(where, name), [name], skips)]
        for name in sorted(files):
            path = os.path.join(where, name)
            if not file_filter.check_file(path, os.path.normpath(os.path.join(below, name)), skips):
                continue
            if (source := _find_file(path, file_filter, skips)) is not None:
                yield source


def _find_file(path: str, file_filter: FileFilter, skips: SkippedFiles) -> Source | None:
    """Return a file of a walked folder, None to skip it."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode):
            return None  # pipes, sockets and devices are not the text that a folder holds
        if not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        skips.unreadable.append(f"{path} ({reason(error)})")
        return None
    if _inode(status) in file_filter.written:
        skips.written.append(path)
        return None
    source = _file(path, status)
    return None if source.size is None else source
