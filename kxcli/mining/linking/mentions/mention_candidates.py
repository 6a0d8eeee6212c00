"""Texts whose candidates are ranked: what features of mentions are made of."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import IntArray
from kxcli.mining.linking.candidates.candidate_features import Candidates
from kxcli.mining.linking.candidates.link_statistics import LinkStatistics
from kxcli.mining.linking.candidates.ranking import RankedCandidates
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import ParsedTexts


class MentionCandidates(NamedTuple):
    """Spans that may be mentions by what is known of their names.

    numbers: of spans.  forms: theirs.  best: the row of the best of the ranked candidates, -1 for none.
    """

    numbers: IntArray
    forms: IntArray
    best: IntArray


@dataclass(frozen=True)
class MentionContext:
    """All that features of mentions are made of."""

    base: KnowledgeBase
    statistics: LinkStatistics
    text: ParsedTexts
    candidates: Candidates
    ranked: RankedCandidates

    def find_mentions(self) -> MentionCandidates:
        """Return the spans whose group has candidates, or was labelled, or that a tagger gave."""
        spans, starts = self.text.spans, self.ranked.starts
        has_some = np.diff(starts) > 0
        is_likely = has_some | (self.statistics.n_mentions.take(self.candidates.name_numbers) > 0)
        numbers = np.flatnonzero(is_likely.take(spans.forms) | (spans.tag_probabilities > 0))
        forms = spans.forms.take(numbers)
        return MentionCandidates(numbers, forms, np.where(has_some, starts[:-1], -1).take(forms))
