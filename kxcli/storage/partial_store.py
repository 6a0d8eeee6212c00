"""Files of dumped partials: of a checkpoint, or for lack of memory."""

import os
import re
import secrets
from dataclasses import dataclass
from typing import Any

from kxcli import schema
from kxcli.errors import InputError, format_reason
from kxcli.storage.container import (
    UNFINISHED_PATTERN,
    Container,
    DamagedError,
    map_private_file,
    read_container,
    write_container,
)
from kxcli.storage.temp_files import TempFile, translate_os_errors

_MARK = b"kxcli partial 2\n"
_SUFFIX = ".partial"
_FINISHED = re.compile(r"kept-\w+\.partial", re.ASCII)
NAMES = re.compile(rf"kept-\w+(?:\.partial{UNFINISHED_PATTERN}|\.part)", re.ASCII)  # version 1 wrote kept-*.part


@dataclass(frozen=True)
class PartialStore:
    """A folder of partials; `hint` is the advice if it cannot be written."""

    folder: str
    hint: str

    def save(self, data: bytes, head: Any = None) -> str:
        """Write a dumped partial with a description; return the file's path."""
        path = os.path.join(self.folder, f"kept-{secrets.token_hex(8)}{_SUFFIX}")
        with translate_os_errors(self.folder, self.hint):
            write_container(path, _MARK, head, [data])
        return path

    def list_paths(self) -> list[str]:
        """Return the complete files, sorted by name."""
        with os.scandir(self.folder) as files:
            return sorted(file.path for file in files if _FINISHED.fullmatch(file.name))


def load_partial(path: str, head: schema.Field, *, is_checked: bool) -> Container:
    """Map a file of a store.

    Args:
        path: The file.
        head: The declared form of the description.
        is_checked: Whether to verify the checksum, which reads the file once.

    Raises:
        DamagedError: If the file differs from what was written.
        InputError: If the disk fails.
    """
    try:
        return read_container(path, _MARK, head, is_checked=is_checked)
    except PermissionError as error:
        raise DamagedError(path, f"cannot be read ({format_reason(error)})") from None
    except OSError as error:
        raise InputError(path, format_reason(error), "check the disk that it is on") from None


def spill(data: bytes, folder: str) -> memoryview:
    """Move bytes to a nameless file; return a view of the mapped file."""
    with TempFile(folder) as file:
        file.write(data)
        return file.map()


def map_and_remove(path: str) -> memoryview:
    """Map a file of this run and unlink it; the disk space is freed with the view."""
    try:
        view = map_private_file(path)
        os.unlink(path)
    except DamagedError as error:
        raise InputError(path, error.what, "leave TMPDIR alone while kxcli runs") from None
    except OSError as error:
        raise InputError(path, format_reason(error), "check the disk that TMPDIR is on") from None
    return view
