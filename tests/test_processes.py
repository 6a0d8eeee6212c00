"""What the processes of a run import, see and leave behind, on the real program."""

import os
import random
import sys
from pathlib import Path

import pytest
from conftest import SAMPLES

COMMANDS = {
    "wordcount": ("wordcount", "--shard-size", "8K", SAMPLES / "news.txt"),
    "newwords": ("newwords", "--all", "--min-count", 2, "--shard-size", "8K", SAMPLES / "news.txt"),
    "entity-link": (
        *("entity-link", "--kb", SAMPLES / "encyclopedia.jsonl", "--shard-size", "100"),
        SAMPLES / "mentions.txt",
    ),
    "hsic": ("hsic", "-x", "1-3", "-y", "4-6", "--sigma", 1, "--test", "permutation", "--permutations", 199),
}


def command(kxcli, name):
    """Return a command that needs workers."""
    if name != "hsic":
        return COMMANDS[name]
    table = kxcli.folder / "table.tsv"
    rng = random.Random(3)
    table.write_text("".join("\t".join(str(rng.gauss(0, 1)) for _ in range(6)) + "\n" for _ in range(500)))
    return (*COMMANDS[name], table)


LONG_TMPDIR = "a-folder-whose-name-leaves-no-room-for-the-name-of-a-socket-in-it"

# Modules that Python itself imports before `python -m` runs the first line of a package.
BEFORE_MODULE = {"collections", "contextlib", "functools", "importlib", "keyword", "operator", "reprlib"} | {
    *("types", "warnings", "encodings", "_distutils_hack", "sitecustomize", "usercustomize")
}


def console_script():
    path = Path(sys.executable).with_name("kxcli")
    if not path.exists():
        pytest.skip("the console script is not installed")
    return [str(path)]


def plant_modules(folder, names):
    """Make modules that note that they were imported; return the file in which they do."""
    folder.mkdir()
    note = folder.parent / "imported"
    note.touch()
    code = f"open({str(note)!r}, 'a').write(__name__ + ' ')\nraise ImportError('a file of the current folder')\n"
    for name in names:
        (folder / f"{name}.py").write_text(code)
    for name in ("numpy", "rjieba", "jieba", "kxcli"):
        if name in names:
            (folder / f"{name}.py").unlink()
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(code)
    return note


def everything():
    libraries = {"numpy", "rjieba", "jieba", "click", "tqdm", "dask", "distributed", "tornado", "cloudpickle", "kxcli"}
    return set(sys.stdlib_module_names) | libraries


def start_of(way):
    """Return a command line, and the names that the current folder may have for it."""
    if way == "console script":
        return console_script(), everything()
    if way == "python -P -m":
        return [sys.executable, "-P", "-m", "kxcli"], everything()
    return [sys.executable, "-m", "kxcli"], everything() - BEFORE_MODULE - {"kxcli"}


def check_imports(kxcli, way, arguments, *workers):
    """Run in a folder full of modules; the output is that of a run elsewhere, and none was imported."""
    expected = kxcli(*arguments, "-j", 1)
    start, names = start_of(way)
    note = plant_modules(kxcli.folder / "full", names)
    kxcli.command = lambda *options: [*start, *map(str, options)]
    ended = kxcli(*arguments, *workers, cwd=kxcli.folder / "full")
    assert (ended.out, ended.err) == (expected.out, expected.err)
    assert note.read_text() == ""


@pytest.mark.parametrize("way", ["console script", "python -m"])
@pytest.mark.parametrize("name", COMMANDS)
def test_workers_import_nothing_from_the_current_folder(kxcli, name, way):
    check_imports(kxcli, way, command(kxcli, name), "-j", 2)


@pytest.mark.parametrize("way", ["console script", "python -P -m"])
def test_spawned_workers_import_nothing_from_the_current_folder(kxcli, way):
    kxcli.environment["TMPDIR"] = str(kxcli.folder / LONG_TMPDIR)
    Path(kxcli.environment["TMPDIR"]).mkdir()
    check_imports(kxcli, way, COMMANDS["wordcount"], "-j", 2)


@pytest.mark.full
def test_local_cluster_workers_import_nothing_from_the_current_folder(kxcli):
    check_imports(kxcli, "console script", COMMANDS["wordcount"], "--cluster", "local:2")


@pytest.mark.parametrize("tmpdir", ["forkserver", LONG_TMPDIR])
def test_modules_of_pythonpath_are_imported_by_workers(kxcli, tmpdir):
    note = plant_modules(kxcli.folder / "own", ["token"])
    code = Path(os.__file__).with_name("token.py").read_text()
    (kxcli.folder / "own" / "token.py").write_text(code + f"\nopen({str(note)!r}, 'a').write('once ')\n")
    kxcli.environment.update(PYTHONPATH=str(kxcli.folder / "own"), TMPDIR=str(kxcli.folder / tmpdir))
    Path(kxcli.environment["TMPDIR"]).mkdir()
    kxcli(*command(kxcli, "hsic"), "-j", 2)
    assert note.read_text().split().count("once") >= 2  # in the parent, and in a process that it started


def test_a_checkout_that_is_not_installed_works_with_workers(kxcli):
    checkout = kxcli.folder / "checkout"
    checkout.mkdir()
    (checkout / "kxcli").symlink_to(Path(__file__).resolve().parent.parent / "kxcli")
    expected = kxcli(*COMMANDS["wordcount"], "-j", 1)
    got = kxcli(*COMMANDS["wordcount"], "-j", 2, cwd=checkout)
    assert (got.out, got.err) == (expected.out, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_deleted_current_folder_changes_nothing(kxcli, name, workers):
    arguments = command(kxcli, name)
    expected = kxcli(*arguments, "-j", 1)
    (kxcli.folder / "deleted").mkdir()
    script = 'cd "$1"; rmdir "$1"; shift; exec "$@"'
    rest = kxcli.command(*arguments, "-j", workers)
    kxcli.command = lambda: ["sh", "-c", script, "-", str(kxcli.folder / "deleted"), *rest]
    got = kxcli()
    assert (got.out, got.err) == (expected.out, "")
