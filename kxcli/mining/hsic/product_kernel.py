"""Numbers and labels of one side together, with the product of their kernels."""

from dataclasses import dataclass

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable
from kxcli.mining.hsic.parameters import Kernel


@dataclass(frozen=True)
class ProductKernel(Kernel):
    """A kernel of numbers times the delta kernel of labels; σ is that of the numbers."""

    def __str__(self) -> str:
        return f"{self.name}*delta"


class ProductVariable:
    """Rows of numbers and labels; k is the product of the kernel of each.

    A product of kernels is a kernel of pairs (Schur), and one of characteristic kernels over numbers and finitely many
    labels is characteristic.

    Args:
        numbers: With a gaussian or laplace kernel.
        labels: As many rows.
    """

    features = None
    max_abs = 1.0

    def __init__(self, numbers: NumericVariable, labels: CategoricalVariable) -> None:
        assert numbers.n == labels.n and numbers.kernel.has_bandwidth, "both have the same rows, and k(i, i) is 1"
        self.numbers, self.labels, self.n = numbers, labels, numbers.n
        self.kernel = ProductKernel(numbers.kernel.name, None if numbers.is_constant else numbers.kernel.sigma)
        self.rows: IntArray = np.arange(self.n)
        self._offset = 1.0 - float(numbers.diagonal[0])  # a nearly constant kernel is computed less 1

    @property
    def is_constant(self) -> bool:
        """Whether all rows are the same."""
        return self.numbers.is_constant and self.labels.is_constant

    @property
    def diagonal(self) -> FloatArray:
        """k(i, i) = 1, of shape (n,)."""
        return np.ones(self.n)

    def tile(self, i: int, j: int) -> FloatArray:
        """Return a tile."""
        tile = self.numbers.tile(i, j) + self._offset
        tile *= self.labels.tile(i, j)
        return tile

    def column(self, i: int) -> FloatArray:
        """Return a column of the kernel matrix."""
        return (self.numbers.column(i) + self._offset) * self.labels.column(i)
