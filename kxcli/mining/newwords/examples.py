"""Examples of words: contexts of their occurrences, chosen by a hash.

For each word the contexts with the smallest hashes are kept, so the choice is random, but the same for any division of
the corpus. Equal contexts are one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray, UInt32Array, UInt64Array
from kxcli.arrays.code_points import from_code_points
from kxcli.arrays.hashing import XXHASH, mix_bits_64, pair_keys
from kxcli.arrays.ragged import compute_starts, expand_ranges
from kxcli.mining.newwords.alphabet import LF, Alphabet, Codes
from kxcli.mining.newwords.spelling import Reduce
from kxcli.mining.newwords.trie import PythonTrie
from kxcli.mining.newwords.word_search import WordSearch, iter_occurrences
from kxcli.tally.frames import join_parts, split_parts
from kxcli.tally.jobs import TallyJob

WIDTH = 15  # characters of a context on each side

_MIN_PENDING = 1 << 12  # contexts that are added before all are sorted
_INVERSE = np.uint64(pow(int(XXHASH), -1, 1 << 64))
_DTYPES = ("<u4", "<u8", "<u4", "<u4", "<u4", "<u4")  # of the columns of contexts
_SPACES = str.maketrans("\t\v\f\r", "    ")


@dataclass(frozen=True)
class ExampleSearch:
    """The words, and the number of contexts for each."""

    search: WordSearch
    n_examples: int


class _Contexts(NamedTuple):
    """Contexts of words, shape (n,) but for `codes`.

    Attributes:
        words: The number of the word.
        hashes: The hash of the context.
        lefts: The characters before the word.
        middles: The characters of the word there, with ignored ones.
        lengths: The characters of the context.
        codes: The text of all contexts.
    """

    words: UInt32Array
    hashes: UInt64Array
    lefts: UInt32Array
    middles: UInt32Array
    lengths: UInt32Array
    codes: UInt32Array

    def take(self, rows: IntArray) -> "_Contexts":
        """Return some contexts."""
        starts = compute_starts(self.lengths)[:-1]
        codes = self.codes.take(expand_ranges(starts[rows], self.lengths[rows].astype(np.int64)))
        columns = (self.words, self.hashes, self.lefts, self.middles, self.lengths)
        return _make_contexts([*(column[rows] for column in columns), codes])


def _make_contexts(columns: Iterable[AnyArray]) -> _Contexts:
    words, hashes, lefts, middles, lengths, codes = columns
    return _Contexts(words, hashes, lefts, middles, lengths, codes)


def _choose_smallest(words: UInt32Array, hashes: UInt64Array, n: int) -> IntArray:
    """Return the positions of the smallest distinct hashes of each word, in order."""
    order = np.lexsort((hashes, words))
    words, hashes = words[order], hashes[order]
    is_new_word = np.diff(words, prepend=words[:1] + np.uint32(1)) != 0
    is_distinct = is_new_word | (np.diff(hashes, prepend=hashes[:1]) != 0)
    order, is_new_word = order[is_distinct], is_new_word[is_distinct]
    positions = np.arange(len(order))
    ranks = positions - np.maximum.accumulate(np.where(is_new_word, positions, 0))
    chosen: IntArray = order[ranks < n]
    return chosen


class ExampleTally:
    """The contexts with the smallest hashes for each word.

    Merging is associative and commutative.
    """

    def __init__(self, n_examples: int) -> None:
        self._n_examples = n_examples
        self._kept = _make_contexts(np.empty(0, dtype) for dtype in _DTYPES)
        self._pending: list[_Contexts] = []
        self._n_pending = 0

    def add(self, contexts: _Contexts) -> None:
        """Add contexts."""
        self._pending.append(contexts)
        self._n_pending += len(contexts.words)
        if self._n_pending > max(_MIN_PENDING, len(self._kept.words)):
            self._select()

    def contexts(self) -> _Contexts:
        """Return the contexts by word, then by hash."""
        self._select()
        return self._kept

    def merge(self, other: "ExampleTally") -> "ExampleTally":
        """Add the contexts of another tally, and return this one."""
        self.add(other.contexts())
        return self

    def dump(self) -> bytes:
        """Return the contexts as bytes."""
        return join_parts(column.tobytes() for column in self.contexts())

    def restore(self, data: bytes | memoryview) -> "ExampleTally":
        """Take dumped contexts, and return this tally."""
        columns = zip(split_parts(data), _DTYPES, strict=True)
        self._kept = _make_contexts(np.frombuffer(column, dtype) for column, dtype in columns)
        return self

    def _select(self) -> None:
        """Keep the contexts with the smallest hashes for each word."""
        if not self._pending:
            return
        every = _make_contexts(map(np.concatenate, zip(self._kept, *self._pending, strict=True)))
        self._pending, self._n_pending = [], 0
        self._kept = every.take(_choose_smallest(every.words, every.hashes, self._n_examples))


class ExampleTallies(NamedTuple):
    """The tally of the job."""

    examples: ExampleTally


class CollectExamples(TallyJob[Codes, ExampleTallies]):
    """The job that collects contexts of words."""

    def setup(self, shared: ExampleSearch) -> None:
        """Keep the words."""
        self._shared = shared

    @cached_property
    def _trie(self) -> PythonTrie:
        return self._shared.search.make_trie()

    def make_partial(self) -> ExampleTallies:
        """Return a partial without contexts."""
        return ExampleTallies(ExampleTally(self._shared.n_examples))

    def count(self, record: Codes, partial: ExampleTallies) -> None:
        """Add the contexts of a record."""
        starts, ends, words = self._find_occurrences(record)
        ends_of_lines = np.flatnonzero(record == LF)
        line = np.searchsorted(ends_of_lines, starts)
        line_starts = np.concatenate(([0], ends_of_lines + 1))[line]
        line_ends = np.append(ends_of_lines, len(record))[line]
        lefts, rights = np.maximum(starts - WIDTH, line_starts), np.minimum(ends + WIDTH, line_ends)
        hashes = pair_keys(starts - lefts, _hash_ranges(record, lefts, rights))  # also by the word's position
        rows = _choose_smallest(words, hashes, self._shared.n_examples)
        lefts, lengths = lefts[rows], (rights - lefts)[rows]
        partial.examples.add(
            _Contexts(
                words[rows],
                hashes[rows],
                (starts[rows] - lefts).astype(np.uint32),
                (ends - starts)[rows].astype(np.uint32),
                lengths.astype(np.uint32),
                record.take(expand_ranges(lefts, lengths)).astype(np.uint32),
            )
        )

    def finish(self, partial: ExampleTallies) -> _Contexts:
        """Return the contexts by word, then by hash."""
        return partial.examples.contexts()

    def _find_occurrences(self, record: Codes) -> tuple[IntArray, IntArray, UInt32Array]:
        """Return the starts, ends and numbers of all occurrences of words in a record."""
        search = self._shared.search
        ids, positions = search.alphabet.number_and_locate(record)
        places = positions.astype(np.int64) - 1
        empty = np.empty(0, dtype=np.int64)
        found: list[tuple[AnyArray, ...]] = [(empty, empty, empty.astype(np.uint32))]
        for starts, length, words in iter_occurrences(search, self._trie, ids):
            found.append((places[starts], places[starts + length], words))
        starts, ends, numbers = map(np.concatenate, zip(*found, strict=True))
        return starts, ends, numbers


def _hash_ranges(record: Codes, starts: IntArray, ends: IntArray) -> UInt64Array:
    """Return a hash of each range of a record.

    It is a polynomial of the characters modulo 2^64, mixed.
    """
    powers = np.full(len(record) + 1, XXHASH, dtype=np.uint64)
    inverses = np.full(len(record) + 1, _INVERSE, dtype=np.uint64)
    powers[0] = inverses[0] = 1
    np.multiply.accumulate(powers, out=powers)
    np.multiply.accumulate(inverses, out=inverses)
    sums = np.zeros(len(record) + 1, dtype=np.uint64)
    np.cumsum((record.astype(np.uint64) + np.uint64(1)) * powers[:-1], out=sums[1:])
    return mix_bits_64((sums[ends] - sums[starts]) * inverses[starts])


def collect_examples(words: Sequence[str], n_examples: int, alphabet: Alphabet, reduce: Reduce) -> list[list[str]]:
    """Return contexts of each distinct word, by a pass over the corpus.

    A context is the word in 【】 with up to 15 characters of its line on each side.
    """
    found: list[list[str]] = [[] for _ in words]
    if not (n_examples and words):
        return found
    shared = ExampleSearch(WordSearch.from_words(words, alphabet), n_examples)
    contexts: _Contexts = reduce(CollectExamples(), shared, "examples")
    text = from_code_points(contexts.codes).translate(_SPACES)
    starts = compute_starts(contexts.lengths)
    columns = (contexts.words, starts[:-1], contexts.lefts, contexts.middles, starts[1:])
    for number, start, left, middle, end in zip(*(column.tolist() for column in columns), strict=True):
        word_start, word_end = start + left, start + left + middle
        before, word, after = text[start:word_start], text[word_start:word_end], text[word_end:end]
        found[number - 1].append(f"{before}【{word}】{after}")
    return found
