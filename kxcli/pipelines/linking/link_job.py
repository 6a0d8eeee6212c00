"""Texts with what they call themselves -> lines of bytes: the job that `entity-link` spreads."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, NamedArrays
from kxcli.batching import TOGETHER
from kxcli.corpus.records import Document
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import NIL, LinkedMentions, Linking, link_texts
from kxcli.mining.linking.training.linking_model import LinkingModel
from kxcli.output.rows import escape_tsv
from kxcli.tally import frames

COLUMNS = ("text_id", "offset", "mention", "kb_id", "subject", "score")
RANK = "rank"

# The number of a line of input can only be told by who knows the lines before; these bytes are in no UTF-8.
_HERE = b"\xff"  # where the number goes
_NEXT = b"\xfe"  # before what has the next number in it
_NUMBERED = _NEXT + b'{"text_id": "' + _HERE + b'", "text": %b, "mention_data": ['
_NAMED = b'{"text_id": %b, "text": %b, "mention_data": ['
_KEPT = 1 << 13  # pieces of each kind that are kept because they are likely to be wanted again

_quoted = json.JSONEncoder(ensure_ascii=False).encode


class NumberedLines(NamedTuple):
    """Lines that are whole but for the numbers of lines of input in them.

    n_read: lines of input that they are about.  numbers: of a line of input, from 1, for each place that waits for one.
    """

    n_read: int
    numbers: list[int]
    data: bytes

    def numbered(self, first: int) -> bytes:
        """Return the lines, if the first line of input is `first`."""
        if not self.numbers:
            return self.data
        parts = self.data.split(_NEXT)
        pieces = [parts[0]]
        for number, part in zip(self.numbers, parts[1:], strict=True):
            pieces.append(part.replace(_HERE, b"%d" % (first - 1 + number)))
        return b"".join(pieces)


class LinkResources(NamedTuple):
    """What all who link have in common: the arrays of a knowledge base, and of a model, if there is one."""

    base: NamedArrays
    model: NamedArrays | None

    @property
    def has_tagger(self) -> bool:
        """Whether the model cuts texts into words, for which a dictionary is wanted."""
        return self.model is not None and any(name.startswith("tagger.") for name in self.model)

    def linking_model(self) -> LinkingModel:
        """Return what to link with."""
        base = KnowledgeBase.from_arrays(self.base)
        return LinkingModel.untrained(base) if self.model is None else LinkingModel.from_arrays(self.model, base)


@dataclass
class LinkJob:
    """Links documents.

    n_candidates: how many runners-up are told of each mention.
    """

    linking: Linking
    form: Literal["jsonl", "tsv"]
    n_candidates: int

    def setup(self, shared: LinkResources) -> None:
        """Make the knowledge base and the model ready."""
        self._model = shared.linking_model()
        base = self._model.lexicon.base
        self._write = (_Objects if self.form == "jsonl" else _Rows)(base, self.n_candidates)

    def map(self, records: Iterable[Document]) -> list[NumberedLines]:
        """Return the lines of some documents."""
        made = list[NumberedLines]()
        part, numbers, n_read, size = list[Document](), list[int](), 0, 0
        for document in records:
            n_read += document.n_before
            if document.has_continuation:
                continue
            n_read += 1
            part.append(document)
            numbers.append(n_read)
            size += len(document.text) + 1
            if size >= TOGETHER:
                made.append(self._lines(part, numbers, n_read))
                part, numbers, n_read, size = [], [], 0, 0
        if n_read:
            made.append(self._lines(part, numbers, n_read))
        return made

    def _lines(self, part: Sequence[Document], numbers: Sequence[int], n_read: int) -> NumberedLines:
        if not part:
            return NumberedLines(n_read, [], b"")
        found = link_texts(self._model, [document.text for document in part], self.linking)
        data, waiting = self._write(part, found)
        return NumberedLines(n_read, [numbers[at] for at in waiting], data)

    def merge(self, left: list[NumberedLines], right: list[NumberedLines]) -> list[NumberedLines]:
        """Return the lines of both."""
        return left + right

    def finish(self, partial: list[NumberedLines]) -> list[NumberedLines]:
        """Return the lines."""
        return partial

    def dump(self, partial: list[NumberedLines]) -> bytes:
        """Return lines as bytes."""
        parts = [(np.array([n_read, *numbers]).tobytes(), data) for n_read, numbers, data in partial]
        return frames.join_parts([part for pair in parts for part in pair])

    def load(self, data: bytes | memoryview) -> list[NumberedLines]:
        """Return the lines that were dumped."""
        parts = frames.split_parts(data)
        numbers = [np.frombuffer(part, dtype=np.int64).tolist() for part in parts[::2]]
        return [NumberedLines(n, rest, bytes(part)) for (n, *rest), part in zip(numbers, parts[1::2], strict=True)]


class _Pieces(dict[Any, bytes]):
    """Pieces of output by the value that they are made of; made when first wanted, and not kept without end."""

    def __init__(self, make: Callable[[Any], str]) -> None:
        self._make = make

    def __missing__(self, value: Any) -> bytes:
        if len(self) >= _KEPT:
            self.clear()
        piece = self[value] = _encoded(self._make(value))
        return piece

    def of(self, values: AnyArray) -> list[bytes]:
        """Return the piece of each value."""
        return [*map(self.__getitem__, values.tolist())]


class _Mentions:
    """How mentions are written, `escaped` where that changes them."""

    def __init__(self, escaped: Callable[[str], str], which: str) -> None:
        self._escaped = escaped
        self._is_special = np.zeros(256, dtype=np.bool_)
        self._is_special[list(which.encode("ascii"))] = True

    def __call__(self, part: Sequence[Document], found: LinkedMentions) -> list[bytes]:
        """Return the bytes of each mention."""
        data = _encoded("".join([document.text for document in part]))
        units = np.frombuffer(data, dtype=np.uint8)
        places = np.append(np.flatnonzero((units & 0xC0) != 0x80), len(units))  # of each character
        text_starts = np.cumsum([0, *(len(document.text) for document in part)]).take(found.texts)
        starts, stops = (places.take(text_starts + offsets) for offsets in (found.starts, found.stops))
        mentions = [data[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        special = np.flatnonzero(self._is_special.take(units))
        for at in np.flatnonzero(np.searchsorted(special, starts) != np.searchsorted(special, stops)).tolist():
            mentions[at] = _encoded(self._escaped(mentions[at].decode("utf-8", "surrogatepass")))
        return mentions


class _Others(NamedTuple):
    """Runners-up of mentions, `starts[n]` to before `starts[n + 1]` of mention n, the best first."""

    starts: IntArray
    entries: IntArray
    scores: FloatArray

    def after(self, entries: IntArray, scores: FloatArray) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
        """Return rows of mentions, given the entry and the score of each, with their runners-up after them.

        By row: the number of the mention, the rank from 1, the entry and the score.
        """
        n = len(entries)
        firsts = np.arange(n) + self.starts[:-1]
        owners = np.repeat(np.arange(n), np.diff(self.starts) + 1)
        ranks = np.arange(len(owners)) - firsts.take(owners) + 1
        at = self.starts[:-1]
        return owners, ranks, np.insert(self.entries, at, entries), np.insert(self.scores, at, scores)


class _Objects:
    """Writes a JSON object for each text."""

    def __init__(self, base: KnowledgeBase, n_candidates: int) -> None:
        self._n_candidates = n_candidates
        self._offsets = _Pieces('", "offset": {}, "kb_id": '.format)
        self._ids = _Pieces(lambda entry: f'{_quoted(NIL if entry < 0 else base.ids[entry])}, "score": ')
        self._scores = _Pieces(str)
        self._mentions = _Mentions(lambda mention: _quoted(mention)[1:-1], '"\\' + "".join(map(chr, range(0x20))))

    def __call__(self, part: Sequence[Document], found: LinkedMentions) -> tuple[bytes, list[int]]:
        """Return the lines of some texts, and those which wait for their numbers."""
        before = [b'}, {"mention": "'] * len(found.texts)
        held, at = list[bytes](), 0
        counts = np.bincount(found.texts, minlength=len(part)).tolist()
        for document, count in zip(part, counts, strict=True):
            text = _encoded(_quoted(document.text))
            if document.key is None:
                held.append(_NUMBERED % text)
            else:
                held.append(_NAMED % (_encoded(_quoted(document.key)), text))
            if count:
                held.append(b'{"mention": "')
                before[at] = b"".join(held)
                held = [b"}]}\n"]
                at += count
            else:
                held.append(b"]}\n")
        columns = [
            before,
            self._mentions(part, found),
            self._offsets.of(found.starts),
            self._ids.of(found.entries),
            self._scores.of(found.scores),
        ]
        if self._n_candidates:
            columns.append(self._candidates(found))
        waiting = [number for number, document in enumerate(part) if document.key is None]
        return _interleaved(columns) + b"".join(held), waiting

    def _candidates(self, found: LinkedMentions) -> list[bytes]:
        others = _Others(*found.runners_up(self._n_candidates))
        ids, scores = self._ids.of(others.entries), self._scores.of(others.scores)
        items = [b'{"kb_id": %b%b}' % pair for pair in zip(ids, scores, strict=True)]
        starts = others.starts.tolist()
        return [b', "candidates": [%b]' % b", ".join(items[start:stop]) for start, stop in pairwise(starts)]


class _Rows:
    """Writes a row for each mention, and for its runners-up."""

    def __init__(self, base: KnowledgeBase, n_candidates: int) -> None:
        def entry_of(number: int) -> str:
            name, subject = (NIL, "") if number < 0 else (base.ids[number], base.subjects[number])
            return f"\t{escape_tsv(name)}\t{escape_tsv(subject)}\t"

        self._n_candidates = n_candidates
        self._offsets = _Pieces("\t{}\t".format)
        self._entries = _Pieces(entry_of)
        self._scores = _Pieces(str if n_candidates else "{}\n".format)
        self._ranks = _Pieces("\t{}\n".format)
        self._mentions = _Mentions(escape_tsv, "\t\n\r")

    def __call__(self, part: Sequence[Document], found: LinkedMentions) -> tuple[bytes, list[int]]:
        """Return the rows of some texts, and those texts which wait for their numbers."""
        columns = [self._offsets.of(found.starts), self._mentions(part, found)]
        texts, entries, scores = found.texts, found.entries, found.scores
        ranks = None
        if self._n_candidates:
            others = _Others(*found.runners_up(self._n_candidates))
            owners, ranks, entries, scores = others.after(entries, scores)
            columns = [[*map(column.__getitem__, owners.tolist())] for column in columns]
            texts = texts.take(owners)
        keys = [_HERE if document.key is None else _encoded(escape_tsv(document.key)) for document in part]
        of_rows = [*map(keys.__getitem__, texts.tolist())]
        waiting = list[int]()
        firsts = np.flatnonzero(np.diff(texts, prepend=-1))
        for at, text in zip(firsts.tolist(), texts.take(firsts).tolist(), strict=True):
            if part[text].key is None:
                of_rows[at] = _NEXT + _HERE
                waiting.append(text)
        columns = [of_rows, *columns, self._entries.of(entries), self._scores.of(scores)]
        return _interleaved(columns if ranks is None else [*columns, self._ranks.of(ranks)]), waiting


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _interleaved(columns: Sequence[Sequence[bytes]]) -> bytes:
    """Return the first of each column, then the second, and so on."""
    pieces = [b""] * (len(columns) * len(columns[0]))
    for at, column in enumerate(columns):
        pieces[at :: len(columns)] = column
    return b"".join(pieces)
