"""What is looked for, and what is found."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

Method = Literal["pmi", "entropy"]

LEAST_ORDER, MOST_ORDER = 2, 6
DEFAULT_ORDER = 4
DEFAULT_MIN_COUNT = 32
DEFAULT_MIN_PMI = (2.0, 4.0, 6.0, 8.0, 10.0)

AFTER_BORDER = (
    r"(?<=[\W_])"  # where a text may be parted: after a character that is not kept, `\w` being the kept and _
)


def thresholds(min_pmi: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Return a threshold for each length from 2 to `order`.

    A list that is too short goes on by its last step, a single value stays; the default is cut to the order.
    Raises `ValueError` for an empty list, and for one that is too long.
    """
    if not min_pmi:
        raise ValueError("no threshold is given")
    if len(min_pmi) > order - 1:
        raise ValueError(f"{len(min_pmi)} thresholds are given, but order {order} has lengths 2 to {order}")
    step = min_pmi[-1] - min_pmi[-2] if len(min_pmi) > 1 else 0.0
    missing = order - 1 - len(min_pmi)
    return (*min_pmi, *(min_pmi[-1] + step * (k + 1) for k in range(missing)))


@dataclass(frozen=True)
class Discovery:
    """How words are looked for.

    method: "pmi" is the article's: n-grams that hold together by pointwise mutual information, a coarse cut.
    order: the greatest n of the n-grams, 2 to 6.  min_count: how often a word, and an n-gram in it, has to be seen.
    min_pmi: the least cohesion, in nats, for each length from 2; None: the default, cut to the order.
    """

    method: Method = "pmi"
    order: int = DEFAULT_ORDER
    min_count: int = DEFAULT_MIN_COUNT
    min_pmi: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        if not LEAST_ORDER <= self.order <= MOST_ORDER:
            raise ValueError(f"order {self.order} is not between {LEAST_ORDER} and {MOST_ORDER}")
        if self.min_count < 1:
            raise ValueError(f"min_count {self.min_count} is less than 1")
        thresholds(self.thresholds, self.order)

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
