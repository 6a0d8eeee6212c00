"""Which entries the forms of a text may mean, and what speaks for each: features that a log-linear model weighs.

All is computed for many texts at a time.  What looks at the text around, or at other forms, is computed only where
there is something to choose; every sum is of one text's terms in their order, so that it does not hang on the texts
beside it.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, FloatArray, IntArray, UInt8Array, UInt32Array, UInt64Array
from kxcli.arrays.hashing import pair_keys
from kxcli.arrays.key_index import in_sorted
from kxcli.arrays.ragged import expand_ranges
from kxcli.mining.linking.candidates import context_features
from kxcli.mining.linking.candidates.link_statistics import LinkStatistics
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import ParsedTexts

MAX_CANDIDATES = 64  # of a name that are looked at: the most prominent ones, and those that it meant most often

# What speaks for a candidate, and how much before anything was learned.
#   subject, alias: the name is the entry's subject, or another of its names.  written: it is written the same.
#   loose: only words of a name are there.  share, count: how often the name meant it, in labelled texts; near_share:
#   the same for a name that is near.  meant: how often any name did.  facts, names: how many it has.
#   words: how much of what is said of it stands in the text.  agree, agree_best: facts that it shares with what other
#   forms may mean; types: the same for types.  said, said_near, said_next: objects of its facts stand in the text, and
#   near, or next to the name.  other_name: another group may mean it.  is_object: the name is an object of a fact of
#   its own, and of what other forms may mean.  close, closer: its numbers are like those of what others may mean.
#   from_long: the long form of which this is the short form means it.
#   best_*: by how much it is the best of all candidates in this.
PRIOR = {
    **{"subject": 0.5, "alias": 0.0, "written": 1.0, "loose": -2.0, "share": 4.0, "count": 0.3, "near_share": 2.0},
    **{"links": 0.5, "facts": 0.3, "names": 0.5, "words": 8.0, "agree": 0.7, "agree_best": 0.7, "types": 0.0},
    **{"object": 1.0, "object_near": 1.0, "object_next": 2.0, "other_name": 1.0, "is_object": 0.7, "close": 1.0},
    **{"closer": 1.0, "from_long": 4.0, "best_share": 0.0, "best_agree": 0.0, "best_closer": 0.0, "best_words": 0.0},
    **{"best_facts": 0.0},
}
FEATURES = tuple(PRIOR)
PRIOR_WEIGHTS = np.array([*PRIOR.values()])
FEATURE_ROWS = {name: number for number, name in enumerate(FEATURES)}
_MARGINS = {
    "best_share": "share",
    "best_agree": "agree",
    "best_closer": "closer",
    "best_words": "words",
    "best_facts": "facts",
}

IS_KNOWN, IS_LEARNED, IS_LOOSE, IS_FROM_LONG = 1, 2, 4, 8  # where a candidate comes from
_HALF = np.int64(32)
_LOW = np.int64((1 << 32) - 1)
_DOUBT = 0.5
_MIN_BEST = 1e-6  # of a value that is worth being the best in
_DIGITS = 9  # of a score that count: so equal candidates stay equal, whatever a processor does to the last digits


@dataclass(frozen=True)
class Candidates:
    """Candidates of all forms, ascending by group and then by entry.

    starts: where those of each group start, and where the last one's end.  owners: the group of each.  kinds: where
    each comes from, as bits.  spellings: the hash of how the entry writes the very name, 0 where it lacks it.
    features: shape (features, candidates).
    numbers, rates: of forms, of the name in the statistics, and how likely it is meant as one.
    """

    starts: IntArray
    forms: IntArray
    entries: IntArray
    origins: UInt8Array
    spellings: UInt64Array
    features: FloatArray
    name_numbers: UInt32Array
    rates: FloatArray

    def scores(self, weights: FloatArray) -> FloatArray:
        """Return the weighted sums of features, term by term: the same whatever stands beside a candidate."""
        total = np.zeros(len(self.forms))
        for weight, feature in zip(weights.tolist(), self.features, strict=True):
            if weight:
                total += weight * feature
        return np.round(total, _DIGITS)


class RankedCandidates(NamedTuple):
    """Candidates, the best of each group first; rows `starts[n]` to before `starts[n + 1]` belong to group n.

    shares: how likely each is, adding up to 1 in a group.  rows: their numbers among the candidates.
    """

    starts: IntArray
    entries: IntArray
    shares: FloatArray
    rows: IntArray


def rank_candidates(candidates: Candidates, weights: FloatArray) -> RankedCandidates:
    """Return the candidates of every group by their scores."""
    scores = candidates.scores(weights)
    order = np.lexsort((np.arange(len(scores)), -scores, candidates.forms))
    chances = softmax_shares(scores, candidates.forms, len(candidates.starts) - 1)
    return RankedCandidates(candidates.starts, candidates.entries.take(order), chances.take(order), order)


def softmax_shares(scores: FloatArray, owners: IntArray, n_owners: int) -> FloatArray:
    """Return the softmax of scores within their owners, which ascend."""
    if not len(scores):
        return scores
    sizes = np.bincount(owners, minlength=n_owners)
    used = np.flatnonzero(sizes)
    firsts = (np.cumsum(sizes) - sizes).take(used)
    highest = np.zeros(n_owners)
    highest[used] = np.maximum.reduceat(scores, firsts)
    powers = np.exp(scores - highest.take(owners))
    result: FloatArray = powers / np.bincount(owners, powers).take(owners)
    return result


class _CandidateRows(NamedTuple):
    """Candidates before they are put together: one may be there several times."""

    forms: IntArray
    entries: IntArray
    origins: UInt8Array
    columns: dict[str, FloatArray]
    spellings: UInt64Array  # 0: unknown

    @classmethod
    def create(
        cls, owners: IntArray, entries: AnyArray, kind: int, spellings: Any = None, **columns: Any
    ) -> "_CandidateRows":
        n = len(owners)
        own = {name: np.asarray(column, dtype=np.float64) for name, column in columns.items()}
        kinds = np.full(n, kind, dtype=np.uint8)
        return cls(
            owners,
            entries.astype(np.int64),
            kinds,
            own,
            np.zeros(n, dtype=np.uint64) if spellings is None else spellings,
        )


def find_candidates(
    base: KnowledgeBase, statistics: LinkStatistics, text: ParsedTexts, prior: FloatArray
) -> Candidates:
    """Return the candidates of every group with all their features.

    prior: weights of features by which it is told what other forms are likely to mean.
    """
    forms = text.forms
    numbers = statistics.slots.find(forms.keys)
    parts = [_look_up_names(base, forms.names), _look_up_links(statistics, np.arange(len(numbers)), numbers)]
    if len(text.similar.forms):
        parts += _look_up_similar(base, statistics, text)
    found = _merge(base, statistics, text, parts, numbers)
    if len(text.short_forms.shorts):
        chances = softmax_shares(found.scores(prior), found.forms, len(numbers))
        parts.append(_look_up_long_forms(text, found, chances))
        found = _merge(base, statistics, text, parts, numbers)
    sizes = np.diff(found.starts)
    if (sizes > 1).any():
        chances = softmax_shares(found.scores(prior), found.forms, len(numbers))
        context_features.compute_context_features(
            base, text, found, chances, {name: found.features[row] for name, row in FEATURE_ROWS.items()}
        )
        for margin, feature in _MARGINS.items():
            found.features[FEATURE_ROWS[margin]] = _margins(found, found.features[FEATURE_ROWS[feature]])
    return found


def _look_up_names(base: KnowledgeBase, names: IntArray) -> _CandidateRows:
    """Return the entries with the very names."""
    named = np.flatnonzero(names >= 0)
    firsts = base.name_entry_starts.take(names.take(named))
    sizes = np.minimum(base.name_entry_starts.take(names.take(named) + 1) - firsts, MAX_CANDIDATES)
    at = expand_ranges(firsts, sizes)
    is_subject = base.is_subject.take(at)
    entries, spellings = base.name_entries.take(at), base.spellings.take(at)
    return _CandidateRows.create(
        np.repeat(named, sizes), entries, IS_KNOWN, spellings, subject=is_subject, alias=~is_subject
    )


def _look_up_links(
    statistics: LinkStatistics, owners: IntArray, numbers: UInt32Array, kind: int = IS_LEARNED
) -> _CandidateRows:
    """Return the entries that names meant in labelled texts."""
    firsts = statistics.starts.take(numbers)
    sizes = np.minimum(statistics.starts.take(numbers + np.uint32(1)) - firsts, MAX_CANDIDATES)
    at = expand_ranges(firsts, sizes)
    rows = np.repeat(np.arange(len(numbers)), sizes)
    counts = statistics.counts.take(at).astype(np.float64)
    share = counts / (np.bincount(rows, counts, minlength=len(numbers)) + _DOUBT).take(rows)
    columns = {"near_share": share} if kind == IS_LOOSE else {"share": share, "count": np.log1p(counts)}
    return _CandidateRows.create(owners.take(rows), statistics.entries.take(at), kind, **columns)


def _look_up_similar(base: KnowledgeBase, statistics: LinkStatistics, text: ParsedTexts) -> list[_CandidateRows]:
    """Return the entries with names that are near."""
    near = text.similar
    found = _look_up_names(base, near.names)
    known = _CandidateRows.create(near.forms.take(found.forms), found.entries, IS_LOOSE)
    return [_limit(known), _limit(_look_up_links(statistics, near.forms, statistics.slots.find(near.keys), IS_LOOSE))]


def _limit(rows: _CandidateRows) -> _CandidateRows:
    """Return the first `MOST_CANDIDATES` of each group: many names may have the same words."""
    ranks = np.arange(len(rows.forms)) - np.searchsorted(rows.forms, rows.forms)
    kept = np.flatnonzero(ranks < MAX_CANDIDATES)
    columns = {name: column.take(kept) for name, column in rows.columns.items()}
    owners, entries = rows.forms.take(kept), rows.entries.take(kept)
    return _CandidateRows(owners, entries, rows.origins.take(kept), columns, rows.spellings.take(kept))


def _look_up_long_forms(text: ParsedTexts, found: Candidates, chances: FloatArray) -> _CandidateRows:
    """Return what long spellings mean as candidates of the short spellings."""
    firsts = found.starts.take(text.short_forms.longs)
    sizes = found.starts.take(text.short_forms.longs + 1) - firsts
    at = expand_ranges(firsts, sizes)
    rows = np.repeat(np.arange(len(sizes)), sizes)
    from_long = chances.take(at) * text.short_forms.shares.take(rows)
    return _CandidateRows.create(
        text.short_forms.shorts.take(rows), found.entries.take(at), IS_FROM_LONG, from_long=from_long
    )


def _merge(
    base: KnowledgeBase,
    statistics: LinkStatistics,
    text: ParsedTexts,
    parts: list[_CandidateRows],
    numbers: UInt32Array,
) -> Candidates:
    """Return each candidate of a group once, with the features that need no look around."""
    keys = np.concatenate([(part.forms << _HALF) | part.entries for part in parts])
    distinct, inverse = np.unique(keys, return_inverse=True)
    pieces = np.split(inverse.reshape(-1), np.cumsum([len(part.forms) for part in parts])[:-1])
    owners, entries = distinct >> _HALF, distinct & _LOW
    features = np.zeros((len(FEATURES), len(distinct)))
    kinds = np.zeros(len(distinct), dtype=np.uint8)
    spellings = np.zeros(len(distinct), dtype=np.uint64)
    for part, rows in zip(parts, pieces, strict=True):
        np.bitwise_or.at(kinds, rows, part.origins)
        np.maximum.at(spellings, rows, part.spellings)
        for name, values in part.columns.items():
            np.maximum.at(features[FEATURE_ROWS[name]], rows, values)
    features[FEATURE_ROWS["loose"]] = kinds == IS_LOOSE
    features[FEATURE_ROWS["written"]] = _are_written(text, owners, spellings)
    features[FEATURE_ROWS["links"]] = np.log1p(statistics.n_links.take(entries))
    features[FEATURE_ROWS["facts"]] = np.log1p(base.n_facts.take(entries))
    features[FEATURE_ROWS["names"]] = np.log1p(base.n_names.take(entries))
    starts = np.searchsorted(owners, np.arange(len(numbers) + 1))
    return Candidates(starts, owners, entries, kinds, spellings, features, numbers, statistics.rates(numbers))


def _are_written(text: ParsedTexts, owners: IntArray, spellings: UInt64Array) -> BoolArray:
    """Return whether a group has a span that is written as the candidate writes its name."""
    spans, keys = text.spans, text.forms.keys
    is_folded = spans.spellings == keys.take(spans.forms)
    has_folded = np.zeros(len(keys), dtype=np.bool_)
    has_folded[spans.forms[is_folded]] = True
    written: BoolArray = (spellings == keys.take(owners)) & has_folded.take(owners)
    rest = np.flatnonzero((spellings > 0) & (spellings != keys.take(owners)))
    others = np.sort(pair_keys(spans.forms[~is_folded], spans.spellings[~is_folded]))
    written[rest] = in_sorted(pair_keys(owners.take(rest), spellings.take(rest)), others)
    return written


def _margins(found: Candidates, values: FloatArray) -> FloatArray:
    """Return by what share the one best value of a group with several candidates is greater than the next one."""
    order = np.lexsort((-values, found.forms))
    ordered = values.take(order)
    several = np.flatnonzero(np.diff(found.starts) > 1)
    firsts = found.starts.take(several)
    best, second = ordered.take(firsts), ordered.take(firsts + 1)
    margins = np.zeros(len(values))
    is_more = best > np.maximum(second, _MIN_BEST)
    margins[order.take(firsts[is_more])] = 1.0 - np.maximum(second[is_more], 0.0) / best[is_more]
    return margins
