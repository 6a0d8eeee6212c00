"""The permutation test: how often HSIC is as large if the rows of y are permuted.

A permutation costs O(n r s) for variables of r and s features (`low_rank`), not O(n²). Random permutations are seeded
by their number, so that any worker can draw any of them.
"""

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.hsic.jobs import RangeTask, iter_ranges
from kxcli.mining.hsic.kernels import CategoricalVariable, count_label_pairs
from kxcli.mining.hsic.low_rank import LowRankKernel
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.text_kernel import TextVariable

PermutationView = LowRankKernel | CategoricalVariable | TextVariable  # the data of a variable that permutations compare

MAX_ENUMERATED_ROWS = 7  # for which all n! permutations are compared
MAX_CELLS = 1 << 22  # of the table of terms by categories, for texts that keep all their terms

# Equal statistics differ by rounding: relative to their value, and to the product of both traces if they are near 0.
_RELATIVE_TOLERANCE, _ABSOLUTE_TOLERANCE = 1e-10, 1e-19
_ROUNDING = 1e-15  # relative, of a sum of integers
_TASK_FLOPS = 1e10  # multiplications of a task: a quarter of a second
_ENTRY_WIDTH = 20  # features with the cost of one entry of a text
_RANK_COST = 1e11  # multiplications of a thousand permutations: seconds
_MIN_RANK = 64  # features that are compared even of very many rows
_BLOCK_ROWS = 4096  # rows at a time


def get_max_rank(n: int) -> int:
    """Return the maximal number of features for n rows.

    A thousand permutations should take seconds.
    """
    return max(_MIN_RANK, math.isqrt(int(_RANK_COST / (1000 * n))))


def keeps_all_terms(texts: TextVariable, groups: CategoricalVariable, max_cells: int = MAX_CELLS) -> bool:
    """Return whether texts are permuted against categories with all their terms."""
    return len(groups.sizes) * texts.n_terms <= max_cells


def iter_tasks(x: PermutationView, y: PermutationView, n_permutations: int) -> Iterator[RangeTask]:
    """Return the tasks; enumerated permutations are one task."""
    n, width = _count_rows(x), _estimate_width(x) * _estimate_width(y)
    if n <= MAX_ENUMERATED_ROWS:
        return iter_ranges(math.factorial(n), math.factorial(n))
    return iter_ranges(n_permutations, max(1, int(_TASK_FLOPS / (2 * n * (width + 50)))))


class CountPermutations:
    """The job that counts the permutations with at least the observed statistic."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def setup(self, shared: tuple[PermutationView, PermutationView]) -> None:
        """Receive the variables."""
        self._statistic = make_statistic(*shared)
        self._n = _count_rows(shared[0])
        self._observed = self._statistic(np.arange(self._n))

    def map(self, records: Iterable[RangeTask]) -> int:
        """Count the permutations of some tasks that reach the observed statistic."""
        threshold = self._observed - self._statistic.compute_tolerance(self._observed)
        return sum(self._statistic(order) >= threshold for task in records for order in self.iter_orders(task))

    def iter_orders(self, task: RangeTask) -> Iterator[IntArray]:
        """Yield the permutations of a task."""
        if self._n <= MAX_ENUMERATED_ROWS:
            orders = itertools.permutations(range(self._n))
            yield from map(np.array, itertools.islice(orders, task.start, task.stop))
            return
        for number in range(task.start, task.stop):
            yield make_generator(RandomStream.PERMUTATION, self.seed, number).permutation(self._n)

    def merge(self, left: int, right: int) -> int:
        """Add the counts."""
        return left + right

    def dump(self, partial: int) -> bytes:
        """Return the count in digits."""
        return b"%d" % partial

    def load(self, data: bytes | memoryview) -> int:
        """Return a dumped count."""
        return int(bytes(data))

    def finish(self, partial: int) -> int:
        """Return the count."""
        return partial


def compute_permutation_p_value(n_reaching: int, n: int, n_permutations: int) -> float:
    """Return (1 + k) / (1 + B), or the share of enumerated permutations."""
    if n <= MAX_ENUMERATED_ROWS:
        return n_reaching / math.factorial(n)
    return (1 + n_reaching) / (1 + n_permutations)


def compute_min_p_value(n: int, n_permutations: int) -> float:
    """Return the smallest possible p-value.

    Enumerated permutations include the observed order.
    """
    return compute_permutation_p_value(int(n <= MAX_ENUMERATED_ROWS), n, n_permutations)


def make_statistic(x: PermutationView, y: PermutationView) -> "PermutationStatistic":
    """Return the fastest function of the order of y's rows that grows with Tr(Kc Lc).

    Texts keep all their terms against categories only.
    """
    if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
        return _ContingencyStatistic(x, y)
    if isinstance(x, LowRankKernel) and isinstance(y, LowRankKernel):
        return _LowRankStatistic(x, y)
    groups, other = (x, y) if isinstance(x, CategoricalVariable) else (y, x)
    assert isinstance(groups, CategoricalVariable), "texts keep all their terms against categories only"
    if isinstance(other, TextVariable):
        return _TermStatistic(groups, other, permutes_groups=groups is y)
    assert isinstance(other, LowRankKernel), "two categorical variables have a contingency table"
    return _GroupStatistic(groups, other, permutes_groups=groups is y)


class _FloatStatistic:
    """A statistic in floating point.

    Its rounding error is relative to itself and to the product of both traces.
    """

    _trace_product: float

    def compute_tolerance(self, observed: float) -> float:
        """Return the difference of equal statistics."""
        return _RELATIVE_TOLERANCE * observed + _ABSOLUTE_TOLERANCE * self._trace_product


class _LowRankStatistic(_FloatStatistic):
    """The squared norm of the features' cross-covariance, times n²."""

    def __init__(self, x: LowRankKernel, y: LowRankKernel) -> None:
        self._left, self._right = x.features, y.features
        self._trace_product = _compute_trace(x) * _compute_trace(y)

    def __call__(self, order: IntArray) -> float:
        blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, len(order), _BLOCK_ROWS)]
        covariance = sum(self._left[block].T @ self._right.take(order[block], axis=0) for block in blocks)
        return float(np.vdot(covariance, covariance))


class _GroupStatistic(_FloatStatistic):
    """The squared norm of the sums of features over each category, times n².

    Features have mean 0.

    Args:
        groups: The categories.
        features: Of the other variable.
        permutes_groups: Whether the categories are y, and so are permuted.
    """

    def __init__(self, groups: CategoricalVariable, features: LowRankKernel, *, permutes_groups: bool) -> None:
        self._features = features.features
        self._by_group = np.argsort(groups.rows, kind="stable")
        self._starts = compute_starts(groups.sizes)[:-1]
        self._permutes_groups = permutes_groups
        self._trace_product = _compute_trace(features) * len(groups.rows)

    def __call__(self, order: IntArray) -> float:
        rows = (_invert(order) if self._permutes_groups else order)[self._by_group]
        sums = np.add.reduceat(self._features.take(rows, axis=0), self._starts, axis=0)
        return float(np.vdot(sums, sums))


class _TermStatistic(_FloatStatistic):
    """The squared norm of the excess of each term in each category, times n².

    Args:
        groups: The categories.
        texts: The other variable.
        permutes_groups: Whether the categories are y, and so are permuted.
    """

    def __init__(self, groups: CategoricalVariable, texts: TextVariable, *, permutes_groups: bool) -> None:
        self._groups, self._sizes, self._permutes_groups = groups.rows, groups.sizes, permutes_groups
        self._owners, self._terms, self._values = texts.entries
        self._means: FloatArray = np.bincount(self._terms, self._values) / len(groups.rows)
        self._trace_product = float(texts.diagonal.sum()) * len(groups.rows)

    def __call__(self, order: IntArray) -> float:
        groups = self._groups[order] if self._permutes_groups else self._groups[_invert(order)]
        cells = groups[self._owners] * len(self._means) + self._terms
        sums = np.bincount(cells, self._values, len(self._sizes) * len(self._means))
        sums = sums.reshape(len(self._sizes), -1) - np.outer(self._sizes, self._means)
        return float(np.vdot(sums, sums))


class _ContingencyStatistic:
    """The sum of n n(a, b)² - 2 n(a, b) n(a) n(b) over pairs of categories.

    All values are integers, so ties are exact.
    """

    def __init__(self, x: CategoricalVariable, y: CategoricalVariable) -> None:
        self._x, self._y = x.rows, y.rows
        self._sizes_x, self._sizes_y = x.sizes.astype(np.float64), y.sizes.astype(np.float64)

    def compute_tolerance(self, observed: float) -> float:
        """Return the difference of equal statistics: less than 1, but for rounding."""
        return 0.5 + _ROUNDING * abs(observed)

    def __call__(self, order: IntArray) -> float:
        a, b, counts = count_label_pairs(self._x, self._y[order], len(self._sizes_x), len(self._sizes_y))
        expected = 2 * self._sizes_x[a] * self._sizes_y[b]
        return float(np.sum(counts * (len(order) * counts.astype(np.float64) - expected)))


PermutationStatistic = _LowRankStatistic | _GroupStatistic | _TermStatistic | _ContingencyStatistic


def _invert(order: IntArray) -> IntArray:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse


def _count_rows(view: PermutationView) -> int:
    return len(view.features) if isinstance(view, LowRankKernel) else view.n


def _compute_trace(kernel: LowRankKernel) -> float:
    return float(np.einsum("ij,ij->", kernel.features, kernel.features))


def _estimate_width(view: PermutationView) -> int:
    """Return about how many features per row a permutation reads."""
    if isinstance(view, TextVariable):
        return _ENTRY_WIDTH * len(view.entries[0]) // view.n
    return 4 if isinstance(view, CategoricalVariable) else view.features.shape[1]
