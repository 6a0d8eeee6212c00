"""`kxcli wordcount` as a command: results, options, and reproducible output."""

import csv
import gzip
import io
import json
import logging
import subprocess
import sys
import warnings
from collections import Counter

import pytest
from conftest import ROOT, SAMPLES

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # jieba's source has escapes that newer Python versions warn about
    import jieba

jieba.setLogLevel(logging.CRITICAL)


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    """Return jieba with its own cache folder."""
    tokenizer = jieba.Tokenizer()
    tokenizer.tmp_dir = str(tmp_path_factory.mktemp("jieba"))
    tokenizer.initialize()
    return tokenizer


TRICKY = (
    "\ufeff今天 O.K，3.14%用node.js写C++\r\n常在雨，赐鼠的\n㐀㐁鿖不移𠮷野家\x00\x0b\u2028末行\n\n"
    "T恤t恤\r没换行\r\nＡＢＣ①②½😀👍🏽\u200d\n臺灣國語\ufeff中间\n最后一行没有换行"
).encode()


def oracle(plain, data, *, punct=False):
    """Count and write rows as `wordcount_reference.py`."""
    counts = Counter()
    for line in io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline="\n"):
        for token in plain.lcut(line.rstrip("\r\n")):
            counts[token] += 1
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [(word, n) for word, n in rows if any(ch.isalnum() for ch in word) or (punct and not word.isspace())]


def tsv(rows):
    escaped = [(str(word).replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r"), n) for word, n in rows]
    return "".join(f"{word}\t{n}\n" for word, n in escaped).encode()


def counts(ended):
    """Return the counts of an output by word."""
    return {row[0]: int(row[1]) for row in (line.split("\t") for line in ended.text.split("\n")[:-1])}


def sample(name):
    data = (SAMPLES / name).read_bytes()
    return gzip.decompress(data) if name.endswith(".gz") else data


TEXTS = ["news.txt", "tech.txt", "traditional.txt", "essays.txt.gz"]


@pytest.mark.parametrize("punct", [False, True], ids=["words", "punct"])
@pytest.mark.parametrize("name", TEXTS)
def test_samples_equal_the_oracle(kxcli, plain, name, punct):
    ended = kxcli("wordcount", SAMPLES / name, *["--punct"] * punct)
    assert ended.out == tsv(oracle(plain, sample(name), punct=punct))
    assert ended.err == ""


def test_other_encodings_equal_the_oracle(kxcli, plain):
    data = sample("letters.gb18030.txt").decode("gb18030").encode()
    given = ("wordcount", SAMPLES / "letters.gb18030.txt", "--encoding")
    assert kxcli(*given, "gb18030").out == kxcli(*given, "auto").out == tsv(oracle(plain, data))


def test_record_fields_equal_the_oracle(kxcli, plain):
    texts = [json.loads(line)["text"] for line in sample("reviews.jsonl").decode().splitlines()]
    ended = kxcli("wordcount", SAMPLES / "reviews.jsonl", "--field", "text")
    assert ended.out == tsv(oracle(plain, "\n".join(texts).encode()))


@pytest.mark.parametrize("punct", [False, True], ids=["words", "punct"])
@pytest.mark.parametrize("engine", ["kernel", "jieba"])
def test_tricky_text_equals_the_oracle(kxcli, plain, engine, punct):
    expected = tsv(oracle(plain, TRICKY, punct=punct))
    assert kxcli("wordcount", "--engine", engine, *["--punct"] * punct, stdin=TRICKY).out == expected


@pytest.mark.full
def test_large_text_equals_the_oracle(kxcli, plain):
    data = b"\n".join([sample("news.txt"), TRICKY, sample("tech.txt")] * 8)
    (kxcli.folder / "big.txt").write_bytes(data)
    for options in [], ["--punct"]:
        expected = tsv(oracle(plain, data, punct=bool(options)))
        for jobs in 1, 2:
            assert kxcli("wordcount", "big.txt", "-j", jobs, *options).out == expected


# Options

REVIEWS = (
    '{"text": "今天很好", "label": "好评"}\n{"text": "今天不好，今天下雨", "label": "差评"}\n'
    '{"text": "下雨", "label": "差评", "other": "别的"}\n'
)
WORDS = "乙 甲 丙 甲 乙 甲 丁\n乙 戊\n"  # 甲 3, 乙 3, 丁 戊 丙 1 by code points: 丁 丙 乙 戊 甲

EFFECTS = {
    "tokenizer search": (["-t", "search"], "北京大学", "北京\t1\n北京大学\t1\n大学\t1\n"),
    "tokenizer full": (["-t", "full"], "今天天气", "今天\t1\n今天天气\t1\n天天\t1\n天气\t1\n"),
    "tokenizer char": (["-t", "char"], "今天天气", "天\t2\n今\t1\n气\t1\n"),
    "tokenizer space": (["-t", "space"], "今天下雨 今天下雨", "今天下雨\t2\n"),
    "pattern": (["-t", "regex", "--pattern", "[a-z]+|[天雨]"], "今天ab1下雨cd天", "天\t2\nab\t1\ncd\t1\n雨\t1\n"),
    "no-hmm": (["--no-hmm"], "杭研大厦", "大厦\t1\n杭\t1\n研\t1\n"),
    "dict": (["--dict", "main.txt", "--no-hmm"], "今天下雨", "今天下\t1\n雨\t1\n"),
    "userdict": (["--userdict", "user.txt"], "云计算用node.js", "node.js\t1\n云计算\t1\n用\t1\n"),
    "userdict of frequency 0": (["--userdict", "zero.txt"], "今天", "今\t1\n天\t1\n"),
    "punct": (["--punct"], "今天，。，\u3000 \t", "，\t2\n。\t1\n今天\t1\n"),
    "stopwords": (["--stopwords", "stop.txt"], "今天的雨", "雨\t1\n"),
    "min-length": (["--min-length", "2"], "今天的雨", "今天\t1\n"),
    "normalize": (["--normalize", "nfkc"], "Ｔ恤", "T恤\t1\n"),
    "lower": (["--lower"], "T恤Abc t恤", "abc\t1\nt\t1\nt恤\t1\n恤\t1\n"),
    "ngram": (["--ngram", "2", "-t", "space"], "今天 天气 很好", "今天 天气\t1\n天气 很好\t1\n"),
    "ngram range": (["--ngram", "2-3", "-t", "space"], "甲 乙 丙", "乙 丙\t1\n甲 乙\t1\n甲 乙 丙\t1\n"),
    "ngram at punctuation": (["--ngram", "1-2"], "今天下雨，明天", "下雨\t1\n今天\t1\n今天 下雨\t1\n明天\t1\n"),
    "ngram with punct": (["--ngram", "2", "--punct"], "今天，明天", "今天 ，\t1\n， 明天\t1\n"),
    "ngram over stopwords": (["--ngram", "2", "--stopwords", "stop.txt"], "明天的雨", "明天 雨\t1\n"),
    "df": (["--df", "-t", "space"], WORDS, "乙\t3\t2\n甲\t3\t1\n丁\t1\t1\n丙\t1\t1\n戊\t1\t1\n"),
    "per-million": (["--per-million", "-t", "space", "--top", "1"], WORDS, "乙\t3\t333333.333\n"),
    "by": (["--by", "label", "--input-format", "jsonl", "--top", "1"], REVIEWS, "好评\t今天\t1\n差评\t下雨\t2\n"),
    "field": (["--field", "label", "--input-format", "jsonl"], REVIEWS, "差评\t2\n好评\t1\n"),
    "top": (["--top", "3", "-t", "space"], WORDS, "乙\t3\n甲\t3\n丁\t1\n"),
    "top 0": (["--top", "0", "-t", "space"], WORDS, ""),
    "min-count": (["--min-count", "2", "-t", "space"], WORDS, "乙\t3\n甲\t3\n"),
    "sort": (["--sort", "word", "-t", "space"], WORDS, "丁\t1\n丙\t1\n乙\t3\n戊\t1\n甲\t3\n"),
    "sort of the top": (["--sort", "word", "--top", "3", "-t", "space"], WORDS, "丁\t1\n乙\t3\n甲\t3\n"),
    "csv": (["-f", "csv", "-t", "regex", "--pattern", ".+"], '甲,"乙"\n', 'word,count\n"甲,""乙""",1\n'),
    "csv without header": (["-f", "csv", "--no-header", "-t", "space"], "甲", "甲,1\n"),
    "jsonl": (["-f", "jsonl", "-t", "space"], '甲"', '{"word": "甲\\"", "count": 1}\n'),
    "jsonl of all": (
        ["-f", "jsonl", "-t", "space", "--df", "--per-million"],
        "甲 甲",
        '{"word": "甲", "count": 2, "df": 1, "per_million": 1000000}\n',
    ),
    "userdict format": (["-f", "userdict", "-t", "space"], WORDS, "乙 3\n甲 3\n丁 1\n丙 1\n戊 1\n"),
    "header": (["--header", "-t", "space", "--df", "--top", "1"], WORDS, "word\tcount\tdf\n乙\t3\t2\n"),
    "header of all": (
        ["--header", "--by", "label", "--df", "--per-million", "--input-format", "jsonl", "--min-count", "2"],
        REVIEWS,
        "label\tword\tcount\tdf\tper_million\n差评\t下雨\t2\t2\t400000\n差评\t今天\t2\t1\t400000\n",
    ),
}


def write_dictionaries(folder):
    (folder / "main.txt").write_text("今天下 5 n\n雨 3\n", encoding="utf-8")
    (folder / "user.txt").write_text("云计算 5 n\nnode.js 10\n", encoding="utf-8")
    (folder / "zero.txt").write_text("今天 0\n", encoding="utf-8")
    (folder / "stop.txt").write_text("\ufeff的\r\n今天\n\n", encoding="utf-8")


@pytest.mark.parametrize("name", EFFECTS)
def test_an_option_has_its_effect(kxcli, name):
    options, text, expected = EFFECTS[name]
    write_dictionaries(kxcli.folder)
    ended = kxcli("wordcount", *options, stdin=text)
    assert ended.text == expected
    assert ended.err == ""
    if name not in ("field", "by", "header of all"):
        assert kxcli("wordcount", stdin=text).text != expected, "the option does nothing here"


def test_groups_are_sorted_by_code_points(kxcli):
    ended = kxcli("wordcount", "--by", "label", "--input-format", "jsonl", stdin=REVIEWS)
    groups = [row[0] for row in ended.rows]
    assert groups == sorted(groups) and set(groups) == {"好评", "差评"}


@pytest.mark.parametrize(
    "options",
    [[], ["-t", "search"], ["-t", "full"], ["--no-hmm"], ["--userdict", "user.txt"], ["--dict", "main.txt"]],
    ids=" ".join,
)
def test_both_engines_write_the_same_bytes(kxcli, options):
    write_dictionaries(kxcli.folder)
    text = sample("tech.txt") + TRICKY
    compiled = kxcli("wordcount", *options, "--punct", "--df", stdin=text)
    assert kxcli("wordcount", *options, "--punct", "--df", "--engine", "jieba", stdin=text).out == compiled.out


@pytest.mark.parametrize("engine", ["kernel", "jieba"])
def test_misread_userdict_lines_are_reported_with_position(kxcli, engine):
    lines = "云计算\t5\n好 5\n机器 学习 5\n奥黛丽·赫本\n㐀㐁 5\n"
    (kxcli.folder / "user.txt").write_text(lines, encoding="utf-8")
    ended = kxcli("wordcount", "--userdict", "user.txt", "--engine", engine, stdin="今天")
    *examples, total = ended.err.splitlines()
    assert [line.split(" ")[2] for line in examples] == [f"user.txt:{n}:" for n in (1, 3, 4)]
    assert "user.txt: 4 lines" in total
    assert all(line.startswith("kxcli: warning: ") for line in ended.err.splitlines())
    assert counts(ended) == {"今天": 1}


@pytest.mark.parametrize(
    ("option", "text", "line"),
    [
        ("--dict", "今天 5\n\n天气 3\n", 2),
        ("--dict", "今天 5\n天气\n", 2),
        ("--dict", "今天\t5\n", 1),
        ("--dict", "今天 5\n天气 x\n", 2),
        ("--dict", "今天 5\n天气 -1\n", 2),
        ("--dict", "", 1),
        ("--userdict", f"今天 {10**20}\n", 1),
    ],
)
def test_invalid_dictionary_is_an_error_with_position(kxcli, option, text, line):
    (kxcli.folder / "words.txt").write_text(text, encoding="utf-8")
    assert f"kxcli: error: words.txt:{line}: " in kxcli("wordcount", option, "words.txt", stdin="今天", code=1).err


@pytest.mark.parametrize("option", ["--dict", "--userdict", "--stopwords"])
def test_missing_or_undecodable_word_list_is_an_error(kxcli, option):
    assert "kxcli: error: none.txt: " in kxcli("wordcount", option, "none.txt", stdin="今天", code=1).err
    (kxcli.folder / "words.txt").write_bytes("今天 5\n".encode() + "天气 5\n".encode("gb18030"))
    assert "kxcli: error: words.txt:2: " in kxcli("wordcount", option, "words.txt", stdin="今天", code=1).err


@pytest.mark.full
def test_userdict_output_is_a_user_dictionary(kxcli):
    written = kxcli(
        "wordcount", "-f", "userdict", "--punct", "-t", "space", "-o", "own.txt", stdin="喵星人 node.js 㐀㐁 喵星人 a·b"
    )
    assert "㐀㐁" in written.err and "a·b" in written.err
    assert (kxcli.folder / "own.txt").read_text(encoding="utf-8") == "喵星人 2\nnode.js 1\n"
    taken = kxcli("wordcount", "--userdict", "own.txt", stdin="喵星人用node.js")
    assert taken.err == ""
    assert counts(taken) == {"喵星人": 1, "用": 1, "node.js": 1}


@pytest.mark.full
def test_userdict_output_of_real_text_loads_without_warning(kxcli):
    kxcli("wordcount", SAMPLES / "tech.txt", "-f", "userdict", "-q", "-o", "own.txt")
    assert kxcli("wordcount", "--userdict", "own.txt", stdin=sample("tech.txt")).err == ""


ODD_WORDS = [
    "甲\t乙",
    "甲\n乙",
    "甲\r乙",
    "甲\\t乙",
    '甲"乙',
    "甲,乙",
    "甲 乙",
    "甲\u2028乙",
    "甲\x85乙",
    "甲\x00乙",
    "甲\ufeff乙",
]
ODD = "".join(json.dumps({"text": word}) + "\n" for word in ODD_WORDS)
AS_ONE = ["--input-format", "jsonl", "-t", "regex", "--pattern", r"(?s).+"]


def test_tsv_escapes_tabs_and_line_ends(kxcli):
    ended = kxcli("wordcount", *AS_ONE, stdin=ODD)
    # A tab and a backslash with a t look alike in TSV, so raw rows are compared.
    escaped = [word.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r") for word in sorted(ODD_WORDS)]
    assert ended.out == "".join(f"{word}\t1\n" for word in escaped).encode()


def test_odd_words_survive_jsonl_and_csv(kxcli):
    found = [json.loads(line) for line in kxcli("wordcount", *AS_ONE, "-f", "jsonl", stdin=ODD).text.split("\n")[:-1]]
    assert found == [{"word": word, "count": 1} for word in sorted(ODD_WORDS)]
    text = kxcli("wordcount", *AS_ONE, "-f", "csv", stdin=ODD).text
    assert list(csv.reader(io.StringIO(text, newline=""))) == [
        ["word", "count"],
        *([w, "1"] for w in sorted(ODD_WORDS)),
    ]


# Merging


def parts_of(folder, data):
    """Write the lines of a text to three files."""
    lines = data.splitlines(keepends=True)
    for number in range(3):
        (folder / f"part{number}").write_bytes(b"".join(lines[number::3]))


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize(
    "options", [[], ["--punct"], ["--df"], ["--ngram", "1-2"]], ids=lambda given: given[0] if given else "-"
)
def test_merge_of_parts_equals_whole(kxcli, options, form):
    parts_of(kxcli.folder, sample("news.txt"))
    given = ["wordcount", *options, "-f", form, *["--header"] * (form == "tsv")]
    names = [f"{number}.{form}" for number in range(3)]
    for number, name in enumerate(names):
        kxcli(*given, f"part{number}", "-o", name)
    whole = kxcli(*given, "part0", "part1", "part2")
    merged = kxcli("wordcount", "--merge", *names, *given[-3 if form == "tsv" else -2 :])
    assert merged.out == whole.out
    assert merged.err == ""


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
def test_merge_of_groups_equals_whole(kxcli, form):
    parts_of(kxcli.folder, sample("reviews.jsonl"))
    header = ["--header"] * (form == "tsv")
    given = ["wordcount", "--by", "label", "--df", "--input-format", "jsonl", "-f", form, *header]
    for number in range(3):
        kxcli(*given, f"part{number}", "-o", f"{number}.{form}")
    merged = kxcli("wordcount", "--merge", *(f"{n}.{form}" for n in (2, 0, 1)), "-f", form, *header)
    assert merged.out == kxcli(*given, "part0", "part1", "part2").out


def test_merge_reads_stdin_and_all_formats(kxcli):
    kxcli("wordcount", "-t", "space", "-o", "a.tsv", stdin="甲 乙")
    kxcli("wordcount", "-t", "space", "-f", "csv", "-o", "b.csv", stdin="甲 丙")
    kxcli("wordcount", "-t", "space", "-f", "jsonl", "-o", "c.jsonl", stdin="甲 count")
    (kxcli.folder / "a.tsv.gz").write_bytes(gzip.compress((kxcli.folder / "a.tsv").read_bytes()))
    ended = kxcli("wordcount", "--merge", "a.tsv.gz", "b.csv", "-", "c.jsonl", stdin="甲\t1\ncount\t1\n")
    assert ended.text == "甲\t4\ncount\t2\n丙\t1\n乙\t1\n"
    assert ended.err == ""


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("word", ["{", "{}", '{"a":1}', "count", "word", "5", '"', ",", "a,b", "\\t", "#"])
def test_merge_accepts_header_names_as_words(kxcli, word, form):
    written = kxcli("wordcount", "--input-format", "text", "-t", "space", "--punct", "-f", form, stdin=f"{word} ~")
    assert kxcli("wordcount", "--merge", "-f", form, stdin=written.out).out == written.out


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("word", [*ODD_WORDS, "甲\r\n乙", "\ufeff甲"], ids=ascii)
def test_merge_keeps_odd_words(kxcli, word, form):
    written = kxcli("wordcount", *AS_ONE, "-f", form, stdin=json.dumps({"text": word}) * 1)
    merged = kxcli("wordcount", "--merge", "-f", form, stdin=written.out)
    assert merged.out == written.out
    assert kxcli("wordcount", "--merge", stdin=written.out).out == tsv([(word, 1)])


@pytest.mark.parametrize("options", [["--top", "2"], ["--min-count", "2"]], ids=" ".join)
def test_merge_warns_about_cut_lists(kxcli, options):
    kxcli("wordcount", "-t", "space", *options, "-o", "cut.tsv", stdin=WORDS)
    ended = kxcli("wordcount", "--merge", "cut.tsv", "cut.tsv")
    assert ended.text == "乙\t6\n甲\t6\n"
    assert "kxcli: warning: cut.tsv: " in ended.err and "--min-count" in ended.err


def test_merge_ranks_rows(kxcli):
    kxcli("wordcount", "-t", "space", "-o", "a.tsv", stdin=WORDS)
    assert kxcli("wordcount", "--merge", "a.tsv", "a.tsv", "--top", "1").text == "乙\t6\n"
    assert kxcli("wordcount", "--merge", "a.tsv", "--min-count", "2", "--sort", "word").text == "乙\t3\n甲\t3\n"
    assert kxcli("wordcount", "--merge", "a.tsv", "-f", "userdict", "--top", "1").text == "乙 3\n"


def test_merge_of_no_rows_is_empty(kxcli):
    assert kxcli("wordcount", "--merge").out == b""
    assert kxcli("wordcount", "--merge", "-f", "csv").text == "word,count\n"


@pytest.mark.parametrize(
    ("files", "place"),
    [
        (["word\tcount\tper_million\n甲\t1\t1.0\n"], "0.tsv:2: "),
        (["甲\t1\n", "word\tcount\tdf\n甲\t1\t1\n"], "1.tsv:2: "),
        (["group\tword\tcount\nx\t甲\t1\n", "甲\t1\n"], "1.tsv:1: "),
        (["甲\t1\n乙\n"], "0.tsv:2: "),
        (["甲\t1\t1\n"], "0.tsv:1: "),
        (["甲\t1\n乙\tx\n"], "0.tsv:2: "),
        (["甲\t1\n乙\t-1\n"], "0.tsv:2: "),
        (["甲\t1.5\n"], "0.tsv:1: "),
        (["今天天气很好\n"], "0.tsv:1: "),
        (["word\tcount\textra\n甲\t1\t1\n"], "0.tsv:2: "),
        (["word\tcount\n甲\t1\n\n"], "0.tsv:3: "),
    ],
)
def test_merge_rejects_other_rows_with_position(kxcli, files, place):
    for number, text in enumerate(files):
        (kxcli.folder / f"{number}.tsv").write_text(text, encoding="utf-8")
    ended = kxcli("wordcount", "--merge", *(f"{n}.tsv" for n in range(len(files))), code=1)
    assert f"kxcli: error: {place}" in ended.err
    assert ended.out == b""


def test_merge_rejects_rates(kxcli):
    for form in "csv", "jsonl":
        kxcli("wordcount", "--per-million", "-f", form, "-o", "rates", stdin="今天")
        assert "--per-million" in kxcli("wordcount", "--merge", "rates", code=1).err


# Usage

USAGE = [
    (["-t", "regex", "--pattern", "("], "--pattern"),
    (["--ngram", "0"], "--ngram"),
    (["--ngram", "3-2"], "--ngram"),
    (["--ngram", "x"], "--ngram"),
    (["--ngram", "100"], "--ngram"),
    (["--top", "-1"], "--top"),
    (["--min-count", "0"], "--min-count"),
    (["--min-length", "0"], "--min-length"),
    (["-j", "-1"], "--jobs"),
    (["--shard-size", "0"], "--shard-size"),
    (["--shard-size", "1X"], "--shard-size"),
    (["--normalize", "nfc"], "--normalize"),
    (["-t", "none"], "--tokenizer"),
    (["-f", "xml"], "--format"),
    (["--sort", "df"], "--sort"),
    (["--no-such-option"], "--no-such-option"),
]


@pytest.mark.parametrize(("options", "named"), USAGE, ids=[" ".join(options) for options, _ in USAGE])
def test_invalid_options_are_usage_errors(kxcli, options, named):
    ended = kxcli("wordcount", *options, stdin="今天", code=2)
    assert ended.out == b""
    assert ended.err.startswith("kxcli: error: ") and named in ended.err
    assert len(ended.err.splitlines()) == 1


def test_an_unknown_command_is_a_usage_error(kxcli):
    assert "no-such" in kxcli("no-such", code=2).err


# Reproducible output


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--punct", "-t", "search"],
        ["--df", "--ngram", "1-2"],
        ["--by", "label", "--input-format", "jsonl", "-t", "char"],
    ],
    ids=["default", "search", "ngrams", "groups"],
)
@pytest.mark.full
def test_output_does_not_depend_on_workers_shards_locale_or_hash_seed(kxcli, options):
    by = "--by" in options
    data = sample("reviews.jsonl") * 3 if by else (sample("news.txt") + TRICKY + b"\n" + sample("tech.txt")) * 2
    (kxcli.folder / "text").write_bytes(data)
    first = kxcli("wordcount", "text", "-j", 1, *options).out
    assert first
    for changes, more in [
        ({}, ["-j", 2]),
        ({}, ["-j", 2, "--shard-size", "700"]),
        ({}, ["-j", 1, "--shard-size", "1K"]),
        ({"PYTHONHASHSEED": "0", "LC_ALL": "C"}, ["-j", 2, "--shard-size", "7K"]),
        ({"PYTHONHASHSEED": "12345", "LC_ALL": "C.UTF-8"}, ["-j", 1]),
        ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}, []),
        ({"KXCLI_JOBS": "2"}, ["--shard-size", "5K"]),
    ]:
        kxcli.environment.update(changes)
        assert kxcli("wordcount", "text", *more, *options).out == first, (changes, more)
    kxcli.environment["LC_ALL"] = "C"
    with (kxcli.folder / "text").open("rb") as file:
        assert kxcli("wordcount", *options, stdin=file.read()).out == first


def test_many_files_equal_one_file(kxcli):
    parts_of(kxcli.folder, sample("tech.txt"))
    whole = kxcli("wordcount", SAMPLES / "tech.txt", "--df").out
    assert kxcli("wordcount", "part2", "part0", "part1", "--df").out == whole


def test_repeated_file_is_counted_twice(kxcli):
    (kxcli.folder / "a.txt").write_text("今天有风", encoding="utf-8")
    assert counts(kxcli("wordcount", "a.txt", "a.txt")) == {"今天": 2, "有风": 2}


@pytest.mark.parametrize("text", ["", "\n", "\r\n", "\ufeff", " \n\t\n", "，。\n"], ids=ascii)
def test_text_without_words_has_no_rows(kxcli, text):
    assert kxcli("wordcount", stdin=text).out == b""
    assert kxcli("wordcount", "-f", "csv", "--df", "--per-million", stdin=text).text == "word,count,df,per_million\n"


# Help and start-up


def imported(*arguments):
    """Return the modules that a run imports in addition to those of Python's start."""
    script = (
        "import sys, runpy\n"
        "before = set(sys.modules)\n"
        "try:\n"
        "    runpy.run_module('kxcli', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(ended.stderr.split())


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["wordcount", "--help"]], ids=" ".join)
def test_help_imports_only_click_and_stdlib(arguments):
    modules = imported(*arguments)
    assert {"click", "kxcli.cli"} <= modules
    beyond = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names) - {"click", "kxcli"}
    assert beyond == set()


def test_help_works_without_and_with_command(kxcli):
    overview = kxcli("--help").text
    assert "wordcount" in overview
    assert kxcli("-h").text == overview
    assert kxcli("wordcount", "-h").text == kxcli("wordcount", "--help").text
    assert kxcli("--version").text.startswith("kxcli")


def test_every_option_has_help_and_each_command_has_examples():
    import click

    from kxcli.commands.wordcount import command

    for param in command.params:
        if isinstance(param, click.Option):
            assert param.help and param.help.rstrip().endswith((".", ")", "]")), param.name
    assert "INPUT" in command.help


def test_a_small_count_does_not_import_numpy(kxcli):
    script = (
        "import sys, kxcli.cli\n"
        "assert kxcli.cli.main(['wordcount', '--top', '1']) == 0\n"
        "print(sorted({'numpy', 'jieba', 'multiprocessing', 'tqdm'} & set(sys.modules)))"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env=kxcli.environment,
        input="今天下大雨".encode(),
        capture_output=True,
        check=True,
    )
    assert "numpy" not in ended.stdout.decode().splitlines()[-1]
