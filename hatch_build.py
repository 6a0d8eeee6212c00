"""The build hook that compiles the extension module `kxcli._kernel` from the folder `kernel`.

If this fails, the package is installed without the module, and kxcli runs on jieba. The environment variable
KXCLI_KERNEL changes that: `require` makes a failure an error, `off` omits the module.
"""

import os
import shutil
import sys
import sysconfig
import tempfile
from glob import glob
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

MODULE = "kxcli._kernel"
PACKAGE = "kxcli"
SETTINGS = ("", "off", "require")

# Floating-point expressions are computed as written: sums decide between segmentations that are equally probable.
POSIX_FLAGS = ["-std=c11", "-O2", "-ffp-contract=off", "-fno-fast-math", "-fvisibility=hidden"]
WINDOWS_FLAGS = ["/std:c11", "/O2", "/fp:precise"]

LIMITED_API = "0x030B0000"  # of Python 3.11, the first with the buffer protocol in it

WHAT_TO_INSTALL = (
    "install a C compiler and the headers of Python (Debian, Ubuntu: gcc python3-dev; Fedora: gcc python3-devel; "
    "Alpine: gcc musl-dev python3-dev; macOS: xcode-select --install), then install kxcli again with --no-cache-dir"
)

HOW_TO_GO_ON = "see the compiler's message above, or install without it: KXCLI_KERNEL=off make demo, or pip install"


class KernelBuildHook(BuildHookInterface[Any]):
    """Adds the compiled module to a wheel, or to the source tree for an editable installation."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile the module; set the tag of the wheel for it."""
        setting = os.environ.get("KXCLI_KERNEL", "")
        if setting not in SETTINGS:
            raise ValueError(f"KXCLI_KERNEL={setting} is unknown; use off or require, or unset it")
        self.folder = tempfile.TemporaryDirectory(prefix="kxcli-build-")  # a new one, so that no old object is linked
        package = os.path.join(self.root, PACKAGE)
        is_editable = version == "editable"
        if is_editable:
            _remove_modules(package)  # after a failure, an old module must not be in use
        if setting == "off":
            return
        try:
            module = compile_kernel(self.root, self.folder.name)
        except (Exception, SystemExit) as error:  # noqa: BLE001 -- whatever setuptools and the compiler raise
            if setting == "require":
                raise RuntimeError(f"the kernel was not compiled ({error}); {HOW_TO_GO_ON}") from None
            self.app.display_warning(f"kxcli is built without its compiled kernel, so it will be slow: {error}")
            self.app.display_warning(WHAT_TO_INSTALL)
            return
        if is_editable:
            shutil.copy2(module, package)
        else:
            build_data["force_include"][module] = f"{PACKAGE}/{os.path.basename(module)}"
        build_data["pure_python"] = False
        build_data["tag"] = make_tag()

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary folder."""
        self.folder.cleanup()


def compile_kernel(root: str, folder: str) -> str:
    """Compile the module.

    Args:
        root: The folder of the project.
        folder: An empty folder for objects and the module.

    Returns:
        The path of the module.

    Raises:
        Exception: Any exception of setuptools.
    """
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    is_windows = sysconfig.get_platform().startswith("win")
    extension = Extension(
        MODULE,
        sorted(glob(os.path.join(root, "kernel", "*.c"))),
        extra_compile_args=WINDOWS_FLAGS if is_windows else POSIX_FLAGS,
        libraries=[] if is_windows else ["m"],
        define_macros=list_macros(),
        py_limited_api=_has_limited_api(),
    )
    command = build_ext(Distribution({"name": PACKAGE, "ext_modules": [extension]}))
    command.build_lib = command.build_temp = folder
    command.ensure_finalized()
    command.run()
    return str(command.get_ext_fullpath(MODULE))


def list_macros() -> list[tuple[str, str | None]]:
    """Return the macros that select the API of Python, with their values, for the headers of this Python."""
    if _has_limited_api():
        return [("Py_LIMITED_API", LIMITED_API)]
    is_free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
    if is_free_threaded and sys.platform == "win32":  # its pyconfig.h is for both kinds of Python
        return [("Py_GIL_DISABLED", "1")]
    return []


def make_tag() -> str:
    """Return the tag of a wheel with the module: Python, ABI and platform."""
    from packaging.tags import sys_tags

    platform = sysconfig.get_platform().replace("-", "_").replace(".", "_")
    if _has_limited_api():
        return f"cp311-abi3-{platform}"
    best = next(sys_tags())
    return f"{best.interpreter}-{best.abi}-{platform}"


def _has_limited_api() -> bool:
    """Return whether the module works with all later versions of Python."""
    return sys.implementation.name == "cpython" and not sysconfig.get_config_var("Py_GIL_DISABLED")


def _remove_modules(package: str) -> None:
    for pattern in ("_kernel*.so", "_kernel*.pyd"):
        for path in glob(os.path.join(package, pattern)):
            os.unlink(path)
