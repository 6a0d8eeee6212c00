"""`kxcli hsic` as a user has it: the package's values to the last digit, whatever way the columns come in."""

import csv
import gzip
import io
import json
import lzma
import math
import os
import random
import resource
import signal
import subprocess
from contextlib import suppress
from dataclasses import replace

import hsic_definition as twin
import numpy as np
import pytest
from conftest import SHARED, members, wait_until
from test_failures import OLD, ended, old, put, running, workers_of  # noqa: F401 -- `old` is a fixture
from test_input import BOM, assert_error
from test_newwords import until

from kxcli.cli import main
from kxcli.mining import Counting, Dictionary, Kernel, Segmentation, measure_dependence
from kxcli.mining import Testing as Asked  # pytest would take it for a test

KEYS = [
    *("n", "n_dropped", "kernel_x", "sigma_x", "kernel_y", "sigma_y"),
    *("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "test", "p_value", "dependent"),
]
OF_EDGES = ["n", *KEYS[2:11], "p_value", "q_value"]
OF_SCREEN = ["n", "kernel_x", "sigma_x", "biased_n2", "unbiased", "cka", "cka_unbiased", "p_value"]
OF_WORDS = ["word", "df", "label", "biased_n2", "cka", "p_value", "q_value"]
UNTESTED = Asked("none")


def people(n=40, seed=5):
    """Return a table: a number, another that goes with it, one that goes with nothing, a label, a text."""
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


def saved(array, **options):
    buffer = io.BytesIO()
    np.save(buffer, array, **options)
    return buffer.getvalue()


def matrix(table, names="xyz"):
    return np.column_stack([table[name] for name in names]).astype(float)


def hsic(kxcli, *arguments, stdin=b""):
    """Return what a run finds, read back from JSONL."""
    (line,) = kxcli("hsic", "-f", "jsonl", *arguments, stdin=stdin).text.splitlines()
    found = json.loads(line)
    assert list(found) == KEYS
    return found


def objects(ended):
    return [json.loads(line) for line in ended.text.splitlines()]


def as_found(dependence, n_dropped=0):
    """Return what the command is to find, of what the package does."""
    found = {key: n_dropped if key == "n_dropped" else getattr(dependence, key) for key in KEYS}
    return {**found, "dependent": "undefined"} if dependence.is_undefined else found


def expected(x, y, kernel_x=None, kernel_y=None, testing=None, n_dropped=0, **options):
    found = measure_dependence(x, y, kernel_x=kernel_x, kernel_y=kernel_y, testing=testing, **options)
    return as_found(found, n_dropped)


def near(value, rel, absolute=0.0):
    """Return what is equal to a value, or to None."""
    return None if value is None else pytest.approx(value, rel=rel, abs=absolute)


def plain(value):
    """Return a value as TSV and CSV have it."""
    if isinstance(value, float):
        return repr(float(value)).removesuffix(".0")
    return "" if value is None else str(value)


class InProcess:
    """The program called in this process, in a folder of its own: returns (exit code, stdout, stderr)."""

    def __init__(self, folder, capfdbinary):
        self.folder, self._captured = folder, capfdbinary

    def put(self, name, data):
        (self.folder / name).write_text(data, encoding="utf-8")

    def __call__(self, *arguments):
        code = main([*map(str, arguments), "-j", "1"])
        out, err = self._captured.readouterr()
        return code, out.decode(), err.decode()


@pytest.fixture
def in_process(tmp_path, capfdbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return InProcess(tmp_path, capfdbinary)


# What is written


def lines_of(found, alpha="0.05"):
    """Return keys and values as they are printed."""
    words = {True: f"yes (at {alpha})", False: f"no (at {alpha})", None: "", "undefined": "undefined"}
    return [[key, words[found[key]] if key == "dependent" else plain(found[key])] for key in KEYS]


NEARLY_ALL = (
    "kxcli: warning: nearly all cells of {} differ, and the kernel delta compares only whether they are equal; "
    "for texts, use {} bow or ngram:N\n"
)


@pytest.mark.parametrize("y", ["y", "z", "label", "text"])
def test_lines_are_a_key_and_its_value(kxcli, workers, y):
    table = people()
    ended = kxcli("hsic", "-j", workers, "-x", "x", "-y", y, put(kxcli, "a.tsv", tsv(table)))
    assert ended.rows == lines_of(expected(table["x"], table[y]))
    undefined = "kxcli: warning: no two rows of y are equal for its kernel, so the test is undefined\n"
    assert ended.err == (NEARLY_ALL.format("-y", "--kernel-y") + undefined if y == "text" else "")


@pytest.mark.full
def test_17_digits_read_back_as_the_same_numbers(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    found = expected(table["x"], table["y"])
    as_text = kxcli("hsic", "-x", "x", "-y", "y", "a.tsv").rows
    as_csv = list(csv.reader(io.StringIO(kxcli("hsic", "-x", "x", "-y", "y", "-f", "csv", "a.tsv").text)))[1:]
    for some in as_text, as_csv:
        read = dict(some)
        for key in ("sigma_x", "sigma_y", "biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value"):
            assert float(read[key]) == found[key]
    assert hsic(kxcli, "-x", "x", "-y", "y", "a.tsv") == found


def test_jsonl_is_one_flat_object(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "label", "-f", "jsonl", "a.tsv")
    assert ended.text.count("\n") == 1
    found = json.loads(ended.text)
    assert list(found) == KEYS
    assert {key: type(value) for key, value in found.items() if not isinstance(value, float)} == {
        **{"n": int, "n_dropped": int, "kernel_x": str, "kernel_y": str, "sigma_y": type(None)},
        **{"test": str, "dependent": bool},
    }


@pytest.mark.full
def test_what_does_not_exist_is_null_or_empty(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "x", "-y", "label", "--test", "none", "a.tsv")
    assert [key for key, value in found.items() if value is None] == ["sigma_y", "p_value", "dependent"]
    printed = dict(kxcli("hsic", "-x", "x", "-y", "label", "--test", "none", "a.tsv").rows)
    assert (printed["sigma_y"], printed["p_value"], printed["dependent"]) == ("", "", "")


@pytest.mark.full
def test_formats_have_their_headers(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "a.tsv")
    bare, headed = kxcli(*use).text, kxcli(*use, "--header").text
    assert headed == "key\tvalue\n" + bare
    comma, without = kxcli(*use, "-f", "csv").text, kxcli(*use, "-f", "csv", "--no-header").text
    assert comma == "key,value\n" + without
    assert list(csv.reader(io.StringIO(without))) == [line.split("\t") for line in bare.splitlines()]
    assert "dependent,yes (at 0.05)\n" in without


def test_output_goes_to_a_file(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "a.tsv")
    bare = kxcli(*use).out
    put(kxcli, "out.tsv", OLD)
    assert kxcli(*use, "-o", "out.tsv").out == b""
    assert (kxcli.folder / "out.tsv").read_bytes() == bare
    assert sorted(os.listdir(kxcli.folder)) == ["a.tsv", "out.tsv", "tmp"]


def test_a_failed_run_leaves_the_old_output(kxcli, old):  # noqa: F811
    put(kxcli, "a.tsv", "x\ty\n1\t2\n")
    assert_error(kxcli("hsic", "-x", "x", "-y", "y", "-o", old, "a.tsv", code=1), "a.tsv")


# The reference

REFERENCE = SHARED / "data" / "hsic"
KERNELS = {"bag_of_words": "bow", "char_ngram_spectrum": "ngram:3"}


def references():
    path = REFERENCE / "reference.json"
    return json.loads(path.read_text("utf-8"))["results"] if path.is_file() else []


def reference_name(case):
    if case is None:
        return "none"
    kernels = (f"{k['kernel']}{k.get('bandwidth', '')}{k.get('cosine_normalised', '')}" for k in map(case.get, SIDES))
    return "-".join([case["data"], case["x_columns"][-1], case["y_columns"][-1], *kernels])


SIDES = ("kernel_x", "kernel_y")


def reference_options(case):
    """Return the options that ask for a case."""
    options = [str(REFERENCE / case["data"])]
    for side in "xy":
        names, kernel = case[f"{side}_columns"], case[f"kernel_{side}"]
        options += [f"-{side}", "1-4" if len(names) == 4 else names[0]]
        options += [f"--kernel-{side}", KERNELS.get(kernel["kernel"], kernel["kernel"])]
        if kernel["kernel"] == "gaussian":
            is_median = kernel["bandwidth"] == "median_pos"
            options += [f"--sigma-{side}", "median" if is_median else repr(kernel["sigma"])]
    if "bow" in options:
        options += ["-t", "space"]
    return options + ["--cosine"] * case["kernel_x"].get("cosine_normalised", False)


def greatest(case, which):
    """Return the greatest |k| of a side: 1, but for inner products."""
    kernel = case[f"kernel_{which}"]
    if kernel["kernel"] in ("gaussian", "delta") or kernel.get("cosine_normalised"):
        return 1
    header, *lines = (line.split("\t") for line in (REFERENCE / case["data"]).read_text("utf-8").splitlines())
    cells = [[line[header.index(name)] for name in case[f"{which}_columns"]] for line in lines]
    if kernel["kernel"] == "linear":
        return max(sum(float(cell or 0) ** 2 for cell in line if cell not in ("NA", "nan")) for line in cells)
    cut = str.split if kernel["kernel"] == "bag_of_words" else lambda text: twin.ngrams(text, kernel["n"])
    return max(sum(n * n for n in twin.bag(cut(line[0])).values()) for line in cells)


@pytest.mark.parametrize("case", references() or [None], ids=reference_name)
def test_the_reference_is_met(kxcli, case):
    if case is None:
        pytest.skip("the reference is not here")
    is_tested = bool(case.get("perm"))
    found = hsic(kxcli, *reference_options(case), "--test", "permutation" if is_tested else "none")
    assert (found["n"], found["n_dropped"]) == (case["n"], case["rows_dropped_missing"])
    if case.get("degenerate"):
        assert (found["biased_n2"], found["biased_nm1"], found["unbiased"]) == (0, 0, 0)
        assert (found["cka"], found["cka_unbiased"], case["cka"]) == (None, None, None)
    else:
        for key in ("biased_n2", "biased_nm1", "cka", "cka_unbiased"):
            assert found[key] == near(case[key], 1e-9), key
        scale = greatest(case, "x") * greatest(case, "y")
        assert found["unbiased"] == pytest.approx(case["unbiased"], rel=0, abs=1e-12 * scale)
        for side in "xy":
            assert found[f"sigma_{side}"] == near(case[f"kernel_{side}"].get("sigma"), 1e-12)
    if is_tested and case.get("degenerate"):
        assert (found["p_value"], found["dependent"]) == (None, "undefined")
    elif is_tested:
        least, most = case["perm"].get("p_accept_range_1000", (1, 1))
        assert least <= found["p_value"] <= most


GAMMA = {case["data"]: case for case in references() if case.get("gamma_p") is not None}  # one a file


@pytest.mark.parametrize("name", GAMMA or ["none"])
def test_the_gamma_test_meets_the_reference(kxcli, name):
    if not GAMMA:
        pytest.skip("the reference is not here")
    found = hsic(kxcli, *reference_options(GAMMA[name]), "--test", "gamma")
    assert found["p_value"] == pytest.approx(GAMMA[name]["gamma_p"], rel=1e-8, abs=0)


# Which columns


@pytest.mark.full
def test_columns_are_named_numbered_and_ranged(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    found = expected(matrix(table), table["label"], testing=UNTESTED)
    for x in ("x,y,z", "1,2,3", "x:z", "x-z", "1-3", "1:3", "x,2:3", " x, y ,z"):
        assert hsic(kxcli, "--test", "none", "-x", x, "-y", "label", "a.tsv") == found, x
    assert hsic(kxcli, "--test", "none", "-x", "1-3", "-y", "4", "a.tsv") == found


@pytest.mark.parametrize("name", ["1-3", "x:z", "x,y", "2", "x-z"])
def test_a_name_that_looks_like_a_range_is_that_column(kxcli, name):
    table = people()
    table[name] = table.pop("text")
    put(kxcli, "a.tsv", tsv(table))
    assert hsic(kxcli, "-x", name, "-y", "x", "a.tsv") == expected(table[name], table["x"])


def test_a_column_may_stand_on_both_sides(kxcli):
    table = people()
    found = hsic(kxcli, "-x", "x", "-y", "x", stdin=tsv(table))
    assert found == expected(table["x"], table["x"]) and found["cka"] == 1


@pytest.mark.parametrize("form", ["tsv", "npy", "csv.gz"])
def test_y_may_come_from_another_file(kxcli, workers, form):
    table = people()
    put(kxcli, "x.tsv", tsv({"x": table["x"], "other": table["label"]}))
    only = {name: table[name] for name in ("y", "z")}
    data = {"tsv": tsv(only), "npy": saved(matrix(table, "yz")), "csv.gz": gzip.compress(as_csv(only).encode())}[form]
    put(kxcli, f"y.{form}", data)
    found = hsic(kxcli, "-j", workers, "-x", "x", "-y", "2", "x.tsv", "--y-file", f"y.{form}")
    assert found == expected(table["x"], table["z"])


@pytest.mark.full
def test_with_y_file_all_columns_are_the_default(kxcli):
    table = people()
    put(kxcli, "x.tsv", tsv({name: table[name] for name in "xz"}))
    put(kxcli, "y.npy", saved(matrix(table, "y")))
    use = ("--y-file", "y.npy", "x.tsv")
    found = expected(matrix(table, "xz"), table["y"])
    assert hsic(kxcli, *use) == hsic(kxcli, "-x", "x,z", "-y", 1, *use) == found
    assert hsic(kxcli, "-x", "z", *use) == expected(table["z"], table["y"])


def test_a_column_of_the_other_file_is_sought_there(kxcli):
    put(kxcli, "x.tsv", tsv(people()))
    put(kxcli, "y.tsv", "a\tb\n")
    ended = kxcli("hsic", "-x", "x", "-y", "z", "--y-file", "y.tsv", "x.tsv", code=1)
    assert_error(ended, "y.tsv:1")
    assert "'z'" in ended.err and "'a', 'b'" in ended.err and "-y" in ended.err


def test_files_of_unequal_length_are_an_error(kxcli):
    put(kxcli, "x.tsv", tsv(people(40)))
    put(kxcli, "y.tsv", tsv(people(39)))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "--y-file", "y.tsv", "x.tsv", code=1)
    assert_error(ended, "y.tsv")
    assert "39 rows" in ended.err and "x.tsv has 40" in ended.err


def test_a_row_is_dropped_from_both_files(kxcli):
    table = people()
    x, y = ({name: list(table[name])} for name in "xy")
    x["x"][3], y["y"][3], y["y"][5] = "NA", "", "nan"
    put(kxcli, "x.tsv", tsv(x))
    put(kxcli, "y.tsv", tsv(y))
    kept = [i for i in range(40) if i not in (3, 5)]
    found = expected(*([table[name][i] for i in kept] for name in "xy"), n_dropped=2)
    assert hsic(kxcli, "--y-file", "y.tsv", "x.tsv") == found


# What the table is


def test_several_inputs_are_one_table(kxcli):
    table = people(90)
    parts = [{name: column[i : i + 30] for name, column in table.items()} for i in (0, 30, 60)]
    put(kxcli, "1.tsv", tsv(parts[0]))
    put(kxcli, "2.csv", as_csv(parts[1]))
    put(kxcli, "3.jsonl", as_jsonl(parts[2]))
    put(kxcli, "names", "1.tsv\n2.csv\n3.jsonl\n")
    found = expected(matrix(table, "xz"), table["y"])
    use = ("-x", "x,z", "-y", "y")
    assert hsic(kxcli, *use, "1.tsv", "2.csv", "3.jsonl") == hsic(kxcli, *use, "--files-from", "names") == found
    assert hsic(kxcli, *use, "-", "2.csv", "3.jsonl", stdin=tsv(parts[0])) == found


def test_tables_of_other_columns_are_an_error(kxcli):
    put(kxcli, "1.tsv", "x\ty\n1\t2\n")
    put(kxcli, "2.tsv", "x\tz\n1\t2\n")
    assert_error(kxcli("hsic", "-x", "x", "-y", "y", "1.tsv", "2.tsv", code=1), "2.tsv:1")


PACKED = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


@pytest.mark.parametrize(("packed", "way"), [("", "file"), ("", "stdin"), (".gz", "file"), (".xz", "stdin")])
def test_a_table_may_be_compressed_or_a_stream(kxcli, workers, packed, way):
    table = people()
    data = PACKED[packed](tsv(table).encode())
    use = ("-j", workers, "-x", "x", "-y", "y")
    given, stdin = ((put(kxcli, f"a.tsv{packed}", data),), b"") if way == "file" else ((), data)
    found = hsic(kxcli, *use, *given, stdin=stdin)
    assert found == expected(table["x"], table["y"])


@pytest.mark.parametrize(
    ("form", "way"),
    [("csv", "name"), ("jsonl", "name"), ("npy", "name"), ("csv", "option"), ("jsonl", "stdin"), ("npy", "stdin")],
)
def test_tables_are_of_four_kinds(kxcli, form, way):
    table = people()
    data = {"csv": as_csv(table), "jsonl": as_jsonl(table), "npy": saved(matrix(table))}[form]
    put(kxcli, f"a.{form}", data)
    put(kxcli, "a", data)
    use = ("-x", "1,3", "-y", "2")
    given = {"name": (f"a.{form}",), "option": ("--input-format", form, "a"), "stdin": ("--input-format", form)}[way]
    found = hsic(kxcli, *use, *given, stdin=data if way == "stdin" else b"")
    assert found == expected(matrix(table, "xz"), table["y"])


def test_quotes_of_csv_hold_anything(kxcli):
    texts = [f'say "{i % 3}",\nor\tnot' for i in range(12)]
    table = {'a "name"': texts, "y": [(i * 7) % 12 for i in range(12)]}
    found = hsic(kxcli, "-x", 'a "name"', "-y", "y", put(kxcli, "a.csv", as_csv(table)))
    assert found == expected(texts, table["y"])


def test_a_header_is_found_out(kxcli):
    table = {name: people()[name] for name in "xy"}
    found = expected(table["x"], table["y"])
    assert hsic(kxcli, "-x", 1, "-y", 2, stdin=tsv(table)) == found
    assert hsic(kxcli, "-x", 1, "-y", 2, stdin=tsv(table, header=False)) == found


@pytest.mark.full
def test_a_header_of_numbers_has_to_be_told(kxcli):
    table = {"2024": people()["x"], "2025": people()["y"]}
    assert hsic(kxcli, "--header-in", "-x", "2025", "-y", "2024", stdin=tsv(table)) == expected(
        table["2025"], table["2024"]
    )
    assert hsic(kxcli, "-x", 2, "-y", 1, stdin=tsv(table)) == expected(
        [2025, *table["2025"]], [2024, *table["2024"]]
    )  # it is a row


@pytest.mark.full
def test_a_first_row_of_texts_may_be_no_header(kxcli):
    table = {name: people()[name] for name in ("label", "text")}
    found = hsic(kxcli, "--no-header-in", "-x", 1, "-y", 2, stdin=tsv(table, header=False))
    assert found == expected(table["label"], table["text"])
    assert hsic(kxcli, "-x", 1, "-y", 2, stdin=tsv(table, header=False))["n"] == 39


def test_a_byte_order_mark_is_no_part_of_a_name(kxcli):
    table = people()
    assert hsic(kxcli, "-x", "x", "-y", "y", stdin=BOM + tsv(table)) == expected(table["x"], table["y"])


@pytest.mark.full
def test_gb18030_is_read(kxcli):
    table = {"词": [f"词{'甲乙丙'[i % 3]}" for i in range(30)], "标签": [f"类{i % 7 % 2}" for i in range(30)]}
    put(kxcli, "a.tsv", tsv(table).encode("gb18030"))
    use = ("hsic", "-f", "jsonl", "-x", "词", "-y", "标签", "a.tsv")
    told = kxcli(*use, "--encoding", "gb18030")
    auto = kxcli(*use, "--encoding", "auto")
    assert json.loads(told.text) == json.loads(auto.text) == expected(table["词"], table["标签"])
    assert told.err == "" and auto.err.startswith("kxcli: a.tsv: ") and "GB18030" in auto.err.upper()
    ended = kxcli(*use, code=1)
    assert_error(ended, "a.tsv:1")
    assert "--encoding" in ended.err


def test_a_bad_record_may_be_left_out(kxcli):
    table = people()
    bad = tsv(table).splitlines(keepends=True)
    bad.insert(5, "1\t2\n")
    put(kxcli, "a.tsv", "".join(bad))
    assert_error(kxcli("hsic", "-x", "x", "-y", "y", "a.tsv", code=1), "a.tsv:6")
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "--on-error", "skip", "a.tsv")
    assert json.loads(ended.text) == expected(table["x"], table["y"])
    assert ended.err.startswith("kxcli: warning: 1 ") and "a.tsv:6" in ended.err and ended.err.count("\n") == 1


# Kernels


def test_the_kernel_is_by_what_the_cells_are(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))

    def kernels(x, y):
        found = hsic(kxcli, "-x", x, "-y", y, "--test", "none", "a.tsv")
        return found["kernel_x"], found["kernel_y"], found["sigma_x"] is None, found["sigma_y"] is None

    assert kernels("x", "label") == ("gaussian", "delta", False, True)
    assert kernels("text", "x,y") == ("delta", "gaussian", True, False)
    ended = kxcli("hsic", "-x", "x,label", "-y", "x", "a.tsv", code=1)
    assert_error(ended, "a.tsv")
    assert "'x' has numbers and the column 'label' has labels" in ended.err and "--kernel-x delta" in ended.err
    found = hsic(kxcli, "-x", "x,label", "-y", "x", "--kernel-x", "delta", "--test", "none", "a.tsv")
    assert found["kernel_x"] == "delta"


@pytest.mark.full
def test_several_labels_are_one_label(kxcli):
    table = people()
    table["both"] = [f"{a}-{b}" for a, b in zip(table["label"], table["text"], strict=True)]
    put(kxcli, "a.tsv", tsv(table))
    assert hsic(kxcli, "-x", "label,text", "-y", "y", "a.tsv") == hsic(kxcli, "-x", "both", "-y", "y", "a.tsv")


@pytest.mark.full
def test_a_text_after_a_thousand_numbers_is_an_error(kxcli):
    cells = [str(i % 10) for i in range(1002)]
    cells[1001] = "十"
    table = {"x": cells, "y": [i % 7 for i in range(1002)]}
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "--test", "none", "a.tsv", code=1)
    assert_error(ended, "a.tsv:1003")
    assert "'十'" in ended.err and "'x'" in ended.err and "--kernel-x delta" in ended.err
    use = ("-y", "y", "--test", "none")
    assert hsic(kxcli, "-x", "x", "--kernel-x", "delta", *use, "a.tsv") == expected(
        cells, table["y"], "delta", testing=UNTESTED
    )
    cells[3] = "三"
    assert_error(kxcli("hsic", "-x", "x", *use, "-q", stdin=tsv(table), code=1), "<stdin>:5")


@pytest.mark.full
def test_numbers_may_be_labels(kxcli):
    table = {"x": [i * i % 5 for i in range(30)], "y": [i * i % 7 for i in range(30)]}
    put(kxcli, "a.tsv", tsv(table))
    put(kxcli, "a.npy", saved(matrix(table, "xy").astype(int)))
    found = expected(*([str(value) for value in table[name]] for name in "xy"))
    use = ("-x", 1, "-y", 2, "--kernel-x", "delta", "--kernel-y", "delta")
    assert hsic(kxcli, *use, "a.tsv") == hsic(kxcli, *use, "a.npy") == found


@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "linear"])
def test_kernels_of_numbers(kxcli, kernel):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "x,z", "-y", "label", "--kernel-x", kernel, "a.tsv")
    assert found == expected(matrix(table, "xz"), table["label"], kernel)
    k = {
        "gaussian": lambda values: twin.gaussian(values, found["sigma_x"]),
        "laplace": lambda values: twin.laplace(values, found["sigma_x"]),
        "linear": twin.linear,
    }[kernel](matrix(table, "xz"))
    assert found["biased_n2"] == pytest.approx(twin.biased_n2(k, twin.delta(table["label"])), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "sigmas"),
    [
        ((), (None, None)),
        (("--sigma", "median"), (None, None)),
        (("--sigma", "0.5"), (0.5, 0.5)),
        (("--sigma", "1e1"), (10, 10)),
        (("--sigma-x", "0.5"), (0.5, None)),
        (("--sigma-y", "2"), (None, 2)),
        (("--sigma", "3", "--sigma-y", "2"), (3, 2)),
        (("--sigma", "3", "--sigma-x", "median"), (None, 3)),
    ],
)
def test_bandwidths(kxcli, options, sigmas):
    table = people()
    found = hsic(kxcli, "-x", "x", "-y", "y", *options, stdin=tsv(table))
    kernels = [Kernel("gaussian", sigma) for sigma in sigmas]
    assert found == expected(table["x"], table["y"], *kernels)
    medians = [twin.median_distance(table[name]) for name in "xy"]
    for side, sigma, median in zip("xy", sigmas, medians, strict=True):
        assert found[f"sigma_{side}"] == (pytest.approx(median, rel=1e-12) if sigma is None else sigma)


@pytest.mark.full
def test_a_bandwidth_of_many_rows_is_told_and_drawn_by_the_seed(kxcli):
    draw = random.Random(4)
    table = {"x": [draw.gauss(0, 1) for _ in range(5001)], "y": [draw.choice("ab") for _ in range(5001)]}
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "--test", "none", "a.tsv")
    told = [kxcli(*use, "--seed", seed) for seed in (0, 1, 1)]
    assert told[0].out != told[1].out == told[2].out
    assert all("5,000 of 5,001 rows" in ended.err and "-x" in ended.err for ended in told)
    assert kxcli(*use, "--sigma", 1).err == ""


BOW = {
    "jieba": ((), Counting()),
    "search": (("-t", "search"), Counting(Segmentation("search"))),
    "full": (("-t", "full"), Counting(Segmentation("full"))),
    "char": (("-t", "char"), Counting(Segmentation("char"))),
    "space": (("-t", "space"), Counting(Segmentation("space"))),
    "regex": (("-t", "regex", "--pattern", "[a-z0-9]+|吃"), Counting(Segmentation("regex", pattern="[a-z0-9]+|吃"))),
    "lower": (("-t", "space", "--lower"), Counting(Segmentation("space"), lower=True)),
    "punct": (("-t", "char", "--punct"), Counting(Segmentation("char"), keeps_punctuation=True)),
    "min-length": (("-t", "space", "--min-length", "3"), Counting(Segmentation("space"), min_length=3)),
    "nfkc": (("-t", "space", "--normalize", "nfkc"), Counting(Segmentation("space"), nfkc=True)),
    "no-hmm": (("--no-hmm",), Counting(Segmentation(hmm=False))),
    "dict": (("--dict", "words"), Counting(Segmentation(dictionary=Dictionary(main="今天 9 n\n天气 9 n\n好吃 9 n\n")))),
    "userdict": (("--userdict", "user"), Counting(Segmentation(dictionary=Dictionary(user="今天天气 99999\n")))),
    "stopwords": (
        ("-t", "space", "--stopwords", "stop"),
        Counting(Segmentation("space"), stopwords=frozenset({"the", "好吃"})),
    ),
}


@pytest.mark.parametrize("name", BOW)
def test_words_are_those_of_wordcount(kxcli, name):
    options, counting = BOW[name]
    put(kxcli, "words", "今天 9 n\n天气 9 n\n好吃 9 n\n")
    put(kxcli, "user", "今天天气 99999\n")
    put(kxcli, "stop", "the\n好吃\n")
    table = people()
    table["text"] = [text + " COFFEE ｘ1" * (i % 3) for i, text in enumerate(table["text"])]
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "text", "-y", "label", "--kernel-x", "bow", *options, "a.tsv")
    assert found == expected(table["text"], table["label"], "bow", counting=counting)
    assert found["kernel_x"] == "bow" and found["sigma_x"] is None


def test_options_of_words_have_an_effect(kxcli):
    """What is compared above is not all the same."""
    table = people()
    table["text"] = [text + " COFFEE ｘ1" * (i % 3) for i, text in enumerate(table["text"])]
    values = {
        measure_dependence(table["text"], table["label"], kernel_x="bow", counting=c, testing=UNTESTED).biased_n2
        for options, c in BOW.values()
        if "-t" in options and "full" not in options and "search" not in options
    }
    assert len(values) == 8


@pytest.mark.parametrize("kernel", ["bow", "ngram:1", "ngram:2", "ngram:7"])
@pytest.mark.parametrize("cosine", [False, True], ids=["product", "cosine"])
def test_kernels_of_texts(kxcli, kernel, cosine):
    table = people()
    options = ("--kernel-x", kernel, *["--cosine"] * cosine, *["-t", "space"] * (kernel == "bow"))
    found = hsic(kxcli, "-x", "text", "-y", "x", *options, stdin=tsv(table))
    counting = Counting(Segmentation("space"))
    assert found == expected(table["text"], table["x"], replace(Kernel.parse(kernel), cosine=cosine), counting=counting)
    assert found["kernel_x"] == kernel + "+cosine" * cosine
    n = int(kernel.removeprefix("ngram:")) if kernel != "bow" else 0
    terms = [twin.ngrams(t, n) if n else twin.bag(w for w in t.split() if w != "，") for t in table["text"]]
    k = twin.of_counts(terms, cosine=cosine)
    assert found["biased_n2"] == pytest.approx(twin.biased_n2(k, twin.gaussian(table["x"], found["sigma_y"])), rel=1e-9)


def test_a_text_in_another_language_on_each_side(kxcli):
    table = people()
    table["other"] = [text[::-1] for text in table["text"]]
    use = ("-x", "text", "-y", "other", "--kernel-x", "bow", "--kernel-y", "ngram:2", "-t", "space", "--cosine")
    counting = Counting(Segmentation("space"))
    kernels = Kernel("bow", cosine=True), Kernel("ngram", n=2, cosine=True)
    assert hsic(kxcli, *use, stdin=tsv(table)) == expected(table["text"], table["other"], *kernels, counting=counting)


@pytest.mark.parametrize("kernel", ["bow", "ngram:2"])
def test_texts_of_several_columns_are_not_silently_those_of_the_first(kxcli, kernel):
    table = people()
    table["other"] = [text[::-1] for text in table["text"]]
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-y", "x", "--kernel-x", kernel, *["-t", "space"] * (kernel == "bow"), "--test", "none", "a.tsv")
    process = kxcli.start(*use, "-x", "text,other")
    out, err = process.communicate(timeout=120)
    if process.returncode:  # it may refuse them, but not leave one out
        assert process.returncode in (1, 2) and err.startswith(b"kxcli: error: ") and err.count(b"\n") == 1
    else:
        assert out != kxcli(*use, "-x", "text").out


# Tests


def test_permutations_are_those_that_are_drawn_by_the_seed(kxcli, workers):
    table = people(20)
    k, l = (twin.gaussian(table[name], twin.median_distance(table[name])) for name in "xz")  # noqa: E741
    use = ("-j", workers, "-x", "x", "-y", "z", "--test", "permutation")
    for seed, permutations in (0, 200), (7, 99):
        found = hsic(kxcli, *use, "--seed", seed, "--permutations", permutations, stdin=tsv(table))
        assert found["p_value"] == twin.drawn_p(k, l, seed, permutations)
        assert found["test"] == "permutation"


@pytest.mark.full
def test_the_seed_matters_and_nothing_else(kxcli):
    put(kxcli, "a.tsv", tsv(people()))
    use = ("hsic", "-x", "x", "-y", "z", "a.tsv")
    several = [kxcli(*use, "--seed", seed).out for seed in (0, 1, 2, 3)]
    assert len(set(several)) > 1
    assert kxcli(*use).out == several[0] and kxcli(*use, "--seed", 3).out == several[3]
    without = [b"".join(line for line in out.splitlines() if not line.startswith(b"p_value")) for out in several]
    assert len(set(without)) == 1


@pytest.mark.parametrize(("test", "name"), [("auto", "permutation"), *[(t, t) for t in ("eigen", "gamma", "none")]])
def test_every_test_is_that_of_the_package(kxcli, test, name):
    table = people()
    found = hsic(kxcli, "-x", "x,z", "-y", "label", "--test", test, "--seed", 5, stdin=tsv(table))
    assert found == expected(matrix(table, "xz"), table["label"], testing=Asked(test, seed=5))
    assert found["test"] == name
    assert (found["p_value"] is None) == (found["dependent"] is None) == (test == "none")


@pytest.mark.full
def test_of_five_rows_all_orders_are_looked_at(kxcli):
    table = {"x": [1.0, 2.5, 2.0, 7.0, 4.0], "y": ["a", "b", "b", "c", "a"]}
    k, l = twin.gaussian(table["x"], twin.median_distance(table["x"])), twin.delta(table["y"])  # noqa: E741
    exact = twin.exact_p(k, l)
    assert 0 < exact < 1
    for options in (), ("--seed", 9), ("--permutations", 1):
        found = hsic(kxcli, "-x", "x", "-y", "y", *options, stdin=tsv(table))
        assert found["p_value"] == exact and found["n"] == 5


@pytest.mark.full
def test_alpha_draws_the_line(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    p = hsic(kxcli, "-x", "x", "-y", "z", "a.tsv")["p_value"]
    assert 0.05 < p < 0.98
    for alpha, word in ((repr(p), "yes"), (repr(math.nextafter(p, 0)), "no")):
        ended = kxcli("hsic", "-x", "x", "-y", "z", "--alpha", alpha, "a.tsv")
        assert ended.rows[-1] == ["dependent", f"{word} (at {alpha})"]
    assert hsic(kxcli, "-x", "x", "-y", "z", "--alpha", "0.99", "a.tsv")["dependent"] is True


@pytest.mark.parametrize(("y", "options", "code"), [("y", (), 0), ("z", (), 3), ("z", ("--alpha", "0.99"), 0)])
@pytest.mark.full
def test_the_exit_code_tells_dependence_where_asked(kxcli, y, options, code):
    put(kxcli, "a.tsv", tsv(people()))
    use = ("hsic", "-x", "x", "-y", y, *options, "a.tsv")
    assert kxcli(*use, "--exit-code", code=code).out == kxcli(*use).out
    assert kxcli(*use, "--exit-code", "-o", "out", code=code).err == ""
    assert (kxcli.folder / "out").read_bytes() == kxcli(*use).out


UNDEFINED = {  # cells of y, options, and why there is no test
    "constant number": (["3"] * 8, (), "y is constant"),
    "constant label": (["a"] * 8, (), "y is constant"),
    "constant text": (["好 吃"] * 8, ("--kernel-y", "bow", "-t", "space"), "y is constant"),
    "labels that all differ": (list("abcdefgh"), (), "no two rows of y are equal"),
    "numbers as labels": (range(8), ("--kernel-y", "delta"), "no two rows of y are equal"),
    "a small bandwidth": (range(8), ("--sigma-y", "1e-3"), "no two rows of y are equal"),
    "a great bandwidth": (range(8), ("--sigma-y", "1e160"), "does not vary beyond rounding"),
    "eigen": (list("abcdefgh"), ("--test", "eigen"), "no two rows of y are equal"),
    "gamma": (list("abcdefgh"), ("--test", "gamma"), "no two rows of y are equal"),
}


@pytest.mark.parametrize("case", UNDEFINED)
def test_a_test_that_is_undefined_has_no_p_and_says_so(in_process, case):
    cells, options, why = UNDEFINED[case]
    in_process.put("a.tsv", tsv({"x": [0, 1, 5, 3, 8, 2, 9, 4], "y": cells}))
    use = ("hsic", "-x", "x", "-y", "y", *options, "a.tsv")
    code, out, err = in_process(*use)
    found = dict(line.split("\t") for line in out.splitlines())
    assert (code, found["p_value"], found["dependent"]) == (0, "", "undefined")
    assert err.startswith("kxcli: warning: ") and why in err and err.count("\n") == 1
    code, out, err = in_process(*use, "-f", "csv", "-q")
    assert (code, out.splitlines()[-2:], err) == (0, ["p_value,", "dependent,undefined"], "")
    code, out, err = in_process(*use, "-f", "jsonl", "--exit-code", "-q")
    found = json.loads(out)
    assert (code, found["p_value"], found["dependent"]) == (1, None, "undefined")
    assert err.startswith("kxcli: error: a.tsv: the test for --exit-code is undefined; ") and why in err
    code, out, err = in_process("hsic", "-x", "y", "-y", "x", *[o.replace("-y", "-x") for o in options], "a.tsv")
    assert (code, out.splitlines()[-1]) == (0, "dependent\tundefined")


def test_a_pair_of_too_few_rows_is_an_error(in_process):
    in_process.put("a.tsv", "x\ty\n1\t2\n2\tNA\n3\t4\n4\t4\n")
    code, out, err = in_process("hsic", "-x", "x", "-y", "y", "-q", "a.tsv")
    assert (code, out, err) == (1, "", "kxcli: error: a.tsv: too few rows: 3; HSIC needs at least 4\n")


def test_the_gamma_test_of_too_few_rows_is_undefined(in_process):
    in_process.put("a.tsv", "x\ty\n1\t2\n2\t5\n3\t4\n4\t4\n")
    code, out, err = in_process("hsic", "-x", "x", "-y", "y", "--test", "gamma", "a.tsv")
    assert (code, out.splitlines()[-1]) == (0, "dependent\tundefined")
    assert "the gamma test needs 6 rows, and there are 4" in err


@pytest.mark.full
def test_auto_takes_eigen_for_many_rows_and_tells(kxcli):
    draw = random.Random(5)
    table = {name: draw.choices("abc", k=20_001) for name in "xy"}
    put(kxcli, "many.tsv", tsv(table))
    put(kxcli, "few.tsv", tsv({name: column[1:] for name, column in table.items()}))
    many = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "many.tsv")
    assert json.loads(many.text)["test"] == "eigen"
    assert many.err == "kxcli: the test is eigen, because there are more than 20,000 rows\n"
    few = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "--permutations", 20, "few.tsv")
    assert (json.loads(few.text)["test"], few.err) == ("permutation", "")
    assert kxcli("hsic", "-x", "x", "-y", "y", "--test", "eigen", "many.tsv").err == ""


# Screening


def screened(table, names, label, testing=None, **options):
    """Return the rows of a screening, measured one by one."""
    found = {name: measure_dependence(table[name], table[label], testing=testing, **options) for name in names}
    order = sorted(names, key=lambda name: (-(found[name].cka_unbiased or -2), name))
    tested = [name for name in names if found[name].p_value is not None]
    q_values = dict.fromkeys(names) | dict(
        zip(tested, twin.q_values([found[name].p_value for name in tested]), strict=True)
    )
    return [
        {"column": name, **{key: getattr(found[name], key) for key in OF_SCREEN}, "q_value": q_values[name]}
        for name in order
    ]


@pytest.mark.parametrize("test", ["auto", "eigen", "none"])
def test_columns_are_ranked_by_a_label(kxcli, workers, test):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "label", "--test", test, "-j", workers)
    rows = objects(kxcli(*use, "-f", "jsonl", "a.tsv"))
    right = screened(table, ["x", "y", "z", "text"], "label", Asked(test))
    assert [list(row) for row in rows] == [list(row) for row in right]
    for row, other in zip(rows, right, strict=True):
        assert row.pop("q_value") == near(other.pop("q_value"), 1e-14)
        assert row == other


@pytest.mark.full
def test_the_label_may_be_numbers_and_the_columns_chosen(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "x", "-x", "z,y,x", "--kernel-x", "laplace", "--kernel-y", "linear", "-f", "jsonl")
    rows = objects(kxcli(*use, "a.tsv"))
    right = screened(table, ["x", "y", "z"], "x", kernel_x="laplace", kernel_y="linear")
    assert [row["column"] for row in rows] == [row["column"] for row in right] == ["x", "y", "z"]
    assert [row["cka"] for row in rows] == [row["cka"] for row in right]


@pytest.mark.full
def test_a_screening_of_columns_is_a_table(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "label", "a.tsv")
    right = screened(table, ["x", "y", "z", "text"], "label")
    header, *lines = kxcli(*use, "--header").rows
    assert header == ["column", *OF_SCREEN, "q_value"]
    assert [line[:-1] for line in lines] == [[plain(value) for value in row.values()][:-1] for row in right]
    assert kxcli(*use).rows == lines
    assert list(csv.reader(io.StringIO(kxcli(*use, "-f", "csv").text))) == [header, *lines]
    for top in (0, 2, 9):
        assert kxcli(*use, "--top", top).rows == lines[:top]


@pytest.mark.full
def test_without_a_test_edges_have_no_q(kxcli):
    table = people()
    (row,) = objects(kxcli("hsic", "--matrix", "edges", "-x", "x,y", "--test", "none", "-f", "jsonl", stdin=tsv(table)))
    assert (row["n"], row["p_value"], row["q_value"]) == (40, None, None)


def test_columns_are_ranked_by_what_chance_does_not_give(kxcli):
    """A column of cells that all differ goes with any label by CKA, and with none by the unbiased one."""
    table = people(60)
    table = {"id": [f"n{i}" for i in range(60)], "x": table["x"], "y": table["y"]}
    ended = kxcli("hsic", "--screen", "x", "-f", "jsonl", stdin=tsv(table))
    first, second = objects(ended)
    assert (first["column"], second["column"]) == ("y", "id")
    assert first["cka"] < second["cka"] and first["cka_unbiased"] > 0 and second["cka_unbiased"] is None
    assert (first["n"], second["n"]) == (60, 60)
    assert ended.err == NEARLY_ALL.format("id", "--kernel-x") + (
        "kxcli: id (x) and x (y): no two rows of x are equal for its kernel, so the test is undefined\n"
    )
    assert (second["p_value"], second["q_value"], first["q_value"]) == (None, None, first["p_value"])


def test_equal_columns_are_in_the_order_of_their_names(kxcli):
    table = {name: [i % 3 for i in range(12)] for name in ("b", "a", "B", "é", "Z")}
    table["label"] = ["xxyy"[i % 4] for i in range(12)]
    rows = kxcli("hsic", "--screen", "label", stdin=tsv(table)).rows
    assert [row[0] for row in rows] == ["B", "Z", "a", "b", "é"]
    assert len({tuple(row[1:]) for row in rows}) == 1


@pytest.mark.full
def test_columns_without_names_are_called_by_their_numbers(kxcli):
    table = people()
    data = saved(matrix(table))
    put(kxcli, "a.npy", data)
    rows = kxcli("hsic", "--screen", 2, "a.npy").rows
    assert sorted(row[0] for row in rows) == ["1", "3"]
    assert kxcli("hsic", "--matrix", "square", "--header", "a.npy").rows[0] == ["column", "1", "2", "3"]


def reviews(labels, n=60, seed=2):
    draw = random.Random(seed)
    said = [draw.choice(labels) for _ in range(n)]
    words = {label: [*["好", "很", "一般", "中", "不"][i:], "the", "Rare"] for i, label in enumerate(labels)}
    return {
        "review": [" ".join([*draw.choices(words[label], k=3), "每"]) for label in said],
        "stars": said,
    }


def screened_words(table, cut, least):
    """Return the rows of a screening of words, from what the definition says of a word's presence."""
    terms = [set(cut(text)) for text in table["review"]]
    n, labels = len(terms), list(dict.fromkeys(table["stars"]))
    sizes = [table["stars"].count(label) for label in labels]
    own = twin.delta(table["stars"])
    found = []
    for word in set().union(*terms):
        held = [word in some for some in terms]
        if sum(held) < least:
            continue
        counts = [sum(h and star == label for h, star in zip(held, table["stars"], strict=True)) for label in labels]
        excess = [n * c - sum(held) * size for c, size in zip(counts, sizes, strict=True)]
        k = twin.delta(held)
        found.append(
            {
                "word": word,
                "df": sum(held),
                "label": labels[excess.index(max(excess))],
                "biased_n2": twin.biased_n2(k, own),
                "cka": None if all(held) else twin.cka(k, own),
                "p_value": None if all(held) else float(twin.exact_screening_p(counts, sizes)),
                "q_value": None,
            }
        )
    tested = [row for row in found if row["p_value"] is not None]
    for row, q_value in zip(tested, twin.q_values([row["p_value"] for row in tested]), strict=True):
        row["q_value"] = q_value
    return sorted(found, key=lambda row: (row["cka"] is None, -round(row["cka"] or 0, 12), row["word"]))


CUTS = {
    "bow": (("--kernel-x", "bow", "-t", "space"), str.split),
    "ngram:2": (("--kernel-x", "ngram:2"), lambda text: twin.ngrams(text, 2)),
}


@pytest.mark.parametrize("kernel", CUTS)
@pytest.mark.parametrize("labels", [["good", "bad"], ["good", "so-so", "bad"]], ids=["two", "three"])
def test_words_are_ranked_by_a_label(kxcli, workers, kernel, labels):
    options, cut = CUTS[kernel]
    table = reviews(labels)
    ended = kxcli("hsic", "-j", workers, "--screen", "stars", "-x", "review", *options, "-f", "jsonl", stdin=tsv(table))
    rows, right = objects(ended), screened_words(table, cut, 5)
    assert len(right) > 5
    assert [row["word"] for row in rows] == [row["word"] for row in right]
    is_exact = len(labels) == 2
    for row, other in zip(rows, right, strict=True):
        assert list(row) == OF_WORDS
        assert (row["df"], row["label"]) == (other["df"], other["label"])
        assert row["biased_n2"] == pytest.approx(other["biased_n2"], rel=1e-9, abs=1e-15)
        assert row["cka"] == near(other["cka"], 1e-9, 1e-14)
        p = other["p_value"]
        spread = 0 if is_exact or p is None else 5 * math.sqrt(p * (1 - p) / 1000) + 0.001  # of 1,000 permutations
        assert row["p_value"] == near(p, 1e-9, spread)
        assert (row["q_value"] is None) == (p is None)
    tested = [row for row in rows if row["p_value"] is not None]
    q_values = twin.q_values([row["p_value"] for row in tested])
    assert [row["q_value"] for row in tested] == pytest.approx(q_values, rel=1e-12)


@pytest.mark.full
def test_rare_words_are_left_out_and_told(kxcli):
    table = reviews(["good", "bad"])
    table["review"][0] += " 仅此 Rare"
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space", "-f", "jsonl", "a.tsv")
    all_words = kxcli(*use, "--min-df", 1)
    assert all_words.err == "" and "仅此" in all_words.text
    for least in (None, 5, 20):
        ended = kxcli(*use, *(() if least is None else ("--min-df", least)))
        right = screened_words(table, str.split, least or 5)
        assert [row["word"] for row in objects(ended)] == [row["word"] for row in right]
        left_out = len(objects(all_words)) - len(right)
        words = f"{left_out} word{'s' * (left_out != 1)}"
        assert (
            left_out
            and ended.err == f"kxcli: ignored {words} in fewer than {least or 5} rows (--min-df {least or 5})\n"
        )
    assert [row["word"] for row in objects(kxcli(*use, "--top", 2))] == [
        row["word"] for row in screened_words(table, str.split, 5)[:2]
    ]


def test_screened_words_are_cut_as_asked(kxcli):
    table = reviews(["good", "bad"])
    use = (
        "hsic",
        "--screen",
        "stars",
        "--kernel-x",
        "bow",
        "-t",
        "space",
        "--lower",
        "--stopwords",
        "stop",
        "-f",
        "csv",
    )
    put(kxcli, "stop", "每\n")
    header, *lines = csv.reader(io.StringIO(kxcli(*use, stdin=tsv(table)).text))
    assert header == OF_WORDS
    words = [line[0] for line in lines]
    assert "rare" in words and "每" not in words and "Rare" not in words


@pytest.mark.parametrize("kernel", CUTS)
@pytest.mark.parametrize("labels", ["same", "all different"])
@pytest.mark.parametrize("test", ["auto", "eigen", "permutation"])
def test_words_are_not_tested_against_uninformative_labels(in_process, kernel, labels, test):
    table = reviews(["good"])
    if labels != "same":
        table["stars"] = [f"s{i}" for i in range(len(table["stars"]))]
    in_process.put("a.tsv", tsv(table))
    use = ("hsic", "--screen", "stars", "-x", "review", *CUTS[kernel][0], "--test", test, "-f", "jsonl", "a.tsv")
    code, out, err = in_process(*use)
    assert code == 0 and err.startswith("kxcli: warning: ") and "so the tests are undefined" in err
    found = list(map(json.loads, out.splitlines()))
    assert found and {(row["p_value"], row["q_value"]) for row in found} == {(None, None)}
    if labels == "same":
        assert "'good'" in err and {(row["biased_n2"], row["cka"]) for row in found} == {(0, None)}


@pytest.mark.parametrize("labels", [["good", "bad"], ["good", "so-so", "bad"]], ids=["two", "three"])
@pytest.mark.parametrize("test", ["auto", "eigen", "permutation"])
def test_a_word_that_all_texts_have_is_not_tested_and_comes_last(in_process, labels, test):
    table = reviews(labels)
    use = ("hsic", "--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space", "--test", test, "-q")
    in_process.put("without.tsv", tsv(table))
    table["review"] = [f"{text} everywhere" for text in table["review"]]
    in_process.put("with.tsv", tsv(table))
    others = in_process(*use, "without.tsv")[1].splitlines()
    rows = in_process(*use, "with.tsv")[1].splitlines()
    (added,) = [row for row in rows if row not in others]
    assert [row for row in rows if row != added] == others  # q too is that of the words that are tested
    assert added.split("\t")[0] == "everywhere" and added.split("\t")[4:] == ["", "", ""]
    assert set(rows[-2:]) == {added, others[-1]} and others[-1].startswith("每")


def test_columns_are_not_tested_against_a_label_that_is_always_the_same(kxcli):
    table = {**people(), "label": ["a"] * 40}
    ended = kxcli("hsic", "--screen", "label", "-x", "z,x,y", "-f", "jsonl", stdin=tsv(table))
    assert [row["column"] for row in objects(ended)] == ["x", "y", "z"]
    assert {(row["biased_n2"], row["cka"], row["p_value"], row["q_value"]) for row in objects(ended)} == {
        (0, None, None, None)
    }
    assert "constant" in ended.err


# All pairs


def all_pairs(table, names, testing=None):
    return {
        (a, b): measure_dependence(table[a], table[b], testing=testing) for i, a in enumerate(names) for b in names[i:]
    }


VALUES = ["biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value"]


@pytest.mark.parametrize("value", [None, *VALUES])
@pytest.mark.full
def test_a_square_of_all_pairs(kxcli, value):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    names = ["x", "z", "label"]
    use = ("hsic", "--matrix", "square", "-x", "x,z,label", *(("--value", value) if value else ()))
    found = {pair: getattr(one, value or "cka_unbiased") for pair, one in all_pairs(table, names).items()}
    right = [[found[tuple(sorted((a, b), key=names.index))] for b in names] for a in names]
    header, *lines = kxcli(*use, "--header", "a.tsv").rows
    assert header == ["column", *names]
    assert lines == [[name, *map(plain, values)] for name, values in zip(names, right, strict=True)]
    assert kxcli(*use, "a.tsv").rows == lines
    if value is None:
        assert [line[i] for i, line in enumerate(lines, 1)] == ["1"] * 3
        assert objects(kxcli(*use, "-f", "jsonl", "a.tsv")) == [
            {"column": name, **dict(zip(names, values, strict=True))} for name, values in zip(names, right, strict=True)
        ]
        assert list(csv.reader(io.StringIO(kxcli(*use, "-f", "csv", "a.tsv").text))) == [header, *lines]


@pytest.mark.full
def test_edges_are_a_row_for_each_pair(kxcli):
    table = people()
    put(kxcli, "a.tsv", tsv(table))
    names = list(table)
    use = ("hsic", "--matrix", "edges", "--seed", 3)
    found = {pair: one for pair, one in all_pairs(table, names, Asked(seed=3)).items() if pair[0] != pair[1]}
    rows = objects(kxcli(*use, "-f", "jsonl", "a.tsv"))
    assert [list(row) for row in rows] == [["x", "y", *OF_EDGES]] * 10
    q_values = [row.pop("q_value") for row in rows]
    p_values = [one.p_value for one in found.values() if not one.is_undefined]  # texts that all differ are not tested
    assert [q for q in q_values if q is not None] == pytest.approx(twin.q_values(p_values), rel=1e-14)
    keys = OF_EDGES[:-1]
    assert rows == [{"x": a, "y": b, **{key: getattr(one, key) for key in keys}} for (a, b), one in found.items()]
    rows = [{**row, "q_value": q_value} for row, q_value in zip(rows, q_values, strict=True)]
    header, *lines = kxcli(*use, "--header", "a.tsv").rows
    assert header == ["x", "y", *OF_EDGES]
    assert lines == [[plain(value) for value in row.values()] for row in rows]
    assert list(csv.reader(io.StringIO(kxcli(*use, "-f", "csv", "a.tsv").text))) == [header, *lines]


def test_a_kernel_and_a_bandwidth_are_those_of_all_columns(kxcli):
    table = people()
    use = ("hsic", "--matrix", "edges", "-x", "x-z", "--kernel-x", "laplace", "--sigma-x", 2, "-f", "jsonl")
    rows = objects(kxcli(*use, stdin=tsv(table)))
    assert {(row["kernel_x"], row["sigma_x"], row["kernel_y"], row["sigma_y"]) for row in rows} == {
        ("laplace", 2, "laplace", 2)
    }
    kernel = Kernel("laplace", 2.0)
    found = measure_dependence(table["x"], table["y"], kernel_x=kernel, kernel_y=kernel)
    assert (rows[0]["cka"], rows[0]["p_value"]) == (found.cka, found.p_value)


def test_texts_may_be_compared_with_each_other(kxcli):
    table = people()
    some = {"a": table["text"], "b": [text[::-1] for text in table["text"]]}
    (row,) = objects(
        kxcli("hsic", "--matrix", "edges", "--kernel-x", "ngram:2", "--cosine", "-f", "jsonl", stdin=tsv(some))
    )
    kernel = Kernel("ngram", n=2, cosine=True)
    found = measure_dependence(some["a"], some["b"], kernel_x=kernel, kernel_y=kernel)
    assert (row["kernel_x"], row["cka"], row["p_value"]) == ("ngram:2+cosine", found.cka, found.p_value)


def test_a_constant_column_among_others(kxcli):
    table = {**{name: people()[name] for name in "xy"}, "c": [1] * 40}
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "--matrix", "square", "-f", "jsonl", "a.tsv")
    assert [row["c"] for row in objects(ended)] == [None] * 3
    assert list(objects(ended)[2].values()) == ["c", None, None, None]
    assert "c (y)" in ended.err and "constant" in ended.err
    assert kxcli("hsic", "--matrix", "square", "-q", "a.tsv").rows[2] == ["c", "", "", ""]


GAPS = ["", "NA", "N/A", "NULL", "nan"]


def with_gaps(seed=3, n=60):
    """Return a table with gaps of its own in each column but x; z and w have the same, and notes are nearly empty."""
    draw = random.Random(seed)
    table = people(n)
    for name, share in {"y": 0.1, "z": 0.4, "label": 0.2, "text": 0.3}.items():
        table[name] = [draw.choice(GAPS) if draw.random() < share else cell for cell in table[name]]
    table["w"] = ["" if cell in GAPS else draw.gauss(0, 1) for cell in table["z"]]
    table["notes"] = ["ok" if i in (1, 7, 9) else "" for i in range(n)]
    return table


def pair_of(in_process, x, y, *options):
    """Return what a run of two columns finds, without what only it prints."""
    code, out, _ = in_process("hsic", "-x", x, "-y", y, "-f", "jsonl", *options, "a.tsv")
    assert code == 0
    return json.loads(out)


@pytest.mark.parametrize("kernel", ["by the cells", "laplace", "delta", "ngram:1"])
def test_each_pair_of_a_matrix_is_measured_over_the_rows_with_a_value_in_both(in_process, kernel):
    table = with_gaps()
    in_process.put("a.tsv", tsv(table))
    names = {"laplace": "x,y,z,w", "ngram:1": "text,label,notes"}.get(kernel, "x,y,z,w,label,text,notes")
    own = () if kernel == "by the cells" else ("--kernel-x", kernel)
    both = (*own, *(("--kernel-y", kernel) if own else ()))
    code, out, err = in_process("hsic", "--matrix", "edges", "-x", names, *own, "-f", "jsonl", "a.tsv")
    assert code == 0 and "rows with a value in both" in err
    rows = list(map(json.loads, out.splitlines()))
    assert len(rows) == len(names.split(",")) * (len(names.split(",")) - 1) // 2
    for row in rows:
        if row["n"] < 4:
            assert "notes" in (row["x"], row["y"])
            assert [row[key] for key in OF_EDGES[5:]] == [None] * 7
            continue
        found = pair_of(in_process, row["x"], row["y"], *both)
        assert {key: row[key] for key in OF_EDGES[:-1]} == {key: found[key] for key in OF_EDGES[:-1]}
        n_expected = sum(table[row["x"]][i] not in GAPS and table[row["y"]][i] not in GAPS for i in range(60))
        assert row["n"] == n_expected
    tested = [row for row in rows if row["p_value"] is not None]
    assert [row["q_value"] for row in tested] == pytest.approx(
        twin.q_values([row["p_value"] for row in tested]), rel=1e-14
    )
    if kernel == "by the cells":  # a square of the same pairs
        square = in_process("hsic", "--matrix", "square", "-x", names, *own, "-q", "--header", "a.tsv")[1].splitlines()
        header, *lines = [line.split("\t") for line in square]
        found = {(line[0], name): cell for line in lines for name, cell in zip(header[1:], line[1:], strict=True)}
        for row in rows:
            assert found[row["x"], row["y"]] == found[row["y"], row["x"]] == plain(row["cka_unbiased"])


def test_each_column_of_a_screening_is_measured_over_the_rows_with_a_value_in_both(in_process):
    in_process.put("a.tsv", tsv(with_gaps()))
    code, out, _ = in_process("hsic", "--screen", "label", "-f", "jsonl", "a.tsv")
    rows = list(map(json.loads, out.splitlines()))
    assert code == 0 and {row["column"] for row in rows} == {"x", "y", "z", "w", "text", "notes"}
    assert {row["column"] for row in rows if row["p_value"] is None} == {"notes", "text"}
    assert [row["n"] < 4 for row in rows] == [row["column"] == "notes" for row in rows]
    for row in (row for row in rows if row["n"] >= 4):
        found = pair_of(in_process, row["column"], "label")
        assert {key: row[key] for key in OF_SCREEN} == {key: found[key] for key in OF_SCREEN}


def test_pairs_with_gaps_do_not_depend_on_the_number_of_workers(kxcli):
    put(kxcli, "a.tsv", tsv(with_gaps()))
    for use in (("--matrix", "edges"), ("--screen", "label")):
        alone, together = (kxcli("hsic", *use, "-j", n, "a.tsv") for n in (1, 2))
        assert (alone.out, alone.err) == (together.out, together.err)


def test_columns_of_which_one_is_sparse_are_measured(in_process):
    table = {**people(), "notes": ["ok"] * 3 + [""] * 37}
    in_process.put("a.tsv", tsv(table))
    del table["notes"]
    in_process.put("b.tsv", tsv(table))
    for use in (("--matrix", "edges"), ("--screen", "label")):
        rows = in_process("hsic", *use, "a.tsv")[1].splitlines()
        assert [row for row in rows if "notes" not in row] == in_process("hsic", *use, "b.tsv")[1].splitlines()


@pytest.mark.parametrize("use", [("--matrix", "edges"), ("--matrix", "square"), ("--screen", "label")])
def test_a_missing_cell_among_many_columns_may_be_an_error(in_process, use):
    table = people()
    table["z"][7] = "NULL"
    in_process.put("a.tsv", tsv(table))
    code, out, err = in_process("hsic", *use, "--missing", "error", "a.tsv")
    assert (code, out) == (1, "") and err.startswith("kxcli: error: a.tsv:9: has a missing cell")


@pytest.mark.parametrize("use", [("--matrix", "edges"), ("--matrix", "square"), ("--screen", "a")])
def test_many_columns_of_too_few_rows_are_an_error(in_process, use):
    wide = "\t".join(["a", *(f"c{i}" for i in range(700))]) + "\n" + "1\t" * 700 + "1\n"
    in_process.put("a.tsv", wide)
    code, out, err = in_process("hsic", *use, "a.tsv")
    assert (code, out) == (1, "") and "a.tsv: too few rows with a value in a column: 1;" in err
    if use[1] == "square":  # where a column is a pair with itself, too
        return
    in_process.put("a.tsv", "a\tb\tc\n" + "1\t\t\n\t2\t\n\t\t3\n" * 5)
    code, out, err = in_process("hsic", *use, "a.tsv")
    assert (code, out) == (1, "") and "a.tsv: too few rows with a value in both columns: 0;" in err


@pytest.mark.parametrize("options", [(), ("--kernel-x", "bow")])
def test_a_label_without_another_column_is_a_usage_error(in_process, options):
    in_process.put("a.tsv", "label\na\nb\na\nb\n")
    code, out, err = in_process("hsic", "--screen", "label", *options, "a.tsv")
    assert (code, out) == (2, "") and "--screen label: the table has no other column" in err


def test_a_matrix_that_does_not_fit_the_memory_is_refused_before_it_is_read(in_process):
    names = "\t".join(f"c{i}" for i in range(20_000))
    in_process.put("a.tsv", names + "\n" + "x\n")  # a bad row, which is not reached
    code, out, err = in_process("hsic", "--matrix", "edges", "--memory", "2G", "a.tsv")
    assert (code, out) == (1, "")
    assert "a.tsv: --matrix over 20,000 columns needs about " in err
    assert "MiB, and 2,048 MiB are available; select fewer columns with -x, or raise --memory" in err
    code, _, err = in_process("hsic", "--matrix", "edges", "-x", "1-500", "--memory", "2G", "a.tsv")
    assert code == 1 and "for 124,750 pairs" in err and "a.tsv:2: has 1 cell where" in err


# Missing cells, and what is said


def test_rows_with_missing_cells_are_dropped_and_told(kxcli, workers):
    table = people()
    holed = {name: list(column) for name, column in table.items()}
    for place, cell in enumerate(["", "NA", "nan", "NaN", " ", "-nan"]):
        holed["xy"[place % 2]][place * 3] = cell
    holed["z"][1] = "NA"  # nobody asked for it
    kept = [[v for i, v in enumerate(table[name]) if i % 3 or i > 15] for name in "xy"]
    ended = kxcli("hsic", "-j", workers, "-x", "x", "-y", "y", "-f", "jsonl", stdin=tsv(holed))
    assert json.loads(ended.text) == expected(*kept, n_dropped=6)
    assert ended.err == "kxcli: skipped 6 rows with a missing cell; used 34\n"


@pytest.mark.parametrize("form", ["tsv", "jsonl", "npy"])
def test_a_missing_cell_may_be_an_error(kxcli, form):
    table = people()
    put(kxcli, "good.tsv", tsv(table))
    table["y"][9] = {"tsv": "NA", "jsonl": None, "npy": math.nan}[form]
    put(kxcli, "a." + form, {"tsv": tsv, "jsonl": as_jsonl, "npy": lambda t: saved(matrix(t))}[form](table))
    use = ("hsic", "-x", 1, "-y", 2, "--missing", "error")
    ended = kxcli(*use, f"a.{form}", code=1)
    assert_error(ended, f"a.{form}:{11 if form == 'tsv' else 10}")
    assert "--missing drop" in ended.err
    kxcli(*use, "good.tsv")


@pytest.mark.parametrize("cell", ["3", "a"])
@pytest.mark.parametrize("side", ["x", "y"])
def test_a_constant_column_is_told(kxcli, cell, side):
    table = {"x": range(10), "y": [i * i for i in range(10)]}
    table[side] = [cell] * 10
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "a.tsv")
    found = json.loads(ended.text)
    assert [found[key] for key in ("biased_n2", "biased_nm1", "unbiased", "p_value")] == [0, 0, 0, None]
    assert [found[key] for key in ("cka", "cka_unbiased", f"sigma_{side}")] == [None] * 3
    assert ended.err.startswith(f"kxcli: warning: {side} is constant") and ended.err.count("\n") == 1


STRAYS = ["?", ".", "-", "na", "abc", "十", "1,5", "12%", "$12.50", "\u22121.5", "1.5D0", '"1.5"', "cm"]


@pytest.mark.parametrize("stray", STRAYS)
@pytest.mark.parametrize("use", ["pair", "screen", "matrix"])
def test_a_stray_cell_among_numbers_stops_the_run(in_process, stray, use):
    cells = [str(i * 7 % 11) for i in range(12)]
    cells[5] = stray
    in_process.put("a.tsv", tsv({"x": cells, "y": [i * i % 5 for i in range(12)]}))
    options = {"pair": ("-x", "x", "-y", "y"), "screen": ("--screen", "y"), "matrix": ("--matrix", "edges")}[use]
    code, out, err = in_process("hsic", *options, "-q", "a.tsv")
    assert (code, out) == (1, "")
    assert (
        err.startswith(f"kxcli: error: a.tsv:7: {stray!r} in the column 'x' is not a number; ")
        or not stray.isprintable()
    )
    assert "use --na-values " in err and "or --kernel-x delta for labels" in err
    code, out, err = in_process("hsic", *options, "--na-values", stray, "-f", "jsonl", "a.tsv")
    assert code == 0 and json.loads(out)["n"] == 11
    code, out, err = in_process("hsic", *options, "--kernel-x", "delta", "-f", "jsonl", "a.tsv")
    assert code == 0 and json.loads(out)["n"] == 12


@pytest.mark.full
def test_columns_that_are_half_labels_are_labels(kxcli):
    cells = [f"w{i % 7}" if i < 15 else str(i % 7) for i in range(30)]
    table = {"x": cells, "y": [i * i % 5 for i in range(30)]}
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "a.tsv")
    assert json.loads(ended.text) == expected(table["x"], table["y"])
    assert ended.err == ""


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("code", ["NULL", "N/A", "n/a", "#N/A", "None", "null", "<NA>", "\\N"])
def test_a_code_of_a_missing_value_is_known(in_process, form, code):
    table = people()
    table["y"][9] = code
    in_process.put(f"a.{form}", {"tsv": tsv, "csv": as_csv, "jsonl": as_jsonl}[form](table))
    out = in_process("hsic", "-x", "x", "-y", "y", "-f", "jsonl", f"a.{form}")[1]
    kept = [[v for i, v in enumerate(table[name]) if i != 9] for name in "xy"]
    assert json.loads(out) == expected(*kept, n_dropped=1)


def test_a_text_or_label_that_is_a_code_is_missing(in_process):
    table = people()
    table["text"][3], table["label"][5] = "None", "NULL"
    in_process.put("a.tsv", tsv(table))
    use = ("hsic", "--kernel-x", "bow", "-t", "space", "a.tsv")
    out = in_process(*use, "-x", "text", "-y", "label", "-f", "jsonl")[1]
    assert (json.loads(out)["n"], json.loads(out)["n_dropped"]) == (38, 2)
    assert "2 rows with a missing cell" in in_process(*use, "-x", "text", "--screen", "label")[2]


def test_more_codes_of_missing_values_may_be_given(in_process):
    table = people()
    table["x"][3] = table["y"][3] = -9999
    table["x"][5], table["y"][6] = "-9999.0", "."
    in_process.put("a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "--na-values", "-9999", "--na-values=.", "a.tsv")
    kept = [[v for i, v in enumerate(table[name]) if i not in (3, 5, 6)] for name in "xy"]
    assert json.loads(in_process(*use)[1]) == expected(*kept, n_dropped=3)


@pytest.mark.parametrize(("n_distinct", "n", "is_told"), [(20, 20, True), (19, 19, False), (18, 20, False)])
def test_labels_that_nearly_all_differ_are_told(kxcli, n_distinct, n, is_told):
    table = {"x": [f"w{i % n_distinct}" for i in range(n)], "y": [i * i % 7 for i in range(n)]}
    for options in (), ("--kernel-x", "delta"):
        ended = kxcli("hsic", "-x", "x", "-y", "y", *options, stdin=tsv(table))
        undefined = "kxcli: warning: no two rows of x are equal for its kernel, so the test is undefined\n"
        assert ended.err == NEARLY_ALL.format("-x", "--kernel-x") * is_told + undefined * (n_distinct == n)
    assert kxcli("hsic", "-x", "x", "-y", "y", "--kernel-x", "ngram:1", stdin=tsv(table)).err == ""


@pytest.mark.parametrize(
    ("options", "least"),
    [
        (("--permutations", "9"), "0.1"),
        (("--permutations", "18"), "0.053"),
        (("--permutations", "19"), None),
        (("--permutations", "9", "--alpha", "0.1"), None),
        (("--permutations", "99", "--alpha", "0.009"), "0.01"),
        (("--test", "eigen"), None),
        (("--test", "none"), None),
    ],
)
def test_a_p_that_cannot_fall_to_alpha_is_told(kxcli, options, least):
    alpha = options[-1] if "--alpha" in options else "0.05"
    err = kxcli("hsic", "-x", "x", "-y", "y", *options, stdin=tsv(people())).err
    told = f"kxcli: warning: p cannot be below {least} here, so no columns are called dependent at {alpha}; "
    assert err == ("" if least is None else told + "use more --permutations, or --test eigen\n")


@pytest.mark.full
def test_a_p_of_few_rows_that_cannot_fall_to_alpha_is_told(kxcli):
    use = ("hsic", "-x", "x", "-y", "y")
    few = {"x": [1, 2, 4, 9], "y": [3, 1, 5, 2]}
    assert "p cannot be below 0.042 here" in kxcli(*use, "--alpha", "0.01", stdin=tsv(few)).err
    assert kxcli(*use, stdin=tsv(few)).err == ""


@pytest.mark.parametrize(("labels", "is_told"), [(["good", "so-so", "bad"], True), (["good", "bad"], False)])
@pytest.mark.full
def test_q_that_cannot_fall_to_alpha_is_told(kxcli, labels, is_told):
    put(kxcli, "a.tsv", tsv(reviews(labels)))
    use = ("hsic", "--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space", "--min-df", 1, "a.tsv")
    ended = kxcli(*use, "--permutations", 99)
    n_words = sum(row[5] != "" for row in ended.rows)  # those that are tested
    told = f"with 99 permutations and {n_words} words, q is at least {n_words / 100:.2g} for a single dependent word"
    assert ended.err == f"kxcli: warning: {told}; use more --permutations, or --test eigen\n" * is_told
    assert kxcli(*use, "--permutations", 999).err == kxcli(*use, "--test", "eigen").err == ""


ONE_COLUMN = {
    "commas": ("a.tsv", "x,y\n1,2\n", "'x,y': if it is CSV, use --input-format csv"),
    "semicolons": ("a.tsv", "x;y\n1;2\n", "'x;y': separate the columns by tabs or commas, not semicolons"),
    "semicolons in CSV": ("a.csv", "x;y\n1;2\n", "'x;y': separate the columns by tabs or commas, not semicolons"),
    "JSON array": ("a.json", '[{"x": 1, "y": 2}]\n', "if it is JSON, use --input-format jsonl, an object per line"),
    "JSONL": ("a.txt", '{"x": 1}\n', "if it is JSON, use --input-format jsonl, an object per line"),
}


@pytest.mark.parametrize("case", ONE_COLUMN)
def test_another_delimiter_is_reported_with_the_fix(in_process, case):
    name, data, hint = ONE_COLUMN[case]
    in_process.put(name, data)
    code, _, err = in_process("hsic", *XY, name)
    assert code == 1 and f"kxcli: error: {name}:1: has no column 'x'; it has one column, " in err
    assert err.endswith(f"{hint}\n")
    in_process.put("b.tsv", "one\n1\n")
    assert "it has 'one'" in in_process("hsic", *XY, "b.tsv")[2]
    in_process.put("b.tsv", "x,\ty\n1\t2\n")
    assert "it has 'x,', 'y'" in in_process("hsic", *XY, "b.tsv")[2]


@pytest.mark.full
def test_an_error_of_a_side_comes_with_the_side_and_its_file(kxcli):
    great, good = {"y": [1e200, 2e200, 0, 4e200, 5]}, {"x": [1, 2, 5, 3, 7]}
    put(kxcli, "good.tsv", tsv(good))
    put(kxcli, "great.tsv", tsv(great))
    put(kxcli, "both.tsv", tsv({**good, **great}))
    told = "the numbers are too large to be squared; divide them by a power of ten"
    ended = kxcli("hsic", "good.tsv", "--y-file", "great.tsv", code=1)
    assert ended.err == f"kxcli: error: great.tsv: -y: {told}\n"
    ended = kxcli("hsic", "great.tsv", "--y-file", "good.tsv", code=1)
    assert ended.err == f"kxcli: error: great.tsv: -x: {told}\n"
    for use in ("--matrix", "edges"), ("--screen", "x"):
        assert kxcli("hsic", *use, "both.tsv", code=1).err == f"kxcli: error: both.tsv: y: {told}\n"
    small = tsv({**good, "y": [value * 1e-300 for value in great["y"][:1]] + [1e-100, 2e-100, 3e-100, 0]})
    err = kxcli("hsic", *XY, "--kernel-y", "linear", stdin=small, code=1).err
    assert (
        err == "kxcli: error: <stdin>: -y: the numbers are too small to be squared; multiply them by a power of ten\n"
    )


@pytest.mark.full
def test_where_the_rows_that_were_drawn_are_the_same_sigma_is_asked_for(kxcli):
    values = np.zeros((5300, 3))
    drawn = np.random.default_rng((twin.ROWS, 0, 0)).choice(5300, 5000, replace=False)
    values[np.setdiff1d(np.arange(5300), drawn)[:2], 0] = 3, 7
    values[:, 2] = np.arange(5300) % 7
    put(kxcli, "a.npy", saved(values))
    use = ("hsic", "-y", 3, "--kernel-y", "linear", "--test", "none", "a.npy")
    assert kxcli(*use, "-x", "1,2", code=1).err == (
        "kxcli: error: a.npy: -x: the 5,000 rows sampled for the median distance are all equal; set --sigma\n"
    )
    assert dict(kxcli(*use, "-x", 1).rows)["sigma_x"] == "4"
    assert dict(kxcli(*use, "-x", "1,2", "--sigma-x", 4).rows)["sigma_x"] == "4"


@pytest.mark.full
def test_quiet_silences_notes_and_not_errors(kxcli):
    table = people()
    table["x"][0] = "NA"
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "a.tsv")
    told, quiet = kxcli(*use), kxcli(*use, "-q")
    assert told.err != "" and quiet.err == "" and told.out == quiet.out
    assert_error(kxcli(*use, "-q", "--missing", "error", code=1), "a.tsv:2")


@pytest.mark.full
def test_verbose_tells_what_is_done_and_shows_tracebacks(kxcli):
    put(kxcli, "a.tsv", tsv(people()))
    use = ("hsic", "-x", "x", "-y", "y", "-v", "a.tsv")
    ended = kxcli(*use)
    assert ended.out == kxcli("hsic", "-x", "x", "-y", "y", "a.tsv").out
    for what in ("kernels", "permutations"):
        assert f"] {what}\n" in ended.err
    failed = kxcli("hsic", "-x", "x", "-y", "label", "-v", "a.tsv", "--kernel-y", "gaussian", code=1)
    assert "Traceback (most recent call last)" in failed.err and "kxcli: error: a.tsv:2: " in failed.err


def test_help_at_a_terminal_and_where_asked(kxcli):
    assert kxcli("hsic", "--help").text.startswith("Usage: kxcli hsic")
    ours, theirs = os.openpty()
    try:
        with kxcli.start("hsic", stdin=theirs) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"") and out.startswith(b"Usage: kxcli hsic")
    finally:
        os.close(ours)
        os.close(theirs)


# The same bytes, whoever computes


def normal(n, d, seed=6):
    return np.round(np.random.default_rng(seed).normal(size=(n, d)), 3)


def bookish(n, length, seed=7):
    """Return texts of several tasks, half a million characters each."""
    draw = random.Random(seed)
    words = [f"w{i}" for i in range(900)]
    return {
        "a": [" ".join(draw.choices(words, k=length)) for _ in range(n)],
        "b": [" ".join(draw.choices(words, k=5)) for _ in range(n)],
        "label": ["甲乙丙"[i % 3] for i in range(n)],
    }


SAME = {
    "edges": (lambda: saved(normal(8000, 4) // 1), "npy", ("--matrix", "edges", "--permutations", 20)),
    "tiles": (lambda: saved(normal(3100, 6)), "npy", ("-x", "1-3", "-y", "4-6", "--test", "eigen")),
    "gamma": (lambda: saved(normal(3100, 4)), "npy", ("-x", "1-2", "-y", "3-4", "--test", "gamma")),
    "moments": (lambda: saved(normal(200_000, 2)), "npy", ("-x", 1, "-y", 2, "--sigma", 0.3)),
    "permutations": (
        lambda: saved(normal(2000, 6)),
        "npy",
        ("-x", "1-3", "-y", "4-6", "--permutations", 120, "--seed", 3),
    ),
    "square": (lambda: saved(normal(8000, 5)), "npy", ("--matrix", "square", "--kernel-x", "linear")),
    "screen": (lambda: saved(normal(8000, 5) // 1), "npy", ("--screen", 2, "--permutations", 20)),
    "texts": (
        lambda: tsv(bookish(300, 900)).encode(),
        "tsv",
        ("-x", "a", "-y", "b", "--kernel-x", "ngram:2", "--kernel-y", "bow", "-t", "space", "--permutations", 20),
    ),
    "words": (
        lambda: tsv(bookish(600, 450)).encode(),
        "tsv",
        ("--screen", "label", "-x", "a", "--kernel-x", "bow", "-t", "space"),
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_the_digits_do_not_depend_on_the_workers(kxcli, name):
    make, form, options = SAME[name]
    put(kxcli, f"a.{form}", make())
    runs = [kxcli("hsic", *options, "-j", jobs, f"a.{form}") for jobs in (1, 2, 3)]
    assert runs[0].out != b""
    assert runs[0].out == runs[1].out == runs[2].out
    assert runs[0].err == runs[1].err == runs[2].err
    assert kxcli.left_behind() == []


@pytest.mark.parametrize("name", ["tiles", "moments", "permutations", "edges", "screen", "texts", "words"])
def test_what_is_compared_above_is_spread(kxcli, name):
    """A run with several tasks starts workers, which a preloaded module that ends each at once shows."""
    make, form, options = SAME[name]
    put(kxcli, f"a.{form}", make())
    put(kxcli, "stub/sitecustomize.py", "import sys, os\nif 'kxcli' not in sys.orig_argv[2:4]: os._exit(7)\n")
    kxcli.environment["PYTHONPATH"] = str(kxcli.folder / "stub")
    kxcli("hsic", *XY, "-j", 1, stdin=GOOD)  # a run without workers does not mind it
    err = kxcli("hsic", *options, "-j", 2, f"a.{form}", code=1).err
    assert "worker" in err and err.count("kxcli: error: ") == 1


@pytest.mark.full
def test_a_column_that_comes_in_many_batches_is_whole(kxcli, workers):
    values = normal(60_000, 2)
    table = {"a": [f"{v:.3f}{' ' * 12}" for v in values[:, 0]], "b": values[:, 1].tolist()}
    use = ("-j", workers, "--kernel-x", "linear", "--test", "none", "--sigma", 1)
    found = hsic(kxcli, *use, "-x", "a", "-y", "b", stdin=tsv(table))
    assert found["n"] == 60_000
    assert found == hsic(kxcli, *use, "-x", 1, "-y", 2, put(kxcli, "a.npy", saved(values)))


# What cannot be

XY = ("-x", "x", "-y", "y")
GOOD = "x\ty\n1\t3\n2\t4\n3\t3\n5\t3\n"

INPUTS = {
    "three rows": ("x\ty\n1\t3\n2\t4\n3\t3\n", XY, "", "too few rows: 3; HSIC needs at least 4"),
    "three complete rows": (GOOD.replace("5", ""), (*XY, "-q"), "", "too few rows: 3; HSIC needs at least 4"),
    "no complete row": ("x\ty\n1\t\n\t4\n", (*XY, "-q"), "", "missing"),
    "a header alone": ("x\ty\n", XY, "", "no row"),
    "empty": ("", XY, "", "is empty"),
    "empty, gz": (gzip.compress(b""), XY, "", "is empty"),
    "unknown name": (GOOD, ("-x", "x", "-y", "w"), ":1", "no column 'w'"),
    "unknown number": (GOOD, ("-x", "3", "-y", "y"), ":1", "no column '3'"),
    "unknown label": (GOOD, ("--screen", "w"), ":1", "no column 'w'"),
    "unknown number without names": ("1\t2\n", ("-x", "3", "-y", "1"), ":1", "no column '3'"),
    "a name that two columns have": ("x\tx\ty\n1\t2\t3\n", XY, ":1", "2 columns 'x'"),
    "a text where numbers were asked for": ("x\ty\n1\t3\nb\t4\n", (*XY, "--kernel-x", "linear"), ":3", "'b'"),
    "a text in -y": ("x\ty\n1\t3\n1\tb\n", (*XY, "--kernel-y", "gaussian"), ":3", "--kernel-y delta"),
    "inf": (GOOD.replace("5", "inf"), XY, ":5", "not a finite number"),
    "-Infinity": (GOOD.replace("5", "-Infinity"), XY, ":5", "not a finite number"),
    "1e999": (GOOD.replace("5", "1e999"), XY, ":5", "not a finite number"),
    "too great": (GOOD.replace("5", "1e200"), XY, "", "too large"),
    "too small a bandwidth": (GOOD, (*XY, "--sigma", "1e-200"), "", "too small"),
    "a short row": (GOOD + "6\n", XY, ":6", "1 cell where the header has 2"),
    "a long row": (GOOD + "6\t7\t8\n", XY, ":6", "3 cells where the header has 2"),
    "bad bytes": (GOOD.encode() + b"\xff\t1\n", XY, ":6", "0xff"),
    "a binary file": (b"\x7fELF\x02\x01\x01\x00\xd0\xff" * 99, ("-x", "1", "-y", "2"), ":1", "not valid utf-8"),
    "zeros": (bytes(5000), ("-x", "1", "-y", "2"), ":1", "no column '2'"),
    "cut off gz": (gzip.compress(GOOD.encode())[:-9], XY, "", "compressed data"),
    "not JSON": ("{\n", (*XY, "--input-format", "jsonl"), ":1", "not JSON"),
    "no .npy": (GOOD, (*XY, "--input-format", "npy"), "", ".npy"),
    "a .npy cut off": (saved(np.ones((9, 2)))[:-3], ("--input-format", "npy", "-x", 1, "-y", 2), "", "too early"),
    "a .npy with a tail": (saved(np.ones((9, 2))) + b"x", ("--input-format", "npy", "-x", 1, "-y", 2), "", "after"),
    "a broken .npy": (b"\x93NUMPY\x01\x00garbage", ("--input-format", "npy", "-x", 1, "-y", 2), "", "damaged"),
    "a .npy of objects": (
        saved(np.array([{}, 1, 2, 3], dtype=object), allow_pickle=True),
        ("--input-format", "npy", "-x", 1, "-y", 1),
        "",
        "object",
    ),
    "a .npy of three dimensions": (
        saved(np.ones((4, 4, 4))),
        ("--input-format", "npy", "-x", 1, "-y", 1),
        "",
        "(4, 4, 4)",
    ),
    "a .npy with inf": (
        saved(np.array([[1, np.inf]] * 4)),
        ("--input-format", "npy", "-x", 1, "-y", 2),
        ":1",
        "no finite",
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_input_that_cannot_be_measured_is_told_in_a_line(kxcli, name):
    data, options, place, what = INPUTS[name]
    if list(INPUTS).index(name) % 2:
        ended = kxcli("hsic", *options, put(kxcli, "a", data), code=1)
        assert_error(ended, "a" + place)
    else:
        ended = kxcli("hsic", *options, stdin=data, code=1)
        assert_error(ended, "<stdin>" + place)
    assert what in ended.err


@pytest.mark.parametrize(
    ("name", "what"), [(".", "is a folder"), ("none.tsv", "No such file"), ("none.npy", "No such")]
)
@pytest.mark.parametrize("option", ["input", "--y-file"])
def test_files_that_cannot_be_read_are_told(kxcli, name, what, option):
    put(kxcli, "a.tsv", GOOD)
    use = (name,) if option == "input" else ("a.tsv", "--y-file", name)
    ended = kxcli("hsic", *XY, *use, code=1)
    assert_error(ended, name)
    assert what in ended.err


@pytest.mark.parametrize("option", ["--stopwords", "--userdict", "--dict"])
def test_files_of_words_that_cannot_be_read_are_told(kxcli, option):
    ended = kxcli("hsic", *XY, "--kernel-x", "bow", option, "none", stdin=GOOD, code=1)
    assert_error(ended, "none")


BOW_X = ("--kernel-x", "bow")
USAGE = [
    # options; what the message contains
    ((*XY, *BOW_X, "-t", "regex", "--pattern", "("), "--pattern"),
    ((*XY, "--sigma", "0"), "--sigma"),
    ((*XY, "--sigma", "-1"), "--sigma"),
    ((*XY, "--sigma", "nan"), "--sigma"),
    ((*XY, "--sigma", "inf"), "--sigma"),
    ((*XY, "--sigma-x", "mean"), "--sigma-x"),
    ((*XY, "--sigma-y", ""), "--sigma-y"),
    ((*XY, "--kernel-x", "rbf"), "rbf"),
    ((*XY, "--kernel-y", "ngram"), "ngram:N"),
    ((*XY, "--kernel-y", "ngram:0"), "ngram:0"),
    ((*XY, "--kernel-y", "ngram:1.5"), "ngram:1.5"),
    ((*XY, "--test", "t"), "--test"),
    ((*XY, "--permutations", "0"), "--permutations"),
    ((*XY, "--seed", "-1"), "--seed"),
    ((*XY, "--alpha", "0"), "--alpha"),
    ((*XY, "--alpha", "1"), "--alpha"),
    ((*XY, "--alpha", "nan"), "--alpha"),
    (("--screen", "x", "--top", "-1"), "--top"),
    (("--screen", "x", *BOW_X, "--min-df", "0"), "--min-df"),
    (("--matrix", "triangle"), "--matrix"),
    (("--matrix", "square", "--value", "hsic"), "--value"),
    ((*XY, "--missing", "keep"), "--missing"),
    ((*XY, "--input-format", "text"), "--input-format"),
    ((*XY, "--encoding", "nonesuch"), "nonesuch"),
    ((*XY, "--shuffle"), "--shuffle"),
    (("-x", "y-x", "-y", "y"), "backwards"),
    (("-x", "2:1", "-y", "y"), "backwards"),
    (("-x", "0", "-y", "y"), "from 1"),
    (("-x", "x,x", "-y", "y"), "twice"),
    (("-x", "x,1-2", "-y", "y"), "twice"),
    (("-x", "", "-y", "y"), "-x"),
    (("-x", "x,", "-y", "y"), "-x"),
    (("--screen", "x,y"), "one column"),
    (("--matrix", "square", "-x", "x"), "at least two columns"),
    (("--screen", "x", "-x", "x,y", *BOW_X), "one column"),
]


@pytest.mark.parametrize(("options", "what"), USAGE, ids=[" ".join(map(str, options)) for options, _ in USAGE])
def test_options_that_make_no_sense_are_a_usage_error(kxcli, options, what):
    put(kxcli, "a.tsv", GOOD)
    put(kxcli, "b", GOOD)
    put(kxcli, "d", "词\n")
    ended = kxcli("hsic", *options, "a.tsv", code=2)
    assert ended.err.startswith("kxcli: error: ") and ended.err.count("\n") == 1 and ended.out == b""
    assert what in ended.err


def test_stdin_cannot_be_both_tables(kxcli):
    ended = kxcli("hsic", *XY, "--y-file", "-", "-", stdin=GOOD, code=2)
    assert ended.err.startswith("kxcli: error: ") and "stdin" in ended.err


@pytest.mark.full
def test_messages_hold_no_raw_control_characters(kxcli):
    evil = "a\x1b[31m\nb\r\x07\u202e"
    put(kxcli, "a.jsonl", json.dumps({evil: 1, "y": evil}) + "\n")
    for arguments, code in [
        ((*XY, evil), 1),
        (("-x", evil, "-y", "y", "--y-file", evil, "a.jsonl"), 1),
        (("-x", "none", "-y", "y", "a.jsonl"), 1),
        (("-x", evil, "-y", "y", "--kernel-y", "linear", "a.jsonl"), 1),
        (("-x", f"{evil},{evil}", "-y", "y", "a.jsonl"), 2),
        ((*XY, "--kernel-x", evil), 2),
        ((*XY, "--sigma", evil), 2),
    ]:
        err = kxcli("hsic", *arguments, stdin=GOOD, code=code).err
        assert err.endswith("\n") and err.removesuffix("\n").isprintable()


# Trouble

WIDE = ("hsic", "-x", "1-3", "-y", "4-6", "--sigma", "1")
LONG = (*WIDE, "--test", "none")  # of 30,000 rows: some ten seconds, which no test waits for


def long_table(kxcli, n=30_000):
    return put(kxcli, "long.npy", saved(np.random.default_rng(8).normal(size=(n, 6))))


def limited_to(size):
    return lambda: resource.setrlimit(resource.RLIMIT_AS, (size, size))


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["mapped", "gz"])
@pytest.mark.full
def test_too_little_memory_is_told(kxcli, workers, pack):
    limit = limited_to(400 << 20)
    put(kxcli, "small.tsv", tsv(people()))
    kxcli("hsic", *XY, "-j", workers, "small.tsv", preexec_fn=limit)
    zeros = saved(np.zeros((60_000, 800), dtype=np.int8))  # 48 MB, which are 384 MB as doubles
    put(kxcli, "a.npy", pack(zeros))
    use = ("hsic", "-j", workers, "-x", "2-800", "-y", "1", "--sigma", 1, "-o", "out.tsv", "a.npy")
    err = kxcli(*use, code=1, preexec_fn=limit).err
    assert err.startswith("kxcli: error: ") and "memory" in err and err.count("\n") == 1
    assert kxcli.left_behind() == [] and not (kxcli.folder / "out.tsv").exists()


def test_a_full_disk_under_tmpdir_is_told(kxcli, small_disk, old):  # noqa: F811
    kxcli.environment["TMPDIR"] = str(small_disk)
    name = long_table(kxcli)
    err = kxcli(*LONG, "-j", 2, "-o", old, name, code=1).err
    assert err.startswith("kxcli: error: ") and "No space left on device" in err and "TMPDIR" in err
    assert err.count("\n") == 1
    assert os.listdir(small_disk) == []


def test_a_full_tmpdir_matters_only_where_it_is_needed(kxcli, workers, small_disk):
    with suppress(OSError), open(small_disk / "full", "wb", buffering=0) as file:
        while file.write(b"x" * 4096):
            pass
    kxcli.environment["TMPDIR"] = str(small_disk)
    table = people()
    assert hsic(kxcli, *XY, "-j", workers, stdin=tsv(table)) == expected(table["x"], table["y"])
    assert os.listdir(small_disk) == ["full"]


def test_a_full_disk_under_stdout_is_an_error(kxcli):
    with open("/dev/full", "wb") as full:
        err = kxcli("hsic", *XY, stdin=GOOD, stdout=full, code=1).err
    assert err.startswith("kxcli: error: <stdout>: No space left on device") and err.count("\n") == 1


@pytest.mark.full
def test_head_ends_the_run_in_silence(kxcli, workers):
    put(kxcli, "a.npy", saved(normal(9, 60)))
    use = ("hsic", "--matrix", "edges", "--test", "none", "-j", workers, "a.npy")
    assert len(kxcli(*use).out) > 1 << 17  # more than a pipe holds
    process = subprocess.run(
        ["bash", "-c", '"$@" | head -n 1; exit ${PIPESTATUS[0]}', "-", *kxcli.command(*use)],
        cwd=kxcli.folder,
        env=kxcli.environment,
        capture_output=True,
        timeout=120,
    )
    assert (process.returncode, process.stderr, process.stdout.count(b"\n")) == (0, b"", 1)
    assert kxcli.left_behind() == []


def test_a_killed_worker_is_told(kxcli, old):  # noqa: F811
    with running(kxcli, *LONG, "-j", 2, "--retries", 0, "-o", old, long_table(kxcli)) as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        assert any(name.startswith("kxcli-") for name in kxcli.left_behind())
        os.kill(workers_of(process)[0], signal.SIGKILL)
        err = ended(process, 1)
    assert err.startswith("kxcli: error: ") and "killed by signal 9" in err and err.count("\n") == 1
    assert kxcli.left_behind() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
@pytest.mark.parametrize("to", ["the process", "the group"])
@pytest.mark.parametrize("phase", ["kernels", "permutations"])
def test_a_signal_ends_the_run_and_all_of_it(kxcli, workers, old, phase, to, number, code):  # noqa: F811
    name = long_table(kxcli, 30_000 if phase == "kernels" else 1000)
    test = ("--test", "none") if phase == "kernels" else ("--permutations", 10**6)
    with running(kxcli, *WIDE, *test, "-v", "-j", workers, "-o", old, name) as process:
        until(process, phase)
        if workers > 1:
            wait_until(lambda: len(workers_of(process)) == 2)
        (os.kill if to == "the process" else os.killpg)(process.pid, number)
        err = ended(process, code)
    assert "error" not in err
    assert kxcli.left_behind() == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_while_a_stream_is_read_ends_the_run(kxcli, number, code):
    with running(kxcli, "hsic", *XY, "-j", 2, stdin=subprocess.PIPE) as process:
        process.stdin.write(GOOD.encode() + b"1\t2\n" * 100_000)  # more than a pipe holds
        process.stdin.flush()
        os.kill(process.pid, number)
        assert ended(process, code) == ""
    assert kxcli.left_behind() == []


def test_workers_go_away_when_the_run_is_killed(kxcli):
    with running(kxcli, *LONG, "-j", 2, long_table(kxcli)) as process:
        wait_until(lambda: len(workers_of(process)) == 2)
        process.kill()
        process.wait()
        wait_until(lambda: members(process.pid) == [])
        assert process.stderr.read() == b""
