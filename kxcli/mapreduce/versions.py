"""The versions of everything but the input that a result depends on."""

import sys
import unicodedata
from functools import cache

import kxcli

OF_PYTHON = ("Python", "Unicode data")
_LIBRARIES = ("jieba", "numpy", "rjieba")


@cache
def versions() -> dict[str, str]:
    """Return the versions by name, without those of libraries that are not installed; imports none of them."""
    from importlib import metadata  # takes as long as click's parsing: few runs ask

    of_python = ".".join(map(str, sys.version_info[:2])), unicodedata.unidata_version
    found = {"kxcli": kxcli.__version__, **dict(zip(OF_PYTHON, of_python, strict=True))}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
