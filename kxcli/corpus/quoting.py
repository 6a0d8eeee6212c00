"""CSV: lines -> rows, of which one may be several lines."""

import csv
import sys
from collections import deque
from collections.abc import Iterable, Iterator

from kxcli.corpus.diagnostics import BadRecord

# What a record of several lines may be: a quote that nobody closed would take the rest of the file for one field.
MAX_LINES = 1_000
MAX_CHARACTERS = 1 << 20

_CLOSE = "close the quote, or double a quote that is part of the text"
_CONVERT = "if its lines end in CR alone, convert them (tr '\\r' '\\n' < FILE)"
_FIX = "fix the record"


class CsvRows:
    """Rows of numbered lines, each with its first line, or the error there.

    Of a record that is not CSV only the first line is given up: reading goes on with the next.
    """

    def __init__(self, lines: Iterable[tuple[int, str]]) -> None:
        csv.field_size_limit(sys.maxsize)
        self._lines = iter(lines)
        self._record: list[tuple[int, str]] = []
        self.unread = deque[tuple[int, str]]()

    def __iter__(self) -> Iterator[tuple[int, list[str] | BadRecord]]:
        rows = csv.reader(self._feed(), strict=True)
        while True:
            self._record.clear()
            try:
                row = next(rows)
            except StopIteration:
                return
            except csv.Error as error:
                number, _ = self._record[0]
                bad = self._explain(error)
                self.unread.extendleft(reversed(self._record[1:]))
                rows = csv.reader(self._feed(), strict=True)
                yield number, bad
            else:
                yield self._record[0][0], row

    def _feed(self) -> Iterator[str]:
        """Yield lines until the record that is read is too long."""
        n_characters = 0
        while not self._record or (len(self._record) < MAX_LINES and n_characters <= MAX_CHARACTERS):
            numbered = self.unread.popleft() if self.unread else next(self._lines, None)
            if numbered is None:
                return
            n_characters = len(numbered[1]) + (n_characters if self._record else 0)
            self._record.append(numbered)
            yield numbered[1]

    def _explain(self, error: csv.Error) -> BadRecord:
        """Return what is wrong with the record."""
        what = str(error)
        if what.startswith("unexpected end"):  # of the lines, within quotes
            n_characters = sum(len(line) for _, line in self._record)
            is_long = len(self._record) >= MAX_LINES or n_characters > MAX_CHARACTERS
            limit = f" within {MAX_LINES:,} lines or {MAX_CHARACTERS >> 20} MiB" if is_long else ""
            return BadRecord(f"is not CSV (a quote opens that does not close{limit})", _CLOSE)
        if what.startswith("new-line"):
            return BadRecord("is not CSV (a CR outside of quotes without an LF)", _CONVERT)
        return BadRecord(f"is not CSV ({what})", _FIX)
