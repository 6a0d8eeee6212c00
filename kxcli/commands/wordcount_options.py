"""The options of `wordcount`."""

import re
from typing import TYPE_CHECKING

import click

from kxcli.commands.command import option
from kxcli.commands.group_options import GROUP_RULES, make_group_option
from kxcli.commands.input_options import PLAIN_TEXT, TEXT_INPUT_RULES
from kxcli.commands.option_rules import (
    EXCLUDES,
    NO_EFFECT,
    REQUIRES,
    Condition,
    OptionValues,
    Rule,
    any_of,
    has,
    has_value,
)
from kxcli.commands.option_types import ParsedType
from kxcli.commands.output_options import PARTS_RULES, USERDICT, make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import WORD_NAMES, WORD_RULES

if TYPE_CHECKING:
    from kxcli.corpus.numbering import Numbering

FORMATS = ("tsv", "csv", "jsonl", "parquet", "userdict", "mtx")

_COLUMNS = "df document dispersion per_million by"
_COUNTING = f"{WORD_NAMES} ngram {_COLUMNS} field delimiter header_in on_error checkpoint retries cluster shard_size"
_MERGE = has("merge")
_LONG_NGRAMS = Condition("--ngram", lambda values: values["ngram"] != (1, 1))
_TWO_COLUMNS = "it has only words and their counts"
_MATRIX = has_value("format", "mtx", flag="-f")
_MATRIX_EXAMPLE = "-f mtx -o counts.mtx"
_FILE = Condition("-o FILE", lambda values: values["output"] not in (None, "-"))
_GROUPS_OF_MATRIX = Condition("-f mtx --by", lambda values: _MATRIX.is_met(values) and has("by").is_met(values))

RULES = (
    *(*TEXT_INPUT_RULES, *GROUP_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES, *PARTS_RULES),
    Rule(_COUNTING, NO_EFFECT, _MERGE, "--merge", advice="its inputs are counted already", in_help=False),
    Rule("merge", EXCLUDES, PLAIN_TEXT, "--input-format text", advice="give TSV, CSV or JSONL"),
    Rule("df dispersion per_million by", EXCLUDES, USERDICT, "-f userdict", advice=_TWO_COLUMNS),
    Rule("format", REQUIRES, _FILE, "-f mtx", _MATRIX, "the labels of rows and columns are files next to it"),
    Rule("df dispersion per_million sort", NO_EFFECT, _MATRIX, _MATRIX_EXAMPLE, in_help=False),
    Rule("document", NO_EFFECT, _GROUPS_OF_MATRIX, f"{_MATRIX_EXAMPLE} --by label", advice="its rows are groups"),
    Rule("document", REQUIRES, any_of(has("df"), has("dispersion"), _MATRIX), ""),
    Rule("merge", EXCLUDES, _MATRIX, _MATRIX_EXAMPLE, advice="merge tables of counts"),
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
    option(
        "--document",
        "Count documents that are lines or records, or whole files.",
        choices=["line", "file"],
        default="line",
    ),
    option(
        "--dispersion",
        "Add columns that show how evenly the word occurs over documents: range, dp, dp_norm, juilland_d.",
    ),
    option("--per-million", "Add a column with the rate per million words (or n-grams of that order)."),
    make_group_option("Count separately for each value"),
    option("--top K", "Show only the K most frequent words (of each group with --by).", type=click.IntRange(min=0)),
    option("--min-count K", "Show only words with a count of K or more.", type=click.IntRange(min=1), default=1),
    option(
        "--sort", "Sort by count and, if equal, by code point; or by word.", choices=["count", "word"], default="count"
    ),
    option("--merge", "Add up the inputs, which are earlier outputs of wordcount, instead of counting text."),
)


def choose_numbering(options: OptionValues, *, is_matrix: bool) -> "Numbering | None":
    """Return the documents that are counted separately, if any.

    The rows of a matrix may also be groups.
    """
    has_files = options["df"] and options["document"] == "file"
    has_document_rows = is_matrix and not options["by"]
    numbering: Numbering = options["document"]
    return numbering if options["dispersion"] or has_files or has_document_rows else None
