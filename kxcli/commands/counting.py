"""The options of `wordcount` -> what is counted."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import options
from kxcli.errors import InputError, UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting, Dictionary
    from kxcli.mining.segment.fast import Words


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


_OF_JIEBA = ("no_hmm", "main", "userdict", "engine")
_OF_COUNTING = (
    *_OF_JIEBA,
    *[
        "tokenizer",
        "pattern",
        "punct",
        "stopwords",
        "min_length",
        "normalize",
        "lower",
        "ngram",
        "df",
        "per_million",
        "by",
        "field",
        "on_error",
    ],
)


def check(ctx: click.Context, given: dict[str, Any], source: options.Input, sink: options.Output) -> None:
    """Refuse options that contradict each other, or of which one would do nothing."""
    options.check(source, sink)
    if (given["tokenizer"] == "regex") != (given["pattern"] is not None):
        raise UsageError("--tokenizer regex and --pattern go together.")
    if given["pattern"] is not None:
        try:
            re.compile(given["pattern"])
        except re.error as error:
            raise UsageError(f"--pattern is no regular expression: {error}.") from None
    if given["tokenizer"] in ("char", "space", "regex"):
        for name in (name for name in _OF_JIEBA if options.is_given(ctx, name)):
            raise UsageError(f"{options.flag(ctx, name)} does nothing with --tokenizer {given['tokenizer']}.")
    if source.input_format == "text" and given["by"] is not None:
        raise UsageError("--by needs records: --input-format jsonl, csv or tsv.")
    if given["merge"]:
        for name in (name for name in _OF_COUNTING if options.is_given(ctx, name)):
            raise UsageError(f"{options.flag(ctx, name)} does nothing with --merge, whose inputs are counted already.")
        if source.input_format == "text":
            raise UsageError("--merge reads tsv, csv or jsonl.")
    if sink.format == "userdict" and (
        given["df"] or given["per_million"] or given["by"] is not None or given["ngram"] != (1, 1)
    ):
        raise UsageError(
            "-f userdict has a word and its frequency alone: leave out --df, --per-million, --by, --ngram."
        )


def parameters(given: dict[str, Any], report: Report) -> "Counting":
    """Return what the options ask to be counted; tells what is odd about a user dictionary."""
    from kxcli.mining import Counting, Segmentation

    stopwords = (
        frozenset(word for line in options.text_of(given["stopwords"]).split("\n") if (word := line.strip()))
        if given["stopwords"] is not None
        else frozenset[str]()
    )
    return Counting(
        Segmentation(
            mode=given["tokenizer"],
            hmm=not given["no_hmm"],
            dictionary=_dictionary(given["main"], given["userdict"], report),
            engine=given["engine"],
            pattern=given["pattern"],
        ),
        keeps_punctuation=given["punct"],
        stopwords=stopwords,
        min_length=given["min_length"],
        lower=given["lower"],
        nfkc=given["normalize"] == "nfkc",
        orders=given["ngram"],
        has_documents=given["df"],
        is_grouped=given["by"] is not None,
    )


def prepared(wanted: "Counting", report: Report) -> "tuple[Counting, Words | None]":
    """Return what every process needs, and what is counted; with jieba itself where the fast engine would differ."""
    from kxcli.mining.segment import prepare

    if wanted.segmentation.is_by_port:
        from kxcli.mining.segment.fast import NotEqualError

        try:
            return wanted, prepare(wanted.segmentation)
        except NotEqualError as error:
            report.warning(f"{error}: only --engine jieba counts that right, and is taken; it is slower")
    return replace(wanted, segmentation=replace(wanted.segmentation, engine="jieba")), None


def _dictionary(main: str | None, user: str | None, report: Report) -> "Dictionary":
    """Read the user's dictionaries; tells the lines that jieba would misread."""
    from kxcli.mining.segment.dictionary import Dictionary, DictionaryError

    texts = [None if path is None else options.text_of(path) for path in (main, user)]
    for path, text, name in ((main, texts[0], "main"), (user, texts[1], "user")):
        if path is None or text is None:
            continue
        try:
            dictionary = Dictionary(**{name: text})
        except DictionaryError as error:
            raise InputError(path, error.what, "mend the line", line=error.line) from None
        for line, what in dictionary.misread_lines():
            report.warning(f"{path}:{line}: {what}")
    return Dictionary(*texts)
