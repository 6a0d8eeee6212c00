"""`kxcli newwords`: options -> what is looked for -> rows."""

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import options, wordlists
from kxcli.errors import UsageError
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.report import Report
from kxcli.wording import format_count

if TYPE_CHECKING:
    from kxcli.mining import Discovery, Word

_COLUMNS = ("word", "count", "pmi", "left_entropy", "right_entropy")

# Bytes of memory for a byte of a whole line: the peak over that of an empty run was 10 for a JSON line of 10 MB of
# "aaa...", 14 for articles, and 25 for a list of empty objects next to the text.
_LINE_COST = 30


class Thresholds(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic in newer versions alone
    """Numbers, separated by commas."""

    name = "thresholds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[float, ...]:
        """Return the numbers."""
        try:
            numbers = tuple(map(float, str(value).split(",")))
        except ValueError:
            self.fail(f"{value!r} is no list of numbers; write 2,4,6.", param, ctx)
        if any(map(math.isnan, numbers)):
            self.fail(f"{value!r} has a value that is no number.", param, ctx)
        return numbers


@click.command("newwords", cls=options.Command, short_help="Find the words of a corpus that no dictionary has.")
@options.input_options
@click.option(
    "--method",
    type=click.Choice(["entropy", "pmi"]),
    default="entropy",
    show_default=True,
    help="By the choice of characters around words, and the best cut; or by the cohesion within, and a coarse cut.",
)
@click.option("--all", "is_all", is_flag=True, help="The whole lexicon: known words and single characters, too.")
@click.option(
    "--known",
    metavar="FILE",
    multiple=True,
    help="What is not new: the first word of each line, instead of jieba's dictionary.  May be repeated.",
)
@click.option("--order", metavar="N", type=click.IntRange(2, 6), default=4, show_default=True, help="Longest n-grams.")
@click.option(
    "--min-count",
    metavar="K",
    type=click.IntRange(min=1),
    help="Only words, and n-grams in them, seen so often.  [default: 32; by entropy, one in 5,000,000 characters, "
    "at least 4 and at most 32, but 32 for words in scripts with spaces]",
)
@click.option(
    "--min-pmi",
    metavar="X[,X]...",
    type=Thresholds(),
    help="With --method pmi: least cohesion of n-grams in nats, for each length from 2; a short list goes on by its "
    "last step.  [default: 2,4,6,8,10, cut to the order]",
)
@click.option(
    "--min-entropy",
    metavar="X",
    type=click.FloatRange(min=0),
    default=0.0,
    help="Least entropy, in nats, of the characters on either side of a word.",
)
@click.option("--unique-lines", is_flag=True, help="Count equal lines once, those within records too.")
@click.option("--top", metavar="K", type=click.IntRange(min=0), help="Only the first K words.")
@click.option(
    "--sort",
    type=click.Choice(["count", "pmi", "entropy", "score"]),
    default="count",
    show_default=True,
    help="By which value, the greatest first; entropy is the lesser side's, score is pmi + entropy.",
)
@options.output_options("tsv", "csv", "jsonl", "userdict")
@options.shard_option()
@options.run_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Find words in raw text, without a dictionary.

    Each line of an INPUT is a document; no INPUT is stdin.  Rows are word, count, pmi (how firmly its characters hold
    together), left and right entropy (how freely other characters stand beside it), the most frequent word first.
    Letters, digits and Han characters are text; everything else parts it.

    \b
    kxcli newwords corpus.txt | head
    kxcli newwords -f userdict corpus.txt > words.txt
    kxcli wordcount --userdict words.txt corpus.txt
    kxcli newwords --all --min-count 5 --min-entropy 1 --sort score -r corpus --glob '*.txt'
    """  # noqa: D301 -- click's mark for text that is not to be wrapped
    source: InputSettings = options.pop_settings(InputSettings, given)
    sink: OutputSettings = options.pop_settings(OutputSettings, given)
    run: RunSettings = options.pop_settings(RunSettings, given)
    options.show_help_at_terminal(ctx, source)
    options.validate(source, sink)
    if given["is_all"] and given["known"]:
        raise UsageError("--known does nothing with --all, which prints known words, too.")
    if math.isnan(given["min_entropy"]):
        raise UsageError("--min-entropy nan is no number.")
    if given["min_pmi"] is not None and given["method"] != "pmi":
        raise UsageError("--min-pmi needs --method pmi.")
    report = Report(quiet=run.quiet, verbose=run.verbose)

    from kxcli.mining import Discovery
    from kxcli.mining.newwords.discovery import LexiconFilter, select_words
    from kxcli.output import rows
    from kxcli.output import sink as output

    output.check(sink.output)
    try:
        discovery = Discovery(given["method"], given["order"], given["min_count"], given["min_pmi"])
    except ValueError as error:
        raise UsageError(f"--min-pmi: {error}.") from None
    choice = LexiconFilter(None if given["is_all"] else _known(given["known"]), given["min_entropy"], given["sort"])
    words = select_words(_lexicon(discovery, source, sink, run, report, given["unique_lines"]), choice)
    if sink.format == "userdict":
        words = _findable(words, report)
    if not words:
        report.note("no word was found: there is too little text, all words are known, or the options ask for too much")
    elif given["top"] is not None and len(words) < given["top"]:
        report.note(f"only {format_count(len(words), 'words')} found (--top {given['top']})")
    words = words[: given["top"]]
    header = sink.format == "csv" if sink.header is None else sink.header
    columns = _COLUMNS[:2] if sink.format == "userdict" else _COLUMNS
    cells = _numbers(words) if sink.format == "jsonl" else _texts(words, len(columns))
    output.write(rows.encode_rows(cells, columns, sink.format, header=header), sink.output)
    report.close()


def _lexicon(
    discovery: "Discovery",
    source: InputSettings,
    sink: OutputSettings,
    run: RunSettings,
    report: Report,
    unique_lines: bool,
) -> "list[Word]":
    """Return the lexicon of the inputs."""
    from kxcli.mining.newwords.alphabet import MAX_RECORD, CountCharacters, iter_records
    from kxcli.mining.newwords.discovery import SAFE_SPLIT_PATTERN
    from kxcli.mining.newwords.lexicon import find_lexicon
    from kxcli.mining.newwords.lines import FindFirstLines
    from kxcli.pipelines import array_corpus, corpus_run, engines

    with array_corpus.open_array_corpus(
        source,
        run,
        report,
        spec=corpus_run.make_reader_spec(
            source,
            by=None,
            unit="lines",
            cut=None if unique_lines else SAFE_SPLIT_PATTERN,
            longest=MAX_RECORD,
            max_line=engines.get_max_line_bytes(run, _LINE_COST),
        ),
        kind=corpus_run.choose_format(source, by=None),
        preload=["kxcli.mining.newwords.lexicon", "kxcli.corpus.spool"],
        output=sink,
        convert=iter_records,
    ) as corpus:
        scratch = corpus.open_scratch()
        if unique_lines:
            corpus.drop_repeated_lines(CountCharacters(), FindFirstLines(scratch))
        return find_lexicon(discovery, corpus.run, scratch.room)


def _known(paths: Iterable[str]) -> frozenset[str]:
    """Return the words that are not new."""
    if not paths:
        from kxcli.mining.segment.jieba_reference import read_dictionary_words

        return read_dictionary_words()
    return wordlists.read_first_words(paths)


def _findable(words: "list[Word]", report: Report) -> "list[Word]":
    """Return the words that jieba finds in a text only if they are in its dictionary."""
    from kxcli.mining.segment.blocks import is_in_block

    left = [word.word for word in words if not is_in_block(word.word)]
    if left:
        report.record_skips("words left out that no user dictionary can make jieba find", len(left), left)
    plain = sum(word.word.isascii() for word in words)
    if plain:
        words_of_letters = f"{format_count(plain, 'words')} of Latin letters and digits"
        report.note(f"skipped {words_of_letters}, which jieba finds without a dictionary")
    return [word for word in words if is_in_block(word.word) and not word.word.isascii()]


def _texts(words: "Iterable[Word]", n_columns: int) -> Iterator[tuple[str | int, ...]]:
    for word, count, pmi, left, right in words:
        yield (word, count, "" if pmi is None else f"{pmi:.4f}", f"{left:.4f}", f"{right:.4f}")[:n_columns]


def _numbers(words: "Iterable[Word]") -> Iterator[tuple[str | int | float | None, ...]]:
    for word, count, pmi, left, right in words:
        yield word, count, None if pmi is None else round(pmi, 4), round(left, 4), round(right, 4)
