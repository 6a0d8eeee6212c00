"""Two columns -> their dependence: every estimator, and a p-value."""

from dataclasses import dataclass
from functools import cached_property
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
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, MeasureError, Testing
from kxcli.mining.hsic.permutation_plans import DEFAULT_LIMITS as DEFAULT_PLAN_LIMITS
from kxcli.mining.hsic.permutation_plans import PermutationPlan, PlanLimits, draft_plan
from kxcli.mining.hsic.permuted_kernels import FeatureKernels
from kxcli.mining.hsic.sequential import DEFAULT_DRAWS, choose_max_draws
from kxcli.mining.hsic.variables import Variable
from kxcli.wording import format_count

_MAX_TILED_ROWS = 128  # tiles of so few rows cost nothing, and keep more digits of nearly diagonal kernels
_FEATURE_SECONDS, _ENTRY_SECONDS, _PRODUCT_SECONDS = 6e-9, 3e-9, 2.5e-11  # per feature, tile entry and product
_MIN_AUTO_SHARE = 0.9  # of a kernel's trace, below which `auto` does not permute
_FULL_SHARE = 0.999  # of a kernel's trace: not worth a note


@dataclass(frozen=True)
class MeasureLimits:
    """Maximal sizes of a measurement.

    Attributes:
        plan: Of what permutations compare.
        spectrum_rows: Of a kernel whose eigenvalues are computed.
        pair_bytes: Of the matrices of each of many pairs in a process.
        auto_seconds: Of 1,000 permutations of `auto` on one core, estimated by the sizes alone.
    """

    plan: PlanLimits = DEFAULT_PLAN_LIMITS
    spectrum_rows: int = null_distribution.MAX_SPECTRUM_ROWS
    pair_bytes: int = 1 << 28
    auto_seconds: float = 20.0


DEFAULT_LIMITS = MeasureLimits()


def measure(
    x: Variable, y: Variable, testing: Testing, run: RunJob = run_inline, limits: MeasureLimits = DEFAULT_LIMITS
) -> Dependence:
    """Return the dependence of two variables.

    Cost: O(n m²) for variables of m features (numbers with the linear kernel, or with the gaussian one in one
    dimension, m = 3.8 (range/σ + 6); categories), else O(n²); for that of tests, see `permutation_plans` and
    `null_distribution`. The test is undefined for a constant variable and for one without two equal rows.

    Args:
        x: One variable.
        y: The other, with as many rows.
        testing: The test of independence.
        run: Runs the jobs.
        limits: Of sizes.

    Raises:
        MeasureError: For fewer than 4 rows, different numbers of rows, and the test eigen if a category is too rare.
    """
    pair = estimate(x, y, testing, run, limits)
    if testing.name == "eigen" and pair.summary is not None:
        null_distribution.check_expected_count(null_distribution.compute_least_expected_count(x, y))
    plan = pair.plan_permutations()
    if plan is None:
        return pair.finish()
    p = plan.compute_exact_p_value()
    if p is not None:
        return pair.finish(p, plan, None)
    n_draws = choose_max_draws(1, testing.permutations)
    tasks = permutation.iter_tasks(plan, n_draws)
    n_reaching = run(permutation.CountPermutations(testing.seed, n_draws), tasks, plan, "permutations")
    p = permutation.compute_permutation_p_value(n_reaching, x.n, n_draws)
    return pair.finish(p, plan, None if x.n <= permutation.MAX_ENUMERATED_ROWS else n_draws)


def estimate(
    x: Variable, y: Variable, testing: Testing, run: RunJob = run_inline, limits: MeasureLimits = DEFAULT_LIMITS
) -> "EstimatedPair":
    """Return the estimates of two variables, before their test; see `measure`."""
    if x.n != y.n:
        raise MeasureError(f"x has {format_count(x.n, 'rows')}, and y has {y.n:,}")
    if x.n < MIN_ROWS:
        raise MeasureError(f"too few rows: {x.n}; HSIC needs at least {MIN_ROWS}")
    notes = [
        f"{letter} is constant, so HSIC is 0, and CKA and the test are undefined"
        for letter, variable in (("x", x), ("y", y))
        if variable.is_constant
    ]
    if notes:
        return EstimatedPair(x, y, testing, run, limits, Estimates(0.0, 0.0, 0.0, None, None), tuple(notes))
    summary = _sum_kernels(x, y, run)
    estimates = compute_estimates(summary.sums)
    reasons = _explain_undefined(estimates, summary.sums, testing.name)
    return EstimatedPair(x, y, testing, run, limits, estimates, tuple(reasons), None if reasons else summary)


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
class EstimatedPair:
    """Two variables with the estimates of their dependence, before the test.

    Attributes:
        notes: Why CKA or the test is undefined.
        summary: None if the test is undefined.
    """

    x: Variable
    y: Variable
    testing: Testing
    run: RunJob
    limits: MeasureLimits
    estimates: Estimates
    notes: tuple[str, ...]
    summary: _KernelSummary | None = None

    def plan_permutations(self) -> PermutationPlan | None:
        """Return how the pair is permuted, or None if its test is another or undefined.

        A pair is permuted instead of `eigen`, if a category is too rare for that.
        """
        if self.summary is None or self.testing.name in ("gamma", "none"):
            return None
        if self.testing.name == "eigen" and self.is_asymptotic:
            return None
        draft = draft_plan(self.x, self.y, self.testing.seed, self.summary.means, self.limits.plan)
        if self.testing.name != "auto" or self.testing.permutations is not None or not self.is_asymptotic:
            return draft.build()
        if draft.seconds * DEFAULT_DRAWS > self.limits.auto_seconds:
            return None
        plan = draft.build()
        return plan if plan.share >= _MIN_AUTO_SHARE else None

    @cached_property
    def is_asymptotic(self) -> bool:
        """Whether the asymptotic distribution holds for these values."""
        return null_distribution.compute_least_expected_count(self.x, self.y) >= null_distribution.MIN_EXPECTED_COUNT

    def finish(
        self, p: float | None = None, plan: PermutationPlan | None = None, draws: int | None = None
    ) -> Dependence:
        """Return the result.

        Args:
            p: By permutation.
            plan: How the pair was permuted; without one, p is computed if the test is defined.
            draws: The null draws of p.
        """
        name: str = self.testing.name
        notes = list(self.notes)
        if plan is not None:
            notes += _describe_omissions(plan)
            if name == "eigen":
                minimum = null_distribution.MIN_EXPECTED_COUNT
                notes.append(f"the test is permutation, because the least expected count is less than {minimum}")
        elif self.summary is not None and name != "none":
            p, test_notes = self._compute_asymptotic_p_value(self.summary)
            notes += test_notes
        if plan is not None or (name == "auto" and self.summary is None):
            name = "permutation"
        elif name == "auto":
            name = "eigen"
        return Dependence(
            self.x.n,
            str(self.x.kernel),
            _get_sigma(self.x),
            str(self.y.kernel),
            _get_sigma(self.y),
            *self.estimates,
            test=name,
            draws=draws,
            n_bandwidths=None if plan is None else plan.n_bandwidths,
            p_value=p,
            dependent=None if p is None else p <= self.testing.alpha,
            notes=tuple(notes),
        )

    def _compute_asymptotic_p_value(self, summary: _KernelSummary) -> tuple[float | None, list[str]]:
        """Return p by gamma or eigen, and notes."""
        if self.testing.name == "gamma":
            notes = [] if self.is_asymptotic else ["gamma is unreliable for rare values; use --test permutation"]
            return null_distribution.compute_gamma_p_value(summary.sums), notes
        notes = []
        if self.testing.name == "auto":
            notes = ["the test is eigen, because permutations would take long or compare too little of a kernel"]
        p = null_distribution.compute_eigen_p_value(summary.sums, *self._compute_spectra(summary))
        max_rows = self.limits.spectrum_rows
        if summary.moment_sums is None and self.x.n > max_rows:
            notes += [
                f"the spectrum of {letter}'s kernel is that of {max_rows:,} of {self.x.n:,} rows"
                for letter, variable in (("x", self.x), ("y", self.y))
                if not isinstance(variable, CategoricalVariable)
            ]
        return p, notes

    def _compute_spectra(self, summary: _KernelSummary) -> tuple[FloatArray, FloatArray]:
        if summary.moment_sums is not None:
            return summary.moment_sums.compute_spectra()
        sums = summary.sums
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


def _get_sigma(variable: Variable) -> float | None:
    """Return the bandwidth of a variable that is not constant."""
    sigma = variable.kernel.sigma
    return sigma if isinstance(sigma, float) and not variable.is_constant else None


def _describe_omissions(plan: PermutationPlan) -> list[str]:
    """Return notes about kernels with omitted features."""
    return [
        f"the permutations compare {view.features.shape[1]} features of {letter}'s kernel, with {view.share:.1%} of "
        "its trace; that costs power, not the level of the test"
        for letter, view in (("x", plan.x), ("y", plan.y))
        if isinstance(view, FeatureKernels) and view.share < _FULL_SHARE
    ]
