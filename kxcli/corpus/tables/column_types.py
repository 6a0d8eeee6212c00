"""The type of a column: numbers in some format, large integers, dates, or labels."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.corpus.tables.cells import MissingCodes, to_numbers, to_texts
from kxcli.corpus.tables.number_formats import (
    NumberFormat,
    WrittenNumber,
    find_thousands,
    is_like_date,
    is_like_number,
    parse_date,
    parse_unit,
)

N_SURVEYED_CELLS = 1_000  # cells with a value that decide the type
MAX_EXACT_INTEGER = 1 << 53  # larger integers may be rounded as double-precision numbers

_FEW_LABELS = 10  # distinct cells such as 1,5 that are labels if they recur, like the doses of a trial
_SHARE_WITH_UNIT = 0.8  # of the distinct cells of a column of numbers with a unit
_MIN_CELLS_WITH_UNIT = 3  # distinct ones: two labels are as good as two numbers
_PLAIN, _DECIMAL_COMMA = NumberFormat(), NumberFormat(",")


@dataclass(frozen=True)
class NumberType:
    """Numbers in one format with one unit.

    Attributes:
        format: The marks.
        unit: The sign of percent or currency in all cells, or "". It is ignored: HSIC does not depend on the unit.
        has_parentheses: Whether numbers in parentheses are negative ones.
        is_plain: Whether all surveyed cells are numbers as Python writes them, which numpy parses.
    """

    noun: ClassVar[str] = "number"

    format: NumberFormat = _PLAIN
    unit: str = ""
    has_parentheses: bool = False
    is_plain: bool = False

    def parse(self, cell: str) -> float | None:
        """Return the number of a cell, or None if there is none."""
        found = self.format.parse(cell)
        if found is None or found.unit != self.unit or (found.in_parentheses and not self.has_parentheses):
            return None
        return float(found.text)

    def describe(self) -> str:
        """Return how cells are read, for a note, or "" if there is no doubt."""
        ways = [f"without {self.unit}"] if self.unit else []
        ways += ["(5) as -5"] if self.has_parentheses else []
        return f"numbers, {', '.join(ways)}" if ways else ""


@dataclass(frozen=True)
class LargeIntegerType:
    """Integers beyond 2^53 as their exact differences from one of them.

    Attributes:
        base: The subtracted one.
        is_plain: False.
    """

    noun: ClassVar[str] = "integer"

    base: int
    is_plain: ClassVar[bool] = False

    def parse(self, cell: str) -> float | None:
        """Return the difference, or None for another cell than an integer."""
        number = _parse_integer(_PLAIN.parse(cell))
        if number is None:
            return None
        try:
            return float(number - self.base)
        except OverflowError:
            return math.inf

    def describe(self) -> str:
        """Return how cells are read, for a note."""
        return f"integers beyond 2^53, by their exact differences from {self.base}"


@dataclass(frozen=True)
class DateType:
    """Dates and times as days since 1970-01-01."""

    noun: ClassVar[str] = "date"
    is_plain: ClassVar[bool] = False

    def parse(self, cell: str) -> float | None:
        """Return the days, or None if the cell is no date."""
        return parse_date(cell)

    def describe(self) -> str:
        """Return how cells are read, for a note."""
        return "dates, in days since 1970-01-01"


NumericType = NumberType | LargeIntegerType | DateType

PLAIN_NUMBERS = NumberType(is_plain=True)


def convert_cells(cells: Sequence[str | None], kind: NumericType, missing: MissingCodes) -> FloatArray | None:
    """Return cells as numbers, NaN if missing, or None if one is neither."""
    if isinstance(kind, NumberType) and kind.format == _DECIMAL_COMMA and not kind.unit:
        values = _convert_decimal_commas(cells, missing)
        if values is not None:
            return values
    numbers: dict[str | None, float] = {}
    for cell in set(cells):
        number = np.nan if cell is None or missing.has(cell) else kind.parse(cell)
        if number is None:
            return None
        numbers[cell] = number
    values = np.fromiter((numbers[cell] for cell in cells), np.float64, len(cells))
    return values if isinstance(kind, LargeIntegerType) else missing.erase(values)


def _convert_decimal_commas(cells: Sequence[str | None], missing: MissingCodes) -> FloatArray | None:
    """Return cells as numbers, or None if they must be parsed one by one."""
    if any("," in code for code in missing.codes) or any("." in cell for cell in cells if cell):
        return None
    return to_numbers([cell and cell.replace(",", ".") for cell in cells], missing)


class ColumnSurvey:
    """The first present cells of a column."""

    def __init__(self, missing: MissingCodes, number_format: NumberFormat) -> None:
        self._missing, self._format = missing, number_format
        self.cells: Counter[str] = Counter()
        self.n_numeric = 0  # of arrays of numbers

    @property
    def n(self) -> int:
        """Cells."""
        return self.n_numeric + self.cells.total()

    def add(self, cells: Sequence[str | None]) -> None:
        """Count cells until enough are counted."""
        for start in range(0, len(cells), N_SURVEYED_CELLS):
            room = N_SURVEYED_CELLS - self.n
            if room <= 0:
                return
            some = [
                cell for cell in to_texts(cells[start : start + N_SURVEYED_CELLS], self._missing) if cell is not None
            ]
            self.cells.update(some[:room])

    @property
    def has_other_dates(self) -> bool:
        """Whether all cells look like dates in a format that is not read as dates."""
        return len(self.cells) > 1 and not self.n_numeric and all(map(is_like_date, self.cells))

    def find_thousands(self) -> tuple[str, NumberFormat] | None:
        """Return a cell with a doubtful decimal mark, and the other format, or None."""
        return None if self.n_numeric else find_thousands(self.cells, self._format)

    @property
    def unit(self) -> str:
        """The unit of nearly all distinct cells, such as kg, or ""."""
        if len(self.cells) < _MIN_CELLS_WITH_UNIT or self.n_numeric:
            return ""
        ((unit, n),) = Counter(map(parse_unit, self.cells)).most_common(1)
        return unit if n >= _SHARE_WITH_UNIT * len(self.cells) else ""

    def decide(self) -> NumericType | None:
        """Return the type of most cells, or of most distinct ones; None for labels.

        A cell of another type than its column will be an error. A column whose numbers all have an unknown format is
        labels if it has few distinct ones.
        """
        if not self.cells:
            return PLAIN_NUMBERS
        numbers = to_numbers(list(self.cells), self._missing) if self._format.is_plain else None
        if numbers is not None and not (np.abs(numbers) >= MAX_EXACT_INTEGER).any():
            return PLAIN_NUMBERS
        written = {cell: self._format.parse(cell) for cell in self.cells}
        numbers_by_unit = Counter(one.unit for one in written.values() if one is not None)
        if len(numbers_by_unit) == 1 and None not in written.values():
            return self._choose_number_type(list(written.values()), is_plain=numbers is not None)
        dates = {cell for cell in self.cells if parse_date(cell) is not None}
        if self._are_most(dates):
            return DateType()
        known = {cell for cell, one in written.items() if one is not None}
        like = {cell for cell in self.cells if cell not in known and is_like_number(cell)}
        if not self._are_most(known | like | dates, self.n_numeric):
            return None
        if not (known or self.n_numeric) and len(self.cells) <= _FEW_LABELS and 2 * len(self.cells) <= self.n:
            return None
        unit = "" if "" in numbers_by_unit or not known else numbers_by_unit.most_common(1)[0][0]
        return NumberType(self._format, unit, is_plain=self._format.is_plain and not unit)

    def _are_most(self, cells: set[str], n_numeric: int = 0) -> bool:
        n = n_numeric + sum(self.cells[cell] for cell in cells)
        return 2 * n > self.n or 2 * len(cells) > len(self.cells)

    def _choose_number_type(self, numbers: Sequence[WrittenNumber | None], *, is_plain: bool) -> NumericType:
        """Return the type of a column of numbers with one unit."""
        written = [one for one in numbers if one is not None]
        has_parentheses = any(one.in_parentheses for one in written)
        integers = [_parse_integer(one) for one in written]
        exact = sorted(number for number in integers if number is not None)
        if len(exact) == len(written) and any(map(_is_rounded, exact)):
            return LargeIntegerType(exact[len(exact) // 2])  # a median: other large ones are near it
        return NumberType(self._format, written[0].unit, has_parentheses, is_plain)


def _is_rounded(integer: int) -> bool:
    """Return whether no double-precision number is equal to an integer."""
    try:
        return int(float(integer)) != integer
    except OverflowError:  # an error of its own, as it is infinite
        return False


def is_rounded_integer(cell: str) -> bool:
    """Return whether a cell is an integer without an equal double-precision number."""
    number = _parse_integer(_PLAIN.parse(cell))
    return number is not None and _is_rounded(number)


def _parse_integer(written: WrittenNumber | None) -> int | None:
    """Return an integer without a unit, or None for other numbers."""
    if written is None or written.unit or written.in_parentheses:
        return None
    try:
        return int(written.text)
    except ValueError:
        return None
