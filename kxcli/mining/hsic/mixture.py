"""The tail of a weighted sum of chi-squares, to double precision relative to itself, however small it is."""

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_STEP, _NODES = 0.02, 500  # of the trapezoid rule in u
_HALVINGS = 200


def tail(weights: Array, degrees: Array, value: float) -> float:
    """Return P(Q > value) for Q the sum of weights[k] times an independent chi-square of degrees[k].

    weights: positive; degrees: positive, not necessarily whole, so that one weight alone is a gamma distribution.

    P is 1/(2πi) times the integral of exp(K(s) - s value) / s over a line with 0 < Re s < 1 / (2 max weight), where
    K(s) = -1/2 the sum of degrees log(1 - 2 weights s).  It is taken over a parabola through the saddle point of the
    integrand (Rice 1980, SIAM J. Sci. Stat. Comput. 1, on such contours), along which it dies off exponentially, so
    that the trapezoid rule is exact to rounding.
    """
    if value <= 0:
        return 1.0
    unit = float(weights.max())  # weights and value in it keep every number within range
    weights, value = weights / unit, value / unit
    saddle = _saddle(weights, degrees, value)
    distances = 1 - 2 * weights * saddle
    curvature = 2 * float(np.sum(degrees * (weights / distances) ** 2)) + 1 / saddle**2
    breadth = 1 / math.sqrt(curvature)
    bend = breadth**2 / (2 * (0.5 - saddle))  # the branch cut, from 1/2, stays as far as the curvature says
    u = _STEP * (np.arange(_NODES) + 0.5)
    t = np.sinh(u)  # where value is small, the integrand dies off slowly
    s = saddle + bend * t**2 / 2 + 1j * breadth * t
    slope = (bend * t + 1j * breadth) * np.cosh(u)
    exponent = -0.5 * (np.log(1 - 2 * s[:, None] * weights) @ degrees) - s * value - np.log(s)
    peak = -0.5 * float(np.log(distances) @ degrees) - saddle * value - math.log(saddle)
    integral = _STEP * float(np.sum((np.exp(exponent - peak) * slope).imag)) / math.pi
    return float(min(1.0, math.exp(peak) * integral)) if integral > 0 else 0.0


def _saddle(weights: Array, degrees: Array, value: float) -> float:
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
