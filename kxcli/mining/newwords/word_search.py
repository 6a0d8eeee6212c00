"""The search for all occurrences of words, also within longer words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import IntArray, UInt32Array, UInt64Array
from kxcli.mining.newwords.alphabet import Alphabet
from kxcli.mining.newwords.spelling import Spellings
from kxcli.mining.newwords.trie import PythonTrie, make_trie, make_word_keys


@dataclass(frozen=True)
class WordSearch:
    """The words to search for.

    Attributes:
        alphabet: The characters.
        keys: The keys of a trie of the words.
        words: The number of the word that ends at each node, 0 for none.
    """

    alphabet: Alphabet
    keys: UInt64Array
    words: UInt32Array

    @classmethod
    def from_words(cls, words: Sequence[str], alphabet: Alphabet) -> "WordSearch":
        """Return the search for distinct words, numbered from 1."""
        spellings = Spellings.from_words(words, alphabet)
        return cls(alphabet, *make_word_keys(spellings, np.ones(len(words), dtype=np.int64), len(alphabet.codes) - 1))

    def make_trie(self) -> PythonTrie:
        """Return the trie of the words."""
        return make_trie(len(self.alphabet.codes) - 1, self.keys, self.words)


def iter_occurrences(
    search: WordSearch, trie: PythonTrie, ids: UInt32Array
) -> Iterator[tuple[IntArray, int, UInt32Array]]:
    """Yield the occurrences of the words of each length.

    They are their starts, the length and the numbers of the words.

    Args:
        search: The words.
        trie: Their trie.
        ids: The numbers of the units of a record, with a border before and after them.
    """
    starts = np.flatnonzero(ids)
    nodes, length = ids.take(starts), 1
    while len(starts):
        words = search.words.take(nodes)
        at = np.flatnonzero(words)
        yield starts[at], length, words[at]
        nodes = np.frombuffer(trie.find_children(nodes, ids.take(starts + length)), dtype=np.uint32)
        starts, nodes = starts[nodes != 0], nodes[nodes != 0]
        length += 1
