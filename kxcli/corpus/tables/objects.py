"""JSONL: an object a line, the keys of the first one being the columns."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.lines import Readable
from kxcli.corpus.records import SourceFormat, is_unicode
from kxcli.corpus.tables.chunks import CellChunk, TablePart
from kxcli.corpus.tables.line_batches import BATCH, LineFeed, read_batches, reject_at
from kxcli.errors import InputError
from kxcli.wording import format_names

# Numbers stay as they are written, so that 1 and 1.0 are two texts.
_decode = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str).decode


class _BadRecord(Exception):  # noqa: N818 -- not yet an error: the reader decides
    """What is wrong with a record."""


def read(
    stream: Readable, form: SourceFormat, names: tuple[str, ...], diagnostics: ReadDiagnostics
) -> TablePart | None:
    """Return a table of objects, read up to the first; None where there is none.

    names: the keys that the columns have already, () where those of the first object are to be taken.
    """
    feed = LineFeed(read_batches(stream, form, diagnostics))
    for line in feed.lines():
        if line.isspace():
            continue
        try:
            keys = tuple(_object(line))
            if not all(map(is_unicode, keys)):
                raise _BadRecord("has half a surrogate pair in a key, which is no character")
        except _BadRecord as bad:
            reject_at(diagnostics, feed.number, "jsonl", *bad.args)
            continue
        if names and not set(keys) & set(names):
            what = f"has none of the columns of the input before, but {format_names(keys)}"
            raise InputError(diagnostics.path, what, "give tables with the same columns", line=feed.number)
        names = names or keys
        rest = _ObjectRows(line, feed, names, diagnostics)
        return TablePart(diagnostics.path, names, len(names), True, rest.chunks)
    return None


@dataclass(frozen=True)
class _ObjectRows:
    """The first object's line, and what follows."""

    first: str
    feed: LineFeed
    names: tuple[str, ...]
    diagnostics: ReadDiagnostics

    def chunks(self, columns: Sequence[int]) -> Iterator[CellChunk]:
        names = [self.names[column] for column in columns]
        lines, rows, size = list[int](), list[list[str | None]](), 0
        for number, line in self._lines():
            if line.isspace():
                continue
            try:
                rows.append(_cells(line, names))
            except _BadRecord as bad:
                reject_at(self.diagnostics, number, "jsonl", *bad.args)
                continue
            lines.append(number)
            size += len(line)
            if size >= BATCH:
                yield CellChunk.of(lines, rows, columns)
                lines, rows, size = [], [], 0
        yield CellChunk.of(lines, rows, columns)

    def _lines(self) -> Iterator[tuple[int, str]]:
        yield self.feed.number, self.first
        rest = LineFeed(self.feed.rest())
        for line in rest.lines():
            yield rest.number, line


def _object(line: str) -> dict[str, Any]:
    try:
        value = _decode(line)
    except (ValueError, RecursionError) as error:
        what = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise _BadRecord(f"is not JSON ({what})") from None
    if not isinstance(value, dict):
        raise _BadRecord("is not a JSON object")
    return value


def _cells(line: str, names: Sequence[str]) -> list[str | None]:
    found = _object(line)
    cells = [found.get(name) for name in names]
    for at, cell in enumerate(cells):
        if isinstance(cell, bool):
            cells[at] = "true" if cell else "false"
        elif isinstance(cell, (list, dict)):
            raise _BadRecord(f"has {'a list' if isinstance(cell, list) else 'an object'} in the field {names[at]!r}")
        elif cell is not None and "\\u" in line and not is_unicode(cell):
            raise _BadRecord("has half a surrogate pair in a string, which is no character")
    return cells
