"""jieba's model for words that its dictionary lacks, over arrays: many runs of characters at once.

jieba cuts a block along the dictionary; what stays single goes through a hidden Markov model with the states B, M,
E, S (begin, middle, end of a word, single), whose best path Viterbi's algorithm finds.  The Rust port has the same
model with rounded numbers, which tips near ties the other way: one word in 20 million.  Here the sums are jieba's own,
in its order and in double precision, and ties fall as in jieba: to the greater letter.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from kxcli.mining.segment.blocks import GLUE, HAN_FIRST, HAN_LAST
from kxcli.mining.segment.reference import model_tables

Units = npt.NDArray[np.uint16]

_LF = 10
_QUAD = 4  # units in 64 bits
_B, _M, _E, _S = range(4)
_BEFORE = {_B: (_E, _S), _M: (_M, _B), _S: (_S, _E), _E: (_B, _M)}  # jieba's PrevStatus
_LETTER = "BMES"
_IMPOSSIBLE = -3.14e100  # jieba's log probability of what was never seen
_N_HAN = HAN_LAST - HAN_FIRST + 1

_IS_SIGN = np.zeros(1 << 16, dtype=np.bool_)
_IS_SIGN[[ord(ch) for ch in "+#&._%-"]] = True
_IS_ASCII = _IS_SIGN.copy()
_IS_ASCII[[ord(ch) for ch in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"]] = True


@cache
def _numbers() -> tuple[npt.NDArray[np.float64], list[dict[int, float]], npt.NDArray[np.float64]]:
    """Return jieba's log probabilities: of a state at the start, from state to state, of a character by state."""
    start, trans, emit = model_tables()
    starts = np.array([start[letter] for letter in _LETTER])
    steps = [{s: trans[_LETTER[p]].get(_LETTER[s], _IMPOSSIBLE) for s in range(4)} for p in range(4)]
    emits = np.full((4, _N_HAN), _IMPOSSIBLE)
    for state, letter in enumerate(_LETTER):
        for ch, value in emit[letter].items():
            if len(ch) == 1 and HAN_FIRST <= ord(ch) <= HAN_LAST:
                emits[state, ord(ch) - HAN_FIRST] = value
    return starts, steps, emits


def best_states(chars: npt.NDArray[np.int64]) -> npt.NDArray[np.int8]:
    """Return the states of runs of equal length: `chars` is (runs, length), of Han code points less the first."""
    starts, steps, emits = _numbers()
    n, length = chars.shape
    value = [starts[state] + emits[state].take(chars[:, 0]) for state in range(4)]
    came_from = np.empty((length, 4, n), dtype=np.int8)
    for t in range(1, length):
        column = chars[:, t]
        new: list[Any] = [None] * 4
        for state, (first, second) in _BEFORE.items():
            if t == length - 1 and state in (_B, _M):  # no run ends within a word
                continue
            low, high = sorted((first, second), key=_LETTER.__getitem__)
            emitted = emits[state].take(column)
            by_low = value[low] + steps[low][state] + emitted
            by_high = value[high] + steps[high][state] + emitted
            takes_low = by_low > by_high
            new[state] = np.where(takes_low, by_low, by_high)
            came_from[t, state] = np.where(takes_low, low, high)
        value = new
    states = np.empty((n, length), dtype=np.int8)
    states[:, -1] = np.where(value[_E] > value[_S], _E, _S)
    rows = np.arange(n)
    for t in range(length - 1, 0, -1):
        states[:, t - 1] = came_from[t, states[:, t], rows]
    return states


def joined_words(lines: str, is_word: Callable[[str], bool]) -> Units:
    """Put the model's words together in text with a token of the dictionary's route a line.

    lines: tokens as jieba gives them without the model, each followed by an LF.  is_word: whether a string is in the
    dictionary; a run that is one stays single, as in jieba.  Returns UTF-16 units, a token a line; tokens of letters,
    digits and signs that stood side by side come as one line, with `GLUE` between them, to be settled one by one.
    """
    units = np.frombuffer(("\n\n" + lines + "\n\n").encode("utf-16-le"), dtype="<u2").astype(np.uint16)
    is_end = units == _LF
    _glue_signs(units, is_end)
    is_han = (units - np.uint16(HAN_FIRST)) < _N_HAN  # wraps round below
    singles = np.flatnonzero(is_han[1:-1] & is_end[:-2] & is_end[2:]) + 1
    kept = np.ones(len(units), dtype=np.bool_)
    if len(singles):
        _join_runs(units, singles, kept, is_word)
    return units[2:-2][kept[2:-2]]


def _glue_signs(units: Units, is_end: npt.NDArray[np.bool_]) -> None:
    """Put `GLUE` between a sign that is a token and the ASCII tokens on either side of it."""
    signs = np.flatnonzero(_IS_SIGN.take(units))
    signs = signs[is_end[signs - 1] & is_end[signs + 1]]
    units[signs[_IS_ASCII.take(units[signs - 2])] - 1] = GLUE
    units[signs[_IS_ASCII.take(units[signs + 2])] + 1] = GLUE


def _join_runs(
    units: Units, singles: npt.NDArray[np.int64], kept: npt.NDArray[np.bool_], is_word: Callable[[str], bool]
) -> None:
    """Clear `kept` at the line ends within the words that the model finds in runs of single characters."""
    is_first = np.concatenate(([True], np.diff(singles) != 2))
    firsts = np.flatnonzero(is_first)
    lengths = np.diff(firsts, append=len(singles))
    for length in np.unique(lengths[lengths > 1]).tolist():
        starts = singles[firsts[lengths == length]]
        places = starts[:, None] + 2 * np.arange(length)
        chars = units[places]
        states = best_states(chars.astype(np.int64) - HAN_FIRST)
        is_open = (states == _B) | (states == _M)
        some = np.flatnonzero(is_open.any(axis=1))
        whole = _words_among(chars[some], is_word)
        for row in some[whole].tolist():
            if _is_alone(units, int(places[row, 0]), int(places[row, -1]), is_word):
                is_open[row] = False
        kept[places[is_open] + 1] = False


def _words_among(chars: Units, is_word: Callable[[str], bool]) -> npt.NDArray[np.int64]:
    """Return the rows of characters that spell a word of the dictionary."""
    n, length = chars.shape
    if length > _QUAD:
        text = chars.tobytes().decode("utf-16-le")
        found = [is_word(text[i : i + length]) for i in range(0, n * length, length)]
        return np.flatnonzero(np.array(found, dtype=np.bool_))
    padded = np.zeros((n, _QUAD), dtype="<u2")
    padded[:, :length] = chars
    keys, which = np.unique(padded.view("<u8").reshape(-1), return_inverse=True)
    text = keys.view("<u2").reshape(-1, _QUAD)[:, :length].tobytes().decode("utf-16-le")
    found = [is_word(text[i : i + length]) for i in range(0, len(text), length)]
    return np.flatnonzero(np.array(found, dtype=np.bool_)[which])


def _is_alone(units: Units, first: int, last: int, is_word: Callable[[str], bool]) -> bool:
    """Whether jieba sees the run from `first` to `last` by itself: no single of letters, digits or signs borders on it."""
    return not (_is_single(units, first - 2, -1, is_word) or _is_single(units, last + 2, 1, is_word))


def _is_single(units: Units, at: int, step: int, is_word: Callable[[str], bool]) -> bool:
    """Whether the token that begins (step 1) or ends (-1) at `at` was left over by the dictionary's route."""
    end = at
    while units[end] != _LF and units[end] != GLUE:
        end += step
    token = units[min(at, end + 1) : max(at + 1, end)].tobytes().decode("utf-16-le", "replace")
    if len(token) == 1:
        return bool(_IS_ASCII[units[at]])
    return bool(token) and token.isascii() and token.isalnum() and not is_word(token)
