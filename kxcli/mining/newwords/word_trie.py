"""A trie of words, and all their occurrences in text."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray, UInt32Array
from kxcli.arrays.key_index import KeyIndex
from kxcli.mining.newwords.grams import pack_pair
from kxcli.mining.newwords.spelling import Spellings


class Occurrences(NamedTuple):
    """The occurrences of words of one length: ascending starts, and numbers of words."""

    length: int
    starts: IntArray
    words: UInt32Array


class WordTrie:
    """Distinct words of two or more characters, numbered from 1.

    The trie is built and searched by depth, from 2 characters on; nodes are numbered within their depth.

    Args:
        words: The words.
        weights: Expected number of occurrences of each, shape (n,), for speed.
    """

    def __init__(self, words: Spellings, weights: IntArray) -> None:
        self._nodes: list[KeyIndex] = []  # of `pack_pair` of the parent, or the first character, and the character
        self._words: list[UInt32Array] = []  # the word that ends at each node, or 0
        characters, lengths = words
        firsts = words.starts
        alive = np.arange(len(lengths))
        above = characters[firsts]
        depth = 1
        while len(alive):
            keys, inverse = np.unique(pack_pair(above, characters[firsts[alive] + depth]), return_inverse=True)
            order = np.argsort(-np.bincount(inverse, weights[alive]), kind="stable")
            number = np.empty(len(keys), dtype=np.uint32)
            number[order] = np.arange(1, len(keys) + 1)
            nodes = number[inverse]
            depth += 1
            ending = np.zeros(len(keys) + 1, dtype=np.uint32)
            is_end = lengths[alive] == depth
            ending[nodes[is_end]] = alive[is_end] + 1
            self._nodes.append(KeyIndex.from_keys(keys[order]))
            self._words.append(ending)
            alive, above = alive[~is_end], nodes[~is_end]

    def occurrences(self, ids: UInt32Array) -> Iterator[Occurrences]:
        """Yield all occurrences in a text that ends with a border, by length of words."""
        for length, (index, words) in enumerate(zip(self._nodes, self._words, strict=True), 2):
            if length == 2:
                nodes = index.find(pack_pair(ids[:-1], ids[1:]))
                starts = np.flatnonzero(nodes)
                nodes = nodes.take(starts)
            else:  # after such a start there is a border or a character
                nodes = index.find(pack_pair(nodes, ids.take(starts + (length - 1))))
                alive = np.flatnonzero(nodes)
                starts, nodes = starts.take(alive), nodes.take(alive)
            ending = words.take(nodes)
            at = np.flatnonzero(ending)
            if len(at):
                yield Occurrences(length, starts.take(at), ending.take(at))
            if not len(starts):
                return
