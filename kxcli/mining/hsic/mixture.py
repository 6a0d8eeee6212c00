"""The tail of a weighted sum of chi-squares, to double precision relative to itself, however small it is."""

import cmath
import math

import numpy as np

from kxcli.arrays import FloatArray

_STEP, _NODES = 0.0625, 1000  # of the trapezoid rule, at most,
_LOST = 1e-17  # but no more than till what they add, of all, is this: some 100
_NOTHING = -800.0  # the exponential of which is 0
_HALVINGS = 2100  # at most: a double has as many numbers between 0 and 1/2 as halvings can tell apart
_CORRECTIONS = 50
_CLOSE = 1e-14


def mixture_tail(weights: FloatArray, degrees: FloatArray, value: float) -> float:
    """Return P(Q > value) for Q the sum of weights[k] times an independent chi-square of degrees[k].

    weights: positive; degrees: positive, not necessarily whole, so that one weight alone is a gamma distribution, but
    not nearly 0 for the greatest weight.

    P is 1/(2πi) times the integral of exp(g(s)) over a line with 0 < Re s < 1 / (2 max weight), where
    g(s) = -1/2 the sum of degrees log(1 - 2 weights s) - s value - log s.  It is taken along the path of steepest
    descent from the saddle point on the line, where g falls as -t² and stays real, so that the trapezoid rule over t is
    exact to rounding.  The path never meets another saddle: above the real axis, where all branch points are, Im g' is
    positive.
    """
    if value <= 0:
        return 1.0
    unit = float(weights.max())  # weights and value in it keep every number within range
    weights, value = weights / unit, value / unit
    if -0.5 * float(np.log1p(-weights / 2) @ degrees) - value / 4 < _NOTHING:  # Chernoff's bound at s = 1/4
        return 0.0
    saddle = _saddle(weights, degrees, value)
    distances = 1 - 2 * weights * saddle
    peak = -0.5 * float(np.log(distances) @ degrees) - saddle * value - math.log(saddle)
    curvature = 2 * float(np.sum(degrees * (weights / distances) ** 2)) + 1 / saddle**2

    def g(z: complex) -> tuple[complex, complex]:
        """Return g at exp(z), less its peak, and its derivative by z: far out, g goes as a logarithm."""
        s = cmath.exp(z)
        factors = 1 - 2 * s * weights
        slope = complex(np.sum(degrees * weights / factors)) - value - 1 / s
        return -0.5 * complex(np.log(factors) @ degrees) - s * value - z - peak, slope * s

    t = _STEP / 2
    z = cmath.log(saddle + 1j * t * math.sqrt(2 / curvature))
    total = 0.0
    for _ in range(_NODES):
        for _ in range(_CORRECTIONS):
            height, slope = g(z)
            correction = (height + t * t) / slope
            z -= correction
            if abs(correction) < _CLOSE * (1 + abs(z)):
                break
        _, slope = g(z)
        rate = -2 * t / slope  # of z by t
        more = cmath.exp(z - t * t) * rate
        total += more.imag
        if abs(more) < _LOST * abs(total):
            break
        middle = -2 * (t + _STEP / 2) / g(z + rate * _STEP / 2)[1]
        z += middle * _STEP
        t += _STEP
    return min(1.0, max(0.0, math.exp(peak) * total * _STEP / math.pi))


def _saddle(weights: FloatArray, degrees: FloatArray, value: float) -> float:
    """Return where K'(s) = value + 1/s between 0 and 1/2: the left side grows, the right one falls."""
    low, high = 0.0, 0.5
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if float(np.sum(degrees * weights / (1 - 2 * weights * middle))) > value + 1 / middle:
            high = middle
        else:
            low = middle
    return low
