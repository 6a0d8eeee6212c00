"""The options of `hsic`."""

import math

import click

from kxcli.commands.option_types import INPUT_FILE, OPTION_TEXT, NumberRange, ParsedType

_VALUES = ("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value")


def parse_bandwidth(text: str) -> float | str:
    """Return a bandwidth, or `median`."""
    if text == "median":
        return text
    try:
        sigma = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a number nor median") from None
    if not 0 < sigma < math.inf:
        raise ValueError(f"{text} is not a bandwidth; give a finite number greater than 0")
    return sigma


def check_kernel(text: str) -> str:
    """Return the name of a kernel; raise `ValueError` if there is no such kernel."""
    from kxcli.mining.hsic.parameters import Kernel

    Kernel.parse(text)
    return text


_BANDWIDTH, _KERNEL = ParsedType("bandwidth", parse_bandwidth), ParsedType("kernel", check_kernel)

MEASURE_OPTIONS = (
    click.option(
        "-x",
        "x",
        type=OPTION_TEXT,
        metavar="COLS",
        help="Columns by name, number from 1, or range (a:c, 2-5), separated by commas.",
    ),
    click.option("-y", "y", type=OPTION_TEXT, metavar="COLS", help="Columns of the other side."),
    click.option("--y-file", metavar="FILE", type=INPUT_FILE, help="Read -y from FILE, a table with as many rows."),
    click.option(
        "--kernel-x",
        type=_KERNEL,
        metavar="NAME",
        help="gaussian: exp(-d²/σ²), without a factor 2; laplace: exp(-d/σ); linear; delta: 1 for equal cells; "
        "bow: words of a text; ngram:N: n-grams of N characters. [default: gaussian for numbers, delta for "
        "strings, by the first 1,000 cells]",
    ),
    click.option("--kernel-y", type=_KERNEL, metavar="NAME", help="Kernel of -y."),
    click.option("--cosine", is_flag=True, help="Use the cosine of texts instead of the inner product."),
    click.option(
        "--sigma",
        type=_BANDWIDTH,
        metavar="X|median",
        default="median",
        show_default=True,
        help="Bandwidth of gaussian and laplace; median: of the positive distances between 5,000 rows at most.",
    ),
    click.option("--sigma-x", type=_BANDWIDTH, metavar="X|median", help="Bandwidth of -x."),
    click.option("--sigma-y", type=_BANDWIDTH, metavar="X|median", help="Bandwidth of -y."),
    click.option(
        "--missing",
        type=click.Choice(["drop", "error"]),
        default="drop",
        show_default=True,
        help="drop: skip rows with a missing cell in -x or -y; with --screen or --matrix, each pair of columns "
        "uses the rows that have both. error: stop at the first missing cell.",
    ),
    click.option(
        "--na-values",
        type=OPTION_TEXT,
        metavar="CODE",
        multiple=True,
        help="Read cells with the text or number CODE as missing too, such as '?' or -9999. May be repeated. "
        "[always: empty, NA, N/A, n/a, #N/A, NULL, null, None, nan and a few more]",
    ),
    click.option(
        "--test",
        type=click.Choice(["auto", "permutation", "eigen", "gamma", "none"]),
        default="auto",
        show_default=True,
        help="permutation; eigen: by the asymptotic distribution; gamma: by two of its moments, for comparison; "
        "auto: permutation for up to 20,000 rows, else eigen, also if permutations would compare too little of a "
        "kernel.",
    ),
    click.option(
        "--permutations",
        metavar="B",
        type=click.IntRange(min=1),
        default=1000,
        show_default=True,
        help="Number of random permutations; for 7 rows or fewer, all are used.",
    ),
    click.option(
        "--seed",
        metavar="N",
        type=click.IntRange(min=0),
        default=0,
        show_default=True,
        help="Seed of all random numbers.",
    ),
    click.option(
        "--alpha",
        metavar="A",
        type=NumberRange(0, 1, min_open=True, max_open=True),
        default=0.05,
        show_default=True,
        help="Report columns as dependent if the p-value is A or less.",
    ),
    click.option(
        "--exit-code",
        is_flag=True,
        help="Exit with 3 if the columns are not dependent, with 1 if the test is undefined.",
    ),
    click.option(
        "--screen",
        type=OPTION_TEXT,
        metavar="LABEL",
        help="Rank all other columns, or those in -x, by their dependence on column LABEL. With --kernel-x bow or "
        "ngram:N, rank all words.",
    ),
    click.option("--top", metavar="K", type=click.IntRange(min=0), help="Show only the top K rows."),
    click.option(
        "--min-df",
        metavar="K",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        help="Show only words that occur in K rows or more.",
    ),
    click.option(
        "--matrix",
        type=click.Choice(["square", "edges"]),
        help="Measure all pairs of columns, or of those in -x. square: one value per pair; edges: a row with all "
        "values per pair. Runs one test per pair.",
    ),
    click.option(
        "--value",
        type=click.Choice(_VALUES),
        default="cka_unbiased",
        show_default=True,
        help="Value in --matrix square.",
    ),
)
