"""The inputs of a command, and the options for reading them."""

import click

from kxcli.commands.command import Decorator, option
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Condition, Rule, has, has_value
from kxcli.commands.option_types import INPUT_FILE, OPTION_TEXT, ParsedType, decode_option
from kxcli.summary import parse_skip_limit

_RECURSIVE, _FILES_FROM = has("recursive"), has("files_from")
PLAIN_TEXT = has_value("input_format", "text")

INPUT_RULES = (
    Rule("glob hidden", REQUIRES, _RECURSIVE, "in"),
    Rule("null", REQUIRES, _FILES_FROM, "in"),
    Rule("max_skipped", REQUIRES, has_value("on_error", "skip", "replace"), "in"),
)
TEXT_INPUT_RULES = (*INPUT_RULES, Rule("field", NO_EFFECT, PLAIN_TEXT, "--input-format text"))


def _make_input_options(formats: list[str], default: str) -> tuple[Decorator, ...]:
    return (
        click.argument("inputs", nargs=-1, metavar="[INPUT]...", type=INPUT_FILE),
        option("-r, --recursive", "Read the files in folders and their subfolders."),
        option(
            "--glob PATTERN",
            "In folders, read only files with names that match PATTERN, such as '*.txt'.",
            multiple=True,
        ),
        option("--hidden", "In folders, read hidden and backup files too."),
        option(
            "--files-from FILE",
            "Read the names of more inputs from FILE, one per line; - is stdin.",
            type=INPUT_FILE,
            multiple=True,
        ),
        option("-0, --null", "Split the names in --files-from at NUL, as find -print0 writes them."),
        option(
            "--encoding NAME",
            "Encoding of the inputs: utf-8, gb18030, any Python codec, or auto (UTF-8 or GB18030, by the first MiB).",
            default="utf-8",
        ),
        option("--input-format", f"Format of the inputs. [default: {default}]", choices=formats),
        option(
            "--on-error",
            "At invalid bytes or records: stop; skip the line and count it; or replace the bytes by U+FFFD.",
            choices=["stop", "skip", "replace"],
            default="stop",
        ),
        option(
            "--max-skipped N|P%",
            "Exit with 1, without replacing -o, if more than N documents or P percent were skipped or repaired.",
            type=ParsedType("limit", parse_skip_limit),
        ),
    )


_TEXT_FORMATS = ["text", "jsonl", "csv", "tsv"]
_TEXT_DEFAULT = "text; if a field is named, as by --field, by the file name"
_FIELD = option(
    "--field NAME", "Read the text from this field, or column, of records. [default: text]", type=OPTION_TEXT
)
TEXT_INPUT_OPTIONS = (*_make_input_options(_TEXT_FORMATS, _TEXT_DEFAULT), _FIELD)
# Texts, or tables of counts that wordcount wrote.
COUNTED_INPUT_OPTIONS = (
    *_make_input_options([*_TEXT_FORMATS, "counts"], f"counts, by the content; else {_TEXT_DEFAULT}"),
    _FIELD,
)
# Texts that may have names of their own.
NAMED_TEXT_INPUT_OPTIONS = (
    *_make_input_options(["text", "jsonl"], "jsonl if the input begins with {, else text"),
    option("--field NAME", "Read the text from this field of JSON objects. [default: text]", type=OPTION_TEXT),
)


def parse_delimiter(text: str) -> str:
    """Return a delimiter; raise `ValueError` if a table cannot have it."""
    from kxcli.corpus.tables.dialects import parse_delimiter as parse

    return parse(decode_option(text))


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
    *_make_input_options(TABLE_FORMATS, "by the content or the file name, else tsv"),
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
    option(
        "--delimiter CHAR|tab|white",
        "Split rows of TSV and CSV at this character, or at runs of blanks and tabs (white). "
        "[default: tab for tsv, comma for csv]",
        type=ParsedType("delimiter", parse_delimiter),
    ),
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
