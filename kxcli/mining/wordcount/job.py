"""The job that counts words and n-grams, by group and with document frequencies."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kxcli.batching import iter_batches
from kxcli.mining.arguments import check_minimum, check_type, describe, iter_strings
from kxcli.mining.segment import Segmentation, Tokenizer, load_tokenizer, prepare
from kxcli.mining.wordcount.counts import Cell, Counts, KeyLayout, WordCountPartial, load_partial
from kxcli.tally import Tally

if TYPE_CHECKING:
    from kxcli.mining.segment.jieba_port import PortDictionary

_PIECE = 1000  # characters cut at a time, so that the objects of tokens are reused while in a core's cache
_BATCH = 1 << 19  # characters cut and counted at a time
_GRAMS = 1 << 17  # n-grams collected before they are counted


class Record(Protocol):
    """A document, or a part of one."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def group(self) -> str:
        """The group of the document."""
        ...

    @property
    def has_continuation(self) -> bool:
        """Whether the next record continues the same document."""
        ...


class Text(NamedTuple):
    """A record for `WordCount.map`."""

    text: str
    group: str = ""
    has_continuation: bool = False


@dataclass(frozen=True)
class Counting:
    """The words to count.

    Excluded words and white space do not break n-grams; punctuation does, unless it is counted.

    Args:
        segmentation: How texts become tokens.
        keeps_punctuation: Also count tokens without a letter or digit (`str.isalnum`), except white space.
        stopwords: Words to exclude.
        min_length: Minimum number of characters of a word.
        lower: Count words in lower case.
        nfkc: Convert each text to Unicode's NFKC form before it is cut.
        orders: The smallest and largest n of the n-grams.
        has_documents: Also count the documents of each word.
        is_grouped: Count each group separately.
    """

    segmentation: Segmentation = field(default_factory=Segmentation)
    keeps_punctuation: bool = False
    stopwords: frozenset[str] = frozenset()
    min_length: int = 1
    lower: bool = False
    nfkc: bool = False
    orders: tuple[int, int] = (1, 1)
    has_documents: bool = False
    is_grouped: bool = False

    def __post_init__(self) -> None:
        check_type("segmentation", self.segmentation, Segmentation)
        for name in ("keeps_punctuation", "lower", "nfkc", "has_documents", "is_grouped"):
            check_type(name, getattr(self, name), bool)
        object.__setattr__(self, "stopwords", frozenset(iter_strings("stopwords", self.stopwords)))
        check_minimum("min_length", self.min_length, 1)
        if not isinstance(self.orders, (tuple, list)) or len(self.orders) != 2:
            raise TypeError(f"orders must be two integers, the smallest and largest n, not {describe(self.orders)}")
        check_minimum("orders[0]", self.orders[0], 1)
        check_minimum("orders[1]", self.orders[1], self.orders[0])
        object.__setattr__(self, "orders", tuple(self.orders))

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the rows."""
        return ("group",) * self.is_grouped + ("word", "count") + ("df",) * self.has_documents

    @property
    def ignores_document_borders(self) -> bool:
        """Whether no count depends on document borders; a record may have many lines."""
        has_words_only = self.orders == (1, 1) and not self.has_documents and not self.is_grouped
        return has_words_only and self.segmentation.mode != "regex"

    @property
    def safe_split_pattern(self) -> str | None:
        """Pattern of positions where a document may be split, or None."""
        return None if self.nfkc else self.segmentation.safe_split_pattern


class WordCount:
    """The job that counts words.

    If no count depends on document borders, `map` counts raw tokens. Punctuation, stop words and case are applied only
    in `finish` and `dump`, once for each distinct token. Otherwise `map` looks up every token in a cache of filtered
    tokens.

    Cost: linear in the text; memory grows with the distinct n-grams, or with those of one partial if partials are
    spilled.
    """

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self.layout = KeyLayout(counting.is_grouped, counting.orders)
        self._tokenization: _Tokenization | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"counting": self.counting, "layout": self.layout, "_tokenization": None}

    def setup(self, shared: "PortDictionary | None") -> None:
        """Keep the value of `segment.prepare`; the first text loads the dictionary."""
        self._shared, self._tokenization = shared, None

    def map(self, records: Iterable[Record]) -> WordCountPartial:
        """Count the words of records."""
        if self.counting.ignores_document_borders:
            return WordCountPartial({("", 1): Cell(self._count_raw_tokens(records), Tally())})
        grams = _NgramCounter(self.counting)
        for batch in iter_batches(records, lambda record: len(record.text), _BATCH):
            grams.count(batch, self.iter_words([record.text for record in batch]))
        return grams.finish()

    def merge(self, left: WordCountPartial, right: WordCountPartial) -> WordCountPartial:
        """Add the counts of `right` to `left`."""
        return left.merge(right)

    def finish(self, partial: WordCountPartial) -> Counts:
        """Return the final counts."""
        return Counts(self.layout, partial, self._finalize_counts if self.counting.ignores_document_borders else None)

    def dump(self, partial: WordCountPartial) -> bytes:
        """Return a partial as bytes: totals, and rows as a sorted run."""
        return self.finish(partial).dump()

    def load(self, data: bytes | memoryview) -> WordCountPartial:
        """Return a dumped partial, as a view of the data."""
        return load_partial(data)

    def weight(self, partial: WordCountPartial) -> int:
        """Return the approximate bytes of memory of a partial."""
        return partial.weight

    def split(self, partial: WordCountPartial, n: int) -> list[WordCountPartial]:
        """Return n partials that merge to the given one, split by a hash of the word."""
        return self.finish(partial).split(n)

    def _count_raw_tokens(self, records: Iterable[Record]) -> Tally:
        tally = Tally()
        pieces = chain.from_iterable(self._split_text(record.text) for record in records)
        for batch in iter_batches(pieces, len, _BATCH):
            tally.add_lines(self._tokens.tokenizer.lines(batch))
        return tally

    def _split_text(self, text: str) -> Iterator[str]:
        if self.counting.nfkc:
            text = unicodedata.normalize("NFKC", text)
        start = 0
        if (border := self._tokens.border) is not None:
            while len(text) - start > _PIECE and (match := border.search(text, start + _PIECE)):
                yield text[start : match.start()]
                start = match.start()
        yield text[start:] if start else text

    def _finalize_counts(self, raw: dict[str, int]) -> dict[str, int]:
        """Return the counts of words, given those of raw tokens."""
        words: dict[str, int] = {}
        others = raw
        if self._tokens.plain_is_final:  # nearly all distinct tokens, in one step each
            min_length, stopwords = self.counting.min_length, self.counting.stopwords
            words = {token: count for token, count in raw.items() if token.isalnum() and len(token) >= min_length}
            for stopword in stopwords & words.keys():
                del words[stopword]
            others = {token: count for token, count in raw.items() if not token.isalnum()}
        for token, count in others.items():
            for word in filter(None, self._tokens.cache[token]):
                words[word] = words.get(word, 0) + count
        return words

    def iter_words(self, texts: Sequence[str]) -> Iterator[list[str | None]]:
        """Yield the words of each text, with None at breaks of n-grams; requires `setup`."""
        kept = self._tokens.cache
        if self.counting.nfkc:
            texts = [unicodedata.normalize("NFKC", text) for text in texts]
        for tokens in self._tokens.tokenizer.cut(texts):
            yield list(chain.from_iterable(map(kept.__getitem__, tokens)))

    @property
    def _tokens(self) -> "_Tokenization":
        if self._tokenization is None:
            self._tokenization = _Tokenization(self.counting, self._shared)
        return self._tokenization


class _Tokenization:
    """The loaded tokenizer and the cache of its tokens.

    Attributes:
        plain_is_final: Whether a raw token of letters and digits is a word without any change.
        border: Pattern of positions where a document may be split.
    """

    def __init__(self, counting: Counting, shared: "PortDictionary | None") -> None:
        self.tokenizer = load_tokenizer(counting.segmentation, shared)
        self.cache = _TokenCache(self.tokenizer, counting)
        self.plain_is_final = not (self.tokenizer.may_expand_words or counting.lower or counting.nfkc)
        self.border = re.compile(counting.safe_split_pattern) if counting.safe_split_pattern is not None else None


class _TokenCache(dict[str, tuple[str | None, ...]]):
    """Raw token -> its counted words, with None at breaks of n-grams."""

    MAX_TOKENS = 1 << 17  # tokens of some 200 bytes

    def __init__(self, cut: Tokenizer, counting: Counting) -> None:
        super().__init__()
        self._expand, self._counting = cut.expand_token, counting
        self._stopwords = frozenset(map(self._normalize, counting.stopwords))

    def __missing__(self, token: str) -> tuple[str | None, ...]:
        if len(self) >= self.MAX_TOKENS:
            self.clear()
        words = self[token] = tuple(self._filter(self._expand(token)))
        return words

    def _normalize(self, word: str) -> str:
        if self._counting.nfkc:
            word = unicodedata.normalize("NFKC", word)
        return word.lower() if self._counting.lower else word

    def _filter(self, tokens: Iterable[str]) -> Iterator[str | None]:
        counting = self._counting
        for token in tokens:
            if token.isspace():
                continue
            if not counting.keeps_punctuation and not (token.isalnum() or any(map(str.isalnum, token))):
                yield None
                continue
            word = self._normalize(token)
            if len(word) >= counting.min_length and word not in self._stopwords:
                yield word


class _NgramCounter:
    """Counts n-grams and their documents, for records in document order."""

    def __init__(self, counting: Counting) -> None:
        self._min_n, self._max_n = counting.orders
        self._has_documents = counting.has_documents
        self._last: list[str] = []  # the last words that n-grams of the next record may begin with
        self._seen: dict[int, set[str]] = {}  # the n-grams of the current document, by order
        self._partial = WordCountPartial()
        self._pending: dict[tuple[str, int], list[str]] = {}
        self._size = 0

    def count(self, records: Iterable[Record], words: Iterable[list[str | None]]) -> None:
        """Count records, given the words of each."""
        for record, kept in zip(records, words, strict=True):
            for order, grams in self._iter_grams(kept):
                self._pending.setdefault((record.group, order), []).extend(grams)
                self._size += len(grams)
                if self._has_documents:
                    self._seen.setdefault(order, set()).update(grams)
            if not record.has_continuation:
                for order, seen in self._seen.items():
                    self._get_cell(record.group, order).documents.add(seen)
                self._last, self._seen = [], {}
            if self._size >= _GRAMS:
                self._flush()

    def finish(self) -> WordCountPartial:
        """Return the counts."""
        self._flush()
        return self._partial

    def _iter_grams(self, words: list[str | None]) -> Iterator[tuple[int, list[str]]]:
        """Yield order and n-grams with their end in a record, and update `_last`."""
        run, known = self._last[:], len(self._last)
        for unbroken in _split_at_breaks(words):
            if unbroken is None:
                yield from self._iter_ending(run, known)
                run, known = [], 0
            else:
                run += unbroken
        yield from self._iter_ending(run, known)
        self._last = run[-(self._max_n - 1) :] if self._max_n > 1 else []

    def _iter_ending(self, run: list[str], known: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the n-grams of a run of words that end after the first `known` words."""
        for order in range(self._min_n, self._max_n + 1):
            start = max(0, known - order + 1)
            if order == 1:
                yield 1, run[start:]
            else:
                shifted = [islice(run, start + i, None) for i in range(order)]
                yield order, [" ".join(gram) for gram in zip(*shifted, strict=False)]

    def _get_cell(self, group: str, order: int) -> Cell:
        return self._partial.cells.setdefault((group, order), Cell(Tally(), Tally()))

    def _flush(self) -> None:
        for (group, order), grams in self._pending.items():
            self._get_cell(group, order).counts.add(grams)
        self._pending, self._size = {}, 0


def _split_at_breaks(words: list[str | None]) -> Iterator[list[str] | None]:
    """Yield the lists of words between breaks, and None for each break."""
    start = 0
    while True:
        try:
            end = words.index(None, start)
        except ValueError:
            yield words[start:]  # type: ignore[misc]  # contains no None
            return
        yield words[start:end]  # type: ignore[misc]
        yield None
        start = end + 1


def count_words(texts: Iterable[str], counting: Counting | None = None) -> Counter[str]:
    """Return the words of texts with their counts; each text is a document.

    Args:
        texts: Read once, one after the other.
        counting: What is counted; by default the words that jieba's default mode finds and that contain a letter or
            digit. With several n-gram orders, the counter has n-grams of all orders.

    Raises:
        TypeError: A text is not a string; names its position.
        segment.jieba_port.NotEqualError: The user dictionary requires `Segmentation(engine="jieba")`.
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
