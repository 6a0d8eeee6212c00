"""`kxcli segment`: print the tokens of texts."""

from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.command import Command, add_options
from kxcli.commands.input_options import SEGMENT_INPUT_OPTIONS
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.segment_options import DELIMITER_OPTIONS, FORMATS, RULES, SEGMENT_WORD_OPTIONS, TOKEN_OPTIONS
from kxcli.commands.session import open_session
from kxcli.commands.word_options import build_segmentation
from kxcli.pipelines.session import Session
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec, Unit
    from kxcli.mining.segmenting.splitting import Segmenting
    from kxcli.pipelines.checking import InputCheck
    from kxcli.pipelines.segmenting.write_tokens import TokenOutput

# Bytes of memory for a byte of a whole line: for a JSON line of 10 MB, the peak above that of an empty run was 31 as
# text, and 39 as rows or records; with --offsets it was 84 for articles and 180 for "a a a ...".
_LINE_COST, _PLACED_LINE_COST = 40, 180


@click.command("segment", cls=Command, rules=RULES)
@add_options(
    {
        "Input": SEGMENT_INPUT_OPTIONS,
        "Words": SEGMENT_WORD_OPTIONS,
        "Method": TOKEN_OPTIONS,
        "Output": (*make_output_options(*FORMATS), *DELIMITER_OPTIONS),
        "Resources": (make_shard_option("1M"), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Print the tokens of texts, exactly as jieba segments them.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a document; files named
    .jsonl, .json, .parquet or .arrow have records. Write the tokens of a document, with punctuation and white space, on
    one line, separated by spaces. -f jsonl adds the field tokens to each record; -f tsv, csv and parquet write a row
    for each token: the number of its document, and the token. A line is written when it has been read, also if the
    input is a pipe that stays open.

    Examples:
      kxcli segment news.txt > news.tokens
      kxcli segment --no-punct --stopwords stopwords.txt -d '|' news.txt
      kxcli segment --field review -f jsonl reviews.csv > tokens.jsonl
      kxcli segment -f tsv --header --pos --offsets news.txt
      tail -f app.log | kxcli segment
    """

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.checking import make_document_check

        segmenting, output = _build_segmenting(options, session.report), _build_output(options, session)
        return make_document_check(session, _make_spec(options, session, segmenting, output, "document"))

    with open_session(ctx, make_check) as session:
        from kxcli.mining.segment import prepare
        from kxcli.pipelines import corpus_run
        from kxcli.pipelines.segmenting.write_tokens import TYPES

        segmenting, output = _build_segmenting(options, session.report), _build_output(options, session)
        dictionary = None if options["pos"] else prepare(segmenting.segmentation, session.report.warning)
        is_joined = output.format == "text" and dictionary is not None
        spec = _make_spec(options, session, segmenting, output, "bytes" if is_joined else "document")
        with corpus_run.open_corpus(session, output.modules, spec) as corpus:
            lines = output.write(corpus.stream(output.make_job(segmenting), dictionary))
            session.write_lines(lines, output.columns, TYPES)


def _build_segmenting(options: dict[str, Any], report: Report) -> "Segmenting":
    from kxcli.mining.segmenting.splitting import Segmenting

    return Segmenting(
        build_segmentation(options, report),
        keeps_punctuation=not options["no_punct"],
        stopwords=wordlists.read_stopwords(options["stopwords"]),
        min_length=options["min_length"],
        lower=options["lower"],
        nfkc=options["normalize"] == "nfkc",
    )


def _build_output(options: dict[str, Any], session: Session) -> "TokenOutput":
    from kxcli.pipelines.segmenting.write_tokens import TokenOutput

    tag_delimiter = options["pos_delimiter"] if options["pos"] else None
    return TokenOutput(session.sink.line_format, options["token_delimiter"], tag_delimiter, options["offsets"])


def _make_spec(
    options: dict[str, Any], session: Session, segmenting: "Segmenting", output: "TokenOutput", unit: "Unit"
) -> "ReaderSpec":
    from kxcli.pipelines import engines
    from kxcli.pipelines.inputs import make_reader_spec

    cost = _PLACED_LINE_COST if options["offsets"] or options["pos"] else _LINE_COST
    return make_reader_spec(
        session.source,
        unit=unit,
        split_pattern=segmenting.safe_split_pattern if output.format == "text" else None,
        added_fields=output.added_fields,
        max_line=engines.get_max_line_bytes(session.run, cost),
    )
