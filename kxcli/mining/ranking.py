"""Finished counts -> rows in a total order: by value, and where values are equal by the word's code points."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from operator import itemgetter
from typing import Literal, NamedTuple

from kxcli.mining.wordcount import Counts

MILLION = 1_000_000


class Row(NamedTuple):
    """A word with its counts; `documents` and `per_million` are 0 where they were not asked for."""

    group: str
    word: str
    frequency: int
    documents: int
    per_million: float


@dataclass(frozen=True)
class Ranking:
    """Which rows are given, and in what order; `top` is per group."""

    sort: Literal["count", "word"] = "count"
    top: int | None = None
    min_count: int = 1
    per_million: bool = False


def ranked(counts: Iterable[Counts], ranking: Ranking) -> Iterator[Row]:
    """Yield the rows, group after group; the orders of n-grams in a group are ranked together.

    The rate is per million of all words counted of that order in that group, before rows are cut.
    """
    groups: dict[str, list[Counts]] = {}
    for part in counts:
        groups.setdefault(part.group, []).append(part)
    for group, parts in groups.items():
        totals = [sum(part.words.values()) if ranking.per_million else 0 for part in parts]
        for word, count, number in _chosen(parts, ranking):
            rate = round(count * MILLION / totals[number], 3) if ranking.per_million else 0.0
            yield Row(group, word, count, parts[number].documents.get(word, 0), rate)


def _chosen(parts: list[Counts], ranking: Ranking) -> Iterable[tuple[str, int, int]]:
    """Return word, count and the number of the part, in order."""
    rows = [
        (word, count, number)
        for number, part in enumerate(parts)
        for word, count in part.words.items()
        if count >= ranking.min_count
    ]
    if ranking.top is not None and ranking.top < len(rows):
        least = heapq.nlargest(ranking.top, (count for _, count, _ in rows))[-1] if ranking.top else 0
        rows = [row for row in rows if row[1] >= least] if ranking.top else []
    # Two stable sorts by plain values take half the time of one by tuples.
    rows.sort(key=itemgetter(0))
    if ranking.sort == "word" and ranking.top is None:
        return rows
    rows.sort(key=itemgetter(1), reverse=True)
    del rows[len(rows) if ranking.top is None else ranking.top :]
    if ranking.sort == "word":
        rows.sort(key=itemgetter(0))
    return rows
