"""Spans that may be mentions, and the ranked candidates for their features."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, IntArray
from kxcli.mining.linking.candidates.candidate_features import Candidates, RankedCandidates
from kxcli.mining.linking.candidates.link_statistics import LinkStatistics
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import ParsedTexts


class MentionCandidates(NamedTuple):
    """Spans that may be mentions.

    Attributes:
        numbers: Their numbers among all spans, ascending.
        forms: The number of each one's surface form.
        best: The row of each one's best entry among the ranked candidates, -1 if it has none.
    """

    numbers: IntArray
    forms: IntArray
    best: IntArray


@dataclass(frozen=True)
class MentionContext:
    """Parsed texts with their candidates: all that features of mentions depend on."""

    base: KnowledgeBase
    statistics: LinkStatistics
    text: ParsedTexts
    candidates: Candidates
    ranked: RankedCandidates

    def find_mentions(self) -> MentionCandidates:
        """Return the spans with candidates, a labeled name, or a tag."""
        spans, starts = self.text.spans, self.ranked.starts
        has_some = np.diff(starts) > 0
        is_likely = has_some | (self.statistics.n_mentions.take(self.candidates.name_numbers) > 0)
        numbers = np.flatnonzero(is_likely.take(spans.forms) | (spans.tag_probabilities > 0))
        forms = spans.forms.take(numbers)
        return MentionCandidates(numbers, forms, np.where(has_some, starts[:-1], -1).take(forms))

    def find_best_entries(self, mentions: MentionCandidates) -> tuple[IntArray, BoolArray]:
        """Return the best entry of each mention, or 0, and whether it has one."""
        has_best = mentions.best >= 0
        entries = np.zeros(len(has_best), dtype=np.int64)
        entries[has_best] = self.ranked.entries.take(mentions.best[has_best])
        return entries, has_best
