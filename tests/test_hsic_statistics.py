"""The statistics that permutations compare, against plain definitions."""

import itertools
import math

import hsic_definition as definition
import numpy as np
import pytest
from conftest import examples
from hsic_columns import NAMES, build_variable, labels, make_column, numbers, plan_pair
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic.contingency import DistinctValues, compute_exact_p_value, draw_tables
from kxcli.mining.hsic.dependence import estimate
from kxcli.mining.hsic.gram_sums import ManyGrams, sum_permuted_products
from kxcli.mining.hsic.kernels import CategoricalVariable
from kxcli.mining.hsic.permutation import compute_sequential_p_values
from kxcli.mining.hsic.permutation_moments import compute_permutation_moments
from kxcli.mining.hsic.permutation_plans import draft_plan, make_joint_statistic
from kxcli.mining.hsic.permutation_statistics import WholeStatistic, draw_orders
from kxcli.mining.hsic.permuted_kernels import FeatureKernels, WholeKernels, build_matrices
from kxcli.mining.hsic.scales import SCALES

ADAPTIVE = {
    "numbers": lambda rng, n: rng.normal(size=n),
    "skewed": lambda rng, n: rng.lognormal(size=n),
    "vectors": lambda rng, n: rng.normal(size=(n, 3)),
    "counts": lambda rng, n: rng.poisson(2, n).astype(float),
}


def make_adaptive(name, n, seed=0):
    values = ADAPTIVE[name](np.random.default_rng((seed, n)), n)
    return build_variable(values, Kernel("gaussian")), np.asarray(values, float).reshape(n, -1)


def compare_scales(x, y, orders):
    """Return the largest weighted, standardized trace of all pairs of bandwidths, slowly."""
    n = len(x)
    best = np.full(len(orders), -np.inf)
    medians = [definition.compute_median_distance(values) for values in (x, y)]
    for a, b in itertools.product(SCALES[0], repeat=2):
        if a * b < 1 / 16:
            continue
        k, l = (  # noqa: E741
            np.asarray(definition.gaussian(values, median * scale), float)
            for values, median, scale in ((x, medians[0], a), (y, medians[1], b))
        )
        if any(scale < 1 and matrix.sum() - n < n for scale, matrix in ((a, k), (b, l))):
            continue
        kc, lc = (np.asarray(definition.centered(matrix), float) for matrix in (k, l))
        moments = [(np.trace(m), (m**2).sum(), (np.diag(m) ** 2).sum()) for m in (kc, lc)]
        mean, variance = compute_moments(n, *moments)
        values = np.array([(kc * lc[np.ix_(order, order)]).sum() for order in orders])
        weight = 1 if a == b == 0.5 else 0.55
        best = np.maximum(best, weight * (values - mean) / math.sqrt(variance))
    return best


def compute_moments(n, x, y):
    """Return the mean and the variance over all orders."""
    arrays = [tuple(np.array([float(value)]) for value in one) for one in (x, y)]
    mean, variance = compute_permutation_moments(n, *arrays)
    return float(mean[0, 0]), float(variance[0, 0])


@pytest.mark.parametrize("seed", range(5))
def test_moments_are_those_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    k, l = (definition.centered(m + m.T) for m in rng.normal(size=(2, 6, 6)) ** 3)  # noqa: E741
    values = [float((k * l[np.ix_(order, order)]).sum()) for order in itertools.permutations(range(6))]
    moments = [(np.trace(m), (m**2).sum(), (np.diag(m) ** 2).sum()) for m in (k, l)]
    assert compute_moments(6, *moments) == pytest.approx((np.mean(values), np.var(values)), rel=1e-10)


@pytest.mark.parametrize(("left", "right"), [*itertools.product(ADAPTIVE, repeat=2)])
def test_bandwidths_are_compared_as_defined(left, right):
    n = 60
    (x, values_x), (y, values_y) = make_adaptive(left, n), make_adaptive(right, n, 1)
    plan = plan_pair(x, y)
    assert isinstance(plan.x, WholeKernels)
    orders = draw_orders(n, 0, 0, 20)
    assert np.allclose(
        plan.make_statistic().compute(orders)[:, 0], compare_scales(values_x, values_y, orders), atol=1e-8
    )


def test_fourier_features_are_near_the_matrices():
    n = 400
    x, y = (make_adaptive(name, n, seed)[0] for seed, name in enumerate(["numbers", "skewed"]))
    plan = plan_pair(x, y, whole_rows=10)
    assert isinstance(plan.x, FeatureKernels) and isinstance(plan.y, FeatureKernels)
    assert plan.x.bands[0] < plan.x.bands[1] < plan.x.width
    orders = draw_orders(n, 0, 0, 50)
    matrices = [build_matrices(one, plan.x.scales) for one in (x, y)]
    expected = WholeStatistic([matrices[0]], matrices[1]).compute(orders)
    assert np.corrcoef(plan.make_statistic().compute(orders)[:, 0], expected[:, 0])[0, 1] > 0.99


@pytest.mark.parametrize("name", [name for name in NAMES if "bow" not in name and "ngram" not in name])
@pytest.mark.parametrize("categories", [3, 40])
def test_categories_are_compared_as_matrices(name, categories):
    n = 90
    values, kernel, _ = make_column(name, n)
    groups = labels(
        [*map(str, range(categories)), *map(str, np.random.default_rng(5).integers(0, categories, n - categories))]
    )
    x, y = build_variable(values, kernel), build_variable(*groups[:2])
    for left, right in (x, y), (y, x):
        few = plan_pair(left, right, whole_rows=10, rank=n)
        if isinstance(few.x, DistinctValues) or isinstance(few.x, CategoricalVariable) is isinstance(
            few.y, CategoricalVariable
        ):
            continue  # tables, and categories against categories
        orders = draw_orders(n, 0, 0, 10)
        expected = WholeStatistic([build_matrices(left, (1.0,))], build_matrices(right, (1.0,)))
        assert np.allclose(few.make_statistic().compute(orders), expected.compute(orders), atol=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_random_tables_have_their_margins_and_their_mean(seed):
    sizes_x, sizes_y = np.array([5, 1, 14]), np.array([8, 9, 2, 1])
    tables = draw_tables(np.random.default_rng(seed), sizes_x, sizes_y, 4000)
    assert (tables.sum(axis=2) == sizes_x).all() and (tables.sum(axis=1) == sizes_y).all()
    assert np.allclose(tables.mean(axis=0), np.outer(sizes_x, sizes_y) / 20, atol=0.12)
    assert tables.min() == 0


@pytest.mark.costly
@pytest.mark.parametrize("kernels", [("delta", "delta"), ("gaussian", "delta"), ("linear", "gaussian")])
def test_tables_have_the_p_value_of_permuted_rows(kernels):
    rng = np.random.default_rng(0)
    x = rng.poisson(1, 300)
    y = np.where(rng.random(300) < 0.06, x, rng.integers(0, 3, 300))
    columns = []
    for values, kernel in zip((x, y), kernels, strict=True):
        columns.append(labels(list(map(str, values))) if kernel == "delta" else numbers(values.astype(float), kernel))
    (a, kernel_a, k), (b, kernel_b, l) = columns  # noqa: E741
    assert isinstance(plan_pair(build_variable(a, kernel_a), build_variable(b, kernel_b)).x, DistinctValues)
    p = measure_dependence(a, b, kernel_x=kernel_a, kernel_y=kernel_b, testing=HsicTest("permutation", 4000)).p_value
    expected = definition.drawn_p(np.asarray(k, float), np.asarray(l, float), 0, 2000)
    assert 0.005 < expected < 0.9
    assert abs(p - expected) < 5 * math.sqrt(expected * (1 - expected) / 1300)


@examples(60)
@given(st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_exact_p_value_of_a_table_adds_up_its_probabilities(cells):
    table = np.array(cells).reshape(2, 2)
    n, first, drawn = int(table.sum()), int(table[0].sum()), int(table[:, 0].sum())
    if not n:
        return
    distance = abs(n * cells[0] - first * drawn)
    ways = {
        k: math.comb(first, k) * math.comb(n - first, drawn - k)
        for k in range(max(0, first + drawn - n), min(first, drawn) + 1)
    }
    expected = sum(way for k, way in ways.items() if abs(n * k - first * drawn) >= distance) / math.comb(n, drawn)
    assert compute_exact_p_value(table) == pytest.approx(expected, rel=1e-9)


def test_exact_p_value_is_never_zero():
    assert 0 < compute_exact_p_value(np.array([[100_000, 0], [0, 100_000]])) < 1e-300


@pytest.mark.parametrize("kernel", ["gaussian", "delta"])
def test_two_values_on_either_side_have_the_p_value_of_all_permutations(kernel):
    for n, ones_x, ones_y, both in [(30, 5, 9, 4), (12, 6, 6, 6), (60, 1, 30, 1), (9, 3, 4, 1)]:
        x = np.array([1.0] * ones_x + [0.0] * (n - ones_x))
        y = np.array(
            [1.0] * both + [0.0] * (ones_x - both) + [1.0] * (ones_y - both) + [0.0] * (n - ones_x - ones_y + both)
        )
        column_x, column_y = (x, y) if kernel == "gaussian" else (list(map(str, x)), list(map(str, y)))
        found = measure_dependence(column_x, column_y, kernel_x=kernel, kernel_y=kernel)
        assert found.draws is None and found.n_bandwidths == 1
        table = [[both, ones_x - both], [ones_y - both, n - ones_x - ones_y + both]]
        assert found.p_value == compute_exact_p_value(np.array(table))


def test_many_matrices_have_the_same_sums():
    rng = np.random.default_rng(0)
    k, l = (m + m.transpose(0, 2, 1) for m in (rng.normal(size=(30, 20, 20)), rng.normal(size=(3, 20, 20))))  # noqa: E741
    orders = draw_orders(20, 1, 0, 7)
    assert np.allclose(ManyGrams(k).sum_permuted_products(l, orders), sum_permuted_products(k, l, orders), rtol=1e-12)


def test_joint_tests_have_the_p_values_of_single_ones():
    n = 40
    rng = np.random.default_rng(0)
    y = build_variable(rng.normal(size=n), Kernel("gaussian"))
    plans = []
    for i in range(40):
        x = y.rows[:, 0] * (i < 5) + rng.normal(size=n)
        plans.append(plan_pair(build_variable(x, Kernel("gaussian")), y))
    joint_p, joint_draws = compute_sequential_p_values(make_joint_statistic(plans), 3, 2000)
    for plan, p, draws in zip(plans, joint_p, joint_draws, strict=True):
        assert compute_sequential_p_values(plan.make_statistic(), 3, 2000) == (p, draws)
    assert len(set(joint_draws.tolist())) > 10 and max(joint_draws) == 2000


def test_heavy_tails_and_outliers_have_a_defined_test():
    x, y = np.full(11, 8.0), np.array([6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.5, 5.56, 7.91, 6.89])
    x[7] = 19  # the fourth of Anscombe's quartet: 12.5 is in the row with 19, so p is about 1/11
    assert 0.05 < measure_dependence(x, y).p_value < 0.13


def test_rich_kernels_keep_their_power():
    """Few features of a rich kernel find this in 3 of 20 draws if their uneven diagonal is compared."""
    n_found = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(300, 100))
        y = 0.14 * x + rng.normal(size=(300, 100))
        found = measure_dependence(x, y, testing=HsicTest(permutations=99))
        n_found += found.p_value <= 0.05
    assert n_found >= 4


@pytest.mark.parametrize("n", [1500, 2500, 7000])
def test_rich_kernels_are_whole_up_to_many_rows(n):
    """Fewer bandwidths are preferred to few features, that would omit most of these kernels."""
    x, y = (build_variable(np.random.default_rng(seed).normal(size=(n, 5)), Kernel("gaussian")) for seed in (0, 1))
    assert not draft_plan(x, y, 0).omits_much


@pytest.mark.parametrize("scale", [1e-30, 1e30])
def test_scale_of_the_linear_kernel_does_not_matter(scale):
    rng = np.random.default_rng(0)
    x = rng.normal(size=100)
    y = 0.3 * x + rng.normal(size=100)
    for name in "permutation", "eigen", "gamma":
        testing = HsicTest(name, 99 if name == "permutation" else None)
        p, scaled = (
            measure_dependence(x * a, y * a, kernel_x="linear", kernel_y="linear", testing=testing).p_value
            for a in (1.0, scale)
        )
        assert scaled == pytest.approx(p, rel=1e-6)


def test_number_of_permutations_does_not_choose_the_test():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(2, 2000))
    for n in 10, 10**7:
        variables = (build_variable(values, Kernel("gaussian", "median")) for values in (x, y))
        assert estimate(*variables, HsicTest(permutations=n)).plan_permutations() is not None


def test_distinct_statistics_of_long_texts_do_not_tie():
    texts = ["a b " * 20_000 + "c " * i for i in range(40)]
    plan = plan_pair(
        build_variable(texts, Kernel("ngram", n=1)), build_variable(["x"] * 3 + ["y"] * 37, Kernel("delta"))
    )
    statistic = plan.make_statistic()
    values = statistic.compute(draw_orders(40, 0, 0, 100))[:, 0]
    thresholds = values * (1 - 1e-9)
    assert statistic.compute_thresholds()[0] > statistic.compute(np.arange(40)[None])[0, 0] * (1 - 1e-9)
    assert len(set(np.round(values / values.max(), 9))) > 30 and (thresholds > 0).all()
