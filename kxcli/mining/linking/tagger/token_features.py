"""What the tagger looks at: the features of every token, or word, as keys to be looked up and as numbers.

Most are Ratinov and Roth's (2009) for words and Chen et al.'s (2006) for characters: what stands there and around,
pairs of neighbours, words and their sizes, beginnings and ends of words, shapes, brackets, and what comes again.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt8Array, UInt32Array
from kxcli.arrays.hashing import mix_bits_32
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.linking.tagger.characters import LOWER, N_KINDS, OPEN, OTHER, QUOTE, SPACED, UNSPACED, WHITE
from kxcli.mining.linking.tagger.token_layout import MAX_CHAIN, TokenLayout, factors

AFFIXES = ((2, "first"), (3, "first"), (4, "first"), (2, "last"), (3, "last"), (4, "last"))  # letters of words
_LEFT, _RIGHT, _APART = np.uint32(0x9E37_79B1), np.uint32(0x85EB_CA77), np.uint32(0xC2B2_AE3D)
_RUNS = 6  # of letters of one kind in a word, which make its shape
_NEAR = 3  # tokens up to which a distance is told exactly
_SIZES = 8  # of words
_REPEAT_BITS = 18


class FeatureFamily(NamedTuple):
    """Features of one sort: each has weights for a token so many places before or behind the one that is tagged.

    n_numbers: how many there are; 0 for those of a vocabulary, which are learned.
    places: 4 for words, with weights for their first, inner, last and single tokens, else 1.
    """

    offsets: tuple[int, ...]
    n_numbers: int = 0
    places: int = 1


VOCABULARIES = {
    "token": FeatureFamily((-2, -1, 0, 1, 2)),
    "pair": FeatureFamily((-2, -1, 0, 1)),
    "word": FeatureFamily((-1, 0, 1), places=4),
    "affix": FeatureFamily((0,)),
}
FAMILIES = VOCABULARIES | {
    "shape": FeatureFamily((-1, 0, 1), 5**_RUNS),
    "kinds": FeatureFamily((0,), 8**3 * 4),
    "sizes": FeatureFamily((0,), _SIZES**3, places=4),
    "delimited": FeatureFamily((0,), N_KINDS**2 * (_NEAR + 1) ** 2),
    "enclosed": FeatureFamily((0,), N_KINDS**2 * (_NEAR + 1) ** 2),
    "repeated": FeatureFamily((0,), 4**4),
}


@dataclass(frozen=True)
class TokenFeatures:
    """The features of a layout's slots.

    keys: by vocabulary; of "token" and "pair" by slot, of "word" by word, and of "affix" by `AFFIXES` and slot in
    `spaced`.  Never 0; 1 for what no vocabulary has.
    numbers: of the other families, by slot, by word for "sizes", and by slot in `spaced` for "shape".
    words, places: the word of each slot, and the slot's place there: first, inner, single, last.
    spaced: the slots of words of scripts that part them by spaces.
    """

    keys: dict[str, UInt32Array]
    numbers: dict[str, IntArray]
    words: IntArray
    places: UInt8Array
    spaced: IntArray

    @classmethod
    def of(cls, lay: TokenLayout) -> "TokenFeatures":
        """Return the features of a layout."""
        words = np.repeat(np.arange(len(lay.word_starts)), lay.word_lengths)
        is_first = np.zeros(len(lay) + 1, dtype=np.uint8)
        is_first[lay.word_starts] = is_first[-1] = 1
        places = 1 - is_first[:-1] + 2 * is_first[1:]
        spaced = np.flatnonzero(_is_spaced(lay.kinds))
        pair = _pairs(lay)
        keys = {"token": lay.hashes | np.uint32(1), "pair": pair, "word": _words(lay), "affix": _affixes(lay, spaced)}
        is_end = lay.kinds == WHITE
        is_bracket = is_end | ((lay.kinds >= OPEN) & (lay.kinds <= QUOTE))
        is_mark = is_end | (lay.kinds >= OPEN)
        numbers = {
            "shape": _shapes(lay, spaced),
            "kinds": _kinds(lay),
            "sizes": _sizes(lay),
            "delimited": _between(lay, is_mark, _gaps(lay)),
            "enclosed": _between(lay, is_bracket, None),
            "repeated": _repeated(lay, pair, places),
        }
        return cls(keys, numbers, words, places, spaced)


def shift(values: AnyArray, by: int) -> AnyArray:
    """Return what stands so many places further on; zeros beyond the ends."""
    out = np.zeros_like(values)
    if by > 0:
        out[:-by] = values[by:]
    else:
        out[-by:] = values[:by]
    return out


def _is_spaced(kinds: UInt8Array) -> BoolArray:
    return (kinds - np.uint8(LOWER)) <= np.uint8(SPACED - LOWER)


def _pairs(lay: TokenLayout) -> UInt32Array:
    keys = lay.hashes * _LEFT
    keys[:-1] += lay.hashes[1:] * _RIGHT
    keys[:-1] += lay.gaps[1:] * _APART
    return keys | np.uint32(1)


def _words(lay: TokenLayout) -> UInt32Array:
    """Return the keys of words; those of spaced scripts are tokens, and looked up as such."""
    into = np.arange(len(lay)) - np.repeat(lay.word_starts, lay.word_lengths)
    keys = np.add.reduceat(lay.hashes * factors().take(into, mode="clip"), lay.word_starts) | np.uint32(1)
    is_token = (lay.word_lengths == 1) & (lay.kinds.take(lay.word_starts) != UNSPACED)
    keys[is_token] = 1
    return keys


def _affixes(lay: TokenLayout, spaced: IntArray) -> UInt32Array:
    """Return the keys of the words' beginnings and ends, one kind after the other; 1 if that is the whole word."""
    keys = np.ones((len(AFFIXES), len(spaced)), dtype=np.uint32)
    starts, stops = lay.starts.take(spaced), lay.stops.take(spaced)
    for number, (length, end) in enumerate(AFFIXES):
        long = np.flatnonzero(stops - starts > length)
        firsts = starts[long] if end == "first" else stops[long] - length
        key = np.full(len(long), number, dtype=np.uint32)
        for place, factor in enumerate(factors()[:length]):
            key += lay.character_hashes.take(firsts + place) * factor
        keys[number, long] = mix_bits_32(key) | np.uint32(1)
    return keys.ravel()


def _shapes(lay: TokenLayout, spaced: IntArray) -> IntArray:
    """Return the kinds of the words' letters, each run of equal ones once, as a number of base 5."""
    starts = lay.starts.take(spaced)
    lengths = np.minimum(lay.stops.take(spaced) - starts, 1 << 6)
    kinds = lay.character_kinds.take(expand_ranges(starts, lengths)).astype(np.int64)
    firsts = np.cumsum(lengths) - lengths
    is_new = np.ones(len(kinds), dtype=np.bool_)
    is_new[1:] = kinds[1:] != kinds[:-1]
    is_new[firsts] = True
    n_new = np.cumsum(is_new)
    runs = n_new - np.repeat(n_new.take(firsts), lengths)
    is_told = is_new & (runs < _RUNS)
    values = np.where(is_told, kinds * 5 ** np.minimum(runs, _RUNS - 1), 0)
    return np.add.reduceat(values, firsts) if len(spaced) else firsts


def _kinds(lay: TokenLayout) -> IntArray:
    kinds = np.minimum(lay.kinds, OPEN).astype(np.uint16)
    numbers = kinds << np.uint16(5)
    numbers[1:] += kinds[:-1] << np.uint16(8)
    numbers[:-1] += kinds[1:] << np.uint16(2)
    numbers += lay.gaps * np.uint16(2)
    numbers[:-1] += lay.gaps[1:]
    return numbers.astype(np.int64)


def _sizes(lay: TokenLayout) -> IntArray:
    sizes = np.minimum(lay.word_lengths, _SIZES - 1)
    numbers: IntArray = (shift(sizes, -1) * _SIZES + sizes) * _SIZES + shift(sizes, 1)
    return numbers


def _gaps(lay: TokenLayout) -> BoolArray:
    """Return which tokens white space parts from the one before, but for that between two words of spaced scripts."""
    is_spaced = _is_spaced(lay.kinds)
    is_between = np.zeros(len(lay), dtype=np.bool_)
    is_between[1:] = is_spaced[1:] & is_spaced[:-1]
    return lay.gaps & ~is_between


def _between(lay: TokenLayout, is_mark: BoolArray, gaps: BoolArray | None) -> IntArray:
    """Return between which marks, or gaps, each token stands, and how near."""
    is_first = is_mark.copy()
    is_first[1:] |= is_mark[:-1]
    if gaps is not None:
        is_first |= gaps
    is_first[0] = True
    firsts = np.flatnonzero(is_first)
    lengths = np.diff(firsts, append=len(lay))
    kinds = np.where(is_mark.take(firsts), lay.kinds.take(firsts), OTHER).astype(np.int64)
    before = np.where(is_mark.take(firsts - 1), lay.kinds.take(firsts - 1), OTHER).astype(np.int64)
    numbers = (before * N_KINDS + shift(kinds, 1)) * (_NEAR + 1) ** 2
    left = np.arange(len(lay)) - np.repeat(firsts, lengths)
    right = np.repeat(lengths - 1, lengths) - left
    near = np.minimum(left, _NEAR) * (_NEAR + 1) + np.minimum(right, _NEAR)
    near += np.repeat(numbers, lengths)
    return near


def _repeated(lay: TokenLayout, pairs: UInt32Array, places: UInt8Array) -> IntArray:
    """Return which pairs of tokens come again in their chain, or have come before, around each slot."""
    lengths = lay.chain_lengths - 1  # the last token has no pair
    at = expand_ranges(lay.chain_starts, lengths)
    chains = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths)
    slots = mix_bits_32(pairs.take(at) + chains * _APART) >> np.uint32(32 - _REPEAT_BITS)
    owners = np.empty(1 << _REPEAT_BITS, dtype=np.int32)
    order = np.arange(len(at), dtype=np.int32)
    owners[slots] = order
    owners = owners.take(slots)
    is_rival = owners != order  # not alone in its slot
    is_rival[owners[is_rival]] = True
    rivals = np.flatnonzero(is_rival)
    keys = chains.take(rivals).astype(np.uint64) << np.uint64(32) | pairs.take(at.take(rivals))
    bits = np.uint64(MAX_CHAIN.bit_length())
    keys = np.sort(keys << bits | (at.take(rivals) - lay.chain_starts.take(chains.take(rivals))).astype(np.uint64))
    rivals = lay.chain_starts.take((keys >> (bits + np.uint64(32))).astype(np.int64))
    rivals += (keys & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    keys >>= bits
    is_equal = keys[1:] == keys[:-1]
    again = np.zeros(len(lay), dtype=np.uint8)
    again[rivals[1:]] += is_equal
    again[rivals[:-1]] += np.uint8(2) * is_equal
    numbers = (again << np.uint8(4)) | places
    numbers[1:] |= again[:-1] << np.uint8(6)
    numbers[:-1] |= again[1:] << np.uint8(2)
    return numbers.astype(np.int64)
