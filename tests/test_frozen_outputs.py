"""Hashes of the outputs of many command lines over the samples: refactoring changes none of them.

`python tests/test_frozen_outputs.py` writes the hashes again, after an intended change of outputs.
"""

import hashlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from conftest import ROOT, in_process, share_dictionaries

from kxcli.cli import main

HASHES = Path(__file__).with_name("frozen_outputs.tsv")

# Inputs that the samples lack.
FILES = {
    "mine.txt": "青禾镇 100 ns\n桂花冰酿\n澜溪 14\n",
    "stop.txt": "的\n了\n在\n",
    "dictionary.txt": "北京 100\n下雨 50\n小明 20\n来到 80\n",
    "table.csv": 'id,text,label\n1,"小明来到北京,天安门",a\n2,上海下雨了,b\n3,"他说""好""",a\n4,,b\n',
    "table.tsv": "id\ttext\tlabel\n1\t小明来到北京\ta\n2\t上海下雨了\tb\n",
    "lines.txt": "熬粥用小米\n小米手机发布\n北京大学（北大）在北京\n",
    "names.tsv": "小米\t1\t手机 公司\n小米\t2\t熬粥 粮食\n北京大学\t3\t高校\n北京\t4\t城市\n",
    "tiny.tsv": "a\tb\tc\n1\t2\tu\n2\t4.5\tv\n3\t5\tu\n4\t8\tv\n5\tNA\tu\n6\t13\tv\n",
}
# A float differs in its last digits between versions of numpy; the others are compared.
FLOAT = re.compile(rb"-?\d+\.\d+(?:e-?\d+)?|-?\d+e-\d+")

NEEDS_SHELL = re.compile(r"[|<>;&$]")


def commands():
    return [line.split("\t")[1] for line in HASHES.read_text(encoding="utf-8").splitlines()]


def make_inputs(folder):
    shutil.copytree(ROOT / "data" / "samples", folder / "samples")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    lines = (folder / "samples" / "labelled.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / "train.jsonl").write_text("".join(lines[:100]), encoding="utf-8")
    (folder / "gold.jsonl").write_text("".join(lines[100:]), encoding="utf-8")
    (folder / "utf16.txt").write_bytes((folder / "samples" / "news.txt").read_text(encoding="utf-8").encode("utf-16"))


def run(command, folder):
    """Return what a command line writes to stdout: in this process, or in a shell if it needs one."""
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "LC_ALL": "C.UTF-8", "KXCLI_JOBS": "1"}
    if not NEEDS_SHELL.search(command):
        _, *arguments = shlex.split(command)
        with in_process(environment, folder, b"") as streams:
            code = main(arguments)
        out, err = streams
    else:
        script = f'kxcli() {{ {shlex.quote(sys.executable)} -m kxcli "$@"; }}\nset -o pipefail\n{command}'
        done = subprocess.run(["bash", "-c", script], cwd=folder, env=environment, capture_output=True, check=False)
        code, out, err = done.returncode, done.stdout, done.stderr
    assert code == 0, f"{command}: {err.decode('utf-8', 'replace')}"
    return out


def hash_output(output):
    return hashlib.sha256(FLOAT.sub(lambda match: b"%.8g" % float(match[0]), output)).hexdigest()[:16]


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory() as name:
        make_inputs(Path(name))
        share_dictionaries(Path(name))
        yield Path(name)


@pytest.mark.full
@pytest.mark.parametrize("line", HASHES.read_text(encoding="utf-8").splitlines(), ids=lambda line: line.split("\t")[1])
def test_an_output_stays_the_same(line, folder):
    expected, command = line.split("\t")
    assert hash_output(run(command, folder)) == expected


def test_at_least_sixty_command_lines_are_frozen():
    assert len(set(commands())) >= 60


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        make_inputs(Path(scratch))
        lines = [f"{hash_output(run(command, Path(scratch)))}\t{command}\n" for command in commands()]
    HASHES.write_text("".join(lines), encoding="utf-8")
