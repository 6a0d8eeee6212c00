"""Room for what memory cannot hold: runs in files that have no name, and vanish with the process whatever ends it."""

import mmap
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from types import TracebackType
from typing import IO

from kxcli.errors import OutputError, reason
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
    """A file that runs are written to one after the other, and then read through views."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._sizes: list[int] = []
        with translate_os_errors(folder):
            self._file: IO[bytes] = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 -- `__exit__` closes it

    def add(self, pieces: Iterable[bytes]) -> None:
        """Write a run."""
        size = 0
        for piece in pieces:
            with translate_os_errors(self._folder):
                self._file.write(piece)
            size += len(piece)
        self._sizes.append(size)

    def views(self) -> list[memoryview]:
        """Return the runs; they outlive this object, and take memory only for what was read of them last."""
        with translate_os_errors(self._folder):
            self._file.flush()
            if not any(self._sizes):
                return [memoryview(b"") for _ in self._sizes]
            whole = memoryview(mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ))
        views, start = [], 0
        for size in self._sizes:
            views.append(whole[start : start + size])
            start += size
        return views

    def __enter__(self) -> "RunFile":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; its views stay."""
        with translate_os_errors(self._folder):
            self._file.close()


@contextmanager
def translate_os_errors(folder: str) -> Iterator[None]:
    """Raise an `OutputError` about the folder for an `OSError` of the block."""
    try:
        yield
    except OSError as error:
        raise OutputError(folder, reason(error), "point TMPDIR at a disk with more room") from None
