"""The rules for cells: missing values and plain numbers."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.corpus.tables.number_formats import is_number

TextColumns = list[list[str | None]]


class MixedCells(NamedTuple):
    """The cells of columns of numbers and of columns of texts.

    Attributes:
        numbers: A matrix, NaN if missing.
        texts: Of each column, None if missing.
        places: The places of the numbers among all columns.
    """

    numbers: FloatArray
    texts: TextColumns
    places: tuple[int, ...]


GroupCells = (
    FloatArray | TextColumns | MixedCells
)  # a matrix of numbers, NaN if missing; the texts of each column; both

# The codes for a missing value of R, pandas, spreadsheets, databases and old C libraries. Ordinary labels (na, none,
# Null) and ambiguous marks (., ?, -) are not among them; --na-values adds them.
DEFAULT_CODES = frozenset(
    {
        *("", "NA", "<NA>", "N/A", "n/a", "#N/A", "#NA", "#N/A N/A", "NaT"),
        *("NULL", "null", "None", "\\N"),
        *("1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"),
    }
)
_NAN = frozenset({"nan", "+nan", "-nan"})


@dataclass(frozen=True)
class MissingCodes:
    """The cells without a value: blank, `nan`, a code, or a number equal to a code."""

    codes: frozenset[str] = DEFAULT_CODES
    numbers: frozenset[float] = frozenset()

    @classmethod
    def with_codes(cls, more: Iterable[str]) -> "MissingCodes":
        """Return the default codes and more; a number matches all of its spellings."""
        codes = [code.strip() for code in more]
        numbers = [float(code) for code in codes if is_number(code)]
        return cls(DEFAULT_CODES.union(codes), frozenset(number for number in numbers if not math.isnan(number)))

    def has(self, cell: str | None) -> bool:
        """Return whether a cell has no value."""
        if cell is None:
            return True
        bare = cell.strip()
        if bare in self.codes or (len(bare) <= 4 and bare.lower() in _NAN):
            return True
        return bool(self.numbers) and is_number(bare) and float(bare) in self.numbers

    def erase(self, values: FloatArray) -> FloatArray:
        """Replace the codes of missing values with NaN, in the same array."""
        for number in self.numbers:
            values[values == number] = np.nan
        return values


def to_number(cell: str | None, missing: MissingCodes) -> float:
    """Return a cell as a number, NaN if it is missing.

    Raises:
        ValueError: If it is neither.
    """
    if cell is None or missing.has(cell):
        return np.nan
    if "_" in cell:
        raise ValueError(cell)
    return float(cell.strip())


def to_numbers(cells: Sequence[str | None], missing: MissingCodes) -> FloatArray | None:
    """Return the cells as numbers, NaN if missing, or None if one is neither."""
    try:
        found = np.fromiter(map(float, cells), np.float64, len(cells))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    else:
        return None if any("_" in cell for cell in cells if cell) else missing.erase(found)
    try:
        return np.fromiter((to_number(cell, missing) for cell in cells), np.float64, len(cells))
    except ValueError:
        return None


def to_texts(cells: Sequence[str | None], missing: MissingCodes) -> list[str | None]:
    """Return the cells as they are, None for missing ones."""
    absent = {cell for cell in set(cells) if missing.has(cell)}
    return [None if cell in absent else cell for cell in cells] if absent else list(cells)
