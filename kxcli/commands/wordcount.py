"""`kxcli wordcount`: count words."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands.command import Command, add_options
from kxcli.commands.group_options import join_fields
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.output_options import PARTS_OPTIONS, make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.commands.word_options import WORD_OPTIONS, build_counting
from kxcli.commands.wordcount_options import COUNT_OPTIONS, FORMATS, RULES, choose_numbering
from kxcli.pipelines.session import Session
from kxcli.pipelines.unfindable_words import choose_findable

if TYPE_CHECKING:
    from kxcli.mining import WordCount
    from kxcli.mining.documents.job import DocumentWordCount
    from kxcli.mining.documents.keys import DocumentUnit
    from kxcli.pipelines.checking import InputCheck
    from kxcli.pipelines.corpus_run import Corpus
    from kxcli.pipelines.wordcount.listing import Listing

    MakeListing = Callable[[tuple[str, ...], tuple[str, ...]], Listing]  # of the columns of groups, and the others


@click.command("wordcount", cls=Command, rules=RULES)
@add_options(
    {
        "Input": TEXT_INPUT_OPTIONS,
        "Words": WORD_OPTIONS,
        "Method": COUNT_OPTIONS,
        "Output": (*make_output_options(*FORMATS), *PARTS_OPTIONS),
        "Resources": (make_shard_option(), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Count the words of a corpus, exactly as jieba segments it.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a document; files named
    .jsonl, .json, .parquet or .arrow have records. Write a word, a TAB and its count per line, the most frequent word
    first. A word is a token with a letter or digit. --ngram joins adjacent words of a document by spaces: punctuation
    separates them, unless --punct counts it; excluded words and white space do not.

    Examples:
      kxcli wordcount news.txt | head
      kxcli wordcount -r corpus --glob '*.txt' --encoding auto -o counts.tsv
      kxcli wordcount --by label --df --header reviews.jsonl
      kxcli wordcount -r corpus --by @folder --top 20 --header
      kxcli wordcount -r corpus --document file --df --dispersion --header
      kxcli wordcount -r corpus --document file --min-count 5 -o counts.mtx
      kxcli wordcount --merge monday.tsv tuesday.tsv > week.tsv
    """

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines import checking
        from kxcli.pipelines.wordcount import reading, summing

        if options["merge"]:
            return checking.make_count_check(session, summing.RowParser())
        counting, by = build_counting(options, session.report), join_fields(options["by"])
        spec = reading.make_count_spec(session, counting, by, takes_bytes=False)
        return checking.make_document_check(session, spec)

    with open_session(ctx, make_check) as session:
        from kxcli.mining.wordcount.ranking import DISPERSION_COLUMNS, Ranking
        from kxcli.pipelines.wordcount.listing import Listing, check_folder, check_matrix

        sink = session.sink
        ranking = Ranking(options["sort"], options["top"], options["min_count"], options["per_million"])
        if sink.output_dir is not None:
            check_folder(sink.output_dir)
        check_matrix(sink.matrix_paths)

        def list_counts(groups: tuple[str, ...], others: tuple[str, ...]) -> Listing:
            more = ("per_million",) * ranking.per_million
            spread = DISPERSION_COLUMNS if options["dispersion"] else ()
            return Listing(ranking, groups, (*others, *more, *spread), sink.format, session.has_header)

        (_merge_outputs if options["merge"] else _count_texts)(session, options, list_counts)


def _merge_outputs(session: Session, _options: dict[str, Any], list_counts: "MakeListing") -> None:
    """Write the sums of earlier outputs."""
    from kxcli.pipelines.wordcount import summing

    with summing.sum_outputs(session) as (counts, columns, scratch):
        summing.summarize_counts(session, counts, scratch)
        session.write(list_counts(*columns).blocks(counts, scratch, choose_findable(session)))


def _count_texts(session: Session, options: dict[str, Any], list_counts: "MakeListing") -> None:
    """Count the words of the inputs, and write the counts."""
    from kxcli.mining.documents.job import DocumentWordCount
    from kxcli.mining.wordcount.counts import WordCountPartial
    from kxcli.pipelines.wordcount import summing
    from kxcli.pipelines.wordcount.group_columns import name_group_columns
    from kxcli.pipelines.wordcount.listing import WritePart

    by, folder = join_fields(options["by"]), session.sink.output_dir
    listing = list_counts(name_group_columns(by), ("word", "count") + ("df",) * options["df"])
    with _open_corpus(session, options, by) as (corpus, job, dictionary):
        if isinstance(job, DocumentWordCount):
            from kxcli.pipelines.wordcount.documents import write_document_counts

            by_document = corpus.run(job, dictionary) or job.finish(WordCountPartial())
            write_document_counts(by_document, listing, session, corpus, options["document"])
        elif folder is not None:
            write = WritePart(job, listing, folder, session.run.memory)
            corpus.run_partitioned(job, dictionary, write, options["parts"])
        else:
            counts = corpus.run(job, dictionary) or job.finish(WordCountPartial())
            scratch = corpus.open_scratch()
            summing.summarize_counts(session, counts, scratch)
            session.write(listing.blocks(counts, scratch, choose_findable(session)))


@contextmanager
def _open_corpus(
    session: Session, options: dict[str, Any], by: tuple[str, ...]
) -> "Iterator[tuple[Corpus, WordCount | DocumentWordCount, Any]]":
    """Yield the open inputs, the job that counts their words, and its dictionary."""
    from kxcli.mining.documents.job import DocumentWordCount
    from kxcli.mining.segment import prepare
    from kxcli.mining.wordcount.job import WordCount
    from kxcli.pipelines import corpus_run
    from kxcli.pipelines.wordcount import reading

    counting = replace(
        build_counting(options, session.report),
        orders=options["ngram"],
        has_documents=options["df"],
        is_grouped=bool(by),
    )
    dictionary = prepare(counting.segmentation, session.report.warning)
    is_matrix = session.sink.format == "mtx"
    numbering = choose_numbering(options, is_matrix=is_matrix)
    spec = reading.make_count_spec(session, counting, by, numbering, takes_bytes=dictionary is not None)
    by_document = numbering is not None or is_matrix
    unit: DocumentUnit = "lines" if numbering == "line" else "texts"
    with corpus_run.open_corpus(session, reading.MODULES, spec) as corpus:
        yield corpus, DocumentWordCount(counting, unit) if by_document else WordCount(counting), dictionary
