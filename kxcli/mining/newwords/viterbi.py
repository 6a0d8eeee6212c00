"""The best cut of blocks into words, for all blocks at once (Viterbi 1967).

The recursion over the positions of one block cannot be vectorized, but blocks can: the first positions of all blocks
are one array, the second ones the next, so that each step is arithmetic on slices.
"""

from collections.abc import Sequence

import numpy as np

from kxcli.arrays import BoolArray, Float32Array, Int8Array, IntArray, UInt32Array
from kxcli.arrays.ragged import compute_starts, expand_ranges, find_runs

_MAX_BLOCK = 1000  # characters of a block that are cut at a time; each is a step, and text rarely has longer blocks


def find_word_starts(ids: UInt32Array, scores: Sequence[Float32Array]) -> BoolArray:
    """Return for each position whether a word starts there in the best cut.

    The best cut has the largest sum of scores in each block; of equal ones, it has the longest last word. Blocks of
    more than 1,000 characters are cut in pieces of 1,000.

    Cost: linear in the text and in the number of lengths.

    Args:
        ids: Characters, beginning and ending with a border.
        scores: For each length from 1, the score of the word at each position, -inf for none; any character may be a
            word.
    """
    starts, lengths = _find_blocks(ids)
    is_start = np.zeros(len(ids), dtype=np.bool_)
    if not len(starts):
        return is_start
    longest_first = np.argsort(-lengths, kind="stable")
    starts, lengths = starts[longest_first], lengths[longest_first]
    n_steps = int(lengths[0])
    n_blocks = len(lengths) - compute_starts(np.bincount(lengths))[1 : n_steps + 1]  # with a position for each step
    firsts = compute_starts(n_blocks)
    step = np.repeat(np.arange(n_steps), n_blocks)
    positions = starts[np.arange(len(step)) - firsts[step]] + step
    by_step = [score.take(positions) for score in scores]
    last = _find_last_lengths(by_step, n_blocks.tolist(), firsts.tolist())
    is_start[positions] = np.concatenate(_trace_back(last, [*n_blocks.tolist(), 0], len(scores)))
    return is_start


def _find_last_lengths(scores: Sequence[Float32Array], n_blocks: list[int], firsts: list[int]) -> list[Int8Array]:
    """Return by step the length of the last word in the best cut of each block."""
    best: list[Float32Array] = [np.zeros(n_blocks[0], dtype=np.float32)]  # score of each prefix length
    last: list[Int8Array] = [np.zeros(0, dtype=np.int8)]
    for end in range(1, len(n_blocks) + 1):
        n = n_blocks[end - 1]
        value = best[end - 1][:n] + scores[0][firsts[end - 1] : firsts[end - 1] + n]
        length = np.ones(n, dtype=np.int8)
        for k in range(2, min(len(scores), end) + 1):
            start = firsts[end - k]
            longer = best[end - k][:n] + scores[k - 1][start : start + n]
            is_better = longer >= value
            np.copyto(value, longer, where=is_better)
            length[is_better] = k
        best.append(value)
        last.append(length)
    return last


def _trace_back(last: list[Int8Array], n_blocks: list[int], longest: int) -> list[BoolArray]:
    """Return by step whether a word of the best cut starts there."""
    n_steps = len(last) - 1
    is_word_end = [np.zeros(n, dtype=np.bool_) for n in (n_blocks[0], *n_blocks[:-1])]
    for end in range(n_steps, 0, -1):
        here = is_word_end[end]
        here[n_blocks[end] :] = True  # the ends of blocks
        for k in range(1, min(longest, end) + 1):
            is_word_end[end - k][: len(here)] |= here & (last[end] == k)
    return [flags[:n] for flags, n in zip(is_word_end, n_blocks[:-1], strict=False)]


def _find_blocks(ids: UInt32Array) -> tuple[IntArray, IntArray]:
    """Return the starts and lengths of blocks, with very long blocks in pieces."""
    starts, lengths = find_runs(ids != 0)
    if lengths.max(initial=0) <= _MAX_BLOCK:
        return starts, lengths
    n_pieces = -(-lengths // _MAX_BLOCK)
    number = expand_ranges(np.zeros_like(n_pieces), n_pieces)
    starts = np.repeat(starts, n_pieces) + number * _MAX_BLOCK
    return starts, np.minimum(np.repeat(lengths, n_pieces) - number * _MAX_BLOCK, _MAX_BLOCK)
