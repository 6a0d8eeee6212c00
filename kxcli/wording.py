"""Text of messages: counts with their nouns, and control characters made visible."""

import re
import traceback
from collections.abc import Iterable, Iterator

_PLURAL = re.compile(r"\b(\w+?)(ies|s)\b")


def format_count(n: int, plural: str) -> str:
    """Return a count and what is counted: "2 words", and for 1 of the same "1 word".

    plural: the noun, maybe with words around it, of which it is the first to end in s: "labeled mentions left out".
    """
    if n == 1:
        plural = _PLURAL.sub(lambda match: match[1] + ("y" if match[2] == "ies" else ""), plural, count=1)
    return f"{n:,} {plural}"


def format_names(names: Iterable[str]) -> str:
    """Return the first few names for a message, quoted."""
    first, *others = [*map(repr, names)] or ["none"]
    return ", ".join([first, *others[:7]]) + (", ..." if len(others) > 7 else "")


def escape(text: str) -> str:
    """Escape all unprintable characters of a text, line ends too."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def format_traceback(error: BaseException) -> Iterator[str]:
    """Yield the lines of an error's traceback, and before them those of what led to it; its message is escaped."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from format_traceback(earlier)
        yield ""
    yield "Traceback (most recent call last):"
    for entry in traceback.format_tb(error.__traceback__):
        yield from map(escape, entry.splitlines())
    yield escape(f"{type(error).__qualname__}: {error}")
    for note in getattr(error, "__notes__", ()):
        yield from map(escape, note.splitlines())
