"""Groups by several fields and by parts of the path, in `wordcount` and `keyness`."""

import csv
import gzip
import io
import json
from collections import Counter
from itertools import product

import pytest
from conftest import SAMPLES
from hypothesis import given
from hypothesis import strategies as st

from kxcli.commands.group_options import parse_fields
from kxcli.corpus.diagnostics import BadFieldError
from kxcli.corpus.groups import GroupMaker
from kxcli.errors import UsageError
from kxcli.mining.keyness.measures import COLUMNS as KEYNESS_COLUMNS
from kxcli.mining.wordcount.ranking import COLUMNS
from kxcli.pipelines.wordcount.group_columns import OTHER_COLUMNS, find_group_columns, name_group_columns

REVIEWS = SAMPLES / "reviews.jsonl"
SPACE = ("wordcount", "-t", "space")
RECORDS = [
    {"text": "甲 乙 甲", "label": "x", "year": 2020},
    {"text": "乙", "label": "y", "year": 2020},
    {"text": "甲", "label": "x", "year": 2021},
    {"text": "丙 甲", "label": "x", "year": 2020},
    {"text": "乙\t乙", "label": "x ,", "year": 2020},
]


def write_records(folder, name="a.jsonl", records=RECORDS):
    (folder / name).write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return name


def count_groups(documents):
    """Return the rows of `(group, text)`, the words separated by white space."""
    counts = Counter((group, word) for group, text in documents for word in text.split())
    rows = sorted(counts.items(), key=lambda item: (item[0][0], -item[1], item[0][1]))
    return [[*group, word, str(count)] for (group, word), count in rows]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("label", ("label",)),
        ("label,@file", ("label", "@file")),
        (r"a\,b,c", ("a,b", "c")),
        ("meta.lang", ("meta.lang",)),
        (r"a\b", (r"a\b",)),
    ],
)
def test_names_of_fields_are_separated_by_commas(text, names):
    assert parse_fields(text) == names


@pytest.mark.parametrize("text", ["", ",", "a,", "a,,b"])
def test_empty_name_of_field_is_usage_error(kxcli, text):
    error = kxcli(*SPACE, "--by", text, write_records(kxcli.folder), code=2).err
    assert f"{text!r} has an empty name; write names as label or label,year" in error


def test_unknown_part_of_the_path_is_usage_error(kxcli):
    error = kxcli(*SPACE, "--by", "label,@nope", write_records(kxcli.folder), code=2).err
    assert (
        "'@nope' is no part of an input's path; choose from @file, @folder, @stem, or write \\@nope for a field"
        in error
    )
    (kxcli.folder / "ld.jsonl").write_text('{"text": "a", "@type": "T"}\n', encoding="utf-8")
    assert kxcli(*SPACE, "--by", "\\@type", "ld.jsonl").rows == [["T", "a", "1"]]


def test_columns_are_named_after_fields():
    assert name_group_columns(["label", "@file", "@type", "meta.lang", "word", "p_value"]) == (
        *("label", "file", "@type", "meta.lang", "group_word", "group_p_value"),
    )
    assert {*COLUMNS, *KEYNESS_COLUMNS} <= OTHER_COLUMNS  # which no column of groups is named like


@pytest.mark.parametrize("by", [("a", "a"), ("@file", "file"), ("word", "group_word")])
def test_two_columns_of_one_name_are_usage_error(by):
    with pytest.raises(UsageError, match="name each field once"):
        name_group_columns(by)


def test_columns_before_words_are_those_of_groups():
    assert find_group_columns(["label", "year", "word", "count", "df"]) == ("label", "year")
    assert find_group_columns(["count", "label", "word", "x"]) == ("label",)
    assert find_group_columns(["word", "count"]) == ()


@pytest.mark.parametrize(
    ("path", "folder", "stem"),
    [
        ("a.txt", ".", "a"),
        ("news/2020/a.b.txt", "news/2020", "a.b"),
        ("news/a.txt.GZ", "news", "a"),
        ("/a", "/", "a"),
        ("./.x", ".", ".x"),
        ("c/", "c", ""),
        ("https://host/d/a.jsonl.zst?***", "https://host/d", "a"),
        ("s3://bucket/a?b.txt", "s3://bucket", "a?b"),
        ("<stdin>", "<stdin>", "<stdin>"),
        ("d\udcff/\udcfe.txt", "d\ufffd", "\ufffd"),
    ],
)
def test_parts_of_a_path(path, folder, stem):
    values = GroupMaker(["@folder", "x", "@stem", "@file"], path).make(["值"]).split("\0")
    assert values == [folder, "值", stem, path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")]


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_values_are_joined_unless_one_has_the_separator(values):
    maker = GroupMaker([f"f{number}" for number in range(len(values))], "a")
    if any("\0" in value for value in values):
        with pytest.raises(BadFieldError, match="NUL"):
            maker.make(values)
    else:
        assert maker.make(values).split("\0") == values


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_several_fields_are_columns_in_their_order(kxcli, kind, form):
    if kind == "jsonl":
        name = write_records(kxcli.folder)
    else:
        name = "a.csv"
        with (kxcli.folder / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, RECORDS[0])
            writer.writeheader()
            writer.writerows(RECORDS)
    rows = count_groups([((str(one["year"]), one["label"]), one["text"]) for one in RECORDS])
    out = kxcli(*SPACE, "--by", "year", "--by", "label", "-f", form, "--field", "text", name).text
    if form == "jsonl":
        keys = ("year", "label", "word", "count")
        assert list(map(json.loads, out.splitlines())) == [
            dict(zip(keys, [*row[:3], int(row[3])], strict=True)) for row in rows
        ]
    else:
        parsed = list(csv.reader(io.StringIO(out), delimiter="\t" if form == "tsv" else ",", strict=form == "csv"))
        assert parsed == [["year", "label", "word", "count"]] * (form == "csv") + rows


def write_corpus(folder, compress=True):
    """Write a folder of files; return the documents with their paths."""
    documents = []
    for number, (sub, name) in enumerate(product(("c/news", "c"), ("b.txt", "a.txt", "z.txt.gz"))):
        (folder / sub).mkdir(parents=True, exist_ok=True)
        lines = [" ".join(f"w{(number + 1) * line % 7}" for line in range(first, first + 3)) for first in range(60)]
        data = "".join(line + "\n" for line in lines).encode()
        (folder / sub / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        documents += [(f"{sub}/{name}", line) for line in lines]
    return documents


@pytest.mark.parametrize("kernel", ["", "off"])
def test_files_folders_and_stems_are_groups_of_plain_text(kxcli, monkeypatch, kernel):
    if kernel:
        monkeypatch.setenv("KXCLI_KERNEL", kernel)
    documents = write_corpus(kxcli.folder)
    by_file = count_groups([((path,), text) for path, text in documents])
    assert kxcli(*SPACE, "--by", "@file", "-r", "c").rows == by_file
    for options in (
        ("-j", 2, "--shard-size", "100"),
        ("--checkpoint", "ck"),
        ("--checkpoint", "ck"),
        ("--encoding", "gb18030"),
    ):
        assert kxcli(*SPACE, "--by", "@file", "-r", "c", *options).rows == by_file, options
    groups = [((path.rpartition("/")[0], path.rpartition("/")[2].partition(".")[0]), text) for path, text in documents]
    assert kxcli(*SPACE, "--by", "@folder,@stem", "-r", "c", "-j", 1).rows == count_groups(groups)
    df = kxcli(*SPACE, "--by", "@folder", "-r", "c", "--df").rows
    expected = Counter((path.rpartition("/")[0], word) for path, text in documents for word in set(text.split()))
    assert {(folder, word): int(n) for folder, word, _, n in df} == expected


def test_groups_of_long_lines_and_streams_have_the_path(kxcli):
    text = "好 " * 70_000
    (kxcli.folder / "long.txt").write_text(text, encoding="utf-8")
    assert kxcli(*SPACE, "--by", "@stem", "--shard-size", "1K", "long.txt").text == "long\t好\t70000\n"
    assert kxcli(*SPACE, "--by", "@file,@folder,@stem", "--shard-size", "1K", stdin=text).rows == [
        ["<stdin>", "<stdin>", "<stdin>", "好", "70000"]
    ]


def test_parts_of_the_path_and_fields_are_mixed(kxcli):
    write_records(kxcli.folder)
    write_records(kxcli.folder, "b.jsonl", RECORDS[:2])
    documents = [(("b", one["label"]), one["text"]) for one in RECORDS[:2]]
    documents += [(("a", one["label"]), one["text"]) for one in RECORDS]
    for options in ((), ("-j", 2, "--shard-size", "1")):
        assert kxcli(*SPACE, "--by", "@stem,label", "b.jsonl", "a.jsonl", *options).rows == count_groups(documents)


def test_field_is_refused_for_plain_text(kxcli):
    name = write_records(kxcli.folder)
    error = kxcli(*SPACE, "--by", "@file,label", "--input-format", "text", name, code=2).err
    assert "--by FIELD has no effect with --input-format text; remove it, or name @file" in error
    assert kxcli(*SPACE, "--by", "@file", "--input-format", "text", name).rows[0][0] == name


@pytest.mark.parametrize("by", ["label", "label,year"])
def test_nul_in_group_is_bad_field(kxcli, by):
    name = write_records(kxcli.folder, records=[RECORDS[0], {**RECORDS[1], "label": "x\0y"}])
    error = kxcli(*SPACE, "--by", by, name, code=1).err
    assert "a.jsonl:2: has a NUL in a field of --by; remove it" in error
    (kxcli.folder / "a.csv").write_bytes(b"label,year,text\nx,1,a\nx\0,1,a\ny,1,a\n")
    ended = kxcli(*SPACE, "--by", by, "a.csv", "--on-error", "skip")
    assert [row[0] for row in ended.rows] == ["x", "y"] and "a.csv:3" in ended.err


@pytest.mark.parametrize("form", ["tsv", "csv", "jsonl"])
def test_merge_of_several_columns_equals_whole(kxcli, form):
    options = ("--by", "label,word", "--df", "-f", form, *(["--header"] if form == "tsv" else []))
    records = [{**one, "word": str(number % 2)} for number, one in enumerate(RECORDS)]
    for name, some in (("all", records), ("1", records[:2]), ("2", records[2:])):
        write_records(kxcli.folder, f"{name}.in", some)
        kxcli(*SPACE, *options, "--input-format", "jsonl", f"{name}.in", "-o", f"{name}.{form}")
    merged = kxcli("wordcount", "--merge", f"1.{form}", f"2.{form}", *options[3:])
    assert merged.out == (kxcli.folder / f"all.{form}").read_bytes()
    assert (
        merged.text.splitlines()[0]
        .replace("\t", ",")
        .startswith(("label,group_word,word", '{"label": "x", "group_word"'))
    )


def test_merge_reads_the_column_name_of_earlier_versions(kxcli):
    tables = {"old": "group\tword\tcount\nx\t甲\t1\n", "new": "label\tword\tcount\nx\t甲\t2\n", "none": "甲\t1\n"}
    for name, text in tables.items():
        (kxcli.folder / name).write_text(text, encoding="utf-8")
    for names in (("old", "new"), ("new", "old"), ("old", "new", "old")):
        n = 2 * len(names) - 1 - (len(names) == 3)
        assert kxcli("wordcount", "--merge", "--header", *names).text == f"label\tword\tcount\nx\t甲\t{n}\n"
    assert kxcli("wordcount", "--merge", "--header", "old").text == tables["old"]
    (kxcli.folder / "other").write_text("year\tword\tcount\nx\t甲\t2\n", encoding="utf-8")
    for names in (("old", "none"), ("new", "other"), ("old", "new", "other")):
        error = kxcli("wordcount", "--merge", *names, code=1).err
        assert f"kxcli: error: {names[-1]}:" in error and "merge outputs with the same columns" in error


@pytest.mark.parametrize(
    "cells",
    [
        {"label": 3, "word": "a", "count": 1},
        {"label": "\ud800", "word": "a", "count": 1},
        {"label": "a\0", "word": "a", "count": 1},
    ],
)
def test_merge_refuses_invalid_group(kxcli, cells):
    write_records(kxcli.folder, records=[{"label": "x", "word": "a", "count": 1}, cells])
    assert "a.jsonl:2: has " in kxcli("wordcount", "--merge", "a.jsonl", code=1).err


def test_keyness_compares_groups_of_several_columns(kxcli):
    records = [json.loads(line) for line in REVIEWS.read_text(encoding="utf-8").splitlines()]
    for one in records:
        one["half"] = (one["date"] < "2024-02" and "first") or "second"
        one["both"] = f"{one['label']}|{one['half']}"
    write_records(kxcli.folder, "r.jsonl", records)
    ended = kxcli("keyness", "--by", "label,half", "r.jsonl", "--top", 5, "--header")
    single = kxcli("keyness", "--by", "both", "r.jsonl", "--top", 5, "--header")
    assert ended.text == single.text.replace("both", "label\thalf").replace("|", "\t")
    assert ended.err == single.err.replace("|", " | ")
    kxcli("wordcount", "--by", "half,label", "--header", "r.jsonl", "-o", "r.tsv")
    assert kxcli("keyness", "--by", "label,half", "r.tsv", "--top", 5, "--header").out == ended.out
    assert (
        kxcli("keyness", "--by", "half", "r.tsv", "--top", 5).out
        == kxcli("keyness", "--by", "half", "r.jsonl", "--top", 5).out
    )
    assert "has no column day" in kxcli("keyness", "--by", "label,day", "r.tsv", code=1).err


def test_keyness_compares_files(kxcli):
    names = (SAMPLES / "news.txt", SAMPLES / "tech.txt")
    ended = kxcli("keyness", "--by", "@stem", *names, "--top", 5)
    expected = [["news", *row] for row in kxcli("keyness", names[0], "--reference", names[1], "--top", 5).rows] + [
        ["tech", *row] for row in kxcli("keyness", names[1], "--reference", names[0], "--top", 5).rows
    ]
    assert ended.rows == expected
