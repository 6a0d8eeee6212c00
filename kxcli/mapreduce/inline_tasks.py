"""Tasks that carry what they are about, for jobs that read no input: rows, pairs of blocks, numbers of permutations."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kxcli.mapreduce.fingerprint import fingerprint


@dataclass(frozen=True)
class InlineTask:
    """A task with its one record; `size` is its share of the work, `number` tells it from others like it."""

    record: Any
    size: int
    name: str
    number: int

    @property
    def identity(self) -> tuple[str, int]:
        """What it is known by in another run: its record, and its number."""
        return fingerprint(self.record), self.number

    def release(self) -> None:
        """There is nothing to let go of."""


class InlineRecords:
    """The record of a task; there is nothing to tell of it."""

    told: tuple[()] = ()

    def __init__(self, task: InlineTask) -> None:
        self._piece = task

    def __iter__(self) -> Iterator[Any]:
        yield self._piece.record


def read(task: InlineTask) -> InlineRecords:
    """Return the records of a task."""
    return InlineRecords(task)
