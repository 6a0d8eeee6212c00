"""Dense features of spans for the mention models."""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, FloatArray
from kxcli.arrays.ragged import compute_starts
from kxcli.mining.linking.candidates.candidate_features import (
    FEATURE_ROWS,
    IS_KNOWN,
    IS_LEARNED,
    IS_LOOSE,
    match_spellings,
)
from kxcli.mining.linking.mentions.mention_candidates import MentionCandidates, MentionContext
from kxcli.mining.linking.spans.parsing import MentionSpans, ParsedTexts
from kxcli.mining.text.character_tables import make_case_tables, make_spaced_table

# Weights of the features in the untrained model.
#
#   seen, rate, rate_often: The name occurs in labeled texts; log odds that it is a mention there; these times the
#       logarithm of its occurrences.
#   known, learned, loose: Where the best candidate comes from.
#   defined: The text defines the name as a short form.
#   from_long, long_rate, unsupported: The share of the candidate among those of the long form; the rate of the long
#       form; no long form supports the candidate.
#   has_short: The name is the long form of such a definition.
#   length, repeats, many: Logarithms of the numbers of characters, of spans with the name, and of candidates.
#   chance, margin, none: The share of the best candidate; its lead over the second; there is no candidate.
#   subject, links, names, facts: As in the ranking, of the best candidate.
#   inside, inside_rate, outside_rate, crossing_rate: The span lies within another one; the maximal rate of names
#       around it, within it, and across its borders.
#   titled, quoted, bracketed: The span is enclosed in title marks, quotation marks or brackets.
#   written: It is written as in the knowledge base.
#   not_capitals, capitals: A short name that the knowledge base writes in capitals is not in capitals; it is.
#   short: One character, or two of a script with spaces; not if it is in capitals as in the knowledge base and no
#       part of a code such as "5-HT".
#   tag, untagged, tag_rival: Log odds by the tagger; it found no span there; maximal log odds of overlapping spans.
PRIOR = {
    **{"bias": 1.0, "seen": 0.0, "rate": 0.5, "rate_often": 0.0, "known": 0.0, "learned": 0.0, "loose": -0.5},
    **{"defined": 0.0, "from_long": 2.0, "long_rate": 0.0, "unsupported": -2.0, "has_short": 0.0, "length": 0.0},
    **{"repeats": 0.0, "many": -0.1, "chance": 0.0, "margin": 0.0, "none": -6.0, "subject": 0.0, "links": 0.0},
    **{"names": 0.0, "facts": 0.0, "inside": -1.0, "inside_rate": 0.0, "outside_rate": 0.0, "crossing_rate": 0.0},
    **{"titled": 2.0, "quoted": 0.7, "bracketed": 0.0, "written": 0.5, "not_capitals": -2.0, "capitals": 0.0},
    **{"short": -2.0, "tag": 0.0, "untagged": 0.0, "tag_rival": 0.0},
}
FEATURES = tuple(PRIOR)
PRIOR_WEIGHTS = np.array([*PRIOR.values()])
_SMOOTHING = 0.3  # added to the counts of both outcomes
_MIN_SUPPORT = 0.3  # share of a candidate among those of a long form
_MAX_CAPITALS = 5  # characters of a short name in capitals
_MAX_OVERLAPS = 16  # following spans that are compared with a span
_MIN_CHANCE, _MAX_CHANCE = 0.01, 0.999  # limits of the tagger's probability, for finite log odds
_OPEN, _CLOSE = "\"'“‘「『《〈<＂＇", "\"'”’」』》〉>＂＇"
_OPEN_TITLE, _CLOSE_TITLE = "《〈", "》〉"
_OPEN_BRACKET, _CLOSE_BRACKET = "([（［", ")]）］"
_HYPHENS = [*map(ord, "-‐‑")]


def iter_mention_features(context: MentionContext, mentions: MentionCandidates) -> Iterator[FloatArray]:
    """Yield the features in the order of `FEATURES`, each of shape (mentions,)."""
    by_form = {
        **_compute_name_features(context),
        **_compute_definition_features(context),
        **_compute_candidate_features(context),
    }
    columns = {
        **{name: column.take(mentions.forms) for name, column in by_form.items()},
        **_compute_span_features(context, mentions),
        **_compute_overlap_features(context, mentions),
    }
    for name in FEATURES:
        yield np.asarray(columns[name], dtype=np.float64)


def _compute_name_features(context: MentionContext) -> dict[str, AnyArray]:
    """Return the features of names, shape (forms,)."""
    spans, forms, numbers = context.text.spans, context.text.forms, context.candidates.name_numbers
    n_occurrences = context.statistics.n_occurrences.take(numbers).astype(np.float64)
    n_mentions = context.statistics.n_mentions.take(numbers).astype(np.float64)
    is_seen = n_occurrences > 0
    log_odds = np.log((n_mentions + _SMOOTHING) / (n_occurrences - n_mentions + _SMOOTHING))
    rate = np.where(is_seen, log_odds, 0.0)
    return {
        "bias": np.ones(len(numbers)),
        "seen": is_seen,
        "rate": rate,
        "rate_often": rate * np.log1p(n_occurrences),
        "length": np.log(spans.stops.take(forms.first_spans) - spans.starts.take(forms.first_spans)),
        "repeats": np.log(forms.n_spans),
    }


def _compute_definition_features(context: MentionContext) -> dict[str, AnyArray]:
    """Return the features of defined short and long forms, shape (forms,)."""
    text, n_forms = context.text, len(context.text.forms.texts)
    defined, long_rate, has_short = np.zeros(n_forms), np.zeros(n_forms), np.zeros(n_forms)
    defined[text.defined_forms] = 1.0
    has_short[text.short_forms.longs] = 1.0
    rates = context.candidates.rates.take(text.short_forms.longs) * text.short_forms.shares
    np.maximum.at(long_rate, text.short_forms.shorts, rates)
    from_long = _get_best_feature(context, "from_long")
    return {
        "defined": defined,
        "from_long": from_long * defined,
        "long_rate": long_rate,
        "unsupported": (defined > 0) & (from_long < _MIN_SUPPORT),
        "has_short": has_short,
    }


def _compute_candidate_features(context: MentionContext) -> dict[str, AnyArray]:
    """Return the features of the best candidate, shape (forms,)."""
    ranked, origins = context.ranked, context.candidates.origins
    sizes = np.diff(ranked.starts)
    has_some, firsts = sizes > 0, ranked.starts[:-1]
    best, second = np.zeros(len(sizes)), np.zeros(len(sizes))
    best[has_some] = ranked.shares.take(firsts[has_some])
    second[sizes > 1] = ranked.shares.take(firsts[sizes > 1] + 1)
    origin = np.zeros(len(sizes), dtype=np.int64)
    origin[has_some] = origins.take(ranked.rows.take(firsts[has_some]))
    return {
        "known": origin & IS_KNOWN > 0,
        "learned": origin & IS_LEARNED > 0,
        "loose": origin == IS_LOOSE,
        "many": np.log(np.maximum(sizes, 1)),
        "chance": best,
        "margin": best - second,
        "none": ~has_some,
        **{name: _get_best_feature(context, name) for name in ("subject", "links", "names", "facts")},
    }


def _get_best_feature(context: MentionContext, name: str) -> FloatArray:
    """Return a feature of the best candidate of each form, 0 if it has none."""
    starts = context.ranked.starts
    has_some = np.diff(starts) > 0
    column = np.zeros(len(has_some))
    rows = context.ranked.rows.take(starts[:-1][has_some])
    column[has_some] = context.candidates.features[FEATURE_ROWS[name]].take(rows)
    return column


def _compute_span_features(context: MentionContext, mentions: MentionCandidates) -> dict[str, AnyArray]:
    """Return the features of spans and their neighbor characters, shape (mentions,)."""
    text, base = context.text, context.base
    spans = text.spans.select(mentions.numbers)
    before, after = _find_neighbors(text, spans)
    is_titled = _are_enclosed(before, after, _OPEN_TITLE, _CLOSE_TITLE)
    lengths = spans.stops - spans.starts
    in_capitals = _are_in_capitals(text, spans)
    is_written = match_spellings(
        text.forms.keys, spans.forms, spans.spellings, context.candidates.forms, context.candidates.spellings
    )
    is_joined = np.isin(before, _HYPHENS) | np.isin(after, _HYPHENS)
    is_pair = (lengths == 2) & make_spaced_table().take(text.folded.codes.take(spans.starts), mode="clip")
    names = text.forms.names.take(mentions.forms)
    has_capitals = names >= 0
    if len(base.name_matcher):
        has_capitals &= base.is_in_capitals.take(names, mode="wrap")
    return {
        "titled": is_titled,
        "quoted": _are_enclosed(before, after, _OPEN, _CLOSE) & ~is_titled,
        "bracketed": _are_enclosed(before, after, _OPEN_BRACKET, _CLOSE_BRACKET),
        "written": is_written,
        "not_capitals": has_capitals & (lengths <= _MAX_CAPITALS) & ~in_capitals,
        "capitals": in_capitals,
        "short": (lengths == 1) | (is_pair & ~(is_written & in_capitals & ~is_joined)),
        "tag": np.where(spans.tag_probabilities > 0, _compute_log_odds(spans.tag_probabilities), 0.0),
        "untagged": spans.tag_probabilities == 0,
    }


def _compute_log_odds(chances: FloatArray) -> FloatArray:
    clipped = chances.clip(_MIN_CHANCE, _MAX_CHANCE)
    return np.asarray(np.log(clipped / (1.0 - clipped)))


def _compute_overlap_features(context: MentionContext, mentions: MentionCandidates) -> dict[str, FloatArray]:
    """Return the features of overlapping spans with another name, shape (mentions,)."""
    spans, forms = context.text.spans.select(mentions.numbers), mentions.forms
    rates, tag = context.candidates.rates.take(forms), _compute_log_odds(spans.tag_probabilities)
    n = len(forms)
    found = {name: np.zeros(n) for name in ("inside", "inside_rate", "outside_rate", "crossing_rate")}
    rivals = np.full(n, _compute_log_odds(np.zeros(1))[0])
    for step in range(1, min(_MAX_OVERLAPS, n - 1) + 1):
        first = np.flatnonzero(spans.starts[step:] < spans.stops[:-step])
        if not len(first):
            break
        second = first + step
        np.maximum.at(rivals, first, tag[second])
        np.maximum.at(rivals, second, tag[first])
        other = forms[first] != forms[second]
        first, second = first[other], second[other]
        is_same = spans.starts[first] == spans.starts[second]  # the second one is longer
        within_first = ~is_same & (spans.stops[second] <= spans.stops[first])
        crosses = ~is_same & ~within_first
        for inner, outer, which in ((first, second, is_same), (second, first, within_first)):
            found["inside"][inner[which]] = 1.0
            np.maximum.at(found["inside_rate"], inner[which], rates[outer[which]])
            np.maximum.at(found["outside_rate"], outer[which], rates[inner[which]])
        np.maximum.at(found["crossing_rate"], first[crosses], rates[second[crosses]])
        np.maximum.at(found["crossing_rate"], second[crosses], rates[first[crosses]])
    return {**found, "tag_rival": rivals}


def _find_neighbors(text: ParsedTexts, spans: MentionSpans) -> tuple[AnyArray, AnyArray]:
    """Return the characters before and after spans, or the border between texts."""
    source = text.folded.source
    before = np.where(spans.begins > 0, source.take(np.maximum(spans.begins - 1, 0)), 0)
    return before, source.take(spans.ends, mode="clip")  # a border ends every text


def _are_enclosed(before: AnyArray, after: AnyArray, opening: str, closing: str) -> BoolArray:
    return np.asarray(np.isin(before, [*map(ord, opening)]) & np.isin(after, [*map(ord, closing)]))


def _are_in_capitals(text: ParsedTexts, spans: MentionSpans) -> BoolArray:
    """Return for each span whether it has capital letters and no small ones."""
    capital, small = make_case_tables()
    source = text.folded.source
    counts = [compute_starts(which.take(source, mode="clip")) for which in (capital, small)]
    n_capitals, n_small = (count.take(spans.ends) - count.take(spans.begins) for count in counts)
    return np.asarray((n_capitals > 0) & (n_small == 0))
