"""`kxcli hsic` over many columns: --screen and --matrix."""

import csv
import io
import json
import math
import random

import hsic_definition as definition
import pytest
from hsic_tables import (
    CUTS,
    EDGE_COLUMNS,
    GAPS,
    NEARLY_ALL,
    SCREEN_COLUMNS,
    WORD_COLUMNS,
    approx_or_none,
    call,
    format_cell,
    make_people,
    make_reviews,
    matrix,
    npy_bytes,
    objects,
    tsv,
)
from test_failures import put

from kxcli.mining import Kernel, measure_dependence
from kxcli.mining import Testing as HsicTest  # pytest would take it for a test
from kxcli.mining.multiple_tests import adjust_p_values


def assert_sequential(row, found):
    """Compare p, and the draws that it rests on, with those of a single test of 1,000 draws of the same seed."""
    p, draws, alone = row["p_value"], row["draws"], found["p_value"]
    if p is None or draws in (None, 1000):
        assert (p, draws) == (alone, found["draws"])
    else:
        assert p == 100 / draws or draws > 1000
        assert abs(p - alone) < 0.5 * alone


def expect_screening(table, names, label, testing=None, **options):
    """Return the rows of a screening, from single measurements."""
    found = {name: measure_dependence(table[name], table[label], testing=testing, **options) for name in names}
    order = sorted(names, key=lambda name: (-(found[name].cka_unbiased or -2), name))
    return [
        {
            "column": name,
            **{key: getattr(found[name], key) for key in SCREEN_COLUMNS},
            "q_value": None,
            "draws": found[name].draws,
        }
        for name in order
    ]


def assert_q_values(rows):
    """Compare the q-values with those of the p-values."""
    tested = [row for row in rows if row["p_value"] is not None]
    q_values = definition.q_values([row["p_value"] for row in tested])
    assert [row["q_value"] for row in tested] == pytest.approx(q_values, rel=1e-14)
    assert {row["q_value"] for row in rows if row["p_value"] is None} <= {None}


@pytest.mark.parametrize("test", ["auto", "eigen", "none"])
def test_columns_are_ranked_by_a_label(kxcli, workers, test):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "label", "--test", test, "-j", workers)
    rows = objects(kxcli(*use, "-f", "jsonl", "a.tsv"))
    right = expect_screening(table, ["x", "y", "z", "text"], "label", HsicTest(test))
    assert [list(row) for row in rows] == [list(row) for row in right]
    assert_q_values(rows)
    for row, other in zip(rows, right, strict=True):
        assert_sequential(row, other)
        tests = {key: other[key] for key in ("p_value", "q_value", "draws")}
        assert {**row, **tests} == other


@pytest.mark.parametrize(("n_dependent", "draws"), [(1, 4_000), (60, 1_000)])
@pytest.mark.full
def test_few_dependent_columns_get_more_draws(kxcli, n_dependent, draws):
    """The q of one of 60 columns is 60 / 1,001 by 1,000 draws, that of all 60 is 1 / 1,001."""
    draw = random.Random(1)
    y = [draw.gauss(0, 1) for _ in range(40)]
    table = {f"x{i}": [(i < n_dependent) * 3 * value + draw.gauss(0, 1) for value in y] for i in range(60)}
    ended = kxcli("hsic", "--screen", "y", "-f", "jsonl", stdin=tsv({"y": y, **table}))
    rows = objects(ended)[:n_dependent]
    assert {row["column"] for row in rows} == {f"x{i}" for i in range(n_dependent)}
    assert {(row["draws"], row["p_value"]) for row in rows} == {(draws, 1 / (draws + 1))}
    assert max(row["q_value"] for row in rows) < 0.02 and ended.err == ""


@pytest.mark.full
def test_screening_by_numbers_over_selected_columns(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "x", "-x", "z,y,x", "--kernel-x", "laplace", "--kernel-y", "linear", "-f", "jsonl")
    rows = objects(kxcli(*use, "a.tsv"))
    right = expect_screening(table, ["x", "y", "z"], "x", kernel_x="laplace", kernel_y="linear")
    assert [row["column"] for row in rows] == [row["column"] for row in right] == ["x", "y", "z"]
    assert [row["cka"] for row in rows] == [row["cka"] for row in right]


@pytest.mark.full
def test_screening_of_columns_is_a_table(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "label", "a.tsv")
    right = objects(kxcli(*use, "-f", "jsonl"))
    header, *lines = kxcli(*use, "--header").rows
    assert header == ["column", *SCREEN_COLUMNS, "q_value", "draws"]
    assert lines == [[format_cell(value) for value in row.values()] for row in right]
    assert kxcli(*use).rows == lines
    assert list(csv.reader(io.StringIO(kxcli(*use, "-f", "csv").text))) == [header, *lines]
    for top in (0, 2, 9):
        assert kxcli(*use, "--top", top).rows == lines[:top]


@pytest.mark.full
def test_edges_without_a_test_have_no_q_value(kxcli):
    table = make_people()
    (row,) = objects(kxcli("hsic", "--matrix", "edges", "-x", "x,y", "--test", "none", "-f", "jsonl", stdin=tsv(table)))
    assert (row["n"], row["p_value"], row["q_value"]) == (40, None, None)


def test_columns_are_ranked_by_the_unbiased_alignment(kxcli):
    """A column of distinct cells has a large CKA with any label, but no unbiased one."""
    table = make_people(60)
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


def test_equal_columns_are_ordered_by_name(kxcli):
    table = {name: [i % 3 for i in range(12)] for name in ("b", "a", "B", "é", "Z")}
    table["label"] = ["xxyy"[i % 4] for i in range(12)]
    rows = kxcli("hsic", "--screen", "label", stdin=tsv(table)).rows
    assert [row[0] for row in rows] == ["B", "Z", "a", "b", "é"]
    assert len({tuple(row[1:]) for row in rows}) == 1


@pytest.mark.full
def test_columns_without_names_have_numbers(kxcli):
    table = make_people()
    data = npy_bytes(matrix(table))
    put(kxcli, "a.npy", data)
    rows = kxcli("hsic", "--screen", 2, "a.npy").rows
    assert sorted(row[0] for row in rows) == ["1", "3"]
    assert kxcli("hsic", "--matrix", "square", "--header", "a.npy").rows[0] == ["column", "1", "2", "3"]


def expect_words(table, cut, least):
    """Return the rows of a screening of words, from the definitions."""
    terms = [set(cut(text)) for text in table["review"]]
    n, labels = len(terms), list(dict.fromkeys(table["stars"]))
    sizes = [table["stars"].count(label) for label in labels]
    own = definition.delta(table["stars"])
    found = []
    for word in set().union(*terms):
        held = [word in some for some in terms]
        if sum(held) < least:
            continue
        counts = [sum(h and star == label for h, star in zip(held, table["stars"], strict=True)) for label in labels]
        excess = [n * c - sum(held) * size for c, size in zip(counts, sizes, strict=True)]
        k = definition.delta(held)
        found.append(
            {
                "word": word,
                "df": sum(held),
                "label": labels[excess.index(max(excess))],
                "biased_n2": definition.biased_n2(k, own),
                "cka": None if all(held) else definition.cka(k, own),
                "p_value": None if all(held) else float(definition.exact_screening_p(counts, sizes)),
                "q_value": None,
            }
        )
    tested = [row for row in found if row["p_value"] is not None]
    for row, q_value in zip(tested, definition.q_values([row["p_value"] for row in tested]), strict=True):
        row["q_value"] = q_value
    return sorted(found, key=lambda row: (row["cka"] is None, -round(row["cka"] or 0, 12), row["word"]))


@pytest.mark.parametrize(
    ("kernel", "labels", "workers"),
    [("bow", ["good", "bad"], 1), ("bow", ["good", "so-so", "bad"], 2), ("ngram:2", ["good", "bad"], 2)],
    ids=["two labels", "three labels", "n-grams"],
)
def test_words_are_ranked_by_a_label(kxcli, kernel, labels, workers):
    options, cut = CUTS[kernel]
    table = make_reviews(labels)
    ended = kxcli("hsic", "-j", workers, "--screen", "stars", "-x", "review", *options, "-f", "jsonl", stdin=tsv(table))
    rows, right = objects(ended), expect_words(table, cut, 5)
    assert len(right) > 5
    assert [row["word"] for row in rows] == [row["word"] for row in right]
    is_exact = len(labels) == 2
    for row, other in zip(rows, right, strict=True):
        assert list(row) == WORD_COLUMNS
        assert (row["df"], row["label"]) == (other["df"], other["label"])
        assert row["biased_n2"] == pytest.approx(other["biased_n2"], rel=1e-9, abs=1e-15)
        assert row["cka"] == approx_or_none(other["cka"], 1e-9, 1e-14)
        p = other["p_value"]
        draws = row["draws"]
        assert (draws is None) == (is_exact or p is None)
        spread = 0 if draws is None else 5 * math.sqrt(p * (1 - p) / draws) + 1 / draws
        assert row["p_value"] == approx_or_none(p, 1e-9, spread)
        assert (row["q_value"] is None) == (p is None)
    tested = [row for row in rows if row["p_value"] is not None]
    q_values = definition.q_values([row["p_value"] for row in tested])
    assert [row["q_value"] for row in tested] == pytest.approx(q_values, rel=1e-12)


@pytest.mark.full
def test_rare_words_are_excluded_with_a_note(kxcli):
    table = make_reviews(["good", "bad"])
    table["review"][0] += " 仅此 Rare"
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space", "-f", "jsonl", "a.tsv")
    all_words = kxcli(*use, "--min-df", 1)
    assert all_words.err == "" and "仅此" in all_words.text
    for least in (None, 5, 20):
        ended = kxcli(*use, *(() if least is None else ("--min-df", least)))
        right = expect_words(table, str.split, least or 5)
        assert [row["word"] for row in objects(ended)] == [row["word"] for row in right]
        n_excluded = len(objects(all_words)) - len(right)
        words = f"{n_excluded} word{'s' * (n_excluded != 1)}"
        assert (
            n_excluded
            and ended.err == f"kxcli: ignored {words} in fewer than {least or 5} rows (--min-df {least or 5})\n"
        )
    assert [row["word"] for row in objects(kxcli(*use, "--top", 2))] == [
        row["word"] for row in expect_words(table, str.split, 5)[:2]
    ]


@pytest.mark.costly
@pytest.mark.parametrize("method", ["bh", "by", "holm"])
def test_p_values_are_adjusted_by_the_requested_method(kxcli, method):
    people, words = make_people(), make_reviews(["good", "so-so", "bad"])
    for options, table in (
        (("--screen", "x"), people),
        (("--matrix", "edges"), people),
        (("--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space"), words),
    ):
        rows = objects(kxcli("hsic", *options, "--p-adjust", method, "-f", "jsonl", stdin=tsv(table)))
        expected = adjust_p_values([row["p_value"] for row in rows], method)
        assert [row["q_value"] for row in rows] == [approx_or_none(q, 1e-12) for q in expected]
        (row, *_) = objects(kxcli("hsic", *options, "--p-adjust", "none", "-f", "jsonl", stdin=tsv(table)))
        assert "p_value" in row and "q_value" not in row


def test_word_options_apply_to_screening(kxcli):
    table = make_reviews(["good", "bad"])
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
    assert header == WORD_COLUMNS
    words = [line[0] for line in lines]
    assert "rare" in words and "每" not in words and "Rare" not in words


@pytest.mark.parametrize(
    ("kernel", "labels", "test"),
    [("bow", "same", "auto"), ("ngram:2", "all different", "eigen"), ("bow", "all different", "permutation")],
)
def test_words_are_not_tested_against_uninformative_labels(kxcli, kernel, labels, test):
    table = make_reviews(["good"])
    if labels != "same":
        table["stars"] = [f"s{i}" for i in range(len(table["stars"]))]
    put(kxcli, "a.tsv", tsv(table))
    use = ("hsic", "--screen", "stars", "-x", "review", *CUTS[kernel][0], "--test", test, "-f", "jsonl", "a.tsv")
    code, out, err = call(kxcli, *use)
    assert code == 0 and err.startswith("kxcli: warning: ") and "so the tests are undefined" in err
    found = list(map(json.loads, out.splitlines()))
    assert found and {(row["p_value"], row["q_value"]) for row in found} == {(None, None)}
    if labels == "same":
        assert "'good'" in err and {(row["biased_n2"], row["cka"]) for row in found} == {(0, None)}


@pytest.mark.parametrize(
    ("labels", "test"),
    [(["good", "bad"], "auto"), (["good", "so-so", "bad"], "eigen"), (["good", "so-so", "bad"], "permutation")],
    ids=["auto", "eigen", "permutation"],
)
def test_word_of_all_texts_is_not_tested_and_last(kxcli, labels, test):
    table = make_reviews(labels)
    use = ("hsic", "--screen", "stars", "-x", "review", "--kernel-x", "bow", "-t", "space", "--test", test, "-q")
    put(kxcli, "without.tsv", tsv(table))
    table["review"] = [f"{text} everywhere" for text in table["review"]]
    put(kxcli, "with.tsv", tsv(table))
    others = call(kxcli, *use, "without.tsv")[1].splitlines()
    rows = call(kxcli, *use, "with.tsv")[1].splitlines()
    (added,) = [row for row in rows if row not in others]
    assert [row for row in rows if row != added] == others  # q too is that of the words that are tested
    assert added.split("\t")[0] == "everywhere" and added.split("\t")[4:] == [""] * 4
    assert set(rows[-2:]) == {added, others[-1]} and others[-1].startswith("每")


def test_columns_are_not_tested_against_a_constant_label(kxcli):
    table = {**make_people(), "label": ["a"] * 40}
    ended = kxcli("hsic", "--screen", "label", "-x", "z,x,y", "-f", "jsonl", stdin=tsv(table))
    assert [row["column"] for row in objects(ended)] == ["x", "y", "z"]
    assert {(row["biased_n2"], row["cka"], row["p_value"], row["q_value"]) for row in objects(ended)} == {
        (0, None, None, None)
    }
    assert "constant" in ended.err


def all_pairs(table, names, testing=None):
    return {
        (a, b): measure_dependence(table[a], table[b], testing=testing) for i, a in enumerate(names) for b in names[i:]
    }


VALUES = ["biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value"]


@pytest.mark.costly
@pytest.mark.parametrize("value", [None, *VALUES])
@pytest.mark.full
def test_square_matrix_has_all_pairs(kxcli, value):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    names = ["x", "z", "label"]
    use = ("hsic", "--matrix", "square", "-x", "x,z,label", *(("--value", value) if value else ()))
    found = {pair: getattr(one, value or "cka_unbiased") for pair, one in all_pairs(table, names).items()}
    if value == "p_value":
        edges = objects(kxcli("hsic", "--matrix", "edges", "-x", "x,z,label", "-f", "jsonl", "a.tsv"))
        found |= {(row["x"], row["y"]): row["p_value"] for row in edges}
    right = [[found[tuple(sorted((a, b), key=names.index))] for b in names] for a in names]
    header, *lines = kxcli(*use, "--header", "a.tsv").rows
    assert header == ["column", *names]
    assert lines == [[name, *map(format_cell, values)] for name, values in zip(names, right, strict=True)]
    assert kxcli(*use, "a.tsv").rows == lines
    if value is None:
        assert [line[i] for i, line in enumerate(lines, 1)] == ["1"] * 3
        assert objects(kxcli(*use, "-f", "jsonl", "a.tsv")) == [
            {"column": name, **dict(zip(names, values, strict=True))} for name, values in zip(names, right, strict=True)
        ]
        assert list(csv.reader(io.StringIO(kxcli(*use, "-f", "csv", "a.tsv").text))) == [header, *lines]


@pytest.mark.full
def test_edges_have_a_row_per_pair(kxcli):
    table = make_people()
    put(kxcli, "a.tsv", tsv(table))
    names = list(table)
    use = ("hsic", "--matrix", "edges", "--seed", 3)
    found = {pair: one for pair, one in all_pairs(table, names, HsicTest(seed=3)).items() if pair[0] != pair[1]}
    rows = objects(kxcli(*use, "-f", "jsonl", "a.tsv"))
    assert [list(row) for row in rows] == [["x", "y", *EDGE_COLUMNS]] * 10
    assert_q_values(rows)
    for row, ((a, b), one) in zip(rows, found.items(), strict=True):
        assert_sequential(row, vars(one))
        keys = EDGE_COLUMNS[:-3]
        assert [row[key] for key in ("x", "y", *keys)] == [a, b, *(getattr(one, key) for key in keys)]
    header, *lines = kxcli(*use, "--header", "a.tsv").rows
    assert header == ["x", "y", *EDGE_COLUMNS]
    assert lines == [[format_cell(value) for value in row.values()] for row in rows]
    assert list(csv.reader(io.StringIO(kxcli(*use, "-f", "csv", "a.tsv").text))) == [header, *lines]


def test_matrix_has_one_kernel_and_bandwidth_for_all_columns(kxcli):
    table = make_people()
    use = ("hsic", "--matrix", "edges", "-x", "x-z", "--kernel-x", "laplace", "--sigma-x", 2, "-f", "jsonl")
    rows = objects(kxcli(*use, stdin=tsv(table)))
    assert {(row["kernel_x"], row["sigma_x"], row["kernel_y"], row["sigma_y"]) for row in rows} == {
        ("laplace", 2, "laplace", 2)
    }
    kernel = Kernel("laplace", 2.0)
    found = measure_dependence(table["x"], table["y"], kernel_x=kernel, kernel_y=kernel)
    assert (rows[0]["cka"], rows[0]["p_value"]) == (found.cka, found.p_value)


def test_matrix_of_texts(kxcli):
    table = make_people()
    some = {"a": table["text"], "b": [text[::-1] for text in table["text"]]}
    (row,) = objects(
        kxcli("hsic", "--matrix", "edges", "--kernel-x", "ngram:2", "--cosine", "-f", "jsonl", stdin=tsv(some))
    )
    kernel = Kernel("ngram", n=2, cosine=True)
    found = measure_dependence(some["a"], some["b"], kernel_x=kernel, kernel_y=kernel)
    assert (row["kernel_x"], row["cka"], row["p_value"]) == ("ngram:2+cosine", found.cka, found.p_value)


def test_matrix_with_a_constant_column(kxcli):
    table = {**{name: make_people()[name] for name in "xy"}, "c": [1] * 40}
    put(kxcli, "a.tsv", tsv(table))
    ended = kxcli("hsic", "--matrix", "square", "-f", "jsonl", "a.tsv")
    assert [row["c"] for row in objects(ended)] == [None] * 3
    assert list(objects(ended)[2].values()) == ["c", None, None, None]
    assert "c (y)" in ended.err and "constant" in ended.err
    assert kxcli("hsic", "--matrix", "square", "-q", "a.tsv").rows[2] == ["c", "", "", ""]


def make_table_with_gaps(seed=3, n=60):
    """Return a table with different gaps in each column but x; z and w share theirs, and notes are nearly empty."""
    draw = random.Random(seed)
    table = make_people(n)
    for name, share in {"y": 0.1, "z": 0.4, "label": 0.2, "text": 0.3}.items():
        table[name] = [draw.choice(GAPS) if draw.random() < share else cell for cell in table[name]]
    table["w"] = ["" if cell in GAPS else draw.gauss(0, 1) for cell in table["z"]]
    table["notes"] = ["ok" if i in (1, 7, 9) else "" for i in range(n)]
    return table


def measure_pair(kxcli, x, y, *options):
    """Return the result of a run over two columns."""
    code, out, _ = call(kxcli, "hsic", "-x", x, "-y", y, "-f", "jsonl", *options, "a.tsv")
    assert code == 0
    return json.loads(out)


@pytest.mark.parametrize("kernel", ["by the cells", "laplace", "delta", "ngram:1"])
def test_matrix_pairs_use_rows_with_both_values(kxcli, kernel):
    table = make_table_with_gaps()
    put(kxcli, "a.tsv", tsv(table))
    names = {"laplace": "x,y,z,w", "ngram:1": "text,label,notes"}.get(kernel, "x,y,z,w,label,text,notes")
    own = () if kernel == "by the cells" else ("--kernel-x", kernel)
    both = (*own, *(("--kernel-y", kernel) if own else ()))
    code, out, err = call(kxcli, "hsic", "--matrix", "edges", "-x", names, *own, "-f", "jsonl", "a.tsv")
    assert code == 0 and "rows with a value in both" in err
    rows = list(map(json.loads, out.splitlines()))
    assert len(rows) == len(names.split(",")) * (len(names.split(",")) - 1) // 2
    for row in rows:
        if row["n"] < 4:
            assert "notes" in (row["x"], row["y"])
            assert [row[key] for key in EDGE_COLUMNS[5:]] == [None] * 8
            continue
        found = measure_pair(kxcli, row["x"], row["y"], *both)
        assert_sequential(row, found)
        assert [row[key] for key in EDGE_COLUMNS[:-3]] == [found[key] for key in EDGE_COLUMNS[:-3]]
        n_expected = sum(table[row["x"]][i] not in GAPS and table[row["y"]][i] not in GAPS for i in range(60))
        assert row["n"] == n_expected
    tested = [row for row in rows if row["p_value"] is not None]
    assert [row["q_value"] for row in tested] == pytest.approx(
        definition.q_values([row["p_value"] for row in tested]), rel=1e-14
    )
    if kernel == "by the cells":  # a square of the same pairs
        square = call(kxcli, "hsic", "--matrix", "square", "-x", names, *own, "-q", "--header", "a.tsv")[1].splitlines()
        header, *lines = [line.split("\t") for line in square]
        found = {(line[0], name): cell for line in lines for name, cell in zip(header[1:], line[1:], strict=True)}
        for row in rows:
            assert found[row["x"], row["y"]] == found[row["y"], row["x"]] == format_cell(row["cka_unbiased"])


def test_screened_columns_use_rows_with_both_values(kxcli):
    put(kxcli, "a.tsv", tsv(make_table_with_gaps()))
    code, out, _ = call(kxcli, "hsic", "--screen", "label", "-f", "jsonl", "a.tsv")
    rows = list(map(json.loads, out.splitlines()))
    assert code == 0 and {row["column"] for row in rows} == {"x", "y", "z", "w", "text", "notes"}
    assert {row["column"] for row in rows if row["p_value"] is None} == {"notes", "text"}
    assert [row["n"] < 4 for row in rows] == [row["column"] == "notes" for row in rows]
    for row in (row for row in rows if row["n"] >= 4):
        found = measure_pair(kxcli, row["column"], "label")
        assert_sequential(row, found)
        assert [row[key] for key in SCREEN_COLUMNS[:-1]] == [found[key] for key in SCREEN_COLUMNS[:-1]]


def test_pairs_with_gaps_do_not_depend_on_the_workers(kxcli):
    put(kxcli, "a.tsv", tsv(make_table_with_gaps()))
    for use in (("--matrix", "edges"), ("--screen", "label")):
        alone, together = (kxcli("hsic", *use, "-j", n, "a.tsv") for n in (1, 2))
        assert (alone.out, alone.err) == (together.out, together.err)


def test_sparse_column_does_not_change_the_others(kxcli):
    table = {**make_people(), "notes": ["ok"] * 3 + [""] * 37}
    put(kxcli, "a.tsv", tsv(table))
    del table["notes"]
    put(kxcli, "b.tsv", tsv(table))
    for use in (("--matrix", "edges"), ("--screen", "label")):
        rows = call(kxcli, "hsic", *use, "a.tsv")[1].splitlines()
        assert [row for row in rows if "notes" not in row] == call(kxcli, "hsic", *use, "b.tsv")[1].splitlines()


@pytest.mark.parametrize("use", [("--matrix", "edges"), ("--matrix", "square"), ("--screen", "label")])
def test_missing_cell_among_many_columns_can_be_an_error(kxcli, use):
    table = make_people()
    table["z"][7] = "NULL"
    put(kxcli, "a.tsv", tsv(table))
    code, out, err = call(kxcli, "hsic", *use, "--missing", "error", "a.tsv")
    assert (code, out) == (1, "") and err.startswith("kxcli: error: a.tsv:9: has a missing cell")


@pytest.mark.parametrize("use", [("--matrix", "edges"), ("--matrix", "square"), ("--screen", "a")])
def test_many_columns_of_too_few_rows_are_an_error(kxcli, use):
    wide = "\t".join(["a", *(f"c{i}" for i in range(700))]) + "\n" + "1\t" * 700 + "1\n"
    put(kxcli, "a.tsv", wide)
    code, out, err = call(kxcli, "hsic", *use, "a.tsv")
    assert (code, out) == (1, "") and "a.tsv: too few rows with a value in a column: 1;" in err
    if use[1] == "square":  # where a column is a pair with itself, too
        return
    put(kxcli, "a.tsv", "a\tb\tc\n" + "1\t\t\n\t2\t\n\t\t3\n" * 5)
    code, out, err = call(kxcli, "hsic", *use, "a.tsv")
    assert (code, out) == (1, "") and "a.tsv: too few rows with a value in both columns: 0;" in err


@pytest.mark.parametrize("options", [(), ("--kernel-x", "bow")])
def test_label_without_another_column_is_a_usage_error(kxcli, options):
    put(kxcli, "a.tsv", "label\na\nb\na\nb\n")
    code, out, err = call(kxcli, "hsic", "--screen", "label", *options, "a.tsv")
    assert (code, out) == (2, "") and "--screen label: the table has no other column" in err


def test_matrix_too_large_for_memory_is_refused_before_reading(kxcli):
    names = "\t".join(f"c{i}" for i in range(20_000))
    put(kxcli, "a.tsv", names + "\n" + "x\n")  # a bad row, which is not reached
    code, out, err = call(kxcli, "hsic", "--matrix", "edges", "--memory", "2G", "a.tsv")
    assert (code, out) == (1, "")
    assert "a.tsv: --matrix over 20,000 columns needs about " in err
    assert "MiB, and 2,048 MiB are available; select fewer columns with -x, or raise --memory" in err
    code, _, err = call(kxcli, "hsic", "--matrix", "edges", "-x", "1-500", "--memory", "2G", "a.tsv")
    assert code == 1 and "for 124,750 pairs" in err and "a.tsv:2: has 1 cell where" in err
