"""Rendered output of consecutive lines of input, with placeholders.

A worker does not know how many lines precede its own. It writes placeholders for line numbers and for the name of the
source, and `fill_placeholders` replaces them in the order of the input.
"""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import NamedTuple, TypeVar

import numpy as np

from kxcli.mining.ordered_parts import LineRecord, OrderedPartsJob
from kxcli.tally import frames

# Placeholders, of bytes that UTF-8 does not have.
NUMBER = b"\xff"  # a line number
NEXT = b"\xfe"  # ahead of the first placeholder with the next number
SOURCE = b"\xfd"  # the name of the source


LineRecordT = TypeVar("LineRecordT", bound=LineRecord)


class RenderedLines(NamedTuple):
    """Rendered output of some consecutive lines of input.

    Attributes:
        n_lines: The number of lines, with those that have no record.
        numbered: The line, from 1, of each placeholder `NEXT`.
        data: The output.
        source: The name of the source that begins with the first line; None if it began before.
    """

    n_lines: int
    numbered: list[int]
    data: bytes
    source: str | None = None


class RenderedLinesJob(OrderedPartsJob[RenderedLines]):
    """A job with rendered lines as its partial, without `setup` and `map`."""

    def dump(self, partial: list[RenderedLines]) -> bytes:
        """Return a partial as bytes: numbers, source and data of each part."""
        parts = list[bytes]()
        for n_lines, numbered, data, source in partial:
            name = b"" if source is None else b"+" + source.encode("utf-8", "surrogatepass")
            parts += (np.array([n_lines, *numbered], dtype=np.int64).tobytes(), name, data)
        return frames.join_parts(parts)

    def load(self, data: bytes | memoryview) -> list[RenderedLines]:
        """Return a dumped partial."""
        parts = frames.split_parts(data)
        loaded = []
        for numbers, name, rendered in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
            n_lines, *numbered = np.frombuffer(numbers, dtype=np.int64).tolist()
            source = str(name[1:], "utf-8", "surrogatepass") if len(name) else None
            loaded.append(RenderedLines(n_lines, numbered, bytes(rendered), source))
        return loaded


def render_lines(records: Iterable[LineRecordT], render: Callable[[LineRecordT], bytes]) -> list[RenderedLines]:
    """Render records one by one.

    Args:
        records: The records of a task.
        render: Returns the output of a record, which may contain `NUMBER` and `SOURCE`, but not `NEXT`.
    """
    parts = list[RenderedLines]()
    chunks, numbered, n_lines = list[bytes](), list[int](), 0
    source: str | None = None
    for record in records:
        if record.source is not None:
            if n_lines or source is not None:
                parts.append(RenderedLines(n_lines, numbered, b"".join(chunks), source))
            chunks, numbered, n_lines, source = [], [], 0, record.source
        n_lines += record.n_before + (not record.has_continuation)
        if record.has_continuation:
            continue
        data = render(record)
        if NUMBER in data or SOURCE in data:
            chunks.append(NEXT)
            numbered.append(n_lines)
        chunks.append(data)
    if n_lines or source is not None:
        parts.append(RenderedLines(n_lines, numbered, b"".join(chunks), source))
    return parts


def fill_placeholders(
    partials: Iterable[list[RenderedLines]], encode_source: Callable[[str], bytes] | None = None
) -> Iterator[bytes]:
    """Yield rendered lines with their numbers, from 1, and their sources.

    The numbers go on over all inputs, unless the partials have sources: then they begin with each source.

    Args:
        partials: In the order of the input.
        encode_source: Returns the name of a source as the output has it; needed if there are placeholders for it.
    """
    first, name = 1, b""
    for rendered in chain.from_iterable(partials):
        if rendered.source is not None:
            first = 1
            name = encode_source(rendered.source) if encode_source is not None else b""
        yield _fill(rendered, first - 1, name)
        first += rendered.n_lines


def _fill(rendered: RenderedLines, n_before: int, name: bytes) -> bytes:
    if not rendered.numbered:
        return rendered.data
    start, *parts = rendered.data.split(NEXT)
    numbered = zip(rendered.numbered, parts, strict=True)
    return start + b"".join(
        [part.replace(NUMBER, b"%d" % (n_before + number)).replace(SOURCE, name) for number, part in numbered]
    )
