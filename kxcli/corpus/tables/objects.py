"""Tables in JSONL: the keys of the first object are the columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.lines import Readable
from kxcli.corpus.records import SourceFormat
from kxcli.corpus.row_reader import check_unicode, name_json_type, parse_lines, parse_object
from kxcli.corpus.tables.chunks import CellChunk, TablePart
from kxcli.corpus.tables.line_batches import LineFeed, read_batches
from kxcli.errors import InputError
from kxcli.wording import format_names


def read(
    stream: Readable, form: SourceFormat, names: tuple[str, ...], diagnostics: ReadDiagnostics
) -> TablePart | None:
    """Return a table of objects, read up to its first one, or None if there is none.

    Args:
        stream: The bytes of the source.
        form: Their format.
        names: The columns of the sources before, or () to take the keys of the first object.
        diagnostics: Where bad records are reported.
    """
    feed = LineFeed(read_batches(stream, form, diagnostics))
    for number, (keys, line) in parse_lines(feed.iter_lines(), _parse_keys, diagnostics):
        if names and not set(keys) & set(names):
            what = f"has none of the columns of the input before, but {format_names(keys)}"
            raise InputError(diagnostics.path, what, "give tables with the same columns", line=number)
        feed.put_back([(number, line)])
        rows = _ObjectRows(feed, names or keys, diagnostics)
        return TablePart(diagnostics.path, rows.names, len(rows.names), True, rows.read_chunks)
    return None


def _parse_keys(line: str) -> tuple[tuple[str, ...], str]:
    keys = tuple(parse_object(line, keeps_spelling=True))
    check_unicode(*keys)
    return keys, line


@dataclass(frozen=True)
class _ObjectRows:
    """The objects of a source, from the first one on."""

    feed: LineFeed
    names: tuple[str, ...]
    diagnostics: ReadDiagnostics

    def read_chunks(self, columns: Sequence[int]) -> Iterator[CellChunk]:
        parse = partial(_parse_cells, names=[self.names[column] for column in columns])
        for batch in self.feed.iter_rest():
            yield CellChunk.from_rows(list(parse_lines(batch.iter_numbered(), parse, self.diagnostics)), columns)


def _parse_cells(line: str, names: Sequence[str]) -> list[str | None]:
    """Return the cells of an object, with numbers as they are written."""
    found = parse_object(line, keeps_spelling=True)
    cells = [found.get(name) for name in names]
    for at, cell in enumerate(cells):
        if isinstance(cell, bool):
            cells[at] = "true" if cell else "false"
        elif isinstance(cell, (list, dict)):
            raise BadRecord(f"has {name_json_type(cell)} in the field {names[at]!r}")
    if "\\u" in line:
        check_unicode(*(cell for cell in cells if cell is not None))
    return cells
