"""Rows as a table with aligned columns, for a terminal."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple

from kxcli.output.display_width import cut_end, cut_start, measure_width, show_controls

_BLOCK_ROWS = 1_000  # rows aligned together
_MAX_PADDED = 80  # columns: a longer cell moves those at its right, but no other row
_GAP = "  "
_MIN_WIDTH = 10  # of columns that become narrower
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
        n_columns: Those of the terminal; columns of a given width become narrower, so that rows fit into them.
    """

    def __init__(
        self,
        names: Sequence[str],
        layout: Sequence[TableColumn] | None = None,
        *,
        header: bool,
        has_colors: bool = False,
        n_columns: int | None = None,
    ) -> None:
        self._names, self._layout, self._has_colors = names, layout, has_colors
        self._needs_header = header
        self._widths = [0] * len(names)
        self._n_columns = n_columns

    def encode(self, rows: Sequence[Sequence[object]]) -> bytes:
        """Return the UTF-8 lines of some rows; None is an empty cell."""
        layout = self._layout = self._layout or [
            _choose_layout([row[at] for row in rows]) for at in range(len(self._names))
        ]
        head = [[*map(show_controls, self._names)]] if self._needs_header else []
        cells = [["" if cell is None else show_controls(str(cell)) for cell in row] for row in rows]
        self._needs_header = False
        for at, column in enumerate(layout):
            if column.width is None:
                longest = max((measure_width(row[at]) for row in head + cells), default=0)
                self._widths[at] = max(self._widths[at], min(self._get_max_padded(at), longest))
        layout = self._layout = self._fit(layout)
        self._widths = [
            width if column.width is None else column.width for width, column in zip(self._widths, layout, strict=True)
        ]
        head, cells = ([[*map(_cut_cell, row, layout)] for row in part] for part in (head, cells))
        lines = [_align_row(row, layout, self._widths, has_colors=False) for row in head]
        lines += [_align_row(row, layout, self._widths, has_colors=self._has_colors) for row in cells]
        return "".join(lines).encode("utf-8", "replace")

    def _get_max_padded(self, at: int) -> int:
        """Return the limit of the width that a column has for its cells.

        On a terminal, a long cell leaves half of the columns for others, unless it is the last of its row.
        """
        is_last = at == len(self._names) - 1
        return _MAX_PADDED if self._n_columns is None or is_last else min(_MAX_PADDED, self._n_columns // 2)

    def _fit(self, layout: Sequence[TableColumn]) -> Sequence[TableColumn]:
        """Return the layout with columns that are narrow enough for the terminal."""
        given = [column.width for column in layout if column.width is not None]
        if self._n_columns is None or not given:
            return layout
        others = sum(width for width, column in zip(self._widths, layout, strict=True) if column.width is None)
        room = self._n_columns - others - len(_GAP) * (len(layout) - 1)
        limit = max(_MIN_WIDTH, room // len(given))
        return [
            column if column.width is None else column._replace(width=min(column.width, limit)) for column in layout
        ]


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


def _cut_cell(text: str, column: TableColumn) -> str:
    if column.width is None:
        return text
    return (cut_start if column.is_right else cut_end)(text, column.width)


def _align_row(cells: Sequence[str], layout: Sequence[TableColumn], widths: Sequence[int], *, has_colors: bool) -> str:
    parts = []
    for cell, column, width in zip(cells, layout, widths, strict=True):
        padding = " " * (width - measure_width(cell))
        shown = f"{_EMPHASIS}{cell}{_END_OF_EMPHASIS}" if has_colors and column.is_emphasized and cell else cell
        parts.append(padding + shown if column.is_right else shown + padding)
    return _GAP.join(parts).rstrip(" ") + "\n"
