"""The options that commands share, with the same names everywhere, and what they parse to."""

import os
import re
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from kxcli.commands.outputs import check_outputs
from kxcli.errors import UsageError
from kxcli.pipelines.settings import InputSettings, OutputSettings
from kxcli.report import Verbosity

Function = TypeVar("Function", bound=Callable[..., Any])

_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


class Size(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions alone
    """A number of bytes: 300K, 300M, 2G are powers of 1,024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d+)([KMGT]?)(?:i?B)?", value.strip(), re.IGNORECASE | re.ASCII)
        size = int(match[1]) * _SIZES[match[2].upper()] if match else 0
        if not size:
            self.fail(f"{value!r} is no size; write it as 300K, 300M or 2G.", param, ctx)
        return size


class OptionText(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions alone
    """A string that is compared with texts, names of columns or keys.

    In an ASCII locale Python leaves the bytes of other characters undecoded (as lone surrogates), which match nothing:
    they are decoded as UTF-8.  Names of files stay as they are, for they are opened by these bytes.
    """

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the string."""
        text = str(value)
        if not any("\ud800" <= ch <= "\udfff" for ch in text):
            return text
        try:
            return os.fsencode(text).decode("utf-8")
        except UnicodeError:
            self.fail("is not valid UTF-8; write it in UTF-8, with a UTF-8 locale.", param, ctx)


class Command(click.Command):
    """A subcommand with a usage error for a repeated option."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; raises `click.UsageError`."""
        given = list(args)
        try:
            rest = super().parse_args(ctx, args)
        except click.BadParameter as error:
            param = error.param
            if param is not None and ctx.get_parameter_source(param.name or "") is ParameterSource.ENVIRONMENT:
                error.param_hint = str(param.envvar)
            raise
        if not ctx.resilient_parsing:
            self._refuse_repeated(ctx, given)
        return rest

    def _refuse_repeated(self, ctx: click.Context, args: list[str]) -> None:
        _, _, order = self.make_parser(ctx).parse_args(args=args)
        for param, n_times in Counter(order).items():
            if isinstance(param, click.Option) and n_times > 1 and not (param.multiple or param.count):
                names = " / ".join([*param.opts, *param.secondary_opts])
                raise click.UsageError(f"{names} is given {n_times} times; give it once.", ctx)


def input_options(command: Function) -> Function:
    """Add the arguments and options of reading texts."""
    field = click.option(
        "--field", type=OptionText(), metavar="NAME", help="The field or column that holds the text.  [default: text]"
    )
    return _input_options(
        field(command),
        ["text", "jsonl", "csv", "tsv"],
        "text; where a field is named, what the file's name tells",
    )


def text_options(command: Function) -> Function:
    """Add the arguments and options of reading texts, each with the name that it has."""
    field = click.option(
        "--field", type=OptionText(), metavar="NAME", help="The field of JSONL that holds the text.  [default: text]"
    )
    return _input_options(field(command), ["text", "jsonl"], "jsonl where the input begins with {, else text")


def table_options(command: Function) -> Function:
    """Add the arguments and options of reading columns of tables."""
    header = click.option(
        "--header-in/--no-header-in",
        default=None,
        help="Whether the first row has the columns' names.  [default: unless all its cells are numbers or missing]",
    )
    return _input_options(header(command), ["tsv", "csv", "jsonl", "npy"], "what the file's name tells, else tsv")


def _input_options(command: Function, formats: list[str], default: str) -> Function:
    for option in reversed(
        (
            click.argument("inputs", nargs=-1, metavar="[INPUT]...", type=click.Path()),
            click.option("-r", "--recursive", is_flag=True, help="Read the files in folders, too."),
            click.option(
                "--glob",
                metavar="PATTERN",
                multiple=True,
                help="In folders, read only files whose names match PATTERN, e.g. '*.txt'.  May be repeated.",
            ),
            click.option("--hidden", is_flag=True, help="In folders, read hidden and backup files and folders, too."),
            click.option(
                "--files-from",
                metavar="FILE",
                multiple=True,
                help="Read the names of more inputs from FILE ('-': stdin).  May be repeated.",
            ),
            click.option("-0", "--null", is_flag=True, help="Names in --files-from end in NUL, as of find -print0."),
            click.option(
                "--encoding",
                metavar="NAME",
                default="utf-8",
                show_default=True,
                help="utf-8, gb18030, any codec of Python, or auto: the mark, else UTF-8 or GB18030 by the first MiB.",
            ),
            click.option(
                "--input-format",
                type=click.Choice(formats),
                help=f"How records are written.  [default: {default}]",
            ),
            click.option(
                "--on-error",
                type=click.Choice(["stop", "skip", "replace"]),
                default="stop",
                show_default=True,
                help="At bad bytes or records: stop; skip the line, and count it; replace (bytes alone) by U+FFFD.",
            ),
        )
    ):
        command = option(command)
    return command


def output_options(*formats: str) -> Callable[[Function], Function]:
    """Add the options of writing in one of the formats, the first of which is the default."""

    def add(command: Function) -> Function:
        for option in reversed(
            (
                click.option(
                    "-o",
                    "--output",
                    metavar="FILE",
                    help="Write to FILE (-: stdout), which appears only when it is complete.",
                ),
                click.option(
                    "-f",
                    "--format",
                    type=click.Choice(formats),
                    default=formats[0],
                    show_default=True,
                    help="How rows are written.",
                ),
                click.option(
                    "--header/--no-header",
                    default=None,
                    help="Begin TSV or CSV with the columns' names.  [default: CSV with, TSV without]",
                ),
            )
        ):
            command = option(command)
        return command

    return add


def parts_options(command: Function) -> Function:
    """Add the options of a result that is too great for one output."""
    for option in (
        click.option(
            "--parts",
            metavar="N",
            type=click.IntRange(1, 10_000),
            default=16,
            show_default=True,
            help="Files that --output-dir parts the words into, by a hash of each.",
        ),
        click.option(
            "--output-dir",
            metavar="DIR",
            help="With --cluster: each worker writes the parts of the result that it holds to DIR, which all share.",
        ),
    ):
        command = option(command)
    return command


def run_options(command: Function) -> Function:
    """Add the options of running."""
    for option in reversed(
        (
            click.option(
                "-j",
                "--jobs",
                metavar="N",
                type=click.IntRange(min=0),
                default=0,
                envvar="KXCLI_JOBS",
                help="Worker processes; 0: one for each CPU that may be used.  [default: KXCLI_JOBS, else 0]",
            ),
            click.option(
                "--memory",
                metavar="SIZE",
                type=Size(),
                help="Memory for all processes together; what has no room goes to TMPDIR.  A record that needs more "
                "is an error.  [default: half of what is free, and records of any length]",
            ),
            click.option(
                "--checkpoint",
                metavar="DIR",
                help="Keep what is finished in DIR; the same command again, or with more input, does what is missing.",
            ),
            click.option(
                "--retries",
                metavar="N",
                type=click.IntRange(min=0),
                default=1,
                show_default=True,
                help="How often a part of the input is read again whose worker was killed.",
            ),
            click.option(
                "--cluster",
                metavar="ADDRESS",
                help="Let the workers of a Dask cluster do the work: tcp://HOST:PORT; local:N starts N here.",
            ),
            click.option("-q", "--quiet", is_flag=True, help="Nothing but errors on stderr."),
            click.option(
                "-v",
                "--verbose",
                is_flag=True,
                is_eager=True,
                callback=_remember,
                help="Tell what is done, and show tracebacks.",
            ),
        )
    ):
        command = option(command)
    return command


def shard_option(default: str = "1M") -> Callable[[Function], Function]:
    """Add the option that says how much text is read at a time: some 50 ms of work, so that workers end together."""
    return click.option(
        "--shard-size",
        metavar="SIZE",
        type=Size(),
        default=default,
        help=f"Input that a worker takes at a time; changes memory and speed, never the output.  [default: {default}]",
    )


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Note for whoever tells of errors that tracebacks are wanted."""
    if (verbosity := ctx.find_object(Verbosity)) is not None:
        verbosity.is_verbose = value
    return value


def pop_settings(kind: type[Any], options: dict[str, Any]) -> Any:
    """Take the options that are the fields of a dataclass out of the others, as one value."""
    return kind(**{name: options.pop(name) for name in kind.__dataclass_fields__ if name in options})


def validate(source: InputSettings, sink: OutputSettings) -> None:
    """Refuse options that contradict each other, or of which one would do nothing."""
    if source.glob and not source.recursive:
        raise UsageError("--glob selects among the files of folders: add -r.")
    if source.hidden and not source.recursive:
        raise UsageError("--hidden is about the files in folders: add -r.")
    if source.null and not source.files_from:
        raise UsageError("-0 tells how the names in --files-from end: add --files-from FILE.")
    if source.input_format == "text" and source.field is not None:
        raise UsageError("--field needs records: --input-format jsonl, csv or tsv.")
    if sink.header is not None and sink.format in ("jsonl", "userdict"):
        raise UsageError(f"-f {sink.format} has no header.")
    ctx = click.get_current_context()
    check_outputs(ctx, sink.format)
    if ctx.params["cluster"] is not None:
        for name in (name for name in ("jobs", "retries") if is_given(ctx, name)):
            raise UsageError(f"{flag(ctx, name)} does nothing with --cluster, which has its own workers.")


def is_given(ctx: click.Context, name: str) -> bool:
    """Return whether an option stands on the command line."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def flag(ctx: click.Context, name: str) -> str:
    """Return an option as the user writes it."""
    return next(param.opts[-1] for param in ctx.command.params if param.name == name)


def show_help_at_terminal(ctx: click.Context, given: InputSettings) -> None:
    """Show the help where nothing was named and nobody pipes anything in."""
    if not given.inputs and not given.files_from and sys.stdin is not None and sys.stdin.isatty():
        click.echo(ctx.get_help())
        ctx.exit()
