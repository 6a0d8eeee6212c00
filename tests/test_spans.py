"""Tokens, hashes of substrings, the loose match and abbreviations against their slow, obvious twins."""

import random
import re
from itertools import accumulate

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.mining.linking.abbreviations import abbreviations
from kxcli.mining.linking.folding import BORDER, _text, fold_names, folded
from kxcli.mining.linking.loose import LIGHT, MOST_WORDS, Bags
from kxcli.mining.linking.names import is_letter, is_spaced
from kxcli.mining.linking.tokens import IDEOGRAPH, MARK, WORD, Prefix, Tokens, hashes, shapes

pytestmark = pytest.mark.full

ODD = "aAbZ09ééß́한中米𠮷かｶ①Ωжกक़ि_-–·()（）《》\"'’.,;。 \t\n\u3000￼😀\0\U000e0100"
odd_texts = st.lists(
    st.text(
        st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"], exclude_characters=BORDER)),
        max_size=12,
    ),
    max_size=6,
)


def tables(*texts):
    """Classes of a regular expression for characters of texts that are spaced, and unspaced letters."""
    seen = sorted({character for text in texts for character in text})
    kinds = [(is_spaced()[min(ord(c), 0x20000)], is_letter()[min(ord(c), 0x20000)]) for c in seen]
    spaced = "".join(re.escape(c) for c, (is_word, _) in zip(seen, kinds, strict=True) if is_word)
    letters = "".join(re.escape(c) for c, (is_word, is_any) in zip(seen, kinds, strict=True) if is_any and not is_word)
    return f"[{spaced}]+" if spaced else "(?!)", f"[{letters}]" if letters else "(?!)"


# ------------------------------------------------------------------------------------------------------- tokens


@settings(max_examples=500)
@given(odd_texts)
def test_tokens_equal_a_regular_expression(texts):
    codes = folded(texts).codes
    text = _text(codes)
    word, ideograph = tables(text)
    slow = [
        (found.start(), found.end(), WORD if found["w"] else IDEOGRAPH if found["i"] else MARK)
        for found in re.finditer(rf"(?P<w>{word})|(?P<i>{ideograph})|[^\s{BORDER}]", text)
    ]
    tokens = Tokens.of(codes)
    assert list(zip(tokens.starts.tolist(), tokens.stops.tolist(), tokens.kinds.tolist(), strict=True)) == slow
    assert tokens.keys.tolist() == hashes([text[start:stop] for start, stop, _ in slow]).tolist()
    assert tokens.numbers.tolist() == [sum(start < place for start, _, _ in slow) for place in range(len(text) + 1)]
    assert len(tokens) == len(slow)


def test_what_words_are_of_several_scripts():
    codes = folded(["Die Straße(n) im 21. Jh.", "小米MIX 2s，カメラ 한국", "Ёлка हिन्दी naïve_x"]).codes
    tokens = Tokens.of(codes)
    text = _text(codes)
    pieces = [text[start:stop] for start, stop in zip(tokens.starts, tokens.stops, strict=True)]
    assert pieces == [
        *("die", "strasse", "(", "n", ")", "im", "21", ".", "jh", "."),
        *("小", "米", "mix", "2s", ",", "カ", "メ", "ラ", "한", "국"),
        *("ёлка", "हिन्दी", "naïve", "_", "x"),
    ]


# ------------------------------------------------------------------------------------------------------- hashes


@settings(max_examples=300)
@given(odd_texts.filter(bool), st.randoms(use_true_random=False))
def test_a_span_has_the_hash_of_its_text_alone(texts, chance):
    joined = BORDER.join(texts) + BORDER
    prefix = Prefix(np.array([*map(ord, joined)], dtype=np.uint32))
    spans = [sorted((chance.randrange(len(joined) + 1), chance.randrange(len(joined) + 1))) for _ in range(20)]
    starts, stops = np.array(spans).T
    pieces = [joined[start:stop] for start, stop in spans]
    assert prefix.span(starts, stops).tolist() == hashes(pieces).tolist()
    assert [int(hashes([piece])[0]) for piece in pieces] == hashes(pieces).tolist()


def test_a_long_span_has_the_hash_of_its_text_alone():
    chance = random.Random(1)
    text = "".join(chance.choices("abc中国人", k=100_000))
    prefix = Prefix(np.array([*map(ord, text)], dtype=np.uint32))
    spans = [(0, 100_000), (5, 8192 + 5), (8191, 8193), (8192, 16384), (1, 99_999), (70_000, 90_001), (9, 9)]
    starts, stops = np.array(spans).T
    assert prefix.span(starts, stops).tolist() == hashes([text[start:stop] for start, stop in spans]).tolist()


def test_hashes_tell_strings_apart_in_all_their_bits():
    chance = random.Random(2)
    strings = {"".join(chance.choices("ab\0中", k=chance.randrange(12))) for _ in range(50_000)}
    strings |= {chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000}
    keys = hashes(sorted(strings))
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == len(strings)
    assert keys.min() > 0
    for shift in (0, 24, 48):  # any 16 bits are as good as chance: of n strings, n (1 - 1/e) values if there are n
        parts = (keys[: 1 << 16] >> np.uint64(shift)) & np.uint64((1 << 16) - 1)
        assert abs(len(np.unique(parts)) / (1 << 16) - 0.632) < 0.01


def slow_shape(text):
    out = []
    for char in text[:12]:
        kind = "A" if char.isupper() else "a" if char.islower() else "0" if char.isdigit() else ""
        kind = kind or ("c" if char.isalpha() else char)
        if out[-2:] != [kind, kind]:
            out.append(kind)
    return "".join(out)


@settings(max_examples=300)
@given(st.text(st.sampled_from(ODD.replace("\U000e0100", "") + "ǅªⅫ²"), max_size=40), st.randoms(use_true_random=False))
def test_shapes_equal_their_definition(text, chance):
    spans = [sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1))) for _ in range(10)]
    starts, stops = np.array(spans).T
    keys = shapes(np.array([*map(ord, text), 0xFFFF]), starts, stops)
    assert keys.tolist() == hashes([slow_shape(text[start:stop]) for start, stop in spans]).tolist()


def test_a_shape_is_that_of_capitals_digits_and_marks():
    def shape(text):
        return int(shapes(np.array([*map(ord, text)]), np.array([0]), np.array([len(text)]))[0])

    assert shape("Windows") == shape("Linux") != shape("WINDOWS") == shape("LINUX")
    assert shape("iPhone 12") != shape("iPhone-12")
    assert shape("小米") == shape("人民网") != shape("米")


# ---------------------------------------------------------------------------------------------------- the loose match

BREAKS = set("()[]{}《》「」“”" + '.;:?!"。')


def stem(word):
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    return word[:-3] + "y" if word.endswith("ies") and len(word) > 4 else word[:-1]


def slow_words(text):
    """Return start, stop and stem of every word that counts; None for what no window crosses."""
    word, ideograph = tables(text)
    for found in re.finditer(rf"(?P<w>{word})|(?P<i>{ideograph})|[^\s]", text):
        if found["w"] and found["w"] not in LIGHT:
            yield (*found.span(), stem(found["w"]))
        elif found["i"] or found[0] in BREAKS:
            yield None


def slow_bag(name):
    """Return what a name's bag is, None if it has none."""
    word, ideograph = tables(name)
    words = [found for found in re.findall(word, name) if found not in LIGHT]
    if re.search(ideograph, name) or not 0 < len(words) <= MOST_WORDS or sum(map(len, words)) < 4:
        return None
    return tuple(sorted(map(stem, words)))


def slow_loose(text, names):
    bags = {}
    for number, name in enumerate(names):
        if (bag := slow_bag(name)) is not None:
            bags.setdefault(bag, []).append(number)
    words = list(slow_words(text))
    out = []
    for first in range(len(words)):
        for last in range(first, min(first + MOST_WORDS, len(words))):
            window = words[first : last + 1]
            if None in window:
                break
            bag = tuple(sorted(word for _, _, word in window))
            if bag in bags:
                out.append((window[0][0], window[-1][1], bags[bag]))
    return sorted(out)


def loose(bags, texts):
    """Return for each text the places and the names."""
    whole = folded(texts)
    found = bags.matches(Tokens.of(whole.codes))
    bounds = [0, *accumulate(len(folded([text]).codes) for text in texts)]
    out = [[] for _ in texts]
    for start, stop, bag in zip(*(part.tolist() for part in found), strict=True):
        text = int(np.searchsorted(bounds, start, side="right")) - 1
        names = bags.names[bags.name_starts[bag] : bags.name_starts[bag + 1]].tolist()
        out[text].append((start - bounds[text], stop - bounds[text], names))
    return out


WORDS = [
    *("lung", "cancer", "cancers", "therapy", "therapies", "toys", "toy", "bus", "as", "glass", "lies", "ties", "of"),
    *("the", "s", "x", "xs", "2", "ёлка", "ёлкаs", "ys", "ies", "crisis", "y", "ses"),
]
wordy = st.lists(
    st.tuples(st.sampled_from(WORDS), st.sampled_from([*" " * 6, ", ", "-", "’", "'", ". ", " (", ") ", "中", "”"])),
    max_size=14,
).map(lambda pairs: "".join(word + mark for word, mark in pairs))


@settings(max_examples=300)
@given(st.lists(wordy, max_size=8), st.lists(wordy, max_size=5))
def test_the_loose_match_equals_its_definition(names, texts):
    names = list(dict.fromkeys(name for name in fold_names(names) if name))
    bags = Bags.of(names)
    again = Bags.mapped(bags.arrays("of.names"), "of.names")
    wanted = [slow_loose(_text(folded([text]).codes)[:-1], names) for text in texts]
    assert loose(bags, texts) == loose(again, texts) == wanted
    assert len(bags) == len({slow_bag(name) for name in names} - {None})


@pytest.mark.parametrize(
    ("name", "text", "piece"),
    [
        ("cancer of the lung", "a lung cancer.", "lung cancer"),
        ("lung cancer", "Cancers of the Lung!", "cancers of the lung"),
        ("diabetes mellitus, type 2", "type 2 diabetes mellitus", "type 2 diabetes mellitus"),
        ("crohn disease", "crohn's diseases", "crohn's diseases"),
        ("body", "bodies", "bodies"),
        ("turkeys", "turkey", "turkey"),
        ("lung cancer", "lung. cancer", None),
        ("lung cancer", "lung (cancer)", None),
        ("lung cancer", "lung and cancer", None),
        ("lung cancer", "lung癌cancer", None),
        ("abscess", "abs", None),
        ("bus", "bu", None),
        ("abc", "abcs", None),  # too short to have a bag
        ("of the", "of the", None),
        ("癌 cancer", "cancer 癌", None),
        ("a1 b2 c3 d4 e5 f6 g7 h8 i9", "a1 b2 c3 d4 e5 f6 g7 h8 i9", None),
    ],
)
def test_the_loose_match_of_a_name(name, text, piece):
    found = [_text(folded([text]).codes)[start:stop] for start, stop, _ in loose(Bags.of([name]), [text])[0]]
    assert found == ([] if piece is None else [piece])


def test_no_window_goes_from_one_text_to_the_next():
    bags = Bags.of(["lung cancer"])
    assert loose(bags, ["a lung", "cancer", "lung cancer"]) == [[], [], [(0, 11, [0])]]
    assert loose(Bags.of([]), ["lung cancer"]) == [[]]
    assert loose(bags, []) == []
    assert loose(bags, ["", "肺癌"]) == [[], []]


# ------------------------------------------------------------------------------------------------------ abbreviations


def defined(texts):
    """Return for each text (long form, short form's uses) of every definition."""
    found = abbreviations(texts)
    joined = BORDER.join([*texts, ""])
    starts = [0, *accumulate(len(text) + 1 for text in texts)]
    out = [[] for _ in texts]
    for start, stop, short in zip(*(part.tolist() for part in found[:3]), strict=True):
        text = int(found.texts[short])
        assert starts[text] <= start < stop < starts[text + 1]
        rows = slice(found.use_starts[short], found.use_starts[short + 1])
        uses = zip(found.starts[rows].tolist(), found.stops[rows].tolist(), strict=True)
        out[text].append((joined[start:stop], [(a - starts[text], joined[a:b]) for a, b in uses]))
    return out


@pytest.mark.parametrize(
    ("text", "short", "long"),
    [
        ("the World Health Organization (WHO) said", "WHO", "World Health Organization"),
        ("patients with heart failure (HF)", "HF", "heart failure"),
        ("in nonsteroidal anti-inflammatory drugs (NSAIDs)", "NSAIDs", "nonsteroidal anti-inflammatory drugs"),
        ("sick children in need (SCINs)", "SCINs", "sick children in need"),
        ("a sequence-tagged site (STSs)", "STSs", "sequence-tagged site"),
        ("van der Woude syndrome [VWS; OMIM 119300]", "VWS", "van der Woude syndrome"),
        ("(in angiotensin converting enzyme (ACE) use)", "ACE", "angiotensin converting enzyme"),
        (
            "cytotoxic T lymphocyte-associated antigen 4 ( CTLA-4 )",
            "CTLA-4",
            "cytotoxic T lymphocyte-associated antigen 4",
        ),
        ("the “polymerase chain reaction” (“PCR”)", "PCR", "polymerase chain reaction"),
        ("ＷＯＲＬＤ Health Organization（ＷＨＯ）", "ＷＨＯ", "ＷＯＲＬＤ Health Organization"),
        ("a heart that fails (hf)", None, None),  # no capitals
        ("they also failed (HF)", None, None),  # the h begins no word
        ("failure of the heart (HF)", None, None),  # not in this order
        ("heart failure (see Table 2 of the Appendix)", None, None),  # no short form
        ("Heart. It failed (HF)", None, None),  # two sentences
        ("poly(A) tail) of RNA (PTR)", None, None),  # brackets that do not close
        ("HF (HF)", None, None),
        ("the XK gene (XK)", None, None),
        ("HF (", None, None),
        ("北京大学（北大）的学生", "北大", "北京大学"),
        ("他对金黄色葡萄球菌(金葡菌)的研究", "金葡菌", "金黄色葡萄球菌"),
        ("东京大學（東大）和東京大學（東大）", "東大", "東京大學"),
        ("雅戈尔集团股份有限公司(以下简称“雅戈尔”)", "雅戈尔", "雅戈尔集团股份有限公司"),
        ("大学在北京（北大）", None, None),  # not in this order
        ("北京的大小学校（北大）", None, None),  # not up to the end
        ("北京，大学（北大）", None, None),  # across a mark
        ("他们大学生（大学）", None, None),  # a piece of it
        ("北京大学（北京大学）", None, None),
        ("北京大学（二零零八年北京）", None, None),
        ("他来了（掌声）", None, None),
    ],
)
def test_definitions(text, short, long):
    found = [(long, uses[0][1]) for long, uses in defined([text])[0]]
    assert found == ([] if short is None else [(long, short)])


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("heart failure (HF): HF, HFs and HF2, hf, HFS, aHF, -HF-", ["HF", "HF", "HFs", "HF"]),
        ("An HF? Heart failure (HF)", ["HF", "HF"]),  # before it is defined, too
        ("magnetic resonances (MRs) of one MR", ["MRs", "MR"]),
        ("Brugada syndrome (BrS): a BrS, BrSs, no Br", ["BrS", "BrS", "BrSs"]),
        ("CD band (C-D B): C-D Bs, (C-D B)", ["C-D B", "C-D Bs", "C-D B"]),
        ("北京大学（北大）、北大s", ["北大", "北大"]),
        ("World Health Organization（WHO）说WHO的", ["WHO", "WHO"]),
    ],
)
def test_uses(text, uses):
    [(_, found)] = defined([text])[0]
    assert [use for _, use in found] == uses
    assert all(text.startswith(use, start) for start, use in found)
    assert found == sorted(found)


def test_each_text_defines_its_own():
    texts = ["heart failure (HF), hay fever (HF); HF", "HF", "", "hay fever (HF)", "no bracket", "world (W"]
    assert defined(texts) == [
        [("heart failure", [(15, "HF"), (31, "HF"), (36, "HF")]), ("hay fever", [(15, "HF"), (31, "HF"), (36, "HF")])],
        [],
        [],
        [("hay fever", [(11, "HF")])],
        [],
        [],
    ]
    assert defined([]) == []


PIECES = [
    "heart failure ",
    "hay fever ",
    "(HF)",
    "（HF）",
    "(HFs",
    ") ",
    "HF ",
    "HFs",
    "北京大学",
    "（北大）",
    "北大",
    "ＨＦ",
    "İ",
    "ß",
]


@settings(max_examples=300)
@given(st.lists(st.lists(st.sampled_from([*PIECES, ". ", "，"]), max_size=9).map("".join), max_size=6))
def test_texts_together_are_as_each_alone(texts):
    assert defined(texts) == [defined([text])[0] for text in texts]
    for text, found in zip(texts, defined(texts), strict=True):
        for long, uses in found:
            assert long in text
            short = min((use for _, use in uses), key=len).removesuffix("s")
            edge = r"(?<![a-zß-ÿ0-9İＡ-Ｚ])" if short[0] != "北" else ""
            behind = r"s?(?![a-zß-ÿ0-9İＡ-Ｚ])" if short[0] != "北" else ""
            slow = [(use.start(), use[0]) for use in re.finditer(edge + short + behind, text, re.IGNORECASE)]
            assert uses == [use for use in slow if use[1].startswith(short) and not use[1].endswith("S")]


def test_uses_are_told_once_however_often_a_short_form_is_defined():
    text = "".join(f"hay fever number {number} (HF{number}) and heart failure (HF). " for number in range(5000))
    found = abbreviations([text])
    assert len(found.shorts) == 10_000
    assert len(found.texts) == 5001
    assert len(found.starts) == 10_000
