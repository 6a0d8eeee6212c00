"""Numbers and labels of one side with the kernel k over them.

The kernel matrix is given by tile, column and diagonal, up to a constant that centering removes. The n x n matrix
itself is never in memory: a tile has `TILE_ROWS` x `TILE_ROWS` entries.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.features import FeatureMap, FourierFeatures, LinearFeatures, OneHotFeatures
from kxcli.mining.hsic.parameters import Kernel

TILE_ROWS = 512  # rows and columns of a tile: its few arrays of 2 MB fit the cache of a core

_MAX_DIRECT_COLUMNS = 8  # for squared distances as sums of squared differences: no digit is lost
# A squared distance from an inner product has an error of 1e-16 of the rows' squared norms. It is computed again as a
# sum of squared differences if it is below this share of the norms (laplace: three of sixteen digits are lost), or of
# the square of the norms (gaussian: the error is visible in exp(-d²)).
_LAPLACE_CANCELLATION, _GAUSSIAN_CANCELLATION = 1e-3, 1e-5
_MAX_DIFFERENCES = 1 << 20  # in memory at a time
_FLAT_MEAN = 0.5  # a kernel with a larger mean is computed less 1
_MIN_UNIQUE_ROWS, _MIN_UNIQUE_SHARE = 20, 0.9  # rows, and their share of distinct cells, of a column without labels
_MAX_CELLS_PER_ROW = 4  # of a small contingency table: counting all cells is faster than sorting the pairs


def count_blocks(n: int) -> int:
    """Return the number of blocks of rows."""
    return -(-n // TILE_ROWS)


def block_rows(i: int) -> slice:
    """Return the rows of the i-th block."""
    return slice(i * TILE_ROWS, (i + 1) * TILE_ROWS)


class NumericVariable:
    """Vectors of numbers with a gaussian, laplace or linear kernel.

    Values are centered and divided by σ first, so that columns near 1e8 keep their digits. For the same reason, a
    nearly constant kernel (large σ) is computed less 1.

    Args:
        values: Finite, of shape (n, d).
        kernel: With a bandwidth, unless it is linear.
        is_adaptive: Whether tests may take other bandwidths together with this one.
    """

    def __init__(self, values: FloatArray, kernel: Kernel, *, is_adaptive: bool = False) -> None:
        assert kernel.name == "linear" or isinstance(kernel.sigma, float), "the bandwidth has to be known"
        self.kernel, self.n, self.is_adaptive = kernel, len(values), is_adaptive
        self.rows: FloatArray = values - np.median(values, axis=0)  # an outlier would shift a mean
        if isinstance(kernel.sigma, float):
            self.rows /= kernel.sigma
        self._norms: FloatArray = np.einsum("ij,ij->i", self.rows, self.rows)
        self._is_flat = False
        self._is_flat = kernel.name != "linear" and float(self.column(0).mean()) > _FLAT_MEAN

    def rescale(self, scale: float, rows: IntArray | slice = slice(None)) -> "NumericVariable":
        """Return some rows with `scale` times the bandwidth; 1 for the kernel linear."""
        kernel = self.kernel if self.kernel.sigma is None else replace(self.kernel, sigma=scale)
        return NumericVariable(self.rows[rows], kernel)

    @cached_property
    def is_constant(self) -> bool:
        """Whether all rows are the same."""
        return bool((self.rows == self.rows[0]).all())

    @property
    def diagonal(self) -> FloatArray:
        """k(i, i), of shape (n,)."""
        return self._norms if self.kernel.name == "linear" else np.full(self.n, 0.0 if self._is_flat else 1.0)

    @cached_property
    def max_abs(self) -> float:
        """A bound of |k|; if k is computed less 1, from a bound of the distances."""
        norm = float(self._norms.max())
        if self.kernel.name == "linear":
            return norm
        max_distance = 4 * norm if self.kernel.name == "gaussian" else 2 * math.sqrt(norm)
        return -math.expm1(-max_distance) if self._is_flat else 1.0

    @cached_property
    def features(self) -> FeatureMap | None:
        """The columns, or Fourier features for a gaussian kernel in one dimension."""
        if self.kernel.name == "linear":
            return LinearFeatures(self.rows.shape[1])
        if self.kernel.name == "gaussian" and self.rows.shape[1] == 1:
            return FourierFeatures.for_extent(float(np.ptp(self.rows)))
        return None

    def tile(self, i: int, j: int) -> FloatArray:
        """Return k of the i-th block of rows against the j-th, from 0, as a new array."""
        return self._compute_kernel(block_rows(i), block_rows(j), is_diagonal=i == j)

    def column(self, i: int) -> FloatArray:
        """Return k of all rows against row i, of shape (n,)."""
        return self._compute_kernel(slice(None), slice(i, i + 1), is_diagonal=False)[:, 0]

    def _compute_kernel(self, left: slice, right: slice, *, is_diagonal: bool) -> FloatArray:
        if self.kernel.name == "linear":
            products: FloatArray = self.rows[left] @ self.rows[right].T
            return products
        squares = self._compute_squared_distances(left, right)
        if is_diagonal:
            np.fill_diagonal(squares, 0.0)
        if self.kernel.name == "laplace":
            np.sqrt(squares, out=squares)
        np.negative(squares, out=squares)
        return np.expm1(squares, out=squares) if self._is_flat else np.exp(squares, out=squares)

    def _compute_squared_distances(self, left: slice, right: slice) -> FloatArray:
        a, b = self.rows[left], self.rows[right]
        if a.shape[1] <= _MAX_DIRECT_COLUMNS:
            return _sum_squared_differences(a, b)
        sums = self._norms[left, None] + self._norms[right]
        squares: FloatArray = a @ b.T
        squares *= -2
        squares += sums
        with np.errstate(over="ignore"):
            is_inexact = squares < (
                _LAPLACE_CANCELLATION * sums if self.kernel.name == "laplace" else _GAUSSIAN_CANCELLATION * sums**2
            )
        rows, columns = np.nonzero(is_inexact)
        step = max(1, _MAX_DIFFERENCES // a.shape[1])
        for start in range(0, len(rows), step):
            i, j = rows[start : start + step], columns[start : start + step]
            differences = a[i] - b[j]
            squares[i, j] = np.einsum("ij,ij->i", differences, differences)
        return np.maximum(squares, 0, out=squares)


def _sum_squared_differences(a: FloatArray, b: FloatArray) -> FloatArray:
    total: FloatArray | None = None
    with np.errstate(over="ignore"):  # an infinite distance has the kernel 0, as it should
        for k in range(a.shape[1]):
            differences = np.subtract.outer(a[:, k], b[:, k])
            np.square(differences, out=differences)
            total = differences if total is None else np.add(total, differences, out=total)
    assert total is not None
    return total


class CategoricalVariable:
    """Labels with the delta kernel.

    Args:
        codes: Of shape (n,), from 0 to the number of categories; each occurs.
    """

    max_abs = 1.0

    def __init__(self, codes: IntArray) -> None:
        self.kernel, self.n, self.rows = Kernel("delta"), len(codes), codes
        self.sizes: IntArray = np.bincount(codes)

    @property
    def is_constant(self) -> bool:
        """Whether there is only one category."""
        return len(self.sizes) == 1

    @property
    def is_nearly_unique(self) -> bool:
        """Whether nearly all rows differ, as texts or identifiers do and labels do not."""
        return self.n >= _MIN_UNIQUE_ROWS and len(self.sizes) > _MIN_UNIQUE_SHARE * self.n

    @property
    def diagonal(self) -> FloatArray:
        """k(i, i) = 1, of shape (n,)."""
        return np.ones(self.n)

    @property
    def features(self) -> FeatureMap:
        """One feature per category."""
        return OneHotFeatures(len(self.sizes))

    def tile(self, i: int, j: int) -> FloatArray:
        """Return a tile."""
        return np.equal.outer(self.rows[block_rows(i)], self.rows[block_rows(j)]).astype(np.float64)

    def column(self, i: int) -> FloatArray:
        """Return a column of the kernel matrix."""
        column: FloatArray = (self.rows == self.rows[i]).astype(np.float64)
        return column


def count_label_pairs(x: IntArray, y: IntArray, n_x: int, n_y: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return the occurring pairs of codes of x and y, and the count of each."""
    codes = x * n_y + y
    if n_x * n_y <= _MAX_CELLS_PER_ROW * len(x):
        table = np.bincount(codes, minlength=n_x * n_y)
        pairs = np.flatnonzero(table)
        return pairs // n_y, pairs % n_y, table[pairs]
    pairs, counts = np.unique(codes, return_counts=True)
    return pairs // n_y, pairs % n_y, counts


def renumber_codes(codes: IntArray) -> IntArray:
    """Renumber codes from 0 without a gap, in order of appearance."""
    _, firsts, positions = np.unique(codes, return_index=True, return_inverse=True)
    numbers = np.empty(len(firsts), np.int64)
    numbers[np.argsort(firsts, kind="stable")] = np.arange(len(firsts))
    return numbers[positions]


def encode_labels(columns: Sequence[Sequence[object]]) -> CategoricalVariable:
    """Return columns of labels as one variable: equal rows have equal labels."""
    numbers: dict[tuple[object, ...], int] = {}
    codes = (numbers.setdefault(row, len(numbers)) for row in zip(*columns, strict=True))
    return CategoricalVariable(np.fromiter(codes, np.int64, len(columns[0])))
