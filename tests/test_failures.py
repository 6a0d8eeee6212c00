"""Failures of the program: pipes, signals, killed processes, full disks, damaged input, and their messages."""

import bz2
import gzip
import lzma
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from conftest import SAMPLES, all_pairs, members, wait_until

from kxcli import kernel
from kxcli.errors import list_requirements
from kxcli.kernel import load_kernel

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

SPACE = ("wordcount", "-t", "space")
CHUNK = b"x y\n" * (1 << 16)  # the size of one read from a stream
LIMIT = 1 << 22  # bytes; a longer line of a stream is spooled to disk
OLD = b"old\t1\n"


def put(kxcli, name, data=b""):
    path = kxcli.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return name


def many_words(count=60_000):
    return "".join(f"w{n}\n" for n in range(count)).encode()


def workers_of(process):
    """Return the worker processes of a run, which are children of its forkserver."""
    found = []
    for pid in members(process.pid):
        with suppress(OSError):
            parent = int(Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[1])
            if parent not in (process.pid, os.getpid()) and pid != process.pid:
                found.append(pid)
    return found


@contextmanager
def running(kxcli, *arguments, **options):
    """Start the program; at the end of the block, kill all its processes."""
    process = kxcli.start(*arguments, **options)
    try:
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    process.kill()
                with suppress(OSError):
                    process.stdin and process.stdin.close()
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def threads_of(process):
    return os.listdir(f"/proc/{process.pid}/task")[1:]


@contextmanager
def midway(kxcli, *arguments, workers=2, kind="processes", data=CHUNK * 4, **options):
    """Start a run, and wait until it has read much of its open stdin and has all its workers.

    These are processes, or the threads of the kernel.
    """
    if kind == "processes":
        kxcli.environment["KXCLI_KERNEL"] = "off"
    elif kernel.load_kernel() is None:
        pytest.skip(kernel.explain_absence())
    find_workers = workers_of if kind == "processes" else threads_of
    use = (*SPACE, "-j", workers, "--shard-size", "100K", *arguments)
    with running(kxcli, *use, stdin=subprocess.PIPE, **options) as process:
        process.stdin.write(data)
        process.stdin.flush()  # this is more than a pipe holds, so the program reads
        if workers > 1:
            wait_until(lambda: len(find_workers(process)) == workers)
        yield process


def ended(process, code):
    """Wait for the end of a run, and return its stderr."""
    try:
        process.wait(timeout=120)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
    err = process.stderr.read().decode()
    assert process.returncode == code, err
    assert "Traceback" not in err
    wait_until(lambda: members(process.pid) == [])
    return err


@pytest.fixture
def old(kxcli):
    """An output of an earlier run in its own folder, which the test must not change."""
    path = kxcli.folder / "out" / "old.tsv"
    put(kxcli, path, OLD)
    yield path
    assert path.read_bytes() == OLD
    assert os.listdir(path.parent) == ["old.tsv"]


# Closed pipes


@pytest.mark.parametrize("size", ["10", "1M"])
def test_closed_pipe_to_head_exits_silently(kxcli, workers, size):
    put(kxcli, "a", many_words() if size == "1M" else b"a b c\n" * 10)
    script = '"$@" | head -1; exit ${PIPESTATUS[0]}'
    process = subprocess.Popen(
        ["bash", "-c", script, "-", *kxcli.command(*SPACE, "-j", workers, "--shard-size", "100K", "a")],
        cwd=kxcli.folder,
        env=kxcli.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert out == (b"w0\t1\n" if size == "1M" else b"a\t10\n")
    wait_until(lambda: members(process.pid) == [])
    assert kxcli.leftovers() == []


@pytest.mark.parametrize(("form", "workers"), [("tsv", 1), ("csv", 2), ("jsonl", 1)])
def test_closed_stdout_pipe_exits_silently(kxcli, form, workers):
    put(kxcli, "a", many_words())
    with running(kxcli, *SPACE, "-j", workers, "-f", form, "a") as process:
        process.stdout.close()
        assert ended(process, 0) == ""
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("arguments", [("--help",), ("--version",), ("wordcount", "--help")])
def test_closed_pipe_during_help_is_no_error(kxcli, arguments):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        assert kxcli(*arguments, stdout=writing).err == ""
    finally:
        os.close(writing)


def test_closed_fifo_exits_silently(kxcli):
    put(kxcli, "a", many_words())
    os.mkfifo(kxcli.folder / "fifo")
    with running(kxcli, *SPACE, "-o", "fifo", "a") as process:
        os.close(os.open(kxcli.folder / "fifo", os.O_RDONLY))
        assert ended(process, 0) == ""


def test_closed_standard_streams_print_no_traceback(kxcli):
    def shell(redirection):
        return subprocess.run(
            ["sh", "-c", f'"$@" {redirection}', "-", *kxcli.command(*SPACE)],
            cwd=kxcli.folder,
            env=kxcli.environment,
            input=b"x\n",
            capture_output=True,
            timeout=120,
        )

    closed = shell("<&-")
    assert (closed.returncode, closed.stdout) == (1, b"")
    assert closed.stderr.startswith(b"kxcli: error: <stdin>: ") and b"Traceback" not in closed.stderr
    closed = shell(">&-")
    assert closed.returncode == 1
    assert closed.stderr.startswith(b"kxcli: error: <stdout>: ") and b"Traceback" not in closed.stderr
    assert (shell("2>&-").returncode, shell("2>&-").stdout) == (0, b"x\t1\n")


# Signals

SIGNALS = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}


@pytest.mark.parametrize(
    ("number", "to", "workers", "kind"),
    all_pairs(SIGNALS, ["process", "group"], [1, 2], ["processes", "threads"]),
)
def test_signal_ends_all_workers(kxcli, old, number, to, workers, kind):
    with midway(kxcli, "-o", old, workers=workers, kind=kind) as process:
        (os.kill if to == "process" else os.killpg)(process.pid, number)
        assert ended(process, SIGNALS[number]).strip() == ""
    assert kxcli.leftovers() == []


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_signal_ends_busy_workers(kxcli, old, number, code):
    put(kxcli, "a", "今天天气很好，我们去公园散步。\n" * 100_000)
    with running(kxcli, "wordcount", "--engine", "jieba", "-j", 2, "-o", old, "a") as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        os.kill(process.pid, number)
        assert ended(process, code).strip() == ""
    assert kxcli.leftovers() == []


@pytest.mark.parametrize(
    ("number", "tokenizer"), [(signal.SIGINT, "space"), (signal.SIGTERM, "jieba"), (signal.SIGHUP, "space")]
)
def test_signal_at_worker_start_prints_no_traceback(kxcli, number, tokenizer):
    def is_starting():
        commands = []
        for pid in members(process.pid):
            with suppress(OSError):
                commands.append(Path("/proc", str(pid), "cmdline").read_bytes())
        return any(b"forkserver" in command for command in commands)

    kxcli.environment["KXCLI_KERNEL"] = "off"
    put(kxcli, "a", "今天天气很好，我们去公园散步。\n" * 60_000)
    with running(kxcli, "wordcount", "-t", tokenizer, "-j", 2, "--shard-size", "10K", "a") as process:
        wait_until(is_starting)
        os.killpg(process.pid, number)
        assert ended(process, SIGNALS[number]).strip() == ""
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_second_signal_prints_no_traceback(kxcli, old, number):
    with midway(kxcli, "-o", old) as process:
        os.killpg(process.pid, number)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        assert ended(process, 128 + number).strip() == ""
    assert kxcli.leftovers() == []


@pytest.mark.parametrize(("number", "workers"), [(signal.SIGINT, 1), (signal.SIGTERM, 2), (signal.SIGHUP, 2)])
def test_signal_removes_spooled_lines(kxcli, number, workers):
    with running(kxcli, *SPACE, "-j", workers, stdin=subprocess.PIPE) as process:
        process.stdin.write(b"x " * LIMIT)  # one line without end
        process.stdin.flush()
        wait_until(lambda: any(name.startswith("kxcli-") for name in kxcli.leftovers()))
        modes = [path.stat().st_mode & 0o777 for path in kxcli.tmp.iterdir()]
        os.kill(process.pid, number)
        assert ended(process, SIGNALS[number]).strip() == ""
    assert set(modes) == {0o700}
    assert kxcli.leftovers() == []


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_signal_ends_a_run_that_waits_for_a_fifo(kxcli, number, code):
    os.mkfifo(kxcli.folder / "fifo")
    put(kxcli, "a", "x\n")
    with running(kxcli, *SPACE, "-o", "fifo", "a") as process:
        wchan = Path("/proc", str(process.pid), "wchan")
        wait_until(lambda: "fifo" in wchan.read_text() or "wait_for_partner" in wchan.read_text())
        os.kill(process.pid, number)
        assert ended(process, code).strip() == ""


@pytest.mark.parametrize(("number", "code"), SIGNALS.items())
def test_signal_ends_a_run_with_full_stdout(kxcli, number, code):
    put(kxcli, "a", many_words())
    with running(kxcli, *SPACE, "a") as process:
        process.stdout.read(1)  # it writes more than a pipe holds
        os.kill(process.pid, number)
        assert ended(process, code).strip() == ""


def test_ignored_sighup_stays_ignored(kxcli):
    with midway(kxcli, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        os.killpg(process.pid, signal.SIGHUP)
        process.stdin.close()
        out = process.stdout.read()
        assert ended(process, 0) == ""
    assert out == b"x\t262144\ny\t262144\n"


# Killed processes


@pytest.mark.full
def test_killed_worker_is_reported_with_its_input(kxcli, old):
    put(kxcli, "big.txt", "今天天气很好，我们去公园散步。\n" * 100_000)
    use = ("wordcount", "--engine", "jieba", "-j", 2, "--retries", 0, "-o", old, "big.txt")
    with running(kxcli, *use) as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        os.kill(workers_of(process)[0], signal.SIGKILL)
        err = ended(process, 1)
    assert err.startswith("kxcli: error: big.txt: ") and err.count("\n") == 1
    assert "killed by signal 9" in err
    assert kxcli.leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize("n_killed", [1, 2, 3])
def test_tasks_of_killed_workers_are_repeated(kxcli, n_killed):
    """A stream cannot be read again, so the program holds the tasks of its workers."""
    data = CHUNK * 40
    undisturbed = kxcli(*SPACE, "-j", 1, stdin=data).out
    parts = [data[start : start + len(data) // 5] for start in range(0, len(data), len(data) // 5)]
    with midway(kxcli, "--retries", 3, "-o", "out.tsv", data=parts[0]) as process:
        for number, part in enumerate(parts[1:]):
            if number < n_killed:
                wait_until(lambda: len(workers_of(process)) == 2)
                os.kill(workers_of(process)[0], signal.SIGKILL)
            process.stdin.write(part)
        process.stdin.close()
        err = ended(process, 0)
    assert (kxcli.folder / "out.tsv").read_bytes() == undisturbed
    lines = err.splitlines()
    assert len(lines) == n_killed
    assert all(line.startswith("kxcli: warning: <stdin>: ") and "killed by signal 9; " in line for line in lines)
    assert kxcli.leftovers() == []


@pytest.mark.full
def test_long_stream_lines_of_killed_workers_are_repeated(kxcli):
    kxcli.environment["KXCLI_KERNEL"] = "off"
    lines = [b"word%d " % n * 900_000 for n in range(6)]
    with running(kxcli, *SPACE, "-j", 2, "-o", "out.tsv", stdin=subprocess.PIPE) as process:
        process.stdin.write(b"\n".join(lines[:4]) + b"\n")
        process.stdin.flush()
        wait_until(lambda: len(workers_of(process)) == 2)
        wait_until(stays_idle(workers_of(process)))  # they have read their lines
        os.kill(workers_of(process)[0], signal.SIGKILL)
        process.stdin.write(b"\n".join(lines[4:]) + b"\n")
        process.stdin.close()
        ended(process, 0)
    assert (kxcli.folder / "out.tsv").read_text() == "".join(f"word{n}\t900000\n" for n in range(6))
    assert kxcli.leftovers() == []


def is_idle(pid):
    """Return whether a process sleeps after some work."""
    with suppress(OSError):
        fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
        return fields[0] == "S" and int(fields[11]) + int(fields[12]) > 0
    return True


def stays_idle(pids):
    times = []

    def condition():
        now = [Path("/proc", str(pid), "schedstat").read_text() for pid in pids]
        times.append(now)
        return len(times) > 20 and times[-20] == now and all(map(is_idle, pids))

    return condition


@pytest.mark.full
@pytest.mark.parametrize("killed", [1, 2])
def test_killed_idle_worker_is_reported(kxcli, old, killed):
    with midway(kxcli, "--retries", 0, "-o", old) as process:
        workers = workers_of(process)
        wait_until(stays_idle(workers))
        for pid in workers[:killed]:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: len(workers_of(process)) == 2 - killed)
        process.stdin.close()
        err = ended(process, 1)
    assert err.startswith("kxcli: error: ") and "killed by signal 9" in err and err.count("\n") == 1
    assert kxcli.leftovers() == []


@pytest.mark.full
def test_workers_end_with_a_killed_run(kxcli, old):
    put(kxcli, "a", "今天天气很好，我们去公园散步。\n" * 100_000)
    use = ("wordcount", "--engine", "jieba", "-j", 2, "--shard-size", "100K", "-o", old, "a")
    with running(kxcli, *use) as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        process.kill()
        process.wait()
        wait_until(lambda: members(process.pid) == [])
        assert process.stderr.read() == b""


def test_idle_workers_end_with_a_killed_run(kxcli):
    with midway(kxcli) as process:
        process.kill()
        process.wait()
        wait_until(lambda: members(process.pid) == [])
        assert process.stderr.read() == b""


# Outputs


@pytest.mark.parametrize(("size", "form"), [("small", "tsv"), ("large", "jsonl")])
def test_stdout_on_full_disk_is_an_error(kxcli, size, form):
    put(kxcli, "a", "x\n" if size == "small" else many_words())
    with open("/dev/full", "wb") as full:
        err = kxcli(*SPACE, "-f", form, "a", stdout=full, code=1).err
    assert err.startswith("kxcli: error: <stdout>: No space left on device") and err.count("\n") == 1


@pytest.mark.parametrize("arguments", [("--help",), ("wordcount", "--help"), ("--version",)])
def test_help_on_full_disk_is_an_error(kxcli, arguments):
    with open("/dev/full", "wb") as full:
        err = kxcli(*arguments, stdout=full, code=1).err
    assert err.startswith("kxcli: error: <stdout>: No space left on device") and err.count("\n") == 1


def test_full_disk_keeps_the_old_output(kxcli, small_disk):
    put(kxcli, "a", many_words(20_000))
    put(kxcli, small_disk / "out.tsv", OLD)
    err = kxcli(*SPACE, "-o", "disk/out.tsv", "a", code=1).err
    assert err.startswith("kxcli: error: disk/out.tsv: No space left on device; ") and err.count("\n") == 1
    assert os.listdir(small_disk) == ["out.tsv"]
    assert (small_disk / "out.tsv").read_bytes() == OLD


def test_dev_full_as_output_is_an_error(kxcli):
    err = kxcli(*SPACE, "-o", "/dev/full", stdin="x\n", code=1).err
    assert err.startswith("kxcli: error: /dev/full: No space left on device") and err.count("\n") == 1


def test_output_through_symbolic_link_writes_the_target(kxcli):
    put(kxcli, "there/out.tsv", OLD)
    (kxcli.folder / "link").symlink_to("there/out.tsv")
    kxcli(*SPACE, "-o", "link", stdin="x\n")
    assert os.readlink(kxcli.folder / "link") == "there/out.tsv"
    assert (kxcli.folder / "there" / "out.tsv").read_bytes() == b"x\t1\n"
    assert os.listdir(kxcli.folder / "there") == ["out.tsv"]


def test_output_through_dangling_link_creates_the_target(kxcli):
    (kxcli.folder / "link").symlink_to("out.tsv")
    kxcli(*SPACE, "-o", "link", stdin="x\n")
    assert (kxcli.folder / "link").is_symlink()
    assert (kxcli.folder / "out.tsv").read_bytes() == b"x\t1\n"


def test_output_to_fifo(kxcli):
    os.mkfifo(kxcli.folder / "fifo")
    read = []
    thread = threading.Thread(target=lambda: read.append((kxcli.folder / "fifo").read_bytes()))
    thread.start()
    kxcli(*SPACE, "-o", "fifo", stdin="x\n")
    thread.join()
    assert read == [b"x\t1\n"]
    assert (kxcli.folder / "fifo").is_fifo()


def test_output_to_dev_null(kxcli):
    assert kxcli(*SPACE, "-o", "/dev/null", stdin="x\n").out == b""
    assert Path("/dev/null").is_char_device()


@pytest.mark.parametrize("name", ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"])
def test_output_to_dev_stdout_pipe(kxcli, name):
    assert kxcli(*SPACE, "-o", name, stdin="x\n").out == b"x\t1\n"


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640, 0o755])
def test_mode_of_old_output_is_kept(kxcli, mode):
    put(kxcli, "out.tsv", OLD)
    (kxcli.folder / "out.tsv").chmod(mode)
    kxcli(*SPACE, "-o", "out.tsv", stdin="x\n")
    assert (kxcli.folder / "out.tsv").stat().st_mode & 0o777 == mode


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600)])
def test_mode_of_new_output_follows_umask(kxcli, umask, mode):
    kxcli(*SPACE, "-o", "out.tsv", stdin="x\n", umask=umask)
    assert (kxcli.folder / "out.tsv").stat().st_mode & 0o777 == mode


def test_output_name_of_maximum_length(kxcli):
    name = "n" * 255
    kxcli(*SPACE, "-o", name, stdin="x\n")
    assert (kxcli.folder / name).read_bytes() == b"x\t1\n"


@pytest.mark.parametrize("output", ["none/out.tsv", "folder", "file/out.tsv", "folder/", "", "loop"])
def test_impossible_output_is_reported_before_the_work(kxcli, output):
    (kxcli.folder / "folder").mkdir()
    put(kxcli, "file", OLD)
    (kxcli.folder / "loop").symlink_to("loop")
    err = kxcli(*SPACE, "-o", output, "missing.txt", code=1).err
    assert err.startswith(f"kxcli: error: {output}: ") and err.count("\n") == 1
    assert "missing.txt" not in err


# Damaged input


def zstd_with_checksum(data):
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd_with_checksum}


def cut_off(data):
    return data[: len(data) * 2 // 3]


def damaged(data):
    middle = len(data) // 2
    return data[:middle] + bytes(byte ^ 0xFF for byte in data[middle : middle + 8]) + data[middle + 8 :]


@pytest.mark.parametrize(
    ("kind", "harm", "way", "workers"),
    all_pairs(PACK, ["cut off", "damaged"], ["one task", "shards", "stdin"], [1, 2]),
)
def test_damaged_compressed_data_is_an_error(kxcli, old, kind, harm, way, workers):
    data = (cut_off if harm == "cut off" else damaged)(PACK[kind](many_words(30_000)))
    use = (*SPACE, "-j", workers, "-o", old, *(("--shard-size", "8K") if way == "shards" else ()))
    if way == "stdin":
        name, err = "<stdin>", kxcli(*use, stdin=data, code=1).err
    else:
        name = put(kxcli, f"a.{kind}", data)
        err = kxcli(*use, name, code=1).err
    assert err.startswith(f"kxcli: error: {name}: the compressed data ") and err.count("\n") == 1
    assert "; " in err
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("length", [7, 12])
def test_truncated_compression_header_is_an_error(kxcli, kind, length):
    name = put(kxcli, f"a.{kind}", PACK[kind](b"x\n" * 10)[:length])
    err = kxcli(*SPACE, name, code=1).err
    assert err.startswith(f"kxcli: error: {name}: the compressed data ") and err.count("\n") == 1


@pytest.mark.parametrize("way", ["file", "gz", "stdin"])
def test_invalid_byte_in_large_input_is_reported_by_line(kxcli, workers, old, way):
    good = "今天 天气 很好\n".encode()
    data = good * 70_000 + b"\xe4\xbb\n" + good * 70_000  # of 3 MB: the third shard
    use = (*SPACE, "-j", workers, "-o", old)
    if way == "stdin":
        name, err = "<stdin>", kxcli(*use, stdin=data, code=1).err
    else:
        name = put(kxcli, "a.txt", gzip.compress(data, 1) if way == "gz" else data)
        err = kxcli(*use, name, code=1).err
    assert err.startswith(f"kxcli: error: {name}:70001: byte 0xe4 is not valid utf-8; ") and err.count("\n") == 1


FAILURES = {
    "missing": ((), ["none.txt"], 1),
    "folder": ((), ["."], 1),
    "bad byte": ((), ["bad.txt"], 1),
    "bad byte in a worker": (("-j", 2, "--shard-size", 100), ["bad.txt"], 1),
    "cut off": ((), ["cut.gz"], 1),
    "bad record": (("--field", "text"), ["bad.jsonl"], 1),
    "encoding": (("--encoding", "none"), ["bad.txt"], 2),
    "option": (("--none",), [], 2),
    "pattern": (("--pattern", "x"), [], 2),
    "dictionary": (("--stopwords", "none.txt"), [], 1),
}


@pytest.mark.parametrize(("options", "names", "code"), FAILURES.values(), ids=FAILURES)
def test_failed_run_keeps_the_old_output(kxcli, old, options, names, code):
    put(kxcli, "bad.txt", b"x\n" * 500 + b"\xff\n")
    put(kxcli, "bad.jsonl", "{\n")
    put(kxcli, "cut.gz", cut_off(gzip.compress(many_words(1000))))
    ended = kxcli(*SPACE, "-o", old, *options, *names, code=code)
    assert ended.out == b""
    assert ended.err.startswith("kxcli: error: ") and ended.err.count("\n") == 1


# The first of several errors


@pytest.mark.parametrize("size", [16, 1000, "1M"])
def test_first_bad_line_is_reported(kxcli, workers, size):
    lines = [b"x %d" % n for n in range(1, 5001)]
    for n in (700, 701, 2000, 4990):
        lines[n - 1] = b"\xff"
    put(kxcli, "a", b"\n".join(lines))
    err = kxcli(*SPACE, "-j", workers, "--shard-size", size, "a", code=1).err
    assert err.startswith("kxcli: error: a:700: ")


BAD = {
    "bad text": b"x\n" * 2000 + b"\xff\n",
    "bad text at once": b"\xff\n" + b"x\n" * 2000,
    "bad short text": b"\xff\n",
    "cut gz": cut_off(gzip.compress(many_words(2000))),
    "cut short gz": cut_off(gzip.compress(b"x y z\n")),
    "gz of bad text": gzip.compress(many_words(2000) + b"\xff\n"),
}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("first", range(len(BAD)), ids=BAD)
def test_first_bad_file_is_reported(kxcli, workers, first):
    """Each kind of bad file is before two others, one with each number of workers."""
    kinds = list(BAD.values())
    put(kxcli, "z", kinds[first])
    put(kxcli, "a", kinds[(first + 2 * workers - 1) % len(kinds)])
    err = kxcli(*SPACE, "-j", workers, "--shard-size", 500, "z", "a", code=1).err
    assert err.startswith(("kxcli: error: z:", "kxcli: error: z: "))


def test_bad_file_is_reported_before_later_unknown_format(kxcli, workers):
    put(kxcli, "a.jsonl", "{\n" * 100)
    put(kxcli, "b.txt", "x\n" * 100)
    err = kxcli(*SPACE, "-j", workers, "--shard-size", 50, "--field", "text", "a.jsonl", "b.txt", code=1).err
    assert err.startswith("kxcli: error: a.jsonl:1: ")


# Long lines of a stream


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
def test_stream_of_one_long_line_is_counted(kxcli, workers, pack):
    words = LIMIT // 2 + 1000
    ended = kxcli(*SPACE, "--df", "-j", workers, stdin=pack(b"y\n" + b"x " * words + b"\ny y"))
    assert ended.rows == [["x", str(words), "1"], ["y", "3", "2"]]
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("place", ["in it", "after it"])
def test_invalid_byte_near_spooled_line_is_reported_by_line(kxcli, workers, place):
    long = b"x " * (LIMIT // 2 + 1000)
    bad, line = (b"\xff", 3) if place == "in it" else (b"\ny\n\xff", 5)
    err = kxcli(*SPACE, "-j", workers, stdin=b"y\ny\n" + long + bad + b"\ny\n", code=1).err
    assert err.startswith(f"kxcli: error: <stdin>:{line}: byte 0xff ") and err.count("\n") == 1
    assert kxcli.leftovers() == []


def test_full_tmpdir_is_reported(kxcli, workers, small_disk, old):
    kxcli.environment["TMPDIR"] = str(small_disk)
    err = kxcli.run(*SPACE, "-j", workers, "-o", old, stdin=b"x " * LIMIT, code=1).err
    assert err.startswith("kxcli: error: ") and "TMPDIR" in err and err.count("\n") == 1
    assert os.listdir(small_disk) == []


def test_full_tmpdir_is_no_error_if_unused(kxcli, workers, small_disk):
    with suppress(OSError), open(small_disk / "full", "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    kxcli.environment["TMPDIR"] = str(small_disk)
    ended = kxcli(*SPACE, "-j", workers, "--shard-size", "1K", put(kxcli, "a", "x\n" * 5000))
    assert ended.out == b"x\t5000\n"
    assert os.listdir(small_disk) == ["full"]


def test_missing_tmpdir_is_no_error_if_unused(kxcli, workers):
    kxcli.environment["TMPDIR"] = missing = str(kxcli.folder / "none")
    use = (*SPACE, "-j", workers, "--shard-size", "1K", put(kxcli, "a", "x\n" * 5000))
    if workers == 1 or kernel.load_kernel() is not None:
        ended = kxcli(*use)
        assert (ended.out, ended.err) == (b"x\t5000\n", "")
    if workers == 2:  # processes share a folder
        kxcli.environment["KXCLI_KERNEL"] = "off"
        err = kxcli(*use, code=1).err
        assert err.startswith(f"kxcli: error: {missing}: No such file or directory; point TMPDIR at")


def test_tmpdir_with_long_name(kxcli, workers):
    long = kxcli.folder / ("t" * 120)
    long.mkdir()
    kxcli.environment["TMPDIR"] = str(long)
    put(kxcli, "a", "x\n" * 5000)
    assert kxcli(*SPACE, "-j", workers, "--shard-size", "1K", "a").out == b"x\t5000\n"
    assert kxcli(*SPACE, "-j", workers, stdin=b"x " * LIMIT).out == b"x\t%d\n" % LIMIT
    assert os.listdir(long) == []


@pytest.mark.full
def test_tmpdir_is_empty_after_a_run(kxcli, workers):
    put(kxcli, "a", "今天天气很好\n" * 500)
    for engine in ("kernel", "jieba"):
        kxcli("wordcount", "--engine", engine, "-j", workers, "--shard-size", "2K", "a")
        assert kxcli.leftovers() == []


# Messages


def test_quiet_silences_notes(kxcli):
    assert kxcli(*SPACE, "--encoding", "auto", stdin="x\n").err != ""
    assert kxcli(*SPACE, "--encoding", "auto", "-q", stdin="x\n").err == ""


def test_quiet_silences_warnings(kxcli, workers):
    put(kxcli, "a", b"\xff\n" * 1000)
    use = (*SPACE, "--on-error", "skip", "-j", workers, "--shard-size", 100, "a")
    assert "warning" in kxcli(*use).err
    assert kxcli(*use, "-q").err == ""


@pytest.mark.parametrize("option", ["-q", "--quiet"])
def test_quiet_does_not_silence_errors(kxcli, option):
    assert kxcli(*SPACE, option, "none.txt", code=1).err.startswith("kxcli: error: none.txt: ")


@pytest.mark.parametrize("option", ["-v", "--verbose"])
def test_verbose_shows_the_traceback(kxcli, option):
    process = kxcli.start(*SPACE, option, "none.txt")
    with process:
        err = process.communicate(timeout=120)[1].decode()
    assert process.returncode == 1
    assert "kxcli: error: none.txt: " in err and "Traceback (most recent call last)" in err


def test_verbose_shows_the_traceback_of_a_worker(kxcli):
    put(kxcli, "a", b"x\n" * 1000 + b"\xff\n" + b"x\n" * 1000)
    use = (*SPACE, "-j", 2, "--shard-size", 100, "a")
    assert "Traceback" not in kxcli(*use, code=1).err
    err = kxcli(*use, "-v", code=1).err
    assert "kxcli: error: a:1001: " in err
    assert "decoding.py" in err and "in a worker" in err


def test_verbose_may_be_joined_with_another_flag(kxcli):
    with kxcli.start(*SPACE, "-rv", "none.txt") as process:
        assert b"Traceback (most recent call last)" in process.communicate(timeout=120)[1]


def test_input_named_v_shows_no_traceback(kxcli):
    assert (
        "Traceback"
        not in subprocess.run(
            kxcli.command(*SPACE, "--", "-v"), cwd=kxcli.folder, env=kxcli.environment, capture_output=True, text=True
        ).stderr
    )


@pytest.mark.parametrize("small", [(), ("--shard-size", 20)], ids=["small", "large"])
def test_missing_zstd_library_reports_the_pip_command(kxcli, workers, old, small):
    blocked = "import sys\nsys.modules['compression.zstd'] = sys.modules['backports.zstd'] = None\n"
    put(kxcli, "stub/sitecustomize.py", blocked)
    kxcli.environment["PYTHONPATH"] = str(kxcli.folder / "stub")
    put(kxcli, "a.zst", zstd.compress(many_words(100)))
    for arguments, stdin in (("a.zst",), b""), ((), zstd.compress(b"x\n")):
        err = kxcli(*SPACE, "-j", workers, *small, "-o", old, *arguments, stdin=stdin, code=1).err
        assert err.startswith("kxcli: error: ") and err.count("\n") == 1
        assert f"pip install {list_requirements('zstd')}\n" in err


def raw_controls(text):
    return [char for char in text.removesuffix("\n") if not char.isprintable()]


EVIL = "a\x1b[31m\nb\r\x07\u202e\x9b.txt"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((EVIL,), 1),
        (("there" + EVIL,), 1),
        (("-r", "folder" + EVIL), 1),
        (("-o", f"{EVIL}/x"), 1),
        (("--encoding", EVIL, "a"), 2),
        (("--tokenizer", EVIL), 2),
        (("--field", EVIL, "a.jsonl"), 1),
        (("--by", "text", "evil.jsonl"), 1),
        (("--by", EVIL, "a.csv"), 1),
        (("--field", EVIL, "a"), 2),
        (("--stopwords", EVIL), 1),
        ((f"--{EVIL}",), 2),
        (("-t", "regex", "--pattern", f"({EVIL}"), 2),
        (("--top", EVIL), 2),
        (("--shard-size", EVIL), 2),
        (("--files-from", EVIL), 1),
    ],
)
def test_errors_escape_control_characters(kxcli, arguments, code):
    put(kxcli, "there" + EVIL, b"\xff\n")
    put(kxcli, f"folder{EVIL}/{EVIL}", b"\xff\n")
    put(kxcli, "a", "x\n")
    put(kxcli, "a.jsonl", '{"text": "x"}\n')
    put(kxcli, "evil.jsonl", '{"te\\u001b[31m\\nxt": "x"}\n')
    put(kxcli, "a.csv", f'"{EVIL}x"\nx\n'.encode())
    tokenizer = () if "-t" in arguments or "--tokenizer" in arguments else ("-t", "space")
    err = kxcli("wordcount", *tokenizer, *arguments, stdin="x\n", code=code).err
    assert raw_controls(err) == []
    assert err.startswith("kxcli: error: ") and err.endswith("\n")


def test_warnings_escape_control_characters(kxcli):
    put(kxcli, EVIL, "x\n" * (1 << 19) + "\xff\n")
    ended = kxcli(*SPACE, "--on-error", "skip", "--encoding", "auto", EVIL)
    assert all(raw_controls(line) == [] for line in ended.err.split("\n"))
    assert ended.err.count("\n") in (1, 2)


@pytest.mark.parametrize(
    "arguments", [("keyness", "t", "--by"), ("wordcount", "--no-such"), ("hsic", "--header=x"), ("newwords", "-j")]
)
def test_usage_errors_of_the_parser_name_the_help_of_the_command(kxcli, arguments):
    assert f"See `kxcli {arguments[0]} --help`." in kxcli(*arguments, code=2).err


def test_unknown_command_is_a_usage_error(kxcli):
    err = kxcli("wordcuont", code=2).err
    assert err.startswith("kxcli: error: ") and "wordcuont" in err


def test_terminal_without_arguments_shows_help(kxcli):
    ours, theirs = os.openpty()
    try:
        ended = kxcli.start("wordcount", stdin=theirs)
        with ended:
            out, err = ended.communicate(timeout=120)
        assert (ended.returncode, err) == (0, b"") and out.startswith(b"Usage: kxcli wordcount")
    finally:
        os.close(ours)
        os.close(theirs)


# Remains of killed runs


@pytest.mark.parametrize("workers", [1, 2])
def test_next_run_removes_temporary_files_of_a_killed_run(kxcli, workers):
    line = CHUNK * 4 + b"x " * LIMIT  # spooled to TMPDIR
    put(kxcli, "out/empty")
    with midway(kxcli, "-o", "out/new.tsv", workers=workers, data=line) as other:
        with midway(kxcli, "-o", "out/old.tsv", workers=workers, data=line) as process:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        left = kxcli.leftovers()
        assert len(left) == 2
        (kxcli.tmp / "kxcli-mine").mkdir()  # without a lock of the program
        (kxcli.tmp / "kxcli-file").write_text("")
        kxcli(*SPACE, "-j", 2, "--shard-size", 100, put(kxcli, "a", "x y\n" * 100))
        assert len(kxcli.leftovers()) == 3
        other.stdin.close()
        ended(other, 0)
    assert kxcli.leftovers() == ["kxcli-file", "kxcli-mine"]


def test_next_output_removes_partial_output_of_a_killed_run(kxcli):
    put(kxcli, "out/.kxcli-mine.txt")
    link = ("entity-link", "--kb", SAMPLES / "encyclopedia.jsonl")  # it writes while it reads
    with running(kxcli, *link, "-o", "out/a.jsonl", stdin=subprocess.PIPE) as process:
        wait_until(lambda: list((kxcli.folder / "out").glob(".kxcli-*.part")))
        kxcli(*SPACE, "-o", "out/b.tsv", put(kxcli, "b", "x\n"))
        assert len(os.listdir(kxcli.folder / "out")) == 3
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    kxcli(*SPACE, "-o", "out/b.tsv", "b")
    assert sorted(os.listdir(kxcli.folder / "out")) == [".kxcli-mine.txt", "b.tsv"]


# More counts than memory holds


def find_spilled(folder):
    """Return the files of spilled partials."""
    with suppress(OSError):  # the run removes a folder
        return set(folder.rglob("*.partials"))
    return set()


MANY = ("wordcount", "-t", "space", "--ngram", "1-2", "--df", "--shard-size", "200K")


@pytest.mark.full
@pytest.mark.parametrize("more", [(), ("--sort", "word", "--per-million"), ("--top", 50)])
def test_spilled_counts_give_the_same_bytes(kxcli, more):
    words = [f"w{n * 7919 % 30_011}" for n in range(120_000)]
    put(kxcli, "a", "".join(" ".join(words[n : n + 12]) + "\n" for n in range(0, len(words), 12)))
    expected = kxcli(*MANY, *more, "-j", 1, "a").out
    seen = set()
    with running(kxcli, *MANY, *more, "-q", "--memory", "1M", "-o", "out", "a") as process:
        while process.poll() is None:
            seen |= find_spilled(kxcli.tmp)
            time.sleep(0.005)
        assert ended(process, 0) == ""
    assert (kxcli.folder / "out").read_bytes() == expected
    assert seen
    assert kxcli.leftovers() == []


def test_full_disk_of_spilled_counts_is_reported(kxcli, small_disk, old):
    kxcli.environment["TMPDIR"] = str(small_disk)
    put(kxcli, "a", many_words())
    err = kxcli(*MANY, "-q", "--memory", "1M", "-o", old, "a", code=1).err
    assert err.startswith("kxcli: error: ") and "No space left on device; point TMPDIR at" in err
    assert os.listdir(small_disk) == []


def test_too_little_memory_is_reported(kxcli):
    put(kxcli, "a", "x\n")
    assert "a process takes by itself" in kxcli(*SPACE, "--memory", "1M", "a").err
    put(kxcli, "a.jsonl", '{"text": "x"}\n')
    processes = kxcli(*SPACE, "--memory", "250M", "-j", 8, "--field", "text", "a.jsonl").err
    assert "there is memory for 2 of 8 workers" in processes
    if load_kernel() is not None:  # threads take less
        assert "there is memory for 7 of 8 workers" in kxcli(*SPACE, "--memory", "250M", "-j", 8, "a").err
    assert kxcli(*SPACE, "--memory", "2G", "-j", 8, "a").err == ""
