"""A JSON array in a text of many lines, element by element."""

import json
import re
from collections.abc import Iterator
from typing import Any, NoReturn

import numpy as np

from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.tables.line_batches import LineBatch, LineFeed

_ARRAY_START = re.compile(r"\s*\[\s*(?:[{\]]|$)")  # of a line: an array of objects, or one that goes on below
_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=str)
_FIX = "fix the file; no part of an array can be skipped"


def begins_array(line: str) -> bool:
    """Return whether a first line is that of a JSON array of objects."""
    return _ARRAY_START.match(line) is not None


class JsonArray:
    """The elements of a JSON array, with the lines where they begin.

    Numbers are strings as they are written. The memory is that of a batch of lines, or of the current element.

    Args:
        feed: The lines.
        diagnostics: Where a syntax error is raised.
    """

    def __init__(self, feed: LineFeed, diagnostics: ReadDiagnostics) -> None:
        self._batches, self._diagnostics = feed.iter_rest(), diagnostics
        self._text, self._at = "", 0
        self._numbers = np.empty(0, np.int64)  # of the lines in the text
        self._counted = (0, 0)  # a position, and the number of LFs before it

    def __iter__(self) -> Iterator[tuple[int, Any]]:
        self._pass_sign("[")
        goes_on = self._find_next() != "]"
        while goes_on:
            if not self._find_next():
                self._fail("ends within a JSON array", self._at)
            yield self._find_line(self._at), self._parse_element()
            goes_on = self._find_next() != "]"
            if goes_on:
                self._pass_sign(",")
        self._pass_sign("]")
        if self._find_next():
            self._fail("has text after the JSON array", self._at)

    def _find_next(self) -> str:
        """Return the next character except white space, or "" at the end."""
        while True:
            self._at = _SPACE.match(self._text, self._at).end()  # type: ignore[union-attr]
            if self._at < len(self._text) or not self._extend():
                return self._text[self._at : self._at + 1]

    def _pass_sign(self, expected: str) -> None:
        sign = self._find_next()
        if sign != expected:
            what = f"is not JSON ({sign!r} instead of {expected!r})" if sign else "ends within a JSON array"
            self._fail(what, self._at)
        self._at += 1

    def _parse_element(self) -> Any:
        while True:
            try:
                value, self._at = _DECODER.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                # No token spans lines, so the parser fails at the end of the text if the element goes on.
                if error.pos >= len(self._text.rstrip()) and self._extend():
                    continue
                self._fail(f"is not JSON ({error.msg})", error.pos)
            except RecursionError as error:
                self._fail(f"is not JSON ({error})", self._at)
            return value

    def _extend(self) -> bool:
        """Double the rest of the text by more lines; return whether there are any."""
        batches, size = list[LineBatch](), 0
        while size <= len(self._text) - self._at and (batch := next(self._batches, None)) is not None:
            batches.append(batch)
            size += len(batch.text)
        if not batches:
            return False
        rest = self._numbers[self._count_lines(self._at) :]
        self._numbers = np.concatenate([rest, *(batch.lines for batch in batches)])
        self._text = "".join([self._text[self._at :], *(batch.text for batch in batches)])
        self._at, self._counted = 0, (0, 0)
        return True

    def _count_lines(self, position: int) -> int:
        """Return the number of LFs before a position; positions never decrease."""
        start, n = self._counted
        self._counted = (position, n + self._text.count("\n", start, position))
        return self._counted[1]

    def _find_line(self, position: int) -> int:
        if not len(self._numbers):
            return 1
        return int(self._numbers[min(self._count_lines(position), len(self._numbers) - 1)])

    def _fail(self, what: str, position: int) -> NoReturn:
        self._diagnostics.line = self._find_line(position)
        self._diagnostics.fail(what, _FIX)
