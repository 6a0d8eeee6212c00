"""Partials that are dumped, mapped, merged and split give the rows of one Counter."""

import functools
import random
import tracemalloc
from collections import Counter
from zlib import crc32

import pytest
from conftest import examples, mapped
from hypothesis import given
from hypothesis import strategies as st

from kxcli.errors import OutputError
from kxcli.mining import Counting, Ranking, Segmentation, Text, WordCount, rank_rows
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.mining.wordcount.merging import CountSums
from kxcli.tally import scratch as of_scratch
from kxcli.tally import string_runs as of_rows
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import DOCUMENT_SHIFT, decode_run, encode_run, merge_runs, reduce_runs, strip_documents

# Runs of rows

characters = st.one_of(
    st.sampled_from("ab的一\x00\x01\x02\x03\x04\t\n\r ￿𠮷\U0010ffff"), st.characters(exclude_categories=["Cs"])
)
keys = st.text(characters, max_size=5)
numbers = st.one_of(
    st.integers(1, 3),
    st.sampled_from([255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**64 - 1, 2**64, 2**90]),
    st.builds(
        lambda count, documents: count | documents << DOCUMENT_SHIFT, st.integers(1, 2**70), st.integers(0, 2**70)
    ),
)
row_dicts = st.dictionaries(keys, numbers, max_size=12)


@pytest.fixture(params=[1, 3, 1024])
def block(request, monkeypatch):
    """The number of rows of a block."""
    monkeypatch.setattr(of_rows, "BLOCK_ROWS", request.param)
    return request.param


def run_of(rows):
    """Return rows as the blocks of a run."""
    ordered = sorted(rows)
    yield ordered, [rows[key] for key in ordered]


def all_rows(blocks):
    """Return the rows of a run; they must be in order."""
    found = [row for keys, numbers in blocks for row in zip(keys, numbers, strict=True)]
    assert [key for key, _ in found] == sorted({key for key, _ in found})
    return dict(found)


@given(rows=row_dicts)
def test_rows_survive_encoding(block, rows):
    data = b"".join(encode_run(run_of(rows)))
    for form in data, memoryview(data), mapped(data):
        blocks = list(decode_run(form))
        assert all_rows(blocks) == rows
        assert [len(keys) for keys, _ in blocks[:-1]] == [block] * len(blocks[:-1])
    assert strip_documents(list(rows.values())) == [number & (1 << DOCUMENT_SHIFT) - 1 for number in rows.values()]


@given(rows=st.dictionaries(st.one_of(keys, keys.map(lambda key: key * 20)), numbers, max_size=12))
def test_block_ends_with_row_that_fills_it(monkeypatch, rows):
    monkeypatch.setattr(of_rows, "BLOCK_ROWS", 5)
    monkeypatch.setattr(of_rows, "BLOCK_CHARACTERS", 30)
    blocks = list(decode_run(b"".join(encode_run(run_of(rows)))))
    assert all_rows(blocks) == rows
    for number, (some, _) in enumerate(blocks, 1):
        assert len(some) <= 5 and sum(map(len, some[:-1])) < 30
        assert len(some) == 5 or sum(map(len, some)) >= 30 or number == len(blocks)
    one_by_one = [([key], [rows[key]]) for key in sorted(rows)]
    assert list(decode_run(b"".join(encode_run(one_by_one)))) == blocks


def test_long_keys_are_merged_in_little_memory():
    """Runs of 12 MB with keys of 200,000 characters are merged with a few keys in memory."""
    rows = {f"{number:04d}" * 50_000: number + 1 for number in range(60)}
    runs = [mapped(b"".join(encode_run(run_of(rows)))) for _ in range(3)]
    expected = [(key[:4], 3 * number) for key, number in rows.items()]
    del rows
    tracemalloc.start()
    try:
        found = [
            (key[:4], number)
            for keys, numbers in merge_runs(map(decode_run, runs))
            for key, number in zip(keys, numbers, strict=True)
        ]
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert found == expected


@given(several=st.lists(row_dicts, max_size=12), most=st.integers(2, 4))
def test_few_runs_are_open_at_a_time(monkeypatch, several, most):
    opened = []

    def watched(runs):
        opened.append(list(runs))
        return merge_runs(opened[-1])

    monkeypatch.setattr(of_rows, "_MAX_OPEN_RUNS", most)
    monkeypatch.setattr(of_rows, "merge_runs", watched)
    runs = [b"".join(encode_run(run_of(rows))) for rows in several]
    few = reduce_runs(runs)
    assert all(len(some) <= most for some in opened)
    assert len(few) <= max(most, max(map(len, few), default=1).bit_length())
    assert all_rows(merge_runs(map(decode_run, few))) == all_rows(merge_runs(map(decode_run, runs)))


@given(several=st.lists(row_dicts, max_size=6), draw=st.randoms(use_true_random=False))
def test_merged_run_has_sums(block, several, draw):
    expected = {}
    for rows in several:
        for key, number in rows.items():
            expected[key] = expected.get(key, 0) + number
    draw.shuffle(several)
    runs = [mapped(b"".join(encode_run(run_of(rows)))) for rows in several]
    assert all_rows(merge_runs(map(decode_run, runs))) == expected
    once_more = b"".join(encode_run(merge_runs(map(decode_run, runs))))
    assert all_rows(decode_run(once_more)) == expected


@given(several=st.lists(row_dicts, max_size=12))
def test_many_runs_are_merged_a_few_at_a_time(block, tmp_path, several):
    runs = [b"".join(encode_run(run_of(rows))) for rows in several]
    expected = all_rows(merge_runs(map(decode_run, runs)))
    few = pytest.MonkeyPatch()
    few.setattr(of_scratch, "_MIN_MERGED_RUNS", 2)
    with few.context():
        scratch = Scratch(lambda: str(tmp_path), 0)
        assert all_rows(scratch.merge_runs(runs)) == expected
        assert len(scratch.reduce_runs(runs)) <= 2
    few.undo()
    assert list(tmp_path.iterdir()) == []


def test_pages_of_run_leave_memory():
    """Five runs of 20,000 rows are merged with about a block of each in memory."""
    rows = {f"{number * 7919 % 1_000_003:07d}": number for number in range(20_000)}
    runs = [mapped(b"".join(encode_run(run_of(rows)))) for _ in range(5)]
    del rows
    tracemalloc.start()
    try:
        assert sum(len(keys) for keys, _ in merge_runs(map(decode_run, runs))) == 20_000
        assert tracemalloc.get_traced_memory()[1] < 3 << 20
    finally:
        tracemalloc.stop()


def test_unwritable_folder_is_output_error(tmp_path):
    with pytest.raises(OutputError, match="TMPDIR"):
        Scratch(lambda: str(tmp_path / "gone"), 1).open_run_file()


# Keys


@given(
    rows=st.lists(st.tuples(keys, keys, st.integers(1, 99)), max_size=12, unique=True),
    is_grouped=st.booleans(),
    orders=st.sampled_from([(1, 1), (2, 2), (1, 99)]),
)
def test_key_order_is_group_word_order(rows, is_grouped, orders):
    if not is_grouped:
        rows = [("", word, order) for _, word, order in rows]
    if orders[0] == orders[1]:
        rows = [(group, word, orders[0]) for group, word, _ in rows]
    layout = KeyLayout(is_grouped, orders)
    rows = sorted(set(rows))
    of_rows = [layout.keys(group, order, [word])[0] for group, word, order in rows]
    assert of_rows == sorted(set(of_rows))
    found = []
    for group, some, _ in layout.split_groups([(of_rows, [1] * len(rows))]):
        found += zip([group] * len(some), layout.words(some), layout.parse_orders(some), strict=True)
    assert found == rows
    for group, order in {(group, order) for group, _, order in rows}:
        words = [word for of_group, word, of_order in rows if (of_group, of_order) == (group, order)]
        assert layout.keys(group, order, words) == [layout.keys(group, order, [word])[0] for word in words]


# The job

SEGMENTATIONS = [
    Segmentation("space"),
    Segmentation("char"),
    Segmentation("regex", pattern=r"\w[\w ]?"),  # tokens with spaces: "a b" is one word, or two
    Segmentation("regex", pattern=r"(?s)."),
]
texts = st.text(st.one_of(st.sampled_from("aab  的\x00\x01\x02\r𠮷，"), characters), max_size=15)
records = st.lists(
    st.builds(Text, texts, st.sampled_from(["", "好", "a", "a\x00", "a\x01", "\x02"]), st.just(False)), max_size=6
)


@st.composite
def countings(draw):
    return Counting(
        draw(st.sampled_from(SEGMENTATIONS)),
        keeps_punctuation=draw(st.booleans()),
        orders=draw(st.sampled_from([(1, 1), (2, 2), (1, 3)])),
        has_documents=draw(st.booleans()),
        is_grouped=draw(st.booleans()),
    )


def merge_at_random(job, partials, draw):
    """Merge partials in random order; dump, map, load and split them at random."""
    partials = list(partials)
    while True:
        draw.shuffle(partials)
        partial = partials.pop()
        way = draw.randint(0, 3)
        if way == 0:
            partial = job.load(job.dump(partial))
        elif way == 1:
            partial = job.load(mapped(job.dump(partial)))
        elif way == 2:
            partial = functools.reduce(job.merge, draw.sample(job.split(partial, 3), 3))
        if not partials:
            return partial
        partials.append(job.merge(partials.pop(), partial))


@pytest.mark.costly
@given(records=records, counting=countings(), draw=st.randoms(use_true_random=False))
@examples(200)
def test_partials_merge_to_same_result(block, records, counting, draw):
    if not counting.is_grouped:
        records = [record._replace(group="") for record in records]
    job = WordCount(counting)
    job.setup(None)
    whole = job.finish(job.map(records))
    partials = [job.map([record]) for record in records] or [job.map([])]
    merged_ = job.finish(merge_at_random(job, partials, draw))
    assert list(merged_) == list(whole)
    assert without_nothing(merged_.totals) == without_nothing(whole.totals)


def without_nothing(totals):
    return {key: total for key, total in totals.items() if total}


@given(records=records, counting=countings(), n=st.integers(1, 5))
def test_split_by_hash_has_each_word_once(block, records, counting, n):
    job = WordCount(counting)
    job.setup(None)
    if not counting.is_grouped:
        records = [record._replace(group="") for record in records]
    parts = job.split(job.load(mapped(job.dump(job.map(records)))), n)
    assert len(parts) == n
    rows = []
    for number, part in enumerate(parts):
        counts = job.finish(part)
        rows += counts
        assert {crc32(row.word.encode()) % n for row in counts} <= {number}
        assert counts.totals == Counter({key: total for key, total in totals_of(counts).items() if total})
    assert sorted(rows) == list(job.finish(job.map(records)))


def totals_of(counts):
    totals = Counter()
    for row in counts:
        totals[row.group, row.order] += row.count
    return totals


@pytest.mark.costly
@pytest.mark.parametrize(
    "counting",
    [
        Counting(Segmentation("space")),
        Counting(Segmentation("space"), orders=(1, 2), has_documents=True),
        Counting(Segmentation("space"), is_grouped=True),
    ],
    ids=["words", "n-grams", "groups"],
)
def test_mapped_partial_weighs_nothing_and_ranks_alike(tmp_path, counting):
    draw = random.Random(3)
    words = ["".join(draw.choices("天地玄黄宇宙", k=draw.randint(1, 6))) for _ in range(3000)]
    texts = [
        Text(" ".join(draw.choices(words, k=30)), draw.choice("甲乙") if counting.is_grouped else "")
        for _ in range(1000)
    ]
    job = WordCount(counting)
    job.setup(None)
    whole = job.map(texts)
    parts = [job.map(texts[start : start + 100]) for start in range(0, len(texts), 100)]
    assert all(job.weight(part) > 100_000 for part in parts)
    spilled = functools.reduce(job.merge, [job.load(mapped(job.dump(part))) for part in parts])
    assert job.weight(spilled) < 20_000
    for options in {}, {"top": 5000}, {"top": 5000, "sort": "word"}, {"sort": "word"}, {"per_million": True}:
        ranking = Ranking(**options)
        scratch = Scratch(lambda: str(tmp_path), 1)
        rows = list(rank_rows(job.finish(spilled), ranking, scratch))
        assert rows == list(rank_rows(job.finish(whole), ranking)) and len(rows) > 1500


@pytest.mark.parametrize("orders", [(1, 1), (1, 2)], ids=str)
def test_weight_approximates_memory(orders):
    draw = random.Random(5)
    texts = [Text(" ".join("".join(draw.choices("天地玄黄宇宙洪荒", k=6)) for _ in range(50))) for _ in range(400)]
    job = WordCount(Counting(Segmentation("space"), orders=orders, has_documents=True))
    job.setup(None)
    job.map(texts[:1])
    tracemalloc.start()
    try:
        partial = job.map(texts)
        taken = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert taken / 2 < job.weight(partial) < 2 * taken


@pytest.mark.parametrize("options", [{}, {"sort": "word", "top": 70}], ids=["count", "word"])
def test_long_words_are_ranked_in_little_memory(tmp_path, options):
    """Words of 16 MB are ranked with some of them in memory."""
    scratch = Scratch(lambda: str(tmp_path), 1 << 20)
    expected = [(f"{number:02d}", 1 + number % 7) for number in range(80)]
    expected = sorted(expected, key=lambda row: (-row[1], row[0]))[: options.get("top")]
    if options.get("sort") == "word":
        expected.sort()
    tracemalloc.start()
    try:
        with CountSums(scratch) as sums:
            for number in range(80):
                sums.add("", f"{number:02d}" * 100_000, 1 + number % 7, 0)
            found = [(row[1][:2], row[2]) for row in rank_rows(sums.counts(), Ranking(**options), scratch)]
        assert tracemalloc.get_traced_memory()[1] < 9 << 20
    finally:
        tracemalloc.stop()
    assert found == expected
