"""What a text is about, as numbers: pairs of characters, and words of scripts that part them by spaces."""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray, UInt32Array, UInt64Array
from kxcli.arrays.hashing import SPLITMIX, position_factors
from kxcli.mining.text.character_tables import letter_table, spaced_table
from kxcli.mining.text.folding import FoldedTexts

_HALF = np.uint64(32)
_MAX_WORD_LENGTH = 64  # characters that tell a word from others


class TextTerms(NamedTuple):
    """The terms of running text: where they start, and a hash of 32 bits, never 0; words first."""

    starts: IntArray
    keys: UInt32Array


def find_terms(codes: UInt32Array) -> TextTerms:
    """Return every two neighbouring characters of unspaced scripts, such a one that stands alone, and every word.

    A key is the upper half of a sum of the characters times numbers that depend on their places (multilinear hashing;
    Dietzfelbinger 1996): of a million terms a hundred share theirs.
    """
    factors = position_factors(_MAX_WORD_LENGTH, SPLITMIX[0])
    spaced = np.concatenate(([False], spaced_table().take(codes, mode="clip"), [False]))
    edges = np.flatnonzero(spaced[1:] != spaced[:-1])
    firsts, ends = edges[::2], edges[1::2]
    lengths = np.minimum(ends - firsts, _MAX_WORD_LENGTH)
    places = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    letters = codes.take(places + np.repeat(firsts, lengths)).astype(np.uint64)
    letters *= factors.take(places)
    words = np.add.reduceat(letters, np.cumsum(lengths) - lengths) if len(firsts) else letters

    unspaced = np.concatenate(([False], letter_table().take(codes, mode="clip"), [False])) & ~spaced
    here = unspaced[1:-1]
    single = np.flatnonzero(here & ~unspaced[:-2] & ~unspaced[2:])
    pairs = np.flatnonzero(here & unspaced[2:])
    one, two = factors[:2]
    wide = codes.astype(np.uint64)
    keys = np.concatenate(
        (words, wide[pairs] * one + wide[np.minimum(pairs + 1, len(wide) - 1)] * two, wide[single] * one)
    )
    return TextTerms(np.concatenate((firsts, pairs, single)), (keys >> _HALF).astype(np.uint32) | np.uint32(1))


def count_terms(texts: FoldedTexts) -> tuple[UInt64Array, IntArray]:
    """Return the distinct terms of each text, its number above the key, ascending, and how often they stand."""
    found = find_terms(texts.codes)
    starts = found.starts
    if texts.begins is not None:
        starts = np.maximum.accumulate(texts.begins).take(starts)  # within a character: where that begins
    numbers = np.searchsorted(texts.starts, starts, side="right") - 1
    return _runs((numbers.astype(np.uint64) << _HALF) | found.keys)


def _runs(keys: UInt64Array) -> tuple[UInt64Array, IntArray]:
    keys = np.sort(keys)
    firsts = np.flatnonzero(np.concatenate((np.ones(min(1, len(keys)), dtype=np.bool_), keys[1:] != keys[:-1])))
    return keys.take(firsts), np.diff(firsts, append=len(keys))
