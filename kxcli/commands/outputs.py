"""Checks of outputs before the work."""

import os
import stat
import sys
from collections.abc import Iterable

import click

from kxcli.errors import UsageError

# The options that name a file to write, with the format that it has; None: the one of -f.
_WRITTEN = {"output": None, "errors": "tsv", "model": "npz"}
_READ = ("inputs", "files_from", "main", "userdict", "stopwords", "known", "kb", "train", "evaluate", "model", "y_file")
_FOLDERS = ("output_dir", "checkpoint", "kb_cache")

# What the end of a name says of the content; other ends (.txt, .dat) say nothing.
_FORMATS = {
    ".tsv": "tsv",
    ".tab": "tsv",
    ".csv": "csv",
    ".json": "jsonl",
    ".jsonl": "jsonl",
    ".jsonlines": "jsonl",
    ".ndjson": "jsonl",
    ".npy": "npy",
    ".npz": "npz",
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".xls": "xls",
    ".xlsx": "xlsx",
    ".ods": "ods",
}
_COMPRESSORS = {
    ".gz": "gzip",
    ".tgz": "gzip",
    ".bgz": "bgzip",
    ".bz2": "bzip2",
    ".xz": "xz",
    ".lzma": "lzma",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".lz4": "lz4",
    ".br": "brotli",
    ".z": "compress",
    ".zip": "zip",
    ".7z": "7z",
}


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
    if errors is not None and _destination(errors) == _destination(output):
        raise UsageError("--errors and -o name the same file; name another one.")


def refuse_overwriting(flag: str, path: str | None, inputs: Iterable[str]) -> None:
    """Raise `UsageError` if the output `path` is one of the inputs; `-` is stdin."""
    if path is None or path == "-":
        return
    written = _file(path)
    if written is not None and any(_file(one) == written for one in inputs):
        raise UsageError(f"{flag} {path} would overwrite an input; name another file.")


def _check_name(flag: str, path: str, form: str, offered: Iterable[str]) -> None:
    suffix = os.path.splitext(path)[1].lower()
    if suffix in _COMPRESSORS:
        example = f"kxcli ... | {_COMPRESSORS[suffix]} > {os.path.basename(path)}"
        how = f"choose another name, or compress stdout: {example}" if flag == "-o" else "choose another name"
        raise UsageError(f"{flag} {path}: the output is not compressed; {how}.")
    said = _FORMATS.get(suffix, form)
    if said != form:
        how = f"use -f {said}, or choose another name" if said in offered else "choose another name"
        raise UsageError(f"{flag} {path}: the name says {said}, but the output is {form}; {how}.")


def _flag(ctx: click.Context, name: str) -> str:
    return next(param.opts[-1] for param in ctx.command.params if param.name == name)


def _file(path: str) -> tuple[int, int] | None:
    """Return the device and inode of an input, `-` for stdin; None for a URL or device."""
    try:
        return _node(os.fstat(sys.stdin.fileno()) if path == "-" else os.stat(path))
    except (OSError, ValueError, AttributeError):  # there is none; or stdin is closed, or no file
        return None


def _destination(path: str) -> object:
    """Return what two names of one output have in common, `-` for stdout."""
    try:
        node = _node(os.fstat(sys.stdout.fileno()) if path == "-" else os.stat(path))
    except (OSError, ValueError, AttributeError):
        return path if path == "-" else os.path.realpath(path)
    return object() if node is None else node


def _node(status: os.stat_result) -> tuple[int, int] | None:
    """Return the device and inode of a regular file or a pipe, else None."""
    is_file = stat.S_ISREG(status.st_mode) or stat.S_ISFIFO(status.st_mode)
    return (status.st_dev, status.st_ino) if is_file else None
