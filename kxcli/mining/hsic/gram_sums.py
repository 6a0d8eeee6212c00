"""Sums of products of two Gram matrices, one of them in permuted order.

The kernel has them as a plain loop; without it, numpy computes the same, up to rounding.
"""

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.kernel import load_kernel

_BLOCK_CELLS, _MIN_BLOCK_ROWS = 1 << 16, 16  # of permuted rows: half a MB, which the cache of a core holds
_MAX_PERMUTED_CELLS = 1 << 21  # of permuted triangles at a time


def sum_permuted_products(k: FloatArray, l: FloatArray, orders: IntArray) -> FloatArray:  # noqa: E741 -- usual names
    """Return 2 Σ k(i, j) l(order[i], order[j]), i > j, for each order, k and l.

    For symmetric matrices, this is the sum over i != j: the trace of K and the permuted L, without the diagonals. The
    sums of an order do not depend on the other orders.

    Cost: for each order, n² / 2 gathered entries of each l, and the product of each of them with each k. Without the
    kernel, memory for the rows of a block.

    Args:
        k: One or more symmetric matrices, shape (q, n, n); only i > j is read.
        l: One or more symmetric matrices, shape (s, n, n).
        orders: Permutations of 0 to n - 1, shape (b, n).

    Returns:
        Sums, shape (b, q, s).

    Raises:
        ValueError: The shapes do not match, or an order is not a permutation.
    """
    kernel = load_kernel()
    if kernel is None:
        return sum_by_numpy(k, l, orders)
    n = _count_rows(k, l, orders)
    arrays = (np.ascontiguousarray(array, np.float64) for array in (k, l))
    sums = kernel.sum_permuted_products(*arrays, np.ascontiguousarray(orders, np.int64), n)
    return np.frombuffer(sums).reshape(len(orders), len(k), len(l)).copy()  # so that it can be written to


def sum_by_numpy(k: FloatArray, l: FloatArray, orders: IntArray) -> FloatArray:  # noqa: E741 -- usual names
    """Return the sums without the kernel: a matrix product for each block of rows."""
    n = _count_rows(k, l, orders)
    if (np.sort(orders, axis=1) != np.arange(n)).any():
        raise ValueError(f"an order is not a permutation of 0 to {n - 1}")
    sums = np.zeros((len(orders), len(k), len(l)))
    n_rows = max(_MIN_BLOCK_ROWS, _BLOCK_CELLS // (len(l) * n))
    for start in range(0, n, n_rows):
        stop = min(n, start + n_rows)
        lower = np.tril(k[:, start:stop, :stop], start - 1).reshape(len(k), -1)
        rows, permuted = np.empty((len(l), stop - start, n)), np.empty((len(l), stop - start, stop))
        for order, out in zip(orders, sums, strict=True):
            l.take(order[start:stop], axis=1, out=rows, mode="clip")  # other modes make a copy
            rows.take(order[:stop], axis=2, out=permuted, mode="clip")
            out += lower @ permuted.reshape(len(l), -1).T
    return 2 * sums


class ManyGrams:
    """Many matrices K to be compared with the same permuted matrices.

    Their sums are one product of large matrices.
    Faster than `sum_permuted_products` for more than some 20 matrices of few rows. Memory: as k, and a block of
    permuted triangles.

    Args:
        k: Symmetric matrices, shape (q, n, n); only i > j is read.
    """

    def __init__(self, k: FloatArray) -> None:
        self.n = len(k[0])
        self._rows, self._columns = np.tril_indices(self.n, -1)
        self._lower = k[:, self._rows, self._columns]

    def sum_permuted_products(self, l: FloatArray, orders: IntArray) -> FloatArray:  # noqa: E741 -- usual name
        """Return the sums, of shape (b, q, s), for l of shape (s, n, n)."""
        sums = np.empty((len(orders), len(self._lower), len(l)))
        step = max(1, _MAX_PERMUTED_CELLS // (len(l) * len(self._rows)))
        flat = l.reshape(len(l), -1)
        for start in range(0, len(orders), step):
            block = orders[start : start + step]
            permuted = flat.take(block[:, self._rows] * self.n + block[:, self._columns], axis=1)  # (s, b, pairs)
            products = self._lower @ permuted.reshape(-1, len(self._rows)).T
            sums[start : start + step] = 2 * products.reshape(len(self._lower), len(l), -1).transpose(2, 0, 1)
        return sums


def _count_rows(k: FloatArray, l: FloatArray, orders: IntArray) -> int:  # noqa: E741 -- usual names
    """Return n; raise `ValueError` if the shapes do not match."""
    n: int = orders.shape[1]
    if not (k.size and l.size) or k.shape[1:] != (n, n) or l.shape[1:] != (n, n):
        raise ValueError(f"matrices of shapes {k.shape} and {l.shape} do not match orders of shape {orders.shape}")
    return n
