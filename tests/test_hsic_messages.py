"""Missing cells, warnings, and errors of `kxcli hsic`."""

import gzip
import itertools
import json
import math
import os

import numpy as np
import pytest
from hsic_columns import SPARSE_SEED, make_sparse_rows
from hsic_tables import (
    BOW_X,
    GOOD,
    NEARLY_ALL,
    XY,
    as_csv,
    as_jsonl,
    call,
    expected,
    make_people,
    make_reviews,
    matrix,
    npy_bytes,
    tsv,
)
from test_failures import put
from test_input import assert_error


def test_rows_with_missing_cells_are_dropped_with_a_note(kxcli, workers):
    table = make_people()
    table_with_holes = {name: list(column) for name, column in table.items()}
    for place, cell in enumerate(["", "NA", "nan", "NaN", " ", "-nan"]):
        table_with_holes["xy"[place % 2]][place * 3] = cell
    table_with_holes["z"][1] = "NA"  # a column that is not selected
    kept = [[v for i, v in enumerate(table[name]) if i % 3 or i > 15] for name in "xy"]
    ended = kxcli("hsic", "-j", workers, "-x", "x", "-y", "y", "-f", "jsonl", stdin=tsv(table_with_holes))
    assert json.loads(ended.text) == expected(*kept, n_dropped=6)
    assert ended.err == "kxcli: skipped 6 rows with a missing cell; used 34\n"


@pytest.mark.parametrize("form", ["tsv", "jsonl", "npy"])
def test_missing_cell_can_be_an_error(kxcli, form):
    table = make_people()
    put(kxcli, "good.tsv", tsv(table))
    table["y"][9] = {"tsv": "NA", "jsonl": None, "npy": math.nan}[form]
    put(kxcli, "a." + form, {"tsv": tsv, "jsonl": as_jsonl, "npy": lambda t: npy_bytes(matrix(t))}[form](table))
    use = ("hsic", "-x", 1, "-y", 2, "--missing", "error")
    ended = kxcli(*use, f"a.{form}", code=1)
    assert_error(ended, f"a.{form}:{11 if form == 'tsv' else 10}")
    assert "--missing drop" in ended.err
    kxcli(*use, "good.tsv")


@pytest.mark.parametrize("cell", ["3", "a"])
@pytest.mark.parametrize("side", ["x", "y"])
def test_constant_column_has_a_warning(kxcli, cell, side):
    table = {"x": range(10), "y": [i * i for i in range(10)]}
    table[side] = [cell] * 10
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "a.tsv")
    found = json.loads(ended.text)
    assert [found[key] for key in ("biased_n2", "biased_nm1", "unbiased", "p_value")] == [0, 0, 0, None]
    assert [found[key] for key in ("cka", "cka_unbiased", f"sigma_{side}")] == [None] * 3
    assert ended.err.startswith(f"kxcli: warning: {side} is constant") and ended.err.count("\n") == 1


@pytest.mark.parametrize(
    ("options", "option"),
    [
        ((*XY, "--sigma", 1), "--sigma"),
        ((*XY, "--sigma", "median"), "--sigma"),
        ((*XY, "--sigma-x", 1), "--sigma-x"),
        ((*XY, "--sigma-y", "median"), "--sigma-y"),
        (("-x", "x,z", "-y", "y", "--sigma-y", 1), "--sigma-y"),
        (("-x", "z", "-y", "y", "--sigma", 1, "--sigma-y", 1), "--sigma-y"),
        (("--screen", "y", "-x", "x", "--sigma", 1), "--sigma"),
        (("--screen", "y", "-x", "x,z", "--sigma-y", 1), "--sigma-y"),
        (("--matrix", "edges", "-x", "x,y", "--sigma", 1), "--sigma"),
        (("-x", "x,z", "-y", "y", "--sigma", 1), ""),
        (("-x", "x", "-y", "z", "--sigma", 1), ""),
        (("--screen", "y", "-x", "x,z", "--sigma-x", 1), ""),
        (("--matrix", "edges", "--sigma", 1), ""),
    ],
)
def test_bandwidth_of_labels_has_a_warning(kxcli, options, option):
    put(kxcli, "a.tsv", tsv({"x": ["a", "b"] * 8, "y": ["c", "c", "d", "d"] * 4, "z": [i * i % 7 for i in range(16)]}))
    err = call(kxcli, "hsic", *options, "--test", "none", "a.tsv")[2]
    warning = f"kxcli: warning: {option} has no effect without numbers to compare; remove it\n"
    assert err == (warning if option else "")


STRAYS = ["?", ".", "-", "na", "abc", "十", "1,5", "12%", "$12.50", "2024-01-31", "cm"]


@pytest.mark.parametrize(("stray", "use"), [*zip(STRAYS, itertools.cycle(["pair", "screen", "matrix"]), strict=False)])
def test_stray_cell_among_numbers_is_an_error(kxcli, stray, use):
    cells = [str(i * 7 % 11) for i in range(12)]
    cells[5] = stray
    put(kxcli, "a.tsv", tsv({"x": cells, "y": [i * i % 5 for i in range(12)]}))
    options = {"pair": ("-x", "x", "-y", "y"), "screen": ("--screen", "y"), "matrix": ("--matrix", "edges")}[use]
    code, out, err = call(kxcli, "hsic", *options, "-q", "a.tsv")
    assert (code, out) == (1, "")
    assert (
        err.startswith(f"kxcli: error: a.tsv:7: {stray!r} in the column 'x' is not a number; ")
        or not stray.isprintable()
    )
    assert "use --na-values " in err and "or --kernel-x delta for labels" in err
    code, out, err = call(kxcli, "hsic", *options, "--na-values", stray, "-f", "jsonl", "a.tsv")
    assert code == 0 and json.loads(out)["n"] == 11
    code, out, err = call(kxcli, "hsic", *options, "--kernel-x", "delta", "-f", "jsonl", "a.tsv")
    assert code == 0 and json.loads(out)["n"] == 12


@pytest.mark.full
def test_column_of_half_labels_is_labels(kxcli):
    cells = [f"w{i % 7}" if i < 15 else str(i % 7) for i in range(30)]
    table = {"x": cells, "y": [i * i % 5 for i in range(30)]}
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "a.tsv")
    assert json.loads(ended.text) == expected(table["x"], table["y"])
    assert ended.err == ""


@pytest.mark.parametrize(
    ("code", "form"),
    [
        *zip(
            ["NULL", "N/A", "n/a", "#N/A", "None", "null", "<NA>", "\\N"],
            itertools.cycle(["tsv", "csv", "jsonl"]),
            strict=False,
        )
    ],
)
def test_codes_of_missing_values_are_known(kxcli, form, code):
    table = make_people()
    table["y"][9] = code
    put(kxcli, f"a.{form}", {"tsv": tsv, "csv": as_csv, "jsonl": as_jsonl}[form](table))
    out = call(kxcli, "hsic", "-x", "x", "-y", "y", "-f", "jsonl", f"a.{form}")[1]
    kept = [[v for i, v in enumerate(table[name]) if i != 9] for name in "xy"]
    assert json.loads(out) == expected(*kept, n_dropped=1)


def test_text_or_label_can_be_a_missing_code(kxcli):
    table = make_people()
    table["text"][3], table["label"][5] = "None", "NULL"
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--kernel-x", "bow", "-t", "space", "a.tsv")
    out = call(kxcli, *use, "-x", "text", "-y", "label", "-f", "jsonl")[1]
    assert (json.loads(out)["n"], json.loads(out)["n_dropped"]) == (38, 2)
    assert "2 rows with a missing cell" in call(kxcli, *use, "-x", "text", "--screen", "label")[2]


def test_na_values_adds_missing_codes(kxcli):
    table = make_people()
    table["x"][3] = table["y"][3] = -9999
    table["x"][5], table["y"][6] = "-9999.0", "."
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "--na-values", "-9999", "--na-values=.", "a.tsv")
    kept = [[v for i, v in enumerate(table[name]) if i not in (3, 5, 6)] for name in "xy"]
    assert json.loads(call(kxcli, *use)[1]) == expected(*kept, n_dropped=3)


@pytest.mark.parametrize(("n_distinct", "n", "has_warning"), [(20, 20, True), (19, 19, False), (18, 20, False)])
def test_nearly_unique_labels_have_a_warning(kxcli, n_distinct, n, has_warning):
    table = {"x": [f"w{i % n_distinct}" for i in range(n)], "y": [i * i % 7 for i in range(n)]}
    for options in (), ("--kernel-x", "delta"):
        ended = kxcli("hsic", "-x", "x", "-y", "y", *options, stdin=tsv(table))
        undefined = "kxcli: warning: no two rows of x are equal for its kernel, so the test is undefined\n"
        assert ended.err == NEARLY_ALL.format("-x", "--kernel-x") * has_warning + undefined * (n_distinct == n)
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
def test_unreachable_alpha_has_a_warning(kxcli, options, least):
    alpha = options[-1] if "--alpha" in options else "0.05"
    err = kxcli("hsic", "-x", "x", "-y", "y", *options, stdin=tsv(make_people())).err
    message = f"kxcli: warning: p cannot be below {least} here, so no columns are called dependent at {alpha}; "
    assert err == ("" if least is None else message + "use more --permutations\n")


@pytest.mark.full
def test_unreachable_alpha_of_few_rows_has_a_warning(kxcli):
    use = ("hsic", "-x", "x", "-y", "y")
    few = {"x": [1, 2, 4, 9], "y": [3, 1, 5, 2]}
    assert "p cannot be below 0.042 here" in kxcli(*use, "--alpha", "0.01", stdin=tsv(few)).err
    assert kxcli(*use, stdin=tsv(few)).err == ""


@pytest.mark.parametrize(("labels", "has_warning"), [(["good", "so-so", "bad"], True), (["good", "bad"], False)])
@pytest.mark.full
def test_unreachable_q_value_has_a_warning(kxcli, labels, has_warning):
    put(kxcli, "a.tsv", tsv(make_reviews(labels)))
    use = ("hsic", "--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space", "--min-df", 1, "a.tsv")
    ended = kxcli(*use, "--permutations", 19)
    n_words = sum(row[5] != "" for row in ended.rows)  # those that are tested
    message = f"with 19 permutations and {n_words} words, q is above 0.05 for a single dependent one of the words"
    assert has_warning == any(row[5] == "0.05" and float(row[6]) > 0.05 for row in ended.rows)
    assert ended.err == f"kxcli: warning: {message}; use --permutations {20 * n_words - 1}\n" * has_warning
    assert kxcli(*use).err == kxcli(*use, "--permutations", 20 * n_words - 1).err == ""
    assert kxcli(*use, "--test", "eigen").err == ""
    fewer = ("--permutations", 19, "--p-adjust", "none")
    assert kxcli(*use, *fewer).err == ""


ONE_COLUMN = {
    "commas": ("a.tsv", "x,y\n1,2\n", "'x,y': if it is CSV, use --input-format csv"),
    "semicolons": ("a.tsv", "x;y\n1;2\n", "'x;y': if the columns are separated by semicolons, use --delimiter ';'"),
    "semicolons in CSV": (
        "a.csv",
        "x;y\n1;2\n",
        "'x;y': if the columns are separated by semicolons, use --delimiter ';'",
    ),
    "a JSON object": (
        "a.txt",
        '{"a": [1, 2],\n"b": 3}\n',
        "if it is JSON, use --input-format jsonl, an object per line",
    ),
    "JSONL": ("a.txt", '{"x": 1}\n', "if it is JSON, use --input-format jsonl, an object per line"),
}


@pytest.mark.parametrize("case", ONE_COLUMN)
def test_another_delimiter_is_reported_with_the_fix(kxcli, case):
    name, data, hint = ONE_COLUMN[case]
    put(kxcli, name, data)
    code, _, err = call(kxcli, "hsic", *XY, name)
    assert code == 1 and f"kxcli: error: {name}:1: has no column 'x'; it has one column, " in err
    assert err.endswith(f"{hint}\n")
    put(kxcli, "b.tsv", "one\n1\n")
    assert "it has 'one'" in call(kxcli, "hsic", *XY, "b.tsv")[2]
    put(kxcli, "b.tsv", "x,\ty\n1\t2\n")
    assert "it has 'x,', 'y'" in call(kxcli, "hsic", *XY, "b.tsv")[2]


@pytest.mark.full
def test_kernel_errors_name_the_side_and_file(kxcli):
    large, good = {"y": [1e200, 2e200, 0, 4e200, 5]}, {"x": [1, 2, 5, 3, 7]}
    put(kxcli, "good.tsv", tsv(good))
    put(kxcli, "large.tsv", tsv(large))
    put(kxcli, "both.tsv", tsv({**good, **large}))
    message = "the numbers are too large to be squared; divide them by a power of ten"
    ended = kxcli("hsic", "good.tsv", "--y-file", "large.tsv", code=1)
    assert ended.err == f"kxcli: error: large.tsv: -y: {message}\n"
    ended = kxcli("hsic", "large.tsv", "--y-file", "good.tsv", code=1)
    assert ended.err == f"kxcli: error: large.tsv: -x: {message}\n"
    for use in ("--matrix", "edges"), ("--screen", "x"):
        assert kxcli("hsic", *use, "both.tsv", code=1).err == f"kxcli: error: both.tsv: y: {message}\n"
    small = tsv({**good, "y": [value * 1e-300 for value in large["y"][:1]] + [1e-100, 2e-100, 3e-100, 0]})
    err = kxcli("hsic", *XY, "--kernel-y", "linear", stdin=small, code=1).err
    assert (
        err == "kxcli: error: <stdin>: -y: the numbers are too small to be squared; multiply them by a power of ten\n"
    )


@pytest.mark.full
def test_equal_sampled_rows_need_the_option_sigma(kxcli):
    values = make_sparse_rows(3)
    values[:, 2] = np.arange(len(values)) % 7
    put(kxcli, "a.npy", npy_bytes(values))
    use = ("hsic", "-y", 3, "--kernel-y", "linear", "--test", "none", "--seed", SPARSE_SEED, "a.npy")
    assert kxcli(*use, "-x", "1,2", code=1).err == (
        "kxcli: error: a.npy: -x: the 5,000 rows sampled for the median distance are all equal; set --sigma\n"
    )
    assert dict(kxcli(*use, "-x", 1).rows)["sigma_x"] == "4"
    assert dict(kxcli(*use, "-x", "1,2", "--sigma-x", 4).rows)["sigma_x"] == "4"


@pytest.mark.full
def test_quiet_silences_notes_but_not_errors(kxcli):
    table = make_people()
    table["x"][0] = "NA"
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "a.tsv")
    normal_run, quiet = kxcli(*use), kxcli(*use, "-q")
    assert normal_run.err != "" and quiet.err == "" and normal_run.out == quiet.out
    assert_error(kxcli(*use, "-q", "--missing", "error", code=1), "a.tsv:2")


@pytest.mark.full
def test_verbose_reports_phases_and_tracebacks(kxcli):
    put(kxcli, "a.tsv", tsv(make_people()))
    use = ("hsic", "-x", "x", "-y", "y", "-v", "a.tsv")
    ended = kxcli(*use)
    assert ended.out == kxcli("hsic", "-x", "x", "-y", "y", "a.tsv").out
    for what in ("kernels", "permutations"):
        assert f"] {what}\n" in ended.err
    failed = kxcli("hsic", "-x", "x", "-y", "label", "-v", "a.tsv", "--kernel-y", "gaussian", code=1)
    assert "Traceback (most recent call last)" in failed.err and "kxcli: error: a.tsv:2: " in failed.err


def test_help_at_a_terminal_and_on_request(kxcli):
    assert kxcli("hsic", "--help").text.startswith("Usage: kxcli hsic")
    ours, theirs = os.openpty()
    try:
        with kxcli.start("hsic", stdin=theirs) as process:
            out, err = process.communicate(timeout=120)
        assert (process.returncode, err) == (0, b"") and out.startswith(b"Usage: kxcli hsic")
    finally:
        os.close(ours)
        os.close(theirs)


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
    "a text instead of a number": ("x\ty\n1\t3\nb\t4\n", (*XY, "--kernel-x", "linear"), ":3", "'b'"),
    "a text in -y": ("x\ty\n1\t3\n1\tb\n", (*XY, "--kernel-y", "gaussian"), ":3", "--kernel-y delta"),
    "inf": (GOOD.replace("5", "inf"), XY, ":5", "not a finite number"),
    "-Infinity": (GOOD.replace("5", "-Infinity"), XY, ":5", "not a finite number"),
    "1e999": (GOOD.replace("5", "1e999"), XY, ":5", "not a finite number"),
    "too large": (GOOD.replace("5", "1e200"), XY, "", "too large"),
    "too small a bandwidth": (GOOD, (*XY, "--sigma", "1e-200"), "", "too small"),
    "a short row": (GOOD + "6\n", XY, ":6", "1 cell where the header has 2"),
    "a long row": (GOOD + "6\t7\t8\n", XY, ":6", "3 cells where the header has 2"),
    "bad bytes": (GOOD.encode() + b"\xff\t1\n", XY, ":6", "0xff"),
    "a binary file": (b"\x7fELF\x02\x01\x01\x00\xd0\xff" * 99, ("-x", "1", "-y", "2"), "", "looks like a binary file"),
    "zeros": (bytes(5000), ("-x", "1", "-y", "2"), ":1", "no column '2'"),
    "cut off gz": (gzip.compress(GOOD.encode())[:-9], XY, "", "compressed data"),
    "not JSON": ("{\n", (*XY, "--input-format", "jsonl"), ":1", "not JSON"),
    "no .npy": (GOOD, (*XY, "--input-format", "npy"), "", ".npy"),
    "a .npy cut off": (npy_bytes(np.ones((9, 2)))[:-3], ("--input-format", "npy", "-x", 1, "-y", 2), "", "truncated"),
    "a .npy with a tail": (npy_bytes(np.ones((9, 2))) + b"x", ("--input-format", "npy", "-x", 1, "-y", 2), "", "after"),
    "a broken .npy": (b"\x93NUMPY\x01\x00garbage", ("--input-format", "npy", "-x", 1, "-y", 2), "", "damaged"),
    "a .npy of objects": (
        npy_bytes(np.array([{}, 1, 2, 3], dtype=object), allow_pickle=True),
        ("--input-format", "npy", "-x", 1, "-y", 1),
        "",
        "object",
    ),
    "a .npy of three dimensions": (
        npy_bytes(np.ones((4, 4, 4))),
        ("--input-format", "npy", "-x", 1, "-y", 1),
        "",
        "(4, 4, 4)",
    ),
    "a .npy with inf": (
        npy_bytes(np.array([[1, np.inf]] * 4)),
        ("--input-format", "npy", "-x", 1, "-y", 2),
        ":1",
        "not a finite number",
    ),
}


@pytest.mark.parametrize("name", INPUTS)
def test_invalid_input_is_an_error_in_one_line(kxcli, name):
    data, options, place, what = INPUTS[name]
    if list(INPUTS).index(name) % 2:
        ended = kxcli("hsic", *options, put(kxcli, "a", data), code=1)
        assert_error(ended, "a" + place)
    else:
        ended = kxcli("hsic", *options, stdin=data, code=1)
        assert_error(ended, "<stdin>" + place)
    assert what in ended.err


BINARY = b"\x7fELF\x02\x01\x01\x00\xd0\xff\n" * 99


@pytest.mark.parametrize("policy", ["stop", "skip", "replace"])
@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "auto"])
def test_binary_file_is_an_error_that_says_so(kxcli, policy, form, encoding):
    for data in BINARY, gzip.compress(BINARY):
        put(kxcli, "a", data)
        options = ("--on-error", policy, "--input-format", form, "--encoding", encoding)
        code, _, err = call(kxcli, "hsic", *XY, *options, "a")
        error = "kxcli: error: a: looks like a binary file; give a table, or name the right --encoding\n"
        assert code == 1 and err.endswith(error)


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (GOOD.encode() + b"\0\xff\t1\n", ("--on-error", "skip")),  # one bad line
        (GOOD.encode("utf-16"), ("--encoding", "utf-16")),
        (GOOD.encode("utf-16-le"), ("--encoding", "utf-16-le")),
        (GOOD.replace("x", "\0\1\2\3").encode(), ("--header-in",)),
    ],
)
def test_text_with_control_characters_is_not_called_binary(kxcli, data, options):
    put(kxcli, "a", data)
    assert call(kxcli, "hsic", "-x", 1, "-y", 2, *options, "--test", "none", "a")[0] == 0


@pytest.mark.parametrize(
    ("name", "what"), [(".", "is a folder"), ("none.tsv", "No such file"), ("none.npy", "No such")]
)
@pytest.mark.parametrize("option", ["input", "--y-file"])
def test_unreadable_files_are_errors(kxcli, name, what, option):
    put(kxcli, "a.tsv", GOOD)
    use = (name,) if option == "input" else ("a.tsv", "--y-file", name)
    ended = kxcli("hsic", *XY, *use, code=1)
    assert_error(ended, name)
    assert what in ended.err


@pytest.mark.parametrize("option", ["--stopwords", "--userdict", "--dict"])
def test_unreadable_word_files_are_errors(kxcli, option):
    ended = kxcli("hsic", *XY, "--kernel-x", "bow", option, "none", stdin=GOOD, code=1)
    assert_error(ended, "none")


USAGE = [
    # options, and a part of the message
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
]


@pytest.mark.parametrize(("options", "what"), USAGE, ids=[" ".join(map(str, options)) for options, _ in USAGE])
def test_invalid_options_are_usage_errors(kxcli, options, what):
    put(kxcli, "a.tsv", GOOD)
    put(kxcli, "b", GOOD)
    put(kxcli, "d", "词\n")
    ended = kxcli("hsic", *options, "a.tsv", code=2)
    assert ended.err.startswith("kxcli: error: ") and ended.err.count("\n") == 1 and ended.out == b""
    assert what in ended.err


def test_words_of_two_columns_cannot_be_screened(kxcli):
    put(kxcli, "a.tsv", tsv(make_people()))
    code, _, err = call(kxcli, "hsic", "--screen", "label", "-x", "text,x", *BOW_X, "a.tsv")
    assert code == 2 and err == "kxcli: error: --screen takes the words of one column; select it with -x.\n"


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
