"""`kxcli keyness`: find the words that distinguish one corpus from another."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from kxcli.commands.command import Command, add_options
from kxcli.commands.group_options import join_fields
from kxcli.commands.input_options import COUNTED_INPUT_OPTIONS
from kxcli.commands.keyness_options import COMPARE_OPTIONS, FORMATS, RULES, TEXT_NAMES
from kxcli.commands.option_rules import get_flag, is_given
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.commands.word_options import WORD_OPTIONS, build_counting
from kxcli.errors import UsageError
from kxcli.pipelines.session import Session

if TYPE_CHECKING:
    from kxcli.mining import Counting
    from kxcli.pipelines.checking import InputCheck


@click.command("keyness", cls=Command, rules=RULES)
@add_options(
    {
        "Input": COUNTED_INPUT_OPTIONS,
        "Method": COMPARE_OPTIONS,
        "Words": WORD_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": (make_shard_option(), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find the words that distinguish a corpus from a reference.

    An INPUT is a file, a URL or, with -r, a folder of the target corpus; without INPUT, read stdin. Inputs and
    references are texts, or tables of counts that kxcli wordcount wrote. Write the words with a higher rate in the
    target, the strongest first: word, counts and rates per million in target and reference, log-likelihood (G²),
    log ratio, difference in percent, odds ratio, weighted log-odds, and the p-value with its q-value for all tested
    words (false discovery rate).

    Examples:
      kxcli keyness speeches.txt --reference news.txt --top 20 --header
      kxcli wordcount news.txt -o news.tsv; kxcli keyness speeches.txt --reference news.tsv
      kxcli keyness reviews.jsonl --by label --top 10 --min-count 5
      kxcli keyness speeches.txt --reference news.txt --ngram 2 --negative --max-q 0.01
    """
    by = join_fields(options["by"])

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.keyness.inputs import make_side_check

        return make_side_check(session, by, _build_counting(options, session, by), options["reference"])

    with open_session(ctx, make_check) as session:
        from kxcli.mining.keyness import measures
        from kxcli.mining.keyness.comparison import Comparison
        from kxcli.pipelines.keyness import comparing, inputs

        def check_tables() -> None:
            for param in ctx.command.params:
                if param.name is not None and param.name in TEXT_NAMES.split() and is_given(ctx, param.name):
                    flag = get_flag(param, options[param.name])
                    raise UsageError(f"{flag} has no effect: all inputs are tables of counts; remove it.")

        given = session.source
        inputs.refuse_reading_stdin_twice(given.inputs, given.files_from, options["reference"])
        counting = _build_counting(options, session, by)
        comparison = Comparison(
            options["sort"],
            options["negative"],
            options["top"],
            options["min_count"],
            options["max_q"],
            options["prior"],
        )
        request = comparing.Request(options["reference"], by, comparison, counting, check_tables)
        with comparing.open_comparison(session, request) as rows:
            session.write_rows(rows, request.columns, measures.TYPES)


def _build_counting(options: dict[str, Any], session: Session, by: tuple[str, ...]) -> "Counting":
    return replace(build_counting(options, session.report), orders=options["ngram"], is_grouped=bool(by))
