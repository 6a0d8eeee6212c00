"""The kernel's functions for sorted runs equal their twins in Python."""

import random
import threading
from contextlib import suppress

import pytest
from conftest import examples
from hypothesis import given
from hypothesis import strategies as st

from kxcli.errors import DamagedPartialError
from kxcli.mining.wordcount.counts import Counts, KeyLayout, WordCountPartial
from kxcli.mining.wordcount.ranking import Ranking, encode_tsv, rank_rows
from kxcli.output.rows import encode_rows
from kxcli.tally.string_runs import DOCUMENT_SHIFT, decode_run, encode_run, merge_in_memory, merge_runs

_kernel = pytest.importorskip("kxcli._kernel")

MAX_NUMBER = (1 << 63) - 1


@pytest.fixture(scope="module", autouse=True)
def _allow_kernel():
    """Use the kernel in a run of the tests without it, too."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("KXCLI_KERNEL", raising=False)
        yield


letters = st.text("ab\t\n\r\2\1\uffff的一𠮷", max_size=4)
numbers = st.one_of(st.integers(1, 5), st.integers(1, 1 << 40))


@st.composite
def runs_of_words(draw):
    """A layout and the rows of its keys: a number for each key."""
    layout = KeyLayout(draw(st.booleans()), draw(st.sampled_from([(1, 1), (1, 2), (2, 99)])))
    words = draw(
        st.dictionaries(st.tuples(st.sampled_from(["", "a", "\1", "a\0", "好\t"]), letters), numbers, max_size=30)
    )
    rows = {}
    for (group, word), count in words.items():
        order = draw(st.sampled_from(layout.orders))
        documents = draw(st.sampled_from([0, 1, 300])) << DOCUMENT_SHIFT
        rows[layout.keys(group, order, [word + "x"])[0]] = count | documents
    return layout, rows


def encode(rows):
    keys = sorted(rows)
    return b"".join(encode_run([(keys, [rows[key] for key in keys])]))


def decode(data):
    return [row for keys, numbers in decode_run(data) for row in zip(keys, numbers, strict=True)]


@given(st.lists(st.dictionaries(st.text("ab\1\2的𠮷\ud800", max_size=3), numbers, max_size=20), max_size=5))
@examples(150)
def test_merged_runs_equal_those_of_python(parts):
    runs = [encode(rows) for rows in parts]
    slow = [row for block in merge_runs(map(decode_run, runs)) for row in zip(*block, strict=True)]
    assert decode(_kernel.merge_runs(runs)) == slow
    assert decode(_kernel.merge_runs([memoryview(run) for run in runs])) == slow


def test_many_rows_and_long_keys_are_merged():
    source = random.Random(3)
    parts = [
        {f"{source.randrange(9000):x}" * source.choice([1, 2, 50]): source.randrange(1, 1 << 50) for _ in range(5000)}
        for _ in range(4)
    ]
    parts.append({"长" * 100_000: 1, "长" * 100_001: 2 | 7 << DOCUMENT_SHIFT})
    runs = [encode(rows) for rows in parts]
    slow = [row for block in merge_runs(map(decode_run, runs)) for row in zip(*block, strict=True)]
    assert decode(_kernel.merge_runs(runs)) == slow


@given(
    runs_of_words(),
    st.sampled_from(["count", "word"]),
    st.one_of(st.none(), st.integers(0, 4)),
    st.sampled_from([1, 2, 1 << 20]),
    st.booleans(),
)
@examples(300)
def test_ranked_lines_equal_those_of_python(case, sort, top, min_count, has_documents):
    layout, rows = case
    run = encode(rows)
    counts = Counts(layout, WordCountPartial(runs=[memoryview(run)]))
    ranking = Ranking(sort, top, min_count)
    columns = ("word", "count") + ("df",) * has_documents
    cells = [
        (*group.split("\0"),) * layout.is_grouped + (word, count) + (documents,) * has_documents
        for group, word, count, documents, _ in rank_rows(counts, ranking)
    ]
    assert encode_tsv(counts, ranking, columns, 1 << 30) == b"".join(
        block for row in cells for block in encode_rows([row], row, "tsv", header=False)
    )


def test_what_the_kernel_cannot_write_is_left_to_python(monkeypatch):
    counts = Counts(KeyLayout(), WordCountPartial(runs=[encode({"a": 3, "b": 5})]))
    assert encode_tsv(counts, Ranking(), ("word", "count"), 1 << 10) == b"b\t5\na\t3\n"
    assert encode_tsv(counts, Ranking(), ("word", "count"), 100) is None
    assert encode_tsv(counts, Ranking(per_million=True), ("word", "count", "per_million"), 1 << 10) is None
    large = Counts(KeyLayout(), WordCountPartial(runs=[encode({"a": MAX_NUMBER + 1})]))
    assert encode_tsv(large, Ranking(), ("word", "count"), 1 << 10) is None
    monkeypatch.setenv("KXCLI_KERNEL", "off")
    assert encode_tsv(counts, Ranking(), ("word", "count"), 1 << 10) is None


def test_numbers_above_63_bits_are_refused():
    largest, half = encode({"a": MAX_NUMBER}), encode({"a": 1 << 62})
    assert decode(_kernel.merge_runs([largest])) == [("a", MAX_NUMBER)]
    assert decode(_kernel.merge_runs([half, encode({"a": (1 << 62) - 1})])) == [("a", MAX_NUMBER)]
    too_large = [[half, half], [largest, encode({"a": 1})], [encode({"a": MAX_NUMBER + 1})], [encode({"a": 1 << 64})]]
    for runs in too_large:
        with pytest.raises(OverflowError):
            _kernel.merge_runs(runs)


def test_blocks_of_json_are_refused():
    with pytest.raises(ValueError, match="only Python"):
        _kernel.merge_runs([encode({"a\0b": 1})])


def test_lone_surrogates_are_refused_in_lines():
    with pytest.raises(ValueError, match="only Python"):
        _kernel.format_tsv(encode({"\ud800": 1}), False, False, False)
    assert _kernel.format_tsv(encode({"\ud7ff\ue000": 1}), False, False, False) == "\ud7ff\ue000\t1\n".encode()


def call_all(data):
    """Return how many functions refuse the data."""
    refused = 0
    for flags in (False, False), (True, True):
        for call in (
            lambda: _kernel.merge_runs([data, data]),
            lambda flags=flags: _kernel.rank_run(data, flags[0], True, 2, 1),
            lambda flags=flags: _kernel.format_tsv(data, flags[0], flags[1], True),
        ):
            try:
                call()
            except (ValueError, OverflowError):
                refused += 1
    return refused


def test_truncated_runs_are_refused():
    data = encode({"a\1b\1!": 1 | 3 << DOCUMENT_SHIFT, "a\1c\1!": 1 << 20})
    assert call_all(data) == 0
    assert all(call_all(data[:end]) == 6 for end in range(1, len(data)))


@given(runs_of_words(), st.integers(0, 1 << 30), st.integers(0, 255))
@examples(300)
def test_damaged_runs_are_read_or_refused(case, place, value):
    data = bytearray(encode(case[1]) or b"\0")
    data[place % len(data)] = value
    call_all(bytes(data))


def test_wrong_arguments_are_refused():
    for call in (
        lambda: _kernel.merge_runs(1),
        lambda: _kernel.merge_runs(["a"]),
        lambda: _kernel.merge_runs([b"", 1]),
        lambda: _kernel.rank_run("a", True, True, 1, 1),
        lambda: _kernel.format_tsv(b"", True, True),
    ):
        with pytest.raises(TypeError):
            call()


def test_threads_merge_the_same_runs():
    run = encode({f"{i:05}": i + 1 for i in range(5000)})
    found = []
    threads = [threading.Thread(target=lambda: found.append(_kernel.merge_runs([run, run]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [found[0]] * 4 and decode(found[0])[7] == ("00007", 16)


def test_an_empty_run_has_no_lines():
    assert _kernel.merge_runs([]) == _kernel.merge_runs([b"", memoryview(b"")]) == b""
    assert _kernel.rank_run(b"", True, False, -1, 1) == _kernel.format_tsv(b"", True, True, True) == b""


def test_truncated_runs_are_damaged_partials():
    run = b"".join(map(encode, ({"a": 3, "b": 5 | 2 << DOCUMENT_SHIFT}, {"c": 1})))
    borders = {len(encode({"a": 3, "b": 5 | 2 << DOCUMENT_SHIFT}))}
    for size in set(range(1, len(run))) - borders:
        with pytest.raises(DamagedPartialError):
            merge_in_memory([run[:size], encode({"d": 1})])
        counts = Counts(KeyLayout(), WordCountPartial(runs=[run[:size]]))
        with suppress(DamagedPartialError):  # Python reads the rows, and reports the damage
            assert encode_tsv(counts, Ranking(), ("word", "count"), 1 << 20) is None
        with pytest.raises(DamagedPartialError):
            list(rank_rows(counts, Ranking()))
