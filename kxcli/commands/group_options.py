"""The option for groups of documents."""

import re
from collections.abc import Iterable

from kxcli.commands.command import Decorator, option
from kxcli.commands.input_options import PLAIN_TEXT
from kxcli.commands.option_rules import NO_EFFECT, Condition, OptionValues, Rule
from kxcli.commands.option_types import ParsedType, decode_option


def parse_fields(text: str) -> tuple[str, ...]:
    r"""Split names of fields at commas.

    `\,` is a comma within a name, and `\@` begins the name of a field.
    """
    from kxcli.corpus.groups import PATH_PARTS

    names = tuple(name.replace("\\,", ",") for name in re.split(r"(?<!\\),", decode_option(text)))
    for name in names:
        if name.startswith("@") and name not in PATH_PARTS:
            hint = f"choose from {', '.join(PATH_PARTS)}, or write \\{name} for a field of this name"
            raise ValueError(f"{name!r} is no part of an input's path; {hint}")
    if "" in names:
        raise ValueError(f"{text!r} has an empty name; write names as label or label,year")
    return tuple(name[1:] if name.startswith("\\@") and name[1:] not in PATH_PARTS else name for name in names)


def join_fields(values: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    """Return the names of all --by."""
    return tuple(name for names in values for name in names)


def _has_field(values: OptionValues) -> bool:
    from kxcli.corpus.groups import list_fields

    return bool(list_fields(join_fields(values["by"])))


_FIELD = Condition("--by FIELD", _has_field)
GROUP_RULES = (Rule("by", NO_EFFECT, PLAIN_TEXT, "--by label --input-format text", _FIELD, "remove it, or name @file"),)


def make_group_option(purpose: str) -> Decorator:
    """Return --by.

    Args:
        purpose: The sentence that begins its help, up to "of FIELD".
    """
    return option(
        "--by FIELD,...",
        f"{purpose} of FIELD, a field or column of records, or @file, @folder or @stem of the input; separate several "
        "by commas.",
        type=ParsedType("fields", parse_fields),
        multiple=True,
    )
