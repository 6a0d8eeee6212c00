"""Shards are extended or dropped, nested words and firm compounds are listed, and words have examples."""

import json
import random
import re
from collections import Counter
from dataclasses import replace
from math import log

import numpy as np
import pytest
from conftest import SAMPLES
from hypothesis import given
from hypothesis import strategies as st
from test_failures import put

from kxcli.mining import Discovery
from kxcli.mining.newwords import additions, compounds, examples, parts
from kxcli.mining.newwords.alphabet import iter_records
from kxcli.mining.newwords.chains import ChainFinder
from kxcli.mining.newwords.known import KnownWords
from kxcli.mining.newwords.lexicon import find_lexicon
from kxcli.mining.newwords.probability import estimate_probabilities

HAN = "".join(map(chr, range(0x5000, 0x5000 + 1500)))


def make_reduce(texts):
    records = list(iter_records(texts))

    def reduce(job, shared, what):
        job.setup(shared)
        return job.finish(job.map(records))

    return reduce


def find_additions(texts, known=frozenset(), **discovery):
    reduce = make_reduce(texts)
    lexicon = find_lexicon(Discovery(**discovery), reduce)
    return lexicon, additions.add_words(lexicon, known, reduce)[:2]


def make_texts(words, n, *, seed=1, filler=HAN):
    """Return lines of a random word between random characters."""
    draw = random.Random(seed)
    fill = ["".join(draw.choices(filler, k=draw.randint(1, 3))) for _ in range(n)]
    return [draw.choice(fill) + draw.choice(words) + draw.choice(fill) for _ in range(n)]


def count(word, texts):
    return sum(len(re.findall(f"(?={re.escape(word)})", text)) for text in texts)


# Extension


LONG = "甲乙丙丁戊己庚辛壬癸"  # longer than the longest n-grams


def test_shard_is_extended_until_it_has_no_fixed_neighbor():
    texts = make_texts([LONG, "金山", "玉石"], 3000)
    lexicon, (found, wholes) = find_additions(texts, order=6)
    assert LONG not in lexicon.words and LONG in found.words
    row = found.words.index(LONG)
    assert found.occurrences[row] == found.counts[row] == found.docs[row] == count(LONG, texts)
    shards = [word for word in lexicon.words if len(word) > 1 and word in LONG]
    assert shards and {wholes[shard].word for shard in shards} == {LONG}
    assert all(wholes[shard].share == 1 for shard in shards)


def test_extended_word_has_exact_columns():
    texts = make_texts([LONG, "金山"], 1000) + [LONG] * 50
    _, (found, _) = find_additions(texts, order=4)
    row = found.words.index(LONG)
    after = Counter(text[text.index(LONG) + len(LONG) :][:1] for text in texts if LONG in text)
    n = sum(after.values())
    assert found.right.merged_entropy[row] == pytest.approx(log(n) - sum(c * log(c) for c in after.values()) / n)
    assert found.right.edge_share[row] == pytest.approx(after[""] / n)


@pytest.mark.parametrize("n_alone", [3, 4])
def test_added_words_reach_the_minimum_count(monkeypatch, n_alone):
    monkeypatch.setattr(additions, "find_nested", lambda words, within: {"甲乙": n_alone})
    texts = make_texts(["金山", "玉石"], 400) + ["甲乙"] * 3
    for whole in ("甲乙丙丁", "甲乙戊己", "甲乙庚辛"):
        texts += make_texts([whole], 3, seed=ord(whole[-1])) + [whole] * 2
    lexicon, (found, _) = find_additions(texts, min_count=4)
    assert "甲乙" not in lexicon.words
    assert ("甲乙" in found.words) is (n_alone == 4)


def test_extended_word_is_as_probable_as_an_equal_word_of_the_cut():
    texts = make_texts([LONG, "子丑寅卯辰"], 3000)
    reduce = make_reduce(texts)
    lexicon = find_lexicon(Discovery(order=6), reduce)
    words, _, apart = additions.add_words(lexicon, frozenset(), reduce)
    assert LONG not in lexicon.words and "子丑寅卯辰" in lexicon.words
    both = words.take(np.array([words.words.index(word) for word in (LONG, "子丑寅卯辰")]))
    extended, other = estimate_probabilities(apart, both)
    assert extended == pytest.approx(other, abs=0.05)
    assert estimate_probabilities(lexicon, both)[0] < other - 0.1


def test_known_words_are_not_extended_and_name_their_parts():
    texts = make_texts(["甲乙丙丁戊", "金山"], 1500)
    _, (found, wholes) = find_additions(texts, known={"甲乙丙丁戊"}, order=4)
    assert "甲乙丙丁戊" not in found.words
    assert {whole.word for part, whole in wholes.items() if part in "甲乙丙丁戊"} == {"甲乙丙丁戊"}


def test_boilerplate_is_not_listed():
    footer = "子丑寅卯辰巳午未申酉戌亥甲乙丙丁戊己庚辛壬癸"
    _, (found, wholes) = find_additions(make_texts([footer, "金山"], 1500), order=6)
    assert not [word for word in found.words if len(word) > 6]
    assert all(wholes[word].share > 0.9 for word in found.words if len(word) > 1 and word in footer)


def test_known_words_have_other_characters_in_traditional_text():
    texts = make_texts(["國家", "萬里長城", "金山"], 2000)
    known = KnownWords({"万里长城", "国家"})
    _, (found, wholes) = find_additions(texts, known=known, order=3)
    assert "萬里長城" not in found.words
    assert {whole.word for part, whole in wholes.items() if part in "萬里長城"} == {"萬里長城"}


def test_digits_do_not_extend_a_word():
    draw = random.Random(2)
    texts = [draw.choice(HAN) + "0甲乙丙丁戊1" + draw.choice(HAN) for _ in range(500)]
    _, (found, _) = find_additions(texts + make_texts(["金山", "玉石"], 1000), order=4)
    assert "甲乙丙丁戊" in found.words and "0甲乙丙丁戊" not in found.words


@given(st.lists(st.text("甲乙丙", min_size=1, max_size=12), min_size=5, max_size=30), st.integers(2, 5))
def test_chains_follow_the_most_frequent_character(texts, order):
    """The slow twin counts every longer word in the text."""
    lexicon = find_lexicon(Discovery("pmi", order, 1), make_reduce(texts))
    finder = ChainFinder(lexicon.grams, np.ones(len(lexicon.alphabet.codes), dtype=np.bool_))
    words = sorted(
        {text[start:stop] for text in texts for start in range(4) for stop in range(start + 1, start + order)}
    )
    words = [word for word in words if len(word) < order]
    for word, chain in zip(words, finder.find(words, 0.7), strict=True):
        before = word
        for longer, n, added, is_right in chain:
            assert longer == (before + added if is_right else added + before)
            if len(longer) <= order:
                assert n == count(longer, texts) >= 0.7 * count(before, texts)
            before = longer
        if len(before) < order:
            others = [*(before + c for c in "甲乙丙"), *(c + before for c in "甲乙丙")]
            assert max(count(other, texts) for other in others) < 0.7 * count(before, texts)


# Nested words and compounds


def make_cut(texts, **discovery):
    lexicon = find_lexicon(Discovery(**discovery), make_reduce(texts))
    return lexicon, compounds.CutWords(lexicon)


@given(st.integers(0, 1 << 30))
def test_occurrences_within_words_equal_those_counted_slowly(seed):
    lexicon, cut = make_cut(make_texts(["甲乙丙丁", "甲乙", "丙丁戊", "甲甲甲"], 200, seed=seed), order=5)
    within = Counter()
    for word, n in zip(lexicon.words, lexicon.counts.tolist(), strict=True):
        for start in range(len(word)):
            for stop in range(start + 1, len(word) + 1):
                if stop - start < len(word):
                    within[word[start:stop]] += n
    counts = cut.count_within()
    numbers = zip(lexicon.words, cut.numbers, strict=True)
    found = [int(counts[len(word) - 1][number]) if number else 0 for word, number in numbers]
    assert found == [within[word] for word in lexicon.words]


def test_word_within_longer_ones_is_listed_if_it_occurs_alone():
    texts = make_texts(["金山", "玉石"], 5000) + make_texts(["甲乙丙丁戊"], 200) + ["甲乙丙。"] * 100
    reduce = make_reduce(texts)
    lexicon = find_lexicon(Discovery(order=6), reduce)
    missed = lexicon.take(np.flatnonzero([word != "甲乙丙" for word in lexicon.words]))
    found = additions.add_words(missed, frozenset(), reduce).lexicon
    row = found.words.index("甲乙丙")
    assert found.occurrences[row] == count("甲乙丙", texts) > found.counts[row]


def find_compounds_slowly(lexicon, texts, is_aligned):
    """Yield the compounds of two words of the cut by their definition."""
    counts = dict(zip(lexicon.words, lexicon.counts.tolist(), strict=True))
    n_words = sum(counts.values())
    found = Counter(text[at:stop] for text in texts for at in range(len(text)) for stop in range(at + 1, len(text) + 1))
    n_characters = sum(map(len, texts))
    most = Counter()
    for longer, n in found.items():
        for gram in (longer[1:], longer[:-1]):
            most[gram] = max(most[gram], n)
    for n, level in enumerate(lexicon.grams.levels[:-1], 2):
        numbers = np.arange(1, len(level.counts))
        for number, gram in enumerate(lexicon.grams.spell(n, numbers).to_texts(lexicon.alphabet), 1):
            cuts = [(gram[:cut], gram[cut:]) for cut in range(1, n)]
            product = max(counts.get(left, 0) * counts.get(right, 0) for left, right in cuts)
            if gram in counts or not product or not is_aligned[n - 1][number] or most[gram] > 0.8 * found[gram]:
                continue
            association = log(n_words * found[gram] / product) / log(n_words / found[gram])
            pmi = min(log(n_characters * found[gram] / (found[left] * found[right])) for left, right in cuts)
            if association >= compounds._MIN_ASSOCIATION[n > 2] and pmi >= compounds._MIN_COMPOUND_PMI[n > 2]:
                yield gram


def test_compounds_equal_those_found_slowly(monkeypatch):
    monkeypatch.setattr(compounds, "_MIN_ASSOCIATION", (0.2, 0.3))
    monkeypatch.setattr(compounds, "_MIN_COMPOUND_PMI", (1.0, 1.5))
    text = (SAMPLES / "news.txt").read_text(encoding="utf-8")
    texts = re.findall("[\u4e00-\u9fff]+", text)
    lexicon, cut = make_cut(texts, order=4, min_count=2)
    found = compounds.find_compounds(cut, lexicon.is_aligned)
    assert sorted(found) == sorted(find_compounds_slowly(lexicon, texts, lexicon.is_aligned)) != []


def test_parts_name_the_longer_word_with_the_largest_share():
    wholes = [parts.Whole("乙", "甲乙", 0.6), parts.Whole("乙", "乙丙", 0.9), parts.Whole("乙", "丁乙", 0.9)]
    assert parts.choose_wholes(wholes) == {"乙": wholes[1]}


def test_part_of_many_words_is_part_of_none():
    """Each of ten words has 9 % of its occurrences."""
    wholes = [f"甲乙{c}" for c in "丙丁戊己庚辛壬癸子丑"]
    lexicon = find_lexicon(Discovery("pmi", 3, 1), make_reduce([*wholes, "甲乙"]))
    table = lexicon.take(np.zeros(len(wholes), dtype=np.int64))
    part = replace(lexicon.take(np.zeros(1, dtype=np.int64)), words=["甲乙"], occurrences=np.array([1000]))
    longer = replace(table, words=wholes)
    assert not [*parts.find_wholes_in(part, longer, np.full(10, 90))]
    found = [*parts.find_wholes_in(part, longer, np.array([90] * 9 + [520]))]
    assert found == [parts.Whole("甲乙", "甲乙丑", 0.52)]


def test_pieces_are_units_and_runs_have_none():
    texts = ["iPhone手机", "x" * 900, "甲乙甲乙"] * 20
    lexicon = find_lexicon(Discovery(), make_reduce(texts))
    table = lexicon.take(np.zeros(3, dtype=np.int64))
    pieces = [*parts.iter_pieces(replace(table, words=["iPhone手机", "x" * 900, "甲乙甲"]))]
    assert pieces == [["iPhone", "iPhone手", "手", "手机", "机"], [], ["甲", "甲乙", "乙", "乙甲", "甲"]]


# Examples


def collect(records, words, n, draw, alphabet):
    """Collect examples with the records in random parts, merged in random order."""

    def reduce(job, shared, what):
        job.setup(shared)
        given_records = draw.sample(records, len(records))
        size = draw.randint(1, len(records))
        partials = [job.map(given_records[at : at + size]) for at in range(0, len(records), size)]
        merged = job.load(job.dump(partials[0]))
        for partial in partials[1:]:
            merged = job.merge(merged, job.load(job.dump(partial)))
        return job.finish(merged)

    return examples.collect_examples(words, n, alphabet, reduce)


@given(st.lists(st.text("甲乙丙，\t", max_size=40), min_size=1, max_size=20), st.integers(0, 1 << 30))
def test_examples_are_random_contexts_for_any_division(texts, seed):
    lexicon = find_lexicon(Discovery(min_count=1), make_reduce(texts))
    words, draw = ["甲乙", "甲", "乙丙甲"], random.Random(seed)
    words = [word for word in words if set(word) <= set("".join(texts))]
    if not words:
        return
    by_line = [record for text in texts for record in iter_records([text])]
    every = collect(by_line, words, 1 << 20, draw, lexicon.alphabet)
    for word, contexts in zip(words, every, strict=True):
        expected = set()
        for text in texts:
            for match in re.finditer(f"(?={word})", text):
                start, stop = match.start(), match.start() + len(word)
                left, right = text[max(0, start - examples.WIDTH) : start], text[stop : stop + examples.WIDTH]
                expected.add(f"{left}【{word}】{right}".replace("\t", " "))
        assert set(contexts) == expected
    some = collect(by_line, words, 2, draw, lexicon.alphabet)
    assert some == collect(list(iter_records(texts)), words, 2, draw, lexicon.alphabet)
    assert some == [contexts[:2] for contexts in every]


def test_examples_within_a_document_show_line_ends_as_spaces():
    texts = ["甲乙\n丙丁"]
    lexicon = find_lexicon(Discovery(min_count=1), make_reduce(texts))
    assert examples.collect_examples(["丙丁"], 1, lexicon.alphabet, make_reduce(texts)) == [["甲乙 【丙丁】"]]


def test_examples_mark_words_with_ignored_characters():
    texts = ["玩赛\u200b博朋\u00ad克吧"]
    lexicon = find_lexicon(Discovery(min_count=1), make_reduce(texts))
    found = examples.collect_examples(["赛博朋克"], 1, lexicon.alphabet, make_reduce(texts))
    assert found == [["玩【赛\u200b博朋\u00ad克】吧"]]


# The command


TEXT = "".join(f"{line}\n" for line in make_texts([LONG, "金山乙", "玉石"], 1500, seed=3))


def test_shards_are_listed_only_if_requested(kxcli):
    put(kxcli, "text", TEXT)
    given = ("newwords", "--known-only", "--known", "/dev/null", "--header", "text")
    header, *rows = kxcli(*given).rows
    assert header[7] == "part_of"
    words = [row[0] for row in rows]
    assert LONG in words and not [word for word in words if word != LONG and word in LONG]
    kept = {row[0]: row[7] for row in kxcli(*given, "--keep-parts").rows[1:]}
    assert {kept[word] for word in kept if word != LONG and word in LONG} == {LONG}
    assert kept.keys() > set(words)


def test_all_has_no_added_word_and_no_column_of_parts(kxcli):
    put(kxcli, "text", TEXT)
    assert kxcli("newwords", "--all", "--header", "text").rows[0][-1] == "docs"
    assert LONG not in [row[0] for row in kxcli("newwords", "--all", "text").rows]


@pytest.mark.parametrize("arguments", [("-j", 2, "--shard-size", "1K"), ("--memory", "1M"), ("--cluster", "local:1")])
def test_added_words_and_examples_do_not_depend_on_the_run(kxcli, arguments):
    put(kxcli, "text", TEXT)
    given = ("newwords", "--keep-parts", "--examples", 2, "--known-only", "--known", "/dev/null", "-q")
    expected = kxcli(*given, "-j", 1, "text").out
    assert LONG.encode() in expected
    assert kxcli(*given, *arguments, "text").out == expected


def test_examples_follow_the_other_columns(kxcli):
    put(kxcli, "text", TEXT)
    header, *rows = kxcli("newwords", "--examples", 2, "--top", 3, "--header", "text").rows
    assert header[-2:] == ["example_1", "example_2"] and len(rows) == 3
    for word, *_, first, second in rows:
        for context in (first, second):
            left, right = context.split(f"【{word}】")
            assert f"{left}{word}{right}" in TEXT
        assert first != second
    records = kxcli("newwords", "--all", "--examples", 1, "--top", 1, "-f", "jsonl", "text").text.splitlines()
    assert "【" in json.loads(records[0])["example_1"]


def test_added_words_are_written_to_a_user_dictionary(kxcli):
    put(kxcli, "text", TEXT)
    assert LONG not in [row[0] for row in kxcli("newwords", "--all", "text").rows]
    lines = kxcli("newwords", "-f", "userdict", "--min-probability", 0, "text", "-q").text.splitlines()
    assert LONG in [line.split(" ")[0] for line in lines]
