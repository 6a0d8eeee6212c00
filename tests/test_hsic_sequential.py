"""Sequential p-values of many permutation tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining.hsic.sequential import SequentialCounts, choose_max_draws


def count_one_by_one(reaching, max_draws, max_exceedances):
    """Return the p-value and the number of draws of one test."""
    n_reaching = 0
    for n_draws, reaches in enumerate(reaching[:max_draws], 1):
        n_reaching += bool(reaches)
        if n_reaching == max_exceedances:
            return max_exceedances / n_draws, n_draws
    return (1 + n_reaching) / (1 + max_draws), max_draws


@given(
    seed=st.integers(0, 10_000),
    n_tests=st.integers(1, 6),
    max_draws=st.integers(1, 60),
    max_exceedances=st.integers(1, 8),
    sizes=st.lists(st.integers(0, 20), max_size=8),
)
def test_counts_match_draws_one_by_one(seed, n_tests, max_draws, max_exceedances, sizes):
    rng = np.random.default_rng(seed)
    all_draws = rng.random((max_draws, n_tests)) < rng.random(n_tests) ** 2
    counts = SequentialCounts(n_tests, max_draws, max_exceedances)
    start = 0
    for size in [*sizes, max_draws]:  # the last has all that are left, if any test is open
        part = np.vstack((all_draws[start:], np.ones((max_draws, n_tests), dtype=bool)))[:size]
        if counts.is_open.any():
            counts.add(part[:, counts.is_open])
            start += size
    assert not counts.is_open.any()
    expected = [count_one_by_one(all_draws[:, i], max_draws, max_exceedances) for i in range(n_tests)]
    assert counts.compute_p_values().tolist() == [p for p, _ in expected]
    assert counts.n_draws.tolist() == [n_draws for _, n_draws in expected]


@pytest.mark.parametrize(("max_draws", "max_exceedances"), [(9, 2), (30, 5), (5, 9)])
def test_p_values_are_valid_at_every_level(max_draws, max_exceedances):
    """P(p <= a) is at most a, if the rank of the observed statistic among the draws is uniform."""
    rng = np.random.default_rng(max_draws)
    n_tests = 20_000
    statistics = rng.random((max_draws + 1, n_tests))
    counts = SequentialCounts(n_tests, max_draws, max_exceedances)
    counts.add(statistics[1:] >= statistics[0])
    p_values = counts.compute_p_values()
    for level in np.unique(p_values):
        share = (p_values <= level).mean()
        assert share <= level + 4 * np.sqrt(level * (1 - level) / n_tests)


def test_rows_of_other_tests_are_refused():
    counts = SequentialCounts(3, 10, 1)
    counts.add(np.array([[True, False, False]]))
    assert counts.is_open.tolist() == [False, True, True]
    with pytest.raises(ValueError, match="2 tests are open"):
        counts.add(np.ones((1, 3), dtype=bool))


def test_default_draws_grow_with_the_tests():
    assert [choose_max_draws(n, None) for n in (1, 20, 21, 300, 2_000, 10**6)] == [
        *(1_000, 1_000, 1_050, 15_000, 100_000, 100_000)
    ]
    assert choose_max_draws(10**6, 20) == 20
