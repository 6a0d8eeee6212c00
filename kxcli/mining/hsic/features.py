"""Kernels as inner products of few features, exact to double precision."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from kxcli.arrays import FloatArray, IntArray

MAX_WIDTH = 1024  # features of one variable, or of two, for which matrices of width x width are computed

_REACH = (
    6.0  # bandwidths: exp(-6²) is 2e-16, so there the kernel, and at twice that its spectrum, is 0 but for rounding
)
_MAX_EXTENT = 1e4  # bandwidths; a larger extent would need more features than there are rows


@dataclass(frozen=True)
class LinearFeatures:
    """The columns of centered numbers."""

    width: int

    def transform(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return the columns as rows."""
        return np.ascontiguousarray(rows.T, dtype=np.float64)


@dataclass(frozen=True)
class OneHotFeatures:
    """One feature per category."""

    width: int

    def transform(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return 1 at the category of each row, else 0."""
        features = np.zeros((self.width, len(rows)))
        features[rows.astype(np.int64, copy=False), np.arange(len(rows))] = 1
        return features


@dataclass(frozen=True)
class FourierFeatures:
    """Cosines and sines for the gaussian kernel in one dimension.

    Numbers are in bandwidths.  exp(-d²) is the integral of its spectrum exp(-ω²/4) / (2 √π) times cos(ωd). The
    trapezoid rule with step h gives the sum of copies of the kernel 2π/h apart (Poisson's formula). With h = 2π /
    (range + 6), all copies but the first are below 2e-16 for any two rows, and so is the spectrum beyond ω = 12. Hence
    1.91 (range + 6) frequencies, and twice as many features. The constant feature of frequency 0 is omitted, because
    centering removes it.

    Attributes:
        step: Between two frequencies.
        n_frequencies: The number of frequencies.
        narrow: The bandwidth of the kernel, relative to that of the numbers.
    """

    step: float
    n_frequencies: int
    narrow: float = 1.0

    @classmethod
    def for_extent(
        cls, extent: float, reach: float = _REACH, narrow: float = 1.0, wide: float = 1.0
    ) -> "FourierFeatures | None":
        """Return the features for a range of numbers; None if it is too wide.

        Args:
            extent: The range, in bandwidths.
            reach: The distance, in bandwidths, beyond that the kernel counts as 0; its spectrum does beyond twice that.
            narrow: The bandwidth of the narrowest kernel, relative to that of the numbers.
            wide: That of the widest.
        """
        if not extent <= _MAX_EXTENT * narrow:
            return None
        step = 2 * math.pi / (extent + reach * wide)
        return cls(step, math.ceil(2 * reach / narrow / step), narrow)

    @property
    def width(self) -> int:
        """The number of features."""
        return 2 * self.n_frequencies

    @property
    def _frequencies(self) -> FloatArray:
        return self.step * np.arange(1, self.n_frequencies + 1, dtype=np.float64)

    def count_frequencies(self, limit: float) -> int:
        """Return the number of frequencies up to a limit, at least 1."""
        return max(1, min(self.n_frequencies, math.ceil(limit / self.step)))

    def compute_weights(self, scale: float) -> FloatArray:
        """Return the weights of the features in a kernel of another bandwidth.

        Args:
            scale: The bandwidth, at least `narrow`.

        Returns:
            Of shape (width,).
        """
        exponents = (self.narrow**2 - scale**2) / 4 * self._frequencies**2
        weights: FloatArray = scale / self.narrow * np.exp(exponents)
        return np.concatenate((weights, weights))

    @cached_property
    def _amplitudes(self) -> FloatArray:
        spectrum = self.narrow * np.exp(-((self.narrow * self._frequencies) ** 2) / 4)
        return np.sqrt(self.step / math.sqrt(math.pi) * spectrum)

    def transform(self, rows: FloatArray | IntArray) -> FloatArray:
        """Return the cosines less 1, then the sines.

        The powers of exp(iωd/2) are products of smaller powers, log2(n_frequencies) of them in sequence. A cosine
        less 1 keeps its digits if all numbers are close to each other; centering removes the 1.
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


FeatureMap = LinearFeatures | OneHotFeatures | FourierFeatures  # small and picklable: rows -> features (width, rows)
