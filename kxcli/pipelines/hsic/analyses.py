"""What `kxcli hsic` measures: a pair, a screening, a matrix -> rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from kxcli.corpus.tables import ColumnGroup, Table, select_columns
from kxcli.errors import InputError, UsageError
from kxcli.mining.hsic import pairs, permutation, screening, texts
from kxcli.mining.hsic.dependence import RunJob, measure
from kxcli.mining.hsic.kernels import encode_labels
from kxcli.mining.hsic.parameters import MIN_ROWS, Dependence, Testing
from kxcli.output.rows import Cell, RoundTripFloat, format_shortest
from kxcli.pipelines.hsic.inputs import HsicTables, KernelRequest, VariableBuilder
from kxcli.report import Report
from kxcli.tuning import trim_heap
from kxcli.wording import MAX_EXAMPLES, format_count

_UNDEFINED = "undefined"  # the verdict of a test without a defined p-value
_MANY_PAIRS = 100_000  # from which what they need is reported

_OF_EDGES = (
    *("n", "kernel_x", "sigma_x", "kernel_y", "sigma_y"),
    *("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value"),
)
_OF_SCREEN = ("n", "kernel_x", "sigma_x", "biased_n2", "unbiased", "cka", "cka_unbiased", "p_value")
_OF_TERMS = ("word", "df", "label", "biased_n2", "cka", "p_value", "q_value")


class ResultTable(NamedTuple):
    """Output columns and rows; of a pair, the verdict."""

    columns: Sequence[str]
    rows: Iterable[Sequence[Cell]]
    is_dependent: bool | None = None
    why_undefined: str = ""


@dataclass(frozen=True)
class HsicRun:
    """A run over some tables."""

    tables: HsicTables
    maker: VariableBuilder
    asked_x: KernelRequest
    asked_y: KernelRequest
    testing: Testing
    run: RunJob
    report: Report
    drops_missing: bool
    memory: int  # bytes for all processes

    def pair(self, x: str | None, y: str | None, *, is_flat: bool) -> ResultTable:
        """Measure -x against -y; a row for each value, or with `is_flat` one row."""
        columns_x, columns_y = _chosen(x, self.tables.x, "-x"), _chosen(y, self.tables.y, "-y")
        groups = self.asked_x.group(columns_x), self.asked_y.group(columns_y)
        values, n_dropped = self._rows(groups[:1], groups[1:])
        # Popped, so that what was read is let go of.
        side_y = self.maker.side(values.pop(), self.asked_y, "-y", self.tables.y.path)
        side_x = self.maker.side(values.pop(), self.asked_x, "-x", self.tables.x.path)
        trim_heap()
        found = measure(side_x, side_y, self.testing, self.run)
        tell = self.report.warning if found.is_undefined or found.cka is None else self.report.note
        for note in found.notes:
            tell(note)
        if found.test == "permutation" and found.dependent is False:
            n_reaching = int(found.n <= permutation.MAX_ENUMERATED_ROWS)  # the rows as they stand are one of all
            least = permutation.permutation_p_value(n_reaching, found.n, self.testing.permutations)
            if least > self.testing.alpha:
                self.report.warning(
                    f"p cannot be below {least:.2g} here, so nothing is called dependent at "
                    f"{format_shortest(self.testing.alpha)}: take more --permutations, or --test eigen"
                )
        cells: dict[str, Cell] = {"n": found.n, "n_dropped": n_dropped}
        cells |= {field.name: _cell(getattr(found, field.name)) for field in fields(found)[1:-1]}
        why_undefined = "; ".join(found.notes) if found.is_undefined else ""
        if found.is_undefined:
            cells["dependent"] = _UNDEFINED
        if is_flat:
            return ResultTable(list(cells), [list(cells.values())], found.dependent, why_undefined)
        if found.dependent is not None:
            cells["dependent"] = f"{'yes' if found.dependent else 'no'} (at {format_shortest(self.testing.alpha)})"
        return ResultTable(("key", "value"), list(cells.items()), found.dependent, why_undefined)

    def matrix(self, x: str | None, value: str | None) -> ResultTable:
        """Measure all pairs of columns; a square of one value, or without it a row a pair."""
        table = self.tables.x
        columns = _chosen(x, table, "-x")
        if len(columns) < 2:
            raise UsageError("--matrix needs two columns at least.")
        n = len(columns)
        self._check_memory(n * (n - 1) // 2 if value is None else n * (n + 1) // 2, f"--matrix over {n:,} columns")
        names = [_name(table, column) for column in columns]
        measurable = self._columns(columns, [self.asked_x] * n, names)
        wanted = [(i, j) for i in range(n) for j in range(i + (value is None), n)]
        testing = Testing("none") if value not in (None, "p_value") else self.testing
        found = self._pairs(measurable, wanted, testing, names)
        if value is None:
            q_values = screening.compute_q_values([found[pair].p_value for pair in wanted])
            rows = [
                (names[i], names[j], *_cells(found[i, j], _OF_EDGES), _cell(q))
                for (i, j), q in zip(wanted, q_values, strict=True)
            ]
            return ResultTable(("x", "y", *_OF_EDGES, "q_value"), rows)
        square = [
            (name, *(_cell(getattr(found[min(i, j), max(i, j)], value)) for j in range(n)))
            for i, name in enumerate(names)
        ]
        own = "column"
        while own in names:  # a JSON reader keeps one of two equal keys
            own += "_"
        return ResultTable((own, *names), square)

    def screened(self, label: str, x: str | None, least: int, top: int | None) -> ResultTable:
        """Rank columns, or the words of a column, by their dependence on a label."""
        table = self.tables.x
        labels = select_columns(label, table, "--screen")
        if len(labels) != 1:
            raise UsageError("--screen takes one column.")
        columns = [column for column in _chosen(x, table, "-x") if x is not None or column not in labels]
        if not columns:
            raise UsageError(f"--screen {label}: the table has no other column to compare it with.")
        if self.asked_x.compares_texts:
            return self._terms(columns, labels, least, top)
        names = [_name(table, column) for column in columns]
        self._check_memory(len(columns), f"--screen over {format_count(len(columns), 'columns')}")
        of_all = [*names, _name(table, labels[0])]
        asked = [*[self.asked_x] * len(columns), self.asked_y]
        measurable = self._columns([*columns, *labels], asked, of_all)
        wanted = [(i, len(columns)) for i in range(len(columns))]
        found = self._pairs(measurable, wanted, self.testing, of_all)
        q_values = screening.compute_q_values([found[pair].p_value for pair in wanted])
        rows = [
            (name, *_cells(found[pair], _OF_SCREEN), _cell(q))
            for name, pair, q in zip(names, wanted, q_values, strict=True)
        ]
        alignments = [found[pair].cka_unbiased for pair in wanted]
        order = sorted(range(len(rows)), key=lambda i: (alignments[i] is None, -(alignments[i] or 0.0), names[i]))
        return ResultTable(("column", *_OF_SCREEN, "q_value"), [rows[i] for i in order[:top]])

    def _terms(self, columns: Sequence[int], labels: tuple[int, ...], least: int, top: int | None) -> ResultTable:
        if len(columns) != 1:
            raise UsageError("words are screened in one column: name it with -x.")
        (text_column, label_column), _ = self._rows([ColumnGroup(tuple(columns), False)], [ColumnGroup(labels, False)])
        side = encode_labels(label_column)
        names = list(dict.fromkeys(label_column[0]))
        if side.is_constant:
            self.report.warning(f"the label is always {names[0]!r}, so the tests are undefined")
        elif len(names) == side.n:
            self.report.warning("all labels differ, so the tests are undefined")
        job = texts.CountDocuments(self.maker.terms(str(self.asked_x.name)))
        counts = self.run(job, texts.iter_tasks(text_column[0], side.rows), self.maker.dictionary, "words")
        found = screening.screen_terms(counts, side.sizes.tolist(), self.testing, least)
        if len(found) < len(counts):
            rare = f"{format_count(len(counts) - len(found), 'words')} in fewer than {format_count(least, 'rows')}"
            self.report.note(f"ignored {rare} (--min-df {least})")
        n_tested = sum(one.p_value is not None for one in found)
        least_q = n_tested / (1 + self.testing.permutations)
        if self.testing.name in ("auto", "permutation") and len(names) > 2 and least_q > self.testing.alpha:
            self.report.warning(
                f"with {format_count(self.testing.permutations, 'permutations')} and "
                f"{format_count(n_tested, 'words')}, q is {least_q:.2g} or more for a word that stands out alone: "
                "take more --permutations, or --test eigen"
            )
        rows = [
            (one.term, one.n, names[one.label], *map(_cell, (one.biased_n2, one.cka, one.p_value, one.q_value)))
            for one in found[:top]
        ]
        return ResultTable(_OF_TERMS, rows)

    def _rows(self, groups: Sequence[ColumnGroup], groups_y: Sequence[ColumnGroup]) -> tuple[list[Any], int]:
        """Read, and tell what was dropped."""
        rows = self.tables.rows(groups, groups_y, drops_missing=self.drops_missing)
        if rows.n_dropped:
            self.report.note(f"skipped {format_count(rows.n_dropped, 'rows')} with a missing cell; used {rows.n:,}")
        if not rows.n + rows.n_dropped:
            raise InputError(self.tables.x.path, "has no rows", "give a table with rows")
        if not rows.n:
            raise InputError(self.tables.x.path, "has no row without a missing cell", "name other columns")
        return rows.groups, rows.n_dropped

    def _columns(
        self, columns: Sequence[int], asked: Sequence[KernelRequest], names: Sequence[str]
    ) -> list[pairs.PairColumn]:
        """Read columns that are measured in pairs."""
        table = self.tables.x
        groups = [one.group((column,)) for one, column in zip(asked, columns, strict=True)]
        rows = self.tables.sparse(groups, drops_missing=self.drops_missing)
        max_rows = max(int(mask.sum()) for mask in rows.masks)
        if max_rows < MIN_ROWS:
            what = f"too few rows with a value in a column: {max_rows}, and HSIC needs {MIN_ROWS} at least"
            raise InputError(table.path, what, "name other columns, or give more rows")
        keeps_values = not all(mask.all() for mask in rows.masks)
        values = rows.values
        return [
            self.maker.column(values.pop(0), *one, table.path, keeps_values=keeps_values)
            for one in zip(rows.masks, asked, names, strict=True)
        ]

    def _check_memory(self, n_pairs: int, what: str) -> None:
        """Refuse more pairs than there is memory for, before anything is read."""
        needed = n_pairs * pairs.BYTES_PER_PAIR
        message = f"{what} needs about {max(1, needed >> 20):,} MiB"
        if needed > self.memory:
            hint = "name fewer columns with -x, or raise --memory"
            raise InputError(self.tables.x.path, f"{message}, and {self.memory >> 20:,} MiB are available", hint)
        if n_pairs >= _MANY_PAIRS:
            self.report.note(f"{message} for {n_pairs:,} pairs")

    def _pairs(
        self, columns: list[pairs.PairColumn], wanted: list[tuple[int, int]], testing: Testing, names: Sequence[str]
    ) -> dict[tuple[int, int], Dependence]:
        n = max(column.side.n for column in columns if column.side is not None)
        found: dict[tuple[int, int], Dependence] = self.run(
            pairs.MeasurePairs(testing), pairs.iter_tasks(wanted, n), columns, "pairs"
        )
        sizes = [one.n for one in found.values()]
        if max(sizes) < MIN_ROWS:
            what = f"too few rows with a value in both columns: {max(sizes)}, and HSIC needs {MIN_ROWS} at least"
            raise InputError(self.tables.x.path, what, "name other columns")
        if min(sizes) < max(sizes):
            self.report.note(f"a pair is measured over the {min(sizes):,} to {max(sizes):,} rows with a value in both")
        told = [(i, j, note) for i, j in wanted if i != j for note in found[i, j].notes]
        for i, j, note in told[:MAX_EXAMPLES]:
            self.report.note(f"{names[i]} (x) and {names[j]} (y): {note}")
        if len(told) > MAX_EXAMPLES:
            self.report.note(f"and {format_count(len(told) - MAX_EXAMPLES, 'more such notes')} on other pairs")
        return found


def _chosen(columns: str | None, table: Table, option: str) -> tuple[int, ...]:
    """Return the columns that an option names; all where it is not given."""
    return tuple(range(table.width)) if columns is None else select_columns(columns, table, option)


def _name(table: Table, column: int) -> str:
    return table.names[column] if table.names else str(column + 1)


def _cells(found: Dependence, names: Sequence[str]) -> tuple[Cell, ...]:
    return tuple(_cell(getattr(found, name)) for name in names)


def _cell(value: Any) -> Cell:
    """Return a value to be written exactly."""
    return RoundTripFloat(value) if isinstance(value, float) else value
