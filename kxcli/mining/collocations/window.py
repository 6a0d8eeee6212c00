"""Windows, and the keys of pairs of words within them."""

from typing import NamedTuple

from kxcli.mining.arguments import check_minimum
from kxcli.mining.wordcount.counts import KeyLayout

MAX_WINDOW = 1000  # as in the kernel
# The group of a row is the first word of the pair; a row without a second word counts the first word by itself.
LAYOUT = KeyLayout(is_grouped=True)
WORD_END = "\1"  # of the first word in a key


class Window(NamedTuple):
    """How many words before and after a word are near it."""

    left: int
    right: int

    @property
    def size(self) -> int:
        """The number of words in the window."""
        return self.left + self.right


def parse_window(value: object) -> Window:
    """Return a window of an integer, or of two; raise an error for other values."""
    sides = value if isinstance(value, (tuple, list)) else (value, value)
    if len(sides) != 2:
        raise TypeError(f"window must be an integer, or two, the words before and after a word, not {value!r}")
    for side in sides:
        check_minimum("window", side, 0)
    if max(sides) > MAX_WINDOW:
        raise ValueError(f"window must be {MAX_WINDOW} or less, not {max(sides)}")
    if max(sides) == 0:
        raise ValueError("window must have a word on one side at least, not 0")
    return Window(*sides)
