"""Two columns -> their dependence: every estimator, and a p-value."""

from dataclasses import dataclass
from typing import NamedTuple

from kxcli.arrays import FloatArray
from kxcli.mining.hsic import moments, null_distribution, permutation, tiles
from kxcli.mining.hsic.estimators import (
    Estimates,
    KernelSums,
    compute_estimates,
    is_permutation_invariant,
    sum_categories,
)
from kxcli.mining.hsic.features import MAX_WIDTH, FeatureMap
from kxcli.mining.hsic.jobs import RunJob, run_inline
from kxcli.mining.hsic.kernels import CategoricalVariable
from kxcli.mining.hsic.low_rank import LowRankKernel, compress
from kxcli.mining.hsic.parameters import (
    MAX_PERMUTED_ROWS,
    MIN_ROWS,
    Dependence,
    MeasureError,
    Testing,
)
from kxcli.mining.hsic.permutation import PermutationView
from kxcli.mining.hsic.text_kernel import TextVariable
from kxcli.mining.hsic.variables import Variable
from kxcli.wording import format_count

_MAX_TILED_ROWS = 128  # tiles of so few rows cost nothing, and keep more digits of nearly diagonal kernels
_FEATURE_SECONDS, _ENTRY_SECONDS, _PRODUCT_SECONDS = 6e-9, 3e-9, 2.5e-11  # per feature, tile entry and product
_MIN_AUTO_SHARE = 0.9  # of a kernel's variance, below which `auto` does not permute
_FULL_SHARE = 0.999  # of a kernel's variance: not worth a note


@dataclass(frozen=True)
class MeasureLimits:
    """Maximal sizes of an exact measurement.

    Attributes:
        permuted_rows: That `auto` permutes.
        spectrum_rows: Of a kernel whose eigenvalues are computed.
        rank: Features that permutations compare; None for `permutation.get_max_rank`.
        cells: Of the table of terms by categories, for permutations that compare all terms.
    """

    permuted_rows: int = MAX_PERMUTED_ROWS
    spectrum_rows: int = null_distribution.MAX_SPECTRUM_ROWS
    rank: int | None = None
    cells: int = permutation.MAX_CELLS


DEFAULT_LIMITS = MeasureLimits()


def measure(
    x: Variable, y: Variable, testing: Testing, run: RunJob = run_inline, limits: MeasureLimits = DEFAULT_LIMITS
) -> Dependence:
    """Return the dependence of two variables.

    Cost: O(n m²) for variables of m features (numbers with the linear kernel, or with the gaussian one in one
    dimension, m = 3.8 (range/σ + 6); categories), else O(n²); for that of tests, see `permutation` and
    `null_distribution`. The test is undefined for a constant variable and for one without two equal rows.

    Args:
        x: One variable.
        y: The other, with as many rows.
        testing: The test of independence.
        run: Runs the jobs.
        limits: For tests of this function.

    Raises:
        MeasureError: For fewer than 4 rows, different numbers of rows, and a test that is not for these kernels.
    """
    if x.n != y.n:
        raise MeasureError(f"x has {format_count(x.n, 'rows')}, and y has {y.n:,}")
    if x.n < MIN_ROWS:
        raise MeasureError(f"too few rows: {x.n}; HSIC needs at least {MIN_ROWS}")
    name: str = testing.name
    if name == "auto":
        name = "permutation" if x.n <= limits.permuted_rows else "eigen"
    notes = [
        f"{letter} is constant, so HSIC is 0, and CKA and the test are undefined"
        for letter, variable in (("x", x), ("y", y))
        if variable.is_constant
    ]
    if testing.name == "auto" and name == "eigen":
        notes.append(f"the test is eigen, because there are more than {limits.permuted_rows:,} rows")
    p: float | None = None
    if x.is_constant or y.is_constant:
        estimates = Estimates(0.0, 0.0, 0.0, None, None)
    else:
        summary = _sum_kernels(x, y, run)
        estimates = compute_estimates(summary.sums)
        if reasons := _explain_undefined(estimates, summary.sums, name):
            notes += reasons
        else:
            name, p, test_notes = _Test(x, y, summary, testing, run, limits).compute(name)
            notes += test_notes
    return Dependence(
        x.n,
        str(x.kernel),
        None if x.is_constant else x.kernel.sigma,
        str(y.kernel),
        None if y.is_constant else y.kernel.sigma,
        *estimates,
        test=name,
        p_value=p,
        dependent=None if p is None else p <= testing.alpha,
        notes=tuple(notes),
    )


def _explain_undefined(estimates: Estimates, sums: KernelSums, name: str) -> list[str]:
    """Return why CKA or a test is undefined."""
    if estimates.cka is None:
        return ["a kernel does not vary beyond rounding, so CKA and the test are undefined"]
    if name == "none":
        return []
    return [
        f"no two rows of {letter} are equal for its kernel, so the test is undefined"
        for letter, own, trace in (("x", sums.xx, sums.trace_x), ("y", sums.yy, sums.trace_y))
        if is_permutation_invariant(sums.n, own, trace)
    ]


class _KernelSummary(NamedTuple):
    """Sums over the centered kernels, and intermediate results that a test can use."""

    sums: KernelSums
    moment_sums: moments.MomentSums | None = None
    means: tuple[FloatArray, FloatArray] | None = None


def _sum_kernels(x: Variable, y: Variable, run: RunJob) -> _KernelSummary:
    """Return the sums by the fastest exact method."""
    if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
        return _KernelSummary(sum_categories(x, y))
    if x.features is not None and y.features is not None and _prefers_features(x.features, y.features, x.n):
        tasks = moments.iter_tasks(x, y, x.features.width + y.features.width)
        total = run(moments.SumMoments(x.features, y.features), tasks, None, "moments")
        return _KernelSummary(total.compute_sums(x.max_abs, y.max_abs), moment_sums=total)
    tile_sums = run(tiles.SumTiles(), tiles.iter_tasks(x.n), (x, y), "kernels")
    return _KernelSummary(tile_sums.compute_sums(x, y), means=tile_sums.compute_means(x, y))


def _prefers_features(x: FeatureMap, y: FeatureMap, n: int) -> bool:
    """Return whether features are faster than tiles."""
    width = x.width + y.width
    if n <= _MAX_TILED_ROWS or width > MAX_WIDTH:
        return False
    return width * _FEATURE_SECONDS + width**2 * _PRODUCT_SECONDS <= n * _ENTRY_SECONDS


@dataclass(frozen=True)
class _Test:
    """A test of two variables with sums over their kernels."""

    x: Variable
    y: Variable
    summary: _KernelSummary
    testing: Testing
    run: RunJob
    limits: MeasureLimits

    def compute(self, name: str) -> tuple[str, float | None, list[str]]:
        """Return the name of the test, its p-value and notes."""
        if name == "gamma":
            return name, null_distribution.compute_gamma_p_value(self.summary.sums), []
        if name == "none":
            return name, None, []
        notes = []
        if name == "permutation":
            views = self._make_views(min_share=_MIN_AUTO_SHARE if self.testing.name == "auto" else 0.0)
            if views is not None:
                return name, self._permute(views), _describe_omissions(views)
            notes = ["the test is eigen, because permutations would compare too little of a kernel"]
        p = null_distribution.compute_eigen_p_value(self.summary.sums, *self._compute_spectra())
        max_rows = self.limits.spectrum_rows
        if self.summary.moment_sums is None and self.x.n > max_rows:
            notes += [
                f"the spectrum of {letter}'s kernel is that of {max_rows:,} of {self.x.n:,} rows"
                for letter, variable in (("x", self.x), ("y", self.y))
                if not isinstance(variable, CategoricalVariable)
            ]
        return "eigen", p, notes

    def _permute(self, views: tuple[PermutationView, PermutationView]) -> float:
        tasks = permutation.iter_tasks(*views, self.testing.permutations)
        n_reaching = self.run(permutation.CountPermutations(self.testing.seed), tasks, views, "permutations")
        return permutation.compute_permutation_p_value(n_reaching, self.x.n, self.testing.permutations)

    def _make_views(self, min_share: float) -> tuple[PermutationView, PermutationView] | None:
        """Return the data for permutations.

        These are all terms of texts against categories, and else few features; None if the features of a variable would
        hold less than `min_share` of its kernel.
        """
        for texts, groups in ((self.x, self.y), (self.y, self.x)):
            if (
                isinstance(texts, TextVariable)
                and isinstance(groups, CategoricalVariable)
                and permutation.keeps_all_terms(texts, groups, self.limits.cells)
            ):
                return (texts, groups) if texts is self.x else (groups, texts)
        rank = permutation.get_max_rank(self.x.n) if self.limits.rank is None else self.limits.rank
        views: list[PermutationView] = []
        for which, variable in enumerate((self.x, self.y)):
            means = None if self.summary.means is None else self.summary.means[which]
            view = compress(variable, rank, self.testing.seed, which, means)
            if isinstance(view, LowRankKernel) and view.share < min_share:
                return None
            views.append(view)
        return views[0], views[1]

    def _compute_spectra(self) -> tuple[FloatArray, FloatArray]:
        if self.summary.moment_sums is not None:
            return self.summary.moment_sums.compute_spectra()
        sums = self.summary.sums
        return (
            self._compute_spectrum(self.x, sums.trace_x, sums.xx.trace, 0),
            self._compute_spectrum(self.y, sums.trace_y, sums.yy.trace, 1),
        )

    def _compute_spectrum(self, variable: Variable, trace: float, squares: float, which: int) -> FloatArray:
        if isinstance(variable, CategoricalVariable):
            return null_distribution.compute_category_eigenvalues(variable.sizes)
        n = variable.n
        return null_distribution.estimate_eigenvalues(
            variable, trace / n, squares / n**2, self.testing.seed, which, self.limits.spectrum_rows
        )


def _describe_omissions(views: tuple[PermutationView, PermutationView]) -> list[str]:
    """Return notes about kernels with omitted features."""
    return [
        f"the permutations compare {view.features.shape[1]} features of {letter}'s kernel, with {view.share:.1%} of "
        "its variance; that costs power, not the level of the test, and eigen may find more"
        for letter, view in zip("xy", views, strict=True)
        if isinstance(view, LowRankKernel) and view.share < _FULL_SHARE
    ]
