"""Level and power of the default test of independence, by simulation."""

import math

import hsic_power
import numpy as np
import pytest
import simulations

MAX_LEVEL = 0.065  # of 2,000 samples: three standard errors above 0.05
MIN_LEVEL = 0.035
MIN_RATIO = 0.9  # to the power of the best single choice
STANDARD_ERRORS = 2  # that a measured power may be below its expectation: once in 40 tests it is


@pytest.mark.parametrize("name", [*simulations.DEPENDENT, *simulations.INDEPENDENT])
def test_simulations_depend_on_their_generator_only(name):
    draw = (simulations.DEPENDENT | simulations.INDEPENDENT)[name]
    for n in 20, 50:
        (x, y), again = draw(np.random.default_rng(n), n), draw(np.random.default_rng(n), n)
        assert len(x) == len(y) == n
        assert np.array_equal(x, again[0])
        assert np.array_equal(y, again[1])
        assert not np.array_equal(x, y)


def test_large_simulations_have_the_shapes_of_their_definition():
    x, y = simulations.draw_high_dimensional(np.random.default_rng(0))
    assert x.shape == y.shape == (700, 300)
    assert abs(np.mean(x * y) - 0.075) < 0.01
    x, y = simulations.draw_rare_flags(np.random.default_rng(0))
    assert len(x) == len(y) == 25_000
    assert set(x) == set(y) == {0, 1}
    assert 0 < x.mean() < 0.003


def test_median_distance_skips_equal_rows():
    assert hsic_power.compute_median_distance(np.array([0.0, 0.0, 1.0, 3.0])) == 2
    assert math.isclose(hsic_power.compute_median_distance(np.array([[0.0, 0.0], [3.0, 4.0]])), 5)


def test_strong_dependence_is_rejected_by_every_choice():
    shares = hsic_power.measure_rejections(lambda rng, n: (x := rng.normal(size=n), x), 60, hsic_power.CHOICES, 2, 39)
    assert shares == dict.fromkeys(hsic_power.CHOICES, 1)


def test_undefined_test_rejects_nothing():
    constant = np.zeros(30)
    shares = hsic_power.measure_rejections(lambda rng, n: (constant, rng.normal(size=n)), 30, ["default"], 2, 39)
    assert shares == {"default": 0}


@pytest.mark.slow
@pytest.mark.parametrize("n", [20, 50, 200])
@pytest.mark.parametrize("kind", simulations.INDEPENDENT)
def test_default_rejects_independent_columns_at_its_level(kind, n):
    share = hsic_power.measure_level(kind, n)
    assert share <= MAX_LEVEL
    if kind in simulations.CONTINUOUS and n >= 50:
        assert share >= MIN_LEVEL


@pytest.mark.slow
def test_default_rejects_independent_rare_flags_at_its_level():
    assert hsic_power.measure_level(hsic_power.RARE_NAME, simulations.RARE_ROWS) <= MAX_LEVEL


@pytest.mark.slow
@pytest.mark.parametrize("simulation", [*simulations.DEPENDENT, hsic_power.HIGH_NAME])
def test_default_has_nine_tenths_of_the_power_of_the_best_single_choice(simulation):
    power = hsic_power.measure_power(simulation)
    if simulation == "multimodal independence":
        assert power["default"] <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / hsic_power.POWER_SAMPLES)
        return
    expected = MIN_RATIO * power[hsic_power.find_best(power)]
    samples = hsic_power.HIGH_SAMPLES if simulation == hsic_power.HIGH_NAME else hsic_power.POWER_SAMPLES
    allowance = STANDARD_ERRORS * math.sqrt(expected * (1 - expected) / samples)
    assert power["default"] >= expected - allowance, power
