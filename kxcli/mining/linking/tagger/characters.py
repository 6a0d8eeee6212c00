"""What tokens are made of: the kind of every character, and a hash of what it is folded to."""

import unicodedata
from functools import cache

import numpy as np

from kxcli.arrays import UInt8Array, UInt32Array
from kxcli.arrays.hashing import mix_bits_32
from kxcli.mining.text.character_tables import TABLE_END, letter_table, spaced_table
from kxcli.mining.text.folding import fold_texts

# White space, letters and digits of scripts that part words by spaces, letters of others, and marks.
WHITE, LOWER, UPPER, DIGIT, SPACED, UNSPACED, OTHER = range(7)
_OPEN, _CLOSE = "《【(“[‘「『<{〔〖〈", "》】)”]’」』>}〕〗〉"
_MARKS = ("\"'", "_", "-–—―", ":", ",、;", "·.•・", "|", "/", "!?。…~")
OPEN, CLOSE = 7, 12  # five kinds each: the first four characters, and the others
QUOTE = 17  # and more, one for each of `_MARKS`
SENTENCE_MARK = QUOTE + len(_MARKS) - 1
ANY_MARK = QUOTE + len(_MARKS)
N_KINDS = 32  # a power of two above all kinds


@cache
def kinds() -> UInt8Array:
    """Return the kind of each character, by code point up to some and by the last one for all others."""
    letters, spaced = letter_table(), spaced_table()
    found = np.full(TABLE_END + 1, OTHER, dtype=np.uint8)
    special = {mark: QUOTE + number for number, marks in enumerate(_MARKS) for mark in marks}
    for first, brackets in ((OPEN, _OPEN), (CLOSE, _CLOSE)):
        special |= {bracket: first + min(number, 4) for number, bracket in enumerate(brackets)}
    for code in range(TABLE_END):
        character = chr(code)
        if spaced[code]:
            category = unicodedata.category(character)
            found[code] = {"Lu": UPPER, "Lt": UPPER, "Ll": LOWER, "Nd": DIGIT}.get(category, SPACED)
        elif letters[code]:
            found[code] = UNSPACED
        elif character.isspace():
            found[code] = WHITE
        elif 0xFF00 <= code < 0xFFF0:
            plain = unicodedata.normalize("NFKC", character)
            found[code] = special.get(plain, ANY_MARK)
        elif character in special:
            found[code] = special[character]
        elif unicodedata.category(character)[0] in "PS":
            found[code] = ANY_MARK
    found[TABLE_END] = UNSPACED
    return found


@cache
def hashes() -> UInt32Array:
    """Return a hash of each character after folding, by code point up to some."""
    codes = np.arange(TABLE_END + 1, dtype=np.uint32)
    plain = [code for code in range(TABLE_END) if code != 0xFFFF and not 0xD800 <= code < 0xE000]
    whole = fold_texts([chr(code) for code in plain])
    borders = np.flatnonzero(whole.codes == 0xFFFF)
    single = np.flatnonzero(np.diff(borders, prepend=-1) == 2)
    codes[np.array(plain)[single]] = whole.codes[borders[single] - 1]
    return mix_bits_32(codes + np.uint32(1))
