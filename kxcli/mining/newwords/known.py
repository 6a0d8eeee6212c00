"""Words that a user knows already."""

from collections.abc import Collection, Sequence

import numpy as np

from kxcli.arrays import BoolArray
from kxcli.mining.text.simplification import simplify


def find_known(words: Sequence[str], known: Collection[str]) -> BoolArray:
    """Return whether each word is known, as it is or in simplified characters.

    Args:
        words: Words without LF.
        known: The known words, as a set or dict; those of a traditional dictionary are known as they are.
    """
    simplified = simplify("\n".join(words)).split("\n")
    pairs = zip(words, simplified, strict=True) if words else ()
    return np.array([word in known or plain in known for word, plain in pairs], dtype=np.bool_)


def add_simplified(words: Collection[str]) -> frozenset[str]:
    """Return words as they are and in simplified characters."""
    return frozenset(words).union(simplify("\n".join(words)).split("\n") if words else ())
