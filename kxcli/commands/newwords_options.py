"""The options of `newwords`."""

import math

import click

from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Condition, Rule, has
from kxcli.commands.option_types import INPUT_FILE, NumberRange, ParsedType
from kxcli.commands.output_options import header_rule
from kxcli.commands.run_options import RUN_RULES

FORMATS = ("tsv", "csv", "jsonl", "userdict")

_PMI = Condition("--method pmi", lambda values: values["method"] == "pmi")

RULES = (
    *(*TEXT_INPUT_RULES, header_rule(*FORMATS), *RUN_RULES),
    Rule("known", NO_EFFECT, has("is_all", "--all"), "--all"),
    Rule("min_pmi", REQUIRES, _PMI, ""),
)


def parse_numbers(text: str) -> tuple[float, ...]:
    """Return numbers that are separated by commas."""
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers; write it as 2,4,6") from None
    if any(map(math.isnan, numbers)):
        raise ValueError(f"{text!r} contains NaN")
    return numbers


LEXICON_OPTIONS = (
    click.option(
        "--method",
        type=click.Choice(["entropy", "pmi"]),
        default="entropy",
        show_default=True,
        help="entropy: by the variety of the characters next to words, and the best segmentation; pmi: by the "
        "cohesion within words, and a coarse segmentation.",
    ),
    click.option("--all", "is_all", is_flag=True, help="Show known words and single characters too."),
    click.option(
        "--known",
        metavar="FILE",
        type=INPUT_FILE,
        multiple=True,
        help="Exclude the first word of each line in FILE, instead of the words in jieba's dictionary. May be "
        "repeated.",
    ),
    click.option(
        "--order",
        metavar="N",
        type=click.IntRange(2, 6),
        default=4,
        show_default=True,
        help="Maximum length of n-grams in characters.",
    ),
    click.option(
        "--min-count",
        metavar="K",
        type=click.IntRange(min=1),
        help="Use only words and n-grams with a count of K or more. [default: 32; with entropy, one in 5,000,000 "
        "characters, at least 4 and at most 32, but 32 for words in scripts with spaces]",
    ),
    click.option(
        "--min-pmi",
        metavar="X[,X]...",
        type=ParsedType("numbers", parse_numbers),
        help="Minimum cohesion of n-grams in nats, for each length from 2; a short list continues by its last "
        "step. [default: 2,4,6,8,10, up to --order]",
    ),
    click.option(
        "--min-entropy",
        metavar="X",
        type=NumberRange(min=0),
        default=0.0,
        help="Minimum entropy, in nats, of the characters on each side of a word.",
    ),
    click.option("--unique-lines", is_flag=True, help="Count equal lines once, also those within a record."),
    click.option("--top", metavar="K", type=click.IntRange(min=0), help="Show only the top K words."),
    click.option(
        "--sort",
        type=click.Choice(["count", "pmi", "entropy", "score"]),
        default="count",
        show_default=True,
        help="Sort by this value, the largest first; entropy: of the side with less; score: pmi + entropy.",
    ),
)
