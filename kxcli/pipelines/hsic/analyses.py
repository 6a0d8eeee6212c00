"""The analyses of `kxcli hsic`: a pair, a screening, a matrix -> rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple, cast

from kxcli.corpus.tables import ColumnGroup, Table, explain_single_column, select_columns
from kxcli.errors import InputError, UsageError
from kxcli.mining.hsic import pairs, permutation, screening, terms
from kxcli.mining.hsic.dependence import MeasureLimits, measure
from kxcli.mining.hsic.jobs import RunJob
from kxcli.mining.hsic.kernels import CategoricalVariable, encode_labels
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Kernel, Testing
from kxcli.mining.hsic.sequential import choose_max_draws
from kxcli.mining.multiple_tests import Adjustment, adjust_p_values, count_sufficient_draws
from kxcli.output.rows import Cell, RoundTripFloat, format_shortest
from kxcli.pipelines.hsic.inputs import HsicTables, KernelRequest
from kxcli.pipelines.hsic.variable_builder import VariableBuilder
from kxcli.report import Report
from kxcli.tuning import trim_heap
from kxcli.wording import MAX_EXAMPLES, format_count

_UNDEFINED = "undefined"  # the verdict of a test without a p-value
_MIN_REPORTED_PAIRS = 100_000  # for a note on their memory

_EDGE_COLUMNS = (
    *("n", "kernel_x", "sigma_x", "kernel_y", "sigma_y"),
    *("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value"),
)
_SCREEN_COLUMNS = ("n", "kernel_x", "sigma_x", "biased_n2", "unbiased", "cka", "cka_unbiased", "p_value")
_TERM_COLUMNS = ("word", "df", "label", "biased_n2", "cka", "p_value")
_INTEGERS = ("n", "n_dropped", "df", "draws", "n_bandwidths")
_NUMBERS = ("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "sigma_x", "sigma_y", "p_value", "q_value")
_TYPES: dict[str, type] = dict.fromkeys(_INTEGERS, int) | dict.fromkeys(_NUMBERS, float)


class ResultTable(NamedTuple):
    """Names of columns, and rows; for a pair, its verdict.

    `types` are those of columns of numbers.
    """

    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    is_dependent: bool | None = None
    why_undefined: str = ""
    types: Mapping[str, type] = _TYPES


@dataclass(frozen=True)
class HsicRun:
    """A run over some tables.

    Attributes:
        tables: The inputs.
        builder: Makes variables of their columns.
        request_x, request_y: The kernels.
        testing: The test of independence.
        adjustment: Of the p-values of many tests.
        run: Runs jobs over the engine.
        report: Receives notes and warnings.
        memory: Bytes for all processes.
        limits: Of the sizes of a pair.
    """

    tables: HsicTables
    builder: VariableBuilder
    request_x: KernelRequest
    request_y: KernelRequest
    testing: Testing
    adjustment: Adjustment
    run: RunJob
    report: Report
    memory: int
    limits: MeasureLimits

    @property
    def _q_columns(self) -> tuple[str, ...]:
        """The column of adjusted p-values, if there are any."""
        return () if self.adjustment == "none" else ("q_value",)

    def _adjust(
        self, found: dict[tuple[int, int], Dependence], all_pairs: Sequence[tuple[int, int]]
    ) -> list[tuple[Cell, ...]]:
        """Return the cells of `_q_columns` of each pair; report an unreachable alpha."""
        tests = [(found[pair].p_value, found[pair].draws) for pair in all_pairs]
        q_values = adjust_p_values([p for p, _ in tests], self.adjustment)
        self._report_floor(tests, q_values, "pairs")
        return [(_make_cell(q),) if self._q_columns else () for q in q_values]

    def measure_pair(self, x: str | None, y: str | None, *, is_flat: bool) -> ResultTable:
        """Measure -x against -y; return one row if `is_flat`, else a row per value."""
        columns_x, columns_y = self.tables.sides.select_pair(x, y)
        groups = self.request_x.make_group(columns_x), self.request_y.make_group(columns_y)
        rows = self.tables.read_complete_rows(groups[:1], groups[1:])
        self._check_rows(rows.n, rows.n_dropped)
        # Popped, so that the memory of the cells is freed.
        names_x, names_y = (
            [table.name_column(column) for column in columns]
            for table, columns in ((self.tables.x, columns_x), (self.tables.y, columns_y))
        )
        variable_y = self.builder.make_variable(rows.groups.pop(), self.request_y, "-y", self.tables.y.path, names_y)
        variable_x = self.builder.make_variable(rows.groups.pop(), self.request_x, "-x", self.tables.x.path, names_x)
        self.builder.check_effects(self.request_x)
        trim_heap()
        found = measure(variable_x, variable_y, self.testing, self.run, self.limits)
        self._report_notes(found)
        cells: dict[str, Cell] = {"n": found.n, "n_dropped": rows.n_dropped}
        cells |= {field.name: _make_cell(getattr(found, field.name)) for field in fields(found)[1:-1]}
        why_undefined = "; ".join(found.notes) if found.is_undefined else ""
        if found.is_undefined:
            cells["dependent"] = _UNDEFINED
        if is_flat:
            return ResultTable(list(cells), [list(cells.values())], found.dependent, why_undefined)
        if found.dependent is not None:
            cells["dependent"] = f"{'yes' if found.dependent else 'no'} (at {format_shortest(self.testing.alpha)})"
        return ResultTable(("key", "value"), list(cells.items()), found.dependent, why_undefined)

    def _report_notes(self, found: Dependence) -> None:
        """Report the notes of a pair, and an unreachable alpha."""
        report = self.report.warning if found.is_undefined or found.cka is None else self.report.note
        for note in found.notes:
            report(note)
        has_few_rows = found.n <= permutation.MAX_ENUMERATED_ROWS
        if found.dependent is False and (found.draws or (has_few_rows and found.test == "permutation")):
            min_p = permutation.compute_min_p_value(found.n, choose_max_draws(1, self.testing.permutations))
            if min_p > self.testing.alpha:
                self.report.warning(
                    f"p cannot be below {min_p:.2g} here, so no columns are called dependent at "
                    f"{format_shortest(self.testing.alpha)}; use more {'rows' if has_few_rows else '--permutations'}"
                )

    def measure_matrix(self, x: str | None, value: str | None) -> ResultTable:
        """Measure all pairs of columns.

        Return a square of one value, or a row per pair if `value` is None.
        """
        table = self.tables.x
        columns = self.tables.sides.select_columns(x)
        n = len(columns)
        if n < 2:
            if hint := explain_single_column(table):
                raise InputError(table.path, "has one column, and --matrix needs at least two", hint, line=1)
            raise UsageError("--matrix needs at least two columns.")
        self._check_memory(n * (n - 1) // 2 if value is None else n * (n + 1) // 2, f"--matrix over {n:,} columns")
        names = [_name_column(table, column) for column in columns]
        pair_columns = self._read_columns(columns, [self.request_x] * n, names)
        all_pairs = [(i, j) for i in range(n) for j in range(i + (value is None), n)]
        testing = Testing("none") if value not in (None, "p_value") else self.testing
        found = self._measure_pairs(pair_columns, all_pairs, testing, names)
        if value is None:
            q_cells = self._adjust(found, all_pairs)
            rows = [
                (names[i], names[j], *_make_cells(found[i, j], _EDGE_COLUMNS), *cells, found[i, j].draws)
                for (i, j), cells in zip(all_pairs, q_cells, strict=True)
            ]
            return ResultTable(("x", "y", *_EDGE_COLUMNS, *self._q_columns, "draws"), rows)
        square = [
            (name, *(_make_cell(getattr(found[min(i, j), max(i, j)], value)) for j in range(n)))
            for i, name in enumerate(names)
        ]
        header = "column"
        while header in names:  # a JSON reader drops one of two equal keys
            header += "_"
        return ResultTable((header, *names), square, types=dict.fromkeys(names, float))

    def screen(self, label: str, x: str | None, min_df: int, top: int | None) -> ResultTable:
        """Rank columns, or the terms of a column, by their dependence on a label."""
        table = self.tables.x
        labels = select_columns(label, table, "--screen")
        if len(labels) != 1:
            raise UsageError("--screen takes one column.")
        columns = self.tables.sides.select_others(x, labels[0])
        if not columns:
            raise UsageError(f"--screen {label}: the table has no other column.")
        if self.request_x.compares_texts:
            return self._screen_terms(columns, labels, min_df, top)
        names = [_name_column(table, column) for column in columns]
        self._check_memory(len(columns), f"--screen over {format_count(len(columns), 'columns')}")
        all_names = [*names, _name_column(table, labels[0])]
        requests = [*[self.request_x] * len(columns), self.request_y]
        pair_columns = self._read_columns([*columns, *labels], requests, all_names)
        all_pairs = [(i, len(columns)) for i in range(len(columns))]
        found = self._measure_pairs(pair_columns, all_pairs, self.testing, all_names)
        q_cells = self._adjust(found, all_pairs)
        rows = [
            (name, *_make_cells(found[pair], _SCREEN_COLUMNS), *cells, found[pair].draws)
            for name, pair, cells in zip(names, all_pairs, q_cells, strict=True)
        ]
        alignments = [found[pair].cka_unbiased for pair in all_pairs]
        order = sorted(range(len(rows)), key=lambda i: (alignments[i] is None, -(alignments[i] or 0.0), names[i]))
        return ResultTable(("column", *_SCREEN_COLUMNS, *self._q_columns, "draws"), [rows[i] for i in order[:top]])

    def _screen_terms(
        self, columns: Sequence[int], labels: tuple[int, ...], min_df: int, top: int | None
    ) -> ResultTable:
        if len(columns) != 1:
            raise UsageError("--screen takes the words of one column; select it with -x.")
        rows = self.tables.read_complete_rows(
            [ColumnGroup(tuple(columns), is_number=False)], [ColumnGroup(labels, is_number=False)]
        )
        self._check_rows(rows.n, rows.n_dropped)
        (texts,), (label_cells,) = cast(list[list[list[str]]], rows.groups)
        variable = encode_labels([label_cells])
        names = list(dict.fromkeys(label_cells))
        spec = self.builder.make_term_spec(Kernel.parse(str(self.request_x.name)))
        tasks = terms.iter_tasks(texts, variable.rows)
        counts = self.run(terms.CountDocuments(spec), tasks, self.builder.dictionary, "words")
        found = screening.screen_terms(counts, variable.sizes.tolist(), self.testing, min_df, self.adjustment)
        self._report_screening(found, variable, names, len(counts) - len(found), min_df)
        return ResultTable(
            (*_TERM_COLUMNS, *self._q_columns, "draws"),
            [
                (
                    *(one.term, one.n, names[one.label]),
                    *map(_make_cell, (one.biased_n2, one.cka, one.p_value)),
                    *([_make_cell(one.q_value)] if self._q_columns else []),
                    one.draws,
                )
                for one in found[:top]
            ],
        )

    def _report_screening(
        self,
        found: Sequence[screening.TermDependence],
        labels: CategoricalVariable,
        names: Sequence[str],
        n_rare: int,
        min_df: int,
    ) -> None:
        """Report labels without a test, excluded terms, and an unreachable alpha."""
        if labels.is_constant:
            self.report.warning(f"the label is always {names[0]!r}, so the tests are undefined")
        elif len(names) == labels.n:
            self.report.warning("all labels differ, so the tests are undefined")
        if n_rare:
            rare = f"{format_count(n_rare, 'words')} in fewer than {format_count(min_df, 'rows')}"
            self.report.note(f"ignored {rare} (--min-df {min_df})")
        q_values = [one.p_value if self.adjustment == "none" else one.q_value for one in found]
        self._report_floor([(one.p_value, one.draws) for one in found], q_values, "words")

    def _report_floor(
        self, tests: Sequence[tuple[float | None, int | None]], q_values: Sequence[float | None], what: str
    ) -> None:
        """Report tests that no draw reaches, but that are above alpha when adjusted."""
        n_tested = sum(p is not None for p, _ in tests)
        floors = [
            draws
            for (p, draws), q in zip(tests, q_values, strict=True)
            if p is not None and q is not None and draws and p < 2 / (1 + draws) and q > self.testing.alpha
        ]
        n_draws = max(floors, default=0)
        n_sufficient = count_sufficient_draws(n_tested, self.testing.alpha, self.adjustment)
        if 0 < n_draws < n_sufficient:
            symbol, alpha = "p" if self.adjustment == "none" else "q", format_shortest(self.testing.alpha)
            self.report.warning(
                f"with {n_draws:,} permutations and {format_count(n_tested, what)}, {symbol} is above {alpha} for a "
                f"single dependent one of the {what}; use --permutations {n_sufficient}"
            )

    def _check_rows(self, n: int, n_dropped: int) -> None:
        """Report dropped rows, and raise `InputError` if none remains."""
        if n_dropped:
            self.report.note(f"skipped {format_count(n_dropped, 'rows')} with a missing cell; used {n:,}")
        if not n:
            raise InputError(self.tables.x.path, "has no row without a missing cell", "select other columns")

    def _read_columns(
        self, columns: Sequence[int], requests: Sequence[KernelRequest], names: Sequence[str]
    ) -> list[pairs.PairColumn]:
        """Read columns to be measured in pairs."""
        table = self.tables.x
        rows = self.tables.read_columns(
            [request.make_group((column,)) for request, column in zip(requests, columns, strict=True)]
        )
        max_rows = max(int(mask.sum()) for mask in rows.masks)
        if max_rows < MIN_ROWS:
            what = f"too few rows with a value in a column: {max_rows}; HSIC needs at least {MIN_ROWS}"
            raise InputError(table.path, what, "select other columns, or give more rows")
        keeps_values = not all(mask.all() for mask in rows.masks)
        columns_of_pairs = [
            self.builder.make_column(rows.values.pop(0), mask, request, name, table.path, keeps_values=keeps_values)
            for mask, request, name in zip(rows.masks, requests, names, strict=True)
        ]
        self.builder.check_effects(requests[0])
        return columns_of_pairs

    def _check_memory(self, n_pairs: int, what: str) -> None:
        """Refuse more pairs than there is memory for, before anything is read."""
        n_bytes = n_pairs * pairs.BYTES_PER_PAIR
        message = f"{what} needs about {max(1, n_bytes >> 20):,} MiB"
        if n_bytes > self.memory:
            hint = "select fewer columns with -x, or raise --memory"
            raise InputError(self.tables.x.path, f"{message}, and {self.memory >> 20:,} MiB are available", hint)
        if n_pairs >= _MIN_REPORTED_PAIRS:
            self.report.note(f"{message} for {n_pairs:,} pairs")

    def _measure_pairs(
        self,
        columns: list[pairs.PairColumn],
        all_pairs: list[tuple[int, int]],
        testing: Testing,
        names: Sequence[str],
    ) -> dict[tuple[int, int], Dependence]:
        found = pairs.measure_pairs(self.run, columns, all_pairs, testing, self.adjustment, self.limits.pair_bytes)
        sizes = [one.n for one in found.values()]
        if max(sizes) < MIN_ROWS:
            what = f"too few rows with a value in both columns: {max(sizes)}; HSIC needs at least {MIN_ROWS}"
            raise InputError(self.tables.x.path, what, "select other columns")
        if min(sizes) < max(sizes):
            self.report.note(f"a pair is measured over the {min(sizes):,} to {max(sizes):,} rows with a value in both")
        notes = [(i, j, note) for i, j in all_pairs if i != j for note in found[i, j].notes]
        for i, j, note in notes[:MAX_EXAMPLES]:
            self.report.note(f"{names[i]} (x) and {names[j]} (y): {note}")
        if len(notes) > MAX_EXAMPLES:
            self.report.note(f"and {format_count(len(notes) - MAX_EXAMPLES, 'more such notes')} on other pairs")
        return found


def _name_column(table: Table, column: int) -> str:
    return table.names[column] if table.names else str(column + 1)


def _make_cells(found: Dependence, names: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(_make_cell(getattr(found, name)) for name in names)


def _make_cell(value: Cell | bool) -> Cell:
    """Return a value to be written with all its digits."""
    return RoundTripFloat(value) if isinstance(value, float) else value
