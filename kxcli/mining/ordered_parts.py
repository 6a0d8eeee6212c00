"""Jobs with output in the order of the input, and their records."""

from typing import Generic, Protocol, TypeVar

PartT = TypeVar("PartT")


class LineRecord(Protocol):
    """A document, or an empty record without one."""

    @property
    def n_before(self) -> int:
        """The number of lines without a document before it."""
        ...

    @property
    def has_continuation(self) -> bool:
        """Whether it is no document, but only has `n_before` or `source`."""
        ...

    @property
    def source(self) -> str | None:
        """The name of the source that begins with this record."""
        ...


class OrderedPartsJob(Generic[PartT]):
    """The methods `merge` and `finish` of a job with a list of parts as its partial.

    `merge` is only associative: partials are merged in the order of the input.
    """

    def merge(self, left: list[PartT], right: list[PartT]) -> list[PartT]:
        """Return the parts of both."""
        return left + right

    def finish(self, partial: list[PartT]) -> list[PartT]:
        """Return the parts as they are."""
        return partial
