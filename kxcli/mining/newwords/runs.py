"""Runs of letters and digits, as units of the text.

A run is of scripts with spaces between words. A frequent run has a number, as a character has, so that words such as
K线图 or 卡拉OK are n-grams of a few units. Rare runs separate words, as punctuation does; so do URLs, HTML tags and
HTML entities. Combining marks belong to the character before them, and code points such as soft hyphens and zero-width
spaces are as if they were not there.
"""

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.code_points import from_code_points, to_code_points
from kxcli.arrays.hashing import DEGSKI, GOLDEN
from kxcli.kernel import load_kernel
from kxcli.tally.jobs import TallyJob
from kxcli.tally.keys import KeyTally

SEPARATOR, LETTER, SPACED, DIGIT, MARK, IGNORED = range(6)  # kinds of code points, as in kernel/text_runs.h
RUN = np.dtype([("hash", "<u8"), ("start", "<u4"), ("end", "<u4")])
MAX_RUN = 1000  # characters, as in the kernel
_MASK = (1 << 64) - 1

_TABLE_END = 0x40000  # higher code points are no letters
_JOINERS = "\u200c\u200d"  # within words of Persian and scripts of India
# Begins and ends of scripts with spaces, alternating: Latin, Greek, Cyrillic and others up to Thai, which has none;
# Georgian; Latin and Greek with more marks; Coptic and others; more Cyrillic and Latin; full width.
_SPACED = np.array(
    [
        *(0x0000, 0x0E00, 0x10A0, 0x1100, 0x1E00, 0x2000, 0x2C00, 0x2E00),
        *(0xA640, 0xA6A0, 0xA720, 0xA800, 0xAB30, 0xAB70, 0xFF10, 0xFF5B),
    ],
    dtype=np.uint32,
)
# The twin of the kernel matches ASCII as it is, and one character for the kind of each other one.
_L, _S, _D, _M, _I = (chr(0x100 + kind) for kind in (LETTER, SPACED, DIGIT, MARK, IGNORED))
_RUN = rf"[A-Za-z0-9{_S}{_D}][A-Za-z0-9{_S}{_D}{_M}{_I}]*"
_URL = r"[!#-;=?-\[\]_a-z~]+"  # the characters of RFC 3986
_PIECES = re.compile(
    rf"(?P<url>{_RUN}(?=://){_URL}|[wW][wW][wW]{_I}*(?=\.){_URL})"
    rf"|(?P<run>{_RUN})|(?P<letters>{_L}[{_L}{_M}{_I}]*)|(?P<ignored>{_I}+)"
    r"|(?P<separators></?[A-Za-z][ -;=?-~]{0,998}>|&#?[A-Za-z0-9]{1,31};|.)",
    re.DOTALL,
)


def is_spaced(codes: AnyArray) -> Any:
    """Return whether code points are of scripts with spaces between words."""
    return np.searchsorted(_SPACED, codes, side="right") % 2 == 1


@cache
def make_kinds() -> UInt8Array:
    """Return the kind of each code point; higher ones separate words."""
    kinds = np.full(_TABLE_END, LETTER, dtype=np.uint8)  # ideographs from U+20000 on
    spaced = is_spaced(np.arange(0x20000))
    for code in range(0x20000):
        character = chr(code)
        category = unicodedata.category(character)
        if character.isalnum():
            kinds[code] = (DIGIT if character.isnumeric() else SPACED) if spaced[code] else LETTER
        elif category in ("Mn", "Mc") or character in _JOINERS:
            kinds[code] = IGNORED if "VARIATION SELECTOR" in unicodedata.name(character, "") else MARK
        else:
            kinds[code] = IGNORED if category == "Cf" else SEPARATOR
    return kinds


class PythonTextNumbers:
    """The slow twin of `kxcli._kernel.TextNumbers`: see there."""

    def __init__(self, kinds: UInt8Array, letters: UInt32Array, hashes: UInt64Array, runs: UInt32Array) -> None:
        self._kinds, self._letters = kinds, letters
        self._runs = dict(zip(hashes.tolist(), runs.tolist(), strict=True))

    def find_runs(self, codes: AnyArray, is_wide: bool, /) -> bytes:
        """Return the hash, start and end of each run."""
        runs = [run for run in self._iter_pieces(codes) if isinstance(run, tuple)]
        return np.array(runs, dtype=RUN).tobytes()

    def number(self, codes: AnyArray, is_wide: bool, /) -> tuple[bytes, bytes]:
        """Return the numbers of letters and runs, with borders, and their positions."""
        ids, positions, is_separated = [0], [0], True
        letters = _look_up(self._letters, codes).tolist()
        for piece in [*self._iter_pieces(codes), -1 - len(codes)]:
            start = piece[1] if isinstance(piece, tuple) else abs(piece) - 1
            is_border = not isinstance(piece, tuple) and piece < 0
            if is_border and is_separated:
                continue
            is_separated = is_border
            number = self._runs.get(piece[0], 0) if isinstance(piece, tuple) else 0 if is_border else letters[start]
            ids.append(number)
            positions.append(start + 1)
        return np.array(ids, dtype=np.uint32).tobytes(), np.array(positions, dtype=np.uint32).tobytes()

    def _iter_pieces(self, codes: AnyArray) -> Iterator[tuple[int, int, int] | int]:
        """Yield pieces in order.

        A piece is the hash, start and end of a run, 1 plus the position of a letter, or the negative for a separator.
        """
        kinds = _look_up(self._kinds, codes)
        text = from_code_points(np.where(codes < 0x80, codes, 0x100 + kinds.astype(np.uint32)))
        for match in _PIECES.finditer(text):
            start, end = match.span()
            if match.lastgroup == "letters":
                yield from (at + 1 for at in range(start, end) if text[at] != _I)
            elif match.lastgroup == "run":
                places = [at for at in range(start, end) if text[at] != _I]
                run = codes[places].tolist()
                yield (_hash(run), start, places[-1] + 1) if len(run) <= MAX_RUN else -1 - start
            elif match.lastgroup != "ignored":
                yield -1 - start


def _look_up(table: AnyArray, codes: AnyArray) -> AnyArray:
    """Return the value of each code point, 0 beyond the table."""
    return np.where(codes < len(table), table.take(codes, mode="clip"), 0)


def _hash(run: Iterable[int]) -> int:
    result = 0
    for code in run:
        result = (result ^ (code * int(GOLDEN) & _MASK)) * int(DEGSKI) & _MASK
        result ^= result >> 32
    return max(result, 1)


def make_text_numbers(
    letters: UInt32Array | None = None, hashes: UInt64Array | None = None, runs: UInt32Array | None = None
) -> PythonTextNumbers:
    """Return the numbers of characters and runs: of the kernel, or their slow twin.

    Args:
        letters: Number by code point; none by default.
        hashes: Hashes of known runs; none by default.
        runs: Their numbers.
    """
    kernel = load_kernel()
    kind: type[PythonTextNumbers] = PythonTextNumbers if kernel is None else kernel.TextNumbers
    letters = np.zeros(1, dtype=np.uint32) if letters is None else letters
    hashes = np.zeros(0, dtype=np.uint64) if hashes is None else hashes
    runs = np.zeros(0, dtype=np.uint32) if runs is None else runs
    return kind(make_kinds(), _align(letters), _align(hashes), _align(runs))


def _align(array: AnyArray) -> AnyArray:
    """Return a contiguous and aligned array.

    An array from another process may not be aligned.
    """
    return np.require(array, requirements=["C", "A"])


def find_text_runs(numbers: PythonTextNumbers, codes: AnyArray) -> Any:
    """Return the runs of a text as an array of `RUN`."""
    return np.frombuffer(numbers.find_runs(codes, codes.itemsize == 4), dtype=RUN)


class RunCounts(NamedTuple):
    """The frequent runs of a corpus, in the order of their texts."""

    hashes: UInt64Array
    counts: IntArray
    texts: tuple[str, ...]


def count_runs(reduce: Callable[[Any, Any, str], Any], min_count: int, max_runs: int, room: int | None) -> RunCounts:
    """Return frequent runs, by two passes over a corpus.

    Args:
        reduce: Runs a job over all records; returns None if there are none.
        min_count: The minimum count; it is raised if there are more than `max_runs`.
        max_runs: The maximum number of runs.
        room: Bytes of memory for merging counts; unlimited if None.
    """
    found: KeyTally | None = reduce(CountRuns(), None, "runs")
    if found is None:  # no record
        found = KeyTally()
    hashes, counts = found.select_frequent(min_count, room)
    if len(hashes) > max_runs:
        kept = counts > np.partition(counts, -max_runs - 1)[-max_runs - 1]
        hashes, counts = hashes[kept], counts[kept]
    texts = reduce(SpellRuns(), hashes, "spellings") if len(hashes) else []
    order = np.array(sorted(range(len(texts)), key=texts.__getitem__), dtype=np.int64)
    return RunCounts(hashes[order], counts[order], tuple(texts[row] for row in order.tolist()))


class CountRuns(TallyJob[AnyArray, tuple[KeyTally]]):
    """The job that counts runs by their hashes."""

    def setup(self, shared: None) -> None:
        """Prepare to find runs."""
        self._numbers = make_text_numbers()

    def make_partial(self) -> tuple[KeyTally]:
        """Return a partial without counts."""
        return (KeyTally(),)

    def count(self, record: AnyArray, partial: tuple[KeyTally]) -> None:
        """Count the runs of a record."""
        (tally,) = partial
        tally.counter.add(find_text_runs(self._numbers, record)["hash"].copy())
        tally.limit_counter()

    def finish(self, partial: tuple[KeyTally]) -> KeyTally:
        """Return the counts."""
        return partial[0]

    def weight(self, partial: tuple[KeyTally]) -> int:
        """Return the approximate bytes of memory."""
        return partial[0].weight


class RunTexts:
    """The texts of runs; merging is associative and commutative."""

    def __init__(self) -> None:
        self.texts: set[str] = set()
        self.is_found: BoolArray | None = None  # for each hash that is searched for

    def merge(self, other: "RunTexts") -> "RunTexts":
        """Add other texts, and return these."""
        self.texts |= other.texts
        self.is_found = None
        return self

    def dump(self) -> bytes:
        """Return the texts as bytes."""
        return "\n".join(sorted(self.texts)).encode()

    def restore(self, data: bytes | memoryview) -> "RunTexts":
        """Take dumped texts, and return them."""
        self.texts = {text for text in bytes(data).decode().split("\n") if text}
        return self


class SpellRuns(TallyJob[AnyArray, tuple[RunTexts]]):
    """The job that finds the texts of runs, given their ascending hashes."""

    def setup(self, shared: UInt64Array) -> None:
        """Keep the hashes."""
        self._hashes, self._numbers = shared, make_text_numbers()

    def make_partial(self) -> tuple[RunTexts]:
        """Return a partial without texts."""
        return (RunTexts(),)

    def count(self, record: AnyArray, partial: tuple[RunTexts]) -> None:
        """Add the texts of runs that the partial has not."""
        (found,) = partial
        if found.is_found is None:
            found.is_found = np.zeros(len(self._hashes), dtype=np.bool_)
        runs = find_text_runs(self._numbers, record)
        rows = np.searchsorted(self._hashes, runs["hash"]).clip(max=max(len(self._hashes) - 1, 0))
        is_new = (self._hashes[rows] == runs["hash"]) & ~found.is_found[rows] if len(self._hashes) else rows < 0
        rows, runs = rows[is_new], runs[is_new]
        rows, firsts = np.unique(rows, return_index=True)
        found.is_found[rows] = True
        kinds = make_kinds()
        for _, start, end in runs[firsts].tolist():
            codes = record[start:end]
            found.texts.add(from_code_points(codes[kinds.take(codes) != IGNORED]))

    def finish(self, partial: tuple[RunTexts]) -> list[str]:
        """Return the text of each hash; of two, the first by code points."""
        texts = sorted(partial[0].texts, reverse=True)
        runs = find_text_runs(self._numbers, to_code_points("\n".join(texts)))
        by_hash = dict(zip(runs["hash"].tolist(), texts, strict=True))
        return [by_hash[number] for number in self._hashes.tolist()]
