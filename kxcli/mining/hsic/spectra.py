"""Spectra of centered kernels."""

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic.kernels import Variable
from kxcli.mining.hsic.random_streams import RandomStream, make_generator

MAX_SPECTRUM_ROWS = 1_000  # of a kernel without few features
_CLOSE = 1e-9
_HALVINGS = 60


def eigenvalues(matrix: FloatArray) -> FloatArray:
    """Return the eigenvalues of a symmetric matrix, of which the lower half is looked at, the greatest first."""
    return np.linalg.eigvalsh(matrix).astype(np.float64, copy=False)[::-1]


def sample_eigenvalues(side: Variable, trace: float, squares: float, seed: int, which: int) -> FloatArray:
    """Return the eigenvalues of Kc / n, as those of at most `MAX_SPECTRUM_ROWS` rows tell them; all of no more rows.

    trace, squares: Tr(Kc) / n and Tr(Kc Kc) / n².  Fewer rows have a greater sum of squares, because the diagonal
    weighs more: their eigenvalues are all lowered by so much that it is right.
    seed, which: of the rows drawn, and the side's number.
    """
    rows = np.arange(side.n)
    if side.n > MAX_SPECTRUM_ROWS:
        rows = np.sort(
            make_generator(RandomStream.SPECTRUM, seed, which).choice(side.n, MAX_SPECTRUM_ROWS, replace=False)
        )
    matrix = np.empty((len(rows), len(rows)))
    for at, row in enumerate(rows.tolist()):
        matrix[at] = side.column(row)[rows]
    matrix -= matrix.mean(axis=0)
    matrix -= matrix.mean(axis=1)[:, None]
    found = np.maximum(eigenvalues(matrix), 0)
    found *= trace / max(float(found.sum()), np.finfo(np.float64).tiny)
    if float(found @ found) <= squares * (1 + _CLOSE):
        return found
    low, high = 0.0, float(found[0])
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        lowered = np.maximum(found - middle, 0)
        low, high = (low, middle) if float(lowered @ lowered) <= squares else (middle, high)
    return np.maximum(found - high, 0)
