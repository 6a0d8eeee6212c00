"""Where patterns occur in a text."""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from kxcli.mining.kwic.query import Query
from kxcli.mining.segment.offsets import load_locator

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

_MAX_PENDING = 1 << 12  # occurrences in memory, plus one for each character of the longest pattern

Span = tuple[int, int]  # positions of the first character and after the last


def fold_case(text: str) -> str:
    """Return a text without differences of case, character by character.

    A character becomes its case folding if that is one character, else its lower case if that is one character.
    Positions do not change, so no folding of one character to two (ß, ﬁ) counts.
    """
    folded = text.casefold()  # of each character by itself, and never shorter
    return folded if len(folded) == len(text) else "".join(map(_fold_character, text))


@cache
def _fold_character(character: str) -> str:
    return next((one for one in (character.casefold(), character.lower()) if len(one) == 1), character)


class Finder(ABC):
    """Finds the hits of a query."""

    @abstractmethod
    def find(self, text: str) -> Iterable[Span]:
        """Return the hits in a document, in order; they do not overlap."""

    def select_lines(self, block: str) -> Iterator[tuple[int, str]]:
        """Yield the lines of a block that may have hits, each with its number from 0.

        Only LF ends a line; a preceding CR is dropped.
        """
        return ((number, line.removesuffix("\r")) for number, line in enumerate(block.split("\n")) if line)


class LiteralFinder(Finder):
    """Finds one literal pattern."""

    def __init__(self, pattern: str, *, ignore_case: bool) -> None:
        self._fold: Callable[[str], str] = fold_case if ignore_case else str
        self._pattern = self._fold(pattern)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the hits in a document."""
        text, pattern, stop = self._fold(text), self._pattern, 0
        while (start := text.find(pattern, stop)) >= 0:
            stop = start + len(pattern)
            yield start, stop

    def select_lines(self, block: str) -> Iterator[tuple[int, str]]:
        """Yield the lines with the pattern, each with its number."""
        text, pattern = self._fold(block), self._pattern
        number = begin = 0
        while (start := text.find(pattern, begin)) >= 0:
            number += text.count("\n", begin, start)
            begin = max(begin, text.rfind("\n", begin, start) + 1)
            end = text.find("\n", start)
            end = len(text) if end < 0 else end
            yield number, block[begin:end].removesuffix("\r")
            begin, number = end + 1, number + 1


class TokenFinder(LiteralFinder):
    """Finds a token of the segmentation.

    Only lines that contain it are cut into tokens.
    """

    def __init__(self, query: Query, shared: "CompiledDictionary | None") -> None:
        super().__init__(query.patterns[0], ignore_case=query.ignore_case)
        self._locate = load_locator(query.segmentation, shared)

    def find(self, text: str) -> Iterator[Span]:
        """Yield the hits in a document."""
        folded, pattern = self._fold(text), self._pattern
        if pattern in folded:
            n = len(pattern)
            for start, token in self._locate(text):
                if len(token) == n and folded.startswith(pattern, start):
                    yield start, start + n


class RegexFinder(Finder):
    """Finds a regular expression; an empty match is no hit."""

    def __init__(self, regex: re.Pattern[str]) -> None:
        self._regex = regex

    def find(self, text: str) -> Iterator[Span]:
        """Yield the hits in a document."""
        return (span for match in self._regex.finditer(text) if (span := match.span())[0] < span[1])


class PatternsFinder(Finder):
    """Finds many literal patterns in one pass: at each place the longest.

    An automaton (Aho and Corasick 1975) finds all occurrences. From left to right, the longest one at each place that
    does not overlap an earlier hit is a hit.
    """

    def __init__(self, patterns: Iterable[str], *, ignore_case: bool) -> None:
        import ahocorasick

        self._fold: Callable[[str], str] = fold_case if ignore_case else str
        self._automaton = ahocorasick.Automaton(ahocorasick.STORE_LENGTH)
        self._max_length = 0
        for pattern in patterns:
            self._automaton.add_word(self._fold(pattern))
            self._max_length = max(self._max_length, len(pattern))
        self._automaton.make_automaton()

    def find(self, text: str) -> Iterator[Span]:
        """Yield the hits in a document."""
        stops: dict[
            int, int
        ] = {}  # of the longest occurrence by its start: occurrences come in the order of their ends
        end = 0
        for last, length in self._automaton.iter(self._fold(text)):
            stops[last + 1 - length] = last + 1
            if len(stops) == _MAX_PENDING + self._max_length:
                complete = last + 1 - self._max_length  # a later occurrence starts here or after it
                for start in sorted(start for start in stops if start < complete):
                    stop = stops.pop(start)
                    if start >= end:
                        end = stop
                        yield start, end
        for start in sorted(stops):
            if start >= end:
                end = stops[start]
                yield start, end


def make_finder(query: Query, shared: "CompiledDictionary | None") -> Finder:
    """Return the finder of a query.

    Args:
        query: The patterns.
        shared: The value of `segment.prepare`, if the query is for tokens.

    Raises:
        ImportError: There are several patterns, and pyahocorasick is missing.
    """
    if query.mode == "tokens":
        return TokenFinder(query, shared)
    if query.mode == "regex":
        return RegexFinder(query.compile_regex())
    if len(query.patterns) > 1:
        return PatternsFinder(query.patterns, ignore_case=query.ignore_case)
    return LiteralFinder(query.patterns[0], ignore_case=query.ignore_case)
