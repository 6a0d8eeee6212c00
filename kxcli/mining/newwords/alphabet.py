"""The characters of a corpus: counted, then numbered, so that everything after is arithmetic on small integers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np

from kxcli.arrays import IntArray, UInt16Array, UInt32Array
from kxcli.arrays.code_points import to_code_points
from kxcli.batching import iter_batches

Codes = UInt16Array | UInt32Array  # code points of running text, the records of every job here

BITS = 21  # of a character's number: as many as a code point has


MAX_RECORD = 1 << 20  # characters of a record; a block that is longer is parted
_MIN_RECORD = 1 << 16  # characters from which arrays are fast, and still fit a core's cache


def iter_records(texts: Iterable[str]) -> Iterator[Codes]:
    """Yield texts as arrays of code points, of 2 bytes where that is enough; short texts together, an LF after each.

    A text of more than 2^20 characters is parted after a border; a block of more is parted every so many.
    """
    parts = chain.from_iterable(map(_split_long, texts))
    for batch in iter_batches(parts, lambda part: len(part) + 1, _MIN_RECORD):
        yield _codes("\n".join([*batch, ""]))


def _split_long(text: str) -> Iterator[str]:
    """Yield a text in parts of at most `MAX_RECORD` characters."""
    start = 0
    while len(text) - start > MAX_RECORD:
        stop = place = start + MAX_RECORD
        while place > start and text[place - 1].isalnum():
            place -= 1
        yield text[start : place if place > start else stop]
        start = place if place > start else stop
    yield text[start:] if start else text


def _codes(text: str) -> Codes:
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    if len(units) == len(text):
        return units
    return to_code_points(text)


class CountCharacters:
    """The job that counts characters; a partial is the count of every code point up to the last one seen."""

    def setup(self, shared: Any) -> None:
        """Nothing to make ready."""

    def map(self, records: Iterable[Codes]) -> IntArray:
        """Count the characters of some records."""
        counts = np.zeros(1, dtype=np.int64)
        for codes in records:
            counts = self.merge(counts, np.bincount(codes))
        return counts

    def merge(self, left: IntArray, right: IntArray) -> IntArray:
        """Add up, into the longer one."""
        if len(left) < len(right):
            left, right = right, left
        left[: len(right)] += right
        return left

    def finish(self, partial: IntArray) -> IntArray:
        """Return the counts."""
        return partial

    def dump(self, partial: IntArray) -> bytes:
        """Return the counts as bytes."""
        return partial.astype("<i8").tobytes()

    def load(self, data: bytes | memoryview) -> IntArray:
        """Return the counts that were dumped."""
        return np.frombuffer(data, dtype="<i8").astype(np.int64)


@dataclass(frozen=True)
class Alphabet:
    """Numbers for the kept characters (`str.isalnum`), from 1, the most frequent first; 0 is a border.

    ids: by code point, shape (last code point + 1,).  codes, counts: by number, shape (n + 1,), 0 for the border.
    total: characters kept in the corpus.  min_count: how often a frequent one is seen.
    n_frequent: how many are; they have the first numbers.
    """

    ids: UInt32Array
    codes: UInt32Array
    counts: IntArray
    total: int
    min_count: int
    n_frequent: int

    @classmethod
    def from_counts(cls, counts: IntArray, min_count_for: Callable[[int], int]) -> "Alphabet":
        """Return the alphabet of a corpus, given the count of every code point.

        min_count_for: returns the minimum count of a frequent character, given the number of all kept characters.
        """
        seen = np.flatnonzero(counts)
        kept = seen[[chr(code).isalnum() for code in seen.tolist()]] if len(seen) else seen
        kept = kept[np.argsort(-counts[kept], kind="stable")]
        ids = np.zeros(len(counts), dtype=np.uint32)
        ids[kept] = np.arange(1, len(kept) + 1)
        codes = np.concatenate(([0], kept)).astype(np.uint32)
        of_kept = np.concatenate(([0], counts[kept]))
        total = int(of_kept.sum())
        min_count = min_count_for(total)
        return cls(ids, codes, of_kept, total, min_count, int(np.count_nonzero(of_kept >= min_count)))

    def number(self, codes: Codes, margin: int) -> UInt32Array:
        """Return the numbers of running characters, with a border before them and `margin` borders after them."""
        ids = np.zeros(1 + len(codes) + margin, dtype=np.uint32)
        self.ids.take(codes, out=ids[1 : 1 + len(codes)], mode="clip")
        return ids

    def mask_rare(self, ids: UInt32Array) -> UInt32Array:
        """Return running characters with borders in place of the rare ones."""
        return np.where(ids <= self.n_frequent, ids, np.uint32(0))
