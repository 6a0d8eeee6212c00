"""Columns of one vector on a common scale: z-scores and ranks."""

from typing import Literal

import numpy as np

from kxcli.arrays import FloatArray

Standardization = Literal["z", "rank"]

DOMINANT_SHARE = 0.99  # of the squared distances: the other columns hardly count


def standardize(values: FloatArray, way: Standardization) -> FloatArray:
    """Return each column as z-scores, or as ranks.

    Args:
        values: Of shape (n, d).
        way: "z": less the mean, divided by the standard deviation; 0 for a constant column.
            "rank": 1 for the smallest; equal values have the mean of their ranks.
    """
    scale = _compute_z_scores if way == "z" else _compute_ranks
    return np.column_stack([scale(values[:, at]) for at in range(values.shape[1])])


def _compute_z_scores(column: FloatArray) -> FloatArray:
    centered: FloatArray = column - np.median(column)  # first, so that a large mean costs no digits
    size = float(np.abs(centered).max())
    if not size:
        return centered
    centered /= size  # so that no square overflows or underflows
    centered -= centered.mean()
    centered /= centered.std()
    return centered


def _compute_ranks(column: FloatArray) -> FloatArray:
    _, positions, counts = np.unique(column, return_inverse=True, return_counts=True)
    ranks: FloatArray = np.cumsum(counts) - (counts - 1) / 2
    return ranks[positions]


def find_dominant_column(values: FloatArray) -> int | None:
    """Return the column that has nearly all of the squared distances between rows.

    Return None if there is none, or if no other column varies. The mean of the squared distances is twice the sum of
    the columns' variances.

    Args:
        values: Of shape (n, d).
    """
    extents = np.ptp(values, axis=0)
    largest = float(extents.max())
    if np.count_nonzero(extents) < 2:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        variances = ((values - values[0]) / largest).var(axis=0)
    column = int(variances.argmax())
    return column if variances[column] >= DOMINANT_SHARE * variances.sum() else None
