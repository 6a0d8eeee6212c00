"""Compiled dictionaries in files, for all runs with the same dictionary."""

import hashlib
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Iterable
from contextlib import suppress

from kxcli.kernel import INTERFACE
from kxcli.schema import IntegerField
from kxcli.storage.container import UNFINISHED_PATTERN, DamagedError, read_container, write_container
from kxcli.storage.private_files import UnsafeError, get_cache_folder, make_private_folder
from kxcli.storage.stale_files import remove_unused

_MARK = b"kxcli dictionary\n"
_SUFFIX = ".kxdict"
_FILE_NAMES = re.compile(rf"[0-9a-f]{{32}}\.kxdict{UNFINISHED_PATTERN}")


def load_compiled(contents: Iterable[bytes], compile_it: Callable[[], bytes]) -> bytes | memoryview:
    """Return a compiled dictionary, mapped from the cache if that has it.

    If there is no file, or it cannot be written, or others could have written it, the dictionary is compiled.

    Args:
        contents: Everything that the dictionary depends on, in addition to Unicode and the version of the kernel.
        compile_it: Compiles the dictionary.
    """
    folder = get_cache_folder("dictionaries")
    path = os.path.join(folder, _make_key(contents) + _SUFFIX)
    with suppress(OSError, UnsafeError, DamagedError):
        make_private_folder(folder)
        with suppress(FileNotFoundError, DamagedError):
            return _read(path)
        compiled = compile_it()
        with suppress(OSError):
            write_container(path, _MARK, len(compiled), [compiled])
            remove_unused(folder, _FILE_NAMES)
        return compiled
    return compile_it()


def _make_key(contents: Iterable[bytes]) -> str:
    about = f"{INTERFACE} {unicodedata.unidata_version} {sys.byteorder}"
    digest = hashlib.sha256(about.encode("ascii"))
    for content in contents:
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    return digest.hexdigest()[:32]


def _read(path: str) -> memoryview:
    data = read_container(path, _MARK, IntegerField(), is_checked=True).data
    with suppress(OSError):
        os.utime(path)  # it is in use
    return data
