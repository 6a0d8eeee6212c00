"""Values of one side and the kernel over them: what a tile, a column and the diagonal of the kernel matrix are.

The matrix itself, n x n, is never held: a tile has `TILE` x `TILE` entries.
"""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.features import FeatureMap, FourierFeatures, LinearFeatures, OneHotFeatures
from kxcli.mining.hsic.parameters import Kernel

TILE_ROWS = 512  # rows and columns of a tile: its few arrays of 2 MB stay near the core

_DIRECT = 8  # columns up to which squared distances are sums of squared differences, which lose no digit
_LOST = 1e-3  # of the squared norms: d² below it has lost three digits of sixteen,
_LOST_SQUARE = 1e-5  # and of their square, where an error of 1e-16 of the norms would show in exp(-d²)
_HELD = 1 << 20  # differences held at a time
_FLAT = 0.5  # mean of a kernel from which it is computed less 1


class Variable(Protocol):
    """The values of one side, with their kernel k: up to a constant, which centering takes away."""

    kernel: Kernel
    n: int

    @property
    def is_constant(self) -> bool:
        """Whether all rows are the same."""
        ...

    @property
    def has_unit_diagonal(self) -> bool:
        """Whether k(i, i) is 1, as the gamma test has to have it."""
        ...

    @property
    def diagonal(self) -> FloatArray:
        """k(i, i), of shape (n,)."""
        ...

    @property
    def max_abs(self) -> float:
        """A bound of |k|."""
        ...

    @property
    def features(self) -> FeatureMap | None:
        """Features, few and exact, whose inner product is the kernel up to a constant; None where there are none."""
        ...

    @property
    def rows(self) -> FloatArray | IntArray:
        """What `features` takes, a row each."""
        ...

    def tile(self, i: int, j: int) -> FloatArray:
        """Return k of the rows of the i-th block against those of the j-th, from 0; new, the caller's to change."""
        ...

    def column(self, i: int) -> FloatArray:
        """Return k of all rows against row i, of shape (n,)."""
        ...


def count_blocks(n: int) -> int:
    """Return the number of blocks of rows."""
    return -(-n // TILE_ROWS)


def block_rows(i: int) -> slice:
    """Return the rows of the i-th block."""
    return slice(i * TILE_ROWS, (i + 1) * TILE_ROWS)


class NumericVariable:
    """Vectors of numbers under a gaussian, laplace or linear kernel.

    values: of shape (n, d), finite.  They are centered, and divided by σ, before anything else is computed of them, so
    that columns near 1e8 keep their digits.  A kernel that is nearly constant, because σ is great, is computed less 1,
    for the same reason.
    """

    def __init__(self, values: FloatArray, kernel: Kernel) -> None:
        assert kernel.name == "linear" or kernel.sigma is not None, "the bandwidth has to be settled"
        self.kernel, self.n = kernel, len(values)
        self.rows: FloatArray = values - np.median(values, axis=0)  # a mean is where an outlier pulls it
        if kernel.sigma is not None:
            self.rows /= kernel.sigma
        self._norms: FloatArray = np.einsum("ij,ij->i", self.rows, self.rows)
        self._is_flat = False
        self._is_flat = kernel.name != "linear" and float(self.column(0).mean()) > _FLAT

    @cached_property
    def is_constant(self) -> bool:
        """Whether all rows are the same."""
        return bool((self.rows == self.rows[0]).all())

    @property
    def has_unit_diagonal(self) -> bool:
        """Whether k(i, i) is 1."""
        return self.kernel.name != "linear"

    @property
    def diagonal(self) -> FloatArray:
        """k(i, i), of shape (n,)."""
        return self._norms if self.kernel.name == "linear" else np.full(self.n, 0.0 if self._is_flat else 1.0)

    @cached_property
    def max_abs(self) -> float:
        """A bound of |k|: less 1, it is no further from 0 than the greatest distance tells."""
        norm = float(self._norms.max())
        if self.kernel.name == "linear":
            return norm
        furthest = 4 * norm if self.kernel.name == "gaussian" else 2 * math.sqrt(norm)
        return -math.expm1(-furthest) if self._is_flat else 1.0

    @cached_property
    def features(self) -> FeatureMap | None:
        """The columns themselves; for the gaussian kernel in one dimension, Fourier features."""
        if self.kernel.name == "linear":
            return LinearFeatures(self.rows.shape[1])
        if self.kernel.name == "gaussian" and self.rows.shape[1] == 1:
            return FourierFeatures.over(float(np.ptp(self.rows)))
        return None

    def tile(self, i: int, j: int) -> FloatArray:
        """Return a tile; i is j on the diagonal."""
        return self._kernel(block_rows(i), block_rows(j), is_diagonal=i == j)

    def column(self, i: int) -> FloatArray:
        """Return a column of the kernel matrix."""
        return self._kernel(slice(None), slice(i, i + 1), is_diagonal=False)[:, 0]

    def _kernel(self, left: slice, right: slice, *, is_diagonal: bool) -> FloatArray:
        if self.kernel.name == "linear":
            products: FloatArray = self.rows[left] @ self.rows[right].T
            return products
        squares = self._squared_distances(left, right)
        if is_diagonal:
            np.fill_diagonal(squares, 0.0)
        if self.kernel.name == "laplace":
            np.sqrt(squares, out=squares)
        np.negative(squares, out=squares)
        return np.expm1(squares, out=squares) if self._is_flat else np.exp(squares, out=squares)

    def _squared_distances(self, left: slice, right: slice) -> FloatArray:
        a, b = self.rows[left], self.rows[right]
        norms_a, norms_b = self._norms[left, None], self._norms[right]
        if a.shape[1] <= _DIRECT:
            return _direct(a, b)
        sums = norms_a + norms_b
        squares: FloatArray = a @ b.T
        squares *= -2
        squares += sums
        # What an inner product loses shows where exp(-d²) is not yet nothing, and where a root is taken of d² near 0.
        with np.errstate(over="ignore"):
            is_lost = squares < (_LOST * sums if self.kernel.name == "laplace" else _LOST_SQUARE * sums**2)
        rows, columns = np.nonzero(is_lost)
        step = max(1, _HELD // a.shape[1])
        for some in range(0, len(rows), step):
            i, j = rows[some : some + step], columns[some : some + step]
            differences = a[i] - b[j]
            squares[i, j] = np.einsum("ij,ij->i", differences, differences)
        return np.maximum(squares, 0, out=squares)


def _direct(a: FloatArray, b: FloatArray) -> FloatArray:
    """Return squared distances as sums of squared differences, which lose no digit."""
    total: FloatArray | None = None
    with np.errstate(over="ignore"):  # further than any number says is still far
        for k in range(a.shape[1]):
            differences = np.subtract.outer(a[:, k], b[:, k])
            np.square(differences, out=differences)
            total = differences if total is None else np.add(total, differences, out=total)
    assert total is not None
    return total


class CategoricalVariable:
    """Labels under the delta kernel.

    codes: of shape (n,), from 0 to the number of categories, each of which occurs.
    """

    def __init__(self, codes: IntArray) -> None:
        self.kernel, self.n, self.rows = Kernel("delta"), len(codes), codes
        self.sizes: IntArray = np.bincount(codes)

    @property
    def is_constant(self) -> bool:
        """Whether there is one category alone."""
        return len(self.sizes) == 1

    has_unit_diagonal = True
    max_abs = 1.0

    @property
    def diagonal(self) -> FloatArray:
        """k(i, i) = 1, of shape (n,)."""
        return np.ones(self.n)

    @property
    def features(self) -> FeatureMap:
        """A feature for each category."""
        return OneHotFeatures(len(self.sizes))

    def tile(self, i: int, j: int) -> FloatArray:
        """Return a tile."""
        return np.equal.outer(self.rows[block_rows(i)], self.rows[block_rows(j)]).astype(np.float64)

    def column(self, i: int) -> FloatArray:
        """Return a column of the kernel matrix."""
        column: FloatArray = (self.rows == self.rows[i]).astype(np.float64)
        return column


def renumber_codes(codes: IntArray) -> IntArray:
    """Renumber codes from 0 without a gap, in order of appearance."""
    _, firsts, places = np.unique(codes, return_index=True, return_inverse=True)
    numbers = np.empty(len(firsts), np.int64)
    numbers[np.argsort(firsts, kind="stable")] = np.arange(len(firsts))
    return numbers[places]


def encode_labels(columns: Sequence[Sequence[object]]) -> CategoricalVariable:
    """Return the rows of some columns of labels as categories: rows are alike where all their labels are equal."""
    numbers: dict[tuple[object, ...], int] = {}
    rows = zip(*columns, strict=True)
    return CategoricalVariable(
        np.fromiter((numbers.setdefault(row, len(numbers)) for row in rows), np.int64, len(columns[0]))
    )
