"""The options of `newwords`."""

import math

import click

from kxcli.commands.command import option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Rule, has, has_value
from kxcli.commands.option_types import INPUT_FILE, NumberRange, ParsedType
from kxcli.commands.output_options import USERDICT, make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import LOWER_OPTION, NORMALIZE_OPTION

SORTS = ("probability", "count", "pmi", "entropy", "score", "log_likelihood", "log_ratio")
# Those of kxcli/mining/newwords/kinds.py, which would be imported late.
_SCRIPTS = ("any", "han", "kana", "hangul", "latin", "cyrillic", "greek", "arabic", "hebrew", "devanagari", "thai")
FORMATS = ("tsv", "csv", "jsonl", "parquet", "userdict")

_ALL = has("is_all", "--all")

RULES = (
    *(*TEXT_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES),
    Rule("known min_probability keep_parts script", NO_EFFECT, _ALL, "--all"),
    Rule("known_only", REQUIRES, has("known"), ""),
    Rule("sort", EXCLUDES, _ALL, "--all --sort probability", value=has_value("sort", "probability")),
    Rule("background", EXCLUDES, _ALL, "--all", advice="compare all words with kxcli keyness"),
    Rule("examples", NO_EFFECT, USERDICT, "-f userdict"),
    Rule("phrases", EXCLUDES, has_value("method", "pmi"), "--method pmi"),
    Rule(
        "sort",
        REQUIRES,
        has("background"),
        "--sort log_ratio",
        value=has_value("sort", "log_likelihood", "log_ratio"),
    ),
)


def parse_numbers(text: str) -> tuple[float, ...]:
    """Return numbers separated by commas."""
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        raise ValueError(f"{text!r} is not a list of numbers; write it as 2,4,6") from None
    if any(map(math.isnan, numbers)):
        raise ValueError(f"{text!r} contains NaN")
    return numbers


LEXICON_OPTIONS = (
    option(
        "--method",
        "Find words by the variety of the characters next to them (entropy), or by how firmly their characters "
        "hold together (pmi).",
        choices=["entropy", "pmi"],
        default="entropy",
    ),
    option("--all", "Show known words and single characters too.", name="is_all"),
    option(
        "--known FILE",
        "Exclude the words in FILE (the first of each line) and those in jieba's dictionary.",
        type=INPUT_FILE,
        multiple=True,
    ),
    option("--known-only", "Exclude only the words of --known."),
    option(
        "--script",
        "Show only words with a character of this script. [default: han if most words of the text begin with a "
        "Han character, else any]",
        choices=_SCRIPTS,
    ),
    LOWER_OPTION,
    NORMALIZE_OPTION,
    option(
        "--order N",
        "Maximum length of n-grams, and of words before they are extended, in characters; with entropy, a run of "
        "letters or digits, such as QQ, counts as one.",
        type=click.IntRange(2, 6),
        default=6,
    ),
    option(
        "--min-count K",
        "Use only words and n-grams with a count of K or more. [default: 32; with entropy, one in 5,000,000 "
        "characters, at least 4 and at most 32, but 32 for words in scripts with spaces]",
        type=click.IntRange(min=1),
    ),
    option(
        "--min-pmi X[,X]...",
        "Minimum pmi, in nats, of words of length 2, 3 and so on (a run of letters has length 1), or, with --method "
        "pmi, of the n-grams in them; a short list continues with its last step "
        "(2,4 as 2,4,6,8). [default: none; with --method pmi 2,4,6,8,10]",
        type=ParsedType("numbers", parse_numbers),
    ),
    option(
        "--min-entropy X",
        "Minimum entropy, in nats, of the characters on each side of a word.",
        type=NumberRange(min=0),
        default=0.0,
    ),
    option(
        "--min-docs N",
        "Minimum number of documents with a word.",
        type=click.IntRange(min=1),
        default=1,
    ),
    option(
        "--phrases",
        "Find phrases too: two words that often occur together, up to --order characters; a column has their parts.",
    ),
    option("--unique-lines", "Count repeated lines once, also those within a record."),
)
LIST_OPTIONS = (
    option(
        "--background FILE",
        "Compare with FILE, a corpus or a table of counts by newwords --all or wordcount: what is as frequent there "
        "sinks, and columns have the count there, the log-likelihood and the log ratio.",
        type=INPUT_FILE,
        multiple=True,
    ),
    option(
        "--min-probability P",
        "Minimum probability that a string is a word, by a model of how it occurs. [default: 0; with -f userdict 0.97]",
        type=NumberRange(min=0, max=1),
    ),
    option(
        "--keep-parts",
        "Show words that are a part of one longer word in 80% or more of their occurrences too.",
    ),
    option(
        "--examples N",
        "Show N random contexts of each word, in one column each.",
        type=click.IntRange(min=0),
        default=0,
    ),
    option("--top K", "Show only the top K words.", type=click.IntRange(min=0)),
    option(
        "--sort",
        "Sort by this value, the largest first; entropy is the lower one of left and right; score is pmi + entropy. "
        "[default: probability, then count; with --all count]",
        choices=SORTS,
    ),
)
