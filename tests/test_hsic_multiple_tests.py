"""Adjusted p-values."""

import hsic_definition as definition
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining.multiple_tests import adjust_p_values, compute_adjusted, count_sufficient_draws, needs_more_draws

# By hand, by the definition of p.adjust(c(.01, .04, .03, .005, .8), method) in the manual of R.
R_VALUES = {
    "bh": [0.025, 0.05, 0.05, 0.025, 0.8],
    "by": [0.05708333333333333, 0.11416666666666667, 0.11416666666666667, 0.05708333333333333, 1.0],
    "holm": [0.04, 0.09, 0.09, 0.025, 0.8],
    "none": [0.01, 0.04, 0.03, 0.005, 0.8],
}


@pytest.mark.parametrize("method", R_VALUES)
def test_adjusted_p_values_match_r(method):
    found = compute_adjusted(np.array([0.01, 0.04, 0.03, 0.005, 0.8]), method)
    assert found.tolist() == pytest.approx(R_VALUES[method], rel=1e-12)


def test_undefined_tests_do_not_count():
    assert adjust_p_values([0.02, None, 0.03], "holm") == [0.04, None, 0.04]
    assert adjust_p_values([0.02, None], "none") == [None, None]
    assert adjust_p_values([None], "by") == [None]
    assert adjust_p_values([], "bh") == []


@given(p_values=st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.5, 1.0])), min_size=1, max_size=20))
def test_q_values_match_the_definition(p_values):
    found = compute_adjusted(np.array(p_values), "bh")
    assert found.tolist() == pytest.approx(definition.q_values(p_values), rel=1e-12)


@given(n=st.integers(1, 400), alpha=st.sampled_from([0.05, 0.01, 0.1]), method=st.sampled_from(["bh", "by", "holm"]))
def test_sufficient_draws_are_the_fewest(n, alpha, method):
    n_draws = count_sufficient_draws(n, alpha, method)
    for n_used, is_enough in ((n_draws, True), (n_draws - 1, False)):
        p_values = np.array([1 / (1 + n_used), *[1.0] * (n - 1)])
        assert (compute_adjusted(p_values, method)[0] <= alpha * (1 + 1e-9)) == is_enough


def test_single_test_needs_draws_for_alpha_alone():
    assert [count_sufficient_draws(n, 0.05, "none") for n in (1, 900)] == [19, 19]
    assert count_sufficient_draws(20, 0.05, "bh") == 399


@pytest.mark.parametrize(
    ("method", "one", "all_tests"),
    [("bh", True, False), ("by", True, False), ("holm", True, True), ("none", False, False)],
)
def test_more_draws_are_needed_while_smallest_p_values_are_too_large(method, one, all_tests):
    """Of 60 tests, q is 60 / 1,001 for a single one that no draw reaches, and 1 / 1,001 if none reaches any."""
    smallest, ended, exact = (1 / 1001, 1000), (0.5, 200), (1e-9, None)
    assert needs_more_draws([smallest, *[ended] * 59], method) == one
    assert needs_more_draws([smallest] * 60, method) == all_tests
    assert not needs_more_draws([ended] * 60, method)
    assert not needs_more_draws([exact] * 60, method)


@given(
    tests=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 5)), min_size=1, max_size=20),
    method=st.sampled_from(["bh", "by", "holm", "none"]),
)
def test_equal_tests_can_be_given_with_their_number(tests, method):
    p_values, n_tests = np.array([p for p, _ in tests]), np.array([n for _, n in tests])
    repeated = compute_adjusted(np.repeat(p_values, n_tests), method)
    found = compute_adjusted(p_values, method, n_tests)
    assert np.repeat(found, n_tests).tolist() == pytest.approx(repeated.tolist(), rel=1e-12)
