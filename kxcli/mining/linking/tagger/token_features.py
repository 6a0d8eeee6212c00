"""Features of the tagger: hashed ones with a vocabulary, and numbered ones.

Most are those of Ratinov and Roth (2009) for words and of Chen et al. (2006) for characters: tokens around, pairs of
neighbors, words and their sizes, starts and ends of words, shapes, brackets, and repeated pairs.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt8Array, UInt32Array
from kxcli.arrays.hashing import mix_bits_32
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.linking.tagger.characters import N_KINDS, OPEN, OTHER, QUOTE, UNSPACED, WHITE
from kxcli.mining.linking.tagger.token_layout import MAX_CHAIN, TokenLayout, are_spaced, make_character_factors

AFFIXES = ((2, "first"), (3, "first"), (4, "first"), (2, "last"), (3, "last"), (4, "last"))  # characters of words
_LEFT, _RIGHT, _APART = np.uint32(0x9E37_79B1), np.uint32(0x85EB_CA77), np.uint32(0xC2B2_AE3D)
_MAX_RUNS = 6  # runs of characters of one kind in the shape of a word
_MAX_DISTANCE = 3  # tokens up to the next mark
_N_SIZES = 8  # of words
_REPEAT_BITS = 18  # of a hash table of token pairs, 1 MiB


class FeatureFamily(NamedTuple):
    """Features of one sort.

    Attributes:
        offsets: Positions relative to the tagged token, each with weights of its own.
        n_numbers: Number of different features; 0 for a vocabulary, which is learned.
        places: 4 for words, with weights of their own for first, inner, last and single tokens, else 1.
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
    "shape": FeatureFamily((-1, 0, 1), 5**_MAX_RUNS),
    "kinds": FeatureFamily((0,), 8**3 * 4),
    "sizes": FeatureFamily((0,), _N_SIZES**3, places=4),
    "delimited": FeatureFamily((0,), N_KINDS**2 * (_MAX_DISTANCE + 1) ** 2),
    "enclosed": FeatureFamily((0,), N_KINDS**2 * (_MAX_DISTANCE + 1) ** 2),
    "repeated": FeatureFamily((0,), 4**4),
}


@dataclass(frozen=True)
class TokenFeatures:
    """The features of the slots of a layout.

    Attributes:
        keys: For each vocabulary a hash: "token" and "pair" by slot, "word" by word, "affix" by `AFFIXES` and slot in
            `spaced`. A hash is never 0, and 1 if there is no feature.
        numbers: For each other family a number: "sizes" by word, "shape" by slot in `spaced`, others by slot.
        words: The word of each slot.
        places: The place of each slot in its word: first, inner, single, last.
        spaced: The slots of words of scripts with spaces between words.
    """

    keys: dict[str, UInt32Array]
    numbers: dict[str, IntArray]
    words: IntArray
    places: UInt8Array
    spaced: IntArray

    @classmethod
    def extract(cls, layout: TokenLayout) -> "TokenFeatures":
        """Return the features of a layout."""
        words = np.repeat(np.arange(len(layout.word_starts)), layout.word_lengths)
        is_first = np.zeros(len(layout) + 1, dtype=np.uint8)
        is_first[layout.word_starts] = is_first[-1] = 1
        places = 1 - is_first[:-1] + 2 * is_first[1:]
        spaced = np.flatnonzero(are_spaced(layout.kinds))
        pair = _hash_pairs(layout)
        keys = {
            "token": layout.hashes | np.uint32(1),
            "pair": pair,
            "word": _hash_words(layout),
            "affix": _hash_affixes(layout, spaced),
        }
        is_end = layout.kinds == WHITE
        is_bracket = is_end | ((layout.kinds >= OPEN) & (layout.kinds <= QUOTE))
        is_mark = is_end | (layout.kinds >= OPEN)
        numbers = {
            "shape": _number_shapes(layout, spaced),
            "kinds": _number_kinds(layout),
            "sizes": _number_sizes(layout),
            "delimited": _number_surroundings(layout, is_mark, _find_gaps(layout)),
            "enclosed": _number_surroundings(layout, is_bracket, None),
            "repeated": _number_repeats(layout, pair, places),
        }
        return cls(keys, numbers, words, places, spaced)


def shift(values: AnyArray, by: int) -> AnyArray:
    """Return the values `by` positions further on, 0 beyond the ends."""
    out = np.zeros_like(values)
    if by > 0:
        out[:-by] = values[by:]
    else:
        out[-by:] = values[:by]
    return out


def _hash_pairs(layout: TokenLayout) -> UInt32Array:
    keys = layout.hashes * _LEFT
    keys[:-1] += layout.hashes[1:] * _RIGHT
    keys[:-1] += layout.gaps[1:] * _APART
    return keys | np.uint32(1)


def _hash_words(layout: TokenLayout) -> UInt32Array:
    """Return the hashes of words, 1 for a single token of a spaced script."""
    into = np.arange(len(layout)) - np.repeat(layout.word_starts, layout.word_lengths)
    terms = layout.hashes * make_character_factors().take(into, mode="clip")
    keys = np.add.reduceat(terms, layout.word_starts) | np.uint32(1)
    is_token = (layout.word_lengths == 1) & (layout.kinds.take(layout.word_starts) != UNSPACED)
    keys[is_token] = 1
    return keys


def _hash_affixes(layout: TokenLayout, spaced: IntArray) -> UInt32Array:
    """Return the hashes of affixes, 1 if the affix is the whole word.

    They are ordered by affix, then by word.
    """
    keys = np.ones((len(AFFIXES), len(spaced)), dtype=np.uint32)
    starts, stops = layout.starts.take(spaced), layout.stops.take(spaced)
    for number, (length, end) in enumerate(AFFIXES):
        long = np.flatnonzero(stops - starts > length)
        firsts = starts[long] if end == "first" else stops[long] - length
        key = np.full(len(long), number, dtype=np.uint32)
        for place, factor in enumerate(make_character_factors()[:length]):
            key += layout.character_hashes.take(firsts + place) * factor
        keys[number, long] = mix_bits_32(key) | np.uint32(1)
    return keys.ravel()


def _number_shapes(layout: TokenLayout, spaced: IntArray) -> IntArray:
    """Return the shapes of words: each run of a kind is one digit of base 5."""
    starts = layout.starts.take(spaced)
    lengths = np.minimum(layout.stops.take(spaced) - starts, 1 << 6)
    kinds = layout.character_kinds.take(expand_ranges(starts, lengths)).astype(np.int64)
    firsts = np.cumsum(lengths) - lengths
    is_new = np.ones(len(kinds), dtype=np.bool_)
    is_new[1:] = kinds[1:] != kinds[:-1]
    is_new[firsts] = True
    n_new = np.cumsum(is_new)
    runs = n_new - np.repeat(n_new.take(firsts), lengths)
    is_counted = is_new & (runs < _MAX_RUNS)
    values = np.where(is_counted, kinds * 5 ** np.minimum(runs, _MAX_RUNS - 1), 0)
    return np.add.reduceat(values, firsts) if len(spaced) else firsts


def _number_kinds(layout: TokenLayout) -> IntArray:
    kinds = np.minimum(layout.kinds, OPEN).astype(np.uint16)
    numbers = kinds << np.uint16(5)
    numbers[1:] += kinds[:-1] << np.uint16(8)
    numbers[:-1] += kinds[1:] << np.uint16(2)
    numbers += layout.gaps * np.uint16(2)
    numbers[:-1] += layout.gaps[1:]
    return numbers.astype(np.int64)


def _number_sizes(layout: TokenLayout) -> IntArray:
    sizes = np.minimum(layout.word_lengths, _N_SIZES - 1)
    numbers: IntArray = (shift(sizes, -1) * _N_SIZES + sizes) * _N_SIZES + shift(sizes, 1)
    return numbers


def _find_gaps(layout: TokenLayout) -> BoolArray:
    """Return the gaps except those between two words of spaced scripts."""
    is_spaced = are_spaced(layout.kinds)
    is_between = np.zeros(len(layout), dtype=np.bool_)
    is_between[1:] = is_spaced[1:] & is_spaced[:-1]
    return layout.gaps & ~is_between


def _number_surroundings(layout: TokenLayout, is_mark: BoolArray, gaps: BoolArray | None) -> IntArray:
    """Return the kinds and distances of the marks before and after each token.

    A gap, if there are any, is a mark of the kind OTHER.
    """
    is_first = is_mark.copy()
    is_first[1:] |= is_mark[:-1]
    if gaps is not None:
        is_first |= gaps
    is_first[0] = True
    firsts = np.flatnonzero(is_first)
    lengths = np.diff(firsts, append=len(layout))
    kinds = np.where(is_mark.take(firsts), layout.kinds.take(firsts), OTHER).astype(np.int64)
    before = np.where(is_mark.take(firsts - 1), layout.kinds.take(firsts - 1), OTHER).astype(np.int64)
    numbers = (before * N_KINDS + shift(kinds, 1)) * (_MAX_DISTANCE + 1) ** 2
    left = np.arange(len(layout)) - np.repeat(firsts, lengths)
    right = np.repeat(lengths - 1, lengths) - left
    near = np.minimum(left, _MAX_DISTANCE) * (_MAX_DISTANCE + 1) + np.minimum(right, _MAX_DISTANCE)
    near += np.repeat(numbers, lengths)
    return near


def _number_repeats(layout: TokenLayout, pairs: UInt32Array, places: UInt8Array) -> IntArray:
    """Return for the pairs around each slot whether they occur again in the chain.

    Two bits for each of three pairs: earlier and later.
    """
    lengths = layout.chain_lengths - 1  # the last token has no pair
    at = expand_ranges(layout.chain_starts, lengths)
    chains = np.repeat(np.arange(len(lengths), dtype=np.uint32), lengths)
    slots = mix_bits_32(pairs.take(at) + chains * _APART) >> np.uint32(32 - _REPEAT_BITS)
    owners = np.empty(1 << _REPEAT_BITS, dtype=np.int32)
    order = np.arange(len(at), dtype=np.int32)
    owners[slots] = order
    owners = owners.take(slots)
    is_rival = owners != order  # shares its slot with another pair
    is_rival[owners[is_rival]] = True
    rivals = np.flatnonzero(is_rival)
    keys = chains.take(rivals).astype(np.uint64) << np.uint64(32) | pairs.take(at.take(rivals))
    bits = np.uint64(MAX_CHAIN.bit_length())
    keys = np.sort(keys << bits | (at.take(rivals) - layout.chain_starts.take(chains.take(rivals))).astype(np.uint64))
    rivals = layout.chain_starts.take((keys >> (bits + np.uint64(32))).astype(np.int64))
    rivals += (keys & ((np.uint64(1) << bits) - np.uint64(1))).astype(np.int64)
    keys >>= bits
    is_equal = keys[1:] == keys[:-1]
    again = np.zeros(len(layout), dtype=np.uint8)
    again[rivals[1:]] += is_equal
    again[rivals[:-1]] += np.uint8(2) * is_equal
    numbers = (again << np.uint8(4)) | places
    numbers[1:] |= again[:-1] << np.uint8(6)
    numbers[:-1] |= again[1:] << np.uint8(2)
    return numbers.astype(np.int64)
