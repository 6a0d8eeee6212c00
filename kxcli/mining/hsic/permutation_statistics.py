"""Statistics of the permutation test as functions of the order of y's rows.

All are Tr(Kc Lc) less its mean over all permutations, over its standard deviation, so that kernels of different
bandwidths can be compared; the statistic of several is the largest, weighted.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.hsic.gram_sums import ManyGrams, sum_permuted_products
from kxcli.mining.hsic.kernels import CategoricalVariable, count_label_pairs
from kxcli.mining.hsic.permutation_moments import KernelMoments, compute_permutation_moments
from kxcli.mining.hsic.permuted_kernels import FeatureKernels, WholeKernels
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.scales import MEDIAN, find_compared, weigh_scales
from kxcli.mining.hsic.text_kernel import TextVariable

# A kernel whose permutations vary by less than this share of its size is omitted: it is the identity, or constant.
_MIN_VARIANCE = 1e-22
_MIN_MANY_MATRICES, _MAX_MANY_ROWS = 20, 1000  # for which one product of large matrices is faster
_TOLERANCE = 1e-9  # of the standard deviation, or of the statistic: the difference of equal statistics by rounding
_RELATIVE_ROUNDING = 1e-10
_INTEGER_ROUNDING = 1e-15  # of a sum of integers beyond 2^53


class NullStatistic(ABC):
    """The statistics of some tests under the null hypothesis.

    Attributes:
        n: The number of rows.
        n_tests: The number of tests, which share their draws.
    """

    n: int
    n_tests: int

    @abstractmethod
    def draw(self, seed: int, number: int, n_draws: int) -> FloatArray:
        """Return a block of draws, of shape (n_draws, n_tests).

        Args:
            seed: Of all draws.
            number: Of the block.
            n_draws: The draws of the block.
        """

    @abstractmethod
    def compute_thresholds(self) -> FloatArray:
        """Return the observed statistics less the rounding, of shape (n_tests,)."""

    def select(self, is_selected: BoolArray) -> "NullStatistic":
        """Return the statistics of some of the tests, at least one."""
        assert is_selected.all(), "there is one test"
        return self


class OrderStatistic(NullStatistic):
    """Statistics that are functions of the order of y's rows."""

    @abstractmethod
    def compute(self, orders: IntArray) -> FloatArray:
        """Return the statistics.

        Args:
            orders: Of the rows of y, of shape (b, n).

        Returns:
            The statistic of each order and test, of shape (b, n_tests).
        """

    def draw(self, seed: int, number: int, n_draws: int) -> FloatArray:
        """Return the statistics of a block of random orders."""
        return self.compute(draw_orders(self.n, seed, number, n_draws))

    def compute_thresholds(self) -> FloatArray:
        """Return the observed statistics less the rounding."""
        return subtract_rounding(self.compute(np.arange(self.n)[None])[0])


def draw_orders(n: int, seed: int, number: int, n_draws: int) -> IntArray:
    """Return a block of random permutations, of shape (n_draws, n)."""
    orders = np.tile(np.arange(n), (n_draws, 1))
    return make_generator(RandomStream.PERMUTATION, seed, number).permuted(orders, axis=1, out=orders)


def subtract_rounding(observed: FloatArray) -> FloatArray:
    """Return standardized statistics less the rounding."""
    thresholds: FloatArray = observed - _TOLERANCE * np.maximum(1, np.abs(observed))
    return thresholds


class Kernels(Protocol):
    """Kernels of one variable, for some bandwidths."""

    @property
    def n(self) -> int:
        """The number of rows."""
        ...

    @property
    def scales(self) -> Sequence[float]:
        """The bandwidths, relative to the median."""
        ...

    def compute_moments(self) -> KernelMoments:
        """Return the sums over the kernels."""
        ...


class StandardizedTrace:
    """Tr(Kc Lc) of q kernels of x and s of y -> the largest standardized one."""

    def __init__(self, x: Kernels, y: Kernels) -> None:
        moments = [one.compute_moments() for one in (x, y)]
        norms_x, norms_y = (np.sqrt(np.maximum(one.squares, np.finfo(np.float64).tiny)) for one in moments)
        self._units = np.outer(norms_x, norms_y)  # so that squares of products do not overflow
        normalized = [
            KernelMoments(one.trace / norms, one.squares / norms / norms, one.diagonal_squares / norms / norms)
            for one, norms in zip(moments, (norms_x, norms_y), strict=True)
        ]
        self._mean, variance = compute_permutation_moments(x.n, *normalized)
        self._is_compared = find_compared(x.scales, y.scales) & (variance > _MIN_VARIANCE)
        weights = weigh_scales(x.scales, y.scales) if self._is_compared.size > 1 else np.ones((1, 1))
        self._factors = np.zeros_like(weights)
        self._factors[self._is_compared] = weights[self._is_compared] / np.sqrt(variance[self._is_compared])

    def maximize(self, traces: FloatArray) -> FloatArray:
        """Return the largest standardized value.

        Args:
            traces: Of shape (b, q, s).

        Returns:
            Of shape (b,); 0 if no kernel varies.
        """
        values = ((traces / self._units - self._mean) * self._factors)[:, self._is_compared]
        return values.max(axis=1) if values.shape[1] else np.zeros(len(traces))


class WholeStatistic(OrderStatistic):
    """The statistics of whole kernel matrices: some variables x against one y.

    Cost of an order: O(q s n²) for q kernels of all x and s of y.
    """

    def __init__(self, xs: Sequence[WholeKernels], y: WholeKernels) -> None:
        self.n, self.n_tests = y.n, len(xs)
        self._xs, self._y = xs, y
        self._matrices = np.concatenate([x.matrices for x in xs]) if len(xs) > 1 else xs[0].matrices
        is_many = len(self._matrices) >= _MIN_MANY_MATRICES and y.n <= _MAX_MANY_ROWS
        self._many = ManyGrams(self._matrices) if is_many else None
        self._diagonals_x, self._diagonals_y = np.concatenate([x.diagonals for x in xs]), y.diagonals
        self._standards = [StandardizedTrace(x, y) for x in xs]
        ends = np.cumsum([len(x.matrices) for x in xs]).tolist()
        self._parts = [slice(end - len(x.matrices), end) for x, end in zip(xs, ends, strict=True)]

    def select(self, is_selected: BoolArray) -> "WholeStatistic":
        """Return the statistics of some of the tests."""
        return WholeStatistic([x for x, is_one in zip(self._xs, is_selected, strict=True) if is_one], self._y)

    def compute(self, orders: IntArray) -> FloatArray:
        """Return the statistics."""
        if self._many is None:
            traces = sum_permuted_products(self._matrices, self._y.matrices, orders)
        else:
            traces = self._many.sum_permuted_products(self._y.matrices, orders)
        for trace, order in zip(traces, orders, strict=True):
            trace += self._diagonals_x @ self._diagonals_y[:, order].T
        values = [one.maximize(traces[:, part]) for one, part in zip(self._standards, self._parts, strict=True)]
        return np.stack(values, axis=1)


class FeatureStatistic(OrderStatistic):
    """The statistic of few features of both variables.

    Cost of an order: O(n r s) for r and s features.
    """

    n_tests = 1

    def __init__(self, x: FeatureKernels, y: FeatureKernels) -> None:
        self.n, self._x, self._y = x.n, x, y
        self._standard = StandardizedTrace(x, y)
        self._adds_diagonal = x.missing_diagonal is not None or y.missing_diagonal is not None
        self._diagonals = [
            (one.diagonals, one.diagonals if one.missing_diagonal is None else one.diagonals + one.missing_diagonal)
            for one in (x, y)
        ]

    def compute(self, orders: IntArray) -> FloatArray:
        """Return the statistics."""
        traces = np.empty((len(orders), len(self._x.weights), len(self._y.weights)))
        (low_x, middle_x), (low_y, middle_y) = self._x.bands, self._y.bands
        for trace, order in zip(traces, orders, strict=True):
            y = self._y.features[:, :middle_y].take(order, axis=0)
            trace[:] = self._compare(0, self._x.features[:, :middle_x], 0, y)
            if middle_x < self._x.width:
                trace += self._compare(middle_x, self._x.features[:, middle_x:], 0, y[:, :low_y])
            if middle_y < self._y.width:
                x = self._x.features[:, :low_x].take(_invert(order), axis=0)
                trace += self._compare(0, x, middle_y, self._y.features[:, middle_y:])
            if self._adds_diagonal:
                (few_x, exact_x), (few_y, exact_y) = self._diagonals
                trace += exact_x @ exact_y[:, order].T - few_x @ few_y[:, order].T
        return self._standard.maximize(traces)[:, None]

    def _compare(self, first_x: int, x: FloatArray, first_y: int, y: FloatArray) -> FloatArray:
        """Return the traces of some features, of shape (q, s)."""
        covariances = x.T @ y
        np.square(covariances, out=covariances)
        weights_x = self._x.weights[:, first_x : first_x + x.shape[1]]
        return weights_x @ covariances @ self._y.weights[:, first_y : first_y + y.shape[1]].T


class GroupStatistic(OrderStatistic):
    """The statistic of categories against features.

    It adds up the features over each category.

    Cost of an order: O(n r) for r features.

    Args:
        groups: The categories.
        other: The features of the other variable.
        permutes_groups: Whether the categories are y, and so are permuted.
    """

    n_tests = 1

    def __init__(self, groups: CategoricalVariable, other: FeatureKernels, *, permutes_groups: bool) -> None:
        self.n, self._other, self._permutes_groups = groups.n, other, permutes_groups
        self._by_group = np.argsort(groups.rows, kind="stable")
        self._starts = compute_starts(groups.sizes)[:-1]
        self._standard = StandardizedTrace(other, DeltaKernel(groups.sizes))
        shares = groups.sizes / groups.n
        self._group_diagonal = (1 - 2 * shares + float(shares @ shares))[groups.rows]

    def compute(self, orders: IntArray) -> FloatArray:
        """Return the statistics."""
        traces = np.empty((len(orders), len(self._other.weights), 1))
        for trace, order in zip(traces, orders, strict=True):
            rows = _invert(order) if self._permutes_groups else order
            sums = np.add.reduceat(self._other.features.take(rows[self._by_group], axis=0), self._starts, axis=0)
            trace[:, 0] = self._other.weights @ np.einsum("gr,gr->r", sums, sums)
            if self._other.missing_diagonal is not None:
                trace += float(self._other.missing_diagonal[rows] @ self._group_diagonal)
        return self._standard.maximize(traces)[:, None]


class TermStatistic(OrderStatistic):
    """The statistic of texts with all their terms against categories.

    It is the squared norm of the excess of each term in each category. Cost of an order: O(entries + terms categories).

    Args:
        groups: The categories.
        texts: The other variable.
        permutes_groups: Whether the categories are y, and so are permuted.
    """

    n_tests = 1

    def __init__(self, groups: CategoricalVariable, texts: TextVariable, *, permutes_groups: bool) -> None:
        self.n = groups.n
        self._groups, self._sizes, self._permutes_groups = groups.rows, groups.sizes, permutes_groups
        self._owners, self._terms, self._values = texts.entries
        self._means: FloatArray = np.bincount(self._terms, self._values) / groups.n
        self._unit = float(texts.diagonal.sum()) or 1.0

    def compute(self, orders: IntArray) -> FloatArray:
        """Return the statistics, in units of the sum of k(i, i) of the texts."""
        return np.array([[self._compute_one(order)] for order in orders]) / self._unit

    def compute_thresholds(self) -> FloatArray:
        """Return the observed statistic less its rounding, a share of it."""
        observed = self.compute(np.arange(self.n)[None])[0]
        thresholds: FloatArray = observed * (1 - _RELATIVE_ROUNDING) - _RELATIVE_ROUNDING**2
        return thresholds

    def _compute_one(self, order: IntArray) -> float:
        groups = self._groups[order] if self._permutes_groups else self._groups[_invert(order)]
        cells = groups[self._owners] * len(self._means) + self._terms
        sums = np.bincount(cells, self._values, len(self._sizes) * len(self._means))
        sums = sums.reshape(len(self._sizes), -1) - np.outer(self._sizes, self._means)
        return float(np.vdot(sums, sums))


class ContingencyStatistic(OrderStatistic):
    """The sum of n n(a, b)² - 2 n(a, b) n(a) n(b) over pairs of categories.

    It grows with Tr(Kc Lc). All values are integers, so ties are exact. Cost of an order: O(n).
    """

    n_tests = 1

    def __init__(self, x: CategoricalVariable, y: CategoricalVariable) -> None:
        self.n, self._x, self._y = x.n, x.rows, y.rows
        self._sizes_x, self._sizes_y = x.sizes.astype(np.float64), y.sizes.astype(np.float64)

    def compute(self, orders: IntArray) -> FloatArray:
        """Return the statistics."""
        return np.array([[self._compute_one(order)] for order in orders])

    def compute_thresholds(self) -> FloatArray:
        """Return the observed statistic less half the distance of integers."""
        observed = self.compute(np.arange(self.n)[None])[0]
        thresholds: FloatArray = observed - 0.5 - _INTEGER_ROUNDING * np.abs(observed)
        return thresholds

    def _compute_one(self, order: IntArray) -> float:
        a, b, counts = count_label_pairs(self._x, self._y[order], len(self._sizes_x), len(self._sizes_y))
        expected = 2 * self._sizes_x[a] * self._sizes_y[b]
        return float(np.sum(counts * (self.n * counts.astype(np.float64) - expected)))


@dataclass(frozen=True)
class DeltaKernel:
    """The delta kernel of categories of some sizes."""

    sizes: IntArray
    scales: Sequence[float] = MEDIAN

    @property
    def n(self) -> int:
        """The number of rows."""
        return int(self.sizes.sum())

    def compute_moments(self) -> KernelMoments:
        """Return the sums over the centered kernel."""
        shares = self.sizes / self.n
        squares = float(shares @ shares)
        all_squares = self.n**2 * (squares - 2 * float(shares @ shares**2) + squares**2)
        diagonal = 1 - 2 * shares + squares
        return KernelMoments(
            np.array([self.n * (1 - squares)]),
            np.array([all_squares]),
            np.array([self.n * float(shares @ diagonal**2)]),
        )


def _invert(order: IntArray) -> IntArray:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse
