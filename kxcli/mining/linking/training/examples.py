"""Labelled texts, parsed, in pieces of one fold each."""

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, IntArray
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.ragged import expand_rows, starts_of
from kxcli.batching import iter_batches
from kxcli.mining.arguments import (
    check_list,
    check_strings,
    check_type,
)
from kxcli.mining.linking.candidates.link_statistics import LinkCounts
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.mentions.mention_candidates import MentionContext
from kxcli.mining.linking.spans.parsing import Lexicon, ParsedTexts, parse_texts
from kxcli.mining.linking.tagger import TaggedSpans
from kxcli.mining.text.folding import BORDER, fold_names

FOLDS = 5
_HALF = np.int64(32)


class _LabeledMentionFields(NamedTuple):
    start: int
    stop: int
    ids: tuple[str, ...]
    has_id: bool


class LabeledMention(_LabeledMentionFields):
    """A labeled mention, from the character `start` to before `stop`.

    ids: of the entries that are right, none for NIL.  has_id: whether it is known at all what it means.
    Raises `TypeError` for `ids` that are a string, or what else is no list.
    """

    __slots__ = ()

    def __new__(cls, start: int, stop: int, ids: tuple[str, ...], has_id: bool) -> "LabeledMention":
        """Return a labeled mention."""
        check_list("ids", ids, "strings")
        return super().__new__(cls, start, stop, ids, has_id)

    def check(self, argument: str, length: int) -> None:
        """Raise `TypeError` or `ValueError` unless this is a mention in such a text."""
        check_type(f"{argument}.start", self.start, Integral)
        check_type(f"{argument}.stop", self.stop, Integral)
        check_strings(f"{argument}.ids", self.ids)
        check_type(f"{argument}.has_id", self.has_id, bool)
        if not 0 <= self.start < self.stop <= length:
            raise ValueError(f"{argument} from {self.start} to {self.stop} is not within its text")


class _LabeledTextFields(NamedTuple):
    text: str
    mentions: Sequence[LabeledMention]


class LabeledText(_LabeledTextFields):
    """A text with all its mentions; raises `TypeError` for mentions that are no list."""

    __slots__ = ()

    def __new__(cls, text: str, mentions: Sequence[LabeledMention]) -> "LabeledText":
        """Return a labeled text."""
        check_list("mentions", mentions, "mentions")
        return super().__new__(cls, text, mentions)

    def check(self, argument: str) -> None:
        """Raise `TypeError` or `ValueError` with the name of the wrong field."""
        check_type(f"{argument}.text", self.text, str)
        for number, mention in enumerate(self.mentions):
            check_type(f"{argument}.mentions[{number}]", mention, LabeledMention)
            mention.check(f"{argument}.mentions[{number}]", len(self.text))


@dataclass(frozen=True)
class GoldSpans:
    """The labeled mentions of some texts that are parsed together, by where they are in the source.

    keys: begin and end, ascending.  starts, entries: the right entries of each.  has_id: whether it is told what it is.
    n_linked: those that mean an entry, also one that the knowledge base lacks.
    """

    keys: IntArray
    starts: IntArray
    entries: IntArray
    has_id: BoolArray
    n_linked: int

    def of(self, text: ParsedTexts) -> IntArray:
        """Return the number of the labeled mention that each span is, -1 for none."""
        wanted = (text.spans.begins << _HALF) | text.spans.ends
        if not len(self.keys):
            return np.full(len(wanted), -1)
        at = np.searchsorted(self.keys, wanted).clip(max=len(self.keys) - 1)
        return np.where(self.keys.take(at) == wanted, at, -1)


@dataclass
class FoldBatch:
    """Some texts of one fold, and what is computed of them on the way."""

    fold: int
    parsed: ParsedTexts
    gold: GoldSpans
    of_spans: IntArray
    context: MentionContext | None = None


def find_unlisted_names(base: KnowledgeBase, labelled: Sequence[LabeledText]) -> list[str]:
    """Return the folded mentions that are no names of the knowledge base, in the order of the texts."""
    found = dict.fromkeys(text[mark.start : mark.stop] for text, marks in labelled for mark in marks)
    names = [name for name in dict.fromkeys(fold_names([*found])) if name]
    codes = to_code_points(BORDER.join([*names, ""]))
    matches = base.name_matcher.matches(codes)
    lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    starts = starts_of(lengths + 1)[:-1]
    numbers = np.searchsorted(starts, matches.starts, side="right") - 1
    is_whole = (matches.starts == starts.take(numbers)) & (matches.stops - matches.starts == lengths.take(numbers))
    is_listed = np.zeros(len(names), dtype=np.bool_)
    is_listed[numbers[is_whole]] = True
    return [name for name, skip in zip(names, is_listed.tolist(), strict=True) if not skip]


def assign_folds(labelled: Sequence[LabeledText]) -> IntArray:
    """Return the fold of each text: the same for equal ones."""
    distinct: dict[str, int] = {}
    return np.array([distinct.setdefault(one.text, len(distinct)) % FOLDS for one in labelled], dtype=np.int64)


def split_by_fold(
    labelled: Sequence[LabeledText],
    folds: IntArray,
    known: Lexicon,
    numbers: dict[str, int],
    tagged: TaggedSpans | None,
) -> list[FoldBatch]:
    """Return the texts in pieces of one fold each."""
    pieces = []
    for fold in range(FOLDS):
        for part in iter_batches(np.flatnonzero(folds == fold).tolist(), lambda one: len(labelled[one].text)):
            texts = [labelled[one] for one in part]
            text = parse_texts(
                [one.text for one in texts], known, None if tagged is None else _select_texts(tagged, part)
            )
            gold = _find_gold_spans(texts, text, numbers)
            pieces.append(FoldBatch(fold, text, gold, gold.of(text)))
    return pieces


def _select_texts(tagged: TaggedSpans, texts: Sequence[int]) -> TaggedSpans:
    """Return the spans of some texts, ascending, which are numbered from 0."""
    ordered = np.array(texts)
    at = np.searchsorted(ordered, tagged.texts).clip(max=len(ordered) - 1)
    kept = np.flatnonzero(ordered.take(at) == tagged.texts)
    starts, stops = tagged.starts.take(kept), tagged.stops.take(kept)
    return TaggedSpans(at.take(kept), starts, stops, tagged.probabilities.take(kept))


def _find_gold_spans(part: Sequence[LabeledText], text: ParsedTexts, numbers: dict[str, int]) -> GoldSpans:
    rows = sorted(
        ((start + mark.start) << 32 | start + mark.stop, mark)
        for start, one in zip(text.folded.starts.tolist(), part, strict=True)
        for mark in one.mentions
    )
    entries = [[numbers[one] for one in mark.ids if one in numbers] for _, mark in rows]
    return GoldSpans(
        np.array([key for key, _ in rows], dtype=np.int64),
        starts_of([*map(len, entries)]),
        np.array([entry for own in entries for entry in own], dtype=np.int64),
        np.array([mark.has_id for _, mark in rows], dtype=np.bool_),
        sum(bool(mark.ids) for _, mark in rows),
    )


def count_labels(piece: FoldBatch) -> LinkCounts:
    """Return what a piece says of its names."""
    forms, of_spans = piece.parsed.forms, piece.of_spans
    n = len(forms.texts)
    owners = piece.parsed.spans.forms
    labelled = np.flatnonzero(of_spans >= 0)
    at, rows = expand_rows(of_spans.take(labelled), piece.gold.starts)
    return LinkCounts(
        forms.keys,
        forms.n_spans,
        np.bincount(owners.take(labelled), minlength=n),
        forms.keys.take(owners.take(labelled.take(rows))),
        piece.gold.entries.take(at),
    )
