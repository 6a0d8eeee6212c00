"""The entries that a surface form may denote, with all features."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, UInt32Array
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.linking.candidates.candidate_features import (
    FEATURE_ROWS,
    FEATURES,
    IS_FROM_LONG,
    IS_KNOWN,
    IS_LEARNED,
    IS_LOOSE,
    Candidates,
    match_spellings,
)
from kxcli.mining.linking.candidates.context_features import compute_context_features
from kxcli.mining.linking.candidates.link_statistics import LinkStatistics
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import ParsedTexts

MAX_CANDIDATES = 64  # of a name: the most prominent entries, and those with the most links
_MARGINS = ("share", "agree", "closer", "words", "facts")  # features with a "best_" feature
_HALF = np.int64(32)
_LOW = np.int64((1 << 32) - 1)
_SMOOTHING = 0.5  # added to the links of a name, so that the share of its only link is below 1
_MIN_BEST = 1e-6  # the smallest value with a margin over the second


def find_candidates(
    base: KnowledgeBase,
    statistics: LinkStatistics,
    text: ParsedTexts,
    prior: FloatArray,
    max_candidates: int = MAX_CANDIDATES,
) -> Candidates:
    """Return the candidates of each surface form with all features.

    Features of the context are computed only for forms with several candidates. Sums add the terms of one text in
    their order, so that a result does not depend on the other texts.

    Args:
        base: The knowledge base.
        statistics: Counts from labeled texts.
        text: The texts and their spans.
        prior: Weights of the features; they estimate the meaning of other forms in a text.
        max_candidates: Entries of one name; others are dropped.
    """
    lookup = _Lookup(base, statistics, text, max_candidates)
    numbers = statistics.slots.find(text.forms.keys)
    parts = [lookup.find_named(text.forms.names), lookup.find_linked(np.arange(len(numbers)), numbers)]
    if len(text.similar.forms):
        parts += lookup.find_similar()
    candidates = lookup.merge(parts, numbers)
    if len(text.short_forms.shorts):
        parts.append(lookup.find_long_forms(candidates, prior))
        candidates = lookup.merge(parts, numbers)
    if (np.diff(candidates.starts) > 1).any():
        context = compute_context_features(base, text, candidates, candidates.compute_shares(prior))
        for name, values in context.columns.items():
            candidates.features[FEATURE_ROWS[name], context.rows] = values
        for name in _MARGINS:
            margins = _compute_best_margins(candidates, candidates.features[FEATURE_ROWS[name]])
            candidates.features[FEATURE_ROWS[f"best_{name}"]] = margins
    return candidates


class _CandidateRows(NamedTuple):
    """Candidates of one origin; a form may have an entry several times.

    Args:
        forms: The number of the form.
        entries: The number of the entry.
        origin: One of the bits of `Candidates.origins`.
        features: Values of features by name; for a repeated candidate the largest value counts.
        spellings: As in `Candidates`.
    """

    forms: IntArray
    entries: AnyArray
    origin: int
    features: dict[str, AnyArray]
    spellings: AnyArray | None = None

    def select(self, rows: IntArray) -> "_CandidateRows":
        """Return some of the rows, without spellings."""
        features = {name: column.take(rows) for name, column in self.features.items()}
        return _CandidateRows(self.forms.take(rows), self.entries.take(rows), self.origin, features)


@dataclass(frozen=True)
class _Lookup:
    """Finds the candidates of the forms of some texts."""

    base: KnowledgeBase
    statistics: LinkStatistics
    text: ParsedTexts
    max_candidates: int

    def find_named(self, names: IntArray) -> _CandidateRows:
        """Return the entries with a name, given the number of each form's name or -1."""
        named = np.flatnonzero(names >= 0)
        firsts = self.base.name_entry_starts.take(names.take(named))
        sizes = np.minimum(self.base.name_entry_starts.take(names.take(named) + 1) - firsts, self.max_candidates)
        at = expand_ranges(firsts, sizes)
        is_subject = self.base.is_subject.take(at)
        features = {"subject": is_subject, "alias": ~is_subject}
        entries, spellings = self.base.name_entries.take(at), self.base.spellings.take(at)
        return _CandidateRows(np.repeat(named, sizes), entries, IS_KNOWN, features, spellings)

    def find_linked(self, forms: IntArray, numbers: UInt32Array, *, is_similar: bool = False) -> _CandidateRows:
        """Return the entries linked to names in labeled texts.

        Args:
            forms: The form of each name.
            numbers: The number of each name in the statistics.
            is_similar: Whether the names only have the same words as the forms.
        """
        firsts = self.statistics.starts.take(numbers)
        sizes = self.statistics.starts.take(numbers + np.uint32(1)) - firsts
        sizes = np.minimum(sizes, self.max_candidates)
        at = expand_ranges(firsts, sizes)
        rows = np.repeat(np.arange(len(numbers)), sizes)
        counts = self.statistics.counts.take(at).astype(np.float64)
        share = counts / (np.bincount(rows, counts, minlength=len(numbers)) + _SMOOTHING).take(rows)
        features = {"near_share": share} if is_similar else {"share": share, "count": np.log1p(counts)}
        origin = IS_LOOSE if is_similar else IS_LEARNED
        return _CandidateRows(forms.take(rows), self.statistics.entries.take(at), origin, features)

    def find_similar(self) -> list[_CandidateRows]:
        """Return the entries of names with the same words as a form."""
        similar = self.text.similar
        known = self.find_named(similar.names)
        known = _CandidateRows(similar.forms.take(known.forms), known.entries, IS_LOOSE, {})
        links = self.find_linked(similar.forms, self.statistics.slots.find(similar.keys), is_similar=True)
        return [self._limit(known), self._limit(links)]

    def _limit(self, rows: _CandidateRows) -> _CandidateRows:
        """Return the first `max_candidates` of each form, as names may share words."""
        ranks = np.arange(len(rows.forms)) - np.searchsorted(rows.forms, rows.forms)
        return rows.select(np.flatnonzero(ranks < self.max_candidates))

    def find_long_forms(self, candidates: Candidates, prior: FloatArray) -> _CandidateRows:
        """Return the candidates of long forms as candidates of their short forms."""
        short_forms = self.text.short_forms
        firsts = candidates.starts.take(short_forms.longs)
        sizes = candidates.starts.take(short_forms.longs + 1) - firsts
        at = expand_ranges(firsts, sizes)
        rows = np.repeat(np.arange(len(sizes)), sizes)
        features = {"from_long": candidates.compute_shares(prior).take(at) * short_forms.shares.take(rows)}
        return _CandidateRows(short_forms.shorts.take(rows), candidates.entries.take(at), IS_FROM_LONG, features)

    def merge(self, parts: list[_CandidateRows], numbers: UInt32Array) -> Candidates:
        """Return each candidate of a form once, with the features that need no context."""
        keys = np.concatenate([(part.forms << _HALF) | part.entries.astype(np.int64) for part in parts])
        distinct, inverse = np.unique(keys, return_inverse=True)
        pieces = np.split(inverse.reshape(-1), np.cumsum([len(part.forms) for part in parts])[:-1])
        forms, entries = distinct >> _HALF, distinct & _LOW
        columns: dict[str, AnyArray] = {name: np.zeros(len(distinct)) for name in FEATURES}
        origins = np.zeros(len(distinct), dtype=np.uint8)
        spellings = np.zeros(len(distinct), dtype=np.uint64)
        for part, rows in zip(parts, pieces, strict=True):
            origins[rows] |= np.uint8(part.origin)
            if part.spellings is not None:
                np.maximum.at(spellings, rows, part.spellings)
            for name, values in part.features.items():
                np.maximum.at(columns[name], rows, values)
        spans = self.text.spans
        columns["loose"] = origins == IS_LOOSE
        columns["written"] = match_spellings(self.text.forms.keys, forms, spellings, spans.forms, spans.spellings)
        columns["links"] = np.log1p(self.statistics.n_links.take(entries))
        columns["facts"] = np.log1p(self.base.n_facts.take(entries))
        columns["names"] = np.log1p(self.base.n_names.take(entries))
        features = np.stack([*columns.values()]).astype(np.float64)
        starts = np.searchsorted(forms, np.arange(len(numbers) + 1))
        rates = self.statistics.rates(numbers)
        return Candidates(starts, forms, entries, origins, spellings, features, numbers, rates)


def _compute_best_margins(candidates: Candidates, values: FloatArray) -> FloatArray:
    """Return the relative lead of the best candidate of each form, 0 for others."""
    order = np.lexsort((-values, candidates.forms))
    ordered = values.take(order)
    several = np.flatnonzero(np.diff(candidates.starts) > 1)
    firsts = candidates.starts.take(several)
    best, second = ordered.take(firsts), ordered.take(firsts + 1)
    margins = np.zeros(len(values))
    is_more = best > np.maximum(second, _MIN_BEST)
    margins[order.take(firsts[is_more])] = 1.0 - np.maximum(second[is_more], 0.0) / best[is_more]
    return margins
