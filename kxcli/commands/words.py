"""The options that say what a word is, the same for `wordcount` and `hsic`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import options, wordlists
from kxcli.commands.options import Function
from kxcli.errors import UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting
    from kxcli.mining.segment.jieba_port import PortDictionary

_OF_JIEBA = ("no_hmm", "main", "userdict", "engine")
NAMES = (*_OF_JIEBA, "tokenizer", "pattern", "punct", "stopwords", "min_length", "normalize", "lower")


def word_options(command: Function) -> Function:
    """Add the options."""
    for option in reversed(
        (
            click.option(
                "-t",
                "--tokenizer",
                type=click.Choice(["jieba", "search", "full", "char", "space", "regex"]),
                default="jieba",
                show_default=True,
                help="jieba, its search or its full mode; characters; white space; the matches of --pattern.",
            ),
            click.option(
                "--pattern",
                type=options.OptionText(),
                metavar="REGEX",
                help="What a word is, for --tokenizer regex (Python's syntax).",
            ),
            click.option(
                "--no-hmm",
                is_flag=True,
                help="Without jieba's model for words that its dictionary lacks (full mode has none).",
            ),
            click.option(
                "--dict",
                "main",
                metavar="FILE",
                help="Use the dictionary in FILE instead of jieba's: `word frequency [tag]` per line.",
            ),
            click.option(
                "--userdict",
                metavar="FILE",
                multiple=True,
                help="Add the words in FILE to the dictionary: `word [frequency] [tag]` per line.  May be repeated.",
            ),
            click.option(
                "--engine",
                type=click.Choice(["fast", "jieba"]),
                default="fast",
                show_default=True,
                help="fast: a Rust port made equal to jieba; jieba: the original, many times slower.",
            ),
            click.option(
                "--punct", is_flag=True, help="Count tokens without any letter or digit, too (never white space)."
            ),
            click.option(
                "--stopwords",
                metavar="FILE",
                multiple=True,
                help="Exclude the words in FILE, one per line.  May be repeated.",
            ),
            click.option(
                "--min-length", metavar="N", type=click.IntRange(min=1), default=1, help="Leave out shorter words."
            ),
            click.option(
                "--normalize", type=click.Choice(["nfkc"]), help="Bring the text to this form before it is cut."
            ),
            click.option("--lower", is_flag=True, help="Count words in lower case."),
        )
    ):
        command = option(command)
    return command


def validate(ctx: click.Context, given: dict[str, Any]) -> None:
    """Refuse options that contradict each other, or of which one would do nothing."""
    if (given["tokenizer"] == "regex") != (given["pattern"] is not None):
        raise UsageError("--tokenizer regex and --pattern go together.")
    if given["pattern"] is not None:
        from kxcli.mining import Segmentation

        try:
            Segmentation("regex", pattern=given["pattern"])
        except ValueError as error:
            raise UsageError(f"--{error}.") from None
    if given["tokenizer"] in ("char", "space", "regex"):
        for name in (name for name in _OF_JIEBA if options.is_given(ctx, name)):
            raise UsageError(f"{options.flag(ctx, name)} does nothing with --tokenizer {given['tokenizer']}.")


def build_counting(given: dict[str, Any], report: Report) -> "Counting":
    """Return how to count words by the options; report lines misread by jieba."""
    from kxcli.mining import Counting, Segmentation

    return Counting(
        Segmentation(
            mode=given["tokenizer"],
            hmm=not given["no_hmm"],
            dictionary=wordlists.read_dictionary(given["main"], given["userdict"], report),
            engine=given["engine"],
            pattern=given["pattern"],
        ),
        keeps_punctuation=given["punct"],
        stopwords=wordlists.read_words(given["stopwords"]),
        min_length=given["min_length"],
        lower=given["lower"],
        nfkc=given["normalize"] == "nfkc",
    )


def prepare(wanted: "Counting", report: Report) -> "tuple[Counting, PortDictionary | None]":
    """Return what every process needs, and what is counted; with jieba itself where the fast engine would differ."""
    from kxcli.mining.segment import prepare

    if wanted.segmentation.uses_port:
        from kxcli.mining.segment.jieba_port import NotEqualError

        try:
            return wanted, prepare(wanted.segmentation)
        except NotEqualError as error:
            report.warning(f"{error}: only --engine jieba counts that right, and is taken; it is slower")
    return replace(wanted, segmentation=replace(wanted.segmentation, engine="jieba")), None
