"""Counts by document: the job, document frequencies, dispersion and matrices equal simple definitions."""

import itertools
import math
import statistics
from collections import Counter, defaultdict
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.mining import Counting, Ranking, Segmentation, Text, rank_rows
from kxcli.mining.documents import counts as of_counts
from kxcli.mining.documents.job import DocumentWordCount
from kxcli.mining.documents.keys import encode_number
from kxcli.mining.documents.rows import rank_dispersion, sum_documents
from kxcli.mining.segment import prepare
from kxcli.tally import string_runs
from kxcli.tally.scratch import Scratch

SPACE = Segmentation("space")


@dataclass
class Block:
    """Lines that are documents, as bytes or text."""

    data: bytes | str
    document: int = 0
    group: str = ""
    has_continuation: bool = False
    is_lines: bool = True

    @property
    def text(self):
        return self.data if isinstance(self.data, str) else self.data.decode()


words = st.sampled_from(["a", "b", "天", "𠮷", "c\1", "\2", "，", " "])
lines = st.lists(words, max_size=6).map(" ".join)
documents = st.lists(st.tuples(lines, st.sampled_from(["", "g", "好\0"]), st.integers(0, 6)), max_size=9)
countings = st.builds(
    Counting,
    segmentation=st.just(SPACE),
    orders=st.sampled_from([(1, 1), (1, 2), (2, 2), (1, 13)]),
    is_grouped=st.booleans(),
    lower=st.booleans(),
)


def find_grams(text, counting):
    """Return the n-grams of a line, by order."""
    runs = [[]]
    for word in text.split():
        if any(map(str.isalnum, word)):
            runs[-1].append(word)
        else:
            runs.append([])
    orders = range(counting.orders[0], counting.orders[1] + 1)
    return {
        order: [" ".join(run[i : i + order]) for run in runs for i in range(len(run) - order + 1)] for order in orders
    }


def count(parts, counting):
    """Return the counts of n-grams by group and order, then by document."""
    counts = defaultdict(lambda: defaultdict(Counter))
    for text, group, number in parts:
        for order, grams in find_grams(text, counting).items():
            counts[group if counting.is_grouped else "", order][number].update(grams)
    return counts


def make_job(counting, unit="texts"):
    job = DocumentWordCount(counting, unit)
    job.setup(prepare(counting.segmentation))
    return job


def decode(finished, scratch=None):
    """Return final counts in the form of `count`."""
    counts = defaultdict(lambda: defaultdict(Counter))
    layout = finished.layout
    for group in finished.groups(scratch):
        for order in range(layout.orders[0], layout.orders[1] + 1):
            for number in group.numbers.tolist():
                counts[group.name, order][number].update()
        for postings in group.postings:
            ends = [*postings.starts[1:].tolist(), len(postings.documents)]
            for key, start, end in zip(postings.keys, postings.starts.tolist(), ends, strict=True):
                word, _, order = key.partition("\1")
                (word,), order = layout.unescape([word]), layout.parse_orders([order])[0]
                for document, n in zip(postings.documents[start:end], postings.counts[start:end], strict=True):
                    counts[group.name, order][int(group.numbers[document])][word] += int(n)
        sizes = {
            (group.name, layout.orders[0] + i, number): int(size)
            for i, row in enumerate(group.sizes)
            for number, size in zip(group.numbers.tolist(), row, strict=True)
        }
        assert sizes == {
            (name, order, number): sum(own.values())
            for (name, order), by_number in counts.items()
            if name == group.name
            for number, own in by_number.items()
        }
    return counts


@pytest.fixture(params=["kernel", "off"])
def kernel(request, monkeypatch):
    """With the kernel, and without it."""
    if request.param == "off":
        monkeypatch.setenv("KXCLI_KERNEL", "off")


@given(parts=documents, counting=countings)
@settings(max_examples=60)
def test_counts_by_document_equal_their_definition(kernel, parts, counting):
    job = make_job(counting)
    records = [Text(text, group if counting.is_grouped else "", document=number) for text, group, number in parts]
    assert decode(job.finish(job.map(records))) == count(parts, counting)


@given(parts=documents, counting=countings, cuts=st.tuples(st.integers(0, 9), st.integers(0, 9)))
@settings(max_examples=20)
def test_documents_in_several_partials_are_merged(parts, counting, cuts):
    job = make_job(counting)
    records = [Text(text, group if counting.is_grouped else "", document=number) for text, group, number in parts]
    first, second = sorted(cuts)
    pieces = records[:first], records[first:second], records[second:]
    for a, b, c in itertools.permutations(pieces):
        merged = job.merge(job.load(job.dump(job.map(a))), job.merge(job.map(b), job.map(c)))
        assert decode(job.finish(merged)) == count(parts, counting)


@given(parts=st.lists(lines, max_size=6), number=st.integers(0, 100), ends_with_lf=st.booleans(), counting=countings)
@settings(max_examples=60)
def test_lines_of_a_block_are_numbered(kernel, parts, number, ends_with_lf, counting):
    counting = replace(counting, is_grouped=False)
    text = "\n".join(parts) + "\n" * (ends_with_lf and bool(parts))
    if not ends_with_lf and parts and not parts[-1]:
        parts = parts[:-1]  # nothing follows the last LF
    for data in text, text.encode():
        job = make_job(counting, "lines")
        numbered = [(part, "", number + i) for i, part in enumerate(parts)]
        assert decode(job.finish(job.map([Block(data, number)]))) == count(numbered, counting)
        job = make_job(counting)
        whole = [(part, "", number) for part in [*parts, ""]]
        assert decode(job.finish(job.map([Block(data, number)]))) == count(whole, counting)


def test_numbers_in_keys_have_the_order_of_numbers():
    numbers = [0, 1, 63, 64, 4095, 4096, (1 << 41) - 1, 1 << 41, (1 << 63) - 1]
    keys = list(map(encode_number, numbers))
    assert keys == sorted(keys)
    assert of_counts.decode_numbers(keys).tolist() == numbers


# Document frequencies and dispersion


def measure(counts, sizes):
    """Return range, DP, its normalized form and Juilland's D by their definitions."""
    parts = [(v, s) for v, s in zip(counts, sizes, strict=True) if s]
    f, total, n = sum(counts), sum(sizes), len(parts)
    dp = sum(abs(v / f - s / total) for v, s in parts) / 2
    if n == 1:
        return [1, dp, None, None]
    rates = [v / s for v, s in parts]
    d = 1 - statistics.pstdev(rates) / statistics.fmean(rates) / math.sqrt(n - 1)
    return [sum(v > 0 for v, _ in parts), dp, dp / (1 - min(s for _, s in parts) / total), d]


def define_rows(counts):
    rows = {}
    for (group, order), by_number in counts.items():
        numbers = sorted(by_number)
        for word in set().union(*by_number.values()):
            own = [by_number[number][word] for number in numbers]
            sizes = [sum(by_number[number].values()) for number in numbers]
            rows[group, word, order] = [sum(own), *measure(own, sizes)]
    return rows


@given(parts=documents, counting=countings)
@settings(max_examples=60)
def test_dispersion_equals_its_definition(parts, counting):
    job = make_job(counting)
    records = [Text(text, group if counting.is_grouped else "", document=number) for text, group, number in parts]
    finished = job.finish(job.map(records))
    expected = define_rows(count(parts, counting))
    rows = list(rank_dispersion(finished, Ranking(per_million=True)))
    plain = list(rank_rows(sum_documents(finished), Ranking(per_million=True)))
    assert [row[:5] for row in rows] == plain
    found = {}
    for group, word, n, df, _, spread, *values in rows:
        assert spread == df
        order = next(
            order
            for order in range(counting.orders[0], counting.orders[1] + 1)
            if (group, word, order) in expected and (group, word, order) not in found
        )
        found[group, word, order] = [n, spread, *values]
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        assert found[key] == [value if value is None else pytest.approx(value, abs=6e-7) for value in values]


def test_dispersion_of_published_example():
    """Gries, Dispersions and adjusted frequencies in corpora (2008), section 2: DP of a is .18, D is .785."""
    texts = [
        "b a m n i b e u p",
        "b a s a t b e w q n",
        "b c a g a b e s t a",
        "b a g h a b e a a t",
        "b a h a a b e a x a t",
    ]
    job = make_job(Counting(SPACE))
    finished = job.finish(job.map(Text(text, document=number) for number, text in enumerate(texts)))
    rows = {row[1]: row[2:] for row in rank_dispersion(finished, Ranking())}
    assert rows["a"] == (15, 5, 0.0, 5, 0.18, 0.219512, 0.78515)
    assert rows["x"] == (1, 1, 0.0, 1, 0.78, 0.95122, 0.0)


def test_documents_without_words_are_no_parts():
    job = make_job(Counting(SPACE))
    texts = ["a b", "", "a b", "，"]
    finished = job.finish(job.map(Text(text, document=number) for number, text in enumerate(texts)))
    assert [row[5:] for row in rank_dispersion(finished, Ranking())] == [(2, 0.0, 0.0, 1.0)] * 2


def test_one_part_has_no_normalized_dispersion():
    job = make_job(Counting(SPACE))
    finished = job.finish(job.map([Text("a a b", document=7)]))
    assert [row[5:] for row in rank_dispersion(finished, Ranking())] == [(1, 0.0, None, None)] * 2


@pytest.mark.parametrize("sort", ["count", "word"])
@pytest.mark.parametrize("top", [None, 3])
def test_rows_do_not_depend_on_memory(monkeypatch, tmp_path, sort, top):
    job = make_job(Counting(SPACE, orders=(1, 2), is_grouped=True))
    texts = [Text(" ".join(f"w{i % k}" for k in (2, 3, 5, 7)), "ab"[i % 2], document=i) for i in range(200)]
    ranking = Ranking(sort, top)
    whole = job.finish(job.map(texts))
    rows, plain = list(rank_dispersion(whole, ranking)), list(rank_rows(sum_documents(whole), ranking))
    assert [row[:5] for row in rows] == plain
    monkeypatch.setattr(string_runs, "BLOCK_ROWS", 7)  # n-grams go on in the next block
    partials = [job.load(job.dump(job.map(texts[start : start + 9]))) for start in range(0, 200, 9)]
    parts = partials[0]
    for partial in partials[1:]:
        parts = job.merge(parts, partial)
    for some in (None, Scratch(lambda: str(tmp_path), 1)):
        assert list(rank_dispersion(job.finish(parts), ranking, some)) == rows
        assert list(rank_rows(sum_documents(job.finish(parts), some), ranking, some)) == plain
