"""The steps of all commands, from the check of options to the end of the report."""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kxcli.commands.command import Command, list_given_options
from kxcli.commands.option_rules import check_rules
from kxcli.commands.output_checks import check_output_names
from kxcli.commands.output_options import choose_check_format, choose_format
from kxcli.errors import UsageError
from kxcli.pipelines.session import Session
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report
from kxcli.summary import RunSummary

if TYPE_CHECKING:
    from kxcli.pipelines.checking import InputCheck

SettingsT = TypeVar("SettingsT")


@contextmanager
def open_session(
    ctx: click.Context, make_check: "Callable[[Session], InputCheck]", *, reads_inputs: bool = True
) -> Iterator[Session]:
    """Check the options; at the end of the block, report the skipped records.

    If the input is a terminal, show the help and exit.

    Args:
        ctx: The context of the command, with its options.
        make_check: Returns how --check reads the inputs, by the settings of the run without it.
        reads_inputs: Whether the run reads INPUT, or stdin if there is none.
    """
    source = _pick_settings(InputSettings, InputSettings._fields, ctx.params)
    if reads_inputs and not source.inputs and not source.files_from and sys.stdin is not None and sys.stdin.isatty():
        click.echo(ctx.get_help())
        ctx.exit()
    assert isinstance(ctx.command, Command)
    choose_format(ctx)
    run_format = ctx.params["format"]
    if ctx.params["check"]:
        choose_check_format(ctx)
    # --check computes nothing, so no option or argument for that is missing.
    check_rules(ctx, [rule for rule in ctx.command.rules if rule.options or not ctx.params["check"]])
    check_output_names(ctx)
    run = _pick_settings(RunSettings, RunSettings._fields, ctx.params)
    report = ctx.find_object(Report) or Report()
    report.quiet, report.verbose = run.quiet, run.verbose
    output = _pick_settings(OutputSettings, OutputSettings._fields, ctx.params)

    from kxcli.output import parquet, sink

    if output.format == "parquet":
        parquet.check_library()
        if output.is_terminal and output.output_dir is None:
            raise UsageError("-f parquet is not for a terminal; name a file with -o, or pipe stdout.")
    if output.output_dir is None:
        sink.check(output.output)
    if output.summary is not None:
        sink.check(output.summary, option="--summary")
    report.skip_limit = ctx.params["max_skipped"]
    if output.summary is not None or report.skip_limit is not None:
        report.summary = RunSummary(ctx.info_name or "", list_given_options(ctx), output.summary)
    session = Session(source, output, run, report)
    if ctx.params["check"] and reads_inputs:
        from kxcli.pipelines.checking import check_inputs

        try:
            check_inputs(session, make_check(session._replace(sink=output._replace(format=run_format))))
        finally:
            report.close()
        if report.summary is not None:
            report.summary.is_complete = True
        ctx.exit()
    yield session
    report.close()
    if report.summary is not None:
        report.summary.is_complete = True


def _pick_settings(kind: Callable[..., SettingsT], names: Iterable[str], options: Mapping[str, Any]) -> SettingsT:
    """Return settings with their fields from the options."""
    return kind(**{name: options[name] for name in names if name in options})
