"""The protocol of remote files, and their errors."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import unquote

from kxcli.errors import InputError
from kxcli.urls import get_display_name, redact_text

_USER = re.compile(r"(?<=:)//+([^/?#]+)@")


@dataclass(frozen=True)
class RemoteState:
    """The state of a remote file.

    Attributes:
        size: Bytes; None if the file can be read only from its start.
        version: What distinguishes this content from an earlier or later one; may be empty.
    """

    size: int | None
    version: str


class RemoteStream(Protocol):
    """Bytes in order."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end; raise `TransientError`."""
        ...

    def close(self) -> None:
        """Close the connection."""
        ...


class RemoteFile(Protocol):
    """A remote file or folder.

    All methods raise `TransientError` if a retry may help, else `InputError`.
    """

    url: str

    def state(self) -> RemoteState | None:
        """Return the current state, or None for a folder."""
        ...

    def fetch(self, start: int, stop: int, expected: RemoteState) -> bytes:
        """Return the bytes `start <= position < stop`.

        Raises:
            InputError: If the file is no longer in the expected state.
        """
        ...

    def stream(self, expected: RemoteState) -> RemoteStream:
        """Open the file to be read in order."""
        ...

    def walk(self) -> Iterator[tuple[str, str, RemoteState]]:
        """Yield URL, path below the folder, and state of each file in a folder."""
        ...


class TransientError(Exception):
    """A failure that a retry may fix.

    Attributes:
        what: The problem.
        received: The bytes that arrived before it.
    """

    def __init__(self, what: str, received: bytes = b"") -> None:
        super().__init__(what)
        self.what, self.received = what, received


def make_remote_error(url: str, what: str, hint: str) -> InputError:
    """Return the error for a URL, without its secrets.

    Args:
        url: The URL with its secrets.
        what: The problem; maybe a message of a library that quotes the URL.
        hint: The fix.
    """
    what = what.replace(url, get_display_name(url))
    for user in _USER.findall(url):
        for secret in (user, unquote(user), *unquote(user).partition(":")[::2]):
            if secret:
                what = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", what)
    return InputError(get_display_name(url), redact_text(" ".join(what.split())), hint)
