"""The scripts of words, and numbers."""

import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

import numpy as np

from kxcli.arrays import BoolArray, IntArray

Script = Literal[
    "auto",
    "any",
    "han",
    "kana",
    "hangul",
    "latin",
    "cyrillic",
    "greek",
    "arabic",
    "hebrew",
    "devanagari",
    "thai",
]

_SCRIPTS_BY_NAME = {"CJK": "han", "IDEOGRAPHIC": "han", "HIRAGANA": "kana", "KATAKANA": "kana"}
_WIDTHS = ("FULLWIDTH ", "HALFWIDTH ")
_MIN_NUMERALS = 4  # at the beginning of a number; words such as 二十八宿 have three


@lru_cache(1 << 16)
def name_script(character: str) -> str:
    """Return the script of a character.

    It is the first word of the Unicode name, in lower case, and "han" for ideographs.
    """
    name = unicodedata.name(character, "")
    for width in _WIDTHS:
        name = name.removeprefix(width)
    first = name.partition(" ")[0]
    return _SCRIPTS_BY_NAME.get(first, first.lower())


def find_listable(words: Sequence[str], script: Script) -> BoolArray:
    """Return whether each word is no number, and has a character of a script.

    Numbers consist of digits and numerals, in any script, or begin with four or more of them (一九二六年).

    Args:
        words: Words.
        script: A script, or "any".
    """
    return np.array([_is_listable(word, script) for word in words], dtype=np.bool_)


def choose_script(words: Sequence[str], counts: IntArray) -> Script:
    """Return "han" if most words of a corpus begin with a Han character, else "any"."""
    is_han = np.array([name_script(word[0]) == "han" for word in words], dtype=np.bool_)
    return "han" if 2 * int(counts[is_han].sum()) > int(counts.sum()) else "any"


def _is_listable(word: str, script: Script) -> bool:
    is_number = word.isnumeric() or (len(word) > _MIN_NUMERALS and word[:_MIN_NUMERALS].isnumeric())
    return not is_number and (script == "any" or any(name_script(character) == script for character in word))
