"""Folding, matching, overlaps and compiled entries, compared with slow definitions."""

import re
import unicodedata
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.arrays.code_points import from_code_points
from kxcli.arrays.key_index import KeyIndex
from kxcli.mining.linking.kb.compiling import compile_entries
from kxcli.mining.linking.kb.entries import Entry, SkippedEntries
from kxcli.mining.linking.spans.name_matcher import NameMatcher, NameMatches, at_word_edges
from kxcli.mining.linking.spans.overlaps import resolve_overlaps
from kxcli.mining.text.folding import BORDER, UNCHANGED_FROM, fold, fold_names, fold_texts
from kxcli.mining.text.terms import find_terms, find_terms_by_text

ODD = (
    "aAbBiİıſßﬁﬀǰΐΆσςΣ éé́̂ㇷ゚かガｶﾞ゛¨…㍿℃½①２ｘ한글ᄒ\u1161\u11ab"
    "가ㅎㅏक़ि\u200b\u0345\t\n\u3000\xa0 中文小米𠮷𝒜😀\ufeff豈\U0002f800-,。《"
)
texts_of_odd = st.lists(
    st.text(
        st.one_of(st.sampled_from(ODD), st.characters(exclude_categories=["Cs"], exclude_characters=BORDER)),
        max_size=12,
    ),
    max_size=6,
)


def slow_fold(text):
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold())


def folded_texts(texts):
    return from_code_points(fold_texts(texts).codes).split(BORDER)[:-1]


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_characters_fold_as_in_python(step):
    characters = [chr(c) for c in range(0, 0x110000, step) if not 0xD800 <= c < 0xE000 and chr(c) != BORDER]
    for before, after in (("", ""), ("ᄀ", "\u11ab"), (" ", "\u0301")):
        texts = [before + character + after for character in characters]
        assert folded_texts(texts) == list(map(slow_fold, texts))
    assert all(slow_fold(chr(c)) == chr(c) for c in range(UNCHANGED_FROM, 0x110000, step))


@given(texts_of_odd)
def test_folding_equals_its_definition(texts):
    assert folded_texts(texts) == list(map(slow_fold, texts)) == list(map(fold, texts))
    assert fold_names(texts) == [slow_fold(text).strip(" ") for text in texts]


@given(texts_of_odd)
def test_source_pieces_fold_to_their_code_points(texts):
    whole = fold_texts(texts)
    joined = BORDER.join([*texts, ""])
    n = len(whole.codes)
    starts, _ = whole.sources(np.arange(n), np.arange(1, n + 1))
    _, stops = whole.sources(np.arange(n), np.arange(1, n + 1))
    firsts = np.flatnonzero(starts >= 0)
    lasts = np.flatnonzero(stops >= 0)
    assert starts[firsts].tolist() == sorted(set(starts[firsts].tolist()))
    if n:
        assert starts[0] == 0 and stops[-1] == len(joined)
    assert starts[firsts][1:].tolist() == stops[lasts][:-1].tolist()  # pieces cover the source, with runs of spaces
    for first in firsts:
        for last in lasts[(lasts >= first) & (lasts < first + 6)]:
            piece = joined[starts[first] : stops[last]]
            assert slow_fold(piece) == from_code_points(whole.codes[first : last + 1])


@pytest.mark.parametrize(
    ("name", "text", "spans"),
    [
        ("fi", "ﬁ", ["ﬁ"]),
        ("i", "ﬁ", []),
        ("file", "a ﬁle", ["ﬁle"]),
        ("i̇stanbul", "in İSTANBUL", ["İSTANBUL"]),
        ("İstanbul", "i̇stanbul", ["i̇stanbul"]),
        ("ABC", "中ＡＢＣ中", ["ＡＢＣ"]),
        ("株式会社", "東京㍿の", ["㍿"]),
        ("会社", "東京㍿の", []),
        ("…", "好…吧", ["…"]),
        ("...", "好…吧", ["…"]),
        ("café", "cafe\u0301.", ["cafe\u0301"]),
        ("cafe", "cafe\u0301.", []),
        ("한", "\u1112\u1161\u11ab", ["\u1112\u1161\u11ab"]),
        ("하", "\u1112\u1161\u11ab", []),
        ("ガ", "ｶﾞ", ["ｶﾞ"]),
        ("New  York", "to new \t\u3000York!", ["new \t\u3000York"]),
        ("ß", "STRASSE ẞ", ["ẞ"]),
        ("小米", "小米5", ["小米"]),
        ("小米5", "买小米5吧 小米55", ["小米5"]),
        ("cat", "catalog cat猫 bobcat 猫cat", ["cat", "cat"]),
        ("+cat", "a+cat+b", ["+cat"]),
        ("𠮷野家", "去𠮷野家😀", ["𠮷野家"]),
        ("٣", "٣", ["٣"]),
    ],
)
def test_name_is_found_in_the_source(name, text, spans):
    assert [text[start:stop] for start, stop, _ in found_in([name], [text])[0]] == spans


def find_names(matcher, whole, **options):
    """Return the matches at word edges, in the source; none cuts a character of it."""
    found = matcher.matches(whole.codes, **options)
    found = found.select(at_word_edges(found, whole.codes))
    starts, stops = whole.sources(found.starts, found.stops)
    is_whole = (starts >= 0) & (stops >= 0)
    return NameMatches(starts, stops, found.names).select(is_whole)


def found_in(raw, texts, **options):
    names = list(dict.fromkeys(filter(None, fold_names(raw))))
    whole = fold_texts(texts)
    found = find_names(NameMatcher.from_names(names), whole, **options)
    result = [[] for _ in texts]
    numbers, offsets = whole.locate(found.starts)
    for text, offset, length, name in zip(
        numbers.tolist(), offsets.tolist(), (found.stops - found.starts).tolist(), found.names.tolist(), strict=True
    ):
        result[text].append((offset, offset + length, names[name]))
    return result


def is_spaced(character):
    if unicodedata.category(character)[0] not in "LNM":
        return False
    name = unicodedata.name(character, "")
    return not name.startswith(("CJK", "HANGUL", "HIRAGANA", "KATAKANA", "IDEOGRAPHIC"))


def slow_matches(names, text):
    """Return (start, stop, name) of all names in a folded text that cut no word."""
    result = []
    for start in range(len(text)):
        for stop in range(start + 1, len(text) + 1):
            if text[start:stop] in names:
                cut = start and is_spaced(text[start - 1]) and is_spaced(text[start])
                cut = cut or (stop < len(text) and is_spaced(text[stop - 1]) and is_spaced(text[stop]))
                if not cut:
                    result.append((start, stop, text[start:stop]))
    return result


few = st.text(st.sampled_from("ab1小米家𠮷 -"), max_size=7)


@given(st.lists(few, max_size=12), st.lists(st.text(st.sampled_from("ab1小米家𠮷 -。"), max_size=25), max_size=5))
def test_all_names_are_found(raw, texts):
    texts = [fold(text) for text in texts]
    names = set(filter(None, fold_names(raw)))
    assert found_in(raw, texts) == [slow_matches(names, text) for text in texts]


@given(st.lists(st.text(st.sampled_from(ODD), max_size=4), max_size=8), texts_of_odd)
def test_source_spans_fold_to_the_name(raw, texts):
    for text, spans in zip(texts, found_in(raw + [text[1:3] for text in texts], texts), strict=True):
        assert spans == sorted(spans, key=lambda span: span[:2])
        for start, stop, name in spans:
            assert fold(text[start:stop]).strip(" ") == name and 0 <= start < stop <= len(text)


def test_long_names_are_found_across_batches():
    names = ["长" * n for n in (1, 2, 3, 50)] + ["长" * 20 + "城", "城", "万里长城"]
    texts = ["长" * 60 + "城", "万里长城长", "", "长" * 19 + "城"]
    assert [Counter(map(tuple, spans)) for spans in found_in(names, texts, batch_size=7)] == [
        Counter(slow_matches(set(names), text)) for text in texts
    ]


def test_names_with_more_than_65536_characters():
    characters = [chr(c) for c in (*range(0x3400, 0xA000), *range(0x20000, 0x2A000), *range(0x30000, 0x31000))]
    names = [a + b for a, b in pairwise(characters)]
    index = NameMatcher.from_names(names)
    assert index.ids.dtype == np.uint32
    found = index.matches(fold_texts(["".join(characters[-9:])]).codes)
    assert found.names.tolist() == list(range(len(names) - 8, len(names)))


def test_matcher_round_trips_through_arrays():
    names = ["小米", "小米手机", "苹果", "a", "apple pie", "apple tart"]
    index = NameMatcher.from_names(names)
    arrays = index.arrays("names")
    codes = fold_texts(["小米手机和apple pie, a苹果"]).codes
    for one, other in zip(index.matches(codes), NameMatcher.from_arrays(arrays, "names").matches(codes), strict=True):
        assert one.tolist() == other.tolist()
    assert not len(NameMatcher.from_names([]).matches(codes).names)
    assert len(NameMatcher.from_names(["小"]).matches(codes).names) == 1


@given(st.sets(st.integers(1, (1 << 32) - 1), max_size=300), st.sampled_from([np.uint32, np.uint64]))
def test_key_index_numbers_all_keys_and_no_other(keys, kind):
    listed = np.array(sorted(keys), dtype=kind)
    slots = KeyIndex.from_keys(listed)
    assert slots.find(listed).tolist() == list(range(1, len(listed) + 1))
    others = np.array([key for key in range(1, 500) if key not in keys], dtype=kind)
    assert not slots.find(others).any()


spans = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8), st.integers(0, 3)), max_size=40)


@given(spans, st.sampled_from(["longest", "best"]))
def test_overlaps_are_resolved_greedily(listed, overlap):
    listed = [(start, start + length, score) for start, length, score in listed]
    keys = {"longest": lambda s: (s[0] - s[1], s[0]), "best": lambda s: (-s[2], s[0] - s[1], s[0])}
    chosen = []
    for number in sorted(range(len(listed)), key=lambda n: (keys[overlap](listed[n]), n)):
        if all(listed[number][1] <= listed[o][0] or listed[o][1] <= listed[number][0] for o in chosen):
            chosen.append(number)
    starts, stops, scores = np.array(listed, dtype=np.int64).reshape(-1, 3).T
    assert resolve_overlaps(overlap, starts, stops, scores.astype(float)).tolist() == sorted(chosen)


def test_repeated_character_is_resolved_fast():
    starts = np.arange(300_000)
    assert resolve_overlaps("longest", starts, starts + 2).tolist() == list(range(0, 300_000, 2))


def test_concatenation_of_no_matches():
    assert [array.tolist() for array in NameMatches.concatenate([])] == [[], [], []]


ENTRIES = [
    Entry("1", "小米", ["MI", "小米", " "], ["Company"], [("摘要", "手机公司")]),
    Entry("2", "小米", ["ｍｉ"], [], [("", "3")]),
    Entry("3", ""),
    Entry("5", "长" * 1001),
    Entry("6", "", ["无"]),
]


def built(entries):
    skipped = SkippedEntries()
    return compile_entries(enumerate(entries, 1), skipped), skipped


def candidates(base):
    return {
        base.names[n]: [
            (base.ids[e], bool(s))
            for e, s in zip(
                base.name_entries[base.name_entry_starts[n] : base.name_entry_starts[n + 1]].tolist(),
                base.is_subject[base.name_entry_starts[n] : base.name_entry_starts[n + 1]].tolist(),
                strict=True,
            )
        ]
        for n in range(len(base.name_matcher))
    }


def test_skipped_names_are_counted():
    base, skipped = built(ENTRIES)
    assert candidates(base) == {
        "小米": [("1", True), ("2", True)],
        "mi": [("1", False), ("2", False)],
        "无": [("6", False)],
    }
    assert skipped.examples == {
        "empty names skipped": [1],
        "names skipped with more than 1,000 characters": [4],
        "entries without a name, which cannot be found": [3, 4],
    }
    assert skipped.counts["entries without a name, which cannot be found"] == 2
    assert [base.types[k] for k in base.entry_types] == ["Company"]
    assert dict(zip(candidates(base), base.is_in_capitals.tolist(), strict=True)) == {
        "小米": False,
        "mi": False,
        "无": False,
    }


def test_candidates_are_ordered_by_prominence():
    facts = [("a", "b"), ("c", "d")]
    base, _ = built(
        [Entry("1", "x"), Entry("2", "x", (), (), facts), Entry("3", "y", ["x"], (), facts), Entry("4", "x")]
    )
    assert [key for key, _ in candidates(base)["x"]] == ["2", "3", "1", "4"]


def test_shared_facts_are_weighted_by_rarity():
    places = [
        Entry(str(n), f"p{n}", (), (), [("国", "中国" if n else "美国"), ("省", "广东" if n < 3 else "四川")])
        for n in range(4)
    ]
    base, _ = built([*places, Entry("5", "q", (), (), [("国", "中國"), ("市", "广东"), ("lat", "12.5"), ("x", "")])])
    at = base.entry_fact_starts
    own = [base.entry_facts[at[n] : at[n + 1]].tolist() for n in range(5)]
    assert own[1] == own[2] and len(own[1]) == 2 and len(own[0]) == len(own[3]) == 1 and own[4] == []
    assert base.fact_weights[own[0][0]] == pytest.approx(np.log(5 / 3) / np.log(5))


def test_terms_are_weighted_by_rarity():
    base, _ = built(
        [Entry("1", "小米", (), (), [("", "手机 phone phone")]), Entry("2", "苹果", (), (), [("", "手机 fruit")])]
    )
    whole = fold_texts(["一部手机 Phone x"])
    numbers = base.term_index.find(find_terms(whole.codes).keys)
    weights = {n: float(base.idf[n]) for n in numbers[numbers > 0].tolist()}
    assert sorted(weights.values()) == [pytest.approx(np.log(2)), pytest.approx(np.log(3))]
    own = base.entry_terms[slice(*base.entry_term_starts[:2].tolist())].tolist()
    assert set(weights) <= set(own) and base.entry_term_weights[0] == pytest.approx(sum(base.idf[n] for n in own))


def slow_terms(text):
    result = set()
    for run in re.findall(r"[a-z0-9]+|[一-龥]+", text):
        result |= {run} if run.isascii() or len(run) == 1 else {run[i : i + 2] for i in range(len(run) - 1)}
    return result


@given(st.lists(st.text(st.sampled_from("abc12小米手机 。"), max_size=15), min_size=1, max_size=5))
def test_terms_are_words_and_pairs(texts):
    keys = find_terms_by_text(fold_texts(texts)).tolist()
    expected = [
        number << 32 | int(find_terms(fold_texts([term]).codes).keys[0])
        for number, text in enumerate(texts)
        for term in slow_terms(text)
    ]
    assert keys == sorted(expected)


def test_many_homonyms_and_long_texts():
    base, _ = built([Entry(str(n), "小米") for n in range(10_000)])
    assert len(base.name_entries) == 10_000
    assert len(find_names(base.name_matcher, fold_texts(["小米" * 1_500_000])).names) == 1_500_000
