"""Segmentation by a lexicon alone, against the best of all cuts."""

import math
from itertools import combinations, pairwise

import numpy as np
import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st

from kxcli.kernel import load_kernel
from kxcli.mining import Segmentation, Segmenting, segment_texts
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.segment.lexicon import PythonLexicon, load_lexicon_tokenizer, split_units

LEXICON = "中 4\n中国 9\n国人 3\n人 7\n国 2\n中国人民 5\n民 1\nK线图 6\n线 2\n哆啦A梦 3\nภาษา 5\nไทย 4\nか 2\nかな 3\n"


def cut(text, lexicon=LEXICON):
    return next(segment_texts([text], Segmenting(Segmentation("lexicon", dictionary=Dictionary(lexicon)))))


def find_best_cuts(text, counts):
    """Return all cuts with the largest product of probabilities."""
    units, total = split_units(text), math.log(sum(counts.values()))
    found = {}
    for n_borders in range(len(units)):
        for borders in combinations(range(1, len(units)), n_borders):
            edges = [0, *borders, len(units)]
            words = [units[start:end] for start, end in pairwise(edges)]
            if all(len(word) == 1 or "".join(word) in counts for word in words):
                joined = ["".join(word) for word in words]
                found[tuple(joined)] = sum(math.log(counts.get(word, 1)) - total for word in joined)
    best = max(found.values())
    return [list(words) for words, value in found.items() if value > best - 1e-9]


def make_python_lexicon(counts):
    total = math.log(sum(counts.values()))
    return PythonLexicon({word: math.log(count) - total for word, count in counts.items()}, -total)


COUNTS = st.dictionaries(st.text("中国人民A", min_size=1, max_size=4), st.integers(1, 50), min_size=1, max_size=12)


@given(text=st.text("中国人民日A9 ，", min_size=1, max_size=9), counts=COUNTS)
@examples(150)
def test_cut_has_the_largest_product_of_probabilities(text, counts):
    found = make_python_lexicon(counts).cut(text)
    assert "".join(found) == text
    assert found in find_best_cuts(text, counts)


@given(text=st.text("中国人民日A9 ，ไุ\u0301あ\u3099\U00020000\U000e0100\ud800"), counts=COUNTS)
@examples(200)
def test_kernel_cuts_as_its_twin(text, counts):
    if load_kernel() is None:
        pytest.skip("there is no kernel")
    assert load_lexicon_tokenizer(counts)(text) == make_python_lexicon(counts).cut(text)


KEYS, WEIGHTS, KINDS = np.array([20013], np.uint64), np.array([-np.inf, -1.0]), np.zeros(0x110000, np.uint8)


@pytest.mark.parametrize(
    "arguments",
    [
        (KEYS, WEIGHTS[:1], KINDS, -1.0),
        (KEYS, WEIGHTS, KINDS[1:], -1.0),
        (KEYS, np.array([-1.0, -1.0]), KINDS, -1.0),
        (KEYS, np.array([-np.inf, np.nan]), KINDS, -1.0),
        (KEYS, WEIGHTS, KINDS, -np.inf),
        (b"1234567", WEIGHTS, KINDS, -1.0),
    ],
)
def test_kernel_refuses_bad_arrays(arguments):
    kernel = load_kernel()
    if kernel is None:
        pytest.skip("there is no kernel")
    with pytest.raises(ValueError, match=r"do not belong|no logarithms|not an aligned array"):
        kernel.UnigramLexicon(*arguments)
    with pytest.raises(ValueError, match="no code points"):
        kernel.UnigramLexicon(KEYS, WEIGHTS, KINDS, -1.0).find_word_ends(np.array([0x110000], np.uint32))


@pytest.mark.parametrize("load", [load_lexicon_tokenizer, lambda counts: make_python_lexicon(counts).cut])
def test_equal_cuts_take_the_longest_first_word(load):
    assert load({"甲乙": 2, "乙丙": 2, "甲": 2, "丙": 2})("甲乙丙") == ["甲乙", "丙"]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("中国人民", ["中国人民"]),
        ("中国人", ["中国", "人"]),
        ("他是中国人", ["他", "是", "中国", "人"]),
        ("linux内核v2.6", ["linux", "内", "核", "v2", ".", "6"]),
        ("看K线图，OK线图", ["看", "K线图", "，", "OK", "线", "图"]),
        ("哆啦A梦AA梦", ["哆啦A梦", "AA", "梦"]),
        ("कि भाषा", ["कि", " ", "भाषा"]),
        ("cafe\u0301 naïve", ["cafe\u0301", " ", "naïve"]),
        ("ภาษาไทย", ["ภาษา", "ไทย"]),
        ("กิ", ["กิ"]),
        ("かながか\u3099", ["かな", "が", "か\u3099"]),
        ("\ud800中国\n\n", ["\ud800", "中国", "\n", "\n"]),
        ("", []),
    ],
)
def test_units_are_not_cut(text, tokens):
    assert cut(text) == tokens


@pytest.fixture
def lexicon(kxcli):
    (kxcli.folder / "words.tsv").write_text(LEXICON.replace(" ", "\t").replace("\n", "\t1.5\t0.1\n"), encoding="utf-8")
    return "words.tsv"


def test_segment_writes_all_formats(kxcli, lexicon):
    text = "中国人民 是K线图\n国人。\n"
    assert kxcli("segment", "--lexicon", lexicon, stdin=text).text == "中国人民   是 K线图\n国人 。\n"
    assert kxcli("segment", "--lexicon", lexicon, "-f", "tsv", "--offsets", "--no-punct", stdin=text).text == (
        "1\t0\t中国人民\n1\t5\t是\n1\t6\tK线图\n2\t0\t国人\n"
    )
    assert kxcli("segment", "--lexicon", lexicon, "--no-punct", "-f", "jsonl", stdin="国人。\n").text == (
        '{"text": "国人。", "tokens": ["国人"]}\n'
    )


def test_other_commands_use_the_lexicon(kxcli, lexicon):
    assert (
        kxcli("wordcount", "--lexicon", lexicon, stdin="中国人民K线图\n中国人民。\n").text == "中国人民\t2\nK线图\t1\n"
    )
    assert kxcli("kwic", "--tokens", "K线图", "--lexicon", lexicon, stdin="看K线图。\n").text.count("K线图") == 1


def test_output_does_not_depend_on_shards(kxcli, lexicon):
    text = ("中国人民，ภาษาไทย か\u3099 cafe\u0301、" * 400 + "\n") * 20
    (kxcli.folder / "text.txt").write_text(text, encoding="utf-8")
    whole = kxcli("segment", "--lexicon", lexicon, "-j", "1", "text.txt").text
    assert kxcli("segment", "--lexicon", lexicon, "-j", "2", "--shard-size", "4K", "text.txt").text == whole
    assert whole.replace(" ", "") == text.replace(" ", "")


def test_header_and_repeated_words_are_accepted(kxcli):
    (kxcli.folder / "words.tsv").write_text("word\tcount\tpmi\n甲乙\t2\n乙丙\t3\n甲乙\t2\n", encoding="utf-8")
    ended = kxcli("segment", "--lexicon", "words.tsv", stdin="甲乙丙\n")
    assert (ended.text, ended.err) == ("甲乙 丙\n", "")


def test_words_that_are_never_found_are_reported(kxcli):
    (kxcli.folder / "words.tsv").write_text("甲，乙 3\n甲 2\n", encoding="utf-8")
    ended = kxcli("segment", "--lexicon", "words.tsv", stdin="甲\n")
    assert "words.tsv: ignores 1 word with other characters than letters and digits" in ended.err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("甲 2\n乙\n", "words.tsv:2: '乙' is not `word count`; write the list with kxcli newwords --all -f tsv"),
        ("word,count\n甲,2\n", "words.tsv:1: 'word,count' is not `word count`; write the list with kxcli"),
        ("甲 2\n乙 x\n", "words.tsv:2: '乙 x' is not"),
        ("", "words.tsv: has no word that can be found; write the list"),
        ("甲 0\n", "words.tsv:1: no word of the dictionary has a frequency"),
    ],
)
def test_bad_lexicons_are_refused(kxcli, content, message):
    (kxcli.folder / "words.tsv").write_text(content, encoding="utf-8")
    ended = kxcli("segment", "--lexicon", "words.tsv", stdin="甲\n", code=1)
    assert message in ended.err


def test_mode_needs_a_lexicon():
    with pytest.raises(ValueError, match=r"dictionary\.main must be given"):
        Segmentation("lexicon")
