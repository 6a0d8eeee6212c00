"""The options for reading tables."""

import click

from kxcli.commands.command import option
from kxcli.commands.input_options import INPUT_RULES, make_delimiter_option, make_input_options
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Condition, Rule, has_value
from kxcli.commands.option_types import ParsedType, decode_option


def parse_comment(text: str) -> str:
    """Return the prefix of comments; raise `ValueError` if it is empty."""
    if not text:
        raise ValueError("'' begins every line; give a prefix such as '#'")
    return decode_option(text)


def parse_thousands(text: str) -> str:
    """Return a separator of thousands; raise `ValueError` if numbers cannot have it."""
    mark = " " if text == "space" else decode_option(text)
    if len(mark) != 1 or mark.isalnum() or mark in '+-"()%$\t':
        raise ValueError(f"{text!r} is not a separator of thousands; give one character, such as , or space")
    return mark


TABLE_FORMATS = ["tsv", "csv", "jsonl", "npy", "npz", "parquet", "arrow"]
_PLAIN_TABLE = has_value("input_format", *TABLE_FORMATS[2:])
_TWO_MARKS = Condition("another character than --decimal", lambda values: values["thousands"] != values["decimal"])
TABLE_INPUT_RULES = (
    *INPUT_RULES,
    Rule("delimiter comment skip_rows decimal thousands", NO_EFFECT, _PLAIN_TABLE, "-x 1 -y 2 --input-format npy"),
    Rule("thousands", REQUIRES, _TWO_MARKS, "-x x -y y --thousands ."),
)
TABLE_INPUT_OPTIONS = (
    *make_input_options(TABLE_FORMATS, "by the content or the file name, else tsv"),
    option(
        "--header-in/--no-header-in",
        "Read the first row as column names, or as values. [default: as names, unless all its cells are "
        "numbers, dates or missing]",
    ),
    option("--decimal", "Decimal mark of the numbers in TSV and CSV.", choices=[".", ","], default="."),
    option(
        "--thousands CHAR",
        "Separator of thousands in the numbers of TSV and CSV, such as , or space.",
        type=ParsedType("separator", parse_thousands),
    ),
    make_delimiter_option(),
    option(
        "--comment PREFIX",
        "Ignore lines of TSV and CSV that begin with PREFIX, such as '#'.",
        type=ParsedType("prefix", parse_comment),
    ),
    option(
        "--skip-rows N",
        "Ignore the first N lines of each TSV and CSV input, such as a title.",
        type=click.IntRange(min=0),
        default=0,
    ),
)
