"""What is asked, and what is answered; free of numpy, so that a command can name them before it reads anything."""

import math
import re
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Literal, cast, get_args

from kxcli.mining.arguments import check_minimum, check_type, describe

KernelName = Literal["gaussian", "laplace", "linear", "delta", "bow", "ngram"]
TestName = Literal["auto", "permutation", "eigen", "gamma", "none"]

MIN_ROWS = 4
MIN_GAMMA_ROWS = 6
MAX_PERMUTED_ROWS = 20_000  # up to which `auto` permutes


class MeasureError(ValueError):
    """Values of which HSIC, or the test asked for, cannot be told; `str()` says why."""


@dataclass(frozen=True)
class Kernel:
    """A kernel by name.

    gaussian: exp(-d²/σ²), without a 2, as in the article (https://spaces.ac.cn/archives/6910); laplace: exp(-d/σ), d
    the Euclidean distance; linear: the inner product; delta: 1 where all cells are equal, else 0; bow, ngram: the
    inner product of the texts' counts of words, or of their n-grams of `n` characters.
    sigma: of gaussian and laplace; None: the median of the positive pairwise distances.
    cosine: of bow and ngram: the cosine instead of the inner product; of a text without words it is 0.
    """

    name: KernelName
    sigma: float | None = None
    n: int = 0
    cosine: bool = False

    def __str__(self) -> str:
        return f"{self.name}{f':{self.n}' * bool(self.n)}{'+cosine' * self.cosine}"

    def __post_init__(self) -> None:
        if self.name not in get_args(KernelName):
            raise ValueError(f"{describe(self.name)} is no kernel; there are {', '.join(get_args(KernelName))}")
        check_type("n", self.n, Integral)
        check_type("cosine", self.cosine, bool)
        if self.sigma is not None:
            check_type("sigma", self.sigma, Real)
        if (self.n > 0) != (self.name == "ngram") or self.n < 0:
            raise ValueError("the kernel ngram has an n of 1 or more, and no other kernel has one")
        if self.cosine and not self.compares_texts:
            raise ValueError(f"the kernel {self.name} has no cosine; bow and ngram have one")
        if self.sigma is not None and not (self.has_bandwidth and 0 < self.sigma < math.inf):
            raise ValueError("sigma must be greater than 0, and only gaussian and laplace have one")

    @classmethod
    def parse(cls, text: str) -> "Kernel":
        """Return the kernel that a user names, n-grams as `ngram:3`; `ValueError` where there is none such."""
        match = re.fullmatch(r"(gaussian|laplace|linear|delta|bow)|ngram:([1-9]\d{0,2})", text, re.ASCII)
        if match is None:
            raise ValueError(f"{text[:60]!r} is no kernel; there are gaussian, laplace, linear, delta, bow and ngram:N")
        return cls(cast(KernelName, match[1] or "ngram"), n=int(match[2] or 0))

    @property
    def compares_texts(self) -> bool:
        """Whether it compares counts of words or n-grams."""
        return self.name in ("bow", "ngram")

    @property
    def has_bandwidth(self) -> bool:
        """Whether it has a σ."""
        return self.name in ("gaussian", "laplace")


@dataclass(frozen=True)
class Testing:
    """How independence is tested.

    name: "permutation"; "eigen", the asymptotic null distribution from the kernels' spectra; "gamma", its
    approximation with two moments; "none"; "auto": permutation up to `MAX_PERMUTED_ROWS` rows, eigen beyond, and
    where permutations would compare less than 90 % of a kernel.
    alpha: the columns are called dependent where p is no greater.
    """

    name: TestName = "auto"
    permutations: int = 1000
    seed: int = 0
    alpha: float = 0.05

    def __post_init__(self) -> None:
        if self.name not in get_args(TestName):
            raise ValueError(f"{describe(self.name)} is no test; there are {', '.join(get_args(TestName))}")
        check_minimum("permutations", self.permutations, 1)
        check_minimum("seed", self.seed, 0)
        check_type("alpha", self.alpha, Real)
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, not {self.alpha}")


@dataclass(frozen=True)
class Dependence:
    """What is known of two columns.

    sigma_x, sigma_y: the bandwidths used; None for kernels without one, and for a constant column.
    biased_n2, ..., cka_unbiased: see `estimators.Estimates`; of a pair of many columns that has fewer than `MIN_ROWS`
    rows with a value in both, all are None.
    test: what was done; p_value and dependent are None without a test, and where the test is undefined.
    notes: what was decided on the way, for whoever asked.
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
    p_value: float | None
    dependent: bool | None
    notes: tuple[str, ...] = ()

    @property
    def is_undefined(self) -> bool:
        """Whether a test was requested without a defined p-value."""
        return self.test != "none" and self.p_value is None
