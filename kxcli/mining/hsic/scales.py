"""The bandwidths that a test takes together, relative to the median.

The statistic of the test is the largest of the standardized ones of all pairs of bandwidths, each with a weight, under
the same permutations. The idea is that of HSICAgg (Schrab, Kim, Guedj and Gretton 2022, arXiv:2206.09194), which
adjusts a quantile for each pair instead. Weights and pairs were chosen by `benchmarks/hsic_power.py`; they shift power
between kinds of dependence, and leave the level of the test.
"""

import math
from collections.abc import Sequence

import numpy as np

from kxcli.arrays import BoolArray, FloatArray

MEDIAN: tuple[float, ...] = (1.0,)
# In descending order. A cheaper list is taken for many rows.
SCALES: tuple[tuple[float, ...], ...] = ((2.0, 1.0, 0.5, 0.25, 0.0625), (1.0, 0.25), MEDIAN)

_MIN_PRODUCT = 1 / 16  # of the scales of a pair: smaller ones see hardly any pair of rows that are near in x and in y
# Half the median on both sides finds closed curves and several branches, such as circles and two parabolas. Their power
# is small at n 100, so that they lose most if many pairs are compared.
_FAVORED_SCALE = 0.5
_WEIGHT = 0.55  # of all other pairs


def weigh_scales(x: Sequence[float], y: Sequence[float]) -> FloatArray:
    """Return the weight of each pair of bandwidths, of shape (q, s)."""
    favored = np.outer(np.equal(x, _FAVORED_SCALE), np.equal(y, _FAVORED_SCALE))
    return np.where(favored, 1.0, _WEIGHT)


def find_compared(x: Sequence[float], y: Sequence[float]) -> BoolArray:
    """Return whether each pair of bandwidths is compared, of shape (q, s)."""
    compared: BoolArray = np.outer(x, y) >= _MIN_PRODUCT
    return compared


def find_bands(scales: Sequence[float], widths: Sequence[int]) -> tuple[int, int]:
    """Return the ends of the low and of the middle features.

    Kernels of one variable have the first features up to their width. Those of the other that can be compared with the
    narrowest one have low features only, and the narrowest ones of both are not compared.

    Args:
        scales: Of the kernels, in descending order.
        widths: The number of features of each kernel, in ascending order.
    """
    narrowest = math.sqrt(_MIN_PRODUCT)
    middle = max((width for scale, width in zip(scales, widths, strict=True) if scale >= narrowest), default=widths[-1])
    low = max((width for scale, width in zip(scales, widths, strict=True) if scale >= 1), default=middle)
    return low, middle
