"""Exact sums over centered kernels by features.

Cost: O(n m²) time for m features, O(block) memory.
"""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.estimators import KernelProduct, KernelSums, make_product
from kxcli.mining.hsic.features import FeatureMap
from kxcli.mining.hsic.null_distribution import compute_eigenvalues
from kxcli.mining.hsic.variables import Variable
from kxcli.tally.frames import join_parts, split_parts

_BLOCK_ROWS = 2048  # rows whose features are in memory at a time
_MIN_TASK_FEATURES = 1 << 24  # features of a task: large enough to be worth a message
_MAX_TASKS = 64  # more would not speed up a machine, and each returns a matrix
_MAX_MATRIX_BYTES = 1 << 26  # of all tasks' matrices: they stay in memory until they are added in order


class MomentTask(NamedTuple):
    """Some rows of both variables."""

    number: int
    x: FloatArray | IntArray
    y: FloatArray | IntArray

    @property
    def size(self) -> int:
        """The number of rows."""
        return len(self.x)


def iter_tasks(
    x: Variable, y: Variable, width: int, min_features: int = _MIN_TASK_FEATURES, block_rows: int = _BLOCK_ROWS
) -> Iterator[MomentTask]:
    """Yield the tasks.

    Args:
        x: One variable.
        y: The other.
        width: The number of features of both.
        min_features: The size of a task.
        block_rows: A task has a multiple of it, but for the last.
    """
    n_tasks = max(1, min(_MAX_TASKS, x.n * width // min_features, _MAX_MATRIX_BYTES // (8 * width**2)))
    step = -(-x.n // n_tasks // block_rows) * block_rows if n_tasks > 1 else x.n
    for number, start in enumerate(range(0, x.n, step)):
        yield MomentTask(number, x.rows[start : start + step], y.rows[start : start + step])


class SumMoments:
    """The job that sums second moments of features.

    The moments are those of 1, the features of x, their squared norm, and the same of y. A partial has the matrix of
    each task by number. They are added in the order of the tasks, so the digits do not depend on the workers.
    """

    def __init__(self, x: FeatureMap, y: FeatureMap, block_rows: int = _BLOCK_ROWS) -> None:
        self.x, self.y, self.block_rows = x, y, block_rows

    def setup(self, shared: object) -> None:
        """Do nothing: tasks hold their rows."""

    def map(self, records: Iterable[MomentTask]) -> dict[int, FloatArray]:
        """Return the moments of some tasks."""
        return {task.number: self._sum_task(task) for task in records}

    def merge(self, left: dict[int, FloatArray], right: dict[int, FloatArray]) -> dict[int, FloatArray]:
        """Return the matrices of both."""
        return left | right

    def dump(self, partial: dict[int, FloatArray]) -> bytes:
        """Return the matrices with their numbers."""
        return join_parts(part for number, matrix in partial.items() for part in (b"%d" % number, matrix.tobytes()))

    def load(self, data: bytes | memoryview) -> dict[int, FloatArray]:
        """Return dumped matrices."""
        frames = split_parts(data)
        width = self.x.width + self.y.width + 3
        matrices = [np.frombuffer(frame).reshape(width, width) for frame in frames[1::2]]
        return dict(zip((int(bytes(number)) for number in frames[::2]), matrices, strict=True))

    def finish(self, partial: dict[int, FloatArray]) -> "MomentSums":
        """Return the sum of all matrices."""
        total = np.zeros_like(next(iter(partial.values())))
        for _, matrix in sorted(partial.items()):
            total += matrix
        return MomentSums(total, self.x.width)

    def _sum_task(self, task: MomentTask) -> FloatArray:
        width = self.x.width + self.y.width + 3
        total = np.zeros((width, width))
        for start in range(0, task.size, self.block_rows):
            stacked = np.empty((width, min(self.block_rows, task.size - start)))
            stacked[0] = 1
            position = 1
            for features, rows in ((self.x, task.x), (self.y, task.y)):
                values = features.transform(rows[start : start + self.block_rows])
                stacked[position : position + features.width] = values
                position += features.width
                stacked[position] = np.einsum("ij,ij->j", values, values)
                position += 1
            total += stacked @ stacked.T
        return total


class MomentSums:
    """Second moments of both variables' features, summed over all rows."""

    def __init__(self, total: FloatArray, width_x: int) -> None:
        self.total = total
        self._n = float(total[0, 0])
        means = total[0] / self._n
        self._centered = total - self._n * np.outer(means, means)
        self._x, self._y = slice(1, 1 + width_x), slice(2 + width_x, len(total) - 1)
        self._diagonal_x, self._diagonal_y = (
            self._compute_diagonal_weights(part, means) for part in (self._x, self._y)
        )

    def _compute_diagonal_weights(self, part: slice, means: FloatArray) -> FloatArray:
        """Return the weights of the stacked values in Kc(i, i).

        Kc(i, i) = |f|² - 2 f·mean + |mean|².
        """
        weights = np.zeros(len(means))
        weights[0] = means[part] @ means[part]
        weights[part] = -2 * means[part]
        weights[part.stop] = 1
        return weights

    def compute_sums(self, max_abs_x: float, max_abs_y: float) -> KernelSums:
        """Return the sums over the kernels, given bounds of their absolute values."""
        parts = (self._x, self._diagonal_x), (self._y, self._diagonal_y)
        traces = [float(weights @ self.total[0]) for _, weights in parts]
        n = round(self._n)

        def multiply(a: int, b: int) -> KernelProduct:
            (left, weights), (right, others) = parts[a], parts[b]
            trace = float(np.sum(self._centered[left, right] ** 2))
            return make_product(n, trace, float(weights @ self.total @ others), traces[a], traces[b])

        return KernelSums(n, multiply(0, 1), multiply(0, 0), multiply(1, 1), traces[0], traces[1], max_abs_x, max_abs_y)

    def compute_spectra(self) -> tuple[FloatArray, FloatArray]:
        """Return the eigenvalues of Kc / n and of Lc / n in descending order."""
        x, y = (compute_eigenvalues(self._centered[part, part] / self._n) for part in (self._x, self._y))
        return x, y
