"""Texts cut into tokens, and these into chains and words, over arrays.

A token is one character of a script that parts no words by spaces, a whole word of one that does (a run of letters,
digits and marks), or any other character but white space.  A chain is what is tagged as one: a line, or, of a longer
one, a sentence, or a part of it.  A word is one or more tokens, as jieba cuts them.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, IntArray, UInt8Array, UInt32Array
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.hashing import mix_bits_32
from kxcli.arrays.ragged import expand_ranges, starts_of
from kxcli.batching import iter_batches
from kxcli.mining.linking.tagger import characters
from kxcli.mining.linking.tagger.characters import CLOSE, LOWER, QUOTE, SPACED, UNSPACED, WHITE

CutWords = Callable[[str], list[str]]

PADS = 2  # slots of no token before and behind every chain: as far as features look around
MAX_CHAIN = 128  # tokens of a chain
BLOCK = 1 << 16  # characters laid out together: all that is computed of them stays in a core's cache
_WINDOW = 1 << 15  # characters of a long text that are taken for a text of their own
_SHORT = 64  # characters of a line that is one chain, whatever stands in it
_LETTERS = 64  # of a word that tell it from others

_ENDS = [*map(ord, "。！？｡")]
_NEWLINE = ord("\n")
_FINAL = re.compile(r"[\n。！？]|[.?!](?=\s)")
_SURROGATE = re.compile("[\ud800-\udfff]")


class TextWindow(NamedTuple):
    """A text, or a part of a long one that begins at some character of it."""

    text: int
    offset: int
    characters: str


def iter_blocks(texts: Sequence[str]) -> Iterator[list[TextWindow]]:
    """Yield the windows of all texts in order, those that are laid out together at a time."""
    windows = (window for number, text in enumerate(texts) for window in _windows(number, text))
    return iter_batches(windows, lambda window: len(window.characters) + 1, BLOCK)


def _windows(number: int, text: str) -> Iterator[TextWindow]:
    start = 0
    while len(text) - start > _WINDOW:
        ends = [match.end() for match in _FINAL.finditer(text, start + _WINDOW // 2, start + _WINDOW)]
        stop = ends[-1] if ends else start + _WINDOW
        yield TextWindow(number, start, text[start:stop])
        start = stop
    yield TextWindow(number, start, text[start:] if start else text)


@dataclass(frozen=True)
class TokenLayout:
    """The tokens of some texts, one after the other, each chain between two times `PADS` slots of none.

    starts, stops: shape (slots,), where each token stands in the characters, each window's followed by a line end;
    those of no token stand at the last one.  kinds: of the token's first character, WHITE for none.  gaps: whether
    white space or the text's border is before it, or it is none.  hashes: of the folded token.
    chain_starts, chain_lengths: in slots, only of tokens.
    word_starts, word_lengths: in slots, all of them; slots of none are words of one.
    window_starts: in the characters.  character_kinds, character_hashes: by character.
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


def layout(texts: Sequence[str], cut: CutWords) -> TokenLayout:
    """Return the tokens of texts; `cut` gives the words of a text, which are looked for where no spaces part them."""
    joined = "\n".join([*texts, ""])
    codes = _codes(joined)
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts)) + 1
    window_starts = starts_of(lengths)[:-1]
    kinds = characters.kinds().take(codes, mode="clip")
    hashes = characters.hashes().take(codes, mode="clip")
    is_spaced = (kinds - np.uint8(LOWER)) <= np.uint8(SPACED - LOWER)
    is_start = kinds != WHITE
    is_start[1:] &= ~(is_spaced[1:] & is_spaced[:-1])
    tokens = np.flatnonzero(is_start)
    token_hashes = hashes.take(tokens)
    token_stops = tokens + 1
    spaced = np.flatnonzero(is_spaced.take(tokens))
    if len(spaced):
        token_stops[spaced] = np.flatnonzero(is_spaced[:-1] & ~is_spaced[1:]) + 1
        token_hashes[spaced] = _word_hashes(hashes, tokens[spaced], token_stops[spaced])

    firsts, chain_lengths = _chains(tokens, kinds.take(tokens), _breaks(codes, kinds))
    chain_starts = firsts + PADS * np.arange(1, len(firsts) + 1)
    n = len(tokens) + PADS * (len(firsts) + 1)
    slots = np.arange(len(tokens)) + np.repeat(chain_starts - firsts, chain_lengths)
    starts = np.full(n, len(codes) - 1)
    starts[slots] = tokens
    stops = starts.copy()
    stops[slots] = token_stops
    slot_hashes = np.zeros(n, dtype=np.uint32)
    slot_hashes[slots] = token_hashes

    slot_kinds = kinds.take(starts)
    is_word_start = _word_starts(joined, texts, kinds, window_starts, lengths, cut).take(starts)
    is_word_start |= slot_kinds == WHITE
    is_word_start[chain_starts] = True
    word_starts = np.flatnonzero(is_word_start)
    return TokenLayout(
        starts,
        stops,
        slot_kinds,
        (kinds.take(starts - 1) == WHITE) | (slot_kinds == WHITE),
        slot_hashes,
        chain_starts,
        chain_lengths,
        word_starts,
        np.diff(word_starts, append=n),
        window_starts,
        kinds,
        hashes,
    )


def _codes(joined: str) -> AnyArray:
    units = np.frombuffer(joined.encode("utf-16-le", "surrogatepass"), dtype="<u2")
    if len(units) == len(joined):
        return units
    return to_code_points(joined)


def _word_hashes(hashes: UInt32Array, starts: IntArray, stops: IntArray) -> UInt32Array:
    """Return a hash of each word of one letter or more: a sum of the letters' times numbers by place."""
    lengths = np.minimum(stops - starts, _LETTERS)
    ends = np.cumsum(lengths)
    places = np.arange(int(ends[-1])) - np.repeat(ends - lengths, lengths)
    letters = hashes.take(places + np.repeat(starts, lengths)) * factors().take(places)
    return mix_bits_32(np.add.reduceat(letters, ends - lengths))


def factors() -> UInt32Array:
    """Return an odd number for each of the first places of a word."""
    return mix_bits_32(np.arange(1, _LETTERS + 1, dtype=np.uint32)) | np.uint32(1)


def _breaks(codes: AnyArray, kinds: UInt8Array) -> IntArray:
    """Return the places where lines begin, and sentences within lines that are not short, ascending."""
    newlines = np.flatnonzero((codes == _NEWLINE) | (codes == ord("\r")))
    line_starts = np.concatenate((np.zeros(1, dtype=np.int64), newlines + 1))
    line_lengths = np.diff(line_starts, append=len(codes))
    if line_lengths.max() <= _SHORT:
        return line_starts
    is_mark = kinds == characters.SENTENCE_MARK
    ends = np.flatnonzero(is_mark | (codes == ord(".")))
    ends = ends[line_lengths.take(np.searchsorted(line_starts, ends, side="right") - 1) > _SHORT]
    before, following = kinds.take(ends - 1), kinds.take(ends + 1)  # a line end is last
    is_full = np.isin(codes.take(ends), _ENDS)
    is_closed = ((following >= CLOSE) & (following <= QUOTE)) & is_full
    ends[is_closed] += 1
    following[is_closed] = kinds.take(ends[is_closed] + 1, mode="clip")
    is_dot = codes.take(ends) == ord(".")
    is_inner = is_full & (following != characters.SENTENCE_MARK) & ~((following >= CLOSE) & (following <= QUOTE))
    is_outer = ~is_full & (following == WHITE)
    # a capital or a single letter before a dot is an abbreviation, and so it is if a small letter goes on
    further = kinds.take(np.minimum(ends + 2, len(kinds) - 1))
    is_outer &= ~is_dot | (
        (before != characters.UPPER) & (kinds.take(ends - 2) != characters.UPPER) & (further != LOWER)
    )
    return np.union1d(line_starts, ends[is_inner | is_outer] + 1)


def _chains(tokens: IntArray, kinds: UInt8Array, breaks: IntArray) -> tuple[IntArray, IntArray]:
    """Return each chain's first token and its length; of long ones, parts, that end with a mark if any does."""
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


def _word_starts(
    joined: str, texts: Sequence[str], kinds: UInt8Array, starts: IntArray, lengths: IntArray, cut: CutWords
) -> BoolArray:
    """Return by character whether a word starts there; where spaces part the words, any token is one."""
    is_start = np.ones(len(kinds), dtype=np.bool_)
    if not len(texts):
        return is_start
    chosen = np.flatnonzero(np.logical_or.reduceat(kinds == UNSPACED, starts))
    if not len(chosen):
        return is_start
    if len(chosen) < len(texts):
        joined = "\n".join([*(texts[number] for number in chosen.tolist()), ""])
    words = _words(joined, cut)
    ends = np.cumsum(np.fromiter(map(len, words), dtype=np.int64, count=len(words)))
    if int(ends[-1]) != len(joined):
        raise ValueError("the words are not those of the text")
    of_chosen = np.zeros(len(joined), dtype=np.bool_)
    of_chosen[ends[:-1]] = True
    of_chosen[0] = True
    if len(chosen) == len(texts):
        return of_chosen
    is_start[expand_ranges(starts[chosen], lengths[chosen])] = of_chosen
    return is_start


def _words(joined: str, cut: CutWords) -> list[str]:
    try:
        return cut(joined)
    except UnicodeEncodeError:  # lone surrogates, which no Rust string can hold
        return cut(_SURROGATE.sub("\ufffd", joined))
