"""Ranked collocates by arrays in memory."""

import sys
from collections.abc import Iterator

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.collocations.job import PairCounts
from kxcli.mining.collocations.measures import make_tables, round_scores
from kxcli.mining.collocations.rows import Columns, PairColumns, make_columns
from kxcli.mining.collocations.window import LAYOUT, WORD_END
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import BLOCK_ROWS, COUNT_MASK, DOCUMENT_SHIFT

_ROW_BYTES = 250  # of a pair: its second word, its numbers, and their copies in a sort
_WORD_BYTES = 250  # of a word, with its share of a dict


class _Pairs:
    """Words in order with their totals, and pairs of words by position."""

    def __init__(self, has_repetitions: bool) -> None:
        self._has_repetitions = has_repetitions
        self.words: list[str] = []  # as in keys
        self.totals: list[int] = []
        self._first: list[int] = []
        self._second: list[str] = []
        self._numbers: list[int] = []

    def add_rows(self, keys: list[str], numbers: list[int]) -> None:
        """Add rows in order."""
        for key, number in zip(keys, numbers, strict=True):
            if key.endswith(WORD_END):
                self.words.append(key[:-1])
                self.totals.append(number & COUNT_MASK)
                continue
            second = key[len(self.words[-1]) + 1 :]
            if self._has_repetitions or second != self.words[-1]:
                self._first.append(len(self.words) - 1)
                self._second.append(second)
                self._numbers.append(number)

    @property
    def memory(self) -> int:
        """Approximate bytes of memory, with those for sorting."""
        return _ROW_BYTES * len(self._first) + _WORD_BYTES * len(self.words)

    def arrays(self) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """Return the pairs as arrays.

        Returns:
            The position of the first word; that of the second; the counts; the counts with the second on the left.
        """
        positions = {word: position for position, word in enumerate(self.words)}
        return (
            np.array(self._first, np.int64),
            np.array([positions[word] for word in self._second], np.int64),
            np.array([number & COUNT_MASK for number in self._numbers], np.int64),
            np.array([number >> DOCUMENT_SHIFT for number in self._numbers], np.int64),
        )


def rank_in_memory(
    finished: PairCounts, sort: str, top: int | None, min_count: int, scratch: Scratch | None
) -> Iterator[Columns] | None:
    """Return the rows in order, in blocks, or None if the memory is too small."""
    room = sys.maxsize if scratch is None else scratch.room
    pairs = _Pairs(finished.has_repetitions)
    for keys, numbers in finished.blocks(min_count, scratch):
        pairs.add_rows(keys, numbers)
        if pairs.memory > room:
            return None
    return _sort(finished, pairs, sort, top)


def _sort(finished: PairCounts, pairs: _Pairs, sort: str, top: int | None) -> Iterator[Columns]:
    first, second, counts, left = pairs.arrays()
    if finished.is_symmetric:  # the word that comes first more often
        is_swapped = 2 * left > counts
        first, second = np.where(is_swapped, second, first), np.where(is_swapped, first, second)
        left = np.where(is_swapped, counts - left, left)
    totals, size, n_words = np.array(pairs.totals, np.int64), finished.window.size, sum(pairs.totals)
    tables = make_tables(counts, totals[first], totals[second], n_words, size)
    scores = counts if sort == "count" else round_scores(sort, tables)
    order = np.lexsort((second, first, -scores))[:top]
    words = LAYOUT.words(pairs.words)
    for start in range(0, len(order), BLOCK_ROWS):
        some = order[start : start + BLOCK_ROWS]
        columns = PairColumns(
            [words[position] for position in first[some].tolist()],
            [words[position] for position in second[some].tolist()],
            counts[some].tolist(),
            left[some].tolist(),
            totals[first[some]].tolist(),
            totals[second[some]].tolist(),
        )
        yield make_columns(columns, n_words, size)
