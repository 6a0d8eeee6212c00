"""Rows in a format: TSV, CSV, JSONL, Parquet, a table or a user dictionary."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Literal

from kxcli.output.parquet import encode_parquet
from kxcli.output.table import encode_table

RowFormat = Literal[
    "tsv", "csv", "jsonl", "parquet", "table", "userdict", "text", "mtx"
]  # text: only of `segment`; mtx: of `wordcount`


def format_shortest(number: float) -> str:
    """Return the shortest decimal number for a double: 0.2, 1, 1e-05."""
    return float.__repr__(number).removesuffix(".0")


class RoundTripFloat(float):
    """A float, written by every format with `format_shortest`."""

    def __str__(self) -> str:
        return format_shortest(self)


Cell = str | int | float | None  # None: null in JSONL and Parquet, empty in TSV and CSV
NO_TYPES: Mapping[str, type] = {}

_BLOCK_ROWS = 10_000  # rows of one block of bytes


def encode_rows(
    rows: Iterable[Sequence[Cell]],
    columns: Sequence[str],
    row_format: RowFormat,
    *,
    header: bool,
    types: Mapping[str, type] = NO_TYPES,
) -> Iterator[bytes]:
    r"""Yield blocks of UTF-8 lines, or of a Parquet file.

    A table aligns its columns. A user dictionary separates cells by a space, and has no header. TSV writes a tab, LF or
    CR in a cell as `\t`, `\n` or `\r`; it does not escape a backslash.

    Args:
        rows: The cells of each row.
        columns: The names for the header and Parquet, and the keys of JSONL.
        row_format: The format.
        header: Whether to begin with the names; always in Parquet.
        types: int or float for a column of numbers, in Parquet.
    """
    if row_format == "table":
        yield from encode_table(rows, columns, header=header)
        return
    if row_format == "parquet":
        yield from encode_parquet(rows, columns, types)
        return
    write = _WRITERS[row_format]
    lines = iter(rows)
    if header:
        yield write([columns], columns)
    while block := list(islice(lines, _BLOCK_ROWS)):
        yield write(block, columns)


def _encode_tsv(rows: Sequence[Sequence[Cell]], columns: Sequence[str]) -> bytes:
    template = "\t".join(["%s"] * len(columns)) + "\n"
    if any(None in row for row in rows):
        rows = [["" if cell is None else cell for cell in row] for row in rows]
    text = "".join([template % tuple(row) for row in rows])
    if text.count("\t") != len(rows) * (len(columns) - 1) or text.count("\n") != len(rows) or "\r" in text:
        text = "".join(["\t".join(map(escape_tsv, row)) + "\n" for row in rows])
    return text.encode("utf-8")


def escape_tsv(cell: Cell) -> str:
    """Return the text of a cell in TSV."""
    text = str(cell)
    if "\t" in text or "\n" in text or "\r" in text:
        return text.replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")
    return text


def quote_csv(cell: str) -> str:
    """Return the text of a cell in CSV."""
    if any(mark in cell for mark in ',"\r\n'):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _encode_csv(rows: Sequence[Sequence[Cell]], columns: Sequence[str]) -> bytes:
    buffer = io.StringIO()
    plain = csv.writer(buffer, lineterminator="\n")
    quoted = csv.writer(buffer, lineterminator="\n", quoting=csv.QUOTE_ALL)
    for row in rows:  # csv writes a CR unquoted, and then cannot read it
        (quoted if any(isinstance(cell, str) and "\r" in cell for cell in row) else plain).writerow(row)
    return buffer.getvalue().encode("utf-8")


def _encode_jsonl(rows: Sequence[Sequence[Cell]], columns: Sequence[str]) -> bytes:
    names = [json.dumps(column, ensure_ascii=False) for column in columns]
    lines = [
        ", ".join([f"{name}: {_encode_cell(cell)}" for name, cell in zip(names, row, strict=True)]) for row in rows
    ]
    return "".join([f"{{{line}}}\n" for line in lines]).encode("utf-8")


def _encode_cell(cell: Cell) -> str:
    return format_shortest(cell) if isinstance(cell, float) else json.dumps(cell, ensure_ascii=False)


def _encode_userdict(rows: Sequence[Sequence[Cell]], columns: Sequence[str]) -> bytes:
    return ("\n".join([" ".join(map(str, row)) for row in rows]) + "\n").encode("utf-8")


_WRITERS: dict[RowFormat, Callable[[Sequence[Sequence[Cell]], Sequence[str]], bytes]] = {
    "tsv": _encode_tsv,
    "csv": _encode_csv,
    "jsonl": _encode_jsonl,
    "userdict": _encode_userdict,
}
