"""Arrays and lists of strings -> sides, in this process."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kxcli.mining.hsic import texts
from kxcli.mining.hsic.dependence import measure, run_here, side
from kxcli.mining.hsic.kernels import Side
from kxcli.mining.hsic.parameters import LEAST_ROWS, Dependence, Kernel, MeasureError, Testing
from kxcli.mining.wordcount import Counting

_DIMENSIONS = 2


def measured(
    x: npt.ArrayLike | Sequence[str],
    y: npt.ArrayLike | Sequence[str],
    kernel_x: Kernel | str | None,
    kernel_y: Kernel | str | None,
    testing: Testing,
    counting: Counting,
) -> Dependence:
    """Return how dependent two columns are: `kxcli.mining.measure_dependence`."""
    sides = [_side(values, kernel, testing.seed, counting) for values, kernel in ((x, kernel_x), (y, kernel_y))]
    return measure(sides[0], sides[1], testing)


def _side(values: npt.ArrayLike | Sequence[str], kernel: Kernel | str | None, seed: int, counting: Counting) -> Side:
    array = values if isinstance(values, np.ndarray) else np.array(values, dtype=object)
    is_text = array.size > 0 and all(isinstance(cell, str) for cell in array.flat)
    if not is_text and array.dtype.kind not in "biuf":
        array = np.asarray(array.tolist()) if array.dtype.kind == "O" else array
        if array.dtype.kind not in "biuf":
            raise MeasureError(f"values of the type {array.dtype} are neither numbers nor strings")
    if kernel is None:
        kernel = "delta" if is_text else "gaussian"
    if isinstance(kernel, str):
        kernel = Kernel.named(kernel)
    if array.ndim not in range(1, _DIMENSIONS + 1):
        raise MeasureError(f"values of shape {array.shape} are no rows: give (n,) or (n, d)")
    if not array.size:
        raise MeasureError(f"values of shape {array.shape} are none: HSIC needs {LEAST_ROWS} rows at least")
    if not is_text and not np.isfinite(array).all():
        raise MeasureError("there is a value that is no finite number")
    if kernel.name == "delta":
        return side(array.reshape(len(array), -1).T.tolist(), kernel)
    if kernel.is_of_texts:
        if not is_text or array.ndim != 1:
            raise MeasureError(f"the kernel {kernel} compares texts: give a list of strings")
        terms = texts.Terms(kernel.n, counting)
        counts = run_here(texts.CountTerms(terms), texts.parts(array.tolist()), texts.prepared(terms))
        return side(counts, kernel)
    if is_text:
        raise MeasureError(f"the kernel {kernel} compares numbers, and these are strings")
    return side(array.reshape(len(array), -1).astype(np.float64), kernel, seed)
