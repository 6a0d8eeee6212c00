"""The estimators of HSIC against their definitions and the reference."""

import itertools
import math
from dataclasses import replace

import hsic_definition as definition
import numpy as np
import pytest
from conftest import examples
from hsic_columns import (
    NAMES,
    UNTESTED,
    assert_exact,
    assert_right,
    bound_unbiased_error,
    build_variable,
    close,
    draw_texts,
    is_constant,
    iter_sums,
    labels,
    make_column,
    numbers,
    reference_column,
    reference_name,
    references,
    set_excess,
    strings,
    tail,
    varies,
)
from hypothesis import example, given
from hypothesis import strategies as st

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import (
    null_distribution,
    permutation,
    tiles,
)
from kxcli.mining.hsic.estimators import KernelProduct, compute_estimates, sum_categories
from kxcli.mining.hsic.kernels import TILE_ROWS, block_rows, count_blocks


@pytest.mark.parametrize("n", [4, 5, 8, 128, 129, 512, 1025])
def test_every_method_matches_the_definitions(n):
    columns = {
        name: make_column(name, n) for name in (NAMES if n < 500 else NAMES[n % 3 :: 3] if n < 1000 else NAMES[:4])
    }
    names = list(columns)
    for i, name in enumerate(names):
        for j in sorted({i, (i + 1) % len(names), (i + 4) % len(names)} if n < 500 else {(i + 1) % len(names)}):
            (x, kernel_x, k), (y, kernel_y, l) = columns[name], columns[names[j]]  # noqa: E741
            found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=UNTESTED)
            assert found.n == n
            product = float(np.abs(k).max() * np.abs(l).max())
            lost = product * (
                1e-11 if "outlier" in name + names[j] else 1e-12
            )  # the others are rounded at its distance
            assert_right(found, k, l, unbiased=lost)
            for _, sums in iter_sums(build_variable(x, kernel_x), build_variable(y, kernel_y)):
                assert_right(compute_estimates(sums), k, l, unbiased=lost)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("gaussian, 2-D", "bow"),
        ("gaussian, narrow", "delta, few"),
        ("gaussian, Cauchy", "laplace"),
        ("delta, few", "delta, many"),
    ],
)
@pytest.mark.full
def test_many_tasks_match_the_definitions(left, right):
    n = 2 * TILE_ROWS + 52
    assert len(list(tiles.iter_tasks(n, 2))) == 3
    (x, kernel_x, k), (y, kernel_y, l) = make_column(left, n), make_column(right, n)  # noqa: E741
    variables = build_variable(x, kernel_x, n_characters=900), build_variable(y, kernel_y, n_characters=900)
    for _, sums in iter_sums(*variables, pairs_per_task=2, min_features=1 << 10, block_rows=100):
        assert_right(compute_estimates(sums), k, l)


def test_frequent_words_have_the_same_products():
    n = 150
    rng = np.random.default_rng(5)
    some = [f"{'the ' * rng.integers(1, 4)}{text}" for text in draw_texts(rng, n)]
    for cosine in False, True:
        x, kernel, k = strings(some, "bow", cosine=cosine)
        assert np.allclose(build_variable(x, kernel).tile(0, 0), k.astype(float), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_tiles_columns_and_diagonals_match_the_matrix(name):
    n = TILE_ROWS + 9
    x, kernel, k = make_column(name, n)
    one = build_variable(x, kernel)
    whole = np.empty((n, n))
    for i, j in itertools.product(range(count_blocks(n)), repeat=2):
        whole[block_rows(i), block_rows(j)] = one.tile(i, j)
    greatest = float(np.abs(whole).max())
    assert (
        np.abs(definition.centered(whole) - definition.centered(k)).max() <= 1e-9 * greatest
    )  # but for a constant, the kernel
    assert np.abs(whole - whole.T).max() <= 1e-13 * greatest
    for i in 0, 7, TILE_ROWS - 1, TILE_ROWS, n - 1:
        assert np.abs(one.column(i) - whole[i]).max() <= 1e-11 * greatest
    assert np.abs(one.diagonal - np.diag(whole)).max() <= 1e-13 * greatest


def test_definition_of_the_trace_matches_the_formula():
    rng = np.random.default_rng(0)
    k, l = definition.gaussian(rng.normal(size=30), 1.0), definition.laplace(rng.normal(size=(30, 2)), 1.0)  # noqa: E741
    assert close(definition.trace(k, l), definition.trace_literally(k, l), 1e-12)
    off = ~np.eye(30, dtype=bool)
    zeroed = np.where(off, k, 0).astype(float), np.where(off, l, 0).astype(float)
    one = np.ones(30)
    whole = (
        np.trace(zeroed[0] @ zeroed[1])
        + (one @ zeroed[0] @ one) * (one @ zeroed[1] @ one) / (29 * 28)
        - 2 / 28 * (one @ zeroed[0] @ zeroed[1] @ one)
    )
    assert close(definition.unbiased(k, l), whole / (30 * 27), 1e-10)


cells = st.one_of(st.integers(-3, 3).map(float), st.floats(-4, 4, width=16), st.sampled_from([0.0, 1.0, 50.0, -1e6]))


sigmas = st.sampled_from([0.01, 0.3, 1.0, 2.5, 20.0, None])


@st.composite
def columns(draw, n):
    """Draw a column of n rows, with its kernel and matrix."""
    name = draw(st.sampled_from(["gaussian", "laplace", "linear", "delta", "ngram"]))
    if name == "delta":
        return labels(draw(st.lists(st.sampled_from(draw(st.sampled_from(["ab", "abcdef"]))), min_size=n, max_size=n)))
    if name == "ngram":
        some = draw(st.lists(st.text("ab \n", max_size=5), min_size=n, max_size=n))
        return strings(some, f"ngram:{draw(st.integers(1, 3))}", cosine=draw(st.booleans()))
    d = draw(st.sampled_from([1, 1, 2, 10]))
    some = st.sampled_from(draw(st.lists(cells, min_size=1, max_size=4))) if draw(st.booleans()) else cells
    values = np.array(draw(st.lists(some, min_size=n * d, max_size=n * d))).reshape(n, d)
    sigma = None if name == "linear" else draw(sigmas)
    if sigma is None and name != "linear" and definition.compute_median_distance(values) is None:
        sigma = 1.0
    return numbers(values, name, sigma)


@given(pair=st.integers(4, 9).flatmap(lambda n: st.tuples(columns(n), columns(n))))
@example(
    pair=(
        numbers([[0.0]] * 5 + [[1.0]] * 3, "gaussian", 0.01),
        numbers([[0.0]] * 3 + [[0.25]] + [[-1e6]] * 4, "gaussian", 0.3),  # .25 is rounded at a distance of 1e6
    )
)
def test_small_columns_match_the_definitions(pair):
    (x, kernel_x, k), (y, kernel_y, l) = pair  # noqa: E741
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=UNTESTED)
    tolerance = bound_unbiased_error(*pair)
    assert_right(found, k, l, noise=1e-15, unbiased=tolerance)
    if is_constant(k) or is_constant(l):
        assert found.cka is None
        assert found.cka_unbiased is None
    one, other = build_variable(x, kernel_x), build_variable(y, kernel_y)
    if not (one.is_constant or other.is_constant):
        for _, sums in iter_sums(one, other):
            assert_right(compute_estimates(sums), k, l, noise=1e-15, unbiased=tolerance)


@examples(40)
@given(data=st.data(), n=st.integers(4, 5))
def test_small_columns_have_exact_p_values(data, n):
    x, kernel_x, k = data.draw(columns(n))
    y, kernel_y, l = data.draw(columns(n))  # noqa: E741
    testing = HsicTest("permutation", permutations=10)
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
    if (varies(k) and varies(l)) or is_constant(k) or is_constant(l):
        assert_exact(found, k, l)
    assert found.dependent is (None if found.is_undefined else found.p_value <= 0.05)


@pytest.fixture
def reference_file():
    if not references():
        pytest.skip("the reference is not here")


@pytest.mark.parametrize("case", references() or [None], ids=lambda case: reference_name(case) if case else "none")
def test_reference_values_are_reproduced(reference_file, case):
    (x, kernel_x), (y, kernel_y) = (reference_column(case, which) for which in "xy")
    testing = HsicTest("permutation" if case.get("perm") else "none")
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
    assert found.n == case["n"]
    greatest = math.prod(max(1.0, float(build_variable(*one).diagonal.max())) for one in ((x, kernel_x), (y, kernel_y)))
    if case.get("degenerate"):
        assert (found.biased_n2, found.biased_nm1, found.unbiased) == (0, 0, 0)
        assert (found.cka, found.cka_unbiased, case["cka"]) == (None, None, None)
        assert (found.p_value, found.dependent) == (None, None)
        return
    for which, sigma in ("x", found.sigma_x), ("y", found.sigma_y):
        expected = case[f"kernel_{which}"].get("sigma")
        assert sigma == (expected if expected is None else pytest.approx(expected, rel=1e-12))
    assert close(found.biased_n2, case["biased_n2"])
    assert close(found.biased_nm1, case["biased_nm1"])
    assert close(found.cka, case["cka"])
    assert abs(found.unbiased - case["unbiased"]) <= 1e-12 * greatest
    assert found.cka_unbiased == pytest.approx(case["cka_unbiased"], rel=1e-9)
    if testing.name == "permutation":
        low, high = case["perm"]["p_accept_range_1000"]
        assert low <= found.p_value <= high


@pytest.mark.slow
def test_dependence_is_nearly_always_found(reference_file):
    """A random half of the rows of a dependent column is enough."""
    n_found = n_tried = 0
    for case in references():
        perm = case.get("perm") or {}
        if case["n"] < 100 or max(perm.get("p", [1])) > 1e-3:
            continue
        (x, kernel_x), (y, kernel_y) = (reference_column(case, which) for which in "xy")
        for seed in range(5):
            rows = np.random.default_rng(seed).choice(case["n"], case["n"] // 2, replace=False)
            halves = ([values[i] for i in rows] for values in (x, y))
            found = measure_dependence(
                *halves, kernel_x=kernel_x, kernel_y=kernel_y, testing=HsicTest("permutation", 199, seed)
            )
            n_found += found.dependent
            n_tried += 1
    assert n_tried >= 50
    assert n_found >= 0.95 * n_tried


def assert_same(a, b, relative=1e-10):
    """Compare two measurements."""
    for name in "biased_n2", "biased_nm1", "cka":
        assert close(getattr(a, name), getattr(b, name), relative), name
    assert close(a.unbiased, b.unbiased, relative, 1e-13 * max(1.0, a.biased_n2))


@pytest.mark.parametrize("n", [6, 130])
def test_swapped_columns_have_the_same_estimates(n):
    for left, right in itertools.pairwise(NAMES if n < 10 else NAMES[::2]):
        (x, kernel_x, _), (y, kernel_y, _) = make_column(left, n), make_column(right, n)
        for name in "permutation", "eigen", "gamma":
            if name == "permutation" and n > permutation.MAX_ENUMERATED_ROWS:
                continue
            testing = HsicTest(name)
            one = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
            other = measure_dependence(y, x, kernel_x=kernel_y, kernel_y=kernel_x, testing=testing)
            assert_same(one, other)
            assert one.is_undefined == other.is_undefined
            assert one.is_undefined or close(one.p_value, other.p_value, 1e-8)
            assert (one.kernel_x, one.sigma_x) == (other.kernel_y, other.sigma_y)


@pytest.mark.parametrize("n", [9, 140, 600])
def test_estimates_do_not_depend_on_the_order_of_rows(n):
    order = np.random.default_rng(n).permutation(n)
    for left, right in itertools.pairwise(NAMES[:: 1 if n < 500 else 4]):
        (x, kernel_x, _), (y, kernel_y, _) = make_column(left, n), make_column(right, n)
        moved = [[values[i] for i in order] for values in (x, y)]
        kernels = {"kernel_x": kernel_x, "kernel_y": kernel_y, "testing": UNTESTED}
        assert_same(measure_dependence(x, y, **kernels), measure_dependence(*moved, **kernels))


@pytest.mark.parametrize("n", [10, 300])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "linear"])
def test_estimates_do_not_depend_on_shift_and_scale(kernel, d, n):
    rng = np.random.default_rng(n)
    x, y = np.round(rng.normal(size=(n, d)) * 1024) / 1024, rng.normal(size=n)

    def measured(values):
        return measure_dependence(values, y, kernel_x=kernel, testing=UNTESTED)

    found = measured(x)
    for shift in 2.0**20, -(2.0**30), 1e8:
        assert_same(measured(x + shift), found, 1e-6 if shift == 1e8 else 1e-9)
    for scale in 2.0**-20, -(2.0**20), 3.7, 1e-200, 1e149, 1e8:
        if kernel != "linear":
            scaled = measured(x * scale)
            assert_same(scaled, found, 1e-9)
            assert close(scaled.sigma_x, found.sigma_x * abs(scale), 1e-12)
        elif abs(scale) in (2.0**-20, 2.0**20, 3.7, 1e8):
            scaled = measured(x * scale)
            assert close(scaled.biased_n2, found.biased_n2 * scale**2)
            assert close(scaled.cka, found.cka)


@pytest.mark.parametrize("n", [10, 300])
def test_linear_kernel_of_small_numbers_keeps_its_digits(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    found = measure_dependence(x, y, kernel_x="linear", kernel_y="linear", testing=UNTESTED)
    small = measure_dependence(x * 2.0**-200, y, kernel_x="linear", kernel_y="linear", testing=UNTESTED)
    assert close(small.biased_n2, found.biased_n2 * 2.0**-400)
    assert close(small.cka, found.cka)


@pytest.mark.parametrize(("n", "kernel"), [(5, "gaussian"), (5, "laplace"), (5, "linear"), (6, "delta")])
def test_unbiased_estimate_has_mean_zero_over_all_orders(n, kernel):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n) if kernel != "delta" else list("aabbbc"[:n])
    y = x if kernel == "delta" else x**2 + rng.normal(size=n) / 9
    found = [
        measure_dependence(x, [y[i] for i in order], kernel_x=kernel, kernel_y=kernel, testing=UNTESTED).unbiased
        for order in itertools.permutations(range(n))
    ]
    assert max(map(abs, found)) > 1e-3
    assert abs(math.fsum(found)) / len(found) < 1e-14


CONSTANTS = [
    (np.full(9, 0.1), Kernel("gaussian")),
    (np.full(9, 1e8 + 0.1), Kernel("laplace", 2.0)),
    (np.full((9, 3), 1e150), Kernel("gaussian")),
    (np.full(9, 3.3), Kernel("linear")),
    (["a"] * 9, Kernel("delta")),
    (["a b"] * 9, Kernel("bow")),
    ([""] * 9, Kernel("ngram", n=2, cosine=True)),
    ([""] * 9, Kernel("bow")),
]


@pytest.mark.parametrize(("constant", "kernel"), CONSTANTS)
@pytest.mark.parametrize("name", ["auto", "permutation", "eigen", "none"])
def test_constant_column_has_no_dependence(constant, kernel, name):
    other = np.arange(9.0)
    testing = HsicTest(name)
    found = measure_dependence(constant, other, kernel_x=kernel, testing=testing)
    assert (found.biased_n2, found.biased_nm1, found.unbiased, found.cka, found.cka_unbiased) == (0, 0, 0, None, None)
    assert (found.p_value, found.dependent, found.is_undefined) == (None, None, name != "none")
    assert found.sigma_x is None
    assert found.sigma_y == 3
    assert found.notes == ("x is constant, so HSIC is 0, and CKA and the test are undefined",)
    turned = measure_dependence(other, constant, kernel_y=kernel, testing=testing)
    assert turned.notes == ("y is constant, so HSIC is 0, and CKA and the test are undefined",)
    assert turned.p_value == found.p_value
    both = measure_dependence(constant, constant, kernel_x=kernel, kernel_y=kernel, testing=testing)
    assert len(both.notes) == 2


def assert_sane(found):
    values = [found.biased_n2, found.biased_nm1, found.unbiased, found.cka, found.cka_unbiased, found.p_value]
    assert all(value is None or math.isfinite(value) for value in values)
    assert found.biased_n2 >= 0
    assert found.cka is None or 0 <= found.cka <= 1 + 1e-9
    assert found.p_value is None or 0 <= found.p_value <= 1


@pytest.mark.parametrize("name", ["permutation", "eigen", "gamma"])
@pytest.mark.parametrize("n", [4, 6, 40, 140])
def test_all_distinct_labels_are_undefined(n, name):
    some = [str(i) for i in range(n)]
    found = measure_dependence(some, some[::-1], testing=HsicTest(name, 19))
    assert close(found.biased_n2, (n - 1) / n**2, 1e-12)
    assert abs(found.unbiased) < 1e-15
    assert close(found.cka, 1, 1e-12)
    assert found.cka_unbiased is None
    assert_sane(found)
    other = measure_dependence(some, np.arange(float(n)), testing=HsicTest(name, 19))
    assert_sane(other)
    twice = measure_dependence(some, [*some[1:], some[1]], testing=HsicTest(name, 19))
    for one in found, other, twice:
        assert (one.p_value, one.dependent, one.is_undefined, one.test) == (None, None, True, name)
        assert "no two rows of x are equal for its kernel, so the test is undefined" in one.notes


@pytest.mark.parametrize("n", [8, 140, 1000])
@pytest.mark.parametrize("name", ["permutation", "eigen", "gamma"])
def test_two_equal_rows_define_a_test(n, name):
    some = [str(i) for i in range(n - 1)] + ["0"]
    found = measure_dependence(some, some[::-1], testing=HsicTest(name, 19))
    assert found.p_value is not None and not found.notes


@pytest.mark.parametrize("name", ["permutation", "eigen", "gamma", "none"])
@pytest.mark.parametrize("sigma", [1e-140, 1e-12, 1e9, 1e160, 1e300])
def test_kernels_near_the_identity_or_a_constant_are_sane(sigma, name):
    shapes = [(4, 1), (4, 10), (50, 2), (140, 1), (140, 10)]
    for (n, d), kernel in itertools.product(shapes, ["gaussian", "laplace"]):
        rng = np.random.default_rng((n, d))
        x, y = rng.normal(size=(n, d)), rng.normal(size=n)
        found = measure_dependence(x, y, kernel_x=Kernel(kernel, sigma), testing=HsicTest(name, 9))
        assert_sane(found)
        if sigma < 1e-9:
            assert_right(found, np.eye(n), definition.gaussian(y, found.sigma_y))
            assert found.cka_unbiased is None
            assert found.p_value is None  # every order gives the same
        else:
            assert abs(found.biased_n2) < 1e-8


def test_narrow_kernel_of_many_columns_is_the_identity():
    x, y = np.random.default_rng(0).normal(size=(20, 10)), np.arange(20.0)
    found = measure_dependence(x, y, kernel_x=Kernel("gaussian", 1e-140), testing=UNTESTED)
    assert_right(found, np.eye(20), definition.gaussian(y, found.sigma_y))


@pytest.mark.parametrize("kernel_y", ["laplace", "gaussian", "linear", "delta"])
@pytest.mark.parametrize("kernel_x", ["laplace", "gaussian", "linear", "delta"])
def test_biased_estimates_of_a_balanced_design_are_not_negative(kernel_x, kernel_y):
    """Each x has each y once, so HSIC is 0, and rounding may be of either sign."""
    for n_x, n_y, unit in (3, 7, 0.1), (5, 7, 100 / 3), (13, 20, 1.1):
        x, y = np.repeat(np.arange(n_x) * unit, n_y), np.tile(118 + np.arange(n_y) ** 2 / unit, n_x)
        columns = (v.astype(str) if k == "delta" else v for v, k in ((x, kernel_x), (y, kernel_y)))
        found = measure_dependence(*columns, kernel_x=kernel_x, kernel_y=kernel_y, testing=UNTESTED)
        assert min(found.biased_n2, found.biased_nm1, found.cka) >= 0
        assert found.cka < 1e-9


@pytest.mark.parametrize("degrees", [0.5, 0.1, 1e-3, 1e-9, 1e-15])
def test_rest_of_few_degrees_of_freedom_is_a_constant(degrees):
    """If its mean is tiny, the variance of the rest may be rounding."""
    x = build_variable(["a", "b"] * 20, Kernel("delta"))
    y = build_variable(["a", "b", "b"] * 13 + ["a"], Kernel("delta"))
    sums, spectra = sum_categories(x, y), [null_distribution.compute_category_eigenvalues(one.sizes) for one in (x, y)]
    product = float(spectra[0][0] * spectra[1][0])
    weight = 5 * product
    # The rest has this mean and half variance.
    mean, half_variance = product + weight * degrees, product**2 + weight**2 * degrees
    n = sums.n
    trace = mean * n**2 / sums.trace_y
    square = half_variance * n**4 / sums.yy.trace
    own = math.sqrt(half_variance * n / (n - 3))  # so that permutations have the variance of the mixture
    sums = replace(
        sums,
        xx=KernelProduct(square, own, trace**2 / n),
        yy=KernelProduct(sums.yy.trace, own, sums.trace_y**2 / n),
        trace_x=trace,
    )
    for times in 0.5, 3, 6:
        there = set_excess(sums, times * product - mean)
        found = null_distribution.compute_eigen_p_value(there, *(values[:1] for values in spectra))
        assert 0 <= found <= 1
        if degrees < 0.01:
            assert close(found, math.erfc(math.sqrt(times / 2)), 0.01)
        elif degrees == 0.5:
            assert found > math.erfc(math.sqrt(times / 2))
        assert 0 <= tail([1, 5], [1, degrees], times) <= 1


@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
@pytest.mark.parametrize("n", [10, 300])
def test_tiny_bandwidth_is_an_error(kernel, n):
    x = np.random.default_rng(n).normal(size=n)
    for sigma in 1e-160, 1e-300, 5e-324:
        with pytest.raises(ValueError, match=f"^x: the bandwidth {sigma:g} is too small for these numbers$"):
            measure_dependence(x, x, kernel_x=Kernel(kernel, sigma))


@pytest.mark.parametrize("n", [50, 140])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
@pytest.mark.parametrize("sigma", [1e3, 1e5, 1e6, 1e7, 1e9])
def test_alignment_of_a_nearly_constant_kernel_is_right_or_none(sigma, kernel, d, n):
    rng = np.random.default_rng((n, d))
    x = rng.normal(size=(n, d))
    y = x[:, 0] + rng.normal(size=n)
    found = measure_dependence(x, y, kernel_x=Kernel(kernel, sigma), testing=UNTESTED)
    # For such bandwidths exp(-t) is 1 - t, and alignment does not depend on scale.
    squares = definition.distances(x) ** (2 if kernel == "gaussian" else 1)
    k, l = -squares, definition.gaussian(y, found.sigma_y)  # noqa: E741
    assert found.cka is None or close(found.cka, definition.cka(k, l), 0.02)
    assert found.cka_unbiased is None or close(found.cka_unbiased, definition.cka_unbiased(k, l), 0.05, 0.005)


def test_cosines_of_one_are_undefined():
    some = ["a " * i + "b " * i + "c " * i for i in range(1, 31)]
    found = measure_dependence(
        some, np.arange(30.0), kernel_x=Kernel("bow", cosine=True), testing=HsicTest("permutation", 99)
    )
    assert abs(found.biased_n2) < 1e-14
    assert (found.cka, found.cka_unbiased) == (None, None)
    assert found.is_undefined


@pytest.mark.parametrize("n", [10, 300])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_extreme_outliers_give_sane_results(kernel, n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    for greatest in 1e12, 1e100, 1e149:
        found = measure_dependence(
            np.append(x, greatest), np.append(y, 0), kernel_x=kernel, testing=HsicTest(permutations=9)
        )
        assert_sane(found)


def test_four_rows_are_enough():
    found = measure_dependence([1.0, 2, 3, 4], [1.0, 4, 9, 16])
    assert found.n == 4
    assert (found.kernel_x, found.kernel_y, found.test) == ("gaussian", "gaussian", "permutation")
    assert found.sigma_x == 1.5
    assert found.sigma_y == 7.5
    assert close(
        found.p_value,
        definition.exact_p(*(definition.gaussian(v, s) for v, s in ([[1, 2, 3, 4], 1.5], [[1, 4, 9, 16], 7.5]))),
    )
