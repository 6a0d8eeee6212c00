"""The options of `wordcount` -> what is counted."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import options, words
from kxcli.errors import UsageError
from kxcli.pipelines.settings import InputSettings, OutputSettings
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting


class Orders(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions alone
    """The orders of n-grams: N, or N-M."""

    name = "orders"

    def convert(
        self,
        value: Any,
        param: click.Parameter | None,
        ctx: click.Context | None,
    ) -> tuple[int, int]:
        """Return the least and the greatest order."""
        match = re.fullmatch(r"(\d{1,2})(?:-(\d{1,2}))?", str(value), re.ASCII)
        least, most = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 1 <= least <= most:
            self.fail(f"{value!r} is no order; write 2, or 1-3.", param, ctx)
        return least, most


_OF_COUNTING = (*words.NAMES, "ngram", "df", "per_million", "by", "field", "on_error")
_OF_WORKERS = ("checkpoint", "retries", "cluster")


def validate(ctx: click.Context, given: dict[str, Any], source: InputSettings, sink: OutputSettings) -> None:
    """Refuse options that contradict each other, or of which one would do nothing."""
    options.validate(source, sink)
    words.validate(ctx, given)
    if source.input_format == "text" and given["by"] is not None:
        raise UsageError("--by needs records: --input-format jsonl, csv or tsv.")
    if given["merge"]:
        for name in (name for name in (*_OF_COUNTING, *_OF_WORKERS) if options.is_given(ctx, name)):
            raise UsageError(f"{options.flag(ctx, name)} does nothing with --merge, whose inputs are counted already.")
        if source.input_format == "text":
            raise UsageError("--merge reads tsv, csv or jsonl.")
    _check_parts(ctx, given, sink)
    if sink.format == "userdict" and (
        given["df"] or given["per_million"] or given["by"] is not None or given["ngram"] != (1, 1)
    ):
        raise UsageError(
            "-f userdict has a word and its frequency alone: leave out --df, --per-million, --by, --ngram."
        )


def _check_parts(ctx: click.Context, given: dict[str, Any], sink: OutputSettings) -> None:
    if sink.output_dir is None:
        if options.is_given(ctx, "parts"):
            raise UsageError("--parts is about --output-dir DIR: add it.")
        return
    if ctx.params["cluster"] is None:
        raise UsageError("--output-dir is where the workers of a --cluster write: without one, use -o.")
    does_nothing = {
        "-o": sink.output is not None,
        "--merge": given["merge"],
        "--checkpoint": ctx.params["checkpoint"] is not None,
        "--top": given["top"] is not None,  # of each part they would be others than of all
        "--per-million": given["per_million"],
        "-f userdict": sink.format == "userdict",
    }
    for name in (name for name, is_asked in does_nothing.items() if is_asked):
        raise UsageError(f"{name} cannot go with --output-dir, of which each part is written by itself.")


def build_counting(given: dict[str, Any], report: Report) -> "Counting":
    """Return what the options ask to be counted; tells what is odd about a user dictionary."""
    return replace(
        words.build_counting(given, report),
        orders=given["ngram"],
        has_documents=given["df"],
        is_grouped=given["by"] is not None,
    )
