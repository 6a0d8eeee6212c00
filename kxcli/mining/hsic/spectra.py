"""Eigenvalues of symmetric matrices."""

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def spectrum(matrix: Array) -> Array:
    """Return the eigenvalues of a symmetric matrix, the greatest first."""
    return np.linalg.eigvalsh(matrix).astype(np.float64, copy=False)[::-1]
