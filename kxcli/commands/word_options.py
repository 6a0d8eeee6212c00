"""The options that define a word, the same for `wordcount` and `hsic`."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Condition, Rule, has
from kxcli.commands.option_types import INPUT_FILE, ParsedType, decode_option
from kxcli.errors import UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting
    from kxcli.mining.segment.jieba_port import PortDictionary

_JIEBA_NAMES = "no_hmm main userdict engine"
WORD_NAMES = f"{_JIEBA_NAMES} tokenizer pattern punct stopwords min_length normalize lower"

# A kind of skipped rows, in a user dictionary that is written.
UNFINDABLE = "words skipped that jieba does not find even with a user dictionary"

_REGEX = Condition("--tokenizer regex", lambda values: values["tokenizer"] == "regex")
_PLAIN = Condition("--tokenizer char, space or regex", lambda values: values["tokenizer"] in ("char", "space", "regex"))

WORD_RULES = (
    Rule("tokenizer", REQUIRES, has("pattern", "--pattern"), "--tokenizer regex", value=_REGEX),
    Rule("pattern", REQUIRES, _REGEX, ""),
    Rule(_JIEBA_NAMES, NO_EFFECT, _PLAIN, "--tokenizer space"),
)


def parse_pattern(text: str) -> str:
    """Return a regular expression for words; raise `UsageError` if it cannot be used."""
    from kxcli.mining import Segmentation

    pattern = decode_option(text)
    try:
        Segmentation("regex", pattern=pattern)
    except ValueError as error:  # it begins with "pattern"
        raise UsageError(f"--{error}.") from None
    return pattern


_PATTERN = ParsedType("pattern", parse_pattern)

WORD_OPTIONS = (
    click.option(
        "-t",
        "--tokenizer",
        type=click.Choice(["jieba", "search", "full", "char", "space", "regex"]),
        default="jieba",
        show_default=True,
        help="How to split text into words: jieba in its default, search or full mode; by character; at white "
        "space; or regex, the matches of --pattern.",
    ),
    click.option(
        "--pattern",
        type=_PATTERN,
        metavar="REGEX",
        help="Regular expression of a word, as in Python.",
    ),
    click.option("--no-hmm", is_flag=True, help="Disable jieba's model for words that are not in its dictionary."),
    click.option(
        "--dict",
        "main",
        metavar="FILE",
        type=INPUT_FILE,
        help="Use the dictionary in FILE instead of jieba's: `word frequency [tag]` per line.",
    ),
    click.option(
        "--userdict",
        metavar="FILE",
        type=INPUT_FILE,
        multiple=True,
        help="Add the words in FILE to the dictionary: `word [frequency] [tag]` per line. May be repeated.",
    ),
    click.option(
        "--engine",
        type=click.Choice(["fast", "jieba"]),
        default="fast",
        show_default=True,
        help="fast is a Rust port with the same results; jieba is the original, many times slower.",
    ),
    click.option("--punct", is_flag=True, help="Count tokens without a letter or digit too, except white space."),
    click.option(
        "--stopwords",
        metavar="FILE",
        type=INPUT_FILE,
        multiple=True,
        help="Exclude the words in FILE, one per line. May be repeated.",
    ),
    click.option(
        "--min-length",
        metavar="N",
        type=click.IntRange(min=1),
        default=1,
        help="Exclude words of fewer than N characters.",
    ),
    click.option(
        "--normalize", type=click.Choice(["nfkc"]), help="Normalize the text to this Unicode form before it is split."
    ),
    click.option("--lower", is_flag=True, help="Convert words to lower case."),
)


def build_counting(options: Mapping[str, Any], report: Report) -> "Counting":
    """Return how to count words by the options; report dictionary lines that jieba misreads."""
    from kxcli.mining import Counting, Segmentation

    return Counting(
        Segmentation(
            mode=options["tokenizer"],
            hmm=not options["no_hmm"],
            dictionary=wordlists.read_dictionary(options["main"], options["userdict"], report),
            engine=options["engine"],
            pattern=options["pattern"],
        ),
        keeps_punctuation=options["punct"],
        stopwords=wordlists.read_words(options["stopwords"]),
        min_length=options["min_length"],
        lower=options["lower"],
        nfkc=options["normalize"] == "nfkc",
    )


def prepare_counting(counting: "Counting", report: Report) -> "tuple[Counting, PortDictionary | None]":
    """Return the counting and the dictionary for all processes.

    If the fast engine would differ from jieba, the counting uses jieba itself, which needs no dictionary.
    """
    from kxcli.mining.segment import prepare

    if counting.segmentation.uses_port:
        from kxcli.mining.segment.jieba_port import NotEqualError

        try:
            return counting, prepare(counting.segmentation)
        except NotEqualError as error:
            report.warning(f"{error}; using the slower --engine jieba, which counts this right")
    return replace(counting, segmentation=replace(counting.segmentation, engine="jieba")), None
