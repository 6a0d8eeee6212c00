"""Text of messages: counts, examples, escaped characters and tracebacks."""

import re
from collections.abc import Iterable, Iterator, Sequence

MAX_EXAMPLES = 3  # examples that a message shows of one kind of problem
MAX_QUOTE = 40  # characters that a message quotes of an input

_PLURAL = re.compile(r"\b(\w+?)(ies|s)\b")


def format_count(n: int, plural: str) -> str:
    """Return a count with its noun, such as "2 words" and "1 word".

    Args:
        plural: The noun, which is the first word that ends in s: "labeled mentions without an entry".
    """
    if n == 1:
        plural = _PLURAL.sub(lambda match: match[1] + ("y" if match[2] == "ies" else ""), plural, count=1)
    return f"{n:,} {plural}"


def format_names(names: Iterable[str]) -> str:
    """Return the first few names for a message, quoted."""
    first, *others = [*map(repr, names)] or ["none"]
    return ", ".join([first, *others[:7]]) + (", ..." if len(others) > 7 else "")


def format_examples(examples: Sequence[str], total: int | None = None) -> str:
    """Return the first examples, and the number of the others: "a, b, c and 2 more".

    Args:
        total: The number of all, if it is not the length of `examples`.
    """
    shown = examples[:MAX_EXAMPLES]
    n_more = (len(examples) if total is None else total) - len(shown)
    return ", ".join(shown) + (f" and {n_more:,} more" if n_more else "")


def shorten(text: str) -> str:
    """Return the text, or its first `MAX_QUOTE` characters and "..."."""
    return text if len(text) <= MAX_QUOTE else text[:MAX_QUOTE] + "..."


def escape(text: str) -> str:
    """Escape all unprintable characters of a text, line ends too."""
    return "".join(character if character.isprintable() else ascii(character)[1:-1] for character in text)


def format_traceback(error: BaseException) -> Iterator[str]:
    """Yield the escaped traceback of an error, after those of its causes."""
    import traceback

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
