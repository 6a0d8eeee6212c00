"""Words that grow by the character that nearly always follows or precedes them."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, IntArray, UInt32Array
from kxcli.mining.newwords.grams import Ngrams
from kxcli.mining.newwords.spelling import Spellings

MAX_LENGTH = 20  # characters; what is always part of a longer text is boilerplate


class _Window(NamedTuple):
    """The length and the number of the n-gram at an end of a word."""

    length: int
    number: int


class Link(NamedTuple):
    """A word that has grown.

    Attributes:
        word: The word.
        count: Its occurrences; if it is longer than the longest n-grams, they are this number or fewer.
        added: The character that the word before lacks.
        is_right: Whether that is its last character, not its first.
    """

    word: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    added: str
    is_right: bool


class ChainFinder:
    """Finds the longer words that nearly all occurrences of a word are part of.

    The counts are those of the n-grams. Longer words are followed by the n-gram at their end, so these are candidates:
    a pass over the corpus gives their counts.

    Args:
        grams: The n-grams.
        may_grow: For each character, whether it may be added to a word.
    """

    def __init__(self, grams: Ngrams, may_grow: BoolArray) -> None:
        self._grams, self._may_grow = grams, may_grow
        self._counts = grams.counts
        sizes = [len(counts) for counts in self._counts]
        self._longer_right = [
            _find_first(level.prefixes, size) for level, size in zip(grams.levels, sizes, strict=False)
        ]
        self._longer_left = [
            _find_first(level.suffixes, size) for level, size in zip(grams.levels, sizes, strict=False)
        ]
        self._max_window = len(grams.levels)  # one less than the longest n-grams

    def find(self, words: list[str], min_share: float) -> list[list[Link]]:
        """Return the chain of ever longer words of each word.

        Each has `min_share` or more of the occurrences of the one before.
        """
        if not self._max_window:
            return [[] for _ in words]
        spellings = Spellings.from_words(words, self._grams.alphabet)
        sizes = np.minimum(spellings.lengths, self._max_window)
        ends = spellings.starts + spellings.lengths - sizes
        windows = [Spellings.from_text(spellings.characters, at, sizes) for at in (spellings.starts, ends)]
        firsts, lasts = np.split(self._grams.find_numbers(Spellings.concatenate(windows)), 2)
        rows = zip(words, sizes.tolist(), firsts.tolist(), lasts.tolist(), strict=True)
        return [
            [*self._grow(word, _Window(size, first), _Window(size, last), min_share)] if first and last else []
            for word, size, first, last in rows
        ]

    def _grow(self, word: str, first: _Window, last: _Window, min_share: float) -> Iterator[Link]:
        """Yield ever longer words; they grow on the right first."""
        n_idle, is_right = 0, True
        while n_idle < 2 and len(word) < MAX_LENGTH:
            window, longer = (last, self._longer_right) if is_right else (first, self._longer_left)
            number = int(longer[window.length - 1][window.number])
            count = int(self._counts[window.length][number])
            character = self._get_end(window.length + 1, number, is_right=is_right) if number else 0
            share = count / int(self._counts[window.length - 1][window.number])
            if not number or share < min_share or not self._may_grow[character]:
                n_idle, is_right = n_idle + 1, not is_right
                continue
            n_idle = 0
            (added,) = self._grams.alphabet.spell([character])
            word = word + added if is_right else added + word
            if window.length < self._max_window:
                first = last = _Window(window.length + 1, number)
            elif is_right:
                last = _Window(window.length, int(self._grams.levels[window.length - 1].suffixes[number]))
            else:
                first = _Window(window.length, int(self._grams.levels[window.length - 1].prefixes[number]))
            yield Link(word, count, added, is_right)

    def _get_end(self, length: int, number: int, *, is_right: bool) -> int:
        """Return the last or the first character of an n-gram."""
        if is_right:
            return int(self._grams.levels[length - 2].last[number])
        for level in reversed(self._grams.levels[: length - 1]):
            number = int(level.prefixes[number])
        return number


def _find_first(parts: UInt32Array, size: int) -> IntArray:
    """Return for each part the first n-gram with it, the most frequent one, or 0."""
    found: IntArray = np.zeros(size, dtype=np.int64)
    numbers = np.arange(len(parts) - 1, 0, -1)
    found[parts[numbers]] = numbers
    return found
