"""Checks of output names before the work."""

import os
from collections.abc import Iterable

import click

from kxcli.commands.option_rules import get_flag
from kxcli.commands.option_types import PathType
from kxcli.errors import UsageError
from kxcli.output.conflicts import is_same_output, refuse_overwriting
from kxcli.suffixes import COMPRESSORS, FORMATS


def check_output_names(ctx: click.Context) -> None:
    """Raise `UsageError` for a wrong suffix, or for two uses of one file.

    `find_sources` checks the inputs from lists and folders later, when they are known.
    """
    params = {param.name or "": param for param in ctx.command.params if ctx.params.get(param.name or "") is not None}
    written = [name for name, param in params.items() if _is_written(param, ctx)]
    read = list[str]()
    for name, param in params.items():
        if isinstance(param.type, PathType) and param.type.role != "folder" and name not in written:
            value = ctx.params[name]
            read += [value] if isinstance(value, str) else value
    if not ctx.params["inputs"] and not ctx.params["files_from"]:
        read.append("-")
    formats = params["format"].type
    for name in written:
        option = "-o" if name == "output" else get_flag(params[name])
        own_format = getattr(params[name].type, "file_format", None)
        offered = formats.choices if own_format is None and isinstance(formats, click.Choice) else ()
        _check_suffix(option, ctx.params[name], own_format or ctx.params["format"], offered)
        refuse_overwriting(option, ctx.params[name], read)
    output = ctx.params["output"] or "-"
    for name in written:
        is_alone = bool(getattr(params[name].type, "only_with", ""))  # the run writes no rows to stdout
        if name != "output" and not is_alone and is_same_output(ctx.params[name], output):
            raise UsageError(f"{get_flag(params[name])} and -o name the same file; name another one.")


def _is_written(param: click.Parameter, ctx: click.Context) -> bool:
    """Return whether a parameter names a file that this run writes."""
    kind = param.type
    if not isinstance(kind, PathType) or kind.role != "output":
        return False
    return not kind.only_with or bool(ctx.params[kind.only_with])


def _check_suffix(option: str, path: str, file_format: str, offered: Iterable[str]) -> None:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in COMPRESSORS:
        example = f"kxcli ... | {COMPRESSORS[suffix]} > {os.path.basename(path)}"
        advice = f"choose another name, or compress stdout: {example}" if option == "-o" else "choose another name"
        raise UsageError(f"{option} {path}: the output is not compressed; {advice}.")
    named = FORMATS.get(suffix, file_format)
    if named != file_format:
        advice = f"use -f {named}, or choose another name" if named in offered else "choose another name"
        raise UsageError(f"{option} {path}: the name says {named}, but the output is {file_format}; {advice}.")
