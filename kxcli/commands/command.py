"""The class of all subcommands, and the declaration of options."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from kxcli.commands.option_rules import Rule, add_rules_to_help

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]


def add_options(*options: Decorator) -> Callable[[CommandT], CommandT]:
    """Return a decorator that adds options to a command, in this order."""

    def add(command: CommandT) -> CommandT:
        for option in reversed(options):
            command = option(command)
        return command

    return add


def option(
    usage: str,
    text: str,
    *,
    choices: Sequence[str] = (),
    default: object = None,
    name: str | None = None,
    **attributes: Any,
) -> Decorator:
    """Return a decorator that adds an option.

    Args:
        usage: The flags, and the placeholder if it has a value: "-o, --output FILE".
        text: The help; it may end with the default in words, in brackets.
        choices: The possible values.
        default: The default value.
        name: The name of the parameter, if it is not the last flag.
        attributes: More attributes of `click.Option`.
    """
    words = usage.replace(", ", " ").split(" ")
    flags = [word for word in words if word.startswith("-")]
    if choices:
        attributes["type"] = click.Choice(choices)
    elif "/" in usage:
        attributes["default"] = None
    elif len(flags) == len(words):
        attributes["is_flag"] = True
    else:
        attributes["metavar"] = words[-1]
    if default is not None:
        attributes |= {"default": default, "show_default": "[default:" not in text}
    return click.option(*flags, *([] if name is None else [name]), help=text, **attributes)


class Command(click.Command):
    """A subcommand with rules for its options.

    An option that is repeated is refused, unless it may be given several times.
    """

    def __init__(self, *args: Any, rules: Sequence[Rule] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.rules = tuple(rules)
        add_rules_to_help(self.params, self.rules)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments; raise `click.UsageError` if they are invalid."""
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
