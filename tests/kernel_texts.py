"""Texts and dictionaries for tests of the kernel, and jieba's tokens to compare with.

The functions that take `source`, a `random.Random`, make many texts from a seed. The strategies are for Hypothesis,
which finds the smallest text that fails.
"""

import struct
import sys
from functools import cache
from unittest.mock import patch

from hypothesis import strategies as st

from kxcli.mining.segment import compiled, jieba_reference
from kxcli.mining.segment.blocks import HAN_FIRST, HAN_LAST
from kxcli.mining.segment.dictionary import Dictionary
from kxcli.mining.segment.jieba_reference import JiebaTokenizer

JIEBA_MODES = [(mode, hmm) for mode in ("jieba", "search", "full") for hmm in (True, False)]
MODES = [*JIEBA_MODES, ("char", True), ("space", True)]

FREQUENT = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家"
    "种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实臺灣學習"
)
LATIN = "abcXYZ019+#&._%-"
OTHERS = [
    *"㐀䶵鿖\u9fef\u9fff\uf900\ufa0e\ufaff𠀀𪛖𫝀\U00030000\U0003134a𝟘𝒜😀é①²½Ж한かカ々〇ー１Ａ％＋٣๓\ufeff\u200b\0\1\2，。！？“”、…—·"
]
SPACES = [*" \t\n\r\v\f\x1c\x1d\x1e\x1f\x85\xa0\u1680\u2003\u2028\u2029\u202f\u205f\u3000", "\r\n"]
SURROGATES = ["\ud800", "\udbff", "\udc00", "\udfff"]
PHRASES = [
    *(
        "常在雨",
        "赐鼠的",
        "移懂的",
        "鹤榻的",
        "丰足额吗",
        "小明来到网易杭研大厦",
        "今天天气",
        "北京大学",
        "我们",
        "中华人民共和国",
    ),
    *(
        "C++",
        "AT&T",
        "3.14%",
        "50%%",
        "1.2.3",
        "1.a",
        "x%5",
        "node.js",
        "T恤",
        "-T恤",
        "+A型血+",
        "B超",
        "γ射线",
        "卡拉OK-a",
    ),
    *("在-在在", "在在-", "--", "-.-"),
]


class Reference:
    """jieba with a dictionary: its tokens in each mode, and the dictionary in the form for the kernel."""

    def __init__(self, dictionary=None):
        with patch.object(jieba_reference._import_jieba().Tokenizer, "gen_pfdict", staticmethod(parse_dictionary)):
            self.dictionary = dictionary or Dictionary()
            self.jieba = JiebaTokenizer(self.dictionary)

    def cut(self, text, mode="jieba", hmm=True):
        """Return jieba's tokens; characters or fields for the modes char and space."""
        if mode == "char":
            return list(text)
        if mode == "space":
            return text.split()
        if mode == "full":
            return self.jieba.cut_all(text)
        return (self.jieba.cut_for_search if mode == "search" else self.jieba.cut)(text, hmm=hmm)

    def compile(self):
        """Return the compiled dictionary; the cache of the user is neither read nor written."""
        with (
            patch.object(jieba_reference, "JiebaTokenizer", lambda dictionary: self.jieba),
            patch.object(compiled, "_list_kinds", list_kinds),
            patch.object(compiled, "_list_probabilities", list_probabilities),
        ):
            return compiled._compile(self.dictionary)


list_kinds = cache(compiled._list_kinds)
list_probabilities = cache(compiled._list_probabilities)
parse_any_dictionary = jieba_reference._import_jieba().Tokenizer.gen_pfdict


@cache
def load_frequencies():
    """Return the frequencies of jieba's own words and their prefixes, and their total."""
    with jieba_reference._open_dictionary() as file:
        return parse_any_dictionary(file)


def parse_dictionary(file):
    """Parse a dictionary as jieba does, its own only once."""
    with jieba_reference._open_dictionary() as own:
        path = own.name
    if getattr(file, "name", None) != path:
        return parse_any_dictionary(file)
    file.close()
    frequencies, total = load_frequencies()
    return frequencies.copy(), total


@cache
def list_words():
    """Return the words of jieba's own dictionary."""
    return [word for word, frequency in load_frequencies()[0].items() if frequency]


def view_arrays(data):
    """Return the arrays of a compiled dictionary by name, to change them in place; see `kernel/layout.h`."""
    n_slots, n_frequencies, n_splits = memoryview(data)[24:36].cast("I")
    n_codes = 1 + 69 + HAN_LAST - HAN_FIRST + 1
    layout = {
        **{"codes": ("H", 1 << 16), "points": ("H", n_codes), "frequencies": ("Q", n_frequencies), "start": ("d", 4)},
        **{"transitions": ("d", 16), "emissions": ("d", 4 * n_codes), "nodes": ("Q", n_slots)},
        **{"parents": ("I", n_slots), "splits": ("I", n_splits), "kinds": ("B", sys.maxunicode + 1)},
    }
    arrays, start = {}, 64
    for name, (code, n) in layout.items():
        stop = start + n * struct.calcsize(code)
        arrays[name] = memoryview(data)[start:stop].cast(code)
        start = (stop + 63) // 64 * 64
    assert start == len(data)
    return arrays


# From a seed


def join(source, characters, most):
    return "".join(source.choices(characters, k=source.randint(1, most)))


def make_piece(source, words=()):
    """Return a short text; often a word of `words`."""
    kinds = [
        (4 if words else 0, lambda: source.choice(words)),
        (3, lambda: source.choice(list_words())),
        (3, lambda: "".join(chr(source.randint(0x4E00, 0x9FD5)) for _ in range(source.randint(1, 6)))),
        (3, lambda: join(source, FREQUENT, 8)),
        (3, lambda: join(source, LATIN, 8)),
        (1, lambda: source.choice(PHRASES)),
        (1, lambda: source.choice(OTHERS)),
        (1, lambda: source.choice(SPACES)),
        (0.2, lambda: source.choice(SURROGATES)),
        (0.2, lambda: "".join(source.choices(list_words(), k=source.randint(20, 200)))),
        (1, lambda: join(source, "0123456789.%", 10)),
    ]
    return source.choices([make for _, make in kinds], [weight for weight, _ in kinds])[0]()


def make_text(source, words=()):
    """Return a text of some pieces; a text of few kinds of pieces has long runs of them."""
    n = source.choice([0, 1, 2, 3, 5, 8, 13, 40, 300])
    if source.random() < 0.3:
        few = [make_piece(source, words) for _ in range(3)]
        return "".join(source.choices(few, k=min(n, 40)))
    return "".join(make_piece(source, words) for _ in range(n))


def make_user_line(source):
    """Return a line of a user dictionary."""
    word = source.choice(
        [
            source.choice(list_words()),
            join(source, FREQUENT, 4),
            join(source, LATIN, 4),
            source.choice(FREQUENT) + source.choice(LATIN) + source.choice(FREQUENT),
            source.choice(FREQUENT) + source.choice([*OTHERS, "\t", "\u3000"]) + source.choice(FREQUENT),
            join(source, FREQUENT, source.choice([30, 999])),
        ]
    )
    rest = source.choice(
        [
            "",
            "",
            " 0",
            " 0",
            " n",
            f" {10 ** source.randint(6, 15)} nz",
            f" {source.randint(1, 100_000)}",
            f"\t{source.randint(1, 9)}",
        ]
    )
    return word + rest


def make_user(source):
    """Return the text of a user dictionary, and its words."""
    lines = [make_user_line(source) for _ in range(source.choice([1, 3, 30]))]
    return source.choice(["\n", "\r\n"]).join(lines), [line.split(" ")[0] for line in lines]


def make_main(source):
    """Return the text of a small dictionary with many ties, and its words."""
    words = sorted({join(source, SMALL, 4) for _ in range(source.randint(2, 60))})
    return "".join(f"{word} {source.choice(TYING_FREQUENCIES)} n\n" for word in words), words


# For Hypothesis

SMALL = "天地人和ABab1."
TYING_FREQUENCIES = [1, 1, 2, 2, 3, 4, 6, 8, 12, 100]

pieces = st.one_of(
    st.text(st.characters(min_codepoint=0x4E00, max_codepoint=0x9FD5), min_size=1, max_size=6),
    st.text(st.sampled_from(FREQUENT), max_size=9),
    st.text(st.sampled_from(LATIN), min_size=1, max_size=9),
    st.sampled_from(PHRASES),
    st.sampled_from(OTHERS),
    st.sampled_from(SPACES),
    st.sampled_from(SURROGATES),
    st.characters(),
)
texts = st.lists(pieces, max_size=14).map("".join)

small_words = st.text(st.sampled_from(SMALL), min_size=1, max_size=4)
small_texts = st.text(st.sampled_from(SMALL + " ，\n"), max_size=40)
mains = st.dictionaries(small_words, st.sampled_from([0, *TYING_FREQUENCIES]), max_size=25).map(
    lambda words: "\n".join([*(f"{word} {frequency}" for word, frequency in words.items()), "天 1"])
)
user_lines = st.one_of(
    small_words,
    st.tuples(small_words, st.sampled_from([0, 0, *TYING_FREQUENCIES, 10**15])).map(
        lambda line: f"{line[0]} {line[1]}"
    ),
    st.tuples(small_words, st.sampled_from([0, 7])).map(lambda line: f"{line[0]} {line[1]} n"),
    small_words.map(lambda word: f"{word} nz"),
    st.tuples(small_words, st.sampled_from("\t ·，㐀"), small_words).map("".join),
)
users = st.lists(user_lines, max_size=8).map("\n".join)
