"""Sorted runs in nameless files."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

from kxcli.storage.temp_files import TempFile
from kxcli.tally.string_runs import BLOCK_BYTES, Block, decode_run, encode_run, merge_runs

_MIN_MERGED_RUNS = 8  # runs merged at a time: with fewer, rows are written and read again often


class Scratch(NamedTuple):
    """A private folder for runs, and the memory for merging them.

    Attributes:
        make_folder: Returns the folder, and creates it on the first call.
        room: Bytes of memory for a block of each run that is merged; a longer key takes its own length.
    """

    make_folder: Callable[[], str]
    room: int

    def open_run_file(self) -> "RunFile":
        """Open a file for runs; the end of a `with` block closes it."""
        return RunFile(self.make_folder())

    def reduce_runs(self, runs: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """Merge runs until a block of each fits into memory."""
        limit = max(_MIN_MERGED_RUNS, self.room // BLOCK_BYTES)
        while len(runs) > limit:
            rest = iter(runs)
            with self.open_run_file() as file:
                while some := list(islice(rest, limit)):
                    file.add(encode_run(merge_runs(map(decode_run, some))))
                runs = file.map_runs()
        return runs

    def merge_runs(self, runs: Sequence[bytes | memoryview]) -> Iterator[Block]:
        """Yield the rows of runs as one run."""
        return merge_runs(map(decode_run, self.reduce_runs(runs)))


class RunFile(TempFile):
    """A nameless file of runs: written one after the other, then read through views."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder)
        self._ends = [0]

    def add(self, pieces: Iterable[bytes]) -> None:
        """Write a run."""
        for piece in pieces:
            self.write(piece)
        self._ends.append(self.size)

    def map_runs(self) -> list[memoryview]:
        """Return the runs as views, valid after the file is closed, too."""
        whole = self.map()
        return [whole[start:stop] for start, stop in pairwise(self._ends)]
