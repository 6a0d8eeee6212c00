"""P-values of many tests -> adjusted p-values."""

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np

from kxcli.arrays import FloatArray, IntArray

Adjustment = Literal["bh", "by", "holm", "none"]

_FLOOR = 1.5  # times 1 / (1 + B): less than the p-value that one draw reaches
_CLEAR = 0.02  # adjusted p-values below are well below the usual levels
_ROUNDING = 1e-12  # of a quotient that is an integer


def adjust_p_values(p_values: Sequence[float | None], method: Adjustment) -> list[float | None]:
    """Return the adjusted p-values of some tests, None for undefined ones.

    Args:
        p_values: One of each test; None for an undefined test, which does not count.
        method: See `compute_adjusted`; with "none", all are None.
    """
    adjusted: list[float | None] = [None] * len(p_values)
    if method == "none":
        return adjusted
    is_tested = [i for i, p in enumerate(p_values) if p is not None]
    tested = np.array([p_values[i] for i in is_tested], dtype=np.float64)
    for i, q in zip(is_tested, compute_adjusted(tested, method).tolist(), strict=True):
        adjusted[i] = q
    return adjusted


def compute_adjusted(p_values: FloatArray, method: Adjustment, n_tests: IntArray | None = None) -> FloatArray:
    """Return adjusted p-values, in the order of the p-values.

    An adjusted p-value is the smallest error rate at which the test is rejected.

    Args:
        p_values: Of shape (n,).
        method: "bh", the false discovery rate of independent or positively dependent tests (Benjamini and Hochberg
            1995); "by", that of any tests (Benjamini and Yekutieli 2001); "holm", the chance of any false discovery
            (Holm 1979); "none", unchanged.
        n_tests: The number of tests with each p-value; by default one.
    """
    if method == "none":
        return p_values
    order = np.argsort(p_values, kind="stable")
    n_equal = np.ones(len(p_values), np.int64) if n_tests is None else n_tests[order]
    ranks = np.cumsum(n_equal)  # of the last test with a p-value
    n = int(n_equal.sum())
    if method == "holm":
        steps = np.maximum.accumulate(p_values[order] * (n - ranks + n_equal))
    else:
        steps = np.minimum.accumulate((p_values[order] * _compute_factor(n, method) / ranks)[::-1])[::-1]
    adjusted = np.empty(len(p_values))
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def count_sufficient_draws(n_tests: int, alpha: float, method: Adjustment) -> int:
    """Return the draws for one dependent test of many to be found at alpha.

    With B draws, the smallest p-value is 1 / (1 + B); adjusted, it is multiplied by `_compute_factor`.
    """
    return math.ceil(_compute_factor(n_tests, method) / alpha * (1 - _ROUNDING)) - 1


def needs_more_draws(tests: Sequence[tuple[float, int | None]], method: Adjustment) -> bool:
    """Return whether the smallest p-values are too large when adjusted.

    These are the p-values that no draw reaches.

    Args:
        tests: The p-value of each test, and the draws that it rests on; None if it does not rest on draws.
        method: See `compute_adjusted`.
    """
    smallest = [p for p, draws in tests if draws and p <= _FLOOR / (1 + draws)]
    n_equal = 1 if method == "holm" else sum(p <= max(smallest, default=0.0) for p, _ in tests)
    return bool(smallest) and max(smallest) * _compute_factor(len(tests), method) / n_equal > _CLEAR


def _compute_factor(n: int, method: Adjustment) -> float:
    """Return the factor of the smallest of n p-values."""
    if method == "none":
        return 1.0
    return n * math.fsum(1 / k for k in range(1, n + 1)) if method == "by" else float(n)
