"""Words that a user knows already."""

from collections.abc import Collection, Container

from kxcli.mining.text.simplification import simplify


class KnownWords(Container[str]):
    """Words that have each known word, as it is or in simplified characters.

    Args:
        words: The known words, as a set or dict; those of a traditional dictionary are known as they are.
    """

    def __init__(self, words: Collection[str]) -> None:
        self._words = words

    def __contains__(self, word: object) -> bool:
        return word in self._words or (isinstance(word, str) and simplify(word) in self._words)


def add_simplified(words: Collection[str]) -> frozenset[str]:
    """Return words as they are and in simplified characters."""
    return frozenset(words).union(simplify("\n".join(words)).split("\n") if words else ())
