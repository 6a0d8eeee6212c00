"""Tables in TSV, CSV and other dialects.

numpy parses the lines; from the first quote of CSV on, the csv module does.
"""

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from io import StringIO
from itertools import chain, islice

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.batching import iter_batches
from kxcli.corpus.diagnostics import BadRecord, ReadDiagnostics
from kxcli.corpus.dialects import Dialect, TableLayout
from kxcli.corpus.lines import Readable
from kxcli.corpus.reader_spec import SourceFormat
from kxcli.corpus.row_reader import BLANK_ROWS, OR_SKIP, DelimitedRows, NumberedLine, explain_width
from kxcli.corpus.tables.cells import MissingCodes
from kxcli.corpus.tables.chunks import CellChunk, RowChunk, TablePart
from kxcli.corpus.tables.line_batches import BATCH, LineFeed, read_batches
from kxcli.corpus.tables.number_formats import NumberFormat, is_number_or_date

ROW_NAMES = "row_names"  # the name of R's row names, which have none in the header

_LF = ord("\n")
_SPARSE = 8  # times as many columns as requested: then single cells are cut out of the text


def read(
    stream: Readable,
    form: SourceFormat,
    dialect: Dialect,
    layout: TableLayout,
    header: bool | None,
    missing: MissingCodes,
    number_format: NumberFormat,
    diagnostics: ReadDiagnostics,
    note: Callable[[str], None],
) -> TablePart | None:
    """Return a table of cells, read up to its first row, or None if it has no line.

    Blank lines before the first row are rows only in a table of one column without a header.

    Args:
        stream: The bytes of the source.
        form: Their format.
        dialect: How lines are split.
        layout: The options that made the dialect.
        header: Whether the first row is a header; None to decide by its cells.
        missing: The cells without a value.
        number_format: The marks in numbers.
        diagnostics: Where bad rows are reported.
        note: Reports a decision about the table.
    """
    feed = LineFeed(read_batches(stream, form, diagnostics))
    dialect = _read_prologue(feed, dialect, layout, note)
    blank: list[int] = []
    with closing(_read_rows(feed, dialect, diagnostics)) as rows:
        for number, row in rows:
            if row not in BLANK_ROWS:
                break
            blank.append(number)
        else:
            if not blank:
                return None
            alone = _DelimitedRows(feed, dialect, 1, "", "", [(line, [""]) for line in blank], diagnostics)
            return TablePart(diagnostics.path, (), None, None, alone.read_chunks)
    is_data = all(missing.has(cell) or is_number_or_date(cell, number_format) for cell in row)
    has_header = not is_data if header is None else header
    ahead: list[tuple[int, list[str]]] = []
    below: list[tuple[int, list[str]]] = []
    hint, has_row_names = "", False
    if not has_header:
        ahead = [*((line, [""]) for line in blank if len(row) == 1), (number, row)]
    else:
        below = _peek_rows(feed, dialect, 2)
        header_width = len(row)
        row, hint = _fit_header(row, [cells for _, cells in below], note)
        has_row_names = len(row) > header_width or (len(row) > 1 and row[0].strip() == "")
    rest = _DelimitedRows(feed, dialect, len(row), "header" if has_header else "first row", hint, ahead, diagnostics)
    return TablePart(
        diagnostics.path,
        tuple(row) if has_header else (),
        len(row),
        has_header,
        rest.read_chunks,
        is_header_guessed=header is None,
        row_below=below[0] if below else None,
        has_row_names=has_row_names,
    )


def _read_prologue(feed: LineFeed, dialect: Dialect, layout: TableLayout, note: Callable[[str], None]) -> Dialect:
    """Skip the lines before the table; return the dialect of the rest.

    Excel's line `sep=;` is skipped, too. It sets the delimiter.
    """
    for _ in islice(feed.iter_lines(), layout.skip_rows):
        pass
    first = next(feed.iter_lines(), None)
    if first is None:
        return dialect
    found = dialect.follow_sep_line(first[1])
    if found is None:
        feed.put_back([first])
        return dialect
    if layout.delimiter is None:
        note(f"the line {first[1].strip()!r} sets the delimiter {found.delimiter!r}")
        return found
    note(f"the line {first[1].strip()!r} is ignored, because --delimiter is given")
    return dialect


def _fit_header(header: list[str], rows: Sequence[list[str]], note: Callable[[str], None]) -> tuple[list[str], str]:
    """Return the header with a name for R's row names, and a hint.

    The hint is for rows of another width.

    Args:
        header: The cells of the header.
        rows: The first rows below it.
        note: Reports that there are row names.
    """
    widths = {len(row) for row in rows}
    if len(widths) != 1 or widths == {len(header)}:
        return header, ""
    (width,) = widths
    if width == len(header) + 1 and all(row[-1] == "" for row in rows):
        return header, f"remove the delimiter at the end of each line{OR_SKIP}"
    if width == len(header) + 1 and len(header) > 1:
        name = ROW_NAMES
        while name in header:
            name += "_"
        note(f"the header has a cell fewer than the rows, so the first column has the row names; it is called {name!r}")
        return [name, *header], ""
    if len(header) == 1 and ";" in header[0]:
        return header, f"if the columns are separated by semicolons, use --delimiter ';'{OR_SKIP}"
    return header, f"if a title comes before the header, use --skip-rows{OR_SKIP}"


@dataclass(frozen=True)
class _DelimitedRows:
    """The rows after the header.

    Attributes:
        feed: The lines that are not read yet.
        dialect: How they are split.
        width: The number of cells of a row.
        model: The row that has this width, for messages.
        hint: How to fix rows of another width; "" if unknown.
        ahead: Rows that are read already.
        diagnostics: Where bad rows are reported.
    """

    feed: LineFeed
    dialect: Dialect
    width: int
    model: str
    hint: str
    ahead: list[tuple[int, list[str]]]
    diagnostics: ReadDiagnostics

    def read_chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        if self.ahead:
            yield CellChunk.from_rows(self.ahead, columns, is_whole=True)
        rest = self.feed.iter_rest()
        for batch in rest:
            has_comments = self.dialect.comment and self.dialect.comment in batch.text
            text, lines = batch.drop_lines(self.dialect.is_comment) if has_comments else batch
            simple = self.dialect.simplify(text)
            if simple is None:
                yield from self._parse(LineFeed(chain([batch], rest)), columns)
                return
            yield self._split(*simple, lines)

    def _split(self, text: str, delimiter: str, lines: IntArray) -> RowChunk:
        """Make a chunk of lines with plain cells; reject lines of another width."""
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
            self._reject(int(lines[at]), int(counts[at]), has_quote='"' in text)
        return self._split(data[np.repeat(is_good, lengths)].tobytes().decode(), delimiter, lines[is_good])

    def _parse(self, feed: LineFeed, columns: Sequence[int]) -> Iterator[RowChunk]:
        """Make chunks of lines that are parsed one by one."""
        for rows in iter_batches(self._iter_good_rows(feed), lambda row: sum(map(len, row[1])) + len(row[1]), BATCH):
            yield CellChunk.from_rows(rows, columns, is_whole=True)

    def _iter_good_rows(self, feed: LineFeed) -> Iterator[tuple[int, list[str]]]:
        for number, row in _read_rows(feed, self.dialect, self.diagnostics):
            cells = [""] if row in BLANK_ROWS and self.width == 1 else row
            if len(cells) == self.width:
                yield number, cells
            elif row not in BLANK_ROWS:
                self._reject(number, len(cells))

    def _reject(self, line: int, count: int, *, has_quote: bool = False) -> None:
        hint = self.hint
        if has_quote and not hint and self.dialect.delimiter == "\t":
            hint = f"if quoted cells hold tabs or line ends, use --delimiter tab{OR_SKIP}"
        self.diagnostics.reject(self.dialect.kind, explain_width(count, self.width, self.model, hint), line)


@dataclass(frozen=True)
class _LineChunk(RowChunk):
    """Lines without quotes, with equally many cells.

    `ends` has the end of each cell in bytes of UTF-8, a row for each line.
    """

    text: str
    ends: IntArray
    delimiter: str

    def numbers(self, columns: Sequence[int], missing: MissingCodes) -> FloatArray | None:
        """Return columns as a matrix of numbers, or None.

        numpy parses the lines, or the lines with NaN for missing cells. Like float(), it ignores white space around a
        number. If it fails, Python parses cell by cell.
        """
        rows = len(self.lines)
        for text in () if self._is_sparse(columns) or not rows else self._iter_spellings(missing):
            try:
                matrix = np.loadtxt(StringIO(text), delimiter=self.delimiter, comments=None, usecols=columns, ndmin=2)
            except ValueError:
                continue
            if len(matrix) == rows:
                return missing.erase(matrix)
        return super().numbers(columns, missing)

    def cells(self, columns: Sequence[int]) -> list[list[str]]:
        """Return the cells of each column."""
        if self._is_sparse(columns):
            return [self._cut_column(column) for column in columns]
        flat = self.text.replace("\n", self.delimiter).split(self.delimiter)
        flat.pop()  # after the last line
        return [flat[column :: self.ends.shape[1]] for column in columns]

    def _is_sparse(self, columns: Sequence[int]) -> bool:
        """Whether few columns are requested, so that their cells alone are cut out."""
        return self.ends.shape[1] >= _SPARSE * len(columns) and self.text.isascii()

    def _cut_column(self, column: int) -> list[str]:
        ends = self.ends[:, column]
        previous_ends = self.ends[:, column - 1] if column else np.append(-1, self.ends[:-1, -1])[: len(ends)]
        return [self.text[before + 1 : end] for before, end in zip(previous_ends.tolist(), ends.tolist(), strict=True)]

    def _iter_spellings(self, missing: MissingCodes) -> Iterator[str]:
        """Yield the lines as they are, and with NaN for missing cells."""
        if "\r" in self.text:  # a character of a cell, but a line end for numpy
            return
        if self.ends.shape[1] > 1 or not (self.text.startswith("\n") or "\n\n" in self.text):
            yield self.text  # numpy skips blank lines, which are cells in a table of one column
        yield self._write_nan(missing)

    def _write_nan(self, missing: MissingCodes) -> str:
        """Return the lines with `nan` for missing cells."""
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


def _read_rows(feed: LineFeed, dialect: Dialect, diagnostics: ReadDiagnostics) -> Generator[tuple[int, list[str]]]:
    """Yield the rows that can be parsed, with their first lines.

    At the end, lines that were read ahead are put back.
    """
    if dialect.kind == "tsv":
        for number, line in feed.iter_lines():
            if not dialect.is_comment(line):
                yield number, dialect.split_line(line)
        return
    rows = DelimitedRows(feed.iter_lines(), "csv", dialect.delimiter, dialect.comment)
    try:
        for number, row in rows:
            if isinstance(row, BadRecord):
                diagnostics.reject(dialect.kind, row, number)
            else:
                yield number, row
    finally:
        feed.put_back([*rows.unread])


def _peek_rows(feed: LineFeed, dialect: Dialect, n: int) -> list[tuple[int, list[str]]]:
    """Return the next `n` rows and put back their lines.

    Blank rows and those that cannot be parsed do not count.
    """
    lines: list[NumberedLine] = []

    def iter_recorded() -> Iterator[NumberedLine]:
        for line in feed.iter_lines():
            lines.append(line)
            yield line

    rows: Iterable[tuple[int, list[str] | BadRecord]]
    if dialect.kind == "tsv":
        rows = ((number, dialect.split_line(line)) for number, line in iter_recorded() if not dialect.is_comment(line))
    else:
        rows = DelimitedRows(iter_recorded(), "csv", dialect.delimiter, dialect.comment)
    good = ((number, row) for number, row in rows if not isinstance(row, BadRecord) and row not in BLANK_ROWS)
    found = list(islice(good, n))
    feed.put_back(lines)
    return found
