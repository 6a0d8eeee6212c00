"""The structure of the package: which folder may import which."""

import ast
import graphlib
import re
import sys

import pytest
from conftest import ROOT

PACKAGE = ROOT / "kxcli"
MAX_COMMAND_LINES = 150
MAX_C_LINES = 400
MAX_C_COLUMNS = 120
C_FILES = sorted((ROOT / "kernel").glob("*.[ch]"))
ROOMS = {
    # folder: what else of the package it may import
    "arrays": {"schema"},
    "storage": {"arrays", "errors", "schema", "signals"},
    "kernel": {"errors", "schema", "storage", "wording"},
    "tally": {"_kernel", "arrays", "errors", "kernel", "storage"},
    "mining": {"_kernel", "arrays", "batching", "kernel", "schema", "tally", "wording"},
    "corpus": {"arrays", "batching", "errors", "schema", "storage", "suffixes", "urls", "wording"},
    "mapreduce": {"arrays", "errors", "schema", "signals", "storage", "tuning", "wording"},
    "output": {"errors", "signals", "storage", "suffixes", "urls"},
}


def imported(path):
    """Return the modules that a file imports anywhere, within functions too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def module_name(path):
    """Return the dotted name of a file's module; an `__init__` has that of its package."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported_modules(path, known):
    """Return the modules among `known` that a file imports, within functions and under TYPE_CHECKING too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            submodules = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(submodules if submodules <= known else {*submodules, node.module})
    return found & known


def test_no_imports_are_circular():
    paths = {module_name(path): path for path in PACKAGE.rglob("*.py")}
    graph = {name: imported_modules(path, paths.keys()) - {name} for name, path in paths.items()}
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError with the modules of a circle


@pytest.mark.parametrize("folder", ROOMS)
def test_folder_imports_only_allowed_folders(folder):
    for path in (PACKAGE / folder).rglob("*.py"):
        rooms = {name.split(".")[1] for name in imported(path) if name.startswith("kxcli.")}
        assert rooms <= ROOMS[folder] | {folder}, path


def test_only_commands_import_click():
    for path in PACKAGE.rglob("*.py"):
        if path.relative_to(PACKAGE).parts[0] not in ("commands", "cli.py"):
            assert not any(name.split(".")[0] == "click" for name in imported(path)), path


def test_no_test_or_benchmark_hides_a_module_of_python():
    """Workers of tests have both folders in their search path."""
    names = {path.stem for folder in ("tests", "benchmarks") for path in (ROOT / folder).glob("*.py")}
    assert not names & sys.stdlib_module_names


def test_files_of_commands_are_short():
    for path in (PACKAGE / "commands").rglob("*.py"):
        assert len(path.read_text(encoding="utf-8").splitlines()) <= MAX_COMMAND_LINES, path


def test_pipelines_import_no_command():
    for path in (PACKAGE / "pipelines").rglob("*.py"):
        assert not any(name.startswith("kxcli.commands") for name in imported(path)), path


def test_only_one_module_imports_jieba():
    knowing = {
        path.name for path in PACKAGE.rglob("*.py") if any(name.split(".")[0] == "jieba" for name in imported(path))
    }
    assert knowing == {"jieba_reference.py"}


def test_only_storage_makes_temporary_files_and_maps_files():
    for path in PACKAGE.rglob("*.py"):
        if "storage" not in path.parts:
            assert not {"tempfile", "mmap"} & set(imported(path)), path


def test_no_module_unpickles():
    for path in PACKAGE.rglob("*.py"):
        assert not {"pickle", "marshal", "shelve"} & {name.split(".")[0] for name in imported(path)}, path


def test_only_faces_of_the_kernel_include_python():
    for path in C_FILES:
        if path.stem not in ("limited_api", "objects") and not path.name.endswith("module.c"):
            assert not re.search(
                r"#include .(?:python|limited_api|objects)\.h", path.read_text(encoding="utf-8"), re.I
            ), path


def test_c_files_with_floating_point_numbers_check_how_these_are_computed():
    for path in C_FILES:
        text = path.read_text(encoding="utf-8")
        code = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
        if path.suffix == ".c" and "_module" not in path.stem and re.search(r"\b(?:double|float)\b", code):
            assert '#include "doubles.h"' in text, path


def test_c_files_and_their_lines_are_short():
    for path in C_FILES:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert len(lines) <= MAX_C_LINES, path
        assert max(map(len, lines)) <= MAX_C_COLUMNS, path
