"""Kernels, tests and results.

Without numpy, so that a command can check its options before it reads anything.
"""

import math
import re
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, cast, get_args

from kxcli.mining.arguments import check_choice, check_minimum, check_type

KernelName = Literal["gaussian", "laplace", "linear", "delta", "bow", "ngram"]
TestName = Literal["auto", "permutation", "eigen", "gamma", "none"]

NUMERIC_KERNELS = ("gaussian", "laplace", "linear")
BANDWIDTH_KERNELS = ("gaussian", "laplace")
TEXT_KERNELS = ("bow", "ngram")

MIN_ROWS = 4  # the unbiased estimator divides by n - 3


class MeasureError(ValueError):
    """HSIC or the requested test is not defined for some values; `str()` says why."""


@dataclass(frozen=True)
class Kernel:
    """A kernel of two values.

    Attributes:
        name: "gaussian": exp(-d²/σ²), without a 2, as in the article (https://spaces.ac.cn/archives/6910).
            "laplace": exp(-d/σ), d the Euclidean distance.
            "linear": the inner product.
            "delta": 1 if all cells are equal, else 0.
            "bow", "ngram": the inner product of the texts' counts of words, or of n-grams of characters.
        sigma: The bandwidth of gaussian and laplace. "median" is the median of the positive pairwise distances. With
            None, estimates have the median, and a permutation test takes several bandwidths around it together.
        n: The length of the n-grams.
        cosine: For bow and ngram, the cosine instead of the inner product; 0 for a text without words.
    """

    name: KernelName
    sigma: float | Literal["median"] | None = None
    n: int = 0
    cosine: bool = False

    def __str__(self) -> str:
        return f"{self.name}{f':{self.n}' * bool(self.n)}{'+cosine' * self.cosine}"

    def __post_init__(self) -> None:
        check_choice("the kernel", self.name, get_args(KernelName))
        check_type("n", self.n, Integral)
        check_type("cosine", self.cosine, bool)
        if (self.n > 0) != (self.name == "ngram") or self.n < 0:
            raise ValueError("n must be 1 or more for the kernel ngram, and 0 for other kernels")
        if self.cosine and not self.compares_texts:
            raise ValueError(f"the kernel {self.name} has no cosine; use bow or ngram")
        if self.sigma is not None and not self.has_bandwidth:
            raise ValueError(f"the kernel {self.name} has no sigma; gaussian and laplace have one")
        if self.sigma is not None and self.sigma != "median":
            check_type("sigma", self.sigma, Real, "a number or 'median'")
            if not 0 < self.sigma < math.inf:
                raise ValueError("sigma must be greater than 0 and finite")
            object.__setattr__(self, "sigma", float(self.sigma))

    @classmethod
    def parse(cls, text: str) -> "Kernel":
        """Return the kernel of a name, as `ngram:3`; raises `ValueError` for others."""
        match = re.fullmatch(r"(gaussian|laplace|linear|delta|bow)|ngram:([1-9]\d{0,2})", text, re.ASCII)
        if match is None:
            raise ValueError(
                f"unknown kernel {text[:60]!r}; choose from gaussian, laplace, linear, delta, bow and ngram:N"
            )
        return cls(cast(KernelName, match[1] or "ngram"), n=int(match[2] or 0))

    @property
    def compares_texts(self) -> bool:
        """Whether it compares counts of words or n-grams."""
        return self.name in TEXT_KERNELS

    @property
    def has_bandwidth(self) -> bool:
        """Whether it has a σ."""
        return self.name in BANDWIDTH_KERNELS


@dataclass(frozen=True)
class Testing:
    """A test of independence.

    Attributes:
        name: "permutation".
            "eigen": the asymptotic null distribution from the kernels' spectra.
            "gamma": its approximation by two moments.
            "none".
            "auto": permutation; eigen if no number of permutations is requested, they would take long or compare less
            than 90 % of a kernel, and its distribution holds for these values.
        permutations: The number to draw, None for 1,000 or for more if there are many tests
            (`sequential.choose_max_draws`); all are enumerated for 7 rows or fewer.
        seed: Of all draws.
        alpha: The columns are called dependent if p is at most alpha.
    """

    name: TestName = "auto"
    permutations: int | None = None
    seed: int = 0
    alpha: float = 0.05

    def __post_init__(self) -> None:
        check_choice("the test", self.name, get_args(TestName))
        if self.permutations is not None:
            check_minimum("permutations", self.permutations, 1)
        check_minimum("seed", self.seed, 0)
        check_type("alpha", self.alpha, Real)
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, not {self.alpha}")


@dataclass(frozen=True)
class Dependence:
    """The dependence of two columns.

    Attributes:
        n: The number of rows.
        kernel_x, kernel_y: As `str` of the kernels.
        sigma_x, sigma_y: The bandwidths used; None for kernels without one, and for a constant column.
        biased_n2, biased_nm1, unbiased, cka, cka_unbiased: See `estimators.Estimates`. All are None for a pair of
            many columns with fewer than `MIN_ROWS` rows that have a value in both.
        test: The test that was done.
        draws: The null draws that a p-value by permutation rests on; None if it is that of all permutations.
        n_bandwidths: The pairs of bandwidths that a test by permutation takes together.
        p_value, dependent: None without a test, and if the test is undefined.
        notes: Decisions of the measurement, for messages.
    """

    n: int
    kernel_x: str
    sigma_x: float | None
    kernel_y: str
    sigma_y: float | None
    biased_n2: float | None
    biased_nm1: float | None
    unbiased: float | None
    cka: float | None
    cka_unbiased: float | None
    test: str
    draws: int | None = None
    n_bandwidths: int | None = None
    p_value: float | None = None
    dependent: bool | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_undefined(self) -> bool:
        """Whether a test was requested without a defined p-value."""
        return self.test != "none" and self.p_value is None
