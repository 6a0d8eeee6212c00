"""Words of a corpus counted: alone, as n-grams, by group, with the number of documents that hold them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

from kxcli.batching import iter_batches
from kxcli.mining.arguments import check_minimum, check_type, describe, iter_strings
from kxcli.mining.segment import Segmentation, Tokenizer, load_tokenizer, prepare
from kxcli.mining.wordcount.counts import Cell, Counts, KeyLayout, Partial, load_partial
from kxcli.tally import Tally

_PIECE = 1000  # characters cut at a time: their tokens' objects are used again before they leave a core's cache
_BATCH = 1 << 19  # characters cut and counted in one go
_GRAMS = 1 << 17  # n-grams held before they are counted


class Record(Protocol):
    """A document, or with `has_continuation` a part of one that the next record goes on with."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def group(self) -> str:
        """The group that it is counted in."""
        ...

    @property
    def has_continuation(self) -> bool:
        """Whether the next record is of the same document."""
        ...


class Text(NamedTuple):
    """A document in Python: a record for `WordCount.map`."""

    text: str
    group: str = ""
    has_continuation: bool = False


@dataclass(frozen=True)
class Counting:
    """What is counted.

    segmentation: how texts become tokens.
    keeps_punctuation: count tokens without a letter or digit (`str.isalnum`), too; never white space.
    stopwords, min_length: leave out these words, and those of fewer characters; n-grams go on over them, as they go
    on over white space, while punctuation that is not counted breaks them.
    lower: count words in lower case.  nfkc: bring each text to Unicode's NFKC form before it is cut.
    orders: the least and the greatest n of the n-grams.
    has_documents: count the documents that hold each word, too.  is_grouped: count each group by itself.
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
            raise TypeError(f"orders must be two integers, the least and the greatest n, not {describe(self.orders)}")
        check_minimum("orders[0]", self.orders[0], 1)
        check_minimum("orders[1]", self.orders[1], self.orders[0])
        object.__setattr__(self, "orders", tuple(self.orders))

    @property
    def columns(self) -> tuple[str, ...]:
        """What rows of such counts have."""
        return ("group",) * self.is_grouped + ("word", "count") + ("df",) * self.has_documents

    @property
    def ignores_document_borders(self) -> bool:
        """Whether several lines may be given as one record: no count depends on where documents begin and end."""
        plain = self.orders == (1, 1) and not self.has_documents and not self.is_grouped
        return plain and self.segmentation.mode != "regex"

    @property
    def safe_split_pattern(self) -> str | None:
        """A pattern for the places where a document may be parted; None where it has to be whole."""
        return None if self.nfkc else self.segmentation.safe_split_pattern


class WordCount:
    """The job: `map` counts some records, `merge` adds up, `finish` gives words.

    Cost: linear in the text; memory grows with the number of distinct n-grams alone, and where partials are dumped
    and loaded as they grow, with those of a partial.
    Where no count depends on documents, raw tokens are counted, and each distinct one is settled and filtered in
    `dump` and `finish`; else every token is looked up in a memory of settled ones.
    """

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self.layout = KeyLayout(counting.is_grouped, counting.orders)
        self._tokenization: _Tokenization | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"counting": self.counting, "layout": self.layout, "_tokenization": None}

    def setup(self, shared: Any) -> None:
        """Take what `segment.prepare` returned; the dictionary is loaded when the first text is cut."""
        self._shared, self._tokenization = shared, None

    def map(self, records: Iterable[Record]) -> Partial:
        """Count the words of some records."""
        if self.counting.ignores_document_borders:
            return Partial({("", 1): Cell(self._count_raw_tokens(records), Tally())})
        grams = _NgramCounter(self.counting)
        for batch in iter_batches(records, lambda record: len(record.text), _BATCH):
            grams.count(batch, self.iter_words([record.text for record in batch]))
        return grams.finish()

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Add up, into `left`."""
        return left.merge(right)

    def finish(self, partial: Partial) -> Counts:
        """Return the counts."""
        return Counts(self.layout, partial, self._finalize_counts if self.counting.ignores_document_borders else None)

    def dump(self, partial: Partial) -> bytes:
        """Return the partial as bytes: its rows as a sorted run, and their totals."""
        return self.finish(partial).dump()

    def load(self, data: bytes | memoryview) -> Partial:
        """Return the partial that was dumped; its run stays where it is."""
        return load_partial(data)

    def weight(self, partial: Partial) -> int:
        """Return about how many bytes of memory a partial takes."""
        return partial.weight

    def split(self, partial: Partial, n: int) -> list[Partial]:
        """Return n partials that merge to the given one: a hash of the word alone tells where its rows go."""
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
        """Return the counts of the words that are kept, from those of raw tokens."""
        words: dict[str, int] = {}
        others = raw
        if self._tokens.plain_is_final:  # nearly all distinct tokens, in one step
            least, stopwords = self.counting.min_length, self.counting.stopwords
            words = {token: count for token, count in raw.items() if token.isalnum() and len(token) >= least}
            for stopword in stopwords & words.keys():
                del words[stopword]
            others = {token: count for token, count in raw.items() if not token.isalnum()}
        for token, count in others.items():
            for word in filter(None, self._tokens.cache[token]):
                words[word] = words.get(word, 0) + count
        return words

    def iter_words(self, texts: Sequence[str]) -> Iterator[list[str | None]]:
        """Yield the words of each text that are kept, and None where an n-gram may not go on; `setup` comes first."""
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
        border: Pattern for the places where a document may be split.
    """

    def __init__(self, counting: Counting, shared: Any) -> None:
        self.tokenizer = load_tokenizer(counting.segmentation, shared)
        self.cache = _TokenCache(self.tokenizer, counting)
        self.plain_is_final = not (self.tokenizer.may_expand_words or counting.lower or counting.nfkc)
        self.border = re.compile(counting.safe_split_pattern) if counting.safe_split_pattern is not None else None


class _TokenCache(dict[str, tuple[str | None, ...]]):
    """Raw token -> the words that are counted for it; None: an n-gram may not go on."""

    LIMIT = 1 << 17  # tokens remembered, of some 200 bytes each

    def __init__(self, cut: Tokenizer, counting: Counting) -> None:
        super().__init__()
        self._expand, self._counting = cut.expand_token, counting
        self._stopwords = frozenset(map(self._normalize, counting.stopwords))

    def __missing__(self, token: str) -> tuple[str | None, ...]:
        if len(self) >= self.LIMIT:
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
    """Counts n-grams, and the documents that hold them, of records in document order."""

    def __init__(self, counting: Counting) -> None:
        self._least, self._most = counting.orders
        self._has_documents = counting.has_documents
        self._last: list[str] = []  # the words that an n-gram may go on from: those before, up to the last break
        self._seen: dict[int, set[str]] = {}  # what the current document holds, by order
        self._partial = Partial()
        self._held: dict[tuple[str, int], list[str]] = {}
        self._size = 0

    def count(self, records: Iterable[Record], words: Iterable[list[str | None]]) -> None:
        """Count some more records, the words of which are given."""
        for record, kept in zip(records, words, strict=True):
            for order, grams in self._grams(kept):
                self._held.setdefault((record.group, order), []).extend(grams)
                self._size += len(grams)
                if self._has_documents:
                    self._seen.setdefault(order, set()).update(grams)
            if not record.has_continuation:
                for order, held in self._seen.items():
                    self._cell(record.group, order).documents.add(held)
                self._last, self._seen = [], {}
            if self._size >= _GRAMS:
                self._flush()

    def finish(self) -> Partial:
        """Return the counts."""
        self._flush()
        return self._partial

    def _grams(self, words: list[str | None]) -> Iterator[tuple[int, list[str]]]:
        """Yield order and n-grams that end in a record; leaves in `_last` what its next part goes on from."""
        run, known = self._last[:], len(self._last)
        for unbroken in _unbroken(words):
            if unbroken is None:
                yield from self._ending(run, known)
                run, known = [], 0
            else:
                run += unbroken
        yield from self._ending(run, known)
        self._last = run[-(self._most - 1) :] if self._most > 1 else []

    def _ending(self, run: list[str], known: int) -> Iterator[tuple[int, list[str]]]:
        """Yield the n-grams of a run of words that end after its first `known` ones."""
        for order in range(self._least, self._most + 1):
            start = max(0, known - order + 1)
            if order == 1:
                yield 1, run[start:]
            else:
                shifted = [islice(run, start + i, None) for i in range(order)]
                yield order, [" ".join(gram) for gram in zip(*shifted, strict=False)]

    def _cell(self, group: str, order: int) -> Cell:
        return self._partial.cells.setdefault((group, order), Cell(Tally(), Tally()))

    def _flush(self) -> None:
        for (group, order), grams in self._held.items():
            self._cell(group, order).counts.add(grams)
        self._held, self._size = {}, 0


def _unbroken(words: list[str | None]) -> Iterator[list[str] | None]:
    """Part words at the breaks between them: lists of words, and None for each break."""
    start = 0
    while True:
        try:
            end = words.index(None, start)
        except ValueError:
            yield words[start:]  # type: ignore[misc]  # no None is left
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
