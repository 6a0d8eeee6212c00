"""The median rule: σ is the median positive Euclidean distance of two rows."""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.arrays.ragged import compute_starts, expand_ranges
from kxcli.mining.hsic.random_streams import RandomStream, make_generator

MAX_EXACT_ROWS = 5_000  # of vectors; beyond, the distances of a sample of this size count

_BLOCK_ROWS = 32  # rows with their distances to all others at a time
_MAX_DIFFERENCES = 1 << 18  # in memory at a time
_CANCELLATION = 1e-6  # of the squared norms: smaller distances lose digits as a difference, so are computed directly
_NEAR = 1e-9  # relative width of the smallest interval around the median
_MAX_CANDIDATES = 1 << 20  # distances in such an interval that are sorted
_MARGIN = 0.01  # of an estimated median, or of the interval around it, on either side
_BIN_SHIFT = 46  # low bits of a double that do not count for its bin
_N_BINS = 1 << (64 - _BIN_SHIFT)


def compute_median_distance(values: FloatArray, seed: int = 0) -> float | None:
    """Return the median of the positive distances between rows.

    Of an even number of distances, it is the mean of the middle two. It does not depend on the order of the rows. For
    more than `MAX_EXACT_ROWS` rows of several columns, it is that of a sample without replacement.
    Cost: in one dimension O(n log n) and some 10 searches for n numbers; else all distances, twice.

    Args:
        values: Finite, of shape (n, d).
        seed: Of the sample.

    Returns:
        None if no two rows differ.
    """
    if values.shape[1] == 1:
        return _compute_line_median(np.sort(values[:, 0]))
    if len(values) > MAX_EXACT_ROWS:
        rows = make_generator(RandomStream.ROWS, seed).choice(len(values), MAX_EXACT_ROWS, replace=False)
        values = values[np.lexsort(values.T)[np.sort(rows)]]
    centered = values - np.median(values, axis=0)
    scale = float(np.abs(centered).max())  # so that no square overflows or underflows
    if not scale:
        return None
    median = _compute_vector_median(centered / scale)
    return None if median is None else median * scale


def _get_middle_ranks(n: int) -> tuple[int, int]:
    """Return the ranks, from 0, of the two values around the median."""
    return (n - 1) // 2, n // 2


class _SortedNumbers:
    """Distinct numbers in ascending order, with their counts."""

    def __init__(self, values: FloatArray) -> None:
        self.points, counts = np.unique(values, return_counts=True)
        self.counts: IntArray = counts.astype(np.int64)
        self.n_pairs = (len(values) ** 2 - int((self.counts**2).sum())) // 2  # of different numbers
        self.own_ends: IntArray = np.arange(1, len(self.points) + 1)
        self._before = compute_starts(self.counts)

    def find_ends(self, bound: float) -> IntArray:
        """Return for each point the end of the points at most about `bound` above it."""
        return np.maximum(np.searchsorted(self.points, self.points + bound, side="right"), self.own_ends)

    def count_pairs(self, ends: IntArray) -> int:
        """Return the number of pairs of different numbers up to some ends."""
        return int((self.counts * (self._before[ends] - self._before[1:])).sum())


class _MedianInterval:
    """An interval of distances: low < median <= high, but for rounding."""

    def __init__(self, numbers: _SortedNumbers) -> None:
        self._numbers = numbers
        self._rank = _get_middle_ranks(numbers.n_pairs)[0]
        self.low, self.high = 0.0, float(numbers.points[-1] - numbers.points[0])
        self._n_low, self._n_high = 0, numbers.n_pairs
        self._low_ends, self._high_ends = numbers.own_ends, np.full(len(numbers.points), len(numbers.points))

    @property
    def width(self) -> float:
        """The length of the interval."""
        return self.high - self.low

    @property
    def is_narrow(self) -> bool:
        """Whether it has few pairs of points, or their distances are nearly equal."""
        n_candidates = int((self._high_ends - self._low_ends).sum())
        return n_candidates <= _MAX_CANDIDATES or self.width <= _NEAR * self.high

    def narrow(self, bound: float) -> None:
        """Replace one of the ends by a distance within."""
        if self.low < bound < self.high:
            ends = self._numbers.find_ends(bound)
            n_within = self._numbers.count_pairs(ends)
            if n_within > self._rank:
                self.high, self._n_high, self._high_ends = bound, n_within, ends
            else:
                self.low, self._n_low, self._low_ends = bound, n_within, ends

    def interpolate(self) -> float:
        """Return about the median, if distances are evenly distributed in the interval."""
        return self.low + self.width * ((self._rank - self._n_low) / (self._n_high - self._n_low))


def _compute_line_median(values: FloatArray) -> float | None:
    """Return the median distance of sorted numbers."""
    numbers = _SortedNumbers(values)
    if not numbers.n_pairs:
        return None
    interval = _MedianInterval(numbers)
    if len(values) > MAX_EXACT_ROWS:  # evenly spaced ones have nearly the same median
        near = _compute_line_median(values[:: -(-len(values) // MAX_EXACT_ROWS)])
        if near is not None:
            interval.narrow(near * (1 - _MARGIN))
            interval.narrow(near * (1 + _MARGIN))
    while not interval.is_narrow:
        width, middle = interval.width, interval.interpolate()
        interval.narrow(middle - _MARGIN * width)
        interval.narrow(middle + _MARGIN * width)
        if 2 * interval.width > width:
            interval.narrow((interval.low + interval.high) / 2)
        if interval.width == width:  # no double is within
            break
    return _select_median(numbers, interval)


def _select_median(numbers: _SortedNumbers, interval: _MedianInterval) -> float:
    """Return the median by the distances in an interval around it."""
    points = numbers.points
    # Rounding makes a search wrong by one unit in the last place, so the interval is widened.
    starts = numbers.find_ends(interval.low * (1 - _NEAR))
    ends = numbers.find_ends(interval.high * (1 + _NEAR))
    left = np.repeat(np.arange(len(points)), ends - starts)
    right = expand_ranges(starts, ends - starts)
    distances, weights = points[right] - points[left], numbers.counts[left] * numbers.counts[right]
    order = np.argsort(distances)
    ranks = numbers.count_pairs(starts) + np.cumsum(weights[order])
    first, second = (int(np.searchsorted(ranks, rank, side="right")) for rank in _get_middle_ranks(numbers.n_pairs))
    lower = float(distances[order[first]])
    if second < len(order):
        return (lower + float(distances[order[second]])) / 2
    has_next = ends < len(points)  # the upper of the middle two is the smallest distance beyond the interval
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
