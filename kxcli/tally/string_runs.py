"""Sorted runs of string keys with counts, written and merged block by block.

A run is a sequence of blocks. A block has about a thousand keys, or fewer long ones, in ascending order of code points,
and their counts. Of each run that is merged, one block is in memory.
"""

import json
import struct
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from itertools import accumulate

from kxcli.errors import DamagedPartialError
from kxcli.kernel import find_kernel
from kxcli.storage.temp_files import advise_dontneed, count_resident_bytes

BLOCK_ROWS = 1024  # of some 150 bytes each in memory
BLOCK_CHARACTERS = 1 << 16  # characters of keys that fill a block of fewer rows: keys of more than 64 on average
BLOCK_BYTES = 1 << 18  # memory of a block and of its share of the merged rows
MAX_NUMBER = (1 << 63) - 1  # of the kernel
_MAX_OPEN_RUNS = 64  # runs merged at a time: their blocks take 16 MB
DOCUMENT_SHIFT = 96  # bits of a row's number for its count; the bits above are the number of documents
COUNT_MASK = (1 << DOCUMENT_SHIFT) - 1

# Keys, ascending and distinct, and a number for each: its count, and above it the number of its documents.
# The sum of two numbers has the sums of both.
Block = tuple[list[str], list[int]]

# Number of rows, bytes of the keys, bytes of each count, bytes of each number of documents, whether the keys are JSON.
_HEAD = struct.Struct("<IQBB?")
_END = "\0"  # between keys; if a key has it, the block's keys are JSON, which is slower
_TYPES = {1: "B", 2: "H", 4: "I", 8: "Q"}
_MAX_WIDTH = 16  # bytes of a number that is too large for the types


def split_blocks(blocks: Iterable[Block]) -> Iterator[Block]:
    """Yield the rows of blocks of any size in blocks of equal size.

    A block ends at `BLOCK_ROWS` rows, or at the row that fills `BLOCK_CHARACTERS`; the last block may have fewer.
    """
    keys, numbers, size = list[str](), list[int](), 0
    for block_keys, block_numbers in blocks:
        keys += block_keys
        numbers += block_numbers
        size += sum(map(len, block_keys))
        if len(keys) >= BLOCK_ROWS or size >= BLOCK_CHARACTERS:
            start = 0
            for stop in _find_block_ends(keys):
                yield keys[start:stop], numbers[start:stop]
                start = stop
            keys, numbers = keys[start:], numbers[start:]
            size = sum(map(len, keys))
    if keys:
        yield keys, numbers


def _find_block_ends(keys: list[str]) -> Iterator[int]:
    """Yield the ends of the full blocks."""
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
    """Yield the bytes of a run, block by block."""
    for keys, numbers in split_blocks(blocks):
        yield _encode_block(keys, numbers)


def encode_sums(sums: dict[str, int]) -> Iterator[bytes]:
    """Yield a run of numbers by key."""
    keys = sorted(sums)
    return encode_run([(keys, list(map(sums.__getitem__, keys)))])


def decode_run(data: bytes | memoryview) -> Iterator[Block]:
    """Yield the blocks of a run; free the memory of a mapped file after each."""
    view = memoryview(data)
    start = 0
    while start < len(view):
        try:
            block, start = _decode_block(view, start)
        except (struct.error, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DamagedPartialError("a block of rows cannot be decoded") from error
        advise_dontneed(view)
        yield block


def _decode_block(view: memoryview, start: int) -> tuple[Block, int]:
    """Return the block at a byte, and its end; damage raises errors of several types."""
    n, size, count_width, documents_width, is_json = _HEAD.unpack_from(view, start)
    start += _HEAD.size
    if start + size + n * (count_width + documents_width) > len(view):
        raise ValueError("a truncated block")
    text = str(view[start : start + size], "utf-8", "surrogatepass")
    keys = json.loads(text) if is_json else text.split(_END)
    start += size
    numbers = _decode_numbers(view[start : start + n * count_width], count_width)
    start += n * count_width
    if documents_width:
        documents = _decode_numbers(view[start : start + n * documents_width], documents_width)
        numbers = [count | n_documents << DOCUMENT_SHIFT for count, n_documents in zip(numbers, documents, strict=True)]
        start += n * documents_width
    if not n or len(keys) != n or len(numbers) != n or (is_json and not all(isinstance(key, str) for key in keys)):
        raise ValueError("a block whose keys and counts differ in number")
    return (keys, numbers), start


def strip_documents(numbers: list[int]) -> list[int]:
    """Return the counts of numbers, without the numbers of documents."""
    return numbers if max(numbers, default=0) <= COUNT_MASK else [number & COUNT_MASK for number in numbers]


def merge_runs(runs: Iterable[Iterator[Block]]) -> Iterator[Block]:
    """Yield the rows of several runs as one run, with the sum for equal keys.

    The current blocks have all rows up to the smallest of their last keys, so these are merged together.
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
    """Merge runs in memory until few enough are left for one merge.

    Each merged run is more than twice as large as the next one, so a row is written a few times only.
    Memory: twice that of the encoded rows.
    """
    if len(runs) <= _MAX_OPEN_RUNS:
        return runs
    reduced: list[bytes | memoryview] = []
    for start in range(0, len(runs), _MAX_OPEN_RUNS):
        reduced = merge_similar([*reduced, merge_in_memory(runs[start : start + _MAX_OPEN_RUNS])])
    return reduced


def merge_similar(runs: Sequence[bytes | memoryview]) -> list[bytes | memoryview]:
    """Merge the last runs until each is more than twice as large as the next one.

    Only `bytes` are merged. Views may be of files, which are merged block by block.
    """
    merged = list(runs)
    while (
        len(merged) > 1
        and all(isinstance(run, bytes) for run in merged[-2:])
        and len(merged[-2]) <= 2 * len(merged[-1])
    ):
        merged[-2:] = [merge_in_memory(merged[-2:])]
    return merged


def merge_in_memory(runs: Sequence[bytes | memoryview]) -> bytes:
    """Return several runs as one; takes twice its memory."""
    if len(runs) == 1:
        return bytes(runs[0])
    kernel = find_kernel()
    if kernel is not None:
        with suppress(ValueError, OverflowError):  # it cannot read keys in JSON, nor numbers above 63 bits
            merged: bytes = kernel.merge_runs(runs)
            for run in runs:
                advise_dontneed(memoryview(run))
            return merged
    return b"".join(encode_run(merge_runs(map(decode_run, runs))))


def count_memory(runs: Iterable[bytes | memoryview]) -> int:
    """Return the bytes of memory that runs take, without those of mapped files."""
    return sum(count_resident_bytes(memoryview(run)) for run in runs)


def count_rows(run: bytes | memoryview) -> int:
    """Return the number of rows."""
    n_rows = start = 0
    while start < len(run):
        try:
            n, size, count_width, documents_width, _ = _HEAD.unpack_from(run, start)
        except struct.error as error:
            raise DamagedPartialError("the head of a block of rows is truncated") from error
        n_rows += n
        start += _HEAD.size + size + n * (count_width + documents_width)
    return n_rows


class _RunHead:
    """The rest of the current block of a run."""

    __slots__ = ("blocks", "keys", "numbers")

    def __init__(self, blocks: Iterator[Block]) -> None:
        self.blocks = blocks
        self.keys: list[str] = []
        self.numbers: list[int] = []

    def fill(self) -> bool:
        """Load the next block if this one is empty; return whether there are rows left."""
        while not self.keys:
            block = next(self.blocks, None)
            if block is None:
                return False
            self.keys, self.numbers = block
        return True

    def split_at(self, border: str) -> Block:
        """Remove and return the rows up to a key, inclusive."""
        n = bisect_right(self.keys, border)
        piece = self.keys[:n], self.numbers[:n]
        self.keys, self.numbers = self.keys[n:], self.numbers[n:]
        return piece


def _add_rows(pieces: Sequence[Block]) -> Block:
    """Return the rows of sorted pieces as one sorted piece."""
    if len(pieces) == 1:
        return pieces[0]
    sums: dict[str, int] = {}
    for keys, numbers in pieces:
        common = sums.keys() & keys
        before = [(key, sums[key]) for key in common]
        sums.update(zip(keys, numbers, strict=True))
        for key, number in before:
            sums[key] += number
    ordered = sorted(sums)  # Timsort merges the sorted pieces
    return ordered, list(map(sums.__getitem__, ordered))


def _encode_block(keys: list[str], numbers: list[int]) -> bytes:
    joined = _END.join(keys)
    is_json = joined.count(_END) != len(keys) - 1
    text = json.dumps(keys).encode("ascii") if is_json else joined.encode("utf-8", "surrogatepass")
    count_width, counts = _encode_numbers(strip_documents(numbers))
    documents_width, documents = 0, b""
    if max(numbers) > COUNT_MASK:
        documents_width, documents = _encode_numbers([number >> DOCUMENT_SHIFT for number in numbers])
    return b"".join((_HEAD.pack(len(keys), len(text), count_width, documents_width, is_json), text, counts, documents))


def _encode_numbers(numbers: list[int]) -> tuple[int, bytes]:
    """Return the bytes of the largest number, and all numbers at that width."""
    largest = max(numbers)
    for width, code in _TYPES.items():
        if largest < 1 << 8 * width:
            return width, array(code, numbers).tobytes()
    return _MAX_WIDTH, b"".join(number.to_bytes(_MAX_WIDTH, "little") for number in numbers)


def _decode_numbers(data: memoryview, width: int) -> list[int]:
    if width == _MAX_WIDTH:
        return [int.from_bytes(data[i : i + width], "little") for i in range(0, len(data), width)]
    numbers = array(_TYPES[width])
    numbers.frombytes(data)
    return numbers.tolist()
