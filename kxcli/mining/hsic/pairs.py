"""Many pairs of columns, each measured by itself."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import NamedTuple

from kxcli.mining.hsic.dependence import measure
from kxcli.mining.hsic.kernels import Side
from kxcli.mining.hsic.parameters import Dependence, Testing

_ROWS = 20_000  # of all pairs of a task together

Pair = tuple[int, int]


class Some(NamedTuple):
    """A task: some pairs, each the numbers of two sides."""

    pairs: tuple[Pair, ...]

    @property
    def size(self) -> int:
        """Pairs."""
        return len(self.pairs)


def tasks(pairs: Sequence[Pair], n: int) -> Iterator[Some]:
    """Yield the tasks for sides of n rows."""
    step = max(1, _ROWS // n)
    for start in range(0, len(pairs), step):
        yield Some(tuple(pairs[start : start + step]))


class MeasurePairs:
    """The job: the dependence of each pair; `setup` takes the sides."""

    def __init__(self, testing: Testing) -> None:
        self.testing = testing

    def setup(self, shared: Sequence[Side]) -> None:
        """Take the sides."""
        self._sides = shared

    def map(self, records: Iterable[Some]) -> dict[Pair, Dependence]:
        """Measure some pairs."""
        return {
            (i, j): measure(self._sides[i], self._sides[j], self.testing) for some in records for i, j in some.pairs
        }

    def merge(self, left: dict[Pair, Dependence], right: dict[Pair, Dependence]) -> dict[Pair, Dependence]:
        """Return both."""
        return left | right

    def dump(self, partial: dict[Pair, Dependence]) -> bytes:
        """Return JSON; numbers in it read back as they were."""
        return json.dumps([(pair, asdict(found)) for pair, found in partial.items()]).encode("ascii")

    def load(self, data: bytes | memoryview) -> dict[Pair, Dependence]:
        """Return what was dumped."""
        return {
            (pair[0], pair[1]): Dependence(**{**found, "notes": tuple(found["notes"])})
            for pair, found in json.loads(bytes(data))
        }

    def finish(self, partial: dict[Pair, Dependence]) -> dict[Pair, Dependence]:
        """Return all."""
        return partial
