"""A cut of the corpus by the scores of words, and the counts in that cut."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, Float32Array, IntArray, UInt32Array
from kxcli.arrays.ragged import find_runs
from kxcli.mining.newwords.alphabet import Codes
from kxcli.mining.newwords.discovery import MAX_WORD_LENGTH
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Spellings
from kxcli.mining.newwords.viterbi import find_word_starts
from kxcli.tally import Tally
from kxcli.tally.buckets import Buckets, may_be_frequent
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import AnyTally, TallyJob

_BUCKET_BITS = 20  # enough for a million distinct words of spaced scripts, most of them rare


@dataclass(frozen=True)
class SpacedScripts:
    """The scripts with spaces between words: a run of their characters is a word.

    The first cut counts buckets, because there may be very many words, and a later one the words.

    Attributes:
        is_spaced: For each character, whether it is of such a script.
        min_count: Minimum count of a word.
        is_counted: Whether buckets or words are counted.
        may_be: Whether each bucket may have frequent words; None to count buckets.
    """

    is_spaced: BoolArray
    min_count: int
    is_counted: bool
    may_be: BoolArray | None


@dataclass(frozen=True)
class CutModel:
    """The input of a cut.

    Attributes:
        grams: The n-grams that may be words.
        scores: For each length from 1, the score by number, -inf for those that may not be words.
        spaced: The scripts with spaces.
    """

    grams: Ngrams
    scores: Sequence[Float32Array]
    spaced: SpacedScripts


@dataclass
class CutTallies:
    """Tallies by number for each length from 1, and of words of spaced scripts."""

    words: list[DenseTally]
    aligned: list[DenseTally]
    buckets: Buckets
    spaced: Tally

    def __iter__(self) -> Iterator[AnyTally]:
        """Yield all tallies."""
        yield from [*self.words, *self.aligned]
        yield self.buckets
        yield self.spaced


class CutCounts(NamedTuple):
    """The counts of a cut.

    Attributes:
        words: For each length, the occurrences of each n-gram as a word.
        aligned: For each length, the occurrences between two cuts, with or without cuts inside, so that a word is not
            lost because it is split once.
        may_be_spaced: Whether each bucket may have frequent words of spaced scripts.
        spaced: Such words of two or more characters, including all frequent ones.
    """

    words: list[IntArray]
    aligned: list[IntArray]
    may_be_spaced: BoolArray
    spaced: dict[str, int]


class CountWords(TallyJob[CutTallies]):
    """The job that cuts the blocks of a corpus and counts the words."""

    def setup(self, shared: CutModel) -> None:
        """Keep the input of the cut."""
        self._cut = shared

    def map(self, records: Iterable[Codes]) -> CutTallies:
        """Cut records and count the words."""
        found = self.make_partial()
        for codes in records:
            self._count(self._cut.grams.alphabet.number(codes, len(self._cut.scores) + 1), found)
        return found

    def finish(self, partial: CutTallies) -> CutCounts:
        """Return the counts."""
        words = [tally.counts() for tally in partial.words]
        aligned = [words[0], *(tally.counts() for tally in partial.aligned)]  # a character between two cuts is a word
        for counts in aligned[1:]:
            counts[:1] = 0
        return CutCounts(words, aligned, partial.buckets.find_frequent(), partial.spaced.counts())

    def make_partial(self) -> CutTallies:
        """Return a partial without counts."""
        sizes = [len(scores) for scores in self._cut.scores]
        words, aligned = [DenseTally(size) for size in sizes], [DenseTally(size) for size in sizes[1:]]
        return CutTallies(words, aligned, Buckets(_BUCKET_BITS, self._cut.spaced.min_count), Tally())

    def _count(self, ids: UInt32Array, found: CutTallies) -> None:
        cut = self._cut
        is_spaced = cut.spaced.is_spaced.take(ids)
        if cut.spaced.is_counted:
            self._count_spaced(ids, is_spaced & (ids != 0), found)
        ids = np.where(is_spaced, np.uint32(0), ids)
        numbers = [ids, *cut.grams.iter_numbers(ids)]
        is_start = find_word_starts(ids, [scores.take(own) for scores, own in zip(cut.scores, numbers, strict=True)])
        is_edge = is_start | (ids == 0)
        starts = np.flatnonzero(is_start)
        is_cut_within = np.zeros(len(starts), dtype=np.bool_)
        for n, own in enumerate(numbers, 1):
            is_aligned = is_edge.take(starts + n)
            if n > 1:
                found.aligned[n - 2].add(own.take(starts[is_aligned]))  # including number 0, for no n-gram
            found.words[n - 1].add(own.take(starts[is_aligned & ~is_cut_within]))
            is_cut_within |= is_aligned

    def _count_spaced(self, ids: UInt32Array, is_spaced: BoolArray, found: CutTallies) -> None:
        starts, lengths = find_runs(is_spaced)
        is_word = (lengths > 1) & (lengths <= MAX_WORD_LENGTH)
        words = Spellings.from_text(ids, starts[is_word], lengths[is_word])
        hashes, may_be = words.hash_words(), self._cut.spaced.may_be
        if may_be is None:
            found.buckets.add(hashes)
        else:
            found.words[0].add(ids.take(starts[lengths == 1]))
            kept = words.select(np.flatnonzero(may_be_frequent(hashes, may_be)))
            found.spaced.add(kept.to_texts(self._cut.grams.alphabet))
