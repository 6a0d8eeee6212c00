"""Arrays and lists of strings -> sides, in this process."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kxcli.arrays import AnyArray
from kxcli.mining.arguments import check_type, describe
from kxcli.mining.hsic import texts
from kxcli.mining.hsic.dependence import make_variable, measure, run_inline
from kxcli.mining.hsic.kernels import Variable
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Kernel, MeasureError, Testing
from kxcli.mining.wordcount.job import Counting

_DIMENSIONS = 2
_NUMBERS, _TEXTS = "biuf", "UO"  # kinds of arrays


def measure_dependence(
    x: npt.ArrayLike | Sequence[str],
    y: npt.ArrayLike | Sequence[str],
    *,
    kernel_x: Kernel | str | None = None,
    kernel_y: Kernel | str | None = None,
    testing: Testing | None = None,
    counting: Counting | None = None,
) -> Dependence:
    """Return the Hilbert-Schmidt independence criterion of two columns, with a p-value.

    Args:
        x: n rows, at least 4: numbers of shape (n,) or (n, d), or a list of n strings.
        y: As x.
        kernel_x: A `Kernel`, or its name as in "gaussian" or "ngram:3"; by default gaussian with the median rule for
            numbers, delta for strings.
        kernel_y: As kernel_x.
        testing: How independence is tested; by default by 1,000 permutations up to 20,000 rows.
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
    columns = {"x": _rows(x, "x"), "y": _rows(y, "y")}
    if len(columns["x"]) != len(columns["y"]):
        raise MeasureError(f"x has {len(columns['x']):,} rows and y has {len(columns['y']):,}")
    kernels = (_kernel(kernel_x, columns["x"], "kernel_x"), _kernel(kernel_y, columns["y"], "kernel_y"))
    sides = []
    for (name, array), kernel in zip(columns.items(), kernels, strict=True):
        try:
            sides.append(_side(array, kernel, testing.seed, counting))
        except MeasureError as error:
            raise MeasureError(f"{name}: {error}") from None
    return measure(sides[0], sides[1], testing)


def _rows(values: npt.ArrayLike | Sequence[str], name: str) -> AnyArray:
    """Return finite numbers or strings as an array, (n,) or (n, d)."""
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    if array.ndim not in range(1, _DIMENSIONS + 1):
        raise MeasureError(f"{name} has the shape {array.shape}: give n rows, of shape (n,) or (n, d)")
    if not array.size:
        raise MeasureError(f"{name} has the shape {array.shape}, so no value: HSIC needs {MIN_ROWS} rows at least")
    if np.ma.is_masked(array):
        raise MeasureError(
            f"{_place(name, array, int(np.ma.getmaskarray(array).argmax()))} is masked: leave its row out"
        )
    if array.dtype.kind in "OT":
        array = _of_objects(array.astype(object), name)
    if array.dtype.kind in _TEXTS:
        return array
    if array.dtype.kind not in _NUMBERS:
        raise MeasureError(f"{name} has values of the type {array.dtype}: give numbers or strings")
    is_finite = np.isfinite(array)
    if not is_finite.all():
        at = int(is_finite.argmin())
        raise MeasureError(f"{_place(name, array, at)} is {array.flat[at]}, no finite number: leave its row out")
    return array


def _of_objects(array: AnyArray, name: str) -> AnyArray:
    """Return strings unchanged, and other objects as an array of numbers."""
    cells = list(array.flat)
    has_texts = any(isinstance(cell, str) for cell in cells)
    for at, cell in enumerate(cells):
        if _is_missing(cell) and (has_texts or not isinstance(cell, float)):
            raise MeasureError(f"{_place(name, array, at)} is {cell!r}, a missing value: leave its row out")
        if has_texts != isinstance(cell, str) or not isinstance(
            cell, (str, int, float, np.bool, np.integer, np.floating)
        ):
            others = "strings" if has_texts else "numbers or strings"
            raise MeasureError(f"{_place(name, array, at)} is {describe(cell)}: give {others}")
    if has_texts:
        return array
    numbers = np.array(cells).reshape(array.shape)
    if numbers.dtype.kind not in _NUMBERS:
        raise MeasureError(f"{name} has a number that is too large: scale the numbers, or give them as strings")
    return numbers


def _is_missing(cell: object) -> bool:
    """Return whether a value is missing: None, a float's NaN, pandas' NA and NaT."""
    return cell is None or type(cell).__name__ in ("NAType", "NaTType") or (isinstance(cell, float) and cell != cell)


def _place(name: str, array: AnyArray, at: int) -> str:
    """Return how Python writes the element at a place of the flat array."""
    return f"{name}[{', '.join(map(str, np.unravel_index(at, array.shape)))}]"


def _kernel(kernel: Kernel | str | None, array: AnyArray, name: str) -> Kernel:
    """Return the kernel of an argument, by default the one for the type of values."""
    is_text = array.dtype.kind in _TEXTS
    if kernel is None:
        return Kernel("delta" if is_text else "gaussian")
    if isinstance(kernel, str):
        try:
            kernel = Kernel.parse(kernel)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    if not isinstance(kernel, Kernel):
        raise TypeError(f"{name} must be a Kernel or the name of one, not {describe(kernel)}")
    if kernel.compares_texts and (not is_text or array.ndim != 1):
        raise MeasureError(f"{name}: {kernel} compares texts: give a list of strings")
    if is_text and kernel.name != "delta" and not kernel.compares_texts:
        raise MeasureError(f"{name}: {kernel} compares numbers, and these are strings")
    return kernel


def _side(array: AnyArray, kernel: Kernel, seed: int, counting: Counting) -> Variable:
    if kernel.name == "delta":
        return make_variable(array.reshape(len(array), -1).T.tolist(), kernel)
    if kernel.compares_texts:
        terms = texts.TermSpec(kernel.n, counting)
        counts = run_inline(texts.CountTerms(terms), texts.iter_tasks(array.tolist()), texts.prepare_terms(terms))
        return make_variable(counts, kernel)
    return make_variable(array.reshape(len(array), -1).astype(np.float64), kernel, seed)
