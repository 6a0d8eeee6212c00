"""Convex learners: sparse logistic regression and log-linear ranking."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, FloatArray, Int32Array, IntArray

LossFunction = Callable[[FloatArray], tuple[float, FloatArray]]  # weights -> value and gradient

_MEMORY = 8  # past steps that approximate the curvature
_SUFFICIENT = 1e-4  # minimal decrease of the loss in a step, relative to the slope (Armijo)
_MAX_HALVINGS = 25  # of a step
_TOLERANCE = 1e-6  # relative; a smaller gain ends the search
_FLAT = 1e-12  # a slope or curvature that is 0 but for rounding


def minimize(loss: LossFunction, start: FloatArray, rounds: int) -> FloatArray:
    """Return the minimum of a smooth convex function, by L-BFGS with backtracking.

    After Liu and Nocedal 1989.

    Args:
        loss: The function.
        start: The first point.
        rounds: The maximal number of steps.
    """
    point = start.copy()
    value, gradient = loss(point)
    steps: list[tuple[FloatArray, FloatArray]] = []
    for _ in range(rounds):
        direction = _find_direction(gradient, steps)
        slope = float(gradient @ direction)
        if slope >= -_FLAT:
            break
        size = 1.0 if steps else min(1.0, 1.0 / (float(np.abs(gradient).sum()) + _FLAT))
        for _ in range(_MAX_HALVINGS):
            trial = point + size * direction
            new, new_gradient = loss(trial)
            if new <= value + _SUFFICIENT * size * slope:
                break
            size *= 0.5
        else:
            break
        step = (trial - point, new_gradient - gradient)
        if float(step[0] @ step[1]) > _FLAT:
            steps = [*steps[1 - _MEMORY :], step]
        is_done = value - new < _TOLERANCE * max(1.0, abs(value))
        point, value, gradient = trial, new, new_gradient
        if is_done:
            break
    return point


def _find_direction(gradient: FloatArray, steps: list[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """Return the descent direction, by the two-loop recursion over past steps."""
    direction = -gradient
    shares = list[float]()
    for moved, changed in reversed(steps):
        shares.append(float(moved @ direction) / float(moved @ changed))
        direction = direction - shares[-1] * changed
    if steps:
        moved, changed = steps[-1]
        direction = direction * (float(moved @ changed) / float(changed @ changed))
    for (moved, changed), share in zip(steps, reversed(shares), strict=True):
        direction = direction + moved * (share - float(changed @ direction) / float(moved @ changed))
    return direction


def logistic(values: FloatArray) -> FloatArray:
    """Return 1 / (1 + exp(-x)) without overflow."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * values)))


@dataclass(frozen=True)
class FeatureRows:
    """Rows of features.

    Attributes:
        dense: Values, shape (rows, dense columns).
        hashed: Numbers of hashed columns with the value 1, shape (rows, hashed features); column 0 has no weight.
    """

    dense: FloatArray
    hashed: Int32Array

    @classmethod
    def concatenate(cls, parts: "Sequence[FeatureRows]") -> "FeatureRows":
        """Return the rows of all parts."""
        return cls(np.concatenate([part.dense for part in parts]), np.concatenate([part.hashed for part in parts]))

    def select(self, rows: AnyArray) -> "FeatureRows":
        """Return some rows."""
        return FeatureRows(self.dense[rows], self.hashed[rows])


@dataclass(frozen=True)
class LogisticWeights:
    """Weights of dense columns and of hashed columns."""

    dense: FloatArray
    hashed: FloatArray


def fit_logistic_regression(
    rows: FeatureRows,
    is_right: BoolArray,
    n_columns: int,
    prior: FloatArray,
    penalties: tuple[float, float],
    rounds: int = 60,
) -> LogisticWeights:
    """Return the weights of maximal penalized likelihood.

    Args:
        rows: The features.
        is_right: The outcome of each row.
        n_columns: Number of hashed columns.
        prior: Dense weights to stay near.
        penalties: Of the squared distances of dense weights from their prior, and of hashed ones from 0.
        rounds: The maximal number of steps.
    """
    n_dense = int(rows.dense.shape[-1])
    used, inverse = np.unique(rows.hashed, return_inverse=True)
    columns = inverse.reshape(rows.hashed.shape)
    n_hashed = int(rows.hashed.shape[-1])
    flat = columns.ravel()
    is_counted = (used != 0).astype(np.float64)
    right = is_right.astype(np.float64)
    start = np.concatenate((prior, np.zeros(len(used))))
    penalty = np.concatenate((np.full(n_dense, penalties[0]), np.full(len(used), penalties[1])))

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        scores = rows.dense @ weights[:n_dense] + (weights[n_dense:] * is_counted).take(columns).sum(axis=1)
        gaps = logistic(scores) - right
        distance = weights - start
        value = float(np.logaddexp(0.0, scores).sum() - right @ scores + 0.5 * (penalty * distance) @ distance)
        hashed = np.bincount(flat, np.repeat(gaps, n_hashed), minlength=len(used)) * is_counted
        return value, np.concatenate((rows.dense.T @ gaps, hashed)) + penalty * distance

    found = minimize(loss, start, rounds)
    hashed = np.zeros(n_columns)
    hashed[used] = found[n_dense:] * is_counted
    return LogisticWeights(found[:n_dense], hashed)


def fit_ranking(
    features: FloatArray, starts: IntArray, is_right: BoolArray, prior: FloatArray, penalty: float
) -> FloatArray:
    """Return the weights of a log-linear model of the right candidates of each group.

    Args:
        features: Shape (candidates, columns).
        starts: Where each group starts and where the last one ends; every group has right candidates and wrong ones.
        is_right: Which candidates are right.
        prior: Weights to stay near.
        penalty: Of the squared distance from the prior.
    """
    firsts, sizes = starts[:-1], np.diff(starts)
    right = is_right.astype(np.float64)

    def loss(weights: FloatArray) -> tuple[float, FloatArray]:
        scores = features @ weights
        powers = np.exp(scores - np.repeat(np.maximum.reduceat(scores, firsts), sizes))
        totals, goods = np.add.reduceat(powers, firsts), np.add.reduceat(powers * right, firsts)
        gaps = powers / np.repeat(totals, sizes) - powers * right / np.repeat(goods, sizes)
        distance = weights - prior
        value = float((np.log(totals) - np.log(goods)).sum() + 0.5 * penalty * distance @ distance)
        return value, features.T @ gaps + penalty * distance

    return minimize(loss, prior, rounds=100)
