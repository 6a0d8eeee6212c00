"""The options for the work and the messages of a run."""

import click

from kxcli.commands.command import Decorator, option
from kxcli.commands.option_rules import NO_EFFECT, Rule, has
from kxcli.commands.option_types import FOLDER, SIZE
from kxcli.report import Report

_CLUSTER = has("cluster")

RUN_RULES = (Rule("jobs retries", NO_EFFECT, _CLUSTER, "--cluster local:1", advice="a cluster has its own workers"),)


def _set_verbose(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    """Make the report verbose, also for errors in the other options."""
    if (report := ctx.find_object(Report)) is not None:
        report.verbose = value
    return value


RUN_OPTIONS = (
    option(
        "-j, --jobs N",
        "Number of workers; 0 is one per available CPU. [default: KXCLI_JOBS, else 0]",
        type=click.IntRange(min=0),
        default=0,
        envvar="KXCLI_JOBS",
    ),
    option(
        "--memory SIZE",
        "Limit the memory of all processes together, such as 300M or 2G; counts that need more go to TMPDIR. "
        "[default: half of the free memory, without a limit for one record]",
        type=SIZE,
    ),
    option(
        "--checkpoint DIR",
        "Save finished work in DIR, and continue from it when the same command runs again.",
        type=FOLDER,
    ),
    option(
        "--retries N",
        "If a worker process is killed, repeat its part of the work up to N times.",
        type=click.IntRange(min=0),
        default=1,
    ),
    option(
        "--cluster ADDRESS",
        "Run on the workers of a Dask cluster: tcp://HOST:PORT, or local:N to start N workers here.",
    ),
    option("-q, --quiet", "Print only errors on stderr."),
    option(
        "-v, --verbose",
        "Print each step, and the traceback of an error, on stderr.",
        is_eager=True,
        callback=_set_verbose,
    ),
)


def make_shard_option(default: str = "1M") -> Decorator:
    """Return the option for the size of a task.

    The default is some 50 ms of work, so that all workers end at about the same time.
    """
    return option(
        "--shard-size SIZE",
        "Size of the input of one task; changes memory and speed, but not the output.",
        type=SIZE,
        default=default,
    )
