"""Categories against categories: sums over the centered kernels from the counts of pairs of categories, in integers."""

from fractions import Fraction

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.hsic.estimators import KernelProduct, KernelSums
from kxcli.mining.hsic.kernels import CategoricalVariable

_DENSE = 4  # cells of a table, for each row, up to which counting them all is cheaper than sorting


def count_label_pairs(x: IntArray, y: IntArray, n_x: int, n_y: int) -> tuple[IntArray, IntArray, IntArray]:
    """Return the pairs of categories that occur, x's and y's, and how often each does."""
    numbers = x * n_y + y
    if n_x * n_y <= _DENSE * len(x):
        table = np.bincount(numbers, minlength=n_x * n_y)
        pairs = np.flatnonzero(table)
        return pairs // n_y, pairs % n_y, table[pairs]
    pairs, counts = np.unique(numbers, return_counts=True)
    return pairs // n_y, pairs % n_y, counts


def sums(x: CategoricalVariable, y: CategoricalVariable) -> KernelSums:
    """Return what the kernels add up to; O(n log n) time.

    With n(a, b) rows of the categories a and b, the rows of K L of such a row add up to n(a, b), those of K to n(a).
    """
    n = x.n
    sides = [(side.sizes.astype(object), int((side.sizes.astype(object) ** 2).sum())) for side in (x, y)]

    def of(left: int, right: int, a: IntArray, b: IntArray, counts: IntArray) -> KernelProduct:
        """Return a pair from the counts of pairs of categories, in Python's integers: n^4 is too great for 64 bits."""
        (sizes_a, squares_a), (sizes_b, squares_b) = sides[left], sides[right]
        both = counts.astype(object)
        products = int((both**2).sum())
        rows = int((both * sizes_a[a] * sizes_b[b]).sum())
        trace = Fraction(n * n * products - 2 * n * rows + squares_a * squares_b, n * n)
        # Without the diagonals, which are n times 1, the rows of a category of m add up to m - 1.
        own_rows = int((both * (sizes_a[a] - 1) * (sizes_b[b] - 1)).sum())
        totals = Fraction((squares_a - n) * (squares_b - n), (n - 1) * (n - 2))
        own = (products - n + totals - Fraction(2 * own_rows, n - 2)) / (n * (n - 3))
        return KernelProduct(float(trace), float(own))

    own_x, own_y = (np.arange(len(side.sizes)) for side in (x, y))
    return KernelSums(
        n,
        of(0, 1, *count_label_pairs(x.rows, y.rows, len(x.sizes), len(y.sizes))),
        of(0, 0, own_x, own_x, x.sizes),
        of(1, 1, own_y, own_y, y.sizes),
        float(Fraction(n * n - sides[0][1], n)),
        float(Fraction(n * n - sides[1][1], n)),
        max_abs_x=1.0,
        max_abs_y=1.0,
    )
