"""A JSON array as a stream of text, element by element."""

import json
import re
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, NoReturn

from kxcli.corpus.diagnostics import ReadDiagnostics

_SPACE = re.compile(r"[ \t\n\r]*")
_LINE_END = re.compile(r"[ \t\r]*\n[ \t\n\r]*")
_MAX_TOKEN = 16  # characters of a token whose end may be missing, except of a string or a number
_FIX = "fix the file; no part of an array can be skipped"


class ArrayElement(NamedTuple):
    """An element with the line where it begins, and its JSON."""

    line: int
    value: Any
    source: str


def join_lines(source: str) -> str:
    """Return JSON without line ends; strings have none."""
    return _LINE_END.sub(" ", source) if "\n" in source else source


class JsonArray:
    """The elements of a JSON array.

    The memory is that of a chunk, or of the current element.

    Args:
        chunks: The text in pieces; the array begins in the first line.
        diagnostics: Where a syntax error is raised.
        decoder: Decodes an element.
        max_element: Bytes of an element after which it is an error; None for no limit.
    """

    def __init__(
        self,
        chunks: Iterable[str],
        diagnostics: ReadDiagnostics,
        decoder: json.JSONDecoder,
        max_element: int | None = None,
    ) -> None:
        self._chunks, self._diagnostics, self._decoder = iter(chunks), diagnostics, decoder
        self._max_element = max_element
        self._text, self._start, self._at = "", 0, 0  # `_start` is that of the last element
        self._counted = (0, diagnostics.line)  # a position in the text, and its line

    def __iter__(self) -> Iterator[ArrayElement]:
        self._pass_sign("[")
        goes_on = self._find_next() != "]"
        while goes_on:
            if not self._find_next():
                self._fail("ends within a JSON array", self._at)
            line = self._find_line(self._at)
            value = self._parse_element()  # which moves the text
            yield ArrayElement(line, value, self._text[self._start : self._at])
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
                value, end = self._decoder.raw_decode(self._text, self._at)
            except json.JSONDecodeError as error:
                is_cut = error.pos >= len(self._text) - _MAX_TOKEN or error.msg.startswith("Unterminated string")
                if is_cut and self._extend():
                    continue
                self._fail(f"is not JSON ({error.msg})", error.pos)
            except (RecursionError, ValueError) as error:
                self._fail(f"is not JSON ({error})", self._at)
            if end == len(self._text) and self._text[-1] not in '}]"' and self._extend():
                continue  # the rest of a number
            self._start, self._at = self._at, end
            return value

    def _extend(self) -> bool:
        """Double the rest of the text by more chunks; return whether there are any."""
        n_characters = len(self._text) - self._at
        if self._max_element is not None and n_characters > self._max_element:
            what = f"the element has more than {self._max_element / 1e6:,.1f} MB, too much for --memory"
            self._diagnostics.line = self._find_line(self._at)
            self._diagnostics.fail(what, "raise --memory, or split the element")
        chunks, size = list[str](), 0
        self._diagnostics.line = self._find_line(self._at) + self._text.count("\n", self._at)  # of the next chunk
        while size <= n_characters and (chunk := next(self._chunks, None)) is not None:
            chunks.append(chunk)
            size += len(chunk)
            self._diagnostics.line += chunk.count("\n")
        if not size:
            return False
        line = self._find_line(self._at)
        self._text = "".join([self._text[self._at :], *chunks])
        self._at, self._counted = 0, (0, line)
        return True

    def _find_line(self, position: int) -> int:
        """Return the line of a position; positions never decrease."""
        start, line = self._counted
        self._counted = (position, line + self._text.count("\n", start, position))
        return self._counted[1]

    def _fail(self, what: str, position: int) -> NoReturn:
        is_end = position == len(self._text) and self._text.endswith("\n")
        self._diagnostics.line = self._find_line(position) - is_end
        self._diagnostics.fail(what, _FIX + self._diagnostics.alternative)
