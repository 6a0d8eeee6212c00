"""The article's method: a coarse cut, wherever no solid n-gram spans; the pieces are counted, and checked back."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.newwords.alphabet import Alphabet, Codes
from kxcli.mining.newwords.cohesion import find_solid
from kxcli.mining.newwords.discovery import MAX_WORD_LENGTH, Discovery
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Reduce, Spellings, Vocabulary
from kxcli.mining.newwords.word_trie import WordTrie
from kxcli.tally import Tally
from kxcli.tally.dense import DenseTally
from kxcli.tally.frames import join_parts, split_parts


def find_vocabulary(grams: Ngrams, values: Sequence[FloatArray], discovery: Discovery, reduce: Reduce) -> Vocabulary:
    """Return the pieces of the coarse cut that may be words, counted."""
    solid = find_solid(values, discovery.thresholds[: len(values)], grams)
    chosen = [np.flatnonzero(of_level) for of_level in solid]
    spelt = Spellings.concatenate(grams.spell(n, numbers) for n, numbers in enumerate(chosen, 2))
    weights = np.zeros(len(spelt.lengths), dtype=np.int64)
    for n, (level, numbers) in enumerate(zip(grams.levels, chosen, strict=True), 2):
        weights[spelt.lengths == n] = level.counts[numbers]
    shared = CoarseCut(grams.alphabet, WordTrie(spelt, weights), len(weights), discovery.order)
    singles, counts, longer = reduce(CountSegments(), shared, "segments")
    return Vocabulary.from_parts(singles, [(spelt, counts[1:])], longer, grams.alphabet)


@dataclass(frozen=True)
class CoarseCut:
    """What the cut goes by: the trie of the solid n-grams, how many there are, and the greatest n."""

    alphabet: Alphabet
    trie: WordTrie
    n_grams: int
    order: int


class SegmentCounts(NamedTuple):
    """The pieces that may be words, counted: characters and solid n-grams by number, longer ones by their text."""

    characters: DenseTally
    grams: DenseTally
    longer: Tally


class CountSegments:
    """The job that cuts blocks and counts the pieces."""

    def setup(self, shared: CoarseCut) -> None:
        """Take what the cut goes by."""
        self._solid = shared

    def map(self, records: Iterable[Codes]) -> SegmentCounts:
        """Cut some records and count the pieces."""
        solid = self._solid
        found = self._none()
        for codes in records:
            ids = solid.alphabet.number(codes, 1)
            of_length = {found.length: found for found in solid.trie.occurrences(ids)}
            is_joined = np.zeros(len(ids), dtype=np.bool_)  # with the character before
            for length, starts, _ in of_length.values():
                for k in range(1, length):
                    is_joined[starts + k] = True
            starts = np.flatnonzero((ids != 0) & ~is_joined)
            ends = np.flatnonzero((ids[:-1] != 0) & ~is_joined[1:]) + 1
            lengths = ends - starts
            found.characters.add(ids.take(starts[lengths == 1]))
            for length, at, words in of_length.values():
                word_at = np.zeros(len(ids), dtype=np.uint32)
                word_at[at] = words
                found.grams.add(word_at.take(starts[lengths == length]))
            if solid.order in of_length:
                runs = np.zeros(len(ids) + 1, dtype=np.int64)
                runs[of_length[solid.order].starts + 1] = 1
                np.cumsum(runs, out=runs)  # longest n-grams that start before each place
                long = np.flatnonzero((lengths > solid.order) & (lengths <= MAX_WORD_LENGTH))
                first, last = starts.take(long), ends.take(long) - (solid.order - 1)
                long = long[runs.take(last) - runs.take(first) == last - first]
                found.longer.add(
                    Spellings.from_text(ids, starts.take(long), lengths.take(long)).to_texts(solid.alphabet)
                )
        return found

    def merge(self, left: SegmentCounts, right: SegmentCounts) -> SegmentCounts:
        """Add up, into `left`."""
        left.characters.merge(right.characters)
        left.grams.merge(right.grams)
        left.longer.merge(right.longer)
        return left

    def finish(self, partial: SegmentCounts) -> tuple[IntArray, IntArray, Counter[str]]:
        """Return the counts of characters and solid n-grams by number, and of longer pieces by their text."""
        return partial.characters.counts(), partial.grams.counts(), partial.longer.counts()

    def dump(self, partial: SegmentCounts) -> bytes:
        """Return the counts as bytes."""
        return join_parts((partial.characters.dump(), partial.grams.dump(), partial.longer.dump()))

    def load(self, data: bytes | memoryview) -> SegmentCounts:
        """Return the counts that were dumped."""
        characters, grams, longer = split_parts(data)
        n_characters, n_grams = len(self._solid.alphabet.codes), self._solid.n_grams + 1
        return SegmentCounts(
            DenseTally.load(characters, n_characters), DenseTally.load(grams, n_grams), Tally.load(longer)
        )

    def _none(self) -> SegmentCounts:
        solid = self._solid
        return SegmentCounts(DenseTally(len(solid.alphabet.codes)), DenseTally(solid.n_grams + 1), Tally())
