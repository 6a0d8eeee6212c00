"""Many words at once, as runs of numbered characters."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray, UInt32Array, UInt64Array
from kxcli.arrays.code_points import from_code_points, to_code_points
from kxcli.arrays.hashing import hash_pieces
from kxcli.mining.newwords.alphabet import Alphabet

_LF = np.uint32(10)


class Spellings(NamedTuple):
    """Words: the characters of all, one word after the other, and the length of each, shape (n,)."""

    characters: UInt32Array
    lengths: IntArray

    @classmethod
    def none(cls) -> "Spellings":
        """Return no words."""
        return cls(np.empty(0, dtype=np.uint32), np.empty(0, dtype=np.int64))

    @classmethod
    def within(cls, ids: UInt32Array, starts: AnyArray, lengths: AnyArray) -> "Spellings":
        """Return the pieces of running characters that start at some places."""
        return cls(ids.take(np.arange(int(lengths.sum())) + np.repeat(starts - _before(lengths), lengths)), lengths)

    @classmethod
    def of(cls, words: Iterable[str], alphabet: Alphabet) -> "Spellings":
        """Return words of the alphabet's characters."""
        listed = list(words)
        codes = to_code_points("".join(listed))
        return cls(alphabet.ids.take(codes), np.fromiter(map(len, listed), dtype=np.int64, count=len(listed)))

    @classmethod
    def joined(cls, parts: "Iterable[Spellings]") -> "Spellings":
        """Return the words of all parts."""
        listed = [cls.none(), *parts]
        return cls(np.concatenate([part.characters for part in listed]), np.concatenate([p.lengths for p in listed]))

    @property
    def starts(self) -> IntArray:
        """Where each word begins in `characters`."""
        return _before(self.lengths)

    def chosen(self, numbers: AnyArray) -> "Spellings":
        """Return some of the words, by their places from 0."""
        return Spellings.within(self.characters, self.starts[numbers], self.lengths[numbers])

    def bordered(self, margin: int = 1) -> tuple[UInt32Array, IntArray]:
        """Return the words as running characters, a border before each, `margin` in the end, and where they begin."""
        starts = self.starts + np.arange(1, len(self.lengths) + 1)
        ids = np.zeros(len(self.characters) + len(self.lengths) + margin, dtype=np.uint32)
        ids[np.arange(len(self.characters)) + np.repeat(starts - self.starts, self.lengths)] = self.characters
        return ids, starts

    def hashes(self) -> UInt64Array:
        """Return a hash of each word."""
        return hash_pieces(self.characters.astype(np.uint64), self.starts)

    def texts(self, alphabet: Alphabet) -> list[str]:
        """Return the words as strings."""
        if not len(self.lengths):
            return []
        ids, _ = self.bordered()
        codes = np.where(ids != 0, alphabet.codes.take(ids), _LF)
        return from_code_points(codes[1:-1]).split("\n")


def _before(lengths: AnyArray) -> IntArray:
    return np.asarray(np.cumsum(lengths) - lengths, dtype=np.int64)
