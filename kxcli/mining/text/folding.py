r"""Fold texts for comparison, with the way back to the source.

Folding is NFKC, then case folding, then one space for each run of white space.
`fold(text)` is `re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold())`. `fold_texts` does the same to
many texts over arrays of code points. The Unicode data are those of the running Python.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, Int32Array, IntArray, UInt32Array
from kxcli.arrays.code_points import from_code_points, to_code_points
from kxcli.arrays.ragged import compute_starts, expand_ranges

BORDER = "\uffff"  # between texts: not a character, in no name, and never composed
SPACE = 0x20

_WHITE = re.compile(r"\s")
_WHITE_RUN = re.compile(r"\s+")
UNCHANGED_FROM = 0x30000  # ideographs, tags, variation selectors, private use: neither folded nor composed
_SPECIAL = 0x110000  # from here, a table entry is the number of a row of `_Tables.spelled`, not a code point
_CHANGING = (  # the other characters never change: ideographs, Hangul syllables, surrogates and the border
    range(0x3400),
    range(0xA000, 0xAC00),
    range(0xD7A4, 0xD800),
    range(0xE000, 0xFFFF),
    range(0x10000, 0x17000),
    range(0x18B00, 0x20000),
    range(0x2F800, 0x2FA20),
)


def fold(text: str) -> str:
    """Return the folded text."""
    if text.isascii():
        return _WHITE_RUN.sub(" ", text.lower())
    return _WHITE_RUN.sub(" ", unicodedata.normalize("NFKC", text).casefold())


def fold_names(names: Sequence[str]) -> list[str]:
    """Return names folded and stripped of white space."""
    if not names:
        return []
    whole = fold_texts([name.replace(BORDER, "") for name in names])
    return [name.strip(" ") for name in from_code_points(whole.codes).split(BORDER)[:-1]]


@dataclass(frozen=True)
class FoldedTexts:
    """Texts as folded code points, with a border after each.

    A piece of the source is one character, or several that compose. It becomes one folded code point or several.

    Args:
        codes: The folded code points.
        starts: Where each text begins in the source.
        source: The source's code points, of 16 or 32 bits.
        begins: By folded code point, where its piece of the source begins, -1 if it is not the first of its piece. If
            None, each code point comes from the same position.
        ends: By folded code point, where its piece of the source ends, -1 if it is not the last of its piece.
    """

    codes: UInt32Array
    starts: IntArray
    source: AnyArray
    begins: Int32Array | None = None
    ends: Int32Array | None = None

    def sources(self, starts: AnyArray, stops: AnyArray) -> tuple[IntArray, IntArray]:
        """Return the begins and ends of folded spans in the source, -1 within a piece."""
        if self.begins is None or self.ends is None:
            return starts.astype(np.int64), stops.astype(np.int64)
        return self.begins.take(starts).astype(np.int64), self.ends.take(stops - 1).astype(np.int64)

    def positions(self, begins: IntArray, ends: IntArray) -> tuple[IntArray, IntArray]:
        """Return the starts and stops of source spans when folded, -1 within a piece."""
        if self.begins is None or self.ends is None:
            return begins, ends
        starts, lasts = _find_positions(self.begins, begins), _find_positions(self.ends, ends)
        return starts, np.where(lasts >= 0, lasts + 1, -1)

    def characters(self, positions: AnyArray) -> AnyArray:
        """Return the first source code point of each folded one."""
        if self.begins is None:
            return self.source.take(positions)
        return self.source.take(np.maximum.accumulate(self.begins).take(positions))

    def folded_starts(self) -> IntArray:
        """Return where each text begins in the folded text."""
        if self.begins is None:
            return self.starts
        return np.searchsorted(np.maximum.accumulate(self.begins), self.starts)

    def locate(self, positions: AnyArray) -> tuple[IntArray, IntArray]:
        """Return the number of the text of each source position, and the offset there."""
        texts = np.searchsorted(self.starts, positions, side="right") - 1
        return texts, positions - self.starts.take(texts)


def _find_positions(known: Int32Array, values: IntArray) -> IntArray:
    """Return the position of each value in `known`, or -1.

    Without its values of -1, `known` ascends.
    """
    used = np.flatnonzero(known >= 0)
    at = np.searchsorted(known.take(used), values).clip(max=max(len(used) - 1, 0))
    positions = used.take(at)
    return np.where(known.take(positions) == values, positions, -1)


def fold_texts(texts: Sequence[str]) -> FoldedTexts:
    """Return texts folded; about 10 ns a character if few characters compose."""
    codes, wide = _encode(texts)
    starts = compute_starts([len(text) + 1 for text in texts])[:-1]
    if not len(codes):
        return FoldedTexts(codes.astype(np.uint32), starts, codes)
    tables = _tables()
    if wide:
        out = tables.single.take(codes, mode="clip")
        np.copyto(out, codes, where=codes >= UNCHANGED_FROM)
    else:
        out = tables.single.take(codes)
    begins = ends = None
    if out.max() >= _SPECIAL:
        out, begins, ends = _expand_specials(codes, out, starts, tables)
    is_space = out == SPACE
    dropped = np.flatnonzero(is_space[1:] & is_space[:-1])
    if len(dropped):
        if begins is None or ends is None:
            begins = np.arange(len(out), dtype=np.int32)
            ends = begins + np.int32(1)
        rest = np.delete(np.arange(len(out)), dropped + 1)
        ends = ends.take(np.append(rest[1:], len(out)) - 1)  # a run of spaces ends where its last space ends
        out, begins = out.take(rest), begins.take(rest)
    return FoldedTexts(out, starts, codes, begins, ends)


def _encode(texts: Sequence[str]) -> tuple[AnyArray, bool]:
    """Return the code points of bordered texts, and whether any is above U+FFFF."""
    joined = BORDER.join([*texts, ""])
    units = np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    if len(units) == len(joined):
        return units, False
    return to_code_points(joined), True


class _Tables(NamedTuple):
    """The folding of each code point by itself.

    Args:
        single: The folded code point, or `_SPECIAL` + a number for a character that becomes several or composes with
            the one before it.
        combines: By such a number, whether the character composes with the one before it.
        spelled: By such a number, the folded code points, concatenated.
        spelled_starts: Where those of each number start in `spelled`, and where the last ones end.
    """

    single: UInt32Array
    combines: BoolArray
    spelled: UInt32Array
    spelled_starts: IntArray


def _iter_changing() -> Iterable[int]:
    return chain.from_iterable(_CHANGING)


@cache
def _tables() -> _Tables:
    """Return the tables; takes 0.1 s."""
    seconds = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}  # Hangul vowels and finals
    for code in _iter_changing():
        pair = unicodedata.decomposition(chr(code)).split()
        if len(pair) == 2 and pair[0][0] != "<":
            seconds.add(chr(int(pair[1], 16)))
    single = np.arange(UNCHANGED_FROM, dtype=np.uint32)
    combines, specials = list[bool](), list[str]()
    for code in _iter_changing():
        character = chr(code)
        becomes = unicodedata.normalize("NFKC", character).casefold()
        first = unicodedata.normalize("NFKD", character)[0]
        is_second = first in seconds or unicodedata.combining(first) != 0
        if is_second or len(becomes) > 1:
            single[code] = _SPECIAL + len(specials)
            combines.append(is_second)
            specials.append(_WHITE.sub(" ", becomes))
        elif becomes != character or becomes.isspace():
            single[code] = SPACE if becomes.isspace() else ord(becomes)
    return _Tables(single, np.array(combines), _join_codes(specials), compute_starts([*map(len, specials)]))


def _expand_specials(
    codes: AnyArray, out: UInt32Array, text_starts: IntArray, tables: _Tables
) -> tuple[UInt32Array, Int32Array, Int32Array]:
    """Spell out special characters; return the code points, their begins and ends."""
    specials = np.flatnonzero(out >= _SPECIAL)
    numbers = out.take(specials).astype(np.int64) - _SPECIAL
    combining = specials[tables.combines.take(numbers)]
    combining = np.setdiff1d(combining, text_starts, assume_unique=True)  # composes with nothing
    firsts = np.flatnonzero(np.diff(combining, prepend=-1) > 1)
    begins = combining.take(firsts) - 1
    ends = combining.take(np.append(firsts[1:], len(combining)) - 1) + 1 if len(firsts) else begins
    pieces = [
        _fold_piece(from_code_points(codes[begin:end]))
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]

    lengths = np.ones(len(codes), dtype=np.int64)
    lengths[specials] = np.diff(tables.spelled_starts).take(numbers)
    lengths[combining] = 0
    lengths[begins] = list(map(len, pieces))
    is_alone = np.ones(len(codes), dtype=np.bool_)
    is_alone[begins] = is_alone[combining] = False

    places = np.cumsum(lengths) - lengths  # in the result
    spelled = np.repeat(out, lengths)
    alone = is_alone[specials]
    spelled[expand_ranges(places[specials[alone]], lengths[specials[alone]])] = tables.spelled[
        expand_ranges(tables.spelled_starts[numbers[alone]], lengths[specials[alone]])
    ]
    spelled[expand_ranges(places[begins], lengths[begins])] = _join_codes(pieces)
    first = np.full(len(spelled), -1, dtype=np.int32)
    last = np.full(len(spelled), -1, dtype=np.int32)
    nonempty = np.flatnonzero(lengths)
    stops = nonempty + 1
    stops[np.searchsorted(nonempty, begins)] = ends
    first[places[nonempty]] = nonempty
    last[places[nonempty] + lengths[nonempty] - 1] = stops
    return spelled, first, last


@lru_cache(1 << 12)
def _fold_piece(piece: str) -> str:
    return _WHITE.sub(" ", unicodedata.normalize("NFKC", piece).casefold())


def _join_codes(texts: Sequence[str]) -> UInt32Array:
    return to_code_points("".join(texts))
