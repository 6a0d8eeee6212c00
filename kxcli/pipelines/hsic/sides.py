"""The columns of both sides by the options -x, -y and --exclude."""

from collections.abc import Sequence

from kxcli.corpus.tables import Table, is_exclusion, select_columns
from kxcli.errors import UsageError
from kxcli.report import Report


class SideSelector:
    """Selects columns, and reports those on both sides.

    Args:
        x: The table of -x.
        y: The table of -y, which may be the same.
        exclude: The value of --exclude, which is for -x, and for -y of the same table.
        report: Receives warnings.
    """

    def __init__(self, x: Table, y: Table, exclude: str | None, report: Report) -> None:
        self._x, self._y, self._exclude, self._report = x, y, exclude, report

    def select_pair(self, x: str | None, y: str | None) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Return the columns of -x and of -y, all if an option is not given.

        Raises:
            UsageError: If --exclude leaves no column of a side, or names a column that is not selected.
        """
        columns_x, columns_y = _select(x, self._x, "-x"), _select(y, self._y, "-y")
        is_same = self._y is self._x
        excluded = self._find_excluded(columns_x + columns_y if is_same else columns_x)
        columns_x = _subtract(columns_x, excluded, "-x")
        columns_y = _subtract(columns_y, excluded, "-y") if is_same else columns_y
        self._warn_of_overlap(columns_x, columns_y, "in both -x and -y")
        return columns_x, columns_y

    def select_columns(self, x: str | None) -> tuple[int, ...]:
        """Return the columns of -x, all if it is not given."""
        columns = _select(x, self._x, "-x")
        return _subtract(columns, self._find_excluded(columns), "-x")

    def select_others(self, x: str | None, label: int) -> tuple[int, ...]:
        """Return the columns of -x to compare with a label, all others if not given."""
        columns = self.select_columns(x)
        if x is None or is_exclusion(x, self._x):
            return tuple(column for column in columns if column != label)
        self._warn_of_overlap(columns, (label,), "in -x and the label of --screen")
        return columns

    def _find_excluded(self, columns: Sequence[int]) -> tuple[int, ...]:
        """Return the columns of --exclude, all of them among the selected ones."""
        excluded = () if self._exclude is None else select_columns(self._exclude, self._x, "--exclude")
        for column in excluded:
            if column not in columns:
                raise UsageError(f"--exclude {self._exclude}: {self._x.describe_column(column)} is not selected.")
        return excluded

    def _warn_of_overlap(self, columns_x: Sequence[int], columns_y: Sequence[int], where: str) -> None:
        both = [column for column in columns_x if column in columns_y]
        if both and self._x.path == self._y.path:
            self._report.warning(f"{self._x.describe_columns(both)} {where}, so a small p-value says nothing")


def _select(columns: str | None, table: Table, option: str) -> tuple[int, ...]:
    return table.list_columns() if columns is None else select_columns(columns, table, option)


def _subtract(columns: tuple[int, ...], excluded: Sequence[int], option: str) -> tuple[int, ...]:
    rest = tuple(column for column in columns if column not in excluded)
    if columns and not rest:
        raise UsageError(f"--exclude leaves no column for {option}.")
    return rest
