"""Inputs named by a URL, read by ranges if the server supports them."""

import re
from typing import BinaryIO, cast

from kxcli.corpus.remote.base import RemoteFile, RemoteState, make_remote_error
from kxcli.corpus.remote.readers import RangedReader, SequentialReader
from kxcli.corpus.remote.retries import with_retries
from kxcli.errors import InputError
from kxcli.urls import get_display_name, is_http, is_url

_LISTABLE = frozenset({"http", "https", "s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "hdfs", "webhdfs", "oss"})


def check_listed(name: str, list_name: str) -> None:
    """Raise `InputError` for a forbidden name in a list of files.

    A list from a URL may contain URLs only, no local files. No list may contain URLs that fsspec resolves by other
    files or URLs (reference::, filecache::, zip::), that run code, or that read local files.
    """
    if is_url(name):
        scheme = name.partition("://")[0].lower()
        if scheme in _LISTABLE and (is_http(name) or "::" not in name):
            return
        what = f"names {get_display_name(name)!r}, but a list may contain only URLs of {', '.join(sorted(_LISTABLE))}"
        raise InputError(get_display_name(list_name), what, "name it on the command line")
    if is_url(list_name):
        what = f"names {name!r}, but a list from a URL may contain only URLs"
        raise InputError(get_display_name(list_name), what, "fetch and check the list, then give the local copy")


def resolve_url(url: str) -> RemoteFile:
    """Return the file or folder of a URL; import the library that reads it."""
    if "reference" in re.split("::|://", url.lower())[:-1]:
        what = "reference:: is not supported, because it can refer to any other file"
        raise make_remote_error(url, what, "name the files")
    if is_http(url):
        from kxcli.corpus.remote.http_file import HttpFile

        return HttpFile(url)
    from kxcli.corpus.remote.fsspec_file import FsspecFile

    return FsspecFile(url)


def open_url(url: str, expected: RemoteState | None, first: int) -> BinaryIO:
    """Open a file by its URL.

    `read` of the returned file may give fewer bytes than requested, and gives none only at the end.

    Args:
        url: The URL, with its secrets.
        expected: The state that the file must still have; if None, the state that it has now.
        first: Bytes that are likely to be read first, requested together.
    """
    file = resolve_url(url)
    state = with_retries(url, file.state) if expected is None else expected
    if state is None:
        raise make_remote_error(url, "is a folder", "name a file")
    return cast(BinaryIO, SequentialReader(file, state) if state.size is None else RangedReader(file, state, first))
