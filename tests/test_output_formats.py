"""Formats and compression by the suffix of -o; Parquet; compressed side outputs."""

import bz2
import csv
import gzip
import io
import itertools
import json
import lzma
import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kxcli.output import compressors, parquet
from kxcli.output.rows import quote_csv
from kxcli.pipelines.settings import OutputSettings

TEXT = '北京 a "b", c\n\n北京 下雨\r\nx,y 北京 下雨 a\n'
RUNS = {
    "wordcount": ["wordcount", "-t", "char", "--punct", "--df", "--per-million", "in.txt"],
    "by": ["wordcount", "-t", "space", "--by", "label", "in.jsonl"],
    "merge": ["wordcount", "--merge", "counts.tsv"],
    "newwords": ["newwords", "--all", "--min-count", "1", "in.txt"],
    "collocate": ["collocate", "--pairs", "--min-count", "1", "-t", "space", "in.txt"],
    "keyness": ["keyness", "-t", "space", "in.txt", "--reference", "other.txt"],
    "kwic": ["kwic", "北京", "in.txt"],
    "hsic": ["hsic", "-x", "a", "-y", "b", "table.tsv"],
    "screen": ["hsic", "--screen", "b", "table.tsv"],
    "square": ["hsic", "--matrix", "square", "table.tsv"],
    "evaluate": ["entity-link", "--kb", "kb.tsv", "--evaluate", "gold.jsonl"],
    "segment": ["segment", "-t", "char", "--offsets", "in.txt"],
    "keywords": ["keywords", "-t", "char", "--min-length", "1", "in.txt"],
    "entity-link": ["entity-link", "--kb", "kb.tsv", "--candidates", "1", "in.txt"],
}
# A record of JSON is a document here, and not a row.
BY_DOCUMENT = ("segment", "keywords", "entity-link")


@pytest.fixture
def run(kxcli):
    """Return the program in a folder with a small input for each command."""
    files = {
        "in.txt": TEXT,
        "other.txt": "x y 北京 z\n",
        "in.jsonl": '{"text": "北京 a", "label": "x"}\n{"text": "", "label": "y"}\n{"text": "a", "label": "null"}\n',
        "counts.tsv": "x\t2\ny\t1\n",
        "table.tsv": "a\tb\n1\t2\n2\t3\n5\t1\n4\t4\n7\t7\n9\t9\n",
        "kb.tsv": "北京\tE1\n北京\tE2\n下雨\tE,3\n",
        "gold.jsonl": '{"text": "北京在哪", "mention_data": [{"mention": "北京", "offset": "0", "kb_id": "E1"}]}\n',
    }
    for name, text in files.items():
        (kxcli.folder / name).write_text(text, newline="")
    return kxcli


@pytest.mark.parametrize("name", [name for name in RUNS if name not in ("by", "merge", "screen", "square")])
def test_suffix_chooses_the_format(run, name):
    for form, suffix in (("csv", ".csv"), ("jsonl", ".jsonl"), ("jsonl", ".json"), ("tsv", ".TSV"), ("tsv", ".tab")):
        if name == "segment" and form == "jsonl":
            continue
        expected = run(*RUNS[name], "-q", "-f", form).out
        assert run(*RUNS[name], "-q", "-o", f"a.b{suffix}").out == b""
        assert (run.folder / f"a.b{suffix}").read_bytes() == expected != b""


def test_suffix_without_a_format_has_the_default(run):
    for name in ("a.txt", "a", "a.csv.x"):
        run("segment", "in.txt", "-o", name)
        assert (run.folder / name).read_bytes() == run("segment", "in.txt").out
    run("entity-link", "--kb", "kb.tsv", "in.txt", "-o", "a.txt")
    assert json.loads((run.folder / "a.txt").read_text().splitlines()[0])["text_id"] == "1"


def test_rules_hold_for_the_format_of_the_suffix(run):
    assert "--offsets requires -f tsv" in run("segment", "--offsets", "in.txt", "-o", "a.jsonl", code=2).err
    assert "--header has no effect" in run("wordcount", "--header", "in.txt", "-o", "a.jsonl", code=2).err
    assert run("wordcount", "--header", "in.txt", "-o", "a.csv.gz").err == ""


# Compression

UNPACK = {"gz": gzip.decompress, "bz2": bz2.decompress, "xz": lzma.decompress}


def unpack_zst(data):
    zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
    return zstd.decompress(data)


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst", "GZ"])
def test_suffix_chooses_the_compressor(run, suffix):
    for form in ("csv", "tsv"):
        expected = run(*RUNS["wordcount"], "-f", form).out
        run(*RUNS["wordcount"], "-o", f"a.{form}.{suffix}")
        packed = (run.folder / f"a.{form}.{suffix}").read_bytes()
        assert UNPACK.get(suffix.lower(), unpack_zst)(packed) == expected
    run(*RUNS["wordcount"], "-o", f"b.tsv.{suffix}", "-j", "2", "--shard-size", "8")
    assert (run.folder / f"b.tsv.{suffix}").read_bytes() == packed
    run(*RUNS["merge"], "-o", f"c.csv.{suffix}")
    assert run("wordcount", "--merge", f"c.csv.{suffix}", "counts.tsv").text == "x\t4\ny\t2\n"


@pytest.mark.parametrize("suffix", ["gz", "bz2", "xz", "zst"])
@given(st.lists(st.binary(max_size=40)), st.randoms(use_true_random=False))
def test_compressed_bytes_do_not_depend_on_blocks(suffix, parts, random):
    data = b"".join(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compressors, "_PART_BYTES", 64)
        whole = b"".join(compressors.compress_by_suffix([data], f"a.{suffix}"))
        split = b"".join(compressors.compress_by_suffix(iter(parts), f"a.{suffix}"))
    assert split == whole
    assert UNPACK.get(suffix, unpack_zst)(whole) == data


def test_gzip_header_has_no_time_and_no_name(run):
    run(*RUNS["wordcount"], "-o", "a.gz")
    data = (run.folder / "a.gz").read_bytes()
    assert (data[:4], data[4:8]) == (b"\x1f\x8b\x08\x00", bytes(4))


def test_failed_run_keeps_the_compressed_file(run):
    (run.folder / "old.gz").write_bytes(b"old")
    run("segment", "in.txt", "missing.txt", "-o", "old.gz", code=1)
    os.symlink("/dev/full", run.folder / "full.gz")
    err = run("wordcount", "in.txt", "-o", "full.gz", code=1).err
    assert err.startswith("kxcli: error: full.gz: No space left on device; ")
    assert (run.folder / "old.gz").read_bytes() == b"old"
    assert {path.name for path in run.folder.iterdir() if "part" in path.name} == set()


def test_side_outputs_are_compressed(run):
    run(*RUNS["evaluate"], "-q", "--errors", "errors.tsv.bz2", "-o", "scores.csv.xz")
    run(*RUNS["evaluate"], "-q", "--errors", "errors.tsv", "-o", "scores.csv")
    for name, suffix in (("errors.tsv", "bz2"), ("scores.csv", "xz")):
        assert UNPACK[suffix]((run.folder / f"{name}.{suffix}").read_bytes()) == (run.folder / name).read_bytes()
    learned = run(*RUNS["keywords"], "--learn-idf", "--save-idf", "idf.txt.gz").out
    assert gzip.decompress((run.folder / "idf.txt.gz").read_bytes()).decode().startswith('" ')
    assert run(*RUNS["keywords"], "--idf", "idf.txt.gz").out == learned


def test_missing_zstd_is_reported_before_the_work(run, monkeypatch):
    for name in ("compression", "backports"):
        monkeypatch.setitem(sys.modules, name, None)
    err = run("wordcount", "missing.txt", "-o", "a.zst", code=1).err
    assert err.startswith("kxcli: error: writing zstd-compressed output needs an extra library; ")
    err = run(*RUNS["evaluate"][:-1], "missing", "--errors", "a.tsv.zst", code=1).err
    assert "writing zstd-compressed output needs" in err


# Parquet


def read_parquet(data):
    return pytest.importorskip("pyarrow.parquet").read_table(io.BytesIO(data))


@pytest.mark.parametrize("name", RUNS)
def test_parquet_has_the_rows_of_the_other_formats(run, name):
    pytest.importorskip("pyarrow")
    found = read_parquet(run(*RUNS[name], "-q", "-f", "parquet").out)
    reads_text = name not in ("hsic", "square", "screen", "evaluate", "merge")
    run(*RUNS[name], "-q", "-o", "a.parquet", *(["--shard-size", "8"] if reads_text else []))
    assert read_parquet((run.folder / "a.parquet").read_bytes()) == found
    kinds = {field.name: {"string": str, "int64": int, "double": float}[str(field.type)] for field in found.schema}
    if name in BY_DOCUMENT:
        rows = list(csv.DictReader(io.StringIO(run(*RUNS[name], "-f", "csv").text, newline="")))
        rows = [{key: kinds[key](cell) for key, cell in row.items()} for row in rows]
    else:
        rows = [json.loads(line) for line in run(*RUNS[name], "-q", "-f", "jsonl").text.splitlines()]
        for row in rows:
            row.update({key: json.dumps(cell) for key, cell in row.items() if isinstance(cell, bool)})
    assert found.to_pylist() == rows != []
    for row in rows:
        for key, cell in row.items():
            assert cell is None or isinstance(cell, kinds[key]) or (kinds[key], type(cell)) == (float, int), key


def test_outputs_in_parquet_are_merged(run):
    pytest.importorskip("pyarrow")
    count = ["wordcount", "-t", "space", "--by", "label", "--df", "in.jsonl"]
    for name in ("a.parquet", "a.csv", "b.csv"):
        run(*count, "-o", name)
    expected = run("wordcount", "--merge", "a.csv", "b.csv").out
    assert run("wordcount", "--merge", "a.parquet", "b.csv").out == expected
    data = (run.folder / "a.parquet").read_bytes()
    assert run("wordcount", "--merge", "b.csv", "-", "--input-format", "csv", stdin=data, code=1).out == b""
    alone = run("wordcount", "--merge", "--input-format", "parquet", stdin=data).out
    assert alone == run("wordcount", "--merge", "a.csv").out != b""


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        ({"word": [None]}, "a word that is not a string"),
        ({"count": [None]}, "has None as its count"),
        ({"count": [1.5]}, "has 1.5 as its count"),
    ],
)
def test_parquet_without_counts_is_refused(run, cells, what):
    pyarrow, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    pq.write_table(pyarrow.table({"word": ["x"], "count": [1], **cells}), run.folder / "a.parquet")
    assert f"a.parquet:1: has {what.removeprefix('has ')}" in run("wordcount", "--merge", "a.parquet", code=1).err
    (run.folder / "a.parquet").write_bytes(b"PAR1 damaged")
    assert "a.parquet: is not a valid Parquet file" in run("wordcount", "--merge", "a.parquet", code=1).err


@pytest.mark.parametrize("name", ["wordcount", "segment", "kwic", "keywords"])
def test_parquet_of_no_rows_has_its_columns(run, name):
    pytest.importorskip("pyarrow")
    found = read_parquet(run(*RUNS[name][:-1], "-q", "-f", "parquet").out)
    full = read_parquet(run(*RUNS[name], "-q", "-f", "parquet").out)
    assert (found.num_rows, found.schema) == (0, full.schema)


CELLS = st.tuples(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    | st.sampled_from(["NA", "null", "", " 1", '"', "\r\n"]),
    st.integers(0, 1 << 53),
    st.floats(allow_nan=False, allow_infinity=False),
)
TYPES = {"n": int, "x": float}


@pytest.fixture(scope="module")
def small_blocks():
    pytest.importorskip("pyarrow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet, "_BLOCK_ROWS", 3)
        patch.setattr(parquet, "_MAX_BLOCKS", 2)
        patch.setattr(parquet, "_MAX_CHARACTERS", 40)
        yield


def encode_line(text, n, x):
    return f"{quote_csv(text)},{n},{float.__repr__(x)}\n".encode()


@given(st.lists(CELLS), st.lists(st.integers(0, 40), max_size=4))
def test_parquet_depends_on_the_rows_alone(small_blocks, rows, cuts):
    columns = ("text", "n", "x")
    encoded = b"".join(parquet.encode_parquet(rows, columns, TYPES))
    assert [tuple(row.values()) for row in read_parquet(encoded).to_pylist()] == rows
    starts = [0, *sorted(cut for cut in cuts if cut < len(rows)), len(rows)]
    lines = [b"".join(encode_line(*row) for row in rows[start:stop]) for start, stop in itertools.pairwise(starts)]
    assert b"".join(parquet.encode_csv_as_parquet(iter(lines), columns, TYPES)) == encoded


def test_row_groups_end_by_rows_and_by_characters(small_blocks):
    pq = pytest.importorskip("pyarrow.parquet")

    def count_rows(rows):
        file = pq.ParquetFile(io.BytesIO(b"".join(parquet.encode_parquet(rows, ("text", "n", "x"), TYPES))))
        return [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]

    assert count_rows([("a", 1, None)] * 14) == [6, 6, 2]
    assert count_rows([("a" * 20, None, 1.0)] * 7) == [3, 3, 1]
    assert count_rows([]) == []


def test_blocks_of_parquet_are_written_as_they_are_made(small_blocks):
    n_read = 0

    def iter_rows():
        nonlocal n_read
        for n_read in range(1, 100):
            yield ("a", n_read, 0.5)

    blocks = parquet.encode_parquet(iter_rows(), ("text", "n", "x"), TYPES)
    assert next(blocks).startswith(b"PAR1")
    assert n_read == 6


def test_missing_pyarrow_is_reported_before_the_work(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for way in (("-f", "parquet"), ("-o", "a.parquet")):
        err = run("wordcount", "missing.txt", *way, code=1).err
        assert err.startswith("kxcli: error: -f parquet needs an extra library; install it with: pip install ")
        assert "pyarrow" in err or "parquet" in err.partition("pip")[2]


def test_parquet_is_refused_on_a_terminal(run, monkeypatch):
    pytest.importorskip("pyarrow")
    monkeypatch.setattr(OutputSettings, "is_terminal", True)
    parts = ("--output-dir", "in.txt", "--cluster", "local:1")
    assert "in.txt: Not a directory" in run("wordcount", "-f", "parquet", "in.txt", *parts, code=1).err
    assert (
        "-f parquet is not for a terminal; name a file with -o"
        in run("wordcount", "-f", "parquet", "in.txt", code=2).err
    )
