"""The documents: every command runs, every output and option is as shown."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys

import click
import pytest
from conftest import ROOT, SAMPLES, in_process, share_dictionaries

from kxcli.cli import COMMANDS, cli, main

sys.path.insert(0, str(ROOT / "docs"))
from command_reference import render_command, render_overview

DOCUMENTS = {
    str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))
}
PATH = os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"]
INSTALL = "git clone"  # begins the block that `make demo` tests

# A closed pipe may end `sort`, but not kxcli.
WATCHED = 'kxcli() { command kxcli "$@" || { echo "kxcli $*: exit $?" >> failed; return 1; }; }\n'


def requires(tool):
    """Return a mark that skips a test without a program or a package."""
    is_there = shutil.which(tool, path=PATH) is not None or importlib.util.find_spec(tool) is not None
    return pytest.mark.skipif(not is_there, reason=f"{tool} is not installed")


def blocks(language):
    """Return the code blocks of all documents for users, each once, as test parameters."""
    found = {}
    for name, text in DOCUMENTS.items():
        if name == "CONTRIBUTING.md":
            continue
        for number, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL), 1):
            if INSTALL not in block and block not in found:
                tools = re.match(r"# requires (.+)\n", block)
                marks = [pytest.mark.slow, *map(requires, tools[1].split())] if tools else []
                found[block] = pytest.param(block, id=f"{name}-{number}", marks=marks)
    return list(found.values())


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SAMPLES, tmp_path / "data" / "samples")
    share_dictionaries(tmp_path)
    return tmp_path


@pytest.fixture
def short_table(folder):
    """Shorten the table of numbers, for commands whose output is not compared."""
    table = folder / "data" / "samples" / "noise.tsv"
    lines = table.read_text(encoding="utf-8").splitlines(keepends=True)
    table.write_text("".join(lines[:300]), encoding="utf-8")


def run(script, folder):
    """Run lines of a shell; return stdout and stderr. A plain command runs in this process, which has all libraries."""
    lines = script.splitlines() if all(line.startswith("kxcli ") for line in script.splitlines()) else [script]
    environment = {
        "PATH": PATH,
        "HOME": str(folder),
        "LANG": "C.UTF-8",
    }
    outputs = []
    for line in lines:
        command = line.partition(" #")[0]
        if re.fullmatch(r"kxcli ([\w =:,./@+-]|'[^']*')+", command):
            with in_process(environment, folder, b"") as streams:
                code = main(shlex.split(command)[1:])
        else:
            shell = ["bash", "-e", "-c", WATCHED + line]
            done = subprocess.run(
                shell, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
            code, streams = done.returncode, [done.stdout, done.stderr]
        outputs.append([stream.decode() for stream in streams])
        assert code == 0, outputs[-1]
    return ["".join(texts) for texts in zip(*outputs, strict=True)]


@pytest.mark.full
@pytest.mark.parametrize("script", blocks("sh"))
def test_shell_block_runs_and_writes_something(script, folder, short_table):
    out, err = run(script, folder)
    assert not (folder / "failed").exists(), (folder / "failed").read_text()
    assert "error" not in err
    assert out or any(path.suffix == ".tsv" for path in folder.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("tool", ["pipx install", "uv tool install"])
def test_tool_installs_the_command(tmp_path, tool):
    if shutil.which(tool.split()[0]) is None:
        pytest.skip(f"{tool.split()[0]} is not installed")
    places = {name: str(tmp_path / name) for name in ("PIPX_HOME", "PIPX_BIN_DIR", "UV_TOOL_DIR", "UV_TOOL_BIN_DIR")}
    subprocess.run([*tool.split(), str(ROOT)], env=os.environ | places, check=True, capture_output=True)
    (program,) = [path for name in ("PIPX_BIN_DIR", "UV_TOOL_BIN_DIR") for path in (tmp_path / name).glob("kxcli")]
    assert "wordcount" in subprocess.run([program, "--help"], check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("block", blocks("console"))
def test_console_block_shows_the_output(block, folder):
    command, _, shown = block.removeprefix("$ ").partition("\n")
    assert run(command, folder)[0] == shown


@pytest.mark.parametrize("block", blocks("python"))
def test_python_block_gives_the_value_in_its_comment(block):
    *before, last = block.strip().splitlines()
    expression, value = last.split("#")
    values = {}
    exec("\n".join(before), values)
    assert eval(expression, values) == eval(value)


def test_new_command_of_the_guide_has_all_shared_options(kxcli, monkeypatch):
    (code,) = re.findall(r"^```python\n(.*?)^```", DOCUMENTS["CONTRIBUTING.md"], re.MULTILINE | re.DOTALL)
    (kxcli.folder / "charcount.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(kxcli.folder)
    monkeypatch.setitem(COMMANDS, "charcount", ("charcount", "Count characters."))
    (kxcli.folder / "a.txt").write_text("北京\n上海市\n" * 1000, encoding="utf-8")
    for options in ((), ("-j", "2", "--shard-size", "1K"), ("--checkpoint", "ck"), ("--header",)):
        assert kxcli("charcount", *options, "a.txt").rows[-1] == ["2000", "5000"]
    kxcli("charcount", "-o", "out.tsv", "a.txt")
    assert (kxcli.folder / "out.tsv").read_text() == "2000\t5000\n"
    groups = [("pos", "好"), ("neg", "不好"), ("pos", "")]
    lines = "".join(f'{{"label": "{label}", "text": "{text}"}}\n' for label, text in groups)
    (kxcli.folder / "a.jsonl").write_text(lines, encoding="utf-8")
    rows = [["neg", "1", "2"], ["pos", "2", "1"]]
    for options in ((), ("-j", "2", "--shard-size", "16")):
        assert kxcli("charcount", "--by", "label", *options, "a.jsonl").rows == rows
    assert "Examples:\n    kxcli charcount " in kxcli("charcount", "--help").text


def test_named_options_exist(kxcli):
    shown = "".join(kxcli(command, "--help").text for command in COMMANDS)
    of_others = {"--help", "--gold", "--sizes", "--most", "--runs", "--nanny", "--nworkers", "--nthreads", "--strict"}
    of_others |= {
        "--version",
        "--always-make",
        "--install",
        "--force-reinstall",
        "--no-cache-dir",
        "--reinstall",
        "--no-cache",
    }
    text = "".join(DOCUMENTS.values())
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text)) - of_others
    assert named
    assert {option for option in named if option not in shown} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_reference_has_every_option_and_example(name):
    page = render_command(name)
    command = cli.get_command(None, name)
    for param in command.params:
        for flag in (*param.opts, *param.secondary_opts) if isinstance(param, click.Option) else ():
            assert re.search(rf"(?<![\w-]){flag}(?![\w-])", page), flag
    assert f"\nkxcli {name} " in page
    assert f"[kxcli {name}]({name}.md)" in render_overview()


@pytest.mark.parametrize("page", [render_overview(), *map(render_command, COMMANDS)])
def test_reference_shows_code_and_begins_with_the_synopsis(page):
    assert "\\`" not in page
    assert re.match(r"# kxcli.*\n\n## Synopsis\n", page)


def test_links_lead_to_files():
    for name, text in DOCUMENTS.items():
        folder = (ROOT / name).parent
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
            assert (folder / target).exists(), f"{name}: {target}"


@pytest.mark.parametrize("name", DOCUMENTS)
def test_nothing_is_left_to_fill_in(name):
    assert not re.search(r"@\w+@|TODO|XXX", DOCUMENTS[name])


def test_readme_is_short():
    assert (ROOT / "README.md").stat().st_size <= 8_000
