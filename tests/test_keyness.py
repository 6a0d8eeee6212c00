"""`kxcli keyness` and `compare_counts`: values, order, inputs, runs."""

import gzip
import json
import os
import random
from collections import Counter

import pytest
from conftest import SAMPLES
from hypothesis import given
from hypothesis import strategies as st
from keyness_definition import keyness, log_odds_z

from kxcli.corpus.count_tables import looks_like_counts
from kxcli.mining import compare_counts, count_words
from kxcli.mining.keyness.comparison import MEASURES, Comparison, compare_blocks
from kxcli.mining.keyness.measures import COLUMNS, Sizes
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import DOCUMENT_SHIFT

NEWS, TECH, REVIEWS = SAMPLES / "news.txt", SAMPLES / "tech.txt", SAMPLES / "reviews.jsonl"
DIGITS = {"per_million": 3, "per_million_ref": 3, "percent_diff": 2}
SIGNIFICANT = ("odds_ratio", "p_value", "q_value")


def count_file(path):
    return count_words(path.read_text(encoding="utf-8").splitlines())


def format_value(name, value):
    rounded = float(f"{value:.6g}") if name in SIGNIFICANT else round(value, DIGITS.get(name, 4))
    return repr(rounded + 0.0).removesuffix(".0") if isinstance(value, float) else str(value)


def rows_of(rows, group=()):
    """Return rows of Python as the command writes them."""
    return [[*group, row.word, *(format_value(name, getattr(row, name)) for name in COLUMNS[1:])] for row in rows]


# Values

WORDS = st.dictionaries(st.text("abc的是\0\1\2 ", min_size=1, max_size=2), st.integers(0, 60), max_size=12)
FRACTION = "a a a b b c c c c c c d e f g h h", "a a b c c d d d d e f h"  # texts of quanteda's tests


@given(WORDS, WORDS, st.integers(1, 4), st.sampled_from([None, 1, 50]))
def test_values_equal_the_definition(target, reference, min_count, prior):
    expected = keyness(target, reference, min_count=min_count, prior=prior)
    options = {"min_count": min_count, "prior": prior}
    rows = compare_counts(target, reference, **options) + compare_counts(target, reference, negative=True, **options)
    n, n_ref = sum(target.values()), sum(reference.values())
    assert {row.word for row in rows} == {
        word for word, row in expected.items() if row["count"] / n != row["count_ref"] / n_ref
    }
    for row in rows:
        values = row._asdict()
        assert expected[values.pop("word")] == pytest.approx(values, rel=1e-9, abs=1e-9)


@given(WORDS, WORDS, st.sampled_from(MEASURES), st.booleans())
def test_strongest_words_come_first_and_ties_by_code_points(target, reference, sort, negative):
    rows = compare_counts(target, reference, sort=sort, negative=negative)
    sign = 1 if negative and sort not in ("log_likelihood", "count", "count_ref") else -1
    assert rows == sorted(rows, key=lambda row: (sign * getattr(row, sort), row.word))
    assert all((row.log_odds_z < 0) == negative or row.log_odds_z == 0 for row in rows)
    assert compare_counts(target, reference, sort=sort, negative=negative, top=3) == rows[:3]
    half = [row for row in rows if row.q_value <= 0.5]
    assert compare_counts(target, reference, sort=sort, negative=negative, max_q=0.5) == half


def test_values_equal_hand_computed_ones():
    row, *_ = compare_counts({"词": 10, "其他": 90}, {"词": 5, "其他": 195}, prior=300)
    assert row.word == "词"
    assert row.per_million == pytest.approx(100_000)
    assert row.per_million_ref == pytest.approx(25_000)
    assert row.log_ratio == pytest.approx(2)  # four times the rate
    assert row.percent_diff == pytest.approx(300)
    assert row.odds_ratio == pytest.approx(10 * 195 / (90 * 5))
    # 2 (10 ln 2 + 90 ln(90/95) + 5 ln(1/2) + 195 ln(195/190))
    assert row.log_likelihood == pytest.approx(7.32981, abs=1e-5)
    assert row.p_value == pytest.approx(0.00678, abs=1e-5)
    assert row.q_value == pytest.approx(row.p_value)  # both words have the same table
    # The prior is 15 of 300: ln(25 / 375) - ln(20 / 480), divided by sqrt(1/25 + 1/20)
    assert row.log_odds_z == pytest.approx(0.4700036 / 0.3, abs=1e-6)


def test_word_of_one_side_alone_has_half_a_count_on_the_other():
    row, *_ = compare_counts({"甲": 8, "乙": 92}, {"乙": 200})
    assert (row.word, row.count, row.count_ref, row.per_million_ref) == ("甲", 8, 0, 0)
    assert row.log_ratio == pytest.approx(5)  # 8/100 against 0.5/200
    assert row.percent_diff == pytest.approx(3100)
    assert row.odds_ratio == pytest.approx(8.5 * 200.5 / (92.5 * 0.5))
    assert [row.word for row in compare_counts({"乙": 200}, {"甲": 8, "乙": 92}, negative=True)] == ["甲"]


def test_order_equals_that_of_quanteda():
    target, reference = (Counter(text.split()) for text in FRACTION)
    words = [row.word for row in compare_counts(target, reference)]
    others = [row.word for row in compare_counts(target, reference, negative=True)]
    assert words + others[::-1] == ["c", "g", "b", "h", "a", "f", "e", "d"]  # ties are in another order there


def test_values_equal_scipy():
    stats = pytest.importorskip("scipy.stats")
    random_counts = random.Random(7)
    target = {f"w{i}": int(random_counts.paretovariate(0.7)) for i in range(300)}
    reference = {f"w{i}": int(random_counts.paretovariate(0.7)) for i in range(50, 400)}
    rows = compare_counts(target, reference) + compare_counts(target, reference, negative=True)
    n, n_ref = sum(target.values()), sum(reference.values())
    for row in rows:
        table = [[row.count, n - row.count], [row.count_ref, n_ref - row.count_ref]]
        test = stats.chi2_contingency(table, correction=False, lambda_="log-likelihood")
        assert row.log_likelihood == pytest.approx(test.statistic, rel=1e-9, abs=1e-9)
        assert row.p_value == pytest.approx(test.pvalue, rel=1e-7)
        if row.count and row.count_ref:
            assert row.odds_ratio == pytest.approx(stats.contingency.odds_ratio(table, kind="sample").statistic)
    assert [row.q_value for row in rows] == pytest.approx(stats.false_discovery_control([row.p_value for row in rows]))


def test_log_odds_are_zero_for_the_only_word():
    assert log_odds_z(3, 3, 5, 5, 2, 2) == 0
    assert compare_counts({"甲": 3}, {"甲": 5}) == []
    assert compare_counts({}, {"甲": 5}) == compare_counts({"甲": 5}, {}) == []


@pytest.mark.parametrize(
    ("target", "options", "error", "message"),
    [
        ({"甲": -1}, {}, ValueError, "target['甲'] must be 0 or more"),
        ({"甲": 1.5}, {}, TypeError, "must be an integer"),
        ({1: 1}, {}, TypeError, "a word of target must be a string"),
        (["甲"], {}, TypeError, "target must be a mapping"),
        ({"甲": 1 << 54}, {}, ValueError, "more than 2**53"),
        ({"甲": 1}, {"sort": "log_odds"}, ValueError, "sort must be one of"),
        ({"甲": 1}, {"prior": 0}, ValueError, "prior must be 1 or more"),
        ({"甲": 1}, {"prior": 10**400}, ValueError, "prior must be 2**53 or less"),
    ],
)
def test_invalid_arguments_are_named(target, options, error, message):
    with pytest.raises(error) as caught:
        compare_counts(target, {"乙": 1}, **options)
    assert message in str(caught.value)


# Command


def test_rows_are_those_of_python(kxcli):
    expected = compare_counts(count_file(TECH), count_file(NEWS))
    ended = kxcli("keyness", TECH, "--reference", NEWS)
    assert ended.rows == rows_of(expected)
    assert ended.err == f"kxcli: compared {TECH} (1,423 words) with {NEWS} (2,700 words)\n"
    ended = kxcli("keyness", TECH, "--reference", NEWS, "--negative", "--sort", "log_ratio", "--top", 7, "--header")
    expected = compare_counts(count_file(TECH), count_file(NEWS), negative=True, sort="log_ratio", top=7)
    assert ended.rows == [[*COLUMNS], *rows_of(expected)]
    options = ("--min-count", 3, "--prior", 500, "--max-q", "0.9", "--sort", "log_odds_z")
    expected = compare_counts(count_file(TECH), count_file(NEWS), min_count=3, prior=500, max_q=0.9, sort="log_odds_z")
    assert kxcli("keyness", TECH, "--reference", NEWS, *options).rows == rows_of(expected)


@pytest.mark.parametrize("sort", MEASURES)
def test_rows_are_sorted_by_any_measure(kxcli, sort):
    for negative in (False, True):
        options = ("--sort", sort, "--top", 9, *["--negative"] * negative)
        expected = compare_counts(count_file(TECH), count_file(NEWS), negative=negative, sort=sort, top=9)
        assert kxcli("keyness", TECH, "--reference", NEWS, *options).rows == rows_of(expected)


def test_formats_have_the_same_values(kxcli):
    tsv = kxcli("keyness", TECH, "--reference", NEWS, "--top", 20, "--header").text
    csv = kxcli("keyness", TECH, "--reference", NEWS, "--top", 20, "-f", "csv").text
    assert csv == tsv.replace("\t", ",")
    names, *rows = [line.split("\t") for line in tsv.splitlines()]
    objects = kxcli("keyness", TECH, "--reference", NEWS, "--top", 20, "-f", "jsonl").text.splitlines()
    for row, line in zip(rows, objects, strict=True):
        assert [str(value) for value in json.loads(line, parse_float=str, parse_int=str).values()] == row
        assert list(json.loads(line)) == names


def test_several_references_are_one(kxcli):
    expected = compare_counts(count_file(TECH), count_file(NEWS) + count_file(SAMPLES / "traditional.txt"))
    references = ("--reference", NEWS, "--reference", SAMPLES / "traditional.txt")
    assert kxcli("keyness", TECH, *references).rows == rows_of(expected)


def test_each_group_is_compared_with_the_others(kxcli):
    records = [json.loads(line) for line in REVIEWS.read_text(encoding="utf-8").splitlines()]
    groups = {}
    for record in records:
        groups.setdefault(record["label"], Counter()).update(count_words([record["text"]]))
    expected = []
    for name in sorted(groups):
        rest = sum((counts for other, counts in groups.items() if other != name), Counter())
        expected += rows_of(compare_counts(groups[name], rest, top=30), [name])
    ended = kxcli("keyness", "--by", "label", "--top", 30, REVIEWS)
    assert ended.rows == expected
    kxcli("wordcount", "--by", "label", "--header", REVIEWS, "-o", "groups.tsv")
    table = (kxcli.folder / "groups.tsv").read_text(encoding="utf-8")
    (kxcli.folder / "old.tsv").write_text(table.replace("label", "group", 1), encoding="utf-8")
    for name in ("groups.tsv", "old.tsv"):
        assert kxcli("keyness", "--by", "label", "--top", 30, name).out == ended.out
    kxcli("keyness", "--by", "label", REVIEWS, "groups.tsv", "--negative", "--header")  # texts and tables together


@pytest.mark.parametrize(
    "options",
    [("--ngram", "2"), ("--ngram", "1-2"), ("--lower", "--min-length", "2"), ("-t", "char"), ("--punct", "--no-hmm")],
    ids=" ".join,
)
def test_options_of_words_apply_to_both_sides(kxcli, options):
    tables = []
    for path in (TECH, NEWS):
        rows = kxcli("wordcount", path, *options).rows
        tables.append(Counter({word: int(count) for word, count in rows}))
    ended = kxcli("keyness", TECH, "--reference", NEWS, *options)
    if options == ("--ngram", "1-2"):  # each length by itself, but one ranking
        parts = [[{w: c for w, c in t.items() if w.count(" ") == n} for t in tables] for n in (0, 1)]
        rows = [row for part in parts for row in compare_counts(*part)]
        rows.sort(key=lambda row: (-row.log_likelihood, row.word))
        q_at = 1 + COLUMNS.index("q_value") - 1
        assert [row[:q_at] for row in ended.rows] == [row[:q_at] for row in rows_of(rows)]
    else:
        assert ended.rows == rows_of(compare_counts(*tables))


# Tables of counts


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--header",),
        ("--header", "--df", "--per-million"),
        ("-f", "csv"),
        ("-f", "jsonl", "--per-million"),
        ("--sort", "word"),
    ],
    ids=lambda options: " ".join(options) or "plain",
)
def test_tables_are_as_good_as_their_texts(kxcli, options):
    expected = kxcli("keyness", TECH, "--reference", NEWS).out
    for name, path in (("t", TECH), ("r", NEWS)):
        (kxcli.folder / name).write_bytes(kxcli("wordcount", path, *options).out)
    for target, reference in (("t", NEWS), (TECH, "r"), ("t", "r")):
        ended = kxcli("keyness", target, "--reference", reference)
        assert ended.out == expected
        assert "read as tables of counts: " in ended.err
    (kxcli.folder / "r.gz").write_bytes(gzip.compress((kxcli.folder / "r").read_bytes()))
    assert kxcli("keyness", "t", "--reference", "r.gz", "--input-format", "counts").out == expected
    ended = kxcli("keyness", "--reference", "r.gz", stdin=(kxcli.folder / "t").read_bytes())
    assert ended.out == expected and "read as tables of counts: <stdin>" in ended.err
    packed = gzip.compress(TECH.read_bytes())
    assert kxcli("keyness", "-", "--reference", "r", stdin=packed).out == expected


def test_tables_add_up_with_texts_of_the_same_side(kxcli):
    (kxcli.folder / "part.tsv").write_bytes(kxcli("wordcount", NEWS).out)
    both = kxcli("keyness", TECH, "--reference", NEWS, "--reference", SAMPLES / "traditional.txt").out
    mixed = kxcli("keyness", TECH, "--reference", "part.tsv", "--reference", SAMPLES / "traditional.txt")
    assert mixed.out == both


def test_table_next_to_records_with_a_field(kxcli):
    (kxcli.folder / "r.tsv").write_bytes(kxcli("wordcount", NEWS).out)
    (kxcli.folder / "t.csv").write_text("review,word,count\n" + "北京下雨了,北京,3\n" * 3, encoding="utf-8")
    ended = kxcli("keyness", "t.csv", "--field", "review", "--reference", "r.tsv", "--top", 3)
    assert [row[:2] for row in ended.rows] == [["下雨", "3"], ["北京", "3"], ["了", "3"]]
    assert "tables of counts: r.tsv;" in ended.err
    ended = kxcli("keyness", "t.csv", "--field", "review", "--input-format", "csv", "--reference", "r.tsv", "--top", 1)
    assert ended.rows[0][0] == "下雨"


def test_table_is_counted_as_text_on_request(kxcli):
    (kxcli.folder / "t.tsv").write_text("北京\t12\n上海\t7\n", encoding="utf-8")
    ended = kxcli("keyness", "t.tsv", "--reference", NEWS, "--input-format", "text")
    assert {"12", "7"} <= {row[0] for row in ended.rows}
    assert "tables of counts" not in ended.err


def test_ngrams_of_tables_are_compared_by_length(kxcli):
    expected = kxcli("keyness", TECH, "--reference", NEWS, "--ngram", "1-2").out
    for name, path in (("t", TECH), ("r", NEWS)):
        (kxcli.folder / name).write_bytes(kxcli("wordcount", path, "--ngram", "1-2").out)
    assert kxcli("keyness", "t", "--reference", "r", "--ngram", "1-2").out == expected
    assert "add --ngram 1-2 to compare" in kxcli("keyness", "t", "--reference", "r").err
    error = kxcli("keyness", "t", "--reference", "r", "--ngram", "2-3", code=1).err
    assert "t:1: has " in error and "not an n-gram of --ngram 2-3; change --ngram" in error


def test_cut_table_is_reported(kxcli):
    (kxcli.folder / "r").write_bytes(kxcli("wordcount", NEWS, "--min-count", "4").out)
    error = kxcli("keyness", TECH, "--reference", "r").err
    assert "r: the lowest count is 4, as after --top or --min-count, so rarer words count as absent" in error


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("甲\t1\t1\n", (), "t:1: has 3 cells, not 2 (word, count)"),
        ("word\tcount\n甲\tx\n", (), "t:2: has 'x' as its count, not an integer"),
        ("甲\t3\n", ("--by", "label"), "t:1: has no column label; --by needs a table that wordcount --by wrote"),
        ('{"word": "甲", "count": -1}\n', (), "t:1: has -1 as its count"),
        ("甲\n", ("--input-format", "counts"), "t:1: has 1 cell, not 2"),
        ("甲\t100000000000000000\n", (), "the counts of the target add up to more than 2**53"),
    ],
)
def test_bad_table_is_an_error_with_its_line(kxcli, text, options, message):
    (kxcli.folder / "t").write_text(text, encoding="utf-8")
    (kxcli.folder / "r").write_text("乙\t1\n", encoding="utf-8")
    reference = () if "--by" in options else ("--reference", "r")
    assert message in kxcli("keyness", "t", *reference, *options, code=1).err


@pytest.mark.parametrize(
    ("head", "fields", "is_table"),
    [
        ("北京\t12\n上海\t7\n", (), True),
        ("上海\t7\n北京\t7\n下雨\t2\n", (), True),
        ("上海\t7\n北京\t12\n", (), True),  # by word
        ("下雨\t7\n上海\t12\n", (), False),
        ("北京\t7\n上海\t7\n", (), False),
        ("好吃\t1\n难吃\t0\n", (), False),  # texts and labels
        ("难吃\t1\n好吃\t1\n很好\t1\n", (), False),
        ("1\t好吃\t2\n2\t难吃\t1\n", (), False),
        ("好评\t了\t7\n好评\t的\t2\n差评\t的\t9\n差评\t了\t3\n", (), True),
        ("了\t7\t3\n的\t6\t4\n", (), True),
        ("北京\t12\n上海\t\n", (), False),
        ("北京\t12\n上海\n", (), False),
        ("北京 12\n", (), False),
        ("北京,12\n", (), False),
        ("word,count\n北京,12\n", (), True),
        ("group\tword\tcount\tdf\r\n", (), True),
        ("text\tword\tcount\n", ("text",), False),
        ("text\tword\tcount\n", (), True),
        ("word count\n", (), False),
        ("word\tcount\t12\n", (), True),
        ('{"word": "北京", "count": 3}\n', (), True),
        ('{"word": "北京", "count": 3, "text": "x"}\n', ("text",), False),
        ('{"text": "北京"}\n', (), False),
        ('{"word": "北京", "count": "3"}\n', (), False),
        ('\ufeffword,count\n"甲",1\n', (), True),
        ('"word,count\n', (), False),
        ("\n\n", (), False),
        ("", (), False),
    ],
)
def test_tables_are_detected_by_content(head, fields, is_table):
    assert looks_like_counts(head, fields) == is_table


# Runs


@pytest.fixture
def corpora_of_two(kxcli):
    """Texts of many lines, in one file and in several."""
    lines = {path: path.read_text(encoding="utf-8").splitlines(keepends=True) * 3 for path in (TECH, NEWS)}
    for name, path in (("t", TECH), ("r", NEWS)):
        (kxcli.folder / name).write_text("".join(lines[path]), encoding="utf-8")
        for part in range(3):
            (kxcli.folder / f"{name}{part}").write_text("".join(lines[path][part::3]), encoding="utf-8")
    return kxcli


@pytest.mark.parametrize("options", [(), ("--ngram", "1-2", "--top", "500")], ids=["words", "ngrams"])
def test_output_is_the_same_for_any_run(corpora_of_two, options):
    kxcli = corpora_of_two
    expected = kxcli("keyness", "t", "--reference", "r", "-j", 1, *options).out
    assert expected
    assert kxcli("keyness", "t", "--reference", "r", "-j", 2, "--shard-size", "4K", *options).out == expected
    parts = ("t2", "t0", "t1", "--reference", "r1", "--reference", "r0", "--reference", "r2")
    assert kxcli("keyness", *parts, "--shard-size", "10K", *options).out == expected
    assert kxcli("keyness", "t", "--reference", "r", "--memory", "80M", *options).out == expected
    assert kxcli("keyness", "--reference", "r", *options, stdin=(kxcli.folder / "t").read_bytes()).out == expected
    kxcli.environment["KXCLI_KERNEL"] = "off"
    assert kxcli("keyness", "t", "--reference", "r", *options).out == expected


def test_groups_are_the_same_for_any_run(kxcli):
    expected = kxcli("keyness", "--by", "label", REVIEWS, "-j", 1).out
    lines = REVIEWS.read_text(encoding="utf-8").splitlines(keepends=True)
    for part in range(2):
        (kxcli.folder / f"{part}.jsonl").write_text("".join(lines[part::2]), encoding="utf-8")
    assert kxcli("keyness", "--by", "label", "1.jsonl", "0.jsonl", "-j", 2, "--shard-size", "1K").out == expected
    assert kxcli("keyness", "--by", "label", REVIEWS, "--memory", "80M").out == expected


def test_run_continues_from_a_checkpoint(corpora_of_two):
    kxcli = corpora_of_two
    command = ("keyness", "t", "--reference", "r", "--shard-size", "8K", "-j", 1, "--checkpoint", "ck")
    expected = kxcli("keyness", "t", "--reference", "r").out
    assert kxcli("keyness", "t", "--reference", "missing", *command[4:], code=1).out == b""
    first = kxcli(*command)
    again = kxcli(*command[:-3], 2, *command[-2:])
    assert first.out == again.out == expected
    n_tasks = sum(-(-os.path.getsize(kxcli.folder / name) // 8192) for name in "tr")
    assert f"ck: found 0 of {n_tasks} tasks done" in first.err
    assert f"ck: found {n_tasks} of {n_tasks} tasks done" in again.err


def test_corpus_compared_with_itself_has_no_keywords(kxcli):
    assert kxcli("keyness", NEWS, "--reference", NEWS, "--checkpoint", "ck").out == b""


@pytest.mark.slow
def test_run_on_a_cluster_is_the_same(corpora_of_two):
    kxcli = corpora_of_two
    expected = kxcli("keyness", "t", "--reference", "r").out
    assert kxcli("keyness", "t", "--reference", "r", "--cluster", "local:2", "--shard-size", "8K").out == expected


# Messages


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((TECH,), "keyness requires --reference or --by; name what to compare with."),
        ((REVIEWS, "--by", "label", "--reference", NEWS), "--by cannot be combined with --reference"),
        (("--reference", "-"), "stdin (-) can be read only once; give a file as target or as --reference."),
        (("-", "--reference", "-"), "stdin (-) can be read only once"),
        (("t", "--reference", "r", "--lower"), "--lower has no effect: all inputs are tables of counts; remove it."),
        (("t", "--reference", "r", "--no-header-in"), "--no-header-in has no effect: all inputs are tables of counts"),
        (("t", "--reference", "r", "--checkpoint", "ck"), "--checkpoint has no effect: all inputs are tables"),
        (("t", "--reference", "r", "-o", "r"), "-o r would overwrite an input; name another file."),
    ],
)
def test_wrong_usage_is_explained(kxcli, arguments, message):
    for name in "tr":
        (kxcli.folder / name).write_text("乙\t1\n", encoding="utf-8")
    assert message in kxcli("keyness", *arguments, code=2).err


def test_side_without_words_is_reported(kxcli):
    (kxcli.folder / "empty").write_text("", encoding="utf-8")
    for target, reference, name in (("empty", NEWS, "target"), (NEWS, "empty", "reference")):
        ended = kxcli("keyness", target, "--reference", reference)
        assert ended.out == b"" and f"the {name} has no words, so there is nothing to compare" in ended.err
    (kxcli.folder / "one.jsonl").write_text('{"text": "北京", "label": 1}\n', encoding="utf-8")
    ended = kxcli("keyness", "--by", "label", "one.jsonl")
    assert ended.out == b"" and "there is only one group, so there is nothing to compare" in ended.err


def test_both_sides_are_reported_with_their_inputs(kxcli):
    for name in "abcde":
        (kxcli.folder / name).write_text("今天下雨\n", encoding="utf-8")
    (kxcli.folder / "t").write_text("今天\t1200\n", encoding="utf-8")
    error = kxcli("keyness", "a", "--reference", "b", "c").err
    assert "compared a, c (4 words) with b (2 words)" in error
    assert (
        "compared t, b, c and 2 more (1,208 words) with a (2 words)"
        in kxcli("keyness", "t", "b", "c", "d", "e", "--reference", "a").err
    )
    assert (
        "compared <stdin> (1 n-gram) with b (1 n-gram)"
        in kxcli("keyness", "--reference", "b", "--ngram", 2, stdin="今天下雨\n").err
    )
    error = kxcli("keyness", "--by", "label", REVIEWS).err
    assert "compared each group with the others: 好评 (650 words), 差评 (625 words)" in error
    error = kxcli("keyness", "--by", "label,date", REVIEWS).err
    assert "compared each group with the others: 好评 | 2" in error
    assert kxcli("keyness", "a", "--reference", "b", "-q").err == ""


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("a a b c", ("--min-count", 9), "no word has a count of 9 or more; lower --min-count"),
        ("a a b c", ("--min-count", 3), "no tested word has a higher rate in the target; add --negative to show the"),
        ("a a a a c", ("--min-count", 4, "--negative"), "no tested word has a lower rate in the target; remove --neg"),
        ("a a b c", ("--max-q", 0), "no word with a higher rate in the target has a q_value of 0 or less; raise"),
        ("a a a b", (), "the rates of all tested words are equal"),
    ],
)
def test_reason_for_no_rows_is_reported(kxcli, text, options, message):
    for name, line in (("t", text), ("r", "a a a b")):
        (kxcli.folder / name).write_text(f"{line}\n", encoding="utf-8")
    use = ("keyness", "t", "-t", "space", "--reference", "r", *options)
    ended = kxcli(*use)
    assert ended.out == b"" and message in ended.err
    assert message not in kxcli(*use, "--top", 0).err


def test_reason_for_no_rows_of_groups_is_reported_once(kxcli):
    ended = kxcli("keyness", "--by", "label", REVIEWS, "--min-count", 999)
    assert ended.out == b"" and ended.err.count("no word has a count of 999 or more; lower --min-count") == 1
    assert "in the target" not in kxcli("keyness", "--by", "label", REVIEWS, "--max-q", 0.4).err


def test_plain_text_next_to_records_is_explained(kxcli):
    (kxcli.folder / "t.csv").write_text("review\n北京下雨了\n", encoding="utf-8")
    (kxcli.folder / "my r.txt").write_text("北京\n", encoding="utf-8")
    error = kxcli("keyness", "t.csv", "--field", "review", "--reference", "my r.txt", code=2).err
    assert "my r.txt: --field reads records, but neither its name nor its content shows their format" in error
    assert "count it first (`kxcli wordcount 'my r.txt' -o counts.tsv`), and give counts.tsv instead" in error
    kxcli("wordcount", "my r.txt", "-o", "counts.tsv")
    ended = kxcli("keyness", "t.csv", "--field", "review", "--reference", "counts.tsv")
    assert [row[0] for row in ended.rows] == ["下雨", "了"]
    error = kxcli("keyness", "--field", "review", "--reference", "counts.tsv", stdin="北京\n", code=2).err
    assert "(`kxcli wordcount - -o counts.tsv`)" in error


def test_texts_with_labels_are_texts(kxcli):
    (kxcli.folder / "t").write_text("很好吃\t1\n不好吃\t1\n", encoding="utf-8")
    ended = kxcli("keyness", "t", "--reference", NEWS, "--min-count", 2)
    assert ["1", "2"] in [row[:2] for row in ended.rows]
    assert "tables of counts" not in ended.err


def test_bad_line_of_the_reference_is_reported_with_its_place(kxcli):
    (kxcli.folder / "bad").write_bytes("北京\n".encode() + b"\xff\n")
    assert "bad:2: " in kxcli("keyness", TECH, "--reference", "bad", code=1).err
    assert "bad:2" in kxcli("keyness", TECH, "--reference", "bad", "--on-error", "skip").err


def test_words_beyond_memory_are_sorted_on_disk(tmp_path):
    words = {f"词{number}": 1 + number % 3 for number in range(5_000)}
    blocks = [(sorted(words), [words[word] | 4 << DOCUMENT_SHIFT for word in sorted(words)])]
    sizes = {1: Sizes(sum(words.values()), 4 * len(words))}
    for comparison in (Comparison(), Comparison(top=2_000), Comparison(negative=True, sort="log_ratio")):
        expected = [*compare_blocks(lambda: blocks, KeyLayout(), sizes, comparison)]
        assert len(expected) > 1_000
        scratch = Scratch(lambda: str(tmp_path), 50_000)
        assert [*compare_blocks(lambda: blocks, KeyLayout(), sizes, comparison, scratch)] == expected
