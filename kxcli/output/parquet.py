"""Rows as a Parquet file, written row group by row group.

pyarrow is imported only for it.
"""

import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from kxcli.errors import MissingExtraError

_BLOCK_ROWS = 8_192  # rows converted at a time
_MAX_BLOCKS, _MAX_CHARACTERS = 8, 1 << 25  # of a row group; the second one is for rows of long texts


def check_library() -> None:
    """Raise `MissingExtraError` without pyarrow."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        raise MissingExtraError("-f parquet", "parquet") from None


def encode_parquet(
    rows: Iterable[Sequence[object]], columns: Sequence[str], types: Mapping[str, type]
) -> Iterator[bytes]:
    """Yield the blocks of a file.

    The borders of row groups depend on the rows alone, and so do the bytes.

    Args:
        rows: The cells of each row; None is null.
        columns: The names of the columns.
        types: int or float for a column of numbers; others are texts, with numbers and truth values as in JSON.
    """
    schema = _make_schema(columns, types)
    import pyarrow

    def convert(block: Sequence[Sequence[object]]) -> Any:
        cells = zip(*block, strict=True) if block else [()] * len(columns)
        return pyarrow.Table.from_arrays(
            [
                pyarrow.array(map(_make_text, column) if kind == "string" else column, kind)
                for column, kind in zip(cells, schema.types, strict=True)
            ],
            schema=schema,
        )

    rest = iter(rows)
    return _write_tables(map(convert, iter(lambda: list(islice(rest, _BLOCK_ROWS)), [])), schema)


def encode_csv_as_parquet(
    blocks: Iterable[bytes], columns: Sequence[str], types: Mapping[str, type]
) -> Iterator[bytes]:
    """Yield the blocks of a file with the rows of CSV without a header.

    Args:
        blocks: Complete rows in UTF-8; an empty cell is an empty text, or a null in a column of numbers.
        columns: The names of the columns.
        types: int or float for a column of numbers.
    """
    schema = _make_schema(columns, types)
    import pyarrow
    from pyarrow import csv

    def read(block: bytes) -> Any:
        return csv.read_csv(
            pyarrow.BufferReader(block),
            csv.ReadOptions(use_threads=False, block_size=len(block), column_names=list(columns)),
            csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False),
            csv.ConvertOptions(column_types=schema, null_values=[""]),
        )

    return _write_tables(_cut(map(read, filter(None, blocks))), schema)


def _make_schema(columns: Sequence[str], types: Mapping[str, type]) -> Any:
    check_library()
    import pyarrow

    kinds: dict[type, Any] = {int: pyarrow.int64(), float: pyarrow.float64(), str: pyarrow.string()}
    return pyarrow.schema([(name, kinds[types.get(name, str)]) for name in columns])


def _make_text(cell: object) -> str | None:
    return cell if cell is None or isinstance(cell, str) else json.dumps(cell)


def _cut(tables: Iterable[Any]) -> Iterator[Any]:
    """Yield tables of `_BLOCK_ROWS` rows, and the rest."""
    import pyarrow

    pending, n = list[Any](), 0
    for table in tables:
        pending.append(table)
        n += table.num_rows
        if n >= _BLOCK_ROWS:
            joined = pyarrow.concat_tables(pending)
            n %= _BLOCK_ROWS
            for start in range(0, joined.num_rows - n, _BLOCK_ROWS):
                yield joined.slice(start, _BLOCK_ROWS)
            pending = [joined.slice(joined.num_rows - n)]
    if n:
        yield pyarrow.concat_tables(pending)


def _write_tables(tables: Iterable[Any], schema: Any) -> Iterator[bytes]:
    """Yield a file with the rows of tables of `_BLOCK_ROWS` rows, and of a last one."""
    import pyarrow
    from pyarrow import parquet

    buffer = io.BytesIO()

    def take() -> bytes:
        data = buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
        return data

    def write(group: list[Any]) -> bytes:
        # In one piece, since pages end with the pieces.
        writer.write_table(pyarrow.concat_tables(group).combine_chunks())
        return take()

    with parquet.ParquetWriter(buffer, schema) as writer:
        group, n_characters = list[Any](), 0
        for table in tables:
            group.append(table)
            n_characters += _count_characters(table)
            if len(group) == _MAX_BLOCKS or n_characters >= _MAX_CHARACTERS:
                yield write(group)
                group, n_characters = [], 0
        if group:
            yield write(group)
    yield take()


def _count_characters(table: Any) -> int:
    """Return the bytes of all texts of a table."""
    from pyarrow import compute

    sums = [compute.sum(compute.binary_length(column)).as_py() for column in table if column.type == "string"]
    return sum(filter(None, sums))
