"""Words that a user dictionary does not help jieba to find."""

from collections.abc import Callable

from kxcli.pipelines.session import Session

# A kind of skipped rows.
UNFINDABLE = "words skipped that jieba does not find even with a user dictionary"


def choose_findable(session: Session) -> Callable[[str], bool] | None:
    """Return a filter for the words of a user dictionary; None for other formats."""
    if session.sink.format != "userdict":
        return None
    from kxcli.mining.segment.blocks import is_in_block

    def is_findable(word: str) -> bool:
        if not (is_found := is_in_block(word)):
            session.report.record_skips(UNFINDABLE, 1, [word])
        return is_found

    return is_findable
