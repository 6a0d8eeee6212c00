"""Two corpora, or the groups of one, counted and compared."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from kxcli.errors import KxcliError
from kxcli.mapreduce import available
from kxcli.mining.keyness.comparison import (
    COLUMNS,
    MAX_TOTAL,
    Comparison,
    KeynessRow,
    PairedCounts,
    add_pairs,
    compare_pairs,
    shift_counts,
)
from kxcli.mining.keyness.measures import Sizes
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counts import Counts, KeyLayout, WordCountPartial
from kxcli.mining.wordcount.job import WordCount
from kxcli.mining.wordcount.merging import CountSums
from kxcli.output.rows import format_shortest
from kxcli.pipelines import corpus_run
from kxcli.pipelines.keyness.inputs import SideInputs, TableReader, find_inputs
from kxcli.pipelines.session import Session
from kxcli.pipelines.wordcount import reading
from kxcli.storage.workspace import Workspace
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import decode_run, encode_run, merge_runs

if TYPE_CHECKING:
    from kxcli.mining import Counting
    from kxcli.output.rows import Cell

_MEMORY_SHARES = 4  # merging the counts of both corpora takes two of them
_DIGITS = {"per_million": 3, "per_million_ref": 3, "percent_diff": 2}  # decimals; others have 4
_MAX_CACHED = 1 << 15  # words of some 500 bytes; most have the counts of many others
_SIGNIFICANT = ("odds_ratio", "p_value", "q_value")  # columns with 6 significant digits


class Request(NamedTuple):
    """A comparison as requested.

    Attributes:
        references: The inputs of the reference; none if groups are compared.
        by: The field of the group.
        comparison: The tested and the returned words.
        counting: The words.
        check_tables: Called if all inputs are tables of counts; raises an error for options without effect.
    """

    references: tuple[str, ...]
    by: str | None
    comparison: Comparison
    counting: "Counting"
    check_tables: Callable[[], None]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return COLUMNS if self.by is None else ("group", *COLUMNS)


@contextmanager
def open_comparison(session: Session, request: Request) -> "Iterator[Iterator[tuple[Cell, ...]]]":
    """Count the words of both sides, and yield an iterator over the rows."""
    with ExitStack() as stack:
        sides = [find_inputs(session, request.by, stack)]
        if request.by is None:
            given = session.source._replace(inputs=request.references, files_from=())
            sides.append(find_inputs(session._replace(source=given), None, stack))
        if not any(side.texts for side in sides) and all(side.tables for side in sides):
            request.check_tables()
        workspace = stack.enter_context(Workspace())
        memory = session.run.memory or available.get_default_memory()
        scratch = Scratch(workspace.make_folder, memory // _MEMORY_SHARES)
        counts, format_row = _count_sides(session, request, sides, scratch, stack), _make_formatter(session.sink.format)
        if request.by is None:
            target, reference = counts
            yield map(format_row, _compare_corpora(target, reference, request.comparison, scratch))
        else:
            rows = _compare_groups(counts[0], request.comparison, session, scratch)
            yield ((group, *format_row(row)) for group, row in rows)


def _count_sides(
    session: Session, request: Request, sides: list[SideInputs], scratch: Scratch, stack: ExitStack
) -> list[Counts]:
    """Return the counts of the sides; their files exist until the stack is closed."""
    counting, job = request.counting, WordCount(request.counting)
    open_inputs = dictionary = None
    if any(side.texts or not side.tables for side in sides):
        dictionary = prepare(counting.segmentation, session.report.warning)
        spec = reading.make_count_spec(session, counting, request.by, takes_bytes=dictionary is not None)
        open_inputs = stack.enter_context(corpus_run.open_corpora(session, reading.MODULES, spec))
    found = []
    for name, side in zip(("target", "reference"), sides, strict=False):
        partial = WordCountPartial()
        if open_inputs is not None and (side.texts or not side.tables):
            corpus = open_inputs(side.texts)
            partial = _get_partial(corpus.run(job, dictionary, name) or Counts(job.layout, partial))
        if side.tables:
            sums = stack.enter_context(CountSums(scratch, job.layout))
            TableReader(session, sums, counting.orders, is_grouped=counting.is_grouped).read(side.tables)
            partial = partial.merge(_get_partial(sums.counts()))
        if sum(partial.totals.values()) > MAX_TOTAL:
            raise KxcliError(f"the counts of the {name} add up to more than 2**53; compare smaller corpora")
        if not any(partial.totals.values()):
            session.report.warning(f"the {name} has no words, so there is nothing to compare")
        found.append(Counts(job.layout, partial))
    return found


def _get_partial(counts: Counts) -> WordCountPartial:
    return WordCountPartial(None, list(counts.runs), counts.totals)


def _compare_corpora(
    target: Counts, reference: Counts, comparison: Comparison, scratch: Scratch
) -> Iterator[KeynessRow]:
    sizes = _pair_sizes(_sum_by_order(target.totals), _sum_by_order(reference.totals))
    pairs = PairedCounts(target.layout, comparison.min_count)
    add_pairs(pairs, merge_runs([target.blocks(scratch), shift_counts(reference.blocks(scratch))]))
    return compare_pairs(pairs, sizes, comparison)


def _compare_groups(
    counts: Counts, comparison: Comparison, session: Session, scratch: Scratch
) -> Iterator[tuple[str, KeynessRow]]:
    """Yield the rows of each group, compared with all other groups."""
    layout = KeyLayout(orders=counts.layout.orders)
    together = _sum_by_order(counts.totals)
    if len({group for (group, _), total in counts.totals.items() if total}) == 1:
        session.report.warning("there is only one group, so there is nothing to compare")
    with scratch.open_run_file() as own, scratch.open_run_file() as all_groups:
        for _, blocks in counts.groups(scratch):
            own.add(encode_run(blocks))
        all_groups.add(encode_run(scratch.merge_runs(own.map_runs())))
        totals = all_groups.map_runs()
        for group, blocks in counts.groups(scratch):
            totals_of_group = {order: total for (name, order), total in counts.totals.items() if name == group}
            rest = {order: total - totals_of_group.get(order, 0) for order, total in together.items()}
            pairs = PairedCounts(layout, comparison.min_count)
            merged = merge_runs([blocks, *(shift_counts(decode_run(run)) for run in totals)])
            add_pairs(pairs, merged, is_total=True)
            for row in compare_pairs(pairs, _pair_sizes(totals_of_group, rest), comparison):
                yield group, row


def _sum_by_order(totals: Mapping[tuple[str, int], int]) -> dict[int, int]:
    """Return the number of words of each order in all groups."""
    sums: dict[int, int] = {}
    for (_, order), total in totals.items():
        sums[order] = sums.get(order, 0) + total
    return sums


def _pair_sizes(target: Mapping[int, int], reference: Mapping[int, int]) -> dict[int, Sizes]:
    return {order: Sizes(total, reference.get(order, 0)) for order, total in target.items()}


def _make_formatter(row_format: str) -> "Callable[[KeynessRow], tuple[Cell, ...]]":
    """Return a function that makes the cells of a row, with rounded numbers."""

    @lru_cache(_MAX_CACHED)
    def format_values(values: tuple[float, ...]) -> "tuple[Cell, ...]":
        rounded = [
            float(f"{value:.6g}") if name in _SIGNIFICANT else round(value, _DIGITS.get(name, 4)) + 0.0
            for name, value in zip(COLUMNS[3:], values, strict=True)
        ]
        return tuple(rounded if row_format == "jsonl" else map(format_shortest, rounded))

    return lambda row: (*row[:3], *format_values(row[3:]))
