r"""Texts made comparable, with the way back: NFKC, then case folding, then every run of white space as one space.

`fold(text)` is `re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text).casefold())`, and what is done to many texts
at a time over arrays is the same, code point by code point.  What Unicode data the running Python has decides it.
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
from kxcli.arrays.ragged import expand_ranges, starts_of

BORDER = "\uffff"  # stands between texts: no character, in no name, and nothing composes with it
SPACE = 0x20

_WHITE = re.compile(r"\s")
_WHITE_RUN = re.compile(r"\s+")
_UNCHANGED_FROM = 0x30000  # planes of ideographs, tags, variation selectors and private use: no folding, no composing
_SPECIAL = 0x110000  # from here, an entry of the table is not a code point but the number of a `_Tables.spelled`
_CHANGING = (  # all others stay what they are: ideographs, Hangul syllables, surrogates and the border
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
    """Return names folded and without white space around them."""
    if not names:
        return []
    whole = fold_texts([name.replace(BORDER, "") for name in names])
    return [name.strip(" ") for name in from_code_points(whole.codes).split(BORDER)[:-1]]


@dataclass(frozen=True)
class FoldedTexts:
    """Some texts as folded code points, a border after each, and where they come from.

    codes: shape (n,).  begins, ends: the source's place where the piece that a code point was made of begins, if it
    is the piece's first, and behind it, if it is its last; else -1.  None: every code point comes from its own place.
    starts: the place in the source where each text begins.  source: its code points, of 16 or 32 bits.
    """

    codes: UInt32Array
    starts: IntArray
    source: AnyArray
    begins: Int32Array | None = None
    ends: Int32Array | None = None

    def sources(self, starts: AnyArray, stops: AnyArray) -> tuple[IntArray, IntArray]:
        """Return where spans begin and end in the source, -1 where a border of theirs lies within a character."""
        if self.begins is None or self.ends is None:
            return starts.astype(np.int64), stops.astype(np.int64)
        return self.begins.take(starts).astype(np.int64), self.ends.take(stops - 1).astype(np.int64)

    def characters(self, places: AnyArray) -> AnyArray:
        """Return the (first) source code point of each folded one."""
        if self.begins is None:
            return self.source.take(places)
        return self.source.take(np.maximum.accumulate(self.begins).take(places))

    def located(self, places: AnyArray) -> tuple[IntArray, IntArray]:
        """Return the number of the text in which each place of the source lies, and its offset there."""
        texts = np.searchsorted(self.starts, places, side="right") - 1
        return texts, places - self.starts.take(texts)


def fold_texts(texts: Sequence[str]) -> FoldedTexts:
    """Return the texts folded; about 10 ns a character, where few of them are made of several."""
    codes, wide = _codes(texts)
    starts = starts_of([len(text) + 1 for text in texts])[:-1]
    if not len(codes):
        return FoldedTexts(codes.astype(np.uint32), starts, codes)
    tables = _tables()
    if wide:
        out = tables.single.take(codes, mode="clip")
        np.copyto(out, codes, where=codes >= _UNCHANGED_FROM)
    else:
        out = tables.single.take(codes)
    begins = ends = None
    if out.max() >= _SPECIAL:
        out, begins, ends = _expanded(codes, out, starts, tables)
    is_space = out == SPACE
    dropped = np.flatnonzero(is_space[1:] & is_space[:-1])
    if len(dropped):
        if begins is None or ends is None:
            begins = np.arange(len(out), dtype=np.int32)
            ends = begins + np.int32(1)
        kept = np.delete(np.arange(len(out)), dropped + 1)
        ends = ends.take(np.append(kept[1:], len(out)) - 1)  # a run ends where its last space does
        out, begins = out.take(kept), begins.take(kept)
    return FoldedTexts(out, starts, codes, begins, ends)


def _codes(texts: Sequence[str]) -> tuple[AnyArray, bool]:
    """Return the code points of texts, a border after each, and whether any is beyond U+FFFF."""
    joined = BORDER.join([*texts, ""])
    units = np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    if len(units) == len(joined):
        return units, False
    return to_code_points(joined), True


class _Tables(NamedTuple):
    """What each code point is folded to when it stands alone.

    single: the code point, or `_SPECIAL` and more for those that become several, or combine with what is before them.
    combines: whether a special one is of the latter kind.  spelled: what special ones become, one after the other,
    each up to the next one's start.
    """

    single: UInt32Array
    combines: BoolArray
    spelled: UInt32Array
    spelled_starts: IntArray


def _changing() -> Iterable[int]:
    return chain.from_iterable(_CHANGING)


@cache
def _tables() -> _Tables:
    """Return the tables; takes 0.1 s."""
    seconds = {chr(code) for code in (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3))}  # Hangul vowels and finals
    for code in _changing():
        pair = unicodedata.decomposition(chr(code)).split()
        if len(pair) == 2 and pair[0][0] != "<":
            seconds.add(chr(int(pair[1], 16)))
    single = np.arange(_UNCHANGED_FROM, dtype=np.uint32)
    combines, specials = list[bool](), list[str]()
    for code in _changing():
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
    return _Tables(single, np.array(combines), _spelled(specials), starts_of([*map(len, specials)]))


def _expanded(
    codes: AnyArray, out: UInt32Array, text_starts: IntArray, tables: _Tables
) -> tuple[UInt32Array, Int32Array, Int32Array]:
    """Return folded texts in which special characters are spelled, and where every code point begins and ends."""
    specials = np.flatnonzero(out >= _SPECIAL)
    numbers = out.take(specials).astype(np.int64) - _SPECIAL
    combining = specials[tables.combines.take(numbers)]
    combining = np.setdiff1d(combining, text_starts, assume_unique=True)  # there is nothing before those
    firsts = np.flatnonzero(np.diff(combining, prepend=-1) > 1)
    begins = combining.take(firsts) - 1
    ends = combining.take(np.append(firsts[1:], len(combining)) - 1) + 1 if len(firsts) else begins
    pieces = [
        _normalized(from_code_points(codes[begin:end]))
        for begin, end in zip(begins.tolist(), ends.tolist(), strict=True)
    ]

    lengths = np.ones(len(codes), dtype=np.int64)
    lengths[specials] = np.diff(tables.spelled_starts).take(numbers)
    lengths[combining] = 0
    lengths[begins] = list(map(len, pieces))
    is_alone = np.ones(len(codes), dtype=np.bool_)
    is_alone[begins] = is_alone[combining] = False

    places = np.cumsum(lengths) - lengths  # in what is returned
    spelled = np.repeat(out, lengths)
    alone = is_alone[specials]
    spelled[expand_ranges(places[specials[alone]], lengths[specials[alone]])] = tables.spelled[
        expand_ranges(tables.spelled_starts[numbers[alone]], lengths[specials[alone]])
    ]
    spelled[expand_ranges(places[begins], lengths[begins])] = _spelled(pieces)
    first = np.full(len(spelled), -1, dtype=np.int32)
    last = np.full(len(spelled), -1, dtype=np.int32)
    kept = np.flatnonzero(lengths)
    stops = kept + 1
    stops[np.searchsorted(kept, begins)] = ends
    first[places[kept]] = kept
    last[places[kept] + lengths[kept] - 1] = stops
    return spelled, first, last


@lru_cache(1 << 12)
def _normalized(piece: str) -> str:
    return _WHITE.sub(" ", unicodedata.normalize("NFKC", piece).casefold())


def _spelled(texts: Sequence[str]) -> UInt32Array:
    return to_code_points("".join(texts))
