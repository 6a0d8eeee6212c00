"""Bytes in ranges, blocks, shards and tasks: each line once, in order, for any sizes; equal output."""

import dataclasses
import gzip
import json
import os
import random
import re
from collections import Counter
from contextlib import contextmanager, suppress
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import pytest
from conftest import members
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.corpus import decoding, lines, shards
from kxcli.corpus.decoding import Decoder
from kxcli.corpus.diagnostic_codec import from_json, to_json
from kxcli.corpus.diagnostics import (
    Notice,
    Place,
    ReadDiagnostics,
    SkippedRecords,
    format_place,
    locate_error,
)
from kxcli.corpus.reader_spec import ReaderSpec, SourceFormat
from kxcli.corpus.records import read_documents
from kxcli.corpus.sources import Source
from kxcli.errors import InputError
from kxcli.mining.segment import blocks
from kxcli.wording import MAX_EXAMPLES

# Few byte values, so that line ends and cut characters are frequent.
GOOD = [b"\n", b"\n", b"\r", b"\r\n", b"a", b" ", "上".encode(), "é".encode(), "😀".encode(), "\ufeff".encode()]
BAD = [*GOOD, b"\xff", b"\xe4", b"\xb8\x8a"]


def has_text(data):
    """Return False for a lone byte order mark: it may be no document or an empty one, which no count shows."""
    return data != "\ufeff".encode()


texts = st.lists(st.sampled_from(GOOD), max_size=40).map(b"".join).filter(has_text)
any_bytes = st.lists(st.sampled_from(BAD), max_size=40).map(b"".join).filter(has_text)
sizes = st.integers(1, 20)


@contextmanager
def small(chunk, long_line=1 << 22):
    """Read a few bytes at a time, and treat lines of a few bytes as long ones."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lines, "CHUNK", chunk)
        patch.setattr(decoding, "CHUNK", chunk)
        patch.setattr(lines, "LONG_LINE", long_line)
        yield


def lines_with_starts(data):
    """Return the lines of some bytes with their positions, slowly."""
    found, start = [], 0
    for line in re.findall(rb"[^\n]*\n|[^\n]+", data):
        found.append((start, line))
        start += len(line)
    return found


def plain_lines(data, encoding="utf-8", errors="strict"):
    """Decode lines to documents, slowly; None for a line with a bad byte that is skipped."""
    found = []
    for _, raw in lines_with_starts(data.removeprefix("\ufeff".encode())):
        try:
            line = raw.removesuffix(b"\n").decode(encoding, "strict" if errors == "skip" else errors)
        except UnicodeDecodeError:
            found.append(None)
        else:
            found.append(line.removesuffix("\r"))
    return found


def read_all(stream, step):
    parts = []
    while data := stream.read(step):
        parts.append(data)
    return b"".join(parts)


# Ranges and blocks


@given(texts, sizes, sizes, sizes)
def test_range_contains_the_lines_that_begin_in_it(data, size, chunk, step):
    with small(chunk):
        for start in range(0, len(data), size):
            stop = min(start + size, len(data))
            stream = lines.RangeStream(BytesIO(data), start, stop)
            begin = stream.begin
            mine = [(at, line) for at, line in lines_with_starts(data) if start <= at < stop]
            assert read_all(stream, step) == b"".join(line for _, line in mine)
            assert stream.read(step) == b""
            if mine:
                assert begin == mine[0][0]


@given(texts, st.data(), sizes)
def test_ranges_with_any_borders_cover_the_file(data, drawn, chunk):
    inner = drawn.draw(st.lists(st.integers(0, len(data)), max_size=6).map(sorted))
    borders = [0, *inner, len(data)]
    with small(chunk):
        parts = [
            read_all(lines.RangeStream(BytesIO(data), start, stop), 3)
            for start, stop in pairwise(borders)
            if start < stop
        ]
    assert b"".join(parts) == data


@given(texts, sizes, sizes, st.booleans())
def test_blocks_are_whole_lines_or_parts_of_a_long_line(data, chunk, long_line, whole):
    with small(chunk, long_line):
        blocks = list(lines.read_line_blocks(BytesIO(data), keep_lines_whole=whole))
    assert b"".join(block.data for block in blocks) == data
    assert not (blocks and blocks[-1].has_continuation)
    continues = False
    for number, block in enumerate(blocks):
        if block.has_continuation:
            assert block.is_part and not whole and b"\n" not in block.data
            assert continues or len(block.data) >= long_line
        elif block.is_part:
            assert continues and block.data.count(b"\n") <= 1
        else:
            assert not continues and block.data
            assert block.data.endswith(b"\n") or number == len(blocks) - 1
        continues = block.has_continuation


@given(texts, st.integers(0, 60), sizes)
def test_count_lines_stops_at_a_position(data, stop, chunk):
    with small(chunk):
        assert lines.count_lines(BytesIO(data), stop) == data[:stop].count(b"\n")


# Decoding


def diagnostics(on_error="stop"):
    return ReadDiagnostics("a", on_error)


@given(texts, sizes)
def test_blocks_and_streams_decode_to_equal_lines(data, chunk):
    expected = plain_lines(data)
    with small(chunk):
        in_order = list(Decoder("utf-8", diagnostics()).read_text(BytesIO(data)))
        decoder = Decoder("utf-8", diagnostics())
        in_blocks = [
            line
            for block in lines.read_line_blocks(BytesIO(data), keep_lines_whole=True)
            for line in decoder.decode_lines(block.data)
        ]
    at_once = list(Decoder("utf-8", diagnostics()).decode_lines(data))
    assert in_order == in_blocks == at_once == expected


@given(any_bytes, sizes, st.sampled_from(["skip", "replace"]))
def test_bad_lines_are_skipped_or_repaired_and_counted(data, chunk, on_error):
    expected = plain_lines(data, errors=on_error)
    strict = plain_lines(data, errors="skip")
    bad = [n for n, line in enumerate(strict, 1) if line is None]
    with small(chunk):
        for way in ("in runs", "in order"):
            counted = diagnostics(on_error)
            decoder = Decoder("utf-8", counted)
            if way == "in order":
                found = list(decoder.read_text(BytesIO(data)))
            else:
                blocks = lines.read_line_blocks(BytesIO(data), keep_lines_whole=True)
                found = [line for block in blocks for line in decoder.decode_lines(block.data)]
            assert found == [line for line in expected if line is not None]
            assert sum(skipped.count for skipped in counted.skipped_records) == len(bad)
            assert [place.line for skipped in counted.skipped_records for place in skipped.places] == bad[:MAX_EXAMPLES]
            assert counted.line == len(expected) + 1


@given(any_bytes, sizes)
def test_decoding_stops_at_the_first_bad_line(data, chunk):
    strict = plain_lines(data, errors="skip")
    first = strict.index(None) + 1 if None in strict else None
    with small(chunk):
        for way in ("in runs", "in order"):
            decoder = Decoder("utf-8", diagnostics())
            found, error = [], None
            try:
                if way == "in order":
                    found.extend(decoder.read_text(BytesIO(data)))
                else:
                    for block in lines.read_line_blocks(BytesIO(data), keep_lines_whole=True):
                        found.extend(decoder.decode_lines(block.data))
            except InputError as raised:
                error = raised.line
            assert error == first, way


@given(st.text("a上é😀 \n\r\ufeff", max_size=40), sizes, st.sampled_from(["utf-16-le", "utf-16", "utf-32-be"]))
def test_wide_encodings_are_decoded(text, chunk, encoding):
    expected = plain_lines(text.removeprefix("\ufeff").encode())
    if text.startswith("\ufeff") or encoding != "utf-16":
        data = text.encode(encoding.replace("16", "16-le") if encoding == "utf-16" else encoding)
    else:
        data = text.encode(encoding)
    if text.removeprefix("\ufeff").startswith("\ufeff"):
        return  # two marks at the start: the codec decides which is the mark
    with small(max(chunk, 4)):  # the first chunk contains the byte order mark
        assert list(Decoder(encoding, diagnostics()).read_text(BytesIO(data))) == expected


def join_parts(records):
    """Join the parts of documents."""
    found, open_parts = [], []
    for document in records:
        open_parts.append(document.text)
        if not document.has_continuation:
            found.append("".join(open_parts))
            open_parts = []
    assert not open_parts
    return found


CUTS = [
    None,
    blocks.SPLIT_ANYWHERE,
    blocks.SPLIT_AFTER_SPACE,
    blocks.SPLIT_AFTER_SEPARATOR,
    blocks.SPLIT_BEFORE_BLOCK,
]


@given(texts, sizes, sizes, st.sampled_from(CUTS), st.sampled_from(["document", "lines"]))
def test_parts_of_a_long_line_join_to_the_line(data, chunk, long_line, cut, unit):
    with small(chunk, long_line):
        found = list(
            read_documents(
                BytesIO(data), SourceFormat("text", "utf-8"), ReaderSpec(split_pattern=cut, unit=unit), diagnostics()
            )
        )
    if unit == "lines":
        text = "\n".join(text.removesuffix("\n") for text in join_parts(found))
        assert text.replace("\r", "").split("\n") == "\n".join(plain_lines(data)).replace("\r", "").split("\n")
    else:
        assert join_parts(found) == plain_lines(data)
    if cut is None:
        assert not any(document.has_continuation for document in found)


def read_as_lines(data, encoding, spec):
    """Read bytes; return the lines without CR, the skipped records, and the error."""
    found, open_parts, error = [], [], None
    position = diagnostics(spec.on_error)
    try:
        for record in read_documents(BytesIO(data), SourceFormat("text", encoding), spec, position):
            text = record.data
            if isinstance(text, bytes):
                try:
                    text = text.decode()
                except UnicodeDecodeError:
                    text = record.text
            if record.is_lines:
                found += [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
                continue
            open_parts.append(text)
            if not record.has_continuation:
                found.append("".join(open_parts))
                open_parts = []
    except InputError as raised:
        error = str(raised)
    return found, position.skipped_records, error


@given(
    data=any_bytes,
    chunk=sizes,
    long_line=sizes,
    cut=st.sampled_from(CUTS),
    on_error=st.sampled_from(["stop", "skip", "replace"]),
    encoding=st.sampled_from(["utf-8", "gb18030", "ascii"]),
    max_line=st.none() | st.integers(20, 40),
)
def test_blocks_of_bytes_have_the_lines_and_messages_of_documents(
    data, chunk, long_line, cut, on_error, encoding, max_line
):
    spec = ReaderSpec(on_error=on_error, split_pattern=cut, max_line=max_line)
    with small(chunk, long_line):
        expected, skipped, error = read_as_lines(data, encoding, spec)
        found = read_as_lines(data, encoding, dataclasses.replace(spec, unit="bytes"))
    assert found[1:] == (skipped, error)
    if error is None:
        assert found[0] == expected
    else:
        assert found[0] == expected[: len(found[0])]  # a block with an error has no line


# Tasks


def plan(
    folder, data, shard_size, *, is_stream, on_error="stop", cut=None, kind="text", encoding="utf-8", names=("a",)
):
    """Split files into tasks, read these, and return the documents and diagnostics."""
    sources = []
    for name in names:
        path = os.path.join(folder, name)
        Path(path).write_bytes(data)
        sources.append(Source(path, None if is_stream else len(data)))
    found_diagnostics = []
    spec = ReaderSpec(on_error=on_error, split_pattern=cut)
    planner = shards.TaskPlanner(spec, kind, encoding, shard_size, lambda: str(folder), found_diagnostics.append)
    reader = shards.TaskReader(spec, encoding)
    found = []
    for task in planner.iter_tasks(sources):
        found.extend(reader(task, found_diagnostics))
    return found, found_diagnostics


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("ranges")


@settings(deadline=None)
@given(data=texts, size=sizes, chunk=sizes, long_line=sizes, cut=st.sampled_from(CUTS), is_stream=st.booleans())
def test_tasks_yield_each_document_once_and_in_order(folder, data, size, chunk, long_line, cut, is_stream):
    with small(chunk, long_line):
        found, found_diagnostics = plan(folder, data, size, is_stream=is_stream, cut=cut, names=("a", "b"))
    assert join_parts(found) == plain_lines(data) * 2
    assert found_diagnostics == []


@settings(deadline=None)
@given(data=any_bytes, size=sizes, chunk=sizes, is_stream=st.booleans(), packed=st.booleans())
def test_tasks_report_every_bad_line(folder, data, size, chunk, is_stream, packed):
    strict = plain_lines(data, errors="skip")
    bad = {n for n, line in enumerate(strict, 1) if line is None}
    with small(chunk):
        stored = gzip.compress(data) if packed else data
        found, found_diagnostics = plan(folder, stored, size, is_stream=is_stream, on_error="skip")
    assert join_parts(found) == [line for line in strict if line is not None]
    assert all(isinstance(skipped, SkippedRecords) for skipped in found_diagnostics)
    assert sum(skipped.count for skipped in found_diagnostics) == len(bad)
    if not packed:
        reported_places = {place for skipped in found_diagnostics for place in skipped.places}
        named = {int(format_place(place).rpartition(":")[2]) for place in reported_places}
        assert named <= bad and len(named) >= min(len(bad), 3)


@settings(deadline=None)
@given(data=any_bytes, size=sizes, chunk=sizes, long_line=sizes, cut=st.sampled_from(CUTS), is_stream=st.booleans())
def test_tasks_stop_at_the_first_bad_line(folder, data, size, chunk, long_line, cut, is_stream):
    strict = plain_lines(data, errors="skip")
    first = strict.index(None) + 1 if None in strict else None
    stopped = None
    with small(chunk, long_line):
        try:
            plan(folder, data, size, is_stream=is_stream, cut=cut)
        except InputError as error:
            stopped = locate_error(error).line
    assert stopped == first


@settings(deadline=None)
@given(
    values=st.lists(st.text('a上\n\r",\t ', max_size=6), max_size=8),
    size=sizes,
    chunk=sizes,
    end=st.sampled_from(["\n", "\r\n"]),
    is_stream=st.booleans(),
)
def test_csv_cells_are_whole_for_any_shard_size(folder, values, size, chunk, end, is_stream):
    quoted = ['"' + value.replace('"', '""') + '"' for value in values]
    data = end.join(["text", *quoted, ""]).encode()
    with small(chunk):
        found, _ = plan(folder, data, size, is_stream=is_stream, kind="csv")
    expected = [value for value in values if value]  # a row of one empty cell may be no row
    assert [document.text for document in found if document.text] == expected


# The program: shard sizes never change the output

SENTENCES = [
    "今天天气很好，我们去公园散步。",
    "小明硕士毕业于中国科学院计算所，后在日本京都大学深造！",
    "Python 3.11 发布了；C++ 和 AT&T 也在",
    "他说：“的确如此”……价格是 1,299.50 元\r",
    "長城的歷史，非常 悠久 㐀㐁",
    "",
]


def corpus(count=200, seed=1):
    rng = random.Random(seed)
    return ["".join(rng.choices(SENTENCES, k=rng.choice([0, 1, 1, 2, 40]))) for _ in range(count)]


OPTIONS = [
    (),
    ("--df", "--ngram", "1-2"),
    ("--punct", "--ngram", "2"),
    ("-t", "search"),
    pytest.param(("-t", "full", "--df"), marks=pytest.mark.slow),  # jieba itself
    ("-t", "char", "--ngram", "1-3"),
    ("-t", "regex", "--pattern", r"\w+", "--df"),
    ("--normalize", "nfkc", "--lower", "--per-million"),
]


@pytest.mark.full
@pytest.mark.parametrize("options", OPTIONS, ids=" ".join)
def test_output_is_equal_for_any_shard_size(kxcli, options):
    whole = corpus()
    data = "\n".join(whole).encode()
    (kxcli.folder / "whole").write_bytes(data)
    (kxcli.folder / "whole.gz").write_bytes(gzip.compress(data, 1))
    (kxcli.folder / "parts").mkdir()
    for n in range(7):
        part = "\n".join(whole[n * 30 : n * 30 + 30]) + "\n"
        (kxcli.folder / "parts" / f"{n}").write_bytes(gzip.compress(part.encode()) if n % 2 else part.encode())
    use = ("wordcount", *options)
    expected = kxcli(*use, "-j", 1, "whole").out
    assert expected.count(b"\n") > 20
    ways = [
        ("-j", 2, "--shard-size", "1K", "whole"),
        ("-j", 2, "--shard-size", "2K", "-r", "parts"),
        ("-j", 1, "--shard-size", 300, "whole"),
        ("-j", 3, "--shard-size", "5K", "whole.gz"),
        ("-j", 2, "--shard-size", "2K"),
        ("-j", 1, "-r", "parts"),
    ]
    for way in ways[:2] if "full" in options else ways:  # jieba's dictionary takes a second in each process
        stdin = b"" if {"whole", "whole.gz", "parts"} & set(way) else data
        assert kxcli(*use, *way, stdin=stdin).out == expected, way


def long_words(size, seed=2):
    """One document of `size` words, with its own counts of words and pairs."""
    rng = random.Random(seed)
    words = [f"w{rng.randrange(50)}" for _ in range(size)]
    return words, Counter(words), Counter(map(" ".join, pairwise(words)))


@pytest.mark.costly
@pytest.mark.full
@pytest.mark.parametrize(("workers", "way"), [(1, "file"), (2, "gz"), (2, "stdin"), (2, "file")])
def test_document_longer_than_a_shard_is_one_document(kxcli, workers, way):
    words, single, pairs = long_words(1_200_000)  # 4.7 MB: in parts of 4 MiB
    data = ("w1 w2\n" + " ".join(words) + "\nw1 w2\n").encode()
    use = ("wordcount", "-t", "space", "--df", "--ngram", "1-2", "-j", workers)
    if way == "stdin":
        ended = kxcli(*use, stdin=data)
    else:
        (kxcli.folder / "a").write_bytes(gzip.compress(data, 1) if way == "gz" else data)
        ended = kxcli(*use, "a")
    found = {row[0]: (int(row[1]), int(row[2])) for row in ended.rows}
    extra = {"w1": 2, "w2": 2, "w1 w2": 2}
    assert found == {key: (n + extra.get(key, 0), 3 if key in extra else 1) for key, n in (single + pairs).items()}
    assert kxcli.leftovers() == []


@pytest.mark.full
@pytest.mark.parametrize("options", [("--df",), ("-t", "search", "--no-hmm", "--punct")], ids=" ".join)
def test_long_line_is_split_between_jieba_blocks(kxcli, workers, options):
    parts = corpus(2000)
    flat = "。".join(part.replace("\r", "") for part in parts)
    line = (flat * (5_000_000 // len(flat.encode()) + 1)).encode()  # 5 MB: longer than one part
    clauses = line.replace("。".encode(), "。\n".encode())  # jieba ends a block at the full stop
    use = ("wordcount", *options, "-j", workers)
    (kxcli.folder / "a").write_bytes(line)
    (kxcli.folder / "b").write_bytes(clauses)
    one, many = kxcli(*use, "a").rows, kxcli(*use, "b").rows
    assert [row[:2] for row in one] == [row[:2] for row in many]
    assert all(row[2:] == ["1"] for row in one if "--df" in options)


def peak_memory(kxcli, *arguments):
    """Run to the end; return the maximal memory of a process of the run, in bytes, and the output."""
    peaks = {}
    with open(kxcli.folder / "peak.out", "wb") as out:
        process = kxcli.start(*arguments, stdout=out)
        with process:
            while process.poll() is None:
                for pid in members(process.pid):
                    with suppress(OSError, IndexError):
                        status = Path("/proc", str(pid), "status").read_text()
                        peaks[pid] = int(status.partition("VmHWM:")[2].split()[0]) * 1024
            assert process.returncode == 0, process.stderr.read()
    return max(peaks.values()), (kxcli.folder / "peak.out").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--df", "--ngram", "1-2"), ("-t", "full")], ids=" ".join)
def test_long_line_is_counted_in_bounded_memory(kxcli, workers, options):
    flat = "，".join(part.replace("\r", "") for part in corpus(3000))
    size = len(flat.encode())
    files = {}
    for megabytes in (6, 24):
        files[megabytes] = kxcli.folder / f"{megabytes}"
        files[megabytes].write_bytes(flat.encode() * (megabytes * 1_000_000 // size + 1))
    use = ("wordcount", *options, "-j", workers)
    small_peak, _ = peak_memory(kxcli, *use, files[6])
    large_peak, out = peak_memory(kxcli, *use, files[24])
    assert out
    # 24 MB of this text are 8 million characters and 4 million tokens, of 80 bytes and more each.
    assert large_peak < small_peak * 1.3 + (8 << 20)
    assert large_peak < 300 << 20


# Diagnostics of tasks


names = st.sampled_from(["a", "上/é", "s3://a/b", os.fsdecode(b"\xff"), "message"])
numbers = st.integers(1, 1 << 60)
valid_diagnostics = st.one_of(
    st.builds(Notice, names, names, st.booleans(), names, st.floats(0, 1)),
    st.builds(
        SkippedRecords, names, numbers, st.lists(st.builds(Place, names, numbers, numbers), max_size=3).map(tuple)
    ),
)


@given(valid_diagnostics)
def test_diagnostics_survive_json(found_diagnostics):
    assert from_json(json.loads(json.dumps(to_json(found_diagnostics)))) == found_diagnostics


@pytest.mark.parametrize("value", [{}, [], 1, None, {"path": "a"}, {"kind": "a", "count": "x", "places": []}])
def test_invalid_diagnostics_are_refused(value):
    with pytest.raises((KeyError, TypeError, ValueError)):
        from_json(value)
