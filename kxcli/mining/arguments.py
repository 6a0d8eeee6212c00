"""Checks of arguments from Python, with errors by argument and position."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any


def check_type(name: str, value: object, kind: type | tuple[type, ...], description: str) -> None:
    """Raise `TypeError` unless a value is of a type; True and False are no numbers."""
    if not isinstance(value, kind) or (kind is not bool and isinstance(value, bool)):
        raise TypeError(f"{name} must be {description}, not {describe(value)}")


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """Raise `ValueError` unless a value is one of some strings."""
    if not isinstance(value, str) or value not in choices:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, choices))}, not {describe(value)}")


def check_minimum(name: str, value: int, minimum: int) -> None:
    """Raise unless a value is an integer and not less than another."""
    check_type(name, value, int, "an integer")
    if value < minimum:
        raise ValueError(f"{name} must be {minimum} or more, not {value}")


def iter_strings(name: str, values: Iterable[str]) -> Iterator[str]:
    """Return the strings of a collection; raises `TypeError` for other values."""
    if isinstance(values, (str, bytes, bytearray)) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list of {name} (strings), not {describe(values)}")
    return _iter_checked(name, values)


def _iter_checked(name: str, values: Iterable[str]) -> Iterator[str]:
    for position, value in enumerate(values):
        if not isinstance(value, str):
            raise TypeError(f"{name}[{position}] must be a string, not {describe(value)}")
        yield value


def describe(value: Any) -> str:
    """Return a value as messages show it, with its type, in few characters."""
    if value is None:
        return "None"
    shown = repr(value)
    return f"{shown if len(shown) <= 60 else shown[:60] + '...'} ({type(value).__name__})"
