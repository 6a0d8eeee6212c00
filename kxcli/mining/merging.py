"""Earlier counts added up."""

from collections import Counter
from collections.abc import Iterable

from kxcli.mining.wordcount import Counts


class Sums:
    """Adds up rows of word, count, and group and number of documents where they have them."""

    def __init__(self) -> None:
        self._counts: dict[str, Counter[str]] = {}
        self._documents: dict[str, Counter[str]] = {}

    def add(self, group: str, word: str, count: int, documents: int) -> None:
        """Add one row."""
        self._counts.setdefault(group, Counter())[word] += count
        if documents:
            self._documents.setdefault(group, Counter())[word] += documents

    def counts(self) -> Iterable[Counts]:
        """Return the sums by group, in the order of code points."""
        return [
            Counts(group, 1, words, self._documents.get(group, Counter()))
            for group, words in sorted(self._counts.items())
        ]
