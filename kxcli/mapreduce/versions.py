"""What else a count depends on than its input and parameters: the libraries and tables that it is made with."""

import sys
import unicodedata
from functools import cache
from importlib.metadata import PackageNotFoundError, version

import kxcli

_LIBRARIES = ("jieba", "rjieba", "numpy")


@cache
def versions() -> dict[str, str]:
    """Return by name the versions that two processes have to share, so that they count alike."""
    found = {
        "kxcli": kxcli.__version__,
        "Python": ".".join(map(str, sys.version_info[:2])),
        "Unicode": unicodedata.unidata_version,
    }
    for name in _LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "none"
    return found
