"""Counts of words.

To create and hash a Python string for each occurrence costs as much as segmentation. So a tally also takes text with
one word per line: numpy counts its short words as integers (`packing`), and each becomes a string once, at the end.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain
from typing import TYPE_CHECKING

from kxcli.tally.string_runs import decode_run, encode_run

if TYPE_CHECKING:
    from kxcli.arrays import UInt16Array
    from kxcli.tally.keys import KeyTally

_PACK_FROM = 1 << 16  # characters; importing numpy for shorter text takes longer than it saves
_MAX_PENDING = 1 << 17  # words
_WORD_BYTES = 176  # of a word, its share of a dict that grows by halves, and its count
_PENDING_BYTES = 96  # of a word that is not counted yet


class Tally:
    """The counts of words; merging is associative and commutative."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self._counts: Counter[str] = Counter(counts)
        self._pending: list[str] = []
        self._keys: KeyTally | None = None  # short words, if there are many

    def __reduce__(self) -> tuple[Callable[[bytes], "Tally"], tuple[bytes]]:
        return Tally.load, (self.dump(),)

    def add(self, words: Iterable[str]) -> None:
        """Count each word once more."""
        self._counts.update(words)

    def _add_pending(self, words: list[str]) -> None:
        """Collect words, to count many at a time, not to merge small counts."""
        self._pending += words
        if len(self._pending) > _MAX_PENDING:
            self._count_pending()

    def _count_pending(self) -> None:
        self._counts.update(self._pending)
        self._pending = []

    def add_lines(self, lines: "str | UInt16Array") -> None:
        """Count the words of text or UTF-16 units, one per line; skip empty lines."""
        if len(lines) < _PACK_FROM:
            text = lines if isinstance(lines, str) else lines.tobytes().decode("utf-16-le")
            self._counts.update(text.split("\n"))
            self._counts.pop("", None)
            return
        from kxcli.tally.keys import KeyTally
        from kxcli.tally.packing import pack

        keys, long_words = pack(lines)
        self._add_pending(long_words)
        self._keys = self._keys or KeyTally()
        self._keys.add(keys)

    def merge(self, other: "Tally") -> "Tally":
        """Add the counts of another tally, and return this one."""
        self._add_pending(other._pending)
        for word, count in other._counts.items():
            self._counts[word] += count
        if other._keys is not None:
            self._keys = other._keys if self._keys is None else self._keys.merge(other._keys)
        return self

    def counts(self) -> Counter[str]:
        """Return the count of each word."""
        self._count_pending()
        if self._keys is not None:
            from kxcli.tally.packing import unpack

            keys, counts = self._keys.select_frequent(1)
            words = dict(zip(unpack(keys), counts.tolist(), strict=True))
            words.pop("", None)
            for word, count in self._counts.items():
                words[word] = words.get(word, 0) + count
            self._counts, self._keys = Counter(words), None
        return self._counts

    @property
    def weight(self) -> int:
        """Approximate bytes of memory after packed words become strings."""
        n_packed = 0 if self._keys is None else self._keys.n_distinct
        packed = 0 if self._keys is None else self._keys.weight
        return (len(self._counts) + n_packed) * _WORD_BYTES + len(self._pending) * _PENDING_BYTES + packed

    def dump(self) -> bytes:
        """Return the tally as a run of its words."""
        counts = self.counts()
        words = sorted(counts)
        return b"".join(encode_run([(words, list(map(counts.__getitem__, words)))]))

    @classmethod
    def load(cls, data: bytes | memoryview) -> "Tally":
        """Return a dumped tally."""
        return cls().restore(data)

    def restore(self, data: bytes | memoryview) -> "Tally":
        """Take dumped counts, and return this tally."""
        self._counts = Counter(dict(chain.from_iterable(zip(*block, strict=True) for block in decode_run(data))))
        return self
