"""Inputs by URL, from servers on the loopback: HTTP with and without ranges, and moto's S3."""

import fcntl
import gzip
import json
import os
import re
import signal
import subprocess
import sys
import threading
import zipfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest
import requests
from conftest import SAMPLES, members, wait_until

from kxcli.corpus.fetch_sizes import INITIAL_FETCH, RANGE_OVERLAP
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.reader_spec import ReaderSpec
from kxcli.corpus.shards import TaskPlanner, TaskReader
from kxcli.corpus.sources import Source
from kxcli.corpus.walking import FileFilter, SkippedFiles
from kxcli.errors import InputError, UsageError, list_requirements
from kxcli.urls import get_display_name

pytestmark = pytest.mark.full  # servers and processes

WORDS = ("wordcount", "-t", "space")
SMALL = ("--shard-size", "16K")
TEXT = "".join(f"w{n % 997} 小明 w{n}\r\n" * (n % 3) for n in range(3_000)).encode()
PACKED = gzip.compress(TEXT * 10)
WITHOUT_PAUSES = "from kxcli.corpus.remote import retries; retries.BACKOFF_SECONDS = (0, 0, 0, 0)"
AWS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}


# The servers


@dataclass
class Page:
    """The content of an address, and the failures of the server, request by request.

    Attributes:
        breaks: bytes after which the connection is cut.
        statuses: statuses that are answered instead.
        after: the number of requests after which the content is `data + data` with another tag.
        hangs: the requests that are never answered.
        requests: the ranges of the requests, in order.
    """

    data: bytes
    has_parts: bool = True
    has_length: bool = True
    tag: str | None = '"one"'
    breaks: list = field(default_factory=list)
    statuses: list = field(default_factory=list)
    after: int | None = None
    hangs: list = field(default_factory=list)
    requests: list = field(default_factory=list)

    @property
    def ranges(self):
        """The ranges of the requests: start and stop."""
        found = (re.fullmatch(r"bytes=(\d+)-(\d+)", header or "") for header in self.requests)
        return [(int(one[1]), int(one[2]) + 1) for one in found if one]


class Web:
    """An HTTP server; `url(name, page)` puts a page on it."""

    def __init__(self):
        self.pages = {}
        self.n_connections = 0
        self.released = threading.Event()
        web = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            # Head and body together, because a second packet waits for the client's delayed acknowledgment.
            wbufsize = -1

            def do_GET(self):
                page = web.pages.get(self.path.partition("?")[0])
                if page is None:
                    self.send_error(404)
                else:
                    web.answer(self, page)

            def setup(self):
                super().setup()
                web.n_connections += 1

            def log_message(self, *arguments):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 32

            def handle_error(self, *about):  # clients that close the connection early
                pass

        self.server = Server(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()

    def url(self, name, page):
        self.pages[f"/{name}"] = page if isinstance(page, Page) else Page(page)
        return f"http://127.0.0.1:{self.server.server_port}/{name}"

    def answer(self, handler, page):
        requested = handler.headers.get("Range")
        page.requests.append(requested)
        if page.hangs and page.hangs.pop(0):
            self.released.wait()
            handler.close_connection = True
            return
        if page.statuses and (status := page.statuses.pop(0)) is not None:
            handler.send_error(status)
            return
        is_new = page.after is not None and len(page.requests) > page.after
        data, tag = (page.data * 2, '"two"') if is_new else (page.data, page.tag)
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", requested or "") if page.has_parts else None
        start, stop = (int(part[1]), int(part[2] or len(data) - 1) + 1) if part else (0, len(data))
        if part and start >= len(data):
            handler.send_response(416)
            handler.send_header("Content-Range", f"bytes */{len(data)}")
            body = b""
        else:
            body = data[start:stop]
            handler.send_response(206 if part else 200)
            if part:
                handler.send_header("Content-Range", f"bytes {start}-{start + len(body) - 1}/{len(data)}")
        handler.send_header(
            *(("Content-Length", str(len(body))) if page.has_length else ("Transfer-Encoding", "chunked"))
        )
        if tag:
            handler.send_header("ETag", tag)
        handler.end_headers()
        cut = page.breaks.pop(0) if page.breaks else None
        if page.has_length:
            handler.wfile.write(body[:cut])
        else:
            chunks = [body[at : at + 5_000] for at in range(0, len(body), 5_000)] + [b""]
            handler.wfile.write(b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)[:cut])
        if cut is not None and cut < len(body):
            handler.close_connection = True


@pytest.fixture
def web(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = Web()
    try:
        yield server
    finally:
        server.close()


@pytest.fixture(scope="session")
def moto(tmp_path_factory):
    """Yield the address of an S3 server with a bucket, one for all test processes.

    It ends when the last of them has closed its end of a pipe, even if that process was killed.
    """
    is_one_of_many = "PYTEST_XDIST_WORKER" in os.environ
    folder = tmp_path_factory.getbasetemp().parent if is_one_of_many else tmp_path_factory.getbasetemp()
    pipe, known = folder / "moto.pipe", folder / "moto.address"
    process = None
    with open(folder / "moto.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not pipe.exists():
            os.mkfifo(pipe)
        try:
            end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)  # fails if no server reads
        except OSError:
            process, end = served(pipe, known)
    try:
        yield known.read_text()
    finally:
        os.close(end)
        if process is not None:
            process.wait()


def served(pipe, known):
    """Start an S3 server that ends with the pipe; return it, and the open end of the pipe."""
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    end = os.open(pipe, os.O_WRONLY)
    os.set_blocking(reader, True)
    script = "import os, sys, threading; threading.Thread(target=lambda: os._exit(len(os.read(0, 1)))).start()"
    script += "; from moto.server import main; main(['-H', '127.0.0.1', '-p', '0'])"
    log = known.with_name("moto.log")
    with open(log, "wb") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", script], stdin=reader, stdout=file, stderr=file, env=os.environ | AWS
        )
    os.close(reader)
    wait_until(lambda: re.search(rb"http://[\d.]+:\d+\n", log.read_bytes()) or process.poll() is not None)
    endpoint = re.search(rb"http://[\d.]+:\d+", log.read_bytes())[0].decode()
    put_straight(f"{endpoint}/bucket", b"")
    known.write_text(endpoint)
    return process, end


def put_straight(address, data):
    someone = {"Authorization": "AWS4-HMAC-SHA256 Credential=someone/20260101/us-east-1/s3/aws4_request"}
    with requests.Session() as session:
        session.trust_env = False  # no proxy reaches the loopback
        session.put(address, data=data, timeout=120, headers=someone).raise_for_status()


class S3:
    """moto's server, with the environment of its clients."""

    def __init__(self, endpoint):
        self.endpoint = endpoint
        self.environment = AWS | {"AWS_ENDPOINT_URL": endpoint, "NO_PROXY": "127.0.0.1"}

    def url(self, name, data):
        put_straight(f"{self.endpoint}/bucket/{name}", data)
        return f"s3://bucket/{name}"


@pytest.fixture
def s3(moto, kxcli, monkeypatch):
    store = S3(moto)
    kxcli.environment |= store.environment
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    return store


@contextmanager
def hadoop(files):
    """Serve files by WebHDFS, as far as reading needs it; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            address = urlsplit(self.path)
            query = dict(parse_qsl(address.query))
            path = address.path.removeprefix("/webhdfs/v1")
            if query["op"] == "OPEN":
                start = int(query.get("offset", 0))
                return self.send(files[path][start : start + int(query.get("length", 1 << 30))])
            if query["op"] == "GETFILESTATUS":
                return self.send({"FileStatus": self.about(path)})
            inside = path.rstrip("/") + "/"
            names = sorted({name.removeprefix(inside).partition("/")[0] for name in files if name.startswith(inside)})
            found = [self.about(inside + name) | {"pathSuffix": name} for name in names]
            return self.send({"FileStatuses": {"FileStatus": found}})

        def about(self, path):
            return {"type": "FILE" if path in files else "DIRECTORY", "length": len(files.get(path, b""))}

        def send(self, body):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body if isinstance(body, bytes) else json.dumps(body).encode())

        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


PLACES = ["ranges", "in order", "s3", "file"]


@pytest.fixture(params=PLACES)
def put(request, kxcli):
    """Put bytes on a server, and return their URL."""
    if request.param == "s3":
        return request.getfixturevalue("s3").url
    if request.param == "file":  # other protocols of fsspec

        def write(name, data):
            (kxcli.folder / name).write_bytes(data)
            return f"file://{kxcli.folder / name}"

        return write
    web = request.getfixturevalue("web")
    is_whole = request.param == "in order"
    return lambda name, data: web.url(name, Page(data, has_parts=not is_whole, has_length=not is_whole))


COUNTED = {}


def counted(kxcli, data):
    """Return the output for a local file of these bytes, cached."""
    if data not in COUNTED:
        (kxcli.folder / "local").write_bytes(data)
        COUNTED[data] = kxcli(*WORDS, "local").out
    return COUNTED[data]


def counts_of(text):
    words = {}
    for word in text.split():
        words[word] = words.get(word, 0) + 1
    return words


# Equal bytes


@pytest.mark.parametrize(("put", "workers"), [("ranges", 1), *((place, 2) for place in PLACES)], indirect=["put"])
def test_url_gives_the_output_of_the_file(kxcli, put, workers):
    url = put("a.txt", TEXT)
    ended = kxcli(*WORDS, "-j", workers, *SMALL, url)
    assert ended.out == counted(kxcli, TEXT)
    assert ended.err == ""
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("put", ["ranges", "in order", "file"], indirect=True)
def test_compressed_url_is_read(kxcli, put):
    urls = [put("a", gzip.compress(TEXT)), put("b", TEXT.decode().encode("utf-16"))]
    options = ("-j", "1", "--shard-size", "1K", "--encoding", "auto", "-q")
    assert kxcli(*WORDS, *options, *urls).out == counted(kxcli, TEXT * 2)


@pytest.mark.parametrize("put", ["ranges", "in order", "s3"], indirect=True)
def test_small_and_empty_remote_files_are_read(kxcli, put):
    lines = b"".join(b'{"text": "a b"}\n' for _ in range(500))
    urls = [put("a.jsonl", lines), put("empty.jsonl", b""), put("b.csv", b"text\n" + b'"a\nb"\n' * 500)]
    options = ("-j", "1", "--shard-size", "1K", "--field", "text")  # the second is larger
    assert kxcli(*WORDS, *options, *urls).rows == [["a", "1000"], ["b", "1000"]]


def test_small_remote_files_share_a_task(kxcli, web):
    urls = [web.url(f"{n}.jsonl", b'{"text": "a b"}\n' * n) for n in range(3)]
    assert kxcli(*WORDS, "--field", "text", *urls).rows == [["a", "3"], ["b", "3"]]


def test_urls_are_read_from_lists_and_among_files(kxcli, web):
    urls = [web.url("a?version=2", b""), web.url("a", b"a\n"), web.url("b", b"b\n")]
    (kxcli.folder / "list").write_text("\n".join(urls))
    (kxcli.folder / "c").write_bytes(b"c\n")
    assert kxcli(*WORDS, "--files-from", "list", "c").rows == [["a", "2"], ["b", "1"], ["c", "1"]]
    assert kxcli(*WORDS, "--files-from", web.url("list", "\n".join(urls[:2]).encode())).rows == [["a", "2"]]


def test_format_is_guessed_without_the_query(kxcli, web):
    web.url("a.jsonl", b'{"text": "a"}\n')
    url = web.url("a.jsonl", b'{"text": "a"}\n') + "?signature=x.csv"
    assert kxcli(*WORDS, "--field", "text", url).rows == [["a", "1"]]


def test_remote_folder_is_walked_like_a_local_one(kxcli, s3):
    hidden = (".x.txt", "a/.git/x.txt", "a/x.txt~", "a/.kxcli-x.part")
    names = ("b.txt", "a/z.txt", "a/b/c.txt", "a.txt", "skipped.csv", "a/skipped.csv", *hidden)
    for name in names:
        s3.url(f"walk/{name}", name.encode())
        path = kxcli.folder / "walk" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())

    def below(folder, glob):
        skips = SkippedFiles()
        found = [
            source.path
            for source in resolve_sources([folder], recursive=True, file_filter=FileFilter(glob), skips=skips)
        ]
        hidden = {path for path in skips.hidden if ".git" not in path}  # a folder here, files in the store
        return [path.partition("walk/")[2] for path in (*found, *sorted(hidden), *sorted(skips.unfinished))]

    for glob in ((), ("*.txt",), ("a/*",), ("b.*", "z.*"), ("*.none",), ("*.part",), (".*", "*~")):
        assert below("s3://bucket/walk", glob) == below(str(kxcli.folder / "walk"), glob)
    assert len(resolve_sources(["s3://bucket/walk"], recursive=True)) == len(names) - len(hidden)
    for source in resolve_sources(["s3://bucket/walk"], recursive=True):
        with source.open() as file:
            assert file.read() == source.path.partition("walk/")[2].encode()
    with pytest.raises(InputError, match=r"^s3://bucket/walk: is a folder; use -r"):
        resolve_sources(["s3://bucket/walk"])


def test_archive_in_a_store_is_walked(kxcli, s3):
    file = BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in ("a.txt", "b/c.txt"):
            archive.writestr(name, TEXT)
    url = s3.url("a.zip", file.getvalue())
    assert kxcli(*WORDS, "-j", "1", "--shard-size", "32K", "-r", f"zip://::{url}").out == counted(kxcli, TEXT * 2)


def test_walk_keeps_the_host_of_the_url(kxcli, web):
    files = {"/d/a.txt": b"a\n", "/d/b/c.txt": b"c\n"}
    with hadoop(files) as port:
        host = f"webhdfs://127.0.0.1:{port}"
        assert kxcli(*WORDS, "-r", f"{host}/d").rows == [["a", "1"], ["c", "1"]]
        for folder in ("/d", "/d/", "/d//", "/"):
            found = [source.url for source in resolve_sources([host + folder], recursive=True)]
            assert found == [f"{host}/d/a.txt", f"{host}/d/b/c.txt"]
        [first, second] = resolve_sources([f"webhdfs://someone@127.0.0.1:{port}/d"], recursive=True)
        assert first.path == f"webhdfs://***@127.0.0.1:{port}/d/a.txt"
        assert second.url == f"webhdfs://someone@127.0.0.1:{port}/d/b/c.txt"


def test_every_command_reads_urls(kxcli, web):
    news, known, counts = SAMPLES / "news.txt", SAMPLES / "encyclopedia.jsonl", kxcli.folder / "counts.tsv"
    assert kxcli("newwords", web.url("news.txt", news.read_bytes())).out == kxcli("newwords", news).out
    kb, texts = web.url("kb", known.read_bytes()), web.url("news", news.read_bytes())
    assert kxcli("entity-link", "--kb", kb, texts).out == kxcli("entity-link", "--kb", known, news).out
    counts.write_bytes(b"a\t2\nb\t1\n")
    assert kxcli("wordcount", "--merge", counts, web.url("counts", b"b\t3\n")).rows == [["b", "4"], ["a", "2"]]


def test_columns_are_read_from_urls(kxcli, web):
    noise = SAMPLES / "noise.tsv"
    options = ("-x", "x", "-y", "noisy", "--test", "none")
    assert kxcli("hsic", *options, web.url("noise.tsv", noise.read_bytes())).out == kxcli("hsic", *options, noise).out
    file = BytesIO()
    np.save(file, np.random.default_rng(0).normal(size=(3_000, 3)))
    (kxcli.folder / "a.npy").write_bytes(file.getvalue())
    options = ("-x", "1", "-y", "2,3", "--test", "none")
    assert kxcli("hsic", *options, web.url("b.npy", file.getvalue())).out == kxcli("hsic", *options, "a.npy").out


# Ranges


def test_shard_is_one_request(kxcli, web):
    data = TEXT * 10
    page = Page(data)
    kxcli(*WORDS, "--shard-size", "100K", "-j", 2, web.url("a", page))
    shards = sorted(page.ranges)[2:]  # the first two requests detect the format
    assert sorted(page.ranges)[:2] == [(0, 1), (0, INITIAL_FETCH)]
    size = 100 << 10
    starts = [0, *(start - 1 for start in range(size, len(data), size))]
    assert shards == [(start, min(start + 1 + size + RANGE_OVERLAP, len(data))) for start in starts]


def test_long_line_is_read_beyond_its_range(kxcli, web):
    data = b"a b\n" + b"x " * 200_000 + b"\n" + b"c d\n" * 1_000
    assert kxcli(*WORDS, "-j", "2", *SMALL, web.url("a", data)).out == counted(kxcli, data)


def test_file_without_ranges_is_requested_once(kxcli, web):
    page = Page(TEXT, has_parts=False)
    kxcli(*WORDS, *SMALL, web.url("a", page))
    assert page.requests == ["bytes=0-0", None]


def test_compressed_file_is_requested_once(kxcli, web):
    page = Page(gzip.compress(os.urandom(1 << 19)))
    kxcli(*WORDS, "--encoding", "latin-1", "--shard-size", "64K", web.url("a", page))
    (probe, *ranges) = page.ranges
    assert probe == (0, 1)
    assert [start for start, _ in ranges] == [0, *(stop for _, stop in ranges[:-1])]
    assert ranges[-1][1] == len(page.data)


# Failures


def test_broken_range_resumes_at_the_same_byte(kxcli, web):
    page = Page(TEXT, breaks=[None, None, 1_000, 500, 0])
    options = ("-j", "1", "--shard-size", "1M", "--encoding", "auto", "-q")
    assert (
        run_with_script(kxcli, WITHOUT_PAUSES, *WORDS, *options, web.url("a", page)).stdout
        == counted(kxcli, TEXT).decode()
    )
    page = Page(gzip.compress(TEXT), breaks=[None, 1_000, 500, 0])
    ended = run_with_script(kxcli, WITHOUT_PAUSES, *WORDS, "-j", "1", *SMALL, web.url("b", page))
    assert ended.stdout == counted(kxcli, TEXT).decode()
    assert [start for start, _ in page.ranges] == [0, 0, 1_000, 1_500, 1_500]


def test_broken_stream_restarts_only_before_its_first_byte(kxcli, web):
    page = Page(TEXT, has_parts=False, breaks=[None, 0, 0])
    ended = run_with_script(kxcli, WITHOUT_PAUSES, *WORDS, "-j", "1", *SMALL, web.url("a", page))
    assert ended.stdout == counted(kxcli, TEXT).decode()
    assert len(page.requests) == 4
    page = Page(TEXT, has_parts=False, breaks=[None, 30_000])
    url = web.url("b", page)
    err = kxcli(*WORDS, "-j", "1", *SMALL, url, code=1).err
    assert err.startswith(f"kxcli: error: {url}: the connection broke after ")
    assert "; the server cannot resume in the middle" in err
    assert len(page.requests) == 2


@pytest.mark.parametrize("cut", [30_000, -5])
def test_truncated_answer_is_an_error(kxcli, web, cut):
    url = web.url("a", Page(TEXT, has_parts=False, has_length=False, breaks=[None, cut]))
    assert "the connection broke after " in kxcli(*WORDS, url, code=1).err


def test_process_reuses_its_connection(kxcli, web):
    page = Page(TEXT)
    kxcli(*WORDS, "-j", "1", *SMALL, web.url("a", page))
    assert len(page.requests) == 6
    assert web.n_connections == 1


def test_ranges_are_as_small_as_possible(kxcli, web):
    data = TEXT * 200
    page = Page(data)
    kxcli(*WORDS, "-j", "1", "--shard-size", "1G", web.url("a", page))
    assert page.ranges == [
        (0, 1),
        *((at, min(at + (4 << 20), len(data))) for at in range(0, len(data), 4 << 20)),
    ]


def test_busy_server_is_retried(kxcli, web):
    statuses = [503, None, 500, None, 429, 502]
    page = Page(TEXT, statuses=[*statuses])
    assert kxcli(*WORDS, "-j", "2", *SMALL, web.url("a", page)).out == counted(kxcli, TEXT)
    assert len(page.statuses) < len(statuses)


def test_busy_store_is_retried(kxcli, web):
    """The server is no store, but answers like one that is overloaded, and then has no such file."""
    page = Page(b"", statuses=[500, 503, 404, 404, 404])
    web.url("bucket/a", page)
    kxcli.environment |= AWS | {"AWS_ENDPOINT_URL": web.url("", b"").rstrip("/")}
    web.server.RequestHandlerClass.do_HEAD = web.server.RequestHandlerClass.do_GET
    err = run_with_script(kxcli, WITHOUT_PAUSES, *WORDS, "s3://bucket/a", code=1).stderr
    assert len(page.requests) >= 3
    assert err.startswith("kxcli: error: s3://bucket/a: ")
    assert len(err.splitlines()) == 1


def run_with_script(kxcli, script, *arguments, code=0, **environment):
    """Run the program after a script in the same interpreter."""
    program = f"import sys\n{script}\nfrom kxcli.cli import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    environment = kxcli.environment | environment
    process = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=kxcli.folder, check=False)
    assert process.returncode == code, process.stderr
    return process


def test_retries_end(kxcli, web):
    page = Page(TEXT, statuses=[None, *[503] * 100])
    url = web.url("a", page)
    err = run_with_script(kxcli, WITHOUT_PAUSES, *WORDS, url, code=1).stderr
    what = "the server answers 503 Service Unavailable (5 tries)"
    assert err == f"kxcli: error: {url}: {what}; check the network and the server, and run again\n"
    assert len(page.requests) == 1 + 5


def test_silent_server_is_retried(kxcli, web):
    page = Page(b"a\n", hangs=[False, True, False])
    script = "from kxcli.corpus.remote import http_file; http_file.TIMEOUT_SECONDS = (10, 0.5)"
    assert run_with_script(kxcli, script, *WORDS, web.url("a", page)).stdout == "a\t1\n"
    assert len(page.requests) == 3


@contextmanager
def started(kxcli, *arguments):
    process = kxcli.start(*arguments)
    try:
        with process:
            try:
                yield process
            finally:
                process.kill()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


@pytest.mark.costly
@pytest.mark.parametrize(
    ("hanging", "workers", "number"),
    [
        ("head", 1, signal.SIGTERM),
        ("first part", 1, signal.SIGINT),
        ("shard", 1, signal.SIGTERM),
        ("shard", 2, signal.SIGHUP),
        ("store", 1, signal.SIGINT),
    ],
)
def test_signal_ends_a_run_with_a_hanging_server(kxcli, web, hanging, workers, number):
    page = Page(TEXT, hangs={"first part": [False, True], "shard": [False, False, *[True] * 9]}.get(hanging, [True]))
    url = web.url("bucket/a", page)
    if hanging == "store":
        kxcli.environment |= AWS | {"AWS_ENDPOINT_URL": url.removesuffix("/bucket/a")}
        web.server.RequestHandlerClass.do_HEAD = web.server.RequestHandlerClass.do_GET
        url = "s3://bucket/a"
    n_requests = {"first part": 2, "shard": 2 + workers}.get(hanging, 1)
    with started(kxcli, *WORDS, *SMALL, "-j", workers, url) as process:
        wait_until(lambda: len(page.requests) == n_requests)
        process.send_signal(number)
        assert process.wait(timeout=120) == 128 + number
        assert process.stderr.read() == b""
        wait_until(lambda: members(process.pid) == [])
    assert kxcli.leftovers() == []


def test_missing_remote_files_are_errors(kxcli, web, s3):
    """Most of them in this process, because importing the libraries of a store takes a second."""
    missing = web.url("a", b"").replace("/a", "/missing")
    for url, what in {
        missing: "the server answers 404 Not Found; check the address and the rights",
        web.url("a", Page(b"", statuses=[403])): "the server answers 403 Forbidden; check the address and the rights",
        "http://": "is not a valid URL, or redirects to one that is not; check the address",
        "s3://bucket/missing": "No such file or directory; check the name, the rights and the credentials",
        "http://a..b/": "is not a valid URL, or redirects to one that is not; check the address",
        "unknown://a": "Protocol not known: unknown; check the address",
    }.items():
        with pytest.raises(InputError) as caught:
            resolve_sources([url])
        assert str(caught.value) == f"{url}: {what}"
    with pytest.raises(InputError, match=r"^s3://no-such-bucket/a: "):
        resolve_sources(["s3://no-such-bucket/a"])
    kxcli.environment["AWS_ACCESS_KEY_ID"] = ""
    what = "Unable to locate credentials; check the name, the rights and the credentials"
    kxcli.environment["AWS_EC2_METADATA_DISABLED"] = "true"
    assert kxcli.run(*WORDS, "s3://bucket/a", code=1).err == f"kxcli: error: s3://bucket/a: {what}\n"


def test_refused_connection_is_an_error(kxcli):
    with ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler) as closed:
        address = f"http://127.0.0.1:{closed.server_port}"
    kxcli.environment |= AWS | {"AWS_ENDPOINT_URL": address}
    for url, what in {
        f"{address}/a": "Connection refused",
        "s3://bucket/a": "Could not connect to the endpoint",
    }.items():
        err = run_with_script(kxcli, WITHOUT_PAUSES, *WORDS, url, code=1).stderr
        assert err.startswith(f"kxcli: error: {url}: {what}")
        assert err.endswith(" (5 tries); check the network and the server, and run again\n")


@pytest.mark.parametrize("put", ["ranges", "in order", "file"], indirect=True)
def test_bad_byte_is_reported_with_its_line(kxcli, put):
    url = put("bad.txt", TEXT + b"\xff\n" + TEXT)
    line = TEXT.count(b"\n") + 1
    err = kxcli(*WORDS, "-j", "1", *SMALL, url, code=1).err
    assert err.startswith(f"kxcli: error: {url}:{line}: byte 0xff is not valid utf-8")


@pytest.mark.parametrize("put", ["ranges", "s3"], indirect=True)
def test_skipped_line_is_reported_with_its_number(kxcli, put):
    err = kxcli(*WORDS, "-j", "1", *SMALL, "--on-error", "skip", url := put("bad.txt", TEXT + b"\xff\n" + TEXT)).err
    line = TEXT.count(b"\n") + 1
    assert f"{url}:{line}" in err


def test_output_to_a_url_is_refused(kxcli):
    err = kxcli(*WORDS, "-o", "s3://bucket/a", stdin="a\n", code=1).err
    assert err.startswith("kxcli: error: s3://...: is a URL, and output goes to local files; ")
    assert {path.name for path in kxcli.folder.iterdir()} == {".cache", "tmp"}


def mask(url, user):
    """Return the URL with a name, a password and a signature, and its form in messages."""
    secret = url.replace("://", f"://{user}@") + "?X-Amz-Signature=signed%2F==&opaque9"
    return secret, url.replace("://", "://***@") + "?***"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://me:pa@ss@host:8080/a@b/c.txt?a=b&c=d==#e", "https://***@host:8080/a@b/c.txt?***"),
        ("HTTP://token@host/a?signature", "HTTP://***@host/a?***"),
        ("https://host/a?", "https://host/a?"),
        ("https://host/a#secret", "https://host/a#***"),
        ("https://host:8080/@user/a", "https://host:8080/@user/a"),
        ("http:///me:word@host/a", "http://***@host/a"),
        ("http:////me:word@host/a", "http://***@host/a"),
        ("http://me:wo rd@host/a b", "http://***@host/a b"),
        ("http://me:wo/rd@host/a", "http://***@host/a"),
        ("http://me:wo?rd@host/a", "http://***@host/a"),
        ("http://me:wo#rd@host/a", "http://***@host/a"),
        ("http://me:word%40host/a", "http://me:***/a"),
        ("http://m%65:w%6Frd@host/a", "http://***@host/a"),
        ("http://[::1]:80/a", "http://[::1]:80/a"),
        ("zip://a.txt::https://me:word@host/x.zip?sig=a", "zip://a.txt::https://***@host/x.zip?***"),
        ("s3://key:word@bucket/a", "s3://***@bucket/a"),
        ("s3://bucket/what?.txt", "s3://bucket/what?.txt"),
        ("s3://bucket/me@home?versionId=a&b", "s3://bucket/me@home?***"),
        ("file:///home/me@a", "file:///home/me@a"),
        ("me:word@a?b=c", "me:word@a?b=c"),  # not a URL
    ],
)
def test_secrets_of_urls_are_hidden(url, expected):
    assert get_display_name(url) == expected


def test_messages_and_checkpoints_have_no_secrets(kxcli, web):
    url, expected = mask(web.url("a.txt", TEXT + b"\xff\n" + TEXT), "someone:word")
    options = ("-v", *SMALL, "--checkpoint", "kept")
    ended = kxcli(*WORDS, *options, "-j", "2", url, code=1)
    line = TEXT.count(b"\n") + 1
    assert f"kxcli: error: {expected}:{line}: byte 0xff is not valid utf-8" in ended.err
    errs = [ended.err]
    for _ in range(2):  # the second run reads the checkpoint only
        errs.append(kxcli(*WORDS, *options, "-j", "1", "--encoding", "auto", "--on-error", "skip", url).err)
        assert f"{expected}:{line}\n" in errs[-1]
        assert f"{expected}: read as " in errs[-1]
    stored = [path.read_bytes() for path in (kxcli.folder / "kept").rglob("*") if path.is_file()]
    assert any(b"@127.0.0.1" in data for data in stored)
    for data in [*stored, *(err.encode() for err in errs)]:
        for secret in (b"someone", b"word@", b"signed", b"opaque9"):
            assert secret not in data


def test_errors_of_urls_have_no_secrets(web, s3):
    forbidden, changing = web.url("b", Page(b"", statuses=[403])), web.url("c", Page(TEXT, after=1))
    for url, what in {
        forbidden.replace("/b", "/missing"): "the server answers 404",
        forbidden: "the server answers 403",
        "http://a..b/": "is not a valid URL",
        "http://127.0.0.1:port/": "is not a valid URL",
        "s3://bucket/missing": "",
        "unknown://a": "Protocol not known",
    }.items():
        secret, expected = mask(url, "someone:word")
        with pytest.raises(InputError) as caught:
            resolve_sources([secret])
        message = str(caught.value)
        assert message.startswith(f"{expected}: {what}" if url.startswith("http") else expected.removesuffix("***"))
        assert what in message
        assert not re.search("someone|word|signed", message)
    secret, expected = mask(changing, "someone:word")
    with pytest.raises(InputError) as caught, resolve_sources([secret])[0].open() as file:
        file.read(1)
    assert str(caught.value) == f"{expected}: changed while it was read; run again when nobody writes to it"


BAD = TEXT + b"\xff\n" + TEXT
FAR = "from kxcli.corpus import sources; sources.MAX_COUNTED_BYTES = 20_000"


def test_distant_line_is_reported_by_its_byte(kxcli, web):
    assert len(TEXT) > 20_000
    page = Page(BAD)
    url = web.url("a", page)
    options = ("-j", "1", *SMALL)
    err = run_with_script(kxcli, FAR, *WORDS, *options, url, code=1).stderr
    assert err.startswith(f"kxcli: error: {url}: byte {len(TEXT)}: byte 0xff is not valid utf-8")
    starts = [start for start, _ in page.ranges]
    assert starts[:3] == [0, 0, 0]  # its state, its format, and its first shard
    assert 0 not in starts[3:]
    err = run_with_script(kxcli, FAR, *WORDS, *options, "--on-error", "skip", url).stderr
    assert f": {url}: byte {len(TEXT)}\n" in err


@pytest.mark.parametrize(("on_error", "read"), [("stop", TEXT), ("skip", BAD)])
def test_lines_are_counted_in_the_version_that_was_read(kxcli, web, on_error, read):
    n_shards = len(read) // (16 << 10) + 1
    url = web.url("a", Page(BAD, after=2 + n_shards))  # the next request is the one that counts lines
    err = kxcli(*WORDS, "-j", "1", *SMALL, "--on-error", on_error, url, code=1).err
    assert err == f"kxcli: error: {url}: changed while it was read; run again when nobody writes to it\n"


def test_urls_that_differ_in_their_query_are_distinguished(kxcli, web):
    url = web.url("a", BAD)
    err = kxcli(*WORDS, "-j", "1", *SMALL, "--on-error", "skip", f"{url}?v=1", f"{url}?v=2").err
    found = re.search(rf"2 lines skipped: .*: {re.escape(url)}\?\*\*\*: line (\d+) from byte (\d+)", err)
    line, start = int(found[1]), int(found[2])
    assert BAD[start:].split(b"\n")[line - 1] == b"\xff"


# Changes while reading


@pytest.mark.parametrize(("n_before", "workers"), [(1, 1), (3, 2), (5, 1)])
def test_changed_file_is_an_error(kxcli, web, n_before, workers):
    url = web.url("a", Page(TEXT, after=n_before))
    err = kxcli(*WORDS, "-j", workers, *SMALL, url, code=1).err
    assert err == f"kxcli: error: {url}: changed while it was read; run again when nobody writes to it\n"


def test_changed_file_without_ranges_is_an_error(kxcli, web):
    page = Page(TEXT, has_parts=False, after=1)
    assert "changed while it was read" in kxcli(*WORDS, "-j", "1", *SMALL, web.url("a", page), code=1).err


def planner(folder, diagnostics=None, **options):
    spec = ReaderSpec(split_pattern="words")
    return TaskPlanner(spec, "text", "utf-8", 2_048, lambda: str(folder), (diagnostics or []).append, **options)


def read(task):
    return [document.text for document in TaskReader(ReaderSpec(split_pattern="words"), "utf-8")(task, [])]


@pytest.mark.parametrize("data", [TEXT, b"small\n", PACKED], ids=["large", "small", "packed"])
def test_changed_object_is_an_error(s3, tmp_path, data):
    name = f"changing{len(data)}"  # other tests use the server at the same time
    url = s3.url(name, data)
    [source] = resolve_sources([url])
    assert read(next(planner(tmp_path).iter_tasks([source])))
    s3.url(name, data[:-1] + b"\1")
    with pytest.raises(InputError, match=f"{url}: changed while it was read"):
        for task in planner(tmp_path).iter_tasks([source]):
            read(task)


@pytest.mark.parametrize("data", [TEXT, b"small\n", PACKED], ids=["large", "small", "packed"])
@pytest.mark.parametrize("how", ["longer", "later", "gone"])
def test_changed_local_file_is_an_error_in_a_resumable_run(tmp_path, data, how):
    path = tmp_path / "a"
    path.write_bytes(data)

    def change():
        if how == "longer":
            path.write_bytes(data + b"\n")
        elif how == "later":
            os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
        else:
            path.unlink()

    def tasks(**options):
        yield from planner(tmp_path, **options).iter_tasks(resolve_sources([str(path)]))

    first = next(tasks(is_resumable=True))
    assert read(first)
    watched, unwatched = tasks(is_resumable=True), tasks()
    next(watched)
    unwatched = [next(unwatched)]
    change()
    if how != "gone":
        is_read_in_parts = len(data) > 2_048 and data is not PACKED
        for task in unwatched:
            if is_read_in_parts:
                with pytest.raises(InputError, match="changed while it was read"):
                    read(task)
            else:
                assert read(task)
    with pytest.raises(InputError, match="No such file" if how == "gone" else "changed while it was read; run again"):
        read(first)
        list(watched)


# Stamps of sources


def stamp(*names):
    return [source.stamp for source in resolve_sources([str(name) for name in names])]


def test_stamp_depends_on_path_size_time_and_ends(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "a"
    data = os.urandom(300_000)
    path.write_bytes(data)
    (before,) = stamp("a")
    time = path.stat().st_mtime_ns
    assert re.fullmatch("[0-9a-f]{64}", before)
    assert stamp("a") == [before]

    def changed(data, time=time):
        path.write_bytes(data)
        os.utime(path, ns=(0, time))
        return stamp("a") != [before]

    assert not changed(data)
    assert changed(data, time + 1)
    assert changed(data + b"x")
    assert changed(data[:-1])
    for at in (0, 65_535, len(data) - 65_536, len(data) - 1):
        assert changed(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert not changed(data[:150_000] + bytes([data[150_000] ^ 1]) + data[150_001:])  # the time differs then
    assert stamp("./a") != [before]
    for size in (0, 1, 65_536, 65_537):
        path.write_bytes(data[:size])
        assert stamp("a") == stamp("a")


def test_stamp_of_an_object_depends_on_its_content(s3, web):
    urls = [s3.url("stamped", TEXT), s3.url("stamped2", TEXT), web.url("a", Page(TEXT))]
    stamps = stamp(*urls)
    assert len(set(stamps)) == 3
    assert stamp(*urls) == stamps
    s3.url("stamped", TEXT[:-1])
    web.url("a", Page(TEXT, tag='"two"'))
    after = stamp(*urls)
    assert [a == b for a, b in zip(stamps, after, strict=True)] == [False, True, False]


def test_file_without_a_version_has_no_stamp(web):
    with pytest.raises(UsageError, match="read again"):
        stamp(web.url("a", Page(TEXT, tag=None)))


def test_identity_of_a_task_is_stamp_and_number(tmp_path, s3):
    (tmp_path / "small").write_bytes(b"a\n")
    (tmp_path / "large").write_bytes(TEXT)
    (tmp_path / "packed").write_bytes(PACKED)
    names = [*(str(tmp_path / name) for name in ("small", "large", "packed", "small")), s3.url("numbered", TEXT)]

    def identities(names, **options):
        return [task.identity for task in planner(tmp_path, **options).iter_tasks(resolve_sources(names))]

    found = identities(names, is_resumable=True)
    stamps = stamp(*names)
    expected = [[number for known, number in found if known == one] for one in stamps]
    assert stamps[3] == stamps[0]  # a source that is named twice has two stamps, so that all tasks differ
    assert expected[0] == expected[3] == [0]
    assert [number for known, number in found if known == f"{stamps[0]}-2"] == [0]
    assert len({*found}) == len(found)
    for numbers in (expected[1], expected[2], expected[4]):
        assert numbers == list(range(len(numbers)))
        assert len(numbers) > 1
    assert {*identities(names[::-1], is_resumable=True)} == {*found}
    assert set(identities(names)) == {None}


def test_tasks_of_equal_identity_have_equal_text(tmp_path):
    (tmp_path / "a").write_bytes(TEXT)
    (tmp_path / "b").write_bytes(b"b\n")
    sources = resolve_sources([str(tmp_path / "a"), str(tmp_path / "b"), str(tmp_path / "b")])
    known, other = (
        [text for task in planner(tmp_path, is_resumable=known).iter_tasks(sources) for text in read(task)]
        for known in (True, False)
    )
    assert counts_of(" ".join(known)) == counts_of(" ".join(other))


def test_streams_have_no_stamp(tmp_path, web):
    os.mkfifo(tmp_path / "pipe")
    page = web.url("a", Page(TEXT, has_parts=False))
    for source in (Source("<stdin>", is_stdin=True), *resolve_sources([str(tmp_path / "pipe"), "/dev/null", page])):
        with pytest.raises(Exception, match="a checkpoint needs inputs that can be read again") as caught:
            list(planner(tmp_path, is_resumable=True).iter_tasks([source]))
        assert caught.value.exit_code == 2


# Imports


@pytest.mark.costly
@pytest.mark.parametrize(
    ("library", "url"), [("requests", "http://127.0.0.1/a"), ("fsspec", "s3://a/b"), ("s3fs", "s3://a/b")]
)
def test_missing_extra_is_named(kxcli, library, url):
    ended = run_with_script(kxcli, f"sys.modules['{library}'] = None", *WORDS, url, code=1)
    what = f"reading {url.partition('//')[0]}// needs an extra library"
    assert ended.stderr == f"kxcli: error: {what}; install it with: pip install {list_requirements('remote')}\n"


def test_missing_library_of_a_store_is_named(kxcli):
    for url, library in {"gs://bucket/a": "gcsfs", "hdfs://host/a": "pyarrow"}.items():
        script = f"sys.modules['{library}'] = None"
        err = run_with_script(kxcli, script, *WORDS, url, code=1).stderr
        assert re.fullmatch(rf"kxcli: error: {url}: \w+:// needs another library; .*{library}.*\n", err)


def test_remote_libraries_are_imported_only_for_urls(kxcli):
    (kxcli.folder / "a").write_bytes(b"a\n")
    libraries = {"fsspec", "requests", "urllib3", "s3fs", "aiohttp", "asyncio", "ssl"}
    report = f"import atexit; atexit.register(lambda: print(sorted({libraries} & set(sys.modules)), file=sys.stderr))"
    for arguments in (["--help"], [*WORDS, "a"], ["newwords", "a"]):
        assert run_with_script(kxcli, report, *arguments).stderr.endswith("[]\n")


def test_http_needs_no_fsspec(kxcli, web):
    assert run_with_script(kxcli, "sys.modules['fsspec'] = None", *WORDS, web.url("a", b"a\n")).stdout == "a\t1\n"
