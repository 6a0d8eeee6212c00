"""Arguments of `measure_dependence`: types of values, kernels, errors."""

import datetime
import itertools
import math
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hsic_columns import (
    UNTESTED,
    close,
    measure_limited,
)

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.arguments import describe
from kxcli.mining.hsic import (
    screening,
)


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


def test_rows_of_several_labels_are_equal_if_all_are():
    rows = [["a", "x"], ["a", "y"], ["b", "x"], ["a", "x"], ["b", "x"], ["b", "y"]]
    joined = ["|".join(row) for row in rows]
    y = [1.0, 2, 3, 4, 5, 6]
    assert measure_dependence(rows, y) == measure_dependence(joined, y)


def test_null_characters_of_strings_count():
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


def test_auto_permutes_unless_that_would_take_long():
    x = np.random.default_rng(0).normal(size=31)
    for testing in HsicTest("permutation", 9), HsicTest(permutations=9):
        found = measure_limited(x, x**2, testing, auto_seconds=1e-9 if testing.name == "permutation" else 20)
        assert (found.test, found.notes, found.draws) == ("permutation", (), 9)
    found = measure_limited(x, x**2, HsicTest(), auto_seconds=1e-9)
    assert (found.test, found.draws) == ("eigen", None)
    assert found.notes == ("the test is eigen, because permutations would take long or compare too little of a kernel",)


def test_alpha_is_the_limit_of_the_verdict():
    x = np.arange(20.0)
    for alpha, dependent in (0.1, True), (0.01, True), (0.009, False):
        found = measure_dependence(x, x, testing=HsicTest("permutation", 99, alpha=alpha))
        assert (found.p_value, found.dependent) == (0.01, dependent)


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
    ],
)
def test_invalid_values_are_errors(x, y, kernel, testing, message):
    with pytest.raises(ValueError) as caught:
        measure_dependence(x, y, kernel_x=kernel, testing=HsicTest(testing or "auto"))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"testing": "none"}, "testing must be a Testing, not 'none'"),
        ({"testing": 0.05}, "testing must be a Testing, not 0.05"),
        ({"testing": HsicTest}, "testing must be a Testing, not <class"),
        ({"testing": ""}, "testing must be a Testing, not ''"),
        ({"testing": [0] * 100_000}, f"testing must be a Testing, not {str([0] * 20)[:-1]},... (list)"),
        ({"counting": "char"}, "counting must be a Counting, not 'char'"),
        ({"kernel_x": 1.0}, "kernel_x must be a Kernel or the name of one, not 1.0"),
        ({"kernel_y": Kernel}, "kernel_y must be a Kernel or the name of one, not "),
        ({"kernel_y": ["gaussian"]}, "kernel_y must be a Kernel or the name of one, not "),
    ],
)
def test_arguments_of_other_types_are_errors(options, message):
    with pytest.raises(TypeError) as caught:
        measure_dependence(FOUR, FOUR, **options)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("kind", "options", "error", "message"),
    [
        (HsicTest, {"name": "permutations"}, ValueError, "the test must be one of 'auto'"),
        (HsicTest, {"permutations": -1}, ValueError, "permutations must be 1 or more, not -1"),
        (HsicTest, {"permutations": 0}, ValueError, "permutations must be 1 or more, not 0"),
        (HsicTest, {"permutations": 9.5}, TypeError, "permutations must be an integer, not 9.5"),
        (HsicTest, {"permutations": "99"}, TypeError, "permutations must be an integer, not '99'"),
        (HsicTest, {"permutations": True}, TypeError, "permutations must be an integer, not True"),
        (HsicTest, {"seed": -1}, ValueError, "seed must be 0 or more, not -1"),
        (HsicTest, {"seed": None}, TypeError, "seed must be an integer, not None"),
        *(
            (HsicTest, {"alpha": alpha}, ValueError, "alpha must be between 0 and 1")
            for alpha in (0, 1, 2, -1, math.nan)
        ),
        (HsicTest, {"alpha": "5%"}, TypeError, "alpha must be a number, not '5%'"),
        *(
            (Kernel, {"name": "gaussian", "sigma": sigma}, ValueError, "sigma must be greater than 0 and finite")
            for sigma in (0, -1.0, math.nan, math.inf)
        ),
        (Kernel, {"name": "gaussian", "sigma": "mean"}, TypeError, "sigma must be a number or 'median', not 'mean'"),
        (Kernel, {"name": "laplace", "sigma": True}, TypeError, "sigma must be a number or 'median', not True"),
        (Kernel, {"name": "ngram", "n": 2.0}, TypeError, "n must be an integer, not 2.0"),
        (Kernel, {"name": "ngram", "n": -2}, ValueError, "n must be 1 or more for the kernel ngram"),
        (Kernel, {"name": "bow", "cosine": "yes"}, TypeError, "cosine must be True or False, not 'yes'"),
    ],
)
def test_parameters_out_of_range_are_errors(kind, options, error, message):
    with pytest.raises(error) as caught:
        kind(**options)
    assert str(caught.value).startswith(message)


def test_pandas_series_are_rows():
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
    """A missing value as in pandas: equal to nothing, neither true nor false."""

    def __repr__(self):
        return "<NA>"

    def __eq__(self, other):
        return self

    def __bool__(self):
        raise TypeError("boolean value of NA is ambiguous")

    __hash__ = object.__hash__


class Series:
    """A column that numpy can convert to an array."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        array = np.empty(len(self.values), object)
        array[:] = self.values
        return array if dtype is None else array.astype(dtype)


@pytest.mark.parametrize("gap", [None, math.nan, NAType(), np.float64("nan")])
def test_missing_values_are_errors_with_the_position(gap):
    words, numbers = ["a", "b", "a", "c", "b"], [1.0, 2, 5, 3, 4]
    assert measure_dependence(Series(words), Series(numbers)) == measure_dependence(words, numbers)
    with pytest.raises(ValueError, match=r"^x\[1\] is .*, a missing value; remove its row$"):
        measure_dependence(Series(["a", gap, "a", "c", "b"]), numbers)
    with pytest.raises(ValueError, match=r"^y\[4\] is .*; remove its row$"):
        measure_dependence(words, Series([1.0, 2, 5, 3, gap]))


@pytest.mark.parametrize("n", [10, 500])
def test_numbers_too_large_to_be_squared_are_an_error(n):
    x, y = np.arange(n) / n, np.arange(n)
    too_large = "^[xy]: the numbers are too large to be squared; divide them by a power of ten$"
    for scale in 1e150, 1e160, 1e307:
        with pytest.raises(ValueError, match=too_large):
            measure_dependence(x * scale, x * scale, kernel_x="linear", kernel_y="linear")
        with pytest.raises(ValueError, match=too_large):
            measure_dependence(y, x * scale, kernel_y="linear")
    for kernel in "gaussian", "laplace":
        with pytest.raises(ValueError, match=too_large):
            measure_dependence(x * 1e307, y, kernel_x=kernel)
    found = measure_dependence(x, x, kernel_x="linear", kernel_y="linear", testing=HsicTest("none"))
    too_small = "^x: the numbers are too small to be squared; multiply them by a power of ten$"
    for scale in 1e-71, 1e-160, 1e-300:
        for d in 1, 3:
            with pytest.raises(ValueError, match=too_small):
                measure_dependence(np.outer(x * scale, np.ones(d)) + (d == 1 and scale), y, kernel_x="linear")
    small = measure_dependence(x * 1e-69, x, kernel_x="linear", kernel_y="linear", testing=HsicTest("none"))
    assert close(small.biased_n2, found.biased_n2 * 1e-138)
    assert close(small.cka, 1)
    mixed = np.column_stack((x, x * 1e-200))  # the second column is negligible
    assert close(measure_dependence(mixed, x, kernel_x="linear", kernel_y="linear", testing=UNTESTED).cka, 1)
    large = measure_dependence(x * 1e70, x * 1e70, kernel_x="linear", kernel_y="linear", testing=HsicTest("none"))
    assert close(large.biased_n2, found.biased_n2 * 1e280)
    assert close(large.cka, 1)


def test_terms_have_no_gamma_test():
    with pytest.raises(ValueError, match=r"^terms are tested exactly, by permutation or eigen, not by gamma$"):
        screening.screen_terms({"a": {0: 1}}, [2, 2], HsicTest("gamma"))


@pytest.mark.parametrize("n", [6, 20])
def test_permutation_test_needs_a_permutation(n):
    x = np.arange(float(n))
    found = measure_dependence(x, x, testing=HsicTest("permutation", permutations=1))
    assert 0 < found.p_value <= 1
    for count in 0, -1:
        try:
            assert measure_dependence(x, x, testing=HsicTest("permutation", permutations=count)).p_value is not None
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
def test_unknown_kernel_names_are_errors(name):
    with pytest.raises(ValueError) as caught:
        Kernel.parse(name)
    assert (
        str(caught.value) == f"unknown kernel {name!r}; choose from gaussian, laplace, linear, delta, bow and ngram:N"
    )


def test_kernels_refuse_parameters_of_others():
    for name in "gaussian", "laplace", "linear", "delta":
        with pytest.raises(ValueError, match=f"^the kernel {name} has no cosine; use bow or ngram$"):
            Kernel(name, cosine=True)
        with pytest.raises(ValueError, match="has no cosine"):
            replace(Kernel(name), cosine=True)
    bandwidth = "^sigma must be greater than 0 and finite$"
    for name in "linear", "delta", "bow", "ngram:2":
        with pytest.raises(ValueError, match="has no sigma; gaussian and laplace have one"):
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
