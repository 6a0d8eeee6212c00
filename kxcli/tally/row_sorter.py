"""Rows in the order of their keys, sorted in bounded memory."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from types import TracebackType

from kxcli.tally.scratch import RunFile, Scratch
from kxcli.tally.string_runs import BLOCK_ROWS, Block, encode_run

_ROW_BYTES = 256  # of a row in a sort: its key, its number and its position
_CHARACTER_BYTES = 4  # additional, per character of the key
_MIN_SORTED = 1 << 10  # rows sorted in memory even if the limit is lower


class RowSorter:
    """Collects rows with distinct keys, and yields them in order.

    Args:
        scratch: Receives rows that exceed the memory; if None, all rows stay in memory.
        share: The part of the memory of `scratch` for the rows is 1 / share.
        top: The number of rows from the first one on that are needed; None for all.
    """

    def __init__(self, scratch: Scratch | None = None, share: int = 1, top: int | None = None) -> None:
        self._scratch = scratch
        self._room = sys.maxsize if scratch is None else scratch.room // share
        self._top = top
        self._max_rows = sys.maxsize if top is None else 2 * top + _MIN_SORTED
        self._rows: list[tuple[str, int]] = []
        self._size = 0
        self._stack = ExitStack()
        self._file: RunFile | None = None

    def __enter__(self) -> "RowSorter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def add(self, key: str, number: int) -> None:
        """Add a row."""
        self._rows.append((key, number))
        self._size += _ROW_BYTES + _CHARACTER_BYTES * len(key)
        if len(self._rows) >= self._max_rows or (self._size >= self._room and len(self._rows) >= _MIN_SORTED):
            self._reduce()

    def blocks(self) -> Iterator[Block]:
        """Yield the rows in the order of their keys, in blocks."""
        if self._file is None or self._scratch is None:
            self._rows.sort()
            yield from _iter_blocks(self._rows[: self._top])
            return
        self._spill()
        n_left = sys.maxsize if self._top is None else self._top
        for keys, numbers in self._scratch.merge_runs(self._file.map_runs()):
            yield keys[:n_left], numbers[:n_left]
            n_left -= len(keys)
            if n_left <= 0:
                return

    def _reduce(self) -> None:
        """Drop rows after the top, or move all to the file if the rest is large."""
        if self._top is not None:
            self._rows.sort()
            del self._rows[self._top :]
            self._size = sum(_ROW_BYTES + _CHARACTER_BYTES * len(key) for key, _ in self._rows)
        if self._scratch is not None and self._size > self._room // 2:
            self._spill()

    def _spill(self) -> None:
        assert self._scratch is not None, "without files, all rows stay in memory"
        self._file = self._file or self._stack.enter_context(self._scratch.open_run_file())
        self._rows.sort()
        self._file.add(encode_run(_iter_blocks(self._rows)))
        self._rows, self._size = [], 0


def _iter_blocks(rows: Iterable[tuple[str, int]]) -> Iterator[Block]:
    """Yield rows in blocks."""
    some = list(rows)
    for start in range(0, len(some), BLOCK_ROWS):
        block = some[start : start + BLOCK_ROWS]
        yield [key for key, _ in block], [number for _, number in block]
