"""The options of `entity-link`."""

import click

from kxcli.commands.command import option
from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Condition, Rule, has
from kxcli.commands.option_types import FOLDER, NumberRange, PathType
from kxcli.commands.output_options import make_header_rule
from kxcli.commands.run_options import RUN_RULES

FORMATS = ("jsonl", "tsv", "csv", "parquet")

# The options that have an effect in a run that reads no input.
_ALWAYS_USED = "kb kb_cache model on_error max_skipped summary quiet verbose"
TRAIN_NAMES = f"{_ALWAYS_USED} train"
EVALUATE_NAMES = f"{_ALWAYS_USED} evaluate errors nil nil_threshold overlap output format header"

_TRAIN, _EVALUATE = has("train"), has("evaluate")
_MODEL = Condition("--model", lambda values: bool(values["model"]))

RULES = (
    Rule("", REQUIRES, has("kb"), "", advice="name a knowledge base"),
    Rule("train", EXCLUDES, _EVALUATE, "--kb k --evaluate g", advice="train first, then evaluate with --model"),
    Rule("train", REQUIRES, _MODEL, "--kb k"),
    Rule("errors", REQUIRES, _EVALUATE, "--kb k"),
    Rule(TRAIN_NAMES, NO_EFFECT, _TRAIN, "--kb k --train t --model m", is_inverted=True),
    Rule(EVALUATE_NAMES, NO_EFFECT, _EVALUATE, "--kb k --evaluate g", is_inverted=True),
    *(*TEXT_INPUT_RULES, make_header_rule(*FORMATS), *RUN_RULES),
)

_FILE = PathType("input", accepts_dash=False)
_MODEL_FILE = PathType("output", accepts_dash=False, file_format="npz", only_with="train")
_ERRORS = PathType("output", file_format="tsv")

LINK_OPTIONS = (
    option(
        "--kb KB",
        "Knowledge base, required except with --check: JSONL or TSV in UTF-8, plain or compressed.",
        type=_FILE,
        multiple=True,
    ),
    option(
        "--kb-cache DIR",
        "Save compiled knowledge bases in DIR. [default: a folder of your own in XDG_CACHE_HOME]",
        type=FOLDER,
    ),
    option(
        "--train LABELED",
        "Train on LABELED, texts with mention_data, and write the model to --model.",
        type=_FILE,
        multiple=True,
    ),
    option("--model MODEL", "Link with the model in MODEL, or write it with --train.", type=_MODEL_FILE),
    option(
        "--evaluate GOLD",
        "Link the texts of GOLD, compare the links with its mention_data, and write a row of scores for all mentions "
        "and one per type.",
        type=_FILE,
    ),
    option(
        "--errors FILE",
        "Write each error as a TSV row to FILE; its kind is missed, rejected, wrong, spurious or boundary.",
        type=_ERRORS,
    ),
    option("--candidates K", "Add the K next best candidates of each mention.", type=click.IntRange(min=0), default=0),
    option(
        "--nil",
        "Keep unlinked mentions, with the kb_id NIL, or drop them.",
        choices=["keep", "drop"],
        default="keep",
    ),
    option(
        "--nil-threshold X",
        "Minimum score of a linked mention. [default: from the model; 0.5 without one]",
        type=NumberRange(0, 1),
    ),
    option(
        "--overlap",
        "Of overlapping mentions, keep the longest one, the one with the best score, or all.",
        choices=["longest", "best", "all"],
        default="best",
    ),
)
