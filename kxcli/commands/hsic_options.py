"""The options of `hsic`."""

import math

import click

from kxcli.commands.command import option
from kxcli.commands.option_types import INPUT_FILE, OPTION_TEXT, NumberRange, ParsedType

_VALUES = ("biased_n2", "biased_nm1", "unbiased", "cka", "cka_unbiased", "p_value")


def parse_bandwidth(text: str) -> float | str:
    """Return a bandwidth, `auto` or `median`."""
    if text in ("auto", "median"):
        return text
    try:
        sigma = float(text)
    except ValueError:
        raise ValueError(f"{text!r} is neither a number nor auto nor median") from None
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
    option(
        "-x COLS",
        "Columns by name, number from 1, or range (a:c, 2-5), separated by commas; '!COLS' for all others.",
        type=OPTION_TEXT,
    ),
    option("-y COLS", "Columns to compare with -x, in the same form.", type=OPTION_TEXT),
    option("--exclude COLS", "Exclude these columns from -x, and from -y without --y-file.", type=OPTION_TEXT),
    option("--y-file FILE", "Read -y from FILE, a table with the same number of rows.", type=INPUT_FILE),
    option(
        "--kernel-x NAME",
        "Kernel of -x: gaussian exp(-d²/σ²), laplace exp(-d/σ), linear, delta (1 for equal cells), bow (words of a "
        "text) or ngram:N (of characters). [default: gaussian for numbers, delta for strings, their product for both]",
        type=_KERNEL,
    ),
    option("--kernel-y NAME", "Kernel of -y.", type=_KERNEL),
    option("--cosine", "Compare texts by the cosine instead of the inner product."),
    option(
        "--sigma X|auto|median",
        "Bandwidth σ of gaussian and laplace: a number, or the median of the positive distances between rows (of up to "
        "5,000 if -x or -y has several columns); auto is the median, and permutations compare several σ around it.",
        type=_BANDWIDTH,
        default="auto",
    ),
    option("--sigma-x X|auto|median", "Bandwidth of -x.", type=_BANDWIDTH),
    option("--sigma-y X|auto|median", "Bandwidth of -y.", type=_BANDWIDTH),
    option(
        "--standardize",
        "Bring each column of numbers to one scale: to mean 0 and standard deviation 1 (z), or to ranks.",
        choices=["z", "rank"],
    ),
    option(
        "--missing",
        "Drop rows with a missing cell in -x or -y (of each pair with --screen or --matrix), or stop at the first.",
        choices=["drop", "error"],
        default="drop",
    ),
    option(
        "--na-values CODE",
        "Read cells with the text or number CODE as missing too, such as '?' or -9999. "
        "[always: empty, NA, N/A, n/a, #N/A, NULL, null, None, nan and a few more]",
        type=OPTION_TEXT,
        multiple=True,
    ),
    option(
        "--test",
        "Test by permutation, by the asymptotic distribution (eigen) or by two of its moments (gamma); auto is "
        "permutation, but eigen if that would take long, no value is rare and --permutations is not given.",
        choices=["auto", "permutation", "eigen", "gamma", "none"],
        default="auto",
    ),
    option(
        "--permutations B",
        "Number of random permutations, with --screen and --matrix at most; with 7 rows or fewer, all permutations are "
        "used. [default: 1,000; with --screen and --matrix, up to 100,000 as long as q needs more]",
        type=click.IntRange(min=1),
    ),
    option("--seed N", "Seed of all random numbers.", type=click.IntRange(min=0), default=0),
    option(
        "--alpha A",
        "Report columns as dependent if the p-value is at most A.",
        type=NumberRange(0, 1, min_open=True, max_open=True),
        default=0.05,
    ),
    option(
        "--exit-code",
        "Exit with 0 if the columns are dependent (by --alpha), 3 if not, and 1 if the test is undefined.",
    ),
    option(
        "--screen LABEL",
        "Rank all other columns (of -x), or all words with --kernel-x bow or ngram:N, by dependence on column LABEL; "
        "write p-values and q-values.",
        type=OPTION_TEXT,
    ),
    option(
        "--p-adjust",
        "Adjust the p-values of --screen and --matrix edges by Benjamini and Hochberg (bh), Benjamini and Yekutieli "
        "(by) or Holm; write no q_value with none.",
        choices=["bh", "by", "holm", "none"],
        default="bh",
    ),
    option("--top K", "Show only the top K rows.", type=click.IntRange(min=0)),
    option("--min-df K", "Show only words that occur in K rows or more.", type=click.IntRange(min=1), default=5),
    option(
        "--matrix",
        "Measure all pairs of columns (of -x): write one value per pair as a square table, or a row with all values "
        "per pair (edges).",
        choices=["square", "edges"],
    ),
    option("--value", "Value to write in --matrix square.", choices=_VALUES, default="cka_unbiased"),
)
