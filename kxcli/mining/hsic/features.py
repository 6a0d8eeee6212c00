"""Kernels that are the inner product of a few features, exactly or to double precision."""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np

from kxcli.arrays import FloatArray, IntArray

_REACH = 6.0  # exp(-6²) is 2e-16: what the kernel is at this distance, and its spectrum at twice it, in bandwidths


MAX_WIDTH = 1024  # features of a side, or of both, that matrices of width x width are made of
_FURTHEST = 1e4  # bandwidths, beyond which there would be more features than anybody has rows for


class FeatureMap(Protocol):
    """Maps rows to features; picklable and small."""

    @property
    def width(self) -> int:
        """The number of features."""
        ...

    def of(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return the features of some rows, of shape (width, rows)."""
        ...


@dataclass(frozen=True)
class LinearFeatures:
    """The columns of centered numbers."""

    width: int

    def of(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return the columns as rows."""
        return np.ascontiguousarray(rows.T, dtype=np.float64)


@dataclass(frozen=True)
class OneHotFeatures:
    """A feature for each category."""

    width: int

    def of(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return 1 at each row's category, else 0."""
        features = np.zeros((self.width, len(rows)))
        features[rows.astype(np.int64, copy=False), np.arange(len(rows))] = 1
        return features


@dataclass(frozen=True)
class FourierFeatures:
    """Cosines and sines for the gaussian kernel in one dimension, of numbers given in bandwidths.

    exp(-d²) is the integral of its spectrum exp(-ω²/4) / (2 √π) times cos(ωd).  The trapezoid rule with step h gives
    the sum of the kernel's copies 2π/h apart (Poisson's formula), so with h = 2π / (range + 6) all but the first are
    below 2e-16 wherever two rows can be apart, and beyond ω = 12 the spectrum is.  Hence 1.91 (range + 6)
    frequencies, and twice as many features.  That of frequency 0, which is constant, is left out: centering takes it
    away.
    """

    step: float
    n_frequencies: int

    @classmethod
    def over(cls, extent: float) -> "FourierFeatures | None":
        """Return the features for numbers no further apart than `extent` bandwidths; None where that is too far."""
        if not extent <= _FURTHEST:
            return None
        step = 2 * math.pi / (extent + _REACH)
        return cls(step, math.ceil(2 * _REACH / step))

    @property
    def width(self) -> int:
        """The number of features."""
        return 2 * self.n_frequencies

    @cached_property
    def _amplitudes(self) -> FloatArray:
        frequencies = self.step * np.arange(1, self.n_frequencies + 1)
        return np.sqrt(self.step / math.sqrt(math.pi) * np.exp(-(frequencies**2) / 4))

    def of(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return the cosines less 1, then the sines: powers of exp(iωd/2) by products, of which log2 follow each other.

        Less 1, which centering takes away, a cosine keeps its digits where all numbers are near each other.
        """
        halves = np.empty((self.n_frequencies, len(rows)), dtype=np.complex128)
        angles = self.step / 2 * rows[:, 0]
        halves[0].real, halves[0].imag = np.cos(angles), np.sin(angles)
        n_known = 1
        while n_known < self.n_frequencies:
            n_new = min(n_known, self.n_frequencies - n_known)
            np.multiply(halves[:n_new], halves[n_known - 1], out=halves[n_known : n_known + n_new])
            n_known += n_new
        features = np.empty((self.width, len(rows)))
        sines = halves.imag * (2 * self._amplitudes[:, None])
        np.multiply(sines, halves.imag, out=features[: self.n_frequencies])
        np.negative(features[: self.n_frequencies], out=features[: self.n_frequencies])
        np.multiply(sines, halves.real, out=features[self.n_frequencies :])
        return features
