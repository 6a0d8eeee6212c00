"""Whether a span is a mention of its best candidate: dense features, for many spans at a time."""

from collections.abc import Iterator

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, FloatArray
from kxcli.arrays.ragged import starts_of
from kxcli.mining.linking.candidates.candidate_features import (
    FEATURE_ROWS,
    IS_KNOWN,
    IS_LEARNED,
    IS_LOOSE,
    match_spellings,
)
from kxcli.mining.linking.mentions.mention_candidates import MentionCandidates, MentionContext
from kxcli.mining.linking.spans.parsing import MentionSpans, ParsedTexts
from kxcli.mining.text.character_tables import case_tables, spaced_table

# What speaks for a span to be a mention of its best candidate, and how much before anything was learned.
#   seen, rate, rate_often: the name stood in labelled texts; log odds of its being meant; these times how often.
#   known, learned, loose: where the candidate comes from.  defined: the text defines it as a short form; from_long: how
#   surely its long form means the candidate; long_rate: how likely that is meant; unsupported: no long form means it.
#   has_short: it is such a long form.  length, repeats, many: logarithms of characters, spans in the text, candidates.
#   chance, margin: how likely the best candidate is, and by how much likelier than the next.  none: there is no
#   candidate.  subject, meant, names, facts: of the best candidate.  inside, inside_rate, outside_rate, crossing_rate:
#   it lies within another span; the greatest rates of spans around it, within it, and across its borders.
#   titled, quoted, bracketed: by what it is enclosed.  written: as the knowledge base writes it.  not_capitals: a short
#   name that the knowledge base writes in capitals alone is not written so.  capitals: it is in capitals.  short: one
#   character, or two of a script with spaces, unless they are in capitals as the knowledge base has them, and no part
#   of a code as "5-HT".
#   tag, untagged, tag_rival: log odds of the tagger for it, whether it gives none, and those for spans across.
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
_RARE = 0.3  # added to counts of both outcomes
_UNSUPPORTED = 0.3
_SHORT_CAPITALS = 5  # characters
_MAX_OVERLAPS = 16  # spans behind a span that are looked at for overlapping
_MIN_CHANCE, _MAX_CHANCE = 0.01, 0.999  # of the tagger, before the log odds are taken
_OPEN, _CLOSE = "\"'“‘「『《〈<＂＇", "\"'”’」』》〉>＂＇"
_OPEN_TITLE, _CLOSE_TITLE = "《〈", "》〉"
_OPEN_BRACKET, _CLOSE_BRACKET = "([（［", ")]）］"
_HYPHENS = [*map(ord, "-‐‑")]


def iter_mention_features(context: MentionContext, mentions: MentionCandidates) -> Iterator[FloatArray]:
    """Yield the features in their order, each of shape (spans,)."""
    columns = {
        **_group_features(context, mentions),
        **_span_features(context, mentions),
        **_overlap_features(context, mentions),
    }
    for name in FEATURES:
        yield np.asarray(columns[name], dtype=np.float64)


def _group_features(context: MentionContext, mentions: MentionCandidates) -> dict[str, AnyArray]:
    text, found, ranked = context.text, context.candidates, context.ranked
    n_forms = len(text.forms.texts)
    sizes = np.diff(ranked.starts)
    has_some = sizes > 0
    firsts = ranked.starts[:-1]
    best, second = np.zeros(n_forms), np.zeros(n_forms)
    best[has_some] = ranked.shares.take(firsts[has_some])
    second[sizes > 1] = ranked.shares.take(firsts[sizes > 1] + 1)
    rows = np.full(n_forms, -1)
    rows[has_some] = ranked.rows.take(firsts[has_some])
    kinds = (
        np.where(has_some, found.origins.take(rows, mode="wrap"), 0) if len(found.origins) else np.zeros(n_forms, int)
    )
    stood = context.statistics.n_occurrences.take(found.name_numbers).astype(np.float64)
    labelled = context.statistics.n_mentions.take(found.name_numbers).astype(np.float64)
    is_seen = stood > 0
    rate = np.where(is_seen, np.log((labelled + _RARE) / (stood - labelled + _RARE)), 0.0)

    def of_best(name: str) -> FloatArray:
        column = np.zeros(n_forms)
        column[has_some] = found.features[FEATURE_ROWS[name]].take(rows[has_some])
        return column

    defined, long_rate, has_short = np.zeros(n_forms), np.zeros(n_forms), np.zeros(n_forms)
    defined[text.defined_forms] = 1.0
    has_short[text.short_forms.longs] = 1.0
    np.maximum.at(
        long_rate, text.short_forms.shorts, found.rates.take(text.short_forms.longs) * text.short_forms.shares
    )
    lengths = text.spans.stops.take(text.forms.first_spans) - text.spans.starts.take(text.forms.first_spans)
    from_long = of_best("from_long")
    columns = {
        "bias": np.ones(n_forms),
        "seen": is_seen,
        "rate": rate,
        "rate_often": rate * np.log1p(stood),
        "known": kinds & IS_KNOWN > 0,
        "learned": kinds & IS_LEARNED > 0,
        "loose": kinds == IS_LOOSE,
        "defined": defined,
        "from_long": from_long * defined,
        "long_rate": long_rate,
        "unsupported": (defined > 0) & (from_long < _UNSUPPORTED),
        "has_short": has_short,
        "length": np.log(lengths),
        "repeats": np.log(text.forms.n_spans),
        "many": np.log(np.maximum(sizes, 1)),
        "chance": best,
        "margin": best - second,
        "none": ~has_some,
        "subject": of_best("subject"),
        "links": of_best("links"),
        "names": of_best("names"),
        "facts": of_best("facts"),
    }
    return {name: column.take(mentions.forms) for name, column in columns.items()}


def _span_features(context: MentionContext, mentions: MentionCandidates) -> dict[str, AnyArray]:
    text, base = context.text, context.base
    spans = text.spans.select(mentions.numbers)
    before, behind = _find_neighbors(text, spans)
    is_titled = _are_enclosed(before, behind, _OPEN_TITLE, _CLOSE_TITLE)
    lengths = spans.stops - spans.starts
    in_capitals = _are_in_capitals(text, spans)
    is_written = match_spellings(
        text.forms.keys, spans.forms, spans.spellings, context.candidates.forms, context.candidates.spellings
    )
    is_joined = np.isin(before, _HYPHENS) | np.isin(behind, _HYPHENS)
    is_pair = (lengths == 2) & spaced_table().take(text.folded.codes.take(spans.starts), mode="clip")
    names = text.forms.names.take(mentions.forms)
    of_capitals = base.is_in_capitals.take(names, mode="wrap") & (names >= 0) if len(base.name_matcher) else names >= 0
    return {
        "titled": is_titled,
        "quoted": _are_enclosed(before, behind, _OPEN, _CLOSE) & ~is_titled,
        "bracketed": _are_enclosed(before, behind, _OPEN_BRACKET, _CLOSE_BRACKET),
        "written": is_written,
        "not_capitals": of_capitals & (lengths <= _SHORT_CAPITALS) & ~in_capitals,
        "capitals": in_capitals,
        "short": (lengths == 1) | (is_pair & ~(is_written & in_capitals & ~is_joined)),
        "tag": np.where(spans.tag_probabilities > 0, _log_odds(spans.tag_probabilities), 0.0),
        "untagged": spans.tag_probabilities == 0,
    }


def _log_odds(tag_probabilities: FloatArray) -> FloatArray:
    clipped = tag_probabilities.clip(_MIN_CHANCE, _MAX_CHANCE)
    return np.asarray(np.log(clipped / (1.0 - clipped)))


def _overlap_features(context: MentionContext, mentions: MentionCandidates) -> dict[str, FloatArray]:
    """Return what the spans that overlap each one say; the same name again is no other span."""
    spans, forms = context.text.spans.select(mentions.numbers), mentions.forms
    rates, tag = context.candidates.rates.take(forms), _log_odds(spans.tag_probabilities)
    n = len(forms)
    found = {name: np.zeros(n) for name in ("inside", "inside_rate", "outside_rate", "crossing_rate")}
    rivals = np.full(n, _log_odds(np.zeros(1))[0])
    for step in range(1, min(_MAX_OVERLAPS, n - 1) + 1):
        first = np.flatnonzero(spans.starts[step:] < spans.stops[:-step])
        if not len(first):
            break
        second = first + step
        np.maximum.at(rivals, first, tag[second])
        np.maximum.at(rivals, second, tag[first])
        other = forms[first] != forms[second]
        first, second = first[other], second[other]
        is_same = spans.starts[first] == spans.starts[second]  # then the second one is the longer
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
    """Return the characters before and behind spans; at the ends of a text, that is the border between texts."""
    source = text.folded.source
    before = np.where(spans.begins > 0, source.take(np.maximum(spans.begins - 1, 0)), 0)
    return before, source.take(spans.ends, mode="clip")  # a border ends every text


def _are_enclosed(before: AnyArray, behind: AnyArray, opening: str, closing: str) -> BoolArray:
    return np.asarray(np.isin(before, [*map(ord, opening)]) & np.isin(behind, [*map(ord, closing)]))


def _are_in_capitals(text: ParsedTexts, spans: MentionSpans) -> BoolArray:
    """Return which spans have capitals, and no letter that has a capital form."""
    capital, small = case_tables()
    source = text.folded.source
    counts = [starts_of(which.take(source, mode="clip")) for which in (capital, small)]
    n_capitals, n_small = (count.take(spans.ends) - count.take(spans.begins) for count in counts)
    return np.asarray((n_capitals > 0) & (n_small == 0))
