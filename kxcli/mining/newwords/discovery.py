"""What is looked for, and what is found."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, Literal, NamedTuple, get_args

from kxcli.mining.arguments import check_choice, check_minimum, check_type

Method = Literal["pmi", "entropy"]
Sort = Literal["count", "pmi", "entropy", "score"]

MIN_ORDER, MAX_ORDER = 2, 6
DEFAULT_ORDER = 4
DEFAULT_MIN_COUNT = 32
MAX_WORD_LENGTH = 1000  # characters; a longer piece is no word, and in periodic text would take long to be looked for

# By entropies, rarer words are found, too: one in so many characters, but no fewer than 4 times, for chance makes
# entropies of less; on more text, the words seen 5 times would hardly be among the 50,000 most frequent.
CHARACTERS_FOR_ONE = 5_000_000
MIN_MIN_COUNT = 4
DEFAULT_MIN_PMI = (2.0, 4.0, 6.0, 8.0, 10.0)

SAFE_SPLIT_PATTERN = (
    r"(?<=[\W_])"  # where a text may be parted: after a character that is not kept, `\w` being the kept and _
)


def thresholds(min_pmi: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Return a threshold for each length from 2 to `order`.

    A list that is too short goes on by its last step, a single value stays; the default is cut to the order.
    Raises `ValueError` for an empty list, and for one that is too long.
    """
    if not min_pmi:
        raise ValueError("no threshold is given")
    if any(map(math.isnan, min_pmi)):
        raise ValueError("a threshold is no number")
    if len(min_pmi) > order - 1:
        raise ValueError(f"{len(min_pmi)} thresholds are given, but order {order} has lengths 2 to {order}")
    step = min_pmi[-1] - min_pmi[-2] if len(min_pmi) > 1 else 0.0
    missing = order - 1 - len(min_pmi)
    found = (*min_pmi, *(min_pmi[-1] + step * (k + 1) for k in range(missing)))
    if any(map(math.isnan, found)):
        raise ValueError("infinite thresholds have no step to go on by: give one for each length")
    return found


@dataclass(frozen=True)
class Discovery:
    """How words are looked for.

    method: "entropy" looks for free choice on both sides of words, and for the best cut (`branching.py`); "pmi" is the
    article's: n-grams that hold together by pointwise mutual information, and a coarse cut (`coarse.py`).
    order: the greatest n of the n-grams, 2 to 6; by entropies, the greatest length of a word.
    min_count: how often a word, and an n-gram in it, has to be seen; None: 32, by entropies one in 5,000,000
    characters, at least 4 and at most 32, but words in scripts with spaces always 32.
    min_pmi: the least cohesion, in nats, for each length from 2; None: the default, cut to the order.  For "pmi" alone.
    """

    method: Method = "entropy"
    order: int = DEFAULT_ORDER
    min_count: int | None = None
    min_pmi: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        check_choice("method", self.method, get_args(Method))
        check_type("order", self.order, Integral)
        if not MIN_ORDER <= self.order <= MAX_ORDER:
            raise ValueError(f"order {self.order} is not between {MIN_ORDER} and {MAX_ORDER}")
        if self.min_count is not None:
            check_minimum("min_count", self.min_count, 1)
        if self.min_pmi is not None:
            check_type("min_pmi", self.min_pmi, (tuple, list), "a tuple of numbers")
            for position, value in enumerate(self.min_pmi):
                check_type(f"min_pmi[{position}]", value, Real)
        if self.method == "entropy" and self.min_pmi is not None:
            raise ValueError("the method by entropies has no thresholds of pmi")
        _ = self.thresholds  # raises where they cannot be

    def min_count_for(self, n_characters: int) -> int:
        """Return how often an n-gram has to be seen in a corpus of so many characters."""
        if self.min_count is not None:
            return self.min_count
        if self.method == "pmi":
            return DEFAULT_MIN_COUNT
        return min(max(n_characters // CHARACTERS_FOR_ONE, MIN_MIN_COUNT), DEFAULT_MIN_COUNT)

    @property
    def min_count_spaced(self) -> int:
        """How often a word in a script with spaces has to be seen."""
        return DEFAULT_MIN_COUNT if self.min_count is None else self.min_count

    @property
    def thresholds(self) -> tuple[float, ...]:
        """The least cohesion for each length from 2 to the order."""
        return thresholds(DEFAULT_MIN_PMI[: self.order - 1] if self.min_pmi is None else self.min_pmi, self.order)


class Word(NamedTuple):
    """A word of the lexicon; `pmi` is None for one character; pmi and entropies are in nats."""

    word: str
    count: int  # type: ignore[assignment]  # hides the method that counts items, which says nothing here
    pmi: float | None
    left_entropy: float
    right_entropy: float

    @property
    def entropy(self) -> float:
        """The lesser of the entropies: a word is as free as its less free side."""
        return min(self.left_entropy, self.right_entropy)

    @property
    def score(self) -> float:
        """How much of a word it is: its cohesion within and its freedom on both sides, added up; all in nats."""
        return (self.pmi or 0.0) + self.entropy


_DECIMALS = 4  # values are compared as they are printed

_VALUES: dict[Sort, Callable[[Word], float]] = {
    "count": lambda word: word.count,
    "pmi": lambda word: float("-inf") if word.pmi is None else round(word.pmi, _DECIMALS),
    "entropy": lambda word: round(word.entropy, _DECIMALS),
    "score": lambda word: round(word.score, _DECIMALS),
}


@dataclass(frozen=True)
class LexiconFilter:
    """Which words are given.

    known: words that are not new; None: all are given, single characters too.
    min_entropy: the least that the lesser entropy may be.
    sort: by what, the greatest first, equal ones by code points.
    """

    known: frozenset[str] | None = None
    min_entropy: float = 0.0
    sort: Sort = "count"


def select_words(words: Iterable[Word], choice: LexiconFilter) -> list[Word]:
    """Return the words that are wanted, in their order."""
    kept = [word for word in words if round(word.entropy, _DECIMALS) >= choice.min_entropy]
    if choice.known is not None:
        kept = [word for word in kept if len(word.word) > 1 and word.word not in choice.known]
    value: Callable[[Word], Any] = _VALUES[choice.sort]
    kept.sort(key=lambda word: word.word)
    kept.sort(key=value, reverse=True)
    return kept
