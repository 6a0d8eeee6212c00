"""The command `kxcli`: it runs a subcommand and returns the exit code.

This module imports nothing heavier than click. The module of a subcommand is imported when it is used.
"""

import errno
import os
import re
import signal
import sys
from importlib import import_module
from types import FrameType

import click

from kxcli import __version__
from kxcli.errors import InterruptedBySignal, KxcliError, format_reason
from kxcli.output.descriptors import complete_streams
from kxcli.report import Report
from kxcli.signals import ENDING_SIGNALS
from kxcli.summary import RunSummary
from kxcli.tuning import configure_process

COMMANDS = {
    # name: (module, line in the overview)
    "wordcount": ("kxcli.commands.wordcount", "Count the words of a corpus, exactly as jieba segments it."),
    "segment": ("kxcli.commands.segment", "Print the tokens of texts, exactly as jieba segments them."),
    "keywords": ("kxcli.commands.keywords", "Find the keywords of each document, exactly as jieba does."),
    "kwic": ("kxcli.commands.kwic", "Show where words or patterns occur, with the text around them."),
    "collocate": ("kxcli.commands.collocate", "Find the words that occur near a word, and how strongly."),
    "keyness": ("kxcli.commands.keyness", "Find the words that distinguish a corpus from a reference."),
    "newwords": ("kxcli.commands.newwords", "Find the words of a corpus that no dictionary has."),
    "entity-link": ("kxcli.commands.entity_link", "Link the names in texts to the entries of a knowledge base."),
    "hsic": ("kxcli.commands.hsic", "Measure how dependent columns are, and test it."),
}


_NOT_LOADED = "failed to map segment|cannot allocate memory"  # messages of the dynamic linker
_SIGNALED = 128  # above this, an exit code is that of a signal
_COMPLETION = "_KXCLI_COMPLETE"  # set by the completion scripts of click


class _Commands(click.Group):
    """The subcommands, each imported when it is run or its help is shown."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(COMMANDS[cmd_name][0]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS:
            from difflib import get_close_matches

            if similar := get_close_matches(args[0], COMMANDS, n=1):
                ctx.fail(f"no such command {args[0]!r}; did you mean {similar[0]!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda ctx, _param, is_given: _show_version(ctx) if is_given else None,
    help="Show the version and exit.",
)
@click.pass_context
def cli(ctx: click.Context) -> None:
    """Mine Chinese (and any other) text from the shell.

    Read files, folders (-r) or stdin; write TSV to stdout, or to a file with -o.
    `kxcli COMMAND --help` shows the options of a command.
    """
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def _show_version(ctx: click.Context) -> None:
    from kxcli.kernel import explain_absence

    absence = explain_absence()
    click.echo(f"kxcli, version {__version__}")
    click.echo(f"kernel: none ({absence})" if absence else "kernel: compiled")
    ctx.exit()


def main(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code.

    0: success; 1: an error of input or output; 2: an error of usage; 128 + N: ended by signal N.
    """
    arguments = sys.argv[1:] if args is None else args
    configure_process()
    _raise_on_signals()
    try:
        with complete_streams():
            return _run_and_report(arguments)
    except InterruptedBySignal as end:  # during a message
        return end.exit_code


def _run_and_report(arguments: list[str]) -> int:
    report = Report()
    exit_code = _run_to_exit_code(arguments, report)
    if report.summary is not None and report.summary.path is not None:
        return _write_summary(report.summary, report, exit_code)
    return exit_code


def _write_summary(summary: RunSummary, report: Report, exit_code: int) -> int:
    """Write the file of --summary; return the exit code, not 0 if this fails."""
    from kxcli.output import sink

    if exit_code > _SIGNALED:
        summary.error = f"ended by {signal.Signals(exit_code - _SIGNALED).name}"
    try:
        sink.write([summary.encode(exit_code, report.list_skips())], summary.path, option="--summary")
    except BrokenPipeError:
        return exit_code
    except KxcliError as error:
        report.error(str(error))
        return exit_code or error.exit_code
    return exit_code


def _run_to_exit_code(arguments: list[str], report: Report) -> int:
    try:
        return _run(arguments, report)
    except KxcliError as error:
        report.error(str(error))
        report.traceback(error)
        return error.exit_code
    except click.ClickException as error:
        command = error.ctx.command_path if isinstance(error, click.UsageError) and error.ctx else "kxcli"
        report.error(f"{error.format_message()} See `{command} --help`.")
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 128 + signal.SIGINT
    except InterruptedBySignal as end:
        return end.exit_code
    except OSError as error:
        has_file = isinstance(error.filename, (str, os.PathLike))
        if has_file and error.errno in (errno.EPIPE, errno.ESHUTDOWN):  # the reader of the output ended
            return 0
        report.error(f"{os.fspath(error.filename)}: {format_reason(error)}" if has_file else format_reason(error))
        report.traceback(error)
        return 1
    except Exception as error:  # noqa: BLE001 -- a bug, reported without a traceback unless verbose
        if _is_out_of_memory(error):
            report.error("memory ran out; use fewer workers (-j), or a machine with more")
            return 1
        report.error(f"internal error: {type(error).__name__}: {error}; please report it, with the output of -v")
        report.traceback(error)
        return 1


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether memory ran out, also while a library was loaded."""
    return isinstance(error, MemoryError) or (
        isinstance(error, ImportError) and re.search(_NOT_LOADED, str(error), re.IGNORECASE) is not None
    )


def _raise_on_signals() -> None:
    """Raise an exception on SIGINT, SIGTERM, SIGHUP, unless ignored by the caller."""

    def stop(number: int, frame: FrameType | None) -> None:
        for other in ENDING_SIGNALS:  # a second signal must not interrupt the clean-up
            signal.signal(other, signal.SIG_IGN)
        raise InterruptedBySignal(number)

    for number in ENDING_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, stop)


def _run(arguments: list[str], report: Report) -> int:
    """Run the command line and return its exit code.

    Unlike `main` of click, let a closed pipe raise an error.
    """
    exit_code = 0
    if _COMPLETION in os.environ:
        cli.main(arguments, prog_name="kxcli", complete_var=_COMPLETION)
    try:
        with cli.make_context("kxcli", arguments, obj=report) as context:
            cli.invoke(context)
    except click.exceptions.Exit as end:
        exit_code = end.exit_code
    if sys.stdout is not None:
        sys.stdout.flush()
    return exit_code
