"""Many pairs of columns, each measured over its complete rows."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray
from kxcli.mining.hsic.dependence import Values, make_variable, measure
from kxcli.mining.hsic.kernels import CategoricalVariable, Variable, renumber_codes
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Kernel, Testing
from kxcli.mining.hsic.texts import TermCounts
from kxcli.wording import format_count

BYTES_PER_PAIR = 1_100  # that a measured pair and its row take in the process that gathers them, about

_ROWS = 20_000  # of all pairs of a task together
_SIDES = 32  # sides of some rows that are kept: columns that lack the same rows share them


@dataclass(frozen=True)
class PairColumn:
    """One of many columns, over its rows with a value.

    side: of these rows; None if they are fewer than `MIN_ROWS`.  kernel: as requested, so without a bandwidth if that
    is the median.  values: what `side` was made of; None if no column lacks a value, or for categories.
    present: which rows have a value; None: all.
    """

    side: Variable | None
    kernel: Kernel
    values: Values | None
    present: BoolArray | None


class PairTask(NamedTuple):
    """A task: some pairs, each the numbers of two columns."""

    pairs: tuple[tuple[int, int], ...]

    @property
    def size(self) -> int:
        """Pairs."""
        return len(self.pairs)


def iter_tasks(pairs: Sequence[tuple[int, int]], n: int) -> Iterator[PairTask]:
    """Yield the tasks for columns of n rows."""
    step = max(1, _ROWS // n)
    for start in range(0, len(pairs), step):
        yield PairTask(tuple(pairs[start : start + step]))


class MeasurePairs:
    """The job: the dependence of each pair; `setup` takes the columns."""

    def __init__(self, testing: Testing) -> None:
        self.testing = testing

    def setup(self, shared: Sequence[PairColumn]) -> None:
        """Take the columns."""
        self._columns = shared
        numbers: dict[bytes | None, int] = {None: 0}
        self._masks: list[BoolArray | None] = [None]
        self._mask_of: list[int] = []  # the number of each column's mask: columns that have the same rows share one
        for column in shared:
            key = None if column.present is None else column.present.tobytes()
            if key not in numbers:
                numbers[key] = len(self._masks)
                self._masks.append(column.present)
            self._mask_of.append(numbers[key])
        self._side = lru_cache(_SIDES)(self._side_over)

    def map(self, records: Iterable[PairTask]) -> dict[tuple[int, int], Dependence]:
        """Measure some pairs."""
        return {pair: self._measure_pair(*pair) for some in records for pair in some.pairs}

    def _measure_pair(self, i: int, j: int) -> Dependence:
        x, y = self._side(i, self._mask_of[j]), self._side(j, self._mask_of[i])
        return self._report_too_few(i, j) if x is None or y is None else measure(x, y, self.testing)

    def _side_over(self, i: int, mask: int) -> Variable | None:
        """Return a column over its rows within a mask; None if they are too few."""
        column, rows = self._columns[i], self._masks[mask]
        if rows is None or column.side is None:
            return column.side
        own = rows if column.present is None else rows[column.present]
        if own.all():
            return column.side
        if int(own.sum()) < MIN_ROWS:
            return None
        if isinstance(column.side, CategoricalVariable):
            return CategoricalVariable(renumber_codes(column.side.rows[own]))
        if isinstance(column.values, TermCounts):
            return make_variable(column.values.select(own), column.kernel)
        assert isinstance(column.values, np.ndarray), "numbers are kept if a column lacks a value"
        return make_variable(column.values[own], column.kernel, self.testing.seed)

    def _report_too_few(self, i: int, j: int) -> Dependence:
        masks = [mask for mask in (self._columns[i].present, self._columns[j].present) if mask is not None]
        n = int((masks[0] & masks[-1]).sum())
        kernels = (str(self._columns[i].kernel), None, str(self._columns[j].kernel), None)
        test = "permutation" if self.testing.name == "auto" else self.testing.name
        note = f"{format_count(n, 'rows')} with a value in both, and HSIC needs {MIN_ROWS} at least"
        return Dependence(n, *kernels, None, None, None, None, None, test, None, None, (note,))

    def merge(
        self, left: dict[tuple[int, int], Dependence], right: dict[tuple[int, int], Dependence]
    ) -> dict[tuple[int, int], Dependence]:
        """Return both."""
        return left | right

    def dump(self, partial: dict[tuple[int, int], Dependence]) -> bytes:
        """Return JSON; numbers in it read back as they were."""
        return json.dumps([(pair, asdict(found)) for pair, found in partial.items()]).encode("ascii")

    def load(self, data: bytes | memoryview) -> dict[tuple[int, int], Dependence]:
        """Return what was dumped."""
        return {
            (pair[0], pair[1]): Dependence(**{**found, "notes": tuple(found["notes"])})
            for pair, found in json.loads(bytes(data))
        }

    def finish(self, partial: dict[tuple[int, int], Dependence]) -> dict[tuple[int, int], Dependence]:
        """Return all."""
        return partial
