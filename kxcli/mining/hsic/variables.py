"""Values -> variables: the values of one side with their kernel."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS, compute_median_distance
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable, encode_labels
from kxcli.mining.hsic.parameters import Kernel, MeasureError
from kxcli.mining.hsic.product_kernel import ProductVariable
from kxcli.mining.hsic.terms import TermCounts
from kxcli.mining.hsic.text_kernel import TextVariable


class MixedValues(NamedTuple):
    """Rows of numbers (n, d) and of labels, by column."""

    numbers: FloatArray
    labels: Sequence[Sequence[object]]


# numbers (n, d), columns of labels, both, or counts of terms
Values = FloatArray | Sequence[Sequence[object]] | MixedValues | TermCounts
Variable = NumericVariable | CategoricalVariable | ProductVariable | TextVariable

_MAX_NUMBER, _MAX_LINEAR_NUMBER = 1e150, 1e70  # whose squares, and products of squares, are finite


def make_variable(values: Values, kernel: Kernel, seed: int = 0) -> Variable:
    """Return values with their kernel; compute the bandwidth if it is the median.

    Args:
        values: An array (n, d) for gaussian, laplace and linear; counts for bow and ngram; columns of labels for delta;
            both for the product of gaussian and delta.
        kernel: As requested.
        seed: Of the sample for the median.

    Raises:
        MeasureError: For numbers that are not finite or cannot be squared.
    """
    if isinstance(values, TermCounts):
        return TextVariable(values, kernel)
    if isinstance(values, MixedValues):
        numbers_variable = make_variable(values.numbers, kernel, seed)
        assert isinstance(numbers_variable, NumericVariable), "the kernel is that of numbers"
        return ProductVariable(numbers_variable, encode_labels(values.labels))
    if not isinstance(values, np.ndarray):
        return encode_labels(values)
    numbers = np.ascontiguousarray(values, dtype=np.float64)  # so that digits do not depend on the memory layout
    if not np.isfinite(numbers).all():
        raise MeasureError("a value is not a finite number")
    max_abs = float(np.abs(numbers).max())
    if max_abs > _MAX_NUMBER or (kernel.name == "linear" and max_abs > _MAX_LINEAR_NUMBER):
        raise MeasureError("the numbers are too large to be squared; divide them by a power of ten")
    if kernel.name == "linear":
        if 0 < float(np.ptp(numbers, axis=0).max()) < 1 / _MAX_LINEAR_NUMBER:
            raise MeasureError("the numbers are too small to be squared; multiply them by a power of ten")
        return NumericVariable(numbers, kernel)
    sigma = kernel.sigma if isinstance(kernel.sigma, float) else compute_median_distance(numbers, seed)
    if sigma is None:
        if (numbers != numbers[0]).any():
            raise MeasureError(
                f"the {MAX_EXACT_ROWS:,} rows sampled for the median distance are all equal; set --sigma"
            )
        return NumericVariable(numbers, Kernel(kernel.name, 1.0))  # any bandwidth gives the same kernel
    if max_abs > _MAX_NUMBER * sigma:
        raise MeasureError(f"the bandwidth {sigma:g} is too small for these numbers")
    return NumericVariable(numbers, Kernel(kernel.name, sigma), is_adaptive=kernel.sigma is None)
