"""The common part of jobs with several tallies in a partial."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Generic, Protocol, TypeVar

from kxcli.tally.frames import join_parts, split_parts


class AnyTally(Protocol):
    """Counts that can be merged, dumped and restored."""

    def merge(self, other: Any) -> Any:
        """Add other counts to these."""
        ...

    def dump(self) -> bytes:
        """Return the counts as bytes."""
        ...

    def restore(self, data: bytes | memoryview) -> Any:
        """Take dumped counts; these have none."""
        ...


PartialT = TypeVar("PartialT", bound=Iterable[AnyTally])
RecordT = TypeVar("RecordT")


class TallyJob(ABC, Generic[RecordT, PartialT]):
    """A job with partials that iterate over their tallies."""

    @abstractmethod
    def make_partial(self) -> PartialT:
        """Return a partial without counts; called after `setup`."""

    @abstractmethod
    def count(self, record: RecordT, partial: PartialT) -> None:
        """Add the counts of a record."""

    def map(self, records: Iterable[RecordT]) -> PartialT:
        """Return the counts of records."""
        return self.fold(None, records)

    def fold(self, partial: PartialT | None, records: Iterable[RecordT]) -> PartialT:
        """Add the counts of records to a partial, or to a new one."""
        partial = self.make_partial() if partial is None else partial
        for record in records:
            self.count(record, partial)
        return partial

    def merge(self, left: PartialT, right: PartialT) -> PartialT:
        """Add the counts of `right` to `left`."""
        for ours, theirs in zip(left, right, strict=True):
            ours.merge(theirs)
        return left

    def dump(self, partial: PartialT) -> bytes:
        """Return the counts as bytes."""
        return join_parts(tally.dump() for tally in partial)

    def load(self, data: bytes | memoryview) -> PartialT:
        """Return dumped counts, as views of the data if possible."""
        partial = self.make_partial()
        for tally, part in zip(partial, split_parts(data), strict=True):
            tally.restore(part)
        return partial
