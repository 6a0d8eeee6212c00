"""Input that is named by a URL: which library reads it, read in parts where it can be, and once more where it breaks.

A store is asked for parts that are large enough, one after the other, so that a shard costs about one request.
"""

import io
import re
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import BinaryIO, Protocol, TypeVar, cast
from urllib.parse import unquote

from kxcli.errors import InputError
from kxcli.redaction import redact_text, redact_url
from kxcli.wording import format_count

T = TypeVar("T")

INITIAL_FETCH = 1 << 16  # bytes that are asked for first where nothing else is known: enough to see what it is
RANGE_OVERLAP = 1 << 14  # bytes after a range in which its last line is likely to end
BACKOFF_SECONDS = (0.2, 0.6, 1.8, 5.4)  # seconds before another try, each three times the last: 8 s in all

_MIN_PROGRESS = 1 << 12  # bytes of a part that an answer has to bring; with fewer it is a try in vain
_SECOND_FETCH, _MAX_FETCH = (
    1 << 18,
    1 << 22,
)  # bytes of the part that follows, and of the largest, which is in memory twice
_URL = re.compile(r"[a-z][a-z0-9+.-]*(::[a-z0-9+.:-]+)?://", re.IGNORECASE)
_WEB = re.compile(r"https?://", re.IGNORECASE)
_LISTABLE = frozenset({"http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "webhdfs", "oss"})
_USER = re.compile(r"(?<=:)//+([^/?#]+)@")

CHANGED = "changed while it was read"
WHEN_CHANGED = "run again when nobody writes to it"


@dataclass(frozen=True)
class RemoteState:
    """What a store tells of a file.

    size: in bytes; None where it comes from its start alone.  version: what tells it from what it was, maybe nothing.
    """

    size: int | None
    version: str


class RemoteStream(Protocol):
    """Bytes as they come."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end; raises `TransientError`."""
        ...

    def close(self) -> None:
        """Give up the connection."""
        ...


class RemoteFile(Protocol):
    """One file somewhere else, or a folder.

    All methods raise `TransientError` where another try may help, and `InputError` where none does.
    """

    url: str

    def state(self) -> RemoteState | None:
        """Return what the file is like now; None: it is a folder."""
        ...

    def fetch(self, start: int, stop: int, planned: RemoteState) -> bytes:
        """Return the bytes `start <= position < stop`; `InputError` where the file is not as it was planned."""
        ...

    def stream(self, planned: RemoteState) -> RemoteStream:
        """Open it to be read in order."""
        ...

    def walk(self) -> Iterator[tuple[str, str, RemoteState]]:
        """Yield the URL of each file in a folder, its path below that, and its state."""
        ...


class TransientError(Exception):
    """A try that failed and may be repeated; `received` is what had come before that."""

    def __init__(self, what: str, received: bytes = b"") -> None:
        super().__init__(what)
        self.what, self.received = what, received


def is_url(path: str) -> bool:
    """Whether an argument names no local file: it begins with `scheme://`."""
    return _URL.match(path) is not None


def strip_query(path: str) -> str:
    """Return the path without what a URL has after its name: a query, which may be a signature, or a fragment."""
    return re.split(r"[?#]", path, maxsplit=1)[0] if _WEB.match(path) else path


def display_name(path: str) -> str:
    """Return an argument for messages: a URL without its secrets."""
    return redact_url(path) if is_url(path) else path


def remote_error(url: str, what: str, hint: str) -> InputError:
    """Return the error for what a URL leads to; `what` may be the words of a library, which quote from the URL."""
    what = what.replace(url, display_name(url))
    for user in _USER.findall(url):
        for secret in (user, unquote(user), *unquote(user).partition(":")[::2]):
            if secret:
                what = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", what)
    return InputError(display_name(url), redact_text(" ".join(what.split())), hint)


def check_listed(name: str, list_name: str) -> None:
    """Raise `InputError` for a forbidden name in a list of files.

    A list that comes from elsewhere may name pages and objects alone, no local files.  No list may name what fsspec
    makes of other files or URLs (reference::, filecache::, zip::), or what runs code or reads local files by a URL.
    """
    if is_url(name):
        scheme = name.partition("://")[0].lower()
        if scheme in _LISTABLE and (_WEB.match(name) or "::" not in name):
            return
        what = f"names {display_name(name)!r}, and a list may have URLs of {', '.join(sorted(_LISTABLE))} alone"
        raise InputError(display_name(list_name), what, "name it on the command line")
    if is_url(list_name):
        what = f"names {name!r}, and a list from a URL may name URLs alone"
        raise InputError(display_name(list_name), what, "fetch and check the list, then give the local copy")


def resolve_url(url: str) -> RemoteFile:
    """Return where a URL leads; the libraries for it are imported now."""
    if "reference" in re.split("::|://", url.lower())[:-1]:
        raise remote_error(
            url, "reference:: is not read: what it refers to decides which files are read", "name the files"
        )
    if _WEB.match(url):
        from kxcli.corpus.web import HttpFile

        return HttpFile(url)
    from kxcli.corpus.stores import FsspecFile

    return FsspecFile(url)


def open_url(url: str, planned: RemoteState | None, first: int) -> BinaryIO:
    """Open a file by its URL.

    planned: what it has to be like still; None: as it is now.  first: bytes that are likely to be wanted first.
    Its `read` may return fewer bytes than asked for, none only at the end.
    """
    where = resolve_url(url)
    if planned is None:
        planned = with_retries(url, where.state)
    if planned is None:
        raise remote_error(url, "is a folder", "name a file")
    return cast(
        BinaryIO, _SequentialReader(where, planned) if planned.size is None else _RangedReader(where, planned, first)
    )


def with_retries(url: str, attempt: Callable[[], T]) -> T:
    """Return what an attempt does, which is repeated a few times where it breaks."""
    for pause in BACKOFF_SECONDS:
        try:
            return attempt()
        except TransientError:
            time.sleep(pause)
    try:
        return attempt()
    except TransientError as broken:
        raise _give_up(url, broken.what) from None


def _give_up(url: str, what: str) -> InputError:
    return remote_error(
        url, f"{what} ({len(BACKOFF_SECONDS) + 1} tries)", "check the network and the server, and run again"
    )


def changed_error(path: str) -> InputError:
    """Return the error for a file that is not what it was."""
    return InputError(display_name(path), CHANGED, WHEN_CHANGED)


class _RangedReader(io.RawIOBase):
    """A file of known size, of which any part can be asked for; one part is in memory."""

    def __init__(self, where: RemoteFile, planned: RemoteState, first: int) -> None:
        self._where, self._planned, self._size = where, planned, planned.size or 0
        self._ahead, self._next = first, _SECOND_FETCH
        self._at = self._start = 0
        self._part = b""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("only from the start")
        self._at = offset
        return offset

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        if self._at >= self._size or not len(buffer):
            return 0
        if not self._start <= self._at < self._start + len(self._part):
            self._part = b""  # two parts in memory would be one too many
            self._part = self._fetch(self._at, min(self._at + self._step(), self._size))
            self._start = self._at
        begin = self._at - self._start
        data = memoryview(self._part)[begin : begin + len(buffer)]
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _step(self) -> int:
        """Return how much to ask for: what is left of what is likely to be wanted, then more and more."""
        if self._ahead > 0:
            step = min(self._ahead, _MAX_FETCH)
            self._ahead -= step
        else:
            step, self._next = self._next, min(2 * self._next, _MAX_FETCH)
        return step

    def _fetch(self, start: int, stop: int) -> bytes:
        """Return a part; after a break, only what had not come is asked for again."""
        parts = list[bytes]()
        n_vain = 0
        while start < stop:
            try:
                part, what = (
                    self._where.fetch(start, stop, self._planned),
                    f"the server sends fewer than {_MIN_PROGRESS:,} bytes per response",
                )
            except TransientError as broken:
                part, what = broken.received, broken.what
            parts.append(part)
            start += len(part)
            if len(part) >= _MIN_PROGRESS:
                n_vain = 0
            elif start < stop:
                if n_vain == len(BACKOFF_SECONDS):
                    raise _give_up(self._where.url, what)
                time.sleep(BACKOFF_SECONDS[n_vain])
                n_vain += 1
        return parts[0] if len(parts) == 1 else b"".join(parts)


class _SequentialReader(io.RawIOBase):
    """A file that comes from its start alone: it is begun again only while nothing of it has been handed on."""

    def __init__(self, where: RemoteFile, planned: RemoteState) -> None:
        self._where, self._planned = where, planned
        self._part: RemoteStream | None = None
        self._at = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        try:
            data = (
                self._read(len(buffer)) if self._at else with_retries(self._where.url, lambda: self._read(len(buffer)))
            )
        except TransientError as broken:
            hint = "the server cannot go on from the middle, so run again, or fetch the file first"
            raise remote_error(
                self._where.url, f"{broken.what} after {format_count(self._at, 'bytes')}", hint
            ) from None
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def tell(self) -> int:
        return self._at

    def close(self) -> None:
        self._drop()
        super().close()

    def _read(self, size: int) -> bytes:
        if self._part is None:
            self._part = self._where.stream(self._planned)
        try:
            return self._part.read(size)
        except TransientError:
            self._drop()
            raise

    def _drop(self) -> None:
        if self._part is not None:
            with closing(self._part):
                self._part = None
