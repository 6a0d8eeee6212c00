"""Words of a corpus compared with a background."""

import json
import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.corpus.count_tables import looks_like_lexicon
from kxcli.mining import Discovery, Selection, find_words
from kxcli.mining.newwords.alphabet import Alphabet, CountCharacters, iter_records
from kxcli.mining.newwords.background import BackgroundCounts, compute_keyness, count_background
from kxcli.mining.newwords.text_form import TextForm

texts_of_few_characters = st.lists(st.text("天天地玄a1，\n𠮷", max_size=30), max_size=6)
words_of_few_characters = st.lists(st.text("天地玄a1", min_size=2, max_size=5), max_size=8, unique=True)


def reduce_in_parts(texts, n_parts):
    """Return a `reduce` that merges the partials of parts of the texts."""

    def reduce(job, shared, what):
        if not texts:
            return None
        job.setup(shared)
        parts = [job.map(iter_records(texts[start::n_parts])) for start in range(n_parts)]
        merged = parts[0]
        for part in parts[1:]:
            merged = job.merge(merged, job.load(job.dump(part)))
        return job.finish(merged)

    return reduce


def count_slowly(texts, words):
    counts = [sum(text.startswith(word, at) for text in texts for at in range(len(text))) for word in words]
    return counts, sum(ch.isalnum() for text in texts for ch in text)


@given(texts=texts_of_few_characters, words=words_of_few_characters, n_parts=st.integers(1, 3))
def test_occurrences_are_those_of_a_search_in_each_text(texts, words, n_parts):
    job = CountCharacters()
    alphabet = Alphabet.from_counts(job.map(iter_records(["天地玄a1甲" * 9])), lambda total: 1)
    found = count_background(words, alphabet, reduce_in_parts(texts, n_parts))
    assert (found.counts.tolist(), found.total) == count_slowly(texts, words)


def test_characters_beyond_the_alphabet_match_nothing():
    """甲 has the last code point of the alphabet; 龥 is beyond it."""
    alphabet = Alphabet.from_counts(CountCharacters().map(iter_records(["天甲"])), lambda total: 1)
    found = count_background(["天甲"], alphabet, reduce_in_parts(["天龥天甲"], 1))
    assert (found.counts.tolist(), found.total) == ([1], 4)


def test_keyness_by_hand():
    """8 of 100 against 2 of 200 is 8 times the rate; a word without occurrences has half of one."""
    found = compute_keyness(np.array([8, 4, 5]), 100, BackgroundCounts(np.array([2, 0, 10]), 200, True))
    assert found.count_ref.tolist() == [2, 0, 10]
    np.testing.assert_allclose(found.log_ratio, [3, 4, 0], atol=1e-12)
    np.testing.assert_allclose(found.share, [8 / 9, 16 / 17, 1 / 2])
    expected = 2 * (8 * math.log(8 * 300 / (10 * 100)) + 2 * math.log(2 * 300 / (10 * 200)))
    expected += 2 * (92 * math.log(92 * 300 / (290 * 100)) + 198 * math.log(198 * 300 / (290 * 200)))
    np.testing.assert_allclose(found.log_likelihood, [expected, found.log_likelihood[1], 0], atol=1e-9)


def test_empty_background_has_no_influence_on_the_order():
    found = compute_keyness(np.array([5, 50]), 100, BackgroundCounts(np.zeros(2, dtype=np.int64), 0, True))
    assert [values.tolist() for values in found] == [[0, 0], [0, 0], [0, 0], [0.5, 0.5]]


@pytest.mark.parametrize(
    ("head", "is_lexicon"),
    [
        ("天\t9\t\t1.2000\t0.5000\t3\n今天\t4\t2.1000\t0.0000\t0.5000\t3\n", True),
        ("今天\t4\t-2.1000\t0.0000\t0.5000\n", True),
        ("今天\t4\t2.1000\t0.0000\t0.5000\t3\t0.9921\t\n", True),
        ("今天\t4\t2.1000\t0.0000\t0.5000\t3\t0.99\t\t例\t例\n", True),
        ("今天\t4\n", False),
        ("今天\t4\t2.1000\t0.0000\n", False),
        ("今天\t四\t2.1000\t0.0000\t0.5000\n", False),
        ("今天，天气\n", False),
        ("", False),
    ],
)
def test_lexicon_is_recognized(head, is_lexicon):
    assert looks_like_lexicon(head) == is_lexicon


TARGET = "".join(f"桂花冰酿{ch}好喝，青团{ch}也{ch}\n" for ch in "很真又太最更不都") * 2
NEWS = "".join(f"青团{ch}多，今天{ch}\n" for ch in "很真又太最更不都") * 20
OPTIONS = ("newwords", "--min-count", 3, "-q")


def read_keyness(ended):
    """Return the last three cells of each word."""
    return {row[0]: row[-3:] for row in ended.rows}


@pytest.fixture
def background(kxcli):
    (kxcli.folder / "target.txt").write_text(TARGET, encoding="utf-8")
    (kxcli.folder / "news.txt").write_text(NEWS, encoding="utf-8")
    return kxcli.folder / "news.txt"


# From Python


def test_function_compares_with_texts_and_counts(kxcli, background):
    discovery, selection = Discovery(min_count=3), Selection(frozenset(), sort="log_ratio")
    texts, news = TARGET.splitlines(), NEWS.splitlines()
    found = find_words(texts, discovery, selection, background=news)
    (kxcli.folder / "none.txt").write_text("", encoding="utf-8")
    rows = kxcli(
        *OPTIONS, "--sort", "log_ratio", "--known-only", "--known", "none.txt", "--background", background, "target.txt"
    ).rows
    assert [(word.word, str(word.count_ref), f"{word.log_ratio:.4f}") for word in found] == [
        (row[0], row[-3], row[-1]) for row in rows
    ]
    counts = find_words(texts, discovery, selection, background={"青团": 7, "今天": 9})
    assert {word.word: word.count_ref for word in counts}["青团"] == 7


@pytest.mark.parametrize(
    ("background", "sort", "error", "message"),
    [
        (None, "log_ratio", ValueError, "background"),
        ({"青团": -1}, "count", ValueError, "background"),
        (["青团", 1], "count", TypeError, r"background\[1\]"),
        ("青团", "count", TypeError, "background"),
    ],
)
def test_function_refuses_a_wrong_background(background, sort, error, message):
    with pytest.raises(error, match=message):
        find_words(["青团"] * 9, Discovery(min_count=3), Selection(sort=sort), background=background)


# The command


def test_counts_in_the_background_are_all_occurrences(kxcli, background):
    found = read_keyness(kxcli(*OPTIONS, "--background", background, "target.txt"))
    assert found["桂花冰酿"][0] == "0" and float(found["桂花冰酿"][2]) > 4
    assert found["青团"][0] == str(NEWS.count("青团"))
    rates = TARGET.count("青团") / sum(map(str.isalnum, TARGET)), NEWS.count("青团") / sum(map(str.isalnum, NEWS))
    assert float(found["青团"][2]) == pytest.approx(math.log2(rates[0] / rates[1]), abs=1e-4)


def test_words_of_the_background_come_last(kxcli, background):
    words = [row[0] for row in kxcli(*OPTIONS, "--sort", "score", "target.txt").rows]
    sunk = [row[0] for row in kxcli(*OPTIONS, "--sort", "score", "--background", background, "target.txt").rows]
    assert sorted(words) == sorted(sunk) and sunk[-1] == "青团"
    by_ratio = kxcli(*OPTIONS, "--sort", "log_ratio", "--background", background, "target.txt").rows
    assert by_ratio == sorted(by_ratio, key=lambda row: (-float(row[-1]), row[0]))
    assert [row[0] for row in by_ratio][-1] == "青团"


@pytest.mark.parametrize(
    ("way_in", "more"),
    [("two files", ("-j", 2, "--shard-size", "100")), ("stdin", ("-j", 1)), ("records", ())],
)
def test_comparison_does_not_depend_on_the_form_of_the_background(kxcli, background, way_in, more):
    expected = kxcli(*OPTIONS, "-j", 1, "--background", background, "target.txt").out
    stdin = b""
    names = ["news.txt"]
    if way_in == "two files":
        lines = NEWS.splitlines(keepends=True)
        for name, part in [("a.txt", lines[:7]), ("b.txt", lines[7:])]:
            (kxcli.folder / name).write_text("".join(part), encoding="utf-8")
        names = ["a.txt", "b.txt"]
    elif way_in == "stdin":
        names, stdin = ["-"], NEWS.encode()
    elif way_in == "records":
        records = "".join(json.dumps({"text": line}) + "\n" for line in NEWS.splitlines())
        (kxcli.folder / "news.jsonl").write_text(records, encoding="utf-8")
        names = ["news.jsonl"]
    given = [argument for name in names for argument in ("--background", name)]
    ended = kxcli(*OPTIONS, *more, *given, "target.txt", stdin=stdin)
    assert ended.out == expected
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("header", [(), ("--header",)])
def test_table_of_newwords_is_a_background(kxcli, background, header):
    kxcli("newwords", "--all", "--min-count", 3, *header, background, "-o", "table.tsv")
    rows = {row[0]: row for row in kxcli("newwords", "--all", "--min-count", 3, background).rows}
    ended = kxcli("newwords", "--min-count", 3, "--background", "table.tsv", "target.txt")
    found = read_keyness(ended)
    assert found["青团"][0] == rows["青团"][1] and found["桂花冰酿"][0] == "0"
    assert "read as tables of counts: table.tsv" in ended.err and "lowest count" not in ended.err


def test_table_of_wordcount_is_a_background(kxcli, background):
    kxcli("wordcount", background, "-o", "counts.tsv")
    rows = (kxcli.folder / "counts.tsv").read_text(encoding="utf-8").splitlines()
    counts = dict(row.split("\t") for row in rows)
    found = read_keyness(kxcli(*OPTIONS, "--background", "counts.tsv", "target.txt"))
    assert found["青团"][0] == counts.get("青团", "0")


def test_words_of_a_table_have_the_form_of_the_text(kxcli, background):
    (kxcli.folder / "target.txt").write_text("Ｔ恤衫，t恤衫，麤龘壳子\n" * 9, encoding="utf-8")
    (kxcli.folder / "table.tsv").write_text("T恤衫\t9\nt恤衫\t4\n", encoding="utf-8")
    (kxcli.folder / "none.txt").write_text("", encoding="utf-8")
    form = ("--lower", "--normalize", "nfkc", "--known-only", "--known", "none.txt")
    assert read_keyness(kxcli(*OPTIONS, *form, "--background", "table.tsv", "target.txt"))["t恤衫"][0] == "13"
    found = find_words(
        ["T恤衫，t恤衫，麤龘壳子"] * 9,
        Discovery(form=TextForm(lower=True)),
        Selection(frozenset()),
        {"T恤衫": 9, "t恤衫": 4},
    )
    assert {word.word: word.count_ref for word in found}["t恤衫"] == 13


def test_user_dictionary_as_a_background_has_a_warning(kxcli, background):
    for name, text in ("user.txt", "青团 9\n今天 4\n"), ("plain.txt", "青团 9\n今天\n"):
        (kxcli.folder / name).write_text(text, encoding="utf-8")
        ended = kxcli("newwords", "--background", name, "target.txt")
        assert (f"read as text, though each line is a word and a number: {name}" in ended.err) == (name == "user.txt")


def test_input_format_text_reads_a_table_as_text(kxcli, background):
    (kxcli.folder / "table.tsv").write_text("青团\t9\n今天\t4\n", encoding="utf-8")
    given = ("--background", "table.tsv", "target.txt")
    assert read_keyness(kxcli(*OPTIONS, *given))["青团"][0] == "9"
    assert read_keyness(kxcli(*OPTIONS, "--input-format", "text", *given))["青团"][0] == "1"


@pytest.mark.parametrize(
    ("name", "text", "code", "expected"),
    [
        ("bad.tsv", "word\tcount\n青团\tx\n", 1, "bad.tsv:2: has 'x' as its count"),
        ("short.tsv", "青团\t9\t1.0000\t1.0000\t1.0000\n" * 10 + "今天\t9\n", 1, "short.tsv:11: has 2 cells"),
        ("bad.txt", b"\xff\n", 1, "bad.txt:1: byte 0xff"),
    ],
)
def test_bad_background_is_reported_with_its_line(kxcli, background, name, text, code, expected):
    (kxcli.folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert expected in kxcli(*OPTIONS, "--background", name, "target.txt", code=code).err
    assert expected.split(" ", 1)[1] in kxcli(*OPTIONS, "--check", "--background", name, "target.txt", code=1).text


def test_empty_background_has_a_warning(kxcli, background):
    ended = kxcli("newwords", "--min-count", 3, "--background", "/dev/null", "target.txt")
    assert "the background has no text, so there is nothing to compare" in ended.err
    assert {tuple(row[-3:]) for row in ended.rows} == {("0", "0.0000", "0.0000")}


def test_texts_and_tables_are_not_mixed(kxcli, background):
    (kxcli.folder / "table.tsv").write_text("青团\t9\n今天\t4\n", encoding="utf-8")
    err = kxcli(*OPTIONS, "--background", "table.tsv", "--background", "news.txt", "target.txt", code=2).err
    assert "table.tsv: is a table of counts" in err


def test_background_on_stdin_needs_an_input(kxcli, background):
    assert "stdin" in kxcli(*OPTIONS, "--background", "-", code=2, stdin=NEWS.encode()).err


def test_checkpoint_of_a_background_is_found_again(kxcli, background):
    given = (*OPTIONS[:-1], "--background", "news.txt", "target.txt", "--checkpoint", "done")
    expected = kxcli(*given[:-2]).out
    assert kxcli(*given).out == expected
    again = kxcli(*given)
    found = re.search(r"found (\d+) of (\d+) tasks done", again.err)
    assert found and found[1] == found[2] and again.out == expected
