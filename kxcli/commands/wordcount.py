"""`kxcli wordcount`: options -> what is counted -> rows."""

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import counting, options, words
from kxcli.errors import UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.corpus.ledger import Ledger
    from kxcli.mining import Counting, Counts, Row


@click.command("wordcount", short_help="Count the words of a corpus.")
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
@click.option("--by", metavar="FIELD", help="Count by the values of a field of JSONL, CSV or TSV records.")
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
    source: options.Input = options.taken(options.Input, given)
    sink: options.Output = options.taken(options.Output, given)
    run: options.Run = options.taken(options.Run, given)
    options.show_help_at_terminal(ctx, source)
    counting.check(ctx, given, source, sink)
    report = Report(quiet=run.quiet, verbose=run.verbose)

    from kxcli.mining.ranking import Ranking, ranked
    from kxcli.output import rows
    from kxcli.output import sink as output

    output.check(sink.output)
    ranking = Ranking(given["sort"], given["top"], given["min_count"], given["per_million"])
    if given["merge"]:
        counts, columns = _merged(source, report)
        if sink.format == "userdict" and columns != ("word", "count"):
            raise UsageError("-f userdict has a word and its frequency alone: merge outputs without groups and df.")
    else:
        counts, columns = _counted(counting.parameters(given, report), source, run, report, given["by"])
    if given["per_million"]:
        columns = (*columns, "per_million")
    if sink.format == "userdict":
        counts = _findable(counts, report)
    ordered = ranked(counts, ranking)
    header = sink.format == "csv" if sink.header is None else sink.header
    output.write(rows.encoded(_cells(ordered, columns), columns, sink.format, header=header), sink.output)
    report.close()


_DIGITS = 18  # of a count that 64 bits hold


def _counted(
    wanted: "Counting", source: options.Input, run: options.Run, report: Report, by: str | None
) -> "tuple[Iterable[Counts], tuple[str, ...]]":
    """Count the inputs; return the counts and their columns."""
    from kxcli.commands import running
    from kxcli.mining.wordcount import WordCount

    wanted, dictionary = words.prepared(wanted, report)
    job = WordCount(wanted)
    with running.opened(
        source,
        run,
        report,
        what=running.wanted(source, by=by, unit="lines" if wanted.is_of_lines else "document", cut=wanted.cut),
        kind=running.record_format(source, by=by),
        preload=[
            "kxcli.mining.wordcount",
            "kxcli.corpus.shards",
            *(["rjieba", "kxcli.tally.keys", "kxcli.tally.packing"] if dictionary else []),
        ],
    ) as corpus:
        counts = corpus.run(job, dictionary)
    columns = ("group",) * wanted.is_grouped + ("word", "count") + ("df",) * wanted.has_documents
    return counts or [], columns


def _merged(source: options.Input, report: Report) -> "tuple[Iterable[Counts], tuple[str, ...]]":
    """Add up earlier outputs; return the counts and their columns."""
    from kxcli.commands import running
    from kxcli.corpus import encodings, tables
    from kxcli.mining.merging import Sums

    sums = Sums()
    columns: tuple[str, ...] | None = None
    first = ""
    for found in running.found_sources(source):
        least = None
        for cells, ledger in tables.rows(
            found,
            running.record_format(source, by=""),
            encodings.check(source.encoding),
            bare=("word", "count"),
            known="count",
        ):
            if columns is None:
                columns, first = _summable(cells, ledger), found.path
            elif set(cells) != set(columns):
                ledger.fail(
                    f"has the columns {', '.join(cells)}, but {first} has {', '.join(columns)}",
                    "merge equals",
                )
            numbers = [_number(cells, name, ledger) for name in ("count", "df") if name in columns]
            least = numbers[0] if least is None else min(least, numbers[0])
            sums.add(str(cells.get("group", "")), str(cells["word"]), numbers[0], numbers[1] if numbers[1:] else 0)
        if least is not None and least > 1:
            report.warning(
                f"{found.path}: no count is below {least}: it looks cut by --top or --min-count, "
                "so the sums of rarer words may be too low"
            )
    return sums.counts(), columns or ("word", "count")


def _summable(cells: "dict[str, str | int | float]", ledger: "Ledger") -> tuple[str, ...]:
    if "per_million" in cells:
        ledger.fail("has the column per_million", "rates do not add up: count without --per-million, then merge")
    columns = tuple(name for name in ("group", "word", "count", "df") if name in cells)
    if not {"word", "count"} <= set(columns) or len(columns) != len(cells):
        ledger.fail(f"has the columns {', '.join(cells)}", "give outputs of kxcli wordcount")
    return columns


def _number(cells: "dict[str, str | int | float]", name: str, ledger: "Ledger") -> int:
    cell = cells[name]
    digits = str(cell) if type(cell) is int else cell
    if isinstance(digits, str) and digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS:
        return int(digits)
    return ledger.fail(f"has {cell!r} as its {name}, not a whole number", "give outputs of kxcli wordcount")


def _findable(counts: "Iterable[Counts]", report: Report) -> "Iterator[Counts]":
    """Yield the counts of the words that jieba can find in a text if they are in its dictionary."""
    from kxcli.mining.segment.blocks import is_in_block

    for part in counts:
        left = sorted(word for word in part.words if not is_in_block(word))
        for word in left:
            del part.words[word]
        if left:
            report.lost("words left out that no user dictionary can make jieba find", len(left), left)
        yield part


def _cells(rows: "Iterable[Row]", columns: Sequence[str]) -> "Iterator[tuple[str | int | float, ...]]":
    """Return the rows' cells in the order of the columns."""
    from operator import itemgetter

    from kxcli.mining.ranking import COLUMNS

    return map(itemgetter(*map(COLUMNS.index, columns)), rows)
