"""Counts of words."""

from collections import Counter
from collections.abc import Callable, Iterable
from itertools import chain

from kxcli.tally.string_runs import decode_run, encode_sums

_WORD_BYTES = 200  # of a word, its share of a dict that grows by halves, and its count
_CHARACTER_BYTES = 6  # additional, per character of the word, with those of a dump


class Tally:
    """The counts of words; merging is associative and commutative."""

    def __init__(self, counts: dict[str, int] | None = None) -> None:
        self._counts: Counter[str] = Counter(counts)

    def __reduce__(self) -> tuple[Callable[[bytes], "Tally"], tuple[bytes]]:
        return Tally.load, (self.dump(),)

    def add(self, words: Iterable[str]) -> None:
        """Count each word once more."""
        self._counts.update(words)

    def add_number(self, word: str, number: int) -> None:
        """Add a number to the count of a word."""
        self._counts[word] += number

    def merge(self, other: "Tally") -> "Tally":
        """Add the counts of another tally, and return this one."""
        for word, count in other._counts.items():
            self._counts[word] += count
        return self

    def counts(self) -> Counter[str]:
        """Return the count of each word."""
        return self._counts

    @property
    def weight(self) -> int:
        """Approximate bytes of memory; takes time for each word."""
        return len(self._counts) * _WORD_BYTES + sum(map(len, self._counts)) * _CHARACTER_BYTES

    def dump(self) -> bytes:
        """Return the tally as a run of its words."""
        return b"".join(encode_sums(self._counts))

    @classmethod
    def load(cls, data: bytes | memoryview) -> "Tally":
        """Return a dumped tally."""
        return cls().restore(data)

    def restore(self, data: bytes | memoryview) -> "Tally":
        """Take dumped counts, and return this tally."""
        self._counts = Counter(dict(chain.from_iterable(zip(*block, strict=True) for block in decode_run(data))))
        return self
