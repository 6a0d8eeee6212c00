"""A sparse matrix of counts: n-grams by documents or groups."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.documents.counts import DocumentCounts, Postings, collect_postings
from kxcli.mining.documents.keys import encode_number
from kxcli.mining.documents.rows import make_numbers, store_run
from kxcli.mining.wordcount.counts import KeyLayout
from kxcli.mining.wordcount.ranking import Ranking, select_rows
from kxcli.tally.row_sorter import RowSorter
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import COUNT_MASK, DOCUMENT_SHIFT, decode_run


class Entries(NamedTuple):
    """Some entries of a matrix: rows and columns from 0, and their counts.

    Columns ascend, and rows within a column.
    """

    rows: IntArray
    columns: IntArray
    counts: IntArray


class CountMatrix:
    """The counts of n-grams by document, or by group.

    The columns are the n-grams that a ranking selects by their counts in all rows, in the order of code points. Memory
    is for the names of the rows, and for the entries of one column.

    Attributes:
        groups: The names of the rows, if these are groups.
        numbers: The numbers of the rows, if these are documents.
        n_columns: The number of columns.
        n_entries: The number of entries.
    """

    def __init__(self, finished: DocumentCounts, ranking: Ranking, scratch: Scratch | None = None) -> None:
        self._layout = KeyLayout(False, finished.layout.orders)
        self._read: Callable[[], Iterator[Postings]]
        self.groups: list[str] = []
        self.numbers = np.empty(0, np.int64)
        if finished.layout.is_grouped:
            self._read = self._transpose(finished, scratch)
        else:
            self._read = self._read_documents(finished, scratch)
        blocks = ((self._make_keys(some), make_numbers(some)) for some in self._read())
        # All rows of a column are counted together, so `top` is for the whole matrix.
        self._columns = store_run(select_rows(blocks, replace(ranking, sort="word"), scratch), scratch)
        self.n_columns = self.n_entries = 0
        for _, numbers in decode_run(self._columns):
            self.n_columns += len(numbers)
            self.n_entries += sum(number >> DOCUMENT_SHIFT for number in numbers)

    @property
    def n_rows(self) -> int:
        """The number of rows."""
        return len(self.groups) + len(self.numbers)

    def columns(self) -> Iterator[tuple[str, int, int]]:
        """Yield the n-gram of each column, its count, and the number of its rows."""
        for keys, numbers in decode_run(self._columns):
            for word, number in zip(self._layout.words(keys), numbers, strict=True):
                yield word, number & COUNT_MASK, number >> DOCUMENT_SHIFT

    def entries(self) -> Iterator[Entries]:
        """Yield the entries."""
        selected = chain.from_iterable(keys for keys, _ in decode_run(self._columns))
        following, column = next(selected, None), 0
        for postings in self._read():
            columns = np.full(len(postings.keys), -1, np.int64)
            for position, key in enumerate(self._make_keys(postings)):
                if key == following:
                    columns[position] = column
                    following, column = next(selected, None), column + 1
            by_entry = np.repeat(columns, postings.frequencies)
            is_selected = by_entry >= 0
            yield Entries(postings.documents[is_selected], by_entry[is_selected], postings.counts[is_selected])

    def _make_keys(self, postings: Postings) -> list[str]:
        """Return the keys of n-grams as in a table of counts."""
        return postings.keys if self._layout.has_orders else [key[:-1] for key in postings.keys]

    def _read_documents(self, finished: DocumentCounts, scratch: Scratch | None) -> Callable[[], Iterator[Postings]]:
        for group in finished.groups(scratch):  # one at most
            self.numbers = group.numbers
        return lambda: chain.from_iterable(group.postings for group in finished.groups(scratch))

    def _transpose(self, finished: DocumentCounts, scratch: Scratch | None) -> Callable[[], Iterator[Postings]]:
        """Sort the rows by n-gram; groups become documents."""
        with RowSorter(scratch) as sorter:
            for number, group in enumerate(finished.groups(scratch)):
                self.groups.append(group.name)
                end = encode_number(number)
                for postings in group.postings:
                    for key, count in zip(postings.keys, postings.totals.tolist(), strict=True):
                        sorter.add(key + end, count)
            run = store_run(sorter.blocks(), scratch)
        return lambda: collect_postings(decode_run(run), np.arange(len(self.groups)))
