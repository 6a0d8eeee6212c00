"""Tables of what characters are, by code point: letters, scripts with spaces between words, capitals."""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray

_UNSPACED = (  # blocks of scripts that part no words by spaces, or, as Hangul, write particles onto them
    range(0x0E00, 0x1200),
    range(0x1780, 0x1800),
    range(0x1950, 0x1A00),
    range(0x1A20, 0x1B80),
    range(0x2E80, 0xA4D0),
    range(0xA960, 0xAAE0),
    range(0xAC00, 0xD800),
    range(0xF900, 0xFB00),
    range(0xFF66, 0xFFDD),
    range(0x16FE0, 0x18E00),
    range(0x1AFF0, 0x1B300),
)
TABLE_END = 0x20000  # beyond are ideographs, up to planes of tags and private use


@cache
def letter_table() -> BoolArray:
    """Return, by code point up to some and by the last one for all others, whether it is a letter, digit or mark."""
    letters = np.zeros(TABLE_END + 1, dtype=np.bool_)
    letters[[code for code in range(TABLE_END) if unicodedata.category(chr(code))[0] in "LNM"]] = True
    letters[TABLE_END] = True
    return letters


@cache
def spaced_table() -> BoolArray:
    """Return the same of letters, digits and marks of scripts that part words by spaces."""
    spaced = letter_table().copy()
    for block in _UNSPACED:
        spaced[block.start : block.stop] = False
    spaced[TABLE_END] = False
    return spaced


class CaseTables(NamedTuple):
    """By code point up to some, whether it is a capital, and whether it is a small letter; none is beyond the last."""

    capital: BoolArray
    small: BoolArray


@cache
def case_tables() -> CaseTables:
    """Return the cases of characters."""
    characters = [*map(chr, range(TABLE_END)), "\0"]
    return CaseTables(np.array([*map(str.isupper, characters)]), np.array([*map(str.islower, characters)]))
