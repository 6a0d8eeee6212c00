"""Messages about a list without words, or of little text."""

from typing import TYPE_CHECKING

from kxcli.report import Report
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.pipelines.newwords.inputs import FoundWords

_LITTLE_TEXT = 20_000  # characters; few of the words in less text occur often enough
_LOW_COUNT = 2  # a lower minimum lists everything


def report_found(report: Report, found: "FoundWords", n_words: int, min_count: int | None, top: int | None) -> None:
    """Report little text, and a list without words or with fewer than requested.

    Args:
        report: Receives the notes.
        found: What was found.
        n_words: The number of words in the list.
        min_count: That of the options.
        top: That of the options.
    """
    if found.n_characters < _LITTLE_TEXT and (min_count is None or not found.n_words):
        report.note(_describe_little_text(found))
    if not n_words and found.n_words:
        words = format_count(found.n_words, "words")
        report.note(f"none of the {words} found is new and within the limits; add --all to show them")
    elif not n_words:
        report.note("no word was found")
    elif top is not None and n_words < top:
        report.note(f"only {format_count(n_words, 'words')} found (--top {top})")


def _describe_little_text(found: "FoundWords") -> str:
    read = format_count(found.n_characters, "characters")
    low = f"--min-count {_LOW_COUNT}, or " if found.min_count > _LOW_COUNT else ""
    return f"only {read} of text were read, and a word must occur {found.min_count} times; try {low}more text"
