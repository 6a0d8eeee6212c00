"""Links compared to gold mentions: counts, ratios and mistakes.

Counts are those of the CCKS 2019 task: micro-averaged over the texts. An item is a span with an entry. Mentions
without an entry (NIL) are ignored on both sides, except in the counts of mentions alone.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from kxcli.mining.linking.linker import NIL, Mention

GetTypes = Callable[[str], Sequence[str]]  # the types of the entry with an id, empty if there is no such entry
MistakeKind = Literal["missed", "rejected", "wrong", "spurious", "boundary"]


class GoldMention(NamedTuple):
    """A labeled mention; a text has at most one for a span.

    Attributes:
        start: First character; -1 if the mention occurs nowhere in the text, so that it counts as never found.
        stop: End, exclusive.
        ids: The right entries.
        has_id: Whether the label says what the mention means. Without ids, True means NIL, and False that no link
            is right.
        n_entries: Number of entries with this name.
    """

    start: int
    stop: int
    ids: tuple[str, ...]
    has_id: bool = True
    n_entries: int = 1

    @property
    def is_nil(self) -> bool:
        """Whether the mention is labeled as having no entry."""
        return self.has_id and not self.ids


@dataclass
class EvaluationCounts:
    """Numbers of gold, linked and right mentions.

    Attributes:
        gold: Gold mentions with an entry.
        linked: Mentions linked to an entry.
        right: Linked mentions with the span and an id of a gold one.
        found: Gold mentions whose span is linked to any entry.
        covered: Gold mentions whose span is linked, or NIL, with a right id among the candidates.
        ambiguous, ambiguous_found, ambiguous_right: As gold, found and right, of names that several entries have.
        mention_gold, mention_linked, mention_right: As gold, linked and right, of spans alone, with NIL.
    """

    gold: int = 0
    linked: int = 0
    right: int = 0
    found: int = 0
    covered: int = 0
    ambiguous: int = 0
    ambiguous_found: int = 0
    ambiguous_right: int = 0
    mention_gold: int = 0
    mention_linked: int = 0
    mention_right: int = 0

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None without any link."""
        return _compute_f1(self.right, self.linked, self.gold)

    @property
    def mention_f1(self) -> float | None:
        """The harmonic mean of the precision and recall of spans; None without any."""
        return _compute_f1(self.mention_right, self.mention_linked, self.mention_gold)

    def get(self, column: str) -> int | float | None:
        """Return a count, an F1, or one of `RATIOS`, None if its denominator is 0."""
        if column not in RATIOS:
            value: int | float | None = getattr(self, column)
            return value
        part, whole = (getattr(self, name) for name in RATIOS[column])
        return part / whole if whole else None


RATIOS = {  # name -> numerator and denominator
    "precision": ("right", "linked"),
    "recall": ("right", "gold"),
    "accuracy": ("right", "found"),
    "candidate_recall": ("covered", "gold"),  # the upper limit of recall for any choice among the candidates
    "ambiguous_accuracy": ("ambiguous_right", "ambiguous"),
    "ambiguous_accuracy_found": ("ambiguous_right", "ambiguous_found"),
    "mention_precision": ("mention_right", "mention_linked"),
    "mention_recall": ("mention_right", "mention_gold"),
}


def _compute_f1(right: int, linked: int, gold: int) -> float | None:
    if not right:
        return 0.0 if linked or gold else None
    precision, recall = right / linked, right / gold
    return 2 * precision * recall / (precision + recall)


@dataclass
class EvaluationTally:
    """Counts of all mentions, and of the mentions of each entry type.

    A mention with several types counts in each of them. A gold mention has the types of the entry that it is rightly
    linked to, else those of its first right entry. A mention linked to no entry has no type, so that `mention_linked`
    stays 0 for types.
    """

    total: EvaluationCounts = field(default_factory=EvaluationCounts)
    by_type: dict[str, EvaluationCounts] = field(default_factory=dict)

    def add(self, gold: Sequence[GoldMention], linked: Sequence[Mention], get_types: GetTypes) -> None:
        """Count the mentions of one text.

        Of several linked mentions with one span, the last one with an entry counts.
        """
        spans = _index_by_span(linked)
        for mention in spans.values():
            self.total.mention_linked += 1
            if mention.entry != NIL:
                for counts in self._select_counts(mention.entry, get_types):
                    counts.linked += 1
        for item in gold:
            self._add_gold(item, spans.get((item.start, item.stop)), get_types)

    def rank_types(self) -> list[tuple[str, EvaluationCounts]]:
        """Return the types with their counts, by descending number of gold mentions."""
        return sorted(self.by_type.items(), key=lambda pair: (-pair[1].gold, -pair[1].linked, pair[0]))

    def _select_counts(self, entry: str, get_types: GetTypes) -> list[EvaluationCounts]:
        types = dict.fromkeys(get_types(entry))
        return [self.total, *(self.by_type.setdefault(name, EvaluationCounts()) for name in types)]

    def _add_gold(self, item: GoldMention, mention: Mention | None, get_types: GetTypes) -> None:
        if item.is_nil:
            self.total.mention_gold += 1
            self.total.mention_right += mention is not None
            return
        is_found = mention is not None and mention.entry != NIL
        is_right = mention is not None and mention.entry in item.ids
        is_covered = is_right or (mention is not None and find_right_rank(item, mention) is not None)
        entries = [mention.entry] if mention is not None and is_right else item.ids[:1]
        for counts in self._select_counts(entries[0], get_types) if entries else [self.total]:
            counts.mention_gold += 1
            counts.mention_right += mention is not None
            counts.gold += 1
            counts.found += is_found
            counts.right += is_right
            counts.covered += is_covered
            if item.n_entries > 1:
                counts.ambiguous += 1
                counts.ambiguous_found += is_found
                counts.ambiguous_right += is_right


def find_right_rank(item: GoldMention, mention: Mention) -> int | None:
    """Return the rank, from 1, of the first right candidate; None if there is none."""
    return next((rank for rank, (entry, _) in enumerate(mention.candidates, 1) if entry in item.ids), None)


class LinkMistake(NamedTuple):
    """A difference between the gold mentions and the linked ones.

    Attributes:
        kind: Missed: nothing is linked there.  rejected: the span is linked to NIL.  wrong: it is linked to another
            entry.  spurious: a linked span that is not gold, or NIL there.  boundary: a link that overlaps a gold
            mention with other borders.
        gold: The gold mention, if any.
        linked: The linked mention, if any.
    """

    kind: MistakeKind
    gold: GoldMention | None
    linked: Mention | None

    @property
    def span(self) -> tuple[int, int]:
        """The span of the gold mention if there is one, else of the linked mention."""
        mention = self.gold or self.linked
        return (mention.start, mention.stop) if mention is not None else (0, 0)


def find_mistakes(gold: Sequence[GoldMention], linked: Sequence[Mention]) -> list[LinkMistake]:
    """Return the mistakes in a text, by position.

    They cover every gold mention in the text that is not linked or is linked to another entry, and every mention that
    is linked to a wrong entry. A linked mention without an entry is no mistake in itself.
    """
    spans = _index_by_span(linked)
    present = [item for item in gold if item.start >= 0]
    gold_spans = {(item.start, item.stop) for item in present}
    others = _OverlapIndex([mention for span, mention in spans.items() if span not in gold_spans])
    mistakes, reported = list[LinkMistake](), set[tuple[int, int]]()
    for item in present:
        mention = spans.get((item.start, item.stop))
        if mention is not None:
            kind = _classify(item, mention)
        else:
            mention = others.find_largest_overlap(item.start, item.stop)
            kind = "missed" if mention is None else "boundary"
            if mention is not None:
                reported.add((mention.start, mention.stop))
        if kind is not None:
            mistakes.append(LinkMistake(kind, item, mention))
    gold_index = _OverlapIndex(present)
    for mention in others.items:
        if mention.entry != NIL and (mention.start, mention.stop) not in reported:
            nearest = gold_index.find_largest_overlap(mention.start, mention.stop)
            mistakes.append(LinkMistake("spurious" if nearest is None else "boundary", nearest, mention))
    return sorted(mistakes, key=lambda mistake: mistake.span)


def _classify(item: GoldMention, mention: Mention) -> MistakeKind | None:
    """Return the mistake in a link with a gold span, None if it is right."""
    if not item.ids:
        return "spurious" if item.has_id and mention.entry != NIL else None
    if mention.entry == NIL:
        return "rejected"
    return None if mention.entry in item.ids else "wrong"


def _index_by_span(linked: Sequence[Mention]) -> dict[tuple[int, int], Mention]:
    spans: dict[tuple[int, int], Mention] = {}
    for mention in linked:
        if mention.entry != NIL or (mention.start, mention.stop) not in spans:
            spans[mention.start, mention.stop] = mention
    return spans


class _HasSpan(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...


ItemT = TypeVar("ItemT", bound=_HasSpan)


class _OverlapIndex(Generic[ItemT]):
    """Spans by power of two of their length, so that a search looks at few of them."""

    def __init__(self, items: Sequence[ItemT]) -> None:
        self.items = sorted(items, key=lambda item: (item.start, item.stop))
        self._by_length: dict[int, list[ItemT]] = {}
        for item in self.items:
            self._by_length.setdefault((item.stop - item.start).bit_length(), []).append(item)
        self._starts = {bits: [item.start for item in items] for bits, items in self._by_length.items()}

    def find_largest_overlap(self, start: int, stop: int) -> ItemT | None:
        """Return the item with the largest overlap with a span, the first of several.

        None if no item overlaps.
        """
        near = list[ItemT]()
        for bits, items in self._by_length.items():
            bounds = (start - (1 << bits) + 1, stop)
            first, last = (bisect_left(self._starts[bits], bound) for bound in bounds)
            near += items[first:last]
        shared = [(min(stop, item.stop) - max(start, item.start), -item.start, -item.stop) for item in near]
        best = max(range(len(near)), key=shared.__getitem__, default=None)
        return near[best] if best is not None and shared[best][0] > 0 else None
