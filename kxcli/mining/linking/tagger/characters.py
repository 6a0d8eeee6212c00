"""Kinds and hashes of characters, for tokens and their features."""

import unicodedata
from functools import cache

import numpy as np

from kxcli.arrays import UInt8Array, UInt32Array
from kxcli.arrays.hashing import mix_bits_32
from kxcli.mining.text.character_tables import TABLE_END, make_letter_table, make_spaced_table
from kxcli.mining.text.folding import fold_texts

# White space; letters and digits of scripts with spaces between words; letters of other scripts; other characters.
WHITE, LOWER, UPPER, DIGIT, SPACED, UNSPACED, OTHER = range(7)
_OPEN, _CLOSE = "《【(“[‘「『<{〔〖〈", "》】)”]’」』>}〕〗〉"
_PUNCTUATION = ("\"'", "_", "-–—―", ":", ",、;", "·.•・", "|", "/", "!?。…~")
OPEN, CLOSE = 7, 12  # five kinds each: one for each of the first four brackets, and one for all others
QUOTE = 17  # the first of one kind for each string of `_PUNCTUATION`
SENTENCE_MARK = QUOTE + len(_PUNCTUATION) - 1
ANY_MARK = QUOTE + len(_PUNCTUATION)
N_KINDS = 32  # a power of two above all kinds


@cache
def make_kind_table() -> UInt8Array:
    """Return the kind of each character by code point.

    The last row is for all higher code points.
    """
    letters, spaced = make_letter_table(), make_spaced_table()
    kinds = np.full(TABLE_END + 1, OTHER, dtype=np.uint8)
    special = {mark: QUOTE + number for number, marks in enumerate(_PUNCTUATION) for mark in marks}
    for first, brackets in ((OPEN, _OPEN), (CLOSE, _CLOSE)):
        special |= {bracket: first + min(number, 4) for number, bracket in enumerate(brackets)}
    for code in range(TABLE_END):
        character = chr(code)
        if spaced[code]:
            category = unicodedata.category(character)
            kinds[code] = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Nd": DIGIT}.get(category, SPACED)
        elif letters[code]:
            kinds[code] = UNSPACED
        elif character.isspace():
            kinds[code] = WHITE
        elif 0xFF00 <= code < 0xFFF0:  # full-width and half-width forms
            plain = unicodedata.normalize("NFKC", character)
            kinds[code] = special.get(plain, ANY_MARK)
        elif character in special:
            kinds[code] = special[character]
        elif unicodedata.category(character)[0] in "PS":
            kinds[code] = ANY_MARK
    kinds[TABLE_END] = UNSPACED
    return kinds


@cache
def make_hash_table() -> UInt32Array:
    """Return a hash of each folded character by code point.

    The last row is for all higher code points.
    """
    codes = np.arange(TABLE_END + 1, dtype=np.uint32)
    foldable = [code for code in range(TABLE_END) if code != 0xFFFF and not 0xD800 <= code < 0xE000]
    folded = fold_texts([chr(code) for code in foldable])
    borders = np.flatnonzero(folded.codes == 0xFFFF)
    single = np.flatnonzero(np.diff(borders, prepend=-1) == 2)  # characters that fold to one character
    codes[np.array(foldable)[single]] = folded.codes[borders[single] - 1]
    return mix_bits_32(codes + np.uint32(1))
