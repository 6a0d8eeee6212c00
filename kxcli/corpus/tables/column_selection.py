"""The columns of an option: by name, by number, by range."""

import re
from typing import NoReturn

from kxcli.corpus.dialects import WHITE
from kxcli.corpus.tables.table import Table
from kxcli.errors import InputError, UsageError
from kxcli.wording import format_names, shorten

_NUMBER = re.compile(r"[0-9]{1,18}")


def select_columns(text: str, table: Table, option: str) -> tuple[int, ...]:
    """Return the columns of an option's value, numbered from 0, in its order.

    The value is the name of a column, or a list, separated by commas, of names, numbers from 1, and ranges `a:b` or
    `a-b` with both ends; after `!`, all other columns. An exact name has priority over all other meanings. White space
    around a part is ignored, unless it belongs to a name.

    Raises:
        InputError: For a column that the table does not have.
        UsageError: For an invalid list.
    """
    if not is_exclusion(text, table):
        return _ColumnSelector(text, table, option).columns()
    excluded = set(_ColumnSelector(text[1:], table, option).columns())
    rest = tuple(column for column in table.list_columns() if column not in excluded)
    if not rest:
        raise UsageError(f"{option} {text!r}: no column remains.")
    return rest


def is_exclusion(text: str, table: Table) -> bool:
    """Return whether an option selects all columns but some, as `!notes` does."""
    return text.startswith("!") and text not in table.names


def explain_single_column(table: Table) -> str:
    """Return why a table may have one column only, with the fix, or "" if unknown."""
    only = table.names[0] if len(table.names) == 1 else ""
    _, below = table.row_below or (0, ())
    values = ",".join(cell or "" for cell in below)
    sign, given = only[:1], table.delimiter
    if sign and sign in "{[":
        reason = "if it is JSON, use --input-format jsonl, an object per line"
    elif sign and sign in "#%":
        reason = f"if lines that begin with it are comments, use --comment '{sign}'"
    elif ";" in only and given != ";":
        decimal = " and, if numbers have a comma, --decimal ','" if "," in values else ""
        reason = f"if the columns are separated by semicolons, use --delimiter ';'{decimal}"
    elif "\t" in only and given != "\t":
        way = "--delimiter tab" if given else "--input-format tsv"
        reason = f"if the columns are separated by tabs, use {way}"
    elif "," in only and given != ",":
        commas = "if the columns are separated by commas, use --delimiter ','"
        reason = commas if given else "if it is CSV, use --input-format csv"
    elif "|" in only and given != "|":
        reason = "if the columns are separated by bars, use --delimiter '|'"
    elif given != WHITE and 1 < len(only.split()) <= len(values.split()):
        reason = "if the columns are separated by white space, use --delimiter white"
    else:
        return ""
    instead = f" instead of {given!r}" if given and " --delimiter " in reason else ""
    return f"it has one column, {shorten(only)!r}: {reason}{instead}"


class _ColumnSelector:
    def __init__(self, text: str, table: Table, option: str) -> None:
        self._text, self._table, self._option = text, table, option

    def columns(self) -> tuple[int, ...]:
        if self._text in self._table.names:
            return (self._find_name(self._text),)
        found: list[int] = []
        for part in self._text.split(","):
            found.extend(self._parse_part(part))
        seen: set[int] = set()
        for column in found:
            if column in seen:
                self._refuse(f"{self._table.describe_column(column)} is named twice")
            seen.add(column)
        return tuple(found)

    def _parse_part(self, part: str) -> range:
        """Return the columns of a name, a number or a range."""
        bare = part.strip()
        for name in (part, bare):
            end = self._find_column(name)
            if end is not None:
                return range(end, end + 1)
        if not bare:
            self._refuse("a part of the list is empty")
        for sign in (":", "-"):
            ranges = [self._parse_range(part, at, sign) or self._parse_range(bare, at, sign) for at in range(len(part))]
            found = list(dict.fromkeys(range_ for range_ in ranges if range_ is not None))
            if len(found) > 1:
                self._refuse(f"{part!r} may be more than one range; use the columns' numbers")
            if found:
                return self._make_range(part, *found[0])
        return self._raise_unknown(next((end for end in bare.split(":") if self._find_column(end) is None), bare))

    def _make_range(self, part: str, first: int, last: int) -> range:
        if first > last:
            self._refuse(f"the range {part!r} runs backwards")
        return range(first, last + 1)

    def _parse_range(self, text: str, at: int, sign: str) -> tuple[int, int] | None:
        """Return the ends of a range, or None if a side of the sign is no column.

        The sides of `a-b` are two names or two numbers.
        """
        if text[at : at + 1] != sign:
            return None
        sides = text[:at], text[at + 1 :]
        if sign == "-" and not (self._are_names(sides) or all(map(_NUMBER.fullmatch, sides))):
            return None
        first, last = map(self._find_column, sides)
        return None if first is None or last is None else (first, last)

    def _are_names(self, sides: tuple[str, str]) -> bool:
        return all(side in self._table.names for side in sides)

    def _find_column(self, text: str) -> int | None:
        """Return the column of a name or a number, or None for another text."""
        if text in self._table.names:
            return self._find_name(text)
        if not _NUMBER.fullmatch(text):
            return None
        number = int(text)
        if not number:
            self._refuse("columns are numbered from 1")
        if number > self._table.width:
            self._raise_unknown(text)
        return number - 1

    def _find_name(self, name: str) -> int:
        names = self._table.names
        if names.count(name) > 1:
            where = " or ".join(str(at) for at, other in enumerate(names, 1) if other == name)
            what = f"has {names.count(name)} columns {name!r}"
            raise InputError(self._table.path, what, f"name one by its number, {where}, with {self._option}", line=1)
        column = names.index(name)
        if _NUMBER.fullmatch(name) and int(name) != column + 1 and 0 < int(name) <= self._table.width:
            self._table.note(f"{self._option} {name} is the column of that name, which is number {column + 1}")
        return column

    def _raise_unknown(self, name: str) -> NoReturn:
        table = self._table
        line, below = table.row_below or (0, ())
        if table.names:
            hint = f"it has {format_names(table.names)}; name one with {self._option}"
        else:
            hint = (
                f"it has no header: name one by its number, 1 to {table.width}, with {self._option}, "
                "or use --header-in if the first row has the names"
            )
        if name in below:
            hint = f"if the columns' names are in line {line}, use --skip-rows {line - 1}"
        hint = explain_single_column(table) or hint
        raise InputError(table.path, f"has no column {name!r}", hint, line=1)

    def _refuse(self, what: str) -> NoReturn:
        raise UsageError(f"{self._option} {self._text!r}: {what}.")
