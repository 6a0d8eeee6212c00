"""Numbers for characters, so that all passes work on small integers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import IntArray, UInt16Array, UInt32Array
from kxcli.arrays.code_points import to_code_points
from kxcli.batching import iter_batches

Codes = UInt16Array | UInt32Array  # code points of running text: the records of the jobs of newwords

LF = 10  # ends each document of a record
_VT = "\v"  # instead of an LF within a document; it separates words, too

BITS = 21  # of a character's number, as of a code point

MAX_RECORD = 1 << 20  # characters of a record
_MIN_RECORD = 1 << 16  # characters; larger arrays are fast, and still fit a core's cache


class TextPart(NamedTuple):
    """A part of the input.

    Attributes:
        text: The text.
        has_continuation: Whether the next part continues its document.
        is_lines: Whether each LF ends a document.
    """

    text: str
    has_continuation: bool = False
    is_lines: bool = False


def iter_records(texts: Iterable[str]) -> Iterator[Codes]:
    """Yield documents as arrays of code points: see `iter_part_records`."""
    return iter_part_records(map(TextPart, texts))


def iter_part_records(parts: Iterable[tuple[str, bool, bool]], *, splits_lines: bool = False) -> Iterator[Codes]:
    """Yield documents as arrays of code points, of 2 bytes if possible.

    Short documents are joined, with an LF after each. A document of more than 2^20 characters is split at a border, or,
    in a block of more characters, anywhere, and becomes several. A record has whole documents.

    Args:
        parts: The fields of each `TextPart`.
        splits_lines: Whether each line of a document is a document.
    """
    for batch in iter_batches(_iter_pieces(parts, splits_lines), lambda piece: len(piece) + 1, _MIN_RECORD):
        yield _encode("\n".join([*batch, ""]))


def _iter_pieces(parts: Iterable[tuple[str, bool, bool]], splits_lines: bool) -> Iterator[str]:
    """Yield documents, long ones in pieces.

    Pieces do not depend on the parts of a document. An LF is only between documents.
    """
    rest = ""
    for text, has_continuation, is_lines in parts:
        if is_lines:
            yield from [text] if len(text) <= MAX_RECORD else chain.from_iterable(map(_split_long, text.split("\n")))
            continue
        *pieces, rest = _split_long(rest + (text if splits_lines else text.replace("\n", _VT)))
        yield from pieces
        if not has_continuation:
            yield rest
            rest = ""
    if rest:
        yield rest


def _split_long(text: str) -> Iterator[str]:
    """Split a text into parts of at most `MAX_RECORD` characters."""
    start = 0
    while len(text) - start > MAX_RECORD:
        stop = border = start + MAX_RECORD
        while border > start and text[border - 1].isalnum():
            border -= 1
        yield text[start : border if border > start else stop]
        start = border if border > start else stop
    yield text[start:] if start else text


def _encode(text: str) -> Codes:
    units = np.frombuffer(text.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    if len(units) == len(text):
        return units
    return to_code_points(text)


class CountCharacters:
    """The job that counts characters; a partial has the count of each code point."""

    def setup(self, shared: Any) -> None:
        """Do nothing."""

    def map(self, records: Iterable[Codes]) -> IntArray:
        """Count the characters of records."""
        counts = np.zeros(1, dtype=np.int64)
        for codes in records:
            counts = self.merge(counts, np.bincount(codes))
        return counts

    def merge(self, left: IntArray, right: IntArray) -> IntArray:
        """Add the counts to the longer array."""
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
        """Return dumped counts."""
        return np.frombuffer(data, dtype="<i8").astype(np.int64)


@dataclass(frozen=True)
class Alphabet:
    """Numbers for letters and digits (`str.isalnum`), the most frequent first.

    Numbers begin with 1; 0 is a border.

    Attributes:
        ids: Number by code point, shape (last code point + 2,); the last one, 0, is for all code points beyond.
        codes: Code point by number, shape (n + 1,), 0 for the border.
        counts: Count by number, shape (n + 1,), 0 for the border.
        total: Sum of all counts.
        min_count: Minimum count of a frequent character.
        n_frequent: Number of frequent characters; they have the first numbers.
    """

    ids: UInt32Array
    codes: UInt32Array
    counts: IntArray
    total: int
    min_count: int
    n_frequent: int

    @classmethod
    def from_counts(cls, counts: IntArray, min_count_for: Callable[[int], int]) -> "Alphabet":
        """Return the alphabet of a corpus.

        Args:
            counts: Count by code point.
            min_count_for: Returns the minimum count of a frequent character, given the total.
        """
        seen = np.flatnonzero(counts)
        kept = seen[[chr(code).isalnum() for code in seen.tolist()]] if len(seen) else seen
        kept = kept[np.argsort(-counts[kept], kind="stable")]
        ids = np.zeros(len(counts) + 1, dtype=np.uint32)
        ids[kept] = np.arange(1, len(kept) + 1)
        codes = np.concatenate(([0], kept)).astype(np.uint32)
        kept_counts = np.concatenate(([0], counts[kept]))
        total = int(kept_counts.sum())
        min_count = min_count_for(total)
        return cls(ids, codes, kept_counts, total, min_count, int(np.count_nonzero(kept_counts >= min_count)))

    def number(self, codes: Codes) -> UInt32Array:
        """Return the numbers of characters, with a border before and after them."""
        ids = np.zeros(len(codes) + 2, dtype=np.uint32)
        self.ids.take(codes, out=ids[1:-1], mode="clip")
        return ids
