"""The compiled kernel `kxcli._kernel`, unless it is missing or off.

An installation without a compiler has no kernel. Then kxcli runs on jieba, with the same output. The environment
variable KXCLI_KERNEL is `off`, `require` (a missing kernel is an error), or unset. The sources are in the folder
`kernel`, the interface is in `kxcli/_kernel.pyi`.
"""

import os
from functools import cache
from importlib import import_module
from types import ModuleType

from kxcli.errors import KxcliError, UsageError

INTERFACE = 11  # of `kxcli._kernel`, see `kernel/module.c`

_MODULE = "kxcli._kernel"
_HOW_TO_INSTALL = (
    "install gcc and the Python headers, then kxcli again with pip install --force-reinstall --no-cache-dir "
    "(see docs/troubleshooting.md)"
)


def load_kernel() -> ModuleType | None:
    """Return the module `kxcli._kernel`, or None if it is missing or off.

    Raises:
        UsageError: KXCLI_KERNEL has an unknown value.
        KxcliError: The kernel is missing, but KXCLI_KERNEL requires it.
    """
    kernel = find_kernel()
    if kernel is None and is_kernel_required():
        raise KxcliError(f"KXCLI_KERNEL=require: {explain_absence()}")
    return kernel


def find_kernel() -> ModuleType | None:
    """Return the module `kxcli._kernel`, or None if it is missing or off.

    A missing kernel is no error even if KXCLI_KERNEL requires it: this is for code that also runs where the kernel is
    not needed, as with `--engine jieba`.

    Raises:
        UsageError: KXCLI_KERNEL has an unknown value.
    """
    return None if is_kernel_off() else _import_kernel()[0]


def explain_absence() -> str:
    """Return the reason for `find_kernel` to return None; "" if there is a kernel."""
    return "KXCLI_KERNEL=off" if is_kernel_off() else _import_kernel()[1]


def is_kernel_off() -> bool:
    """Return whether KXCLI_KERNEL turns the kernel off."""
    return _read_setting() == "off"


def is_kernel_required() -> bool:
    """Return whether KXCLI_KERNEL makes a missing kernel an error."""
    return _read_setting() == "require"


def _read_setting() -> str:
    setting = os.environ.get("KXCLI_KERNEL", "")
    if setting not in ("", "off", "require"):
        raise UsageError(f"KXCLI_KERNEL={setting} is unknown; use off or require, or unset it")
    return setting


@cache  # Python searches for a missing module again on each import
def _import_kernel() -> tuple[ModuleType | None, str]:
    """Return the module, or None and the reason."""
    try:
        kernel = import_module(_MODULE)
    except ModuleNotFoundError:
        return None, f"kxcli was installed without its compiled kernel; {_HOW_TO_INSTALL}"
    except ImportError as error:  # of the dynamic linker: the module is for another system
        return None, f"the compiled kernel cannot be loaded ({error}); {_HOW_TO_INSTALL}"
    if getattr(kernel, "INTERFACE", None) != INTERFACE:
        return None, f"the compiled kernel belongs to another version of kxcli; {_HOW_TO_INSTALL}"
    return kernel, ""
