"""`kxcli keywords`: find the keywords of each document."""

from typing import TYPE_CHECKING, Any

import click

from kxcli.commands import wordlists
from kxcli.commands.command import Command, add_options
from kxcli.commands.input_options import TEXT_INPUT_OPTIONS
from kxcli.commands.keywords_options import FORMATS, IS_TAGGED, METHOD_OPTIONS, RULES, WORD_OPTIONS
from kxcli.commands.output_options import make_output_options
from kxcli.commands.run_options import RUN_OPTIONS, make_shard_option
from kxcli.commands.session import open_session
from kxcli.commands.word_options import build_segmentation
from kxcli.pipelines.session import Session
from kxcli.report import Report

if TYPE_CHECKING:
    from kxcli.corpus.reader_spec import ReaderSpec
    from kxcli.mining import Extraction
    from kxcli.pipelines.checking import InputCheck

# Bytes of memory for a byte of a whole line: the peak above that of an empty run was 22 for articles of 10 MB in one
# JSON line, 35 for "aaa...", and 61 for distinct words with --learn-idf; with jieba's tagger it was 53 for articles,
# and 140 for two words repeated.
_LINE_COST, _TAGGED_LINE_COST = 65, 140


@click.command("keywords", cls=Command, rules=RULES)
@add_options(
    {
        "Input": TEXT_INPUT_OPTIONS,
        "Words": WORD_OPTIONS,
        "Method": METHOD_OPTIONS,
        "Output": make_output_options(*FORMATS),
        "Resources": (make_shard_option("256K"), *RUN_OPTIONS),
    }
)
@click.pass_context
def command(ctx: click.Context, /, **options: Any) -> None:
    """Find the keywords of each document, exactly as jieba does.

    An INPUT is a file, a URL or, with -r, a folder; without INPUT, read stdin. Each line is a document; files named
    .jsonl, .json, .parquet or .arrow have records. Write the number of the document, a keyword and its weight per line,
    the highest weight of a document first. With -f jsonl, write each record with its fields and "keywords", a list of
    objects with word and weight.

    Examples:
      kxcli keywords --top 5 articles.txt
      kxcli keywords --field review -f jsonl reviews.csv > keywords.jsonl
      kxcli keywords --learn-idf --save-idf idf.txt -r corpus --glob '*.txt' -o keywords.tsv
      kxcli keywords --document file --learn-idf -r corpus -f jsonl > keywords.jsonl
      kxcli keywords --method textrank --pos n,ns,nr articles.txt
    """

    def make_check(session: Session) -> "InputCheck":
        from kxcli.pipelines.checking import make_document_check

        return make_document_check(session, _make_spec(options, session, _build_extraction(options, session.report)))

    with open_session(ctx, make_check) as session:
        from kxcli.mining.keywords.idf import IdfTable
        from kxcli.mining.keywords.job import make_resources
        from kxcli.mining.rendered_lines import fill_placeholders
        from kxcli.output import sink
        from kxcli.pipelines import corpus_run
        from kxcli.pipelines.keywords import learned_idf
        from kxcli.pipelines.keywords.render_keywords import COLUMNS, FILE_COLUMNS, TYPES, make_keyword_job

        if session.sink.save_idf is not None:
            sink.check(session.sink.save_idf, option="--save-idf")
        extraction = _build_extraction(options, session.report)
        _report_unknown_tags(extraction, session.report)
        idf = None if options["idf"] is None else IdfTable.from_mapping(wordlists.read_idf(options["idf"]))
        columns = FILE_COLUMNS if options["document"] == "file" else COLUMNS
        spec = _make_spec(options, session, extraction)
        modules = ["kxcli.pipelines.keywords.render_keywords", "kxcli.corpus.shards"]
        with corpus_run.open_corpus(session, modules, spec) as corpus:
            if options["learn_idf"]:
                idf = learned_idf.learn_idf(corpus, extraction)
                if session.sink.save_idf is not None:
                    learned_idf.save_idf(idf, session.sink.save_idf, session.report)
            resources = make_resources(extraction, idf, session.report.warning)
            job = make_keyword_job(extraction, session.sink.line_format)
            session.write_lines(fill_placeholders(corpus.stream(job, resources)), columns, TYPES)


def _make_spec(options: dict[str, Any], session: Session, extraction: "Extraction") -> "ReaderSpec":
    from kxcli.pipelines import engines
    from kxcli.pipelines.inputs import make_reader_spec
    from kxcli.pipelines.keywords.render_keywords import FIELD

    is_file = options["document"] == "file"
    return make_reader_spec(
        session.source,
        unit="document",
        joins_documents=is_file,
        added_fields=(FIELD,) if session.sink.format == "jsonl" and not is_file else (),
        max_line=engines.get_max_line_bytes(session.run, _TAGGED_LINE_COST if extraction.tags else _LINE_COST),
    )


def _build_extraction(options: dict[str, Any], report: Report) -> "Extraction":
    from kxcli.mining import Extraction

    if IS_TAGGED.is_met(options) and not options["learn_idf"]:  # jieba's tagger does not use the kernel
        options = {**options, "engine": "jieba"}
    return Extraction(
        options["method"],
        options["top"],
        options["pos"] or frozenset(),
        build_segmentation(options, report),
        stopwords=wordlists.read_stopwords(options["stopwords"]),
        min_length=options["min_length"],
        lower=options["lower"],
        nfkc=options["normalize"] == "nfkc",
    )


def _report_unknown_tags(extraction: "Extraction", report: Report) -> None:
    """Warn about tags that no word has."""
    from kxcli.mining.keywords.tags import find_unknown_tags

    for tag, similar in find_unknown_tags(extraction.tags, extraction.segmentation.dictionary):
        advice = "see the table of tags in docs/segment.md" if similar is None else f"did you mean {similar}?"
        report.warning(f"--pos: no word has the tag {tag}; {advice}")
