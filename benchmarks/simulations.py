"""Simulated columns for tests of independence: dependent ones, and independent ones of many kinds.

`DEPENDENT` are the simulations of hyppo 0.5 (`hyppo.tools.indep_sim`) in one dimension, with their noise, after
Vogelstein et al. 2019 (doi:10.7554/eLife.41690). The last one, multimodal independence, is independent.
`INDEPENDENT` are kinds of data that tests find difficult: heavy tails, ties, rare values, many dimensions, labels.

Each is a function of a generator and the number of rows; it returns x and y.
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Column = npt.NDArray[np.float64] | npt.NDArray[np.str_]
Columns = tuple[Column, Column]
Simulation = Callable[[np.random.Generator, int], Columns]

HIGH_DIMENSIONS = 300  # columns a side of `draw_high_dimensional`
HIGH_ROWS = 700
RARE_ROWS = 25_000
_RARE_SHARE = 0.0012  # of the rows of rare flags
_SLOPE = 0.075  # of the noisy copy in many dimensions
_LABELS = np.array(["a", "b", "c", "d"])
_SHARES = [0.5, 0.25, 0.15, 0.1]  # of the labels


def _linear(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    return x, x + rng.normal(size=n)


def _exponential(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(0, 3, n)
    return x, np.exp(x) + 10 * rng.normal(size=n)


def _cubic(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    z = x - 1 / 3
    return x, 128 * z**3 + 48 * z**2 - 12 * z**3 + 80 * rng.normal(size=n)


def _joint_normal(rng: np.random.Generator, n: int) -> Columns:
    x = rng.normal(size=n)
    return x, 0.5 * x + np.sqrt(0.75) * rng.normal(size=n) + 0.5 * rng.normal(size=n)


def _step(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    return x, (x > 0) + rng.normal(size=n)


def _quadratic(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    return x, x**2 + 0.5 * rng.normal(size=n)


def _w_shaped(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    return x, 4 * ((x**2 - 0.5) ** 2 + rng.uniform(0, 1, n) / 500) + 0.5 * rng.normal(size=n)


def _spiral(rng: np.random.Generator, n: int) -> Columns:
    radius = rng.uniform(0, 5, n)
    x, y = radius * np.cos(np.pi * radius), radius * np.sin(np.pi * radius)
    return x, y + 0.4 * rng.normal(size=n)


def _uncorrelated_bernoulli(rng: np.random.Generator, n: int) -> Columns:
    x = rng.binomial(1, 0.5, n) + 0.5 * rng.normal(size=n)
    return x, x * (2 * rng.binomial(1, 0.5, n) - 1) + 0.5 * rng.normal(size=n)


def _logarithmic(rng: np.random.Generator, n: int) -> Columns:
    x = rng.normal(size=n)
    return x, np.log(x**2) + 3 * rng.normal(size=n)


def _fourth_root(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    return x, np.abs(x) ** 0.25 + 0.25 * rng.normal(size=n)


def _make_sine(periods: float, noise: float) -> Simulation:
    def draw(rng: np.random.Generator, n: int) -> Columns:
        x = rng.uniform(-1, 1, n) + 0.02 * rng.normal(size=n)
        return x, np.sin(2 * np.pi * periods * x) + noise * rng.normal(size=n)

    return draw


def _make_square(angle: float) -> Simulation:
    def draw(rng: np.random.Generator, n: int) -> Columns:
        u, v = rng.uniform(-1, 1, (2, n))
        x = u * np.cos(angle) + v * np.sin(angle) + 0.05 * rng.normal(size=n)
        return x, v * np.cos(angle) - u * np.sin(angle)

    return draw


def _two_parabolas(rng: np.random.Generator, n: int) -> Columns:
    x = rng.uniform(-1, 1, n)
    return x, (x**2 + 2 * rng.uniform(0, 1, n)) * (rng.binomial(1, 0.5, n) - 0.5)


def _make_ellipse(radius: float) -> Simulation:
    def draw(rng: np.random.Generator, n: int) -> Columns:
        angle = rng.uniform(-np.pi, np.pi, n)
        return radius * (np.cos(angle) + 0.4 * rng.normal(size=n)), np.sin(angle)

    return draw


def _multiplicative_noise(rng: np.random.Generator, n: int) -> Columns:
    x = rng.normal(size=n)
    return x, x * rng.normal(size=n)


def _multimodal_independence(rng: np.random.Generator, n: int) -> Columns:
    x, y = rng.normal(size=(2, n)) / 3 + 2 * rng.binomial(1, 0.5, (2, n)) - 1
    return x, y


def draw_high_dimensional(rng: np.random.Generator, n: int = HIGH_ROWS) -> Columns:
    """Return 300 normals a side, of shape (n, 300); y is 0.075 x and a normal of its own."""
    x = rng.normal(size=(n, HIGH_DIMENSIONS))
    return x, _SLOPE * x + rng.normal(size=x.shape)


DEPENDENT: dict[str, Simulation] = {
    "linear": _linear,
    "exponential": _exponential,
    "cubic": _cubic,
    "joint normal": _joint_normal,
    "step": _step,
    "quadratic": _quadratic,
    "w-shaped": _w_shaped,
    "spiral": _spiral,
    "uncorrelated Bernoulli": _uncorrelated_bernoulli,
    "logarithmic": _logarithmic,
    "fourth root": _fourth_root,
    "sine, 4π": _make_sine(2, 1.0),
    "sine, 16π": _make_sine(8, 0.5),
    "square": _make_square(-np.pi / 8),
    "two parabolas": _two_parabolas,
    "circle": _make_ellipse(1),
    "ellipse": _make_ellipse(5),
    "diamond": _make_square(-np.pi / 4),
    "multiplicative noise": _multiplicative_noise,
    "multimodal independence": _multimodal_independence,
}


def _draw_zero_inflated(rng: np.random.Generator, n: int) -> Column:
    return rng.binomial(1, 0.1, n) * np.exp(rng.normal(size=n))


def _draw_labels(rng: np.random.Generator, n: int) -> Column:
    return rng.choice(_LABELS, n, p=_SHARES)


def _draw_mixed(rng: np.random.Generator, n: int) -> Column:
    return np.column_stack([rng.normal(size=n), rng.binomial(1, 0.5, n), rng.poisson(1, n)]).astype(np.float64)


def _repeat(draw: Callable[[np.random.Generator, int], Column]) -> Simulation:
    """Return the simulation of two independent columns of a kind."""
    return lambda rng, n: (draw(rng, n), draw(rng, n))


INDEPENDENT: dict[str, Simulation] = {
    "normal": _repeat(lambda rng, n: rng.normal(size=n)),
    "Cauchy": _repeat(lambda rng, n: rng.standard_cauchy(n)),
    "lognormal": _repeat(lambda rng, n: np.exp(1.5 * rng.normal(size=n))),
    "flags": _repeat(lambda rng, n: rng.binomial(1, 0.5, n).astype(np.float64)),
    "rare flags": _repeat(lambda rng, n: rng.binomial(1, 0.05, n).astype(np.float64)),
    "Poisson": _repeat(lambda rng, n: rng.poisson(1, n).astype(np.float64)),
    "zero-inflated": _repeat(_draw_zero_inflated),
    "100 dimensions": _repeat(lambda rng, n: rng.normal(size=(n, 100))),
    "500 dimensions": _repeat(lambda rng, n: rng.normal(size=(n, 500))),
    "labels": _repeat(_draw_labels),
    "labels and numbers": lambda rng, n: (_draw_labels(rng, n), rng.normal(size=n)),
    "many labels": _repeat(lambda rng, n: rng.integers(0, n // 3, n).astype(str)),
    "mixed vectors": _repeat(_draw_mixed),
}
CONTINUOUS = ("normal", "Cauchy", "lognormal", "100 dimensions", "500 dimensions")


def draw_rare_flags(rng: np.random.Generator, n: int = RARE_ROWS) -> Columns:
    """Return two independent columns of 0 and 1, with 1 in about 0.12 % of the rows."""
    x, y = (rng.random((2, n)) < _RARE_SHARE).astype(np.float64)
    return x, y
