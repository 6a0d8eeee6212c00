"""Pages of the command reference, made from the declarations of click."""

import inspect
import re
from itertools import groupby
from pathlib import Path

import click

from kxcli.cli import COMMANDS, cli


def render_overview() -> str:
    """Return the page of the program in Markdown."""
    usage = "kxcli COMMAND [OPTIONS] [INPUT]..."
    description = _escape(inspect.cleandoc(cli.help or ""))
    lines = ["# kxcli", "", *_render_synopsis(usage), "## Description", "", description, "", "## Commands", ""]
    for name, (_, summary) in COMMANDS.items():
        lines += [f"[kxcli {name}]({name}.md)", f": {_escape(summary)}", ""]
    return "\n".join(lines)


def render_command(name: str) -> str:
    """Return the page of a command in Markdown: its usage, its help, its options by group, its examples."""
    program = click.Context(cli, info_name="kxcli", **cli.context_settings)
    command = cli.get_command(program, name)
    context = click.Context(command, parent=program, info_name=name)
    usage = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    lines = [f"# kxcli {name}", "", *_render_synopsis(usage), "## Description", "", _escape(command.help or ""), ""]
    options = [param for param in command.get_params(context) if isinstance(param, click.Option)]
    for heading, group in groupby(options, key=lambda option: getattr(option, "heading", "Help")):
        lines += [f"## {heading}", ""]
        for option in group:
            flags, text = option.get_help_record(context)
            lines += [f"`{flags}`", f": {_escape(text)}", ""]
    _, _, examples = (command.epilog or "").partition("Examples:\n")
    commands = [line.strip() for line in examples.splitlines()]
    return "\n".join([*lines, "## Examples", "", "```text", *commands, "```", ""])


def write_reference(folder: Path) -> None:
    """Write all pages to a folder."""
    folder.mkdir(exist_ok=True)
    (folder / "kxcli.md").write_text(render_overview(), encoding="utf-8")
    for name in COMMANDS:
        (folder / f"{name}.md").write_text(render_command(name), encoding="utf-8")


def _render_synopsis(usage: str) -> list[str]:
    return ["## Synopsis", "", "```text", usage, "```", ""]


def _escape(text: str) -> str:
    """Escape the marks of Markdown outside of code spans."""
    return re.sub(r"(`[^`]*`)|([\\`*_<>\[\]#|~])", lambda match: match[1] or "\\" + match[2], text)
