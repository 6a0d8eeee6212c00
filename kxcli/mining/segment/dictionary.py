"""jieba's dictionary, replaced or added to by the user, as values that travel to workers.

The formats are jieba's: `--dict` has `word frequency [tag]` a line, parted by single spaces; a user dictionary has
`word [frequency] [tag]`.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from kxcli.mining.segment.blocks import is_in_block

_USER_LINE = re.compile(r"^(.+?)( [0-9]+)?( [a-z]+)?$")  # jieba's own pattern: what it does not match is the word
_WHITE = " \t\n\r\x0b\x0c"  # jieba strips lines as bytes, so of this alone
_MOST = 1 << 53  # frequencies beyond are not exact as floats


class DictionaryError(ValueError):
    """A dictionary line that jieba could not load; `line` counts from 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(line, what)
        self.line, self.what = line, what


@dataclass(frozen=True)
class Dictionary:
    """What jieba is to load: `main` instead of its own dictionary, and then the `user` lines; texts of the files."""

    main: str | None = None
    user: str | None = None

    def __post_init__(self) -> None:
        if self.main is not None:
            _check_main(self.main)
        if self.user is not None:
            for line, _, frequency in user_words(self.user):
                if frequency is not None and frequency > _MOST:
                    raise DictionaryError(line, f"frequency {frequency} is too large")

    @property
    def is_default(self) -> bool:
        """Whether this is jieba's own dictionary, unchanged."""
        return self.main is None and self.user is None

    def misread_lines(self) -> Iterator[tuple[int, str]]:
        """Yield the user dictionary's lines that jieba takes as a word which it can never find: number, what."""
        for line, word, _ in user_words(self.user or ""):
            if "\t" in word:
                yield line, f"jieba reads {word!r} as one word with a tab; part the fields by one space"
            elif any(map(str.isspace, word)):
                yield line, f"jieba reads {word!r} as one word with a space, which it never finds"
            elif not is_in_block(word):
                odd = next(ch for ch in word if not is_in_block(ch))
                yield line, f"jieba parts the text at {odd!r}, so it never finds {word!r}"


def lines_of(text: str) -> Iterable[tuple[int, str]]:
    """Return a dictionary's lines with their numbers, as jieba parts and strips them."""
    return ((number, line.strip(_WHITE)) for number, line in enumerate(text.split("\n"), 1))


def user_words(text: str) -> Iterator[tuple[int, str, int | None]]:
    """Yield line number, word and frequency of a user dictionary, as jieba reads them."""
    for number, line in lines_of(text):
        match = _USER_LINE.match(line.lstrip("\ufeff"))
        if match is not None:
            word, frequency, _ = match.groups()
            yield number, word, int(frequency) if frequency is not None else None


def _check_main(text: str) -> None:
    total = 0
    for number, line in lines_of(text.removesuffix("\n")):
        fields = line.split(" ")
        if len(fields) < 2:
            raise DictionaryError(number, f"{line!r} is not `word frequency [tag]`, parted by single spaces")
        try:
            frequency = int(fields[1])
        except ValueError:
            raise DictionaryError(number, f"frequency {fields[1]!r} is not a whole number") from None
        if not 0 <= frequency <= _MOST:
            raise DictionaryError(number, f"frequency {frequency} is negative or too large")
        total += frequency
    if not total:
        raise DictionaryError(1, "no word of the dictionary has a frequency")
