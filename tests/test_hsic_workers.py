"""Workers, signals, full disks and memory of `kxcli hsic`."""

import gzip
import os
import random
import resource
import signal
import subprocess
from contextlib import suppress

import numpy as np
import pytest
from conftest import members, wait_until
from hsic_tables import (
    GOOD,
    XY,
    expected,
    hsic,
    make_people,
    normal,
    npy_bytes,
    tsv,
)
from test_failures import ended, old, put, running, workers_of  # noqa: F401 -- `old` is a fixture
from test_newwords import until


def make_long_texts(n, length, seed=7):
    """Return texts of several tasks, half a million characters each."""
    draw = random.Random(seed)
    words = [f"w{i}" for i in range(900)]
    return {
        "a": [" ".join(draw.choices(words, k=length)) for _ in range(n)],
        "b": [" ".join(draw.choices(words, k=5)) for _ in range(n)],
        "label": ["甲乙丙"[i % 3] for i in range(n)],
    }


SAME = {
    "edges": (lambda: npy_bytes(normal(8000, 4) // 1), "npy", ("--matrix", "edges", "--permutations", 20)),
    "tiles": (lambda: npy_bytes(normal(3100, 6)), "npy", ("-x", "1-3", "-y", "4-6", "--test", "eigen")),
    "gamma": (lambda: npy_bytes(normal(3100, 4)), "npy", ("-x", "1-2", "-y", "3-4", "--test", "gamma")),
    "moments": (lambda: npy_bytes(normal(200_000, 2)), "npy", ("-x", 1, "-y", 2, "--sigma", 0.3)),
    "permutations": (
        lambda: npy_bytes(normal(2000, 6)),
        "npy",
        ("-x", "1-3", "-y", "4-6", "--permutations", 120, "--seed", 3),
    ),
    "screen": (lambda: npy_bytes(normal(8000, 5) // 1), "npy", ("--screen", 2, "--permutations", 20)),
    "texts": (
        lambda: tsv(make_long_texts(300, 900)).encode(),
        "tsv",
        ("-x", "a", "-y", "b", "--kernel-x", "ngram:2", "--kernel-y", "bow", "-t", "space", "--permutations", 20),
    ),
    "words": (
        lambda: tsv(make_long_texts(600, 450)).encode(),
        "tsv",
        ("--screen", "label", "-x", "a", "--kernel-x", "bow", "-t", "space"),
    ),
}


@pytest.mark.costly
@pytest.mark.parametrize("name", SAME)
def test_the_digits_do_not_depend_on_the_workers(kxcli, name):
    make, form, options = SAME[name]
    put(kxcli, f"a.{form}", make())
    alone, together = (kxcli("hsic", *options, "-j", jobs, f"a.{form}") for jobs in (1, 3 if name == "tiles" else 2))
    assert alone.out != b""
    assert (alone.out, alone.err) == (together.out, together.err)
    assert kxcli.leftovers() == []


@pytest.mark.costly
@pytest.mark.parametrize("name", ["tiles", "moments", "permutations", "edges", "screen", "texts", "words"])
def test_large_runs_start_workers(kxcli, name):
    """Large runs start workers: they fail if a module ends each worker at its start."""
    make, form, options = SAME[name]
    put(kxcli, f"a.{form}", make())
    put(kxcli, "stub/sitecustomize.py", "import sys, os\nif 'kxcli' not in sys.orig_argv[2:4]: os._exit(7)\n")
    kxcli.environment["PYTHONPATH"] = str(kxcli.folder / "stub")
    kxcli("hsic", *XY, "-j", 1, stdin=GOOD)  # a run without workers does not mind it
    err = kxcli("hsic", *options, "-j", 2, f"a.{form}", code=1).err
    assert "worker" in err and err.count("kxcli: error: ") == 1


@pytest.mark.full
def test_column_in_many_batches_is_whole(kxcli, workers):
    values = normal(60_000, 2)
    table = {"a": [f"{v:.3f}{' ' * 12}" for v in values[:, 0]], "b": values[:, 1].tolist()}
    use = ("-j", workers, "--kernel-x", "linear", "--test", "none", "--sigma", 1)
    found = hsic(kxcli, *use, "-x", "a", "-y", "b", stdin=tsv(table))
    assert found["n"] == 60_000
    assert found == hsic(kxcli, *use, "-x", 1, "-y", 2, put(kxcli, "a.npy", npy_bytes(values)))


WIDE = ("hsic", "-x", "1-3", "-y", "4-6", "--sigma", "1")


LONG = (*WIDE, "--test", "none")  # of 30,000 rows: some ten seconds, which no test waits for


def long_table(kxcli, n=30_000):
    return put(kxcli, "long.npy", npy_bytes(np.random.default_rng(8).normal(size=(n, 6))))


def limited_to(size):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


@pytest.mark.costly
@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["mapped", "gz"])
@pytest.mark.full
def test_too_little_memory_is_an_error(kxcli, workers, pack):
    limit = limited_to(400 << 20)
    put(kxcli, "small.tsv", tsv(make_people()))
    kxcli("hsic", *XY, "-j", workers, "small.tsv", preexec_fn=limit)
    zeros = npy_bytes(np.zeros((60_000, 800), dtype=np.int8))  # 48 MB, which are 384 MB as doubles
    put(kxcli, "a.npy", pack(zeros))
    use = ("hsic", "-j", workers, "-x", "2-800", "-y", "1", "--sigma", 1, "-o", "out.tsv", "a.npy")
    err = kxcli(*use, code=1, preexec_fn=limit).err
    assert err.startswith("kxcli: error: ") and "memory" in err and err.count("\n") == 1
    assert kxcli.leftovers() == [] and not (kxcli.folder / "out.tsv").exists()


def test_full_tmpdir_is_an_error(kxcli, small_disk, old):  # noqa: F811
    kxcli.environment["TMPDIR"] = str(small_disk)
    name = long_table(kxcli)
    err = kxcli(*LONG, "-j", 2, "-o", old, name, code=1).err
    assert err.startswith("kxcli: error: ") and "No space left on device" in err and "TMPDIR" in err
    assert err.count("\n") == 1
    assert os.listdir(small_disk) == []


def test_full_tmpdir_does_not_stop_small_runs(kxcli, workers, small_disk):
    with suppress(OSError), open(small_disk / "full", "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    kxcli.environment["TMPDIR"] = str(small_disk)
    table = make_people()
    assert hsic(kxcli, *XY, "-j", workers, stdin=tsv(table)) == expected(table["x"], table["y"])
    assert os.listdir(small_disk) == ["full"]


def test_full_disk_under_stdout_is_an_error(kxcli):
    with open("/dev/full", "wb") as full:
        err = kxcli("hsic", *XY, stdin=GOOD, stdout=full, code=1).err
    assert err.startswith("kxcli: error: <stdout>: No space left on device") and err.count("\n") == 1


@pytest.mark.full
def test_closed_pipe_ends_the_run_silently(kxcli, workers):
    put(kxcli, "a.npy", npy_bytes(normal(9, 60)))
    use = ("hsic", "--matrix", "edges", "--test", "none", "-j", workers, "a.npy")
    assert len(kxcli(*use).out) > 1 << 17  # more than a pipe holds
    process = subprocess.run(
        ["bash", "-c", '"$@" | head -n 1; exit ${PIPESTATUS[0]}', "-", *kxcli.command(*use)],
        cwd=kxcli.folder,
        env=kxcli.environment,
        capture_output=True,
        timeout=120,
    )
    assert (process.returncode, process.stderr, process.stdout.count(b"\n")) == (0, b"", 1)
    assert kxcli.leftovers() == []


def test_killed_worker_is_an_error(kxcli, old):  # noqa: F811
    with running(kxcli, *LONG, "-j", 2, "--retries", 0, "-o", old, long_table(kxcli)) as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        assert any(name.startswith("kxcli-") for name in kxcli.leftovers())
        os.kill(workers_of(process)[0], signal.SIGKILL)
        err = ended(process, 1)
    assert err.startswith("kxcli: error: ") and "killed by signal 9" in err and err.count("\n") == 1
    assert kxcli.leftovers() == []


@pytest.mark.costly
@pytest.mark.parametrize(
    ("workers", "phase", "to", "number", "code"),
    [
        (1, "kernels", "the process", signal.SIGTERM, 143),
        (1, "permutations", "the group", signal.SIGINT, 130),
        (2, "kernels", "the group", signal.SIGTERM, 143),
        (2, "permutations", "the process", signal.SIGINT, 130),
        (2, "permutations", "the group", signal.SIGTERM, 143),
    ],
)
def test_signal_ends_the_run_and_its_workers(kxcli, workers, old, phase, to, number, code):  # noqa: F811
    name = long_table(kxcli, 30_000 if phase == "kernels" else 1000)
    test = ("--test", "none") if phase == "kernels" else ("--test", "permutation", "--permutations", 10**6)
    with running(kxcli, *WIDE, *test, "-v", "-j", workers, "-o", old, name) as process:
        until(process, phase)
        if workers > 1:
            wait_until(lambda: len(workers_of(process)) == 2)
        (os.kill if to == "the process" else os.killpg)(process.pid, number)
        err = ended(process, code)
    assert "error" not in err
    assert kxcli.leftovers() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_signal_while_reading_stdin_ends_the_run(kxcli, number, code):
    with running(kxcli, "hsic", *XY, "-j", 2, stdin=subprocess.PIPE) as process:
        process.stdin.write(GOOD.encode() + b"1\t2\n" * 100_000)  # more than a pipe holds
        process.stdin.flush()
        os.kill(process.pid, number)
        assert ended(process, code) == ""
    assert kxcli.leftovers() == []


def test_workers_end_when_the_run_is_killed(kxcli):
    with running(kxcli, *LONG, "-j", 2, long_table(kxcli)) as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        process.kill()
        process.wait()
        wait_until(lambda: members(process.pid) == [])
        assert process.stderr.read() == b""
