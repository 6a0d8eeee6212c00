"""Tables in Parquet and Arrow (Feather) files, by batches of rows.

pyarrow is imported only for them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray
from kxcli.corpus.arrow_groups import (
    ArrowGroups,
    ArrowKind,
    ParquetGroups,
    name_arrow_errors,
    open_groups,
    require_pyarrow,
    shorten_message,
)
from kxcli.corpus.tables.chunks import ArrayChunk, RowChunk, TablePart
from kxcli.corpus.tables.source_bytes import SourceBytes
from kxcli.errors import InputError

_MAX_CELLS = 1 << 18  # of a chunk


def read(source: SourceBytes, kind: ArrowKind) -> TablePart:
    """Return the table of a file.

    Raises:
        MissingExtraError: Without pyarrow.
        InputError: If the file is damaged.
    """
    pyarrow = require_pyarrow(kind)
    with name_arrow_errors(source.path, kind):
        groups = open_groups(source.open_file(), kind)
    names = tuple(groups.schema.names)
    columns = _ArrowColumns(pyarrow, groups, source.path, kind)
    return TablePart(source.path, names, len(names), True, columns.read_chunks)


def _count_rows(columns: Sequence[int]) -> int:
    """Return the number of rows of a chunk."""
    return max(1, _MAX_CELLS // max(1, len(columns)))


@dataclass(frozen=True)
class _ArrowColumns:
    """The columns of a file, numbers and texts by its types."""

    pyarrow: Any
    groups: ParquetGroups | ArrowGroups
    path: str
    kind: ArrowKind

    def read_chunks(self, columns: Sequence[int]) -> Iterator[RowChunk]:
        for column in columns:
            self._check_type(column)
        first = 1
        with name_arrow_errors(self.path, self.kind):
            names = [self.groups.schema.names[column] for column in columns]
            for batch in self.groups.iter_batches(names, max_rows=_count_rows(columns)):
                lines = np.arange(first, first + batch.num_rows)
                yield ArrayChunk(lines, {column: self._read_column(batch, column) for column in columns})
                first += batch.num_rows

    def _check_type(self, column: int) -> None:
        name, kind = self.groups.schema.names[column], self.groups.schema.types[column]
        if self.groups.schema.names.count(name) > 1:
            what = f"has {self.groups.schema.names.count(name)} columns {name!r}"
            raise InputError(self.path, what, "give them different names")
        if self.pyarrow.types.is_nested(kind):
            what = f"has {kind} in the column {name!r}, not a number or a text in each row"
            raise InputError(self.path, what, "write a column of numbers or strings for each part of it")

    def _read_column(self, batch: Any, column: int) -> AnyArray | list[str | None]:
        name = self.groups.schema.names[column]
        try:
            return self._convert(batch.column(name))
        except self.pyarrow.ArrowException as error:
            what = f"has {self.groups.schema.types[column]} in the column {name!r}, which cannot be read as text"
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
