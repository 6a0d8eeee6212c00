"""New words for a user dictionary of jieba."""

from typing import TYPE_CHECKING

from kxcli.mining.segment.blocks import is_in_block
from kxcli.pipelines.session import Session
from kxcli.pipelines.unfindable_words import UNFINDABLE
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.mining import Word


def select_findable(words: "list[Word]", session: Session) -> "list[Word]":
    """Return the words that jieba finds in a text only if they are in its dictionary."""
    unfindable = [word.word for word in words if not is_in_block(word.word)]
    if unfindable:
        session.report.record_skips(UNFINDABLE, len(unfindable), unfindable)
    n_latin = sum(word.word.isascii() for word in words)
    if n_latin:
        latin = f"{format_count(n_latin, 'words')} of Latin letters and digits"
        session.report.note(f"skipped {latin}, which jieba finds without a dictionary")
    return [word for word in words if is_in_block(word.word) and not word.word.isascii()]
