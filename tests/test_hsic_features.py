"""Kernels as few features."""

import hsic_definition as definition
import numpy as np
import pytest
from hsic_columns import NAMES, build_variable, close, compress_variable, iter_sums, make_column
from hypothesis import given
from hypothesis import strategies as st

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import (
    null_distribution,
    variables,
)
from kxcli.mining.hsic import terms as terms_module
from kxcli.mining.hsic.estimators import compute_estimates
from kxcli.mining.hsic.jobs import run_inline


@pytest.mark.parametrize("name", NAMES)
def test_full_rank_features_equal_the_centered_kernel(name):
    n = 130
    x, kernel, k = make_column(name, n)
    kept = compress_variable(build_variable(x, kernel), n)
    assert kept.features.shape[0] == n
    assert kept.features.shape[1] <= n
    assert np.abs(kept.features.mean(axis=0)).max() <= 1e-12 * np.abs(kept.features).max()
    assert np.abs(kept.features @ kept.features.T - definition.centered(k)).max() <= 3e-10 * float(np.trace(k))
    assert kept.share == pytest.approx(1, abs=1e-9)
    spectrum = null_distribution.compute_eigenvalues(kept.features.T @ kept.features / n)
    expected = np.sort(definition.eigenvalues(k))[::-1]
    assert np.allclose(spectrum[:10], expected[:10], rtol=1e-6, atol=1e-9 * expected[0])


@given(
    values=st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=40, unique=True),
    exponent=st.floats(-2, 10),
    shift=st.sampled_from([0.0, 1.0, -1e3]),
)
def test_fourier_features_equal_a_flat_kernel(values, exponent, shift):
    extent = max(values) - min(values)
    if extent < 1e-6:
        return
    rows = np.array(values) / extent + shift
    sigma = 10**exponent
    one = build_variable(rows, Kernel("gaussian", sigma))
    features = one.features.transform(one.rows)
    own = features - features.mean(axis=1)[:, None]
    squares = definition.distances(rows) ** 2
    right = definition.centered(np.expm1(-squares / definition.WIDE(sigma) ** 2))
    greatest = float(np.abs(right).max())
    for found in own.T @ own, definition.centered(one.tile(0, 0)):
        assert np.abs(found - right).max() <= (1e-11 if shift == 0 else 1e-9) * greatest


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("sigma", [1e-2, 1.0, 1e2, 1e4, 1e6, 1e8, 1e10])
def test_flat_kernels_keep_their_digits_with_features(sigma, n):
    rng = np.random.default_rng(n)
    x = rng.uniform(size=n)
    y = x + rng.uniform(size=n)
    one, other = build_variable(x, Kernel("gaussian", sigma)), build_variable(y, Kernel("gaussian", sigma))
    found = {way: compute_estimates(sums) for way, sums in iter_sums(one, other)}
    assert set(found) == {"tiles", "moments"}
    for name in "biased_n2", "unbiased", "cka", "cka_unbiased":
        values = [getattr(of_way, name) for of_way in found.values()]
        if name != "cka_unbiased" or None not in values:
            assert close(*values, 1e-9), name
    k, l = (np.expm1(-((definition.distances(some) / definition.WIDE(sigma)) ** 2)) for some in (x, y))  # noqa: E741
    for of_way in found.values():
        assert close(of_way.biased_n2, definition.biased_n2(k, l))
        assert close(of_way.cka, definition.cka(k, l))


@pytest.mark.parametrize("name", [name for name in NAMES if "delta" not in name])
@pytest.mark.parametrize("rank", [1, 5, 20])
def test_share_is_the_fraction_of_the_trace(name, rank):
    n = 90
    x, kernel, k = make_column(name, n)
    variable = build_variable(x, kernel)
    kept = compress_variable(variable, rank)
    assert kept.width <= (rank if variable.features is None else n)
    whole = definition.centered(k)
    assert close(kept.share, float((kept.features**2).sum() / np.trace(whole)), 1e-9)
    # The rest is a kernel too, so positive semidefinite.
    left = (whole - kept.features @ kept.features.T).astype(float)
    assert np.linalg.eigvalsh(left)[0] >= -1e-9 * float(np.trace(whole))
    if variable.features is None:
        assert np.allclose(kept.missing_diagonal, np.diag(left), atol=1e-9 * float(np.trace(whole)))


def test_share_of_extreme_counts_is_exact():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 30))
    y = x[:, 0] + rng.normal(size=300) / 9
    testing = HsicTest("permutation", 19)
    found = measure_dependence(x, y, kernel_x=Kernel("gaussian", 4.0), testing=testing)
    assert found.notes == ()
    some = ["好" * 1000 + "".join(map(chr, rng.permutation(400)[:30] + 0x4E00)) for _ in range(300)]
    terms = terms_module.TermSpec(1)
    counts = run_inline(terms_module.CountTerms(terms), terms_module.iter_tasks(some), None)
    one = variables.make_variable(counts, Kernel("ngram", n=1))
    kept = compress_variable(one, 64)
    held = float((kept.features**2).sum() / np.trace(definition.centered(one.tile(0, 0))))
    assert close(kept.share, held, 1e-6)


def test_wide_gaussian_kernel_finds_linear_dependence():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    for sigma in 1e2, 1e4, 1e6:
        found = measure_dependence(x, x[:, 0], kernel_x=Kernel("gaussian", sigma), testing=HsicTest(permutations=99))
        assert found.p_value == 0.01, sigma
