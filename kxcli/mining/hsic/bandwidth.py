"""The median rule: σ is the median of the positive Euclidean distances between rows."""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.random_streams import RandomStream, make_generator

MAX_EXACT_ROWS = 5_000  # up to so many rows all distances count; beyond, those of so many rows drawn at random

_BLOCK = 32  # rows whose distances to all others are held at a time
_HELD = 1 << 18  # differences held at a time
_LOST = 1e-6  # of the squared norms: smaller distances lose digits as a difference, and are computed directly
_NEAR = 1e-9  # relative: how near to the median distances are looked at one by one


def median_distance(values: FloatArray, seed: int = 0) -> float | None:
    """Return the median of the positive distances between rows; None where no two rows differ.

    values: of shape (n, d), finite.  The median of an even number of distances is the mean of the middle two.
    Of more than `MAX_EXACT_ROWS` rows, as many are drawn without replacement; where these are all the same number, all
    rows count after all.
    Cost: in one dimension O(n log n) a probe, and some 60 probes; else all distances, twice.
    """
    some = values
    if len(values) > MAX_EXACT_ROWS:
        chosen = make_generator(RandomStream.ROWS, seed).choice(len(values), MAX_EXACT_ROWS, replace=False)
        some = values[np.sort(chosen)]
    if values.shape[1] == 1:
        found = _of_line(some[:, 0])
        return _of_line(values[:, 0]) if found is None else found
    values = some
    centered = values - np.median(values, axis=0)
    scale = float(np.abs(centered).max())  # squares are to go neither over nor under
    if not scale:
        return None
    found = _of_vectors(centered / scale)
    return None if found is None else found * scale


def _middle(ranks: int) -> tuple[int, int]:
    """Return the ranks, from 0, whose mean is the median."""
    return (ranks - 1) // 2, ranks // 2


def _of_line(values: FloatArray) -> float | None:
    """Select among the distances of sorted numbers, of which any bound has as many below as a search finds."""
    points, counts = np.unique(values, return_counts=True)
    before = np.concatenate(([0], np.cumsum(counts)))
    n_pairs = (len(values) ** 2 - int((counts.astype(np.int64) ** 2).sum())) // 2
    if not n_pairs:
        return None

    def up_to(bound: float) -> IntArray:
        """Return for each point the end of the points that are no further above it than about `bound`."""
        return np.searchsorted(points, points + bound, side="right")

    own = np.arange(1, len(points) + 1)

    def n_up_to(bound: float) -> int:
        ends = np.maximum(up_to(bound), own)
        return int((counts * (before[ends] - before[1:])).sum())

    low, high = 0.0, float(points[-1] - points[0])  # the median lies in low < median <= high
    least, max_abs = _middle(n_pairs)
    while high - low > _NEAR * high:
        middle = (low + high) / 2
        if middle in (low, high):  # no number lies between them
            break
        if n_up_to(middle) > least:
            high = middle
        else:
            low = middle
    # Rounding makes a search wrong by an ulp: the distances about the bounds are looked at themselves.
    low, high = low * (1 - _NEAR), high * (1 + _NEAR)
    starts, ends = np.maximum(up_to(low), own), np.maximum(up_to(high), own)
    lengths = ends - starts
    left = np.repeat(np.arange(len(points)), lengths)
    right = np.repeat(starts - np.cumsum(lengths) + lengths, lengths) + np.arange(lengths.sum())
    distances, weights = points[right] - points[left], counts[left] * counts[right]
    order = np.argsort(distances)
    ranks = n_up_to(low) + np.cumsum(weights[order])
    first, second = (int(np.searchsorted(ranks, rank, side="right")) for rank in (least, max_abs))
    lower = float(distances[order[first]])
    upper = float(distances[order[second]]) if second < len(order) else _next_distance(points, ends)
    return (lower + upper) / 2


def _next_distance(points: FloatArray, ends: IntArray) -> float:
    """Return the least distance from a point to the point at its end."""
    has_one = ends < len(points)
    return float((points[ends[has_one]] - points[has_one]).min())


_SHIFT = 46  # bits of a double below those that number its bin


def _of_vectors(values: FloatArray) -> float | None:
    """Select by bins: positive doubles are ordered as their bits are, so the first 18 bits number the bins."""
    n_bins = 1 << (64 - _SHIFT)
    sizes = np.zeros(n_bins, dtype=np.int64)
    for squares in _squared_distances(values):
        sizes += np.bincount(_bins(squares), minlength=n_bins)
    ends = np.cumsum(sizes)
    if not ends[-1]:
        return None
    ranks = np.array(_middle(int(ends[-1])))
    wanted = np.unique(np.searchsorted(ends, ranks, side="right"))  # one bin, or two with none but empty ones between
    found = [squares[np.isin(_bins(squares), wanted)] for squares in _squared_distances(values)]
    among = np.sort(np.concatenate(found))
    return float(np.sqrt(among[ranks - (ends[wanted[0]] - sizes[wanted[0]])]).mean())


def _bins(squares: FloatArray) -> IntArray:
    return (squares.view(np.uint64) >> np.uint64(_SHIFT)).astype(np.int64)


def _squared_distances(values: FloatArray) -> Iterator[FloatArray]:
    """Yield the positive squared distances, each once."""
    norms = np.einsum("ij,ij->i", values, values)
    for start in range(0, len(values), _BLOCK):
        block = slice(start, start + _BLOCK)
        sums = norms[block, None] + norms[start:]
        squares = values[block] @ values[start:].T
        squares *= -2
        squares += sums
        is_upper = np.arange(squares.shape[1]) > np.arange(len(squares))[:, None]
        is_unsure = is_upper & (squares < _LOST * sums)
        rows, columns = np.nonzero(is_unsure)
        step = max(1, _HELD // values.shape[1])
        for some in range(0, len(rows), step):
            left, right = rows[some : some + step], columns[some : some + step]
            differences = values[start + left] - values[start + right]
            squares[left, right] = np.einsum("ij,ij->i", differences, differences)
        yield squares[is_upper & (squares > 0)]
