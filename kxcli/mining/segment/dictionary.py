"""Replacements of jieba's dictionary and additions to it, as values for workers.

The formats are jieba's: `--dict` has `word frequency [tag]` a line, separated by single spaces; a user dictionary has
`word [frequency] [tag]`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kxcli.mining.arguments import check_type
from kxcli.mining.segment.blocks import is_in_block
from kxcli.wording import shorten

MAX_WORD = 1000  # characters, as for the words of `newwords`
_MAX_BEGINNINGS = 1 << 29  # sum of squared word lengths: jieba stores every prefix, which takes 600 MB then
_USER_LINE = re.compile(r"^(.+?)( [0-9]+)?( [a-z]+)?$")  # jieba's own pattern
_WHITE = " \t\n\r\x0b\x0c"  # jieba strips lines as bytes, so only of these
_MARKS = re.compile("^\ufeff+", re.MULTILINE)
_MAX_FREQUENCY = 1 << 53  # larger integers are not exact as floats
_SURROGATE = re.compile("[\ud800-\udfff]")
_FILE_NAME = re.compile(r"(?:/|\./|\.\./|~/).*|.*\.(?:txt|dict?|tsv|csv|utf-?8|gz|bz2|xz|zst|zip)", re.IGNORECASE)


class DictionaryError(ValueError):
    """An invalid dictionary line; `line` counts from 1."""

    def __init__(self, argument: str, line: int, what: str, hint: str = "correct the line") -> None:
        super().__init__(argument, line, what, hint)
        self.argument, self.line, self.what, self.hint = argument, line, what, hint

    def __str__(self) -> str:
        return f"{self.argument}, line {self.line}: {self.what}; {self.hint}"


@dataclass(frozen=True)
class Dictionary:
    """Texts for jieba: `main` replaces its dictionary, `user` is added.

    Byte order marks at the start of lines are dropped; jieba does so only in user dictionaries.

    Raises:
        DictionaryError: jieba could not load a line, or the words would take too much memory.
    """

    main: str | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        for argument, text, check in (("main", self.main, check_main), ("user", self.user, check_user)):
            if text is None:
                continue
            check_type(argument, text, str, "the text of a dictionary")
            if "\n" not in text and _FILE_NAME.fullmatch(text):
                raise ValueError(
                    f"{argument} is the text of a dictionary, and {shorten(text)!r} looks like the name of a file; "
                    "read the file, or end a word with a line break"
                )
            if (odd := _SURROGATE.search(text)) is not None:
                raise ValueError(f"{argument} has a lone surrogate at position {odd.start()}")
            for _ in check(text.removesuffix("\n").split("\n")):
                pass

    def find_misread_lines(self) -> Iterator[tuple[int, str]]:
        """Yield number and fault of user lines with a word that jieba never finds."""
        for line, word, _ in iter_user_words(self.user or ""):
            if is_in_block(word):
                continue
            shown = shorten(word)
            if "\t" in word:
                yield line, f"jieba reads {shown!r} as one word with a tab; separate the fields by one space"
            elif any(map(str.isspace, word)):
                yield line, f"jieba reads {shown!r} as one word with a space, which it never finds"
            else:
                odd = next(ch for ch in word if not is_in_block(ch))
                yield line, f"jieba splits the text at {odd!r}, so it never finds {shown!r}"


def iter_user_words(text: str) -> Iterator[tuple[int, str, str | None]]:
    """Yield line number, word and digits of the frequency of a user dictionary."""
    for number, line in enumerate(text.split("\n"), 1):
        match = _USER_LINE.match(line.strip(_WHITE).lstrip("\ufeff"))
        if match is not None:
            yield number, match[1], match[2]


def check_user(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a user dictionary; raises `DictionaryError`."""
    size = 0
    for number, line in enumerate(lines, 1):
        for _, word, digits in iter_user_words(line):
            size = _add_size("user", number, word, size)
            if digits is not None:
                _parse_frequency("user", number, digits.strip(" "))
        yield line


def check_main(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a main dictionary; raises `DictionaryError`."""
    total = size = 0
    for number, line in enumerate(lines, 1):
        fields = strip_marks(line).strip(_WHITE).split(" ")
        size = _add_size("main", number, fields[0], size)
        if len(fields) < 2:
            what = f"{shorten(fields[0])!r} is not `word frequency [tag]`, separated by single spaces"
            raise DictionaryError("main", number, what)
        total += _parse_frequency("main", number, fields[1])
        yield line
    if not total:
        raise DictionaryError("main", 1, "no word of the dictionary has a frequency")


def strip_marks(text: str) -> str:
    """Return a text without byte order marks at the start of its lines."""
    return _MARKS.sub("", text) if "\ufeff" in text else text


def _add_size(argument: str, line: int, word: str, size: int) -> int:
    """Add the memory of a word; raises `DictionaryError` if the sum is too large."""
    size += len(word) ** 2
    hint = "give a list with one word per line, not a text"
    if len(word) > MAX_WORD:
        raise DictionaryError(argument, line, f"a word of {len(word)} characters, more than {MAX_WORD}", hint)
    if size > _MAX_BEGINNINGS:
        what = "the words up to this line are too long for memory, because jieba stores every beginning of a word"
        raise DictionaryError(argument, line, what, hint)
    return size


def _parse_frequency(argument: str, line: int, digits: str) -> int:
    try:
        frequency = int(digits)
    except ValueError:
        frequency = -1
    if not 0 <= frequency <= _MAX_FREQUENCY:
        what = f"frequency {shorten(digits)!r} is not a whole number from 0 to {_MAX_FREQUENCY}"
        raise DictionaryError(argument, line, what)
    return frequency
