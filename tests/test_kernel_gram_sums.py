"""Sums of products of Gram matrices in permuted order, of the kernel and of numpy, equal their definition."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining.hsic.gram_sums import sum_by_numpy, sum_permuted_products

TOLERANCE = 1e-12  # of the sum of absolute products

seeds = st.integers(0, 1 << 30).map(np.random.default_rng)


def sum_by_kernel(k, l, orders):  # noqa: E741 -- the usual names of kernel matrices
    kernel = pytest.importorskip("kxcli._kernel")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("kxcli.mining.hsic.gram_sums.load_kernel", lambda: kernel)
        return sum_permuted_products(k, l, orders)


both = pytest.mark.parametrize("sum_products", [sum_by_kernel, sum_by_numpy])


def make_matrices(draw, n_matrices, n):
    values = draw.normal(size=(n_matrices, n, n))
    return values + values.transpose(0, 2, 1)


def make_orders(draw, n_orders, n):
    return np.array([draw.permutation(n) for _ in range(n_orders)], dtype=np.int64).reshape(n_orders, n)


def sum_by_definition(k, l, order):  # noqa: E741 -- the usual names of kernel matrices
    """Return the sum over i != j."""
    n = len(order)
    return sum(k[i, j] * l[order[i], order[j]] for i in range(n) for j in range(n) if i != j)


@both
@given(n=st.integers(1, 20), q=st.integers(1, 8), s=st.integers(1, 8), b=st.integers(0, 3), draw=seeds)
def test_sums_equal_their_definition(sum_products, n, q, s, b, draw):
    k, l = make_matrices(draw, q, n), make_matrices(draw, s, n)  # noqa: E741 -- the usual names of kernel matrices
    orders = make_orders(draw, b, n)
    sums = sum_products(k, l, orders)
    assert sums.shape == (b, q, s) and sums.flags.writeable
    for order, sums_of_order in zip(orders, sums, strict=True):
        for p in range(q):
            for r in range(s):
                size = sum_by_definition(np.abs(k[p]), np.abs(l[r]), order)
                expected = sum_by_definition(k[p], l[r], order)
                assert sums_of_order[p, r] == pytest.approx(expected, rel=0, abs=TOLERANCE * size)


@given(
    n=st.integers(1, 70),
    q=st.integers(1, 8),
    s=st.integers(1, 8),
    b=st.integers(0, 40),
    block_cells=st.sampled_from([1, 5000, 1 << 16]),
    draw=seeds,
)
def test_kernel_equals_numpy(monkeypatch, n, q, s, b, block_cells, draw):
    monkeypatch.setattr("kxcli.mining.hsic.gram_sums._BLOCK_CELLS", block_cells)
    k, l = make_matrices(draw, q, n), make_matrices(draw, s, n)  # noqa: E741 -- the usual names of kernel matrices
    orders = make_orders(draw, b, n)
    difference = np.abs(sum_by_kernel(k, l, orders) - sum_by_numpy(k, l, orders))
    assert (difference <= TOLERANCE * sum_by_numpy(np.abs(k), np.abs(l), orders)).all()


def test_sums_of_an_order_do_not_depend_on_others():
    draw = np.random.default_rng(1)
    k, l, orders = make_matrices(draw, 2, 50), make_matrices(draw, 3, 50), make_orders(draw, 100, 50)  # noqa: E741
    sums = sum_by_kernel(k, l, orders)
    assert sum_by_kernel(k, l, orders[::-1])[::-1].tobytes() == sums.tobytes()
    for i in range(100):
        assert sum_by_kernel(k, l, orders[i : i + 1]).tobytes() == sums[i].tobytes()


def test_sums_of_whole_numbers_are_exact():
    draw = np.random.default_rng(1)
    k, l = (draw.integers(-9, 9, (2, 40, 40)) for _ in range(2))  # noqa: E741 -- the usual names of kernel matrices
    k, l, orders = k + k.transpose(0, 2, 1), l + l.transpose(0, 2, 1), make_orders(draw, 20, 40)  # noqa: E741
    k[:, range(40), range(40)] = 0
    expected = [[[np.sum(a * c[np.ix_(order, order)]) for c in l] for a in k] for order in orders]
    for sum_products in sum_by_kernel, sum_by_numpy:
        assert sum_products(k.astype(float), l.astype(float), orders).tolist() == expected


def test_arrays_may_have_any_strides():
    draw = np.random.default_rng(1)
    k, l, orders = make_matrices(draw, 4, 9), make_matrices(draw, 2, 9), make_orders(draw, 6, 9)  # noqa: E741
    expected = sum_by_kernel(k[::2].copy(), l, orders[::2].copy())
    assert sum_by_kernel(k[::2], l.transpose(0, 2, 1), orders[::2].astype(np.int32)).tobytes() == expected.tobytes()


MATRICES, ORDER = np.ones((2, 3, 3)), np.array([[2, 0, 1]])
WRONG = {
    "repeated index": (MATRICES, MATRICES, [[0, 1, 1]]),
    "index too large": (MATRICES, MATRICES, [[0, 1, 3]]),
    "negative index": (MATRICES, MATRICES, [[0, 1, -1]]),
    "one bad order among many": (MATRICES, MATRICES, [*[[0, 1, 2]] * 40, [0, 0, 0]]),
    "fewer rows in k": (MATRICES[:, :2, :2], MATRICES, ORDER),
    "fewer rows in l": (MATRICES, MATRICES[:, :2], ORDER),
    "longer orders": (MATRICES, MATRICES, [[0, 1, 2, 3]]),
    "no matrix": (MATRICES, MATRICES[:0], ORDER),
    "no rows": (MATRICES[:, :0, :0], MATRICES[:, :0, :0], np.empty((1, 0))),
}


@both
@pytest.mark.parametrize("name", WRONG)
def test_wrong_arrays_are_errors(sum_products, name):
    k, l, orders = WRONG[name]  # noqa: E741 -- the usual names of kernel matrices
    with pytest.raises(ValueError, match=r"not match orders|not a permutation of 0 to 2$"):
        sum_products(k, l, np.array(orders, dtype=np.int64))


@pytest.mark.parametrize(
    ("k", "orders", "n"),
    [
        (MATRICES.ravel()[1:], ORDER, 3),
        (MATRICES, ORDER[:, :2].copy(), 3),
        (MATRICES.tobytes()[4:], ORDER, 3),
        (MATRICES, ORDER, 0),
        (MATRICES, ORDER, -1),
        (MATRICES, ORDER, 1 << 62),
    ],
)
def test_kernel_checks_sizes_of_buffers(k, orders, n):
    kernel = pytest.importorskip("kxcli._kernel")
    with pytest.raises(ValueError, match=r"items|rows"):
        kernel.sum_permuted_products(k, MATRICES, orders, n)


def test_threads_compute_the_same_sums():
    draw = np.random.default_rng(1)
    k, l, orders = make_matrices(draw, 1, 300), make_matrices(draw, 1, 300), make_orders(draw, 40, 300)  # noqa: E741
    expected, kernel = sum_by_kernel(k, l, orders).tobytes(), pytest.importorskip("kxcli._kernel")
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(kernel.sum_permuted_products(k, l, orders, 300)))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4
