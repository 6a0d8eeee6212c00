"""The kernel cuts texts into the tokens of jieba 0.42.1, in every mode and with any dictionary."""

import itertools
import math
import random
import sys

import pytest
from conftest import examples
from hypothesis import given
from kernel_texts import (
    JIEBA_MODES,
    MODES,
    OTHERS,
    SPACES,
    Reference,
    list_words,
    load_frequencies,
    mains,
    make_main,
    make_text,
    make_user,
    small_texts,
    texts,
    users,
)

from kxcli.mining.segment.blocks import is_in_block
from kxcli.mining.segment.compiled import CompileError
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.segment.jieba_reference import load_hmm_tables

_kernel = pytest.importorskip("kxcli._kernel")

ALL_MODES = pytest.mark.parametrize(
    ("mode", "hmm"), MODES, ids=[f"{mode}{'' if hmm else '-no-hmm'}" for mode, hmm in MODES]
)


class Pair:
    """jieba and the kernel with the same dictionary."""

    def __init__(self, main=None, user=None):
        self.reference = Reference(Dictionary(main, user))
        self.dictionary = _kernel.Dictionary(self.reference.compile())
        self.segmenters = {key: _kernel.Segmenter(self.dictionary, *key) for key in MODES}

    def cut(self, text, mode="jieba", hmm=True):
        """Return the kernel's tokens, after a comparison with jieba's."""
        tokens = self.segmenters[mode, hmm].cut(text)
        assert tokens == self.reference.cut(text, mode, hmm), (mode, hmm, text[:200])
        return tokens

    def check(self, text, modes=JIEBA_MODES):
        for mode, hmm in modes:
            self.cut(text, mode, hmm)


@pytest.fixture(scope="module")
def default():
    """jieba and the kernel with jieba's own dictionary."""
    return Pair()


@ALL_MODES
@given(text=texts)
@examples(100)
def test_any_text_gives_jiebas_tokens(default, mode, hmm, text):
    default.cut(text, mode, hmm)


@given(main=mains, user=users, text=small_texts)
@examples(100)
def test_any_dictionary_gives_jiebas_tokens(main, user, text):
    pair = Pair(main, user)
    pair.check(text)
    pair.check(user)


def test_random_texts_give_jiebas_tokens(default):
    source = random.Random(1)
    for _ in range(150):
        default.check(make_text(source), MODES)


def test_user_dictionaries_give_jiebas_tokens():
    check_user_dictionaries(seeds=range(2), n_texts=60)


def test_small_dictionaries_give_jiebas_tokens():
    check_small_dictionaries(seeds=range(20), n_texts=20)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 200, 20))
def test_hundreds_of_dictionaries_give_jiebas_tokens(first):
    check_user_dictionaries(range(first, first + 20), n_texts=60)
    check_small_dictionaries(range(100 * first, 100 * first + 100), n_texts=40)


def check_user_dictionaries(seeds, n_texts):
    for seed in seeds:
        source = random.Random(f"user {seed}")
        user, words = make_user(source)
        pair = Pair(user=user)
        for text in [*words, *(make_text(source, words) for _ in range(n_texts))]:
            pair.check(text)


def check_small_dictionaries(seeds, n_texts):
    for seed in seeds:
        source = random.Random(f"main {seed}")
        main, words = make_main(source)
        pair = Pair(main)
        for _ in range(n_texts):
            pair.check("".join(source.choices([*words, *"天地人和ab1. ，"], k=source.randint(1, 60))))


# What is easy to compute otherwise than jieba does


def test_total_has_the_line_that_jieba_counts_twice(default):
    assert load_frequencies()[1] == 60_101_967  # 3 more than the sum: `B超 3 n` is there twice
    assert sum(load_frequencies()[0].values()) == 60_101_964
    assert Pair(user="小明来到 10").cut("丰足额吗") == ["丰", "足额", "吗"]
    assert default.cut("丰足额吗") == ["丰足", "额", "吗"]


@pytest.mark.costly
@pytest.mark.parametrize("seed", range(3))
def test_block_of_20000_characters_is_one_route(default, seed):
    """The last bits of a sum depend on all characters up to the end of the block."""
    source = random.Random(seed)
    words = [word for word in list_words() if 1 <= len(word) <= 4 and is_in_block(word)]
    ties = ["丰足额吗", "常在雨", "赐鼠的", "移懂的", "鹤榻的"]
    block = "".join(source.choice(ties) if source.random() < 0.1 else source.choice(words) for _ in range(9000))[
        :20_000
    ]
    assert len(block) == 20_000
    default.check(block, [("jieba", True), ("search", False)])


@pytest.mark.parametrize("frequencies", [*itertools.permutations([2, 3, 4, 6])])
def test_equal_products_are_decided_as_in_jieba(frequencies):
    """A BC and AB C: of equal routes the one with the longer first word, unless a last bit decides."""
    a, bc, ab, c = frequencies
    pair = Pair(f"天 {a}\n地人 {bc}\n天地 {ab}\n人 {c}\n和 {a * bc}\n")
    for text in ("天地人", "天地人和", "天地人" * 9, "和和天地人和"):
        pair.check(text)


def test_longer_word_wins_a_tie():
    pair = Pair("天 4\n地 4\n天地 1\n人 7")  # 4/16 * 4/16 = 1/16, exactly so in logarithms, too
    assert pair.cut("天地") == ["天地"]
    assert pair.cut("人天地") == ["人", "天地"]


def test_character_without_frequency_begins_no_word_of_its_own():
    """It is a word of the route only if no longer word begins with it; then its frequency is 1."""
    pair = Pair("天地 1\n地 1000000\n人和 5\n")
    assert pair.cut("天地", hmm=False) == ["天地"]
    assert pair.cut("天人", hmm=False) == ["天", "人"]
    for text in ("天天地地", "人人和和", "和人和", "天地人和天"):
        pair.check(text)
    pair = Pair("天地 0\n天 0\n地 0\n人 5")
    for text in ("天地", "天地人", "人天地"):
        pair.check(text)


def test_characters_unknown_to_the_model_tie_as_in_jieba(default):
    _, _, emissions = load_hmm_tables()
    unknown = [ch for ch in map(chr, range(0x4E00, 0x9FD6)) if not any(ch in emissions[state] for state in "BMES")]
    source = random.Random(5)
    for length in range(1, 9):
        for _ in range(100):
            text = "".join(source.choice(unknown if source.random() < 0.7 else "榻懂鹤移鼠赐") for _ in range(length))
            default.cut(text)


def test_runs_of_any_characters_are_joined_as_in_jieba(default):
    source = random.Random(6)
    for length in (2, 3, 4, 5, 7, 12, 2000):
        for _ in range(max(1, 800 // length)):
            default.cut("".join(chr(source.randint(0x4E00, 0x9FD5)) for _ in range(length)))


@pytest.fixture(scope="module")
def tying_words():
    """Words of jieba's dictionary that score no better than their characters."""
    frequencies, total = load_frequencies()
    weights = {word: math.log(frequency or 1) - math.log(total) for word, frequency in frequencies.items()}
    return [
        w for w in list_words() if len(w) > 1 and is_in_block(w) and sum(weights.get(ch, 0) for ch in w) >= weights[w]
    ]


def test_words_that_the_route_leaves_single_stay_characters(default, tying_words):
    """A run of single characters that is a word itself is not cut by the model."""
    assert len(tying_words) > 1000
    for word in tying_words:
        default.cut(word)
        default.cut(f"{word}榻")
    pair = Pair("ab 1\na 1000\nb 1000\n天地 1\n天 1000\n地 1000\na天 1\n")
    assert pair.cut("ab") == ["a", "b"]
    assert pair.cut("abb") == ["abb"]
    for text in ("天地", "天地地", "a天", "a天a", "ab.ab", "1ab"):
        pair.check(text)


@pytest.mark.parametrize(("first", "second"), [*itertools.product(".-_+#&%", repeat=2)])
def test_latin_with_connectors_gives_jiebas_tokens(default, first, second):
    """Of a run that is not Han, matches of [a-zA-Z0-9]+(?:.d+)?%? and the gaps between them are tokens."""
    parts = ["", "a", "1", "12", "在", "T恤"]
    for left, middle, right in itertools.product(parts, repeat=3):
        text = f"{left}{first}{middle}{second}{right}"
        default.cut(text)
        default.cut(text, hmm=False)


SOME_POINTS = [*range(0, 0x3000), *range(0x3000, 0x10000, 7), *range(0x10000, 0x110000, 101)]
LIMITS = [
    0x33FF,
    0x3400,
    0x4DBF,
    0x4DC0,
    0x4DFF,
    0x4E00,
    0x9FD5,
    0x9FD6,
    0x9FFF,
    0xA000,
    0xD7FF,
    0xD800,
    0xDFFF,
    0xE000,
]


@pytest.mark.parametrize(
    "points",
    [
        pytest.param(sorted({*SOME_POINTS, *LIMITS}), id="some"),
        pytest.param(range(sys.maxunicode + 1), id="every", marks=pytest.mark.slow),
    ],
)
def test_any_character_between_han_gives_jiebas_tokens(default, points):
    """Blocks have Han from U+4E00 to U+9FD5 and some ASCII characters, and no extension of Han."""
    for start in range(0, len(points), 3000):
        text = "".join(f"在{chr(point)}雨常{chr(point)}" for point in points[start : start + 3000])
        default.check(text, [("jieba", True), ("full", True), ("space", True)])


def test_words_outside_blocks_are_never_found():
    words = [f"天{odd}地" for odd in [*OTHERS, *SPACES] if odd not in "\r\n"]
    pair = Pair("在 5", user="\n".join(f"{word}\n{word} 100000 n" for word in words))
    for word in words:
        pair.check(word)
        assert len(pair.cut(word)) >= 3


def test_words_of_frequency_0_split_what_the_model_joins(default):
    """They do so for each dictionary by itself, and for runs of before."""
    model_words = ["杭研", "赐鼠", "榻懂"]
    found = [word for word in model_words if default.cut(word) == [word]]
    assert found
    pair = Pair("在 5", user="".join(f"{word} 0\n" for word in found))
    for word in found * 2:
        assert pair.cut(word) == [*word]
        assert default.cut(word) == [word]
        pair.check(f"{word}{word}，{word}a{word}")


def test_end_of_text_ends_a_block(default):
    """Nothing of a longer text of before is left after the end of a text."""
    text = "小明来到北京清华大学C++和node.js的3.14%"
    default.cut(text * 100)
    for end in range(len(text) + 1):
        for part in (text[:end], text[end:]):
            default.check(part, MODES)


# Limits


def test_longest_words_are_found():
    source = random.Random(7)
    long, longer = ("".join(source.choices("天地人和", k=n)) for n in (300, 1000))
    pair = Pair("在 5", user=f"{long} 100\n{longer} 10000000\n")
    assert pair.cut(long, hmm=False) == [long]
    assert pair.cut(f"天{longer}地", hmm=False)[1] == longer
    pair.check(longer[:999] + "，" + longer + longer)


def test_batches_end_anywhere(default):
    """The segmenter cuts texts of more than 1,000 characters in batches."""
    for piece in ("，", "，。在", "ab ", "\r\n", "在雨，", "--，", "㐀㐁 "):
        for extra in range(3):
            default.check("一" * extra + piece * (2500 // len(piece)), MODES)


def test_dictionary_beyond_the_limits_is_refused():
    lines = "".join(f"{word} {i + 1}\n" for i, word in enumerate(sorted(list_words()[:140_000])))
    with pytest.raises(CompileError, match="too many"):
        Pair(lines)
    with pytest.raises(CompileError, match="add up to"):
        Pair("\n".join(f"{chr(0x4E00 + i)} {1 << 53}" for i in range(1100)))


def test_words_are_those_of_the_dictionary(default):
    frequencies = load_frequencies()[0]
    for word in ["", "，", "的的的", *random.Random(8).sample(sorted(frequencies), 20_000)]:
        assert default.dictionary.is_word(word) == bool(frequencies.get(word) and is_in_block(word))


def test_unknown_modes_are_refused(default):
    dictionary = default.dictionary
    with pytest.raises(ValueError, match="not regex"):
        _kernel.Segmenter(dictionary, "regex", True)
    for arguments in ((None, "jieba", True), (dictionary, 1, True), (dictionary,)):
        with pytest.raises(TypeError):
            _kernel.Segmenter(*arguments)
    with pytest.raises(TypeError):
        default.segmenters["jieba", True].cut("在".encode())


def test_overlapping_words_of_letters_are_joined_as_in_jieba():
    pair = Pair("abcdefghij 5\nde 7\n中 3")  # jieba joins some letters twice
    pair.cut("abcdefghij" * 300, "full")


def test_full_mode_takes_linear_time_outside_blocks(default):
    words = "слово " * 20_000
    assert default.cut(words, "full").count("слово") == 20_000
