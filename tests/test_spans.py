"""Tokens, hashes of substrings, bag matches and abbreviations, compared with slow definitions."""

import random
import re
from itertools import accumulate

import linking_definition
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.arrays.code_points import from_code_points
from kxcli.mining.linking.spans.abbreviations import find_abbreviations
from kxcli.mining.linking.spans.bag_matcher import BagMatcher
from kxcli.mining.text.character_tables import make_letter_table, make_spaced_table
from kxcli.mining.text.folding import BORDER, fold_names, fold_texts
from kxcli.mining.text.tokens import IDEOGRAPH, MARK, WORD, PrefixHashes, Tokens, hash_shapes, hash_strings
from kxcli.mining.text.words import find_lowercase_initials, find_ordinary_words

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
    """Return regular expressions for a word and for an ideograph, from the characters of texts."""
    seen = sorted({character for text in texts for character in text})
    kinds = [(make_spaced_table()[min(ord(c), 0x20000)], make_letter_table()[min(ord(c), 0x20000)]) for c in seen]
    spaced = "".join(re.escape(c) for c, (is_word, _) in zip(seen, kinds, strict=True) if is_word)
    letters = "".join(re.escape(c) for c, (is_word, is_any) in zip(seen, kinds, strict=True) if is_any and not is_word)
    return f"[{spaced}]+" if spaced else "(?!)", f"[{letters}]" if letters else "(?!)"


# ------------------------------------------------------------------------------------------------------- tokens


@given(odd_texts)
def test_tokens_equal_a_regular_expression(texts):
    codes = fold_texts(texts).codes
    text = from_code_points(codes)
    word, ideograph = tables(text)
    slow = [
        (found.start(), found.end(), WORD if found["w"] else IDEOGRAPH if found["i"] else MARK)
        for found in re.finditer(rf"(?P<w>{word})|(?P<i>{ideograph})|[^\s{BORDER}]", text)
    ]
    tokens = Tokens.from_codes(codes)
    assert list(zip(tokens.starts.tolist(), tokens.stops.tolist(), tokens.kinds.tolist(), strict=True)) == slow
    assert tokens.keys.tolist() == hash_strings([text[start:stop] for start, stop, _ in slow]).tolist()
    assert tokens.numbers.tolist() == [sum(start < place for start, _, _ in slow) for place in range(len(text) + 1)]
    assert len(tokens) == len(slow)


def test_words_of_several_scripts():
    codes = fold_texts(["Die Straße(n) im 21. Jh.", "小米MIX 2s，カメラ 한국", "Ёлка हिन्दी naïve_x"]).codes
    tokens = Tokens.from_codes(codes)
    text = from_code_points(codes)
    pieces = [text[start:stop] for start, stop in zip(tokens.starts, tokens.stops, strict=True)]
    assert pieces == [
        *("die", "strasse", "(", "n", ")", "im", "21", ".", "jh", "."),
        *("小", "米", "mix", "2s", ",", "カ", "メ", "ラ", "한", "국"),
        *("ёлка", "हिन्दी", "naïve", "_", "x"),
    ]


# ------------------------------------------------------------------------------------------------------- hashes


@given(odd_texts.filter(bool), st.randoms(use_true_random=False))
def test_span_has_the_hash_of_its_text(texts, chance):
    joined = BORDER.join(texts) + BORDER
    prefix = PrefixHashes(np.array([*map(ord, joined)], dtype=np.uint32))
    spans = [sorted((chance.randrange(len(joined) + 1), chance.randrange(len(joined) + 1))) for _ in range(20)]
    starts, stops = np.array(spans).T
    pieces = [joined[start:stop] for start, stop in spans]
    assert prefix.span(starts, stops).tolist() == hash_strings(pieces).tolist()
    assert [int(hash_strings([piece])[0]) for piece in pieces] == hash_strings(pieces).tolist()


def test_long_span_has_the_hash_of_its_text():
    chance = random.Random(1)
    text = "".join(chance.choices("abc中国人", k=100_000))
    prefix = PrefixHashes(np.array([*map(ord, text)], dtype=np.uint32))
    spans = [(0, 100_000), (5, 8192 + 5), (8191, 8193), (8192, 16384), (1, 99_999), (70_000, 90_001), (9, 9)]
    starts, stops = np.array(spans).T
    assert prefix.span(starts, stops).tolist() == hash_strings([text[start:stop] for start, stop in spans]).tolist()


def test_all_bits_of_hashes_differ_between_strings():
    chance = random.Random(2)
    strings = {"".join(chance.choices("ab\0中", k=chance.randrange(12))) for _ in range(50_000)}
    strings |= {chr(code) for code in range(0x10000) if not 0xD800 <= code < 0xE000}
    keys = hash_strings(sorted(strings))
    assert keys.dtype == np.uint64
    assert len(np.unique(keys)) == len(strings)
    assert keys.min() > 0
    for shift in (0, 24, 48):  # n strings have n (1 - 1/e) of n values of any 16 bits
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


@given(st.text(st.sampled_from(ODD.replace("\U000e0100", "") + "ǅªⅫ²"), max_size=40), st.randoms(use_true_random=False))
def test_shapes_equal_their_definition(text, chance):
    spans = [sorted((chance.randrange(len(text) + 1), chance.randrange(len(text) + 1))) for _ in range(10)]
    starts, stops = np.array(spans).T
    keys = hash_shapes(np.array([*map(ord, text), 0xFFFF]), starts, stops)
    assert keys.tolist() == hash_strings([slow_shape(text[start:stop]) for start, stop in spans]).tolist()


def test_shape_shows_capitals_digits_and_marks():
    def shape(text):
        return int(hash_shapes(np.array([*map(ord, text)]), np.array([0]), np.array([len(text)]))[0])

    assert shape("Windows") == shape("Linux") != shape("WINDOWS") == shape("LINUX")
    assert shape("iPhone 12") != shape("iPhone-12")
    assert shape("小米") == shape("人民网") != shape("米")


# ------------------------------------------------------------------------------------------------------ bag matches


def spans_of(bags, texts):
    """Return start, stop and name of the matches in each text."""
    whole = fold_texts(texts)
    tokens = Tokens.from_codes(whole.codes)
    found = bags.matches(tokens, find_lowercase_initials(whole, tokens))
    bounds = [0, *accumulate(len(fold_texts([text]).codes) for text in texts)]
    out = [[] for _ in texts]
    for start, stop, name in zip(*(part.tolist() for part in found), strict=True):
        text = int(np.searchsorted(bounds, start, side="right")) - 1
        out[text].append((start - bounds[text], stop - bounds[text], name))
    return out


def slow_spans(text, names, ordinary):
    """Return the matches in a text by the definition."""
    whole = fold_texts([text])
    folded_text = from_code_points(whole.codes)[:-1]
    numbers = {name: number for number, name in enumerate(names)}

    def is_small(place):
        return chr(int(whole.characters(np.array([place]))[0])).islower()

    return sorted(
        (a, b, numbers[name]) for a, b, name in linking_definition.loose(folded_text, is_small, names, ordinary)
    )


WORDS = [
    *("lung", "cancer", "cancers", "Lung", "Cancer", "Bank", "China", "toys", "toy", "Toys", "bus", "glass", "lies"),
    *("of", "the", "s", "x", "xs", "2", "II", "ёлка", "Ёлкаs", "ys", "ies", "y", "and", "tumour", "Tumors", "oedema"),
    *("Boeing", "being", "Edema", "ﬁx", "with", "bodies", "Body"),
]
MARKS = [
    *" " * 9,
    ", ",
    ",",
    " , ",
    "-",
    " - ",
    "–",
    "’",
    "'",
    ". ",
    " (",
    ") ",
    "中",
    "”",
    "/",
    " / ",
    "—",
    "、",
    "&",
    "\uffff",
]
wordy = st.lists(st.tuples(st.sampled_from(WORDS), st.sampled_from(MARKS)), max_size=10).map(
    lambda pairs: "".join(word + mark for word, mark in pairs)
)


@given(st.lists(wordy, max_size=8), st.lists(wordy, max_size=4), st.booleans())
def test_bag_matches_equal_their_definition(raw, texts, is_learned):
    names = list(dict.fromkeys(name for name in fold_names(raw) if name))
    texts = [*texts, *raw]
    ordinary = None if is_learned else find_ordinary_words(raw)
    bags = BagMatcher.from_names(names, ordinary)
    again = BagMatcher.from_arrays(bags.arrays("of.names"), "of.names")
    words = None if is_learned else linking_definition.find_ordinary_words(raw)
    wanted = [slow_spans(text, names, words) for text in texts]
    assert [*map(sorted, spans_of(bags, texts))] == [*map(sorted, spans_of(again, texts))] == wanted
    assert len(bags) == len({linking_definition.bag(name) for name in names} - {None})


def found_by(names, text):
    """Return the matches in a text."""
    bags = BagMatcher.from_names(fold_names(names), find_ordinary_words(names))
    whole = from_code_points(fold_texts([text]).codes)
    return [whole[start:stop] for start, stop, _ in spans_of(bags, [text])[0]]


@pytest.mark.parametrize(
    ("name", "text", "piece"),
    [
        ("cancer of the lung", "a lung cancer.", "lung cancer"),
        ("lung cancer", "Cancers of the Lung!", "cancers of the lung"),
        ("diabetes mellitus, type 2", "type 2 diabetes mellitus", "type 2 diabetes mellitus"),
        ("Type 2 diabetes", "diabetes, type 2", "diabetes, type 2"),
        ("muscular dystrophy, Becker", "Becker muscular dystrophy", "becker muscular dystrophy"),
        ("Crohn disease", "crohn's diseases", "crohn's diseases"),
        ("Taylor, James", "James Taylor sang", "james taylor"),
        ("Bank of China", "the Bank of the China", "bank of the china"),
        ("New-York", "In New York", "new york"),
        ("body", "bodies", "bodies"),
        ("Oedema", "edema", "edema"),
        ("Anemia", "anaemias", "anaemias"),
        ("Tumor", "tumours", "tumours"),
        ("diarrhea", "diarrhoea", "diarrhoea"),
        ("Labour Party", "the Labor Party", "labor party"),
        ("lung cancer", "lung. cancer", None),
        ("lung cancer", "lung (cancer)", None),
        ("lung cancer", "lung and cancer", None),
        ("lung cancer", "lung癌cancer", None),
        ("lung cancer", "cancer, lung", None),
        ("lung cancer", "lung - cancer", None),
        ("lung cancer", "lung & cancer", None),
        ("lung cancer", "lung、cancer", None),
        ("abscess", "abs", None),
        ("bus", "bu", None),
        ("abc", "abcs", None),  # too short to have a bag
        ("of the", "of the", None),
        ("癌 cancer", "cancer 癌", None),
        ("a1 b2 c3 d4 e5 f6 g7 h8 i9", "a1 b2 c3 d4 e5 f6 g7 h8 i9", None),
    ],
)
def test_name_is_found_by_its_words(name, text, piece):
    assert found_by([name], text) == ([] if piece is None else [piece])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        # British and American spelling, only of words with such spellings
        *(("Boeing", "They are being used"), ("Goethe", "Gethe"), ("flour", "flor"), ("Joel", "Jel and jels")),
        *(("contour", "contor"), ("Michael", "Michel"), ("canoe", "cane"), ("Seymour", "Seymor"), ("Israel", "Isrel")),
        *(("RAEM", "REM"), ("Phoenix", "phenix"), ("Caesar", "Cesar"), ("Loeb", "Leb"), ("tours", "tors")),
        # singular and plural, of a name of one word only if the knowledge base has it as an ordinary word
        *(
            ("News", "new homes"),
            ("News", "New homes"),
            ("news", "new homes"),
            ("Fars", "far"),
            ("Queens", "the queen"),
        ),
        *(("Price", "prices"), ("Prices", "Price"), ("Williams", "William"), ("William", "Williams"), ("AIDS", "aid")),
        *(("Turkey", "turkeys"), ("means", "mean"), ("SAIDS", "said"), ("Mass.", "the mass"), ("The Office", "office")),
        # word order, not of proper names and not across punctuation
        *(("New York", "In York, new homes are built"), ("New England", "In England, new cases rose")),
        *(("South Korea", "In Korea, South Africa won"), ("Paris Hilton", "Hilton, Paris and Rome")),
        *(
            ("James Taylor", "Taylor, James and Tom"),
            ("Bank of China", "China Bank"),
            ("House of Cards", "house with cards"),
        ),
        *(
            ("North Kansas City", "Kansas City, North"),
            ("Paris Hilton", "In Paris, Hilton said"),
            ("Old Town", "Town, old"),
        ),
        *(("Paris Hilton", "Paris - Hilton"), ("James Taylor", "James—Taylor"), ("Paris Hilton", "Paris/Hilton")),
        *(
            ("Garden City", "a city garden"),
            ("Wayne County", "Wayne counties"),
            ("Cranberry River", "rivers in the Cranberry"),
        ),
        *(("New York", "new, York"), ("Paris Hilton", "Paris; Hilton"), ("Paris Hilton", "Paris | Hilton")),
        *(
            ("Taylor, James", "James, Taylor and Tom"),
            ("Green Day", "a day, green as grass"),
            ("New York", "York; new"),
        ),
        *(
            ("Stone Age", "Age: Stone"),
            ("Fall River", "the river, fall colors"),
            ("New Order", "a new order of things"),
        ),
    ],
)
def test_different_words_do_not_match_a_name(name, text):
    assert found_by([name], text) == []


def test_ordinary_words_come_from_the_knowledge_base():
    assert found_by(["Cancer", "lung cancer"], "cancers") == ["cancers"]
    assert found_by(["Cancer", "Lung Cancer"], "cancers") == []
    assert found_by(["Lung Cancer", "breast cancer"], "cancers of the lung") == ["cancers of the lung"]
    assert found_by(["News", "new moon"], "a new home") == []


def test_windows_do_not_cross_texts():
    bags = BagMatcher.from_names(["lung cancer"])
    assert spans_of(bags, ["a lung", "cancer", "lung cancer"]) == [[], [], [(0, 11, 0)]]
    assert spans_of(BagMatcher.from_names([]), ["lung cancer"]) == [[]]
    assert spans_of(bags, []) == []
    assert spans_of(bags, ["", "肺癌"]) == [[], []]


# ------------------------------------------------------------------------------------------------------ abbreviations


def defined(texts):
    """Return (long form, uses of the short form) of every definition in each text."""
    found = find_abbreviations(texts)
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
def test_definition_is_found(text, short, long):
    found = [(long, uses[0][1]) for long, uses in defined([text])[0]]
    assert found == ([] if short is None else [(long, short)])


@pytest.mark.parametrize(
    ("text", "uses"),
    [
        ("heart failure (HF): HF, HFs and HF2, hf, HFS, aHF, -HF-", ["HF", "HF", "HFs", "HF"]),
        ("An HF? Heart failure (HF)", ["HF", "HF"]),  # also before its definition
        ("magnetic resonances (MRs) of one MR", ["MRs", "MR"]),
        ("Brugada syndrome (BrS): a BrS, BrSs, no Br", ["BrS", "BrS", "BrSs"]),
        ("CD band (C-D B): C-D Bs, (C-D B)", ["C-D B", "C-D Bs", "C-D B"]),
        ("北京大学（北大）、北大s", ["北大", "北大"]),
        ("World Health Organization（WHO）说WHO的", ["WHO", "WHO"]),
    ],
)
def test_uses_are_found(text, uses):
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


@given(st.lists(st.lists(st.sampled_from([*PIECES, ". ", "，"]), max_size=9).map("".join), max_size=6))
def test_batch_equals_single_texts(texts):
    assert defined(texts) == [defined([text])[0] for text in texts]
    for text, found in zip(texts, defined(texts), strict=True):
        for long, uses in found:
            assert long in text
            short = min((use for _, use in uses), key=len).removesuffix("s")
            edge = r"(?<![a-zß-ÿ0-9İＡ-Ｚ])" if short[0] != "北" else ""
            behind = r"s?(?![a-zß-ÿ0-9İＡ-Ｚ])" if short[0] != "北" else ""
            slow = [(use.start(), use[0]) for use in re.finditer(edge + short + behind, text, re.IGNORECASE)]
            assert uses == [use for use in slow if use[1].startswith(short) and not use[1].endswith("S")]


def test_repeated_definitions_share_their_uses():
    text = "".join(f"hay fever number {number} (HF{number}) and heart failure (HF). " for number in range(5000))
    found = find_abbreviations([text])
    assert len(found.shorts) == 10_000
    assert len(found.texts) == 5001
    assert len(found.starts) == 10_000
