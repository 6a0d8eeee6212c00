"""A side's centered kernel as few features, for tests that need its value under a thousand permutations.

Features that exist are turned to principal axes, and those without variance dropped.  Other kernels, centered, are
approximated by randomly pivoted incomplete Cholesky decomposition (Chen, Epperly, Tropp and Webber 2022,
arXiv:2207.06503), which takes the next pivot with a probability that is what is left of its diagonal entry: that is
near the best possible sum of what is left, where greedy pivots go for outliers.  Pivots depend on the side alone, so
that a permutation test of what was kept has its level, whatever was left out.
"""

from dataclasses import dataclass

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic.features import MAX_WIDTH, FeatureMap
from kxcli.mining.hsic.kernels import CategoricalVariable, Variable
from kxcli.mining.hsic.random_streams import RandomStream, make_generator

_DROPPED = 1e-10  # of a trace: what may be left out by either way
_STEP = 4096  # rows at a time


@dataclass(frozen=True)
class LowRankKernel:
    """A centered kernel as features.

    features: of shape (n, rank), each of mean 0.  share: of the centered kernel's trace that they hold.
    """

    features: FloatArray
    share: float


def compress(
    side: Variable, rank: int, seed: int, which: int, means: FloatArray | None
) -> LowRankKernel | CategoricalVariable:
    """Return a side as at most `rank` features; categories are as small as they are.

    seed, which: of the pivots, and the number of the side.  means: of the rows of the kernel, for sides without few
    features.  Cost: O(n rank²) time, O(n rank) memory.
    """
    if isinstance(side, CategoricalVariable):
        return side
    features = side.features
    if features is not None and features.width <= MAX_WIDTH:
        return _turned(side, features, rank)
    assert means is not None, "whoever adds up tiles has them"
    return _decomposed(side, rank, make_generator(RandomStream.PIVOTS, seed, which), means)


def _turned(side: Variable, features: FeatureMap, rank: int) -> LowRankKernel:
    n = side.n
    starts = range(0, n, _STEP)
    means = sum(features.of(side.rows[start : start + _STEP]).sum(axis=1) for start in starts) / n
    moments = np.zeros((features.width, features.width))
    for start in starts:
        values = features.of(side.rows[start : start + _STEP]) - means[:, None]
        moments += values @ values.T
    variances, axes = np.linalg.eigh(moments)
    variances, axes = variances[::-1], axes[:, ::-1]
    total = float(variances.sum())
    n_kept = min(rank, int(np.searchsorted(np.cumsum(variances), total * (1 - _DROPPED))) + 1)
    kept = np.empty((n, n_kept))
    for start in starts:
        values = features.of(side.rows[start : start + _STEP]) - means[:, None]
        kept[start : start + _STEP] = values.T @ axes[:, :n_kept]
    return LowRankKernel(kept, float(variances[:n_kept].sum()) / total if total else 1.0)


def _decomposed(side: Variable, rank: int, rng: np.random.Generator, means: FloatArray) -> LowRankKernel:
    n = side.n
    mean = float(means.mean())
    left = np.maximum(side.diagonal - 2 * means + mean, 0)
    total = float(left.sum())
    features = np.zeros((n, min(rank, n)))
    n_kept = 0
    while n_kept < features.shape[1] and float(left.sum()) > _DROPPED * total:
        ends = np.cumsum(left)
        pivot = min(int(np.searchsorted(ends, rng.random() * ends[-1], side="right")), n - 1)
        column = side.column(pivot) - means - means[pivot] + mean
        column -= features[:, :n_kept] @ features[pivot, :n_kept]
        if column[pivot] <= 0:  # rounding is all that was left of it
            left[pivot] = 0
            continue
        column /= np.sqrt(column[pivot])
        features[:, n_kept] = column
        n_kept += 1
        np.maximum(left - column**2, 0, out=left)
        left[pivot] = 0
    share = 1 - float(left.sum()) / total if total else 1.0
    features = features[:, :n_kept]
    features -= features.mean(axis=0)  # rounding
    return LowRankKernel(features, share)
