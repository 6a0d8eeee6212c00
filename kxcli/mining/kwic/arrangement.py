"""Rows of a concordance in another order, or a sample of them."""

import hashlib
import heapq
from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar

from kxcli.mining.kwic.job import HitRow
from kxcli.tally.row_sorter import RowSorter
from kxcli.tally.scratch import Scratch

Side = Literal["left", "right"]
RowT = TypeVar("RowT")

_NUMBER = "{:014x}"  # of a hit: 14 digits are more than any corpus has

# A key is a context, `_END`, the number of the hit, the lengths of three cells, and the cells. In a context, characters
# up to `_SHIFT` are written as `_SHIFT` and another character, in the same order, so that none is `_END` or below.
_END, _SHIFT = "\x01", "\x02"
_SHIFTED = {code: _SHIFT + chr(code + ord("0")) for code in range(3)}


def choose_sample(rows: Iterable[RowT], n: int, seed: int) -> list[RowT]:
    """Return n rows chosen at random, in their order.

    A row is chosen if the hash (BLAKE2b) of its number is among the n smallest ones, so a larger sample contains a
    smaller one.

    Args:
        rows: All rows.
        n: The number of rows; if there are fewer, all are returned.
        seed: The key of the hash.
    """
    key = str(seed).encode("ascii")[-hashlib.blake2b.MAX_KEY_SIZE :]
    chosen: list[tuple[int, int, RowT]] = []  # a heap: the largest hash and, if equal, the last row is first
    for number, row in enumerate(rows):
        digest = hashlib.blake2b(number.to_bytes(8, "little"), digest_size=8, key=key).digest()
        entry = (-int.from_bytes(digest, "little"), -number, row)
        if len(chosen) < n:
            heapq.heappush(chosen, entry)
        elif entry > chosen[0]:
            heapq.heapreplace(chosen, entry)
    return [row for _, _, row in sorted(chosen, key=lambda entry: -entry[1])]


def sort_rows(rows: Iterable[HitRow], side: Side, scratch: Scratch | None = None) -> Iterator[HitRow]:
    """Yield the rows by a context, then by their order.

    Contexts are compared by code points: the right one forwards, the left one backwards from the hit.

    Args:
        rows: The rows.
        side: The context.
        scratch: Sorts rows that exceed its memory limit; if None, all rows are sorted in memory.
    """
    with RowSorter(scratch) as sorter:
        for number, row in enumerate(rows):
            sorter.add(_encode_key(row, side, number), 0)
        for keys, _ in sorter.blocks():
            yield from map(_decode_key, keys)


def _encode_key(row: HitRow, side: Side, number: int) -> str:
    source, left, match, right = row
    context = left[::-1] if side == "left" else right
    if not context.isprintable():
        context = context.translate(_SHIFTED)
    return f"{context}{_END}{_NUMBER.format(number)}{len(left)},{len(match)},{len(right)},{left}{match}{right}{source}"


def _decode_key(key: str) -> HitRow:
    _, _, numbered = key.partition(_END)
    n_left, n_match, n_right, cells = numbered[len(_NUMBER.format(0)) :].split(",", 3)
    end_left = int(n_left)
    end_match = end_left + int(n_match)
    end_right = end_match + int(n_right)
    return cells[end_right:], cells[:end_left], cells[end_left:end_match], cells[end_match:end_right]
