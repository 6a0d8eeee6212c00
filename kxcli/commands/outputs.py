"""Checks of outputs before the work."""

import os
from collections.abc import Iterable

import click

from kxcli.errors import UsageError
from kxcli.output.conflicts import is_same_output, refuse_overwriting
from kxcli.suffixes import COMPRESSORS, FORMATS

# The options that name a file to write, with the format that it has; None: the one of -f.
_WRITTEN = {"output": None, "errors": "tsv", "model": "npz"}
_READ = ("inputs", "files_from", "main", "userdict", "stopwords", "known", "kb", "train", "evaluate", "model", "y_file")
_FOLDERS = ("output_dir", "checkpoint", "kb_cache")


def check_outputs(ctx: click.Context, form: str) -> None:
    """Raise `UsageError` for an output with a wrong suffix, or equal to an input.

    form: the format of -o.  Inputs from lists and folders are left to `refuse_overwriting`, when they are known.
    """
    for name in _FOLDERS:
        if ctx.params.get(name) == "-":
            raise UsageError(f"{_flag(ctx, name)} needs a folder, not -.")
    is_training = bool(ctx.params.get("train"))
    written = {name: ctx.params[name] for name in _WRITTEN if ctx.params.get(name) is not None}
    if not is_training:
        written.pop("model", None)
    formats = next(param.type for param in ctx.command.params if param.name == "format")
    offered = formats.choices if isinstance(formats, click.Choice) else ()
    read = list[str]()
    for name in _READ:
        value = ctx.params.get(name)
        if name not in written and value is not None:
            read += [value] if isinstance(value, str) else value
    if not ctx.params["inputs"] and not ctx.params["files_from"]:
        read.append("-")
    for name, path in written.items():
        flag = "-o" if name == "output" else _flag(ctx, name)
        _check_name(flag, path, _WRITTEN[name] or form, offered if name == "output" else ())
        refuse_overwriting(flag, path, read)
    errors, output = ctx.params.get("errors"), ctx.params["output"] or "-"
    if errors is not None and is_same_output(errors, output):
        raise UsageError("--errors and -o name the same file; name another one.")


def _check_name(flag: str, path: str, form: str, offered: Iterable[str]) -> None:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in COMPRESSORS:
        example = f"kxcli ... | {COMPRESSORS[suffix]} > {os.path.basename(path)}"
        how = f"choose another name, or compress stdout: {example}" if flag == "-o" else "choose another name"
        raise UsageError(f"{flag} {path}: the output is not compressed; {how}.")
    said = FORMATS.get(suffix, form)
    if said != form:
        how = f"use -f {said}, or choose another name" if said in offered else "choose another name"
        raise UsageError(f"{flag} {path}: the name says {said}, but the output is {form}; {how}.")


def _flag(ctx: click.Context, name: str) -> str:
    return next(param.opts[-1] for param in ctx.command.params if param.name == name)
