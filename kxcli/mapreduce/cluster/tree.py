"""Merges partials part by part in a tree, as they come."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from kxcli.mapreduce.cluster import work

if TYPE_CHECKING:
    from distributed import Client, Future

    PartFutures = list[Future[Any]]  # the parts of a partial, each on the worker that computed it

_FAN_IN = 8  # partials merged in one go: one worker holds all of them at that time
URGENT = 10  # priority of what frees memory


class MergeTree:
    """Merges batches by eight, splits the sums into parts, and merges the parts.

    To split every batch would make as many tasks for the scheduler as there are batches times parts. Only the futures
    that wait for others are held, so that the scheduler can forget what has been merged.

    Args:
        client: Of the cluster.
        payload: The job on the workers.
        run: Unique in the scheduler.
        n_parts: How many parts a partial is split into.
    """

    def __init__(self, client: "Client", payload: "Future[Any]", run: str, n_parts: int) -> None:
        self._client, self._payload, self._run, self._n_parts = client, payload, run, n_parts
        self._whole: list[Future[Any]] = []
        self._levels: list[list[PartFutures]] = []
        self._needed: dict[object, list[Future[Any]]] = {}  # what a future needs, by its key
        self._n_merged = 0

    def add(self, mapped: "Future[Any]") -> "list[Future[Any]]":
        """Add the partial of a batch; return the new futures."""
        self._whole.append(mapped)
        return self._add_parts(self._split(), 0) if len(self._whole) == _FAN_IN else []

    def drain(self) -> "PartFutures":
        """Return the parts of everything and empty the tree; none if it is empty."""
        rows = [self._split()] if self._whole else []
        rows += [row for level in self._levels for row in level]  # the small ones first
        self._levels = []
        while len(rows) > 1:
            rows = [*rows[_FAN_IN:], self._merge(rows[:_FAN_IN])]
        return rows[0] if rows else []

    def hold(self, futures: "Iterable[Future[Any]]", needed: "list[Future[Any]]") -> None:
        """Hold the inputs of futures until these are done.

        The scheduler adds a graph while it processes other messages. If the message that the inputs are no longer
        needed came first, the scheduler would cancel the graph.
        """
        self._needed.update((future.key, needed) for future in futures)

    def release(self, key: object) -> None:
        """Release the inputs of a finished future."""
        self._needed.pop(key, None)

    def iter_futures(self) -> "Iterator[Future[Any]]":
        """Yield all held futures."""
        yield from self._whole
        for row in (*(row for level in self._levels for row in level), *self._needed.values()):
            yield from row

    def _add_parts(self, row: "PartFutures", level: int) -> "list[Future[Any]]":
        if level == len(self._levels):
            self._levels.append([])
        self._levels[level].append(row)
        if len(self._levels[level]) < _FAN_IN:
            return row
        rows, self._levels[level] = self._levels[level], []
        return [*row, *self._add_parts(self._merge(rows), level + 1)]

    def _split(self) -> "PartFutures":
        """Merge the whole partials and split the sum into parts."""
        key = self._make_key("split")
        numbers = range(self._n_parts)
        wholes, self._whole = self._whole, []
        whole: Future[Any] = self._client.submit(
            work.split_batches,
            *wholes,
            payload=self._payload,
            n_parts=self._n_parts,
            key=key,
            priority=URGENT,
            pure=False,
        )
        keys = [f"kxcli-part-{self._run}-{self._n_merged}-{number}" for number in numbers]
        row: PartFutures = self._client.map(
            work.get_part, [whole] * self._n_parts, numbers, key=keys, priority=URGENT, pure=False
        )
        self.hold(row, [whole, *wholes])
        return row

    def _merge(self, rows: "list[PartFutures]") -> "PartFutures":
        key = self._make_key("merge")
        keys = [f"{key}-{number}" for number in range(self._n_parts)]
        merged: PartFutures = self._client.map(
            work.merge_parts, *rows, payload=self._payload, key=keys, priority=URGENT, pure=False
        )
        for number, future in enumerate(merged):
            self.hold([future], [row[number] for row in rows])
        return merged

    def _make_key(self, what: str) -> str:
        self._n_merged += 1
        return f"kxcli-{what}-{self._run}-{self._n_merged}"
