"""One run of a command, as the pipelines need it."""

from collections.abc import Iterable, Sequence
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
        """Write blocks of lines to the output."""
        from kxcli.output import sink

        sink.write(blocks, self.sink.output)

    def write_rows(self, rows: "Iterable[Sequence[Cell]]", columns: Sequence[str]) -> None:
        """Write rows to the output in its format."""
        from kxcli.output.rows import encode_rows

        self.write(encode_rows(rows, columns, self.sink.format, header=self.has_header))
