"""Sums of earlier outputs, for `kxcli wordcount --merge`."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.corpus.diagnostics import ReadDiagnostics
    from kxcli.mining import Counts
    from kxcli.mining.wordcount.merging import CountSums
    from kxcli.tally.scratch import Scratch

_MAX_DIGITS = 18  # a count must fit 64 bits
_MEMORY_SHARES = 4  # sums take one of them, and writing them some more


@contextmanager
def sum_outputs(session: Session) -> "Iterator[tuple[Counts, tuple[str, ...], Scratch]]":
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
            yield sums.counts(), columns, scratch


def _add(sums: "CountSums", session: Session) -> tuple[str, ...]:
    """Add the rows of all inputs, and return their columns."""
    from kxcli.corpus import count_tables, diagnostics, encodings
    from kxcli.pipelines import corpus_run

    source, report = session.source, session.report

    def report_notice(notice: diagnostics.Diagnostic) -> None:
        assert isinstance(notice, diagnostics.Notice), "bad rows of an earlier output are errors"
        corpus_run.report_notice(notice, report)

    columns: tuple[str, ...] | None = None
    first = ""
    for found in [one.allow_append() for one in corpus_run.find_sources(session)]:
        min_count = None
        for cells, position in count_tables.read_count_rows(
            found,
            corpus_run.choose_format(source, by=""),
            encodings.resolve_encoding(source.encoding),
            default_columns=("word", "count"),
            known="count",
            report=report_notice,
        ):
            if columns is None:
                columns, first = _choose_columns(cells, position), found.path
            elif set(cells) != set(columns):
                position.fail(
                    f"has the columns {', '.join(cells)}, but {first} has {', '.join(columns)}",
                    "merge outputs with the same columns",
                )
            count, *df = (_parse_count(cells, name, position) for name in ("count", "df") if name in columns)
            min_count = count if min_count is None else min(min_count, count)
            sums.add(str(cells.get("group", "")), str(cells["word"]), count, df[0] if df else 0)
        if min_count is not None and min_count > 1:
            report.warning(
                f"{found.path}: the lowest count is {min_count}, as after --top or --min-count, "
                "so the sums of rare words may be too low"
            )
    return columns or ("word", "count")


def _choose_columns(cells: "dict[str, str | int | float]", diagnostics: "ReadDiagnostics") -> tuple[str, ...]:
    if "per_million" in cells:
        diagnostics.fail("has the column per_million", "rates cannot be added; count without --per-million, then merge")
    columns = tuple(name for name in ("group", "word", "count", "df") if name in cells)
    if not {"word", "count"} <= set(columns) or len(columns) != len(cells):
        diagnostics.fail(f"has the columns {', '.join(cells)}", "merge only outputs of kxcli wordcount")
    return columns


def _parse_count(cells: "dict[str, str | int | float]", name: str, diagnostics: "ReadDiagnostics") -> int:
    cell = cells[name]
    digits = str(cell) if type(cell) is int else cell
    if isinstance(digits, str) and digits.isascii() and digits.isdigit() and len(digits) <= _MAX_DIGITS:
        return int(digits)
    return diagnostics.fail(f"has {cell!r} as its {name}, not an integer", "merge only outputs of kxcli wordcount")
