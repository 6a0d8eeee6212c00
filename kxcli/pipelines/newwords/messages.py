"""Messages about a list without words, or of little text."""

from typing import TYPE_CHECKING

from kxcli.report import Report
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.pipelines.newwords.inputs import FoundWords

_LITTLE_TEXT = 20_000  # characters; few of the words in less text occur often enough
_LOW_COUNT = 2  # a lower minimum lists everything
_LOW_PROBABILITY = 0.5


def report_found(
    report: Report,
    found: "FoundWords",
    n_words: int,
    *,
    is_all: bool,
    min_count: int | None,
    top: int | None,
    default_probability: float | None = None,
) -> None:
    """Report little text, and a list without words or with fewer than requested.

    Args:
        report: Receives the notes.
        found: What was found.
        n_words: The number of words in the list.
        is_all: Whether known words are in the list, too.
        min_count: That of the options.
        top: That of the options.
        default_probability: The minimum probability if the options have none and the format has one.
    """
    notes = []
    if not n_words and found.n_words:
        words, new = format_count(found.n_words, "words"), "" if is_all else "new and "
        notes.append(f"none of the {words} found is {new}within the limits")
        if default_probability is not None:
            limit = f"--min-probability {default_probability:g}"
            notes.append(f"-f userdict has {limit}; --min-probability {_LOW_PROBABILITY:g} writes more words")
    elif not n_words:
        notes.append("no word was found")
    elif top is not None and n_words < top:
        notes.append(f"only {format_count(n_words, 'words')} found (--top {top})")
    if found.n_characters < _LITTLE_TEXT and (min_count is None or not found.n_words):
        notes.append(_describe_little_text(found))
    if notes:
        report.note("; ".join(notes))


def _describe_little_text(found: "FoundWords") -> str:
    read = format_count(found.n_characters, "characters")
    low = f"--min-count {_LOW_COUNT}, or " if found.n_characters and found.min_count > _LOW_COUNT else ""
    times = f"{found.min_count} times"
    if found.min_count_spaced > found.min_count:
        times += f" ({found.min_count_spaced} in scripts with spaces)"
    return f"only {read} of text were read, and a word must occur {times}; try {low}more text"
