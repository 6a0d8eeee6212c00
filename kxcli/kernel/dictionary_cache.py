"""Compiled dictionaries in files, for all runs with the same dictionary."""

import os
import re
import sys
import unicodedata
from collections.abc import Callable
from contextlib import suppress
from zlib import crc32

from kxcli.kernel import INTERFACE
from kxcli.schema import IntegerField, RecordField, TextField
from kxcli.storage.container import UNFINISHED_PATTERN, DamagedError, read_container, write_container
from kxcli.storage.private_files import UnsafeError, get_cache_folder, make_private_folder
from kxcli.storage.stale_files import remove_unused

_MARK = b"kxcli dictionary\n"
_SUFFIX = ".kxdict"
_FILE_NAMES = rf"[0-9a-f]{{8}}\.kxdict{UNFINISHED_PATTERN}"
_HEAD = RecordField({"about": TextField(), "checksum": IntegerField()})


def load_compiled(
    about: str, compile_it: Callable[[], bytes], is_accepted: Callable[[memoryview], bool]
) -> bytes | memoryview:
    """Return a compiled dictionary, mapped from the cache if that has it.

    If there is no file, or it is not accepted, or it cannot be written, or others could have written it, the dictionary
    is compiled.

    Args:
        about: Everything that the dictionary depends on, in addition to Unicode and the version of the kernel.
        compile_it: Compiles the dictionary.
        is_accepted: Returns whether the kernel takes the data of a file.
    """
    about = f"{INTERFACE} {unicodedata.unidata_version} {sys.byteorder} {about}"
    folder = get_cache_folder("dictionaries")
    path = os.path.join(folder, f"{crc32(about.encode('utf-8', 'surrogatepass')):08x}{_SUFFIX}")
    is_private = False
    with suppress(OSError, UnsafeError):
        make_private_folder(folder)
        is_private = True
    if is_private:
        with suppress(OSError, DamagedError):
            data = _read(path, about)
            if is_accepted(data):
                return data
    compiled = compile_it()
    if is_private:
        with suppress(OSError):
            write_container(path, _MARK, {"about": about, "checksum": crc32(compiled)}, [compiled])
            remove_unused(folder, re.compile(_FILE_NAMES))
    return compiled


def _read(path: str, about: str) -> memoryview:
    """Map a file; the checksum of its head takes less time than SHA-256."""
    head, data, _ = read_container(path, _MARK, _HEAD, is_checked=False)
    if head["about"] != about or crc32(data) != head["checksum"]:
        raise DamagedError(path)
    with suppress(OSError):
        os.utime(path)  # it is in use
    return data
