"""Words of a corpus counted: alone, as n-grams, by group, with the number of documents that hold them."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from typing import Any, NamedTuple, Protocol

from kxcli.mining.segment import Segmentation, Tokenizer, tokenizer
from kxcli.tally import Tally
from kxcli.tally.frames import joined, parted

_PIECE = 1000  # characters cut at a time: their tokens' objects are used again before they leave a core's cache
_BATCH = 1 << 19  # characters cut and counted in one go
_GRAMS = 1 << 17  # n-grams held before they are counted


class Record(Protocol):
    """A document, or with `is_open` a part of one that the next record goes on with."""

    @property
    def text(self) -> str:
        """The text."""
        ...

    @property
    def group(self) -> str:
        """The group that it is counted in."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether the next record is of the same document."""
        ...


class Text(NamedTuple):
    """A document in Python: a record for `WordCount.map`."""

    text: str
    group: str = ""
    is_open: bool = False


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

    @property
    def is_of_lines(self) -> bool:
        """Whether several lines may be given as one record: no count depends on where documents begin and end."""
        plain = self.orders == (1, 1) and not self.has_documents and not self.is_grouped
        return plain and self.segmentation.mode != "regex"

    @property
    def cut(self) -> str | None:
        """A pattern for the places where a document may be parted; None where it has to be whole."""
        return None if self.nfkc else self.segmentation.cut


class Cell(NamedTuple):
    """The counts of the n-grams of one order in one group."""

    counts: Tally
    documents: Tally


Partial = dict[tuple[str, int], Cell]  # (group, order) -> counts


class Counts(NamedTuple):
    """The finished counts of one order in one group; `documents` is empty where they were not asked for."""

    group: str
    order: int
    words: Counter[str]
    documents: Counter[str]


class WordCount:
    """The job: `map` counts some records, `merge` adds up, `finish` gives words.

    Cost: linear in the text; memory grows with the number of distinct n-grams alone.
    Where no count depends on documents, raw tokens are counted, and each distinct one is settled and filtered in
    `finish`; else every token is looked up in a memory of settled ones.
    """

    def __init__(self, counting: Counting) -> None:
        self.counting = counting
        self._tokenizer: Tokenizer | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"counting": self.counting, "_tokenizer": None}

    def setup(self, shared: Any) -> None:
        """Load the dictionary in this process."""
        self._tokenizer = tokenizer(self.counting.segmentation, shared)
        self._kept = _Kept(self._tokenizer, self.counting)
        self._keeps_plain = not (self._tokenizer.settles_words or self.counting.lower or self.counting.nfkc)
        self._cut = re.compile(self.counting.cut) if self.counting.cut is not None else None

    def map(self, records: Iterable[Record]) -> Partial:
        """Count the words of some records."""
        assert self._tokenizer is not None, "setup comes first"
        if self.counting.is_of_lines:
            return {("", 1): Cell(self._raw_tokens(self._tokenizer, records), Tally())}
        grams = _Grams(self.counting)
        held: list[Record] = []
        size = 0
        for record in records:
            held.append(record)
            size += len(record.text)
            if size >= _BATCH:
                grams.count(held, self.words([record.text for record in held]))
                held, size = [], 0
        grams.count(held, self.words([record.text for record in held]))
        return grams.finish()

    def merge(self, left: Partial, right: Partial) -> Partial:
        """Add up, into `left`."""
        for key, cell in right.items():
            if key in left:
                left[key].counts.merge(cell.counts)
                left[key].documents.merge(cell.documents)
            else:
                left[key] = cell
        return left

    def finish(self, partial: Partial) -> list[Counts]:
        """Return the counts by group, in the order of code points, and by n-gram order."""
        finished = []
        for (group, order), cell in sorted(partial.items(), key=lambda item: item[0]):
            words = cell.counts.counts()
            if self.counting.is_of_lines:
                words = self._settled(words)
            finished.append(Counts(group, order, words, cell.documents.counts()))
        return finished

    def dump(self, partial: Partial) -> bytes:
        """Return the partial as bytes: for each cell group, order and the two tallies."""
        return joined(
            part
            for (group, order), cell in partial.items()
            for part in (group.encode("utf-8"), b"%d" % order, cell.counts.dump(), cell.documents.dump())
        )

    def load(self, data: bytes) -> Partial:
        """Return the partial that was dumped."""
        parts = parted(data)
        return {
            (parts[i].decode("utf-8"), int(parts[i + 1])): Cell(Tally.load(parts[i + 2]), Tally.load(parts[i + 3]))
            for i in range(0, len(parts), 4)
        }

    def _raw_tokens(self, cut: Tokenizer, records: Iterable[Record]) -> Tally:
        tally = Tally()
        held: list[str] = []
        size = 0
        for record in records:
            for piece in self._pieces(record.text):
                held.append(piece)
                size += len(piece)
                if size >= _BATCH:
                    tally.add_lines(cut.lines(held))
                    held, size = [], 0
        tally.add_lines(cut.lines(held))
        return tally

    def _pieces(self, text: str) -> Iterator[str]:
        if self.counting.nfkc:
            text = unicodedata.normalize("NFKC", text)
        start = 0
        if self._cut is not None:
            while len(text) - start > _PIECE and (match := self._cut.search(text, start + _PIECE)):
                yield text[start : match.start()]
                start = match.start()
        yield text[start:] if start else text

    def _settled(self, raw: Counter[str]) -> Counter[str]:
        """Return the counts of the words that are kept, from those of raw tokens."""
        words: Counter[str] = Counter()
        others = raw
        if self._keeps_plain:  # nearly all distinct tokens, in one step
            least, stopwords = self.counting.min_length, self.counting.stopwords
            words.update({token: count for token, count in raw.items() if token.isalnum() and len(token) >= least})
            for stopword in stopwords & words.keys():
                del words[stopword]
            others = Counter({token: count for token, count in raw.items() if not token.isalnum()})
        for token, count in others.items():
            for word in filter(None, self._kept[token]):
                words[word] += count
        return words

    def words(self, texts: Sequence[str]) -> Iterator[list[str | None]]:
        """Yield the words of each text that are kept, and None where an n-gram may not go on; `setup` comes first."""
        assert self._tokenizer is not None
        kept = self._kept
        if self.counting.nfkc:
            texts = [unicodedata.normalize("NFKC", text) for text in texts]
        for tokens in self._tokenizer.cut(texts):
            yield list(chain.from_iterable(map(kept.__getitem__, tokens)))


class _Kept(dict[str, tuple[str | None, ...]]):
    """Raw token -> the words that are counted for it; None: an n-gram may not go on."""

    LIMIT = 1 << 20  # tokens remembered

    def __init__(self, cut: Tokenizer, counting: Counting) -> None:
        super().__init__()
        self._settle, self._counting = cut.settle, counting
        self._stopwords = frozenset(map(self._formed, counting.stopwords))

    def __missing__(self, token: str) -> tuple[str | None, ...]:
        if len(self) >= self.LIMIT:
            self.clear()
        words = self[token] = tuple(self._chosen(self._settle(token)))
        return words

    def _formed(self, word: str) -> str:
        if self._counting.nfkc:
            word = unicodedata.normalize("NFKC", word)
        return word.lower() if self._counting.lower else word

    def _chosen(self, tokens: Iterable[str]) -> Iterator[str | None]:
        counting = self._counting
        for token in tokens:
            if token.isspace():
                continue
            if not counting.keeps_punctuation and not (token.isalnum() or any(map(str.isalnum, token))):
                yield None
                continue
            word = self._formed(token)
            if len(word) >= counting.min_length and word not in self._stopwords:
                yield word


class _Grams:
    """Counts n-grams, and the documents that hold them, of records in document order."""

    def __init__(self, counting: Counting) -> None:
        self._least, self._most = counting.orders
        self._has_documents = counting.has_documents
        self._last: list[str] = []  # the words that an n-gram may go on from: those before, up to the last break
        self._seen: dict[int, set[str]] = {}  # what the current document holds, by order
        self._partial: Partial = {}
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
            if not record.is_open:
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
        return self._partial.setdefault((group, order), Cell(Tally(), Tally()))

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
