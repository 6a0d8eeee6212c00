"""Finished counts -> rows in a total order: by value, and where values are equal by the word's code points."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import repeat
from operator import itemgetter
from typing import Literal

from kxcli.mining.wordcount import Counts

MILLION = 1_000_000


# Group, word, count, documents, rate per million; the last two are 0 where they were not asked for.  A plain tuple:
# there are as many as distinct words, and naming the cells of each would take longer than sorting them.
Row = tuple[str, str, int, int, float]
COLUMNS = ("group", "word", "count", "df", "per_million")


@dataclass(frozen=True)
class Ranking:
    """Which rows are given, and in what order; `top` is per group."""

    sort: Literal["count", "word"] = "count"
    top: int | None = None
    min_count: int = 1
    per_million: bool = False


def ranked(finished: Iterable[Counts], ranking: Ranking) -> Iterator[Row]:
    """Yield the rows, group after group; the orders of n-grams in a group are ranked together.

    The rate is per million of all words counted of that order in that group, before rows are cut.
    """
    groups: dict[str, list[Counts]] = {}
    for part in finished:
        groups.setdefault(part.group, []).append(part)
    for group, parts in groups.items():
        totals = [sum(part.words.values()) if ranking.per_million else 0 for part in parts]
        rows = _chosen(parts, ranking)
        if not rows:
            continue
        words, counted, _ = zip(*rows, strict=True)
        documents: Iterable[int] = repeat(0)
        rates: Iterable[float] = repeat(0.0)
        if any(part.documents for part in parts):
            documents = (parts[number].documents[word] for word, _, number in rows)
        if ranking.per_million:
            rates = (round(count * MILLION / totals[number], 3) for _, count, number in rows)
        yield from zip(repeat(group), words, counted, documents, rates, strict=False)


def _chosen(parts: list[Counts], ranking: Ranking) -> list[tuple[str, int, int]]:
    """Return word, count and the number of the part, in order."""
    rows: list[tuple[str, int, int]] = []
    for number, part in enumerate(parts):
        rows += zip(part.words.keys(), part.words.values(), repeat(number), strict=False)
    if ranking.min_count > 1:
        rows = [row for row in rows if row[1] >= ranking.min_count]
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
