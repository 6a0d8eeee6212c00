"""Sums over two centered kernels -> the estimators of HSIC, and of the kernels' alignment (CKA).

Kc = HKH is the kernel matrix with its row and column means taken out.  Neither estimate changes when a value is added
to a row and the same column, so the unbiased one, too, may be computed from Kc instead of K.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

_NOISE = 1e-13  # of the kernel's greatest value: what is left of a constant kernel when its means are taken out
_EQUAL = 1e-12  # of the squared trace: how far apart equal eigenvalues come out
_ROUNDING = 1e-15  # of its square: an unbiased estimate that is no more may be 0


class KernelProduct(NamedTuple):
    """Of two kernels: Tr(Kc Lc), and the unbiased estimate."""

    trace: float
    unbiased: float


@dataclass(frozen=True)
class KernelSums:
    """What both sides' kernels add up to.

    xy, xx, yy: of both kernels, and of each with itself.  trace_x, trace_y: of Kc and Lc.
    greatest_x, greatest_y: k(i, i), at most.
    """

    n: int
    xy: KernelProduct
    xx: KernelProduct
    yy: KernelProduct
    trace_x: float
    trace_y: float
    max_abs_x: float
    max_abs_y: float


class Estimates(NamedTuple):
    """The estimators of one pair of columns; `cka` and `cka_unbiased` are None where a column does not vary.

    biased_n2: Tr(KHLH) / n² (Gretton et al. 2005 divide by (n-1)², which is biased_nm1).
    unbiased: Song et al. 2012, equation 5; may be negative, as cka_unbiased may.
    cka: biased_n2 over the root of the product of both sides' own (Cortes et al. 2012; Kornblith et al. 2019).
    cka_unbiased: the same of the unbiased ones; None where one of those is not positive.
    """

    biased_n2: float
    biased_nm1: float
    unbiased: float
    cka: float | None
    cka_unbiased: float | None


def compute_estimates(sums: KernelSums) -> Estimates:
    """Return every estimator; n has to be 4 at least."""
    n, trace = sums.n, max(sums.xy.trace, 0.0)  # which is below 0 by rounding alone
    xx, yy = max(sums.xx.trace, 0.0), max(sums.yy.trace, 0.0)
    varies = math.sqrt(xx) > n * _NOISE * sums.max_abs_x and math.sqrt(yy) > n * _NOISE * sums.max_abs_y
    has_variances = varies and all(
        of_one.unbiased > _ROUNDING * max_abs**2
        for of_one, max_abs in ((sums.xx, sums.max_abs_x), (sums.yy, sums.max_abs_y))
    )
    return Estimates(
        biased_n2=trace / n**2,
        biased_nm1=trace / (n - 1) ** 2,
        unbiased=sums.xy.unbiased,
        cka=_aligned(trace, xx, yy) if varies else None,
        cka_unbiased=_aligned(sums.xy.unbiased, sums.xx.unbiased, sums.yy.unbiased) if has_variances else None,
    )


def is_permutation_invariant(n: int, own: KernelProduct, trace: float) -> bool:
    """Whether the n - 1 eigenvalues of a centered kernel are equal but for rounding, so no permutation changes it.

    own: of the kernel with itself; trace: Tr(Kc).  By Cauchy and Schwarz (n - 1) Tr(Kc²) is at least Tr(Kc)², and equal
    only then: when the kernel has the same value for all pairs of rows.
    """
    return (n - 1) * own.trace - trace**2 <= _EQUAL * trace**2


def _aligned(xy: float, xx: float, yy: float) -> float:
    """Return xy over the root of xx times yy, which is 1 where all three are the same."""
    return xy / (math.sqrt(xx / yy) * yy)


def pair(n: int, trace: float, diagonal: float, trace_x: float, trace_y: float) -> KernelProduct:
    """Return a pair from Tr(Kc Lc), the sum of Kc(i, i) Lc(i, i), Tr(Kc) and Tr(Lc).

    The unbiased estimate is that of Kc and Lc, and without its diagonal a row i of Kc adds up to -Kc(i, i).
    """
    return KernelProduct(trace, unbiased_hsic(n, trace - diagonal, diagonal, trace_x * trace_y))


def unbiased_hsic(n: int, products: float, rows: float, totals: float) -> float:
    """Return Song's estimator from sums over kernels K and L without their diagonals.

    products: of K(i, j) L(i, j); rows: of the products of their row sums; totals: the product of their sums.
    """
    return (products + totals / ((n - 1) * (n - 2)) - 2 * rows / (n - 2)) / (n * (n - 3))
