"""Which of the spans that overlap stay."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from kxcli.arrays import IntArray

Overlap = Literal["longest", "best", "all"]

_MAX_PLACES = 1 << 23  # of all spans, one after the other, that are looked at together
_ROUNDS = 4  # after which few spans are undecided, but for texts such as a character repeated


def resolve_overlaps(
    overlap: Overlap, starts: IntArray, stops: IntArray, scores: npt.NDArray[np.floating[Any]] | None = None
) -> IntArray:
    """Return the numbers of the spans that stay, ascending; spans are in running text and not empty.

    longest: again and again the longest span that is left, of equally long ones the first, and none that overlaps it.
    best: the same by score, of equal scores the longest.  all: every span.
    """
    if overlap == "all":
        return np.arange(len(starts))
    by = (starts, starts - stops) if overlap == "longest" or scores is None else (starts, starts - stops, -scores)
    return np.sort(_greedy(starts, stops, np.lexsort(by)))


def _greedy(starts: IntArray, stops: IntArray, order: IntArray) -> IntArray:
    """Return the spans that are taken in order, each if it overlaps none before it.

    A span that comes first among all that overlap it is taken, and those are not: so most are decided at once.
    """
    if not len(order):
        return order
    low = int(starts.min())
    n = int(stops.max()) - low
    taken = np.zeros(n, dtype=np.bool_)
    owner = np.empty(n, dtype=np.int64)
    chosen: list[IntArray] = []
    for _ in range(_ROUNDS):
        if not len(order) or int((stops - starts).take(order).sum()) > _MAX_PLACES:
            break
        lengths = (stops - starts).take(order)
        ends = np.cumsum(lengths)
        begins = ends - lengths
        places = np.arange(int(ends[-1])) + np.repeat(starts.take(order) - low - begins, lengths)
        ranks = np.repeat(np.arange(len(order)), lengths)
        owner[places[::-1]] = ranks[::-1]  # of several spans at a place the first in order has it
        wins = np.logical_and.reduceat(owner.take(places) == ranks, begins)
        chosen.append(order[wins])
        taken[places[np.repeat(wins, lengths)]] = True
        order = order[~np.logical_or.reduceat(taken.take(places), begins)]
    rest = bytearray(taken.tobytes())
    one = list[int]()
    for number, start, stop in zip(
        order.tolist(), (starts.take(order) - low).tolist(), (stops.take(order) - low).tolist(), strict=True
    ):
        if rest.find(1, start, stop) < 0:
            rest[start:stop] = b"\1" * (stop - start)
            one.append(number)
    return np.concatenate([*chosen, np.array(one, dtype=np.int64)])
