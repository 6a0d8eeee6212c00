"""Columns of tables -> rows without missing cells -> sides with their kernels."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from kxcli.arrays import BoolArray, FloatArray
from kxcli.corpus import encodings
from kxcli.corpus.diagnostics import Diagnostic, Notice, format_place
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.tables import ColumnGroup, Table, TableReading, TextColumns, open_table
from kxcli.corpus.tables.cells import MissingCodes
from kxcli.errors import InputError, UsageError
from kxcli.mining.hsic import texts
from kxcli.mining.hsic.bandwidth import MAX_EXACT_ROWS
from kxcli.mining.hsic.dependence import RunJob, make_variable
from kxcli.mining.hsic.kernels import CategoricalVariable, Variable
from kxcli.mining.hsic.pairs import PairColumn
from kxcli.mining.hsic.parameters import MIN_ROWS, Kernel, MeasureError
from kxcli.pipelines import corpus_run
from kxcli.pipelines.settings import InputSettings, OutputSettings
from kxcli.report import Report
from kxcli.suffixes import InputFormat
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.mining import Counting


_SOME, _NEARLY = 20, 0.9  # rows, and distinct cells among them, of what is no label


@dataclass(frozen=True)
class KernelRequest:
    """The kernel that a side was asked to have; `name` None: by what its cells are."""

    name: str | None
    sigma: float | None
    cosine: bool
    option: str

    @property
    def is_number(self) -> bool | None:
        """What the cells have to be; None: either."""
        return None if self.name is None else self.name in ("gaussian", "laplace", "linear")

    @property
    def compares_texts(self) -> bool:
        """Whether it is a kernel of words or n-grams."""
        return self.name is not None and Kernel.parse(self.name).compares_texts

    def group(self, columns: tuple[int, ...]) -> ColumnGroup:
        """Return the columns, with the option to name if some of their cells are texts."""
        return ColumnGroup(columns, self.is_number, self.option)

    def kernel(self, *, is_number: bool) -> Kernel:
        """Return the kernel, now that it is known what the cells are."""
        name = self.name or ("gaussian" if is_number else "delta")
        kernel = Kernel.parse(name)
        sigma = self.sigma if kernel.has_bandwidth else None
        return replace(kernel, sigma=sigma, cosine=self.cosine and kernel.compares_texts)


class CompleteRows(NamedTuple):
    """The rows without a missing cell: for each group an array (n, d), or a list of texts for each column."""

    groups: list[Any]
    n_dropped: int

    @property
    def n(self) -> int:
        """Rows."""
        first = self.groups[0]
        return len(first) if isinstance(first, np.ndarray) else len(first[0])


class MaskedColumns(NamedTuple):
    """Columns, each as an array (n, 1) or a list of a list of texts, and masks."""

    values: list[Any]
    masks: list[BoolArray]

    @property
    def n(self) -> int:
        """Rows."""
        return len(self.masks[0])


class HsicTables:
    """The inputs as one table, and with `y_file` another with as many rows; open in a `with` block."""

    def __init__(
        self,
        given: InputSettings,
        y_file: str | None,
        na_values: Iterable[str],
        output: OutputSettings,
        report: Report,
    ) -> None:
        self._given, self._output, self._report = given, output, report
        self._choices: set[Notice] = set()
        self._stack = ExitStack()
        reading = TableReading(
            cast(InputFormat | None, given.input_format),
            encodings.resolve_encoding(given.encoding),
            given.header_in,
            given.on_error,
            self._tell,
            MissingCodes.with_codes(na_values),
        )
        self._opened: Callable[[Iterable[Any]], Table] = lambda sources: self._stack.enter_context(
            open_table([source.allow_append() for source in sources], reading)
        )
        self._y_file = y_file

    def __enter__(self) -> "HsicTables":
        self.x = self._opened(corpus_run.find_sources(self._given, self._report, self._output))
        self.y = self.x if self._y_file is None else self._opened(resolve_sources([self._y_file]))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def rows(
        self, groups: Sequence[ColumnGroup], groups_y: Sequence[ColumnGroup], *, drops_missing: bool
    ) -> CompleteRows:
        """Read the groups of columns of the table, then those of y's table, where that is another."""
        if self.y is self.x:
            values, complete = _complete(_whole(self.x, [*groups, *groups_y], drops_missing=drops_missing))
        else:
            values, complete = _complete(_whole(self.x, groups, drops_missing=drops_missing))
            others, complete_y = _complete(_whole(self.y, groups_y, drops_missing=drops_missing))
            if len(complete) != len(complete_y):
                what = f"has {format_count(len(complete_y), 'rows')}, but {self.x.path} has {len(complete):,}"
                raise InputError(self.y.path, what, "give files with as many rows")
            values, complete = values + others, complete & complete_y
        if complete.all():
            return CompleteRows(values, 0)
        kept = [_kept(group, complete) for group in values]
        return CompleteRows(kept, int(len(complete) - complete.sum()))

    def sparse(self, groups: Sequence[ColumnGroup], *, drops_missing: bool) -> MaskedColumns:
        """Read groups of one column each, including rows with missing cells."""
        return _whole(self.x, groups, drops_missing=drops_missing)

    def _tell(self, told: Diagnostic) -> None:
        if not isinstance(told, Notice):
            self._report.record_skips(told.kind, told.count, map(format_place, told.places))
        elif told not in self._choices:
            self._choices.add(told)
            corpus_run.report_notice(told, self._report)


def _whole(table: Table, groups: Sequence[ColumnGroup], *, drops_missing: bool) -> MaskedColumns:
    """Return all rows of some groups, and a mask of complete rows for each."""
    parts: list[list[Any]] = [[] for _ in groups]
    masks: list[list[BoolArray]] = [[] for _ in groups]
    for block in table.blocks(groups):
        for part, mask, group in zip(parts, masks, block.groups, strict=True):
            part.append(group)
            mask.append(_is_complete(group))
        if not drops_missing and not all(mask[-1].all() for mask in masks):
            row = min(int(mask[-1].argmin()) for mask in masks if not mask[-1].all())
            line = int(block.lines[row])
            raise InputError(block.path, "has a missing cell", "fill it in, or use --missing drop", line=line)
    return MaskedColumns([_joined(part) for part in parts], [np.concatenate(mask) for mask in masks])


def _complete(rows: MaskedColumns) -> tuple[list[Any], BoolArray]:
    """Return the values, and which rows are complete in all groups."""
    mask: BoolArray = np.logical_and.reduce(rows.masks)
    return rows.values, mask


def _is_complete(group: FloatArray | TextColumns) -> BoolArray:
    if isinstance(group, np.ndarray):
        complete: BoolArray = np.logical_not(np.isnan(group).any(axis=1))
        return complete
    return np.array([None not in row for row in zip(*group, strict=True)], dtype=np.bool_)


def _joined(part: list[Any]) -> Any:
    if isinstance(part[0], np.ndarray):
        return np.concatenate(part) if len(part) > 1 else part[0]
    return [[cell for column in columns for cell in column] for columns in zip(*part, strict=True)]


def _kept(group: Any, complete: BoolArray) -> Any:
    if isinstance(group, np.ndarray):
        return group[complete]
    return [[cell for cell, is_kept in zip(column, complete.tolist(), strict=True) if is_kept] for column in group]


class VariableBuilder:
    """Makes sides of groups of columns."""

    def __init__(self, run: RunJob, counting: "Counting | None", dictionary: Any, seed: int, report: Report) -> None:
        self._run, self._counting, self.dictionary = run, counting, dictionary
        self._seed, self._report = seed, report

    def terms(self, kernel: str) -> texts.TermSpec:
        """Return what a kernel of words or n-grams counts."""
        assert self._counting is not None, "there is a kernel of words or n-grams"
        return texts.TermSpec(Kernel.parse(kernel).n, self._counting)

    def column(
        self, values: Any, present: BoolArray, asked: KernelRequest, name: str, path: str, *, keeps_values: bool
    ) -> PairColumn:
        """Return one of many columns over its rows with a value.

        keeps_values: whether sides of fewer rows are to be made of it, because another column lacks some.
        """
        kernel = asked.kernel(is_number=isinstance(values, np.ndarray))
        if int(present.sum()) < MIN_ROWS:
            return PairColumn(None, kernel, None, present)
        is_whole = bool(present.all())
        values = self._values(values if is_whole else _kept(values, present), kernel, asked, name)
        made = self._side(values, kernel, asked, name, path)
        return PairColumn(made, kernel, values if keeps_values else None, None if is_whole else present)

    def side(self, values: Any, asked: KernelRequest, name: str, path: str) -> Variable:
        """Return a group of columns, of the table `path`, with the kernel that was asked for."""
        kernel = asked.kernel(is_number=isinstance(values, np.ndarray))
        return self._side(self._values(values, kernel, asked, name), kernel, asked, name, path)

    def _values(self, values: Any, kernel: Kernel, asked: KernelRequest, name: str) -> Any:
        """Return what a side is made of."""
        if kernel.compares_texts:
            if len(values) > 1:
                raise UsageError(f"{asked.option} {kernel} takes one column of texts, and {name} has {len(values)}.")
            terms = self.terms(str(asked.name))
            return self._run(texts.CountTerms(terms), texts.iter_tasks(values[0]), self.dictionary, f"words of {name}")
        return values

    def _side(self, values: Any, kernel: Kernel, asked: KernelRequest, name: str, path: str) -> Variable:
        try:
            made = make_variable(values, kernel, self._seed)
        except MeasureError as error:
            raise InputError(path, f"{name}: {error}") from None
        if isinstance(made, CategoricalVariable) and made.n >= _SOME and len(made.sizes) > _NEARLY * made.n:
            self._report.warning(
                f"nearly all cells of {name} differ, and delta sees only which are equal; for texts, there are "
                f"{asked.option} bow and ngram:N"
            )
        if kernel.has_bandwidth and kernel.sigma is None and made.n > MAX_EXACT_ROWS and not made.is_constant:
            self._report.note(
                f"the bandwidth of {name} is the median distance of {MAX_EXACT_ROWS:,} of {made.n:,} rows, "
                "drawn by --seed"
            )
        return made
