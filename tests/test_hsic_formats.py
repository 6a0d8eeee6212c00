"""Tables as other programs write them: delimiters, quotes, titles, row names, JSON arrays, .npz, Parquet, Arrow."""

import gzip
import io
import json
import re
import sys

import numpy as np
import pytest
from hsic_tables import XY, call, make_people, npy_bytes, tsv
from hypothesis import given
from hypothesis import strategies as st
from test_failures import put

from kxcli.corpus import lines
from kxcli.corpus.dialects import Dialect, TableLayout, parse_delimiter, unquote_cell
from kxcli.corpus.tables import arrow_files, line_batches, named_arrays

PEOPLE = make_people()
NAMES = list(PEOPLE)
ROWS = [[str(cell) for cell in row] for row in zip(*PEOPLE.values(), strict=True)]
BOTH = ("-x", "x", "-y", "label")
R_OPTIONS = ("-f", "jsonl", *BOTH)


def join(rows, delimiter="\t", end="\n"):
    return "".join(delimiter.join(row) + end for row in rows)


def quote(cell):
    return '"' + cell.replace('"', '""') + '"'


def quote_as_r(cell):
    """Return a cell as write.table of R writes it."""
    return cell if re.fullmatch(r"-?[0-9.e-]+", cell) else '"' + cell.replace('"', '\\"') + '"'


def run(kxcli, *options):
    code, out, err = call(kxcli, "hsic", "-f", "jsonl", *options)
    assert code == 0, err
    return out, err


def check_same(kxcli, name, data, *options, columns=BOTH, note=""):
    """Check that a table has the result of the plain one; return the messages."""
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    put(kxcli, name, data)
    expected = run(kxcli, *columns, "plain.tsv")[0]
    out, err = run(kxcli, *columns, *options, name)
    assert out == expected
    assert note in err and (note or not err)
    return err


# Delimiters and quotes


@pytest.mark.parametrize("delimiter", [";", "|", ":", " ", "\x1f", "¦", "；", "\t", "tab", "\\t"])
@pytest.mark.parametrize("is_quoted", [False, True])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_any_character_is_a_delimiter(kxcli, delimiter, is_quoted, name):
    rows = [[cell.replace(" ", "_") for cell in row] for row in [NAMES, *ROWS]]
    if is_quoted:
        rows = [[quote(cell) for cell in row] for row in rows]
    data = join(rows, {"tab": "\t", "\\t": "\t"}.get(delimiter, delimiter), "\r\n")
    check_same(kxcli, name, data, "--delimiter", delimiter)


def test_quoted_cells_hold_the_delimiter_and_line_ends(kxcli):
    rows = [[*row[:4], f"{row[4]};\n{row[4]}"] for row in ROWS]
    data = join([[quote(cell) for cell in row] for row in [NAMES, *rows]], ";")
    check_same(kxcli, "a.csv", data, "--delimiter", ";")


@pytest.mark.parametrize("end", ["\n", "\r\n", " \t\n"])
@pytest.mark.parametrize("start", ["", "  ", "\t "])
@pytest.mark.parametrize("quote_cell", [str, quote, quote_as_r])
def test_white_space_separates_cells(kxcli, start, end, quote_cell):
    rows = [row[:4] for row in [NAMES, *ROWS]]
    data = "".join(start + " \t  ".join(map(quote_cell, row)) + end for row in rows)
    check_same(kxcli, "a.txt", data + "\n \t\n", "--delimiter", "white")


def test_white_space_in_quotes_belongs_to_the_cell(kxcli):
    data = join([[f'"{name} of all"' for name in NAMES], *([quote_as_r(cell) for cell in row] for row in ROWS)], " ")
    columns = ("-x", "x of all", "-y", "text of all", "--kernel-y", "bow", "-t", "space")
    put(kxcli, "a.txt", data)
    put(kxcli, "b.tsv", join([[f"{name} of all" for name in NAMES], *ROWS]))
    assert run(kxcli, *columns, "--delimiter", "white", "a.txt") == run(kxcli, *columns, "b.tsv")


def test_pair_of_numbers_without_header_is_read(kxcli):
    """The form of the cause-effect pairs of Mooij et al. (2016)."""
    data = "".join(f"   {row[0]}   {row[1]} \n" for row in ROWS)
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    put(kxcli, "pair.txt", data)
    expected = run(kxcli, *XY, "plain.tsv")[0]
    assert run(kxcli, "-x", 1, "-y", 2, "--delimiter", "white", "pair.txt")[0] == expected


@pytest.mark.parametrize("delimiter", ["", "ab", "a", "1", '"', "\n", "\r", "-", ".", "好"])
def test_unusable_delimiter_is_a_usage_error(kxcli, delimiter):
    code, _, err = call(kxcli, "hsic", *XY, "--delimiter", delimiter, "a.tsv")
    assert code == 2 and "delimiter" in err


@pytest.mark.parametrize("quote_cell", [quote, quote_as_r])
def test_quoted_cells_of_tsv_are_read_without_quotes(kxcli, quote_cell):
    data = join([[quote(name) for name in NAMES], *([quote_cell(cell) for cell in row] for row in ROWS)])
    check_same(kxcli, "a.tsv", data)
    check_same(kxcli, "a.tsv", data.replace("\n", "\r\n"))


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        ('"a"', "a"),
        ('""', ""),
        ('"say ""a"""', 'say "a"'),
        (r'"say \"a\""', 'say "a"'),
        (r'"C:\"', "C:\\"),
        ('"', '"'),
        ('"""', '"""'),
        ('"a', '"a'),
        ('a"', 'a"'),
        ('"Yes," he said.', '"Yes," he said.'),
        ('"Yes" or "no"', '"Yes" or "no"'),
        (' "a"', ' "a"'),
        ("'a'", "'a'"),
    ],
)
def test_quotes_are_removed_only_around_a_whole_cell(cell, read):
    dialect = Dialect.choose("tsv", TableLayout())
    assert unquote_cell(cell) == read
    assert dialect.split_line(f"x\t{cell}\ty\r") == ["x", read, "y"]
    assert dialect.simplify(f"{cell}\t{cell}\r\n{cell}\tx\n") == (f"{read}\t{read}\n{read}\tx\n", "\t")


@given(st.lists(st.lists(st.text('"a\\ ', max_size=5), min_size=2, max_size=2), min_size=1))
def test_lines_and_blocks_of_tsv_have_the_same_cells(rows):
    dialect = Dialect.choose("tsv", TableLayout())
    text, delimiter = dialect.simplify(join(rows))
    assert [line.split(delimiter) for line in text.split("\n")[:-1]] == [
        dialect.split_line(line[:-1]) for line in join(rows).splitlines(keepends=True)
    ]


@given(st.lists(st.lists(st.sampled_from(["a", "1.5", "好", "\u3000"]), min_size=1, max_size=3)), st.data())
def test_lines_and_blocks_with_white_space_have_the_same_cells(rows, data):
    gaps = st.text(" \t", min_size=1, max_size=3)
    edge = st.text(" \t", max_size=2)
    lines = [data.draw(edge) + "".join(cell + data.draw(gaps) for cell in row) for row in rows]
    dialect = Dialect.choose("tsv", TableLayout(parse_delimiter("white")))
    text, delimiter = dialect.simplify("".join(line + "\n" for line in lines))
    assert [line.split(delimiter) for line in text.split("\n")[:-1]] == rows
    assert [dialect.split_line(line) for line in lines] == rows


def test_quoted_cells_of_tsv_with_line_ends_need_the_option(kxcli):
    rows = [[*row[:4], f"{row[4]};\n\t{row[4]}"] for row in ROWS]
    data = join([[quote(cell) for cell in row] for row in [NAMES, *rows]])
    check_same(kxcli, "a.tsv", data, "--delimiter", "tab")
    code, _, err = call(kxcli, "hsic", *BOTH, "a.tsv")
    assert code == 1 and "if quoted cells hold tabs or line ends, use --delimiter tab" in err


def test_semicolons_in_csv_are_reported_with_the_option(kxcli):
    put(kxcli, "a.csv", "x;y\n1;2\n")
    code, _, err = call(kxcli, "hsic", *XY, "a.csv")
    assert code == 1 and "use --delimiter ';'" in err


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
@pytest.mark.parametrize(("line", "delimiter"), [("sep=;", ";"), ('"sep=|"', "|"), ("SEP=,\r", ","), ("sep=\t", "\t")])
def test_sep_line_of_excel_sets_the_delimiter(kxcli, name, line, delimiter):
    data = line + "\n" + join([NAMES, *ROWS], delimiter)
    check_same(kxcli, name, data, note="sets the delimiter")


def test_delimiter_option_has_priority_over_sep_line(kxcli):
    data = "sep=,\n" + join([NAMES, *ROWS], ";")
    check_same(kxcli, "a.csv", data, "--delimiter", ";", note="is ignored, because --delimiter is given")


# Comments, titles and units


@pytest.mark.parametrize("is_quoted", [False, True])
@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.txt", " ")])
def test_comments_are_ignored(kxcli, name, delimiter, is_quoted):
    rows = [[cell.replace(" ", "_") for cell in row] for row in [NAMES, *ROWS]]
    lines = [delimiter.join([quote(cell) if is_quoted else cell for cell in row]) for row in rows]
    data = "".join(f'{line}\n#" a comment\n' for line in ["# first", *lines, "#last"])
    options = ("--delimiter", "white") if delimiter == " " else ()
    check_same(kxcli, name, data, "--comment", "#", *options)
    check_same(kxcli, name, data.replace("#", "%%"), "--comment", "%%", *options)


def test_white_space_before_a_comment_is_ignored_if_it_separates_cells(kxcli):
    lines = [" ".join(row[:4]) for row in [NAMES, *ROWS]]
    check_same(kxcli, "a.txt", "\n \t# x\n".join(lines), "--delimiter", "white", "--comment", "#")


def test_comment_prefix_within_a_quoted_cell_is_text(kxcli):
    put(kxcli, "a.csv", 'x,y\n1,"a\n#b"\n2,c\n3,c\n4,"a\n#b"\n')
    put(kxcli, "b.tsv", "x\ty\n1\tab\n2\tc\n3\tc\n4\tab\n")
    assert run(kxcli, *XY, "--comment", "#", "a.csv") == run(kxcli, *XY, "b.tsv")


def test_cells_that_begin_with_the_prefix_are_data(kxcli):
    rows = [[row[0], "#" + row[3]] for row in ROWS]
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    put(kxcli, "a.tsv", join([["x", "label"], *rows]))
    assert run(kxcli, *BOTH, "--comment", "#", "a.tsv") == run(kxcli, *BOTH, "plain.tsv")


def test_empty_comment_prefix_is_a_usage_error(kxcli):
    code, _, err = call(kxcli, "hsic", *XY, "--comment", "", "a.tsv")
    assert code == 2 and "begins every line" in err


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t")])
@pytest.mark.parametrize("title", ["Measurements, with units\n\n", '"unclosed\n', "a,b,c,d,e\nf\tg\n"])
def test_lines_before_the_header_are_skipped(kxcli, name, delimiter, title):
    data = title + join([NAMES, *ROWS], delimiter)
    check_same(kxcli, name, data, "--skip-rows", title.count("\n"))


def test_skipped_rows_count_in_the_lines_of_messages(kxcli):
    put(kxcli, "a.tsv", "A title\n\nx\ty\n1\t2\n3\n")
    assert call(kxcli, "hsic", *XY, "--skip-rows", 2, "a.tsv")[2].startswith("kxcli: error: a.tsv:5: has 1 cell")


def test_title_above_the_header_is_an_error_that_names_the_option(kxcli):
    put(kxcli, "a.tsv", "A title\n" + tsv(PEOPLE))
    code, _, err = call(kxcli, "hsic", *XY, "--on-error", "skip", "a.tsv")
    assert code == 1
    code, _, err = call(kxcli, "hsic", "-x", 1, "-y", 1, "a.tsv")
    assert code == 1 and "a.tsv:2: has 5 cells where the header has 1; " in err and "--skip-rows" in err


def test_delimiter_at_the_ends_of_lines_is_an_error_that_names_it(kxcli):
    put(kxcli, "a.csv", "x,y\n1,2,\n3,4,\n")
    code, _, err = call(kxcli, "hsic", *XY, "a.csv")
    assert code == 1 and "a.csv:2: has 3 cells where the header has 2; remove the delimiter at the end" in err


def test_every_line_skipped_is_an_error(kxcli):
    put(kxcli, "a.tsv", "x\ty\n1\t2\n")
    code, _, err = call(kxcli, "hsic", *XY, "--skip-rows", 2, "a.tsv")
    assert code == 1 and "--skip-rows" in err


# Row names


@pytest.mark.parametrize(("name", "delimiter"), [("a.csv", ","), ("a.tsv", "\t"), ("a.txt", " ")])
def test_row_names_of_r_are_a_column(kxcli, name, delimiter):
    header = [quote(name) for name in NAMES]
    rows = [[quote(f"r{n}"), *map(quote_as_r, row)] for n, row in enumerate(ROWS)]
    data = join([header, *rows], delimiter)
    options = ("--delimiter", "white") if delimiter == " " else ()
    note = "the header has a cell fewer than the rows, so the first column has the row names; it is called 'row_names'"
    check_same(kxcli, name, data, *options, note=note)
    numbers = ("-x", 2, "-y", 5)
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    assert run(kxcli, *numbers, *options, name)[0] == run(kxcli, *BOTH, "plain.tsv")[0]
    assert "n_dropped" in run(kxcli, "-x", "row_names", "-y", "label", *options, name)[0]


def test_row_names_have_a_name_of_their_own(kxcli):
    put(kxcli, "a.tsv", "row_names\ty\n" + "".join(f"{n}\t{n}\t{n * n}\n" for n in range(9)))
    assert "it is called 'row_names_'" in run(kxcli, "-x", "row_names", "-y", "y", "a.tsv")[1]


@pytest.mark.parametrize("use", [("--matrix", "edges"), ("--screen", "label"), ("--matrix", "edges", "-x", "!text,z")])
@pytest.mark.parametrize("first", [[], ['""'], [""]])
def test_row_names_are_excluded_unless_they_are_selected(kxcli, use, first):
    """The first column as write.table and write.csv of R, or to_csv of pandas, write it."""
    put(kxcli, "plain.csv", join([NAMES, *ROWS], ","))
    put(kxcli, "a.csv", join([[*first, *NAMES], *([str(n), *row] for n, row in enumerate(ROWS))], ","))
    out, err = run(kxcli, *use, "a.csv")
    assert out == run(kxcli, *use, "plain.csv")[0]
    assert f"a.csv: the column {'' if first else 'row_names'!r} has row names and is excluded; -x 1 selects it" in err
    assert run(kxcli, "-x", 1, "-y", "z", "a.csv")[0] != run(kxcli, "-x", 1, "-y", "z", "plain.csv")[0]


def test_one_longer_row_has_no_row_names(kxcli):
    put(kxcli, "a.tsv", "x\ty\n1\t2\t3\n4\t5\n6\t7\n")
    assert "a.tsv:2: has 3 cells where the header has 2; fix the record" in call(kxcli, "hsic", *XY, "a.tsv")[2]


# Objects within objects


@pytest.mark.parametrize("form", ["lines", "array"])
def test_fields_of_objects_in_objects_are_columns(kxcli, form):
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    records = [
        {"m": {"x": x}, "m.label": label, "none": {}} for x, label in zip(PEOPLE["x"], PEOPLE["label"], strict=True)
    ]
    data = json.dumps(records) if form == "array" else "".join(json.dumps(record) + "\n" for record in records)
    put(kxcli, "a.json", data)
    out = run(kxcli, "-x", "m.x", "-y", "m.label", "a.json")[0]
    assert out.replace('"m.x"', '"x"').replace('"m.label"', '"label"') == run(kxcli, *BOTH, "plain.tsv")[0]
    assert "'m.x', 'm.label', 'none'" in call(kxcli, "hsic", "-x", "m", "-y", "m.label", "a.json")[2]


def test_missing_part_of_an_object_is_a_missing_cell(kxcli):
    put(
        kxcli,
        "a.jsonl",
        "".join(f'{{"m": {{"x": {x}}}, "y": {x % 3}}}\n' for x in range(9)) + '{"m": null, "y": 1}\n{"y": 1}\n',
    )
    assert json.loads(run(kxcli, "-x", "m.x", "-y", "y", "a.jsonl")[0])["n"] == 9


# JSON arrays

RECORDS = [dict(zip(NAMES, row, strict=True)) for row in zip(*PEOPLE.values(), strict=True)]
ARRAYS = {
    "one line": json.dumps(RECORDS),
    "a line per object": "[\n" + ",\n".join(map(json.dumps, RECORDS)) + "\n]\n",
    "a comma before each object": "[" + "\n,".join(map(json.dumps, RECORDS)) + "]",
    "pretty-printed": json.dumps(RECORDS, indent=2),
    "in other characters": json.dumps(RECORDS, indent="\t", ensure_ascii=False),
    "CRLF": "\ufeff\r\n" + json.dumps(RECORDS, indent=1).replace("\n", "\r\n") + "\r\n",
}


@pytest.mark.parametrize("form", ARRAYS)
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.json.gz"])
def test_json_array_of_objects_is_a_table(kxcli, form, name):
    data = ARRAYS[form].encode()
    check_same(kxcli, name, gzip.compress(data) if name.endswith("gz") else data)


def test_json_array_is_recognized_without_a_name(kxcli):
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    check_same(kxcli, "a.txt", ARRAYS["pretty-printed"], note="a.txt: read as jsonl by its content")
    read = kxcli("hsic", "-f", "jsonl", *BOTH, stdin=ARRAYS["one line"].encode())
    assert read.text == run(kxcli, *BOTH, "plain.tsv")[0]
    assert "<stdin>: read as jsonl by its content" in read.err


@pytest.mark.parametrize("size", [1, 7, 30, 200])
def test_json_array_is_read_in_batches_of_any_size(kxcli, monkeypatch, size):
    monkeypatch.setattr(line_batches, "BATCH", size)
    monkeypatch.setattr(lines, "CHUNK", size)
    for form in ("pretty-printed", "one line", "a line per object"):
        check_same(kxcli, "a.json", ARRAYS[form])


def test_json_array_keeps_the_spelling_of_labels_and_the_lines(kxcli):
    put(kxcli, "a.json", '[\n{"x": 1.0, "y": true},\n{"x": 2, "y": null},\n\n{"x":\n"z", "y": 4}]')
    code, _, err = call(kxcli, "hsic", *XY, "--kernel-x", "linear", "a.json")
    assert code == 1 and "a.json:5: 'z' in the column 'x' is not a number" in err


@pytest.mark.parametrize(
    ("data", "place", "what"),
    [
        ('[{"x": 1, "y": 2}', ":1", "ends within a JSON array"),
        ('[\n{"x": 1, "y": 2},\n', ":2", "ends within a JSON array"),
        ('[{"x": 1, "y": 2}\n{"x": 2, "y": 3}]', ":2", "is not JSON ('{' instead of ',')"),
        ('[{"x": 1, "y": 2},\n{"x": 1, "y" 2},\n{"x": 3, "y": 4}]', ":2", "is not JSON (Expecting ':' delimiter)"),
        ('[{"x": 1, "y": 2}]\n{"x": 1, "y": 2}', ":2", "has text after the JSON array"),
        ('[{"x": 1, "y": 2},\n[1, 2]]', ":2", "is a list, not a JSON object"),
        ('[{"x": 1, "y": 2},\n{"x": [1], "y": 2}]', ":2", "has a list in the field 'x'"),
        ('[{"x": 1, "y": "\\ud800"}]', ":1", "half a surrogate pair"),
        ('[{"x": 1, "y": 2},\n]', ":2", "is not JSON (Expecting value)"),
        ("[]", "", "is empty"),
        ("[" * 100_000, ":1", ""),
    ],
)
def test_invalid_json_array_is_an_error_with_its_line(kxcli, data, place, what):
    put(kxcli, "a.json", data)
    code, _, err = call(kxcli, "hsic", *XY, "a.json")
    assert code == 1 and err.startswith(f"kxcli: error: a.json{place}: ") and what in err
    assert err.count("\n") == 1


def test_bad_elements_of_a_json_array_can_be_skipped(kxcli):
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    put(kxcli, "a.json", json.dumps([*RECORDS, 1, None, [2]]))
    out, err = run(kxcli, *BOTH, "--on-error", "skip", "a.json")
    assert out == run(kxcli, *BOTH, "plain.tsv")[0] and "3 records skipped: not a JSON object" in err


# Arrays with names

X, LABEL = np.array(PEOPLE["x"]), np.array(PEOPLE["label"])


def npz_bytes(*arrays, save=np.savez, **named):
    buffer = io.BytesIO()
    save(buffer, *arrays, **named)
    return buffer.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("label", [LABEL, LABEL.astype("S"), LABEL.astype(">U9")])
def test_named_arrays_of_npz_are_columns(kxcli, save, label):
    check_same(kxcli, "a.npz", npz_bytes(x=X, label=label, other=np.arange(len(X)), save=save))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_single_array_of_npz_is_the_table(kxcli, save, order, monkeypatch):
    array = np.asarray([PEOPLE["x"], PEOPLE["y"]], order=order).T
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    put(kxcli, "a.npz", npz_bytes(array, save=save))
    put(kxcli, "one.npz", npz_bytes(X))
    put(kxcli, "y.npy", npy_bytes(np.array(PEOPLE["y"])))
    expected = run(kxcli, *XY, "plain.tsv")[0]
    assert run(kxcli, "-x", 1, "-y", 2, "a.npz") == (expected, "")
    assert run(kxcli, "--y-file", "y.npy", "one.npz") == (expected, "")


def test_long_columns_of_npz_are_read_in_blocks(kxcli, monkeypatch):
    monkeypatch.setattr(named_arrays, "_BATCH", 100)
    check_same(kxcli, "a.npz", npz_bytes(x=X, label=LABEL))


def test_npz_may_have_thousands_of_columns(kxcli):
    put(kxcli, "a.npz", npz_bytes(**{f"x{n}": X for n in range(2_000)}, label=LABEL))
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    assert run(kxcli, "-x", "x1999", "-y", "label", "a.npz")[0] == run(kxcli, *BOTH, "plain.tsv")[0]


def test_highly_compressed_arrays_are_read(kxcli):
    zeros = np.zeros(3_000_000)
    zeros[::2] = 1
    put(kxcli, "a.npz", npz_bytes(x=zeros, y=zeros, save=np.savez_compressed))
    assert (
        '"n": 3000000' in run(kxcli, *XY, "--kernel-x", "linear", "--kernel-y", "linear", "--test", "none", "a.npz")[0]
    )


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (npz_bytes(x=np.arange(4), y=np.arange(5)), "has arrays that are not columns of one table: 'x' of shape (4,)"),
        (npz_bytes(x=np.ones((4, 2)), y=np.ones((4, 2))), "not columns of one table"),
        (npz_bytes(x=np.array([{}, 1], dtype=object)), "of Python objects, which are not read"),
        (npz_bytes(x=np.ones(3, complex)), "array of complex128, not of numbers or texts"),
        (npz_bytes(x=np.ones((2, 2, 2))), "array of shape (2, 2, 2)"),
        (npz_bytes(x=np.arange(400))[:-30], "is not a .npz file"),
        (npz_bytes(x=X, y=X).replace(X.tobytes(), X[::-1].tobytes()), "is damaged"),
        (npz_bytes(), "has no array"),
        (b"x\ty\n1\t2\n", "is not a .npz file"),
    ],
)
def test_invalid_npz_is_an_error_in_one_line(kxcli, data, what):
    put(kxcli, "a.npz", data)
    code, _, err = call(kxcli, "hsic", "-x", 1, "-y", 1, "a.npz")
    assert code == 1 and err.startswith("kxcli: error: a.npz: ") and what in err and err.count("\n") == 1


# Formats by content


@pytest.mark.parametrize("packed", [bytes, gzip.compress])
@pytest.mark.parametrize("name", ["npy", "npz"])
def test_arrays_on_stdin_are_recognized(kxcli, packed, name):
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    array = np.column_stack([PEOPLE["x"], PEOPLE["y"]])
    data = {"npy": npy_bytes(array), "npz": npz_bytes(array)}[name]
    expected = run(kxcli, *XY, "plain.tsv")[0]
    for options in ((), ("--input-format", name)):
        read = kxcli("hsic", "-f", "jsonl", "-x", 1, "-y", 2, *options, stdin=packed(data))
        assert (read.text, read.err) == (expected, "")


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.bin", "a.npz"])
def test_content_has_priority_over_the_name(kxcli, name):
    array = np.column_stack([PEOPLE["x"], PEOPLE["y"]])
    put(kxcli, "a.npy", npy_bytes(array))
    put(kxcli, name, npy_bytes(array))
    out, err = run(kxcli, "-x", 1, "-y", 2, name)
    assert out == run(kxcli, "-x", 1, "-y", 2, "a.npy")[0]
    assert f"{name}: read as npy by its content" in err


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl", "npz"])
def test_format_option_that_contradicts_the_content_is_an_error(kxcli, form):
    put(kxcli, "a", npy_bytes(X))
    code, _, err = call(kxcli, "hsic", "-x", 1, "-y", 1, "--input-format", form, "a")
    assert (code, err) == (1, "kxcli: error: a: is in the format npy; use --input-format npy\n")


def test_folder_may_have_all_formats(kxcli):
    rows = [{"x": row["x"], "label": row["label"]} for row in RECORDS]
    put(kxcli, "in/a.csv", "x,label\n" + "".join(f"{row['x']},{row['label']}\n" for row in rows))
    put(kxcli, "in/b.json", json.dumps(rows))
    put(kxcli, "in/c.npz", npz_bytes(x=X, label=LABEL))
    put(kxcli, "in/d.tsv", tsv({"x": PEOPLE["x"], "label": PEOPLE["label"]}))
    put(kxcli, "all.tsv", tsv({"x": PEOPLE["x"] * 4, "label": PEOPLE["label"] * 4}))
    assert run(kxcli, *BOTH, "-r", "in") == run(kxcli, *BOTH, "all.tsv")


@pytest.mark.parametrize("option", [("--delimiter", ";"), ("--comment", "#"), ("--skip-rows", 1)])
@pytest.mark.parametrize("form", ["jsonl", "npy", "npz", "parquet", "arrow"])
def test_options_of_delimited_tables_have_no_effect_on_others(kxcli, option, form):
    code, _, err = call(kxcli, "hsic", *XY, *option, "--input-format", form, "a")
    assert code == 2 and f"{option[0]} has no effect with --input-format" in err


# Parquet and Arrow


def write_arrow(form, table, pyarrow, **options):
    from pyarrow import feather, ipc, parquet

    buffer = io.BytesIO()
    if form == "parquet":
        parquet.write_table(table, buffer, **options)
    elif form == "feather":
        feather.write_feather(table, buffer, **options)
    else:
        make = ipc.new_file if form == "arrow" else ipc.new_stream
        with make(buffer, table.schema) as writer:
            writer.write_table(table, **options)
    return buffer.getvalue()


FORMS = {"parquet": "a.parquet", "feather": "a.feather", "arrow": "a.arrow", "stream": "a.arrows"}


@pytest.fixture
def pyarrow():
    return pytest.importorskip("pyarrow")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_arrow_formats_are_read(kxcli, pyarrow, form, packed):
    table = pyarrow.table(PEOPLE)
    name = FORMS[form] + (".gz" if packed is gzip.compress else "")
    check_same(kxcli, name, packed(write_arrow(form, table, pyarrow)))
    text = ("-x", "text", "-y", "label", "--kernel-x", "bow", "-t", "space")
    check_same(kxcli, name, packed(write_arrow(form, table, pyarrow)), columns=text)


@pytest.mark.parametrize("form", ["parquet", "feather", "arrow"])
def test_arrow_formats_on_stdin_are_recognized(kxcli, pyarrow, form):
    put(kxcli, "plain.tsv", tsv(PEOPLE))
    data = write_arrow(form, pyarrow.table(PEOPLE), pyarrow)
    read = kxcli("hsic", "-f", "jsonl", *BOTH, stdin=data)
    assert (read.text, read.err) == (run(kxcli, *BOTH, "plain.tsv")[0], "")


@pytest.mark.parametrize("form", FORMS)
def test_arrow_formats_are_read_by_batches(kxcli, pyarrow, form, monkeypatch):
    monkeypatch.setattr(arrow_files, "_MAX_CELLS", 7)
    data = write_arrow(form, pyarrow.table(PEOPLE), pyarrow)
    check_same(kxcli, FORMS[form], data)


@pytest.mark.parametrize("form", FORMS)
def test_types_of_arrow_are_numbers_and_labels(kxcli, pyarrow, form):
    n = 20
    columns = {
        "int": [None if i == 3 else i * i % 7 for i in range(n)],
        "bool": [i % 3 == 0 for i in range(n)],
        "category": pyarrow.array([f"c{i % 3}" for i in range(n)]).dictionary_encode(),
        "date": pyarrow.array([19000 + i % 5 for i in range(n)], pyarrow.date32()),
        "decimal": pyarrow.array(range(n), pyarrow.decimal128(9, 2)),
        "binary": pyarrow.array([b"ab"[i % 2 : i % 2 + 1] for i in range(n)]),
        "float32": pyarrow.array([i / 4 for i in range(n)], pyarrow.float32()),
        "null": pyarrow.nulls(n),
    }
    plain = {
        **{name: columns[name] for name in ("int",)},
        "bool": [str(one).lower() for one in columns["bool"]],
        "category": columns["category"].to_pylist(),
        "date": [f"2022-01-{8 + i % 5:02}" for i in range(n)],
        "decimal": list(range(n)),
        "binary": ["ab"[i % 2] for i in range(n)],
        "float32": [i / 4 for i in range(n)],
    }
    put(kxcli, "plain.tsv", tsv({name: ["" if c is None else c for c in cells] for name, cells in plain.items()}))
    put(kxcli, FORMS[form], write_arrow(form, pyarrow.table(columns), pyarrow))
    for pair in [("int", "bool"), ("category", "decimal"), ("date", "float32"), ("binary", "int")]:
        use = ("-x", pair[0], "-y", pair[1])
        assert run(kxcli, *use, FORMS[form])[0] == run(kxcli, *use, "plain.tsv")[0]
    assert "no row without" in call(kxcli, "hsic", "-x", "null", "-y", "int", FORMS[form])[2]


@pytest.mark.parametrize("form", FORMS)
def test_nested_columns_of_arrow_are_an_error_if_requested(kxcli, pyarrow, form):
    table = pyarrow.table({"x": [1, 2, 3, 4], "y": [4, 1, 2, 3], "v": [[1]] * 4, "s": [{"a": 1}] * 4})
    put(kxcli, FORMS[form], write_arrow(form, table, pyarrow))
    run(kxcli, *XY, FORMS[form])
    for name in "vs":
        code, _, err = call(kxcli, "hsic", "-x", "x", "-y", name, FORMS[form])
        assert code == 1 and f"in the column '{name}', not a number or a text in each row; write a column of" in err


@pytest.mark.parametrize("form", FORMS)
def test_damaged_arrow_file_is_an_error_in_one_line(kxcli, pyarrow, form):
    data = write_arrow(form, pyarrow.table(PEOPLE), pyarrow)
    for damaged in (data[:-20], data[: len(data) // 2], data[:16]):
        put(kxcli, FORMS[form], damaged)
        code, _, err = call(kxcli, "hsic", *BOTH, FORMS[form])
        assert code == 1 and err.startswith(f"kxcli: error: {FORMS[form]}: is not a valid ") and err.count("\n") == 1


def test_missing_pyarrow_is_an_error_with_the_command(kxcli, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    put(kxcli, "a.parquet", b"PAR1\x15\x04")
    code, _, err = call(kxcli, "hsic", *XY, "a.parquet")
    assert code == 1 and err.startswith("kxcli: error: reading Parquet needs an extra library; install it with: pip")


# Errors that name the cause


@pytest.mark.parametrize("use", [XY, ("--matrix", "edges"), ("--screen", "y"), (*XY, "--y-file", "a.tsv")])
def test_header_alone_is_an_error_that_says_so(kxcli, use):
    put(kxcli, "a.tsv", "x\ty\n")
    code, _, err = call(kxcli, "hsic", *use, "a.tsv")
    assert (code, err) == (1, "kxcli: error: a.tsv: has a header, but no rows; give a table with rows\n")


@pytest.mark.parametrize("use", [XY, ("--matrix", "edges"), ("--screen", "y")])
def test_row_of_units_is_an_error_that_says_so(kxcli, use):
    put(kxcli, "a.tsv", "x\ty\ncm\tkg\n1\t2\n3\t5\n4\t4\n6\t1\n")
    code, _, err = call(kxcli, "hsic", *use, "a.tsv")
    assert code == 1 and "a.tsv:2: 'cm' in the column 'x' is not a number; " in err
    assert err.endswith("if it is a row of units, delete it; if it has the columns' names, use --skip-rows 1\n")


@pytest.mark.parametrize("title", ["A title", "A title\t"])
def test_name_in_the_second_line_suggests_to_skip_the_first(kxcli, title):
    put(kxcli, "a.tsv", f"{title}\n\nx\ty\n1\t2\n3\t5\n4\t4\n6\t1\n")
    code, _, err = call(kxcli, "hsic", *XY, "a.tsv")
    assert code == 1 and err.endswith("if the columns' names are in line 3, use --skip-rows 2\n")
    run(kxcli, *XY, "--skip-rows", 2, "a.tsv")


@pytest.mark.parametrize("use", [XY, ("-x", 1, "-y", 2), ("--matrix", "edges"), ("--screen", "y")])
@pytest.mark.parametrize(
    ("name", "delimiter", "fix"),
    [
        ("a.tsv", ",", "use --input-format csv"),
        ("a.csv", "\t", "use --input-format tsv"),
        ("a.csv", ";", "use --delimiter ';'"),
        ("a.tsv", ";", "use --delimiter ';'"),
        ("a.csv", "|", "use --delimiter '|'"),
        ("a.tsv", " ", "use --delimiter white"),
        ("a.csv", "  ", "use --delimiter white"),
    ],
)
def test_single_column_suggests_the_delimiter(kxcli, use, name, delimiter, fix):
    rows = [["x", "y"], ["1", "2"], ["3", "5"], ["4", "4"], ["6", "1"], ["2", "2"]]
    put(kxcli, name, join(rows, delimiter))
    code, _, err = call(kxcli, "hsic", *use, name)
    assert code == 1 and f"{name}:1: " in err and err.endswith(f"{fix}\n")
    call(kxcli, "hsic", *use, *fix.replace("'", "").split()[1:], name)


@pytest.mark.parametrize(
    ("given", "delimiter", "fix"),
    [
        (";", ",", "--delimiter ','"),
        (",", ";", "--delimiter ';'"),
        (";", "\t", "--delimiter tab"),
        ("|", " ", "--delimiter white"),
    ],
)
@pytest.mark.parametrize("options", [(), ("--input-format", "csv")])
def test_single_column_by_a_delimiter_suggests_another(kxcli, given, delimiter, fix, options):
    put(kxcli, "a.csv", join([["x", "y"], ["1", "2"], ["3", "5"], ["4", "4"], ["6", "1"]], delimiter))
    err = call(kxcli, "hsic", *XY, *options, "--delimiter", given, "a.csv")[2]
    assert err.endswith(f"use {fix} instead of {given!r}\n")
    run(kxcli, *XY, *options, *fix.replace("'", "").split(), "a.csv")


def test_comment_above_the_header_suggests_the_option(kxcli):
    put(kxcli, "a.csv", "# of a laboratory\nx,y\n1,2\n3,5\n4,4\n6,1\n")
    code, _, err = call(kxcli, "hsic", *XY, "a.csv")
    assert code == 1 and err.endswith("if lines that begin with it are comments, use --comment '#'\n")
    run(kxcli, *XY, "--comment", "#", "a.csv")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_semicolons_and_decimal_commas_suggest_both_options(kxcli, name):
    put(kxcli, name, "x;y\n1,5;2\n2,5;4\n1;3\n4;7\n")
    err = call(kxcli, "hsic", *XY, name)[2]
    assert err.endswith("use --delimiter ';' and, if numbers have a comma, --decimal ','\n")
    run(kxcli, *XY, "--delimiter", ";", "--decimal", ",", name)


@pytest.mark.parametrize(
    ("options", "row"),
    [((), "5.1\t3.5\tsetosa"), (("--delimiter", ";", "--decimal", ","), "5,1;3,5;setosa"), ((), "2020-01-01\ta")],
)
def test_first_row_with_a_number_is_reported_if_it_is_read_as_names(kxcli, options, row):
    put(kxcli, "a.tsv", "".join(row.replace("5", str(n)) + "\n" for n in range(5, 10)))
    err = run(kxcli, "-x", 1, "-y", 2, "--test", "none", *options, "a.tsv")[1]
    assert "the first row is read as the columns' names, although" in err and "--no-header-in" in err


def test_names_that_are_numbers_suggest_the_header_option(kxcli):
    put(kxcli, "a.tsv", "1990\t2000\n1\t2\n3\t4\n5\t4\n6\t7\n")
    code, _, err = call(kxcli, "hsic", "-x", 1990, "-y", 2000, "a.tsv")
    assert code == 1 and "or use --header-in if the first row has the names" in err
    run(kxcli, "-x", 1990, "-y", 2000, "--header-in", "a.tsv")
