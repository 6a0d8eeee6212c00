"""Messages about the compared sides, and about a comparison without rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from kxcli.mining.keyness.comparison import ABSENCES, Absence, Comparison
from kxcli.mining.wordcount.counts import Counts
from kxcli.report import Report
from kxcli.wording import format_count, format_examples

if TYPE_CHECKING:
    from kxcli.output.rows import Cell


def describe_sides(names: Sequence[Sequence[str]], counts: Sequence[Counts]) -> str:
    """Return the inputs of target and reference, with their numbers of words.

    Args:
        names: The inputs of the target, and of the reference.
        counts: Their counts.
    """
    target, reference = (
        f"{format_examples(paths)} ({_format_size(total.totals.values(), total.layout.orders)})"
        for paths, total in zip(names, counts, strict=True)
    )
    return f"compared {target} with {reference}"


def describe_groups(totals: Mapping[str, Mapping[int, int]], orders: tuple[int, int]) -> str:
    """Return the compared groups, with their numbers of words.

    Args:
        totals: For each group, the number of words by order.
        orders: The smallest and largest n of the n-grams.
    """
    groups = [f"{name} ({_format_size(by_order.values(), orders)})" for name, by_order in totals.items()]
    return f"compared each group with the others: {format_examples(groups)}"


def explain_no_rows(
    rows: "Iterator[tuple[Cell, ...]]", absences: Iterable[Absence], comparison: Comparison, report: Report
) -> "Iterator[tuple[Cell, ...]]":
    """Yield all rows; if there is none, report why.

    Args:
        rows: The rows.
        absences: The reasons, complete at the end of `rows`.
        comparison: The tested and the returned words.
        report: Receives the reason.
    """
    is_empty = True
    for row in rows:
        is_empty = False
        yield row
    last = max(absences, key=ABSENCES.index, default=None)  # of several groups, the one that came furthest
    if is_empty and last is not None and comparison.top != 0:
        report.note(_format_absence(last, comparison))


def _format_absence(absence: Absence, comparison: Comparison) -> str:
    if absence == "count":
        return f"no word has a count of {comparison.min_count} or more; lower --min-count"
    if absence == "equal_rates":
        return "the rates of all tested words are equal"
    rate, change = ("lower", "remove") if comparison.negative else ("higher", "add")
    if absence == "rate":
        return f"no tested word has a {rate} rate in the target; {change} --negative to show the others"
    return f"no word with a {rate} rate in the target has a q_value of {comparison.max_q:g} or less; raise --max-q"


def _format_size(totals: Iterable[int], orders: tuple[int, int]) -> str:
    return format_count(sum(totals), "words" if orders == (1, 1) else "n-grams")
