"""Arrays and lists of strings -> the dependence of two columns, in this process."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kxcli.arrays import AnyArray
from kxcli.mining.arguments import check_type, describe
from kxcli.mining.hsic import terms
from kxcli.mining.hsic.dependence import measure
from kxcli.mining.hsic.jobs import run_inline
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Kernel, MeasureError, Testing
from kxcli.mining.hsic.variables import Variable, make_variable
from kxcli.mining.wordcount.counting import Counting

_DIMENSIONS = (1, 2)
_NUMBER_KINDS, _STRING_KINDS, _OBJECT_KINDS = "biuf", "UO", "OT"  # kinds of dtypes; T is a numpy string
_NUMBER_TYPES = (int, float, np.bool, np.integer, np.floating)
_MISSING_TYPES = ("NoneType", "NAType", "NaTType")  # of pandas, but for the first


def measure_dependence(
    x: npt.ArrayLike | Sequence[str],
    y: npt.ArrayLike | Sequence[str],
    *,
    kernel_x: Kernel | str | None = None,
    kernel_y: Kernel | str | None = None,
    testing: Testing | None = None,
    counting: Counting | None = None,
) -> Dependence:
    """Return the dependence of two columns by HSIC, with a p-value.

    Args:
        x: n rows, at least 4: numbers of shape (n,) or (n, d), or a list of n strings.
        y: As x.
        kernel_x: A `Kernel`, or its name as in "gaussian" or "ngram:3"; by default gaussian with the median rule for
            numbers, delta for strings.
        kernel_y: As kernel_x.
        testing: How independence is tested; by default by 1,000 permutations, unless they would take long.
        counting: What bow counts as a word; by default as `count_words`.

    Raises:
        ValueError: A value is missing, not finite or neither a number nor a string, the lengths differ, or a kernel
            does not fit; names the argument and the position.
        TypeError: A kernel, testing or counting has another type.
    """
    testing = Testing() if testing is None else testing
    counting = Counting() if counting is None else counting
    check_type("testing", testing, Testing)
    check_type("counting", counting, Counting)
    columns = {"x": _convert_rows(x, "x"), "y": _convert_rows(y, "y")}
    if len(columns["x"]) != len(columns["y"]):
        raise MeasureError(f"x has {len(columns['x']):,} rows and y has {len(columns['y']):,}")
    kernels = [
        _choose_kernel(kernel, columns[name], f"kernel_{name}") for name, kernel in (("x", kernel_x), ("y", kernel_y))
    ]
    variables = []
    for (name, array), kernel in zip(columns.items(), kernels, strict=True):
        try:
            variables.append(_make_variable(array, kernel, testing.seed, counting))
        except MeasureError as error:
            raise MeasureError(f"{name}: {error}") from None
    return measure(variables[0], variables[1], testing)


def _convert_rows(values: npt.ArrayLike | Sequence[str], name: str) -> AnyArray:
    """Return finite numbers or strings as an array of shape (n,) or (n, d)."""
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.ndim not in _DIMENSIONS:
        raise MeasureError(f"{name} has the shape {array.shape}; pass n rows, of shape (n,) or (n, d)")
    if not array.size:
        raise MeasureError(f"{name} has the shape {array.shape} and no values; HSIC needs at least {MIN_ROWS} rows")
    if np.ma.is_masked(array):
        _reject_cell(name, array, int(np.ma.getmaskarray(array).argmax()), "masked; remove its row")
    if array.dtype.kind in _OBJECT_KINDS:
        array = _convert_objects(array.astype(object), name)
    if array.dtype.kind in _STRING_KINDS:
        return array
    if array.dtype.kind not in _NUMBER_KINDS:
        raise MeasureError(f"{name} has values of the type {array.dtype}; pass numbers or strings")
    is_finite = np.isfinite(array)
    if not is_finite.all():
        at = int(is_finite.argmin())
        _reject_cell(name, array, at, f"{array.flat[at]}, not a finite number; remove its row")
    return array


def _convert_objects(array: AnyArray, name: str) -> AnyArray:
    """Return strings unchanged, and other objects as an array of numbers."""
    cells = list(array.flat)
    has_strings = any(isinstance(cell, str) for cell in cells)
    for at, cell in enumerate(cells):
        if type(cell).__name__ in _MISSING_TYPES or (has_strings and isinstance(cell, float) and cell != cell):
            _reject_cell(name, array, at, f"{cell!r}, a missing value; remove its row")
        if not isinstance(cell, str if has_strings else _NUMBER_TYPES):
            accepted = "strings" if has_strings else "numbers or strings"
            _reject_cell(name, array, at, f"{describe(cell)}; pass {accepted}")
    if has_strings:
        return array
    numbers = np.array(cells).reshape(array.shape)
    if numbers.dtype.kind not in _NUMBER_KINDS:
        raise MeasureError(f"{name} has a number that is too large; scale the numbers, or pass them as strings")
    return numbers


def _reject_cell(name: str, array: AnyArray, at: int, problem: str) -> None:
    """Raise `MeasureError` for the element at a position of the flat array."""
    index = ", ".join(map(str, np.unravel_index(at, array.shape)))
    raise MeasureError(f"{name}[{index}] is {problem}")


def _choose_kernel(kernel: Kernel | str | None, array: AnyArray, name: str) -> Kernel:
    """Return the kernel of an argument, by default that for the type of the values."""
    is_text = array.dtype.kind in _STRING_KINDS
    if kernel is None:
        return Kernel("delta" if is_text else "gaussian")
    if isinstance(kernel, str):
        try:
            kernel = Kernel.parse(kernel)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    check_type(name, kernel, Kernel, "a Kernel or the name of one")
    if kernel.compares_texts and (not is_text or array.ndim != 1):
        raise MeasureError(f"{name}: {kernel} compares texts; pass a list of strings")
    if is_text and kernel.name != "delta" and not kernel.compares_texts:
        raise MeasureError(f"{name}: {kernel} compares numbers, and these are strings")
    return kernel


def _make_variable(array: AnyArray, kernel: Kernel, seed: int, counting: Counting) -> Variable:
    if kernel.name == "delta":
        return make_variable(array.reshape(len(array), -1).T.tolist(), kernel)
    if kernel.compares_texts:
        spec = terms.TermSpec(kernel.n, counting)
        counts = run_inline(terms.CountTerms(spec), terms.iter_tasks(array.tolist()), terms.prepare_terms(spec))
        return make_variable(counts, kernel)
    return make_variable(array.reshape(len(array), -1).astype(np.float64), kernel, seed)
