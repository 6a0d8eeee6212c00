"""`--check`: encodings and first bad lines of inputs, by all commands."""

import gzip
import json
import resource
import sys

import pytest
from conftest import SAMPLES

from kxcli.cli import COMMANDS

LEADING = {"kwic": ["北京"], "collocate": ["北京"]}
GOOD, BAD = "北京 a\n上海 b\n".encode(), "北京 a\n".encode() + b"\xff\n" + "上海 b\n".encode()


def put(kxcli, name, data):
    path = kxcli.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    return name


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_checks_its_inputs(kxcli, command):
    names = [put(kxcli, "good.txt", GOOD), put(kxcli, "bad.txt", BAD)]
    ended = kxcli(command, *LEADING.get(command, []), "--check", *names, code=1)
    assert ended.text == "good.txt\tutf-8\t\t\t\nbad.txt\tutf-8\t\t2\tbyte 0xff is not valid utf-8\n"
    assert ended.err.startswith("kxcli: error: bad.txt:2: byte 0xff is not valid utf-8; ")
    assert kxcli(command, *LEADING.get(command, []), "--check", names[0]).err == ""


LONG = GOOD * 200_000  # more than two tasks
CASES = {
    "text": ("a.txt", BAD, (), 2),
    "later task": ("a.txt", LONG + BAD, (), 400_002),
    "gzip": ("a.gz", gzip.compress(LONG + BAD, 1), (), 400_002),
    "gb18030": ("a.txt", "北京\n上海\n".encode("gbk") + b"\xff\n", ("--encoding", "gb18030"), 3),
    "utf-16": ("a.txt", "北京\n".encode("utf-16-le") + b"\x00\xd8", ("--encoding", "utf-16-le"), 2),
    "jsonl": ("a.jsonl", b'{"text": "a"}\n{"text": 1}\n', ("--field", "text"), 2),
    "csv": ("a.csv", b'text,x\n"a\nb",1\n"c"d,2\n', ("--field", "text"), 4),
    "group": ("a.csv", b"text,x\n", ("--by", "label"), 1),
    "truncated": ("a.gz", gzip.compress(GOOD)[:-9], (), None),
}


@pytest.mark.parametrize("way", ["file", "stdin"])
@pytest.mark.parametrize("case", CASES)
def test_check_finds_the_line_where_a_run_stops(kxcli, case, way):
    name, data, options, line = CASES[case]
    inputs = {"stdin": data} if way == "stdin" else {}
    if way == "stdin":
        options = (*options, *(("--input-format", name[2:]) if options and options[0] in ("--field", "--by") else ()))
        name = "<stdin>"
    names = [] if way == "stdin" else [put(kxcli, name, data)]
    run = kxcli("wordcount", *options, *names, code=1, **inputs)
    check = kxcli("wordcount", "--check", "-f", "jsonl", *options, *names, code=1, **inputs)
    (row,) = map(json.loads, check.text.splitlines())
    assert check.err == run.err
    assert (row["path"], row["bad_line"], row["confidence"]) == (name, line, None)
    where = name if line is None else f"{name}:{line}"
    assert run.err.startswith(f"kxcli: error: {where}: {row['problem']}; ")


def test_check_reports_detected_encodings_with_their_confidence(kxcli):
    text = (SAMPLES / "traditional.txt").read_text(encoding="utf-8")
    for encoding in ("utf-8", "utf-8-sig", "cp950", "gb18030", "utf-16-le", "utf-16"):
        put(kxcli, f"in/{encoding}.txt", text.encode(encoding, "ignore"))
    put(kxcli, "in/rare.txt", "龘靐齉爩麤龗灪鱻".encode("gb18030"))
    put(kxcli, "in/empty.txt", b"")
    ended = kxcli("segment", "--check", "--encoding", "auto", "-r", "in", "-o", "-", "--header")
    header, *rows = ended.rows
    assert header == ["path", "encoding", "confidence", "bad_line", "problem"]
    found = {path[3:-4]: (encoding, confidence) for path, encoding, confidence, *_ in rows}
    assert [found.pop(name) for name in ("empty", "rare", "utf-8-sig")] == [("", ""), ("gb18030", "0"), ("utf-8", "1")]
    assert all(name == encoding for name, (encoding, _) in found.items()) and len(found) == 5
    assert all(0.7 < float(confidence) <= 1 for _, confidence in found.values())
    assert ended.err.startswith("kxcli: warning: in/rare.txt: read as gb18030, but 0 of 8 ")
    assert ended.err.count("\n") == 1


def test_check_writes_the_formats_of_rows_by_option_or_suffix(kxcli):
    name = put(kxcli, "a.txt", GOOD)
    kxcli("wordcount", "--check", name, "-o", "check.csv")
    assert (kxcli.folder / "check.csv").read_text() == "path,encoding,confidence,bad_line,problem\na.txt,utf-8,,,\n"
    kxcli("entity-link", "--check", name, "-o", "check.jsonl")
    row = {"path": "a.txt", "encoding": "utf-8", "confidence": None, "bad_line": None, "problem": ""}
    assert json.loads((kxcli.folder / "check.jsonl").read_text()) == row
    for options in ([], ["-f", "text"]):
        assert kxcli("segment", "--check", *options, name).text == "a.txt\tutf-8\t\t\t\n"


@pytest.mark.parametrize("on_error", ["skip", "replace"])
def test_check_succeeds_where_a_run_does(kxcli, on_error):
    ended = kxcli("wordcount", "--check", "--on-error", on_error, put(kxcli, "a.txt", BAD))
    assert ended.rows == [["a.txt", "utf-8", "", "2", "byte 0xff is not valid utf-8"]] and ended.err == ""


def test_check_reads_lists_globs_and_references(kxcli):
    for name in ("in/a.txt", "in/b.md", "c.txt"):
        put(kxcli, name, GOOD)
    put(kxcli, "list", b"c.txt\n")
    options = ("--check", "-r", "in", "--glob", "*.txt", "--files-from", "list")
    assert [row[0] for row in kxcli("keyness", *options, "--reference", "in/b.md").rows] == [
        "in/a.txt",
        "c.txt",
        "in/b.md",
    ]


def test_check_of_tables_opens_binary_files(kxcli):
    data = (
        b"\x93NUMPY\x01\x00"
        + b"v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }".ljust(120)
        + bytes(32)
    )
    assert kxcli("hsic", "--check", put(kxcli, "a.npy", data)).text == "a.npy\t\t\t\t\n"
    assert kxcli("hsic", "--check", stdin=data).text == "<stdin>\t\t\t\t\n"
    assert kxcli("hsic", "--check", stdin="a\tb\n1\t2\n").text == "<stdin>\tutf-8\t\t\t\n"
    names = [put(kxcli, "bad.npy", data[:-1]), put(kxcli, "y.txt", BAD)]
    (path, encoding, _, line, problem), other = kxcli("hsic", "--check", names[0], "--y-file", names[1], code=1).rows
    assert (path, encoding, line) == ("bad.npy", "", "") and problem
    assert other == ["y.txt", "utf-8", "", "2", "byte 0xff is not valid utf-8"]


@pytest.mark.parametrize("command", ["hsic", "wordcount"])
def test_check_finds_damaged_parquet(kxcli, command):
    pytest.importorskip("pyarrow")
    ended = kxcli(command, "--check", put(kxcli, "a.parquet", b"PAR1\x15" + bytes(9)), code=1)
    ((path, encoding, _, line, problem),) = ended.rows
    assert (path, encoding, line) == ("a.parquet", "", "") and problem.startswith("is not a valid Parquet file")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_check_finds_bad_rows_of_binary_files(kxcli, suffix):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import feather, parquet

    write = parquet.write_table if suffix == "parquet" else feather.write_feather
    texts = pyarrow.array(["北京".encode(), b"\xff", b"a"]).cast(pyarrow.string(), safe=False)
    for name, column in (("bad", texts), ("good", texts.slice(2))):
        write(pyarrow.table({"text": column}), kxcli.folder / f"{name}.{suffix}")
    run = kxcli("wordcount", f"bad.{suffix}", code=1)
    ended = kxcli("wordcount", "--check", f"bad.{suffix}", f"good.{suffix}", code=1)
    bad, good = ended.rows
    assert bad[:4] == [f"bad.{suffix}", "", "", "2"] and good == [f"good.{suffix}", "", "", "", ""]
    assert ended.err == run.err and bad[4] in run.err


RUNS = {
    "field of the output": ("segment", ["-f", "jsonl"], "a.jsonl", '{"text": "a", "tokens": 1}\n', 1),
    "long line": ("segment", ["--memory", "100M"], "a.jsonl", json.dumps({"text": "a" * (3 << 20)}) + "\n", 1),
    "long document": ("keywords", ["--memory", "100M", "--document", "file"], "a.txt", ("a" * 999 + "\n") * 1500, None),
    "long line of text": ("kwic", ["a", "--memory", "100M"], "a.txt", "a\n" + "a" * (3 << 20), 2),
    "count": ("wordcount", ["--merge"], "a.tsv", "word\tcount\na\t1\nb\tx\n", 3),
    "columns": ("wordcount", ["--merge", "good.tsv"], "a.tsv", "label\tword\tcount\nx\ta\t1\n", 2),
    "count of a side": ("keyness", ["--reference", "good.tsv"], "a.tsv", "word\tcount\na\tx\n", 2),
    "count of a reference": ("keyness", ["good.tsv", "--reference", "a.tsv"], "a.tsv", "word\tcount\na\tx\n", 2),
    "group of counts": ("keyness", ["--by", "label"], "a.tsv", "word\tcount\na\t1\n", 2),
}


@pytest.mark.parametrize("case", RUNS)
def test_check_finds_what_only_its_command_refuses(kxcli, case):
    command, options, name, text, line = RUNS[case]
    put(kxcli, "good.tsv", b"word\tcount\nb\t2\n")
    names = [] if "--reference" in options and "a.tsv" in options else [name]
    put(kxcli, name, text.encode())
    run = kxcli(command, *options, *names, code=1)
    check = kxcli(command, *options, "--check", *names, code=1)
    rows = [list(json.loads(row).values()) for row in check.text.splitlines()] if "jsonl" in options else check.rows
    problems = {row[0]: (row[3], row[4]) for row in rows if row[4]}
    assert list(problems) == [name] and str(problems[name][0]) == ("" if line is None else str(line))
    error = next(text for text in run.err.splitlines() if text.startswith("kxcli: error: "))
    assert error in check.err.splitlines() and problems[name][1] in error


def test_check_reports_each_unreadable_input(kxcli, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for name in ("good.jsonl", "a.parquet", "in/a.txt"):
        put(kxcli, name, b'{"text": "a"}\n')
    put(kxcli, "plain.txt", b"a\n")
    names = ["missing", "in", "a.parquet", "plain.txt", "good.jsonl"]
    for on_error in ("stop", "skip"):
        ended = kxcli("wordcount", "--check", "--field", "text", "--on-error", on_error, *names, code=1)
        assert [row[0] for row in ended.rows] == names and {row[3] for row in ended.rows} == {""}
        assert [row[4] for row in ended.rows] == [
            "No such file or directory",
            "is a folder",
            "reading Parquet needs an extra library",
            "neither its name nor its content shows the record format",
            "",
        ]
        assert ended.err == "kxcli: error: missing: No such file or directory; check the path and its permissions\n"
    assert "pip install" in kxcli("wordcount", "--check", "a.parquet", code=1).err


def test_check_needs_no_option_for_computing(kxcli):
    name = put(kxcli, "a.txt", GOOD)
    assert kxcli("entity-link", "--check", name).text == "a.txt\tutf-8\t\t\t\n"
    assert "requires --kb" in kxcli("entity-link", name, code=2).err
    assert kxcli("keyness", "--check", name).text == kxcli("hsic", "--check", name).text
    assert "is a file, not a PATTERN" in kxcli("kwic", "--check", name, code=2).err


@pytest.mark.slow
def test_check_reads_a_long_line_in_bounded_memory(kxcli):
    with gzip.open(kxcli.folder / "a.gz", "wb", 1) as file:
        for _ in range(300):
            file.write(b"x" * 1_000_000)
    limit = resource.RLIMIT_DATA, (200 << 20, 200 << 20)
    ended = kxcli.run("wordcount", "--check", "a.gz", preexec_fn=lambda: resource.setrlimit(*limit))
    assert ended.text == "a.gz\tutf-8\t\t\t\n"
