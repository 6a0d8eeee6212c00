"""Arguments -> sources: files, folders, globs, lists of files, stdin, URLs."""

import errno
import fnmatch
import os
import stat
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import BinaryIO

from kxcli.corpus import remote
from kxcli.corpus.lines import count_lines
from kxcli.errors import InputError, UsageError, reason

STDIN = "<stdin>"

_ENDS = 1 << 16  # bytes at either end of a file that its stamp looks at
_COUNTED = 64 << 20  # bytes of a remote file, at most, that are fetched to count the lines in them


@dataclass(frozen=True)
class Source:
    """One input: a path, a URL, or stdin.

    size: in bytes, where any part of it can be read: of a regular file, or of a remote one whose store knows parts;
    else None (a pipe, a device).  version: what else tells its state from another one; None: it may change.
    url: what a remote one is opened by, where `path` is what may be shown of it.
    """

    path: str
    size: int | None = None
    is_stdin: bool = False
    version: str | None = None
    url: str = field(default="", repr=False)

    @property
    def is_remote(self) -> bool:
        """Whether it is read by its URL."""
        return not self.is_stdin and remote.is_url(self.path)

    def may_change(self) -> "Source":
        """Return the same input, a local one without a look at whether it changes."""
        return self if self.is_remote or self.version is None else replace(self, version=None)

    def absolute(self) -> "Source":
        """Return the same input under a path that means the same in any folder."""
        is_path = not (self.is_stdin or self.is_remote)
        return replace(self, path=os.path.abspath(self.path)) if is_path else self

    def check(self) -> None:
        """Raise `InputError` where a local file is not what it was; a remote one tells with what is read of it."""
        if self.version is None or self.is_remote:
            return
        status = _status(self.path)
        if (status.st_size, _version(status)) != (self.size, self.version):
            raise remote.changed(self.path)

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
        self.check()
        return digest.hexdigest()

    def line_of(self, line: int, offset: int) -> int | None:
        """Return the number of a line that was counted from the byte `offset`; reads what lies before that.

        None: it is remote, and to fetch that costs too much.
        """
        if self.is_remote and offset > _COUNTED:
            return None
        with self.open() as file:
            return line + count_lines(file, offset)

    def byte_of(self, line: int, offset: int) -> int:
        """Return where a line begins that was counted from the byte `offset`; reads what lies between."""
        with self.open() as file:
            file.seek(offset)
            while line > 1 and (data := file.read(_ENDS)):
                *before, rest = data.split(b"\n", line - 1)
                line -= len(before)
                offset += len(data) - (len(rest) if line == 1 else 0)
            return offset

    @contextmanager
    def open(self, first: int = remote.FIRST) -> Iterator[BinaryIO]:
        """Open for reading bytes; `InputError` where that, or reading in the block, cannot be.

        first: bytes that are likely to be wanted in one go, which a store is asked for together.
        """
        try:
            if self.is_stdin:
                yield sys.stdin.buffer
            elif self.is_remote:
                planned = None if self.version is None else remote.State(self.size, self.version)
                with remote.opened(self.url or self.path, planned, first) as file:
                    yield file
            else:
                with open(self.path, "rb", buffering=0) as file:
                    yield file
        except InputError:
            self.check()  # what changed may look damaged
            raise
        except OSError as error:
            if error.errno == errno.ENOMEM:
                raise MemoryError from None
            raise InputError(self.path, reason(error), "check the name, the rights and the disk") from None


def by_path(sources: Iterable[Source]) -> dict[str, Source | None]:
    """Return which source is meant by a path that is shown; None: URLs that differ in what is not shown of them."""
    found = dict[str, Source | None]()
    for source in sources:
        known = found.setdefault(source.path, source)
        if known is not None and known.url != source.url:
            found[source.path] = None
    return found


def find(
    arguments: Sequence[str],
    *,
    recursive: bool = False,
    glob: Sequence[str] = (),
    files_from: Sequence[str] = (),
    null: bool = False,
) -> list[Source]:
    """Return the sources that the arguments name, in their order; a folder's files by name.

    A file that is named twice is two sources.  A folder reached twice in one walk, by links, is read once.
    The patterns of `glob` select among the files of walked folders, by name, or by path below the folder if the pattern
    has a slash; a file is read if any of them matches.
    Raises `InputError` for what is missing or is a folder without `recursive`; a URL is asked for what it leads to.
    """
    names = list(arguments)
    for list_name in files_from:
        names.extend(_listed(list_name, null))
    if "-" in files_from and "-" in names:
        raise UsageError("stdin cannot be both the list of files (--files-from -) and an input (-).")
    if not files_from and not names:
        names = ["-"]
    if names.count("-") > 1 or files_from.count("-") > 1:
        raise UsageError("stdin (-) can be read only once.")
    found: list[Source] = []
    for name in names:
        if name == "-":
            found.append(_stdin())
        elif remote.is_url(name):
            found.extend(_remote(name, recursive, glob))
        elif stat.S_ISDIR(_status(name).st_mode):
            _refuse_folder(name, recursive)
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
    return Source(path, status.st_size, version=_version(status)) if stat.S_ISREG(status.st_mode) else Source(path)


def _remote(url: str, recursive: bool, glob: Sequence[str]) -> Iterator[Source]:
    store = remote.store(url)
    state = remote.insisted(url, store.state)
    if state is not None:
        yield _at(url, state)
        return
    _refuse_folder(url, recursive)
    for path, below, state in remote.insisted(url, lambda: list(store.walk())):
        if _is_chosen(below, glob):
            yield _at(path, state)


def _at(url: str, state: remote.State) -> Source:
    return Source(remote.shown(url), state.size, version=state.version, url=url)


def _refuse_folder(name: str, recursive: bool) -> None:
    if not recursive:
        raise InputError(remote.shown(name), "is a folder", "use -r to read the files in it")


def _version(status: os.stat_result) -> str:
    return str(status.st_mtime_ns)


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
    if remote.is_url(path):
        with Source(path).open() as file:
            return b"".join(iter(lambda: file.read(remote.FIRST), b""))
    with open(path, "rb") as file:
        return file.read()


def _exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, fewer at the end."""
    data = b""
    while len(data) < size and (more := file.read(size - len(data))):
        data += more
    return data


def _walk(folder: str, glob: Sequence[str]) -> Iterator[Source]:
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


def _chosen(files: Iterable[str], where: str, folder: str, glob: Sequence[str]) -> list[str]:
    below = os.path.relpath(where, folder)
    return sorted(name for name in files if _is_chosen(os.path.normpath(os.path.join(below, name)), glob))


def _is_chosen(below: str, glob: Sequence[str]) -> bool:
    """Return whether a file of a walked folder, whose path below it is given, is chosen."""
    name = below.rpartition("/")[2]
    return not glob or any(fnmatch.fnmatchcase(below if "/" in one else name, one) for one in glob)
