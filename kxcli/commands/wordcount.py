"""`kxcli wordcount`: options -> what is counted -> rows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import counting, options, words
from kxcli.errors import UsageError
from kxcli.pipelines.settings import InputSettings, OutputSettings, RunSettings
from kxcli.pipelines.wordcount import summing
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.mining import Counting, WordCount
    from kxcli.pipelines.corpus_run import Corpus

# Bytes of memory for a byte of a whole line: the peak over that of an empty run was 49 for a JSON line of 10 MB of
# "aaa..."; with --ngram 1-2 it was 59 for articles and 74 for "a a a ...".
_LINE_COST = 75


@click.command("wordcount", cls=options.Command, short_help="Count the words of a corpus.")
@options.input_options
@words.word_options
@click.option(
    "--ngram",
    type=counting.Orders(),
    metavar="N|N-M",
    default="1",
    help="Count n-grams of words in a document.",
)
@click.option("--df", is_flag=True, help="Add the number of documents that hold the word.")
@click.option("--per-million", is_flag=True, help="Add the rate per million words (n-grams of that order).")
@click.option(
    "--by",
    type=options.OptionText(),
    metavar="FIELD",
    help="Count by the values of a field of JSONL, CSV or TSV records.",
)
@click.option("--top", metavar="K", type=click.IntRange(min=0), help="Only the K most frequent (of each group).")
@click.option("--min-count", metavar="K", type=click.IntRange(min=1), default=1, help="Only counts of K or more.")
@click.option(
    "--sort",
    type=click.Choice(["count", "word"]),
    default="count",
    show_default=True,
    help="By count, equal ones by code point; or by word.",
)
@click.option("--merge", is_flag=True, help="Inputs are earlier outputs, to be added up.")
@options.output_options("tsv", "csv", "jsonl", "userdict")
@options.parts_options
@options.shard_option()
@options.run_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Count the words of a corpus, exactly as jieba segments it.

    Each line of an INPUT is a document; no INPUT is stdin.  Rows are word, TAB, count, the most frequent first.
    A word is a token with a letter or a digit.  What --ngram joins by spaces stood side by side in a document:
    punctuation parts it, unless --punct counts it; left-out words and white space do not.

    \b
    kxcli wordcount news.txt | head
    kxcli wordcount -r corpus --glob '*.txt' --encoding auto -o counts.tsv
    kxcli wordcount --by label --df --header reviews.jsonl
    kxcli wordcount --merge monday.tsv tuesday.tsv > week.tsv
    """  # noqa: D301 -- click's mark for text that is not to be wrapped
    source: InputSettings = options.pop_settings(InputSettings, given)
    sink: OutputSettings = options.pop_settings(OutputSettings, given)
    run: RunSettings = options.pop_settings(RunSettings, given)
    options.show_help_at_terminal(ctx, source)
    counting.validate(ctx, given, source, sink)
    report = Report(quiet=run.quiet, verbose=run.verbose)

    from kxcli.mining.wordcount.counts import Partial
    from kxcli.mining.wordcount.ranking import Ranking
    from kxcli.output import sink as output
    from kxcli.pipelines.wordcount.listing import Listing, WritePart, check_folder

    ranking = Ranking(given["sort"], given["top"], given["min_count"], given["per_million"])
    header = sink.format == "csv" if sink.header is None else sink.header
    is_given = _findable(report) if sink.format == "userdict" else None
    folder = sink.output_dir
    if folder is None:
        output.check(sink.output)
    else:
        check_folder(folder)

    def listing(columns: tuple[str, ...]) -> Listing:
        return Listing(ranking, (*columns, *("per_million",) * ranking.per_million), sink.format, header)

    if given["merge"]:
        with summing.summed(source, run, report, sink) as (counts, columns, scratch):
            if sink.format == "userdict" and columns != ("word", "count"):
                raise UsageError("-f userdict has a word and its frequency alone: merge outputs without groups and df.")
            output.write(listing(columns).blocks(counts, scratch, is_given), sink.output)
    else:
        with _counting(counting.build_counting(given, report), source, sink, run, report, given["by"]) as (
            corpus,
            job,
            shared,
        ):
            lines = listing(job.counting.columns)
            if folder is not None:
                corpus.run_partitioned(job, shared, WritePart(job, lines, folder, run.memory), given["parts"])
            else:
                counts = corpus.run(job, shared) or job.finish(Partial())
                output.write(lines.blocks(counts, corpus.open_scratch(), is_given), sink.output)
    report.close()


@contextmanager
def _counting(
    wanted: "Counting",
    source: InputSettings,
    sink: OutputSettings,
    run: RunSettings,
    report: Report,
    by: str | None,
) -> "Iterator[tuple[Corpus, WordCount, Any]]":
    """Open the inputs; return them, the job that counts their words, and what it shares."""
    from kxcli.mining.wordcount.job import WordCount
    from kxcli.pipelines import corpus_run, engines

    wanted, dictionary = words.prepare(wanted, report)
    with corpus_run.open_corpus(
        source,
        run,
        report,
        spec=corpus_run.make_reader_spec(
            source,
            by=by,
            unit="lines" if wanted.ignores_document_borders else "document",
            cut=wanted.safe_split_pattern,
            max_line=engines.get_max_line_bytes(run, _LINE_COST),
        ),
        kind=corpus_run.choose_format(source, by=by),
        preload=[
            "kxcli.mining.wordcount.job",
            "kxcli.corpus.shards",
            *(["rjieba", "kxcli.tally.keys", "kxcli.tally.packing"] if dictionary else []),
        ],
        output=sink,
    ) as corpus:
        yield corpus, WordCount(wanted), dictionary


def _findable(report: Report) -> Callable[[str], bool]:
    """Return what tells whether jieba can find a word in a text if it is in its dictionary."""
    from kxcli.mining.segment.blocks import is_in_block

    def is_findable(word: str) -> bool:
        if not (is_found := is_in_block(word)):
            report.record_skips("words left out that no user dictionary can make jieba find", 1, [word])
        return is_found

    return is_findable
