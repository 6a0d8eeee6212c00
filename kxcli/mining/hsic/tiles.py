"""Sums over centered kernels by tiles of their matrices: O(n²) time, O(n) memory and a few tiles, for any kernel."""

import math
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.estimators import KernelProduct, KernelSums, unbiased_hsic
from kxcli.mining.hsic.kernels import TILE_ROWS, Variable, block_rows, count_blocks
from kxcli.tally.frames import join_parts, split_parts

_PAIRS = 24  # of blocks a task: some tenths of a second

_BITS = 61  # of a sum of rows in its first 64-bit integer
_FINE = 40  # more bits, in a second one


class TileTask(NamedTuple):
    """A task: the pairs of blocks with such numbers, counted along the rows of the upper triangle."""

    start: int
    stop: int

    @property
    def size(self) -> int:
        """Entries of the matrix, about."""
        return (self.stop - self.start) * TILE_ROWS**2


def iter_tasks(n: int) -> Iterator[TileTask]:
    """Yield the tasks for n rows."""
    n_pairs = count_blocks(n) * (count_blocks(n) + 1) // 2
    for start in range(0, n_pairs, _PAIRS):
        yield TileTask(start, min(start + _PAIRS, n_pairs))


def pairs(n: int, strip: TileTask) -> Iterator[tuple[int, int]]:
    """Yield the pairs of blocks i <= j of a task."""
    first = 0  # the number of the pair (i, i)
    for i in range(count_blocks(n)):
        length = count_blocks(n) - i
        for number in range(max(first, strip.start), min(first + length, strip.stop)):
            yield i, i + number - first
        first += length


class TilePartial(NamedTuple):
    """What some pairs of blocks give.

    products: for each task, the sums of K L, K K and L L over its pairs; all without the diagonal.
    row_sums: of K and of L over the pairs' entries, in fixed point, of shape (2, 2, n): integers add up to the same
    whatever the order.
    """

    products: list[tuple[float, float, float]]
    row_sums: IntArray


class SumTiles:
    """The job: sums of products and of rows of two kernel matrices; `setup` takes both sides."""

    def setup(self, shared: tuple[Variable, Variable]) -> None:
        """Take the sides."""
        self.sides = shared
        self._bounds = [side.n * side.max_abs for side in shared]

    def map(self, records: Iterable[TileTask]) -> TilePartial:
        """Add up some tiles."""
        x, y = self.sides
        products, row_sums = list[tuple[float, float, float]](), np.zeros((2, 2, x.n), dtype=np.int64)
        for strip in records:
            of_pairs: list[tuple[float, float, float]] = []
            for i, j in pairs(x.n, strip):
                k, l = x.tile(i, j), y.tile(i, j)  # noqa: E741 -- the field's names
                if i == j:
                    np.fill_diagonal(k, 0.0)
                    np.fill_diagonal(l, 0.0)
                times = 1 if i == j else 2
                kl, kk, ll = (times * float(np.vdot(*both)) for both in ((k, l), (k, k), (l, l)))
                of_pairs.append((kl, kk, ll))
                for side, tile in enumerate((k, l)):
                    row_sums[side, :, block_rows(i)] += _fixed(tile.sum(axis=1), self._bounds[side])
                    if i != j:
                        row_sums[side, :, block_rows(j)] += _fixed(tile.sum(axis=0), self._bounds[side])
            products.append(_added(of_pairs))
        return TilePartial(products, row_sums)

    def merge(self, left: TilePartial, right: TilePartial) -> TilePartial:
        """Add up, into `left`."""
        np.add(left.row_sums, right.row_sums, out=left.row_sums)
        left.products.extend(right.products)
        return left

    def dump(self, partial: TilePartial) -> bytes:
        """Return products and sums."""
        return join_parts((np.array(partial.products).tobytes(), partial.row_sums.tobytes()))

    def load(self, data: bytes | memoryview) -> TilePartial:
        """Return what was dumped."""
        products, row_sums = split_parts(data)
        rows = [(xy, xx, yy) for xy, xx, yy in np.frombuffer(products).reshape(-1, 3).tolist()]
        return TilePartial(rows, np.frombuffer(row_sums, np.int64).reshape(2, 2, -1).copy())  # merging writes into them

    def finish(self, partial: TilePartial) -> "TileSums":
        """Return the sums."""
        xy, xx, yy = _added(partial.products)
        x, y = (_plain(sums, bound) for sums, bound in zip(partial.row_sums, self._bounds, strict=True))
        return TileSums(xy, xx, yy, x, y)


class TileSums(NamedTuple):
    """Sums over two kernel matrices without their diagonals: of K L, K K, L L, and of the rows of K and of L."""

    xy: float
    xx: float
    yy: float
    rows_x: FloatArray
    rows_y: FloatArray

    def sums(self, x: Variable, y: Variable) -> KernelSums:
        """Return what the kernels add up to."""
        n = x.n
        sides = (x.diagonal, self.rows_x), (y.diagonal, self.rows_y)

        def pair(products: float, a: int, b: int) -> KernelProduct:
            (diagonal_a, rows_a), (diagonal_b, rows_b) = sides[a], sides[b]
            own = unbiased_hsic(n, products, float(rows_a @ rows_b), float(rows_a.sum()) * float(rows_b.sum()))
            whole_a, whole_b = rows_a + diagonal_a, rows_b + diagonal_b
            means = float(whole_a.sum()) / n * (float(whole_b.sum()) / n)
            return KernelProduct(
                math.fsum((products, diagonal_a @ diagonal_b, -2 / n * (whole_a @ whole_b), means)), own
            )

        traces = [float(diagonal.sum() - (rows + diagonal).sum() / n) for diagonal, rows in sides]
        of_pairs = pair(self.xy, 0, 1), pair(self.xx, 0, 0), pair(self.yy, 1, 1)
        return KernelSums(n, *of_pairs, traces[0], traces[1], x.max_abs, y.max_abs)

    def means(self, x: Variable, y: Variable) -> tuple[FloatArray, FloatArray]:
        """Return the means of the rows of both kernels, with their diagonals."""
        return (self.rows_x + x.diagonal) / x.n, (self.rows_y + y.diagonal) / y.n


class SumSquares:
    """The job: the sum of (Kc Lc)² beside the diagonal, which the gamma test's variance needs.

    `setup` takes both sides and the row means of both kernels.
    """

    def setup(self, shared: tuple[tuple[Variable, FloatArray], tuple[Variable, FloatArray]]) -> None:
        """Take the sides."""
        self.sides = shared

    def map(self, records: Iterable[TileTask]) -> list[float]:
        """Return the sum over each task's pairs of blocks."""
        n = self.sides[0][0].n
        return [math.fsum(self._sum(i, j) for i, j in pairs(n, strip)) for strip in records]

    def _sum(self, i: int, j: int) -> float:
        product: FloatArray | None = None
        for side, means in self.sides:
            tile = side.tile(i, j)
            tile -= means[block_rows(i), None]
            tile -= means[block_rows(j)]
            tile += means.mean()
            product = tile if product is None else np.multiply(product, tile, out=product)
        assert product is not None
        if i == j:
            np.fill_diagonal(product, 0.0)
        return (1 if i == j else 2) * float(np.vdot(product, product))

    def merge(self, left: list[float], right: list[float]) -> list[float]:
        """Return both."""
        left.extend(right)
        return left

    def dump(self, partial: list[float]) -> bytes:
        """Return the sums."""
        return np.array(partial).tobytes()

    def load(self, data: bytes | memoryview) -> list[float]:
        """Return the sums that were dumped."""
        sums: list[float] = np.frombuffer(data).tolist()
        return sums

    def finish(self, partial: list[float]) -> float:
        """Return the sum of all, rounded once."""
        return math.fsum(partial)


def _added(rows: list[tuple[float, float, float]]) -> tuple[float, float, float]:
    """Return the sums of the columns, each rounded once, whatever the order (`math.fsum`)."""
    xy, xx, yy = map(math.fsum, zip(*rows, strict=True))
    return xy, xx, yy


def _fixed(sums: FloatArray, bound: float) -> IntArray:
    """Return sums that are no greater than `bound` in fixed point: whole units, and 2^-40 units; of shape (2, n)."""
    scaled = np.ldexp(sums, _BITS - math.frexp(bound)[1])
    units = np.rint(scaled)
    return np.array((units, np.rint(np.ldexp(scaled - units, _FINE))), dtype=np.int64)


def _plain(fixed: IntArray, bound: float) -> FloatArray:
    """Return the sums that were put in fixed point."""
    units, fine = fixed
    sums: FloatArray = np.ldexp(units + np.ldexp(fine.astype(np.float64), -_FINE), math.frexp(bound)[1] - _BITS)
    return sums
