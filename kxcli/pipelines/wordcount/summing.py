"""Sums of earlier outputs, for `kxcli wordcount --merge`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from kxcli.errors import UsageError
from kxcli.mining.wordcount.ranking import DISPERSION_COLUMNS
from kxcli.pipelines.session import Session
from kxcli.pipelines.wordcount.group_columns import OLD_NAME, TableColumns, find_group_columns, join_cells

if TYPE_CHECKING:
    from kxcli.corpus.count_tables import CountRow
    from kxcli.corpus.diagnostics import ReadDiagnostics
    from kxcli.corpus.sources import Source
    from kxcli.mining import Counts
    from kxcli.mining.wordcount.merging import CountSums
    from kxcli.tally.scratch import Scratch

_MAX_DIGITS = 18  # a count must fit 64 bits
_HINT = "merge only outputs of kxcli wordcount"
_NOT_ADDITIVE = {
    "per_million": "rates cannot be added; count without --per-million, then merge",
    **dict.fromkeys(DISPERSION_COLUMNS, "dispersion cannot be added; count without --dispersion, then merge"),
}
_MEMORY_SHARES = 4  # sums take one of them, and writing them some more


@contextmanager
def sum_outputs(session: Session) -> "Iterator[tuple[Counts, TableColumns, Scratch]]":
    """Add up earlier outputs; yield the sums, their columns, and a scratch folder.

    The sums are read from temporary files, which exist until the end of the block.
    """
    from kxcli.mapreduce import available
    from kxcli.mining.wordcount.merging import CountSums
    from kxcli.storage.workspace import Workspace
    from kxcli.tally.scratch import Scratch

    with Workspace() as workspace:
        memory = session.run.memory or available.get_default_memory()
        scratch = Scratch(workspace.make_folder, memory // _MEMORY_SHARES)
        with CountSums(scratch) as sums:
            columns = _add(sums, session)
            if session.sink.format == "userdict" and columns.names != ("word", "count"):
                raise UsageError("-f userdict has only words and counts; merge outputs without groups and df.")
            yield sums.counts(), columns, scratch


def _add(sums: "CountSums", session: Session) -> TableColumns:
    """Add the rows of all inputs, and return their columns."""
    from kxcli.pipelines.inputs import find_sources

    parser = RowParser()

    def add_row(source: "Source", row: "CountRow") -> int:
        parsed = parser(source, row)
        sums.add(*parsed)
        return parsed.count

    consequence = "so the sums of rare words may be too low"
    read_count_tables(find_sources(session), session, add_row, consequence)
    return parser.columns or TableColumns((), ("word", "count"))


class ParsedRow(NamedTuple):
    """The values of a row; `df` is 0 without such a column."""

    group: str
    word: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    df: int


class RowParser:
    """Parses the rows of tables that can be added up.

    Attributes:
        columns: Those of all tables so far; None before the first row.
    """

    def __init__(self) -> None:
        self.columns: TableColumns | None = None
        self._known: set[str] | None = None  # of the rows whose columns were compared last
        self._groups: tuple[str, ...] = ()
        self._first = ""

    def __call__(self, source: "Source", row: "CountRow") -> ParsedRow:
        """Return the values of a row; raise `InputError` if it cannot be added."""
        cells, position = row
        if cells.keys() != self._known:
            self._compare_columns(source, row)
        assert self.columns is not None
        count, *df = (parse_count(row, name, _HINT) for name in self.columns.others if name != "word")
        return ParsedRow(join_cells(cells, self._groups, position), str(cells["word"]), count, df[0] if df else 0)

    def _compare_columns(self, source: "Source", row: "CountRow") -> None:
        cells, position = row
        found = _choose_columns(cells, position)
        merged = found if self.columns is None else _merge_columns(self.columns, found)
        if merged is None:
            assert self.columns is not None
            position.fail(
                f"has the columns {', '.join(cells)}, but {self._first} has {', '.join(self.columns.names)}",
                "merge outputs with the same columns",
            )
        self._first = self._first or source.path
        self.columns, self._known = merged, set(cells)
        self._groups = merged.groups if set(merged.groups) <= self._known else found.groups


def read_count_tables(
    sources: "list[Source]",
    session: Session,
    add_row: "Callable[[Source, CountRow], int]",
    consequence: str,
    default_columns: tuple[str, ...] = ("word", "count"),
) -> None:
    """Read earlier outputs row by row.

    Args:
        sources: The outputs.
        session: The options and the report of the run.
        add_row: Called with each row; returns its count.
        consequence: What follows if an output has no word that occurs once, for a warning; without it, none is given.
        default_columns: The columns of a TSV or CSV file without a header, as in `read_count_rows`.
    """
    from kxcli.corpus import count_tables, diagnostics, encodings
    from kxcli.pipelines.input_messages import report_notice

    given, report = session.source, session.report

    def report_diagnostic(notice: diagnostics.Diagnostic) -> None:
        if isinstance(notice, diagnostics.SourceFacts):
            if report.summary is not None:
                report.summary.add_input(**notice._asdict())
            return
        assert isinstance(notice, diagnostics.Notice), "bad rows of an earlier output are errors"
        report_notice(notice, report)

    for source in [one.allow_append() for one in sources]:
        if report.summary is not None:
            report.summary.add_input(source.path, n_inputs=1)
        rows = count_tables.read_count_rows(
            source,
            given.input_format,
            encodings.resolve_encoding(given.encoding),
            default_columns=default_columns,
            known="count",
            report=report_diagnostic,
        )
        min_count = min((add_row(source, row) for row in rows), default=1)
        if min_count > 1 and consequence:
            why = f"the lowest count is {min_count}, as after --top or --min-count"
            report.warning(f"{source.path}: {why}, {consequence}")


def _merge_columns(left: TableColumns, right: TableColumns) -> TableColumns | None:
    """Return the columns of tables that are added up; None if they differ.

    Earlier versions named a column of groups `group`, whatever its field.
    """
    if set(left.names) == set(right.names):
        return left
    is_old = len(left.groups) == len(right.groups) == 1 and OLD_NAME in left.groups + right.groups
    if not is_old or set(left.others) != set(right.others):
        return None
    return right if left.groups == (OLD_NAME,) else left


def _choose_columns(cells: "dict[str, str | int | float]", diagnostics: "ReadDiagnostics") -> TableColumns:
    for name, hint in _NOT_ADDITIVE.items():
        if name in cells:
            diagnostics.fail(f"has the column {name}", hint)
    others = tuple(name for name in ("word", "count", "df") if name in cells)
    columns = TableColumns(find_group_columns(cells), others)
    if not {"word", "count"} <= set(others) or len(columns.names) != len(cells):
        diagnostics.fail(f"has the columns {', '.join(cells)}", _HINT)
    return columns


def parse_count(row: "CountRow", name: str, hint: str) -> int:
    """Return the integer of a cell, or fail with a hint."""
    cell = row.cells[name]
    digits = cell if isinstance(cell, str) else str(cell) if type(cell) is int else ""
    if len(digits) <= _MAX_DIGITS and digits.isascii() and digits.isdigit():
        return int(digits)
    return row.diagnostics.fail(f"has {cell!r} as its {name}, not an integer", hint)


def summarize_counts(session: Session, counts: "Counts", scratch: "Scratch") -> None:
    """Add the numbers of words and distinct words to the summary, if there is one."""
    if session.report.summary is not None:
        totals = {"tokens": sum(counts.totals.values()), "types": counts.count_types(scratch)}
        session.report.summary.totals.update(totals)
