"""The compiled kernel under AddressSanitizer and UndefinedBehaviorSanitizer.

    python tests/sanitizers.py FOLDER

makes FOLDER/kxcli, a copy of the package with such a kernel, and prints the variables of the environment that
`env` needs for Python to use it. An access outside an allocation or undefined behavior ends the process. Pass data as
`numpy.frombuffer(data, numpy.uint8).copy()`: bytes and bytearray have a NUL after their end, in the same allocation.
"""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FLAGS = (
    *("-std=c11", "-O1", "-g", "-ffp-contract=off", "-fno-omit-frame-pointer", "-shared", "-fPIC"),
    "-DPy_LIMITED_API=0x030B0000",  # as in `hatch_build.py`
    *("-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
)


def build_sanitized(folder: Path) -> dict[str, str]:
    """Copy the package to a folder, with a sanitized kernel; return variables for the environment of Python."""
    package = Path(folder).resolve() / "kxcli"
    shutil.rmtree(package, ignore_errors=True)
    shutil.copytree(ROOT / "kxcli", package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    command = ["gcc", *FLAGS, f"-I{sysconfig.get_path('include')}", "-o", package / "_kernel.abi3.so"]
    subprocess.run([*command, *sorted((ROOT / "kernel").glob("*.c")), "-lm"], check=True)
    return {
        "LD_PRELOAD": ":".join(map(find_library, ("libasan.so", "libubsan.so"))),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python itself frees little at its end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",  # each object is an allocation of its own, so that its bounds are checked
        "PYTHONPATH": str(package.parent),
        "KXCLI_KERNEL": "require",
    }


def find_library(name: str) -> str:
    """Return the path of a library of the compiler."""
    found = subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    return found.stdout.strip()


if __name__ == "__main__":
    for name, value in build_sanitized(Path(sys.argv[1])).items():
        print(f"{name}={value}")
