"""Broken, slow and hostile answers of HTTP servers: one clear error, in bounded time."""

import gc
import itertools
import re
import socketserver
import threading
import time
from types import SimpleNamespace

import pytest

from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.remote import http_file, retries
from kxcli.corpus.sources import Source
from kxcli.errors import InputError

requests = pytest.importorskip("requests")

# urllib3 leaves the sockets of broken answers to the garbage collector.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

BODY = b"line\n" * 50_000
DIGITS = "9" * 5_000


@pytest.fixture(scope="module", autouse=True)
def fast_collector():
    """Leave the objects of other tests out of the collections after each test."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(retries, "BACKOFF_SECONDS", (0, 0, 0, 0))
    monkeypatch.setattr(http_file, "TIMEOUT_SECONDS", (60, 60))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(http_file, "_sessions", threading.local())
    yield
    if hasattr(http_file._sessions, "session"):
        http_file._sessions.session.close()
    gc.collect()


@pytest.fixture
def serve():
    """Return a function that starts a server and returns its URL.

    Its argument `answer(number, start, stop)` yields the bytes of the answer to a request for a range; start and stop
    are None if the whole file is requested.
    """
    servers = []

    def start(answer):
        numbers = itertools.count()

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                head = b""
                while (line := self.rfile.readline()) not in (b"\r\n", b""):
                    head += line
                found = re.search(rb"bytes=(\d+)-(\d+)", head)
                part = (int(found[1]), int(found[2]) + 1) if found else (None, None)
                try:
                    for data in answer(next(numbers), *part):
                        self.wfile.write(data)
                except OSError:  # the client has closed the connection
                    pass

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            block_on_close = False

        server = Server(("127.0.0.1", 0), Handler)
        server.numbers = numbers
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/a.txt"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def head(status, *headers):
    return "\r\n".join([f"HTTP/1.1 {status} X", "Connection: close", *headers, "", ""]).encode()


def part(start, stop, data=BODY, *, etag='"1"', total=None):
    body = data[start:stop]
    where = f"Content-Range: bytes {start}-{start + len(body) - 1}/{len(data) if total is None else total}"
    return head(206, where, f"Content-Length: {len(body)}", f"ETag: {etag}") + body


def read(url):
    with resolve_sources([url])[0].open() as file:
        return b"".join(iter(lambda: file.read(1 << 20), b""))


def read_error(url):
    with pytest.raises(InputError) as caught:
        read(url)
    assert str(caught.value).startswith(f"{url}: ")
    return caught.value.what


@pytest.mark.parametrize(
    "content_range",
    [
        f"bytes 0-0/{DIGITS}",
        f"bytes 0-{DIGITS}/10",
        f"bytes {DIGITS}-0/10",
        f"bytes {DIGITS}-{DIGITS}/{DIGITS}",
        "bytes 0-0/*",
        "bytes -1--1/-5",
        "bytes 0-0/10 and more",
        "bytes ٠-٠/١٠",
        "items 0-0/10",
        "",
    ],
)
def test_invalid_content_range_falls_back_to_a_stream(serve, content_range):
    def answer(number, start, stop):
        if start is None:
            yield head(200, f"Content-Length: {len(BODY)}", 'ETag: "1"') + BODY
        else:
            yield (
                head(206, "Content-Length: 1", 'ETag: "1"')[:-2]
                + f"Content-Range: {content_range}\r\n\r\n".encode()
                + b"l"
            )

    assert read(serve(answer)) == BODY


@pytest.mark.parametrize("length", [DIGITS, f"-{DIGITS}", "-1", "x", f"{len(BODY)}, 7", "1e9", ""])
def test_invalid_content_length_does_not_crash(serve, length):
    def answer(number, start, stop):
        yield head(200, f"Content-Length: {length}", 'ETag: "1"') + BODY

    try:
        assert read(serve(answer)) == BODY
    except InputError as error:
        assert "the connection broke" in error.what or "not valid HTTP" in error.what


@pytest.mark.parametrize("length", [len(BODY) + 1, 10**18])
def test_short_body_is_an_error(serve, length):
    def answer(number, start, stop):
        yield head(200, f"Content-Length: {length}", 'ETag: "1"') + BODY

    assert "the connection broke after 250,000 bytes" in read_error(serve(answer))


@pytest.mark.parametrize("shift", [1, 7, 1_000_000])
def test_wrong_range_is_an_error(serve, shift):
    def answer(number, start, stop):
        shown = start if number == 0 else start + shift
        data = part(start, stop)
        yield data.replace(f"bytes {start}-".encode(), f"bytes {shown}-".encode())

    assert read_error(serve(answer)) == "the server sent another part than requested (5 tries)"


def test_long_range_is_cut(serve):
    def answer(number, start, stop):
        yield part(start, stop + 1_000)

    assert read(serve(answer)) == BODY


@pytest.mark.parametrize("size", [1, 100])
def test_tiny_ranges_are_an_error(serve, size):
    starts = []

    def answer(number, start, stop):
        starts.append(start)
        yield part(start, stop if number == 0 else start + size)

    assert "(5 tries)" in read_error(serve(answer))
    assert len(starts) == 1 + 5


def test_short_ranges_with_progress_are_joined(serve):
    def answer(number, start, stop):
        yield part(start, stop if number == 0 else start + 20_000)

    assert read(serve(answer)) == BODY


def test_a_few_tiny_ranges_are_retried(serve):
    def answer(number, start, stop):
        yield part(start, stop if number % 4 == 0 else start + 10)

    assert read(serve(answer)) == BODY


@pytest.fixture
def slow_clock(monkeypatch):
    """Let the clock advance by 20 seconds whenever it is read, so that every read takes 20 seconds."""
    ticks = itertools.count(step=20)
    monkeypatch.setattr(http_file, "time", SimpleNamespace(monotonic=lambda: float(next(ticks))))


def test_slow_range_is_an_error(serve, slow_clock):
    def answer(number, start, stop):
        if number == 0:
            yield part(start, stop)
            return
        data = part(start, stop)
        yield data[: data.index(b"\r\n\r\n") + 4]
        while True:
            yield b"l"
            time.sleep(0.01)

    assert re.fullmatch(r"the server sent \d+ bytes in 80 seconds \(5 tries\)", read_error(serve(answer)))


def test_slow_stream_is_an_error(serve, slow_clock):
    def answer(number, start, stop):
        yield head(200, "Transfer-Encoding: chunked")
        while True:
            yield b"1\r\nl\r\n"
            time.sleep(0.01)

    assert re.search(r"the server sent \d+ bytes in 80 seconds", read_error(serve(answer)))


def test_slow_but_steady_server_is_read(serve, slow_clock, monkeypatch):
    monkeypatch.setattr(http_file, "MIN_BYTES_PER_WINDOW", 1_000)
    monkeypatch.setattr(http_file, "READ_SIZE", 1_000)  # 20 reads, of 20 seconds each

    def answer(number, start, stop):
        yield part(start, stop, BODY[:20_000])

    assert read(serve(answer)) == BODY[:20_000]


def test_time_of_the_reader_does_not_count(serve, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(http_file, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(http_file, "MIN_BYTES_PER_WINDOW", 2 * len(BODY))

    def answer(number, start, stop):
        yield head(200, f"Content-Length: {len(BODY)}") + BODY

    with resolve_sources([serve(answer)])[0].open() as file:
        data = b""
        while piece := file.read(1_000):
            data += piece
            now[0] += 100
    assert data == BODY


@pytest.mark.parametrize("target", ["/a.txt", "", "/b?x=1", "?secret=word"])
def test_endless_redirects_are_an_error(serve, target):
    def answer(number, start, stop):
        yield head(302, f"Location: {target or f'/{number}'}", "Content-Length: 0")

    assert read_error(serve(answer)) == "redirects more than 30 times"


def test_long_body_of_a_redirect_is_not_read(serve):
    def answer(number, start, stop):
        if number == 0:
            yield head(302, "Location: /b", "Transfer-Encoding: chunked")
            while True:
                yield b"10000\r\n" + b"x" * 65_536 + b"\r\n"
        yield part(start, stop)

    assert read(serve(answer)) == BODY


def test_every_range_follows_redirects(serve):
    def answer(number, start, stop):
        yield head(302, "Location: b", "Content-Length: 2") + b"to" if number % 2 == 0 else part(start, stop)

    assert read(serve(answer)) == BODY


@pytest.mark.parametrize(
    "target", ["file:///etc/passwd", "ftp://127.0.0.1/", "gopher://x/", "http://", "http://[", "\\\\x"]
)
def test_redirect_to_another_protocol_is_an_error(serve, target):
    def answer(number, start, stop):
        yield head(302, f"Location: {target}", "Content-Length: 0") if number == 0 else head(404)

    what = read_error(serve(answer))
    assert "is not a valid URL" in what or "the server answers 404" in what


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 abc X\r\n\r\n",
        b"HTTP/1.1 99999999999 X\r\n\r\n",
        b"HTTP/1.1 200 X\r\n" + b"X: y\r\n" * 1_000 + b"\r\n",
        b"HTTP/1.1 200 X\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 5_000 + b"\r\nab",
        b"HTTP/1.1 204 X\r\n\r\n",
        b"HTTP/1.1 416 X\r\nContent-Length: 9\r\n\r\nforbidden",
        b"HTTP/1.1 302 X\r\nLocation: \xff\xfe\r\n\r\n",
    ],
)
def test_invalid_http_is_an_error(serve, data):
    def answer(number, start, stop):
        yield data

    read_error(serve(answer))


@pytest.mark.parametrize("headers", [[], ["ETag: "]])
def test_file_without_a_version_is_read_as_a_stream(serve, headers):
    starts = []

    def answer(number, start, stop):
        starts.append(start)
        if start is None:
            yield head(200, f"Content-Length: {len(BODY)}", *headers) + BODY
        else:
            yield part(start, stop).replace(b'ETag: "1"\r\n', b"")

    url = serve(answer)
    assert resolve_sources([url])[0].size is None
    assert read(url) == BODY
    assert starts == [0, 0, None]


def test_file_with_a_date_is_read_by_ranges(serve):
    def answer(number, start, stop):
        yield part(start, stop).replace(b'ETag: "1"', b"Last-Modified: Mon, 30 Nov 2026 16:00:00 GMT")

    url = serve(answer)
    assert resolve_sources([url])[0].size == len(BODY)
    assert read(url) == BODY


def test_empty_file_without_a_version_is_empty(serve):
    def answer(number, start, stop):
        yield head(416, "Content-Range: bytes */0", "Content-Length: 0")

    url = serve(answer)
    assert resolve_sources([url]) == [Source(url, 0, version="", url=url)]
    assert read(url) == b""


# Lists that name inputs.

UNSAFE = [
    *("reference::http://host/a", "REFERENCE::http://host/a", "reference://a", "simplecache::http://host/a"),
    *("filecache::s3://bucket/a", "blockcache::s3://bucket/a", "zip::http://host/a.zip", "zip://a::http://host/a.zip"),
    *("tar://a::http://host/a.tar", "dir::s3://bucket", "dir://a::file:///", "libarchive://a", "local:///etc/passwd"),
    *(
        "file:///etc/passwd",
        "FILE:///etc/passwd",
        "memory://a",
        "data://a",
        "git://a",
        "github://a:b@c/d",
        "sftp://h/a",
    ),
    *("smb://host/share/a", "jupyter://a", "http::file:///etc/passwd", "s3://bucket/a::file:///etc/passwd", "x://a"),
    *("cached::http://host/a", "generic://a", "s3::file:///etc/passwd"),
]


@pytest.mark.parametrize("name", UNSAFE)
def test_list_with_a_wrapping_url_is_an_error(tmp_path, name):
    (tmp_path / "list").write_text(f"{name}\n")
    with pytest.raises(InputError, match=r"list: names .*; name it on the command line"):
        resolve_sources([], files_from=[str(tmp_path / "list")], recursive=True)


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "a.txt", "-", "./http://", "http:/host/a", "~/a", "zip::a.zip", *UNSAFE]
)
def test_remote_list_with_a_local_name_is_an_error(serve, name):
    data = name.encode() + b"\n"
    url = serve(lambda number, start, stop: [head(200, f"Content-Length: {len(data)}") + data])
    with pytest.raises(InputError) as caught:
        resolve_sources([], files_from=[url], recursive=True)
    assert str(caught.value).startswith(f"{url}: names ")


def test_remote_list_may_contain_urls(serve):
    page = serve(lambda number, start, stop: [part(start, stop)])
    data = page.encode() + b"\r\n"
    url = serve(lambda number, start, stop: [head(200, f"Content-Length: {len(data)}") + data])
    assert [source.path for source in resolve_sources([], files_from=[url])] == [page]


def test_remote_list_has_a_maximal_size(serve):
    data = b"http://127.0.0.1/page\n" * 100_000
    url = serve(lambda number, start, stop: [head(200, f"Content-Length: {len(data)}") + data])
    with pytest.raises(InputError, match=r"a\.txt: is a list of more than 1 MiB; fetch it"):
        resolve_sources([], files_from=[url], max_list_bytes=1 << 20)


def test_local_list_may_contain_local_files_and_urls(serve, tmp_path):
    page = serve(lambda number, start, stop: [part(start, stop)])
    (tmp_path / "a::b").write_text("a\n")
    (tmp_path / "list").write_text(f"{tmp_path}/a::b\n{page}\n")
    assert [source.path for source in resolve_sources([], files_from=[str(tmp_path / "list")])] == [
        f"{tmp_path}/a::b",
        page,
    ]


@pytest.mark.parametrize("url", ["reference::http://h/a", "reference://a", "zip://a::reference::http://h/a"])
def test_reference_urls_are_refused(url):
    with pytest.raises(InputError, match="reference:: is not supported"):
        resolve_sources([url])


# Secrets.

SECRET_URLS = [
    *(
        "http:///me:pa55@h/",
        "HTTP://me:pa55@127.0.0.1:1/",
        "https:////me:pa55@h",
        "http://me:pa55@[::1/",
        "http:/me:pa55@h",
    ),
    *("http://me:pa 55@h/", "http://me:pa/55@h/", "http://me:pa?55@h/", "http://me:pa#55@h/", "http://me:pa55%40h/"),
    *("s3://me:pa55@bucket/a", "S3://me:pa55@b/a", "s3:///me:pa55@b", "ftp://me:pa55@127.0.0.1:1/a", "x+y://me:pa55@h"),
    *(
        "http://m%65:p%6155@[",
        "gs://me:pa55@b/a",
        "zip://a::http://me:pa55@127.0.0.1:1/a",
        "reference::http://me:pa55@h/",
    ),
    *("http://127.0.0.1:1/?pa55", "http://127.0.0.1:1/a?b=pa55", "http://127.0.0.1:1/#pa55", "http://h:pa55/"),
]
OPTIONS = {
    "input": ["wordcount"],
    "list": ["wordcount", "--files-from"],
    "output": ["wordcount", "/dev/null", "-o"],
    "userdict": ["wordcount", "/dev/null", "--userdict"],
    "stopwords": ["wordcount", "/dev/null", "--stopwords"],
    "known": ["newwords", "/dev/null", "--known"],
    "kb": ["entity-link", "/dev/null", "--kb"],
    "y-file": ["hsic", "-x", "1", "-y", "1", "/dev/null", "--y-file"],
}


@pytest.mark.parametrize("option", OPTIONS)
def test_messages_and_tracebacks_hide_secrets(monkeypatch, capsys, tmp_path, option):
    from s3fs import S3FileSystem

    from kxcli.cli import main

    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    monkeypatch.chdir(tmp_path)
    for url in SECRET_URLS if option in ("input", "list", "output") else SECRET_URLS[:6]:
        assert main([OPTIONS[option][0], "-v", *OPTIONS[option][1:], url]) in (1, 2), url
        err = capsys.readouterr().err
        assert "kxcli: error: " in err and "internal error" not in err
        assert not re.search(r"p(a|%61)[ /?#]?55", err), (url, err)
    S3FileSystem.clear_instance_cache()  # to set the endpoint


def test_errors_of_lists_hide_secrets(tmp_path):
    (tmp_path / "list").write_text("reference::http://me:word@host/a?b=c\n")
    with pytest.raises(InputError) as caught:
        resolve_sources([], files_from=[str(tmp_path / "list")])
    assert "reference::http://***@host/a?***" in str(caught.value) and "word" not in str(caught.value)
