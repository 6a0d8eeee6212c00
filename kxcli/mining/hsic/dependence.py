"""Two columns -> how dependent they are: every estimator, and a p-value."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic import asymptotic, contingency, moments, permutation, tiles
from kxcli.mining.hsic.bandwidth import EXACT_ROWS, median_distance
from kxcli.mining.hsic.estimators import Estimates, Sums, estimates, is_flat
from kxcli.mining.hsic.features import WIDEST, Features
from kxcli.mining.hsic.kernels import Categories, Numbers, Side, categories
from kxcli.mining.hsic.lowrank import Compressed, compressed
from kxcli.mining.hsic.parameters import (
    GAMMA_ROWS,
    LEAST_ROWS,
    PERMUTED_ROWS,
    Dependence,
    Kernel,
    MeasureError,
    Testing,
)
from kxcli.mining.hsic.spectra import SAMPLED_ROWS, sampled_spectrum
from kxcli.mining.hsic.textkernel import Texts
from kxcli.mining.hsic.texts import Vectors
from kxcli.wording import format_count

Values = FloatArray | Vectors | Sequence[Sequence[object]]  # numbers (n, d); counts of terms; columns of labels
RunJob = Callable[
    [Any, Iterable[Any], Any, str], Any
]  # (job, tasks, shared, what it is at) -> what the job finishes with

_FEW = 128  # rows up to which tiles cost nothing, and keep more digits of kernels that are nearly diagonal
_FEATURE, _ENTRY, _PRODUCT = 6e-9, 3e-9, 2.5e-11  # seconds for a feature, for an entry of a tile, for a product
_GREATEST, _GREATEST_LINEAR = 1e150, 1e70  # numbers that may be squared, and whose products may
_ENOUGH = 0.9  # of a kernel's variance, below which `auto` does not permute
_WHOLE = 0.999  # of a kernel's variance: what is as good as all of it


def run_here(job: Any, tasks: Iterable[Any], shared: Any, what: str = "") -> Any:
    """Run a job in this process."""
    job.setup(shared)
    merged = None
    for task in tasks:
        partial = job.map([task])
        merged = partial if merged is None else job.merge(merged, partial)
    return job.finish(merged)


def side(values: Values, kernel: Kernel, seed: int = 0) -> Side:
    """Return values with their kernel, whose bandwidth is settled here.

    values: an array (n, d) for gaussian, laplace and linear; counts for bow and ngram; columns of labels for delta.
    Raises `MeasureError` for numbers that are not finite, or cannot be squared.
    """
    if kernel.name == "delta":
        return categories(values)  # type: ignore[arg-type]  # as said
    if isinstance(values, Vectors):
        return Texts(values, kernel)
    numbers = np.ascontiguousarray(values, dtype=np.float64)  # digits are not to depend on how rows lie in memory
    if not np.isfinite(numbers).all():
        raise MeasureError("there is a value that is no finite number")
    greatest = float(np.abs(numbers).max())
    if greatest > _GREATEST or (kernel.name == "linear" and greatest > _GREATEST_LINEAR):
        raise MeasureError("the numbers are too great to be squared: divide them by a power of ten")
    if kernel.name == "linear":
        if 0 < float(np.ptp(numbers, axis=0).max()) < 1 / _GREATEST_LINEAR:
            raise MeasureError("the numbers are too small to be squared: multiply them by a power of ten")
        return Numbers(numbers, kernel)
    sigma = median_distance(numbers, seed) if kernel.sigma is None else kernel.sigma
    if sigma is None:
        if (numbers != numbers[0]).any():
            raise MeasureError(f"{EXACT_ROWS:,} rows drawn for the median distance are all the same: give a --sigma")
        return Numbers(numbers, Kernel(kernel.name, 1.0))  # any bandwidth gives the same kernel
    if greatest > _GREATEST * sigma:
        raise MeasureError(f"the bandwidth {sigma:g} is too small for these numbers")
    return Numbers(numbers, Kernel(kernel.name, sigma))


def measure(x: Side, y: Side, testing: Testing, run: RunJob = run_here) -> Dependence:
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
    if x.n < LEAST_ROWS:
        raise MeasureError(f"too few rows: {x.n}, and HSIC needs {LEAST_ROWS} at least")
    name: str = testing.name
    if name == "auto":
        name = "permutation" if x.n <= PERMUTED_ROWS else "eigen"
    if name == "gamma" and not (x.has_unit_diagonal and y.has_unit_diagonal):
        raise MeasureError("the gamma test needs kernels with k(x, x) = 1: gaussian, laplace, delta, or a cosine")
    notes = _notes(x, y, testing, name)
    p: float | None = None
    if x.is_constant or y.is_constant:
        found = Estimates(0.0, 0.0, 0.0, None, None)
    else:
        summed = _summed(x, y, name, run)
        found = estimates(summed.sums)
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


def _why_undefined(found: Estimates, sums: Sums, name: str) -> list[str]:
    """Return why a test of these sides is undefined, or ""."""
    if found.cka is None:
        return ["a kernel does not vary beyond rounding, so CKA and the test are undefined"]
    if name == "none":
        return []
    unlike = [
        f"no two rows of {letter} are alike by its kernel, so the test is undefined"
        for letter, own, trace in (("x", sums.xx, sums.trace_x), ("y", sums.yy, sums.trace_y))
        if is_flat(sums.n, own, trace)
    ]
    if name == "gamma" and sums.n < GAMMA_ROWS:
        return [*unlike, f"the gamma test needs {GAMMA_ROWS} rows, and there are {sums.n}, so it is undefined"]
    return unlike


def _notes(x: Side, y: Side, testing: Testing, name: str) -> list[str]:
    notes = []
    for letter, one in (("x", x), ("y", y)):
        if one.is_constant:
            notes.append(f"{letter} is constant, so nothing depends on it: HSIC is 0, CKA and the test are undefined")
    if testing.name == "auto" and name == "eigen":
        notes.append(f"the test is eigen, as there are more than {PERMUTED_ROWS:,} rows")
    return notes


class _Summed(NamedTuple):
    """Sums over the centred kernels, and what comes along by some ways: spectra, means of the rows of both kernels."""

    sums: Sums
    spectra: Callable[[], tuple[FloatArray, FloatArray]] | None = None
    means: tuple[FloatArray, FloatArray] | None = None


def _summed(x: Side, y: Side, name: str, run: RunJob) -> _Summed:
    """Return the sums by the cheapest exact way; the gamma test needs the rows' means."""
    if name != "gamma":
        if isinstance(x, Categories) and isinstance(y, Categories):
            return _Summed(contingency.sums(x, y))
        if x.features is not None and y.features is not None and _is_cheap(x.features, y.features, x.n):
            parts = moments.parts(x, y, x.features.width + y.features.width)
            found: moments.Total = run(moments.Moments(x.features, y.features), parts, None, "moments")
            return _Summed(found.sums(x.greatest, y.greatest), spectra=found.spectra)
    raw: tiles.Raw = run(tiles.Tiles(), tiles.strips(x.n), (x, y), "kernels")
    return _Summed(raw.sums(x, y), means=raw.means(x, y))


def _is_cheap(x: Features, y: Features, n: int) -> bool:
    width = x.width + y.width
    if n <= _FEW:
        return False
    return width <= WIDEST and width * _FEATURE + width**2 * _PRODUCT <= n * _ENTRY


def _tested(
    x: Side, y: Side, summed: _Summed, name: str, testing: Testing, run: RunJob
) -> tuple[str, float | None, list[str]]:
    """Return the test that was done, the p-value, and what is to be told of it."""
    if name == "permutation":
        halves = _permuted(x, y, summed, testing.seed, least=_ENOUGH if testing.name == "auto" else 0.0)
        if halves is not None:
            draws = permutation.draws(halves[0], halves[1], testing.permutations)
            n_reaching: int = run(permutation.Permutations(testing.seed), draws, halves, "permutations")
            p = permutation.p_value(n_reaching, x.n, testing.permutations)
            return name, p, _left_out(halves)
    if name in ("permutation", "eigen"):
        notes = ["the test is eigen, as permutations would compare too little of a kernel"] * (name != "eigen")
        if summed.spectra is not None:
            return "eigen", asymptotic.eigen(summed.sums, *summed.spectra()), notes
        sums = summed.sums
        spectrum_x = _spectrum(x, sums.trace_x, sums.xx.trace, testing.seed, 0)
        spectrum_y = _spectrum(y, sums.trace_y, sums.yy.trace, testing.seed, 1)
        if x.n > SAMPLED_ROWS:
            notes += [
                f"the spectrum of {letter}'s kernel is that of {SAMPLED_ROWS:,} of {x.n:,} rows"
                for letter, one in (("x", x), ("y", y))
                if not isinstance(one, Categories)
            ]
        return "eigen", asymptotic.eigen(sums, spectrum_x, spectrum_y), notes
    if name == "gamma":
        assert summed.means is not None, "the tiles give them"
        squares: float = run(tiles.Squares(), tiles.strips(x.n), (*zip((x, y), summed.means, strict=True),), "squares")
        return name, asymptotic.gamma(summed.sums, squares), []
    return name, None, []


def _permuted(
    x: Side, y: Side, summed: _Summed, seed: int, least: float
) -> tuple[permutation.Half, permutation.Half] | None:
    """Return what permutations compare: of texts against categories all, else few features.

    None where the features of one side would hold less than so much of its kernel.
    """
    if isinstance(x, Texts) and isinstance(y, Categories) and permutation.keeps_terms(x, y):
        return x, y
    if isinstance(x, Categories) and isinstance(y, Texts) and permutation.keeps_terms(y, x):
        return x, y
    halves: list[permutation.Half] = []
    for which, one in enumerate((x, y)):
        halves.append(_compressed(one, which, summed, permutation.rank_for(x.n), seed))
        if _share(halves[-1]) < least:
            return None
    return halves[0], halves[1]


def _compressed(one: Side, which: int, summed: _Summed, rank: int, seed: int) -> Compressed | Categories:
    return compressed(one, rank, seed, which, None if summed.means is None else summed.means[which])


def _share(half: permutation.Half) -> float:
    return half.share if isinstance(half, Compressed) else 1.0


def _spectrum(one: Side, trace: float, squares: float, seed: int, which: int) -> FloatArray:
    if isinstance(one, Categories):
        return asymptotic.category_spectrum(one.sizes)
    return sampled_spectrum(one, trace / one.n, squares / one.n**2, seed, which)


def _left_out(halves: Sequence[permutation.Half]) -> list[str]:
    """Tell where a kernel was too rich for permutations to hold all of it."""
    return [
        f"the permutations compare {half.features.shape[1]} features of {letter}'s kernel, which hold "
        f"{half.share:.1%} of its variance; that costs power, not the level of the test, and eigen may find more"
        for letter, half in zip("xy", halves, strict=True)
        if isinstance(half, Compressed) and half.share < _WHOLE
    ]
