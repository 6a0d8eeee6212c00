"""Sorted runs of rows, a string key with a count each: written in blocks, and merged block by block.

A run is written as one block after the other, each with a thousand keys, or fewer that are long, ascending by code
points, and their counts.  Of many runs only the blocks at hand are in memory.
"""

import json
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from kxcli.errors import DamagedPartialError
from kxcli.storage.temp_files import advise_dontneed
from kxcli.storage.temp_files import resident_bytes as resident_bytes  # for kxcli/mining, which imports no storage

BLOCK_ROWS = 1024  # rows: of some 150 bytes each in memory, so that hundreds of runs are merged in little
BLOCK_CHARACTERS = 1 << 16  # characters of keys that fill a block of fewer rows: keys of more than 64 on average
BLOCK_BYTES = 1 << 18  # of a block and its share of what is merged from it, in memory
_MAX_OPEN_RUNS = 64  # runs merged at a time where no room is given: their blocks take 16 MB
DOCUMENT_SHIFT = 96  # bits of a row's number that are its count; what is above them counts documents
COUNT_MASK = (1 << DOCUMENT_SHIFT) - 1

# Keys, ascending and distinct, and the number of each: its count, and above that how many documents hold it.  Adding
# two such numbers adds both.
Block = tuple[list[str], list[int]]

# Rows, bytes of keys, bytes of each count, and of each number of documents, and whether keys are a list in JSON.
_HEAD = struct.Struct("<IQBB?")
_END = "\0"  # of a key but the last; where a key holds it, the block's keys are JSON, which takes longer
_TYPES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_MAX_WIDTH = 16  # bytes of a number that no type has


def split_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the rows of blocks of any size in blocks of equal size.

    A block ends at `BLOCK_ROWS` rows, or at the row that fills `BLOCK_CHARACTERS`; the last block may have fewer.
    """
    keys, numbers, size = list[str](), list[int](), 0
    for some, theirs in blocks:
        keys += some
        numbers += theirs
        size += sum(map(len, some))
        if len(keys) >= BLOCK_ROWS or size >= BLOCK_CHARACTERS:
            start = 0
            for stop in _ends(keys):
                yield keys[start:stop], numbers[start:stop]
                start = stop
            keys, numbers = keys[start:], numbers[start:]
            size = sum(map(len, keys))
    if keys:
        yield keys, numbers


def _ends(keys: list[str]) -> Iterator[int]:
    """Yield where the full blocks end."""
    start = 0
    while start < len(keys):
        stop = start + BLOCK_ROWS
        lengths = list(map(len, keys[start:stop]))
        if sum(lengths) >= BLOCK_CHARACTERS:
            stop = start + 1 + bisect_left(list(accumulate(lengths)), BLOCK_CHARACTERS)
        elif stop > len(keys):
            return
        yield stop
        start = stop


def encode_run(blocks: Iterable[Block]) -> Iterator[bytes]:
    """Yield a run as bytes."""
    for keys, numbers in split_blocks(blocks):
        yield _encode_block(keys, numbers)


def decode_run(data: bytes | memoryview) -> Iterator[Block]:
    """Yield the blocks of a run; pages of a mapped file do not stay in memory once they have been read."""
    view = memoryview(data)
    start = 0
    while start < len(view):
        try:
            block, start = _decode_block(view, start)
        except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedPartialError("a block of rows is not one that was written") from error
        advise_dontneed(view)
        yield block


def _decode_block(view: memoryview, start: int) -> tuple[Block, int]:
    """Return the block at a byte, and where it ends; raises whatever what is no block leads to."""
    n, size, of_count, of_documents, is_json = _HEAD.unpack_from(view, start)
    start += _HEAD.size
    if start + size + n * (of_count + of_documents) > len(view):
        raise ValueError("a block that is cut short")
    text = str(view[start : start + size], "utf-8", "surrogatepass")
    keys = json.loads(text) if is_json else text.split(_END)
    start += size
    numbers = _decode_numbers(view[start : start + n * of_count], of_count)
    start += n * of_count
    if of_documents:
        documents = _decode_numbers(view[start : start + n * of_documents], of_documents)
        numbers = [count | more << DOCUMENT_SHIFT for count, more in zip(numbers, documents, strict=True)]
        start += n * of_documents
    if not n or len(keys) != n or len(numbers) != n or (is_json and not all(isinstance(key, str) for key in keys)):
        raise ValueError("a block of other keys than counts")
    return (keys, numbers), start


def strip_documents(numbers: list[int]) -> list[int]:
    """Return the counts of numbers that may have numbers of documents, too."""
    return numbers if max(numbers, default=0) <= COUNT_MASK else [number & COUNT_MASK for number in numbers]


def merge_runs(runs: Iterable[Iterator[Block]]) -> Iterator[Block]:
    """Yield the rows of several runs as one run; equal keys become one, their numbers added up.

    Up to the least of the keys that end the blocks at hand, everything is at hand.
    """
    heads = [head for head in map(_RunHead, runs) if head.fill()]
    while len(heads) > 1:
        border = min([head.keys[-1] for head in heads])
        yield _add_rows([piece for head in heads if (piece := head.split_at(border))[0]])
        heads = [head for head in heads if head.fill()]
    for head in heads:
        yield head.keys, head.numbers
        yield from head.blocks


def reduce_runs(runs: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
    """Return the same rows in so few runs that they may be merged at once, in memory where there were more.

    Of what was merged so far, each run is more than twice as large as the next one: a row is written a few times only.
    Memory: twice that of the rows as bytes.
    """
    if len(runs) <= _MAX_OPEN_RUNS:
        return runs
    held: list[bytes] = []
    for start in range(0, len(runs), _MAX_OPEN_RUNS):
        held.append(_merge_to_bytes(runs[start : start + _MAX_OPEN_RUNS]))
        while len(held) > 1 and len(held[-2]) <= 2 * len(held[-1]):
            held[-2:] = [_merge_to_bytes(held[-2:])]
    return held


def _merge_to_bytes(runs: Sequence[bytes | memoryview]) -> bytes:
    return b"".join(encode_run(merge_runs(map(decode_run, runs))))


class _RunHead:
    """What is left of the block at hand of a run."""

    __slots__ = ("blocks", "keys", "numbers")

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.blocks = blocks
        self.keys: list[str] = []
        self.numbers: list[int] = []

    def fill(self) -> bool:
        """Take the next block if nothing is left of this one; return whether there is any."""
        while not self.keys:
            block = next(self.blocks, None)
            if block is None:
                return False
            self.keys, self.numbers = block
        return True

    def split_at(self, border: str) -> Block:
        """Take away the rows up to a key, that one too."""
        n = bisect_right(self.keys, border)
        piece = self.keys[:n], self.numbers[:n]
        self.keys, self.numbers = self.keys[n:], self.numbers[n:]
        return piece


def _add_rows(pieces: Sequence[Block]) -> Block:
    """Return the rows of some pieces, ascending."""
    if len(pieces) == 1:
        return pieces[0]
    sums: dict[str, int] = {}
    for keys, numbers in pieces:
        common = sums.keys() & keys
        before = [(key, sums[key]) for key in common]
        sums.update(zip(keys, numbers, strict=True))
        for key, number in before:
            sums[key] += number
    ordered = sorted(sums)  # finds the pieces, each of which is sorted, and merges them
    return ordered, list(map(sums.__getitem__, ordered))


def _encode_block(keys: list[str], numbers: list[int]) -> bytes:
    joined = _END.join(keys)
    is_json = joined.count(_END) != len(keys) - 1
    text = json.dumps(keys).encode("ascii") if is_json else joined.encode("utf-8", "surrogatepass")
    width, of_count = _encode_numbers(strip_documents(numbers))
    wide, of_documents = (
        _encode_numbers([number >> DOCUMENT_SHIFT for number in numbers]) if max(numbers) > COUNT_MASK else (0, b"")
    )
    return b"".join((_HEAD.pack(len(keys), len(text), width, wide, is_json), text, of_count, of_documents))


def _encode_numbers(numbers: list[int]) -> tuple[int, bytes]:
    """Return numbers as bytes, as few of them for each as the greatest takes."""
    greatest = max(numbers)
    for width, code in _TYPES.items():
        if greatest < 1 << 8 * width:
            return width, array(code, numbers).tobytes()
    return _MAX_WIDTH, b"".join(number.to_bytes(_MAX_WIDTH, "little") for number in numbers)


def _decode_numbers(data: memoryview, width: int) -> list[int]:
    if width == _MAX_WIDTH:
        return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]
    numbers = array(_TYPES[width])
    numbers.frombytes(data)
    return numbers.tolist()
