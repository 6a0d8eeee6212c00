"""Select among overlapping spans."""

from typing import Literal

import numpy as np

from kxcli.arrays import AnyArray, IntArray
from kxcli.arrays.ragged import expand_ranges

Overlap = Literal["longest", "best", "all"]

_MAX_POSITIONS = 1 << 23  # positions of all spans, concatenated, which bound memory
_ROUNDS = 4  # leave few spans undecided, except in texts such as a repeated character


def resolve_overlaps(overlap: Overlap, starts: IntArray, stops: IntArray, scores: AnyArray | None = None) -> IntArray:
    """Return the numbers of the selected spans, ascending.

    Args:
        overlap: With "longest", the longest span is selected and those that overlap it are dropped, again and again; of
            equally long spans the first is selected. "best" is the same by score, of equal scores by length. "all"
            selects every span.
        starts: Positions in running text.
        stops: Each after its start.
        scores: For "best".
    """
    if overlap == "all":
        return np.arange(len(starts))
    by = (starts, starts - stops) if overlap == "longest" or scores is None else (starts, starts - stops, -scores)
    return np.sort(_select_greedily(starts, stops, np.lexsort(by)))


def _select_greedily(starts: IntArray, stops: IntArray, order: IntArray) -> IntArray:
    """Return the spans selected in order, each if it overlaps no earlier one.

    A round selects all spans that are the first among those that overlap them. Few rounds decide most spans.
    """
    if not len(order):
        return order
    low = int(starts.min())
    n = int(stops.max()) - low
    is_taken = np.zeros(n, dtype=np.bool_)
    owner = np.empty(n, dtype=np.int64)
    selected: list[IntArray] = []
    for _ in range(_ROUNDS):
        if not len(order) or int((stops - starts).take(order).sum()) > _MAX_POSITIONS:
            break
        lengths = (stops - starts).take(order)
        begins = np.cumsum(lengths) - lengths
        positions = expand_ranges(starts.take(order) - low, lengths)
        ranks = np.repeat(np.arange(len(order)), lengths)
        owner[positions[::-1]] = ranks[::-1]  # of several spans at a position, the first in order owns it
        wins = np.logical_and.reduceat(owner.take(positions) == ranks, begins)
        selected.append(order[wins])
        is_taken[positions[np.repeat(wins, lengths)]] = True
        order = order[~np.logical_or.reduceat(is_taken.take(positions), begins)]
    rest = bytearray(is_taken.tobytes())
    last = list[int]()
    for number, start, stop in zip(
        order.tolist(), (starts.take(order) - low).tolist(), (stops.take(order) - low).tolist(), strict=True
    ):
        if rest.find(1, start, stop) < 0:
            rest[start:stop] = b"\1" * (stop - start)
            last.append(number)
    return np.concatenate([*selected, np.array(last, dtype=np.int64)])
