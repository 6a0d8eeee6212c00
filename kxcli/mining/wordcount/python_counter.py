"""Counts of words and n-grams by Python, for the engine jieba and for patterns."""

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import islice

from kxcli.mining.wordcount.counting import Counting, WordSplitter
from kxcli.mining.wordcount.counts import Key, KeyLayout
from kxcli.tally import Tally
from kxcli.tally.string_runs import DOCUMENT_SHIFT

_PIECE = 1000  # characters cut at a time, so that the tokens of a long text are not in memory together


class PythonCounter:
    """The twin of `kxcli._kernel.Counter`.

    Args:
        counting: What is counted.
        splitter: Cuts texts into its words.
    """

    def __init__(self, counting: Counting, splitter: WordSplitter) -> None:
        self._splitter = splitter
        self._border = None if counting.safe_split_pattern is None else re.compile(counting.safe_split_pattern)
        self._layout = KeyLayout(counting.is_grouped, counting.orders)
        self._has_documents = counting.has_documents
        self._rows = Tally()
        self._totals = Counter[Key]()
        self._last = deque[str](maxlen=counting.orders[1])  # words that n-grams may begin with
        self._document_keys = set[str]()  # of the current document

    def add(self, data: bytes | str, group: str, is_lines: bool, has_continuation: bool, number: int = 0) -> int:
        """Count a text; see `kxcli/_kernel.pyi`."""
        try:
            text = data if isinstance(data, str) else str(data, "utf-8")
        except UnicodeDecodeError as error:
            return error.start
        *documents, last = text.split("\n") if is_lines else [text]
        for document in documents:
            self._count(document, group)
            self._end_document()
        self._count(last, group)
        if not has_continuation:
            self._end_document()
        return -1

    @property
    def weight(self) -> int:
        """Approximate bytes of memory, with those for `dump`."""
        return self._rows.weight

    def dump(self) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return the counts as a run, and the totals as tuples of group, order and sum."""
        return self._rows.dump(), [(*key, total) for key, total in self._totals.items()]

    def _count(self, text: str, group: str) -> None:
        for order, grams in self.find_grams(text):
            keys = self._layout.keys(group, order, grams)
            self._rows.add(keys)
            self._totals[group, order] += len(keys)
            if self._has_documents:
                self._document_keys.update(keys)

    def find_grams(self, text: str) -> Iterator[tuple[int, list[str]]]:
        """Yield the n-grams of a part of a document, by order, in pieces."""
        for piece in self._split_text(text):
            yield from self._join_words(self._splitter.split(piece)).items()

    def _split_text(self, text: str) -> Iterator[str]:
        start = 0
        if self._border is not None:
            while len(text) - start > _PIECE and (match := self._border.search(text, start + _PIECE)):
                yield text[start : match.start()]
                start = match.start()
        yield text[start:]

    def _join_words(self, words: Iterable[str | None]) -> dict[int, list[str]]:
        """Return the n-grams that end in some words, by order."""
        smallest, largest = self._layout.orders
        grams: dict[int, list[str]] = {order: [] for order in range(smallest, largest + 1)}
        last = self._last
        for word in words:
            if word is None:
                last.clear()
                continue
            last.append(word)
            for order in range(smallest, len(last) + 1):
                grams[order].append(" ".join(islice(last, len(last) - order, None)))
        return {order: found for order, found in grams.items() if found}

    def _end_document(self) -> None:
        for key in self._document_keys:
            self._rows.add_number(key, 1 << DOCUMENT_SHIFT)
        self._document_keys.clear()
        self._last.clear()
