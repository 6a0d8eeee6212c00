"""Tests of independence: permutations, eigen, gamma; their level."""

import itertools
import math

import hsic_definition as definition
import numpy as np
import pytest
from hsic_columns import (
    NAMES,
    assert_exact,
    assert_right,
    build_variable,
    close,
    compute_share,
    draw_texts,
    iter_sums,
    labels,
    make_column,
    make_rich_columns,
    measure_limited,
    numbers,
    plan_pair,
    set_excess,
    strings,
)

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import (
    low_rank,
    null_distribution,
    permutation,
    tiles,
)
from kxcli.mining.hsic.contingency import DistinctValues
from kxcli.mining.hsic.jobs import RangeTask, run_inline
from kxcli.mining.hsic.kernels import count_blocks
from kxcli.mining.hsic.permuted_kernels import WholeKernels


@pytest.mark.parametrize("n", [4, 6, 7])
def test_few_rows_are_tested_by_all_permutations(n):
    for left, right in [*itertools.pairwise(NAMES[: 5 if n == 7 else None]), ("delta, few", "delta, many")]:
        (x, kernel_x, k), (y, kernel_y, l) = make_column(left, n, 3), make_column(right, n, 3)  # noqa: E741
        if n == 7 and "+" in left + right:
            continue
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=HsicTest("auto", 5))
        assert found.test == "permutation"
        assert_exact(found, k, l)


SMOOTH = [
    "gaussian, narrow",
    "delta, few",
    "linear near 1e8",
    "gaussian, 2-D",
    "delta, many",
    "laplace",
    "bow",
    "gaussian, outlier",
    "gaussian, again",
    "ngram:3+cosine",
]


@pytest.mark.parametrize("n", [8, 60])
def test_permutations_of_features_match_full_matrices(n):
    for i, j in itertools.product(range(len(SMOOTH)), repeat=2):
        if j not in (i, (i + 1) % len(SMOOTH), (i - 1) % len(SMOOTH), (i + 3) % len(SMOOTH)):
            continue
        (x, kernel_x, k), (y, kernel_y, l) = make_column(SMOOTH[i], n, 1), make_column(SMOOTH[j], n, 2)  # noqa: E741
        testing = HsicTest("permutation", 29, seed=i)
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
        if isinstance(plan_pair(build_variable(x, kernel_x), build_variable(y, kernel_y)).x, DistinctValues):
            continue  # see test_hsic_statistics.py
        assert found.p_value == definition.drawn_p(k, l, i, 29), (SMOOTH[i], SMOOTH[j])
        assert found.notes == ()


def test_permutation_p_value_depends_on_the_seed_only():
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    y = 0.3 * x + rng.normal(size=50)

    def p(n_permutations, seed):
        return measure_dependence(x, y, testing=HsicTest("permutation", n_permutations, seed)).p_value

    assert p(99, 1) == p(99, 1)
    assert len({p(99, seed) for seed in range(6)}) > 1
    for n_permutations in 1, 19, 99:
        n_reaching = p(n_permutations, 1) * (1 + n_permutations) - 1
        assert abs(n_reaching - round(n_reaching)) < 1e-9
        assert 0 <= n_reaching <= n_permutations


@pytest.mark.parametrize("n_permutations", [1, 100, 250])
def test_parts_of_permutations_add_up(n_permutations):
    plan = plan_pair(*(build_variable(*make_column(name, 60)[:2]) for name in ("gaussian, narrow", "laplace")))
    job = permutation.CountPermutations(1, n_permutations)
    job.setup(plan)
    (task,) = permutation.iter_tasks(plan, n_permutations)
    whole = job.map([task])
    for cut in range(1, task.stop):
        assert job.map([RangeTask(0, cut)]) + job.map([RangeTask(cut, task.stop)]) == whole
    assert sum(one.stop - one.start for one in permutation.iter_tasks(plan, 12_345)) == 124


def test_p_is_one_for_the_smallest_statistic():
    for kernel in Kernel("gaussian", 1.0), Kernel("gaussian", 0.7), Kernel("laplace", 1.0), Kernel("linear"):
        found = measure_dependence([0, 0, 1, 1], [0, 1, 0, 1.0], kernel_x=kernel, kernel_y=kernel)
        assert abs(found.biased_n2) < 1e-15
        assert found.p_value == 1, kernel
        x, y = np.repeat([0, 1, 5.0], 16), np.tile([0, 1.0, 2, 9], 12)
        assert (
            measure_dependence(x, y, kernel_x=kernel, kernel_y=kernel, testing=HsicTest(permutations=99)).p_value == 1
        )


@pytest.mark.parametrize("n", [50, pytest.param(150, marks=pytest.mark.slow)])
def test_eigen_p_value_matches_the_mixture_of_the_spectra(n):
    for left, right in [
        ("gaussian, narrow", "gaussian, 2-D"),
        ("laplace", "delta, many"),
        ("gaussian, Cauchy", "delta, few"),
        ("bow+cosine", "laplace"),
    ]:
        (x, kernel_x, k), (y, kernel_y, l) = make_column(left, n), make_column(right, n)  # noqa: E741
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=HsicTest("eigen"))
        weights = np.outer(definition.eigenvalues(k), definition.eigenvalues(l)).ravel()
        weights = np.sort(weights)[::-1]
        great = weights[weights > 1e-4 * weights[0]]
        # The mixture has another mean and variance than the permuted sums off the diagonal.
        observed, mean, variance = definition.permutation_moments(k, l)
        value = weights.sum() + (observed - mean) * math.sqrt(2 * float(weights @ weights) / variance)
        expected = definition.compute_mixture_tail(great, value - (weights.sum() - great.sum()))
        assert close(found.p_value, expected, 2e-3), (left, right)


@pytest.mark.full
def test_eigen_is_near_permutations_for_a_frequent_and_many_rare_labels():
    rng = np.random.default_rng(0)
    some = np.array(["common"] * 100 + [str(i) for i in range(300)])
    for _ in range(2):
        x, y = rng.permutation(some), rng.permutation(some)
        kernels = {"kernel_x": "delta", "kernel_y": "delta"}
        p = measure_dependence(x, y, testing=HsicTest("eigen"), **kernels).p_value
        assert abs(p - measure_dependence(x, y, testing=HsicTest("permutation", 199), **kernels).p_value) < 0.25


def test_eigen_of_two_binary_labels_is_a_chi_square():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 2, 400)
        y = np.where(rng.random(400) < 0.1 * seed, x, rng.integers(0, 2, 400))
        found = measure_dependence(x, y, kernel_x="delta", kernel_y="delta", testing=HsicTest("eigen"))
        observed, mean, variance = definition.permutation_moments(definition.delta(x), definition.delta(y))
        square = 1 + (observed - mean) * math.sqrt(2 / variance)  # a chi-square has the mean 1 and the variance 2
        assert close(found.p_value, math.erfc(math.sqrt(square / 2)), 1e-8)


@pytest.mark.parametrize(
    "names", [("laplace", "delta, many"), ("bow", "gaussian, 2-D"), ("linear near 1e8", "delta, few")]
)
def test_mean_and_variance_match_all_permutations(names):
    n = 6
    (x, kernel_x, k), (y, kernel_y, l) = (make_column(name, n) for name in names)  # noqa: E741
    k_off, l_off = definition.off_diagonal(k), definition.off_diagonal(l)
    sums = [(k_off * l_off[np.ix_(order, order)]).sum() for order in itertools.permutations(range(n))]
    observed, mean, variance = definition.permutation_moments(k, l)
    assert (observed, mean, variance) == pytest.approx((sums[0], np.mean(sums), np.var(sums)), rel=1e-9)
    for _, kernel_sums in iter_sums(build_variable(x, kernel_x), build_variable(y, kernel_y)):
        excess, found = null_distribution.compute_off_diagonal_moments(kernel_sums)
        assert (excess * n, found * n**2) == pytest.approx((observed - mean, variance), rel=1e-8)


def test_gamma_p_value_matches_the_definition():
    for n in 4, 6, 9, 60, 600:
        for left, right in [("gaussian, narrow", "laplace"), ("delta, many", "gaussian, 9-D")][: 2 if n < 600 else 1]:
            (x, kernel_x, k), (y, kernel_y, l) = make_column(left, n), make_column(right, n)  # noqa: E741
            found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=HsicTest("gamma"))
            assert close(found.p_value, definition.gamma_p(k, l), 1e-8)
            assert_right(found, k, l)


SIX_ROWS = 600  # rows of 6 dimensions: their laplace kernel needs more than 64 features


@pytest.fixture(scope="module")
def six_dimensions():
    """Return two independent variables, the sums over both, and their full spectra."""
    rng = np.random.default_rng(6)
    sides = [build_variable(rng.normal(size=(SIX_ROWS, 6)), Kernel("laplace")) for _ in range(2)]
    sums = run_inline(tiles.SumTiles(), tiles.iter_tasks(SIX_ROWS), sides).compute_sums(*sides)
    whole = []
    for one in sides:
        k = np.block([[one.tile(i, j) for j in range(count_blocks(SIX_ROWS))] for i in range(count_blocks(SIX_ROWS))])
        whole.append(np.linalg.eigvalsh(definition.centered(k) / SIX_ROWS)[::-1])
    return sides, sums, whole


@pytest.mark.full
@pytest.mark.parametrize(
    "deviations", [pytest.param(np.linspace(-0.2, 4, 30), marks=pytest.mark.slow), (1.2, 1.9, 2.3)], ids=["many", "few"]
)
def test_sampled_and_cut_spectra_give_nearly_the_same_p(six_dimensions, deviations):
    variables, sums, whole = six_dimensions
    traces = sums.trace_x / SIX_ROWS, sums.trace_y / SIX_ROWS
    squares = sums.xx.trace / SIX_ROWS**2, sums.yy.trace / SIX_ROWS**2
    full, sampled = (
        [null_distribution.estimate_eigenvalues(variables[i], traces[i], squares[i], 0, i, n) for i in (0, 1)]
        for n in (SIX_ROWS, 300)
    )
    assert all(np.allclose(found, values, atol=1e-12) for found, values in zip(full, whole, strict=True))
    assert [len(found) for found in sampled] == [300, 300]
    deviation = math.sqrt(null_distribution.compute_off_diagonal_moments(sums).variance)
    n_compared = 0
    for times in deviations:
        there = set_excess(sums, times * deviation)
        p = null_distribution.compute_eigen_p_value(there, *whole)
        if 0.008 < p < 0.52:
            n_compared += 1
            assert close(null_distribution.compute_eigen_p_value(there, *(values[:64] for values in whole)), p, 0.01)
            assert close(null_distribution.compute_eigen_p_value(there, *sampled), p, 0.1)
    assert n_compared >= 3


@pytest.mark.full
def test_full_mixture_matches_simulated_chi_squares(six_dimensions):
    _, sums, (x, y) = six_dimensions
    rng = np.random.default_rng(0)
    # The sums of λ_i μ_j z_ij², by columns.
    drawn = np.array([x @ (rng.normal(size=(SIX_ROWS, SIX_ROWS)) ** 2 @ y) for _ in range(60)])
    mean, variance = float(x.sum() * y.sum()), 2 * float((x @ x) * (y @ y))
    scale = math.sqrt(null_distribution.compute_off_diagonal_moments(sums).variance / variance)
    for share in 0.25, 0.5, 0.75:
        there = set_excess(sums, scale * (float(np.quantile(drawn, share)) - mean))
        assert abs(null_distribution.compute_eigen_p_value(there, x, y) - (1 - share)) < 0.2


NEAR_IDENTITY = {
    "30-D": lambda rng, n: numbers(rng.normal(size=(n, 30)), "gaussian", 4.0),
    "trigrams": lambda rng, n: strings(draw_texts(rng, n), "ngram:3", cosine=True),
}


@pytest.mark.costly
@pytest.mark.parametrize("n", [150, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NEAR_IDENTITY)
@pytest.mark.parametrize("test", ["eigen", "gamma"])
def test_asymptotic_p_near_the_identity_is_near_the_permutations(name, n, test):
    for seed in range(5):
        rng = np.random.default_rng((seed, 9))
        (x, kernel_x, k), (y, kernel_y, l) = (NEAR_IDENTITY[name](rng, n) for _ in range(2))  # noqa: E741
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=HsicTest(test))
        k, l = (definition.off_diagonal(matrix).astype(float) for matrix in (k, l))  # noqa: E741
        orders = [rng.permutation(n) for _ in range(499)]
        p = float(np.mean([np.vdot(k, l[np.ix_(order, order)]) >= np.vdot(k, l) for order in orders]))
        assert abs(found.p_value - p) < 0.1


@pytest.mark.parametrize("cosine", [False, True], ids=["product", "cosine"])
@pytest.mark.parametrize("turned", [False, True], ids=["texts first", "labels first"])
@pytest.mark.parametrize("name", ["bow", "ngram:2"])
def test_texts_against_labels_are_permuted_with_all_their_terms(name, turned, cosine):
    n = 70
    rng = np.random.default_rng(len(name))
    some = draw_texts(rng, n)
    by_label = [str(min(len(text) // 12, 2)) if rng.random() < 0.3 else rng.choice(list("012")) for text in some]
    columns = [strings(some, name, cosine=cosine), labels(by_label)]
    (x, kernel_x, k), (y, kernel_y, l) = columns[::-1] if turned else columns  # noqa: E741
    statistic = plan_pair(build_variable(x, kernel_x), build_variable(y, kernel_y), rank=1).make_statistic()
    unit = float(np.trace(k if "text" in str(x[0]) or kernel_x.compares_texts else l))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(n)
        assert close(statistic.compute(order[None])[0, 0] * unit, definition.permuted(k, l, order), 1e-11)
        found = measure_limited(x, y, HsicTest("auto", 39, seed), kernel_x, kernel_y)
        assert (found.test, found.notes) == ("permutation", ())
        assert found.p_value == definition.drawn_p(k, l, seed, 39)


def test_texts_against_too_many_labels_are_whole_matrices():
    (x, kernel_x, k), (y, kernel_y, l) = make_column("bow", 60), make_column("delta, few", 60)  # noqa: E741
    found = measure_limited(x, y, HsicTest("permutation", 39, 2), kernel_x, kernel_y, cells=10)
    assert found.p_value == definition.drawn_p(k, l, 2, 39)
    assert isinstance(plan_pair(build_variable(x, kernel_x), build_variable(y, kernel_y), cells=10).x, WholeKernels)


def test_auto_uses_eigen_if_permutations_would_compare_too_little():
    x, y = make_rich_columns()
    shares = [compute_share(rank, x) for rank in (20, 150)]
    assert shares[0] < 0.9 < shares[1] < 0.999
    found = measure_limited(x, y, HsicTest(), rank=20, whole_rows=100)
    assert found.test == "eigen"
    note = "the test is eigen, because permutations would take long or compare too little of a kernel"
    assert found.notes == (note,)
    assert found.p_value == measure_dependence(x, y, testing=HsicTest("eigen")).p_value
    turned = measure_limited(y, x, HsicTest(), rank=20, whole_rows=100)
    assert (turned.test, turned.notes) == (found.test, found.notes)
    requested = measure_limited(x, y, HsicTest("permutation", 19), rank=20, whole_rows=100)
    assert requested.test == "permutation"
    assert requested.notes == (
        f"the permutations compare 20 features of x's kernel, with {shares[0]:.1%} of its trace; "
        "that costs power, not the level of the test",
    )
    found = measure_limited(x, y, HsicTest(permutations=19), rank=150, whole_rows=100)
    assert found.test == "permutation"
    assert len(found.notes) == 1
    assert found.notes[0].startswith("the permutations compare 150 features of x's kernel, with 9")
    assert compute_share(199, x) >= 0.999
    assert measure_limited(x, y, HsicTest(permutations=19), rank=199, whole_rows=100).notes == ()
    assert measure_limited(x, y, HsicTest(permutations=19), rank=20).notes == ()  # whole matrices


def test_sampled_spectra_are_noted():
    x, y = make_rich_columns()
    assert measure_dependence(x, y, testing=HsicTest("eigen")).notes == ()
    found = measure_limited(x, y, HsicTest("eigen"), spectrum_rows=100)
    assert found.notes[0] == f"the spectrum of x's kernel is that of 100 of {len(x):,} rows"
    assert measure_limited(x, y, HsicTest(), spectrum_rows=100, rank=20, whole_rows=100).notes == (
        "the test is eigen, because permutations would take long or compare too little of a kernel",
        *found.notes,
    )


def test_maximal_rank_decreases_with_the_number_of_rows():
    assert [low_rank.get_max_rank(n) for n in (100, 1000, 20_000, 10**6)] == [1000, 316, 70, 64]


DRAWS = 500


def share_rejected(columns, testing, kernel=None):
    """Return the share of independent draws that a test calls dependent."""
    rejected = 0
    for seed in range(DRAWS):
        x, y = columns(np.random.default_rng((seed, 77)))
        found = measure_dependence(x, y, kernel_x=kernel, kernel_y=kernel, testing=testing(seed))
        rejected += found.dependent
    return rejected / DRAWS


def normal(n):
    return lambda rng: (rng.normal(size=n), rng.normal(size=n))


def discrete(n):
    return lambda rng: (rng.integers(0, 4, n), rng.poisson(1, n))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "kernel"),
    [(normal(100), "gaussian"), (discrete(100), "gaussian"), (discrete(100), "delta")],
    ids=["normal", "counts", "labels"],
)
def test_permutation_has_its_level(columns, kernel):
    assert 0.03 <= share_rejected(columns, lambda seed: HsicTest("permutation", 199, seed), kernel) <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "kernel"),
    [(normal(200), "gaussian"), (discrete(200), "gaussian"), (discrete(200), "delta")],
    ids=["normal", "counts", "labels"],
)
def test_eigen_has_its_level(columns, kernel):
    assert 0.03 <= share_rejected(columns, lambda seed: HsicTest("eigen"), kernel) <= 0.07
