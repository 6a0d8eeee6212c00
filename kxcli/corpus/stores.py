"""Input in stores that fsspec knows: S3, Google Cloud Storage, HDFS and more."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from kxcli.corpus.remote import RemoteState, RemoteStream, TransientError, changed_error, remote_error
from kxcli.errors import KxcliError, MissingExtraError

T = TypeVar("T")

# What stores tell of a file that another one in its place would not have: the first of these that there is, because
# times come in seconds from one request and in milliseconds from another.
_VERSIONS = (
    *("generation", "ETag", "etag", "md5Hash", "sha", "CRC", "mtime", "LastModified", "last_modified", "modified"),
    *("modificationTime", "modify", "updated"),
)
_BY_EXTRA = frozenset({"s3", "s3a"})
_FINAL = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, ValueError, TypeError)
_ENDING = re.compile(r"(?<![:/])/+$")  # slashes at the end of a folder's URL, not those of its scheme
_FINAL_NAMES = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "ParamValidationError"})


class FsspecFile:
    """A file or a folder in a store; its library keeps the connections, one set for each process."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._path = _open_file_system(url)

    def state(self) -> RemoteState | None:
        """Return what a file is like now, None for a folder."""
        about = self._call(lambda: self._fs.info(self._path))
        return None if about.get("type") == "directory" else _state(about)

    def fetch(self, start: int, stop: int, planned: RemoteState) -> bytes:
        """Return a part.  That the file is what it was afterwards shows that it was so before."""
        data: bytes = self._call(lambda: self._fs.cat_file(self._path, start=start, end=stop))
        if self.state() != planned:
            raise changed_error(self.url)
        if len(data) < stop - start:
            raise TransientError("the store sent less than was asked for", data)
        return data

    def stream(self, planned: RemoteState) -> RemoteStream:
        """Open a file whose size nobody knows."""
        return FsspecStream(self, self._call(lambda: self._fs.open(self._path, "rb")))

    def walk(self) -> Iterator[tuple[str, str, RemoteState]]:
        """Yield the files of a folder, those that lie in it before those in folders in it, by name."""
        found = self._call(lambda: self._fs.find(self._path, detail=True))
        prefix = self._path.rstrip("/") + "/" if self._path else ""
        below = {path.removeprefix(prefix): (path, about) for path, about in found.items() if not path.endswith("/")}
        for name in sorted(below, key=_place):
            path, about = below[name]
            yield self._url_of(path, name), name, _state(about)

    def _url_of(self, path: str, name: str) -> str:
        """Return the URL of a found file: the folder's and its name below that, with the same host, user and query."""
        archive, link, rest = self.url.partition("::")
        if link and "[" not in archive:  # an archive in another store, and no address of IPv6
            return str(self._fs.unstrip_protocol(path)) + link + rest
        folder, mark, query = (self.url, "", "") if "?" in self._path else self.url.partition("?")
        folder = _ENDING.sub("", folder)
        return folder + ("" if folder.endswith("/") else "/") + name + mark + query

    def _call(self, work: Callable[[], T]) -> T:
        """Do some work of the library; every store has exceptions of its own, which only their names tell apart."""
        try:
            return work()
        except (KxcliError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001
            what = _plain(error)
            if isinstance(error, _FINAL) or type(error).__name__ in _FINAL_NAMES:
                hint = "check the name, the rights and the credentials"
                raise remote_error(self.url, what, hint) from None
            raise TransientError(what) from None


class FsspecStream:
    """A file of the library, read in order."""

    def __init__(self, store: FsspecFile, file: Any) -> None:
        self._store, self._file = store, file

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end."""
        return self._store._call(lambda: bytes(self._file.read(size)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _open_file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    protocol = url.partition("://")[0].lower()
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError(f"reading {protocol}://", "remote") from None
    _keep_silent()
    options: dict[str, Any] = {"use_listings_cache": False}  # what was listed may have changed
    if protocol in _BY_EXTRA:
        options["config_kwargs"] = {"retries": {"total_max_attempts": 1}}  # how often is tried is up to remote.py
    try:
        fs, path = url_to_fs(url, **options)
    except ImportError as error:
        if protocol in _BY_EXTRA:
            raise MissingExtraError(f"reading {protocol}://", "remote") from None
        hint = f"install it with: pip install {error.name}" if error.name else _plain(error)
        raise remote_error(url, f"{protocol}:// needs another library", hint) from None
    except Exception as error:  # noqa: BLE001 -- each store looks at its addresses and settings in its own way
        raise remote_error(url, _plain(error), "check the address") from None
    if protocol in _BY_EXTRA:
        fs.retries = 1
    return fs, path


def _keep_silent() -> None:
    """Let no library write to stderr: what they have to say comes as exceptions, too."""
    import logging

    for name in ("asyncio", "fsspec", "aiobotocore", "botocore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _state(about: dict[str, Any]) -> RemoteState:
    size = about.get("size")
    version = next((str(about[key]) for key in _VERSIONS if about.get(key)), "")
    return RemoteState(None if size is None else int(size), version.strip('"'))


def _place(name: str) -> list[tuple[bool, str]]:
    """Return the key that orders files as a walk through local folders does."""
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


def _plain(error: BaseException) -> str:
    """Return the words of an error in one line."""
    words = str(error)
    if isinstance(error, OSError) and error.strerror:
        words = error.strerror
    elif isinstance(error, FileNotFoundError):  # which often says no more than its name
        words = os.strerror(errno.ENOENT)
    return " ".join(words.split()) or type(error).__name__
