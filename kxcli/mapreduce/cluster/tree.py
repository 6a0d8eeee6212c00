"""Partials that are merged part by part in a tree, while they come."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kxcli.mapreduce.cluster import work

if TYPE_CHECKING:
    from distributed import Client, Future

    Row = list[Future[Any]]  # the parts of a partial, each where it was computed

FAN_IN = 8  # partials merged in one go: all of them are on one worker at that time
URGENT = 10  # priority of what makes room, before more is mapped


class Tree:
    """Partials of batches, of which eight are merged whole and split into a row of parts, and rows merged by parts.

    To split every batch would make as many tasks for the scheduler as there are batches times parts.  Only the futures
    of what waits for others are held: what has been merged may go.
    """

    def __init__(self, client: "Client", sent: "Future[Any]", run: str, parts: int) -> None:
        self._client, self._sent, self._run, self._parts = client, sent, run, parts
        self._whole: list[Future[Any]] = []
        self._levels: list[list[Row]] = []
        self._held: dict[object, list[Future[Any]]] = {}  # what futures need, by their keys
        self._n_merged = 0

    def add(self, mapped: "Future[Any]") -> "list[Future[Any]]":
        """Take the partial of a batch; returns the futures that are new."""
        self._whole.append(mapped)
        return self._add(self._row(), 0) if len(self._whole) == FAN_IN else []

    def top(self) -> "Row":
        """Return one row of everything, which may be none; the tree is empty then."""
        rows = [self._row()] if self._whole else []
        rows += [row for level in self._levels for row in level]  # the small ones first
        self._levels = []
        while len(rows) > 1:
            rows = [*rows[FAN_IN:], self._merged(rows[:FAN_IN])]
        return rows[0] if rows else []

    def _add(self, row: "Row", level: int) -> "list[Future[Any]]":
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(row)
        if len(self._levels[level]) < FAN_IN:
            return row
        rows, self._levels[level] = self._levels[level], []
        return [*row, *self._add(self._merged(rows), level + 1)]

    def _row(self) -> "Row":
        """Return the parts of the partials that are whole yet."""
        key = self._key("split")
        numbers = range(self._parts)
        wholes, self._whole = self._whole, []
        whole: Future[Any] = self._client.submit(
            work.split, *wholes, sent=self._sent, parts=self._parts, key=key, priority=URGENT, pure=False
        )
        keys = [f"kxcli-part-{self._run}-{self._n_merged}-{number}" for number in numbers]
        row: Row = self._client.map(work.part, [whole] * self._parts, numbers, key=keys, priority=URGENT, pure=False)
        self.hold(row, [whole, *wholes])
        return row

    def _merged(self, rows: "list[Row]") -> "Row":
        key = self._key("merge")
        keys = [f"{key}-{number}" for number in range(self._parts)]
        made: Row = self._client.map(work.merged, *rows, sent=self._sent, key=keys, priority=URGENT, pure=False)
        for number, future in enumerate(made):
            self.hold([future], [row[number] for row in rows])
        return made

    def hold(self, futures: "Iterable[Future[Any]]", needed: "list[Future[Any]]") -> None:
        """Hold what futures need until they are there.

        The scheduler takes a graph in while it hears of other things: that what the graph needs is not wanted any more
        may come first, and would then cancel it.
        """
        self._held.update((future.key, needed) for future in futures)

    def futures(self) -> "Iterator[Future[Any]]":
        """Yield all that is held."""
        yield from self._whole
        for row in (*(row for level in self._levels for row in level), *self._held.values()):
            yield from row

    def let_go(self, key: object) -> None:
        """Hold no longer what a future needed that is there."""
        self._held.pop(key, None)

    def _key(self, what: str) -> str:
        self._n_merged += 1
        return f"kxcli-{what}-{self._run}-{self._n_merged}"
