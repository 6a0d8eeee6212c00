"""Association in tables of two by two counts, against exact arithmetic and published values."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining.association import compute_chi2_p, compute_log_likelihood

CELLS = st.one_of(st.integers(0, 9), st.integers(0, 10**9))


def log_likelihood(*cells):
    """Return G² of one table with 50 digits."""
    with localcontext() as context:
        context.prec = 50
        (a, b, c, d), total = map(Decimal, cells), sum(cells)
        expected = [row * column / total for row in (a + b, c + d) for column in (a + c, b + d)] if total else []
        return float(2 * sum(o * (o / e).ln() for o, e in zip((a, b, c, d), expected, strict=False) if o))


@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=20))
def test_log_likelihood_equals_exact_arithmetic(tables):
    values = compute_log_likelihood(*np.array(tables).T)
    assert values.min() >= 0
    assert values == pytest.approx([log_likelihood(*table) for table in tables], rel=1e-9, abs=1e-9)


def test_log_likelihood_keeps_digits_of_a_rare_word_in_large_corpora():
    table = (2_954, 100_000_028, 2_970, 100_000_000)
    assert float(compute_log_likelihood(*map(np.array, table))) == pytest.approx(log_likelihood(*table), rel=1e-12)


# Dunning, Accurate Methods for the Statistics of Surprise and Coincidence (1993), table 1.
@pytest.mark.parametrize(
    ("cells", "expected"),
    [((110, 2442, 111, 29114), 270.72), ((29, 13, 123, 31612), 263.90), ((31, 23, 139, 31584), 256.84)],
)
def test_log_likelihood_equals_published_values(cells, expected):
    assert round(float(compute_log_likelihood(*map(np.array, cells))), 2) == expected


def test_log_likelihood_of_an_empty_row_or_column_is_zero():
    zeros, counts = np.zeros(2, int), np.array([0, 5])
    assert compute_log_likelihood(zeros, zeros, counts, counts).tolist() == [0, 0]
    assert compute_log_likelihood(zeros, counts, zeros, counts).tolist() == [0, 0]


def test_p_values_equal_quantiles_of_tables():
    p = compute_chi2_p(np.array([0.0, 2.705543, 3.841459, 6.634897, 10.827566, 1_500.0]))
    assert p.tolist() == pytest.approx([1, 0.1, 0.05, 0.01, 0.001, 0], rel=1e-6)
    assert compute_chi2_p(np.array([[1_400.0]]))[0, 0] == math.erfc(math.sqrt(700))
