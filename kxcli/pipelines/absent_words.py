"""The explanation if a word does not occur."""

from collections.abc import Sequence


def explain_absence(words: Sequence[str]) -> str:
    """Return the predicate of the warning that a text does not occur as a word.

    Args:
        words: The words into which the text is split by itself.
    """
    advice = "check its spelling, and the options for words"
    if len(words) > 1:
        advice = f"it is split into {' '.join(words)}: name one of these, or join them by --userdict"
    return f"does not occur as a word; {advice}"
