"""Screening of terms by a label, and q-values."""

import itertools
import math
from fractions import Fraction

import hsic_definition as definition
import numpy as np
import pytest
from hsic_columns import (
    UNTESTED,
    close,
    screen_table,
)

from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining import measure_dependence
from kxcli.mining.hsic import (
    screening,
)
from kxcli.mining.hsic import terms as terms_module
from kxcli.mining.hsic.jobs import run_inline

TWO = {f"w{a}{b}": (a, b) for a in range(8) for b in range(6) if a + b}


def test_screened_words_match_columns():
    for table, sizes in (TWO, (7, 5)), ({f"{a}{b}{c}": (a, b, c) for a, b, c in [(1, 0, 0), (2, 3, 4)]}, (3, 4, 5)):
        for term, found in screen_table(table, sizes, UNTESTED).items():
            words, of_labels = definition.presence(table[term], sizes)
            k, l = definition.delta(words), definition.delta(of_labels)  # noqa: E741
            assert close(found.biased_n2, definition.biased_n2(k, l), 1e-9, 1e-15)
            assert found.n == sum(table[term])
            assert (found.p_value, found.q_value) == (None, None)
            if found.n == sum(sizes):
                assert found.cka is None
            else:
                assert close(found.cka, definition.cka(k, l), 1e-9, 1e-14)
                above = [held - found.n * size / sum(sizes) for held, size in zip(table[term], sizes, strict=True)]
                assert above[found.label] >= max(above) - 1e-12


@pytest.mark.parametrize("sizes", [(7, 5), (49, 49), (1, 30), (20, 7)])
def test_p_value_of_a_word_and_two_labels_is_exact(sizes):
    numbers = itertools.product(range(min(7, sizes[0]) + 1), range(min(7, sizes[1]) + 1))
    table = {f"{a} {b}": (a, b) for a, b in numbers if 0 < a + b < sum(sizes)}
    found = screen_table({**table, "all": sizes}, sizes)
    expected = {term: definition.exact_screening_p(held, sizes) for term, held in table.items()}
    wrong = [term for term, p in expected.items() if not close(found[term].p_value, float(p), 1e-9)]
    assert wrong == []
    assert (found["all"].p_value, found["all"].q_value) == (None, None)
    terms = list(table)
    q_values = definition.q_values([found[term].p_value for term in terms])
    assert [found[term].q_value for term in terms] == pytest.approx(q_values, rel=1e-12)


@pytest.mark.full
def test_exact_p_value_matches_all_permutations():
    for held, sizes in ((2, 0), (3, 3)), ((1, 2), (4, 3)), ((3, 1), (3, 4)):
        words, of_labels = definition.presence(held, sizes)
        p = definition.exact_p(definition.delta(words), definition.delta(of_labels))
        assert close(p, float(definition.exact_screening_p(held, sizes)))
        assert close(p, screen_table({"w": held}, sizes)["w"].p_value)
        assert close(p, measure_dependence(words, of_labels, kernel_x="delta", kernel_y="delta").p_value)


def test_exact_p_value_may_be_tiny():
    found = screen_table({"w": (400, 0), "v": (0, 3)}, (400, 600))
    assert close(found["w"].p_value, float(Fraction(1, math.comb(1000, 400))), 1e-9)
    assert close(found["v"].p_value, float(definition.exact_screening_p((0, 3), (400, 600))), 1e-9)


@pytest.mark.parametrize("sizes", [(6, 5, 9), (10, 10, 10), (7, 5)])
def test_permutation_p_value_of_a_word_is_near_the_exact_one(sizes):
    rng = np.random.default_rng(0)
    n_permutations = 4000
    table = {f"w{i}": tuple(int(rng.integers(0, size + 1)) for size in sizes) for i in range(20)}
    table |= {"even": (2,) * len(sizes)}
    table = {term: held for term, held in table.items() if sum(held)}
    found = screen_table(table, sizes, HsicTest("permutation", n_permutations))
    again = screen_table(table, sizes, HsicTest("permutation", n_permutations))
    assert found == again
    for term, held in table.items():
        p = float(definition.exact_screening_p(held, sizes))
        error = math.sqrt(p * (1 - p) / found[term].draws)
        assert abs(found[term].p_value - p) <= 5 * error + 2 / found[term].draws, term
        assert found[term].draws == n_permutations or found[term].p_value == 100 / found[term].draws
    if len(set(sizes)) == 1:
        assert found["even"].p_value == 1


def test_eigen_p_value_of_a_word_matches_the_columns():
    sizes = 60, 50, 90
    table = {"a": (30, 20, 40), "b": (10, 1, 5), "all": sizes}
    for term, found in screen_table(table, sizes, HsicTest("eigen")).items():
        words, of_labels = definition.presence(table[term], sizes)
        columns = measure_dependence(words, of_labels, kernel_x="delta", kernel_y="delta", testing=HsicTest("eigen"))
        assert found.p_value == columns.p_value is None or close(found.p_value, columns.p_value, 1e-8)
        assert (found.p_value is None) == (term == "all")


def test_eigen_p_value_of_a_word_is_near_the_exact_one():
    sizes = 60, 50, 90
    table = {"a": (30, 20, 40), "b": (10, 1, 5), "c": (14, 16, 33)}
    rng = np.random.default_rng(0)
    for term, found in screen_table(table, sizes, HsicTest("eigen")).items():
        rows = np.vstack((table[term], rng.multivariate_hypergeometric(sizes, found.n, 20_000)))
        squares = ((rows - found.n * np.array(sizes) / 200) ** 2).sum(axis=1)
        assert abs(found.p_value - (squares[1:] >= squares[0] - 1e-9).mean()) < 0.05


def test_single_label_has_no_tests():
    found = screen_table({"a": (3,), "b": (5,)}, (5,))
    assert [(one.p_value, one.q_value, one.cka, one.biased_n2) for one in found.values()] == [(None, None, None, 0)] * 2


@pytest.mark.parametrize("name", ["auto", "permutation", "eigen"])
@pytest.mark.parametrize("sizes", [(4, 5), (3, 3, 3)])
def test_words_of_all_texts_and_unique_labels_are_not_tested(name, sizes):
    table = {"all": sizes, "some": (3, 1, 0)[: len(sizes)]}
    found = screen_table(table, sizes, HsicTest(name))
    assert (found["all"].p_value, found["all"].q_value, found["all"].cka) == (None, None, None)
    assert found["some"].q_value == found["some"].p_value is not None
    assert list(found) == ["some", "all"]
    found = screen_table({"a": (1, 0, 0, 0, 0), "b": (1, 1, 0, 1, 0)}, (1,) * 5, HsicTest(name))
    assert [(one.p_value, one.q_value) for one in found.values()] == [(None, None)] * 2


def test_words_are_ranked_without_rare_ones():
    rows = screening.screen_terms(
        {"b": {0: 3}, "a": {0: 3}, "c": {0: 5}, "d": {1: 1}, "all": {0: 5, 1: 5}}, [5, 5], UNTESTED, 2
    )
    assert [row.term for row in rows] == ["c", "a", "b", "all"]
    assert [row.label for row in rows[:3]] == [0, 0, 0]
    assert close(rows[0].cka, 1)
    assert screening.screen_terms({}, [5, 5], HsicTest()) == []


def test_screening_counts_each_text_once():
    some = ["aaaa", "ab", "ba", "bb", "", "a\nb"]
    by_label = np.array([0, 0, 1, 1, 0, 1])
    counts = run_inline(
        terms_module.CountDocuments(terms_module.TermSpec(1)), terms_module.iter_tasks(some, by_label), None
    )
    assert counts == {"\n": {1: 1}, "a": {0: 2, 1: 2}, "b": {0: 1, 1: 3}}


@pytest.mark.parametrize("name", ["permutation", "eigen"])
def test_rare_words_of_rare_labels_are_no_discoveries(name):
    """By chi-squares, the p of this word was 7e-10: one of its two texts has a label of ten texts."""
    sizes = 980, 10, 10
    found = screen_table({"w": (1, 1, 0), "x": (300, 0, 0)}, sizes, HsicTest(name))
    exact = float(definition.exact_screening_p((1, 1, 0), sizes))
    assert 0.02 < exact < 0.06
    assert abs(found["w"].p_value - exact) < 0.02
    assert found["w"].draws == 1_000
    assert (found["x"].draws is None) == (name == "eigen")


def test_draws_end_at_one_hundred_that_reach_the_statistic():
    sizes = 300, 300, 300
    found = screen_table({"even": (30, 30, 30), "near": (35, 30, 25), "far": (90, 0, 0)}, sizes)
    assert (found["even"].p_value, found["even"].draws) == (1, 100)
    assert found["near"].p_value == 100 / found["near"].draws
    assert (found["far"].p_value, found["far"].draws) == (1 / 1001, 1000)
    many = {f"w{i}": (i, 0, 0) for i in range(80, 120)}
    assert {one.draws for one in screen_table(many, sizes).values()} == {50 * 40}
    assert {one.draws for one in screen_table(many, sizes, HsicTest(permutations=70)).values()} == {70}
    assert screen_table({"w": (3, 1)}, (7, 5))["w"].draws is None  # its p is exact


def test_word_that_only_one_label_has_has_no_p_value_of_zero():
    found = screen_table({"foo": (3000, 0)}, (3000, 3000))
    assert 0 < found["foo"].p_value < 1e-300
