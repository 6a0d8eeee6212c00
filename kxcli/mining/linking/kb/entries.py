"""Entries of a knowledge base, as given."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple

from kxcli.mining.arguments import check_list, check_strings, check_type, describe


class _EntryFields(NamedTuple):
    id: str
    subject: str
    aliases: Sequence[str]
    types: Sequence[str]
    facts: Sequence[tuple[str, str]]


class Entry(_EntryFields):
    """An entry; `facts` are pairs of a predicate and an object.

    Raises:
        TypeError: A string or another value is given for a list.
    """

    __slots__ = ()

    def __new__(
        cls,
        id: str,  # noqa: A002 -- the name of the field
        subject: str,
        aliases: Sequence[str] = (),
        types: Sequence[str] = (),
        facts: Sequence[tuple[str, str]] = (),
    ) -> "Entry":
        """Return an entry."""
        check_list("aliases", aliases, "strings")
        check_list("types", types, "strings")
        check_list("facts", facts, "pairs of a predicate and an object")
        return super().__new__(cls, id, subject, aliases, types, facts)

    def check(self, argument: str) -> None:
        """Raise `TypeError` or `ValueError` with the name of the wrong field."""
        check_type(f"{argument}.id", self.id, str)
        if not self.id:
            raise ValueError(f"{argument}.id is empty")
        check_type(f"{argument}.subject", self.subject, str)
        check_strings(f"{argument}.aliases", self.aliases)
        check_strings(f"{argument}.types", self.types)
        for number, fact in enumerate(self.facts):
            is_pair = isinstance(fact, (tuple, list)) and len(fact) == 2 and all(isinstance(part, str) for part in fact)
            if not is_pair:
                what = "a pair of a predicate and an object"
                raise TypeError(f"{argument}.facts[{number}] must be {what}, not {describe(fact)}")


@dataclass
class SkippedEntries:
    """Counts of skipped entries and names by kind, with examples."""

    MAX_EXAMPLES: ClassVar[int] = 3

    counts: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[int]] = field(default_factory=dict)

    def add(self, kind: str, number: int) -> None:
        """Count one more, in the entry with a number."""
        self.counts[kind] += 1
        if len(examples := self.examples.setdefault(kind, [])) < self.MAX_EXAMPLES:
            examples.append(number)
