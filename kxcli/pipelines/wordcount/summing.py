"""`kxcli wordcount --merge`: earlier outputs -> their sum."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.corpus.diagnostics import ReadDiagnostics
    from kxcli.mining import Counts
    from kxcli.mining.wordcount.merging import CountSums
    from kxcli.tally.scratch import Scratch

_DIGITS = 18  # of a count that 64 bits hold
_SHARES = 4  # of the memory: sums that are held take one, and as they are written some more


@contextmanager
def summed(
    source: InputSettings, run: RunSettings, report: Report, output: OutputSettings
) -> "Iterator[tuple[Counts, tuple[str, ...], Scratch]]":
    """Add up earlier outputs; yield the sums, their columns, and room to sort them in.

    The sums are read from temporary files, which the end of the block removes.
    """
    from kxcli.mapreduce import available
    from kxcli.mining.wordcount.merging import CountSums
    from kxcli.storage.workspace import Workspace
    from kxcli.tally.scratch import Scratch

    with Workspace() as workspace:
        scratch = Scratch(workspace.folder, (run.memory or available.get_default_memory()) // _SHARES)
        with CountSums(scratch) as sums:
            columns = _add(sums, source, report, output)
            yield sums.counts(), columns, scratch


def _add(sums: "CountSums", source: InputSettings, report: Report, output: OutputSettings) -> tuple[str, ...]:
    """Add the rows of all inputs, and return their columns."""
    from kxcli.corpus import count_tables, diagnostics, encodings
    from kxcli.pipelines import corpus_run

    def report_choice(choice: diagnostics.Diagnostic) -> None:
        assert isinstance(choice, diagnostics.Notice), "what is bad in an earlier output is an error"
        corpus_run.report_notice(choice, report)

    columns: tuple[str, ...] | None = None
    first = ""
    for found in [one.allow_append() for one in corpus_run.find_sources(source, report, output)]:
        least = None
        for cells, place in count_tables.read_count_rows(
            found,
            corpus_run.choose_format(source, by=""),
            encodings.resolve_encoding(source.encoding),
            default_columns=("word", "count"),
            known="count",
            report=report_choice,
        ):
            if columns is None:
                columns, first = _summable(cells, place), found.path
            elif set(cells) != set(columns):
                place.fail(
                    f"has the columns {', '.join(cells)}, but {first} has {', '.join(columns)}",
                    "merge equals",
                )
            numbers = [_number(cells, name, place) for name in ("count", "df") if name in columns]
            least = numbers[0] if least is None else min(least, numbers[0])
            sums.add(str(cells.get("group", "")), str(cells["word"]), numbers[0], numbers[1] if numbers[1:] else 0)
        if least is not None and least > 1:
            report.warning(
                f"{found.path}: no count is below {least}: it looks cut by --top or --min-count, "
                "so the sums of rarer words may be too low"
            )
    return columns or ("word", "count")


def _summable(cells: "dict[str, str | int | float]", diagnostics: "ReadDiagnostics") -> tuple[str, ...]:
    if "per_million" in cells:
        diagnostics.fail("has the column per_million", "rates do not add up: count without --per-million, then merge")
    columns = tuple(name for name in ("group", "word", "count", "df") if name in cells)
    if not {"word", "count"} <= set(columns) or len(columns) != len(cells):
        diagnostics.fail(f"has the columns {', '.join(cells)}", "give outputs of kxcli wordcount")
    return columns


def _number(cells: "dict[str, str | int | float]", name: str, diagnostics: "ReadDiagnostics") -> int:
    cell = cells[name]
    digits = str(cell) if type(cell) is int else cell
    if isinstance(digits, str) and digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS:
        return int(digits)
    return diagnostics.fail(f"has {cell!r} as its {name}, not a whole number", "give outputs of kxcli wordcount")
