"""How a pair of variables is permuted: the cheapest way, by their sizes."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from kxcli.arrays import FloatArray
from kxcli.mining.hsic.contingency import (
    MAX_TABLE_ROWS,
    N_BINARY,
    DistinctValues,
    TableStatistic,
    build_distinct_values,
    compute_exact_p_value,
    find_distinct_values,
)
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable
from kxcli.mining.hsic.low_rank import compress, get_max_rank
from kxcli.mining.hsic.permutation_statistics import (
    ContingencyStatistic,
    FeatureStatistic,
    GroupStatistic,
    NullStatistic,
    TermStatistic,
    WholeStatistic,
)
from kxcli.mining.hsic.permuted_kernels import (
    FeatureKernels,
    WholeKernels,
    build_fourier_kernels,
    build_matrices,
    choose_fourier_features,
    count_fourier_widths,
)
from kxcli.mining.hsic.scales import MEDIAN, SCALES, find_bands, find_compared
from kxcli.mining.hsic.text_kernel import TextVariable
from kxcli.mining.hsic.variables import Variable

PermutationView = WholeKernels | FeatureKernels | DistinctValues | CategoricalVariable | TextVariable

_DISCRETE = CategoricalVariable, NumericVariable  # variables that may have few distinct values

MAX_WHOLE_ROWS = 10_000
MAX_CELLS = 1 << 21  # of the table of terms by categories, for texts that keep all their terms
_MAX_DISTINCT = 64  # values of a variable for random tables
_MAX_GROUP_FEATURES = 32  # categories as features
_MIN_ROWS_PER_CELL = 4  # of a table: with fewer, rows are permuted
_FEATURE_COPIES = 3  # of the features of a side, while they are made and permuted
_CALL = 2e-5  # seconds of a draw of few features that do not depend on their number
# Of a draw on one core: a gathered entry of a matrix, a product of entries, of features, a copied feature, a sum over
# categories, an entry of a text.
_GATHER, _PRODUCT, _FEATURE, _COPY, _GROUP, _ENTRY = 8e-10, 3e-10, 1e-10, 1.2e-9, 2e-9, 5e-9


@dataclass(frozen=True)
class PermutationPlan:
    """The data of both variables that permutations compare.

    Attributes:
        x, y: Of each variable.
        seconds: About those of a draw on one core.
    """

    x: PermutationView
    y: PermutationView
    seconds: float

    @property
    def n_bandwidths(self) -> int:
        """The number of pairs of bandwidths that are compared."""
        return int(find_compared(_get_scales(self.x), _get_scales(self.y)).sum())

    @property
    def share(self) -> float:
        """The smaller share of a kernel's trace that is compared."""
        return min(one.share if isinstance(one, FeatureKernels) else 1.0 for one in (self.x, self.y))

    def compute_exact_p_value(self) -> float | None:
        """Return the p-value of all permutations for a table of two by two, else None."""
        x, y = self.x, self.y
        if not (isinstance(x, DistinctValues) and isinstance(y, DistinctValues)):
            return None
        is_binary = len(x.sizes) == len(y.sizes) == N_BINARY
        return compute_exact_p_value(TableStatistic(x, y).count_rows()) if is_binary else None

    def make_statistic(self) -> NullStatistic:
        """Return the statistic to draw."""
        match self.x, self.y:
            case WholeKernels() as x, WholeKernels() as y:
                return WholeStatistic([x], y)
            case FeatureKernels() as x, FeatureKernels() as y:
                return FeatureStatistic(x, y)
            case DistinctValues() as x, DistinctValues() as y:
                return TableStatistic(x, y)
            case CategoricalVariable() as x, CategoricalVariable() as y:
                return ContingencyStatistic(x, y)
            case CategoricalVariable() as x, FeatureKernels() as y:
                return GroupStatistic(x, y, permutes_groups=False)
            case FeatureKernels() as x, CategoricalVariable() as y:
                return GroupStatistic(y, x, permutes_groups=True)
            case CategoricalVariable() as x, TextVariable() as y:
                return TermStatistic(x, y, permutes_groups=False)
            case TextVariable() as x, CategoricalVariable() as y:
                return TermStatistic(y, x, permutes_groups=True)
        raise AssertionError("no plan has such a pair of views")


def make_joint_statistic(plans: Sequence[PermutationPlan]) -> NullStatistic:
    """Return the statistic of plans with whole matrices, the same of y."""
    xs = [plan.x for plan in plans if isinstance(plan.x, WholeKernels)]
    y = plans[0].y
    assert isinstance(y, WholeKernels) and len(xs) == len(plans), "the plans have whole matrices"
    return WholeStatistic(xs, y)


@dataclass(frozen=True)
class PlanLimits:
    """Maximal sizes of the data of permutations.

    Attributes:
        whole_rows: Of a whole kernel matrix.
        whole_bytes: Of all whole matrices of a pair.
        rank: Features of a large kernel; None for `low_rank.get_max_rank`.
        cells: Of the table of terms by categories, for permutations that compare all terms.
        scaled_seconds: Of a draw of several bandwidths; with fewer, a draw may take longer.
    """

    whole_rows: int = MAX_WHOLE_ROWS
    whole_bytes: int = 1 << 31
    rank: int | None = None
    cells: int = MAX_CELLS
    scaled_seconds: float = 0.012


DEFAULT_LIMITS = PlanLimits()


Means = tuple[FloatArray, FloatArray] | None  # row means of both kernels


class PlanDraft(NamedTuple):
    """A plan before anything is computed.

    Attributes:
        seconds: About those of a draw on one core.
        build: Makes the plan.
        omits_much: Whether few features of a kernel with many are compared.
    """

    seconds: float
    build: Callable[[], PermutationPlan]
    omits_much: bool = False


def draft_plan(
    x: Variable, y: Variable, seed: int, means: Means = None, limits: PlanLimits = DEFAULT_LIMITS
) -> PlanDraft:
    """Return the cheapest way to permute two variables.

    Permutations compare all of both kernels, but few features (`low_rank`) of one that has many, and more than
    `whole_rows` rows.

    Args:
        x: One variable.
        y: The other.
        seed: Of the few features.
        means: Needed for the few features of large kernels.
        limits: The maximal sizes.
    """
    for texts, groups in ((x, y), (y, x)):
        if isinstance(texts, TextVariable) and isinstance(groups, CategoricalVariable):
            if len(groups.sizes) * texts.n_terms > limits.cells:
                break
            seconds = _ENTRY * (len(texts.entries[0]) + len(groups.sizes) * texts.n_terms)
            return _make_draft(texts, groups, seconds) if texts is x else _make_draft(groups, texts, seconds)
    if (views := _build_distinct(x, y)) is not None:
        return _make_draft(*views, 100 * _GROUP * len(views[0].sizes) * len(views[1].sizes))
    if isinstance(x, CategoricalVariable) and isinstance(y, CategoricalVariable):
        return _make_draft(x, y, 10 * _COPY * x.n)
    is_adaptive = any(isinstance(one, NumericVariable) and one.is_adaptive for one in (x, y))
    drafts = [_Draft(x, y, scales, limits) for scales in (SCALES if is_adaptive else (MEDIAN,))]
    exact = [draft for draft in drafts if not draft.omits_much] or drafts[-1:]
    draft = next((one for one in exact if one.seconds <= limits.scaled_seconds), exact[-1])
    return PlanDraft(draft.seconds, partial(draft.build, seed, means), draft.omits_much)


def _make_draft(x: PermutationView, y: PermutationView, seconds: float) -> PlanDraft:
    return PlanDraft(seconds, partial(PermutationPlan, x, y, seconds))


def _build_distinct(x: Variable, y: Variable) -> tuple[DistinctValues, DistinctValues] | None:
    """Return the distinct values of two variables that have few, else None."""
    if not (isinstance(x, _DISCRETE) and isinstance(y, _DISCRETE)) or x.n > MAX_TABLE_ROWS:
        return None
    found_x, found_y = (find_distinct_values(one, _MAX_DISTINCT) for one in (x, y))
    if found_x is None or found_y is None:
        return None
    shape = len(found_x[0]), len(found_y[0])
    if shape != (N_BINARY, N_BINARY) and shape[0] * shape[1] * _MIN_ROWS_PER_CELL > x.n:
        return None
    scales_x, scales_y = (_list_scales(one, SCALES[0]) for one in (x, y))
    return build_distinct_values(x, *found_x, scales_x), build_distinct_values(y, *found_y, scales_y)


def _list_scales(variable: Variable, scales: Sequence[float]) -> Sequence[float]:
    """Return the scales of a variable, 1 for one with a fixed bandwidth."""
    return scales if isinstance(variable, NumericVariable) and variable.is_adaptive else MEDIAN


class _Draft:
    """A plan for some bandwidths, before anything is computed.

    Attributes:
        seconds: Of a draw.
        omits_much: Whether few features of a kernel with many are compared.
    """

    def __init__(self, x: Variable, y: Variable, scales: Sequence[float], limits: PlanLimits) -> None:
        self._variables = x, y
        self._scales = [_list_scales(one, scales) for one in (x, y)]
        n, (q, s) = x.n, map(len, self._scales)
        self._rank = get_max_rank(n) if limits.rank is None else limits.rank
        widths = [_count_features(one, own) for one, own in zip((x, y), self._scales, strict=True)]
        has_room = n <= limits.whole_rows and 8 * n * n * (q + s) <= limits.whole_bytes
        whole = n * n / 2 * s * (_GATHER + q * _PRODUCT) if has_room else math.inf
        n_features = sum(width[-1] if width else self._rank for width in widths)
        if _FEATURE_COPIES * 8 * n * n_features > limits.whole_bytes:
            widths = [width if width and width[-1] <= self._rank else None for width in widths]
        few = self._estimate_features(n, [width or (self._rank,) * 3 for width in widths])
        self.omits_much = None in widths and not has_room
        if None in widths and has_room:
            few = math.inf
        self._is_low_rank = [width is None for width in widths]
        self._is_whole = whole <= few
        self.seconds = min(whole, few)

    def _estimate_features(self, n: int, widths: Sequence[tuple[int, int, int]]) -> float:
        """Return the seconds of a draw by low, middle and all features."""
        (low_x, middle_x, width_x), (low_y, middle_y, width_y) = widths
        for one, width in zip(self._variables, (width_y, width_x), strict=True):
            if _has_many_groups(one):
                return _CALL + n * _GROUP * width
        products = middle_x * middle_y + (width_x - middle_x) * low_y + low_x * (width_y - middle_y)
        return _CALL + n * (products * _FEATURE + (middle_y + low_x) * _COPY)

    def build(self, seed: int, means: Means) -> PermutationPlan:
        """Return the plan."""
        views: list[PermutationView] = []
        for which, (variable, scales) in enumerate(zip(self._variables, self._scales, strict=True)):
            if self._is_whole:
                views.append(build_matrices(variable, scales))
            elif isinstance(variable, CategoricalVariable) and _has_many_groups(variable):
                views.append(variable)
            elif not self._is_low_rank[which] and (features := choose_fourier_features(variable, scales)) is not None:
                views.append(build_fourier_kernels(variable, features, scales))
            else:
                views.append(compress(variable, self._rank, seed, which, None if means is None else means[which]))
        return PermutationPlan(views[0], views[1], self.seconds)


def _has_many_groups(variable: Variable) -> bool:
    """Return whether sums over categories are faster than features of them."""
    return isinstance(variable, CategoricalVariable) and len(variable.sizes) > _MAX_GROUP_FEATURES


def _count_features(variable: Variable, scales: Sequence[float]) -> tuple[int, int, int] | None:
    """Return the numbers of low, middle and all features; None if too many."""
    if isinstance(variable, CategoricalVariable):
        return (len(variable.sizes),) * 3
    if not isinstance(variable, NumericVariable):
        return None
    if variable.kernel.name == "linear":
        return (variable.rows.shape[1],) * 3
    features = choose_fourier_features(variable, scales)
    if features is None:
        return None
    return *find_bands(scales, count_fourier_widths(features, scales)), features.width


def _get_scales(view: PermutationView) -> Sequence[float]:
    return view.scales if isinstance(view, WholeKernels | FeatureKernels | DistinctValues) else MEDIAN
