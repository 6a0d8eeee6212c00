"""Numbers as people write them, such as `1.234,5`, `12 %` and `(7)`, and dates."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import NamedTuple

_MINUS = "-\u2212\uff0d\ufe63\u2013"  # also U+2212, the full-width and small hyphen, and the en dash
_PERCENT, _CURRENCY = "%％‰", "$＄€£￡¥￥₩₹"
_UNITS = str.maketrans("％＄￡￥", "%$£¥")
_SPACES, _APOSTROPHES = " \u00a0\u2009\u202f", "'’"
_QUOTES = ('"', "'")
_INFINITE = re.compile(r"[-+]?inf(?:inity)?", re.IGNORECASE)
_SMALL_INTEGER = re.compile(r"0|[1-9][0-9]{0,2}")  # without a separator of thousands in any format
_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d))?|/(?P<month_>\d\d)/(?P<day_>\d\d))"
    r"(?:[T ](?P<hour>\d\d):(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d+))?)?"
    r"\s?(?P<zone>Z|[-+]\d\d(?::?\d\d)?)?)?",
    re.ASCII,
)


_OTHER_DATE = re.compile(
    r"\d{1,2}([./-])\d{1,2}\1(?:\d\d){1,2}(?: \d.*)?|(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])", re.ASCII
)

# 10 kg, 85 m2, USD 99.1: a unit after the number is a word or a sign, one before it is a currency.
_MEASURE = re.compile(
    rf"(?P<before>[A-Z]{{3}}\.?\s|Rs\.?\s?|[A-Z]{{0,3}}[{_CURRENCY}]\s?)?"
    rf"[+{re.escape(_MINUS)}]?(?:[0-9]+(?:[.,'’{_SPACES}][0-9]+)*|[.,][0-9]+)(?:[eE][-+]?[0-9]+)?"
    rf"(?P<after>[{_SPACES}]?(?:[^\W\d_]|[°℃℉%'\"′″])[^\d:;,]*[23]?)?"
)


class WrittenNumber(NamedTuple):
    """A number in a cell.

    Attributes:
        text: As Python writes it, such as `-1234.5`.
        unit: A sign of percent or currency, or "".
        in_parentheses: Whether parentheses make it negative.
    """

    text: str
    unit: str
    in_parentheses: bool


@dataclass(frozen=True)
class NumberFormat:
    """The marks in numbers.

    Attributes:
        decimal: The decimal mark, a point or a comma.
        thousands: The separator of thousands, or "". A space means all kinds of spaces, `'` for apostrophes.
    """

    decimal: str = "."
    thousands: str = ""

    @property
    def is_plain(self) -> bool:
        """Whether numbers are written as in Python."""
        return self == NumberFormat()

    def describe_change(self, other: "NumberFormat") -> str:
        """Return the options to add and to remove for another format."""
        added, removed = [], []
        for option, mark, new, default in (
            ("--decimal", self.decimal, other.decimal, "."),
            ("--thousands", self.thousands, other.thousands, ""),
        ):
            if new != mark and new != default:
                added.append(f"{option} {_quote_mark(new)}")
            elif new != mark:
                removed.append(f"no {option} {_quote_mark(mark)}")
        return " and ".join(filter(None, (" ".join(added), *removed)))

    @cached_property
    def _separators(self) -> str:
        return next((class_ for class_ in (_SPACES, _APOSTROPHES) if self.thousands in class_), self.thousands)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        sign, currency, mark = f"[+{re.escape(_MINUS)}]", f"[{_CURRENCY}]", re.escape(self.decimal)
        whole = r"\d+"
        if self.thousands:  # groups of two are those of India
            separator = f"[{re.escape(self._separators)}]"
            whole = rf"(?:\d{{1,3}}(?:{separator}\d{{2,3}})*{separator}\d{{3}}|\d+)"
        return re.compile(
            rf"(?P<open>\()?(?:(?P<sign>{sign})?\s?(?P<before>{currency})?\s?|(?P<first>{currency})(?P<second>{sign}))"
            rf"(?P<whole>{whole}(?=[^\d]|$)|(?={mark}\d))(?:{mark}(?P<fraction>\d*))?"
            rf"(?:[eEdD](?P<minus>{sign})?(?P<exponent>\d+))?"
            rf"\s?(?P<after>[{_PERCENT}{_CURRENCY}])?(?P<close>\))?"
        )

    def parse(self, cell: str) -> WrittenNumber | None:
        """Return the number in a cell, or None if there is none."""
        bare = cell.strip()
        if len(bare) > 1 and bare[0] == bare[-1] and bare[0] in _QUOTES:
            bare = bare[1:-1].strip()
        if self.is_plain and is_number(bare):
            return WrittenNumber(bare, "", False)
        match = self._pattern.fullmatch(bare)
        if match is None:
            return WrittenNumber(bare, "", False) if _INFINITE.fullmatch(bare) else None
        part = {name: text or "" for name, text in match.groupdict().items()}
        sign, prefix = part["sign"] or part["second"], part["before"] or part["first"]
        in_parentheses = bool(part["open"])
        if in_parentheses != bool(part["close"]) or (in_parentheses and sign) or (prefix and part["after"]):
            return None
        whole = "".join(character for character in part["whole"] if character not in self._separators)
        text = f"{'-' * ((sign in _MINUS and sign != '') or in_parentheses)}{whole or '0'}.{part['fraction'] or '0'}"
        if not part["fraction"]:
            text = text.removesuffix(".0")
        if part["exponent"]:
            text += f"e{'-' * (part['minus'] in _MINUS and part['minus'] != '')}{part['exponent']}"
        return WrittenNumber(text, (prefix or part["after"]).translate(_UNITS), in_parentheses)


def _quote_mark(mark: str) -> str:
    return '"\'"' if mark == "'" else f"'{mark}'"


def parse_unit(cell: str) -> str:
    """Return the unit in a cell, such as `10 kg`, or "" for other cells."""
    match = _MEASURE.fullmatch(cell.strip())
    if match is None or (match["before"] and match["after"]):
        return ""
    return (match["before"] or match["after"] or "").strip()


def is_number_or_date(cell: str, marks: NumberFormat) -> bool:
    """Return whether a cell is a number without a unit, or a date."""
    written = marks.parse(cell)
    return (written is not None and not written.unit and not written.in_parentheses) or parse_date(cell) is not None


_SUGGESTED = [
    NumberFormat(decimal, thousands)
    for thousands in ("", ",", ".", " ", "'", "_")
    for decimal in (".", ",")
    if decimal != thousands
]


def is_number(cell: str | None) -> bool:
    """Return whether a present cell is a number as Python writes it, finite or not."""
    if cell is None or "_" in cell:  # float() accepts 1_000
        return False
    try:
        float(cell.strip())  # strips more than float() does
    except ValueError:
        return False
    return True


def is_like_number(cell: str) -> bool:
    """Return whether a cell is a number in any format, such as `1,5` or `$3.50`."""
    return any(format_.parse(cell) is not None for format_ in _SUGGESTED)


def find_thousands(cells: Iterable[str], given: NumberFormat) -> tuple[str, NumberFormat] | None:
    """Return a number such as 1.577 and the format of 1577, or None without doubt.

    There is doubt if every number with a decimal mark looks grouped, as 1.577 but not 0.123 or 12.5, and every other
    one is too small for it, as 781 but not 1577. One of three digits is required; 999 may be a code for missing values.
    """
    if given.thousands:
        return None
    grouped = re.compile(rf"[+-]?[1-9][0-9]{{0,2}}{re.escape(given.decimal)}[0-9]{{3}}")
    bare = [cell.strip() for cell in cells]
    marked = [cell for cell in bare if grouped.fullmatch(cell)]
    others = {cell.lstrip("+-") for cell in bare if not grouped.fullmatch(cell)}
    has_small = all(_SMALL_INTEGER.fullmatch(cell) for cell in others)
    if len(marked) < 2 or not has_small or not any(len(cell) == 3 and cell != "999" for cell in others):
        return None
    return marked[0], NumberFormat(",."[given.decimal == ","], given.decimal)


def find_formats(cells: Iterable[str], given: NumberFormat) -> list[NumberFormat]:
    """Return the simplest formats that read all cells; both of 1,234, one of 1,5.

    If options set a format, those with its decimal mark have priority.
    """
    formats = [format_ for format_ in _SUGGESTED if all(format_.parse(cell) is not None for cell in cells)]
    if not given.is_plain:
        formats = [one for one in formats if one.decimal == given.decimal] or formats
    least = min((bool(one.thousands) + (one.decimal == ",") for one in formats), default=0)
    return [one for one in formats if bool(one.thousands) + (one.decimal == ",") == least]


def parse_date(cell: str) -> float | None:
    """Return the days from 1970-01-01 to a date or time, or None for other cells.

    Dates and times are as in ISO 8601: `2024-01-31`, `2024-01`, `2024-01-31T10:00:00.5+02:00`, and also `2024/01/31`
    and a space instead of `T`. A time without offset is read as UTC.
    """
    match = _DATE.fullmatch(cell.strip())
    if match is None:
        return None
    part = match.groupdict()
    month, day = part["month"] or part["month_"], part["day"] or part["day_"] or "1"
    if part["hour"] and not (part["day"] or part["day_"]):
        return None
    zone = part["zone"] or "Z"
    offset = timedelta(0)
    if zone != "Z":
        hours, minutes = int(zone[1:3]), int(zone[3:].lstrip(":") or 0)
        offset = (-1 if zone[0] == "-" else 1) * timedelta(hours=hours, minutes=minutes)
    second, fraction = int(part["second"] or 0), float(f"0.{part['fraction'] or 0}")
    try:
        start = datetime(
            int(part["year"]),
            int(month),
            int(day),
            int(part["hour"] or 0),
            int(part["minute"] or 0),
            min(second, 59) if second <= 60 else second,  # a leap second
            tzinfo=UTC,
        )
    except ValueError:
        return None
    return (start - _EPOCH - offset) / _DAY + (fraction + (second == 60)) / 86_400


def is_like_date(cell: str) -> bool:
    """Return whether a cell looks like another date, as 31.01.2024 or 20240131."""
    return _OTHER_DATE.fullmatch(cell.strip()) is not None
