"""Sums over centered kernels by features: O(n m²) for m features of both sides, O(block) memory, nothing left out."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic import estimators
from kxcli.mining.hsic.estimators import KernelProduct
from kxcli.mining.hsic.features import FeatureMap
from kxcli.mining.hsic.kernels import Variable
from kxcli.mining.hsic.spectra import eigenvalues
from kxcli.tally.frames import join_parts, split_parts

Rows = FloatArray | IntArray

_STEP = 2048  # rows whose features are held at a time
_MIN_TASK_FEATURES = 1 << 24  # features of a task, at least
_TASKS = 64  # at most,
_MATRICES = 1 << 26  # and no more than make so many bytes of matrices, which are kept until all are added up in order


class MomentTask(NamedTuple):
    """The rows of a task, on both sides."""

    number: int
    x: Rows
    y: Rows

    @property
    def size(self) -> int:
        """Rows."""
        return len(self.x)


def iter_tasks(x: Variable, y: Variable, width: int) -> Iterator[MomentTask]:
    """Yield the tasks; `width` is the number of features of both sides."""
    n_tasks = max(1, min(_TASKS, x.n * width // _MIN_TASK_FEATURES, _MATRICES // (8 * width**2)))
    step = -(-x.n // n_tasks // _STEP) * _STEP if n_tasks > 1 else x.n
    for number, start in enumerate(range(0, x.n, step)):
        yield MomentTask(number, x.rows[start : start + step], y.rows[start : start + step])


Partial = dict[int, FloatArray]  # number of the part -> its matrix


class SumMoments:
    """The job: second moments of 1, the features of x, their squared norm, those of y, and theirs.

    Matrices are added up in the order of the parts, so the digits do not depend on who computed which.
    """

    def __init__(self, x: FeatureMap, y: FeatureMap) -> None:
        self.x, self.y = x, y

    def setup(self, shared: object) -> None:
        """Make nothing ready."""

    def map(self, records: Iterable[MomentTask]) -> Partial:
        """Return the moments of some parts."""
        return {part.number: self._moments(part) for part in records}

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Return both."""
        return left | right

    def dump(self, partial: Partial) -> bytes:
        """Return the matrices with their numbers."""
        return join_parts(part for number, matrix in partial.items() for part in (b"%d" % number, matrix.tobytes()))

    def load(self, data: bytes | memoryview) -> Partial:
        """Return the matrices that were dumped."""
        frames = split_parts(data)
        width = self.x.width + self.y.width + 3
        matrices = [np.frombuffer(frame).reshape(width, width) for frame in frames[1::2]]
        return dict(zip((int(bytes(number)) for number in frames[::2]), matrices, strict=True))

    def finish(self, partial: Partial) -> "MomentSums":
        """Return the sum of all."""
        total = np.zeros_like(next(iter(partial.values())))
        for _, matrix in sorted(partial.items()):
            total += matrix
        return MomentSums(total, self.x.width)

    def _moments(self, part: MomentTask) -> FloatArray:
        width = self.x.width + self.y.width + 3
        total = np.zeros((width, width))
        for start in range(0, part.size, _STEP):
            stacked = np.empty((width, min(_STEP, part.size - start)))
            stacked[0] = 1
            place = 1
            for features, rows in ((self.x, part.x), (self.y, part.y)):
                values = features.of(rows[start : start + _STEP])
                stacked[place : place + features.width] = values
                place += features.width
                stacked[place] = np.einsum("ij,ij->j", values, values)
                place += 1
            total += stacked @ stacked.T
        return total


class MomentSums:
    """Second moments of both sides' features, added up over all rows."""

    def __init__(self, total: FloatArray, width_x: int) -> None:
        self._total = total
        self._n = float(total[0, 0])
        means = total[0] / self._n
        self._centered = total - self._n * np.outer(means, means)
        self._x, self._y = slice(1, 1 + width_x), slice(2 + width_x, len(total) - 1)
        self._diagonal_x, self._diagonal_y = (self._diagonal(side, means) for side in (self._x, self._y))

    def _diagonal(self, side: slice, means: FloatArray) -> FloatArray:
        """Return the weights of the stacked values that give Kc(i, i) = |f|² - 2 f·mean + |mean|²."""
        weights = np.zeros(len(means))
        weights[0] = means[side] @ means[side]
        weights[side] = -2 * means[side]
        weights[side.stop] = 1
        return weights

    def sums(self, max_abs_x: float, max_abs_y: float) -> estimators.KernelSums:
        """Return what the kernels add up to."""
        sides = (self._x, self._diagonal_x), (self._y, self._diagonal_y)
        traces = [float(weights @ self._total[0]) for _, weights in sides]
        n = round(self._n)

        def pair(a: int, b: int) -> KernelProduct:
            (left, weights), (right, others) = sides[a], sides[b]
            trace = float(np.sum(self._centered[left, right] ** 2))
            return estimators.pair(n, trace, float(weights @ self._total @ others), traces[a], traces[b])

        return estimators.KernelSums(n, pair(0, 1), pair(0, 0), pair(1, 1), traces[0], traces[1], max_abs_x, max_abs_y)

    def spectra(self) -> tuple[FloatArray, FloatArray]:
        """Return the eigenvalues of Kc / n and of Lc / n that are not 0, the greatest first."""
        return eigenvalues(self._centered[self._x, self._x] / self._n), eigenvalues(
            self._centered[self._y, self._y] / self._n
        )
