"""Words as arrays of numbered characters, and their counts."""

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt32Array
from kxcli.arrays.code_points import from_code_points, to_code_points
from kxcli.arrays.ragged import compute_starts, expand_ranges
from kxcli.mining.newwords.alphabet import Alphabet

_LF = np.uint32(10)

Reduce = Callable[[Any, Any, str], Any]  # job, shared value, label -> result of `finish`


class Spellings(NamedTuple):
    """Words: their characters, concatenated, and their lengths, shape (n,)."""

    characters: UInt32Array
    lengths: IntArray

    @classmethod
    def empty(cls) -> "Spellings":
        """Return no words."""
        return cls(np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64))

    @classmethod
    def from_text(cls, ids: UInt32Array, starts: AnyArray, lengths: AnyArray) -> "Spellings":
        """Return the words in a text, given their starts and lengths."""
        return cls(ids.take(expand_ranges(starts, lengths)), lengths)

    @classmethod
    def from_words(cls, words: Iterable[str], alphabet: Alphabet) -> "Spellings":
        """Return words of characters of an alphabet."""
        listed = list(words)
        if alphabet.runs is not None:
            return cls._from_units(listed, alphabet)
        codes = to_code_points("".join(listed))
        return cls(alphabet.ids.take(codes), np.fromiter(map(len, listed), dtype=np.int64, count=len(listed)))

    @classmethod
    def _from_units(cls, words: list[str], alphabet: Alphabet) -> "Spellings":
        """Return words of an alphabet with runs; those without runs are found at once."""
        lengths = np.fromiter(map(len, words), dtype=np.int64, count=len(words))
        characters = alphabet.ids.take(to_code_points("".join(words)), mode="clip")
        n_missing = np.add.reduceat(characters == 0, compute_starts(lengths)[:-1]) if len(words) else lengths
        rows = np.flatnonzero(n_missing)
        if not len(rows):
            return cls(characters, lengths)
        units = [alphabet.split_word(words[row]) for row in rows.tolist()]
        new_lengths = lengths.copy()
        new_lengths[rows] = [*map(len, units)]
        found = np.zeros(int(new_lengths.sum()), dtype=np.uint32)
        starts, is_same = compute_starts(new_lengths)[:-1], n_missing == 0
        places = expand_ranges(starts[is_same], lengths[is_same])
        found[places] = characters[expand_ranges(compute_starts(lengths)[:-1][is_same], lengths[is_same])]
        found[expand_ranges(starts[rows], new_lengths[rows])] = [number for word in units for number in word]
        return cls(found, new_lengths)

    @classmethod
    def concatenate(cls, parts: "Iterable[Spellings]") -> "Spellings":
        """Return the words of all parts, in order."""
        listed = [cls.empty(), *parts]
        return cls(np.concatenate([part.characters for part in listed]), np.concatenate([p.lengths for p in listed]))

    @property
    def starts(self) -> IntArray:
        """The start of each word in `characters`, shape (n,)."""
        return compute_starts(self.lengths)[:-1]

    def select(self, numbers: AnyArray) -> "Spellings":
        """Return the words at some positions."""
        return Spellings.from_text(self.characters, self.starts[numbers], self.lengths[numbers])

    def with_borders(self, margin: int = 1) -> tuple[UInt32Array, IntArray]:
        """Return a text with borders before words and at the end, and the starts."""
        starts = compute_starts(self.lengths + 1)[:-1] + 1
        ids = np.zeros(len(self.characters) + len(self.lengths) + margin, dtype=np.uint32)
        ids[expand_ranges(starts, self.lengths)] = self.characters
        return ids, starts

    def to_texts(self, alphabet: Alphabet) -> list[str]:
        """Return the words as strings."""
        if not len(self.lengths):
            return []
        ids, _ = self.with_borders()
        if alphabet.runs is not None:
            return "".join(alphabet.spell(ids[1:-1])).split("\0")
        codes = np.where(ids != 0, alphabet.codes.take(ids), _LF)
        return from_code_points(codes[1:-1]).split("\n")


class Vocabulary(NamedTuple):
    """Counts of single characters by number, of longer words and phrases by position.

    If the cut has n-grams, `is_aligned` is for each length from 1 whether most occurrences of each are between cuts.
    """

    singles: IntArray
    words: Spellings
    counts: IntArray
    is_aligned: tuple[BoolArray, ...] = ()
    phrases: Spellings = Spellings.empty()
    phrase_counts: IntArray = np.empty(0, dtype=np.int64)

    @classmethod
    def from_parts(
        cls,
        singles: IntArray,
        spellings: Iterable[tuple[Spellings, IntArray]],
        texts: dict[str, int],
        alphabet: Alphabet,
    ) -> "Vocabulary":
        """Return the vocabulary of single characters, spellings and texts."""
        parts = [
            *spellings,
            (Spellings.from_words(texts, alphabet), np.fromiter(texts.values(), dtype=np.int64, count=len(texts))),
        ]
        words, counts = Spellings.concatenate(words for words, _ in parts), np.concatenate([some for _, some in parts])
        return cls(singles, words, counts)

    def select_frequent(self, min_count: int) -> "Vocabulary":
        """Return the words with a count of at least `min_count`."""
        kept = np.flatnonzero(self.counts >= min_count)
        return self._replace(
            singles=np.where(self.singles >= min_count, self.singles, 0),
            words=self.words.select(kept),
            counts=self.counts[kept],
        )
