"""The class of all subcommands, and the declaration of options."""

import inspect
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from kxcli.commands.option_rules import Rule, add_rules_to_help, insert_before_default

CommandT = TypeVar("CommandT", bound=Callable[..., Any])
Decorator = Callable[[Any], Any]

_EXAMPLES = "Examples:\n"
_GIVEN = "kxcli.given"  # the key of the values as the user wrote them


def add_options(groups: Mapping[str, Sequence[Decorator]]) -> Callable[[CommandT], CommandT]:
    """Return a decorator that adds groups of options to a command, in this order.

    Args:
        groups: The options by the heading of their group in the help.
    """

    def add(function: CommandT) -> CommandT:
        for heading, options in reversed(list(groups.items())):
            for option in reversed(options):
                function = option(function)
                function.__click_params__[-1].heading = heading  # type: ignore[attr-defined]
        return function

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
    if attributes.get("multiple"):
        text = insert_before_default(text, "[repeatable]")
    if default is not None:
        attributes |= {"default": default, "show_default": "[default:" not in text}
    return click.option(*flags, *([] if name is None else [name]), help=text, **attributes)


class Command(click.Command):
    """A subcommand with groups of options in its help, and rules for its options.

    An option that is repeated is refused, unless it may be given several times.

    Args:
        args: As of `click.Command`.
        rules: The rules.
        attributes: More arguments of `click.Command`. An "Examples:" section at the end of the help is kept as it is.
    """

    def __init__(self, *args: Any, rules: Sequence[Rule] = (), **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.rules = tuple(rules)
        self.help, heading, examples = inspect.cleandoc(self.help or "").partition(_EXAMPLES)
        self.epilog = f"\b\n{heading}{examples}" if heading else None
        add_rules_to_help(self.params, self.rules)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options under the headings of their groups."""
        groups: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            if isinstance(param, click.Option) and (record := param.get_help_record(ctx)) is not None:
                groups.setdefault(getattr(param, "heading", "Help"), []).append(record)
        for heading, records in groups.items():
            with formatter.section(heading):
                formatter.write_dl(records)

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
        except click.UsageError as error:
            error.ctx = error.ctx or ctx  # some errors of click's parser have none
            raise
        if not ctx.resilient_parsing:
            values, _, order = self.make_parser(ctx).parse_args(args=given)
            self._refuse_repeated(ctx, order)
            ctx.meta[_GIVEN] = values
        return rest

    def _refuse_repeated(self, ctx: click.Context, order: Iterable[click.Parameter]) -> None:
        for param, n_times in Counter(order).items():
            if isinstance(param, click.Option) and n_times > 1 and not (param.multiple or param.count):
                names = " / ".join([*param.opts, *param.secondary_opts])
                raise click.UsageError(f"{names} is given {n_times} times; give it once.", ctx)


def list_given_options(ctx: click.Context) -> dict[str, Any]:
    """Return the options as the user wrote them, by their long names.

    Numbers are numbers.
    """
    given: dict[str, Any] = ctx.meta[_GIVEN]
    return {
        param.opts[-1].lstrip("-").replace("-", "_"): ctx.params[param.name] if _is_number(param) else given[param.name]
        for param in ctx.command.params
        if isinstance(param, click.Option) and param.name in given
    }


def _is_number(param: click.Option) -> bool:
    return isinstance(param.type, (click.types.IntParamType, click.types.FloatParamType))
