"""Fixtures that the tests share: the program, the samples, the corpora if they are available."""

import gc
import itertools
import mmap
import multiprocessing.forkserver
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from kxcli.cli import main
from kxcli.mining.segment import compiled, jieba_reference
from kxcli.tuning import configure_process

configure_process()  # as the program does, before numpy is imported

FIXED_EXAMPLES = 30
COMMON = {
    "deadline": None,
    "print_blob": True,
    # The fixtures that tests with examples use are the same for all examples.
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
}
settings.register_profile("fixed", derandomize=True, max_examples=FIXED_EXAMPLES, **COMMON)
settings.register_profile("random", **COMMON)  # of `make test-slow`
settings.load_profile("fixed")


def examples(number):
    """Return settings for `number` random examples, or a third of them in `make test`."""
    return settings(max_examples=number // 3 if settings.default.max_examples == FIXED_EXAMPLES else number)


# Processes inherit ignored signals (under nohup, or in the background of a shell), but not handlers.
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGQUIT):
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, lambda number, frame: None)

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "data" / "samples"
SHARED = ROOT.parent / "shared"


DICTIONARIES = []  # the folder of those that this session has compiled


def share_dictionaries(home):
    """Give the program, with this folder as its home, the dictionaries that this session has compiled."""
    (home / ".cache" / "kxcli").mkdir(parents=True, mode=0o700)
    (home / ".cache" / "kxcli" / "dictionaries").symlink_to(DICTIONARIES[-1])


@dataclass
class Ended:
    """How a run of the program ended."""

    code: int
    out: bytes
    messages: bytes

    @property
    def err(self):
        return self.messages.decode("utf-8", "replace")

    @property
    def text(self):
        return self.out.decode("utf-8")

    @property
    def rows(self):
        return [line.split("\t") for line in self.text.splitlines()]


def encode(text):
    return text if isinstance(text, bytes) else text.encode()


@contextmanager
def in_process(environment, folder, stdin):
    """Give this process the environment, folder and descriptors 0 to 2 of a new one; yield its [stdout, stderr].

    The list is filled when the block ends.  stdin is a pipe, as in a shell; stdout and stderr are files, since a server
    of multiprocessing that ends later would keep a pipe open.
    """
    streams = []
    before = dict(os.environ), os.getcwd(), tempfile.tempdir, (sys.stdin, sys.stdout, sys.stderr)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)}
    collector = gc.get_threshold()
    with ExitStack() as stack:
        files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
        saved = [os.dup(number) for number in range(3)]
        reading, writing = os.pipe()
        feeder = threading.Thread(target=_feed, args=(writing, stdin))
        feeder.start()
        for number, source in enumerate((reading, files[0].fileno(), files[1].fileno())):
            os.dup2(source, number)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        tempfile.tempdir = None
        sys.stdin = text_stream(0, "r", "surrogateescape")
        sys.stdout = text_stream(1, "w", "surrogateescape")
        sys.stderr = text_stream(2, "w", "backslashreplace")
        try:
            yield streams
        finally:
            with suppress(FileNotFoundError):  # its socket was in the folder of the run
                multiprocessing.forkserver._forkserver._stop()
            for stream in (sys.stdout, sys.stderr):
                with suppress(ValueError, AttributeError):
                    stream.flush()
            for number, descriptor in enumerate(saved):
                os.dup2(descriptor, number)
                os.close(descriptor)
            while os.read(reading, 1 << 16):  # a process of multiprocessing may hold the pipe, too
                pass
            os.close(reading)
            feeder.join()
            os.environ.clear()
            os.environ.update(before[0])
            os.chdir(before[1])
            tempfile.tempdir = before[2]
            sys.stdin, sys.stdout, sys.stderr = before[3]
            for number, handler in handlers.items():
                signal.signal(number, handler)
            gc.set_threshold(*collector)
            for file in files:
                file.seek(0)
                streams.append(file.read())


def text_stream(number, mode, errors):
    return open(number, mode, encoding="utf-8", errors=errors, closefd=False)


def _feed(descriptor, data):
    with suppress(BrokenPipeError), open(descriptor, "wb") as pipe:
        pipe.write(data)


class Program:
    """`kxcli` with an environment, a folder and a temporary folder of its own, in this process or in another one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tmp = folder / "tmp"
        self.tmp.mkdir()
        share_dictionaries(folder)
        self.environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(folder),
            "TMPDIR": str(self.tmp),
            "LC_ALL": "C",
        }
        if "KXCLI_KERNEL" in os.environ:  # `make test-fallback`
            self.environment["KXCLI_KERNEL"] = os.environ["KXCLI_KERNEL"]

    def command(self, *arguments):
        return [sys.executable, "-m", "kxcli", *map(str, arguments)]

    def start(self, *arguments, **options):
        """Start without waiting, in a process group of its own."""
        settings = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        settings["cwd"] = self.folder
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            start_new_session=True,
            **{**settings, **options},
        )

    def __call__(self, *arguments, stdin=b"", code=0, **options):
        """Call the program in this process and return how it ended; the exit code has to be `code`.

        Options of `subprocess.Popen` and variables of the interpreter need a process of its own: see `run`.
        """
        if options or any(name.startswith("PYTHON") for name in self.environment):
            return self.run(*arguments, stdin=stdin, code=code, **options)
        with in_process(self.environment, self.folder, encode(stdin)) as streams:
            exit_code = main([*map(str, arguments)])
        return self._check(Ended(exit_code, *streams), code, arguments)

    def run(self, *arguments, stdin=b"", code=0, **options):
        """Run the program in a process of its own to the end; the exit code has to be `code`."""
        process = self.start(*arguments, stdin=subprocess.PIPE, **options)
        try:
            out, err = process.communicate(encode(stdin), timeout=120)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        return self._check(Ended(process.returncode, out or b"", err or b""), code, arguments)

    @staticmethod
    def _check(ended, code, arguments):
        assert ended.code == code, f"exit code {ended.code}, not {code}: {ended.err}"
        assert "Traceback" not in ended.err or "-v" in arguments
        return ended

    def leftovers(self):
        """Return the names in the temporary folder."""
        return sorted(path.name for path in self.tmp.iterdir())


@pytest.fixture(scope="session", autouse=True)
def _cache():
    """Keep the cache of this user free of dictionaries of tests."""
    with tempfile.TemporaryDirectory(prefix="kxcli-test-cache-") as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", folder)
        DICTIONARIES.append(Path(folder, "kxcli", "dictionaries"))
        DICTIONARIES[-1].mkdir(parents=True, mode=0o700)
        yield


@pytest.fixture(scope="session", autouse=True)
def _tables():
    """Read the tables of jieba once in this process."""
    import kernel_texts as once

    read_tags = cache(jieba_reference._read_tags)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jieba_reference._import_jieba().Tokenizer, "gen_pfdict", staticmethod(once.parse_dictionary))
        patch.setattr(jieba_reference, "_read_tags", lambda main: dict(read_tags(main)))
        patch.setattr(compiled, "_list_kinds", once.list_kinds)
        patch.setattr(compiled, "_list_probabilities", once.list_probabilities)
        yield


@pytest.fixture
def kxcli():
    with tempfile.TemporaryDirectory(prefix="kxcli-test-") as folder:  # short, for the sake of socket names
        yield Program(Path(folder))


@pytest.fixture
def small_disk(kxcli):
    """A file system of 64 KiB."""
    folder = kxcli.folder / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(params=[1, 2], ids=["-j1", "-j2"])
def workers(request):
    return request.param


@pytest.fixture(scope="session")
def corpora():
    """Return the folder of real corpora; skip the test if it is missing."""
    folder = SHARED / "data" / "corpus"
    if not folder.is_dir():
        pytest.skip("the real corpora are missing")
    return folder


def members(group):
    """Return the live processes of a process group, by reading /proc."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            if int(fields[2]) == group and fields[0] != "Z":
                found.append(int(entry))
    return found


def mapped(data):
    """Return bytes as a view of a mapped file that has no name."""
    if not data:
        return memoryview(data)
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        return memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))


def all_pairs(*axes):
    """Return a few cases that contain each pair of values of any two axes."""
    cases = list(itertools.product(*map(list, axes)))
    pairs = {case: set(itertools.combinations(enumerate(map(repr, case)), 2)) for case in cases}
    chosen, missing = [], set().union(*pairs.values())
    while missing:
        best = max(cases, key=lambda case: len(pairs[case] & missing))
        chosen.append(best)
        missing -= pairs[best]
    return chosen


def wait_until(condition, seconds=120):
    """Wait until a condition holds; fail if it does not in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "timeout"
        time.sleep(0.02)


QUICK_CASES, COSTLY_CASES = 1, 2


def pytest_collection_modifyitems(items):
    """Exclude cases of tests from the quick targets.

    `make test-quick`, for every edit, has the first case of each test, and `make test` the first two cases of a costly
    one; `make test-slow` has all.
    """
    seen = {}
    for item in items:
        name = (item.path, getattr(item, "originalname", item.name))
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > QUICK_CASES:
            item.add_marker(pytest.mark.full)
        if seen[name] > COSTLY_CASES and item.get_closest_marker("costly"):
            item.add_marker(pytest.mark.slow)
