"""Word counts equal a simple definition, in every form of partials and with every split of the work."""

import doctest
import functools
import itertools
import os
import pickle
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass, replace

import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st

import kxcli.mining
from kxcli.mining import Counting, Counts, Dictionary, Ranking, Segmentation, Text, WordCount, count_words, rank_rows
from kxcli.mining.segment import load_tokenizer, prepare
from kxcli.mining.wordcount import python_counter
from kxcli.mining.wordcount import ranking as ranking_room
from kxcli.mining.wordcount.counts import KeyLayout, WordCountPartial
from kxcli.mining.wordcount.merging import CountSums
from kxcli.tally import scratch as of_scratch
from kxcli.tally import string_runs as of_rows
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import DOCUMENT_SHIFT, encode_sums

# The job

MAIN = """今天 9
天气 7
天 3
很 5
很好 4
在 6
雨 2
下雨 3
T恤 3
北京 5
北京大学 2
大学 4
A型血 2
node.js 8
"""
DICTIONARY = Dictionary(MAIN, "常在雨 0\n云计算 3\n")
SEGMENTATIONS = {
    "jieba": Segmentation(dictionary=DICTIONARY),
    "jieba-no-hmm": Segmentation(hmm=False, dictionary=DICTIONARY),
    "jieba-itself": Segmentation(dictionary=DICTIONARY, engine="jieba"),
    "search": Segmentation("search", dictionary=DICTIONARY),
    "full": Segmentation("full", dictionary=DICTIONARY),
    "char": Segmentation("char"),
    "space": Segmentation("space"),
    "regex": Segmentation("regex", pattern=r"\w[\w ]?"),
}

text_parts = st.one_of(
    st.sampled_from(
        ["今天", "天气", "很好", "下雨", "北京大学", "云计算", "T恤", "t恤", "node.js", "1.5", "--", "ＡＢ"]
    ),
    st.sampled_from(["ｔ恤", "①", "ﬁ", "𠮷", "㐀", "的", "在"]),
    st.sampled_from("，。！ \t\r\n\u3000\x00\u2028天雨在aB1-+"),
    st.sampled_from(["\r\n", "常在雨", "  ", "，，", "…", "ά", "İ", "ǅ"]),
)
some_text = st.lists(text_parts, max_size=10).map("".join)
line_text = some_text.map(lambda text: text.replace("\n", " "))
records = st.lists(st.builds(Text, line_text, st.sampled_from(["", "好评", "a"]), st.just(False)), max_size=8)


def countings(**fixed):
    choices = {
        "segmentation": st.sampled_from(list(SEGMENTATIONS.values())),
        "keeps_punctuation": st.booleans(),
        "stopwords": st.sampled_from(
            [frozenset(), frozenset({"今天", "a", "T恤", "很好", "，"}), frozenset({"在", "AB"})]
        ),
        "min_length": st.sampled_from([1, 1, 2, 3]),
        "lower": st.booleans(),
        "nfkc": st.booleans(),
        "orders": st.sampled_from([(1, 1), (1, 1), (2, 2), (1, 3), (2, 4)]),
        "has_documents": st.booleans(),
        "is_grouped": st.booleans(),
    }
    return st.builds(Counting, **{**choices, **fixed})


@functools.cache
def prepared(segmentation):
    words = prepare(segmentation)
    return words, load_tokenizer(segmentation, words)


def ready(counting):
    job = WordCount(counting)
    job.setup(prepared(counting.segmentation)[0])
    return job


def plain_tokens(segmentation, text):
    return prepared(segmentation)[1](text)


def twin(records, counting):
    """Return counts and document counts by group and order, by the definition."""
    counts, documents = {}, {}
    whole = []
    parts = []
    for record in records:
        parts.append(record.text)
        if not record.has_continuation:
            whole.append((record.group, "".join(parts)))
            parts = []

    def formed(word):
        word = unicodedata.normalize("NFKC", word) if counting.nfkc else word
        return word.lower() if counting.lower else word

    stopwords = {formed(word) for word in counting.stopwords}
    for group, text in whole:
        text = unicodedata.normalize("NFKC", text) if counting.nfkc else text
        words = []
        for token in plain_tokens(counting.segmentation, text):
            if token == "" or token.isspace():
                continue
            if not counting.keeps_punctuation and not any(ch.isalnum() for ch in token):
                words.append(None)
                continue
            word = formed(token)
            if len(word) >= counting.min_length and word not in stopwords:
                words.append(word)
        for order in range(counting.orders[0], counting.orders[1] + 1):
            grams = []
            for start in range(len(words) - order + 1):
                gram = words[start : start + order]
                if None not in gram:
                    grams.append(" ".join(gram))
            counts.setdefault((group, order), Counter()).update(grams)
            documents.setdefault((group, order), Counter()).update(set(grams))
    return counts, documents


def results(job, partial):
    """Return the counts of a job in the form of the definition, without empty ones."""
    counts, documents = {}, {}
    found = list(job.finish(partial))
    for row in found:
        counts.setdefault((row.group, row.order), Counter())[row.word] = row.count
        if row.documents:
            documents.setdefault((row.group, row.order), Counter())[row.word] = row.documents
    assert found == sorted(found) and sum(map(len, counts.values())) == len(found)
    assert {key: total for key, total in job.finish(partial).totals.items() if total} == {
        key: sum(words.values()) for key, words in counts.items()
    }
    return counts, documents


def without_empty(cells):
    return {key: counts for key, counts in cells.items() if counts}


def expected(records, counting):
    counts, documents = twin(records, counting)
    return without_empty(counts), without_empty(documents) if counting.has_documents else {}


def grouped_alike(records, counting):
    """Return records as the reader gives them, in one group unless they are grouped."""
    return records if counting.is_grouped else [record._replace(group="") for record in records]


@pytest.fixture(params=["as-set", "tiny-pieces"])
def pieces(request, monkeypatch):
    """The length of pieces that are cut by Python: default or tiny."""
    if request.param == "tiny-pieces":
        monkeypatch.setattr(python_counter, "_PIECE", 3)


@given(records=records, counting=countings())
@examples(150)
def test_counts_equal_the_definition(pieces, records, counting):
    records = grouped_alike(records, counting)
    job = ready(counting)
    assert results(job, job.map(records)) == expected(records, counting)


@given(a=records, b=records, c=records, counting=countings())
@examples(100)
def test_merge_is_associative_and_commutative(pieces, a, b, c, counting):
    job = ready(counting)
    a, b, c = (grouped_alike(some, counting) for some in (a, b, c))
    whole = results(job, job.map([*a, *b, *c]))
    for first, second, third in itertools.permutations([a, b, c]):
        assert results(job, job.merge(job.merge(job.map(first), job.map(second)), job.map(third))) == whole
        assert results(job, job.merge(job.map(first), job.merge(job.map(second), job.map(third)))) == whole


@given(a=records, b=records, counting=countings())
@examples(80)
def test_dumped_partials_load_unchanged(pieces, a, b, counting):
    job = ready(counting)
    a, b = grouped_alike(a, counting), grouped_alike(b, counting)
    whole = results(job, job.map([*a, *b]))
    left, right = (job.load(job.dump(job.map(some))) for some in (a, b))
    data = job.dump(job.merge(left, right))
    assert results(job, job.load(data)) == whole
    idle = WordCount(counting)  # without a dictionary, and without need of one
    assert results(idle, idle.merge(idle.load(data), idle.load(idle.dump(idle.load(job.dump(job.map([]))))))) == whole


@given(records=records, counting=countings())
@examples(60)
def test_job_survives_pickling_and_second_setup(records, counting):
    records = grouped_alike(records, counting)
    job = WordCount(counting)
    fresh = pickle.loads(pickle.dumps(job))
    for other in job, fresh:
        other.setup(prepared(counting.segmentation)[0])
    whole = results(job, job.map(records))
    assert results(fresh, fresh.map(records)) == whole
    job.setup(prepared(counting.segmentation)[0])
    assert results(job, job.map(records)) == whole
    used = pickle.loads(pickle.dumps(job))
    used.setup(prepared(counting.segmentation)[0])
    assert results(used, used.map(records)) == whole


@given(records=records, counting=countings())
@examples(60)
def test_map_keeps_no_state(records, counting):
    records = grouped_alike(records, counting)
    job = ready(counting)
    first = results(job, job.map(records))
    assert results(job, job.map(iter(records))) == first
    assert results(job, job.map([])) == ({}, {})
    assert results(job, job.merge(job.map([]), job.map(records))) == first


CUTTABLE = [segmentation for segmentation in SEGMENTATIONS.values() if segmentation.safe_split_pattern is not None]


def split_record(record, counting, places):
    """Split a document at safe positions; all parts but the last have a continuation."""
    allowed = [match.start() for match in re.finditer(counting.safe_split_pattern, record.text)]
    chosen = sorted({allowed[place % len(allowed)] for place in places}) if allowed else []
    borders = [0, *chosen, len(record.text)]
    parts = [record._replace(text=record.text[a:b], has_continuation=True) for a, b in itertools.pairwise(borders)]
    return [*parts[:-1], parts[-1]._replace(has_continuation=False)]


@given(
    records=records,
    counting=countings(nfkc=st.just(False), segmentation=st.sampled_from(CUTTABLE)),
    places=st.lists(st.integers(0, 100), max_size=5),
)
@examples(150)
def test_document_parts_count_as_one_document(pieces, records, counting, places):
    records = grouped_alike(records, counting)
    job = ready(counting)
    parts = [part for record in records for part in split_record(record, counting, places)]
    assert results(job, job.map(parts)) == results(job, job.map(records)) == expected(records, counting)


@given(
    texts=st.lists(some_text, max_size=6),
    counting=countings(orders=st.just((1, 1)), has_documents=st.just(False), is_grouped=st.just(False)),
)
@examples(100)
def test_lines_may_be_joined_if_document_borders_are_ignored(pieces, texts, counting):
    texts = [text.replace("\r\n", "\n").replace("\r", "") for text in texts]
    lines = [Text(line) for text in texts for line in text.split("\n")]
    assert counting.ignores_document_borders == (counting.segmentation.mode != "regex")
    if counting.ignores_document_borders:
        job = ready(counting)
        together = results(job, job.map(map(Text, texts)))
        assert together == results(job, job.map(lines)) == expected(lines, counting)


@dataclass
class Block:
    """Lines that are documents, as bytes or text."""

    data: bytes | str
    text: str = ""
    group: str = ""
    has_continuation: bool = False
    is_lines: bool = True
    document: int = 0


@given(
    texts=st.lists(line_text.map(lambda text: text.replace("\r", " ")), max_size=6),
    counting=countings(is_grouped=st.just(False)),
    is_text=st.booleans(),
)
@examples(150)
def test_blocks_of_lines_count_as_documents(pieces, texts, counting, is_text):
    text = "".join(line + "\n" for line in texts)
    block = Block(text if is_text else text.encode(), text)
    job = ready(counting)
    lines = [Text(line) for line in texts]
    assert results(job, job.map([block])) == results(job, job.map(lines)) == expected(lines, counting)


@pytest.mark.parametrize("name", ["jieba", "jieba-itself"])
def test_invalid_bytes_are_replaced_by_the_text_of_the_record(name):
    job = ready(Counting(SEGMENTATIONS[name]))
    found = job.map([Block("今天\n".encode() + b"\xff\n", "今天\n下雨\n"), Block(b"\xe4\xbb", "雨")])
    assert results(job, found)[0] == {("", 1): Counter(["今天", "下雨", "雨"])}


@given(a=records, b=records, counting=countings())
@examples(80)
def test_folded_records_count_as_merged_ones(a, b, counting):
    job = ready(counting)
    a, b = grouped_alike(a, counting), grouped_alike(b, counting)
    whole = expected([*a, *b], counting)
    assert results(job, job.fold(job.map(a), b)) == whole
    assert results(job, job.fold(job.load(job.dump(job.map(a))), b)) == whole


@given(a=records, b=records, counting=countings())
@examples(80)
def test_worker_without_kernel_counts_the_same(a, b, counting):
    a, b = grouped_alike(a, counting), grouped_alike(b, counting)
    whole = expected([*a, *b], counting)
    job = ready(counting)
    left = job.map(a)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KXCLI_KERNEL", "off")
        right = job.map(b)
        dumped = job.dump(job.map(b))
    assert results(job, job.merge(left, right)) == whole
    assert results(job, job.merge(job.load(dumped), job.map(a))) == whole


@pytest.mark.parametrize(
    "changes", [{"orders": (1, 2)}, {"orders": (2, 2)}, {"has_documents": True}, {"is_grouped": True}], ids=str
)
def test_document_counts_depend_on_document_borders(changes):
    assert Counting().ignores_document_borders
    assert not replace(Counting(), **changes).ignores_document_borders


def test_no_safe_split_with_nfkc_or_pattern():
    assert Counting(nfkc=True).safe_split_pattern is None
    assert Counting(Segmentation("regex", pattern="a")).safe_split_pattern is None
    assert Counting().safe_split_pattern is not None


def grams(text, **options):
    return dict(count_words([text], Counting(Segmentation("regex", pattern=r"\w+|[^\w\s]+|\s+"), **options)))


def test_uncounted_punctuation_breaks_n_grams():
    assert grams("a b, c", orders=(2, 2)) == {"a b": 1}
    assert grams("a b, c", orders=(2, 2), keeps_punctuation=True) == {"a b": 1, "b ,": 1, ", c": 1}


def test_white_space_does_not_break_n_grams():
    assert grams("a \t\u3000 b", orders=(2, 2)) == {"a b": 1}


def test_stopwords_and_short_words_do_not_break_n_grams():
    assert grams("aa of bb", orders=(2, 2), stopwords=frozenset({"of"})) == {"aa bb": 1}
    assert grams("aa o bb", orders=(2, 2), min_length=2) == {"aa bb": 1}
    assert grams("aa of, bb", orders=(2, 2), stopwords=frozenset({"of"})) == {}


def test_n_grams_end_with_their_document():
    counting = Counting(Segmentation("space"), orders=(2, 2))
    assert count_words(["a b", "c d"], counting) == {"a b": 1, "c d": 1}
    job = ready(counting)
    parts = [
        Text("a ", has_continuation=True),
        Text("b ", has_continuation=True),
        Text("", has_continuation=True),
        Text("c"),
        Text("d"),
    ]
    assert results(job, job.map(parts))[0] == {("", 2): Counter({"a b": 1, "b c": 1})}


def test_document_frequency_counts_split_documents_once():
    job = ready(Counting(Segmentation("space"), has_documents=True))
    parts = [Text("a a ", has_continuation=True), Text("a b ", has_continuation=True), Text("a"), Text("a")]
    assert results(job, job.map(parts)) == ({("", 1): Counter(a=5, b=1)}, {("", 1): Counter(a=2, b=1)})


def test_lower_applies_to_tokens_and_nfkc_to_text():
    texts = ["T恤 t恤 Ｔ恤"]
    counting = Counting(Segmentation(dictionary=Dictionary("T恤 5")))
    assert count_words(texts, counting) == {"T恤": 1, "t": 1, "恤": 2, "Ｔ": 1}
    assert count_words(texts, replace(counting, lower=True)) == {"t恤": 1, "t": 1, "恤": 2, "ｔ": 1}
    assert count_words(texts, replace(counting, nfkc=True)) == {"T恤": 2, "t": 1, "恤": 1}
    assert count_words(texts, replace(counting, nfkc=True, lower=True)) == {"t恤": 2, "t": 1, "恤": 1}


# Rows

counters = st.dictionaries(st.text("ab的一𠮷\uffff", max_size=3), st.integers(1, 5), max_size=12).map(Counter)


cells = st.dictionaries(
    st.tuples(st.sampled_from(["", "a", "a\0", "a\1b", "\2", "好", "坏"]), st.integers(1, 2)), counters
)


def finished(cells, orders=(1, 2), documents=lambda word: 0):
    """Return final counts of words by group and order."""
    layout, sums = KeyLayout(True, orders), {}
    for (group, order), words in cells.items():
        numbers = [count | documents(word) << DOCUMENT_SHIFT for word, count in words.items()]
        sums.update(zip(layout.keys(group, order, list(words)), numbers, strict=True))
    totals = {key: sum(words.values()) for key, words in cells.items()}
    return Counts(layout, WordCountPartial(None, [b"".join(encode_sums(sums))], totals))


rankings = st.builds(
    Ranking,
    st.sampled_from(["count", "word"]),
    st.one_of(st.none(), st.integers(0, 8)),
    st.integers(1, 4),
    st.booleans(),
)


def ranked_slowly(cells, ranking, documents):
    rows = []
    for group, of_group in itertools.groupby(sorted(cells), key=lambda key: key[0]):
        chosen = []
        for _, order in of_group:
            words = cells[group, order]
            total = sum(words.values())
            for word, count in words.items():
                rate = round(count * 1_000_000 / total, 3) if ranking.per_million else 0
                if count >= ranking.min_count:
                    chosen.append((group, word, count, documents(word), rate, order))
        chosen.sort(key=lambda row: (-row[2], [ord(ch) for ch in row[1]], row[5]))
        if ranking.top is not None:
            chosen = chosen[: ranking.top]
        if ranking.sort == "word":
            chosen.sort(key=lambda row: ([ord(ch) for ch in row[1]], row[5]))
        rows += [row[:5] for row in chosen]
    return rows


def hashed(word):
    """Return a number of documents for each word."""
    return sum(map(ord, word)) % 3


@given(cells, rankings, st.sampled_from([hashed, lambda word: 0]), st.sampled_from([None, 0, 1 << 12]))
@examples(250)
def test_ranking_equals_the_definition(tiny_chunks, tmp_path, cells, ranking, documents, room):
    scratch = None if room is None else Scratch(lambda: str(tmp_path), room)
    found = list(rank_rows(finished(cells, documents=documents), ranking, scratch))
    assert found == ranked_slowly(cells, ranking, documents)
    assert os.listdir(tmp_path) == []


@pytest.fixture
def tiny_chunks(monkeypatch):
    """Sort few rows in memory, and write and read few at a time."""
    monkeypatch.setattr(ranking_room, "_MIN_SORTED", 2)
    monkeypatch.setattr(ranking_room, "_ROW_BYTES", 1 << 10)
    monkeypatch.setattr(ranking_room, "BLOCK_ROWS", 2)
    monkeypatch.setattr(of_rows, "BLOCK_ROWS", 2)
    monkeypatch.setattr(of_scratch, "_MIN_MERGED_RUNS", 2)


def rows(words, **options):
    counts = finished({("", 1): words}, (1, 1))
    return [(word, count) for _, word, count, _, _ in rank_rows(counts, Ranking(**options))]


def test_equal_counts_are_ranked_by_code_points():
    assert rows({"的": 1, "a": 1, "𠮷": 1, "\uffee": 1, "Z": 1, "在": 2}) == [
        ("在", 2),
        ("Z", 1),
        ("a", 1),
        ("的", 1),
        ("\uffee", 1),
        ("𠮷", 1),
    ]


@pytest.mark.parametrize("top", range(6))
def test_top_breaks_ties_by_code_points(top):
    assert (
        rows({"d": 1, "b": 2, "c": 2, "a": 2, "e": 9}, top=top)
        == [("e", 9), ("a", 2), ("b", 2), ("c", 2), ("d", 1)][:top]
    )


def test_top_applies_to_each_group():
    counts = finished({("x", 1): {"a": 3, "b": 2}, ("y", 1): {"c": 1, "b": 1}})
    assert [row[:3] for row in rank_rows(counts, Ranking(top=1))] == [("x", "a", 3), ("y", "b", 1)]


def test_top_applies_to_accepted_words():
    counts = finished({("x", 1): {"a": 3, "b": 2, "c": 1}, ("y", 2): {"a b": 2}})
    seen = []

    def is_given(word):
        seen.append(word)
        return word != "a"

    found = list(rank_rows(counts, Ranking(top=1, per_million=True), accepts=is_given))
    assert found == [("x", "b", 2, 0, 333333.333), ("y", "a b", 2, 0, 1_000_000.0)]
    assert seen == ["a", "b", "c", "a b"]


def test_rates_refer_to_all_words_of_an_order():
    counts = finished({("", 1): {"a": 3, "b": 1}, ("", 2): {"a b": 2, "b a": 1}})
    expected = [("", "a", 3, 0, 750_000.0), ("", "a b", 2, 0, 666_666.667)]
    assert list(rank_rows(counts, Ranking(per_million=True, min_count=2))) == expected
    assert list(rank_rows(counts, Ranking(per_million=True, top=2))) == expected


def test_empty_counts_have_no_rows():
    assert list(rank_rows(finished({}), Ranking())) == []
    assert list(rank_rows(finished({("", 1): {}}), Ranking(per_million=True, top=3))) == []


# Sums


@pytest.mark.costly
@pytest.mark.parametrize("room", [None, 1, 1 << 10])
@given(several=st.lists(cells, max_size=3), draw=st.randoms(use_true_random=False))
@examples(50)
def test_sums_do_not_depend_on_order(tiny_chunks, tmp_path, room, several, draw):
    given = [
        (group, word, count, hashed(word))
        for cells in several
        for (group, _), words in cells.items()
        for word, count in words.items()
    ]
    expected = {}
    for group, word, count, documents in given:
        before = expected.get((group, word), (0, 0))
        expected[group, word] = before[0] + count, before[1] + documents
    draw.shuffle(given)
    with CountSums(None if room is None else Scratch(lambda: str(tmp_path), room)) as sums:
        for row in given:
            sums.add(*row)
        counts = sums.counts()
    found = [(row.group, row.word, row.count, row.documents) for row in counts]
    assert found == [(*key, *numbers) for key, numbers in sorted(expected.items())]
    assert sum(counts.totals.values()) == sum(count for count, _ in expected.values())
    assert os.listdir(tmp_path) == []


def test_sums_may_exceed_64_bits():
    sums = CountSums()
    for _ in range(30):
        sums.add("", "a", 10**18 - 1, 10**18 - 1)
    (row,) = sums.counts()
    assert (row.count, row.documents) == (30 * (10**18 - 1),) * 2


# Python functions


def test_count_words_counts_texts():
    words = count_words(["今天有风。", "我们今天去北京。"])
    assert words == {"今天": 2, "有风": 1, "我们": 1, "去": 1, "北京": 1}


def test_count_words_reads_texts_lazily():
    assert count_words(iter(["今天，", "今天"])) == {"今天": 2}
    assert count_words([]) == Counter()
    assert count_words([""]) == Counter()


def test_count_words_joins_n_gram_orders():
    assert count_words(["a b a"], Counting(Segmentation("space"), orders=(1, 2))) == {
        "a": 2,
        "b": 1,
        "a b": 1,
        "b a": 1,
    }


@pytest.mark.parametrize("module", [kxcli.mining], ids=lambda module: module.__name__)
def test_doctests_pass(module):
    tried = doctest.testmod(module)
    assert tried.attempted and not tried.failed


def test_public_names_have_docstrings():
    for name in kxcli.mining.__all__:
        assert getattr(kxcli.mining, name).__doc__
