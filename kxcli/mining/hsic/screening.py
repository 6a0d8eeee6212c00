"""Dependence of terms on a label, from counts alone; q-values for many tests."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.null_distribution import compute_category_eigenvalues, compute_mixture_tail
from kxcli.mining.hsic.parameters import MeasureError, Testing
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.sequential import choose_max_draws

_RELATIVE_TOLERANCE = 1e-10  # of equal statistics
_ZERO_EIGENVALUE = 1e-12  # smaller ones are rounding errors of 0


class TermDependence(NamedTuple):
    """The dependence of a term's presence in a text on the text's label.

    Both have the delta kernel.

    Attributes:
        term: A word or n-gram.
        n: The number of texts that have it.
        label: The code of the label with the largest excess of such texts over its share.
        biased_n2: See `estimators.Estimates`.
        cka: None if every text has the term.
        p_value, q_value: None without a test, and if the test is undefined: every text has the term, or all labels are
            equal, or all are different.
    """

    term: str
    n: int
    label: int
    biased_n2: float
    cka: float | None
    p_value: float | None
    q_value: float | None


def screen_terms(
    counts: Mapping[str, Mapping[int, int]], sizes: Sequence[int], testing: Testing, min_texts: int = 1
) -> list[TermDependence]:
    """Return the terms in descending order of CKA, ties by code points.

    With two labels and `auto`, p is exact: HSIC grows with the distance of a term's texts of one label from their
    share, which is hypergeometric under permutations. Else permutations are drawn as numbers of texts by label, once
    for each distinct number of texts of a term.
    Cost: O(terms) and the tests of the distinct numbers of texts; independent of the number of texts.

    Args:
        counts: For each term, its number of texts by label.
        sizes: The number of texts of each label.
        testing: The test of independence.
        min_texts: Of a term; rarer ones are excluded.

    Raises:
        MeasureError: For the gamma test.
    """
    if testing.name == "gamma":
        raise MeasureError("terms are tested exactly, by permutation or eigen, not by gamma")
    terms = [term for term, by_label in counts.items() if sum(by_label.values()) >= min_texts]
    label_sizes: IntArray = np.array(sizes, dtype=np.int64)
    n = int(label_sizes.sum())
    totals, labels, traces = _measure_terms([counts[term] for term in terms], label_sizes)
    roots = 2 * totals * (n - totals) / n  # of Tr(Kc Kc) of a term's presence
    shares = label_sizes / n
    # The sum of squares of the matrix diag(p) - p pᵀ, of the shares p.
    label_root = n * math.sqrt(float((shares**2).sum() - 2 * (shares**3).sum() + (shares**2).sum() ** 2))
    p_values: list[float | None] = [None] * len(terms)
    if testing.name != "none" and 1 < len(label_sizes) < n:
        is_tested = np.flatnonzero(totals < n)
        tested = _compute_p_values(traces[is_tested], totals[is_tested], label_sizes, testing)
        for i, p in zip(is_tested, tested, strict=True):
            p_values[i] = float(p)
    q_values = compute_q_values(p_values)
    rows = [
        TermDependence(
            term,
            int(totals[i]),
            int(labels[i]),
            float(traces[i]) / n**2,
            float(traces[i] / roots[i] / label_root) if roots[i] and label_root else None,
            p_values[i],
            q_values[i],
        )
        for i, term in enumerate(terms)
    ]
    return sorted(rows, key=lambda row: (row.cka is None, -(row.cka or 0.0), row.term))


def _measure_terms(counts: Sequence[Mapping[int, int]], label_sizes: IntArray) -> tuple[IntArray, IntArray, FloatArray]:
    """Return for each term its number of texts, its label, and Tr(Kc Lc)."""
    n = int(label_sizes.sum())
    totals: IntArray = np.zeros(len(counts), dtype=np.int64)
    labels: IntArray = np.zeros(len(counts), dtype=np.int64)
    squares: FloatArray = np.zeros(len(counts))  # of n times the excess over each label's share: integers
    all_squares = float((label_sizes.astype(np.float64) ** 2).sum())
    for row, by_label in enumerate(counts):
        own_labels = np.fromiter(by_label.keys(), np.int64)
        own_counts = np.fromiter(by_label.values(), np.int64)
        total = totals[row] = own_counts.sum()
        excess = n * own_counts - total * label_sizes[own_labels]
        labels[row] = own_labels[excess.argmax()]
        # For labels without the term, the excess is minus the total times their size.
        rest = all_squares - float((label_sizes[own_labels].astype(np.float64) ** 2).sum())
        squares[row] = float((excess.astype(np.float64) ** 2).sum()) + float(total) ** 2 * rest
    return totals, labels, 2 * squares / n**2


def compute_q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """Return the q-values of the tests with a p-value, and None for the others."""
    q_values: list[float | None] = [None] * len(p_values)
    is_tested = [i for i, p in enumerate(p_values) if p is not None]
    tested = np.array([p_values[i] for i in is_tested], dtype=np.float64)
    for i, q in zip(is_tested, compute_benjamini_hochberg(tested).tolist(), strict=True):
        q_values[i] = q
    return q_values


def compute_benjamini_hochberg(p_values: FloatArray) -> FloatArray:
    """Return the q-values of some p-values (Benjamini and Hochberg 1995).

    A q-value is the smallest false discovery rate at which the test is rejected.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = p_values[order] * len(p_values) / np.arange(1, len(p_values) + 1)
    q_values = np.empty(len(p_values))
    q_values[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return q_values


def _compute_p_values(traces: FloatArray, totals: IntArray, label_sizes: IntArray, testing: Testing) -> FloatArray:
    n = int(label_sizes.sum())
    if testing.name == "eigen":
        spectrum = compute_category_eigenvalues(label_sizes)
        spectrum = spectrum[spectrum > _ZERO_EIGENVALUE]
        scales = 2 * (totals / n) * (1 - totals / n)
        excesses = scales * float(spectrum.sum()) / (n - 1)  # as in `null_distribution.compute_eigen_p_value`
        return np.array(
            [
                compute_mixture_tail(scale * spectrum, np.ones(len(spectrum)), trace / n - excess)
                for scale, trace, excess in zip(scales, traces, excesses, strict=True)
            ]
        )
    p_values = np.empty(len(traces))
    is_exact = testing.name == "auto" and len(label_sizes) == 2
    log_factorials = np.array([math.lgamma(i + 1) for i in range(n + 1)]) if is_exact else np.empty(0)
    for total, at in _group_by_total(totals):
        if is_exact:
            distances = np.rint(n * np.sqrt(traces[at]) / 2).astype(np.int64)  # the same for both labels
            p_values[at] = _compute_hypergeometric_tail(distances, total, label_sizes, log_factorials)
        else:
            rng = make_generator(RandomStream.TEXTS, testing.seed, total)
            n_draws = choose_max_draws(1, testing.permutations)
            draws = rng.multivariate_hypergeometric(label_sizes, total, n_draws, method="marginals")
            null = np.sort(2 * np.square((n * draws - total * label_sizes) / n).sum(axis=1))
            n_reaching = len(null) - np.searchsorted(null, traces[at] * (1 - _RELATIVE_TOLERANCE), side="left")
            p_values[at] = (1 + n_reaching) / (1 + n_draws)
    return p_values


def _group_by_total(totals: IntArray) -> Iterable[tuple[int, IntArray]]:
    """Return each number of texts with the positions of its terms."""
    order = np.argsort(totals, kind="stable")
    values, starts, lengths = np.unique(totals[order], return_index=True, return_counts=True)
    return [(int(value), order[i : i + n]) for value, i, n in zip(values, starts, lengths, strict=True)]


def _compute_hypergeometric_tail(
    distances: IntArray, total: int, label_sizes: IntArray, log_factorials: FloatArray
) -> FloatArray:
    """Return the probabilities of at least some distances from the share.

    Args:
        distances: n times the number of texts above or below the share.
        total: The number of texts with the term.
        label_sizes: The number of texts of both labels.
        log_factorials: Of 0 to n.
    """
    first, second = map(int, label_sizes)
    drawn = np.arange(max(0, total - second), min(total, first) + 1)

    def compute_log_choose(n: int, k: IntArray) -> FloatArray:
        logs: FloatArray = log_factorials[n] - log_factorials[k] - log_factorials[n - k]
        return logs

    logs = compute_log_choose(first, drawn) + compute_log_choose(second, total - drawn)
    logs -= compute_log_choose(first + second, np.array([total]))
    all_distances = np.abs((first + second) * drawn - total * first)
    order = np.argsort(all_distances)
    tails = np.cumsum(np.exp(logs[order])[::-1])[::-1]  # the smallest are added first, so that they count
    at = np.searchsorted(all_distances[order], distances, side="left")
    probabilities: FloatArray = np.minimum(tails[np.minimum(at, len(tails) - 1)], 1.0)
    return probabilities
