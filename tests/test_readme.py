"""What the README shows is what happens."""

import os
import re
import shutil
import subprocess
import sys

import pytest
from conftest import ROOT, SAMPLES

README = (ROOT / "README.md").read_text(encoding="utf-8")
INSTALL = "git clone"  # the block that installs is what `make demo` in CI shows

# A neighbour of `head` may die of the closed pipe, as `sort` does; kxcli may not, wherever it stands in a pipe.
WATCHED = 'kxcli() { command kxcli "$@" || { echo "kxcli $*: exit $?" >> failed; return 1; }; }\n'


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(SAMPLES, tmp_path / "data" / "samples")
    return tmp_path


def shell(script, folder):
    environment = {
        "PATH": os.path.dirname(sys.executable) + os.pathsep + os.environ["PATH"],
        "HOME": str(folder),
        "LANG": "C.UTF-8",
    }
    return subprocess.run(
        ["bash", "-e", "-c", WATCHED + script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.full
@pytest.mark.parametrize("script", [block for block in blocks("sh") if INSTALL not in block])
def test_every_command_of_the_readme_runs_and_writes_something(script, folder):
    ended = shell(script, folder)
    assert ended.returncode == 0, ended.stderr
    assert not (folder / "failed").exists(), (folder / "failed").read_text()
    assert "error" not in ended.stderr
    assert ended.stdout or any(path.suffix == ".tsv" for path in folder.iterdir())


def test_every_shown_output_is_the_output(folder):
    for block in blocks("console"):
        command, _, shown = block.removeprefix("$ ").partition("\n")
        assert shell(command, folder).stdout == shown


def test_the_python_example_gives_what_it_says():
    for block in blocks("python"):
        *before, last = block.strip().splitlines()
        expression, said = last.split("#")
        values = {}
        exec("\n".join(before), values)
        assert eval(expression, values) == eval(said)


def test_every_option_that_the_readme_names_exists(kxcli):
    shown = "".join(kxcli(command, "--help").text for command in ("wordcount", "newwords", "entity-link", "hsic"))
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", README)) - {"--help", "--gold"}  # of a benchmark
    assert named
    assert {option for option in named if option not in shown} == set()


def test_nothing_is_left_to_be_filled_in():
    assert not re.search(r"@\w+@|TODO|XXX", README)
