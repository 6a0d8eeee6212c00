"""Rows of different lengths, one after the other in one array: where each begins, and where the last one ends."""

from typing import Any

import numpy as np
import numpy.typing as npt

Places = npt.NDArray[np.int64]


def stretches(starts: Places, sizes: Places) -> Places:
    """Return the places of stretches, one after the other."""
    places: Places = np.arange(int(sizes.sum())) + np.repeat(starts - (np.cumsum(sizes) - sizes), sizes)
    return places


def expanded(rows: npt.NDArray[Any], starts: Places) -> tuple[Places, Places]:
    """Return the places of what belongs to some rows, and for each which of them it is of.

    What belongs to row n is at `starts[n]` to before `starts[n + 1]`.
    """
    firsts = starts.take(rows)
    sizes = starts.take(rows + 1) - firsts
    return stretches(firsts, sizes), np.repeat(np.arange(len(rows)), sizes)
