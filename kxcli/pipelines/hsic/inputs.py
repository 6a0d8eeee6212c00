"""Columns of tables -> rows with values."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Literal, NamedTuple, cast

import numpy as np

from kxcli.arrays import BoolArray, FloatArray
from kxcli.corpus import encodings
from kxcli.corpus.diagnostics import Diagnostic, Notice, SourceFacts, format_place
from kxcli.corpus.named_inputs import resolve_sources
from kxcli.corpus.sources import Source
from kxcli.corpus.tables import (
    ColumnGroup,
    GroupCells,
    MixedCells,
    NumberFormat,
    Table,
    TableLayout,
    TableReading,
    TextColumns,
    join_cells,
    open_table,
)
from kxcli.corpus.tables.cells import MissingCodes
from kxcli.errors import InputError
from kxcli.mining.hsic.dependence import MeasureLimits
from kxcli.mining.hsic.parameters import NUMERIC_KERNELS, Kernel
from kxcli.mining.hsic.permutation_plans import PlanLimits
from kxcli.mining.hsic.standardization import (
    Standardization,
)
from kxcli.pipelines.hsic.sentinels import describe_sentinels
from kxcli.pipelines.hsic.sides import SideSelector
from kxcli.pipelines.input_messages import report_notice
from kxcli.pipelines.inputs import find_sources
from kxcli.pipelines.session import Session
from kxcli.pipelines.settings import InputSettings
from kxcli.suffixes import InputFormat
from kxcli.wording import format_count


@dataclass(frozen=True)
class KernelRequest:
    """The kernel options of one side.

    Attributes:
        name: None for the kernel by the type of the cells.
        sigma: None for several around the median.
        sigma_option: The option that sets it.
        cosine: The cosine instead of the inner product, if the kernel compares texts.
        option: The option of the kernel, for messages.
        standardization: How each column of numbers is scaled; None for not at all.
    """

    name: str | None
    sigma: float | Literal["median"] | None
    sigma_option: str
    cosine: bool
    option: str
    standardization: Standardization | None = None

    @property
    def compares_texts(self) -> bool:
        """Whether it is a kernel of words or n-grams."""
        return self.name is not None and Kernel.parse(self.name).compares_texts

    def make_group(self, columns: tuple[int, ...]) -> ColumnGroup:
        """Return columns with the type of cells required by the kernel."""
        is_number = None if self.name is None else self.name in NUMERIC_KERNELS
        return ColumnGroup(columns, is_number, self.option, is_mixable=True)

    def make_kernel(self, *, is_number: bool) -> Kernel:
        """Return the kernel, given the type of the cells."""
        kernel = Kernel.parse(self.name or ("gaussian" if is_number else "delta"))
        sigma = self.sigma if kernel.has_bandwidth else None
        return replace(kernel, sigma=sigma, cosine=self.cosine and kernel.compares_texts)


def make_limits(memory: int | None) -> MeasureLimits:
    """Return the limits of a pair by --memory.

    They depend neither on the free memory nor on the number of workers, so the test does not either.
    """
    if memory is None:
        return MeasureLimits()
    return MeasureLimits(PlanLimits(whole_bytes=memory // 4), pair_bytes=memory // 16)


def make_table_reading(
    given: InputSettings, na_values: Iterable[str], report: Callable[[Diagnostic], None]
) -> TableReading:
    """Return how tables are read, by the options."""
    return TableReading(
        cast(InputFormat | None, given.input_format),
        encodings.resolve_encoding(given.encoding),
        given.header_in,
        given.on_error,
        report,
        MissingCodes.with_codes(na_values),
        TableLayout(given.delimiter, given.comment or "", given.skip_rows),
        NumberFormat(given.decimal, given.thousands or ""),
    )


class CompleteRows(NamedTuple):
    """The rows without a missing cell.

    Attributes:
        groups: For each group an array (n, d), a list of texts per column, or both.
        n_dropped: The number of other rows.
    """

    groups: list[GroupCells]
    n_dropped: int

    @property
    def n(self) -> int:
        """The number of rows."""
        first = self.groups[0]
        numbers = get_numbers(first)
        return len(first[0]) if numbers is None else len(numbers)


class MaskedColumns(NamedTuple):
    """All rows of some groups, with the mask of complete rows of each."""

    values: list[GroupCells]
    masks: list[BoolArray]

    @property
    def is_complete(self) -> BoolArray:
        """Which rows have no missing cell in any group."""
        mask: BoolArray = np.logical_and.reduce(self.masks)
        return mask


class HsicTables:
    """The inputs as one table, and a second one with as many rows for `y_file`.

    A context manager: closes the inputs.
    """

    def __init__(
        self,
        session: Session,
        y_file: str | None,
        na_values: Iterable[str],
        *,
        drops_missing: bool,
        exclude: str | None = None,
    ) -> None:
        self._session, self._y_file, self._report = session, y_file, session.report
        self._drops_missing, self._exclude = drops_missing, exclude
        self._notices: set[Notice] = set()
        self._stack = ExitStack()
        self._reading = make_table_reading(session.source, na_values, self._report_diagnostic)

    def __enter__(self) -> "HsicTables":
        self.x = self._open(find_sources(self._session))
        self.y = self.x if self._y_file is None else self._open(resolve_sources([self._y_file]))
        self.sides = SideSelector(self.x, self.y, self._exclude, self._report)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.__exit__(kind, error, trace)

    def _open(self, sources: Sequence[Source]) -> Table:
        if self._report.summary is not None:
            for source in sources:
                self._report.summary.add_input(source.path, n_inputs=1)
        return self._stack.enter_context(open_table([source.allow_append() for source in sources], self._reading))

    def read_complete_rows(self, groups: Sequence[ColumnGroup], groups_y: Sequence[ColumnGroup]) -> CompleteRows:
        """Read groups of columns of the table, then those of the second table."""
        if self.y is self.x:
            rows = self._read_groups(self.x, [*groups, *groups_y])
            values, is_complete = rows.values, rows.is_complete
        else:
            rows, rows_y = self._read_groups(self.x, groups), self._read_groups(self.y, groups_y)
            n, n_y = len(rows.masks[0]), len(rows_y.masks[0])
            if n != n_y:
                what = f"has {format_count(n_y, 'rows')}, but {self.x.path} has {n:,}"
                raise InputError(self.y.path, what, "give files with as many rows")
            values, is_complete = rows.values + rows_y.values, rows.is_complete & rows_y.is_complete
        sides = (self.x, groups, values[: len(groups)]), (self.y, groups_y, values[len(groups) :])
        self._warn_of_sentinels([_name_columns(*side) for side in sides])
        if is_complete.all():
            return CompleteRows(values, 0)
        return CompleteRows([select_rows(group, is_complete) for group in values], int((~is_complete).sum()))

    def read_columns(self, groups: Sequence[ColumnGroup]) -> MaskedColumns:
        """Read groups of one column each, including rows with missing cells."""
        rows = self._read_groups(self.x, groups)
        self._warn_of_sentinels(
            [_name_columns(self.x, [group], [values]) for group, values in zip(groups, rows.values, strict=True)]
        )
        return rows

    def _warn_of_sentinels(self, sides: Sequence[Mapping[str, FloatArray]]) -> None:
        for message in describe_sentinels(sides):
            self._report.warning(f"{self.x.path}: {message}")

    def _read_groups(self, table: Table, groups: Sequence[ColumnGroup]) -> MaskedColumns:
        parts: list[list[GroupCells]] = [[] for _ in groups]
        masks: list[list[BoolArray]] = [[] for _ in groups]
        for block in table.iter_blocks(groups):
            if self._report.summary is not None:
                self._report.summary.add_input(block.path, n_documents=len(block.lines))
            for part, mask, group in zip(parts, masks, block.groups, strict=True):
                part.append(group)
                mask.append(_find_complete_rows(group))
            if not self._drops_missing and not all(mask[-1].all() for mask in masks):
                row = min(int(mask[-1].argmin()) for mask in masks if not mask[-1].all())
                line = int(block.lines[row])
                raise InputError(block.path, "has a missing cell", "fill it in, or use --missing drop", line=line)
        if not any(map(len, masks[0])):
            what = "has a header, but no rows" if table.names else "has no rows"
            raise InputError(table.path, what, "give a table with rows")
        return MaskedColumns([join_cells(part) for part in parts], [np.concatenate(mask) for mask in masks])

    def _report_diagnostic(self, diagnostic: Diagnostic) -> None:
        """Report skipped records, and each notice once."""
        if isinstance(diagnostic, SourceFacts):
            if self._report.summary is not None:
                self._report.summary.add_input(**diagnostic._asdict())
        elif not isinstance(diagnostic, Notice):
            places = map(format_place, diagnostic.places)
            self._report.record_skips(
                diagnostic.kind, diagnostic.count, places, are_documents=True, is_repair=diagnostic.is_repair
            )
        elif diagnostic not in self._notices:
            self._notices.add(diagnostic)
            report_notice(diagnostic, self._report)


def select_rows(group: GroupCells, mask: BoolArray) -> GroupCells:
    """Return some rows of a group."""
    if isinstance(group, np.ndarray):
        return group[mask]
    if isinstance(group, MixedCells):
        texts = cast(TextColumns, select_rows(group.texts, mask))
        return MixedCells(group.numbers[mask], texts, group.places)
    return [[cell for cell, is_selected in zip(column, mask.tolist(), strict=True) if is_selected] for column in group]


def _name_columns(table: Table, groups: Sequence[ColumnGroup], values: Sequence[GroupCells]) -> dict[str, FloatArray]:
    """Return the columns of numbers by name."""
    return {
        table.name_column(group.columns[place]): numbers[:, at]
        for group, cells in zip(groups, values, strict=True)
        if (numbers := get_numbers(cells)) is not None
        for at, place in enumerate(get_places(cells))
    }


def get_numbers(cells: GroupCells) -> FloatArray | None:
    """Return the columns of numbers of a group, or None without any."""
    if isinstance(cells, MixedCells):
        return cells.numbers
    return cells if isinstance(cells, np.ndarray) else None


def get_places(cells: GroupCells) -> Sequence[int]:
    """Return the places of the columns of numbers in their group."""
    if isinstance(cells, MixedCells):
        return cells.places
    return range(cells.shape[1]) if isinstance(cells, np.ndarray) else ()


def _find_complete_rows(group: GroupCells) -> BoolArray:
    if isinstance(group, np.ndarray):
        complete: BoolArray = np.logical_not(np.isnan(group).any(axis=1))
        return complete
    if isinstance(group, MixedCells):
        return _find_complete_rows(group.numbers) & _find_complete_rows(group.texts)
    return np.array([None not in row for row in zip(*group, strict=True)], dtype=np.bool_)
