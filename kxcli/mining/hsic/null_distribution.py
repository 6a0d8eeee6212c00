"""The asymptotic null distribution of n HSIC.

It is a weighted sum of chi-squares, or approximately a gamma distribution.
"""

import cmath
import math
import sys
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.estimators import KernelSums
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable
from kxcli.mining.hsic.parameters import MeasureError
from kxcli.mining.hsic.product_kernel import ProductVariable
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.variables import Variable

MIN_P_VALUE = sys.float_info.min  # 2.2e-308: a chance is never 0, and smaller doubles lose digits
MIN_EXPECTED_COUNT = 5  # of rows with two rare values: the rule of thumb for chi-square tests
MAX_SPECTRUM_ROWS = 1_000  # rows whose eigenvalues represent a kernel with many features

_MAX_EIGENVALUES = 512  # of each kernel
_MAX_WEIGHTS = 1_000  # chi-squares with a weight of their own; the rest are one gamma distribution
_MIN_REST_DEGREES = 0.01  # of freedom, for the rest to be a gamma distribution
_SPECTRUM_NOISE = 1e-9  # relative excess of a sum of squares that is rounding
_SHRINK_STEPS = 60  # halvings of an interval of doubles to its last bit

# The trapezoid rule of `compute_mixture_tail`.
_STEP = 0.0625  # between two nodes
_MAX_NODES = 1000  # ten times as many as usual
_NEGLIGIBLE = 1e-17  # of the sum: a node that ends it, after some 100
_UNDERFLOW = -800.0  # exp of it is 0
_MAX_HALVINGS = 2100  # more than the distinct halvings of the doubles between 0 and 1/2
_MAX_NEWTON_STEPS = 50
_NEWTON_TOLERANCE = 1e-14


class PermutationMoments(NamedTuple):
    """The statistic of a permutation test less its mean, and its variance.

    The statistic is T, the sum of Kc(i, j) Lc(i, j) over i != j, divided by n.
    """

    excess: float
    variance: float


def compute_off_diagonal_moments(sums: KernelSums) -> PermutationMoments:
    """Return the excess and the exact variance of T / n over all orders of y's rows.

    The diagonals are omitted: they hold no similarity of two rows, but much of the variance of uneven kernels. Without
    its diagonal, Kc is the sum of three orthogonal matrices: a constant; r(i) + r(j), for the row means; and a rest
    with row sums of 0, the U-centered kernel of Székely and Rizzo 2014, with a sum of squares of n (n - 3) times the
    unbiased estimate. Permutations do not mix the three, so the variance (Mantel 1967) is a sum of two products.
    """
    n = sums.n

    def sum_rows(diagonal: float, trace_x: float, trace_y: float) -> float:
        """Return the sum of (r(i) + r(j)) (s(i) + s(j)) over i != j.

        Without its diagonal, row i of Kc sums to -Kc(i, i).
        """
        return 2 * (diagonal - trace_x * trace_y / n) / (n - 2)

    rows = sum_rows(sums.xy.diagonal, sums.trace_x, sums.trace_y)
    rows_x = max(0.0, sum_rows(sums.xx.diagonal, sums.trace_x, sums.trace_x))
    rows_y = max(0.0, sum_rows(sums.yy.diagonal, sums.trace_y, sums.trace_y))
    variance = rows_x * rows_y / (n - 1)
    variance += 2 * n * (n - 3) * max(0.0, sums.xx.unbiased) * max(0.0, sums.yy.unbiased)
    return PermutationMoments(rows / n + (n - 3) * sums.xy.unbiased, variance / n**2)


def compute_eigen_p_value(sums: KernelSums, spectrum_x: FloatArray, spectrum_y: FloatArray) -> float:
    """Return the p-value by a weighted sum of chi-squares.

    Under independence, the weights of n HSIC_b are λ_i μ_j (Gretton et al. 2009). The sum's mean and variance are known
    exactly from the traces of both kernels and their squares. The part of them that is not in the largest products λ_i
    μ_j becomes one gamma distribution, or a constant if its variance is small. The sum varies more than permuted rows
    do, for rich kernels many times as much, so it is rescaled about its mean to the variance of
    `compute_off_diagonal_moments`.

    Args:
        sums: Over both kernels.
        spectrum_x: Eigenvalues of Kc / n in descending order; the first 512 count.
        spectrum_y: The same of Lc / n.

    Returns:
        1 if no permutation changes the statistic.
    """
    n, (norm_x, norm_y) = sums.n, sums.norms
    sums = sums.normalize()
    products = np.outer(spectrum_x[:_MAX_EIGENVALUES] / norm_x, spectrum_y[:_MAX_EIGENVALUES] / norm_y).ravel()
    products = np.sort(products[products > 0])[::-1][:_MAX_WEIGHTS]
    whole_mean, whole_half_variance = sums.trace_x * sums.trace_y / n**2, sums.xx.trace * sums.yy.trace / n**4
    mean, half_variance = whole_mean - float(products.sum()), whole_half_variance - float(products @ products)
    degrees = np.ones(len(products))
    moments = compute_off_diagonal_moments(sums)
    if not moments.variance > 0:
        return 1.0
    value = whole_mean + moments.excess * math.sqrt(2 * whole_half_variance / moments.variance)
    if half_variance > 0 and mean**2 > _MIN_REST_DEGREES * half_variance:
        weight = half_variance / mean
        products, degrees = np.append(products, weight), np.append(degrees, mean / weight)
    else:  # a constant, or rounding
        value -= mean
    return compute_mixture_tail(products, degrees, value)


def compute_gamma_p_value(sums: KernelSums) -> float:
    """Return the p-value by a gamma distribution with a mean and a variance.

    The mean is that of n HSIC_b. The variance is that of `compute_off_diagonal_moments`. If a few rows differ from all
    others, a gamma distribution of this variance has too thin a tail; then the product of the sums of squares of both
    kernels is larger, and is used as in Gretton et al. 2008, theorem 4, but around the mean and without the diagonals,
    which would hide the dependence of rich kernels.

    Args:
        sums: Over both kernels.

    Returns:
        1 if no permutation changes the statistic.
    """
    sums = sums.normalize()
    moments = compute_off_diagonal_moments(sums)
    if not moments.variance > 0:
        return 1.0
    mean = sums.trace_x * sums.trace_y / sums.n**2
    squares_x, squares_y = (
        own.trace - own.diagonal - trace**2 / (sums.n * (sums.n - 1))  # the entries off the diagonal add up to -trace
        for own, trace in ((sums.xx, sums.trace_x), (sums.yy, sums.trace_y))
    )
    scale = max(moments.variance, 2 * squares_x * squares_y / sums.n**4) / mean
    return compute_mixture_tail(np.array([scale / 2]), np.array([2 * mean / scale]), mean + moments.excess)


def check_expected_count(count: float) -> None:
    """Raise `MeasureError` if values are too rare for the test eigen.

    Args:
        count: As of `compute_least_expected_count`.
    """
    if count < MIN_EXPECTED_COUNT:
        raise MeasureError(
            "the test eigen is wrong for rare values: x and y are expected to differ from their most common values in "
            f"{count:.2g} rows, and it needs {MIN_EXPECTED_COUNT}; use --test permutation"
        )


def compute_least_expected_count(x: Variable, y: Variable) -> float:
    """Return the expected number of rows with rare values of both variables.

    This is n_x n_y / n, where n_x rows differ from the value of more than half of the rows, the number or category. A
    variable without such a value has n instead: many categories, even of one row each, are as good as numbers.

    Returns:
        Infinity if neither variable has rare values.
    """
    n_x, n_y = (count_rare_rows(variable.n, _count_most_common(variable)) for variable in (x, y))
    return n_x * n_y / x.n if min(n_x, n_y) < x.n else math.inf


def count_rare_rows(n: int, n_most_common: int) -> int:
    """Return the number of rows without the value of more than half of them.

    It is n without such a value.

    Args:
        n: The number of rows.
        n_most_common: That of the most common value.
    """
    return n - n_most_common if 2 * n_most_common > n else n


def _count_most_common(variable: Variable) -> int:
    """Return the number of rows of the most common value.

    Of numbers, it is right only if it is more than half of the rows; texts and products of kernels have none.
    """
    if isinstance(variable, CategoricalVariable):
        return int(variable.sizes.max())
    if isinstance(variable, NumericVariable):
        return int((~variable.rows.any(axis=1)).sum())  # rows are differences from the median, so from such a value
    if isinstance(variable, ProductVariable):
        is_common = variable.labels.rows == variable.labels.sizes.argmax()
        return int((is_common & ~variable.numbers.rows.any(axis=1)).sum())
    return 0


def compute_eigenvalues(matrix: FloatArray) -> FloatArray:
    """Return the eigenvalues of a symmetric matrix in descending order."""
    return np.linalg.eigvalsh(matrix).astype(np.float64, copy=False)[::-1]


def compute_category_eigenvalues(sizes: IntArray) -> FloatArray:
    """Return the eigenvalues of Kc / n of categories.

    These are the eigenvalues of diag(p) - p pᵀ for the largest shares p.
    """
    shares = np.sort(sizes)[::-1][:_MAX_EIGENVALUES] / sizes.sum()
    return compute_eigenvalues(np.diag(shares) - np.outer(shares, shares))


def estimate_eigenvalues(
    variable: Variable, trace: float, squares: float, seed: int, which: int, max_rows: int = MAX_SPECTRUM_ROWS
) -> FloatArray:
    """Return the eigenvalues of Kc / n, or an estimate from a sample of the rows.

    A sample has a larger sum of squares, because the diagonal weighs more: its eigenvalues are all lowered until the
    sum is right.

    Args:
        variable: The values with their kernel.
        trace: Tr(Kc) / n.
        squares: Tr(Kc Kc) / n².
        seed: Of the sample.
        which: 0 for x, 1 for y: the number of the sample's stream.
        max_rows: The size of the sample.
    """
    rows = np.arange(variable.n)
    if variable.n > max_rows:
        rng = make_generator(RandomStream.SPECTRUM, seed, which)
        rows = np.sort(rng.choice(variable.n, max_rows, replace=False))
    matrix = np.empty((len(rows), len(rows)))
    for at, row in enumerate(rows.tolist()):
        matrix[at] = variable.column(row)[rows]
    matrix -= matrix.mean(axis=0)
    matrix -= matrix.mean(axis=1)[:, None]
    values = np.maximum(compute_eigenvalues(matrix), 0)
    values *= trace / max(float(values.sum()), np.finfo(np.float64).tiny)
    if float(values @ values) <= squares * (1 + _SPECTRUM_NOISE):
        return values
    low, high = 0.0, float(values[0])
    for _ in range(_SHRINK_STEPS):
        middle = (low + high) / 2
        lowered = np.maximum(values - middle, 0)
        low, high = (low, middle) if float(lowered @ lowered) <= squares else (middle, high)
    return np.maximum(values - high, 0)


def compute_mixture_tail(weights: FloatArray, degrees: FloatArray, value: float) -> float:
    """Return P(Q > value) for a weighted sum of chi-squares Q.

    Q is the sum of weights[k] times an independent chi-square of degrees[k].  P is 1/(2πi) times the integral of
    exp(g(s)) over a line with 0 < Re s < 1 / (2 max weight), where g(s) = -1/2 sum of degrees log(1 - 2 weights s) - s
    value - log s. The path of integration is that of steepest descent from the saddle point on the real axis: there g
    is real and falls as -t², so that the trapezoid rule over t is exact to rounding, relative to P.  The path never
    meets another saddle: above the real axis, where all branch points are, Im g' is positive.

    Args:
        weights: Positive.
        degrees: Of freedom, positive, not necessarily integers (a single weight is a gamma distribution), and not
            nearly 0 for the largest weight.
        value: The observed value.

    Returns:
        At least `MIN_P_VALUE`, instead of a smaller P.
    """
    if value <= 0:
        return 1.0
    unit = float(weights.max())  # in this unit, no number overflows
    weights, value = weights / unit, value / unit
    if -0.5 * float(np.log1p(-weights / 2) @ degrees) - value / 4 < _UNDERFLOW:  # Chernoff's bound at s = 1/4
        return MIN_P_VALUE
    saddle = _find_saddle(weights, degrees, value)
    distances = 1 - 2 * weights * saddle
    peak = -0.5 * float(np.log(distances) @ degrees) - saddle * value - math.log(saddle)
    curvature = 2 * float(np.sum(degrees * (weights / distances) ** 2)) + 1 / saddle**2

    def g(z: complex) -> tuple[complex, complex]:
        """Return g at exp(z) less its peak, and its derivative by z.

        Far from the saddle, g grows as a logarithm.
        """
        s = cmath.exp(z)
        factors = 1 - 2 * s * weights
        slope = complex(np.sum(degrees * weights / factors)) - value - 1 / s
        return -0.5 * complex(np.log(factors) @ degrees) - s * value - z - peak, slope * s

    t = _STEP / 2
    z = cmath.log(saddle + 1j * t * math.sqrt(2 / curvature))
    total = 0.0
    for _ in range(_MAX_NODES):
        for _ in range(_MAX_NEWTON_STEPS):
            height, slope = g(z)
            correction = (height + t * t) / slope
            z -= correction
            if abs(correction) < _NEWTON_TOLERANCE * (1 + abs(z)):
                break
        _, slope = g(z)
        rate = -2 * t / slope  # dz / dt
        term = cmath.exp(z - t * t) * rate
        total += term.imag
        if abs(term) < _NEGLIGIBLE * abs(total):
            break
        middle = -2 * (t + _STEP / 2) / g(z + rate * _STEP / 2)[1]
        z += middle * _STEP
        t += _STEP
    return min(1.0, max(MIN_P_VALUE, math.exp(peak) * total * _STEP / math.pi))


def _find_saddle(weights: FloatArray, degrees: FloatArray, value: float) -> float:
    """Return the s between 0 and 1/2 with K'(s) = value + 1/s.

    The left side grows, the right one falls.
    """
    low, high = 0.0, 0.5
    for _ in range(_MAX_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if float(np.sum(degrees * weights / (1 - 2 * weights * middle))) > value + 1 / middle:
            high = middle
        else:
            low = middle
    return low
