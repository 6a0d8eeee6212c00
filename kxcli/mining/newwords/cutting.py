"""A cut of the corpus by the scores of words, and the counts in that cut."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, Float32Array, IntArray, UInt8Array, UInt32Array
from kxcli.arrays.ragged import find_runs
from kxcli.mining.newwords.alphabet import Codes
from kxcli.mining.newwords.discovery import MAX_WORD_LENGTH
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Spellings
from kxcli.mining.newwords.trie import PythonTrie, make_trie
from kxcli.tally.buckets import Buckets, count_buckets, may_be_frequent
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob
from kxcli.tally.words import Tally

_MAX_BLOCK = 1000  # characters of a block that are cut at a time; text rarely has longer blocks
_BUCKET_BITS = 20  # enough for a million distinct words of spaced scripts, most of them rare


@dataclass(frozen=True)
class SpacedScripts:
    """The scripts with spaces between words: a run of their characters is a word.

    The first cut counts buckets, because there may be very many words, and a later one the words.

    Attributes:
        is_spaced: For each character, whether it is of such a script.
        min_count: Minimum count of a word.
        is_counted: Whether buckets or words are counted.
        may_be: A bit for each bucket, whether it may have frequent words; None to count buckets.
    """

    is_spaced: BoolArray
    min_count: int
    is_counted: bool
    may_be: UInt8Array | None


@dataclass(frozen=True)
class CutModel:
    """The input of a cut.

    Attributes:
        grams: The n-grams.
        candidates: For each length from 1, whether n-grams may be words in this cut or a later one.
        scores: For each length from 1, the score by number, -inf for those that may not be words.
        spaced: The scripts with spaces.
    """

    grams: Ngrams
    candidates: Sequence[BoolArray]
    scores: Sequence[Float32Array]
    spaced: SpacedScripts


class CutTallies(NamedTuple):
    """Tallies of a cut.

    Attributes:
        nodes: For each node, the occurrences as a word, and those between two cuts.
        buckets: Buckets of words of spaced scripts.
        spaced: Words of spaced scripts.
    """

    nodes: DenseTally
    buckets: Buckets
    spaced: Tally


class CutCounts(NamedTuple):
    """The counts of a cut.

    Attributes:
        words: For each length, the occurrences of each n-gram as a word.
        aligned: For each length, the occurrences between two cuts, with or without cuts inside, so that a word is not
            lost because it is split once; of n-grams that are no candidates, it may be 0.
        may_be_spaced: A bit for each bucket, whether it may have frequent words of spaced scripts.
        spaced: Such words of two or more characters, including all frequent ones.
    """

    words: list[IntArray]
    aligned: list[IntArray]
    may_be_spaced: UInt8Array
    spaced: dict[str, int]


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
        return CutTallies(DenseTally(2 * len(self._scores)), Buckets(_BUCKET_BITS), Tally())

    def count(self, record: Codes, partial: CutTallies) -> None:
        """Cut a record and count the words."""
        cut = self._cut
        ids = cut.grams.alphabet.number(record)
        is_spaced = cut.spaced.is_spaced.take(ids)
        if cut.spaced.is_counted:
            self._count_spaced(ids, is_spaced & (ids != 0), partial)
        ids[is_spaced] = 0
        self._trie.count_words(ids, len(cut.scores), _MAX_BLOCK, partial.nodes.counts())

    def finish(self, partial: CutTallies) -> CutCounts:
        """Return the counts."""
        words, aligned = map(self._split, partial.nodes.counts().reshape(-1, 2).T)
        aligned[0] = words[0]  # a character between two cuts is a word
        may_be_spaced = partial.buckets.find_frequent(self._cut.spaced.min_count)
        return CutCounts(words, aligned, may_be_spaced, partial.spaced.counts())

    def _split(self, counts: IntArray) -> list[IntArray]:
        """Return counts by number for each length from 1, given those by node."""
        parts = [np.zeros(len(scores), dtype=np.int64) for scores in self._cut.scores]
        first = 1
        for part, numbers in zip(parts, self._numbers, strict=True):
            part[numbers] = counts[first : first + len(numbers)]
            first += len(numbers)
        return parts

    def _count_spaced(self, ids: UInt32Array, is_spaced: BoolArray, found: CutTallies) -> None:
        starts, lengths = find_runs(is_spaced)
        is_word = (lengths > 1) & (lengths <= MAX_WORD_LENGTH)
        words = Spellings.from_text(ids, starts[is_word], lengths[is_word])
        hashes, may_be = words.hash_words(), self._cut.spaced.may_be
        if may_be is None:
            count_buckets(found.buckets.counts(), hashes)
        else:
            found.nodes.add(2 * ids.take(starts[lengths == 1]))
            kept = words.select(np.flatnonzero(may_be_frequent(hashes, may_be)))
            found.spaced.add(kept.to_texts(self._cut.grams.alphabet))
