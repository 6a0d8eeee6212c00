"""The options of `keywords`."""

import click

from kxcli.commands.command import option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Condition, Rule, any_of, has, has_value
from kxcli.commands.option_types import INPUT_FILE, ParsedType, PathType, StopwordsType, decode_option
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import LOWER_OPTION, NORMALIZE_OPTION, TOKENIZER_OPTIONS, WORD_RULES

FORMATS = ("tsv", "csv", "jsonl", "parquet")

_LEARN, _TEXTRANK = has("learn_idf"), has_value("method", "textrank")
IS_TAGGED = any_of(has("pos"), _TEXTRANK)
_TAGS_ALONE = Condition(
    f"{IS_TAGGED.text} without --learn-idf",
    lambda values: IS_TAGGED.is_met(values) and not _LEARN.is_met(values),
)
_OTHER_MODE = has_value("tokenizer", "search", "full", "char", "space", "regex")
_SINGLE = Condition("--min-length 1", lambda values: values["min_length"] == 1)
_OWN_TOKENS = "jieba tags the tokens of its default mode"

RULES = (
    *(*TEXT_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES),
    Rule("idf learn_idf save_idf", NO_EFFECT, _TEXTRANK, "--method textrank"),
    Rule("idf", EXCLUDES, _LEARN, "--learn-idf", advice="give one of them"),
    Rule("save_idf", REQUIRES, _LEARN, ""),
    Rule("tokenizer", EXCLUDES, IS_TAGGED, "--tokenizer search --pos n", _OTHER_MODE, _OWN_TOKENS),
    Rule("lexicon", EXCLUDES, IS_TAGGED, "--pos n", advice=_OWN_TOKENS),
    Rule("engine", NO_EFFECT, _TAGS_ALONE, "--pos n"),
    Rule("tokenizer", REQUIRES, _SINGLE, "--tokenizer char", has_value("tokenizer", "char")),
)


def parse_tags(text: str) -> frozenset[str]:
    """Return the tags of a list with commas."""
    tags = decode_option(text).split(",")
    if not all(tags):
        raise ValueError(f"{text!r} has an empty tag; write tags as n,ns,vn")
    return frozenset(tags)


WORD_OPTIONS = (
    *TOKENIZER_OPTIONS,
    option(
        "--pos LIST",
        "Only words with one of these part-of-speech tags of jieba.posseg, such as n,ns,nr, which is slower. "
        "[default: ns,n,vn,v for textrank, else all words]",
        type=ParsedType("tags", parse_tags),
    ),
    option(
        "--stopwords FILE|@LIST",
        "Exclude the words in FILE, one per line, or in a built-in list (@zh, @zh-tw or @en), regardless of case, in "
        "addition to jieba's 31 English ones.",
        type=StopwordsType(),
        multiple=True,
    ),
    option("--min-length N", "Exclude words of fewer than N characters.", type=click.IntRange(min=1), default=2),
    NORMALIZE_OPTION,
    LOWER_OPTION,
)

METHOD_OPTIONS = (
    option(
        "--document",
        "Find the keywords of each line or record, or of each file as a whole.",
        choices=["line", "file"],
        default="line",
    ),
    option(
        "--method",
        "Weigh words by their frequency (tfidf, as jieba.analyse.extract_tags) or by their neighbors "
        "(textrank, as jieba.analyse.textrank; many times slower).",
        choices=["tfidf", "textrank"],
        default="tfidf",
    ),
    option("--top K", "Maximum number of keywords of a document.", type=click.IntRange(min=1), default=20),
    option(
        "--idf FILE",
        "Take inverse document frequencies from FILE, `word idf` per line, instead of jieba's.",
        type=INPUT_FILE,
    ),
    option(
        "--learn-idf",
        "Compute inverse document frequencies, ln(N / df), from the inputs, which are read twice.",
    ),
    option(
        "--save-idf FILE",
        "Write the learned frequencies to FILE, for --idf in later runs.",
        type=PathType("output", accepts_dash=False, file_format="txt"),
    ),
)
