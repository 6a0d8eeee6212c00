"""jieba's model for words that its dictionary lacks, over arrays: many runs of characters at once.

jieba cuts a block along the dictionary; what stays single goes through a hidden Markov model with the states B, M,
E, S (begin, middle, end of a word, single), whose best path Viterbi's algorithm finds.  The Rust port has the same
model with rounded numbers, which tips near ties the other way: one word in 20 million.  Here the sums are jieba's own,
in its order and in double precision, and ties fall as in jieba: to the greater letter.
"""

from functools import cache
from typing import Any

import numpy as np

from kxcli.arrays import FloatArray, Int8Array, IntArray
from kxcli.mining.segment.blocks import HAN_FIRST, HAN_LAST
from kxcli.mining.segment.reference import model_tables

B, M, E, S = range(4)
_BEFORE = {B: (E, S), M: (M, B), S: (S, E), E: (B, M)}  # jieba's PrevStatus
_LETTER = "BMES"
_IMPOSSIBLE = -3.14e100  # jieba's log probability of what was never seen
_N_HAN = HAN_LAST - HAN_FIRST + 1


@cache
def _numbers() -> tuple[FloatArray, list[dict[int, float]], FloatArray]:
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


def best_states(chars: IntArray) -> Int8Array:
    """Return the states of runs of equal length: `chars` is (runs, length), of Han code points less the first."""
    starts, steps, emits = _numbers()
    n, length = chars.shape
    value = [starts[state] + emits[state].take(chars[:, 0]) for state in range(4)]
    came_from = np.empty((length, 4, n), dtype=np.int8)
    for t in range(1, length):
        column = chars[:, t]
        new: list[Any] = [None] * 4
        for state, (first, second) in _BEFORE.items():
            if t == length - 1 and state in (B, M):  # no run ends within a word
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
    states[:, -1] = np.where(value[E] > value[S], E, S)
    rows = np.arange(n)
    for t in range(length - 1, 0, -1):
        states[:, t - 1] = came_from[t, states[:, t], rows]
    return states
