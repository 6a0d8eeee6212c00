"""Which of many goes with a label?  Words or n-grams by counts alone; q-values for many tests at once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.asymptotic import category_eigenvalues
from kxcli.mining.hsic.mixture import mixture_tail
from kxcli.mining.hsic.parameters import MeasureError, Testing
from kxcli.mining.hsic.random_streams import RandomStream, make_generator

_TIE = 1e-10  # relative: statistics that are equal come out apart by less


class TermDependence(NamedTuple):
    """How a term's presence in a text depends on the text's label, both under the delta kernel.

    n: texts that hold it.  label: the number of the label that has it most above its share.
    cka: None where every text holds it.  p_value, q_value: None without a test, and where it is undefined: every text
    holds the term, or all labels are the same, or all are different.
    """

    term: str
    n: int
    label: int
    biased_n2: float
    cka: float | None
    p_value: float | None
    q_value: float | None


def screen_terms(
    counts: Mapping[str, Mapping[int, int]], sizes: Sequence[int], testing: Testing, least: int = 1
) -> list[TermDependence]:
    """Return the terms that at least so many texts hold, those of the greatest CKA first, equal ones by code points.

    counts: for each term its number of texts by label.  sizes: the number of texts of each label.
    With two labels and `auto`, p is exact: HSIC grows with the distance of a term's texts of one label from their
    share, which permutations make hypergeometric.  Else permutations are drawn as what they are, numbers of texts by
    label, once for each number of texts that a term has.  Raises `MeasureError` for a test that is not for terms.
    Cost: O(terms) and what the tests of the distinct numbers of texts take; never a row a text.
    """
    if testing.name == "gamma":
        raise MeasureError("terms are tested exactly, by permutation or eigen, not by gamma")
    terms = [term for term, of_term in counts.items() if sum(of_term.values()) >= least]
    by_label: IntArray = np.array(sizes, dtype=np.int64)
    n = int(by_label.sum())
    totals: IntArray = np.zeros(len(terms), dtype=np.int64)
    labels: IntArray = np.zeros(len(terms), dtype=np.int64)
    squares: FloatArray = np.zeros(len(terms))  # of n times the number of texts above each label's share: whole numbers
    all_squares = float((by_label.astype(np.float64) ** 2).sum())
    for row, term in enumerate(terms):
        own_labels = np.fromiter(counts[term].keys(), np.int64)
        own_counts = np.fromiter(counts[term].values(), np.int64)
        total = totals[row] = own_counts.sum()
        excess = n * own_counts - total * by_label[own_labels]
        labels[row] = own_labels[excess.argmax()]
        # Labels without the term are total times their size below their share.
        rest = all_squares - float((by_label[own_labels].astype(np.float64) ** 2).sum())
        squares[row] = float((excess.astype(np.float64) ** 2).sum()) + float(total) ** 2 * rest
    traces: FloatArray = 2 * squares / n**2
    own = 2 * totals * (n - totals) / n  # the root of Tr(Kc Kc) of a term's presence
    shares = by_label / n  # the sum of the squares of diag(p) - p pᵀ, without so many entries:
    own_label = n * math.sqrt(float((shares**2).sum() - 2 * (shares**3).sum() + (shares**2).sum() ** 2))
    p_values: list[float | None] = [None] * len(terms)
    if testing.name != "none" and 1 < len(by_label) < n:
        is_tested = np.flatnonzero(totals < n)
        for i, p in zip(is_tested, _p_values(traces[is_tested], totals[is_tested], by_label, testing), strict=True):
            p_values[i] = float(p)
    q_values = compute_q_values(p_values)
    found = [
        TermDependence(
            term,
            int(totals[i]),
            int(labels[i]),
            float(traces[i]) / n**2,
            float(traces[i] / own[i] / own_label) if own[i] and own_label else None,
            p_values[i],
            q_values[i],
        )
        for i, term in enumerate(terms)
    ]
    return sorted(found, key=lambda one: (one.cka is None, -(one.cka or 0.0), one.term))


def compute_q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """Return the q-values of the tests with a p-value, and None for the others."""
    q_values: list[float | None] = [None] * len(p_values)
    is_tested = [i for i, p in enumerate(p_values) if p is not None]
    tested = np.array([p_values[i] for i in is_tested], dtype=np.float64)
    for i, q in zip(is_tested, benjamini_hochberg(tested).tolist(), strict=True):
        q_values[i] = q
    return q_values


def benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Return q-values: the least false discovery rate at which each test would be called (1995), in the given order."""
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    q_values = np.empty(len(p_values))
    q_values[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_values


def _p_values(traces: FloatArray, totals: IntArray, by_label: IntArray, testing: Testing) -> FloatArray:
    n = int(by_label.sum())
    if testing.name == "eigen":
        spectrum = category_eigenvalues(by_label)
        spectrum = spectrum[spectrum > 1e-12]
        scales = 2 * (totals / n) * (1 - totals / n)
        excesses = scales * float(spectrum.sum()) / (n - 1)  # as in `asymptotic.eigen_p_value`
        return np.array(
            [
                mixture_tail(scale * spectrum, np.ones(len(spectrum)), trace / n - excess)
                for scale, trace, excess in zip(scales, traces, excesses, strict=True)
            ]
        )
    p_values = np.empty(len(traces))
    is_exact = testing.name == "auto" and len(by_label) == 2
    log_factorials = np.array([math.lgamma(i + 1) for i in range(n + 1)]) if is_exact else np.empty(0)
    for total, at in _alike(totals):
        if is_exact:
            distances = np.rint(n * np.sqrt(traces[at]) / 2).astype(np.int64)  # both labels' are the same
            p_values[at] = _hypergeometric(distances, total, by_label, log_factorials)
        else:
            rng = make_generator(RandomStream.TEXTS, testing.seed, total)
            draws = rng.multivariate_hypergeometric(by_label, total, testing.permutations, method="marginals")
            null = np.sort(2 * np.square((n * draws - total * by_label) / n).sum(axis=1))
            n_reaching = len(null) - np.searchsorted(null, traces[at] * (1 - _TIE), side="left")
            p_values[at] = (1 + n_reaching) / (1 + testing.permutations)
    return p_values


def _alike(totals: IntArray) -> Iterable[tuple[int, IntArray]]:
    """Yield each number of texts, and which terms have it."""
    order = np.argsort(totals, kind="stable")
    values, starts, lengths = np.unique(totals[order], return_index=True, return_counts=True)
    return [(int(value), order[i : i + n]) for value, i, n in zip(values, starts, lengths, strict=True)]


def _hypergeometric(distances: IntArray, total: int, by_label: IntArray, log_factorials: FloatArray) -> FloatArray:
    """Return for each distance the probability that `total` texts have the first label so far from its share.

    distances: n times the number of texts above or below it.
    """
    first, second = map(int, by_label)
    drawn = np.arange(max(0, total - second), min(total, first) + 1)

    def log_choose(n: int, k: IntArray) -> FloatArray:
        chosen: FloatArray = log_factorials[n] - log_factorials[k] - log_factorials[n - k]
        return chosen

    logs = log_choose(first, drawn) + log_choose(second, total - drawn)
    logs -= log_choose(first + second, np.array([total]))
    away = np.abs((first + second) * drawn - total * first)
    order = np.argsort(away)
    from_far = np.cumsum(np.exp(logs[order])[::-1])[::-1]  # small ones first, so that they count
    at = np.searchsorted(away[order], distances, side="left")
    chances: FloatArray = np.minimum(from_far[np.minimum(at, len(from_far) - 1)], 1.0)
    return chances
