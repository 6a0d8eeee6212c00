"""What the text around speaks for one candidate or another: words, facts that go together, objects of facts, numbers.

`fill` is called where at least one group has several candidates; features of a group with a single one stay 0.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, FloatArray, IntArray, UInt64Array
from kxcli.arrays.hashing import GOLDEN, XXHASH
from kxcli.arrays.key_index import in_sorted
from kxcli.arrays.ragged import expand_ranges, expand_rows
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.name_matcher import at_word_edges
from kxcli.mining.linking.spans.parsing import ParsedTexts
from kxcli.mining.text.folding import BORDER, FoldedTexts
from kxcli.mining.text.terms import count_terms

if TYPE_CHECKING:
    from kxcli.mining.linking.candidates.ranking import Candidates


_SMOOTHING = 30.0  # of the share of an entry's words: entries of few words would be all or nothing
_IS_MEANT = 0.2  # the belief from which on another group counts as meaning the entry
_NEAR = 60.0  # characters over which nearness falls to 1 / e
_NEXT = 3  # characters behind a name within which an object is next to it
_WIDE, _NARROW = 0.15, 0.02  # standard deviations over which likeness of numbers falls to 1 / e
_MAX_COMPARED = 12  # candidates of a group whose numbers are compared with others'
_MAX_PAIRS = 1 << 22  # of candidates in a text that are compared
_HALF = np.uint64(32)
_LOW = np.uint64((1 << 32) - 1)
_SIEVE_BITS = 20


class _Open(NamedTuple):
    """The candidates in texts in which there is something to choose.

    rows: their numbers.  texts, owners, entries: theirs.  beliefs: how likely each is meant.  is_open: whether its
    group has several.
    """

    rows: IntArray
    texts: IntArray
    forms: IntArray
    entries: IntArray
    beliefs: FloatArray
    is_open: BoolArray


def compute_context_features(
    base: KnowledgeBase, text: ParsedTexts, found: "Candidates", chances: FloatArray, features: dict[str, FloatArray]
) -> None:
    """Compute the features that hang on the text around; `chances`: what is known of each candidate without them."""
    is_open = np.diff(found.starts) > 1
    is_seen = np.zeros(len(text.folded.starts), dtype=np.bool_)
    is_seen[text.forms.texts[is_open]] = True
    texts = text.forms.texts.take(found.forms)
    rows = np.flatnonzero(is_seen.take(texts))
    owners = found.forms.take(rows)
    beliefs = chances.take(rows) * found.rates.take(owners)
    seen = _Open(rows, texts.take(rows), owners, found.entries.take(rows), beliefs, is_open.take(owners))
    chosen = np.flatnonzero(seen.is_open)
    own = rows.take(chosen)
    features["words"][own] = _words(base, text, seen, chosen)
    kinds = _agreement(seen, base.entry_types, base.entry_type_starts, base.type_weights)
    features["types"][own] = kinds[0].take(chosen)
    agree, best = _agreement(seen, base.entry_facts, base.entry_fact_starts, base.fact_weights)
    features["agree"][own], features["agree_best"][own] = agree.take(chosen), best.take(chosen)
    features["other_name"][own] = (_sum_of_others(seen.texts, seen.forms, seen.entries, beliefs) > _IS_MEANT).take(
        chosen
    )
    if len(base.object_matcher):
        for name, values in _said(base, text, seen).items():
            features[name][own] = values.take(chosen)
    if len(base.entry_numbers):
        close, closer = _closeness(base, seen)
        features["close"][own], features["closer"][own] = close.take(chosen), closer.take(chosen)


def _agreement(seen: _Open, values: Any, starts: IntArray, weights: Any) -> tuple[FloatArray, FloatArray]:
    """Return how much of what each candidate is or has other forms' candidates have too: in all, and of one thing."""
    at, rows = expand_rows(seen.entries, starts)
    things = values.take(at).astype(np.int64)
    left = _sum_of_others(seen.texts.take(rows), seen.forms.take(rows), things, seen.beliefs.take(rows))
    gains = weights.take(things) * np.log1p(left)
    best = np.zeros(len(seen.rows))
    np.maximum.at(best, rows, gains)
    return _added(rows, gains, len(seen.rows)), best


def _added(rows: IntArray, gains: FloatArray, n: int) -> FloatArray:
    return np.bincount(rows, gains, minlength=n).astype(np.float64)


def _sum_of_others(texts: IntArray, owners: IntArray, things: IntArray, beliefs: FloatArray) -> FloatArray:
    """Return how much other forms of its text believe in each row's thing: an entry, or a fact."""
    totals = _summed(texts, things, beliefs)
    left = totals - _summed(owners, things, beliefs)
    return np.where(left > 1e-9 * totals, left, 0.0)


def _summed(wheres: IntArray, things: IntArray, beliefs: FloatArray) -> AnyArray:
    """Return for each row the sum over all rows of the same place and thing."""
    keys = (wheres.astype(np.uint64) << _HALF) | things.astype(np.uint64)
    _, inverse = np.unique(keys, return_inverse=True)
    inverse = inverse.reshape(-1)
    return np.asarray(np.bincount(inverse, beliefs).take(inverse)) if len(keys) else beliefs


def _words(base: KnowledgeBase, text: ParsedTexts, seen: _Open, chosen: IntArray) -> FloatArray:
    """Return which share of the chosen candidates' words, by idf, the text has; those of the name do not count."""
    texts, owners, entries = (column.take(chosen) for column in (seen.texts, seen.forms, seen.entries))
    in_texts = _numbered(base, text.folded, np.unique(texts))
    own, of_rows = np.unique(owners, return_inverse=True)
    in_names = _numbered(base, _spelled(text, text.forms.first_spans.take(own)), None)
    at, rows = expand_rows(entries, base.entry_term_starts)
    words = base.entry_terms.take(at).astype(np.uint64)
    keys = (texts.take(rows).astype(np.uint64) << _HALF) | words
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=np.bool_)
    sieve[_sieved(in_texts)] = True
    maybe = np.flatnonzero(sieve.take(_sieved(keys)))  # most words of an entry are not in the text
    found = maybe[in_sorted(keys[maybe], in_texts)]
    of_names = (of_rows.reshape(-1).take(rows[found]).astype(np.uint64) << _HALF) | words[found]
    found = found[~in_sorted(of_names, in_names)]
    weights = base.idf.take(words[found].astype(np.int64)).astype(np.float64)
    shared = np.bincount(rows[found], weights, minlength=len(entries))
    return np.asarray(shared / (_SMOOTHING + base.entry_term_weights.take(entries).astype(np.float64)))


def _spelled(text: ParsedTexts, spans: IntArray) -> FoldedTexts:
    """Return what spans say as texts of their own."""
    starts = text.spans.starts.take(spans)
    sizes = text.spans.stops.take(spans) - starts + 1
    codes = text.folded.codes.take(expand_ranges(starts, sizes))
    ends = np.cumsum(sizes)
    codes[ends - 1] = ord(BORDER)
    return FoldedTexts(codes, ends - sizes, codes)


def _numbered(base: KnowledgeBase, whole: FoldedTexts, texts: IntArray | None) -> UInt64Array:
    """Return the terms of texts that entries have, the text's number above the term's, ascending; None: of all."""
    keys, _ = count_terms(whole)
    wheres = keys >> _HALF
    if texts is not None:
        is_seen = np.zeros(len(whole.starts), dtype=np.bool_)
        is_seen[texts] = True
        chosen = np.flatnonzero(is_seen.take(wheres.astype(np.int64)))
        keys, wheres = keys.take(chosen), wheres.take(chosen)
    numbers = base.term_index.find((keys & _LOW).astype(np.uint32)).astype(np.uint64)
    return np.sort(((wheres << _HALF) | numbers)[numbers > 0])


def _sieved(keys: UInt64Array) -> IntArray:
    mixed = (keys * GOLDEN) ^ ((keys >> _HALF) * XXHASH)
    return (mixed >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)


class _ObjectMatches(NamedTuple):
    """Where objects of facts stand in the texts.

    keys: text and object, ascending.  starts: where those of each key begin in `places`, and where the last one's end.
    places: in the folded text, ascending by key.  lengths: of each key's object.
    """

    keys: UInt64Array
    starts: IntArray
    places: IntArray
    lengths: IntArray


def _objects(base: KnowledgeBase, text: ParsedTexts) -> _ObjectMatches:
    found = base.object_matcher.matches(text.folded.codes)
    found = found.select(np.flatnonzero(at_word_edges(found, text.folded.codes)))
    texts = np.searchsorted(text.starts, found.starts, side="right") - 1
    keys = (texts.astype(np.uint64) << _HALF) | found.names
    order = np.argsort(keys, kind="stable")
    distinct, firsts = np.unique(keys.take(order), return_index=True)
    places = found.starts.take(order)
    lengths = (found.stops - found.starts).take(order).take(firsts)
    return _ObjectMatches(distinct, np.append(firsts, len(places)), places, np.asarray(lengths))


def _said(base: KnowledgeBase, text: ParsedTexts, seen: _Open) -> dict[str, FloatArray]:
    """Return what it says for each candidate that objects of its facts stand in the text."""
    n = len(seen.rows)
    at, rows = expand_rows(seen.entries, base.entry_fact_starts)
    values = base.entry_facts.take(at)
    objects = base.fact_objects.take(values).astype(np.int64) - 1
    kept = np.flatnonzero(objects >= 0)
    rows, values, objects = rows.take(kept), values.take(kept), objects.take(kept)
    owners, texts = seen.forms.take(rows), seen.texts.take(rows)
    is_own = base.object_keys.take(objects) == text.forms.keys.take(owners)
    features = {name: np.zeros(n) for name in ("object", "object_near", "object_next", "is_object")}
    if is_own.any():
        left = _sum_of_others(texts, owners, objects, seen.beliefs.take(rows))[is_own]
        np.maximum.at(features["is_object"], rows[is_own], np.log1p(left))
    stand = _objects(base, text)
    keys = (texts.astype(np.uint64) << _HALF) | objects.astype(np.uint64)
    there = np.flatnonzero(in_sorted(keys, stand.keys) & ~is_own & seen.is_open.take(rows))
    if not len(there):
        return features
    rows, values, owners = rows.take(there), values.take(there), owners.take(there)
    numbers = np.searchsorted(stand.keys, keys.take(there))
    counts = np.diff(stand.starts).take(numbers)
    np.maximum.at(features["object"], rows, base.fact_weights.take(values) * np.log1p(counts))
    pairs, inverse = np.unique(owners * len(stand.keys) + numbers, return_inverse=True)
    gaps, follows = _gaps(text, stand, *np.divmod(pairs, len(stand.keys)))
    inverse = inverse.reshape(-1)
    np.maximum.at(features["object_near"], rows, np.exp(-gaps / _NEAR).take(inverse))
    np.maximum.at(features["object_next"], rows, follows.take(inverse).astype(np.float64))
    return features


def _gaps(text: ParsedTexts, stand: _ObjectMatches, forms: IntArray, numbers: IntArray) -> tuple[FloatArray, BoolArray]:
    """Return how far from a span of its group each object is, and whether it follows one closely."""
    order = np.argsort(text.spans.forms, kind="stable")
    bounds = np.searchsorted(text.spans.forms.take(order), np.arange(len(text.forms.texts) + 1))
    at, pairs = expand_rows(forms, bounds)
    spans = order.take(at)
    starts, stops = text.spans.starts.take(spans), text.spans.stops.take(spans)
    of_pairs = numbers.take(pairs)
    lengths = stand.lengths.take(of_pairs)
    runs = np.repeat(np.arange(len(stand.keys)), np.diff(stand.starts)) << 32
    ordered = runs | stand.places
    behind = np.searchsorted(ordered, (of_pairs << 32) | stops)
    before = np.searchsorted(ordered, (of_pairs << 32) | np.maximum(starts - lengths + 1, 0)) - 1
    last = len(ordered) - 1
    gap_behind = np.where(
        behind < stand.starts.take(of_pairs + 1), stand.places.take(behind.clip(max=last)) - stops, np.inf
    )
    gap_before = np.where(
        before >= stand.starts.take(of_pairs), starts - stand.places.take(before.clip(min=0)) - lengths, np.inf
    )
    gaps = np.full(len(forms), np.inf)
    np.minimum.at(gaps, pairs, np.minimum(gap_behind, gap_before))
    follows = np.zeros(len(forms), dtype=np.bool_)
    follows[pairs[(gap_behind > 0) & (gap_behind <= _NEXT)]] = True
    return gaps, follows


def _closeness(base: KnowledgeBase, seen: _Open) -> tuple[FloatArray, FloatArray]:
    """Return how like each candidate's numbers are to those of likely candidates of other forms, widely and narrowly.

    The distance is the root of the mean square over the predicates that both have.
    """
    n = len(seen.rows)
    sizes = np.diff(base.entry_number_starts).take(seen.entries)
    order = np.lexsort((-seen.beliefs, seen.forms))
    ordered = seen.forms.take(order)
    places = np.arange(n) - np.searchsorted(ordered, ordered)
    with_numbers = order[(sizes.take(order) > 0) & (places < _MAX_COMPARED)]
    asked = np.flatnonzero((sizes > 0) & seen.is_open)
    texts = seen.texts.take(with_numbers)
    by_text = np.argsort(texts, kind="stable")
    with_numbers, texts = with_numbers.take(by_text), texts.take(by_text)
    close, closer = np.zeros(n), np.zeros(n)
    firsts = np.searchsorted(texts, seen.texts.take(asked))
    lasts = np.searchsorted(texts, seen.texts.take(asked), side="right")
    costs = np.cumsum(lasts - firsts)
    first = 0
    while first < len(asked):
        last = max(first + 1, int(np.searchsorted(costs, (costs[first - 1] if first else 0) + _MAX_PAIRS, "right")))
        part = slice(first, last)
        at = expand_ranges(firsts[part], lasts[part] - firsts[part])
        rows = np.repeat(asked[part], lasts[part] - firsts[part])
        others = with_numbers.take(at)
        for total, gains in zip((close, closer), _likeness(base, seen, rows, others), strict=True):
            total += gains
        first = last
    return np.log1p(close), np.log1p(closer)


def _likeness(base: KnowledgeBase, seen: _Open, rows: IntArray, others: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return the sum over other forms of the likeness of their likest candidate, by row."""
    n = len(seen.rows)
    kept = np.flatnonzero(seen.forms.take(rows) != seen.forms.take(others))
    rows, others = rows.take(kept), others.take(kept)
    at, pairs = expand_rows(seen.entries.take(rows), base.entry_number_starts)
    kinds, values = base.entry_number_predicates.take(at), base.entry_numbers.take(at).astype(np.float64)
    other_at, other_pairs = expand_rows(seen.entries.take(others), base.entry_number_starts)
    n_kinds = int(base.entry_number_predicates.max(initial=0)) + 1
    other_keys = other_pairs * n_kinds + base.entry_number_predicates.take(other_at)
    order = np.argsort(other_keys)
    ordered = other_keys.take(order)
    keys = pairs * n_kinds + kinds
    where = np.searchsorted(ordered, keys).clip(max=max(len(ordered) - 1, 0))
    both = np.flatnonzero(ordered.take(where) == keys)
    gaps = values.take(both) - base.entry_numbers.take(other_at.take(order.take(where.take(both))))
    total = np.bincount(pairs.take(both), gaps * gaps, minlength=len(rows))
    shared = np.bincount(pairs.take(both), minlength=len(rows))
    distances = np.sqrt(total / np.maximum(shared, 1))
    beliefs = np.where(shared > 0, seen.beliefs.take(others), 0.0)
    forms, inverse = np.unique(rows * (int(seen.forms.max()) + 1) + seen.forms.take(others), return_inverse=True)
    inverse = inverse.reshape(-1)
    sums = []
    for reach in (_WIDE, _NARROW):
        best = np.zeros(len(forms))
        np.maximum.at(best, inverse, beliefs * np.exp(-distances / reach))
        sums.append(_added(forms // (int(seen.forms.max()) + 1), best, n))
    return sums[0], sums[1]
