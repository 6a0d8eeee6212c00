"""The options of a run as frozen values."""

import sys
from typing import TYPE_CHECKING, NamedTuple

from kxcli.suffixes import make_label_paths

if TYPE_CHECKING:
    from kxcli.corpus.diagnostics import OnError
    from kxcli.output.rows import RowFormat


class InputSettings(NamedTuple):
    """The inputs and how to read them."""

    inputs: tuple[str, ...]
    recursive: bool
    glob: tuple[str, ...]
    hidden: bool
    files_from: tuple[str, ...]
    null: bool
    encoding: str
    input_format: str | None
    on_error: "OnError"
    field: str | None = None
    header_in: bool | None = None
    delimiter: str | None = None  # None: that of the format
    comment: str | None = None
    skip_rows: int = 0
    decimal: str = "."
    thousands: str | None = None


class OutputSettings(NamedTuple):
    """The outputs and their format."""

    output: str | None  # None: stdout
    format: "RowFormat"
    header: bool | None  # None: the default of the format
    output_dir: str | None = None
    errors: str | None = None
    kb_cache: str | None = None
    save_idf: str | None = None
    summary: str | None = None

    @property
    def has_numbers(self) -> bool:
        """Whether the format has numbers, next to texts."""
        return self.format in ("jsonl", "parquet")

    @property
    def line_format(self) -> "RowFormat":
        """The format of lines that are encoded one by one, maybe for a Parquet file."""
        return "csv" if self.format == "parquet" else self.format

    @property
    def matrix_paths(self) -> tuple[str, ...]:
        """The files of a matrix: the labels of its rows and columns, and itself."""
        if self.format != "mtx" or self.output is None:
            return ()
        return (*make_label_paths(self.output), self.output)

    @property
    def is_terminal(self) -> bool:
        """Whether the output is a terminal."""
        return self.output in (None, "-") and sys.stdout is not None and sys.stdout.isatty()

    @property
    def written_paths(self) -> list[str | int]:
        """All paths that the run writes, and the descriptors of stdout and stderr."""
        paths = (self.output, self.output_dir, self.errors, self.kb_cache, self.save_idf, self.summary)
        return [1, 2, *self.matrix_paths, *(path for path in paths if path is not None)]


class RunSettings(NamedTuple):
    """How the work is done and reported."""

    jobs: int
    memory: int | None  # bytes; None: half of the free memory
    retries: int
    checkpoint: str | None
    cluster: str | None
    quiet: bool
    verbose: bool
    shard_size: int = 0  # bytes; only of commands that read text
