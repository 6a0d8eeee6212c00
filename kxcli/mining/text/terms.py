"""Terms of texts as hashes: words, and pairs of characters of unspaced scripts."""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray, UInt32Array, UInt64Array
from kxcli.arrays.hashing import SPLITMIX, make_position_factors
from kxcli.mining.text.character_tables import make_letter_table, make_spaced_table
from kxcli.mining.text.folding import FoldedTexts

_HALF = np.uint64(32)
_MAX_WORD_LENGTH = 64  # characters of a word that count


class TextTerms(NamedTuple):
    """The terms of running text, words first.

    Args:
        starts: Positions of the first characters.
        keys: Hashes of 32 bits, never 0.
    """

    starts: IntArray
    keys: UInt32Array


def find_terms(codes: UInt32Array) -> TextTerms:
    """Return the terms of running text.

    Terms are all words, all pairs of adjacent characters of scripts without spaces, and isolated such characters.
    A key is the upper half of the sum of the characters times factors of their positions (multilinear hashing,
    Dietzfelbinger 1996). A hundred of a million terms share their key with another.
    """
    factors = make_position_factors(_MAX_WORD_LENGTH, SPLITMIX[0])
    spaced = np.concatenate(([False], make_spaced_table().take(codes, mode="clip"), [False]))
    edges = np.flatnonzero(spaced[1:] != spaced[:-1])
    firsts, ends = edges[::2], edges[1::2]
    lengths = np.minimum(ends - firsts, _MAX_WORD_LENGTH)
    places = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    letters = codes.take(places + np.repeat(firsts, lengths)).astype(np.uint64)
    letters *= factors.take(places)
    words = np.add.reduceat(letters, np.cumsum(lengths) - lengths) if len(firsts) else letters

    unspaced = np.concatenate(([False], make_letter_table().take(codes, mode="clip"), [False])) & ~spaced
    here = unspaced[1:-1]
    single = np.flatnonzero(here & ~unspaced[:-2] & ~unspaced[2:])
    pairs = np.flatnonzero(here & unspaced[2:])
    one, two = factors[:2]
    wide = codes.astype(np.uint64)
    keys = np.concatenate(
        (words, wide[pairs] * one + wide[np.minimum(pairs + 1, len(wide) - 1)] * two, wide[single] * one)
    )
    return TextTerms(np.concatenate((firsts, pairs, single)), (keys >> _HALF).astype(np.uint32) | np.uint32(1))


def find_terms_by_text(texts: FoldedTexts) -> UInt64Array:
    """Return the distinct terms of each text, ascending.

    The upper 32 bits are the number of the text, the lower ones the key of the term.
    """
    terms = find_terms(texts.codes)
    starts = terms.starts
    if texts.begins is not None:
        starts = np.maximum.accumulate(texts.begins).take(starts)  # a term may start within a piece of the source
    numbers = np.searchsorted(texts.starts, starts, side="right") - 1
    return np.unique((numbers.astype(np.uint64) << _HALF) | terms.keys)
