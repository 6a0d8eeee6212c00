"""`kxcli kwic`: show words and patterns in context."""

from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.command import Command, add_options
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.kwic_options import FORMATS, KWIC_OPTIONS, PATTERN, RULES
from kxcli.commands.leading_argument import find_file_hint, make_leading_argument, take_leading_argument
from kxcli.commands.output_options import make_output_options, set_table_default
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.commands.word_options import TOKENIZER_OPTIONS, build_segmentation
from kxcli.errors import InputError, UsageError
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec
    from kxcli.mining.kwic.query import Query, QueryMode
    from kxcli.pipelines.checking import InputCheck

# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 45 if each of 10 MB of ASCII was a
# match, 31 for the tokens of 10 MB of articles, and 7 for a rare word in them.
_LINE_COST = 50


@click.command("kwic", cls=Command, rules=RULES)
@add_options(
    {
        "Input": (make_leading_argument(PATTERN), *TEXT_INPUT_OPTIONS[1:]),
        "Words": TOKENIZER_OPTIONS,
        "Method": KWIC_OPTIONS,
        "Output": make_output_options(*FORMATS, is_table_default=True),
        "Resources": (make_shard_option(), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Show where PATTERN occurs, with the text around it.

    PATTERN is literal text. An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a
    document; files named .jsonl, .json, .parquet or .arrow have records. Write a row for each match: the input and the
    line (path:line), the left context, the match, and the right context. On a terminal, the rows are a table with the
    matches below each other.

    Matches do not overlap: the search goes on at the end of each. Of several patterns at one place, the longest counts.

    Examples:
      kxcli kwic 疫情 news.txt
      kxcli kwic --tokens --sort right 下雨 -r corpus
      kxcli kwic --regex '[0-9]+年' --sample 20 --field review reviews.csv
      kxcli kwic --patterns-from names.txt --width 50 -o names.tsv news.txt.gz
      tail -f app.log | kxcli kwic -i error
    """
    ctx.params["leading"] = (
        None if options["patterns_from"] else take_leading_argument(ctx, PATTERN, "add - to read stdin")
    )
    set_table_default(ctx)

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.checking import make_document_check

        return make_document_check(session, _make_spec(session))

    with open_session(ctx, make_check) as session:
        query = _build_query(ctx.params, session)

        from kxcli.pipelines import corpus_run, kwic

        kwic.check_library(query)
        modules = ["kxcli.mining.kwic.job", "kxcli.corpus.shards"]
        with corpus_run.open_corpus(session, modules, _make_spec(session)) as corpus:
            is_arranged = options["sample"] is not None or options["sort"] is not None
            blocks = kwic.find_rows(corpus, query, is_written=not is_arranged)
            if is_arranged:
                blocks = kwic.arrange_rows(corpus, blocks, options["sort"], options["sample"], options["seed"])
            hint = find_file_hint(ctx.params["leading"], PATTERN)
            session.write(kwic.encode_blocks(session, blocks, query, options["width"], hint))


def _make_spec(session: Session) -> "ReaderSpec":
    from kxcli.pipelines import engines
    from kxcli.pipelines.inputs import make_reader_spec

    return make_reader_spec(
        session.source,
        unit="blocks",
        counts_lines=True,
        names_sources=True,
        max_line=engines.get_max_line_bytes(session.run, _LINE_COST),
    )


def _build_query(options: dict[str, Any], session: Session) -> "Query":
    """Return the patterns and how they are searched."""
    from kxcli.mining import Segmentation
    from kxcli.mining.kwic.query import Query
    from kxcli.pipelines.kwic import choose_width

    mode: QueryMode = "tokens" if options["tokens"] else "regex" if options["regex"] else "literal"
    patterns = [options["leading"]]
    if options["patterns_from"]:
        patterns = sorted(wordlists.read_words(options["patterns_from"]))
        if not patterns:
            raise InputError(options["patterns_from"][0], "has no pattern", "write one pattern per line")
    segmentation = build_segmentation(options, session.report) if options["tokens"] else Segmentation()
    width = choose_width(session, options["width"])
    try:
        return Query(tuple(patterns), mode, options["ignore_case"], width, segmentation)
    except ValueError as error:  # it begins with "pattern"
        raise UsageError(f"{PATTERN}{str(error).removeprefix('pattern')}.") from None
