"""Features of candidates from numbers in their facts, such as coordinates."""

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.arrays.ragged import expand_ranges, expand_rows
from kxcli.mining.linking.candidates.candidate_features import ContextCandidates
from kxcli.mining.linking.kb.knowledge_base import KnowledgeBase

_REACHES = (0.15, 0.02)  # standard deviations over which the likeness falls to 1 / e, for "close" and for "closer"
_MAX_COMPARED = 12  # the most likely candidates of a form are compared with those of other forms
_MAX_PAIRS = 1 << 22  # pairs of candidates compared at a time, which bounds memory


def compare_numbers(base: KnowledgeBase, used: ContextCandidates) -> tuple[FloatArray, FloatArray]:
    """Return the likeness of each candidate's numbers to those of other forms.

    There are two scales, "close" and "closer".

    The distance of two candidates is the root mean square of the differences over their common predicates.
    """
    n = len(used.rows)
    has_numbers = np.diff(base.entry_number_starts).take(used.entries) > 0
    order = np.lexsort((-used.beliefs, used.forms))
    ordered = used.forms.take(order)
    ranks = np.arange(n) - np.searchsorted(ordered, ordered)
    others = order[has_numbers.take(order) & (ranks < _MAX_COMPARED)]
    others = others[np.argsort(used.texts.take(others), kind="stable")]
    texts = used.texts.take(others)
    rows = np.flatnonzero(has_numbers & used.has_rivals)
    firsts = np.searchsorted(texts, used.texts.take(rows))
    sizes = np.searchsorted(texts, used.texts.take(rows), side="right") - firsts
    n_pairs = np.cumsum(sizes)
    totals = np.zeros(n), np.zeros(n)
    first = 0
    while first < len(rows):
        n_done = n_pairs[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(n_pairs, n_done + _MAX_PAIRS, "right")))
        batch = slice(first, last)
        compared = others.take(expand_ranges(firsts[batch], sizes[batch]))
        for total, gains in zip(
            totals, _compute_likeness(base, used, np.repeat(rows[batch], sizes[batch]), compared), strict=True
        ):
            total += gains
        first = last
    return np.log1p(totals[0]), np.log1p(totals[1])


def _compute_likeness(
    base: KnowledgeBase, used: ContextCandidates, rows: IntArray, others: IntArray
) -> list[FloatArray]:
    """Return the sum over other forms of the likeness to their best candidate.

    Args:
        base: The knowledge base.
        used: The candidates.
        rows: The candidate of each pair.
        others: The candidate that it is compared with; pairs of one form are ignored.
    """
    is_other = np.flatnonzero(used.forms.take(rows) != used.forms.take(others))
    rows, others = rows.take(is_other), others.take(is_other)
    distances, n_common = _measure_distances(base, used.entries.take(rows), used.entries.take(others))
    beliefs = np.where(n_common > 0, used.beliefs.take(others), 0.0)
    n_forms = int(used.forms.max()) + 1
    pairs, inverse = np.unique(rows * n_forms + used.forms.take(others), return_inverse=True)
    inverse = inverse.reshape(-1)
    sums = []
    for reach in _REACHES:
        best = np.zeros(len(pairs))
        np.maximum.at(best, inverse, beliefs * np.exp(-distances / reach))
        sums.append(np.bincount(pairs // n_forms, best, minlength=len(used.rows)).astype(np.float64))
    return sums


def _measure_distances(base: KnowledgeBase, entries: IntArray, others: IntArray) -> tuple[FloatArray, IntArray]:
    """Return the distance and the number of common predicates of pairs of entries."""
    at, pairs = expand_rows(entries, base.entry_number_starts)
    other_at, other_pairs = expand_rows(others, base.entry_number_starts)
    n_predicates = int(base.entry_number_predicates.max(initial=0)) + 1
    other_keys = other_pairs * n_predicates + base.entry_number_predicates.take(other_at)
    order = np.argsort(other_keys)
    ordered = other_keys.take(order)
    keys = pairs * n_predicates + base.entry_number_predicates.take(at)
    positions = np.searchsorted(ordered, keys).clip(max=max(len(ordered) - 1, 0))
    common = np.flatnonzero(ordered.take(positions) == keys)
    values = base.entry_numbers.take(at.take(common)).astype(np.float64)
    gaps = values - base.entry_numbers.take(other_at.take(order.take(positions.take(common))))
    total = np.bincount(pairs.take(common), gaps * gaps, minlength=len(entries))
    n_common = np.bincount(pairs.take(common), minlength=len(entries))
    return np.sqrt(total / np.maximum(n_common, 1)), n_common
