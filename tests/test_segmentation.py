"""Both engines give jieba's tokens in every mode, for any text, with any dictionary.

The reference is `jieba.Tokenizer`, called without any code of the program.
"""

import io
import itertools
import logging
import lzma
import random
import re
import sys
import warnings
from collections import Counter

import pytest
from conftest import examples
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.mining import Counting, Dictionary, Segmentation, Text, WordCount, count_words
from kxcli.mining.hsic.terms import TermSpec, TermTokenizer, prepare_terms
from kxcli.mining.segment import blocks, load_tokenizer, prepare
from kxcli.mining.segment.jieba_reference import JiebaTokenizer

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # jieba's source has escapes that newer Python versions warn about
    import jieba
    from jieba import finalseg
    from jieba.finalseg import prob_emit

jieba.setLogLevel(logging.CRITICAL)

MODES = [("jieba", True), ("jieba", False), ("search", True), ("search", False), ("full", True)]
MODE_NAMES = ["jieba", "jieba-no-hmm", "search", "search-no-hmm", "full"]


class Plain:
    """`jieba.Tokenizer` with its own set of words of frequency 0, which is global in jieba."""

    def __init__(self, of):
        self.of = of
        self.splits = set()

    def add(self, user):
        finalseg.Force_Split_Words = self.splits
        self.of.load_userdict(io.BytesIO(user.encode()))
        return self

    def tokens(self, text, mode="jieba", hmm=True):
        finalseg.Force_Split_Words = self.splits
        if mode == "full":
            return self.of.lcut(text, cut_all=True)
        return (self.of.lcut_for_search if mode == "search" else self.of.lcut)(text, HMM=hmm)


@pytest.fixture(scope="session")
def plain(tmp_path_factory):
    of = jieba.Tokenizer()
    of.tmp_dir = str(tmp_path_factory.mktemp("jieba"))  # any user could have written jieba's cache in the shared folder
    of.initialize()
    return Plain(of)


def with_user(plain, user):
    """Return jieba with its own dictionary, copied to save a second, and user words."""
    of = jieba.Tokenizer()
    of.FREQ, of.total, of.initialized = dict(plain.of.FREQ), plain.of.total, True
    return Plain(of).add(user)


def with_main(main, user=""):
    """Return jieba with another dictionary and user words."""
    of = jieba.Tokenizer()
    of.FREQ, of.total = of.gen_pfdict(io.BytesIO(main.encode()))
    of.initialized = True
    return Plain(of).add(user)


def load(mode="jieba", hmm=True, **dictionary):
    """Return the function that cuts a text, of the kernel if there is one."""
    segmentation = Segmentation(mode, hmm, Dictionary(**dictionary))
    return load_tokenizer(segmentation, prepare(segmentation))


@pytest.fixture(scope="module")
def default():
    """The functions that cut texts with jieba's dictionary, by mode."""
    return {(mode, hmm): load(mode, hmm) for mode, hmm in MODES}


def batched(items, size):
    return [items[start : start + size] for start in range(0, len(items), size)]


def solid(tokens):
    return [token for token in tokens if token and not token.isspace()]


def assert_equal(cut, plain, texts, mode, hmm):
    """Assert that a function cuts texts as jieba does."""
    for text in texts:
        assert solid(cut(text)) == solid(plain.tokens(text, mode, hmm)), text


# Texts

FOREIGN = "㐀㐁䶵\u9fd6\u9fec\u9fff豈﨎﫿𠀀𠮷𪚥𫝀𫠝𬺰𰀀𱍐𲎯\u2fa1d"
SEPARATORS = "，。！？、；：“”（）《》…—·～ \t\n\r\x0b\x0c\x00\x1c\x85\xa0\u2028\u2029\u3000\ufeff\u200b\u00ad"
CONNECTORS = ".-_+#&%"
OTHERS = "ＡＢＣａ１２％＋．＃かなカナーｶﾅ한글ÀéßΩЯ①²½Ⅷ٣๓😀👍🏽👨\u200d👩🇨🇳𝐀𝟙々〇〆⺀⼀"
TRADITIONAL = "臺灣國語說話這個們來時會學對還沒過現樣經種與進實"


@pytest.fixture(scope="module")
def vocabulary(plain):
    """Return dictionary words and characters, with frequent ones repeated."""
    words = [word for word, frequency in plain.of.FREQ.items() if frequency]
    frequent = sorted((w for w in words if len(w) == 1), key=plain.of.FREQ.get, reverse=True)[:600]
    long = [word for word in words if 2 <= len(word) <= 5]
    mixed = [word for word in words if not re.fullmatch(r"[\u4e00-\u9fd5]+", word)]
    return frequent, long, mixed


UNKNOWN_TO_MODEL = [
    chr(point) for point in range(0x4E00, 0x9FD6) if not any(chr(point) in prob_emit.P[state] for state in "BMES")
]

han = st.characters(min_codepoint=0x4E00, max_codepoint=0x9FD5)
latin = st.text(st.sampled_from("abXYZ019" + CONNECTORS), min_size=1, max_size=9)
pieces = st.one_of(
    st.text(han, min_size=1, max_size=6),
    st.text(
        st.sampled_from(
            "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说"
        ),
        max_size=9,
    ),
    st.text(st.sampled_from(UNKNOWN_TO_MODEL), min_size=1, max_size=3),
    st.text(st.sampled_from(TRADITIONAL), min_size=1, max_size=6),
    latin,
    st.sampled_from(
        ["C++", "c++", "C#", "AT&T", "T恤", "A型血", "BP机", "卡拉OK", "3.14", "50%", "node.js", "O.K", "-", "%%"]
    ),
    st.sampled_from(SEPARATORS),
    st.sampled_from(FOREIGN),
    st.sampled_from(OTHERS),
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from(["常在雨", "赐鼠的", "移懂的", "鹤榻的", "\r\n", "今天天气", "北京大学", "他来到了网易杭研大厦"]),
)
texts = st.lists(pieces, max_size=14).map("".join)


@pytest.mark.costly
@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
@given(texts=st.lists(texts, min_size=1, max_size=4))
@examples(250)
def test_any_text_gives_jiebas_tokens(default, plain, mode, hmm, texts):
    assert_equal(default[mode, hmm], plain, texts, mode, hmm)


def glued_texts(vocabulary, seed, n):
    """Yield random texts of dictionary words, characters and Latin runs."""
    frequent, long, mixed = vocabulary
    draw = random.Random(seed)
    sources = [
        (30, lambda: draw.choice(frequent)),
        (12, lambda: draw.choice(long)),
        (8, lambda: draw.choice(long)[: draw.randint(1, 3)]),
        (3, lambda: draw.choice(mixed)),
        (4, lambda: chr(draw.randint(0x4E00, 0x9FD5))),
        (2, lambda: draw.choice(UNKNOWN_TO_MODEL)),
        (5, lambda: "".join(draw.choices("aBcZ12" + CONNECTORS, k=draw.randint(1, 6)))),
        (1, lambda: draw.choice(SEPARATORS)),
        (1, lambda: draw.choice(FOREIGN)),
        (1, lambda: draw.choice(OTHERS)),
        (1, lambda: draw.choice(TRADITIONAL)),
    ]
    weights = [weight for weight, _ in sources]
    for _ in range(n):
        few = draw.choices([0, 1, 2, 3], [6, 2, 1, 1])[0]
        kinds = draw.choices(sources, weights, k=draw.randint(1, 40))
        if few:  # few kinds in one text make long runs
            kinds = draw.choices(draw.choices(sources, weights, k=few), k=draw.randint(1, 20))
        yield "".join(source() for _, source in kinds)


@pytest.mark.costly
@pytest.mark.full
@pytest.mark.parametrize("seed", [0, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
def test_joined_words_give_jiebas_tokens(default, plain, vocabulary, mode, hmm, seed):
    assert_equal(default[mode, hmm], plain, list(glued_texts(vocabulary, seed, 3000)), mode, hmm)


@pytest.mark.parametrize(
    "text",
    [
        *("常在雨", "赐鼠的", "移懂的", "鹤榻的"),  # near ties
        *(
            "O.K",
            "www.baidu.com",
            "a-b_c+d#e&f%g",
            "AT&T",
            "C++",
            "C++++",
            "3.14%",
            "1.2.3",
            "1.a",
            ".5",
            "50%%",
            "x%5",
        ),
        *("㐀㐁", "鿖不移", "不鿖移", "在㐀雨", "豈是", "𠮷野家", "常在雨𠮷常在雨"),
        *("T恤", "t恤", "-T恤", "T恤-", "+A型血+", "卡拉OK-a", "在-在在", "在在-", "-在在", "a在在", "在在a"),
        *(
            "\x0b",
            "a\x0bb",
            "-\x0b-",
            "a-\x0b-b",
            "\x00",
            "a\x00b",
            "在\r雨",
            "\r\n在\r\n",
            "\u2028",
            "中\ufeff国",
            "\ufeff",
        ),
        *("", " ", "\n", "\n\n", "a\n\n-b", "在\n\n雨"),
    ],
)
@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
def test_known_traps_give_jiebas_tokens(default, plain, text, mode, hmm):
    assert_equal(
        default[mode, hmm], plain, [text, "在" + text, text + "在", "a" + text, text + "-", text * 2], mode, hmm
    )


def test_near_tie_is_decided_as_in_jieba(default):
    assert default["jieba", True]("常在雨") == ["常", "在", "雨"]


@pytest.mark.parametrize(("first", "second"), [*itertools.product(CONNECTORS, repeat=2)])
def test_latin_with_connectors_gives_jiebas_tokens(default, plain, first, second):
    parts = ["", "a", "1", "C", "12", "Ab3", "在", "在雨", "T恤"]
    texts = [f"{x}{first}{y}{second}{z}" for x, y, z in itertools.product(parts, repeat=3)]
    assert_equal(default["jieba", True], plain, texts, "jieba", True)


@pytest.mark.costly
@pytest.mark.parametrize("engine", ["kernel", "jieba"])
@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
@given(texts=st.lists(texts, max_size=3))
@examples(60)
def test_both_engines_give_jiebas_counts(plain, tokenizers, engine, mode, hmm, texts):
    job = tokenizers(Segmentation(mode, hmm, engine=engine))
    expected = Counter(solid(token for text in texts for token in plain.tokens(text, mode, hmm)))
    assert {row.word: row.count for row in job.finish(job.map(map(Text, texts)))} == expected


@pytest.fixture(scope="module")
def tokenizers():
    """Return a function to jobs that are set up once."""
    made = {}

    def of(segmentation):
        if segmentation not in made:
            made[segmentation] = WordCount(Counting(segmentation, keeps_punctuation=True))
            made[segmentation].setup(prepare(segmentation))
        return made[segmentation]

    return of


# User dictionaries

USER = {
    "frequencies": """云计算 5
石墨烯
凱特琳 nz
创新办 3 i
李小福 2 nr
韩玉赏鉴 3 nz
台中
八一双鹿 3 nz
在雨 9
常在
""",
    "replaces": """今天 1
天气 90000
北京大学 2 nt
的 10
北京大 5
大学 1
中国 3
我们 1
在 1
了 5000000
北京大学
""",
    "frequency-0": """今天天气 0
今天 0
天气 0 n
常在雨 0
赐鼠 0
鼠的 0
雨花 0
北京大学 0
ab 0
在 0
网易 0
杭研 0
""",
    "latin": """node.js 100
C++ 3
iphone
A型血 5
T恤衫
c# 7
U盘 3 n
100% 4
GPT-4 9 nz
f_x 2
R&D
a-b
4K屏
B超 n
iOS在 3
QQ 5
ab 40
3D 2
5G网 3
""",
    "never-found": """云计算\t5
机器 学习 5
奥黛丽·赫本
㐀㐁 5
𠮷野家 10
鿖不 7
豈是
、 9
在，雨 5
在\u3000雨
中国 n 5
5
""",
    "crlf": "\ufeff云计算 5\r\n\r\n石墨烯\r\n  台中 7 ns  \r\n",
}
USER_PIECES = {name: [w for w in re.split(r"[\s\ufeff0-9]+", user) if w] for name, user in USER.items()}


@pytest.fixture(scope="module", params=USER)
def user(request, plain):
    """A user dictionary: its name, and jieba with it."""
    return request.param, with_user(plain, USER[request.param])


def user_texts(name, seed, n):
    draw = random.Random(f"{name} {seed}")
    words = USER_PIECES[name]
    singles = sorted(set("".join(words)))
    others = [
        "在",
        "雨",
        "常",
        "的",
        "天",
        "我们",
        "a",
        "B",
        "7",
        "1.5",
        *CONNECTORS,
        "，",
        "㐀",
        " ",
        "网易杭研大厦",
        "今天天气",
    ]
    for _ in range(n):
        yield "".join(draw.choice(draw.choice([words, singles, others])) for _ in range(draw.randint(1, 12)))


@pytest.mark.costly
@pytest.mark.full
def test_user_dictionaries_give_jiebas_tokens(user):
    name, plain = user
    for mode, hmm in MODES:
        alone = USER_PIECES[name]
        pairs = ["".join(pair) for pair in itertools.product(alone, repeat=2)]
        texts = [*alone, *pairs, *user_texts(name, 1, 800)]
        assert_equal(load(mode, hmm, user=USER[name]), plain, texts, mode, hmm)


@pytest.mark.full
@pytest.mark.parametrize("name", ["latin", "frequency-0"])
@pytest.mark.parametrize("engine", ["kernel", pytest.param("jieba", marks=pytest.mark.slow)])
def test_user_dictionaries_give_jiebas_counts_in_every_mode(plain, name, engine):
    plain = with_user(plain, USER[name])
    dictionary = Dictionary(user=USER[name])
    texts = list(user_texts(name, 2, 120))
    for mode, hmm in MODES:
        segmentation = Segmentation(mode, hmm, dictionary, engine)
        expected = Counter(solid(token for text in texts for token in plain.tokens(text, mode, hmm)))
        assert count_words(texts, Counting(segmentation, keeps_punctuation=True)) == expected


def test_dictionaries_are_independent():
    segmentation = Segmentation(dictionary=Dictionary(main="在 5", user="今天 0"))
    assert count_words(["今天"], Counting(segmentation)) == {"今": 1, "天": 1}
    other = Segmentation(dictionary=Dictionary(main="在 5"))
    assert count_words(["今天"], Counting(other)) == {"今天": 1}
    assert count_words(["今天"]) == {"今天": 1}


# Ties: routes with equal products of frequencies, which rounding decides


@pytest.fixture(scope="module")
def ties(plain):
    """Return texts with two routes of the same product: A BC and AB C, X XX and XX X."""
    frequencies = plain.of.FREQ

    def frequency(word):
        return frequencies.get(word) or 1

    pairs = sorted(word for word, n in frequencies.items() if n and re.fullmatch("[\u4e00-\u9fd5]{2}", word))
    starts = {}  # words BC, by B and f(BC) / f(C)
    for word in pairs:
        starts.setdefault((word[0], frequency(word) / frequency(word[1])), []).append(word)
    triples = [
        word[0] + other for word in pairs for other in starts.get((word[1], frequency(word) / frequency(word[0])), [])
    ]
    draw = random.Random(0)
    doubled = [word[0] * draw.randint(3, 6) for word in pairs if word[0] == word[1]]
    return [text for text in triples if len(set(text)) > 1] + draw.sample(doubled, 400)


def in_long_blocks(texts, vocabulary, seed):
    """Yield each text before many words; routes are summed from the end, with rounding."""
    frequent, long, _ = vocabulary
    draw = random.Random(seed)
    for text in texts:
        yield text + "".join(draw.choice(draw.choice([frequent, long])) for _ in range(draw.randint(20, 90)))


FREQUENCIES = ["", " 1", " 2", " 3", " 7", " 10", " 500", " 123456", " 60101967", f" {1 << 53}"]


def random_user_dictionary(vocabulary, seed):
    """Return a user dictionary of new and replaced words, with or without frequency 0."""
    frequent, long, mixed = vocabulary
    draw = random.Random(seed)
    words = {
        draw.choice(
            [
                draw.choice(frequent) + draw.choice(frequent),
                draw.choice(long),
                draw.choice(long) + draw.choice(frequent),
                draw.choice(long)[1:] + draw.choice(long)[:1],
                draw.choice([word for word in mixed[:200] if not word.isascii()]) + draw.choice(long),
                draw.choice(long) + "\t" + draw.choice(frequent),
                draw.choice(long) + "·" + draw.choice(long),
                draw.choice(FOREIGN) + draw.choice(long),
            ]
        )
        for _ in range(draw.choice([1, 5, 40]))
    }
    frequencies = FREQUENCIES + [" 0"] * (2 * (seed % 2))
    lines = [f"{word}{draw.choice(frequencies)}{draw.choice(['', '', ' n', ' nz'])}" for word in sorted(words)]
    ending = draw.choice(["\n", "\r\n", "\n\n"])
    return draw.choice(["", "\ufeff"]) + ending.join(lines) + draw.choice(["", ending])


def test_reference_tie_is_decided_as_in_jieba():
    counting = Counting(Segmentation(dictionary=Dictionary(user="小明来到 10")))
    assert count_words(["丰足额吗"], counting) == {"丰": 1, "足额": 1, "吗": 1}


@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
def test_ties_are_decided_as_in_jieba(default, plain, vocabulary, ties, mode, hmm):
    some = random.Random(f"{mode} {hmm}").sample(ties, 250)
    texts = [*some, *in_long_blocks(some[:150], vocabulary, 1), *("".join(pair) for pair in batched(some, 2))]
    assert_equal(default[mode, hmm], plain, texts, mode, hmm)


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 20))])
def test_ties_are_decided_as_in_jieba_with_random_user_dictionaries(plain, vocabulary, ties, seed):
    user = random_user_dictionary(vocabulary, seed)
    plain = with_user(plain, user)
    draw = random.Random(seed)
    own = [w for w in re.split(r"[\s\ufeff0-9]+", user) if w]
    for mode, hmm in MODES:
        some = draw.sample(ties, 400)
        mixed = [draw.choice(own) + text + draw.choice(own) for text in some[:100]]
        texts = [*some, *mixed, *in_long_blocks(some[:30], vocabulary, seed)]
        assert_equal(load(mode, hmm, user=user), plain, texts, mode, hmm)


TIED = "中国人在雨"
tied_frequency = st.sampled_from([1, 1, 2, 3, 3, 5, 6, 10, 60101967])
tied_line = st.tuples(st.text(st.sampled_from(TIED), min_size=1, max_size=3), tied_frequency).map(
    lambda line: f"{line[0]} {line[1]}"
)


@pytest.mark.costly
@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
@given(
    main=st.lists(tied_line, min_size=5, max_size=30).map("\n".join),  # of few words, so that words are repeated
    user=st.none() | st.lists(tied_line, max_size=6).map("\n".join),
    texts=st.lists(st.text(st.sampled_from(TIED), min_size=2, max_size=60), min_size=1, max_size=5),
)
@settings(max_examples=6, derandomize=True)
def test_ties_are_decided_as_in_jieba_with_repeated_words(mode, hmm, main, user, texts):
    assert_equal(load(mode, hmm, main=main, user=user), with_main(main, user or ""), texts, mode, hmm)


# Dictionaries of few characters, for collisions

SMALL = "中国人在雨常的鼠龘" + "ab1" + ".-%" + "㐀"
frequency = st.sampled_from([0, 1, 1, 2, 3, 5, 7, 10, 100, 10_000, 1_000_000])
small_word = st.text(st.sampled_from(SMALL), min_size=1, max_size=4)
main_line = st.tuples(small_word, frequency).map(lambda line: f"{line[0]} {line[1]}")
mains = st.lists(main_line, max_size=25).map(lambda given: "\n".join([*given, "在雨 1"]))
user_line = st.one_of(
    small_word,
    st.tuples(small_word, frequency).map(lambda line: f"{line[0]} {line[1]}"),
    st.tuples(small_word, frequency).map(lambda line: f"{line[0]} {line[1]} n"),
    small_word.map(lambda word: f"{word} nz"),
    st.tuples(small_word, st.sampled_from("\t ·，"), small_word).map("".join),
)
users = st.lists(user_line, max_size=8).map("\n".join)
small_texts = st.lists(st.text(st.sampled_from(SMALL + " ，"), max_size=16), min_size=1, max_size=8)


@pytest.mark.slow
@pytest.mark.parametrize(("mode", "hmm"), MODES, ids=MODE_NAMES)
@given(main=mains, user=users, texts=small_texts)
@examples(150)
def test_random_dictionaries_give_jiebas_tokens(mode, hmm, main, user, texts):
    assert_equal(load(mode, hmm, main=main, user=user), with_main(main, user), texts, mode, hmm)


@given(main=mains, user=users, texts=small_texts)
@examples(100)
def test_jieba_engine_gives_jiebas_tokens(main, user, texts):
    wrapped, plain = JiebaTokenizer(Dictionary(main, user)), with_main(main, user)
    for text in texts:
        for hmm in True, False:
            assert wrapped.cut(text, hmm=hmm) == plain.tokens(text, "jieba", hmm)
            assert wrapped.cut_for_search(text, hmm=hmm) == plain.tokens(text, "search", hmm)
        assert wrapped.cut_all(text) == [token for token in plain.tokens(text, "full") if token]


# The hidden Markov model

MODEL_ONLY = "龘龘 1\n"  # a dictionary without another word


@pytest.mark.full
def test_runs_of_single_characters_are_cut_by_jiebas_model(vocabulary):
    draw = random.Random(2)
    kinds = [vocabulary[0], UNKNOWN_TO_MODEL, [chr(point) for point in range(0x4E00, 0x9FD6)]]
    runs = [
        "".join(draw.choice(draw.choices(kinds, [6, 1, 3])[0]) for _ in range(draw.randint(1, 9))) for _ in range(6000)
    ]
    assert_equal(load(main=MODEL_ONLY), with_main(MODEL_ONLY), runs, "jieba", True)


def test_every_character_is_cut_by_jiebas_model():
    characters = [chr(point) for point in range(0x4E00, 0x9FD6)]
    texts = ["，".join([*some, *(ch * 2 for ch in some)]) for some in batched(characters, 3000)]
    assert_equal(load(main=MODEL_ONLY), with_main(MODEL_ONLY), texts, "jieba", True)


# Blocks

EVERY_CHARACTER = [chr(point) for point in range(sys.maxunicode + 1) if not 0xD800 <= point < 0xE000]


# Higher planes are uniform, so the quick tests take every 100th code point.
SOME_CHARACTERS = EVERY_CHARACTER[: 1 << 16 : 3] + EVERY_CHARACTER[1 << 16 :: 100]
CHARACTERS = pytest.mark.parametrize(
    "characters",
    [
        pytest.param(SOME_CHARACTERS, id="some", marks=pytest.mark.full),
        pytest.param(EVERY_CHARACTER, id="every", marks=pytest.mark.slow),
    ],
)


@CHARACTERS
def test_code_points_between_han_give_jiebas_tokens(default, plain, characters):
    texts = ["".join(f"在{ch}雨常{ch}" for ch in some) for some in batched(characters, 3000)]
    assert_equal(default["jieba", True], plain, texts, "jieba", True)


@pytest.mark.slow
def test_code_points_between_han_give_jiebas_tokens_without_hmm(default, plain):
    texts = ["".join(f"在{ch}雨常{ch}" for ch in some) for some in batched(EVERY_CHARACTER, 3000)]
    assert_equal(default["jieba", False], plain, texts, "jieba", False)


@CHARACTERS
def test_dictionary_words_with_any_code_point_are_found_as_in_jieba(characters):
    main = "".join([f"{ch}雨 5\n雨{ch}在 5\n" for ch in characters if not ch.isspace()])
    texts = ["".join(f"{ch}雨，雨{ch}在，" for ch in some) for some in batched(characters, 5000)]
    assert_equal(load(main=main), with_main(main), texts, "jieba", True)


@pytest.mark.parametrize("point", [0x4DFF, 0x4E00, 0x9FD5, 0x9FD6, 0x3400, 0x4DBF, 0xF900, 0xFAFF, 0x20000, 0x3FFFF])
def test_block_class_limits(point):
    ch = chr(point)
    assert blocks.is_in_block(ch) == (0x4E00 <= point <= 0x9FD5) == bool(jieba.re_han_default.fullmatch(ch))


# Safe splits

MODES_WITH_SPLITS = [*MODES, ("char", True), ("space", True)]


@pytest.mark.costly
@pytest.mark.parametrize(("mode", "hmm"), MODES_WITH_SPLITS, ids=[*MODE_NAMES, "char", "space"])
@given(text=texts, data=st.data())
@examples(150)
def test_safe_splits_keep_tokens(plain, mode, hmm, text, data):
    segment = {"char": list, "space": str.split}.get(mode) or (lambda text: plain.tokens(text, mode, hmm))
    places = [match.start() for match in re.finditer(Segmentation(mode, hmm).safe_split_pattern, text)]
    chosen = sorted(data.draw(st.sets(st.sampled_from(places)))) if places else []
    parts = [text[start:stop] for start, stop in itertools.pairwise([0, *chosen, len(text)])]
    for some in parts, [text[a:b] for a, b in itertools.pairwise([0, *places, len(text)])]:
        assert solid(token for part in some for token in segment(part)) == solid(segment(text))


def test_safe_splits_are_frequent():
    text = "今天，天气。很好！ 是的\n不\r\n错"
    for mode, least in [("jieba", 6), ("search", 6), ("full", 4), ("space", 3), ("char", 16)]:
        assert len(re.findall(Segmentation(mode).safe_split_pattern, text)) >= least, mode
    assert Segmentation("regex", pattern=".").safe_split_pattern is None


# The other modes


@given(texts)
def test_char_mode_splits_characters(text):
    assert solid(load("char")(text)) == solid(text)


@given(texts)
def test_space_mode_splits_at_white_space(text):
    assert load("space")(text) == text.split()


@given(texts, st.sampled_from([r"\w+", r"[a-z]+|\d", r"在.", r"x*", r"(?i)a(b)?"]))
def test_regex_mode_returns_matches(text, pattern):
    expected = solid(match.group() for match in re.finditer(pattern, text))
    assert solid(load_tokenizer(Segmentation("regex", pattern=pattern), None)(text)) == expected


# Real text

CORPORA = ["bedtimenews.txt.xz", "fewclue.txt.xz", "lctt.txt.xz"]


def real_lines(corpora, name, size):
    with lzma.open(corpora / name, "rt", encoding="utf-8", newline="\n") as file:
        return file.read(size).split("\n")


@pytest.mark.costly
@pytest.mark.full
@pytest.mark.parametrize("name", CORPORA)
def test_real_text_gives_jiebas_tokens(default, plain, corpora, name):
    some = real_lines(corpora, name, 150_000)
    assert_equal(default["jieba", True], plain, some, "jieba", True)
    assert_equal(default["search", False], plain, some[:1000], "search", False)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORPORA)
def test_all_real_text_gives_jiebas_counts(plain, corpora, name):
    some = real_lines(corpora, name, -1)
    for mode, hmm in MODES:
        counted = count_words(some, Counting(Segmentation(mode, hmm), keeps_punctuation=True))
        expected = Counter(itertools.chain.from_iterable(plain.tokens(line, mode, hmm) for line in some))
        assert counted == Counter({token: n for token, n in expected.items() if not token.isspace()})


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("name", CORPORA)
def test_all_real_text_gives_jiebas_counts_with_random_user_dictionaries(plain, vocabulary, corpora, name, seed):
    user = random_user_dictionary(vocabulary, seed)
    some = real_lines(corpora, name, -1)
    counted = count_words(some, Counting(Segmentation(dictionary=Dictionary(user=user)), keeps_punctuation=True))
    plain = with_user(plain, user)
    expected = Counter(itertools.chain.from_iterable(map(plain.tokens, some)))
    assert counted == Counter({token: n for token, n in expected.items() if not token.isspace()})


@pytest.mark.slow
def test_pairs_of_all_dictionary_words_give_jiebas_tokens(default, plain, vocabulary):
    assert_equal(default["jieba", True], plain, list(glued_texts(vocabulary, 7, 100_000)), "jieba", True)


def test_hsic_bags_of_words_use_jiebas_total():
    dictionary = Dictionary(user="小明来到 10")
    spec = TermSpec(0, Counting(Segmentation(dictionary=dictionary)))
    tokenizer = TermTokenizer(spec)
    tokenizer.setup(prepare_terms(spec))
    assert list(tokenizer.tokenize(["丰足额吗"])) == [JiebaTokenizer(dictionary).cut("丰足额吗", hmm=True)]
