"""`--checkpoint` on the real program: killed and continued, with more input, changed, damaged, shared."""

import gzip
import json
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from conftest import SAMPLES, members, wait_until

KB = SAMPLES / "encyclopedia.jsonl"


def lines(seed, n):
    rng = random.Random(seed)
    signs = "今天明天后天北京上海天气很好坏公园散步下雨了我们他们去来看书买葡萄酒小米雷军发布"
    return "".join("".join(rng.choices(signs, k=rng.randint(5, 60))) + "。\n" for _ in range(n))


def write(kxcli, name, text):
    path = kxcli.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


COMMANDS = {
    "words": ("wordcount",),
    "pairs": ("wordcount", "--ngram", "1-2", "--df"),
    "new words": ("newwords", "--all", "--min-count", "2"),
    "pmi": ("newwords", "--method", "pmi", "--all", "--min-count", "2", "--min-pmi", "1"),
    "names": ("entity-link", "--kb", KB),
    "collocates": ("collocate", "--pairs", "--min-count", "3", "--top", "50"),
    "keywords": ("keywords", "--top", "3"),
}


SLOW = {"pairs", "pmi", "keywords"}  # covered by the others, too


@pytest.fixture(params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in COMMANDS])
def command(request):
    return COMMANDS[request.param]


def count_found(ended):
    """Return how many tasks were found done, and how many there are."""
    found = re.search(r"ck: found ([\d,]+) of ([\d,]+) tasks? done", ended.err)
    assert found, ended.err
    return tuple(int(number.replace(",", "")) for number in found.groups())


RESUMABLE = ("--shard-size", "8K", "--checkpoint", "ck")
SHARDS = (*RESUMABLE, "-j", 1)


@pytest.mark.costly
def test_finished_run_serves_any_number_of_workers(kxcli, command, workers):
    write(kxcli, "a.txt", lines(1, 1500))
    write(kxcli, "b.txt", lines(2, 3))
    plain = kxcli(*command, "a.txt", "b.txt").out
    first = kxcli(*command, *RESUMABLE, "-j", workers, "a.txt", "b.txt")
    again = kxcli(*command, *RESUMABLE, "-j", 3 - workers, "a.txt", "b.txt")
    assert first.out == again.out == plain
    assert count_found(first)[0] == 0
    kept, n = count_found(again)
    assert kept == n == count_found(first)[1] > 10
    assert kxcli.leftovers() == []


@pytest.mark.costly
def test_only_new_files_are_computed(kxcli, command):
    for day in range(2):
        write(kxcli, f"day{day}.txt", lines(day, 300))
        (kxcli.folder / "all").mkdir(exist_ok=True)
        os.replace(kxcli.folder / f"day{day}.txt", kxcli.folder / "all" / f"day{day}.txt")
        ended = kxcli(*command, *SHARDS, "-r", "all")
        kept, n = count_found(ended)
        assert ended.out == kxcli(*command, "-r", "all").out
        if command[0] != "newwords":  # which reads everything again if there is more input
            assert (kept == 0) == (day == 0)
            assert n - kept < 14
    (kxcli.folder / "all" / "day0.txt").unlink()
    assert kxcli(*command, *SHARDS, "-r", "all").out == kxcli(*command, "-r", "all").out


@pytest.mark.parametrize("change", ["text", "time", "bytes"])
def test_changed_file_is_computed_again(kxcli, change):
    path = write(kxcli, "a.txt", lines(1, 800))
    write(kxcli, "b.txt", lines(2, 800))
    use = ("wordcount", *SHARDS, "a.txt", "b.txt")
    kxcli(*use)
    status = path.stat()
    if change == "text":
        path.write_text(lines(3, 900))
    elif change == "bytes":  # at its end, with the same size and time
        path.write_bytes(path.read_bytes()[:-4] + "雨\n".encode())
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    else:
        os.utime(path, (1, 1))
    ended = kxcli(*use)
    kept, n = count_found(ended)
    assert kept < n
    assert "changed" in ended.err
    assert ended.out == kxcli("wordcount", "a.txt", "b.txt").out


@pytest.mark.parametrize(
    "options",
    [
        ("--lower", "--min-length", 2),
        ("--ngram", 2),
        ("--stopwords", "stop"),
        pytest.param(("--userdict", "mine"), marks=pytest.mark.slow),
        ("--encoding", "auto"),
        ("--shard-size", "4K"),
    ],
)
def test_changed_option_computes_everything_again(kxcli, options):
    write(kxcli, "a.txt", "AB " + lines(1, 300))
    write(kxcli, "stop", "天气\n")
    write(kxcli, "mine", "天天气 100\n")
    kxcli("wordcount", *SHARDS, "a.txt")
    others = SHARDS[2:] if options[0] == SHARDS[0] else SHARDS
    ended = kxcli("wordcount", *others, *options, "a.txt")
    assert count_found(ended)[0] == 0
    assert ended.out == kxcli("wordcount", *options, "a.txt").out
    if options[0] in ("--stopwords", "--userdict"):  # the content matters, not the name
        write(kxcli, options[1], "公园\n")
        ended = kxcli("wordcount", *SHARDS, *options, "a.txt")
        assert count_found(ended)[0] == 0
        assert ended.out == kxcli("wordcount", *options, "a.txt").out
    assert count_found(kxcli("wordcount", *SHARDS, "a.txt"))[0] > 0


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("wordcount",), ("wordcount", "--field", "text")),
        (("wordcount", "--input-format", "jsonl"), ("wordcount",)),
        (("wordcount", "--field", "text"), ("wordcount", "--field", "other")),
        (("wordcount", "--input-format", "tsv", "--field", "other"), ("wordcount",)),
        (("entity-link", "--kb", KB, "--input-format", "jsonl"), ("entity-link", "--kb", KB, "--input-format", "text")),
    ],
)
def test_changed_input_format_computes_everything_again(kxcli, first, second):
    path = write(kxcli, "a.jsonl", '{"text": "other\\ttext", "other": "更多的"}\n')
    if "tsv" in first:
        path = write(kxcli, "a.tsv", "text\tother\n公园\t更多的\n")
    for use in (first, second), (second, first):
        for command in use:
            assert kxcli(*command, "--checkpoint", "ck", path).out == kxcli(*command, path).out


def test_folder_of_checkpoint_is_no_input(kxcli):
    write(kxcli, "in/a.txt", "x\n")
    err = kxcli("wordcount", "-r", "in", "--checkpoint", "in/ck", code=2).err
    assert "in: has the folder of --checkpoint in it" in err
    for options in ("--glob", "*.txt"), ("--glob", "*"):  # the second run finds the files of the first one
        code = 2 if "*" in options else 0
        err = kxcli("wordcount", "-r", "in", "--checkpoint", "in/ck", *options, code=code).err
        assert ("is in the folder of --checkpoint" in err) == (code == 2)


def test_options_of_rows_use_stored_tasks(kxcli):
    write(kxcli, "a.txt", lines(1, 300))
    kxcli("wordcount", *SHARDS, "a.txt")
    for options in ("--top", 3, "--sort", "word"), ("--min-count", 5, "-f", "jsonl", "--per-million"):
        ended = kxcli("wordcount", *SHARDS, *options, "a.txt")
        kept, n = count_found(ended)
        assert kept == n
        assert ended.out == kxcli("wordcount", *options, "a.txt").out


def test_skipped_records_are_reported_again(kxcli):
    write(kxcli, "a.txt", lines(1, 300).encode() + b"\xff\n" + lines(2, 300).encode() + b"\xfe\n")
    use = ("wordcount", "--on-error", "skip", "a.txt")
    plain = kxcli(*use)
    runs = [kxcli(*use, *SHARDS) for _ in range(2)]
    assert "2 lines skipped" in plain.err and "a.txt:301, a.txt:602" in plain.err
    for ended in runs:
        assert ended.out == plain.out
        assert plain.err in ended.err


def test_file_named_twice_counts_twice(kxcli):
    write(kxcli, "a.txt", lines(1, 300))
    plain = kxcli("wordcount", "a.txt", "a.txt").out
    for names in ("a.txt",), ("a.txt", "a.txt"), ("a.txt", "a.txt"):
        ended = kxcli("wordcount", *SHARDS, *names)
    assert ended.out == plain
    assert count_found(ended)[0] == count_found(ended)[1]


@pytest.mark.parametrize("form", ["gz", "csv", "jsonl"])
def test_sequential_inputs_are_stored(kxcli, form, workers):
    texts = lines(1, 9_000 if form == "gz" else 600)  # a stream is read 256 KB at a time
    if form == "gz":
        write(kxcli, "a.gz", gzip.compress(texts.encode()))
    elif form == "csv":
        write(kxcli, "a.csv", "text,n\n" + "".join(f'"{text}",1\n' for text in texts.splitlines()))
    else:
        write(kxcli, "a.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts.splitlines()))
    use = ("wordcount", *(("--field", "text") if form != "gz" else ()), f"a.{form}")
    plain = kxcli(*use).out
    for _ in range(2):
        ended = kxcli(*use, *RESUMABLE, "-j", workers)
        assert ended.out == plain
    kept, n = count_found(ended)
    assert kept == n > 2


def test_tables_use_stored_tasks(kxcli, workers):
    table = (SAMPLES / "noise.tsv").read_text("utf-8").splitlines(keepends=True)
    write(kxcli, "a.tsv", "".join(table[:300]))
    use = ("hsic", "--matrix", "edges", "--permutations", 200, "a.tsv")
    plain = kxcli(*use).out
    for _ in range(2):
        ended = kxcli(*use, "--checkpoint", "ck", "-j", workers)
        assert ended.out == plain
    kept, n = count_found(ended)
    assert kept == n >= 1
    assert count_found(kxcli(*use, "--checkpoint", "ck", "--seed", 1))[0] == 0


def test_stream_is_refused(kxcli, command):
    err = kxcli(*command, "--checkpoint", "ck", stdin="x\n", code=2).err
    assert "<stdin>: " in err and "give files" in err


def test_unique_lines_are_refused(kxcli):
    write(kxcli, "a.txt", "x\n")
    assert "--checkpoint" in kxcli("newwords", "--unique-lines", "--checkpoint", "ck", "a.txt", code=2).err


def test_damaged_files_are_reported_and_computed_again(kxcli):
    write(kxcli, "a.txt", lines(1, 800))
    plain = kxcli("wordcount", *SHARDS, "a.txt").out
    for file in (kxcli.folder / "ck").rglob("*.partial"):  # several on a busy machine
        file.write_bytes(file.read_bytes()[:-9])
    ended = kxcli("wordcount", *SHARDS, "a.txt")
    assert ended.out == plain
    assert re.search(r"^kxcli: ck/\w+/[\w-]+\.partial: is damaged; what was in it is computed again$", ended.err, re.M)
    assert count_found(ended)[0] == 0
    assert count_found(kxcli("wordcount", *SHARDS, "a.txt"))[0] > 0


def test_second_run_is_refused(kxcli):
    write(kxcli, "a.txt", lines(1, 100_000))
    first = kxcli.start("wordcount", "--engine", "jieba", "-j", 1, "--checkpoint", "ck", "a.txt")
    try:
        wait_until(lambda: (kxcli.folder / "ck" / "lock").exists())
        wait_until(lambda: [*(kxcli.folder / "ck").glob("*/")])
        err = kxcli("wordcount", "--checkpoint", "ck", "a.txt", code=1).err
        assert err == "kxcli: error: ck: another run is using it; wait for its end, or name another folder\n"
    finally:
        first.kill()
        first.communicate()


def test_file_changed_while_read_is_an_error(kxcli):
    path = write(kxcli, "a.txt", lines(1, 30_000))
    run = kxcli.start("wordcount", "--engine", "jieba", "-j", 1, "--shard-size", "100K", "--checkpoint", "ck", "a.txt")
    wait_until(lambda: [*(kxcli.folder / "ck").glob("*/")])
    with open(path, "ab") as file:
        file.write(b"more\n")
    _, err = run.communicate(timeout=120)
    assert run.returncode == 1
    assert b"a.txt: changed while it was read; run again when nobody writes to it" in err


def test_full_disk_is_reported(kxcli, small_disk):
    write(kxcli, "a.txt", lines(1, 6_000))
    err = kxcli("wordcount", "--ngram", "2", "-j", 1, "--checkpoint", small_disk / "ck", "a.txt", code=1).err
    assert "No space left on device; make room in the folder of --checkpoint" in err
    assert kxcli.leftovers() == []


def test_file_instead_of_folder_is_an_error(kxcli):
    write(kxcli, "a.txt", "x\n")
    assert "--checkpoint" in kxcli("wordcount", "--checkpoint", "a.txt", "a.txt", code=1).err


def check_killed_runs(kxcli, command, times, names):
    """Kill the process group of a run at random moments, and let the last run finish.

    A run that finishes before it is killed is removed, so that the next one can be killed.
    """
    rng = random.Random(times)
    use = (*command, "--shard-size", "64K", "--checkpoint", "ck", "-o", "out", *names)
    start = time.monotonic()
    undisturbed = kxcli.run(*command, *names).out
    seconds = time.monotonic() - start
    n_killed = 0
    while n_killed < times:
        run = kxcli.start(*use, "-j", rng.choice([1, 2]))
        try:
            run.wait(timeout=rng.uniform(0.1, seconds))
            shutil.rmtree(kxcli.folder / "ck")
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            n_killed += 1
        _, err = run.communicate()
        assert b"error" not in err
        wait_until(lambda run=run: members(run.pid) == [])
    ended = kxcli(*use)
    assert (kxcli.folder / "out").read_bytes() == undisturbed
    assert kxcli.leftovers() == []
    assert [path.name for path in kxcli.folder.iterdir() if path.name.endswith(".part")] == []
    _, n = count_found(ended)
    assert count_found(kxcli(*use)) == (n, n)


@pytest.mark.full
def test_killed_run_continues(kxcli):
    write(kxcli, "a.txt", lines(1, 4_000))
    write(kxcli, "b.txt.gz", gzip.compress(lines(2, 500).encode()))
    write(kxcli, "dict", "今天 5\n天气 3\n")
    check_killed_runs(kxcli, ("wordcount", "--engine", "jieba", "--dict", "dict"), 2, ("a.txt", "b.txt.gz"))


@pytest.mark.slow
def test_run_killed_twenty_times_continues(kxcli, command):
    write(kxcli, "a.txt", lines(1, 120_000))
    write(kxcli, "b.txt.gz", gzip.compress(lines(2, 30_000).encode()))
    check_killed_runs(kxcli, command, 20, ("a.txt", "b.txt.gz"))
