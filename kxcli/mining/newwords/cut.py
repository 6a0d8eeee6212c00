"""The coarse cut: blocks are cut wherever no solid n-gram spans, and the pieces are counted."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.mining.newwords.alphabet import Alphabet, Codes, Counts
from kxcli.mining.newwords.spelling import Spellings
from kxcli.mining.newwords.trie import Trie
from kxcli.tally import Tally
from kxcli.tally.frames import joined, parted


@dataclass(frozen=True)
class Solid:
    """What the cut goes by: the trie of the solid n-grams, how many there are, and the greatest n."""

    alphabet: Alphabet
    trie: Trie
    n_grams: int
    order: int


class Segments(NamedTuple):
    """The pieces that may be words, counted: characters and solid n-grams by number, longer ones by their text."""

    characters: Counts
    grams: Counts
    longer: Tally


class CountSegments:
    """The job that cuts blocks and counts the pieces."""

    def setup(self, shared: Solid) -> None:
        """Take what the cut goes by."""
        self._solid = shared

    def map(self, records: Iterable[Codes]) -> Segments:
        """Cut some records and count the pieces."""
        solid = self._solid
        characters = np.zeros(len(solid.alphabet.codes), dtype=np.int64)
        grams = np.zeros(solid.n_grams + 1, dtype=np.int64)
        longer = Tally()
        for codes in records:
            ids = solid.alphabet.numbered(codes, 1)
            for_length = {found.length: found for found in solid.trie.occurrences(ids)}
            is_joined = np.zeros(len(ids), dtype=np.bool_)  # with the character before
            for length, starts, _ in for_length.values():
                for k in range(1, length):
                    is_joined[starts + k] = True
            starts = np.flatnonzero((ids != 0) & ~is_joined)
            ends = np.flatnonzero((ids[:-1] != 0) & ~is_joined[1:]) + 1
            lengths = ends - starts
            characters += np.bincount(ids.take(starts[lengths == 1]), minlength=len(characters))
            for length, at, words in for_length.values():
                word_at = np.zeros(len(ids), dtype=np.uint32)
                word_at[at] = words
                grams += np.bincount(word_at.take(starts[lengths == length]), minlength=len(grams))
            if solid.order in for_length:
                runs = np.zeros(len(ids) + 1, dtype=np.int64)
                runs[for_length[solid.order].starts + 1] = 1
                np.cumsum(runs, out=runs)  # longest n-grams that start before each place
                long = np.flatnonzero(lengths > solid.order)
                first, last = starts.take(long), ends.take(long) - (solid.order - 1)
                long = long[runs.take(last) - runs.take(first) == last - first]
                longer.add(Spellings.within(ids, starts.take(long), lengths.take(long)).texts(solid.alphabet))
        return Segments(characters, grams, longer)

    def merge(self, left: Segments, right: Segments) -> Segments:
        """Add up, into `left`."""
        np.add(left.characters, right.characters, out=left.characters)
        np.add(left.grams, right.grams, out=left.grams)
        left.longer.merge(right.longer)
        return left

    def finish(self, partial: Segments) -> tuple[Counts, Counts, Counter[str]]:
        """Return the counts of characters and solid n-grams by number, and of longer pieces by their text."""
        return partial.characters, partial.grams, partial.longer.counts()

    def dump(self, partial: Segments) -> bytes:
        """Return the counts as bytes."""
        return joined(
            (partial.characters.astype("<i8").tobytes(), partial.grams.astype("<i8").tobytes(), partial.longer.dump())
        )

    def load(self, data: bytes) -> Segments:
        """Return the counts that were dumped."""
        characters, grams, longer = parted(data)
        return Segments(_counts(characters), _counts(grams), Tally.load(longer))


def _counts(data: bytes) -> Counts:
    return np.frombuffer(data, dtype="<i8").astype(np.int64)
