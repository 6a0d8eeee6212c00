"""The inputs of a command, and the options for reading them."""

import click

from kxcli.commands.command import Decorator, option
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Rule, has, has_value
from kxcli.commands.option_types import INPUT_FILE, OPTION_TEXT, ParsedType, decode_option
from kxcli.summary import parse_skip_limit

_RECURSIVE, _FILES_FROM = has("recursive"), has("files_from")
PLAIN_TEXT = has_value("input_format", "text")
_NO_TABLE = has_value("input_format", "text", "jsonl", "parquet", "arrow")

INPUT_RULES = (
    Rule("glob hidden", REQUIRES, _RECURSIVE, "in"),
    Rule("null", REQUIRES, _FILES_FROM, "in"),
    Rule("max_skipped", REQUIRES, has_value("on_error", "skip", "replace"), "in"),
    Rule("max_skipped", NO_EFFECT, has("check"), "--check --on-error skip in"),
)
TEXT_INPUT_RULES = (
    *INPUT_RULES,
    Rule("field", NO_EFFECT, PLAIN_TEXT, "--input-format text"),
    Rule("delimiter header_in", NO_EFFECT, _NO_TABLE, "--input-format jsonl"),
)


def make_input_options(formats: list[str], default: str) -> tuple[Decorator, ...]:
    """Return the options for inputs in some formats."""
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
            "Encoding of the inputs: utf-8, gb18030, any Python codec, or auto, which detects East Asian encodings and "
            "UTF-16 by the first MiB.",
            default="utf-8",
        ),
        option(
            "--check",
            "Compute nothing; write the encoding, its confidence and the first bad line of each input, and exit with 1 "
            "if there is one.",
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


def parse_delimiter(text: str) -> str:
    """Return a delimiter; raise `ValueError` if a table cannot have it."""
    from kxcli.corpus.dialects import parse_delimiter as parse

    return parse(decode_option(text))


def make_delimiter_option(flags: str = "--delimiter-in, --delimiter") -> Decorator:
    """Return the option for the delimiter of tables; segment has another --delimiter."""
    return option(
        f"{flags} CHAR|tab|white",
        "Split rows of TSV and CSV at this character, or at runs of blanks and tabs (white). "
        "[default: tab for tsv, comma for csv]",
        type=ParsedType("delimiter", parse_delimiter),
        name="delimiter",
    )


_TEXT_FORMATS = ["text", "jsonl", "csv", "tsv", "parquet", "arrow"]
_TEXT_DEFAULT = "by the file name; text for CSV and TSV unless a field is named, as by --field"
_FIELD_OPTIONS = (
    option(
        "--field NAME",
        "Read the text from this field, or column, of records; a.b is the field b of the object a, and 2 is the second "
        "column. [default: text]",
        type=OPTION_TEXT,
    ),
    option(
        "--header-in/--no-header-in",
        "Read the first row of TSV and CSV as column names, or as a record. [default: as names]",
    ),
)
_BARE_INPUT_OPTIONS = (*make_input_options(_TEXT_FORMATS, _TEXT_DEFAULT), *_FIELD_OPTIONS)
TEXT_INPUT_OPTIONS = (*_BARE_INPUT_OPTIONS, make_delimiter_option())
SEGMENT_INPUT_OPTIONS = (*_BARE_INPUT_OPTIONS, make_delimiter_option("--delimiter-in"))
# Texts, or tables of counts that wordcount wrote.
COUNTED_INPUT_OPTIONS = (
    *make_input_options([*_TEXT_FORMATS, "counts"], f"counts, by the content; else {_TEXT_DEFAULT}"),
    *_FIELD_OPTIONS,
    make_delimiter_option(),
)
