"""Mean and variance of the permuted HSIC, exact for any kernels."""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray

_ROUNDING = 1e-12  # of two terms that may cancel


class KernelMoments(NamedTuple):
    """Sums over centered kernels Kc of one variable, for q bandwidths.

    Attributes:
        trace: Tr(Kc), of shape (q,).
        squares: The sum of Kc(i, j)² over all i and j, of shape (q,).
        diagonal_squares: The sum of Kc(i, i)², of shape (q,).
    """

    trace: FloatArray
    squares: FloatArray
    diagonal_squares: FloatArray


def compute_permutation_moments(n: int, x: KernelMoments, y: KernelMoments) -> tuple[FloatArray, FloatArray]:
    """Return the mean and the variance of Tr(Kc Lc) if the rows of y are permuted.

    Kazi-Aoual, Hitier, Sabatier and Lebreton 1995, "Refined approximations to permutation tests for multivariate
    inference", Computational Statistics & Data Analysis 20, for two symmetric matrices with zero row sums.

    Args:
        n: The number of rows, at least 4.
        x: Of q kernels.
        y: Of s kernels.

    Returns:
        The mean and the variance, of shape (q, s) each.
    """
    (trace_x, squares_x, diagonal_x), (trace_y, squares_y, diagonal_y) = (
        (one[:, None] for one in x),
        (one[None, :] for one in y),
    )
    mean = trace_x * trace_y / (n - 1)

    def compute_spread(trace: FloatArray, squares: FloatArray) -> FloatArray:
        """Return the part of the eigenvalues, 0 if they are all equal."""
        return (n - 1) * squares - trace**2

    def compute_unevenness(trace: FloatArray, squares: FloatArray, diagonal: FloatArray) -> FloatArray:
        """Return the part of the diagonal."""
        return n * (n + 1) * diagonal - (n - 1) * (trace**2 + 2 * squares)

    spreads = compute_spread(trace_x, squares_x) * compute_spread(trace_y, squares_y)
    unevenness = compute_unevenness(trace_x, squares_x, diagonal_x) * compute_unevenness(trace_y, squares_y, diagonal_y)
    spreads *= 2 / ((n - 1) ** 2 * (n + 1) * (n - 2))
    unevenness /= (n + 1) * n * (n - 1) * (n - 2) * (n - 3)
    variance = spreads + unevenness
    is_rounding = variance <= _ROUNDING * (np.abs(spreads) + np.abs(unevenness))
    return mean, np.where(is_rounding, 0.0, variance)
