"""Duplicate lines, found by 64-bit hashes in bounded memory.

The probability that any two of ten million distinct lines have the same hash is one in 300,000.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from kxcli.arrays import UInt64Array
from kxcli.arrays.hashing import hash_pieces
from kxcli.mining.newwords.alphabet import Codes
from kxcli.tally.key_runs import KeyRuns
from kxcli.tally.scratch import Scratch

_LF, _CR = 10, 13
RECORD_BITS = 32  # a line's position is the number of its record times 2^32 plus its number in the record


class FindFirstLines:
    """The job that finds the first of each set of equal lines.

    Records come with their numbers; lines end in LF.

    Args:
        scratch: Sorts positions that exceed its memory limit in `finish`; if None, all are sorted in memory.
    """

    def __init__(self, scratch: Scratch | None = None) -> None:
        self._scratch = scratch

    def __getstate__(self) -> dict[str, None]:
        return {"_scratch": None}  # workers do not call `finish`

    def setup(self, shared: None) -> None:
        """Do nothing."""

    def map(self, records: Iterable[tuple[int, Codes]]) -> KeyRuns:
        """Return the first position of each line hash."""
        found = KeyRuns(np.minimum)
        for number, codes in records:
            hashes = hash_lines(codes)
            positions = (number << RECORD_BITS) + np.arange(len(hashes), dtype=np.int64)
            order = hashes.argsort(kind="stable")
            hashes, positions = hashes[order], positions[order]
            firsts = np.flatnonzero(np.concatenate(([True], hashes[1:] != hashes[:-1]))[: len(hashes)])
            found.add((hashes[firsts], positions[firsts]))
        return found

    def merge(self, left: KeyRuns, right: KeyRuns) -> KeyRuns:
        """Add the positions of `right` to `left`."""
        left.merge(right)
        return left

    def finish(self, partial: KeyRuns) -> Iterator[UInt64Array]:
        """Yield the positions of first lines, ascending."""
        if self._scratch is None:
            for _, positions in partial.parts():
                yield np.sort(positions.astype(np.uint64))
            return
        ordered = KeyRuns()
        with self._scratch.open_run_file() as spool:
            for _, positions in partial.parts(self._scratch.room):
                some = KeyRuns()
                some.add((np.sort(positions.astype(np.uint64)), np.ones(len(positions), dtype=np.int64)))
                spool.add([some.dump()])
            for view in spool.map_runs():
                ordered.merge(KeyRuns.load(view))
        for keys, _ in ordered.parts(self._scratch.room):
            yield keys

    def dump(self, partial: KeyRuns) -> bytes:
        """Return the positions as bytes."""
        return partial.dump()

    def load(self, data: bytes | memoryview) -> KeyRuns:
        """Return dumped positions."""
        return KeyRuns.load(data, np.minimum)

    def weight(self, partial: KeyRuns) -> int:
        """Return the approximate bytes of memory of the positions."""
        return partial.weight


def hash_lines(codes: Codes) -> UInt64Array:
    """Return a hash of each line of a text, without CR before LF."""
    ends = np.flatnonzero(codes == _LF)
    if not len(ends):
        return np.empty(0, dtype=np.uint64)
    text = np.where(codes == _LF, np.uint64(0), codes.astype(np.uint64) + np.uint64(1))[: ends[-1] + 1]
    before = np.maximum(ends - 1, 0)
    text[before[(codes[before] == _CR) & (before < ends)]] = 0
    return hash_pieces(text, np.concatenate(([0], ends[:-1] + 1)))
