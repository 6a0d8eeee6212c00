"""The columns that a text takes on a terminal."""

import unicodedata

_ZERO_WIDTH = ("Mn", "Me", "Cf")  # categories: combining marks, and characters of format
_LINE_SEPARATORS = (0x2028, 0x2029)


class _ColumnsByCharacter(dict[str, int]):
    """Character -> its columns; grows to the characters in use."""

    def __missing__(self, character: str) -> int:
        if unicodedata.category(character) in _ZERO_WIDTH:
            columns = 0
        else:
            columns = 2 if unicodedata.east_asian_width(character) in ("F", "W") else 1
        self[character] = columns
        return columns


class _VisibleControls(dict[int, str | int]):
    """Code point -> itself, or a visible character for a control character."""

    def __missing__(self, code: int) -> str | int:
        is_control = unicodedata.category(chr(code)) in ("Cc", "Cs") or code in _LINE_SEPARATORS
        visible = ("␣" if chr(code).isspace() else "\ufffd") if is_control else code
        self[code] = visible
        return visible


_columns_by_character = _ColumnsByCharacter()
_visible_controls = _VisibleControls()


def show_controls(text: str) -> str:
    """Return a text with a visible character for each control character.

    Control characters that are white space, such as a tab or a line end, become ␣, others U+FFFD.
    """
    return text if text.isprintable() else text.translate(_visible_controls)


def measure_width(text: str) -> int:
    """Return the columns of a text without control characters.

    By the property East Asian Width of Unicode (UAX #11), wide and full-width characters take two columns. Combining
    marks take none, and others, ambiguous ones too, take one.
    """
    return len(text) if text.isascii() else sum(map(_columns_by_character.__getitem__, text))


def cut_end(text: str, width: int) -> str:
    """Return the longest beginning of a text that fits into `width` columns."""
    if len(text) * 2 <= width:
        return text
    for at, character in enumerate(text):
        width -= _columns_by_character[character]
        if width < 0:
            return text[:at]
    return text


def cut_start(text: str, width: int) -> str:
    """Return the longest end of a text that fits into `width` columns.

    It begins with no combining mark.
    """
    if len(text) * 2 <= width:
        return text
    for at in range(len(text) - 1, -1, -1):
        width -= _columns_by_character[text[at]]
        if width < 0:
            rest = text[at + 1 :]
            n_marks = next((n for n, character in enumerate(rest) if _columns_by_character[character]), len(rest))
            return rest[n_marks:]
    return text
