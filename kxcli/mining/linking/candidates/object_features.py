"""Features of candidates from the objects of their facts in the text."""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import BoolArray, FloatArray, IntArray, UInt64Array
from kxcli.arrays.key_index import is_in_sorted
from kxcli.arrays.ragged import expand_rows
from kxcli.mining.linking.candidates.candidate_features import ContextCandidates
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import ParsedTexts

_NEAR = 60.0  # characters over which "object_near" falls to 1 / e
_NEXT = 3  # characters, at most, between a form and an object that follows it
_HALF = np.uint64(32)


class _ObjectMatches(NamedTuple):
    """Occurrences of objects in texts.

    Args:
        keys: The number of the text above that of the object, ascending.
        starts: Where the occurrences of each key begin in `positions`, and where the last one's end.
        positions: In the folded text, ascending by key.
        lengths: Characters of each key's object.
    """

    keys: UInt64Array
    starts: IntArray
    positions: IntArray
    lengths: IntArray


def find_object_features(base: KnowledgeBase, text: ParsedTexts, used: ContextCandidates) -> dict[str, FloatArray]:
    """Return for each candidate the features of the objects of its facts."""
    features = {name: np.zeros(len(used.rows)) for name in ("object", "object_near", "object_next", "is_object")}
    at, rows = expand_rows(used.entries, base.entry_fact_starts)
    facts = base.entry_facts.take(at)
    objects = base.fact_objects.take(facts).astype(np.int64) - 1
    has_object = np.flatnonzero(objects >= 0)
    rows, facts, objects = rows.take(has_object), facts.take(has_object), objects.take(has_object)
    forms = used.forms.take(rows)
    is_form = base.object_keys.take(objects) == text.forms.keys.take(forms)
    if is_form.any():
        others = used.sum_others(objects, rows)[is_form]
        np.maximum.at(features["is_object"], rows[is_form], np.log1p(others))
    matches = _find_objects(base, text)
    keys = (used.texts.take(rows).astype(np.uint64) << _HALF) | objects.astype(np.uint64)
    hits = np.flatnonzero(is_in_sorted(keys, matches.keys) & ~is_form & used.has_rivals.take(rows))
    if not len(hits):
        return features
    rows, facts, forms = rows.take(hits), facts.take(hits), forms.take(hits)
    numbers = np.searchsorted(matches.keys, keys.take(hits))
    counts = np.diff(matches.starts).take(numbers)
    np.maximum.at(features["object"], rows, base.fact_weights.take(facts) * np.log1p(counts))
    pairs, inverse = np.unique(forms * len(matches.keys) + numbers, return_inverse=True)
    gaps, follows = _measure_gaps(text, matches, *np.divmod(pairs, len(matches.keys)))
    inverse = inverse.reshape(-1)
    np.maximum.at(features["object_near"], rows, np.exp(-gaps / _NEAR).take(inverse))
    np.maximum.at(features["object_next"], rows, follows.take(inverse).astype(np.float64))
    return features


def _find_objects(base: KnowledgeBase, text: ParsedTexts) -> _ObjectMatches:
    matches = base.object_matcher.word_matches(text.folded.codes)
    texts = np.searchsorted(text.starts, matches.starts, side="right") - 1
    keys = (texts.astype(np.uint64) << _HALF) | matches.names
    order = np.argsort(keys, kind="stable")
    distinct, firsts = np.unique(keys.take(order), return_index=True)
    positions = matches.starts.take(order)
    lengths = (matches.stops - matches.starts).take(order).take(firsts)
    return _ObjectMatches(distinct, np.append(firsts, len(positions)), positions, np.asarray(lengths))


def _measure_gaps(
    text: ParsedTexts, matches: _ObjectMatches, forms: IntArray, numbers: IntArray
) -> tuple[FloatArray, BoolArray]:
    """Return the distance from each form to an object, and if it follows closely.

    Args:
        text: The texts and their spans.
        matches: Occurrences of objects.
        forms: The form of each pair; the nearest of its spans counts.
        numbers: The number of the object of each pair, among the keys of `matches`.
    """
    order = np.argsort(text.spans.forms, kind="stable")
    bounds = np.searchsorted(text.spans.forms.take(order), np.arange(len(text.forms.texts) + 1))
    at, pairs = expand_rows(forms, bounds)
    spans = order.take(at)
    starts, stops = text.spans.starts.take(spans), text.spans.stops.take(spans)
    objects = numbers.take(pairs)
    lengths = matches.lengths.take(objects)
    ordered = np.repeat(np.arange(len(matches.keys)), np.diff(matches.starts)) << 32 | matches.positions
    after = np.searchsorted(ordered, (objects << 32) | stops)
    before = np.searchsorted(ordered, (objects << 32) | np.maximum(starts - lengths + 1, 0)) - 1
    position_after = matches.positions.take(after.clip(max=len(ordered) - 1))
    gap_after = np.where(after < matches.starts.take(objects + 1), position_after - stops, np.inf)
    end_before = matches.positions.take(before.clip(min=0)) + lengths
    gap_before = np.where(before >= matches.starts.take(objects), starts - end_before, np.inf)
    gaps = np.full(len(forms), np.inf)
    np.minimum.at(gaps, pairs, np.minimum(gap_after, gap_before))
    follows = np.zeros(len(forms), dtype=np.bool_)
    follows[pairs[(gap_after > 0) & (gap_after <= _NEXT)]] = True
    return gaps, follows
