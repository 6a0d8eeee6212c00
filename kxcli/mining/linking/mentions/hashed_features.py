"""Sparse features of spans, hashed to the columns of a large table.

After Weinberger et al. 2009, "Feature hashing for large scale multitask learning".
"""

from collections.abc import Iterator
from itertools import chain

import numpy as np

from kxcli.arrays import AnyArray, BoolArray, Int32Array, IntArray, UInt64Array
from kxcli.arrays.hashing import GOLDEN, XXHASH
from kxcli.mining.linking.mentions.mention_candidates import MentionCandidates, MentionContext
from kxcli.mining.linking.spans.parsing import MentionSpans, ParsedTexts
from kxcli.mining.text.tokens import hash_shapes

HASH_BITS = 18  # of the number of a hashed column
N_COLUMNS = (1 << HASH_BITS) + 1  # column 0 is for spans without a feature, and has no weight
_MAX_TYPES = 3  # types of the best candidate that are features
_ENTRY_NUMBER, _TYPE_NUMBER = 0, 100  # numbers of the features of the best entry
_NO_TOKEN = np.uint64(0x1234_5678_9ABC_DEF1)  # the hash of a position outside of the text

Hashes = tuple[UInt64Array, BoolArray | None]  # a hash for each span, and which spans have the feature, None for all


def iter_hashed_columns(context: MentionContext, mentions: MentionCandidates) -> Iterator[Int32Array]:
    """Yield the column of each feature for every span, 0 if the span lacks it."""
    for number, hashes, has_some in _iter_hashes(context, mentions):
        salted = (hashes ^ (_spread_bits(np.array([number])) * XXHASH)) * GOLDEN
        columns = (salted >> np.uint64(64 - HASH_BITS)).astype(np.int32) + 1
        yield columns if has_some is None else np.where(has_some, columns, 0)


def _iter_hashes(
    context: MentionContext, mentions: MentionCandidates
) -> Iterator[tuple[int, UInt64Array, BoolArray | None]]:
    """Yield for each feature its number, hashes, and the spans that have it."""
    spans = context.text.spans.select(mentions.numbers)
    first, last = _find_tokens(context.text, spans)
    form_hashes = _hash_forms(context, mentions)
    span_hashes = _hash_spans(context.text, spans, first, last)
    neighbor_hashes = _hash_neighbors(context.text, spans, first, last)
    for number, (hashes, has_some) in enumerate(chain(form_hashes, span_hashes, neighbor_hashes), 1):
        yield number, hashes, has_some
    entries, has_best = context.find_best_entries(mentions)
    yield _ENTRY_NUMBER, _spread_bits(entries), has_best
    base = context.base
    for number in range(_MAX_TYPES if len(base.entry_types) else 0):
        at = base.entry_type_starts.take(entries) + number
        has_type = has_best & (at < base.entry_type_starts.take(entries + 1))
        yield _TYPE_NUMBER, _spread_bits(base.entry_types.take(at, mode="clip")), has_type


def _hash_forms(context: MentionContext, mentions: MentionCandidates) -> Iterator[Hashes]:
    """Yield hashes of names, of their origins, and of their frequencies and rates."""
    candidates = context.candidates
    has_best = mentions.best >= 0
    origins = np.zeros(len(has_best), dtype=np.uint8)
    origins[has_best] = candidates.origins.take(context.ranked.rows.take(mentions.best[has_best]))
    often = np.minimum(context.statistics.n_occurrences.take(candidates.name_numbers), 4).astype(np.uint64)
    rates = (4 * candidates.rates).astype(np.uint64)
    yield context.text.forms.keys.take(mentions.forms), None
    yield _spread_bits(origins), None
    yield _spread_bits((often << np.uint64(8)) | rates).take(mentions.forms), None


def _hash_spans(text: ParsedTexts, spans: MentionSpans, first: IntArray, last: IntArray) -> Iterator[Hashes]:
    """Yield hashes of the tokens, last characters, sizes and shapes of spans."""
    tokens = text.tokens
    last_keys = tokens.keys.take(last, mode="clip")
    yield tokens.keys.take(first, mode="clip"), None
    yield last_keys, None
    yield tokens.prefix.span(np.maximum(spans.stops - 4, spans.starts), spans.stops), None
    yield _spread_bits(np.minimum(last - first + 1, 6)), None
    yield _spread_bits(np.minimum(spans.stops - spans.starts, 12)), None
    yield _join_hashes(tokens.keys.take(np.maximum(last - 1, 0), mode="clip"), last_keys), last > first
    yield hash_shapes(text.folded.source, spans.begins, spans.ends), None


def _hash_neighbors(text: ParsedTexts, spans: MentionSpans, first: IntArray, last: IntArray) -> Iterator[Hashes]:
    """Yield hashes of the tokens before and after spans.

    First single tokens, then pairs, then last characters, then the start of the text.
    """
    two_before, before, after, two_after = (
        _get_token_keys(text, spans, at) for at in (first - 2, first - 1, last + 1, last + 2)
    )
    yield before, None
    yield two_before, None
    yield after, None
    yield two_after, None
    yield _join_hashes(before, after), None
    yield _join_hashes(two_before, before), None
    yield _join_hashes(after, two_after), None
    for keys, at in ((before, first - 1), (after, last + 1)):
        stops = text.tokens.stops.take(at, mode="clip")
        starts = np.maximum(stops - 3, text.tokens.starts.take(at, mode="clip"))
        yield np.where(keys == _NO_TOKEN, _NO_TOKEN, text.tokens.prefix.span(starts, stops)), None
    texts = text.forms.texts.take(spans.forms)
    yield np.ones(len(first), dtype=np.uint64), spans.begins == text.folded.starts.take(texts)


def _find_tokens(text: ParsedTexts, spans: MentionSpans) -> tuple[IntArray, IntArray]:
    """Return the first and the last token of spans, equal for a span within a token."""
    first = np.maximum(text.tokens.numbers.take(spans.starts + 1).astype(np.int64) - 1, 0)
    return first, np.maximum(text.tokens.numbers.take(spans.stops).astype(np.int64) - 1, first)


def _get_token_keys(text: ParsedTexts, spans: MentionSpans, numbers: IntArray) -> UInt64Array:
    """Return the hashes of tokens, `_NO_TOKEN` for those outside of the span's text."""
    texts = text.forms.texts.take(spans.forms)
    bounds = text.tokens.numbers.take(np.append(text.starts, len(text.folded.codes)))
    is_inside = (numbers >= bounds.take(texts)) & (numbers < bounds.take(texts + 1))
    return np.where(is_inside, text.tokens.keys.take(numbers, mode="clip"), _NO_TOKEN)


def _spread_bits(values: AnyArray) -> UInt64Array:
    """Return a hash of small numbers."""
    wide = (values.astype(np.uint64) + np.uint64(1)) * GOLDEN
    return np.asarray(wide ^ (wide >> np.uint64(29)))


def _join_hashes(first: UInt64Array, second: UInt64Array) -> UInt64Array:
    result: UInt64Array = first * XXHASH + second
    return result
