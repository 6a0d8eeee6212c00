"""Centered kernels as few features, for tests with a thousand permutations.

Existing features are rotated to their principal axes, and those without variance are dropped. Other kernels are
approximated by randomly pivoted incomplete Cholesky decomposition (Chen, Epperly, Tropp and Webber 2022,
arXiv:2207.06503). It draws the next pivot with a probability proportional to the remaining diagonal: the remaining
trace is nearly the smallest possible, while greedy pivots pick outliers. Pivots depend on one variable alone, so a
permutation test of the features has its level, whatever they omit.
"""

import math

import numpy as np

from kxcli.arrays import FloatArray
from kxcli.mining.hsic.features import MAX_WIDTH, FeatureMap
from kxcli.mining.hsic.permuted_kernels import FeatureKernels
from kxcli.mining.hsic.random_streams import RandomStream, make_generator
from kxcli.mining.hsic.scales import MEDIAN
from kxcli.mining.hsic.variables import Variable

_NEGLIGIBLE_TRACE = 1e-10  # share of a trace that may be dropped
_RANK_COST = 1e11  # multiplications of a thousand permutations: seconds
_MIN_RANK = 64  # features that are compared even of very many rows
_BLOCK_ROWS = 4096  # rows at a time


def get_max_rank(n: int) -> int:
    """Return the maximal number of features for n rows.

    A thousand permutations should take seconds.
    """
    return max(_MIN_RANK, math.isqrt(int(_RANK_COST / (1000 * n))))


def compress(variable: Variable, rank: int, seed: int, which: int, means: FloatArray | None) -> FeatureKernels:
    """Return the kernel of a variable by few features.

    Cost: O(n rank²) time and O(n rank) memory.

    Args:
        variable: The variable.
        rank: The maximal number of features, unless the kernel has few anyway.
        seed: Of the pivots.
        which: 0 for x, 1 for y: the number of the pivots' stream.
        means: Row means of the kernel, for variables without few features.
    """
    features = variable.features
    if features is not None and features.width <= MAX_WIDTH:
        return _rotate_features(variable, features)
    assert means is not None, "tiles give the means"
    return _decompose(variable, rank, make_generator(RandomStream.PIVOTS, seed, which), means)


def _rotate_features(variable: Variable, features: FeatureMap) -> FeatureKernels:
    """Return the principal components of the features."""
    n = variable.n
    starts = range(0, n, _BLOCK_ROWS)
    means = sum(features.transform(variable.rows[start : start + _BLOCK_ROWS]).sum(axis=1) for start in starts) / n
    moments = np.zeros((features.width, features.width))
    for start in starts:
        values = features.transform(variable.rows[start : start + _BLOCK_ROWS]) - means[:, None]
        moments += values @ values.T
    variances, axes = np.linalg.eigh(moments)
    variances, axes = variances[::-1], axes[:, ::-1]
    total = float(variances.sum())
    n_components = min(features.width, int(np.searchsorted(np.cumsum(variances), total * (1 - _NEGLIGIBLE_TRACE))) + 1)
    components = np.empty((n, n_components))
    for start in starts:
        values = features.transform(variable.rows[start : start + _BLOCK_ROWS]) - means[:, None]
        components[start : start + _BLOCK_ROWS] = values.T @ axes[:, :n_components]
    return FeatureKernels(components, np.ones((1, n_components)), MEDIAN, (n_components, n_components))


def _decompose(variable: Variable, rank: int, rng: np.random.Generator, means: FloatArray) -> FeatureKernels:
    """Return features by randomly pivoted Cholesky decomposition."""
    n = variable.n
    mean = float(means.mean())
    remaining = np.maximum(variable.diagonal - 2 * means + mean, 0)
    total = float(remaining.sum())
    features = np.zeros((n, min(rank, n)))
    n_features = 0
    while n_features < features.shape[1] and float(remaining.sum()) > _NEGLIGIBLE_TRACE * total:
        ends = np.cumsum(remaining)
        pivot = min(int(np.searchsorted(ends, rng.random() * ends[-1], side="right")), n - 1)
        column = variable.column(pivot) - means - means[pivot] + mean
        column -= features[:, :n_features] @ features[pivot, :n_features]
        if column[pivot] <= 0:  # only rounding remains of it
            remaining[pivot] = 0
            continue
        column /= np.sqrt(column[pivot])
        features[:, n_features] = column
        n_features += 1
        np.maximum(remaining - column**2, 0, out=remaining)
        remaining[pivot] = 0
    share = 1 - float(remaining.sum()) / total if total else 1.0
    features = features[:, :n_features]
    features -= features.mean(axis=0)  # rounding
    return FeatureKernels(features, np.ones((1, n_features)), MEDIAN, (n_features, n_features), remaining, share)
