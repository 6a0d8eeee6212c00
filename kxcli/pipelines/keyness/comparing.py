"""Two corpora, or the groups of one, counted and compared."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partial
from typing import TYPE_CHECKING, NamedTuple

from kxcli.errors import KxcliError
from kxcli.mapreduce import available
from kxcli.mining.keyness.comparison import (
    MAX_TOTAL,
    Absence,
    Comparison,
    KeynessRow,
    compare_blocks,
    shift_counts,
)
from kxcli.mining.keyness.measures import COLUMNS, Sizes
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counts import Counts, KeyLayout, WordCountPartial
from kxcli.mining.wordcount.job import WordCount
from kxcli.mining.wordcount.merging import CountSums
from kxcli.output.rows import format_shortest
from kxcli.pipelines import corpus_run
from kxcli.pipelines.keyness import messages
from kxcli.pipelines.keyness.inputs import SideInputs, TableReader, find_inputs
from kxcli.pipelines.session import Session
from kxcli.pipelines.wordcount import reading
from kxcli.pipelines.wordcount.group_columns import name_group_columns, show_group, split_groups
from kxcli.storage.workspace import Workspace
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import Block, decode_run, encode_run, merge_runs

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
        by: The fields of the groups; none if a reference is compared.
        comparison: The tested and the returned words.
        counting: The words.
        check_tables: Called if all inputs are tables of counts; raises an error for options without effect.
    """

    references: tuple[str, ...]
    by: tuple[str, ...]
    comparison: Comparison
    counting: "Counting"
    check_tables: Callable[[], None]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return (*name_group_columns(self.by), *COLUMNS)


@contextmanager
def open_comparison(session: Session, request: Request) -> "Iterator[Iterator[tuple[Cell, ...]]]":
    """Count the words of both sides, and yield an iterator over the rows."""
    with ExitStack() as stack:
        sides = [find_inputs(session, request.by, stack)]
        if not request.by:
            given = session.source._replace(inputs=request.references, files_from=())
            sides.append(find_inputs(session._replace(source=given), (), stack))
        if not any(side.texts for side in sides) and all(side.tables for side in sides):
            request.check_tables()
        workspace = stack.enter_context(Workspace())
        memory = session.run.memory or available.get_default_memory()
        scratch = Scratch(workspace.make_folder, memory // _MEMORY_SHARES)
        counts, format_row = (
            _count_sides(session, request, sides, scratch, stack),
            _make_formatter(has_numbers=session.sink.has_numbers),
        )
        if session.report.summary is not None:
            for side, suffix in zip(counts, ("", "_ref"), strict=False):
                session.report.summary.totals[f"tokens{suffix}"] = sum(side.totals.values())
        absences = set[Absence]()
        rows: Iterator[tuple[Cell, ...]]
        if not request.by:
            target, reference = counts
            session.report.note(messages.describe_sides([side.names for side in sides], counts))
            compared = _compare_corpora(target, reference, request.comparison, scratch, absences.add)
            rows = map(format_row, compared)
        else:
            by_group = _compare_groups(counts[0], request.comparison, session, scratch, absences.add)
            rows = split_groups(((group, *format_row(row)) for group, row in by_group), len(request.by))
        yield messages.explain_no_rows(rows, absences, request.comparison, session.report)


def _count_sides(
    session: Session, request: Request, sides: list[SideInputs], scratch: Scratch, stack: ExitStack
) -> list[Counts]:
    """Return the counts of the sides; their files exist until the stack is closed."""
    counting, job = request.counting, WordCount(request.counting)
    open_inputs = dictionary = None
    if any(side.texts or not side.tables for side in sides):
        dictionary = prepare(counting.segmentation, session.report.warning)
        texts = [source for side in sides for source in side.texts]
        spec = reading.make_count_spec(session, counting, request.by, takes_bytes=dictionary is not None)
        open_inputs = stack.enter_context(corpus_run.open_corpora(session, reading.MODULES, spec, texts))
    found = []
    for name, side in zip(("target", "reference"), sides, strict=False):
        counted = WordCountPartial()
        if open_inputs is not None and (side.texts or not side.tables):
            corpus = open_inputs(side.texts)
            counted = _get_partial(corpus.run(job, dictionary, name) or Counts(job.layout, counted))
        if side.tables:
            sums = stack.enter_context(CountSums(scratch, job.layout))
            TableReader(session, sums, counting.orders, name_group_columns(request.by)).read(side.tables)
            counted = counted.merge(_get_partial(sums.counts()))
        if sum(counted.totals.values()) > MAX_TOTAL:
            raise KxcliError(f"the counts of the {name} add up to more than 2**53; compare smaller corpora")
        if not any(counted.totals.values()):
            session.report.warning(f"the {name} has no words, so there is nothing to compare")
        found.append(Counts(job.layout, counted))
    return found


def _get_partial(counts: Counts) -> WordCountPartial:
    return WordCountPartial(None, list(counts.runs), counts.totals)


def _compare_corpora(
    target: Counts,
    reference: Counts,
    comparison: Comparison,
    scratch: Scratch,
    report_absence: Callable[[Absence], object],
) -> Iterator[KeynessRow]:
    sizes = _pair_sizes(_sum_by_order(target.totals), _sum_by_order(reference.totals))
    runs, runs_ref = scratch.reduce_runs(target.runs), scratch.reduce_runs(reference.runs)

    def open_blocks() -> Iterator[Block]:
        return merge_runs([*map(decode_run, runs), *(shift_counts(decode_run(run)) for run in runs_ref)])

    return compare_blocks(open_blocks, target.layout, sizes, comparison, scratch, report_absence=report_absence)


def _compare_groups(
    counts: Counts,
    comparison: Comparison,
    session: Session,
    scratch: Scratch,
    report_absence: Callable[[Absence], object],
) -> Iterator[tuple[str, KeynessRow]]:
    """Yield the rows of each group, compared with all other groups."""
    layout, names = KeyLayout(orders=counts.layout.orders), list[str]()
    by_group: dict[str, dict[int, int]] = {}
    for (name, order), total in counts.totals.items():
        by_group.setdefault(name, {})[order] = total
    together = _sum_by_order(counts.totals)
    with scratch.open_run_file() as groups_file, scratch.open_run_file() as total_file:
        for name, blocks in counts.groups(scratch):
            names.append(name)
            groups_file.add(encode_run(blocks))
        runs = groups_file.map_runs()
        total_file.add(encode_run(scratch.merge_runs(runs)))
        totals = total_file.map_runs()
        if len(names) == 1:
            session.report.warning("there is only one group, so there is nothing to compare")
        elif names:
            session.report.note(
                messages.describe_groups({show_group(name): by_group[name] for name in names}, layout.orders)
            )
        for name, run in zip(names, runs, strict=True):
            own = by_group[name]
            rest = {order: total - own.get(order, 0) for order, total in together.items()}
            sizes = _pair_sizes(own, rest)
            open_blocks = partial(_open_group, run, totals)
            for row in compare_blocks(
                open_blocks, layout, sizes, comparison, scratch, is_total=True, report_absence=report_absence
            ):
                yield name, row


def _open_group(run: memoryview, totals: Iterable[memoryview]) -> Iterator[Block]:
    """Return the rows of a group, with the counts of all groups above its own."""
    return merge_runs([decode_run(run), *(shift_counts(decode_run(total)) for total in totals)])


def _sum_by_order(totals: Mapping[tuple[str, int], int]) -> dict[int, int]:
    """Return the number of words of each order in all groups."""
    sums: dict[int, int] = {}
    for (_, order), total in totals.items():
        sums[order] = sums.get(order, 0) + total
    return sums


def _pair_sizes(target: Mapping[int, int], reference: Mapping[int, int]) -> dict[int, Sizes]:
    return {order: Sizes(total, reference.get(order, 0)) for order, total in target.items()}


def _make_formatter(*, has_numbers: bool) -> "Callable[[KeynessRow], tuple[Cell, ...]]":
    """Return a function that makes the cells of a row, with rounded numbers."""

    @lru_cache(_MAX_CACHED)
    def format_values(values: tuple[float, ...]) -> "tuple[Cell, ...]":
        rounded = [
            float(f"{value:.6g}") if name in _SIGNIFICANT else round(value, _DIGITS.get(name, 4)) + 0.0
            for name, value in zip(COLUMNS[3:], values, strict=True)
        ]
        return tuple(rounded if has_numbers else map(format_shortest, rounded))

    return lambda row: (*row[:3], *format_values(row[3:]))
