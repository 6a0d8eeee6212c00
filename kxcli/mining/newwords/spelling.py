"""Many words at once, as runs of numbered characters."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray, UInt32Array, UInt64Array
from kxcli.arrays.code_points import from_code_points, to_code_points
from kxcli.arrays.hashing import hash_pieces
from kxcli.mining.newwords.alphabet import Alphabet

_LF = np.uint32(10)


Reduce = Callable[[Any, Any, str], Any]  # job, shared value, label -> result of `finish`


class Spellings(NamedTuple):
    """Words: the characters of all, one word after the other, and the length of each, shape (n,)."""

    characters: UInt32Array
    lengths: IntArray

    @classmethod
    def empty(cls) -> "Spellings":
        """Return no words."""
        return cls(np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64))

    @classmethod
    def from_text(cls, ids: UInt32Array, starts: AnyArray, lengths: AnyArray) -> "Spellings":
        """Return the pieces of running characters that start at some places."""
        return cls(ids.take(np.arange(int(lengths.sum())) + np.repeat(starts - _before(lengths), lengths)), lengths)

    @classmethod
    def from_words(cls, words: Iterable[str], alphabet: Alphabet) -> "Spellings":
        """Return words of the alphabet's characters."""
        listed = list(words)
        codes = to_code_points("".join(listed))
        return cls(alphabet.ids.take(codes), np.fromiter(map(len, listed), dtype=np.int64, count=len(listed)))

    @classmethod
    def concatenate(cls, parts: "Iterable[Spellings]") -> "Spellings":
        """Return the words of all parts."""
        listed = [cls.empty(), *parts]
        return cls(np.concatenate([part.characters for part in listed]), np.concatenate([p.lengths for p in listed]))

    @property
    def starts(self) -> IntArray:
        """Where each word begins in `characters`."""
        return _before(self.lengths)

    def select(self, numbers: AnyArray) -> "Spellings":
        """Return some of the words, by their places from 0."""
        return Spellings.from_text(self.characters, self.starts[numbers], self.lengths[numbers])

    def with_borders(self, margin: int = 1) -> tuple[UInt32Array, IntArray]:
        """Return the words as running characters, a border before each, `margin` in the end, and where they begin."""
        starts = self.starts + np.arange(1, len(self.lengths) + 1)
        ids = np.zeros(len(self.characters) + len(self.lengths) + margin, dtype=np.uint32)
        ids[np.arange(len(self.characters)) + np.repeat(starts - self.starts, self.lengths)] = self.characters
        return ids, starts

    def hash_words(self) -> UInt64Array:
        """Return a hash of each word."""
        return hash_pieces(self.characters.astype(np.uint64), self.starts)

    def to_texts(self, alphabet: Alphabet) -> list[str]:
        """Return the words as strings."""
        if not len(self.lengths):
            return []
        ids, _ = self.with_borders()
        codes = np.where(ids != 0, alphabet.codes.take(ids), _LF)
        return from_code_points(codes[1:-1]).split("\n")


class Vocabulary(NamedTuple):
    """Counts of words: of single characters by their number, and of longer words, by their place in `words`."""

    singles: IntArray
    words: Spellings
    counts: IntArray

    @classmethod
    def from_parts(
        cls, singles: IntArray, spelt: Iterable[tuple[Spellings, IntArray]], texts: dict[str, int], alphabet: Alphabet
    ) -> "Vocabulary":
        """Return the vocabulary of words that are spelt in numbers, and of others that are texts."""
        parts = [
            *spelt,
            (Spellings.from_words(texts, alphabet), np.fromiter(texts.values(), dtype=np.int64, count=len(texts))),
        ]
        return cls(
            singles, Spellings.concatenate(words for words, _ in parts), np.concatenate([counts for _, counts in parts])
        )

    def frequent(self, least: int) -> "Vocabulary":
        """Return those seen at least so often."""
        kept = np.flatnonzero(self.counts >= least)
        return Vocabulary(np.where(self.singles >= least, self.singles, 0), self.words.select(kept), self.counts[kept])


def _before(lengths: AnyArray) -> IntArray:
    return np.asarray(np.cumsum(lengths) - lengths, dtype=np.int64)
