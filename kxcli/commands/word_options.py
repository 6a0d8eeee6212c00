"""The options that define a word, the same for `wordcount` and `hsic`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.command import option
from kxcli.commands.kernel_notice import report_missing_kernel
from kxcli.commands.option_rules import NO_EFFECT, REQUIRES, Rule, has, has_value
from kxcli.commands.option_types import INPUT_FILE, ParsedType, StopwordsType, decode_option
from kxcli.errors import UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting, Dictionary, Segmentation

JIEBA_NAMES = "no_hmm main userdict engine"
TOKENIZER_NAMES = f"{JIEBA_NAMES} tokenizer pattern lexicon"
WORD_NAMES = f"{TOKENIZER_NAMES} punct stopwords min_length normalize lower"

_REGEX = has_value("tokenizer", "regex")
_PLAIN = has_value("tokenizer", "char", "space", "regex")
LEXICON = has("lexicon")

WORD_RULES = (
    Rule("tokenizer", REQUIRES, has("pattern"), "--tokenizer regex", value=_REGEX),
    Rule("pattern", REQUIRES, _REGEX, ""),
    Rule(JIEBA_NAMES, NO_EFFECT, _PLAIN, "--tokenizer space"),
    Rule(f"{JIEBA_NAMES} tokenizer pattern", NO_EFFECT, LEXICON, "--lexicon words.tsv"),
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

TOKENIZER_OPTIONS = (
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
        "--lexicon FILE",
        "Split text into the most probable words of FILE alone: `word count` per line, as of newwords --all.",
        type=INPUT_FILE,
    ),
    option(
        "--engine",
        "kernel is compiled code with the same results; jieba is the original, many times slower.",
        choices=["kernel", "jieba"],
        default="kernel",
    ),
)
STOPWORDS_OPTION = option(
    "--stopwords FILE|@LIST",
    "Exclude the words in FILE, one per line, or in a built-in list: @zh, @zh-tw or @en.",
    type=StopwordsType(),
    multiple=True,
)
NORMALIZE_OPTION = option(
    "--normalize", "Normalize the text to this Unicode form before it is split.", choices=["nfkc"]
)
MIN_LENGTH_OPTION = option(
    "--min-length N", "Exclude words of fewer than N characters.", type=click.IntRange(min=1), default=1
)
LOWER_OPTION = option("--lower", "Convert words to lower case.")
WORD_OPTIONS = (
    *TOKENIZER_OPTIONS,
    option("--punct", "Count tokens without a letter or digit too, except white space."),
    STOPWORDS_OPTION,
    MIN_LENGTH_OPTION,
    NORMALIZE_OPTION,
    LOWER_OPTION,
)


def build_segmentation(options: Mapping[str, Any], report: Report) -> "Segmentation":
    """Return how to split text into tokens, by `TOKENIZER_OPTIONS`.

    Reports dictionary lines that jieba misreads, and a missing kernel.
    """
    from kxcli.mining import Segmentation

    segmentation = Segmentation(
        mode="lexicon" if options["lexicon"] else options["tokenizer"],
        hmm=not options["no_hmm"],
        dictionary=_read_dictionary(options, report),
        engine=options["engine"],
        pattern=options["pattern"],
    )
    if segmentation.engine == "kernel" and segmentation.has_kernel_mode and not options.get("pos"):  # tags are jieba's
        report_missing_kernel(report, replaces_jieba=segmentation.mode not in ("char", "space"))
    return segmentation


def _read_dictionary(options: Mapping[str, Any], report: Report) -> "Dictionary":
    """Return the lexicon, or the dictionaries for jieba."""
    if options["lexicon"]:
        return wordlists.read_lexicon(options["lexicon"], report)
    return wordlists.read_dictionary(options["main"], options["userdict"], report)


def build_counting(options: Mapping[str, Any], report: Report) -> "Counting":
    """Return how to count words, by `WORD_OPTIONS`; reports as `build_segmentation`."""
    from kxcli.mining import Counting

    return Counting(
        build_segmentation(options, report),
        keeps_punctuation=options["punct"],
        stopwords=wordlists.read_stopwords(options["stopwords"]),
        min_length=options["min_length"],
        lower=options["lower"],
        nfkc=options["normalize"] == "nfkc",
    )
