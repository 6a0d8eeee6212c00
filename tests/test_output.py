"""Outputs: open descriptors, special files, files that are replaced or overwritten, and refused names."""

import errno
import os
import signal
import stat
import subprocess
import threading
from contextlib import contextmanager
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.cli import COMMANDS, cli, main
from kxcli.commands.option_types import PathType
from kxcli.errors import OutputError
from kxcli.output import complete_files, sink
from kxcli.output.descriptors import CompleteWriter

ROWS = b"x\t2\ny\t1\n"
OLD = b"old\t1\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Make a current folder with a small input for each command."""
    monkeypatch.chdir(tmp_path)
    before = [(number, signal.getsignal(number)) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    (tmp_path / "in.txt").write_text("x y x\n")
    (tmp_path / "table.tsv").write_text("a\tb\n1\t2\n2\t3\n5\t1\n4\t4\n")
    (tmp_path / "kb.tsv").write_text("北京\tE1\n上海\tE2\n")
    (tmp_path / "gold.jsonl").write_text(
        '{"text": "北京在哪", "mention_data": [{"mention": "北京", "offset": "0", "kb_id": "E1"}]}\n'
    )
    yield tmp_path
    for number, handler in before:
        signal.signal(number, handler)


def count(*arguments):
    return main(["wordcount", "-t", "space", "-j", "1", "-q", *map(str, arguments)])


USES = {
    "wordcount": ["wordcount", "-t", "space", "in.txt"],
    "merge": ["wordcount", "--merge", "counts.tsv"],
    "newwords": ["newwords", "--all", "--min-count", "1", "in.txt"],
    "keywords": ["keywords", "-t", "space", "--min-length", "1", "in.txt"],
    "entity-link": ["entity-link", "--kb", "kb.tsv", "in.txt"],
    "evaluate": ["entity-link", "--kb", "kb.tsv", "--evaluate", "gold.jsonl"],
    "hsic": ["hsic", "-x", "a", "-y", "b", "table.tsv"],
}


@pytest.fixture(params=USES)
def use(request, folder):
    """Return the arguments of a small run of each command, in each of its modes."""
    (folder / "counts.tsv").write_bytes(ROWS)
    return [*USES[request.param], "-j", "1", "-q"] if request.param != "evaluate" else [*USES[request.param], "-q"]


# Open descriptors and special files


@contextmanager
def opened(path, flags):
    handle = os.open(path, flags | os.O_CREAT, 0o644)
    try:
        yield handle
    finally:
        os.close(handle)


def descriptor_names(handle):
    os.symlink(f"/dev/fd/{handle}", "link")
    os.symlink("link", "link to link")
    return [
        f"/dev/fd/{handle}",
        f"/proc/self/fd/{handle}",
        f"/proc/thread-self/fd/{handle}",
        f"/proc/{os.getpid()}/fd/{handle}",
        f"/proc/{os.getpid()}/task/{os.getpid()}/fd/{handle}",
        f"/dev/../dev/fd/{handle}",
        "link",
        "./link to link",
    ]


@pytest.mark.parametrize("flags", [os.O_WRONLY, os.O_RDWR, os.O_WRONLY | os.O_APPEND], ids=["write", "both", "append"])
def test_descriptor_is_written_at_its_offset(folder, flags):
    (folder / "log").write_bytes(b"kept ")
    with opened("log", flags) as handle:
        os.lseek(handle, 0, os.SEEK_END)
        expected = b"kept "
        inode = os.fstat(handle).st_ino
        for name in descriptor_names(handle):
            os.write(handle, b"header\n")
            assert count("-o", name, "in.txt") == 0
            os.write(handle, b"footer\n")
            expected += b"header\n" + ROWS + b"footer\n"
            assert (folder / "log").read_bytes() == expected, name
        assert os.stat("log").st_ino == inode


def test_offset_within_a_file_is_kept(folder):
    (folder / "log").write_bytes(b"0123456789abcdef")
    with opened("log", os.O_WRONLY) as handle:
        os.lseek(handle, 3, os.SEEK_SET)
        assert count("-o", f"/dev/fd/{handle}", "in.txt") == 0
    assert (folder / "log").read_bytes() == b"012" + ROWS + b"bcdef"


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("path", ["/dev/{}", "link"])
def test_named_streams_keep_the_surrounding_output(capfd, name, path):
    os.symlink(f"/dev/{name}", "link")
    number = {"stdout": 1, "stderr": 2}[name]
    os.write(number, b"header\n")
    assert count("-o", path.format(name), "in.txt") == 0
    os.write(number, b"footer\n")
    assert getattr(capfd.readouterr(), name[3:]) == f"header\n{ROWS.decode()}footer\n"


def test_every_command_writes_to_dev_stdout(use, capfd):
    assert main(use) == 0
    expected = capfd.readouterr().out
    for name in ("-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"):
        os.write(1, b"header\n")
        assert main([*use, "-o", name]) == 0
        assert capfd.readouterr().out == f"header\n{expected}"
    assert not os.path.exists("-")


def test_descriptor_of_another_process_is_appended_to(folder):
    (folder / "log").write_bytes(b"kept\n")
    with opened("log", os.O_WRONLY) as handle:
        process = subprocess.Popen(["sleep", "60"], stdout=handle)
    try:
        assert count("-o", f"/proc/{process.pid}/fd/1", "in.txt") == 0
    finally:
        process.kill()
        process.wait()
    assert (folder / "log").read_bytes() == b"kept\n" + ROWS


def test_descriptor_shared_with_another_process_keeps_its_offset(folder):
    with opened("log", os.O_WRONLY) as handle:
        process = subprocess.Popen(["sleep", "60"], stdout=handle)
        try:
            os.write(handle, b"header\n")
            assert count("-o", f"/proc/{process.pid}/fd/1", "in.txt") == 0
            os.write(handle, b"footer\n")
        finally:
            process.kill()
            process.wait()
    assert (folder / "log").read_bytes() == b"header\n" + ROWS + b"footer\n"


@pytest.mark.parametrize("name", ["/dev/fd/987", "/proc/self/fd/987", "/proc/999999999/fd/1", "link"])
def test_closed_descriptor_is_refused_before_the_work(capsys, name):
    os.symlink("/dev/fd/987", "link")
    assert count("-o", name, "missing.txt") == 1
    assert capsys.readouterr().err.startswith(f"kxcli: error: {name}: ")


def test_read_only_descriptor_is_refused_before_the_work(folder, capsys):
    (folder / "old").write_bytes(OLD)
    with opened("old", os.O_RDONLY) as handle:
        assert count("-o", f"/dev/fd/{handle}", "missing.txt") == 1
        assert capsys.readouterr().err.startswith(f"kxcli: error: /dev/fd/{handle}: is open for reading only; ")
    assert (folder / "old").read_bytes() == OLD


def test_errors_and_models_are_written_to_descriptors(folder):
    with opened("log", os.O_WRONLY | os.O_APPEND) as handle:
        os.write(handle, b"header\n")
        assert main([*USES["evaluate"], "-q", "-o", "f1.tsv", "--errors", f"/dev/fd/{handle}"]) == 0
    assert (folder / "log").read_bytes().startswith(b"header\ntext_id\t")
    with opened("model", os.O_WRONLY | os.O_APPEND) as handle:
        os.write(handle, b"header\n")
        use = ["entity-link", "--kb", "kb.tsv", "--train", "gold.jsonl", "-q"]
        assert main([*use, "--model", f"/dev/fd/{handle}"]) == 0
    assert (folder / "model").read_bytes().startswith(b"header\nPK")


def test_errors_are_written_to_free_stdout(folder, capfd):
    assert main([*USES["evaluate"], "-q", "--errors", "-", "-o", "f1.tsv"]) == 0
    assert capfd.readouterr().out.startswith("text_id\t")
    assert (folder / "f1.tsv").read_bytes().startswith(b"type\t")


@pytest.mark.parametrize("errors", ["-", "same", "link", "hard"])
def test_errors_and_scores_in_one_file_are_refused(folder, capsys, errors):
    (folder / "same").write_bytes(OLD)
    os.symlink("same", "link")
    os.link("same", "hard")
    output = () if errors == "-" else ("-o", "same")
    assert main([*USES["evaluate"], "--errors", errors, *output]) == 2
    assert "--errors and -o name the same file" in capsys.readouterr().err
    assert (folder / "same").read_bytes() == OLD


@pytest.mark.parametrize(
    "arguments",
    [
        ["wordcount", "--checkpoint", "-", "in.txt"],
        ["wordcount", "--cluster", "local:2", "--output-dir", "-", "in.txt"],
        ["entity-link", "--kb", "kb.tsv", "--kb-cache", "-", "in.txt"],
        ["entity-link", "--kb", "kb.tsv", "--train", "gold.jsonl", "--model", "-"],
    ],
)
def test_dash_as_folder_or_model_is_a_usage_error(capsys, arguments):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert "not -" in err and err.count("\n") == 1
    assert not os.path.exists("-")


# Short writes


def read_slowly(descriptor, parts):
    with open(descriptor, "rb", buffering=0) as file:
        while data := file.read(3_000):
            parts.append(data)


@pytest.mark.costly
@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize("option", [(), ("-o", "/dev/stdout")], ids=["stdout", "/dev/stdout"])
def test_nonblocking_pipe_gets_all_output(kxcli, unbuffered, option):
    kxcli.environment["PYTHONUNBUFFERED"] = unbuffered
    words = "".join(f"w{n:05}\n" for n in range(20_000))
    (kxcli.folder / "a").write_text(words)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    parts = []
    thread = threading.Thread(target=read_slowly, args=(reading, parts))
    process = kxcli.start("wordcount", "-t", "space", "-j", "1", "a", *option, stdout=writing)
    os.close(writing)
    thread.start()
    with process:
        err = process.communicate(timeout=120)[1]
    thread.join()
    assert (process.returncode, err) == (0, b"")
    assert b"".join(parts).decode() == "".join(f"{word}\t1\n" for word in words.split())


@pytest.mark.parametrize("arguments", [["--help"], ["wordcount", "--help"], ["--version"], ["hsic", "--help"]])
def test_help_through_full_nonblocking_pipe_is_complete(kxcli, arguments):
    kxcli.environment["PYTHONUNBUFFERED"] = "1"
    expected = kxcli(*arguments).out
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"." * 1000)
    process = kxcli.start(*arguments, stdout=writing)
    os.close(writing)
    parts = []
    read_slowly(reading, parts)
    with process:
        assert process.communicate(timeout=120)[1] == b""
    assert b"".join(parts).lstrip(b".") == expected


@pytest.mark.costly
def test_unbuffered_output_to_a_full_device_is_an_error(kxcli, use):
    kxcli.environment["PYTHONUNBUFFERED"] = "1"
    for name in ("in.txt", "table.tsv", "kb.tsv", "gold.jsonl", "counts.tsv"):
        (kxcli.folder / name).write_bytes(Path(name).read_bytes() if Path(name).exists() else b"")
    with open("/dev/full", "wb") as full:
        err = kxcli(*use, stdout=full, code=1).err
    assert err.startswith("kxcli: error: <stdout>: No space left on device") and err.count("\n") == 1


@pytest.mark.parametrize("option", [(), ("-o", "/dev/stdout")], ids=["stdout", "/dev/stdout"])
def test_unbuffered_output_to_small_disk_is_an_error(kxcli, small_disk, option):
    kxcli.environment["PYTHONUNBUFFERED"] = "1"
    (kxcli.folder / "a").write_text("".join(f"w{n:05}\n" for n in range(20_000)))
    with open(small_disk / "out", "wb") as file:
        err = kxcli("wordcount", "-t", "space", "-j", "1", "a", *option, stdout=file, code=1).err
    assert "No space left on device" in err and err.count("\n") == 1


@given(st.lists(st.binary(max_size=300_000), max_size=3))
@settings(max_examples=10, derandomize=True)
def test_complete_writer_fills_nonblocking_pipe(blocks):
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    parts = []
    thread = threading.Thread(target=read_slowly, args=(reading, parts))
    thread.start()
    try:
        writer = CompleteWriter(writing, "<pipe>")
        assert [writer.write(block) for block in blocks] == [len(block) for block in blocks]
    finally:
        os.close(writing)
        thread.join()
    assert b"".join(parts) == b"".join(blocks)


# Inputs


@pytest.fixture
def names(folder):
    """Return names of the file `same`, which each command can read."""
    os.symlink("same", "link")
    (folder / "sub").mkdir()
    (folder / "same").write_bytes(OLD)
    os.link("same", "hard")
    return ["same", "link", "hard", "./same", "sub/../same", str(folder / "same")]


READING = {
    "wordcount": ["wordcount", "{}"],
    "second input": ["wordcount", "in.txt", "{}"],
    "listed": ["wordcount", "--files-from", "list"],
    "list": ["wordcount", "--files-from", "{}"],
    "--userdict": ["wordcount", "--userdict", "{}", "in.txt"],
    "--dict": ["wordcount", "--dict", "{}", "in.txt"],
    "--stopwords": ["wordcount", "--stopwords", "{}", "in.txt"],
    "--merge": ["wordcount", "--merge", "counts.tsv", "{}"],
    "newwords": ["newwords", "{}"],
    "--known": ["newwords", "--known", "in.txt", "--known", "{}", "in.txt"],
    "entity-link": ["entity-link", "--kb", "kb.tsv", "{}"],
    "--kb": ["entity-link", "--kb", "{}", "in.txt"],
    "--model": ["entity-link", "--kb", "kb.tsv", "--model", "{}", "in.txt"],
    "--evaluate": ["entity-link", "--kb", "kb.tsv", "--evaluate", "{}"],
    "hsic": ["hsic", "-x", "1", "-y", "2", "{}"],
    "--y-file": ["hsic", "table.tsv", "--y-file", "{}"],
    "hsic --stopwords": ["hsic", "-x", "1", "-y", "2", "--kernel-x", "bow", "--stopwords", "{}", "table.tsv"],
}


@pytest.mark.parametrize("way", READING)
def test_output_equal_to_an_input_is_refused(folder, names, capsys, way):
    (folder / "list").write_text("in.txt\nsame\n")
    (folder / "counts.tsv").write_bytes(ROWS)
    for name in names:
        for read in names if name == "same" else ["same"]:
            assert main([one.format(read) for one in READING[way]] + ["-o", name]) == 2, (name, read)
            assert capsys.readouterr().err == f"kxcli: error: -o {name} would overwrite an input; name another file.\n"
    assert (folder / "same").read_bytes() == OLD


def test_descriptor_of_an_input_is_refused(folder, names, capsys):
    with opened("same", os.O_WRONLY | os.O_APPEND) as handle:
        for way in READING:
            (folder / "list").write_text("same\n")
            (folder / "counts.tsv").write_bytes(ROWS)
            assert main([one.format("hard") for one in READING[way]] + ["-o", f"/dev/fd/{handle}"]) == 2, way
    assert (folder / "same").read_bytes() == OLD


@pytest.mark.parametrize("option", ["--errors", "--model"])
def test_other_outputs_equal_to_an_input_are_refused(names, capsys, option):
    mode = {"--errors": "--evaluate", "--model": "--train"}[option]
    for name in names:
        for read in (["--kb", "kb.tsv", mode, "same"], ["--kb", "same", mode, "gold.jsonl"]):
            assert main(["entity-link", *read, option, name]) == 2
            assert f"{option} {name} would overwrite an input" in capsys.readouterr().err


@pytest.mark.parametrize(
    "use", [["wordcount"], ["wordcount", "-"], ["hsic", "--y-file", "-", "table.tsv"], ["newwords"]]
)
def test_output_equal_to_redirected_stdin_is_refused(kxcli, use):
    (kxcli.folder / "same").write_bytes(OLD)
    (kxcli.folder / "table.tsv").write_bytes(OLD)
    with open(kxcli.folder / "same", "rb") as file, kxcli.start(*use, "-o", "same", stdin=file) as process:
        err = process.communicate(timeout=120)[1].decode()
    assert (process.returncode, err) == (2, "kxcli: error: -o same would overwrite an input; name another file.\n")
    assert (kxcli.folder / "same").read_bytes() == OLD


def test_device_as_input_and_output():
    assert count("-o", "/dev/null", "/dev/null") == 0


def test_options_for_paths_have_a_role():
    for name in COMMANDS:
        for param in cli.get_command(click.Context(cli), name).params:
            metavar = (param.metavar or "").rpartition(" ")[2]
            is_path = metavar.split("|")[0] in ("FILE", "DIR", "KB", "REF", "LABELED", "GOLD", "MODEL", "[INPUT]...")
            assert isinstance(param.type, PathType) == is_path, param
            if is_path:
                assert (param.type.role == "folder") == (param.metavar == "DIR"), param


# Suffixes that contradict the format

WRITING = {
    "tsv": [*USES["wordcount"], "-q"],
    "csv": [*USES["wordcount"], "-f", "csv", "-q"],
    "jsonl": [*USES["newwords"], "-f", "jsonl", "-q"],
    "userdict": [*USES["wordcount"], "-f", "userdict", "-q"],
}
SUFFIXES = {
    ".tsv": "tsv",
    ".TSV": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".Csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}


@pytest.mark.parametrize("form", ["csv", "jsonl", "userdict"])
def test_suffix_of_another_format_is_refused(folder, capsys, form):
    for suffix, named in SUFFIXES.items():
        is_refused = named != form
        assert main([*WRITING[form], "-o", f"a.b{suffix}"]) == (2 if is_refused else 0)
        assert os.path.exists(f"a.b{suffix}") != is_refused
        err = capsys.readouterr().err
        assert (f"-o a.b{suffix}: the name says {named}, but the output is {form}; " in err) == is_refused


@pytest.mark.parametrize("name", ["a.zip", "a.csv.lz4", "a.Z", "a.tar.tgz"])
def test_suffix_of_another_compressor_is_refused(folder, capsys, name):
    assert main([*WRITING["tsv"], "-o", name]) == 2
    suffix = os.path.splitext(name)[1].lower()
    err = capsys.readouterr().err
    assert err == f"kxcli: error: -o {name}: kxcli does not write {suffix}; use .gz, .bz2, .xz or .zst.\n"
    assert not os.path.exists(name)


@pytest.mark.parametrize(
    "name", ["a", "a.txt", "a.dat", "a.out", ".csv", "a.gz.tsv", "a.csv.tsv", "a.csv.txt", "a.2024"]
)
def test_other_suffixes_are_accepted(folder, name):
    assert main([*WRITING["tsv"], "-o", name]) == 0
    assert (folder / name).read_bytes() == ROWS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([*USES["hsic"], "-f", "csv", "-o", "a.tsv"], "-o a.tsv: the name says tsv, but the output is csv; use -f tsv"),
        ([*USES["hsic"], "-f", "csv", "-o", "a.tsv.gz"], "the name says tsv, but the output is csv; use -f tsv"),
        ([*USES["evaluate"], "-f", "tsv", "-o", "a.jsonl"], "the name says jsonl, but the output is tsv; use -f jsonl"),
        ([*USES["evaluate"], "--errors", "a.csv"], "but the output is tsv; choose another name"),
        ([*USES["evaluate"], "--errors", "a.zip"], "--errors a.zip: kxcli does not write .zip; use .gz, "),
        (
            [*USES["hsic"], "-o", "a.npy"],
            "says npy, but the output is tsv; the formats are tsv, csv, jsonl, parquet; choose another name",
        ),
        ([*USES["hsic"], "-o", "a.xlsx.gz"], "the name says xlsx, but the output is tsv; the formats are tsv, csv, "),
        ([*USES["hsic"], "-f", "parquet", "-o", "a.gz"], "parquet is compressed already; remove .gz from the name"),
        (
            ["entity-link", "--kb", "kb.tsv", "--train", "gold.jsonl", "--model", "a.gz"],
            "--model a.gz: npz is compressed already; remove .gz from the name",
        ),
        (["entity-link", "--kb", "kb.tsv", "--train", "gold.jsonl", "--model", "a.tsv"], "but the output is npz"),
    ],
)
def test_refused_suffix_has_a_fix(capsys, arguments, message):
    assert main(arguments) == 2
    err = capsys.readouterr().err
    assert message in err and err.startswith("kxcli: error: ") and err.count("\n") == 1


# Existing files


@pytest.fixture
def other_user():
    """Act as a user who is not root; as root, become nobody."""
    if os.geteuid() != 0:
        yield
        return
    os.setegid(65534)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def only_root():
    if os.geteuid() != 0:
        pytest.skip("needs root")


@pytest.fixture
def open_folder(folder):
    """Make a folder that every user can reach and write to."""
    for parent in (*folder.parents[:3], folder):
        if os.stat(parent).st_uid == os.geteuid() and parent != parent.parent:
            os.chmod(parent, stat.S_IMODE(os.stat(parent).st_mode) | 0o711)
    os.chmod(folder / "in.txt", 0o644)
    path = folder / "open"
    path.mkdir()
    path.chmod(0o777)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o666, 0o4755, 0o2755, 0o6711, 0o1644])
def test_permissions_are_kept_without_set_id_bits(folder, mode):
    (folder / "out").write_bytes(OLD)
    os.chmod("out", mode)
    assert count("-o", "out", "in.txt") == 0
    assert stat.S_IMODE(os.stat("out").st_mode) == mode & 0o777
    assert (folder / "out").read_bytes() == ROWS


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o4755])
def test_root_keeps_the_owner_of_a_file(folder, mode):
    only_root()
    (folder / "out").write_bytes(OLD)
    os.chown("out", 12345, 23456)
    os.chmod("out", mode)
    inode = os.stat("out").st_ino
    assert count("-o", "out", "in.txt") == 0
    status = os.stat("out")
    assert (status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)) == (12345, 23456, mode & 0o777)
    assert status.st_ino != inode
    assert (folder / "out").read_bytes() == ROWS


def test_file_of_another_user_is_overwritten_in_place(open_folder, other_user_of):
    path = other_user_of(open_folder / "out", 0o666)
    assert count("-o", path, "in.txt") == 0
    assert os.stat(path).st_uid == 0
    assert path.read_bytes() == ROWS


@pytest.fixture
def other_user_of(request):
    """Make a file as root, then act as another user."""
    only_root()

    def make(path, mode):
        path.write_bytes(OLD)
        path.chmod(mode)
        request.getfixturevalue("other_user")
        return path

    return make


@pytest.mark.parametrize("folder_mode", [0o1777, 0o755], ids=["sticky", "not writable"])
def test_file_that_cannot_be_replaced_is_overwritten(open_folder, other_user_of, folder_mode):
    open_folder.chmod(folder_mode)
    path = other_user_of(open_folder / "out", 0o666)
    path.write_bytes(OLD * 100)
    inode = path.stat().st_ino
    assert count("-o", path, "in.txt") == 0
    assert (path.stat().st_ino, path.read_bytes()) == (inode, ROWS)
    assert os.listdir(open_folder) == ["out"]
    assert count("-o", path, "missing.txt") == 1
    assert path.read_bytes() == ROWS


@pytest.mark.parametrize("mode", [0o444, 0o400, 0o555])
def test_read_only_file_is_refused_before_the_work(open_folder, other_user, capsys, mode):
    path = open_folder / "out"
    path.write_bytes(OLD)
    path.chmod(mode)
    assert count("-o", path, "missing.txt") == 1
    assert capsys.readouterr().err == f"kxcli: error: {path}: Permission denied; name another file with -o\n"
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (OLD, mode)


def test_read_only_folder_is_refused_for_a_new_file(open_folder, other_user, capsys):
    open_folder.chmod(0o755) if os.stat(open_folder).st_uid == os.geteuid() else None
    (open_folder / "sub").mkdir()
    (open_folder / "sub").chmod(0o555)
    assert count("-o", open_folder / "sub" / "out", "missing.txt") == 1
    assert "Permission denied; name another file" in capsys.readouterr().err


@contextmanager
def bound(source, target):
    """Mount a file onto another one."""
    if subprocess.run(["mount", "--bind", source, target], capture_output=True).returncode:
        pytest.skip("no right to mount")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", target], check=True)


def test_bind_mounted_file_is_overwritten(folder):
    only_root()
    (folder / "outside").write_bytes(OLD * 100)
    (folder / "out").write_bytes(b"")
    with bound("outside", "out"):
        assert count("-o", "out", "in.txt") == 0
        assert (folder / "out").read_bytes() == ROWS
        assert count("-o", "out", "missing.txt") == 1
    assert ((folder / "outside").read_bytes(), (folder / "out").read_bytes()) == (ROWS, b"")
    assert complete_files.PREFIX not in "".join(os.listdir())


def test_hard_links_are_kept(folder):
    (folder / "out").write_bytes(OLD * 100)
    os.link("out", "other name")
    assert count("-o", "out", "in.txt") == 0
    assert (folder / "other name").read_bytes() == (folder / "out").read_bytes() == ROWS
    assert os.stat("out").st_nlink == 2


def test_extended_attributes_are_kept(folder):
    (folder / "out").write_bytes(OLD)
    try:
        os.setxattr("out", "user.origin", b"me")
    except OSError:
        pytest.skip("the file system has no extended attributes")
    assert count("-o", "out", "in.txt") == 0
    assert os.getxattr("out", "user.origin") == b"me"
    assert (folder / "out").read_bytes() == ROWS


def test_failed_run_keeps_files_that_are_overwritten(folder):
    (folder / "out").write_bytes(OLD)
    os.link("out", "other name")

    def blocks():
        yield b"new"
        raise ValueError

    with pytest.raises(ValueError):
        sink.write(blocks(), "out")
    assert (folder / "out").read_bytes() == OLD
    assert sorted(os.listdir()) == sorted(["out", "other name", "in.txt", "table.tsv", "kb.tsv", "gold.jsonl"])


def test_full_disk_keeps_a_file_that_is_overwritten(kxcli, small_disk):
    """The folder is read-only, so the new content is written to TMPDIR first."""
    out = small_disk / "out"
    out.write_bytes(b"o" * 4_000)
    out.chmod(0o666)
    small_disk.chmod(0o755)
    kxcli.folder.chmod(0o755)
    os.setegid(65534)
    os.seteuid(65534)
    try:
        with pytest.raises(OutputError, match="No space left on device"):
            sink.write([b"n" * 100_000], str(out))
    finally:
        os.seteuid(0)
        os.setegid(0)
    assert out.read_bytes() == b"o" * 4_000


def test_file_is_flushed_before_and_folder_after_the_rename(folder, monkeypatch):
    calls = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(
        os, "fsync", lambda handle: calls.append(stat.S_IFMT(os.fstat(handle).st_mode)) or fsync(handle)
    )
    monkeypatch.setattr(os, "replace", lambda *paths: calls.append("replace") or replace(*paths))
    sink.write([ROWS], "out")
    assert calls == [stat.S_IFREG, "replace", stat.S_IFDIR]
    os.link("out", "other name")
    calls.clear()
    sink.write([ROWS], "out")
    assert calls == [stat.S_IFREG]


def test_socket_is_refused(folder, capsys):
    import socket

    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        assert count("-o", "socket", "missing.txt") == 1
    assert capsys.readouterr().err == "kxcli: error: socket: is a socket; name a file\n"


# Errors of the rows


@pytest.mark.parametrize("path", [None, "out", "/dev/null"])
@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EPIPE, errno.ENOENT])
def test_error_of_the_rows_does_not_name_the_output(folder, path, number):
    def blocks():
        yield ROWS
        raise OSError(number, os.strerror(number))

    with pytest.raises(OSError) as raised:
        sink.write(blocks(), path)
    assert raised.value.errno == number and raised.value.filename is None
    assert not os.path.exists("out")


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.EPIPE, errno.ENOENT, errno.EMFILE])
def test_error_without_a_file_names_no_file(use, capsys, monkeypatch, number):
    def fail(*arguments, **options):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(sink, "check", fail)
    assert main(use) == 1
    assert capsys.readouterr().err == f"kxcli: error: {os.strerror(number)}\n"
