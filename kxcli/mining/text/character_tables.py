"""Tables of characters by code point; the last value is for all higher ones."""

import unicodedata
from functools import cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray

_UNSPACED = (  # blocks of scripts without spaces between words, or with particles attached to them, as Hangul
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
TABLE_END = 0x20000  # higher code points are ideographs, tags and private use


@cache
def make_letter_table() -> BoolArray:
    """Return whether a code point is a letter, digit or combining mark."""
    letters = np.zeros(TABLE_END + 1, dtype=np.bool_)
    letters[[code for code in range(TABLE_END) if unicodedata.category(chr(code))[0] in "LNM"]] = True
    letters[TABLE_END] = True
    return letters


@cache
def make_mark_table() -> BoolArray:
    """Return whether a code point is a combining mark."""
    marks = np.zeros(TABLE_END + 1, dtype=np.bool_)
    marks[[code for code in range(TABLE_END) if unicodedata.category(chr(code))[0] == "M"]] = True
    return marks


@cache
def make_spaced_table() -> BoolArray:
    """Return the same for scripts with spaces between words."""
    spaced = make_letter_table().copy()
    for block in _UNSPACED:
        spaced[block.start : block.stop] = False
    spaced[TABLE_END] = False
    return spaced


class CaseTables(NamedTuple):
    """The case of characters.

    Args:
        capital: Whether it is a capital.
        small: Whether it is a lowercase letter.
    """

    capital: BoolArray
    small: BoolArray


@cache
def make_case_tables() -> CaseTables:
    """Return the tables of cases."""
    characters = [*map(chr, range(TABLE_END)), "\0"]
    return CaseTables(np.array([*map(str.isupper, characters)]), np.array([*map(str.islower, characters)]))
