"""The groups of documents, by fields of records and by the path of the input."""

import os
from collections.abc import Callable, Iterable, Sequence

from kxcli.corpus.diagnostics import BadFieldError
from kxcli.corpus.sources import STDIN
from kxcli.suffixes import strip_compression
from kxcli.urls import is_url, strip_query

SEPARATOR = "\0"  # between the values of a group


def _get_folder(path: str) -> str:
    if path == STDIN:
        return path
    folder = strip_query(path).rpartition("/")[0] if is_url(path) else os.path.dirname(path)
    return folder or ("/" if path.startswith("/") else ".")


def _get_stem(path: str) -> str:
    return os.path.splitext(strip_compression(strip_query(path).rpartition("/")[2]))[0]


# The parts of a path by their names in --by.
PATH_PARTS: dict[str, Callable[[str], str]] = {"@file": str, "@folder": _get_folder, "@stem": _get_stem}


def list_fields(by: Iterable[str]) -> tuple[str, ...]:
    """Return the names that are fields of records, not parts of a path."""
    return tuple(name for name in by if name not in PATH_PARTS)


class GroupMaker:
    """Makes the groups of the documents of one input.

    Args:
        by: The fields of records, and the parts of the path, in the order of the columns.
        path: The path as the user named it.

    Attributes:
        fields: The fields.
    """

    def __init__(self, by: Sequence[str], path: str) -> None:
        self.fields = list_fields(by)
        shown = os.fsencode(path).decode("utf-8", "replace")
        self._parts = [PATH_PARTS[name](shown) if name in PATH_PARTS else None for name in by]

    def make(self, values: Iterable[str]) -> str:
        """Return the group of a document; raise `BadFieldError` if a value is invalid.

        Args:
            values: The values of `fields`.
        """
        rest = iter(values)
        group = SEPARATOR.join([next(rest) if part is None else part for part in self._parts])
        if group.count(SEPARATOR) > max(len(self._parts) - 1, 0):
            raise BadFieldError("has a NUL in a field of --by", "remove it")
        return group
