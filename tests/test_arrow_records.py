"""Texts in Parquet and Arrow files; the tests are skipped without pyarrow."""

import datetime
import errno
import gzip
import io
import json
import sys

import pytest

from kxcli.corpus import arrow_groups
from kxcli.corpus.arrow_groups import split_groups
from kxcli.errors import InputError
from kxcli.storage.temp_files import open_nameless

SPACE = ("wordcount", "-t", "space", "-j", "1")


def test_missing_library_is_an_error_with_the_extra(kxcli, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    (tmp_path / "a.parquet").write_bytes(b"PAR1")
    ended = kxcli(*SPACE, tmp_path / "a.parquet", code=1)
    assert "reading Parquet needs an extra library" in ended.err


@pytest.fixture(scope="module")
def pyarrow():
    return pytest.importorskip("pyarrow")


ROWS = [
    {
        "text": None if number % 7 == 3 else f"ab{number % 3} cd",
        "meta": None if number == 5 else {"title": f"t{number % 2}", "n": number % 2},
        "label": number % 3,
        "day": datetime.date(2024, 1, 1 + number % 2),
        "text_id": f"i{number}",
    }
    for number in range(60)
]
WRITERS = ["parquet", "arrow", "arrows", "feather"]


def write(pyarrow, path, rows_per_group=7, rows=ROWS, schema=None):
    """Write rows in the format of the name."""
    from pyarrow import feather, ipc, parquet

    table = pyarrow.Table.from_pylist(rows, schema)
    if path.suffix == ".parquet":
        parquet.write_table(table, path, row_group_size=rows_per_group)
    elif path.suffix == ".feather":
        feather.write_feather(table, path, compression="uncompressed")
    else:
        open_writer = ipc.new_file if path.suffix == ".arrow" else ipc.new_stream
        with open_writer(path, table.schema) as writer:
            writer.write_table(table, max_chunksize=rows_per_group)
    return path


def write_lines(path, rows=ROWS):
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize(
    "options",
    [(), ("--by", "label"), ("--by", "day,meta.n", "--field", "meta.title"), ("--field", "1", "--by", "3"), ("--df",)],
    ids=" ".join,
)
def test_rows_are_counted_like_lines(kxcli, tmp_path, pyarrow, suffix, options):
    path = write(pyarrow, tmp_path / f"a.{suffix}")
    names = ("--field", "text", "--by", "label") if "1" in options else options
    expected = kxcli(*SPACE, *names, write_lines(tmp_path / "a.jsonl")).out
    assert expected
    # One shard of the whole file, one of each group of rows, a compressed file, and a pipe.
    assert kxcli(*SPACE, *options, path).out == expected
    assert kxcli(*SPACE, "--shard-size", "1", *options, path).out == expected
    packed = tmp_path / f"b.{suffix}.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert kxcli(*SPACE, "--shard-size", "1", *options, packed).out == expected
    form = "parquet" if suffix == "parquet" else "arrow"
    assert kxcli(*SPACE, "--input-format", form, *options, stdin=path.read_bytes()).out == expected


@pytest.mark.parametrize("suffix", WRITERS)
def test_format_is_recognized_by_content(kxcli, tmp_path, pyarrow, suffix):
    path = write(pyarrow, tmp_path / f"a.{suffix}")
    expected = kxcli(*SPACE, path).out
    renamed = path.rename(tmp_path / "a")
    assert kxcli(*SPACE, renamed).out == expected
    assert kxcli(*SPACE, "--field", "text", renamed).out == expected
    assert kxcli(*SPACE, stdin=renamed.read_bytes()).out == expected
    kind = "Parquet" if suffix == "parquet" else "Arrow"
    ended = kxcli(*SPACE, "--input-format", "text", "--encoding", "latin-1", renamed)
    assert ended.err.endswith(f"a: begins like {kind}, but is read as text\n")


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_rows_of_groups_have_the_numbers_of_the_file(kxcli, tmp_path, pyarrow, suffix):
    rows = [{"text": "ab" if number != 40 else None, "n": number} for number in range(50)]
    path = write(pyarrow, tmp_path / f"a.{suffix}", rows=rows)
    ended = kxcli("kwic", "ab", "--shard-size", "1", "-j", "2", path)
    assert [row[0].rpartition(":")[2] for row in ended.rows] == [str(n + 1) for n in range(50) if n != 40]


def test_workers_resume_a_checkpoint(kxcli, tmp_path, pyarrow):
    path = write(pyarrow, tmp_path / "a.parquet")
    options = ("--shard-size", "1", "--checkpoint", "c")
    first = kxcli(*SPACE, *options, path)
    again = kxcli(*SPACE, *options, path)
    assert again.out == first.out and "9 of 9 tasks" in again.err


def test_bad_utf8_in_a_row_is_an_error_with_its_number(kxcli, tmp_path, pyarrow):
    texts = pyarrow.array([b"ab"] * 20 + [b"\xe9 cd"] + [b"ab"], pyarrow.binary())
    table = pyarrow.table({"text": texts.view(pyarrow.string())})
    from pyarrow import parquet

    parquet.write_table(table, tmp_path / "a.parquet", row_group_size=7)
    options = ("--shard-size", "1", tmp_path / "a.parquet")
    assert "a.parquet:21: byte 0xe9 is not valid utf-8" in kxcli(*SPACE, *options, code=1).err
    skipped = kxcli(*SPACE, "--on-error", "skip", *options)
    assert skipped.rows == [["ab", "21"]] and "1 record skipped: bytes that are not valid utf-8: " in skipped.err
    repaired = kxcli(*SPACE, "--on-error", "replace", *options)
    assert ["cd", "1"] in repaired.rows and "1 record with replaced bytes" in repaired.err
    passed = kxcli("segment", "-f", "jsonl", "--on-error", "skip", *options)
    assert passed.text.count("\n") == 21


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--field", "x"), "has no column 'x'; it has 'text', 'meta.title', 'meta.n', 'label', 'day', 'text_id'"),
        (("--field", "meta"), "in the column 'meta', not text; name a column of strings with --field"),
        (("--field", "meta.x"), "has no column 'meta.x'"),
        (("--field", "label"), "has int64 in the column 'label', not text"),
        (("--by", "meta"), "in the column 'meta', nothing to group by"),
        (("--by", "x"), "has no column 'x'"),
    ],
)
def test_unusable_column_is_an_error(kxcli, tmp_path, pyarrow, options, message):
    assert message in kxcli(*SPACE, *options, write(pyarrow, tmp_path / "a.parquet"), code=1).err


@pytest.mark.parametrize("suffix", ["parquet", "arrow"])
def test_damaged_file_is_an_error(kxcli, tmp_path, pyarrow, suffix):
    path = write(pyarrow, tmp_path / f"a.{suffix}")
    path.write_bytes(path.read_bytes()[:-20])
    for options in ((), ("--shard-size", "1")):
        assert "is not a valid" in kxcli(*SPACE, *options, path, code=1).err


def test_error_of_the_disk_is_no_damage_of_the_file(pyarrow):
    class BrokenDisk(io.BytesIO):
        def read(self, size=-1):
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(InputError, match=r"^a\.parquet: Input/output error; check the file and the disk$"):
        list(split_groups(BrokenDisk(bytes(99)), "parquet", "a.parquet", 99, 1))


def test_temporary_file_of_a_stream_is_closed(kxcli, tmp_path, pyarrow, monkeypatch):
    opened = []

    def open_file(folder):
        opened.append(open_nameless(folder))
        return opened[-1]

    monkeypatch.setattr(arrow_groups, "_MAX_HELD", 99)
    monkeypatch.setattr(arrow_groups, "open_nameless", open_file)
    data = write(pyarrow, tmp_path / "a.parquet").read_bytes()
    assert kxcli(*SPACE, stdin=data).out == kxcli(*SPACE, tmp_path / "a.parquet").out != b""
    assert opened and all(file.closed for file in opened)


def test_long_text_is_rejected_within_the_limit_of_memory(kxcli, tmp_path, pyarrow):
    rows = [{"text": "ab"}, {"text": "a" * 3_000_000}, {"text": "cd"}]
    path = write(pyarrow, tmp_path / "a.parquet", rows=rows)
    limit = ("--memory", "120M", path)
    assert "a.parquet:2: the record has more than" in kxcli(*SPACE, *limit, code=1).err
    skipped = kxcli(*SPACE, "--on-error", "skip", *limit)
    assert skipped.rows == [["ab", "1"], ["cd", "1"]] and "1 record skipped: more than" in skipped.err


def test_records_are_passed_as_json(kxcli, tmp_path, pyarrow):
    row = {
        "text": "ab",
        "x": float("nan"),
        "day": datetime.date(2024, 1, 31),
        "l": [1, None],
        "b": b"\xff",
        "s": {"u": 2},
    }
    path = write(pyarrow, tmp_path / "a.parquet", rows=[row])
    record = json.loads(kxcli("segment", "-t", "space", "-f", "jsonl", path).text)
    assert record == {
        "text": "ab",
        "x": None,
        "day": "2024-01-31",
        "l": [1, None],
        "b": "\ufffd",
        "s": {"u": 2},
        "tokens": ["ab"],
    }


def test_column_with_dots_in_its_name_precedes_a_nested_one(kxcli, tmp_path, pyarrow):
    path = write(pyarrow, tmp_path / "a.parquet", rows=[{"m.t": "literal", "m": {"t": "nested"}, "text": ""}])
    assert kxcli(*SPACE, "--field", "m.t", path).rows == [["literal", "1"]]


def test_mentions_have_the_ids_of_rows(kxcli, tmp_path, pyarrow):
    (tmp_path / "kb.tsv").write_text("ab0\tE0\n", encoding="utf-8")
    path = write(pyarrow, tmp_path / "a.parquet")
    rows = kxcli("entity-link", "--kb", tmp_path / "kb.tsv", "-f", "tsv", "--shard-size", "1", path).rows
    assert [row[0] for row in rows] == [row["text_id"] for row in ROWS if (row["text"] or "").startswith("ab0")]


def test_keyness_recognizes_counts_and_texts(kxcli, tmp_path, pyarrow):
    path, lines = write(pyarrow, tmp_path / "a.parquet"), write_lines(tmp_path / "a.jsonl")
    kxcli(*SPACE, path, "-o", tmp_path / "counts.parquet")
    kxcli(*SPACE, path, "-o", tmp_path / "counts.tsv")
    reference = tmp_path / "b.txt"
    reference.write_text("ab0 ab1 x\n", encoding="utf-8")
    options = ("keyness", "-t", "space", "--reference", reference)
    expected = kxcli(*options, lines)
    assert expected.rows and kxcli(*options, path).out == expected.out
    tables = kxcli("keyness", "-t", "space", "--reference", reference, tmp_path / "counts.parquet")
    assert "read as tables of counts: " in tables.err and tables.out == expected.out
