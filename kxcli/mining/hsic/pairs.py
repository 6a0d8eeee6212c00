"""Many pairs of columns, each measured over its complete rows."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray
from kxcli.mining.hsic.dependence import EstimatedPair, MeasureLimits, estimate
from kxcli.mining.hsic.jobs import RunJob
from kxcli.mining.hsic.kernels import CategoricalVariable, renumber_codes
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Kernel, Testing
from kxcli.mining.hsic.permutation import compute_sequential_p_values
from kxcli.mining.hsic.permutation_plans import PermutationPlan, PlanLimits, make_joint_statistic
from kxcli.mining.hsic.permutation_statistics import NullStatistic
from kxcli.mining.hsic.permuted_kernels import WholeKernels
from kxcli.mining.hsic.sequential import DEFAULT_DRAWS, MAX_DRAWS
from kxcli.mining.hsic.terms import TermCounts
from kxcli.mining.hsic.variables import Values, Variable, make_variable
from kxcli.mining.multiple_tests import Adjustment, needs_more_draws
from kxcli.wording import format_count

BYTES_PER_PAIR = 1_100  # of a measured pair and its output row, in the process that collects them, about

_TASK_ROWS = 20_000  # of all pairs of a task together
_TASK_CELLS = 1 << 21  # of all whole matrices of a task, for each bandwidth
_MAX_SECONDS = 3600  # of 1,000 draws of all pairs on one core; beyond, `auto` takes eigen
_GROWTH = 4  # of the draws of tests that need more
_MAX_VARIABLES = 32  # variables of a subset of rows that are cached: columns with the same missing rows share them


@dataclass(frozen=True)
class PairColumn:
    """One of many columns, over its rows with a value.

    Attributes:
        variable: Of these rows; None if they are fewer than `MIN_ROWS`.
        kernel: As requested, so without a bandwidth if it is the median.
        values: Of `variable`; None if no column has a missing value, and for categories.
        present: A mask of the rows with a value; None for all rows.
    """

    variable: Variable | None
    kernel: Kernel
    values: Values | None
    present: BoolArray | None


def measure_pairs(
    run: RunJob,
    columns: Sequence[PairColumn],
    pairs: Sequence[tuple[int, int]],
    testing: Testing,
    adjustment: Adjustment,
    max_bytes: int = MeasureLimits.pair_bytes,
) -> dict[tuple[int, int], Dependence]:
    """Return the dependence of some pairs of columns.

    Without a requested number, each pair gets at most 1,000 draws. Pairs without an end then get four times as many,
    until the adjusted p-values of pairs that no draw reaches are clear. All pairs have the same maximum. The adjusted
    p-values of many dependent pairs are soon clear, and independent pairs end early: some 1,000 draws a pair in all.

    Args:
        run: Runs the job.
        columns: The columns.
        pairs: Numbers of columns.
        testing: The test.
        adjustment: How the p-values are adjusted.
        max_bytes: Of the matrices of a pair in a process.
    """
    n = max(column.variable.n for column in columns if column.variable is not None)
    limits = _limit_pairs(sum(i != j for i, j in pairs), max_bytes)
    max_draws = DEFAULT_DRAWS if testing.permutations is None else testing.permutations
    found: dict[tuple[int, int], Dependence] = {}
    is_open = pairs
    while is_open:
        found |= run(MeasurePairs(testing, limits, max_draws), iter_tasks(is_open, n), columns, "pairs")
        is_open = [pair for pair in is_open if found[pair].draws == max_draws]
        tests = [(one.p_value, one.draws) for (i, j), one in found.items() if i != j and one.p_value is not None]
        if testing.permutations is not None or not needs_more_draws(tests, adjustment) or max_draws == MAX_DRAWS:
            break
        max_draws = min(MAX_DRAWS, _GROWTH * max_draws)
    return found


def _limit_pairs(n_tests: int, max_bytes: int) -> MeasureLimits:
    """Return the limits of a pair; all pairs together may take an hour of a core."""
    seconds = _MAX_SECONDS / max(1, n_tests)
    plan = PlanLimits(whole_bytes=max_bytes, scaled_seconds=min(seconds / DEFAULT_DRAWS, PlanLimits.scaled_seconds))
    return MeasureLimits(plan, auto_seconds=min(seconds, MeasureLimits.auto_seconds))


class PairTask(NamedTuple):
    """Some pairs of columns, by number, with the same second column."""

    pairs: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """The number of pairs."""
        return len(self.pairs)


def iter_tasks(pairs: Iterable[tuple[int, int]], n: int) -> Iterator[PairTask]:
    """Yield the tasks for columns of n rows."""
    step = max(1, min(_TASK_ROWS // n, _TASK_CELLS // n**2))
    ordered = sorted(pairs, key=lambda pair: (pair[1], pair[0]))
    for _, same in groupby(ordered, key=lambda pair: pair[1]):
        group = list(same)
        for start in range(0, len(group), step):
            yield PairTask(tuple(group[start : start + step]))


class _PlannedPair(NamedTuple):
    """A pair before its permutations."""

    pair: tuple[int, int]
    estimated: EstimatedPair
    plan: PermutationPlan


class MeasurePairs:
    """The job that measures each pair; `setup` receives the columns.

    Pairs with the same second column share its permutations. Each stops on its own, see `sequential`.

    Args:
        testing: The test.
        limits: Of a pair.
        max_draws: Of each test by permutation.
    """

    def __init__(self, testing: Testing, limits: MeasureLimits, max_draws: int) -> None:
        self._testing, self._limits, self._max_draws = testing, limits, max_draws

    def setup(self, shared: Sequence[PairColumn]) -> None:
        """Receive the columns."""
        self._columns = shared
        numbers: dict[bytes | None, int] = {None: 0}
        self._masks: list[BoolArray | None] = [None]
        self._mask_of: list[int] = []  # the number of each column's mask; equal masks have one number
        for column in shared:
            key = None if column.present is None else column.present.tobytes()
            if key not in numbers:
                numbers[key] = len(self._masks)
                self._masks.append(column.present)
            self._mask_of.append(numbers[key])
        self._select_rows = lru_cache(_MAX_VARIABLES)(self._make_subset)

    def map(self, records: Iterable[PairTask]) -> dict[tuple[int, int], Dependence]:
        """Measure the pairs of some tasks."""
        found: dict[tuple[int, int], Dependence] = {}
        for task in records:
            found |= self._measure_task(task)
        return found

    def _measure_task(self, task: PairTask) -> dict[tuple[int, int], Dependence]:
        found: dict[tuple[int, int], Dependence] = {}
        # Whole matrices that are compared with the same matrices of y, and so under the same permutations.
        batches: dict[tuple[int, Sequence[float]], list[_PlannedPair]] = {}
        for i, j in task.pairs:
            x, y = self._select_rows(i, self._mask_of[j]), self._select_rows(j, self._mask_of[i])
            if x is None or y is None:
                found[i, j] = self._report_too_few(i, j)
                continue
            estimated = estimate(x, y, self._testing, limits=self._limits)
            plan = estimated.plan_permutations()
            if plan is None:
                found[i, j] = estimated.finish()
            elif (p := plan.compute_exact_p_value()) is not None:
                found[i, j] = estimated.finish(p, plan)
            elif isinstance(plan.y, WholeKernels):
                batch = batches.setdefault((self._mask_of[i], plan.y.scales), [])
                if batch:
                    plan = replace(plan, y=batch[0].plan.y)  # so that equal matrices are freed
                batch.append(_PlannedPair((i, j), estimated, plan))
            else:
                found |= self._test([_PlannedPair((i, j), estimated, plan)], plan.make_statistic())
        for batch in batches.values():
            found |= self._test(batch, make_joint_statistic([one.plan for one in batch]))
        return found

    def _test(self, pairs: Sequence["_PlannedPair"], statistic: NullStatistic) -> dict[tuple[int, int], Dependence]:
        """Return the results of pairs by the draws of their common statistic."""
        p_values, n_draws = compute_sequential_p_values(statistic, self._testing.seed, self._max_draws)
        return {
            one.pair: one.estimated.finish(p, one.plan, draws or None)
            for one, p, draws in zip(pairs, p_values.tolist(), n_draws.tolist(), strict=True)
        }

    def _make_subset(self, i: int, mask: int) -> Variable | None:
        """Return a column over its rows within a mask, or None if they are too few."""
        column, rows = self._columns[i], self._masks[mask]
        if rows is None or column.variable is None:
            return column.variable
        own = rows if column.present is None else rows[column.present]
        if own.all():
            return column.variable
        if int(own.sum()) < MIN_ROWS:
            return None
        if isinstance(column.variable, CategoricalVariable):
            return CategoricalVariable(renumber_codes(column.variable.rows[own]))
        if isinstance(column.values, TermCounts):
            return make_variable(column.values.select(own), column.kernel)
        assert isinstance(column.values, np.ndarray), "values are there if a column has a missing one"
        return make_variable(column.values[own], column.kernel, self._testing.seed)

    def _report_too_few(self, i: int, j: int) -> Dependence:
        masks = [mask for mask in (self._columns[i].present, self._columns[j].present) if mask is not None]
        n = int((masks[0] & masks[-1]).sum())
        kernels = (str(self._columns[i].kernel), None, str(self._columns[j].kernel), None)
        test = "permutation" if self._testing.name == "auto" else self._testing.name
        note = f"{format_count(n, 'rows')} with a value in both; HSIC needs at least {MIN_ROWS}"
        return Dependence(n, *kernels, None, None, None, None, None, test, notes=(note,))

    def merge(
        self, left: dict[tuple[int, int], Dependence], right: dict[tuple[int, int], Dependence]
    ) -> dict[tuple[int, int], Dependence]:
        """Return the results of both."""
        return left | right

    def dump(self, partial: dict[tuple[int, int], Dependence]) -> bytes:
        """Return JSON; its numbers are read back exactly."""
        return json.dumps([(pair, asdict(found)) for pair, found in partial.items()]).encode("ascii")

    def load(self, data: bytes | memoryview) -> dict[tuple[int, int], Dependence]:
        """Return dumped results."""
        return {
            (pair[0], pair[1]): Dependence(**{**found, "notes": tuple(found["notes"])})
            for pair, found in json.loads(bytes(data))
        }

    def finish(self, partial: dict[tuple[int, int], Dependence]) -> dict[tuple[int, int], Dependence]:
        """Return the results of all pairs."""
        return partial
