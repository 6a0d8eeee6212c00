"""jieba's hidden Markov model over arrays, for a whole batch of text.

It joins single characters of a route to words. A batch is an array of UTF-16 units with one token per line; to join
two tokens is to remove the LF between them.

The states of a character are B, M, E, S: begin, middle, end of a word, single; Viterbi's algorithm finds the best path.
The Rust port has the same model with rounded numbers, which decides near ties differently: one word in 20 million.
Here the sums are jieba's, in its order and in double precision, and ties go to the later letter, as in jieba.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, Int8Array, IntArray, UInt8Array, UInt16Array
from kxcli.arrays.hashing import GOLDEN, hash_to_slots
from kxcli.mining.segment.blocks import FOREIGN_HAN, GLUE, HAN_FIRST, HAN_LAST
from kxcli.mining.segment.jieba_reference import load_hmm_tables

B, M, E, S = range(4)
_BEFORE = {B: (E, S), M: (M, B), S: (S, E), E: (B, M)}  # jieba's PrevStatus
_LETTER = "BMES"
_IMPOSSIBLE = -3.14e100  # jieba's log probability of unseen events
_N_HAN = HAN_LAST - HAN_FIRST + 1

_LF = 10
_QUAD = 4  # units in 64 bits

# Classes of UTF-16 units.
_SIGN, _ALNUM, _HAN, _FOREIGN, _END = 1, 2, 4, 8, 16
_KINDS = np.zeros(1 << 16, dtype=np.uint8)
_KINDS[[ord(ch) for ch in "+#&._%-"]] = _SIGN
_KINDS[[ord(ch) for ch in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]] = _ALNUM
_KINDS[HAN_FIRST : HAN_LAST + 1] = _HAN
_KINDS[[unit for unit in range(1 << 16) if FOREIGN_HAN.match(chr(unit))]] = _FOREIGN
_KINDS[0xD840:0xD900] = _FOREIGN  # the first units of planes 2 and 3
_KINDS[_LF] = _END


def to_units(lines: str) -> UInt16Array:
    """Return lines as writable UTF-16 units, with two LFs before and after."""
    return np.frombuffer(bytearray(("\n\n" + lines + "\n\n").encode("utf-16-le")), dtype=np.uint16)


def classify_units(units: UInt16Array) -> UInt8Array:
    """Return the class of each unit in jieba's rules."""
    return _KINDS.take(units)


def may_hold_foreign_han(kinds: UInt8Array) -> bool:
    """Return whether a unit may belong to a character of `FOREIGN_HAN`."""
    return bool((kinds & _FOREIGN).any())


def _glue_signs(units: UInt16Array, kinds: UInt8Array, is_end: BoolArray) -> None:
    """Put `GLUE` between a token that is a sign and adjacent ASCII tokens."""
    signs = np.flatnonzero(kinds == _SIGN)
    signs = signs[is_end[signs - 1] & is_end[signs + 1]]
    units[signs[(kinds[signs - 2] & (_SIGN | _ALNUM)) > 0] - 1] = GLUE
    units[signs[(kinds[signs + 2] & (_SIGN | _ALNUM)) > 0] + 1] = GLUE


class HmmPass:
    """Joins characters to words as jieba's HMM does."""

    def __init__(self, is_word: Callable[[str], bool]) -> None:
        self._is_word = is_word
        self._cache = _WordCache(is_word)

    def join(self, units: UInt16Array, kinds: UInt8Array) -> UInt16Array:
        """Return the units with the HMM's words joined, without the LFs around.

        A run of single characters that is a dictionary word is not joined, as in jieba. Adjacent tokens of letters,
        digits and signs become one line with `GLUE` between them, for `expand_token`.
        """
        is_end = kinds == _END
        _glue_signs(units, kinds, is_end)
        singles = np.flatnonzero((kinds == _HAN)[1:-1] & is_end[:-2] & is_end[2:]) + 1
        if not len(singles):
            return units[2:-2]
        kept = np.ones(len(units), dtype=np.bool_)
        firsts = np.flatnonzero(np.concatenate(([True], np.diff(singles) != 2)))
        lengths = np.diff(firsts, append=len(singles))
        for length in np.unique(lengths[lengths > 1]).tolist():
            starts = singles[firsts[lengths == length]]
            kept[self._find_dropped(units, kinds, starts, length)] = False
        return units[2:-2][kept[2:-2]]

    def _find_dropped(self, units: UInt16Array, kinds: UInt8Array, starts: IntArray, length: int) -> IntArray:
        """Return the positions of LFs within the words of the HMM, in runs of one length."""
        positions = starts[:, None] + 2 * np.arange(length)
        chars = units[positions]
        states = decode_states(chars.astype(np.int64) - HAN_FIRST)
        is_open = (states == B) | (states == M)
        some = np.flatnonzero(is_open.any(axis=1))
        words = some[self._cache.are_words(chars[some])]
        is_bordered = ((kinds[positions[words, 0] - 2] | kinds[positions[words, -1] + 2]) & (_SIGN | _ALNUM)) > 0
        is_open[words[~is_bordered]] = False
        for row in words[is_bordered].tolist():
            first, last = positions[row, 0], positions[row, -1]
            if not (self._is_single(units, first - 2, -1) or self._is_single(units, last + 2, 1)):
                is_open[row] = False
        dropped: IntArray = positions[is_open] + 1
        return dropped

    def _is_single(self, units: UInt16Array, at: int, step: int) -> bool:
        """Return whether a lone ASCII token begins (step 1) or ends (-1) at a unit."""
        end = at
        while units[end] != _LF and units[end] != GLUE:
            end += step
        token = units[min(at, end + 1) : max(at + 1, end)].tobytes().decode("utf-16-le", "replace")
        if len(token) == 1:
            return bool(_KINDS[units[at]] & (_SIGN | _ALNUM))
        return token.isascii() and token.isalnum() and not self._is_word(token)


@cache
def _load_log_probabilities() -> tuple[FloatArray, list[dict[int, float]], FloatArray]:
    """Return jieba's log probabilities of start states, transitions and emissions."""
    start, trans, emit = load_hmm_tables()
    starts = np.array([start[letter] for letter in _LETTER])
    steps = [{s: trans[_LETTER[p]].get(_LETTER[s], _IMPOSSIBLE) for s in range(4)} for p in range(4)]
    emits = np.full((4, _N_HAN), _IMPOSSIBLE)
    for state, letter in enumerate(_LETTER):
        for ch, value in emit[letter].items():
            if len(ch) == 1 and HAN_FIRST <= ord(ch) <= HAN_LAST:
                emits[state, ord(ch) - HAN_FIRST] = value
    return starts, steps, emits


def decode_states(chars: IntArray) -> Int8Array:
    """Return the best states of runs; a row of `chars` is a run, counted from U+4E00."""
    starts, steps, emits = _load_log_probabilities()
    n, length = chars.shape
    value = [starts[state] + emits[state].take(chars[:, 0]) for state in range(4)]
    previous = np.empty((length, 4, n), dtype=np.int8)
    for t in range(1, length):
        column = chars[:, t]
        new: list[Any] = [None] * 4
        for state, (first, second) in _BEFORE.items():
            if t == length - 1 and state in (B, M):  # a run cannot end within a word
                continue
            low, high = sorted((first, second), key=_LETTER.__getitem__)
            emitted = emits[state].take(column)
            by_low = value[low] + steps[low][state] + emitted
            by_high = value[high] + steps[high][state] + emitted
            takes_low = by_low > by_high
            new[state] = np.where(takes_low, by_low, by_high)
            previous[t, state] = np.where(takes_low, low, high)
        value = new
    states = np.empty((n, length), dtype=np.int8)
    states[:, -1] = np.where(value[E] > value[S], E, S)
    rows = np.arange(n)
    for t in range(length - 1, 0, -1):
        states[:, t - 1] = previous[t, states[:, t], rows]
    return states


class _WordCache:
    """Whether runs of characters are words; for up to four characters, a cache."""

    BITS = 16

    def __init__(self, is_word: Callable[[str], bool]) -> None:
        self._is_word = is_word
        self._runs = np.zeros(1 << self.BITS, dtype=np.uint64)
        self._answers = np.zeros(1 << self.BITS, dtype=np.bool_)

    def are_words(self, chars: UInt16Array) -> BoolArray:
        """Return for each row of characters whether it is a word."""
        n, length = chars.shape
        if length > _QUAD:
            return self._look_up(chars)
        padded = np.zeros((n, _QUAD), dtype=np.uint16)
        padded[:, :length] = chars
        runs = padded.view(np.uint64).reshape(-1)
        slots = hash_to_slots(runs, GOLDEN, self.BITS)
        answers = self._answers.take(slots)
        unknown = np.flatnonzero(self._runs.take(slots) != runs)
        if len(unknown):
            answers[unknown] = self._look_up(chars[unknown])
            free, first = np.unique(slots[unknown], return_index=True)
            is_free = self._runs[free] == 0
            self._runs[free[is_free]] = runs[unknown[first[is_free]]]
            self._answers[free[is_free]] = answers[unknown[first[is_free]]]
        return answers

    def _look_up(self, chars: UInt16Array) -> BoolArray:
        n, length = chars.shape
        text = chars.tobytes().decode("utf-16-le")
        return np.array([self._is_word(text[i : i + length]) for i in range(0, n * length, length)], dtype=np.bool_)
