"""Many words at once, as runs of numbered characters."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray, UInt32Array, UInt64Array
from kxcli.mining.newwords.alphabet import Alphabet

_LF = np.uint32(10)
_HALF = np.uint64(32)
_GOLDEN = np.uint64(0x9E37_79B9_7F4A_7C15)
_MIXERS = (np.uint64(0xBF58_476D_1CE4_E5B9), np.uint64(0x94D0_49BB_1331_11EB))


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
        codes = np.frombuffer("".join(listed).encode("utf-32-le"), dtype="<u4")
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
        return hashes(self.characters.astype(np.uint64), self.starts)

    def texts(self, alphabet: Alphabet) -> list[str]:
        """Return the words as strings."""
        if not len(self.lengths):
            return []
        ids, _ = self.bordered()
        codes = np.where(ids != 0, alphabet.codes.take(ids), _LF)
        return codes[1:-1].tobytes().decode("utf-32-le").split("\n")


def hashes(text: UInt64Array, starts: AnyArray) -> UInt64Array:
    """Return a hash of each piece of a text; a piece ends where the next one starts, and 0s count for nothing.

    Two sums of the characters times numbers that depend on their places give 32 bits each: the upper ones, in which
    different pieces are equal no more often than by chance, if the numbers are as good as random (multilinear hashing;
    Dietzfelbinger 1996).
    """
    if not len(starts):
        return np.empty(0, dtype=np.uint64)
    lengths = np.diff(starts, append=len(text))
    places = np.arange(len(text)) - np.repeat(starts, lengths)
    halves = []
    for mixer in _MIXERS:
        factors = (np.arange(1, int(lengths.max()) + 1, dtype=np.uint64) * _GOLDEN) ^ mixer
        factors = (factors ^ (factors >> np.uint64(30))) * mixer
        factors = ((factors ^ (factors >> np.uint64(27))) * _GOLDEN) | np.uint64(1)
        halves.append(np.add.reduceat(text * factors.take(places), starts))
    return (halves[0] >> _HALF << _HALF) | (halves[1] >> _HALF)


def _before(lengths: AnyArray) -> IntArray:
    return np.asarray(np.cumsum(lengths) - lengths, dtype=np.int64)
