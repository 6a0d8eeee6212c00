"""Sums of products of two Gram matrices, one of them in permuted order."""

import numpy as np

from kxcli.arrays import FloatArray, IntArray


def sum_permuted_products(k: FloatArray, l: FloatArray, orders: IntArray) -> FloatArray:  # noqa: E741 -- usual names
    """Return 2 Σ k(i, j) l(order[i], order[j]), i > j, for each order, k and l.

    For symmetric matrices, this is the sum over i != j: the trace of K and the permuted L, without the diagonals. The
    sums of an order do not depend on the other orders.

    Cost: n² / 2 gathered entries of l for each order, q products for each of them; without the kernel, memory for two
    copies of l and one of k.

    Args:
        k: Symmetric matrices, shape (q, n, n); only i > j is read.
        l: Symmetric matrices, shape (s, n, n).
        orders: Permutations of 0 to n - 1, shape (b, n).

    Returns:
        Sums, shape (b, q, s).

    Raises:
        ValueError: The shapes do not match, or an index is not in 0 to n - 1.
    """
    n = orders.shape[1]
    if k.shape[1:] != (n, n) or l.shape[1:] != (n, n):
        raise ValueError(f"matrices of shape {k.shape} and {l.shape} do not match orders of shape {orders.shape}")
    if orders.size and not 0 <= orders.min() <= orders.max() < n:
        raise ValueError(f"an order has an index that is not in 0 to {n - 1}")
    return _sum_by_numpy(k, l, orders)


def _sum_by_numpy(k: FloatArray, l: FloatArray, orders: IntArray) -> FloatArray:  # noqa: E741 -- usual names
    """Return the sums; one matrix product for each order."""
    sums = np.empty((len(orders), len(k), len(l)))
    lower = np.tril(k, -1).reshape(len(k), -1)
    for order, out in zip(orders, sums, strict=True):
        permuted = l.take(order, axis=1).take(order, axis=2)
        out[:] = 2 * (lower @ permuted.reshape(len(l), -1).T)
    return sums
