"""Summaries of runs (--summary), and the limit of skipped documents (--max-skipped)."""

import gzip
import json
import os
import signal

import pytest
from conftest import SAMPLES

from kxcli import __version__
from kxcli import summary as kxcli_summary
from kxcli.cli import COMMANDS
from kxcli.mapreduce import pool, usage
from kxcli.summary import RunSummary, parse_skip_limit

KB = SAMPLES / "encyclopedia.jsonl"
REVIEWS = SAMPLES / "reviews.jsonl"
NEWS = SAMPLES / "news.txt"
# For each command: the options of a run, its inputs, and the lines or records of each.
RUNS = {
    "wordcount": ((), {NEWS: 70}),
    "segment": ((), {NEWS: 70}),
    "keywords": (("--learn-idf",), {NEWS: 70}),
    "kwic": (("青禾镇",), {NEWS: 70}),
    "collocate": (("青禾",), {NEWS: 70}),
    "keyness": (("--reference", SAMPLES / "tech.txt"), {NEWS: 70, SAMPLES / "tech.txt": 30}),
    "newwords": ((), {NEWS: 70}),
    "entity-link": (("--kb", KB), {SAMPLES / "mentions.txt": 20}),
    "hsic": (("-x", "x", "-y", "parabola", "--test", "none"), {SAMPLES / "noise.tsv": 1000}),
}


def summarize(kxcli, *arguments, code=0, **options):
    """Run the program with --summary; return the object, and how the run ended."""
    path = kxcli.folder / "summary.json"
    ended = kxcli(*arguments, "--summary", path, code=code, **options)
    return json.loads(path.read_bytes()), ended


def write_bad_lines(folder):
    """Write 95 good and 5 bad lines, and 90 good and 10 bad records."""
    bad = b"".join(b"\xff\n" if i % 20 == 7 else "今天天气\n".encode() for i in range(100))
    (folder / "bad.txt").write_bytes(bad.removesuffix(b"\n"))
    records = ["{" if i % 10 == 7 else '{"text": "今天天气"}' for i in range(100)]
    (folder / "bad.jsonl").write_text("\n".join(records), encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_summary_has_the_inputs_and_their_documents(kxcli, name):
    options, inputs = RUNS[name]
    first = next(iter(inputs))
    summary, ended = summarize(kxcli, name, *options, first)
    assert ended.out == kxcli(name, *options, first).out
    assert [(one["path"], one["documents"]) for one in summary["inputs"]] == [
        (str(path), n) for path, n in inputs.items()
    ]
    for one in summary["inputs"]:
        assert one["bytes"] == (SAMPLES / one["path"]).stat().st_size
        assert (one["encoding"], one["format"]) == ("utf-8", "tsv" if name == "hsic" else "text")
    totals = {name: summary["totals"][name] for name in ("inputs", "bytes", "documents")}
    size = sum(path.stat().st_size for path in inputs)
    assert totals == {"inputs": len(inputs), "bytes": size, "documents": sum(inputs.values())}
    assert (summary["command"], summary["version"]) == (name, __version__)
    assert (summary["exit_status"], summary["complete"], summary["error"], summary["skipped"]) == (0, True, None, [])
    assert summary["cpu_seconds"] > 0 and summary["seconds"] > 0
    assert 1 << 20 < summary["peak_memory_bytes"] < 1 << 40


def test_options_are_those_of_the_command_line_as_written(kxcli):
    options = ("--ngram", "1-2", "--df", "--no-header", "--min-count=2", "--stopwords", "@zh", "--stopwords", "@en")
    summary, _ = summarize(kxcli, "wordcount", *options, NEWS)
    path = str(kxcli.folder / "summary.json")
    expected = {"ngram": "1-2", "df": True, "header": False, "min_count": 2, "stopwords": ["@zh", "@en"]}
    assert summary["options"] == {**expected, "summary": path}


def test_secrets_of_urls_are_hidden():
    url = "https://user:geheim@example.org/a.txt?token=geheim"
    summary = RunSummary("wordcount", {"files_from": [url]}, None)
    summary.add_input(url)
    line = summary.encode(0, [{"cause": "lines skipped", "count": 1, "places": [f"{url}:1"]}])
    assert b"example.org/a.txt" in line and b"geheim" not in line


def test_tokens_and_types_are_those_of_the_rows(kxcli):
    for options in ((), ("--ngram", "1-2"), ("--by", "label", "--field", "text")):
        rows = kxcli("wordcount", *options, REVIEWS).rows
        summary, _ = summarize(kxcli, "wordcount", *options, "--top", 1, REVIEWS)
        assert summary["totals"]["tokens"] == sum(int(row[-1]) for row in rows)
        assert summary["totals"]["types"] == len(rows)
        (kxcli.folder / "counts.tsv").write_bytes(kxcli("wordcount", *options, "--header", REVIEWS).out)
        merged, _ = summarize(kxcli, "wordcount", "--merge", kxcli.folder / "counts.tsv")
        names = ("tokens", "types")
        assert {name: merged["totals"][name] for name in names} == {name: summary["totals"][name] for name in names}
        assert merged["inputs"][0]["documents"] == len(rows)


@pytest.mark.parametrize("size", ["7", "100", "1M"])
@pytest.mark.parametrize("is_records", [False, True], ids=["text", "records"])
def test_documents_do_not_depend_on_shards_and_workers(kxcli, workers, size, is_records):
    write_bad_lines(kxcli.folder)
    paths = (kxcli.folder / "bad.jsonl", *(() if is_records else (kxcli.folder / "bad.txt",)))
    options = ("--on-error", "skip", "--shard-size", size, "-j", workers)
    read = ("--input-format", "jsonl" if is_records else "text")
    for name in ("wordcount", "segment") if size == "100" else ("wordcount",):
        summary, _ = summarize(kxcli, name, *options, *read, *paths)
        assert [one["documents"] for one in summary["inputs"]] == ([90] if is_records else [100, 95])
        (skipped,) = summary["skipped"]
        lines = [8, 18, 28] if is_records else [8, 28, 48]
        assert skipped["count"] == (10 if is_records else 5)
        assert skipped["places"] == [f"{paths[-1]}:{line}" for line in lines]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030"])
@pytest.mark.parametrize("end", ["", "\n", "\n\n"])
def test_last_line_and_empty_lines_are_documents(kxcli, encoding, end):
    text = "\ufeff" * (encoding == "utf-8") + "今天\r\n\r\n天气" + end
    path = kxcli.folder / "a.txt"
    path.write_bytes(text.encode(encoding))
    for name in ("wordcount", "keywords", "newwords"):
        summary, _ = summarize(kxcli, name, "--encoding", encoding, "--on-error", "skip", path)
        assert summary["totals"]["documents"] == len(end) + 3 - (end != "")
        assert summary["inputs"][0]["encoding"] == encoding


def test_inputs_with_equal_paths_are_listed_one_by_one(kxcli):
    size = NEWS.stat().st_size
    summary, _ = summarize(kxcli, "wordcount", NEWS, SAMPLES / "tech.txt", NEWS, "--shard-size", "1K")
    assert [(one["bytes"], one["documents"]) for one in summary["inputs"] if one["path"] == str(NEWS)] == [
        (size, 70)
    ] * 2
    assert summary["totals"]["inputs"] == len(summary["inputs"]) == 3 and summary["totals"]["documents"] == 170
    assert len(summarize(kxcli, "keyness", NEWS, "--reference", NEWS)[0]["inputs"]) == 2
    kxcli("wordcount", "-o", "t.tsv", NEWS)
    table, _ = summarize(kxcli, "hsic", "-x", 1, "-y", 2, "--kernel-x", "delta", "--test", "none", "t.tsv", "t.tsv")
    assert len({json.dumps(one) for one in table["inputs"]}) == 1 and len(table["inputs"]) == 2
    assert len(summarize(kxcli, "wordcount", "--merge", "t.tsv", "t.tsv")[0]["inputs"]) == 2


def test_streams_have_the_bytes_that_were_read(kxcli):
    text = NEWS.read_bytes()
    for data, name in ((text, "wordcount"), (gzip.compress(text), "segment")):
        summary, _ = summarize(kxcli, name, stdin=data)
        expected = {"path": "<stdin>", "encoding": "utf-8", "format": "text", "bytes": len(data), "documents": 70}
        assert summary["inputs"] == [expected]
    summary, _ = summarize(kxcli, "hsic", "-x", 1, "-y", 2, "--test", "none", stdin=b"1\t2\n" * 9)
    assert (summary["totals"]["documents"], summary["totals"]["bytes"]) == (9, 36)


def test_resumed_run_counts_the_documents_of_all_tasks(kxcli):
    write_bad_lines(kxcli.folder)
    options = ("--on-error", "skip", "--shard-size", 64, "--checkpoint", kxcli.folder / "ck", kxcli.folder / "bad.txt")
    first, _ = summarize(kxcli, "wordcount", *options)
    second, ended = summarize(kxcli, "wordcount", *options)
    assert "found 20 of 20 tasks done" in ended.err
    for name in ("inputs", "totals", "skipped"):
        assert first[name] == second[name]


def test_checkpoint_serves_runs_with_and_without_a_summary(kxcli):
    write_bad_lines(kxcli.folder)
    options = ("--on-error", "skip", "--shard-size", 64, "--checkpoint", "ck", "bad.txt")
    kxcli("wordcount", *options)
    summary, ended = summarize(kxcli, "wordcount", *options, "--max-skipped", 5)
    assert "found 20 of 20 tasks" in ended.err and summary["totals"]["documents"] == 95
    assert "5 of 100 documents" in kxcli("wordcount", *options, "--max-skipped", "4%", code=1).err
    assert "found 20 of 20 tasks" in kxcli("wordcount", *options).err


@pytest.mark.slow
def test_cluster_counts_documents_under_the_given_names(kxcli):
    write_bad_lines(kxcli.folder)
    arguments = ("wordcount", "--on-error", "skip", "--shard-size", 64, "--cluster", "local:1", "bad.txt")
    summary, _ = summarize(kxcli, *arguments)
    assert [(one["path"], one["documents"]) for one in summary["inputs"]] == [("bad.txt", 95)]


def test_failed_run_writes_the_error_and_leaves_the_output(kxcli):
    write_bad_lines(kxcli.folder)
    (kxcli.folder / "out").write_text("old")
    summary, ended = summarize(kxcli, "wordcount", "-o", "out", NEWS, "bad.txt", code=1)
    assert (summary["exit_status"], summary["complete"]) == (1, False)
    assert f"kxcli: error: {summary['error']}\n" == ended.err
    assert summary["error"].startswith("bad.txt:8: byte 0xff is not valid utf-8")
    assert (kxcli.folder / "out").read_text() == "old"


def test_exit_status_of_a_negative_finding_is_complete(kxcli):
    rows = b"".join(b"%d\t%d\n" % (i, i * i % 7) for i in range(40))
    summary, _ = summarize(kxcli, "hsic", "-x", 1, "-y", 2, "--exit-code", "--alpha", 1e-9, stdin=rows, code=3)
    assert (summary["exit_status"], summary["complete"], summary["error"]) == (3, True, None)


def test_usage_error_writes_no_summary(kxcli):
    kxcli("wordcount", "--null", "--summary", "summary.json", NEWS, code=2)
    assert not (kxcli.folder / "summary.json").exists()


def test_interrupted_run_writes_its_summary(kxcli):
    process = kxcli.start("segment", "--summary", "summary.json", stdin=-1)
    process.stdin.write(NEWS.read_bytes())
    process.stdin.flush()
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=60)
    assert process.returncode == 143
    summary = json.loads((kxcli.folder / "summary.json").read_bytes())
    assert (summary["exit_status"], summary["complete"], summary["error"]) == (143, False, "ended by SIGTERM")
    assert summary["inputs"][0]["bytes"] == NEWS.stat().st_size


def test_closed_pipe_is_no_complete_run(kxcli):
    with kxcli.start("segment", "--summary", "summary.json", NEWS, NEWS, "--shard-size", 1) as process:
        process.stdout.close()
        assert process.wait(timeout=60) == 0
    summary = json.loads((kxcli.folder / "summary.json").read_bytes())
    assert (summary["exit_status"], summary["complete"], summary["error"]) == (0, False, None)


def test_summary_that_cannot_be_written_is_found_before_the_work(kxcli):
    ended = kxcli("wordcount", "--summary", "missing/summary.json", NEWS, code=1)
    assert "its folder does not exist" in ended.err and ended.out == b""


def test_full_disk_of_the_summary_fails_the_run(kxcli):
    ended = kxcli("wordcount", "--summary", "/dev/full", "--top", 1, NEWS, code=1)
    assert ended.out and "/dev/full: No space left on device" in ended.err and "--summary" in ended.err


@pytest.mark.parametrize("path", ["bad.txt", "out", "-"])
def test_summary_replaces_no_other_file_of_the_run(kxcli, path):
    write_bad_lines(kxcli.folder)
    output = () if path == "-" else ("-o", "out")
    assert "--summary" in kxcli("wordcount", "--summary", path, *output, "bad.txt", code=2).err


def test_summary_is_not_read_as_an_input(kxcli):
    (kxcli.folder / "a.txt").write_text("北京\n", encoding="utf-8")
    (kxcli.folder / "s.json").write_text("{}")
    assert kxcli("wordcount", "-r", ".", "--summary", "s.json").text == "北京\t1\n"


def test_summary_goes_to_stdout_or_a_compressed_file(kxcli):
    assert json.loads(kxcli("wordcount", "-o", "out", "--summary", "-", NEWS).text)["totals"]["documents"] == 70
    kxcli("wordcount", "-o", "out", "--summary", "s.json.gz", NEWS)
    assert json.loads(gzip.decompress((kxcli.folder / "s.json.gz").read_bytes()))["totals"]["documents"] == 70


def test_usage_of_workers_is_added(kxcli, monkeypatch):
    monkeypatch.setattr(pool, "measure_process", lambda pid: usage.Usage(1000.0, 1 << 45))
    monkeypatch.setattr(kxcli_summary, "_measure_cpu", iter((1.0, 1.5)).__next__)
    (kxcli.folder / "a.jsonl").write_text('{"text": "今天天气"}\n' * 2000, encoding="utf-8")
    options = ("--tokenizer", "char", "--field", "text", "--shard-size", "16K", "-j", 2)
    summary, _ = summarize(kxcli, "wordcount", *options, "a.jsonl")
    assert (summary["cpu_seconds"], summary["peak_memory_bytes"]) == (2000.5, 1 << 45)


def test_usage_of_a_process_is_that_of_the_system(tmp_path, monkeypatch):
    ticks = os.sysconf("SC_CLK_TCK")
    (tmp_path / "stat").write_text(f"7 (a) b) S {'0 ' * 10}{2 * ticks} {ticks} 9 9\n")
    (tmp_path / "status").write_text("VmPeak:\t   999 kB\nVmHWM:\t    2048 kB\n")

    def open_copy(path, **options):
        return open(tmp_path / path.removeprefix("/proc/7/"), **options)

    with monkeypatch.context() as patch:
        patch.setattr(usage, "open", open_copy, raising=False)
        assert usage.measure_process(7) == usage.Usage(3.0, 2048 << 10)
    assert usage.measure_process(os.getpid()).peak_bytes > 1 << 20
    assert usage.measure_process(1 << 30) == usage.Usage(0.0, 0)


# --max-skipped


@pytest.mark.parametrize(
    ("limit", "accepted"), [("10", True), ("9", False), ("10%", True), ("9.9%", False), ("0", False), ("100%", True)]
)
@pytest.mark.parametrize("name", ["wordcount", "segment"])
def test_output_is_replaced_only_within_the_limit(kxcli, name, limit, accepted):
    write_bad_lines(kxcli.folder)
    (kxcli.folder / "out").write_text("old")
    arguments = ("--field", "text", "--on-error", "skip", "--max-skipped", limit, "-o", "out", "bad.jsonl")
    ended = kxcli(name, *arguments, code=0 if accepted else 1)
    assert ((kxcli.folder / "out").read_text() == "old") != accepted
    assert "10 records skipped" in ended.err
    if not accepted:
        assert f"10 of 100 documents (10.00%), more than --max-skipped {limit}" in ended.err


def test_repaired_lines_count_as_skipped(kxcli):
    write_bad_lines(kxcli.folder)
    arguments = ("wordcount", "--on-error", "replace", "bad.txt", "--max-skipped")
    kxcli(*arguments, "5%")
    assert "5 of 100 documents (5.00%)" in kxcli(*arguments, "4.9%", code=1).err


def test_skipped_documents_of_all_readers_count(kxcli):
    table = "x\ty\n" + "".join(f"{i}\t{i * i}\n" for i in range(40)) + "1\n"
    (kxcli.folder / "t.tsv").write_text(table)
    measure = ("hsic", "-x", "x", "-y", "y", "--test", "none", "--on-error", "skip", "t.tsv", "--max-skipped")
    kxcli(*measure, 1)
    assert "1 of 41 documents (2.44%)" in kxcli(*measure, "2%", code=1).err
    (kxcli.folder / "gold.jsonl").write_bytes((SAMPLES / "labelled.jsonl").read_bytes() + b"{\n")
    link = ("entity-link", "--kb", KB, "--on-error", "skip", "--max-skipped")
    kxcli(*link, 1, "--evaluate", "gold.jsonl")
    assert "1 of 151 documents" in kxcli(*link, 0, "--evaluate", "gold.jsonl", code=1).err
    assert "1 of 151 documents" in kxcli(*link, 0, "--train", "gold.jsonl", "--model", "m.npz", code=1).err
    assert not (kxcli.folder / "m.npz").exists()


def test_documents_of_both_sides_of_a_comparison_count_together(kxcli):
    write_bad_lines(kxcli.folder)
    arguments = ("keyness", "--on-error", "skip", "bad.txt", "--reference", NEWS, "--max-skipped")
    kxcli(*arguments, "3%")
    assert "5 of 170 documents (2.94%)" in kxcli(*arguments, "2.9%", code=1).err


def test_side_outputs_are_not_written_beyond_the_limit(kxcli):
    write_bad_lines(kxcli.folder)
    limit = ("--on-error", "skip", "--max-skipped", 4, "bad.txt")
    kxcli("keywords", "--learn-idf", "--save-idf", "idf.txt", *limit, code=1)
    kxcli("wordcount", "-f", "mtx", "-o", "counts.mtx", *limit, code=1)
    assert {path.name for path in kxcli.folder.glob("*.*")} - {".cache"} == {"bad.jsonl", "bad.txt"}
    assert not kxcli("wordcount", *limit, code=1).out


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "101%", "%", "1%%", "nan%", "1e3"])
def test_invalid_limit_is_refused(text):
    with pytest.raises(ValueError, match="is not a number of documents or a percentage"):
        parse_skip_limit(text)


def test_limit_of_nothing_is_kept(kxcli):
    assert parse_skip_limit(" .5% ") == (".5%", 0.5, True)
    (kxcli.folder / "empty.txt").write_bytes(b"")
    kxcli("wordcount", "--on-error", "skip", "--max-skipped", "0%", "empty.txt")
