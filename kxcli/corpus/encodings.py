"""Encodings of sources: names, byte order marks, and ends of lines."""

import codecs

from kxcli.errors import UsageError

AUTO = "auto"
AUTO_SAMPLE = 1 << 20  # bytes examined by `--encoding auto`: enough to contain non-ASCII characters in most files

_BOMS = (  # the longer marks first: UTF-32-LE begins like UTF-16-LE
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
BOM_LENGTH = 4  # bytes of the longest mark
_NEEDED_MARKS = {
    "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE),
    "utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE),
}

# Codecs (by Python's canonical names) where every byte 0x0A is a line end and no state crosses it: single-byte
# supersets of ASCII, and multi-byte encodings whose later bytes are never 0x0A.
_LINE_SAFE = frozenset(
    {"ascii", "utf-8", "gb18030", "gbk", "gb2312", "big5", "big5hkscs", "cp950", "euc_jp", "euc_jis_2004"}
    | {"euc_jisx0213", "euc_kr", "cp949", "johab", "shift_jis", "shift_jis_2004", "shift_jisx0213", "cp932"}
    | {"koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "kz1048", "tis-620", "cp437", "cp850", "cp866"}
    | {f"iso8859-{n}" for n in range(1, 17)}
    | {f"cp{n}" for n in (874, *range(1250, 1259))}
)

# Text encodings with bytes that are no text by themselves, and encodings of names.
_NOT_TEXT = frozenset(
    {"utf-7", "unicode-escape", "raw-unicode-escape", "unicode_escape", "raw_unicode_escape", "idna", "punycode"}
)


def resolve_encoding(name: str) -> str:
    """Return the codec's canonical name, or `auto`.

    Raises:
        UsageError: For an unknown or unsupported encoding.
    """
    if name.lower() == AUTO:
        return AUTO
    try:
        codec = codecs.lookup(name)
        "".encode(name)  # fails for codecs that are not between text and bytes, as "zip" or "rot13"
        codecs.getincrementaldecoder(codec.name)
    except (LookupError, ValueError):
        raise UsageError(
            f"unknown encoding {name!r}; use utf-8, gb18030, auto, or any other text encoding of Python."
        ) from None
    if codec.name in _NOT_TEXT:
        raise UsageError(f"--encoding {name} is not supported; convert the input to utf-8 first.")
    return "utf-8" if codec.name == "utf-8-sig" else codec.name  # the mark is dropped in any case


def is_line_safe(encoding: str) -> bool:
    """Return whether text in this encoding may be cut at any LF byte."""
    return encoding in _LINE_SAFE


def detect_mark(head: bytes) -> str | None:
    """Return the encoding by the byte order mark at the start, or None."""
    return next((name for mark, name in _BOMS if head.startswith(mark)), None)


def lacks_mark(head: bytes, encoding: str) -> bool:
    """Return whether the byte order mark required by the encoding is missing."""
    marks = _NEEDED_MARKS.get(encoding)
    return marks is not None and not head.startswith(marks)
