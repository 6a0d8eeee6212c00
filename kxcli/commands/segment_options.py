"""The options of `segment`."""

from kxcli.commands.command import option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Rule, has, has_value
from kxcli.commands.option_types import OPTION_TEXT
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES
from kxcli.commands.word_options import (
    LEXICON,
    LOWER_OPTION,
    MIN_LENGTH_OPTION,
    NORMALIZE_OPTION,
    STOPWORDS_OPTION,
    TOKENIZER_OPTIONS,
    WORD_RULES,
)

FORMATS = ("text", "tsv", "csv", "jsonl", "parquet")

_TEXT, _ROWS = has_value("format", "text", flag="-f"), has_value("format", "tsv", "csv", "parquet", flag="-f")
_POS = has("pos")

RULES = (
    *(*TEXT_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES, *WORD_RULES),
    Rule("token_delimiter pos_delimiter", REQUIRES, _TEXT, "-f tsv --pos"),
    Rule("pos_delimiter", REQUIRES, _POS, ""),
    Rule("pos", REQUIRES, has_value("tokenizer", "jieba"), "-t char", advice="only its default mode has tags"),
    Rule("pos", EXCLUDES, LEXICON, "--lexicon words.tsv", advice="only jieba's default mode has tags"),
    Rule("engine", NO_EFFECT, _POS, "--pos", advice="jieba itself assigns the tags"),
    Rule("offsets", REQUIRES, _ROWS, ""),
    Rule("offsets", EXCLUDES, has("normalize"), "-f tsv --normalize nfkc", advice="it moves the characters"),
    Rule(
        "offsets", EXCLUDES, has_value("tokenizer", "full"), "-f tsv -t full", advice="its words overlap in any order"
    ),
)

SEGMENT_WORD_OPTIONS = (
    *TOKENIZER_OPTIONS,
    option("--no-punct", "Exclude tokens without a letter or digit, and white space."),
    *(STOPWORDS_OPTION, MIN_LENGTH_OPTION, NORMALIZE_OPTION, LOWER_OPTION),
)

TOKEN_OPTIONS = (
    option("--pos", "Tag tokens with parts of speech, by jieba.posseg, many times slower."),
    option("--offsets", "Add a column with the position of each token in its document, in characters from 0."),
)

DELIMITER_OPTIONS = (
    option(
        "-d, --delimiter TEXT",
        "Write TEXT between tokens; the shell writes a tab as $'\\t'. [default: a space]",
        type=OPTION_TEXT,
        default=" ",
        name="token_delimiter",
    ),
    option("--pos-delimiter TEXT", "Write TEXT between a token and its tag.", type=OPTION_TEXT, default="_"),
)
