"""Input by HTTP: parts of a page where its server knows them, else the page as it comes."""

import functools
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import urljoin

from kxcli.corpus.remote import RemoteState, TransientError, changed_error, remote_error
from kxcli.errors import MissingExtraError

if TYPE_CHECKING:
    import requests

_TIMEOUT = (10, 60)  # seconds until a server takes the connection, and between two pieces of an answer
_PIECE = 1 << 16
_MIN_BYTES_PER_WINDOW, _WINDOW_SECONDS = 1 << 16, 60  # the largest part takes an hour at most
_MAX_REDIRECTS = 30  # as browsers and requests
_OK, _PART, _NO_SUCH_PART = 200, 206, 416
_AGAIN = frozenset({408, 425, 429})  # of the 4xx, those that another try may turn
_WHOLE = re.compile(r"bytes (?:(\d{1,18})-\d{1,18}|\*)/(\d{1,18})")  # of Content-Range


class HttpFile:
    """One page."""

    def __init__(self, url: str) -> None:
        self.url = url

    def state(self) -> RemoteState:
        """Ask for the first byte alone: who answers with that, knows parts; not all servers tell by HEAD."""
        with self._responding({"Range": "bytes=0-0"}) as answer:
            state = _state(answer)
            if answer.status_code == _PART:
                HttpBody(answer).read(1)  # to its end, so that the connection can be used again
            return state

    def fetch(self, start: int, stop: int, planned: RemoteState) -> bytes:
        """Return a part."""
        received = bytearray()
        with self._responding({"Range": f"bytes={start}-{stop - 1}"}) as answer:
            is_part = answer.status_code == _PART
            if not is_part and _version(answer) == planned.version and answer.status_code == _OK:
                raise TransientError("the server sent all where a part was asked for, as it did before")
            if _state(answer) != planned:
                raise changed_error(self.url)
            found = _WHOLE.fullmatch(answer.headers.get("Content-Range", ""))
            if found is None or found[1] != str(start):
                raise TransientError("the server sent another part than was asked for")
            pieces = HttpBody(answer)
            try:
                while len(received) < stop - start and (data := pieces.read(min(_PIECE, stop - start - len(received)))):
                    received += data
            except TransientError as broken:
                raise TransientError(broken.what, bytes(received)) from None
        if not received:
            raise TransientError("the server sent an empty part")
        return bytes(received)

    def stream(self, planned: RemoteState) -> "HttpBody":
        """Ask for all of it."""
        answer = self._request({})
        if planned.version and _version(answer) != planned.version:
            answer.close()
            raise changed_error(self.url)
        if answer.status_code != _OK:
            answer.close()
            raise remote_error(
                self.url, f"the server answers {answer.status_code} to a request for all", "fetch the file first"
            )
        return HttpBody(answer)

    def walk(self) -> NoReturn:
        """Pages have no list of what is below them."""
        raise remote_error(self.url, "is no folder", "name each page, for example in a list (--files-from)")

    @contextmanager
    def _responding(self, headers: dict[str, str]) -> "Iterator[requests.Response]":
        answer = self._request(headers)
        try:
            yield answer
        finally:
            answer.close()

    def _request(self, headers: dict[str, str]) -> "requests.Response":
        """Return an answer of which the head has come, and whose status is good."""
        session = _session(self.url)
        import requests
        from urllib3.exceptions import HTTPError

        # No words of a library are shown: they quote from the URL.
        try:
            answer = _follow_redirects(session, self.url, headers)
        except (requests.ConnectionError, requests.Timeout) as error:
            raise TransientError(_plain(error)) from None
        except requests.TooManyRedirects:
            raise remote_error(self.url, f"redirects more than {_MAX_REDIRECTS} times", "check the address") from None
        except requests.exceptions.InvalidProxyURL:
            raise remote_error(
                self.url, "the address of the proxy is not valid", "check HTTP_PROXY and HTTPS_PROXY"
            ) from None
        except requests.exceptions.InvalidHeader:
            raise remote_error(self.url, "the server's answer is not valid HTTP", "check the server") from None
        except (requests.RequestException, HTTPError, ValueError):
            raise remote_error(
                self.url, "is not a valid URL, or redirects to one that is not", "check the address"
            ) from None
        status = answer.status_code
        if status in (_OK, _PART, _NO_SUCH_PART):
            return answer
        answer.close()
        what = f"the server answers {status} {answer.reason or ''}".rstrip()
        if status >= 500 or status in _AGAIN:
            raise TransientError(what)
        raise remote_error(self.url, what, "check the address and the rights")


def _follow_redirects(session: "requests.Session", url: str, headers: dict[str, str]) -> "requests.Response":
    """Return the answer after redirects; read at most a piece of their bodies."""
    import requests

    target_of = requests.sessions.SessionRedirectMixin().get_redirect_target
    for _ in range(_MAX_REDIRECTS + 1):
        answer = session.get(url, headers=headers, stream=True, timeout=_TIMEOUT, allow_redirects=False)
        target = target_of(answer)
        if target is None:
            return answer
        with suppress(TransientError):  # to its end if it is short, so that the connection can be used again
            HttpBody(answer).read(_PIECE)
        answer.close()
        url = urljoin(answer.url, requests.utils.requote_uri(target))
    raise requests.TooManyRedirects


class HttpBody:
    """The body of an answer, as it was sent: what is compressed is known by its first bytes, like a file."""

    def __init__(self, answer: "requests.Response") -> None:
        self._responding = answer
        self._size, self._seconds = 0, 0.0  # read since the last time that enough had come, and the time it took

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, none at the end; `TransientError` also where that comes too early."""
        from urllib3.exceptions import HTTPError

        start = time.monotonic()
        try:
            # `read` would wait until all of it has come, however slowly.
            data: bytes = self._responding.raw.read1(size, decode_content=False)
        except (HTTPError, OSError, ValueError) as error:
            raise TransientError(_plain(error)) from None
        self._size += len(data)
        self._seconds += time.monotonic() - start
        if self._size >= _MIN_BYTES_PER_WINDOW:
            self._size, self._seconds = 0, 0.0
        elif data and self._seconds > _WINDOW_SECONDS:
            raise TransientError(f"the server sent {self._size:,} bytes in {self._seconds:.0f} seconds")
        return data

    def close(self) -> None:
        """Give up the connection."""
        self._responding.close()


@functools.cache
def _session_of_process() -> "requests.Session":
    import requests

    session = requests.Session()  # keeps connections, so that each part does not shake hands anew
    session.headers["Accept-Encoding"] = "identity"
    # `send` would read the whole body of a redirect, even of one that it does not follow.
    session.get_redirect_target = lambda resp: None  # type: ignore[method-assign]
    return session


def _session(url: str) -> "requests.Session":
    try:
        return _session_of_process()
    except ImportError:
        raise MissingExtraError(f"reading {url.partition('//')[0]}//", "remote") from None


def _state(answer: "requests.Response") -> RemoteState:
    """Return the state of a page; without a version, it has no parts."""
    version = _version(answer)
    found = _WHOLE.fullmatch(answer.headers.get("Content-Range", ""))
    size = int(found[2]) if found and answer.status_code in (_PART, _NO_SUCH_PART) else None
    return RemoteState(size if version or size == 0 else None, version)


def _version(answer: "requests.Response") -> str:
    """Return what tells a page from an older or newer one; "" where the server says nothing of that."""
    return answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""


def _plain(error: BaseException) -> str:
    """Return the words of the system for what broke a connection, which lie some exceptions deep."""
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
