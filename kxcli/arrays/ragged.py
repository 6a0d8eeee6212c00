"""Rows of different lengths, one after the other in one array: where each begins, and where the last one ends."""

import numpy as np

from kxcli.arrays import AnyArray, IntArray


def stretches(starts: IntArray, sizes: IntArray) -> IntArray:
    """Return the places of stretches, one after the other."""
    places: IntArray = np.arange(int(sizes.sum())) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return places


def expanded(rows: AnyArray, starts: IntArray) -> tuple[IntArray, IntArray]:
    """Return the places of what belongs to some rows, and for each which of them it is of.

    What belongs to row n is at `starts[n]` to before `starts[n + 1]`.
    """
    firsts = starts.take(rows)
    sizes = starts.take(rows + 1) - firsts
    return stretches(firsts, sizes), np.repeat(np.arange(len(rows)), sizes)
