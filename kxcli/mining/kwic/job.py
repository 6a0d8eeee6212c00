"""The job that finds the hits of a query: records -> hits by line."""

import json
from array import array
from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kxcli.mining.kwic.finders import Finder, Span, make_finder
from kxcli.mining.kwic.query import Query
from kxcli.mining.ordered_parts import LineRecord, OrderedPartsJob

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

BLOCK_ROWS = 1_000  # rows made at a time


class LinesRecord(LineRecord, Protocol):
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
    def n_lines(self) -> int:
        """The number of documents."""
        ...


class Hits(NamedTuple):
    """The hits in consecutive lines of a source.

    Hits with overlapping contexts share a window: a part of the line with these hits and their contexts. So the memory
    is that of the text, and some bytes per hit.

    Attributes:
        source: The name of the source that begins with the first line; None if it began before.
        n_lines: The number of lines, with those that have no hit.
        lines: The line of each window, from 1.
        windows: The text of each window.
        ends: For each window, the number of hits up to its end.
        starts: The position of each hit in its window.
        stops: The position after each hit.
    """

    source: str | None
    n_lines: int
    lines: "array[int]"
    windows: list[str]
    ends: "array[int]"
    starts: "array[int]"
    stops: "array[int]"

    def iter_rows(self, name: str, n_before: int, width: int) -> Iterator["HitRow"]:
        """Yield the row of each hit.

        Args:
            name: The name of the source.
            n_before: The number of its lines before these.
            width: Characters of each context.
        """
        at = 0
        for line, text, end in zip(self.lines, self.windows, self.ends, strict=True):
            source = f"{name}:{n_before + line}"
            for start, stop in zip(self.starts[at:end], self.stops[at:end], strict=True):
                yield source, text[max(0, start - width) : start], text[start:stop], text[stop : stop + width]
            at = end


HitRow = tuple[str, str, str, str]  # source:line, left, match, right


class FindHits(OrderedPartsJob[Hits]):
    """The job that finds hits.

    Cost: linear in the text, and in the occurrences of the patterns.
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
        parts = [_start_hits(None)]
        n_lines = 0
        for record in records:
            if record.source is not None:
                parts[-1] = parts[-1]._replace(n_lines=n_lines)
                parts.append(_start_hits(record.source))
                n_lines = 0
            n_lines += record.n_before
            if record.has_continuation:
                continue
            text = record.text
            for number, line in finder.select_lines(text) if record.is_lines else ((0, text),):
                _add_windows(parts[-1], n_lines + number + 1, line, finder.find(line), width)
            n_lines += record.n_lines
        parts[-1] = parts[-1]._replace(n_lines=n_lines)
        return [part for part in parts if part.n_lines or part.source is not None]

    def dump(self, partial: list[Hits]) -> bytes:
        """Return a partial as JSON."""
        return json.dumps([[*map(_to_json, part)] for part in partial]).encode("ascii")

    def load(self, data: bytes | memoryview) -> list[Hits]:
        """Return a dumped partial."""
        return [
            Hits(source, n_lines, array("q", lines), windows, array("q", ends), array("q", starts), array("q", stops))
            for source, n_lines, lines, windows, ends, starts, stops in json.loads(bytes(data))
        ]


def _to_json(value: object) -> object:
    return value.tolist() if isinstance(value, array) else value


def _start_hits(source: str | None) -> Hits:
    return Hits(source, 0, array("q"), [], array("q"), array("q"), array("q"))


def _add_windows(hits: Hits, line: int, text: str, spans: Iterable[Span], width: int) -> None:
    """Add the hits of a line with their windows."""
    begin = end = 0  # of the window
    for start, stop in spans:
        if not end or start - width > end:
            if end:
                hits.windows.append(text[begin:end])
                hits.ends.append(len(hits.starts))
            hits.lines.append(line)
            begin = max(0, start - width)
        end = stop + width
        hits.starts.append(start - begin)
        hits.stops.append(stop - begin)
    if end:
        hits.windows.append(text[begin:end])
        hits.ends.append(len(hits.starts))


def iter_row_blocks(
    partials: Iterable[list[Hits]], width: int, show_source: Callable[[str], str] = str
) -> Iterator[list[HitRow]]:
    """Yield the rows of hits; a block has those of one part only.

    Args:
        partials: In the order of the input.
        width: Characters of each context.
        show_source: Returns the name of a source as the rows have it.
    """
    name, n_before = "", 0
    for hits in chain.from_iterable(partials):
        if hits.source is not None:
            name, n_before = show_source(hits.source), 0
        rows = hits.iter_rows(name, n_before, width)
        while block := list(islice(rows, BLOCK_ROWS)):
            yield block
        n_before += hits.n_lines
