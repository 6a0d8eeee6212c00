"""Tables in Parquet and Arrow (Feather) files, by batches of rows.

pyarrow is imported only for them.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from kxcli.arrays import AnyArray
from kxcli.corpus.arrow_groups import ArrowKind, name_arrow_errors, require_pyarrow, shorten_message
from kxcli.corpus.tables.chunks import ArrayChunk, RowChunk, TablePart
from kxcli.corpus.tables.source_bytes import SourceBytes
from kxcli.errors import InputError

_MAX_CELLS = 1 << 18  # of a chunk

IterBatches = Callable[[Sequence[int]], Iterator[Any]]  # of columns by their numbers


def read(source: SourceBytes, kind: ArrowKind) -> TablePart:
    """Return the table of a file.

    Raises:
        MissingExtraError: Without pyarrow.
        InputError: If the file is damaged.
    """
    pyarrow = require_pyarrow(kind)
    with name_arrow_errors(source.path, kind):
        schema, iter_batches = (_open_parquet if kind == "parquet" else _open_arrow)(source.open_file())
    columns = _ArrowColumns(pyarrow, schema, iter_batches, source.path, kind)
    return TablePart(source.path, tuple(schema.names), len(schema.names), True, columns.read_chunks)


def _open_parquet(file: BinaryIO) -> tuple[Any, IterBatches]:
    from pyarrow import parquet

    table = parquet.ParquetFile(file)
    names = table.schema_arrow.names

    def iter_batches(columns: Sequence[int]) -> Iterator[Any]:
        requested = [names[column] for column in columns]
        return table.iter_batches(_count_rows(columns), columns=requested, use_threads=False)  # type: ignore[no-any-return, unused-ignore]

    return table.schema_arrow, iter_batches


def _open_arrow(file: BinaryIO) -> tuple[Any, IterBatches]:
    """Open an Arrow file or stream."""
    from pyarrow import ipc

    is_file = file.read(6) == b"ARROW1"
    file.seek(0)
    if not is_file:
        stream = ipc.open_stream(file)
        return stream.schema, lambda columns: _split_batches(stream, columns)

    def iter_batches(columns: Sequence[int]) -> Iterator[Any]:
        table = ipc.open_file(file, options=ipc.IpcReadOptions(included_fields=sorted(columns), use_threads=False))
        return _split_batches(map(table.get_batch, range(table.num_record_batches)), columns)

    return ipc.open_file(file).schema, iter_batches


def _split_batches(batches: Iterable[Any], columns: Sequence[int]) -> Iterator[Any]:
    n = _count_rows(columns)
    for batch in batches:
        for start in range(0, batch.num_rows, n):
            yield batch.slice(start, n)


def _count_rows(columns: Sequence[int]) -> int:
    """Return the number of rows of a chunk."""
    return max(1, _MAX_CELLS // max(1, len(columns)))


@dataclass(frozen=True)
class _ArrowColumns:
    """The columns of a file, numbers and texts by its types."""

    pyarrow: Any
    schema: Any
    iter_batches: IterBatches
    path: str
    kind: ArrowKind

    def read_chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        for column in columns:
            self._check_type(column)
        first = 1
        with name_arrow_errors(self.path, self.kind):
            for batch in self.iter_batches(columns):
                lines = np.arange(first, first + batch.num_rows)
                yield ArrayChunk(lines, {column: self._read_column(batch, column) for column in columns})
                first += batch.num_rows

    def _check_type(self, column: int) -> None:
        name, kind = self.schema.names[column], self.schema.types[column]
        if self.schema.names.count(name) > 1:
            what = f"has {self.schema.names.count(name)} columns {name!r}"
            raise InputError(self.path, what, "give them different names")
        if self.pyarrow.types.is_nested(kind):
            what = f"has {kind} in the column {name!r}, not a number or a text in each row"
            raise InputError(self.path, what, "write a column of numbers or strings for each part of it")

    def _read_column(self, batch: Any, column: int) -> AnyArray | list[str | None]:
        name = self.schema.names[column]
        try:
            return self._convert(batch.column(name))
        except self.pyarrow.ArrowException as error:
            what = f"has {self.schema.types[column]} in the column {name!r}, which cannot be read as text"
            raise InputError(
                self.path, f"{what} ({shorten_message(error)})", "write it as numbers or strings"
            ) from None

    def _convert(self, column: Any) -> AnyArray | list[str | None]:
        """Return an array of numbers with NaN for nulls, or texts with None.

        True and false, dates and times are texts.
        """
        types = self.pyarrow.types
        if types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if types.is_decimal(column.type) or types.is_float16(column.type):
            column = column.cast("float64")
        if types.is_integer(column.type) or types.is_floating(column.type):
            found: AnyArray = column.to_numpy(zero_copy_only=False)
            return found
        texts: list[str | None] = column.cast("string").to_pylist()
        return texts
