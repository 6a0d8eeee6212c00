"""Tables and expected output for the tests of `kxcli hsic`."""

import csv
import io
import json
import random

import hsic_definition as definition
import numpy as np
import pytest
from conftest import SHARED, in_process

from kxcli.cli import main
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining import measure_dependence

KEYS = [
    *("n", "n_dropped", "kernel_x", "sigma_x", "kernel_y", "sigma_y"),
    *("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "test"),
    *("draws", "n_bandwidths", "p_value", "dependent"),
]


EDGE_COLUMNS = ["n", *KEYS[2:11], "p_value", "q_value", "draws"]


SCREEN_COLUMNS = ["n", "kernel_x", "sigma_x", "biased_n2", "unbiased", "cka", "cka_unbiased", "p_value"]


WORD_COLUMNS = ["word", "df", "label", "biased_n2", "cka", "p_value", "q_value", "draws"]


UNTESTED = HsicTest("none")


def make_people(n=40, seed=5):
    """Return a table of a number, a dependent and an independent one, a label and a text."""
    draw = random.Random(seed)
    x = [draw.gauss(0, 1) for _ in range(n)]
    label = [draw.choice("ab") for _ in range(n)]
    return {
        "x": x,
        "y": [value + draw.gauss(0, 1) for value in x],
        "z": [draw.gauss(0, 1) for _ in range(n)],
        "label": label,
        "text": [" ".join([*draw.choices(WORDS, k=4), WORDS[one == "b"]]) for one in label],
    }


WORDS = ["好吃", "难吃", "Coffee", "今天天气", "the", "，", "研究生命科学", "x1"]


def rows(table):
    return list(zip(*table.values(), strict=True))


def tsv(table, *, header=True):
    lines = [list(table)] * header + rows(table)
    return "".join("\t".join(map(str, line)) + "\n" for line in lines)


def as_csv(table):
    buffer = io.StringIO()
    csv.writer(buffer, quoting=csv.QUOTE_ALL).writerows([list(table), *rows(table)])
    return buffer.getvalue()


def as_jsonl(table):
    return "".join(json.dumps(dict(zip(table, row, strict=True)), ensure_ascii=False) + "\n" for row in rows(table))


def npy_bytes(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def matrix(table, names="xyz"):
    return np.column_stack([table[name] for name in names]).astype(float)


def hsic(kxcli, *arguments, stdin=b""):
    """Return the result of a run, read from JSONL."""
    (line,) = kxcli("hsic", "-f", "jsonl", *arguments, stdin=stdin).text.splitlines()
    found = json.loads(line)
    assert list(found) == KEYS
    return found


def objects(ended):
    return [json.loads(line) for line in ended.text.splitlines()]


def to_record(dependence, n_dropped=0):
    """Return the output that the command should have for a result."""
    found = {key: n_dropped if key == "n_dropped" else getattr(dependence, key) for key in KEYS}
    return {**found, "dependent": "undefined"} if dependence.is_undefined else found


def expected(x, y, kernel_x=None, kernel_y=None, testing=None, n_dropped=0, **options):
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing, **options)
    return to_record(found, n_dropped)


def approx_or_none(value, rel, absolute=0.0):
    """Return an approximation of a value, or None."""
    return None if value is None else pytest.approx(value, rel=rel, abs=absolute)


def format_cell(value):
    """Return a value as a cell of TSV and CSV."""
    if isinstance(value, float):
        return repr(float(value)).removesuffix(".0")
    return "" if value is None else str(value)


def call(kxcli, *arguments):
    """Run the program with one worker; return (exit code, stdout, stderr)."""
    with in_process(kxcli.environment, kxcli.folder, b"") as streams:
        code = main([*map(str, arguments), "-j", "1"])
    out, err = (stream.decode() for stream in streams)
    return code, out, err


def expect_lines(found, alpha="0.05"):
    """Return the expected lines of keys and values."""
    words = {True: f"yes (at {alpha})", False: f"no (at {alpha})", None: "", "undefined": "undefined"}
    return [[key, words[found[key]] if key == "dependent" else format_cell(found[key])] for key in KEYS]


NEARLY_ALL = (
    "kxcli: warning: nearly all cells of {} differ, and the kernel delta compares only whether they are equal; "
    "for texts, use {} bow or ngram:N\n"
)


REFERENCE = SHARED / "data" / "hsic"


def references():
    path = REFERENCE / "reference.json"
    return json.loads(path.read_text("utf-8"))["results"] if path.is_file() else []


def make_reviews(labels, n=60, seed=2):
    draw = random.Random(seed)
    stars = [draw.choice(labels) for _ in range(n)]
    words = {label: [*["好", "很", "一般", "中", "不"][i:], "the", "Rare"] for i, label in enumerate(labels)}
    return {
        "review": [" ".join([*draw.choices(words[label], k=3), "每"]) for label in stars],
        "stars": stars,
    }


CUTS = {
    "bow": (("--kernel-x", "bow", "-t", "space"), str.split),
    "ngram:2": (("--kernel-x", "ngram:2"), lambda text: definition.ngrams(text, 2)),
}


GAPS = ["", "NA", "N/A", "NULL", "nan"]


def normal(n, d, seed=6):
    return np.round(np.random.default_rng(seed).normal(size=(n, d)), 3)


XY = ("-x", "x", "-y", "y")


GOOD = "x\ty\n1\t3\n2\t4\n3\t3\n5\t3\n"


BOW_X = ("--kernel-x", "bow")
