"""Pipes that stay open: a line goes out when it has come in."""

import gzip
import json
import os
import select
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
from conftest import SAMPLES

SECONDS = 30  # after which a line is missing; only a failing test waits so long
LINK = ("entity-link", "--kb", str(SAMPLES / "encyclopedia.jsonl"))


@contextmanager
def start(*arguments, stdin=subprocess.PIPE):
    """Start a program with open pipes; end it after the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", "kxcli", *map(str, arguments)],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.received = b""  # and not yet returned
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def send(process, data):
    process.stdin.write(data)
    process.stdin.flush()


def receive(process):
    """Return the line that comes within some seconds."""
    while b"\n" not in process.received:
        assert select.select([process.stdout], [], [], SECONDS)[0], "no line came out"
        process.received += os.read(process.stdout.fileno(), 1 << 16)
    line, _, process.received = process.received.partition(b"\n")
    return line.decode()


def end(process):
    """Close the input; return the rest of the output."""
    process.stdin.close()
    process.stdin = None
    out, err = process.communicate(timeout=2 * SECONDS)
    assert (process.returncode, err) == (0, b"")
    return (process.received + out).decode()


@pytest.mark.full
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("make_line", [str, lambda text: json.dumps({"text": text})], ids=["text", "jsonl"])
def test_line_goes_out_when_it_has_come_in(jobs, make_line):
    with start(*LINK, "-j", jobs) as process:
        for number in range(1, 4):
            send(process, f"{make_line('甲')}\n{make_line('乙')}\n".encode())
            assert [json.loads(receive(process))["text_id"] for _ in range(2)] == [str(2 * number - 1), str(2 * number)]
        assert not end(process)


@pytest.mark.full
@pytest.mark.parametrize("jobs", [1, 2])
def test_unfinished_line_waits_for_its_end(jobs):
    with start(*LINK, "-j", jobs) as process:
        send(process, "甲\n乙".encode())
        assert json.loads(receive(process))["text"] == "甲"
        send(process, "丙\n".encode())
        assert json.loads(receive(process))["text"] == "乙丙"
        send(process, "丁".encode())
        assert json.loads(end(process))["text"] == "丁"


@pytest.mark.full
@pytest.mark.parametrize("jobs", [1, 2])
def test_pipe_that_pauses_after_much_text_gives_all_of_it(jobs):
    lines = [f"甲{number}\n" for number in range(50_000)]
    with start(*LINK, "-j", jobs, "--shard-size", "64K") as process:
        sender = threading.Thread(target=send, args=(process, "".join(lines).encode()))
        sender.start()
        found = [json.loads(receive(process))["text"] for _ in lines]
        assert found == [line.strip() for line in lines]
        sender.join()
        send(process, "乙\n".encode())
        assert json.loads(receive(process))["text_id"] == str(len(lines) + 1)
        assert not end(process)


@pytest.mark.full
def test_unfinished_line_holds_back_no_line_before_it():
    with start(*LINK, "-j", 2, "--shard-size", "64K") as process:
        lines = "甲" * 10_000 + "\n"
        send(process, (lines * 8 + "乙").encode())
        assert [json.loads(receive(process))["text_id"] for _ in range(8)] == [*map(str, range(1, 9))]
        send(process, b"\n")
        assert json.loads(receive(process))["text"] == "乙"


@pytest.mark.full
def test_named_pipe_is_live(tmp_path):
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    with start(*LINK, fifo, stdin=subprocess.DEVNULL) as process, open(fifo, "wb", buffering=0) as file:
        file.write("甲\n".encode())
        assert json.loads(receive(process))["text"] == "甲"


@pytest.mark.full
def test_compressed_pipe_is_read_to_its_end():
    with start(*LINK) as process:
        data = gzip.compress("甲\n乙\n".encode())
        send(process, data[:1])
        send(process, data[1:])
        assert [json.loads(line)["text"] for line in end(process).splitlines()] == ["甲", "乙"]


@pytest.mark.full
@pytest.mark.parametrize("jobs", [1, 2])
def test_match_goes_out_when_its_line_has_come_in(jobs):
    with start("kwic", "乙", "-j", jobs) as process:
        send(process, "甲乙\n丙\n".encode())
        assert receive(process) == "<stdin>:1\t甲\t乙\t"
        send(process, "丙\n乙\n".encode())
        assert receive(process) == "<stdin>:4\t\t乙\t"
        assert not end(process)
