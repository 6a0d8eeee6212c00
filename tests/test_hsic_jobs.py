"""The jobs of HSIC give the same result in any order; draws have their own streams."""

import itertools
import random
from collections import Counter
from dataclasses import replace

import hsic_definition as definition
import numpy as np
import pytest
from conftest import mapped
from hsic_columns import (
    UNTESTED,
    build_variable,
    close,
    compress_variable,
    draw_texts,
    make_column,
    make_rich_columns,
    plan_pair,
    screen_table,
)

from kxcli.mining import Dependence, Kernel
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import (
    dependence,
    moments,
    pairs,
    permutation,
    permutation_statistics,
    random_streams,
    tiles,
    variables,
)
from kxcli.mining.hsic import terms as terms_module
from kxcli.mining.hsic.jobs import RangeTask, run_inline
from kxcli.mining.hsic.kernels import TILE_ROWS, count_blocks


def split_randomly(records, draw):
    """Return the records in random order and groups."""
    given = draw.sample(records, len(records))
    groups = []
    while given:
        size = draw.randint(1, 1 + len(records) // 3)
        groups.append(given[:size])
        given = given[size:]
    return groups


def run_shuffled(make, shared, records, draw):
    """Return the result of a job with random groups of tasks, merges, dumps and loads."""

    def job():
        one = make()
        one.setup(shared)
        return one

    partials = []
    for group in split_randomly(records, draw):
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


def to_bits(found):
    """Return a result as values that are equal only if all bits are."""
    if isinstance(found, moments.MomentSums):
        return to_bits(found.total)
    if isinstance(found, np.ndarray):
        return found.shape, found.dtype, found.tobytes()
    if isinstance(found, terms_module.TermCounts):
        return to_bits(found.starts), to_bits(found.terms), to_bits(found.counts)
    if isinstance(found, tuple) and not isinstance(found, str):
        return tuple(map(to_bits, found))
    return found


def draw_ranges(n_pairs, draw):
    """Return random consecutive ranges of the numbers 0 to n_pairs."""
    ends = sorted({0, n_pairs, *(draw.randint(1, n_pairs) for _ in range(draw.randint(0, 6)))})
    return list(itertools.pairwise(ends))


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in (2, 3))])
def test_sums_do_not_depend_on_the_order_of_tasks(seed):
    draw = random.Random(seed)
    n = 3 * TILE_ROWS + 11
    x, y = (build_variable(*make_column(name, n)[:2]) for name in ("gaussian, narrow", "delta, few"))
    ends = [*range(0, n, 211), n]
    parts = [moments.MomentTask(i, x.rows[a:b], y.rows[a:b]) for i, (a, b) in enumerate(itertools.pairwise(ends))]

    def job():
        return moments.SumMoments(x.features, y.features)

    assert to_bits(run_shuffled(job, None, parts, draw)) == to_bits(run_inline(job(), parts, None))

    z = build_variable(*make_column("bow", n)[:2])
    n_pairs = count_blocks(n) * (count_blocks(n) + 1) // 2
    strips = [RangeTask(*cut) for cut in draw_ranges(n_pairs, draw)]
    whole = run_inline(tiles.SumTiles(), strips, (x, z))  # of the same tasks: each rounds its sums once
    assert to_bits(run_shuffled(tiles.SumTiles, (x, z), strips, draw)) == to_bits(whole)
    job_of_tiles = tiles.SumTiles()
    job_of_tiles.setup((x, z))
    left, right = (job_of_tiles.map(some) for some in (strips[:2], strips[2:]))
    assert [len(partial.products) for partial in (left, right)] == [len(strips[:2]), len(strips[2:])]
    assert all(len(row) == 3 and set(map(type, row)) == {float} for row in left.products)
    loaded = job_of_tiles.load(mapped(job_of_tiles.dump(left)))
    assert to_bits(tuple(loaded.products)) == to_bits(tuple(left.products))
    assert to_bits(loaded.row_sums) == to_bits(left.row_sums)
    assert job_of_tiles.merge(loaded, right).products == left.products + right.products


@pytest.mark.parametrize("seed", range(4))
def test_permutation_counts_do_not_depend_on_the_order_of_tasks(seed):
    draw = random.Random(seed)
    for left, right in itertools.combinations_with_replacement(["gaussian, 2-D", "delta, few"], 2):
        x, y = build_variable(*make_column(left, 40, 1)[:2]), build_variable(*make_column(right, 40, 2)[:2])
        plan = plan_pair(x, y)
        parts = [RangeTask(*cut) for cut in draw_ranges(6, draw)]
        whole = run_inline(permutation.CountPermutations(3, 550), [RangeTask(0, 6)], plan)
        assert run_shuffled(lambda: permutation.CountPermutations(3, 550), plan, parts, draw) == whole
        assert 0 < whole <= 550


@pytest.mark.parametrize("n", [0, 2])
@pytest.mark.parametrize("seed", range(3))
def test_term_counts_do_not_depend_on_the_order_of_tasks(n, seed):
    draw = random.Random(seed)
    rng = np.random.default_rng(seed)
    some = [*draw_texts(rng, 40), "a\nb\n\n", "\x00\x00", "天地 𠮷𠮷", "", "café"]
    by_label = rng.integers(0, 3, len(some))
    terms = terms_module.TermSpec(n)
    shared = terms_module.prepare_terms(terms)
    ends = draw_ranges(len(some), draw)
    parts = [terms_module.TextTask(i, some[a:b], by_label[a:b]) for i, (a, b) in enumerate(ends)]
    for make in (lambda: terms_module.CountTerms(terms)), (lambda: terms_module.CountDocuments(terms)):
        whole = run_inline(make(), [terms_module.TextTask(0, some, by_label)], shared)
        assert to_bits(run_shuffled(make, shared, parts, draw)) == to_bits(whole)
    if n:
        held = {}
        for text, label in zip(some, by_label.tolist(), strict=True):
            for term in definition.ngrams(text, n):
                held.setdefault(term, Counter())[label] += 1
        assert whole == held
        assert list(whole) == sorted(whole)


@pytest.mark.parametrize("name", ["permutation", "eigen", "none"])
def test_pairs_do_not_depend_on_the_order_of_tasks(name):
    draw = random.Random(1)
    testing = HsicTest(name, permutations=19)
    names = ["gaussian, narrow", "delta, few", "gaussian, 2-D", "linear near 1e8"]
    sides = [build_variable(*make_column(one, 30)[:2]) for one in names]
    sides.append(variables.make_variable(np.ones((30, 1)), Kernel("gaussian")))
    every = list(itertools.combinations(range(len(sides)), 2))
    records = [pairs.PairTask((pair,)) for pair in every]
    columns = [pairs.PairColumn(one, one.kernel, None, None) for one in sides]
    whole = run_inline(
        pairs.MeasurePairs(testing, dependence.DEFAULT_LIMITS, 1000), pairs.iter_tasks(every, 30), columns
    )
    found = run_shuffled(lambda: pairs.MeasurePairs(testing, dependence.DEFAULT_LIMITS, 1000), columns, records, draw)
    assert found == whole
    assert set(found) == set(every)
    for (i, j), one in found.items():
        assert type(one) is Dependence
        alone = dependence.measure(sides[i], sides[j], UNTESTED if one.test == "permutation" else testing)
        stops = {"test": one.test, "draws": one.draws, "n_bandwidths": one.n_bandwidths, "p_value": one.p_value}
        own = {**stops, "dependent": one.dependent, "notes": one.notes} if one.test == "permutation" else {}
        assert replace(alone, **own) == one


def test_random_streams_are_distinct():
    seeds = itertools.product(random_streams.RandomStream, (0, 1, 2**70), (0, 1, 2))
    streams = [tuple(random_streams.make_generator(*of).integers(0, 2**62, 4)) for of in seeds]
    assert len(set(streams)) == len(streams)
    one, again = (random_streams.make_generator(random_streams.RandomStream.ROWS, 5) for _ in range(2))
    assert one.random() == again.random()


def test_permutations_are_those_of_their_stream():
    found = np.concatenate([permutation_statistics.draw_orders(12, 8, number, 100) for number in range(3)])
    assert np.array_equal(found[:250], list(definition.iter_orders(12, 8, 250)))
    assert np.array_equal(np.sort(found, axis=1), np.tile(np.arange(12), (300, 1)))


def test_pivots_depend_on_the_seed_and_the_side():
    x = build_variable(make_rich_columns(90)[0], Kernel("gaussian"))
    first, again, other, next_seed = (
        compress_variable(x, 9),
        compress_variable(x, 9),
        compress_variable(x, 9, which=1),
        compress_variable(x, 9, 1),
    )
    assert np.array_equal(first.features, again.features)
    assert not np.array_equal(first.features, other.features)
    assert not np.array_equal(first.features, next_seed.features)


def test_draws_of_texts_are_those_of_their_stream():
    sizes = 9, 14, 7
    table = {"a": (5, 1, 0), "b": (1, 2, 3), "c": (4, 9, 6)}
    for term, found in screen_table(table, sizes, HsicTest("permutation", 200, 3)).items():
        assert close(found.p_value, definition.drawn_screening_p(table[term], sizes, 3, 200), 1e-12)
