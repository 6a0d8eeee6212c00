"""Numbers for characters and runs, so that all passes work on small integers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from kxcli.arrays import BoolArray, IntArray, UInt16Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import to_code_points
from kxcli.batching import iter_batches
from kxcli.mining.newwords.runs import (
    DIGIT,
    LETTER,
    MARK,
    SPACED,
    PythonTextNumbers,
    RunCounts,
    is_spaced,
    make_kinds,
    make_text_numbers,
)
from kxcli.mining.newwords.text_form import TextForm

Codes = UInt16Array | UInt32Array  # code points of running text: the records of the jobs of newwords

LF = 10  # ends each document of a record
_VT = "\v"  # instead of an LF within a document; it separates words, too

BITS = 21  # of a unit's number, as of a code point
MAX_UNITS = (1 << BITS) - 1
_FIRST_RUN = 0x110000  # the code point of the first run

MAX_RECORD = 1 << 20  # characters of a record
_AS_IS = TextForm()
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


def iter_records(texts: Iterable[str], form: TextForm = _AS_IS) -> Iterator[Codes]:
    """Yield documents as arrays of code points: see `iter_part_records`."""
    return iter_part_records(map(TextPart, texts), form=form)


def iter_part_records(
    parts: Iterable[tuple[str, bool, bool]], *, splits_lines: bool = False, form: TextForm = _AS_IS
) -> Iterator[Codes]:
    """Yield documents as arrays of code points, of 2 bytes if possible.

    Short documents are joined, with an LF after each. A document of more than 2^20 characters is split at a border, or,
    in a block of more characters, anywhere, and becomes several. A record has whole documents.

    Args:
        parts: The fields of each `TextPart`.
        splits_lines: Whether each line of a document is a document.
        form: The form that documents are converted to.
    """
    pieces = map(form.convert, _iter_pieces(parts, splits_lines))
    for batch in iter_batches(pieces, lambda piece: len(piece) + 1, _MIN_RECORD):
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


class Runs(NamedTuple):
    """The runs of an alphabet: see `runs.py`.

    Attributes:
        hashes: Their hashes, shape (n,).
        numbers: Their numbers, shape (n,).
        texts: Their texts, in the order of their code points, which begin with 0x110000.
        first_digits: The first number of a run of digits; these have the last numbers.
    """

    hashes: UInt64Array
    numbers: UInt32Array
    texts: tuple[str, ...]
    first_digits: int


@dataclass(frozen=True)
class Alphabet:
    """Numbers for the units of text, the most frequent first.

    Units are characters, or characters and runs. Numbers begin with 1; 0 is a border. Without runs, the characters are
    letters and digits (`str.isalnum`). With runs, they are letters and marks of scripts without spaces, and each
    frequent run of others is a unit. Runs of digits are in no n-gram, so they have the last numbers.

    Attributes:
        ids: Number by code point, shape (last code point + 2,); the last one, 0, is for all code points beyond.
        codes: Code point by number, shape (n + 1,), 0 for the border; runs have code points from 0x110000 on.
        counts: Count by number, shape (n + 1,), 0 for the border.
        n_characters: Number of all letters and digits of the text.
        total: The same without the characters of runs: the size of the text for pmi.
        min_count: Minimum count of a frequent unit.
        n_frequent: Number of frequent units that may be in n-grams; they have the first numbers.
        runs: The runs; None without them.
    """

    ids: UInt32Array
    codes: UInt32Array
    counts: IntArray
    n_characters: int
    total: int
    min_count: int
    n_frequent: int
    runs: Runs | None = None

    @classmethod
    def from_counts(cls, counts: IntArray, min_count_for: Callable[[int], int]) -> "Alphabet":
        """Return the alphabet of the characters of a corpus.

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
        n_frequent = int(np.count_nonzero(kept_counts >= min_count))
        return cls(ids, codes, kept_counts, total, total, min_count, n_frequent)

    def with_runs(self, counts: IntArray, runs: RunCounts) -> "Alphabet":
        """Return this alphabet with runs, given the counts by code point."""
        seen = np.flatnonzero(counts)
        kinds = make_kinds().take(seen, mode="clip")
        letters = seen[(kinds == LETTER) | ((kinds == MARK) & ~is_spaced(seen))]
        is_digits = np.array([text.isnumeric() for text in runs.texts], dtype=np.bool_)
        codes = np.concatenate((letters, _FIRST_RUN + np.arange(len(runs.texts))))
        all_counts = np.concatenate((counts[letters], runs.counts))
        is_last = np.concatenate((np.zeros(len(letters), dtype=np.bool_), is_digits))
        order = np.lexsort((codes, -all_counts, is_last))
        codes, all_counts = codes[order], np.concatenate(([0], all_counts[order]))
        number_by_code = np.zeros(len(order), dtype=np.uint32)
        number_by_code[order] = np.arange(1, len(order) + 1)
        ids = np.zeros(len(counts) + 1, dtype=np.uint32)
        ids[letters] = number_by_code[: len(letters)]
        first_digits = 1 + len(order) - int(np.count_nonzero(is_digits))
        return Alphabet(
            ids,
            np.concatenate(([0], codes)).astype(np.uint32),
            all_counts,
            self.n_characters,
            int(counts[letters].sum()),
            self.min_count,
            int(np.count_nonzero(all_counts[:first_digits] >= self.min_count)),
            Runs(
                runs.hashes,
                number_by_code[len(letters) :].copy(),
                runs.texts,
                first_digits,
            ),
        )

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name not in ("_text_numbers", "_run_numbers")}

    @cached_property
    def _text_numbers(self) -> PythonTextNumbers:
        assert self.runs is not None
        return make_text_numbers(self.ids, self.runs.hashes, self.runs.numbers)

    @property
    def first_digits(self) -> int:
        """The first number of a run of digits; higher than all numbers if there is none."""
        return len(self.codes) if self.runs is None else self.runs.first_digits

    @property
    def is_joinable(self) -> BoolArray:
        """For each number, whether the unit may be joined with others to a word."""
        numbers = np.arange(len(self.codes))
        is_unit = numbers < self.first_digits if self.runs is not None else ~is_spaced(self.codes)
        joinable: BoolArray = is_unit & (numbers != 0)
        return joinable

    @cached_property
    def _run_numbers(self) -> dict[str, int]:
        """The number of each run by its text."""
        runs = self.codes[self.codes >= _FIRST_RUN]
        numbers = np.flatnonzero(self.codes >= _FIRST_RUN)
        assert self.runs is not None
        return {self.runs.texts[code - _FIRST_RUN]: n for code, n in zip(runs.tolist(), numbers.tolist(), strict=True)}

    def split_word(self, word: str) -> list[int]:
        """Return the numbers of the units of a word, 0 for unknown ones."""
        if self.runs is None:
            return [self._get_number(character) for character in word]
        units: list[str] = []
        is_open = False  # whether the last unit is a run
        for character in word:
            kind = make_kinds()[min(ord(character), len(make_kinds()) - 1)]
            joins = is_open and kind in (SPACED, DIGIT, MARK)
            is_open = joins or kind in (SPACED, DIGIT)
            if joins:
                units[-1] += character
            else:
                units.append(character)
        return [self._run_numbers.get(unit) or self._get_number(unit) for unit in units]

    def _get_number(self, character: str) -> int:
        return int(self.ids[min(ord(character[0]), len(self.ids) - 1)]) if len(character) == 1 else 0

    @property
    def is_run(self) -> BoolArray:
        """For each number, whether it is that of a run."""
        return self.codes >= _FIRST_RUN

    def number(self, codes: Codes) -> UInt32Array:
        """Return the numbers of characters and runs, with a border before and after them."""
        return self.number_and_locate(codes)[0]

    def number_and_locate(self, codes: Codes) -> tuple[UInt32Array, UInt32Array]:
        """Return numbers with borders, and 1 plus the position of each."""
        if self.runs is None:
            ids = np.zeros(len(codes) + 2, dtype=np.uint32)
            self.ids.take(codes, out=ids[1:-1], mode="clip")
            return ids, np.arange(len(codes) + 2, dtype=np.uint32)
        found, positions = self._text_numbers.number(codes, codes.itemsize == 4)
        return np.frombuffer(bytearray(found), dtype=np.uint32), np.frombuffer(positions, dtype=np.uint32)

    def spell(self, numbers: npt.ArrayLike) -> list[str]:
        """Return the texts of characters and runs."""
        texts = () if self.runs is None else self.runs.texts
        codes = self.codes.take(np.asarray(numbers, dtype=np.int64)).tolist()
        return [chr(code) if code < _FIRST_RUN else texts[code - _FIRST_RUN] for code in codes]
