"""Word counts in memory and in sorted runs, and their rows."""

import json
import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple
from zlib import crc32

from kxcli.tally import Tally
from kxcli.tally.frames import join_parts, split_first
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import (
    BLOCK_CHARACTERS,
    BLOCK_ROWS,
    COUNT_MASK,
    DOCUMENT_SHIFT,
    Block,
    count_resident_bytes,
    decode_run,
    encode_run,
    merge_runs,
    reduce_runs,
    split_blocks,
)

_CELL_BYTES = 1 << 10  # of a cell without words, and of its total
_SEPARATOR = "\0"  # between words that become keys together
# Terminates groups, and words before orders. Groups and words have these characters escaped, so that the order of keys
# is that of groups, words and orders.
_END = "\1"
_ESCAPE = "\2"
_ESCAPED = {code: _ESCAPE + chr(code + 3) for code in (0, 1, 2)}
_FIRST_ORDER = 32  # code point of order 0

Key = tuple[str, int]  # group, order


class Counted(NamedTuple):
    """A row: the counts of an n-gram in a group; `documents` is 0 unless counted."""

    group: str
    word: str
    order: int
    count: int  # type: ignore[assignment]  # hides tuple.count
    documents: int


@dataclass(frozen=True)
class KeyLayout:
    """The parts of a row's key: group, word and order.

    The group is absent if counts are not grouped, the order if there is only one. The same string may occur with
    several orders, because tokens of a pattern may have spaces.
    """

    is_grouped: bool = False
    orders: tuple[int, int] = (1, 1)

    def keys(self, group: str, order: int, words: list[str]) -> list[str]:
        """Return the keys of words."""
        if not words:
            return []
        text = _SEPARATOR.join(words)
        if text.count(_SEPARATOR) != len(words) - 1 or _END in text or _ESCAPE in text:
            words = [word.translate(_ESCAPED) for word in words]
            text = _SEPARATOR.join(words)
        head = group.translate(_ESCAPED) + _END if self.is_grouped else ""
        tail = _END + chr(_FIRST_ORDER + order) if self._has_orders else ""
        if not (head or tail):
            return words
        return (head + text.replace(_SEPARATOR, tail + _SEPARATOR + head) + tail).split(_SEPARATOR)

    def split_groups(self, blocks: Iterable[Block]) -> Iterator[tuple[str, list[str], list[int]]]:
        """Split blocks by group; yield the group, the keys without it, and numbers."""
        for keys, numbers in blocks:
            if not self.is_grouped:
                yield "", keys, numbers
                continue
            start = 0
            while start < len(keys):
                group = keys[start][: keys[start].index(_END)]
                stop = bisect_left(keys, group + chr(ord(_END) + 1), start)
                length = len(group) + 1
                yield _unescape(group), [key[length:] for key in keys[start:stop]], numbers[start:stop]
                start = stop

    def words(self, keys: list[str]) -> list[str]:
        """Return the words of keys without group."""
        if self._has_orders:
            keys = [key[:-2] for key in keys]
        return list(map(_unescape, keys)) if _ESCAPE in "".join(keys) else keys

    def parse_orders(self, keys: list[str]) -> list[int]:
        """Return the orders of keys without group."""
        return [ord(key[-1]) - _FIRST_ORDER for key in keys] if self._has_orders else [self.orders[0]] * len(keys)

    @property
    def _has_orders(self) -> bool:
        return self.orders[0] != self.orders[1]


def _unescape(text: str) -> str:
    """Return the original text of a group or word in a key."""
    return re.sub(_ESCAPE + "(.)", lambda match: chr(ord(match[1]) - 3), text) if _ESCAPE in text else text


class Cell(NamedTuple):
    """Counts and document frequencies of the n-grams of one order in one group."""

    counts: Tally
    documents: Tally


@dataclass
class WordCountPartial:
    """Cells in memory, and loaded runs with the totals of their counts."""

    cells: dict[Key, Cell] = field(default_factory=dict)
    runs: list[memoryview] = field(default_factory=list)
    totals: dict[Key, int] = field(default_factory=dict)

    def merge(self, other: "WordCountPartial") -> "WordCountPartial":
        """Add the counts of another partial, and return this one."""
        for key, cell in other.cells.items():
            if key in self.cells:
                self.cells[key].counts.merge(cell.counts)
                self.cells[key].documents.merge(cell.documents)
            else:
                self.cells[key] = cell
        self.runs += other.runs
        for key, total in other.totals.items():
            self.totals[key] = self.totals.get(key, 0) + total
        return self

    @property
    def weight(self) -> int:
        """Approximate bytes of memory, without mapped files.

        The words of document frequencies are those of counts, so only their tables are added.
        """
        cells = sum(_CELL_BYTES + cell.counts.weight + cell.documents.weight // 2 for cell in self.cells.values())
        return cells + _CELL_BYTES * len(self.totals) + sum(map(count_resident_bytes, self.runs))


class Counts:
    """Final counts; rows are ordered by group, word and order.

    Memory grows with the totals, and with the cells that were never dumped.

    Attributes:
        totals: Sums of all counts, by group and order.
    """

    def __init__(
        self, layout: KeyLayout, partial: WordCountPartial, finalize: Callable[[dict[str, int]], dict[str, int]] | None
    ) -> None:
        self.layout = layout
        self._runs = partial.runs
        self._cells: dict[Key, tuple[dict[str, int], dict[str, int]]] = {}
        self.totals = dict(partial.totals)
        for key, cell in partial.cells.items():
            words: dict[str, int] = cell.counts.counts()
            if finalize is not None and words:  # without words, the dictionary is not loaded
                words = finalize(words)
            self._cells[key] = words, cell.documents.counts()
            self.totals[key] = self.totals.get(key, 0) + sum(words.values())

    def __iter__(self) -> Iterator[Counted]:
        """Yield the rows."""
        for group, keys, numbers in self.layout.split_groups(self.blocks()):
            for order, word, number in zip(
                self.layout.parse_orders(keys), self.layout.words(keys), numbers, strict=True
            ):
                yield Counted(group, word, order, number & COUNT_MASK, number >> DOCUMENT_SHIFT)

    def blocks(self, scratch: Scratch | None = None) -> Iterator[Block]:
        """Yield the rows in blocks; if there is `scratch`, it merges many runs first."""
        held = [split_blocks(self._iter_memory())] if self._cells else []
        if scratch is None:
            return merge_runs([*held, *map(decode_run, reduce_runs(self._runs))])
        return scratch.merge_runs(self._runs, *held)

    def groups(self, scratch: Scratch | None = None) -> Iterator[tuple[str, Iterator[Block]]]:
        """Yield each group with its rows; keys have no group."""
        pieces = self.layout.split_groups(self.blocks(scratch))
        for group, own in groupby(pieces, key=itemgetter(0)):
            yield group, ((keys, numbers) for _, keys, numbers in own)

    def dump(self) -> bytes:
        """Return the counts as bytes: totals as JSON, and one run."""
        return _dump(self.totals, encode_run(self.blocks()))

    def split(self, n: int) -> list[WordCountPartial]:
        """Return n partials by a hash of the word; takes the memory of the rows as bytes."""
        runs = [_RunBuilder() for _ in range(n)]
        totals: list[dict[Key, int]] = [{} for _ in range(n)]
        for block in self.blocks():
            at = 0
            for group, keys, numbers in self.layout.split_groups([block]):
                orders, words = self.layout.parse_orders(keys), self.layout.words(keys)
                for order, word, number in zip(orders, words, numbers, strict=True):
                    part = crc32(word.encode("utf-8", "surrogatepass")) % n
                    runs[part].add(block[0][at], number)
                    totals[part][group, order] = totals[part].get((group, order), 0) + (number & COUNT_MASK)
                    at += 1
        return [WordCountPartial(runs=run.views(), totals=own) for run, own in zip(runs, totals, strict=True)]

    def _iter_memory(self) -> Iterator[Block]:
        for group, keys in groupby(sorted(self._cells), key=itemgetter(0)):
            yield from merge_runs([self._iter_cell(group, order) for _, order in keys])

    def _iter_cell(self, group: str, order: int) -> Iterator[Block]:
        words, documents = self._cells[group, order]
        ordered = sorted(words)
        for start in range(0, len(ordered), BLOCK_ROWS):
            some = ordered[start : start + BLOCK_ROWS]
            numbers = list(map(words.__getitem__, some))
            if documents:
                numbers = [count | documents[word] << DOCUMENT_SHIFT for word, count in zip(some, numbers, strict=True)]
            yield self.layout.keys(group, order, some), numbers


class _RunBuilder:
    """A run built row by row."""

    def __init__(self) -> None:
        self._data = BytesIO()  # `getvalue` does not copy
        self._keys: list[str] = []
        self._numbers: list[int] = []
        self._size = 0

    def add(self, key: str, number: int) -> None:
        self._keys.append(key)
        self._numbers.append(number)
        self._size += len(key)
        if len(self._keys) >= BLOCK_ROWS or self._size >= BLOCK_CHARACTERS:
            self._write()

    def views(self) -> list[memoryview]:
        """Return the run, if it has a row."""
        self._write()
        data = self._data.getvalue()
        return [memoryview(data)] if data else []

    def _write(self) -> None:
        self._data.writelines(encode_run([(self._keys, self._numbers)]))
        self._keys, self._numbers, self._size = [], [], 0


def _dump(totals: dict[Key, int], run: Iterable[bytes]) -> bytes:
    data = BytesIO()  # `getvalue` does not copy
    data.write(join_parts([json.dumps([(*key, total) for key, total in totals.items()]).encode("ascii")]))
    data.writelines(run)
    return data.getvalue()


def load_partial(data: bytes | memoryview) -> WordCountPartial:
    """Return a dumped partial: a view of the data, and the totals."""
    totals, run = split_first(data)
    totals_by_key = {(group, order): total for group, order, total in json.loads(bytes(totals))}
    return WordCountPartial(runs=[run] if len(run) else [], totals=totals_by_key)
