"""A cut of the corpus by the scores of words, and the counts in that cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, Float32Array, IntArray
from kxcli.mining.newwords.alphabet import Codes
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.trie import PythonTrie, make_trie
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob

_MAX_BLOCK = 1000  # characters of a block that are cut at a time; text rarely has longer blocks


@dataclass(frozen=True)
class CutModel:
    """The input of a cut.

    Attributes:
        grams: The n-grams.
        candidates: For each length from 1, whether n-grams may be words in this cut or a later one.
        scores: For each length from 1, the score by number, -inf for those that may not be words.
    """

    grams: Ngrams
    candidates: Sequence[BoolArray]
    scores: Sequence[Float32Array]


class CutTallies(NamedTuple):
    """Tallies of a cut.

    Attributes:
        nodes: For each node, the occurrences as a word, and those between two cuts.
    """

    nodes: DenseTally


class CutCounts(NamedTuple):
    """The counts of a cut.

    Attributes:
        words: For each length, the occurrences of each n-gram as a word.
        aligned: For each length, the occurrences between two cuts, with or without cuts inside, so that a word is not
            lost because it is split once; of n-grams that are no candidates, it may be 0.
    """

    words: list[IntArray]
    aligned: list[IntArray]


class CountWords(TallyJob[Codes, CutTallies]):
    """The job that cuts the blocks of a corpus and counts the words."""

    def setup(self, shared: CutModel) -> None:
        """Keep the input of the cut."""
        self._cut = shared

    @cached_property
    def _numbers(self) -> list[IntArray]:
        """For each length from 1, the candidates and their beginnings."""
        levels = [mask.copy() for mask in self._cut.candidates]
        levels[0][:] = True
        for n, level in reversed(list(enumerate(self._cut.grams.levels))):
            levels[n][level.prefixes[levels[n + 1]]] = True
        return [1 + np.flatnonzero(is_kept[1:]) for is_kept in levels]

    @cached_property
    def _trie(self) -> PythonTrie:
        grams = self._cut.grams
        return make_trie(len(grams.alphabet.codes) - 1, grams.make_keys(self._numbers[1:]), self._scores)

    @cached_property
    def _scores(self) -> Float32Array:
        """The score by node, -inf for node 0."""
        parts = [scores.take(numbers) for scores, numbers in zip(self._cut.scores, self._numbers, strict=True)]
        return np.concatenate([np.array([-np.inf], dtype=np.float32), *parts])

    def make_partial(self) -> CutTallies:
        """Return a partial without counts."""
        return CutTallies(DenseTally(2 * len(self._scores)))

    def count(self, record: Codes, partial: CutTallies) -> None:
        """Cut a record and count the words."""
        cut = self._cut
        ids = cut.grams.alphabet.number(record)
        self._trie.count_words(ids, len(cut.scores), _MAX_BLOCK, partial.nodes.counts())

    def finish(self, partial: CutTallies) -> CutCounts:
        """Return the counts."""
        words, aligned = map(self._split, partial.nodes.counts().reshape(-1, 2).T)
        aligned[0] = words[0]  # a character between two cuts is a word
        return CutCounts(words, aligned)

    def _split(self, counts: IntArray) -> list[IntArray]:
        """Return counts by number for each length from 1, given those by node."""
        parts = [np.zeros(len(scores), dtype=np.int64) for scores in self._cut.scores]
        first = 1
        for part, numbers in zip(parts, self._numbers, strict=True):
            part[numbers] = counts[first : first + len(numbers)]
            first += len(numbers)
        return parts
