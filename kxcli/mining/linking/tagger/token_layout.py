"""Texts split into tokens, chains and words, over arrays.

A token is a character of a script without spaces between words, a run of letters, digits and marks of a script with
them, or any other character but white space. A chain is tagged as a whole: a line, or of a longer line a sentence or
a part of one. A word is one or more tokens, as jieba splits them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt8Array, UInt32Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.hashing import mix_bits_32
from kxcli.arrays.ragged import compute_starts, expand_ranges
from kxcli.batching import iter_batches
from kxcli.mining.linking.tagger import characters
from kxcli.mining.linking.tagger.characters import CLOSE, LOWER, QUOTE, SPACED, UNSPACED, WHITE

CutWords = Callable[[str], list[str]]

PADS = 2  # empty slots before and after every chain: as far as features look around
MAX_CHAIN = 128  # tokens
BLOCK = 1 << 16  # characters of a layout, whose arrays then stay in a core's cache
_WINDOW = 1 << 15  # characters of a window of a long text
_SHORT = 64  # characters of a line that is always one chain
_MAX_HASHED = 64  # characters of a word that its hash depends on

_ENDS = [*map(ord, "。！？｡")]
_NEWLINE = ord("\n")
_FINAL = re.compile(r"[\n。！？]|[.?!](?=\s)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class TextWindow(NamedTuple):
    """A text, or a part of a long one.

    Attributes:
        text: The number of the text.
        offset: The first character.
        characters: The characters.
    """

    text: int
    offset: int
    characters: str


def iter_blocks(texts: Sequence[str]) -> Iterator[list[TextWindow]]:
    """Yield the windows of all texts in order, in lists for one layout each."""
    windows = chain.from_iterable(_iter_windows(number, text) for number, text in enumerate(texts))
    return iter_batches(windows, lambda window: len(window.characters) + 1, BLOCK)


def _iter_windows(number: int, text: str) -> Iterator[TextWindow]:
    start = 0
    while len(text) - start > _WINDOW:
        ends = [match.end() for match in _FINAL.finditer(text, start + _WINDOW // 2, start + _WINDOW)]
        stop = ends[-1] if ends else start + _WINDOW
        yield TextWindow(number, start, text[start:stop])
        start = stop
    yield TextWindow(number, start, text[start:] if start else text)


@dataclass(frozen=True)
class TokenLayout:
    """The tokens of some texts in slots, with `PADS` empty slots around each chain.

    Characters are those of all texts, each followed by a line end.

    Attributes:
        starts, stops: The characters of the token in each slot; of the last line end for an empty slot.
        kinds: The kind of the first character of each token, WHITE for an empty slot.
        gaps: Whether white space or the border of a text is before the token; True for an empty slot.
        hashes: The hash of each folded token, 0 for an empty slot.
        chain_starts, chain_lengths: The slots of each chain.
        word_starts, word_lengths: The slots of each word; an empty slot is a word.
        window_starts: The first character of each text.
        character_kinds, character_hashes: Of each character.
    """

    starts: IntArray
    stops: IntArray
    kinds: UInt8Array
    gaps: BoolArray
    hashes: UInt32Array
    chain_starts: IntArray
    chain_lengths: IntArray
    word_starts: IntArray
    word_lengths: IntArray
    window_starts: IntArray
    character_kinds: UInt8Array
    character_hashes: UInt32Array

    def __len__(self) -> int:
        return len(self.starts)

    @classmethod
    def from_texts(cls, texts: Sequence[str], cut_words: CutWords) -> "TokenLayout":
        """Return the tokens of texts; `cut_words` splits a text into words."""
        joined = "\n".join([*texts, ""])
        codes = _encode(joined)
        lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
        window_starts = compute_starts(lengths)[:-1]
        kinds = characters.make_kind_table().take(codes, mode="clip")
        hashes = characters.make_hash_table().take(codes, mode="clip")
        tokens, token_stops, token_hashes = _find_tokens(kinds, hashes)
        firsts, chain_lengths = _split_chains(tokens, kinds.take(tokens), _find_breaks(codes, kinds))
        chain_starts = firsts + PADS * np.arange(1, len(firsts) + 1)
        slots = np.arange(len(tokens)) + np.repeat(chain_starts - firsts, chain_lengths)
        n_slots = len(tokens) + PADS * (len(firsts) + 1)
        starts, stops = np.full((2, n_slots), len(codes) - 1)
        slot_hashes = np.zeros(n_slots, dtype=np.uint32)
        starts[slots], stops[slots], slot_hashes[slots] = tokens, token_stops, token_hashes

        slot_kinds = kinds.take(starts)
        is_word_start = _find_word_starts(joined, texts, kinds, window_starts, lengths, cut_words).take(starts)
        is_word_start |= slot_kinds == WHITE
        is_word_start[chain_starts] = True
        word_starts = np.flatnonzero(is_word_start)
        return cls(
            starts,
            stops,
            slot_kinds,
            (kinds.take(starts - 1) == WHITE) | (slot_kinds == WHITE),
            slot_hashes,
            chain_starts,
            chain_lengths,
            word_starts,
            np.diff(word_starts, append=n_slots),
            window_starts,
            kinds,
            hashes,
        )


def _encode(joined: str) -> AnyArray:
    """Return the code points of a text, in 16 bits if they fit."""
    units = np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    return units if len(units) == len(joined) else to_code_points(joined)


def _find_tokens(kinds: UInt8Array, hashes: UInt32Array) -> tuple[IntArray, IntArray, UInt32Array]:
    """Return the start, stop and hash of each token."""
    is_spaced = are_spaced(kinds)
    is_start = kinds != WHITE
    is_start[1:] &= ~(is_spaced[1:] & is_spaced[:-1])
    starts = np.flatnonzero(is_start)
    stops, token_hashes = starts + 1, hashes.take(starts)
    spaced = np.flatnonzero(is_spaced.take(starts))
    if len(spaced):
        stops[spaced] = np.flatnonzero(is_spaced[:-1] & ~is_spaced[1:]) + 1
        token_hashes[spaced] = _hash_words(hashes, starts[spaced], stops[spaced])
    return starts, stops, token_hashes


def are_spaced(kinds: UInt8Array) -> BoolArray:
    """Return whether each kind is of scripts with spaces between words."""
    return (kinds - np.uint8(LOWER)) <= np.uint8(SPACED - LOWER)


def _hash_words(hashes: UInt32Array, starts: IntArray, stops: IntArray) -> UInt32Array:
    """Return a hash of each word: a sum of character hashes times factors."""
    lengths = np.minimum(stops - starts, _MAX_HASHED)
    ends = np.cumsum(lengths)
    positions = np.arange(int(ends[-1])) - np.repeat(ends - lengths, lengths)
    terms = hashes.take(positions + np.repeat(starts, lengths)) * make_character_factors().take(positions)
    return mix_bits_32(np.add.reduceat(terms, ends - lengths))


def make_character_factors() -> UInt32Array:
    """Return an odd factor for each of the first positions of a word."""
    return mix_bits_32(np.arange(1, _MAX_HASHED + 1, dtype=np.uint32)) | np.uint32(1)


def _find_breaks(codes: AnyArray, kinds: UInt8Array) -> IntArray:
    """Return the starts of lines, and of sentences in long lines, ascending."""
    newlines = np.flatnonzero((codes == _NEWLINE) | (codes == ord("\r")))
    line_starts = np.concatenate((np.zeros(1, dtype=np.int64), newlines + 1))
    line_lengths = np.diff(line_starts, append=len(codes))
    if line_lengths.max() <= _SHORT:
        return line_starts
    ends = np.flatnonzero((kinds == characters.SENTENCE_MARK) | (codes == ord(".")))
    ends = ends[line_lengths.take(np.searchsorted(line_starts, ends, side="right") - 1) > _SHORT]
    before, following = kinds.take(ends - 1), kinds.take(ends + 1)  # the last character is a line end
    is_full = np.isin(codes.take(ends), _ENDS)
    is_closed = ((following >= CLOSE) & (following <= QUOTE)) & is_full
    ends[is_closed] += 1
    following[is_closed] = kinds.take(ends[is_closed] + 1, mode="clip")
    is_dot = codes.take(ends) == ord(".")
    is_inner = is_full & (following != characters.SENTENCE_MARK) & ~((following >= CLOSE) & (following <= QUOTE))
    is_outer = ~is_full & (following == WHITE)
    # A dot ends an abbreviation after a capital or a single letter, or if a small letter follows.
    further = kinds.take(np.minimum(ends + 2, len(kinds) - 1))
    is_outer &= ~is_dot | (
        (before != characters.UPPER) & (kinds.take(ends - 2) != characters.UPPER) & (further != LOWER)
    )
    return np.union1d(line_starts, ends[is_inner | is_outer] + 1)


def _split_chains(tokens: IntArray, kinds: UInt8Array, breaks: IntArray) -> tuple[IntArray, IntArray]:
    """Return the first token and the length of each chain.

    Long chains are split, after a mark if possible.
    """
    firsts = np.unique(np.searchsorted(tokens, breaks))
    firsts = firsts[firsts < len(tokens)]
    lengths = np.diff(firsts, append=len(tokens))
    more = list[int]()
    for number in np.flatnonzero(lengths > MAX_CHAIN).tolist():
        start, stop = int(firsts[number]), int(firsts[number] + lengths[number])
        while stop - start > MAX_CHAIN:
            marks = np.flatnonzero(kinds[start + MAX_CHAIN // 2 : start + MAX_CHAIN] >= CLOSE)
            start += MAX_CHAIN // 2 + int(marks[-1]) + 1 if len(marks) else MAX_CHAIN
            more.append(start)
    if more:
        firsts = np.union1d(firsts, more)
        lengths = np.diff(firsts, append=len(tokens))
    return firsts, lengths


def _find_word_starts(
    joined: str, texts: Sequence[str], kinds: UInt8Array, starts: IntArray, lengths: IntArray, cut_words: CutWords
) -> BoolArray:
    """Return for each character whether a word starts there.

    In texts with spaces every token is a word.

    Args:
        joined: All characters.
        texts: The texts.
        kinds: The kind of each character.
        starts, lengths: The characters of each text, with its line end.
        cut_words: Splits a text into words.
    """
    is_start = np.ones(len(kinds), dtype=np.bool_)
    if not len(texts):
        return is_start
    cut = np.flatnonzero(np.logical_or.reduceat(kinds == UNSPACED, starts))
    if not len(cut):
        return is_start
    if len(cut) < len(texts):
        joined = "\n".join([*(texts[number] for number in cut.tolist()), ""])
    words = _cut_any(joined, cut_words)
    ends = np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=len(words)))
    if int(ends[-1]) != len(joined):
        raise ValueError("the words are not those of the text")
    is_cut = np.zeros(len(joined), dtype=np.bool_)
    is_cut[ends[:-1]] = True
    is_cut[0] = True
    if len(cut) == len(texts):
        return is_cut
    is_start[expand_ranges(starts[cut], lengths[cut])] = is_cut
    return is_start


def _cut_any(joined: str, cut_words: CutWords) -> list[str]:
    """Return the words of any text.

    No Rust string holds lone surrogates, so that they are replaced.
    """
    try:
        return cut_words(joined)
    except UnicodeEncodeError:
        return cut_words(_SURROGATE.sub("\ufffd", joined))
