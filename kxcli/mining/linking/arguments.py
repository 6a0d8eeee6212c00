"""Checks of arguments from Python, with errors by argument and position."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from numbers import Integral
from typing import Any


def check_collection(value: Any, argument: str, what: str = "strings") -> None:
    """Raise `TypeError` unless a value is a list, tuple or set."""
    if not isinstance(value, Collection) or isinstance(value, (str, bytes, bytearray, Mapping)):
        raise TypeError(f"{argument} is {_type_of(value)}, not a list of {what}")


def check_string(value: Any, argument: str) -> None:
    """Raise `TypeError` unless a value is a string."""
    if not isinstance(value, str):
        raise TypeError(f"{argument} is {_type_of(value)}, not a string")


def check_strings(values: Any, argument: str) -> None:
    """Raise `TypeError` unless a value is a list of strings."""
    check_collection(values, argument)
    for number, value in enumerate(values):
        check_string(value, f"{argument}[{number}]")


def check_pairs(values: Any, argument: str) -> None:
    """Raise `TypeError` unless a value is a list of pairs of strings."""
    check_collection(values, argument, "pairs of a predicate and an object")
    for number, value in enumerate(values):
        is_pair = isinstance(value, (tuple, list)) and len(value) == 2
        if not is_pair or not all(isinstance(part, str) for part in value):
            raise TypeError(f"{argument}[{number}] is {value!r}, not a pair of a predicate and an object")


def check_type(value: Any, kind: type[Any], argument: str) -> None:
    """Raise `TypeError` for a value of another type."""
    if not isinstance(value, kind):
        raise TypeError(f"{argument} is {_type_of(value)}, not {_article(kind.__name__)}")


def check_integer(value: Any, argument: str) -> None:
    """Raise `TypeError` unless a value is a whole number."""
    if not isinstance(value, Integral) or isinstance(value, bool):
        raise TypeError(f"{argument} is {_type_of(value)}, not a whole number")


def check_iterable(values: Any, argument: str, what: str) -> None:
    """Raise `TypeError` unless a value is an iterable other than a string."""
    if not isinstance(values, Iterable) or isinstance(values, (str, bytes, bytearray, Mapping)):
        raise TypeError(f"{argument} is {_type_of(values)}, not a list of {what}")


def iter_strings(values: Iterable[str], argument: str) -> Iterator[str]:
    """Yield strings; raises `TypeError` for a single string and for other values."""
    check_iterable(values, argument, "texts")
    for number, value in enumerate(values):
        check_string(value, f"{argument}[{number}]")
        yield value


def _type_of(value: Any) -> str:
    return "None" if value is None else _article("string" if isinstance(value, str) else type(value).__name__)


def _article(name: str) -> str:
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"
