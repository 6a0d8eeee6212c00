"""Dependence of terms on a label, from counts alone."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from kxcli.arrays import FloatArray, IntArray
from kxcli.mining.hsic.estimators import KernelProduct, KernelSums, make_product
from kxcli.mining.hsic.null_distribution import (
    MIN_EXPECTED_COUNT,
    MIN_P_VALUE,
    compute_category_eigenvalues,
    compute_eigen_p_value,
    count_rare_rows,
)
from kxcli.mining.hsic.parameters import MeasureError, Testing
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.sequential import SequentialCounts, choose_max_draws
from kxcli.mining.multiple_tests import Adjustment, adjust_p_values

_RELATIVE_TOLERANCE = 1e-10  # of equal statistics
_ZERO_EIGENVALUE = 1e-12  # smaller ones are rounding errors of 0
_BATCH_DRAWS = 1_000  # of a number of texts, before it is known which words need more


class TermDependence(NamedTuple):
    """The dependence of a term's presence in a text on the text's label.

    Both have the delta kernel.

    Attributes:
        term: A word or n-gram.
        n: The number of texts that have it.
        label: The code of the label with the largest excess of such texts over its share.
        biased_n2: See `estimators.Estimates`.
        cka: None if every text has the term.
        p_value: None without a test, and if the test is undefined: every text has the term, or all labels are equal,
            or all are different.
        q_value: The adjusted p-value; None without one, or without adjustment.
        draws: The random draws that the p-value rests on; None if it has none.
    """

    term: str
    n: int
    label: int
    biased_n2: float
    cka: float | None
    p_value: float | None
    q_value: float | None
    draws: int | None


def screen_terms(
    counts: Mapping[str, Mapping[int, int]],
    sizes: Sequence[int],
    testing: Testing,
    min_texts: int = 1,
    adjustment: Adjustment = "bh",
) -> list[TermDependence]:
    """Return the terms in descending order of CKA, ties by code points.

    With two labels and `auto`, p is exact: HSIC grows with the distance of a term's texts of one label from their
    share, which is hypergeometric under permutations. Else permutations are drawn as numbers of texts by label, until
    `SequentialCounts` has a p for all terms of the same number of texts; these share their draws. So are terms too rare
    for eigen (`null_distribution.compute_least_expected_count`).
    Cost: O(terms) and the tests of the distinct numbers of texts; independent of the number of texts.

    Args:
        counts: For each term, its number of texts by label.
        sizes: The number of texts of each label.
        testing: The test of independence.
        min_texts: Of a term; rarer ones are excluded.
        adjustment: Of the p-values.

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
    draws: list[int | None] = [None] * len(terms)
    if testing.name != "none" and 1 < len(label_sizes) < n:
        is_tested = np.flatnonzero(totals < n)
        tests = _TermTests(
            [counts[terms[i]] for i in is_tested], traces[is_tested], totals[is_tested], label_sizes, testing
        )
        tests.compute()
        for i, p, n_draws in zip(is_tested, tests.p_values.tolist(), tests.draws.tolist(), strict=True):
            p_values[i], draws[i] = p, n_draws or None
    q_values = adjust_p_values(p_values, adjustment)
    rows = [
        TermDependence(
            term,
            int(totals[i]),
            int(labels[i]),
            float(traces[i]) / n**2,
            float(traces[i] / roots[i] / label_root) if roots[i] and label_root else None,
            p_values[i],
            q_values[i],
            draws[i],
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


class _TermTests:
    """The p-values of terms, and their numbers of draws.

    A p-value without draws has 0 of them.

    Args:
        counts: For each term, its number of texts by label.
        traces: Tr(Kc Lc) of each term.
        totals: The number of texts of each term; less than that of all texts.
        label_sizes: The number of texts of each label.
        testing: The test of independence.
    """

    def __init__(
        self,
        counts: Sequence[Mapping[int, int]],
        traces: FloatArray,
        totals: IntArray,
        label_sizes: IntArray,
        testing: Testing,
    ) -> None:
        self._counts, self._traces, self._totals = counts, traces, totals
        self._label_sizes, self._n, self._testing = label_sizes, int(label_sizes.sum()), testing
        self._max_draws = choose_max_draws(len(traces), testing.permutations)
        self.p_values: FloatArray = np.ones(len(traces))
        self.draws: IntArray = np.zeros(len(traces), dtype=np.int64)

    def compute(self) -> None:
        """Test the terms of each number of texts."""
        is_exact = self._testing.name == "auto" and len(self._label_sizes) == 2
        log_factorials = np.array([math.lgamma(i + 1) for i in range(self._n + 1)]) if is_exact else np.empty(0)
        spectrum = compute_category_eigenvalues(self._label_sizes)
        spectrum = spectrum[spectrum > _ZERO_EIGENVALUE]
        n_rare_labels = count_rare_rows(self._n, int(self._label_sizes.max()))
        for total, at in _group_by_total(self._totals):
            n_rare_texts = count_rare_rows(self._n, max(total, self._n - total))
            if is_exact:
                distances = np.rint(self._n * np.sqrt(self._traces[at]) / 2).astype(np.int64)  # equal for both labels
                self.p_values[at] = _compute_hypergeometric_tail(distances, total, self._label_sizes, log_factorials)
            elif self._testing.name == "eigen" and n_rare_texts * n_rare_labels >= MIN_EXPECTED_COUNT * self._n:
                spectrum_x = np.array([2 * total * (self._n - total) / self._n**2])
                for i in at.tolist():
                    self.p_values[i] = compute_eigen_p_value(self._sum_kernels(i), spectrum_x, spectrum)
            else:
                self._draw(total, at)

    def _draw(self, total: int, at: IntArray) -> None:
        """Test terms of the same number of texts by random draws."""
        traces, places = np.unique(self._traces[at], return_inverse=True)
        thresholds = traces * (1 - _RELATIVE_TOLERANCE)
        counts = SequentialCounts(len(traces), self._max_draws)
        rng = make_generator(RandomStream.TEXTS, self._testing.seed, total)
        while (is_open := counts.is_open).any():
            draws = rng.multivariate_hypergeometric(self._label_sizes, total, _BATCH_DRAWS, method="marginals")
            null = 2 * np.square((self._n * draws - total * self._label_sizes) / self._n).sum(axis=1)
            counts.add(null[:, None] >= thresholds[is_open])
        self.p_values[at], self.draws[at] = counts.compute_p_values()[places], counts.n_draws[places]

    def _sum_kernels(self, i: int) -> KernelSums:
        """Return the sums over the delta kernels of a term's presence and of the labels."""
        n, sizes = self._n, self._label_sizes
        by_label = np.zeros(len(sizes))
        for label, count in self._counts[i].items():
            by_label[label] = count
        table = np.array((by_label, sizes - by_label))
        margins = table.sum(axis=1), table.sum(axis=0)
        diagonals = [1 - 2 * margin / n + float(margin @ margin) / n**2 for margin in margins]
        trace_x, trace_y = (n - float(margin @ margin) / n for margin in margins)

        def multiply_own(margin: FloatArray, diagonal: FloatArray, trace: float) -> KernelProduct:
            squares = float(margin @ margin)
            own = squares - 2 * float((margin**3).sum()) / n + (squares / n) ** 2
            return make_product(n, own, float(margin @ diagonal**2), trace, trace)

        return KernelSums(
            n,
            make_product(n, float(self._traces[i]), float(diagonals[0] @ table @ diagonals[1]), trace_x, trace_y),
            multiply_own(margins[0], diagonals[0], trace_x),
            multiply_own(margins[1], diagonals[1], trace_y),
            trace_x,
            trace_y,
            max_abs_x=1.0,
            max_abs_y=1.0,
        )


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
    probabilities: FloatArray = np.clip(tails[np.minimum(at, len(tails) - 1)], MIN_P_VALUE, 1.0)
    return probabilities
