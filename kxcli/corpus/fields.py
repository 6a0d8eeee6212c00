"""Fields of records by their names, and columns by their names or numbers."""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kxcli.corpus.diagnostics import BadFieldError
from kxcli.corpus.row_reader import name_json_type
from kxcli.wording import format_names


def get_field(record: Mapping[str, Any], name: str, option: str) -> Any:
    """Return a field of an object; raise `BadFieldError` if there is none.

    `a.b` is the field b of the object a, unless there is a key `a.b`. A field of null is null.

    Args:
        record: The object.
        name: The name of the field.
        option: The option that names the field, for the message.
    """
    try:
        return find_field(record, name)
    except KeyError:
        hint = f"it has {format_names(list_names(record))}; name one with {option}"
        raise BadFieldError(f"has no field {name!r}", hint) from None


def find_field(record: Mapping[str, Any], name: str) -> Any:
    """Return a field like `get_field`; raise `KeyError` if there is none."""
    if name in record:
        return record[name]
    value: Any = record
    key, dot, rest = name.partition(".")
    while dot and isinstance(value, dict) and key in value:
        value = value[key]
        if value is None:
            return None
        if isinstance(value, dict) and rest in value:
            return value[rest]
        key, dot, rest = rest.partition(".")
    raise KeyError(name)


def list_names(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of the fields of an object and of the objects in it."""
    for key, value in record.items():
        if isinstance(value, dict) and value:
            yield from (f"{key}.{name}" for name in list_names(value))
        else:
            yield key


def format_text(value: Any, name: str) -> str:
    """Return the text of a field, empty for null; raise `BadFieldError`."""
    if type(value) is str:
        return value
    if value is None:
        return ""
    raise BadFieldError(f"has {name_json_type(value)} in the field {name!r}, not a string")


def format_group(value: Any, name: str) -> str:
    """Return the group of a field, empty for null; raise `BadFieldError`."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, dict)):
        raise BadFieldError(f"has {name_json_type(value)} in the field {name!r}, nothing to group by")
    return "" if value is None else json.dumps(value)


def find_column(header: Sequence[str], name: str) -> int | None:
    """Return the place of a column by its name, or its number from 1."""
    if name in header:
        return header.index(name)
    is_number = name.isascii() and name.isdigit() and len(name) < 10
    return int(name) - 1 if is_number and 0 < int(name) <= len(header) else None
