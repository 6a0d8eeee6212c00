"""The rules for a cell: what is missing, what is a number."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
Texts = list[list[str | None]]

_MISSING = frozenset({"", "NA"})
_NAN = frozenset({"nan", "+nan", "-nan"})
_LONGEST = 40  # characters of a cell that a message shows


def is_missing(cell: str | None) -> bool:
    """Whether a cell has no value: it is empty, `NA`, or `nan` in any case."""
    if cell is None:
        return True
    bare = cell.strip()
    return bare in _MISSING or (len(bare) <= 4 and bare.lower() in _NAN)


def is_number(cell: str | None) -> bool:
    """Whether a cell that is not missing is a number, finite or not."""
    if cell is None or "_" in cell:  # Python takes 1_000
        return False
    try:
        float(cell.strip())  # which takes off more than float() does
    except ValueError:
        return False
    return True


def value(cell: str | None) -> float:
    """Return a cell as a number, NaN for missing; `ValueError` where it is neither."""
    if cell is None or is_missing(cell):
        return np.nan
    if "_" in cell:
        raise ValueError(cell)
    return float(cell.strip())


def values(cells: Sequence[str | None]) -> Numbers | None:
    """Return the cells as numbers, NaN for missing; None where one is neither."""
    try:
        found = np.fromiter(map(float, cells), np.float64, len(cells))  # type: ignore[arg-type]
    except (TypeError, ValueError):
        pass
    else:
        return None if any("_" in cell for cell in cells if cell) else found
    try:
        return np.fromiter(map(value, cells), np.float64, len(cells))
    except ValueError:
        return None


def texts(cells: Sequence[str | None]) -> list[str | None]:
    """Return the cells as they stand, None for missing."""
    missing = {cell for cell in set(cells) if is_missing(cell)}
    return [None if cell in missing else cell for cell in cells] if missing else list(cells)


def shortened(cell: str) -> str:
    """Return a cell for a message."""
    return cell if len(cell) <= _LONGEST else cell[: _LONGEST - 3] + "..."
