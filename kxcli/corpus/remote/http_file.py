"""Inputs by HTTP: by ranges if the server supports them, else from the start."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin

from kxcli.corpus.remote.base import RemoteState, TransientError, make_remote_error
from kxcli.errors import MissingExtraError, make_changed_error
from kxcli.urls import get_display_name

if TYPE_CHECKING:
    import requests

TIMEOUT_SECONDS = (10, 60)  # until the server accepts the connection, and between two reads of a response
READ_SIZE = 1 << 16  # bytes read at a time
MIN_BYTES_PER_WINDOW, WINDOW_SECONDS = 1 << 16, 60  # so that the largest range takes an hour at most

_MAX_REDIRECTS = 30  # as browsers and requests
_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE = 200, 206, 416
_RETRIED = frozenset({408, 425, 429})  # 4xx statuses that a retry may fix
_CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18})")


class HttpFile:
    """The resource of one URL."""

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> RemoteState:
        """Return the current state.

        Only the first byte is requested: a server that returns just that supports ranges. Not all servers show that by
        HEAD.
        """
        with self._open_response({"Range": "bytes=0-0"}) as response:
            state = _get_state(response)
            if response.status_code == _PARTIAL_CONTENT:
                HttpBody(response).read(1)  # to its end, so that the connection can be used again
            return state

    def fetch(self, start: int, stop: int, expected: RemoteState) -> bytes:
        """Return a range of bytes."""
        received = bytearray()
        with self._open_response({"Range": f"bytes={start}-{stop - 1}"}) as response:
            if response.status_code == _OK and _get_version(response) == expected.version:
                raise TransientError("the server sent the whole file instead of a part, unlike before")
            if _get_state(response) != expected:
                raise make_changed_error(get_display_name(self.url))
            found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if found is None or found[1] != str(start):
                raise TransientError("the server sent another part than requested")
            body = HttpBody(response)
            try:
                while missing := stop - start - len(received):
                    data = body.read(min(READ_SIZE, missing))
                    if not data:
                        break
                    received += data
            except TransientError as error:
                raise TransientError(error.what, bytes(received)) from None
        if not received:
            raise TransientError("the server sent an empty part")
        return bytes(received)

    def stream(self, expected: RemoteState) -> "HttpBody":
        """Request the whole file."""
        response = self._request({})
        if expected.version and _get_version(response) != expected.version:
            response.close()
            raise make_changed_error(get_display_name(self.url))
        if response.status_code != _OK:
            response.close()
            what = f"the server answers {response.status_code} to a request for the whole file"
            raise make_remote_error(self.url, what, "fetch the file first")
        return HttpBody(response)

    def walk(self) -> NoReturn:
        """Raise `InputError`: HTTP has no folders."""
        raise make_remote_error(self.url, "is not a folder", "name each file, for example in a list (--files-from)")

    @contextmanager
    def _open_response(self, headers: dict[str, str]) -> "Iterator[requests.Response]":
        response = self._request(headers)
        try:
            yield response
        finally:
            response.close()

    def _request(self, headers: dict[str, str]) -> "requests.Response":
        """Return a response of good status, its body not yet read."""
        session = _get_session(self.url)
        import requests
        from urllib3.exceptions import HTTPError

        # No message of a library is shown, because it quotes from the URL.
        try:
            response = _follow_redirects(session, self.url, headers)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise TransientError(_get_system_message(error)) from None
        except requests.TooManyRedirects:
            raise make_remote_error(
                self.url, f"redirects more than {_MAX_REDIRECTS} times", "check the address"
            ) from None
        except requests.exceptions.InvalidProxyURL:
            hint = "check HTTP_PROXY and HTTPS_PROXY"
            raise make_remote_error(self.url, "the address of the proxy is not valid", hint) from None
        except requests.exceptions.InvalidHeader:
            raise make_remote_error(self.url, "the server's answer is not valid HTTP", "check the server") from None
        except (requests.RequestException, HTTPError, ValueError):
            what = "is not a valid URL, or redirects to one that is not"
            raise make_remote_error(self.url, what, "check the address") from None
        status = response.status_code
        if status in (_OK, _PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE):
            return response
        response.close()
        what = f"the server answers {status} {response.reason or ''}".rstrip()
        if status >= 500 or status in _RETRIED:
            raise TransientError(what)
        raise make_remote_error(self.url, what, "check the address and the rights")


class HttpBody:
    """The body of a response as it was sent; nothing is decompressed here."""

    def __init__(self, response: "requests.Response") -> None:
        self._response = response
        self._n_bytes, self._seconds = 0, 0.0  # since the last full window

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end.

        Raises:
            TransientError: If the connection breaks, ends too early, or is too slow.
        """
        from urllib3.exceptions import HTTPError

        start = time.monotonic()
        try:
            # `read` would wait until all bytes have arrived, however slowly.
            data: bytes = self._response.raw.read1(size, decode_content=False)
        except (HTTPError, OSError, ValueError) as error:
            raise TransientError(_get_system_message(error)) from None
        self._n_bytes += len(data)
        self._seconds += time.monotonic() - start
        if self._n_bytes >= MIN_BYTES_PER_WINDOW:
            self._n_bytes, self._seconds = 0, 0.0
        elif data and self._seconds > WINDOW_SECONDS:
            raise TransientError(f"the server sent {self._n_bytes:,} bytes in {self._seconds:.0f} seconds")
        return data

    def close(self) -> None:
        """Close the connection."""
        self._response.close()


def _follow_redirects(session: "requests.Session", url: str, headers: dict[str, str]) -> "requests.Response":
    """Return the response after redirects; read `READ_SIZE` bytes of these at most."""
    import requests

    target_of = requests.sessions.SessionRedirectMixin().get_redirect_target
    for _ in range(_MAX_REDIRECTS + 1):
        response = session.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS, allow_redirects=False)
        target = target_of(response)
        if target is None:
            return response
        with suppress(TransientError):  # to its end if it is short, so that the connection can be used again
            HttpBody(response).read(READ_SIZE)
        response.close()
        url = urljoin(response.url, requests.utils.requote_uri(target))
    raise requests.TooManyRedirects


_sessions = threading.local()  # each thread has its own: they are not made for several


def _make_session() -> "requests.Session":
    """Return a session; it reuses connections."""
    import requests

    session = requests.Session()
    session.headers["Accept-Encoding"] = "identity"
    # `send` would read the whole body of a redirect, even of one that it does not follow.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    return session


def _get_session(url: str) -> "requests.Session":
    """Return the session of this thread."""
    try:
        if not hasattr(_sessions, "session"):
            _sessions.session = _make_session()
        session: requests.Session = _sessions.session
        return session
    except ImportError:
        raise MissingExtraError(f"reading {url.partition('//')[0]}//", "remote") from None


def _get_state(response: "requests.Response") -> RemoteState:
    """Return the state of a file; without a version, it cannot be read by ranges."""
    version = _get_version(response)
    found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
    has_size = found is not None and response.status_code in (_PARTIAL_CONTENT, _RANGE_NOT_SATISFIABLE)
    size = int(found[2]) if found is not None and has_size else None
    return RemoteState(size if version or size == 0 else None, version)


def _get_version(response: "requests.Response") -> str:
    """Return the version that the server gives, or ""."""
    return response.headers.get("ETag") or response.headers.get("Last-Modified") or ""


def _get_system_message(error: BaseException) -> str:
    """Return the system's message for a broken connection.

    It is in the chain of causes.
    """
    from urllib3.exceptions import TimeoutError as NoAnswerError

    what = "the connection broke"
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        if isinstance(inner, NoAnswerError):
            what = "the server does not answer"
        inner = inner.__cause__ or inner.__context__
    return what
