"""`kwic`: the hits, their lines and contexts, their order, a sample of them, and the table."""

import fcntl
import gzip
import io
import json
import os
import random
import struct
import sys
import termios
import unicodedata
from functools import cache, partial
from unittest.mock import patch

import pytest
from conftest import ROOT, SAMPLES
from hypothesis import example, given, settings
from hypothesis import strategies as st
from kernel_texts import FREQUENT, OTHERS, SPACES, SURROGATES, Reference
from kwic_definition import cut_contexts, find_literals, find_regex, find_tokens, fold_character, list_rows, write_tsv

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.reader_spec import ReaderSpec, SourceFormat
from kxcli.corpus.records import read_documents
from kxcli.errors import list_requirements
from kxcli.mining import Segmentation, find_concordance
from kxcli.mining.kwic import finders
from kxcli.mining.kwic.arrangement import choose_sample, sort_rows
from kxcli.mining.kwic.finders import fold_case, make_finder
from kxcli.mining.kwic.job import FindHits, iter_row_blocks
from kxcli.mining.kwic.query import Query
from kxcli.mining.segment import prepare
from kxcli.mining.segment.offsets import load_locator
from kxcli.output.display_width import cut_end, cut_start, measure_width, show_controls
from kxcli.output.rows import encode_rows
from kxcli.output.table import TableColumn, TableEncoder
from kxcli.tally.scratch import Scratch

CASES = "aAbBſsSßẞİiıIσςΣKkKﬁµμ"
TEXT = st.text(st.sampled_from("aab北北京 \r" + CASES[:6]), max_size=30)
LONG = st.lists(st.sampled_from([*"aabb北京北京。", "\n", "\r\n", "\r"]), max_size=60).map("".join)
PATTERN = st.text(st.sampled_from("aab北京"), min_size=1, max_size=4)
READ = ReaderSpec(unit="blocks", counts_lines=True, names_sources=True)


def read(data, path, line=1):
    diagnostics = ReadDiagnostics(path, "stop", line=line)
    return read_documents(io.BytesIO(data), SourceFormat("text", "utf-8"), READ, diagnostics)


def find(query, text):
    return list(make_finder(query, None).find(text))


# What is found


@given(TEXT, st.lists(PATTERN, min_size=1, max_size=5), st.booleans())
@example("ushers", ["he", "she", "hers", "his"], False)
@example("aaaa", ["a", "aa", "aaa"], False)
def test_literals_equal_the_definition(text, patterns, ignore_case):
    expected = find_literals(text, patterns, ignore_case)
    assert find(Query(tuple(patterns), ignore_case=ignore_case), text) == expected


@given(st.text("ab", max_size=200), st.lists(st.text("ab", min_size=1, max_size=6), min_size=2, max_size=9))
def test_occurrences_in_flight_are_bounded(text, patterns):
    limit = finders._MAX_PENDING
    finders._MAX_PENDING = 1
    try:
        assert find(Query(tuple(patterns)), text) == find_literals(text, patterns)
    finally:
        finders._MAX_PENDING = limit


@given(st.text(st.sampled_from(CASES), max_size=12), st.text(st.sampled_from(CASES), min_size=1, max_size=3))
def test_case_is_ignored_character_by_character(text, pattern):
    assert find(Query((pattern,), ignore_case=True), text) == find_literals(text, [pattern], True)
    assert find(Query((pattern, "zz"), ignore_case=True), text) == find_literals(text, [pattern], True)


def test_folded_texts_are_as_long_for_every_character():
    characters = [one for one in map(chr, range(sys.maxunicode + 1)) if {one.casefold(), one.lower()} != {one}]
    assert len(characters) > 1000
    assert fold_case("".join(characters)) == "".join(map(fold_character, characters))


@given(TEXT, st.sampled_from(["a+", "a*", "b|北京", "(?<=a)b", "^a", "a$", r"\s", "[^a]"]), st.booleans())
def test_regular_expressions_equal_the_definition(text, pattern, ignore_case):
    expected = find_regex(text, pattern, ignore_case)
    assert find(Query((pattern,), "regex", ignore_case=ignore_case), text) == expected


@cache
def reference():
    return Reference()


@cache
def locator(mode, hmm, engine):
    segmentation = Segmentation(mode, hmm, engine=engine)
    return load_locator(segmentation, prepare(segmentation))


def tokens_finder(mode, hmm, engine, pattern, ignore_case):
    """Return a finder whose dictionary is loaded once."""
    with patch.object(finders, "load_locator", lambda *_: locator(mode, hmm, engine)):
        return make_finder(Query((pattern,), "tokens", ignore_case), None)


@given(
    st.lists(
        st.sampled_from([*FREQUENT[:20], *OTHERS, *SPACES, *SURROGATES, *["我们", "北京大学", "T恤", "a"] * 9]),
        max_size=20,
    ).map("".join),
    st.sampled_from([("jieba", True), ("jieba", False), ("char", True), ("space", True)]),
    st.sampled_from(["我们", "的", "T恤", "A", " ", "。", "\r\n", "大学"]),
    st.booleans(),
)
@example("北京大学的大学", ("jieba", True), "大学", False)
@example("t恤和T恤", ("jieba", True), "T恤", True)
def test_tokens_equal_the_definition(text, mode, pattern, ignore_case):
    expected = find_tokens(text, reference().cut(text, *mode), pattern, ignore_case)
    for engine in ("kernel", "jieba") if mode == ("jieba", True) else ("kernel",):
        assert list(tokens_finder(*mode, engine, pattern, ignore_case).find(text)) == expected


def test_tokens_of_a_pattern_are_where_it_matches():
    segmentation = Segmentation("regex", pattern="(?<=b)a")
    finder = make_finder(Query(("a",), "tokens", segmentation=segmentation), None)
    assert list(finder.find("aaba")) == [(3, 4)]


@given(LONG, PATTERN, st.sampled_from(["literal", "tokens", "regex", "patterns"]), st.booleans())
def test_lines_of_a_block_equal_all_its_lines(block, pattern, mode, ignore_case):
    patterns = (pattern, "zz") if mode == "patterns" else (pattern,)
    query = Query(patterns, "literal" if mode == "patterns" else mode, ignore_case, segmentation=Segmentation("char"))
    finder = make_finder(query, None)
    lines = [line.removesuffix("\r") for line in block.split("\n")]
    expected = [(number, span) for number, line in enumerate(lines) for span in finder.find(line)]
    assert [(number, span) for number, line in finder.select_lines(block) for span in finder.find(line)] == expected


# The job


@given(st.lists(LONG, min_size=1, max_size=3), PATTERN, st.integers(0, 5), st.data())
def test_rows_are_those_of_any_split(files, pattern, width, data):
    job = FindHits(Query((pattern,), width=width))
    job.setup(None)
    partials = []
    for number, text in enumerate(files):
        lines = text.split("\n")
        cut = data.draw(st.integers(0, len(lines) - 1))
        halves = ["".join(line + "\n" for line in lines[:cut]), "\n".join(lines[cut:])]
        for half, first in zip(halves, (1, cut + 1), strict=True):
            records = list(read(half.encode(), f"{number}.txt", first))
            if cut == 0 and half is halves[1]:  # the source has begun with the first half, which is empty
                records = records[1:]
            partials.append(job.load(job.dump(job.map(records))))
    expected = list_rows(
        {f"{number}.txt": text for number, text in enumerate(files)}, lambda line: find_literals(line, [pattern]), width
    )
    for some in (partials, [[part for parts in partials for part in parts]]):
        assert [row for block in iter_row_blocks(some, width) for row in block] == expected


@pytest.mark.parametrize("width", [0, 1, 7])
def test_windows_of_a_long_line_give_the_contexts(width):
    source = random.Random(3)
    text = "".join(source.choices("ab北", weights=(20, 5, 1), k=3000))
    job = FindHits(Query(("北",), width=width))
    job.setup(None)
    (hits,) = job.map(list(read(text.encode(), "x", 2)))
    expected = cut_contexts(text, find_literals(text, ["北"]), width)
    assert [row[1:] for row in hits.iter_rows("x", 0, width)] == expected
    assert len(hits.windows) > 5 and sum(map(len, hits.windows)) < len(text)


# Order and sample

CELL = st.text(st.sampled_from("ab北\0\1\2\3,\n"), max_size=4)
ROWS = st.lists(st.tuples(CELL, CELL, CELL, CELL), max_size=40)


@given(ROWS, st.sampled_from(["left", "right"]))
def test_rows_are_sorted_by_a_context_then_in_order(rows, side):
    expected = sorted(rows, key=lambda row: row[1][::-1] if side == "left" else row[3])
    assert list(sort_rows(rows, side)) == expected


@settings(max_examples=5)
@given(st.integers(0, 1 << 30), st.sampled_from(["left", "right"]))
def test_sorted_runs_on_disk_give_the_same(tmp_path_factory, seed, side):
    source = random.Random(seed)
    rows = [tuple("".join(source.choices("ab北\0\1\2\n", k=5)) for _ in range(4)) for _ in range(9000)]
    scratch = Scratch(lambda: str(tmp_path_factory.mktemp("runs")), 1)
    assert list(sort_rows(rows, side, scratch)) == list(sort_rows(rows, side))


@given(st.integers(0, 40), st.integers(1, 50), st.integers(0, 1 << 70))
def test_sample_is_in_order_and_grows_with_its_size(n_rows, n, seed):
    rows = list(range(n_rows))
    chosen = choose_sample(rows, n, seed)
    assert len(chosen) == min(n, n_rows) and chosen == sorted(set(chosen))
    assert set(chosen) <= set(choose_sample(rows, n + 1, seed))


def test_samples_are_fair_and_depend_on_the_seed():
    counts = [0] * 20
    for seed in range(500):
        for row in choose_sample(range(20), 5, seed):
            counts[row] += 1
    assert all(abs(count - 125) < 45 for count in counts)  # 4.6 standard deviations


# The command


def put(kxcli, name, data):
    path = kxcli.folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return name


MODES = {
    "literal": ("北京",),
    "ignore-case": ("-i", "AB"),
    "regex": ("--regex", "[0-9]+|京$"),
    "tokens": ("--tokens", "北京"),
    "patterns": ("--patterns-from", "patterns"),
}
PATTERNS = ["北京", "京", "北京大学", "12", "a"]
FINDERS = {
    "literal": partial(find_literals, patterns=["北京"]),
    "ignore-case": partial(find_literals, patterns=["AB"], ignore_case=True),
    "regex": partial(find_regex, pattern="[0-9]+|京$"),
    "tokens": lambda line: find_tokens(line, reference().cut(line), "北京"),
    "patterns": partial(find_literals, patterns=PATTERNS),
}


def make_files(seed, n_lines=60):
    source = random.Random(seed)
    words = ["北京", "北京大学", "京", "我们去", "ab", "aB", " ", "12", "。", "\t", "下雨了"]
    files = {}
    for name in ("a.txt", "b/c.txt", "d.txt"):
        lines = ["".join(source.choices(words, k=source.randrange(9))) for _ in range(n_lines)]
        files[name] = "".join(line + source.choice(["\n", "\r\n"]) for line in lines)[: None if "a" in name else -1]
    return files


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("options", [("-j", 1), ("-j", 2, "--shard-size", 100), ("--checkpoint", "ck", "-j", 1)])
def test_rows_equal_the_definition(kxcli, mode, options):
    files = make_files(len(mode))
    put(kxcli, "patterns", "".join(f" {pattern} \n\n" for pattern in PATTERNS))
    for name, data in files.items():
        put(kxcli, name, data)
    ended = kxcli("kwic", *MODES[mode], "--width", 5, *options, *files)
    expected = write_tsv(list_rows(files, FINDERS[mode], 5))
    assert ended.text == expected and ended.err == ("kxcli: ck: found 0 of 3 tasks done\n" if "ck" in options else "")
    if "--checkpoint" in options:
        assert kxcli("kwic", *MODES[mode], "--width", 5, *options, *files).text == expected


@pytest.mark.parametrize("options", [("--sort", "left"), ("--sort", "right", "--memory", "20M"), ("--sample", 7)])
def test_arranged_rows_are_the_same_for_any_run(kxcli, options):
    files = make_files(1)
    for name, data in files.items():
        put(kxcli, name, data)
    runs = [("-j", 1), ("-j", 2, "--shard-size", 64), ("-j", 1, "--shard-size", 300)]
    outputs = {kxcli("kwic", "北京", *options, *run, *files, "-q").out for run in runs}
    assert len(outputs) == 1
    rows = list_rows(files, FINDERS["literal"], 30)
    (lines,) = outputs
    if "--sample" not in options:
        assert sorted(lines.decode().splitlines()) == sorted(write_tsv(rows).splitlines())
    sampled = [line for line in write_tsv(rows).splitlines() if line in lines.decode()]
    assert "--sample" not in options or (sampled == lines.decode().splitlines() and len(sampled) == 7)


def test_seed_changes_the_sample_and_a_sorted_sample_is_the_sample(kxcli):
    data = "".join(f"北京{number}\n" for number in range(100))
    first, second = (kxcli("kwic", "北京", "--sample", 9, "--seed", seed, stdin=data).rows for seed in (0, 1))
    assert first != second
    ordered = kxcli("kwic", "北京", "--sample", 9, "--sort", "right", stdin=data).rows
    assert ordered == sorted(first, key=lambda row: row[3])


def test_lines_are_those_of_the_file(kxcli):
    put(kxcli, "a.txt", "\n\n北京\r\n\nx\n上北京")
    put(kxcli, "b.gz", gzip.compress("x\n北京\n".encode()))
    put(kxcli, "c.jsonl", '\n{"text": "x"}\n{"text": "北\\n京北京"}\n')
    put(kxcli, "d.csv", 'id,text\n1,"x\n\n北京"\n\n2,北京\n')
    rows = kxcli("kwic", "北京", "a.txt", "b.gz").rows
    assert [row[0] for row in rows] == ["a.txt:3", "a.txt:6", "b.gz:2"]
    assert kxcli("kwic", "北京", "--field", "text", "c.jsonl", "d.csv").rows == [
        ["c.jsonl:3", "北\\n京", "北京", ""],
        ["d.csv:2", "x\\n\\n", "北京", ""],
        ["d.csv:6", "", "北京", ""],
    ]
    assert kxcli("kwic", "北京", stdin="x\n北京").rows == [["<stdin>:2", "", "北京", ""]]
    utf_16 = kxcli("kwic", "北京", "--encoding", "utf-16", stdin="x\n北京\n".encode("utf-16"))
    assert utf_16.rows == [["<stdin>:2", "", "北京", ""]]


@pytest.mark.parametrize("shard", [(), ("--shard-size", 8)])
@pytest.mark.parametrize("data", ["北京\n\udcff\n\n北京\n", "\ufeff北京\n\udcff北\n北京x\n北京"])
def test_skipped_lines_count(kxcli, shard, data):
    put(kxcli, "a.txt", data.encode("utf-8", "surrogateescape"))
    rows = kxcli("kwic", "北京", "--on-error", "skip", *shard, "a.txt").rows
    lines = [line for line, text in enumerate(data.split("\n"), 1) if "北京" in text]
    assert [row[0] for row in rows] == [f"a.txt:{line}" for line in lines]
    assert "a.txt:2: byte 0xff" in kxcli("kwic", "x", *shard, "a.txt", code=1).err


def test_pattern_across_lines_matches_only_in_records(kxcli):
    put(kxcli, "a.csv", 'text\n"a\nb"\n')
    assert kxcli("kwic", "a\nb", "--field", "text", "a.csv").rows == [["a.csv:2", "", "a\\nb", ""]]
    assert kxcli("kwic", "a\nb", "a.csv", "--input-format", "text").rows == []


def test_arguments_are_all_inputs_with_patterns_from(kxcli):
    put(kxcli, "p", "\ufeffa\n\n北京\na\n")
    put(kxcli, "one", "A\n")
    put(kxcli, "a.txt", "xa\n")
    put(kxcli, "b.txt", "北京A\n")
    rows = kxcli("kwic", "--patterns-from", "p", "--patterns-from", "one", "a.txt", "b.txt").rows
    assert rows == [["a.txt:1", "x", "a", ""], ["b.txt:1", "", "北京", "A"], ["b.txt:1", "北京", "A", ""]]
    assert kxcli("kwic", "--patterns-from", "one", "-i", stdin="xaA").rows == [
        ["<stdin>:1", "x", "a", "A"],
        ["<stdin>:1", "xa", "A", ""],
    ]


def test_folder_is_read_with_its_paths(kxcli):
    put(kxcli, "in/a.txt", "北京\n")
    put(kxcli, "in/b.md", "北京\n")
    rows = kxcli("kwic", "北京", "-r", "in", "--glob", "*.txt").rows
    assert rows == [["in/a.txt:1", "", "北京", ""]]


def test_name_that_is_not_utf8_is_shown(kxcli):
    name = os.fsencode(kxcli.folder) + b"/\xff.txt"
    with open(name, "w") as file:
        file.write("x\n")
    for row_format in ("tsv", "csv", "jsonl", "table"):
        assert "\ufffd.txt:1" in kxcli("kwic", "x", "-r", ".", "-f", row_format).text


FORMATS = {
    "tsv": "source\tleft\tmatch\tright\n<stdin>:1\ta\\tb\t北京\t\n<stdin>:2\t\t北京\t,\n",
    "csv": 'source,left,match,right\n<stdin>:1,a\tb,北京,\n<stdin>:2,,北京,","\n',
    "table": " left  match  right  source\n  a␣b  北京          <stdin>:1\n       北京   ,      <stdin>:2\n",
}


@pytest.mark.parametrize("row_format", FORMATS)
def test_formats(kxcli, row_format):
    shown = kxcli("kwic", "北京", "--header", "-f", row_format, "--width", 5, stdin="a\tb北京\n北京,\n").text
    assert shown == FORMATS[row_format]


def test_jsonl_has_a_key_per_column(kxcli):
    rows = [json.loads(line) for line in kxcli("kwic", "京", "-f", "jsonl", stdin="北京\n").text.splitlines()]
    assert rows == [{"source": "<stdin>:1", "left": "北", "match": "京", "right": ""}]


def test_no_match_is_a_note_and_an_empty_output(kxcli):
    ended = kxcli("kwic", "上海", stdin="北京\n")
    assert (ended.text, ended.err) == ("", "kxcli: no match was found\n")
    assert kxcli("kwic", "上海", "-q", "--header", stdin="").text == "source\tleft\tmatch\tright\n"


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "kwic requires PATTERN or --patterns-from FILE"),
        (("",), 2, "PATTERN is empty; give some text"),
        (("--regex", "("), 2, "PATTERN is not a regular expression"),
        (("--regex", "^"), 2, "PATTERN '^' matches no character"),
        (("--patterns-from", "blank"), 1, "blank: has no pattern; write one pattern per line"),
        (("--patterns-from", "nowhere"), 1, "nowhere: No such file"),
        (("--patterns-from", "-"), 2, "needs a file, not -"),
        (("x", "nowhere"), 1, "nowhere: No such file"),
    ],
)
def test_wrong_patterns_are_refused(kxcli, arguments, code, message):
    put(kxcli, "blank", " \n\n")
    err = kxcli("kwic", *arguments, code=code).err
    assert message in err and err.count("\n") == 1


@pytest.mark.parametrize("command", ["kwic", "collocate"])
def test_input_in_the_place_of_the_pattern_is_an_error(kxcli, command):
    put(kxcli, "a.txt", "北京a.txt\n")
    put(kxcli, "in/b.txt", "北京\n")
    name = {"kwic": "PATTERN", "collocate": "WORD"}[command]
    usage = f"kxcli: error: a.txt: is a file, not a {name}; write `kxcli {command} {name} a.txt`"
    assert kxcli(command, "a.txt", "北京", code=2).err == f"{usage}.\n"
    assert kxcli(command, "a.txt", stdin="北京a.txt\n", code=2).err.startswith(f"{usage}, or add -")
    assert f"in: is a folder, not a {name}" in kxcli(command, "-r", "in", "北京", code=2).err
    put(kxcli, "list", "a.txt\n")
    for inputs in (("a.txt",), ("-",), ("--files-from", "list")):
        kxcli(command, "a.txt", *inputs, stdin="a.txt\n")
    assert "北京: No such file" in kxcli(command, "a", "北京", code=1).err


def test_text_that_is_also_a_file_is_found(kxcli):
    put(kxcli, "a.txt", "见a.txt\n")
    assert kxcli("kwic", "a.txt", "a.txt").rows == [["a.txt:1", "见", "a.txt", ""]]
    assert kxcli("kwic", "a.txt", "-", stdin="见a.txt\n").rows == [["<stdin>:1", "见", "a.txt", ""]]
    put(kxcli, "b.txt", "x\n")
    err = kxcli("kwic", "b.txt", "a.txt").err
    assert err == "kxcli: no match was found; b.txt is also a file, and PATTERN comes before the inputs\n"


def test_pattern_that_is_split_is_a_warning(kxcli):
    err = kxcli("kwic", "--tokens", "北京下雨", stdin="北京下雨了\n").err
    assert err.startswith("kxcli: warning: 北京下雨 does not occur as a word; it is split into 北京 下雨: name one")
    assert kxcli("kwic", "--tokens", "上海", stdin="北京下雨了\n").err == "kxcli: no match was found\n"


def test_missing_library_is_named(kxcli, monkeypatch):
    monkeypatch.setitem(sys.modules, "ahocorasick", None)
    put(kxcli, "p", "a\nb\n")
    err = kxcli("kwic", "--patterns-from", "p", stdin="a", code=1).err
    assert err == (
        "kxcli: error: --patterns-from needs an extra library; install it with: "
        f"pip install {list_requirements('patterns')}\n"
    )
    assert f"`pip install {list_requirements('patterns')}`" in (ROOT / "docs/kwic.md").read_text()


def test_pattern_without_input_shows_help_on_a_terminal(kxcli):
    ours, theirs = os.openpty()
    try:
        with kxcli.start("kwic", "x", stdin=theirs) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"") and out.startswith(
            b"Usage: kxcli kwic [OPTIONS] PATTERN [INPUT]..."
        )
    finally:
        os.close(ours)
        os.close(theirs)


def test_checkpoint_of_another_pattern_is_not_used(kxcli):
    put(kxcli, "a.txt", "北京大学\n")
    put(kxcli, "words", "京大\n")
    for arguments in (
        ["北京"],
        ["北京", "--width", 1],
        ["大学", "--tokens"],
        ["大学", "--tokens", "--userdict", "words"],
    ):
        expected = kxcli("kwic", *arguments, "a.txt").text
        assert kxcli("kwic", *arguments, "a.txt", "--checkpoint", "ck").text == expected


def test_output_equal_to_an_input_is_refused(kxcli):
    put(kxcli, "a.txt", "x")
    assert "would overwrite an input" in kxcli("kwic", "x", "a.txt", "-o", "a.txt", code=2).err
    kxcli("kwic", "a.txt", "a.txt", "-o", "out.tsv")  # the pattern is no input


@pytest.mark.full
def test_runs_on_a_cluster_name_the_inputs_as_given(kxcli):
    put(kxcli, "p", "北京\n上海\n")
    put(kxcli, "in/a.txt", "x北京\n上海\n")
    ended = kxcli.run("kwic", "--patterns-from", "p", "in/a.txt", "--cluster", "local:1")
    assert ended.rows == [["in/a.txt:1", "x", "北京", ""], ["in/a.txt:2", "", "上海", ""]]


# The table


def run_on_terminal(kxcli, *arguments, n_columns=80):
    """Return the text that a run writes to a terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, n_columns, 0, 0))
    with kxcli.start(*arguments, stdout=theirs) as process:
        os.close(theirs)
        received = b""
        try:
            while data := os.read(ours, 1 << 16):
                received += data
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        assert process.wait() == 0, process.stderr.read()
    return received.decode().replace("\r\n", "\n")


@pytest.mark.full
def test_terminal_shows_a_table_with_highlighted_matches(kxcli):
    put(kxcli, "a.txt", "很多北京的雨\nx北京\n")
    plain = "    很多  北京  的雨      a.txt:1\n       x  北京            a.txt:2\n"
    kxcli.environment["TERM"] = "xterm"
    command = ("kwic", "北京", "--width", 8, "a.txt")
    assert run_on_terminal(kxcli, *command) == plain.replace("北京", "\x1b[1;31m北京\x1b[0m")
    kxcli.environment["NO_COLOR"] = "1"
    assert run_on_terminal(kxcli, *command) == plain
    assert run_on_terminal(kxcli, *command, "-f", "tsv").startswith("a.txt:1\t很多\t北京")
    assert run_on_terminal(kxcli, *command, "-o", "out.tsv") == ""
    assert (kxcli.folder / "out.tsv").read_text().startswith("a.txt:1\t")


@pytest.mark.full
@pytest.mark.parametrize("n_columns", [60, 80, 120])
def test_table_fits_the_terminal(kxcli, n_columns):
    kxcli.environment["NO_COLOR"] = "1"
    put(kxcli, "a.txt", "很多的北京话" * 200 + "\n" + "abc" * 50 + "北京话" + "abc" * 50 + "\n")
    lines = run_on_terminal(kxcli, "kwic", "北京", "a.txt", n_columns=n_columns).splitlines()
    assert len(lines) == 201
    assert n_columns - 4 <= max(map(measure_width, lines)) <= n_columns  # a character may be too wide for the rest
    left, _, right, _ = lines[-1].split("  ")
    assert min(measure_width(left), measure_width(right)) == (n_columns - 6 - 4 - len("a.txt:1")) // 2
    fixed = run_on_terminal(kxcli, "kwic", "北京", "--width", 30, "a.txt", n_columns=n_columns).splitlines()
    assert max(map(measure_width, fixed)) == 30 + 2 + 4 + 2 + 30 + 2 + len("a.txt:1")


def test_width_is_fixed_without_a_terminal(kxcli):
    kxcli.environment["COLUMNS"] = "200"
    text = "x" * 50 + "北京" + "y" * 50
    assert kxcli("kwic", "北京", "-f", "table", stdin=text).text == f"{'x' * 30}  北京  {'y' * 30}  <stdin>:1\n"
    assert kxcli("kwic", "北京", stdin=text).rows == [["<stdin>:1", "x" * 30, "北京", "y" * 30]]


def test_contexts_become_narrower_for_longer_cells():
    layout = [TableColumn(40, is_right=True), TableColumn(), TableColumn(40), TableColumn()]
    encoder = TableEncoder(["left", "match", "right", "source"], layout, header=False, n_columns=60)
    widths = []
    for source in ("a:1", "a:1000", "b:1", "/" * 26, "/" * 50):
        line = encoder.encode([("l" * 40, "北京", "r" * 40, source)]).decode()
        assert measure_width(line.rstrip("\n")) <= 60 or len(source) == 50
        widths.append((line.count("l"), line.count("r")))
    assert widths == [(23, 23), (22, 22), (22, 22), (12, 12), (10, 10)]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("abc", 3),
        ("北京", 4),
        ("ＡＢ", 4),
        ("e\u0301", 1),
        ("한국", 4),
        ("か\u3099", 2),
        ("…—", 2),
        ("\u200b", 0),
        ("😀", 2),
    ],
)
def test_width_is_that_of_a_display(text, columns):
    assert measure_width(text) == columns


@given(st.text(st.sampled_from("ab北京Ａ\u0301\u200b…"), max_size=12), st.integers(0, 20))
def test_cut_texts_fit_and_are_as_long_as_possible(text, width):
    start, end = cut_end(text, width), cut_start(text, width)
    assert text.startswith(start) and text.endswith(end)
    assert max(measure_width(start), measure_width(end)) <= width
    assert start == text or measure_width(text[: len(start) + 1]) > width
    if end != text:
        assert not end or measure_width(end[0])
        before = text[: len(text) - len(end)].rstrip("".join(c for c in text if not measure_width(c)))
        assert not before or measure_width(before[-1] + end) > width


@given(st.text())
def test_shown_texts_have_no_control_characters(text):
    shown = show_controls(text)
    assert len(shown) == len(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in shown)


def test_tables_of_other_commands_align_numbers_to_the_right():
    rows = [("北京", 2, None), ("a", 1234, 0.5)]
    (lines,) = encode_rows(rows, ["word", "count", "p"], "table", header=True)
    assert lines.decode() == "word  count    p\n北京      2\na      1234  0.5\n"
    assert b"".join(encode_rows([], ["word", "count"], "table", header=True)) == b"word  count\n"
    assert b"".join(encode_rows([], ["word", "count"], "table", header=False)) == b""


def test_columns_grow_with_later_blocks():
    encoder = TableEncoder(["a", "b"], [TableColumn(), TableColumn(2)], header=False)
    assert encoder.encode([("xx", "北京")]) == "xx  北\n".encode()
    assert encoder.encode([("xxx", "北"), ("y" * 200, "1")]) == f"{'xxx'.ljust(80)}  北\n{'y' * 200}  1\n".encode()
    assert encoder.encode([("x", "1")]) == f"{'x'.ljust(80)}  1\n".encode()


# Python


def test_concordance_for_python():
    hits = find_concordance(["北京下雨了", "我去北京", ""], "北京", width=2)
    assert list(hits) == [(0, 0, "", "北京", "下雨"), (1, 2, "我去", "北京", "")]
    texts = ["ab", "Ab", "b"]
    assert [hit.offset for hit in find_concordance(texts, ["a", "b"], ignore_case=True)] == [0, 1, 0, 1, 0]
    assert [hit.text for hit in find_concordance(texts, "b", sort="left")] == [2, 1, 0]
    assert [hit.match for hit in find_concordance(texts, ".", regex=True, sample=3, seed=1)].__len__() == 3
    assert list(find_concordance(["北京大学"], "大学", tokens=True)) == []
    assert len(list(find_concordance(["北京大学"], "大", tokens=True, segmentation=Segmentation("char")))) == 1


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([], ""), ValueError, "pattern is empty"),
        (([], []), ValueError, "pattern is empty"),
        (([], 3), TypeError, "pattern must be a list of strings, not 3"),
        ((["a", None], "a"), TypeError, "texts[1] must be a string"),
        (("a", "a"), TypeError, "texts must be a list"),
        (([], "("), ValueError, "pattern is not a regular expression"),
    ],
)
def test_wrong_arguments_are_refused(arguments, error, message):
    with pytest.raises(error) as raised:
        list(find_concordance(*arguments, regex=arguments[1] == "("))
    assert message in str(raised.value)


@pytest.mark.parametrize(
    "keywords",
    [
        {"tokens": True, "regex": True},
        {"segmentation": Segmentation("char")},
        {"tokens": True, "segmentation": Segmentation("full")},
        {"sort": "up"},
        {"sample": 0},
        {"width": -1},
        {"seed": -1},
    ],
)
def test_wrong_choices_are_refused(keywords):
    with pytest.raises(ValueError, match=r"exclude|no effect|overlap|must be"):
        find_concordance([], "a", **keywords)


@pytest.mark.parametrize("name", ["news.txt", "essays.txt.gz"])
def test_samples_equal_the_definition(kxcli, name):
    data = (SAMPLES / name).read_bytes()
    text = (gzip.decompress(data) if name.endswith("gz") else data).decode()
    for pattern in ("的", "，"):
        find = partial(find_literals, patterns=[pattern])
        expected = list_rows({str(SAMPLES / name): text}, find, 30)
        assert expected and kxcli("kwic", pattern, SAMPLES / name).text == write_tsv(expected)
