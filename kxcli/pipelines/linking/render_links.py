"""Linked mentions -> lines of JSON, TSV or CSV.

A text without an id has its line number, which is a placeholder here: see `kxcli.mining.rendered_lines`.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking.job import LinkJob, LinkRecord
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.linker import NIL, LinkedMentions, Linking
from kxcli.mining.rendered_lines import NEXT, NUMBER
from kxcli.output.rows import RowFormat, escape_tsv, quote_csv

COLUMNS = ("text_id", "offset", "mention", "kb_id", "subject", "score")
RANK = "rank"
TYPES: dict[str, type] = {"offset": int, "score": float, RANK: int}  # of columns of numbers

_NUMBERED_TEXT = NEXT + b'{"text_id": "' + NUMBER + b'", "text": %b, "mention_data": ['
_NAMED_TEXT = b'{"text_id": %b, "text": %b, "mention_data": ['
_CACHE_SIZE = 1 << 13  # encoded values of each kind

_quote = json.JSONEncoder(ensure_ascii=False).encode


def make_link_job(linking: Linking, row_format: RowFormat, n_candidates: int) -> LinkJob:
    """Return the job from texts to rendered links.

    Args:
        linking: How mentions are linked.
        row_format: JSON Lines, one for each text, or TSV or CSV, a row for each mention.
        n_candidates: Number of runners-up written for each mention.
    """
    if row_format == "jsonl":
        return LinkJob(linking, partial(JsonRenderer, n_candidates=n_candidates))
    return LinkJob(linking, partial(RowRenderer, n_candidates=n_candidates, has_commas=row_format == "csv"))


class _EncodedValues(dict[Any, bytes]):
    """A cache of encoded values, emptied when it has `_CACHE_SIZE`."""

    def __init__(self, format_value: Callable[[Any], str]) -> None:
        self._format_value = format_value

    def __missing__(self, value: Any) -> bytes:
        if len(self) >= _CACHE_SIZE:
            self.clear()
        encoded = self[value] = _encode(self._format_value(value))
        return encoded

    def encode_all(self, values: AnyArray) -> list[bytes]:
        """Return the encoded value of each item of an array."""
        return [*map(self.__getitem__, values.tolist())]


class _MentionEncoder:
    """Encodes the text of mentions.

    Args:
        escape: Returns a mention as the format has it.
        special: The ASCII characters that `escape` changes.
    """

    def __init__(self, escape: Callable[[str], str], special: str) -> None:
        self._escape = escape
        self._is_special = np.zeros(256, dtype=np.bool_)
        self._is_special[list(special.encode("ascii"))] = True

    def encode_all(self, records: Sequence[LinkRecord], found: LinkedMentions) -> list[bytes]:
        """Return the bytes of each mention."""
        data = _encode("".join([record.text for record in records]))
        units = np.frombuffer(data, dtype=np.uint8)
        positions = np.append(np.flatnonzero((units & 0xC0) != 0x80), len(units))  # of each character
        text_starts = compute_starts([len(record.text) for record in records]).take(found.texts)
        starts, stops = (positions.take(text_starts + offsets) for offsets in (found.starts, found.stops))
        mentions = [data[start:stop] for start, stop in zip(starts.tolist(), stops.tolist(), strict=True)]
        special = np.flatnonzero(self._is_special.take(units))
        for at in np.flatnonzero(np.searchsorted(special, starts) != np.searchsorted(special, stops)).tolist():
            mentions[at] = _encode(self._escape(mentions[at].decode("utf-8", "surrogatepass")))
        return mentions


class JsonRenderer:
    """Writes a JSON object for each text."""

    def __init__(self, base: KnowledgeBase, n_candidates: int) -> None:
        self._n_candidates = n_candidates
        self._offsets = _EncodedValues('", "offset": {}, "kb_id": '.format)
        self._ids = _EncodedValues(lambda entry: f'{_quote(NIL if entry < 0 else base.ids[entry])}, "score": ')
        self._scores = _EncodedValues(str)
        control_characters = "".join(map(chr, range(0x20)))
        self._mentions = _MentionEncoder(lambda mention: _quote(mention)[1:-1], '"\\' + control_characters)

    def __call__(self, records: Sequence[LinkRecord], found: LinkedMentions) -> tuple[bytes, list[int]]:
        """Return the lines, and the positions of the texts without a line number."""
        openings, end = self._render_texts(records, found)
        columns = [
            openings,
            self._mentions.encode_all(records, found),
            self._offsets.encode_all(found.starts),
            self._ids.encode_all(found.entries),
            self._scores.encode_all(found.scores),
        ]
        if self._n_candidates:
            columns.append(self._render_candidates(found))
        waiting = [position for position, record in enumerate(records) if record.key is None]
        return _interleave(columns) + end, waiting

    def _render_texts(self, records: Sequence[LinkRecord], found: LinkedMentions) -> tuple[list[bytes], bytes]:
        """Return the bytes ahead of each mention, and those after the last one."""
        openings = [b'}, {"mention": "'] * len(found.texts)
        pending, at = list[bytes](), 0
        counts = np.bincount(found.texts, minlength=len(records)).tolist()
        for record, count in zip(records, counts, strict=True):
            text = _encode(_quote(record.text))
            if record.key is None:
                pending.append(_NUMBERED_TEXT % text)
            else:
                pending.append(_NAMED_TEXT % (_encode(_quote(record.key)), text))
            if count:
                openings[at] = b"".join(pending) + b'{"mention": "'
                pending = [b"}]}\n"]
                at += count
            else:
                pending.append(b"]}\n")
        return openings, b"".join(pending)

    def _render_candidates(self, found: LinkedMentions) -> list[bytes]:
        starts, entries, scores = found.list_runners_up(self._n_candidates)
        pairs = zip(self._ids.encode_all(entries), self._scores.encode_all(scores), strict=True)
        items = [b'{"kb_id": %b%b}' % pair for pair in pairs]
        return [b', "candidates": [%b]' % b", ".join(items[start:stop]) for start, stop in pairwise(starts.tolist())]


class RowRenderer:
    """Writes a row of TSV or CSV for each mention, and for each of its runners-up."""

    def __init__(self, base: KnowledgeBase, n_candidates: int, *, has_commas: bool) -> None:
        mark, escape, special = (",", quote_csv, ',"\n\r') if has_commas else ("\t", escape_tsv, "\t\n\r")

        def format_entry(number: int) -> str:
            name, subject = (NIL, "") if number < 0 else (base.ids[number], base.subjects[number])
            return f"{mark}{escape(name)}{mark}{escape(subject)}{mark}"

        self._n_candidates, self._escape = n_candidates, escape
        self._offsets = _EncodedValues(f"{mark}{{}}{mark}".format)
        self._entries = _EncodedValues(format_entry)
        self._scores = _EncodedValues(str if n_candidates else "{}\n".format)
        self._ranks = _EncodedValues(f"{mark}{{}}\n".format)
        self._mentions = _MentionEncoder(escape, special)

    def __call__(self, records: Sequence[LinkRecord], found: LinkedMentions) -> tuple[bytes, list[int]]:
        """Return the rows, and the positions of the texts without a line number."""
        columns = [self._offsets.encode_all(found.starts), self._mentions.encode_all(records, found)]
        texts, entries, scores, ranks = found.texts, found.entries, found.scores, None
        if self._n_candidates:
            owners, ranks, entries, scores = _insert_runners_up(found, self._n_candidates)
            columns = [[*map(column.__getitem__, owners.tolist())] for column in columns]
            texts = texts.take(owners)
        ids, waiting = _encode_ids(records, texts, self._escape)
        columns = [ids, *columns, self._entries.encode_all(entries), self._scores.encode_all(scores)]
        return _interleave(columns if ranks is None else [*columns, self._ranks.encode_all(ranks)]), waiting


def _insert_runners_up(found: LinkedMentions, n_candidates: int) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Return rows for mentions, each followed by its runners-up.

    Returns:
        For each row: the number of the mention, the rank from 1, the entry and the score.
    """
    starts, entries, scores = found.list_runners_up(n_candidates)
    n = len(found.entries)
    owners = np.repeat(np.arange(n), np.diff(starts) + 1)
    ranks = np.arange(len(owners)) - (np.arange(n) + starts[:-1]).take(owners) + 1
    return owners, ranks, np.insert(entries, starts[:-1], found.entries), np.insert(scores, starts[:-1], found.scores)


def _encode_ids(
    records: Sequence[LinkRecord], texts: IntArray, escape: Callable[[str], str]
) -> tuple[list[bytes], list[int]]:
    """Return the id of each row, or a placeholder.

    The second list has the positions of the texts with placeholders.
    """
    keys = [NUMBER if record.key is None else _encode(escape(str(record.key))) for record in records]
    ids = [*map(keys.__getitem__, texts.tolist())]
    waiting = list[int]()
    firsts = np.flatnonzero(np.diff(texts, prepend=-1))
    for at, text in zip(firsts.tolist(), texts.take(firsts).tolist(), strict=True):
        if records[text].key is None:
            ids[at] = NEXT + NUMBER
            waiting.append(text)
    return ids, waiting


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _interleave(columns: Sequence[Sequence[bytes]]) -> bytes:
    """Return the first cell of each column, then the second, and so on."""
    cells = [b""] * (len(columns) * len(columns[0]))
    for at, column in enumerate(columns):
        cells[at :: len(columns)] = column
    return b"".join(cells)
