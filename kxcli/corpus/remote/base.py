"""The protocol of remote files, their errors, and retries with backoff."""

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar
from urllib.parse import unquote

from kxcli.errors import InputError
from kxcli.urls import display_name, redact_text

T = TypeVar("T")

BACKOFF_SECONDS = (0.2, 0.6, 1.8, 5.4)  # waits between tries, each three times the last: 8 s altogether

_USER = re.compile(r"(?<=:)//+([^/?#]+)@")


@dataclass(frozen=True)
class RemoteState:
    """The state of a remote file.

    Attributes:
        size: bytes; None if the file can be read only from its start.
        version: what distinguishes this content from an earlier or later one; may be empty.
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
            InputError: if the file is no longer in the expected state.
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
        what: the problem.
        received: the bytes that arrived before it.
    """

    def __init__(self, what: str, received: bytes = b"") -> None:
        super().__init__(what)
        self.what, self.received = what, received


def with_retries(url: str, attempt: Callable[[], T]) -> T:
    """Return the result of `attempt`; repeat it with backoff if it fails.

    Raises:
        InputError: if the last try raises `TransientError`, too.
    """
    for seconds in BACKOFF_SECONDS:
        try:
            return attempt()
        except TransientError:
            time.sleep(seconds)
    try:
        return attempt()
    except TransientError as error:
        what = f"{error.what} ({len(BACKOFF_SECONDS) + 1} tries)"
        raise remote_error(url, what, "check the network and the server, and run again") from None


def remote_error(url: str, what: str, hint: str) -> InputError:
    """Return the error for a URL, without its secrets.

    Args:
        url: the URL with its secrets.
        what: the problem; maybe a message of a library that quotes the URL.
        hint: the fix.
    """
    what = what.replace(url, display_name(url))
    for user in _USER.findall(url):
        for secret in (user, unquote(user), *unquote(user).partition(":")[::2]):
            if secret:
                what = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", "***", what)
    return InputError(display_name(url), redact_text(" ".join(what.split())), hint)
