"""The encoding of a source by the plausibility of its first bytes.

Nearly any bytes are valid in GB18030, Big5, Shift-JIS, EUC-JP, EUC-KR and UTF-16. But of the characters that they give
in the right encoding, 65 % to 95 % are among the most common ones of a language, and less than 23 % in any other one.
"""

import codecs
import re
from collections import Counter
from operator import attrgetter
from typing import NamedTuple

from kxcli.corpus.common_characters import CANTONESE, CHINESE, HANGUL, KANA, PUNCTUATION
from kxcli.corpus.encodings import detect_mark

_HAN = CHINESE | CANTONESE | PUNCTUATION
_ANY = _HAN | KANA | HANGUL
_WIDE = _ANY | frozenset(map(chr, range(0x20, 0x7F))) | frozenset("\t\r\n")  # ASCII is evidence for UTF-16 only
_COMMON = {  # in the order of preference if two encodings fit equally well
    "utf-8": _ANY,
    "gb18030": _HAN,
    "cp950": _HAN,
    "big5hkscs": _HAN,
    "cp932": _HAN | KANA,
    "euc_jp": _HAN | KANA,
    "cp949": HANGUL | PUNCTUATION,
    "utf-16-le": _WIDE,
    "utf-16-be": _WIDE,
}
_NAMES = {"cp950": "Big5", "big5hkscs": "Big5", "cp932": "Shift-JIS", "euc_jp": "EUC-JP", "cp949": "EUC-KR"}

_SAMPLE = 1 << 14  # bytes that are read in each encoding: 200 are enough for most texts
_MIN_SHARE = 0.15  # of common characters if they are evidence; by chance, ASCII in pairs has up to 0.1 in UTF-16
_FULL_SHARE = 0.5  # of common characters in most texts
_MIN_CONFIDENCE = 0.3  # of a guess without a warning
_TWO_BYTES = "[\x80-\u07ff]"  # characters of two bytes in UTF-8
_TWO_BYTE_SHARE = 4  # one of 4 of their bytes counts as evidence
_CONTROL = bytes({*range(32)} - {*b"\t\n\v\f\r\x1b"})
_CONTROL_SHARE = 10  # at most one of 10 bytes is a control character; in UTF-16, most of ASCII has a NUL byte
_STRAY_SHARE = 100  # at most one of 100 bytes may be bad in plain ASCII
_MIXED_SHARE = 100  # at most one of 100 lines may be in another encoding by chance
_MIN_FOREIGN_LINES = 2  # in UTF-8: one may be damaged
_MIN_FOREIGN_BYTES = 4  # bad in UTF-8, of a line in another encoding: two characters
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]")


class EncodingGuess(NamedTuple):
    """A guessed encoding.

    Attributes:
        encoding: The codec's name.
        confidence: From 0 to 1, which is certain.
        doubt: Why the guess may be wrong; "" without a doubt.
    """

    encoding: str
    confidence: float
    doubt: str = ""


class _Fit(NamedTuple):
    """How well bytes fit an encoding; of two, the maximum fits better."""

    share: float  # common / total
    n_bad: int  # negative
    rank: int  # negative
    encoding: str
    common: int
    total: int

    def __str__(self) -> str:
        return f"{self.common:,} of {self.total:,} in {describe_encoding(self.encoding)}"


def name_encoding(encoding: str) -> str:
    """Return the name of an encoding for people, such as Big5 for the codec cp950."""
    return _NAMES.get(encoding, encoding.upper())


def describe_encoding(encoding: str) -> str:
    """Return the codec's name, with the name of the encoding if that is another one."""
    return f"{encoding} ({_NAMES[encoding]})" if encoding in _NAMES else encoding


def guess_encoding(head: bytes, *, complete: bool) -> EncodingGuess:
    """Return the encoding of a source by its mark, else the most plausible one.

    It is UTF-8 unless more bytes are bad in UTF-8 than support it, because UTF-8 rarely occurs by chance. Otherwise it
    is the encoding where the largest share of characters is common. The confidence is the lead over the next encoding.

    Args:
        head: The first bytes.
        complete: Whether they are all bytes, so that a character cut off at their end is an error.
    """
    marked = detect_mark(head)
    if marked is not None:
        return EncodingGuess(marked, 1.0)
    has_controls = _has_many_controls(head)
    evidence, n_bad = _examine_utf8(head, complete=complete)
    is_utf8 = n_bad <= evidence
    if is_utf8 and not has_controls:
        return EncodingGuess("utf-8", 1 - n_bad / evidence, _doubt_utf8(head)) if n_bad else EncodingGuess("utf-8", 1.0)
    fits = _rank_encodings(head)
    best = fits[0]
    if best.share < _MIN_SHARE:
        if has_controls:
            doubt = "many of its bytes are control characters, as in a binary file"
            # A legacy encoding would read nearly any bytes, so that a binary file would not be noticed.
            return EncodingGuess(best.encoding if best.encoding.startswith("utf") else "utf-8", 0.0, doubt)
        if n_bad * _STRAY_SHARE <= len(head):
            return EncodingGuess("utf-8", 1 - n_bad * _STRAY_SHARE / len(head))
        best = max(fits, key=attrgetter("n_bad", "rank"))
    second = next(one for one in fits if name_encoding(one.encoding) != name_encoding(best.encoding))
    confidence = max(0.0, best.share - second.share) / max(best.share, _FULL_SHARE)
    doubt = "" if best.encoding.startswith("utf") else _doubt_lines(head)
    if confidence < _MIN_CONFIDENCE:
        doubt = f"{best} are common characters there, and {second}"
    return EncodingGuess(best.encoding, confidence, doubt)


def is_binary(head: bytes, encoding: str, *, is_doubtful: bool = False) -> bool:
    """Return whether the first bytes are no text, by NUL and invalid bytes.

    A few control characters are no evidence, nor are NUL bytes of encodings with two or more bytes per letter.

    Args:
        head: The first bytes.
        encoding: A codec's name.
        is_doubtful: Whether the encoding is a doubtful guess, so that valid bytes are no evidence for text.
    """
    is_wide = detect_mark(head) is not None or len("a".encode(encoding)) > 1
    if is_wide or b"\0" not in head or not _has_many_controls(head):
        return False
    if is_doubtful:
        return True
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeError:
        return True
    return False


def _has_many_controls(head: bytes) -> bool:
    return (len(head) - len(head.translate(None, _CONTROL))) * _CONTROL_SHARE > len(head)


def _examine_utf8(head: bytes, *, complete: bool) -> tuple[float, int]:
    """Return the numbers of bytes in favor of UTF-8, and of bytes that are not valid."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    text = decoder.decode(head, complete)
    size = len(text.encode())
    n_bad = len(head) - len(decoder.getstate()[0]) - size
    n_ascii = len(text.encode("ascii", "ignore"))
    n_two_bytes = 2 * len(re.findall(_TWO_BYTES, text))
    return size - n_ascii - n_two_bytes + n_two_bytes / _TWO_BYTE_SHARE, n_bad


def _rank_encodings(head: bytes) -> list[_Fit]:
    """Return how well the first bytes fit each encoding, the best first."""
    found = _BEYOND_ASCII.search(head)
    start = 0 if found is None else head.rfind(b"\n", 0, found.start()) + 1
    fits = []
    for rank, encoding in enumerate(_COMMON):
        if _COMMON[encoding] is _WIDE:
            wide = _fit(head[:_SAMPLE], encoding, rank)
            fits += [wide] * (wide.share >= _MIN_SHARE)  # by chance, some pairs of ASCII are common characters
        else:  # the first byte is the second one of a character if the text was cut within it
            data = head[start : start + _SAMPLE]
            fits.append(max(_fit(data, encoding, rank), _fit(data[1:], encoding, rank, n_bad=1)))
    return sorted(fits, reverse=True)


def _fit(data: bytes, encoding: str, rank: int, n_bad: int = 0) -> _Fit:
    """Return how well bytes fit an encoding, after `n_bad` ones that do not."""
    common = _COMMON[encoding]
    counts = Counter(codecs.getincrementaldecoder(encoding)("replace").decode(data))  # a cut character is not bad
    n_bad += counts["\0"]  # half a character of UTF-16 or, in UTF-16, of UTF-32
    if common is not _WIDE:
        counts = Counter({char: count for char, count in counts.items() if char > "\x7f"})
    total = sum(counts.values()) + n_bad
    n_bad += counts["\ufffd"]
    n_common = sum(count for char, count in counts.items() if char in common)
    n_common = max(0, n_common - n_bad)
    return _Fit(n_common / total if total else 0.0, -n_bad, -rank, encoding, n_common, total)


def _doubt_lines(head: bytes) -> str:
    """Return how many lines are UTF-8 if not all are of one encoding, or ""."""
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    n_utf8 = sum(_is_utf8(line) for line in lines)
    return (
        f"{n_utf8:,} of its {len(lines):,} lines beyond ASCII are utf-8" if n_utf8 * _MIXED_SHARE > len(lines) else ""
    )


def _doubt_utf8(head: bytes) -> str:
    """Return how many lines are not UTF-8 if they are more than stray bytes, or ""."""
    lines = [line for line in head.split(b"\n") if not line.isascii()]
    n_foreign = sum(map(_is_foreign, lines))
    is_mixed = n_foreign >= _MIN_FOREIGN_LINES and n_foreign * _MIXED_SHARE > len(lines)
    return f"{n_foreign:,} of its {len(lines):,} lines beyond ASCII are not" if is_mixed else ""


def _is_foreign(line: bytes) -> bool:
    """Return whether more bytes of a line are bad in UTF-8 than support it."""
    evidence, n_bad = _examine_utf8(line, complete=True)
    return n_bad >= _MIN_FOREIGN_BYTES and n_bad > evidence


def _is_utf8(line: bytes) -> bool:
    """Return whether a line is UTF-8 with a character of three or more bytes."""
    try:
        return max(line.decode()) > "\u07ff"
    except UnicodeDecodeError:
        return False
