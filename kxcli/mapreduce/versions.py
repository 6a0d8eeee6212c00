"""The versions of the program, of Python and of the libraries.

A result depends on them and on the input.
"""

import sys
import unicodedata
from functools import cache

import kxcli

PYTHON_NAMES = ("Python", "Unicode data")
_LIBRARIES = ("jieba", "numpy")


@cache
def versions() -> dict[str, str]:
    """Return the versions by name; imports no library.

    Libraries that are not installed are missing.
    """
    from importlib import metadata  # takes as long as click's parsing, and few runs need it

    python_versions = ".".join(map(str, sys.version_info[:2])), unicodedata.unidata_version
    found = {"kxcli": kxcli.__version__, **dict(zip(PYTHON_NAMES, python_versions, strict=True))}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
