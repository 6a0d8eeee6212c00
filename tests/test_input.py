"""Inputs of the program: names, folders, compression, encodings, lines, records, bad bytes."""

import bz2
import gzip
import json
import lzma
import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}
SPACE = ("wordcount", "-t", "space")
WHOLE = ("wordcount", "-t", "regex", "--pattern", "(?s).+", "--punct")  # a row is a document
BOM = "\ufeff"


def put(kxcli, name, data=b""):
    path = kxcli.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return name


def counts(ended):
    return {row[0]: int(row[1]) for row in ended.rows}


def assert_error(ended, start):
    """Check that stderr is one line that begins with `path` or `path:line`."""
    assert ended.err.startswith(f"kxcli: error: {start}: "), ended.err
    assert ended.err.count("\n") == 1
    assert ended.out == b""


# Names


def test_counts_of_files_are_added(kxcli):
    put(kxcli, "a.txt", "x y\n")
    put(kxcli, "b.txt", "x\n")
    assert counts(kxcli(*SPACE, "a.txt", "b.txt")) == {"x": 2, "y": 1}


@pytest.mark.parametrize("names", [(), ("-",)])
def test_stdin_is_read(kxcli, names):
    assert counts(kxcli(*SPACE, *names, stdin="x y x")) == {"x": 2, "y": 1}


def test_stdin_is_read_among_files(kxcli):
    put(kxcli, "a.txt", "x\n")
    assert counts(kxcli(*SPACE, "a.txt", "-", "a.txt", stdin="x z\n")) == {"x": 3, "z": 1}


def test_stdin_named_twice_is_a_usage_error(kxcli):
    assert "-" in kxcli(*SPACE, "-", "-", stdin="x", code=2).err


def test_file_named_twice_counts_twice(kxcli, workers):
    put(kxcli, "a.txt", "x y\n" * 100)
    assert counts(kxcli(*SPACE, "-j", workers, "--shard-size", 50, "a.txt", "a.txt")) == {"x": 200, "y": 200}


def test_name_that_begins_with_a_dash_is_read(kxcli):
    put(kxcli, "-a.txt", "x\n")
    assert counts(kxcli(*SPACE, "--", "-a.txt")) == {"x": 1}


def test_name_that_is_not_utf8_is_read(kxcli):
    name = b"\xff\xfe.txt"
    with open(os.fsencode(kxcli.folder) + b"/" + name, "wb") as file:
        file.write(b"x\n")
    assert counts(kxcli(*SPACE, os.fsdecode(name))) == {"x": 1}


@pytest.fixture
def tree(kxcli):
    for name in ("a.txt", "b.md", "sub/c.txt", "sub/deep/d.txt", "other/e.txt"):
        put(kxcli, f"tree/{name}", name.rpartition("/")[2][0] + "\n")
    return "tree"


@pytest.mark.parametrize(
    ("glob", "words"),
    [
        (None, "abcde"),
        ("*.txt", "acde"),
        ("*.md", "b"),
        ("sub/*.txt", "cd"),
        ("sub/c*", "c"),
        ("*/e.txt", "e"),
        ("nothing", ""),
    ],
)
def test_recursive_reads_folders_and_glob_filters(kxcli, tree, glob, words):
    options = () if glob is None else ("--glob", glob)
    assert counts(kxcli(*SPACE, "-r", tree, *options)) == dict.fromkeys(words, 1)


def test_glob_does_not_filter_named_files(kxcli, tree):
    assert counts(kxcli(*SPACE, "-r", "--glob", "*.md", "tree/a.txt", tree)) == {"a": 1, "b": 1}


def test_folder_without_recursive_is_an_error(kxcli, tree):
    ended = kxcli(*SPACE, tree, code=1)
    assert_error(ended, tree)
    assert "-r" in ended.err


def test_glob_without_recursive_is_a_usage_error(kxcli, tree):
    assert "-r" in kxcli(*SPACE, "--glob", "*", "tree/a.txt", code=2).err


@pytest.mark.parametrize("target", [".", "..", "sub"])
def test_link_loop_is_read_once(kxcli, tree, target):
    (kxcli.folder / tree / "loop").symlink_to(target)
    assert set(counts(kxcli(*SPACE, "-r", tree)).values()) == {1}


def test_links_to_each_other_are_skipped(kxcli, tree):
    (kxcli.folder / tree / "sub" / "there").symlink_to("../other")
    (kxcli.folder / tree / "other" / "back").symlink_to("../sub")
    assert counts(kxcli(*SPACE, "-r", tree)) == dict.fromkeys("abcde", 1)


def test_linked_file_in_a_folder_is_read(kxcli, tree):
    put(kxcli, "elsewhere.txt", "z\n")
    (kxcli.folder / tree / "z.txt").symlink_to("../elsewhere.txt")
    assert counts(kxcli(*SPACE, "-r", tree)) == dict.fromkeys("abcdez", 1)


def test_walk_skips_a_fifo(kxcli, tree):
    os.mkfifo(kxcli.folder / tree / "pipe")
    assert counts(kxcli(*SPACE, "-r", tree)) == dict.fromkeys("abcde", 1)


def test_files_of_a_folder_are_read_by_name(kxcli):
    for name in ("b", "a", "c"):
        put(kxcli, f"d/{name}", b"\xff\n")
    assert_error(kxcli(*SPACE, "-r", "d", code=1), "d/a:1")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("last", [True, False])
def test_list_names_inputs(kxcli, end, last):
    put(kxcli, "a b.txt", "x\n")
    put(kxcli, "c.txt", "x y\n")
    listed = end.join(["a b.txt", "c.txt"]) + end * last
    put(kxcli, "list", listed)
    assert counts(kxcli(*SPACE, "--files-from", "list")) == {"x": 2, "y": 1}
    assert counts(kxcli(*SPACE, "c.txt", "--files-from", "-", stdin=listed)) == {"x": 3, "y": 2}


def test_null_separates_names_in_a_list(kxcli):
    put(kxcli, "a\nb.txt", "x\n")
    put(kxcli, "c.txt", "x y\n")
    put(kxcli, "list", "a\nb.txt\0c.txt\0")
    assert counts(kxcli(*SPACE, "-0", "--files-from", "list")) == {"x": 2, "y": 1}
    assert counts(kxcli(*SPACE, "--null", "--files-from", "-", stdin="a\nb.txt\0c.txt")) == {"x": 2, "y": 1}


def test_empty_list_has_no_input(kxcli):
    put(kxcli, "list")
    assert kxcli(*SPACE, "--files-from", "list", stdin="x").out == b""


def test_stdin_as_list_and_input_is_a_usage_error(kxcli):
    assert "--files-from -" in kxcli(*SPACE, "--files-from", "-", "-", stdin="x", code=2).err


def test_null_without_a_list_is_a_usage_error(kxcli):
    assert "--files-from" in kxcli(*SPACE, "-0", stdin="x", code=2).err


def test_missing_list_is_an_error(kxcli):
    assert_error(kxcli(*SPACE, "--files-from", "none", code=1), "none")


def test_missing_file_in_a_list_is_an_error(kxcli):
    assert_error(kxcli(*SPACE, "--files-from", "-", stdin="none.txt\n", code=1), "none.txt")


@pytest.mark.parametrize(
    ("data", "line"), [(b"a.txt\na\0b\n", 2), (gzip.compress(b"a.txt\n", mtime=0), 1), ("a.txt\n".encode("utf-16"), 1)]
)
def test_nul_in_a_list_of_lines_is_an_error(kxcli, data, line):
    put(kxcli, "a.txt", "x\n")
    put(kxcli, "list", data)
    for shown, ended in (
        ("list", kxcli(*SPACE, "--files-from", "list", code=1)),
        ("<stdin>", kxcli(*SPACE, "--files-from", "-", stdin=data, code=1)),
    ):
        what = "contains a NUL byte; give a list in plain text; for NUL-separated names use -0"
        assert ended.err == f"kxcli: error: {shown}:{line}: {what}\n"


def test_missing_file_is_an_error(kxcli, workers):
    put(kxcli, "a.txt", "x\n")
    assert_error(kxcli(*SPACE, "-j", workers, "a.txt", "none.txt", code=1), "none.txt")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file_is_an_error(kxcli, workers):
    put(kxcli, "a.txt", "x\n")
    (kxcli.folder / "a.txt").chmod(0)
    assert_error(kxcli(*SPACE, "-j", workers, "a.txt", code=1), "a.txt")


def test_file_without_size_is_read(kxcli, workers):
    ended = kxcli(*SPACE, "-j", workers, "/proc/self/status")
    assert counts(ended)["Pid:"] == 1


@pytest.mark.costly
@pytest.mark.parametrize("size", [0, 20_000, 99_999])
def test_truncation_while_reading_is_an_error(kxcli, workers, size):
    data = b"a b\n" * 25_000
    put(kxcli, "a.txt", data)
    with waiting(kxcli, workers) as process:
        os.truncate(kxcli.folder / "a.txt", size)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, out) == (1, b"")
    assert err == b"kxcli: error: a.txt: changed while it was read; run again when nobody writes to it\n"


def test_growing_file_is_read_up_to_its_first_size(kxcli, workers):
    put(kxcli, "a.txt", b"a b\n" * 25_000)
    with waiting(kxcli, workers) as process:
        with open(kxcli.folder / "a.txt", "ab") as file:
            file.write(b"a b\n" * 25_000)
        out, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (0, b"")
    assert out == b"a\t25000\nb\t25000\n"


@contextmanager
def waiting(kxcli, workers):
    """Start a run that has resolved its inputs and reads stdin before the file after it."""
    command = (*SPACE, "-j", workers, "--shard-size", "16K", "-", "a.txt")
    with kxcli.start(*command, stdin=subprocess.PIPE) as process:
        try:
            process.stdin.write(b"\n" * (1 << 20))  # more than a pipe holds, so the run has read some of it
            process.stdin.flush()
            yield process
        finally:
            process.kill()


# Compression


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("name", ["a.{}", "a.txt", "a.bin"])
def test_compression_is_detected_by_first_bytes(kxcli, kind, name):
    name = put(kxcli, name.format(kind), PACK[kind]("好 好\n坏\n".encode()))
    assert counts(kxcli(*SPACE, name)) == {"好": 2, "坏": 1}


@pytest.mark.parametrize("kind", PACK)
def test_compressed_file_with_a_wrong_suffix_is_read(kxcli, kind):
    name = put(kxcli, "a.gz" if kind != "gz" else "a.xz", PACK[kind](b"x\n"))
    assert counts(kxcli(*SPACE, name)) == {"x": 1}


@pytest.mark.parametrize("kind", PACK)
def test_plain_text_with_a_compressed_suffix_is_read(kxcli, kind):
    assert counts(kxcli(*SPACE, put(kxcli, f"a.{kind}", "x\n"))) == {"x": 1}


@pytest.mark.parametrize("kind", PACK)
def test_compressed_stdin_is_read(kxcli, workers, kind):
    data = PACK[kind](b"x y\n" * 1000)
    assert counts(kxcli(*SPACE, "-j", workers, "--shard-size", "1K", stdin=data)) == {"x": 1000, "y": 1000}


@pytest.mark.parametrize("kind", PACK)
def test_concatenated_members_are_read(kxcli, workers, kind):
    name = put(kxcli, "a", b"".join(PACK[kind](b"x%d y" % n) for n in range(300)))
    words = counts(kxcli(*SPACE, "-j", workers, "--shard-size", 500, name))
    assert words["y"] == 1 and len(words) == 301  # no line end between the members: `yx1`


@pytest.mark.parametrize("kind", PACK)
def test_large_compressed_file_is_split_at_line_ends(kxcli, workers, kind):
    lines = [f"w{n} 好" for n in range(20_000)]
    name = put(kxcli, "a", PACK[kind]("\n".join(lines).encode()))
    words = counts(kxcli(*SPACE, "-j", workers, "--shard-size", "3K", name))
    assert words == {"好": 20_000} | {f"w{n}": 1 for n in range(20_000)}


def test_many_small_compressed_files_are_read(kxcli, workers):
    for n in range(60):
        put(kxcli, f"d/{n}.txt.gz", gzip.compress(b"x\n" * n))
    assert counts(kxcli(*SPACE, "-j", workers, "--shard-size", 200, "-r", "d")) == {"x": sum(range(60))}


def test_empty_compressed_file_is_empty(kxcli):
    assert kxcli(*SPACE, put(kxcli, "a.gz", gzip.compress(b""))).out == b""


@pytest.mark.parametrize("data", [b"(", b"B", b"BZ", b"x"])
def test_file_shorter_than_a_magic_number_is_read(kxcli, data):
    ended = kxcli(*WHOLE, put(kxcli, "a", data))
    assert ended.out == data + b"\t1\n"


def test_text_that_begins_like_bzip2_is_text(kxcli):
    assert counts(kxcli(*SPACE, put(kxcli, "a.txt", "BZhang x\n"))) == {"BZhang": 1, "x": 1}


# Lines and marks


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", {}),
        ("\n", {}),
        ("a", {"a": 1}),
        ("a\nb\n", {"a": 1, "b": 1}),
        ("a\nb", {"a": 1, "b": 1}),
        ("a\r\nb\r\n", {"a": 1, "b": 1}),
        ("a\r\nb\r", {"a": 1, "b": 1}),
        ("a\rb\n", {"a\\rb": 1}),
        ("a\r\r\n", {"a\\r": 1}),
        ("a\u2028b\x0bc\x85d\n", {"a\u2028b\x0bc\x85d": 1}),
        (f"{BOM}a\n{BOM}b\n", {"a": 1, f"{BOM}b": 1}),
        (f"{BOM}{BOM}a\n", {f"{BOM}a": 1}),
        (f"{BOM}", {}),
        ("a\0b\n", {"a\0b": 1}),
    ],
)
@pytest.mark.parametrize("way", ["file", "stdin", "gz", "shards"])
def test_only_lf_ends_a_line(kxcli, text, lines, way):
    data = text.encode()
    if way == "stdin":
        ended = kxcli(*WHOLE, stdin=data)
    else:
        name = put(kxcli, "a", gzip.compress(data) if way == "gz" else data)
        ended = kxcli(*WHOLE, name, *(("--shard-size", 1) if way == "shards" else ()))
    rows = [line.split("\t") for line in ended.text.removesuffix("\n").split("\n")] if ended.out else []
    assert {row[0]: int(row[1]) for row in rows} == lines


def test_bom_of_each_file_is_dropped(kxcli):
    for name in "ab":
        put(kxcli, name, f"{BOM}x\n")
    assert counts(kxcli(*WHOLE, "a", "b")) == {"x": 2}


def test_bom_within_a_text_is_a_character(kxcli):
    put(kxcli, "a", f"{BOM}好{BOM}坏\n")
    assert counts(kxcli("wordcount", "--punct", "a")) == {"好": 1, BOM: 1, "坏": 1}


def test_empty_files_change_nothing(kxcli, workers):
    for name, text in (("a", ""), ("b", "x\n"), ("c", ""), ("d", "x"), ("e", "")):
        put(kxcli, name, text)
    assert counts(kxcli(*SPACE, "-j", workers, "--shard-size", 1, *"abcde")) == {"x": 2}


# Encodings

UP = "上 下 \u0a0a\n"  # bytes 0x0A within characters of UTF-16


@pytest.mark.parametrize(
    "encoding", ["gb18030", "GBK", "big5", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-8", "utf-8-sig", "hz"]
)
def test_encoding_option_is_used(kxcli, workers, encoding):
    text = UP if encoding.startswith("utf") else "上 下\n"
    name = put(kxcli, "a", (text * 50).encode(encoding))
    ended = kxcli(*SPACE, "-j", workers, "--shard-size", 64, "--encoding", encoding, name)
    assert counts(ended) == dict.fromkeys(text.split(), 50)
    assert ended.err == ""


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_bom_of_utf_16_with_byte_order_is_dropped(kxcli, encoding):
    assert counts(kxcli(*WHOLE, "--encoding", encoding, stdin=f"{BOM}上\n{BOM}下".encode(encoding))) == {
        "上": 1,
        f"{BOM}下": 1,
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-32"])
@pytest.mark.parametrize("way", ["file", "shards", "gz", "stdin"])
def test_auto_detects_and_reports_the_encoding(kxcli, workers, encoding, way):
    data = ("上 下\n" * 50).encode(encoding)
    small = ("--shard-size", 64) if way == "shards" else ()
    if way == "stdin":
        name, ended = "<stdin>", kxcli(*SPACE, "-j", workers, "--encoding", "auto", stdin=data)
    else:
        name = put(kxcli, "a", gzip.compress(data) if way == "gz" else data)
        ended = kxcli(*SPACE, "-j", workers, *small, "--encoding", "auto", name)
    assert counts(ended) == {"上": 50, "下": 50}
    assert ended.err == f"kxcli: {name}: read as {encoding.removesuffix('-sig')}\n"


def test_auto_detects_the_mark_of_gb18030(kxcli):
    ended = kxcli(*WHOLE, "--encoding", "auto", stdin=f"{BOM}上\n".encode("gb18030"))
    assert counts(ended) == {"上": 1}


def test_auto_detects_the_encoding_of_each_file(kxcli):
    put(kxcli, "a", "上\n".encode("gb18030"))
    put(kxcli, "b", "上\n".encode())
    put(kxcli, "c", b"")
    ended = kxcli(*SPACE, "--encoding", "auto", *"abc")
    assert counts(ended) == {"上": 2}
    assert ended.err == "kxcli: 1 file read as GB18030, 1 as UTF-8, 1 empty (-v lists them)\n"
    notes = kxcli(*SPACE, "-v", "--encoding", "auto", *"abc").err
    assert "kxcli: a: read as gb18030\nkxcli: b: read as utf-8\n" in notes and "(-v lists them)" not in notes


def test_encodings_of_many_files_are_one_line(kxcli):
    for number in range(9):
        put(kxcli, f"{number}.txt", "上 下\n".encode("gb18030" if number % 3 == 0 else "utf-8"))
    put(kxcli, "x.txt", "龘靐齉爩麤龗灪鱻".encode("gb18030"))
    ended = kxcli(*SPACE, "-r", ".", "--glob", "*.txt", "--encoding", "auto", "-j", 2, "--shard-size", 9)
    doubt, note = ended.err.splitlines()[-2:]
    assert doubt.startswith("kxcli: warning: ./x.txt: read as gb18030, but 0 of 8 ")
    assert note == "kxcli: 6 files read as UTF-8, 3 as GB18030, 1 as GB18030 (with a warning) (-v lists them)"


@pytest.mark.parametrize("way", ["file", "gz", "stdin"])
def test_bytes_that_contradict_auto_are_an_error(kxcli, workers, way):
    plain = b"x" * 99 + b"\n"
    data = plain * 12_000 + "上\n".encode("gb18030") + plain * 100  # the first MiB is ASCII
    if way == "stdin":
        name, ended = "<stdin>", kxcli(*SPACE, "-j", workers, "--encoding", "auto", stdin=data, code=1)
    else:
        name = put(kxcli, "a", gzip.compress(data, 1) if way == "gz" else data)
        ended = kxcli(*SPACE, "-j", workers, "--encoding", "auto", name, code=1)
    assert_error(ended, f"{name}:12001")
    assert "start" in ended.err and "utf-8" in ended.err and "--encoding" in ended.err


def test_character_cut_at_the_end_of_the_sample_is_valid(kxcli):
    data = ("x" * ((1 << 20) - 1) + "上\n").encode()
    assert kxcli(*SPACE, "--encoding", "auto", stdin=data).err == "kxcli: <stdin>: read as utf-8\n"


@pytest.mark.parametrize("name", ["utf-9", "no-such", "zip", "rot13", "", "base64"])
def test_unknown_encoding_is_a_usage_error(kxcli, name):
    ended = kxcli(*SPACE, "--encoding", name, stdin="x", code=2)
    assert "unknown encoding" in ended.err and ended.err.count("\n") == 1


def test_hint_names_utf_16_by_its_mark(kxcli):
    ended = kxcli(*SPACE, put(kxcli, "a", "上\n".encode("utf-16")), code=1)
    assert_error(ended, "a:1")
    assert "--encoding utf-16" in ended.err


# Bad bytes

LINES = 3000
BAD_AT = (1234, 2345, 2999)


def add_bad_bytes(encoding="utf-8", bad=BAD_AT, end="\n"):
    """Return lines of text with an invalid byte in some of them, numbered from 1."""
    lines = [f"好 w{n}".encode(encoding) for n in range(1, LINES + 1)]
    for n in bad:
        lines[n - 1] = lines[n - 1] + b" \xff"
    return end.encode().join([*lines, b""])


WAYS = ["file", "shards", "gz", "gz-shards", "stdin", "stdin-shards"]


def run_on(kxcli, way, data, *arguments, name="a.txt", **options):
    """Run on bytes that arrive in one of the ways; return their name in messages, and the end of the run."""
    small = ("--shard-size", "1K") if "shards" in way else ()
    if way.startswith("stdin"):
        return "<stdin>", kxcli(*arguments, *small, stdin=data, **options)
    put(kxcli, name, gzip.compress(data, 1) if way.startswith("gz") else data)
    return name, kxcli(*arguments, *small, name, **options)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_bad_byte_stops_at_its_line(kxcli, workers, way, encoding):
    name, ended = run_on(
        kxcli, way, add_bad_bytes(encoding), *SPACE, "-j", workers, "--encoding", encoding, code=1, name="a.txt"
    )
    assert_error(ended, f"{name}:1234")
    assert "0xff" in ended.err and encoding in ended.err and "--on-error" in ended.err


@pytest.mark.parametrize("way", WAYS)
def test_lines_with_bad_bytes_are_skipped_and_reported(kxcli, workers, way):
    name, ended = run_on(kxcli, way, add_bad_bytes(), *SPACE, "-j", workers, "--on-error", "skip")
    words = counts(ended)
    assert words["好"] == LINES - 3 and not {f"w{n}" for n in BAD_AT} & set(words)
    assert f"3 lines skipped: bytes that are not utf-8: {name}:1234, {name}:2345, {name}:2999\n" in ended.err
    assert ended.err.startswith("kxcli: warning: ")


@pytest.mark.parametrize("way", WAYS)
def test_bad_bytes_are_replaced_and_reported(kxcli, workers, way):
    name, ended = run_on(kxcli, way, add_bad_bytes(), *SPACE, "--punct", "-j", workers, "--on-error", "replace")
    words = counts(ended)
    assert words["好"] == LINES and words["\ufffd"] == 3
    assert f"3 lines with replaced bytes that are not utf-8: {name}:1234, {name}:2345" in ended.err


def test_number_of_further_bad_lines_is_reported(kxcli, workers):
    bad = range(100, 3000, 100)
    _, ended = run_on(kxcli, "shards", add_bad_bytes(bad=bad), *SPACE, "-j", workers, "--on-error", "skip")
    assert "29 lines" in ended.err and "a.txt:100, a.txt:200, a.txt:300 and 26 more" in ended.err


def test_skipped_lines_are_reported_in_input_order(kxcli, workers):
    for name in "abc":
        put(kxcli, name, b"x\n" * 50 + b"\xff\n")
    ended = kxcli(*SPACE, "-j", workers, "--shard-size", 20, "--on-error", "skip", *"cab")
    assert "3 lines" in ended.err and "c:51, a:51, b:51" in ended.err


def test_bad_first_line_after_a_bom_is_skipped(kxcli):
    ended = kxcli(*WHOLE, "--on-error", "skip", stdin=BOM.encode() + b"\xff\nx\n")
    assert counts(ended) == {"x": 1}
    assert "<stdin>:1" in ended.err


@pytest.mark.parametrize("way", WAYS)
def test_character_cut_at_the_end_is_bad(kxcli, way):
    name, ended = run_on(kxcli, way, "好\n好\n坏".encode()[:-1], *SPACE, code=1)
    assert_error(ended, f"{name}:3")


def test_bad_bytes_in_crlf_lines_are_reported_with_their_lines(kxcli, workers):
    _, ended = run_on(kxcli, "shards", add_bad_bytes(end="\r\n"), *SPACE, "-j", workers, code=1)
    assert_error(ended, "a.txt:1234")


@pytest.mark.parametrize("way", ["file", "shards", "stdin"])
def test_bad_unit_of_utf_16_stops_at_its_line(kxcli, workers, way):
    lines = [f"上 w{n}\n".encode("utf-16-le") for n in range(1, 101)]
    lines[49] = b"\x00\xd8" + lines[49]  # half a surrogate pair
    name, ended = run_on(
        kxcli, way, b"".join(lines), *SPACE, "-j", workers, "--encoding", "utf-16-le", code=1, name="a.txt"
    )
    assert_error(ended, f"{name}:50")


def test_bad_unit_of_utf_16_is_skipped(kxcli):
    lines = [f"上 w{n}\n".encode("utf-16-le") for n in range(1, 101)]
    lines[49] = b"\x00\xd8" + lines[49]
    ended = kxcli(*SPACE, "--encoding", "utf-16-le", "--on-error", "skip", stdin=b"".join(lines))
    assert counts(ended)["上"] == 99 and "<stdin>:50" in ended.err


# Records


def jsonl(*records):
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


RECORDS = [{"text": "x y", "body": "z", "label": "p"}, {"text": "x", "body": "z", "label": "q"}]
TABLE = [["text", "body", "label"], ["x y", "z", "p"], ["x", "z", "q"]]
WRITTEN = {
    "jsonl": jsonl(*RECORDS),
    "csv": "".join(",".join(row) + "\n" for row in TABLE),
    "tsv": "".join("\t".join(row) + "\n" for row in TABLE),
}


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("bom", ["", BOM])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_field_option_selects_the_text(kxcli, kind, bom, end):
    name = put(kxcli, f"a.{kind}", bom + WRITTEN[kind].replace("\n", end))
    assert counts(kxcli(*SPACE, "--field", "text", name)) == {"x": 2, "y": 1}
    assert counts(kxcli(*SPACE, "--field", "body", name)) == {"z": 2}
    assert kxcli(*SPACE, "--by", "label", name).rows == [["p", "x", "1"], ["p", "y", "1"], ["q", "x", "1"]]


@pytest.mark.parametrize("kind", WRITTEN)
def test_input_format_needs_no_suffix(kxcli, kind):
    assert counts(kxcli(*SPACE, "--input-format", kind, stdin=WRITTEN[kind])) == {"x": 2, "y": 1}


@pytest.mark.parametrize("kind", PACK)
def test_suffix_before_that_of_a_compression_gives_the_format(kxcli, kind):
    name = put(kxcli, f"a.jsonl.{kind}", PACK[kind](WRITTEN["jsonl"].encode()))
    assert counts(kxcli(*SPACE, "--field", "body", name)) == {"z": 2}


@pytest.mark.parametrize("option", [("--field", "text"), ("--by", "label")])
def test_field_of_an_unknown_format_is_a_usage_error(kxcli, option):
    name = put(kxcli, "a.txt", "x\n")
    assert "--input-format" in kxcli(*SPACE, *option, name, code=2).err
    assert "--input-format" in kxcli(*SPACE, *option, stdin="x\n", code=2).err


def test_jsonl_is_text_by_input_format(kxcli):
    use = (*SPACE, "--input-format", "text", put(kxcli, "a.jsonl", '{"text": "x"}\n'))
    assert counts(kxcli(*use)) == {'{"text":': 1, '"x"}': 1}


def test_quoted_line_ends_belong_to_the_cell(kxcli, workers):
    rows = "".join(f'"x{n}\n""q"", y\r\nz",{n % 2}\n' for n in range(500))
    name = put(kxcli, "a.csv", "text,label\n" + rows)
    small = ("-j", workers, "--shard-size", 100)
    words = {row[0]: row[1:] for row in kxcli(*SPACE, *small, "--field", "text", "--df", name).rows}
    assert words == {word: ["500", "500"] for word in ('"q",', "y", "z")} | {f"x{n}": ["1", "1"] for n in range(500)}
    by = kxcli(*SPACE, *small, "--by", "label", name).rows
    assert ["0", "z", "250"] in by and ["1", "z", "250"] in by


def test_quotes_in_tsv_are_characters(kxcli):
    name = put(kxcli, "a.tsv", 'text\tn\n"x y\t1\nx"\t2\n')
    assert counts(kxcli("wordcount", "-t", "regex", "--pattern", r'[a-z"]+', "--field", "text", name)) == {
        '"x': 1,
        "y": 1,
        'x"': 1,
    }


@pytest.mark.parametrize("kind", ["csv", "tsv"])
def test_lone_cr_in_a_table_is_a_character(kxcli, kind):
    mark = '"' if kind == "csv" else ""
    name = put(kxcli, f"a.{kind}", f"text\n{mark}x\ry{mark}\nz\n")
    assert counts(kxcli(*WHOLE, "--field", "text", name)) == {"x\\ry": 1, "z": 1}


@pytest.mark.parametrize("kind", WRITTEN)
def test_blank_lines_are_not_records(kxcli, kind):
    ended = kxcli(*SPACE, "--input-format", kind, stdin=WRITTEN[kind].replace("\n", "\n\n"))
    assert counts(ended) == {"x": 2, "y": 1}


@pytest.mark.parametrize("kind", WRITTEN)
def test_empty_file_of_records_is_empty(kxcli, kind):
    assert kxcli(*SPACE, "--field", "text", put(kxcli, f"a.{kind}")).out == b""


@pytest.mark.parametrize("kind", WRITTEN)
def test_records_in_utf_16_are_read(kxcli, kind):
    ended = kxcli(*SPACE, "--input-format", kind, "--encoding", "utf-16", stdin=WRITTEN[kind].encode("utf-16"))
    assert counts(ended) == {"x": 2, "y": 1}


def test_escapes_of_json_are_text(kxcli):
    ended = kxcli(*WHOLE, "--input-format", "jsonl", stdin=r'{"text": "\u597d\ud83d\ude00\n\\u"}')
    assert ended.text == "好😀\\n\\u\t1\n"


def test_groups_may_be_numbers_or_booleans(kxcli):
    data = jsonl({"text": "x", "g": 1}, {"text": "x", "g": True}, {"text": "x", "g": 1.5}, {"text": "x", "g": ""})
    rows = kxcli(*SPACE, "--input-format", "jsonl", "--by", "g", stdin=data).rows
    assert sorted(row[0] for row in rows) == ["", "1", "1.5", "true"]


BAD_RECORDS = {
    "not JSON": '{"text": ',
    "two values": '{"text": "x"} {"text": "x"}',
    "text alone": "hello",
    "a list": '["x"]',
    "a string": '"x"',
    "null": "null",
    "another field": '{"body": "x"}',
    "an empty object": "{}",
    "a number": '{"text": 5}',
    "an object in the field": '{"text": {"text": "x"}}',
    "a lone surrogate": r'{"text": "x\ud800y"}',
    "a lone low surrogate": r'{"text": "\udc00"}',
    "a deep nest": "[" * 100_000,
    "a huge number": '{"text": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS)
def test_bad_json_record_stops_at_its_line(kxcli, bad):
    ended = kxcli(*SPACE, "--field", "text", put(kxcli, "a.jsonl", f'{{"text": "x"}}\n{bad}\n'), code=1)
    assert_error(ended, "a.jsonl:2")
    assert "; " in ended.err


@pytest.mark.parametrize("sign", ["", "-"])
def test_error_has_the_number_of_digits_of_a_long_integer(kxcli, sign):
    name = put(kxcli, "a.jsonl", f'{{"text": {sign}{"9" * 5000}}}')
    ended = kxcli(*SPACE, "--field", "text", name, code=1)
    assert_error(ended, "a.jsonl:1")
    assert "has an integer of 5,000 digits in the field 'text', not a string; " in ended.err


@pytest.mark.parametrize("bad", BAD_RECORDS.values(), ids=BAD_RECORDS)
@pytest.mark.parametrize("on_error", ["skip", "replace"])
def test_bad_json_record_is_skipped(kxcli, bad, on_error):
    good = '{"text": "x"}\n'
    name = put(kxcli, "a.jsonl", good + bad + "\n" + good)
    ended = kxcli(*SPACE, "--field", "text", "--on-error", on_error, name)
    assert counts(ended) == {"x": 2}
    assert ended.err.startswith("kxcli: warning: 1 ") and "a.jsonl:2\n" in ended.err


@pytest.mark.parametrize("way", WAYS)
def test_bad_json_deep_in_a_file_is_reported_with_its_line(kxcli, workers, way):
    lines = [json.dumps({"text": f"x w{n}"}) for n in range(1, 2001)]
    lines[776] = lines[1999] = "{"
    data = "\n".join(lines).encode()
    use = (*SPACE, "-j", workers, "--input-format", "jsonl")
    name, ended = run_on(kxcli, way, data, *use, code=1)
    assert_error(ended, f"{name}:777")
    name, ended = run_on(kxcli, way, data, *use, "--on-error", "skip")
    assert counts(ended)["x"] == 1998
    assert f"{name}:777, {name}:2000\n" in ended.err


@pytest.mark.parametrize(
    ("group", "type_"),
    [('["p"]', "a list"), ('{"p": 1}', "an object")],
    ids=["list", "object"],
)
def test_group_of_wrong_type_is_a_bad_record(kxcli, group, type_):
    data = f'{{"text": "x", "g": "p"}}\n{{"text": "x", "g": {group}}}\n'
    use = (*SPACE, "--input-format", "jsonl", "--by", "g")
    ended = kxcli(*use, stdin=data, code=1)
    assert_error(ended, "<stdin>:2")
    assert f"<stdin>:2: has {type_} in the field 'g'" in ended.err
    assert kxcli(*use, "--on-error", "skip", stdin=data).rows == [["p", "x", "1"]]


def test_lone_surrogate_in_a_group_is_a_bad_record(kxcli):
    data = r'{"text": "x", "g": "\ud800"}'
    assert_error(kxcli(*SPACE, "--input-format", "jsonl", "--by", "g", stdin=data, code=1), "<stdin>:1")


def test_missing_group_names_by(kxcli):
    ended = kxcli(*SPACE, "--by", "g", put(kxcli, "a.jsonl", '{"text": "x", "h": 1}\n'), code=1)
    assert_error(ended, "a.jsonl:1")
    assert "'g'" in ended.err and "'h'" in ended.err and "--by" in ended.err


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize("option", ["--field", "--by"])
def test_missing_column_is_an_error(kxcli, kind, option):
    ended = kxcli(*SPACE, option, "none", put(kxcli, f"a.{kind}", WRITTEN[kind]), code=1)
    assert_error(ended, f"a.{kind}:1")
    assert "'none'" in ended.err and "'body'" in ended.err and option in ended.err


@pytest.mark.parametrize("kind", ["csv", "tsv"])
@pytest.mark.parametrize("row", ["x", "x{0}y{0}z{0}more"])
def test_row_of_another_length_is_a_bad_record(kxcli, kind, row):
    data = WRITTEN[kind] + row.format("," if kind == "csv" else "\t") + "\n"
    use = (*SPACE, "--input-format", kind)
    assert_error(kxcli(*use, stdin=data, code=1), "<stdin>:4")
    ended = kxcli(*use, "--on-error", "skip", stdin=data)
    assert counts(ended) == {"x": 2, "y": 1}
    assert "<stdin>:4\n" in ended.err


def test_open_quote_is_an_error_at_the_first_line_of_its_record(kxcli, workers):
    data = 'text,n\nx,1\n"a\nb",2\nx,3\n"open,4\nx,5\nx,6\n'
    use = (*SPACE, "-j", workers, "--shard-size", 8, "--field", "text", put(kxcli, "a.csv", data))
    assert_error(kxcli(*use, code=1), "a.csv:6")
    ended = kxcli(*use, "--on-error", "skip")
    assert counts(ended) == {"x": 4, "a": 1, "b": 1}  # only the line with the quote is skipped
    assert "a.csv:6\n" in ended.err


def test_text_after_a_quote_is_a_bad_record(kxcli):
    data = 'text\nx\n"a"b\nx\n'
    use = (*SPACE, "--field", "text", put(kxcli, "a.csv", data))
    assert_error(kxcli(*use, code=1), "a.csv:3")
    assert counts(kxcli(*use, "--on-error", "skip")) == {"x": 2}


@pytest.mark.parametrize("way", ["file", "shards", "gz", "stdin"])
@pytest.mark.parametrize("kind", WRITTEN)
def test_bad_byte_in_records_stops_at_its_line(kxcli, workers, way, kind):
    lines = WRITTEN[kind].encode().splitlines(keepends=True)
    data = b"".join(lines[:-1] + lines[-1:] * 500 + [lines[-1].replace(b"x", b"\xff")] + lines[-1:] * 10)
    at = len(lines) + 500
    name, ended = run_on(kxcli, way, data, *SPACE, "-j", workers, "--input-format", kind, code=1)
    assert_error(ended, f"{name}:{at}")


@pytest.mark.parametrize("kind", WRITTEN)
def test_bad_byte_in_records_is_skipped_or_replaced(kxcli, kind):
    data = WRITTEN[kind].encode().replace(b"x y", b"x \xff")
    at = 1 if kind == "jsonl" else 2
    use = (*SPACE, "--punct", "--input-format", kind, "--on-error")
    ended = kxcli(*use, "skip", stdin=data)
    assert counts(ended) == {"x": 1} and f"<stdin>:{at}\n" in ended.err
    ended = kxcli(*use, "replace", stdin=data)
    assert counts(ended) == {"x": 2, "\ufffd": 1} and f"<stdin>:{at}\n" in ended.err


def test_cell_larger_than_the_default_limit_of_csv_is_read(kxcli):
    name = put(kxcli, "a.csv", "text\n" + "x " * 200_000 + "\n")
    assert counts(kxcli(*SPACE, "--field", "text", name)) == {"x": 200_000}
