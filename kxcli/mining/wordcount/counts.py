"""Word counts in memory and in sorted runs, and their rows."""

import json
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from itertools import groupby, islice
from operator import itemgetter
from typing import NamedTuple, Protocol
from zlib import crc32

from kxcli.tally.frames import join_parts, split_first
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import (
    COUNT_MASK,
    DOCUMENT_SHIFT,
    Block,
    count_memory,
    count_rows,
    decode_run,
    encode_run,
    merge_in_memory,
    merge_runs,
    merge_similar,
    reduce_runs,
)

_TOTAL_BYTES = 1 << 9  # of a total, with its group
_RANKING_ROW_BYTES = 80  # of a row that the kernel sorts: at most one and a half of 32, and twice 16
_RANKING_COPIES = 5  # of all rows: pages of the runs, the merged run, the ranked rows, the lines, which are longer
_SEPARATOR = "\0"  # between words that become keys together
# Terminates groups, and words before orders. Groups and words have these characters escaped, so that the order of keys
# is that of groups, words and orders.
KEY_END = "\1"
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


class KeyLayout(NamedTuple):
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
        if text.count(_SEPARATOR) != len(words) - 1 or KEY_END in text or _ESCAPE in text:
            words = [word.translate(_ESCAPED) for word in words]
            text = _SEPARATOR.join(words)
        head = self.head(group)
        tail = KEY_END + chr(_FIRST_ORDER + order) if self.has_orders else ""
        if not (head or tail):
            return words
        return (head + text.replace(_SEPARATOR, tail + _SEPARATOR + head) + tail).split(_SEPARATOR)

    def head(self, group: str) -> str:
        """Return the beginning of the keys of a group."""
        return group.translate(_ESCAPED) + KEY_END if self.is_grouped else ""

    def split_groups(self, blocks: Iterable[Block]) -> Iterator[tuple[str, list[str], list[int]]]:
        """Split blocks by group; yield the group, the keys without it, and numbers."""
        for keys, numbers in blocks:
            if not self.is_grouped:
                yield "", keys, numbers
                continue
            start = 0
            while start < len(keys):
                group = keys[start][: keys[start].index(KEY_END)]
                stop = bisect_left(keys, group + chr(ord(KEY_END) + 1), start)
                length = len(group) + 1
                yield _unescape(group), [key[length:] for key in keys[start:stop]], numbers[start:stop]
                start = stop

    def words(self, keys: list[str]) -> list[str]:
        """Return the words of keys without group."""
        return self.unescape([key[:-2] for key in keys] if self.has_orders else keys)

    def unescape(self, words: list[str]) -> list[str]:
        """Return the original texts of words in keys."""
        return list(map(_unescape, words)) if _ESCAPE in "".join(words) else words

    def parse_orders(self, keys: list[str]) -> list[int]:
        """Return the orders of keys without group."""
        return [ord(key[-1]) - _FIRST_ORDER for key in keys] if self.has_orders else [self.orders[0]] * len(keys)

    @property
    def has_orders(self) -> bool:
        """Whether keys end with the order."""
        return self.orders[0] != self.orders[1]


def _unescape(text: str) -> str:
    """Return the original text of a group or word in a key."""
    return re.sub(_ESCAPE + "(.)", lambda match: chr(ord(match[1]) - 3), text) if _ESCAPE in text else text


class AnyCounter(Protocol):
    """Counts in memory: `PythonCounter`, or `kxcli._kernel.Counter`."""

    def add(self, data: bytes | str, group: str, is_lines: bool, has_continuation: bool, number: int = 0) -> int:
        """Count a text; `number` is that of its first document.

        Return -1, or the position of the first byte that is not UTF-8; then nothing was counted.
        """
        ...

    @property
    def weight(self) -> int:
        """Approximate bytes of memory, with those for `dump`."""
        ...

    def dump(self) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return the counts as a run, and the totals as tuples of group, order and sum."""
        ...


@dataclass
class WordCountPartial:
    """A counter in memory, and runs with the totals of their counts."""

    counter: AnyCounter | None = None
    runs: list[bytes | memoryview] = field(default_factory=list)
    totals: dict[Key, int] = field(default_factory=dict)

    def merge(self, other: "WordCountPartial") -> "WordCountPartial":
        """Add the counts of another partial, and return this one."""
        if self.counter is None:
            self.counter = other.counter
        elif other.counter is not None:
            other = other.dump_counter()
        self.runs = merge_similar(self.runs + other.runs)
        self._add_totals(other.totals)
        return self

    def dump_counter(self) -> "WordCountPartial":
        """Return a partial of runs only."""
        if self.counter is None:
            return self
        run, totals = self.counter.dump()
        dumped = WordCountPartial(None, [*self.runs, *([run] if run else [])], dict(self.totals))
        dumped._add_totals({(group, order): total for group, order, total in totals})
        return dumped

    def dump(self) -> bytes:
        """Return the counts as bytes: totals as JSON, and one run."""
        dumped = self.dump_counter()
        totals = json.dumps([(*key, total) for key, total in dumped.totals.items()]).encode("ascii")
        return b"".join((join_parts([totals]), merge_in_memory(dumped.runs)))

    @property
    def weight(self) -> int:
        """Approximate bytes of memory, without mapped files.

        Merging runs takes the memory of the merged one, twice.
        """
        counts = 0 if self.counter is None else self.counter.weight
        return counts + 3 * count_memory(self.runs) + _TOTAL_BYTES * len(self.totals)

    def _add_totals(self, totals: dict[Key, int]) -> None:
        for key, total in totals.items():
            self.totals[key] = self.totals.get(key, 0) + total


class Counts:
    """Final counts; rows are ordered by group, word and order.

    Memory grows with the totals, and with the runs that were never dumped.

    Attributes:
        totals: Sums of all counts, by group and order.
        runs: The rows, as runs to be merged.
    """

    def __init__(self, layout: KeyLayout, partial: WordCountPartial) -> None:
        self.layout = layout
        dumped = partial.dump_counter()
        self.runs, self.totals = dumped.runs, dumped.totals

    def __iter__(self) -> Iterator[Counted]:
        """Yield the rows."""
        for group, keys, numbers in self.layout.split_groups(self.blocks()):
            for order, word, number in zip(
                self.layout.parse_orders(keys), self.layout.words(keys), numbers, strict=True
            ):
                yield Counted(group, word, order, number & COUNT_MASK, number >> DOCUMENT_SHIFT)

    def blocks(self, scratch: Scratch | None = None) -> Iterator[Block]:
        """Yield the rows in blocks; if there is `scratch`, it merges many runs first."""
        runs = reduce_runs(self.runs) if scratch is None else scratch.reduce_runs(self.runs)
        return merge_runs(map(decode_run, runs))

    def count_types(self, scratch: Scratch | None = None) -> int:
        """Return the number of rows: words of a group."""
        return sum(len(keys) for keys, _ in self.blocks(scratch))

    def fits_ranking(self, room: int) -> bool:
        """Return whether the kernel can rank all rows in `room` bytes of memory."""
        rest = room - _RANKING_COPIES * sum(map(len, self.runs))
        return rest >= 0 and _RANKING_ROW_BYTES * sum(map(count_rows, self.runs)) <= rest

    def groups(self, scratch: Scratch | None = None) -> Iterator[tuple[str, Iterator[Block]]]:
        """Yield each group with its rows; keys have no group."""
        pieces = self.layout.split_groups(self.blocks(scratch))
        for group, own in groupby(pieces, key=itemgetter(0)):
            yield group, ((keys, numbers) for _, keys, numbers in own)

    def split(self, n: int) -> list[WordCountPartial]:
        """Return n partials by a hash of the word; takes the memory of the rows as bytes."""
        runs = [BytesIO() for _ in range(n)]  # `getvalue` does not copy
        parts = [WordCountPartial() for _ in range(n)]
        blocks = self.blocks()
        while some := list(islice(blocks, n)):  # a block for each part on average
            rows: list[Block] = [([], []) for _ in range(n)]
            for block in some:
                keys = iter(block[0])
                for group, own, numbers in self.layout.split_groups([block]):
                    orders, words = self.layout.parse_orders(own), self.layout.words(own)
                    for order, word, number, key in zip(orders, words, numbers, keys, strict=False):
                        at = crc32(word.encode("utf-8", "surrogatepass")) % n
                        rows[at][0].append(key)
                        rows[at][1].append(number)
                        totals = parts[at].totals
                        totals[group, order] = totals.get((group, order), 0) + (number & COUNT_MASK)
            for run, block in zip(runs, rows, strict=True):
                run.writelines(encode_run([block]))
        for part, run in zip(parts, runs, strict=True):
            part.runs = [memoryview(run.getvalue())] if run.tell() else []
        return parts


def load_partial(data: bytes | memoryview) -> WordCountPartial:
    """Return a dumped partial: a view of the data, and the totals."""
    totals, run = split_first(data)
    totals_by_key = {(group, order): total for group, order, total in json.loads(bytes(totals))}
    return WordCountPartial(runs=[run] if len(run) else [], totals=totals_by_key)
