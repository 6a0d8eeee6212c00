"""The options of `entity-link`."""

import click

from kxcli.commands.input_options import TEXT_INPUT_RULES
from kxcli.commands.option_rules import EXCLUDES, NO_EFFECT, REQUIRES, Condition, Rule, has
from kxcli.commands.option_types import FOLDER, PathType
from kxcli.commands.output_options import header_rule
from kxcli.commands.run_options import RUN_RULES

FORMATS = ("jsonl", "tsv")

# The options that have an effect in a run that reads no input.
_ALWAYS_USED = "kb kb_cache model on_error quiet verbose"
TRAIN_NAMES = f"{_ALWAYS_USED} train"
EVALUATE_NAMES = f"{_ALWAYS_USED} evaluate errors nil nil_threshold overlap output format header"

_TRAIN, _EVALUATE = has("train", "--train"), has("evaluate", "--evaluate")
_MODEL = Condition("--model", lambda values: bool(values["model"]))

RULES = (
    Rule("train", EXCLUDES, _EVALUATE, "--kb k --evaluate g", advice="train first, then evaluate with --model"),
    Rule("train", REQUIRES, _MODEL, "--kb k"),
    Rule("errors", REQUIRES, _EVALUATE, "--kb k"),
    Rule(TRAIN_NAMES, NO_EFFECT, _TRAIN, "--kb k --train t --model m", is_inverted=True),
    Rule(EVALUATE_NAMES, NO_EFFECT, _EVALUATE, "--kb k --evaluate g", is_inverted=True),
    *(*TEXT_INPUT_RULES, header_rule(*FORMATS), *RUN_RULES),
)

_FILE = PathType("input", accepts_dash=False)
_MODEL_FILE = PathType("output", accepts_dash=False, file_format="npz", only_with="train")
_ERRORS = PathType("output", file_format="tsv")

LINK_OPTIONS = (
    click.option(
        "--kb",
        metavar="KB",
        type=_FILE,
        required=True,
        multiple=True,
        help="Knowledge base: JSONL or TSV in UTF-8, may be compressed. May be repeated.",
    ),
    click.option(
        "--kb-cache",
        metavar="DIR",
        type=FOLDER,
        help="Save compiled knowledge bases in DIR. [default: a folder of your own in XDG_CACHE_HOME]",
    ),
    click.option(
        "--train",
        metavar="LABELED",
        type=_FILE,
        multiple=True,
        help="Train on the texts with mention_data in LABELED, and write --model. Reads no input. May be repeated.",
    ),
    click.option(
        "--model",
        metavar="MODEL",
        type=_MODEL_FILE,
        help="Link with the model in MODEL, or write it with --train.",
    ),
    click.option(
        "--evaluate",
        metavar="GOLD",
        type=_FILE,
        help="Link the texts of GOLD, and compare with its mention_data. Write a row for all, and one per type.",
    ),
    click.option(
        "--errors",
        metavar="FILE",
        type=PathType("output", file_format="tsv"),
        help="Write each error as a TSV row to FILE.",
    ),
    click.option(
        "--candidates",
        metavar="K",
        type=click.IntRange(min=0),
        default=0,
        help="Add the K next best candidates of each mention.",
    ),
    click.option(
        "--nil",
        type=click.Choice(["keep", "drop"]),
        default="keep",
        show_default=True,
        help="Keep mentions without an entry, with the kb_id NIL, or drop them.",
    ),
    click.option(
        "--nil-threshold",
        metavar="X",
        type=click.FloatRange(0, 1),
        help="Minimum score of a mention with an entry. [default: from the model; 0.5 without one]",
    ),
    click.option(
        "--overlap",
        type=click.Choice(["longest", "best", "all"]),
        default="best",
        show_default=True,
        help="Of overlapping mentions, keep the longest, the one with the best score, or all.",
    ),
)
