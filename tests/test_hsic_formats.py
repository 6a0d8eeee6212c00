"""Tables as other programs write them: delimiters, quotes, titles, row names, JSON arrays, .npz, Parquet, Arrow."""

import re

import pytest
from hsic_tables import XY, call, make_people, tsv
from hypothesis import given
from hypothesis import strategies as st
from test_failures import put

from kxcli.corpus.tables.dialects import Dialect, TableLayout, parse_delimiter, unquote_cell

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


def test_one_longer_row_has_no_row_names(kxcli):
    put(kxcli, "a.tsv", "x\ty\n1\t2\t3\n4\t5\n6\t7\n")
    assert "a.tsv:2: has 3 cells where the header has 2; fix the record" in call(kxcli, "hsic", *XY, "a.tsv")[2]
