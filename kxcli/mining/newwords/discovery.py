"""Parameters of newwords."""

import math
from dataclasses import dataclass, field
from numbers import Integral
from typing import Literal, get_args

from kxcli.mining.arguments import check_choice, check_minimum, check_numbers, check_type
from kxcli.mining.newwords.text_form import TextForm

Method = Literal["pmi", "entropy"]

MIN_ORDER, MAX_ORDER = 2, 6
DEFAULT_ORDER = 6
DEFAULT_MIN_COUNT = 32
MAX_WORD_LENGTH = 1000  # characters; in periodic text, longer words would take long to find

# The entropy method finds rarer words, down to one occurrence in this many characters, but at least 4 occurrences:
# entropies of fewer are random. In more text, words with 5 occurrences are not among the 50,000 most frequent.
CHARACTERS_FOR_ONE = 5_000_000
MIN_MIN_COUNT = 4
DEFAULT_MIN_PMI = (2.0, 4.0, 6.0, 8.0, 10.0)

# After a character that is neither letter nor digit: `\w` is those and _.
SAFE_SPLIT_PATTERN = r"(?<=[\W_])"


def expand_thresholds(min_pmi: tuple[float, ...], order: int) -> tuple[float, ...]:
    """Return a threshold for each length from 2 to `order`.

    A list that is too short is continued by its last step, or by the same value if it has one or ends in two equal
    ones.

    Raises:
        ValueError: There are no thresholds, too many, or NaN.
    """
    if not min_pmi:
        raise ValueError("there is no threshold")
    if any(map(math.isnan, min_pmi)):
        raise ValueError("a threshold is not a number")
    if len(min_pmi) > order - 1:
        raise ValueError(f"there are {len(min_pmi)} thresholds, but order {order} has only the lengths 2 to {order}")
    last, before = min_pmi[-1], min_pmi[-2:][0]
    step = 0.0 if last == before else last - before  # two infinite ones have no difference
    missing = order - 1 - len(min_pmi)
    return (*min_pmi, *(last + step * (k + 1) for k in range(missing)))


@dataclass(frozen=True)
class Discovery:
    """How words are found.

    Args:
        method: "entropy" looks for varied neighbors on both sides of words, and for the best cut (`branching.py`);
            "pmi" is the method of the article: cohesive n-grams, and a coarse cut (`coarse.py`).
        order: The largest n of the n-grams, 2 to 6; with "entropy", the maximum length of a word of the cut in units:
            characters, and runs of letters and digits of scripts with spaces.
        min_count: Minimum count of words and of the n-grams in them. By default 32; with "entropy" one per 5,000,000
            characters, from 4 to 32, but always 32 for words in scripts with spaces.
        min_pmi: Minimum cohesion in nats, for each length from 2; with "pmi" that of the n-grams in words, by default
            2, 4, 6, 8 and 10, with "entropy" that of listed words, by default none.
        phrases: Whether to find phrases of two words, too; only with "entropy".
        form: The form that texts are converted to first.
    """

    method: Method = "entropy"
    order: int = DEFAULT_ORDER
    min_count: int | None = None
    min_pmi: tuple[float, ...] | None = None
    phrases: bool = False
    form: TextForm = field(default_factory=TextForm)

    def __post_init__(self) -> None:
        check_choice("method", self.method, get_args(Method))
        check_type("order", self.order, Integral)
        check_type("form", self.form, TextForm)
        if not MIN_ORDER <= self.order <= MAX_ORDER:
            raise ValueError(f"order {self.order} is not from {MIN_ORDER} to {MAX_ORDER}")
        if self.min_count is not None:
            check_minimum("min_count", self.min_count, 1)
        if self.min_pmi is not None:
            check_numbers("min_pmi", self.min_pmi)
        check_type("phrases", self.phrases, bool)
        if self.phrases and self.method != "entropy":
            raise ValueError('phrases need the method "entropy"')
        _ = self.thresholds  # raises for invalid thresholds

    def min_count_for(self, n_characters: int) -> int:
        """Return the minimum count of n-grams in a corpus with a number of characters."""
        if self.min_count is not None:
            return self.min_count
        if self.method == "pmi":
            return DEFAULT_MIN_COUNT
        return min(max(n_characters // CHARACTERS_FOR_ONE, MIN_MIN_COUNT), DEFAULT_MIN_COUNT)

    @property
    def min_count_spaced(self) -> int:
        """Minimum count of words in scripts with spaces."""
        return DEFAULT_MIN_COUNT if self.min_count is None else self.min_count

    @property
    def thresholds(self) -> tuple[float, ...]:
        """Minimum cohesion for each length from 2 to the order."""
        return expand_thresholds(
            DEFAULT_MIN_PMI[: self.order - 1] if self.min_pmi is None else self.min_pmi, self.order
        )
