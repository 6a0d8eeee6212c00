"""Messages, tracebacks, and the digits of numbers."""

import json
import re
import subprocess
import tomllib

import pytest
from conftest import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.cli import main
from kxcli.errors import InputError, list_requirements
from kxcli.output.rows import RoundTripFloat, encode_rows, format_shortest
from kxcli.report import Report
from kxcli.wording import escape, format_count, format_traceback

EVIL = "a\x1b[31m\nb\r\x07\u202e\x9b\u2028\udc80.txt"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def stderr_of(capsys, *arguments, code=0):
    assert main([*map(str, arguments), "-j", "1"] if "--evaluate" not in arguments else [*arguments]) == code
    return capsys.readouterr().err


# Counts and their nouns


@pytest.mark.parametrize(
    ("plural", "one"),
    [
        ("words", "1 word"),
        ("entries", "1 entry"),
        ("bytes", "1 byte"),
        ("lines skipped: bytes that are not utf-8", "1 line skipped: bytes that are not utf-8"),
        ("labeled mentions skipped: not at their offset", "1 labeled mention skipped: not at their offset"),
        ("entries skipped: subject_id of an earlier entry", "1 entry skipped: subject_id of an earlier entry"),
        ("more such notes", "1 more such note"),
    ],
)
def test_count_of_one_is_singular(plural, one):
    assert format_count(1, plural).startswith(one)
    for n in (0, 2, 11, 21, 101):
        assert format_count(n, plural) == f"{n} {plural}"
    assert format_count(12_345, plural) == f"12,345 {plural}"


def test_reported_skips_have_their_number(capsys):
    report = Report()
    report.record_skips("records skipped: not valid CSV", 1, ["a:1"])
    report.record_skips("words skipped", 4, ["a", "b", "c"])
    report.close()
    assert capsys.readouterr().err == (
        "kxcli: warning: 1 record skipped: not valid CSV: a:1\nkxcli: warning: 4 words skipped: a, b, c and 1 more\n"
    )


NOUNS = "words|records|lines|entries|rows|cells|mentions|inputs|names|tasks|texts|workers|columns"
ONE = re.compile(rf"(?<![\d,.])1 ([a-z]+ )?({NOUNS})\b")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["wordcount", "--on-error", "skip", "bad.txt"], "1 line skipped"),
        (["wordcount", "--on-error", "replace", "bad.txt"], "1 line with"),
        (["wordcount", "--on-error", "skip", "--field", "text", "bad.jsonl"], "1 record skipped"),
        (["wordcount", "-f", "userdict", "Ⅱ.txt"], "1 word skipped"),
        (["wordcount", "-v", "one.txt"], "1 input, 7 bytes"),
        (["newwords", "--all", "--min-count", "1", "--top", "9", "character.txt"], "only 1 word found (--top 9)"),
        (
            ["newwords", "--min-count", "1", "--min-probability", "0", "-f", "userdict", "latin.txt"],
            "1 word of Latin letters",
        ),
        (["entity-link", "-v", "--kb-cache", "cache", "--kb", "kb.tsv", "one.txt"], "1 entry, 1 name"),
        (["entity-link", "--kb", "kb.tsv", "--evaluate", "gold.jsonl"], "1 labeled mention"),
        (["hsic", "-x", "a", "-y", "b", "missing.tsv"], "skipped 1 row with a missing cell"),
        (
            ["hsic", "--screen", "y", "-x", "x", "--kernel-x", "bow", "--min-df", "2", "texts.csv"],
            "ignored 1 word in fewer",
        ),
        (
            [
                *("hsic", "--screen", "y", "-x", "x", "--kernel-x", "bow"),
                *("-t", "space", "texts.csv", "--min-df", "9", "-v"),
            ],
            "rows",
        ),
    ],
)
def test_messages_of_commands_use_the_singular(folder, capsys, arguments, message):
    (folder / "bad.txt").write_bytes(b"x\n\xff\n")
    (folder / "bad.jsonl").write_text('{"text": "x"}\n{\n')
    (folder / "Ⅱ.txt").write_text("Ⅱ 好\n")
    (folder / "character.txt").write_text("好\n")
    (folder / "one.txt").write_text("北京\n")
    (folder / "latin.txt").write_text("zzz\n" * 40)
    (folder / "kb.tsv").write_text("北京\tE1\n")
    label = {"mention": "北京", "offset": "0", "kb_id": "E9"}
    (folder / "gold.jsonl").write_text(json.dumps({"text": "北京在哪", "mention_data": [label]}) + "\n")
    (folder / "missing.tsv").write_text("a\tb\n1\t2\n2\t3\n5\t1\n4\t4\n\t6\n")
    (folder / "texts.csv").write_text("x,y\n好 好,1\n好,1\n好,2\n坏,2\n好,1\n")
    err = stderr_of(capsys, *arguments)
    assert message in err
    assert not ONE.search(err), err


@pytest.mark.parametrize(
    ("use", "content", "message"),
    [
        (["wordcount", "--field", "a", "bad.csv"], "a,b\nx\n", "has 1 cell where the header has 2"),
        (["wordcount", "--merge", "bad.csv"], "word,count\nx\n", "has 1 cell, not 2"),
        (["hsic", "-x", "a", "-y", "b", "bad.csv"], "a,b\n1,2\n3\n", "has 1 cell where the header has 2"),
    ],
)
def test_errors_use_the_singular(folder, capsys, use, content, message):
    (folder / "bad.csv").write_text(content)
    assert message in stderr_of(capsys, *use, code=1)


# Numbers


@given(st.floats(allow_nan=False, allow_infinity=False))
@settings(derandomize=True, max_examples=200)
def test_numbers_are_exact_and_shortest(number):
    text = format_shortest(number)
    assert float(text) == number and str(RoundTripFloat(number)) == text
    assert len(text) <= len(repr(number))
    for form in ("tsv", "csv", "jsonl"):
        row = b"".join(encode_rows([(RoundTripFloat(number),)], ["x"], form, header=False)).decode()
        assert row == (f'{{"x": {text}}}\n' if form == "jsonl" else f"{text}\n")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0.9673, "0.9673"), (0.2, "0.2"), (1.0, "1"), (1e-05, "1e-05"), (1e16, "1e+16"), (1e5, "100000")],
)
def test_numbers_are_written_shortest(number, text):
    assert format_shortest(number) == text
    assert b"".join(encode_rows([(number,)], ["x"], "jsonl", header=False)).decode() == f'{{"x": {text}}}\n'


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("sigma", ["0.9673", "0.2", "1.1", "3", "1e-05", "0.30000000000000004"])
def test_hsic_writes_the_given_bandwidth(folder, capsys, form, sigma):
    (folder / "a.tsv").write_text("a\tb\n1\t2\n2\t3\n5\t1\n4\t4\n")
    assert (
        main(["hsic", "-x", "a", "-y", "b", "--sigma", sigma, "--alpha", "0.0123456789", "-q", "-f", form, "a.tsv"])
        == 0
    )
    out = capsys.readouterr().out
    assert re.search(rf"sigma_x\W+{re.escape(sigma)}\W", out)
    assert form == "jsonl" or ("(at 0.0123456789)" in out) == ("undefined" not in out)
    numbers = re.findall(r"\d+\.\d+(?:e-?\d+)?", out)
    assert numbers and all(format_shortest(float(number)) == number for number in numbers)


# What to install


@pytest.mark.parametrize("extra", ["zstd", "remote", "cluster", "patterns"])
def test_requirements_of_an_extra(extra):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = [re.split(r"[^\w.-]", one)[0].replace(".", "-") for one in project["optional-dependencies"][extra]]
    found = [
        re.split(r"[^\w.-]", one)[0].replace(".", "-") for one in list_requirements(extra).replace("'", "").split()
    ]
    assert sorted(found) == sorted(names)


def test_requirements_without_metadata_name_the_checkout(monkeypatch):
    import importlib.metadata

    def fail(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", fail)
    assert list_requirements("zstd") == "'.[zstd]' in the checkout of kxcli"


def test_no_text_names_an_unpublished_distribution():
    for path in [*(ROOT / "kxcli").rglob("*.py"), *(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]:
        assert not re.search(r"install '?kxcli", path.read_text(encoding="utf-8")), path


# Temporary files


@pytest.mark.parametrize("kind", ["missing", "a file", "relative"])
@pytest.mark.parametrize(
    "use",
    [
        ["newwords", "in.txt"],
        ["wordcount", "--merge", "--memory", "1", "counts.tsv"],
    ],
)
def test_wrong_tmpdir_is_reported(folder, capsys, monkeypatch, use, kind):
    (folder / "in.txt").write_text("北京\n")
    (folder / "counts.tsv").write_text("".join(f"w{n}\t1\n" for n in range(100_000)))
    (folder / "file").write_text("")
    wrong = {"missing": str(folder / "none"), "a file": str(folder / "file"), "relative": "none/at all"}[kind]
    monkeypatch.setenv("TMPDIR", wrong)
    err = stderr_of(capsys, *use, "-q", code=1)
    assert err.startswith(f"kxcli: error: {folder / wrong}: ") and "point TMPDIR at" in err and err.count("\n") == 1


# Control characters


@given(st.text())
@settings(derandomize=True, max_examples=100)
def test_escaped_text_is_printable(text):
    assert escape(text).isprintable()
    assert text.isprintable() <= (escape(text) == text)


def raw_controls(text):
    return [char for line in text.split("\n") for char in line if not char.isprintable()]


@pytest.mark.parametrize("command", ["wordcount", "newwords", "entity-link", "hsic"])
@pytest.mark.parametrize("what", ["input", "-o", "option"])
def test_tracebacks_escape_control_characters(folder, capsys, command, what):
    (folder / "in.tsv").write_text("北京\tE1\n")
    given = {"input": [EVIL], "-o": ["-o", f"{EVIL}/x", "in.tsv"], "option": ["--files-from", EVIL]}[what]
    needed = {"entity-link": ["--kb", "in.tsv"], "hsic": ["-x", "1", "-y", "2"]}.get(command, [])
    err = stderr_of(capsys, command, "-v", *needed, *given, code=1)
    assert raw_controls(err) == []
    assert escape(EVIL) in err and "Traceback (most recent call last):" in err
    assert all(line.startswith("kxcli: ") for line in err.partition("Traceback")[0].splitlines())
    assert sum(line.startswith("kxcli: error: ") for line in err.splitlines()) == 1


def test_traceback_shows_causes():
    def fail():
        try:
            raise KeyError(EVIL)
        except KeyError as error:
            raise InputError(EVIL, "is wrong") from error

    with pytest.raises(InputError) as raised:
        fail()
    raised.value.add_note(f"in a worker:\n{EVIL}")
    lines = list(format_traceback(raised.value))
    assert all(line.isprintable() for line in lines)
    assert lines.count("Traceback (most recent call last):") == 2
    assert f"InputError: {escape(EVIL)}: is wrong" in lines and "in a worker:" in lines
    assert any(line.startswith("KeyError: ") for line in lines)


# A deleted current folder


@pytest.mark.costly
@pytest.mark.parametrize(
    "use", [["wordcount"], ["wordcount", "--engine", "jieba"], ["newwords"], ["entity-link"], ["hsic"]]
)
def test_commands_run_in_a_deleted_folder(kxcli, use):
    (kxcli.folder / "in.tsv").write_text("北京\tE1\n上海\tE2\n" * 40)
    given = {
        "newwords": ["--all"],
        "entity-link": ["--kb", "in.tsv"],
        "hsic": ["-x", "1", "-y", "2"],
    }.get(use[0], [])
    expected = kxcli(*use, *given, "in.tsv").out
    path = str(kxcli.folder / "in.tsv")
    command = kxcli.command(*use, *[path if one == "in.tsv" else one for one in given], path)
    script = 'mkdir gone && cd gone && rmdir ../gone && exec "$@"'
    ended = subprocess.run(
        ["sh", "-c", script, "-", *command], cwd=kxcli.folder, env=kxcli.environment, capture_output=True, timeout=120
    )
    assert (ended.returncode, ended.stdout) == (0, expected), ended.stderr
