"""Rows as a table with aligned columns, for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from kxcli.output.display_width import cut_end, cut_start, measure_width, show_controls

_BLOCK_ROWS = 1_000  # rows aligned together
_MAX_PADDED = 80  # columns: a longer cell moves those at its right, but no other row
_GAP = "  "
_EMPHASIS, _END_OF_EMPHASIS = "\x1b[1;31m", "\x1b[0m"  # bold and red, as grep shows matches


class TableColumn(NamedTuple):
    """The layout of a column.

    Attributes:
        width: Columns of the terminal; a longer cell loses its end, or its start if it is aligned to the right. If
            None, those of the widest cell.
        is_right: Whether cells are aligned to the right.
        is_emphasized: Whether cells are highlighted if the terminal has colors.
    """

    width: int | None = None
    is_right: bool = False
    is_emphasized: bool = False


class TableEncoder:
    """Encodes rows block by block.

    Rows of a block are aligned by their width on a display. A later block has the same columns or, for longer cells,
    wider ones.

    Args:
        names: The names for the header.
        layout: The layout of each column; by default, numbers are aligned to the right.
        header: Whether to begin with the names.
        has_colors: Whether to highlight cells.
    """

    def __init__(
        self,
        names: Sequence[str],
        layout: Sequence[TableColumn] | None = None,
        *,
        header: bool,
        has_colors: bool = False,
    ) -> None:
        self._names, self._layout, self._has_colors = names, layout, has_colors
        self._needs_header = header
        self._widths = [0] * len(names)

    def encode(self, rows: Sequence[Sequence[object]]) -> bytes:
        """Return the UTF-8 lines of some rows; None is an empty cell."""
        layout = self._layout = self._layout or [
            _choose_layout([row[at] for row in rows]) for at in range(len(self._names))
        ]
        cells = [[*map(_format_cell, row, layout)] for row in rows]
        head = [[*map(_format_cell, self._names, layout)]] if self._needs_header else []
        self._needs_header = False
        self._widths = [
            _choose_width(width, [row[at] for row in head + cells], column)
            for at, (width, column) in enumerate(zip(self._widths, layout, strict=True))
        ]
        lines = [_align_row(row, layout, self._widths, has_colors=False) for row in head]
        lines += [_align_row(row, layout, self._widths, has_colors=self._has_colors) for row in cells]
        return "".join(lines).encode("utf-8", "replace")


def encode_table(rows: Iterable[Sequence[object]], names: Sequence[str], *, header: bool) -> Iterator[bytes]:
    """Yield blocks of UTF-8 lines, with numbers aligned to the right."""
    encoder, rest = TableEncoder(names, header=header), iter(rows)
    while block := list(islice(rest, _BLOCK_ROWS)):
        yield encoder.encode(block)
        header = False
    if header:
        yield encoder.encode([])


def _choose_layout(cells: Sequence[object]) -> TableColumn:
    return TableColumn(is_right=all(cell is None or isinstance(cell, (int, float)) for cell in cells))


def _format_cell(cell: object, column: TableColumn) -> str:
    text = show_controls("" if cell is None else str(cell))
    if column.width is None:
        return text
    return (cut_start if column.is_right else cut_end)(text, column.width)


def _choose_width(width: int, cells: Iterable[str], column: TableColumn) -> int:
    """Return the width of a column for more cells."""
    if column.width is not None:
        return column.width
    return max(width, min(_MAX_PADDED, max(map(measure_width, cells), default=0)))


def _align_row(cells: Sequence[str], layout: Sequence[TableColumn], widths: Sequence[int], *, has_colors: bool) -> str:
    parts = []
    for cell, column, width in zip(cells, layout, widths, strict=True):
        padding = " " * (width - measure_width(cell))
        shown = f"{_EMPHASIS}{cell}{_END_OF_EMPHASIS}" if has_colors and column.is_emphasized and cell else cell
        parts.append(padding + shown if column.is_right else shown + padding)
    return _GAP.join(parts).rstrip(" ") + "\n"
