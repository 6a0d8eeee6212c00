"""A positional argument ahead of the inputs that some option replaces."""

import click

from kxcli.commands.command import Decorator
from kxcli.commands.option_types import INPUT_FILE, decode_option
from kxcli.errors import UsageError


def make_leading_argument(metavar: str) -> Decorator:
    """Return the arguments `metavar` and INPUT, to replace INPUT alone."""
    return click.argument("inputs", nargs=-1, metavar=f"{metavar} [INPUT]...", type=INPUT_FILE)


def take_leading_argument(ctx: click.Context, metavar: str) -> str | None:
    """Remove the first argument from the inputs, and return it as text.

    Returns:
        None if there is no argument.

    Raises:
        UsageError: It is empty, or not valid text.
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
    return text
