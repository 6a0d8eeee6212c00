"""Named columns of tables: cells, numbers, headers, column names."""

import bz2
import csv
import gzip
import io
import json
import lzma
import math
import os
import re
import shlex
import sys
import tracemalloc
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from kxcli.corpus import decoding, encodings, lines
from kxcli.corpus.diagnostics import Notice, ReadDiagnostics, SourceFacts
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.tables import (
    ColumnGroup,
    NumberFormat,
    TableLayout,
    TableReading,
    arrays,
    column_types,
    line_batches,
    open_table,
    select_columns,
    table,
)
from kxcli.corpus.tables.cells import DEFAULT_CODES, MissingCodes
from kxcli.corpus.tables.source_bytes import SourceBytes
from kxcli.errors import InputError, UsageError

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}
BOM = "\ufeff"


@dataclass
class Got:
    """The content of a table."""

    names: tuple
    width: int
    groups: list
    lines: list
    paths: list
    sizes: list
    reported: list = field(default_factory=list)

    def __post_init__(self):
        self.values = [g.tolist() if isinstance(g, np.ndarray) else g for g in self.groups]


class Folder:
    """The files of a test, and a reader of them."""

    def __init__(self, path):
        self.path = str(path)

    def put(self, name, data):
        path = os.path.join(self.path, name)
        with open(path, "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return path

    def put_array(self, name, array, **options):
        with io.BytesIO() as file:
            np.lib.format.write_array(file, np.asanyarray(array), **options)
            return self.put(name, file.getvalue())

    def read(self, *paths, x=(1,), y=None, kinds=(None, None), labels_option="", na_values=(), **reading):
        """Read columns, numbered from 1 or named as in an option; `y` is a second group."""
        reported = []
        way = {
            "kind": None,
            "encoding": "utf-8",
            "header": None,
            "on_error": "stop",
            "report": reported.append,
        } | reading
        way["missing"] = MissingCodes.with_codes(na_values)
        with open_table(resolve_sources(paths), TableReading(**way)) as opened_table:
            requested = [x] if y is None else [x, y]
            columns = [
                select_columns(one, opened_table, "-x") if isinstance(one, str) else tuple(n - 1 for n in one)
                for one in requested
            ]
            blocks = list(
                opened_table.iter_blocks(
                    [ColumnGroup(c, kind, labels_option) for c, kind in zip(columns, kinds, strict=False)]
                )
            )
        groups = []
        for same in zip(*(block.groups for block in blocks), strict=True):
            if isinstance(same[0], np.ndarray):
                assert all(g.dtype == np.float64 and g.ndim == 2 for g in same)
                groups.append(np.concatenate(same))
            else:
                groups.append([[*chain.from_iterable(columns)] for columns in zip(*same, strict=True)])
        for block in blocks:
            assert block.lines.dtype == np.int64
            assert all(
                len(g) == len(block.lines) if isinstance(g, np.ndarray) else {*map(len, g)} == {len(block.lines)}
                for g in block.groups
            )
        numbers = [line for block in blocks for line in block.lines.tolist()]
        paths = [os.path.basename(block.path) for block in blocks]
        sizes = [len(block.lines) for block in blocks]
        return Got(
            opened_table.names,
            opened_table.width,
            groups,
            numbers,
            paths,
            sizes,
            [one for one in reported if not isinstance(one, SourceFacts)],
        )

    def fails(self, error, *paths, **options):
        with pytest.raises(error) as raised:
            self.read(*paths, **options)
        return str(raised.value).replace(self.path + "/", "")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


@pytest.fixture
def small(monkeypatch):
    """Batches of a few bytes; two values decide the type of a column."""
    monkeypatch.setattr(lines, "CHUNK", 5)
    monkeypatch.setattr(decoding, "CHUNK", 5)
    monkeypatch.setattr(line_batches, "BATCH", 11)
    for module in table, column_types:
        monkeypatch.setattr(module, "N_SURVEYED_CELLS", 2)


def same(one, other):
    """Return whether values are equal; NaN is equal to itself."""
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return (math.isnan(one) and math.isnan(other)) or (one == other and str(one) == str(other))
    return one == other


NAN = math.nan


# Kinds of tables

ROWS = [["name", "n", "m"], ["a", "1", "2.5"], ["b", "", "-3e2"], ["NA", "4", "nan"]]
OBJECTS = [{"name": "a", "n": 1, "m": 2.5}, {"name": "b", "n": None, "m": "-3e2"}, {"n": "4", "m": "nan", "extra": 1}]
WRITTEN = {
    "tsv": "".join("\t".join(row) + "\n" for row in ROWS),
    "csv": "".join(",".join(row) + "\n" for row in ROWS),
    "jsonl": "".join(json.dumps(row) + "\n" for row in OBJECTS),
}
EXPECTED = [[[1, 2.5], [NAN, -300], [4, NAN]], [["a", "b", None]]]


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "gb18030", "utf-32"])
@pytest.mark.parametrize("packed", [None, "gz", "zst"])
def test_columns_are_read_by_name(folder, kind, end, encoding, packed):
    data = WRITTEN[kind].replace("\n", end).encode(encoding)
    data, suffix = (data, "") if packed is None else (PACK[packed](data), f".{packed}")
    got = folder.read(
        folder.put(f"a.{kind}{suffix}", data), x="n,m", y="name", encoding=encodings.resolve_encoding(encoding)
    )
    assert (got.names, got.width) == (("name", "n", "m"), 3)
    assert same(got.values, EXPECTED)
    assert got.lines == ([1, 2, 3] if kind == "jsonl" else [2, 3, 4])


@pytest.mark.parametrize("kind", WRITTEN)
def test_format_option_overrides_name(folder, kind):
    assert same(folder.read(folder.put("a", WRITTEN[kind]), kind=kind, x="n,m", y="name").values, EXPECTED)


@pytest.mark.parametrize("packed", PACK)
@pytest.mark.parametrize("name", ["a.CSV.{}", "a.csv"])
def test_compression_is_detected_by_content_and_format_by_name(folder, packed, name):
    path = folder.put(name.format(packed), PACK[packed](WRITTEN["csv"].encode()))
    assert same(folder.read(path, x="n,m", y="name").values, EXPECTED)


@pytest.mark.parametrize("name", ["a", "a.txt", "a.gz", "a.xyz"])
def test_unknown_suffix_is_tsv(folder, name):
    assert folder.read(folder.put(name, "1\t2\n"), x=(2,)).values == [[[2]]]


@pytest.mark.parametrize("kind", [None, "csv", "jsonl", "npy"])
def test_stdin_is_tsv_by_default(folder, monkeypatch, kind):
    with io.BytesIO() as file:
        np.save(file, np.array([[1, 2]]))
        array = file.getvalue()
    data = {None: b"1\t2\n", "csv": b"1,2\n", "jsonl": b'{"a": 1, "b": 2}\n', "npy": array}[kind]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
    got = folder.read("-", kind=kind, x=(2,))
    assert (got.values, got.paths) == ([[[2]]], ["<stdin>"])


def test_auto_encoding_is_detected_and_reported(folder):
    path = folder.put("a.tsv", "名\t1\n字\t2\n".encode("gb18030"))
    got = folder.read(path, encoding="auto", header=False, x=(1,), y=(2,))
    assert got.values == [[["名", "字"]], [[1], [2]]]
    assert Notice(path, "read as gb18030", encoding="gb18030") in got.reported


# Cells


MISSING = [
    "N/A",
    "n/a",
    "#N/A",
    "#N/A N/A",
    "#NA",
    "<NA>",
    "NULL",
    "null",
    " None ",
    "NaT",
    "\\N",
    "-1.#IND",
    "1.#QNAN",
]


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("1", 1),
        (" 1 ", 1),
        ("\u20031\xa0", 1),
        ("\x1c1\x0b", 1),
        ("+1.", 1),
        ("-.5", -0.5),
        ("1e3", 1000),
        ("1E-3", 0.001),
        ("1e-999", 0),
        ("-0", -0.0),
        ("００１２", 12),
        ("٣", 3),
        ("0.1000000000000000055511151231257827021181583404541015625", 0.1),
        ("2.2250738585072011e-308", 2.2250738585072011e-308),
        *(
            (missing, NAN)
            for missing in ("", " ", "NA", " NA ", "nan", "NaN", "NAN", "\xa0nan", "-nan", "+NaN", "\x0b", *MISSING)
        ),
    ],
)
@pytest.mark.parametrize("kind", ["tsv", "csv", "quoted", "jsonl", "npy"])
@pytest.mark.parametrize("width", [1, 2])
def test_cell_is_number_or_missing(folder, cell, value, kind, width):
    others = ["7"] * (width - 1)
    if kind == "npy":
        path = folder.put_array("a.npy", np.array([["5", *others], [cell, *others]]))
    elif kind == "jsonl":
        path = folder.put("a.jsonl", "".join(json.dumps(dict(enumerate([c, *others]))) + "\n" for c in ("5", cell)))
    else:
        mark = '"' if kind == "quoted" else ""
        delimiter = "\t" if kind == "tsv" else ","
        rows = [[mark + c + mark, *others] for c in ("5", cell)]
        path = folder.put(f"a.{kind[:3]}", "".join(delimiter.join(row) + "\n" for row in rows))
        path = path if kind != "quoted" else os.rename(path, path + ".csv") or path + ".csv"
    got = folder.read(path, kinds=(True,))
    assert same(got.values, [[[5.0], [float(value)]]])


@pytest.mark.parametrize(
    "cell",
    [
        *("abc", "0x10", "1 2", "1j", "#1", "na", "N/A N/A", "NaNa", "nan(1)", "true", "?", "-", "None yet"),
        *("\x001", "一", "--1", "1e", ".", "infin", "\u200b1", "1\r2", "x\x00y", "1L", "NONE", "Null", "NAN A"),
    ],
)
@pytest.mark.parametrize("kind", ["tsv", "jsonl", "npy"])
def test_text_among_numbers_is_error(folder, cell, kind):
    if kind == "npy":
        path = folder.put_array("a.npy", np.array(["5", cell, "x"]))
    elif kind == "jsonl":
        path = folder.put("a.jsonl", "".join(json.dumps({"1": c}) + "\n" for c in ("5", cell, "x")))
    else:
        path = folder.put("a.tsv", f"5\n{cell}\nx\n")
    name = "'1'" if kind == "jsonl" else "1"
    assert folder.fails(InputError, path, kinds=(True,), labels_option="--kernel-z").endswith(
        f":2: {cell!r} in the column {name} is not a number, nor is 'x' (line 3); "
        f"correct it, use --na-values {shlex.quote(cell)} for a missing value, or --kernel-z delta for labels"
    )


WRITTEN_NUMBERS = {
    # numbers that can only be read in one way, and how they are reported
    "minus": (["\u22121.5", "－2", "3", "\u22121.5e\u22123", "–4"], [-1.5, -2, 3, -0.0015, -4], ""),
    "Fortran": (["1.5D0", "2.5d-1", "3"], [1.5, 0.25, 3], ""),
    "quotes": (['"1.5"', "'2'", "3"], [1.5, 2, 3], ""),
    "percent": (["5%", "12.5 %", "-3％"], [5, 12.5, -3], "numbers, without %"),
    "permille": (["5‰", "7 ‰"], [5, 7], "numbers, without ‰"),
    "dollars": (["$12.50", "$ 3", "-$4", "$-5", "$.5"], [12.5, 3, -4, -5, 0.5], "numbers, without $"),
    "euros": (["3€", "4.5 €"], [3, 4.5], "numbers, without €"),
    "yen": (["¥12", "￥13"], [12, 13], "numbers, without ¥"),
    "parentheses": (["(12.5)", "3"], [-12.5, 3], "numbers, (5) as -5"),
    "debts": (["($3)", "$4"], [-3, 4], "numbers, without $, (5) as -5"),
    "few": (["5%", "10%"] * 20, [5, 10] * 20, "numbers, without %"),
}


@pytest.mark.parametrize("case", WRITTEN_NUMBERS)
@pytest.mark.parametrize("kind", ["tsv", "jsonl", "npy"])
def test_unambiguous_numbers_are_read(folder, case, kind):
    cells, values, way = WRITTEN_NUMBERS[case]
    cells = ["", *cells, "NA"]
    if kind == "npy":
        path = folder.put_array("a.npy", np.array(cells))
    elif kind == "jsonl":
        path = folder.put("a.jsonl", "".join(json.dumps({"1": cell}) + "\n" for cell in cells))
    else:
        path = folder.put("a.tsv", "1\t\n" + "".join(f" {cell} \t\n" for cell in cells))
    for is_number in None, True:
        got = folder.read(path, kinds=(is_number,), header=True)
        assert same(got.values, [[[value] for value in [NAN, *values, NAN]]])
        name = "1" if kind == "npy" else "'1'"
        assert [notice.message for notice in got.reported] == [f"the column {name} is read as {way}"] * bool(way)
    assert folder.read(path, kinds=(False,), header=True).values[0][0][1].strip() == cells[1]


MARKS = [
    # --decimal, --thousands, cells, numbers
    (",", "", ["1,5", "-2", ",5", "3,", "1,5e-3", "\u22122,5", "1,5 %"], [1.5, -2, 0.5, 3, 0.0015, -2.5, None]),
    (",", ".", ["1.234,5", "1.234.567", "12", "1234,5"], [1234.5, 1234567, 12, 1234.5]),
    (".", ",", ["1,234.5", "12,34,567", "$1,000"], [1234.5, 1234567, None]),
    (".", " ", ["1 234.5", "1\u202f234\u00a0567"], [1234.5, 1234567]),
    (".", "'", ["1'234.5", "1’234"], [1234.5, 1234]),
    (".", "_", ["1_000", "2"], [1000, 2]),
]


@pytest.mark.parametrize(("decimal", "thousands", "cells", "numbers"), MARKS)
@pytest.mark.parametrize("kind", ["tsv", "csv"])
def test_marks_of_numbers_are_options(folder, decimal, thousands, cells, numbers, kind):
    cells = [cell for cell, number in zip(cells, numbers, strict=True) if number is not None]
    numbers = [number for number in numbers if number is not None]
    quote = '"' * (kind == "csv")
    path = folder.put(f"a.{kind}", "".join(f"{quote}{cell}{quote}\n" for cell in ["a", *cells, "NA"]))
    marks = {"number_format": NumberFormat(decimal, thousands)}
    for is_number in None, True:
        assert same(folder.read(path, kinds=(is_number,), **marks).values, [[[n] for n in [*numbers, NAN]]])
    for other in "1..5", "1,,5", "12.34.5", "1,2345.6", "x", "--1":
        path = folder.put(f"a.{kind}", "".join(f"{quote}{cell}{quote}\n" for cell in ["a", *cells * 9, other]))
        assert "not a number" in folder.fails(InputError, path, **marks), other


def test_point_is_no_second_decimal_mark(folder):
    path = folder.put("a.tsv", "a\n1,5\n2,5\n1.5\n")
    message = folder.fails(InputError, path, number_format=NumberFormat(","))
    assert message.startswith("a.tsv:4: '1.5' in the column 'a' is not a number; write it as 1234,5, use --na-values")


SUGGESTIONS = {
    "1,5": "use --decimal ','",
    "1,000": "use --decimal ',' if it is 1.000, or --thousands ',' if it is 1000",
    "1,234,567.8": "use --thousands ','",
    "1.234,56": "use --decimal ',' --thousands '.'",
    "12 345": "use --thousands ' '",
    "12\u202f345": "use --thousands ' '",
    "1'000": 'use --thousands "\'"',
    "1_000": "use --thousands '_'",
    "12,34,567": "use --thousands ','",
    ",5": "use --decimal ','",
    "¥1,200": "use --decimal ',' if it is 1.200, or --thousands ',' if it is 1200",
    "5%": "write all cells of the column with %, or none",
    "$3": "write all cells of the column with $, or none",
}


@pytest.mark.parametrize("cell", SUGGESTIONS)
def test_number_in_another_format_is_error_with_the_fix(folder, cell):
    message = folder.fails(InputError, folder.put("a.tsv", f"a\n{cell}\n1\n2\n"), labels_option="--kernel-x")
    assert message == (
        f"a.tsv:2: {cell!r} in the column 'a' is not a number; {SUGGESTIONS[cell]}, "
        f"use --na-values {shlex.quote(cell)} for a missing value, or --kernel-x delta for labels"
    )
    mixed = folder.put("b.tsv", f"a\n{cell}\n1.5\n2,5\n7%\n$5\n")
    assert folder.fails(InputError, mixed).startswith("b.tsv:2: ")
    assert folder.read(mixed, kinds=(False,)).values[0][0][0] == cell


def test_first_three_bad_cells_are_named(folder):
    cells = ["1", "?", "2", "?", "-", "3", "4", "n.d.", "x", "5", "6", "7"]
    message = folder.fails(InputError, folder.put("a.tsv", "a\n" + "\n".join(cells) + "\n"))
    assert message.startswith(
        "a.tsv:3: '?' in the column 'a' is not a number, nor is '-' (line 6) or 'n.d.' (line 9); "
    )


@pytest.mark.parametrize(
    "cells",
    [
        ["1,5", "2,5", "2,5", "1,5", "1,5"],
        ["192.168.0.1", "10.0.0.1", "127.0.0.1"],
        ["138-1234-5678", "139 1234 5678", "1/2"],
        ["1.2.3", "1.2.4", "2.0.0rc1"],
        ["2024-13", "2024-14"],
        ["12a", "12b", "3rd"],
        ["A12", "B7", "12"],
        ["x", "x", "x", "y", "1"],
        ["true", "false", "0"],
    ],
    ids=lambda cells: cells[0],
)
def test_labels_with_digits_are_labels(folder, cells):
    assert folder.read(folder.put("a.tsv", "a\n" + "\n".join(cells) + "\n")).values == [[cells]]


def test_repeated_formatted_number_is_error(folder):
    path = folder.put("a.tsv", "a\n" + "".join(f"{n // 10},{n % 10}\n" for n in range(11)) * 5)
    assert folder.fails(InputError, path).startswith(
        "a.tsv:2: '0,0' in the column 'a' is not a number, nor is '0,1' (line 3)"
    )


@pytest.mark.parametrize("n", [3, 5, 19, 40, 1500])
@pytest.mark.parametrize("kind", ["tsv", "csv", "quoted", "jsonl", "npy"])
def test_late_text_among_numbers_is_error(folder, n, kind):
    for at in {0, n // 2, n - 1}:
        for stray in ("?", "abc", "1,5", "12%")[: 1 if n == 1500 else 4]:
            cells = [str(i / 2) for i in range(n)]
            cells[at] = stray
            if kind == "npy":
                path, line = folder.put_array("a.npy", np.array(cells)), at + 1
            elif kind == "jsonl":
                path, line = folder.put("a.jsonl", "".join(json.dumps({"a": cell}) + "\n" for cell in cells)), at + 1
            else:
                quote = '"' * (kind != "tsv")  # a comma in CSV
                rows = [f"{quote}{cell}{quote}\n" for cell in ["a", *cells]]
                path, line = folder.put("a.tsv" if kind == "tsv" else "a.csv", "".join(rows)), at + 2
            message = folder.fails(InputError, path)
            assert message.startswith(f"{os.path.basename(path)}:{line}: {stray!r} in the column "), message
            assert "--na-values" in message
            if stray != "1,5" or kind != "npy":
                got = folder.read(path, na_values=[stray])
                assert same(got.values, [[[NAN if i == at else i / 2] for i in range(n)]])


def test_frequent_unknown_code_is_error(folder):
    path = folder.put("a.tsv", "a\n" + ".\n" * 90 + "".join(f"{n}\n" for n in range(10)))
    assert folder.fails(InputError, path).startswith("a.tsv:2: '.' in the column 'a' is not a number")
    assert same(folder.read(path, na_values=["."]).values, [[[NAN]] * 90 + [[n] for n in range(10)]])


def test_row_of_units_is_error(folder):
    path = folder.put("a.tsv", "height\tweight\ncm\tkg\n180\t80\n170\t60\n")
    assert folder.fails(InputError, path, x="height", y="weight").startswith("a.tsv:2: 'cm' in the column 'height'")


@pytest.mark.parametrize("kind", ["tsv", "csv", "quoted", "jsonl", "npy", "numbers"])
@pytest.mark.parametrize("code", ["-9999", "-9999.0", "-9.999e3"])
def test_numeric_code_matches_all_spellings(folder, kind, code):
    cells = ["1", "-9999", "2.5", "-9999.0", "-99", "-9999"]
    if kind in ("npy", "numbers"):
        path = folder.put_array("a.npy", np.array(cells).astype(float if kind == "numbers" else str))
    elif kind == "jsonl":
        path = folder.put("a.jsonl", "".join(f'{{"a": {cell}}}\n' for cell in cells))
    else:
        quote = '"' * (kind == "quoted")
        text = "".join(f"{quote}{cell}{quote}\n" for cell in ["a", *cells])
        path = folder.put("a.tsv" if kind == "tsv" else "a.csv", text)
    assert same(folder.read(path, na_values=[code]).values, [[[1], [NAN], [2.5], [NAN], [-99], [NAN]]])
    texts = folder.read(path, na_values=[code], kinds=(False,)).values[0][0]
    assert [text is None for text in texts] == [False, True, False, True, False, True]


def test_infinity_as_missing_code(folder):
    path = folder.put("a.tsv", "a\n1\ninf\n2\nInfinity\n-inf\n")
    assert "use --na-values inf" in folder.fails(InputError, path)
    assert same(folder.read(path, na_values=["inf", "-inf"]).values, [[[1], [NAN], [2], [NAN], [NAN]]])


@pytest.mark.parametrize("kind", ["tsv", "csv"])
def test_code_with_delimiter_joins_no_cells(folder, kind):
    path = folder.put(
        "a.tsv" if kind == "tsv" else "a.csv", "a\tb\n1\t5\n7\t8\n".replace("\t", "\t" if kind == "tsv" else ",")
    )
    assert folder.read(path, x="a,b", na_values=["1,5", "1\t5"]).values == [[[1, 5], [7, 8]]]


@pytest.mark.parametrize("code", sorted(DEFAULT_CODES | {"nan", "NaN", "-nan"}))
def test_label_equal_to_code_is_missing(folder, code):
    got = folder.read(folder.put("a.tsv", f"x\ty\na\t{code}\n b\t {code} \nc\t{code}{code} d\n"), x="y", kinds=(False,))
    assert got.values == [[[None, None, f"{code}{code} d"]]]


def test_message_names_labels_option_only_if_there_is_one(folder):
    path = folder.put("a.tsv", "x\ty\n1\t2\n3\tabc\n")
    assert folder.fails(InputError, path, x="y", kinds=(True,)) == (
        "a.tsv:3: 'abc' in the column 'y' is not a number; correct it, use --na-values abc for a missing value"
    )


def test_long_cell_is_shortened_in_message(folder):
    assert len(folder.fails(InputError, folder.put("a.tsv", "1\n" + "x" * 10_000), kinds=(True,))) < 250


@pytest.mark.parametrize("cell", ["inf", "-inf", "+Infinity", "INF", "1e999", "-1e999", "9" * 400])
@pytest.mark.parametrize("kind", ["tsv", "csv", "jsonl", "npy", "bare"])
def test_infinity_is_error(folder, cell, kind):
    if kind == "npy":
        path = folder.put_array("a.npy", np.array([[1.0, 2.0], [float(cell), 3]]))
    elif kind == "jsonl":
        path = folder.put("a.jsonl", "".join(json.dumps({"1": c}) + "\n" for c in ("5", cell)))
    elif kind == "bare":
        bare = cell.lstrip("+") if "e" in cell or "9" in cell else "-Infinity" if "-" in cell else "Infinity"
        path = folder.put("a.jsonl", f'{{"1": 5}}\n{{"1": {bare}}}\n')
    else:
        path = folder.put(f"a.{kind}", f"5\n {cell}\n")
    for kinds in ((True,), (None,)):
        message = folder.fails(InputError, path, kinds=kinds)
        assert re.fullmatch(
            r"a\.\w+:2: \S+ in the column '?1'? is not a finite number; correct it, or use --na-values .*", message
        )


@pytest.mark.parametrize("cell", ["inf", "1e999", "0x10", " x ", "１"])
def test_text_cell_is_unchanged(folder, cell):
    got = folder.read(folder.put("a.tsv", f"{cell}\tq\n NA \tq\n"), header=False, kinds=(False,))
    assert got.values == [[[cell, None]]]


def test_first_bad_cell_is_reported(folder):
    rows = ["1\t2\t3\n"] * 9
    for bad, words in (
        ("1\t2\tinf\n1\tx\t3\n", "inf in the column 3"),
        ("1\tx\t3\n1\t2\tinf\n", "'x' in the column 2"),
    ):
        message = folder.fails(InputError, folder.put("a.tsv", "".join(rows) + bad), x=(3,), y=(2,), kinds=(True, True))
        assert message.startswith("a.tsv:10: " + words)


# Numbers or texts


@pytest.mark.parametrize("names", ["a,b", "b,a", "a,c,b"])
def test_group_of_numbers_and_labels_is_error(folder, names):
    path = folder.put("a.tsv", "a\tb\tc\n1\tu\t\n3\tx\t\n")
    assert folder.fails(InputError, path, x=names, labels_option="--kernel-x") == (
        "a.tsv: the column 'a' has numbers and the column 'b' has labels, so they cannot be one vector; "
        "name columns of one kind, or use --kernel-x delta for labels"
    )
    assert folder.read(path, x="a,b", kinds=(False,)).values == [[["1", "3"], ["u", "x"]]]
    with open_table(resolve_sources([path]), TableReading(None, "utf-8", None, "stop", print)) as opened_table:
        columns = select_columns(names, opened_table, "-x")
        [block] = opened_table.iter_blocks([ColumnGroup(columns, None, is_mixable=True)])
    [cells] = block.groups
    numbers = [[1, 3], [NAN, NAN]] if "c" in names else [[1, 3]]  # a column without values is numbers
    assert same(cells.numbers.T.tolist(), numbers) and cells.texts == [["u", "x"]]
    assert folder.read(path, x="b,c").values == [[["u", "x"], [None, None]]]  # a column without values fits any type


def test_column_type_depends_on_its_own_cells(folder):
    path = folder.put("a.tsv", "a\tb\tc\n1\t\t\n\tx\t\n2\t\t\n")
    assert same(folder.read(path, x="a", y="b").values, [[[1], [NAN], [2]], [[None, "x", None]]])
    assert same(folder.read(path, x="a", y="c").values, [[[1], [NAN], [2]], [[NAN], [NAN], [NAN]]])


@pytest.mark.parametrize("at", [999, 1000])
def test_first_thousand_values_decide_type(folder, at):
    cells = ["", *(["x"] * 500), *([""] * 9), *(["y"] * (at - 500)), *map(str, range(3000))]
    path = folder.put("a.tsv", "a\tb\n" + "".join(f"{cell}\t2\n" for cell in cells))
    assert folder.read(path, x="a", y="b").values[0][0] == [cell or None for cell in cells]  # labels
    cells[1:510] = map(str, range(509))
    path = folder.put("a.tsv", "a\tb\n" + "".join(f"{cell}\t2\n" for cell in cells))
    assert folder.fails(InputError, path, x="a", y="b").startswith("a.tsv:512: 'y' in the column 'a' is not a number")


def test_deciding_values_span_sources(folder):
    paths = [folder.put(f"{n}.tsv", "a\tb\n" + "1\t2\n" * 150) for n in range(3)]
    paths.append(folder.put("z.tsv", "a\tb\n" + "".join(f"{word}\t2\n" for word in "pqrstuvw") * 100))
    got = folder.read(*paths, x="a", y="b")
    assert isinstance(got.groups[0], list) and got.paths == ["0.tsv", "1.tsv", "2.tsv", "z.tsv"]


def test_first_block_has_deciding_values(folder, monkeypatch):
    monkeypatch.setattr(line_batches, "BATCH", 100)
    monkeypatch.setattr(lines, "CHUNK", 50)
    path = folder.put("a.tsv", "a\tb\n" + "1\t2\n\t2\n" * 3000)
    got = folder.read(path, x="a", y="b")
    assert sum(got.sizes) == 6000 and 2000 <= got.sizes[0] < 2100 and len(got.sizes) > 50
    assert got.lines == [*range(2, 6002)]


def test_groups_share_columns_in_any_order(folder):
    path = folder.put("a.tsv", "1\t2\t3\n4\t5\t6\n")
    assert folder.read(path, x="3,1", y="1-3").values == [[[3, 1], [6, 4]], [[1, 2, 3], [4, 5, 6]]]


# Headers


@pytest.mark.parametrize("kind", ["tsv", "csv"])
@pytest.mark.parametrize(
    ("row", "is_header"),
    [(["1", "2"], False), (["", "NA"], False), (["1", "inf"], False), (["1", "x"], True), (["a", "b"], True)],
)
def test_header_is_detected(folder, kind, row, is_header):
    delimiter = "\t" if kind == "tsv" else ","
    path = folder.put(f"a.{kind}", f"{delimiter.join(row)}\n5{delimiter}6\n")
    assert folder.read(path, kinds=(False,)).names == (tuple(row) if is_header else ())
    assert folder.read(path, kinds=(False,), header=True).names == tuple(row)
    got = folder.read(path, kinds=(False,), header=False)
    assert (got.names, got.lines) == ((), [1, 2])


def test_header_alone_is_table_without_rows(folder):
    got = folder.read(folder.put("a.tsv", "x\ty"), x="x,y", y="y", kinds=(None, False))
    assert [g.shape if isinstance(g, np.ndarray) else g for g in got.groups] == [(0, 2), [[]]]
    assert (got.sizes, got.paths) == ([0], ["a.tsv"])


@pytest.mark.parametrize("kind", ["tsv", "csv"])
def test_blank_lines_are_skipped(folder, kind, small):
    delimiter = "\t" if kind == "tsv" else ","
    text = "\n\nx,y\n\n1,2\n\r\n\n3,4\n\n".replace(",", delimiter)
    got = folder.read(folder.put(f"a.{kind}", text), x="x", y="y")
    assert (got.values, got.lines) == ([[[1], [3]], [[2], [4]]], [5, 8])


@pytest.mark.parametrize("kind", ["tsv", "csv"])
def test_blank_lines_are_missing_cells_of_single_column(folder, kind, small):
    got = folder.read(folder.put(f"a.{kind}", "\n1\n\n\r\n2\n\n"))
    assert same(got.values, [[[NAN], [1], [NAN], [NAN], [2], [NAN]]])
    assert got.lines == [1, 2, 3, 4, 5, 6]
    got = folder.read(folder.put(f"b.{kind}", "\nx\n1\n\n"))
    assert got.names == ("x",) and same(got.values, [[[1], [NAN]]])
    assert same(folder.read(folder.put(f"c.{kind}", "\n\n")).values, [[[NAN], [NAN]]])


@pytest.mark.parametrize("names", ["ab", "ba"])
def test_blank_sources_fit_any_width(folder, names):
    blank, wide, narrow = (folder.put(*f) for f in (("a.tsv", "\n\n"), ("b.tsv", "1\t2\n"), ("c.tsv", "1\n")))
    assert folder.read(*((blank, wide) if names == "ab" else (wide, blank))).values == [[[1]]]
    got = folder.read(*((blank, narrow) if names == "ab" else (narrow, blank)))
    assert same(got.values, [[[NAN], [NAN], [1]] if names == "ab" else [[1], [NAN], [NAN]]])


# Several sources


def test_several_sources_are_one_table(folder):
    paths = [folder.put("a.tsv", "x\ty\n1\t2\n"), folder.put("b.csv", "x,y\n3,4\n"), folder.put("c.jsonl", '{"y":6}')]
    paths += [folder.put("d.tsv", ""), folder.put_array("e.npy", np.array([[7, 8]])), paths[0]]
    got = folder.read(*paths, x="x", y="y")
    assert same(got.values, [[[1], [3], [NAN], [7], [1]], [[2], [4], [6], [8], [2]]])
    assert (got.lines, got.sizes[0]) == ([2, 2, 1, 1, 2], 1)
    assert got.paths == ["a.tsv", "b.csv", "c.jsonl", "e.npy", "a.tsv"]


def test_jsonl_follows_an_array_by_place(folder):
    paths = folder.put_array("a.npy", np.array([[1, 2]])), folder.put("b.jsonl", '{"q":3,"p":4}\n{"p":6,"q":5}\n')
    assert folder.read(*paths, x=(2,)).values == [[[2], [4], [6]]]


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        (("a.tsv", "x\ty\n1\t2\n"), ("b.tsv", "y\tx\n1\t2\n"), "b.tsv:1: has the columns 'y', 'x' where "),
        (("a.tsv", "x\ty\n1\t2\n"), ("b.tsv", "1\t2\n"), "b.tsv:1: seems to have no header, where "),
        (("a.tsv", "1\t2\n"), ("b.tsv", "x\ty\n1\t2\n"), "b.tsv:1: seems to have a header, where "),
        (("a.jsonl", '{"x":1,"y":2}'), ("b.tsv", "1\t2\n"), "b.tsv:1: seems to have no header, where "),
        (("a.tsv", "1\t2\n"), ("b.tsv", "1\n"), "b.tsv:1: has 1 column where "),
        (("a.tsv", "1\t2\n"), ("b.csv", "1,2,3\n"), "b.csv:1: has 3 columns where "),
        (("a.tsv", "x\ty\n1\t2\n"), ("b.jsonl", '\n{"p":1,"q":2}'), "b.jsonl:2: has none of the columns "),
    ],
)
def test_sources_of_other_columns_are_errors(folder, first, second, message):
    reported = folder.fails(InputError, folder.put(*first), folder.put(*second))
    assert reported.startswith(message) and "; " in reported
    assert ("--no-header-in" in reported) == ("seems" in reported)


def test_header_option_applies_to_every_source(folder):
    paths = folder.put("a.tsv", "1\t2\n3\t4\n"), folder.put("b.tsv", "x\ty\n5\t6\n")
    assert folder.read(*paths, header=False, kinds=(False,)).values == [[["1", "3", "x", "5"]]]
    assert "has the columns 'x', 'y'" in folder.fails(InputError, *paths, header=True)


@pytest.mark.parametrize("name", ["a.tsv", "a.csv", "a.jsonl", "a.npy"])
@pytest.mark.parametrize("data", [b"", gzip.compress(b"", mtime=0), BOM.encode()])
def test_empty_table_is_error(folder, name, data):
    if name == "a.npy" and data == BOM.encode():
        return
    paths = folder.put(name, data), folder.put("b.tsv", "")
    assert folder.fails(InputError, *paths) == f"{name}: is empty; give a table with rows"
    assert folder.read(*paths, folder.put("c.tsv", "1")).values == [[[1]]]


def test_no_source_is_usage_error(folder):
    with pytest.raises(UsageError), open_table([], TableReading(None, "utf-8", None, "stop", print)):
        pass


def test_missing_file_is_reported_and_other_errors_pass(folder):
    path = folder.put("a.tsv", "1\n")
    sources = resolve_sources([path])
    reading = TableReading(None, "utf-8", None, "stop", print)
    with pytest.raises(OSError, match="mine"), open_table(sources, reading):
        raise OSError("mine")
    os.unlink(path)
    with pytest.raises(InputError), open_table(sources, reading):
        pass


# Bad records and bytes


@pytest.mark.parametrize("kind", ["tsv", "csv", "quoted"])
@pytest.mark.parametrize("has_header", [True, False])
def test_rows_of_other_width_are_bad_records(folder, kind, has_header, small):
    first = ["x", "y"] if has_header else ["1", "2"]
    rows = [first, ["1", "2"], ["3"], ["4", "5"], ["6", "7", "8"], [], ["9", "10"], [""] * 3]
    mark = '"' if kind == "quoted" else ""
    delimiter = "\t" if kind == "tsv" else ","
    text = "".join(delimiter.join(mark + cell + mark for cell in row) + "\n" for row in rows)
    name = "a.tsv" if kind == "tsv" else "a.csv"
    path = folder.put(name, text)
    what = "header" if has_header else "first row"
    assert folder.fails(InputError, path, x=(2,)) == (
        f"{name}:3: has 1 cell where the {what} has 2; fix the record, or use --on-error skip"
    )
    for on_error in ("skip", "replace"):
        got = folder.read(path, x=(2,), on_error=on_error)
        assert (got.values, got.lines) == ([[[2], [2], [5], [10]][has_header:]], [1, 2, 4, 7][has_header:])
        (loss,) = got.reported
        assert (loss.count, [place.line for place in loss.places]) == (3, [3, 5, 8])
        assert loss.kind == f"records skipped: not valid {name[2:].upper()}"


@pytest.mark.parametrize("way", ["plain", "gz", "quoted"])
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030", "utf-16-le"])
def test_bad_bytes_stop_skip_or_are_replaced(folder, way, encoding, small):
    quote = '"' if way == "quoted" else ""
    rows = [f"{quote}好{quote},{n}\n".encode(encoding) for n in range(1, 8)]
    bad = "坏,".encode(encoding)
    rows[3] = bad + "4".encode(encoding) + (b"\x00\xd8" if encoding == "utf-16-le" else b"\xff") + "\n".encode(encoding)
    data = b"".join(rows)
    path = folder.put("a.csv", gzip.compress(data) if way == "gz" else data)
    assert folder.fails(InputError, path, encoding=encoding).startswith("a.csv:4: byte 0x")
    got = folder.read(path, x=(1,), y=(2,), header=False, encoding=encoding, on_error="skip", kinds=(False, True))
    assert (got.values, got.lines) == ([[["好"] * 6], [[n] for n in (1, 2, 3, 5, 6, 7)]], [1, 2, 3, 5, 6, 7])
    assert [loss.count for loss in got.reported] == [1]
    got = folder.read(path, x=(1,), y=(2,), header=False, encoding=encoding, on_error="replace", kinds=(False, False))
    assert got.values[0][0][3] == "坏" and got.values[1][0][3] == "4\ufffd" and got.lines == [*range(1, 8)]


def test_bad_bytes_in_other_columns_count(folder):
    path = folder.put("a.tsv", b"1\t2\n3\t\xff\n")
    assert folder.fails(InputError, path).startswith("a.tsv:2: byte 0xff is not valid utf-8")


@pytest.mark.parametrize("encoding", ["gbk", "big5", "shift_jis", "latin-1"])
def test_half_characters_are_not_white_space(folder, encoding):
    text = "\xa01\x85\t2\n" if encoding == "latin-1" else "1\u30001\t2\n"
    path = folder.put("a.tsv", text.encode(encoding))
    if encoding == "latin-1":
        assert folder.read(path, encoding="iso8859-1").values == [[[1]]]
    else:
        assert "is not a number" in folder.fails(InputError, path, header=False, kinds=(True,), encoding=encoding)
    path = folder.put("b.tsv", b"\x85\xa01\t2\n")  # a character of GBK; two spaces of Latin-1
    if encoding == "gbk":
        assert "is not a number" in folder.fails(InputError, path, header=False, kinds=(True,), encoding=encoding)


# TSV and CSV


def test_quotes_within_a_cell_are_literal_in_tsv(folder):
    path = folder.put("a.tsv", '"x\t"1\n')
    assert folder.read(path, header=False, x=(1,), y=(2,), kinds=(None, False)).values == [[['"x']], [['"1']]]


def test_quoted_csv_cells_hold_any_text(folder, small):
    text = 'a,b\n1,2\n3,4\n5,"x\r\ny"\n6,"p""q,r"\n7,8\n'
    got = folder.read(folder.put("a.csv", BOM + text), x="a", kinds=(None, False), y="b")
    assert (got.values[1], got.lines) == ([["2", "4", "x\r\ny", 'p"q,r', "8"]], [2, 3, 4, 6, 7])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_header_spans_lines(folder, end, small):
    got = folder.read(folder.put("a.csv", f'"a,{end}b","c"{end}1,2{end}'), x=f"a,{end}b", y="c")
    assert (got.names, got.values, got.lines) == ((f"a,{end}b", "c"), [[[1]], [[2]]], [3])


@pytest.mark.parametrize(
    ("bad", "line"), [('"x"y,1\n', 2), ('"x\n\n', 2), ("1\r2,3\n", 2), ('"x\n",1,2\n', 2), ('7,"8\n"9\n', 2)]
)
def test_invalid_csv_is_bad_record(folder, bad, line):
    path = folder.put("a.csv", "1,2\n" + bad)
    assert folder.fails(InputError, path).startswith(f"a.csv:{line}: ")
    got = folder.read(path, on_error="skip")
    assert got.values == [[[1]]] and got.reported[0].places[0].line == line


def test_bad_first_row_is_skipped(folder):
    got = folder.read(folder.put("a.csv", '"x"y,1\na,b\n1,2\n'), on_error="skip", x="a")
    assert (got.values, got.lines) == ([[[1]]], [3])


@pytest.mark.parametrize("character", ["\x85", "\u2028", "\x0b", "\x0c", "\x1c", "\x1e", "\r"])
def test_only_lf_ends_a_line(folder, character):
    got = folder.read(folder.put("a.tsv", f"x{character}y\t1\n2\t3\n"), header=False, x=(1,), y=(2,))
    assert (got.values, got.lines) == ([[[f"x{character}y", "2"]], [[1], [3]]], [1, 2])


def test_last_line_needs_no_lf(folder):
    wide = "\t".join(["1.5"] * 300_000)
    got = folder.read(folder.put("a.tsv", wide + "\n" + wide), x=(1, 300_000))
    assert (got.width, got.values) == (300_000, [[[1.5, 1.5], [1.5, 1.5]]])


# TSV and CSV, compared with a simple reader

CELLS = [
    "1",
    "2.5",
    "-3e2",
    " 4",
    "",
    "NA",
    "nan",
    " NA",
    "１",
    "1_0",
    "x",
    "好",
    "inf",
    "1\x0b",
    "\x1c1",
    "a\rb",
    "#",
    "0x1",
]
NUMBERS = ["1", "2.5", "-3e2", "", "NA", "nan", " 4", "１"]


def is_missing(cell):
    return cell is None or cell.strip() in ("", "NA") or cell.strip().lower() in ("nan", "+nan", "-nan")


def is_number(cell):
    try:
        float(cell.strip())
    except ValueError:
        return False
    return "_" not in cell


def reference_rows(text, kind):
    """Return rows as (line, cells), with None for the cells of a bad row."""
    lines = text.removeprefix(BOM).split("\n")
    lines = lines[: -1 if lines[-1] == "" else None]
    if kind == "tsv":
        return [(n, line.removesuffix("\r").split("\t")) for n, line in enumerate(lines, 1)]
    at, rows = 0, []
    while at < len(lines):
        reader = csv.reader((line + "\n" for line in lines[at:]), strict=True)
        try:
            row, n_lines = next(reader), reader.line_num
        except csv.Error:
            row, n_lines = None, 1  # only the first line of an invalid record is skipped
        rows.append((at + 1, row))
        at += n_lines
    return rows


def reference_kind(cells):
    """Return the type of a column by its first two cells of `CELLS`, or None without any."""
    if not cells:
        return None
    return "numbers" if all(map(is_number, cells)) else "labels"


def read_reference(text, kind, header, requested, head=2):
    """Read a table the obvious way, for comparison.

    Return its width, names, rows by group, lines, bad lines, and the line of the first bad cell, or 0 if the columns of
    a group differ in type.
    """
    rows = reference_rows(text, kind)
    bad = []
    while rows and rows[0][1] is None:
        bad.append(rows.pop(0)[0])
    blank = [n for n, row in rows if row in ([], [""])]
    first = next(((n, row) for n, row in rows if row not in ([], [""], None)), (None, [""]))
    width = len(first[1])
    if header is None:
        header = not all(is_missing(c) or is_number(c) for c in first[1])
    names = tuple(first[1]) if header and first[0] is not None else ()
    good = []
    for n, row in rows:
        if row in ([], [""]) and (width > 1 or (names and n < first[0])):
            continue
        if names and n == first[0]:
            continue
        row = [""] if row == [] else row
        if row is None or len(row) != width:
            bad.append(n)
        else:
            good.append((n, row))
    assert blank is not None
    columns = sorted({c for group in requested for c in group})
    first_cells = {c: [row[c] for _, row in good if not is_missing(row[c])][:head] for c in columns}
    trouble = None
    kinds = []
    for group in requested:
        of_columns = {reference_kind(first_cells[c]) for c in group} - {None}
        if len(of_columns) > 1:
            return width, names, [], [n for n, _ in good], sorted(bad), 0
        kinds.append(of_columns != {"labels"})
    values = []
    for group, is_numbers in zip(requested, kinds, strict=True):
        if not is_numbers:
            values.append([[None if is_missing(row[c]) else row[c] for _, row in good] for c in group])
            continue
        matrix = []
        for n, row in good:
            cells = [row[c] for c in group]
            if not all(is_missing(c) or (is_number(c) and math.isfinite(float(c.strip()))) for c in cells):
                trouble = min(n, trouble or n)
                break
            matrix.append([NAN if is_missing(c) else float(c.strip()) for c in cells])
        values.append(matrix)
    return width, names, values, [n for n, _ in good], sorted(bad), trouble


@st.composite
def tables(draw):
    kind = draw(st.sampled_from(["tsv", "csv"]))
    delimiter = "\t" if kind == "tsv" else ","
    width = draw(st.sampled_from([1, 2, 3, 9]))
    alphabet = st.sampled_from(draw(st.sampled_from([CELLS, NUMBERS, NUMBERS])))
    if kind == "csv" and draw(st.booleans()):
        alphabet = st.one_of(
            alphabet, st.sampled_from(['"a"', '"1"', '"p\nq"', '"p\r\nq"', '"a""b"', '""', '"a"b', 'a"b'])
        )
    row = st.lists(alphabet, min_size=width, max_size=width)
    if draw(st.booleans()):
        row = st.one_of(row, st.lists(alphabet, max_size=4))
    rows = [delimiter.join(cells) for cells in draw(st.lists(row, max_size=12))]
    if draw(st.booleans()):
        rows.insert(0, delimiter.join("uvwxyzrst"[:width]))
    ends = [draw(st.sampled_from(["\n", "\r\n"])) for _ in rows]
    if ends and draw(st.booleans()):
        ends[-1] = ""
    return kind, draw(st.sampled_from(["", BOM])) + "".join(map("".join, zip(rows, ends, strict=True)))


@given(
    tables(),
    st.sampled_from([True, False, None]),
    st.sampled_from(["utf-8", "utf-16", "gb18030", "utf-32-le"]),
    st.sampled_from(["stop", "skip"]),
    st.lists(st.lists(st.integers(0, 8), min_size=1, max_size=3, unique=True), min_size=1, max_size=2),
)
@example(("tsv", "1\t2\n\n3\t4\t5\n6\n"), None, "utf-8", "skip", [[0], [1]])
@example(("tsv", "\r\r\n\r\r\n"), None, "utf-8", "stop", [[0]])
@example(("csv", '1,1,1\n1,1,1\n1,"p\nq","a"b\n'), True, "utf-8", "skip", [[0]])
def test_delimited_rows_equal_reference(folder, small, table, header, encoding, on_error, requested):
    kind, text = table
    path = folder.put(f"a.{kind}", text.encode(encoding))
    width = read_reference(text, kind, header, [])[0]
    requested = [[c for c in group if c < width] or [0] for group in requested]
    _, names, values, numbers, bad, trouble = read_reference(text, kind, header, requested)
    x, *y = [[c + 1 for c in group] for group in requested]
    options = {"x": x, "y": y[0] if y else None, "header": header, "encoding": encoding, "on_error": on_error}
    if (on_error == "stop" and bad) or trouble is not None or not reference_rows(text, kind) or not (names or numbers):
        with pytest.raises(InputError) as raised:
            folder.read(path, **options)
        assert (raised.value.line or 0) in {trouble, 0 if not bad or on_error == "skip" else bad[0]}
        assert raised.value.line or trouble == 0 or not (names or numbers)
        return
    got = folder.read(path, **options)
    assert (got.names, got.lines, got.width) == (names, numbers, width)
    assert same(got.values, values)
    assert [reported.count for reported in got.reported if not isinstance(reported, Notice)] == [len(bad)] * bool(bad)


@given(st.lists(st.floats(allow_infinity=False), min_size=1), st.sampled_from(["%.17g", "%r", "%.3f", " %g "]))
def test_numbers_equal_those_of_float(folder, small, numbers, spelling):
    texts = [spelling % number for number in numbers]
    got = folder.read(folder.put("a.tsv", "".join(f"{text}\t{text}\n" for text in texts)), x="1-2")
    assert same(got.values, [[[float(text)] * 2 for text in texts]])


# JSONL


def test_json_numbers_keep_their_spelling_as_texts(folder):
    rows = (
        '{"a": 1}\n{"a": 1.0}\n{"a": 1e2}\n{"a": true}\n{"a": false}\n{"a": null}\n{"a": "NA"}\n{"a": NaN}\n{"b": 1}\n'
    )
    assert folder.read(folder.put("a.jsonl", rows), x="a", kinds=(False,)).values == [
        [["1", "1.0", "1e2", "true", "false", None, None, None, None]]
    ]


def test_true_is_text(folder):
    path = folder.put("a.jsonl", '{"a": 1}\n{"a": true}\n')
    assert folder.fails(InputError, path, kinds=(True,)).startswith("a.jsonl:2: 'true' in the column 'a' is not")


def test_key_missing_in_first_object_is_unknown(folder):
    path = folder.put("a.jsonl", '{"a": 1}\n{"a": 2, "b": 3}\n')
    assert folder.fails(InputError, path, x="b") == "a.jsonl:1: has no column 'b'; it has 'a'; name one with -x"


BAD_OBJECTS = {
    "not JSON": '{"a": ',
    "two values": '{"a": 1} {"a": 1}',
    "a list": "[1]",
    "a number": "1",
    "a list in the column": '{"a": [1]}',
    "an object in the column": '{"a": {}}',
    "half a pair": r'{"a": "\ud800"}',
    "a deep nest": "[" * 100_000,
}


@pytest.mark.parametrize("bad", BAD_OBJECTS.values(), ids=BAD_OBJECTS)
@pytest.mark.parametrize("at", [0, 1])
def test_bad_object_is_bad_record(folder, bad, at):
    rows = ['{"a": 1, "b": []}', '{"a": 2, "b": {}}']
    rows.insert(at, bad)
    path = folder.put("a.jsonl", "\n".join(rows))
    assert folder.fails(InputError, path).startswith(f"a.jsonl:{at + 1}: ")
    got = folder.read(path, on_error="skip")
    assert got.values == [[[1], [2]]]
    assert [place.line for place in got.reported[0].places] == [at + 1]


def test_half_surrogate_in_first_keys_is_bad_record(folder):
    path = folder.put("a.jsonl", '{"\\ud800": 1}\n{"a": 2}\n')
    assert folder.fails(InputError, path).startswith("a.jsonl:1: has half a surrogate pair")
    assert folder.read(path, on_error="skip").values == [[[2]]]


def test_blank_lines_of_jsonl_are_skipped(folder, small):
    got = folder.read(folder.put("a.jsonl", '\n \n{"a": 1}\n\n\r\n{"a": 2}\n\n'))
    assert (got.values, got.lines) == ([[[1], [2]]], [3, 6])


json_cells = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(CELLS)
)


@given(st.lists(st.dictionaries(st.sampled_from("ab"), json_cells), max_size=8), st.sampled_from(["utf-8", "utf-16"]))
def test_objects_equal_reference(folder, small, objects, encoding):
    objects.insert(0, {"a": 1, "b": "2"})
    path = folder.put("a.jsonl", "\n".join(map(json.dumps, objects)).encode(encoding))

    def text(value):
        return (
            None
            if is_missing(value if isinstance(value, str) else "x" * (value is not None))
            else (value if isinstance(value, str) else json.dumps(value))
        )

    got = folder.read(path, x="a", y="b", kinds=(False, False), encoding=encoding)
    assert got.values == [[[text(one.get(name)) for one in objects]] for name in "ab"]
    assert got.lines == [*range(1, len(objects) + 1)]


# Arrays


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("way", ["plain", "gz"])
@pytest.mark.parametrize("dtype", ["f8", ">f4", "f2", "i8", "u1", ">i2", "?", "g"])
def test_arrays_of_numbers_are_read(folder, monkeypatch, order, way, dtype):
    from kxcli.corpus.tables import arrays

    monkeypatch.setattr(arrays, "_BATCH", 64)
    array = np.asarray(np.arange(60).reshape(20, 3) % 5, dtype, order=order)
    path = folder.put_array("a.npy", array)
    if way == "gz":
        with open(path, "rb") as file:
            path = folder.put("a.npy.gz", gzip.compress(file.read()))
    got = folder.read(path, x="3,1")
    assert (got.names, got.width, got.lines) == ((), 3, [*range(1, 21)])
    assert np.array_equal(got.groups[0], array[:, [2, 0]].astype(float)) and len(got.sizes) <= 20


def test_one_dimensional_array_is_column(folder):
    assert same(folder.read(folder.put_array("a.npy", np.array([1, NAN]))).values, [[[1], [NAN]]])


def test_array_numbers_as_texts(folder):
    def texts(array):
        return folder.read(folder.put_array("a.npy", array), kinds=(False,)).values[0][0]

    assert texts(np.array([1.5, 2, NAN, np.inf])) == ["1.5", "2.0", None, "inf"]
    assert texts(np.array([0.1], "f4")) == ["0.1"]
    assert texts(np.array([1, 2])) == ["1", "2"]
    assert texts(np.array([True, False])) == ["True", "False"]


@pytest.mark.parametrize("dtype", ["U", "S", ">U3"])
def test_arrays_of_texts_are_read(folder, dtype):
    texts = ["好", "NA", "", " x"]
    array = np.array([t.encode() for t in texts]) if dtype == "S" else np.array(texts, dtype)
    assert folder.read(folder.put_array("a.npy", array)).values == [[["好", None, None, " x"]]]
    numbers = np.array([["1", "x"], ["NA", "y"]]).astype(dtype)
    assert same(folder.read(folder.put_array("b.npy", numbers)).values, [[[1], [NAN]]])


def test_bad_bytes_of_array_stop_skip_or_are_replaced(folder):
    path = folder.put_array("a.npy", np.array([b"a", b"\xff", b"c"]))
    assert folder.fails(InputError, path).startswith("a.npy:2: byte 0xff is not valid utf-8; ")
    got = folder.read(path, on_error="skip")
    assert (got.values, got.lines, got.reported[0].count) == ([[["a", "c"]]], [1, 3], 1)
    got = folder.read(path, on_error="replace")
    assert (got.values, got.reported[0].places[0].line) == ([[["a", "\ufffd", "c"]]], 2)


@pytest.mark.parametrize("code", [0xD800, 0x110000, 0xFFFFFFFF])
def test_invalid_code_points_are_bad_records(folder, code):
    path = folder.put_array("a.npy", np.array([97, code, 98], "<u4").view("<U1"))
    assert folder.fails(InputError, path).startswith("a.npy:2: ")
    assert folder.read(path, on_error="skip").values == [[["a", "b"]]]


@pytest.mark.parametrize("shape", [(0,), (0, 2)])
@pytest.mark.parametrize("dtype", ["f8", "U1"])
def test_empty_array_is_table_without_rows(folder, shape, dtype):
    path = folder.put_array("a.npy", np.empty(shape, dtype))
    assert folder.read(path).sizes == [0]
    with open(path, "rb") as file:
        assert folder.read(folder.put("a.npy.gz", gzip.compress(file.read()))).sizes == [0]


def written(array):
    with io.BytesIO() as file:
        np.lib.format.write_array(file, np.asanyarray(array))
        return file.getvalue()


BAD_ARRAYS = {
    "three dimensions": written(np.zeros((2, 2, 2))),
    "no dimension": written(np.zeros(())),
    "no columns": written(np.zeros((2, 0))),
    "complex": written(np.zeros(2, complex)),
    "structured": written(np.zeros(2, "f8,i4")),
    "dates": written(np.zeros(2, "M8[s]")),
    "objects": written(np.array([1, None], object)),
    "cut off": written(np.zeros(50))[:-1],
    "cut off early": written(np.zeros(50))[:130],
    "header cut off": written(np.zeros(50))[:40],
    "magic alone": b"\x93NUMPY\x01",
    "another version": b"\x93NUMPY\x09\x00" + written(np.zeros(50))[8:],
    "bytes after it": written(np.zeros(5)) + b"x",
    "text": b"1\t2\n",
    "negative": written(np.zeros(5)).replace(b"(5,), } ", b"(-5,), }"),
    "huge": written(np.zeros(5)).replace(b"(5,), }" + b" " * 12, b"(5555555555555,), }"),
    "no type": written(np.zeros(5)).replace(b"'<f8'", b"'<q9'"),
    "bad syntax": written(np.zeros(5)).replace(b"{", b"("),
}


@pytest.mark.parametrize("data", BAD_ARRAYS.values(), ids=BAD_ARRAYS)
@pytest.mark.parametrize("way", ["plain", "gz"])
def test_unreadable_array_is_error(folder, data, way):
    path = folder.put("a.npy", data if way == "plain" else gzip.compress(data))
    message = folder.fails(InputError, path)
    assert message.startswith("a.npy: ") and "; " in message and "\n" not in message


@given(st.integers(0, 127), st.integers(0, 255))
def test_damaged_array_header_is_error_or_read(folder, at, byte):
    data = bytearray(written(np.arange(10.0)))
    data[at] = byte
    for packed in (bytes(data), gzip.compress(bytes(data), 1)):
        try:
            got = folder.read(folder.put("a.npy", packed))
        except InputError as error:
            assert str(error).startswith(folder.path)
        else:
            assert len(got.lines) <= 80


# Selection of columns


class Named:
    """A table with these names."""

    def __init__(self, *names, width=None):
        self.names, self.width, self.path = names, width or len(names), "a.tsv"
        self.notes, self.row_below, self.delimiter = [], None, None
        self.note = self.notes.append

    def describe_column(self, column):
        return f"the column {self.names[column]!r}" if self.names else f"the column {column + 1}"


@pytest.mark.parametrize(
    ("names", "text", "columns"),
    [
        ("a b c", "a", (0,)),
        ("a b c", "c,a", (2, 0)),
        ("a b c", "2", (1,)),
        ("a b c", "1-3", (0, 1, 2)),
        ("a b c", "1:3", (0, 1, 2)),
        ("a b c", "a:c", (0, 1, 2)),
        ("a b c", "a-c", (0, 1, 2)),
        ("a b c", "b:3,a", (1, 2, 0)),
        ("a b c", "2:c", (1, 2)),
        ("a b c", "b:b", (1,)),
        ("a b c", "a, c", (0, 2)),
        ("a b c", "a, 2", (0, 1)),
        ("2 1", "1", (1,)),
        ("2 1", "2:1", (0, 1)),
        ("a a,b b", "a,b", (1,)),
        ("a-b a b c", "a-b", (0,)),
        ("a b-c d", "a-b-c", (0, 1)),
        ("a-b c-d", "a-b-c-d", (0, 1)),
        ("a:b c d", "a:b:d", (0, 1, 2)),
        ("1-2 x", "1-2", (0,)),
        ("2019 2020 2021", "2019-2021", (0, 1, 2)),
        ("a b", "01", (0,)),
    ],
)
def test_columns_are_selected(names, text, columns):
    assert select_columns(text, Named(*names.split(" ")), "-x") == columns


def test_ambiguous_column_number_is_reported():
    table = Named("a", "1", "9")
    assert select_columns("1", table, "-x") == (1,)
    assert table.notes == ["-x 1 is the column of that name, which is number 2"]
    table.notes.clear()
    assert select_columns("9,a,2", table, "-x") == (2, 0, 1)
    assert not table.notes


HEADERS_OR_NOT = {
    "iris": "5.1,3.5,1.4,0.2,Iris-setosa\n4.9,3.0,1.4,0.2,Iris-setosa\n7,3.2,4.7,1.4,Iris-versicolor\n",
    "adult": "39, State-gov, 77516, Bachelors, 13\n50, Private, 83311, HS-grad, 9\n",
    "years": "country,1990,2000\nChina,1.1,1.2\nPeru,2,3\n",
    "one number": "name,2\na,1\nb,3\n",
}


@pytest.mark.parametrize("text", HEADERS_OR_NOT.values(), ids=HEADERS_OR_NOT)
@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_header_with_numbers_is_reported(folder, text, kind):
    path = folder.put(f"a.{kind}", text.replace(",", "," if kind == "csv" else "\t"))
    got = folder.read(path)
    number = next(name for name in got.names if name.strip().replace(".", "").isdigit())
    assert [reported.message for reported in got.reported] == [
        f"the first row is read as the columns' names, although {number!r} in it is a number; "
        "use --no-header-in if it is data, or --header-in"
    ]
    assert folder.read(path, header=True).reported == []
    got = folder.read(path, header=False)
    assert (got.reported, got.lines[0]) == ([], 1)


@pytest.mark.parametrize("text", ["yes\tA\nno\tB\nyes\tA\n", "no\tA\nyes\tB\nno\tB\n"])
def test_header_cell_that_recurs_below_is_reported(folder, text):
    path = folder.put("a.tsv", text)
    assert [reported.message for reported in folder.read(path, x=(1,), y=(2,)).reported] == [
        f"the first row is read as the columns' names, although {text.split()[0]!r} in it occurs again below it; "
        "use --no-header-in if it is data, or --header-in"
    ]
    assert folder.read(path, x=(1,), y=(2,), header=True).reported == []
    assert folder.read(folder.put("b.tsv", "answer\tkind\n" + text), x=(1,), y=(2,)).reported == []
    assert folder.read(folder.put("c.jsonl", '{"a": "a"}\n{"a": "b"}\n')).reported == []


def test_spaces_belong_to_names():
    table = Named("a", " a", "b c", "")
    assert [select_columns(text, table, "-x") for text in (" a", "a", "a, a", "b c,a", "")] == [
        (1,),
        (0,),
        (0, 1),
        (2, 0),
        (3,),
    ]
    assert select_columns("a,", table, "-x") == (0, 3)


def test_numbers_select_without_header():
    assert select_columns("2-3,1", Named(width=3), "-x") == (1, 2, 0)


@pytest.mark.parametrize("text", ["c-a", "3-1", "3:1", "a,a", "a,1", "1-2,b", "0", "0-2", "a,,b", ""])
def test_invalid_selection_is_usage_error(text):
    with pytest.raises(UsageError, match=re.escape(f"-y {text!r}: ")):
        select_columns(text, Named("a", "b", "c"), "-y")


def test_ambiguous_range_is_usage_error():
    with pytest.raises(UsageError, match="more than one"):
        select_columns("a-b-c", Named("a", "b-c", "a-b", "c"), "-x")


@pytest.mark.parametrize(
    ("text", "unknown"),
    [("z", "z"), ("a,z", "z"), ("a:z", "z"), ("z:a", "z"), ("a-z", "a-z"), ("9", "9"), ("1-9", "9")],
)
def test_unknown_column_error_lists_columns(text, unknown):
    with pytest.raises(InputError) as raised:
        select_columns(text, Named("a", "b"), "-x")
    assert str(raised.value) == f"a.tsv:1: has no column {unknown!r}; it has 'a', 'b'; name one with -x"


def test_unknown_column_error_without_header_lists_numbers():
    with pytest.raises(InputError, match=r"a\.tsv:1: has no column 'x'; it has no header: .* 1 to 3, with -x"):
        select_columns("x", Named(width=3), "-x")


def test_repeated_column_name_is_error():
    with pytest.raises(InputError, match=r"has 2 columns 'a'; name one by its number, 1 or 3, with -x"):
        select_columns("a", Named("a", "b", "a"), "-x")
    assert select_columns("3", Named("a", "b", "a"), "-x") == (2,)


# Memory, warnings


def test_large_table_is_read_in_blocks(folder):
    path = folder.put("a.tsv", "x\ty\tz\n" + ("0.123456789\t" + "9" * 300 + "\t1\n") * 100_000)
    size = os.path.getsize(path)
    tracemalloc.start()
    try:
        with open_table(resolve_sources([path]), TableReading(None, "utf-8", None, "stop", print)) as opened_table:
            rows = sum(
                len(block.lines)
                for block in opened_table.iter_blocks([ColumnGroup((0,), None), ColumnGroup((2,), None)])
            )
        assert rows == 100_000
        assert tracemalloc.get_traced_memory()[1] < size / 2
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("text", ["", "\n", "\r\r\n", " \n", "x\n", "x\n\n\n", "1\n\n\n", "\n\r\n", "x\n\r\r\n"])
@pytest.mark.parametrize("on_error", ["stop", "skip"])
def test_numpy_warnings_are_silent(folder, text, on_error, small):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for kind in ("tsv", "csv", "jsonl"):
            with suppress(InputError):
                folder.read(folder.put("a", text), kind=kind, on_error=on_error)


def test_reading_stops_early(folder):
    path = folder.put("a.tsv", "1\t2\n" * 500_000)
    with open_table(resolve_sources([path]), TableReading(None, "utf-8", None, "stop", print)) as opened_table:
        assert len(next(iter(opened_table.iter_blocks([ColumnGroup((0,), None)]))).lines) >= 1000


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["f8", ">i2", "U4", "S3"])
def test_array_truncated_while_read_is_error(tmp_path, order, dtype, monkeypatch):
    monkeypatch.setattr(arrays, "_COLUMNS", 1 << 10)
    path = tmp_path / "a.npy"
    np.save(path, np.ones((300_000, 4), dtype, order))  # several parts in both orders
    [source] = resolve_sources([str(path)])
    with pytest.raises(InputError, match=r"a\.npy: changed while it was read"), source.open() as file:
        part = arrays.read(SourceBytes(source, file), ReadDiagnostics(str(path), "stop"))
        chunks = part.read_chunks([0, 3])
        next(chunks)
        os.truncate(path, 1000)
        list(chunks)


@pytest.mark.parametrize("columns", [[0], [2, 5], [5, 2], [0, 1, 2, 3, 4, 5]])
def test_fortran_columns_are_read_in_parts(tmp_path, columns, monkeypatch):
    monkeypatch.setattr(arrays, "_COLUMNS", 1 << 10)
    values = np.random.default_rng(5).normal(size=(1000, 6))
    path = tmp_path / "a.npy"
    np.save(path, np.asfortranarray(values))
    [source] = resolve_sources([str(path)])
    with source.open() as file:
        chunks = list(arrays.read(SourceBytes(source, file), ReadDiagnostics(str(path), "stop")).read_chunks(columns))
    assert len(chunks) > 5
    assert np.array_equal(
        np.concatenate([chunk.numbers(columns, MissingCodes(DEFAULT_CODES)) for chunk in chunks]), values[:, columns]
    )
    assert np.concatenate([chunk.lines for chunk in chunks]).tolist() == list(range(1, 1001))


# Random bytes


TOKENS = [
    *(b"\t", b",", b";", b"\n", b"\r\n", b"\r", b'"', b'""', b" ", b"\0", b"\x0b", b"\xc2\x85", b"\xe2\x80\xa8"),
    *(b"1", b"-2.5e3", b"1,5", b"12%", b"$3", b"NA", b"nan", b"NULL", b"inf", b"-9999"),
    *(b"9" * 30, b"1" * 5000, b"1e999"),
    *(b"a", b"b", "好".encode(), "\u2212" + "1", b"\xff", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"x" * 300),
    *(b'{"a": 1, "b": "x"}', b'{"a": null}', b'{"a": [1]}', b'{"a": NaN, "b": -Infinity}', b'{"b": "\\ud800"}', b"{}"),
    *(b"{", b"}", b"[", b"]", b":", b"null", b"true", b"[" * 2000, b'{"a":' * 2000, b'{"\\ud800": 1}', b'{"a": 1e400}'),
]


def bytes_of(tokens):
    return b"".join(token if isinstance(token, bytes) else token.encode() for token in tokens)


@settings(derandomize=True, max_examples=150)
@given(
    st.lists(st.sampled_from(TOKENS), max_size=30).map(bytes_of) | st.binary(max_size=60),
    st.sampled_from(["tsv", "csv", "jsonl", "npy", "npz"]),
    st.sampled_from(["utf-8", "auto", "utf-16", "gb18030", "utf-16-le", "ascii"]),
    st.sampled_from(["stop", "skip", "replace"]),
    st.sampled_from([True, False, None]),
    st.lists(st.sampled_from(["", "x", "-9999", "inf", "1,5", "\t", "1_0", "9" * 400]), max_size=2),
    st.sampled_from(["a", "1", "a,b", "1-2", "b", "2:1", "9" * 30, "", "好", "-", ":"]),
    st.sampled_from([None, True, False]),
    st.builds(
        TableLayout, st.sampled_from([None, None, ";", "\t", "white"]), st.sampled_from(["", "a"]), st.integers(0, 2)
    ),
    st.sampled_from(
        [NumberFormat(), NumberFormat(), NumberFormat(","), NumberFormat(",", "."), NumberFormat(".", " ")]
    ),
)
def test_any_bytes_are_table_or_input_error(
    folder, small, data, kind, encoding, on_error, header, na_values, columns, is_number, layout, number_format
):
    path = folder.put(f"a.{kind}", data)
    options = {"encoding": encoding, "on_error": on_error, "header": header, "na_values": na_values}
    options |= {"layout": layout, "number_format": number_format}
    with suppress(InputError, UsageError):
        got = folder.read(path, x=columns, kinds=(is_number,), **options)
        assert len({len(group) if isinstance(group, np.ndarray) else len(group[0]) for group in got.groups}) <= 1
