"""The inputs of a command, and the options for reading them."""

import click

from kxcli.commands.command import Decorator
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Condition, Rule, has
from kxcli.commands.option_types import INPUT_FILE, OPTION_TEXT

_RECURSIVE, _FILES_FROM = has("recursive", "--recursive"), has("files_from", "--files-from")
PLAIN_TEXT = Condition("--input-format text", lambda values: values["input_format"] == "text")

INPUT_RULES = (Rule("glob hidden", REQUIRES, _RECURSIVE, "in"), Rule("null", REQUIRES, _FILES_FROM, "in"))
TEXT_INPUT_RULES = (*INPUT_RULES, Rule("field", NO_EFFECT, PLAIN_TEXT, "--input-format text"))


def _input_options(formats: list[str], default: str) -> tuple[Decorator, ...]:
    return (
        click.argument("inputs", nargs=-1, metavar="[INPUT]...", type=INPUT_FILE),
        click.option("-r", "--recursive", is_flag=True, help="Read the files in folders and their subfolders."),
        click.option(
            "--glob",
            metavar="PATTERN",
            multiple=True,
            help="In folders, read only files with names that match PATTERN, such as '*.txt'. May be repeated.",
        ),
        click.option("--hidden", is_flag=True, help="In folders, read hidden and backup files too."),
        click.option(
            "--files-from",
            metavar="FILE",
            type=INPUT_FILE,
            multiple=True,
            help="Read the names of more inputs from FILE, one per line; - is stdin. May be repeated.",
        ),
        click.option(
            "-0", "--null", is_flag=True, help="Split the names in --files-from at NUL, as find -print0 writes them."
        ),
        click.option(
            "--encoding",
            metavar="NAME",
            default="utf-8",
            show_default=True,
            help="Encoding of the inputs: utf-8, gb18030, any Python codec, or auto. auto uses the byte order mark, "
            "else UTF-8 or GB18030 by the first MiB.",
        ),
        click.option("--input-format", type=click.Choice(formats), help=f"Format of the inputs. [default: {default}]"),
        click.option(
            "--on-error",
            type=click.Choice(["stop", "skip", "replace"]),
            default="stop",
            show_default=True,
            help="At invalid bytes or records: stop; skip the line and count it; or replace invalid bytes by U+FFFD.",
        ),
    )


TEXT_INPUT_OPTIONS = (
    *_input_options(["text", "jsonl", "csv", "tsv"], "text; if a field is named, by the file name"),
    click.option("--field", type=OPTION_TEXT, metavar="NAME", help="Read the text from this field. [default: text]"),
)
# Texts that may have names of their own.
NAMED_TEXT_INPUT_OPTIONS = (
    *_input_options(["text", "jsonl"], "jsonl if the input begins with {, else text"),
    click.option("--field", type=OPTION_TEXT, metavar="NAME", help="Read the text from this field. [default: text]"),
)
TABLE_INPUT_OPTIONS = (
    *_input_options(["tsv", "csv", "jsonl", "npy"], "by the file name, else tsv"),
    click.option(
        "--header-in/--no-header-in",
        default=None,
        help="Read the first row as column names, or as values. [default: as names, unless all its cells are numbers "
        "or missing]",
    ),
)
