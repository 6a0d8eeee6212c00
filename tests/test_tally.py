"""Tallies in memory and on disk have the counts of a plain Counter."""

import functools
import pickle
from collections import Counter

import numpy as np
import pytest
from conftest import mapped
from hypothesis import given
from hypothesis import strategies as st

from kxcli.arrays import key_index
from kxcli.arrays.key_index import KeyIndex
from kxcli.errors import DamagedPartialError
from kxcli.tally import Tally, frames, key_runs, keys
from kxcli.tally.buckets import Buckets, count_buckets, may_be_frequent
from kxcli.tally.dense import DenseTally
from kxcli.tally.key_runs import merge_key_runs
from kxcli.tally.keys import KeyTally

# Words and tallies

characters = st.one_of(
    st.sampled_from("ab的一在雨\x00\x01\x0b\r\t \ufeff\uffff𠮷😀\U0010ffff"),
    st.characters(exclude_categories=["Cs"], exclude_characters="\n"),
)
words = st.text(characters, min_size=1, max_size=7)
word_lists = st.lists(words, max_size=30)


def tallied(lists):
    made = Tally()
    for some in lists:
        made.add(some)
    return made


def counted(lists):
    return Counter(word for some in lists for word in some)


@given(a=word_lists, b=word_lists, c=word_lists)
def test_merging_tallies_is_associative_and_commutative(a, b, c):
    expected = counted([a, b, c])
    assert tallied([a, b, c]).counts() == expected
    assert tallied([a]).merge(tallied([b])).merge(tallied([c])).counts() == expected
    assert tallied([c]).merge(tallied([b]).merge(tallied([a]))).counts() == expected
    assert Tally().merge(tallied([a])).merge(Tally()).counts() == counted([a])


@given(a=word_lists, b=word_lists, more=word_lists)
def test_tally_survives_dump_and_load(a, b, more):
    made = tallied([a])
    assert Tally.load(made.dump()).counts() == made.counts() == counted([a])
    again = Tally.load(mapped(made.dump())).merge(Tally.load(tallied([b]).dump()))
    again.add(more)
    assert Tally.load(again.dump()).counts() == counted([a, b, more])
    assert pickle.loads(pickle.dumps(made)).counts() == counted([a])


def test_tally_of_given_counts():
    made = Tally({"的": 3}).merge(Tally({"的": 1, "a": 2}))
    made.add_number("a", 5)
    assert made.counts() == {"的": 4, "a": 7}


# Keys

key_values = st.one_of(st.integers(1, 5), st.integers(1, 200_000), st.integers(1, 2**64 - 1))
key_lists = st.lists(st.lists(key_values, max_size=60), min_size=1, max_size=5)


def as_keys(values):
    return np.array(values, dtype=np.uint64)


def as_dict(pairs):
    found, counts = pairs
    assert (found[1:] > found[:-1]).all() and (counts > 0).all()
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


@pytest.fixture(params=["as-set", "tiny"])
def room(request, monkeypatch):
    """The limits: the default ones, or tiny ones, with loaded keys in small parts."""
    if request.param == "as-set":
        return None
    for name, size in [("_MAX_PENDING", 9), ("_MAX_KEYS", 12)]:
        monkeypatch.setattr(keys, name, size)
    for name, size in [("_MIN_MERGE_PAIRS", 5), ("_SAMPLE", 2)]:
        monkeypatch.setattr(key_runs, name, size)
    return 64 * 7


def key_tally(lists):
    made = KeyTally()
    for some in lists:
        made.counter.add(as_keys(some))
        made.limit_counter()
    return made


def all_of(made, room):
    parts = list(made.parts(room))
    return as_dict([np.concatenate(column) for column in zip(*parts, strict=True)])


def loaded(made):
    return KeyTally().restore(mapped(made.dump()))


@given(lists=key_lists)
def test_key_counts_equal_counter(room, lists):
    expected = Counter(key for some in lists for key in some)
    assert all_of(key_tally(lists), room) == expected


@given(a=key_lists, b=key_lists, c=key_lists)
def test_key_tallies_merge_in_any_order_and_as_bytes(room, a, b, c):
    expected = Counter(key for some in [*a, *b, *c] for key in some)
    one, two, three = (key_tally(lists) for lists in (a, b, c))
    assert all_of(one.merge(two).merge(three), room) == expected
    one, two, three = (loaded(key_tally(lists)) for lists in (a, b, c))
    assert all_of(three.merge(two.merge(one)), room) == expected
    one, two = loaded(key_tally(a)), KeyTally().restore(key_tally(b).dump())
    both = loaded(one.merge(two)).merge(key_tally(c))
    assert all_of(both, room) == expected
    assert KeyTally().restore(both.dump()).merge(KeyTally()).select_frequent(1, room)[0].tolist() == sorted(expected)


@given(lists=key_lists, least=st.integers(1, 4))
def test_frequent_keys_reach_min_count(room, lists, least):
    expected = Counter(key for some in lists for key in some)
    got = as_dict(loaded(key_tally(lists)).select_frequent(least, room))
    assert got == {key: count for key, count in expected.items() if count >= least}


def test_loaded_keys_are_ascending_parts_that_fit_memory(monkeypatch):
    monkeypatch.setattr(keys, "_MAX_KEYS", 50_000)
    draw = np.random.default_rng(7)
    made, slowly = KeyTally(), Counter()
    for _ in range(30):
        some = draw.zipf(1.2, 30_000).astype(np.uint64)
        some = some[some != 0]
        slowly.update(some.tolist())
        part = key_tally([some.tolist()])
        assert part.weight > 0
        made.merge(loaded(part))
        assert made.weight == 0
    parts = list(made.parts(1 << 16))
    assert len(parts) > 5
    assert as_dict([np.concatenate(column) for column in zip(*parts, strict=True)]) == slowly
    assert max(len(part) for part, _ in parts) < 4 * (1 << 16) // 64


def test_dumped_keys_are_read_at_any_alignment():
    data = key_tally([[3, 1, 3, 2**64 - 1]]).dump()
    for before in range(9):
        view = mapped(bytes(before) + data)[before:]
        assert all_of(KeyTally().restore(view).merge(KeyTally().restore(view)), 1) == {1: 2, 3: 4, 2**64 - 1: 2}


@given(lists=key_lists)
def test_merged_keys_are_ascending_with_sums(lists):
    some = merge_key_runs([(as_keys(keys_), np.ones(len(keys_), dtype=np.int64)) for keys_ in lists])
    assert as_dict(some) == Counter(key for keys_ in lists for key in keys_)


@given(known=st.lists(key_values, unique=True, max_size=60), requested=st.lists(key_values, max_size=60))
def test_index_finds_number_of_key(monkeypatch, known, requested):
    for fewest, room in (8, 8), (1, 1):  # with the second, keys find no slot in any table
        monkeypatch.setattr(key_index, "_MIN_BITS", fewest)
        monkeypatch.setattr(key_index, "_SLOTS_PER_KEY", room)
        monkeypatch.setattr(key_index, "_PIECE", 7)
        numbers = {key: number for number, key in enumerate(known, 1)}
        found = KeyIndex.from_keys(as_keys(known)).find(as_keys([*requested, *known]))
        assert found.tolist() == [numbers.get(key, 0) for key in [*requested, *known]]


def test_crowded_index_finds_all_keys(monkeypatch):
    monkeypatch.setattr(key_index, "_SLOTS_PER_KEY", 1)
    draw = np.random.default_rng(3)
    known = np.unique(draw.integers(1, 1 << 40, 50_000, dtype=np.uint64))
    draw.shuffle(known)
    assert KeyIndex.from_keys(known).find(known).tolist() == list(range(1, len(known) + 1))
    assert not KeyIndex.from_keys(known).find(known + np.uint64(1 << 41)).any()


@given(lists=key_lists, bits=st.integers(3, 8), least=st.one_of(st.integers(1, 4), st.just(300)))
def test_no_frequent_key_is_in_a_rare_bucket(lists, bits, least):
    parts = []
    for some in lists:
        part = Buckets(bits)
        count_buckets(part.counts(), as_keys(some))
        parts.append(part)
    parts[0] = Buckets(bits).restore(parts[0].dump())
    frequent = functools.reduce(Buckets.merge, parts).find_frequent(least)
    assert frequent.shape == (1 << bits >> 3,)
    for key, count in Counter(key for some in lists for key in some).items():
        if count >= least:
            assert may_be_frequent(as_keys([key]), frequent).all()


def test_buckets_are_full_at_255():
    made = Buckets(3)
    for _ in range(3):
        count_buckets(made.counts(), as_keys([7] * 100))
    assert made.merge(made).counts().max() == 255


@given(lists=st.lists(st.lists(st.integers(0, 9), max_size=30), min_size=1, max_size=5))
def test_dense_counts_equal_counter(lists):
    expected = [Counter(n for some in lists for n in some)[n] for n in range(10)]
    parts = []
    for some in lists:
        part = DenseTally(10)
        part.add(np.array(some, dtype=np.uint32))
        parts.append(part)
    parts[-1] = DenseTally(10).restore(mapped(parts[-1].dump()))
    made = functools.reduce(DenseTally.merge, parts)
    assert made.counts().tolist() == expected


@pytest.mark.parametrize("size", [0, 10])
@pytest.mark.parametrize("n_bytes", [5, 30, 41, 160])
def test_damaged_dense_counts_are_found_at_once(size, n_bytes):
    with pytest.raises(DamagedPartialError):
        DenseTally(size).restore(bytes(n_bytes))


def test_buckets_exclude_most_rare_keys():
    made = Buckets(16)
    count_buckets(made.counts(), np.arange(1, 2001, dtype=np.uint64))
    count_buckets(made.counts(), as_keys([5, 5]))
    assert np.flatnonzero(may_be_frequent(np.arange(1, 2001, dtype=np.uint64), made.find_frequent(3))).tolist() == [4]


@given(st.lists(st.binary(max_size=9), max_size=6))
def test_split_parts_inverts_join_parts(parts):
    assert frames.split_parts(frames.join_parts(parts)) == parts
