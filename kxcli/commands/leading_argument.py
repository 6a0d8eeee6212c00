"""A positional argument ahead of the inputs that some option replaces."""

import os

import click

from kxcli.commands.command import Decorator
from kxcli.commands.option_types import INPUT_FILE, decode_option
from kxcli.errors import UsageError
from kxcli.urls import is_url


def make_leading_argument(metavar: str) -> Decorator:
    """Return the arguments `metavar` and INPUT, to replace INPUT alone."""
    return click.argument("inputs", nargs=-1, metavar=f"{metavar} [INPUT]...", type=INPUT_FILE)


def take_leading_argument(ctx: click.Context, metavar: str, alternative: str) -> str | None:
    """Remove the first argument from the inputs, and return it as text.

    Args:
        ctx: The context of the command.
        metavar: The name of the argument.
        alternative: What else to do if it is a file, and no input is given.

    Returns:
        None if there is no argument.

    Raises:
        UsageError: It is empty, not valid text, or an input in the place of the argument.
    """
    if not ctx.params["inputs"]:
        return None
    first, *inputs = ctx.params["inputs"]
    ctx.params["inputs"] = tuple(inputs)
    try:
        text = decode_option(first)
    except ValueError as error:
        raise UsageError(f"{metavar} {error}.") from None
    if not text:
        raise UsageError(f"{metavar} is empty; give some text.")
    _refuse_input(ctx, metavar, first, alternative)
    return text


def _refuse_input(ctx: click.Context, metavar: str, path: str, alternative: str) -> None:
    """Raise `UsageError` if the argument exists as a file, and the inputs do not.

    A text that is also the name of a file is accepted with inputs that exist, and with `-`.
    """
    inputs = ctx.params["inputs"]
    if inputs:
        is_input = os.path.exists(path) and not (inputs[0] == "-" or is_url(inputs[0]) or os.path.lexists(inputs[0]))
    else:
        is_input = os.path.isfile(path) and not ctx.params["files_from"]
    if is_input:
        kind = "folder" if os.path.isdir(path) else "file"
        text = decode_option(path)
        usage = f"{text}: is a {kind}, not a {metavar}; write `{ctx.command_path} {metavar} {text}`"
        raise UsageError(f"{usage}." if inputs else f"{usage}, or {alternative}.")


def find_file_hint(text: str | None, metavar: str) -> str:
    """Return a hint, for the end of a message, if a text is the name of a file."""
    is_file = text is not None and os.path.isfile(text)
    return f"; {text} is also a file, and {metavar} comes before the inputs" if is_file else ""
