"""`kxcli newwords`: find words without a dictionary."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.command import Command, add_options
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.kernel_notice import report_missing_kernel
from kxcli.commands.newwords_options import FORMATS, LEXICON_OPTIONS, RULES
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.errors import UsageError
from kxcli.pipelines.session import Session
from kxcli.pipelines.unfindable_words import UNFINDABLE
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.mining import Word
    from kxcli.output.rows import Cell
    from kxcli.pipelines.checking import InputCheck

_TYPES = {"count": int, "pmi": float, "left_entropy": float, "right_entropy": float, "docs": int}


@click.command("newwords", cls=Command, rules=RULES)
@add_options(
    {
        "Input": TEXT_INPUT_OPTIONS,
        "Method": LEXICON_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": (make_shard_option(), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find words in raw text, without a dictionary.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a document; files named
    .jsonl, .json, .parquet or .arrow have records. Write the word, its count, its pmi (how firmly its characters hold
    together), and its left and right entropy (how freely other characters occur next to it), the most frequent word
    first. Text is letters, digits and Han characters; everything else separates it.

    Examples:
      kxcli newwords corpus.txt | head
      kxcli newwords -f userdict corpus.txt > words.txt
      kxcli wordcount --userdict words.txt corpus.txt
      kxcli newwords --all --min-count 5 --min-entropy 1 --sort score -r corpus --glob '*.txt'
    """

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.checking import make_document_check
        from kxcli.pipelines.newwords.inputs import make_spec

        return make_document_check(session, make_spec(session, options["unique_lines"]))

    with open_session(ctx, make_check) as session:
        from kxcli.mining import Discovery, Selection, Word
        from kxcli.pipelines.newwords.inputs import list_input_words

        report, row_format, top = session.report, session.sink.format, options["top"]
        try:
            discovery = Discovery(options["method"], options["order"], options["min_count"], options["min_pmi"])
        except ValueError as error:
            raise UsageError(f"--min-pmi: {error}.") from None
        report_missing_kernel(report)
        known = None if options["is_all"] else _read_known(options["known"])
        min_pmi = options["min_pmi"] if discovery.method == "entropy" else None  # pmi applies it to n-grams
        selection = Selection(known, min_pmi, options["min_entropy"], options["min_docs"], options["sort"])
        words = list_input_words(session, discovery, selection, unique_lines=options["unique_lines"])
        if row_format == "userdict":
            words = _select_findable(words, session)
        if not words:
            report.note("no word was found: there is too little text, all words are known, or the limits are too high")
        elif top is not None and len(words) < top:
            report.note(f"only {format_count(len(words), 'words')} found (--top {top})")
        words = words[:top]
        columns = Word._fields[:2] if row_format == "userdict" else Word._fields
        session.write_rows(_iter_rows(words, len(columns), has_numbers=session.sink.has_numbers), columns, _TYPES)


def _read_known(paths: Iterable[str]) -> frozenset[str]:
    """Return the known words."""
    if not paths:
        from kxcli.mining.segment.jieba_reference import read_dictionary_words

        return read_dictionary_words()
    return wordlists.read_first_words(paths)


def _select_findable(words: "list[Word]", session: Session) -> "list[Word]":
    """Return the words that jieba finds in a text only if they are in its dictionary."""
    from kxcli.mining.segment.blocks import is_in_block

    unfindable = [word.word for word in words if not is_in_block(word.word)]
    if unfindable:
        session.report.record_skips(UNFINDABLE, len(unfindable), unfindable)
    n_latin = sum(word.word.isascii() for word in words)
    if n_latin:
        latin = f"{format_count(n_latin, 'words')} of Latin letters and digits"
        session.report.note(f"skipped {latin}, which jieba finds without a dictionary")
    return [word for word in words if is_in_block(word.word) and not word.word.isascii()]


def _iter_rows(words: "Iterable[Word]", n_columns: int, *, has_numbers: bool) -> "Iterator[Sequence[Cell]]":
    """Yield the first cells of each word; scores have 4 decimals."""
    for word in words:
        cells = (cell if has_numbers or not isinstance(cell, float) else f"{cell:.4f}" for cell in word)
        yield tuple(cells)[:n_columns]
