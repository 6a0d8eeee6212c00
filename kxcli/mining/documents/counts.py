"""Final counts by document."""

from array import array
from collections.abc import Iterable, Iterator
from itertools import chain, groupby
from operator import itemgetter
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.documents.keys import DIGIT_BITS, FIRST_DIGIT, N_DIGITS
from kxcli.mining.wordcount.counts import KEY_END, KeyLayout, WordCountPartial
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import Block, decode_run, merge_runs, reduce_runs


class Postings(NamedTuple):
    """Some n-grams of a group, in the order of their keys, with their documents.

    Attributes:
        keys: The keys of the n-grams, without group and document.
        starts: Where the documents of each n-gram begin in the other arrays.
        documents: Positions among the documents of the group, ascending for each n-gram.
        counts: The counts of the n-gram in these documents.
    """

    keys: list[str]
    starts: IntArray
    documents: IntArray
    counts: IntArray

    @property
    def totals(self) -> IntArray:
        """The count of each n-gram."""
        return np.add.reduceat(self.counts, self.starts)

    @property
    def frequencies(self) -> IntArray:
        """The number of documents of each n-gram."""
        return np.diff(self.starts, append=len(self.documents))


class DocumentGroup(NamedTuple):
    """A group: its documents, and its n-grams.

    Attributes:
        name: The name of the group.
        numbers: The numbers of its documents, ascending.
        sizes: The sum of the counts of an order (row) in each document (column).
        postings: Its n-grams, each within one of the items; read once.
    """

    name: str
    numbers: IntArray
    sizes: IntArray
    postings: Iterator[Postings]


class DocumentCounts:
    """Final counts by group, n-gram and document.

    Memory is for the documents of one group, 8 bytes for the number of each and 8 for its size by order, and for the
    documents of one n-gram.
    """

    def __init__(self, layout: KeyLayout, partial: WordCountPartial) -> None:
        self.layout = layout
        self._runs = partial.dump_counter().runs

    def groups(self, scratch: Scratch | None = None) -> Iterator[DocumentGroup]:
        """Yield the groups in the order of their names."""
        runs = reduce_runs(self._runs) if scratch is None else scratch.reduce_runs(self._runs)
        pieces = self.layout.split_groups(merge_runs(map(decode_run, runs)))
        for name, own in groupby(pieces, key=itemgetter(0)):
            yield self._open_group(name, ((keys, numbers) for _, keys, numbers in own))

    def _open_group(self, name: str, blocks: Iterator[Block]) -> DocumentGroup:
        """Read the documents of a group; their rows come first."""
        layout = KeyLayout(False, self.layout.orders)
        first_order = layout.keys("", layout.orders[0], [""])[0]
        documents, sums = array("q"), array("q")  # they grow in place
        rest: Block = ([], [])
        for keys, numbers in blocks:
            n_documents = next((i for i, key in enumerate(keys) if not key.startswith(KEY_END)), len(keys))
            ends = [key for key in keys[:n_documents] if key.startswith(first_order)]
            documents.frombytes(decode_numbers(ends).tobytes())
            sums.extend(numbers[:n_documents])
            if n_documents < len(keys):
                rest = keys[n_documents:], numbers[n_documents:]
                break
        own = np.frombuffer(documents, np.int64)
        sizes = np.frombuffer(sums, np.int64).reshape(-1, len(own))  # each order has a row for each document
        return DocumentGroup(name, own, sizes, collect_postings(chain([rest], blocks), own))


def decode_numbers(keys: list[str]) -> IntArray:
    """Return the numbers of documents at the ends of keys."""
    text = "".join([key[-N_DIGITS:] for key in keys]).encode("ascii")
    digits = np.frombuffer(text, np.uint8).reshape(-1, N_DIGITS)
    numbers = np.zeros(len(digits), np.int64)
    for column in digits.T:
        numbers = numbers << DIGIT_BITS | (column.astype(np.int64) - ord(FIRST_DIGIT))
    return numbers


def collect_postings(blocks: Iterable[Block], numbers: IntArray) -> Iterator[Postings]:
    """Yield the n-grams of blocks; the last one of a block may go on in the next one."""
    pending = ""
    held: list[tuple[IntArray, IntArray]] = []  # documents and counts of the pending n-gram
    for keys, row_counts in blocks:
        if not keys:
            continue
        documents, counts = np.searchsorted(numbers, decode_numbers(keys)), np.array(row_counts, np.int64)
        words = [key[:-N_DIGITS] for key in keys]
        starts = [0, *(i for i in range(1, len(words)) if words[i] != words[i - 1])]
        first = 0
        if held and words[0] != pending:
            yield _join_postings(pending, held)
            held = []
        if held and len(starts) > 1:
            held.append((documents[: starts[1]], counts[: starts[1]]))
            yield _join_postings(words[0], held)
            held, first = [], 1
        if first < len(starts) - 1:
            begin, end = starts[first], starts[-1]
            yield Postings(
                [words[start] for start in starts[first:-1]],
                np.array(starts[first:-1], np.int64) - begin,
                documents[begin:end],
                counts[begin:end],
            )
        pending = words[-1]
        held.append((documents[starts[-1] :], counts[starts[-1] :]))
    if held:
        yield _join_postings(pending, held)


def _join_postings(key: str, pieces: list[tuple[IntArray, IntArray]]) -> Postings:
    """Return one n-gram from its pieces."""
    documents, counts = (np.concatenate(arrays) for arrays in zip(*pieces, strict=True))
    return Postings([key], np.zeros(1, np.int64), documents, counts)
