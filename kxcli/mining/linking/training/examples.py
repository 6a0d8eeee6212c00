"""Labeled texts, and batches of them for cross-validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral

import numpy as np

from kxcli.arrays import BoolArray, IntArray
from kxcli.arrays.code_points import to_code_points
from kxcli.arrays.ragged import compute_starts, expand_rows
from kxcli.batching import iter_batches
from kxcli.mining.arguments import (
    check_list,
    check_strings,
    check_type,
)
from kxcli.mining.linking.candidates.link_statistics import LinkCounts
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import Lexicon, ParsedTexts, parse_texts
from kxcli.mining.linking.tagger import TaggedSpans
from kxcli.mining.text.folding import BORDER, fold_names

N_FOLDS = 5
_HALF = np.int64(32)  # bits


@dataclass(frozen=True, order=True)
class LabeledMention:
    """A labeled mention.

    Attributes:
        start: First character.
        stop: End, exclusive.
        ids: The right entries; empty for NIL.
        has_id: Whether it is known what the mention means.

    Raises:
        TypeError: `ids` is no list, or a string.
    """

    start: int
    stop: int
    ids: tuple[str, ...]
    has_id: bool

    def __post_init__(self) -> None:
        check_list("ids", self.ids, "strings")

    def check(self, argument: str, length: int) -> None:
        """Raise `TypeError` or `ValueError` unless this is within a text of a length."""
        check_type(f"{argument}.start", self.start, Integral)
        check_type(f"{argument}.stop", self.stop, Integral)
        check_strings(f"{argument}.ids", self.ids)
        check_type(f"{argument}.has_id", self.has_id, bool)
        if not 0 <= self.start < self.stop <= length:
            raise ValueError(f"{argument} from {self.start} to {self.stop} is not within its text")


@dataclass(frozen=True)
class LabeledText:
    """A text with all its mentions.

    Raises:
        TypeError: `mentions` is no list.
    """

    text: str
    mentions: Sequence[LabeledMention]

    def __post_init__(self) -> None:
        check_list("mentions", self.mentions, "mentions")

    def check(self, argument: str) -> None:
        """Raise `TypeError` or `ValueError` with the name of the wrong field."""
        check_type(f"{argument}.text", self.text, str)
        for number, mention in enumerate(self.mentions):
            check_type(f"{argument}.mentions[{number}]", mention, LabeledMention)
            mention.check(f"{argument}.mentions[{number}]", len(self.text))


@dataclass(frozen=True)
class GoldSpans:
    """The labeled mentions of parsed texts, by position in the source.

    Attributes:
        keys: Begin and end of each in one number, ascending.
        starts: Where the right entries of each start in `entries`.
        entries: Numbers of right entries.
        has_id: Whether it is known what each means.
        n_linked: Number of those that mean an entry, even one that the knowledge base lacks.
    """

    keys: IntArray
    starts: IntArray
    entries: IntArray
    has_id: BoolArray
    n_linked: int

    def match_spans(self, text: ParsedTexts) -> IntArray:
        """Return the number of the labeled mention at each span, -1 if there is none."""
        keys = (text.spans.begins << _HALF) | text.spans.ends
        if not len(self.keys):
            return np.full(len(keys), -1)
        at = np.searchsorted(self.keys, keys).clip(max=len(self.keys) - 1)
        return np.where(self.keys.take(at) == keys, at, -1)

    def expand_entries(self, labels: IntArray) -> tuple[IntArray, IntArray, IntArray]:
        """Return the labeled spans, and a row for each of their right entries.

        Args:
            labels: As `match_spans` returns.

        Returns:
            The positions of labeled spans; for each row, the position of the span, and the entry.
        """
        labeled = np.flatnonzero(labels >= 0)
        at, rows = expand_rows(labels.take(labeled), self.starts)
        return labeled, labeled.take(rows), self.entries.take(at)


@dataclass(frozen=True)
class FoldBatch:
    """Some texts of one fold.

    Attributes:
        fold: The number of the fold.
        text: The parsed texts.
        gold: Their labeled mentions.
        labels: The number of the labeled mention of each span, -1 if there is none.
    """

    fold: int
    text: ParsedTexts
    gold: GoldSpans
    labels: IntArray

    def count_labels(self) -> LinkCounts:
        """Return the counts of the names in the texts."""
        forms, owners = self.text.forms, self.text.spans.forms
        labeled, rows, entries = self.gold.expand_entries(self.labels)
        n_mentions = np.bincount(owners.take(labeled), minlength=len(forms.texts))
        return LinkCounts(forms.keys, forms.n_spans, n_mentions, forms.keys.take(owners.take(rows)), entries)


def find_unlisted_names(base: KnowledgeBase, labeled: Sequence[LabeledText]) -> list[str]:
    """Return the folded mentions without a name in the base, in text order."""
    found = dict.fromkeys(one.text[mention.start : mention.stop] for one in labeled for mention in one.mentions)
    names = [name for name in dict.fromkeys(fold_names([*found])) if name]
    matches = base.name_matcher.matches(to_code_points(BORDER.join([*names, ""])))
    lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
    starts = compute_starts(lengths + 1)[:-1]
    numbers = np.searchsorted(starts, matches.starts, side="right") - 1
    is_whole = (matches.starts == starts.take(numbers)) & (matches.stops - matches.starts == lengths.take(numbers))
    listed = {names[number] for number in numbers[is_whole].tolist()}
    return [name for name in names if name not in listed]


def assign_folds(labeled: Sequence[LabeledText]) -> IntArray:
    """Return the fold of each text; equal texts have the same one."""
    distinct: dict[str, int] = {}
    return np.array([distinct.setdefault(one.text, len(distinct)) % N_FOLDS for one in labeled], dtype=np.int64)


def split_by_fold(
    labeled: Sequence[LabeledText], folds: IntArray, lexicon: Lexicon, tagged: TaggedSpans | None
) -> list[FoldBatch]:
    """Return the texts in batches of one fold each.

    Args:
        labeled: The texts.
        folds: The fold of each.
        lexicon: The names to look for.
        tagged: The spans that taggers found.
    """
    entry_numbers = {name: number for number, name in enumerate(lexicon.base.ids.to_list())}
    batches = []
    for fold in range(N_FOLDS):
        numbers = np.flatnonzero(folds == fold).tolist()
        for part in iter_batches(numbers, lambda number: len(labeled[number].text) + 1):
            texts = [labeled[number] for number in part]
            own = None if tagged is None else _select_texts(tagged, part)
            text = parse_texts([one.text for one in texts], lexicon, own)
            gold = _find_gold_spans(texts, text, entry_numbers)
            batches.append(FoldBatch(fold, text, gold, gold.match_spans(text)))
    return batches


def _select_texts(tagged: TaggedSpans, texts: Sequence[int]) -> TaggedSpans:
    """Return the spans of some texts, renumbered from 0; `texts` ascends."""
    ordered = np.array(texts)
    at = np.searchsorted(ordered, tagged.texts).clip(max=len(ordered) - 1)
    kept = np.flatnonzero(ordered.take(at) == tagged.texts)
    starts, stops = tagged.starts.take(kept), tagged.stops.take(kept)
    return TaggedSpans(at.take(kept), starts, stops, tagged.probabilities.take(kept))


def _find_gold_spans(texts: Sequence[LabeledText], parsed: ParsedTexts, entry_numbers: Mapping[str, int]) -> GoldSpans:
    rows = sorted(
        ((start + mention.start) << 32 | start + mention.stop, mention)
        for start, one in zip(parsed.folded.starts.tolist(), texts, strict=True)
        for mention in one.mentions
    )
    entries = [[entry_numbers[key] for key in mention.ids if key in entry_numbers] for _, mention in rows]
    return GoldSpans(
        np.array([key for key, _ in rows], dtype=np.int64),
        compute_starts([*map(len, entries)]),
        np.array([entry for own in entries for entry in own], dtype=np.int64),
        np.array([mention.has_id for _, mention in rows], dtype=np.bool_),
        sum(bool(mention.ids) for _, mention in rows),
    )
