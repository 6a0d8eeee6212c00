"""Numbered lines of TSV, CSV and JSONL -> rows of cells, and objects."""

import csv
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, TypeVar

from kxcli.corpus.diagnostics import BadRecord, NotObjectError, ReadDiagnostics
from kxcli.wording import format_count

T = TypeVar("T")

NumberedLine = tuple[int, str]  # without its LF
NumberedRow = tuple[int, list[str] | BadRecord]  # the number is that of the row's first line

BLANK_ROWS: tuple[list[str], ...] = ([], [""])  # the rows of an empty line
OR_SKIP = ", or use --on-error skip"

# The limits of one CSV record: an unclosed quote would make the rest of the file one cell.
MAX_LINES = 1_000
MAX_CHARACTERS = 1 << 20

_CLOSE = "close the quote, or double a quote that is part of the text"
_CONVERT = "if its lines end in CR alone, convert them (tr '\\r' '\\n' < FILE)"
_FIX = "fix the record"
_ONE_LINE = f"write one object per line (jq -c . FILE), or an array of objects{OR_SKIP}"


def number_lines(lines: Iterable[str], diagnostics: ReadDiagnostics) -> Iterator[NumberedLine]:
    """Yield the lines of a decoder with their numbers."""
    return ((diagnostics.line, line) for line in lines)


class DelimitedRows:
    """The rows of TSV or CSV lines.

    Of a CSV record that cannot be parsed only the first line is given up: reading goes on with its second line.

    Args:
        lines: The numbered lines; those of CSV keep a CR at their end.
        kind: The format.
        delimiter: The delimiter of CSV.
        comment: The prefix of lines of CSV that are ignored between records; "" for none.
    """

    def __init__(
        self, lines: Iterable[NumberedLine], kind: Literal["tsv", "csv"], delimiter: str = ",", comment: str = ""
    ) -> None:
        csv.field_size_limit(sys.maxsize)
        self._lines, self._kind, self._delimiter, self._comment = iter(lines), kind, delimiter, comment
        self._record: list[NumberedLine] = []
        self.unread = deque[NumberedLine]()  # lines of a bad record that are read again

    def __iter__(self) -> Iterator[NumberedRow]:
        return self._iter_csv() if self._kind == "csv" else self._iter_tsv()

    def _iter_tsv(self) -> Iterator[NumberedRow]:
        for number, line in self._lines:
            yield number, line.removesuffix("\r").split("\t")

    def _iter_csv(self) -> Iterator[NumberedRow]:
        rows = self._parse_csv()
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
                rows = self._parse_csv()
                yield number, bad
            else:
                yield self._record[0][0], row

    def _parse_csv(self) -> Iterator[list[str]]:
        return csv.reader(self._feed(), delimiter=self._delimiter, strict=True)

    def _feed(self) -> Iterator[str]:
        """Yield lines until the record that is read is too long."""
        n_characters = 0
        while not self._record or (len(self._record) < MAX_LINES and n_characters <= MAX_CHARACTERS):
            numbered = self.unread.popleft() if self.unread else next(self._lines, None)
            if numbered is None:
                return
            if self._comment and not self._record and numbered[1].startswith(self._comment):
                continue
            n_characters = len(numbered[1]) + 1 + (n_characters if self._record else 0)
            self._record.append(numbered)
            yield numbered[1] + "\n"

    def _explain(self, error: csv.Error) -> BadRecord:
        """Return the error of the current record."""
        what = str(error)
        if what.startswith("unexpected end"):  # of the lines, within quotes
            n_characters = sum(len(line) + 1 for _, line in self._record)
            is_long = len(self._record) >= MAX_LINES or n_characters > MAX_CHARACTERS
            limit = f" within {MAX_LINES:,} lines or {MAX_CHARACTERS >> 20} MiB" if is_long else ""
            return BadRecord(f"is not CSV (a quote opens that does not close{limit})", _CLOSE + OR_SKIP)
        if what.startswith("new-line"):
            return BadRecord("is not CSV (a CR outside of quotes without an LF)", _CONVERT + OR_SKIP)
        return BadRecord(f"is not CSV ({what})", _FIX + OR_SKIP)


def explain_width(n_cells: int, width: int, model: str = "header", hint: str = "") -> BadRecord:
    """Return the error of a row with another width than the header or the first row."""
    return BadRecord(f"has {format_count(n_cells, 'cells')} where the {model} has {width}", hint)


def parse_lines(
    lines: Iterable[NumberedLine], parse: Callable[[str], T], diagnostics: ReadDiagnostics
) -> Iterator[tuple[int, T]]:
    """Yield the values of JSONL lines with the line numbers; blank lines have none.

    A line for which `parse` raises `BadRecord` is skipped, or raises `InputError`.
    """
    for number, line in lines:
        if line and not line.isspace():
            try:
                yield number, parse(line)
            except BadRecord as bad:
                diagnostics.reject("jsonl", bad, number)


class LongInteger(str):
    """The digits of an integer beyond Python's limit for conversion."""

    __slots__ = ()


def _parse_integer(digits: str) -> int | LongInteger:
    try:
        return int(digits)
    except ValueError:
        return LongInteger(digits)


JSON_DECODER = json.JSONDecoder(parse_int=_parse_integer)
SPELLING_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)  # numbers as they are written


def _decode(line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError:
        raise
    except ValueError:
        return JSON_DECODER.decode(line)


def parse_object(line: str, *, keeps_spelling: bool = False) -> dict[str, Any]:
    """Return the JSON object of a line; raises `BadRecord` for anything else.

    An integer of more digits than Python converts is a `LongInteger`.

    Args:
        line: The line.
        keeps_spelling: Whether numbers are strings as they are written, so that 1 and 1.0 differ.
    """
    try:
        value = SPELLING_DECODER.decode(line) if keeps_spelling else _decode(line)
        if isinstance(value, dict):
            return value
        raise NotObjectError(f"is {name_json_type(_decode(line))}, not a JSON object")
    except (ValueError, RecursionError) as error:
        what = f"{error.msg} at column {error.colno}" if isinstance(error, json.JSONDecodeError) else str(error)
        hint = _ONE_LINE if line.rstrip().endswith(("{", "[", ",")) else ""
        raise BadRecord(f"is not JSON ({what})", hint) from None


def open_object(fields: dict[str, str]) -> str:
    """Return a JSON object without its last brace."""
    return json.dumps(fields, ensure_ascii=False).removesuffix("}")


def name_json_type(value: Any) -> str:
    """Return the name of a JSON value's type for messages."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, LongInteger):
        return f"an integer of {len(value.lstrip('-')):,} digits"
    names = {dict: "an object", list: "a list", str: "a string", int: "a number", float: "a number"}
    return names.get(type(value), "null")


def check_unicode(*texts: str) -> None:
    """Raise `BadRecord` if a JSON escape put half a surrogate pair into a string."""
    if not all(map(is_unicode, texts)):
        raise BadRecord("has half a surrogate pair in a string, which is no character")


def is_unicode(text: str) -> bool:
    """Return whether a string has no half of a surrogate pair."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
