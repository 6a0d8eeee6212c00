"""What the processes of the real program import, and how they end under limits."""

import errno
import multiprocessing
import os
import random
import resource
import shutil
import signal
import subprocess
import sys
from multiprocessing import forkserver
from pathlib import Path

import pytest
from conftest import SAMPLES, wait_until
from engine_toys import Numbers, Sum, ignore, read

from kxcli.errors import KxcliError, OutputError
from kxcli.mapreduce.job import Call
from kxcli.mapreduce.local import LocalEngine
from kxcli.storage import workspace

COMMANDS = {
    "wordcount": ("wordcount", "--engine", "jieba", "--shard-size", "8K", SAMPLES / "news.txt", "--dict"),
    "newwords": ("newwords", "--all", "--min-count", 2, "--shard-size", "8K", SAMPLES / "news.txt"),
    "entity-link": (
        *("entity-link", "--kb", SAMPLES / "encyclopedia.jsonl", "--shard-size", "100"),
        SAMPLES / "mentions.txt",
    ),
    "hsic": ("hsic", "-x", "1-3", "-y", "4-6", "--sigma", 1, "--test", "permutation", "--permutations", 4000),
}


def command(kxcli, name):
    """Return a command that needs workers, for jieba with a dictionary that loads fast."""
    if name == "wordcount":
        words = kxcli.folder / "dict"
        words.write_text("今天 5\n天气 3\n", "utf-8")
        return (*COMMANDS[name], words)
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
    """Make modules that log their import; return the log."""
    folder.mkdir()
    note = folder.parent / "imported"
    note.touch()
    code = f"open({str(note)!r}, 'a').write(__name__ + ' ')\nraise ImportError('a file of the current folder')\n"
    for name in names:
        (folder / f"{name}.py").write_text(code)
    for name in ("numpy", "jieba", "kxcli"):
        if name in names:
            (folder / f"{name}.py").unlink()
            (folder / name).mkdir()
            (folder / name / "__init__.py").write_text(code)
    return note


def everything():
    libraries = {"numpy", "jieba", "click", "tqdm", "dask", "distributed", "tornado", "cloudpickle", "kxcli"}
    return set(sys.stdlib_module_names) | libraries


def get_start(way):
    """Return a command line, and the module names that may exist in the current folder."""
    if way == "console script":
        return console_script(), everything()
    if way == "python -P -m":
        return [sys.executable, "-P", "-m", "kxcli"], everything()
    return [sys.executable, *way.split()[1:], "kxcli"], everything() - BEFORE_MODULE - {"kxcli"}


def check_imports(kxcli, way, arguments, *workers):
    """Run in a folder full of modules: the output is the usual one, and no module is imported."""
    expected = kxcli(*arguments, "-j", 1)
    start, names = get_start(way)
    note = plant_modules(kxcli.folder / "full", names)
    kxcli.command = lambda *options: [*start, *map(str, options)]
    ended = kxcli(*arguments, *workers, cwd=kxcli.folder / "full")
    assert (ended.out, ended.err) == (expected.out, expected.err)
    assert note.read_text() == ""


@pytest.mark.costly
@pytest.mark.parametrize(
    ("name", "way"), [*((name, "console script") for name in COMMANDS), ("wordcount", "python -m")]
)
def test_workers_import_nothing_from_the_current_folder(kxcli, name, way):
    check_imports(kxcli, way, command(kxcli, name), "-j", 2)


@pytest.mark.costly
@pytest.mark.parametrize("way", ["python -E -m", "python -s -m", "python -I -m"])
def test_workers_of_a_python_with_options_import_nothing_from_the_current_folder(kxcli, way):
    check_imports(kxcli, way, command(kxcli, "wordcount"), "-j", 2)


@pytest.mark.costly
@pytest.mark.parametrize("way", ["console script", "python -P -m", "python -E -m"])
def test_spawned_workers_import_nothing_from_the_current_folder(kxcli, way):
    kxcli.environment["TMPDIR"] = str(kxcli.folder / LONG_TMPDIR)
    Path(kxcli.environment["TMPDIR"]).mkdir()
    check_imports(kxcli, way, command(kxcli, "wordcount"), "-j", 2)


@pytest.mark.full
def test_local_cluster_workers_import_nothing_from_the_current_folder(kxcli):
    check_imports(kxcli, "console script", command(kxcli, "wordcount"), "--cluster", "local:2")


@pytest.mark.full
@pytest.mark.parametrize("tmpdir", ["forkserver", LONG_TMPDIR])
def test_workers_import_modules_of_pythonpath(kxcli, tmpdir):
    note = plant_modules(kxcli.folder / "own", ["token"])
    code = Path(os.__file__).with_name("token.py").read_text()
    (kxcli.folder / "own" / "token.py").write_text(code + f"\nopen({str(note)!r}, 'a').write('once ')\n")
    kxcli.environment.update(PYTHONPATH=str(kxcli.folder / "own"), TMPDIR=str(kxcli.folder / tmpdir))
    Path(kxcli.environment["TMPDIR"]).mkdir()
    kxcli(*command(kxcli, "hsic"), "-j", 2)
    assert note.read_text().split().count("once") >= 2  # in the parent, and in a process that it started


def test_checkout_works_without_installation(kxcli):
    checkout = kxcli.folder / "checkout"
    checkout.mkdir()
    (checkout / "kxcli").symlink_to(Path(__file__).resolve().parent.parent / "kxcli")
    expected = kxcli(*command(kxcli, "wordcount"), "-j", 1)
    got = kxcli(*command(kxcli, "wordcount"), "-j", 2, cwd=checkout)
    assert (got.out, got.err) == (expected.out, "")


@pytest.mark.costly
@pytest.mark.parametrize(("name", "workers"), [("newwords", 1), ("wordcount", 2), ("hsic", 2)])
def test_deleted_current_folder_does_not_change_output(kxcli, name, workers):
    arguments = command(kxcli, name)
    expected = kxcli(*arguments, "-j", 1)
    (kxcli.folder / "deleted").mkdir()
    script = 'cd "$1"; rmdir "$1"; shift; exec "$@"'
    rest = kxcli.command(*arguments, "-j", workers)
    kxcli.command = lambda: ["sh", "-c", script, "-", str(kxcli.folder / "deleted"), *rest]
    got = kxcli.run()
    assert (got.out, got.err) == (expected.out, "")


@pytest.mark.parametrize("way", ["console script", "python -m"])
def test_ctrl_c_during_imports_is_silent(kxcli, way):
    own = kxcli.folder / "own"
    own.mkdir()
    (own / "click.py").write_text(f"import time\nopen({str(own / 'begun')!r}, 'w')\ntime.sleep(1000)\n")
    kxcli.environment["PYTHONPATH"] = str(own)
    start, _ = get_start(way)
    kxcli.command = lambda *options: [*start, *options]
    process = kxcli.start("wordcount")
    wait_until((own / "begun").exists)
    process.send_signal(signal.SIGINT)
    assert process.communicate(timeout=120) == (b"", b"")
    assert process.returncode == 130


# Limits


@pytest.fixture
def full_folder(kxcli):
    """A file system with room for one folder and no file."""
    folder = kxcli.folder / "full"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m,nr_inodes=2", "none", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no right to mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("name", ["wordcount", "hsic"])
def test_tmpdir_without_inodes_is_reported_and_stays_empty(kxcli, full_folder, name):
    arguments = command(kxcli, name)
    kxcli.environment["TMPDIR"] = str(full_folder)
    err = kxcli(*arguments, "-j", 2, code=1).err
    assert (
        err == f"kxcli: error: {full_folder}: No space left on device; point TMPDIR at a folder that can be written\n"
    )
    assert os.listdir(full_folder) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EACCES, errno.EROFS, errno.EFBIG])
def test_workspace_without_lock_is_removed(tmp_path, monkeypatch, number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(workspace, "create_locked_file", fail)
    with pytest.raises(OutputError, match=os.strerror(number)), workspace.Workspace() as made:
        made.make_folder()
    assert os.listdir(tmp_path) == []


def limited(kind, soft):
    return lambda: resource.setrlimit(kind, (soft, soft))


@pytest.mark.parametrize("name", ["wordcount", "hsic"])
def test_limit_of_open_files_is_one_error(kxcli, name):
    err = kxcli(*command(kxcli, name), "-j", 2, code=1, preexec_fn=limited(resource.RLIMIT_NOFILE, 15)).err
    assert err == "kxcli: error: no worker process could be started (Too many open files); use -j 1\n"
    assert kxcli.leftovers() == []


@pytest.mark.parametrize("name", ["entity-link", "hsic"])  # the others need less than numpy
def test_limit_of_address_space_is_one_error(kxcli, name):
    limit = limited(resource.RLIMIT_AS, 60_000 << 10)
    err = kxcli(*command(kxcli, name), "-j", 2, code=1, preexec_fn=limit).err
    assert err == "kxcli: error: memory ran out; use fewer workers (-j), or a machine with more\n"
    assert kxcli.leftovers() == []


def test_limit_of_file_size_is_one_error(kxcli):
    err = kxcli(*command(kxcli, "hsic"), "-j", 2, code=1, preexec_fn=limited(resource.RLIMIT_FSIZE, 1000)).err
    assert "File too large" in err and err.count("\n") == 1
    assert kxcli.leftovers() == []


def run_toys(folder):
    with LocalEngine(2, (), lambda: str(folder)) as engine:
        tasks = [Numbers((n,)) for n in range(1, 20)]
        return engine.reduce(Call(read, tasks, Sum(), 1, ignore))


@pytest.mark.parametrize("is_last_first", [True, False])
def test_folder_of_multiprocessing_is_one_that_exists(tmp_path, monkeypatch, is_last_first):
    monkeypatch.setattr(workspace, "get_temporary_folder", lambda: str(tmp_path))
    config = multiprocessing.current_process()._config
    before = config.get("tempdir")
    made = [workspace.Workspace() for _ in range(2)]
    folders = [one.make_folder() for one in made]
    assert config["tempdir"] == folders[1]
    for number in (1, 0) if is_last_first else (0, 1):
        made[number].__exit__(None, None, None)
        assert config["tempdir"] in (before, None) or Path(config["tempdir"]).is_dir()
    assert config["tempdir"] in (before, None)


def test_killed_server_of_workers_is_restarted(tmp_path, monkeypatch, capfd):
    ensure_running, killed = forkserver.ensure_running, []

    def run_and_kill():
        ensure_running()
        if not killed:
            killed.append(forkserver._forkserver._forkserver_pid)
            os.kill(killed[0], signal.SIGKILL)
            os.waitid(os.P_PID, killed[0], os.WEXITED | os.WNOWAIT)

    monkeypatch.setattr(forkserver, "ensure_running", run_and_kill)
    assert run_toys(tmp_path) == sum(range(1, 20))
    assert killed
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("error", [BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"), EOFError()])
def test_failing_start_of_workers_is_one_error(tmp_path, monkeypatch, error):
    def fail():
        raise error

    monkeypatch.setattr(forkserver, "ensure_running", fail)
    with pytest.raises(KxcliError, match=r"^no worker process could be started \(.*\); use -j 1$"):
        run_toys(tmp_path)


@pytest.mark.full
@pytest.mark.slow  # the cluster tries for many seconds to start a worker
def test_local_cluster_with_little_address_space_is_one_error(kxcli):
    limit = limited(resource.RLIMIT_AS, 250_000 << 10)
    err = kxcli(*command(kxcli, "wordcount"), "--cluster", "local:2", code=1, preexec_fn=limit).err
    assert err.startswith("kxcli: error: ") and err.count("\n") == 1 and "internal error" not in err
    assert kxcli.leftovers() == []
