"""Rows of different lengths, concatenated in one array."""

import numpy as np
import numpy.typing as npt

from kxcli.arrays import AnyArray, BoolArray, IntArray


def compute_starts(sizes: npt.ArrayLike) -> IntArray:
    """Return the starts of n consecutive rows and the end of the last one."""
    sizes = np.asarray(sizes)
    starts = np.zeros(len(sizes) + 1, dtype=np.int64)
    np.cumsum(sizes, dtype=np.int64, out=starts[1:])
    return starts


def expand_ranges(starts: IntArray, sizes: IntArray) -> IntArray:
    """Return the positions in n ranges, concatenated."""
    positions: IntArray = np.arange(int(sizes.sum())) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return positions


def expand_rows(rows: AnyArray, starts: IntArray) -> tuple[IntArray, IntArray]:
    """Return the positions of all items of rows, and the index of each item's row.

    Row n has the items from `starts[n]` to before `starts[n + 1]`.
    """
    firsts = starts.take(rows)
    sizes = starts.take(rows + 1) - firsts
    return expand_ranges(firsts, sizes), np.repeat(np.arange(len(rows)), sizes)


def compute_prefix_sums(values: AnyArray) -> AnyArray:
    """Return the sums of values before each position, and of all, shape (n + 1,)."""
    sums = np.zeros(len(values) + 1, dtype=np.int64 if values.dtype == np.bool_ else values.dtype)
    np.cumsum(values, out=sums[1:])
    return sums


def find_runs(mask: BoolArray) -> tuple[IntArray, IntArray]:
    """Return the starts and lengths of runs of True between False at both ends."""
    starts = np.flatnonzero(mask[1:] & ~mask[:-1]) + 1
    return starts, np.flatnonzero(mask[:-1] & ~mask[1:]) + 1 - starts
