"""Rows of a concordance in another order, or a sample of them."""

import hashlib
import heapq
import sys
from collections.abc import Iterable, Iterator
from typing import Literal, TypeVar

from kxcli.mining.kwic.job import HitRow
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import encode_run

Side = Literal["left", "right"]
RowT = TypeVar("RowT")

_MIN_SORTED_BYTES = 1 << 19  # of rows sorted in memory even if the limit is lower
_POINTER_BYTES = 16  # of a row in a list, and in the array of the sort
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
    max_bytes = sys.maxsize if scratch is None else max(_MIN_SORTED_BYTES, scratch.room // 2)
    chunks = _iter_sorted_chunks(rows, side, max_bytes)
    chunk, following = next(chunks), next(chunks, None)
    if scratch is None or following is None:
        yield from map(_decode_key, chunk)
        return
    with scratch.open_run_file() as spool:
        spool.add(encode_run([(chunk, [0] * len(chunk))]))
        del chunk
        while following is not None:
            spool.add(encode_run([(following, [0] * len(following))]))
            following = next(chunks, None)
        for keys, _ in scratch.merge_runs(spool.map_runs()):
            yield from map(_decode_key, keys)


def _iter_sorted_chunks(rows: Iterable[HitRow], side: Side, max_bytes: int) -> Iterator[list[str]]:
    """Yield the sorted keys of rows in chunks of about `max_bytes`, at least one."""
    keys, size = list[str](), 0
    for number, row in enumerate(rows):
        keys.append(key := _encode_key(row, side, number))
        size += sys.getsizeof(key) + _POINTER_BYTES
        if size >= max_bytes:
            keys.sort()
            yield keys
            keys, size = [], 0
    keys.sort()
    yield keys


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
