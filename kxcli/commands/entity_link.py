"""`kxcli entity-link`: options -> a linked line for every line."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import options
from kxcli.errors import UsageError
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.commands.linked import LinkJob
    from kxcli.commands.running import Corpus


@click.command("entity-link", short_help="Link the names in texts to a knowledge base.")
@options.text_options
@click.option("--kb", metavar="KB", required=True, help="The knowledge base: JSONL or TSV in UTF-8, compressed or not.")
@click.option(
    "--kb-cache",
    metavar="DIR",
    help="Where compiled knowledge bases are kept.  [default: a folder of your own in XDG_CACHE_HOME]",
)
@click.option(
    "--candidates",
    metavar="K",
    type=click.IntRange(min=0),
    default=0,
    help="Add the K best runners-up of each mention.",
)
@click.option(
    "--nil",
    type=click.Choice(["keep", "drop"]),
    default="keep",
    show_default=True,
    help="Names that are likely not meant as such: keep them, with the kb_id NIL, or drop them.",
)
@click.option(
    "--nil-threshold",
    metavar="X",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="The score below which a mention has no entry.",
)
@click.option(
    "--overlap",
    type=click.Choice(["longest", "best", "all"]),
    default="best",
    show_default=True,
    help="Of mentions that overlap, take the longest first, or the one with the best score; or keep all.",
)
@options.output_options("jsonl", "tsv")
@options.shard_option
@options.run_options
@click.pass_context
def command(ctx: click.Context, /, **given: Any) -> None:
    """Find the names of a knowledge base in texts, and tell which of its entries each one means.

    An INPUT has JSON objects with text_id and text, or a text a line, which is then named by the line's number;
    no INPUT is stdin.  For every line there is a line: text_id, text, and mention_data, a list of mention, offset (in
    characters), kb_id and score.

    A knowledge base has JSON objects with subject_id, subject, alias, type and data (a list of predicate and object),
    or lines of name, TAB, id, and maybe TAB and a description.  Names match whatever their case, width and white space.

    \b
    kxcli entity-link --kb encyclopedia.jsonl news.txt > linked.jsonl
    kxcli entity-link --kb names.tsv.gz -f tsv --nil drop < texts.jsonl | cut -f 4 | sort | uniq -c
    """  # noqa: D301 -- click's mark for text that is not to be wrapped
    source: options.Input = options.taken(options.Input, given)
    sink: options.Output = options.taken(options.Output, given)
    run: options.Run = options.taken(options.Run, given)
    options.show_help_at_terminal(ctx, source)
    options.check(source, sink)
    if given["kb"] == "-":
        raise UsageError("--kb wants a file: it is read before the input.")
    report = Report(quiet=run.quiet, verbose=run.verbose)

    from kxcli.commands import knowledge, linked, running
    from kxcli.mining.linking.linker import Linking
    from kxcli.output import sink as output

    output.check(sink.output)
    linking = Linking(given["overlap"], given["nil"], given["nil_threshold"])
    job = linked.LinkJob(linking, sink.format, given["candidates"])
    columns = linked.COLUMNS + ((linked.RANK,) if given["candidates"] else ())
    with running.opened(
        source,
        run,
        report,
        what=running.named_texts(source),
        kind="jsonl" if source.field is not None else running.record_format(source, by="") or "sniffed",
        preload=["kxcli.commands.linked", "kxcli.corpus.shards"],
    ) as corpus:
        arrays = knowledge.arrays_of(given["kb"], given["kb_cache"], source.on_error, report)
        head = "\t".join(columns) + "\n" if sink.header else ""
        output.write(_lines(corpus, job, arrays, head.encode("ascii")), sink.output)
    report.close()


def _lines(corpus: "Corpus", job: "LinkJob", arrays: Any, head: bytes) -> Iterator[bytes]:
    """Yield the output, in which lines are counted through all inputs."""
    yield head
    number = 1
    for partial in corpus.stream(job, arrays):
        for lines in partial:
            yield lines.numbered(number)
            number += lines.n_read
