"""p-values without permutations: the null distribution of n HSIC for many rows."""

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.estimators import KernelSums
from kxcli.mining.hsic.mixture import mixture_tail
from kxcli.mining.hsic.spectra import eigenvalues

_MAX_WEIGHTS = 1_000  # chi-squares that are told apart; the rest are one gamma distribution
_MIN_DEGREES = 0.01  # of the rest
_EIGENVALUES = 512  # of a side that are computed


def eigen_p_value(sums: KernelSums, spectrum_x: FloatArray, spectrum_y: FloatArray) -> float:
    """Return P(n HSIC_b > what it is) where n HSIC_b is a sum of chi-squares weighted by λ_i μ_j (Gretton et al. 2009).

    spectrum_x, spectrum_y: eigenvalues of Kc / n and Lc / n, the greatest first, of which 512 count.  What they, and
    the products that are too small to be told apart, leave of the sum's mean and variance, known exactly from both
    kernels' traces and squares, is given to one gamma distribution, or where it does not vary, to the mean alone.
    """
    n = sums.n
    products = np.outer(spectrum_x[:_EIGENVALUES], spectrum_y[:_EIGENVALUES]).ravel()
    products = np.sort(products[products > 0])[::-1][:_MAX_WEIGHTS]
    mean = sums.trace_x * sums.trace_y / n**2 - float(products.sum())
    half_variance = sums.xx.trace * sums.yy.trace / n**4 - float(products @ products)
    degrees = np.ones(len(products))
    value = sums.xy.trace / n
    if half_variance > 0 and mean**2 > _MIN_DEGREES * half_variance:
        weight = half_variance / mean
        products, degrees = np.append(products, weight), np.append(degrees, mean / weight)
    else:  # what varies no more is a number, or rounding
        value -= mean
    # Shuffled rows have Tr(Kc) Tr(Lc) / (n - 1) on average, n / (n - 1) times the mixture's mean: near the identity, a
    # kernel's statistic varies by less than that.
    excess = sums.trace_x * sums.trace_y / (n * n * (n - 1))
    return mixture_tail(products, degrees, value - excess)


def category_eigenvalues(sizes: IntArray) -> FloatArray:
    """Return the greatest eigenvalues of Kc / n for categories: those of diag(p) - p pᵀ, p the categories' shares."""
    shares = np.sort(sizes)[::-1][:_EIGENVALUES] / sizes.sum()
    return eigenvalues(np.diag(shares) - np.outer(shares, shares))


def gamma_p_value(sums: KernelSums, squares: float) -> float | None:
    """Return P(n HSIC_b > what it is) by a gamma distribution with the null's mean and variance, None without variance.

    squares: the sum of (Kc(i, j) Lc(i, j))² over i != j.  Gretton et al. 2007, for kernels with k(i, i) = 1; known to
    be a little off in the tails, and here for comparison.  Needs n of 6 at least.
    """
    n = sums.n
    # With k(i, i) = 1, the entries beside the diagonal are Tr(Kc) / (n - 1) less than 1 on average.
    mean = sums.trace_x * sums.trace_y / (n - 1) ** 2 / n
    variance = 72 * (n - 4) * (n - 5) / (n * (n - 1) * (n - 2) * (n - 3)) * (squares / 36 / (n * (n - 1)))
    if not variance > 0:  # a kernel that varies by less than the root of the least double
        return None
    shape, scale = mean**2 / variance, variance * n / mean
    return mixture_tail(np.array([scale / 2]), np.array([2 * shape]), sums.xy.trace / n)
