"""The permutation test: how often a statistic is as large by chance.

Draws come in blocks, each seeded by its number, so that any worker can draw any of them.
"""

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.jobs import RangeTask, iter_ranges
from kxcli.mining.hsic.permutation_plans import PermutationPlan
from kxcli.mining.hsic.permutation_statistics import NullStatistic, OrderStatistic
from kxcli.mining.hsic.sequential import SequentialCounts

MAX_ENUMERATED_ROWS = 7  # for which all n! permutations are compared
BLOCK_DRAWS = 100  # with one seed
_TASK_SECONDS = 0.25


def iter_tasks(plan: PermutationPlan, n_permutations: int) -> Iterator[RangeTask]:
    """Return ranges of blocks of draws; enumerated permutations are one task."""
    n_blocks = 1 if plan.x.n <= MAX_ENUMERATED_ROWS else -(-n_permutations // BLOCK_DRAWS)
    return iter_ranges(n_blocks, max(1, int(_TASK_SECONDS / (plan.seconds * BLOCK_DRAWS))), BLOCK_DRAWS)


class CountPermutations:
    """The job that counts the draws with at least the observed statistic.

    `setup` receives the plan.
    """

    def __init__(self, seed: int, n_permutations: int) -> None:
        self.seed, self.n_permutations = seed, n_permutations

    def setup(self, shared: PermutationPlan) -> None:
        """Receive the data of both variables."""
        self._statistic = shared.make_statistic()
        self._thresholds = self._statistic.compute_thresholds()

    def map(self, records: Iterable[RangeTask]) -> int:
        """Count the draws of some tasks that reach the observed statistic."""
        return sum(
            int(np.count_nonzero(self._draw(number) >= self._thresholds))
            for task in records
            for number in range(task.start, task.stop)
        )

    def _draw(self, number: int) -> FloatArray:
        if self._statistic.n <= MAX_ENUMERATED_ROWS:
            return compute_all_orders(self._statistic)
        return self._statistic.draw(self.seed, number, min(BLOCK_DRAWS, self.n_permutations - number * BLOCK_DRAWS))

    def merge(self, left: int, right: int) -> int:
        """Add the counts."""
        return left + right

    def dump(self, partial: int) -> bytes:
        """Return the count in digits."""
        return b"%d" % partial

    def load(self, data: bytes | memoryview) -> int:
        """Return a dumped count."""
        return int(bytes(data))

    def finish(self, partial: int) -> int:
        """Return the count."""
        return partial


def compute_all_orders(statistic: NullStatistic) -> FloatArray:
    """Return the statistics of all permutations of few rows, of shape (n!, n_tests)."""
    assert isinstance(statistic, OrderStatistic), "tables have more rows"
    return statistic.compute(np.array(list(itertools.permutations(range(statistic.n)))))


def compute_sequential_p_values(statistic: NullStatistic, seed: int, max_draws: int) -> tuple[FloatArray, IntArray]:
    """Return the p-values of tests with common draws; see `sequential`.

    Args:
        statistic: Of the tests.
        seed: Of the draws.
        max_draws: Of each test.

    Returns:
        The p-values, and the draws that each rests on, 0 for all permutations; of shape (n_tests,) each.
    """
    thresholds = statistic.compute_thresholds()
    if statistic.n <= MAX_ENUMERATED_ROWS:
        shares = (compute_all_orders(statistic) >= thresholds).mean(axis=0)
        return shares, np.zeros(statistic.n_tests, np.int64)
    counts = SequentialCounts(statistic.n_tests, max_draws)
    is_drawn = counts.is_open  # the tests of `statistic`
    for number in itertools.count():
        is_open = counts.is_open
        if not is_open.any():
            break
        if 2 * int(is_open.sum()) <= int(is_drawn.sum()):
            statistic, is_drawn = statistic.select(is_open[is_drawn]), is_open
        values = statistic.draw(seed, number, BLOCK_DRAWS)[:, is_open[is_drawn]]
        counts.add(values >= thresholds[is_open])
    return counts.compute_p_values(), counts.n_draws


def compute_permutation_p_value(n_reaching: int, n: int, n_permutations: int) -> float:
    """Return (1 + k) / (1 + B), or the share of enumerated permutations."""
    if n <= MAX_ENUMERATED_ROWS:
        return n_reaching / math.factorial(n)
    return (1 + n_reaching) / (1 + n_permutations)


def compute_min_p_value(n: int, n_permutations: int) -> float:
    """Return the smallest possible p-value.

    Enumerated permutations include the observed order.
    """
    return compute_permutation_p_value(int(n <= MAX_ENUMERATED_ROWS), n, n_permutations)
