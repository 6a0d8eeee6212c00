"""`--standardize`: columns on one scale, and the warning about a column that outweighs the others."""

import numpy as np
import pytest
from hsic_tables import XY, call, expected, hsic, make_people, matrix, objects, tsv
from test_failures import put

from kxcli.mining.hsic.standardization import find_dominant_column, standardize


def rank_slowly(values):
    """Return mean ranks from 1, by counting."""
    return [sum(v < value for v in values) + (1 + sum(v == value for v in values)) / 2 for value in values]


def make_units(n=60):
    """Return people whose height, but not whose income, depends on weight."""
    draw = np.random.default_rng(4)
    height = draw.normal(1.7, 0.1, n)
    return {
        "height": height.round(3).tolist(),
        "income": draw.normal(50_000, 20_000, n).round(0).tolist(),
        "weight": (60 + 100 * (height - 1.7) + draw.normal(0, 5, n)).round(1).tolist(),
    }


def test_ranks_are_mean_ranks():
    draw = np.random.default_rng(0)
    for values in draw.integers(0, 9, (50, 3)), draw.normal(size=(30, 2)), np.ones((4, 1)):
        ranks = standardize(values.astype(float), "rank")
        for at in range(values.shape[1]):
            assert ranks[:, at].tolist() == rank_slowly(values[:, at].tolist())


@pytest.mark.parametrize("scale", [1, 1e-200, 1e300])
@pytest.mark.parametrize("shift", [0, 1e6])
def test_z_scores_have_mean_zero_and_deviation_one(scale, shift):
    values = (np.random.default_rng(0).normal(size=(50, 2)) + shift) * scale
    scores = standardize(values, "z")
    assert np.abs(scores.mean(axis=0)).max() < 1e-12 and np.allclose(scores.std(axis=0), 1)
    assert np.array_equal(np.argsort(scores, axis=0), np.argsort(values, axis=0))
    assert not standardize(np.full((5, 1), 3e9), "z").any()


def test_dominant_column_is_found():
    values = np.random.default_rng(0).normal(size=(100, 3))
    assert find_dominant_column(values) is None
    assert find_dominant_column(values * [1, 1000, 1]) == 1
    assert find_dominant_column(values * [1, 1e200, 1]) == 1
    assert find_dominant_column(values * [1, 5, 1]) is None
    assert find_dominant_column(values * [1, 0, 0]) is None  # the others are constant
    assert find_dominant_column(values[:, :1]) is None
    assert find_dominant_column(np.ones((5, 2))) is None


def test_column_that_outweighs_the_others_has_a_warning(kxcli):
    table = make_units()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "height,income", "-y", "weight", "a.tsv")
    warning = (
        "kxcli: warning: 99% or more of the squared distances of -x are from the column 'income'; "
        "use --standardize z or rank\n"
    )
    assert kxcli(*use).err == warning
    found = hsic(kxcli, *use[1:])
    assert found["p_value"] > 0.05
    for way in "z", "rank":
        assert kxcli(*use, "--standardize", way).err == ""
        scaled = standardize(matrix(table, ["height", "income"]), way)
        weight = standardize(matrix(table, ["weight"]), way)
        found = hsic(kxcli, *use[1:], "--standardize", way)
        assert found == expected(scaled, weight) and found["p_value"] < 0.01


def test_ranks_make_the_scale_irrelevant(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    put(kxcli, "b.tsv", tsv({**table, "x": [np.exp(3 * value) for value in table["x"]]}))
    use = (*XY, "--standardize", "rank")
    assert hsic(kxcli, *use, "a.tsv") == hsic(kxcli, *use, "b.tsv")
    found = hsic(kxcli, *use, "a.tsv")
    assert found == expected(rank_slowly(table["x"]), rank_slowly(table["y"]))
    for analysis in ("--matrix", "edges", "-x", "x,y"), ("--screen", "y", "-x", "x"):
        (row,) = objects(kxcli("hsic", *analysis, "--standardize", "rank", "-f", "jsonl", "a.tsv"))
        assert row["cka"] == found["cka"]


def test_z_scores_keep_one_column_but_for_its_unit(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    for options in ("--sigma", 1), ("--kernel-x", "linear"):
        found = hsic(kxcli, *XY, *options, "--standardize", "z", "a.tsv")
        assert found["biased_n2"] != hsic(kxcli, *XY, *options, "a.tsv")["biased_n2"]


@pytest.mark.parametrize(
    "options",
    [
        (*XY, "--standardize", "z"),
        ("-x", "label", "-y", "label", "--standardize", "rank"),
        ("--matrix", "edges", "-x", "x,y", "--standardize", "z"),
        ("--screen", "label", "-x", "x,y", "--standardize", "z"),
    ],
)
def test_standardization_without_effect_is_a_usage_error(kxcli, options):
    put(kxcli, "a.tsv", tsv(make_people()))
    code, out, err = call(kxcli, "hsic", *options, "a.tsv")
    assert (code, out) == (2, "") and "has no effect without numbers, or with the median bandwidth of one column" in err
