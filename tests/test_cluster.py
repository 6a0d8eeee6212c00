"""`--cluster` on the real program: every command on a real scheduler with two workers."""

import os
import signal
import subprocess

import psutil
import pytest
from clusters import client, engine_at
from conftest import SAMPLES, members, wait_until
from test_checkpoint import lines, write

pytest_plugins = ["clusters"]
pytestmark = pytest.mark.full

COMMANDS = {
    "words": ("wordcount", "--shard-size", "8K"),
    "pairs by group": ("wordcount", "--ngram", "1-2", "--df", "--by", "@file,label", "--shard-size", "4K"),
    "raw words merged": ("wordcount", "--per-million", "--min-length", 2, "--top", 50, "--shard-size", "8K"),
    "dispersion": ("wordcount", "--dispersion", "--document", "file", "--df", "--by", "@file", "--shard-size", "4K"),
    "new words": ("newwords", "--all", "--min-count", 2, "--shard-size", "8K"),
    "pmi": ("newwords", "--method", "pmi", "--all", "--min-count", 2, "--min-pmi", 1, "--shard-size", "8K"),
    "names": ("entity-link", "--kb", SAMPLES / "encyclopedia.jsonl", "--shard-size", "2K"),
    "collocates": ("collocate", "--pairs", "--min-count", 2, "--shard-size", "4K"),
    "tokens": ("segment", "--shard-size", "2K"),
    "rows of tokens": ("segment", "-f", "tsv", "--offsets", "--shard-size", "2K"),
    "keywords": ("keywords", "--learn-idf", "--top", 3, "--shard-size", "2K"),
    "dependence": ("hsic", "--matrix", "edges", "--permutations", 100),
    "screening": ("hsic", "--screen", "label", "-x", "text", "--kernel-x", "bow", "--min-df", 3),
}
INPUTS = {
    "pairs by group": SAMPLES / "reviews.jsonl",
    "dependence": SAMPLES / "noise.tsv",
    "screening": SAMPLES / "reviews.jsonl",
}


SLOW = {"words", "tokens", "raw words merged", "pmi", "screening"}  # covered by the others, too


def query_scheduler(cluster, script="len(dask_scheduler.tasks)"):
    """Evaluate an expression in the scheduler."""
    with engine_at(cluster.address) as engine:
        return client(engine).run_on_scheduler(evaluate, script)


def evaluate(script, dask_scheduler=None):
    return eval(script, {"dask_scheduler": dask_scheduler})


TRANSITIONS = "dask_scheduler.transition_counter"


@pytest.mark.costly
@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in COMMANDS])
def test_every_command_has_output_of_local_engine(kxcli, cluster, name):
    if name in INPUTS:
        text = os.path.relpath(INPUTS[name], kxcli.folder)  # which workers do not have as their current folder
    else:
        text = write(kxcli, "a.txt", lines(1, 500) + (SAMPLES / "news.txt").read_text())
    before = query_scheduler(cluster, TRANSITIONS)
    ended = kxcli(*COMMANDS[name], "--cluster", cluster.address, text)
    local = kxcli(*COMMANDS[name], "-j", 1, text)
    assert ended.out == local.out
    assert query_scheduler(cluster, TRANSITIONS) > before + 5  # it ran tasks
    assert query_scheduler(cluster) == 0  # and has none left
    assert ended.err == local.err
    assert kxcli.leftovers() == []


def test_stream_is_sent_to_workers(kxcli, cluster):
    texts = lines(1, 2000) + "x " * 500_000 + "\n"  # a line longer than a block, without a file that workers could read
    use = ("wordcount", "--shard-size", "8K")
    assert kxcli(*use, "--cluster", cluster.address, stdin=texts).out == kxcli(*use, "-j", 1, stdin=texts).out


def test_stream_is_refused_if_read_several_times(kxcli, cluster):
    err = kxcli("newwords", "--cluster", cluster.address, stdin="x\n", code=2).err
    assert err == "kxcli: error: <stdin>: is a stream, and newwords reads its inputs again; give files.\n"


def test_errors_have_path_and_line(kxcli, cluster):
    write(kxcli, "a.txt", lines(1, 500).encode() + b"\xff\n" + lines(2, 500).encode() + b"\xfe\n")
    use = ("wordcount", "--shard-size", "4K", "a.txt")
    local = kxcli(*use, code=1).err
    assert local.startswith("kxcli: error: a.txt:501: byte 0xff")
    path = kxcli.folder / "a.txt"
    err = kxcli(*use[:-1], "--cluster", cluster.address, path, code=1).err
    assert err == local.replace("a.txt", str(path))
    assert query_scheduler(cluster) == 0


def test_skipped_records_are_reported(kxcli, cluster):
    path = write(kxcli, "a.txt", lines(1, 500).encode() + b"\xff\n" + lines(2, 500).encode() + b"\xfe\n")
    use = ("wordcount", "--on-error", "skip", "--shard-size", "4K", path)
    remote, local = kxcli(*use, "--cluster", cluster.address), kxcli(*use)
    assert (remote.out, remote.err) == (local.out, local.err)
    assert "2 lines skipped" in remote.err


def test_workers_write_parts(kxcli, cluster):
    path = write(kxcli, "a.txt", lines(1, 1500))
    whole = kxcli("wordcount", "--df", path).text.splitlines()
    target = kxcli.folder / "parts"
    use = ("wordcount", "--df", "--cluster", cluster.address, "--output-dir", target, "--parts", 5)
    assert kxcli(*use, path).out == b""
    names = sorted(os.listdir(target))
    assert names == [f"part-{number:05}.tsv" for number in range(5)]
    parts = [(target / name).read_text().splitlines() for name in names]
    assert sorted(row for part in parts for row in part) == sorted(whole)
    assert all(part == [row for row in whole if row in set(part)] for part in parts)  # each in the order of the whole
    assert min(map(len, parts)) > len(whole) / 10
    err = kxcli(*use, path, code=1).err
    assert f"{target}: is not empty" in err
    other = kxcli.folder / "others"  # the same word is in the same part, whatever the input
    kxcli(*use[:-3], other, "--parts", 5, write(kxcli, "b.txt", lines(2, 500)))
    places = {row.split("\t")[0]: number for number, part in enumerate(parts) for row in part}
    for number, name in enumerate(names):
        words = [row.split("\t")[0] for row in (other / name).read_text().splitlines()]
        assert all(places.get(word, number) == number for word in words)


def test_workers_write_parts_in_parquet(kxcli, cluster):
    parquet = pytest.importorskip("pyarrow.parquet")
    path, target = write(kxcli, "a.txt", lines(1, 50)), kxcli.folder / "parts"
    kxcli("wordcount", "--cluster", cluster.address, "--output-dir", target, "--parts", 2, "-f", "parquet", path)
    assert sorted(os.listdir(target)) == ["part-00000.parquet", "part-00001.parquet"]
    rows = [tuple(row.values()) for name in os.listdir(target) for row in parquet.read_table(target / name).to_pylist()]
    assert sorted(rows) == sorted((word, int(count)) for word, count in kxcli("wordcount", path).rows)


def test_checkpoint_stores_partials_of_cluster(kxcli, cluster):
    path = write(kxcli, "a.txt", lines(1, 1500))
    use = ("wordcount", "--shard-size", "8K", "--checkpoint", "ck", path)
    first = kxcli(*use, "--cluster", cluster.address)
    before = query_scheduler(cluster, TRANSITIONS)
    again = kxcli(*use, "--cluster", cluster.address)
    assert query_scheduler(cluster, TRANSITIONS) < before + 5
    assert first.out == again.out == kxcli(*use, "-j", 2).out == kxcli("wordcount", path).out
    assert "ck: found 0 of " in first.err and "ck: found 0 of " not in again.err


def test_local_workers_end_with_run(kxcli):
    path = write(kxcli, "a.txt", lines(1, 500))
    process = kxcli.start("wordcount", "--cluster", "local:2", path)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert out == kxcli("wordcount", path).out
    assert members(process.pid) == [] and kxcli.leftovers() == []


@pytest.mark.parametrize(
    ("options", "what"),
    [
        (("--cluster", "somewhere"), "tcp://HOST:8786"),
    ],
)
def test_useless_options_are_refused(kxcli, options, what):
    err = kxcli("wordcount", *options, stdin="x\n", code=2).err
    assert err.startswith("kxcli: error: ") and what in err and err.count("\n") == 1


def test_unique_lines_are_refused(kxcli, cluster):
    path = write(kxcli, "a.txt", "x\n")
    err = kxcli("newwords", "--unique-lines", "--cluster", cluster.address, path, code=2).err
    assert "--unique-lines" in err and "--cluster" in err


@pytest.mark.slow  # waits ten seconds; the tests of the engine cover it in one
def test_missing_scheduler_is_reported(kxcli):
    err = kxcli("wordcount", "--cluster", "tcp://127.0.0.1:9", stdin="x\n", code=1).err
    assert err.startswith("kxcli: error: tcp://127.0.0.1:9: no scheduler answers") and err.count("\n") == 1


@pytest.mark.parametrize("name", ["words", pytest.param("names", marks=pytest.mark.slow)])
def test_killed_worker_does_not_change_output(kxcli, cluster, name):
    text = write(kxcli, "a.txt", lines(1, 4_000))
    use = (*COMMANDS[name], *(("--engine", "jieba") if name == "words" else ()))
    pids = [child.pid for worker in cluster.processes[1:3] for child in psutil.Process(worker.pid).children()]
    process = kxcli.start(*use, "--cluster", cluster.address, "-o", "out", text)
    wait_until(lambda: query_scheduler(cluster, "sum(len(w.processing) for w in dask_scheduler.workers.values())") > 1)
    os.kill(pids[0], signal.SIGKILL)
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert (kxcli.folder / "out").read_bytes() == kxcli(*COMMANDS[name], "-j", 2, text).out


def test_signal_ends_run_and_its_tasks(kxcli, cluster):
    text = write(kxcli, "a.txt", lines(1, 20_000))
    process = kxcli.start("wordcount", "--engine", "jieba", "--cluster", cluster.address, text)
    wait_until(lambda: query_scheduler(cluster) > 1)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (143, b"", b"")
    wait_until(lambda: query_scheduler(cluster) == 0)
    assert kxcli.leftovers() == []


def test_run_without_cluster_imports_no_dask(kxcli):
    script = "import sys; from kxcli.cli import main; main(['wordcount']); print(*sys.modules, file=sys.stderr)"
    ended = subprocess.run(
        [*kxcli.command()[:1], "-c", script], input=b"x\n", capture_output=True, env=kxcli.environment, check=True
    )
    assert ended.stdout == b"x\t1\n"
    assert not {"distributed", "dask", "fsspec", "numpy"} & {*ended.stderr.decode().split()}
