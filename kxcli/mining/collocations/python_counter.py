"""Counts of words and pairs by Python, for the engine jieba and for patterns."""

from collections import Counter, deque

from kxcli.mining.collocations.window import LAYOUT, Window
from kxcli.mining.wordcount.counting import Counting, WordSplitter
from kxcli.mining.wordcount.python_counter import PythonCounter
from kxcli.tally.string_runs import COUNT_MASK, DOCUMENT_SHIFT, encode_sums

_LEFT = 1 << DOCUMENT_SHIFT | 1  # a pair whose second word is to the left of the first
_RIGHT = 1
_ROW_BYTES = 200  # of a row: its two keys, its share of a dict, and its number
_CHARACTER_BYTES = 6  # additional, per character of the words, with those of a dump
_MEAN_CHARACTERS = 6  # of two words

Pair = tuple[str, str]


class PythonPairCounter(PythonCounter):
    """The twin of `kxcli._kernel.Counter` with a window.

    Args:
        counting: The words.
        splitter: Cuts texts into these words.
        window: How many words before and after a word are near it.
        word: The first word of all pairs; None for pairs of all words.
    """

    def __init__(self, counting: Counting, splitter: WordSplitter, window: Window, word: str | None) -> None:
        super().__init__(counting, splitter)
        self._window, self._word = window, word
        self._is_symmetric = word is None and window.left == window.right
        self._last = deque[str](maxlen=max(window))  # the words before, the nearest one first
        self._numbers = Counter[Pair]()  # "" as the second word for the first by itself

    @property
    def weight(self) -> int:
        """Approximate bytes of memory, with those for `dump`."""
        return len(self._numbers) * (_ROW_BYTES + _CHARACTER_BYTES * _MEAN_CHARACTERS)

    def dump(self, min_count: int = 1) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return the counts as a run without rarer pairs, and no totals."""
        sums = {
            LAYOUT.keys(first, 1, [second])[0]: number
            for (first, second), number in self._numbers.items()
            if not second or number & COUNT_MASK >= min_count
        }
        return b"".join(encode_sums(sums)), []

    def _count(self, text: str, group: str) -> None:
        for piece in self._split_text(text):
            for word in self._splitter.split(piece):
                if word is not None:
                    self._numbers[word, ""] += 1
                    for distance, before in enumerate(self._last, 1):
                        self._count_pair(before, word, distance)
                    self._last.appendleft(word)

    def _count_pair(self, before: str, word: str, distance: int) -> None:
        """Count a word and one before it."""
        if distance <= self._window.right and self._word in (None, before):
            self._add(before, word, _RIGHT)
        if distance <= self._window.left and self._word in (None, word):
            self._add(word, before, _LEFT)

    def _add(self, first: str, second: str, number: int) -> None:
        if not self._is_symmetric or first <= second:
            self._numbers[first, second] += number
