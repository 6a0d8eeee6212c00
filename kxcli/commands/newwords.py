"""`kxcli newwords`: find words without a dictionary."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands.command import Command, add_options
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.kernel_notice import report_missing_kernel
from kxcli.commands.newwords_known import read_known
from kxcli.commands.newwords_options import FORMATS, LEXICON_OPTIONS, LIST_OPTIONS, RULES
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.errors import UsageError
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.mining import Discovery, Selection, Word
    from kxcli.mining.newwords.kinds import Script
    from kxcli.mining.newwords.text_form import TextForm
    from kxcli.output.rows import Cell
    from kxcli.pipelines.checking import InputCheck

_COLUMNS = ("word", "count", "pmi", "left_entropy", "right_entropy", "docs")
_KEYNESS_COLUMNS = ("count_ref", "log_likelihood", "log_ratio")
_INTEGERS = ("count", "docs", "count_ref")
_FLOATS = ("pmi", "left_entropy", "right_entropy", "probability", "log_likelihood", "log_ratio")
_DECIMALS = {"probability": 2}
_OTHER_DECIMALS = 4
_TYPES = dict.fromkeys(_INTEGERS, int) | dict.fromkeys(_FLOATS, float)


@click.command("newwords", cls=Command, rules=RULES)
@add_options(
    {
        "Input": TEXT_INPUT_OPTIONS,
        "Method": LEXICON_OPTIONS,
        "Words": LIST_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": (make_shard_option(), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find words in raw text, without a dictionary.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a document; files named
    .jsonl, .json, .parquet or .arrow have records. Write the new words, the most probable first: word, count, pmi (how
    firmly its characters hold together), left and right entropy (how freely other characters occur next to it),
    documents, probability of being a word, and the longer word that it is part of. With --all, write all words of the
    cut, without the last two, by falling count. Punctuation, symbols and white space separate words.

    Examples:
      kxcli newwords corpus.txt | head
      kxcli newwords -f userdict --min-probability 0.5 corpus.txt > words.txt
      kxcli newwords --background news.txt reviews.txt
      kxcli newwords --all --min-count 5 --min-entropy 1 -r corpus --glob '*.txt' --encoding auto
    """

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.newwords.background import make_lexicon_check
        from kxcli.pipelines.newwords.inputs import make_spec

        return make_lexicon_check(session, make_spec(session, options["unique_lines"]), options["background"])

    with open_session(ctx, make_check) as session:
        from kxcli.pipelines.newwords import messages
        from kxcli.pipelines.newwords.inputs import LexiconRequest, list_input_words

        is_userdict = session.sink.format == "userdict" and not options["is_all"]
        discovery, selection = _build_discovery(options), _build_selection(options, is_userdict=is_userdict)
        report_missing_kernel(session.report)
        request = LexiconRequest(discovery, selection, options["unique_lines"], options["background"], is_userdict)
        found = list_input_words(session, request._replace(n_examples=options["examples"], top=options["top"]))
        words = found.words
        if session.sink.format == "userdict" and options["is_all"]:
            from kxcli.pipelines.newwords.findable import select_findable

            words = select_findable(words, session)
        limits = {name: options[name] for name in ("is_all", "min_count", "top")}
        min_probability = selection.min_probability if options["min_probability"] is None else None
        messages.report_found(session.report, found, len(words), **limits, default_probability=min_probability or None)
        columns = _choose_columns(session, options)
        session.write_rows(
            _iter_rows(words[: options["top"]], columns, has_numbers=session.sink.has_numbers), columns, _TYPES
        )


def _build_discovery(options: dict[str, Any]) -> "Discovery":
    from kxcli.mining import Discovery

    names = ("method", "order", "min_count", "min_pmi", "phrases")
    try:
        return Discovery(**{name: options[name] for name in names}, form=_build_form(options))
    except ValueError as error:
        raise UsageError(f"--min-pmi: {error}.") from None


def _build_form(options: dict[str, Any]) -> "TextForm":
    from kxcli.mining.newwords.text_form import TextForm

    return TextForm(options["lower"], options["normalize"] == "nfkc")


def _build_selection(options: dict[str, Any], *, is_userdict: bool) -> "Selection":
    from kxcli.mining import Selection
    from kxcli.mining.newwords.userdict import MIN_USERDICT_PROBABILITY

    known = None if options["is_all"] else read_known(options, _build_form(options))
    min_pmi = options["min_pmi"] if options["method"] == "entropy" else None  # pmi applies it to n-grams
    min_probability = options["min_probability"]
    if min_probability is None:
        min_probability = MIN_USERDICT_PROBABILITY if is_userdict else 0.0
    limits = (min_pmi, options["min_entropy"], options["min_docs"], min_probability)
    script: Script = options["script"] or "auto"
    return Selection(known, *limits, options["sort"], options["keep_parts"], script)


def _choose_columns(session: Session, options: dict[str, Any]) -> tuple[str, ...]:
    if session.sink.format == "userdict":
        return _COLUMNS[:2]
    return (
        *_COLUMNS,
        *(() if options["is_all"] else ("probability", "part_of")),
        *(("parts",) if options["phrases"] else ()),
        *(_KEYNESS_COLUMNS if options["background"] else ()),
        *(f"example_{number}" for number in range(1, options["examples"] + 1)),
    )


def _iter_rows(words: "Iterable[Word]", columns: Sequence[str], *, has_numbers: bool) -> "Iterator[Sequence[Cell]]":
    """Yield the cells of each word, with rounded scores."""
    decimals = [_DECIMALS.get(name, _OTHER_DECIMALS) for name in columns]
    for word in words:
        values = [getattr(word, name) for name in columns if not name.startswith("example")]
        values += [*word.examples, *[""] * (len(columns) - len(values) - len(word.examples))]
        cells = list(zip(values, decimals, strict=True))
        if has_numbers:
            yield tuple(round(cell, digits) if isinstance(cell, float) else cell for cell, digits in cells)
        else:
            yield tuple(f"{cell:.{digits}f}" if isinstance(cell, float) else cell for cell, digits in cells)
