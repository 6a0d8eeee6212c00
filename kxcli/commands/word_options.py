"""The options that define a word, the same for `wordcount` and `hsic`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.command import option
from kxcli.commands.kernel_notice import report_missing_kernel
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Rule, has, has_value
from kxcli.commands.option_types import INPUT_FILE, ParsedType, decode_option
from kxcli.errors import UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting

_JIEBA_NAMES = "no_hmm main userdict engine"
WORD_NAMES = f"{_JIEBA_NAMES} tokenizer pattern punct stopwords min_length normalize lower"

# A kind of skipped rows, in a user dictionary that is written.
UNFINDABLE = "words skipped that jieba does not find even with a user dictionary"

_REGEX = has_value("tokenizer", "regex")
_PLAIN = has_value("tokenizer", "char", "space", "regex")

WORD_RULES = (
    Rule("tokenizer", REQUIRES, has("pattern"), "--tokenizer regex", value=_REGEX),
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
    option(
        "-t, --tokenizer",
        "Split text into words by jieba (default, search or full mode), by character, at white space, or by --pattern.",
        choices=["jieba", "search", "full", "char", "space", "regex"],
        default="jieba",
    ),
    option("--pattern REGEX", "Regular expression of a word, as in Python.", type=_PATTERN),
    option("--no-hmm", "Disable jieba's model for words that are not in its dictionary."),
    option(
        "--dict FILE",
        "Use the dictionary in FILE instead of jieba's: `word frequency [tag]` per line.",
        type=INPUT_FILE,
        name="main",
    ),
    option(
        "--userdict FILE",
        "Add the words in FILE to the dictionary: `word [frequency] [tag]` per line.",
        type=INPUT_FILE,
        multiple=True,
    ),
    option(
        "--engine",
        "kernel is compiled code with the same results; jieba is the original, many times slower.",
        choices=["kernel", "jieba"],
        default="kernel",
    ),
    option("--punct", "Count tokens without a letter or digit too, except white space."),
    option("--stopwords FILE", "Exclude the words in FILE, one per line.", type=INPUT_FILE, multiple=True),
    option("--min-length N", "Exclude words of fewer than N characters.", type=click.IntRange(min=1), default=1),
    option("--normalize", "Normalize the text to this Unicode form before it is split.", choices=["nfkc"]),
    option("--lower", "Convert words to lower case."),
)


def build_counting(options: Mapping[str, Any], report: Report) -> "Counting":
    """Return how to count words.

    Reports dictionary lines that jieba misreads, and a missing kernel.
    """
    from kxcli.mining import Counting, Segmentation

    segmentation = Segmentation(
        mode=options["tokenizer"],
        hmm=not options["no_hmm"],
        dictionary=wordlists.read_dictionary(options["main"], options["userdict"], report),
        engine=options["engine"],
        pattern=options["pattern"],
    )
    if segmentation.engine == "kernel" and segmentation.mode != "regex":
        report_missing_kernel(report, replaces_jieba=segmentation.mode not in ("char", "space"))
    return Counting(
        segmentation,
        keeps_punctuation=options["punct"],
        stopwords=wordlists.read_words(options["stopwords"]),
        min_length=options["min_length"],
        lower=options["lower"],
        nfkc=options["normalize"] == "nfkc",
    )
