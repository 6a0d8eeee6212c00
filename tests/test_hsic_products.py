"""Numbers and labels in one side of `kxcli hsic`: the product of their kernels."""

import numpy as np
import pytest
from hsic_tables import call, hsic, make_people, tsv
from test_failures import put

from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic.bandwidth import compute_median_distance
from kxcli.mining.hsic.dependence import measure
from kxcli.mining.hsic.kernels import TILE_ROWS
from kxcli.mining.hsic.parameters import Kernel
from kxcli.mining.hsic.variables import MixedValues, make_variable


def compute_product(numbers, labels, sigma):
    """Return the matrix of gaussian times delta."""
    squares = ((numbers[:, None, :] - numbers[None, :, :]) ** 2).sum(axis=2)
    labels = np.array(labels)
    return np.exp(-squares / sigma**2) * (labels[:, None] == labels[None, :])


def compute_cka(k, l):  # noqa: E741 -- the usual name of a kernel matrix
    """Return CKA by its definition."""
    n = len(k)
    h = np.eye(n) - 1 / n
    k, l = h @ k @ h, h @ l @ h  # noqa: E741
    return (k * l).sum() / np.sqrt((k * k).sum() * (l * l).sum())


def make_mixed(n=40, seed=1):
    draw = np.random.default_rng(seed)
    labels = draw.integers(0, 3, n)
    numbers = draw.normal(size=(n, 2))
    return numbers, [f"w{label}" for label in labels], numbers[:, 0] * (labels - 1) + draw.normal(size=n) / 4


@pytest.mark.parametrize("scale", [1, 1e-9])
@pytest.mark.parametrize("sigma", [None, 0.5, 1e3])
def test_product_of_kernels_equals_its_definition(scale, sigma):
    n = TILE_ROWS + 30
    numbers, labels, y = make_mixed(n)
    numbers, sigma = numbers * scale, None if sigma is None else sigma * scale
    x = make_variable(MixedValues(numbers, [labels]), Kernel("gaussian", sigma))
    used = compute_median_distance(numbers) if sigma is None else sigma
    product = compute_product(numbers, labels, used)
    assert (x.kernel.sigma, str(x.kernel), x.n, x.is_constant) == (used, "gaussian*delta", n, False)
    for i, j in (0, 0), (0, 1), (1, 0), (1, 1):
        rows, columns = (slice(k * TILE_ROWS, (k + 1) * TILE_ROWS) for k in (i, j))
        assert np.allclose(x.tile(i, j), product[rows, columns], rtol=0, atol=1e-12)
    assert np.allclose(x.column(7), product[:, 7], rtol=0, atol=1e-12) and np.array_equal(x.diagonal, np.ones(n))
    found = measure(x, make_variable(y[:, None], Kernel("gaussian", 1.0)), HsicTest("none"))
    other = np.exp(-((y[:, None] - y) ** 2))
    assert found.cka == pytest.approx(compute_cka(product, other), rel=1e-9)


def test_product_with_a_constant_part_is_the_other_kernel():
    numbers, labels, y = make_mixed()
    other = make_variable(y[:, None], Kernel("gaussian"))
    constant = np.zeros_like(numbers)
    for values, same in [
        (MixedValues(numbers, [["a"] * 40]), make_variable(numbers, Kernel("gaussian"))),
        (MixedValues(constant, [labels]), make_variable([labels], Kernel("delta"))),
    ]:
        found = measure(make_variable(values, Kernel("gaussian")), other, HsicTest("none"))
        assert found.cka == pytest.approx(measure(same, other, HsicTest("none")).cka, rel=1e-9)
    assert make_variable(MixedValues(constant, [labels]), Kernel("gaussian")).kernel.sigma is None
    assert make_variable(MixedValues(constant, [["a"] * 40]), Kernel("gaussian")).is_constant


@pytest.mark.parametrize("test", ["permutation", "eigen", "gamma"])
def test_interaction_of_numbers_and_labels_is_found(kxcli, test):
    numbers, labels, y = make_mixed(60)
    put(kxcli, "a.tsv", tsv({"u": numbers[:, 0], "v": numbers[:, 1], "label": labels, "y": y}))
    found = hsic(kxcli, "-x", "label,u", "-y", "y", "--test", test, "a.tsv")
    assert (found["kernel_x"], found["kernel_y"]) == ("gaussian*delta", "gaussian")
    assert found["sigma_x"] == compute_median_distance(numbers[:, :1]) and found["p_value"] < 0.01
    swapped = hsic(kxcli, "-y", "u,label", "-x", "y", "--test", "none", "a.tsv")
    assert swapped["cka"] == pytest.approx(found["cka"], rel=1e-12)


def test_rows_with_any_missing_part_are_dropped(kxcli):
    table = make_people()
    table["x"][3], table["label"][5], table["z"][7], table["y"][9] = "NA", "", "nan", "NULL"
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "x,label,z", "-y", "y", "a.tsv")
    kept = {name: [v for i, v in enumerate(column) if i not in (3, 5, 7, 9)] for name, column in table.items()}
    put(kxcli, "b.tsv", tsv(kept))
    assert found == {**hsic(kxcli, "-x", "z,x,label", "-y", "y", "b.tsv"), "n_dropped": 4}


def test_options_apply_to_the_numbers_of_a_mixed_side(kxcli):
    put(kxcli, "a.tsv", tsv(make_people()))
    use = ("-x", "x,label", "-y", "y", "--test", "none", "a.tsv")
    assert hsic(kxcli, "--sigma-x", 2, *use)["sigma_x"] == 2
    assert hsic(kxcli, "--standardize", "rank", *use)["sigma_x"] > 5
    assert hsic(kxcli, "--kernel-x", "delta", *use)["kernel_x"] == "delta"
    code, _, err = call(kxcli, "hsic", "--kernel-x", "gaussian", *use)
    assert code == 1 and "in the column 'label' is not a number" in err
    warning = call(kxcli, "hsic", "-x", "x,text", "-y", "y", "--test", "none", "a.tsv")[2]
    assert warning.startswith("kxcli: warning: nearly all cells of -x differ, and the kernel delta")


def test_warnings_name_the_numbers_of_a_mixed_side(kxcli):
    table = make_people()
    table["z"] = [1000 * value for value in table["z"]]
    table["x"][3] = table["y"][3] = -9999
    put(kxcli, "a.tsv", tsv(table))
    err = call(kxcli, "hsic", "-x", "label,x,z", "-y", "y", "--test", "none", "a.tsv")[2]
    assert "1 row of 'x', 'y' have the same value -9999" in err
    err = call(kxcli, "hsic", "-x", "label,x,z", "-y", "y", "--test", "none", "--na-values=-9999", "a.tsv")[2]
    assert "of the squared distances of -x are from the column 'z'; use --standardize z or rank" in err


def test_product_over_many_rows_is_tested():
    numbers, labels, y = make_mixed(700)
    x = make_variable(MixedValues(numbers, [labels]), Kernel("gaussian"))
    found = measure(x, make_variable(y[:, None], Kernel("gaussian")), HsicTest())
    assert found.p_value < 0.01
    independent = np.random.default_rng(9).normal(size=(700, 1))
    assert measure(x, make_variable(independent, Kernel("gaussian")), HsicTest()).p_value > 0.01
