"""The job that finds the hits of a query: records -> hits by line."""

import json
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kxcli.mining.kwic.finders import Finder, make_finder
from kxcli.mining.kwic.query import Query

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary


class LinesRecord(Protocol):
    """A document, lines that are each a document, or an empty record without one."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def is_lines(self) -> bool:
        """Whether each LF ends a document."""
        ...

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


class Hits(NamedTuple):
    """The hits in consecutive lines of a source, by column.

    Attributes:
        source: The name of the source that begins with the first line; None if it began before.
        n_lines: The number of lines, with those that have no hit.
        lines: The line of each hit, from 1.
        lefts: The context before each hit.
        matches: Each hit as it is in the text.
        rights: The context after each hit.
    """

    source: str | None
    n_lines: int
    lines: list[int]
    lefts: list[str]
    matches: list[str]
    rights: list[str]


HitRow = tuple[str, str, str, str]  # source:line, left, match, right


class FindHits:
    """The job that finds hits.

    `merge` is only associative: partials are merged in the order of the input. Cost: linear in the text, and in the
    occurrences of the patterns.
    """

    def __init__(self, query: Query) -> None:
        self.query = query
        self._shared: CompiledDictionary | None = None
        self._finder: Finder | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shared": None, "_finder": None}

    def setup(self, shared: "CompiledDictionary | None") -> None:
        """Keep the value of `segment.prepare`; the first record makes the finder."""
        self._shared, self._finder = shared, None

    def map(self, records: Iterable[LinesRecord]) -> list[Hits]:
        """Find the hits in records."""
        finder = self._finder = self._finder or make_finder(self.query, self._shared)
        width = self.query.width
        parts = list[Hits]()
        source, n_lines, lines, lefts, matches, rights = _start_hits(None)
        for record in records:
            if record.source is not None:
                parts.append(Hits(source, n_lines, lines, lefts, matches, rights))
                source, n_lines, lines, lefts, matches, rights = _start_hits(record.source)
            n_lines += record.n_before
            if record.has_continuation:
                continue
            text = record.text
            for number, line in finder.select_lines(text) if record.is_lines else ((0, text),):
                for start, stop in finder.find(line):
                    lines.append(n_lines + number + 1)
                    lefts.append(line[max(0, start - width) : start])
                    matches.append(line[start:stop])
                    rights.append(line[stop : stop + width])
            n_lines += count_lines(text) if record.is_lines else 1
        parts.append(Hits(source, n_lines, lines, lefts, matches, rights))
        return [part for part in parts if part.n_lines or part.source is not None]

    def merge(self, left: list[Hits], right: list[Hits]) -> list[Hits]:
        """Return the parts of both."""
        return left + right

    def finish(self, partial: list[Hits]) -> list[Hits]:
        """Return the parts as they are."""
        return partial

    def dump(self, partial: list[Hits]) -> bytes:
        """Return a partial as JSON."""
        return json.dumps(partial).encode("ascii")

    def load(self, data: bytes | memoryview) -> list[Hits]:
        """Return a dumped partial."""
        return [Hits(*part) for part in json.loads(bytes(data))]


def _start_hits(source: str | None) -> Hits:
    return Hits(source, 0, [], [], [], [])


def count_lines(text: str) -> int:
    """Return the number of lines of a text that ends with or without LF."""
    return text.count("\n") + (not text.endswith("\n"))


def iter_row_blocks(partials: Iterable[list[Hits]], show_source: Callable[[str], str] = str) -> Iterator[list[HitRow]]:
    """Yield the rows of each part that has hits.

    Args:
        partials: In the order of the input.
        show_source: Returns the name of a source as the rows have it.
    """
    path, n_before = "", 0
    for hits in chain.from_iterable(partials):
        if hits.source is not None:
            path, n_before = show_source(hits.source), 0
        sources = [f"{path}:{n_before + line}" for line in hits.lines]
        if sources:
            yield list(zip(sources, hits.lefts, hits.matches, hits.rights, strict=True))
        n_before += hits.n_lines
