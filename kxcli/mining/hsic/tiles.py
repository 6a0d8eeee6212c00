"""Exact sums over centered kernels by tiles, for any kernel.

Cost: O(n²) time, O(n) memory and a few tiles.
"""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.estimators import KernelProduct, KernelSums, compute_unbiased_hsic
from kxcli.mining.hsic.jobs import RangeTask, iter_ranges
from kxcli.mining.hsic.kernels import TILE_ROWS, block_rows, count_blocks
from kxcli.mining.hsic.variables import Variable
from kxcli.tally.frames import join_parts, split_parts

_TASK_PAIRS = 24  # pairs of blocks per task: some tenths of a second

_HIGH_BITS, _LOW_BITS = 61, 40  # of a row sum in fixed point: a 64-bit integer each


def iter_tasks(n: int, pairs_per_task: int = _TASK_PAIRS) -> Iterator[RangeTask]:
    """Return the tasks for n rows.

    A task is a range of pairs of blocks, numbered along the rows of the upper triangle.
    """
    return iter_ranges(count_blocks(n) * (count_blocks(n) + 1) // 2, pairs_per_task, TILE_ROWS**2)


def _iter_block_pairs(n: int, task: RangeTask) -> Iterator[tuple[int, int]]:
    """Yield the pairs of blocks i <= j of a task."""
    first = 0  # the number of the pair (i, i)
    for i in range(count_blocks(n)):
        length = count_blocks(n) - i
        for number in range(max(first, task.start), min(first + length, task.stop)):
            yield i, i + number - first
        first += length


class TilePartial(NamedTuple):
    """Sums over the tiles of some tasks.

    Attributes:
        products: For each task, the sums of K L, K K and L L over its pairs, all without the diagonal.
        row_sums: Of K and of L in fixed point, of shape (2, 2, n); integers have the same sum in any order.
    """

    products: list[tuple[float, float, float]]
    row_sums: IntArray


class SumTiles:
    """The job that sums products and rows of two kernel matrices.

    `setup` receives both variables.
    """

    def setup(self, shared: tuple[Variable, Variable]) -> None:
        """Receive the variables."""
        self._variables = shared
        self._bounds = [variable.n * variable.max_abs for variable in shared]

    def map(self, records: Iterable[RangeTask]) -> TilePartial:
        """Sum the tiles of some tasks."""
        x, y = self._variables
        products, row_sums = list[tuple[float, float, float]](), np.zeros((2, 2, x.n), dtype=np.int64)
        for task in records:
            task_products: list[tuple[float, float, float]] = []
            for i, j in _iter_block_pairs(x.n, task):
                k, l = x.tile(i, j), y.tile(i, j)  # noqa: E741 -- the usual names of kernel matrices
                if i == j:
                    np.fill_diagonal(k, 0.0)
                    np.fill_diagonal(l, 0.0)
                times = 1 if i == j else 2
                kl, kk, ll = (times * float(np.vdot(*both)) for both in ((k, l), (k, k), (l, l)))
                task_products.append((kl, kk, ll))
                for which, tile in enumerate((k, l)):
                    row_sums[which, :, block_rows(i)] += _to_fixed_point(tile.sum(axis=1), self._bounds[which])
                    if i != j:
                        row_sums[which, :, block_rows(j)] += _to_fixed_point(tile.sum(axis=0), self._bounds[which])
            products.append(_sum_columns(task_products))
        return TilePartial(products, row_sums)

    def merge(self, left: TilePartial, right: TilePartial) -> TilePartial:
        """Add the right partial to the left."""
        np.add(left.row_sums, right.row_sums, out=left.row_sums)
        left.products.extend(right.products)
        return left

    def dump(self, partial: TilePartial) -> bytes:
        """Return products and row sums."""
        return join_parts((np.array(partial.products).tobytes(), partial.row_sums.tobytes()))

    def load(self, data: bytes | memoryview) -> TilePartial:
        """Return a dumped partial."""
        products, row_sums = split_parts(data)
        rows = [(xy, xx, yy) for xy, xx, yy in np.frombuffer(products).reshape(-1, 3).tolist()]
        return TilePartial(rows, np.frombuffer(row_sums, np.int64).reshape(2, 2, -1).copy())  # `merge` writes into it

    def finish(self, partial: TilePartial) -> "TileSums":
        """Return the sums of all tasks."""
        xy, xx, yy = _sum_columns(partial.products)
        x, y = (_from_fixed_point(sums, bound) for sums, bound in zip(partial.row_sums, self._bounds, strict=True))
        return TileSums(xy, xx, yy, x, y)


class TileSums(NamedTuple):
    """Sums over two kernel matrices without their diagonals.

    Attributes:
        xy, xx, yy: Of K L, K K and L L.
        rows_x, rows_y: Of each row of K and of L.
    """

    xy: float
    xx: float
    yy: float
    rows_x: FloatArray
    rows_y: FloatArray

    def compute_sums(self, x: Variable, y: Variable) -> KernelSums:
        """Return the sums over the centered kernels."""
        n = x.n
        parts = (x.diagonal, self.rows_x), (y.diagonal, self.rows_y)
        centered_diagonals = [
            diagonal - 2 / n * (rows + diagonal) + float((rows + diagonal).sum()) / n**2 for diagonal, rows in parts
        ]

        def multiply(products: float, a: int, b: int) -> KernelProduct:
            (diagonal_a, rows_a), (diagonal_b, rows_b) = parts[a], parts[b]
            unbiased = compute_unbiased_hsic(
                n, products, float(rows_a @ rows_b), float(rows_a.sum()) * float(rows_b.sum())
            )
            whole_a, whole_b = rows_a + diagonal_a, rows_b + diagonal_b
            means = float(whole_a.sum()) / n * (float(whole_b.sum()) / n)
            trace = math.fsum((products, diagonal_a @ diagonal_b, -2 / n * (whole_a @ whole_b), means))
            return KernelProduct(trace, unbiased, float(centered_diagonals[a] @ centered_diagonals[b]))

        traces = [float(diagonal.sum() - (rows + diagonal).sum() / n) for diagonal, rows in parts]
        products = multiply(self.xy, 0, 1), multiply(self.xx, 0, 0), multiply(self.yy, 1, 1)
        return KernelSums(n, *products, traces[0], traces[1], x.max_abs, y.max_abs)

    def compute_means(self, x: Variable, y: Variable) -> tuple[FloatArray, FloatArray]:
        """Return the row means of both kernels, with their diagonals."""
        return (self.rows_x + x.diagonal) / x.n, (self.rows_y + y.diagonal) / y.n


def _sum_columns(rows: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return the sums of the columns, each rounded once: in any order the same."""
    xy, xx, yy = map(math.fsum, zip(*rows, strict=True))
    return xy, xx, yy


def _to_fixed_point(sums: FloatArray, bound: float) -> IntArray:
    """Return sums up to `bound` in fixed point: units and 2^-40 units, (2, n)."""
    scaled = np.ldexp(sums, _HIGH_BITS - math.frexp(bound)[1])
    units = np.rint(scaled)
    return np.array((units, np.rint(np.ldexp(scaled - units, _LOW_BITS))), dtype=np.int64)


def _from_fixed_point(fixed: IntArray, bound: float) -> FloatArray:
    """Return sums from fixed point."""
    units, fine = fixed
    sums: FloatArray = np.ldexp(
        units + np.ldexp(fine.astype(np.float64), -_LOW_BITS), math.frexp(bound)[1] - _HIGH_BITS
    )
    return sums
