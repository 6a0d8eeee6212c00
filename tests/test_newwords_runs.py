"""Words with runs of letters: the kernel equals its twin, and mixed words, marks and scripts are found."""

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.arrays.code_points import to_code_points
from kxcli.mining import Discovery, find_words
from kxcli.mining.newwords.kinds import choose_script, find_listable
from kxcli.mining.newwords.known import KnownWords, add_simplified
from kxcli.mining.newwords.runs import RUN, PythonTextNumbers, make_kinds
from kxcli.mining.text.simplification import simplify

_kernel = pytest.importorskip("kxcli._kernel")

PIECES = [
    *("中", "文", "K", "線", "3D", "www", ".", "://", "http", "<", "/", ">", "br", 'a href="x"', "&", "nbsp", ";", "#"),
    *(
        "\u200b",
        "\u0301",
        "é",
        "กี่",
        "\u00ad",
        "𠮷",
        " ",
        "\n",
        "８",
        "Ａ",
        "か\u3099",
        "x" * 1001,
        "12",
        "हिन्दी",
        "\ud800",
    ),
    *("\U000e0100", "\U0010ffff", ":", '"', "\u200d"),
]
HAN = [chr(code) for code in range(0x4E00, 0x4E00 + 200)]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
def test_kernel_equals_the_twin(text):
    is_wide = any(character > "\uffff" for character in text)
    codes = np.frombuffer(text.encode(f"utf-{32 if is_wide else 16}-le", "surrogatepass"), f"<u{4 if is_wide else 2}")
    letters, none = np.arange(0x9FFF, dtype=np.uint32), (np.empty(0, np.uint64), np.empty(0, np.uint32))
    twins = [kind(make_kinds(), letters, *none) for kind in (_kernel.TextNumbers, PythonTextNumbers)]
    runs, others = (np.frombuffer(twin.find_runs(codes, is_wide), dtype=RUN) for twin in twins)
    assert runs.tolist() == others.tolist()
    hashes = np.unique(runs["hash"])[::2].copy()  # the others are unknown
    numbers = np.arange(10**6, 10**6 + len(hashes), dtype=np.uint32)
    ours, theirs = (
        kind(make_kinds(), letters, hashes, numbers).number(codes, is_wide)
        for kind in (_kernel.TextNumbers, PythonTextNumbers)
    )
    assert ours == theirs


@pytest.mark.parametrize(
    ("pattern", "longest"),
    [("<b{}>", 998), ("</b{}>", 998), ("&{};", 31), ("&#{};", 31)],
)
def test_kernel_and_twin_have_the_same_limits(pattern, longest):
    for n, n_runs in [(longest, 0), (longest + 1, 1)]:
        codes = to_code_points(pattern.format("1" * n)).astype(np.uint16)
        none = np.empty(0, np.uint32), np.empty(0, np.uint64), np.empty(0, np.uint32)
        for kind in (_kernel.TextNumbers, PythonTextNumbers):
            found = kind(make_kinds(), *none).find_runs(codes, False)
            assert len(np.frombuffer(found, dtype=RUN)) == n_runs, (kind, n)


@pytest.mark.parametrize(
    "arrays",
    [
        (b"", b"", bytes(8), bytes(8)),
        (b"", b"abc", b"", b""),
        (b"", b"", b"abc", b""),
    ],
)
def test_kernel_refuses_wrong_arrays(arrays):
    with pytest.raises(ValueError, match=r"differ|items"):
        _kernel.TextNumbers(*arrays)


def make_texts(words, n=60):
    """Return sentences with each word between varying characters."""
    draw = random.Random(1)
    texts = [f"{draw.choice(HAN)}{draw.choice(HAN)}{word}{draw.choice(HAN)}。" for word in words for _ in range(n)]
    draw.shuffle(texts)
    return texts


def find(texts, **options):
    return {word.word: word.count for word in find_words(texts, Discovery(**options))}


def test_words_of_latin_and_han_are_found():
    words = ["K线图", "A股账户", "3D打印", "5G手机", "T恤衫", "卡拉OK", "哆啦A梦", "B站", "AA制", "维生素C", "QQ群"]
    words += ["X光片", "po主", "α粒子"]
    found = find(make_texts(words))
    assert {word: found.get(word) for word in words} == dict.fromkeys(words, 60)
    assert not {"股账户", "光片", "哆啦", "线图"} & found.keys()


def test_lines_of_latin_change_no_value_of_han_words():
    texts = make_texts(["微信", "淘宝网", "云岫县", "青禾镇"])
    latin = ["the quick brown fox 123 jumps"] * 200
    alone, mixed = ({word.word: word for word in find_words(some)} for some in (texts, texts + latin))
    assert alone["微信"].pmi > 0 and mixed.keys() > alone.keys()
    assert {word: mixed[word][:6] for word in alone} == {word: alone[word][:6] for word in alone}


def test_digits_are_no_part_of_a_word():
    found = find(make_texts(["2018年报", "一百12"]))
    assert "2018" in found and not any(word != "2018" and "2018" in word for word in found)


@pytest.mark.parametrize("text", ["हिन्दी", "cafe\u0301", "العَرَبِيَّة", "தமிழ்", "שָׁלוֹם"])
def test_words_keep_their_marks(text):
    assert find([f"{text} {text}"] * 20) == {text: 40}


def test_thai_characters_keep_their_marks():
    found = find(["กรุงเทพ"] * 40)
    assert "".join(sorted(found, key="กรุงเทพ".index)) == "กรุงเทพ"


def test_ignored_characters_do_not_divide_words():
    texts = make_texts(["微信", "淘宝网", "B站", "哆啦梦", "云岫县", "青禾镇"])
    found = find([text.replace("微信", "微\u200b信") for text in texts[::2]] + texts[1::2])
    assert found["微信"] == 60


def test_urls_tags_and_entities_divide_text():
    page = '<a href="x.html">甲乙</a>&nbsp;http://www.example.com/x?a=b#c 丙丁 www.example.org '
    found = find([page] * 40)
    assert found == {"甲乙": 40, "丙丁": 40}


def test_script_of_a_corpus_is_that_of_most_words():
    assert choose_script(["中", "文字", "word"], np.array([2, 1, 2])) == "han"
    assert choose_script(["中", "word"], np.array([2, 2])) == "any"
    assert find_listable(["三十", "K线", "１９", "word", "ひら"], "han").tolist() == [False, True, False, False, False]
    assert find_listable(["三十", "K线", "12", "word", "ひら"], "any").tolist() == [False, True, False, True, True]
    assert find_listable(["word", "ひら"], "kana").tolist() == [False, True]
    assert find_listable(["一九二六年", "二十八宿", "第一二三四"], "han").tolist() == [False, True, True]


def test_traditional_words_are_known_in_simplified_characters():
    assert simplify("發動機和著名的裏面") == "发动机和著名的里面"
    known = KnownWords({"发动机", "没有"})
    assert [word in known for word in ("發動機", "发动机", "沒有", "澜溪")] == [True, True, True, False]
    assert add_simplified({"發動機"}) == {"發動機", "发动机"}


def test_scripts_and_forms_of_the_command(kxcli):
    text = "".join(f"{text}\n" for text in make_texts(["ＬＥＤ灯", "LED灯", "led灯"], 40)) + "hello 12 hello\n" * 40
    text += "今天，天气，很好\n" * 200
    rows = kxcli("newwords", "--keep-parts", stdin=text).rows
    assert {row[0]: row[1] for row in rows if "灯" in row[0]} == {"ＬＥＤ灯": "40", "LED灯": "40", "led灯": "40"}
    assert not {"hello", "12"} & {row[0] for row in rows}
    rows = kxcli("newwords", "--keep-parts", "--lower", "--normalize", "nfkc", "--script", "latin", stdin=text).rows
    assert {row[0]: row[1] for row in rows if row[0] != "led"} == {"led灯": "120", "hello": "80"}
