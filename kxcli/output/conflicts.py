"""Conflicts of outputs with an input or with each other."""

import os
import stat
import sys
from collections.abc import Iterable

from kxcli.errors import UsageError
from kxcli.storage.paths import FileId, get_file_id


def refuse_overwriting(option: str, path: str | None, inputs: Iterable[str]) -> None:
    """Raise `UsageError` if the output `path` is one of the inputs; `-` is stdin."""
    if path is None or path == "-":
        return
    written = _identify_input(path)
    if written is not None and any(_identify_input(one) == written for one in inputs):
        raise UsageError(f"{option} {path} would overwrite an input; name another file.")


def is_same_output(path: str, other: str) -> bool:
    """Return whether two names lead to the same output; `-` is stdout."""
    return _identify_output(path) == _identify_output(other)


def _identify_input(path: str) -> FileId | None:
    """Return the identity of an input (`-` is stdin); None for a URL or a device."""
    try:
        return _get_file_id(os.fstat(sys.stdin.fileno()) if path == "-" else os.stat(path))
    except (OSError, ValueError, AttributeError):  # it does not exist, or stdin is closed or no file
        return None


def _identify_output(path: str) -> object:
    """Return the same value for all names of one output; `-` is stdout."""
    try:
        node = _get_file_id(os.fstat(sys.stdout.fileno()) if path == "-" else os.stat(path))
    except (OSError, ValueError, AttributeError):
        return path if path == "-" else os.path.realpath(path)
    return object() if node is None else node


def _get_file_id(status: os.stat_result) -> FileId | None:
    """Return the identity of a regular file or a pipe; None for others."""
    is_file = stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)
    return get_file_id(status) if is_file else None
