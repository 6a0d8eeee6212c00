"""Retries with backoff."""

import time
from collections.abc import Callable
from typing import TypeVar

from kxcli.corpus.remote.base import TransientError, make_remote_error

T = TypeVar("T")

BACKOFF_SECONDS = (0.2, 0.6, 1.8, 5.4)  # waits between tries, each three times the last: 8 s altogether


def with_retries(url: str, attempt: Callable[[], T]) -> T:
    """Return the result of `attempt`; repeat it with backoff if it fails.

    Raises:
        InputError: If the last try raises `TransientError`, too.
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
        raise make_remote_error(url, what, "check the network and the server, and run again") from None
