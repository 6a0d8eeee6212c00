"""The permutation test of few distinct values, by random tables.

The statistic depends on the numbers n(a, b) of rows with the value a of x and b of y alone. Permutations draw such
tables with fixed margins, a multivariate hypergeometric distribution, so their cost does not depend on the number of
rows. For two values on either side, the p-value is exact.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable
from kxcli.mining.hsic.permutation_moments import KernelMoments
from kxcli.mining.hsic.permutation_statistics import NullStatistic, StandardizedTrace, subtract_rounding
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.scales import MEDIAN

N_BINARY = 2  # values
MAX_TABLE_ROWS = 10**9 - 1  # of numpy's generator


@dataclass(frozen=True)
class DistinctValues:
    """The distinct values of a variable.

    Attributes:
        codes: The number of the value of each row, of shape (n,).
        sizes: The rows of each value, of shape (c,).
        matrices: Centered kernels between the values, of shape (q, c, c).
        scales: The bandwidth of each, relative to the median; 1 for a kernel without one.
    """

    codes: IntArray
    sizes: IntArray
    matrices: FloatArray
    scales: Sequence[float]

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.codes)

    def compute_moments(self) -> KernelMoments:
        """Return the sums over the kernels between all rows."""
        diagonals = np.einsum("qcc->qc", self.matrices)
        return KernelMoments(
            diagonals @ self.sizes,
            np.einsum("a,qab,b->q", self.sizes, self.matrices**2, self.sizes),
            diagonals**2 @ self.sizes,
        )


def find_distinct_values(
    variable: CategoricalVariable | NumericVariable, max_values: int
) -> tuple[IntArray, IntArray] | None:
    """Return the first row of each distinct value, and the value of each row.

    Args:
        variable: Categories, or numbers of one column.
        max_values: The limit.

    Returns:
        None if there are more values; else the rows, of shape (c,), and the numbers of the values, of shape (n,).
    """
    if isinstance(variable, CategoricalVariable):
        if len(variable.sizes) > max_values:
            return None
        firsts = np.full(len(variable.sizes), variable.n, np.int64)
        np.minimum.at(firsts, variable.rows, np.arange(variable.n))
        return firsts, variable.rows
    if variable.rows.shape[1] > 1 or len(np.unique(variable.rows[: 2 * max_values, 0])) > max_values:
        return None
    _, firsts, codes = np.unique(variable.rows[:, 0], return_index=True, return_inverse=True)
    return (firsts, codes) if len(firsts) <= max_values else None


def build_distinct_values(
    variable: CategoricalVariable | NumericVariable, firsts: IntArray, codes: IntArray, scales: Sequence[float]
) -> DistinctValues:
    """Return the distinct values with a kernel for each bandwidth.

    Any bandwidth gives the same kernel of two values, but for a factor that does not matter.
    """
    sizes = np.bincount(codes)
    if isinstance(variable, CategoricalVariable):
        scales, matrices = MEDIAN, np.eye(len(firsts))[None]
    else:
        scales = MEDIAN if len(firsts) <= N_BINARY else scales
        matrices = np.array([variable.rescale(scale, firsts).tile(0, 0) for scale in scales])
    shares = sizes / len(codes)
    means = matrices @ shares
    centered = matrices - means[:, :, None] - means[:, None, :] + (means @ shares)[:, None, None]
    return DistinctValues(codes, sizes, centered, scales)


class TableStatistic(NullStatistic):
    """The statistic of two variables of few distinct values.

    Cost of a draw: O(c d) for the table, and O(q s c d (c + d)) for its statistic.
    """

    n_tests = 1

    def __init__(self, x: DistinctValues, y: DistinctValues) -> None:
        self.n, self._x, self._y = x.n, x, y
        self._standard = StandardizedTrace(x, y)

    def draw(self, seed: int, number: int, n_draws: int) -> FloatArray:
        """Return the statistics of a block of random tables."""
        rng = make_generator(RandomStream.TABLES, seed, number)
        return self.compute(draw_tables(rng, self._x.sizes, self._y.sizes, n_draws))

    def compute_thresholds(self) -> FloatArray:
        """Return the observed statistic less the rounding, of shape (1,)."""
        return subtract_rounding(self.compute(self.count_rows()[None])[0])

    def count_rows(self) -> IntArray:
        """Return the observed table, of shape (c, d)."""
        shape = len(self._x.sizes), len(self._y.sizes)
        table: IntArray = np.bincount(self._x.codes * shape[1] + self._y.codes, minlength=shape[0] * shape[1])
        return table.reshape(shape)

    def compute(self, tables: IntArray) -> FloatArray:
        """Return the statistics of tables of shape (b, c, d), of shape (b, 1)."""
        counts = tables.astype(np.float64)
        left = np.array([matrix @ counts for matrix in self._x.matrices])
        right = np.array([counts @ matrix for matrix in self._y.matrices])
        return self._standard.maximize(np.einsum("qbcd,sbcd->bqs", left, right))[:, None]


def draw_tables(rng: np.random.Generator, sizes_x: IntArray, sizes_y: IntArray, n_draws: int) -> IntArray:
    """Return random tables with given margins, of shape (n_draws, c, d).

    Each cell is drawn given those before it: hypergeometric, of what its row and its column still lack.
    """
    tables = np.empty((n_draws, len(sizes_x), len(sizes_y)), dtype=np.int64)
    columns = np.tile(sizes_y, (n_draws, 1))  # what each column still lacks
    for a, size in enumerate(sizes_x.tolist()):
        rest = np.full(n_draws, size)  # what the row still lacks
        others = columns.sum(axis=1)
        for b in range(len(sizes_y) - 1):
            others -= columns[:, b]
            tables[:, a, b] = rng.hypergeometric(columns[:, b], others, rest)
            rest -= tables[:, a, b]
        tables[:, a, -1] = rest
        columns -= tables[:, a]
    return tables


def compute_exact_p_value(table: IntArray) -> float:
    """Return the share of permutations with at least the HSIC of a table.

    HSIC of two variables of two values grows with the distance of a cell from its expectation, and the cell is
    hypergeometric.
    Cost: O(m) for m rows of the rarest value.

    Args:
        table: Of shape (2, 2).
    """
    n, first, drawn = int(table.sum()), int(table[0].sum()), int(table[:, 0].sum())
    cells = np.arange(max(0, first + drawn - n), min(first, drawn) + 1)
    distances = np.abs(n * cells - first * drawn)
    before = cells[:-1].astype(np.float64)
    # The ratios of the probabilities of neighbors: C(first, k) C(n - first, drawn - k) for k + 1 over that for k.
    ratios = (first - before) * (drawn - before) / ((before + 1) * (n - first - drawn + before + 1))
    logs = np.append(0, np.cumsum(np.log(ratios)))
    is_reached = distances >= abs(n * int(table[0, 0]) - first * drawn)
    log_p = float(np.logaddexp.reduce(logs[is_reached]) - np.logaddexp.reduce(logs))
    return min(1.0, max(math.exp(log_p), sys.float_info.min))
