"""Checks of output names before the work."""

import os
from collections.abc import Sequence

import click

from kxcli.commands.option_rules import get_flag
from kxcli.commands.option_types import PathType
from kxcli.commands.output_options import get_formats
from kxcli.errors import UsageError
from kxcli.output.conflicts import is_same_output, refuse_overwriting
from kxcli.suffixes import COMPRESSORS, guess_compressor, guess_output_format

_COMPRESSED_FORMATS = ("parquet", "npz")


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
    for name in written:
        option = "-o" if name == "output" else get_flag(params[name])
        own_format = getattr(params[name].type, "file_format", None)
        offered = get_formats(ctx) if own_format is None else (own_format,)
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


def _check_suffix(option: str, path: str, file_format: str, offered: Sequence[str]) -> None:
    """Refuse a name that contradicts the format, or an unsupported compressor."""
    suffix = os.path.splitext(path)[1].lower()
    if guess_compressor(path) is not None:
        if file_format in _COMPRESSED_FORMATS:
            raise UsageError(f"{option} {path}: {file_format} is compressed already; remove {suffix} from the name.")
    elif suffix in COMPRESSORS:
        raise UsageError(f"{option} {path}: kxcli does not write {suffix}; use .gz, .bz2, .xz or .zst.")
    named = guess_output_format(path) or file_format
    if named == file_format:
        return
    if named in offered:
        advice = f"use -f {named}, or choose another name"
    else:
        formats = f"the formats are {', '.join(offered)}; " if offered[1:] else ""
        advice = f"{formats}choose another name"
    raise UsageError(f"{option} {path}: the name says {named}, but the output is {file_format}; {advice}.")
