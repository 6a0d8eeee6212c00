"""TSV and CSV: a row a line where there are no quotes, by numpy's parser; else by the csv module, row by row."""

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from itertools import chain
from typing import ClassVar, Literal

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.lines import Readable
from kxcli.corpus.records import SourceFormat
from kxcli.corpus.row_reader import BLANK_ROWS, DelimitedRows, explain_width
from kxcli.corpus.tables.cells import MissingCodes, is_number
from kxcli.corpus.tables.chunks import CellChunk, RowChunk, TablePart, stack_numbers
from kxcli.corpus.tables.line_batches import BATCH, LineFeed, read_batches

_LF = ord("\n")
_SPARSE = 8  # columns for each that is asked for


def read(
    stream: Readable,
    form: SourceFormat,
    kind: Literal["tsv", "csv"],
    header: bool | None,
    missing: MissingCodes,
    diagnostics: ReadDiagnostics,
) -> TablePart | None:
    """Return a table of rows of cells, read up to its first row; None where it has no line at all.

    header: None finds out.  Blank lines before the first row are rows only where a row has one cell and no header.
    """
    feed = LineFeed(read_batches(stream, form, diagnostics))
    blank: list[int] = []
    with closing(_rows(feed, kind, diagnostics)) as rows:
        for number, row in rows:
            if row not in BLANK_ROWS:
                break
            blank.append(number)
        else:
            if not blank:
                return None
            alone = _DelimitedRows(feed, kind, 1, "", [(line, [""]) for line in blank], diagnostics)
            return TablePart(diagnostics.path, (), None, None, alone.chunks)
    has_header = not all(missing.has(cell) or is_number(cell) for cell in row) if header is None else header
    ahead: list[tuple[int, list[str]]] = []
    if not has_header:
        ahead = [*((line, [""]) for line in blank if len(row) == 1), (number, row)]
    rest = _DelimitedRows(feed, kind, len(row), "header" if has_header else "first row", ahead, diagnostics)
    names = tuple(row) if has_header else ()
    return TablePart(diagnostics.path, names, len(row), has_header, rest.chunks, is_header_guessed=header is None)


@dataclass(frozen=True)
class _DelimitedRows:
    """What follows the header; `ahead` are rows that were read already, and `like` says what tells the width."""

    feed: LineFeed
    kind: Literal["tsv", "csv"]
    width: int
    like: str
    ahead: list[tuple[int, list[str]]]
    diagnostics: ReadDiagnostics

    def chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        if self.ahead:
            yield _cells(self.ahead, columns)
        rest = self.feed.rest()
        for batch in rest:
            text = batch.text.replace("\r\n", "\n") if "\r" in batch.text else batch.text
            if self.kind == "csv" and ('"' in text or "\r" in text):
                yield from self._parsed(LineFeed(chain([batch], rest)), columns)
                return
            yield self._checked(text, batch.lines)

    def _checked(self, text: str, lines: IntArray) -> RowChunk:
        """Make a chunk of lines, all of which have the right number of cells when the others are left out."""
        delimiter = "\t" if self.kind == "tsv" else ","
        data = np.frombuffer(text.encode(), np.uint8)
        is_mark = data == ord(delimiter)
        is_mark |= data == _LF
        marks = np.flatnonzero(is_mark)
        is_end = data[marks] == _LF
        if len(marks) == len(lines) * self.width and is_end[self.width - 1 :: self.width].all():
            return _LineChunk(lines, text, marks.reshape(-1, self.width), delimiter)
        counts = np.diff(np.flatnonzero(is_end), prepend=-1)
        lengths = np.diff(marks[is_end], prepend=-1)
        is_good = counts == self.width
        for at in np.flatnonzero(~is_good & (lengths > 1)):
            self._reject(int(lines[at]), int(counts[at]))
        return self._checked(data[np.repeat(is_good, lengths)].tobytes().decode(), lines[is_good])

    def _parsed(self, feed: LineFeed, columns: Sequence[int]) -> Iterator[RowChunk]:
        held, size = list[tuple[int, list[str]]](), 0
        for number, row in _rows(feed, self.kind, self.diagnostics):
            if row in BLANK_ROWS:
                if self.width != 1:
                    continue
                row = [""]
            if len(row) != self.width:
                self._reject(number, len(row))
                continue
            held.append((number, row))
            size += sum(map(len, row)) + len(row)
            if size >= BATCH:
                yield _cells(held, columns)
                held, size = [], 0
        yield _cells(held, columns)

    def _reject(self, line: int, count: int) -> None:
        self.diagnostics.reject(self.kind, explain_width(count, self.width, self.like), line)


@dataclass(frozen=True)
class _LineChunk:
    """Lines without quotes, all of the same number of cells; `ends` is where each cell ends, in bytes of UTF-8."""

    is_numeric: ClassVar[bool] = False

    lines: IntArray
    text: str
    ends: IntArray
    delimiter: str

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray | None:
        """Return columns as numbers: by numpy's parser, with the missing cells mended where it refuses them.

        What it takes besides is white space around, as float() does; what it does not take goes cell by cell.
        """
        rows = len(self.lines)
        for text in () if self._is_sparse(columns) or not rows else self._spellings(missing):
            try:
                matrix = np.loadtxt(StringIO(text), delimiter=self.delimiter, comments=None, usecols=columns, ndmin=2)
            except ValueError:
                continue
            if len(matrix) == rows:
                return missing.erase(matrix)
        return stack_numbers(self.cells(columns), rows, missing)

    def cells(self, columns: Sequence[int]) -> list[list[str]]:
        """Return the cells of each column."""
        if self._is_sparse(columns):
            return [self._column(column) for column in columns]
        flat = self.text.replace("\n", self.delimiter).split(self.delimiter)
        flat.pop()  # what follows the last line's end
        return [flat[column :: self.ends.shape[1]] for column in columns]

    def _is_sparse(self, columns: Sequence[int]) -> bool:
        """Whether so few of the columns are asked for that it is quicker to go to their cells than through all."""
        return self.ends.shape[1] >= _SPARSE * len(columns) and self.text.isascii()

    def _column(self, column: int) -> list[str]:
        ends = self.ends[:, column]
        previous_ends = self.ends[:, column - 1] if column else np.append(-1, self.ends[:-1, -1])[: len(ends)]
        return [self.text[before + 1 : end] for before, end in zip(previous_ends.tolist(), ends.tolist(), strict=True)]

    def _spellings(self, missing: MissingCodes) -> Iterator[str]:
        """Yield what numpy's parser may take: the lines as they are, and mended."""
        if "\r" in self.text:  # a character of a cell here, a line end there
            return
        if self.ends.shape[1] > 1 or not (self.text.startswith("\n") or "\n\n" in self.text):
            yield self.text  # blank lines, cells of a table of one column, would be left out
        yield self._with_nan(missing)

    def _with_nan(self, missing: MissingCodes) -> str:
        """Write missing cells so that numpy's parser takes them."""
        text = "\n" + self.text
        ends = (self.delimiter, "\n")
        for code in sorted(code for code in missing.codes if code in text and self.delimiter not in code):
            for left in ends:
                for right in ends:
                    cell, nan = left + code + right, f"{left}nan{right}"
                    text = text.replace(cell, nan)
                    if left == right:  # a cell's right end is the next one's left end
                        text = text.replace(cell, nan)
        return text[1:]


def _cells(rows: Sequence[tuple[int, list[str]]], columns: Sequence[int]) -> CellChunk:
    found = {column: [row[column] for _, row in rows] for column in columns}
    return CellChunk(np.array([number for number, _ in rows], np.int64), found)


def _rows(
    feed: LineFeed, kind: Literal["tsv", "csv"], diagnostics: ReadDiagnostics
) -> Generator[tuple[int, list[str]]]:
    """Yield the good rows with the numbers of their first lines; put back the lines that were read ahead."""
    rows = DelimitedRows(feed.lines(), kind)
    try:
        for number, row in rows:
            if isinstance(row, BadRecord):
                diagnostics.reject(kind, row, number)
            else:
                yield number, row
    finally:
        feed.unread(rows.unread)
