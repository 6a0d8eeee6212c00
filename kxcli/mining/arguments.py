"""Checks of arguments from Python; errors name the argument and the position."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from numbers import Integral, Real
from typing import Any

_DESCRIPTIONS: dict[type, str] = {
    bool: "True or False",
    str: "a string",
    Integral: "an integer",
    Real: "a number",
}
_STRINGS = (str, bytes, bytearray)
_MAX_SHOWN = 60  # characters of a value in a message


def check_type(name: str, value: object, kind: type | tuple[type, ...], description: str | None = None) -> None:
    """Raise `TypeError` unless a value is of a type; True and False are not numbers."""
    if not isinstance(value, kind) or (kind in (Integral, Real) and isinstance(value, bool)):
        raise TypeError(f"{name} must be {description or _describe_type(kind)}, not {describe(value)}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `ValueError` unless a value is one of some strings."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {describe(value)}")


def check_minimum(name: str, value: Any, minimum: int) -> None:
    """Raise `TypeError` or `ValueError` unless a value is an integer >= `minimum`."""
    check_type(name, value, Integral)
    if value < minimum:
        raise ValueError(f"{name} must be {minimum} or more, not {value}")


def check_range(name: str, value: Any, minimum: float, maximum: float) -> None:
    """Raise `TypeError` or `ValueError` unless a number is in a range.

    NaN is in none.
    """
    check_type(name, value, Real)
    if not minimum <= value <= maximum:
        raise ValueError(f"{name} must be from {minimum} to {maximum}, not {value}")


def check_numbers(name: str, values: Any) -> None:
    """Raise `TypeError` unless a value is a tuple or list of numbers."""
    check_type(name, values, (tuple, list), "a tuple of numbers")
    for position, value in enumerate(values):
        check_type(f"{name}[{position}]", value, Real)


def check_list(name: str, values: object, what: str, kind: type = Collection) -> None:
    """Raise `TypeError` for strings, mappings and values of another kind."""
    if not isinstance(values, kind) or isinstance(values, (*_STRINGS, Mapping)):
        raise TypeError(f"{name} must be a list of {what}, not {describe(values)}")


def check_strings(name: str, values: Collection[str]) -> None:
    """Raise `TypeError` unless a value is a collection of strings."""
    check_list(name, values, "strings")
    for _ in iter_strings(name, values):
        pass


def iter_strings(name: str, values: Iterable[str]) -> Iterator[str]:
    """Return an iterator that raises `TypeError` for values other than strings."""
    if isinstance(values, _STRINGS) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {name} (strings), not {describe(values)}")
    return _iter_checked(name, values)


def _iter_checked(name: str, values: Iterable[str]) -> Iterator[str]:
    for position, value in enumerate(values):
        check_type(f"{name}[{position}]", value, str)
        yield value


def describe(value: object) -> str:
    """Return a value and its type in few characters, for messages."""
    if value is None:
        return "None"
    shown = repr(value)
    return f"{shown if len(shown) <= _MAX_SHOWN else shown[:_MAX_SHOWN] + '...'} ({type(value).__name__})"


def _describe_type(kind: Any) -> str:
    name: str = kind.__name__
    return _DESCRIPTIONS.get(kind) or f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"
