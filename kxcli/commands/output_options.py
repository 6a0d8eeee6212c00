"""The options for writing results."""

import sys
from collections.abc import Sequence

import click

from kxcli.commands.command import Decorator, option
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Rule, has, has_value, is_given
from kxcli.commands.option_types import FOLDER, PathType
from kxcli.suffixes import guess_output_format

_OUTPUT_DIR, _CLUSTER = has("output_dir"), has("cluster")
USERDICT = has_value("format", "userdict", flag="-f")

SUMMARY_OPTION = option(
    "--summary FILE",
    "Write a JSON object about the run to FILE, also after an error: inputs, documents, skips, time and exit status.",
    type=PathType("output", file_format="jsonl"),
)

_PARTS = "--output-dir out --cluster local:1"
_BY_ITSELF = "each part of the result is written by itself"
PARTS_RULES = (
    Rule("parts", REQUIRES, _OUTPUT_DIR, ""),
    Rule("output_dir", REQUIRES, _CLUSTER, ""),
    Rule(
        "check output merge checkpoint top per_million",
        EXCLUDES,
        _OUTPUT_DIR,
        _PARTS,
        None,
        _BY_ITSELF,
        in_help=False,
    ),
    Rule("document dispersion", EXCLUDES, _OUTPUT_DIR, _PARTS, None, _BY_ITSELF),
    Rule("format", EXCLUDES, _OUTPUT_DIR, f"{_PARTS} -f userdict", USERDICT, _BY_ITSELF),
    Rule("format", EXCLUDES, _OUTPUT_DIR, f"{_PARTS} -f mtx", has_value("format", "mtx", flag="-f"), _BY_ITSELF),
)


def make_header_rule(*formats: str) -> Rule:
    """Return the rule for the header of a command with these formats."""
    headerless = [name for name in formats if name in ("text", "jsonl", "parquet", "userdict", "mtx")]
    return Rule("header", NO_EFFECT, has_value("format", *headerless, flag="-f"), "-f jsonl")


def make_output_options(*formats: str, is_table_default: bool = False) -> tuple[Decorator, ...]:
    """Return the options for one output; the first format is the default.

    Args:
        formats: The formats.
        is_table_default: Whether `set_table_default` replaces the default on a terminal.
    """
    default = f"table if stdout is a terminal, else {formats[0]}" if is_table_default else formats[0]
    return (
        option(
            "-o, --output FILE",
            "Write to FILE instead of stdout (-), compressed if it ends in .gz, .bz2, .xz or .zst; FILE is created or "
            "replaced only when the output is complete.",
            type=PathType("output"),
        ),
        option(
            "-f, --format",
            f"Format of the output. [default: by the suffix of -o; else {default}]",
            choices=formats,
            default=formats[0],
        ),
        option("--header/--no-header", "Begin with a row of the column names. [default: only in CSV]"),
        SUMMARY_OPTION,
    )


def choose_format(ctx: click.Context) -> None:
    """Choose the format that the suffix of -o names, unless a format is given."""
    formats, output = get_formats(ctx), ctx.params["output"]
    named = None if output is None else guess_output_format(output)
    if named in formats and not is_given(ctx, "format"):
        ctx.params["format"] = named


def choose_check_format(ctx: click.Context) -> None:
    """Choose the requested format for the rows of --check, or TSV if it has none."""
    is_requested = is_given(ctx, "format") or guess_output_format(ctx.params["output"] or "") in get_formats(ctx)
    if not is_requested or ctx.params["format"] not in ("tsv", "csv", "jsonl", "table", "parquet"):
        ctx.params["format"] = "tsv"


def get_formats(ctx: click.Context) -> Sequence[str]:
    """Return the formats of the output of a command."""
    (choice,) = (param.type for param in ctx.command.params if param.name == "format")
    assert isinstance(choice, click.Choice)
    return choice.choices


def set_table_default(ctx: click.Context) -> None:
    """Choose `table` on a terminal, unless an output or a format is given."""
    is_terminal = sys.stdout is not None and sys.stdout.isatty()
    if is_terminal and ctx.params["output"] in (None, "-") and not is_given(ctx, "format"):
        ctx.params["format"] = "table"


PARTS_OPTIONS = (
    option(
        "--output-dir DIR",
        "Write the result as several files to DIR, a folder that all workers of the cluster share.",
        type=FOLDER,
    ),
    option(
        "--parts N",
        "Number of files in --output-dir; a hash of the word selects the file.",
        type=click.IntRange(1, 10_000),
        default=16,
    ),
)
