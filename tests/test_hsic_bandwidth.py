"""The median rule for bandwidths."""

import math
import subprocess
import sys

import hsic_definition as definition
import numpy as np
import pytest
from hsic_columns import (
    SPARSE_SEED,
    UNTESTED,
    build_variable,
    close,
    make_sparse_rows,
)
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import bandwidth
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS, compute_median_distance

MAX_ROWS = 600  # in tests of many rows


@pytest.fixture
def low_limits(monkeypatch):
    """Lower the limits, so that a few hundred rows are many."""
    monkeypatch.setattr(bandwidth, "MAX_EXACT_ROWS", MAX_ROWS)
    monkeypatch.setattr(bandwidth, "_MAX_CANDIDATES", 1 << 14)


@pytest.mark.parametrize(
    "values",
    [
        [0, 1],
        [0, 0, 1],
        [0, 1, 3],
        [0, 1, 3, 7],
        [5, 5, 5, 5, 6],
        [0, 0, 0, 1, 1, 2, 2, 2, 9],
        [1e8, 1e8 + 1, 1e8 + 3],
        [1e-200, 2e-200, 5e-200],
        [0.1, 0.2, 0.3, 0.4, 0.5],
        [-1e150, 0, 1e150, 3e150],
        [0, 1e-9, 1, 1e9],
        [0, 1e-300, 1],
        [0] * 50 + [1e-3] * 2 + [1e6],
        list(range(30)),
    ],
)
def test_median_distance_of_given_numbers(values):
    line = np.array(values, dtype=float)[:, None]
    assert close(compute_median_distance(line), definition.compute_median_distance(line), 1e-15)
    positive = np.abs(line[line != 0])
    if positive.max() / positive.min() > 1e15:
        return  # around their mean, the nearest are one
    flat = np.column_stack((line, -line))
    unit = 2.0 ** math.frexp(np.abs(flat).max())[1]  # so that squares have room
    assert close(compute_median_distance(flat), definition.compute_median_distance(flat / unit) * unit, 1e-9)


@given(
    values=st.lists(
        st.one_of(st.integers(-4, 4), st.floats(-1e3, 1e3), st.floats(-(2.0**-9), 2.0**-9)), min_size=1, max_size=24
    ),
    d=st.sampled_from([1, 2, 3]),
)
def test_median_distance_matches_all_pairs(values, d):
    rows = np.array(values[: len(values) // d * d], dtype=float).reshape(-1, d)
    if d > 1:
        rows[np.abs(rows) < 1e-100] = 0  # vectors nearer than the root of the least double are taken for equal
    if len(rows):
        expected, found = definition.compute_median_distance(rows), compute_median_distance(rows)
        if expected is None:
            assert found is None
        elif d == 1 or expected > 1e-9:
            assert found == pytest.approx(expected, rel=1e-9 if d > 1 else 1e-12)


@pytest.mark.parametrize("d", [1, 2, 12])
@pytest.mark.parametrize("n", [2, 255, 256, 257, 513])
def test_median_distance_of_many_rows(n, d):
    rng = np.random.default_rng((n, d))
    for rows in rng.normal(size=(n, d)), rng.integers(0, 4, (n, d)).astype(float), rng.standard_cauchy((n, d)) + 1e6:
        found = definition.distances(rows)[np.triu_indices(n, 1)].astype(float)
        if (found > 0).any():
            assert compute_median_distance(rows) == pytest.approx(np.median(found[found > 0]), rel=1e-10)


def test_equal_rows_have_no_median_distance():
    for d in 1, 2:
        assert compute_median_distance(np.full((7, d), 0.1)) is None
        assert compute_median_distance(np.full((1, d), 0.1)) is None


def test_median_distance_samples_many_vectors(low_limits):
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(MAX_ROWS + 400, 2))
    found = compute_median_distance(rows, 3)
    assert found == compute_median_distance(rows, 3)
    assert found != compute_median_distance(rows, 4)
    assert close(found, compute_median_distance(rows, 4), 0.05)
    assert compute_median_distance(rows[:MAX_ROWS], 3) == compute_median_distance(rows[:MAX_ROWS], 4)


@pytest.mark.parametrize("d", [1, 3])
def test_median_distance_does_not_depend_on_the_order_of_rows(low_limits, d):
    rng = np.random.default_rng(d)
    for rows in rng.normal(size=(MAX_ROWS + 100, d)), rng.integers(0, 9, (MAX_ROWS + 100, d)) / 7:
        assert compute_median_distance(rows) == compute_median_distance(rng.permutation(rows))


MANY = MAX_ROWS + 1_234
MANY_NUMBERS = {
    "normal": lambda rng: rng.normal(size=MANY),
    "Cauchy": lambda rng: rng.standard_cauchy(MANY) * 1e6,
    "few distinct": lambda rng: rng.integers(0, 50, MANY).astype(float),
    "evenly spaced": lambda rng: np.arange(MANY) / 3,
    "two groups": lambda rng: rng.normal(size=MANY) + 1e6 * (np.arange(MANY) % 2),
    "mostly 0": lambda rng: np.where(rng.random(MANY) < 0.99, 0.0, rng.lognormal(size=MANY)),
}


@pytest.mark.parametrize("name", MANY_NUMBERS)
def test_median_distance_of_many_numbers_is_exact(low_limits, name):
    values = MANY_NUMBERS[name](np.random.default_rng(0))
    distances = np.abs(np.subtract.outer(values, values))[np.triu_indices(MANY, 1)]
    assert compute_median_distance(values[:, None]) == np.median(distances[distances > 0])


def test_nearly_constant_numbers_have_a_median_distance():
    rows = make_sparse_rows(1)
    assert compute_median_distance(rows) == 4  # there are as many distances of 3 as of 7
    found = measure_dependence(rows, np.arange(len(rows)) % 7, testing=UNTESTED)
    assert found.sigma_x == 4
    assert found.cka is not None


@pytest.mark.full
def test_equal_sampled_vectors_need_sigma():
    rows, y = make_sparse_rows(2), np.arange(MAX_EXACT_ROWS + 300) % 7
    assert compute_median_distance(rows, SPARSE_SEED) is None
    with pytest.raises(ValueError) as caught:
        measure_dependence(rows, y, testing=HsicTest("none", seed=SPARSE_SEED))
    assert str(caught.value) == "x: the 5,000 rows sampled for the median distance are all equal; set --sigma"
    kernels = {"kernel_x": Kernel("gaussian", 2.0), "kernel_y": "linear"}
    found = measure_dependence(rows, y[:, None] % 2, testing=UNTESTED, **kernels)
    assert found.sigma_x == 2
    assert not build_variable(rows, Kernel("gaussian", 2.0)).is_constant
    assert build_variable(np.ones((MAX_EXACT_ROWS + 300, 2)), Kernel("gaussian")).is_constant


def test_sampled_vectors_are_those_of_their_stream():
    rows = np.random.default_rng(1).normal(size=(MAX_EXACT_ROWS + 400, 2))
    drawn = np.random.default_rng((definition.ROWS, 3, 0)).choice(len(rows), MAX_EXACT_ROWS, replace=False)
    ordered = np.array(sorted(rows.tolist(), key=lambda row: row[::-1]))
    assert compute_median_distance(rows, 3) == compute_median_distance(ordered[np.sort(drawn)])


def test_subnormal_numbers_have_a_median_distance():
    code = "import numpy as np; from kxcli.mining.hsic.bandwidth import compute_median_distance as of; "
    code += "print(of(np.array([[0.0], [5e-324], [0.0], [1e-323]])))"
    # A process can be ended if the bisection does not stop.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) in (5e-324, 1e-323)
