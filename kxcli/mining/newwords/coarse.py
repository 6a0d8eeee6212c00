"""The method of the article: cut the text wherever no cohesive n-gram spans.

The segments of that coarse cut are counted, and those that consist of cohesive n-grams are words.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray, UInt32Array, UInt64Array
from kxcli.mining.newwords.alphabet import Alphabet, Codes
from kxcli.mining.newwords.cohesion import find_cohesive
from kxcli.mining.newwords.discovery import MAX_WORD_LENGTH, Discovery
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Reduce, Spellings, Vocabulary
from kxcli.mining.newwords.trie import PythonTrie, make_trie, make_word_keys
from kxcli.tally.dense import DenseTally
from kxcli.tally.jobs import TallyJob
from kxcli.tally.words import Tally


def find_vocabulary(grams: Ngrams, values: Sequence[FloatArray], discovery: Discovery, reduce: Reduce) -> Vocabulary:
    """Return the segments of the coarse cut that may be words, with their counts."""
    cohesive = find_cohesive(values, discovery.thresholds[: len(values)], grams)
    selected = [np.flatnonzero(is_cohesive) for is_cohesive in cohesive]
    spellings = Spellings.concatenate(grams.spell(n, numbers) for n, numbers in enumerate(selected, 2))
    weights = np.zeros(len(spellings.lengths), dtype=np.int64)
    for n, (level, numbers) in enumerate(zip(grams.levels, selected, strict=True), 2):
        weights[spellings.lengths == n] = level.counts[numbers]
    keys, words = make_word_keys(spellings, weights, len(grams.alphabet.codes) - 1)
    shared = CoarseCut(grams.alphabet, keys, words, discovery.order)
    singles, counts, longer = reduce(CountSegments(), shared, "segments")
    return Vocabulary.from_parts(singles, [(spellings, counts[1:])], longer, grams.alphabet)


@dataclass(frozen=True)
class CoarseCut:
    """The input of the cut.

    Attributes:
        alphabet: The characters.
        keys: The keys of a trie of n-grams.
        words: The number of the n-gram that ends at each node.
        order: The largest n.
    """

    alphabet: Alphabet
    keys: UInt64Array
    words: UInt32Array
    order: int


class SegmentCounts(NamedTuple):
    """Counts of segments: of characters and n-grams by number, of others by text."""

    characters: DenseTally
    grams: DenseTally
    longer: Tally


class CountSegments(TallyJob[Codes, SegmentCounts]):
    """The job that cuts blocks and counts the segments."""

    def setup(self, shared: CoarseCut) -> None:
        """Keep the input of the cut."""
        self._cut = shared

    @cached_property
    def _trie(self) -> PythonTrie:
        return make_trie(len(self._cut.alphabet.codes) - 1, self._cut.keys, self._cut.words)

    def make_partial(self) -> SegmentCounts:
        """Return a partial without counts."""
        n_characters, n_grams = len(self._cut.alphabet.codes), int(self._cut.words.max(initial=0))
        return SegmentCounts(DenseTally(n_characters), DenseTally(n_grams + 1), Tally())

    def count(self, record: Codes, partial: SegmentCounts) -> None:
        """Cut a record and count the segments."""
        cut = self._cut
        ids = cut.alphabet.number(record)
        characters, grams = partial.characters.counts(), partial.grams.counts()
        spans = self._trie.count_segments(ids, cut.order, MAX_WORD_LENGTH, characters, grams)
        starts, lengths = np.frombuffer(spans, dtype=np.uint32).astype(np.int64).reshape(-1, 2).T
        partial.longer.add(Spellings.from_text(ids, starts, lengths).to_texts(cut.alphabet))

    def finish(self, partial: SegmentCounts) -> tuple[IntArray, IntArray, Counter[str]]:
        """Return the counts: of characters and n-grams by number, of others by text."""
        return partial.characters.counts(), partial.grams.counts(), partial.longer.counts()
