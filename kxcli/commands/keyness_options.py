"""The options of `keyness`."""

import click

from kxcli.commands.command import option
from kxcli.commands.group_options import GROUP_RULES, make_group_option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Rule, any_of, has, has_value
from kxcli.commands.option_types import INPUT_FILE, NumberRange, ParsedType
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import WORD_NAMES, WORD_RULES
from kxcli.commands.wordcount_options import parse_orders

FORMATS = ("tsv", "csv", "jsonl", "parquet")
SORTS = ("log_likelihood", "log_ratio", "percent_diff", "odds_ratio", "log_odds_z", "count", "count_ref")
# Options that describe texts, without effect on tables of counts.
TEXT_NAMES = f"{WORD_NAMES} field delimiter header_in on_error checkpoint retries cluster shard_size"

_COUNTS = has_value("input_format", "counts")
_REFERENCE = has("reference")

RULES = (
    *(*TEXT_INPUT_RULES, *GROUP_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES),
    Rule("by", EXCLUDES, _REFERENCE, "--reference ref.txt", advice="it compares each group with the other groups"),
    Rule(
        TEXT_NAMES,
        NO_EFFECT,
        _COUNTS,
        "--reference ref.tsv --input-format counts",
        advice="the words are counted already",
        in_help=False,
    ),
    Rule("", REQUIRES, any_of(_REFERENCE, has("by")), "", advice="name what to compare with"),
)

COMPARE_OPTIONS = (
    option(
        "--reference REF",
        "Compare with REF: a file, a URL or, with -r, a folder, of texts or of counts; give --reference before "
        "each file.",
        type=INPUT_FILE,
        multiple=True,
    ),
    make_group_option("Compare with all others each value"),
    option(
        "--ngram N|N-M",
        "Compare n-grams of N, or N to M, words in a document.",
        type=ParsedType("orders", parse_orders),
        default="1",
    ),
    option("--negative", "Show the words that are more frequent in the reference instead."),
    option("--top K", "Show only the K strongest words (of each group with --by).", type=click.IntRange(min=0)),
    option(
        "--sort",
        "Sort by this column, the strongest word first.",
        choices=SORTS,
        default="log_likelihood",
    ),
    option(
        "--min-count K",
        "Test only words with a count of K or more in the target or in the reference.",
        type=click.IntRange(min=1),
        default=1,
    ),
    option("--max-q Q", "Show only words with a q_value of Q or less.", type=NumberRange(0, 1), default=1.0),
    option(
        "--prior N",
        "Size of the prior for log_odds_z in words. [default: the number of words of the smaller side]",
        type=click.IntRange(1, 1 << 53),
    ),
)
