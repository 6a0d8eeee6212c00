"""Jobs with output in the order of the input."""

from typing import Generic, TypeVar

PartT = TypeVar("PartT")


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
