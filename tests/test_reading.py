"""Common behavior of all readers: compression, archives, encodings, records, stdin."""

import array
import bz2
import encodings as codec_modules
import fcntl
import gzip
import io
import lzma
import os
import pkgutil
import pty
import re
import select
import struct
import sys
import tarfile
import termios
import zipfile
from dataclasses import dataclass
from encodings.aliases import aliases
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kxcli.cli import main
from kxcli.corpus import encoding_guess, encodings, sources
from kxcli.corpus.compression import Stream
from kxcli.corpus.diagnostics import ReadDiagnostics
from kxcli.corpus.reader_spec import ReaderSpec, SourceFormat
from kxcli.corpus.records import read_documents
from kxcli.errors import InputError, UsageError

zstd = pytest.importorskip("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")

SPACE = ("wordcount", "-t", "space", "-j", "1")
PACK = {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress, "zst": zstd.compress}
ENTRIES = b'{"subject_id": "1", "subject": "ab"}\n{"subject_id": "2", "subject": "cd"}\n'
TABLE = b"x\ty\n" + b"".join(b"%d\t%d\n" % (n, n % 7) for n in range(20))
LABELED = b'{"text": "ab", "mention_data": []}\n'
WEATHER = "".join(f"{first}天气很好{last}\n" for first in "今明后昨" for last in "呢吗吧了").encode()
READERS = {
    # name: (arguments, {} for the file; what is read)
    "text": ((*SPACE, "{}"), b"a b\n" * 40),
    "text in shards": ((*SPACE, "--shard-size", "16", "{}"), b"a b\n" * 40),
    "jsonl": ((*SPACE, "--input-format", "jsonl", "{}"), b'{"text": "a b"}\n' * 40),
    "csv": ((*SPACE, "--input-format", "csv", "{}"), b"text,id\n" + b"a b,1\n" * 40),
    "merge": (("wordcount", "--merge", "{}"), b"a\t1\nb\t2\n"),
    "newwords": (("newwords", "-j", "1", "--all", "--min-count", "1", "{}"), WEATHER),
    "mentions": (("entity-link", "-j", "1", "--kb", "kb.jsonl", "{}"), b"ab cd\n" * 40),
    "knowledge base": (("entity-link", "-j", "1", "--kb", "{}", "texts"), ENTRIES),
    "gold": (("entity-link", "--kb", "kb.jsonl", "--evaluate", "{}"), LABELED),
    "table": (("hsic", "-j", "1", "-x", "1", "-y", "2", "{}"), TABLE),
    "table of objects": (
        ("hsic", "-j", "1", "-x", "x", "-y", "y", "--input-format", "jsonl", "{}"),
        b"".join(b'{"x": %d, "y": %d}\n' % (n, n % 7) for n in range(20)),
    ),
}
BY_KIND = [("text", kind) for kind in PACK] + [(reader, "xz") for reader in READERS if reader != "text"]
ON_STDIN = [name for name in READERS if name not in ("knowledge base", "gold")]


@dataclass
class Ended:
    code: int
    out: bytes
    err: str

    @property
    def counts(self):
        return {word: int(count) for word, count in (line.split("\t") for line in self.out.decode().splitlines())}


@pytest.fixture
def run(tmp_path, monkeypatch, capfdbinary):
    """Run a command line in this process, in a folder with a knowledge base and a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "kb.jsonl").write_bytes(ENTRIES)
    (tmp_path / "texts").write_bytes(b"ab\n")

    def call(*arguments, stdin=None, code=0):
        if stdin is not None:
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        stdout = os.dup(1)  # the program closes it when it fails
        try:
            ended = main([str(argument) for argument in arguments])
        finally:
            sys.stdout.flush()
            os.dup2(stdout, 1)
            os.close(stdout)
        out, err = capfdbinary.readouterr()
        assert ended == code, err.decode()
        assert b"internal error" not in err and b"Traceback" not in err
        return Ended(ended, out, err.decode())

    return call


def put(name, data):
    with open(name, "wb") as file:
        file.write(data if isinstance(data, bytes) else data.encode())
    return name


def assert_error(ended, start, *parts):
    """Check that stderr is one line with place, problem and hint."""
    assert ended.err.startswith(f"kxcli: error: {start}"), ended.err
    assert ended.err.count("\n") == 1 and "; " in ended.err
    assert all(part in ended.err for part in parts), ended.err
    assert ended.out == b""


def read_with(run, reader, data, *, is_stdin=False, code=0):
    """Run the command of a reader on a file, or on stdin."""
    arguments, _ = READERS[reader]
    name = "-" if is_stdin else put("input", data)
    return run(*(part.replace("{}", name) for part in arguments), stdin=data if is_stdin else None, code=code)


# Compression: several members


def members(kind, data):
    """Return data in three compressed members; two of them end within a line."""
    cut = len(data) // 3
    return [PACK[kind](part) for part in (data[: cut + 1], data[cut + 1 : 2 * cut], data[2 * cut :])]


def skippable(data=b"abcd", number=0):
    return struct.pack("<II", 0x184D2A50 + number, len(data)) + data


@pytest.mark.parametrize(("reader", "kind"), BY_KIND)
def test_every_reader_reads_all_members(run, reader, kind):
    data = READERS[reader][1]
    plain = read_with(run, reader, data).out
    assert plain and read_with(run, reader, b"".join(members(kind, data))).out == plain
    if reader in ON_STDIN:
        assert read_with(run, reader, b"".join(members(kind, data)), is_stdin=True).out == plain


@pytest.mark.parametrize(("reader", "kind"), BY_KIND)
def test_every_reader_refuses_data_after_a_member(run, reader, kind):
    data = READERS[reader][1]
    other = "xz" if kind != "xz" else "gz"
    harmed = PACK[kind](data) + PACK[other](data)
    assert_error(read_with(run, reader, harmed, code=1), "input: ", "followed by", f"not {kind}")
    if reader in ON_STDIN:
        assert_error(read_with(run, reader, harmed, is_stdin=True, code=1), "<stdin>: ", "followed by")


def drain(data, size=1 << 18, raw=io.BytesIO):
    stream = Stream(raw(data), "path")
    return b"".join(iter(lambda: stream.read(size), b""))


class Trickle(io.RawIOBase):
    """A pipe that gives a few bytes at a time."""

    def __init__(self, data):
        self._file = io.BytesIO(data)

    def readable(self):
        return True

    def readinto(self, buffer):
        data = self._file.read(min(len(buffer), 3))
        buffer[: len(data)] = data
        return len(data)


@pytest.mark.parametrize("raw", [io.BytesIO, Trickle])
@pytest.mark.parametrize(
    ("kind", "n_before", "n_after"),
    [("xz", 4, 0), ("xz", 8, 8), ("xz", 0, 4), ("xz", 1 << 17, 4), ("gz", 1, 0), ("gz", 511, 0), ("gz", 3, 1 << 17)],
)
def test_padding_of_members_is_skipped(raw, kind, n_before, n_after):
    one = PACK[kind](b"some text\n")
    assert drain(one + bytes(n_before) + one + bytes(n_after), raw=raw) == b"some text\n" * 2


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 65_537])
@pytest.mark.parametrize("where", ["between", "after"])
def test_xz_padding_of_wrong_length_is_an_error(size, where):
    one = lzma.compress(b"some text\n")
    with pytest.raises(InputError, match="multiple of 4"):
        drain(one + bytes(size) + (one if where == "between" else b""))


@pytest.mark.parametrize("kind", ["bz2", "zst"])
def test_padding_of_other_formats_is_an_error(kind):
    with pytest.raises(InputError, match=f"not {kind}"):
        drain(PACK[kind](b"some text\n") + bytes(8))


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("tail", [b"x", b"some words\n" * 3, b"\n", bytes(3) + b"x", b"BZh9", b"\x1f", b"\xfd7z"])
def test_data_after_the_last_member_is_an_error(kind, tail):
    with pytest.raises(InputError, match=r"path: the compressed data .*; "):
        drain(PACK[kind](b"some text\n") * 2 + tail)


@pytest.mark.parametrize("kind", PACK)
def test_truncated_later_member_is_an_error(kind):
    one = PACK[kind](b"some text\n")
    for size in range(1, len(one)):
        with pytest.raises(InputError, match="path: the compressed data "):
            drain(one + one[:size])


@pytest.mark.parametrize("kind", PACK)
def test_flipped_bits_of_a_later_member_never_lose_text_silently(kind):
    one = PACK[kind](b"some text\n")
    if kind == "zst":
        one = zstd.compress(b"some text\n", options={zstd.CompressionParameter.checksum_flag: 1})
    for at in range(len(one) * 8):
        harmed = bytearray(one)
        harmed[at // 8] ^= 1 << at % 8
        try:
            found = drain(one + bytes(harmed))
        except InputError as error:
            assert "the compressed data " in str(error)
        else:
            assert found == b"some text\n" * 2, at  # as in the time and the name of the file in gzip


@pytest.mark.parametrize("raw", [io.BytesIO, Trickle])
@pytest.mark.parametrize("order", ["ST", "SSTS", "TSST", "STSTS", "S", "SS"])
def test_skippable_frames_of_zst_are_skipped(raw, order):
    text = zstd.compress(b"some text\n")
    frames = [text if one == "T" else skippable(b"x" * number, number) for number, one in enumerate(order)]
    assert drain(b"".join(frames), raw=raw) == b"some text\n" * order.count("T")


def test_truncated_skippable_frame_is_an_error():
    with pytest.raises(InputError, match="ends too early"):
        drain(skippable()[:-1])


@pytest.mark.parametrize("window", [28, 31])
def test_zst_with_a_large_window_is_read(window):
    options = {zstd.CompressionParameter.window_log: window}
    packed = zstd.ZstdCompressor(options=options)
    data = packed.compress(b"some text\n") + packed.flush()
    assert drain(data) == b"some text\n"


def test_members_are_whole_for_any_read_size():
    parts = [bytes([97 + n % 26]) * n for n in range(200)]
    for kind, pack in PACK.items():
        for size in (1, 7, 1 << 18):
            assert drain(b"".join(map(pack, parts)), size) == b"".join(parts), kind


# Unsupported formats


def tar(form, *, size=5):
    with io.BytesIO() as file:
        with tarfile.open(fileobj=file, mode="w", format=form) as archive:
            entry = tarfile.TarInfo("folder/text.txt")
            entry.size = size
            archive.addfile(entry, io.BytesIO(b"some text\n" * size))
        return file.getvalue()


def old_tar():
    """Return an archive of the format without a magic number."""
    head = bytearray(tar(tarfile.USTAR_FORMAT))
    head[257:265] = bytes(8)
    head[148:156] = b" " * 8
    head[148:156] = b"%06o\0 " % sum(head[:512])
    return bytes(head)


def zipped(name):
    with io.BytesIO() as file:
        with zipfile.ZipFile(file, "w") as archive:
            archive.writestr(name, "some text\n")
        return file.getvalue()


LZMA = lzma.compress(b"some text\n", lzma.FORMAT_ALONE)
UNREAD = {
    "tar, ustar": (tar(tarfile.USTAR_FORMAT), "tar -xOf"),
    "tar, gnu": (tar(tarfile.GNU_FORMAT), "tar -xOf"),
    "tar, pax": (tar(tarfile.PAX_FORMAT), "tar -xOf"),
    "tar, old": (old_tar(), "tar -xOf"),
    "zip": (zipped("text.txt"), "unzip -p"),
    "empty zip": (b"PK\x05\x06" + bytes(18), "unzip -p"),
    "docx": (zipped("[Content_Types].xml"), "Office"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4" + bytes(24), "7z x -so"),
    "lz4": (b"\x04\x22\x4d\x18\x64\x40\xa7" + bytes(16), "lz4 -dc"),
    "Z": (b"\x1f\x9d\x90" + bytes(16), "gzip -dc"),
    "lzma": (LZMA, "xz -dc"),
    "lzma of known size": (LZMA[:5] + struct.pack("<Q", 10) + LZMA[13:], "xz -dc"),
    "pdf": (b"%PDF-1.7\n", "PDF"),
}


@pytest.mark.parametrize("form", UNREAD)
@pytest.mark.parametrize("size", [None, 4])
def test_unsupported_format_is_refused_with_a_hint(run, form, size):
    data, hint = UNREAD[form]
    shards = () if size is None else ("--shard-size", size)
    assert_error(run(*SPACE, *shards, put("a", data), code=1), "a: is ", hint)
    assert_error(run(*SPACE, *shards, stdin=data, code=1), "<stdin>: is ", hint)


@pytest.mark.parametrize("kind", PACK)
@pytest.mark.parametrize("form", ["tar, ustar", "tar, gnu", "tar, pax", "tar, old"])
def test_compressed_tar_archive_is_refused(run, kind, form):
    assert_error(run(*SPACE, put("a", PACK[kind](UNREAD[form][0])), code=1), "a: is a tar archive; ", "tar -xOf")


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("form", ["tar, gnu", "zip", "lzma"])
def test_every_reader_refuses_archives(run, reader, form):
    data, hint = UNREAD[form]
    assert_error(read_with(run, reader, data, code=1), "input: is ", hint)


@pytest.mark.parametrize(
    "text",
    [
        "x" * 257 + "ustar\n",
        "PK 3\n",
        "7z a\n",
        "LZIP x\n",
        "PAR1 x\n",
        "%PDF x\n",
        "]x\n",
        " " * 148 + "000123 \n" + "x" * 600,
        "ustar\n" * 100,
    ],
)
def test_text_that_begins_like_an_archive_is_text(text):
    assert drain(text.encode()) == text.encode()


def test_utf16_that_begins_like_lzma_is_text():
    data = "]一北京".encode("utf-16-le")
    assert drain(data) == data


# `--encoding auto`

NEWS = """今天上午，市政府召开新闻发布会，介绍了城市交通建设的最新情况。
新的地铁线路将于明年开通，预计每天可以运送三十万人次的乘客。
有关部门表示，这个项目已经完成了百分之八十，资金也已经到位。
附近的居民说，他们等这条线路已经等了很多年，出行会更加方便。
"""
TRADITIONAL = """今天上午，市政府召開新聞發布會，介紹了城市交通建設的最新情況。
新的地鐵線路將於明年開通，預計每天可以運送三十萬人次的乘客。
有關部門表示，這個項目已經完成了百分之八十，資金也已經到位。
"""
JAPANESE = "今日はとても良い天気ですね。私たちは東京から京都まで電車で旅行しました。カタカナも書きます。\n"
KOREAN = "오늘 날씨가 매우 좋습니다. 우리는 서울에서 부산까지 기차를 타고 여행을 했습니다.\n"
FRENCH = "L'été dernier, nous avons voyagé à travers la forêt où les élèves étaient très étonnés.\n"
RUSSIAN = "Сегодня очень хорошая погода, и мы поехали на поезде из Москвы в Петербург.\n"


def guess_encoding(data, *, complete=True):
    """Return the encoding and the doubt."""
    encoding, confidence, doubt = encoding_guess.guess_encoding(data, complete=complete)
    assert 0 <= confidence <= 1 and (confidence >= 0.3 or doubt or encoding == "utf-8")
    return encoding, doubt


@pytest.mark.parametrize(
    "data",
    [
        b"\xa0\n" + NEWS.encode() * 20,
        NEWS.encode()[1:],
        NEWS.encode()[2:],
        NEWS.encode()[:-2],
        NEWS.encode()[2:-2],
        "好的".encode()[2:],
        NEWS.encode().replace("，".encode(), b"\xa3\xac"),
        "小明来到北京\n".encode() + "上海下雨\n".encode("gbk") + "广州\n".encode(),
        FRENCH.encode() * 3 + b"\xe9\n",
        RUSSIAN.encode()[1:],
        b"plain text\n" * 9 + b"\xff\n",
        b"\x9d\n" + b"plain text\n" * 9,
        NEWS.replace("\n", "").encode()[1:-1],
        b"\xff" + JAPANESE.encode(),
        KOREAN.encode()[1:],
    ],
)
def test_auto_detects_mostly_valid_utf8(data):
    assert guess_encoding(data) == ("utf-8", "")


def test_auto_doubts_utf8_with_whole_lines_in_another_encoding():
    lines = NEWS.splitlines()
    foreign = [line.encode("gb18030") for line in lines[:2]]
    mixed = b"\n".join([line.encode() for line in lines * 4] + foreign)
    assert guess_encoding(mixed) == ("utf-8", "2 of its 18 lines beyond ASCII are not")
    stray = b"\n".join([line.encode()[1:] for line in lines * 4])
    assert guess_encoding(stray) == ("utf-8", "")
    assert guess_encoding(b"\n".join([NEWS.encode() * 60, *foreign])) == ("utf-8", "")  # less than one of 100


@pytest.mark.parametrize("encoding", ["gbk", "gb18030"])
@pytest.mark.parametrize(
    "text",
    [
        NEWS,
        TRADITIONAL,
        *NEWS.splitlines(),
        *TRADITIONAL.splitlines(),
        "你好",
        "北京欢迎你",
        "㐀㐁𠀀，这是生僻字的一个例子",
    ],
)
def test_auto_detects_gb18030_without_doubt(encoding, text):
    data = text.encode(encoding, "ignore")
    assert guess_encoding(data) == ("gb18030", "")
    assert guess_encoding(data + b"\xb0", complete=False) == ("gb18030", "")
    assert guess_encoding(b"\xff\xff\n" + data * 9) == ("gb18030", "")


CANTONESE = """佢哋喺度做乜嘢呀？我哋嘅朋友今日唔嚟食飯喇。
呢啲嘢係阿媽買嘅，你唔好攞走佢，聽日先俾返我啦。
"""
TEXTS = {  # by encoding; the test of real texts is `test_auto_is_right_about_real_texts`
    "gb18030": (NEWS, TRADITIONAL),
    "big5": (TRADITIONAL,),
    "big5hkscs": (CANTONESE,),
    "shift_jis": (JAPANESE,),
    "cp932": (JAPANESE,),
    "euc_jp": (JAPANESE,),
    "euc_kr": (KOREAN,),
    "cp949": (KOREAN,),
    "utf-16-le": (NEWS, TRADITIONAL, CANTONESE, JAPANESE, KOREAN, "plain text\n"),
    "utf-16-be": (NEWS, TRADITIONAL, CANTONESE, JAPANESE, KOREAN, "plain text\n"),
    "utf-8": (NEWS, TRADITIONAL, CANTONESE, JAPANESE, KOREAN, FRENCH, RUSSIAN),
}
RARE = "龘靐齉爩麤龗灪鱻"
READ_AS = {"big5": "cp950", "shift_jis": "cp932", "euc_kr": "cp949"}  # their usual forms


@pytest.mark.parametrize("encoding", TEXTS)
def test_auto_detects_the_encoding_of_texts_and_lines(encoding):
    expected = (READ_AS.get(encoding, encoding), "")
    for text in TEXTS[encoding]:
        latin = f"The HTTP/2 server (v1.2.3) said: {text.strip()} [OK] https://example.org/index.html?id=123\n" * 3
        for part in (text, text * 1000, latin, *text.splitlines()):
            assert guess_encoding(part.encode(encoding)) == expected, part[:50]
            assert guess_encoding(part.encode(encoding), complete=False) == expected, part[:50]


@pytest.mark.parametrize("encoding", [name for name in TEXTS if not name.startswith("utf")])
def test_auto_detects_the_encoding_of_text_cut_within_a_character(encoding):
    for text in TEXTS[encoding]:
        for cut in (text.encode(encoding)[1:], text.encode(encoding)[:-2], text.encode(encoding)[3:91]):
            assert guess_encoding(cut) == (READ_AS.get(encoding, encoding), "")


def test_auto_names_the_runner_up_of_an_implausible_encoding():
    encoding, doubt = guess_encoding(RARE.encode("gb18030"))
    assert encoding == "gb18030"
    assert doubt.startswith("0 of 8 in gb18030 are common characters there, and ")
    assert re.search(r"and \d of \d+ in \w+( \([\w-]+\))?$", doubt)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (FRENCH, "latin-1"),
        (FRENCH, "cp1252"),
        (RUSSIAN, "koi8-r"),
        (RUSSIAN, "cp1251"),
        ("plain text\n", "utf-32-le"),
        (NEWS, "utf-32-be"),
    ],
)
def test_auto_doubts_text_in_another_encoding(text, encoding):
    assert guess_encoding(text.encode(encoding))[1]


def test_auto_doubts_gb18030_with_some_lines_of_utf8():
    lines = [line.encode("gbk") for line in NEWS.splitlines()]
    mixed = b"\n".join([*lines, "广州".encode(), *lines])
    assert guess_encoding(mixed) == ("gb18030", "1 of its 9 lines beyond ASCII are utf-8")


@pytest.mark.parametrize("marked", ["utf-8-sig", "utf-16", "utf-32"])
def test_auto_trusts_a_byte_order_mark(marked):
    assert guess_encoding(KOREAN.encode(marked)) == (marked.removesuffix("-sig"), "")


def test_file_cut_within_a_character_skips_one_line(run):
    text = NEWS.encode() * 9
    put("whole", text[text.index(b"\n") + 1 :])
    put("cut", text[1:])
    whole = run("wordcount", "-j", 1, "--encoding", "auto", "whole")
    cut = run("wordcount", "-j", 1, "--encoding", "auto", "--on-error", "skip", "cut")
    assert cut.out == whole.out
    assert "cut: read as utf-8\n" in cut.err and cut.err.endswith("cut:1\n")


@pytest.mark.parametrize("command", [("wordcount",), ("hsic", "-x", 1, "-y", 1, "--kernel-x", "delta")])
def test_error_at_a_bad_byte_has_the_doubt(run, command):
    put("input", (FRENCH * 5).encode("latin-1"))
    err = run(*command, "--encoding", "auto", "input", code=1).err
    error = next(line for line in err.splitlines() if "error" in line)
    assert " is not valid " in error and "auto chose this, but " in error
    assert "common characters there" in error and "by the start" not in err


def test_encodings_of_all_inputs_add_up(run):
    put("a", NEWS)
    put("b", NEWS.encode("gb18030"))
    put("c", RARE.encode("gb18030"))
    put("d", "")
    auto = ("wordcount", "-j", 1, "--encoding", "auto")
    err = run(*auto, "a", "a", "b", "c", "d").err
    assert "2 files read as UTF-8, 1 as GB18030, 1 as GB18030 (with a warning), 1 empty (-v lists them)" in err
    assert "d: is empty" in run(*auto, "-v", "d").err
    assert "kxcli: 2 files empty" in run(*auto, "d", "d").err
    assert "read" not in run(*auto, "d").err and "files" not in run(*auto, "c").err


@pytest.mark.parametrize("reader", [name for name in READERS if name not in ("knowledge base", "gold")])
def test_every_reader_warns_of_a_doubtful_encoding(run, reader):
    arguments, data = READERS[reader]
    arguments = [part.replace("{}", "input") for part in arguments]
    bad = RARE.encode("gb18030")
    lines = data.splitlines()
    if reader in ("text", "text in shards", "newwords", "mentions"):
        lines = [bad]
    elif reader == "merge":
        lines += [bad + b"\t3"]
    elif reader == "table":
        lines[0] += b"\tz"
        lines = [lines[0], *(line + b"\t" + bad for line in lines[1:])]
    elif reader == "csv":
        lines += [bad.replace(b'"', b"") + b",1"]
    else:
        lines += [b'{"text": "a", "x": 1, "y": 2, "z": "' + bad.replace(b"\\", b"").replace(b'"', b"") + b'"}']
    put("input", b"\n".join(lines) + b"\n")
    err = run(*arguments, "--encoding", "auto").err
    assert "kxcli: warning: input: read as gb18030, but " in err and "; give its --encoding\n" in err
    assert "input: read as gb18030\n" not in err


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gb18030", "utf-16-le"])
def test_auto_is_right_about_real_texts(corpora, encoding):
    for path in sorted(corpora.glob("*")):
        data = (lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()).decode()
        for start in range(0, len(data), 500_000):
            for size in (100, 2_000, 200_000):
                text = data[start : start + size]
                piece = text.encode(encoding, "ignore")
                assert text.isascii() or guess_encoding(piece) == (encoding, ""), (
                    path,
                    start,
                    size,
                )
                assert guess_encoding(text.encode()) == ("utf-8", "")


# Encodings that need a mark


@pytest.mark.parametrize("reader", ON_STDIN)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
@pytest.mark.parametrize("order", ["le", "be"])
def test_every_reader_refuses_a_missing_byte_order_mark(run, reader, encoding, order):
    arguments, data = READERS[reader]
    put("input", data.decode().encode(f"{encoding}-{order}"))
    arguments = [part.replace("{}", "input") for part in arguments]
    for on_error in ("stop",) if reader == "merge" else ("stop", "skip", "replace"):
        ended = run(
            *arguments, "--encoding", encoding, *(("--on-error", on_error) if on_error != "stop" else ()), code=1
        )
        assert_error(ended, "input:1: has no byte order mark", f"{encoding}-le or {encoding}-be")
    plain = run(*arguments, "--encoding", f"{encoding}-{order}").out
    put("input", data)
    assert plain and run(*arguments).out == plain


# Stdin that is non-blocking, or a terminal


def start_on(kxcli, descriptor, *arguments):
    return kxcli.start(*arguments, stdin=descriptor)


def unread(pipe):
    size = array.array("i", [0])
    fcntl.ioctl(pipe, termios.FIONREAD, size)
    return size[0]


ARRAY = io.BytesIO()
np.save(ARRAY, np.arange(40.0).reshape(20, 2) % 7)
ON_PIPE = {
    "text": (SPACE, b"a b\n" * 40),
    "gz": (SPACE, b"".join(members("gz", b"a b\n" * 40))),
    "csv": ((*SPACE, "--input-format", "csv"), b"text\n" + b"a b\n" * 40),
    "merge": (("wordcount", "--merge", "-"), b"a\t1\nb\t2\n"),
    "table": (("hsic", "-j", "1", "-x", "1", "-y", "2"), TABLE),
    "array": (("hsic", "-j", "1", "--input-format", "npy", "-x", "1", "-y", "2"), ARRAY.getvalue()),
    "mentions": (("entity-link", "-j", "1", "--kb", "kb.jsonl"), b"ab cd\n" * 40),
    "newwords": (("newwords", "-j", "1", "--all", "--min-count", "1"), WEATHER),
    "list of files": ((*SPACE, "--files-from", "-"), b"texts\n" * 20 + b"texts\n"),
}


@pytest.mark.parametrize("reader", ON_PIPE)
def test_nonblocking_stdin_is_read_to_its_end(run, monkeypatch, reader):
    arguments, data = ON_PIPE[reader]
    expected = run(*arguments, stdin=data).out
    read_end, write_end = os.pipe()
    os.set_blocking(read_end, False)
    third = len(data) // 3
    parts = [data[:1], data[1:third], data[third:]]

    def wait(*arguments):
        """Write the next part when the program waits at the empty pipe."""
        assert unread(read_end) == 0
        if parts:
            os.write(write_end, parts.pop(0))
        else:
            os.close(write_end)
        return select.select(*arguments)

    monkeypatch.setattr(sources, "select", SimpleNamespace(select=wait))
    with open(read_end) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        out = run(*arguments).out
        assert not os.get_blocking(read_end)
    with pytest.raises(OSError):
        os.close(write_end)  # the end of the input, too
    assert expected and out == expected


@pytest.mark.costly
@pytest.mark.parametrize(
    "arguments", [(*SPACE, "-"), ("wordcount", "-t", "space", "-j", "2", "-"), ("hsic", "-x", "1", "-y", "2", "-")]
)
def test_one_end_of_file_at_a_terminal_ends_the_input(kxcli, arguments):
    terminal, theirs = pty.openpty()
    attributes = termios.tcgetattr(theirs)
    attributes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, attributes)
    process = start_on(kxcli, theirs, *arguments)
    os.write(terminal, b"1\t2\n2\t1\n3\t5\n4\t4\n5\t9\n6\t6\n\x04")
    out, err = process.communicate(timeout=120)
    os.close(terminal)
    os.close(theirs)
    assert process.returncode == 0, err
    assert out


# Quotes in CSV


def csv_readers(path):
    return [
        (*SPACE, "--field", "text", path),
        (*SPACE, "--by", "id", "--field", "text", path),
        ("newwords", "-j", "1", "--all", "--min-count", "1", "--field", "text", path),
        ("hsic", "-j", "1", "-x", "text", "-y", "id", "--kernel-x", "delta", path),
    ]


def table_with_open_quote(n_before, n_after, *, width=1):
    before = "".join(f"北京,{n}\n" for n in range(n_before))
    after = "".join(f"广州{'州' * width},{n}\n" for n in range(n_after))
    return f'text,id\n{before}"上海,7\n{after}'


@pytest.mark.costly
@pytest.mark.parametrize(("n_after", "width"), [(3_000, 1), (999, 1), (1, 1), (30, 100_000)])
def test_open_quote_is_an_error_at_its_line(run, n_after, width):
    put("a.csv", table_with_open_quote(20, n_after, width=width))
    for arguments in csv_readers("a.csv"):
        assert_error(
            run(*arguments, code=1), "a.csv:22: is not CSV (a quote opens that does not close", "close the quote"
        )
        assert "not valid CSV: a.csv:22\n" in run(*arguments, "--on-error", "skip").err
    assert run(*csv_readers("a.csv")[0], "--on-error", "skip").counts == {"北京": 20, "广州" + "州" * width: n_after}


def test_quoted_field_of_many_lines_is_one_field(run):
    put("a.csv", "text,id\n" + '"' + "a\n" * 990 + '",1\nb,2\n')
    assert run(*SPACE, "--field", "text", "a.csv").counts == {"a": 990, "b": 1}


def test_long_field_on_one_line_is_read(run):
    put("a.csv", "text,id\n" + '"' + "a " * (1 << 20) + '",1\nb,2\n')
    assert run(*SPACE, "--field", "text", "a.csv").counts == {"a": 1 << 20, "b": 1}


@pytest.mark.parametrize("n", [2, 3, 1_200])
def test_lines_with_an_open_quote_are_skipped_one_by_one(run, n):
    put("a.csv", "text,id\nx,1\n" + 'x,"y\n' * n + "x,2\n")
    ended = run(*SPACE, "--field", "text", "--on-error", "skip", "a.csv")
    assert ended.counts == {"x": 2}
    assert f"warning: {n:,} record" in ended.err


HEADERS = {
    "CR alone": ("text,id\r北京,1\r", "a CR outside of quotes"),
    "CR within": ("te\rxt,id\n北京,1\n", "a CR outside of quotes"),
    "open quote": ('"text,id\n北京,1\n', "a quote opens that does not close"),
    "open quote in a large file": ('"text,id\n' + "北京,1\n" * 5_000, "a quote opens that does not close"),
    "text after a quote": ('text,"id"x\n北京,1\n', "expected after"),
}


@pytest.mark.parametrize("header", HEADERS)
def test_header_that_is_not_csv_is_an_error(run, header):
    data, what = HEADERS[header]
    put("a.csv", data)
    for arguments in (*csv_readers("a.csv"), ("wordcount", "--merge", "a.csv")):
        assert_error(run(*arguments, code=1), "a.csv:1: ", "is not CSV (", what)
    for arguments in csv_readers("a.csv")[:3]:
        assert_error(run(*arguments, "--on-error", "skip", code=1), "a.csv:1: the header is not CSV (")


def test_blank_lines_before_a_csv_header_are_skipped(run):
    assert run(*SPACE, "--field", "text", put("a.csv", "\n\r\ntext,id\nx,1\n")).counts == {"x": 1}


@pytest.mark.parametrize(("separator", "name"), [(";", "a.csv"), ("\t", "a.csv"), (",", "a.tsv"), ("|", "a.csv")])
def test_hint_names_another_separator(run, separator, name):
    put(name, separator.join(("text", "id")) + "\n" + separator.join(("x", "1")) + "\n")
    assert_error(run(*SPACE, "--field", "text", name, code=1), f"{name}:1: has no column 'text'; it has one column")


# Unusual JSON

DIGITS = "1" * 5_000
ODD_VALUES = {
    "long integer": DIGITS,
    "long negative integer": f"-{DIGITS}",
    "long integers in a list": f"[{DIGITS}]",
    "large float": "1e999999",
    "NaN": "NaN",
    "infinity": "-Infinity",
    "null": "null",
    "half a surrogate pair": '"\\ud800"',
    "deep": "[" * 300 + "]" * 300,
    "deep object": '{"a":' * 300 + "1" + "}" * 300,
    "too deep": "[" * 100_000,
}
ODD_LINES = {
    # name: (arguments, a line with the unusual value, the other lines)
    "a field that is not used": ((*SPACE, "--field", "text", "a.jsonl"), '{"text": "ab", "o": %s}', '{"text": "cd"}'),
    "the text": ((*SPACE, "--field", "text", "a.jsonl"), '{"text": %s}', '{"text": "cd"}'),
    "the group": ((*SPACE, "--by", "g", "a.jsonl"), '{"text": "ab", "g": %s}', '{"text": "cd", "g": 1}'),
    "the id": (
        ("entity-link", "-j", "1", "--kb", "kb.jsonl", "--input-format", "jsonl", "a.jsonl"),
        '{"text": "ab", "text_id": %s}',
        '{"text": "cd"}',
    ),
    "an entry's id": (
        ("entity-link", "-j", "1", "--kb", "a.jsonl", "texts"),
        '{"subject_id": %s, "subject": "ab"}',
        '{"subject_id": "2", "subject": "cd"}',
    ),
    "an entry's facts": (
        ("entity-link", "-j", "1", "--kb", "a.jsonl", "texts"),
        '{"subject_id": "1", "subject": "ab", "data": [{"predicate": "p", "object": %s}]}',
        '{"subject_id": "2", "subject": "cd"}',
    ),
    "an offset": (
        ("entity-link", "--kb", "kb.jsonl", "--evaluate", "a.jsonl"),
        '{"text": "ab", "mention_data": [{"mention": "ab", "offset": %s, "kb_id": "1"}]}',
        '{"text": "cd", "mention_data": []}',
    ),
    "a count": (("wordcount", "--merge", "a.jsonl"), '{"word": "ab", "count": %s}', '{"word": "cd", "count": 1}'),
    "a cell": (
        ("hsic", "-j", "1", "-x", "x", "-y", "y", "a.jsonl"),
        '{"x": 1, "y": 1, "o": %s}',
        "\n".join(f'{{"x": {n}, "y": {n * n}}}' for n in range(9)),
    ),
}


@pytest.mark.parametrize("where", ODD_LINES)
def test_odd_json_is_read_or_is_a_bad_record(run, monkeypatch, where):
    monkeypatch.setenv("XDG_CACHE_HOME", os.getcwd())
    arguments, line, others = ODD_LINES[where]
    for name, value in ODD_VALUES.items():
        put("a.jsonl", f"{others}\n{line % value}\n{others}\n")
        if where == "a field that is not used" and name != "too deep":
            assert run(*arguments).counts == {"ab": 1, "cd": 2}, name
            continue
        try:
            run(*arguments)
        except AssertionError:
            assert_error(run(*arguments, code=1), f"a.jsonl:{others.count(chr(10)) + 2}: ")


def test_long_integer_is_a_group_by_its_digits(run):
    put("a.jsonl", f'{{"text": "ab", "g": {DIGITS}}}\n' * 2)
    assert run(*SPACE, "--by", "g", "a.jsonl").out == f"{DIGITS}\tab\t2\n".encode()


def test_field_of_another_type_is_not_called_invalid_json(run):
    put("a.jsonl", '{"text": "ab"}\n{"text": []}\n{"text": "ab"\n{"x": 1}\n')
    err = run(*SPACE, "--field", "text", "--on-error", "skip", "a.jsonl").err
    assert "not valid JSONL: a.jsonl:3\n" in err
    assert "field missing or of another type: a.jsonl:2, a.jsonl:4\n" in err


# Every codec, and any bytes


CODECS = sorted({module.name for module in pkgutil.iter_modules(codec_modules.__path__)} | {*aliases})
ODD_BYTES = [
    "text,n\n北京,1\n".encode(),
    "text,n\n北京,1\n".encode("utf-16"),
    "text\n日本\n".encode("iso2022_jp") + b"\x1b$B",
    b"+AGEAYg-\n\xff\xfe\x00\xd8",
    b"\xff\xfe\0\0",
    b"\xff",
    bytes(range(256)) * 3,
]


def read_all(data, kind, encoding, on_error):
    """Return the documents of some bytes, None if they are an error."""
    spec = ReaderSpec(on_error=on_error, split_pattern=r"\s")
    try:
        return [
            *read_documents(io.BytesIO(data), SourceFormat(kind, encoding), spec, ReadDiagnostics("path", on_error))
        ]
    except InputError:
        return None


def test_every_codec_reads_any_bytes_or_is_refused():
    refused = set()
    for name in CODECS:
        try:
            encoding = encodings.resolve_encoding(name)
        except UsageError:
            refused.add(name)
            continue
        for data in ODD_BYTES:
            for kind in ("text", "csv"):
                for on_error in ("stop", "skip", "replace"):
                    read_all(data, kind, encoding, on_error)
    assert {"hex", "rot13", "base64", "idna", "punycode", "utf_7", "undefined", "unicode_escape"} <= refused
    assert not {"utf_8", "utf_8_sig", "utf_16", "gb18030", "big5", "latin_1", "iso2022_jp", "hz", "cp037"} & refused


@pytest.mark.parametrize(
    "name", ["hex", "rot13", "base64", "idna", "punycode", "utf-7", "undefined", "unicode_escape", ""]
)
def test_codec_that_is_not_of_text_is_a_usage_error(run, name):
    put("a.txt", "a\n")
    for arguments in ((*SPACE, "a.txt"), ("newwords", "a.txt"), ("hsic", "-x", "1", "-y", "2", "a.txt")):
        assert "encoding" in run(*arguments, "--encoding", name, code=2).err


PARTS = [
    b'"',
    b'""',
    b",",
    b"\t",
    b"\n",
    b"\r",
    b"\r\n",
    b"text",
    b"n",
    b"\0",
    b"\xff",
    b"\xfe",
    "北".encode(),
    b" ",
    b";",
]
PARTS += [
    b'{"text":',
    b'"a"',
    b"}",
    b"[",
    b"]",
    b"{",
    b"\\",
    b"\\ud800",
    b"null",
    b"1",
    b"NaN",
    b"\xef\xbb\xbf",
    b"\n{",
]


@settings(max_examples=150, derandomize=True)
@given(
    st.lists(st.sampled_from(PARTS), max_size=40).map(b"".join),
    st.sampled_from(["text", "jsonl", "csv", "tsv"]),
    st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-16-le", "utf-32", "big5", "iso2022_jp"]),
    st.booleans(),
)
def test_any_bytes_give_records_or_an_error(data, kind, encoding, has_header):
    data = b"text\n" * has_header + data
    for on_error in ("stop", "skip", "replace"):
        read_all(data, kind, encoding, on_error)
    guess_encoding(data)
    guess_encoding(data, complete=False)


# Lines too long for --memory

LONG = "a " * 700_000  # more than 1 MiB, the minimal limit
OVER = "more than 1.0 MB, too much for --memory"
LONG_LINES = {
    # name: (arguments; input with a long second line)
    "words of jsonl": (
        ("wordcount", "-t", "space", "--input-format", "jsonl"),
        f'{{"text": "b"}}\n{{"text": "{LONG}"}}\n',
    ),
    "next to the text": (
        ("wordcount", "-t", "space", "--input-format", "jsonl"),
        f'{{"text": "b"}}\n{{"text": "b", "x": "{LONG}"}}\n',
    ),
    "words of csv": (("wordcount", "-t", "space", "--input-format", "csv"), f'text\n"{LONG}"\nb\n'),
    "words of tsv": (("wordcount", "-t", "space", "--input-format", "tsv"), f"text\n{LONG}\nb\n"),
    "whole text": (("wordcount", "-t", "regex", "--pattern", "[ab]"), f"b\n{LONG}\nb\n"),
    "new words": (
        ("newwords", "--all", "--min-count", "1", "--input-format", "jsonl"),
        f'{{"text": "b"}}\n{{"text": "{LONG}"}}\n',
    ),
    "links of jsonl": (("entity-link", "--kb", "kb.jsonl"), f'{{"text": "ab"}}\n{{"text": "{LONG}"}}\n'),
    "links of text": (("entity-link", "--kb", "kb.jsonl"), f"ab\n{LONG}\nab\n"),
}


@pytest.mark.parametrize("name", LONG_LINES)
def test_line_too_long_for_memory_is_a_bad_record(run, name):
    arguments, text = LONG_LINES[name]
    put("kb.jsonl", ENTRIES)
    use = (*arguments, "-j", "1", "--memory", "80M")
    put("a", text)
    put("bad", b"\n".join(b"\xff" if "a a" in line else line.encode() for line in text.split("\n")))
    assert f"kxcli: error: a:2: the line has {OVER}; raise --memory" in run(*use, "a", code=1).err
    skipped = run(*use, "a", "--on-error", "skip")
    assert f"1 line skipped: {OVER}: a:2\n" in skipped.err
    assert skipped.out == run(*use, "bad", "--on-error", "skip").out


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("pack", [bytes, bz2.compress])
def test_long_line_of_a_stream_or_of_utf_16_is_a_bad_record(run, pack, encoding):
    text = f'{{"text": "{LONG}"}}\n{{"text": "b"}}\n{{"text": "{LONG}"}}'
    put("a", pack(text.encode(encoding)))
    use = (*SPACE, "--memory", "80M", "--input-format", "jsonl", "--encoding", encoding, "--shard-size", "100K", "a")
    assert "a:1: the line has" in run(*use, code=1).err
    skipped = run(*use, "--on-error", "skip")
    assert (skipped.out, f"2 lines skipped: {OVER}: a:1, a:3\n" in skipped.err) == (b"b\t1\n", True)


def test_long_lines_are_read_in_parts_or_without_a_limit(run):
    put("a.jsonl", f'{{"text": "{LONG}"}}\n')
    put("a.txt", f"{LONG}\n")
    assert run(*SPACE, "--field", "text", "a.jsonl").out == b"a\t700000\n"
    assert run(*SPACE, "--field", "text", "--memory", "1G", "a.jsonl").out == b"a\t700000\n"
    assert run(*SPACE, "--memory", "80M", "a.txt").out == b"a\t700000\n"
