"""Output of final counts: as one file, or as parts written by the workers."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from operator import itemgetter
from typing import Any, NamedTuple

from kxcli.errors import OutputError, format_reason
from kxcli.mining.wordcount.counts import Counts
from kxcli.mining.wordcount.job import WordCount
from kxcli.mining.wordcount.ranking import COLUMNS, TYPES, Ranking, encode_tsv, rank_rows
from kxcli.output import rows, sink
from kxcli.storage.temp_files import get_temporary_folder
from kxcli.tally.scratch import Scratch


class Listing(NamedTuple):
    """How counts become lines: rows, order, columns, format."""

    ranking: Ranking
    columns: tuple[str, ...]
    form: rows.RowFormat
    header: bool

    def blocks(
        self, counts: Counts, scratch: Scratch | None, accepts: Callable[[str], bool] | None = None
    ) -> Iterator[bytes]:
        """Return blocks of lines."""
        if self.form == "tsv" and accepts is None:
            room = sys.maxsize if scratch is None else scratch.room
            lines = encode_tsv(counts, self.ranking, self.columns, room)
            if lines is not None:
                return chain(rows.encode_rows([], self.columns, self.form, header=self.header), [lines])
        cells = map(itemgetter(*map(COLUMNS.index, self.columns)), rank_rows(counts, self.ranking, scratch, accepts))
        return rows.encode_rows(cells, self.columns, self.form, header=self.header, types=TYPES)


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
