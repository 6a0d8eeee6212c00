"""What a method finds: words and their counts."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.newwords.alphabet import Alphabet
from kxcli.mining.newwords.spelling import Spellings

Reduce = Callable[[Any, Any, str], Any]  # job, what it shares, what to call it -> what it finishes with


class Vocabulary(NamedTuple):
    """Counts of words: of single characters by their number, and of longer words, by their place in `words`."""

    singles: IntArray
    words: Spellings
    counts: IntArray

    @classmethod
    def of(
        cls, singles: IntArray, spelt: Iterable[tuple[Spellings, IntArray]], texts: dict[str, int], alphabet: Alphabet
    ) -> "Vocabulary":
        """Return the vocabulary of words that are spelt in numbers, and of others that are texts."""
        parts = [*spelt, (Spellings.of(texts, alphabet), np.fromiter(texts.values(), dtype=np.int64, count=len(texts)))]
        return cls(
            singles, Spellings.joined(words for words, _ in parts), np.concatenate([counts for _, counts in parts])
        )

    def frequent(self, least: int) -> "Vocabulary":
        """Return those seen at least so often."""
        kept = np.flatnonzero(self.counts >= least)
        return Vocabulary(np.where(self.singles >= least, self.singles, 0), self.words.chosen(kept), self.counts[kept])
