"""Features of candidates from the text around them."""

from typing import NamedTuple

import numpy as np

from kxcli.arrays import AnyArray, FloatArray, IntArray, UInt64Array
from kxcli.arrays.hashing import GOLDEN, XXHASH
from kxcli.arrays.key_index import is_in_sorted
from kxcli.arrays.ragged import expand_ranges, expand_rows
from kxcli.mining.linking.candidates.candidate_features import Candidates, ContextCandidates
from kxcli.mining.linking.candidates.number_features import compare_numbers
from kxcli.mining.linking.candidates.object_features import find_object_features
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase
from kxcli.mining.linking.spans.parsing import ParsedTexts
from kxcli.mining.text.folding import BORDER, FoldedTexts
from kxcli.mining.text.terms import find_terms_by_text

_SMOOTHING = 30.0  # added to the idf of an entry's words, so that an entry of few words has no extreme share
_MIN_BELIEF = 0.2  # the belief that makes another form count as a mention of the entry
_HALF = np.uint64(32)
_LOW = np.uint64((1 << 32) - 1)
_SIEVE_BITS = 20  # a sieve of 1 MiB


class ContextFeatures(NamedTuple):
    """Features of the candidates of forms with several candidates.

    Args:
        rows: Positions in `Candidates`.
        columns: Values by name of the feature.
    """

    rows: IntArray
    columns: dict[str, AnyArray]


def compute_context_features(
    base: KnowledgeBase, text: ParsedTexts, candidates: Candidates, shares: FloatArray
) -> ContextFeatures:
    """Return the features from the context; at least one form has several candidates.

    Args:
        base: The knowledge base.
        text: The texts and their spans.
        candidates: All candidates.
        shares: The probability of each candidate without the context.
    """
    has_rivals = np.diff(candidates.starts) > 1
    is_used = np.zeros(len(text.folded.starts), dtype=np.bool_)
    is_used[text.forms.texts[has_rivals]] = True
    texts = text.forms.texts.take(candidates.forms)
    rows = np.flatnonzero(is_used.take(texts))
    forms = candidates.forms.take(rows)
    beliefs = shares.take(rows) * candidates.rates.take(forms)
    used = ContextCandidates(
        rows, texts.take(rows), forms, candidates.entries.take(rows), beliefs, has_rivals.take(forms)
    )
    rivals = np.flatnonzero(used.has_rivals)
    types, _ = _compute_agreement(used, base.entry_types, base.entry_type_starts, base.type_weights)
    agree, agree_best = _compute_agreement(used, base.entry_facts, base.entry_fact_starts, base.fact_weights)
    columns: dict[str, AnyArray] = {
        "types": types,
        "agree": agree,
        "agree_best": agree_best,
        "other_name": used.sum_others(used.entries, np.arange(len(rows))) > _MIN_BELIEF,
    }
    if len(base.object_matcher):
        columns |= find_object_features(base, text, used)
    if len(base.entry_numbers):
        columns["close"], columns["closer"] = compare_numbers(base, used)
    columns = {name: column.take(rivals) for name, column in columns.items()}
    return ContextFeatures(rows.take(rivals), columns | {"words": _find_shared_words(base, text, used, rivals)})


def _compute_agreement(
    used: ContextCandidates, values: AnyArray, starts: IntArray, weights: AnyArray
) -> tuple[FloatArray, FloatArray]:
    """Return the weights of shared facts or types: their sum and the largest.

    A candidate shares a fact if candidates of other forms in its text have it too.

    Args:
        used: The candidates.
        values: Facts or types of all entries.
        starts: Where those of each entry start, and where the last one's end.
        weights: By fact or type.
    """
    at, rows = expand_rows(used.entries, starts)
    things = values.take(at).astype(np.int64)
    gains = weights.take(things) * np.log1p(used.sum_others(things, rows))
    best = np.zeros(len(used.rows))
    np.maximum.at(best, rows, gains)
    return np.bincount(rows, gains, minlength=len(used.rows)).astype(np.float64), best


def _find_shared_words(base: KnowledgeBase, text: ParsedTexts, used: ContextCandidates, rivals: IntArray) -> FloatArray:
    """Return the share, by idf, of an entry's words in the text.

    The words of the form do not count.
    """
    texts, forms, entries = (column.take(rivals) for column in (used.texts, used.forms, used.entries))
    in_texts = _find_term_numbers(base, text.folded, np.unique(texts))
    distinct, names = np.unique(forms, return_inverse=True)
    in_names = _find_term_numbers(base, _get_texts_of_spans(text, text.forms.first_spans.take(distinct)), None)
    at, rows = expand_rows(entries, base.entry_term_starts)
    words = base.entry_terms.take(at).astype(np.uint64)
    keys = (texts.take(rows).astype(np.uint64) << _HALF) | words
    sieve = np.zeros(1 << _SIEVE_BITS, dtype=np.bool_)
    sieve[_find_sieve_slots(in_texts)] = True
    maybe = np.flatnonzero(sieve.take(_find_sieve_slots(keys)))  # most words of an entry are not in the text
    hits = maybe[is_in_sorted(keys[maybe], in_texts)]
    name_keys = (names.reshape(-1).take(rows[hits]).astype(np.uint64) << _HALF) | words[hits]
    hits = hits[~is_in_sorted(name_keys, in_names)]
    weights = base.idf.take(words[hits].astype(np.int64)).astype(np.float64)
    shared = np.bincount(rows[hits], weights, minlength=len(entries))
    return np.asarray(shared / (_SMOOTHING + base.entry_term_weights.take(entries).astype(np.float64)))


def _get_texts_of_spans(text: ParsedTexts, spans: IntArray) -> FoldedTexts:
    """Return each span as a text of its own."""
    starts = text.spans.starts.take(spans)
    sizes = text.spans.stops.take(spans) - starts + 1
    codes = text.folded.codes.take(expand_ranges(starts, sizes))
    ends = np.cumsum(sizes)
    codes[ends - 1] = ord(BORDER)
    return FoldedTexts(codes, ends - sizes, codes)


def _find_term_numbers(base: KnowledgeBase, folded: FoldedTexts, texts: IntArray | None) -> UInt64Array:
    """Return the known terms of texts, ascending, with the number of the text above.

    Args:
        base: The knowledge base; a term of no entry is unknown.
        folded: The texts.
        texts: Numbers of the texts to use, by default of all.
    """
    keys = find_terms_by_text(folded)
    numbers = keys >> _HALF
    if texts is not None:
        is_used = np.zeros(len(folded.starts), dtype=np.bool_)
        is_used[texts] = True
        rows = np.flatnonzero(is_used.take(numbers.astype(np.int64)))
        keys, numbers = keys.take(rows), numbers.take(rows)
    terms = base.term_index.find((keys & _LOW).astype(np.uint32)).astype(np.uint64)
    return np.sort(((numbers << _HALF) | terms)[terms > 0])


def _find_sieve_slots(keys: UInt64Array) -> IntArray:
    mixed = (keys * GOLDEN) ^ ((keys >> _HALF) * XXHASH)
    return (mixed >> np.uint64(64 - _SIEVE_BITS)).astype(np.int64)
