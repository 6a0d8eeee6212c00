"""New words for a user dictionary of jieba."""

from typing import TYPE_CHECKING

from kxcli.mining.newwords.entries import LexiconTable
from kxcli.mining.newwords.spelling import Reduce
from kxcli.mining.newwords.userdict import select_user_words
from kxcli.mining.segment.blocks import is_in_block
from kxcli.pipelines.session import Session
from kxcli.pipelines.unfindable_words import UNFINDABLE
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.mining import Word

_MAX_SHOWN = 3


def choose_user_words(words: "list[Word]", lexicon: LexiconTable, reduce: Reduce, session: Session) -> "list[Word]":
    """Select the words of a user dictionary, with frequencies as counts.

    Reports the others.
    """
    counts = dict(zip(lexicon.words, lexicon.counts.tolist(), strict=True))
    found = select_user_words(select_findable(words, session), counts, reduce)
    for excluded, what in (
        (found.compounds, "of frequent words in jieba's dictionary"),
        (found.unfound, "that jieba would not find in most places"),
    ):
        if excluded:
            noun = "compounds" if excluded is found.compounds else "words"
            shown = ", ".join(excluded[:_MAX_SHOWN])
            session.report.note(f"skipped {format_count(len(excluded), noun)} {what}: {shown}")
    return found.words


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
