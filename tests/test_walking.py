"""Walks through folders: files read, skipped and reported; a closed stdin."""

import os
import sys

import pytest

from kxcli.cli import main
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.walking import FileFilter, SkippedFiles
from kxcli.errors import InputError
from kxcli.storage.paths import get_file_ids


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "folder"
    for name in (
        *("a.txt", "sub/b.txt", "sub/.hidden.txt", ".git/c.txt", ".git/sub/d.txt", ".DS_Store", "._a.txt", "e.txt~"),
        *("#f.txt#", ".kxcli-abc.part", "sub/.kxcli-x.part", "#g.txt", "h#", "~i.txt", "sub~/j.txt", "."),
    ):
        if name != ".":
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(b"x\n")
    return made


def walk(folder, **how):
    skips = SkippedFiles()
    names = [
        os.path.relpath(s.path, folder)
        for s in resolve_sources([str(folder)], recursive=True, file_filter=FileFilter(**how), skips=skips)
    ]
    return names, skips


VISIBLE = ["#g.txt", "a.txt", "h#", "~i.txt", "sub/b.txt"]


def test_walk_skips_hidden_and_backup_files(folder):
    names, skips = walk(folder)
    assert names == VISIBLE
    assert {*map(os.path.basename, skips.hidden)} >= {".git", ".DS_Store", "._a.txt", "e.txt~", "#f.txt#", "sub~"}


def test_walk_skips_hidden_files_that_match_a_glob(folder):
    assert walk(folder, glob=["*.txt"])[0] == ["#g.txt", "a.txt", "~i.txt", "sub/b.txt"]
    assert walk(folder, glob=["._*", ".git/*", "*~"])[0] == []


def test_hidden_option_reads_all_but_unfinished_output(folder):
    names, skips = walk(folder, hidden=True)
    assert {*names} == {
        *VISIBLE,
        *(".DS_Store", "._a.txt", "e.txt~", "#f.txt#", ".git/c.txt", ".git/sub/d.txt", "sub/.hidden.txt", "sub~/j.txt"),
    }
    assert skips.hidden == []
    assert [*map(os.path.basename, skips.unfinished)] == [".kxcli-abc.part", ".kxcli-x.part"]


@pytest.mark.parametrize("hidden", [False, True])
def test_unfinished_outputs_are_reported(folder, capsys, hidden):
    err = run(capsys, "wordcount", "-t", "space", "-r", folder, *["--hidden"] * hidden).err
    unfinished = f"{folder / '.kxcli-abc.part'}, {folder / 'sub' / '.kxcli-x.part'}"
    assert f"kxcli: skipped unfinished outputs: {unfinished}\n" in err
    assert ("add --hidden" in err) != hidden


def test_hidden_files_that_match_no_glob_are_not_reported(folder):
    _, skips = walk(folder, glob=["._*", "*.part"])
    assert sorted(map(os.path.basename, skips.hidden)) == ["._a.txt", ".git", "sub~"]
    assert [*map(os.path.basename, skips.unfinished)] == [".kxcli-abc.part", ".kxcli-x.part"]


def test_named_hidden_folder_is_read(folder):
    assert walk(folder / ".git")[0] == ["c.txt", "sub/d.txt"]


def test_walk_skips_unreadable_entries(folder):
    (folder / "gone.txt").symlink_to("nowhere")
    (folder / "loop").symlink_to("loop")
    (folder / "sub" / "up").symlink_to("..")
    os.mkfifo(folder / "pipe")
    names, skips = walk(folder)
    assert names == VISIBLE
    assert [path.removeprefix(f"{folder}/") for path in skips.unreadable] == [
        "gone.txt (No such file or directory)",
        "loop (Too many levels of symbolic links)",
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_walk_skips_files_and_folders_without_permission(folder):
    (folder / "a.txt").chmod(0)
    (folder / "sub").chmod(0)
    try:
        names, skips = walk(folder)
    finally:
        (folder / "sub").chmod(0o700)
    assert names == ["#g.txt", "h#", "~i.txt"]
    assert len(skips.unreadable) == 2


def test_walk_skips_files_that_access_refuses(folder, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: not path.endswith("a.txt"))
    names, skips = walk(folder)
    assert names == ["#g.txt", "h#", "~i.txt", "sub/b.txt"]
    assert skips.unreadable == [f"{folder / 'a.txt'} (Permission denied)"]


def test_named_dangling_link_is_an_error(folder):
    (folder / "gone.txt").symlink_to("nowhere")
    with pytest.raises(InputError, match=r"gone\.txt: No such file"):
        resolve_sources([str(folder / "gone.txt")])


def test_walk_skips_the_outputs_of_its_run(folder):
    (folder / "link").symlink_to("a.txt")
    names, skips = walk(
        folder, written=get_file_ids([str(folder / "a.txt"), str(folder / "sub"), str(folder / "none")])
    )
    assert names == ["#g.txt", "h#", "~i.txt"]
    assert [path.removeprefix(f"{folder}/") for path in skips.written] == ["a.txt", "link", "sub"]


def run(capsys, *arguments, code=0):
    assert main([*map(str, arguments)]) == code
    return capsys.readouterr()


@pytest.mark.parametrize("command", [["wordcount", "-t", "space"], ["newwords", "--all", "--min-count", "1"]])
def test_walk_skips_an_existing_output_file(tmp_path, capsys, command):
    (tmp_path / "a.txt").write_text("北京 天气\n" * 20, encoding="utf-8")
    outputs = []
    for _ in range(3):
        err = run(capsys, *command, "-r", tmp_path, "-o", tmp_path / "out").err
        outputs.append((tmp_path / "out").read_bytes())
    assert outputs[0] and len({*outputs}) == 1
    assert f"kxcli: skipped outputs of this run: {tmp_path / 'out'}" in err


def test_hsic_and_entity_link_skip_their_output(tmp_path, capsys):
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.tsv").write_text("".join(f"{i}\t{i * i % 7}\n" for i in range(30)))
    (tmp_path / "kb.tsv").write_text("北京\t1\n", encoding="utf-8")
    for command in (
        ["hsic", "--matrix", "edges"],
        ["entity-link", "--kb", tmp_path / "kb.tsv", "--kb-cache", tmp_path / "c"],
    ):
        outputs = []
        for _ in range(2):
            run(capsys, *command, "-r", tmp_path / "d", "-o", tmp_path / "d" / "z.out")
            outputs.append((tmp_path / "d" / "z.out").read_bytes())
        assert outputs[0] == outputs[1]
        (tmp_path / "d" / "z.out").unlink()


def test_walk_skips_the_file_of_stdout(kxcli):
    (kxcli.folder / "d").mkdir()
    (kxcli.folder / "d" / "a.txt").write_bytes(b"a\n")
    for _ in range(2):
        with open(kxcli.folder / "d" / "out", "ab") as out:
            kxcli("wordcount", "-t", "space", "-r", "d", stdout=out)
    assert (kxcli.folder / "d" / "out").read_bytes() == b"a\t1\n" * 2


def test_skipped_files_are_reported(folder, capsys):
    (folder / "gone.txt").symlink_to("nowhere")
    err = run(capsys, "wordcount", "-t", "space", "-r", folder).err
    assert f"kxcli: skipped hidden and backup files: {folder / '.git'}, " in err and "add --hidden" in err
    assert f"kxcli: warning: skipped unreadable files: {folder / 'gone.txt'} (No such file or directory)\n" in err


def test_hidden_without_recursive_is_a_usage_error(capsys):
    assert "-r" in run(capsys, "wordcount", "--hidden", "a.txt", code=2).err


@pytest.mark.parametrize("arguments", [["-"], ["--files-from", "-"], []])
@pytest.mark.parametrize(
    "command",
    [
        ["wordcount"],
        ["wordcount", "--merge"],
        ["newwords"],
        ["entity-link", "--kb", "kb.tsv", "--kb-cache", "cache"],
        ["hsic", "--matrix", "edges"],
    ],
)
def test_closed_stdin_is_an_error(tmp_path, monkeypatch, capsys, command, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", None)
    (tmp_path / "kb.tsv").write_text("北京\t1\n", encoding="utf-8")
    assert run(capsys, *command, *arguments, code=1).err == "kxcli: error: <stdin>: is closed; name a file\n"
