"""Encodings of sources: names, detection, and whether LF bytes are line ends."""

import codecs
import re
from collections import Counter
from typing import NamedTuple

from kxcli.errors import UsageError

AUTO = "auto"
AUTO_SAMPLE = 1 << 20  # bytes examined by `--encoding auto`: enough to contain non-ASCII characters in most files

_ASCII = bytes(range(128))
_TWO_BYTES = "[\x80-\u07ff]"  # characters of two bytes in UTF-8
_TWO_BYTE_SHARE = 4  # one of 4 of their bytes counts as evidence

# The 500 most common characters of Chinese, and their forms in the traditional script: counted in three corpora
# (news, questions, articles), and in the frequencies of jieba's dictionary. They are 65 % to 80 % of running text, and
# less than 12 % of Big5, Shift-JIS, EUC-KR, EUC-JP, KOI8-R, Latin-1 or UTF-16 that is read as GB18030.
_COMMON = frozenset(
    "一万三上下不与专且世业东两並个中为主么义之也习书买了事二于些交产人亿什今从他代令以们件价任企优会传但佈位低体何作"
    "你併使來例供便係保信修個們候值做備傢傳像價億優儿元先光克兒入內全兩公共关其具内再写军决况准几出击分列创別利别到制"
    "剋前創力功加务动助動務包化北区医區十升华单南即历原去参參又及反发取受变口只可台号司各合同名后向启告员周命和品响員"
    "商問啓單器噹嚮四回因团国图國圖團在地场型城基報場境增声处备复外多大天太头女她好如始委子字存学學它安完官定实客家容"
    "密實寫对导将將專對導小少就展山州工差己已市布师带師帶常平年并幾广序库应府度庫廣建开式引张張強强彆当彔录形影很後得"
    "從復心必快态性总息情想意感態應戏成我或战戰戲戶户房所手才打找技把投报择持指换据接控推提換擇擊據支收改放政效教数整"
    "數文斯新方於无日时昇明易是显時曆曏更書最會月有服期本朮术机权条来東构果查标校样核根格案條業構標模樣機檯權次款正此"
    "步武歷段每比民气氣水求江決沒没治況法注活流测济海消清測游源準濟点無然爲片版牠物特獲率王环现現球理環生產用由电界當"
    "發的目直相省看真着瞭知码研确確碼示社祇种科称程種稱穫究空立站端第等简箇算管節簡类精糰系級終組結給統經網線編總繫續"
    "纔级线组终经结给统续编网置美義習老考者而联聯聲育能脩自至臺與色节获華萬蔘處號行術衕表被装裏裝製複西要覆覈見規視觀"
    "见观规视解言計記設許註証評試話該認語說調請論證譯議變讓计认让议记许论设证评译试话该语说请调買費資賙質质费资起超越"
    "路身車軍軟較載輸轉车转软载较输达过运近还这进连迴选這通速造連週進遊運過道達選還那部都配醫里重量金錄錢錯錶钱错長长"
    "門開間閤關门问间队际限院除隊随際隨隻难集難電需非面音響項領頭頻題類顯项领频题風颱风首馬驗马验體高髮麪麼點齣"
)
_COMMON_SHARE = 4  # at least one of 4 letters is common,
_COMMON_SLACK = 7  # apart from 7 letters, because a short text may have no common one
_CONTROL = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
_CONTROL_SHARE = 10  # at most one of 10 bytes is a control character; in UTF-16, most of ASCII has a NUL byte
_BAD_SHARE = 10  # at most one of 10 bytes beyond ASCII is bad
_MIXED_SHARE = 100  # at most one of 100 lines may be in another encoding by chance

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


class EncodingGuess(NamedTuple):
    """A guessed encoding.

    Attributes:
        encoding: The codec's name.
        doubt: Why the guess may be wrong; "" if it is certain.
    """

    encoding: str
    doubt: str


def guess_encoding(head: bytes, *, complete: bool) -> EncodingGuess:
    """Return the encoding of a source by its byte order mark, else UTF-8 or GB18030.

    It is UTF-8 unless more bytes are bad in UTF-8 than support it, and fewer are bad in GB18030. UTF-8 rarely occurs
    by chance, but GB18030 gives a character to nearly any two bytes. So a guess of GB18030 is doubtful unless the text
    consists of common characters.

    Args:
        head: The first bytes.
        complete: Whether they are all bytes, so that a character cut off at their end is an error.
    """
    marked = detect_mark(head)
    if marked is not None:
        return EncodingGuess(marked, "")
    text, n_bad = _read(head, "utf-8", complete=complete)
    if n_bad and n_bad > _count_utf8_evidence(text):
        text, n_bad_in_gb18030 = _read(head, "gb18030", complete=complete)
        if n_bad_in_gb18030 < n_bad:
            doubt = f"{n_bad_in_gb18030:,} of its bytes are not gb18030 either"
            if n_bad_in_gb18030 * _BAD_SHARE <= len(head.translate(None, _ASCII)):
                doubt = _doubt_bytes(head) or _doubt_text(text) or _doubt_lines(head)
            return EncodingGuess("gb18030", doubt)
    return EncodingGuess("utf-8", _doubt_bytes(head))


def is_binary(head: bytes, encoding: str) -> bool:
    """Return whether the first bytes are no text, by NUL and invalid bytes.

    A few control characters are no evidence, nor are NUL bytes of encodings with two or more bytes per letter.
    """
    is_wide = detect_mark(head) is not None or len("a".encode(encoding)) > 1
    if is_wide or b"\0" not in head or not _doubt_bytes(head):
        return False
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeError:
        return True
    return False


def _read(head: bytes, encoding: str, *, complete: bool) -> tuple[str, int]:
    """Return the text without undecodable bytes, and their number."""
    decoder = codecs.getincrementaldecoder(encoding)("ignore")
    text = decoder.decode(head, complete)
    return text, len(head) - len(decoder.getstate()[0]) - len(text.encode(encoding))


def _count_utf8_evidence(text: str) -> int:
    """Return the number of non-ASCII bytes in favor of UTF-8."""
    size = len(text.encode())
    n_ascii = len(text.encode("ascii", "ignore"))
    n_latin = len(re.findall(_TWO_BYTES, text))
    return size - n_ascii - 2 * n_latin + 2 * n_latin // _TWO_BYTE_SHARE


def _doubt_bytes(head: bytes) -> str:
    """Return why bytes look like neither UTF-8 nor GB18030, or ""."""
    n_control = len(head) - len(head.translate(None, _CONTROL))
    is_wide = n_control * _CONTROL_SHARE > len(head)
    return (
        f"{n_control:,} of its bytes are control characters, as in UTF-16 without a byte order mark" if is_wide else ""
    )


def _doubt_text(text: str) -> str:
    """Return why a text looks read in the wrong encoding, or ""."""
    counts = Counter(text)
    letters = {char: count for char, count in counts.items() if char > "\x7f" and char.isalnum()}
    total = sum(letters.values())
    common = sum(count for char, count in letters.items() if char in _COMMON)
    if common * _COMMON_SHARE >= total - _COMMON_SLACK:
        return ""
    return f"only {common:,} of its {total:,} letters beyond ASCII are among the most common ones of Chinese"


def _doubt_lines(head: bytes) -> str:
    """Return how many lines are UTF-8 if not all are of one encoding, or ""."""
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    n_utf8 = sum(_is_utf8(line) for line in lines)
    return (
        f"{n_utf8:,} of its {len(lines):,} lines beyond ASCII are utf-8" if n_utf8 * _MIXED_SHARE > len(lines) else ""
    )


def _is_utf8(line: bytes) -> bool:
    """Return whether a line is UTF-8 with a character of three or more bytes."""
    try:
        return max(line.decode()) > "\u07ff"
    except UnicodeDecodeError:
        return False
