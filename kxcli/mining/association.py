"""Association in tables of two by two counts, such as those of two words.

The cells are arrays of one shape: `o11` both, `o12` the first alone, `o21` the second alone, `o22` neither.
"""

import math
from functools import reduce

import numpy as np

from kxcli.arrays import FloatArray, IntArray

_MIN_RATIO = -1 + 1e-15  # O / E - 1 of a cell that is not empty
_SMALL = 0.01  # deviation of O / E for the series: the first omitted term is less than 1e-16 of the sum
# 1 / (k (k - 1)) with alternating signs, k = 2 to 9: (1 + x) ln(1 + x) - x = x**2 (1/2 - x/6 + x**2/12 ...)
_SERIES = [(-1) ** k / (k * (k - 1)) for k in range(2, 10)]


def compute_log_likelihood(
    o11: IntArray | FloatArray, o12: IntArray | FloatArray, o21: IntArray | FloatArray, o22: IntArray | FloatArray
) -> FloatArray:
    """Return G², twice the sum of O ln(O / E) over all four cells.

    This is the log-likelihood ratio of Dunning (1993), -2 ln λ. Each cell contributes O ln(O / E) - O + E, which is
    never negative, so that no digits are lost if O is close to E. A table with an empty row or column has 0.
    """
    cells = [np.asarray(cell, np.float64) for cell in (o11, o12, o21, o22)]
    expected = _compute_expected(*cells)
    # All cells deviate from their expected values by the same amount. The smallest cell has its most exact value.
    deviations = [sign * (cell - mean) for sign, cell, mean in zip((1, -1, -1, 1), cells, expected, strict=True)]
    smallest = np.argmin(np.stack(expected), axis=0)
    deviation = np.take_along_axis(np.stack(deviations), smallest[np.newaxis], axis=0)[0]
    terms = [
        _compute_term(cell, mean, sign * deviation)
        for sign, cell, mean in zip((1, -1, -1, 1), cells, expected, strict=True)
    ]
    return 2.0 * (terms[0] + terms[1] + terms[2] + terms[3])


def compute_chi2_p(statistic: FloatArray) -> FloatArray:
    """Return the p-values of chi-squared statistics with 1 degree of freedom.

    This is the upper tail, erfc(sqrt(x / 2)). It is 0 from about 1,490 on, where it is less than the smallest double.
    """
    roots = np.sqrt(np.asarray(statistic, np.float64) / 2.0)
    return np.array([math.erfc(root) for root in roots.ravel().tolist()], np.float64).reshape(roots.shape)


def _compute_expected(o11: FloatArray, o12: FloatArray, o21: FloatArray, o22: FloatArray) -> list[FloatArray]:
    """Return the expected cells by the sums of rows and columns."""
    rows, columns = (o11 + o12, o21 + o22), (o11 + o21, o12 + o22)
    total = np.maximum(rows[0] + rows[1], 1.0)
    return [row * column / total for row in rows for column in columns]


def _compute_term(cell: FloatArray, mean: FloatArray, deviation: FloatArray) -> FloatArray:
    """Return O ln(O / E) - O + E of one cell: E at O = 0, and 0 at E = 0."""
    is_empty = mean <= 0
    ratio = np.where(is_empty, 0.0, deviation / np.where(is_empty, 1.0, mean))
    series = (
        ratio * ratio * reduce(lambda value, factor: value * ratio + factor, reversed(_SERIES), np.zeros_like(mean))
    )
    logarithms = np.log1p(np.maximum(ratio, _MIN_RATIO))
    values = np.where(np.abs(ratio) < _SMALL, series, (1.0 + ratio) * logarithms - ratio)
    return np.where(cell <= 0, mean, mean * np.maximum(values, 0.0))
