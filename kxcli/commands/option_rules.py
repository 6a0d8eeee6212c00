"""Rules for options with dependencies on each other.

The rules are data: they are checked in one place, stated in the help of the options, and tested.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from kxcli.errors import UsageError

OptionValues = Mapping[str, Any]  # the values of a command line by the name of the parameter

REQUIRES, EXCLUDES, NO_EFFECT = "requires", "cannot be combined with", "has no effect with"


class Condition(NamedTuple):
    """A property of a command line, with its name in messages."""

    text: str
    is_met: Callable[[OptionValues], bool]


def has(name: str, flag: str = "") -> Condition:
    """Return the condition that an option without a default value is given."""
    flag = flag or f"--{name.replace('_', '-')}"
    return Condition(flag, lambda values: not (values[name] is None or values[name] is False or values[name] == ()))


def has_value(name: str, *accepted: str, flag: str = "") -> Condition:
    """Return the condition that an option has one of some values."""
    flag = flag or f"--{name.replace('_', '-')}"
    return Condition(f"{flag} {_join(accepted)}", lambda values: values[name] in accepted)


def any_of(*conditions: Condition) -> Condition:
    """Return the condition that one of several is met."""
    text = _join([condition.text for condition in conditions])
    return Condition(text, lambda values: any(condition.is_met(values) for condition in conditions))


def _join(texts: Sequence[str]) -> str:
    """Return texts as "a, b or c"."""
    return " or ".join([", ".join(texts[:-1]), texts[-1]]) if texts[1:] else texts[0]


class Rule(NamedTuple):
    """A rule for options on the command line, such as "--top requires --screen".

    Attributes:
        options: Names of the parameters, separated by spaces; "" for the command line as a whole.
        verb: How the options depend on the condition: `REQUIRES`, `EXCLUDES` or `NO_EFFECT`.
        condition: The state of the other options.
        example: Arguments that violate the rule, if necessary with any of the options added.
        value: The value for which the rule is; None for any.
        advice: A reason, or what to do, for the end of the message.
        in_help: Whether the help of the options states the rule.
        is_inverted: Whether the rule is for all parameters except `options`.
    """

    options: str
    verb: str
    condition: Condition
    example: str
    value: Condition | None = None
    advice: str = ""
    in_help: bool = True
    is_inverted: bool = False

    def applies_to(self, name: str | None) -> bool:
        """Return whether the rule is about a parameter."""
        return (name in self.options.split()) != self.is_inverted

    def is_violated(self, values: OptionValues) -> bool:
        """Return whether the values do not allow the options of the rule."""
        applies = self.value is None or self.value.is_met(values)
        return applies and self.condition.is_met(values) != (self.verb == REQUIRES)

    def format_error(self, subject: str) -> str:
        """Return the message for a violation by an option, named as the user writes it."""
        advice = self.advice or ("remove it" if self.verb == NO_EFFECT else "")
        subject = subject if self.value is None else self.value.text
        return f"{subject} {self.verb} {self.condition.text}{'; ' if advice else ''}{advice}."

    def format_help(self) -> str:
        """Return the note for the help of the options."""
        return f"[{'requires' if self.verb == REQUIRES else 'not with'} {self.condition.text}]"


def is_given(ctx: click.Context, name: str) -> bool:
    """Return whether an option is on the command line."""
    return ctx.get_parameter_source(name) is ParameterSource.COMMANDLINE


def get_flag(param: click.Parameter, value: object = None) -> str:
    """Return a parameter as the user writes it.

    For the value False of `--header/--no-header` it is `--no-header`.
    """
    if value is False and param.secondary_opts:
        return param.secondary_opts[-1]
    return "INPUT" if isinstance(param, click.Argument) else param.opts[-1]


def check_rules(ctx: click.Context, rules: Iterable[Rule]) -> None:
    """Raise `UsageError` for the first violated rule."""
    given = [param for param in ctx.command.params if is_given(ctx, param.name or "")]
    for rule in rules:
        if rule.is_violated(ctx.params):
            subjects = [get_flag(param, ctx.params[param.name or ""]) for param in given if rule.applies_to(param.name)]
            if subjects or not (rule.options or rule.is_inverted):
                raise UsageError(rule.format_error((subjects or [ctx.info_name or ""])[0]))


def add_rules_to_help(params: Iterable[click.Parameter], rules: Iterable[Rule]) -> None:
    """Append the rules to the help of their options."""
    for rule in rules:
        for param in params:
            is_stated = rule.in_help and rule.value is None and not rule.is_inverted
            if is_stated and isinstance(param, click.Option) and rule.applies_to(param.name):
                param.help = insert_before_default(param.help or "", rule.format_help())


def insert_before_default(text: str, note: str) -> str:
    """Insert a note into the help of an option, before a default at its end."""
    default = re.search(r" \[(?:default|always):|$", text)
    end = default.start() if default else len(text)
    return f"{text[:end]} {note}{text[end:]}"
