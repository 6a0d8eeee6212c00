"""Many pairs of columns, each measured over its complete rows."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray
from kxcli.mining.hsic.dependence import measure
from kxcli.mining.hsic.kernels import CategoricalVariable, renumber_codes
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Kernel, Testing
from kxcli.mining.hsic.terms import TermCounts
from kxcli.mining.hsic.variables import Values, Variable, make_variable
from kxcli.wording import format_count

BYTES_PER_PAIR = 1_100  # of a measured pair and its output row, in the process that collects them, about

_TASK_ROWS = 20_000  # of all pairs of a task together
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


class PairTask(NamedTuple):
    """Some pairs of columns, by number."""

    pairs: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """The number of pairs."""
        return len(self.pairs)


def iter_tasks(pairs: Sequence[tuple[int, int]], n: int) -> Iterator[PairTask]:
    """Yield the tasks for columns of n rows."""
    step = max(1, _TASK_ROWS // n)
    for start in range(0, len(pairs), step):
        yield PairTask(tuple(pairs[start : start + step]))


class MeasurePairs:
    """The job that measures each pair; `setup` receives the columns."""

    def __init__(self, testing: Testing) -> None:
        self.testing = testing

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
        return {pair: self._measure_pair(*pair) for task in records for pair in task.pairs}

    def _measure_pair(self, i: int, j: int) -> Dependence:
        x, y = self._select_rows(i, self._mask_of[j]), self._select_rows(j, self._mask_of[i])
        return self._report_too_few(i, j) if x is None or y is None else measure(x, y, self.testing)

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
        return make_variable(column.values[own], column.kernel, self.testing.seed)

    def _report_too_few(self, i: int, j: int) -> Dependence:
        masks = [mask for mask in (self._columns[i].present, self._columns[j].present) if mask is not None]
        n = int((masks[0] & masks[-1]).sum())
        kernels = (str(self._columns[i].kernel), None, str(self._columns[j].kernel), None)
        test = "permutation" if self.testing.name == "auto" else self.testing.name
        note = f"{format_count(n, 'rows')} with a value in both; HSIC needs at least {MIN_ROWS}"
        return Dependence(n, *kernels, None, None, None, None, None, test, None, None, (note,))

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
