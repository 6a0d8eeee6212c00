"""The kernel's counters and tries equal their twins in Python, and the best cut its definition."""

import itertools
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining.newwords.trie import PythonTrie, pack_pair
from kxcli.tally.keys import PythonKeyCounter

_kernel = pytest.importorskip("kxcli._kernel")

KINDS = _kernel.Trie, PythonTrie
NONE = float("-inf")
N_CHARACTERS = 4
words_of = st.lists(st.lists(st.integers(1, N_CHARACTERS), min_size=2, max_size=6).map(tuple), max_size=30, unique=True)
bodies = st.lists(st.one_of(st.integers(0, N_CHARACTERS), st.integers(1, 2)), max_size=60)
scales = st.sampled_from([1, 1, 1, 80])  # texts of more than one part
seeds = st.integers(0, 1 << 30).map(np.random.default_rng)


def as_array(values, kind=np.uint32):
    return np.array(values, dtype=kind)


def as_text(body, scale=1):
    return as_array([0, *body * scale, 0])


def make_arrays(words, *, with_suffixes=False):
    """Return the keys of a trie of words, and the number of the word that ends at each node."""
    pieces = {word[:n] for word in words for n in range(2, len(word) + 1)}
    if with_suffixes:
        pieces = {piece[first:] for piece in pieces for first in range(len(piece) - 1)}
        pieces = {piece[:n] for piece in pieces for n in range(2, len(piece) + 1)}
    nodes = {(character,): character for character in range(1, N_CHARACTERS + 1)}
    for piece in sorted(pieces, key=lambda piece: (len(piece), piece)):
        nodes[piece] = len(nodes) + 1
    keys = [nodes[piece[:-1]] << 21 | piece[-1] for piece in nodes if len(piece) > 1]
    numbers = {word: number for number, word in enumerate(words, 1)}
    return as_array(keys, np.uint64), as_array([0, *(numbers.get(piece, 0) for piece in nodes)]), nodes


def make_tries(words, scores=None, **options):
    keys, endings, nodes = make_arrays(words, **options)
    return [kind(N_CHARACTERS, keys, endings if scores is None else scores) for kind in KINDS], nodes


def drain(counter):
    keys, counts = (np.frombuffer(data, dtype=np.uint64).tolist() for data in counter.drain())
    assert len(set(keys)) == len(keys)
    return dict(zip(keys, counts, strict=True))


@given(lists=st.lists(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**64 - 1)), max_size=30), max_size=6))
def test_counters_equal_a_plain_count(lists):
    expected = Counter(key for keys in lists for key in keys if key)
    for counter in _kernel.KeyCounter(), PythonKeyCounter():
        for keys in lists:
            counter.add(as_array(keys, np.uint64))
        assert len(counter) >= len(expected)
        assert drain(counter) == expected and len(counter) == 0
        counts = as_array(range(len(lists)), np.int64)
        counter.add(as_array(range(len(lists)), np.uint64), counts)
        assert drain(counter) == {n: n for n in range(1, len(lists))}


def test_counter_grows():
    keys = np.random.default_rng(1).integers(1, 1 << 60, 300_000, dtype=np.uint64)
    counter = _kernel.KeyCounter()
    for part in np.array_split(np.concatenate((keys, keys[::2])), 7):
        counter.add(part)
    assert counter.n_bytes >= 16 * len(counter)
    expected = Counter(keys.tolist())
    expected.update(keys[::2].tolist())
    assert drain(counter) == expected


def test_counts_of_another_counter_are_added_in_its_order():
    full = _kernel.KeyCounter()
    full.add(np.random.default_rng(1).integers(1, 1 << 60, 200_000, dtype=np.uint64))
    keys, counts = (np.frombuffer(data, dtype=np.uint64) for data in full.drain())
    counter = _kernel.KeyCounter()
    counter.add(keys, counts)
    assert drain(counter) == dict(zip(keys.tolist(), counts.tolist(), strict=True))


@pytest.mark.parametrize("n", [0, 1, 341, 342, 511, 512, 513, 1023, 1024, 1025, 4096])
def test_all_keys_are_found_whatever_their_number(n):
    keys = pack_pair(np.ones(n, dtype=np.uint32), np.arange(1, n + 1, dtype=np.uint32))
    characters = np.arange(1, 5001, dtype=np.uint32)
    found = [kind(5000, keys).find_children(np.ones_like(characters), characters) for kind in KINDS]
    assert found[0] == found[1]
    assert np.count_nonzero(np.frombuffer(found[0], dtype=np.uint32)) == n


@given(words=words_of, nodes=st.lists(st.integers(0, 60), max_size=300))
def test_children_are_found(words, nodes):
    (trie, twin), _ = make_tries(words)
    for character in range(N_CHARACTERS + 2):
        characters = as_array([character] * len(nodes))
        assert trie.find_children(as_array(nodes), characters) == twin.find_children(as_array(nodes), characters)


@given(words=words_of, body=bodies, scale=scales, order=st.integers(2, 6), n_frequent=st.integers(0, 5), draw=seeds)
def test_ngrams_are_counted(words, body, scale, order, n_frequent, draw):
    shorter = [word[: order - 1] for word in words if len(word) >= order - 1 and order > 2]
    (trie, twin), _ = make_tries(sorted(set(shorter)), with_suffixes=True)
    may_be = None if order == 2 else draw.integers(0, 256, 4, dtype=np.uint8)
    found = []
    for kind, counter in (trie, _kernel.KeyCounter()), (twin, PythonKeyCounter()):
        buckets = np.full(draw.choice([0, 64]) if not found else len(found[0][1]), 250, dtype=np.uint8)
        kind.count_ngrams(as_text(body, scale), order, n_frequent, may_be, buckets, counter)
        found.append((drain(counter), buckets.tolist()))
    assert found[0] == found[1]


def cut_by_definition(block, score, max_word):
    """Return the borders of the best cut of a piece; ties prefer the longest last word."""
    best, last = [0], [0]
    for end in range(1, len(block) + 1):
        choices = ((best[end - n] + score(block[end - n : end]), n) for n in range(1, min(max_word, end) + 1))
        value, n = max(choices)
        best.append(value)
        last.append(n)
    borders = [len(block)]
    while borders[-1]:
        borders.append(borders[-1] - last[borders[-1]])
    return borders[::-1]


def count_by_definition(body, score, nodes, max_word, max_block):
    """Return the counts of words, and of pieces between two cuts, by node."""
    words, aligned = Counter(), Counter()
    for block in "".join(map(str, body)).split("0"):
        borders = []
        for first in range(0, len(block), max_block):
            piece = tuple(map(int, block[first : first + max_block]))
            borders += [first + border for border in cut_by_definition(piece, score, max_word)]
        borders = sorted(set(borders))
        words.update(nodes[tuple(map(int, block[a:b]))] for a, b in pairwise(borders))
        pieces = (tuple(map(int, block[a:b])) for a in borders for b in borders if 0 < b - a <= max_word)
        aligned.update(nodes[piece] for piece in pieces if piece in nodes)
    return words, aligned


@given(
    words=words_of,
    body=bodies,
    scale=scales,
    max_word=st.integers(1, 6),
    max_block=st.sampled_from([1, 2, 3, 5, 1000]),
    spread=st.sampled_from([0, 1, 3]),
    draw=seeds,
)
def test_words_of_the_best_cut_are_counted(words, body, scale, max_word, max_block, spread, draw):
    nodes = make_arrays(words)[-1]
    scores = draw.integers(-spread, spread, len(nodes) + 1, endpoint=True).astype(np.float32)
    scores[N_CHARACTERS + 1 :][draw.random(len(nodes) - N_CHARACTERS) < 0.3] = NONE
    scores[0] = NONE

    def score(piece):
        return float(scores[nodes[piece]]) if piece in nodes else NONE

    expected = count_by_definition(body, score, nodes, max_word, max_block)
    for trie in make_tries(words, scores)[0]:
        counts = np.zeros(2 * len(scores), dtype=np.int64)
        trie.count_words(as_text([*body, 0], scale), max_word, max_block, counts)
        for column, counter in zip(counts.reshape(-1, 2).T, expected, strict=True):
            assert +Counter(dict(enumerate(column.tolist()[1:], 1))) == {n: scale * c for n, c in counter.items()}


@given(words=words_of, body=bodies, scale=scales)
def test_neighbors_and_documents_are_counted(words, body, scale):
    tries, nodes = make_tries(words)
    text = as_text(body, scale)
    documents = as_array(1 + np.cumsum(text == 0))
    docs = {nodes[piece]: set() for piece in [*words, *((character,) for character in range(1, N_CHARACTERS + 1))]}
    for piece, start in itertools.product([piece for piece in nodes if nodes[piece] in docs], range(len(text))):
        if tuple(text[start : start + len(piece)].tolist()) == piece:
            docs[nodes[piece]].add(int(documents[start]))
    expected = [Counter(), Counter()]
    for number, word in enumerate(words, 1):
        for start in range(1, len(text) - len(word)):
            if tuple(text[start : start + len(word)].tolist()) == word:
                expected[0][number << 21 | int(text[start - 1])] += 1
                expected[1][number << 21 | int(text[start + len(word)])] += 1
    for trie, kind in zip(tries, (_kernel.KeyCounter, PythonKeyCounter), strict=True):
        counters = kind(), kind()
        last, counts = np.zeros(len(nodes) + 1, dtype=np.uint32), np.zeros(len(nodes) + 1, dtype=np.int64)
        trie.count_neighbors(text, documents, last, counts, *counters)
        assert list(map(drain, counters)) == expected
        assert [counts[node] for node in docs] == [len(found) for found in docs.values()]


@given(words=words_of, body=bodies, scale=scales, max_length=st.integers(2, 12))
def test_segments_equal_those_of_the_twin(words, body, scale, max_length):
    tries, _ = make_tries(words)
    found = []
    for trie in tries:
        counts = np.zeros(N_CHARACTERS + 1, dtype=np.int64), np.zeros(len(words) + 1, dtype=np.int64)
        order = max(map(len, words), default=2)
        spans = trie.count_segments(as_text(body, scale), order, max_length, *counts)
        found.append((spans, [count.tolist() for count in counts]))
    assert found[0] == found[1]


@pytest.mark.parametrize("body", [[], [1], [1, 2], [0, 2, 1], [1, 2, 3]])
def test_words_may_be_longer_than_a_text(body):
    tries, nodes = make_tries([(1, 2), (1, 2, 3)], as_array([NONE, 0, 0, 0, 0, 0, 0], np.float32))
    found = []
    for trie in tries:
        counts = np.zeros(2 * len(nodes) + 2, dtype=np.int64)
        trie.count_words(as_text(body), 255, 9, counts)
        found.append(counts[2:].tolist())
    assert found[0] == found[1]


def test_later_changes_of_words_have_no_effect():
    words = as_array([0, 0, 0, 0, 0, 1])
    trie = _kernel.Trie(4, KEYS, words)
    counts = np.zeros(4, dtype=np.int64)
    for number in 1, 2, 3:
        words[5] = number
        trie.count_segments(TEXT, 2, 9, np.zeros(5, dtype=np.int64), counts[:2])
    assert counts.tolist() == [0, 3, 0, 0]


TEXT = as_array([0, 1, 2, 0])
KEYS = pack_pair(as_array([1]), as_array([2]))
ROOM = np.zeros(24, dtype=np.uint32)


def with_scores():
    return _kernel.Trie(4, KEYS, np.zeros(6, np.float32))


def count_neighbors(trie, text=TEXT, before=None, after=None, *, documents=None, last=None, counts=None):
    trie.count_neighbors(
        text,
        np.ones(len(text), np.uint32) if documents is None else documents,
        np.zeros(6, np.uint32) if last is None else last,
        np.zeros(6, np.int64) if counts is None else counts,
        _kernel.KeyCounter() if before is None else before,
        _kernel.KeyCounter() if after is None else after,
    )


def make_word_trie():
    return _kernel.Trie(4, KEYS, as_array([0] * 5 + [1]))


WRONG = {
    "few documents": lambda _: count_neighbors(make_word_trie(), documents=np.ones(3, np.uint32)),
    "few last documents": lambda _: count_neighbors(make_word_trie(), last=np.zeros(5, np.uint32)),
    "few counts of documents": lambda _: count_neighbors(make_word_trie(), counts=np.zeros(5, np.int64)),
    "documents in the text": lambda _: count_neighbors(make_word_trie(), ROOM[:6], last=ROOM[:6]),
    "keys of 4 bytes": lambda trie: _kernel.Trie(4, as_array([1])),
    "too many characters": lambda trie: _kernel.Trie(1 << 21, KEYS),
    "too few words": lambda trie: _kernel.Trie(4, KEYS, as_array([0, 0])),
    "unknown characters": lambda trie: count_neighbors(trie, TEXT + 3),
    "no words": lambda trie: count_neighbors(trie),
    "no buckets": lambda trie: trie.count_ngrams(TEXT, 3, 4, None, np.zeros(8, np.uint8), _kernel.KeyCounter()),
    "odd buckets": lambda trie: trie.count_ngrams(TEXT, 2, 4, None, np.zeros(9, np.uint8), _kernel.KeyCounter()),
    "no order": lambda trie: trie.count_ngrams(TEXT, 1, 4, None, np.zeros(8, np.uint8), _kernel.KeyCounter()),
    "few scores": lambda _: _kernel.Trie(4, KEYS, np.zeros(5, np.float32)),
    "no scores": lambda trie: trie.count_words(TEXT, 2, 9, np.zeros(12, np.int64)),
    "counts in the text": lambda _: with_scores().count_words(ROOM, 2, 9, ROOM[:24]),
    "segments in the text": lambda _: _kernel.Trie(3, KEYS, as_array([0] * 5)).count_segments(
        ROOM[:8], 2, 9, ROOM[:8], ROOM[8:10]
    ),
    "few counts": lambda _: with_scores().count_words(TEXT, 2, 9, np.zeros(6, np.int64)),
    "no word": lambda _: with_scores().count_words(TEXT, 0, 9, np.zeros(12, np.int64)),
    "nodes alone": lambda trie: trie.find_children(TEXT, TEXT[1:]),
    "counts alone": lambda trie: _kernel.KeyCounter().add(KEYS, np.zeros(2, np.int64)),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arrays_are_errors(name):
    with pytest.raises(ValueError, match=r"buffer|too|words|characters|bucket|order|items|maximum|number"):
        WRONG[name](_kernel.Trie(4, KEYS))


def test_other_objects_are_no_counters():
    with pytest.raises(TypeError, match="KeyCounter"):
        _kernel.Trie(4, KEYS).count_ngrams(TEXT, 2, 4, None, np.zeros(8, np.uint8), PythonKeyCounter())


class Claimant:
    """Says that it is of another class."""

    def __init__(self, kind):
        self._kind = kind

    @property
    def __class__(self):
        return self._kind


def test_types_of_arguments_are_not_believed():
    with pytest.raises(TypeError, match="must be a Dictionary"):
        _kernel.Segmenter(Claimant(_kernel.Dictionary), "jieba", True)
    with pytest.raises(TypeError, match="must be a KeyCounter"):
        count_neighbors(_kernel.Trie(4, KEYS, as_array([0] * 6)), after=Claimant(_kernel.KeyCounter))


def test_counters_are_in_use_once():
    trie, counters = _kernel.Trie(4, KEYS, as_array([0] * 5 + [1])), [_kernel.KeyCounter(), _kernel.KeyCounter()]
    with pytest.raises(RuntimeError, match="in use"):
        count_neighbors(trie, TEXT, counters[0], counters[0])
    with pytest.raises(ValueError, match="characters"):
        count_neighbors(trie, TEXT + 4, *counters)
    count_neighbors(trie, TEXT, *counters)
    assert [drain(counter) for counter in counters] == [{1 << 21: 1}, {1 << 21: 1}]
