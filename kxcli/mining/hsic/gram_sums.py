"""Sums of products of two Gram matrices, one of them in permuted order.

The kernel has them as a plain loop; without it, numpy computes the same, up to rounding.
"""

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.kernel import load_kernel


def sum_permuted_products(k: FloatArray, l: FloatArray, orders: IntArray) -> FloatArray:  # noqa: E741 -- usual names
    """Return 2 Σ k(i, j) l(order[i], order[j]), i > j, for each order, k and l.

    For symmetric matrices, this is the sum over i != j: the trace of K and the permuted L, without the diagonals. The
    sums of an order do not depend on the other orders.

    Cost: for each order, n² / 2 gathered entries of each l, and the product of each of them with each k. Without the
    kernel, memory for a copy of k and two of l.

    Args:
        k: Symmetric matrices, shape (q, n, n); only i > j is read.
        l: Symmetric matrices, shape (s, n, n).
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
    """Return the sums without the kernel: one matrix product for each order."""
    n = _count_rows(k, l, orders)
    if (np.sort(orders, axis=1) != np.arange(n)).any():
        raise ValueError(f"an order is not a permutation of 0 to {n - 1}")
    sums = np.empty((len(orders), len(k), len(l)))
    lower = np.tril(k, -1).reshape(len(k), -1)
    for order, out in zip(orders, sums, strict=True):
        permuted = l.take(order, axis=1).take(order, axis=2)
        np.multiply(lower @ permuted.reshape(len(l), -1).T, 2, out=out)
    return sums


def _count_rows(k: FloatArray, l: FloatArray, orders: IntArray) -> int:  # noqa: E741 -- usual names
    """Return n; raise `ValueError` if the shapes do not match."""
    n: int = orders.shape[1]
    if n == 0 or k.shape[1:] != (n, n) or l.shape[1:] != (n, n):
        raise ValueError(f"matrices of shapes {k.shape} and {l.shape} do not match orders of shape {orders.shape}")
    return n
