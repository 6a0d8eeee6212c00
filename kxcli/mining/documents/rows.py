"""Rows of word counts with document frequencies and dispersion."""

from collections.abc import Iterable, Iterator

import numpy as np

from kxcli.mining.documents.counts import DocumentCounts, DocumentGroup, Postings
from kxcli.mining.documents.dispersion import make_parts, measure_dispersion
from kxcli.mining.wordcount.counts import KEY_END, Counts, Key, KeyLayout, WordCountPartial
from kxcli.mining.wordcount.ranking import Ranking, compute_rate, select_rows
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import COUNT_MASK, DOCUMENT_SHIFT, Block, encode_run

_UNDEFINED = "nan"


def sum_documents(finished: DocumentCounts, scratch: Scratch | None = None) -> Counts:
    """Return counts by group and n-gram, with the numbers of documents.

    Args:
        finished: The counts by document.
        scratch: Receives the rows; if None, they stay in memory.
    """
    totals: dict[Key, int] = {}
    layout = finished.layout

    def iter_blocks() -> Iterator[Block]:
        for group in finished.groups(scratch):
            totals.update(_sum_sizes(group, layout))
            head = layout.head(group.name)
            for postings in group.postings:
                yield (
                    [head + (key if layout.has_orders else key[:-1]) for key in postings.keys],
                    make_numbers(postings),
                )

    run = store_run(iter_blocks(), scratch)
    return Counts(layout, WordCountPartial(None, [run], totals))


def store_run(blocks: Iterable[Block], scratch: Scratch | None) -> bytes | memoryview:
    """Return rows as a run, in a file if there is `scratch`."""
    pieces = encode_run(blocks)
    if scratch is None:
        return b"".join(pieces)
    with scratch.open_run_file() as file:
        file.add(pieces)
        return file.map_runs()[0]


def rank_dispersion(
    finished: DocumentCounts, ranking: Ranking, scratch: Scratch | None = None
) -> Iterator[tuple[str | int | float | None, ...]]:
    """Yield the rows of `rank_rows` with the values of `DISPERSION_COLUMNS`.

    Args:
        finished: The counts by document.
        ranking: The selection and order of rows.
        scratch: Sorts rows that exceed its memory limit; if None, all rows are sorted in memory.
    """
    layout = finished.layout
    for group in finished.groups(scratch):
        totals = _sum_sizes(group, layout)
        for block in select_rows(_add_dispersion(group, layout), ranking, scratch):
            ends = [key.split(KEY_END) for key in block[0]]
            words = layout.unescape([word for word, _ in ends])
            for word, (_, end), number in zip(words, ends, block[1], strict=True):
                order = layout.parse_orders([end[:1]])[0]
                values = [None if value == _UNDEFINED else float(value) for value in end.split(" ")[1:]]
                count, n_documents = number & COUNT_MASK, number >> DOCUMENT_SHIFT
                rate = compute_rate(count, totals[group.name, order]) if ranking.per_million else 0.0
                yield (group.name, word, count, n_documents, rate, n_documents, *values)


def _add_dispersion(group: DocumentGroup, layout: KeyLayout) -> Iterator[Block]:
    """Yield rows with the dispersion after their keys, a space before each value.

    No order is a space.
    """
    parts = make_parts(group.sizes)
    for postings in group.postings:
        orders = np.array(layout.parse_orders(postings.keys), np.int64) - layout.orders[0]
        measures = measure_dispersion(parts, orders, postings.documents, postings.counts, postings.starts)
        values = zip(*(map(repr, measure.tolist()) for measure in measures), strict=True)
        keys = [" ".join((key, *some)) for key, some in zip(postings.keys, values, strict=True)]
        yield keys, make_numbers(postings)


def _sum_sizes(group: DocumentGroup, layout: KeyLayout) -> dict[Key, int]:
    """Return the sum of counts of a group, by order."""
    return {(group.name, layout.orders[0] + i): int(total) for i, total in enumerate(group.sizes.sum(axis=1))}


def make_numbers(postings: Postings) -> list[int]:
    """Return the counts of n-grams, with their numbers of documents."""
    return [
        count | n_documents << DOCUMENT_SHIFT
        for count, n_documents in zip(postings.totals.tolist(), postings.frequencies.tolist(), strict=True)
    ]
