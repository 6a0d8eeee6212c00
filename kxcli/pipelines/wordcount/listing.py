"""Finished counts -> lines of bytes, in one output or in parts where each is held."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

from kxcli.errors import OutputError, reason
from kxcli.mining.wordcount.counts import Counts
from kxcli.mining.wordcount.job import WordCount
from kxcli.mining.wordcount.ranking import COLUMNS, Ranking, rank_rows
from kxcli.output import rows, sink
from kxcli.storage.temp_files import temporary_folder
from kxcli.tally.scratch import Scratch


@dataclass(frozen=True)
class Listing:
    """How counts are listed: which rows in what order, their columns, and the form that lines have."""

    ranking: Ranking
    columns: tuple[str, ...]
    form: rows.Format
    header: bool

    def blocks(
        self, counts: Counts, scratch: Scratch | None, accepts: Callable[[str], bool] | None = None
    ) -> Iterator[bytes]:
        """Yield the lines, in blocks."""
        cells = map(itemgetter(*map(COLUMNS.index, self.columns)), rank_rows(counts, self.ranking, scratch, accepts))
        return rows.encode_rows(cells, self.columns, self.form, header=self.header)


@dataclass(frozen=True)
class WritePart:
    """Writes a part of the counts into a folder; it is called where the part is, on a worker of a cluster.

    memory: bytes that the worker may take for putting parts in order; None: half of what is free there.
    """

    job: WordCount
    listing: Listing
    folder: str
    memory: int | None

    def __call__(self, number: int, partial: Any) -> str:
        """Write the part of that number, and return the file's path; what is there is replaced when it is whole."""
        from kxcli.mapreduce.cluster.work import get_partial_limit  # numpy comes with it

        path = os.path.join(self.folder, f"part-{number:05}.{self.listing.form}")
        try:
            os.makedirs(self.folder, exist_ok=True)
        except OSError as error:
            raise OutputError(self.folder, reason(error), "name a folder that workers can make or write") from None
        # The files of this folder have no name that another user could take.
        scratch = Scratch(temporary_folder, get_partial_limit(self.memory))
        sink.write(self.listing.blocks(self.job.finish(partial), scratch), path, is_shared=True)
        return path


def check_folder(folder: str) -> None:
    """Raise `OutputError` where a folder for parts has something in it: parts of two runs would be mixed."""
    try:
        names = os.listdir(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise OutputError(folder, reason(error), "name a folder with --output-dir") from None
    if names:
        raise OutputError(folder, "is not empty", "empty it, or name another folder with --output-dir")
