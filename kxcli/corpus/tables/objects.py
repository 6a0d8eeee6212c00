"""Tables in JSON: lines of objects or an array of them.

The keys of the first object are the columns.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from kxcli.batching import iter_batches
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostics import BadRecord, NotObjectError, ReadDiagnostics
from kxcli.corpus.fields import find_field, list_names
from kxcli.corpus.json_arrays import JsonArray
from kxcli.corpus.lines import Readable
from kxcli.corpus.reader_spec import SourceFormat
from kxcli.corpus.row_reader import SPELLING_DECODER, check_unicode, name_json_type, parse_lines, parse_object
from kxcli.corpus.tables.chunks import CellChunk, NumberedCells, TablePart
from kxcli.corpus.tables.line_batches import BATCH, LineFeed, read_batches
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
    if form.kind == "array":
        decoder = Decoder(form.encoding, diagnostics, is_guessed=form.is_guessed, doubt=form.doubt)
        return _read_array(_read_elements(stream, decoder, diagnostics), names, diagnostics)
    feed = LineFeed(read_batches(stream, form, diagnostics))
    for number, (keys, line) in parse_lines(feed.iter_lines(), _parse_keys, diagnostics):
        _check_keys(keys, names, number, diagnostics)
        feed.put_back([(number, line)])
        rows = _ObjectRows(feed, names or keys, diagnostics)
        return _make_part(rows.names, rows.read_chunks, diagnostics)
    return None


def _read_elements(stream: Readable, decoder: Decoder, diagnostics: ReadDiagnostics) -> Iterator[tuple[int, Any]]:
    """Yield the elements of an array with their lines; numbers are strings."""
    for line, value, source in JsonArray(decoder.read_chunks(stream), diagnostics, SPELLING_DECODER):
        diagnostics.line = line
        if (valid := decoder.keep_valid_record(source)) is not None:
            yield line, value if valid is source else SPELLING_DECODER.decode(valid)


def _read_array(
    elements: Iterator[tuple[int, Any]], names: tuple[str, ...], diagnostics: ReadDiagnostics
) -> TablePart | None:
    """Return the table of an array, or None if there is no object in it."""
    for number, element in elements:
        try:
            keys = _list_keys(_check_object(element))
            check_unicode(*keys)
        except BadRecord as bad:
            diagnostics.reject("json", bad, number)
            continue
        _check_keys(keys, names, number, diagnostics)
        rows = _ElementRows(chain([(number, element)], elements), names or keys, diagnostics)
        return _make_part(rows.names, rows.read_chunks, diagnostics)
    return None


def _make_part(
    names: tuple[str, ...], read_chunks: Callable[[Sequence[int]], Iterator[CellChunk]], diagnostics: ReadDiagnostics
) -> TablePart:
    return TablePart(diagnostics.path, names, len(names), True, read_chunks)


def _check_keys(keys: tuple[str, ...], names: tuple[str, ...], line: int, diagnostics: ReadDiagnostics) -> None:
    if names and not set(keys) & set(names):
        what = f"has none of the columns of the input before, but {format_names(keys)}"
        raise InputError(diagnostics.path, what, "give tables with the same columns", line=line)


def _list_keys(element: dict[str, Any]) -> tuple[str, ...]:
    """Return the keys of an object, and those of objects in it with a dot."""
    return tuple(dict.fromkeys(list_names(element)))


def _check_object(element: Any) -> dict[str, Any]:
    """Return an element of an array; raise `BadRecord` if it is no object."""
    if isinstance(element, dict):
        return element
    kind = "a string or a number" if isinstance(element, str) else name_json_type(element)
    raise NotObjectError(f"is {kind}, not a JSON object")


def _parse_keys(line: str) -> tuple[tuple[str, ...], str]:
    keys = _list_keys(parse_object(line, keeps_spelling=True))
    check_unicode(*keys)
    return keys, line


@dataclass(frozen=True)
class _ObjectRows:
    """The lines of objects of a source, from the first one on."""

    feed: LineFeed
    names: tuple[str, ...]
    diagnostics: ReadDiagnostics

    def read_chunks(self, columns: Sequence[int]) -> Iterator[CellChunk]:
        parse = partial(_parse_cells, names=[self.names[column] for column in columns])
        for batch in self.feed.iter_rest():
            yield CellChunk.from_rows(list(parse_lines(batch.iter_numbered(), parse, self.diagnostics)), columns)


@dataclass(frozen=True)
class _ElementRows:
    """The elements of an array, from the first object on, with their lines."""

    elements: Iterator[tuple[int, Any]]
    names: tuple[str, ...]
    diagnostics: ReadDiagnostics

    def read_chunks(self, columns: Sequence[int]) -> Iterator[CellChunk]:
        names = [self.names[column] for column in columns]
        for rows in iter_batches(self._iter_rows(names), lambda row: sum(map(len, filter(None, row[1]))) + 1, BATCH):
            yield CellChunk.from_rows(rows, columns)

    def _iter_rows(self, names: Sequence[str]) -> Iterator[NumberedCells]:
        for number, element in self.elements:
            try:
                cells = _take_cells(_check_object(element), names)
                check_unicode(*(cell for cell in cells if cell is not None))
            except BadRecord as bad:
                self.diagnostics.reject("json", bad, number)
            else:
                yield number, cells


def _parse_cells(line: str, names: Sequence[str]) -> list[str | None]:
    """Return the cells of an object, with numbers as they are written."""
    cells = _take_cells(parse_object(line, keeps_spelling=True), names)
    if "\\u" in line:
        check_unicode(*(cell for cell in cells if cell is not None))
    return cells


def _find_cell(found: dict[str, Any], name: str) -> Any:
    try:
        return find_field(found, name)
    except KeyError:
        return None


def _take_cells(found: dict[str, Any], names: Sequence[str]) -> list[str | None]:
    cells = [_find_cell(found, name) for name in names]
    for at, cell in enumerate(cells):
        if isinstance(cell, bool):
            cells[at] = "true" if cell else "false"
        elif isinstance(cell, (list, dict)):
            raise BadRecord(f"has {name_json_type(cell)} in the field {names[at]!r}")
    return cells
