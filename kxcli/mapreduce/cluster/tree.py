"""Partials that are merged part by part in a tree, while they come."""

from typing import TYPE_CHECKING, Any

from kxcli.mapreduce.cluster import work

if TYPE_CHECKING:
    from distributed import Client, Future

    Row = list[Future[Any]]  # the parts of a partial, each where it was computed

FAN_IN = 8  # partials merged in one go: all of them are on one worker at that time
URGENT = 10  # priority of what makes room, before more is mapped


class Tree:
    """Rows of parts, of which eight become one whenever there are eight that as many batches went into.

    Only the futures of rows that wait for others are held: what has been merged may go.  How they became what they are
    stays with the scheduler until the run is over, so that it can be done again where a worker dies.
    """

    def __init__(self, client: "Client", sent: "Future[Any]", run: str) -> None:
        self._client, self._sent, self._run = client, sent, run
        self._levels: list[list[Row]] = []
        self._n_merged = 0

    def add(self, row: "Row", level: int = 0) -> "Row":
        """Take a row; returns the futures that are new."""
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(row)
        if len(self._levels[level]) < FAN_IN:
            return []
        rows, self._levels[level] = self._levels[level], []
        new = self._merged(rows)
        return [*new, *self.add(new, level + 1)]

    def top(self) -> "Row":
        """Return one row of everything, which may be none; the tree is empty then."""
        rows = [row for level in self._levels for row in level]  # the small ones first
        self._levels = []
        while len(rows) > 1:
            rows = [*rows[FAN_IN:], self._merged(rows[:FAN_IN])]
        return rows[0] if rows else []

    def _merged(self, rows: "list[Row]") -> "Row":
        self._n_merged += 1
        keys = [f"kxcli-merge-{self._run}-{self._n_merged}-{part}" for part in range(len(rows[0]))]
        made: Row = self._client.map(work.merged, *rows, sent=self._sent, key=keys, priority=URGENT, pure=False)
        return made
