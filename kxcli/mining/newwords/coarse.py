"""The method of the article: cut the text wherever no cohesive n-gram spans.

The segments of that coarse cut are counted, and those that consist of cohesive n-grams are words.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.newwords.alphabet import Alphabet, Codes
from kxcli.mining.newwords.cohesion import find_cohesive
from kxcli.mining.newwords.discovery import MAX_WORD_LENGTH, Discovery
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Reduce, Spellings, Vocabulary
from kxcli.mining.newwords.word_trie import WordTrie
from kxcli.tally import Tally
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob


def find_vocabulary(grams: Ngrams, values: Sequence[FloatArray], discovery: Discovery, reduce: Reduce) -> Vocabulary:
    """Return the segments of the coarse cut that may be words, with their counts."""
    cohesive = find_cohesive(values, discovery.thresholds[: len(values)], grams)
    selected = [np.flatnonzero(is_cohesive) for is_cohesive in cohesive]
    spellings = Spellings.concatenate(grams.spell(n, numbers) for n, numbers in enumerate(selected, 2))
    weights = np.zeros(len(spellings.lengths), dtype=np.int64)
    for n, (level, numbers) in enumerate(zip(grams.levels, selected, strict=True), 2):
        weights[spellings.lengths == n] = level.counts[numbers]
    shared = CoarseCut(grams.alphabet, WordTrie(spellings, weights), len(weights), discovery.order)
    singles, counts, longer = reduce(CountSegments(), shared, "segments")
    return Vocabulary.from_parts(singles, [(spellings, counts[1:])], longer, grams.alphabet)


@dataclass(frozen=True)
class CoarseCut:
    """The input of the cut: a trie of n-grams, their number, the largest n."""

    alphabet: Alphabet
    trie: WordTrie
    n_grams: int
    order: int


class SegmentCounts(NamedTuple):
    """Counts of segments: of characters and n-grams by number, of others by text."""

    characters: DenseTally
    grams: DenseTally
    longer: Tally


class CountSegments(TallyJob[SegmentCounts]):
    """The job that cuts blocks and counts the segments."""

    def setup(self, shared: CoarseCut) -> None:
        """Keep the input of the cut."""
        self._cut = shared

    def map(self, records: Iterable[Codes]) -> SegmentCounts:
        """Cut records and count the segments."""
        cut = self._cut
        found = self.make_partial()
        for codes in records:
            ids = cut.alphabet.number(codes, 1)
            by_length = {found.length: found for found in cut.trie.occurrences(ids)}
            is_joined = np.zeros(len(ids), dtype=np.bool_)  # with the previous character
            for length, starts, _ in by_length.values():
                for k in range(1, length):
                    is_joined[starts + k] = True
            starts = np.flatnonzero((ids != 0) & ~is_joined)
            ends = np.flatnonzero((ids[:-1] != 0) & ~is_joined[1:]) + 1
            lengths = ends - starts
            found.characters.add(ids.take(starts[lengths == 1]))
            for length, at, words in by_length.values():
                word_at = np.zeros(len(ids), dtype=np.uint32)
                word_at[at] = words
                found.grams.add(word_at.take(starts[lengths == length]))
            if cut.order in by_length:
                runs = np.zeros(len(ids) + 1, dtype=np.int64)
                runs[by_length[cut.order].starts + 1] = 1
                np.cumsum(runs, out=runs)  # number of longest n-grams that start before each position
                long = np.flatnonzero((lengths > cut.order) & (lengths <= MAX_WORD_LENGTH))
                first, last = starts.take(long), ends.take(long) - (cut.order - 1)
                long = long[runs.take(last) - runs.take(first) == last - first]
                found.longer.add(Spellings.from_text(ids, starts.take(long), lengths.take(long)).to_texts(cut.alphabet))
        return found

    def finish(self, partial: SegmentCounts) -> tuple[IntArray, IntArray, Counter[str]]:
        """Return the counts: of characters and n-grams by number, of others by text."""
        return partial.characters.counts(), partial.grams.counts(), partial.longer.counts()

    def make_partial(self) -> SegmentCounts:
        """Return a partial without counts."""
        cut = self._cut
        return SegmentCounts(DenseTally(len(cut.alphabet.codes)), DenseTally(cut.n_grams + 1), Tally())
