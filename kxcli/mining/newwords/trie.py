"""Tries of n-grams or words, and the passes over text that use them.

Each node has a number: characters have their own, longer pieces follow. The key of a node packs the node of the piece
without its last character, and that character. The kernel has the passes as plain loops; without it, `PythonTrie` has
the same results, slowly.
"""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, Float32Array, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.hashing import DEGSKI
from kxcli.kernel import load_kernel
from kxcli.mining.newwords.alphabet import BITS
from kxcli.mining.newwords.spelling import Spellings
from kxcli.tally.buckets import count_buckets, may_be_frequent
from kxcli.tally.keys import PythonKeyCounter

NodeValues = UInt32Array | Float32Array

SHIFT = np.uint64(BITS)
LAST = np.uint64((1 << BITS) - 1)


def pack_pair(first: AnyArray, last: AnyArray) -> UInt64Array:
    """Return a key for each pair of a number below 2^43 and a character."""
    keys = first.astype(np.uint64)
    keys <<= SHIFT
    keys |= last
    return keys


def make_trie(n_characters: int, keys: UInt64Array, values: NodeValues | None = None) -> "PythonTrie":
    """Return a trie: of the kernel, or its slow twin.

    Args:
        n_characters: Characters are numbered from 1 to this.
        keys: The key of each further node.
        values: For each node, shape (1 + nodes,): the number of the word that ends there, 0 for none, or the score of
            the word, -inf for none.
    """
    kernel = load_kernel()
    if kernel is None:
        return PythonTrie(n_characters, keys, values)
    trie: PythonTrie = kernel.Trie(n_characters, keys) if values is None else kernel.Trie(n_characters, keys, values)
    return trie


def make_word_keys(words: Spellings, weights: IntArray, n_characters: int) -> tuple[UInt64Array, UInt32Array]:
    """Return the keys of a trie of words, and the number of the word at each node.

    Args:
        words: Distinct words, numbered from 1.
        weights: Expected number of occurrences of each, shape (n,), for speed.
        n_characters: Characters are numbered from 1 to this.
    """
    parts, endings = [np.empty(0, dtype=np.uint64)], [np.zeros(1 + n_characters, dtype=np.uint32)]
    characters, lengths = words
    firsts = words.starts
    is_single = lengths == 1
    endings[0][characters[firsts[is_single]]] = np.flatnonzero(is_single) + 1
    alive = np.flatnonzero(~is_single)
    nodes = characters[firsts[alive]]
    n_nodes = n_characters
    length = 1
    while len(alive):
        keys, inverse = np.unique(pack_pair(nodes, characters[firsts[alive] + length]), return_inverse=True)
        order = np.argsort(-np.bincount(inverse, weights[alive]), kind="stable")
        number = np.empty(len(keys), dtype=np.uint32)
        number[order] = np.arange(len(keys))
        length += 1
        is_end = lengths[alive] == length
        ending = np.zeros(len(keys), dtype=np.uint32)
        ending[number[inverse[is_end]]] = alive[is_end] + 1
        parts.append(keys[order])
        endings.append(ending)
        alive, nodes = alive[~is_end], number[inverse[~is_end]] + np.uint32(n_nodes + 1)
        n_nodes += len(keys)
    return np.concatenate(parts), np.concatenate(endings)


class PythonTrie:
    """The slow twin of `kxcli._kernel.Trie`: see there."""

    def __init__(self, n_characters: int, keys: UInt64Array, values: NodeValues | None = None) -> None:
        self._order = np.argsort(keys)
        self._keys, self._nodes = keys[self._order], (self._order + (1 + n_characters)).astype(np.uint32)
        self._values = values

    def find_children(self, nodes: UInt32Array, characters: UInt32Array, /) -> bytes:
        """Return the child of each node by a character, 0 if there is none."""
        return self._find(nodes, characters).tobytes()

    def count_ngrams(
        self,
        ids: UInt32Array,
        order: int,
        n_frequent: int,
        may_be: UInt8Array | None,
        buckets: UInt8Array,
        counter: PythonKeyCounter,
        /,
    ) -> None:
        """Count the n-grams of an order: all pairs, or those that may be frequent."""
        is_start = _find_runs((ids != 0) & (ids <= n_frequent), order)
        if may_be is None:
            counter.add(pack_pair(ids, _shift(ids, 1))[:-1])
        else:
            *_, shorter = self._iter_levels(ids, order - 1)
            is_start &= (shorter != 0) & may_be_frequent(_hash_ngrams(ids, order), may_be)
            counter.add(pack_pair(shorter, _shift(ids, order - 1))[is_start])
        if len(buckets):
            is_start &= _shift(is_start, 1)
            count_buckets(buckets, _hash_ngrams(ids, order + 1)[is_start])

    def count_words(self, ids: UInt32Array, max_word: int, max_block: int, counts: IntArray, /) -> None:
        """Cut each block at the largest sum of scores, and count the words."""
        assert self._values is not None
        levels = list(self._iter_levels(ids, max_word))
        by_length = [np.where(level != 0, self._values.take(level), np.float32(-np.inf)) for level in levels]
        is_start = np.zeros(len(ids) + max_word, dtype=np.bool_)
        for start, stop in _iter_pieces(ids, max_block):
            is_start[_cut_piece([values[start:stop] for values in by_length]) + start] = True
        is_edge = is_start.copy()
        is_edge[: len(ids)] |= ids == 0
        starts = np.flatnonzero(is_start)
        is_cut_within = np.zeros(len(starts), dtype=np.bool_)
        for n, level in enumerate(levels, 1):
            is_aligned = is_edge.take(starts + n)
            np.add.at(counts, 2 * level.take(starts[is_aligned & ~is_cut_within]), 1)
            np.add.at(counts, 2 * level.take(starts[is_aligned]) + 1, 1)
            is_cut_within |= is_aligned

    def count_neighbors(
        self,
        ids: UInt32Array,
        documents: UInt32Array,
        last: UInt32Array,
        counts: IntArray,
        before: PythonKeyCounter,
        after: PythonKeyCounter,
        /,
    ) -> None:
        """Count `pack_pair` of each word and its neighbors, and the documents with it."""
        for node, document in zip(ids.tolist(), documents.tolist(), strict=True):
            _count_document(node, document, last, counts)
        for length, starts, nodes in self._iter_occurrences(ids):
            words = self._get_words(nodes)
            before.add(pack_pair(words, ids.take(starts - 1)))
            after.add(pack_pair(words, ids.take(starts + length)))
            if length > 1:
                for node, document in zip(nodes.tolist(), documents.take(starts).tolist(), strict=True):
                    _count_document(node, document, last, counts)

    def count_segments(
        self, ids: UInt32Array, order: int, max_length: int, characters: IntArray, words: IntArray, /
    ) -> bytes:
        """Cut each block wherever no word spans, and count the segments."""
        longest, word_at = np.zeros(len(ids), dtype=np.int64), np.zeros(len(ids), dtype=np.uint32)
        for length, at, nodes in self._iter_occurrences(ids):
            longest[at], word_at[at] = length, self._get_words(nodes)
        reach = np.maximum.accumulate(np.arange(len(ids)) + np.maximum(longest, 1))
        starts = np.flatnonzero(np.concatenate(([True], reach[:-1] <= np.arange(1, len(ids)))))
        lengths = np.diff(starts, append=len(ids))
        np.add.at(characters, ids.take(starts[lengths == 1]), 1)
        characters[0] = 0
        is_word = (lengths > 1) & (longest.take(starts) == lengths)
        np.add.at(words, word_at.take(starts[is_word]), 1)
        is_long = (lengths > order) & (lengths <= max_length)
        spans = zip(starts[is_long].tolist(), lengths[is_long].tolist(), strict=True)
        covered = [(start, n) for start, n in spans if (longest[start : start + n - order + 1] == order).all()]
        return np.array(covered, dtype=np.uint32).tobytes()

    def _find(self, nodes: UInt32Array, characters: UInt32Array) -> UInt32Array:
        if not len(self._keys):
            return np.zeros(len(nodes), dtype=np.uint32)
        keys = pack_pair(nodes, characters)
        at = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        is_known = (self._keys.take(at) == keys) & (nodes != 0) & (characters != 0)
        return np.where(is_known, self._nodes.take(at), np.uint32(0))

    def _iter_levels(self, ids: UInt32Array, order: int) -> Iterator[UInt32Array]:
        """Yield for each order from 1 the node of the n-gram at each position, or 0."""
        nodes = ids
        for n in range(1, order + 1):
            yield nodes
            nodes = self._find(nodes, _shift(ids, n))

    def _get_words(self, nodes: UInt32Array) -> UInt32Array:
        """Return the number of the word that ends at each node, or 0."""
        assert self._values is not None
        return self._values.take(nodes).astype(np.uint32)

    def _iter_occurrences(self, ids: UInt32Array) -> Iterator[tuple[int, IntArray, UInt32Array]]:
        """Yield a length, and the starts and nodes of all words of that length."""
        starts, length = np.flatnonzero(ids), 1
        nodes = ids.take(starts)
        while len(starts):
            at = np.flatnonzero(self._get_words(nodes))
            yield length, starts.take(at), nodes.take(at)
            nodes = self._find(nodes, ids.take(starts + length, mode="clip"))
            starts, nodes = starts[nodes != 0], nodes[nodes != 0]
            length += 1


def _count_document(node: int, document: int, last: UInt32Array, counts: IntArray) -> None:
    """Add 1 to the documents of a node if this is a new one."""
    if node and last[node] != document:
        last[node] = document
        counts[node] += 1


def _shift(values: AnyArray, n: int) -> AnyArray:
    """Return the values n positions later, 0 beyond the end."""
    return np.concatenate((values[n:], np.zeros(min(n, len(values)), dtype=values.dtype)))


def _find_runs(mask: BoolArray, length: int) -> BoolArray:
    """Return where runs of a length or more start."""
    found = mask.copy()
    for n in range(1, length):
        found &= _shift(mask, n)
    return found


def _hash_ngrams(ids: UInt32Array, order: int) -> UInt64Array:
    """Return a polynomial of the characters of the n-gram at each position."""
    hashes = np.zeros(len(ids), dtype=np.uint64)
    for n in range(order):
        hashes *= DEGSKI
        hashes += _shift(ids, n)
    return hashes


def _iter_pieces(ids: UInt32Array, max_block: int) -> Iterator[tuple[int, int]]:
    """Yield the starts and ends of blocks, with long ones in pieces."""
    borders = np.flatnonzero(ids == 0).tolist()
    for before, stop in zip([-1, *borders], [*borders, len(ids)], strict=True):
        for start in range(before + 1, stop, max_block):
            yield start, min(start + max_block, stop)


def _cut_piece(scores: list[Float32Array]) -> IntArray:
    """Return the starts of words in the best cut; scores are by length and position."""
    best, last = [np.float32(0)], [0]
    for end in range(1, len(scores[0]) + 1):
        value, length = best[end - 1] + scores[0][end - 1], 1
        for n in range(2, min(len(scores), end) + 1):
            longer = best[end - n] + scores[n - 1][end - n]
            if longer >= value:
                value, length = longer, n
        best.append(value)
        last.append(length)
    starts, end = [], len(scores[0])
    while end:
        end -= last[end]
        starts.append(end)
    return np.array(starts, dtype=np.int64)
