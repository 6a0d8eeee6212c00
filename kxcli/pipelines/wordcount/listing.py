"""Output of final counts: as one file, or as parts written by the workers."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from kxcli.errors import OutputError, format_reason
from kxcli.mining.wordcount.counts import Counts
from kxcli.mining.wordcount.job import WordCount
from kxcli.mining.wordcount.ranking import COLUMNS, TYPES, Ranking, encode_tsv, rank_rows
from kxcli.output import rows, sink
from kxcli.output.rows import RoundTripFloat
from kxcli.pipelines.wordcount.group_columns import split_groups
from kxcli.storage.temp_files import get_temporary_folder
from kxcli.tally.scratch import Scratch


class Listing(NamedTuple):
    """How counts become lines: rows, order, columns, format.

    Attributes:
        ranking: The rows and their order.
        groups: The columns of groups.
        columns: The other columns.
        form: The format.
        header: Whether to begin with the names of the columns.
    """

    ranking: Ranking
    groups: tuple[str, ...]
    columns: tuple[str, ...]
    form: rows.RowFormat
    header: bool

    def blocks(
        self, counts: Counts, scratch: Scratch | None, accepts: Callable[[str], bool] | None = None
    ) -> Iterator[bytes]:
        """Return blocks of lines."""
        names = (*self.groups, *self.columns)
        if self.form == "tsv" and accepts is None and counts.layout.is_grouped == bool(self.groups):
            room = sys.maxsize if scratch is None else scratch.room
            lines = encode_tsv(counts, self.ranking, self.columns, room)
            if lines is not None:
                return chain(rows.encode_rows([], names, self.form, header=self.header), [lines])
        return self.encode(rank_rows(counts, self.ranking, scratch, accepts))

    def encode(self, ranked: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
        """Return blocks of lines for rows of a group and the first ones of `COLUMNS`."""
        pick = itemgetter(0, *(1 + COLUMNS.index(column) for column in self.columns))
        cells = split_groups(map(pick, ranked), len(self.groups))
        if any(TYPES.get(column) is float for column in self.columns):
            cells = (tuple(RoundTripFloat(cell) if type(cell) is float else cell for cell in row) for row in cells)
        names = (*self.groups, *self.columns)
        return rows.encode_rows(cells, names, self.form, header=self.header, types=TYPES)


@dataclass(frozen=True)
class WritePart:
    """Writes a part of the counts into a folder, on its worker.

    Attributes:
        job: The job that made the counts.
        listing: How counts become lines.
        folder: The output folder.
        memory: Bytes for sorting; if None, half of the worker's free memory.
    """

    job: WordCount
    listing: Listing
    folder: str
    memory: int | None

    def __call__(self, number: int, partial: Any) -> str:
        """Write a part and return its path; an existing file is replaced atomically."""
        from kxcli.mapreduce.cluster.work import get_partial_limit  # imports numpy

        path = os.path.join(self.folder, f"part-{number:05}.{self.listing.form}")
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError as error:
            raise OutputError(
                self.folder, format_reason(error), "name a folder that workers can make or write"
            ) from None
        # The files in it have no name, so no other user can claim one.
        scratch = Scratch(get_temporary_folder, get_partial_limit(self.memory))
        sink.write(self.listing.blocks(self.job.finish(partial), scratch), path, is_shared=True)
        return path


def check_matrix(paths: Sequence[str]) -> None:
    """Raise `OutputError` if one of the files of a matrix cannot be written."""
    for path in reversed(paths):  # the labels are named after the last one
        sink.check_regular(path)


def check_folder(folder: str) -> None:
    """Raise `OutputError` unless a folder for parts is empty or absent."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(folder, format_reason(error), "name a folder with --output-dir") from None
    if names:
        raise OutputError(folder, "is not empty", "empty it, or name another folder with --output-dir")
