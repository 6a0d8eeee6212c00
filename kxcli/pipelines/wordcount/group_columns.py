"""The columns of groups: their names, and the cells of a group in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kxcli.corpus.groups import PATH_PARTS, SEPARATOR
from kxcli.corpus.row_reader import is_unicode
from kxcli.errors import UsageError
from kxcli.mining.wordcount.ranking import DISPERSION_COLUMNS

if TYPE_CHECKING:
    from kxcli.corpus.diagnostics import ReadDiagnostics

PREFIX = "group_"  # of a column that would be named like another one
OLD_NAME = "group"  # of the only column of groups in outputs of earlier versions
# All other columns of word counts and of their comparison. No column of groups has such a name.
OTHER_COLUMNS = frozenset(
    {
        *("word", "count", "df", "per_million", *DISPERSION_COLUMNS),
        *("count_ref", "per_million_ref", "log_likelihood", "log_ratio", "percent_diff", "odds_ratio", "log_odds_z"),
        *("p_value", "q_value"),
    }
)


class TableColumns(NamedTuple):
    """The columns of a table of counts: those of groups, and the others."""

    groups: tuple[str, ...]
    others: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """All columns."""
        return self.groups + self.others


def name_group_columns(by: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of groups by fields or by parts of the path.

    Raises:
        UsageError: Two columns have the same name.
    """
    columns: list[str] = []
    for field in by:
        name = field[1:] if field in PATH_PARTS else field
        column = PREFIX + name if name in OTHER_COLUMNS else name
        if column in columns:
            raise UsageError(f"--by gives two columns the name {column!r}; name each field once.")
        columns.append(column)
    return tuple(columns)


def find_group_columns(columns: Iterable[str]) -> tuple[str, ...]:
    """Return the columns of groups in a table of counts: those before its words."""
    found: list[str] = []
    for name in columns:
        if name == "word":
            break
        if name not in OTHER_COLUMNS:
            found.append(name)
    return tuple(found)


def join_cells(cells: Mapping[str, object], columns: Iterable[str], diagnostics: "ReadDiagnostics") -> str:
    """Return the group of a row; an invalid cell is an error at its line."""
    values: list[str] = []
    for column in columns:
        value = cells[column]
        if not isinstance(value, str) or SEPARATOR in value or not is_unicode(value):
            diagnostics.fail(f"has {value!r} in the column {column!r}, not a group", "give an output as it was written")
        values.append(value)
    return SEPARATOR.join(values)


def split_groups(rows: Iterable[Sequence[Any]], n_columns: int) -> Iterator[tuple[Any, ...]]:
    """Split the first value of each row, a group, into its cells.

    Args:
        rows: The rows.
        n_columns: The number of columns of groups.
    """
    if n_columns == 1:
        return map(tuple, rows)
    return ((*(row[0].split(SEPARATOR) if n_columns else ()), *row[1:]) for row in rows)


def show_group(group: str) -> str:
    """Return a group for messages."""
    # Commas are between groups.
    return group.replace(SEPARATOR, " | ")
