"""Texts -> counts of words or of n-grams of characters, as sparse rows."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, IntArray
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.hsic.kernels import renumber_codes
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counting import Counting, WordSplitter
from kxcli.tally import Tally
from kxcli.tally.frames import join_parts, split_parts

if TYPE_CHECKING:
    from kxcli.mining.segment.compiled import CompiledDictionary

_TASK_CHARACTERS = 1 << 19  # characters of a task


@dataclass(frozen=True)
class TermSpec:
    """The terms of a text: its words, or its n-grams of `n` characters.

    N-grams include white space.
    """

    n: int = 0
    counting: Counting = field(default_factory=Counting)


class TextTask(NamedTuple):
    """Some texts, and for a screening the code of each text's label."""

    number: int
    texts: list[str]
    labels: IntArray | None = None

    @property
    def size(self) -> int:
        """The number of characters."""
        return sum(map(len, self.texts))


def iter_tasks(
    texts: Sequence[str], labels: IntArray | None = None, n_characters: int = _TASK_CHARACTERS
) -> Iterator[TextTask]:
    """Yield the tasks, of about `n_characters` each."""
    start = size = number = 0
    for i, text in enumerate(texts, 1):
        size += len(text)
        if size >= n_characters or i == len(texts):
            yield TextTask(number, list(texts[start:i]), None if labels is None else labels[start:i])
            start, size, number = i, 0, number + 1


def prepare_terms(spec: TermSpec) -> "CompiledDictionary | None":
    """Return the dictionary for the `setup` of the jobs."""
    return None if spec.n else prepare(spec.counting.segmentation)


class TermTokenizer:
    """Splits texts into terms; the base of the jobs for counting terms."""

    def __init__(self, spec: TermSpec) -> None:
        self._spec = spec
        self._shared: CompiledDictionary | None = None
        self._splitter: WordSplitter | None = None

    def setup(self, shared: "CompiledDictionary | None") -> None:
        """Receive the dictionary from `prepare_terms`; the first text loads it."""
        self._shared, self._splitter = shared, None

    def tokenize(self, texts: Sequence[str]) -> Iterator[list[str]]:
        """Yield the terms of each text."""
        if n := self._spec.n:
            yield from ([text[i : i + n] for i in range(len(text) - n + 1)] for text in texts)
            return
        splitter = self._splitter = self._splitter or WordSplitter(self._spec.counting, self._shared)
        for text in texts:
            yield [word for word in splitter.split(text) if word is not None]


@dataclass(frozen=True)
class TermCounts:
    """Counts of terms as sparse rows.

    Text i has the entries from starts[i] to starts[i + 1] of `terms` (numbers) and `counts`.
    """

    starts: IntArray
    terms: IntArray
    counts: IntArray

    @property
    def n(self) -> int:
        """The number of texts."""
        return len(self.starts) - 1

    def select(self, rows: BoolArray) -> "TermCounts":
        """Return some of the texts, with terms numbered in order of appearance."""
        lengths = np.diff(self.starts)
        is_selected = np.repeat(rows, lengths)
        starts = compute_starts(lengths[rows])
        return TermCounts(starts, renumber_codes(self.terms[is_selected]), self.counts[is_selected])


class _TaskCounts(NamedTuple):
    vocabulary: list[str]
    lengths: IntArray  # entries of each text
    terms: IntArray
    counts: IntArray


class CountTerms(TermTokenizer):
    """The job: texts -> `TermCounts`, with terms numbered in order of appearance."""

    def map(self, records: Iterable[TextTask]) -> dict[int, _TaskCounts]:
        """Count the terms of each text."""
        return {task.number: self._count_texts(task.texts) for task in records}

    def _count_texts(self, texts: list[str]) -> _TaskCounts:
        numbers: dict[str, int] = {}
        lengths, terms, counts = list[int](), list[int](), list[int]()
        for tokens in self.tokenize(texts):
            counter = Counter(tokens)
            lengths.append(len(counter))
            terms += [numbers.setdefault(term, len(numbers)) for term in counter]
            counts += counter.values()
        return _TaskCounts(list(numbers), *(np.array(values, dtype=np.int64) for values in (lengths, terms, counts)))

    def merge(self, left: dict[int, _TaskCounts], right: dict[int, _TaskCounts]) -> dict[int, _TaskCounts]:
        """Return the counts of both."""
        return left | right

    def dump(self, partial: dict[int, _TaskCounts]) -> bytes:
        """Return the counts with their numbers."""
        return join_parts(
            frame
            for number, counts in partial.items()
            for frame in (
                b"%d" % number,
                join_parts(term.encode("utf-8") for term in counts.vocabulary),
                *(array.tobytes() for array in counts[1:]),
            )
        )

    def load(self, data: bytes | memoryview) -> dict[int, _TaskCounts]:
        """Return dumped counts."""
        frames = split_parts(data)
        return {
            int(bytes(frames[i])): _TaskCounts(
                [bytes(term).decode("utf-8") for term in split_parts(frames[i + 1])],
                *(np.frombuffer(frame, np.int64) for frame in frames[i + 2 : i + 5]),
            )
            for i in range(0, len(frames), 5)
        }

    def finish(self, partial: dict[int, _TaskCounts]) -> TermCounts:
        """Return the counts of all texts in their order."""
        numbers: dict[str, int] = {}
        terms = []
        ordered = [counts for _, counts in sorted(partial.items())]
        for counts in ordered:
            own = [numbers.setdefault(term, len(numbers)) for term in counts.vocabulary]
            terms.append(np.array(own, dtype=np.int64)[counts.terms])
        lengths = np.concatenate([counts.lengths for counts in ordered])
        return TermCounts(
            compute_starts(lengths),
            np.concatenate(terms),
            np.concatenate([counts.counts for counts in ordered]),
        )


class CountDocuments(TermTokenizer):
    """The job: for each term, the number of texts of each label that have it.

    Memory grows with the distinct terms only.
    """

    def map(self, records: Iterable[TextTask]) -> dict[int, Tally]:
        """Count the texts of some tasks by label."""
        tallies: dict[int, Tally] = {}
        for task in records:
            assert task.labels is not None, "a screening has labels"
            terms_by_label: dict[int, list[str]] = {}
            for label, terms in zip(task.labels.tolist(), self.tokenize(task.texts), strict=True):
                terms_by_label.setdefault(label, []).extend(set(terms))
            for label, terms in terms_by_label.items():
                tallies.setdefault(label, Tally()).add(terms)
        return tallies

    def merge(self, left: dict[int, Tally], right: dict[int, Tally]) -> dict[int, Tally]:
        """Add the right counts to the left."""
        for label, tally in right.items():
            left.setdefault(label, Tally()).merge(tally)
        return left

    def dump(self, partial: dict[int, Tally]) -> bytes:
        """Return labels and tallies as bytes."""
        return join_parts(frame for label, tally in partial.items() for frame in (b"%d" % label, tally.dump()))

    def load(self, data: bytes | memoryview) -> dict[int, Tally]:
        """Return dumped tallies."""
        frames = split_parts(data)
        return {int(bytes(label)): Tally.load(tally) for label, tally in zip(frames[::2], frames[1::2], strict=True)}

    def finish(self, partial: dict[int, Tally]) -> dict[str, dict[int, int]]:
        """Return the number of texts by label of each term, ordered by code points."""
        terms: dict[str, dict[int, int]] = {}
        for label, tally in sorted(partial.items()):
            for term, count in tally.counts().items():
                terms.setdefault(term, {})[label] = count
        return dict(sorted(terms.items()))
