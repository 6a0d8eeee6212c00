"""The Hilbert-Schmidt independence criterion: what its definitions say, by every way of computing it."""

import datetime
import itertools
import json
import math
import random
import subprocess
import sys
import tracemalloc
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import hsic_definition as twin
import numpy as np
import pytest
from conftest import SHARED, mapped
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.mining import Dependence, Kernel, measure_dependence
from kxcli.mining import Testing as Asked  # pytest would take it for a test
from kxcli.mining.arguments import describe
from kxcli.mining.hsic import (
    dependence,
    low_rank,
    moments,
    null_distribution,
    pairs,
    permutation,
    random_streams,
    screening,
    tiles,
)
from kxcli.mining.hsic import terms as terms_module
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS, median_distance
from kxcli.mining.hsic.estimators import KernelProduct, compute_estimates, sum_categories
from kxcli.mining.hsic.jobs import run_inline
from kxcli.mining.hsic.kernels import TILE_ROWS, CategoricalVariable, block_rows, count_blocks

UNTESTED = Asked("none")


def close(a, b, relative=1e-9, absolute=0.0):
    return math.isclose(a, b, rel_tol=relative, abs_tol=absolute)


# Columns of every kind, each with its kernel's full matrix


def numbers(values, name, sigma=None):
    """Return values, their kernel and its matrix."""
    kernel = Kernel(name, sigma)
    if name == "linear":
        return values, kernel, twin.linear(values)
    used = sigma or median_distance(np.asarray(values, float).reshape(len(values), -1))
    return values, kernel, {"gaussian": twin.gaussian, "laplace": twin.laplace}[name](values, used)


def labels(values):
    return values, Kernel("delta"), twin.delta(values)


def strings(values, name, *, cosine=False):
    kernel = replace(Kernel.parse(name), cosine=cosine)
    cut = str.split if name == "bow" else lambda text: twin.ngrams(text, kernel.n)
    return values, kernel, twin.of_counts([twin.bag(cut(text)) for text in values], cosine=cosine)


def some_texts(rng, n):
    """Return texts of words of which some are everywhere, many rare; some texts have none."""
    words = [f"w{chr(97 + i % 26)}{chr(97 + i // 26)}" for i in range(200)]
    chances = 1 / np.arange(1, 201)
    chances /= chances.sum()
    lengths = rng.integers(0, 9, n)
    lengths[0] = 0
    return [" ".join(rng.choice(words, length, p=chances)) for length in lengths]


def with_outlier(values):
    values[len(values) // 2] = 1e6
    return values


KINDS = {
    "gaussian, narrow": lambda rng, n: numbers(rng.uniform(size=n), "gaussian", 0.3),
    "linear near 1e8": lambda rng, n: numbers(rng.normal(size=(n, 3)) + 1e8, "linear"),
    "delta, few": lambda rng, n: labels([*"abcd", *map(str, rng.choice(list("abc"), n - 4))]),
    "gaussian, 9-D, not narrow": lambda rng, n: numbers(np.round(rng.normal(size=(n, 9)), 1), "gaussian", 0.02),
    "gaussian, Cauchy": lambda rng, n: numbers(rng.standard_cauchy(n), "gaussian"),
    "bow": lambda rng, n: strings(some_texts(rng, n), "bow"),
    "delta, many": lambda rng, n: labels([*"aabc", *map(str, rng.integers(0, n // 2 + 1, n - 4))]),
    "gaussian, 2-D": lambda rng, n: numbers(rng.normal(size=(n, 2)), "gaussian"),
    "bow+cosine": lambda rng, n: strings(some_texts(rng, n), "bow", cosine=True),
    "laplace": lambda rng, n: numbers(rng.normal(size=n), "laplace"),
    "gaussian, 9-D": lambda rng, n: numbers(rng.normal(size=(n, 9)), "gaussian"),
    "gaussian, outlier": lambda rng, n: numbers(with_outlier(rng.normal(size=n)), "gaussian"),
    "ngram:2": lambda rng, n: strings(some_texts(rng, n), "ngram:2"),
    "gaussian, 30-D, again": lambda rng, n: numbers(
        rng.normal(size=(n, 30))[rng.integers(0, n // 2 + 2, n)], "gaussian", 8.0
    ),
    "laplace, 3-D, again": lambda rng, n: numbers(rng.integers(0, 3, (n, 3)) + np.arange(n)[:, None] % 2, "laplace"),
    "ngram:3+cosine": lambda rng, n: strings(some_texts(rng, n), "ngram:3", cosine=True),
    "gaussian, again": lambda rng, n: numbers(rng.integers(0, 5, n) + np.arange(n) % 2, "gaussian", 1.0),
}
NAMES = list(KINDS)


def made(name, n, seed=0):
    """Return a column of a kind: values, kernel, matrix."""
    return KINDS[name](np.random.default_rng((seed, n, NAMES.index(name))), n)


def side(values, kernel, n_characters=1 << 19):
    """Return the side that the package makes of values."""
    if kernel.name == "delta":
        return dependence.make_variable([values], kernel)
    if kernel.compares_texts:
        terms = terms_module.TermSpec(kernel.n)
        counts = run_inline(
            terms_module.CountTerms(terms),
            terms_module.iter_tasks(values, n_characters=n_characters),
            terms_module.prepare_terms(terms),
        )
        return dependence.make_variable(counts, kernel)
    return dependence.make_variable(np.asarray(values, float).reshape(len(values), -1), kernel)


def half(one, rank, seed=0, which=0):
    """Return the few features of a side that a test compares."""
    raw = run_inline(tiles.SumTiles(), tiles.iter_tasks(one.n), (one, one))
    return low_rank.compress(one, rank, seed, which, raw.compute_means(one, one)[0])


def varies(k):
    """Whether a kernel's matrix is far from constant, so that the digits of its alignment are those of the values."""
    return math.sqrt(twin.trace(k, k)) > 1e-3 * len(k) * np.abs(k).max()


last = []


def measure_limited(x, y, testing, kernel_x=None, kernel_y=None, **limits):
    """Measure two columns as `measure_dependence` does, with other limits."""
    kernels = kernel_x or Kernel("gaussian"), kernel_y or Kernel("gaussian")
    variables = [side(values, kernel) for values, kernel in zip((x, y), kernels, strict=True)]
    return dependence.measure(*variables, testing, limits=dependence.MeasureLimits(**limits))


def defined(k, l):  # noqa: E741
    """Return what the definitions say, which takes its time; of the same matrices again, the same."""
    if not (last and last[0] is k and last[1] is l):
        last[:] = k, l, twin.estimates(k, l)
    return last[2]


def assert_right(found, k, l, relative=1e-9, noise=0.0, unbiased=1e-12):  # noqa: E741
    """Hold all estimators to the definitions; noise: what biased values may be off, in products of greatest values."""
    said = defined(k, l)
    greatest = float(np.abs(k).max()), float(np.abs(l).max())
    product = math.prod(greatest)
    assert close(found.biased_n2, said["biased_n2"], relative, noise * product)
    assert close(found.biased_nm1, said["biased_nm1"], relative, 2 * noise * product)
    assert abs(found.unbiased - said["unbiased"]) <= unbiased * product
    if all(root > 1e-3 * len(k) * most for root, most in zip(said["roots"], greatest, strict=True)):
        assert close(found.cka, said["cka"], relative, noise * 1e6)
        own = [variance / most**2 for variance, most in zip(said["variances"], greatest, strict=True)]
        if min(own) > 1e-11:
            assert close(found.cka_unbiased, said["cka_unbiased"], relative, 4 * unbiased / math.sqrt(math.prod(own)))
        elif min(own) < -1e-11:
            assert found.cka_unbiased is None


def ways(x, y, pairs_per_task=24, min_features=1 << 24, block_rows=2048):
    """Yield the sums over both variables' kernels by each method that applies."""
    raw = run_inline(tiles.SumTiles(), tiles.iter_tasks(x.n, pairs_per_task), (x, y))
    yield "tiles", raw.compute_sums(x, y)
    if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
        yield "contingency", sum_categories(x, y)
    if x.features is not None and y.features is not None and x.features.width + y.features.width < 1500:
        tasks = moments.iter_tasks(x, y, x.features.width + y.features.width, min_features, block_rows)
        found = run_inline(moments.SumMoments(x.features, y.features, block_rows), tasks, None)
        yield "moments", found.compute_sums(float(x.diagonal.max()), float(y.diagonal.max()))


@pytest.mark.parametrize("n", [4, 5, 7, 8, 127, 128, 129, 511, 512, 513, 1025])
def test_every_way_gives_what_the_definitions_say(n):
    columns = {name: made(name, n) for name in (NAMES if n < 500 else NAMES[n % 3 :: 3] if n < 1000 else NAMES[:4])}
    names = list(columns)
    for i, name in enumerate(names):
        for j in sorted({i, (i + 1) % len(names), (i + 4) % len(names)} if n < 500 else {(i + 1) % len(names)}):
            (x, kernel_x, k), (y, kernel_y, l) = columns[name], columns[names[j]]  # noqa: E741
            found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=UNTESTED)
            assert found.n == n
            lost = 1e-11 if "outlier" in name + names[j] else 1e-12  # the others are rounded at its distance
            assert_right(found, k, l, unbiased=lost)
            for _, sums in ways(side(x, kernel_x), side(y, kernel_y)):
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
def test_many_tasks_give_what_the_definitions_say(left, right):
    n = 4 * TILE_ROWS + 52
    assert len(list(tiles.iter_tasks(n, 4))) == 4
    (x, kernel_x, k), (y, kernel_y, l) = made(left, n), made(right, n)  # noqa: E741
    variables = side(x, kernel_x, n_characters=900), side(y, kernel_y, n_characters=900)
    for _, sums in ways(*variables, pairs_per_task=4, min_features=1 << 10, block_rows=100):
        assert_right(compute_estimates(sums), k, l)


def test_words_that_many_texts_share_are_multiplied_as_the_others():
    n = 150
    rng = np.random.default_rng(5)
    some = [f"{'the ' * rng.integers(1, 4)}{text}" for text in some_texts(rng, n)]
    for cosine in False, True:
        x, kernel, k = strings(some, "bow", cosine=cosine)
        assert np.allclose(side(x, kernel).tile(0, 0), k.astype(float), rtol=1e-14, atol=1e-14)


@pytest.mark.parametrize("name", NAMES)
def test_tiles_columns_and_diagonals_are_those_of_the_matrix(name):
    n = TILE_ROWS + 9
    x, kernel, k = made(name, n)
    one = side(x, kernel)
    whole = np.empty((n, n))
    for i, j in itertools.product(range(count_blocks(n)), repeat=2):
        whole[block_rows(i), block_rows(j)] = one.tile(i, j)
    greatest = float(np.abs(whole).max())
    assert np.abs(twin.centered(whole) - twin.centered(k)).max() <= 1e-9 * greatest  # but for a constant, the kernel
    assert np.abs(whole - whole.T).max() <= 1e-13 * greatest
    for i in 0, 7, TILE_ROWS - 1, TILE_ROWS, n - 1:
        assert np.abs(one.column(i) - whole[i]).max() <= 1e-11 * greatest
    assert np.abs(one.diagonal - np.diag(whole)).max() <= 1e-13 * greatest


def test_the_definition_of_the_trace_is_the_literal_one():
    rng = np.random.default_rng(0)
    k, l = twin.gaussian(rng.normal(size=30), 1.0), twin.laplace(rng.normal(size=(30, 2)), 1.0)  # noqa: E741
    assert close(twin.trace(k, l), twin.trace_literally(k, l), 1e-12)
    off = ~np.eye(30, dtype=bool)
    zeroed = np.where(off, k, 0).astype(float), np.where(off, l, 0).astype(float)
    one = np.ones(30)
    whole = (
        np.trace(zeroed[0] @ zeroed[1])
        + (one @ zeroed[0] @ one) * (one @ zeroed[1] @ one) / (29 * 28)
        - 2 / 28 * (one @ zeroed[0] @ zeroed[1] @ one)
    )
    assert close(twin.unbiased(k, l), whole / (30 * 27), 1e-10)


# Small columns in which everything collides

cells = st.one_of(st.integers(-3, 3).map(float), st.floats(-4, 4, width=16), st.sampled_from([0.0, 1.0, 50.0, -1e6]))
sigmas = st.sampled_from([0.01, 0.3, 1.0, 2.5, 20.0, None])


@st.composite
def columns(draw, n):
    """A column of n rows, with its kernel and the matrix."""
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
    if sigma is None and name != "linear" and twin.median_distance(values) is None:
        sigma = 1.0
    return numbers(values, name, sigma)


def is_constant(k):
    return float(np.abs(twin.centered(k)).max()) <= 1e-15 * float(np.abs(k).max())


@given(data=st.data(), n=st.integers(4, 9))
def test_small_columns_are_measured_as_the_definitions_say(data, n):
    x, kernel_x, k = data.draw(columns(n))
    y, kernel_y, l = data.draw(columns(n))  # noqa: E741
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=UNTESTED)
    assert_right(found, k, l, noise=1e-15)
    if is_constant(k) or is_constant(l):
        assert found.cka is None
        assert found.cka_unbiased is None
    one, other = side(x, kernel_x), side(y, kernel_y)
    if not (one.is_constant or other.is_constant):
        for _, sums in ways(one, other):
            assert_right(compute_estimates(sums), k, l, noise=1e-15)


@settings(max_examples=40)
@given(data=st.data(), n=st.integers(4, 5))
def test_small_columns_are_tested_by_all_permutations(data, n):
    x, kernel_x, k = data.draw(columns(n))
    y, kernel_y, l = data.draw(columns(n))  # noqa: E741
    testing = Asked("permutation", permutations=10)
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
    if (varies(k) and varies(l)) or is_constant(k) or is_constant(l):
        assert_exact(found, k, l)
    assert found.dependent is (None if found.is_undefined else found.p_value <= 0.05)


def is_flat(kernel):
    """Return whether all pairs of rows have the same value: no order of the rows changes such a kernel."""
    values = kernel[~np.eye(len(kernel), dtype=bool)]
    return np.ptp(values) <= 1e-9 * np.abs(kernel).max() and np.ptp(np.diag(kernel)) <= 1e-9 * np.abs(kernel).max()


def assert_exact(found, k, l):  # noqa: E741
    """Hold p to the share of all permutations; a test is undefined if no permutation changes one of the kernels."""
    if is_flat(k) or is_flat(l):
        assert found.is_undefined
        assert twin.exact_p(k, l) == 1
    else:
        assert found.p_value == pytest.approx(twin.exact_p(k, l), rel=1e-12, abs=1e-12)


# The reference

REFERENCE = SHARED / "data" / "hsic"


def references():
    path = REFERENCE / "reference.json"
    return json.loads(path.read_text("utf-8"))["results"] if path.is_file() else []


def reference_column(case, which):
    """Return values and kernel of one side of a case of the reference."""
    lines = (REFERENCE / case["data"]).read_text("utf-8").splitlines()
    header, *rows = (line.split("\t") for line in lines)
    wanted = [header.index(name) for name in case["x_columns"] + case["y_columns"]]
    rows = [row for row in rows if not any(row[i] in ("", "NA", "nan") for i in wanted)]
    asked = case[f"kernel_{which}"]
    cells = [[row[header.index(name)] for name in case[f"{which}_columns"]] for row in rows]
    name = {"bag_of_words": "bow", "char_ngram_spectrum": f"ngram:{asked.get('n')}"}.get(asked["kernel"])
    if name is not None:
        return [row[0] for row in cells], replace(Kernel.parse(name), cosine=asked["cosine_normalised"])
    if asked["kernel"] == "delta":
        return [row[0] for row in cells], Kernel("delta")
    sigma = None if asked.get("bandwidth") == "median_pos" else asked.get("sigma")
    return np.array(cells, dtype=float), Kernel(asked["kernel"], sigma)


def reference_name(case):
    kernels = (case[f"kernel_{side}"] for side in "xy")
    return "-".join(
        [case["data"].removesuffix(".tsv"), case["x_columns"][-1], case["y_columns"][-1]]
        + [f"{k['kernel']}{k.get('bandwidth', '')}{'cosine' * k.get('cosine_normalised', False)}" for k in kernels]
    )


@pytest.fixture
def reference_file():
    if not references():
        pytest.skip("the reference is not here")


@pytest.mark.parametrize("case", references() or [None], ids=lambda case: reference_name(case) if case else "none")
def test_the_reference_is_met(reference_file, case):
    (x, kernel_x), (y, kernel_y) = (reference_column(case, which) for which in "xy")
    testing = Asked("permutation" if case.get("perm") else "none")
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
    assert found.n == case["n"]
    greatest = math.prod(max(1.0, float(side(*one).diagonal.max())) for one in ((x, kernel_x), (y, kernel_y)))
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


@pytest.mark.full
def test_the_gamma_test_meets_the_reference(reference_file):
    cases = [case for case in references() if case.get("gamma_p") is not None]
    assert len(cases) > 20
    for case in cases:
        (x, kernel_x), (y, kernel_y) = (reference_column(case, which) for which in "xy")
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=Asked("gamma"))
        assert close(found.p_value, case["gamma_p"], 1e-8), reference_name(case)
        assert close(found.biased_n2, case["biased_n2"])


# Laws that every job keeps


def grouped(records, draw):
    """Return the records in random order and random groups."""
    given = draw.sample(records, len(records))
    groups = []
    while given:
        size = draw.randint(1, 1 + len(records) // 3)
        groups.append(given[:size])
        given = given[size:]
    return groups


def spread(make, shared, records, draw):
    """Return what a job finishes with whose partials went from one worker to the next."""

    def job():
        one = make()
        one.setup(shared)
        return one

    partials = []
    for group in grouped(records, draw):
        worker = job()
        cut = draw.randint(0, len(group))
        partial = worker.map(group[:cut])
        partial = worker.merge(partial, worker.map(group[cut:]))
        partials.append(worker.dump(partial) if draw.random() < 0.7 else partial)
    owner = job()
    held = [owner.load(partial) if isinstance(partial, bytes) else partial for partial in partials]
    while len(held) > 1:
        left, right = held.pop(draw.randrange(len(held))), held.pop(draw.randrange(len(held)))
        merged = owner.merge(left, right)
        held.append(owner.load(mapped(owner.dump(merged))) if draw.random() < 0.3 else merged)
    return owner.finish(held[0])


def exactly(found):
    """Return what has to be the same to the last bit, as something that can be compared."""
    if isinstance(found, moments.MomentSums):
        return exactly(found.total)
    if isinstance(found, np.ndarray):
        return found.shape, found.dtype, found.tobytes()
    if isinstance(found, terms_module.TermCounts):
        return exactly(found.starts), exactly(found.terms), exactly(found.counts)
    if isinstance(found, tuple) and not isinstance(found, str):
        return tuple(map(exactly, found))
    return found


def cuts(n_pairs, draw):
    """Return the strips of a random cut of pairs of blocks, or draws, or whatever has numbers."""
    ends = sorted({0, n_pairs, *(draw.randint(1, n_pairs) for _ in range(draw.randint(0, 6)))})
    return list(itertools.pairwise(ends))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_moments_tiles_and_squares_come_out_the_same_in_any_order(seed):
    draw = random.Random(seed)
    n = 3 * TILE_ROWS + 11
    x, y = (side(*made(name, n)[:2]) for name in ("gaussian, narrow", "delta, few"))
    ends = [*range(0, n, 211), n]
    parts = [moments.MomentTask(i, x.rows[a:b], y.rows[a:b]) for i, (a, b) in enumerate(itertools.pairwise(ends))]

    def job():
        return moments.SumMoments(x.features, y.features)

    assert exactly(spread(job, None, parts, draw)) == exactly(run_inline(job(), parts, None))

    z = side(*made("bow", n)[:2])
    n_pairs = count_blocks(n) * (count_blocks(n) + 1) // 2
    strips = [tiles.TileTask(*cut) for cut in cuts(n_pairs, draw)]
    whole = run_inline(tiles.SumTiles(), strips, (x, z))  # of the same tasks: each rounds its sums once
    assert exactly(spread(tiles.SumTiles, (x, z), strips, draw)) == exactly(whole)
    job_of_tiles = tiles.SumTiles()
    job_of_tiles.setup((x, z))
    left, right = (job_of_tiles.map(some) for some in (strips[:2], strips[2:]))
    assert [len(partial.products) for partial in (left, right)] == [len(strips[:2]), len(strips[2:])]
    assert all(len(row) == 3 and set(map(type, row)) == {float} for row in left.products)
    loaded = job_of_tiles.load(mapped(job_of_tiles.dump(left)))
    assert exactly(tuple(loaded.products)) == exactly(tuple(left.products))
    assert exactly(loaded.row_sums) == exactly(left.row_sums)
    assert job_of_tiles.merge(loaded, right).products == left.products + right.products
    means = whole.compute_means(x, z)
    shared = (x, means[0]), (z, means[1])
    squares = run_inline(tiles.SumSquares(), strips, shared)
    assert spread(tiles.SumSquares, shared, strips, draw) == squares
    job_of_squares = tiles.SumSquares()
    job_of_squares.setup(shared)
    some = job_of_squares.map(strips[:1])
    assert len(some) == 1
    assert type(some[0]) is float
    assert job_of_squares.load(mapped(job_of_squares.dump(some))) == some
    assert job_of_squares.merge([1.0], some) == [1.0, *some]
    k, l = (np.block([[s.tile(i, j) for j in range(count_blocks(n))] for i in range(count_blocks(n))]) for s in (x, z))  # noqa: E741
    products = (twin.centered(k) * twin.centered(l)) ** 2
    np.fill_diagonal(products, 0)
    assert close(squares, products.sum(), 1e-10)


@pytest.mark.parametrize("seed", range(4))
def test_permutations_come_out_the_same_in_any_order(seed):
    draw = random.Random(seed)
    for left, right in itertools.combinations_with_replacement(["gaussian, 2-D", "delta, few"], 2):
        x, y = side(*made(left, 40, 1)[:2]), side(*made(right, 40, 2)[:2])
        halves = half(x, 64), half(y, 64, which=1)
        parts = [permutation.PermutationTask(*cut) for cut in cuts(60, draw)]
        whole = run_inline(permutation.CountPermutations(3), [permutation.PermutationTask(0, 60)], halves)
        assert spread(lambda: permutation.CountPermutations(3), halves, parts, draw) == whole
        assert 0 < whole <= 60


@pytest.mark.parametrize("n", [0, 2])
@pytest.mark.parametrize("seed", range(3))
def test_terms_are_counted_the_same_in_any_order(n, seed):
    draw = random.Random(seed)
    rng = np.random.default_rng(seed)
    some = [*some_texts(rng, 40), "a\nb\n\n", "\x00\x00", "天地 𠮷𠮷", "", "café"]
    by_label = rng.integers(0, 3, len(some))
    terms = terms_module.TermSpec(n)
    shared = terms_module.prepare_terms(terms)
    ends = cuts(len(some), draw)
    parts = [terms_module.TextTask(i, some[a:b], by_label[a:b]) for i, (a, b) in enumerate(ends)]
    for make in (lambda: terms_module.CountTerms(terms)), (lambda: terms_module.CountDocuments(terms)):
        whole = run_inline(make(), [terms_module.TextTask(0, some, by_label)], shared)
        assert exactly(spread(make, shared, parts, draw)) == exactly(whole)
    if n:
        held = {}
        for text, label in zip(some, by_label.tolist(), strict=True):
            for term in twin.ngrams(text, n):
                held.setdefault(term, Counter())[label] += 1
        assert whole == held
        assert list(whole) == sorted(whole)


@pytest.mark.parametrize("name", ["permutation", "eigen", "none"])
def test_pairs_come_out_the_same_in_any_order(name):
    draw = random.Random(1)
    testing = Asked(name, permutations=19)
    names = ["gaussian, narrow", "delta, few", "gaussian, 2-D", "linear near 1e8"]
    sides = [side(*made(one, 30)[:2]) for one in names]
    sides.append(dependence.make_variable(np.ones((30, 1)), Kernel("gaussian")))
    every = list(itertools.combinations(range(len(sides)), 2))
    records = [pairs.PairTask((pair,)) for pair in every]
    columns = [pairs.PairColumn(one, one.kernel, None, None) for one in sides]
    whole = run_inline(pairs.MeasurePairs(testing), pairs.iter_tasks(every, 30), columns)
    found = spread(lambda: pairs.MeasurePairs(testing), columns, records, draw)
    assert found == whole
    assert set(found) == set(every)
    for (i, j), one in found.items():
        assert one == dependence.measure(sides[i], sides[j], testing)
        assert type(one) is Dependence


# What has to come out alike


def same(a, b, relative=1e-10):
    """Hold two measurements to the same values."""
    for name in "biased_n2", "biased_nm1", "cka":
        assert close(getattr(a, name), getattr(b, name), relative), name
    assert close(a.unbiased, b.unbiased, relative, 1e-13 * max(1.0, a.biased_n2))


@pytest.mark.parametrize("n", [6, 130])
def test_either_column_may_come_first(n):
    for left, right in itertools.pairwise(NAMES):
        (x, kernel_x, k), (y, kernel_y, l) = made(left, n), made(right, n)  # noqa: E741
        for name in "permutation", "eigen", "gamma":
            if name == "gamma" and not (np.diag(k) == 1).all() * (np.diag(l) == 1).all():
                continue
            if name == "permutation" and n > permutation.MAX_ENUMERATED_ROWS:
                continue
            testing = Asked(name)
            one = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
            other = measure_dependence(y, x, kernel_x=kernel_y, kernel_y=kernel_x, testing=testing)
            same(one, other)
            assert one.is_undefined == other.is_undefined
            assert one.is_undefined or close(one.p_value, other.p_value, 1e-8)
            assert (one.kernel_x, one.sigma_x) == (other.kernel_y, other.sigma_y)


@pytest.mark.parametrize("n", [9, 140, 600])
def test_the_order_of_rows_does_not_matter(n):
    order = np.random.default_rng(n).permutation(n)
    for left, right in itertools.pairwise(NAMES[:: 1 if n < 500 else 4]):
        (x, kernel_x, _), (y, kernel_y, _) = made(left, n), made(right, n)
        moved = [[values[i] for i in order] for values in (x, y)]
        kernels = {"kernel_x": kernel_x, "kernel_y": kernel_y, "testing": UNTESTED}
        same(measure_dependence(x, y, **kernels), measure_dependence(*moved, **kernels))


@pytest.mark.parametrize("n", [10, 300])
@pytest.mark.parametrize("d", [1, 2])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "linear"])
def test_shift_and_scale_do_not_matter(kernel, d, n):
    rng = np.random.default_rng(n)
    x, y = np.round(rng.normal(size=(n, d)) * 1024) / 1024, rng.normal(size=n)

    def measured(values):
        return measure_dependence(values, y, kernel_x=kernel, testing=UNTESTED)

    found = measured(x)
    for shift in 2.0**20, -(2.0**30), 1e8:
        same(measured(x + shift), found, 1e-6 if shift == 1e8 else 1e-9)
    for scale in 2.0**-20, -(2.0**20), 3.7, 1e-200, 1e149, 1e8:
        if kernel != "linear":
            scaled = measured(x * scale)
            same(scaled, found, 1e-9)
            assert close(scaled.sigma_x, found.sigma_x * abs(scale), 1e-12)
        elif abs(scale) in (2.0**-20, 2.0**20, 3.7, 1e8):
            scaled = measured(x * scale)
            assert close(scaled.biased_n2, found.biased_n2 * scale**2)
            assert close(scaled.cka, found.cka)


@pytest.mark.parametrize("n", [10, 300])
def test_small_numbers_under_the_linear_kernel_keep_their_digits(n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    found = measure_dependence(x, y, kernel_x="linear", kernel_y="linear", testing=UNTESTED)
    small = measure_dependence(x * 2.0**-200, y, kernel_x="linear", kernel_y="linear", testing=UNTESTED)
    assert close(small.biased_n2, found.biased_n2 * 2.0**-400)
    assert close(small.cka, found.cka)


@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "linear", "delta"])
@pytest.mark.parametrize("n", [5, 6])
def test_the_unbiased_estimate_is_nought_on_average_over_all_orders(n, kernel):
    rng = np.random.default_rng(n)
    x = rng.normal(size=n) if kernel != "delta" else list("aabbbc"[:n])
    y = x if kernel == "delta" else x**2 + rng.normal(size=n) / 9
    found = [
        measure_dependence(x, [y[i] for i in order], kernel_x=kernel, kernel_y=kernel, testing=UNTESTED).unbiased
        for order in itertools.permutations(range(n))
    ]
    assert max(map(abs, found)) > 1e-3
    assert abs(math.fsum(found)) / len(found) < 1e-14


# The median rule


@pytest.mark.parametrize(
    "values",
    [
        [0, 1],
        [0, 0, 1],
        [0, 1, 3],
        [0, 1, 3, 7],
        [5, 5, 5, 5, 6],
        [0, 0, 0, 1, 1, 2, 2, 2, 9],
        [1e8, 1e8 + 1, 1e8 + 3],
        [1e-200, 2e-200, 5e-200],
        [0.1, 0.2, 0.3, 0.4, 0.5],
        [-1e150, 0, 1e150, 3e150],
        [0, 1e-9, 1, 1e9],
        [0, 1e-300, 1],
        [0] * 50 + [1e-3] * 2 + [1e6],
        list(range(30)),
    ],
)
def test_the_median_distance_of_some_numbers(values):
    line = np.array(values, dtype=float)[:, None]
    assert close(median_distance(line), twin.median_distance(line), 1e-15)
    positive = np.abs(line[line != 0])
    if positive.max() / positive.min() > 1e15:
        return  # around their mean, the nearest are one
    flat = np.column_stack((line, -line))
    unit = 2.0 ** math.frexp(np.abs(flat).max())[1]  # so that squares have room
    assert close(median_distance(flat), twin.median_distance(flat / unit) * unit, 1e-9)


@given(
    values=st.lists(
        st.one_of(st.integers(-4, 4), st.floats(-1e3, 1e3), st.floats(-(2.0**-9), 2.0**-9)), min_size=1, max_size=24
    ),
    d=st.sampled_from([1, 2, 3]),
)
def test_the_median_distance_is_that_of_all_pairs(values, d):
    rows = np.array(values[: len(values) // d * d], dtype=float).reshape(-1, d)
    if d > 1:
        rows[np.abs(rows) < 1e-100] = 0  # vectors nearer than the root of the least double are taken for equal
    if len(rows):
        expected, found = twin.median_distance(rows), median_distance(rows)
        if expected is None:
            assert found is None
        elif d == 1 or expected > 1e-9:
            assert found == pytest.approx(expected, rel=1e-9 if d > 1 else 1e-12)


@pytest.mark.parametrize("d", [1, 2, 12])
@pytest.mark.parametrize("n", [2, 255, 256, 257, 513])
def test_the_median_distance_of_many_rows(n, d):
    rng = np.random.default_rng((n, d))
    for rows in rng.normal(size=(n, d)), rng.integers(0, 4, (n, d)).astype(float), rng.standard_cauchy((n, d)) + 1e6:
        found = twin.distances(rows)[np.triu_indices(n, 1)].astype(float)
        if (found > 0).any():
            assert median_distance(rows) == pytest.approx(np.median(found[found > 0]), rel=1e-10)


def test_equal_rows_have_no_median_distance():
    for d in 1, 2:
        assert median_distance(np.full((7, d), 0.1)) is None
        assert median_distance(np.full((1, d), 0.1)) is None


@pytest.mark.parametrize("d", [1, 2])
def test_of_many_rows_some_are_drawn(d):
    rng = np.random.default_rng(d)
    rows = rng.normal(size=(MAX_EXACT_ROWS + 400, d))
    found = median_distance(rows, 3)
    assert found == median_distance(rows, 3)
    assert found != median_distance(rows, 4)
    assert close(found, median_distance(rows, 4), 0.05)
    assert median_distance(rows[:MAX_EXACT_ROWS], 3) == median_distance(rows[:MAX_EXACT_ROWS], 4)


def sparse(d, seed=0):
    """Return more rows than are drawn, which are all the same but for two that are not drawn."""
    n = MAX_EXACT_ROWS + 300
    drawn = np.random.default_rng((twin.ROWS, seed, 0)).choice(n, MAX_EXACT_ROWS, replace=False)
    rows = np.zeros((n, d))
    others = np.setdiff1d(np.arange(n), drawn)[:2]
    rows[others, 0] = 3, 7
    return rows


def test_where_rows_that_were_drawn_are_the_same_all_numbers_count():
    rows = sparse(1)
    assert median_distance(rows) == 4  # there are as many distances of 3 as of 7
    found = measure_dependence(rows, np.arange(len(rows)) % 7, testing=UNTESTED)
    assert found.sigma_x == 4
    assert found.cka is not None


@pytest.mark.full
def test_where_vectors_that_were_drawn_are_the_same_sigma_is_asked_for():
    rows, y = sparse(2), np.arange(MAX_EXACT_ROWS + 300) % 7
    assert median_distance(rows) is None
    with pytest.raises(ValueError) as caught:
        measure_dependence(rows, y, testing=UNTESTED)
    assert str(caught.value) == "x: the 5,000 rows sampled for the median distance are all equal; set --sigma"
    assert median_distance(rows, 1) is not None  # others are drawn
    found = measure_dependence(rows, y[:, None] % 2, kernel_x=Kernel("gaussian", 2.0), kernel_y="linear")
    assert found.sigma_x == 2
    assert not side(rows, Kernel("gaussian", 2.0)).is_constant
    assert side(np.ones((MAX_EXACT_ROWS + 300, 2)), Kernel("gaussian")).is_constant


def test_the_rows_that_are_drawn_are_those_of_their_stream():
    rows = np.random.default_rng(1).normal(size=MAX_EXACT_ROWS + 400)
    drawn = np.random.default_rng((twin.ROWS, 3, 0)).choice(len(rows), MAX_EXACT_ROWS, replace=False)
    assert median_distance(rows[:, None], 3) == median_distance(rows[drawn, None])


def test_the_least_numbers_have_a_median_distance():
    code = "import numpy as np; from kxcli.mining.hsic.bandwidth import median_distance as of; "
    code += "print(of(np.array([[0.0], [5e-324], [0.0], [1e-323]])))"
    # Halving once went on for ever: in a process that can be ended.
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert float(done.stdout) in (5e-324, 1e-323)


# Tails of mixtures of chi-squares


def tail(weights, degrees, value):
    return null_distribution.mixture_tail(np.array(weights, dtype=float), np.array(degrees, dtype=float), value)


def even_tail(degrees, value):
    """Return the tail of a chi-square of an even number of degrees: a sum of Poisson chances."""
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
    """Return the tail of a chi-square of 2 degrees and `weight` times one of 2 half_degrees: by parts, exact."""
    # P = e^(-v/2) (1 - w)^-k P(Gamma(k) < v/(2w) (1 - w)) + P(Gamma(k) > v/(2w))
    k, x = half_degrees, value / (2 * weight)
    front = math.exp(-value / 2 - k * math.log1p(-weight))
    return front * (1 - twin.gamma_tail(k, x * (1 - weight))) + twin.gamma_tail(k, x)


@pytest.mark.parametrize(("weight", "half_degrees"), [(0.05, 100), (0.01, 2500), (0.001, 25_000), (0.3, 3), (1e-5, 10)])
@pytest.mark.parametrize("deviations", [-3, -2, -1, -0.5, 0, 0.5, 1, 3, 10])
def test_tails_of_a_great_weight_among_many_small_ones(weight, half_degrees, deviations):
    value = 2 + weight * 2 * half_degrees + deviations * math.sqrt(4 + 4 * weight**2 * half_degrees)
    if value > 0:
        assert close(tail([1, weight], [2, 2 * half_degrees], value), convolved(value, weight, half_degrees), 1e-8)


@pytest.mark.full
def test_tails_reach_from_one_to_nothing():
    assert tail([1], [3], 0) == 1
    assert tail([1, 2], [3, 1], -1) == 1
    assert close(tail([1], [3], 1e-300), 1)
    assert 0 < tail([1], [2], 2 * 700) < 1e-300
    assert tail([1], [2], 1e5) == 0
    assert tail([1], [2], 1e300) == 0
    values = [tail([1, 0.3, 0.01], [1, 2, 50], value) for value in np.linspace(0.01, 60, 80)]
    assert values == sorted(values, reverse=True)


@pytest.mark.parametrize("shape", [0.05, 0.5, 1.7, 33.3, 1000.5])
@pytest.mark.parametrize("ratio", [0.1, 0.9, 1.0, 1.1, 3.0, 20.0])
def test_tails_of_gamma_distributions(shape, ratio):
    expected = twin.gamma_tail(shape, shape * ratio)
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
        assert close(tail(weights, np.ones(30), value), twin.mixture_tail(weights, value), 1e-6)


# Tests of independence


@pytest.mark.parametrize("n", [4, 6, 7])
def test_few_rows_are_tested_by_all_permutations(n):
    for left, right in [*itertools.pairwise(NAMES[: 9 if n == 7 else None]), ("delta, few", "delta, many")]:
        (x, kernel_x, k), (y, kernel_y, l) = made(left, n, 3), made(right, n, 3)  # noqa: E741
        if n == 7 and "+" in left + right:
            continue
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=Asked("auto", 5))
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
def test_permutations_of_features_are_those_of_full_matrices(n):
    for i, j in itertools.product(range(len(SMOOTH)), repeat=2):
        if j not in (i, (i + 1) % len(SMOOTH), (i - 1) % len(SMOOTH), (i + 3) % len(SMOOTH)):
            continue
        (x, kernel_x, k), (y, kernel_y, l) = made(SMOOTH[i], n, 1), made(SMOOTH[j], n, 2)  # noqa: E741
        testing = Asked("permutation", 29, seed=i)
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing)
        assert found.p_value == twin.drawn_p(k, l, i, 29), (SMOOTH[i], SMOOTH[j])
        assert found.notes == ()


def test_permutations_depend_on_the_seed_alone():
    rng = np.random.default_rng(0)
    x = rng.normal(size=50)
    y = 0.3 * x + rng.normal(size=50)

    def p(n_permutations, seed):
        return measure_dependence(x, y, testing=Asked("permutation", n_permutations, seed)).p_value

    assert p(99, 1) == p(99, 1)
    assert len({p(99, seed) for seed in range(6)}) > 1
    for n_permutations in 1, 19, 99:
        n_reaching = p(n_permutations, 1) * (1 + n_permutations) - 1
        assert abs(n_reaching - round(n_reaching)) < 1e-9
        assert 0 <= n_reaching <= n_permutations


@pytest.mark.parametrize("seed", range(3))
def test_parts_of_the_draws_add_up(seed):
    x, y = side(*made("gaussian, narrow", 60, seed)[:2]), side(*made("laplace", 60, seed)[:2])
    halves = half(x, 64, seed), half(y, 64, seed, which=1)
    job = permutation.CountPermutations(seed)
    job.setup(halves)
    whole = job.map([permutation.PermutationTask(0, 80)])
    for cut in 1, 40, 79:
        assert job.map([permutation.PermutationTask(0, cut)]) + job.map([permutation.PermutationTask(cut, 80)]) == whole
    assert sum(draw.size for draw in permutation.iter_tasks(*halves, 12_345)) == 12_345


def test_p_is_one_where_nothing_can_be_less():
    for kernel in Kernel("gaussian", 1.0), Kernel("gaussian", 0.7), Kernel("laplace", 1.0), Kernel("linear"):
        found = measure_dependence([0, 0, 1, 1], [0, 1, 0, 1.0], kernel_x=kernel, kernel_y=kernel)
        assert abs(found.biased_n2) < 1e-15
        assert found.p_value == 1, kernel
        x, y = np.repeat([0, 1, 5.0], 16), np.tile([0, 1.0, 2, 9], 12)
        assert measure_dependence(x, y, kernel_x=kernel, kernel_y=kernel, testing=Asked(permutations=99)).p_value == 1


@pytest.mark.parametrize("n", [50, 150])
def test_the_eigen_test_is_a_mixture_of_chi_squares_by_the_spectra(n):
    for left, right in [
        ("gaussian, narrow", "gaussian, 2-D"),
        ("laplace", "delta, many"),
        ("gaussian, Cauchy", "delta, few"),
        ("bow+cosine", "laplace"),
    ]:
        (x, kernel_x, k), (y, kernel_y, l) = made(left, n), made(right, n)  # noqa: E741
        found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=Asked("eigen"))
        weights = np.outer(twin.eigenvalues(k), twin.eigenvalues(l)).ravel()
        weights = np.sort(weights)[::-1]
        great = weights[weights > 1e-4 * weights[0]]
        # The shuffled rows' mean is a little more than the mixture's, and what is tested is taken to the latter.
        value = (twin.trace(k, l) - twin.shuffled_mean(k, l)) / n + weights.sum()
        expected = twin.mixture_tail(great, value - (weights.sum() - great.sum()))
        assert close(found.p_value, expected, 2e-3), (left, right)


@pytest.mark.full
def test_the_eigen_test_of_a_frequent_label_among_many_that_occur_once():
    rng = np.random.default_rng(0)
    some = np.array(["common"] * 100 + [str(i) for i in range(300)])
    for _ in range(4):
        x, y = rng.permutation(some), rng.permutation(some)
        kernels = {"kernel_x": "delta", "kernel_y": "delta"}
        p = measure_dependence(x, y, testing=Asked("eigen"), **kernels).p_value
        assert abs(p - measure_dependence(x, y, testing=Asked("permutation", 199), **kernels).p_value) < 0.25


def test_the_eigen_test_of_two_labels_on_each_side_is_a_chi_square():
    for seed in range(5):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 2, 400)
        y = np.where(rng.random(400) < 0.1 * seed, x, rng.integers(0, 2, 400))
        found = measure_dependence(x, y, kernel_x="delta", kernel_y="delta", testing=Asked("eigen"))
        weight = 4 * x.mean() * (1 - x.mean()) * y.mean() * (1 - y.mean())
        square = 400 * found.biased_n2 / weight - 1 / 399  # the average over all orders is 400 / 399
        assert close(found.p_value, math.erfc(math.sqrt(square / 2)), 1e-8)


SIX = 1_000  # rows of 6 dimensions, whose laplace kernel no 64 features hold


@pytest.fixture(scope="module")
def six():
    """Two sides that are independent, with the sums over both and the whole spectra."""
    rng = np.random.default_rng(6)
    sides = [side(rng.normal(size=(SIX, 6)), Kernel("laplace")) for _ in range(2)]
    sums = run_inline(tiles.SumTiles(), tiles.iter_tasks(SIX), sides).compute_sums(*sides)
    whole = []
    for one in sides:
        k = np.block([[one.tile(i, j) for j in range(count_blocks(SIX))] for i in range(count_blocks(SIX))])
        whole.append(np.linalg.eigvalsh(twin.centered(k) / SIX)[::-1])
    return sides, sums, whole


@pytest.mark.full
@pytest.mark.parametrize(("least", "most"), [pytest.param(0.035, 0.52, marks=pytest.mark.slow), (0.008, 0.035)])
def test_a_spectrum_of_some_rows_gives_nearly_the_same_p(six, least, most):
    """And so do the greatest eigenvalues alone, with what mean and variance tell of the rest."""
    sides, sums, whole = six
    traces = sums.trace_x / SIX, sums.trace_y / SIX
    squares = sums.xx.trace / SIX**2, sums.yy.trace / SIX**2
    of_all = [null_distribution.sample_eigenvalues(sides[i], traces[i], squares[i], 0, i) for i in (0, 1)]
    assert all(np.allclose(found, values, atol=1e-12) for found, values in zip(of_all, whole, strict=True))
    some = [null_distribution.sample_eigenvalues(sides[i], traces[i], squares[i], 0, i, 300) for i in (0, 1)]
    assert [len(found) for found in some] == [300, 300]
    mean = sums.trace_x * sums.trace_y / SIX**2
    deviation = math.sqrt(2 * sums.xx.trace * sums.yy.trace) / SIX**2
    seen = []
    for deviations in np.linspace(-0.2, 4, 30):
        there = replace(sums, xy=KernelProduct(SIX * (mean + deviations * deviation), 0.0))
        right = null_distribution.eigen_p_value(there, *whole)
        if least < right < most:
            seen.append(right)
            assert close(null_distribution.eigen_p_value(there, *(values[:64] for values in whole)), right, 0.01)
            assert close(null_distribution.eigen_p_value(there, *some), right, 0.1)
    assert len(seen) >= 4
    assert min(seen) < 1.4 * least
    assert max(seen) > 0.7 * most


@pytest.mark.full
def test_the_whole_mixture_of_a_rich_kernel_is_what_chance_says(six):
    """With all weights, what `eigen` says is what drawn chi-squares do."""
    _, sums, (x, y) = six
    rng = np.random.default_rng(0)
    # The sum of λ_i μ_j z_ij² by its columns, many at a time.
    drawn = np.array([x @ (rng.normal(size=(SIX, SIX)) ** 2 @ y) for _ in range(60)])
    excess = sums.trace_x * sums.trace_y / SIX**2 / (SIX - 1)
    for share in 0.25, 0.5, 0.75:
        there = replace(sums, xy=KernelProduct(SIX * (float(np.quantile(drawn, share)) + excess), 0.0))
        assert abs(null_distribution.eigen_p_value(there, x, y) - (1 - share)) < 0.2


NEARLY_IDENTITIES = {
    "30-D": lambda rng, n: numbers(rng.normal(size=(n, 30)), "gaussian", 4.0),
    "trigrams": lambda rng, n: strings(some_texts(rng, n), "ngram:3", cosine=True),
}


def of_both_tests(name, n):
    """Yield p by eigen and by permutation for independent columns whose kernel is near the identity."""
    for seed in range(5):
        rng = np.random.default_rng((seed, 9))
        (x, kernel_x, _), (y, kernel_y, _) = (NEARLY_IDENTITIES[name](rng, n) for _ in range(2))
        kernels = {"kernel_x": kernel_x, "kernel_y": kernel_y}
        permuted = measure_dependence(x, y, testing=Asked("permutation", 299), **kernels)
        assert permuted.notes == ()  # all of it was compared
        yield measure_dependence(x, y, testing=Asked("eigen"), **kernels).p_value, permuted.p_value


def test_eigen_of_trigrams_is_near_the_permutations():
    assert all(abs(eigen - permuted) < 0.1 for eigen, permuted in of_both_tests("trigrams", 150))


@pytest.mark.parametrize("n", [150, pytest.param(300, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", NEARLY_IDENTITIES)
@pytest.mark.full
def test_eigen_near_the_identity_is_between_a_half_and_the_permutations(name, n):
    """Where the mixture varies more than the shuffled rows, p is nearer to 1/2, but on the same side of it."""
    for eigen, permuted in of_both_tests(name, n):
        assert min(0.5, permuted) - 0.06 < eigen < max(0.5, permuted) + 0.06


@pytest.mark.parametrize("cosine", [False, True], ids=["product", "cosine"])
@pytest.mark.parametrize("turned", [False, True], ids=["texts first", "labels first"])
@pytest.mark.parametrize("name", ["bow", "ngram:2"])
def test_texts_against_labels_are_permuted_with_all_their_terms(name, turned, cosine):
    n = 70
    rng = np.random.default_rng(len(name))
    some = some_texts(rng, n)
    by_label = [str(min(len(text) // 12, 2)) if rng.random() < 0.3 else rng.choice(list("012")) for text in some]
    columns = [strings(some, name, cosine=cosine), labels(by_label)]
    (x, kernel_x, k), (y, kernel_y, l) = columns[::-1] if turned else columns  # noqa: E741
    of = permutation.make_statistic(side(x, kernel_x), side(y, kernel_y))
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(n)
        assert close(of(order), twin.permuted(k, l, order), 1e-11)
        found = measure_limited(x, y, Asked("auto", 39, seed), kernel_x, kernel_y, rank=1)  # too few if it counted
        assert (found.test, found.notes) == ("permutation", ())
        assert found.p_value == twin.drawn_p(k, l, seed, 39)


def test_texts_against_too_many_labels_are_compressed():
    (x, kernel_x, k), (y, kernel_y, l) = made("bow", 60), made("delta, few", 60)  # noqa: E741
    found = measure_limited(x, y, Asked("permutation", 39, 2), kernel_x, kernel_y, cells=10)
    assert found.p_value == twin.drawn_p(k, l, 2, 39)
    assert not permutation.keeps_all_terms(side(x, kernel_x), side(y, kernel_y), 10)


def rich(n=200):
    """Return a column of a kernel that few features hold little of, and one that goes with it."""
    x = np.random.default_rng(n).normal(size=(n, 9))
    return x, x[:, 0] + np.random.default_rng(0).normal(size=n)


def share_of(rank, x):
    return half(side(x, Kernel("gaussian")), rank, 0).share


def test_auto_uses_eigen_if_permutations_would_compare_too_little():
    x, y = rich()
    shares = [share_of(rank, x) for rank in (20, 150)]
    assert shares[0] < 0.9 < shares[1] < 0.999
    found = measure_limited(x, y, Asked(permutations=19), rank=20)
    assert found.test == "eigen"
    assert found.notes == ("the test is eigen, because permutations would compare too little of a kernel",)
    assert found.p_value == measure_dependence(x, y, testing=Asked("eigen")).p_value
    turned = measure_limited(y, x, Asked(permutations=19), rank=20)
    assert (turned.test, turned.notes) == (found.test, found.notes)
    requested = measure_limited(x, y, Asked("permutation", 19), rank=20)
    assert requested.test == "permutation"
    assert requested.notes == (
        f"the permutations compare 20 features of x's kernel, with {shares[0]:.1%} of its variance; "
        "that costs power, not the level of the test, and eigen may find more",
    )
    found = measure_limited(x, y, Asked(permutations=19), rank=150)
    assert found.test == "permutation"
    assert len(found.notes) == 1
    assert found.notes[0].startswith("the permutations compare 150 features of x's kernel, with 9")
    assert share_of(199, x) >= 0.999
    assert measure_limited(x, y, Asked(permutations=19), rank=199).notes == ()


def test_sampled_spectra_are_noted():
    x, y = rich()
    assert measure_dependence(x, y, testing=Asked("eigen")).notes == ()
    found = measure_limited(x, y, Asked("eigen"), spectrum_rows=100)
    assert found.notes[0] == f"the spectrum of x's kernel is that of 100 of {len(x):,} rows"
    assert measure_limited(x, y, Asked(), spectrum_rows=100, rank=20).notes == (
        "the test is eigen, because permutations would compare too little of a kernel",
        *found.notes,
    )


def test_so_many_features_of_so_many_rows():
    assert [permutation.max_rank(n) for n in (100, 1000, 20_000, 10**6)] == [1000, 316, 70, 64]


# What is drawn


def test_what_is_drawn_for_one_purpose_tells_nothing_of_another():
    seeds = itertools.product(random_streams.RandomStream, (0, 1, 2**70), (0, 1, 2))
    streams = [tuple(random_streams.make_generator(*of).integers(0, 2**62, 4)) for of in seeds]
    assert len(set(streams)) == len(streams)
    one, again = (random_streams.make_generator(random_streams.RandomStream.ROWS, 5) for _ in range(2))
    assert one.random() == again.random()


def test_permutations_are_those_of_their_stream():
    x, y = side(*made("gaussian, narrow", 12)[:2]), side(*made("laplace", 12)[:2])
    job = permutation.CountPermutations(8)
    job.setup((half(x, 12), half(y, 12)))
    found = list(job.iter_orders(permutation.PermutationTask(3, 6)))
    right = [
        random_streams.make_generator(random_streams.RandomStream.PERMUTATION, 8, b).permutation(12) for b in (3, 4, 5)
    ]
    assert np.array_equal(found, right)
    assert np.array_equal(found[0], np.random.default_rng((twin.PERMUTATION, 8, 3)).permutation(12))


def test_pivots_are_those_of_the_seed_and_the_side():
    x = side(rich(90)[0], Kernel("gaussian"))
    first, again, other, next_seed = half(x, 9), half(x, 9), half(x, 9, which=1), half(x, 9, 1)
    assert np.array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)
    assert not np.array_equal(first.features, next_seed.features)


def test_the_draws_of_texts_are_those_of_their_stream():
    sizes = 9, 14, 7
    table = {"a": (5, 1, 0), "b": (1, 2, 3), "c": (4, 9, 6)}
    for term, found in screened(table, sizes, Asked("permutation", 200, 3)).items():
        assert close(found.p_value, twin.drawn_screening_p(table[term], sizes, 3, 200), 1e-12)


def test_the_gamma_test_is_that_of_the_definition():
    for n in 6, 9, 60, 600:
        for left, right in [("gaussian, narrow", "laplace"), ("delta, many", "gaussian, 9-D")][: 2 if n < 600 else 1]:
            (x, kernel_x, k), (y, kernel_y, l) = made(left, n), made(right, n)  # noqa: E741
            found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=Asked("gamma"))
            assert close(found.p_value, twin.gamma_p(k, l), 1e-8)
            assert_right(found, k, l)


# Features


@pytest.mark.parametrize("name", NAMES)
def test_features_are_the_centered_kernel_where_the_rank_suffices(name):
    n = 130
    x, kernel, k = made(name, n)
    kept = half(side(x, kernel), n)
    if isinstance(kept, CategoricalVariable):
        assert kernel.name == "delta"
        return
    assert kept.features.shape[0] == n
    assert kept.features.shape[1] <= n
    assert np.abs(kept.features.mean(axis=0)).max() <= 1e-12 * np.abs(kept.features).max()
    assert np.abs(kept.features @ kept.features.T - twin.centered(k)).max() <= 3e-10 * float(np.trace(k))
    assert kept.share == pytest.approx(1, abs=1e-9)
    spectrum = null_distribution.eigenvalues(kept.features.T @ kept.features / n)
    expected = np.sort(twin.eigenvalues(k))[::-1]
    assert np.allclose(spectrum[:10], expected[:10], rtol=1e-6, atol=1e-9 * expected[0])


@given(
    values=st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=40, unique=True),
    exponent=st.floats(-2, 10),
    shift=st.sampled_from([0.0, 1.0, -1e3]),
)
def test_features_are_the_kernel_where_it_is_flat(values, exponent, shift):
    extent = max(values) - min(values)
    if extent < 1e-6:
        return
    rows = np.array(values) / extent + shift
    sigma = 10**exponent
    one = side(rows, Kernel("gaussian", sigma))
    features = one.features.transform(one.rows)
    own = features - features.mean(axis=1)[:, None]
    squares = twin.distances(rows) ** 2
    right = twin.centered(np.expm1(-squares / twin.WIDE(sigma) ** 2))
    greatest = float(np.abs(right).max())
    for found in own.T @ own, twin.centered(one.tile(0, 0)):
        assert np.abs(found - right).max() <= (1e-11 if shift == 0 else 1e-9) * greatest


@pytest.mark.parametrize("n", [60, 300])
@pytest.mark.parametrize("sigma", [1e-2, 1.0, 1e2, 1e4, 1e6, 1e8, 1e10])
def test_flat_kernels_keep_their_digits_by_features_too(sigma, n):
    rng = np.random.default_rng(n)
    x = rng.uniform(size=n)
    y = x + rng.uniform(size=n)
    one, other = side(x, Kernel("gaussian", sigma)), side(y, Kernel("gaussian", sigma))
    found = {way: compute_estimates(sums) for way, sums in ways(one, other)}
    assert set(found) == {"tiles", "moments"}
    for name in "biased_n2", "unbiased", "cka", "cka_unbiased":
        values = [getattr(of_way, name) for of_way in found.values()]
        if name != "cka_unbiased" or None not in values:
            assert close(*values, 1e-9), name
    k, l = (np.expm1(-((twin.distances(some) / twin.WIDE(sigma)) ** 2)) for some in (x, y))  # noqa: E741
    for of_way in found.values():
        assert close(of_way.biased_n2, twin.biased_n2(k, l))
        assert close(of_way.cka, twin.cka(k, l))


@pytest.mark.parametrize("name", [name for name in NAMES if "delta" not in name])
@pytest.mark.parametrize("rank", [1, 5, 20])
def test_the_share_is_what_the_features_hold_of_the_centered_kernel(name, rank):
    n = 90
    x, kernel, k = made(name, n)
    kept = half(side(x, kernel), rank)
    assert kept.features.shape[1] <= rank
    whole = twin.centered(k)
    assert close(kept.share, float((kept.features**2).sum() / np.trace(whole)), 1e-9)
    # What is left is a kernel too: nothing is made up.
    left = (whole - kept.features @ kept.features.T).astype(float)
    assert np.linalg.eigvalsh(left)[0] >= -1e-9 * float(np.trace(whole))


def test_what_was_left_out_is_told():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(300, 30))
    y = x[:, 0] + rng.normal(size=300) / 9
    testing = Asked("permutation", 19)
    found = measure_dependence(x, y, kernel_x=Kernel("gaussian", 4.0), testing=testing)
    assert found.notes == () or "variance" in found.notes[0]
    some = ["好" * 1000 + "".join(map(chr, rng.permutation(400)[:30] + 0x4E00)) for _ in range(300)]
    terms = terms_module.TermSpec(1)
    counts = run_inline(terms_module.CountTerms(terms), terms_module.iter_tasks(some), None)
    one = dependence.make_variable(counts, Kernel("ngram", n=1))
    kept = half(one, 64)
    held = float((kept.features**2).sum() / np.trace(twin.centered(one.tile(0, 0))))
    assert close(kept.share, held, 1e-6)


def test_a_wide_gaussian_kernel_sees_what_the_linear_one_sees():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 30))
    for sigma in 1e2, 1e4, 1e6:
        found = measure_dependence(x, x[:, 0], kernel_x=Kernel("gaussian", sigma), testing=Asked(permutations=99))
        assert found.p_value == 0.01, sigma


# Screening


def screened(table, sizes, testing=None, least=1):
    """Screen the words of a table: a list of numbers of texts by label for each."""
    counts = {word: {label: count for label, count in enumerate(row) if count} for word, row in table.items()}
    return {one.term: one for one in screening.screen_terms(counts, sizes, testing or Asked(), least)}


TWO = {f"w{a}{b}": (a, b) for a in range(8) for b in range(6) if a + b}


def test_screened_words_are_measured_as_columns():
    for table, sizes in (TWO, (7, 5)), ({f"{a}{b}{c}": (a, b, c) for a, b, c in [(1, 0, 0), (2, 3, 4)]}, (3, 4, 5)):
        for term, found in screened(table, sizes, UNTESTED).items():
            words, of_labels = twin.presence(table[term], sizes)
            k, l = twin.delta(words), twin.delta(of_labels)  # noqa: E741
            assert close(found.biased_n2, twin.biased_n2(k, l), 1e-9, 1e-15)
            assert found.n == sum(table[term])
            assert (found.p_value, found.q_value) == (None, None)
            if found.n == sum(sizes):
                assert found.cka is None
            else:
                assert close(found.cka, twin.cka(k, l), 1e-9, 1e-14)
                above = [held - found.n * size / sum(sizes) for held, size in zip(table[term], sizes, strict=True)]
                assert above[found.label] >= max(above) - 1e-12


@pytest.mark.parametrize("sizes", [(7, 5), (49, 49), (1, 30), (20, 7)])
def test_p_of_a_word_and_two_labels_is_exact(sizes):
    numbers = itertools.product(range(min(7, sizes[0]) + 1), range(min(7, sizes[1]) + 1))
    table = {f"{a} {b}": (a, b) for a, b in numbers if 0 < a + b < sum(sizes)}
    found = screened({**table, "all": sizes}, sizes)
    expected = {term: twin.exact_screening_p(held, sizes) for term, held in table.items()}
    wrong = [term for term, p in expected.items() if not close(found[term].p_value, float(p), 1e-9)]
    assert wrong == []
    assert (found["all"].p_value, found["all"].q_value) == (None, None)
    terms = list(table)
    q_values = twin.q_values([found[term].p_value for term in terms])
    assert [found[term].q_value for term in terms] == pytest.approx(q_values, rel=1e-12)


@pytest.mark.full
def test_the_exact_p_is_that_of_all_permutations():
    for held, sizes in ((2, 0), (3, 3)), ((1, 2), (4, 3)), ((3, 1), (3, 4)):
        words, of_labels = twin.presence(held, sizes)
        p = twin.exact_p(twin.delta(words), twin.delta(of_labels))
        assert close(p, float(twin.exact_screening_p(held, sizes)))
        assert close(p, screened({"w": held}, sizes)["w"].p_value)
        assert close(p, measure_dependence(words, of_labels, kernel_x="delta", kernel_y="delta").p_value)


def test_an_exact_p_may_be_as_small_as_it_is():
    found = screened({"w": (400, 0), "v": (0, 3)}, (400, 600))
    assert close(found["w"].p_value, float(Fraction(1, math.comb(1000, 400))), 1e-9)
    assert close(found["v"].p_value, float(twin.exact_screening_p((0, 3), (400, 600))), 1e-9)


@pytest.mark.parametrize("sizes", [(6, 5, 9), (10, 10, 10), (7, 5)])
def test_permutations_of_a_word_come_near_the_exact_p(sizes):
    rng = np.random.default_rng(0)
    n_permutations = 4000
    table = {f"w{i}": tuple(int(rng.integers(0, size + 1)) for size in sizes) for i in range(20)}
    table |= {"even": (2,) * len(sizes)}
    table = {term: held for term, held in table.items() if sum(held)}
    found = screened(table, sizes, Asked("permutation", n_permutations))
    again = screened(table, sizes, Asked("permutation", n_permutations))
    assert found == again
    for term, held in table.items():
        p = float(twin.exact_screening_p(held, sizes))
        error = math.sqrt(p * (1 - p) / n_permutations)
        assert abs(found[term].p_value - p) <= 5 * error + 2 / n_permutations, term
        reaching = found[term].p_value * (1 + n_permutations)
        assert abs(reaching - round(reaching)) < 1e-6
    if len(set(sizes)) == 1:
        assert found["even"].p_value == 1


def test_eigen_p_of_a_word_is_that_of_the_columns():
    sizes = 60, 50, 90
    table = {"a": (30, 20, 40), "b": (10, 1, 5), "all": sizes}
    for term, found in screened(table, sizes, Asked("eigen")).items():
        words, of_labels = twin.presence(table[term], sizes)
        columns = measure_dependence(words, of_labels, kernel_x="delta", kernel_y="delta", testing=Asked("eigen"))
        assert found.p_value == columns.p_value is None or close(found.p_value, columns.p_value, 1e-8)
        assert (found.p_value is None) == (term == "all")


def test_eigen_p_of_a_word_is_near_the_exact_one():
    sizes = 60, 50, 90
    table = {"a": (30, 20, 40), "b": (10, 1, 5), "c": (14, 16, 33)}
    exact = screened(table, sizes, Asked("permutation", 20_000))
    for term, found in screened(table, sizes, Asked("eigen")).items():
        assert abs(found.p_value - exact[term].p_value) < 0.05


def test_words_and_one_label():
    found = screened({"a": (3,), "b": (5,)}, (5,))
    assert [(one.p_value, one.q_value, one.cka, one.biased_n2) for one in found.values()] == [(None, None, None, 0)] * 2


@pytest.mark.parametrize("name", ["auto", "permutation", "eigen"])
@pytest.mark.parametrize("sizes", [(4, 5), (3, 3, 3)])
def test_words_that_all_texts_have_and_labels_that_all_differ_are_not_tested(name, sizes):
    table = {"all": sizes, "some": (3, 1, 0)[: len(sizes)]}
    found = screened(table, sizes, Asked(name))
    assert (found["all"].p_value, found["all"].q_value, found["all"].cka) == (None, None, None)
    assert found["some"].q_value == found["some"].p_value is not None
    assert list(found) == ["some", "all"]
    found = screened({"a": (1, 0, 0, 0, 0), "b": (1, 1, 0, 1, 0)}, (1,) * 5, Asked(name))
    assert [(one.p_value, one.q_value) for one in found.values()] == [(None, None)] * 2


def test_words_are_ranked_and_rare_ones_left_out():
    rows = screening.screen_terms(
        {"b": {0: 3}, "a": {0: 3}, "c": {0: 5}, "d": {1: 1}, "all": {0: 5, 1: 5}}, [5, 5], UNTESTED, 2
    )
    assert [row.term for row in rows] == ["c", "a", "b", "all"]
    assert [row.label for row in rows[:3]] == [0, 0, 0]
    assert close(rows[0].cka, 1)
    assert screening.screen_terms({}, [5, 5], Asked()) == []


def test_a_screening_of_texts_counts_each_text_once():
    some = ["aaaa", "ab", "ba", "bb", "", "a\nb"]
    by_label = np.array([0, 0, 1, 1, 0, 1])
    counts = run_inline(
        terms_module.CountDocuments(terms_module.TermSpec(1)), terms_module.iter_tasks(some, by_label), None
    )
    assert counts == {"\n": {1: 1}, "a": {0: 2, 1: 2}, "b": {0: 1, 1: 3}}


@given(p_values=st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.0, 0.01, 0.5, 1.0])), min_size=1, max_size=20))
def test_q_values_are_those_of_the_definition(p_values):
    found = screening.benjamini_hochberg(np.array(p_values))
    assert found.tolist() == pytest.approx(twin.q_values(p_values), rel=1e-12)


# Degenerate columns

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
def test_nothing_depends_on_a_constant(constant, kernel, name):
    other = np.arange(9.0)
    testing = Asked(name)
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
def test_rows_that_are_all_distinct_labels(n, name):
    some = [str(i) for i in range(n)]
    found = measure_dependence(some, some[::-1], testing=Asked(name, 19))
    assert close(found.biased_n2, (n - 1) / n**2, 1e-12)
    assert abs(found.unbiased) < 1e-15
    assert close(found.cka, 1, 1e-12)
    assert found.cka_unbiased is None
    assert_sane(found)
    other = measure_dependence(some, np.arange(float(n)), testing=Asked(name, 19))
    assert_sane(other)
    twice = measure_dependence(some, [*some[1:], some[1]], testing=Asked(name, 19))
    for one in found, other, twice:
        assert (one.p_value, one.dependent, one.is_undefined, one.test) == (None, None, True, name)
        assert "no two rows of x are equal for its kernel, so the test is undefined" in one.notes


@pytest.mark.parametrize("n", [8, 140, 1000])
@pytest.mark.parametrize("name", ["permutation", "eigen", "gamma"])
def test_two_equal_rows_define_a_test(n, name):
    some = [str(i) for i in range(n - 1)] + ["0"]
    found = measure_dependence(some, some[::-1], testing=Asked(name, 19))
    assert found.p_value is not None and not found.notes


@pytest.mark.parametrize("name", ["permutation", "eigen", "gamma", "none"])
@pytest.mark.parametrize("sigma", [1e-140, 1e-12, 1e9, 1e160, 1e300])
def test_a_kernel_that_is_the_identity_or_constant(sigma, name):
    shapes = [(4, 1), (4, 10), (50, 2), (140, 1), (140, 10)]
    for (n, d), kernel in itertools.product(shapes, ["gaussian", "laplace"]):
        rng = np.random.default_rng((n, d))
        x, y = rng.normal(size=(n, d)), rng.normal(size=n)
        found = measure_dependence(x, y, kernel_x=Kernel(kernel, sigma), testing=Asked(name, 9))
        assert_sane(found)
        if sigma < 1e-9:
            assert_right(found, np.eye(n), twin.gaussian(y, found.sigma_y))
            assert found.cka_unbiased is None
            assert found.p_value is None  # every order gives the same
        else:
            assert abs(found.biased_n2) < 1e-8


def test_a_narrow_kernel_of_many_columns_is_the_identity():
    x, y = np.random.default_rng(0).normal(size=(20, 10)), np.arange(20.0)
    found = measure_dependence(x, y, kernel_x=Kernel("gaussian", 1e-140), testing=UNTESTED)
    assert_right(found, np.eye(20), twin.gaussian(y, found.sigma_y))


@pytest.mark.parametrize("degrees", [0.5, 0.1, 1e-3, 1e-9, 1e-15])
def test_a_rest_of_nearly_no_degrees_does_not_count(degrees):
    """Of the smallest mean, rounding makes any variance."""
    x = side(["a", "b"] * 20, Kernel("delta"))
    y = side(["a", "b", "b"] * 13 + ["a"], Kernel("delta"))
    sums, spectra = sum_categories(x, y), [null_distribution.category_eigenvalues(one.sizes) for one in (x, y)]
    product = float(spectra[0][0] * spectra[1][0])
    weight = 5 * product
    # Such a rest: as much to the mean, and to half the variance.
    mean, half_variance = product + weight * degrees, product**2 + weight**2 * degrees
    n = sums.n
    trace = mean * n**2 / sums.trace_y
    square = half_variance * n**4 / sums.yy.trace
    for times in 0.5, 3, 6:
        there = replace(sums, xy=KernelProduct(n * product * times, 0.0), xx=KernelProduct(square, 0.0), trace_x=trace)
        found = null_distribution.eigen_p_value(there, *(values[:1] for values in spectra))
        value = times - mean / product / (n - 1)
        assert 0 <= found <= 1
        if degrees < 0.01:
            assert close(found, math.erfc(math.sqrt(value / 2)), 0.01)
        elif degrees == 0.5:
            assert found > math.erfc(math.sqrt(value / 2))
        assert 0 <= tail([1, 5], [1, degrees], times) <= 1


@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
@pytest.mark.parametrize("n", [10, 300])
def test_a_bandwidth_that_no_number_can_be_divided_by_is_an_error(kernel, n):
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
    # At such widths exp(-t) is 1 - t, and alignment does not know of units.
    squares = twin.distances(x) ** (2 if kernel == "gaussian" else 1)
    k, l = -squares, twin.gaussian(y, found.sigma_y)  # noqa: E741
    assert found.cka is None or close(found.cka, twin.cka(k, l), 0.02)
    assert found.cka_unbiased is None or close(found.cka_unbiased, twin.cka_unbiased(k, l), 0.05, 0.005)


def test_cosines_that_are_all_one_but_for_rounding():
    some = ["a " * i + "b " * i + "c " * i for i in range(1, 31)]
    found = measure_dependence(
        some, np.arange(30.0), kernel_x=Kernel("bow", cosine=True), testing=Asked("permutation", 99)
    )
    assert abs(found.biased_n2) < 1e-14
    assert (found.cka, found.cka_unbiased) == (None, None)
    assert found.is_undefined


@pytest.mark.parametrize("n", [10, 300])
@pytest.mark.parametrize("kernel", ["gaussian", "laplace"])
def test_outliers_beyond_all_measure(kernel, n):
    rng = np.random.default_rng(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    for greatest in 1e12, 1e100, 1e149:
        found = measure_dependence(
            np.append(x, greatest), np.append(y, 0), kernel_x=kernel, testing=Asked(permutations=9)
        )
        assert_sane(found)


def test_four_rows():
    found = measure_dependence([1.0, 2, 3, 4], [1.0, 4, 9, 16])
    assert found.n == 4
    assert (found.kernel_x, found.kernel_y, found.test) == ("gaussian", "gaussian", "permutation")
    assert found.sigma_x == 1.5
    assert found.sigma_y == 7.5
    assert close(
        found.p_value, twin.exact_p(*(twin.gaussian(v, s) for v, s in ([[1, 2, 3, 4], 1.5], [[1, 4, 9, 16], 7.5])))
    )


# How values may come


def test_values_may_be_arrays_lists_and_strings():
    x = [1, 2, 2, 5, 7, 7]
    y = ["a", "b", "b", "c", "c", "a"]
    expected = measure_dependence(x, y)
    assert expected.kernel_y == "delta"
    objects = np.array(x, dtype=object), np.array([[v] for v in x], dtype=object)
    arrays = np.array(x), np.array(x, dtype=np.int8), np.array(x, dtype=float)[:, None]
    for other in *arrays, [[v] for v in x], tuple(x), [np.float32(v) for v in x], [x[0], 2.0, *x[2:]], *objects:
        assert measure_dependence(other, y) == expected
    for other in np.array(y), np.array(y, dtype=object), tuple(y), [[v] for v in y]:
        assert measure_dependence(x, other) == expected
    assert measure_dependence(x, y, kernel_x="gaussian", kernel_y=Kernel("delta")) == expected
    assert measure_dependence([bool(v % 2) for v in x], y).kernel_x == "gaussian"


def test_rows_of_several_labels_are_alike_where_all_are():
    rows = [["a", "x"], ["a", "y"], ["b", "x"], ["a", "x"], ["b", "x"], ["b", "y"]]
    joined = ["|".join(row) for row in rows]
    y = [1.0, 2, 3, 4, 5, 6]
    assert measure_dependence(rows, y) == measure_dependence(joined, y)


def test_no_character_of_a_string_is_lost():
    x, y = ["a", "a\x00"] * 6, ["x", "y"] * 6
    for kernel in "delta", "ngram:1":
        found = measure_dependence(x, y, kernel_x=kernel, testing=UNTESTED)
        assert found.cka is not None, kernel
        assert close(found.cka, 1)


def test_one_long_text_takes_the_memory_of_one():
    some = ["a"] * 1000 + ["b" * 20_000] + ["c"] * 999
    tracemalloc.start()
    try:
        measure_dependence(some, ["x", "y"] * 1000, kernel_x="ngram:1", testing=UNTESTED)
        assert tracemalloc.get_traced_memory()[1] < 100e6  # of 2,000 texts as long as that one: 160 MB
    finally:
        tracemalloc.stop()


def test_auto_permutes_up_to_a_number_of_rows():
    x = np.random.default_rng(0).normal(size=31)
    found = measure_limited(x[:30], x[:30] ** 2, Asked(permutations=9), permuted_rows=30)
    assert (found.test, found.notes) == ("permutation", ())
    found = measure_limited(x, x**2, Asked(), permuted_rows=30)
    assert (found.test, found.notes) == ("eigen", ("the test is eigen, because there are more than 30 rows",))


def test_alpha_says_what_is_called_dependent():
    x = np.arange(20.0)
    for alpha, dependent in (0.1, True), (0.01, True), (0.009, False):
        found = measure_dependence(x, x, testing=Asked("permutation", 99, alpha=alpha))
        assert (found.p_value, found.dependent) == (0.01, dependent)


# Errors

FOUR = [1.0, 2, 3, 5]
DAYS = np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]")


@pytest.mark.parametrize(
    ("x", "y", "kernel", "testing", "message"),
    [
        ([1, 2, 3], [1, 2, 3], None, None, "too few rows: 3; HSIC needs at least 4"),
        (["a"], ["b"], None, None, "too few rows: 1; HSIC needs at least 4"),
        ([], [], None, None, "x has the shape (0,) and no values; HSIC needs at least 4 rows"),
        (FOUR, [], "delta", None, "y has the shape (0,) and no values; HSIC needs at least 4 rows"),
        (FOUR, [1, 2, 3, 4, 5], None, None, "x has 4 rows and y has 5"),
        ([1.0] * 1234, FOUR, None, None, "x has 1,234 rows and y has 4"),
        (list("abcd"), np.zeros((5, 2)), None, None, "x has 4 rows and y has 5"),
        (
            FOUR,
            FOUR,
            "gauss",
            None,
            "kernel_x: unknown kernel 'gauss'; choose from gaussian, laplace, linear, delta, bow and ngram:N",
        ),
        (FOUR, FOUR, "ngram:1", None, "kernel_x: ngram:1 compares texts; pass a list of strings"),
        (FOUR, FOUR, "bow", None, "kernel_x: bow compares texts; pass a list of strings"),
        ([["a", "b"]] * 4, FOUR, "bow", None, "kernel_x: bow compares texts; pass a list of strings"),
        (list("abcd"), FOUR, "gaussian", None, "kernel_x: gaussian compares numbers, and these are strings"),
        (list("abcd"), FOUR, "linear", None, "kernel_x: linear compares numbers, and these are strings"),
        (3.0, FOUR, None, None, "x has the shape (); pass n rows, of shape (n,) or (n, d)"),
        ("abcd", FOUR, None, None, "x has the shape (); pass n rows, of shape (n,) or (n, d)"),
        (FOUR, {1, 2, 3, 4}, None, None, "y has the shape (); pass n rows, of shape (n,) or (n, d)"),
        (np.zeros((4, 2, 2)), FOUR, None, None, "x has the shape (4, 2, 2); pass n rows, of shape (n,) or (n, d)"),
        (FOUR, [[[1]]] * 4, None, None, "y has the shape (4, 1, 1); pass n rows, of shape (n,) or (n, d)"),
        (np.zeros((4, 0)), FOUR, None, None, "x has the shape (4, 0) and no values; HSIC needs at least 4 rows"),
        (np.zeros((4, 0)), FOUR, "delta", None, "x has the shape (4, 0) and no values; HSIC needs at least 4 rows"),
        ([1, 2, math.nan, 4], FOUR, None, None, "x[2] is nan, not a finite number; remove its row"),
        ([1, 2, math.inf, 4], FOUR, "linear", None, "x[2] is inf, not a finite number; remove its row"),
        ([1, 2, math.nan, 4], FOUR, "delta", None, "x[2] is nan, not a finite number; remove its row"),
        ([1, 2, -math.inf, 4], FOUR, "delta", None, "x[2] is -inf, not a finite number; remove its row"),
        (FOUR, np.array([[1, 2], [3, 4], [5, math.nan], [7, 8]]), None, None, "y[2, 1] is nan, not a finite number"),
        ([1, 2, None, 4], FOUR, None, None, "x[2] is None, a missing value; remove its row"),
        ([1, 2, None, 4], FOUR, "delta", None, "x[2] is None, a missing value; remove its row"),
        (["a", "b", None, "a"], FOUR, None, None, "x[2] is None, a missing value; remove its row"),
        ([None, "b", "a", "a"], FOUR, None, None, "x[0] is None, a missing value; remove its row"),
        (["a", "b", None, "a"], FOUR, "bow", None, "x[2] is None, a missing value; remove its row"),
        (FOUR, ["a", "b", "c", math.nan], None, None, "y[3] is nan, a missing value; remove its row"),
        (FOUR, [["a", "b"], ["a", None], *[["c", "d"]] * 2], None, None, "y[1, 1] is None, a missing value"),
        (np.array([*FOUR[:3], None], dtype=object), FOUR, None, None, "x[3] is None, a missing value"),
        (np.ma.array(FOUR, mask=[0, 1, 0, 0]), FOUR, None, None, "x[1] is masked; remove its row"),
        (["a", 2, 3, 4], FOUR, None, None, "x[1] is 2 (int); pass strings"),
        (FOUR, [1, 2, "3", 4], None, None, "y[0] is 1 (int); pass strings"),
        ([1j, 2, 3, 4], FOUR, None, None, "x[0] is 1j (complex); pass numbers or strings"),
        (np.array([1j, 2, 3, 4]), FOUR, "delta", None, "x has values of the type complex128; pass numbers or strings"),
        (DAYS, FOUR, None, None, "x has values of the type datetime64[D]; pass numbers or strings"),
        (FOUR, DAYS, "delta", None, "y has values of the type datetime64[D]; pass numbers or strings"),
        (
            [datetime.date(2024, 1, day) for day in (1, 2, 3, 4)],
            FOUR,
            None,
            None,
            "x[0] is datetime.date(2024, 1, 1) (date)",
        ),
        ([b"a", b"b"] * 2, FOUR, None, None, "x[0] is b'a' (bytes); pass numbers or strings"),
        (np.array([b"a", b"b"] * 2), FOUR, None, None, "x has values of the type |S1; pass numbers or strings"),
        ([[1, 2], [3], [4, 5], [6, 7]], FOUR, None, None, "x[0] is [1, 2] (list); pass numbers or strings"),
        ([1, 2, 3, 10**400], FOUR, None, None, "x has a number that is too large"),
        ([1e200, 2, 3, 4], FOUR, None, None, "x: the numbers are too large to be squared"),
        (
            FOUR * 2,
            FOUR * 2,
            "linear",
            "gamma",
            "the gamma test needs kernels with k(x, x) = 1: gaussian, laplace, delta, or a cosine",
        ),
        (
            ["", *"aabbcc"],
            list("abcdefg"),
            Kernel("ngram", n=1, cosine=True),
            "gamma",
            "the gamma test needs kernels with k(x, x) = 1: gaussian, laplace, delta, or a cosine",
        ),
    ],
)
def test_what_makes_no_sense_is_an_error(x, y, kernel, testing, message):
    with pytest.raises(ValueError) as caught:
        measure_dependence(x, y, kernel_x=kernel, testing=Asked(testing or "auto"))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"testing": "none"}, "testing must be a Testing, not 'none'"),
        ({"testing": 0.05}, "testing must be a Testing, not 0.05"),
        ({"testing": Asked}, "testing must be a Testing, not <class"),
        ({"testing": ""}, "testing must be a Testing, not ''"),
        ({"testing": [0] * 100_000}, f"testing must be a Testing, not {str([0] * 20)[:-1]},... (list)"),
        ({"counting": "char"}, "counting must be a Counting, not 'char'"),
        ({"kernel_x": 1.0}, "kernel_x must be a Kernel or the name of one, not 1.0"),
        ({"kernel_y": Kernel}, "kernel_y must be a Kernel or the name of one, not "),
        ({"kernel_y": ["gaussian"]}, "kernel_y must be a Kernel or the name of one, not "),
    ],
)
def test_an_argument_of_another_type_is_named(options, message):
    with pytest.raises(TypeError) as caught:
        measure_dependence(FOUR, FOUR, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (Asked, {"name": "permutations"}, ValueError, "the test must be one of 'auto'"),
        (Asked, {"permutations": -1}, ValueError, "permutations must be 1 or more, not -1"),
        (Asked, {"permutations": 0}, ValueError, "permutations must be 1 or more, not 0"),
        (Asked, {"permutations": 9.5}, TypeError, "permutations must be an integer, not 9.5"),
        (Asked, {"permutations": "99"}, TypeError, "permutations must be an integer, not '99'"),
        (Asked, {"permutations": True}, TypeError, "permutations must be an integer, not True"),
        (Asked, {"seed": -1}, ValueError, "seed must be 0 or more, not -1"),
        (Asked, {"seed": None}, TypeError, "seed must be an integer, not None"),
        *((Asked, {"alpha": alpha}, ValueError, "alpha must be between 0 and 1") for alpha in (0, 1, 2, -1, math.nan)),
        (Asked, {"alpha": "5%"}, TypeError, "alpha must be a number, not '5%'"),
        *(
            (Kernel, {"name": "gaussian", "sigma": sigma}, ValueError, "sigma must be greater than 0 and finite")
            for sigma in (0, -1.0, math.nan, math.inf)
        ),
        (Kernel, {"name": "gaussian", "sigma": "median"}, TypeError, "sigma must be a number, not 'median'"),
        (Kernel, {"name": "laplace", "sigma": True}, TypeError, "sigma must be a number, not True"),
        (Kernel, {"name": "ngram", "n": 2.0}, TypeError, "n must be an integer, not 2.0"),
        (Kernel, {"name": "ngram", "n": -2}, ValueError, "n must be 1 or more for the kernel ngram"),
        (Kernel, {"name": "bow", "cosine": "yes"}, TypeError, "cosine must be True or False, not 'yes'"),
    ],
)
def test_a_value_out_of_range_is_named(kind, options, error, message):
    with pytest.raises(error) as caught:
        kind(**options)
    assert str(caught.value).startswith(message)


def test_series_of_pandas_are_rows():
    pd = pytest.importorskip("pandas")
    words, numbers = ["a", "b", "a", "c", "b"], [1.0, 2, 5, 3, 4]
    found = measure_dependence(words, numbers)
    for kind in object, "string", "category":
        assert measure_dependence(pd.Series(words, dtype=kind), pd.Series(numbers)) == found
        for gap in None, math.nan, pd.NA:
            gappy = pd.Series([*words[:2], gap, *words[3:]], dtype=kind)
            with pytest.raises(ValueError, match=r"^y\[2\] is .*, a missing value; remove its row$"):
                measure_dependence(numbers, gappy)
    assert measure_dependence(words, pd.Series(numbers, dtype="Float64")) == found
    with pytest.raises(ValueError, match=r"^x\[1\] is <NA>, a missing value; remove its row$"):
        measure_dependence(pd.Series([1, None, 2, 3, 4], dtype="Int64"), words)
    frame = pd.DataFrame({"a": numbers, "b": [2.0, 2, 1, 1, 0]})
    assert measure_dependence(frame, words) == measure_dependence(frame.to_numpy(), words)


class NAType:
    """A missing value as pandas has it: equal to nothing, and neither true nor false."""

    def __repr__(self):
        return "<NA>"

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


class Series:
    """A column that numpy makes an array of, and which is none."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        array = np.empty(len(self.values), object)
        array[:] = self.values
        return array if dtype is None else array.astype(dtype)


@pytest.mark.parametrize("gap", [None, math.nan, NAType(), np.float64("nan")])
def test_columns_with_gaps_are_named_with_the_position(gap):
    words, numbers = ["a", "b", "a", "c", "b"], [1.0, 2, 5, 3, 4]
    assert measure_dependence(Series(words), Series(numbers)) == measure_dependence(words, numbers)
    with pytest.raises(ValueError, match=r"^x\[1\] is .*, a missing value; remove its row$"):
        measure_dependence(Series(["a", gap, "a", "c", "b"]), numbers)
    with pytest.raises(ValueError, match=r"^y\[4\] is .*; remove its row$"):
        measure_dependence(words, Series([1.0, 2, 5, 3, gap]))


@pytest.mark.parametrize("n", [10, 500])
def test_numbers_too_great_to_be_squared_are_an_error(n):
    x, y = np.arange(n) / n, np.arange(n)
    too_great = "^[xy]: the numbers are too large to be squared; divide them by a power of ten$"
    for scale in 1e150, 1e160, 1e307:
        with pytest.raises(ValueError, match=too_great):
            measure_dependence(x * scale, x * scale, kernel_x="linear", kernel_y="linear")
        with pytest.raises(ValueError, match=too_great):
            measure_dependence(y, x * scale, kernel_y="linear")
    for kernel in "gaussian", "laplace":
        with pytest.raises(ValueError, match=too_great):
            measure_dependence(x * 1e307, y, kernel_x=kernel)
    found = measure_dependence(x, x, kernel_x="linear", kernel_y="linear", testing=Asked("none"))
    too_small = "^x: the numbers are too small to be squared; multiply them by a power of ten$"
    for scale in 1e-71, 1e-160, 1e-300:
        for d in 1, 3:
            with pytest.raises(ValueError, match=too_small):
                measure_dependence(np.outer(x * scale, np.ones(d)) + (d == 1 and scale), y, kernel_x="linear")
    small = measure_dependence(x * 1e-69, x, kernel_x="linear", kernel_y="linear", testing=Asked("none"))
    assert close(small.biased_n2, found.biased_n2 * 1e-138)
    assert close(small.cka, 1)
    mixed = np.column_stack((x, x * 1e-200))  # a column that is nothing beside another is none
    assert close(measure_dependence(mixed, x, kernel_x="linear", kernel_y="linear", testing=UNTESTED).cka, 1)
    great = measure_dependence(x * 1e70, x * 1e70, kernel_x="linear", kernel_y="linear", testing=Asked("none"))
    assert close(great.biased_n2, found.biased_n2 * 1e280)
    assert close(great.cka, 1)


def test_terms_have_no_gamma_test():
    with pytest.raises(ValueError, match=r"^terms are tested exactly, by permutation or eigen, not by gamma$"):
        screening.screen_terms({"a": {0: 1}}, [2, 2], Asked("gamma"))


@pytest.mark.parametrize("n", [6, 20])
def test_a_test_has_permutations(n):
    x = np.arange(float(n))
    found = measure_dependence(x, x, testing=Asked("permutation", permutations=1))
    assert 0 < found.p_value <= 1
    for count in 0, -1:
        try:
            assert measure_dependence(x, x, testing=Asked("permutation", permutations=count)).p_value is not None
        except ValueError as error:
            assert "permutation" in str(error)


def test_kernels_have_names():
    assert Kernel.parse("gaussian") == Kernel("gaussian")
    assert replace(Kernel.parse("laplace"), sigma=2.0) == Kernel("laplace", 2.0)
    assert Kernel.parse("ngram:12") == Kernel("ngram", n=12)
    for name in "gaussian", "laplace", "linear", "delta", "bow", "ngram:3":
        assert str(Kernel.parse(name)) == name
    assert str(Kernel("bow", cosine=True)) == "bow+cosine"
    assert str(replace(Kernel.parse("ngram:3"), cosine=True)) == "ngram:3+cosine"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Gaussian",
        "gauss",
        "ngram",
        "ngram:",
        "ngram:0",
        "ngram:03",
        "ngram:-1",
        "ngram:1000",
        "ngram:٣",
        "bow\n",
        "delta:2",
        "bow+cosine",
    ],
)
def test_other_kernels_are_an_error(name):
    with pytest.raises(ValueError) as caught:
        Kernel.parse(name)
    assert (
        str(caught.value) == f"unknown kernel {name!r}; choose from gaussian, laplace, linear, delta, bow and ngram:N"
    )


def test_kernels_take_what_they_have():
    for name in "gaussian", "laplace", "linear", "delta":
        with pytest.raises(ValueError, match=f"^the kernel {name} has no cosine; use bow or ngram$"):
            Kernel(name, cosine=True)
        with pytest.raises(ValueError, match="has no cosine"):
            replace(Kernel(name), cosine=True)
    bandwidth = "^sigma must be greater than 0 and finite, for the kernels gaussian and laplace only$"
    for name in "linear", "delta", "bow", "ngram:2":
        with pytest.raises(ValueError, match=bandwidth):
            replace(Kernel.parse(name), sigma=1.0)
    for name, sigma in itertools.product(["gaussian", "laplace"], [0.0, -1.0, math.nan, math.inf, -math.inf]):
        with pytest.raises(ValueError, match=bandwidth):
            Kernel(name, sigma)
    for name, n in ("ngram", 0), ("ngram", -1), ("bow", 1), ("gaussian", 2), ("delta", 1):
        with pytest.raises(ValueError, match=r"^n must be 1 or more for the kernel ngram, and 0 for other kernels$"):
            Kernel(name, n=n)
    for name in "rbf", "", "ngram:3", "Gaussian":
        with pytest.raises(ValueError) as caught:
            Kernel(name)
        assert (
            str(caught.value) == "the kernel must be one of 'gaussian', 'laplace', 'linear', 'delta', 'bow', 'ngram', "
            f"not {describe(name)}"
        )


# Level and power

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
    assert 0.03 <= share_rejected(columns, lambda seed: Asked("permutation", 199, seed), kernel) <= 0.07


@pytest.mark.slow
@pytest.mark.parametrize(
    ("columns", "kernel"),
    [(normal(200), "gaussian"), (discrete(200), "gaussian"), (discrete(200), "delta")],
    ids=["normal", "counts", "labels"],
)
def test_eigen_has_its_level(columns, kernel):
    assert 0.03 <= share_rejected(columns, lambda seed: Asked("eigen"), kernel) <= 0.07


@pytest.mark.slow
def test_dependence_is_nearly_always_found(reference_file):
    """Of the dependent columns, halves of the rows drawn at random are enough."""
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
                *halves, kernel_x=kernel_x, kernel_y=kernel_y, testing=Asked("permutation", 199, seed)
            )
            n_found += found.dependent
            n_tried += 1
    assert n_tried >= 50
    assert n_found >= 0.95 * n_tried
