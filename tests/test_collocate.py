"""Collocates: counts and scores equal a simple definition, for every form of partials and every split of the work."""

import dataclasses
import functools
import itertools
import json
import math
import os
import re

import pytest
from collocate_definition import count_pairs, log_likelihood, measure, rank_pairs
from conftest import SAMPLES, examples
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.kernel import find_kernel
from kxcli.mining import Counting, Dictionary, Segmentation, Text, find_collocates
from kxcli.mining.collocations.job import PairCount
from kxcli.mining.collocations.ranking import CollocateRanking, rank_collocates
from kxcli.mining.collocations.rows import SORTS
from kxcli.mining.collocations.window import Window
from kxcli.mining.segment import load_tokenizer, prepare
from kxcli.mining.wordcount import python_counter
from kxcli.tally.scratch import Scratch

DICTIONARY = Dictionary("今天 9\n天气 7\n很好 4\n下雨 3\n北京 5\n大学 4\n北京大学 2\nnode.js 8\n", None)
SEGMENTATIONS = {
    "jieba": Segmentation(dictionary=DICTIONARY),
    "jieba-itself": Segmentation(dictionary=DICTIONARY, engine="jieba"),
    "search": Segmentation("search", dictionary=DICTIONARY),
    "char": Segmentation("char"),
    "space": Segmentation("space"),
    "regex": Segmentation("regex", pattern=r"\w[\w ]?"),
}
parts = st.one_of(
    st.sampled_from(
        ["今天", "天气", "很好", "下雨", "北京大学", "node.js", "T恤", "t恤", "a", "A", "b ", "ab", "的", "𠮷"]
    ),
    st.sampled_from(["ａ", "ﬁ", "，", "。", " ", "\u3000", "\t", "\x00", "\x01", "\x02", "--", "İ"]),
)
some_text = st.lists(parts, max_size=12).map("".join)
records = st.lists(st.builds(Text, some_text, st.just(""), st.just(False)), max_size=6)
windows = st.sampled_from([(1, 1), (2, 2), (5, 5), (0, 2), (3, 0), (1, 2), (4, 1)]).map(lambda sides: Window(*sides))
nodes = st.sampled_from([None, None, "今天", "a", "b", "的", "，", "不在"])
countings = st.builds(
    Counting,
    segmentation=st.sampled_from(list(SEGMENTATIONS.values())),
    keeps_punctuation=st.booleans(),
    stopwords=st.sampled_from([frozenset(), frozenset({"a", "的", "很好"})]),
    min_length=st.sampled_from([1, 1, 2]),
    lower=st.booleans(),
    nfkc=st.booleans(),
)


@functools.cache
def prepared(segmentation):
    words = prepare(segmentation)
    return words, load_tokenizer(segmentation, words)


def ready(counting, window, node=None):
    job = PairCount(counting, window, node)
    job.setup(prepared(counting.segmentation)[0])
    return job


def list_words(records, counting):
    """Return the words of each document."""
    documents, text = [], ""
    for record in records:
        text += record.text
        if record.has_continuation:
            continue
        words = []
        for token in prepared(counting.segmentation)[1](counting.normalize(text)):
            word = token.lower() if counting.lower else token
            is_word = any(map(str.isalnum, token)) or (counting.keeps_punctuation and token and not token.isspace())
            if is_word and len(word) >= counting.min_length and word not in counting.stopwords:
                words.append(word)
        documents.append(words)
        text = ""
    return documents


def expected_counts(records, counting, window, node=None):
    """Return the counts of words and pairs by the definition: of both words, and of those with the second left."""
    words, pairs = count_pairs(list_words(records, counting), *window)
    expected = {(word, ""): (count, 0) for word, count in words.items()}
    for word, collocate in {pair[:2] for pair in pairs}:
        is_row = word == node if node is not None else window.left != window.right or word <= collocate
        if is_row:
            left, right = (pairs[word, collocate, side] for side in ("left", "right"))
            expected[word, collocate] = left + right, left
    return expected


def decode(counts, min_count=1):
    """Return the rows of final counts."""
    rows = {}
    for keys, numbers in counts.blocks(min_count):
        for key, number in zip(keys, numbers, strict=True):
            pair = [re.sub("\2(.)", lambda match: chr(ord(match[1]) - 3), word) for word in key.split("\1")]
            rows[tuple(pair)] = number & (1 << 96) - 1, number >> 96
        assert keys == sorted(keys)
    return rows


@pytest.fixture(params=["as-set", "tiny-pieces"])
def pieces(request, monkeypatch):
    """The length of pieces that are cut by Python: default or tiny."""
    if request.param == "tiny-pieces":
        monkeypatch.setattr(python_counter, "_PIECE", 3)


@given(records=records, counting=countings, window=windows, node=nodes)
@examples(100)
def test_counts_equal_the_definition(pieces, records, counting, window, node):
    job = ready(counting, window, node)
    node = job.word
    if node is not None:  # it is counted even if it is a stop word
        counting = dataclasses.replace(counting, stopwords=counting.stopwords - {node})
    assert decode(job.finish(job.map(records))) == expected_counts(records, counting, window, node)


@given(a=records, b=records, c=records, counting=countings, window=windows, node=nodes)
@settings(max_examples=30)
def test_partials_merge_in_any_order_and_form(a, b, c, counting, window, node):
    job = ready(counting, window, node)
    whole = decode(job.finish(job.map([*a, *b, *c])))

    def load(records):
        return job.load(job.dump(job.map(records)))

    for first, second, third in itertools.permutations([a, b, c]):
        assert decode(job.finish(job.merge(job.merge(job.map(first), job.map(second)), job.map(third)))) == whole
        assert decode(job.finish(job.merge(job.map(first), job.merge(load(second), job.map(third))))) == whole
        assert decode(job.finish(job.merge(load(first), job.merge(load(second), load(third))))) == whole


@given(records=records, counting=countings, window=windows, node=nodes, min_count=st.integers(1, 4))
@examples(40)
def test_rare_pairs_are_dropped_from_every_form(records, counting, window, node, min_count):
    job = ready(counting, window, node)
    whole = decode(job.finish(job.map(records)))
    frequent = {pair: row for pair, row in whole.items() if not pair[1] or row[0] >= min_count}
    assert decode(job.finish(job.map(records)), min_count) == frequent
    assert decode(job.finish(job.load(job.dump(job.map(records)))), min_count) == frequent


@given(records=records, window=windows, places=st.lists(st.integers(0, 100), max_size=5))
def test_parts_of_a_document_have_the_windows_of_the_whole(records, window, places):
    counting = Counting(SEGMENTATIONS["jieba"])
    split = []
    for record in records:
        allowed = [match.start() for match in re.finditer(counting.safe_split_pattern, record.text)]
        cuts = sorted({allowed[place % len(allowed)] for place in places}) if allowed else []
        borders = [0, *cuts, len(record.text)]
        some = [Text(record.text[a:b], has_continuation=True) for a, b in itertools.pairwise(borders)]
        split += [*some[:-1], some[-1]._replace(has_continuation=False)]
    job = ready(counting, window)
    assert decode(job.finish(job.map(split))) == decode(job.finish(job.map(records)))


def test_lines_of_bytes_are_documents():
    class Lines:
        data = b"a b\nc\r\n"
        text = data.decode()
        group, is_lines, has_continuation, document = "", True, False, 0

    job = ready(Counting(SEGMENTATIONS["space"]), Window(2, 2))
    assert decode(job.finish(job.map([Lines]))) == {
        ("a", ""): (1, 0),
        ("a", "b"): (1, 0),
        ("b", ""): (1, 0),
        ("c", ""): (1, 0),
    }


# Rows


def find(documents, word=None, window=(2, 2), **options):
    counting = Counting(Segmentation("space"))
    return find_collocates(map(" ".join, documents), word, window=window, counting=counting, **options)


letters = st.lists(st.lists(st.sampled_from("abcdeé天"), min_size=1, max_size=12), min_size=1, max_size=5)


@given(
    documents=letters,
    window=windows,
    node=st.sampled_from([None, "a", "天"]),
    min_count=st.integers(1, 3),
    sort=st.sampled_from(SORTS),
)
@examples(150)
def test_rows_equal_the_definition(documents, window, node, min_count, sort):
    rows = find(documents, node, window, min_count=min_count, sort=sort)
    expected = rank_pairs(documents, *window, node, min_count, sort)
    counts = {row[:7]: row[7:] for row in expected}
    assert {tuple(row)[:7] for row in rows} == counts.keys()
    for row in rows:
        assert row[7:] == pytest.approx(counts[row[:7]], rel=1e-9, abs=6e-5)
    at = rows[0]._fields.index(sort) if rows else 0
    assert [(-row[at], row[:2]) for row in rows] == sorted((-row[at], row[:2]) for row in rows)
    assert find(documents, node, window, min_count=min_count, sort=sort, top=2) == rows[:2]


def test_scores_of_a_table_by_hand():
    # N = 16, f(a) = f(b) = 4, window 1,1: E = 4 * 4 * 2 / 16 = 2; a and b are neighbors 4 times.
    (row,) = find([["a", "b"]] * 4 + [["c", "d"], ["e", "f"], ["g", "h"], ["i", "j"]], window=(1, 1), min_count=2)
    assert row[:7] == ("a", "b", 4, 0, 4, 4, 4)
    assert row.log_dice == 14  # 14 + log2(2 * 4 / 8)
    assert (row.mi, row.mi3, row.t_score) == (1, 5, 1)  # log2(4 / 2), log2(64 / 2), (4 - 2) / sqrt(4)
    assert row.z_score == 1.4142  # (4 - 2) / sqrt(2)
    # Pairs of positions: 4 with both, 8 - 4 with a alone, 8 - 4 with b alone, 32 - 8 - 8 + 4 with neither.
    by_hand = 2 * (4 * math.log(4 / 2) + 2 * 4 * math.log(4 / 6) + 20 * math.log(20 / 18))
    assert row.log_likelihood == round(by_hand, 4) == round(log_likelihood(4, 4, 4, 20), 4)


def test_definition_of_log_dice_has_the_values_of_its_author():
    """Rychlý (2008): 14 if all occurrences are together; a point less if they are half as often together."""
    assert measure(10, 10, 10, 1000, 1)[0] == 14
    assert measure(5, 10, 10, 1000, 1)[0] == 13
    assert measure(1, 16_000, 16_000, 10**9, 1)[0] == pytest.approx(0, abs=0.04)  # "one per 16,000" is 0


def test_word_near_itself_is_in_both_windows():
    rows = find([["a", "x", "a"]], "a", min_count=1)
    assert {row[1:7] for row in rows} == {("a", 2, 1, 1, 2, 2), ("x", 2, 1, 1, 2, 1)}
    assert find([["a"] * 9], "a", min_count=1)[0].log_likelihood >= 0


@pytest.mark.parametrize("window", [(2, 2), (2, 1)])
def test_pairs_are_of_different_words(window):
    rows = find([["a", "x", "a", "a"]], window=window, min_count=1)
    assert {(row.word, row.collocate) for row in rows} <= {("a", "x"), ("x", "a")}
    assert find([["a"] * 9], window=window, min_count=1) == []


@pytest.mark.parametrize("engine", ["kernel", "jieba"])
def test_word_is_counted_even_if_it_is_a_stop_word(kxcli, engine):
    (kxcli.folder / "stop").write_text("b\na\n", encoding="utf-8")
    use = ("collocate", "--min-count", 1, "--lower", "--stopwords", "stop", "--engine", engine)
    ended = kxcli(*use, "A", "--window", 1, stdin="c b a A\n")
    assert [row[:5] for row in ended.rows] == [["c", "1", "1", "0", "1"]]


def test_first_word_of_a_pair_comes_first_more_often():
    rows = find([["b", "a"], ["b", "a"], ["a", "b"], ["d", "c"], ["c", "d"]], window=(1, 1), min_count=1)
    assert [row[:5] for row in rows] == [("b", "a", 3, 1, 2), ("c", "d", 2, 1, 1)]


def test_overlapping_windows_count_a_pair_of_positions_once_each():
    (row,) = find([["a", "b", "a"]], "b", min_count=1)
    assert row[1:7] == ("a", 2, 1, 1, 1, 2)
    assert row.log_dice > 14  # more pairs than the words have occurrences


@pytest.mark.parametrize("window", [(2, 2), (3, 1)])
@pytest.mark.parametrize("top", [None, 7, 2000])
def test_rows_beyond_the_memory_are_sorted_on_disk(tmp_path, window, top):
    import random

    choice = random.Random(5)
    texts = [" ".join(f"w{int(choice.paretovariate(0.5)) % 300}" for _ in range(40)) for _ in range(150)]
    job = ready(Counting(SEGMENTATIONS["space"]), Window(*window))
    partials = [job.load(job.dump(job.map([Text(text)]))) for text in texts]
    split = functools.reduce(job.merge, partials)
    ranking = CollocateRanking("mi", top, 1)

    def list_rows(partial, scratch=None):
        blocks = rank_collocates(job.finish(partial), ranking, scratch)
        return [row for columns in blocks for row in zip(*columns, strict=True)]

    whole = list_rows(job.map(map(Text, texts)))
    assert len(whole) > 1500 or top == 7
    assert list_rows(split, Scratch(lambda: str(tmp_path), 1 << 12)) == whole
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"word": ""}, "word must not be empty"),
        ({"word": 1}, "word must be a string"),
        ({"window": 0}, "at least, not 0"),
        ({"window": (1, 2, 3)}, "window must be an integer, or two"),
        ({"window": -1}, "window must be 0 or more"),
        ({"window": 2000}, "window must be 1000 or less"),
        ({"min_count": 0}, "min_count must be 1 or more"),
        ({"sort": "x"}, "sort must be one of 'log_dice'"),
        ({"counting": 1}, "counting must be"),
    ],
)
def test_bad_arguments_are_named(options, message):
    with pytest.raises((TypeError, ValueError), match=re.escape(message)):
        find_collocates(["a b"], **options)


def test_texts_are_checked():
    with pytest.raises(TypeError, match=r"texts\[1\] must be a string"):
        find_collocates(["a", 2])


# The kernel


def make_counter(window=(1, 1), word=None):
    dictionary = prepared(SEGMENTATIONS["space"])[0].open()
    return find_kernel().Counter(dictionary, "space", True, False, (1, 1), False, False, None, window, word)


@pytest.mark.skipif(find_kernel() is None, reason="there is no kernel")
def test_kernel_rejects_bad_windows():
    for window, word in [((0, 0), None), ((-1, 1), None), ((1001, 1), None), ((1, 1), "")]:
        with pytest.raises(ValueError, match=r"window|word"):
            make_counter(window, word)


# The command

NEWS = SAMPLES / "news.txt"


def test_columns_of_a_word_and_of_pairs(kxcli):
    header, *rows = kxcli("collocate", "下雨", "--min-count", 1, "--header", stdin="北京下雨了\n天气下雨\n").rows
    scores = ["log_dice", "mi", "mi3", "t_score", "z_score", "log_likelihood"]
    assert header == ["collocate", "count", "left", "right", "total", *scores]
    assert ["北京", "1", "1", "0", "1"] in [row[:5] for row in rows]
    header, *rows = kxcli("collocate", "--pairs", "--min-count", 1, "--header", stdin="北京下雨了\n天气下雨\n").rows
    assert header == ["word", "collocate", "count", "left", "right", "word_total", "total", *scores]
    assert ["北京", "下雨", "1", "0", "1", "1", "2"] in [row[:7] for row in rows]


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_formats_have_the_values_of_tsv(kxcli, form):
    use = ("collocate", "--pairs", "--min-count", 3, "--sort", "t_score", NEWS)
    header, *rows = kxcli(*use, "--header").rows
    assert rows
    out = kxcli(*use, "-f", form).text.splitlines()
    if form == "csv":
        assert [line.split(",") for line in out] == [header, *rows]
        return
    for line, row in zip(map(json.loads, out), rows, strict=True):
        assert list(line) == header
        assert [float(cell) for cell in row[2:]] == list(line.values())[2:]


@pytest.mark.parametrize(
    "options", [("--pairs",), ("--pairs", "--window", "3,1"), ("的",)], ids=["pairs", "sides", "word"]
)
def test_output_does_not_depend_on_the_split_of_the_work(kxcli, options):
    texts = NEWS.read_bytes() + (SAMPLES / "tech.txt").read_bytes()
    (kxcli.folder / "text").write_bytes(texts)
    lines = texts.splitlines(keepends=True)
    for number in range(3):
        (kxcli.folder / f"part{number}").write_bytes(b"".join(lines[number::3]))
    use = ("collocate", "--min-count", 2, *options)
    first = kxcli(*use, "-j", 1, "text").out
    assert first.count(b"\n") > 5
    assert kxcli(*use, "-j", 2, "--shard-size", "700", "text").out == first
    assert kxcli(*use, "-j", 1, "--shard-size", "4K", "part1", "part2", "part0").out == first
    assert kxcli(*use, stdin=texts).out == first
    assert kxcli(*use, "--engine", "jieba", "-j", 1, "text").out == first
    for _ in range(2):
        assert kxcli(*use, "--checkpoint", "ck", "--shard-size", "4K", "-j", 1, "text").out == first
    assert kxcli(*use, "-j", 2, "--memory", "1K", "--shard-size", "9K", "text").out == first


@pytest.mark.slow
def test_output_does_not_depend_on_the_kernel(kxcli):
    use = ("collocate", "--pairs", "--min-count", 2, NEWS)
    first = kxcli.run(*use).out
    kxcli.environment["KXCLI_KERNEL"] = "off"
    assert kxcli.run(*use, "-q").out == first


def test_records_have_windows_of_their_own(kxcli):
    reviews = SAMPLES / "reviews.jsonl"
    texts = [json.loads(line)["text"].replace("\n", " ") for line in reviews.read_text(encoding="utf-8").splitlines()]
    use = ("collocate", "--pairs", "--min-count", 2)
    assert kxcli(*use, "--field", "text", reviews).out == kxcli(*use, stdin="\n".join(texts)).out


def test_lower_case_applies_to_the_word(kxcli):
    use = ("collocate", "--min-count", 1, "-t", "space", "--lower", "--normalize", "nfkc")
    assert kxcli(*use, "ＡＢ", stdin="x ab\n").rows[0][:5] == ["x", "1", "1", "0", "1"]


def test_punctuation_takes_no_place_unless_counted(kxcli):
    use = ("collocate", "天气", "--window", 1, "--min-count", 1)
    assert kxcli(*use, stdin="今天，天气\n").rows[0][0] == "今天"
    assert kxcli(*use, "--punct", stdin="今天，天气\n").rows[0][0] == "，"


def test_reason_for_no_rows_is_reported(kxcli):
    ended = kxcli("collocate", "北京下雨", stdin="北京下雨了\n")
    assert ended.out == b""
    assert "北京下雨 does not occur as a word; it is split into 北京 下雨: name one" in ended.err
    assert "x does not occur as a word; check its spelling" in kxcli("collocate", "x", stdin="北京下雨了\n").err
    assert "下雨 occurs 1 time, but no pair has a count of 5" in kxcli("collocate", "下雨", stdin="北京下雨了\n").err
    assert (
        "no pair has a count of 5 or more; lower --min-count" in kxcli("collocate", "--pairs", stdin="北京下雨\n").err
    )
    short = kxcli("collocate", "雨", "--min-length", 2, stdin="北京下雨了\n").err
    assert "雨 has fewer characters than --min-length 2; lower --min-length" in short
    assert (
        "， has no letter or digit, so it is not counted; add --punct" in kxcli("collocate", "，", stdin="雨，雨\n").err
    )
    assert "is white space, which is not counted" in kxcli("collocate", " ", "--punct", stdin="a b\n").err
    assert kxcli("collocate", "下雨", "--top", 0, stdin="北京下雨了\n").err == ""
    assert kxcli("collocate", "下雨", "--min-count", 1, stdin="北京下雨了\n").err == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "requires a WORD or --pairs"),
        (("text",), "text: is a file, not a WORD; write `kxcli collocate WORD text`, or add --pairs"),
        (("",), "WORD is empty"),
        (("a", "--window", "0"), "is not a window of up to 1000 words; write it as 5 or 4,2"),
        (("a", "--window", "1,2,3"), "write it as 5 or 4,2"),
        (("a", "--window", "1001"), "is not a window of up to 1000 words"),
    ],
)
def test_bad_command_lines_are_usage_errors(kxcli, arguments, message):
    (kxcli.folder / "text").write_text("a\n")
    assert message in kxcli("collocate", *arguments, code=2).err


def test_bad_line_is_an_error_with_its_place(kxcli):
    (kxcli.folder / "text").write_bytes(b"a b\n\xff\n")
    assert "text:2: " in kxcli("collocate", "a", "text", code=1).err
    ended = kxcli("collocate", "a", "--on-error", "skip", "--min-count", 1, "text")
    assert ended.rows[0][:2] == ["b", "1"] and "1 line" in ended.err
