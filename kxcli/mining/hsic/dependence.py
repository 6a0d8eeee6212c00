"""Two columns -> how dependent they are: every estimator, and a p-value."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic import asymptotic, contingency, moments, permutation, tiles
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS, median_distance
from kxcli.mining.hsic.estimators import Estimates, KernelSums, compute_estimates, is_permutation_invariant
from kxcli.mining.hsic.features import MAX_WIDTH, FeatureMap
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable, Variable, encode_labels
from kxcli.mining.hsic.lowrank import LowRankKernel, compress
from kxcli.mining.hsic.parameters import (
    MAX_PERMUTED_ROWS,
    MIN_GAMMA_ROWS,
    MIN_ROWS,
    Dependence,
    Kernel,
    MeasureError,
    Testing,
)
from kxcli.mining.hsic.spectra import MAX_SPECTRUM_ROWS, sample_eigenvalues
from kxcli.mining.hsic.textkernel import TextVariable
from kxcli.mining.hsic.texts import TermCounts
from kxcli.wording import format_count

Values = FloatArray | TermCounts | Sequence[Sequence[object]]  # numbers (n, d); counts of terms; columns of labels
RunJob = Callable[
    [Any, Iterable[Any], Any, str], Any
]  # (job, tasks, shared, what it is at) -> what the job finishes with

_FEW = 128  # rows up to which tiles cost nothing, and keep more digits of kernels that are nearly diagonal
_FEATURE, _ENTRY, _PRODUCT = 6e-9, 3e-9, 2.5e-11  # seconds for a feature, for an entry of a tile, for a product
_MAX_NUMBER, _MAX_LINEAR_NUMBER = 1e150, 1e70  # numbers that may be squared, and whose products may
_ENOUGH = 0.9  # of a kernel's variance, below which `auto` does not permute
_WHOLE = 0.999  # of a kernel's variance: what is as good as all of it


def run_inline(job: Any, tasks: Iterable[Any], shared: Any, what: str = "") -> Any:
    """Run a job in this process."""
    job.setup(shared)
    merged = None
    for task in tasks:
        partial = job.map([task])
        merged = partial if merged is None else job.merge(merged, partial)
    return job.finish(merged)


def make_variable(values: Values, kernel: Kernel, seed: int = 0) -> Variable:
    """Return values with their kernel, whose bandwidth is settled here.

    values: an array (n, d) for gaussian, laplace and linear; counts for bow and ngram; columns of labels for delta.
    Raises `MeasureError` for numbers that are not finite, or cannot be squared.
    """
    if kernel.name == "delta":
        return encode_labels(values)  # type: ignore[arg-type]  # as said
    if isinstance(values, TermCounts):
        return TextVariable(values, kernel)
    numbers = np.ascontiguousarray(values, dtype=np.float64)  # digits are not to depend on how rows lie in memory
    if not np.isfinite(numbers).all():
        raise MeasureError("there is a value that is no finite number")
    max_abs = float(np.abs(numbers).max())
    if max_abs > _MAX_NUMBER or (kernel.name == "linear" and max_abs > _MAX_LINEAR_NUMBER):
        raise MeasureError("the numbers are too great to be squared: divide them by a power of ten")
    if kernel.name == "linear":
        if 0 < float(np.ptp(numbers, axis=0).max()) < 1 / _MAX_LINEAR_NUMBER:
            raise MeasureError("the numbers are too small to be squared: multiply them by a power of ten")
        return NumericVariable(numbers, kernel)
    sigma = median_distance(numbers, seed) if kernel.sigma is None else kernel.sigma
    if sigma is None:
        if (numbers != numbers[0]).any():
            raise MeasureError(
                f"{MAX_EXACT_ROWS:,} rows drawn for the median distance are all the same: give a --sigma"
            )
        return NumericVariable(numbers, Kernel(kernel.name, 1.0))  # any bandwidth gives the same kernel
    if max_abs > _MAX_NUMBER * sigma:
        raise MeasureError(f"the bandwidth {sigma:g} is too small for these numbers")
    return NumericVariable(numbers, Kernel(kernel.name, sigma))


def measure(x: Variable, y: Variable, testing: Testing, run: RunJob = run_inline) -> Dependence:
    """Return how dependent two sides are; `run` spreads the work.

    Cost: O(n m²) for sides of m features (numbers under the linear kernel, or under the gaussian one in one
    dimension, m = 3.8 (range/σ + 6); categories), else O(n²); the test: see `permutation` and `asymptotic`.
    A test without a defined p-value is undefined: of a constant side, of one in which no two rows are equal, and gamma
    of fewer than 6 rows.
    Raises `MeasureError` for fewer than 4 rows, sides of unequal length, a test that does not fit, and numbers too
    great to be squared.
    """
    if x.n != y.n:
        raise MeasureError(f"one side has {format_count(x.n, 'rows')}, and the other has {y.n:,}")
    if x.n < MIN_ROWS:
        raise MeasureError(f"too few rows: {x.n}, and HSIC needs {MIN_ROWS} at least")
    name: str = testing.name
    if name == "auto":
        name = "permutation" if x.n <= MAX_PERMUTED_ROWS else "eigen"
    if name == "gamma" and not (x.has_unit_diagonal and y.has_unit_diagonal):
        raise MeasureError("the gamma test needs kernels with k(x, x) = 1: gaussian, laplace, delta, or a cosine")
    notes = _notes(x, y, testing, name)
    p: float | None = None
    if x.is_constant or y.is_constant:
        found = Estimates(0.0, 0.0, 0.0, None, None)
    else:
        summed = _summed(x, y, name, run)
        found = compute_estimates(summed.sums)
        why = _why_undefined(found, summed.sums, name)
        if why:
            notes += why
        else:
            name, p, more = _tested(x, y, summed, name, testing, run)
            notes += more
    return Dependence(
        x.n,
        str(x.kernel),
        None if x.is_constant else x.kernel.sigma,
        str(y.kernel),
        None if y.is_constant else y.kernel.sigma,
        *found,
        test=name,
        p_value=p,
        dependent=None if p is None else p <= testing.alpha,
        notes=tuple(notes),
    )


def _why_undefined(found: Estimates, sums: KernelSums, name: str) -> list[str]:
    """Return why a test of these sides is undefined, or ""."""
    if found.cka is None:
        return ["a kernel does not vary beyond rounding, so CKA and the test are undefined"]
    if name == "none":
        return []
    unlike = [
        f"no two rows of {letter} are alike by its kernel, so the test is undefined"
        for letter, own, trace in (("x", sums.xx, sums.trace_x), ("y", sums.yy, sums.trace_y))
        if is_permutation_invariant(sums.n, own, trace)
    ]
    if name == "gamma" and sums.n < MIN_GAMMA_ROWS:
        return [*unlike, f"the gamma test needs {MIN_GAMMA_ROWS} rows, and there are {sums.n}, so it is undefined"]
    return unlike


def _notes(x: Variable, y: Variable, testing: Testing, name: str) -> list[str]:
    notes = []
    for letter, one in (("x", x), ("y", y)):
        if one.is_constant:
            notes.append(f"{letter} is constant, so nothing depends on it: HSIC is 0, CKA and the test are undefined")
    if testing.name == "auto" and name == "eigen":
        notes.append(f"the test is eigen, as there are more than {MAX_PERMUTED_ROWS:,} rows")
    return notes


class _KernelSummary(NamedTuple):
    """Sums over the centered kernels, and what comes along by some ways: spectra, means of the rows of both kernels."""

    sums: KernelSums
    spectra: Callable[[], tuple[FloatArray, FloatArray]] | None = None
    means: tuple[FloatArray, FloatArray] | None = None


def _summed(x: Variable, y: Variable, name: str, run: RunJob) -> _KernelSummary:
    """Return the sums by the cheapest exact way; the gamma test needs the rows' means."""
    if name != "gamma":
        if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
            return _KernelSummary(contingency.sums(x, y))
        if x.features is not None and y.features is not None and _is_cheap(x.features, y.features, x.n):
            parts = moments.iter_tasks(x, y, x.features.width + y.features.width)
            found: moments.MomentSums = run(moments.SumMoments(x.features, y.features), parts, None, "moments")
            return _KernelSummary(found.sums(x.max_abs, y.max_abs), spectra=found.spectra)
    raw: tiles.TileSums = run(tiles.SumTiles(), tiles.iter_tasks(x.n), (x, y), "kernels")
    return _KernelSummary(raw.sums(x, y), means=raw.means(x, y))


def _is_cheap(x: FeatureMap, y: FeatureMap, n: int) -> bool:
    width = x.width + y.width
    if n <= _FEW:
        return False
    return width <= MAX_WIDTH and width * _FEATURE + width**2 * _PRODUCT <= n * _ENTRY


def _tested(
    x: Variable, y: Variable, summed: _KernelSummary, name: str, testing: Testing, run: RunJob
) -> tuple[str, float | None, list[str]]:
    """Return the test that was done, the p-value, and what is to be told of it."""
    if name == "permutation":
        halves = _permuted(x, y, summed, testing.seed, least=_ENOUGH if testing.name == "auto" else 0.0)
        if halves is not None:
            draws = permutation.iter_tasks(halves[0], halves[1], testing.permutations)
            n_reaching: int = run(permutation.CountPermutations(testing.seed), draws, halves, "permutations")
            p = permutation.permutation_p_value(n_reaching, x.n, testing.permutations)
            return name, p, _left_out(halves)
    if name in ("permutation", "eigen"):
        notes = ["the test is eigen, as permutations would compare too little of a kernel"] * (name != "eigen")
        if summed.spectra is not None:
            return "eigen", asymptotic.eigen_p_value(summed.sums, *summed.spectra()), notes
        sums = summed.sums
        spectrum_x = _spectrum(x, sums.trace_x, sums.xx.trace, testing.seed, 0)
        spectrum_y = _spectrum(y, sums.trace_y, sums.yy.trace, testing.seed, 1)
        if x.n > MAX_SPECTRUM_ROWS:
            notes += [
                f"the spectrum of {letter}'s kernel is that of {MAX_SPECTRUM_ROWS:,} of {x.n:,} rows"
                for letter, one in (("x", x), ("y", y))
                if not isinstance(one, CategoricalVariable)
            ]
        return "eigen", asymptotic.eigen_p_value(sums, spectrum_x, spectrum_y), notes
    if name == "gamma":
        assert summed.means is not None, "the tiles give them"
        squares: float = run(
            tiles.SumSquares(), tiles.iter_tasks(x.n), (*zip((x, y), summed.means, strict=True),), "squares"
        )
        return name, asymptotic.gamma_p_value(summed.sums, squares), []
    return name, None, []


def _permuted(
    x: Variable, y: Variable, summed: _KernelSummary, seed: int, least: float
) -> tuple[permutation.PermutationView, permutation.PermutationView] | None:
    """Return what permutations compare: of texts against categories all, else few features.

    None where the features of one side would hold less than so much of its kernel.
    """
    if isinstance(x, TextVariable) and isinstance(y, CategoricalVariable) and permutation.keeps_all_terms(x, y):
        return x, y
    if isinstance(x, CategoricalVariable) and isinstance(y, TextVariable) and permutation.keeps_all_terms(y, x):
        return x, y
    halves: list[permutation.PermutationView] = []
    for which, one in enumerate((x, y)):
        halves.append(_compressed(one, which, summed, permutation.max_rank(x.n), seed))
        if _share(halves[-1]) < least:
            return None
    return halves[0], halves[1]


def _compressed(
    one: Variable, which: int, summed: _KernelSummary, rank: int, seed: int
) -> LowRankKernel | CategoricalVariable:
    return compress(one, rank, seed, which, None if summed.means is None else summed.means[which])


def _share(half: permutation.PermutationView) -> float:
    return half.share if isinstance(half, LowRankKernel) else 1.0


def _spectrum(one: Variable, trace: float, squares: float, seed: int, which: int) -> FloatArray:
    if isinstance(one, CategoricalVariable):
        return asymptotic.category_eigenvalues(one.sizes)
    return sample_eigenvalues(one, trace / one.n, squares / one.n**2, seed, which)


def _left_out(halves: Sequence[permutation.PermutationView]) -> list[str]:
    """Tell where a kernel was too rich for permutations to hold all of it."""
    return [
        f"the permutations compare {half.features.shape[1]} features of {letter}'s kernel, which hold "
        f"{half.share:.1%} of its variance; that costs power, not the level of the test, and eigen may find more"
        for letter, half in zip("xy", halves, strict=True)
        if isinstance(half, LowRankKernel) and half.share < _WHOLE
    ]
