"""`kxcli hsic`: measure how dependent columns are."""

from typing import TYPE_CHECKING, Any, Literal

import click

from kxcli.commands.command import Command, add_options
from kxcli.commands.hsic_options import MEASURE_OPTIONS
from kxcli.commands.hsic_rules import FORMATS, RULES, compares_texts
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS
from kxcli.commands.session import open_session
from kxcli.commands.table_options import TABLE_INPUT_OPTIONS
from kxcli.commands.word_options import WORD_OPTIONS, build_counting
from kxcli.errors import InputError
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.pipelines.checking import InputCheck
    from kxcli.pipelines.hsic.analyses import HsicRun, ResultTable

NOT_DEPENDENT = 3  # exit code


@click.command("hsic", cls=Command, rules=RULES)
@add_options(
    {
        "Input": TABLE_INPUT_OPTIONS,
        "Method": MEASURE_OPTIONS,
        "Words": WORD_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": RUN_OPTIONS,
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Measure how dependent columns are by HSIC.

    HSIC is the Hilbert-Schmidt independence criterion. An INPUT is a table (TSV, CSV, JSON, .npy, .npz, Parquet or
    Arrow): a file, a URL or, with -r, a folder; without INPUT, read stdin. Several columns form one vector. Write key,
    TAB, value: every estimator, and a test of independence; only unbiased estimators can be negative. A constant
    column, or one of labels that all differ, has no p-value, and the verdict is "undefined". Exit codes: 0 success, 1
    invalid input, 2 usage, 3 no dependence with --exit-code.

    Examples:
      kxcli hsic -x height -y weight people.tsv
      kxcli hsic -x 1-50 -y 51 --test none embeddings.npy
      kxcli hsic -x zh -y en --kernel-x bow --kernel-y bow --cosine pairs.tsv
      kxcli hsic --screen label -x review --kernel-x bow --top 20 reviews.csv
      kxcli hsic --matrix edges measurements.csv
    """

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.hsic.table_check import make_table_check

        return make_table_check(session, options["y_file"], options["na_values"])

    with open_session(ctx, make_check) as session:
        table, path = _measure(session, options)
        session.write_rows(table.rows, table.columns, table.types)
    if options["exit_code"] and table.why_undefined:
        raise InputError(path, "the test for --exit-code is undefined", table.why_undefined)
    if options["exit_code"] and not table.is_dependent:
        ctx.exit(NOT_DEPENDENT)


def _measure(session: Session, options: dict[str, Any]) -> "tuple[ResultTable, str]":
    """Return the result, and the path of the table."""
    from kxcli.mining.hsic.parameters import MeasureError, Testing
    from kxcli.mining.segment import prepare
    from kxcli.pipelines import engines
    from kxcli.pipelines.hsic import inputs
    from kxcli.pipelines.hsic.analyses import HsicRun
    from kxcli.pipelines.hsic.variable_builder import VariableBuilder

    report = session.report
    counting, dictionary = None, None
    if compares_texts(options["kernel_x"]) or compares_texts(options["kernel_y"]):
        counting = build_counting(options, report)
        dictionary = prepare(counting.segmentation, report.warning)
    with (
        inputs.HsicTables(
            session,
            options["y_file"],
            options["na_values"],
            drops_missing=options["missing"] == "drop",
            exclude=options["exclude"],
        ) as tables,
        engines.start_tasks(session, ["kxcli.mining.hsic.pairs"]) as run_job,
    ):
        request_x, request_y = (
            inputs.KernelRequest(
                options[f"kernel_{xy}"],
                _choose_bandwidth(options, xy),
                "--sigma" if options[f"sigma_{xy}"] is None else f"--sigma-{xy}",
                options["cosine"],
                f"--kernel-{xy}",
                options["standardize"],
            )
            for xy in "xy"
        )
        run = HsicRun(
            tables,
            VariableBuilder(run_job, counting, dictionary, options["seed"], report),
            request_x,
            request_y,
            Testing(options["test"], options["permutations"], options["seed"], options["alpha"]),
            options["p_adjust"],
            run_job,
            report,
            engines.get_memory_limit(session.run),
            inputs.make_limits(session.run.memory),
        )
        try:
            return _run_analysis(run, options, is_flat=session.sink.has_numbers), tables.x.path
        except MeasureError as error:
            raise InputError(tables.x.path, str(error)) from None


def _run_analysis(run: "HsicRun", options: dict[str, Any], *, is_flat: bool) -> "ResultTable":
    if options["screen"] is not None:
        return run.screen(options["screen"], options["x"], options["min_df"], options["top"])
    if options["matrix"] is not None:
        return run.measure_matrix(options["x"], options["value"] if options["matrix"] == "square" else None)
    return run.measure_pair(options["x"], options["y"], is_flat=is_flat)


def _choose_bandwidth(options: dict[str, Any], xy: str) -> 'float | Literal["median"] | None':
    """Return the bandwidth of one side; None for several around the median."""
    sigma = options["sigma"] if options[f"sigma_{xy}"] is None else options[f"sigma_{xy}"]
    return None if sigma == "auto" else sigma
