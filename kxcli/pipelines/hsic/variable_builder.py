"""Groups of columns -> variables with their kernels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, cast

import numpy as np

from kxcli.arrays import BoolArray, FloatArray
from kxcli.corpus.tables import GroupCells, MixedCells
from kxcli.errors import InputError, UsageError
from kxcli.mining.hsic import terms
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS
from kxcli.mining.hsic.jobs import RunJob
from kxcli.mining.hsic.kernels import CategoricalVariable, NumericVariable
from kxcli.mining.hsic.pairs import PairColumn
from kxcli.mining.hsic.parameters import MIN_ROWS, Kernel, MeasureError
from kxcli.mining.hsic.product_kernel import ProductVariable
from kxcli.mining.hsic.standardization import DOMINANT_SHARE, find_dominant_column, standardize
from kxcli.mining.hsic.variables import MixedValues, Values, Variable, make_variable
from kxcli.pipelines.hsic.inputs import KernelRequest, get_numbers, get_places, select_rows
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting
    from kxcli.mining.segment.compiled import CompiledDictionary


class VariableBuilder:
    """Makes variables of groups of columns, and reports doubtful ones."""

    def __init__(
        self,
        run: RunJob,
        counting: "Counting | None",
        dictionary: "CompiledDictionary | None",
        seed: int,
        report: Report,
    ) -> None:
        self._run, self._counting, self.dictionary = run, counting, dictionary
        self._seed, self._report = seed, report
        self._has_standardized = False
        self._has_effect: dict[str, bool] = {}  # of each option for the bandwidth

    def make_term_spec(self, kernel: Kernel) -> terms.TermSpec:
        """Return the terms counted by a kernel of words or n-grams."""
        assert self._counting is not None, "a kernel of words or n-grams has a counting"
        return terms.TermSpec(kernel.n, self._counting)

    def make_column(
        self,
        cells: GroupCells,
        present: BoolArray,
        request: KernelRequest,
        name: str,
        path: str,
        *,
        keeps_values: bool,
    ) -> PairColumn:
        """Return one of many columns over its rows with a value.

        Args:
            cells: Of all rows.
            present: The mask of rows with a value.
            request: Its kernel.
            name: Of the column, for messages.
            path: Of the table.
            keeps_values: Whether subsets of its rows will be measured, because another column has missing cells.
        """
        kernel = request.make_kernel(is_number=isinstance(cells, np.ndarray))
        if int(present.sum()) < MIN_ROWS:
            return PairColumn(None, kernel, None, present)
        is_whole = bool(present.all())
        values = self._make_values(cells if is_whole else select_rows(cells, present), kernel, request, name)
        variable = self._make_variable(values, kernel, request, name, path)
        return PairColumn(variable, kernel, values if keeps_values else None, None if is_whole else present)

    def make_variable(
        self, cells: GroupCells, request: KernelRequest, name: str, path: str, columns: Sequence[str] = ()
    ) -> Variable:
        """Return a group of columns with its kernel.

        `name`, `path` and `columns`, the names of the columns, are for messages.
        """
        numbers = get_numbers(cells)
        kernel = request.make_kernel(is_number=numbers is not None)
        if numbers is not None and request.standardization is None:
            dominant = find_dominant_column(numbers)
            if dominant is not None:
                self._report.warning(
                    f"{DOMINANT_SHARE:.0%} or more of the squared distances of {name} are from the column "
                    f"{columns[get_places(cells)[dominant]]}; use --standardize z or rank"
                )
        return self._make_variable(self._make_values(cells, kernel, request, name), kernel, request, name, path)

    def _make_values(self, cells: GroupCells, kernel: Kernel, request: KernelRequest, name: str) -> Values:
        """Return the cells, standardized ones, or the counts of their terms."""
        if isinstance(cells, MixedCells):
            return MixedValues(self._standardize(cells.numbers, kernel, request), cells.texts)
        if isinstance(cells, np.ndarray):
            return self._standardize(cells, kernel, request)
        if not kernel.compares_texts:
            return cells
        if len(cells) > 1:
            raise UsageError(f"{request.option} {kernel} takes one column of texts, and {name} has {len(cells)}.")
        texts = cast(list[str], cells[0])  # rows with a missing cell are dropped
        job = terms.CountTerms(self.make_term_spec(kernel))
        return self._run(job, terms.iter_tasks(texts), self.dictionary, f"words of {name}")

    def _standardize(self, numbers: FloatArray, kernel: Kernel, request: KernelRequest) -> FloatArray:
        if request.standardization is None:
            return numbers
        # The median bandwidth of one column undoes a change of its unit.
        is_undone = numbers.shape[1] == 1 and kernel.has_bandwidth and not isinstance(kernel.sigma, float)
        self._has_standardized |= request.standardization == "rank" or not is_undone
        return standardize(numbers, request.standardization)

    def check_effects(self, request: KernelRequest) -> None:
        """Report options for the bandwidth without effect.

        Raises:
            UsageError: If --standardize changed nothing.
        """
        for option, has_effect in self._has_effect.items():
            if not has_effect:
                self._report.warning(f"{option} has no effect without numbers to compare; remove it")
        if request.standardization is not None and not self._has_standardized:
            raise UsageError(
                f"--standardize {request.standardization} has no effect without numbers, or with the median bandwidth "
                "of one column; remove it."
            )

    def _make_variable(self, values: Values, kernel: Kernel, request: KernelRequest, name: str, path: str) -> Variable:
        if request.sigma is not None:
            option = request.sigma_option
            self._has_effect[option] = self._has_effect.get(option, False) or kernel.has_bandwidth
        try:
            variable = make_variable(values, kernel, self._seed)
        except MeasureError as error:
            raise InputError(path, f"{name}: {error}") from None
        labels = variable.labels if isinstance(variable, ProductVariable) else variable
        if isinstance(labels, CategoricalVariable) and labels.is_nearly_unique:
            self._report.warning(
                f"nearly all cells of {name} differ, and the kernel delta compares only whether they are equal; "
                f"for texts, use {request.option} bow or ngram:N"
            )
        numbers = variable.numbers if isinstance(variable, ProductVariable) else variable
        if (
            isinstance(numbers, NumericVariable)
            and numbers.rows.shape[1] > 1  # the median distance of single numbers is exact
            and kernel.has_bandwidth
            and not isinstance(kernel.sigma, float)
            and numbers.n > MAX_EXACT_ROWS
            and not numbers.is_constant
        ):
            self._report.note(
                f"the bandwidth of {name} is the median distance of {MAX_EXACT_ROWS:,} of {variable.n:,} rows, "
                "sampled by --seed"
            )
        return variable
