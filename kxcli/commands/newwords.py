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
    from kxcli.corpus.reader_spec import ReaderSpec
    from kxcli.mining import Discovery, Word
    from kxcli.output.rows import Cell
    from kxcli.pipelines.checking import InputCheck

_COLUMNS = ("word", "count", "pmi", "left_entropy", "right_entropy")
_TYPES = {"count": int} | dict.fromkeys(_COLUMNS[2:], float)

# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 10 for a JSON line of 10 MB of
# "aaa...", 14 for articles, and 25 for a list of empty objects next to the text.
_LINE_COST = 30


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

        return make_document_check(session, _make_spec(session, options["unique_lines"]))

    with open_session(ctx, make_check) as session:
        from kxcli.mining import Discovery
        from kxcli.mining.newwords.discovery import LexiconFilter, select_words

        report, row_format, top = session.report, session.sink.format, options["top"]
        try:
            discovery = Discovery(options["method"], options["order"], options["min_count"], options["min_pmi"])
        except ValueError as error:
            raise UsageError(f"--min-pmi: {error}.") from None
        report_missing_kernel(report)
        known = None if options["is_all"] else _read_known(options["known"])
        word_filter = LexiconFilter(known, options["min_entropy"], options["sort"])
        words = select_words(_find_words(session, discovery, options["unique_lines"]), word_filter)
        if row_format == "userdict":
            words = _select_findable(words, session)
        if not words:
            report.note("no word was found: there is too little text, all words are known, or the limits are too high")
        elif top is not None and len(words) < top:
            report.note(f"only {format_count(len(words), 'words')} found (--top {top})")
        words = words[:top]
        columns = _COLUMNS[:2] if row_format == "userdict" else _COLUMNS
        session.write_rows(_iter_rows(words, len(columns), has_numbers=session.sink.has_numbers), columns, _TYPES)


def _make_spec(session: Session, unique_lines: bool) -> "ReaderSpec":
    from kxcli.mining.newwords.alphabet import MAX_RECORD
    from kxcli.mining.newwords.discovery import SAFE_SPLIT_PATTERN
    from kxcli.pipelines import engines
    from kxcli.pipelines.inputs import make_reader_spec

    return make_reader_spec(
        session.source,
        split_pattern=None if unique_lines else SAFE_SPLIT_PATTERN,
        max_part=MAX_RECORD,
        max_line=engines.get_max_line_bytes(session.run, _LINE_COST),
    )


def _find_words(session: Session, discovery: "Discovery", unique_lines: bool) -> "list[Word]":
    """Return the lexicon of the inputs."""
    from kxcli.mining.newwords.alphabet import CountCharacters, iter_records
    from kxcli.mining.newwords.lexicon import find_lexicon
    from kxcli.mining.newwords.lines import FindFirstLines
    from kxcli.pipelines import corpus_run
    from kxcli.pipelines.array_corpus import ArrayCorpus

    modules = ["kxcli.mining.newwords.lexicon", "kxcli.corpus.spool"]
    with corpus_run.open_corpus(session, modules, _make_spec(session, unique_lines)) as corpus:
        arrays, scratch = ArrayCorpus(corpus, iter_records), corpus.open_scratch()
        if unique_lines:
            arrays.drop_repeated_lines(CountCharacters(), FindFirstLines(scratch))
        return find_lexicon(discovery, arrays.run, scratch.room)


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
    for word, count, *scores in words:
        rounded = [None if score is None else round(score, 4) if has_numbers else f"{score:.4f}" for score in scores]
        yield (word, count, *rounded)[:n_columns]
