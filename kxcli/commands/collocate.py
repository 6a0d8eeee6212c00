"""`kxcli collocate`: find the collocates of a word."""

from typing import TYPE_CHECKING, Any

import click

from kxcli.commands.collocate_options import COLLOCATE_OPTIONS, FORMATS, RULES, WORD
from kxcli.commands.command import Command, add_options
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.leading_argument import make_leading_argument, take_leading_argument
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.commands.word_options import WORD_OPTIONS, build_counting
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.pipelines.checking import InputCheck


@click.command("collocate", cls=Command, rules=RULES)
@add_options(
    {
        "Input": (make_leading_argument(WORD), *TEXT_INPUT_OPTIONS[1:]),
        "Words": WORD_OPTIONS,
        "Method": COLLOCATE_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": (make_shard_option(), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find the words that occur near WORD, by strength of association.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a document; files named
    .jsonl, .json, .parquet or .arrow have records. Write the collocate, the count of pairs, those with the collocate on
    the left and on the right, the total of the collocate, and logDice, MI, MI3, t-score, z-score and log-likelihood,
    the highest logDice first. With --pairs, write the word and its total too. Words are those of wordcount: punctuation
    takes no place in a window, unless --punct counts it; a window ends at the borders of its document.

    Examples:
      kxcli collocate 经济 news.txt
      kxcli collocate 经济 --window 0,3 --sort mi3 --header -r corpus --glob '*.txt'
      kxcli collocate --pairs --window 5 --min-count 10 corpus.txt
      xzcat corpus.txt.xz | kxcli collocate --lower --top 20 -f jsonl Python
    """
    word = ctx.params["leading"] = (
        None if options["pairs"] else take_leading_argument(ctx, WORD, "add --pairs, or - to read stdin")
    )

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.checking import make_document_check
        from kxcli.pipelines.collocations import make_pair_spec

        counting = build_counting(options, session.report)
        return make_document_check(session, make_pair_spec(session, counting, "document"))

    with open_session(ctx, make_check) as session:
        from kxcli.mining.collocations.job import PairCount
        from kxcli.mining.collocations.ranking import CollocateRanking
        from kxcli.mining.collocations.window import Window
        from kxcli.pipelines.collocations import write_collocates

        counting = build_counting(options, session.report)
        job = PairCount(counting, Window(*options["window"]), word)
        write_collocates(session, job, CollocateRanking(options["sort"], options["top"], options["min_count"]))
