"""Values of cells as `kxcli hsic` reads them: formats of numbers, dates, codes, large integers."""

import json
import math
from datetime import UTC, datetime

import numpy as np
import pytest
from hsic_tables import XY, approx_or_none, as_jsonl, call, expected, make_people, matrix, npy_bytes, tsv
from hypothesis import given
from hypothesis import strategies as st
from test_failures import put

from kxcli.corpus.tables.cells import MissingCodes
from kxcli.corpus.tables.column_types import NumberType, convert_cells
from kxcli.corpus.tables.number_formats import NumberFormat, parse_date


def read_json(kxcli, *arguments):
    """Return the result and the messages of a run that succeeds."""
    code, out, err = call(kxcli, "hsic", *arguments, "-f", "jsonl")
    assert code == 0, err
    return json.loads(out), err


def write_numbers(numbers, form):
    """Return numbers as cells of a table from a spreadsheet."""
    return [form.format(number) for number in numbers]


@pytest.mark.parametrize(
    ("form", "note"),
    [
        ("{:.2f}%", "numbers, without %"),
        ("${:.2f}", "numbers, without $"),
        ("{:.4e}", ""),
    ],
)
def test_formatted_numbers_are_numbers(kxcli, form, note):
    table = make_people()
    x = write_numbers(table["x"], form)
    put(kxcli, "a.tsv", tsv({"x": x, "y": table["y"]}))
    values = [float(cell.strip("%$").replace("$", "")) for cell in x]
    found, err = read_json(kxcli, *XY, "a.tsv")
    assert found == expected(values, table["y"])
    assert err == (f"kxcli: a.tsv: the column 'x' is read as {note}\n" if note else "")


def test_typographic_minus_and_fortran_exponents_are_read(kxcli):
    table = make_people()
    x = [f"{value:.3e}".replace("e", "D").replace("-", "\u2212") for value in table["x"]]
    put(kxcli, "a.tsv", tsv({"x": x, "y": table["y"]}))
    found, err = read_json(kxcli, *XY, "a.tsv")
    assert found == expected([float(f"{value:.3e}") for value in table["x"]], table["y"]) and err == ""


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_decimal_comma_and_thousands_are_options(kxcli, name):
    table = make_people()
    x = [1000 * value for value in table["x"]]
    german = [f"{value:,.3f}".translate(str.maketrans(".,", ",.")) for value in x]
    delimiter, quote = ("\t", "") if name == "a.tsv" else (",", '"')
    y = [str(value).replace(".", ",") for value in table["y"]]
    rows = [delimiter.join(f"{quote}{cell}{quote}" for cell in row) + "\n" for row in zip(german, y, strict=True)]
    put(kxcli, name, "".join([f"x{delimiter}y\n", *rows]))
    found, err = read_json(kxcli, *XY, "--decimal", ",", "--thousands", ".", name)
    assert found == expected([float(f"{value:.3f}") for value in x], table["y"]) and err == ""
    code, out, err = call(kxcli, "hsic", *XY, name)
    assert (code, out) == (1, "") and "is not a number, nor is " in err
    assert "use --decimal ',' --thousands '.'" in err or "use --decimal ','" in err


@pytest.mark.parametrize(
    ("options", "cells", "fix"),
    [
        (("--decimal", ","), "1.290 1.431 950 1.100", "--thousands '.'"),
        (("--decimal", ","), "1.290,5 1.431 950 1.100", "--thousands '.'"),
        (("--decimal", ","), "1.5 1.431 950 1.100", "no --decimal ','"),
        (("--decimal", ",", "--thousands", "."), "1.5 2.5 1.431 9", "no --decimal ',' and no --thousands '.'"),
        (("--thousands", ","), "1.234,5 7,5 8 9", "--decimal ',' --thousands '.'"),
    ],
)
def test_advice_on_marks_starts_from_the_given_ones(kxcli, options, cells, fix):
    put(kxcli, "a.tsv", tsv({"x": cells.split(), "y": [3, 1, 4, 1]}))
    code, _, err = call(kxcli, "hsic", *XY, *options, "a.tsv")
    assert code == 1 and f"; use {fix}, use --na-values" in err


def test_header_of_decimal_commas_is_data(kxcli):
    put(kxcli, "a.tsv", "1,5\t2,5\n2,5\t1,0\n3,5\t4,5\n4,5\t2,0\n")
    found, err = read_json(kxcli, "-x", "1", "-y", "2", "--decimal", ",", "a.tsv")
    assert found == expected([1.5, 2.5, 3.5, 4.5], [2.5, 1, 4.5, 2]) and err == ""


def test_marks_are_for_delimited_tables(kxcli):
    put(kxcli, "a.jsonl", '{"x": 1.5, "y": 2}\n' * 4)
    code, _, err = call(kxcli, "hsic", *XY, "--decimal", ",", "a.jsonl")
    assert code == 2 and "--decimal and --thousands are for TSV and CSV, and a.jsonl is jsonl." in err


@pytest.mark.parametrize("mark", ["", "ab", "1", "x", "-", "%"])
def test_invalid_separator_of_thousands_is_a_usage_error(kxcli, mark):
    code, _, err = call(kxcli, "hsic", *XY, "--thousands", mark, "a.tsv")
    assert code == 2 and "is not a separator of thousands" in err


DAYS = [f"2024-{month:02}-{day:02}" for month in range(1, 6) for day in (1, 5, 9, 17)]


def count_days(cell):
    """Return the days from 1970-01-01 to an ISO date or time."""
    moment = datetime.fromisoformat(cell.replace("Z", "+00:00"))
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() / 86_400


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "{}T10:00:00",
        "{}T10:00:00Z",
        "{} 23:59:59.250",
        "{}T10:00:00+02:00",
        "{}T10:00-05:30",
    ],
)
def test_dates_are_days(kxcli, form):
    days = [form.format(day) for day in DAYS]
    y = [i * i % 7 for i in range(len(days))]
    put(kxcli, "a.tsv", tsv({"x": days, "y": y}))
    found, err = read_json(kxcli, *XY, "a.tsv")
    want = expected([count_days(day) for day in days], y)
    assert found == {key: approx_or_none(one, 1e-9) if isinstance(one, float) else one for key, one in want.items()}
    assert err == "kxcli: a.tsv: the column 'x' is read as dates, in days since 1970-01-01\n"
    labels, err = read_json(kxcli, *XY, "--kernel-x", "delta", "--kernel-y", "delta", "--test", "none", "a.tsv")
    assert labels["kernel_x"] == "delta" and "dates" not in err


@pytest.mark.parametrize(
    ("cell", "days"),
    [
        ("1970-01-01", 0),
        ("1969-12-31", -1),
        ("2024-02", 19754),
        ("2024/01/31", 19753),
        ("2000-01-01T12:00Z", 10957.5),
        ("2000-01-01T12:00:00+1200", 10957),
        ("2000-01-01 00:00:00-06", 10957.25),
        ("2016-12-31T23:59:60Z", 17167),
        (" 2024-01-31 ", 19753),
        *((cell, None) for cell in ("2024-13", "2024-02-30", "24-01-31", "2024", "20240131", "31/01/2024")),
        *((cell, None) for cell in ("2024-01-31T", "2024-01T10:00", "2024-1-31", "2024-01-31T25:00", "0000-01-01")),
        ("2024-01-31T10:00:61", None),
    ],
)
def test_dates_are_parsed(cell, days):
    assert parse_date(cell) == days


def test_dates_may_be_missing_and_mixed(kxcli):
    days = ["2024-01-01", "2024-02", "2024-01-31T12:00", "-9999", "NA", "2024/03/01", "2024-03-01 00:00Z"]
    put(kxcli, "a.tsv", tsv({"x": days, "y": [3, 1, 4, 1, 5, 9, 2]}))
    found, _ = read_json(kxcli, *XY, "--na-values=-9999", "a.tsv")
    assert found == expected([19723, 19754, 19753.5, 19783, 19783], [3, 1, 4, 9, 2], n_dropped=2)
    code, _, err = call(kxcli, "hsic", *XY, "a.tsv")
    assert code == 1 and err.startswith(
        "kxcli: error: a.tsv:5: '-9999' in the column 'x' is not a date; write it as 2024-01-31, use --na-values -9999"
    )


def test_row_of_a_date_and_a_number_is_no_header(kxcli):
    rows = list(zip(DAYS, [i * i % 7 for i in range(20)], strict=True))
    put(kxcli, "a.tsv", "".join(f"{day}\t{number}\n" for day, number in rows))
    found, _ = read_json(kxcli, "-x", "1", "-y", "2", "a.tsv")
    assert found["n"] == 20


@pytest.mark.parametrize("code", ["inf", "Infinity", "INF"])
def test_infinities_can_be_missing(kxcli, code):
    table = make_people()
    table["x"][3], table["y"][5], table["x"][7] = "inf", "Infinity", "-inf"
    put(kxcli, "a.tsv", tsv(table))
    code_1, _, err = call(kxcli, "hsic", *XY, "a.tsv")
    assert code_1 == 1 and err.startswith("kxcli: error: a.tsv:5: inf in the column 'x' is not a finite number; ")
    assert "use --na-values inf for a missing value" in err
    code_2, _, err = call(kxcli, "hsic", *XY, "--na-values", code, "a.tsv")
    assert code_2 == 1 and "a.tsv:9: -inf in the column 'x'" in err and "use --na-values -inf for" in err
    found, _ = read_json(kxcli, *XY, "--na-values", code, "--na-values", "-inf", "a.tsv")
    kept = [[v for i, v in enumerate(table[name]) if i not in (3, 5, 7)] for name in "xy"]
    assert found == expected(*kept, n_dropped=3)


def test_infinities_of_arrays_can_be_missing(kxcli):
    values = matrix(make_people())
    values[2, 0], values[4, 1] = math.inf, -math.inf
    put(kxcli, "a.npy", npy_bytes(values))
    found, _ = read_json(kxcli, "-x", "1", "-y", "2", "--na-values=inf", "--na-values=-inf", "a.npy")
    kept = np.delete(values, [2, 4], axis=0)
    assert found == expected(kept[:, 0], kept[:, 1], n_dropped=2)


@pytest.mark.parametrize("base", [9007199254740992, 10**20, -(10**17), 2**63 - 200])
@pytest.mark.parametrize("form", ["tsv", "jsonl", "npy"])
def test_large_integers_are_compared_exactly(kxcli, base, form):
    x = [base + i * 7 % 101 for i in range(40)]
    y = [float(i * 7 % 101) ** 2 for i in range(40)]
    if form == "npy":
        if abs(base) >= 2**63:
            pytest.skip("too large for an array of integers")
        put(kxcli, "x.npy", npy_bytes(np.array(x)))
        put(kxcli, "y.npy", npy_bytes(np.array(y)))
        use = ("-x", "1", "-y", "1", "--y-file", "y.npy", "x.npy")
    else:
        put(kxcli, f"x.{form}", (tsv if form == "tsv" else as_jsonl)({"x": x, "y": y}))
        use = (*XY, f"x.{form}")
    found, err = read_json(kxcli, *use)
    assert found == expected([i * 7 % 101 for i in range(40)], y)
    assert "read as integers beyond 2^53, by their exact differences from " in err and err.count("\n") == 1


def test_exact_integers_and_floats_are_plain_numbers(kxcli):
    for cells in [2.0**60 * i for i in range(9)], [10**15 + i for i in range(9)], [1e300, *range(8)]:
        put(kxcli, "a.tsv", tsv({"x": [int(c) if c < 1e30 else c for c in cells], "y": [3, 1, 4, 1, 5, 9, 2, 6, 5]}))
        _, _, err = call(kxcli, "hsic", *XY, "a.tsv")
        assert "exact" not in err and "rounded" not in err


def test_late_rounded_integers_have_a_warning(kxcli):
    x = [*range(2000), 2**53 + 1, 7]
    put(kxcli, "a.tsv", tsv({"x": x, "y": [i * i % 7 for i in range(2002)]}))
    _, err = read_json(kxcli, *XY, "--test", "none", "a.tsv")
    assert "warning: a.tsv: the column 'x' is rounded from line 2,002 on" in err


SENTINELS = {
    # the code, its cells, how other numbers are scaled and shifted
    "nines": ("-9999", 1, 0),
    "few nines": ("-99", 1, 20),
    "negative among incomes": ("-9999", 10_000, 50_000),
    "positive": ("99999", 1, 0),
    "decimals": ("999.9", 1, 0),
    "fill value": ("-1e30", 1, 0),
    "another": ("-5000", 1, 0),
}


@pytest.mark.parametrize("case", SENTINELS)
@pytest.mark.parametrize("use", [XY, ("--screen", "y"), ("--matrix", "edges")])
def test_extreme_number_in_the_same_rows_has_a_warning(kxcli, case, use):
    code, scale, shift = SENTINELS[case]
    people = make_people()
    table = {name: [max(scale * value + shift, -3.0 * scale + shift) for value in people[name]] for name in "xyz"}
    for row in 3, 8, 21, 30:
        table["x"][row] = table["y"][row] = code
    put(kxcli, "a.tsv", tsv(table))
    code_run, _, err = call(kxcli, "hsic", *use, "a.tsv")
    number = {"-1e30": "-1e+30"}.get(code, code)
    warning = (
        f"kxcli: warning: a.tsv: 4 rows of 'x', 'y' have the same value {number}, far from all others; "
        f"if it means missing, use --na-values={number}\n"
    )
    assert code_run == 0 and warning in err
    assert "far from" not in call(kxcli, "hsic", *use, f"--na-values={number}", "a.tsv")[2]


def test_ordinary_extremes_have_no_warning(kxcli):
    n = 40
    tables = [
        {"x": [i % 2 for i in range(n)], "y": [i % 2 for i in range(n)]},  # flags
        {"x": [*range(100)], "y": [*range(100)]},  # 99 of 0 to 99
        {"x": [*range(n - 1), 5000], "y": [*range(n - 1), 5000]},  # one outlier
        {"x": [*range(n - 1), -9999], "y": [-9999, *range(n - 1)]},  # in other rows
        {"x": [-9999] * n, "y": [*range(n)]},
    ]
    for table in tables:
        put(kxcli, "a.tsv", tsv(table))
        assert "far from" not in call(kxcli, "hsic", *XY, "--test", "none", "a.tsv")[2]


def test_extreme_number_on_both_sides_of_vectors_has_a_warning(kxcli):
    table = {name: list(column) for name, column in make_people().items() if name in "xyz"}
    table["y"][3] = table["y"][4] = table["z"][3] = -999
    put(kxcli, "a.tsv", tsv(table))
    err = call(kxcli, "hsic", "-x", "x,y", "-y", "z", "a.tsv")[2]
    assert "1 row of 'y', 'z' have the same value -999, far from all others" in err
    assert "far from" not in call(kxcli, "hsic", "-x", "y,z", "-y", "x", "a.tsv")[2]


@pytest.mark.parametrize(
    ("form", "kind"),
    [("{2}.{1}.{0}", "labels"), ("{1}/{2}/{0}", "labels"), ("{2}-{1}-{0} 10:00", "labels"), ("{0}{1}{2}", "numbers")],
)
def test_dates_in_other_formats_have_a_warning(kxcli, form, kind):
    days = [form.format(*day.split("-")) for day in DAYS]
    put(kxcli, "a.tsv", tsv({"day": days, "y": [i * i % 7 for i in range(len(days))]}))
    err = call(kxcli, "hsic", "-x", "day", "-y", "y", "--test", "none", "a.tsv")[2]
    warning = (
        f"kxcli: warning: a.tsv: the column 'day' is read as {kind}; if these are dates, write them as 2024-01-31\n"
    )
    assert warning in err
    assert (
        warning not in call(kxcli, "hsic", "-x", "day", "-y", "y", "--kernel-x", "delta", "--test", "none", "a.tsv")[2]
    )


def test_numbers_of_eight_digits_are_not_called_dates(kxcli):
    put(kxcli, "a.tsv", tsv({"x": [20240100 + i for i in range(40)], "y": range(40)}))
    assert "dates" not in call(kxcli, "hsic", *XY, "--test", "none", "a.tsv")[2]


@pytest.mark.parametrize(
    ("cells", "options", "fix"),
    [
        ("1.577 1.452 781 950 12", (), "it is 1577, use --decimal ',' --thousands '.'"),
        ("-12.577 1.452 781 950 NA", (), "it is -12577, use --decimal ',' --thousands '.'"),
        ("1,577 1,452 781 950 0", ("--decimal", ","), "it is 1577, use --thousands ',' and no --decimal ','"),
    ],
)
@pytest.mark.parametrize("use", [XY, ("--screen", "y")])
def test_decimal_marks_that_may_separate_thousands_have_a_warning(kxcli, use, cells, options, fix):
    x = cells.split()
    put(kxcli, "a.tsv", tsv({"x": x, "y": [3, 1, 4, 1, 5]}))
    err = call(kxcli, "hsic", *use, *options, "--test", "none", "a.tsv")[2]
    assert f"warning: a.tsv: the column 'x' is read with a decimal mark, as {x[0]}; if {fix}\n" in err
    if "no" not in fix:
        put(kxcli, "plain.tsv", tsv({"x": [cell.replace(".", "") for cell in x], "y": [3, 1, 4, 1, 5]}))
        marks = ("--decimal", ",", "--thousands", ".")
        found, err = read_json(kxcli, *XY, *marks, "--test", "none", "a.tsv")
        assert found == read_json(kxcli, *XY, "--test", "none", "plain.tsv")[0] and "decimal" not in err


@pytest.mark.parametrize(
    "cells",
    [
        "0.123 0.456 781 950 12",  # less than 1
        "1.577 1.452 12.345 3.141 99",  # no integer of three digits
        "1.577 1.452 781 950 1234",  # thousands without a mark
        "1.577 1.45 781 950 12",
        "1.577 1.4521 781 950 12",
        "1.577 1.452 2.718 3.141 999",  # a code for missing values
        "1.577 781 950 12 100",
        "1.577 1.452 781 950 1e3",
    ],
)
def test_measurements_of_three_decimals_have_no_warning(kxcli, cells):
    put(kxcli, "a.tsv", tsv({"x": cells.split(), "y": [3, 1, 4, 1, 5]}))
    assert "decimal" not in call(kxcli, "hsic", *XY, "--test", "none", "a.tsv")[2]


UNITS = {
    "kg": "{} kg",
    "USD": "USD {}",
    "元": "{}元",
    "h": "{}h",
    "m2": "{} m2",
    "°C": "{} °C",
    "km/h": "{} km/h",
    "EUR€": "EUR€{}",
}


@pytest.mark.parametrize("unit", UNITS)
@pytest.mark.parametrize("use", [("-x", "x", "-y", "y"), ("--screen", "y")])
def test_numbers_with_a_unit_have_a_warning(kxcli, unit, use):
    cells = [UNITS[unit].format(f"{i * 7 % 31 - 3}.{i}") for i in range(30)]
    cells[4], cells[9] = "unknown", "NA"
    put(kxcli, "a.tsv", tsv({"x": cells, "y": [i * i % 7 for i in range(30)]}))
    err = call(kxcli, "hsic", *use, "--test", "none", "a.tsv")[2]
    warning = (
        "kxcli: warning: a.tsv: the column 'x' is read as labels, because the numbers have the unit "
        f"{unit!r}; remove it to compare numbers\n"
    )
    assert warning in err
    for kernel in "delta", "gaussian":
        assert "unit" not in call(kxcli, "hsic", *use, "--kernel-x", kernel, "--test", "none", "a.tsv")[2]


@pytest.mark.parametrize(
    "form", ["Q{}", "group {}", "{}:30", "{} - low", "P00{}", "2024-01-1{}.", "{}x{}", "{}/10", "<{}", "v1.{}"]
)
def test_labels_with_a_number_have_no_warning_of_units(kxcli, form):
    put(kxcli, "a.tsv", tsv({"x": [form.format(i % 7, i % 7) for i in range(30)], "y": range(30)}))
    assert "unit" not in call(kxcli, "hsic", *XY, "--test", "none", "a.tsv")[2]


def write_number(number, marks, *, is_grouped):
    """Return a number with a decimal mark and separators, as Python and then a spreadsheet write it."""
    text = f"{number:,}" if is_grouped else repr(number)
    marks_by_sign = {",": marks.thousands, ".": marks.decimal, "-": "\u2212"}
    mantissa, *exponent = text.partition("e")
    return "".join(marks_by_sign.get(sign, sign) for sign in mantissa) + "".join(exponent)


MARKS = st.builds(NumberFormat, st.just(","), st.sampled_from(["", ".", " ", "'"])) | st.builds(
    NumberFormat, st.just("."), st.sampled_from(["", ",", " ", "_"])
)


@given(MARKS, st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1), st.booleans())
def test_written_numbers_are_read_back(marks, numbers, is_grouped):
    cells = [write_number(number, marks, is_grouped=is_grouped and bool(marks.thousands)) for number in numbers]
    assert convert_cells(cells, NumberType(marks), MissingCodes()).tolist() == numbers


CELLS = [
    "1,5",
    "-2",
    ",5",
    "3,",
    "1.5",
    "1,2,3",
    "1_0",
    "x",
    "inf",
    "nan",
    "NA",
    "",
    None,
    " 7 ",
    "1e5",
    "1,5e-3",
    "9,9",
]


@given(st.lists(st.sampled_from(CELLS)), st.sampled_from([(), ("9,9",), ("7",), ("inf",)]))
def test_decimal_commas_of_a_column_equal_those_of_cells(cells, codes):
    missing, kind = MissingCodes.with_codes(codes), NumberType(NumberFormat(","))
    parsed = [math.nan if cell is None or missing.has(cell) else kind.parse(cell) for cell in cells]
    found = convert_cells(cells, kind, missing)
    if None in parsed:
        assert found is None
    else:
        assert np.array_equal(found, missing.erase(np.array(parsed, float)), equal_nan=True)
