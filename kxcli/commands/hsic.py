"""`kxcli hsic`: options -> columns -> how dependent they are -> rows."""

import math
from typing import Any

import click

from kxcli.commands import options, words
from kxcli.errors import InputError, UsageError
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report

NOT_DEPENDENT = 3  # exit code

_VALUES = ("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value")


class Sigma(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions alone
    """A bandwidth, or `median`."""

    name = "sigma"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> "float | str":
        """Return the number, or `median`."""
        if value == "median":
            return "median"
        try:
            sigma = float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor median.", param, ctx)
        if not 0 < sigma < math.inf:
            self.fail(f"{value} is no bandwidth: it has to be greater than 0.", param, ctx)
        return sigma


class KernelName(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions alone
    """The name of a kernel."""

    name = "kernel"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name, if it is one."""
        from kxcli.mining.hsic.parameters import Kernel

        try:
            Kernel.parse(value)
        except ValueError as error:
            self.fail(f"{error}.", param, ctx)
        return str(value)


@click.command("hsic", cls=options.Command, short_help="Measure how dependent columns are, and test it.")
@options.table_options
@click.option(
    "-x",
    "x",
    type=options.OptionText(),
    metavar="COLS",
    help="Columns by name, number from 1 or range (a:c, 2-5), separated by commas.",
)
@click.option("-y", "y", type=options.OptionText(), metavar="COLS", help="The columns on the other side.")
@click.option("--y-file", metavar="FILE", help="Take -y from another table with as many rows.")
@click.option(
    "--kernel-x",
    type=KernelName(),
    metavar="NAME",
    help="gaussian exp(-d²/σ²), without a 2; laplace exp(-d/σ); linear; delta: 1 for equal cells; bow: words of a "
    "text; ngram:N: characters.  [default: gaussian for numbers, delta for strings, by the first 1,000 cells]",
)
@click.option("--kernel-y", type=KernelName(), metavar="NAME", help="The kernel on the other side.")
@click.option("--cosine", is_flag=True, help="Of bow and ngram:N, the cosine instead of the inner product.")
@click.option(
    "--sigma",
    type=Sigma(),
    metavar="X|median",
    default="median",
    show_default=True,
    help="Bandwidth of gaussian and laplace; median: of the positive distances (of 5,000 rows, where there are more).",
)
@click.option("--sigma-x", type=Sigma(), metavar="X|median", help="The same for -x alone.")
@click.option("--sigma-y", type=Sigma(), metavar="X|median", help="The same for -y alone.")
@click.option(
    "--test",
    type=click.Choice(["auto", "permutation", "eigen", "gamma", "none"]),
    default="auto",
    show_default=True,
    help="permutation; eigen: the asymptotic distribution; gamma: two of its moments, for comparison; auto: "
    "permutation up to 20,000 rows, eigen beyond, and where permutations would compare too little of a kernel.",
)
@click.option(
    "--permutations",
    metavar="B",
    type=click.IntRange(min=1),
    default=1000,
    show_default=True,
    help="Permutations to draw; of 7 rows or fewer, all are looked at.",
)
@click.option("--seed", metavar="N", type=click.IntRange(min=0), default=0, show_default=True, help="Of all draws.")
@click.option(
    "--alpha",
    metavar="A",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Columns are called dependent where p is no greater.",
)
@click.option(
    "--exit-code",
    is_flag=True,
    help="Exit with 3 if the columns are not called dependent, with 1 if the test is undefined.",
)
@click.option(
    "--screen",
    type=options.OptionText(),
    metavar="LABEL",
    help="Rank every other column (of -x) by its dependence on this one; with --kernel-x bow or ngram:N, every word.",
)
@click.option("--top", metavar="K", type=click.IntRange(min=0), help="Of --screen, only the first K.")
@click.option(
    "--min-df",
    metavar="K",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Of --screen, only words that so many rows have.",
)
@click.option(
    "--matrix",
    type=click.Choice(["square", "edges"]),
    help="All pairs of columns (of -x): a square of one value, or a row with all values for each pair; as many tests.",
)
@click.option(
    "--value",
    type=click.Choice(_VALUES),
    default="cka_unbiased",
    show_default=True,
    help="What stands in --matrix square.",
)
@click.option(
    "--missing",
    type=click.Choice(["drop", "error"]),
    default="drop",
    show_default=True,
    help="drop: leave out rows in which a cell of -x or -y is missing; with --screen or --matrix each pair of columns "
    "keeps the rows that have both.  error: stop at the first one.",
)
@click.option(
    "--na-values",
    type=options.OptionText(),
    metavar="CODE",
    multiple=True,
    help="Read CODE as a missing value, too, or as the number that is one: '?', -9999.  May be repeated.  [always: "
    "empty, NA, N/A, n/a, #N/A, NULL, null, None, nan and a few more]",
)
@words.word_options
@options.output_options("tsv", "csv", "jsonl")
@options.run_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Measure how dependent two columns are: HSIC, the Hilbert-Schmidt independence criterion.

    An INPUT is a table: TSV, CSV, JSONL or .npy; no INPUT is stdin.  Several columns make one vector.  The output is
    key, TAB, value: every estimator, and a test of independence; only the unbiased ones may be negative.  A column that
    is constant, or in which no two rows are equal, has no p, and the verdict is "undefined".  Exit codes: 0 done, 1
    input, 2 usage, 3 if --exit-code finds no dependence.

    \b
    kxcli hsic -x height -y weight people.tsv
    kxcli hsic -x 1-50 -y 51 --test none embeddings.npy
    kxcli hsic -x zh -y en --kernel-x bow --kernel-y bow --cosine pairs.tsv
    kxcli hsic --screen label -x review --kernel-x bow --top 20 reviews.csv
    kxcli hsic --matrix edges measurements.csv
    """  # noqa: D301 -- click's mark for text that is not to be wrapped
    source: InputSettings = options.pop_settings(InputSettings, given)
    sink: OutputSettings = options.pop_settings(OutputSettings, given)
    run: RunSettings = options.pop_settings(RunSettings, given)
    options.show_help_at_terminal(ctx, source)
    _check(ctx, given, source, sink)
    report = Report(quiet=run.quiet, verbose=run.verbose)

    from kxcli.mining.hsic.parameters import MeasureError, Testing
    from kxcli.output import rows
    from kxcli.output import sink as output
    from kxcli.pipelines import engines
    from kxcli.pipelines.hsic import inputs
    from kxcli.pipelines.hsic.analyses import HsicRun
    from kxcli.storage.workspace import Workspace

    output.check(sink.output)
    has_texts = any(map(_is_text, (given["kernel_x"], given["kernel_y"])))
    counting, dictionary = words.prepare(words.build_counting(given, report), report) if has_texts else (None, None)
    testing = Testing(given["test"], given["permutations"], given["seed"], given["alpha"])
    preload = ["kxcli.mining.hsic.pairs", *(["rjieba"] if dictionary else [])]
    with (
        inputs.HsicTables(source, given["y_file"], given["na_values"], sink, report) as tables,
        Workspace() as workspace,
        engines.start_engine(run, report, preload, workspace) as engine,
    ):
        spread = engines.TaskRunner(engine, report)
        maker = inputs.VariableBuilder(spread, counting, dictionary, given["seed"], report)
        asked_x, asked_y = (
            inputs.KernelRequest(given[f"kernel_{xy}"], _sigma(given, xy), given["cosine"], f"--kernel-{xy}")
            for xy in "xy"
        )
        drops_missing, memory = given["missing"] == "drop", engines.get_memory_limit(run)
        work = HsicRun(tables, maker, asked_x, asked_y, testing, spread, report, drops_missing, memory)
        try:
            if given["screen"] is not None:
                table = work.screened(given["screen"], given["x"], given["min_df"], given["top"])
            elif given["matrix"] is not None:
                table = work.matrix(given["x"], given["value"] if given["matrix"] == "square" else None)
            else:
                table = work.pair(given["x"], given["y"], is_flat=sink.format == "jsonl")
        except MeasureError as error:
            raise InputError(tables.x.path, str(error)) from None
    header = sink.format == "csv" if sink.header is None else sink.header
    output.write(rows.encode_rows(table.rows, table.columns, sink.format, header=header), sink.output)
    report.close()
    if given["exit_code"] and table.why_undefined:
        raise InputError(tables.x.path, "the test for --exit-code is undefined", table.why_undefined)
    if given["exit_code"] and not table.is_dependent:
        ctx.exit(NOT_DEPENDENT)


def _sigma(given: dict[str, Any], xy: str) -> float | None:
    """Return the bandwidth of a side; None: by the median rule."""
    sigma = given["sigma"] if given[f"sigma_{xy}"] is None else given[f"sigma_{xy}"]
    return None if sigma == "median" else sigma


def _check(ctx: click.Context, given: dict[str, Any], source: InputSettings, sink: OutputSettings) -> None:
    """Refuse options that contradict each other, or of which one would do nothing."""
    options.validate(source, sink)
    words.validate(ctx, given)
    kernels = given["kernel_x"], given["kernel_y"]
    is_single = given["screen"] is None and given["matrix"] is None
    needless = [
        ("matrix", given["screen"] is None, "--screen"),
        ("y", is_single, "--screen or --matrix"),
        ("y_file", is_single, "--screen or --matrix"),
        ("exit_code", is_single, "--screen or --matrix"),
        ("kernel_y", given["matrix"] is None, "--matrix, where all columns are -x"),
        ("sigma_y", given["matrix"] is None, "--matrix, where all columns are -x"),
        ("alpha", is_single and given["test"] != "none", "--screen, --matrix or --test none"),
        (
            "test",
            given["matrix"] != "square" or given["value"] == "p_value",
            "--matrix square of another value than p_value",
        ),
        ("permutations", given["test"] in ("auto", "permutation"), f"--test {given['test']}"),
    ]
    for name, does_something, where in needless:
        if options.is_given(ctx, name) and not does_something:
            raise UsageError(f"{options.flag(ctx, name)} does nothing with {where}.")
    needs = [
        ("top", given["screen"] is not None, "--screen"),
        ("min_df", given["screen"] is not None and _is_text(given["kernel_x"]), "--screen and a kernel of words"),
        ("value", given["matrix"] == "square", "--matrix square"),
        ("cosine", any(map(_is_text, kernels)), "a kernel of words or n-grams, bow or ngram:N"),
        (
            "cosine",
            given["screen"] is None or not _is_text(kernels[0]),
            "-y or --matrix: words are screened by presence",
        ),
        ("sigma", None in kernels or {"gaussian", "laplace"} & {*kernels}, "a kernel with a bandwidth"),
        *[(name, "bow" in kernels, "a kernel of words, bow") for name in words.NAMES],
    ]
    for name, has_it, what in needs:
        if options.is_given(ctx, name) and not has_it:
            raise UsageError(f"{options.flag(ctx, name)} needs {what}.")
    for xy, kernel in zip("xy", kernels, strict=True):
        if options.is_given(ctx, f"sigma_{xy}") and kernel not in (None, "gaussian", "laplace"):
            raise UsageError(f"--sigma-{xy} does nothing with --kernel-{xy} {kernel}.")
    if is_single and given["y_file"] is None and None in (given["x"], given["y"]):
        raise UsageError("name the columns of both sides with -x and -y (or use --screen, --matrix or --y-file).")
    others = (*source.inputs, *source.files_from) or ("-",)
    if given["y_file"] == "-" and "-" in others:
        raise UsageError("stdin (-) can be read only once.")
    if math.isnan(given["alpha"]):
        raise UsageError("--alpha nan is no number.")
    if given["exit_code"] and given["test"] == "none":
        raise UsageError("--exit-code needs a test.")
    if given["value"] == "p_value" and given["test"] == "none":
        raise UsageError("--value p_value needs a test; remove --test none.")
    if given["y_file"] is not None and source.on_error == "skip":
        raise UsageError("--on-error skip would leave rows of one file without their partner in --y-file.")
    if given["test"] == "gamma" and any(map(_is_text, kernels)) and not given["cosine"]:
        raise UsageError("--test gamma needs kernels with k(x, x) = 1: add --cosine.")
    if given["test"] == "gamma" and "linear" in kernels:
        raise UsageError("--test gamma needs kernels with k(x, x) = 1, which linear is not.")
    if given["screen"] is not None and _is_text(given["kernel_x"]) and given["kernel_y"] not in (None, "delta"):
        raise UsageError("words are screened against a label: --kernel-y delta.")
    if given["test"] == "gamma" and given["screen"] is not None and _is_text(given["kernel_x"]):
        raise UsageError("words are tested exactly, by permutation or eigen: leave out --test gamma.")


def _is_text(kernel: str | None) -> bool:
    """Whether a kernel of such a name compares words or n-grams."""
    from kxcli.mining.hsic.parameters import Kernel

    return kernel is not None and Kernel.parse(kernel).compares_texts
