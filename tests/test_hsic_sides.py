"""The columns of `-x` and `-y`: excluded ones, and those on both sides."""

import json

import pytest
from hsic_tables import XY, call, expected, make_people, matrix, npy_bytes, tsv
from test_failures import put

BOTH = "kxcli: warning: the column {} is in both -x and -y, so a small p-value says nothing\n"


def read_json(kxcli, *arguments):
    """Return the results and the messages of a run that succeeds."""
    code, out, err = call(kxcli, "hsic", *arguments, "-f", "jsonl")
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()], err


@pytest.mark.parametrize(
    "options",
    [
        ("-x", "!label,text,z"),
        ("-x", "!3-5"),
        ("-x", "!z:text"),
        ("--exclude", "label,text,z", "-x", "x:text"),
        ("--exclude", "3,4", "-x", "!text"),
    ],
)
def test_excluded_columns_are_not_compared(kxcli, options):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    (found,), err = read_json(kxcli, *options, "-y", "z" if "--exclude" not in options else "y", "a.tsv")
    if "--exclude" in options:
        assert found == expected(matrix(table, "xy"), table["y"]) and err == BOTH.format("'y'")
    else:
        assert found == expected(matrix(table, "xy"), table["z"]) and err == ""


def test_exclusion_is_for_screen_and_matrix(kxcli):
    put(kxcli, "a.tsv", tsv(make_people()))
    for options in ("-x", "!text,label"), ("--exclude", "text,label"), ("-x", "!text", "--exclude", "label"):
        edges, _ = read_json(kxcli, "--matrix", "edges", *options, "a.tsv")
        assert [(edge["x"], edge["y"]) for edge in edges] == [("x", "y"), ("x", "z"), ("y", "z")]
        ranks, err = read_json(kxcli, "--screen", "z", *options, "a.tsv")
        assert sorted(rank["column"] for rank in ranks) == ["x", "y"] and err == ""


def test_exclusion_with_a_second_table(kxcli):
    table = make_people()
    put(kxcli, "a.npy", npy_bytes(matrix(table)))
    put(kxcli, "b.npy", npy_bytes(matrix(table)[:, ::-1]))
    (found,), err = read_json(kxcli, "--exclude", "3", "-y", "!1", "--y-file", "b.npy", "a.npy")
    assert found == expected(matrix(table, "xy"), matrix(table, "yx")) and err == ""


def test_exact_name_has_priority_over_exclusion(kxcli):
    put(kxcli, "a.tsv", tsv({"!x": range(9), "x": [i * i for i in range(9)]}))
    (found,), err = read_json(kxcli, "-x", "!x", "-y", "x", "a.tsv")
    assert found == expected(range(9), [i * i for i in range(9)]) and err == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-x", "!1-5", "-y", "x"), "-x '!1-5': no column remains."),
        (("-x", "!", "-y", "x"), "-x ''"),
        ((*XY, "--exclude", "x"), "--exclude leaves no column for -x."),
        ((*XY, "--exclude", "y"), "--exclude leaves no column for -y."),
        ((*XY, "--exclude", "z"), "--exclude z: the column 'z' is not selected."),
        (("--matrix", "edges", "--exclude", "1-4"), "at least two columns"),
        (("--screen", "x", "--exclude", "2-5"), "no other column"),
    ],
)
def test_useless_exclusion_is_a_usage_error(kxcli, options, message):
    put(kxcli, "a.tsv", tsv(make_people()))
    code, out, err = call(kxcli, "hsic", *options, "a.tsv")
    assert (code, out) == (2, "") and message in err


def test_unknown_excluded_column_is_an_error(kxcli):
    put(kxcli, "a.tsv", tsv(make_people()))
    for options in (*XY, "--exclude", "w"), ("-x", "!w", "-y", "y"):
        code, _, err = call(kxcli, "hsic", *options, "a.tsv")
        assert code == 1 and "has no column 'w'" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("-x", "x", "-y", "x"), BOTH.format("'x'")),
        (("-x", "x,y", "-y", "y"), BOTH.format("'y'")),
        (("-x", "x,y,z", "-y", "z,x"), BOTH.format("'x', 'z'").replace("column", "columns").replace(" is ", " are ")),
        (("-x", "x", "-y", "x", "--y-file", "a.tsv"), BOTH.format("'x'")),
        (("-x", "x", "-y", "x", "--y-file", "b.tsv"), ""),
        (("-x", "x", "-y", "y"), ""),
        (
            ("--screen", "x", "-x", "x,y"),
            "kxcli: warning: the column 'x' is in -x and the label of --screen, so a small p-value says nothing\n",
        ),
        (("--screen", "x", "-x", "!text,label"), ""),
    ],
)
def test_columns_on_both_sides_have_a_warning(kxcli, options, message):
    put(kxcli, "a.tsv", tsv(make_people()))
    put(kxcli, "b.tsv", tsv(make_people(seed=7)))
    assert call(kxcli, "hsic", *options, "a.tsv")[2] == message
