"""Columns of every kind for the tests of HSIC, with their kernels and full matrices."""

import itertools
import json
import math
from dataclasses import replace

import hsic_definition as definition
import numpy as np
import pytest
from conftest import SHARED
from hsic_definition import WIDE

from kxcli.mining import Kernel
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import (
    dependence,
    low_rank,
    moments,
    null_distribution,
    screening,
    tiles,
    variables,
)
from kxcli.mining.hsic import terms as terms_module
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS, compute_median_distance
from kxcli.mining.hsic.estimators import KernelProduct, sum_categories
from kxcli.mining.hsic.jobs import run_inline
from kxcli.mining.hsic.kernels import CategoricalVariable
from kxcli.mining.hsic.permutation_plans import PlanLimits, draft_plan

UNTESTED = HsicTest("none")

N_SPARSE = MAX_EXACT_ROWS + 300


def _draw_sample(seed):
    return np.random.default_rng((definition.ROWS, seed, 0)).choice(N_SPARSE, MAX_EXACT_ROWS, replace=False)


# The first seed whose sample for the median distance has neither of the last two rows.
SPARSE_SEED = next(seed for seed in itertools.count() if (_draw_sample(seed) < N_SPARSE - 2).all())


def make_sparse_rows(d):
    """Return rows that are equal but for two, which are last in order."""
    rows = np.zeros((N_SPARSE, d))
    rows[:2, 0] = 3, 7
    return rows


def close(a, b, relative=1e-9, absolute=0.0):
    return math.isclose(a, b, rel_tol=relative, abs_tol=absolute)


def numbers(values, name, sigma=None):
    """Return values, their kernel and its matrix."""
    if name == "linear":
        return values, Kernel(name), definition.linear(values)
    kernel = Kernel(name, sigma or "median")
    used = sigma or compute_median_distance(np.asarray(values, float).reshape(len(values), -1))
    return values, kernel, {"gaussian": definition.gaussian, "laplace": definition.laplace}[name](values, used)


def labels(values):
    return values, Kernel("delta"), definition.delta(values)


def strings(values, name, *, cosine=False):
    kernel = replace(Kernel.parse(name), cosine=cosine)
    cut = str.split if name == "bow" else lambda text: definition.ngrams(text, kernel.n)
    return values, kernel, definition.of_counts([definition.bag(cut(text)) for text in values], cosine=cosine)


def draw_texts(rng, n):
    """Return texts of frequent and rare words; some texts have none."""
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(200)]
    chances = 1 / np.arange(1, 201)
    chances /= chances.sum()
    lengths = rng.integers(0, 9, n)
    lengths[0] = 0
    return [" ".join(rng.choice(words, length, p=chances)) for length in lengths]


def add_outlier(values):
    values[len(values) // 2] = 1e6
    return values


KINDS = {
    "gaussian, narrow": lambda rng, n: numbers(rng.uniform(size=n), "gaussian", 0.3),
    "linear near 1e8": lambda rng, n: numbers(rng.normal(size=(n, 3)) + 1e8, "linear"),
    "delta, few": lambda rng, n: labels([*"abcd", *map(str, rng.choice(list("abc"), n - 4))]),
    "gaussian, 9-D, not narrow": lambda rng, n: numbers(np.round(rng.normal(size=(n, 9)), 1), "gaussian", 0.02),
    "gaussian, Cauchy": lambda rng, n: numbers(rng.standard_cauchy(n), "gaussian"),
    "bow": lambda rng, n: strings(draw_texts(rng, n), "bow"),
    "delta, many": lambda rng, n: labels([*"aabc", *map(str, rng.integers(0, n // 2 + 1, n - 4))]),
    "gaussian, 2-D": lambda rng, n: numbers(rng.normal(size=(n, 2)), "gaussian"),
    "bow+cosine": lambda rng, n: strings(draw_texts(rng, n), "bow", cosine=True),
    "laplace": lambda rng, n: numbers(rng.normal(size=n), "laplace"),
    "gaussian, 9-D": lambda rng, n: numbers(rng.normal(size=(n, 9)), "gaussian"),
    "gaussian, outlier": lambda rng, n: numbers(add_outlier(rng.normal(size=n)), "gaussian"),
    "ngram:2": lambda rng, n: strings(draw_texts(rng, n), "ngram:2"),
    "gaussian, 30-D, again": lambda rng, n: numbers(
        rng.normal(size=(n, 30))[rng.integers(0, n // 2 + 2, n)], "gaussian", 8.0
    ),
    "laplace, 3-D, again": lambda rng, n: numbers(rng.integers(0, 3, (n, 3)) + np.arange(n)[:, None] % 2, "laplace"),
    "ngram:3+cosine": lambda rng, n: strings(draw_texts(rng, n), "ngram:3", cosine=True),
    "gaussian, again": lambda rng, n: numbers(rng.integers(0, 5, n) + np.arange(n) % 2, "gaussian", 1.0),
}


NAMES = list(KINDS)


def make_column(name, n, seed=0):
    """Return a column of a kind: values, kernel, matrix."""
    return KINDS[name](np.random.default_rng((seed, n, NAMES.index(name))), n)


def build_variable(values, kernel, n_characters=1 << 19):
    """Return values as a variable of the package."""
    if kernel.name == "delta":
        return variables.make_variable([values], kernel)
    if kernel.compares_texts:
        terms = terms_module.TermSpec(kernel.n)
        counts = run_inline(
            terms_module.CountTerms(terms),
            terms_module.iter_tasks(values, n_characters=n_characters),
            terms_module.prepare_terms(terms),
        )
        return variables.make_variable(counts, kernel)
    return variables.make_variable(np.asarray(values, float).reshape(len(values), -1), kernel)


def compress_variable(one, rank, seed=0, which=0):
    """Return a variable by few features."""
    raw = run_inline(tiles.SumTiles(), tiles.iter_tasks(one.n), (one, one))
    return low_rank.compress(one, rank, seed, which, raw.compute_means(one, one)[0])


def varies(k):
    """Return whether a kernel is far from constant, so that its alignment has the digits of the values."""
    return math.sqrt(definition.trace(k, k)) > 1e-3 * len(k) * np.abs(k).max()


def measure_limited(x, y, testing, kernel_x=None, kernel_y=None, spectrum_rows=1000, auto_seconds=20, **limits):
    """Measure two columns as `measure_dependence` does, with other limits."""
    kernels = kernel_x or Kernel("gaussian"), kernel_y or Kernel("gaussian")
    variables = [build_variable(values, kernel) for values, kernel in zip((x, y), kernels, strict=True)]
    return dependence.measure(
        *variables,
        testing,
        limits=dependence.MeasureLimits(PlanLimits(**limits), spectrum_rows, auto_seconds=auto_seconds),
    )


last_expected = []  # the matrices of the last call, and their estimates


def compute_expected(k, l):  # noqa: E741
    """Return the estimates by their definitions; those of the last matrices are cached."""
    if not (last_expected and last_expected[0] is k and last_expected[1] is l):
        last_expected[:] = k, l, definition.estimates(k, l)
    return last_expected[2]


def assert_right(found, k, l, relative=1e-9, noise=0.0, unbiased=0.0):  # noqa: E741
    """Compare all estimators with their definitions.

    Args:
        found: the estimates.
        k: the full matrix of one kernel.
        l: that of the other.
        relative: tolerance of biased estimates and alignments.
        noise: absolute tolerance of biased estimates, in products of the kernels' largest values.
        unbiased: absolute tolerance of the unbiased estimate, if it is more than 1e-12 of that product.
    """
    expected = compute_expected(k, l)
    max_abs = float(np.abs(k).max()), float(np.abs(l).max())
    product = math.prod(max_abs)
    unbiased = max(1e-12 * product, unbiased)
    assert close(found.biased_n2, expected["biased_n2"], relative, noise * product)
    assert close(found.biased_nm1, expected["biased_nm1"], relative, 2 * noise * product)
    assert abs(found.unbiased - expected["unbiased"]) <= unbiased
    if all(root > 1e-3 * len(k) * bound for root, bound in zip(expected["roots"], max_abs, strict=True)):
        assert close(found.cka, expected["cka"], relative, noise * 1e6)
        own = [variance / bound**2 for variance, bound in zip(expected["variances"], max_abs, strict=True)]
        if min(own) > 1e-11:
            # To first order, c = xy / sqrt(xx yy) errs by dxy / sqrt(xx yy) + |c| / 2 (dxx / xx + dyy / yy).
            c = abs(expected["cka_unbiased"])
            tolerance = 4 * unbiased / product * (1 / math.sqrt(math.prod(own)) + c / 2 * (1 / own[0] + 1 / own[1]))
            assert close(found.cka_unbiased, expected["cka_unbiased"], relative, tolerance)
        elif min(own) < -1e-11:
            assert found.cka_unbiased is None


UNIT_ROUNDOFF = 2.0**-53


def bound_entry_errors(values, kernel, k):
    """Return a bound of the rounding error of each entry of a kernel matrix.

    With u the unit roundoff, the package subtracts the median and divides by sigma, so a coordinate r has an error of
    2u|r|.  If R is the largest |r| and d the number of columns, the distance t of two rows has an error of at most
    2 sqrt(d) 2uR + (d + 2)ut.  The kernel changes by |dk/dt| times that: dk/dt is 2t exp(-t²) for gaussian, exp(-t) for
    laplace; both are 0 for distant rows, so numbers near 1e6 with a bandwidth of .3 matter for close rows only.
    The entry itself is rounded, and it is one of n² terms of sums: (n² + d + 8) u max|k| for all kernels.
    """
    n = len(k)
    rows = np.asarray(values, dtype=float).reshape(n, -1) if kernel.name in ("gaussian", "laplace", "linear") else None
    d = 1 if rows is None else rows.shape[1]
    errors = np.full((n, n), (n**2 + d + 8) * UNIT_ROUNDOFF * float(np.abs(k).max()))
    if kernel.has_bandwidth:
        sigma = kernel.sigma if isinstance(kernel.sigma, float) else compute_median_distance(rows)
        largest = float(np.abs(rows - np.median(rows, axis=0)).max()) / sigma
        logs = -np.log(np.maximum(k, np.finfo(WIDE).tiny))
        distances = np.sqrt(logs) if kernel.name == "gaussian" else logs
        slopes = 2 * distances * k if kernel.name == "gaussian" else k
        errors += slopes * (4 * math.sqrt(d) * largest + (d + 2) * distances) * UNIT_ROUNDOFF
    return errors


def bound_unbiased_error(x, y):
    """Return a bound of the rounding error of the unbiased estimate of two columns: (values, kernel, matrix) each.

    Song's estimator is [sum K L + sum K sum L / ((n - 1) (n - 2)) - 2 / (n - 2) sum of (row sums of K times row sums of
    L)] / (n (n - 3)) over entries off the diagonal.  It is linear in each kernel.  If the entries of K err by at most E
    and those of L by at most F, the bound is the estimator with the absolute values of E and L, plus that of |K| and F,
    with all three terms added; the estimator of E and F is below the rounding of the others.
    """
    n = len(x[2])

    def add_terms(a, b):
        rows = a.sum(axis=1) @ b.sum(axis=1)
        return (a * b).sum() + a.sum() * b.sum() / ((n - 1) * (n - 2)) + 2 / (n - 2) * rows

    k, l, e, f = (np.abs(matrix) for matrix in (x[2], y[2], bound_entry_errors(*x), bound_entry_errors(*y)))  # noqa: E741
    for matrix in (k, l, e, f):
        np.fill_diagonal(matrix, 0)
    return float((add_terms(e, l) + add_terms(k, f)) / (n * (n - 3)))


def iter_sums(x, y, pairs_per_task=24, min_features=1 << 24, block_rows=2048):
    """Yield the sums over both variables' kernels by each method that applies."""
    raw = run_inline(tiles.SumTiles(), tiles.iter_tasks(x.n, pairs_per_task), (x, y))
    yield "tiles", raw.compute_sums(x, y)
    if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
        yield "contingency", sum_categories(x, y)
    if x.features is not None and y.features is not None and x.features.width + y.features.width < 1500:
        tasks = moments.iter_tasks(x, y, x.features.width + y.features.width, min_features, block_rows)
        found = run_inline(moments.SumMoments(x.features, y.features, block_rows), tasks, None)
        yield "moments", found.compute_sums(float(x.diagonal.max()), float(y.diagonal.max()))


def is_constant(k):
    return float(np.abs(definition.centered(k)).max()) <= 1e-15 * float(np.abs(k).max())


def is_flat(kernel):
    """Return whether all pairs of rows have the same value, so that no permutation changes the kernel."""
    values = kernel[~np.eye(len(kernel), dtype=bool)]
    return np.ptp(values) <= 1e-9 * np.abs(kernel).max() and np.ptp(np.diag(kernel)) <= 1e-9 * np.abs(kernel).max()


def assert_exact(found, k, l):  # noqa: E741
    """Compare p with the share of all permutations; the test is undefined if none changes one of the kernels."""
    if is_flat(k) or is_flat(l):
        assert found.is_undefined
        assert definition.exact_p(k, l) == 1
    else:
        assert found.p_value == pytest.approx(definition.exact_p(k, l), rel=1e-12, abs=1e-12)


REFERENCE = SHARED / "data" / "hsic"


def references():
    path = REFERENCE / "reference.json"
    return json.loads(path.read_text("utf-8"))["results"] if path.is_file() else []


def reference_column(case, which):
    """Return values and kernel of one side of a reference case."""
    lines = (REFERENCE / case["data"]).read_text("utf-8").splitlines()
    header, *rows = (line.split("\t") for line in lines)
    columns = [header.index(name) for name in case["x_columns"] + case["y_columns"]]
    rows = [row for row in rows if not any(row[i] in ("", "NA", "nan") for i in columns)]
    kernel = case[f"kernel_{which}"]
    cells = [[row[header.index(name)] for name in case[f"{which}_columns"]] for row in rows]
    name = {"bag_of_words": "bow", "char_ngram_spectrum": f"ngram:{kernel.get('n')}"}.get(kernel["kernel"])
    if name is not None:
        return [row[0] for row in cells], replace(Kernel.parse(name), cosine=kernel["cosine_normalised"])
    if kernel["kernel"] == "delta":
        return [row[0] for row in cells], Kernel("delta")
    sigma = None if kernel.get("bandwidth") == "median_pos" else kernel.get("sigma")
    return np.array(cells, dtype=float), Kernel(kernel["kernel"], sigma)


def reference_name(case):
    kernels = (case[f"kernel_{side}"] for side in "xy")
    return "-".join(
        [case["data"].removesuffix(".tsv"), case["x_columns"][-1], case["y_columns"][-1]]
        + [f"{k['kernel']}{k.get('bandwidth', '')}{'cosine' * k.get('cosine_normalised', False)}" for k in kernels]
    )


def tail(weights, degrees, value):
    return null_distribution.compute_mixture_tail(np.array(weights, dtype=float), np.array(degrees, dtype=float), value)


def set_excess(sums, excess):
    """Return sums with another excess of the statistic of a test over its mean."""
    return replace(sums, xy=KernelProduct(0.0, excess / (sums.n - 3), sums.trace_x * sums.trace_y / sums.n))


def make_rich_columns(n=200):
    """Return a column whose kernel has many features, and a dependent one."""
    x = np.random.default_rng(n).normal(size=(n, 9))
    return x, x[:, 0] + np.random.default_rng(0).normal(size=n)


def plan_pair(x, y, seed=0, **limits):
    """Return how two variables are permuted."""
    sums = run_inline(tiles.SumTiles(), tiles.iter_tasks(x.n), (x, y))
    return draft_plan(x, y, seed, sums.compute_means(x, y), PlanLimits(**limits)).build()


def compute_share(rank, x):
    return compress_variable(build_variable(x, Kernel("gaussian")), rank, 0).share


def screen_table(table, sizes, testing=None, min_texts=1):
    """Return the screening of a table of words; each has its numbers of texts by label."""
    counts = {word: {label: count for label, count in enumerate(row) if count} for word, row in table.items()}
    return {one.term: one for one in screening.screen_terms(counts, sizes, testing or HsicTest(), min_texts)}
