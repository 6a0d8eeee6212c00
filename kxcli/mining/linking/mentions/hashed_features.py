"""What stands in and around a span, hashed to columns of a large table.

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

HASH_BITS = 18
N_COLUMNS = (1 << HASH_BITS) + 1  # the first one counts for nothing
_MAX_TYPES = 3  # types of the best candidate that are marks
_NO_TOKEN = np.uint64(0x1234_5678_9ABC_DEF1)  # stands for what is before the first token of a text, or behind the last


def iter_hashed_columns(context: MentionContext, mentions: MentionCandidates) -> Iterator[Int32Array]:
    """Yield the columns of each kind of mark, for every span; 0 where it has none."""
    for number, values, has_some in _iter_hashes(context, mentions):
        salted = (values ^ (_spread_bits(np.array([number])) * XXHASH)) * GOLDEN
        columns = (salted >> np.uint64(64 - HASH_BITS)).astype(np.int32) + 1
        yield columns if has_some is None else np.where(has_some, columns, 0)


def _iter_hashes(
    context: MentionContext, mentions: MentionCandidates
) -> Iterator[tuple[int, UInt64Array, BoolArray | None]]:
    """Yield a number for each kind of mark, its hash, and which spans have one, None for all."""
    iter_hashed_columns = chain(_name_hashes(context, mentions), _text_hashes(context, mentions))
    for number, (values, has_some) in enumerate(iter_hashed_columns, 1):
        yield number, values, has_some
    entries, has_best = _find_best_entries(context, mentions)
    yield 0, _spread_bits(entries), has_best
    base = context.base
    for number in range(_MAX_TYPES if len(base.entry_types) else 0):
        at = base.entry_type_starts.take(entries) + number
        has_kind = has_best & (at < base.entry_type_starts.take(entries + 1))
        yield 100, _spread_bits(base.entry_types.take(at, mode="clip")), has_kind


def _find_best_entries(context: MentionContext, mentions: MentionCandidates) -> tuple[IntArray, BoolArray]:
    """Return the best entry of each span, 0 where there is none, and whether there is one."""
    has_best = mentions.best >= 0
    entries = np.zeros(len(has_best), dtype=np.int64)
    entries[has_best] = context.ranked.entries.take(mentions.best[has_best])
    return entries, has_best


def _name_hashes(
    context: MentionContext, mentions: MentionCandidates
) -> Iterator[tuple[UInt64Array, BoolArray | None]]:
    text, candidates = context.text, context.candidates
    has_best = mentions.best >= 0
    kinds = np.zeros(len(has_best), dtype=np.uint8)
    kinds[has_best] = candidates.origins.take(context.ranked.rows.take(mentions.best[has_best]))
    often = np.minimum(context.statistics.n_occurrences.take(candidates.name_numbers), 4).astype(np.uint64)
    rates = (4 * candidates.rates).astype(np.uint64)
    yield text.forms.keys.take(mentions.forms), None
    yield _spread_bits(kinds), None
    yield _spread_bits((often << np.uint64(8)) | rates).take(mentions.forms), None
    spans = text.spans.select(mentions.numbers)
    first, last = _find_first_and_last(text, spans)
    own_last = text.tokens.keys.take(last, mode="clip")
    yield text.tokens.keys.take(first, mode="clip"), None
    yield own_last, None
    yield text.tokens.prefix.span(np.maximum(spans.stops - 4, spans.starts), spans.stops), None
    yield _spread_bits(np.minimum(last - first + 1, 6)), None
    yield _spread_bits(np.minimum(spans.stops - spans.starts, 12)), None
    yield _join_hashes(text.tokens.keys.take(np.maximum(last - 1, 0), mode="clip"), own_last), last > first
    yield hash_shapes(text.folded.source, spans.begins, spans.ends), None


def _text_hashes(
    context: MentionContext, mentions: MentionCandidates
) -> Iterator[tuple[UInt64Array, BoolArray | None]]:
    text = context.text
    spans = text.spans.select(mentions.numbers)
    first, last = _find_first_and_last(text, spans)
    two_before, before, behind, two_behind = (
        _find_token_keys(text, spans, at) for at in (first - 2, first - 1, last + 1, last + 2)
    )
    yield before, None
    yield two_before, None
    yield behind, None
    yield two_behind, None
    yield _join_hashes(before, behind), None
    yield _join_hashes(two_before, before), None
    yield _join_hashes(behind, two_behind), None
    for keys, at in ((before, first - 1), (behind, last + 1)):
        stops = text.tokens.stops.take(at, mode="clip")
        starts = np.maximum(stops - 3, text.tokens.starts.take(at, mode="clip"))
        yield np.where(keys == _NO_TOKEN, _NO_TOKEN, text.tokens.prefix.span(starts, stops)), None
    texts = text.forms.texts.take(spans.forms)
    yield np.ones(len(first), dtype=np.uint64), spans.begins == text.folded.starts.take(texts)


def _find_first_and_last(text: ParsedTexts, spans: MentionSpans) -> tuple[IntArray, IntArray]:
    """Return the numbers of the first and the last token of spans; one within a token has that for both."""
    first = np.maximum(text.tokens.numbers.take(spans.starts + 1).astype(np.int64) - 1, 0)
    return first, np.maximum(text.tokens.numbers.take(spans.stops).astype(np.int64) - 1, first)


def _find_token_keys(text: ParsedTexts, spans: MentionSpans, at: IntArray) -> UInt64Array:
    """Return the keys of tokens in the texts of spans, one for none."""
    texts = text.forms.texts.take(spans.forms)
    bounds = text.tokens.numbers.take(np.append(text.starts, len(text.folded.codes)))
    is_there = (at >= bounds.take(texts)) & (at < bounds.take(texts + 1))
    return np.where(is_there, text.tokens.keys.take(at, mode="clip"), _NO_TOKEN)


def _spread_bits(values: AnyArray) -> UInt64Array:
    """Return small numbers, spread."""
    wide = (values.astype(np.uint64) + np.uint64(1)) * GOLDEN
    return np.asarray(wide ^ (wide >> np.uint64(29)))


def _join_hashes(first: UInt64Array, second: UInt64Array) -> UInt64Array:
    result: UInt64Array = first * XXHASH + second
    return result
