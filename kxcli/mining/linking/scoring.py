"""Linked mentions against gold ones: counts, ratios, and what went wrong.

Counted as in the CCKS 2019 task: micro-averaged over the texts, an item being a span with an entry; gold and linked
mentions without an entry (NIL) are left out of that, and are kept in where mentions alone are counted.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Literal, NamedTuple, Protocol, TypeVar

from kxcli.mining.linking.linker import NIL, Mention

Types = Callable[[str], Sequence[str]]  # the types of the entry with an id; none where there is no such entry
MistakeKind = Literal["missed", "rejected", "wrong", "spurious", "boundary"]


class GoldMention(NamedTuple):
    """A labeled mention from the character `start` to before `stop`, each span at most once in a text.

    start: -1: it stands nowhere in the text, so that it counts as never found.
    ids: of the entries that are right; none of them but `has_id`: NIL.  Neither: nothing linked here is right.
    n_entries: how many entries have this name.
    """

    start: int
    stop: int
    ids: tuple[str, ...]
    has_id: bool = True
    n_entries: int = 1

    @property
    def is_nil(self) -> bool:
        """Whether it is known to have no entry."""
        return self.has_id and not self.ids


@dataclass
class EvaluationCounts:
    """How many mentions there are, and how many of them went well.

    gold, linked: with an entry, by either side; right: both, with the same span and a right id.
    found: gold ones whose span is linked to whatever entry.  covered: gold ones whose span is among the linked or the
    NIL ones, and has a right id among its candidates.
    ambiguous, ambiguous_found, ambiguous_right: of the gold ones, those whose name several entries have.
    mention_gold, mention_linked, mention_right: spans, with NIL ones.
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
    def precision(self) -> float | None:
        """Right by linked."""
        return _ratio(self.right, self.linked)

    @property
    def recall(self) -> float | None:
        """Right by gold."""
        return _ratio(self.right, self.gold)

    @property
    def f1(self) -> float | None:
        """The harmonic mean of precision and recall; None where nothing is gold and nothing linked."""
        return _f1(self.right, self.linked, self.gold)

    @property
    def accuracy(self) -> float | None:
        """Right by found: how often the id is right where the mention was found."""
        return _ratio(self.right, self.found)

    @property
    def ambiguous_accuracy(self) -> float | None:
        """Right by all, of ambiguous ones."""
        return _ratio(self.ambiguous_right, self.ambiguous)

    @property
    def ambiguous_accuracy_found(self) -> float | None:
        """Right by found, of ambiguous ones."""
        return _ratio(self.ambiguous_right, self.ambiguous_found)

    @property
    def candidate_recall(self) -> float | None:
        """Covered by gold: no choice among the candidates can give a higher recall."""
        return _ratio(self.covered, self.gold)

    @property
    def mention_precision(self) -> float | None:
        """Spans that are gold ones, by linked ones."""
        return _ratio(self.mention_right, self.mention_linked)

    @property
    def mention_recall(self) -> float | None:
        """Spans that are linked ones, by gold ones."""
        return _ratio(self.mention_right, self.mention_gold)

    @property
    def mention_f1(self) -> float | None:
        """The harmonic mean of both; None where there is no mention at all."""
        return _f1(self.mention_right, self.mention_linked, self.mention_gold)


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _f1(right: int, linked: int, gold: int) -> float | None:
    if not right:
        return 0.0 if linked or gold else None
    precision, recall = right / linked, right / gold
    return 2 * precision * recall / (precision + recall)


@dataclass
class EvaluationTally:
    """Counts of all mentions, and of those with an entry by its types, in each of which it counts.

    A gold mention has the types of the entry that it was rightly linked to, else of the first that is right.
    Of mentions, a type has the gold ones alone: one linked to no entry is of no type, so `mention_linked` stays 0.
    """

    total: EvaluationCounts = field(default_factory=EvaluationCounts)
    by_type: dict[str, EvaluationCounts] = field(default_factory=dict)

    def add(self, gold: Sequence[GoldMention], linked: Sequence[Mention], types: Types) -> None:
        """Count the mentions of one more text; of linked ones with one span, the last that has an entry."""
        spans = _by_span(linked)
        for mention in spans.values():
            self.total.mention_linked += 1
            if mention.entry != NIL:
                for counts in self._of(mention.entry, types):
                    counts.linked += 1
        for item in gold:
            self._add_gold(item, spans.get((item.start, item.stop)), types)

    @property
    def ordered(self) -> list[tuple[str, EvaluationCounts]]:
        """The types with their counts, the one with most gold mentions first."""
        return sorted(self.by_type.items(), key=lambda pair: (-pair[1].gold, -pair[1].linked, pair[0]))

    def _of(self, entry: str, types: Types) -> list[EvaluationCounts]:
        return [
            self.total,
            *(self.by_type.setdefault(kind, EvaluationCounts()) for kind in dict.fromkeys(types(entry))),
        ]

    def _add_gold(self, item: GoldMention, mention: Mention | None, types: Types) -> None:
        if item.is_nil:
            self.total.mention_gold += 1
            self.total.mention_right += mention is not None
            return
        is_found = mention is not None and mention.entry != NIL
        is_right = mention is not None and mention.entry in item.ids
        is_covered = is_right or (mention is not None and find_right_rank(item, mention) is not None)
        entries = [mention.entry] if mention is not None and is_right else item.ids[:1]
        for counts in self._of(entries[0], types) if entries else [self.total]:
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
    """Return the place, from 1, of the first right id among the candidates of a mention."""
    return next((place for place, (entry, _) in enumerate(mention.candidates, 1) if entry in item.ids), None)


class LinkMistake(NamedTuple):
    """What went wrong with a gold mention, or with a linked one that is none.

    missed: nothing is linked there.  rejected: the span was found, but taken for NIL.  wrong: linked to another entry.
    spurious: linked where the gold has nothing, or NIL.  boundary: what is linked overlaps a gold mention and has
    other borders.
    """

    kind: MistakeKind
    gold: GoldMention | None
    linked: Mention | None

    @property
    def span(self) -> tuple[int, int]:
        """Where it is: of the gold mention, if there is one."""
        of = self.gold or self.linked
        return (of.start, of.stop) if of is not None else (0, 0)


def find_mistakes(gold: Sequence[GoldMention], linked: Sequence[Mention]) -> list[LinkMistake]:
    """Return what went wrong in a text, in its order.

    In at least one of them is every gold mention that stands in the text and is not among the linked ones, or is with
    another entry, and every mention that is wrongly linked to an entry.  One without an entry is no error by itself.
    """
    spans = _by_span(linked)
    wanted = [item for item in gold if item.start >= 0]
    places = {(item.start, item.stop) for item in wanted}
    strangers = _OverlapIndex([mention for span, mention in spans.items() if span not in places])
    found, told = list[LinkMistake](), set[tuple[int, int]]()
    for item in wanted:
        mention = spans.get((item.start, item.stop))
        if mention is not None:
            kind = _kind(item, mention)
        else:
            mention = strangers.find_best_overlap(item.start, item.stop)
            kind = "missed" if mention is None else "boundary"
            if mention is not None:
                told.add((mention.start, mention.stop))
        if kind is not None:
            found.append(LinkMistake(kind, item, mention))
    around = _OverlapIndex(wanted)
    for mention in strangers.items:
        if mention.entry != NIL and (mention.start, mention.stop) not in told:
            near = around.find_best_overlap(mention.start, mention.stop)
            found.append(LinkMistake("spurious" if near is None else "boundary", near, mention))
    return sorted(found, key=lambda error: error.span)


def _kind(item: GoldMention, mention: Mention) -> MistakeKind | None:
    """Return what is wrong with a gold mention whose span is linked, or NIL."""
    if not item.ids:
        return "spurious" if item.has_id and mention.entry != NIL else None
    if mention.entry == NIL:
        return "rejected"
    return None if mention.entry in item.ids else "wrong"


def _by_span(linked: Sequence[Mention]) -> dict[tuple[int, int], Mention]:
    spans: dict[tuple[int, int], Mention] = {}
    for mention in linked:
        if mention.entry != NIL or (mention.start, mention.stop) not in spans:
            spans[mention.start, mention.stop] = mention
    return spans


class _Spanning(Protocol):
    @property
    def start(self) -> int: ...

    @property
    def stop(self) -> int: ...


Item = TypeVar("Item", bound=_Spanning)


class _OverlapIndex(Generic[Item]):
    """Spans to be found by what overlaps them; each is kept with those about as long, so that few are looked at."""

    def __init__(self, items: Sequence[Item]) -> None:
        self.items = sorted(items, key=lambda item: (item.start, item.stop))
        self._by_length: dict[int, list[Item]] = {}
        for item in self.items:
            self._by_length.setdefault((item.stop - item.start).bit_length(), []).append(item)
        self._starts = {bits: [item.start for item in items] for bits, items in self._by_length.items()}

    def find_best_overlap(self, start: int, stop: int) -> Item | None:
        """Return the one that shares most characters with a span, the first of several; None: none shares any."""
        near = list[Item]()
        for bits, items in self._by_length.items():
            places = (start - (1 << bits) + 1, stop)
            first, last = (bisect_left(self._starts[bits], place) for place in places)
            near += items[first:last]
        shared = [(min(stop, item.stop) - max(start, item.start), -item.start, -item.stop) for item in near]
        best = max(range(len(near)), key=shared.__getitem__, default=None)
        return near[best] if best is not None and shared[best][0] > 0 else None
