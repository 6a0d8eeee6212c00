"""Extreme numbers in the same rows of columns, such as -9999 for missing values."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from kxcli.arrays import BoolArray, FloatArray
from kxcli.output.rows import format_shortest
from kxcli.wording import format_count, format_examples

_NINES = re.compile(r"9+\.9+|9{2,}")  # 99, 999.9
_CODES = (999.25, 32767, 32768, 65535, 2147483647, 2147483648)  # of well logs, and bounds of integers
_MIN_FILL = 1e15  # numbers as large as this fill gaps in grids: 1e20, 1e30, 9.96921e36
_MIN_CODE_GAP, _MIN_GAP = 0.5, 10.0  # from the other numbers, in their ranges: of a known code, of another number
_MIN_ROWS = 2  # of another number


def describe_sentinels(sides: Sequence[Mapping[str, FloatArray]]) -> list[str]:
    """Return a message for each number that may mean missing on two sides.

    Such a number is the minimum or the maximum of a column, far from all others, and has the same rows on two sides.

    Args:
        sides: Columns by name; all have the same rows, with NaN if missing.
    """
    found: dict[float, list[tuple[str, BoolArray, int]]] = {}
    for number, side in enumerate(sides):
        for name, values in side.items():
            for code in _iter_sentinels(values):
                found.setdefault(code, []).append((name, values == code, number))
    messages = []
    for code, columns in found.items():
        counts = np.zeros(len(columns[0][1]), np.int64)
        for number in {number for _, _, number in columns}:
            counts += np.logical_or.reduce([mask for _, mask, side in columns if side == number])
        is_shared = counts > 1
        n = int(is_shared.sum())
        if n >= (1 if _is_known_code(code) else _MIN_ROWS):
            names = list(dict.fromkeys(name for name, mask, _ in columns if (mask & is_shared).any()))
            text = format_shortest(code)
            rows = f"{format_count(n, 'rows')} of {format_examples(names)}"
            messages.append(
                f"{rows} have the same value {text}, far from all others; if it means missing, use --na-values={text}"
            )
    return messages


def _iter_sentinels(values: FloatArray) -> Iterator[float]:
    """Yield the extreme values of a column that are far from all others."""
    present = values[~np.isnan(values)]
    for code in dict.fromkeys((float(present.min()), float(present.max()))) if len(present) else ():
        others = present[present != code]
        if not len(others):
            continue
        low, high = float(others.min()), float(others.max())
        gap = max(low - code, code - high)
        is_only_negative = code < 0 <= low
        if _is_known_code(code):
            if is_only_negative or gap > _MIN_CODE_GAP * (high - low) > 0:
                yield code
        elif gap > _MIN_GAP * (high - low) > 0:
            yield code


def _is_known_code(number: float) -> bool:
    size = abs(number)
    return size in _CODES or size >= _MIN_FILL or _NINES.fullmatch(format_shortest(size)) is not None
