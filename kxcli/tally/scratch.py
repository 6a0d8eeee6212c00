"""Room for what memory cannot hold: runs in files that have no name, and vanish with the process whatever ends it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from types import TracebackType

from kxcli.storage.temp_files import TempFile
from kxcli.tally.string_runs import BLOCK_BYTES, Block, decode_run, encode_run, merge_runs

_MIN_MERGED_RUNS = 8  # runs merged at a time: with less, rows would be written and read again very often


@dataclass(frozen=True)
class Scratch:
    """A private folder for runs that memory has no room for, and the bytes of memory that may be taken.

    folder: makes the folder, when it is first wanted.
    room: holds a block of each run that is merged; a key that is longer than a block takes its own length, too.
    """

    folder: Callable[[], str]
    room: int

    def spool(self) -> "RunFile":
        """Return a file for some runs; a block's end closes it."""
        return RunFile(self.folder())

    def reduce_runs(self, runs: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
        """Return the same rows in so few runs that their blocks have room in memory."""
        most = max(_MIN_MERGED_RUNS, self.room // BLOCK_BYTES)
        while len(runs) > most:
            rest = iter(runs)
            with self.spool() as spool:
                while some := list(islice(rest, most)):
                    spool.add(encode_run(merge_runs(map(decode_run, some))))
                runs = spool.views()
        return runs

    def merge_runs(self, runs: Sequence[bytes | memoryview], *others: Iterator[Block]) -> Iterator[Block]:
        """Yield the rows of runs, and of other ones that are in memory, as one run."""
        return merge_runs([*others, *map(decode_run, self.reduce_runs(runs))])


class RunFile:
    """A nameless file of runs: written one after the other, then read through views."""

    def __init__(self, folder: str) -> None:
        self._file = TempFile(folder)
        self._ends = [0]

    def add(self, pieces: Iterable[bytes]) -> None:
        """Write a run; raises `OutputError`."""
        for piece in pieces:
            self._file.write(piece)
        self._ends.append(self._file.size)

    def views(self) -> list[memoryview]:
        """Return the runs; they outlive this object, and take memory only for the pages that were read last."""
        whole = self._file.map()
        return [whole[start:stop] for start, stop in pairwise(self._ends)]

    def __enter__(self) -> "RunFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; its views stay."""
        self._file.close()
