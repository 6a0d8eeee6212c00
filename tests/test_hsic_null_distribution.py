"""Tails of weighted sums of chi-squares."""

import math
import sys
from fractions import Fraction

import hsic_definition as definition
import numpy as np
import pytest
from hsic_columns import build_variable, close, tail

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import pairs
from kxcli.mining.hsic.dependence import DEFAULT_LIMITS
from kxcli.mining.hsic.jobs import run_inline
from kxcli.mining.hsic.null_distribution import compute_least_expected_count
from kxcli.mining.hsic.pairs import MeasurePairs, PairColumn


def even_tail(degrees, value):
    """Return the tail of a chi-square of an even number of degrees: a sum of Poisson probabilities."""
    logs = [k * math.log(value / 2) - value / 2 - math.lgamma(k + 1) for k in range(degrees // 2)]
    return math.fsum(map(math.exp, logs))


@pytest.mark.parametrize(
    "value", [1e-12, 1e-6, 1e-3, 0.1, 0.5, 1, 2, 3.84, 10, 40, 100, 200, 230, 300, 460, 700, 1000, 1300]
)
def test_tails_of_chi_squares(value):
    assert close(tail([1], [1], value), math.erfc(math.sqrt(value / 2)), 1e-11)
    assert close(tail([1, 1], [1, 1], value), math.exp(-value / 2), 1e-11)
    for degrees in 2, 4, 200:
        assert close(tail([1], [degrees], value), even_tail(degrees, value), 1e-11)
        assert close(tail([1] * 2, [degrees / 2] * 2, value), even_tail(degrees, value), 1e-11)
        for unit in 1e-200, 1e-9, 1e100:
            assert close(tail([unit], [degrees], value * unit), even_tail(degrees, value), 1e-11)


def convolved(value, weight, half_degrees):
    """Return the exact tail of a chi-square of 2 degrees plus `weight` times one of 2 half_degrees."""
    # P = e^(-v/2) (1 - w)^-k P(Gamma(k) < v/(2w) (1 - w)) + P(Gamma(k) > v/(2w))
    k, x = half_degrees, value / (2 * weight)
    front = math.exp(-value / 2 - k * math.log1p(-weight))
    return front * (1 - definition.gamma_tail(k, x * (1 - weight))) + definition.gamma_tail(k, x)


@pytest.mark.parametrize(("weight", "half_degrees"), [(0.05, 100), (0.01, 2500), (0.001, 25_000), (0.3, 3), (1e-5, 10)])
@pytest.mark.parametrize("deviations", [-3, -2, -1, -0.5, 0, 0.5, 1, 3, 10])
def test_tails_of_one_large_weight_and_many_small_ones(weight, half_degrees, deviations):
    value = 2 + weight * 2 * half_degrees + deviations * math.sqrt(4 + 4 * weight**2 * half_degrees)
    if value > 0:
        assert close(tail([1, weight], [2, 2 * half_degrees], value), convolved(value, weight, half_degrees), 1e-8)


@pytest.mark.full
def test_tails_range_from_one_to_the_smallest_double():
    assert tail([1], [3], 0) == 1
    assert tail([1, 2], [3, 1], -1) == 1
    assert close(tail([1], [3], 1e-300), 1)
    assert 0 < tail([1], [2], 2 * 700) < 1e-300
    assert tail([1], [2], 2 * 710) == sys.float_info.min
    assert tail([1], [2], 1e5) == sys.float_info.min
    assert tail([1], [2], 1e300) == sys.float_info.min
    values = [tail([1, 0.3, 0.01], [1, 2, 50], value) for value in np.linspace(0.01, 60, 80)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.7, 33.3, 1000.5])
@pytest.mark.parametrize("ratio", [0.1, 0.9, 1.0, 1.1, 3.0, 20.0])
def test_tails_of_gamma_distributions(shape, ratio):
    expected = max(definition.gamma_tail(shape, shape * ratio), sys.float_info.min)
    assert close(tail([0.5], [2 * shape], shape * ratio), expected, 1e-10, 1e-14 if ratio < 1 else 0)


@pytest.mark.parametrize("rates", [(1, 2), (1, 3, 7), (1, 2, 4, 8, 16)])
@pytest.mark.parametrize("value", [0.2, 1, 5, 30, 230])
def test_tails_of_hypoexponential_distributions(rates, value):
    expected = math.fsum(
        float(math.prod(Fraction(other, other - rate) for other in rates if other != rate)) * math.exp(-rate * value)
        for rate in rates
    )
    assert close(tail([1 / (2 * rate) for rate in rates], [2] * len(rates), value), expected, 1e-11)


def test_tails_of_many_weights():
    weights = 1 / np.arange(1.0, 31) ** 1.5
    for value in 0.5, 1.5, 2.6, 5.0, 9.0:
        assert close(tail(weights, np.ones(30), value), definition.compute_mixture_tail(weights, value), 1e-6)


def test_gamma_p_value_of_a_single_different_row_is_no_discovery():
    """Anscombe's fourth set: of eleven rows, one has another x, so p by permutation is 1/11."""
    x = [8] * 7 + [19] + [8] * 3
    y = [6.58, 5.76, 7.71, 8.84, 8.47, 7.04, 5.25, 12.5, 5.56, 7.91, 6.89]
    found = measure_dependence(x, y, testing=HsicTest("gamma"))
    assert 0.03 < found.p_value < 0.2


def test_asymptotic_tests_find_dependence_in_high_dimension():
    rng = np.random.default_rng(0)
    x, noise = rng.normal(size=(2, 400, 200))
    for name in "eigen", "gamma":
        assert measure_dependence(x, 0.12 * x + noise, testing=HsicTest(name)).p_value < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("name", ["eigen", "gamma"])
def test_asymptotic_p_values_in_high_dimension_are_uniform(name):
    """Many chance levels occur, not only those near one half."""
    p_values = []
    for seed in range(60):
        x, y = np.random.default_rng(seed).normal(size=(2, 120, 100))
        p_values.append(measure_dependence(x, y, testing=HsicTest(name)).p_value)
    quantiles = np.quantile(p_values, [0.1, 0.5, 0.9])
    assert 0.03 < quantiles[0] < 0.2
    assert 0.35 < quantiles[1] < 0.65
    assert 0.8 < quantiles[2] < 0.97


def make_flags(n, n_x, n_y, n_both):
    """Return two flags of n rows; some have the first, the second, or both."""
    x, y = np.zeros((2, n), dtype=int)
    x[:n_x] = 1
    y[n_x - n_both : n_x - n_both + n_y] = 1
    return x, y


@pytest.mark.parametrize("kernel", ["gaussian", "delta"])
def test_eigen_of_rare_flags_is_refused(kernel):
    """Their p was 8e-11, where Fisher's test has 0.02: a single row has both."""
    x, y = make_flags(2_500, 9, 8, 1)
    columns = (x, y) if kernel == "gaussian" else (x.astype(str), y.astype(str))
    with pytest.raises(ValueError, match=r"eigen is wrong for rare values: .* in 0\.029 rows, .*use --test perm"):
        measure_dependence(*columns, kernel_x=kernel, kernel_y=kernel, testing=HsicTest("eigen"))
    x, y = make_flags(2_500, 120, 110, 5)
    measure_dependence(x, y, kernel_x="gaussian", testing=HsicTest("eigen"))


def test_least_expected_counts():
    def count(x, y, kernels=("gaussian", "gaussian")):
        variables = (build_variable(values, Kernel(kernel)) for values, kernel in zip((x, y), kernels, strict=True))
        return compute_least_expected_count(*variables)

    x, y = make_flags(100, 20, 30, 10)
    flags = [str(flag) for flag in y]
    assert count(x, y) == count(flags, x, ("delta", "linear")) == 6
    assert count(x, np.arange(100)) == 20
    assert count(flags, np.arange(100), ("delta", "gaussian")) == 30
    assert count(np.arange(100), np.arange(100)) == math.inf
    assert count(np.arange(100) % 2, np.arange(100)) == math.inf  # no value has more than half of the rows
    assert count(["a"] * 60 + ["b"] * 20 + ["c"] * 20, x, ("delta", "gaussian")) == 8
    assert count([str(i // 2) for i in range(100)], flags, ("delta", "delta")) == 30
    assert count(np.column_stack((x, 7 * x)), y) == 6


def test_pairs_with_rare_categories_are_permuted_instead_of_eigen():
    x, y = make_flags(100, 10, 20, 5)
    values = x, y, np.arange(100) % 7
    kernel = Kernel("gaussian")
    columns = [PairColumn(build_variable(column, kernel), kernel, None, None) for column in values]
    all_pairs = [(0, 1), (0, 2), (1, 2)]
    found = run_inline(MeasurePairs(HsicTest("eigen"), DEFAULT_LIMITS, 99), pairs.iter_tasks(all_pairs, 100), columns)
    assert [found[pair].test for pair in all_pairs] == ["permutation", "eigen", "eigen"]
    (note,) = found[0, 1].notes
    assert note == "the test is permutation, because the least expected count is less than 5"
