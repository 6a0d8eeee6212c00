"""Inverse document frequencies (IDF) by word, in arrays shared by all workers."""

import math
from array import array
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from io import TextIOWrapper
from numbers import Real
from typing import NamedTuple
from zlib import crc32

import numpy as np

from kxcli.arrays import FloatArray, IntArray, UInt8Array, UInt32Array
from kxcli.mining.arguments import check_type
from kxcli.mining.segment.jieba_reference import open_idf
from kxcli.wording import shorten


class IdfError(ValueError):
    """An invalid line of an IDF file; `line` counts from 1."""

    def __init__(self, line: int, what: str, hint: str = "correct the line") -> None:
        super().__init__(line, what, hint)
        self.line, self.what, self.hint = line, what, hint

    def __str__(self) -> str:
        return f"line {self.line}: {self.what}; {self.hint}"


def parse_idf(lines: Iterable[str]) -> dict[str, float]:
    """Return the IDF by word of lines in jieba's form: word, space, number.

    Blank lines are skipped. The last line of a word counts.

    Raises:
        IdfError: A line has another form, or there is none.
    """
    idf: dict[str, float] = {}
    for number, line in enumerate(lines, 1):
        word, _, digits = line.partition(" ")
        try:
            value = float(digits)
        except ValueError:
            value = math.nan
        if word and math.isfinite(value):
            idf[word] = value
        elif not line.isspace() and line:
            raise IdfError(number, f"{shorten(line)!r} is not `word idf`, separated by one space")
    if not idf:
        raise IdfError(1, "has no word", "give lines of `word idf`")
    return idf


class IdfTable(NamedTuple):
    """The IDF of each word, by a hash of the word.

    Memory: the bytes of a word and some 25.

    Attributes:
        text: The UTF-8 of all words.
        starts: The first byte of each word, and the end of the last one.
        values: The IDF of each word.
        numbers: The numbers of the words, ordered by bucket.
        buckets: The first position in `numbers` of each bucket, and the end of the last one.
        default: The IDF of other words: the upper median of all values, as in jieba.
    """

    text: UInt8Array
    starts: IntArray
    values: FloatArray
    numbers: UInt32Array
    buckets: UInt32Array
    default: float

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[bytes, float]]) -> "IdfTable":
        """Return the table of distinct words in UTF-8 and their IDF."""
        text, ends, idf_values, hashes = bytearray(), array("q", [0]), array("d"), array("L")
        for word, idf in rows:
            text += word
            ends.append(len(text))
            idf_values.append(idf)
            hashes.append(crc32(word))
        values = np.frombuffer(idf_values, dtype=np.float64)
        n_buckets = 1 << len(values).bit_length()
        keys = np.frombuffer(hashes, dtype=f"u{hashes.itemsize}").astype(np.uint32) & np.uint32(n_buckets - 1)
        stops = np.cumsum(np.bincount(keys, minlength=n_buckets))
        half = len(values) // 2
        return cls(
            np.frombuffer(text, dtype=np.uint8),
            np.frombuffer(ends, dtype=np.int64),
            values,
            np.argsort(keys, kind="stable").astype(np.uint32),
            np.append(0, stops).astype(np.uint32),
            float(np.partition(values, half)[half]) if len(values) else 0.0,
        )

    @classmethod
    def from_mapping(cls, idf: Mapping[str, float]) -> "IdfTable":
        """Return the table of an IDF by word."""
        return cls.from_rows((_encode(word), value) for word, value in idf.items())

    def items(self) -> Iterator[tuple[str, float]]:
        """Yield each word and its IDF."""
        text, starts = self.text.tobytes(), self.starts.tolist()
        for at, value in enumerate(self.values.tolist()):
            yield text[starts[at] : starts[at + 1]].decode("utf-8", "surrogatepass"), value


class IdfLookup:
    """Finds the IDF of words; a call takes about a microsecond."""

    def __init__(self, table: IdfTable) -> None:
        self._text, self._starts, self._values = table.text.data, table.starts.data, table.values.data
        self._numbers, self._buckets = table.numbers.data, table.buckets.data
        self._mask, self._default = len(table.buckets) - 2, table.default

    def __call__(self, word: str) -> float:
        """Return the IDF of a word."""
        encoded = _encode(word)
        bucket = crc32(encoded) & self._mask
        starts = self._starts
        for number in self._numbers[self._buckets[bucket] : self._buckets[bucket + 1]]:
            if self._text[starts[number] : starts[number + 1]] == encoded:
                return float(self._values[number])
        return self._default


@cache
def load_jieba_idf() -> IdfTable:
    """Return the IDF of jieba."""
    with TextIOWrapper(open_idf(), encoding="utf-8", newline="\n") as lines:
        return IdfTable.from_mapping(parse_idf(lines))


def check_idf(idf: Mapping[str, float]) -> None:
    """Raise an error unless a value is a mapping from words to numbers."""
    check_type("idf", idf, Mapping, "a mapping from words to numbers")
    for word, value in idf.items():
        check_type("a word of idf", word, str)
        check_type(f"idf[{word!r}]", value, Real)
        if not math.isfinite(value):
            raise ValueError(f"idf[{word!r}] must be a finite number, not {value}")
    if not idf:
        raise ValueError("idf has no words")


def _encode(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")
