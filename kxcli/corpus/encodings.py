"""Which encoding a source is in, and whether its LF bytes are line ends."""

import codecs

from kxcli.errors import UsageError

AUTO = "auto"
AUTO_SAMPLE = 1 << 20  # bytes looked at by `--encoding auto`: enough to meet a non-ASCII character in most files

_BOMS = (  # the longer marks first: UTF-32-LE begins like UTF-16-LE
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
    (b"\x84\x31\x95\x33", "gb18030"),
)
BOM_LENGTH = 4

# Codecs (by Python's canonical names) in which a byte 0x0A is a line end wherever it stands and no state crosses it:
# single-byte supersets of ASCII, and multi-byte ones whose later bytes are never 0x0A.
_LINE_SAFE = frozenset(
    {"ascii", "utf-8", "gb18030", "gbk", "gb2312", "big5", "big5hkscs", "cp950", "euc_jp", "euc_jis_2004"}
    | {"euc_jisx0213", "euc_kr", "cp949", "johab", "shift_jis", "shift_jis_2004", "shift_jisx0213", "cp932"}
    | {"koi8-r", "koi8-u", "mac-roman", "mac-cyrillic", "kz1048", "tis-620", "cp437", "cp850", "cp866"}
    | {f"iso8859-{n}" for n in range(1, 17)}
    | {f"cp{n}" for n in (874, *range(1250, 1259))}
)


_NOT_TEXT = frozenset({"utf-7", "unicode-escape", "raw-unicode-escape", "unicode_escape", "raw_unicode_escape"})


def check(name: str) -> str:
    """Return the codec's canonical name, or `auto`; `UsageError` where Python knows no such text encoding."""
    if name.lower() == AUTO:
        return AUTO
    try:
        codec = codecs.lookup(name)
        "".encode(name)  # refuses the codecs that are not between text and bytes, as "zip" or "rot13"
    except (LookupError, ValueError):
        raise UsageError(
            f"unknown encoding {name!r}; use utf-8, gb18030, auto, or any text encoding that Python knows."
        ) from None
    if codec.name in _NOT_TEXT:
        raise UsageError(f"{name} can give halves of characters; convert the input to utf-8 first.")
    return codec.name


def is_line_safe(encoding: str) -> bool:
    """Whether text in this encoding may be cut at LF bytes before it is decoded."""
    return encoding in _LINE_SAFE


def by_mark(head: bytes) -> str | None:
    """Return the encoding that a byte order mark at the start tells, or None."""
    return next((name for mark, name in _BOMS if head.startswith(mark)), None)


def guess(head: bytes, *, complete: bool) -> str:
    """Return the encoding of a source by its first bytes: its mark, else UTF-8 if they are that, else GB18030.

    Where they are neither, it is the one that is right for longer.
    complete: `head` is all there is, so a character cut off at its end is an error.
    """
    marked = by_mark(head)
    if marked is not None:
        return marked
    utf8, gb18030 = (_good_length(head, encoding, complete=complete) for encoding in ("utf-8", "gb18030"))
    return "utf-8" if utf8 == len(head) or utf8 > gb18030 else "gb18030"


def _good_length(head: bytes, encoding: str, *, complete: bool) -> int:
    """Return how many bytes there are before the first that is not of the encoding."""
    try:
        codecs.getincrementaldecoder(encoding)().decode(head, final=complete)
    except UnicodeDecodeError as error:
        return error.start
    return len(head)
