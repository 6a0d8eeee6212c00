"""Texts -> counts of words or of n-grams of characters, as sparse rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, IntArray
from kxcli.mining.hsic.kernels import renumber_codes
from kxcli.mining.wordcount.job import Counting, WordCount
from kxcli.tally import Tally
from kxcli.tally.frames import join_parts, split_parts

if TYPE_CHECKING:
    from kxcli.mining.segment.jieba_port import PortDictionary

_PART = 1 << 19  # characters of a task, about
_BATCH = 1000  # texts cut at a time


@dataclass(frozen=True)
class TermSpec:
    """What is counted of a text: its words, or with `n` its n-grams of so many characters, white space included."""

    n: int = 0
    counting: Counting = field(default_factory=Counting)


class TextTask(NamedTuple):
    """Some texts, with the number of the task and, for a screening, each text's label."""

    number: int
    texts: list[str]
    labels: IntArray | None = None

    @property
    def size(self) -> int:
        """Characters."""
        return sum(map(len, self.texts))


def iter_tasks(texts: Sequence[str], labels: IntArray | None = None) -> Iterator[TextTask]:
    """Yield the tasks."""
    start = size = number = 0
    for i, text in enumerate(texts, 1):
        size += len(text)
        if size >= _PART or i == len(texts):
            yield TextTask(number, list(texts[start:i]), None if labels is None else labels[start:i])
            start, size, number = i, 0, number + 1


class TermTokenizer:
    """Cuts texts into terms."""

    def __init__(self, terms: TermSpec) -> None:
        self._n = terms.n
        self._words = WordCount(terms.counting)

    def setup(self, words: "PortDictionary | None") -> None:
        """Take the dictionary, where there is one: `words` is what `segment.prepare` returned."""
        if not self._n:
            self._words.setup(words)

    def cut(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yield the terms of each text."""
        if self._n:
            yield from ([text[i : i + self._n] for i in range(len(text) - self._n + 1)] for text in texts)
            return
        for start in range(0, len(texts), _BATCH):
            for words in self._words.iter_words(texts[start : start + _BATCH]):
                yield [word for word in words if word is not None]


@dataclass(frozen=True)
class TermCounts:
    """Counts of terms: text i has those from starts[i] to starts[i + 1] of `words` (numbers) and `counts`."""

    starts: IntArray
    words: IntArray
    counts: IntArray

    @property
    def n(self) -> int:
        """Texts."""
        return len(self.starts) - 1

    def select(self, rows: BoolArray) -> "TermCounts":
        """Return some of the texts; words are numbered in order of appearance."""
        lengths = np.diff(self.starts)
        is_kept = np.repeat(rows, lengths)
        starts = np.concatenate(([0], np.cumsum(lengths[rows])))
        return TermCounts(starts, renumber_codes(self.words[is_kept]), self.counts[is_kept])


class _TaskCounts(NamedTuple):
    vocabulary: list[str]
    lengths: IntArray
    words: IntArray
    counts: IntArray


class CountTerms:
    """The job: texts -> `Vectors`, whose words are numbered in the order in which they come up."""

    def __init__(self, terms: TermSpec) -> None:
        self._cutter = TermTokenizer(terms)

    def setup(self, shared: "PortDictionary | None") -> None:
        """Take the dictionary."""
        self._cutter.setup(shared)

    def map(self, records: Iterable[TextTask]) -> dict[int, _TaskCounts]:
        """Count the terms of each text."""
        return {part.number: self._counted(part.texts) for part in records}

    def _counted(self, texts: list[str]) -> _TaskCounts:
        numbers: dict[str, int] = {}
        lengths, words, counts = [], list[int](), list[int]()
        for terms in self._cutter.cut(texts):
            counter = Counter(terms)
            lengths.append(len(counter))
            words += [numbers.setdefault(word, len(numbers)) for word in counter]
            counts += counter.values()
        arrays = (np.array(numbers, dtype=np.int64) for numbers in (lengths, words, counts))
        return _TaskCounts(list(numbers), *arrays)

    def merge(self, left: dict[int, _TaskCounts], right: dict[int, _TaskCounts]) -> dict[int, _TaskCounts]:
        """Return both."""
        return left | right

    def dump(self, partial: dict[int, _TaskCounts]) -> bytes:
        """Return the counts with their numbers."""
        return join_parts(
            frame
            for number, counts in partial.items()
            for frame in (
                b"%d" % number,
                join_parts(word.encode("utf-8") for word in counts.vocabulary),
                *(array.tobytes() for array in counts[1:]),
            )
        )

    def load(self, data: bytes | memoryview) -> dict[int, _TaskCounts]:
        """Return the counts that were dumped."""
        frames = split_parts(data)
        return {
            int(bytes(frames[i])): _TaskCounts(
                [bytes(word).decode("utf-8") for word in split_parts(frames[i + 1])],
                *(np.frombuffer(frame, np.int64) for frame in frames[i + 2 : i + 5]),
            )
            for i in range(0, len(frames), 5)
        }

    def finish(self, partial: dict[int, _TaskCounts]) -> TermCounts:
        """Return the vectors, in the order of the texts."""
        numbers: dict[str, int] = {}
        words = []
        ordered = [counts for _, counts in sorted(partial.items())]
        for counts in ordered:
            own = [numbers.setdefault(word, len(numbers)) for word in counts.vocabulary]
            words.append(np.array(own, dtype=np.int64)[counts.words])
        lengths = np.concatenate([counts.lengths for counts in ordered])
        return TermCounts(
            np.concatenate(([0], np.cumsum(lengths))),
            np.concatenate(words),
            np.concatenate([counts.counts for counts in ordered]),
        )


class CountDocuments:
    """The job: how many texts of each label hold a term; merging adds up, so memory grows with distinct terms alone."""

    def __init__(self, terms: TermSpec) -> None:
        self._cutter = TermTokenizer(terms)

    def setup(self, shared: "PortDictionary | None") -> None:
        """Take the dictionary."""
        self._cutter.setup(shared)

    def map(self, records: Iterable[TextTask]) -> dict[int, Tally]:
        """Count, by label."""
        tallies: dict[int, Tally] = {}
        for part in records:
            assert part.labels is not None, "a screening has labels"
            held: dict[int, list[str]] = {}
            for label, terms in zip(part.labels.tolist(), self._cutter.cut(part.texts), strict=True):
                held.setdefault(label, []).extend(set(terms))
            for label, terms in held.items():
                tallies.setdefault(label, Tally()).add(terms)
        return tallies

    def merge(self, left: dict[int, Tally], right: dict[int, Tally]) -> dict[int, Tally]:
        """Add up, into `left`."""
        for label, tally in right.items():
            left.setdefault(label, Tally()).merge(tally)
        return left

    def dump(self, partial: dict[int, Tally]) -> bytes:
        """Return labels and tallies."""
        return join_parts(frame for label, tally in partial.items() for frame in (b"%d" % label, tally.dump()))

    def load(self, data: bytes | memoryview) -> dict[int, Tally]:
        """Return what was dumped."""
        frames = split_parts(data)
        return {int(bytes(label)): Tally.load(tally) for label, tally in zip(frames[::2], frames[1::2], strict=True)}

    def finish(self, partial: dict[int, Tally]) -> dict[str, dict[int, int]]:
        """Return for each term, in the order of code points, its number of texts by label."""
        terms: dict[str, dict[int, int]] = {}
        for label, tally in sorted(partial.items()):
            for term, count in tally.counts().items():
                terms.setdefault(term, {})[label] = count
        return dict(sorted(terms.items()))


def prepare_terms(terms: TermSpec) -> Any:
    """Return what `setup` of the jobs takes; raises `segment.jieba_port.NotEqualError`."""
    from kxcli.mining.segment import prepare

    return None if terms.n else prepare(terms.counting.segmentation)
