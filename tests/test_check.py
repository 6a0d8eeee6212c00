"""`--check`: encodings and first bad lines of inputs, by all commands."""

import gzip
import json
import resource

import pytest
from conftest import SAMPLES

from kxcli.cli import COMMANDS

LEADING = {"kwic": ["北京"], "collocate": ["北京"], "entity-link": ["--kb", "none"]}
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
    kxcli("entity-link", "--kb", "none", "--check", name, "-o", "check.jsonl")
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


def test_check_of_tables_ignores_binary_formats(kxcli):
    data = (
        b"\x93NUMPY\x01\x00"
        + b"v\x00{'descr': '<f8', 'fortran_order': False, 'shape': (2, 2), }".ljust(120)
        + bytes(32)
    )
    assert kxcli("hsic", "--check", put(kxcli, "a.npy", data)).text == "a.npy\t\t\t\t\n"
    assert kxcli("hsic", "--check", stdin=data).text == "<stdin>\t\t\t\t\n"
    assert kxcli("hsic", "--check", put(kxcli, "a.parquet", b"PAR1\x15" + bytes(9))).text == "a.parquet\t\t\t\t\n"
    assert kxcli("hsic", "--check", stdin="a\tb\n1\t2\n").text == "<stdin>\tutf-8\t\t\t\n"


@pytest.mark.slow
def test_check_reads_a_long_line_in_bounded_memory(kxcli):
    with gzip.open(kxcli.folder / "a.gz", "wb", 1) as file:
        for _ in range(300):
            file.write(b"x" * 1_000_000)
    limit = resource.RLIMIT_DATA, (200 << 20, 200 << 20)
    ended = kxcli.run("wordcount", "--check", "a.gz", preexec_fn=lambda: resource.setrlimit(*limit))
    assert ended.text == "a.gz\tutf-8\t\t\t\n"
