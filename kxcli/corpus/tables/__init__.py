"""Named columns of tables: TSV, CSV, JSONL and .npy become blocks of numbers and texts.

table.py joins the sources and settles which columns are numbers; choice.py knows which columns an option names;
delimited.py, objects.py and arrays.py read one source each, out of the batches of lines that batches.py makes; cells.py
has the rules for a cell, and chunks.py what the readers hand on.
"""

from kxcli.corpus.tables.cells import Texts
from kxcli.corpus.tables.choice import chosen
from kxcli.corpus.tables.table import HEAD, Block, Group, Reading, Table, TableKind, opened

__all__ = [
    "HEAD",
    "Block",
    "Group",
    "Reading",
    "Table",
    "TableKind",
    "Texts",
    "chosen",
    "opened",
]
