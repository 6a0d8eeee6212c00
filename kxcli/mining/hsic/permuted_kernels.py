"""Kernels to be permuted: whole centered matrices, or few features.

Each has one kernel for each of some bandwidths.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic.features import MAX_WIDTH, FourierFeatures
from kxcli.mining.hsic.kernels import NumericVariable, block_rows, count_blocks
from kxcli.mining.hsic.permutation_moments import KernelMoments
from kxcli.mining.hsic.scales import MEDIAN, find_bands
from kxcli.mining.hsic.variables import Variable

FOURIER_REACH = 2.2  # bandwidths: the kernel of the test has an error of exp(-2.2²), below 0.01
_BLOCK_ROWS = 4096  # rows at a time


@dataclass(frozen=True)
class WholeKernels:
    """Whole centered kernel matrices.

    Attributes:
        matrices: Of shape (q, n, n).
        scales: The bandwidth of each, relative to the median; 1 for a kernel without one.
    """

    matrices: FloatArray
    scales: Sequence[float] = MEDIAN

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.matrices[0])

    @property
    def diagonals(self) -> FloatArray:
        """Kc(i, i), of shape (q, n)."""
        return np.ascontiguousarray(np.einsum("qii->qi", self.matrices))

    def compute_moments(self) -> KernelMoments:
        """Return the sums over the matrices."""
        diagonals = self.diagonals
        return KernelMoments(
            diagonals.sum(axis=1),
            np.array([float(np.vdot(matrix, matrix)) for matrix in self.matrices]),
            (diagonals**2).sum(axis=1),
        )


@dataclass(frozen=True)
class FeatureKernels:
    """Centered kernels F diag(w) Fᵀ with the same features F.

    Attributes:
        features: F, of shape (n, r), each feature with the mean 0.
        weights: w of each kernel, of shape (q, r).
        scales: The bandwidth of each kernel, relative to the median, in descending order.
        bands: The ends of the low and of the middle features, see `scales.find_bands`.
        missing_diagonal: What F Fᵀ lacks of the diagonal of an approximated kernel, of shape (n,); None if nothing.
            Its exact diagonal is nearly even where that of its features is not, and an uneven diagonal would drown
            the rest of the statistic.
        share: Of the kernel's trace that the features have.
    """

    features: FloatArray
    weights: FloatArray
    scales: Sequence[float]
    bands: tuple[int, int]
    missing_diagonal: FloatArray | None = None
    share: float = 1.0

    @property
    def n(self) -> int:
        """The number of rows."""
        return len(self.features)

    @property
    def width(self) -> int:
        """The number of features."""
        return len(self.features[0])

    @property
    def diagonals(self) -> FloatArray:
        """The diagonals of the kernels of the features, of shape (q, n)."""
        return np.ascontiguousarray(self.weights @ (self.features**2).T)

    def compute_moments(self) -> KernelMoments:
        """Return the sums over the kernels, with their exact diagonals."""
        products = (self.features.T @ self.features) ** 2
        squares = np.einsum("qr,rs,qs->q", self.weights, products, self.weights)
        low = self.diagonals
        diagonals = low if self.missing_diagonal is None else low + self.missing_diagonal
        diagonal_squares = (diagonals**2).sum(axis=1)
        return KernelMoments(diagonals.sum(axis=1), squares - (low**2).sum(axis=1) + diagonal_squares, diagonal_squares)


def build_matrices(variable: Variable, scales: Sequence[float]) -> WholeKernels:
    """Return the centered kernel matrices of a variable.

    Bandwidths with less than one neighbor per row on average are excluded, because they add chance alone.
    Cost: O(q n² d) time for d columns.

    Args:
        variable: The variable.
        scales: Of its bandwidth, in descending order; (1,) for a kernel without one.
    """
    n = variable.n
    matrices = np.empty((len(scales), n, n))
    for at, scale in enumerate(scales):
        matrix = matrices[at]
        scaled = variable.rescale(scale) if isinstance(variable, NumericVariable) and scale != 1 else variable
        for i in range(count_blocks(n)):
            for j in range(i + 1):
                tile = scaled.tile(i, j)
                matrix[block_rows(i), block_rows(j)] = tile
                matrix[block_rows(j), block_rows(i)] = tile.T
        offset = 1 - float(scaled.diagonal[0])  # 1 for a kernel that is computed less 1
        n_neighbors = float(matrix.sum()) + n * n * offset - n
        if scale < 1 and n_neighbors < n:
            return WholeKernels(matrices[:at], scales[:at])
        means = matrix.mean(axis=0)
        matrix -= means
        matrix -= means[:, None] - means.mean()
    return WholeKernels(matrices, scales)


def choose_fourier_features(variable: Variable, scales: Sequence[float]) -> FourierFeatures | None:
    """Return the features of gaussian kernels of one column, None for others.

    None, too, if there are too many.
    """
    is_line = isinstance(variable, NumericVariable) and variable.rows.shape[1] == 1
    if not is_line or variable.kernel.name != "gaussian":
        return None
    extent = float(np.ptp(variable.rows))
    features = FourierFeatures.for_extent(extent, FOURIER_REACH, min(scales), max(scales))
    return features if features is not None and features.width <= MAX_WIDTH else None


def build_fourier_kernels(variable: Variable, features: FourierFeatures, scales: Sequence[float]) -> FeatureKernels:
    """Return gaussian kernels of one column by shared Fourier features.

    With rows in bandwidths, exp(-d²/c²) has the spectrum c exp(-c²ω²/4): the features of the narrowest kernel, with
    other weights, are those of all.
    """
    by_frequency = np.arange(features.width).reshape(2, -1).T.ravel()  # the cosine and the sine of each
    values = np.empty((variable.n, features.width))
    for start in range(0, variable.n, _BLOCK_ROWS):
        block = features.transform(variable.rows[start : start + _BLOCK_ROWS])
        values[start : start + _BLOCK_ROWS] = block[by_frequency].T
    values -= values.mean(axis=0)
    weights = np.array([features.compute_weights(scale)[by_frequency] for scale in scales])
    return FeatureKernels(values, weights, scales, find_bands(scales, count_fourier_widths(features, scales)))


def count_fourier_widths(features: FourierFeatures, scales: Sequence[float]) -> list[int]:
    """Return the number of features of each kernel."""
    return [2 * features.count_frequencies(2 * FOURIER_REACH / scale) for scale in scales]
