"""A lexicon -> the words that are wanted, in a total order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from kxcli.mining.newwords.discovery import Word

Sort = Literal["count", "pmi", "entropy", "score"]

_PLACES = 4  # values are compared as they are printed

_VALUES: dict[Sort, Callable[[Word], float]] = {
    "count": lambda word: word.count,
    "pmi": lambda word: float("-inf") if word.pmi is None else round(word.pmi, _PLACES),
    "entropy": lambda word: round(word.entropy, _PLACES),
    "score": lambda word: round(word.score, _PLACES),
}


@dataclass(frozen=True)
class Choice:
    """Which words are given.

    known: words that are not new; None: all are given, single characters too.
    min_entropy: the least that the lesser entropy may be.
    sort: by what, the greatest first, equal ones by code points.
    """

    known: frozenset[str] | None = None
    min_entropy: float = 0.0
    sort: Sort = "count"


def chosen(words: Iterable[Word], choice: Choice) -> list[Word]:
    """Return the words that are wanted, in their order."""
    kept = [word for word in words if round(word.entropy, _PLACES) >= choice.min_entropy]
    if choice.known is not None:
        kept = [word for word in kept if len(word.word) > 1 and word.word not in choice.known]
    value: Callable[[Word], Any] = _VALUES[choice.sort]
    kept.sort(key=lambda word: word.word)
    kept.sort(key=value, reverse=True)
    return kept
