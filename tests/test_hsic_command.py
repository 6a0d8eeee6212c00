"""`kxcli hsic` over a pair of columns: inputs, kernels, tests and output."""

import csv
import gzip
import io
import json
import lzma
import math
import os
import random
from dataclasses import replace

import hsic_definition as definition
import pytest
from hsic_tables import (
    KEYS,
    NEARLY_ALL,
    REFERENCE,
    UNTESTED,
    approx_or_none,
    as_csv,
    as_jsonl,
    call,
    expect_lines,
    expected,
    hsic,
    make_people,
    matrix,
    npy_bytes,
    references,
    tsv,
)
from test_failures import OLD, old, put  # noqa: F401 -- `old` is a fixture
from test_input import BOM, assert_error

from kxcli.mining import Counting, Dictionary, Kernel, Segmentation, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.hsic import bandwidth
from kxcli.pipelines.hsic import variable_builder


@pytest.mark.parametrize("y", ["y", "z", "label", "text"])
def test_pair_is_written_as_keys_and_values(kxcli, workers, y):
    table = make_people()
    ended = kxcli("hsic", "-j", workers, "-x", "x", "-y", y, put(kxcli, "a.tsv", tsv(table)))
    assert ended.rows == expect_lines(expected(table["x"], table[y]))
    undefined = "kxcli: warning: no two rows of y are equal for its kernel, so the test is undefined\n"
    assert ended.err == (NEARLY_ALL.format("-y", "--kernel-y") + undefined if y == "text" else "")


@pytest.mark.full
def test_written_numbers_are_read_back_exactly(kxcli):
    table = make_people()
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
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "-x", "x", "-y", "label", "-f", "jsonl", "a.tsv")
    assert ended.text.count("\n") == 1
    found = json.loads(ended.text)
    assert list(found) == KEYS
    assert {key: type(value) for key, value in found.items() if not isinstance(value, float)} == {
        **{"n": int, "n_dropped": int, "kernel_x": str, "kernel_y": str, "sigma_y": type(None)},
        **{"test": str, "draws": int, "n_bandwidths": int, "dependent": bool},
    }


@pytest.mark.full
def test_missing_results_are_null_or_empty(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "x", "-y", "label", "--test", "none", "a.tsv")
    missing = ["sigma_y", "draws", "n_bandwidths", "p_value", "dependent"]
    assert [key for key, value in found.items() if value is None] == missing
    printed = dict(kxcli("hsic", "-x", "x", "-y", "label", "--test", "none", "a.tsv").rows)
    assert (printed["sigma_y"], printed["p_value"], printed["dependent"]) == ("", "", "")


@pytest.mark.full
def test_headers_of_formats(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "a.tsv")
    bare, headed = kxcli(*use).text, kxcli(*use, "--header").text
    assert headed == "key\tvalue\n" + bare
    comma, without = kxcli(*use, "-f", "csv").text, kxcli(*use, "-f", "csv", "--no-header").text
    assert comma == "key,value\n" + without
    assert list(csv.reader(io.StringIO(without))) == [line.split("\t") for line in bare.splitlines()]
    assert "dependent,yes (at 0.05)\n" in without


def test_output_goes_to_a_file(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-x", "x", "-y", "y", "a.tsv")
    bare = kxcli(*use).out
    put(kxcli, "out.tsv", OLD)
    assert kxcli(*use, "-o", "out.tsv").out == b""
    assert (kxcli.folder / "out.tsv").read_bytes() == bare
    assert sorted(os.listdir(kxcli.folder)) == [".cache", "a.tsv", "out.tsv", "tmp"]


def test_failed_run_keeps_the_old_output(kxcli, old):  # noqa: F811
    put(kxcli, "a.tsv", "x\ty\n1\t2\n")
    assert_error(kxcli("hsic", "-x", "x", "-y", "y", "-o", old, "a.tsv", code=1), "a.tsv")


KERNELS = {"bag_of_words": "bow", "char_ngram_spectrum": "ngram:3"}


def reference_name(case):
    if case is None:
        return "none"
    kernels = (f"{k['kernel']}{k.get('bandwidth', '')}{k.get('cosine_normalised', '')}" for k in map(case.get, SIDES))
    return "-".join([case["data"], case["x_columns"][-1], case["y_columns"][-1], *kernels])


SIDES = ("kernel_x", "kernel_y")


def reference_options(case):
    """Return the options of a reference case."""
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


def bound_kernel(case, which):
    """Return a bound of |k| of a side: 1, but for inner products."""
    kernel = case[f"kernel_{which}"]
    if kernel["kernel"] in ("gaussian", "delta") or kernel.get("cosine_normalised"):
        return 1
    header, *lines = (line.split("\t") for line in (REFERENCE / case["data"]).read_text("utf-8").splitlines())
    cells = [[line[header.index(name)] for name in case[f"{which}_columns"]] for line in lines]
    if kernel["kernel"] == "linear":
        return max(sum(float(cell or 0) ** 2 for cell in line if cell not in ("NA", "nan")) for line in cells)
    cut = str.split if kernel["kernel"] == "bag_of_words" else lambda text: definition.ngrams(text, kernel["n"])
    return max(sum(n * n for n in definition.bag(cut(line[0])).values()) for line in cells)


# The estimates of all cases are tested in test_hsic_estimators.py; a sample of them is enough for the options.
@pytest.mark.parametrize("case", references()[::6] or [None], ids=reference_name)
def test_reference_values_are_reproduced_by_the_command(kxcli, case):
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
            assert found[key] == approx_or_none(case[key], 1e-9), key
        scale = bound_kernel(case, "x") * bound_kernel(case, "y")
        assert found["unbiased"] == pytest.approx(case["unbiased"], rel=0, abs=1e-12 * scale)
        for side in "xy":
            assert found[f"sigma_{side}"] == approx_or_none(case[f"kernel_{side}"].get("sigma"), 1e-12)
    if is_tested and case.get("degenerate"):
        assert (found["p_value"], found["dependent"]) == (None, "undefined")
    elif is_tested:
        least, most = case["perm"].get("p_accept_range_1000", (1, 1))
        assert least <= found["p_value"] <= most


@pytest.mark.full
def test_columns_by_name_number_and_range(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    found = expected(matrix(table), table["label"], testing=UNTESTED)
    for x in ("x,y,z", "1,2,3", "x:z", "x-z", "1-3", "1:3", "x,2:3", " x, y ,z"):
        assert hsic(kxcli, "--test", "none", "-x", x, "-y", "label", "a.tsv") == found, x
    assert hsic(kxcli, "--test", "none", "-x", "1-3", "-y", "4", "a.tsv") == found


@pytest.mark.parametrize("name", ["1-3", "x:z", "x,y", "2", "x-z"])
def test_name_like_a_range_is_a_column(kxcli, name):
    table = make_people()
    table[name] = table.pop("text")
    put(kxcli, "a.tsv", tsv(table))
    assert hsic(kxcli, "-x", name, "-y", "x", "a.tsv") == expected(table[name], table["x"])


def test_one_column_on_both_sides(kxcli):
    table = make_people()
    found = hsic(kxcli, "-x", "x", "-y", "x", stdin=tsv(table))
    assert found == expected(table["x"], table["x"]) and found["cka"] == 1


@pytest.mark.parametrize("form", ["tsv", "npy", "csv.gz"])
def test_y_file_has_the_second_column(kxcli, workers, form):
    table = make_people()
    put(kxcli, "x.tsv", tsv({"x": table["x"], "other": table["label"]}))
    only = {name: table[name] for name in ("y", "z")}
    data = {"tsv": tsv(only), "npy": npy_bytes(matrix(table, "yz")), "csv.gz": gzip.compress(as_csv(only).encode())}[
        form
    ]
    put(kxcli, f"y.{form}", data)
    found = hsic(kxcli, "-j", workers, "-x", "x", "-y", "2", "x.tsv", "--y-file", f"y.{form}")
    assert found == expected(table["x"], table["z"])


@pytest.mark.full
def test_y_file_selects_all_columns_by_default(kxcli):
    table = make_people()
    put(kxcli, "x.tsv", tsv({name: table[name] for name in "xz"}))
    put(kxcli, "y.npy", npy_bytes(matrix(table, "y")))
    use = ("--y-file", "y.npy", "x.tsv")
    found = expected(matrix(table, "xz"), table["y"])
    assert hsic(kxcli, *use) == hsic(kxcli, "-x", "x,z", "-y", 1, *use) == found
    assert hsic(kxcli, "-x", "z", *use) == expected(table["z"], table["y"])


def test_unknown_column_of_y_file_is_an_error(kxcli):
    put(kxcli, "x.tsv", tsv(make_people()))
    put(kxcli, "y.tsv", "a\tb\n")
    ended = kxcli("hsic", "-x", "x", "-y", "z", "--y-file", "y.tsv", "x.tsv", code=1)
    assert_error(ended, "y.tsv:1")
    assert "'z'" in ended.err and "'a', 'b'" in ended.err and "-y" in ended.err


def test_y_file_of_another_length_is_an_error(kxcli):
    put(kxcli, "x.tsv", tsv(make_people(40)))
    put(kxcli, "y.tsv", tsv(make_people(39)))
    ended = kxcli("hsic", "-x", "x", "-y", "y", "--y-file", "y.tsv", "x.tsv", code=1)
    assert_error(ended, "y.tsv")
    assert "39 rows" in ended.err and "x.tsv has 40" in ended.err


def test_missing_row_is_dropped_from_both_files(kxcli):
    table = make_people()
    x, y = ({name: list(table[name])} for name in "xy")
    x["x"][3], y["y"][3], y["y"][5] = "NA", "", "nan"
    put(kxcli, "x.tsv", tsv(x))
    put(kxcli, "y.tsv", tsv(y))
    kept = [i for i in range(40) if i not in (3, 5)]
    found = expected(*([table[name][i] for i in kept] for name in "xy"), n_dropped=2)
    assert hsic(kxcli, "--y-file", "y.tsv", "x.tsv") == found


def test_several_inputs_are_one_table(kxcli):
    table = make_people(90)
    parts = [{name: column[i : i + 30] for name, column in table.items()} for i in (0, 30, 60)]
    put(kxcli, "1.tsv", tsv(parts[0]))
    put(kxcli, "2.csv", as_csv(parts[1]))
    put(kxcli, "3.jsonl", as_jsonl(parts[2]))
    put(kxcli, "names", "1.tsv\n2.csv\n3.jsonl\n")
    found = expected(matrix(table, "xz"), table["y"])
    use = ("-x", "x,z", "-y", "y")
    assert hsic(kxcli, *use, "1.tsv", "2.csv", "3.jsonl") == hsic(kxcli, *use, "--files-from", "names") == found
    assert hsic(kxcli, *use, "-", "2.csv", "3.jsonl", stdin=tsv(parts[0])) == found


def test_tables_with_other_columns_are_an_error(kxcli):
    put(kxcli, "1.tsv", "x\ty\n1\t2\n")
    put(kxcli, "2.tsv", "x\tz\n1\t2\n")
    assert_error(kxcli("hsic", "-x", "x", "-y", "y", "1.tsv", "2.tsv", code=1), "2.tsv:1")


PACKED = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}


@pytest.mark.parametrize(("packed", "way"), [("", "file"), ("", "stdin"), (".gz", "file"), (".xz", "stdin")])
def test_compressed_tables_and_streams_are_read(kxcli, workers, packed, way):
    table = make_people()
    data = PACKED[packed](tsv(table).encode())
    use = ("-j", workers, "-x", "x", "-y", "y")
    given, stdin = ((put(kxcli, f"a.tsv{packed}", data),), b"") if way == "file" else ((), data)
    found = hsic(kxcli, *use, *given, stdin=stdin)
    assert found == expected(table["x"], table["y"])


@pytest.mark.parametrize(
    ("form", "way"),
    [("csv", "name"), ("jsonl", "name"), ("npy", "name"), ("csv", "option"), ("jsonl", "stdin"), ("npy", "stdin")],
)
def test_four_table_formats_are_read(kxcli, form, way):
    table = make_people()
    data = {"csv": as_csv(table), "jsonl": as_jsonl(table), "npy": npy_bytes(matrix(table))}[form]
    put(kxcli, f"a.{form}", data)
    put(kxcli, "a", data)
    use = ("-x", "1,3", "-y", "2")
    given = {"name": (f"a.{form}",), "option": ("--input-format", form, "a"), "stdin": ("--input-format", form)}[way]
    found = hsic(kxcli, *use, *given, stdin=data if way == "stdin" else b"")
    assert found == expected(matrix(table, "xz"), table["y"])


def test_quoted_csv_cells_are_read(kxcli):
    texts = [f'say "{i % 3}",\nor\tnot' for i in range(12)]
    table = {'a "name"': texts, "y": [(i * 7) % 12 for i in range(12)]}
    found = hsic(kxcli, "-x", 'a "name"', "-y", "y", put(kxcli, "a.csv", as_csv(table)))
    assert found == expected(texts, table["y"])


def test_header_is_detected(kxcli):
    table = {name: make_people()[name] for name in "xy"}
    found = expected(table["x"], table["y"])
    assert hsic(kxcli, "-x", 1, "-y", 2, stdin=tsv(table)) == found
    assert hsic(kxcli, "-x", 1, "-y", 2, stdin=tsv(table, header=False)) == found


@pytest.mark.full
def test_header_of_numbers_needs_an_option(kxcli):
    table = {"2024": make_people()["x"], "2025": make_people()["y"]}
    assert hsic(kxcli, "--header-in", "-x", "2025", "-y", "2024", stdin=tsv(table)) == expected(
        table["2025"], table["2024"]
    )
    assert hsic(kxcli, "-x", 2, "-y", 1, stdin=tsv(table)) == expected(
        [2025, *table["2025"]], [2024, *table["2024"]]
    )  # it is a row


@pytest.mark.full
def test_first_row_of_texts_without_header(kxcli):
    table = {name: make_people()[name] for name in ("label", "text")}
    found = hsic(kxcli, "--no-header-in", "-x", 1, "-y", 2, stdin=tsv(table, header=False))
    assert found == expected(table["label"], table["text"])
    assert hsic(kxcli, "-x", 1, "-y", 2, stdin=tsv(table, header=False))["n"] == 39


def test_byte_order_mark_is_not_part_of_a_name(kxcli):
    table = make_people()
    assert hsic(kxcli, "-x", "x", "-y", "y", stdin=BOM + tsv(table)) == expected(table["x"], table["y"])


@pytest.mark.full
def test_gb18030_is_read(kxcli):
    table = {"词": [f"我们{'大人天'[i % 3]}" for i in range(30)], "标签": [f"不是{i % 7 % 2}" for i in range(30)]}
    put(kxcli, "a.tsv", tsv(table).encode("gb18030"))
    use = ("hsic", "-f", "jsonl", "-x", "词", "-y", "标签", "a.tsv")
    named = kxcli(*use, "--encoding", "gb18030")
    auto = kxcli(*use, "--encoding", "auto")
    assert json.loads(named.text) == json.loads(auto.text) == expected(table["词"], table["标签"])
    assert named.err == "" and auto.err.startswith("kxcli: a.tsv: ") and "GB18030" in auto.err.upper()
    ended = kxcli(*use, code=1)
    assert_error(ended, "a.tsv:1")
    assert "--encoding" in ended.err


def test_bad_record_can_be_skipped(kxcli):
    table = make_people()
    bad = tsv(table).splitlines(keepends=True)
    bad.insert(5, "1\t2\n")
    put(kxcli, "a.tsv", "".join(bad))
    assert_error(kxcli("hsic", "-x", "x", "-y", "y", "a.tsv", code=1), "a.tsv:6")
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", "--on-error", "skip", "a.tsv")
    assert json.loads(ended.text) == expected(table["x"], table["y"])
    assert ended.err.startswith("kxcli: warning: 1 ") and "a.tsv:6" in ended.err and ended.err.count("\n") == 1


def test_default_kernel_depends_on_the_cells(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))

    def kernels(x, y):
        found = hsic(kxcli, "-x", x, "-y", y, "--test", "none", "a.tsv")
        return found["kernel_x"], found["kernel_y"], found["sigma_x"] is None, found["sigma_y"] is None

    assert kernels("x", "label") == ("gaussian", "delta", False, True)
    assert kernels("text", "x,y") == ("delta", "gaussian", True, False)
    assert kernels("x,label", "z") == ("gaussian*delta", "gaussian", False, False)
    found = hsic(kxcli, "-x", "x,label", "-y", "x", "--kernel-x", "delta", "--test", "none", "a.tsv")
    assert found["kernel_x"] == "delta"


@pytest.mark.full
def test_several_label_columns_are_one_variable(kxcli):
    table = make_people()
    table["both"] = [f"{a}-{b}" for a, b in zip(table["label"], table["text"], strict=True)]
    put(kxcli, "a.tsv", tsv(table))
    assert hsic(kxcli, "-x", "label,text", "-y", "y", "a.tsv") == hsic(kxcli, "-x", "both", "-y", "y", "a.tsv")


@pytest.mark.full
def test_text_after_a_thousand_numbers_is_an_error(kxcli):
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
def test_numbers_with_the_delta_kernel(kxcli):
    table = {"x": [i * i % 5 for i in range(30)], "y": [i * i % 7 for i in range(30)]}
    put(kxcli, "a.tsv", tsv(table))
    put(kxcli, "a.npy", npy_bytes(matrix(table, "xy").astype(int)))
    found = expected(*([str(value) for value in table[name]] for name in "xy"))
    use = ("-x", 1, "-y", 2, "--kernel-x", "delta", "--kernel-y", "delta")
    assert hsic(kxcli, *use, "a.tsv") == hsic(kxcli, *use, "a.npy") == found


@pytest.mark.parametrize("kernel", ["gaussian", "laplace", "linear"])
def test_kernels_of_numbers(kxcli, kernel):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "x,z", "-y", "label", "--kernel-x", kernel, "a.tsv")
    assert found == expected(matrix(table, "xz"), table["label"], kernel)
    k = {
        "gaussian": lambda values: definition.gaussian(values, found["sigma_x"]),
        "laplace": lambda values: definition.laplace(values, found["sigma_x"]),
        "linear": definition.linear,
    }[kernel](matrix(table, "xz"))
    assert found["biased_n2"] == pytest.approx(definition.biased_n2(k, definition.delta(table["label"])), rel=1e-9)


@pytest.mark.parametrize(
    ("options", "sigmas"),
    [
        ((), (None, None)),
        (("--sigma", "auto"), (None, None)),
        (("--sigma", "median"), ("median", "median")),
        (("--sigma", "0.5"), (0.5, 0.5)),
        (("--sigma", "1e1"), (10, 10)),
        (("--sigma-x", "0.5"), (0.5, None)),
        (("--sigma-y", "2"), (None, 2)),
        (("--sigma", "3", "--sigma-y", "2"), (3, 2)),
        (("--sigma", "3", "--sigma-x", "median"), ("median", 3)),
        (("--sigma", "median", "--sigma-y", "auto"), ("median", None)),
    ],
)
def test_bandwidth_options(kxcli, options, sigmas):
    table = make_people()
    found = hsic(kxcli, "-x", "x", "-y", "y", *options, stdin=tsv(table))
    kernels = [Kernel("gaussian", sigma) for sigma in sigmas]
    assert found == expected(table["x"], table["y"], *kernels)
    medians = [definition.compute_median_distance(table[name]) for name in "xy"]
    for side, sigma, median in zip("xy", sigmas, medians, strict=True):
        assert found[f"sigma_{side}"] == (sigma if isinstance(sigma, float | int) else pytest.approx(median, rel=1e-12))


@pytest.mark.full
def test_sampled_bandwidth_is_noted_and_depends_on_the_seed(kxcli, monkeypatch):
    for module in (bandwidth, variable_builder):
        monkeypatch.setattr(module, "MAX_EXACT_ROWS", 1_000)
    draw = random.Random(4)
    table = {name: [draw.gauss(0, 1) for _ in range(1_001)] for name in "xz"}
    table["y"] = [draw.choice("ab") for _ in range(1_001)]
    put(kxcli, "a.tsv", tsv(table))
    assert kxcli("hsic", "-x", "x", "-y", "y", "--test", "none", "a.tsv").err == ""
    use = ("hsic", "-x", "x,z", "-y", "y", "--test", "none", "a.tsv")
    runs = [kxcli(*use, "--seed", seed) for seed in (0, 1, 1)]
    assert runs[0].out != runs[1].out == runs[2].out
    assert all("1,000 of 1,001 rows" in ended.err and "-x" in ended.err for ended in runs)
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
def test_word_options_match_counting(kxcli, name):
    options, counting = BOW[name]
    put(kxcli, "words", "今天 9 n\n天气 9 n\n好吃 9 n\n")
    put(kxcli, "user", "今天天气 99999\n")
    put(kxcli, "stop", "the\n好吃\n")
    table = make_people()
    table["text"] = [text + " COFFEE ｘ1" * (i % 3) for i, text in enumerate(table["text"])]
    put(kxcli, "a.tsv", tsv(table))
    found = hsic(kxcli, "-x", "text", "-y", "label", "--kernel-x", "bow", *options, "a.tsv")
    assert found == expected(table["text"], table["label"], "bow", counting=counting)
    assert found["kernel_x"] == "bow" and found["sigma_x"] is None


def test_word_options_have_an_effect(kxcli):
    """The values that the test above compares differ."""
    table = make_people()
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
    table = make_people()
    options = ("--kernel-x", kernel, *["--cosine"] * cosine, *["-t", "space"] * (kernel == "bow"))
    found = hsic(kxcli, "-x", "text", "-y", "x", *options, stdin=tsv(table))
    counting = Counting(Segmentation("space"))
    assert found == expected(table["text"], table["x"], replace(Kernel.parse(kernel), cosine=cosine), counting=counting)
    assert found["kernel_x"] == kernel + "+cosine" * cosine
    n = int(kernel.removeprefix("ngram:")) if kernel != "bow" else 0
    terms = [definition.ngrams(t, n) if n else definition.bag(w for w in t.split() if w != "，") for t in table["text"]]
    k = definition.of_counts(terms, cosine=cosine)
    assert found["biased_n2"] == pytest.approx(
        definition.biased_n2(k, definition.gaussian(table["x"], found["sigma_y"])), rel=1e-9
    )


def test_different_text_kernels_on_each_side(kxcli):
    table = make_people()
    table["other"] = [text[::-1] for text in table["text"]]
    use = ("-x", "text", "-y", "other", "--kernel-x", "bow", "--kernel-y", "ngram:2", "-t", "space", "--cosine")
    counting = Counting(Segmentation("space"))
    kernels = Kernel("bow", cosine=True), Kernel("ngram", n=2, cosine=True)
    assert hsic(kxcli, *use, stdin=tsv(table)) == expected(table["text"], table["other"], *kernels, counting=counting)


@pytest.mark.parametrize("kernel", ["bow", "ngram:2"])
def test_several_text_columns_are_an_error(kxcli, kernel):
    table = make_people()
    table["other"] = [text[::-1] for text in table["text"]]
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "-y", "x", "--kernel-x", kernel, *["-t", "space"] * (kernel == "bow"), "--test", "none", "a.tsv")
    process = kxcli.start(*use, "-x", "text,other")
    out, err = process.communicate(timeout=120)
    if process.returncode:  # it may refuse them, but not leave one out
        assert process.returncode in (1, 2) and err.startswith(b"kxcli: error: ") and err.count(b"\n") == 1
    else:
        assert out != kxcli(*use, "-x", "text").out


def test_permutations_depend_on_seed_and_number(kxcli, workers):
    table = make_people(20)
    k, l = (definition.gaussian(table[name], definition.compute_median_distance(table[name])) for name in "xz")  # noqa: E741
    use = ("-j", workers, "-x", "x", "-y", "z", "--test", "permutation", "--sigma", "median")
    for seed, permutations in (0, 200), (7, 99):
        found = hsic(kxcli, *use, "--seed", seed, "--permutations", permutations, stdin=tsv(table))
        assert found["p_value"] == definition.drawn_p(k, l, seed, permutations)
        assert found["test"] == "permutation"


@pytest.mark.full
def test_p_value_depends_on_the_seed_only(kxcli):
    put(kxcli, "a.tsv", tsv(make_people()))
    use = ("hsic", "-x", "x", "-y", "z", "a.tsv")
    several = [kxcli(*use, "--seed", seed).out for seed in (0, 1, 2, 3)]
    assert len(set(several)) > 1
    assert kxcli(*use).out == several[0] and kxcli(*use, "--seed", 3).out == several[3]
    without = [b"".join(line for line in out.splitlines() if not line.startswith(b"p_value")) for out in several]
    assert len(set(without)) == 1


@pytest.mark.parametrize(("test", "name"), [("auto", "permutation"), *[(t, t) for t in ("eigen", "gamma", "none")]])
def test_every_test_matches_the_package(kxcli, test, name):
    table = make_people()
    found = hsic(kxcli, "-x", "x,z", "-y", "label", "--test", test, "--seed", 5, stdin=tsv(table))
    assert found == expected(matrix(table, "xz"), table["label"], testing=HsicTest(test, seed=5))
    assert found["test"] == name
    assert (found["p_value"] is None) == (found["dependent"] is None) == (test == "none")


@pytest.mark.full
def test_five_rows_are_tested_by_all_permutations(kxcli):
    table = {"x": [1.0, 2.5, 2.0, 7.0, 4.0], "y": ["a", "b", "b", "c", "a"]}
    k, l = definition.gaussian(table["x"], definition.compute_median_distance(table["x"])), definition.delta(table["y"])  # noqa: E741
    exact = definition.exact_p(k, l)
    assert 0 < exact < 1
    for options in (), ("--seed", 9), ("--permutations", 1):
        found = hsic(kxcli, "-x", "x", "-y", "y", "--sigma", "median", *options, stdin=tsv(table))
        assert found["p_value"] == exact and found["n"] == 5


@pytest.mark.full
def test_alpha_is_the_limit_of_the_verdict_of_the_command(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    p = hsic(kxcli, "-x", "x", "-y", "z", "a.tsv")["p_value"]
    assert 0.05 < p < 0.98
    for alpha, word in ((repr(p), "yes"), (repr(math.nextafter(p, 0)), "no")):
        ended = kxcli("hsic", "-x", "x", "-y", "z", "--alpha", alpha, "a.tsv")
        assert ended.rows[-1] == ["dependent", f"{word} (at {alpha})"]
    assert hsic(kxcli, "-x", "x", "-y", "z", "--alpha", "0.99", "a.tsv")["dependent"] is True


@pytest.mark.parametrize(("y", "options", "code"), [("y", (), 0), ("z", (), 3), ("z", ("--alpha", "0.99"), 0)])
@pytest.mark.full
def test_exit_code_reports_dependence(kxcli, y, options, code):
    put(kxcli, "a.tsv", tsv(make_people()))
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
    "a large bandwidth": (range(8), ("--sigma-y", "1e160"), "does not vary beyond rounding"),
    "eigen": (list("abcdefgh"), ("--test", "eigen"), "no two rows of y are equal"),
    "gamma": (list("abcdefgh"), ("--test", "gamma"), "no two rows of y are equal"),
}


@pytest.mark.parametrize("case", UNDEFINED)
def test_undefined_test_has_no_p_value_and_a_warning(kxcli, case):
    cells, options, why = UNDEFINED[case]
    put(kxcli, "a.tsv", tsv({"x": [0, 1, 5, 3, 8, 2, 9, 4], "y": cells}))
    use = ("hsic", "-x", "x", "-y", "y", *options, "a.tsv")
    code, out, err = call(kxcli, *use)
    found = dict(line.split("\t") for line in out.splitlines())
    assert (code, found["p_value"], found["dependent"]) == (0, "", "undefined")
    assert err.startswith("kxcli: warning: ") and why in err and err.count("\n") == 1
    code, out, err = call(kxcli, *use, "-f", "csv", "-q")
    assert (code, out.splitlines()[-2:], err) == (0, ["p_value,", "dependent,undefined"], "")
    code, out, err = call(kxcli, *use, "-f", "jsonl", "--exit-code", "-q")
    found = json.loads(out)
    assert (code, found["p_value"], found["dependent"]) == (1, None, "undefined")
    assert err.startswith("kxcli: error: a.tsv: the test for --exit-code is undefined; ") and why in err
    code, out, err = call(kxcli, "hsic", "-x", "y", "-y", "x", *[o.replace("-y", "-x") for o in options], "a.tsv")
    assert (code, out.splitlines()[-1]) == (0, "dependent\tundefined")


def test_pair_of_too_few_rows_is_an_error(kxcli):
    put(kxcli, "a.tsv", "x\ty\n1\t2\n2\tNA\n3\t4\n4\t4\n")
    code, out, err = call(kxcli, "hsic", "-x", "x", "-y", "y", "-q", "a.tsv")
    assert (code, out, err) == (1, "", "kxcli: error: a.tsv: too few rows: 3; HSIC needs at least 4\n")


@pytest.mark.full
def test_rare_flags_of_many_rows_have_the_p_value_of_all_permutations(kxcli):
    """One row has both flags, 21 and 27 of 25,000 rows have one; Fisher's exact test has 0.022."""
    flags = {"x": [int(i < 27) for i in range(25_000)], "y": [int(26 <= i < 47) for i in range(25_000)]}
    found = hsic(kxcli, "-x", "x", "-y", "y", stdin=tsv(flags))
    assert found["p_value"] == pytest.approx(1 - math.comb(24_973, 21) / math.comb(25_000, 21), rel=1e-9)
    assert (found["test"], found["draws"], found["dependent"]) == ("permutation", None, True)
    labels = hsic(kxcli, "-x", "x", "-y", "y", "--kernel-x", "delta", stdin=tsv(flags))
    assert labels["p_value"] == pytest.approx(found["p_value"], rel=1e-12)


@pytest.mark.full
def test_many_rows_are_tested_by_eigen_with_a_note(kxcli):
    draw = random.Random(5)
    table = {name: [round(draw.gauss(0, 1), 4) for _ in range(300_000)] for name in "xy"}
    ended = kxcli("hsic", "-x", "x", "-y", "y", "-f", "jsonl", stdin=tsv(table))
    assert json.loads(ended.text)["test"] == "eigen"
    assert "the test is eigen, because permutations would take long" in ended.err
