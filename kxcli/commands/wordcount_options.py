"""The options of `wordcount`."""

import re

import click

from kxcli.commands.command import option
from kxcli.commands.group_options import GROUP_RULES, make_group_option
from kxcli.commands.input_options import PLAIN_TEXT, TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, Condition, Rule, has
from kxcli.commands.option_types import ParsedType
from kxcli.commands.output_options import PARTS_RULES, USERDICT, make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import WORD_NAMES, WORD_RULES

FORMATS = ("tsv", "csv", "jsonl", "parquet", "userdict")

_COUNTING = f"{WORD_NAMES} ngram df per_million by field on_error checkpoint retries cluster shard_size"
_MERGE = has("merge")
_LONG_NGRAMS = Condition("--ngram", lambda values: values["ngram"] != (1, 1))
_TWO_COLUMNS = "it has only words and their counts"

RULES = (
    *(*TEXT_INPUT_RULES, *GROUP_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES, *PARTS_RULES),
    Rule(_COUNTING, NO_EFFECT, _MERGE, "--merge", advice="its inputs are counted already", in_help=False),
    Rule("merge", EXCLUDES, PLAIN_TEXT, "--input-format text", advice="give TSV, CSV or JSONL"),
    Rule("df per_million by", EXCLUDES, USERDICT, "-f userdict", advice=_TWO_COLUMNS),
    Rule("ngram", EXCLUDES, USERDICT, "-f userdict --ngram 2", _LONG_NGRAMS, _TWO_COLUMNS),
)


def parse_orders(text: str) -> tuple[int, int]:
    """Return the minimum and maximum length of n-grams: N, or N-M."""
    match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", text, re.ASCII)
    minimum, maximum = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
    if not 1 <= minimum <= maximum:
        raise ValueError(f"{text!r} is not a length of n-grams; write it as 2 or 1-3")
    return minimum, maximum


COUNT_OPTIONS = (
    option(
        "--ngram N|N-M",
        "Count n-grams of N, or N to M, words in a document.",
        type=ParsedType("orders", parse_orders),
        default="1",
    ),
    option("--df", "Add a column with the number of documents that contain the word."),
    option("--per-million", "Add a column with the rate per million words (or n-grams of that order)."),
    make_group_option("Count separately for each value"),
    option("--top K", "Show only the K most frequent words (of each group with --by).", type=click.IntRange(min=0)),
    option("--min-count K", "Show only words with a count of K or more.", type=click.IntRange(min=1), default=1),
    option(
        "--sort", "Sort by count and, if equal, by code point; or by word.", choices=["count", "word"], default="count"
    ),
    option("--merge", "Add up the inputs, which are earlier outputs of wordcount, instead of counting text."),
)
