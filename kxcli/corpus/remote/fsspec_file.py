"""Inputs read by fsspec: S3, Google Cloud Storage, HDFS and others."""

import errno
import os
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from kxcli.corpus.remote.base import RemoteState, RemoteStream, TransientError, make_remote_error
from kxcli.errors import KxcliError, MissingExtraError, make_changed_error
from kxcli.urls import get_display_name

T = TypeVar("T")

# Fields that distinguish a file from another one in its place. The first one present counts, because one request
# gives times in seconds and another one in milliseconds.
_VERSION_FIELDS = (
    *("generation", "ETag", "etag", "md5Hash", "sha", "CRC", "mtime", "LastModified", "last_modified", "modified"),
    *("modificationTime", "modify", "updated"),
)
_S3_PROTOCOLS = frozenset({"s3", "s3a"})
_FINAL_ERRORS = (FileNotFoundError, PermissionError, NotADirectoryError, IsADirectoryError, ValueError, TypeError)
_FINAL_NAMES = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "ParamValidationError"})
_TRAILING_SLASHES = re.compile(r"(?<![:/])/+$")  # of a folder's URL, but not those of its scheme


class FsspecFile:
    """A file or a folder in a store.

    fsspec keeps one set of connections in each process.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._fs, self._path = _open_file_system(url)

    def state(self) -> RemoteState | None:
        """Return the current state of a file, or None for a folder."""
        info = self.call(lambda: self._fs.info(self._path))
        return None if info.get("type") == "directory" else _get_state(info)

    def fetch(self, start: int, stop: int, expected: RemoteState) -> bytes:
        """Return a range of bytes.

        The state is checked afterwards: if it is as expected then, it was so before.
        """
        data: bytes = self.call(lambda: self._fs.cat_file(self._path, start=start, end=stop))
        if self.state() != expected:
            raise make_changed_error(get_display_name(self.url))
        if len(data) < stop - start:
            raise TransientError("the store sent less than requested", data)
        return data

    def stream(self, expected: RemoteState) -> RemoteStream:
        """Open a file of unknown size."""
        return _FsspecStream(self, self.call(lambda: self._fs.open(self._path, "rb")))

    def walk(self) -> Iterator[tuple[str, str, RemoteState]]:
        """Yield the files of a folder by name, those in its subfolders last."""
        found = self.call(lambda: self._fs.find(self._path, detail=True))
        prefix = self._path.rstrip("/") + "/" if self._path else ""
        below = {path.removeprefix(prefix): (path, info) for path, info in found.items() if not path.endswith("/")}
        for name in sorted(below, key=_get_walk_key):
            path, info = below[name]
            yield self._make_url(path, name), name, _get_state(info)

    def _make_url(self, path: str, name: str) -> str:
        """Return the URL of a file in the folder, with the same host, user and query."""
        archive, link, rest = self.url.partition("::")
        if link and "[" not in archive:  # an archive in another store, not an IPv6 address
            return str(self._fs.unstrip_protocol(path)) + link + rest
        folder, mark, query = (self.url, "", "") if "?" in self._path else self.url.partition("?")
        folder = _TRAILING_SLASHES.sub("", folder)
        return folder + ("" if folder.endswith("/") else "/") + name + mark + query

    def call(self, function: Callable[[], T]) -> T:
        """Call the library and translate its errors; some are known by name only."""
        try:
            return function()
        except (KxcliError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001
            what = _get_one_line(error)
            if isinstance(error, _FINAL_ERRORS) or type(error).__name__ in _FINAL_NAMES:
                hint = "check the name, the rights and the credentials"
                raise make_remote_error(self.url, what, hint) from None
            raise TransientError(what) from None


class _FsspecStream:
    """A file of fsspec, read in order."""

    def __init__(self, store: FsspecFile, file: Any) -> None:
        self._store, self._file = store, file

    def read(self, size: int, /) -> bytes:
        return self._store.call(lambda: bytes(self._file.read(size)))

    def close(self) -> None:
        self._file.close()


def _open_file_system(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
    protocol = url.partition("://")[0].lower()
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise MissingExtraError(f"reading {protocol}://", "remote") from None
    _silence_logging()
    options: dict[str, Any] = {"use_listings_cache": False}  # an earlier listing may be outdated
    if protocol in _S3_PROTOCOLS:
        options["config_kwargs"] = {"retries": {"total_max_attempts": 1}}  # `with_retries` does the retries
    try:
        fs, path = url_to_fs(url, **options)
    except ImportError as error:
        if protocol in _S3_PROTOCOLS:
            raise MissingExtraError(f"reading {protocol}://", "remote") from None
        hint = f"install it with: pip install {error.name}" if error.name else _get_one_line(error)
        raise make_remote_error(url, f"{protocol}:// needs another library", hint) from None
    except Exception as error:  # noqa: BLE001 -- each store checks its addresses and settings in its own way
        raise make_remote_error(url, _get_one_line(error), "check the address") from None
    if protocol in _S3_PROTOCOLS:
        fs.retries = 1
    return fs, path


def _silence_logging() -> None:
    """Keep libraries from writing to stderr; they raise exceptions, too."""
    import logging

    for name in ("asyncio", "fsspec", "aiobotocore", "botocore"):
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)


def _get_state(info: dict[str, Any]) -> RemoteState:
    size = info.get("size")
    version = next((str(info[key]) for key in _VERSION_FIELDS if info.get(key)), "")
    return RemoteState(None if size is None else int(size), version.strip('"'))


def _get_walk_key(name: str) -> list[tuple[bool, str]]:
    """Return the sort key for the order of a walk through local folders."""
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


def _get_one_line(error: BaseException) -> str:
    """Return the message of an error in one line."""
    message = str(error)
    if isinstance(error, OSError) and error.strerror:
        message = error.strerror
    elif isinstance(error, FileNotFoundError):  # its message is often only the name
        message = os.strerror(errno.ENOENT)
    return " ".join(message.split()) or type(error).__name__
