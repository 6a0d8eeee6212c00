"""The best cut of blocks into words, of all blocks of a text at once (Viterbi 1967).

The recursion over a block's places cannot be spread over an array, but blocks can: the first places of all blocks are
one array, the second ones the next, so that each step is arithmetic on slices.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kxcli.arrays import BoolArray, Float32Array, Int8Array, UInt32Array

_MAX_BLOCK = 1000  # characters of a block that are cut at a time: text has no longer ones, and each is a step for all


def word_starts(ids: UInt32Array, scores: Sequence[Float32Array]) -> BoolArray:
    """Return where words start in the cut of running characters that has the greatest sum of scores in each block.

    scores: for each length from 1, the score of the word of that length at each place, -inf where there is none; any
    character may be a word.  Blocks of more than 1,000 characters are cut in pieces of as many.
    Of cuts that are equally good, one with a longer last word is taken.
    `ids` begins and ends with a border.  Cost: linear in the text and in the longest length.
    """
    starts, lengths = _blocks(ids)
    is_start = np.zeros(len(ids), dtype=np.bool_)
    if not len(starts):
        return is_start
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]
    n_steps = int(lengths[0])
    # Blocks that have a place for each step; step by step, they are the first ones.
    alive = len(lengths) - np.concatenate(([0], np.cumsum(np.bincount(lengths))))[1 : n_steps + 1]
    firsts = np.cumsum(alive) - alive
    step = np.repeat(np.arange(n_steps), alive)
    places = starts[np.arange(len(step)) - firsts[step]] + step
    by_step = [score.take(places) for score in scores]
    alive_at, first_at = [*alive.tolist(), 0], firsts.tolist()

    best: list[Float32Array] = [np.zeros(len(starts), dtype=np.float32)]  # of each prefix length, for blocks as long
    last: list[Int8Array] = [np.zeros(0, dtype=np.int8)]  # the length of its last word
    for end in range(1, n_steps + 1):
        n = alive_at[end - 1]
        value = best[end - 1][:n] + by_step[0][first_at[end - 1] : first_at[end - 1] + n]
        length = np.ones(n, dtype=np.int8)
        for k in range(2, min(len(scores), end) + 1):
            start = first_at[end - k]
            longer = best[end - k][:n] + by_step[k - 1][start : start + n]
            is_better = longer >= value
            np.copyto(value, longer, where=is_better)
            length[is_better] = k
        best.append(value)
        last.append(length)

    is_word_end = [np.zeros(len(value), dtype=np.bool_) for value in best]
    for end in range(n_steps, 0, -1):
        here = is_word_end[end]
        here[alive_at[end] :] = True  # blocks that end here
        for k in range(1, min(len(scores), end) + 1):
            is_word_end[end - k][: len(here)] |= here & (last[end] == k)
    is_start[places] = np.concatenate([flags[:n] for flags, n in zip(is_word_end, alive_at[:-1], strict=False)])
    return is_start


def _blocks(ids: UInt32Array) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return where blocks start, and their lengths; a very long one in pieces."""
    is_kept = ids != 0
    starts = np.flatnonzero(is_kept[1:] & ~is_kept[:-1]) + 1
    lengths = np.flatnonzero(is_kept[:-1] & ~is_kept[1:]) + 1 - starts
    if lengths.max(initial=0) <= _MAX_BLOCK:
        return starts, lengths
    n_pieces = -(-lengths // _MAX_BLOCK)
    number = np.arange(n_pieces.sum()) - np.repeat(np.cumsum(n_pieces) - n_pieces, n_pieces)
    starts = np.repeat(starts, n_pieces) + number * _MAX_BLOCK
    return starts, np.minimum(np.repeat(lengths, n_pieces) - number * _MAX_BLOCK, _MAX_BLOCK)
