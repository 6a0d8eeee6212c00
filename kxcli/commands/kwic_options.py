"""The options of `kwic`."""

import click

from kxcli.commands.command import option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, REQUIRES, Condition, Rule, has, has_value
from kxcli.commands.option_types import PathType
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import TOKENIZER_NAMES, WORD_RULES

FORMATS = ("tsv", "csv", "jsonl", "parquet", "table")
PATTERN = "PATTERN"  # in the usage; `leading` is its value among the options

_TOKENS, _PATTERNS_FROM = has("tokens"), has("patterns_from")
_ANY_PATTERN = Condition(
    f"{PATTERN} or --patterns-from FILE",
    lambda values: values["leading"] is not None or _PATTERNS_FROM.is_met(values),
)

RULES = (
    *(*TEXT_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES),
    Rule("regex", EXCLUDES, _TOKENS, "--tokens"),
    Rule("tokens regex", EXCLUDES, _PATTERNS_FROM, "--patterns-from f", advice="its patterns are literal text"),
    Rule("tokens", EXCLUDES, has_value("tokenizer", "search", "full"), "-t full", advice="their tokens overlap"),
    Rule(TOKENIZER_NAMES, REQUIRES, _TOKENS, ""),
    Rule("seed", REQUIRES, has("sample"), ""),
    Rule("", REQUIRES, _ANY_PATTERN, ""),
)

KWIC_OPTIONS = (
    option("--tokens", "Find PATTERN only where it is a word of the segmentation."),
    option("--regex", "Take PATTERN as a regular expression, as in Python."),
    option(
        "--patterns-from FILE",
        "Find the patterns in FILE, one per line, instead of PATTERN; all arguments are inputs.",
        type=PathType("input", accepts_dash=False),
        multiple=True,
    ),
    option("-i, --ignore-case", "Ignore differences of case."),
    option(
        "--width N",
        "Show N characters of context on each side; in a table, N columns of the terminal. "
        "[default: 30; in a table on a terminal, as many as fit]",
        type=click.IntRange(0, 1_000_000),
    ),
    option(
        "--sort",
        "Sort by the left context, backwards from the match, or by the right one. [default: in the order of the input]",
        choices=["left", "right"],
    ),
    option("--sample N", "Choose N matches at random.", type=click.IntRange(min=1)),
    option("--seed N", "Seed of the sample.", type=click.IntRange(0, (1 << 63) - 1), default=0),
)
