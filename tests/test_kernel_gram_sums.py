"""Sums of products of Gram matrices in permuted order equal their definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining.hsic.gram_sums import sum_permuted_products

seeds = st.integers(0, 1 << 30).map(np.random.default_rng)


def make_matrices(draw, n_matrices, n):
    values = draw.normal(size=(n_matrices, n, n))
    return values + values.transpose(0, 2, 1)


def sum_by_definition(k, l, order):  # noqa: E741 -- the usual names of kernel matrices
    """Return the sum over i != j."""
    n = len(order)
    return sum(k[i, j] * l[order[i], order[j]] for i in range(n) for j in range(n) if i != j)


@given(n=st.integers(1, 20), q=st.integers(1, 8), s=st.integers(1, 8), b=st.integers(0, 3), draw=seeds)
def test_sums_equal_their_definition(n, q, s, b, draw):
    k, l = make_matrices(draw, q, n), make_matrices(draw, s, n)  # noqa: E741 -- the usual names of kernel matrices
    orders = np.array([draw.permutation(n) for _ in range(b)], dtype=np.int64).reshape(b, n)
    sums = sum_permuted_products(k, l, orders)
    assert sums.shape == (b, q, s)
    for order, of_order in zip(orders, sums, strict=True):
        for p in range(q):
            for r in range(s):
                size = sum_by_definition(np.abs(k[p]), np.abs(l[r]), order)
                assert of_order[p, r] == pytest.approx(sum_by_definition(k[p], l[r], order), abs=1e-12 * size)
