"""The options of `collocate`."""

import re

import click

from kxcli.commands.command import option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import REQUIRES, Rule, any_of, has
from kxcli.commands.option_types import ParsedType
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import WORD_RULES

WORD = "WORD"
FORMATS = ("tsv", "csv", "jsonl", "parquet")
_SORTS = ["log_dice", "mi", "mi3", "t_score", "z_score", "log_likelihood", "count"]

RULES = (
    *(*TEXT_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES),
    Rule(
        "",
        REQUIRES,
        any_of(has("leading", f"a {WORD}"), has("pairs")),
        "",
        advice="write it as `kxcli collocate WORD FILE`, or `kxcli collocate --pairs FILE`",
    ),
)


def parse_window(text: str) -> tuple[int, int]:
    """Return the number of words before and after a word: L,R, or N for both."""
    match = re.fullmatch(r"(\d{1,4})(?:,(\d{1,4}))?", text, re.ASCII)
    left, right = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= max(left, right) <= 1000:
        raise ValueError(f"{text!r} is not a window of up to 1000 words; write it as 5 or 4,2")
    return left, right


COLLOCATE_OPTIONS = (
    option(
        "--window N|L,R",
        "Count words up to N words before and after the word, or up to L before and R after it.",
        type=ParsedType("window", parse_window),
        default="5",
    ),
    option("--pairs", "Show the pairs of all words; every argument is an INPUT then."),
    option("--min-count K", "Show only pairs with a count of K or more.", type=click.IntRange(min=1), default=5),
    option("--top K", "Show only the top K rows.", type=click.IntRange(min=0)),
    option(
        "--sort",
        "Sort by this column, the largest value first and, if equal, by code point.",
        choices=_SORTS,
        default="log_dice",
    ),
)
