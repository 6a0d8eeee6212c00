"""Named columns of TSV, CSV, JSONL and .npy tables, as numbers and texts.

- table.py joins the sources, and blocks.py makes their chunks blocks of numbers and texts.
- column_types.py decides the type of each column. number_formats.py reads numbers and dates.
- column_selection.py resolves the columns that an option names.
- delimited.py, objects.py and arrays.py read one source each; the first two read the batches of line_batches.py.
- cells.py has the rules for a missing cell.
- chunks.py has the types that the readers return.
"""

from kxcli.corpus.dialects import TableLayout
from kxcli.corpus.tables.blocks import ColumnGroup, TableBlock, join_cells
from kxcli.corpus.tables.cells import GroupCells, MixedCells, TextColumns
from kxcli.corpus.tables.column_selection import explain_single_column, is_exclusion, select_columns
from kxcli.corpus.tables.column_types import N_SURVEYED_CELLS
from kxcli.corpus.tables.number_formats import NumberFormat
from kxcli.corpus.tables.parts import TableReading
from kxcli.corpus.tables.table import Table, open_table

__all__ = [
    "N_SURVEYED_CELLS",
    "ColumnGroup",
    "GroupCells",
    "MixedCells",
    "NumberFormat",
    "Table",
    "TableBlock",
    "TableLayout",
    "TableReading",
    "TextColumns",
    "explain_single_column",
    "is_exclusion",
    "join_cells",
    "open_table",
    "select_columns",
]
