"""Word lists and dictionaries of options: they are combined, and errors name the line."""

import bz2
import gzip
import io
import lzma
import os
import re
import subprocess
import sys
from bisect import bisect_left
from importlib import import_module
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.cli import COMMANDS, main
from kxcli.commands import wordlists
from kxcli.commands.option_types import StopwordsType, decode_option
from kxcli.errors import InputError
from kxcli.kernel import load_kernel
from kxcli.mining import Counting, Dictionary, Segmentation, Text, WordCount, load_stopwords, stopwords
from kxcli.mining.segment import dictionary
from kxcli.mining.segment.dictionary import DictionaryError
from kxcli.mining.segment.jieba_reference import JiebaTokenizer
from kxcli.report import Report

MARK = b"\xef\xbb\xbf"


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run the program in this process in an empty folder, with files from name=bytes."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=0, stdin="", **files):
        for name, data in files.items():
            (tmp_path / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin.encode())))
        capsys.readouterr()
        result = main([*map(str, arguments)])
        ended = capsys.readouterr()
        assert result == code, ended.err
        return ended

    return run


@pytest.fixture
def text_and_lists(tmp_path):
    (tmp_path / "text").write_text("甲 乙 丙 丁\n", encoding="utf-8")


SPACE = ("wordcount", "-t", "space", "text")
HSIC = ("hsic", "-x", "x", "-y", "y", "--kernel-x", "bow")
TABLE = "x\ty\n" + "".join(f"今天下雨{n}\t{n % 3}\n" for n in range(9))


def words_of(ended):
    return {line.split("\t")[0] for line in ended.out.splitlines()}


# Several lists


def test_stopword_lists_are_combined(run, text_and_lists):
    ended = run(*SPACE, "--stopwords", "a", "--stopwords", "b", a="甲\n", b="丁")
    assert words_of(ended) == {"乙", "丙"}


@pytest.mark.full
def test_user_dictionaries_are_combined_as_in_jieba(run, tmp_path):
    first, second = "天气很 1000000\n小明来到 10", "\ufeff天气很 1\r\n很好吗 50000"  # no line break at the end
    ended = run(
        *("wordcount", "--no-hmm", "--userdict", "a", "--userdict", "b", "text"), a=first, b=second, text="天气很好吗"
    )
    jieba = JiebaTokenizer(Dictionary(user=first))
    jieba._tokenizer.load_userdict(io.BytesIO(second.encode()))
    assert words_of(ended) == set(jieba.cut("天气很好吗", hmm=False))


@pytest.mark.full
def test_later_user_dictionary_wins(run):
    lists = {"a": "天气很 1000000\n", "b": "天气很 0\n"}
    use = ("wordcount", "--no-hmm", "--engine", "jieba", "text")
    ab = run(*use, "--userdict", "a", "--userdict", "b", text="天气很", **lists)
    ba = run(*use, "--userdict", "b", "--userdict", "a", text="天气很", **lists)
    assert words_of(ab) == {"天气", "很"}
    assert words_of(ba) == {"天气很"}


@pytest.mark.parametrize("option", ["--userdict", "--stopwords"])
@pytest.mark.parametrize("bad", ["a", "b"])
def test_errors_name_the_list(run, option, bad):
    lists = {"a": "甲 1\n乙 1\n", "b": "丙 1\n"}
    lists[bad] += "x" * 1001
    line = lists[bad].count("\n") + 1
    ended = run("wordcount", option, "a", option, "b", "text", text="甲", code=1, **lists)
    assert ended.err.startswith(f"kxcli: error: {bad}:{line}: a word of 1001 characters")


@pytest.mark.full
def test_hsic_combines_lists(run):
    use = (*HSIC, "--test", "none", "text")
    lists = {"a": "雨0\n雨1\n", "b": "今天下", "ab": "雨0\n雨1\n今天下"}
    several = run(
        *use, "--userdict", "a", "--stopwords", "b", "--stopwords", "a", "--userdict", "b", text=TABLE, **lists
    )
    assert several.out == run(*use, "--userdict", "ab", "--stopwords", "ab").out
    assert several.out != run(*use, "--userdict", "b", "--stopwords", "b").out


# Marks, line ends


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_byte_order_marks_within_a_list_are_dropped(run, text_and_lists, end):
    data = MARK + f"甲{end}".encode() + MARK + f"乙{end}".encode()
    assert words_of(run(*SPACE, "--stopwords", "a", a=data)) == {"丙", "丁"}
    assert wordlists.read_first_words(["a"]) == {"甲", "乙"}


@pytest.mark.parametrize("engine", ["kernel", "jieba"])
def test_byte_order_marks_of_a_dictionary_are_dropped(run, engine):
    main_text = MARK + "一片 100\n一 1\n".encode() + MARK + "片空 100\n片 1\n".encode()
    ended = run("wordcount", "--no-hmm", "--dict", "a", "--engine", engine, "text", a=main_text, text="一片，片空")
    assert words_of(ended) == {"一片", "片空"}


# Lines that jieba misreads


@pytest.mark.parametrize("n_lines", [1, 3, 4, 5000])
def test_misread_lines_are_reported_as_examples_and_a_count(run, n_lines):
    user = "好 5\n" + "".join(f"词{n}\t13.9\n" for n in range(n_lines))
    lines = run("wordcount", "-j", "1", "--userdict", "a", "text", a=user, text="好").err.splitlines()
    shown = min(n_lines, 3)
    assert [line.split(" ")[2] for line in lines[:shown]] == [f"a:{n + 2}:" for n in range(shown)]
    assert len(lines) == shown + (n_lines > shown)
    if n_lines > shown:
        assert f"a: {n_lines} lines" in lines[-1]


def test_long_misread_word_is_shortened(run):
    ended = run("wordcount", "--userdict", "a", "text", a="在，" * 300, text="好")
    assert len(ended.err) < 250


# Files that are no lists

LISTS = {
    "--userdict": ("wordcount", "text"),
    "--dict": ("wordcount", "text"),
    "--stopwords": ("wordcount", "text"),
    "--known": ("newwords", "text"),
    "hsic --userdict": (*HSIC, "text"),
    "hsic --stopwords": (*HSIC, "text"),
    "hsic --dict": (*HSIC, "text"),
}


@pytest.mark.parametrize("name", LISTS)
@pytest.mark.parametrize(
    ("data", "line"),
    [
        ("甲 1\n" + "在" * 1001 + " 5\n", 2),
        ("甲 1\n乙 1\n" + "今天天气很好" * 50_000, 3),  # one huge line without a line break
        ("\0" * 300_000, 1),
        ("甲 1\r\n" + "\0" * 1001 + "\r\n", 2),
    ],
    ids=["long word", "huge line", "NULs", "NULs in a line"],
)
def test_text_as_list_is_an_error_with_line(run, name, data, line):
    option = name.split(" ")[-1]
    ended = run(*LISTS[name], option, "a", a=data, text=TABLE, code=1)
    assert ended.err.startswith(f"kxcli: error: a:{line}: ")
    assert "one word per line" in ended.err
    assert ended.err.count("\n") == 1 and len(ended.err) < 300


def test_endless_list_is_an_error(run):
    assert "/dev/zero:1: " in run("wordcount", "--userdict", "/dev/zero", "text", text="", code=1).err


@pytest.mark.parametrize(("argument", "frequency"), [("user", ""), ("main", " 5")])
def test_list_of_huge_words_is_refused(monkeypatch, argument, frequency):
    monkeypatch.setattr(dictionary, "_MAX_BEGINNINGS", 10_000)
    lines = [f"{'在' * 50}{n}{frequency}" for n in range(9)]
    with pytest.raises(DictionaryError, match=f"{argument}, line 4: the words up to this line"):
        Dictionary(**{argument: "\n".join(lines)})


def test_word_of_maximum_length_is_accepted(run):
    word = "在" * 1000
    ended = run("wordcount", "--no-hmm", "--userdict", "a", "text", a=word, text=word)
    assert ended.out == f"{word}\t1\n"


# Patterns


@pytest.mark.parametrize(
    "pattern",
    ["", "^", "$", r"\b", "()", "(?:)*", "(?=x)", "(?<!x)", "x{0}", "|", "(?#x)", "(?i)"],
)
@pytest.mark.parametrize("use", [("wordcount",), HSIC], ids=["wordcount", "hsic"])
def test_pattern_without_characters_is_a_usage_error(run, use, pattern):
    err = run(*use, "-t", "regex", "--pattern", pattern, "text", text="甲", code=2).err
    assert err.startswith(f"kxcli: error: --pattern {pattern!r} matches no character")


@pytest.mark.parametrize(
    "pattern",
    [
        *("x{99999999999}", "x{1,99999999999}", "(?:x{9999999999}){9999999999}"),
        *("(" * 5000, "(" * 5000 + "x" + ")" * 5000, "(?:" * 800 + "x" + ")" * 800, "(?=" * 3000),
        *("(", "[", "x**", "\\", "(?P<a>x)(?P<a>x)", "(?<=x+)y", "\\g", "(?z)", "x(?i)y", "[z-a]", "\\N{no such name}"),
    ],
    ids=lambda pattern: pattern[:12],
)
def test_invalid_pattern_is_a_usage_error(run, pattern):
    err = run("wordcount", "-t", "regex", "--pattern", pattern, "text", text="甲", code=2).err
    assert err.startswith("kxcli: error: --pattern is ")
    assert err.count("\n") == 1


def test_deepest_accepted_pattern_compiles_elsewhere():
    """Compile the deepest accepted pattern again, on a deeper stack."""

    def is_accepted(n):
        try:
            accepted.append(Segmentation("regex", pattern="(" * n + "x" + ")" * n))
        except ValueError as error:
            assert "nested too deeply" in str(error)
            return False
        return True

    def count(n_frames):
        if n_frames:
            return count(n_frames - 1)
        job = WordCount(Counting(accepted[-1]))
        job.setup(None)
        return [row.count for row in job.finish(job.map([Text("x")]))]

    accepted = []
    assert bisect_left(range(2000), True, key=lambda n: not is_accepted(n)) > 50
    re.purge()
    assert count(30) == [1]


def test_deprecated_pattern_syntax_prints_no_warning(run):
    assert run("wordcount", "-t", "regex", "--pattern", "[[甲]", "text", text="甲乙").out == "甲\t1\n"


# Values outside ASCII in an ASCII locale

ASCII = {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONPATH": os.pathsep.join(sys.path)}


@pytest.mark.full
def test_values_outside_ascii_match_in_an_ascii_locale(tmp_path):
    files = {"文": "你好你\n", "词": "你好你 100000\n", "表": "列\t行\n" + "".join(f"{n}\t{n % 3}\n" for n in range(9))}
    files["记录.jsonl"] = '{"正文": "你 你", "类": "甲"}\n'
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    runs = [
        ("wordcount", "-t", "regex", "--pattern", "你", "文"),
        ("wordcount", "--userdict", "词", "文"),
        ("wordcount", "-t", "space", "--field", "正文", "--by", "类", "记录.jsonl"),
        ("wordcount", "-t", "char", "-r", ".", "--glob", "文"),
        ("hsic", "-x", "列", "-y", "行", "--test", "none", "表"),
        ("wordcount", "-t", "regex", "--pattern", b"\xff", "文"),
    ]
    ended = [
        subprocess.run(
            [sys.executable, "-m", "kxcli", *map(os.fsencode, run)], cwd=tmp_path, env=ASCII, capture_output=True
        )
        for run in runs
    ]
    assert [one.returncode for one in ended] == [0, 0, 0, 0, 0, 2], [one.stderr for one in ended]
    out = [one.stdout.decode() for one in ended]
    assert out[:4] == ["你\t2\n", "你好你\t1\n", "甲\t你\t2\n", "你\t2\n好\t1\n"]
    assert out[4].startswith("n\t9\n")
    assert b"not valid UTF-8" in ended[5].stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_options_compared_with_texts_are_decoded(name):
    """Encodings, addresses and patterns of file names are not compared with an input."""
    command = import_module(COMMANDS[name][0]).command
    plain = {param.opts[-1] for param in command.params if param.type is click.STRING}
    assert plain == {"--encoding", "--cluster", "--glob"}


def test_decoding_keeps_valid_values():
    for value in ("", "abc", "你好", "é\u0301", "😀"):
        assert decode_option(value) == value
        assert decode_option(os.fsencode(value).decode("ascii", "surrogateescape")) == value
    with pytest.raises(ValueError, match="UTF-8"):
        decode_option("a\udcff")


# Random lists are read or refused, with the line

pieces = st.sampled_from(
    [
        *("\n", "\r\n", "\r", " ", "  ", "\t", "\0", "\ufeff", "\x0b", "\x0c", "\x85", "\u2028", "\u3000", "·"),
        *(
            "在",
            "雨",
            "天气",
            "北京大学",
            "B超",
            "ab",
            "C++",
            "3",
            "0",
            "5",
            "-1",
            "1e3",
            "１２",
            "1_000",
            "n",
            "nz",
            "N",
        ),
        *("9" * 5000, str(1 << 53), str(1 << 63), "在" * 999, "㐀", "𠮷", "\U0010ffff", "(", "%", "/"),
    ]
)
lists = st.lists(pieces, max_size=30).map("".join)


@given(lists)
@settings(max_examples=150, derandomize=True)
def test_random_text_loads_as_in_jieba_or_is_an_error(text):
    for argument in "main", "user":
        try:
            found = Dictionary(**{argument: text})
        except ValueError as error:
            assert str(error).startswith(argument)
            continue
        if argument == "main":
            assert JiebaTokenizer(found).total > 0
        else:
            assert all(what and line >= 1 for line, what in found.find_misread_lines())


@given(lists)
@settings(max_examples=40, derandomize=True)
def test_random_dictionaries_are_loaded_or_refused(text):
    try:
        found = Dictionary("在雨 5\n" + "天气 3\n", text)
    except ValueError:
        return
    assert JiebaTokenizer(found).cut("在雨天气", hmm=True)


@given(st.one_of(st.binary(max_size=60), lists.map(str.encode), st.binary(max_size=8).map(lambda data: data * 9000)))
@settings(max_examples=150, derandomize=True)
def test_random_bytes_are_a_list_or_an_error_with_line(tmp_path, data):
    path = str(tmp_path / "list")
    with open(path, "wb") as file:
        file.write(data)
    for read in (wordlists.read_words, wordlists.read_first_words):
        try:
            assert all(word == word.strip() and word for word in read([path]))
        except InputError as error:
            assert error.line is not None and error.hint
    try:
        wordlists.read_dictionary(None, [path], Report(quiet=True))
        wordlists.read_dictionary(path, [], Report(quiet=True))
    except InputError as error:
        assert error.line is not None and error.hint


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize(("option", "expected"), [("--stopwords", "y\t1\n"), ("--userdict", "y\t1\n小乐曲\t1\n")])
def test_compressed_list_is_read(kxcli, pack, option, expected):
    word = "小乐曲"
    entries = f"{word} 1000\n" if option == "--userdict" else f"{word}\n小\n乐曲\n"
    (kxcli.folder / "list").write_bytes(pack(entries.encode()))
    assert kxcli("wordcount", option, "list", stdin=f"y {word}").text == expected


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("list.gz", gzip.compress(b"x\n", mtime=0)[:-4], "the compressed data ends too early; "),
        ("list.zip", b"PK\x03\x04" + bytes(100), "is a zip archive; extract the list as UTF-8 text\n"),
        ("list.pdf", b"%PDF-1.7\n", "is a PDF document; "),
    ],
)
@pytest.mark.parametrize("option", ["--stopwords", "--dict", "--userdict"])
def test_damaged_or_archived_list_is_an_error(tmp_path, capsys, option, name, data, what):
    (tmp_path / name).write_bytes(data)
    (tmp_path / "in.txt").write_text("x y\n")
    assert main(["wordcount", "-j", "1", option, str(tmp_path / name), str(tmp_path / "in.txt")]) == 1
    assert capsys.readouterr().err.startswith(f"kxcli: error: {tmp_path / name}: {what}")


def test_jieba_replaces_kernel_that_refuses_a_dictionary(kxcli):
    frequencies = {chr(0x4E00 + i): 1 << 53 for i in range(1025)}  # add up to over 2^63
    text = "".join(f"{word} {frequency}\n" for word, frequency in frequencies.items())
    (kxcli.folder / "words.txt").write_text(text, encoding="utf-8")
    use = ("wordcount", "--dict", "words.txt")
    given = "一丁七，一丁 abc"
    ended = kxcli(*use, stdin=given)
    if load_kernel() is not None:
        assert "using jieba itself, which is many times slower" in ended.err
    quiet = kxcli(*use, "-q", stdin=given)
    assert quiet.err == ""
    assert ended.out == quiet.out == kxcli(*use, "--engine", "jieba", stdin=given).out != b""


# Built-in lists of stop words


@pytest.mark.parametrize(
    ("name", "n_words", "examples"),
    [("zh", 794, "的 了 这个 因为"), ("zh-tw", 794, "的 了 這個 因為 這裡"), ("en", 1298, "the of don't")],
)
def test_built_in_list_has_its_words_source_and_license(name, n_words, examples):
    words = load_stopwords(name)
    assert len(words) == n_words and words >= {*examples.split()}
    assert all(word == word.strip() != "" for word in words)
    path = Path(stopwords.__file__).with_name(f"{name}.txt")
    head = path.read_text(encoding="utf-8").splitlines()[0]
    assert re.search(r"stopwords-iso.* MIT license; from stopwordsiso \d+\.\d+", head)
    assert ("OpenCC" in head) == (name == "zh-tw")
    assert "Permission is hereby granted" in path.with_name("LICENSE").read_text(encoding="utf-8")


def test_built_in_lists_and_files_add_up(kxcli):
    text = "the 的 甲 乙 因為 因为\n"
    (kxcli.folder / "own").write_text("甲\n", encoding="utf-8")
    (kxcli.folder / "@zh").write_text("乙\n", encoding="utf-8")

    def count(*lists):
        options = [argument for name in lists for argument in ("--stopwords", name)]
        return {row[0] for row in kxcli("wordcount", "-t", "space", *options, stdin=text).rows}

    assert count("@zh") == {"the", "甲", "乙", "因為"}
    assert count("@zh", "own", "@en", "@zh-tw") == {"乙"}
    assert count("./@zh") == {"the", "的", "甲", "因為", "因为"}


@pytest.mark.parametrize("name", ["wordcount", "segment", "collocate", "keyness", "hsic", "keywords"])
def test_commands_exclude_the_words_of_a_built_in_list(kxcli, name):
    text = "因为 苹果 好吃 甜美\n因为 苹果 好吃 甜美\n"
    commands = {
        "wordcount": ((), text),
        "segment": ((), text),
        "collocate": (("苹果", "--min-count", 1), text),
        "keyness": (("--reference", "ref", "--min-count", 1), text),
        "keywords": (("--learn-idf", "in", "--min-length", 2), ""),
        "hsic": (("--screen", "label", "-x", "text", "--kernel-x", "bow", "--min-df", 1), ""),
    }
    options, stdin = commands[name]
    (kxcli.folder / "in").write_text(text + "因为 别的 好吃\n因为 别的 甜美\n", encoding="utf-8")
    (kxcli.folder / "ref").write_text("别的 东西\n", encoding="utf-8")
    rows = "".join(f"{i % 2}\t{'因为' if i % 2 else '没有'} 苹果 {'甜' if i % 3 else '酸'}\n" for i in range(20))
    stdin = f"label\ttext\n{rows}" if name == "hsic" else stdin
    arguments = (name, *options, "-t", "space")
    assert "因为" in kxcli(*arguments, stdin=stdin).text
    assert "因为" not in kxcli(*arguments, "--stopwords", "@zh", stdin=stdin).text


@pytest.mark.parametrize("name", ["@", "@fr", "@ZH", "@zh_tw"])
def test_unknown_built_in_list_names_the_others(kxcli, name):
    error = kxcli("wordcount", "--stopwords", name, code=2).err
    assert f"there is no list '{name}': choose from @zh, @zh-tw, @en, or write ./{name} for a file" in error
    with pytest.raises(ValueError, match="name must be one of 'zh', 'zh-tw', 'en'"):
        load_stopwords(name)


def test_names_of_built_in_lists_complete():
    complete = StopwordsType().shell_complete
    assert [item.value for item in complete(None, None, "@z")] == ["@zh", "@zh-tw"]
    assert [(item.value, item.type) for item in complete(None, None, "z")] == [("z", "file")]
