"""The job that counts words, and pairs of words within a window."""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import compress
from typing import Any, Protocol, cast

from kxcli.kernel import find_kernel
from kxcli.mining.collocations.window import LAYOUT, WORD_END, Window
from kxcli.mining.wordcount.counting import Counting, WordFilter, WordSplitter
from kxcli.mining.wordcount.counts import AnyCounter, WordCountPartial
from kxcli.mining.wordcount.job import CountingJob
from kxcli.tally.scratch import Scratch
from kxcli.tally.string_runs import COUNT_MASK, MAX_NUMBER, Block, count_memory, decode_run, merge_runs, reduce_runs


class PairCount(CountingJob["PairCounts"]):
    """The job that counts words, and pairs of words within a window.

    Each pair of positions counts once for each of its words that has the other one in its window. Windows end at the
    borders of documents; punctuation that is no word takes no place in them.

    Cost: linear in the text and the window; memory grows with the distinct pairs, or with those of one partial if
    partials are spilled.

    Args:
        counting: The words.
        window: Which words are near a word.
        word: The first word of all pairs; None for pairs of all words. It is counted even if it is a stop word.
    """

    def __init__(self, counting: Counting, window: Window, word: str | None = None) -> None:
        normalize = WordFilter(counting).normalize
        self.window = window
        self.word = None if word is None else normalize(word)
        others = frozenset(stopword for stopword in counting.stopwords if normalize(stopword) != self.word)
        self.has_repetitions = word is not None and others == counting.stopwords
        super().__init__(replace(counting, stopwords=others))

    @property
    def is_symmetric(self) -> bool:
        """Whether a pair has one row, in the order of code points, not one per word."""
        return self.word is None and self.window.left == self.window.right

    def finish(self, partial: WordCountPartial) -> "PairCounts":
        """Return the final counts."""
        return PairCounts(partial, self.window, self.is_symmetric, has_repetitions=self.has_repetitions)

    @property
    def kernel_options(self) -> dict[str, Any]:
        """What the kernel counts."""
        return {"orders": (1, 1), "is_grouped": False, "window": self.window, "word": self.word}

    def make_python_counter(self, splitter: WordSplitter) -> AnyCounter:
        """Return a counter without the kernel."""
        from kxcli.mining.collocations.python_counter import PythonPairCounter

        return PythonPairCounter(self.counting, splitter, self.window, self.word)


class PairCounter(AnyCounter, Protocol):
    """Counts in memory: `PythonPairCounter`, or `kxcli._kernel.Counter`."""

    def dump(self, min_count: int = 1) -> tuple[bytes, list[tuple[str, int, int]]]:
        """Return the counts as a run, and no totals.

        Pairs with a lower count than `min_count` are not in the run.
        """
        ...


class PairCounts:
    """Final counts of words and pairs, as rows in the order of their keys.

    The key of a pair is its first word, `WORD_END` and its second word, with the number of pairs, and as number of
    documents the number of pairs whose second word is to the left. The key of a word by itself has no second word, and
    comes before its pairs.

    Args:
        partial: The counts.
        window: Which words are near a word.
        is_symmetric: Whether a pair has one row, not one per word.
        has_repetitions: Whether a pair of a word with itself is ranked.
    """

    def __init__(self, partial: WordCountPartial, window: Window, is_symmetric: bool, *, has_repetitions: bool) -> None:
        self._partial = partial
        self.window, self.is_symmetric, self.has_repetitions = window, is_symmetric, has_repetitions

    def blocks(self, min_count: int = 1, scratch: Scratch | None = None) -> Iterator[Block]:
        """Yield the rows of words, and of pairs with a count of `min_count` or more.

        Args:
            min_count: The lowest count of a pair.
            scratch: Merges many runs; if None, they are merged in memory.
        """
        partial = self._partial
        if partial.counter is not None and not partial.runs:
            yield from decode_run(cast(PairCounter, partial.counter).dump(min(min_count, MAX_NUMBER))[0])
            return
        partial = self._partial = partial.dump_counter()
        merged = _merge_in_memory(partial.runs, min_count, sys.maxsize if scratch is None else scratch.room)
        if merged is not None:
            yield from decode_run(merged)
            return
        runs = reduce_runs(partial.runs) if scratch is None else scratch.reduce_runs(partial.runs)
        for keys, numbers in merge_runs(map(decode_run, runs)):
            selected = [
                number & COUNT_MASK >= min_count or key.endswith(WORD_END)
                for key, number in zip(keys, numbers, strict=True)
            ]
            yield list(compress(keys, selected)), list(compress(numbers, selected))

    def count_word(self, word: str) -> int:
        """Return how often a word occurs."""
        (key,) = LAYOUT.keys(word, 1, [""])
        for keys, numbers in self.blocks(sys.maxsize):
            if key in keys:
                return numbers[keys.index(key)]
        return 0


def _merge_in_memory(runs: Sequence[bytes | memoryview], min_count: int, room: int) -> bytes | None:
    """Return the rows of words and frequent pairs as a run, made by the kernel.

    None if there is no kernel, if it cannot read these rows, or if runs in files exceed the room in memory.
    """
    kernel = find_kernel()
    if kernel is None or sum(map(len, runs)) - count_memory(runs) > room:
        return None
    try:
        merged: bytes = kernel.merge_runs(runs, min(min_count, MAX_NUMBER))
    except (ValueError, OverflowError):
        return None
    return merged
