"""Sums over two centered kernels -> HSIC and the alignment of kernels (CKA).

Kc = HKH is the kernel matrix less its row and column means. No estimate changes if a value is added to a row and the
same column, so the unbiased one can be computed from Kc instead of K.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, IntArray
from kxcli.mining.hsic.kernels import CategoricalVariable, count_label_pairs

_CONSTANT_NOISE = 1e-13  # of max |k|: the rounding that remains of a constant kernel after centering
_EIGENVALUE_NOISE = 1e-12  # of the squared trace: the computed difference of equal eigenvalues
_VARIANCE_NOISE = 1e-15  # of max |k|²: an unbiased estimate up to this may be 0


class KernelProduct(NamedTuple):
    """Sums of the products of two centered kernels.

    Attributes:
        trace: Tr(Kc Lc), the sum of Kc(i, j) Lc(i, j).
        unbiased: The unbiased estimate.
        diagonal: The sum of Kc(i, i) Lc(i, i).
    """

    trace: float
    unbiased: float
    diagonal: float

    def divide(self, by: float) -> "KernelProduct":
        """Return the sums over kernels that are divided."""
        return KernelProduct(self.trace / by, self.unbiased / by, self.diagonal / by)


@dataclass(frozen=True)
class KernelSums:
    """Sums over the kernels of two variables.

    Attributes:
        xy: Of the two kernels; xx, yy: of each with itself.
        trace_x, trace_y: Of Kc and of Lc.
        max_abs_x, max_abs_y: Bounds of the kernels' absolute values.
    """

    n: int
    xy: KernelProduct
    xx: KernelProduct
    yy: KernelProduct
    trace_x: float
    trace_y: float
    max_abs_x: float
    max_abs_y: float

    @property
    def norms(self) -> tuple[float, float]:
        """The roots of the sums of squares of Kc and of Lc."""
        return math.sqrt(self.xx.trace), math.sqrt(self.yy.trace)

    def normalize(self) -> "KernelSums":
        """Return the sums over kernels divided by their norms.

        Products of such sums do not overflow.
        """
        x, y = self.norms
        return KernelSums(
            self.n,
            self.xy.divide(x).divide(y),
            self.xx.divide(x).divide(x),
            self.yy.divide(y).divide(y),
            self.trace_x / x,
            self.trace_y / y,
            self.max_abs_x / x,
            self.max_abs_y / y,
        )


class Estimates(NamedTuple):
    """The estimators of one pair of columns.

    Attributes:
        biased_n2: Tr(KHLH) / n².
        biased_nm1: Tr(KHLH) / (n-1)², as in Gretton et al. 2005.
        unbiased: Song et al. 2012, equation 5; may be negative, and so may cka_unbiased.
        cka: biased_n2 over the geometric mean of both variables' own (Cortes et al. 2012; Kornblith et al. 2019);
            None if a column does not vary.
        cka_unbiased: The same of the unbiased estimates; None if an own estimate is not positive.
    """

    biased_n2: float
    biased_nm1: float
    unbiased: float
    cka: float | None
    cka_unbiased: float | None


def compute_estimates(sums: KernelSums) -> Estimates:
    """Return every estimator; n has to be at least 4."""
    n, trace = sums.n, max(sums.xy.trace, 0.0)  # rounding alone makes it negative
    xx, yy = max(sums.xx.trace, 0.0), max(sums.yy.trace, 0.0)
    noise = n * _CONSTANT_NOISE
    varies = math.sqrt(xx) > noise * sums.max_abs_x and math.sqrt(yy) > noise * sums.max_abs_y
    has_variances = (
        varies
        and sums.xx.unbiased > _VARIANCE_NOISE * sums.max_abs_x**2
        and sums.yy.unbiased > _VARIANCE_NOISE * sums.max_abs_y**2
    )
    return Estimates(
        biased_n2=trace / n**2,
        biased_nm1=trace / (n - 1) ** 2,
        unbiased=sums.xy.unbiased,
        cka=_align(trace, xx, yy) if varies else None,
        cka_unbiased=_align(sums.xy.unbiased, sums.xx.unbiased, sums.yy.unbiased) if has_variances else None,
    )


def _align(xy: float, xx: float, yy: float) -> float:
    """Return xy over the root of xx times yy: exactly 1 if all three are equal."""
    return xy / (math.sqrt(xx / yy) * yy)


def is_permutation_invariant(n: int, own: KernelProduct, trace: float) -> bool:
    """Whether no permutation changes a kernel.

    Then its n - 1 eigenvalues are equal but for rounding: (n - 1) Tr(Kc²) >= Tr(Kc)² by Cauchy and Schwarz, with
    equality only if k is the same for all pairs of rows.

    Args:
        own: Of the kernel with itself.
        trace: Tr(Kc).
    """
    return (n - 1) * own.trace - trace**2 <= _EIGENVALUE_NOISE * trace**2


def make_product(n: int, trace: float, diagonal: float, trace_x: float, trace_y: float) -> KernelProduct:
    """Return a product from Tr(Kc Lc), the diagonals' product, Tr(Kc) and Tr(Lc).

    The diagonals' product is the sum of Kc(i, i) Lc(i, i). The unbiased estimate is that of Kc and Lc; without its
    diagonal, row i of Kc sums to -Kc(i, i).
    """
    return KernelProduct(trace, compute_unbiased_hsic(n, trace - diagonal, diagonal, trace_x * trace_y), diagonal)


def compute_unbiased_hsic(n: int, products: float, rows: float, totals: float) -> float:
    """Return Song's estimator from sums over kernels K and L without their diagonals.

    Args:
        n: The number of rows.
        products: The sum of K(i, j) L(i, j).
        rows: The sum of the products of their row sums.
        totals: The product of their sums.
    """
    return (products + totals / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)) / (n * (n - 3))


def sum_categories(x: CategoricalVariable, y: CategoricalVariable) -> KernelSums:
    """Return the sums over two delta kernels from their contingency table.

    Cost: O(n log n). If a pair of categories a, b has n(a, b) rows, the row sums of K L there are n(a, b), and those
    of K are n(a).
    """
    n = x.n
    own_x, own_y = (np.arange(len(variable.sizes)) for variable in (x, y))
    sizes_x, sizes_y = x.sizes.astype(object), y.sizes.astype(object)
    return KernelSums(
        n,
        _sum_table(n, sizes_x, sizes_y, *count_label_pairs(x.rows, y.rows, len(x.sizes), len(y.sizes))),
        _sum_table(n, sizes_x, sizes_x, own_x, own_x, x.sizes),
        _sum_table(n, sizes_y, sizes_y, own_y, own_y, y.sizes),
        float(Fraction(n * n - int((sizes_x**2).sum()), n)),
        float(Fraction(n * n - int((sizes_y**2).sum()), n)),
        max_abs_x=1.0,
        max_abs_y=1.0,
    )


def _sum_table(
    n: int, sizes_a: AnyArray, sizes_b: AnyArray, a: IntArray, b: IntArray, counts: IntArray
) -> KernelProduct:
    """Return a product from the counts of pairs of categories.

    Sizes and counts are Python's integers: n^4 may exceed 64 bits.
    """
    cells = counts.astype(object)
    squares_a, squares_b = int((sizes_a**2).sum()), int((sizes_b**2).sum())
    products = int((cells**2).sum())
    rows = int((cells * sizes_a[a] * sizes_b[b]).sum())
    trace = Fraction(n * n * products - 2 * n * rows + squares_a * squares_b, n * n)
    # The diagonals are n times 1; without them, a row of a category of m rows sums to m - 1.
    own_rows = int((cells * (sizes_a[a] - 1) * (sizes_b[b] - 1)).sum())
    totals = Fraction((squares_a - n) * (squares_b - n), (n - 1) * (n - 2))
    unbiased = (products - n + totals - Fraction(2 * own_rows, n - 2)) / (n * (n - 3))
    # Kc(i, i) of a category of m rows is 1 - 2 m / n + (sum of squares) / n².
    diagonals_a, diagonals_b = (
        (n * n - 2 * n * sizes + squares) for sizes, squares in ((sizes_a, squares_a), (sizes_b, squares_b))
    )
    diagonal = Fraction(int((cells * diagonals_a[a] * diagonals_b[b]).sum()), n**4)
    return KernelProduct(float(trace), float(unbiased), float(diagonal))
