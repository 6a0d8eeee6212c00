"""The median rule: σ is the median positive Euclidean distance of two rows."""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.arrays.ragged import compute_starts, expand_ranges
from kxcli.mining.hsic.random_streams import RandomStream, make_generator

MAX_EXACT_ROWS = 5_000  # beyond, the distances of a sample of this size count

_BLOCK_ROWS = 32  # rows with their distances to all others at a time
_MAX_DIFFERENCES = 1 << 18  # in memory at a time
_CANCELLATION = 1e-6  # of the squared norms: smaller distances lose digits as a difference, so are computed directly
_NEAR = 1e-9  # relative width of the interval around the median, whose distances are looked at one by one
_BIN_SHIFT = 46  # low bits of a double that do not count for its bin
_N_BINS = 1 << (64 - _BIN_SHIFT)


def compute_median_distance(values: FloatArray, seed: int = 0) -> float | None:
    """Return the median of the positive distances between rows.

    Of an even number of distances, it is the mean of the middle two. Of more than `MAX_EXACT_ROWS` rows, a sample
    without replacement is used; if its numbers are all the same, all rows are used after all.
    Cost: in one dimension O(n log n) per probe, and some 60 probes; else all distances, twice.

    Args:
        values: Finite, of shape (n, d).
        seed: Of the sample.

    Returns:
        None if no two rows differ.
    """
    sample = values
    if len(values) > MAX_EXACT_ROWS:
        rows = make_generator(RandomStream.ROWS, seed).choice(len(values), MAX_EXACT_ROWS, replace=False)
        sample = values[np.sort(rows)]
    if values.shape[1] == 1:
        median = _compute_line_median(sample[:, 0])
        return _compute_line_median(values[:, 0]) if median is None else median
    centered = sample - np.median(sample, axis=0)
    scale = float(np.abs(centered).max())  # so that no square overflows or underflows
    if not scale:
        return None
    median = _compute_vector_median(centered / scale)
    return None if median is None else median * scale


def _get_middle_ranks(n: int) -> tuple[int, int]:
    """Return the ranks, from 0, of the two values around the median."""
    return (n - 1) // 2, n // 2


def _compute_line_median(values: FloatArray) -> float | None:
    """Return the median distance of numbers, by bisection over sorted numbers."""
    points, counts = np.unique(values, return_counts=True)
    before = compute_starts(counts)
    n_pairs = (len(values) ** 2 - int((counts.astype(np.int64) ** 2).sum())) // 2
    if not n_pairs:
        return None

    def find_ends(bound: float) -> IntArray:
        """Return for each point the end of the points at most about `bound` above it."""
        return np.searchsorted(points, points + bound, side="right")

    own = np.arange(1, len(points) + 1)

    def count_within(bound: float) -> int:
        ends = np.maximum(find_ends(bound), own)
        return int((counts * (before[ends] - before[1:])).sum())

    low, high = 0.0, float(points[-1] - points[0])  # low < median <= high
    lower_rank, upper_rank = _get_middle_ranks(n_pairs)
    while high - low > _NEAR * high:
        middle = (low + high) / 2
        if middle in (low, high):  # no double between them
            break
        if count_within(middle) > lower_rank:
            high = middle
        else:
            low = middle
    # Rounding makes a search wrong by one unit in the last place: distances near the bounds are looked at one by one.
    low, high = low * (1 - _NEAR), high * (1 + _NEAR)
    starts, ends = np.maximum(find_ends(low), own), np.maximum(find_ends(high), own)
    left = np.repeat(np.arange(len(points)), ends - starts)
    right = expand_ranges(starts, ends - starts)
    distances, weights = points[right] - points[left], counts[left] * counts[right]
    order = np.argsort(distances)
    ranks = count_within(low) + np.cumsum(weights[order])
    first, second = (int(np.searchsorted(ranks, rank, side="right")) for rank in (lower_rank, upper_rank))
    lower = float(distances[order[first]])
    if second < len(order):
        return (lower + float(distances[order[second]])) / 2
    has_next = ends < len(points)  # the upper of the middle two is the smallest distance beyond the bounds
    return (lower + float((points[ends[has_next]] - points[has_next]).min())) / 2


def _compute_vector_median(values: FloatArray) -> float | None:
    """Return the median of the distances of rows, by bins of squared distances.

    Positive doubles have the same order as their bits, so the upper 18 bits number the bins.
    """
    sizes = np.zeros(_N_BINS, dtype=np.int64)
    for squares in _iter_squared_distances(values):
        sizes += np.bincount(_find_bins(squares), minlength=_N_BINS)
    ends = np.cumsum(sizes)
    if not ends[-1]:
        return None
    ranks = np.array(_get_middle_ranks(int(ends[-1])))
    bins = np.unique(np.searchsorted(ends, ranks, side="right"))  # one, or two with only empty ones between them
    candidates = np.sort(
        np.concatenate([squares[np.isin(_find_bins(squares), bins)] for squares in _iter_squared_distances(values)])
    )
    return float(np.sqrt(candidates[ranks - (ends[bins[0]] - sizes[bins[0]])]).mean())


def _find_bins(squares: FloatArray) -> IntArray:
    return (squares.view(np.uint64) >> np.uint64(_BIN_SHIFT)).astype(np.int64)


def _iter_squared_distances(values: FloatArray) -> Iterator[FloatArray]:
    """Yield the positive squared distances, each pair once."""
    norms = np.einsum("ij,ij->i", values, values)
    for start in range(0, len(values), _BLOCK_ROWS):
        block = slice(start, start + _BLOCK_ROWS)
        sums = norms[block, None] + norms[start:]
        squares = values[block] @ values[start:].T
        squares *= -2
        squares += sums
        is_upper = np.arange(squares.shape[1]) > np.arange(len(squares))[:, None]
        rows, columns = np.nonzero(is_upper & (squares < _CANCELLATION * sums))
        step = max(1, _MAX_DIFFERENCES // values.shape[1])
        for first in range(0, len(rows), step):
            left, right = rows[first : first + step], columns[first : first + step]
            differences = values[start + left] - values[start + right]
            squares[left, right] = np.einsum("ij,ij->i", differences, differences)
        yield squares[is_upper & (squares > 0)]
