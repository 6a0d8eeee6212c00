"""The job that counts words and n-grams, by group and with document frequencies."""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from kxcli.kernel import load_kernel
from kxcli.mining.arguments import check_type, iter_strings
from kxcli.mining.segment import prepare
from kxcli.mining.wordcount.counting import Counting, WordFilter, WordSplitter
from kxcli.mining.wordcount.counts import AnyCounter, Counts, KeyLayout, WordCountPartial, load_partial

if TYPE_CHECKING:
    from kxcli import _kernel
    from kxcli.mining.segment.compiled import CompiledDictionary


ResultT = TypeVar("ResultT")


class Record(Protocol):
    """Documents, one document, or a part of one."""

    @property
    def data(self) -> bytes | str:
        """The text, or bytes that may be its UTF-8."""
        ...

    @property
    def text(self) -> str:
        """The valid text; may raise an error of the input, or repair it."""
        ...

    @property
    def group(self) -> str:
        """The group of the document."""
        ...

    @property
    def is_lines(self) -> bool:
        """Whether each LF ends a document."""
        ...

    @property
    def has_continuation(self) -> bool:
        """Whether the next record continues the same document."""
        ...

    @property
    def document(self) -> int:
        """The number of the first document, if documents have numbers."""
        ...


class Text(NamedTuple):
    """A record for `WordCount.map`."""

    text: str
    group: str = ""
    has_continuation: bool = False
    document: int = 0

    @property
    def data(self) -> str:
        """The text."""
        return self.text

    @property
    def is_lines(self) -> bool:
        """Whether each LF ends a document."""
        return False


class CountingJob(ABC, Generic[ResultT]):
    """The common part of jobs that count the words of texts."""

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self._shared: CompiledDictionary | None = None
        self._dictionary: _kernel.Dictionary | None = None
        self._splitter: WordSplitter | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_shared": None, "_dictionary": None, "_splitter": None}

    def setup(self, shared: "CompiledDictionary | None") -> None:
        """Keep the value of `segment.prepare`; the first record loads the dictionary."""
        self._shared, self._dictionary, self._splitter = shared, None, None

    def map(self, records: Iterable[Record]) -> WordCountPartial:
        """Count the words of records."""
        return self.fold(None, records)

    def fold(self, partial: WordCountPartial | None, records: Iterable[Record]) -> WordCountPartial:
        """Count the words of records, and add them to a partial."""
        partial = partial or WordCountPartial()
        for record in records:
            partial.counter = partial.counter or self._make_counter()
            self._count(record, partial.counter)
        return partial

    def merge(self, left: WordCountPartial, right: WordCountPartial) -> WordCountPartial:
        """Add the counts of `right` to `left`."""
        return left.merge(right)

    @abstractmethod
    def finish(self, partial: WordCountPartial) -> ResultT:
        """Return the final counts."""

    def dump(self, partial: WordCountPartial) -> bytes:
        """Return a partial as bytes: totals, and rows as a sorted run."""
        return partial.dump()

    def load(self, data: bytes | memoryview) -> WordCountPartial:
        """Return a dumped partial, as a view of the data."""
        return load_partial(data)

    def weight(self, partial: WordCountPartial) -> int:
        """Return the approximate bytes of memory of a partial."""
        return partial.weight

    @property
    @abstractmethod
    def kernel_options(self) -> dict[str, Any]:
        """What the kernel counts: keyword arguments of `kxcli._kernel.Counter`."""

    @abstractmethod
    def make_python_counter(self, splitter: WordSplitter) -> AnyCounter:
        """Return a counter without the kernel, for the words of `splitter`."""

    def _make_counter(self) -> AnyCounter:
        counting = self.counting
        kernel = None if self._shared is None else load_kernel()
        if self._shared is None or kernel is None:  # another machine may have made the shared dictionary
            self._splitter = self._splitter or WordSplitter(counting, None)
            return self.make_python_counter(self._splitter)
        self._dictionary = self._dictionary or self._shared.open()
        expand = WordFilter(counting) if counting.changes_words else None
        segmentation = counting.segmentation
        words = self._dictionary, segmentation.mode, segmentation.hmm, counting.keeps_punctuation
        options = {"orders": counting.orders, "has_documents": False, "is_grouped": counting.is_grouped}
        counter: AnyCounter = kernel.Counter(*words, expand=expand, **{**options, **self.kernel_options})
        return counter

    def _count(self, record: Record, counter: AnyCounter) -> None:
        place = record.group, record.is_lines, record.has_continuation, record.document
        if self.counting.nfkc:
            counter.add(self.counting.normalize(record.text), *place)
        elif counter.add(record.data, *place) >= 0:
            counter.add(record.text, *place)


class WordCount(CountingJob[Counts]):
    """The job that counts words.

    Cost: linear in the text; memory grows with the distinct n-grams, or with those of one partial if partials are
    spilled.
    """

    def __init__(self, counting: Counting) -> None:
        super().__init__(counting)
        self.layout = KeyLayout(counting.is_grouped, counting.orders)

    def finish(self, partial: WordCountPartial) -> Counts:
        """Return the final counts."""
        return Counts(self.layout, partial)

    def split(self, partial: WordCountPartial, n: int) -> list[WordCountPartial]:
        """Return n partials that merge to the given one, split by a hash of the word."""
        return self.finish(partial).split(n)

    @property
    def kernel_options(self) -> dict[str, Any]:
        """What the kernel counts."""
        return {"has_documents": self.counting.has_documents}

    def make_python_counter(self, splitter: WordSplitter) -> AnyCounter:
        """Return a counter without the kernel."""
        from kxcli.mining.wordcount.python_counter import PythonCounter

        return PythonCounter(self.counting, splitter)


def count_words(texts: Iterable[str], counting: Counting | None = None) -> Counter[str]:
    """Return the words of texts with their counts; each text is a document.

    Args:
        texts: Read once, one after the other.
        counting: What is counted; by default the words that jieba's default mode finds and that contain a letter or
            digit. With several n-gram orders, the counter has n-grams of all orders.

    Raises:
        TypeError: A text is not a string; names its position.
    """
    strings = iter_strings("texts", texts)
    counting = Counting() if counting is None else counting
    check_type("counting", counting, Counting)
    job = WordCount(counting)
    job.setup(prepare(counting.segmentation))
    words: Counter[str] = Counter()
    for row in job.finish(job.map(map(Text, strings))):
        words[row.word] += row.count
    return words
