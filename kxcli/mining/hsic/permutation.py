"""The permutation test: how often HSIC is as great where the rows of one side are shuffled.

A permutation costs O(n r s) for sides of r and s features (`lowrank`), not O(n²).  Random ones are seeded by their
number, so that any part of them can be drawn anywhere.
"""

import itertools
import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.contingency import count_label_pairs
from kxcli.mining.hsic.kernels import CategoricalVariable
from kxcli.mining.hsic.lowrank import LowRankKernel
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.textkernel import TextVariable

PermutationView = LowRankKernel | CategoricalVariable | TextVariable

MAX_ENUMERATED_ROWS = 7  # rows up to which all n! permutations are looked at

_TIE = 1e-10  # relative: statistics that are equal come out apart by less,
_NOISE = 1e-19  # or by less than this of the product of both traces, where they are near 0
_ULP = 1e-15
_FLOPS = 4e10  # a second, about
_ENTRY = 20  # features that a term of a text costs as much as
_MAX_SUMS = 1 << 22  # of terms and categories that are held
_TASK = 0.25  # seconds of a task, about
_RANK_COST = 1e11  # multiplications for a thousand permutations
_MIN_RANK = 64
_STEP = 4096  # rows at a time


def max_rank(n: int) -> int:
    """Return the greatest number of features of a side for n rows: a thousand permutations are to take seconds."""
    return max(_MIN_RANK, math.isqrt(int(_RANK_COST / (1000 * n))))


def keeps_all_terms(texts: TextVariable, other: object) -> bool:
    """Whether texts are permuted with all their terms: against categories, of which there are not too many."""
    return isinstance(other, CategoricalVariable) and len(other.sizes) * texts.n_terms <= _MAX_SUMS


class PermutationTask(NamedTuple):
    """A task: the permutations with such numbers."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Permutations."""
        return self.stop - self.start


def iter_tasks(x: PermutationView, y: PermutationView, n_permutations: int) -> Iterator[PermutationTask]:
    """Yield the tasks; all n! permutations are one."""
    n, width = _rows(x), _width(x) * _width(y)
    if n <= MAX_ENUMERATED_ROWS:
        yield PermutationTask(0, math.factorial(n))
        return
    step = max(1, int(_TASK * _FLOPS / (2 * n * (width + 50))))
    for start in range(0, n_permutations, step):
        yield PermutationTask(start, min(start + step, n_permutations))


class CountPermutations:
    """The job: count the permutations whose statistic is no less than that of the rows as they stand."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def setup(self, shared: tuple[PermutationView, PermutationView]) -> None:
        """Take the sides."""
        self._statistic = make_statistic(*shared)
        self._n = _rows(shared[0])
        self._observed = self._statistic(np.arange(self._n))

    def map(self, records: Iterable[PermutationTask]) -> int:
        """Return how many permutations reach the statistic."""
        least = self._observed - self._statistic.tolerance(self._observed)
        return sum(self._statistic(order) >= least for draw in records for order in self._orders(draw))

    def _orders(self, draw: PermutationTask) -> Iterator[IntArray]:
        if self._n <= MAX_ENUMERATED_ROWS:
            orders = itertools.permutations(range(self._n))
            yield from map(np.array, itertools.islice(orders, draw.start, draw.stop))
            return
        for number in range(draw.start, draw.stop):
            yield make_generator(RandomStream.PERMUTATION, self.seed, number).permutation(self._n)

    def merge(self, left: int, right: int) -> int:
        """Add up."""
        return left + right

    def dump(self, partial: int) -> bytes:
        """Return the number in digits."""
        return b"%d" % partial

    def load(self, data: bytes | memoryview) -> int:
        """Return the number that was dumped."""
        return int(bytes(data))

    def finish(self, partial: int) -> int:
        """Return the number."""
        return partial


def permutation_p_value(n_reaching: int, n: int, n_permutations: int) -> float:
    """Return (1 + k) / (1 + B); where all permutations were looked at, their share."""
    if n <= MAX_ENUMERATED_ROWS:
        return n_reaching / math.factorial(n)
    return (1 + n_reaching) / (1 + n_permutations)


def make_statistic(x: PermutationView, y: PermutationView) -> "_Statistic":
    """Return the function from an order of y's rows to a statistic that grows as Tr(Kc Lc) does."""
    if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
        return _ContingencyStatistic(x, y)
    if isinstance(x, CategoricalVariable) or isinstance(y, CategoricalVariable):
        groups, other = (x, y) if isinstance(x, CategoricalVariable) else (y, x)
        assert isinstance(groups, CategoricalVariable), "one of them is"
        assert not isinstance(other, CategoricalVariable), "both of them are done with"
        kind = _TermStatistic if isinstance(other, TextVariable) else _GroupStatistic
        return kind(groups, other, groups_move=groups is y)  # type: ignore[arg-type]  # as said
    assert isinstance(x, LowRankKernel), "texts keep all their terms against categories alone"
    assert isinstance(y, LowRankKernel), "texts keep all their terms against categories alone"
    return _LowRankStatistic(x, y)


class _LowRankStatistic:
    """The squared norm of the features' cross-covariance, times n²."""

    def __init__(self, x: LowRankKernel, y: LowRankKernel) -> None:
        self._left, self._right = x.features, y.features
        self._scale = _trace(x) * _trace(y)

    def tolerance(self, observed: float) -> float:
        """Return how far below it a statistic may be that is equal."""
        return _TIE * observed + _NOISE * self._scale

    def __call__(self, order: IntArray) -> float:
        steps = range(0, len(order), _STEP)
        covariance = sum(self._left[i : i + _STEP].T @ self._right.take(order[i : i + _STEP], axis=0) for i in steps)
        return float(np.vdot(covariance, covariance))


class _GroupStatistic:
    """The squared norm of the sums of features over each category, times n²; the features' means are 0.

    groups_move: whether the categories are y, whose rows an order shuffles.
    """

    def __init__(self, groups: CategoricalVariable, features: LowRankKernel, *, groups_move: bool) -> None:
        self._features = features.features
        self._by_group = np.argsort(groups.rows, kind="stable")
        self._starts = np.concatenate(([0], np.cumsum(groups.sizes)[:-1]))
        self._groups_move = groups_move
        self._scale = _trace(features) * len(groups.rows)

    def tolerance(self, observed: float) -> float:
        """Return how far below it a statistic may be that is equal."""
        return _TIE * observed + _NOISE * self._scale

    def __call__(self, order: IntArray) -> float:
        rows = (_inverted(order) if self._groups_move else order)[self._by_group]
        sums = np.add.reduceat(self._features.take(rows, axis=0), self._starts, axis=0)
        return float(np.vdot(sums, sums))


class _TermStatistic:
    """The squared norm of the sums of each term over each category, less the share it would have, times n²."""

    def __init__(self, groups: CategoricalVariable, texts: TextVariable, *, groups_move: bool) -> None:
        self._groups, self._sizes, self._groups_move = groups.rows, groups.sizes, groups_move
        self._owners, self._terms, self._counts = texts.entries
        self._means: FloatArray = np.bincount(self._terms, self._counts) / len(groups.rows)
        self._scale = float(texts.diagonal.sum()) * len(groups.rows)

    def tolerance(self, observed: float) -> float:
        """Return how far below it a statistic may be that is equal."""
        return _TIE * observed + _NOISE * self._scale

    def __call__(self, order: IntArray) -> float:
        groups = self._groups[order] if self._groups_move else self._groups[_inverted(order)]
        places = groups[self._owners] * len(self._means) + self._terms
        sums = np.bincount(places, self._counts, len(self._sizes) * len(self._means))
        sums = sums.reshape(len(self._sizes), -1) - np.outer(self._sizes, self._means)
        return float(np.vdot(sums, sums))


class _ContingencyStatistic:
    """The sum of n n(a, b)² - 2 n(a, b) n(a) n(b) over pairs of categories: whole numbers, so that ties are ties."""

    def __init__(self, x: CategoricalVariable, y: CategoricalVariable) -> None:
        self._x, self._y = x.rows, y.rows
        self._sizes = x.sizes.astype(np.float64), y.sizes.astype(np.float64)

    def tolerance(self, observed: float) -> float:
        """Return how far below it a statistic may be that is equal: less than 1, but for rounding."""
        return 0.5 + _ULP * abs(observed)

    def __call__(self, order: IntArray) -> float:
        sizes_x, sizes_y = self._sizes
        a, b, counts = count_label_pairs(self._x, self._y[order], len(sizes_x), len(sizes_y))
        return float(np.sum(counts * (len(order) * counts.astype(np.float64) - 2 * sizes_x[a] * sizes_y[b])))


_Statistic = _LowRankStatistic | _GroupStatistic | _TermStatistic | _ContingencyStatistic


def _inverted(order: IntArray) -> IntArray:
    inverse = np.empty_like(order)
    inverse[order] = np.arange(len(order))
    return inverse


def _rows(half: PermutationView) -> int:
    return len(half.features) if isinstance(half, LowRankKernel) else half.n


def _trace(half: LowRankKernel) -> float:
    return float(np.einsum("ij,ij->", half.features, half.features))


def _width(half: PermutationView) -> int:
    """Return about how many features a permutation has to look at a row."""
    if isinstance(half, TextVariable):
        return _ENTRY * len(half.entries[0]) // half.n
    return 4 if isinstance(half, CategoricalVariable) else half.features.shape[1]
