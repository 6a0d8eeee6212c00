"""Counts of words: added, merged, and written as bytes.

Most words are short, and to make and hash a Python string for each occurrence costs as much as segmentation.
So a tally also takes text with a word a line, whose short words numpy counts as integers (`packing`); they become
strings once, when the counts are asked for.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING

from kxcli.tally.string_runs import decode_run, encode_run

if TYPE_CHECKING:
    from kxcli.arrays import UInt16Array
    from kxcli.tally.keys import KeyTally

_PACK_FROM = 1 << 16  # characters: below, numpy's import would take longer than it saves
_COUNT_FROM = 1 << 17  # words held uncounted
_WORD = 176  # bytes of a word, its place in a table that grows by halves, and its count
_HELD = 96  # bytes of a word that is not counted yet


class Tally:
    """How often each word was seen; merging is associative and commutative, whatever form the counts are in."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self._counts: Counter[str] = Counter(counts)
        self._loose: list[str] = []
        self._keys: KeyTally | None = None  # the short words, once there are many

    def __reduce__(self) -> tuple[Callable[[bytes], "Tally"], tuple[bytes]]:
        return Tally.load, (self.dump(),)

    def add(self, words: Iterable[str]) -> None:
        """Count each word once more."""
        self._counts.update(words)

    def _add_loose(self, words: list[str]) -> None:
        """Hold words that are not counted yet: counting many at a time is faster than merging counts."""
        self._loose += words
        if len(self._loose) > _COUNT_FROM:
            self._count_loose()

    def _count_loose(self) -> None:
        self._counts.update(self._loose)
        self._loose = []

    def add_lines(self, lines: "str | UInt16Array") -> None:
        """Count the words in lines of one word each, given as text or as UTF-16 units; empty lines are none."""
        if len(lines) < _PACK_FROM:
            text = lines if isinstance(lines, str) else lines.tobytes().decode("utf-16-le")
            self._counts.update(text.split("\n"))
            self._counts.pop("", None)
            return
        from kxcli.tally.keys import KeyTally
        from kxcli.tally.packing import pack

        keys, long_words = pack(lines)
        self._add_loose(long_words)
        self._keys = self._keys or KeyTally()
        self._keys.add(keys)

    def merge(self, other: "Tally") -> "Tally":
        """Add the other's counts to this one's, and return this one."""
        self._add_loose(other._loose)
        for word, count in other._counts.items():
            self._counts[word] += count
        if other._keys is not None:
            self._keys = other._keys if self._keys is None else self._keys.merge(other._keys)
        return self

    def counts(self) -> Counter[str]:
        """Return each word's count."""
        self._count_loose()
        if self._keys is not None:
            from kxcli.tally.packing import unpack

            keys, counts = self._keys.frequent(1)
            words = dict(zip(unpack(keys), counts.tolist(), strict=True))
            words.pop("", None)
            for word, count in self._counts.items():
                words[word] = words.get(word, 0) + count
            self._counts, self._keys = Counter(words), None
        return self._counts

    @property
    def weight(self) -> int:
        """Bytes of memory that it takes, about, as strings, which packed words become when they are asked for."""
        n_packed = 0 if self._keys is None else self._keys.n_distinct
        packed = 0 if self._keys is None else self._keys.weight
        return (len(self._counts) + n_packed) * _WORD + len(self._loose) * _HELD + packed

    def dump(self) -> bytes:
        """Return the tally as bytes: a run of its words."""
        counts = self.counts()
        words = sorted(counts)
        return b"".join(encode_run([(words, list(map(counts.__getitem__, words)))]))

    @classmethod
    def load(cls, data: bytes | memoryview) -> "Tally":
        """Return the tally that was dumped."""
        return cls(dict(chain.from_iterable(zip(*block, strict=True) for block in decode_run(data))))
