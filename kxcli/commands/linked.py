"""Texts with what they call themselves -> lines of bytes: the job that `entity-link` spreads."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from kxcli.corpus.records import Document
from kxcli.mining.linking.kb import KnowledgeBase
from kxcli.mining.linking.linker import NIL, Linked, Linking, linked, together
from kxcli.output.rows import plain
from kxcli.tally import frames

COLUMNS = ("text_id", "offset", "mention", "kb_id", "subject", "score")
RANK = "rank"

_HERE = "\ud800"  # where the number of a line goes, which only who knows the lines before can tell; in no text or id
_HERE_BYTES = _HERE.encode("utf-8", "surrogatepass")


class Lines(NamedTuple):
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
        parts = self.data.split(_HERE_BYTES)
        pieces = [parts[0]]
        for number, part in zip(self.numbers, parts[1:], strict=True):
            pieces += (b"%d" % (first - 1 + number), part)
        return b"".join(pieces)


@dataclass
class LinkJob:
    """Links documents; `shared` are the arrays of a knowledge base.

    n_candidates: how many runners-up are told of each mention.
    """

    linking: Linking
    form: Literal["jsonl", "tsv"]
    n_candidates: int

    def setup(self, shared: Mapping[str, Any]) -> None:
        """Make the knowledge base ready."""
        self._base = KnowledgeBase.mapped(shared)

    def map(self, records: Iterable[Document]) -> list[Lines]:
        """Return the lines of some documents."""
        n_read = 0
        numbers: list[int] = []
        lines: list[str] = []

        def counted() -> Iterator[tuple[int, Document]]:
            nonlocal n_read
            for document in records:
                n_read += document.n_before + (not document.is_open)
                if not document.is_open:
                    yield n_read, document

        write = self._objects if self.form == "jsonl" else self._rows
        for part in together(counted(), lambda one: len(one[1].text)):
            found = linked(self._base, [document.text for _, document in part], self.linking)
            write(part, found, lines, numbers)
        return [Lines(n_read, numbers, "".join(lines).encode("utf-8", "surrogatepass"))]

    def merge(self, left: list[Lines], right: list[Lines]) -> list[Lines]:
        """Return the lines of both."""
        return left + right

    def finish(self, partial: list[Lines]) -> list[Lines]:
        """Return the lines."""
        return partial

    def dump(self, partial: list[Lines]) -> bytes:
        """Return lines as bytes."""
        parts = [(np.array([n_read, *numbers]).tobytes(), data) for n_read, numbers, data in partial]
        return frames.joined([part for pair in parts for part in pair])

    def load(self, data: bytes) -> list[Lines]:
        """Return the lines that were dumped."""
        parts = frames.parted(data)
        numbers = [np.frombuffer(part, dtype=np.int64).tolist() for part in parts[::2]]
        return [Lines(n, rest, part) for (n, *rest), part in zip(numbers, parts[1::2], strict=True)]

    def _objects(
        self, part: "Sequence[tuple[int, Document]]", found: Linked, out: list[str], numbers: list[int]
    ) -> None:
        of_texts: list[list[str]] = [[] for _ in part]
        texts = [_string(document.text) for _, document in part]
        for at, text, start, stop, entry, score in _rows_of(found):
            source = part[text][1].text
            mention = source[start:stop]
            if len(texts[text]) != len(source) + 2:  # something in the text is escaped
                mention = _string(mention)[1:-1]
            item = f'{{"mention": "{mention}", "offset": {start}, "kb_id": {self._id(entry)}, "score": {score}'
            if self.n_candidates:
                others = [
                    f'{{"kb_id": {self._id(one)}, "score": {value}}}' for one, value in self._others(found, at, entry)
                ]
                item += f', "candidates": [{", ".join(others)}]'
            of_texts[text].append(item + "}")
        for (number, document), text, items in zip(part, texts, of_texts, strict=True):
            if document.key is None:
                numbers.append(number)
            key = f'"{_HERE}"' if document.key is None else _string(document.key)
            out.append(f'{{"text_id": {key}, "text": {text}, "mention_data": [{", ".join(items)}]}}\n')

    def _rows(self, part: "Sequence[tuple[int, Document]]", found: Linked, out: list[str], numbers: list[int]) -> None:
        for at, text, start, stop, entry, score in _rows_of(found):
            number, document = part[text]
            rows = [(entry, score)]
            if self.n_candidates:
                rows += self._others(found, at, entry)
            key = _HERE if document.key is None else plain(document.key)
            mention = plain(document.text[start:stop])
            for rank, (one, value) in enumerate(rows, 1):
                if document.key is None:
                    numbers.append(number)
                name, subject = (NIL, "") if one < 0 else (self._base.ids[one], self._base.subjects[one])
                end = f"\t{rank}\n" if self.n_candidates else "\n"
                out.append(f"{key}\t{start}\t{mention}\t{plain(name)}\t{plain(subject)}\t{value}{end}")

    def _id(self, entry: int) -> str:
        return f'"{NIL}"' if entry < 0 else _string(self._base.ids[entry])

    def _others(self, found: Linked, number: int, entry: int) -> list[tuple[int, float]]:
        """Return the runners-up of a mention; where it has no entry, all are that."""
        others = found.candidates(number, self.n_candidates + 1)
        return others[1:] if entry >= 0 else others[: self.n_candidates]


def _rows_of(found: Linked) -> Iterator[tuple[Any, ...]]:
    columns = (found.texts, found.starts, found.stops, found.entries, found.scores)
    return zip(range(len(found.texts)), *(column.tolist() for column in columns), strict=True)


def _string(value: str | int) -> str:
    return json.dumps(value, ensure_ascii=False)
