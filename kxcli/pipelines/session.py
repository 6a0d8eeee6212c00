"""One run of a command, as the pipelines need it."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.output.rows import Cell


class Session(NamedTuple):
    """One run of a command: its settings, its report, its inputs and its output."""

    source: InputSettings
    sink: OutputSettings
    run: RunSettings
    report: Report

    @property
    def has_header(self) -> bool:
        """Whether the output begins with the column names."""
        return self.sink.format == "csv" if self.sink.header is None else self.sink.header

    def write(self, blocks: Iterable[bytes]) -> None:
        """Write blocks of lines to the output, unless too many documents were skipped."""
        from kxcli.output import sink

        sink.write(self._check_skips(blocks), self.sink.output)

    def _check_skips(self, blocks: Iterable[bytes]) -> Iterator[bytes]:
        """Yield the blocks; check --max-skipped before the first, and after the last.

        Most commands write when they have read all, and some while they read.
        """
        self.report.check_skips()
        yield from blocks
        self.report.check_skips()

    def write_rows(self, rows: "Iterable[Sequence[Cell]]", columns: Sequence[str], types: Mapping[str, type]) -> None:
        """Write rows to the output in its format.

        Args:
            rows: The cells of each row.
            columns: The names of the columns.
            types: int or float for a column of numbers; others are texts.
        """
        from kxcli.output.rows import encode_rows

        self.write(encode_rows(rows, columns, self.sink.format, header=self.has_header, types=types))

    def write_lines(self, lines: Iterable[bytes], columns: Sequence[str], types: Mapping[str, type]) -> None:
        """Write rows that are encoded in `OutputSettings.line_format`.

        Args:
            lines: Blocks of complete rows.
            columns: The names of the columns.
            types: int or float for a column of numbers; others are texts.
        """
        from kxcli.output.parquet import encode_csv_as_parquet
        from kxcli.output.rows import encode_rows

        if self.sink.format == "parquet":
            self.write(encode_csv_as_parquet(lines, columns, types))
        else:
            head = encode_rows([], columns, self.sink.line_format, header=True) if self.has_header else []
            self.write(chain(head, lines))
